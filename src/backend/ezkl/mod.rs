//! EZKL 23.0.5, driven as an external process.
//!
//! Its library holds Python's interpreter lock while it proves, panics on some inputs, crashes on some exits and accepts
//! some invalid artifacts silently. So: one process per concurrent proof, every answer read as untrusted, every proof
//! verified before it is returned, proof lengths exact, weights always `fixed` (the verifying key binds them).

pub mod batch;
mod bound;
mod circuit;
mod compile;
mod error;
mod explain;
pub(crate) mod fuzzing;
mod install;
mod instances;
mod options;
mod pool;
mod protocol;
mod run;
mod samples;
mod srs;
mod tuner;
mod validate;
mod watch;
mod worker;

pub use error::{ArtifactFile, EzklError};
pub use install::{Installation, LICENCE_NOTICE, PYTHON_ENV};
pub use options::{EzklOptions, Objective, Tuning};
pub use pool::PoolStatus;
pub(crate) use samples::sample_inputs;
pub use samples::{OutputParity, Parity};
pub use srs::{ImportedSrs, SrsFileError, SrsStore, SrsStoreError};
pub use tuner::Forecast;
pub(crate) use validate::SUPPORTED as SUPPORTED_OPERATORS;

use super::{
    Artifacts, BackendError, Capabilities, Circuit, Control, Item, Keys, ModelCode, ProvingBackend, SrsKind, Witness,
    input_tensors, refused_statements,
};
use crate::{
    evm,
    model::{Input, Model},
    proof::{Statement, Verdict, bundle::BackendName},
    storage::Cache,
};
use alloy::primitives::Bytes;
pub(super) use bound::check;
use circuit::{details, figures};
use pool::Pool;
use protocol::{GenWitness, Hello, Prove, Request, Setup, VerifierSol};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use worker::{Answer, CallError};

/// The one version this release drives.
pub const VERSION: &str = "23.0.5";

/// A proof is about one run of the circuit.
const MAX_BATCH: usize = 1;

const ONNX: &str = "model.onnx";
const SETTINGS: &str = "settings.json";
const COMPILED: &str = "model.compiled";
const PK: &str = "pk.key";
const VK: &str = "vk.key";
/// Two powers of the SRS: all that verifying needs.
const VERIFY_SRS: &str = "verify.srs";

/// The EZKL backend, with its pool of worker processes.
#[derive(Debug)]
pub struct EzklBackend {
    options: EzklOptions,
    srs: SrsStore,
    pool: Pool,
    peak_rss_kb: AtomicU64,
    proving_cpu_us: AtomicU64,
}

impl EzklBackend {
    /// Uses the installation in `cache`.
    ///
    /// # Errors
    /// [`BackendError::NotInstalled`] when there is none.
    pub fn new(cache: &Cache) -> Result<Self, BackendError> {
        Self::with_options(cache, EzklOptions::new())
    }

    /// As [`EzklBackend::new`], with other options.
    ///
    /// # Errors
    /// As [`EzklBackend::new`].
    pub fn with_options(cache: &Cache, options: EzklOptions) -> Result<Self, BackendError> {
        let installation = Installation::find(cache)?;
        let pool = Pool::new(installation, &options);
        let (peak_rss_kb, proving_cpu_us) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { options, srs: SrsStore::new(cache), pool, peak_rss_kb, proving_cpu_us })
    }

    /// Starts a worker if none is running, which shows that EZKL loads and is [`VERSION`].
    ///
    /// # Errors
    /// [`BackendError::NotInstalled`] or [`BackendError::Worker`].
    pub fn start_worker(&self, control: &Control) -> Result<(), BackendError> {
        self.request(&Hello {}, None, control).map(|_| ())
    }

    /// How the workers are doing.
    #[must_use]
    pub fn pool_status(&self) -> PoolStatus {
        self.pool.status()
    }

    /// The process ids of the workers that run.
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        self.pool.pids()
    }

    /// The CPU time, of all threads, that workers took for witnesses and proofs so far.
    #[must_use]
    pub fn proving_cpu(&self) -> Duration {
        Duration::from_micros(self.proving_cpu_us.load(Ordering::Relaxed))
    }

    /// What the tuner predicted of a circuit; `None` when EZKL chose it, or somebody else made it.
    ///
    /// # Errors
    /// [`BackendError::Failed`] when the artifacts are not EZKL's.
    pub fn forecast(artifacts: &Artifacts) -> Result<Option<Forecast>, BackendError> {
        Ok(figures(artifacts)?.and_then(|figures| figures.forecast))
    }

    /// How far a circuit was from the float model when it was compiled; `None` when somebody else made it.
    ///
    /// # Errors
    /// [`BackendError::Failed`] when the artifacts are not EZKL's.
    pub fn parity_of(artifacts: &Artifacts) -> Result<Option<Parity>, BackendError> {
        Ok(figures(artifacts)?.and_then(|figures| figures.parity))
    }

    /// The number of inferences in one proof of a circuit.
    ///
    /// # Errors
    /// [`BackendError::Failed`] when the artifacts are not EZKL's.
    pub fn batch_of(artifacts: &Artifacts) -> Result<std::num::NonZeroU32, BackendError> {
        Ok(details(&artifacts.identity().details)?.batch)
    }

    fn call<R: Request>(&self, request: &R, k: Option<u32>, control: &Control) -> Result<R::Result, CallError> {
        let Answer { result, peak_rss_kb, cpu } = self.pool.call(request, k, control)?;
        if [GenWitness::OP, Prove::OP].contains(&R::OP) {
            self.peak_rss_kb.fetch_max(peak_rss_kb, Ordering::Relaxed);
            let micros = u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX);
            self.proving_cpu_us.fetch_add(micros, Ordering::Relaxed);
        }
        Ok(result)
    }

    fn request<R: Request>(&self, request: &R, k: Option<u32>, control: &Control) -> Result<R::Result, BackendError> {
        self.call(request, k, control).map_err(|error| error.into_backend(R::OP))
    }

    /// The SRS file for circuits of 2^k rows.
    fn srs(&self, k: u32) -> Result<PathBuf, BackendError> {
        self.srs.file(self.options.srs, k)
    }
}

