//! Audits: one that is valid, and everything that must not be.

use crate::world::{self, World};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol,
    sol_types::{SolCall, SolValue},
};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use zkinfer::{
    FailureClass,
    chain::{
        AuditReport, ChainError, OffChainAnswer, OffChainRequest, OffChainVerifier, audit,
        auditor::{AuditVerdict, CheckName, CheckOutcome},
        bindings::IModelRegistry,
    },
    proof::Verdict,
};

sol! {
    function setMode(uint256 mode);
}

#[derive(Debug)]
struct Answers(OffChainAnswer);

impl OffChainVerifier for Answers {
    fn verify(&self, request: &OffChainRequest) -> OffChainAnswer {
        assert_eq!(request.statements.iter().map(|s| &s.public_values).collect::<Vec<_>>(), [&world::values()]);
        assert_eq!(request.proof, world::proof());
        self.0.clone()
    }
}

async fn submitted() -> (World, B256) {
    let world = World::new().await;
    let submission = world.client.submit(&world.statement(), &world::proof()).await.unwrap();
    (world, submission.mined.transaction_hash)
}

async fn audited(world: &World, hash: B256) -> AuditReport {
    audit(world.client.node(), hash, None).await.unwrap()
}

/// Exactly these checks failed, and the audit is invalid.
fn assert_fails(report: &AuditReport, expected: &[CheckName]) {
    let failed: Vec<CheckName> =
        report.checks.iter().filter(|check| check.outcome == CheckOutcome::Failed).map(|check| check.name).collect();
    assert_eq!(failed, expected, "{:#?}", report.checks);
    assert_eq!(report.verdict, AuditVerdict::Invalid);
    assert!(report.summary.starts_with("INVALID"), "{}", report.summary);
}

/// Nothing failed, this check cannot be decided here, and nothing is said of the claim.
fn assert_unknown(report: &AuditReport, expected: CheckName) {
    assert!(report.checks.iter().all(|check| check.outcome != CheckOutcome::Failed), "{:#?}", report.checks);
    assert_eq!(report.outcome(expected), CheckOutcome::Undecided, "{:#?}", report.checks);
    assert_eq!(report.verdict, AuditVerdict::Unknown);
    assert!(report.summary.starts_with("UNKNOWN"), "{}", report.summary);
}

#[tokio::test]
async fn an_honest_claim_is_valid_and_says_what_was_not_checked() {
    let (world, hash) = submitted().await;
    let report = audited(&world, hash).await;
    assert!(report.is_valid(), "{report:#?}");
    for &name in CheckName::ALL {
        let expected =
            if name == CheckName::OffChainVerification { CheckOutcome::Skipped } else { CheckOutcome::Passed };
        assert_eq!(report.outcome(name), expected, "{name}");
    }
    assert!(report.summary.contains("NOT checked: the backend accepts the proof off-chain"), "{}", report.summary);
    assert!(report.summary.contains("NOT SECURE"), "{}", report.summary);
    for word in ["TEST", "transferable", "not verified off-chain"] {
        assert!(report.warnings.iter().any(|warning| warning.contains(word)), "{word}: {:?}", report.warnings);
    }
    let facts = &report.facts;
    assert_eq!(facts.claims[0].statement_id, world.statement().id());
    assert_eq!((facts.claims.len(), facts.batch), (1, None));
    assert_eq!(facts.model_id, world.model_id);
    assert_eq!(facts.adapter_name, Some("EzklAdapter"));
    assert_eq!(facts.model_code, Some(world.verifier.address));
    assert_eq!(facts.claims[0].tensors[0].values, [1.5, -1.0]);
    assert_eq!(facts.claims[0].tensors[1].values, [3.5]);

    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdict"], "VALID");
    assert_eq!(json["checks"][0]["name"], "transaction");
    assert_eq!(json["checks"][0]["outcome"], "passed");
    assert_eq!(json["facts"]["model_id"], world.model_id.to_string());
    // A single claim's fields stand among the transaction's, and none that only batches have.
    let names: BTreeSet<&str> = json["facts"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "adapter adapter_id adapter_name block_number block_timestamp chain_id committed consumer context_id deadline \
                    embedded_gas gas_used job model_code model_code_hash model_id model_registry proof_bytes proof_hash \
                    public_values public_values_hash registry schema_hash srs_ceremony srs_id srs_kind statement_id submitter \
                    tensors transferable vk_digest";
    assert_eq!(names, expected.split_whitespace().collect());
}

#[tokio::test]
async fn the_backends_word_counts_when_it_is_given() {
    let (world, hash) = submitted().await;
    let with = |answer: OffChainAnswer| {
        let node = world.client.node().clone();
        async move { audit(&node, hash, Some(Arc::new(Answers(answer)))).await.unwrap() }
    };
    let report = with(OffChainAnswer::Verdict(Verdict::Valid)).await;
    assert!(report.is_valid() && !report.summary.contains("NOT checked"), "{}", report.summary);

    let report = with(OffChainAnswer::Verdict(Verdict::invalid("no"))).await;
    assert_fails(&report, &[CheckName::OffChainVerification]);

    let report = with(OffChainAnswer::NotAvailable("no artifacts".into())).await;
    assert!(report.is_valid() && report.summary.contains("NOT checked"), "{}", report.summary);
}

#[tokio::test]
async fn transactions_that_claim_nothing_cannot_be_audited() {
    let world = World::new().await;
    let cannot = |hash: B256, reason: &'static str| {
        let node = world.client.node().clone();
        async move {
            let error = audit(&node, hash, None).await.unwrap_err();
            assert!(matches!(error, ChainError::CannotAudit { .. }), "{error}");
            assert_eq!(error.class(), FailureClass::BadInput);
            assert!(error.to_string().contains(reason), "{error}");
        }
    };
    let unknown = audit(world.client.node(), B256::repeat_byte(1), None).await.unwrap_err();
    assert!(matches!(unknown, ChainError::NotThere { .. }), "{unknown}");
    assert_eq!(unknown.class(), FailureClass::Environment);
    cannot(world.verifier.mined.transaction_hash, "creates a contract").await;

    let failed = world.submit_call(&world.statement(), &Bytes::from(vec![1; 32]));
    let receipt = world.send_unchecked(world.client.address(), world.registry(), &failed).await;
    assert!(!receipt.status());
    cannot(receipt.transaction_hash, "failed").await;

    let other = setModeCall { mode: U256::ZERO }.abi_encode();
    let receipt = world.send_unchecked(world::SECOND, world.verifier.address, &other).await;
    cannot(receipt.transaction_hash, "no direct call").await;

    let receipt = world.send_unchecked(world::SECOND, world.client.address(), &failed[..100]).await;
    cannot(receipt.transaction_hash, "no arguments").await;
}

