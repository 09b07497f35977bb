//! Verifying the proof of a claim, or of a batch, again, in three places.

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
        verify::{adapter_call, batch_call, verify_batch_through_adapter, verify_through_adapter},
    },
    proof::{Statement, Verdict},
};
use alloy::primitives::{B256, Bytes};
use std::sync::Arc;

pub(super) async fn check(
    node: &Node,
    submission: &Submission,
    model: &AuditedModel,
    off_chain: Option<Arc<dyn OffChainVerifier>>,
    ledger: &mut Ledger,
    facts: &mut Facts,
) -> Result<(), ChainError> {
    on_chain(node, submission, model, ledger).await?;
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
) -> Result<(), ChainError> {
    let (key, proof) = (&model.key, &submission.proof);
    let answer = match submission.single() {
        Some(statement) => {
            let (context_id, values) = parts(statement);
            node.view(model.adapter, &adapter_call(key, context_id, &values, proof)).await.map(|_| ())
        }
        None => node.view(model.adapter, &batch_call(key, &batch(submission), proof)).await.map(|_| ()),
    };
    let result = match answer {
        // Without code the call "succeeds".
        Ok(()) if model.adapter_code.is_empty() => Err(format!("there is no code at {}", model.adapter)),
        Ok(()) => Ok(format!("{} returned at the latest block", model.adapter)),
        Err(error @ (ChainError::Refused { .. } | ChainError::BadAnswer { .. })) => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    ledger.enter(CheckName::ChainVerification, result);
    Ok(())
}

fn embedded(submission: &Submission, model: &AuditedModel, ledger: &mut Ledger, facts: &mut Facts) {
    let (adapter, code, key, proof) = (&model.adapter_code, model.model_code.as_ref(), &model.key, &submission.proof);
    let verification = match submission.single() {
        Some(statement) => {
            let (context_id, values) = parts(statement);
            verify_through_adapter(adapter, code, key, context_id, &values, proof)
        }
        None => verify_batch_through_adapter(adapter, code, key, &batch(submission), proof),
    };
    facts.embedded_gas = verification.as_ref().ok().map(|verification| verification.gas);
    let result =
        verification.map_err(|error: EvmError| error.to_string()).and_then(|verification| match verification.verdict {
            Verdict::Valid => Ok(format!("accepted for {} gas", verification.gas.execution)),
            Verdict::Invalid { reason } => Err(reason),
        });
    ledger.enter(CheckName::EmbeddedVerification, result);
}

/// What an adapter is told of a statement.
fn parts(statement: &Statement) -> (B256, Bytes) {
    (statement.context.id(), statement.public_values.as_bytes().clone())
}

fn batch(submission: &Submission) -> Vec<(B256, Bytes)> {
    submission.statements.iter().map(parts).collect()
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
                model_id: submission.model_id,
                statements: submission.statements.clone(),
                model: model.parts,
                model_code: model.model_code.clone(),
                schema: model.schema.clone(),
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
