//! What a step says of itself.

use crate::chain::{
    ChainError,
    submitter::{Event, JournalError, state::Block},
};
use alloy::primitives::{B256, U256};
use serde::Serialize;
use std::fmt;

/// What a step did and found.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The latest block; `None` when nothing could be done.
    pub head: Option<Block>,
    /// What was written to the journal, in order.
    pub events: Vec<(B256, Event)>,
    /// What the operator should see to.
    pub alarms: Vec<Alarm>,
    /// Why nothing is sent, when that is for the operator to see to.
    pub hold: Option<String>,
    /// Of a dry run: what would be sent.
    pub would: Vec<Would>,
    /// How many intents have not ended.
    pub open: usize,
    /// How many of these have been signed.
    pub live: usize,
    /// Whether nothing is signed, as the operator wants it.
    pub is_paused: bool,
    /// Whether nothing new is begun, as the operator wants it.
    pub is_draining: bool,
}

/// Something that the operator should see to. The submitter goes on as far as it can, and tries again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "alarm", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Alarm {
    /// The account cannot pay for what is next.
    Funds {
        /// In wei, with what is on its way.
        needed: U256,
        /// In wei.
        available: U256,
    },
    /// The chain asks for more than is allowed.
    Fees {
        /// Why, in words.
        reason: String,
    },
    /// Something may not be paid for.
    Budget {
        /// The intent.
        intent: B256,
        /// Why, in words.
        reason: String,
    },
    /// An intent does not get on.
    Stuck {
        /// The intent.
        intent: B256,
        /// Why, in words.
        reason: String,
    },
    /// A nonce is used by a transaction that is not of this journal: somebody else signs with the key.
    ForeignNonce {
        /// The nonce.
        nonce: u64,
    },
    /// The chain does not answer what is asked of it.
    Chain {
        /// Why, in words.
        reason: String,
    },
}

/// What a dry run would send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Would {
    /// The intent.
    pub intent: B256,
    /// In words.
    pub what: String,
    /// The gas limit; `None` when it would not be sent.
    pub gas: Option<u64>,
    /// The most that it would cost, in wei.
    pub ceiling: U256,
    /// Why it would not be sent.
    pub obstacle: Option<String>,
}

/// Why a step ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The journal cannot be written or read: nothing can go on.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The chain does not answer. Another step may do better.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A test wanted the process to have died here.
    #[error("stopped at {0:?}, as was asked for")]
    Stopped(Point),
}

/// Where a process may die with a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Point {
    /// Signed, and nobody knows.
    Signed,
    /// Kept, and no node has it.
    Kept,
    /// A node has it, and the journal does not say so.
    HandedOver,
    /// What was found on the chain is about to be written.
    Found,
}

/// Where a test wants the process to have died.
pub trait Probe: Send + Sync + fmt::Debug {
    /// Whether it dies here.
    fn dies_at(&self, point: Point) -> bool {
        let _ = point;
        false
    }
}

/// It lives.
impl Probe for () {}

impl Step {
    /// Whether the step changed nothing.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.events.is_empty()
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Funds { needed, available } => {
                write!(f, "the account has {available} wei and needs {needed} wei for what is next: send it some")
            }
            Self::Fees { reason } | Self::Chain { reason } => f.write_str(reason),
            Self::Budget { intent, reason } => write!(f, "{intent} is not paid for: {reason}"),
            Self::Stuck { intent, reason } => write!(f, "{intent} does not get on: {reason}"),
            Self::ForeignNonce { nonce } => write!(
                f,
                "nonce {nonce} is used by a transaction that is not of this journal: somebody else signs with this key"
            ),
        }
    }
}
