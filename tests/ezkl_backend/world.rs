//! What every test here starts from: a cache of its own that borrows the user's EZKL installation, and the digits model.

use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use zkinfer::{
    backend::{
        ArtifactIdentity, Artifacts, BackendError, Control, Item, Provenance, ProvingBackend,
        ezkl::{EzklBackend, EzklOptions},
    },
    model::{
        Input, Model,
        synthetic::{random_mlp, to_onnx},
    },
    pipeline::{EZKLIntegration, Prepared, ProofGenerator},
    proof::{Bundle, Context, Statement, bundle::BackendName, schema::Direction},
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

/// A network whose proof takes a tenth of a second.
pub(crate) fn tiny_model() -> Model {
    Model::from_onnx(to_onnx(&random_mlp(&[4, 8, 3], 1).unwrap())).unwrap()
}

pub(crate) fn tiny_input(i: u32) -> Input {
    Input::new(vec![(0..4).map(|j| f64::from((i * 7 + j * 3) % 11) / 10.0).collect()]).unwrap()
}

/// One build of the tiny network that the tests share.
pub(crate) static TINY: LazyLock<Tiny> = LazyLock::new(|| {
    let (dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(backend(&cache), cache);
    let prepared = integration.prepare(&tiny_model(), &Control::default()).unwrap();
    Tiny { prepared, _dir: dir }
});

pub(crate) struct Tiny {
    pub(crate) prepared: Prepared,
    _dir: TempDir,
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

/// A model's circuit and keys without a verifier contract: no Solidity compiler is waited for.
pub(crate) struct Built {
    pub(crate) backend: Arc<EzklBackend>,
    pub(crate) artifacts: Artifacts,
    pub(crate) dir: TempDir,
    _cache: TempDir,
}

/// The cache whose SRS files all of these share.
static SRS: LazyLock<(TempDir, Cache)> = LazyLock::new(fresh_cache);

pub(crate) fn build(model: &Model, options: EzklOptions) -> Result<Built, BackendError> {
    let (cache_dir, cache) = fresh_cache();
    std::fs::create_dir_all(SRS.1.root().join("srs")).unwrap();
    std::os::unix::fs::symlink(SRS.1.root().join("srs"), cache.root().join("srs")).unwrap();
    let backend = backend_with(&cache, options);
    let (dir, control) = (tempfile::tempdir().unwrap(), Control::default());
    let circuit = backend.compile(model, dir.path(), &control)?;
    let keys = backend.setup(&circuit, dir.path(), &control)?;
    let identity = ArtifactIdentity {
        backend: BackendName::Ezkl,
        backend_version: zkinfer::backend::ezkl::VERSION.into(),
        parameters: model.parameters(),
        dims: Default::default(),
        adapter_id: keys.adapter_id,
        model_code_hash: alloy::primitives::B256::ZERO,
        vk_digest: keys.vk_digest,
        schema: circuit.schema.to_bytes().into(),
        srs_id: keys.srs_id,
        proof_bytes: keys.proof_bytes,
        details: circuit.details,
    };
    Provenance { onnx_hash: model.hash(), figures: circuit.figures }.write(dir.path()).unwrap();
    let artifacts = Artifacts::seal(dir.path(), identity).unwrap();
    Ok(Built { backend, artifacts, dir, _cache: cache_dir })
}

impl Built {
    pub(crate) fn statement(&self, witness: &zkinfer::backend::Witness) -> Statement {
        Statement {
            model_id: self.artifacts.model_id(),
            public_values: witness.public_values.clone(),
            context: Context::Offchain {},
        }
    }

    /// Witness, proof, verdict; and another verdict about a proof that was changed.
    pub(crate) fn proves(&self, input: &Input) -> Statement {
        let control = Control::default();
        let witness = self.backend.witness(&self.artifacts, input, &control).unwrap();
        let statement = self.statement(&witness);
        let proof = self.backend.prove(&self.artifacts, &[Item { witness: &witness, statement: &statement }], &control);
        let proof = proof.unwrap();
        let verify = |proof: &alloy::primitives::Bytes| {
            self.backend.verify(&self.artifacts, std::slice::from_ref(&statement), proof, &control).unwrap().is_valid()
        };
        assert!(verify(&proof));
        let mut flipped = proof.to_vec();
        flipped[40] ^= 1;
        assert!(!verify(&flipped.into()));
        statement
    }

    /// The outputs of a statement, as real numbers, one tensor after the other.
    pub(crate) fn outputs(&self, statement: &Statement) -> Vec<f64> {
        let schema = self.artifacts.schema().unwrap();
        let values = schema.decode(&statement.public_values).unwrap();
        let outputs = schema.tensors().iter().zip(&values).filter(|(tensor, _)| tensor.direction == Direction::Output);
        let real = outputs.flat_map(|(tensor, list)| list.iter().enumerate().map(|(i, &q)| tensor.dequantize(i, q)));
        real.collect()
    }
}
