//! What every transaction manager is asked for, by name, on a chain in memory.

use crate::{
    bench::Bench,
    view::Weather,
    world::{FINAL, Rule},
};
use alloy::primitives::U256;
use zkinfer::chain::submitter::{Alarm, By, Journal, JournalError, Phase, Point, Reason, State, Wish};

const GUARDED: Rule = Rule { deadline: u64::MAX, is_guarded: true, is_refused: false };

#[tokio::test]
async fn what_is_wanted_is_done_once_and_becomes_final() {
    let mut bench = Bench::new();
    let ids = [bench.add(1), bench.add(2), bench.add(3)];
    bench.step(1).await;
    assert!(ids.iter().all(|id| bench.phase(*id) == Phase::Broadcast));
    bench.go_on(FINAL + 3).await;
    for id in ids {
        assert_eq!((bench.phase(id), bench.done(id), bench.attempts(id).len()), (Phase::Finalized, 1, 1));
    }
    bench.check();
}

#[tokio::test]
async fn confirms_at_a_higher_gas_price() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.step(1).await;
    // A spike: nobody takes what was offered.
    bench.world().base_fee *= 5;
    for _ in 0..10 {
        bench.world().mine(12, 100);
        bench.step(1).await;
    }
    let attempts = bench.attempts(id);
    assert!(attempts.len() > 1 && attempts.iter().all(|attempt| attempt.nonce == attempts[0].nonce), "{attempts:?}");
    for pair in attempts.windows(2) {
        assert!(pair[1].fees.ceiling() * 100 >= pair[0].fees.ceiling() * 110 && pair[1].gas >= pair[0].gas);
    }
    bench.go_on(FINAL + 3).await;
    let State::Finalized(found) = bench.row(id).state else { panic!("{:?}", bench.row(id)) };
    assert!(found.hash != attempts[0].hash && bench.done(id) == 1);
    bench.check();
}

/// Fees are raised, and the older one is mined all the same: it counts, and is not sent once more.
#[tokio::test]
async fn an_older_transaction_that_is_mined_after_a_dearer_one_counts() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.step(1).await;
    let first = bench.attempts(id)[0].clone();
    for _ in 0..4 {
        bench.world().mine(12, 0);
        bench.step(1).await;
    }
    assert!(bench.attempts(id).len() > 1);
    let key = (first_from(&bench), first.nonce);
    bench.world().pool.insert(key, first.hash);
    bench.go_on(FINAL + 3).await;
    let State::Finalized(found) = bench.row(id).state else { panic!("{:?}", bench.row(id)) };
    assert_eq!((found.hash, bench.done(id)), (first.hash, 1));
    bench.check();
}

fn first_from(bench: &Bench) -> alloy::primitives::Address {
    bench.account.address()
}

/// Added again and again, by this process and the next one, and claimed once.
#[tokio::test]
async fn only_one_publication_succeeds() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.step(1).await;
    bench.add(1);
    bench.start();
    bench.add(1);
    bench.go_on(2).await;
    bench.add(1);
    bench.go_on(FINAL + 3).await;
    bench.add(1);
    bench.go_on(3).await;
    assert_eq!((bench.phase(id), bench.done(id), bench.attempts(id).len()), (Phase::Finalized, 1, 1));
    bench.check();
}

/// What somebody else has claimed is not claimed again, whether that is seen before or after signing.
#[tokio::test]
async fn what_is_claimed_already_is_found_before_and_after_signing() {
    let mut bench = Bench::new();
    let before = bench.add(1);
    bench.world().claim_elsewhere(before);
    bench.go_on(FINAL + 3).await;
    assert_eq!((bench.row(before).state, bench.attempts(before).len()), (State::Replaced(By::Chain), 0));
    let after = bench.add(2);
    bench.step(1).await;
    assert_eq!(bench.attempts(after).len(), 1);
    bench.world().claim_elsewhere(after);
    bench.go_on(FINAL + 8).await;
    assert_eq!(bench.row(after).state, State::Replaced(By::Chain));
    assert_eq!(bench.done(after), 1);
    bench.check();
}

