//! What is to be on the chain.

use super::Call;
use crate::chain::{fork::NewState, plan};
use alloy::primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that has to be on the chain exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The statement's id, the batch's, or that of an act: the same wish has the same id.
    pub id: B256,
    /// What kind of thing it is.
    pub kind: Kind,
    /// In words, for people.
    pub what: String,
    /// The contract.
    pub to: Address,
    /// The call. Kept beside the rest.
    #[serde(skip)]
    pub data: Bytes,
    /// What it brings, in wei.
    pub value: U256,
    /// The model it is about.
    pub model_id: Option<B256>,
    /// The last second, in Unix time of the chain's blocks, at which the contract takes it.
    pub deadline: Option<u64>,
    /// The first second, in Unix time of the chain's blocks, at which the contract takes it.
    #[serde(default)]
    pub not_before: Option<u64>,
    /// The most that it may cost, in wei, with what it brings and over all its attempts at one nonce.
    pub max_cost: Option<U256>,
    /// How many records it makes: new state has a price of its own under some forks.
    pub records: u32,
    /// When all of these hold, the chain has it. Empty: nobody but its own transactions can tell.
    pub done: Vec<Look>,
    /// Whether waiting costs money, as with an answer to a challenge: it goes first, and its fees rise faster.
    #[serde(default)]
    pub is_urgent: bool,
}

/// Kinds of intents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A proof of one statement, for the registry of proofs.
    Proof,
    /// One proof of several statements, for the registry of proofs.
    ProofBatch,
    /// A hash of a statement, for a claim registry.
    Attestation,
    /// A bonded claim of one statement.
    Optimistic,
    /// A bonded claim of the statements below a Merkle root.
    OptimisticBatch,
    /// An answer to a challenge.
    Answer,
    /// The end of a claim whose time is over.
    Finalization,
    /// The payment of a credit.
    Withdrawal,
    /// A transfer of nothing, so that a nonce is used that others wait for.
    Filler,
    /// Anything else.
    Other,
}

/// A question to a contract, and what its answer has to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The contract.
    pub to: Address,
    /// The call of a view function.
    pub data: Bytes,
    /// Which 32-byte word of the answer counts, from zero.
    pub word: u16,
    /// What it has to be.
    pub test: Test,
}

/// What a word has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// This number.
    Equals(U256),
    /// Another one.
    Differs(U256),
    /// This number or more.
    AtLeast(U256),
}

impl Intent {
    /// An intent without limits of time and cost.
    #[must_use]
    pub fn new(id: B256, kind: Kind, what: impl Into<String>, to: Address, data: Bytes) -> Self {
        Self {
            id,
            kind,
            what: what.into(),
            to,
            data,
            value: U256::ZERO,
            model_id: None,
            deadline: None,
            not_before: None,
            max_cost: None,
            records: 1,
            done: Vec::new(),
            is_urgent: false,
        }
    }

    /// Its call, by this account.
    #[must_use]
    pub fn call(&self, from: Address) -> Call {
        Call { from, to: self.to, data: self.data.clone(), value: self.value }
    }

    /// As the rules for gas take it.
    pub(super) fn plan(&self) -> plan::Intent {
        let new_state = NewState::claims(self.records as usize);
        let (what, data) = (self.what.clone(), self.data.clone());
        plan::Intent { what, to: Some(self.to), data, value: self.value, new_state }
    }
}

impl Look {
    /// Whether an answer is as it has to be; `None` when it is shorter than the word's place.
    #[must_use]
    pub fn holds(&self, answer: &[u8]) -> Option<bool> {
        let from = usize::from(self.word) * 32;
        let word = U256::from_be_slice(answer.get(from..from + 32)?);
        Some(match self.test {
            Test::Equals(number) => word == number,
            Test::Differs(number) => word != number,
            Test::AtLeast(number) => word >= number,
        })
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Proof,
        Self::ProofBatch,
        Self::Attestation,
        Self::Optimistic,
        Self::OptimisticBatch,
        Self::Answer,
        Self::Finalization,
        Self::Withdrawal,
        Self::Filler,
        Self::Other,
    ];

    /// Its name, as JSON and metrics have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::ProofBatch => "proof_batch",
            Self::Attestation => "attestation",
            Self::Optimistic => "optimistic",
            Self::OptimisticBatch => "optimistic_batch",
            Self::Answer => "answer",
            Self::Finalization => "finalization",
            Self::Withdrawal => "withdrawal",
            Self::Filler => "filler",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_reads_one_word_of_the_answer() {
        let look = |word, test| Look { to: Address::ZERO, data: Bytes::new(), word, test };
        let answer = [[0; 31].as_slice(), &[7], &[0; 31], &[3]].concat();
        let (three, seven) = (U256::from(3), U256::from(7));
        assert_eq!(look(0, Test::Equals(seven)).holds(&answer), Some(true));
        assert_eq!(look(1, Test::Equals(seven)).holds(&answer), Some(false));
        assert_eq!(look(1, Test::Differs(seven)).holds(&answer), Some(true));
        assert_eq!(look(1, Test::AtLeast(three)).holds(&answer), Some(true));
        assert_eq!(look(1, Test::AtLeast(seven)).holds(&answer), Some(false));
        for short in [&answer[..63], &[]] {
            assert_eq!(look(1, Test::AtLeast(three)).holds(short), None);
        }
        assert_eq!(look(u16::MAX, Test::AtLeast(three)).holds(&answer), None);
    }

    #[test]
    fn kinds_are_named_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
