//! One run of the submitter in bad weather, from a seed, and what has to be true afterwards.

use crate::{
    faults::Random,
    view::{Reaper, View, Weather},
    world::{CHAIN, Cause, FINAL, Rule, World},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tempfile::TempDir;
use zkinfer::chain::{
    Account,
    submitter::{
        By, Engine, Finality, Intent, Journal, Kind, Look, Manners, Options, Owner, Phase, Point, Pool, Probe, Purpose,
        Row, State, StepError, Test, Wish,
    },
};

const CONTRACT: Address = Address::repeat_byte(0xc0);
/// Rounds of good weather after which everything has ended, or never will.
const PATIENCE: u32 = 600;

/// What happened, to be added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) intents: usize,
    pub(crate) ends: BTreeMap<&'static str, usize>,
    pub(crate) reverts: BTreeMap<&'static str, usize>,
    pub(crate) crashes: usize,
    pub(crate) transactions: usize,
    pub(crate) reorgs: usize,
    pub(crate) failed_steps: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.intents += other.intents;
        self.crashes += other.crashes;
        self.transactions += other.transactions;
        self.reorgs += other.reorgs;
        self.failed_steps += other.failed_steps;
        for (name, count) in &other.ends {
            *self.ends.entry(name).or_default() += count;
        }
        for (name, count) in &other.reverts {
            *self.reverts.entry(name).or_default() += count;
        }
    }
}

/// Dies now and then between a write and what follows on it.
#[derive(Debug)]
struct Fate {
    random: Mutex<Random>,
    percent: Mutex<u64>,
}

impl Probe for Fate {
    fn dies_at(&self, _: Point) -> bool {
        let percent = *self.percent.lock().unwrap();
        self.random.lock().unwrap().happens(percent)
    }
}

struct Run {
    world: Arc<Mutex<World>>,
    views: Vec<View>,
    quorum: usize,
    reaper: Arc<Reaper>,
    fate: Arc<Fate>,
    random: Random,
    account: Account,
    owner: Owner,
    options: Options,
    path: PathBuf,
    intents: Vec<Intent>,
    now: u64,
    tally: Tally,
    _dir: TempDir,
}

/// Runs a scenario.
///
/// # Errors
/// What must not be, in words.
pub(crate) async fn run(seed: u64) -> Result<Tally, String> {
    let mut run = Run::new(seed);
    run.storm().await?;
    run.calm().await?;
    run.judge()
}

