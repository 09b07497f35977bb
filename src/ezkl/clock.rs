//! Time, as the pipeline measures it: the system's, or a virtual one that tests move.

pub use crate::backend::mock::VirtualClock;

use std::{
    fmt::Debug,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Tells the time.
pub trait Clock: Send + Sync + Debug {
    /// Since some fixed moment; never decreases.
    fn elapsed(&self) -> Duration;

    /// Unix time in milliseconds.
    fn unix_ms(&self) -> u64;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn unix_ms(&self) -> u64 {
        now_ms()
    }
}

impl Clock for VirtualClock {
    fn elapsed(&self) -> Duration {
        Self::elapsed(self)
    }

    fn unix_ms(&self) -> u64 {
        u64::try_from(Self::elapsed(self).as_millis()).unwrap_or(u64::MAX)
    }
}

/// Unix time in milliseconds.
pub(super) fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
