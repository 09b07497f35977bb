//! What was submitted is kept before it is sent: the same submission made twice is one, whatever happened in between. `submit` goes by
//! the journal of the account, as the submitter does.

use crate::{
    any_chain::{Witness, devnet, funded},
    proxy::{Action, Proxy},
    world::{self, World},
};
use alloy::{
    primitives::{B256, U256},
    providers::Provider,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use zkinfer::{
    chain::{
        Account, Budget, ChainError, Client, Depth, Node, Outbox, SendOptions, Settled,
        client::ModelEntry,
        outbox::request_id,
        submitter::{Intent, Journal, JournalError, Kind, Owner, Phase, Row, Wish, of_bundle},
    },
    evm::artifacts,
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
        client.settle(&self.outbox, &self.bundle()).await
    }

    async fn owner(&self) -> Owner {
        let genesis = self.world.client.node().block_hash(0).await.unwrap().unwrap();
        Owner { chain_id: 31337, genesis, account: self.world.client.address() }
    }

    /// As anybody may read it, and add to it.
    async fn journal(&self) -> Journal {
        let owner = self.owner().await;
        Journal::open(&Journal::path_of(self.dir.path(), &owner), &owner).unwrap()
    }

    fn intent(&self) -> Intent {
        of_bundle(&self.bundle(), 31337, self.world.client.address()).unwrap()
    }

    async fn row(&self) -> Option<Row> {
        self.journal().await.row(self.intent().id).unwrap()
    }

    async fn hashes(&self) -> Vec<B256> {
        let attempts = self.journal().await.attempts(self.intent().id).unwrap();
        attempts.iter().map(|attempt| attempt.hash).collect()
    }

    async fn nonce(&self) -> u64 {
        self.world.provider().get_transaction_count(self.world.client.address()).await.unwrap()
    }

    /// A first run that ends without a receipt.
    async fn unmined(&self, client: &Client) -> B256 {
        self.world.cheat("evm_setAutomine", json!([false])).await;
        let error = self.settle(client).await.unwrap_err();
        let ChainError::NoReceipt { hash, .. } = error else { panic!("{error}") };
        hash
    }
}

#[tokio::test]
async fn a_second_run_sends_nothing_and_says_where_the_claim_is() {
    let kept = Kept::new().await;
    let client = kept.client(kept.world.client.node().clone());
    let first = kept.settle(&client).await.unwrap();
    let hash = first.mined.as_ref().unwrap().transaction_hash;
    assert!(!first.is_old && kept.hashes().await == [hash]);
    let before = kept.nonce().await;
    let second = kept.settle(&client).await.unwrap();
    assert!(second.is_old && second.mined.as_ref().unwrap().transaction_hash == hash);
    assert_eq!((kept.nonce().await, kept.hashes().await), (before, vec![hash]));
    // Every transaction, whatever it was for, has its line.
    let log = std::fs::read_to_string(kept.dir.path().join("outbox/sent.jsonl")).unwrap();
    assert!(log.lines().count() == 1 && log.contains(&hash.to_string()), "{log}");
    // Somebody who kept nothing is told the same, without the transaction.
    let elsewhere = tempfile::tempdir().unwrap();
    let third = client.settle(&Outbox::at(elsewhere.path()), &kept.bundle()).await.unwrap();
    assert!(third.is_old && third.mined.is_none());
    kept.journal().await.check().unwrap();
}

/// The first run ends without a receipt; the second waits for the same transaction.
#[tokio::test]
async fn a_transaction_on_its_way_is_waited_for() {
    let kept = Kept::new().await;
    let proxy = Proxy::start(&kept.world.devnet.endpoint());
    let client = kept.client(Node::connect_dev(&proxy.url()).await.unwrap());
    let hash = kept.unmined(&client).await;
    let before = proxy.calls("eth_getTransactionByHash");
    let mine = async {
        // It asks whether the node has what was kept, and from then on it waits.
        while proxy.calls("eth_getTransactionByHash") < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        kept.world.cheat("evm_mine", json!([])).await;
    };
    let (settled, ()) = tokio::join!(kept.settle(&client), mine);
    let settled = settled.unwrap();
    assert_eq!((settled.is_old, settled.mined.unwrap().transaction_hash), (false, hash));
    assert_eq!((kept.hashes().await, proxy.calls("eth_sendRawTransaction")), (vec![hash], 1));
}

