//! Batches: one native proof of several statements, on a real development node, from the prover to the audit.

use crate::{
    native_world::{NativeWorld, Prover, SMALL as PROVER},
    world::{self, World},
};
use alloy::{
    primitives::{Address, B256, Bytes, keccak256},
    providers::Provider,
    sol_types::{SolCall, SolValue},
};
use serde_json::json;
use zkinfer::{
    FailureClass,
    chain::{
        ChainError, audit, audit_statement,
        auditor::{CheckName, CheckOutcome},
        bindings::{IProofRegistry, Refusal},
        client::read_claim,
        sender::MAX_TRANSACTION_BYTES,
    },
    proof::{Context, PublicValues, Statement, identity::batch_id},
};

async fn new_world() -> NativeWorld {
    NativeWorld::with(&PROVER).await
}

#[tokio::test]
async fn every_item_of_a_batch_is_a_claim_and_the_audit_is_valid() {
    let world = new_world().await;
    let bundle = PROVER.prove(&world.contexts(4));
    let submission = world.submit(&bundle).await;
    let ids: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
    assert_eq!(submission.statement_ids, ids);
    assert_eq!(submission.batch_id, batch_id(&ids));
    for &id in &ids {
        let claim = read_claim(world.client.node(), world.registry(), id).await.unwrap().unwrap();
        assert!(claim.verified && !claim.transferable);
        assert_eq!(claim.submitter, world.client.address());
    }

    let hash = submission.mined.transaction_hash;
    let report = audit(world.client.node(), hash, Some(PROVER.reverifier())).await.unwrap();
    assert!(report.is_valid(), "{report:#?}");
    for &name in CheckName::ALL {
        assert_eq!(report.outcome(name), CheckOutcome::Passed, "{name}");
    }
    assert_eq!(report.facts.claims.iter().map(|claim| claim.statement_id).collect::<Vec<_>>(), ids);
    let batch = report.facts.batch.unwrap();
    assert_eq!((batch.batch_id, batch.batch_size), (submission.batch_id, 4));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["facts"]["batch_id"], submission.batch_id.to_string());
    assert_eq!(json["facts"]["claims"][3]["statement_id"], ids[3].to_string());
    assert_eq!(json["facts"]["claims"][3]["tensors"][0]["values"].as_array().unwrap().len(), 6);
    assert!(json["facts"].get("statement_id").is_none());
}

#[tokio::test]
async fn one_statement_of_a_batch_is_audited_by_its_id() {
    let world = new_world().await;
    let bundle = PROVER.prove(&world.contexts(3));
    let hash = world.submit(&bundle).await.mined.transaction_hash;
    let wanted = &bundle.statements()[1];
    let node = world.client.node();
    let report = audit_statement(node, hash, wanted.id(), Some(PROVER.reverifier())).await.unwrap();
    assert!(report.is_valid(), "{report:#?}");
    assert!(report.summary.contains("one of 3"), "{}", report.summary);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["facts"]["statement_id"], wanted.id().to_string());
    assert_eq!(json["facts"]["public_values"], wanted.public_values.as_bytes().to_string());
    assert_eq!(json["facts"]["batch_size"], 3);

    let error = audit_statement(node, hash, B256::repeat_byte(7), None).await.unwrap_err();
    assert!(matches!(error, ChainError::CannotAudit { .. }), "{error}");
    assert_eq!(error.class(), FailureClass::BadInput);
}

/// One proof of one statement, as `submit` takes it: the same proof bytes in either call.
#[tokio::test]
async fn a_batch_of_one_and_a_single_claim_take_the_same_proof() {
    let world = new_world().await;
    let single = PROVER.prove(&[world.context(1)]);
    let submission = world.client.submit(single.statement(), single.proof()).await.unwrap();
    let report =
        audit(world.client.node(), submission.mined.transaction_hash, Some(PROVER.reverifier())).await.unwrap();
    assert!(report.is_valid() && report.facts.batch.is_none(), "{report:#?}");

    let one = PROVER.prove(&[world.context(2)]);
    let hash = world.submit(&one).await.mined.transaction_hash;
    let report = audit(world.client.node(), hash, Some(PROVER.reverifier())).await.unwrap();
    assert!(report.is_valid() && report.facts.batch.is_some_and(|batch| batch.batch_size == 1), "{report:#?}");
}

