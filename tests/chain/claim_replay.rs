//! A claim registry's state is the fold of its events: whatever is done to it, replaying them gives what its views say.

use crate::{
    claim_world::{ClaimWorld, PROOF, TERMS, contradiction, schema},
    proxy::{Action, Proxy},
};
use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolCall,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use zkinfer::{
    FailureClass,
    chain::{
        ChainError, Node,
        bindings::IClaimRegistry::{self, LeafRecord},
        claims::{BatchState, ClaimBatch, ClaimRegistry, Claims, Done, Indexer, LeafStage, Stage, State},
    },
    proof::{Context, Statement, identity},
};

const JOBS: u8 = 5;
const STEPS: usize = 170;

/// SplitMix64: the same walk every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }
}

struct Walk<'a> {
    world: &'a ClaimWorld,
    claims: Vec<Claims<'a>>,
    statements: Vec<Statement>,
    batches: Vec<ClaimBatch>,
    dice: Dice,
    /// How often each thing was done.
    done: BTreeMap<&'static str, usize>,
}

impl<'a> Walk<'a> {
    async fn new(world: &'a ClaimWorld, seed: u64) -> Self {
        let mut claims = Vec::new();
        for account in 0..3 {
            claims.push(world.claims(account).await);
        }
        let places = (0..3).flat_map(|model| (0..2).map(move |account| (model, account)));
        let statements = places.flat_map(|(model, account)| (0..JOBS).map(move |job| (model, account, job)));
        let statements = statements.map(|(model, account, job)| world.statement(model, account, job)).collect();
        let batches = [(0, 0, 5), (1, 1, 3), (2, 0, 4), (0, 1, 2)];
        let batches = batches.map(|(model, account, leaves)| world.batch(model, account, leaves)).into();
        Self { world, claims, statements, batches, dice: Dice(seed), done: BTreeMap::new() }
    }

