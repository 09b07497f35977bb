//! What every test here starts from: a cache of its own, the digits model set up once, one proof.

use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use zkinfer::{
    backend::{Control, native::NativeBackend},
    model::{Input, Model},
    pipeline::{EZKLIntegration, Prepared, ProofGenerator},
    proof::{Bundle, Context},
    storage::Cache,
};

const ONNX: &[u8] = include_bytes!("../../models/digits/digits.onnx");
const SEVEN: &[u8] = include_bytes!("../../models/digits/inputs/test-1243-is-7.json");

pub(crate) fn digits() -> Model {
    Model::from_onnx(ONNX.to_vec()).unwrap()
}

pub(crate) fn seven() -> Input {
    Input::from_json(SEVEN).unwrap()
}

/// An empty cache. Deleted when the directory is dropped.
pub(crate) fn fresh_cache() -> (TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path().into());
    (dir, cache)
}

/// A model set up in a cache of its own.
pub(crate) struct World {
    pub(crate) integration: EZKLIntegration,
    pub(crate) backend: Arc<NativeBackend>,
    pub(crate) prepared: Prepared,
    _dir: TempDir,
}

impl World {
    pub(crate) fn of(model: &Model, backend: NativeBackend) -> Self {
        let (dir, cache) = fresh_cache();
        let backend = Arc::new(backend);
        let integration = EZKLIntegration::new(backend.clone(), cache);
        let prepared = integration.prepare(model, &Control::default()).unwrap();
        Self { integration, backend, prepared, _dir: dir }
    }

    pub(crate) fn prove(&self, input: &Input, context: Context) -> Bundle {
        let control = Control::default();
        let generator = ProofGenerator::new(self.integration.backend(), &self.prepared);
        let witness = generator.witness(input, &control).unwrap();
        generator.prove(&witness, context, &control).unwrap()
    }

    /// The public values as real numbers, tensor by tensor.
    pub(crate) fn real(&self, bundle: &Bundle) -> Vec<Vec<f64>> {
        let schema = self.prepared.artifacts.schema().unwrap();
        let values = schema.decode(&bundle.statement().public_values).unwrap();
        let tensors = schema.tensors().iter().zip(values);
        tensors.map(|(t, values)| values.iter().enumerate().map(|(i, &q)| t.dequantize(i, q)).collect()).collect()
    }
}

pub(crate) static WORLD: LazyLock<World> = LazyLock::new(|| World::of(&digits(), NativeBackend::new()));
pub(crate) static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| WORLD.prove(&seven(), Context::Offchain {}));
