//! Failures are typed, name their cause, and leave the backend usable.

use crate::world::{WORLD, backend, digits, fresh_cache, seven};
use std::{fs, path::Path};
use zkinfer::{
    FailureClass,
    backend::{BackendError, Control, Item, ProvingBackend},
    model::Input,
};

fn works(backend: &dyn ProvingBackend) {
    backend.witness(&WORLD.prepared.artifacts, &seven(), &Control::default()).unwrap();
}

#[test]
fn inputs_outside_the_domain_are_told_apart() {
    for value in [1e9, -1e9, 3e38] {
        let input = Input::new(vec![vec![value; 64]]).unwrap();
        let error = WORLD.backend.witness(&WORLD.prepared.artifacts, &input, &Control::default()).unwrap_err();
        assert!(matches!(error, BackendError::OutOfDomain(_) | BackendError::Schema(_)), "{value}: {error}");
        assert_eq!(error.class(), FailureClass::BadInput);
    }
    works(&*WORLD.backend);
}

#[test]
fn inputs_of_another_length_are_refused_before_ezkl_sees_them() {
    let short = Input::new(vec![vec![0.0; 63]]).unwrap();
    let error = WORLD.backend.witness(&WORLD.prepared.artifacts, &short, &Control::default()).unwrap_err();
    assert!(matches!(error, BackendError::Model(_)), "{error}");
}

/// A node's keys may lie in its environment.
#[test]
#[cfg(target_os = "linux")]
fn the_worker_sees_little_of_the_environment() {
    let (_dir, cache) = fresh_cache();
    let backend = backend(&cache);
    works(&*backend);
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo sets it for this test");
    let environment = fs::read(format!("/proc/{}/environ", backend.worker_pids()[0])).unwrap();
    let names: Vec<&[u8]> =
        environment.split(|&byte| byte == 0).filter_map(|line| line.split(|&byte| byte == b'=').next()).collect();
    assert!(names.contains(&&b"PATH"[..]) && !names.contains(&&b"CARGO_MANIFEST_DIR"[..]));
}

/// EZKL proves with a damaged key, and the proof is worthless: it must not come back.
#[test]
fn a_worthless_proof_is_never_returned() {
    let (_dir, cache) = fresh_cache();
    let backend = backend(&cache);
    let copy = tempfile::tempdir().unwrap();
    copy_files(WORLD.prepared.artifacts.dir(), copy.path());
    let artifacts = zkinfer::backend::Artifacts::open(copy.path()).unwrap();
    let witness = backend.witness(&artifacts, &seven(), &Control::default()).unwrap();
    let pk = copy.path().join("pk.key");
    let mut key = fs::read(&pk).unwrap();
    let middle = key.len() / 2;
    key[middle] ^= 1;
    fs::write(&pk, key).unwrap();
    let statement = WORLD.bundle.statement();
    let error = backend.prove(&artifacts, &[Item { witness: &witness, statement }], &Control::default()).unwrap_err();
    assert!(matches!(error, BackendError::UnsoundProof { .. }), "{error}");
    // And the artifacts are refused the next time they are opened.
    assert!(zkinfer::backend::Artifacts::open(copy.path()).is_err());
}

#[test]
fn a_statement_about_other_values_is_not_proven() {
    let control = Control::default();
    let zeros = Input::new(vec![vec![0.0; 64]]).unwrap();
    let witness = WORLD.backend.witness(&WORLD.prepared.artifacts, &zeros, &control).unwrap();
    let error = WORLD
        .backend
        .prove(&WORLD.prepared.artifacts, &[Item { witness: &witness, statement: WORLD.bundle.statement() }], &control)
        .unwrap_err();
    assert!(matches!(error, BackendError::UnsoundProof { .. }), "{error}");
}

#[test]
fn a_build_that_fails_leaves_nothing() {
    let (dir, cache) = fresh_cache();
    let integration = zkinfer::pipeline::EZKLIntegration::new(backend(&cache), cache);
    let control = Control::default();
    control.cancel.cancel();
    assert!(integration.prepare(&digits(), &control).is_err());
    for folder in ["staging", "artifacts"] {
        assert_eq!(fs::read_dir(dir.path().join(folder)).unwrap().count(), 0, "{folder}");
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
