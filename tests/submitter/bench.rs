//! A submitter on a chain in memory, where the test says what happens.

use crate::{
    view::{Reaper, View, Weather},
    world::{CHAIN, Rule, World},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    signers::local::PrivateKeySigner,
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tempfile::TempDir;
use zkinfer::chain::{
    Account,
    submitter::{
        Attempt, Engine, Finality, Intent, Journal, Kind, Look, Manners, Options, Owner, Phase, Point, Pool, Probe,
        Row, Step, StepError, Test,
    },
};

pub(crate) const CONTRACT: Address = Address::repeat_byte(0xc0);

/// Dies at this point, the next time it is reached.
#[derive(Debug, Default)]
pub(crate) struct DiesAt(Mutex<Option<Point>>);

impl Probe for DiesAt {
    fn dies_at(&self, point: Point) -> bool {
        let mut set = self.0.lock().unwrap();
        let dies = *set == Some(point);
        if dies {
            *set = None;
        }
        dies
    }
}

pub(crate) struct Bench {
    world: Arc<Mutex<World>>,
    pub(crate) views: Vec<View>,
    probe: Arc<DiesAt>,
    pub(crate) engine: Option<Engine<Pool<View>>>,
    pub(crate) account: Account,
    pub(crate) owner: Owner,
    pub(crate) path: PathBuf,
    pub(crate) options: Options,
    pub(crate) now: u64,
    _dir: TempDir,
}

impl Bench {
    /// One endpoint that does as it should.
    pub(crate) fn new() -> Self {
        Self::with(vec![Weather::default()], U256::from(10).pow(U256::from(18)))
    }

    pub(crate) fn with(weathers: Vec<Weather>, balance: U256) -> Self {
        let account = Account::from_signer(PrivateKeySigner::from_bytes(&B256::repeat_byte(0x51)).unwrap());
        let mut world = World::new(7, account.address(), balance);
        world.refuses_gaps = false;
        let genesis = world.head().head.block.hash;
        let (world, reaper) = (Arc::new(Mutex::new(world)), Arc::new(Reaper::default()));
        let view = |(at, weather)| View::new(world.clone(), weather, reaper.clone(), at);
        let views = weathers.into_iter().enumerate().map(view).collect();
        let dir = tempfile::tempdir().unwrap();
        let mut bench = Self {
            views,
            probe: Arc::default(),
            engine: None,
            owner: Owner { chain_id: CHAIN, genesis, account: account.address() },
            path: Journal::path_in(dir.path(), CHAIN, account.address()),
            account,
            options: Options {
                confirmations: 2,
                finality: Finality::Tag,
                bump_after: Duration::from_secs(30),
                resend_after: Duration::from_secs(10),
                ..Options::default()
            },
            now: 0,
            world,
            _dir: dir,
        };
        bench.start();
        bench
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// A new process.
    pub(crate) fn start(&mut self) {
        self.engine = None;
        let journal = Journal::open(&self.path, &self.owner).unwrap().hold(&self.owner).unwrap();
        let manners = Manners { rest: Duration::ZERO, spared: Duration::ZERO, ..Manners::default() };
        let pool = Pool::new(CHAIN, self.views.clone(), self.views.len() / 2 + 1).unwrap().with_manners(manners);
        let engine = Engine::new(pool, journal, self.account.clone(), self.options);
        self.engine = Some(engine.with_probe(self.probe.clone()));
    }

    pub(crate) fn dies_at(&self, point: Point) {
        *self.probe.0.lock().unwrap() = Some(point);
    }

    fn running(&self) -> &Engine<Pool<View>> {
        self.engine.as_ref().expect("it runs")
    }

    /// Wants something that the contract does once.
    pub(crate) fn add(&self, name: u8) -> B256 {
        self.add_with(name, Rule { deadline: u64::MAX, is_guarded: true, is_refused: false })
    }

    pub(crate) fn add_with(&self, name: u8, rule: Rule) -> B256 {
        let id = B256::repeat_byte(name);
        self.world().rules.insert(id, rule);
        let data: Bytes = id.to_vec().into();
        let mut intent = Intent::new(id, Kind::Proof, format!("intent {name}"), CONTRACT, data);
        intent.deadline = (rule.deadline < u64::MAX).then_some(rule.deadline);
        intent.done = vec![Look { to: CONTRACT, data: Bytes::new(), word: 0, test: Test::Equals(U256::from(1)) }];
        self.running().journal().add(&intent, self.now).unwrap();
        id
    }

    pub(crate) fn row(&self, id: B256) -> Row {
        self.running().journal().row(id).unwrap().unwrap()
    }

    pub(crate) fn phase(&self, id: B256) -> Phase {
        self.row(id).phase()
    }

    pub(crate) fn attempts(&self, id: B256) -> Vec<Attempt> {
        self.running().journal().attempts(id).unwrap()
    }

    /// How often the chain has it.
    pub(crate) fn done(&self, id: B256) -> usize {
        self.world().head().state.done.get(&id).map_or(0, Vec::len)
    }

    /// A step, `seconds` after the one before.
    pub(crate) async fn try_step(&mut self, seconds: u64) -> Result<Step, StepError> {
        let chain = self.world().now() * 1000;
        self.now = self.now.max(chain) + seconds * 1000;
        self.engine.as_mut().expect("it runs").step(self.now).await
    }

    pub(crate) async fn step(&mut self, seconds: u64) -> Step {
        self.try_step(seconds).await.unwrap()
    }

    /// Blocks with everything in them, and a step after each.
    pub(crate) async fn go_on(&mut self, blocks: u64) {
        for _ in 0..blocks {
            self.world().mine(12, 100);
            self.step(1).await;
        }
    }

    /// The process dies at this point, and another one takes its place.
    pub(crate) async fn dies(&mut self, point: Point) {
        self.dies_at(point);
        let stopped = self.try_step(1).await;
        assert!(matches!(stopped, Err(StepError::Stopped(at)) if at == point), "{stopped:?}");
        self.start();
    }

    /// Nothing that must never happen did.
    pub(crate) fn check(&self) {
        assert_eq!(self.world().violations, Vec::<String>::new());
        self.running().journal().check().unwrap();
    }
}
