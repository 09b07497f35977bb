//! Proofs in the background: waited for, polled, cancelled, dropped, too many, panicking.

use crate::{
    gate::Gated,
    world::{OFFCHAIN, World, assert_proves, small, small_input, world},
};
use std::{sync::Arc, time::Duration};
use zkinfer::{
    FailureClass,
    backend::Control,
    inference::{Answer, EngineOptions, InferenceError, ProofHandle, ProofState},
};

fn gated(max_background: usize) -> (Arc<Gated>, World) {
    let backend = Gated::new();
    let options = EngineOptions { max_background, ..EngineOptions::default() };
    let world = world(small(), backend.clone(), options);
    (backend, world)
}

impl World {
    fn begin(&self) -> Result<(Answer, ProofHandle), InferenceError> {
        self.engine.run_then_prove(&small_input(), OFFCHAIN, &Control::default())
    }
}

#[test]
fn the_answer_comes_before_its_proof() {
    let (backend, world) = gated(2);
    let (answer, handle) = world.begin().unwrap();
    backend.wait_for(1);
    assert_eq!((handle.poll(), world.engine.background()), (ProofState::Running, 1));
    assert_eq!(handle.wait_for(Duration::ZERO), ProofState::Running);
    backend.open();
    assert_eq!(handle.wait_for(Duration::MAX), ProofState::Proven);
    assert_eq!(handle.poll(), ProofState::Proven);
    let bundle = handle.wait().unwrap();
    assert_proves(&world.engine, &answer, &bundle);
    assert_eq!(world.engine.background(), 0);
}

#[test]
fn no_more_proofs_are_made_at_once_than_admitted() {
    let (backend, world) = gated(2);
    let handles = [world.begin().unwrap().1, world.begin().unwrap().1];
    backend.wait_for(2);
    let before = backend.witnesses();
    let error = world.begin().unwrap_err();
    assert!(matches!(error, InferenceError::Busy { limit: 2 }), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
    assert_eq!(backend.witnesses(), before, "refused before anything was computed");
    // Clones share the bound.
    let clone = world.engine.clone();
    let again = clone.run_then_prove(&small_input(), OFFCHAIN, &Control::default());
    assert!(matches!(again, Err(InferenceError::Busy { .. })));
    assert!(world.engine.run(&small_input(), &Control::default()).is_ok(), "answers alone are not bounded");
    backend.open();
    for handle in handles {
        handle.wait().unwrap();
    }
    world.begin().unwrap().1.wait().unwrap();
}

#[test]
fn a_cancelled_proof_is_not_made() {
    let (backend, world) = gated(1);
    let (_, handle) = world.begin().unwrap();
    backend.wait_for(1);
    handle.cancel();
    backend.open();
    assert!(matches!(handle.wait(), Err(InferenceError::Cancelled)));
    assert_eq!(world.engine.background(), 0);
    world.begin().unwrap().1.wait().unwrap();
}

#[test]
fn a_finished_proof_survives_its_cancellation() {
    let (backend, world) = gated(1);
    backend.open();
    let (_, handle) = world.begin().unwrap();
    assert_eq!(handle.wait_for(Duration::MAX), ProofState::Proven);
    handle.cancel();
    assert!(handle.wait().is_ok());
}

/// The documented policy: nobody can receive the proof, so that it is cancelled, and counts until it has stopped.
#[test]
fn a_dropped_handle_cancels_its_proof() {
    let (backend, world) = gated(1);
    drop(world.begin().unwrap().1);
    backend.wait_for(1);
    assert!(matches!(world.begin(), Err(InferenceError::Busy { limit: 1 })));
    backend.open();
    // The slot is free as soon as the proof has stopped; until then it is refused.
    let handle = loop {
        match world.begin() {
            Ok((_, handle)) => break handle,
            Err(InferenceError::Busy { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    handle.wait().unwrap();
}

#[test]
fn a_handle_outlives_its_engine() {
    let (backend, world) = gated(1);
    let (_, handle) = world.begin().unwrap();
    let World { engine, .. } = &world;
    drop(engine.clone());
    backend.open();
    handle.wait().unwrap();
}

#[test]
fn a_panic_is_an_error_and_the_engine_goes_on() {
    let (backend, world) = gated(1);
    backend.panic_at_the_proof();
    let (_, handle) = world.begin().unwrap();
    assert_eq!(handle.wait_for(Duration::MAX), ProofState::Failed);
    let error = handle.wait().unwrap_err();
    assert!(matches!(&error, InferenceError::Panicked(text) if text.contains("gate fell")), "{error}");
    assert_eq!((error.class(), world.engine.background()), (FailureClass::Internal, 0));
    backend.work_again();
    world.begin().unwrap().1.wait().unwrap();
}

#[test]
fn a_time_limit_ends_a_proof() {
    let backend = Gated::new();
    let options = EngineOptions { time_limit: Duration::ZERO, ..EngineOptions::default() };
    let world = world(small(), backend.clone(), options);
    backend.open();
    let error = world.begin().unwrap().1.wait().unwrap_err();
    assert!(error.class() == FailureClass::Environment && error.to_string().contains("longer than"), "{error}");
}
