//! Backends: what can prove. One trait for all of them, so that nothing above it knows which one is used.

pub mod artifacts;
mod control;
mod error;
pub mod ezkl;
pub mod mock;
pub mod native;
mod opening;

pub use crate::proof::srs::{SrsKind, srs_kind};
pub use artifacts::{ArtifactIdentity, Artifacts, ArtifactsError, Provenance};
pub use control::{CancelToken, Control, Progress};
pub use error::BackendError;
pub use opening::{MAX_OPENINGS_BYTES, Opening, Openings, OpeningsError, TensorOpening};
pub use zkinfer_prover::{SampleSecrets, TensorSecret};

use crate::{
    model::{Input, Model, TensorInfo},
    proof::{PublicValues, Schema, Statement, Verdict, bundle::BackendName, schema::Direction},
};
use alloy::primitives::{B256, Bytes};
use std::path::Path;

/// What proves and verifies.
///
/// The steps share directories rather than values: everything a later step needs from an earlier one lies in the
/// artifacts, so that another process can take over at any point. Calls block; callers on an async runtime use
/// `spawn_blocking`. Every call obeys its [`Control`].
pub trait ProvingBackend: Send + Sync + std::fmt::Debug {
    /// What this backend can and cannot do.
    fn capabilities(&self) -> Capabilities;

    /// How many statements one proof of this model can be about, here: [`Capabilities::max_batch`], or fewer where it needs more
    /// than the machine has.
    ///
    /// # Errors
    /// [`BackendError`] when the artifacts cannot be read.
    fn max_batch(&self, _artifacts: &Artifacts) -> Result<usize, BackendError> {
        Ok(self.capabilities().max_batch)
    }

    /// What besides the model and the backend's version decides what [`ProvingBackend::compile`] makes, as a name for
    /// caches; empty when nothing does.
    fn recipe(&self, _model: &Model) -> String {
        String::new()
    }

    /// The largest resident set, in kB, of the process that ran [`ProvingBackend::witness`] and
    /// [`ProvingBackend::prove`]; `None` when it was not measured.
    fn peak_rss_kb(&self) -> Option<u64>;

    /// Turns a model into a circuit: writes the circuit's files into `dir`, which is empty.
    ///
    /// # Errors
    /// [`BackendError`]; a model the backend cannot prove is [`BackendError::Unsupported`].
    fn compile(&self, model: &Model, dir: &Path, control: &Control) -> Result<Circuit, BackendError>;

    /// After the verifier of `circuit` came out with `code.0` bytes, more than the `code.1` that the chain deploys: another
    /// circuit of the same model, whose verifier ought to be smaller, in place of the one in `dir`. `None` when there is none.
    ///
    /// # Errors
    /// As [`ProvingBackend::compile`].
    fn compile_with_less_code(
        &self,
        _model: &Model,
        _dir: &Path,
        _circuit: &Circuit,
        _code: (usize, usize),
        _control: &Control,
    ) -> Result<Option<Circuit>, BackendError> {
        Ok(None)
    }

    /// Makes the keys of the circuit in `dir` and writes them there.
    ///
    /// # Errors
    /// [`BackendError`].
    fn setup(&self, circuit: &Circuit, dir: &Path, control: &Control) -> Result<Keys, BackendError>;

    /// What a model that has an adapter has on-chain for its own, made from the verifying key in `dir`.
    ///
    /// # Errors
    /// [`BackendError`].
    fn model_code(&self, dir: &Path, control: &Control) -> Result<ModelCode, BackendError>;

