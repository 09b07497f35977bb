#![cfg(test)]

mod chain;
mod ends;
mod sim;
mod stuck;

use super::*;
use crate::chain::submitter::{
    Finality, Intent, Journal, Kind, Look, Options, Owner, Purpose, Reply, Spend, Test,
    state::{By, State},
};
use alloy::primitives::{Bytes, U256};
use sim::{CHAIN, CONTRACT, Sim};
use std::{path::PathBuf, sync::Mutex, time::Duration};
use tempfile::TempDir;

/// A simulated chain, a journal, and an engine that may be killed.
struct World {
    sim: Sim,
    engine: Option<Engine<Sim>>,
    options: Options,
    path: PathBuf,
    now: u64,
    _dir: TempDir,
}

/// Dies at one point, once.
#[derive(Debug, Default)]
struct Death(Mutex<Option<Point>>);

impl Probe for Death {
    fn dies_at(&self, point: Point) -> bool {
        let mut planned = self.0.lock().unwrap();
        let dies = *planned == Some(point);
        if dies {
            *planned = None;
        }
        dies
    }
}

/// What an engine may spend on its first transactions.
#[derive(Debug)]
struct Strict;

impl Purse for Strict {
    fn admit(&self, spend: &Spend<'_>) -> Result<(), String> {
        if spend.intent.kind == Kind::Proof { Err("not today".into()) } else { Ok(()) }
    }
}

fn intent(number: u8) -> Intent {
    let id = B256::repeat_byte(number);
    let look = Look { to: CONTRACT, data: Bytes::new(), word: 0, test: Test::Equals(U256::from(3)) };
    let data = Bytes::from([id.as_slice(), &[1; 4]].concat());
    Intent { done: vec![look], ..Intent::new(id, Kind::Proof, format!("intent {number}"), CONTRACT, data) }
}

impl World {
    fn new() -> Self {
        let options = Options {
            confirmations: 2,
            finality: Finality::Depth(5),
            bump_after: Duration::from_secs(30),
            resend_after: Duration::from_secs(5),
            ..Options::default()
        };
        Self::with(options)
    }

    fn with(options: Options) -> Self {
        let (sim, dir) = (Sim::new(), tempfile::tempdir().unwrap());
        let path = Journal::path_in(dir.path(), CHAIN, Account::dev().address());
        let mut world = Self { sim, engine: None, options, path, now: 1_000_000, _dir: dir };
        world.start();
        world
    }

    fn owner(&self) -> Owner {
        Owner { chain_id: CHAIN, genesis: self.sim.hash_of(0), account: Account::dev().address() }
    }

    /// A new process.
    fn start(&mut self) {
        self.engine = None;
        let journal = Journal::open(&self.path, &self.owner()).unwrap().hold(&self.owner()).unwrap();
        self.engine = Some(Engine::new(self.sim.clone(), journal, Account::dev(), self.options));
    }

    fn start_dying(&mut self, point: Point) {
        self.start();
        let engine = self.engine.take().unwrap();
        self.engine = Some(engine.with_probe(Arc::new(Death(Mutex::new(Some(point))))));
    }

    fn engine(&self) -> &Engine<Sim> {
        self.engine.as_ref().unwrap()
    }

    fn add(&self, intents: &[Intent]) {
        self.engine().journal().add_all(intents, self.now).unwrap();
    }

    async fn try_step(&mut self) -> Result<Step, StepError> {
        self.now += 1000;
        self.engine.as_mut().unwrap().step(self.now).await
    }

    async fn step(&mut self) -> Step {
        self.try_step().await.unwrap()
    }

    /// Blocks and steps in turn.
    async fn run(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.sim.mine();
            self.step().await;
        }
    }

    fn row(&self, number: u8) -> Row {
        self.engine().journal().row(B256::repeat_byte(number)).unwrap().unwrap()
    }

    fn state(&self, number: u8) -> State {
        self.row(number).state
    }

    fn hashes(&self, number: u8) -> Vec<B256> {
        let attempts = self.engine().journal().attempts(B256::repeat_byte(number)).unwrap();
        attempts.iter().map(|attempt| attempt.hash).collect()
    }

    /// Everything is on the chain once, and the journal says how.
    fn check_done(&self, numbers: impl IntoIterator<Item = u8>) {
        self.engine().journal().check().unwrap();
        for number in numbers {
            let id = B256::repeat_byte(number);
            assert!(matches!(self.state(number), State::Finalized(_)), "{:?}", self.state(number));
            assert_eq!(self.sim.times_done(id), 1, "intent {number}");
        }
    }
}

