//! What a submitter does unattended, on a real node: challenges answered in time, claims ended, credits paid, and no word of the key.

use crate::claim_world::{ClaimWorld, PROOF, schema};
use alloy::{
    primitives::{B256, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use std::{
    collections::BTreeSet,
    io::Write,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;
use zkinfer::{
    chain::{
        Account, Outbox,
        claims::{ClaimRegistry, Claims, Indexer, LeafStage, Stage, Terms},
        submitter::{
            Engine, Finality, Intent, Journal, Kind, Options, Owner, Phase,
            acts::Desk,
            connect,
            http::Server,
            observer::{Observer, last_seen},
            policy::Policy,
            prover::{Ability, Prover, ProverError},
            watchtower::{Watched, Watchtower},
        },
    },
    proof::{
        Bundle, Statement,
        bundle::{BackendName, Manifest},
        identity::{proof_hash, schema_hash},
    },
};

/// Bonds that are worth an answer.
const TERMS: Terms = Terms {
    bond: U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]),
    fee: U256::from_limbs([10_000_000_000_000_000, 0, 0, 0]),
    challenge_window: 300,
    answer_window: 200,
    max_open_challenges: 2,
};

/// The key of the world's first account.
const KEY: B256 = B256::repeat_byte(0x51);

/// Proves whatever the stand-in adapters accept, and counts.
struct StandIn {
    manifest: Manifest,
    proven: Mutex<Vec<usize>>,
    is_silent: bool,
    /// Who keeps which model.
    kept: Mutex<BTreeSet<(String, B256)>>,
    is_elsewhere: AtomicBool,
}

impl Prover for StandIn {
    fn ability(&self, _: B256) -> Result<Option<Ability>, ProverError> {
        Ok(Some(Ability { max_batch: 16, binds_context: true, hides: false }))
    }

    fn rehearse(&self, _: &[Statement], _: Option<&[u8]>) -> Result<(), ProverError> {
        if self.is_silent { Err(ProverError::Untrue) } else { Ok(()) }
    }

    fn verify(&self, _: &Bundle) -> Result<(), ProverError> {
        Ok(())
    }

    fn keep(&self, model_id: B256, holder: &str) -> Result<bool, ProverError> {
        let is_here = !self.is_elsewhere.load(Ordering::Relaxed);
        if is_here {
            self.kept.lock().unwrap().insert((holder.into(), model_id));
        }
        Ok(is_here)
    }

    fn let_go(&self, holder: &str) -> Result<(), ProverError> {
        self.kept.lock().unwrap().retain(|(kept, _)| kept != holder);
        Ok(())
    }

    fn holders(&self) -> Result<Vec<String>, ProverError> {
        Ok(self.kept.lock().unwrap().iter().map(|(holder, _)| holder.clone()).collect())
    }

    fn prove(&self, statements: &[Statement], _: Option<&[u8]>) -> Result<Bundle, ProverError> {
        if self.is_silent {
            return Err(ProverError::Untrue);
        }
        self.proven.lock().unwrap().push(statements.len());
        Bundle::new(statements.to_vec(), PROOF, self.manifest.clone())
            .map_err(|error| ProverError::Failed(error.to_string()))
    }

    fn join_openings(&self, _: &[&[u8]]) -> Result<Vec<u8>, ProverError> {
        Ok(vec![])
    }
}

/// A submitter of the world's first account, with all that it keeps in one directory.
struct House<'a> {
    world: &'a ClaimWorld,
    registry: ClaimRegistry,
    dir: TempDir,
    owner: Owner,
    desk: Desk,
    prover: Arc<StandIn>,
    now: u64,
}

