//! EZKL 23.0.5, driven as an external process.
//!
//! Its library holds Python's interpreter lock while it proves, panics on some inputs, crashes on some exits and accepts
//! some invalid artifacts silently. So: one process per concurrent proof, every answer read as untrusted, every proof
//! verified before it is returned, proof lengths exact, weights always `fixed` (the verifying key binds them).

mod install;
mod instances;
mod protocol;
mod srs;
mod tuner;
mod worker;

pub use install::{Installation, LICENCE_NOTICE, PYTHON_ENV};

use super::{
    Artifacts, BackendError, Capabilities, Circuit, Control, Keys, ProvingBackend, SolidityVerifier, Witness,
    input_tensors,
};
use crate::{
    evm,
    model::{Input, Model, TensorInfo},
    proof::{
        PublicValues, Schema, Statement, TensorSchema, Verdict,
        bundle::BackendName,
        identity,
        schema::{Direction, NO_AXIS, Visibility},
    },
    storage::Cache,
};
use alloy::primitives::{Bytes, I256, U256};
use protocol::{
    Compile, Failure, FailureKind, GenSettings, GenWitness, Hello, Prove, ProveResult, Request, RunArgs, Setup,
    VerifierSol, Verify,
};
use serde::{Deserialize, Serialize};
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
    cache: Cache,
    worker: Mutex<Option<Worker>>,
    peak_rss_kb: AtomicU64,
}

/// What the tuner chose and EZKL made of it: `details` in the manifest.
#[derive(Debug, Serialize, Deserialize)]
struct Details {
    run_args: RunArgs,
    rows: u64,
    k: u32,
    input_scales: Vec<u32>,
    output_scales: Vec<u32>,
}

/// A witness file in a private directory.
struct EzklWitness {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl EzklBackend {
    /// Uses the installation in `cache`.
    ///
    /// # Errors
    /// [`BackendError::NotInstalled`] when there is none.
    pub fn new(cache: &Cache) -> Result<Self, BackendError> {
        let installation = Installation::find(cache)?;
        Ok(Self { installation, cache: cache.clone(), worker: Mutex::new(None), peak_rss_kb: AtomicU64::new(0) })
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

    fn run_witness(
        &self,
        dir: &Path,
        schema: &Schema,
        input: &Input,
        control: &Control,
    ) -> Result<Witness, BackendError> {
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let (input_path, path) = (private.path().join("input.json"), private.path().join("witness.json"));
        fs::write(&input_path, input.to_json()).map_err(BackendError::io(&input_path))?;
        let request = GenWitness { input: input_path, compiled: dir.join(COMPILED), witness: path.clone() };
        let made = self.call(&request, control).map_err(|error| match error {
            CallError::Refused(failure) if is_out_of_domain(&failure) => BackendError::OutOfDomain(failure.text()),
            other => other.into_backend(GenWitness::OP),
        })?;
        let instances: Vec<&[String]> = made.inputs.iter().chain(&made.outputs).map(Vec::as_slice).collect();
        let public_values = read_instances(schema, &instances, GenWitness::OP)?;
        Ok(Witness::new(public_values, EzklWitness { path, _dir: private }))
    }

    fn make_proof(
        &self,
        dir: &Path,
        k: u32,
        schema: &Schema,
        witness: &Witness,
        control: &Control,
    ) -> Result<Bytes, BackendError> {
        let data: &EzklWitness = witness.data()?;
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let request = Prove {
            witness: data.path.clone(),
            compiled: dir.join(COMPILED),
            pk: dir.join(PK),
            srs: self.srs(k)?,
            proof: private.path().join("proof.json"),
        };
        let ProveResult { instances, proof } = self.request(&request, control)?;
        let unsound = |reason: &str| BackendError::UnsoundProof { reason: reason.into() };
        let proved = split_column(schema, &instances).ok_or_else(|| unsound("its instances have another shape"))?;
        if read_instances(schema, &proved, Prove::OP)? != witness.public_values {
            return Err(unsound("its instances are not the witness's"));
        }
        let proof = alloy::hex::decode(&proof).map_err(|error| unsound(&error.to_string()))?;
        Ok(proof.into())
    }

    fn check_proof(
        &self,
        dir: &Path,
        schema: &Schema,
        values: &PublicValues,
        proof: &[u8],
        control: &Control,
    ) -> Result<Verdict, BackendError> {
        let values = match schema.decode(values) {
            Ok(values) => values,
            Err(error) => return Ok(Verdict::invalid(error.to_string())),
        };
        let column: Result<Vec<String>, _> = values.into_iter().flatten().map(instances::to_hex).collect();
        let column = match column {
            Ok(column) => column,
            Err(error) => return Ok(Verdict::invalid(error.to_string())),
        };
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let path = private.path().join("proof.json");
        let json = serde_json::json!({ "protocol": null, "instances": [column], "proof": proof, "split": null });
        fs::write(&path, json.to_string()).map_err(BackendError::io(&path))?;
        let request = Verify {
            proof: path,
            settings: dir.join(SETTINGS),
            vk: dir.join(VK),
            srs: dir.join(VERIFY_SRS),
            reduced_srs: true,
        };
        let answer = self.request(&request, control)?;
        Ok(if answer.valid { Verdict::Valid } else { Verdict::invalid(answer.reason.unwrap_or_default()) })
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
            on_chain: true,
            weights: "not hidden from whoever holds the proving key; bound by the verifying key",
            accelerators: vec![],
        }
    }

