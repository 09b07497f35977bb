//! What nodes answer to a transaction, and what has to become of it: the cases that users of other submitters met. A proxy in
//! front of anvil answers as those nodes did.

use crate::{
    proxy::{Action, Proxy},
    world::{self, World},
};
use alloy::{primitives::B256, providers::Provider};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use zkinfer::{
    FailureClass,
    chain::{Account, ChainError, Client, Node, Operator, SendOptions, audit, client::read_claim},
};

/// A world behind a proxy, and a client that speaks through it.
struct Wired {
    world: World,
    proxy: Proxy,
    client: Client,
}

impl Wired {
    async fn new() -> Self {
        let world = World::new().await;
        let proxy = Proxy::start(&world.devnet.endpoint());
        let node = Node::connect_dev(&proxy.url()).await.unwrap();
        let options = SendOptions {
            receipt_deadline: Duration::from_secs(5),
            poll_interval: Duration::from_millis(50),
            ..SendOptions::default()
        };
        let client = Client::new(node, Account::dev()).unwrap().with_options(options);
        Self { world, proxy, client }
    }

    async fn submit(&self) -> Result<B256, ChainError> {
        let submission = self.client.submit(&self.world.statement(), &world::proof()).await?;
        Ok(submission.mined.transaction_hash)
    }

    async fn is_claimed(&self) -> bool {
        let id = self.world.statement().id();
        read_claim(self.world.client.node(), self.world.registry(), id).await.unwrap().is_some()
    }
}

/// C1: the transaction is in the pool, whatever the node calls it.
#[tokio::test]
async fn a_node_that_has_the_transaction_already_is_understood() {
    for words in [
        "already known",
        "AlreadyKnown",
        "Known transaction",
        "Transaction with the same hash was already imported.",
        "tx already in mempool",
        "something that nobody has heard of", // the node is asked for the hash
    ] {
        let wired = Wired::new().await;
        wired.proxy.on("eth_sendRawTransaction", move |_, _| Action::ForwardAndError(-32000, words.into()));
        let hash = wired.submit().await.unwrap_or_else(|error| panic!("{words}: {error}"));
        assert!(wired.world.client.node().receipt(hash).await.unwrap().unwrap().status());
    }
}

/// C2a: the answer is lost, the transaction is not.
#[tokio::test]
async fn a_lost_answer_is_no_failure() {
    let wired = Wired::new().await;
    wired.proxy.on("eth_sendRawTransaction", |_, _| Action::ForwardAndClose);
    wired.submit().await.unwrap();
    assert!(wired.is_claimed().await);
}

/// C2b: the node's count of pending transactions is behind.
#[tokio::test]
async fn a_nonce_that_is_used_is_asked_for_again() {
    let wired = Wired::new().await;
    let count = wired.world.provider().get_transaction_count(wired.client.address()).await.unwrap();
    wired.proxy.on("eth_getTransactionCount", move |_, before| match before {
        0 => Action::Answer(json!(format!("{:#x}", count - 1))),
        _ => Action::Forward,
    });
    wired.submit().await.unwrap();
    assert_eq!(wired.proxy.calls("eth_sendRawTransaction"), 2);
}

