//! What goes wrong around a claim: node, chain, money, size, time.

use crate::world::{self, World};
use alloy::{primitives::Bytes, signers::local::PrivateKeySigner};
use std::time::Duration;
use zkinfer::{
    FailureClass,
    chain::{
        Account, ChainError, Client, Devnet, Node, SendOptions, audit, devnet::DevnetOptions,
        sender::MAX_TRANSACTION_BYTES,
    },
};

#[tokio::test]
async fn no_node_is_an_environment_error_that_names_the_endpoint() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Node::connect(&format!("http://user:secret@127.0.0.1:{port}/key")).await.unwrap_err();
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
    let text = error.to_string();
    assert!(text.contains(&format!("http://127.0.0.1:{port}")), "{text}");
    assert!(!text.contains("secret") && !text.contains("key"), "{text}");
}

#[tokio::test]
async fn a_node_that_goes_away_is_an_environment_error() {
    let World { client, contracts, devnet, .. } = World::new().await;
    drop(devnet);
    let error = client.node().code(contracts.proof_registry.address).await.unwrap_err();
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn an_account_without_ether_is_told_what_it_needs() {
    let devnet = Devnet::start(&world::anvil()).await.unwrap();
    let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
    let poor = Account::from_signer(PrivateKeySigner::from_bytes(&alloy::primitives::B256::repeat_byte(7)).unwrap());
    let error = Client::new(node, poor.clone())
        .unwrap()
        .deploy_contracts(zkinfer::evm::artifacts::ezkl_adapter())
        .await
        .unwrap_err();
    match &error {
        ChainError::InsufficientFunds { account, needed, available, .. } => {
            assert_eq!(*account, poor.address());
            assert!(available.is_zero() && !needed.is_zero());
        }
        error => panic!("{error}"),
    }
    assert_eq!(error.class(), FailureClass::Environment);
}

#[tokio::test]
async fn what_nodes_would_refuse_for_its_size_is_never_sent() {
    let world = World::new().await;
    let error =
        world.client.submit(&world.statement(), &Bytes::from(vec![1; MAX_TRANSACTION_BYTES])).await.unwrap_err();
    assert!(matches!(error, ChainError::TransactionTooLarge { limit: MAX_TRANSACTION_BYTES, .. }), "{error}");
    assert_eq!(error.class(), FailureClass::BadInput);
}

#[tokio::test]
async fn no_receipt_is_no_success() {
    let options = DevnetOptions { block_time: Some(3600), ..DevnetOptions::default() };
    let devnet = Devnet::start_with(&world::anvil(), &options).await.unwrap();
    let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
    let impatient = SendOptions {
        receipt_deadline: Duration::from_millis(300),
        poll_interval: Duration::from_millis(50),
        ..SendOptions::default()
    };
    let client = Client::new(node, Account::dev()).unwrap().with_options(impatient);
    let error = client.deploy_verifier(world::stand_in()).await.unwrap_err();
    let ChainError::NoReceipt { hash, .. } = &error else { panic!("{error}") };
    assert_eq!(error.class(), FailureClass::Environment);
    // It is in the pool, and that is no claim to audit.
    let error = audit(client.node(), *hash, None).await.unwrap_err();
    assert!(error.to_string().contains("in no block yet"), "{error}");
}

#[tokio::test]
async fn code_that_is_not_what_it_should_be_is_noticed() {
    let world = World::new().await;
    let mut verifier = world::stand_in().clone();
    verifier.code_hash = alloy::primitives::B256::ZERO;
    let error = world.client.deploy_verifier(&verifier).await.unwrap_err();
    assert!(matches!(error, ChainError::Unexpected { .. }), "{error}");
}
