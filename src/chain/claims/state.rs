//! What a claim registry knows, as plain data.

use crate::{
    chain::bindings::IClaimRegistry,
    proof::{Assignment, Context, PublicValues, Statement},
};
use alloy::primitives::{Address, B256, Bytes, U256, aliases::U40};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The terms of a registry. They never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The bond of a claim, and of each leaf of a batch, in wei.
    pub bond: U256,
    /// The fee of a challenge, in wei.
    pub fee: U256,
    /// How many seconds after posting a claim can be challenged.
    pub challenge_window: u64,
    /// How many seconds after a challenge it can be answered.
    pub answer_window: u64,
    /// How many challenges of one batch can be open at a time.
    pub max_open_challenges: u16,
}

/// Where a claim, or a batch, is: the state table of `docs/contracts.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Not here.
    None,
    /// A hash was posted; nothing judged it.
    Attested,
    /// Bonded, and can be challenged, or ended when the time for that is over.
    Open,
    /// Somebody objected, and waits for a proof.
    Challenged,
    /// A verifier accepted a proof.
    Verified,
    /// Nobody objected in time.
    Final,
    /// A challenge was not answered in time.
    Slashed,
    /// The model is broken: everybody has their money back.
    Void,
}

/// Where a leaf of a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeafStage {
    /// Nobody objected to it.
    None,
    /// Somebody objected, and waits for leaf and proof.
    Challenged,
    /// It was shown and proven.
    Answered,
    /// Its challenge is paid: it was not answered, or the batch ended without it.
    Settled,
}

/// How much a claim can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Not final.
    None,
    /// A hash is on the chain.
    Attested,
    /// Bonded, and nobody objected in time.
    Optimistic,
    /// A verifier accepted a proof.
    Verified,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimState {
    /// The statement's id.
    pub statement_id: B256,
    /// Its model.
    pub model_id: B256,
    /// Whom it is made for.
    #[serde(flatten)]
    pub assignment: Assignment,
    /// keccak256 of the public values.
    pub public_values_hash: B256,
    /// The public values, which an Optimistic claim publishes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_values: Option<Bytes>,
    /// SHA-256 of the proof: as the submitter said (Attested), or that was seen (Verified).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof_hash: Option<B256>,
    /// BLAKE3 of what an Attested claim points to, if it points to something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<B256>,
    /// Where it is.
    pub stage: Stage,
    /// The second in which it was posted, challenged or verified: the clock of Open and Challenged.
    pub since: u64,
    /// Whether proofs of the model can be copied from one context to another. Meaningless while it is Attested.
    pub transferable: bool,
    /// Who objected to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenger: Option<Address>,
}

/// A leaf of a batch that was challenged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LeafState {
    /// Who objected.
    pub challenger: Address,
    /// The second of the challenge.
    pub since: u64,
    /// Where it is.
    pub stage: LeafStage,
    /// The statement that it turned out to be, once it was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_id: Option<B256>,
}

/// A batch of claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchState {
    /// Its id in this registry.
    pub batch_id: B256,
    /// The model of every leaf.
    pub model_id: B256,
    /// Who posted it, and submits every leaf.
    pub submitter: Address,
    /// The consumer of every leaf.
    pub consumer: Address,
    /// The deadline of every leaf, in Unix time.
    pub deadline: u64,
    /// The Merkle root of the statement ids.
    pub root: B256,
    /// How many leaves there are.
    pub count: u16,
    /// BLAKE3 of where the leaves are to be found, if the submitter said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<B256>,
    /// The last second in which a leaf can be challenged.
    pub closes_at: u64,
    /// How many challenges are open.
    pub open: u16,
    /// Open, Final, Slashed or Void.
    pub stage: Stage,
    /// The leaves that were challenged.
    pub leaves: BTreeMap<u16, LeafState>,
}

/// A model that a registry has judged, or was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ModelState {
    /// From 1 on, in the order of first use.
    pub number: u64,
    /// Whether two proofs of it contradicted each other.
    pub broken: bool,
}

impl ClaimState {
    /// The statement, as far as the chain has its public values.
    #[must_use]
    pub fn statement(&self, chain_id: u64, proof_registry: Address) -> Option<Statement> {
        let public_values = PublicValues::from_bytes(self.public_values.clone()?);
        let context = Context::Chain { chain_id, registry: proof_registry, assignment: self.assignment };
        Some(Statement { model_id: self.model_id, public_values, context })
    }

