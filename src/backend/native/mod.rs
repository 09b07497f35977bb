//! The native prover of this project (`crates/prover`), in this process. It has two systems: multi-layer perceptrons
//! (`docs/protocol.md`) and general networks (`docs/protocol-networks.md`), each with a contract. A model that the first one takes
//! is under that one.
//!
//! A model is quantized to integers ([`crate::model::quantize`], [`crate::model::network`]); its proof hides weights and
//! activations, and binds its statement. Weights, blinding and model secret lie in the artifacts, readable by their owner
//! alone. Every setup draws a new model secret: the same model set up twice has two commitments, hence two model ids.
//!
//! Either side of a model can be hidden ([`NativeBackend::with_hidden`]): its statements then hold a commitment to the
//! tensor instead of the tensor, and whoever proves gets what opens it ([`Opening`]).
//!
//! A model is set up under the ceremony that ships with the program ([`SrsSource`]). Each system has a contract for it, and one for
//! the TEST SRS: a model that is set up under another ceremony, or beyond the points of that contract, is proven and verified
//! off-chain, and its capabilities and warnings say so. So is a network whose verification takes more gas than a transaction has.

mod bound;
mod calibration;
mod carried;
mod details;
mod files;
mod imported;
mod memory;
mod model_opening;
mod network;
mod openings;
mod perceptron;
mod schema;
mod srs;
mod system;

pub use calibration::Source;
pub use carried::{check_model, has_unseen_parts, verify_with_key_object};
pub use imported::ImportedPowers;
pub use model_opening::{MAX_MODEL_OPENING_BYTES, ModelOpening};
pub use srs::SrsSource;
pub use zkinfer_prover::circuit::Committed;

use super::{
    Artifacts, ArtifactsError, BackendError, Capabilities, Circuit, Control, Item, Keys, ManyVerdicts, ModelCode,
    Opening, ProvingBackend, SrsKind, Witness, refused_statements,
};
use crate::{
    model::{
        Input, Model,
        quantize::{InputRange, InputScale},
    },
    proof::{
        PublicValues, Schema, Statement, TensorSchema, Verdict,
        bundle::{BackendName, MAX_STATEMENTS},
        schema::Direction,
    },
    storage::Cache,
};
use alloy::primitives::{B256, Bytes};
use details::{Details, Figures};
use files::{PK, VK};
use perceptron::{quantize, shape_of, weights_of};
use srs::SrsStore;
use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use system::{AnyProver, AnyVerifier, Key, Proven, SecretKey};
use zeroize::Zeroizing;
use zkinfer_prover::{
    CircuitError, KeyError, ProveError, PublicValues as ProverValues, Request, SampleSecrets,
    Statement as ProverStatement,
    circuit::{Layout, Shape, Side},
};

/// Recorded in artifacts; artifacts of another version are refused.
pub const VERSION: &str = "1";

const NAME: &str = "native";
const ADVICE: &str = "try `--backend ezkl`";

/// The native backend. Keeps the tables of the model that was used last.
#[derive(Debug, Default)]
pub struct NativeBackend {
    calibration: Option<Input>,
    hidden: Committed,
    precise: bool,
    memory_limit_mb: Option<u64>,
    srs: SrsStore,
    loaded: Mutex<Option<Loaded>>,
    peak_rss_kb: AtomicU64,
}

#[derive(Debug)]
struct Loaded {
    vk_digest: B256,
    capacity: usize,
    prover: Arc<AnyProver>,
}

/// The integers that the proof takes in, and what blinds those that the statement hides.
struct NativeWitness {
    inputs: Zeroizing<Vec<u16>>,
    secrets: SampleSecrets,
}

/// Obeys a [`Control`] between steps: work in this process cannot be killed.
struct Deadline<'a> {
    control: &'a Control,
    start: Instant,
}

impl<'a> Deadline<'a> {
    fn start(control: &'a Control, operation: &str) -> Result<Self, BackendError> {
        let deadline = Self { control, start: Instant::now() };
        deadline.check(operation)?;
        Ok(deadline)
    }

