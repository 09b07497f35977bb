//! Where an intent is, and what may follow on what.

use alloy::primitives::{B256, U256};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash, by which it counts.
    pub hash: B256,
}

/// Where an intent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing that could still be mined is signed.
    Planned,
    /// A transaction is signed and kept. Whether a node has it, nobody may say.
    Signed,
    /// A transaction was handed to a node.
    Broadcast,
    /// A transaction is in a block.
    Mined(Inclusion),
    /// The block has as many on top as the operator wants to see.
    Confirmed(Inclusion),
    /// The block is final: done.
    Finalized(Inclusion),
    /// The chain has it, or is to have it, otherwise.
    Replaced(By),
    /// The operator did not want it any more, and nothing of it can be mined.
    Cancelled,
    /// It cannot be done, and nothing of it can be mined.
    Failed(Reason),
}

/// A state without its particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// [`State::Planned`].
    Planned,
    /// [`State::Signed`].
    Signed,
    /// [`State::Broadcast`].
    Broadcast,
    /// [`State::Mined`].
    Mined,
    /// [`State::Confirmed`].
    Confirmed,
    /// [`State::Finalized`].
    Finalized,
    /// [`State::Replaced`].
    Replaced,
    /// [`State::Cancelled`].
    Cancelled,
    /// [`State::Failed`].
    Failed,
}

/// A transaction in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// The transaction.
    pub hash: B256,
    /// The block.
    pub block: Block,
    /// Whether it did not revert.
    pub succeeded: bool,
    /// Whether it is the transfer that takes the place of the intent's own transaction.
    pub is_undo: bool,
    /// In units of gas.
    pub gas_used: u64,
    /// What was paid, in wei.
    pub paid: U256,
}

/// What does an intent's work in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The chain has it, finally, by a transaction that is not of this journal.
    Chain,
    /// Another intent of the journal, such as a batch.
    Intent(B256),
}

/// Why an intent cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Its time is over.
    Deadline {
        /// The last second, in Unix time.
        deadline: u64,
    },
    /// The contract refuses it, in its words.
    Refused(String),
    /// It was mined and reverted, again and again.
    Reverted {
        /// The last such transaction.
        hash: B256,
        /// What is likely to be the cause.
        cause: String,
    },
    /// No transaction can hold it: too large, or too much gas.
    TooLarge(String),
    /// It is of another chain, account, or release of the contracts.
    WrongPlace(String),
}

/// How an intent ends whose transaction is being taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The operator asked for it.
    Cancelled,
    /// It cannot be done any more.
    Failed(Reason),
    /// The chain has it by another transaction.
    Replaced,
}

impl Inclusion {
    /// Whether it did not do what its intent says: it reverted, or was there to take its place.
    #[must_use]
    pub const fn came_to_nothing(&self) -> bool {
        self.is_undo || !self.succeeded
    }
}