/// The node forgot it: the very same bytes go out again.
#[tokio::test]
async fn a_transaction_that_was_dropped_is_sent_again() {
    let kept = Kept::new().await;
    let client = kept.client(kept.world.client.node().clone());
    let hash = kept.unmined(&client).await;
    kept.world.cheat("anvil_dropTransaction", json!([hash])).await;
    kept.world.cheat("evm_setAutomine", json!([true])).await;
    let settled = kept.settle(&client).await.unwrap();
    assert_eq!(settled.mined.unwrap().transaction_hash, hash);
    assert_eq!(kept.hashes().await, [hash]);
}

/// Another transaction took its nonce: the same statement gets a new transaction when that is final, and both hashes stay.
#[tokio::test]
async fn a_transaction_that_lost_its_nonce_is_followed_by_another() {
    let kept = Kept::new().await;
    let client = kept.client(kept.world.client.node().clone());
    let hash = kept.unmined(&client).await;
    kept.world.cheat("anvil_dropTransaction", json!([hash])).await;
    kept.world.cheat("evm_setAutomine", json!([true])).await;
    kept.world.client.deploy_verifier(world::stand_in()).await.unwrap();
    // Sooner, a reorganisation could bring both to life.
    let error = kept.settle(&client).await.unwrap_err();
    assert!(matches!(error, ChainError::Replaced { hash: lost, .. } if lost == hash), "{error}");
    assert!(error.to_string().contains("final"), "{error}");
    assert_eq!(kept.hashes().await, [hash]);
    kept.world.cheat("anvil_mine", json!(["0x41"])).await;
    let settled = kept.settle(&client).await.unwrap();
    let second = settled.mined.unwrap().transaction_hash;
    assert!(second != hash && !settled.is_old);
    assert_eq!(kept.hashes().await, [hash, second]);
    kept.journal().await.check().unwrap();
}

/// A node that refuses, and one that does not answer: the hash is kept, and nothing is claimed twice.
#[tokio::test]
async fn whatever_the_node_answers_the_hash_is_kept() {
    let kept = Kept::new().await;
    let proxy = Proxy::start(&kept.world.devnet.endpoint());
    let client = kept.client(Node::connect_dev(&proxy.url()).await.unwrap());
    let words = "insufficient funds for gas * price + value: balance 100, tx cost 105, overshot 5";
    proxy.on("eth_sendRawTransaction", move |_, _| Action::Error(-32000, words.into()));
    let error = kept.settle(&client).await.unwrap_err();
    let ChainError::NotTaken { hash, .. } = error else { panic!("{error}") };
    assert!(error.to_string().contains(words) && error.to_string().contains("L1 data"), "{error}");
    assert_eq!((kept.hashes().await, kept.row().await.unwrap().phase()), (vec![hash], Phase::Signed));

    proxy.on("eth_sendRawTransaction", |_, _| Action::ForwardAndClose);
    proxy.on("eth_getTransactionReceipt", |_, _| Action::Answer(json!(null)));
    let error = kept.settle(&client).await.unwrap_err();
    assert!(matches!(error, ChainError::NoReceipt { hash: same, .. } if same == hash), "{error}");
    let before = kept.nonce().await;
    proxy.on("eth_sendRawTransaction", |_, _| Action::Forward);
    proxy.on("eth_getTransactionReceipt", |_, _| Action::Forward);
    let settled = kept.settle(&client).await.unwrap();
    assert!(settled.is_old, "the claim was made although nobody said so");
    assert_eq!((kept.nonce().await, proxy.calls("eth_sendRawTransaction")), (before, 0));
}

