//! Failures are typed and name their cause.

use crate::world::{BUNDLE, WORLD, World, digits, fresh_cache, seven};
use std::{fs, sync::Arc, time::Duration};
use zkinfer::{
    FailureClass,
    backend::{Artifacts, BackendError, Control, Item, ProvingBackend, ezkl, native::NativeBackend},
    model::{
        Input, Model,
        synthetic::{random_mlp, to_onnx},
    },
    pipeline::EZKLIntegration,
};

#[test]
fn inputs_outside_the_domain_are_told_apart() {
    for value in [1e9, -1.0, 3e38] {
        let mut numbers = vec![0.0; 64];
        numbers[5] = value;
        let input = Input::new(vec![numbers]).unwrap();
        let error = WORLD.backend.witness(&WORLD.prepared.artifacts, &input, &Control::default()).unwrap_err();
        assert!(matches!(&error, BackendError::OutOfDomain(text) if text.contains("number 5")), "{value}: {error}");
        assert_eq!(error.class(), FailureClass::BadInput);
    }
}

/// Samples that are much smaller than the input: the layer that overflows is named.
#[test]
fn activations_out_of_range_name_their_layer() {
    let model = Model::from_onnx(to_onnx(&random_mlp(&[64, 16, 4], 3).unwrap())).unwrap();
    // One number at a time: all together are far more than what scales with slack leave room for.
    let tiny: Vec<f64> = (0..64 * 64).map(|i| if i % 65 == 0 { 6e-3 } else { 0.0 }).collect();
    let world = World::of(&model, NativeBackend::with_calibration(Input::new(vec![tiny]).unwrap()));
    let schema = world.prepared.artifacts.schema().unwrap();
    let greatest = schema.tensors()[0].dequantize(0, schema.tensors()[0].max);
    let input = Input::new(vec![vec![greatest; 64]]).unwrap();
    let error = world.backend.witness(&world.prepared.artifacts, &input, &Control::default()).unwrap_err();
    assert!(matches!(&error, BackendError::OutOfDomain(text) if text.starts_with("layer 1, neuron")), "{error}");
}

#[test]
fn inputs_of_another_length_are_refused() {
    let short = Input::new(vec![vec![0.0; 63]]).unwrap();
    let error = WORLD.backend.witness(&WORLD.prepared.artifacts, &short, &Control::default()).unwrap_err();
    assert!(matches!(error, BackendError::Model(_)), "{error}");
    let samples = Input::new(vec![vec![0.0; 65]]).unwrap();
    let (_dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(Arc::new(NativeBackend::with_calibration(samples)), cache);
    let error = integration.prepare(&digits(), &Control::default()).unwrap_err();
    assert!(error.class() == FailureClass::BadInput && error.to_string().contains("multiple of the 64"), "{error}");
}

#[test]
fn a_statement_about_other_values_is_not_proven() {
    let control = Control::default();
    let zeros = Input::new(vec![vec![0.0; 64]]).unwrap();
    let witness = WORLD.backend.witness(&WORLD.prepared.artifacts, &zeros, &control).unwrap();
    let error = WORLD
        .backend
        .prove(&WORLD.prepared.artifacts, &[Item { witness: &witness, statement: BUNDLE.statement() }], &control)
        .unwrap_err();
    assert!(matches!(error, BackendError::UnsoundProof { .. }), "{error}");
}

/// A key whose quotient points were damaged makes proofs that nobody accepts: none comes back.
#[test]
fn a_worthless_proof_is_never_returned() {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(WORLD.prepared.artifacts.dir()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let artifacts = Artifacts::open(copy.path()).unwrap();
    let pk = copy.path().join("pk.key");
    let mut key = fs::read(&pk).unwrap();
    // The last two points of the key, exchanged.
    let end = key.len();
    let (a, b) = key[end - 128..].split_at_mut(64);
    a.swap_with_slice(b);
    fs::write(&pk, key).unwrap();
    let (backend, control) = (NativeBackend::new(), Control::default());
    let witness = backend.witness(&artifacts, &seven(), &control).unwrap();
    let error =
        backend.prove(&artifacts, &[Item { witness: &witness, statement: BUNDLE.statement() }], &control).unwrap_err();
    assert!(matches!(error, BackendError::UnsoundProof { .. }), "{error}");
    assert!(Artifacts::open(copy.path()).is_err());
}

#[test]
fn cancelling_and_a_time_limit_are_obeyed() {
    let limited = Control::default().with_time_limit(Duration::ZERO);
    let error = WORLD.backend.witness(&WORLD.prepared.artifacts, &seven(), &limited).unwrap_err();
    assert!(matches!(error, BackendError::TimedOut { .. }), "{error}");
    let cancelled = Control::default();
    cancelled.cancel.cancel();
    let error = WORLD.backend.witness(&WORLD.prepared.artifacts, &seven(), &cancelled).unwrap_err();
    assert!(matches!(error, BackendError::Cancelled { .. }), "{error}");
    let (dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(Arc::new(NativeBackend::new()), cache);
    assert!(integration.prepare(&digits(), &cancelled).is_err());
    for folder in ["staging", "artifacts"] {
        assert_eq!(fs::read_dir(dir.path().join(folder)).unwrap().count(), 0, "{folder}");
    }
}

#[test]
fn artifacts_of_another_backend_are_refused() {
    let (_dir, cache) = fresh_cache();
    let mock = EZKLIntegration::new(Arc::new(zkinfer::backend::mock::MockBackend::default()), cache);
    let prepared = mock.prepare(&digits(), &Control::default()).unwrap();
    let error = WORLD.backend.witness(&prepared.artifacts, &seven(), &Control::default()).unwrap_err();
    assert!(matches!(error, BackendError::Artifacts(_)), "{error} (EZKL is {})", ezkl::VERSION);
}