/// C3: the nonce goes to another transaction.
#[tokio::test]
async fn a_transaction_that_was_replaced_is_named() {
    let wired = Wired::new().await;
    wired.world.cheat("evm_setAutomine", json!([false])).await;
    let (from, proxy) = (wired.client.address(), &wired.proxy);
    let replace = async {
        while proxy.calls("eth_getTransactionReceipt") < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let nonce = wired.world.provider().get_transaction_count(from).await.unwrap();
        let request = json!([{ "from": from, "to": from, "nonce": format!("{nonce:#x}"), "gas": "0x5208",
                               "maxFeePerGas": "0x174876e800", "maxPriorityFeePerGas": "0x174876e800" }]);
        wired.world.cheat("eth_sendTransaction", request).await;
        wired.world.cheat("evm_mine", json!([])).await;
    };
    let (submitted, ()) = tokio::join!(wired.submit(), replace);
    let error = submitted.unwrap_err();
    assert!(matches!(error, ChainError::Replaced { .. }), "{error}");
    assert!(error.to_string().contains("never be mined"), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
    assert!(!wired.is_claimed().await);
}

/// C5a: receipts of a block that does not exist.
#[tokio::test]
async fn a_receipt_counts_when_its_block_is_on_the_chain() {
    for number in [json!("0xffff"), Value::Null] {
        let wired = Wired::new().await;
        let real = wired.world.client.deploy_verifier(world::stand_in()).await.unwrap().mined.receipt;
        let mut early = serde_json::to_value(&real).unwrap();
        early["blockNumber"] = number;
        early["blockHash"] = json!(B256::repeat_byte(0xbb));
        wired.proxy.on("eth_getTransactionReceipt", move |_, before| match before {
            0 => Action::Answer(early.clone()),
            1 | 2 => Action::Answer(Value::Null),
            _ => Action::Forward,
        });
        let submission = wired.client.submit(&wired.world.statement(), &world::proof()).await.unwrap();
        let block = wired.world.client.node().receipt(submission.mined.transaction_hash).await.unwrap().unwrap();
        assert_eq!(Some(submission.mined.block_number), block.block_number);
    }
}

/// C5b, c: what a reorganisation takes away is not audited, and what it moves is audited where it is.
#[tokio::test]
async fn an_audit_looks_at_the_chain_as_it_is() {
    let wired = Wired::new().await;
    let hash = wired.submit().await.unwrap();
    // The node keeps the receipt of a block that is no more.
    let node = wired.client.node();
    let gone = json!({ "hash": B256::repeat_byte(0xbb) });
    let receipt = wired.world.client.node().receipt(hash).await.unwrap().unwrap();
    let number = format!("{:#x}", receipt.block_number.unwrap());
    let block: Value =
        wired.world.provider().raw_request("eth_getBlockByNumber".into(), json!([number, false])).await.unwrap();
    wired.proxy.on("eth_getBlockByNumber", move |parameters, _| {
        let mut other = block.clone();
        other["hash"] = gone["hash"].clone();
        if parameters[0] == number.as_str() { Action::Answer(other) } else { Action::Forward }
    });
    let error = audit(node, hash, None).await.unwrap_err();
    assert!(matches!(error, ChainError::NotThere { .. }) && error.to_string().contains("reorganized"), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);

    // Put back into another block.
    let wired = Wired::new().await;
    let hash = wired.submit().await.unwrap();
    let raw = wired.world.provider().get_raw_transaction_by_hash(hash).await.unwrap().unwrap();
    wired.world.cheat("anvil_reorg", json!([1, []])).await;
    let error = audit(wired.client.node(), hash, None).await.unwrap_err();
    assert!(matches!(error, ChainError::NotThere { .. }), "{error}");
    let _ = wired.world.provider().send_raw_transaction(&raw).await;
    wired.world.cheat("evm_mine", json!([])).await;
    let report = audit(wired.client.node(), hash, None).await.unwrap();
    assert!(report.is_valid(), "{report:#?}");
}

/// C8: nodes take one transaction at a time of an account that delegates.
#[tokio::test]
async fn a_delegated_account_waits_for_its_earlier_transaction() {
    let wired = Wired::new().await;
    let limit = "in-flight transaction limit reached for delegated accounts";
    wired.proxy.on("eth_sendRawTransaction", move |_, before| match before {
        0 | 1 => Action::Error(-32000, limit.into()),
        _ => Action::Forward,
    });
    wired.submit().await.unwrap();

    let wired = Wired::new().await;
    let designator = format!("0xef0100{}", "11".repeat(20));
    wired.world.cheat("anvil_setCode", json!([wired.client.address(), designator])).await;
    wired.proxy.on("eth_sendRawTransaction", move |_, _| Action::Error(-32000, limit.into()));
    let options = SendOptions { receipt_deadline: Duration::from_millis(400), ..SendOptions::default() };
    let client = wired.client.clone().with_options(options);
    let error = client.submit(&wired.world.statement(), &world::proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::NotTaken { .. }), "{error}");
    assert!(error.to_string().contains("EIP-7702") && error.to_string().contains("plain account"), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
}

/// C9: what an L2 takes besides.
#[tokio::test]
async fn a_node_that_wants_more_money_is_quoted_with_what_it_means() {
    let wired = Wired::new().await;
    let words = "insufficient funds for gas * price + value: balance 100, tx cost 105, overshot 5";
    wired.proxy.on("eth_sendRawTransaction", move |_, _| Action::Error(-32000, words.into()));
    let error = wired.submit().await.unwrap_err();
    let text = error.to_string();
    for part in [words, "L1 data", "0x"] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert_eq!(error.class(), FailureClass::Environment);
}

/// Point 8 and C12: a busy node, and one that has forgotten a state for a moment, are asked again.
#[tokio::test]
async fn what_a_node_is_too_busy_for_is_asked_again_when_it_wants_to() {
    let wired = Wired::new().await;
    wired.proxy.on("eth_getCode", |_, before| match before {
        0 => Action::Status(429, "Retry-After: 1".into()),
        1 => Action::Error(-32000, "missing trie node 5bd2 (path )".into()),
        _ => Action::Forward,
    });
    let begun = tokio::time::Instant::now();
    wired.submit().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // A node that stays so is the environment's fault, with its words.
    wired.proxy.on("eth_getCode", |_, _| Action::Status(429, "Retry-After: 60".into()));
    let error = wired.client.node().code(wired.world.registry()).await.unwrap_err();
    assert!(error.to_string().contains("429") && error.class() == FailureClass::Environment, "{error}");
    assert_eq!(wired.proxy.calls("eth_getCode"), 1, "it asks for a minute, and is not waited for");
}

/// C12: a node that has forgotten the states of old blocks shows all that an audit takes; one that has none at all says nothing of a claim.
#[tokio::test]
async fn a_pruned_node_makes_no_claim_invalid() {
    let wired = Wired::new().await;
    let hash = wired.submit().await.unwrap();
    wired.world.cheat("anvil_mine", json!(["0xc8"])).await;
    let words = "missing trie node 5bd2 (path )";
    let methods = ["eth_call", "eth_getCode", "eth_getStorageAt"];
    for method in methods {
        wired.proxy.on(method, move |parameters, _| match parameters.as_array().and_then(|all| all.last()) {
            Some(block) if block == "latest" => Action::Forward,
            _ => Action::Error(-32000, words.into()),
        });
    }
    let report = audit(wired.client.node(), hash, None).await.unwrap();
    assert!(report.is_valid(), "{report:#?}");
    for method in methods {
        wired.proxy.on(method, move |_, _| Action::Error(-32000, words.into()));
    }
    let error = audit(wired.client.node(), hash, None).await.unwrap_err();
    assert!(error.to_string().contains("missing trie node"), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
}

/// Stops when told.
#[derive(Debug, Default)]
struct Stop(std::sync::atomic::AtomicBool);

impl Operator for Stop {
    fn is_interrupted(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn sending(&self, _: &str, _: B256) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[tokio::test]
async fn an_interrupt_before_the_broadcast_sends_nothing() {
    // While the node is asked.
    let wired = Wired::new().await;
    let stop = Arc::new(Stop(true.into()));
    let client = wired.client.clone().with_operator(stop);
    let error = client.submit(&wired.world.statement(), &world::proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::Interrupted(_)), "{error}");
    // At the last moment: it is signed and told.
    let client = wired.client.clone().with_operator(Arc::new(Stop::default()));
    let error = client.submit(&wired.world.statement(), &world::proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::Interrupted(_)), "{error}");
    assert_eq!(wired.proxy.calls("eth_sendRawTransaction"), 0);
    assert!(!wired.is_claimed().await);
}

/// C10: providers that search a few hundred blocks at a time.
#[tokio::test]
async fn a_schema_is_found_in_small_ranges() {
    let wired = Wired::new().await;
    wired.world.cheat("anvil_mine", json!(["0x4b0"])).await;
    let hash = wired.submit().await.unwrap();
    for (code, words) in [
        (-32602, "eth_getLogs range 1000000 exceeds limit of 10000"),
        (-32600, "You can make eth_getLogs requests with up to a 500 block range"),
        (-32005, "query returned more than 10000 results"),
        (-32000, "block range too large"),
    ] {
        wired.proxy.on("eth_getLogs", move |parameters, _| {
            let block = |name: &str| {
                let number = parameters[0][name].as_str().unwrap().trim_start_matches("0x");
                u64::from_str_radix(number, 16).unwrap()
            };
            if block("toBlock") - block("fromBlock") >= 499 {
                Action::Error(code, words.into())
            } else {
                Action::Forward
            }
        });
        let report = audit(wired.client.node(), hash, None).await.unwrap();
        let schema = report.outcome(zkinfer::chain::auditor::CheckName::Schema);
        assert_eq!(schema, zkinfer::chain::auditor::CheckOutcome::Passed, "{words}");
    }
    // One that searches nothing: said, with what to do.
    wired.proxy.on("eth_getLogs", |_, _| Action::Error(-32601, "the method does not exist".into()));
    let report = audit(wired.client.node(), hash, None).await.unwrap();
    assert!(report.is_valid() && report.summary.contains("NOT checked"), "{}", report.summary);
    assert!(report.checks.iter().any(|check| check.detail.contains("keeps old events")), "{report:#?}");
}