impl<'a> House<'a> {
    async fn new(world: &'a ClaimWorld, is_silent: bool) -> Self {
        let (client, node) = (&world.clients[0], world.registry.node());
        let deployed = client.deploy_claim_registry(world.contracts.proof_registry.address, &TERMS).await.unwrap();
        let registry = ClaimRegistry::at(node, deployed.address).await.unwrap();
        // What is asked of the last final block finds the registry there.
        for _ in 0..3 {
            world.cheat("evm_mine", serde_json::json!([])).await;
        }
        let chain = connect(&[world.devnet.endpoint()], Some(31337), None).await.unwrap();
        let owner = Owner::of(&chain, client.address()).await.unwrap();
        let desk = Desk::of(&registry, owner.account);
        let adapter_id = world.registry.adapter_of(world.models[0]).await.unwrap();
        let schema = schema();
        let manifest = Manifest {
            backend: BackendName::Native,
            backend_version: "0".into(),
            adapter_id,
            model_code_hash: B256::ZERO,
            model_code: None,
            vk_digest: B256::repeat_byte(1),
            schema_hash: schema_hash(&schema),
            schema,
            srs_id: B256::repeat_byte(9),
            test_srs: true,
            transferable: false,
            weights: "none".into(),
            proof_hash: proof_hash(&PROOF),
            created_at_ms: 1,
        };
        let prover = Arc::new(StandIn {
            manifest,
            proven: Mutex::default(),
            is_silent,
            kept: Mutex::default(),
            is_elsewhere: AtomicBool::new(false),
        });
        Self { world, registry, dir: tempfile::tempdir().unwrap(), owner, desk, prover, now: 1_000_000 }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("journal.sqlite")
    }

    fn journal(&self) -> Journal {
        Journal::open(&self.path(), &self.owner).unwrap()
    }

    fn outbox(&self) -> Outbox {
        Outbox::at(self.dir.path())
    }

    fn tower(&self) -> Watchtower {
        let indexer = Indexer::new(self.registry.clone(), 0);
        Watchtower::new(indexer, self.desk, self.outbox(), self.prover.clone(), U256::ZERO)
    }

    async fn look(&self, tower: &mut Watchtower) -> Watched {
        tower.look(&self.journal(), None, self.now).await.unwrap()
    }

    /// A process that sends until everything in the journal has ended.
    async fn send(&mut self, observer: Option<&Observer>) {
        let chain = connect(&[self.world.devnet.endpoint()], Some(31337), None).await.unwrap();
        let options = Options { confirmations: 1, finality: Finality::Depth(1), ..Options::default() };
        let account = Account::from_signer(PrivateKeySigner::from_bytes(&KEY).unwrap());
        let held = self.journal().hold(&self.owner).unwrap();
        let mut engine = Engine::new(chain, held, account, options);
        for _ in 0..200 {
            self.now += 1000;
            let step = engine.step(self.now).await.unwrap();
            if let Some(observer) = observer {
                observer.hear(&step, self.now);
            }
            if step.open == 0 {
                return;
            }
            // A step may wait for a block that nothing else makes.
            self.world.cheat("evm_mine", serde_json::json!([])).await;
        }
        panic!("it does not end: {:?}", engine.open().values().collect::<Vec<_>>());
    }

    async fn add(&mut self, intent: Intent) {
        self.journal().add(&intent, self.now).unwrap();
        self.send(None).await;
        assert_eq!(self.phase(intent.id), Phase::Finalized, "{}", intent.what);
    }

    fn phase(&self, id: B256) -> Phase {
        self.journal().row(id).unwrap().unwrap().phase()
    }

    async fn challenger(&self) -> Claims<'_> {
        Claims::open(&self.world.clients[1], &self.world.outbox, self.desk.claims).await.unwrap()
    }

    async fn post_batch(&mut self, leaves: u8) -> B256 {
        let batch = self.world.batch(0, 0, leaves);
        let id = batch.id(self.desk.claims);
        self.outbox().keep_batch(31337, id, &batch).unwrap();
        self.add(self.desk.post_batch(&batch, keccak256("content")).unwrap()).await;
        id
    }
}