/// The node says "nonce too low" of a transaction that is mined: that is no reason to give up or to send another one.
#[tokio::test]
async fn nonce_too_low_after_mining_is_not_an_abort() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.step(1).await;
    bench.world().mine(12, 100);
    // It dies before it has seen the receipt, and the new process hands the transaction over again.
    bench.start();
    let raw = bench.attempts(id)[0].raw.clone();
    let reply = bench.world().hand_over(&raw);
    assert_eq!(reply, zkinfer::chain::submitter::Reply::Taken);
    bench.go_on(FINAL + 3).await;
    assert_eq!((bench.phase(id), bench.attempts(id).len(), bench.done(id)), (Phase::Finalized, 1, 1));
    bench.check();
}

#[tokio::test]
async fn a_crash_between_sign_and_broadcast_sends_what_was_signed() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.dies(Point::Kept).await;
    let signed = bench.attempts(id);
    assert!(bench.world().txs.is_empty() && signed.len() == 1);
    bench.step(1).await;
    bench.go_on(FINAL + 3).await;
    assert_eq!((bench.phase(id), bench.done(id), bench.attempts(id)), (Phase::Finalized, 1, signed));
    bench.check();
}

#[tokio::test]
async fn a_crash_before_what_was_signed_is_kept_sends_nothing_of_it() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.dies(Point::Signed).await;
    assert!(bench.world().txs.is_empty() && bench.attempts(id).is_empty());
    bench.step(1).await;
    bench.go_on(FINAL + 3).await;
    assert_eq!((bench.phase(id), bench.done(id), bench.attempts(id).len()), (Phase::Finalized, 1, 1));
    bench.check();
}

#[tokio::test]
async fn a_crash_between_broadcast_and_receipt_finds_the_receipt() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.dies(Point::HandedOver).await;
    assert_eq!(bench.world().pool.len(), 1);
    // Mined while nobody was there.
    bench.world().mine(12, 100);
    bench.dies(Point::Found).await;
    bench.go_on(FINAL + 3).await;
    assert_eq!((bench.phase(id), bench.done(id), bench.attempts(id).len()), (Phase::Finalized, 1, 1));
    bench.check();
}

#[tokio::test]
async fn a_reorg_of_a_confirmed_item_puts_it_back_and_it_is_mined_again() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.step(1).await;
    bench.go_on(3).await;
    assert_eq!(bench.phase(id), Phase::Confirmed);
    let before = bench.row(id).state;
    // Its block is gone, and the pool has lost it.
    bench.world().unwind(4, 0);
    for _ in 0..5 {
        bench.world().mine(1, 100);
    }
    bench.step(1).await;
    assert_eq!((bench.phase(id), bench.row(id).reorgs, bench.done(id)), (Phase::Broadcast, 1, 0));
    bench.step(60).await;
    bench.go_on(FINAL + 3).await;
    let after = bench.row(id).state;
    assert!(matches!(after, State::Finalized(_)) && after.inclusion() != before.inclusion());
    assert_eq!((bench.attempts(id).iter().map(|attempt| attempt.nonce).max(), bench.done(id)), (Some(0), 1));
    bench.check();
}

#[tokio::test]
async fn rpc_flapping_only_costs_time() {
    let flapping = Weather { silence: 60, losses: 30, ..Weather::default() };
    let mut bench = Bench::with(vec![flapping], U256::from(10).pow(U256::from(18)));
    let ids = [bench.add(1), bench.add(2)];
    let mut failed = 0;
    for _ in 0..400 {
        bench.world().mine(2, 80);
        failed += usize::from(bench.try_step(1).await.is_err());
    }
    bench.views.iter().for_each(crate::view::View::clear_up);
    bench.go_on(FINAL + 40).await;
    assert!(failed > 0);
    for id in ids {
        assert_eq!((bench.phase(id), bench.done(id)), (Phase::Finalized, 1), "{:?}", bench.row(id));
    }
    bench.check();
}

