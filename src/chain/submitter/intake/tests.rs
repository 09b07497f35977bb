use super::*;
use crate::{
    chain::submitter::{
        Added, Limit, Owner, Purse, Spend,
        acts::Desk,
        keeping::{self, Surety},
        of_bundle,
        prover::Ability,
    },
    evm::artifacts::{ezkl_adapter_id, native_verifier_id},
    proof::{
        Bundle, Context, Statement,
        bundle::{Manifest, tests::numbered},
        identity::{batch_id, model_id, proof_hash},
    },
    storage::{ContentAddress, LocalStore, StoreError},
};
use alloy::primitives::{Bytes, U256};
use std::sync::Mutex;
use tempfile::TempDir;

const ACCOUNT: Address = Address::repeat_byte(7);
const PROOFS: Address = Address::repeat_byte(0xa1);
const CLAIMS: Address = Address::repeat_byte(0xa2);
const OWNER: Owner = Owner { chain_id: 31337, genesis: B256::repeat_byte(9), account: ACCOUNT };
/// Files are older than that, as far as the clock of the chain is concerned.
const NOW: u64 = 4_000_000_000;

/// A bundle of one inference, made for no chain, of a model of an adapter.
fn bundle(number: i64, adapter: B256, backend: BackendName) -> Bundle {
    let given = numbered(number);
    let manifest = Manifest { backend, adapter_id: adapter, ..given.manifest().clone() };
    let statement = Statement {
        model_id: model_id(&manifest.model_parts()),
        context: Context::Offchain {},
        ..given.statement().clone()
    };
    Bundle::new(vec![statement], given.proof().clone(), manifest).unwrap()
}

fn native(number: i64) -> Bundle {
    bundle(number, native_verifier_id(), BackendName::Native)
}

fn ezkl(number: i64) -> Bundle {
    bundle(number, ezkl_adapter_id(), BackendName::Ezkl)
}

/// Proves whatever it is asked for, and remembers how many statements each time.
#[derive(Default)]
struct Fake {
    proven: Mutex<Vec<usize>>,
    fails: Mutex<Option<ProverError>>,
    is_elsewhere: bool,
    is_wrong: bool,
    /// What it says when it is asked to run the model again, or to verify.
    objects: Mutex<Option<ProverError>>,
    /// Models that are kept, each with its holder.
    kept: Mutex<BTreeSet<(B256, String)>>,
    /// What was run again: how many statements, and with which openings.
    rehearsed: Mutex<Vec<(usize, Option<Vec<u8>>)>>,
    hides: bool,
}

impl Prover for Fake {
    fn ability(&self, _: B256) -> Result<Option<Ability>, ProverError> {
        Ok((!self.is_elsewhere).then_some(Ability { max_batch: 8, binds_context: true, hides: self.hides }))
    }