#[tokio::test]
async fn an_intent_goes_from_planned_to_finalized() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    let step = world.step().await;
    let names: Vec<_> = step.events.iter().map(|(_, event)| event.name()).collect();
    assert_eq!(names, ["signed", "broadcast"]);
    assert_eq!((step.open, step.live), (1, 1));
    world.sim.mine();
    world.step().await;
    assert_eq!(world.row(1).phase(), Phase::Mined);
    world.run(1).await;
    assert_eq!(world.row(1).phase(), Phase::Confirmed);
    world.run(3).await;
    assert_eq!(world.row(1).phase(), Phase::Confirmed);
    world.run(1).await;
    world.check_done([1]);
    assert_eq!((world.sim.broadcasts(), world.engine().open().len()), (1, 0));
    // The same once more is nothing.
    world.add(&[intent(1)]);
    world.run(3).await;
    assert_eq!(world.sim.broadcasts(), 1);
}

#[tokio::test]
async fn many_are_pending_at_once_in_the_order_of_their_nonces() {
    let mut world = World::new();
    world.options.window = 4;
    world.start();
    let mut urgent = intent(10);
    urgent.is_urgent = true;
    let mut all: Vec<_> = (1..=9).map(intent).collect();
    all.push(urgent);
    world.add(&all);
    world.step().await;
    let nonces: Vec<_> = (1..=10).map(|number| world.row(number).nonce).collect();
    assert_eq!(nonces[..4], [Some(1), Some(2), Some(3), None], "the urgent one goes first");
    assert_eq!(nonces[9], Some(0));
    world.run(12).await;
    world.check_done(1..=10);
    assert_eq!(world.sim.broadcasts(), 10);
}

