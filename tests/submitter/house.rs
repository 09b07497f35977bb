//! One run of all that a policy starts, in bad weather, from a seed: bundles come into an inbox, are put together, claimed with bonds and
//! challenged, while the chain reorganises, fees leap, endpoints stand still or lie, somebody else uses the key, and the process dies.
//! Afterwards every statement is claimed once or its claim has failed with its reason, and **no challenge was answered too late**.

use crate::{
    faults::Random,
    ledger::{CLAIMS, PROOFS, Registry},
    scenario::directory,
    view::{Reaper, View, Weather},
    world::{CHAIN, FINAL, World},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs::{self, File},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, UNIX_EPOCH},
};
use tempfile::TempDir;
use zkinfer::{
    chain::{
        Account, ChainError, Outbox,
        bindings::IClaimRegistry,
        claims::{Stage, State, Terms},
        submitter::{
            By, Engine, Intent, Journal, Kind, Manners, Options, Owner, Phase, Pool, Purpose, Row, State as RowState,
            StepError,
            acts::Desk,
            batcher::Market,
            intake::{Gate, Intake, Where},
            keeping::Surety,
            observer::Observer,
            policy::Policy,
            prover::{Ability, Prover, ProverError},
            watchtower::{Ledger, Watchtower},
        },
    },
    evm::artifacts::native_verifier_id,
    proof::{
        Bundle, Context, PublicValues, Statement,
        bundle::{BackendName, Manifest},
        identity::{model_id, proof_hash, schema_hash},
    },
    storage::LocalStore,
};

/// Rounds of good weather after which everything has ended, or never will.
const PATIENCE: u32 = 900;
const GWEI: u64 = 1_000_000_000;

/// What happened, to be added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) statements: usize,
    pub(crate) claims: usize,
    pub(crate) batches: usize,
    pub(crate) challenges: usize,
    pub(crate) answers: usize,
    pub(crate) made_way: usize,
    pub(crate) failed: BTreeMap<String, usize>,
    pub(crate) crashes: usize,
    pub(crate) reorgs: usize,
    pub(crate) reverts: usize,
    pub(crate) transactions: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.statements += other.statements;
        self.claims += other.claims;
        self.batches += other.batches;
        self.challenges += other.challenges;
        self.answers += other.answers;
        self.made_way += other.made_way;
        self.crashes += other.crashes;
        self.reorgs += other.reorgs;
        self.reverts += other.reverts;
        self.transactions += other.transactions;
        for (name, count) in &other.failed {
            *self.failed.entry(name.clone()).or_default() += count;
        }
    }
}

/// Proves whatever it is asked for, as the registry in memory takes it. What it keeps outlives a process, as a disk does.
#[derive(Default)]
pub(crate) struct StandIn {
    kept: Mutex<BTreeSet<(String, B256)>>,
}

impl Prover for StandIn {
    fn ability(&self, _: B256) -> Result<Option<Ability>, ProverError> {
        Ok(Some(Ability { max_batch: 8, binds_context: true, hides: false }))
    }

    fn rehearse(&self, _: &[Statement], _: Option<&[u8]>) -> Result<(), ProverError> {
        Ok(())
    }

    fn verify(&self, _: &Bundle) -> Result<(), ProverError> {
        Ok(())
    }

    fn keep(&self, model_id: B256, holder: &str) -> Result<bool, ProverError> {
        self.kept.lock().unwrap().insert((holder.into(), model_id));
        Ok(true)
    }

    fn let_go(&self, holder: &str) -> Result<(), ProverError> {
        self.kept.lock().unwrap().retain(|(kept, _)| kept != holder);
        Ok(())
    }

    fn holders(&self) -> Result<Vec<String>, ProverError> {
        Ok(self.kept.lock().unwrap().iter().map(|(holder, _)| holder.clone()).collect())
    }