    /// The last second of the stage's window: in which an Open claim can be challenged, or a Challenged one answered.
    #[must_use]
    pub const fn ends_at(&self, terms: &Terms) -> Option<u64> {
        match self.stage {
            Stage::Open => Some(self.since.saturating_add(terms.challenge_window)),
            Stage::Challenged => Some(self.since.saturating_add(terms.answer_window)),
            _ => None,
        }
    }
}

impl BatchState {
    /// As the contract's calls take it.
    #[must_use]
    pub const fn batch(&self) -> IClaimRegistry::Batch {
        IClaimRegistry::Batch {
            modelId: self.model_id,
            submitter: self.submitter,
            consumer: self.consumer,
            deadline: self.deadline,
            root: self.root,
            count: self.count,
        }
    }

    /// The leaves whose challenges are open, with the last second for an answer.
    pub fn challenged<'a>(&'a self, terms: &'a Terms) -> impl Iterator<Item = (u16, u64)> + 'a {
        let is_open = |leaf: &LeafState| leaf.stage == LeafStage::Challenged;
        let leaves = self.leaves.iter().filter(move |(_, leaf)| is_open(leaf));
        leaves.map(|(index, leaf)| (*index, leaf.since.saturating_add(terms.answer_window)))
    }
}

impl From<IClaimRegistry::Terms> for Terms {
    fn from(terms: IClaimRegistry::Terms) -> Self {
        Self {
            bond: terms.bond,
            fee: terms.fee,
            challenge_window: terms.challengeWindow.to(),
            answer_window: terms.answerWindow.to(),
            max_open_challenges: terms.maxOpenChallenges,
        }
    }
}

impl From<&Terms> for IClaimRegistry::Terms {
    /// Windows that are too long stay so: no registry takes them.
    fn from(terms: &Terms) -> Self {
        Self {
            bond: terms.bond,
            fee: terms.fee,
            challengeWindow: U40::saturating_from(terms.challenge_window),
            answerWindow: U40::saturating_from(terms.answer_window),
            maxOpenChallenges: terms.max_open_challenges,
        }
    }
}

impl From<&Assignment> for IClaimRegistry::Assignment {
    fn from(assignment: &Assignment) -> Self {
        Self {
            submitter: assignment.submitter,
            consumer: assignment.consumer,
            job: assignment.job,
            deadline: assignment.deadline,
        }
    }
}

impl From<IClaimRegistry::Stage> for Stage {
    fn from(stage: IClaimRegistry::Stage) -> Self {
        match stage {
            IClaimRegistry::Stage::Attested => Self::Attested,
            IClaimRegistry::Stage::Open => Self::Open,
            IClaimRegistry::Stage::Challenged => Self::Challenged,
            IClaimRegistry::Stage::Verified => Self::Verified,
            IClaimRegistry::Stage::Final => Self::Final,
            IClaimRegistry::Stage::Slashed => Self::Slashed,
            IClaimRegistry::Stage::Void => Self::Void,
            // The strict decoding lets nothing else through.
            _ => Self::None,
        }
    }
}

impl From<IClaimRegistry::LeafStage> for LeafStage {
    fn from(stage: IClaimRegistry::LeafStage) -> Self {
        match stage {
            IClaimRegistry::LeafStage::Challenged => Self::Challenged,
            IClaimRegistry::LeafStage::Answered => Self::Answered,
            IClaimRegistry::LeafStage::Settled => Self::Settled,
            _ => Self::None,
        }
    }
}

impl From<IClaimRegistry::Assurance> for Level {
    fn from(assurance: IClaimRegistry::Assurance) -> Self {
        match assurance {
            IClaimRegistry::Assurance::Attested => Self::Attested,
            IClaimRegistry::Assurance::Optimistic => Self::Optimistic,
            IClaimRegistry::Assurance::Verified => Self::Verified,
            _ => Self::None,
        }
    }
}

macro_rules! lowercase {
    ($($kind:ty: $($variant:ident = $word:literal),*;)*) => {$(
        impl $kind {
            /// As it is written in JSON and on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

lowercase! {
    Stage: None = "none", Attested = "attested", Open = "open", Challenged = "challenged", Verified = "verified",
        Final = "final", Slashed = "slashed", Void = "void";
    LeafStage: None = "none", Challenged = "challenged", Answered = "answered", Settled = "settled";
    Level: None = "none", Attested = "attested", Optimistic = "optimistic", Verified = "verified";
}
