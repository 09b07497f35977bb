//! Making proofs: an input in, a verified bundle out.

mod incremental;
mod meter;
pub(crate) mod request;
mod stream;
mod together;

pub use incremental::{IncrementalProof, IncrementalResult, IncrementalStatus};
pub use request::{
    MAX_PARAMETERS, MAX_TEXT_BYTES, ProofMetadata, ProofMetrics, ProofRequest, ProofResponse, RequestSalt,
};
pub use stream::{OutputChunk, Streamed};
pub use together::TogetherResponse;

use super::{
    PipelineError, Prepared,
    answer::{Outputs, Reference},
    batch_proofs::BatchCircuit,
    clock::now_ms,
    integration::CircuitInfo,
};
use crate::{
    backend::{Control, Item, Opening, ProvingBackend, SampleSecrets, Witness},
    model::Input,
    proof::{Bundle, Context, Manifest, PublicValues, Schema, Statement, identity},
};
use meter::Meter;
use request::Hasher;

/// Proves with one model.
#[derive(Debug)]
pub struct ProofGenerator<'a> {
    backend: &'a dyn ProvingBackend,
    prepared: &'a Prepared,
    reference: Option<Reference>,
}

impl<'a> ProofGenerator<'a> {
    /// Uses artifacts that `backend` made.
    #[must_use]
    pub const fn new(backend: &'a dyn ProvingBackend, prepared: &'a Prepared) -> Self {
        Self { backend, prepared, reference: None }
    }

    /// Proves no answer that is not the floating-point model's: the public values of every witness are compared with it before
    /// they are proven, and refused with [`PipelineError::OtherAnswer`].
    #[must_use]
    pub fn against(self, reference: Reference) -> Self {
        Self { reference: Some(reference), ..self }
    }