#[tokio::test]
async fn calldata_that_others_may_read_differently_are_reported() {
    let world = World::new().await;
    let mut calldata = world.submit_call(&world.statement(), &world::proof());
    calldata.extend([0; 32]);
    let receipt = world.send_unchecked(world.client.address(), world.registry(), &calldata).await;
    assert!(receipt.status());
    assert_fails(&audited(&world, receipt.transaction_hash).await, &[CheckName::Calldata]);
}

#[tokio::test]
async fn a_submit_call_to_something_else_than_the_registry_is_no_claim() {
    let world = World::new().await;
    let fake = world::compile("pragma solidity ^0.8.0; contract Fake { fallback() external {} }");
    let fake = world.client.deploy_verifier(&fake).await.unwrap();
    let calldata = world.submit_call(&world.statement(), &world::proof());
    let receipt = world.send_unchecked(world.client.address(), fake.address, &calldata).await;
    assert!(receipt.status());
    let report = audited(&world, receipt.transaction_hash).await;
    assert_unknown(&report, CheckName::Registries);
    assert_eq!(report.outcome(CheckName::ChainVerification), CheckOutcome::Skipped);
}

#[tokio::test]
async fn somebody_elses_submission_of_the_call_is_no_claim() {
    // To an account without code, where nobody refuses another sender.
    let world = World::new().await;
    let calldata = world.submit_call(&world.statement(), &world::proof());
    let receipt = world.send_unchecked(world::SECOND, Address::repeat_byte(0xee), &calldata).await;
    let report = audited(&world, receipt.transaction_hash).await;
    assert_fails(&report, &[CheckName::Submitter]);
    assert_eq!(report.outcome(CheckName::Registries), CheckOutcome::Undecided);
}

#[tokio::test]
async fn a_verifier_that_changes_its_mind_is_found_out() {
    let (world, hash) = submitted().await;
    assert!(audited(&world, hash).await.is_valid());
    // Its code hash is what it was: it is its storage that decides now, which the embedded EVM does not have.
    let refuse = setModeCall { mode: U256::from(1) }.abi_encode();
    assert!(world.send_unchecked(world::SECOND, world.verifier.address, &refuse).await.status());
    assert_fails(&audited(&world, hash).await, &[CheckName::ChainVerification]);
}

#[tokio::test]
async fn a_verifier_that_needs_its_storage_to_accept_is_found_out() {
    let source = world::STAND_IN.replace("mode == 1 || !right", "mode != 1 && !right");
    let world = World::with_verifier(&world::compile(&source)).await;
    let open = setModeCall { mode: U256::from(1) }.abi_encode();
    assert!(world.send_unchecked(world::SECOND, world.verifier.address, &open).await.status());
    let forged = Bytes::from(vec![0; 32]);
    let submission = world.client.submit(&world.statement(), &forged).await.unwrap();
    let report = audited(&world, submission.mined.transaction_hash).await;
    assert_fails(&report, &[CheckName::EmbeddedVerification]);
}

#[tokio::test]
async fn code_that_was_replaced_is_found_out() {
    let (world, hash) = submitted().await;
    // Returns 1, whatever it is asked.
    world.cheat("anvil_setCode", json!([world.verifier.address, "0x60015f5260205ff3"])).await;
    assert_fails(&audited(&world, hash).await, &[CheckName::ModelId]);
    world.cheat("anvil_setCode", json!([world.verifier.address, "0x"])).await;
    let report = audited(&world, hash).await;
    assert_fails(&report, &[CheckName::ModelId, CheckName::ChainVerification, CheckName::EmbeddedVerification]);
}