    /// One thing is done, or refused.
    async fn step(&mut self, state: &State) {
        // Most of the time something that may be possible, by what the state says; else anything.
        let (name, result) = match self.dice.roll(20) {
            0 => ("attest", self.with_statement(&[Stage::None], state, Doing::Attest).await),
            1..=3 => ("post", self.with_statement(&[Stage::None], state, Doing::Post).await),
            4 => ("submit", self.with_statement(&[Stage::None, Stage::Attested], state, Doing::Submit).await),
            5 => ("adopt", self.with_statement(&[Stage::Open, Stage::Challenged], state, Doing::Adopt).await),
            6 | 7 => ("challenge", self.with_statement(&[Stage::Open], state, Doing::Challenge).await),
            8 => ("answer", self.with_statement(&[Stage::Challenged, Stage::Open], state, Doing::Answer).await),
            9 | 10 => ("finalize", self.with_statement(&[Stage::Open, Stage::Challenged], state, Doing::End).await),
            11 => ("post batch", self.post_batch().await),
            12 | 13 => ("challenge leaf", self.challenge_leaf(state).await),
            14 => ("answer leaves", self.answer_leaves(state).await),
            15 | 16 => self.end_batch(state).await,
            17 => ("withdraw", self.withdraw().await),
            _ => {
                let window = [TERMS.answer_window / 3, TERMS.answer_window + 1, TERMS.challenge_window + 1];
                self.world.skip(window[self.dice.roll(3)]).await;
                return;
            }
        };
        match result {
            Ok(Some(done)) if !done.done_before => *self.done.entry(name).or_default() += 1,
            Ok(_)
            | Err(ChainError::Refused { .. } | ChainError::TransactionFailed { .. } | ChainError::WrongContext(_)) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }

    async fn with_statement(
        &mut self,
        stages: &[Stage],
        state: &State,
        doing: Doing,
    ) -> Result<Option<Done>, ChainError> {
        let stage =
            |statement: &Statement| state.claims().get(&statement.id()).map_or(Stage::None, |claim| claim.stage);
        let fitting: Vec<&Statement> = self.statements.iter().filter(|s| stages.contains(&stage(s))).collect();
        let anything = fitting.is_empty() || self.dice.roll(5) == 0;
        let statement = match anything {
            true => self.statements[self.dice.roll(self.statements.len())].clone(),
            false => fitting[self.dice.roll(fitting.len())].clone(),
        };
        let (owner, other) = (self.owner(&statement), self.dice.roll(3));
        let id = statement.id();
        let done = match doing {
            Doing::Attest => self.claims[owner].attest(&statement, B256::repeat_byte(1), B256::ZERO).await,
            Doing::Post => self.claims[owner].post(&statement).await,
            Doing::Submit => self.claims[owner].submit(&statement, &PROOF).await,
            Doing::Adopt => {
                // The proof registry records it first; it may have done so.
                match self.world.clients[owner].submit(&statement, &PROOF).await {
                    Ok(_) | Err(ChainError::Refused { .. }) => self.claims[other].adopt(&statement).await,
                    Err(error) => Err(error),
                }
            }
            Doing::Challenge => self.claims[other].challenge(id).await,
            Doing::Answer => self.claims[owner].answer(&statement, &PROOF).await,
            Doing::End => match state.claims().get(&id) {
                Some(claim) => self.claims[other].finalize(claim).await,
                None => return Ok(None),
            },
        };
        done.map(Some)
    }

    /// Whose a statement is.
    fn owner(&self, statement: &Statement) -> usize {
        let Context::Chain { assignment, .. } = statement.context else { panic!("made for no chain") };
        usize::from(assignment.submitter != self.world.clients[0].address())
    }

    fn a_batch(&mut self, state: &State) -> Option<(ClaimBatch, BatchState)> {
        let batch = self.batches[self.dice.roll(self.batches.len())].clone();
        let known = state.batches().get(&batch.id(self.world.registry.address))?.clone();
        Some((batch, known))
    }

    async fn post_batch(&mut self) -> Result<Option<Done>, ChainError> {
        let batch = self.batches[self.dice.roll(self.batches.len())].clone();
        let owner = usize::from(batch.submitter != self.world.clients[0].address());
        self.claims[owner].post_batch(&batch, B256::repeat_byte(7)).await.map(Some)
    }

    async fn challenge_leaf(&mut self, state: &State) -> Result<Option<Done>, ChainError> {
        let Some((batch, known)) = self.a_batch(state) else { return Ok(None) };
        let leaf = self.dice.roll(batch.leaves().len()) as u16;
        let who = self.dice.roll(3);
        self.claims[who].challenge_leaf(known.batch_id, leaf).await.map(Some)
    }

    async fn answer_leaves(&mut self, state: &State) -> Result<Option<Done>, ChainError> {
        let Some((batch, known)) = self.a_batch(state) else { return Ok(None) };
        let leaves: Vec<u16> = known.challenged(&TERMS).map(|(leaf, _)| leaf).collect();
        let owner = usize::from(batch.submitter != self.world.clients[0].address());
        self.claims[owner].answer_leaves(&batch, &leaves, &PROOF).await.map(Some)
    }

    async fn end_batch(&mut self, state: &State) -> (&'static str, Result<Option<Done>, ChainError>) {
        let Some((_, known)) = self.a_batch(state) else { return ("end of nothing", Ok(None)) };
        let who = self.dice.roll(3);
        let leaf = known.leaves.keys().copied().nth(self.dice.roll(known.leaves.len().max(1)));
        match (leaf, known.stage, self.dice.roll(2)) {
            (Some(leaf), Stage::Slashed | Stage::Void, _) => {
                ("return fee", self.claims[who].return_fee(known.batch_id, leaf).await.map(Some))
            }
            (Some(leaf), _, 0) => ("slash batch", self.claims[who].slash_batch(&known, leaf).await.map(Some)),
            _ => ("finalize batch", self.claims[who].finalize_batch(&known).await.map(Some)),
        }
    }

    async fn withdraw(&mut self) -> Result<Option<Done>, ChainError> {
        let (who, whose) = (self.dice.roll(3), self.dice.roll(5));
        let consumer = Address::repeat_byte(0xc0);
        let account = self.world.clients.get(whose).map_or(consumer, |client| client.address());
        let to = (account == self.world.clients[who].address() && self.dice.roll(2) == 0).then_some(consumer);
        self.claims[who].withdraw(account, to).await.map(Some)
    }

    /// Two proofs contradict each other: of one model, or of all of an adapter's.
    async fn break_something(&mut self, adapter: bool, model: usize) {
        let [first, second] = contradiction().map(|public_values| IClaimRegistry::Evidence {
            contextId: identity::offchain_context_id(),
            publicValues: public_values,
            proof: PROOF,
        });
        let model_id = self.world.models[model];
        let data = match adapter {
            true => IClaimRegistry::breakAdapterCall { modelId: model_id, first, second }.abi_encode(),
            false => IClaimRegistry::breakModelCall { modelId: model_id, schema: schema(), first, second }.abi_encode(),
        };
        assert!(self.world.send_unchecked(data).await.status());
    }

    /// The views of the registry say what the fold says, of everything that there can be.
    async fn compare(&self, state: &State) {
        let (registry, now) = (&self.world.registry, self.world.registry.node().latest_timestamp().await.unwrap());
        for id in self.statements.iter().map(Statement::id) {
            let record = registry.claim(id).await.unwrap();
            let claim = state.claims().get(&id);
            assert_eq!(Stage::from(record.stage), claim.map_or(Stage::None, |claim| claim.stage), "{id}");
            assert_eq!(registry.final_level(id).await.unwrap(), state.final_level(id, now), "{id} at {now}");
            let challenger = claim.and_then(|claim| claim.challenger).unwrap_or_default();
            assert_eq!(registry.challenger(id).await.unwrap(), challenger);
            let Some(claim) = claim else { continue };
            let number = if claim.stage == Stage::Attested { 0 } else { state.models()[&claim.model_id].number };
            assert_eq!(
                (record.submitter, record.since.to::<u64>(), record.model.to::<u64>(), record.transferable),
                (claim.assignment.submitter, claim.since, number, claim.transferable)
            );
        }
        for batch in &self.batches {
            self.compare_batch(state, batch).await;
        }
        let mut accounts: BTreeSet<Address> = self.world.clients.iter().map(|client| client.address()).collect();
        accounts.extend(state.credits().keys());
        for account in accounts {
            let credit = state.credits().get(&account).copied().unwrap_or_default();
            assert_eq!(registry.credit(account).await.unwrap(), credit, "{account}");
        }
        for (index, &model) in self.world.models.iter().enumerate() {
            let number = IClaimRegistry::modelNumberCall { modelId: model };
            let number = registry.node().view(registry.address, &number).await.unwrap().to::<u64>();
            assert_eq!(number, state.models().get(&model).map_or(0, |model| model.number), "model {index}");
            if number > 0 {
                assert_eq!(registry.is_broken(model).await.unwrap(), state.is_broken(model), "model {index}");
            }
        }
        assert_eq!(self.world.balance(registry.address).await, state.held());
        assert_eq!(state.paid_in() - state.paid_out(), state.held());
    }

    async fn compare_batch(&self, state: &State, batch: &ClaimBatch) {
        let registry = &self.world.registry;
        let id = batch.id(registry.address);
        // The chain derives the same id.
        let derived = IClaimRegistry::batchIdOfCall { batch: batch.batch() };
        assert_eq!(registry.node().view(registry.address, &derived).await.unwrap(), id);
        let (record, known) = (registry.batch(id).await.unwrap(), state.batches().get(&id));
        assert_eq!(Stage::from(record.stage), known.map_or(Stage::None, |known| known.stage));
        let Some(known) = known else { return };
        let model = state.models()[&known.model_id].number;
        assert_eq!(
            (record.closesAt.to::<u64>(), record.model.to::<u64>(), record.count, record.open, record.root),
            (known.closes_at, model, known.count, known.open, known.root)
        );
        for index in 0..known.count {
            let call = IClaimRegistry::leafCall { batchId: id, index };
            let LeafRecord { challenger, since, stage } = registry.node().view(registry.address, &call).await.unwrap();
            let leaf = known.leaves.get(&index);
            let expected = leaf.map_or((Address::ZERO, 0, LeafStage::None), |l| (l.challenger, l.since, l.stage));
            assert_eq!((challenger, since.to::<u64>(), LeafStage::from(stage)), expected, "leaf {index}");
        }
    }
}

#[derive(Clone, Copy)]
enum Doing {
    Attest,
    Post,
    Submit,
    Adopt,
    Challenge,
    Answer,
    End,
}

/// Everything that the state table has, once, so that no walk can miss it.
impl Walk<'_> {
    fn new_statement(&mut self, model: usize, job: u8) -> Statement {
        let statement = self.world.statement(model, 0, job);
        self.statements.push(statement.clone());
        statement
    }

