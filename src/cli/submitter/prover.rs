//! Proves on this machine, with whatever artifacts are here.

use crate::cli::{Failure, again};
use alloy::primitives::B256;
use zkinfer::{
    backend::{Control, Opening, Openings, OpeningsError},
    chain::submitter::prover::{Ability, Prover, ProverError},
    evm::artifacts::is_native_verifier,
    pipeline::verify_carried,
    proof::{Bundle, Schema, Statement, Verdict},
    storage::Cache,
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
        let (found, openings) = (found(statements)?, read(openings)?);
        again::prove(&found, &runs(statements, openings.as_ref()), &self.control).map_err(failed)
    }

    fn rehearse(&self, statements: &[Statement], openings: Option<&[u8]>) -> Result<(), ProverError> {
        let (found, openings) = (found(statements)?, read(openings)?);
        if openings.as_ref().is_some_and(|openings| openings.statements().len() != statements.len()) {
            return Err(ProverError::NoOpenings);
        }
        again::witnesses(&found, &runs(statements, openings.as_ref()), &self.control).map(drop).map_err(failed)
    }

    fn verify(&self, bundle: &Bundle) -> Result<(), ProverError> {
        match verify_carried(bundle, &self.control) {
            Ok(report) => match report.verdict() {
                Verdict::Valid => Ok(()),
                Verdict::Invalid { reason } => Err(ProverError::BadProof(reason)),
            },
            Err(error) => Err(ProverError::Failed(error.to_string())),
        }
    }

    fn keep(&self, model_id: B256, holder: &str) -> Result<bool, ProverError> {
        again::pin(model_id, holder).map_err(failed)
    }

    fn let_go(&self, holder: &str) -> Result<(), ProverError> {
        cache()?.unpin(holder).map_err(|error| ProverError::Failed(error.to_string()))
    }

    fn holders(&self) -> Result<Vec<String>, ProverError> {
        cache()?.holders().map_err(|error| ProverError::Failed(error.to_string()))
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

/// The artifacts of the model of some statements.
fn found(statements: &[Statement]) -> Result<again::Found, ProverError> {
    let model_id = statements.first().map(|statement| statement.model_id).unwrap_or_default();
    again::find(model_id).map_err(failed)?.ok_or(ProverError::NoArtifacts(model_id))
}

fn read(openings: Option<&[u8]>) -> Result<Option<Openings>, ProverError> {
    let openings = openings.map(Openings::from_json).transpose();
    openings.map_err(|error| ProverError::Failed(error.to_string()))
}

/// Each statement with what opens its hidden tensors.
fn runs<'a>(statements: &[Statement], openings: Option<&'a Openings>) -> Vec<(Statement, Option<&'a Opening>)> {
    let opened = |at: usize| -> Option<&Opening> { openings?.statements().get(at) };
    statements.iter().enumerate().map(|(at, statement)| (statement.clone(), opened(at))).collect()
}

fn cache() -> Result<Cache, ProverError> {
    Cache::from_env().map_err(|error| ProverError::Failed(error.to_string()))
}

fn failed(failure: Failure) -> ProverError {
    match failure {
        Failure::Invalid(_) => ProverError::Untrue,
        other => ProverError::Failed(other.to_string()),
    }
}