#[tokio::test]
async fn a_process_may_die_anywhere() {
    for point in [Point::Signed, Point::Kept, Point::HandedOver, Point::Found] {
        let mut world = World::new();
        world.add(&[intent(1), intent(2)]);
        world.start_dying(point);
        let mut died = false;
        for _ in 0..3 {
            match world.try_step().await {
                Ok(_) => world.sim.mine(),
                Err(StepError::Stopped(at)) if at == point => {
                    died = true;
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(died, "{point:?}");
        world.engine().journal().check().unwrap();
        world.start();
        world.step().await;
        world.run(8).await;
        world.check_done([1, 2]);
        assert_eq!(world.hashes(1).len(), 1, "{point:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_paid_waits_and_says_so() {
    let mut world = World::new();
    world.sim.with(|sim| sim.balance = U256::from(1));
    world.add(&[intent(1)]);
    let step = world.step().await;
    assert!(matches!(step.alarms[..], [Alarm::Funds { .. }]) && world.hashes(1).is_empty(), "{step:?}");
    world.sim.with(|sim| sim.balance = U256::MAX);
    world.run(8).await;
    world.check_done([1]);

    let mut world = World::new();
    let engine = world.engine.take().unwrap();
    world.engine = Some(engine.with_purse(Arc::new(Strict)));
    world.add(&[intent(1), Intent { kind: Kind::Answer, max_cost: Some(U256::from(1)), ..intent(2) }]);
    world.add(&[Intent { kind: Kind::Answer, ..intent(3) }]);
    let step = world.step().await;
    let refused: Vec<_> = step.alarms.iter().filter(|alarm| matches!(alarm, Alarm::Budget { .. })).collect();
    assert_eq!(refused.len(), 2, "{:?}", step.alarms);
    world.run(8).await;
    world.check_done([3]);
    assert!(world.hashes(1).is_empty() && world.hashes(2).is_empty());
    assert_eq!(world.row(3).nonce, Some(0), "what is not paid for takes no nonce");
}

#[tokio::test]
async fn paused_nothing_is_signed_and_drained_nothing_is_begun() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    world.engine().journal().set_paused(true).unwrap();
    world.add(&[intent(2)]);
    world.run(8).await;
    world.check_done([1]);
    assert!(world.hashes(2).is_empty());
    world.engine().journal().set_paused(false).unwrap();
    world.step().await;
    assert_eq!(world.hashes(2).len(), 1);
    world.engine().journal().set_draining(true).unwrap();
    world.add(&[intent(3)]);
    for _ in 0..8 {
        world.sim.mine();
        world.step().await;
    }
    world.check_done([2]);
    let step = world.step().await;
    assert_eq!((step.is_draining, step.live, step.open), (true, 0, 1));
    assert!(world.hashes(3).is_empty());
}

/// A command that waits for one thing begins nothing else, and looks after what was signed before it.
#[tokio::test]
async fn only_what_is_asked_for_is_begun_and_what_was_signed_is_looked_after() {
    let mut world = World::new();
    world.add(&[intent(1)]);
    world.step().await;
    assert_eq!(world.hashes(1).len(), 1);
    world.add(&[intent(2), intent(3)]);
    world.start();
    world.engine = world.engine.take().map(|engine| engine.only(intent(3).id));
    world.run(8).await;
    world.check_done([1, 3]);
    assert!(world.hashes(2).is_empty() && world.row(2).phase() == Phase::Planned);
    assert_eq!(world.row(3).nonce, Some(1), "nobody takes a nonce for what is not begun");
    // Whoever runs without that limit goes on with the rest.
    world.start();
    world.run(8).await;
    world.check_done([2]);
}

/// Hears of what is signed, and stops when it does.
#[derive(Debug, Default)]
struct Stopper(Mutex<Vec<B256>>);

impl Operator for Stopper {
    fn sending(&self, _: &str, hash: B256) {
        self.0.lock().unwrap().push(hash);
    }

    fn is_interrupted(&self) -> bool {
        !self.0.lock().unwrap().is_empty()
    }
}

#[tokio::test]
async fn whoever_hears_of_a_transaction_may_stop_it_before_it_leaves_and_it_is_kept() {
    let mut world = World::new();
    let stopper = Arc::new(Stopper::default());
    world.engine = world.engine.take().map(|engine| engine.with_operator(stopper.clone()));
    world.add(&[intent(1)]);
    let error = world.try_step().await.unwrap_err();
    assert!(matches!(error, StepError::Chain(crate::chain::ChainError::Interrupted(_))), "{error}");
    assert_eq!(world.sim.broadcasts(), 0);
    assert_eq!((world.hashes(1), world.row(1).phase()), (stopper.0.lock().unwrap().clone(), Phase::Signed));
    // The next process hands the same bytes over.
    world.start();
    world.step().await;
    world.run(8).await;
    world.check_done([1]);
    assert_eq!(world.hashes(1), *stopper.0.lock().unwrap());
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_does_nothing() {
    let mut world = World::new();
    world.options.is_dry_run = true;
    world.start();
    world.sim.claim(intent(2).id);
    world.sim.mine();
    world.add(&[intent(1), intent(2)]);
    let before = world.engine().journal().events(0, 100).unwrap();
    let step = world.step().await;
    let [refused, sent] = &step.would[..] else { panic!("{:?}", step.would) };
    assert_eq!((sent.intent, sent.obstacle.as_deref()), (intent(1).id, None));
    assert!(sent.ceiling > U256::ZERO && sent.gas.is_some());
    assert!(refused.obstacle.as_ref().is_some_and(|why| why.contains("already")));
    assert_eq!(world.engine().journal().events(0, 100).unwrap(), before);
    assert!(world.sim.broadcasts() == 0 && world.step().await.would.is_empty());
}

#[tokio::test]
async fn what_comes_too_early_waits_for_the_chains_time() {
    let mut world = World::new();
    let time = world.sim.time();
    world.add(&[Intent { not_before: Some(time + 36), ..intent(1) }]);
    world.step().await;
    world.run(2).await;
    assert!(world.hashes(1).is_empty());
    world.run(20).await;
    world.check_done([1]);
}

#[tokio::test]
async fn a_chain_that_does_not_answer_costs_time_and_nothing_else() {
    let mut world = World::new();
    world.add(&[intent(1), intent(2)]);
    let mut failures = 0;
    for round in 0..60_u32 {
        world.sim.with(|sim| sim.fails_in = Some(round % 17));
        failures += u32::from(world.try_step().await.is_err());
        world.sim.mine();
    }
    world.sim.with(|sim| sim.fails_in = None);
    world.run(10).await;
    world.check_done([1, 2]);
    assert!(failures > 10, "{failures}");
}

/// What a bond depends on may cost more than anything else, and goes while the rest waits.
#[tokio::test]
async fn an_answer_pays_what_other_intents_may_not() {
    let options = Options { max_fee: Some(1_000), max_fee_urgent: Some(1_000_000), ..Options::default() };
    let mut world = World::with(options);
    world.sim.with(|sim| sim.base_fee = 50_000);
    world.add(&[intent(1), Intent { is_urgent: true, ..intent(2) }]);
    let step = world.step().await;
    assert!(step.alarms.iter().any(|alarm| matches!(alarm, Alarm::Fees { .. })), "{:?}", step.alarms);
    assert_eq!((world.row(1).phase(), world.row(2).phase()), (Phase::Planned, Phase::Broadcast));
}