    /// Derives the model id from the files, and refuses artifacts of another one: every file that a verdict rests on is then
    /// the one that the id was made for, wherever the artifacts come from. Says which SRS they are under, by its points.
    ///
    /// There is no default: a backend that forgets to look would have anybody's files verify for anybody's id.
    ///
    /// # Errors
    /// [`BackendError::Artifacts`], above all [`ArtifactsError::Contradiction`].
    fn check(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError>;

    /// Runs the circuit on an input. What blinds a committed side is drawn anew.
    ///
    /// # Errors
    /// [`BackendError`]; an input outside the circuit's domain is [`BackendError::OutOfDomain`].
    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError>;

    /// As [`ProvingBackend::witness`], with secrets of the caller's in the place of fresh ones: a tensor that was committed
    /// before, under the same secret, is the same commitment again. Other tensors need other secrets.
    ///
    /// # Errors
    /// As [`ProvingBackend::witness`]; [`BackendError::Unsupported`] for the secret of a side that is not committed.
    fn witness_with(
        &self,
        artifacts: &Artifacts,
        input: &Input,
        secrets: &SampleSecrets,
        control: &Control,
    ) -> Result<Witness, BackendError> {
        if secrets.inputs.is_none() && secrets.outputs.is_none() {
            return self.witness(artifacts, input, control);
        }
        let reason = "it commits to no inputs and no outputs".into();
        Err(BackendError::Unsupported { backend: self.capabilities().backend.as_str(), reason })
    }

    /// Proves statements about their witnesses, all with one proof. What is returned has been verified.
    ///
    /// # Errors
    /// [`BackendError`]; a proof that does not verify is [`BackendError::UnsoundProof`], never returned;
    /// [`BackendError::BatchSize`] unless there are 1 to [`Capabilities::max_batch`] items.
    fn prove(&self, artifacts: &Artifacts, items: &[Item<'_>], control: &Control) -> Result<Bytes, BackendError>;

    /// Verifies one proof of all of these statements, which are ordered, with the verifying parts of the artifacts alone.
    ///
    /// # Errors
    /// [`BackendError`] when no verdict was reached: never for an invalid proof.
    fn verify(
        &self,
        artifacts: &Artifacts,
        statements: &[Statement],
        proof: &Bytes,
        control: &Control,
    ) -> Result<Verdict, BackendError>;

    /// Verifies several proofs, each of its own ordered statements; says of each what [`ProvingBackend::verify`] says of it
    /// alone. Backends that can check many at once do.
    ///
    /// # Errors
    /// As [`ProvingBackend::verify`]; then nothing is said of any of them.
    fn verify_many(
        &self,
        artifacts: &Artifacts,
        proofs: &[(&[Statement], &Bytes)],
        control: &Control,
    ) -> Result<ManyVerdicts, BackendError> {
        let one = |(statements, proof): &(&[Statement], &Bytes)| self.verify(artifacts, statements, proof, control);
        let verdicts = proofs.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        Ok(ManyVerdicts { checks: verdicts.len(), verdicts })
    }
}

/// What [`ProvingBackend::verify_many`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManyVerdicts {
    /// In the order of the proofs.
    pub verdicts: Vec<Verdict>,
    /// How many final checks were computed: one per proof, or fewer when they were checked together.
    pub checks: usize,
}

/// What a backend can do. Honest: nothing that is planned.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Its name.
    pub backend: BackendName,
    /// Its version: artifacts of another one are refused.
    pub version: String,
    /// Whether its verdicts mean anything. Only the mock backend says no.
    pub proves: bool,
    /// Whether a proof binds its statement's context. If not, proofs are transferable.
    pub binds_statement: bool,
    /// The most statements that one proof can be about.
    pub max_batch: usize,
    /// Whether a proof can be verified by a contract.
    pub on_chain: bool,
    /// What a proof hides of the weights, in words.
    pub weights: &'static str,
    /// Accelerators in use.
    pub accelerators: Vec<String>,
}

/// A compiled circuit.
#[derive(Clone, Debug, PartialEq)]
pub struct Circuit {
    /// What its public values mean.
    pub schema: Schema,
    /// What the compiler chose, for reports and for the later steps; its shape is the backend's. Published.
    pub details: serde_json::Value,
    /// What it measured of the model, for reports; its shape is the backend's. A function of the weights: never published.
    pub figures: serde_json::Value,
}

/// What key generation yields besides files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The verifying key's digest.
    pub vk_digest: B256,
    /// The SRS's id.
    pub srs_id: B256,
    /// The adapter that verifies this backend's proofs on-chain.
    pub adapter_id: B256,
    /// The exact length of a proof.
    pub proof_bytes: u64,
}