/// What the node finds too cheap is replaced by something dearer with the same nonce, as the submitter does it.
#[tokio::test]
async fn what_pays_too_little_is_replaced_by_something_dearer() {
    let kept = Kept::new().await;
    let proxy = Proxy::start(&kept.world.devnet.endpoint());
    let client = kept.client(Node::connect_dev(&proxy.url()).await.unwrap());
    proxy.on("eth_sendRawTransaction", |_, before| match before {
        0 => Action::Error(-32000, "transaction underpriced".into()),
        _ => Action::Forward,
    });
    let before = kept.nonce().await;
    let settled = kept.settle(&client).await.unwrap();
    let attempts = kept.journal().await.attempts(kept.intent().id).unwrap();
    let [first, second] = &attempts[..] else { panic!("{attempts:?}") };
    assert!(first.nonce == second.nonce && second.fees.ceiling() > first.fees.ceiling());
    assert_eq!((settled.mined.unwrap().transaction_hash, kept.nonce().await), (second.hash, before + 1));
}

/// Where it was agreed to a price and no limit was given, nothing dearer is signed in its place.
#[tokio::test]
async fn on_a_chain_that_is_worth_something_no_more_is_paid_than_was_shown() {
    let (devnet, srs_id) = (devnet(8453).await, B256::repeat_byte(0x22));
    let proxy = Proxy::start(&devnet.endpoint());
    let node = Node::connect_to(&proxy.url(), Some(8453)).await.unwrap();
    let client = Client::new(node.clone(), funded(&devnet).await).unwrap();
    let contracts = client.deploy_contracts(artifacts::ezkl_adapter()).await.unwrap();
    let verifier = client.deploy_verifier(world::stand_in()).await.unwrap();
    let entry = ModelEntry {
        adapter: contracts.adapter.address,
        model_code: verifier.address,
        vk_digest: B256::repeat_byte(0x11),
        srs_id,
        schema: &world::schema().to_bytes().into(),
    };
    let model_id = client.register(contracts.model_registry.address, &entry).await.unwrap().model_id;
    let statement = world::statement_for(&client, contracts.proof_registry.address, model_id);
    let (bundle, dir) = (world::bundle_of(statement, verifier.code_hash, srs_id), tempfile::tempdir().unwrap());
    let outbox = Outbox::at(dir.path());
    // Somebody who has agreed to nothing yet.
    let fresh = async |options| {
        let client = Client::new(node.clone(), funded(&devnet).await).unwrap();
        client.with_options(options).with_operator(Arc::new(Witness::default()))
    };
    proxy.on("eth_sendRawTransaction", |_, _| Action::Error(-32000, "transaction underpriced".into()));
    let options = SendOptions { receipt_deadline: Duration::from_millis(2500), ..SendOptions::default() };
    let attempts = async |client: &Client| {
        let owner =
            Owner { chain_id: 8453, genesis: node.block_hash(0).await.unwrap().unwrap(), account: client.address() };
        let journal = Journal::open(&Journal::path_of(dir.path(), &owner), &owner).unwrap();
        journal.attempts(of_bundle(&bundle, 8453, client.address()).unwrap().id).unwrap()
    };
    let client = fresh(options).await;
    let error = client.settle(&outbox, &bundle).await.unwrap_err();
    assert!(matches!(error, ChainError::NotTaken { .. }), "{error}");
    assert_eq!(attempts(&client).await.len(), 1, "nothing dearer than what was agreed to");
    // With a limit for everything there is room, once somebody agrees to it.
    let budget = Budget { max_cost: Some(U256::from(10).pow(U256::from(18))), ..Budget::default() };
    let patient = Duration::from_secs(10);
    let client = fresh(SendOptions { budget, receipt_deadline: patient, ..options }).await;
    client.settle(&outbox, &bundle).await.unwrap_err();
    let signed = attempts(&client).await;
    assert!(signed.len() > 1 && signed.iter().all(|attempt| attempt.nonce == signed[0].nonce), "{signed:?}");
    proxy.on("eth_sendRawTransaction", |_, _| Action::Forward);
    client.settle(&outbox, &bundle).await.unwrap();
}

