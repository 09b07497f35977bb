//! What was submitted is kept before it is sent: the same submission made twice is one, whatever happened in between.

use crate::{
    proxy::{Action, Proxy},
    world::{self, World},
};
use alloy::{primitives::B256, providers::Provider};
use serde_json::json;
use std::time::Duration;
use tempfile::TempDir;
use zkinfer::{
    chain::{Account, ChainError, Client, Node, Outbox, SendOptions, Settled, outbox::request_id},
    proof::Bundle,
};

struct Kept {
    world: World,
    outbox: Outbox,
    dir: TempDir,
}

impl Kept {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { world: World::new().await, outbox: Outbox::at(dir.path()), dir }
    }

    fn client(&self, node: Node) -> Client {
        let options = SendOptions {
            receipt_deadline: Duration::from_millis(1500),
            poll_interval: Duration::from_millis(50),
            ..SendOptions::default()
        };
        Client::new(node, Account::dev()).unwrap().with_options(options).with_outbox(self.outbox.clone())
    }

    fn bundle(&self) -> Bundle {
        world::bundle(&self.world)
    }

    async fn settle(&self, client: &Client) -> Result<Settled, ChainError> {
        let bundle = self.bundle();
        let mut entry = self.outbox.open(&bundle).unwrap();
        client.settle(&mut entry, &bundle).await
    }

    fn hashes(&self) -> Vec<B256> {
        self.outbox.open(&self.bundle()).unwrap().transactions().iter().map(|signed| signed.hash).collect()
    }

    async fn nonce(&self) -> u64 {
        self.world.provider().get_transaction_count(self.world.client.address()).await.unwrap()
    }
}

#[tokio::test]
async fn a_second_run_sends_nothing_and_says_where_the_claim_is() {
    let kept = Kept::new().await;
    let client = kept.client(kept.world.client.node().clone());
    let first = kept.settle(&client).await.unwrap();
    let hash = first.mined.as_ref().unwrap().transaction_hash;
    assert!(!first.is_old && kept.hashes() == [hash]);
    let before = kept.nonce().await;
    let second = kept.settle(&client).await.unwrap();
    assert!(second.is_old && second.mined.as_ref().unwrap().transaction_hash == hash);
    assert_eq!((kept.nonce().await, kept.hashes()), (before, vec![hash]));
    // Every transaction, whatever it was for, has its line.
    let log = std::fs::read_to_string(kept.dir.path().join("outbox/sent.jsonl")).unwrap();
    assert!(log.lines().count() == 1 && log.contains(&hash.to_string()), "{log}");
    // Somebody who kept nothing is told the same, without the transaction.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut entry = Outbox::at(elsewhere.path()).open(&kept.bundle()).unwrap();
    let third = client.settle(&mut entry, &kept.bundle()).await.unwrap();
    assert!(third.is_old && third.mined.is_none());
}

/// The first run ends without a receipt; the second waits for the same transaction.
#[tokio::test]
async fn a_transaction_on_its_way_is_waited_for() {
    let kept = Kept::new().await;
    let proxy = Proxy::start(&kept.world.devnet.endpoint());
    let client = kept.client(Node::connect_dev(&proxy.url()).await.unwrap());
    kept.world.cheat("evm_setAutomine", json!([false])).await;
    let error = kept.settle(&client).await.unwrap_err();
    let ChainError::NoReceipt { hash, .. } = error else { panic!("{error}") };
    let before = proxy.calls("eth_getTransactionReceipt");
    let mine = async {
        // The first look is at what was kept; from the second on it waits.
        while proxy.calls("eth_getTransactionReceipt") < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        kept.world.cheat("evm_mine", json!([])).await;
    };
    let (settled, ()) = tokio::join!(kept.settle(&client), mine);
    let settled = settled.unwrap();
    assert_eq!((settled.is_old, settled.mined.unwrap().transaction_hash), (false, hash));
    assert_eq!((kept.hashes(), proxy.calls("eth_sendRawTransaction")), (vec![hash], 1));
}

/// The node forgot it: the very same bytes go out again.
#[tokio::test]
async fn a_transaction_that_was_dropped_is_sent_again() {
    let kept = Kept::new().await;
    let client = kept.client(kept.world.client.node().clone());
    kept.world.cheat("evm_setAutomine", json!([false])).await;
    let error = kept.settle(&client).await.unwrap_err();
    let ChainError::NoReceipt { hash, .. } = error else { panic!("{error}") };
    kept.world.cheat("anvil_dropTransaction", json!([hash])).await;
    kept.world.cheat("evm_setAutomine", json!([true])).await;
    let settled = kept.settle(&client).await.unwrap();
    assert_eq!(settled.mined.unwrap().transaction_hash, hash);
    assert_eq!(kept.hashes(), [hash]);
}

