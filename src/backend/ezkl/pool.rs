//! The worker processes: as many as proofs may run at once, started when needed, replaced when lost.

use super::{
    VERSION,
    install::Installation,
    options::EzklOptions,
    protocol::{self, Hello, Request},
    watch::{POLL, Watch},
    worker::{Answer, CallError, NAME, Worker},
};
use crate::backend::{BackendError, Control};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Circuits of at most 2^k rows do not keep a second core busy: one thread takes 15 % less CPU, and two such workers make a
/// third more proofs than one with two threads.
const ONE_THREAD_UP_TO_K: u32 = 10;
/// The wait before the third start in a row after workers died on their own; it doubles from there.
const BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The threads that EZKL computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threads {
    One,
    /// As many as there are cores, or as the user's `RAYON_NUM_THREADS` says.
    All,
}

/// How the workers of an [`super::EzklBackend`] are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Workers that wait for a request.
    pub idle: usize,
    /// Workers that work on one, or start.
    pub busy: usize,
    /// Requests that wait for a worker.
    pub waiting: usize,
    /// Workers started so far.
    pub started: u64,
    /// Workers that died on their own so far, or broke their protocol.
    pub lost: u64,
}

/// The pool. Dropping it kills every worker.
#[derive(Debug)]
pub(super) struct Pool {
    installation: Installation,
    workers: usize,
    queue: usize,
    retries: u32,
    memory_limit_kb: Option<u64>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Worker>,
    /// Slots taken, also by workers that are starting.
    busy: usize,
    busy_pids: BTreeSet<u32>,
    /// Tickets of requests that wait, the first to be served first.
    line: VecDeque<u64>,
    next_ticket: u64,
    started: u64,
    lost: u64,
    /// Workers that died on their own since one last answered.
    failures: u32,
    not_before: Option<Instant>,
}

/// A slot of the pool, with its worker once that has started. A slot that is dropped kills its worker.
#[derive(Debug)]
struct Lease<'a> {
    pool: &'a Pool,
    worker: Option<Worker>,
}