    fn peak_rss_kb(&self) -> Option<u64> {
        Some(self.peak_rss_kb.load(Ordering::Relaxed)).filter(|&kb| kb > 0)
    }

    fn compile(&self, model: &Model, dir: &Path, control: &Control) -> Result<Circuit, BackendError> {
        refuse_silent_traps(model)?;
        let (onnx, settings) = (dir.join(ONNX), dir.join(SETTINGS));
        fs::write(&onnx, model.as_onnx()).map_err(BackendError::io(&onnx))?;
        control.stage("choose circuit parameters");
        let gen_settings = |run_args| {
            let request = GenSettings { model: onnx.clone(), settings: settings.clone(), run_args };
            self.call(&request, control).map_err(|error| match error {
                CallError::Refused(failure) => unsupported(&failure),
                CallError::Lost(error) => error,
            })
        };
        let choice = tuner::choose(gen_settings)?.ok_or_else(|| BackendError::Unsupported {
            backend: NAME,
            reason: "no circuit of at most 2^26 rows covers its values".into(),
        })?;
        // The last settings written are a candidate's: write the choice's.
        let made = gen_settings(choice.run_args)?;
        control.stage("compile");
        self.request(&Compile { model: onnx, settings, compiled: dir.join(COMPILED) }, control)?;
        let details = Details {
            run_args: choice.run_args,
            rows: made.num_rows,
            k: choice.run_args.logrows,
            input_scales: made.model_input_scales,
            output_scales: made.model_output_scales,
        };
        let schema = schema_of(model, &details, choice.limit)?;
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

    fn solidity_verifier(&self, dir: &Path, control: &Control) -> Result<Option<SolidityVerifier>, BackendError> {
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
        Ok(Some(SolidityVerifier { contract, source }))
    }

    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError> {
        artifacts.expect_backend(BackendName::Ezkl, VERSION)?;
        let schema = artifacts.schema()?;
        input.check(&input_tensors(&schema))?;
        self.run_witness(artifacts.dir(), &schema, input, control)
    }

    fn prove(
        &self,
        artifacts: &Artifacts,
        witness: &Witness,
        statement: &Statement,
        control: &Control,
    ) -> Result<Bytes, BackendError> {
        artifacts.expect_backend(BackendName::Ezkl, VERSION)?;
        if statement.public_values != witness.public_values {
            return Err(BackendError::UnsoundProof { reason: "the statement is not about this witness".into() });
        }
        let details = details(&artifacts.identity().details)?;
        let proof = self.make_proof(artifacts.dir(), details.k, &artifacts.schema()?, witness, control)?;
        // A corrupt key or a tampered witness yields a proof all the same.
        match self.verify(artifacts, statement, &proof, control)? {
            Verdict::Valid => Ok(proof),
            Verdict::Invalid { reason } => Err(BackendError::UnsoundProof { reason }),
        }
    }

    fn verify(
        &self,
        artifacts: &Artifacts,
        statement: &Statement,
        proof: &Bytes,
        control: &Control,
    ) -> Result<Verdict, BackendError> {
        artifacts.expect_backend(BackendName::Ezkl, VERSION)?;
        if statement.model_id != artifacts.model_id() {
            return Ok(Verdict::invalid("the statement is about another model"));
        }
        // EZKL's verifier ignores trailing bytes.
        let expected = artifacts.identity().proof_bytes;
        if proof.len() as u64 != expected {
            return Ok(Verdict::invalid(format!("the proof has {} bytes, not {expected}", proof.len())));
        }
        self.check_proof(artifacts.dir(), &artifacts.schema()?, &statement.public_values, proof, control)
    }
}

impl EzklBackend {
    /// Proves and verifies the all-zero input. Shows that keys, circuit and SRS belong together, and tells the exact
    /// length of a proof, which EZKL's own verifier does not check.
    fn self_test(
        &self,
        circuit: &Circuit,
        details: &Details,
        dir: &Path,
        control: &Control,
    ) -> Result<u64, BackendError> {
        let zeros = input_tensors(&circuit.schema).iter().map(|tensor| vec![0.0; tensor.elements()]).collect();
        let witness = self.run_witness(dir, &circuit.schema, &Input::new(zeros)?, control)?;
        let proof = self.make_proof(dir, details.k, &circuit.schema, &witness, control)?;
        match self.check_proof(dir, &circuit.schema, &witness.public_values, &proof, control)? {
            Verdict::Valid => Ok(proof.len() as u64),
            Verdict::Invalid { reason } => Err(BackendError::UnsoundProof { reason }),
        }
    }
}

/// Values that EZKL says are too large for the decomposition, or for its floats.
fn is_out_of_domain(failure: &Failure) -> bool {
    failure.mentions("decomposition error")
        || failure.mentions("is too large to be represented")
        || failure.mentions("SigBitTruncationError")
        || failure.mentions("significant bit truncation")
}

fn unsupported(failure: &Failure) -> BackendError {
    if failure.kind == FailureKind::Protocol {
        return BackendError::Failed { backend: NAME, operation: "settings".into(), message: failure.text() };
    }
    BackendError::Unsupported { backend: NAME, reason: failure.text() }
}

/// Operators that EZKL accepts and computes wrongly: it would prove another function than the file says.
fn refuse_silent_traps(model: &Model) -> Result<(), BackendError> {
    const IDENTITY_IN_EZKL: [&str; 3] = ["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"];
    match IDENTITY_IN_EZKL.iter().find(|operator| model.operators().contains(**operator)) {
        None => Ok(()),
        Some(operator) => Err(BackendError::Unsupported {
            backend: NAME,
            reason: format!("it treats the operator {operator} as the identity; export the model in floating point"),
        }),
    }
}

fn malformed_details(error: &serde_json::Error) -> BackendError {
    BackendError::Failed { backend: NAME, operation: "artifacts".into(), message: error.to_string() }
}

fn details(value: &serde_json::Value) -> Result<Details, BackendError> {
    Details::deserialize(value).map_err(|error| malformed_details(&error))
}

/// The schema of a model with public inputs and outputs: `int256` words, one power-of-two scale per tensor, the range
/// that the circuit's decomposition enforces.
fn schema_of(model: &Model, details: &Details, limit: u128) -> Result<Schema, BackendError> {
    let limit = I256::from_raw(U256::from(limit));
    let tensor = |direction, info: &TensorInfo, scale: u32| TensorSchema {
        name: info.name.clone(),
        direction,
        visibility: Visibility::Public,
        shape: info.shape.clone(),
        width: 32,
        is_signed: true,
        min: -limit,
        max: limit,
        scales: vec![2f64.powi(-(scale as i32))],
        axis: NO_AXIS,
        zero_point: 0,
    };
    let both = [
        (Direction::Input, model.inputs(), &details.input_scales),
        (Direction::Output, model.outputs(), &details.output_scales),
    ];
    let mut tensors = Vec::new();
    for (direction, infos, scales) in both {
        if infos.len() != scales.len() {
            let reason = format!("EZKL sees {} {direction:?} tensors, the file has {}", scales.len(), infos.len());
            return Err(BackendError::Unsupported { backend: NAME, reason });
        }
        tensors.extend(infos.iter().zip(scales).map(|(info, &scale)| tensor(direction, info, scale)));
    }
    Ok(Schema::new(tensors)?)
}

/// Splits EZKL's one flat column of instances into the schema's tensors.
fn split_column<'a>(schema: &Schema, columns: &'a [Vec<String>]) -> Option<Vec<&'a [String]>> {
    let [column] = columns else { return None };
    let mut rest = column.as_slice();
    let mut tensors = Vec::new();
    for tensor in schema.tensors() {
        let (head, tail) = rest.split_at_checked(tensor.elements())?;
        tensors.push(head);
        rest = tail;
    }
    rest.is_empty().then_some(tensors)
}

fn read_instances(schema: &Schema, tensors: &[&[String]], operation: &str) -> Result<PublicValues, BackendError> {
    let values: Result<Vec<Vec<I256>>, _> =
        tensors.iter().map(|tensor| tensor.iter().map(|text| instances::from_hex(text)).collect()).collect();
    let values = values.map_err(|error| BackendError::Failed {
        backend: NAME,
        operation: operation.into(),
        message: error.to_string(),
    })?;
    Ok(schema.encode(&values)?)
}
