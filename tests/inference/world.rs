//! Engines to test with: the digits model and a small one, set up in caches of their own.

use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use zkinfer::{
    backend::{Control, ProvingBackend, native::NativeBackend},
    inference::{Answer, EngineOptions, InferenceEngine},
    model::{
        Input, Model,
        synthetic::{random_mlp, to_onnx},
    },
    pipeline::{EZKLIntegration, ProofVerifier},
    proof::{Bundle, Context, schema::Direction},
    storage::Cache,
};

const ONNX: &[u8] = include_bytes!("../../models/digits/digits.onnx");
const SEVEN: &[u8] = include_bytes!("../../models/digits/inputs/test-1243-is-7.json");

pub(crate) const OFFCHAIN: Context = Context::Offchain {};

pub(crate) fn digits() -> Model {
    Model::from_onnx(ONNX.to_vec()).unwrap()
}

pub(crate) fn seven() -> Input {
    Input::from_json(SEVEN).unwrap()
}

pub(crate) fn small() -> Model {
    Model::from_onnx(to_onnx(&random_mlp(&[8, 16, 4], 3).unwrap())).unwrap()
}

pub(crate) fn small_input() -> Input {
    Input::new(vec![(0..8).map(|i| f64::from(i) / 8.0).collect()]).unwrap()
}

/// An engine, and the directory of its cache.
pub(crate) struct World {
    pub(crate) engine: InferenceEngine,
    pub(crate) cache: Cache,
    _dir: TempDir,
}

pub(crate) fn world(model: Model, backend: Arc<dyn ProvingBackend>, options: EngineOptions) -> World {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path().into());
    let integration = EZKLIntegration::new(backend, cache.clone());
    let engine = InferenceEngine::new(model, integration, options, &Control::default()).unwrap();
    World { engine, cache, _dir: dir }
}

pub(crate) static DIGITS: LazyLock<World> =
    LazyLock::new(|| world(digits(), Arc::new(NativeBackend::new()), EngineOptions::default()));

/// The proof verifies, off-chain and in the embedded EVM, and it is about exactly this answer.
pub(crate) fn assert_proves(engine: &InferenceEngine, answer: &Answer, bundle: &Bundle) {
    let verifier = ProofVerifier::new(engine.integration().backend(), engine.prepared());
    let report = verifier.verify(bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid(), "{report:?}");
    assert_eq!(bundle.model_id(), engine.prepared().artifacts.model_id());
    let [statement] = bundle.statements() else { panic!("one statement") };
    assert_eq!(statement.public_values, answer.public_values);
    // From the bundle alone, as a stranger reads it.
    let schema = engine.prepared().artifacts.schema().unwrap();
    let proven = schema.decode(&statement.public_values).unwrap();
    let outputs = schema.tensors().iter().zip(proven).filter(|(tensor, _)| tensor.direction == Direction::Output);
    for (answered, (tensor, integers)) in answer.outputs.iter().zip(outputs) {
        let real: Vec<f64> = integers.iter().enumerate().map(|(i, &q)| tensor.dequantize(i, q)).collect();
        assert_eq!((&answered.values, &answered.integers), (&real, &integers));
    }
}