    fn rehearse(&self, statements: &[Statement], openings: Option<&[u8]>) -> Result<(), ProverError> {
        self.rehearsed.lock().unwrap().push((statements.len(), openings.map(<[u8]>::to_vec)));
        self.objects.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn verify(&self, _: &Bundle) -> Result<(), ProverError> {
        self.objects.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn keep(&self, model_id: B256, holder: &str) -> Result<bool, ProverError> {
        if !self.is_elsewhere {
            self.kept.lock().unwrap().insert((model_id, holder.into()));
        }
        Ok(!self.is_elsewhere)
    }

    fn let_go(&self, holder: &str) -> Result<(), ProverError> {
        self.kept.lock().unwrap().retain(|(_, kept)| kept != holder);
        Ok(())
    }

    fn holders(&self) -> Result<Vec<String>, ProverError> {
        Ok(self.kept.lock().unwrap().iter().map(|(_, holder)| holder.clone()).collect())
    }

    fn prove(&self, statements: &[Statement], _: Option<&[u8]>) -> Result<Bundle, ProverError> {
        if let Some(error) = self.fails.lock().unwrap().clone() {
            return Err(error);
        }
        self.proven.lock().unwrap().push(statements.len());
        let proof: Bytes = statements.iter().flat_map(|statement| statement.id().0).collect::<Vec<_>>().into();
        let manifest = Manifest { proof_hash: proof_hash(&proof), ..native(1).manifest().clone() };
        let statements = if self.is_wrong { &statements[..1] } else { statements };
        Ok(Bundle::new(statements.to_vec(), proof, manifest).unwrap())
    }

    fn join_openings(&self, files: &[&[u8]]) -> Result<Vec<u8>, ProverError> {
        Ok(files.concat())
    }
}

struct Open;

impl Gate for Open {
    fn admit(&self, _: B256) -> Result<(), ChainError> {
        Ok(())
    }
}

/// A store that takes everything and gives something else.
#[derive(Debug)]
struct Liar;

impl ContentStore for Liar {
    fn put(&self, content: &[u8]) -> Result<ContentAddress, StoreError> {
        Ok(ContentAddress::of(content))
    }

    fn put_file(&self, _: &Path) -> Result<ContentAddress, StoreError> {
        Err(StoreError::Stopped)
    }

    fn get(&self, _: &ContentAddress) -> Result<Vec<u8>, StoreError> {
        Ok(b"something else".to_vec())
    }

    fn get_file(&self, _: &ContentAddress, _: &Path) -> Result<(), StoreError> {
        Err(StoreError::Stopped)
    }

    fn has(&self, _: &ContentAddress) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn delete(&self, _: &ContentAddress) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// A folder, a journal, and what an intake needs besides.
struct World {
    dir: TempDir,
    journal: Journal,
    prover: Arc<Fake>,
}

impl World {
    fn new(prover: Fake) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("journal.sqlite"), &OWNER).unwrap();
        Self { dir, journal, prover: Arc::new(prover) }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("queue")
    }

    fn store(&self) -> LocalStore {
        LocalStore::at(self.dir.path().join("content"))
    }

    fn intake(&self, default: &str) -> Intake {
        self.intake_with(default, vec![Box::new(self.store())])
    }

    fn intake_with(&self, default: &str, stores: Vec<Box<dyn ContentStore>>) -> Intake {
        let policy = format!(
            "version = 1\n[chain]\nid = 31337\nendpoints = [\"http://127.0.0.1:1\"]\n[contracts]\nproof_registry = \"{PROOFS}\"\n\
             claim_registry = \"{CLAIMS}\"\n[content]\nstores = [\"local\"]\n[default]\nceiling = \"0.01\"\ndeadline = 600\n{default}"
        );
        let desk = Some(Self::desk());
        let place = Where { chain_id: 31337, account: ACCOUNT, proofs: PROOFS, has_proof_registry: true, desk };
        let policy = Arc::new(Policy::parse(&policy).unwrap());
        let outbox = Outbox::at(self.dir.path());
        Intake::open(&self.folder(), place, policy, self.prover.clone(), outbox, stores, Arc::new(Open)).unwrap()
    }

    fn desk() -> Desk {
        Desk { chain_id: 31337, claims: CLAIMS, proofs: PROOFS, account: ACCOUNT, bond: U256::from(100) }
    }

    fn surety(&self, prover: Arc<Fake>) -> Surety {
        self.surety_with(prover, Arc::new(()))
    }

    fn surety_with(&self, prover: Arc<Fake>, next: Arc<dyn Purse>) -> Surety {
        Surety::new(Outbox::at(self.dir.path()), prover, Self::desk(), next)
    }

    fn put(&self, name: &str, bundle: &Bundle) {
        fs::create_dir_all(self.folder()).unwrap();
        fs::write(self.folder().join(name), bundle.to_json()).unwrap();
    }

    fn step(&self, intake: &mut Intake, now: u64) -> Taken {
        let market = Market { now, price: 1_000_000_000, lead: 12 };
        intake.step(&self.journal, &market, |_, _| None, now * 1000).unwrap()
    }

    fn is_there(&self, path: &str) -> bool {
        self.folder().join(path).exists()
    }

    fn planned(&self) -> Vec<Intent> {
        let rows = self.journal.open_rows(0).unwrap();
        rows.iter().map(|row| self.journal.intent(row.id).unwrap().unwrap()).collect()
    }
}

const SINGLE: &str = "assurance = \"verified\"\n";
const BATCH: &str = "assurance = \"verified\"\ngrouping = \"native-batch\"\nbatch = { size = 3, age = \"5m\" }\n";
const MERKLE: &str = "assurance = \"optimistic\"\ngrouping = \"merkle-batch\"\nbatch = { size = 3, age = \"5m\" }\n";

#[test]
fn a_file_becomes_one_intent_and_its_twin_is_refused() {
    let world = World::new(Fake::default());
    let mut intake = world.intake(SINGLE);
    world.put("a.bundle.json", &ezkl(1));
    let taken = world.step(&mut intake, NOW);
    assert_eq!(taken.added.len(), 1, "{taken:?}");
    let [intent] = &world.planned()[..] else { panic!() };
    assert_eq!((intent.id, intent.kind, intent.deadline), (taken.added[0], Kind::Proof, Some(NOW + 600)));
    assert_eq!(intent.max_cost, Some(U256::from(10_000_000_000_000_000_u64)));
    // An EZKL proof binds no context: it is not made again.
    assert!(world.prover.proven.lock().unwrap().is_empty());
    assert!(!world.is_there("a.bundle.json") && fs::read_dir(world.folder().join("plans")).unwrap().count() == 0);
    assert!(world.step(&mut intake, NOW + 1).added.is_empty());

    world.put("b.bundle.json", &ezkl(1));
    let taken = world.step(&mut intake, NOW + 2);
    assert!(taken.added.is_empty() && taken.refused[0].1.contains("submitted before"), "{taken:?}");
    assert!(world.is_there("refused/b.bundle.json") && world.is_there("refused/b.bundle.json.reason.txt"));
    // Another job is another claim; so is one that is ordered again.
    world.put("c.bundle.json", &ezkl(1));
    fs::write(world.folder().join("c.order.toml"), format!("job = \"{}\"\n", B256::repeat_byte(5))).unwrap();
    world.put("d.bundle.json", &ezkl(1));
    fs::write(world.folder().join("d.order.toml"), "again = true\n").unwrap();
    assert_eq!(world.step(&mut intake, NOW + 3).added.len(), 2);
    assert_eq!(world.planned().len(), 3);
    assert!(!world.is_there("c.order.toml"));
}

#[test]
fn a_batch_goes_when_it_is_full_or_old_with_one_proof_in_its_order() {
    let world = World::new(Fake::default());
    let mut intake = world.intake(BATCH);
    for (name, number) in [("b.bundle.json", 2), ("a.bundle.json", 1), ("c.bundle.json", 3), ("d.bundle.json", 4)] {
        world.put(name, &native(number));
    }
    let now = Item::read(&world.folder().join("d.bundle.json"), NOW).unwrap().unwrap().since;
    let taken = world.step(&mut intake, now);
    assert_eq!((taken.added.len(), taken.waiting[0].count), (1, 1), "{taken:?}");
    assert_eq!(*world.prover.proven.lock().unwrap(), [3]);
    let [intent] = &world.planned()[..] else { panic!() };
    let kept = Outbox::at(world.dir.path()).kept(31337, intent.id).unwrap().unwrap();
    let ids: Vec<B256> = kept.statements().iter().map(Statement::id).collect();
    assert_eq!((intent.kind, intent.id), (Kind::ProofBatch, batch_id(&ids)));
    assert_eq!(of_bundle(&kept, 31337, ACCOUNT).unwrap().data, intent.data);
    let waits = world.step(&mut intake, now + 299);
    assert!(waits.added.is_empty() && waits.waiting[0].age == 299, "{waits:?}");
    // The last one alone, when it is old: one statement is no batch.
    assert_eq!(world.step(&mut intake, now + 300).added.len(), 1);
    assert_eq!(world.planned()[1].kind, Kind::Proof);
}

/// Whatever a process was doing when it died, the next one makes the same statements, and the journal has them once.
#[test]
fn a_process_that_dies_between_two_steps_makes_the_same_statements() {
    let world = World::new(Fake::default());
    *world.prover.fails.lock().unwrap() = Some(ProverError::Failed("the power went".into()));
    for number in 1..=3 {
        world.put(&format!("{number}.bundle.json"), &native(number));
    }
    let taken = world.step(&mut world.intake(BATCH), NOW);
    assert!(taken.added.is_empty() && taken.troubles[0].contains("the power went"), "{taken:?}");
    let plans = Plan::all(&world.folder().join("plans")).unwrap();
    assert_eq!((plans.len(), plans[0].deadline), (1, NOW + 600));
    *world.prover.fails.lock().unwrap() = None;
    // Another process, later: the deadline is the one that was decided.
    let taken = world.step(&mut world.intake(BATCH), NOW + 100);
    assert_eq!(taken.added, [plans[0].id]);
    let [intent] = &world.planned()[..] else { panic!() };
    assert_eq!((intent.id, intent.deadline), (plans[0].id, Some(NOW + 600)));

    // It died after the journal had it: the files are put away, and nothing is proven again.
    let again = World::new(Fake::default());
    for number in 1..=3 {
        again.put(&format!("{number}.bundle.json"), &native(number));
    }
    fs::create_dir_all(again.folder().join("plans")).unwrap();
    plans[0].keep(&again.folder().join("plans")).unwrap();
    assert_eq!(again.journal.add(intent, 1).unwrap(), Added::New);
    assert!(again.step(&mut again.intake(BATCH), NOW + 200).added.is_empty());
    assert!(again.planned().len() == 1 && !again.is_there("1.bundle.json"));
    assert!(again.prover.proven.lock().unwrap().is_empty());
}

#[test]
fn what_was_decided_too_long_ago_is_decided_anew() {
    let world = World::new(Fake::default());
    *world.prover.fails.lock().unwrap() = Some(ProverError::Failed("not now".into()));
    world.put("1.bundle.json", &native(1));
    let first = world.step(&mut world.intake(SINGLE), NOW);
    assert_eq!(first.troubles.len(), 1);
    *world.prover.fails.lock().unwrap() = None;
    let mut intake = world.intake(SINGLE);
    assert!(world.step(&mut intake, NOW + 590).added.is_empty());
    let added = world.step(&mut intake, NOW + 591).added;
    assert_eq!(world.planned()[0].deadline, Some(NOW + 591 + 600), "{added:?}");
}

#[test]
fn content_is_stored_and_fetched_again_before_anything_points_to_it() {
    let world = World::new(Fake::default());
    world.put("1.bundle.json", &native(1));
    let mut liar = world.intake_with("assurance = \"attested\"\n", vec![Box::new(world.store()), Box::new(Liar)]);
    let taken = world.step(&mut liar, NOW);
    assert!(taken.added.is_empty() && taken.troubles[0].contains("something else"), "{taken:?}");
    assert!(world.planned().is_empty());
    let mut honest = world.intake("assurance = \"attested\"\n");
    assert_eq!(world.step(&mut honest, NOW + 1).added.len(), 1);
    let [intent] = &world.planned()[..] else { panic!() };
    assert_eq!((intent.kind, intent.to), (Kind::Attestation, CLAIMS));
    // The call names the hash of the very bundle.
    let stored = fs::read_dir(world.dir.path().join("content/objects")).unwrap().flatten();
    let hashes: Vec<String> = stored
        .flat_map(|folder| {
            let prefix = folder.file_name().into_string().unwrap();
            fs::read_dir(folder.path())
                .unwrap()
                .flatten()
                .map(move |file| format!("{prefix}{}", file.file_name().to_string_lossy()))
        })
        .collect();
    assert!(hashes.iter().any(|hash| intent.data.to_string().contains(hash)), "{hashes:?}");
}

#[test]
fn a_bond_is_not_posted_where_nobody_could_answer() {
    for (default, names) in
        [("assurance = \"optimistic\"\n", &["1.bundle.json"][..]), (MERKLE, &["1.b.json", "2.b.json", "3.b.json"])]
    {
        let world = World::new(Fake { is_elsewhere: true, ..Fake::default() });
        for (number, name) in (1..).zip(names) {
            world.put(name, &native(number));
        }
        let taken = world.step(&mut world.intake(default), NOW);
        assert!(taken.added.is_empty() && taken.troubles[0].contains("no artifacts"), "{taken:?}");
        assert!(world.planned().is_empty());
    }
    let world = World::new(Fake::default());
    for number in 1..=3 {
        world.put(&format!("{number}.b.json"), &native(number));
    }
    assert_eq!(world.step(&mut world.intake(MERKLE), NOW).added.len(), 1);
    let [intent] = &world.planned()[..] else { panic!() };
    assert_eq!((intent.kind, intent.value), (Kind::OptimisticBatch, U256::from(300)));
    // The bond is no cost of the inferences.
    assert_eq!(intent.max_cost, Some(U256::from(30_000_000_000_000_000_u64 + 300)));
    let kept = Outbox::at(world.dir.path()).kept_batch(31337, intent.id).unwrap().unwrap();
    assert_eq!(kept.leaves().len(), 3);
    assert!(world.prover.proven.lock().unwrap().is_empty());
}

/// A challenge is answered with what is here: before a bond is posted all of it is looked at, and the artifacts stay.
#[test]
fn a_bond_is_posted_when_the_answer_was_rehearsed_and_its_artifacts_are_kept() {
    let world = World::new(Fake { hides: true, ..Fake::default() });
    world.put("1.bundle.json", &native(1));
    fs::write(world.folder().join("1.openings.json"), "opens it").unwrap();
    let mut intake = world.intake("assurance = \"optimistic\"\n");
    // Something that may pass: the files stay, and nothing is kept from being evicted for nothing.
    *world.prover.objects.lock().unwrap() = Some(ProverError::Failed("model.compiled: its content was changed".into()));
    let taken = world.step(&mut intake, NOW);
    assert!(taken.added.is_empty() && taken.troubles[0].contains("its content was changed"), "{taken:?}");
    assert!(world.planned().is_empty() && world.is_there("1.bundle.json"));
    assert!(world.prover.kept.lock().unwrap().is_empty());
    *world.prover.objects.lock().unwrap() = None;
    assert_eq!(world.step(&mut intake, NOW + PAUSE).added.len(), 1);
    let [intent] = &world.planned()[..] else { panic!() };
    let holder = keeping::holder(31337, CLAIMS, intent.id);
    assert_eq!(*world.prover.kept.lock().unwrap(), BTreeSet::from([(intent.model_id.unwrap(), holder)]));
    let openings = Some(b"opens it".to_vec());
    assert_eq!(*world.prover.rehearsed.lock().unwrap(), [(1, openings.clone()), (1, openings)]);

    // All leaves of a root, with what was joined for them.
    let world = World::new(Fake { hides: true, ..Fake::default() });
    for number in 1..=3 {
        world.put(&format!("{number}.b.json"), &native(number));
        fs::write(world.folder().join(format!("{number}.openings.json")), format!("<{number}>")).unwrap();
    }
    assert_eq!(world.step(&mut world.intake(MERKLE), NOW).added.len(), 1);
    assert_eq!(*world.prover.rehearsed.lock().unwrap(), [(3, Some(b"<1><2><3>".to_vec()))]);
    assert_eq!(world.prover.kept.lock().unwrap().len(), 1);
}

/// What can never be answered is refused for good, whoever says so: the model, the openings, or the verifier of a kept proof.
#[test]
fn a_claim_that_no_answer_fits_is_refused_before_its_bond() {
    for (error, said) in [
        (ProverError::Untrue, "no bond"),
        (ProverError::NoOpenings, "hides inputs or outputs"),
        (ProverError::BadProof("pairing".into()), "does not verify (pairing)"),
    ] {
        for given in [native(1), ezkl(1)] {
            let world = World::new(Fake::default());
            *world.prover.objects.lock().unwrap() = Some(error.clone());
            world.put("1.bundle.json", &given);
            let taken = world.step(&mut world.intake("assurance = \"optimistic\"\n"), NOW);
            assert!(taken.refused[0].1.contains(said), "{taken:?}");
            assert!(world.planned().is_empty() && world.is_there("refused/1.bundle.json"));
            assert!(world.prover.kept.lock().unwrap().is_empty());
        }
    }
    // With openings that is what is looked at.
    let world = World::new(Fake { hides: true, ..Fake::default() });
    *world.prover.objects.lock().unwrap() = Some(ProverError::Untrue);
    world.put("1.bundle.json", &native(1));
    fs::write(world.folder().join("1.openings.json"), "of something else").unwrap();
    let taken = world.step(&mut world.intake("assurance = \"optimistic\"\n"), NOW);
    assert!(taken.refused[0].1.contains("the openings are of another statement"), "{taken:?}");
    // A hash of what no contract looks at is verified here.
    let world = World::new(Fake::default());
    *world.prover.objects.lock().unwrap() = Some(ProverError::BadProof("pairing".into()));
    world.put("1.bundle.json", &ezkl(1));
    let taken = world.step(&mut world.intake("assurance = \"attested\"\n"), NOW);
    assert!(taken.refused[0].1.contains("does not verify"), "{taken:?}");
}

/// Between the decision and the signature there may be hours.
#[test]
fn nothing_is_signed_for_a_bond_whose_answer_is_gone() {
    let spend = |intent: &Intent, now| {
        let (ceiling, zero, balance) = (U256::from(1), U256::ZERO, U256::MAX);
        let intent = intent.clone();
        move |purse: &dyn Purse| {
            purse.admit(&Spend { intent: &intent, ceiling, instead_of: zero, on_its_way: zero, balance, now })
        }
    };
    // A root: its leaves are on no chain.
    let world = World::new(Fake::default());
    for number in 1..=3 {
        world.put(&format!("{number}.b.json"), &native(number));
    }
    world.step(&mut world.intake(MERKLE), NOW);
    let [intent] = &world.planned()[..] else { panic!() };
    let outbox = Outbox::at(world.dir.path());
    let surety = world.surety(world.prover.clone());
    spend(intent, 0)(&surety).unwrap();
    let path = world.dir.path().join(format!("outbox/31337/{}.batch.json", intent.id));
    let leaves = fs::read_to_string(&path).unwrap();
    fs::write(&path, leaves.replacen("\"job\": \"0x00", "\"job\": \"0x01", 1)).unwrap();
    assert!(spend(intent, 0)(&surety).unwrap_err().contains("reads differently"));
    fs::remove_file(&path).unwrap();
    assert!(spend(intent, 0)(&surety).unwrap_err().contains("reads differently"));
    fs::write(&path, leaves).unwrap();
    spend(intent, 0)(&surety).unwrap();
    // The artifacts went, by hand: no pin helps against that. What was looked at a moment ago is believed, and then looked at again.
    let elsewhere = Arc::new(Fake { is_elsewhere: true, ..Fake::default() });
    assert!(spend(intent, 0)(&world.surety(elsewhere)).unwrap_err().contains("no artifacts"));

    // A statement with a proof that was kept needs no artifacts; without it, it does.
    let world = World::new(Fake::default());
    world.put("1.bundle.json", &ezkl(1));
    world.step(&mut world.intake("assurance = \"optimistic\"\n"), NOW);
    let [intent] = &world.planned()[..] else { panic!() };
    let elsewhere = Arc::new(Fake { is_elsewhere: true, ..Fake::default() });
    let surety = world.surety(elsewhere);
    spend(intent, 0)(&surety).unwrap();
    let path = world.dir.path().join(format!("outbox/31337/{}.bundle.json", intent.id));
    fs::write(&path, "{}").unwrap();
    assert!(spend(intent, 0)(&surety).unwrap_err().contains("not the bundle that was kept"));
    fs::remove_file(&path).unwrap();
    assert!(spend(intent, 0)(&surety).unwrap_err().contains("no artifacts"));

    // What opens hidden tensors: it has to be there, and to open them still.
    let world = World::new(Fake { hides: true, ..Fake::default() });
    world.put("1.bundle.json", &native(1));
    fs::write(world.folder().join("1.openings.json"), "opens it").unwrap();
    world.step(&mut world.intake("assurance = \"optimistic\"\n"), NOW);
    let [intent] = &world.planned()[..] else { panic!() };
    let surety = world.surety(world.prover.clone());
    spend(intent, 0)(&surety).unwrap();
    *world.prover.objects.lock().unwrap() = Some(ProverError::Untrue);
    assert!(spend(intent, 0)(&surety).unwrap_err().contains("no bond was posted"));
    *world.prover.objects.lock().unwrap() = None;
    fs::remove_file(world.dir.path().join(format!("outbox/31337/{}.openings.json", intent.id))).unwrap();
    assert!(spend(intent, 0)(&surety).unwrap_err().contains("what opens them is not kept"));
    // The same of a root, whose leaves are run once for the same bytes, however often it is replaced by something dearer.
    let world = World::new(Fake { hides: true, ..Fake::default() });
    for number in 1..=3 {
        world.put(&format!("{number}.b.json"), &native(number));
        fs::write(world.folder().join(format!("{number}.openings.json")), format!("<{number}>")).unwrap();
    }
    world.step(&mut world.intake(MERKLE), NOW);
    let [root] = &world.planned()[..] else { panic!() };
    let (surety, rehearsed) = (world.surety(world.prover.clone()), || world.prover.rehearsed.lock().unwrap().clone());
    spend(root, 0)(&surety).unwrap();
    spend(root, 1)(&surety).unwrap();
    let run = (3, Some(b"<1><2><3>".to_vec()));
    assert_eq!(rehearsed(), [run.clone(), run], "at intake, and before the first signature");
    let path = world.dir.path().join(format!("outbox/31337/{}.openings.json", root.id));
    fs::write(&path, "<1><2><4>").unwrap();
    *world.prover.objects.lock().unwrap() = Some(ProverError::Untrue);
    for _ in 0..2 {
        assert!(spend(root, 2)(&surety).unwrap_err().contains("no bond was posted"));
    }
    assert_eq!(rehearsed()[2..], vec![(3, Some(b"<1><2><4>".to_vec())); 2]);
    *world.prover.objects.lock().unwrap() = None;
    fs::remove_file(&path).unwrap();
    assert!(spend(root, 2)(&surety).unwrap_err().contains("what opens them is not kept"));
    // What brings no bond is not asked about; what another purse refuses is refused.
    let free = Intent { kind: Kind::Proof, ..intent.clone() };
    spend(&free, 0)(&surety).unwrap();
    assert!(outbox.kept(31337, free.id).unwrap().is_none());
    let poor = world.surety_with(world.prover.clone(), Arc::new(Limit::new(U256::ZERO)));
    assert!(spend(&free, 0)(&poor).is_err());
}

#[test]
fn what_can_never_go_is_refused_with_its_reason() {
    let world = World::new(Fake::default());
    world.put("mock.json", &bundle(1, native_verifier_id(), BackendName::Mock));
    world.put("bound.json", &numbered(0));
    world.put("order.json", &ezkl(2));
    fs::write(world.folder().join("order.order.toml"), "jobs = 3\n").unwrap();
    fs::write(world.folder().join("noise.json"), "{}").unwrap();
    fs::write(world.folder().join("half.json.tmp"), "{").unwrap();
    fs::write(world.folder().join(".hidden"), "{").unwrap();
    let taken = world.step(&mut world.intake(SINGLE), NOW);
    let reasons: BTreeMap<&str, &str> =
        taken.refused.iter().map(|(name, reason)| (name.as_str(), reason.as_str())).collect();
    assert!(reasons["mock.json"].contains("mock") && reasons["bound.json"].contains("made for a chain"), "{reasons:?}");
    assert!(reasons["order.json"].contains("order") && reasons["noise.json"].contains("no bundle"), "{reasons:?}");
    assert_eq!(reasons.len(), 4);
    assert!(world.is_there("half.json.tmp") && world.is_there(".hidden") && world.is_there("refused/order.order.toml"));

    // A prover that proves something else has a defect: nothing of it is sent.
    let world = World::new(Fake { is_wrong: true, ..Fake::default() });
    for number in 1..=3 {
        world.put(&format!("{number}.json"), &native(number));
    }
    let taken = world.step(&mut world.intake(BATCH), NOW);
    assert!(taken.refused.len() == 3 && world.planned().is_empty(), "{taken:?}");
}

#[test]
fn what_the_policy_does_not_know_is_refused() {
    let world = World::new(Fake::default());
    world.put("1.json", &native(1));
    let policy = format!(
        "version = 1\n[chain]\nid = 31337\nendpoints = [\"http://127.0.0.1:1\"]\n[contracts]\nproof_registry = \"{PROOFS}\"\n\
         [[rule]]\nmodel = \"{}\"\nassurance = \"verified\"\n",
        B256::repeat_byte(1)
    );
    let mut intake = world.intake(SINGLE);
    intake.policy = Arc::new(Policy::parse(&policy).unwrap());
    let taken = world.step(&mut intake, NOW);
    assert!(taken.refused[0].1.contains("says nothing of model"), "{taken:?}");
}