impl Pool {
    pub(super) fn new(installation: Installation, options: &EzklOptions) -> Self {
        Self {
            installation,
            workers: options.workers.get(),
            queue: options.queue,
            retries: options.retries,
            memory_limit_kb: options.memory_limit_kb,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn status(&self) -> PoolStatus {
        let State { idle, busy, line, started, lost, .. } = &*self.lock();
        PoolStatus { idle: idle.len(), busy: *busy, waiting: line.len(), started: *started, lost: *lost }
    }

    /// The process ids of all workers that run.
    pub(super) fn pids(&self) -> Vec<u32> {
        let state = self.lock();
        state.idle.iter().map(Worker::pid).chain(state.busy_pids.iter().copied()).collect()
    }

    /// Has a worker answer a request about a circuit of 2^k rows, if it is about one. Requests write files and may be
    /// repeated: one whose worker died is, as often as the options say.
    pub(super) fn call<R: Request>(
        &self,
        request: &R,
        k: Option<u32>,
        control: &Control,
    ) -> Result<Answer<R::Result>, CallError> {
        let watch = Watch::start(control, self.memory_limit_kb);
        let mut retries = self.retries;
        loop {
            match self.attempt(request, k, &watch) {
                Err(CallError::Lost(error @ BackendError::Worker { .. })) if retries > 0 => {
                    tracing::warn!(%error, retries, "an EZKL worker was lost; its request is repeated");
                    retries -= 1;
                }
                result => return result,
            }
        }
    }

    fn attempt<R: Request>(
        &self,
        request: &R,
        k: Option<u32>,
        watch: &Watch<'_>,
    ) -> Result<Answer<R::Result>, CallError> {
        let mut lease = self.lease(R::OP, k, watch)?;
        let worker = match lease.worker.take() {
            Some(worker) => worker,
            None => self.start(self.threads(k), watch)?,
        };
        let worker = lease.hold(worker);
        let answer = worker.call(request, watch);
        match &answer {
            Err(CallError::Lost(error)) => self.note_loss(error),
            _ => lease.give_back(),
        }
        answer
    }

    fn threads(&self, k: Option<u32>) -> Threads {
        // A single worker has the machine to itself.
        match k {
            Some(k) if self.workers > 1 && k <= ONE_THREAD_UP_TO_K => Threads::One,
            _ => Threads::All,
        }
    }

    /// Waits for a slot, in the order of asking.
    fn lease(&self, operation: &str, k: Option<u32>, watch: &Watch<'_>) -> Result<Lease<'_>, BackendError> {
        let mut state = self.lock();
        if state.line.len() >= self.queue && state.busy >= self.workers {
            return Err(BackendError::Busy { backend: NAME, waiting: state.line.len() });
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.line.push_back(ticket);
        loop {
            if state.line.front() == Some(&ticket)
                && let Some(worker) = self.slot(&mut state, self.threads(k))
            {
                state.line.pop_front();
                state.busy += 1;
                if let Some(worker) = &worker {
                    state.busy_pids.insert(worker.pid());
                }
                // The next in line may find a slot, too.
                self.changed.notify_all();
                return Ok(Lease { pool: self, worker });
            }
            if let Err(error) = watch.check(operation) {
                state.line.retain(|&other| other != ticket);
                self.changed.notify_all();
                return Err(error);
            }
            state = self.changed.wait_timeout(state, POLL).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A free slot: with a worker that waits, or with none, which is to be started. A worker with the wanted number of threads
    /// is preferred, but none is killed for having another.
    fn slot(&self, state: &mut State, threads: Threads) -> Option<Option<Worker>> {
        let before = state.idle.len();
        state.idle.retain_mut(Worker::is_alive);
        state.lost += (before - state.idle.len()) as u64;
        let at = state.idle.iter().position(|worker| worker.threads() == threads);
        let room = state.busy + state.idle.len() < self.workers;
        let may_start = state.not_before.is_none_or(|moment| Instant::now() >= moment);
        match at {
            Some(at) => Some(Some(state.idle.swap_remove(at))),
            None if room && may_start => Some(None),
            None => state.idle.pop().map(Some),
        }
    }

    fn start(&self, threads: Threads, watch: &Watch<'_>) -> Result<Worker, CallError> {
        let started = self.start_one(threads, watch);
        if let Err(CallError::Lost(error)) = &started {
            self.note_loss(error);
        }
        started
    }

    fn start_one(&self, threads: Threads, watch: &Watch<'_>) -> Result<Worker, CallError> {
        if self.memory_limit_kb.is_some() && !cfg!(target_os = "linux") {
            return Err(CallError::Lost(BackendError::NotInstalled {
                backend: NAME,
                problem: "a memory limit is set, and this system does not tell what a process uses".into(),
                hint: "Set no limit, or run on Linux".into(),
            }));
        }
        let mut worker = Worker::start(&self.installation, threads).map_err(CallError::Lost)?;
        self.lock().started += 1;
        let hello = worker.call(&Hello {}, watch)?.result;
        tracing::debug!(python = hello.python, ezkl = ?hello.ezkl, ?threads, "EZKL worker started");
        if hello.protocol == protocol::VERSION && hello.ezkl.as_deref() == Some(VERSION) {
            return Ok(worker);
        }
        Err(CallError::Lost(BackendError::NotInstalled {
            backend: NAME,
            problem: format!("its version is {:?}, this release drives {VERSION}", hello.ezkl),
            hint: "Delete the installation and run `zkinfer setup ezkl`".into(),
        }))
    }

    /// Makes the next start wait when workers die one after the other. Those that were killed on purpose do not count.
    fn note_loss(&self, error: &BackendError) {
        if !matches!(error, BackendError::Worker { .. }) {
            return;
        }
        let mut state = self.lock();
        state.lost += 1;
        state.failures = state.failures.saturating_add(1);
        state.not_before = backoff(state.failures).map(|wait| Instant::now() + wait);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after so many losses in a row: not after the first.
fn backoff(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(2)?;
    Some(BACKOFF.saturating_mul(2u32.saturating_pow(doublings)).min(MAX_BACKOFF))
}

impl Lease<'_> {
    fn hold(&mut self, worker: Worker) -> &mut Worker {
        self.pool.lock().busy_pids.insert(worker.pid());
        self.worker.insert(worker)
    }

    /// The worker answered: it is free for the next request.
    fn give_back(&mut self) {
        let mut state = self.pool.lock();
        state.failures = 0;
        state.not_before = None;
        if let Some(worker) = self.worker.take() {
            state.busy_pids.remove(&worker.pid());
            state.idle.push(worker);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if let Some(worker) = &self.worker {
            state.busy_pids.remove(&worker.pid());
        }
        state.busy -= 1;
        drop(state);
        self.pool.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_wait_longer_and_longer_but_never_long() {
        assert_eq!(backoff(0), None);
        assert_eq!(backoff(1), None);
        assert_eq!(backoff(2), Some(BACKOFF));
        assert_eq!(backoff(4), Some(BACKOFF * 4));
        assert_eq!(backoff(u32::MAX), Some(MAX_BACKOFF));
    }
}
