//! What every test here starts from: a cache of its own that borrows the user's EZKL installation, and the digits model.

use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use zkinfer::{
    backend::{
        Control,
        ezkl::{EzklBackend, EzklOptions},
    },
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

/// An empty cache with the user's EZKL in it. Deleted when the directory is dropped.
pub(crate) fn fresh_cache() -> (TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let user = Cache::from_env().unwrap();
    let name = format!("ezkl-{}", zkinfer::backend::ezkl::VERSION);
    let installed = user.root().join(&name);
    assert!(installed.join("installed").exists(), "EZKL is not installed: run `make setup` first");
    std::os::unix::fs::symlink(installed, dir.path().join(name)).unwrap();
    let cache = Cache::at(dir.path().into());
    (dir, cache)
}

pub(crate) fn backend(cache: &Cache) -> Arc<EzklBackend> {
    Arc::new(EzklBackend::new(cache).unwrap())
}

pub(crate) fn backend_with(cache: &Cache, options: EzklOptions) -> Arc<EzklBackend> {
    Arc::new(EzklBackend::with_options(cache, options).unwrap())
}

/// One build of the digits model, and one proof, that the tests share.
pub(crate) struct World {
    pub(crate) integration: EZKLIntegration,
    pub(crate) backend: Arc<EzklBackend>,
    pub(crate) prepared: Prepared,
    pub(crate) bundle: Bundle,
    _dir: TempDir,
}

pub(crate) static WORLD: LazyLock<World> = LazyLock::new(|| {
    let (dir, cache) = fresh_cache();
    let backend = backend(&cache);
    let integration = EZKLIntegration::new(backend.clone(), cache);
    let prepared = integration.prepare(&digits(), &Control::default()).unwrap();
    let bundle = prove(&integration, &prepared, &seven());
    World { integration, backend, prepared, bundle, _dir: dir }
});

pub(crate) fn prove(integration: &EZKLIntegration, prepared: &Prepared, input: &Input) -> Bundle {
    let control = Control::default();
    let generator = ProofGenerator::new(integration.backend(), prepared);
    let witness = generator.witness(input, &control).unwrap();
    generator.prove(&witness, Context::Offchain {}, &control).unwrap()
}
