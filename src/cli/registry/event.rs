//! Events of a claim registry, as they are printed.

use alloy::primitives::{Address, B256};
use serde_json::{Value, json};
use zkinfer::chain::{bindings::IClaimRegistry::IClaimRegistryEvents as Event, claims::State};

/// The name of an event and its words.
pub(super) fn describe(event: &Event) -> (&'static str, Value) {
    match event {
        Event::ClaimAttested(e) => (
            "ClaimAttested",
            json!({ "statement_id": e.statementId, "model_id": e.modelId, "submitter": e.submitter, "consumer": e.consumer,
                    "job": e.job, "proof_hash": e.proofHash, "content_hash": e.contentHash }),
        ),
        Event::ClaimPosted(e) => (
            "ClaimPosted",
            json!({ "statement_id": e.statementId, "model_id": e.modelId, "submitter": e.submitter, "consumer": e.consumer,
                    "job": e.job, "transferable": e.transferable }),
        ),
        Event::ClaimVerified(e) => (
            "ClaimVerified",
            json!({ "statement_id": e.statementId, "model_id": e.modelId, "submitter": e.submitter, "consumer": e.consumer,
                    "job": e.job, "proof_hash": e.proofHash, "transferable": e.transferable }),
        ),
        Event::ClaimChallenged(e) => {
            ("ClaimChallenged", json!({ "statement_id": e.statementId, "challenger": e.challenger }))
        }
        Event::ClaimFinalized(e) => ("ClaimFinalized", json!({ "statement_id": e.statementId })),
        Event::ClaimSlashed(e) => (
            "ClaimSlashed",
            json!({ "statement_id": e.statementId, "challenger": e.challenger, "beneficiary": e.beneficiary }),
        ),
        Event::ClaimVoided(e) => ("ClaimVoided", json!({ "statement_id": e.statementId })),
        Event::ModelBroken(e) => ("ModelBroken", json!({ "model_id": e.modelId, "breaker": e.breaker })),
        Event::AdapterBroken(e) => {
            ("AdapterBroken", json!({ "adapter_id": e.adapterId, "model_id": e.modelId, "breaker": e.breaker }))
        }
        Event::Credited(e) => ("Credited", json!({ "account": e.account, "amount": e.amount.to_string() })),
        Event::Withdrawn(e) => {
            ("Withdrawn", json!({ "account": e.account, "to": e.to, "amount": e.amount.to_string() }))
        }
        event => describe_batch(event),
    }
}

fn describe_batch(event: &Event) -> (&'static str, Value) {
    match event {
        Event::BatchPosted(e) => (
            "BatchPosted",
            json!({ "batch_id": e.batchId, "model_id": e.modelId, "submitter": e.submitter, "consumer": e.consumer,
                    "root": e.root, "count": e.count, "content_hash": e.contentHash }),
        ),
        Event::LeafChallenged(e) => (
            "LeafChallenged",
            json!({ "batch_id": e.batchId, "leaf": e.index.saturating_to::<u64>(), "challenger": e.challenger }),
        ),
        Event::LeafAnswered(e) => (
            "LeafAnswered",
            json!({ "batch_id": e.batchId, "leaf": e.index.saturating_to::<u64>(), "statement_id": e.statementId }),
        ),
        Event::BatchProlonged(e) => {
            ("BatchProlonged", json!({ "batch_id": e.batchId, "closes_at": e.closesAt.to::<u64>() }))
        }
        Event::BatchFinalized(e) => ("BatchFinalized", json!({ "batch_id": e.batchId })),
        Event::BatchSlashed(e) => (
            "BatchSlashed",
            json!({ "batch_id": e.batchId, "leaf": e.index.saturating_to::<u64>(), "challenger": e.challenger,
                    "beneficiary": e.beneficiary }),
        ),
        Event::BatchVoided(e) => ("BatchVoided", json!({ "batch_id": e.batchId })),
        Event::FeeReturned(e) => (
            "FeeReturned",
            json!({ "batch_id": e.batchId, "leaf": e.index.saturating_to::<u64>(), "challenger": e.challenger }),
        ),
        _ => ("Unknown", json!({})),
    }
}

/// Whether an event is about an account: by its own words, or because it is about a claim of that account's.
pub(super) fn concerns(state: &State, event: &Event, account: Address) -> bool {
    let (_, words) = describe(event);
    let is_named = |name: &str| words[name].as_str().is_some_and(|word| word.parse() == Ok(account));
    if ["submitter", "consumer", "challenger", "beneficiary", "account", "to"].into_iter().any(is_named) {
        return true;
    }
    let id = |name: &str| words[name].as_str().and_then(|word| word.parse::<B256>().ok());
    let of_claim = id("statement_id").and_then(|id| state.claims().get(&id));
    let of_batch = id("batch_id").and_then(|id| state.batches().get(&id));
    of_claim.is_some_and(|claim| claim.assignment.submitter == account || claim.challenger == Some(account))
        || of_batch.is_some_and(|batch| batch.submitter == account)
}