    fn prove(&self, statements: &[Statement], _: Option<&[u8]>) -> Result<Bundle, ProverError> {
        let proof: Bytes = statements.iter().flat_map(|statement| statement.id().0).collect::<Vec<_>>().into();
        let of = statements.first().map(|statement| statement.model_id).unwrap_or_default();
        let manifest = (0..2).map(manifest).find(|manifest| model_id(&manifest.model_parts()) == of);
        let manifest = Manifest { proof_hash: proof_hash(&proof), ..manifest.ok_or(ProverError::NoArtifacts(of))? };
        Bundle::new(statements.to_vec(), proof, manifest).map_err(|error| ProverError::Failed(error.to_string()))
    }

    fn join_openings(&self, files: &[&[u8]]) -> Result<Vec<u8>, ProverError> {
        Ok(files.concat())
    }
}

/// One of two models of the native backend, as far as anybody here looks.
pub(crate) fn manifest(model: u8) -> Manifest {
    let schema: Bytes = crate::chain_world::schema().to_bytes().into();
    Manifest {
        backend: BackendName::Native,
        backend_version: "0".into(),
        adapter_id: native_verifier_id(),
        model_code_hash: B256::repeat_byte(2),
        model_code: None,
        vk_digest: B256::repeat_byte(10 + model),
        schema_hash: schema_hash(&schema),
        schema,
        srs_id: B256::repeat_byte(9),
        test_srs: false,
        transferable: false,
        weights: "hidden".into(),
        proof_hash: proof_hash(&[1]),
        created_at_ms: 1,
    }
}

/// A bundle of one inference, made for no chain.
pub(crate) fn bundle(model: u8) -> Bundle {
    let manifest = manifest(model);
    let public_values = PublicValues::from_bytes(vec![7; 96].into());
    let statement =
        Statement { model_id: model_id(&manifest.model_parts()), public_values, context: Context::Offchain {} };
    Bundle::new(vec![statement], Bytes::from_static(&[1]), manifest).unwrap()
}

/// A claim registry's events as one endpoint tells them.
pub(crate) struct Told {
    view: View,
    state: State,
}

impl Ledger for Told {
    async fn sync(&mut self) -> Result<(u64, u64), ChainError> {
        let (number, time, registry) = self.view.registry().await?;
        // Who lies leaves everything out.
        if !self.view.lies() {
            self.state = registry.state;
        }
        Ok((number, time))
    }

    fn state(&self) -> &State {
        &self.state
    }

    async fn stage(&self, statement_id: B256) -> Result<Stage, ChainError> {
        let (_, _, registry) = self.view.registry().await?;
        Ok(registry.state.claims().get(&statement_id).map_or(Stage::None, |claim| claim.stage))
    }

    async fn is_proven(&self, _: B256) -> Result<bool, ChainError> {
        Ok(false)
    }

    async fn adapter_of(&self, _: B256) -> Result<B256, ChainError> {
        Ok(native_verifier_id())
    }
}

struct Open;

impl Gate for Open {
    fn admit(&self, _: B256) -> Result<(), ChainError> {
        Ok(())
    }
}

/// All that a process holds in memory: it goes with it.
pub(crate) struct Process {
    pub(crate) engine: Engine<Pool<View>>,
    pub(crate) journal: Journal,
    intake: Intake,
    pub(crate) towers: VecDeque<Watchtower<Told>>,
    pub(crate) observer: Arc<Observer>,
}

/// A house on a chain in memory.
pub(crate) struct House {
    world: Arc<Mutex<World>>,
    pub(crate) views: Vec<View>,
    pub(crate) reaper: Arc<Reaper>,
    account: Account,
    owner: Owner,
    pub(crate) terms: Terms,
    policy: Arc<Policy>,
    pub(crate) options: Options,
    pub(crate) prover: Arc<StandIn>,
    pub(crate) dir: TempDir,
    pub(crate) now: u64,
    put: usize,
}

