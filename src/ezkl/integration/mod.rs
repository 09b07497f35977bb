//! The lifecycle of artifacts: built once per model and backend, kept by content, built again when damaged.

mod config;
mod info;
mod metered;
mod remote;

pub use config::IntegrationConfig;
pub use info::{BackendInfo, CircuitInfo, Compatibility, IntegrationStatus, ResourceMetrics};
pub use remote::{Contents, StoredArtifacts};

use super::PipelineError;
use crate::{
    backend::{
        ArtifactIdentity, Artifacts, ArtifactsError, BackendError, Control, Keys, ModelCode, Provenance,
        ProvingBackend, SrsKind,
    },
    evm::{CompiledContract, Compiler, EvmError},
    model::Model,
    storage::{Cache, Lease},
};
use alloy::primitives::{B256, Bytes};
use metered::Metered;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The generated verifier's source, and what it compiles to.
const VERIFIER_SOL: &str = "verifier.sol";
const VERIFIER_JSON: &str = "verifier.json";
/// In artifacts that nobody can make again, because their setup drew a secret: they are never evicted.
const DRAWN_SECRET: &str = "model.secret";
/// How often a circuit is made anew because its verifier came out too large.
const LESS_CODE_TRIES: usize = 2;
/// Bumped when what is built from the same model changes.
const RECIPE: u32 = 3;

/// A backend with its artifacts.
#[derive(Debug, Clone)]
pub struct EZKLIntegration {
    backend: Arc<Metered>,
    cache: Cache,
    config: IntegrationConfig,
    builds: Arc<AtomicU64>,
}

/// Artifacts that are ready, and the contract that verifies for them.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The artifacts.
    pub artifacts: Artifacts,
    /// The model's own code: a verifier, or an object that holds its key; `None` when it has none.
    pub verifier: Option<CompiledContract>,
    /// Which SRS they are under: by its points, whatever a file says.
    pub srs: SrsKind,
    /// Whether they were built just now.
    pub built: bool,
    /// Keeps them in the cache as long as they are used.
    _lease: Option<Lease>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifierFile {
    contract: String,
    abi: serde_json::Value,
    creation_code: Bytes,
    runtime_code: Bytes,
    code_hash: B256,
    /// Run-time code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pages: Vec<Bytes>,
}

impl EZKLIntegration {
    /// Keeps the backend's artifacts in `cache`.
    #[must_use]
    pub fn new(backend: Arc<dyn ProvingBackend>, cache: Cache) -> Self {
        let config = IntegrationConfig::default();
        Self { backend: Arc::new(Metered::new(backend)), cache, config, builds: Arc::new(AtomicU64::new(0)) }
    }

    /// As [`EZKLIntegration::new`], with what is asked for besides.
    ///
    /// # Errors
    /// [`PipelineError::AcceleratorAbsent`] or [`PipelineError::MissingSrs`] when it is not there: nothing is replaced in
    /// silence.
    pub fn with_config(
        backend: Arc<dyn ProvingBackend>,
        cache: Cache,
        config: IntegrationConfig,
    ) -> Result<Self, PipelineError> {
        config.check(&*backend)?;
        Ok(Self { config, ..Self::new(backend, cache) })
    }

    /// The backend. What it does is counted: see [`EZKLIntegration::metrics`].
    #[must_use]
    pub fn backend(&self) -> &dyn ProvingBackend {
        &*self.backend
    }

    /// What was asked for.
    #[must_use]
    pub const fn config(&self) -> &IntegrationConfig {
        &self.config
    }

    /// What the backend is and takes.
    #[must_use]
    pub fn info(&self) -> BackendInfo {
        let capabilities = self.backend.capabilities();
        let own = info::max_constraints(capabilities.backend);
        BackendInfo {
            backend: capabilities.backend,
            version: capabilities.version,
            max_constraints: self.config.max_constraints.map_or(own, |limit| limit.min(own)),
            operators: info::operators(capabilities.backend),
            max_batch: capabilities.max_batch,
            accelerators: capabilities.accelerators,
        }
    }

    /// Whether it takes requests.
    #[must_use]
    pub fn status(&self) -> IntegrationStatus {
        match self.cached_circuits() {
            Ok(cached_circuits) => IntegrationStatus { ready: true, problem: None, cached_circuits },
            Err(error) => IntegrationStatus { ready: false, problem: Some(error.to_string()), cached_circuits: 0 },
        }
    }

