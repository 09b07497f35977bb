//! An entry as the payload of a point, and a filter as Qdrant's.

use crate::index::{Embedding, Entry, Filter, IndexError, Query, Status, query::words};
use crate::proof::Context;
use alloy::primitives::B256;
use serde_json::{Value, json};

/// The point of a statement: 128 bits of its id as a UUID. (The payload has all of it.)
pub(super) fn point_id(statement: B256) -> String {
    let hex = format!("{statement:x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

/// Everything that a filter can ask for. Numbers beyond 2^53 are texts: ranges are in double precision there.
pub(super) fn payload(entry: &Entry) -> Value {
    let mut payload = json!({
        "statement": entry.statement_id,
        "model": entry.model_id,
        "created": entry.created_at_ms,
        "status": entry.status(),
        "backend": entry.held.values().map(|held| held.backend.as_str()).collect::<Vec<_>>(),
        "test_srs": entry.held.values().map(|held| held.test_srs).collect::<Vec<_>>(),
        "proof_bytes": entry.held.values().map(|held| held.proof_bytes).collect::<Vec<_>>(),
        "metadata": entry.note.metadata().map(|(key, value)| pair(key, value)).collect::<Vec<_>>(),
        "labels": entry.note.labels().collect::<Vec<_>>(),
        "words": words(&entry.note.words()).collect::<Vec<_>>(),
    });
    if let Context::Chain { chain_id, registry, assignment } = &entry.context {
        payload["chain"] = json!(chain_id.to_string());
        payload["registry"] = json!(registry);
        payload["submitter"] = json!(assignment.submitter);
        payload["consumer"] = json!(assignment.consumer);
        payload["job"] = json!(assignment.job);
    }
    if let Some(claim) = &entry.claim {
        payload["transaction"] = json!(claim.transaction);
        payload["assurance"] = json!(claim.assurance);
    }
    payload
}

/// A pair of metadata as one text: JSON, so that no two pairs are the same.
fn pair(key: &str, value: &str) -> String {
    json!([key, value]).to_string()
}

/// What has to hold of the points.
///
/// # Errors
/// [`IndexError::Unsupported`] for a beginning of a word: keywords are whole.
pub(super) fn filter(query: &Query) -> Result<Value, IndexError> {
    let filter: &Filter = &query.filter;
    let mut must = Vec::new();
    let mut is = |key: &str, value: Option<Value>| {
        must.extend(value.map(|value| json!({ "key": key, "match": { "value": value } })));
    };
    is("statement", filter.statement.map(|it| json!(it)));
    is("model", filter.model.map(|it| json!(it)));
    is("job", filter.job.map(|it| json!(it)));
    is("submitter", filter.submitter.map(|it| json!(it)));
    is("consumer", filter.consumer.map(|it| json!(it)));
    is("chain", filter.chain.map(|it| json!(it.to_string())));
    is("registry", filter.registry.map(|it| json!(it)));
    is("transaction", filter.transaction.map(|it| json!(it)));
    is("status", filter.status.map(|it: Status| json!(it)));
    is("assurance", filter.assurance.map(|it| json!(it)));
    is("backend", filter.backend.map(|it| json!(it.as_str())));
    is("test_srs", filter.test_srs.map(|it| json!(it)));
    for (key, value) in &filter.metadata {
        is("metadata", Some(json!(pair(key, value))));
    }
    for label in &filter.labels {
        is("labels", Some(json!(label)));
    }
    for (word, begins) in query.terms() {
        if begins {
            let what = "find words by their beginnings; give whole words";
            return Err(IndexError::Unsupported { index: "Qdrant", what });
        }
        is("words", Some(json!(word)));
    }
    let mut range = |key: &str, bound: &str, value: Option<u64>| {
        must.extend(value.map(|value| json!({ "key": key, "range": { bound: value } })));
    };
    range("created", "gte", filter.since_ms);
    range("created", "lt", filter.until_ms);
    range("proof_bytes", "gte", filter.min_proof_bytes);
    range("proof_bytes", "lte", filter.max_proof_bytes);
    Ok(json!({ "must": must }))
}

/// The collection of a space: names of collections have fewer characters than names of spaces.
pub(super) fn collection(prefix: &str, embedding: &Embedding) -> String {
    format!("{prefix}-{}", &blake3::hash(embedding.space().as_bytes()).to_hex()[..24])
}
