//! The worker processes: limited, cancelled, killed, silent, and still no proof is lost.

use crate::world::{TINY, WORLD, backend, backend_with, fresh_cache, seven, tiny_input};
use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::Duration,
};
use zkinfer::{
    FailureClass,
    backend::{
        BackendError, Control, Item, ProvingBackend,
        ezkl::{EzklBackend, EzklOptions},
    },
    proof::{Context, Statement},
};

fn options(workers: usize) -> EzklOptions {
    EzklOptions::new().workers(NonZeroUsize::new(workers).unwrap())
}

fn witness(backend: &EzklBackend, control: &Control) -> Result<(), BackendError> {
    backend.witness(&TINY.prepared.artifacts, &tiny_input(1), control).map(|_| ())
}

fn works(backend: &EzklBackend) {
    witness(backend, &Control::default()).unwrap();
}

/// Witness and proof, verified.
fn prove(backend: &EzklBackend, i: u32) -> Result<(), BackendError> {
    let (artifacts, control) = (&TINY.prepared.artifacts, Control::default());
    let witness = backend.witness(artifacts, &tiny_input(i), &control)?;
    let statement = Statement {
        model_id: artifacts.model_id(),
        public_values: witness.public_values.clone(),
        context: Context::Offchain {},
    };
    let proof = backend.prove(artifacts, &[Item { witness: &witness, statement: &statement }], &control)?;
    let verdict = backend.verify(artifacts, std::slice::from_ref(&statement), &proof, &control)?;
    assert!(verdict.is_valid());
    Ok(())
}

fn signal(pid: u32, signal: i32) {
    // SAFETY: a signal to a child of this process.
    unsafe { libc::kill(i32::try_from(pid).unwrap(), signal) };
}

fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        thread::yield_now();
    }
}