/// What is refused, not agreed to or too dear leaves nothing that another process would send.
#[tokio::test]
async fn what_is_not_sent_is_in_no_journal() {
    let kept = Kept::new().await;
    let client = kept.client(kept.world.client.node().clone());
    let budget = Budget { max_cost: Some(U256::ONE), ..Budget::default() };
    let poor = client.clone().with_options(SendOptions { budget, ..SendOptions::default() });
    let error = kept.settle(&poor).await.unwrap_err();
    assert!(matches!(error, ChainError::CostTooHigh { .. }), "{error}");
    assert_eq!(kept.row().await, None);

    let journal = kept.journal().await;
    journal.set_paused(true).unwrap();
    let error = kept.settle(&client).await.unwrap_err();
    assert!(matches!(error, ChainError::Held { .. }) && error.to_string().contains("submitter resume"), "{error}");
    assert_eq!((kept.row().await.unwrap().phase(), kept.hashes().await.len()), (Phase::Cancelled, 0));
    journal.set_paused(false).unwrap();
    // It is wanted again, and done.
    kept.settle(&client).await.unwrap();
    assert_eq!(kept.hashes().await.len(), 1);
    journal.check().unwrap();
}

/// One account has one process that sends; what others planned is theirs to begin.
#[tokio::test]
async fn a_daemons_journal_is_left_to_it_and_what_others_planned_is_not_begun() {
    let kept = Kept::new().await;
    let client = kept.client(kept.world.client.node().clone());
    let owner = kept.owner().await;
    let held = kept.journal().await.hold(&owner).unwrap();
    let (error, before) = (kept.settle(&client).await.unwrap_err(), kept.nonce().await);
    assert!(error.to_string().contains("another process sends"), "{error}");
    assert!(matches!(error, ChainError::Journal(inner) if matches!(*inner, JournalError::InUse { .. })));
    assert_eq!(kept.nonce().await, before);
    let (to, id) = (client.address(), B256::repeat_byte(7));
    held.add(&Intent::new(id, Kind::Other, "a transfer of nothing", to, Default::default()), 1).unwrap();
    drop(held);
    kept.settle(&client).await.unwrap();
    let journal = kept.journal().await;
    assert_eq!(journal.row(id).unwrap().unwrap().phase(), Phase::Planned);
    assert_eq!(kept.nonce().await, before + 1);
    // Both at once are one after the other.
    let other = kept.client(kept.world.client.node().clone());
    let bundles = [1, 2].map(|before| {
        let statement = kept.world.statement_until(u64::MAX - before);
        world::bundle_of(statement, kept.world.verifier.code_hash, world::test_srs_id())
    });
    let (first, second) =
        tokio::join!(client.settle(&kept.outbox, &bundles[0]), other.settle(&kept.outbox, &bundles[1]));
    assert!(!first.unwrap().is_old && !second.unwrap().is_old);
    assert_eq!(kept.nonce().await, before + 3);
    // The same at once is once.
    let statement = kept.world.statement_until(u64::MAX - 3);
    let bundle = world::bundle_of(statement, kept.world.verifier.code_hash, world::test_srs_id());
    let (first, second) = tokio::join!(client.settle(&kept.outbox, &bundle), other.settle(&kept.outbox, &bundle));
    let hash = |settled: Result<Settled, ChainError>| settled.unwrap().mined.unwrap().transaction_hash;
    assert_eq!(hash(first), hash(second));
    assert_eq!(kept.nonce().await, before + 4);
}

