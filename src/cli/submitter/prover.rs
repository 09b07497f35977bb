//! Proves on this machine, with whatever artifacts are here.

use crate::cli::{Failure, again};
use alloy::primitives::B256;
use zkinfer::{
    backend::{Control, Opening, Openings, OpeningsError},
    chain::submitter::prover::{Ability, Prover, ProverError},
    evm::artifacts::is_native_verifier,
    proof::{Bundle, Schema, Statement},
};

/// This machine.
pub(crate) struct Machine {
    control: Control,
}

impl Machine {
    /// Stops when the control says so.
    pub(crate) const fn new(control: Control) -> Self {
        Self { control }
    }
}

impl Prover for Machine {
    fn ability(&self, model_id: B256) -> Result<Option<Ability>, ProverError> {
        let Some((integration, prepared)) = again::find(model_id).map_err(failed)? else { return Ok(None) };
        let identity = prepared.artifacts.identity();
        let schema = Schema::from_bytes(&identity.schema).map_err(|error| ProverError::Failed(error.to_string()))?;
        let max_batch = integration.backend().max_batch(&prepared.artifacts);
        let max_batch = max_batch.map_err(|error| ProverError::Failed(error.to_string()))?;
        let binds_context = is_native_verifier(identity.adapter_id);
        Ok(Some(Ability { max_batch, binds_context, hides: schema.hides() }))
    }

    fn prove(&self, statements: &[Statement], openings: Option<&[u8]>) -> Result<Bundle, ProverError> {
        let model_id = statements.first().map(|statement| statement.model_id).unwrap_or_default();
        let found = again::find(model_id).map_err(failed)?.ok_or(ProverError::NoArtifacts(model_id))?;
        let openings = openings.map(Openings::from_json).transpose();
        let openings = openings.map_err(|error| ProverError::Failed(error.to_string()))?;
        let opened = |at: usize| -> Option<&Opening> { openings.as_ref()?.statements().get(at) };
        let runs: Vec<_> =
            statements.iter().enumerate().map(|(at, statement)| (statement.clone(), opened(at))).collect();
        again::prove(&found, &runs, &self.control).map_err(failed)
    }

    fn join_openings(&self, files: &[&[u8]]) -> Result<Vec<u8>, ProverError> {
        let broken = |error: OpeningsError| ProverError::Failed(error.to_string());
        let all = files.iter().map(|file| Openings::from_json(file)).collect::<Result<Vec<_>, _>>().map_err(broken)?;
        let model_id = all.first().map(Openings::model_id).unwrap_or_default();
        if all.iter().any(|openings| openings.model_id() != model_id) {
            return Err(ProverError::Failed("the openings are of several models".into()));
        }
        let together = all.iter().flat_map(|openings| openings.statements().to_vec()).collect();
        Ok(Openings::new(model_id, together).to_json().map_err(broken)?.to_vec())
    }
}

fn failed(failure: Failure) -> ProverError {
    match failure {
        Failure::Invalid(_) => ProverError::Untrue,
        other => ProverError::Failed(other.to_string()),
    }
}