#[tokio::test]
async fn a_batch_that_is_not_what_was_proven_is_refused_and_records_nothing() {
    let world = new_world().await;
    let bundle = PROVER.prove(&world.contexts(3));
    let (statements, proof) = (bundle.statements(), bundle.proof());

    // Values of another item, another order, a part, another job: the proof binds them all.
    let mut values = statements.to_vec();
    values[1].public_values = statements[0].public_values.clone();
    let mut order = statements.to_vec();
    order.swap(0, 2);
    let mut job = statements.to_vec();
    job[2].context = world.context(9);
    for tampered in [&values, &order, &job] {
        assert_eq!(world.refusal(tampered, proof).await, Refusal::ProofInvalid);
    }
    // Fewer statements lead to a proof of another length, or to an invalid one.
    let part = world.client.submit_batch(&statements[..2], proof).await.unwrap_err();
    assert!(matches!(part, ChainError::Refused { .. }), "{part}");

    // The words of the proof: points first, scalars at the end.
    let mut broken = proof.to_vec();
    broken[..32].fill(0xff);
    let refusal = world.refusal(statements, &broken.into()).await;
    assert!(matches!(refusal, Refusal::PointInvalid(_) | Refusal::ScalarOutOfRange(_)), "{refusal}");
    let refusal = world.refusal(statements, &proof.slice(..proof.len() - 32)).await;
    assert!(matches!(refusal, Refusal::ProofLength(_)), "{refusal}");

    let mut short = statements.to_vec();
    short[2].public_values = PublicValues::from_bytes(Bytes::from_static(&[1]));
    assert!(matches!(world.refusal(&short, proof).await, Refusal::PublicValuesLength(_)));

    for statement in statements {
        assert!(!world.recorded(statement).await);
    }
    let nonce = world.provider().get_transaction_count(world.client.address()).await.unwrap();
    world.submit(&bundle).await;
    let now = world.provider().get_transaction_count(world.client.address()).await.unwrap();
    assert_eq!(now, nonce + 1, "nothing was sent for the refused ones");
}

#[tokio::test]
async fn a_batch_is_recorded_once() {
    let world = new_world().await;
    let bundle = PROVER.prove(&world.contexts(3));
    world.submit(&bundle).await;
    let ids: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
    assert_eq!(world.refusal(bundle.statements(), bundle.proof()).await, Refusal::ClaimExists(ids[0]));

    // The same statement twice in a proof that is true twice.
    let proven = PROVER.prove_inputs(&[(0, world.context(20)), (0, world.context(20))]);
    let statement = proven.statements()[0].clone();
    assert_eq!(proven.statements()[1], statement);
    assert_eq!(world.refusal(proven.statements(), proven.proof()).await, Refusal::ClaimExists(statement.id()));
    assert!(!world.recorded(&statement).await);
}

#[tokio::test]
async fn batches_that_cannot_be_one_are_refused_before_the_node_is_asked() {
    let world = new_world().await;
    let bundle = PROVER.prove(&world.contexts(2));
    let proof = bundle.proof();
    let refused = async |statements: &[Statement]| {
        let error = world.client.submit_batch(statements, proof).await.unwrap_err();
        assert!(matches!(error, ChainError::WrongContext(_)), "{error}");
        assert_eq!(error.class(), FailureClass::BadInput);
    };
    refused(&[]).await;
    let mut mixed = bundle.statements().to_vec();
    mixed[1].model_id = B256::repeat_byte(9);
    refused(&mixed).await;
    let mut elsewhere = bundle.statements().to_vec();
    if let Context::Chain { registry, .. } = &mut elsewhere[1].context {
        *registry = Address::repeat_byte(9);
    }
    refused(&elsewhere).await;
    let mut others = bundle.statements().to_vec();
    if let Context::Chain { assignment, .. } = &mut others[1].context {
        assignment.submitter = world::SECOND;
    }
    refused(&others).await;
}

#[tokio::test]
async fn what_does_not_fit_into_a_transaction_is_to_be_split() {
    let world = new_world().await;
    let bundle = PROVER.prove(&world.contexts(1));
    let one = bundle.statement();
    // More bytes than nodes accept: nothing is asked.
    let many = vec![one.clone(); 1000];
    let error = world.client.submit_batch(&many, bundle.proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::TransactionTooLarge { limit: MAX_TRANSACTION_BYTES, .. }), "{error}");
    assert!(error.to_string().contains("split the batch"), "{error}");
    assert_eq!(error.class(), FailureClass::BadInput);
}

#[tokio::test]
async fn what_takes_more_gas_than_a_transaction_may_have_is_to_be_split() {
    // More statements than the powers that ship suffice for.
    let prover = Prover::on_test_srs(&[6, 8, 3]);
    let world = NativeWorld::with(&prover).await;
    let bundle = prover.prove(&world.contexts(480));
    let error = world.client.submit_batch(bundle.statements(), bundle.proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::TooMuchGas { .. }), "{error:?}");
    assert!(error.to_string().contains("split the batch"), "{error}");
    assert_eq!(error.class(), FailureClass::BadInput);
}