#[tokio::test]
async fn a_registry_with_other_code_is_found_out() {
    let (world, hash) = submitted().await;
    let models = world.contracts.model_registry.address;
    let code = world.client.node().code(models).await.unwrap();
    let patched = Bytes::from([&code[..], &[0]].concat());
    world.cheat("anvil_setCode", json!([models, patched])).await;
    assert_unknown(&audited(&world, hash).await, CheckName::Registries);
    // Nothing is sent to such a one.
    let error = world.client.submit(&world.statement_until(u64::MAX - 1), &world::proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::OtherRelease { contract: "ModelRegistry", .. }), "{error}");
}

/// A genuine claim on a node whose blocks hold less than it takes (C13).
#[tokio::test]
async fn a_node_with_little_gas_cannot_tell() {
    // It takes more than reading the registries does.
    let slow = "uint256 sum; for (uint256 i = 0; i < 3000; i++) sum += i; bool right = sum > 0 &&";
    let world = World::with_verifier(&world::compile(&world::STAND_IN.replace("bool right =", slow))).await;
    let hash = world.client.submit(&world.statement(), &world::proof()).await.unwrap().mined.transaction_hash;
    let gas = audited(&world, hash).await.facts.embedded_gas.unwrap().transaction;
    world.cheat("evm_setBlockGasLimit", json!([format!("{:#x}", gas - 1)])).await;
    world.cheat("evm_mine", json!([])).await;
    assert_unknown(&audited(&world, hash).await, CheckName::ChainVerification);
}

/// Code that is none of the EVM's (C15): said, and nothing of the claim.
#[tokio::test]
async fn a_chain_of_other_code_is_no_verdict() {
    let (world, hash) = submitted().await;
    let era = Bytes::from([&[0, 2, 0, 0][..], &[0; 60]].concat());
    for address in [world.registry(), world.contracts.model_registry.address, world.verifier.address] {
        world.cheat("anvil_setCode", json!([address, era])).await;
    }
    assert_unknown(&audited(&world, hash).await, CheckName::Registries);
}

#[tokio::test]
async fn a_claim_that_is_gone_is_found_out() {
    let (world, hash) = submitted().await;
    let slot = keccak256((world.statement().id(), U256::ZERO).abi_encode());
    world.cheat("anvil_setStorageAt", json!([world.registry(), slot, B256::ZERO])).await;
    assert_fails(&audited(&world, hash).await, &[CheckName::Claim]);
}

#[tokio::test]
async fn an_adapter_that_nobody_knows_makes_no_valid_audit() {
    let world = World::new().await;
    let yes = world::compile(
        "pragma solidity ^0.8.0;
         struct ModelKey { bytes32 a; address b; bytes32 c; bytes32 d; bytes32 e; }
         contract YesMan {
             function verify(ModelKey calldata, bytes32, bytes calldata, bytes calldata) external view {}
             function bindsStatement() external pure returns (bool) { return true; }
             function name() external pure returns (string memory) { return \"ezkl\"; }
         }",
    );
    let adapter = world.client.deploy_verifier(&yes).await.unwrap();
    let mut statement = world.statement();
    statement.model_id =
        world::register(&world.client, &world.contracts, adapter.address, world.verifier.address).await;
    let submission = world.client.submit(&statement, &Bytes::from(vec![9; 32])).await.unwrap();
    let report = audited(&world, submission.mined.transaction_hash).await;
    assert_unknown(&report, CheckName::Adapter);
    assert!(report.summary.contains("unknown adapter"), "{}", report.summary);
}

#[tokio::test]
async fn public_values_outside_the_schema_are_found_out() {
    let world = World::new().await;
    // Two values where the schema has three. The stand-in does not count them.
    let mut statement = world.statement();
    let values = Bytes::from(vec![0; 64]);
    statement.public_values = zkinfer::proof::PublicValues::from_bytes(values.clone());
    let proof = keccak256(&values).into();
    let submission = world.client.submit(&statement, &proof).await.unwrap();
    assert_fails(&audited(&world, submission.mined.transaction_hash).await, &[CheckName::Schema]);
}

#[tokio::test]
async fn a_relocated_model_is_audited_where_it_is_now() {
    let (world, hash) = submitted().await;
    world.cheat("anvil_setCode", json!([world.verifier.address, "0x"])).await;
    let elsewhere = world.client.deploy_verifier(world::stand_in()).await.unwrap();
    let adapter = world.contracts.adapter.address;
    let id = world::register(&world.client, &world.contracts, adapter, elsewhere.address).await;
    assert_eq!(id, world.model_id);
    let report = audited(&world, hash).await;
    assert!(report.is_valid(), "{report:#?}");
    assert_eq!(report.facts.model_code, Some(elsewhere.address));
    let registry = world.contracts.model_registry.address;
    let record = world.client.node().view(registry, &IModelRegistry::modelCall { modelId: id }).await.unwrap();
    assert_eq!(record.modelCode, elsewhere.address);
}