#[tokio::test]
async fn two_processes_on_one_key_are_refused() {
    let bench = Bench::new();
    let second = Journal::open(&bench.path, &bench.owner).unwrap().hold(&bench.owner);
    assert!(matches!(second, Err(JournalError::InUse { .. })), "{second:?}");
}

#[tokio::test]
async fn insufficient_funds_wait_for_money_and_say_so() {
    let mut bench = Bench::with(vec![Weather::default()], U256::from(1));
    let id = bench.add(1);
    let step = bench.step(1).await;
    assert!(step.alarms.iter().any(|alarm| matches!(alarm, Alarm::Funds { .. })), "{step:?}");
    assert!(bench.attempts(id).is_empty() && bench.phase(id) == Phase::Planned);
    let account = bench.account.address();
    {
        let mut world = bench.world();
        let last = world.blocks.len() - 1;
        world.blocks[last].state.balances.insert(account, U256::from(10).pow(U256::from(18)));
    }
    bench.step(60).await;
    bench.go_on(FINAL + 3).await;
    assert_eq!((bench.phase(id), bench.done(id)), (Phase::Finalized, 1));
    bench.check();
}

/// The node wants more for a replacement than was offered: the old one is handed over again, and the next offer is dearer.
#[tokio::test]
async fn an_underpriced_replacement_is_not_the_end() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.step(1).await;
    let first = bench.attempts(id)[0].clone();
    // What the pool has pays more than the journal knows of.
    bench.world().txs.get_mut(&first.hash).unwrap().tip *= 2;
    for _ in 0..12 {
        bench.world().mine(12, 0);
        bench.step(1).await;
    }
    let attempts = bench.attempts(id);
    assert!(attempts.len() > 2, "{attempts:?}");
    bench.go_on(FINAL + 3).await;
    assert_eq!((bench.phase(id), bench.done(id)), (Phase::Finalized, 1));
    bench.check();
}

#[tokio::test]
async fn a_node_that_restarts_without_its_pool_gets_it_again() {
    let mut bench = Bench::new();
    let ids = [bench.add(1), bench.add(2), bench.add(3)];
    bench.step(1).await;
    bench.world().restart();
    for _ in 0..3 {
        bench.world().mine(12, 100);
        bench.step(12).await;
    }
    bench.go_on(FINAL + 3).await;
    for id in ids {
        assert_eq!((bench.phase(id), bench.done(id)), (Phase::Finalized, 1));
    }
    bench.check();
}

/// The process restarts, and the node with it; both kept what they had.
#[tokio::test]
async fn a_restart_with_state_goes_on_where_it_was() {
    let mut bench = Bench::new();
    let ids: Vec<_> = (1..=6).map(|name| bench.add(name)).collect();
    for _ in 0..6 {
        bench.step(1).await;
        bench.start();
        bench.world().mine(12, 40);
    }
    bench.go_on(FINAL + 8).await;
    for id in ids {
        // Some were made dearer on the way, at the same nonce.
        let mut nonces: Vec<u64> = bench.attempts(id).iter().map(|attempt| attempt.nonce).collect();
        nonces.dedup();
        assert_eq!((bench.phase(id), bench.done(id), nonces.len()), (Phase::Finalized, 1, 1));
    }
    bench.check();
}

/// Somebody else signs with the key: the nonce is lost, the intent is not.
#[tokio::test]
async fn a_nonce_that_somebody_else_used_is_left_when_that_is_final() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.step(1).await;
    let account = bench.account.address();
    bench.world().use_nonce(account);
    let mut alarms = Vec::new();
    for _ in 0..FINAL + 3 {
        bench.world().mine(12, 100);
        alarms.extend(bench.step(1).await.alarms);
    }
    assert!(alarms.iter().any(|alarm| matches!(alarm, Alarm::ForeignNonce { nonce: 0 })), "{alarms:?}");
    bench.go_on(FINAL + 3).await;
    let nonces: Vec<u64> = bench.attempts(id).iter().map(|attempt| attempt.nonce).collect();
    assert_eq!((bench.phase(id), bench.done(id), nonces), (Phase::Finalized, 1, vec![0, 1]));
    bench.check();
}