    fn new_batch(&mut self, model: usize, account: usize, leaves: u8) -> (ClaimBatch, B256) {
        let batch = self.world.batch(model, account, leaves);
        self.batches.push(batch.clone());
        let id = batch.id(self.world.registry.address);
        (batch, id)
    }

    async fn end(&self, statement: &Statement) -> Stage {
        let claim = self.world.registry.find_claim(statement.id(), 0).await.unwrap().unwrap();
        self.claims[2].finalize(&claim).await.unwrap();
        self.world.registry.stage(statement.id()).await.unwrap()
    }

    async fn known(&self, batch_id: B256) -> BatchState {
        self.world.registry.find_batch(batch_id, 0).await.unwrap().unwrap()
    }

    async fn tour(&mut self) {
        let [attested, answered, slashed, unchallenged, submitted, adopted] =
            [20, 21, 22, 23, 24, 25].map(|job| self.new_statement(0, job));
        let (me, other) = (&self.claims[0], &self.claims[1]);
        me.attest(&attested, B256::repeat_byte(1), B256::repeat_byte(2)).await.unwrap();
        me.submit(&submitted, &PROOF).await.unwrap();
        for statement in [&answered, &slashed, &unchallenged, &adopted] {
            me.post(statement).await.unwrap();
        }
        for statement in [&answered, &slashed, &adopted] {
            other.challenge(statement.id()).await.unwrap();
        }
        me.answer(&answered, &PROOF).await.unwrap();
        self.world.clients[0].submit(&adopted, &PROOF).await.unwrap();
        other.adopt(&adopted).await.unwrap();
        self.world.skip(TERMS.challenge_window + 50).await;
        assert_eq!((self.end(&slashed).await, self.end(&unchallenged).await), (Stage::Slashed, Stage::Final));

        // All places taken, then answered together: the batch is prolonged.
        let (batch, id) = self.new_batch(0, 1, 5);
        self.claims[1].post_batch(&batch, B256::ZERO).await.unwrap();
        let closes_at = self.known(id).await.closes_at;
        for leaf in [0, 3] {
            self.claims[2].challenge_leaf(id, leaf).await.unwrap();
        }
        self.claims[1].answer_leaves(&batch, &[3, 0], &PROOF).await.unwrap();
        assert!(self.known(id).await.closes_at > closes_at);
        let (lost, lost_id) = self.new_batch(1, 0, 4);
        self.claims[0].post_batch(&lost, B256::ZERO).await.unwrap();
        for leaf in [1, 2] {
            self.claims[2].challenge_leaf(lost_id, leaf).await.unwrap();
        }
        self.world.skip(TERMS.challenge_window + 50).await;
        self.claims[0].finalize_batch(&self.known(id).await).await.unwrap();
        self.claims[0].slash_batch(&self.known(lost_id).await, 2).await.unwrap();
        self.claims[0].return_fee(lost_id, 1).await.unwrap();
        self.claims[0].withdraw(self.world.clients[2].address(), None).await.unwrap();
        self.claims[0].withdraw(self.world.clients[0].address(), Some(Address::repeat_byte(0xdd))).await.unwrap();
    }