#[test]
fn a_time_limit_kills_the_worker_and_the_next_request_works() {
    let (_dir, cache) = fresh_cache();
    let backend = backend(&cache);
    let error = witness(&backend, &Control::default().with_time_limit(Duration::ZERO)).unwrap_err();
    assert!(matches!(error, BackendError::TimedOut { .. }), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
    works(&backend);
}

/// A worker that says nothing is ended by the time limit.
#[test]
fn a_silent_worker_is_killed_and_the_next_request_works() {
    let (_dir, cache) = fresh_cache();
    let backend = backend_with(&cache, options(1));
    works(&backend);
    let pid = backend.worker_pids()[0];
    signal(pid, libc::SIGSTOP);
    let error = witness(&backend, &Control::default().with_time_limit(Duration::from_millis(300))).unwrap_err();
    assert!(matches!(error, BackendError::TimedOut { .. }), "{error}");
    works(&backend);
    assert_ne!(backend.worker_pids(), [pid]);
}

#[test]
fn cancelling_kills_the_worker_and_the_next_request_works() {
    let (_dir, cache) = fresh_cache();
    let backend = backend_with(&cache, options(1));
    works(&backend);
    let pid = backend.worker_pids()[0];
    signal(pid, libc::SIGSTOP);
    let control = Control::default();
    let error = thread::scope(|scope| {
        let request = scope.spawn(|| witness(&backend, &control));
        until(|| backend.pool_status().busy == 1);
        control.cancel.cancel();
        request.join().unwrap().unwrap_err()
    });
    assert!(matches!(error, BackendError::Cancelled { .. }), "{error}");
    assert!(backend.worker_pids().is_empty(), "it was killed");
    works(&backend);
}

#[test]
fn a_killed_worker_is_a_typed_error_and_the_next_request_works() {
    let (_dir, cache) = fresh_cache();
    let backend = backend_with(&cache, options(1));
    works(&backend);
    let pid = backend.worker_pids()[0];
    // Stopped, it cannot answer before it is killed.
    signal(pid, libc::SIGSTOP);
    let error = thread::scope(|scope| {
        let request = scope.spawn(|| witness(&backend, &Control::default()));
        until(|| backend.pool_status().busy == 1);
        signal(pid, libc::SIGKILL);
        request.join().unwrap().unwrap_err()
    });
    assert!(matches!(&error, BackendError::Worker { what, .. } if what.contains("died")), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
    assert_eq!(backend.pool_status().lost, 1);
    works(&backend);
    assert_ne!(backend.worker_pids(), [pid]);
}

/// A request is repeated when its worker died, if the caller wants that.
#[test]
fn a_retry_hides_a_killed_worker() {
    let (_dir, cache) = fresh_cache();
    let backend = backend_with(&cache, options(1).retries(1));
    works(&backend);
    let pid = backend.worker_pids()[0];
    signal(pid, libc::SIGSTOP);
    thread::scope(|scope| {
        let request = scope.spawn(|| witness(&backend, &Control::default()));
        until(|| backend.pool_status().busy == 1);
        signal(pid, libc::SIGKILL);
        request.join().unwrap().unwrap();
    });
    assert_eq!((backend.pool_status().lost, backend.pool_status().started), (1, 2));
}

/// The digits model's witness fits, its proof does not.
#[test]
#[cfg(target_os = "linux")]
fn a_memory_limit_kills_the_worker_and_the_next_request_works() {
    let (_dir, cache) = fresh_cache();
    let limit = 55_000;
    let backend = backend_with(&cache, options(1).memory_limit_kb(limit));
    let (artifacts, control) = (&WORLD.prepared.artifacts, Control::default());
    let witness = backend.witness(artifacts, &seven(), &control).unwrap();
    let items = [Item { witness: &witness, statement: WORLD.bundle.statement() }];
    let error = backend.prove(artifacts, &items, &control).unwrap_err();
    let BackendError::MemoryLimit { limit_kb, measured_kb, .. } = error else { panic!("{error}") };
    assert!(limit_kb == limit && measured_kb > limit, "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
    assert_eq!(backend.pool_status().lost, 0, "it did not die on its own");
    works(&backend);
}

/// Waiting for a worker obeys the caller, and the line is bounded.
#[test]
fn requests_that_wait_are_bounded_and_can_be_stopped() {
    let (_dir, cache) = fresh_cache();
    let backend = backend_with(&cache, options(1).queue(1));
    works(&backend);
    signal(backend.worker_pids()[0], libc::SIGSTOP);
    let (first, second) = (Control::default(), Control::default());
    thread::scope(|scope| {
        let held = scope.spawn(|| witness(&backend, &first));
        until(|| backend.pool_status().busy == 1);
        let late = witness(&backend, &Control::default().with_time_limit(Duration::from_millis(50))).unwrap_err();
        assert!(matches!(late, BackendError::TimedOut { .. }), "{late}");
        let waiting = scope.spawn(|| witness(&backend, &second));
        until(|| backend.pool_status().waiting == 1);
        let refused = witness(&backend, &Control::default()).unwrap_err();
        assert!(matches!(refused, BackendError::Busy { waiting: 1, .. }), "{refused}");
        second.cancel.cancel();
        assert!(matches!(waiting.join().unwrap(), Err(BackendError::Cancelled { .. })));
        first.cancel.cancel();
        assert!(held.join().unwrap().is_err());
    });
    assert_eq!(backend.pool_status().waiting, 0);
    works(&backend);
}

#[test]
fn there_are_as_many_workers_as_proofs_at_once_and_they_end_with_the_backend() {
    let (_dir, cache) = fresh_cache();
    let backend = backend_with(&cache, options(2));
    thread::scope(|scope| {
        for i in 0..6 {
            let backend = &backend;
            scope.spawn(move || prove(backend, i).unwrap());
        }
    });
    let pids = backend.worker_pids();
    assert_eq!((pids.len(), backend.pool_status().started), (2, 2));
    drop(backend);
    for pid in pids {
        // SAFETY: signal 0 only asks whether there is such a process; ours was reaped.
        assert_eq!(unsafe { libc::kill(i32::try_from(pid).unwrap(), 0) }, -1);
    }
}

/// Small circuits get one thread per worker when there are several workers.
#[test]
#[cfg(target_os = "linux")]
fn small_circuits_run_on_one_thread() {
    let threads = |workers| {
        let (_dir, cache) = fresh_cache();
        let backend = backend_with(&cache, options(workers));
        works(&backend);
        let environment = std::fs::read(format!("/proc/{}/environ", backend.worker_pids()[0])).unwrap();
        environment.split(|&byte| byte == 0).any(|line| line == b"RAYON_NUM_THREADS=1")
    };
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        assert!(threads(2) && !threads(1));
    }
}

/// Workers are killed at random while proofs are made: none is lost. `ZKINFER_SOAK=1` makes 200 proofs.
#[test]
fn killing_workers_at_random_loses_no_proof() {
    let proofs = if std::env::var_os("ZKINFER_SOAK").is_some() { 200 } else { 12 };
    let (_dir, cache) = fresh_cache();
    let backend = backend_with(&cache, options(2).retries(50));
    let (next, proven, over) = (AtomicU32::new(0), AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let killer = scope.spawn(|| {
            // xorshift, seeded: when to kill, and whom.
            let mut random = 0x9e37_79b9_u32;
            let mut kills = 0;
            while !over.load(Ordering::Relaxed) {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                thread::sleep(Duration::from_millis(u64::from(100 + random % 400)));
                // On a busy machine workers would otherwise be killed faster than they start.
                if kills >= 2 * (1 + proven.load(Ordering::Relaxed)) {
                    continue;
                }
                let pids = backend.worker_pids();
                if let Some(&pid) = pids.get(random as usize % pids.len().max(1)) {
                    signal(pid, libc::SIGKILL);
                    kills += 1;
                }
            }
            kills
        });
        let provers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        if i >= proofs {
                            break;
                        }
                        prove(&backend, i).unwrap();
                        proven.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let ended: Vec<_> = provers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        let kills = killer.join().unwrap();
        assert!(ended.iter().all(Result::is_ok));
        let lost = backend.pool_status().lost;
        println!("{proofs} proofs, {kills} kills, {lost} workers lost, seed 0x9e3779b9");
        assert!(kills > 0 && lost > 0, "nothing was killed");
    });
    assert_eq!(proven.load(Ordering::Relaxed), proofs);
}