    /// What was measured so far.
    ///
    /// # Errors
    /// [`PipelineError`] when the cache cannot be read.
    pub fn metrics(&self) -> Result<ResourceMetrics, PipelineError> {
        let (compile, setup) = self.backend.times();
        Ok(ResourceMetrics {
            peak_rss_kb: self.backend.peak_rss_kb(),
            compile,
            setup,
            builds: self.builds(),
            cached_circuits: self.cached_circuits()?,
            proofs: self.backend.proofs.load(Ordering::Relaxed),
            proven_statements: self.backend.statements.load(Ordering::Relaxed),
            verifications: self.backend.verifications.load(Ordering::Relaxed),
        })
    }

    /// Whether all operators of a model are known to the backend.
    #[must_use]
    pub fn compatibility(&self, model: &Model) -> Compatibility {
        Compatibility::of(model, self.backend.capabilities().backend)
    }

    /// Backends stop at the first operator that they do not take: names all of them.
    fn name_operators(&self, model: &Model, error: PipelineError) -> PipelineError {
        match (error, self.compatibility(model).unsupported) {
            (PipelineError::Backend(BackendError::Unsupported { reason, .. }), operators) if !operators.is_empty() => {
                let backend = self.backend.capabilities().backend;
                PipelineError::UnsupportedOperators { backend, operators, reason }
            }
            (error, _) => error,
        }
    }

    fn cached_circuits(&self) -> Result<usize, PipelineError> {
        let (root, ours) = (self.cache.dir("artifacts")?, self.backend.capabilities().backend);
        let entries = fs::read_dir(&root).map_err(|source| io(&root, source))?;
        let dirs = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        Ok(dirs.filter(|dir| Artifacts::peek(dir).is_ok_and(|found| found.backend == ours)).count())
    }

    /// How often artifacts were built, not found.
    #[must_use]
    pub fn builds(&self) -> u64 {
        self.builds.load(Ordering::Relaxed)
    }

