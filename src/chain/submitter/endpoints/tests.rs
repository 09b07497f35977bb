//! Pools of endpoints that are down, behind, too busy, or lie.

use super::{Pool, Source, majority};
use crate::{
    chain::{
        ChainError,
        submitter::{Block, Call, Chain, Head, Intent, Kind, NonceAt, Prices, Receipt, Reply},
    },
    evm::Refusal,
};
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What an endpoint says, and how it behaves.
#[derive(Clone, Debug)]
struct Facts {
    chain: BTreeMap<u64, Head>,
    finalized: Option<u64>,
    nonce: u64,
    receipt: Option<Receipt>,
    is_done: bool,
    refuses: bool,
    tip: u128,
    gas: u64,
    reply: Reply,
    is_down: bool,
    hangs: bool,
    /// Too busy, and for how long.
    limit: Option<Duration>,
    asked: usize,
}

#[derive(Clone, Debug)]
struct Script(Arc<Mutex<Facts>>, usize);

fn block(number: u64, branch: u8) -> Block {
    Block { number, hash: keccak256([number.to_be_bytes().as_slice(), &[branch]].concat()) }
}

fn chain(length: u64, branch: u8) -> BTreeMap<u64, Head> {
    let head = |number: u64| Head {
        block: block(number, branch),
        parent: block(number.saturating_sub(1), branch).hash,
        timestamp: 1000 + number,
        gas_limit: 30_000_000,
        base_fee: Some(100),
    };
    (0..=length).map(|number| (number, head(number))).collect()
}

impl Facts {
    fn honest() -> Self {
        Self {
            chain: chain(20, 0),
            finalized: Some(10),
            nonce: 5,
            receipt: Some(receipt(18, 0)),
            is_done: true,
            refuses: false,
            tip: 3,
            gas: 90_000,
            reply: Reply::Taken,
            is_down: false,
            hangs: false,
            limit: None,
            asked: 0,
        }
    }
}

fn receipt(number: u64, branch: u8) -> Receipt {
    Receipt { block: block(number, branch), succeeded: true, gas_used: 50_000, paid: U256::from(1000) }
}

fn pool(members: Vec<Facts>) -> (Pool<Script>, Vec<Script>) {
    let quorum = majority(members.len());
    let scripts: Vec<Script> =
        members.into_iter().enumerate().map(|(at, facts)| Script(Arc::new(Mutex::new(facts)), at)).collect();
    (Pool::new(31337, scripts.clone(), quorum).unwrap(), scripts)
}

/// Two honest ones, and one that is changed.
fn with_liar(change: impl FnOnce(&mut Facts)) -> (Pool<Script>, Vec<Script>) {
    let mut liar = Facts::honest();
    change(&mut liar);
    pool(vec![Facts::honest(), liar, Facts::honest()])
}

impl Script {
    async fn ask<T>(&self, answer: impl FnOnce(&Facts) -> Result<T, ChainError>) -> Result<T, ChainError> {
        let (hangs, answer) = {
            let mut facts = self.0.lock().unwrap();
            facts.asked += 1;
            let gone = |reason: &str| ChainError::Unreachable { endpoint: self.name(), reason: reason.into() };
            let busy = || ChainError::Rpc { what: "it".into(), message: "HTTP status 429".into() };
            let answer = match &*facts {
                facts if facts.is_down => Err(gone("connection refused")),
                facts if facts.limit.is_some() => Err(busy()),
                facts => answer(facts),
            };
            (facts.hangs, answer)
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        answer
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    fn change(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.0.lock().unwrap());
    }
}

fn refused() -> ChainError {
    ChainError::Refused { what: "it".into(), refusal: Refusal::decode(&[]) }
}

impl Source for Script {
    fn name(&self) -> String {
        format!("http://node-{}", self.1)
    }

    async fn header(&self, number: u64) -> Result<Option<Head>, ChainError> {
        self.ask(|facts| Ok(facts.chain.get(&number).copied())).await
    }

    fn pause(&self) -> Option<Duration> {
        self.0.lock().unwrap().limit
    }
}

impl Chain for Script {
    fn chain_id(&self) -> u64 {
        31337
    }

    async fn head(&self) -> Result<Head, ChainError> {
        self.ask(|facts| Ok(*facts.chain.last_key_value().unwrap().1)).await
    }

    async fn block(&self, number: u64) -> Result<Option<Block>, ChainError> {
        Ok(self.header(number).await?.map(|head| head.block))
    }

