#![allow(non_snake_case)] // fields of events, as the contract has them

use super::*;
use crate::{
    chain::{
        bindings::IClaimRegistry::{
            BatchPosted, ClaimChallenged, ClaimFinalized, ClaimPosted, ClaimSlashed, Credited,
            IClaimRegistryEvents as Event, LeafAnswered, LeafChallenged, ModelBroken,
        },
        claims::{State, Terms},
    },
    proof::identity,
};
use alloy::primitives::Address;

const TERMS: Terms = Terms {
    bond: U256::from_limbs([10, 0, 0, 0]),
    fee: U256::from_limbs([3, 0, 0, 0]),
    challenge_window: 100,
    answer_window: 50,
    max_open_challenges: 2,
};
const ME: Address = Address::repeat_byte(5);
const OTHER: Address = Address::repeat_byte(8);
const MODEL: B256 = B256::repeat_byte(3);

fn posted(submitter: Address) -> ClaimPosted {
    let (job, zero) = (B256::repeat_byte(4), Address::ZERO);
    let context = identity::context_id(1, Address::repeat_byte(2), submitter, zero, job, 9);
    ClaimPosted {
        statementId: identity::statement_id(MODEL, &[7], context),
        modelId: MODEL,
        submitter,
        consumer: zero,
        job,
        deadline: 9,
        transferable: false,
        publicValues: vec![7].into(),
    }
}

fn batch() -> BatchPosted {
    let batch = IClaimRegistry::Batch {
        modelId: MODEL,
        submitter: ME,
        consumer: Address::ZERO,
        deadline: 9,
        root: B256::repeat_byte(6),
        count: 3,
    };
    BatchPosted {
        batchId: batch_id(1, Address::repeat_byte(1), &batch),
        modelId: MODEL,
        submitter: ME,
        consumer: Address::ZERO,
        deadline: 9,
        root: batch.root,
        count: 3,
        contentHash: B256::ZERO,
    }
}

/// What is to be done after these events, which happened in these seconds.
fn after(events: &[(u64, Event)], now: u64) -> Duties {
    let mut state = State::new(1, Address::repeat_byte(1), Address::repeat_byte(2), TERMS);
    for (time, event) in events {
        state.apply(event, *time).unwrap();
    }
    duties(&state, ME, now, U256::from(5))
}

#[test]
fn a_challenge_is_answered_up_to_its_last_second() {
    let post = posted(ME);
    let id = post.statementId;
    let challenged = Event::ClaimChallenged(ClaimChallenged { statementId: id, challenger: OTHER });
    let events = [(1000, Event::ClaimPosted(post.clone())), (1010, challenged)];
    for now in [1010, 1060] {
        let Duties { duties, standing } = after(&events, now);
        assert_eq!(duties, [Duty::Answer { statement_id: id, until: 1060 }]);
        assert_eq!((standing.open, standing.challenged, standing.answer_by), (1, 1, Some(1060)));
        assert_eq!(standing.bonded, U256::from(10));
    }
    // Too late: it is lost, and nothing that costs gas is done about it.
    let late = after(&events, 1061);
    assert_eq!((late.duties.len(), late.standing.lost), (0, vec![id]));
    let slashed = Event::ClaimSlashed(ClaimSlashed { statementId: id, challenger: OTHER, beneficiary: Address::ZERO });
    let over = after(&[events[0].clone(), events[1].clone(), (1062, slashed)], 1070);
    assert_eq!((over.duties.len(), over.standing.lost, over.standing.bonded), (0, vec![id], U256::ZERO));
    // What others claimed is theirs.
    assert_eq!(after(&[(1000, Event::ClaimPosted(posted(OTHER)))], 5000), Duties::default());
}

#[test]
fn what_is_over_is_ended_after_its_last_second_and_paid() {
    let post = posted(ME);
    let id = post.statementId;
    let open = (1000, Event::ClaimPosted(post));
    assert!(after(std::slice::from_ref(&open), 1100).duties.is_empty());
    assert_eq!(after(std::slice::from_ref(&open), 1101).duties, [Duty::Finalize { statement_id: id }]);
    let ended = (1102, Event::ClaimFinalized(ClaimFinalized { statementId: id }));
    let credited = |amount: u64| (1102, Event::Credited(Credited { account: ME, amount: U256::from(amount) }));
    assert!(after(&[open.clone(), ended.clone(), credited(4)], 1103).duties.is_empty());
    let paid = after(&[open.clone(), ended, credited(10)], 1103);
    assert_eq!((paid.duties, paid.standing.credit), (vec![Duty::Withdraw(U256::from(10))], U256::from(10)));
    // A broken model gives everything back at once, challenged or not.
    let broken = (1001, Event::ModelBroken(ModelBroken { modelId: MODEL, breaker: OTHER, inputsHash: id }));
    assert_eq!(after(&[open.clone(), broken], 1001).duties, [Duty::Finalize { statement_id: id }]);
}

#[test]
fn leaves_are_answered_together_and_answers_come_first() {
    let (many, post) = (batch(), posted(ME));
    let (batchId, id) = (many.batchId, post.statementId);
    let leaf =
        |index: u64| Event::LeafChallenged(LeafChallenged { batchId, index: U256::from(index), challenger: OTHER });
    let posted = [(900, Event::ClaimPosted(post)), (1000, Event::BatchPosted(many))];
    let mut events = posted.to_vec();
    events.extend([(1010, leaf(2)), (1020, leaf(0))]);
    let all = after(&events, 1030);
    let answer = Duty::AnswerLeaves { batch_id: batchId, indexes: vec![0, 2], until: 1060 };
    assert_eq!(all.duties, [answer, Duty::Finalize { statement_id: id }]);
    assert_eq!((all.standing.challenged, all.standing.bonded), (2, U256::from(40)));
    // One that was answered is done with; the other one keeps its own time.
    let answered = Event::LeafAnswered(LeafAnswered { batchId, index: U256::from(2), statementId: B256::ZERO });
    events.push((1040, answered));
    let rest = after(&events, 1070);
    assert_eq!(rest.duties[0], Duty::AnswerLeaves { batch_id: batchId, indexes: vec![0], until: 1070 });
    assert_eq!(after(&events, 1071).standing.lost, [batchId]);
    let over = after(&posted, 1101);
    assert!(over.duties.contains(&Duty::FinalizeBatch { batch_id: batchId }));
    assert!(!after(&posted, 1100).duties.contains(&Duty::FinalizeBatch { batch_id: batchId }));
}
