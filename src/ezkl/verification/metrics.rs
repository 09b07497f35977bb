//! What a verifier has done so far.

use super::check::{Status, Verification};
use serde::Serialize;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Counts and sums since the verifier was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifierMetrics {
    /// Structures that were checked.
    pub total: u64,
    /// Of them, Valid.
    pub valid: u64,
    /// Of them, Invalid.
    pub invalid: u64,
    /// Of them, Expired.
    pub expired: u64,
    /// Of them, Pending: their cryptography is counted when it has run.
    pub pending: u64,
    /// Bundles whose verdict was in the cache.
    pub cache_hits: u64,
    /// Bundles whose verdict was not.
    pub cache_misses: u64,
    /// Runs of a verifier, the embedded EVM included.
    pub operations: u64,
    /// Wall time of all checks.
    pub time: Duration,
    /// Gas that was paid on a chain; what the embedded EVM says it would cost is not.
    pub gas_paid: u64,
}

impl VerifierMetrics {
    /// Wall time of a check on average; zero when there was none.
    #[must_use]
    pub fn average_time(&self) -> Duration {
        u32::try_from(self.total).ok().and_then(|total| self.time.checked_div(total)).unwrap_or_default()
    }

    /// Cached verdicts among all, 0 to 1.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let looked = self.cache_hits + self.cache_misses;
        if looked == 0 { 0.0 } else { self.cache_hits as f64 / looked as f64 }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<VerifierMetrics>);

impl Counters {
    pub(super) fn snapshot(&self) -> VerifierMetrics {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, verification: &Verification) {
        let mut m = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        m.total += 1;
        match verification.status {
            Status::Valid => m.valid += 1,
            Status::Invalid { .. } => m.invalid += 1,
            Status::Expired { .. } => m.expired += 1,
            Status::Pending => m.pending += 1,
        }
        m.cache_hits += verification.cache_hits as u64;
        m.cache_misses += verification.cache_misses as u64;
        m.operations += verification.operations as u64;
        m.time += verification.time;
    }

    pub(super) fn pay(&self, gas: u64) {
        let mut m = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        m.gas_paid = m.gas_paid.saturating_add(gas);
    }
}
