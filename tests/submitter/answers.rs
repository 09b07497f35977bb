//! Answers to challenges, by name: what could make one late, and why it does not.

use crate::{
    house::{House, Process, account},
    view::Weather,
    world::FINAL,
};
use alloy::primitives::{B256, U256};
use zkinfer::chain::{
    claims::{Stage, Terms},
    submitter::{Attempt, End, Kind, Phase, Purpose, Reason, Row},
};

const GWEI: u128 = 1_000_000_000;
/// Long after every answer's time: nothing here becomes final before.
const NEVER: u64 = 1000;

const TERMS: Terms = Terms {
    bond: U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]),
    fee: U256::from_limbs([10_000_000_000_000_000, 0, 0, 0]),
    challenge_window: 600,
    answer_window: 300,
    max_open_challenges: 4,
};

/// A house whose process runs.
struct Running {
    house: House,
    process: Option<Process>,
}

impl Running {
    fn new(finality: u64) -> Self {
        Self::with(vec![Weather::default()], finality)
    }

    fn with(weathers: Vec<Weather>, finality: u64) -> Self {
        let house = House::new(7, weathers, TERMS, finality);
        let process = Some(house.start().unwrap());
        Self { house, process }
    }

    async fn turn(&mut self) {
        let process = self.process.take().unwrap();
        self.process = Some(self.house.turn(process).await.unwrap().expect("nothing dies here"));
    }

    /// Turns, a block after each with everything in it that it likes.
    async fn go_on(&mut self, blocks: u64) {
        for _ in 0..blocks {
            self.turn().await;
            self.house.world().mine(12, 100);
        }
    }

    /// A claim with a bond, in a block.
    async fn claim(&mut self) -> B256 {
        let before = self.house.registry().state.claims().len();
        self.house.put(0);
        for _ in 0..10 {
            self.go_on(1).await;
            let registry = self.house.registry();
            if registry.state.claims().len() > before {
                return *registry.state.claims().iter().max_by_key(|(_, claim)| claim.since).unwrap().0;
            }
        }
        panic!("it is not claimed")
    }

    fn stage(&self, id: B256) -> Stage {
        self.house.registry().state.claims()[&id].stage
    }

    fn rows(&self, kind: Kind) -> Vec<Row> {
        let rows = self.process.as_ref().unwrap().journal.latest_rows(None, 1000).unwrap();
        rows.into_iter().filter(|row| row.kind == kind).collect()
    }

