//! What an audit cannot see on a chain: the backend's own verifier, and whether the contract was made from the key.

use super::{EZKLIntegration, PipelineError, Prepared, verification::Warning};
use crate::{
    backend::{Control, ModelCode, native},
    chain::{OffChainAnswer, OffChainRequest, OffChainVerifier},
    evm::{self, Compiler},
    proof::Verdict,
};
use alloy::primitives::{B256, keccak256};

/// Verifies audited claims with the artifacts on this machine. A native claim needs none: its key stands on the chain.
#[derive(Debug)]
pub struct Reverifier {
    integrations: Vec<EZKLIntegration>,
    control: Control,
}

impl Reverifier {
    /// Uses the artifacts of whichever backend has the model.
    #[must_use]
    pub const fn new(integrations: Vec<EZKLIntegration>, control: Control) -> Self {
        Self { integrations, control }
    }

    /// The verdict, and whether parts of the program were not seen.
    fn answer(&self, request: &OffChainRequest) -> Result<(Verdict, bool), PipelineError> {
        let statements = &request.statements;
        let (integration, prepared) = match (self.find(request.model_id), &request.model_code) {
            (Err(PipelineError::UnknownModel(_)), Some(code))
                if evm::artifacts::is_native_verifier(request.model.adapter_id) =>
            {
                let (schema, pages) = (request.schema.as_ref(), &request.pages);
                let (model, proof) = (&request.model, &request.proof);
                let verdict = native::verify_with_key_object(model, code, pages, schema, statements, proof)?;
                return Ok((verdict, native::has_unseen_parts(model, code)));
            }
            (found, _) => found?,
        };
        let rebuilt = self.rebuild_code(integration, &prepared)?;
        if rebuilt != request.model.model_code_hash {
            let verdict = Verdict::invalid(format!(
                "the code that the verifying key leads to has hash {rebuilt}, the model's is {}",
                request.model.model_code_hash
            ));
            return Ok((verdict, false));
        }
        let verdict = integration.backend().verify(&prepared.artifacts, statements, &request.proof, &self.control)?;
        Ok((verdict, false))
    }

    fn find(&self, model_id: B256) -> Result<(&EZKLIntegration, Prepared), PipelineError> {
        for integration in &self.integrations {
            match integration.find(model_id) {
                Err(PipelineError::UnknownModel(_)) => {}
                found => return Ok((integration, found?)),
            }
        }
        Err(PipelineError::UnknownModel(model_id))
    }

    /// Makes the model's own code again, from the verifying key alone, and hashes it.
    fn rebuild_code(&self, integration: &EZKLIntegration, prepared: &Prepared) -> Result<B256, PipelineError> {
        self.control.stage("rebuild the model's code");
        Ok(match integration.backend().model_code(prepared.artifacts.dir(), &self.control)? {
            ModelCode::Solidity { contract, source } => {
                Compiler::discover()?.compile_named(&source, &contract)?.code_hash
            }
            ModelCode::Object { runtime_code, .. } => keccak256(runtime_code),
            ModelCode::None => B256::ZERO,
        })
    }
}

impl OffChainVerifier for Reverifier {
    fn verify(&self, request: &OffChainRequest) -> OffChainAnswer {
        match self.answer(request) {
            Ok((verdict, false)) => OffChainAnswer::Verdict(verdict),
            Ok((verdict, true)) => OffChainAnswer::Qualified(verdict, Warning::UnseenProgram.to_string()),
            Err(error) => OffChainAnswer::NotAvailable(error.to_string()),
        }
    }
}