impl House {
    pub(crate) fn new(seed: u64, weathers: Vec<Weather>, terms: Terms, finality: u64) -> Self {
        let account = Account::from_signer(PrivateKeySigner::from_bytes(&B256::repeat_byte(0x51)).unwrap());
        let mut world = World::new(seed, account.address(), U256::from(10).pow(U256::from(20)));
        world.refuses_gaps = false;
        world.blocks[0].state.registry = Some(Registry::new(CHAIN, terms));
        let genesis = world.head().head.block.hash;
        let (world, reaper) = (Arc::new(Mutex::new(world)), Arc::new(Reaper::default()));
        let view = |(at, weather)| View::new(world.clone(), weather, reaper.clone(), at);
        let views: Vec<View> = weathers.into_iter().enumerate().map(view).collect();
        let second = model_id(&manifest(1).model_parts());
        let policy = format!(
            "version = 1\n[chain]\nid = {CHAIN}\nendpoints = [\"http://127.0.0.1:1\"]\nconfirmations = 2\nfinality = {finality}\n\
             [contracts]\nclaim_registry = \"{CLAIMS}\"\n[fees]\nmax_fee = \"50\"\nanswer_max_fee = \"1000\"\nreplace_after = \"20s\"\n\
             [budget]\nper_day = \"50\"\nreserve = \"1\"\n[content]\nstores = [\"local\"]\n[default]\nassurance = \"optimistic\"\n\
             ceiling = \"0.1\"\ndeadline = \"2h\"\n[[rule]]\nmodel = \"{second}\"\ngrouping = \"merkle-batch\"\n\
             batch = {{ size = 3, age = \"60s\" }}\n"
        );
        let policy = Arc::new(Policy::parse(&policy).unwrap());
        let usual = Options {
            bump_urgent_after: Duration::from_secs(6),
            resend_after: Duration::from_secs(8),
            window: 4,
            ..Options::default()
        };
        let options = policy.options(usual);
        world.lock().unwrap().hurry = options.hurry;
        let owner = Owner { chain_id: CHAIN, genesis, account: account.address() };
        let prover = Arc::new(StandIn::default());
        let dir = directory();
        fs::create_dir(dir.path().join("queue")).unwrap();
        Self { world, views, reaper, account, owner, terms, policy, options, prover, dir, now: 0, put: 0 }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn registry(&self) -> Registry {
        self.world().head().state.registry.clone().expect("this world has one")
    }

    fn desk(&self) -> Desk {
        let account = self.account.address();
        Desk { chain_id: CHAIN, claims: CLAIMS, proofs: PROOFS, account, bond: self.terms.bond }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("journal.sqlite")
    }

    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::at(self.dir.path())
    }

    /// A bundle comes into the inbox, for a job of its own.
    pub(crate) fn put(&mut self, model: u8) -> B256 {
        self.put += 1;
        let (job, queue) = (B256::from(U256::from(self.put)), self.dir.path().join("queue"));
        let at = UNIX_EPOCH + Duration::from_secs(self.world().now());
        fs::write(queue.join(format!("{}.order.toml", self.put)), format!("job = \"{job}\"\n")).unwrap();
        // Written elsewhere and renamed, as the manual says; its age is the chain's here.
        let (partial, whole) = (queue.join("partial.tmp"), queue.join(format!("{}.bundle.json", self.put)));
        fs::write(&partial, bundle(model).to_json()).unwrap();
        File::options().write(true).open(&partial).unwrap().set_modified(at).unwrap();
        fs::rename(&partial, whole).unwrap();
        job
    }

