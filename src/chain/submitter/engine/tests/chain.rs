//! What the chain does.

use super::*;

#[tokio::test]
async fn a_reorganisation_puts_it_back_and_it_is_found_where_it_is_then() {
    let mut world = World::new();
    world.add(&[intent(1), intent(2)]);
    world.step().await;
    world.sim.mine();
    world.step().await;
    world.run(1).await;
    assert_eq!(world.row(1).phase(), Phase::Confirmed);
    // Three other blocks in the place of two; the pool of this node has nothing of it any more.
    world.sim.reorg(2, 3);
    world.step().await;
    assert_eq!((world.row(1).reorgs, world.row(1).phase()), (1, Phase::Broadcast));
    world.run(12).await;
    world.check_done([1, 2]);
    assert_eq!((world.hashes(1).len(), world.hashes(2).len()), (1, 1), "the very same transactions");
}

/// A chain that is shorter for a while says nothing of what is missing.
#[tokio::test]
async fn a_node_that_is_behind_changes_nothing() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    world.run(2).await;
    let before = world.row(1);
    let gone = world.sim.rewind(2);
    world.step().await;
    assert_eq!(world.row(1), before);
    world.sim.restore(gone);
    world.run(8).await;
    world.check_done([1]);
    assert_eq!(world.row(1).reorgs, 0);
    // The same, and what comes back is other blocks.
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    world.run(2).await;
    world.sim.rewind(2);
    world.step().await;
    world.run(14).await;
    world.check_done([1]);
    assert_eq!(world.row(1).reorgs, 1);
}

#[tokio::test]
async fn a_chain_that_went_back_beyond_what_was_final_stops_everything() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    world.run(8).await;
    world.check_done([1]);
    world.sim.reorg(8, 9);
    world.add(&[intent(2)]);
    let (sent, before) = (world.sim.broadcasts(), world.engine().journal().events(0, 1000).unwrap());
    for _ in 0..3 {
        world.sim.mine();
        let step = world.step().await;
        assert!(step.hold.as_ref().is_some_and(|why| why.contains("went back beyond what was final")), "{step:?}");
    }
    let controls = world.engine().journal().controls().unwrap();
    assert!(controls.hold.is_some());
    // A new process knows as well.
    world.start();
    assert!(world.step().await.hold.is_some());
    assert_eq!((world.sim.broadcasts(), world.engine().journal().events(0, 1000).unwrap()), (sent, before));
    assert!(matches!(world.state(1), State::Finalized(_)) && world.row(2).phase() == Phase::Planned);
}

#[tokio::test]
async fn a_nonce_that_somebody_else_used_is_given_up_when_that_is_final() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    world.sim.foreign();
    world.sim.mine();
    for _ in 0..5 {
        world.step().await;
        assert_eq!((world.row(1).phase(), world.hashes(1).len()), (Phase::Broadcast, 1), "it may be taken back yet");
        world.sim.mine();
    }
    let step = world.step().await;
    assert!(step.alarms.contains(&Alarm::ForeignNonce { nonce: 0 }), "{:?}", step.alarms);
    world.run(8).await;
    world.check_done([1]);
    assert_eq!((world.row(1).nonce, world.hashes(1).len()), (Some(1), 2));
}

#[tokio::test]
async fn what_the_chain_has_is_not_sent() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.sim.claim(intent(1).id);
    world.sim.mine();
    world.step().await;
    assert_eq!(world.row(1).phase(), Phase::Planned, "it may be taken back yet");
    world.run(8).await;
    assert_eq!((world.state(1), world.sim.broadcasts()), (State::Replaced(By::Chain), 0));

    // A claim that a reorganisation takes back has to be made.
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.sim.claim(intent(1).id);
    world.sim.mine();
    world.step().await;
    world.sim.reorg(1, 2);
    world.run(14).await;
    world.check_done([1]);
}

/// Somebody claims it while ours is on its way.
#[tokio::test]
async fn what_is_claimed_meanwhile_reverts_once_or_is_taken_back() {
    // Ours is mined and reverts.
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    world.sim.claim(intent(1).id);
    world.sim.mine();
    world.step().await;
    assert!(matches!(world.state(1), State::Mined(found) if !found.succeeded));
    world.run(8).await;
    assert_eq!((world.state(1), world.row(1).reverts), (State::Replaced(By::Chain), 1));
    assert_eq!(world.hashes(1).len(), 1);

    // Ours is stuck, and taken back.
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    world.sim.with(|sim| sim.base_fee *= 3);
    world.sim.claim(intent(1).id);
    for _ in 0..4 {
        world.now += 31_000;
        world.sim.mine();
        world.step().await;
    }
    world.run(10).await;
    assert_eq!(world.state(1), State::Replaced(By::Chain));
    let attempts = world.engine().journal().attempts(intent(1).id).unwrap();
    assert_eq!(attempts.last().unwrap().purpose, Purpose::Undo);
    assert!(attempts.iter().all(|attempt| attempt.nonce == 0));
    world.engine().journal().check().unwrap();
}
