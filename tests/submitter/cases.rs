//! What users of other submitters met, on anvil behind a proxy that answers as those nodes did.
//!
//! The same cases for a single `zkinfer submit` are in `tests/chain/wires.rs`, those of the rules for gas (C6, C7) in
//! `tests/chain/forks.rs` and `tests/chain/any_chain.rs`, those of an audit (C10, C12, C13, C15) in `tests/chain/wires.rs`,
//! `tests/chain/audit.rs` and `tests/chain/forks.rs`.

use crate::{
    faults::{Weather, spoil},
    proxy::Action,
    wired::Wired,
};
use alloy::providers::Provider;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use zkinfer::chain::submitter::{Alarm, Phase, State};

/// C1: every client words "I already have it" differently.
#[tokio::test]
async fn c1_a_node_that_has_it_already_is_understood_whatever_it_calls_that() {
    let mut wired = Wired::new().await;
    for (number, words) in [
        "already known",
        "AlreadyKnown",
        "Known transaction",
        "Transaction with the same hash was already imported.",
        "tx already in mempool",
        "INTERNAL_ERROR: existing tx with same hash",
        "something that nobody has heard of", // the node is asked for the hash
    ]
    .into_iter()
    .enumerate()
    {
        wired.proxy().on("eth_sendRawTransaction", move |_, _| Action::ForwardAndError(-32000, words.into()));
        let id = wired.add(u8::try_from(number).unwrap());
        assert_eq!(wired.claimed_once(id).await.len(), 1, "{words}");
        assert_eq!(wired.proxy().calls("eth_sendRawTransaction"), 1, "{words}");
    }
}

/// C2a: the transaction is taken, the answer is lost.
#[tokio::test]
async fn c2_a_lost_answer_is_not_followed_by_another_claim() {
    let mut wired = Wired::new().await;
    wired.proxy().on("eth_sendRawTransaction", |_, _| Action::ForwardAndClose);
    let id = wired.add(1);
    assert_eq!(wired.claimed_once(id).await.len(), 1);
}

/// C2b: the node's counts are behind: what is signed with a used nonce is signed anew when that is sure, and claimed once.
#[tokio::test]
async fn c2_a_count_that_lags_behind_costs_time_only() {
    let mut wired = Wired::new().await;
    let count = wired.nonce().await;
    wired.proxy().on("eth_getTransactionCount", move |_, before| match before {
        0 | 1 => Action::Answer(json!(format!("{:#x}", count - 1))),
        _ => Action::Forward,
    });
    let id = wired.add(1);
    let attempts = wired.claimed_once(id).await;
    assert_eq!(attempts.last().unwrap().nonce, count);
    assert_eq!(wired.nonce().await, count + 1, "one transaction was mined");
}

/// C3: dropped from the pool, and its nonce goes to another transaction.
#[tokio::test]
async fn c3_a_transaction_whose_nonce_went_elsewhere_is_signed_anew_and_said() {
    let mut wired = Wired::new().await;
    wired.world.cheat("evm_setAutomine", json!([false])).await;
    let id = wired.add(1);
    wired.try_step(1).await.unwrap();
    let (from, nonce) = (wired.owner.account, wired.attempts(id)[0].nonce);
    let request = json!([{ "from": from, "to": from, "nonce": format!("{nonce:#x}"), "gas": "0x5208",
                           "maxFeePerGas": "0x174876e800", "maxPriorityFeePerGas": "0x174876e800" }]);
    wired.world.cheat("eth_sendTransaction", request).await;
    let mut alarms = Vec::new();
    for _ in 0..8 {
        wired.mine().await;
        alarms.extend(wired.try_step(1).await.unwrap().alarms);
    }
    assert!(alarms.contains(&Alarm::ForeignNonce { nonce }), "{alarms:?}");
    let attempts = wired.claimed_once(id).await;
    assert_eq!(attempts.iter().map(|attempt| attempt.nonce).collect::<Vec<_>>(), [nonce, nonce + 1]);
}

/// C5a: a receipt of a block that no chain has, then none, then one without a block.
#[tokio::test]
async fn c5_a_receipt_counts_when_its_block_is_on_the_chain() {
    fn phantom(receipt: &mut Value) {
        receipt["blockHash"] = json!(format!("0x{}", "cd".repeat(32)));
    }
    fn ahead(receipt: &mut Value) {
        receipt["blockNumber"] = json!("0xffff");
    }
    fn without(receipt: &mut Value) {
        receipt["blockNumber"] = Value::Null;
    }
    let mut wired = Wired::new().await;
    wired.proxy().on("eth_getTransactionReceipt", |_, before| match before {
        0 => Action::Alter(phantom),
        1 => Action::Alter(ahead),
        2 => Action::Answer(Value::Null),
        3 => Action::Alter(without),
        _ => Action::Forward,
    });
    let id = wired.add(1);
    let attempts = wired.claimed_once(id).await;
    assert_eq!(attempts.len(), 1);
    let State::Finalized(found) = wired.row(id).state else { panic!("{:?}", wired.row(id)) };
    let receipt = wired.provider().get_transaction_receipt(found.hash).await.unwrap().unwrap();
    assert_eq!((Some(found.block.number), Some(found.block.hash)), (receipt.block_number, receipt.block_hash));
}

