use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a caller can say to a running step, and hear from it.
#[derive(Clone)]
pub struct Control {
    /// Stops the step when it is raised.
    pub cancel: CancelToken,
    /// The wall time one request to a backend may take.
    pub time_limit: Duration,
    progress: Arc<dyn Progress>,
}

/// Hears what a step is doing.
pub trait Progress: Send + Sync {
    /// A new stage has begun.
    fn stage(&self, name: &str);
}

impl Progress for () {
    fn stage(&self, _: &str) {}
}

impl Control {
    /// Half an hour: enough for a large circuit's setup, short enough to end a hang.
    pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(30 * 60);

    /// Tells `progress` what is going on.
    pub fn reporting(progress: Arc<dyn Progress>) -> Self {
        Self { progress, ..Self::default() }
    }

    /// Gives every request this long.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Announces a stage.
    pub fn stage(&self, name: &str) {
        tracing::debug!(stage = name);
        self.progress.stage(name);
    }
}

impl Default for Control {
    fn default() -> Self {
        Self { cancel: CancelToken::default(), time_limit: Self::DEFAULT_TIME_LIMIT, progress: Arc::new(()) }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("cancel", &self.cancel).field("time_limit", &self.time_limit).finish()
    }
}

/// Raised once, from any thread, to stop what holds a clone of it.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Raises it.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was raised.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