/// The adapter of EZKL takes one statement per proof: that is what is said, and not that the proof is invalid.
#[tokio::test]
async fn a_batch_of_an_ezkl_model_is_unsupported_not_invalid() {
    let world = World::new().await;
    let statements = [world.statement(), world.statement_until(u64::MAX - 1)];
    let error = world.client.submit_batch(&statements, &world::proof()).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::BadInput);
    match error {
        ChainError::Refused { refusal: Refusal::BatchUnsupported(adapter), .. } => {
            assert_eq!(adapter, world.contracts.adapter.address);
        }
        error => panic!("{error}"),
    }
}

/// The record of one item is taken away behind the registry's back.
#[tokio::test]
async fn an_audit_looks_at_every_record_of_a_batch() {
    let world = new_world().await;
    let bundle = PROVER.prove(&world.contexts(3));
    let hash = world.submit(&bundle).await.mined.transaction_hash;
    let ids: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
    let slot = keccak256((ids[2], B256::ZERO).abi_encode());
    let parameters = json!([world.registry(), slot, B256::ZERO]);
    let _: serde_json::Value = world.provider().raw_request("anvil_setStorageAt".into(), parameters).await.unwrap();

    let node = world.client.node();
    let report = audit(node, hash, None).await.unwrap();
    assert!(!report.is_valid());
    assert_eq!(report.outcome(CheckName::Claim), CheckOutcome::Failed);
    let detail = &report.checks.iter().find(|check| check.name == CheckName::Claim).unwrap().detail;
    assert!(detail.contains(&ids[2].to_string()), "{detail}");
    // The other items' claims stand, each audited alone.
    assert!(audit_statement(node, hash, ids[0], None).await.unwrap().is_valid());
    assert!(!audit_statement(node, hash, ids[2], None).await.unwrap().is_valid());
}

/// The call of a batch to a contract that accepts everything and emits nothing.
#[tokio::test]
async fn a_batch_call_to_something_else_than_the_registry_is_no_claim() {
    let world = new_world().await;
    let fake = world::compile("pragma solidity ^0.8.0; contract Fake { fallback() external {} }");
    let fake = world.client.deploy_verifier(&fake).await.unwrap().address;
    let bundle = PROVER.prove(&world.contexts(2));
    let call = |statements: &[Statement]| {
        let assignments = statements.iter().map(|statement| match &statement.context {
            Context::Chain { assignment, .. } => assignment.into(),
            Context::Offchain {} => panic!("made for no chain"),
        });
        IProofRegistry::submitBatchCall {
            modelId: bundle.model_id(),
            assignments: assignments.collect(),
            publicValues: statements.iter().map(|s| s.public_values.as_bytes().clone()).collect(),
            proof: bundle.proof().clone(),
        }
    };
    let send = async |to: Address, data: Vec<u8>| {
        let receipt = world.send_unchecked(to, data).await;
        assert!(receipt.status());
        receipt.transaction_hash
    };
    let hash = send(fake, call(bundle.statements()).abi_encode()).await;
    let report = audit(world.client.node(), hash, None).await.unwrap();
    for name in [CheckName::Registries, CheckName::Event, CheckName::Claim] {
        assert_eq!(report.outcome(name), CheckOutcome::Failed, "{name}");
    }

    // Lists that no registry takes.
    let mut ragged = call(bundle.statements());
    ragged.publicValues.pop();
    let hash = send(fake, ragged.abi_encode()).await;
    let error = audit(world.client.node(), hash, None).await.unwrap_err();
    assert!(matches!(error, ChainError::CannotAudit { .. }), "{error}");
    let hash = send(fake, call(&[]).abi_encode()).await;
    let error = audit(world.client.node(), hash, None).await.unwrap_err();
    assert!(matches!(error, ChainError::CannotAudit { .. }), "{error}");

    // The true call, in an encoding that is not the standard one.
    let mut calldata = call(bundle.statements()).abi_encode();
    calldata.extend([0; 32]);
    let hash = send(world.registry(), calldata).await;
    let report = audit(world.client.node(), hash, None).await.unwrap();
    assert_eq!(report.outcome(CheckName::Calldata), CheckOutcome::Failed);
    assert!(report.checks.iter().filter(|check| check.outcome == CheckOutcome::Failed).count() == 1);
}