#[tokio::test]
async fn what_is_too_late_or_refused_fails_with_its_reason_and_nothing_is_sent() {
    let mut bench = Bench::new();
    let soon = bench.world().now() + 3;
    let late = bench.add_with(1, Rule { deadline: soon, ..GUARDED });
    let refused = bench.add_with(2, Rule { is_refused: true, ..GUARDED });
    for _ in 0..20 {
        bench.world().mine(12, 100);
        bench.step(30).await;
    }
    let State::Failed(reason) = bench.row(late).state else { panic!("{:?}", bench.row(late)) };
    assert!(matches!(reason, Reason::Deadline { .. }), "{reason}");
    let State::Failed(reason) = bench.row(refused).state else { panic!("{:?}", bench.row(refused)) };
    assert!(matches!(&reason, Reason::Refused(words) if words.contains("Broken")), "{reason}");
    assert!(bench.world().txs.is_empty());
    bench.check();
}

#[tokio::test]
async fn what_is_cancelled_is_taken_back_by_a_transfer_with_its_nonce() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.step(1).await;
    bench.engine.as_ref().unwrap().journal().wish(id, Wish::Cancel).unwrap();
    bench.world().mine(12, 0);
    bench.step(1).await;
    bench.go_on(FINAL + 3).await;
    let nonces: Vec<u64> = bench.attempts(id).iter().map(|attempt| attempt.nonce).collect();
    assert_eq!((bench.phase(id), bench.done(id), nonces), (Phase::Cancelled, 0, vec![0, 0]));
    bench.check();
}

/// The chain is another one than the one that was written to: nothing is sent, and the operator is told.
/// What paid all that it may, and was then forgotten by the pool: it cannot be replaced by anything dearer, and need not be. It held up
/// everything behind it for ever.
#[tokio::test]
async fn what_the_pool_forgot_is_taken_back_without_paying_more_than_it_may() {
    let mut bench = Bench::new();
    let limit = 21_000_000_000;
    bench.options.max_fee = Some(limit);
    bench.start();
    let id = bench.add(1);
    bench.step(1).await;
    assert_eq!(bench.attempts(id)[0].fees.ceiling(), limit, "there is no room above it");
    bench.world().restart();
    bench.engine.as_ref().unwrap().journal().wish(id, Wish::Cancel).unwrap();
    bench.go_on(12).await;
    assert_eq!((bench.phase(id), bench.done(id)), (Phase::Cancelled, 0));
    assert!(bench.attempts(id).iter().all(|attempt| attempt.fees.ceiling() <= limit));
    bench.check();
}

#[tokio::test]
async fn a_chain_that_went_back_beyond_what_was_final_is_held() {
    let mut bench = Bench::new();
    let id = bench.add(1);
    bench.step(1).await;
    bench.go_on(FINAL + 3).await;
    assert_eq!(bench.phase(id), Phase::Finalized);
    {
        let mut world = bench.world();
        world.blocks.truncate(1);
        for _ in 0..FINAL + 6 {
            world.mine(12, 0);
        }
    }
    let later = bench.add(2);
    let before = bench.world().txs.len();
    for _ in 0..3 {
        bench.world().mine(12, 100);
        let step = bench.step(1).await;
        assert!(step.hold.is_some(), "{step:?}");
    }
    assert_eq!((bench.world().txs.len(), bench.attempts(later).len()), (before, 0));
}

/// One endpoint of three lies about everything.
#[tokio::test]
async fn one_liar_among_three_changes_nothing() {
    for liar in 0..3 {
        let mut weathers = vec![Weather::default(); 3];
        weathers[liar] = Weather::liar();
        let mut bench = Bench::with(weathers, U256::from(10).pow(U256::from(18)));
        let ids = [bench.add(1), bench.add(2)];
        bench.step(1).await;
        bench.go_on(FINAL + 3).await;
        for id in ids {
            assert_eq!((bench.phase(id), bench.done(id), bench.attempts(id).len()), (Phase::Finalized, 1, 1));
        }
        bench.check();
    }
}