    /// A model breaks under a claim and a batch: both are void, and everybody has their money.
    async fn tour_of_the_breaker(&mut self) {
        let claim = self.new_statement(2, 26);
        let (batch, id) = self.new_batch(2, 1, 3);
        self.claims[0].post(&claim).await.unwrap();
        self.claims[1].challenge(claim.id()).await.unwrap();
        self.claims[1].post_batch(&batch, B256::ZERO).await.unwrap();
        self.claims[0].challenge_leaf(id, 1).await.unwrap();
        self.break_something(false, 2).await;
        assert_eq!(self.end(&claim).await, Stage::Void);
        self.claims[0].finalize_batch(&self.known(id).await).await.unwrap();
        self.claims[0].return_fee(id, 1).await.unwrap();
    }
}

#[tokio::test]
async fn the_fold_of_the_events_is_what_the_views_say_whatever_happens() {
    let world = ClaimWorld::new().await;
    // Blocks are a second apart, so that every walk of a seed is the same.
    world.cheat("anvil_setBlockTimestampInterval", json!([1])).await;
    let mut walk = Walk::new(&world, 0x7a6b_0010).await;
    let mut indexer = Indexer::new(world.registry.clone(), 0);
    walk.tour().await;
    let mut events = indexer.sync().await.unwrap().events.len();
    walk.compare(indexer.state()).await;
    for step in 0..STEPS {
        match step {
            100 => walk.tour_of_the_breaker().await,
            150 => walk.break_something(true, 0).await,
            _ => walk.step(indexer.state()).await,
        }
        let synced = indexer.sync().await.unwrap();
        assert!(!synced.reorganised);
        events += synced.events.len();
        if step % 30 == 29 {
            walk.compare(indexer.state()).await;
        }
    }
    walk.compare(indexer.state()).await;
    assert!(walk.done.values().sum::<usize>() > 30, "{:?}", walk.done);
    // At once or step by step: the same.
    let mut fresh = Indexer::new(world.registry.clone(), 0);
    assert_eq!(fresh.sync().await.unwrap().events.len(), events);
    assert_eq!(fresh.state(), indexer.state());
}

