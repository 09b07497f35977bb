//! Deploy, register, submit, read.

use crate::world::{self, World};
use alloy::{primitives::Bytes, providers::Provider};
use zkinfer::{
    FailureClass,
    chain::{ChainError, bindings::Refusal, client::read_claim},
    evm::artifacts,
    proof::{Context, PublicValues},
};

fn refusal(error: ChainError) -> Refusal {
    match error {
        ChainError::Refused { refusal, .. } => refusal,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_claim_is_recorded_and_read_back() {
    let world = World::new().await;
    assert_eq!(world.contracts.adapter.code_hash, artifacts::ezkl_adapter_id());
    let statement = world.statement();
    let node = world.client.node();
    assert_eq!(read_claim(node, world.registry(), statement.id()).await.unwrap(), None);

    let submission = world.client.submit(&statement, &world::proof()).await.unwrap();
    assert_eq!(submission.statement_id, statement.id());
    assert!(submission.mined.gas_used > 21_000 && submission.mined.block_number > 0);

    let claim = read_claim(node, world.registry(), statement.id()).await.unwrap().unwrap();
    assert_eq!(claim.submitter, world.client.address());
    assert!(claim.verified && claim.transferable);
}

#[tokio::test]
async fn registering_again_changes_nothing() {
    let world = World::new().await;
    let adapter = world.contracts.adapter.address;
    let again = world::register(&world.client, &world.contracts, adapter, world.verifier.address).await;
    assert_eq!(again, world.model_id);
}

#[tokio::test]
async fn a_refused_claim_costs_nothing_and_says_why() {
    let world = World::new().await;
    let paid = || async { world.provider().get_transaction_count(world.client.address()).await.unwrap() };
    let before = paid().await;
    let statement = world.statement();

    let wrong = Bytes::from(vec![1; 32]);
    let error = world.client.submit(&statement, &wrong).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Invalid);
    assert_eq!(refusal(error), Refusal::ProofInvalid);

    let late = world.client.submit(&world.statement_until(1), &world::proof()).await.unwrap_err();
    assert_eq!(refusal(late), Refusal::DeadlinePassed(1));

    let mut unknown = statement.clone();
    unknown.model_id = alloy::primitives::B256::repeat_byte(9);
    let error = world.client.submit(&unknown, &world::proof()).await.unwrap_err();
    assert_eq!(refusal(error), Refusal::UnknownModel(unknown.model_id));

    let mut ragged = statement.clone();
    ragged.public_values = PublicValues::from_bytes(vec![0; 33].into());
    let error = world.client.submit(&ragged, &world::proof()).await.unwrap_err();
    assert!(matches!(refusal(error), Refusal::PublicValuesLength(_)));

    assert_eq!(paid().await, before, "nothing was sent");

    world.client.submit(&statement, &world::proof()).await.unwrap();
    let error = world.client.submit(&statement, &world::proof()).await.unwrap_err();
    assert_eq!(refusal(error), Refusal::ClaimExists(statement.id()));
}

#[tokio::test]
async fn statements_for_others_are_refused_before_the_node_is_asked() {
    let world = World::new().await;
    let mut statement = world.statement();
    statement.context = Context::Offchain {};
    let error = world.client.submit(&statement, &world::proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongContext(_)), "{error}");

    let mut statement = world.statement();
    if let Context::Chain { assignment, .. } = &mut statement.context {
        assignment.submitter = world::SECOND;
    }
    let error = world.client.submit(&statement, &world::proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongContext(_)), "{error}");

    let mut statement = world.statement();
    if let Context::Chain { chain_id, .. } = &mut statement.context {
        *chain_id = 1;
    }
    let error = world.client.submit(&statement, &world::proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongContext(_)), "{error}");

    // A registry that is not there: the call would "succeed".
    let mut statement = world.statement();
    if let Context::Chain { registry, .. } = &mut statement.context {
        *registry = world::SECOND;
    }
    let error = world.client.submit(&statement, &world::proof()).await.unwrap_err();
    assert_eq!(refusal(error), Refusal::NoCode(world::SECOND));
}