    /// A new process: everything that it knows is on the disk and on the chain.
    pub(crate) fn start(&self) -> Result<Process, String> {
        let open = || Journal::open(&self.path(), &self.owner).map_err(|error| error.to_string());
        let held = open()?.hold(&self.owner).map_err(|error| format!("the journal does not open: {error}"))?;
        let manners = Manners {
            grace: Duration::from_secs(60),
            rest: Duration::ZERO,
            spared: Duration::ZERO,
            ..Manners::default()
        };
        let quorum = self.views.len() / 2 + 1;
        let pool = Pool::new(CHAIN, self.views.clone(), quorum).map_err(|error| error.to_string())?;
        let (fees, budget) = (self.policy.fees, self.policy.budget);
        let observer = Observer::begin(open()?, CHAIN, fees, budget, self.now).map_err(|error| error.to_string())?;
        let prover: Arc<dyn Prover> = self.prover.clone();
        let purse = Surety::new(self.outbox(), prover.clone(), self.desk(), Arc::new(observer.treasury()));
        let engine = Engine::new(pool.with_manners(manners), held, self.account.clone(), self.options);
        let place = Where {
            chain_id: CHAIN,
            account: self.account.address(),
            proofs: PROOFS,
            has_proof_registry: false,
            desk: Some(self.desk()),
        };
        let store = Box::new(LocalStore::at(self.dir.path().join("content")));
        let queue = self.dir.path().join("queue");
        let policy = self.policy.clone();
        let intake = Intake::open(&queue, place, policy, prover.clone(), self.outbox(), vec![store], Arc::new(Open));
        let state = Registry::new(CHAIN, self.terms).state;
        let tower = |view: &View| {
            let ledger = Told { view: view.clone(), state: state.clone() };
            Watchtower::new(ledger, self.desk(), self.outbox(), prover.clone(), U256::from(GWEI))
        };
        Ok(Process {
            engine: engine.with_purse(Arc::new(purse)),
            journal: open()?,
            intake: intake.map_err(|error| error.to_string())?,
            towers: self.views.iter().map(tower).collect(),
            observer: Arc::new(observer),
        })
    }

    /// What a process does between two pauses; `None`: it died.
    pub(crate) async fn turn(&mut self, process: Process) -> Result<Option<Process>, String> {
        let mut process = process;
        let (time, base) = {
            let world = self.world();
            (world.now(), world.base_fee)
        };
        self.now = self.now.max(time * 1000) + 100;
        let (now, price) = (self.now, base + u128::from(GWEI));
        let market = Market { now: time, price, lead: 30 };
        let books = process.observer.clone();
        let gas = |kind, model_id| books.books().tally.gas(kind, model_id);
        let taken = process.intake.step(&process.journal, &market, gas, now).map_err(|error| error.to_string())?;
        if let Some((file, reason)) = taken.refused.first() {
            return Err(format!("{file} was refused: {reason}"));
        }
        let stepped = tokio::select! {
            biased;
            () = self.reaper.died.notified() => return Ok(None),
            stepped = process.engine.step(now) => stepped,
        };
        match stepped {
            Ok(step) => process.observer.hear(&step, now),
            Err(StepError::Chain(_)) => {}
            Err(error) => return Err(format!("a step failed: {error}")),
        }
        let head = process.observer.head();
        let tower = process.towers.front_mut().expect("there is one for each endpoint");
        let watched = tokio::select! {
            biased;
            () = self.reaper.died.notified() => return Ok(None),
            watched = tower.look(&process.journal, head, now) => watched,
        };
        if let Ok(watched) = watched {
            process.observer.watched(&watched);
        }
        process.towers.rotate_left(1);
        Ok(Some(process))
    }

    /// That no challenge went by unanswered.
    pub(crate) fn nothing_lost(&self) -> Result<(), String> {
        let world = self.world();
        let lost = self.lost(&world);
        if lost.is_empty() { Ok(()) } else { Err(format!("answered too late: {lost:?}, at {}", world.now())) }
    }

    fn lost(&self, world: &World) -> Vec<B256> {
        world.head().state.registry.as_ref().map(|registry| registry.lost(world.now())).unwrap_or_default()
    }

    /// Good weather until everything has ended. Who lies goes on lying, who stands still stays there.
    pub(crate) async fn calm(&mut self) -> Result<(), String> {
        self.reaper.set(0, false);
        self.views.iter().for_each(View::clear_up);
        {
            let mut world = self.world();
            (world.broken_until, world.base_fee, world.refuses_gaps) = (0, GWEI.into(), false);
            (world.objections, world.shared_key) = (0, None);
            world.object();
        }
        let mut process = None;
        for _ in 0..PATIENCE {
            let running = match process.take() {
                Some(running) => running,
                None => self.start()?,
            };
            process = self.turn(running).await?;
            self.world().mine(12, 100);
            self.nothing_lost()?;
            let is_done = process.as_ref().is_some_and(|process| {
                process.journal.open_rows(0).is_ok_and(|rows| rows.is_empty()) && self.registry().is_settled()
            });
            let waits = fs::read_dir(self.dir.path().join("queue")).map_err(|error| error.to_string())?;
            let waits = waits.flatten().filter(|entry| entry.path().is_file()).count();
            if is_done && waits == 0 {
                return self.an_hour_later(process).await;
            }
        }
        let open = process.map(|process| process.journal.open_rows(0).unwrap_or_default());
        let world = self.world();
        let account = self.account.address();
        let nonces = (world.nonce(account), world.pending_nonce(account));
        let head = world.head().head;
        Err(format!(
            "it does not end: {head:?}, nonces {nonces:?}, pool {:?}, {:?}, {open:?}",
            world.pool,
            world.txs.values()
        ))
    }