impl From<BackendError> for CallError {
    fn from(error: BackendError) -> Self {
        Self::Lost(error)
    }
}

impl ProvingBackend for EzklBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            backend: BackendName::Ezkl,
            version: VERSION.into(),
            proves: true,
            binds_statement: false,
            max_batch: MAX_BATCH,
            on_chain: true,
            weights: "not hidden from whoever holds the proving key; bound by the verifying key",
            accelerators: vec![],
        }
    }

    fn recipe(&self, _model: &Model) -> String {
        self.options.recipe()
    }

    fn peak_rss_kb(&self) -> Option<u64> {
        Some(self.peak_rss_kb.load(Ordering::Relaxed)).filter(|&kb| kb > 0)
    }

    fn compile(&self, model: &Model, dir: &Path, control: &Control) -> Result<Circuit, BackendError> {
        self.compile_model(model, dir, control)
    }

    fn compile_with_less_code(
        &self,
        model: &Model,
        dir: &Path,
        circuit: &Circuit,
        code: (usize, usize),
        control: &Control,
    ) -> Result<Option<Circuit>, BackendError> {
        Self::compile_with_less_code(self, model, dir, circuit, code, control)
    }

    fn setup(&self, circuit: &Circuit, dir: &Path, control: &Control) -> Result<Keys, BackendError> {
        let details = details(&circuit.details)?;
        // Without bound weights there are no keys, no model id, and nothing to register.
        details.expect_bound_weights()?;
        control.stage("keys");
        let srs = self.srs(details.k)?;
        let (vk, pk) = (dir.join(VK), dir.join(PK));
        self.request(&Setup { compiled: dir.join(COMPILED), srs, vk: vk.clone(), pk }, Some(details.k), control)?;
        self.srs.write_verification_srs(self.options.srs, &dir.join(VERIFY_SRS))?;
        control.stage("self-test");
        let proof_bytes = self.self_test(circuit, &details, dir, control)?;
        let vk_digest = bound::vk_digest(dir, proof_bytes)?;
        Ok(Keys {
            vk_digest,
            srs_id: self.options.srs.unwrap_or_else(srs::test_srs_id),
            adapter_id: evm::artifacts::ezkl_adapter_id(),
            proof_bytes,
        })
    }

    fn model_code(&self, dir: &Path, control: &Control) -> Result<ModelCode, BackendError> {
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let sol = private.path().join("verifier.sol");
        let request = VerifierSol {
            vk: dir.join(VK),
            settings: dir.join(SETTINGS),
            srs: dir.join(VERIFY_SRS),
            sol: sol.clone(),
            abi: private.path().join("verifier.abi"),
            reusable: false,
        };
        let contract = self.request(&request, None, control)?.contract;
        let source = fs::read_to_string(&sol).map_err(BackendError::io(&sol))?;
        Ok(ModelCode::Solidity { contract, source })
    }

    fn check(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
        bound::check(artifacts)
    }

    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError> {
        artifacts.expect_backend(BackendName::Ezkl, VERSION)?;
        let schema = artifacts.schema()?;
        input.check(&input_tensors(&schema))?;
        let details = details(&artifacts.identity().details)?;
        self.run_witness(artifacts.dir(), &details, &schema, input, control).map_err(|error| match error {
            BackendError::OutOfDomain(said) => {
                let told = explain::explain(artifacts.dir(), &details, input, &said);
                BackendError::OutOfDomain(format!(
                    "{told}. Compile the model with samples of such inputs (--calibration)"
                ))
            }
            error => error,
        })
    }

    fn prove(&self, artifacts: &Artifacts, items: &[Item<'_>], control: &Control) -> Result<Bytes, BackendError> {
        artifacts.expect_backend(BackendName::Ezkl, VERSION)?;
        Item::check(items, MAX_BATCH)?;
        let [Item { witness, statement }] = items else {
            return Err(BackendError::BatchSize { items: items.len(), max: MAX_BATCH });
        };
        let details = details(&artifacts.identity().details)?;
        let proof = self.make_proof(artifacts.dir(), details.k, &artifacts.schema()?, witness, control)?;
        // A corrupt key or a tampered witness yields a proof all the same.
        match self.verify(artifacts, std::slice::from_ref(statement), &proof, control)? {
            Verdict::Valid => Ok(proof),
            Verdict::Invalid { reason } => Err(BackendError::UnsoundProof { reason }),
        }
    }

    fn verify(
        &self,
        artifacts: &Artifacts,
        statements: &[Statement],
        proof: &Bytes,
        control: &Control,
    ) -> Result<Verdict, BackendError> {
        artifacts.expect_backend(BackendName::Ezkl, VERSION)?;
        if let Some(refused) = refused_statements(artifacts, statements, MAX_BATCH) {
            return Ok(refused);
        }
        let [statement] = statements else { return Ok(Verdict::invalid("an EZKL proof is about one statement")) };
        // EZKL's verifier ignores trailing bytes.
        let expected = artifacts.identity().proof_bytes;
        if proof.len() as u64 != expected {
            return Ok(Verdict::invalid(format!("the proof has {} bytes, not {expected}", proof.len())));
        }
        let k = details(&artifacts.identity().details)?.k;
        self.check_proof(artifacts.dir(), k, &artifacts.schema()?, &statement.public_values, proof, control)
    }
}
