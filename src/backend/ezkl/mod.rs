//! EZKL 23.0.5, driven as an external process.
//!
//! Its library holds Python's interpreter lock while it proves, panics on some inputs, crashes on some exits and accepts
//! some invalid artifacts silently. So: one process per concurrent proof, every answer read as untrusted, every proof
//! verified before it is returned, proof lengths exact, weights always `fixed` (the verifying key binds them).

mod circuit;
pub(crate) mod fuzzing;
mod install;
mod instances;
mod options;
mod protocol;
mod run;
mod srs;
mod tuner;
mod worker;

pub use install::{Installation, LICENCE_NOTICE, PYTHON_ENV};
pub use options::{EzklOptions, Tuning};

use super::{
    Artifacts, BackendError, Capabilities, Circuit, Control, Item, Keys, ModelCode, ProvingBackend, Witness,
    input_tensors, refused_statements,
};
use crate::{
    evm,
    model::{Input, Model, quantize::Calibration},
    proof::{Statement, Verdict, bundle::BackendName, identity},
    storage::Cache,
};
use alloy::primitives::Bytes;
use circuit::{Details, details, malformed_details, refuse_silent_traps, schema_of, unsupported};
use protocol::{Calibrate, Compile, GenSettings, GenWitness, Hello, Prove, Request, Setup, VerifierSol};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use worker::{Answer, CallError, NAME, Worker};

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

/// The EZKL backend. One worker process, started when it is first needed and again after it was lost.
#[derive(Debug)]
pub struct EzklBackend {
    installation: Installation,
    options: EzklOptions,
    cache: Cache,
    worker: Mutex<Option<Worker>>,
    peak_rss_kb: AtomicU64,
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
        let (worker, peak_rss_kb) = (Mutex::new(None), AtomicU64::new(0));
        Ok(Self { installation, options, cache: cache.clone(), worker, peak_rss_kb })
    }

    /// Starts a worker if none is running, which shows that EZKL loads and is [`VERSION`].
    ///
    /// # Errors
    /// [`BackendError::NotInstalled`] or [`BackendError::Worker`].
    pub fn start_worker(&self, control: &Control) -> Result<(), BackendError> {
        self.request(&Hello {}, control).map(|_| ())
    }

    /// The process id of the running worker, if one runs.
    #[must_use]
    pub fn worker_pid(&self) -> Option<u32> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Worker::pid)
    }

    fn call<R: Request>(&self, request: &R, control: &Control) -> Result<R::Result, CallError> {
        let mut slot = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let mut worker = match slot.take() {
            Some(worker) => worker,
            None => self.start(control)?,
        };
        let answer = worker.call(request, control);
        if !matches!(answer, Err(CallError::Lost(_))) {
            *slot = Some(worker);
        }
        let Answer { result, peak_rss_kb } = answer?;
        if [GenWitness::OP, Prove::OP].contains(&R::OP) {
            self.peak_rss_kb.fetch_max(peak_rss_kb, Ordering::Relaxed);
        }
        Ok(result)
    }

    fn start(&self, control: &Control) -> Result<Worker, CallError> {
        let mut worker = Worker::start(&self.installation).map_err(CallError::Lost)?;
        let hello = worker.call(&Hello {}, control)?.result;
        tracing::debug!(python = hello.python, ezkl = ?hello.ezkl, "EZKL worker started");
        if hello.protocol == protocol::VERSION && hello.ezkl.as_deref() == Some(VERSION) {
            return Ok(worker);
        }
        Err(CallError::Lost(BackendError::NotInstalled {
            backend: NAME,
            problem: format!("its version is {:?}, this release drives {VERSION}", hello.ezkl),
            hint: "Delete the installation and run `zkinfer setup ezkl`".into(),
        }))
    }

    fn request<R: Request>(&self, request: &R, control: &Control) -> Result<R::Result, BackendError> {
        self.call(request, control).map_err(|error| error.into_backend(R::OP))
    }

    /// This project's choice, its settings written to `settings`.
    fn choose(&self, onnx: &Path, settings: &Path, control: &Control) -> Result<Details, BackendError> {
        let gen_settings = |run_args| {
            let request = GenSettings { model: onnx.into(), settings: settings.into(), run_args };
            self.call(&request, control).map_err(settings_failed)
        };
        let choice = tuner::choose(gen_settings)?.ok_or_else(|| BackendError::Unsupported {
            backend: NAME,
            reason: "no circuit of at most 2^26 rows covers its values".into(),
        })?;
        // The last settings written are a candidate's: write the choice's.
        let made = gen_settings(choice.run_args)?;
        Ok(Details {
            run_args: choice.run_args,
            rows: made.num_rows,
            k: choice.run_args.logrows,
            input_scales: made.model_input_scales,
            output_scales: made.model_output_scales,
        })
    }

    /// EZKL's own choice, its settings written to `settings`.
    fn let_ezkl_choose(
        &self,
        model: &Model,
        onnx: &Path,
        settings: &Path,
        control: &Control,
    ) -> Result<Details, BackendError> {
        let samples = match &self.options.calibration {
            Some(samples) => samples.clone(),
            None => Input::new(
                model
                    .inputs()
                    .iter()
                    .map(|tensor| Calibration::default().samples(tensor.elements()).concat())
                    .collect(),
            )?,
        };
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let data = private.path().join("calibration.json");
        fs::write(&data, samples.to_json()).map_err(BackendError::io(&data))?;
        let request = Calibrate { model: onnx.into(), settings: settings.into(), data };
        let made = self.call(&request, control).map_err(settings_failed)?;
        Ok(Details {
            run_args: made.run_args,
            rows: made.num_rows,
            k: made.run_args.logrows,
            input_scales: made.model_input_scales,
            output_scales: made.model_output_scales,
        })
    }

    /// The TEST SRS for circuits of 2^k rows, made when it is missing.
    fn srs(&self, k: u32) -> Result<PathBuf, BackendError> {
        let path = self.cache.dir("srs/test")?.join(format!("kzg{k}.srs"));
        let _lock = self.cache.lock(&format!("srs-test-{k}"))?;
        let bytes = 4 + (128u64 << k) + 256;
        if fs::metadata(&path).is_ok_and(|found| found.len() == bytes) {
            return Ok(path);
        }
        srs::write_test_srs(&path, k)?;
        Ok(path)
    }
}