    /// What answers took is not kept for ever.
    async fn an_hour_later(&mut self, mut process: Option<Process>) -> Result<(), String> {
        for _ in 0..16 {
            self.world().mine(600, 100);
            let running = process.take().expect("nothing dies in good weather");
            process = self.turn(running).await?;
        }
        match self.prover.holders().map_err(|error| error.to_string())?.first() {
            None => Ok(()),
            Some(holder) => Err(format!("the artifacts are still kept for {holder}")),
        }
    }

    /// What has to be true.
    pub(crate) fn judge(&self) -> Result<Tally, String> {
        let said = |error: zkinfer::chain::submitter::JournalError| error.to_string();
        let journal = Journal::open(&self.path(), &self.owner).map_err(said)?;
        journal.check().map_err(|error| format!("the journal does not replay: {error}"))?;
        let world = self.world();
        let registry = world.head().state.registry.as_ref().expect("this world has one");
        let (mut wrong, mut tally) = (world.violations.clone(), Tally::default());
        let (mut ends, mut counted) = (BTreeMap::<B256, Vec<bool>>::new(), 0);
        for row in journal.latest_rows(None, 10_000).map_err(said)? {
            let intent = journal.intent(row.id).map_err(said)?.ok_or("an intent was lost")?;
            let attempts = journal.attempts(row.id).map_err(said)?;
            tally.transactions += attempts.len();
            tally.made_way +=
                attempts.iter().filter(|attempt| attempt.purpose == Purpose::Undo && row.kind != Kind::Answer).count();
            counted += row.reverts as usize;
            if let RowState::Failed(reason) = &row.state {
                *tally.failed.entry(format!("{}: {}", row.kind, reason.name())).or_default() += 1;
            }
            tally.answers += usize::from(row.kind == Kind::Answer && row.phase() == Phase::Finalized);
            wrong.extend(end(&world, &row).map(|why| format!("{} {} ({row:?}): {why}", row.kind, row.id)));
            for job in self.jobs(&intent) {
                ends.entry(job).or_default().push(row.phase() == Phase::Finalized);
            }
        }
        for number in 1..=self.put {
            let ends = ends.remove(&B256::from(U256::from(number))).unwrap_or_default();
            if ends.len() != 1 {
                wrong.push(format!("statement {number} was submitted {} times", ends.len()));
            }
            tally.statements += 1;
        }
        let reverts = world.blocks.iter().flat_map(|minted| &minted.txs).filter(|tx| tx.cause.is_some()).count();
        if counted < reverts {
            wrong.push(format!("{reverts} transactions reverted, and {counted} were counted"));
        }
        (tally.claims, tally.batches) = (registry.state.claims().len(), registry.state.batches().len());
        (tally.challenges, tally.reorgs) = (world.challenges as usize, world.reorgs as usize);
        tally.reverts = reverts;
        if wrong.is_empty() { Ok(tally) } else { Err(wrong.join("\n")) }
    }

    /// What the journal says of every answer, for whoever looks for what went wrong.
    fn history(&self) -> String {
        let lines = || {
            let journal = Journal::open(&self.path(), &self.owner)?;
            let mut lines = vec![format!("at {}", self.world().now())];
            for row in journal.latest_rows(None, 10_000)?.iter().filter(|row| row.kind == Kind::Answer) {
                lines.push(format!("{row:?}"));
                lines.extend(journal.events_of(row.id)?.iter().map(|line| format!("  {} {:?}", line.at, line.event)));
            }
            Ok::<_, zkinfer::chain::submitter::JournalError>(lines.join("\n"))
        };
        lines().unwrap_or_else(|error| error.to_string())
    }