/// Another transaction took its nonce: the same statement gets a new transaction, and both hashes stay.
#[tokio::test]
async fn a_transaction_that_lost_its_nonce_is_followed_by_another() {
    let kept = Kept::new().await;
    let client = kept.client(kept.world.client.node().clone());
    kept.world.cheat("evm_setAutomine", json!([false])).await;
    let error = kept.settle(&client).await.unwrap_err();
    let ChainError::NoReceipt { hash, .. } = error else { panic!("{error}") };
    kept.world.cheat("anvil_dropTransaction", json!([hash])).await;
    kept.world.cheat("evm_setAutomine", json!([true])).await;
    kept.world.client.deploy_verifier(world::stand_in()).await.unwrap();
    let settled = kept.settle(&client).await.unwrap();
    let second = settled.mined.unwrap().transaction_hash;
    assert!(second != hash && !settled.is_old);
    assert_eq!(kept.hashes(), [hash, second]);
}

/// A node that refuses, and one that does not answer: the hash is kept, and nothing is claimed twice.
#[tokio::test]
async fn whatever_the_node_answers_the_hash_is_kept() {
    let kept = Kept::new().await;
    let proxy = Proxy::start(&kept.world.devnet.endpoint());
    let client = kept.client(Node::connect_dev(&proxy.url()).await.unwrap());
    proxy.on("eth_sendRawTransaction", |_, _| Action::Error(-32000, "transaction underpriced".into()));
    let error = kept.settle(&client).await.unwrap_err();
    let ChainError::NotTaken { hash, .. } = error else { panic!("{error}") };
    assert_eq!(kept.hashes(), [hash]);

    proxy.on("eth_sendRawTransaction", |_, _| Action::ForwardAndClose);
    proxy.on("eth_getTransactionReceipt", |_, _| Action::Answer(json!(null)));
    let error = kept.settle(&client).await.unwrap_err();
    assert!(matches!(error, ChainError::NoReceipt { .. }), "{error}");
    let before = kept.nonce().await;
    proxy.on("eth_sendRawTransaction", |_, _| Action::Forward);
    proxy.on("eth_getTransactionReceipt", |_, _| Action::Forward);
    let settled = kept.settle(&client).await.unwrap();
    assert!(settled.is_old, "the claim was made although nobody said so");
    assert_eq!((kept.nonce().await, proxy.calls("eth_sendRawTransaction")), (before, 0));
}

/// The wish is found again by what was asked for; another wish is another statement.
#[tokio::test]
async fn a_request_leads_to_the_statement_that_was_fixed_for_it() {
    let kept = Kept::new().await;
    let (bundle, registry) = (kept.bundle(), kept.world.registry());
    let account = kept.world.client.address();
    let ask = |job| request_id(&bundle, 31337, registry, (account, account, job));
    let (wish, other) = (ask(B256::ZERO), ask(B256::repeat_byte(1)));
    assert!(wish != other && kept.outbox.find(31337, wish).unwrap().is_none());
    drop(kept.outbox.open(&bundle).unwrap());
    kept.outbox.remember(31337, wish, &bundle).unwrap();
    let found = kept.outbox.find(31337, wish).unwrap().unwrap();
    assert_eq!((found.statements(), found.proof()), (bundle.statements(), bundle.proof()));
    assert!(kept.outbox.find(31337, other).unwrap().is_none() && kept.outbox.find(1, wish).unwrap().is_none());

    // Damage is said, not believed and not overwritten.
    let path = kept.dir.path().join(format!("outbox/31337/{}.bundle.json", bundle.statement().id()));
    std::fs::write(&path, b"{}").unwrap();
    assert!(matches!(kept.outbox.find(31337, wish), Err(ChainError::Outbox { .. })));
    let entry = path.with_file_name(format!("{}.json", bundle.statement().id()));
    std::fs::write(&entry, b"{").unwrap();
    assert!(matches!(kept.outbox.open(&bundle), Err(ChainError::Outbox { .. })));
    assert_eq!(std::fs::read(&entry).unwrap(), b"{");
}

#[test]
fn an_outbox_that_cannot_be_written_to_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("outbox"), b"a file").unwrap();
    let error = Outbox::at(dir.path()).find(1, B256::ZERO).unwrap_err();
    assert!(matches!(error, ChainError::Outbox { .. }) && error.to_string().contains("ZKINFER_STATE_DIR"), "{error}");
}