/// Blocks that were read are taken back: so is what was in them.
#[tokio::test]
async fn a_reorganisation_is_replayed() {
    let world = ClaimWorld::new().await;
    let claims = world.claims(0).await;
    claims.post(&world.statement(0, 0, 0)).await.unwrap();
    let mut indexer = Indexer::new(world.registry.clone(), 0);
    indexer.sync().await.unwrap();
    let snapshot = world.cheat("evm_snapshot", json!([])).await;
    claims.post(&world.statement(0, 0, 1)).await.unwrap();
    claims.post(&world.statement(0, 0, 2)).await.unwrap();
    assert_eq!(indexer.sync().await.unwrap().events.len(), 2);
    assert_eq!(indexer.state().claims().len(), 3);

    world.cheat("evm_revert", json!([snapshot])).await;
    // The same number of blocks, and other ones.
    let elsewhere = world.claims(1).await;
    elsewhere.challenge(world.statement(0, 0, 0).id()).await.unwrap();
    world.skip(7).await;
    world.skip(7).await;
    let synced = indexer.sync().await.unwrap();
    assert!(synced.reorganised);
    assert_eq!((synced.events.len(), indexer.state().claims().len()), (2, 1));
    let claim = &indexer.state().claims()[&world.statement(0, 0, 0).id()];
    assert_eq!((claim.stage, claim.challenger), (Stage::Challenged, Some(world.clients[1].address())));
    assert!(!indexer.sync().await.unwrap().reorganised);
}

/// A node that gives few blocks at once is asked for few; one that leaves events out, or changes them, is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_do_not_follow_are_no_state() {
    let world = ClaimWorld::new().await;
    let (claims, statement) = (world.claims(0).await, world.statement(0, 0, 0));
    claims.post(&statement).await.unwrap();
    world.claims(1).await.challenge(statement.id()).await.unwrap();
    claims.answer(&statement, &PROOF).await.unwrap();

    let proxy = Proxy::start(&world.devnet.endpoint());
    let node = Node::connect_dev(&proxy.url()).await.unwrap();
    let registry = ClaimRegistry::at(&node, world.registry.address).await.unwrap();
    let number = |value: &Value| u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    proxy.on("eth_getLogs", move |parameters, _| {
        let filter = &parameters[0];
        match number(&filter["toBlock"]) - number(&filter["fromBlock"]) {
            0..100 => Action::Forward,
            _ => Action::Error(-32005, "query exceeds max block range".into()),
        }
    });
    world.cheat("anvil_mine", json!(["0x100"])).await;
    let mut small = Indexer::new(registry.clone(), 0);
    let seen = small.sync().await.unwrap().events;
    assert_eq!(small.state().claims()[&statement.id()].stage, Stage::Verified);

    let mut direct = Indexer::new(world.registry.clone(), 0);
    direct.sync().await.unwrap();
    assert_eq!(direct.state(), small.state());
    // Without its beginning: a challenge of a claim that nobody posted.
    let challenged = seen.iter().find(|happened| happened.block > seen[0].block).unwrap().block;
    let mut late = Indexer::new(world.registry.clone(), challenged);
    let error = late.sync().await.unwrap_err();
    assert!(matches!(error, ChainError::BadAnswer { .. }) && error.class() == FailureClass::Environment, "{error}");
    assert!(error.to_string().contains("never posted"), "{error}");
    let error = world.registry.find_claim(statement.id(), challenged).await.unwrap_err();
    assert!(error.to_string().contains("never posted"), "{error}");
    assert_eq!(late.state(), Indexer::new(world.registry.clone(), 0).state());
    // What is not there is not found, which is no error.
    assert_eq!(world.registry.find_claim(B256::repeat_byte(1), 0).await.unwrap(), None);
    assert_eq!(world.registry.find_batch(B256::repeat_byte(1), 0).await.unwrap(), None);
    assert_eq!(U256::ZERO, direct.state().paid_out());
}