/// A claim and the leaves of a batch are challenged: each is answered once, whichever process does it. What is
/// over is ended, and what is owed is paid.
#[tokio::test]
async fn challenges_are_answered_what_is_over_is_ended_and_what_is_owed_is_paid() {
    let world = ClaimWorld::new().await;
    let mut house = House::new(&world, false).await;
    let (registry, me) = (house.registry.clone(), house.owner.account);
    let (challenged, quiet) = (world.statement(0, 0, 9), world.statement(0, 0, 10));
    for statement in [&challenged, &quiet] {
        house.add(house.desk.post(statement).unwrap()).await;
    }
    let batch_id = house.post_batch(4).await;
    let mut tower = house.tower();
    assert!(house.look(&mut tower).await.planned.is_empty());

    let other = house.challenger().await;
    other.challenge(challenged.id()).await.unwrap();
    for leaf in [3, 1] {
        other.challenge_leaf(batch_id, leaf).await.unwrap();
    }
    let mut watched = house.look(&mut tower).await;
    assert_eq!((watched.planned.len(), watched.standing.challenged), (2, 3), "{watched:?}");
    assert_eq!(watched.standing.bonded, TERMS.bond * U256::from(6));
    // Of an adapter that is not this release's nobody knows whether it takes several: the other leaf has an answer of its own.
    watched.planned.extend(house.look(&mut tower).await.planned);
    assert_eq!((watched.planned.len(), &*house.prover.proven.lock().unwrap()), (3, &vec![1, 1, 1]));
    // It is in the journal: another look, and another process, prove nothing again.
    assert!(house.look(&mut tower).await.planned.is_empty());
    let mut tower = house.tower();
    assert!(house.look(&mut tower).await.planned.is_empty());
    assert_eq!(house.prover.proven.lock().unwrap().len(), 3);
    for planned in &watched.planned {
        let intent = house.journal().intent(*planned).unwrap().unwrap();
        assert!(intent.is_urgent && intent.deadline.is_some() && intent.kind == Kind::Answer, "{intent:?}");
        assert!(intent.max_cost.unwrap() >= TERMS.bond);
    }
    house.send(None).await;
    assert_eq!(registry.stage(challenged.id()).await.unwrap(), Stage::Verified);
    for leaf in [1, 3] {
        assert_eq!(registry.leaf(batch_id, leaf).await.unwrap().1, LeafStage::Answered);
    }

    // Bond and fee of the claim that was answered, and the fees of the leaves, are owed; the rest follows when its time is over.
    let paid = house.look(&mut tower).await;
    assert_eq!((paid.planned.len(), paid.standing.open), (1, 2), "{paid:?}");
    house.send(None).await;
    assert_eq!(registry.credit(me).await.unwrap(), U256::ZERO);
    // Answers prolong a batch: twice the longest of both windows is enough for all.
    world.skip(2 * (TERMS.challenge_window + TERMS.answer_window)).await;
    assert_eq!(house.look(&mut tower).await.planned.len(), 2);
    house.send(None).await;
    assert_eq!(registry.stage(quiet.id()).await.unwrap(), Stage::Final);
    assert_eq!(Stage::from(registry.batch(batch_id).await.unwrap().stage), Stage::Final);
    assert_eq!(house.look(&mut tower).await.planned.len(), 1);
    house.send(None).await;
    let over = house.look(&mut tower).await;
    assert_eq!((over.planned.len(), over.standing.open, over.standing.bonded), (0, 0, U256::ZERO), "{over:?}");
    assert_eq!((over.standing.credit, over.standing.lost.len()), (U256::ZERO, 0));
    let rows = house.journal().latest_rows(None, 100).unwrap();
    assert!(rows.iter().all(|row| row.phase() == Phase::Finalized && row.attempts == 1), "{rows:?}");
}

/// What cannot be proven is said, and said to be lost when its time is over. Nothing is paid for it.
#[tokio::test]
async fn a_claim_that_cannot_be_proven_is_named_and_costs_its_bond_alone() {
    let world = ClaimWorld::new().await;
    let mut house = House::new(&world, true).await;
    let statement = world.statement(0, 0, 9);
    house.add(house.desk.post(&statement).unwrap()).await;
    house.challenger().await.challenge(statement.id()).await.unwrap();
    let mut tower = house.tower();
    let watched = house.look(&mut tower).await;
    assert!(watched.planned.is_empty() && watched.troubles[0].contains("nothing can prove it"), "{watched:?}");
    world.skip(TERMS.answer_window + 1).await;
    let late = house.look(&mut tower).await;
    assert_eq!((late.troubles.len(), late.standing.lost), (0, vec![statement.id()]));
    // Leaves that are not kept here cannot be shown.
    let batch_id = house.post_batch(2).await;
    house.challenger().await.challenge_leaf(batch_id, 0).await.unwrap();
    std::fs::remove_file(house.dir.path().join(format!("outbox/31337/{batch_id}.batch.json"))).unwrap();
    let watched = house.look(&mut tower).await;
    assert!(watched.troubles[0].contains("not kept on this machine"), "{watched:?}");
}

