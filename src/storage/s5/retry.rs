//! Trying again: exponential pauses with jitter.

use crate::storage::StoreError;
use std::{
    fmt::Debug,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// How often to try, and how long to pause in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often in all, at least once.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles every time.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    /// 5 attempts within about 8 s of pauses.
    fn default() -> Self {
        Self { attempts: 5, first_pause: Duration::from_millis(500), longest_pause: Duration::from_secs(15) }
    }
}

/// What waits between attempts.
pub trait Pause: Send + Sync + Debug {
    /// Returns after `time`.
    fn pause(&self, time: Duration);
}

/// Sleeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct SleepingPause;

impl Pause for SleepingPause {
    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It may help to try again. The function makes the error, once it is known how often that was done.
    Again(Again),
    /// It will not.
    Final(StoreError),
}

/// What may pass.
#[derive(Debug)]
pub(super) enum Again {
    Broken { endpoint: String, reason: String },
    Silent { endpoint: String, limit: Duration },
    Refused(StoreError),
}

impl From<StoreError> for Attempt {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

impl Again {
    pub(super) fn into_error(self, attempts: u32) -> StoreError {
        match self {
            Self::Broken { endpoint, reason } => StoreError::Unreachable { endpoint, reason, attempts },
            Self::Silent { endpoint, limit } => StoreError::TimedOut { endpoint, limit, attempts },
            Self::Refused(error) => error,
        }
    }
}

#[derive(Debug)]
pub(super) struct Retries {
    policy: RetryPolicy,
    pause: Arc<dyn Pause>,
}

impl Retries {
    pub(super) const fn new(policy: RetryPolicy, pause: Arc<dyn Pause>) -> Self {
        Self { policy, pause }
    }

    pub(super) fn run<T>(&self, mut attempt: impl FnMut() -> Result<T, Attempt>) -> Result<T, StoreError> {
        let mut made = 0;
        loop {
            made += 1;
            match attempt() {
                Ok(value) => return Ok(value),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Again(cause)) if made >= self.policy.attempts => return Err(cause.into_error(made)),
                Err(Attempt::Again(cause)) => {
                    let time = jittered(self.longest(made));
                    tracing::debug!(?cause, attempt = made, pause_ms = time.as_millis() as u64, "S5 request failed");
                    self.pause.pause(time);
                }
            }
        }
    }

    /// The pause after attempt `made`, before jitter.
    fn longest(&self, made: u32) -> Duration {
        let doubled = 1u32.checked_shl(made - 1).unwrap_or(u32::MAX);
        self.policy.first_pause.saturating_mul(doubled).min(self.policy.longest_pause)
    }
}

/// Between half of `longest` and all of it, so that clients that failed together do not come back together.
fn jittered(longest: Duration) -> Duration {
    // The standard library's only source of randomness; it need not be a good one.
    let random = RandomState::new().hash_one(0u8);
    longest.div_f64(2.0).mul_f64(1.0 + (random >> 11) as f64 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    struct Recorder(Mutex<Vec<Duration>>);

    impl Pause for Recorder {
        fn pause(&self, time: Duration) {
            self.0.lock().unwrap().push(time);
        }
    }

    fn again() -> Attempt {
        Attempt::Again(Again::Broken { endpoint: "e".into(), reason: "r".into() })
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_jittered() {
        let recorder = Arc::new(Recorder::default());
        let ms = Duration::from_millis;
        let policy = RetryPolicy { attempts: 6, first_pause: ms(100), longest_pause: ms(500) };
        let error = Retries::new(policy, recorder.clone()).run(|| Err::<(), _>(again())).unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { attempts: 6, .. }), "{error}");
        let pauses = recorder.0.lock().unwrap().clone();
        assert_eq!(pauses.len(), 5);
        for (pause, longest) in pauses.iter().zip([100, 200, 400, 500, 500]) {
            assert!(*pause >= ms(longest) / 2 && *pause <= ms(longest), "{pause:?} of {longest}");
        }
        let many: std::collections::BTreeSet<_> = (0..20).map(|_| jittered(Duration::from_secs(1))).collect();
        assert!(many.len() > 1, "no jitter");
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        let recorder = Arc::new(Recorder::default());
        let retries = Retries::new(RetryPolicy::default(), recorder.clone());
        let mut attempts = 0;
        let _ = retries.run(|| -> Result<(), _> {
            attempts += 1;
            Err(Attempt::Final(StoreError::Stopped))
        });
        assert_eq!((attempts, recorder.0.lock().unwrap().len()), (1, 0));
        let mut left = 2;
        let answer = retries.run(|| {
            left -= 1;
            if left > 0 { Err(again()) } else { Ok(7) }
        });
        assert_eq!(answer.unwrap(), 7);
    }
}