    async fn finalized(&self) -> Result<Option<Block>, ChainError> {
        self.ask(|facts| Ok(facts.finalized.map(|number| facts.chain[&number].block))).await
    }

    async fn nonce(&self, _: Address, _: NonceAt) -> Result<u64, ChainError> {
        self.ask(|facts| Ok(facts.nonce)).await
    }

    async fn balance(&self, _: Address) -> Result<U256, ChainError> {
        self.ask(|facts| Ok(U256::from(facts.nonce))).await
    }

    async fn receipt(&self, _: B256) -> Result<Option<Receipt>, ChainError> {
        self.ask(|facts| Ok(facts.receipt)).await
    }

    async fn knows(&self, _: B256) -> Result<bool, ChainError> {
        self.ask(|facts| Ok(facts.receipt.is_some())).await
    }

    async fn broadcast(&self, _: &[u8]) -> Reply {
        self.ask(|facts| Ok(facts.reply.clone())).await.unwrap_or_else(|error| Reply::Unanswered(error.to_string()))
    }

    async fn simulate(&self, _: &str, _: &Call, _: bool) -> Result<(), ChainError> {
        self.ask(|facts| if facts.refuses { Err(refused()) } else { Ok(()) }).await
    }

    async fn estimate(&self, _: &str, _: &Call) -> Result<u64, ChainError> {
        self.ask(|facts| if facts.refuses { Err(refused()) } else { Ok(facts.gas) }).await
    }

    async fn prices(&self) -> Result<Prices, ChainError> {
        self.ask(|facts| Ok(Prices { base: Some(facts.tip * 10), tip: facts.tip })).await
    }

    async fn l1_fee(&self, _: &[u8], _: u64) -> Result<U256, ChainError> {
        self.ask(|facts| Ok(U256::from(facts.tip))).await
    }

