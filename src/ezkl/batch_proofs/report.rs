//! What a batch came to.

use crate::{
    ezkl::{PipelineError, proof_creation::ProofRequest},
    proof::{Bundle, Statement, Structure},
};
use alloy::primitives::B256;
use serde::Serialize;
use std::{sync::Arc, time::Duration};

use super::Priority;

/// One request of a batch.
#[derive(Clone, Debug)]
pub struct BatchItem {
    /// The caller's name for it, unique in the batch.
    pub id: String,
    /// What to prove.
    pub request: ProofRequest,
    /// How urgent it is within the batch.
    pub priority: Priority,
}

impl BatchItem {
    /// A request of medium priority.
    #[must_use]
    pub fn new(id: impl Into<String>, request: ProofRequest) -> Self {
        Self { id: id.into(), request, priority: Priority::Medium }
    }

    /// As urgent as this.
    #[must_use]
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }
}

/// What became of an item.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It is one of a bundle's statements. The proof was verified.
    Proven {
        /// Shared by all items that it proves.
        bundle: Arc<Bundle>,
        /// Which of its statements.
        statement: usize,
        /// Which place of that statement, in a circuit that takes several inputs: `backend::ezkl::batch` splits it.
        slot: Option<usize>,
        /// Whether it was found in the journal.
        recovered: bool,
    },
    /// It says the same as another item, which is proven.
    Duplicate {
        /// The other one's index.
        of: usize,
    },
    /// It was not proven.
    Failed {
        /// The field of the request, if that is to blame.
        field: Option<String>,
        /// Why.
        message: String,
    },
    /// It was not begun, or stopped, when the batch was cancelled.
    Cancelled,
}

impl Outcome {
    pub(super) fn of_error(error: &PipelineError) -> Self {
        match error {
            error if error.is_cancellation() => Self::Cancelled,
            PipelineError::InvalidInput { field, .. } => {
                Self::Failed { field: Some(field.clone()), message: error.to_string() }
            }
            error => Self::Failed { field: None, message: error.to_string() },
        }
    }

    /// Whether there is a proof of it.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Proven { .. } | Self::Duplicate { .. })
    }
}

/// An item with its outcome.
#[derive(Clone, Debug)]
pub struct ItemReport {
    /// Its place in the batch.
    pub index: usize,
    /// Its name.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl ItemReport {
    /// The statement that is proven, if one is and it is this item's own, alone or with other items of its circuit.
    #[must_use]
    pub fn statement(&self) -> Option<&Statement> {
        match &self.outcome {
            Outcome::Proven { bundle, statement, .. } => bundle.statements().get(*statement),
            _ => None,
        }
    }
}

/// Some items, complete, in order.
#[derive(Clone, Debug)]
pub struct BatchChunk {
    /// From 0.
    pub index: usize,
    /// How many there will be; `None` when sizes are learned on the way.
    pub total: Option<usize>,
    /// The items.
    pub items: Vec<ItemReport>,
}

/// What became of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BatchStatus {
    /// Everything is proven.
    Complete,
    /// Some items failed.
    PartialSuccess,
    /// All failed.
    Failed,
    /// It was stopped.
    Cancelled,
}

/// Counts of a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BatchMetrics {
    /// Proofs that were made, one per bundle.
    pub proofs: usize,
    /// Items that were proven now.
    pub proven: usize,
    /// Items that were found in the journal.
    pub recovered: usize,
    /// Items that say the same as another.
    pub duplicates: usize,
    /// Items that failed.
    pub failed: usize,
    /// Items that were not begun or were stopped.
    pub cancelled: usize,
    /// Items in each chunk that was begun.
    pub chunks: Vec<usize>,
    /// Adaptive: the share of chunks that took no longer than was meant; else 1.
    pub compliance: f64,
    /// The most items that were worked on at once.
    pub max_busy: usize,
    /// The backend's largest resident set so far, if it measures it.
    pub peak_rss_kb: Option<u64>,
    /// Wall time.
    pub time: Duration,
}

/// A batch that has ended.
#[derive(Clone, Debug)]
pub struct BatchReport {
    /// What became of all.
    pub status: BatchStatus,
    /// Every item, in the order given.
    pub items: Vec<ItemReport>,
    /// The bundles of all proven items as they were asked to be put together; `None` without aggregation, or when
    /// nothing is proven.
    pub structure: Option<Structure>,
    /// Its Merkle root.
    pub root: Option<B256>,
    /// Counts.
    pub metrics: BatchMetrics,
}

impl BatchReport {
    /// The bundle that proves an item, of a duplicate the one that proves the other.
    #[must_use]
    pub fn bundle(&self, index: usize) -> Option<&Arc<Bundle>> {
        match &self.items.get(index)?.outcome {
            Outcome::Proven { bundle, .. } => Some(bundle),
            Outcome::Duplicate { of } if *of != index => self.bundle(*of),
            _ => None,
        }
    }
}

/// What a batch is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchEvent {
    /// All items are in the queue.
    Queued {
        /// How many.
        items: usize,
    },
    /// An item was found in the journal and verified.
    Recovered {
        /// Which.
        index: usize,
    },
    /// A worker has begun with an item.
    Started {
        /// Which.
        index: usize,
        /// Which worker of its chunk, from 0.
        worker: usize,
    },
    /// An item has its outcome; if it is proven, the journal has it.
    Finished {
        /// Which.
        index: usize,
        /// Whether there is a proof of it.
        success: bool,
    },
}