    /// The jobs of the statements that an intent claims.
    fn jobs(&self, intent: &Intent) -> Vec<B256> {
        if let Ok(call) = IClaimRegistry::postCall::abi_decode(&intent.data) {
            return vec![call.assignment.job];
        }
        if intent.kind != Kind::OptimisticBatch {
            return Vec::new();
        }
        let kept = self.outbox().kept_batch(CHAIN, intent.id).unwrap().expect("its leaves are kept");
        kept.leaves().iter().map(|leaf| leaf.job).collect()
    }
}

/// What is wrong with how an intent ended.
fn end(world: &World, row: &Row) -> Option<String> {
    match &row.state {
        RowState::Finalized(found) => match world.inclusion(found.hash) {
            Some((block, included)) if block == found.block && included.cause.is_none() => None,
            there => Some(format!("it is said to be done by {}, and the chain has {there:?}", found.hash)),
        },
        // An answer that somebody else gave, or an end that another one made.
        RowState::Replaced(By::Chain) | RowState::Failed(_) => None,
        other => Some(format!("it has not ended: {other:?}")),
    }
}

/// Runs a scenario.
///
/// # Errors
/// What must not be, in words.
pub(crate) async fn run(seed: u64) -> Result<Tally, String> {
    let mut random = Random::new(seed ^ 0xc1a1_4000);
    // One endpoint with faults of its own; or three, of which one stands still, lies or is silent.
    let weathers = if random.happens(35) {
        vec![Weather::draw(&mut random)]
    } else {
        let bad = match random.below(3) {
            0 => Weather { stands_at: Some(random.below(12)), ..Weather::default() },
            1 => Weather::liar(),
            _ => Weather { silence: 100, ..Weather::default() },
        };
        let mild = |random: &mut Random| Weather { phantoms: 0, ..Weather::draw(random) };
        let mut three = vec![mild(&mut random), mild(&mut random)];
        three.insert(random.below(3) as usize, bad);
        three
    };
    let terms = Terms {
        bond: U256::from(GWEI) * U256::from(1_000_000_000),
        fee: U256::from(GWEI) * U256::from(10_000_000),
        challenge_window: 200 + random.below(600),
        answer_window: 400 + random.below(600),
        max_open_challenges: 4,
    };
    // What is final late is what an answer must not wait for.
    let finality = if random.happens(50) { FINAL } else { 80 };
    let mut house = House::new(random.next(), weathers, terms, finality);
    {
        let (shared, objections) = (random.happens(40), 5 + random.below(25));
        let account = house.account.address();
        let mut world = house.world();
        (world.objections, world.shared_key) = (objections, shared.then_some(account));
    }
    match weather_it(&mut house, &mut random).await {
        Ok(crashes) => Ok(Tally { crashes, ..house.judge()? }),
        Err(why) => Err(format!("{why}\n{}", house.history())),
    }
}

/// Bad weather, then good; how often the process died.
async fn weather_it(house: &mut House, random: &mut Random) -> Result<usize, String> {
    let mut left = 2 + random.below(8);
    let (mut process, mut crashes) = (None, 0);
    for _ in 0..60 + random.below(80) {
        while left > 0 && random.happens(25) {
            left -= 1;
            house.put(random.below(2) as u8);
        }
        if random.happens(15) {
            house.reaper.set(1 + random.below(60), random.happens(50));
        }
        let running = match process.take() {
            Some(running) => running,
            None => house.start()?,
        };
        process = house.turn(running).await?;
        crashes += usize::from(process.is_none());
        house.world().tick();
        house.nothing_lost()?;
    }
    while left > 0 {
        left -= 1;
        house.put(random.below(2) as u8);
    }
    drop(process);
    house.calm().await?;
    Ok(crashes)
}

/// The account's address, which signs for everything here.
pub(crate) fn account(house: &House) -> Address {
    house.account.address()
}
