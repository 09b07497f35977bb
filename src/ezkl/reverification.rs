//! What an audit cannot see on a chain: the backend's own verifier, and whether the contract was made from the key.

use super::{EZKLIntegration, PipelineError, Prepared};
use crate::{
    backend::Control,
    chain::{OffChainAnswer, OffChainRequest, OffChainVerifier},
    evm::Compiler,
    proof::Verdict,
};
use alloy::primitives::B256;

/// Verifies audited claims with the artifacts on this machine.
#[derive(Debug)]
pub struct Reverifier {
    integration: EZKLIntegration,
    control: Control,
}

impl Reverifier {
    /// Uses the artifacts that `integration` finds.
    #[must_use]
    pub const fn new(integration: EZKLIntegration, control: Control) -> Self {
        Self { integration, control }
    }

    fn answer(&self, request: &OffChainRequest) -> Result<Verdict, PipelineError> {
        let prepared = self.integration.find(request.statement.model_id)?;
        let rebuilt = self.rebuild_verifier(&prepared)?;
        if rebuilt != request.model.model_code_hash {
            return Ok(Verdict::invalid(format!(
                "the verifier that the verifying key leads to has code hash {rebuilt}, the model's is {}",
                request.model.model_code_hash
            )));
        }
        let backend = self.integration.backend();
        Ok(backend.verify(&prepared.artifacts, &request.statement, &request.proof, &self.control)?)
    }

    /// Generates and compiles the verifier again, from the verifying key alone, and hashes its code.
    fn rebuild_verifier(&self, prepared: &Prepared) -> Result<B256, PipelineError> {
        self.control.stage("rebuild the verifier contract");
        match self.integration.backend().solidity_verifier(prepared.artifacts.dir(), &self.control)? {
            Some(solidity) => Ok(Compiler::discover()?.compile_named(&solidity.source, &solidity.contract)?.code_hash),
            None => Ok(B256::ZERO),
        }
    }
}

impl OffChainVerifier for Reverifier {
    fn verify(&self, request: &OffChainRequest) -> OffChainAnswer {
        match self.answer(request) {
            Ok(verdict) => OffChainAnswer::Verdict(verdict),
            Err(error) => OffChainAnswer::NotAvailable(error.to_string()),
        }
    }
}
