//! How fast it is. Not run by themselves: `cargo test --test submitter goals -- --ignored --nocapture --test-threads 1`.

use crate::{chain_world, chain_world::World};
use alloy::primitives::{Address, B256, Bytes, U256};
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use zkinfer::{
    chain::{
        Account, ChainError,
        submitter::{
            Attempt, Block, Call, Chain, Change, Engine, Event, Finality, Head, Inclusion, Intent, Journal, Kind,
            NonceAt, Options, Owner, Prices, Purpose, Receipt, Reply, Until, connect,
            observer::Observer,
            of_bundle,
            policy::{BudgetPolicy, FeesPolicy},
            run,
        },
    },
    proof::{Bundle, Context, Statement},
};

/// A chain on which nothing ever happens.
#[derive(Clone, Copy, Debug)]
struct Still;

const OWNER: Owner = Owner { chain_id: 31337, genesis: B256::ZERO, account: Address::repeat_byte(1) };

impl Chain for Still {
    fn chain_id(&self) -> u64 {
        31337
    }
    async fn head(&self) -> Result<Head, ChainError> {
        let block = Block { number: 0, hash: B256::ZERO };
        Ok(Head { block, parent: B256::ZERO, timestamp: 1, gas_limit: 30_000_000, base_fee: Some(1) })
    }
    async fn block(&self, _: u64) -> Result<Option<Block>, ChainError> {
        Ok(Some(Block { number: 0, hash: B256::ZERO }))
    }
    async fn finalized(&self) -> Result<Option<Block>, ChainError> {
        Ok(None)
    }
    async fn nonce(&self, _: Address, _: NonceAt) -> Result<u64, ChainError> {
        Ok(0)
    }
    async fn balance(&self, _: Address) -> Result<U256, ChainError> {
        Ok(U256::MAX)
    }
    async fn receipt(&self, _: B256) -> Result<Option<Receipt>, ChainError> {
        Ok(None)
    }
    async fn knows(&self, _: B256) -> Result<bool, ChainError> {
        Ok(true)
    }
    async fn broadcast(&self, _: &[u8]) -> Reply {
        Reply::Taken
    }
    async fn simulate(&self, _: &str, _: &Call, _: bool) -> Result<(), ChainError> {
        Ok(())
    }
    async fn estimate(&self, _: &str, _: &Call) -> Result<u64, ChainError> {
        Ok(100_000)
    }
    async fn prices(&self) -> Result<Prices, ChainError> {
        Ok(Prices { base: Some(1), tip: 1 })
    }
    async fn l1_fee(&self, _: &[u8], _: u64) -> Result<U256, ChainError> {
        Ok(U256::ZERO)
    }
    async fn is_done(&self, _: &Intent, _: Option<u64>) -> Result<bool, ChainError> {
        Ok(false)
    }
}