/// Everything that a submitter writes and says, over a whole scenario with every log at its most talkative: the key is nowhere in it.
#[tokio::test]
async fn the_key_is_in_no_log_error_metric_or_file() {
    let logs = Logs::default();
    // Other tests of this program may be heard, too: they know no other keys that matter.
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let heard = subscriber
        .with_writer({
            let logs = logs.clone();
            move || logs.clone()
        })
        .try_init();
    heard.unwrap();
    let world = ClaimWorld::new().await;
    let mut house = House::new(&world, false).await;
    let policy = Policy::parse(&format!(
        "version = 1\n[chain]\nid = 31337\nendpoints = [\"{}\"]\n[contracts]\nclaim_registry = \"{}\"\n[budget]\nper_day = \"1\"\n\
         alarm_below = \"1000\"\n[default]\nassurance = \"optimistic\"\n",
        world.devnet.endpoint(),
        house.desk.claims
    ));
    let policy = policy.unwrap();
    let observer = Observer::begin(house.journal(), 31337, policy.fees, policy.budget, house.now).unwrap();
    let observer = Arc::new(observer);
    let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), observer.clone()).unwrap();
    let statement = world.statement(0, 0, 9);
    house.journal().add(&house.desk.post(&statement).unwrap(), house.now).unwrap();
    // Something that the chain has already, and something that is too late.
    let done = house.desk.withdraw(U256::from(1), 7);
    let late = Intent { deadline: Some(1), done: vec![], ..house.desk.withdraw(U256::from(1), 8) };
    for intent in [&done, &late] {
        house.journal().add(intent, house.now).unwrap();
    }
    house.send(Some(&observer)).await;
    house.challenger().await.challenge(statement.id()).await.unwrap();
    observer.watched(&house.look(&mut house.tower()).await);
    observer.money(U256::from(5), Some(7));
    house.send(Some(&observer)).await;
    observer.watched(&house.look(&mut house.tower()).await);

    let account = Account::from_signer(PrivateKeySigner::from_bytes(&KEY).unwrap());
    let mut said = format!("{account:?} {observer:?} {policy:?} {:?}", house.tower());
    let error = account.sign("a call", alloy::rpc::types::TransactionRequest::default()).await.unwrap_err();
    said += &format!("{error} {error:?}");
    let metrics = get(&server, "/metrics");
    for line in [
        "zkinfer_submitter_up 1",
        "zkinfer_submitter_alarm{name=\"balance\"} 1",
        "zkinfer_submitter_intents_failed_total",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let status = get(&server, "/status");
    assert!(status.contains(&late.id.to_string()) && get(&server, "/health").contains("see /status"));
    assert!(last_seen(&house.path()).unwrap().head.is_some());
    said += &(metrics + &status);

    let key = alloy::hex::encode(KEY);
    let mut places = vec![("what is shown", said.into_bytes()), ("the logs", logs.0.lock().unwrap().clone())];
    assert!(places[1].1.len() > 10_000, "the logs were heard");
    let mut files = 0;
    read_all(house.dir.path(), &mut |content| {
        files += 1;
        places.push(("a file", content));
    });
    assert!(files >= 3, "{files}");
    for (place, content) in places {
        let lower = content.to_ascii_lowercase();
        let has = |needle: &[u8], hay: &[u8]| hay.windows(needle.len()).any(|window| window == needle);
        // In hex, of any case; raw; in decimal numbers, as JSON has arrays of bytes.
        assert!(!has(key.as_bytes(), &lower) && !has(KEY.as_slice(), &content), "the key is in {place}");
        assert!(
            !has(b"81,81,81,81,81,81,81,81", &content) && !has(b"81, 81, 81, 81, 81, 81, 81, 81", &content),
            "{place}"
        );
    }
}

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn get(server: &Server, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    std::io::read_to_string(stream).unwrap()
}

fn read_all(folder: &Path, hear: &mut impl FnMut(Vec<u8>)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, hear);
        } else {
            hear(std::fs::read(path).unwrap());
        }
    }
}
