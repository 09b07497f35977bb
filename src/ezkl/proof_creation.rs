//! Making proofs: an input in, a verified bundle out.

use super::{PipelineError, Prepared};
use crate::{
    backend::{Control, Item, ProvingBackend, Witness},
    model::Input,
    proof::{Bundle, Context, Manifest, Statement, identity},
};
use std::time::{SystemTime, UNIX_EPOCH};

/// Proves with one model.
#[derive(Debug)]
pub struct ProofGenerator<'a> {
    backend: &'a dyn ProvingBackend,
    prepared: &'a Prepared,
}

impl<'a> ProofGenerator<'a> {
    /// Uses artifacts that `backend` made.
    #[must_use]
    pub const fn new(backend: &'a dyn ProvingBackend, prepared: &'a Prepared) -> Self {
        Self { backend, prepared }
    }

    /// Runs the circuit on an input: the quantized answer, before it is proven.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub fn witness(&self, input: &Input, control: &Control) -> Result<Witness, PipelineError> {
        control.stage("witness");
        Ok(self.backend.witness(&self.prepared.artifacts, input, control)?)
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
        let statements: Vec<Statement> = runs
            .iter()
            .map(|(witness, context)| Statement {
                model_id: artifacts.model_id(),
                public_values: witness.public_values.clone(),
                context: *context,
            })
            .collect();
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
            model_code: self.prepared.verifier.as_ref().map(|contract| contract.runtime_code.clone()),
            vk_digest: of.vk_digest,
            schema: of.schema.clone(),
            schema_hash: identity::schema_hash(&of.schema),
            srs_id: of.srs_id,
            test_srs: of.test_srs,
            transferable: !capabilities.binds_statement,
            weights: capabilities.weights.into(),
            proof_hash: identity::proof_hash(&proof),
            created_at_ms: now_ms(),
        };
        Ok(Bundle::new(statements, proof, manifest)?)
    }
}

fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