    fn check(&self, operation: &str) -> Result<(), BackendError> {
        if self.control.cancel.is_cancelled() {
            return Err(BackendError::Cancelled { operation: operation.into() });
        }
        let limit = self.control.time_limit;
        if self.start.elapsed() >= limit {
            return Err(BackendError::TimedOut { operation: operation.into(), limit });
        }
        Ok(())
    }
}

impl NativeBackend {
    /// Quantizes with samples that come with a model, else for inputs in `[0, 1]`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Quantizes with these samples: one list that holds several inputs, one after the other.
    #[must_use]
    pub fn with_calibration(samples: Input) -> Self {
        Self { calibration: Some(samples), ..Self::default() }
    }

    /// Sets models up under this SRS instead of the one that ships. Models that are set up keep theirs.
    #[must_use]
    pub fn with_srs(self, source: SrsSource) -> Self {
        Self { srs: self.srs.with_source(source), ..self }
    }

    /// Finds the powers that were imported into this cache ([`ImportedPowers`]), for setups and for large batches.
    #[must_use]
    pub fn with_cache(self, cache: &Cache) -> Self {
        Self { srs: self.srs.with_cache(cache.clone()), ..self }
    }

    /// Sets models up with these sides hidden: their statements commit to the tensor, under a secret that is fresh for every
    /// witness. Another choice is another model, with another id. Models that are set up keep theirs.
    #[must_use]
    pub fn with_hidden(self, hidden: Committed) -> Self {
        Self { hidden, ..self }
    }

    /// Sets perceptrons up as general networks: with weights of 16 bits instead of 8, so that answers are closer to the float
    /// model's, and proofs take somewhat longer. It is another model, with another id. Models that are set up stay what they are.
    #[must_use]
    pub fn precise(self) -> Self {
        Self { precise: true, ..self }
    }

    /// Refuses networks whose proofs are expected to take more memory than this, instead of more than there is.
    #[must_use]
    pub fn with_memory_limit(self, mb: u64) -> Self {
        Self { memory_limit_mb: Some(mb), ..self }
    }

    /// The prover of a model, with its tables, for proofs of at least `samples` statements.
    fn prover(&self, artifacts: &Artifacts, samples: usize) -> Result<Arc<AnyProver>, BackendError> {
        artifacts.expect_backend(BackendName::Native, VERSION)?;
        let vk_digest = artifacts.identity().vk_digest;
        let mut slot = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = slot.as_ref().filter(|loaded| loaded.vk_digest == vk_digest && loaded.capacity >= samples)
        {
            return Ok(loaded.prover.clone());
        }
        let path = artifacts.file(PK)?;
        let key = SecretKey::from_bytes(&files::read_secret(&path)?, &path)?;
        ArtifactsError::expect(&path, "the key's digest", key.digest(), vk_digest)?;
        let schema = artifacts.schema()?;
        let agrees = key.interface().and_then(|interface| self::schema::agrees(&schema, interface));
        agrees.map_err(|reason| damaged(&path, &reason))?;
        let srs = self.srs.for_proving(artifacts, key.powers(samples)?)?;
        let prover = Arc::new(key.prover(&srs, samples)?);
        *slot = Some(Loaded { vk_digest, capacity: samples, prover: prover.clone() });
        Ok(prover)
    }

    /// The verifying key, which is the one of the model id and means what the schema says.
    fn key(artifacts: &Artifacts) -> Result<Key, BackendError> {
        artifacts.expect_backend(BackendName::Native, VERSION)?;
        let (key, path, of) = (Key::read(artifacts)?, artifacts.file(VK)?, artifacts.identity());
        ArtifactsError::expect(&path, "the key's digest", key.digest(), of.vk_digest)?;
        ArtifactsError::expect(&path, "the key's SRS", key.srs_id(), of.srs_id)?;
        let schema = artifacts.schema()?;
        let agrees = key.interface().and_then(|interface| schema::agrees(&schema, interface));
        agrees.map_err(|reason| damaged(&path, &reason))?;
        Ok(key)
    }