/// As deep as it is asked for: a reorganisation before that is followed, and the claim is recorded all the same.
#[tokio::test]
async fn a_claim_is_followed_until_it_is_deep_enough() {
    let kept = Kept::new().await;
    let options = SendOptions {
        receipt_deadline: Duration::from_secs(60),
        poll_interval: Duration::from_millis(50),
        depth: Depth::Blocks(4),
        ..SendOptions::default()
    };
    let client = kept.client(kept.world.client.node().clone()).with_options(options);
    let unwind = async {
        let is_mined = |row: &Row| matches!(row.phase(), Phase::Mined | Phase::Confirmed);
        while !kept.row().await.is_some_and(|row| is_mined(&row)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        kept.world.cheat("anvil_reorg", json!([1, []])).await;
        // What nobody has is handed over again, in its time.
        while !kept.row().await.is_some_and(|row| row.reorgs == 1 && is_mined(&row)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        kept.world.cheat("anvil_mine", json!(["0x8"])).await;
    };
    let (settled, ()) = tokio::join!(kept.settle(&client), unwind);
    let mined = settled.unwrap().mined.unwrap();
    let head = kept.world.client.node().latest_block().await.unwrap();
    assert!(head + 1 - mined.block_number >= 4, "{head} {}", mined.block_number);
    assert!(client.has_recorded(kept.world.registry(), &kept.bundle()).await.unwrap());

    // Not deep enough in time: said, and nothing is sent again.
    let kept = Kept::new().await;
    let shallow = SendOptions { receipt_deadline: Duration::from_millis(600), ..options };
    let client = kept.client(kept.world.client.node().clone()).with_options(shallow);
    let error = kept.settle(&client).await.unwrap_err();
    assert!(matches!(error, ChainError::Shallow { .. }), "{error}");
    let error = kept.settle(&client).await.unwrap_err();
    assert!(matches!(error, ChainError::Held { .. }), "{error}");
    kept.world.cheat("anvil_mine", json!(["0x3"])).await;
    assert!(kept.settle(&client).await.unwrap().is_old);
    assert_eq!(kept.hashes().await.len(), 1);
    let last = client.with_depth(Depth::Final);
    assert!(kept.settle(&last).await.unwrap().is_old);
}

/// Somebody tells the journal to drop it while it waits.
#[tokio::test]
async fn what_is_cancelled_meanwhile_is_taken_back_and_said_to_be() {
    let kept = Kept::new().await;
    let client = kept.client(kept.world.client.node().clone());
    let hash = kept.unmined(&client).await;
    kept.journal().await.wish(kept.intent().id, Wish::Cancel).unwrap();
    let patient = SendOptions {
        receipt_deadline: Duration::from_secs(20),
        poll_interval: Duration::from_millis(50),
        ..SendOptions::default()
    };
    let client = client.with_options(patient);
    let mine = async {
        while kept.hashes().await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        kept.world.cheat("evm_setAutomine", json!([true])).await;
        kept.world.cheat("anvil_mine", json!(["0x42"])).await;
    };
    let (settled, ()) = tokio::join!(kept.settle(&client), mine);
    let error = settled.unwrap_err();
    assert!(matches!(error, ChainError::Ended { .. }) && error.to_string().contains("cancelled"), "{error}");
    assert!(
        kept.hashes().await.contains(&hash)
            && !client.has_recorded(kept.world.registry(), &kept.bundle()).await.unwrap()
    );
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
    kept.outbox.keep_bundle(&bundle).unwrap();
    kept.outbox.remember(31337, wish, &bundle).unwrap();
    let found = kept.outbox.find(31337, wish).unwrap().unwrap();
    assert_eq!((found.statements(), found.proof()), (bundle.statements(), bundle.proof()));
    assert!(kept.outbox.find(31337, other).unwrap().is_none() && kept.outbox.find(1, wish).unwrap().is_none());

    // Damage is said, not believed and not overwritten.
    let path = kept.dir.path().join(format!("outbox/31337/{}.bundle.json", bundle.statement().id()));
    std::fs::write(&path, b"{}").unwrap();
    assert!(matches!(kept.outbox.find(31337, wish), Err(ChainError::Outbox { .. })));
}

#[test]
fn an_outbox_that_cannot_be_written_to_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("outbox"), b"a file").unwrap();
    let error = Outbox::at(dir.path()).find(1, B256::ZERO).unwrap_err();
    assert!(matches!(error, ChainError::Outbox { .. }) && error.to_string().contains("ZKINFER_STATE_DIR"), "{error}");
}