    pub(super) const fn backend(&self) -> &'a dyn ProvingBackend {
        self.backend
    }

    pub(super) const fn prepared(&self) -> &'a Prepared {
        self.prepared
    }

    /// Runs the circuit on an input: the quantized answer, before it is proven.
    ///
    /// # Errors
    /// [`PipelineError`], [`PipelineError::OtherAnswer`] among them: see [`ProofGenerator::against`].
    pub fn witness(&self, input: &Input, control: &Control) -> Result<Witness, PipelineError> {
        self.witness_with(input, &SampleSecrets::default(), control)
    }

    /// As [`ProofGenerator::witness`], with the caller's secrets for committed sides: what was committed before, under the same
    /// secret, is the same commitment again.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub fn witness_with(
        &self,
        input: &Input,
        secrets: &SampleSecrets,
        control: &Control,
    ) -> Result<Witness, PipelineError> {
        control.stage("witness");
        let witness = self.backend.witness_with(&self.prepared.artifacts, input, secrets, control)?;
        // What several inputs in one circuit lead to is compared input by input, by whoever put them together.
        if let Some(reference) = &self.reference
            && BatchCircuit::of(self.prepared)?.is_none()
        {
            let schema = self.prepared.artifacts.schema()?;
            reference.check(Outputs::read(&schema, &witness.public_values, witness.opening())?, input)?;
        }
        Ok(witness)
    }

    /// Compares what a circuit that takes several inputs made of them, in their order, and says which one is refused.
    pub(super) fn check_places(
        &self,
        circuit: &BatchCircuit,
        witness: &Witness,
        inputs: &[Input],
    ) -> Result<(), PipelineError> {
        let Some(reference) = &self.reference else { return Ok(()) };
        for (index, input) in inputs.iter().enumerate() {
            let checked = circuit.outputs(&witness.public_values, index);
            checked.and_then(|outputs| reference.check(outputs, input)).map_err(|source| match inputs.len() {
                1 => source,
                _ => PipelineError::Request { index, source: Box::new(source) },
            })?;
        }
        Ok(())
    }

    /// What public values of this model say of the outputs for `input`, beside what the floating-point model says if there is
    /// one ([`ProofGenerator::against`]) and nothing is hidden. `place` is that of the input in a circuit that takes several, else 0.
    ///
    /// # Errors
    /// [`PipelineError`] when the values are not this model's.
    pub fn outputs(
        &self,
        values: &PublicValues,
        place: usize,
        opening: Option<&Opening>,
        input: &Input,
    ) -> Result<Outputs, PipelineError> {
        let outputs = match BatchCircuit::of(self.prepared)? {
            Some(circuit) => circuit.outputs(values, place)?,
            None => Outputs::read(&self.prepared.artifacts.schema()?, values, opening)?,
        };
        match &self.reference {
            Some(reference) if outputs.are_open() => reference.compare(outputs, input),
            _ => Ok(outputs),
        }
    }

    /// Proves a run for a context. The proof in the bundle has been verified.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub fn prove(&self, witness: &Witness, context: Context, control: &Control) -> Result<Bundle, PipelineError> {
        self.prove_batch(&[(witness, context)], control)
    }

    /// Proves several runs, each for its context, with one proof, which has been verified.
    ///
    /// # Errors
    /// [`PipelineError`]; a backend that cannot prove so many at once says so.
    pub fn prove_batch(&self, runs: &[(&Witness, Context)], control: &Control) -> Result<Bundle, PipelineError> {
        let artifacts = &self.prepared.artifacts;
        let statements: Vec<Statement> =
            runs.iter().map(|(witness, context)| self.statement(witness, *context)).collect();
        let items: Vec<Item<'_>> =
            runs.iter().zip(&statements).map(|((witness, _), statement)| Item { witness, statement }).collect();
        control.stage("prove");
        let proof = self.backend.prove(artifacts, &items, control)?;
        let (capabilities, of) = (self.backend.capabilities(), artifacts.identity());
        let manifest = Manifest {
            backend: of.backend,
            backend_version: of.backend_version.clone(),
            adapter_id: of.adapter_id,
            model_code_hash: of.model_code_hash,
            model_code: self.prepared.carried_code().cloned(),
            vk_digest: of.vk_digest,
            schema: of.schema.clone(),
            schema_hash: identity::schema_hash(&of.schema),
            srs_id: of.srs_id,
            test_srs: self.prepared.srs.is_test(),
            transferable: !capabilities.binds_statement,
            weights: capabilities.weights.into(),
            proof_hash: identity::proof_hash(&proof),
            created_at_ms: now_ms(),
        };
        Ok(Bundle::new(statements, proof, manifest)?)
    }

    /// What a run would be claimed as.
    #[must_use]
    pub fn statement(&self, witness: &Witness, context: Context) -> Statement {
        Statement {
            model_id: self.prepared.artifacts.model_id(),
            public_values: witness.public_values.clone(),
            context,
        }
    }

    /// Refuses a request that cannot be meant: before any work is spent on it.
    ///
    /// # Errors
    /// [`PipelineError::InvalidInput`] names the field.
    pub fn check(&self, request: &ProofRequest) -> Result<(), PipelineError> {
        request.check(&self.prepared.artifacts)
    }

    /// Runs and proves a request.
    ///
    /// # Errors
    /// [`PipelineError`]; [`PipelineError::InvalidInput`] names the field of a request that cannot be meant.
    pub fn generate(&self, request: &ProofRequest, control: &Control) -> Result<ProofResponse, PipelineError> {
        self.generate_with(request, &SampleSecrets::default(), control, |_, _| Ok(None))
    }

    /// Starts a chain of inferences, each on the answer of the one before.
    ///
    /// # Errors
    /// As [`ProofGenerator::check`].
    pub fn start_incremental(&'a self, request: ProofRequest) -> Result<IncrementalProof<'a>, PipelineError> {
        self.check(&request)?;
        Ok(IncrementalProof::new(self, request))
    }

    fn generate_with(
        &self,
        request: &ProofRequest,
        secrets: &SampleSecrets,
        control: &Control,
        between: impl FnOnce(&Schema, &Witness) -> Result<Option<Streamed>, PipelineError>,
    ) -> Result<ProofResponse, PipelineError> {
        let mut meter = Meter::start();
        self.check(request)?;
        let witness = meter.witness(|| self.witness_with(&request.input, secrets, control))?;
        let schema = self.prepared.artifacts.schema()?;
        let streamed = between(&schema, &witness)?;
        let bundle = meter.proof(|| self.prove(&witness, request.context, control))?;
        let metadata = self.metadata(request, &schema, &bundle, bundle.statement(), streamed)?;
        let (opening, metrics) = (witness.opening().cloned(), meter.finish(self.backend.peak_rss_kb()));
        Ok(ProofResponse { bundle, opening, metadata, metrics })
    }

    fn metadata(
        &self,
        request: &ProofRequest,
        schema: &Schema,
        bundle: &Bundle,
        statement: &Statement,
        streamed: Option<Streamed>,
    ) -> Result<ProofMetadata, PipelineError> {
        let identity = self.prepared.artifacts.identity();
        let mut circuit = Hasher::new("zkinfer circuit v2");
        circuit.text(identity.backend.as_str());
        circuit.text(&identity.backend_version);
        circuit.bytes(identity.model_id().as_slice());
        circuit.text(&identity.details.to_string());
        let values = schema.decode(&statement.public_values)?;
        let metadata = ProofMetadata {
            model: identity.model_id().to_string(),
            circuit_hash: alloy::primitives::hex::encode(circuit.finish()),
            constraints: CircuitInfo::of(self.prepared)?.constraints,
            public_value_bytes: statement.public_values.as_bytes().len(),
            public_inputs: values.iter().map(Vec::len).sum(),
            prover_id: request.prover_id.clone(),
            version: concat!("v", env!("CARGO_PKG_VERSION")).into(),
            timestamp_ms: bundle.manifest().created_at_ms,
            proof_hash: bundle.manifest().proof_hash,
            proof_bytes: bundle.proof().len(),
            statement_id: statement.id(),
            parameters: request.parameters.clone(),
            streamed,
            steps: None,
            digest: alloy::primitives::B256::ZERO,
        };
        Ok(metadata.sealed())
    }
}