/// As large as a claim with a native proof.
fn claim(number: u64) -> Intent {
    let id = B256::from(U256::from(number + 1));
    Intent::new(id, Kind::Proof, "a claim", Address::repeat_byte(2), Bytes::from(vec![7; 5000]))
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

/// Everything that happens to a claim that nothing happens to.
fn whole_way(number: u64) -> Vec<Change> {
    let (intent, hash) = (claim(number).id, B256::from(U256::from(u64::MAX) + U256::from(number)));
    let block = Block { number, hash };
    let found = Inclusion { hash, block, succeeded: true, is_undo: false, gas_used: 1, paid: U256::from(1) };
    let fees = zkinfer::chain::Fees::Market { max_fee: 3, tip: 1 };
    let raw = Bytes::from(vec![9; 5200]);
    let ceiling = U256::from(1);
    let attempt = Attempt { hash, intent, purpose: Purpose::Do, nonce: number, gas: 1, fees, ceiling, at: 1, raw };
    let of = |event| Change::of(intent, event);
    vec![
        Change::signed(attempt),
        of(Event::Broadcast { hash }),
        of(Event::Mined(found)),
        of(Event::Confirmed(found)),
        of(Event::Finalized(found)),
    ]
}

fn fill(path: &Path, owner: &Owner, numbers: std::ops::Range<u64>) {
    let mut journal = Journal::open(path, owner).unwrap().hold(owner).unwrap();
    for from in numbers.clone().step_by(1000) {
        let some = from..(from + 1000).min(numbers.end);
        journal.add_all(&some.clone().map(claim).collect::<Vec<_>>(), 1).unwrap();
        journal.record(&some.flat_map(whole_way).collect::<Vec<_>>(), 2).unwrap();
    }
}

/// What one claim costs the journal, one commit for each of its six steps, in milliseconds; and how long the journal takes to open.
fn cost(path: &Path, from: u64) -> (f64, f64) {
    let begun = Instant::now();
    let mut journal = Journal::open(path, &OWNER).unwrap().hold(&OWNER).unwrap();
    let opened = milliseconds(begun);
    let begun = Instant::now();
    for number in from..from + 100 {
        journal.add(&claim(number), 1).unwrap();
        for change in whole_way(number) {
            journal.record(&[change], 2).unwrap();
        }
    }
    (milliseconds(begun) / 100.0, opened)
}

#[test]
#[ignore = "a measurement of a minute"]
fn a_hundred_thousand_entries_do_not_slow_the_journal_down() {
    let dir = tempfile::tempdir().unwrap();
    let path = Journal::path_in(dir.path(), 31337, OWNER.account);
    let mut measured = Vec::new();
    let mut there = 0;
    for entries in [1000, 10_000, 100_000] {
        fill(&path, &OWNER, there..entries);
        let (claim, opened) = cost(&path, entries);
        there = entries + 100;
        let journal = Journal::visit(&path).unwrap();
        let begun = Instant::now();
        assert!(journal.open_rows(0).unwrap().is_empty());
        let (open, begun) = (milliseconds(begun), Instant::now());
        assert_eq!(journal.counts().unwrap()["finalized"], there);
        let counts = milliseconds(begun);
        println!(
            "{entries} entries: {claim:.2} ms for a claim (6 commits), {opened:.0} ms to open and check, {open:.2} ms for the \
             open ones, {counts:.1} ms to count"
        );
        measured.push(claim);
    }
    let begun = Instant::now();
    Journal::visit(&path).unwrap().check().unwrap();
    println!("{there} entries: {:.1} s to replay all events and compare", begun.elapsed().as_secs_f64());
    let size = std::fs::metadata(&path).unwrap().len() >> 20;
    println!("{there} entries: {size} MiB");
    assert!(measured[2] < measured[0] * 2.0 + 2.0, "{measured:?}");
}

#[tokio::test]
#[ignore = "a measurement"]
async fn ten_thousand_pending_are_there_again_within_five_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let account = Account::dev();
    let owner = Owner { account: account.address(), ..OWNER };
    let path = Journal::path_in(dir.path(), 31337, owner.account);
    let options = Options { window: 10_000, finality: Finality::Depth(5), ..Options::default() };
    for (what, steps) in [("planned", 0), ("signed and broadcast", 1)] {
        let journal = Journal::open(&path, &owner).unwrap();
        journal.add_all(&(0..10_000).map(claim).collect::<Vec<_>>(), 1).unwrap();
        let mut engine = Engine::new(Still, journal.hold(&owner).unwrap(), account.clone(), options);
        let begun = Instant::now();
        for _ in 0..steps {
            engine.step(1000).await.unwrap();
            println!("10000 claims tried out, signed, kept and handed over in {:.1} s", begun.elapsed().as_secs_f64());
        }
        drop(engine);
        let begun = Instant::now();
        let held = Journal::open(&path, &owner).unwrap().hold(&owner).unwrap();
        // Nothing new is begun: it is the restart that is measured.
        let mut engine = Engine::new(Still, held, account.clone(), Options { window: 0, ..options });
        let step = engine.step(2000).await.unwrap();
        let took = begun.elapsed().as_secs_f64();
        assert_eq!((step.open, step.live), (10_000, steps * 10_000));
        println!("10000 {what}: {took:.2} s from the start of the process to the end of its first step");
        assert!(took < 5.0, "{took}");
    }
}