    async fn is_done(&self, _: &Intent, _: Option<u64>) -> Result<bool, ChainError> {
        self.ask(|facts| Ok(facts.is_done)).await
    }
}

fn intent() -> Intent {
    Intent::new(B256::ZERO, Kind::Other, "it", Address::ZERO, Bytes::new())
}

fn call() -> Call {
    intent().call(Address::ZERO)
}

#[test]
fn a_quorum_is_of_endpoints_that_are_there() {
    let script = || Script(Arc::new(Mutex::new(Facts::honest())), 0);
    for (count, quorum) in [(0, 0), (1, 0), (1, 2), (0, 1)] {
        let sources = (0..count).map(|_| script()).collect();
        assert!(matches!(Pool::new(1, sources, quorum), Err(ChainError::BadQuorum { .. })), "{count} {quorum}");
    }
}

#[tokio::test]
async fn one_that_invents_a_receipt_is_not_believed_and_is_counted() {
    let (pool, _) = with_liar(|liar| liar.receipt = Some(receipt(18, 9)));
    assert_eq!(pool.receipt(B256::ZERO).await.unwrap(), Some(receipt(18, 0)));
    assert_eq!(pool.status()[1].counts.contradicted, 1);
    // An invention where the others have nothing, and one that only the price is wrong in.
    let (pool, scripts) = with_liar(|_| ());
    for honest in [&scripts[0], &scripts[2]] {
        honest.change(|facts| facts.receipt = None);
    }
    assert_eq!(pool.receipt(B256::ZERO).await.unwrap(), None);
    let (pool, _) =
        with_liar(|liar| liar.receipt = Some(Receipt { paid: U256::MAX, gas_used: u64::MAX, ..receipt(18, 0) }));
    assert_eq!(pool.receipt(B256::ZERO).await.unwrap(), Some(receipt(18, 0)));
    // A revert that did not happen.
    let (pool, _) = with_liar(|liar| liar.receipt = Some(Receipt { succeeded: false, ..receipt(18, 0) }));
    assert!(pool.receipt(B256::ZERO).await.unwrap().unwrap().succeeded);
}

#[tokio::test]
async fn one_that_hides_a_receipt_hides_nothing_and_is_no_liar() {
    let (pool, _) = with_liar(|stale| (stale.receipt, stale.chain) = (None, chain(12, 0)));
    assert_eq!(pool.receipt(B256::ZERO).await.unwrap(), Some(receipt(18, 0)));
    assert!(pool.knows(B256::ZERO).await.unwrap());
    pool.head().await.unwrap();
    let stale = &pool.status()[1];
    assert_eq!((stale.counts.contradicted, stale.head, stale.lag), (0, Some(12), Some(8)));
}

#[tokio::test]
async fn nonces_and_prices_are_not_moved_by_one() {
    for nonce in [0, 4, 6, u64::MAX] {
        let (pool, _) = with_liar(|liar| liar.nonce = nonce);
        for at in [NonceAt::Latest, NonceAt::Pending, NonceAt::Block(7)] {
            assert_eq!(pool.nonce(Address::ZERO, at).await.unwrap(), 5, "{nonce} {at:?}");
        }
        assert_eq!(pool.balance(Address::ZERO).await.unwrap(), U256::from(5));
    }
    for tip in [0, 1_000_000_000_000] {
        let (pool, _) = with_liar(|liar| (liar.tip, liar.gas) = (tip, u64::MAX));
        assert_eq!(pool.prices().await.unwrap(), Prices { base: Some(30), tip: 3 });
        assert_eq!(pool.l1_fee(&[], 0).await.unwrap(), U256::from(3));
        assert_eq!(pool.estimate("it", &call()).await.unwrap(), 90_000);
    }
}

#[tokio::test]
async fn records_and_refusals_take_a_quorum() {
    let (pool, _) = with_liar(|liar| liar.is_done = false);
    assert!(pool.is_done(&intent(), None).await.unwrap());
    let (pool, scripts) = with_liar(|liar| liar.refuses = true);
    pool.simulate("it", &call(), true).await.unwrap();
    scripts[0].change(|facts| facts.refuses = true);
    assert!(matches!(pool.simulate("it", &call(), true).await, Err(ChainError::Refused { .. })));
    assert!(matches!(pool.estimate("it", &call()).await, Err(ChainError::Refused { .. })));
    // Two that contradict each other decide nothing.
    let mut liar = Facts::honest();
    (liar.is_done, liar.refuses) = (false, true);
    let (pool, _) = super::tests::pool(vec![Facts::honest(), liar]);
    assert!(matches!(pool.is_done(&intent(), None).await, Err(ChainError::NoQuorum { .. })));
    assert!(matches!(pool.simulate("it", &call(), true).await, Err(ChainError::NoQuorum { .. })));
}

#[tokio::test]
async fn finality_and_heads_are_those_of_a_quorum() {
    // It calls more final than the others, on a branch of its own.
    let (pool, _) = with_liar(|liar| (liar.chain, liar.finalized) = (chain(30, 9), Some(29)));
    assert_eq!(pool.finalized().await.unwrap(), Some(block(10, 0)));
    assert_eq!(pool.head().await.unwrap().block, block(20, 0));
    // One is behind: the other two go on.
    let (pool, scripts) = with_liar(|stale| (stale.chain, stale.finalized) = (chain(3, 0), Some(0)));
    assert_eq!(pool.head().await.unwrap().block, block(20, 0));
    assert_eq!(pool.finalized().await.unwrap(), Some(block(10, 0)));
    // One is ahead by a block, one by two.
    scripts[0].change(|facts| facts.chain = chain(21, 0));
    scripts[1].change(|facts| facts.chain = chain(22, 0));
    assert_eq!(pool.head().await.unwrap().block, block(21, 0));
    // Three tips after a fork: the block below is what a quorum has.
    for (branch, script) in scripts.iter().enumerate() {
        script.change(|facts| {
            facts.chain = chain(20, 0);
            let tip = chain(21, 50 + u8::try_from(branch).unwrap())[&21];
            facts.chain.insert(21, tip);
        });
    }
    assert_eq!(pool.head().await.unwrap().block, block(20, 0));
    assert!(matches!(pool.block(21).await, Err(ChainError::NoQuorum { .. })));
    assert_eq!(pool.block(99).await.unwrap(), None);
    // No word for it, says a quorum.
    for script in &scripts[1..] {
        script.change(|facts| facts.finalized = None);
    }
    assert_eq!(pool.finalized().await.unwrap(), None);
}

#[tokio::test]
async fn who_silences_the_others_does_not_decide() {
    let (pool, scripts) = with_liar(|liar| (liar.receipt, liar.nonce) = (Some(receipt(18, 9)), 99));
    for honest in [&scripts[0], &scripts[2]] {
        honest.change(|facts| facts.is_down = true);
    }
    let error = pool.receipt(B256::ZERO).await.unwrap_err();
    assert!(matches!(error, ChainError::NoQuorum { needed: 2, endpoints: 3, .. }), "{error}");
    assert!(error.to_string().contains("connection refused"), "{error}");
    let error = pool.nonce(Address::ZERO, NonceAt::Latest).await.unwrap_err();
    assert!(error.to_string().contains("resting"), "{error}");
}

#[tokio::test]
async fn one_down_endpoint_stops_nothing_and_rests() {
    let (pool, scripts) = with_liar(|down| down.is_down = true);
    for _ in 0..20 {
        assert_eq!(pool.nonce(Address::ZERO, NonceAt::Latest).await.unwrap(), 5);
    }
    assert!(scripts[1].asked() < 5, "it is asked {} times", scripts[1].asked());
    assert_eq!(scripts[0].asked(), 20);
    let status = &pool.status()[1];
    assert!(status.last_error.as_ref().unwrap().contains("connection refused") && status.rests_s.is_some());
}

#[tokio::test]
async fn one_that_limits_is_left_alone_as_long_as_it_wants() {
    let (pool, scripts) = with_liar(|busy| busy.limit = Some(Duration::from_secs(60)));
    for _ in 0..3 {
        pool.nonce(Address::ZERO, NonceAt::Latest).await.unwrap();
    }
    let status = &pool.status()[1];
    assert_eq!((scripts[1].asked(), status.counts.limited), (1, 1));
    assert!((59..=60).contains(&status.rests_s.unwrap()));
}

#[tokio::test]
async fn one_that_hangs_is_not_waited_for_twice() {
    let (pool, scripts) = with_liar(|hangs| hangs.hangs = true);
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        pool.nonce(Address::ZERO, NonceAt::Latest).await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // When one of the others fails it is needed again, and waited for.
    scripts[0].change(|facts| facts.is_down = true);
    scripts[1].change(|facts| facts.hangs = false);
    let _ = pool.nonce(Address::ZERO, NonceAt::Latest).await;
    assert_eq!(pool.nonce(Address::ZERO, NonceAt::Latest).await.unwrap(), 5);
}

#[tokio::test]
async fn a_transaction_goes_to_all_and_one_that_takes_it_is_enough() {
    let full = || Reply::Full("txpool is full".into());
    let (pool, scripts) = with_liar(|full_one| full_one.reply = full());
    assert_eq!(pool.broadcast(&[1]).await, Reply::Taken);
    scripts[0].change(|facts| facts.reply = full());
    scripts[2].change(|facts| facts.is_down = true);
    // One may have it: nobody says that it was refused.
    assert!(matches!(pool.broadcast(&[1]).await, Reply::Unanswered(_)));
    let (pool, scripts) = with_liar(|liar| liar.reply = Reply::NonceTooLow("nonce too low".into()));
    for honest in [&scripts[0], &scripts[2]] {
        honest.change(|facts| facts.reply = Reply::Underpriced("underpriced".into()));
    }
    assert_eq!(pool.broadcast(&[1]).await, Reply::Underpriced("underpriced".into()));
    assert!(scripts.iter().all(|script| script.asked() == 1));
}

#[tokio::test]
async fn a_single_endpoint_speaks_for_itself() {
    let (pool, scripts) = super::tests::pool(vec![Facts::honest()]);
    assert_eq!(pool.head().await.unwrap().block, block(20, 0));
    scripts[0].change(|facts| facts.refuses = true);
    assert!(matches!(pool.simulate("it", &call(), true).await, Err(ChainError::Refused { .. })));
    scripts[0].change(|facts| facts.is_down = true);
    assert!(matches!(pool.head().await, Err(ChainError::Unreachable { .. })));
}

/// A liar that answers and an honest one that is slow: whoever is slow is waited for, since the others do not agree.
#[tokio::test]
async fn one_liar_and_one_that_is_slow_decide_nothing_together() {
    let (pool, scripts) = with_liar(|liar| (liar.nonce, liar.gas, liar.tip) = (99, 29_000_000, 1_000_000));
    scripts[2].change(|facts| facts.is_down = true);
    // The liar cannot be told from the honest one any more: prices that differ by so much are nobody's.
    for _ in 0..2 {
        assert!(matches!(pool.estimate("it", &call()).await, Err(ChainError::NoQuorum { .. })));
        assert!(matches!(pool.prices().await, Err(ChainError::NoQuorum { .. })));
    }
    assert_eq!(pool.nonce(Address::ZERO, NonceAt::Latest).await.unwrap(), 5);
    scripts[1].change(|facts| (facts.gas, facts.tip) = (95_000, 4));
    assert_eq!(pool.estimate("it", &call()).await.unwrap(), 95_000);
    assert_eq!(pool.prices().await.unwrap(), Prices { base: Some(40), tip: 4 });
}