/// What a model has on-chain for its own, beside the adapter that it shares with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelCode {
    /// A generated verifier, not compiled yet.
    Solidity {
        /// The contract's name.
        contract: String,
        /// Its source.
        source: String,
    },
    /// Data that the adapter reads, such as a verifying key, as run-time code that nobody can call into.
    Object {
        /// What it is.
        name: String,
        /// All of it.
        runtime_code: Bytes,
        /// The run-time code of the pages that it names by address, where the factory puts them.
        pages: Vec<Bytes>,
    },
    /// Nothing.
    None,
}

/// A run of the circuit: secret except for its public values. Lives in a private directory that is deleted on drop.
pub struct Witness {
    /// The public values of this run.
    pub public_values: PublicValues,
    opening: Option<Opening>,
    data: Box<dyn std::any::Any + Send + Sync>,
}

impl Witness {
    /// Wraps a backend's own data.
    pub fn new<T: Send + Sync + 'static>(public_values: PublicValues, data: T) -> Self {
        Self { public_values, opening: None, data: Box::new(data) }
    }

    /// The same, with what opens its committed tensors.
    #[must_use]
    pub fn with_opening(self, opening: Option<Opening>) -> Self {
        Self { opening, ..self }
    }

    /// What opens the committed tensors of the public values; `None` when there are none. Secret: for whoever proves.
    /// It is kept nowhere else.
    #[must_use]
    pub const fn opening(&self) -> Option<&Opening> {
        self.opening.as_ref()
    }

    /// The backend's own data.
    ///
    /// # Errors
    /// [`BackendError::ForeignWitness`] when another backend made it.
    pub fn data<T: 'static>(&self) -> Result<&T, BackendError> {
        self.data.downcast_ref().ok_or(BackendError::ForeignWitness)
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("public_values", &self.public_values).finish_non_exhaustive()
    }
}

/// One of the statements that a proof is to prove.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The run.
    pub witness: &'a Witness,
    /// What is claimed of it.
    pub statement: &'a Statement,
}

impl Item<'_> {
    /// What every backend requires before it proves.
    fn check(items: &[Self], max: usize) -> Result<(), BackendError> {
        if items.is_empty() || items.len() > max {
            return Err(BackendError::BatchSize { items: items.len(), max });
        }
        if items.iter().any(|item| item.statement.public_values != item.witness.public_values) {
            return Err(BackendError::UnsoundProof { reason: "the statement is not about this witness".into() });
        }
        Ok(())
    }
}

/// Why these statements are refused before any cryptography: their number, or another model's among them.
fn refused_statements(artifacts: &Artifacts, statements: &[Statement], max: usize) -> Option<Verdict> {
    if statements.is_empty() || statements.len() > max {
        return Some(Verdict::invalid(format!("the proof is about {} statements, not 1 to {max}", statements.len())));
    }
    let ours = artifacts.model_id();
    let other = statements.iter().any(|statement| statement.model_id != ours);
    other.then(|| Verdict::invalid("the statement is about another model"))
}

/// What [`ProvingBackend::check`] says of artifacts, without the backend: nothing of it needs more than the files.
///
/// # Errors
/// As [`ProvingBackend::check`].
pub fn check(artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
    match artifacts.identity().backend {
        BackendName::Ezkl => ezkl::check(artifacts),
        BackendName::Native => native::NativeBackend::new().check(artifacts),
        BackendName::Mock => mock::MockBackend::default().check(artifacts),
    }
}

/// The tensors that an input has to have.
fn input_tensors(schema: &Schema) -> Vec<TensorInfo> {
    let inputs = schema.tensors().iter().filter(|tensor| tensor.direction == Direction::Input);
    inputs.map(|tensor| TensorInfo { name: tensor.name.clone(), shape: tensor.shape.clone() }).collect()
}
