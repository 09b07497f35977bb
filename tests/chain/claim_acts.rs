//! Acts on a claim registry: each once, with what it brings shown before, and a sentence for whatever is refused.

use crate::{
    any_chain::Witness,
    claim_world::{ClaimWorld, PROOF, TERMS},
};
use alloy::primitives::{Address, B256, Bytes, U256};
use serde_json::json;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use zkinfer::{
    FailureClass,
    chain::{
        Budget, ChainError, Outbox, SendOptions,
        claims::{ClaimRegistry, Claims, Level, Stage, Terms},
    },
};

/// Everything about a claim that is asked for twice: it is one, with one bond and one fee.
#[tokio::test]
async fn what_is_done_twice_is_done_once() {
    let world = ClaimWorld::new().await;
    let (claims, other) = (world.claims(0).await, world.claims(1).await);
    let (statement, address) = (world.statement(0, 0, 1), world.registry.address);
    let id = statement.id();
    let first = claims.post(&statement).await.unwrap();
    let second = claims.post(&statement).await.unwrap();
    assert!(!first.done_before && second.done_before && first.mined == second.mined);
    // Somebody who kept nothing is told the same, without the transaction.
    let dir = tempfile::tempdir().unwrap();
    let empty = Outbox::at(dir.path());
    let forgetful = Claims::open(&world.clients[0], &empty, address).await.unwrap();
    let third = forgetful.post(&statement).await.unwrap();
    assert!(third.done_before && third.mined.is_none());
    assert_eq!(world.balance(address).await, TERMS.bond);

    let fee = async || {
        let before = other.challenge(id).await.unwrap();
        assert_eq!(world.balance(address).await, TERMS.bond + TERMS.fee);
        before
    };
    assert_eq!([fee().await.done_before, fee().await.done_before], [false, true]);
    assert_eq!(world.registry.final_level(id).await.unwrap(), Level::None);
    let answers = [claims.answer(&statement, &PROOF).await.unwrap(), claims.answer(&statement, &PROOF).await.unwrap()];
    assert_eq!(answers.map(|answer| answer.done_before), [false, true]);
    assert_eq!(world.registry.final_level(id).await.unwrap(), Level::Verified);

    // A credit is paid whenever there is one, however often that was done before.
    let me = world.clients[0].address();
    for job in [2, 3] {
        assert!(!claims.withdraw(me, None).await.unwrap().done_before);
        assert!(claims.withdraw(me, None).await.unwrap().done_before);
        claims.post(&world.statement(0, 0, job)).await.unwrap();
        claims.answer(&world.statement(0, 0, job), &PROOF).await.unwrap();
    }
    assert_eq!(world.registry.credit(me).await.unwrap(), TERMS.bond);

    let batch = world.batch(1, 0, 4);
    let posted =
        [claims.post_batch(&batch, B256::ZERO).await.unwrap(), claims.post_batch(&batch, B256::ZERO).await.unwrap()];
    assert_eq!(posted.map(|post| post.done_before), [false, true]);
    let kept = world.outbox.kept_batch(31337, batch.id(address)).unwrap();
    assert_eq!(kept, Some(batch));
}

/// A first run that ends without a receipt: the second one waits for the same transaction, and the bond is brought once.
#[tokio::test]
async fn a_bond_on_its_way_is_waited_for() {
    let world = ClaimWorld::new().await;
    let options = SendOptions {
        receipt_deadline: Duration::from_millis(700),
        poll_interval: Duration::from_millis(20),
        ..SendOptions::default()
    };
    let client = world.clients[0].clone().with_options(options);
    let claims = Claims::open(&client, &world.outbox, world.registry.address).await.unwrap();
    let statement = world.statement(0, 0, 1);
    world.cheat("evm_setAutomine", json!([false])).await;
    let error = claims.post(&statement).await.unwrap_err();
    let ChainError::NoReceipt { hash, .. } = error else { panic!("{error}") };
    // Dropped by the node: the very same bytes go out again.
    world.cheat("anvil_dropTransaction", json!([hash])).await;
    let again = claims.post(&statement).await.unwrap_err();
    assert!(matches!(again, ChainError::NoReceipt { hash: same, .. } if same == hash), "{again}");
    world.cheat("evm_mine", json!([])).await;
    let done = claims.post(&statement).await.unwrap();
    assert_eq!(done.mined.unwrap().transaction_hash, hash);
    assert_eq!(world.balance(world.registry.address).await, TERMS.bond);
}

