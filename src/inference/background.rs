//! Proofs that are made while the caller goes on.

use super::InferenceError;
use crate::{backend::CancelToken, proof::Bundle};
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What makes a proof.
pub(super) type Job = Box<dyn FnOnce() -> Result<Bundle, InferenceError> + Send>;

/// Where a proof in the background stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofState {
    /// In the making.
    Running,
    /// Made, and verified.
    Proven,
    /// Failed or cancelled; [`ProofHandle::wait`] says why.
    Failed,
}

/// A proof in the making.
///
/// **Dropping the handle cancels the proof**: nobody could receive it. The backend stops at its next step (EZKL's worker
/// is killed at once), and the proof counts against the engine's bound until it has stopped. Dropping the engine cancels
/// nothing: handles stay good.
#[must_use = "dropping the handle cancels the proof"]
pub struct ProofHandle {
    shared: Arc<Shared>,
    cancel: CancelToken,
}

#[derive(Default)]
struct Shared {
    outcome: Mutex<Outcome>,
    done: Condvar,
}

#[derive(Default)]
enum Outcome {
    #[default]
    Running,
    Done(Box<Result<Bundle, InferenceError>>),
}

impl ProofHandle {
    /// Where it stands, without waiting.
    #[must_use]
    pub fn poll(&self) -> ProofState {
        match &*self.shared.lock() {
            Outcome::Running => ProofState::Running,
            Outcome::Done(result) if result.is_ok() => ProofState::Proven,
            Outcome::Done(_) => ProofState::Failed,
        }
    }

    /// Waits for the proof.
    ///
    /// # Errors
    /// [`InferenceError`]: [`InferenceError::Cancelled`] when it was cancelled in time, [`InferenceError::Panicked`] when
    /// the backend panicked.
    pub fn wait(self) -> Result<Bundle, InferenceError> {
        let mut outcome = self.shared.lock();
        loop {
            match std::mem::take(&mut *outcome) {
                Outcome::Done(result) => return *result,
                Outcome::Running => {
                    outcome = self.shared.done.wait(outcome).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Waits at most so long, and says where it stands then.
    #[must_use]
    pub fn wait_for(&self, time: Duration) -> ProofState {
        let deadline = Instant::now().checked_add(time);
        let mut outcome = self.shared.lock();
        while matches!(*outcome, Outcome::Running) {
            let left = deadline.map_or(time, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            outcome = self.shared.done.wait_timeout(outcome, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(outcome);
        self.poll()
    }

    /// Stops the proof at the backend's next step. A proof that is finished by then is still given out.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Drop for ProofHandle {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl fmt::Debug for ProofHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofHandle").field("state", &self.poll()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a job on a thread of its own, which holds the slot until it ends.
pub(super) fn spawn(slot: Slot, cancel: CancelToken, job: Job) -> Result<ProofHandle, InferenceError> {
    let shared = Arc::<Shared>::default();
    let of_thread = shared.clone();
    let work = move || {
        let result = catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(InferenceError::Panicked(text.unwrap_or_else(|| "without a message".into())))
        });
        if let Err(error) = &result {
            tracing::warn!(%error, "no proof was made in the background");
        }
        // Free before anybody can learn that it is done: who has waited for a proof finds its slot free.
        drop(slot);
        *of_thread.lock() = Outcome::Done(Box::new(result));
        of_thread.done.notify_all();
    };
    let thread = std::thread::Builder::new().name("zkinfer-proof".into()).spawn(work);
    thread.map_err(InferenceError::NoThread)?;
    Ok(ProofHandle { shared, cancel })
}

/// The bound on proofs in the making.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    taken: Arc<Mutex<usize>>,
    limit: usize,
}

/// One of them, free again when dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Mutex<usize>>);

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self { taken: Arc::default(), limit }
    }

    pub(super) fn taken(&self) -> usize {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Result<Slot, InferenceError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if *taken >= self.limit {
            return Err(InferenceError::Busy { limit: self.limit });
        }
        *taken += 1;
        Ok(Slot(self.taken.clone()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}
