//! Verifying the proof of a claim again, in three places.

use super::{
    OffChainAnswer, OffChainRequest, OffChainVerifier,
    model::AuditedModel,
    report::{CheckName, Facts, Ledger},
    submission::Submission,
};
use crate::{
    chain::{ChainError, Node},
    evm::{
        EvmError,
        verify::{adapter_call, verify_through_adapter},
    },
    proof::Verdict,
};
use std::sync::Arc;

pub(super) async fn check(
    node: &Node,
    submission: &Submission,
    model: &AuditedModel,
    off_chain: Option<Arc<dyn OffChainVerifier>>,
    ledger: &mut Ledger,
    facts: &mut Facts,
) -> Result<(), ChainError> {
    on_chain(node, submission, model, ledger, facts).await?;
    embedded(submission, model, ledger, facts);
    off_chain_again(submission, model, off_chain, ledger).await;
    Ok(())
}

/// The adapter on the chain, called now as the registry called it then.
async fn on_chain(
    node: &Node,
    submission: &Submission,
    model: &AuditedModel,
    ledger: &mut Ledger,
    facts: &Facts,
) -> Result<(), ChainError> {
    let call =
        adapter_call(&model.key, facts.context_id, submission.statement.public_values.as_bytes(), &submission.proof);
    let result = match node.view(model.adapter, &call).await {
        // Without code the call "succeeds".
        Ok(_) if model.adapter_code.is_empty() => Err(format!("there is no code at {}", model.adapter)),
        Ok(_) => Ok(format!("{} returned at the latest block", model.adapter)),
        Err(error @ (ChainError::Refused { .. } | ChainError::BadAnswer { .. })) => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    ledger.enter(CheckName::ChainVerification, result);
    Ok(())
}

fn embedded(submission: &Submission, model: &AuditedModel, ledger: &mut Ledger, facts: &mut Facts) {
    let verification = verify_through_adapter(
        &model.adapter_code,
        model.model_code.as_ref(),
        &model.key,
        facts.context_id,
        submission.statement.public_values.as_bytes(),
        &submission.proof,
    );
    facts.embedded_gas = verification.as_ref().ok().map(|verification| verification.gas);
    let result =
        verification.map_err(|error: EvmError| error.to_string()).and_then(|verification| match verification.verdict {
            Verdict::Valid => Ok(format!("accepted for {} gas", verification.gas.execution)),
            Verdict::Invalid { reason } => Err(reason),
        });
    ledger.enter(CheckName::EmbeddedVerification, result);
}

async fn off_chain_again(
    submission: &Submission,
    model: &AuditedModel,
    verifier: Option<Arc<dyn OffChainVerifier>>,
    ledger: &mut Ledger,
) {
    let name = CheckName::OffChainVerification;
    let answer = match verifier {
        None => OffChainAnswer::NotAvailable("no backend was asked".into()),
        Some(verifier) => {
            let request = OffChainRequest {
                statement: submission.statement.clone(),
                model: model.parts,
                model_code: model.model_code.clone(),
                proof: submission.proof.clone(),
            };
            let answer = tokio::task::spawn_blocking(move || verifier.verify(&request)).await;
            answer.unwrap_or_else(|error| OffChainAnswer::NotAvailable(format!("the verifier broke down: {error}")))
        }
    };
    match answer {
        OffChainAnswer::Verdict(Verdict::Valid) => {
            ledger.enter(name, Ok("accepted by the backend's own verifier".into()));
        }
        OffChainAnswer::Verdict(Verdict::Invalid { reason }) => {
            ledger.enter(name, Err(reason));
        }
        OffChainAnswer::NotAvailable(reason) => {
            ledger.warn(format!("the proof was not verified off-chain: {reason}"));
            ledger.skip(name, reason);
        }
    }
}
