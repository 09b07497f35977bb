//! What ends otherwise.

use super::*;
use crate::chain::submitter::JournalError;

#[tokio::test]
async fn what_the_contract_refuses_is_not_sent_and_one_refusal_is_not_believed() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.sim.with(|sim| sim.is_broken = true);
    world.step().await;
    world.step().await;
    world.sim.mine();
    world.step().await;
    assert_eq!(world.row(1).phase(), Phase::Planned);
    world.sim.with(|sim| sim.is_broken = false);
    world.run(12).await;
    world.check_done([1]);

    let mut world = World::new();
    world.add(&[intent(1)]);
    world.sim.with(|sim| sim.is_broken = true);
    world.run(30).await;
    let State::Failed(Reason::Refused(words)) = world.state(1) else { panic!("{:?}", world.state(1)) };
    assert!(!words.is_empty() && world.sim.broadcasts() == 0 && world.hashes(1).is_empty());
    // The operator repaired it, and wants it after all.
    world.sim.with(|sim| sim.is_broken = false);
    world.engine().journal().wish(intent(1).id, Wish::Revive).unwrap();
    world.run(10).await;
    world.check_done([1]);
}

#[tokio::test]
async fn what_reverts_is_tried_again_when_that_is_final_and_not_for_ever() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    world.sim.with(|sim| sim.reverts_left = 1);
    world.run(1).await;
    assert!(matches!(world.state(1), State::Mined(found) if !found.succeeded));
    world.run(4).await;
    assert_eq!(world.hashes(1).len(), 1, "a block that is not final may go, and ours with it");
    world.run(12).await;
    world.check_done([1]);
    assert_eq!((world.hashes(1).len(), world.row(1).nonce), (2, Some(1)));

    let mut world = World::new();
    world.add(&[intent(1)]);
    world.sim.with(|sim| sim.reverts_left = 100);
    world.run(40).await;
    assert!(matches!(world.state(1), State::Failed(Reason::Reverted { .. })), "{:?}", world.state(1));
    assert_eq!((world.hashes(1).len(), world.row(1).reverts), (3, 3));
}

#[tokio::test]
async fn a_deadline_ends_what_is_planned_and_takes_back_what_is_on_its_way() {
    let mut world = World::new();
    let time = world.sim.time();
    let with = |number, deadline| Intent { deadline: Some(deadline), ..intent(number) };
    world.add(&[with(1, time - 1), with(2, time + 1), with(3, time + 40)]);
    world.step().await;
    assert_eq!(world.state(1), State::Failed(Reason::Deadline { deadline: time - 1 }));
    assert_eq!(world.row(2).phase(), Phase::Planned, "too little time is left to begin it");
    assert_eq!(world.row(3).phase(), Phase::Broadcast);
    world.sim.with(|sim| sim.base_fee *= 3);
    world.run(5).await;
    assert!(matches!(world.state(2), State::Failed(Reason::Deadline { .. })));
    let attempts = world.engine().journal().attempts(intent(3).id).unwrap();
    assert_eq!(attempts.last().unwrap().purpose, Purpose::Undo, "{:?}", world.row(3));
    world.run(10).await;
    assert!(matches!(world.state(3), State::Failed(Reason::Deadline { .. })));
    assert_eq!(world.sim.times_done(intent(3).id), 0);
    world.engine().journal().check().unwrap();
}

#[tokio::test]
async fn a_cancelled_intent_is_taken_back_or_it_is_too_late() {
    let mut world = World::new();
    world.add(&[intent(1), intent(2), intent(3)]);
    let cancel = |world: &World, number| world.engine().journal().wish(intent(number).id, Wish::Cancel).unwrap();
    cancel(&world, 1);
    world.step().await;
    assert_eq!((world.state(1), world.hashes(1).len()), (State::Cancelled, 0));
    cancel(&world, 2);
    world.step().await;
    let attempts = world.engine().journal().attempts(intent(2).id).unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.purpose).collect::<Vec<_>>(), [Purpose::Do, Purpose::Undo]);
    assert_eq!(attempts[0].nonce, attempts[1].nonce);
    world.run(1).await;
    cancel(&world, 3);
    world.run(8).await;
    assert_eq!((world.state(2), world.sim.times_done(intent(2).id)), (State::Cancelled, 0));
    world.check_done([3]);
    let noted = world.engine().journal().events_of(intent(3).id).unwrap();
    assert!(noted.iter().any(|line| matches!(&line.event, Event::Noted(words) if words.contains("too late"))));
}

/// Taken back too late: the first one was mined, and counts.
#[tokio::test]
async fn whichever_of_both_is_mined_is_what_happened() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    let raw = world.engine().journal().attempts(intent(1).id).unwrap()[0].raw.clone();
    world.engine().journal().wish(intent(1).id, Wish::Cancel).unwrap();
    world.step().await;
    world.sim.with(|sim| sim.force(&raw));
    world.run(8).await;
    world.check_done([1]);
}

/// The disk is full when a transaction is to be kept: it is not sent, the step fails with a sentence, and once there is room it goes out,
/// once.
#[tokio::test]
async fn on_a_full_disk_nothing_is_sent_that_is_not_kept() {
    let mut world = World::new();
    let data = Bytes::from([intent(1).id.as_slice(), &[1; 60_000]].concat());
    world.add(&[Intent { data, ..intent(1) }]);
    world.engine().journal().fill_disk();
    for _ in 0..3 {
        let error = world.try_step().await.unwrap_err();
        assert!(matches!(error, StepError::Journal(JournalError::Full { .. })), "{error}");
        assert!(error.to_string().contains("full") && error.to_string().contains("nothing was sent"), "{error}");
        world.sim.mine();
    }
    assert_eq!((world.sim.broadcasts(), world.hashes(1).len(), world.row(1).phase()), (0, 0, Phase::Planned));
    // Whoever made room starts it again.
    world.start();
    world.step().await;
    world.run(8).await;
    world.check_done([1]);
    assert_eq!((world.sim.broadcasts(), world.hashes(1).len()), (1, 1));
}