    fn answer(&self) -> Row {
        let mut rows = self.rows(Kind::Answer);
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    fn attempts(&self, id: B256) -> Vec<Attempt> {
        self.process.as_ref().unwrap().journal.attempts(id).unwrap()
    }

    /// Turns until the answer to a challenge is with a node, and in no block.
    async fn answers(&mut self) -> Row {
        for _ in 0..5 {
            self.turn().await;
            if self.rows(Kind::Answer).first().is_some_and(|row| row.phase() == Phase::Broadcast) {
                return self.answer();
            }
        }
        panic!("nothing answers: {:?}", self.rows(Kind::Answer))
    }

    fn object(&self) -> B256 {
        self.house.world().object().expect("there is something to object to")
    }

    fn check(&self) {
        assert_eq!(self.house.world().violations, Vec::<String>::new());
        self.process.as_ref().unwrap().journal.check().unwrap();
    }
}

#[tokio::test]
async fn a_challenge_is_answered_and_the_claim_ends_with_its_bond_back() {
    let mut it = Running::new(FINAL);
    let id = it.claim().await;
    assert_eq!((it.object(), it.stage(id)), (id, Stage::Challenged));
    it.answers().await;
    it.go_on(3).await;
    assert_eq!(it.stage(id), Stage::Verified);
    it.process = None;
    it.house.calm().await.unwrap();
    let tally = it.house.judge().unwrap();
    assert_eq!((tally.claims, tally.answers, tally.reverts), (1, 1, 0), "{tally:?}");
}

/// The nonce of an answer goes to somebody else's transaction, long before anything is final: without haste the bond is lost.
#[tokio::test]
async fn an_answer_whose_nonce_went_elsewhere_does_not_wait_for_finality() {
    for (hurry, saved) in [(3600, true), (0, false)] {
        let mut it = Running::new(NEVER);
        it.house.options.hurry = hurry;
        it.process = None;
        it.process = Some(it.house.start().unwrap());
        let id = it.claim().await;
        it.object();
        let row = it.answers().await;
        let account = account(&it.house);
        it.house.world().use_nonce(account);
        it.go_on(5).await;
        assert_eq!(it.stage(id) == Stage::Verified, saved, "hurry {hurry}");
        it.go_on(TERMS.answer_window / 12).await;
        assert_eq!(it.house.nothing_lost().is_ok(), saved, "hurry {hurry}");
        let nonces: Vec<u64> = it.attempts(row.id).iter().map(|attempt| attempt.nonce).collect();
        if saved {
            assert!(nonces.len() == 2 && nonces[1] > nonces[0], "{nonces:?}");
            it.check();
        }
    }
}

/// It reverts in a block, because its adapter was broken for two blocks.
#[tokio::test]
async fn an_answer_that_reverted_is_made_again_before_anything_is_final() {
    let mut it = Running::new(NEVER);
    let id = it.claim().await;
    it.object();
    let row = it.answers().await;
    {
        let mut world = it.house.world();
        world.broken_until = world.number() + 1;
        world.mine(12, 100);
    }
    assert_eq!(it.stage(id), Stage::Challenged);
    it.go_on(4).await;
    assert_eq!(it.stage(id), Stage::Verified);
    let (row, attempts) = (it.answer(), it.attempts(row.id));
    assert_eq!((row.reverts, attempts.len()), (1, 2));
    assert_ne!(attempts[0].nonce, attempts[1].nonce);
    it.check();
}

/// It reverted, was signed anew, and that nonce goes to somebody else's transaction. That the chain knows what reverted says nothing of
/// the second nonce (seed 52 of the scenarios with bonds: it was taken for a receipt that comes late, for ever).
#[tokio::test]
async fn an_answer_that_reverted_and_lost_its_next_nonce_is_signed_a_third_time() {
    let mut it = Running::new(NEVER);
    let id = it.claim().await;
    it.object();
    let row = it.answers().await;
    {
        let mut world = it.house.world();
        world.broken_until = world.number() + 1;
        world.mine(12, 100);
        // A block in which the adapter works again.
        world.mine(12, 100);
    }
    for _ in 0..4 {
        it.turn().await;
        if it.attempts(row.id).len() == 2 {
            break;
        }
    }
    assert_eq!((it.answer().reverts, it.attempts(row.id).len()), (1, 2));
    let account = account(&it.house);
    it.house.world().use_nonce(account);
    it.go_on(5).await;
    assert_eq!(it.stage(id), Stage::Verified, "{:?}", it.answer());
    let nonces: Vec<u64> = it.attempts(row.id).iter().map(|attempt| attempt.nonce).collect();
    assert!(nonces.len() == 3 && nonces.is_sorted_by(|one, next| one < next), "{nonces:?}");
    it.check();
}

/// An answer is refused when it is handed over again, and taken back; its transfer of nothing is in a block, and final long after the
/// answer's time. There is another answer before (seed 38 of the scenarios with bonds: the first one was waited for).
#[tokio::test]
async fn an_answer_that_was_taken_back_is_followed_by_another_before_that_is_final() {
    let mut it = Running::new(NEVER);
    let id = it.claim().await;
    it.object();
    let first = it.answers().await;
    {
        let mut world = it.house.world();
        world.broken_until = world.number() + 40;
    }
    // Refused at several blocks, and in none of them.
    for _ in 0..40 {
        it.turn().await;
        it.house.world().mine(1, 0);
        if it.attempts(first.id).last().is_some_and(|attempt| attempt.purpose == Purpose::Undo) {
            break;
        }
    }
    assert!(matches!(it.answer().ending, Some(End::Failed(Reason::Refused(_)))), "{:?}", it.answer());
    it.go_on(2).await;
    assert!(
        it.rows(Kind::Answer)[0].state.inclusion().is_some_and(|found| found.is_undo),
        "{:?}",
        it.rows(Kind::Answer)
    );
    it.house.world().broken_until = 0;
    it.go_on(8).await;
    assert_eq!(it.stage(id), Stage::Verified, "{:?}", it.rows(Kind::Answer));
    assert_eq!(it.rows(Kind::Answer).len(), 2);
    it.check();
}

/// The same challenge comes later on the new branch. The answer has the time of the old one, is taken back when that is over, and there is
/// another one with the new time.
#[tokio::test]
async fn an_answer_with_the_time_of_another_branch_is_given_anew() {
    let mut it = Running::new(NEVER);
    let id = it.claim().await;
    it.house.world().mine(12, 100);
    it.object();
    let first = it.answers().await;
    {
        let mut world = it.house.world();
        world.unwind(1, 0);
        world.mine(TERMS.answer_window / 2, 0);
    }
    assert_eq!((it.object(), it.stage(id)), (id, Stage::Challenged));
    let until = first.deadline.unwrap();
    while it.house.world().now() <= until {
        it.turn().await;
        it.house.world().mine(12, 0);
    }
    it.go_on(7).await;
    assert_eq!(it.stage(id), Stage::Verified, "{:?}", it.rows(Kind::Answer));
    it.house.nothing_lost().unwrap();
    let deadlines: Vec<_> = it.rows(Kind::Answer).iter().map(|row| row.deadline).collect();
    assert!(deadlines.len() == 2 && deadlines[0] != deadlines[1], "{deadlines:?}");
    it.check();
}

/// An answer that reverts as often as one may is given up before that is final: the next one is another intent.
#[tokio::test]
async fn an_answer_that_reverted_too_often_is_not_waited_for() {
    let mut it = Running::new(NEVER);
    let id = it.claim().await;
    it.object();
    let first = it.answers().await;
    for reverts in 1..=it.house.options.reverts {
        for _ in 0..4 {
            let row = it.answer();
            if row.phase() == Phase::Broadcast && row.reverts + 1 == reverts {
                break;
            }
            it.turn().await;
        }
        let mut world = it.house.world();
        world.broken_until = world.number() + 1;
        world.mine(1, 100);
        world.mine(1, 0);
    }
    it.turn().await;
    let row = it.answer();
    assert_eq!((row.id, row.reverts), (first.id, it.house.options.reverts));
    it.go_on(6).await;
    assert_eq!(it.stage(id), Stage::Verified, "{:?}", it.rows(Kind::Answer));
    assert_eq!(it.rows(Kind::Answer).len(), 2);
    it.check();
}

/// Two answers with two nonces, and a reorganisation that lets both be mined: the contract takes one, and the journal says which.
#[tokio::test]
async fn of_two_answers_with_two_nonces_the_one_that_counts_is_found() {
    let mut it = Running::new(NEVER);
    let id = it.claim().await;
    it.object();
    let row = it.answers().await;
    let account = account(&it.house);
    it.house.world().use_nonce(account);
    // Found to be lost, at two blocks, and signed anew.
    for _ in 0..8 {
        if it.attempts(row.id).len() == 2 {
            break;
        }
        it.turn().await;
        if it.attempts(row.id).len() < 2 {
            it.house.world().mine(12, 0);
        }
    }
    let attempts = it.attempts(row.id);
    assert_eq!(attempts.len(), 2, "{:?}", it.answer());
    {
        // Somebody's block goes, and the first answer, which some node still has, is mined in its place; then the second one.
        let mut world = it.house.world();
        let depth = world.number()
            - world.blocks.iter().rposition(|minted| minted.state.nonces[&account] == attempts[0].nonce).unwrap()
                as u64;
        world.unwind(depth, 100);
        world.pool.insert((account, attempts[0].nonce), attempts[0].hash);
        world.pool.insert((account, attempts[1].nonce), attempts[1].hash);
        world.mine(12, 100);
        world.mine(12, 100);
        assert!(world.inclusion(attempts[0].hash).is_some_and(|(_, included)| included.cause.is_none()));
        assert!(world.inclusion(attempts[1].hash).is_some_and(|(_, included)| included.cause.is_some()));
    }
    assert_eq!(it.stage(id), Stage::Verified);
    it.go_on(3).await;
    let row = it.answer();
    let found = *row.state.inclusion().unwrap();
    assert_eq!((found.hash, found.succeeded, row.reverts), (attempts[0].hash, true, 1), "{row:?}");
    // The next process finds the same.
    it.process = None;
    it.process = Some(it.house.start().unwrap());
    it.go_on(2).await;
    assert_eq!(it.answer().state.inclusion().unwrap().hash, attempts[0].hash);
    it.check();
}

/// Fees leap over what claims may pay, and the answer comes behind them in the order of nonces.
#[tokio::test]
async fn a_fee_spike_does_not_hold_an_answer_up_behind_what_may_pay_less() {
    let mut it = Running::new(FINAL);
    let id = it.claim().await;
    for _ in 0..4 {
        it.house.put(0);
    }
    // As many on their way as there may be, and then a base fee that they may not pay.
    it.turn().await;
    it.turn().await;
    let stuck: Vec<Row> = it.rows(Kind::Optimistic).into_iter().filter(|row| row.phase() == Phase::Broadcast).collect();
    assert_eq!(stuck.len(), 4);
    it.house.world().base_fee = 200 * GWEI;
    it.object();
    it.go_on(8).await;
    assert_eq!(it.stage(id), Stage::Verified, "{:?}", it.answer());
    for row in &stuck {
        let attempts = it.attempts(row.id);
        assert!(attempts.iter().all(|attempt| attempt.purpose == Purpose::Undo || attempt.fees.ceiling() <= 50 * GWEI));
        assert!(attempts.iter().any(|attempt| attempt.purpose == Purpose::Undo), "{attempts:?}");
    }
    // What made way is done when it may be paid for, once each.
    it.process = None;
    it.house.calm().await.unwrap();
    let tally = it.house.judge().unwrap();
    assert_eq!((tally.claims, tally.statements, tally.made_way), (5, 5, 4), "{tally:?}");
}

/// Who answers without an error may stand still all the same.
#[tokio::test]
async fn an_endpoint_that_stands_still_or_lies_hides_no_challenge() {
    for bad in [Weather { stands_at: Some(0), ..Weather::default() }, Weather::liar()] {
        let mut it = Running::with(vec![bad, Weather::default(), Weather::default()], FINAL);
        let id = it.claim().await;
        it.object();
        it.go_on(6).await;
        assert_eq!(it.stage(id), Stage::Verified, "{bad:?}");
        it.check();
    }
}

/// An adapter refuses for minutes: answers fail with its words, and are made again until it does not.
#[tokio::test]
async fn an_adapter_that_is_broken_for_minutes_costs_rounds_and_no_bond() {
    let mut it = Running::new(FINAL);
    let id = it.claim().await;
    it.object();
    {
        let mut world = it.house.world();
        world.broken_until = world.number() + 20;
    }
    it.go_on(24).await;
    assert_eq!(it.stage(id), Stage::Verified, "{:?}", it.rows(Kind::Answer));
    let rows = it.rows(Kind::Answer);
    assert!(rows.len() > 1 && rows.iter().filter(|row| row.phase() == Phase::Failed).count() == rows.len() - 1);
    it.check();
}

/// What an answer takes is kept while it may be needed, by whichever process.
#[tokio::test]
async fn artifacts_are_kept_from_before_the_bond_until_an_hour_after_the_end() {
    use zkinfer::chain::submitter::prover::Prover;
    let mut it = Running::new(FINAL);
    it.house.put(0);
    it.turn().await;
    assert_eq!((it.house.registry().state.claims().len(), it.house.prover.holders().unwrap().len()), (0, 1));
    it.process = None;
    it.process = Some(it.house.start().unwrap());
    it.go_on(5).await;
    let id = *it.house.registry().state.claims().keys().next().unwrap();
    it.go_on((TERMS.challenge_window / 12) + 10).await;
    assert_eq!((it.stage(id), it.house.prover.holders().unwrap().len()), (Stage::Final, 1));
    it.house.world().mine(3300, 100);
    it.turn().await;
    assert_eq!(it.house.prover.holders().unwrap().len(), 1);
    it.house.world().mine(500, 100);
    it.turn().await;
    assert!(it.house.prover.holders().unwrap().is_empty());
}
