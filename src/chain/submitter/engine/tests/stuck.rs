//! What does not get on.

use super::*;

#[tokio::test]
async fn what_is_stuck_is_replaced_with_the_same_nonce_and_whichever_is_mined_counts() {
    for takes_old in [false, true] {
        let mut world = World::new();
        world.add(&[intent(1)]);
        world.step().await;
        world.sim.with(|sim| sim.base_fee *= 3);
        for _ in 0..3 {
            world.sim.mine();
            world.step().await;
        }
        assert_eq!(world.hashes(1).len(), 1);
        world.now += 30_000;
        world.step().await;
        let hashes = world.hashes(1);
        assert_eq!(hashes.len(), 2);
        let attempts = world.engine().journal().attempts(intent(1).id).unwrap();
        assert_eq!(attempts[0].nonce, attempts[1].nonce);
        assert!(attempts[1].fees.ceiling() * 10 >= attempts[0].fees.ceiling() * 11);
        if takes_old {
            // Another node still had the first one.
            let raw = attempts[0].raw.clone();
            world.sim.with(|sim| {
                sim.base_fee /= 3;
                sim.force(&raw);
            });
        }
        world.run(8).await;
        world.check_done([1]);
        let State::Finalized(found) = world.state(1) else { panic!() };
        assert_eq!(found.hash, hashes[usize::from(!takes_old)]);
    }
}

#[tokio::test]
async fn a_bump_that_is_refused_is_made_again_dearer_and_what_is_allowed_bounds_it() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    world.sim.with(|sim| sim.base_fee *= 3);
    world.sim.answer([Reply::Underpriced("replacement transaction underpriced".into())]);
    world.now += 31_000;
    let step = world.step().await;
    assert!(step.events.iter().any(|(_, event)| matches!(event, Event::Told { .. })));
    assert!(step.alarms.iter().any(|alarm| matches!(alarm, Alarm::Stuck { .. })));
    world.run(10).await;
    world.check_done([1]);
    assert!(world.hashes(1).len() >= 3);

    let mut world = World::new();
    let fee = world.sim.with(|sim| sim.base_fee) * 2 + 2;
    world.options.max_fee = Some(fee);
    world.start();
    world.add(&[intent(1)]);
    world.step().await;
    world.sim.with(|sim| sim.base_fee *= 3);
    for _ in 0..3 {
        world.now += 31_000;
        let step = world.step().await;
        assert!(step.alarms.iter().any(|alarm| matches!(alarm, Alarm::Stuck { .. })), "{:?}", step.alarms);
        // The old one again: the node may have forgotten it.
    }
    assert_eq!(world.hashes(1).len(), 1);
    assert!(world.sim.broadcasts() > 1);
    // What is new is not begun either.
    world.add(&[intent(2)]);
    let step = world.step().await;
    assert!(step.alarms.iter().any(|alarm| matches!(alarm, Alarm::Fees { .. })) && world.hashes(2).is_empty());
    world.sim.with(|sim| sim.base_fee /= 3);
    world.run(10).await;
    world.check_done([1, 2]);
}

#[tokio::test]
async fn what_the_pool_forgot_is_handed_over_again() {
    let mut world = World::new();
    world.add(&[intent(1), intent(2)]);
    world.step().await;
    world.sim.with(|sim| sim.pool.clear());
    world.step().await;
    assert_eq!(world.sim.broadcasts(), 2, "not at once");
    world.now += 5000;
    world.step().await;
    assert_eq!(world.sim.broadcasts(), 4);
    world.run(8).await;
    world.check_done([1, 2]);
    assert_eq!(world.hashes(1).len(), 1);
}

#[tokio::test]
async fn whatever_the_node_answers_the_transaction_is_kept_and_goes_on() {
    let words = || "something".to_owned();
    for reply in [
        Reply::Unanswered(words()),
        Reply::Refused(words()),
        Reply::Full(words()),
        Reply::NoFunds(words()),
        Reply::NonceTooLow(words()),
        Reply::Underpriced(words()),
    ] {
        let mut world = World::new();
        world.add(&[intent(1), intent(2)]);
        world.sim.answer([reply.clone()]);
        world.step().await;
        assert_eq!(world.hashes(1).len(), 1, "{reply:?}");
        // Long enough for it to be found missing.
        world.now += 6000;
        world.run(20).await;
        world.check_done([1, 2]);
    }
}

/// What no node ever takes gives its nonce back, so that others get on.
#[tokio::test]
async fn what_no_node_takes_fails_and_does_not_block_the_others() {
    let mut world = World::new();
    world.sim.with(|sim| sim.hates = Some(intent(1).id));
    world.add(&[intent(1), intent(2)]);
    for _ in 0..60 {
        world.sim.mine();
        world.step().await;
    }
    assert!(matches!(world.state(1), State::Failed(Reason::Refused(_))), "{:?}", world.row(1));
    world.check_done([2]);
}

#[tokio::test]
async fn a_gap_is_filled_by_what_is_next_or_by_nothing() {
    let mut world = World::new();
    // Somebody else's transaction with the same key, which the pool forgets.
    world.sim.foreign();
    world.add(&[intent(1)]);
    world.step().await;
    assert_eq!(world.row(1).nonce, Some(1));
    world.sim.with(|sim| sim.pool.remove(&0));
    world.run(12).await;
    world.now += 6000;
    world.run(12).await;
    world.check_done([1]);
    let fillers = world.engine().journal().latest_rows(None, 10).unwrap();
    assert_eq!(fillers.iter().filter(|row| row.kind == Kind::Filler && row.nonce == Some(0)).count(), 1);

    let mut world = World::new();
    world.sim.foreign();
    world.add(&[intent(1)]);
    world.step().await;
    world.sim.with(|sim| sim.pool.remove(&0));
    world.add(&[intent(2)]);
    world.step().await;
    assert_eq!(world.row(2).nonce, Some(0));
    world.now += 6000;
    world.run(10).await;
    world.check_done([1, 2]);
}