/// A submitter of some years, which dies with 10,000 on their way.
#[tokio::test]
#[ignore = "a measurement of some minutes"]
async fn ten_thousand_live_among_a_hundred_thousand_are_there_again_within_five_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let account = Account::dev();
    let owner = Owner { account: account.address(), ..OWNER };
    let path = Journal::path_in(dir.path(), 31337, owner.account);
    fill(&path, &owner, 0..90_000);
    let options = Options { window: 10_000, finality: Finality::Depth(5), ..Options::default() };
    let journal = Journal::open(&path, &owner).unwrap();
    for from in (90_000..100_000_u64).step_by(1000) {
        journal.add_all(&(from..from + 1000).map(claim).collect::<Vec<_>>(), 1).unwrap();
    }
    let mut engine = Engine::new(Still, journal.hold(&owner).unwrap(), account.clone(), options);
    engine.step(1000).await.unwrap();
    drop(engine);
    let size = std::fs::metadata(&path).unwrap().len() >> 20;
    let begun = Instant::now();
    let opened = Journal::open(&path, &owner).unwrap();
    let (open, begun_to_hold) = (milliseconds(begun), Instant::now());
    let held = opened.hold(&owner).unwrap();
    let hold = milliseconds(begun_to_hold);
    let observed = Instant::now();
    let (fees, budget) = (
        FeesPolicy { max_fee: None, max_cost: None, replace_after: 60, answer_max_fee: None },
        BudgetPolicy::default(),
    );
    // Days later: what was paid in a day is read of that day's events.
    let later = 10 * 86_400_000;
    let _observer = Observer::begin(Journal::open(&path, &owner).unwrap(), 31337, fees, budget, later).unwrap();
    let books = milliseconds(observed);
    let mut engine = Engine::new(Still, held, account, Options { window: 0, ..options });
    let step = engine.step(2000).await.unwrap();
    let took = begun.elapsed().as_secs_f64();
    assert_eq!((step.open, step.live), (10_000, 10_000));
    println!(
        "10000 live among 100000 ({size} MiB): {took:.2} s from the start of the process to the end of its first step ({open:.0} ms to \
         open, {hold:.0} ms to check and hold, {books:.0} ms for the books)"
    );
    assert!(took < 5.0, "{took}");
}

fn bundle(world: &World, number: u64) -> Bundle {
    let one = chain_world::bundle(world);
    let mut statement: Statement = world.statement();
    if let Context::Chain { assignment, .. } = &mut statement.context {
        assignment.job = B256::from(U256::from(number));
    }
    Bundle::new(vec![statement], chain_world::proof(), one.manifest().clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of some minutes"]
async fn two_hundred_claims_a_minute_on_a_chain_with_a_block_a_second() {
    const CLAIMS: u64 = 1000;
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let chain = connect(&[world.devnet.endpoint()], Some(31337), None).await.unwrap();
    let account = Account::dev();
    let owner = Owner::of(&chain, account.address()).await.unwrap();
    let path = Journal::path_in(dir.path(), 31337, owner.account);
    let journal = Journal::open(&path, &owner).unwrap();
    let intents: Vec<Intent> =
        (1..=CLAIMS).map(|number| of_bundle(&bundle(&world, number), 31337, owner.account).unwrap()).collect();
    journal.add_all(&intents, 1).unwrap();
    world.cheat("evm_setAutomine", json!([false])).await;
    world.cheat("evm_setIntervalMining", json!([1])).await;
    let options = Options { confirmations: 1, finality: Finality::Depth(3), ..Options::default() };
    let mut engine = Engine::new(chain, journal.hold(&owner).unwrap(), account, options);
    let begun = Instant::now();
    let mut final_at = Vec::new();
    run(&mut engine, &(), Duration::from_millis(200), Until::Done, |step| {
        let ended = step.events.iter().filter(|(_, event)| matches!(event, Event::Finalized(_))).count();
        final_at.extend(std::iter::repeat_n(begun.elapsed().as_secs_f64(), ended));
    })
    .await
    .unwrap();
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(engine.journal().counts().unwrap()["finalized"], CLAIMS);
    engine.journal().check().unwrap();
    // The slowest minute of those that are whole.
    let in_minute = |from: f64| final_at.iter().filter(|at| (from..from + 60.0).contains(*at)).count();
    let slowest = (0..(took / 60.0) as u64).map(|minute| in_minute(minute as f64 * 60.0)).min();
    let rate = CLAIMS as f64 / took * 60.0;
    println!("{CLAIMS} claims final in {took:.1} s: {rate:.0} a minute; the slowest whole minute had {slowest:?}");
    assert!(rate >= 200.0, "{rate}");
}