    fn verifier(&self, artifacts: &Artifacts) -> Result<AnyVerifier, BackendError> {
        let (key, path) = (Self::key(artifacts)?, artifacts.file(VK)?);
        // Compares the points' id with the key's, which is the model id's.
        key.verifier(&*self.srs.for_verifying(artifacts)?, &path)
    }
}

impl ProvingBackend for NativeBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            backend: BackendName::Native,
            version: VERSION.into(),
            proves: true,
            binds_statement: true,
            max_batch: MAX_STATEMENTS,
            on_chain: self.srs.is_on_chain(),
            weights: "hidden, behind a commitment blinded by the model secret; the shape is public",
            accelerators: vec![],
        }
    }

    /// As many as there are powers of tau for.
    fn max_batch(&self, artifacts: &Artifacts) -> Result<usize, BackendError> {
        let details = Details::read(&artifacts.identity().details)?;
        let rows = match details.network {
            Some(network) => (network.rows as usize).next_power_of_two(),
            None => Layout::new(&shape_of(details)?).positions,
        };
        let fits = self.srs.powers(artifacts)? / rows.max(1);
        // Statements are padded to a power of two.
        Ok(fits.checked_ilog2().map_or(1, |log| 1 << log).min(MAX_STATEMENTS))
    }

    fn recipe(&self, _: &Model) -> String {
        let samples = self.calibration.as_ref().map(|input| blake3::hash(&input.to_json()).to_hex().to_string());
        let hidden: String = self.hidden.sides().map(|side| format!("hidden {} ", side_name(side))).collect();
        let precise = if self.precise { "precise" } else { "" }.to_owned();
        let parts = [samples.unwrap_or_default(), self.srs.recipe(), hidden.trim_end().to_owned(), precise];
        parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    fn peak_rss_kb(&self) -> Option<u64> {
        Some(self.peak_rss_kb.load(Ordering::Relaxed)).filter(|&kb| kb > 0)
    }

    fn compile(&self, model: &Model, dir: &Path, control: &Control) -> Result<Circuit, BackendError> {
        let deadline = Deadline::start(control, "compile")?;
        control.stage("read the layers");
        // Whatever is no perceptron may be a network, and is named as one where it is neither.
        let Some(mlp) = self.perceptron(model) else { return self.compile_network(model, dir, control, &deadline) };
        self.compile_perceptron(model, &mlp, dir, control, &deadline)
    }

    fn setup(&self, circuit: &Circuit, dir: &Path, control: &Control) -> Result<Keys, BackendError> {
        let deadline = Deadline::start(control, "setup")?;
        let details = Details::read(&circuit.details)?;
        if details.network.is_some() {
            return self.set_up_network(circuit, dir, control, &deadline);
        }
        self.set_up_perceptron(circuit, details, dir, control, &deadline)
    }

    /// The key object. Nothing for a key that the contract would refuse.
    fn model_code(&self, dir: &Path, _: &Control) -> Result<ModelCode, BackendError> {
        bound::model_code(&Key::read_dir(dir)?)
    }

    fn check(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
        self.check_bound(artifacts)
    }

    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError> {
        self.witness_with(artifacts, input, &SampleSecrets::default(), control)
    }

    fn witness_with(
        &self,
        artifacts: &Artifacts,
        input: &Input,
        secrets: &SampleSecrets,
        control: &Control,
    ) -> Result<Witness, BackendError> {
        let deadline = Deadline::start(control, "witness")?;
        artifacts.expect_backend(BackendName::Native, VERSION)?;
        let schema = artifacts.schema()?;
        let inputs = Zeroizing::new(quantize_input(&schema, input)?);
        let prover = self.prover(artifacts, 1)?;
        deadline.check("witness")?;
        let interface = prover.interface().map_err(|reason| failed("witness", reason))?;
        let secrets = secrets_for(interface.committed, secrets)?;
        let values = prover.public_values(&inputs, &secrets).map_err(|error| named(artifacts, "witness", &error));
        let (values, outputs) = values?;
        let public_values = PublicValues::from_bytes(values.into());
        schema.decode(&public_values)?;
        let opening = Opening::new(&secrets, inputs.iter().map(|&x| x.into()), outputs.iter().copied());
        Ok(Witness::new(public_values, NativeWitness { inputs, secrets }).with_opening(opening))
    }

    fn prove(&self, artifacts: &Artifacts, items: &[Item<'_>], control: &Control) -> Result<Bytes, BackendError> {
        let deadline = Deadline::start(control, "prove")?;
        Item::check(items, MAX_STATEMENTS)?;
        let requests = items.iter().map(request).collect::<Result<Vec<_>, _>>()?;
        let (requests, secrets): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let prover = self.prover(artifacts, items.len())?;
        deadline.check("prove")?;
        memory::reset_peak();
        let proved = prover.prove(artifacts.model_id(), &requests, &secrets);
        if let Some(peak) = memory::peak_kb() {
            self.peak_rss_kb.fetch_max(peak, Ordering::Relaxed);
        }
        let proof = proved.map_err(|error| named(artifacts, "prove", &error))?;
        // A damaged key or a fault of the machine makes worthless proofs.
        let statements: Vec<Statement> = items.iter().map(|item| item.statement.clone()).collect();
        match self.verify(artifacts, &statements, &proof, control)? {
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
        let many = self.verify_many(artifacts, &[(statements, proof)], control)?;
        Ok(many.verdicts.into_iter().next().unwrap_or_else(|| Verdict::invalid("there is no verdict")))
    }

    /// With one product of pairings for all, when all are valid.
    fn verify_many(
        &self,
        artifacts: &Artifacts,
        proofs: &[(&[Statement], &Bytes)],
        control: &Control,
    ) -> Result<ManyVerdicts, BackendError> {
        Deadline::start(control, "verify")?;
        let refused = |statements| refused_statements(artifacts, statements, MAX_STATEMENTS);
        let mut verdicts: Vec<Option<Verdict>> = proofs.iter().map(|(statements, _)| refused(statements)).collect();
        if verdicts.iter().all(Option::is_some) {
            return Ok(ManyVerdicts { verdicts: verdicts.into_iter().flatten().collect(), checks: 0 });
        }
        let (schema, verifier) = (artifacts.schema()?, self.verifier(artifacts)?);
        let mut open = Vec::new();
        for (at, (statements, proof)) in proofs.iter().enumerate() {
            if verdicts[at].is_some() {
                continue;
            }
            match proven_statements(&schema, &verifier, statements) {
                Ok(proven) => open.push((at, proven, *proof)),
                Err(reason) => verdicts[at] = Some(Verdict::invalid(reason)),
            }
        }
        let found = verifier.verify_many(&open);
        for ((at, ..), verdict) in open.iter().zip(found.verdicts) {
            verdicts[*at] = Some(verdict.map_or_else(|error| Verdict::invalid(error.to_string()), |()| Verdict::Valid));
        }
        Ok(ManyVerdicts { verdicts: verdicts.into_iter().flatten().collect(), checks: found.products })
    }
}

/// Statements as the prover crate has them, or why they are none of this model's.
fn proven_statements(schema: &Schema, verifier: &AnyVerifier, statements: &[Statement]) -> Result<Proven, String> {
    let decoded = statements.iter().try_for_each(|statement| schema.decode(&statement.public_values).map(drop));
    decoded.map_err(|error| error.to_string())?;
    verifier.statements(statements)
}

/// A statement as the prover crate has it.
fn prover_statement(shape: &Shape, statement: &Statement) -> Result<ProverStatement, CircuitError> {
    let values = ProverValues::from_bytes(shape, statement.public_values.as_bytes())?;
    Ok(ProverStatement { model_id: statement.model_id.0, context_id: statement.context.id().0, values })
}

fn request(item: &Item<'_>) -> Result<(Request, SampleSecrets), BackendError> {
    let data: &NativeWitness = item.witness.data()?;
    let request = Request { inputs: data.inputs.to_vec(), context_id: item.statement.context.id().0 };
    Ok((request, data.secrets.clone()))
}

/// Secrets for exactly the hidden sides: those that are given, fresh ones for the others.
fn secrets_for(committed: Committed, given: &SampleSecrets) -> Result<SampleSecrets, BackendError> {
    for (side, secret) in [(Side::Inputs, &given.inputs), (Side::Outputs, &given.outputs)] {
        if secret.is_some() && !committed.has(side) {
            let reason = format!("its {} are public: no secret blinds them", side_name(side));
            return Err(BackendError::Unsupported { backend: NAME, reason });
        }
    }
    let fresh = SampleSecrets::generate(committed).map_err(|error| failed("witness", error))?;
    Ok(SampleSecrets {
        inputs: given.inputs.clone().or(fresh.inputs),
        outputs: given.outputs.clone().or(fresh.outputs),
    })
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Inputs => "inputs",
        Side::Outputs => "outputs",
    }
}

/// The integers of an input of zeros.
fn zeros(schema: &Schema) -> Vec<u16> {
    let inputs = schema.tensors().iter().filter(|tensor| tensor.direction == Direction::Input);
    let of = |tensor: &TensorSchema| vec![u16::try_from(tensor.zero_point).unwrap_or_default(); tensor.elements()];
    inputs.flat_map(of).collect()
}

/// The integers that the input's numbers mean, one tensor after the other.
fn quantize_input(schema: &Schema, input: &Input) -> Result<Vec<u16>, BackendError> {
    input.check(&super::input_tensors(schema))?;
    let advice = "quantize the model with samples of such inputs (--calibration)";
    let outside = |range: InputRange| BackendError::OutOfDomain(format!("{range}; {advice}"));
    let of_tensor = |(tensor, numbers): (&TensorSchema, &Vec<f64>)| {
        let zero_point = u16::try_from(tensor.zero_point).unwrap_or_default();
        let integer = |at: usize, x: f64| InputScale { scale: tensor.scale(at), zero_point }.quantize_at(at, x);
        numbers.iter().enumerate().map(|(at, &x)| integer(at, x).map_err(outside)).collect::<Result<Vec<u16>, _>>()
    };
    let lists: Vec<_> = schema.tensors().iter().zip(input.tensors()).map(of_tensor).collect::<Result<_, _>>()?;
    Ok(lists.concat())
}

fn unsupported(error: &dyn std::error::Error) -> BackendError {
    BackendError::Unsupported { backend: NAME, reason: format!("{error}; {ADVICE}") }
}

fn refused(error: &dyn std::error::Error) -> BackendError {
    BackendError::Unsupported { backend: NAME, reason: error.to_string() }
}

fn failed(operation: &str, error: impl std::fmt::Display) -> BackendError {
    BackendError::Failed { backend: NAME, operation: operation.into(), message: error.to_string() }
}

fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> BackendError {
    ArtifactsError::Damaged { path: path.display().to_string(), reason: reason.to_string() }.into()
}

/// Values out of range are the input's fault and name their layer; an excluded challenge or missing randomness is not.
fn prove_error(operation: &str, error: &ProveError) -> BackendError {
    match error {
        ProveError::Range { layer, neuron, what, .. } => {
            BackendError::OutOfDomain(format!("layer {layer}, neuron {neuron}: {what}"))
        }
        ProveError::Element { layer, element, what, .. } => {
            BackendError::OutOfDomain(format!("layer {layer}, element {element}: {what}"))
        }
        ProveError::Key(KeyError::Circuit(_)) | ProveError::Circuit(_) => refused(error),
        _ => failed(operation, error),
    }
}

/// As [`prove_error`]; says which node of the model a layer of a network comes from, where the artifacts know it.
fn named(artifacts: &Artifacts, operation: &str, error: &ProveError) -> BackendError {
    let ProveError::Element { layer, element, what, .. } = error else { return prove_error(operation, error) };
    let figures = artifacts.provenance().ok().flatten().map(|provenance| provenance.figures);
    let tensor = figures.map(|figures| figures["network"]["tensors"][*layer].clone());
    match tensor.as_ref().and_then(|tensor| Some((tensor["node"].as_str()?, tensor["operator"].as_str()?))) {
        Some((node, operator)) => BackendError::OutOfDomain(format!(
            "node `{node}` ({operator}), element {element}: {what}; quantize the model with samples of such inputs \
             (--calibration)"
        )),
        None => prove_error(operation, error),
    }
}