fn settings_failed(error: CallError) -> BackendError {
    match error {
        CallError::Refused(failure) => unsupported(&failure),
        CallError::Lost(error) => error,
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
        refuse_silent_traps(model)?;
        let (onnx, settings) = (dir.join(ONNX), dir.join(SETTINGS));
        fs::write(&onnx, model.as_onnx()).map_err(BackendError::io(&onnx))?;
        control.stage("choose circuit parameters");
        let details = match self.options.tuning {
            Tuning::Ours => self.choose(&onnx, &settings, control)?,
            Tuning::EzklDefault => self.let_ezkl_choose(model, &onnx, &settings, control)?,
        };
        control.stage("compile");
        self.request(&Compile { model: onnx, settings, compiled: dir.join(COMPILED) }, control)?;
        let schema = schema_of(model, &details)?;
        Ok(Circuit { schema, details: serde_json::to_value(details).map_err(|error| malformed_details(&error))? })
    }

    fn setup(&self, circuit: &Circuit, dir: &Path, control: &Control) -> Result<Keys, BackendError> {
        let details = details(&circuit.details)?;
        control.stage("keys");
        let srs = self.srs(details.k)?;
        let (vk, pk) = (dir.join(VK), dir.join(PK));
        self.request(&Setup { compiled: dir.join(COMPILED), srs, vk: vk.clone(), pk }, control)?;
        srs::write_test_srs(&dir.join(VERIFY_SRS), 1)?;
        let vk_digest = identity::ezkl_vk_digest(&fs::read(&vk).map_err(BackendError::io(&vk))?);
        control.stage("self-test");
        let proof_bytes = self.self_test(circuit, &details, dir, control)?;
        Ok(Keys {
            vk_digest,
            srs_id: srs::test_srs_id(),
            test_srs: true,
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
        let contract = self.request(&request, control)?.contract;
        let source = fs::read_to_string(&sol).map_err(BackendError::io(&sol))?;
        Ok(ModelCode::Solidity { contract, source })
    }

    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError> {
        artifacts.expect_backend(BackendName::Ezkl, VERSION)?;
        let schema = artifacts.schema()?;
        input.check(&input_tensors(&schema))?;
        self.run_witness(artifacts.dir(), &schema, input, control)
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
        self.check_proof(artifacts.dir(), &artifacts.schema()?, &statement.public_values, proof, control)
    }
}