/// In memory where the system has a place for that: what is killed here is a process, not a machine.
pub(crate) fn directory() -> TempDir {
    let shared = std::path::Path::new("/dev/shm");
    let made = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
    made.unwrap()
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let account = Account::from_signer(PrivateKeySigner::from_bytes(&B256::repeat_byte(0x51)).unwrap());
        let balance = U256::from(10).pow(U256::from(18 + random.below(2)));
        let mut world = World::new(random.next(), account.address(), balance);
        let intents: Vec<Intent> =
            (0..1 + random.below(8)).map(|at| intent(&mut random, &mut world, seed, at)).collect();
        world.shared_key = random.happens(30).then(|| account.address());
        let genesis = world.head().head.block.hash;
        let (world, reaper) = (Arc::new(Mutex::new(world)), Arc::new(Reaper::default()));
        // One endpoint with faults of its own; or three, of which one lies, or is silent.
        let weathers = if random.happens(50) {
            vec![Weather::draw(&mut random)]
        } else {
            let bad = if random.happens(70) { Weather::liar() } else { Weather { silence: 100, ..Weather::default() } };
            let mild = |random: &mut Random| Weather { phantoms: 0, ..Weather::draw(random) };
            let mut three = vec![mild(&mut random), mild(&mut random)];
            three.insert(random.below(3) as usize, bad);
            three
        };
        let view = |(at, weather)| View::new(world.clone(), weather, reaper.clone(), at);
        let views: Vec<View> = weathers.into_iter().enumerate().map(view).collect();
        let options = Options {
            confirmations: 1 + random.below(4),
            finality: if random.happens(50) { Finality::Tag } else { Finality::Depth(FINAL) },
            window: 1 + random.below(8) as usize,
            bump_after: Duration::from_secs(10 + random.below(40)),
            bump_urgent_after: Duration::from_secs(5),
            // Nothing here is an answer that its contract takes once: no second nonce before the first is final, whatever the hurry.
            hurry: 0,
            resend_after: Duration::from_secs(3 + random.below(20)),
            ..Options::default()
        };
        let dir = directory();
        Self {
            quorum: views.len() / 2 + 1,
            views,
            reaper,
            fate: Arc::new(Fate {
                random: Mutex::new(Random::new(random.next())),
                percent: Mutex::new(random.below(6)),
            }),
            owner: Owner { chain_id: CHAIN, genesis, account: account.address() },
            options,
            path: Journal::path_in(dir.path(), CHAIN, account.address()),
            account,
            intents,
            now: 0,
            tally: Tally::default(),
            random,
            world,
            _dir: dir,
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// A new process: everything that it knows is in the journal and on the chain.
    fn start(&self) -> Result<Engine<Pool<View>>, String> {
        let journal = Journal::open(&self.path, &self.owner).and_then(|journal| journal.hold(&self.owner));
        let journal = journal.map_err(|error| format!("the journal does not open: {error}"))?;
        // Real time stands still here: whoever is asked answers, however busy the machine is.
        let manners = Manners {
            grace: Duration::from_secs(60),
            rest: Duration::ZERO,
            spared: Duration::ZERO,
            ..Manners::default()
        };
        let pool = Pool::new(CHAIN, self.views.clone(), self.quorum).map_err(|error| error.to_string())?;
        let engine = Engine::new(pool.with_manners(manners), journal, self.account.clone(), self.options);
        Ok(engine.with_probe(self.fate.clone()))
    }

    /// A step, unless the process dies in it.
    async fn step(&mut self, engine: Engine<Pool<View>>) -> Result<Option<Engine<Pool<View>>>, String> {
        let mut engine = engine;
        let chain = self.world().now() * 1000;
        self.now = self.now.max(chain) + 100;
        let now = self.now;
        let stepped = tokio::select! {
            biased;
            () = self.reaper.died.notified() => None,
            stepped = engine.step(now) => Some(stepped),
        };
        match stepped {
            Some(Ok(_)) => Ok(Some(engine)),
            Some(Err(StepError::Chain(_))) => {
                self.tally.failed_steps += 1;
                Ok(Some(engine))
            }
            Some(Err(StepError::Stopped(_))) | None => {
                self.tally.crashes += 1;
                Ok(None)
            }
            Some(Err(error)) => Err(format!("a step failed: {error}")),
        }
    }

    /// Bad weather, with processes that die.
    async fn storm(&mut self) -> Result<(), String> {
        let (mut engine, mut waiting) = (None, self.intents.clone());
        waiting.reverse();
        for _ in 0..40 + self.random.below(80) {
            let mut running = match engine.take() {
                Some(running) => running,
                None => self.start()?,
            };
            while self.random.happens(30)
                && let Some(intent) = waiting.pop()
            {
                running.journal().add(&intent, self.now).map_err(|error| error.to_string())?;
                // Whoever adds does not know whether it was added before it died.
                running.journal().add(&intent, self.now).map_err(|error| error.to_string())?;
            }
            if self.random.happens(2) {
                let at = self.random.below(self.intents.len() as u64) as usize;
                // One that was not added yet is not known.
                let _ = running.journal().wish(self.intents[at].id, Wish::Cancel);
            }
            if self.random.happens(20) {
                let (calls, is_after) = (1 + self.random.below(40), self.random.happens(50));
                self.reaper.set(calls, is_after);
            }
            running = match self.step(running).await? {
                Some(running) => running,
                None => {
                    self.world().tick();
                    continue;
                }
            };
            self.world().tick();
            engine = Some(running);
        }
        let running = match engine {
            Some(running) => running,
            None => self.start()?,
        };
        for intent in waiting {
            running.journal().add(&intent, self.now).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Good weather until everything has ended. Who lies goes on lying.
    async fn calm(&mut self) -> Result<(), String> {
        self.reaper.set(0, false);
        *self.fate.percent.lock().unwrap() = 0;
        self.views.iter().for_each(View::clear_up);
        {
            let mut world = self.world();
            (world.broken_until, world.base_fee, world.refuses_gaps) = (0, 1_000_000_000, false);
        }
        let mut engine = Some(self.start()?);
        for _ in 0..PATIENCE {
            let running = match engine.take() {
                Some(running) => running,
                None => self.start()?,
            };
            engine = self.step(running).await?;
            self.world().mine(12, 100);
            if let Some(running) = &engine
                && running.journal().open_rows(0).map_err(|error| error.to_string())?.is_empty()
            {
                return Ok(());
            }
        }
        let open = engine.map(|engine| engine.journal().open_rows(0).unwrap_or_default());
        let world = self.world();
        let account = self.account.address();
        let nonces = (world.nonce(account), world.pending_nonce(account));
        Err(format!("it does not end: nonces {nonces:?}, pool {:?}, {open:?}, {:?}", world.pool, world.txs.values()))
    }

    /// What has to be true.
    fn judge(mut self) -> Result<Tally, String> {
        let engine = self.start()?;
        let journal = engine.journal();
        journal.check().map_err(|error| format!("the journal does not replay: {error}"))?;
        let world = self.world.lock().unwrap();
        let mut wrong = world.violations.clone();
        let mut reverts = BTreeMap::<Cause, usize>::new();
        for minted in &world.blocks {
            for included in &minted.txs {
                let Some(cause) = included.cause else { continue };
                *reverts.entry(cause).or_default() += 1;
            }
        }
        let mut counted = 0;
        for intent in &self.intents {
            let row = journal.row(intent.id).map_err(|error| error.to_string())?;
            let Some(row) = row else {
                wrong.push(format!("intent {} was lost", intent.id));
                continue;
            };
            let attempts = journal.attempts(intent.id).map_err(|error| error.to_string())?;
            let ours: Vec<B256> =
                attempts.iter().filter(|attempt| attempt.purpose == Purpose::Do).map(|attempt| attempt.hash).collect();
            counted += row.reverts as usize;
            let done = world.head().state.done.get(&intent.id).cloned().unwrap_or_default();
            wrong.extend(end(&world, &row, &done, &ours).map(|why| format!("intent {} ({row:?}): {why}", intent.id)));
            *self.tally.ends.entry(row.phase().name()).or_default() += 1;
            self.tally.transactions += attempts.len();
        }
        let reverted: usize = reverts.values().sum();
        // A revert in a block that was taken away counts as well.
        if counted < reverted {
            wrong.push(format!("{reverted} transactions reverted, and {counted} were counted"));
        }
        for (cause, count) in reverts {
            let name = match cause {
                Cause::Deadline => "deadline",
                Cause::Broken => "broken adapter",
                Cause::AlreadyClaimed => "already claimed",
            };
            *self.tally.reverts.entry(name).or_default() += count;
        }
        self.tally.intents = self.intents.len();
        self.tally.reorgs = world.reorgs as usize;
        if wrong.is_empty() { Ok(self.tally.clone()) } else { Err(wrong.join("\n")) }
    }
}

/// What is wrong with how an intent ended.
fn end(world: &World, row: &Row, done: &[B256], ours: &[B256]) -> Option<String> {
    if done.len() > 1 {
        return Some(format!("it was done {} times", done.len()));
    }
    let by_us = done.iter().any(|hash| ours.contains(hash));
    match &row.state {
        State::Finalized(found) => match world.inclusion(found.hash) {
            Some((block, included)) if block == found.block && included.cause.is_none() && done == [found.hash] => None,
            there => Some(format!("it is said to be done by {}, and the chain has {there:?}, {done:?}", found.hash)),
        },
        State::Replaced(By::Chain) => (by_us || done.is_empty()).then(|| format!("not replaced: {done:?}")),
        State::Failed(_) | State::Cancelled => by_us.then(|| "it was done all the same".into()),
        other if other.phase() == Phase::Replaced => None,
        other => Some(format!("it has not ended: {other:?}")),
    }
}

/// An intent, and what the contract thinks of it.
fn intent(random: &mut Random, world: &mut World, seed: u64, at: u64) -> Intent {
    let id = keccak256([seed.to_be_bytes(), at.to_be_bytes()].concat());
    let is_guarded = random.happens(70);
    let deadline = random.happens(30).then(|| world.now() + 20 + random.below(600));
    let rule = Rule { deadline: deadline.unwrap_or(u64::MAX), is_guarded, is_refused: random.happens(8) };
    world.rules.insert(id, rule);
    let data: Bytes = [id.as_slice(), &[0x11; 40]].concat().into();
    let mut intent = Intent::new(id, Kind::Proof, format!("intent {at}"), CONTRACT, data);
    intent.deadline = deadline;
    intent.is_urgent = random.happens(15);
    // Only the simulation knows what it asks.
    let look = Look { to: CONTRACT, data: Bytes::new(), word: 0, test: Test::Equals(U256::from(1)) };
    intent.done = if is_guarded || random.happens(70) { vec![look] } else { Vec::new() };
    intent
}