    /// The artifacts of a model: found in the cache, or built. Concurrent callers, in other processes too, wait for the
    /// one that builds. Nothing half-built is ever found.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub fn prepare(&self, model: &Model, control: &Control) -> Result<Prepared, PipelineError> {
        let key = self.key(model);
        let dir = self.cache.dir("artifacts")?.join(&key);
        let _lock = self.cache.lock(&format!("artifacts-{key}"))?;
        if dir.exists() {
            match self.open(&dir) {
                Ok(found) => return self.within_limit(found),
                Err(error) => {
                    tracing::warn!(%error, "artifacts in the cache are damaged and are built again");
                    self.give_up(&dir, &key)?;
                }
            }
        }
        let staging = self.cache.staging()?;
        self.build(model, staging.path(), control).map_err(|error| self.name_operators(model, error))?;
        fs::rename(staging.path(), &dir).map_err(|source| io(&dir, source))?;
        self.builds.fetch_add(1, Ordering::Relaxed);
        let prepared = Prepared { built: true, ..self.open(&dir)? };
        self.cut_down("artifacts", |dir| dir.join(DRAWN_SECRET).exists());
        self.within_limit(prepared)
    }

    /// Keeps a folder of the cache within its limit. That it is not is no reason to fail what was asked for.
    fn cut_down(&self, folder: &str, irreplaceable: impl Fn(&Path) -> bool) {
        if let Err(error) = self.cache.evict(folder, irreplaceable) {
            tracing::warn!(folder, %error, "the cache was not cut down to its limit");
        }
    }

    /// The artifacts of a model that was prepared on this machine before.
    ///
    /// # Errors
    /// [`PipelineError::UnknownModel`] when there are none; others when they are damaged.
    pub fn find(&self, model_id: B256) -> Result<Prepared, PipelineError> {
        let root = self.cache.dir("artifacts")?;
        let ours = self.backend.capabilities().backend;
        for entry in fs::read_dir(&root).map_err(|source| io(&root, source))? {
            let dir = entry.map_err(|source| io(&root, source))?.path();
            // A manifest that cannot be read is of no model that could be asked for.
            if Artifacts::peek(&dir).is_ok_and(|found| found.backend == ours && found.model_id() == model_id) {
                match self.open(&dir) {
                    // Evicted by another process just now.
                    Err(_) if !dir.exists() => continue,
                    found => return found,
                }
            }
        }
        Err(PipelineError::UnknownModel(model_id))
    }

    /// Keeps the artifacts of a model that was prepared on this machine from being evicted by any process, until
    /// [`Cache::unpin`] is called for the holder. Whether there are any. Nothing of them but the manifest is looked at.
    ///
    /// # Errors
    /// [`PipelineError`] when the cache cannot be used.
    pub fn pin(&self, model_id: B256, holder: &str) -> Result<bool, PipelineError> {
        let root = self.cache.dir("artifacts")?;
        let ours = self.backend.capabilities().backend;
        for entry in fs::read_dir(&root).map_err(|source| io(&root, source))? {
            let dir = entry.map_err(|source| io(&root, source))?.path();
            let is_it = Artifacts::peek(&dir).is_ok_and(|found| found.backend == ours && found.model_id() == model_id);
            // Evicted by another process just now: it may be there a second time.
            if is_it && self.cache.pin(&dir, holder)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes room for artifacts that are built or fetched again. They are moved aside, not removed: the secret of a model that
    /// was registered may be all that is undamaged, and what contradicts itself is for somebody to look at.
    fn give_up(&self, dir: &Path, key: &str) -> Result<(), PipelineError> {
        let root = self.cache.dir("damaged")?;
        // The caller holds the lock of this key.
        let aside = (0..).map(|number| root.join(format!("{key}-{number}"))).find(|path| !path.exists());
        let aside = aside.ok_or_else(|| io(&root, std::io::ErrorKind::AlreadyExists.into()))?;
        fs::rename(dir, &aside).map_err(|source| io(dir, source))?;
        tracing::warn!(path = %aside.display(), "the damaged artifacts were moved there");
        Ok(())
    }

    fn build(&self, model: &Model, dir: &Path, control: &Control) -> Result<(), PipelineError> {
        let mut circuit = self.backend.compile(model, dir, control)?;
        let mut sizes = Vec::new();
        let (keys, verifier) = loop {
            let keys = self.backend.setup(&circuit, dir, control)?;
            control.stage("the model's own code");
            let (size, limit) = match self.own_code(&keys, dir, control) {
                Err(PipelineError::Evm(EvmError::ContractTooLarge { size, limit, .. })) => (size, limit),
                code => break (keys, code?),
            };
            // What was forecast of its size was wrong, or nothing smaller was known to the forecast.
            sizes.push(size);
            let next = match sizes.len() {
                1..=LESS_CODE_TRIES => {
                    self.backend.compile_with_less_code(model, dir, &circuit, (size, limit), control)?
                }
                _ => None,
            };
            let backend = self.backend.capabilities().backend;
            circuit = next.ok_or(PipelineError::VerifierTooLarge { backend, sizes: sizes.clone(), limit })?;
        };
        if let Some(contract) = &verifier {
            write(dir, VERIFIER_JSON, &to_file(contract))?;
        }
        let capabilities = self.backend.capabilities();
        let identity = ArtifactIdentity {
            backend: capabilities.backend,
            backend_version: capabilities.version,
            parameters: model.parameters(),
            dims: model.dims().iter().map(|(symbol, size)| (symbol.clone(), *size as u64)).collect(),
            adapter_id: keys.adapter_id,
            model_code_hash: verifier.map_or(B256::ZERO, |contract| contract.code_hash),
            vk_digest: keys.vk_digest,
            schema: circuit.schema.to_bytes().into(),
            srs_id: keys.srs_id,
            proof_bytes: keys.proof_bytes,
            details: circuit.details,
        };
        Provenance { onnx_hash: model.hash(), figures: circuit.figures }.write(dir)?;
        Artifacts::seal(dir, identity)?;
        Ok(())
    }

    /// The model's own code, from its keys in `dir`, compiled.
    fn own_code(&self, keys: &Keys, dir: &Path, control: &Control) -> Result<Option<CompiledContract>, PipelineError> {
        if keys.adapter_id.is_zero() {
            return Ok(None);
        }
        match self.backend.model_code(dir, control)? {
            ModelCode::Solidity { contract, source } => {
                write(dir, VERIFIER_SOL, source.as_bytes())?;
                let compiled = Compiler::discover()?.compile_named(&source, &contract)?;
                let size = compiled.runtime_code.len();
                match self.config.max_code_bytes {
                    Some(limit) if size > limit => Err(EvmError::ContractTooLarge { contract, size, limit }.into()),
                    _ => Ok(Some(compiled)),
                }
            }
            ModelCode::Object { name, runtime_code, pages } => object(&name, runtime_code, pages).map(Some),
            ModelCode::None => Ok(None),
        }
    }

    fn open(&self, dir: &Path) -> Result<Prepared, PipelineError> {
        let lease = self.cache.lease(dir)?;
        Ok(Prepared { _lease: Some(lease), ..Prepared::open(&*self.backend, dir)? })
    }

    fn within_limit(&self, prepared: Prepared) -> Result<Prepared, PipelineError> {
        let Some(limit) = self.config.max_constraints else { return Ok(prepared) };
        match CircuitInfo::of(&prepared)?.constraints {
            constraints if constraints > limit => Err(PipelineError::CircuitTooLarge { constraints, limit }),
            _ => Ok(prepared),
        }
    }

    /// Everything that decides what is built.
    fn key(&self, model: &Model) -> String {
        let capabilities = self.backend.capabilities();
        let adapters = crate::evm::artifacts::adapters().map(|adapter| adapter.deployed_code_hash);
        let mut parts =
            format!("{RECIPE} {} {} {} {adapters:?}", capabilities.backend, capabilities.version, model.hash());
        let recipe = self.backend.recipe(model);
        if !recipe.is_empty() {
            parts = format!("{parts} {recipe}");
        }
        if let Some(limit) = self.config.max_code_bytes {
            parts = format!("{parts} code {limit}");
        }
        blake3::hash(parts.as_bytes()).to_hex().to_string()
    }
}

impl Prepared {
    /// Opens artifacts in a directory of the caller's, outside of every cache. There is no other way to have a value of this
    /// type than by this check: every file is the one of the model id.
    ///
    /// # Errors
    /// [`PipelineError::Artifacts`] and [`PipelineError::Backend`].
    pub fn open(backend: &dyn ProvingBackend, dir: &Path) -> Result<Self, PipelineError> {
        let artifacts = Artifacts::open(dir)?;
        let verifier = match artifacts.file(VERIFIER_JSON) {
            Ok(path) => Some(from_file(&path)?),
            Err(_) => None,
        };
        let code_hash = verifier.as_ref().map_or(B256::ZERO, |contract| contract.code_hash);
        ArtifactsError::expect(
            &dir.join(VERIFIER_JSON),
            "the hash of its code",
            code_hash,
            artifacts.identity().model_code_hash,
        )?;
        let srs = backend.check(&artifacts)?;
        Ok(Self { artifacts, verifier, srs, built: false, _lease: None })
    }

    /// The model's own code, as bundles carry it: none that goes on in pages, since it says nothing without them.
    #[must_use]
    pub fn carried_code(&self) -> Option<&Bytes> {
        self.verifier.as_ref().filter(|code| code.pages.is_empty()).map(|code| &code.runtime_code)
    }

    /// Where the generated verifier's source lies; `None` when the model has none.
    #[must_use]
    pub fn verifier_source(&self) -> Option<PathBuf> {
        self.artifacts.file(VERIFIER_SOL).ok()
    }

    /// Where the compiled verifier lies; `None` when the model has none.
    #[must_use]
    pub fn verifier_json(&self) -> Option<PathBuf> {
        self.artifacts.file(VERIFIER_JSON).ok()
    }
}

fn to_file(compiled: &CompiledContract) -> Vec<u8> {
    let file = VerifierFile {
        contract: compiled.name.clone(),
        abi: serde_json::from_str(&compiled.abi_json).unwrap_or_default(),
        creation_code: compiled.creation_code.clone(),
        runtime_code: compiled.runtime_code.clone(),
        code_hash: compiled.code_hash,
        pages: compiled.pages.iter().map(|page| page.runtime_code.clone()).collect(),
    };
    // Strings and JSON values only: nothing that serde_json can refuse.
    serde_json::to_vec_pretty(&file).unwrap_or_default()
}

fn from_file(path: &Path) -> Result<CompiledContract, PipelineError> {
    let json = fs::read(path).map_err(|source| io(path, source))?;
    let file: VerifierFile = serde_json::from_slice(&json).map_err(|error| damaged(path, &error.to_string()))?;
    if alloy::primitives::keccak256(&file.runtime_code) != file.code_hash {
        return Err(damaged(path, "its code has another hash").into());
    }
    let pages = pages_of(&file.contract, file.pages)?;
    let contract = CompiledContract {
        name: file.contract,
        abi_json: file.abi.to_string(),
        creation_code: file.creation_code,
        runtime_code: file.runtime_code,
        code_hash: file.code_hash,
        pages: Vec::new(),
    };
    Ok(contract.with_pages(pages).map_err(|error| damaged(path, &error.to_string()))?)
}

/// A contract that is data, with the pages that it names.
fn object(name: &str, runtime_code: Bytes, pages: Vec<Bytes>) -> Result<CompiledContract, PipelineError> {
    Ok(CompiledContract::data(name, runtime_code)?.with_pages(pages_of(name, pages)?)?)
}

fn pages_of(name: &str, pages: Vec<Bytes>) -> Result<Vec<CompiledContract>, PipelineError> {
    let page = |code| CompiledContract::data(&format!("{name}Page"), code);
    Ok(pages.into_iter().map(page).collect::<Result<_, _>>()?)
}

fn write(dir: &Path, name: &str, content: &[u8]) -> Result<(), PipelineError> {
    let path = dir.join(name);
    fs::write(&path, content).map_err(|source| io(&path, source).into())
}

fn io(path: &Path, source: std::io::Error) -> ArtifactsError {
    ArtifactsError::Io { path: path.display().to_string(), source }
}

fn damaged(path: &Path, reason: &str) -> ArtifactsError {
    ArtifactsError::Damaged { path: path.display().to_string(), reason: reason.into() }
}
