//! Why a claim registry refused.

use crate::evm::bindings::IClaimRegistry::{self, IClaimRegistryErrors as OfClaims, LeafStage, Stage};
use alloy::primitives::{Address, B256, U256};

/// A revert of `ClaimRegistry`, beside those that it shares with `ProofRegistry`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimRefusal {
    /// The claim or batch is not in a stage in which this can be done.
    #[error("{id} is {}, where this cannot be done; `zkinfer registry claims {id}` shows it", stage_name(*stage))]
    WrongStage {
        /// The claim or the batch.
        id: B256,
        /// Where it is.
        stage: Stage,
    },
    /// The transaction has to bring an exact amount.
    #[error(
        "the call has to bring {required} wei and brought {sent}; the registry's terms say how much (`zkinfer registry status`)"
    )]
    WrongValue {
        /// By the terms.
        required: U256,
        /// By the transaction.
        sent: U256,
    },
    /// The time is over.
    #[error("the time for this ended with the second {0} (Unix time)")]
    TooLate(U256),
    /// The time has not come.
    #[error("this can be done after the second {0} (Unix time), and not before; run the same command then")]
    TooEarly(U256),
    /// A registry without a bond, a fee or a window.
    #[error("a claim registry needs a bond, a fee, windows and a number of challenges of at least 1 each")]
    ZeroTerm,
    /// A window of more than a year.
    #[error("a window has at most 365 days, not {0} s: what waits for it has to end")]
    WindowTooLong(u64),
    /// `ProofRegistry` has not verified it.
    #[error("the proof registry has no verified claim of statement {0}; submit it there first, or answer with a proof")]
    NotProven(B256),
    /// A batch of nothing, or of too much.
    #[error("a batch of claims has 1 to 4096 leaves, not {0}; split it")]
    LeafCount(U256),
    /// The batch is known.
    #[error("batch {0} is posted already; a batch is posted once, so there is nothing left to do")]
    BatchExists(B256),
    /// No leaf of this number.
    #[error("the batch has no leaf {0}; leaves are counted from 0")]
    NoSuchLeaf(U256),
    /// The leaf is somewhere else.
    #[error("leaf {index} {}", leaf_stage(*stage))]
    WrongLeafStage {
        /// Which one.
        index: U256,
        /// Where it is.
        stage: LeafStage,
    },
    /// All places for challenges are taken.
    #[error(
        "{0} challenges of the batch are open, as many as can be; every answer makes room and time, so try again later"
    )]
    TooManyChallenges(U256),
    /// Challenges are open.
    #[error(
        "{0} challenges of the batch are open; it ends when they are answered, or when one is not in time (`zkinfer finalize BATCH --leaf N`)"
    )]
    OpenChallenges(U256),
    /// More leaves than challenges, or none.
    #[error("an answer shows at least one leaf and no more than are challenged, not {0}")]
    AnswerSize(U256),
    /// The leaf is another one.
    #[error(
        "what is shown is not leaf {0} of the batch: job, public values or path are others than those that were posted"
    )]
    NotInTree(U256),
    /// The model contradicted itself.
    #[error(
        "model {0}, or its adapter, is broken in this registry: two proofs contradicted each other; nothing asks it any more, and bonds and fees go back (`zkinfer finalize`)"
    )]
    Broken(B256),
    /// No contradiction.
    #[error("the two proofs do not contradict each other: their inputs differ, or their outputs do not")]
    NoContradiction,
    /// Another schema.
    #[error("the schema hashes to {0}, which is not the model's")]
    OtherSchema(B256),
    /// A model with a committed side.
    #[error(
        "the model commits to a side of its values, and two commitments can hide the same tensor: it cannot be broken"
    )]
    HiddenSide,
    /// An adapter that runs foreign code.
    #[error(
        "the adapter at {0} does not vouch for the keys that it accepts: its models can be broken one by one, it cannot"
    )]
    DoesNotVouch(Address),
    /// No reason was given.
    #[error("the adapter at {0} refused without a reason: the proof is not accepted, or the call had too little gas")]
    SilentRefusal(Address),
    /// A schema that calls an output an input.
    #[error("tensor {0} of the schema is an input after an output, which no length tells apart")]
    InputAfterOutput(U256),
    /// No credit.
    #[error("{0} is owed nothing here")]
    NothingOwed(Address),
    /// The receiver refused.
    #[error(
        "{0} did not take the payment; the credit stays, and its owner can have it paid elsewhere (`zkinfer registry withdraw --to`)"
    )]
    PaymentRefused(Address),
}

const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Attested => "attested",
        Stage::Open => "open",
        Stage::Challenged => "challenged",
        Stage::Verified => "verified",
        Stage::Final => "final",
        Stage::Slashed => "slashed",
        Stage::Void => "void",
        _ => "not claimed here",
    }
}

const fn leaf_stage(stage: LeafStage) -> &'static str {
    match stage {
        LeafStage::Challenged => "is challenged already",
        LeafStage::Answered => "was answered: it is proven, and cannot be challenged again",
        LeafStage::Settled => "is settled: its challenge is paid",
        _ => "is not challenged",
    }
}

impl ClaimRefusal {
    /// Decodes revert data; `None` for what `ProofRegistry` refuses with, too, and for what is unknown.
    pub(super) fn decode(error: OfClaims) -> Option<Self> {
        Some(match error {
            OfClaims::SubmitterMismatch(_) | OfClaims::DeadlinePassed(_) | OfClaims::ClaimExists(_) => return None,
            OfClaims::WrongStage(IClaimRegistry::WrongStage { id, stage }) => Self::WrongStage { id, stage },
            OfClaims::WrongValue(error) => Self::WrongValue { required: error.required, sent: error.sent },
            OfClaims::TooLate(error) => Self::TooLate(error.lastSecond),
            OfClaims::TooEarly(error) => Self::TooEarly(error.lastSecond),
            OfClaims::ZeroTerm(_) => Self::ZeroTerm,
            OfClaims::WindowTooLong(error) => Self::WindowTooLong(error.window.to()),
            OfClaims::NotProven(error) => Self::NotProven(error.statementId),
            OfClaims::LeafCount(error) => Self::LeafCount(error.count),
            OfClaims::BatchExists(error) => Self::BatchExists(error.batchId),
            OfClaims::NoSuchLeaf(error) => Self::NoSuchLeaf(error.index),
            OfClaims::WrongLeafStage(error) => Self::WrongLeafStage { index: error.index, stage: error.stage },
            OfClaims::TooManyChallenges(error) => Self::TooManyChallenges(error.open),
            OfClaims::OpenChallenges(error) => Self::OpenChallenges(error.open),
            OfClaims::AnswerSize(error) => Self::AnswerSize(error.leaves),
            OfClaims::NotInTree(error) => Self::NotInTree(error.index),
            OfClaims::Broken(error) => Self::Broken(error.modelId),
            OfClaims::NoContradiction(_) => Self::NoContradiction,
            OfClaims::OtherSchema(error) => Self::OtherSchema(error.schemaHash),
            OfClaims::HiddenSide(_) => Self::HiddenSide,
            OfClaims::DoesNotVouch(error) => Self::DoesNotVouch(error.adapter),
            OfClaims::SilentRefusal(error) => Self::SilentRefusal(error.adapter),
            OfClaims::InputAfterOutput(error) => Self::InputAfterOutput(error.tensor),
            OfClaims::NothingOwed(error) => Self::NothingOwed(error.account),
            OfClaims::PaymentRefused(error) => Self::PaymentRefused(error.account),
        })
    }
}
