//! Known answers for `docs/identities.md`: the same file that `tests/solidity/Identities.t.sol` reads.

#![allow(clippy::unwrap_used)] // helpers of tests are no tests to clippy

use alloy::primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::sync::LazyLock;
use zkinfer::proof::{
    Schema,
    identity::{self, ModelParts, SrsPoints, tag},
};

static FIXTURE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("fixtures/identities.json")).unwrap());

/// The vectors of a list, never an empty one.
fn vectors<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let vectors: Vec<T> = serde_json::from_value(FIXTURE[name].clone()).unwrap();
    assert!(!vectors.is_empty(), "{name}");
    vectors
}

#[test]
fn tags() {
    #[derive(Deserialize)]
    struct Vector {
        name: String,
        hash: B256,
    }
    let mut expected: Vec<(String, B256)> = vectors("tags").into_iter().map(|v: Vector| (v.name, v.hash)).collect();
    let mut found: Vec<(String, B256)> =
        tag::all().into_iter().map(|(name, hash)| (format!("TAG_{}", name.to_uppercase()), hash)).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(FIXTURE["mockAdapterId"], identity::mock_adapter_id().to_string());
    assert_eq!(FIXTURE["contextOffchain"], identity::offchain_context_id().to_string());
}

#[test]
fn schemas() {
    #[derive(Deserialize)]
    struct Vector {
        label: String,
        tensors: Vec<Value>,
        bytes: Bytes,
        hash: B256,
    }
    for vector in vectors::<Vector>("schemas") {
        assert_eq!(identity::schema_hash(&vector.bytes), vector.hash, "{}", vector.label);
        if vector.tensors.is_empty() {
            // It has a hash, as all bytes have, and is no schema of a model.
            assert!(Schema::from_bytes(&vector.bytes).is_err());
            continue;
        }
        let schema = Schema::from_bytes(&vector.bytes).unwrap_or_else(|error| panic!("{}: {error}", vector.label));
        assert_eq!(schema.hash(), vector.hash, "{}", vector.label);
        assert_eq!(schema.tensors().len(), vector.tensors.len());
        for (tensor, expected) in schema.tensors().iter().zip(&vector.tensors) {
            assert_eq!(tensor.name, expected["name"]);
            assert_eq!(tensor.direction as u8, expected["direction"]);
            assert_eq!(tensor.visibility as u8, expected["visibility"]);
            assert_eq!(Value::from(tensor.shape.clone()), expected["shape"]);
            assert_eq!(tensor.width, expected["width"]);
            assert_eq!(tensor.is_signed, expected["isSigned"]);
            assert_eq!(tensor.min.to_string(), expected["min"].as_str().unwrap());
            assert_eq!(tensor.max.to_string(), expected["max"].as_str().unwrap());
            let scales: Vec<String> = tensor.scales.iter().map(|s| format!("{:#018x}", s.to_bits())).collect();
            assert_eq!(Value::from(scales), expected["scales"]);
            assert_eq!(tensor.axis, expected["axis"]);
            assert_eq!(tensor.zero_point.to_string(), expected["zeroPoint"].to_string().trim_matches('"'));
        }
    }
}

#[test]
fn verifying_keys() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        key: Bytes,
        settings: Bytes,
        proof_bytes: u64,
        digest: B256,
    }
    for vector in vectors::<Vector>("ezklVk") {
        assert_eq!(identity::ezkl_vk_digest(&vector.key, &vector.settings, vector.proof_bytes), vector.digest);
    }
}

#[test]
fn models() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        adapter_id: B256,
        code_hash: B256,
        vk_digest: B256,
        schema_hash: B256,
        srs_id: B256,
        model_id: B256,
    }
    for vector in vectors::<Vector>("models") {
        let parts = ModelParts {
            adapter_id: vector.adapter_id,
            model_code_hash: vector.code_hash,
            vk_digest: vector.vk_digest,
            schema_hash: vector.schema_hash,
            srs_id: vector.srs_id,
        };
        assert_eq!(identity::model_id(&parts), vector.model_id);
    }
}

#[test]
fn contexts() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        chain_id: Value,
        registry: Address,
        submitter: Address,
        consumer: Address,
        job: B256,
        deadline: Value,
        context_id: B256,
    }
    let number = |value: &Value| -> u64 { value.to_string().trim_matches('"').parse().unwrap() };
    for v in vectors::<Vector>("contexts") {
        let (chain_id, deadline) = (number(&v.chain_id), number(&v.deadline));
        let found = identity::context_id(chain_id, v.registry, v.submitter, v.consumer, v.job, deadline);
        assert_eq!(found, v.context_id);
    }
}

#[test]
fn statements_and_batches() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Statement {
        model_id: B256,
        public_values: Bytes,
        context_id: B256,
        statement_id: B256,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Batch {
        statement_ids: Vec<B256>,
        batch_id: B256,
    }
    for v in vectors::<Statement>("statements") {
        assert_eq!(identity::statement_id(v.model_id, &v.public_values, v.context_id), v.statement_id);
    }
    for v in vectors::<Batch>("batches") {
        assert_eq!(identity::batch_id(&v.statement_ids), v.batch_id);
    }
}

#[test]
fn srs() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/test-srs.json")).unwrap();
    let word = |pointer: &str| -> U256 { fixture.pointer(pointer).unwrap().as_str().unwrap().parse().unwrap() };
    let points = SrsPoints {
        tau_g1: [word("/tau_g1/x"), word("/tau_g1/y")],
        tau_g2: [word("/tau_g2/x/c1"), word("/tau_g2/x/c0"), word("/tau_g2/y/c1"), word("/tau_g2/y/c0")],
    };
    assert_eq!(identity::srs_id(&points).to_string(), fixture["srs_id"].as_str().unwrap());
}
