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
        Contracts, EvmError, EvmVerification, Gas, Refusal,
        verify::{adapter_call, batch_call},
    },
    proof::{Statement, Verdict},
};
use alloy::primitives::{B256, Bytes};
use std::sync::Arc;

/// What is said where gas is short or dear: the proof has nothing to do with it.
const CANNOT_TELL: &str = "this says nothing of the proof; ask another node";

pub(super) async fn check(
    node: &Node,
    submission: &Submission,
    model: &AuditedModel,
    off_chain: Option<Arc<dyn OffChainVerifier>>,
    ledger: &mut Ledger,
    facts: &mut Facts,
) -> Result<(), ChainError> {
    let embedded = embedded(submission, model, ledger, facts);
    on_chain(node, submission, model, embedded, ledger).await?;
    off_chain_again(submission, model, off_chain, ledger).await;
    Ok(())
}

/// The adapter on the chain, called now as the registry called it then.
async fn on_chain(
    node: &Node,
    submission: &Submission,
    model: &AuditedModel,
    needed: Option<Gas>,
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
    let name = CheckName::ChainVerification;
    match answer {
        // Without code the call "succeeds".
        Ok(()) if model.adapter_code.is_empty() => {
            ledger.enter(name, Err(format!("there is no code at {}", model.adapter)));
        }
        Ok(()) => {
            ledger.enter(name, Ok(format!("{} returned at the latest block", model.adapter)));
        }
        Err(ChainError::Refused { refusal: Refusal::PrecompileFailed(number), .. }) => {
            ledger.undecided(
                name,
                format!("precompiled contract {number} of this chain or node gave no answer: {CANNOT_TELL}"),
            );
        }
        Err(error @ ChainError::OutOfGas { .. }) => ledger.undecided(name, format!("{error}: {CANNOT_TELL}")),
        Err(error @ (ChainError::Refused { .. } | ChainError::BadAnswer { .. })) => {
            let limit = node.gas_limit().await?;
            // A verifier that runs out of gas refuses, too. A call gets 63 of 64 parts of what is left.
            match needed.filter(|gas| gas.transaction.saturating_mul(65) / 64 > limit) {
                Some(gas) => ledger.undecided(
                    name,
                    format!("it takes {} gas, and a block of this chain has {limit}: {CANNOT_TELL}", gas.transaction),
                ),
                None => {
                    ledger.enter(name, Err(error.to_string()));
                }
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Returns what it takes, if the proof is accepted.
fn embedded(submission: &Submission, model: &AuditedModel, ledger: &mut Ledger, facts: &mut Facts) -> Option<Gas> {
    let (adapter, model_code, pages) = (&model.adapter_code, model.model_code.as_ref(), &model.pages[..]);
    let (contracts, key, proof) = (Contracts { adapter, model_code, pages }, &model.key, &submission.proof);
    let verification = match submission.single() {
        Some(statement) => {
            let (context_id, values) = parts(statement);
            contracts.verify(key, context_id, &values, proof)
        }
        None => contracts.verify_batch(key, &batch(submission), proof),
    };
    facts.embedded_gas = verification.as_ref().ok().map(|verification| verification.gas);
    let name = CheckName::EmbeddedVerification;
    match verification {
        Ok(EvmVerification { verdict: Verdict::Valid, gas }) => {
            ledger.enter(name, Ok(format!("accepted for {} gas", gas.execution)));
            return Some(gas);
        }
        Ok(EvmVerification { verdict: Verdict::Invalid { reason }, .. }) => {
            ledger.enter(name, Err(reason));
        }
        Err(EvmError::Refused { refusal: refusal @ Refusal::PrecompileFailed(_) }) => {
            ledger.undecided(name, format!("{refusal}: {CANNOT_TELL}"));
        }
        Err(error) => {
            ledger.enter(name, Err(error.to_string()));
        }
    }
    None
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
                pages: model.pages.clone(),
                schema: model.schema.clone(),
                proof: submission.proof.clone(),
            };
            let answer = tokio::task::spawn_blocking(move || verifier.verify(&request)).await;
            answer.unwrap_or_else(|error| OffChainAnswer::NotAvailable(format!("the verifier broke down: {error}")))
        }
    };
    if let OffChainAnswer::Qualified(_, warning) = &answer {
        ledger.warn(warning.clone());
    }
    match answer {
        OffChainAnswer::Verdict(Verdict::Valid) | OffChainAnswer::Qualified(Verdict::Valid, _) => {
            ledger.enter(name, Ok("accepted by the backend's own verifier".into()));
        }
        OffChainAnswer::Verdict(Verdict::Invalid { reason })
        | OffChainAnswer::Qualified(Verdict::Invalid { reason }, _) => {
            ledger.enter(name, Err(reason));
        }
        OffChainAnswer::NotAvailable(reason) => {
            ledger.warn(format!("the proof was not verified off-chain: {reason}"));
            ledger.skip(name, reason);
        }
    }
}