/// C5b: the block is gone, and the transaction with it.
#[tokio::test]
async fn c5_what_a_reorganisation_takes_away_is_handed_over_again() {
    let mut wired = Wired::new().await;
    let id = wired.add(1);
    wired.try_step(1).await.unwrap();
    wired.try_step(1).await.unwrap();
    let State::Mined(first) = wired.row(id).state else { panic!("{:?}", wired.row(id)) };
    wired.world.cheat("anvil_reorg", json!([1, []])).await;
    wired.mine().await;
    assert!(!wired.is_claimed(id).await);
    let attempts = wired.claimed_once(id).await;
    let State::Finalized(found) = wired.row(id).state else { panic!("{:?}", wired.row(id)) };
    assert!(found.block != first.block && wired.row(id).reorgs == 1);
    assert!(attempts.iter().all(|attempt| attempt.nonce == attempts[0].nonce), "{attempts:?}");
}

/// C8: nodes take one transaction at a time of an account that delegates.
#[tokio::test]
async fn c8_a_delegated_account_waits_for_its_earlier_transaction() {
    let mut wired = Wired::new().await;
    let limit = "in-flight transaction limit reached for delegated accounts";
    wired.proxy().on("eth_sendRawTransaction", move |_, before| match before {
        1 | 2 => Action::Error(-32000, limit.into()),
        _ => Action::Forward,
    });
    let ids = [wired.add(1), wired.add(2)];
    for id in ids {
        assert_eq!(wired.claimed_once(id).await.len(), 1);
    }
}

/// C9: the node wants more money than was reckoned with; an L2 adds a fee of its own.
#[tokio::test]
async fn c9_a_node_that_wants_more_money_is_quoted_and_asked_again() {
    let mut wired = Wired::new().await;
    let words = "insufficient funds for gas * price + value: balance 100, tx cost 105, overshot 5";
    wired.proxy().on("eth_sendRawTransaction", move |_, before| match before {
        0 | 1 => Action::Error(-32000, words.into()),
        _ => Action::Forward,
    });
    let id = wired.add(1);
    wired.try_step(1).await.unwrap();
    let told = wired.engine.journal().events_of(id).unwrap();
    assert!(told.iter().any(|line| format!("{:?}", line.event).contains("overshot 5")), "{told:?}");
    wired.claimed_once(id).await;
}

/// Providers' limits: every request now and then, with and without Retry-After.
#[tokio::test]
async fn limits_and_failures_of_every_kind_only_cost_time() {
    let mut wired = Wired::new().await;
    let weather = Weather {
        drops: 5,
        losses: 5,
        limits: 5,
        duplicates: 40,
        misleading: 40,
        stale: 10,
        phantoms: 40,
        ..Weather::default()
    };
    let (counts, before) = (spoil(wired.proxy(), weather, 4), wired.nonce().await);
    let ids = [wired.add(1), wired.add(2), wired.add(3), wired.add(4)];
    for _ in 0..100 {
        let _ = wired.try_step(1).await;
        wired.mine().await;
    }
    wired.proxy().on_all(|_, _| Action::Forward);
    for id in ids {
        wired.claimed_once(id).await;
    }
    let counts = counts.lock().unwrap().clone();
    assert!(counts.len() >= 4, "{counts:?}");
    assert!(wired.nonce().await - before <= 4, "as many transactions were mined as there are claims");
}

/// One endpoint among three says whatever costs the most: nothing of it is believed, and it is named.
#[tokio::test]
async fn one_lying_endpoint_among_three_is_not_believed_and_is_named() {
    let mut wired = Wired::with(3).await;
    spoil(&wired.proxies[1], Weather::liar(), 1);
    let ids = [wired.add(1), wired.add(2)];
    for id in ids {
        let attempts = wired.claimed_once(id).await;
        assert_eq!(attempts.len(), 1);
        // Not at the price that the liar asks for.
        assert!(attempts[0].fees.ceiling() < 1_000_000_000_000, "{attempts:?}");
    }
    let status = wired.engine.chain().status();
    assert!(status[1].counts.contradicted > 0, "{status:?}");
    assert!(status[0].counts.contradicted == 0 && status[2].counts.contradicted == 0, "{status:?}");
}

/// Two of three endpoints stop: nothing is believed, nothing is lost; one comes back, and it goes on.
#[tokio::test]
async fn without_a_quorum_nothing_is_done_and_with_one_it_goes_on() {
    let mut wired = Wired::with(3).await;
    let is_down = Arc::new(Mutex::new(true));
    for proxy in &wired.proxies[..2] {
        let is_down = is_down.clone();
        proxy.on_all(move |_, _| if *is_down.lock().unwrap() { Action::Close } else { Action::Forward });
    }
    let id = wired.add(1);
    for _ in 0..3 {
        let error = wired.try_step(1).await.unwrap_err().to_string();
        assert!(error.contains("2 of 3 endpoints have to agree"), "{error}");
    }
    assert_eq!((wired.row(id).phase(), wired.proxies[2].calls("eth_sendRawTransaction")), (Phase::Planned, 0));
    *is_down.lock().unwrap() = false;
    // They are left alone for a while.
    while wired.try_step(1).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(wired.claimed_once(id).await.len(), 1);
}
