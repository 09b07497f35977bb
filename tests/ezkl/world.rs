//! What the behaviours start from: for each backend, one small network set up once, and one proof.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};
use tempfile::TempDir;
use zkinfer::{
    backend::{
        Control, ProvingBackend,
        ezkl::EzklBackend,
        mock::MockBackend,
        native::{NativeBackend, SrsSource},
    },
    model::{
        Input, Mlp, Model,
        mlp::{Dense, Hidden},
        synthetic::to_onnx,
    },
    pipeline::{
        EZKLIntegration, Prepared, ProofGenerator, ProofRequest, ProofVerifier,
        batch_proofs::{BatchConfig, BatchItem, BatchProofGenerator, Strategy},
        verification::{Mode, Policy, Status, TrustLevel, Verification},
    },
    proof::{Bundle, Structure},
    storage::Cache,
};

/// Numbers in and out: an answer can be the next input.
pub(crate) const WIDTH: usize = 8;

/// Each test of the list, once per backend.
macro_rules! on_both_backends {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        mod native { $($(#[$doc])* #[test] fn $name() { super::$name(crate::ezkl::world::native()); })* }
        mod ezkl { $($(#[$doc])* #[test] fn $name() { super::$name(crate::ezkl::world::ezkl()); })* }
    };
}
pub(crate) use on_both_backends;

pub(crate) struct World {
    pub(crate) name: &'static str,
    pub(crate) backend: Arc<dyn ProvingBackend>,
    pub(crate) integration: EZKLIntegration,
    pub(crate) prepared: Prepared,
    pub(crate) cache: Cache,
    /// Of input 0, for no chain.
    pub(crate) bundle: Bundle,
    _dir: TempDir,
}

static NATIVE: LazyLock<World> = LazyLock::new(|| World::new("native", |_| Arc::new(on_test_srs())));
static EZKL: LazyLock<World> = LazyLock::new(|| World::new("ezkl", ezkl_backend));

pub(crate) fn native() -> &'static World {
    &NATIVE
}

pub(crate) fn ezkl() -> &'static World {
    &EZKL
}

/// As EZKL is, so that the same warnings are expected of all.
pub(crate) fn on_test_srs() -> NativeBackend {
    NativeBackend::new().with_srs(SrsSource::Test)
}

/// Borrows the user's installation.
fn ezkl_backend(cache: &Cache) -> Arc<dyn ProvingBackend> {
    let name = format!("ezkl-{}", zkinfer::backend::ezkl::VERSION);
    let installed = Cache::from_env().unwrap().root().join(&name);
    assert!(installed.join("installed").exists(), "EZKL is not installed: run `make setup` first");
    if !cache.root().join(&name).exists() {
        std::os::unix::fs::symlink(installed, cache.root().join(name)).unwrap();
    }
    Arc::new(EzklBackend::new(cache).unwrap())
}

/// The backend of a world by its name, on a cache that exists.
pub(crate) fn backend_at(name: &str, root: &Path) -> Arc<dyn ProvingBackend> {
    match name {
        "native" => Arc::new(on_test_srs()),
        "ezkl" => ezkl_backend(&Cache::at(root.into())),
        _ => Arc::new(MockBackend::default()),
    }
}

/// Weights that keep numbers between 0 and 1 there, different for every seed.
pub(crate) fn model(seed: usize) -> Model {
    let layer = |inputs: usize, outputs: usize, salt: usize| Dense {
        inputs,
        outputs,
        weights: (0..inputs * outputs)
            .map(|i| ((i * 7 + salt + seed * 3) % 11) as f64 / 11.0 / inputs as f64)
            .collect(),
        bias: (0..outputs).map(|i| 0.05 + i as f64 / 100.0).collect(),
    };
    let hidden = vec![Hidden { dense: layer(WIDTH, 12, 0), upper: None }];
    Model::from_onnx(to_onnx(&Mlp { hidden, last: layer(12, WIDTH, 5) })).unwrap()
}

pub(crate) fn input(number: usize) -> Input {
    Input::new(vec![(0..WIDTH).map(|i| ((number * 5 + i * 3) % 16) as f64 / 16.0).collect()]).unwrap()
}

impl World {
    fn new(name: &'static str, backend: impl Fn(&Cache) -> Arc<dyn ProvingBackend>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().into());
        let backend = backend(&cache);
        let integration = EZKLIntegration::new(backend.clone(), cache.clone());
        let prepared = integration.prepare(&model(0), &Control::default()).unwrap();
        assert!(prepared.built);
        let bundle = {
            let request = ProofRequest::new(prepared.artifacts.model_id().to_string(), input(0));
            let generator = ProofGenerator::new(integration.backend(), &prepared);
            generator.generate(&request, &Control::default()).unwrap().bundle
        };
        Self { name, backend, integration, prepared, cache, bundle, _dir: dir }
    }

    /// A world that proves nothing, on virtual time, for tests of callers.
    pub(crate) fn mock(backend: MockBackend) -> Self {
        Self::new("mock", move |_| Arc::new(backend.clone()))
    }

    pub(crate) fn generator(&self) -> ProofGenerator<'_> {
        ProofGenerator::new(self.integration.backend(), &self.prepared)
    }

    pub(crate) fn verifier(&self) -> ProofVerifier<'_> {
        ProofVerifier::new(self.integration.backend(), &self.prepared)
    }

    /// The same artifacts behind counters of its own.
    pub(crate) fn counted(&self) -> EZKLIntegration {
        EZKLIntegration::new(self.backend.clone(), self.cache.clone())
    }

    pub(crate) fn request(&self, number: usize) -> ProofRequest {
        ProofRequest::new(self.prepared.artifacts.model_id().to_string(), input(number))
    }

    pub(crate) fn items(&self, count: usize) -> Vec<BatchItem> {
        (0..count).map(|i| BatchItem::new(format!("item {i}"), self.request(i))).collect()
    }

    pub(crate) fn batch(&self, strategy: Strategy) -> BatchProofGenerator<'_> {
        self.batch_with(BatchConfig::new(strategy))
    }

    pub(crate) fn batch_with(&self, config: BatchConfig) -> BatchProofGenerator<'_> {
        BatchProofGenerator::new(self.generator(), config).unwrap()
    }

    pub(crate) fn single(&self) -> Structure {
        self.bundle.clone().into()
    }

    pub(crate) fn check(&self, structure: &Structure, mode: Mode) -> Verification {
        self.verifier().check(structure, &policy(mode), &Control::default()).unwrap()
    }

    pub(crate) fn assert_valid(&self, bundle: &Bundle) {
        let verification = self.check(&bundle.clone().into(), Mode::Full);
        assert_eq!(verification.status, Status::Valid);
    }
}

/// What holds with a TEST SRS.
pub(crate) fn policy(mode: Mode) -> Policy {
    Policy::new(mode, TrustLevel::Development)
}

pub(crate) fn reason(verification: &Verification) -> String {
    match &verification.status {
        Status::Invalid { reason } | Status::Expired { reason } => reason.clone(),
        other => panic!("{other:?}"),
    }
}
