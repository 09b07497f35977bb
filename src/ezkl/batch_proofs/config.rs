//! How a batch is proven.

use crate::ezkl::PipelineError;
use std::{path::PathBuf, time::Duration};

/// In which portions the items are proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One after the other.
    Sequential,
    /// All at once, by so many workers.
    Parallel {
        /// At least 1.
        workers: usize,
    },
    /// In chunks of so many items, handed out one after the other: the next one is begun when the caller has taken the
    /// last.
    Streaming {
        /// Items in a chunk, at least 1.
        chunk: usize,
        /// Within a chunk, at least 1.
        workers: usize,
    },
    /// In chunks as large as are expected to take `target`, learned from those that went before.
    Adaptive {
        /// The smallest chunk, at least 1: also the first.
        min: usize,
        /// The largest.
        max: usize,
        /// The wall time meant for one chunk.
        target: Duration,
        /// Within a chunk, at least 1.
        workers: usize,
    },
}

/// What becomes of the proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aggregation {
    /// A bundle each.
    #[default]
    None,
    /// A list under one Merkle root.
    Merkle,
    /// One proof for many items: as few as the backend's `max_batch` allows, per chunk. All items are of one model.
    InCircuit,
    /// A tree of bundles of this depth.
    Recursive {
        /// At least 1.
        depth: usize,
    },
}

/// What may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Workers at once, whatever a strategy asks for.
    pub workers: usize,
    /// Requests in one batch or queue.
    pub queued: usize,
    /// Memory of all workers together, in kB. Admission: as many workers as fit by the largest proof so far; the first
    /// one runs alone when nothing was measured yet. Enforcement: what is measured above it ends the batch.
    pub memory_kb: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { workers, queued: 10_000, memory_kb: None }
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub struct BatchConfig {
    /// In which portions.
    pub strategy: Strategy,
    /// Into what.
    pub aggregation: Aggregation,
    /// With what.
    pub limits: Limits,
    /// Proves a statement once, however often it is asked for.
    pub deduplicate: bool,
    /// Where finished proofs are recorded, so that a batch that was interrupted goes on.
    pub journal: Option<PathBuf>,
}

impl BatchConfig {
    /// No aggregation, default limits, deduplication, no journal.
    #[must_use]
    pub fn new(strategy: Strategy) -> Self {
        Self { strategy, aggregation: Aggregation::None, limits: Limits::default(), deduplicate: true, journal: None }
    }

    /// Aggregates.
    #[must_use]
    pub const fn aggregated(mut self, aggregation: Aggregation) -> Self {
        self.aggregation = aggregation;
        self
    }

    /// Workers that a chunk gets, memory aside.
    pub(super) fn workers(&self) -> usize {
        let asked = match self.strategy {
            Strategy::Sequential => 1,
            Strategy::Parallel { workers }
            | Strategy::Streaming { workers, .. }
            | Strategy::Adaptive { workers, .. } => workers,
        };
        asked.min(self.limits.workers)
    }

    pub(super) fn check(&self) -> Result<(), PipelineError> {
        let refuse = |field: &str, reason: &str| Err(PipelineError::invalid(field, reason));
        if self.workers() == 0 {
            return refuse("workers", "are 0");
        }
        if self.limits.queued == 0 {
            return refuse("limits.queued", "is 0");
        }
        match self.strategy {
            Strategy::Streaming { chunk: 0, .. } => return refuse("chunk", "is 0"),
            Strategy::Adaptive { min, max, .. } if min == 0 || max < min => {
                return refuse("min", "is 0, or more than `max`");
            }
            _ => {}
        }
        match self.aggregation {
            Aggregation::Recursive { depth } if !(1..=crate::proof::structure::MAX_DEPTH).contains(&depth) => {
                refuse("depth", "is 0 or more than a tree may have")
            }
            _ => Ok(()),
        }
    }
}