impl State {
    /// The state without its particulars.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Planned => Phase::Planned,
            Self::Signed => Phase::Signed,
            Self::Broadcast => Phase::Broadcast,
            Self::Mined(_) => Phase::Mined,
            Self::Confirmed(_) => Phase::Confirmed,
            Self::Finalized(_) => Phase::Finalized,
            Self::Replaced(_) => Phase::Replaced,
            Self::Cancelled => Phase::Cancelled,
            Self::Failed(_) => Phase::Failed,
        }
    }

    /// Whether something of it may still be, or is still to be, on the chain.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.phase().is_open()
    }

    /// The transaction in a block, if one is.
    #[must_use]
    pub const fn inclusion(&self) -> Option<&Inclusion> {
        match self {
            Self::Mined(inclusion) | Self::Confirmed(inclusion) | Self::Finalized(inclusion) => Some(inclusion),
            _ => None,
        }
    }

    /// Whether `next` may follow on this state. Everything that is written to a journal is asked here.
    #[must_use]
    pub fn may_become(&self, next: &Self) -> bool {
        if !self.phase().may_become(next.phase()) {
            return false;
        }
        match (self.inclusion(), next) {
            // What is done is done by a transaction that did it.
            (found, Self::Finalized(done)) => !done.came_to_nothing() && found == Some(done),
            (found, Self::Confirmed(same)) => found == Some(same),
            // Ends and a new start are no ways out for what is done, but for what came to nothing.
            (Some(found), Self::Planned | Self::Failed(_) | Self::Cancelled | Self::Replaced(_)) => {
                found.came_to_nothing()
            }
            _ => true,
        }
    }
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Planned,
        Self::Signed,
        Self::Broadcast,
        Self::Mined,
        Self::Confirmed,
        Self::Finalized,
        Self::Replaced,
        Self::Cancelled,
        Self::Failed,
    ];

    /// Whether something may still be, or is still to be, on the chain.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Finalized | Self::Replaced | Self::Cancelled | Self::Failed)
    }

    /// Its name, as JSON, metrics and the journal have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Signed => "signed",
            Self::Broadcast => "broadcast",
            Self::Mined => "mined",
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
            Self::Replaced => "replaced",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Planned => matches!(next, Self::Signed | Self::Replaced | Self::Cancelled | Self::Failed),
            // Another attempt at the same nonce; found in a block after a crash; its nonce is used by another transaction.
            Self::Signed | Self::Broadcast => {
                matches!(next, Self::Signed | Self::Broadcast | Self::Mined | Self::Planned)
            }
            // Another block after a reorganisation, or none.
            Self::Mined => !matches!(next, Self::Signed | Self::Finalized),
            Self::Confirmed => !matches!(next, Self::Signed | Self::Confirmed),
            // The operator asks for it once more.
            Self::Cancelled | Self::Failed => matches!(next, Self::Planned),
            Self::Finalized | Self::Replaced => false,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Reason {
    /// A word for it, as metrics have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Deadline { .. } => "deadline",
            Self::Refused(_) => "refused",
            Self::Reverted { .. } => "reverted",
            Self::TooLarge(_) => "too_large",
            Self::WrongPlace(_) => "wrong_place",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline { deadline } => write!(f, "its deadline (Unix second {deadline}) has passed"),
            Self::Refused(words) => write!(f, "the contract refuses it: {words}"),
            Self::Reverted { hash, cause } => write!(f, "it was mined and reverted ({hash}): {cause}"),
            Self::TooLarge(words) | Self::WrongPlace(words) => f.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inclusion(succeeded: bool, is_undo: bool) -> Inclusion {
        let block = Block { number: 7, hash: B256::repeat_byte(7) };
        Inclusion { hash: B256::repeat_byte(1), block, succeeded, is_undo, gas_used: 1, paid: U256::from(1) }
    }

    fn all() -> Vec<State> {
        let mut states = vec![State::Planned, State::Signed, State::Broadcast];
        for (succeeded, is_undo) in [(true, false), (false, false), (true, true)] {
            let found = inclusion(succeeded, is_undo);
            states.extend([State::Mined(found), State::Confirmed(found), State::Finalized(found)]);
        }
        states.extend([State::Replaced(By::Chain), State::Cancelled, State::Failed(Reason::Refused("no".into()))]);
        states
    }

    #[test]
    fn what_is_done_stays_done() {
        for next in all() {
            assert!(!State::Finalized(inclusion(true, false)).may_become(&next), "{next:?}");
            assert!(!State::Replaced(By::Chain).may_become(&next), "{next:?}");
        }
    }

    #[test]
    fn what_may_be_mined_does_not_end() {
        for from in [State::Signed, State::Broadcast] {
            for next in all().iter().filter(|next| !next.is_open()) {
                assert!(!from.may_become(next), "{from:?} {next:?}");
            }
        }
        // Nor does what succeeded.
        let done = inclusion(true, false);
        for from in [State::Mined(done), State::Confirmed(done)] {
            for next in [State::Planned, State::Cancelled, State::Failed(Reason::Refused("no".into()))] {
                assert!(!from.may_become(&next), "{from:?} {next:?}");
            }
        }
    }

    #[test]
    fn only_the_very_transaction_that_was_found_is_confirmed_and_final() {
        let (done, reverted, undo) = (inclusion(true, false), inclusion(false, false), inclusion(true, true));
        let elsewhere = Inclusion { block: Block { number: 8, hash: B256::repeat_byte(8) }, ..done };
        assert!(State::Mined(done).may_become(&State::Confirmed(done)));
        assert!(State::Confirmed(done).may_become(&State::Finalized(done)));
        for (from, next) in [
            (State::Mined(done), State::Confirmed(elsewhere)),
            (State::Mined(done), State::Finalized(done)),
            (State::Confirmed(done), State::Finalized(elsewhere)),
            (State::Confirmed(reverted), State::Finalized(reverted)),
            (State::Confirmed(undo), State::Finalized(undo)),
            (State::Broadcast, State::Finalized(done)),
        ] {
            assert!(!from.may_become(&next), "{from:?} {next:?}");
        }
        assert!(State::Confirmed(undo).may_become(&State::Cancelled));
        assert!(State::Confirmed(reverted).may_become(&State::Planned));
        assert!(State::Confirmed(done).may_become(&State::Broadcast));
    }

    #[test]
    fn phases_are_named_as_they_are_written() {
        for state in all() {
            assert!(Phase::ALL.contains(&state.phase()));
            let text = serde_json::to_value(state.phase()).unwrap();
            assert_eq!(text, state.phase().name());
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
        }
    }
}