/// The bond is in what is agreed to, and in what the budget allows.
#[tokio::test]
async fn a_bond_is_shown_before_it_is_agreed_to() {
    let world = ClaimWorld::on(8453).await;
    let statement = world.statement(0, 0, 1);
    let acts = async |client| {
        let claims = Claims::open(&client, &world.outbox, world.registry.address).await.unwrap();
        claims.post(&statement).await
    };
    let refusing = Arc::new(Witness { refuses: true, ..Witness::default() });
    let error = acts(world.fresh(0).with_operator(refusing.clone())).await.unwrap_err();
    assert!(matches!(error, ChainError::NotAgreed(_)) && refusing.sent.load(Ordering::Relaxed) == 0, "{error}");
    {
        let offers = refusing.offers.lock().unwrap();
        let offer = offers.first().unwrap();
        assert!(offer.value == TERMS.bond && offer.ceiling > TERMS.bond && offer.what.contains("bond"), "{offer}");
        assert!(offer.to_string().contains("brings      0.000000000001000001 ETH"), "{offer}");
    }
    let budget = Budget { max_cost: Some(TERMS.bond), ..Budget::default() };
    let error = acts(world.fresh(0).with_options(SendOptions { budget, ..SendOptions::default() })).await;
    assert!(matches!(error, Err(ChainError::CostTooHigh { .. })), "{error:?}");

    let poor = json!([world.clients[0].address(), "0x1000"]);
    world.cheat("anvil_setBalance", poor).await;
    let error = acts(world.fresh(0)).await.unwrap_err();
    assert!(matches!(error, ChainError::InsufficientFunds { needed, .. } if needed == TERMS.bond), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
    assert_eq!(world.balance(world.registry.address).await, U256::ZERO);
}

/// Where other code stands, nobody's word is taken and no bond is brought.
#[tokio::test]
async fn only_a_registry_of_this_release_is_acted_on() {
    let world = ClaimWorld::new().await;
    let (node, address) = (world.registry.node(), world.registry.address);
    let nothing = ClaimRegistry::at(node, Address::repeat_byte(9)).await.unwrap_err();
    assert!(matches!(nothing, ChainError::Refused { .. }), "{nothing}");
    let other = |error: ChainError| matches!(error, ChainError::OtherRelease { contract: "ClaimRegistry", .. });
    assert!(other(ClaimRegistry::at(node, world.contracts.proof_registry.address).await.unwrap_err()));
    // One byte: its bond, say.
    let code = node.code(address).await.unwrap();
    let bond = TERMS.bond.to_be_bytes::<32>();
    let at = code.windows(32).position(|window| window == bond).unwrap();
    let mut changed = code.to_vec();
    changed[at + 31] ^= 1;
    world.cheat("anvil_setCode", json!([address, Bytes::from(changed)])).await;
    assert!(other(ClaimRegistry::at(node, address).await.unwrap_err()));
    // Beside a proof registry of another release.
    world.cheat("anvil_setCode", json!([address, code])).await;
    ClaimRegistry::at(node, address).await.unwrap();
    world.cheat("anvil_setCode", json!([world.contracts.proof_registry.address, "0x60016000f3"])).await;
    assert!(ClaimRegistry::at(node, address).await.is_err());
}

#[tokio::test]
async fn what_is_refused_costs_nothing_and_says_why() {
    let world = ClaimWorld::new().await;
    let (claims, other) = (world.claims(0).await, world.claims(1).await);
    let (statement, address) = (world.statement(0, 0, 1), world.registry.address);
    let id = statement.id();
    let says = |error: ChainError, words: &str| assert!(error.to_string().contains(words), "`{words}`: {error}");
    says(other.challenge(id).await.unwrap_err(), "not claimed here");
    claims.post(&statement).await.unwrap();
    says(other.post(&statement).await.unwrap_err(), "only 0x");
    says(other.answer(&statement, &PROOF).await.unwrap_err(), "only 0x");
    let wrong = claims.answer(&statement, &Bytes::from_static(&[2])).await.unwrap_err();
    assert_eq!(wrong.class(), FailureClass::Invalid, "{wrong}");
    let claim = world.registry.find_claim(id, 0).await.unwrap().unwrap();
    says(other.finalize(&claim).await.unwrap_err(), "run the same command then");
    world.skip(TERMS.challenge_window + 5).await;
    says(other.challenge(id).await.unwrap_err(), "the time for this ended");
    other.finalize(&claim).await.unwrap();
    assert_eq!(world.registry.stage(id).await.unwrap(), Stage::Final);
    says(claims.post(&world.statement(0, 1, 1)).await.unwrap_err(), "only 0x");
    says(claims.withdraw(Address::repeat_byte(1), Some(Address::ZERO)).await.unwrap_err(), "by its own key only");

    let batch = world.batch(1, 0, 3);
    claims.post_batch(&batch, B256::ZERO).await.unwrap();
    let batch_id = batch.id(address);
    says(other.challenge_leaf(batch_id, 3).await.unwrap_err(), "no leaf 3");
    says(claims.answer_leaves(&batch, &[0], &PROOF).await.unwrap_err(), "not 1");
    says(claims.answer_leaves(&batch, &[7], &PROOF).await.unwrap_err(), "no such leaf");
    for leaf in [0, 1] {
        other.challenge_leaf(batch_id, leaf).await.unwrap();
    }
    says(other.challenge_leaf(batch_id, 2).await.unwrap_err(), "as many as can be");
    let known = world.registry.find_batch(batch_id, 0).await.unwrap().unwrap();
    says(other.finalize_batch(&known).await.unwrap_err(), "2 challenges of the batch are open");
    claims.answer_leaves(&batch, &[0, 1], &PROOF).await.unwrap();
    says(other.return_fee(batch_id, 0).await.unwrap_err(), "is open");

    let no_bond = Terms { bond: U256::ZERO, ..TERMS };
    let deploy = async |terms: &Terms| {
        world.clients[0].deploy_claim_registry(world.contracts.proof_registry.address, terms).await.unwrap_err()
    };
    says(deploy(&no_bond).await, "at least 1");
    says(deploy(&Terms { answer_window: 400 * 86_400, ..TERMS }).await, "at most 365 days");
}
