//! How long the parts of a request take.

use super::ProofMetrics;
use crate::ezkl::clock::{Clock, SystemClock};
use std::time::Duration;

/// Runs from the request to the bundle.
pub(super) struct Meter {
    clock: SystemClock,
    start: Duration,
    witness: Duration,
    proof: Duration,
}

impl Meter {
    pub(super) fn start() -> Self {
        let clock = SystemClock::default();
        let start = clock.elapsed();
        Self { clock, start, witness: Duration::ZERO, proof: Duration::ZERO }
    }

    /// Counts what runs a circuit.
    pub(super) fn witness<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = self.clock.elapsed();
        let done = work();
        self.witness += self.clock.elapsed().saturating_sub(before);
        done
    }

    /// Counts what proves.
    pub(super) fn proof<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = self.clock.elapsed();
        let done = work();
        self.proof += self.clock.elapsed().saturating_sub(before);
        done
    }

    /// What is neither is overhead: the parts add up to the total, to the nanosecond.
    pub(super) fn finish(self, peak_rss_kb: Option<u64>) -> ProofMetrics {
        let total = self.clock.elapsed().saturating_sub(self.start);
        let overhead = total.saturating_sub(self.witness + self.proof);
        ProofMetrics { witness: self.witness, proof: self.proof, overhead, total, peak_rss_kb }
    }
}
