//! The chain in memory as one endpoint tells it: honestly, behind, failing, or lying; and where a process that is killed ends.

use crate::{
    faults::Random,
    ledger::{CLAIMS, Registry},
    world::{CHAIN, Cause, GAS, World, nonce_of},
};
use alloy::primitives::{Address, B256, U256, keccak256};
use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::sync::Notify;
use zkinfer::{
    chain::{
        ChainError,
        submitter::{Block, Call, Chain, Head, Intent, NonceAt, Prices, Receipt, Reply, Source},
    },
    evm::Refusal,
};

/// How often what goes wrong, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// No answer; a transaction is not heard of.
    pub(crate) silence: u64,
    /// A transaction is taken, and the answer lost.
    pub(crate) losses: u64,
    /// A transaction is taken, and the answer says something else.
    pub(crate) misleading: u64,
    /// A transaction is refused, or taken and forgotten.
    pub(crate) forgetful: u64,
    /// Receipts of blocks that no chain has, or has no more.
    pub(crate) phantoms: u64,
    /// Blocks that this endpoint is behind the chain, at most.
    pub(crate) lag: u64,
    /// Whatever costs the most.
    pub(crate) lies: bool,
    /// The block that it takes for the latest, for ever, if it stands still.
    pub(crate) stands_at: Option<u64>,
}

impl Weather {
    /// Anything that an endpoint may do with nobody to contradict it.
    pub(crate) const fn draw(random: &mut Random) -> Self {
        Self {
            silence: random.below(15),
            losses: random.below(25),
            misleading: random.below(25),
            forgetful: random.below(25),
            phantoms: random.below(20),
            lag: random.below(3),
            lies: false,
            stands_at: None,
        }
    }

    pub(crate) const fn liar() -> Self {
        Self { silence: 0, losses: 0, misleading: 0, forgetful: 0, phantoms: 0, lag: 0, lies: true, stands_at: None }
    }
}

/// Where the process ends: at this call of the chain, before or after it is done.
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    /// Calls left; zero: none is the last.
    left: AtomicU64,
    is_after: AtomicBool,
    pub(crate) died: Notify,
}

impl Reaper {
    /// The process ends `calls` calls from now.
    pub(crate) fn set(&self, calls: u64, is_after: bool) {
        self.left.store(calls, Ordering::Relaxed);
        self.is_after.store(is_after, Ordering::Relaxed);
    }

    /// Nothing runs on after the end: what asked is dropped.
    async fn pass(&self, is_after: bool) {
        if self.is_after.load(Ordering::Relaxed) != is_after {
            return;
        }
        let left = self.left.load(Ordering::Relaxed);
        if left > 0 {
            self.left.store(left - 1, Ordering::Relaxed);
        }
        if left == 1 {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// One endpoint.
#[derive(Clone)]
pub(crate) struct View {
    world: Arc<Mutex<World>>,
    weather: Arc<Mutex<Weather>>,
    reaper: Arc<Reaper>,
    at: usize,
}

enum Luck {
    Answer(u64),
    Silence,
}

impl View {
    pub(crate) fn new(world: Arc<Mutex<World>>, weather: Weather, reaper: Arc<Reaper>, at: usize) -> Self {
        Self { world, weather: Arc::new(Mutex::new(weather)), reaper, at }
    }

    /// From now on nothing goes wrong any more; who lies goes on lying, and who stands still stays there.
    pub(crate) fn clear_up(&self) {
        let mut weather = self.weather.lock().unwrap();
        *weather = Weather { lies: weather.lies, stands_at: weather.stands_at, ..Weather::default() };
    }

    pub(crate) fn lies(&self) -> bool {
        self.weather().lies
    }

    fn weather(&self) -> Weather {
        *self.weather.lock().unwrap()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The number of the block that this endpoint takes for the latest.
    fn luck(&self) -> Luck {
        let weather = self.weather();
        let mut world = self.world();
        if world.random.happens(weather.silence) {
            return Luck::Silence;
        }
        let lag = if weather.lag == 0 { 0 } else { world.random.below(weather.lag + 1) };
        let top = world.number().saturating_sub(lag);
        Luck::Answer(weather.stands_at.map_or(top, |at| at.min(top)))
    }

    /// An answer of the honest chain up to a block.
    async fn ask<T>(&self, answer: impl FnOnce(&mut World, u64) -> Result<T, ChainError>) -> Result<T, ChainError> {
        self.reaper.pass(false).await;
        let answer = match self.luck() {
            Luck::Silence => Err(ChainError::Unreachable { endpoint: self.name(), reason: "connection reset".into() }),
            Luck::Answer(top) => answer(&mut self.world(), top),
        };
        self.reaper.pass(true).await;
        answer
    }

    /// The latest block as it has it: number and time; and the claim registry's state there.
    pub(crate) async fn registry(&self) -> Result<(u64, u64, Registry), ChainError> {
        self.ask(|world, top| {
            let minted = world.at(top).expect("it has been mined");
            let registry = minted.state.registry.clone().expect("this world has one");
            Ok((top, minted.head.timestamp, registry))
        })
        .await
    }

    fn phantom(&self) -> Option<Block> {
        let weather = self.weather();
        let mut world = self.world();
        let number = world.number() + world.random.below(2);
        let seed = world.random.next().to_be_bytes();
        world.random.happens(weather.phantoms).then(|| Block { number, hash: keccak256(seed) })
    }
}

fn refused(cause: Cause) -> ChainError {
    let words = format!("{cause:?}");
    let mut data = vec![0x08, 0xc3, 0x79, 0xa0];
    data.extend(alloy::sol_types::SolValue::abi_encode(&words));
    ChainError::Refused { what: "the call".into(), refusal: Refusal::decode(&data) }
}

impl Source for View {
    fn name(&self) -> String {
        format!("http://simulated-{}", self.at)
    }

    async fn header(&self, number: u64) -> Result<Option<Head>, ChainError> {
        self.ask(|world, top| Ok(world.at(number).filter(|_| number <= top).map(|minted| minted.head))).await
    }
}

impl Chain for View {
    fn chain_id(&self) -> u64 {
        CHAIN
    }

    async fn head(&self) -> Result<Head, ChainError> {
        let lies = self.weather().lies;
        self.ask(|world, top| {
            let mut head = world.at(top).expect("it has been mined").head;
            if lies {
                head.block = Block { number: head.block.number + 9, hash: B256::repeat_byte(0xee) };
                head.timestamp += 1_000_000;
            }
            Ok(head)
        })
        .await
    }

    async fn block(&self, number: u64) -> Result<Option<Block>, ChainError> {
        Ok(self.header(number).await?.map(|head| head.block))
    }

    async fn finalized(&self) -> Result<Option<Block>, ChainError> {
        let lies = self.weather().lies;
        self.ask(|world, _| {
            let block = if lies { world.head() } else { world.finalized() }.head.block;
            Ok(Some(block))
        })
        .await
    }

    async fn nonce(&self, account: Address, at: NonceAt) -> Result<u64, ChainError> {
        let lies = self.weather().lies;
        self.ask(|world, top| {
            let honest = match at {
                NonceAt::Latest => world.at(top).map(|minted| nonce_of(&minted.state, account)),
                NonceAt::Pending => Some(world.pending_nonce(account)),
                NonceAt::Block(number) => world.at(number).map(|minted| nonce_of(&minted.state, account)),
            };
            let missing = || ChainError::Rpc { what: "the nonce".into(), message: "header not found".into() };
            Ok(honest.ok_or_else(missing)? + if lies { 3 } else { 0 })
        })
        .await
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        let lies = self.weather().lies;
        self.ask(|world, _| {
            let honest = world.head().state.balances.get(&account).copied().unwrap_or_default();
            Ok(if lies { U256::ZERO } else { honest })
        })
        .await
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, ChainError> {
        let (lies, phantom) = (self.weather().lies, self.phantom());
        self.ask(|world, top| {
            if lies {
                let block = world.head().head.block;
                return Ok(world.random.happens(50).then(|| Receipt {
                    block,
                    succeeded: world.random.happens(50),
                    gas_used: 1,
                    paid: U256::MAX >> 8,
                }));
            }
            let found = world.inclusion(hash).filter(|(block, _)| block.number <= top);
            Ok(found.map(|(block, included)| Receipt {
                block: phantom.unwrap_or(block),
                succeeded: included.cause.is_none(),
                gas_used: GAS,
                paid: U256::from(GAS) * U256::from(included.price),
            }))
        })
        .await
    }

    async fn knows(&self, hash: B256) -> Result<bool, ChainError> {
        let lies = self.weather().lies;
        self.ask(|world, _| {
            let in_pool = world.pool.values().any(|waiting| *waiting == hash);
            Ok(lies || in_pool || world.inclusion(hash).is_some())
        })
        .await
    }

    async fn broadcast(&self, raw: &[u8]) -> Reply {
        self.reaper.pass(false).await;
        let reply = {
            let weather = self.weather();
            let mut world = self.world();
            if weather.lies || world.random.happens(weather.forgetful / 2) {
                Reply::Taken
            } else if world.random.happens(weather.forgetful / 2) {
                Reply::Refused("odd words".into())
            } else if world.random.happens(weather.silence) {
                Reply::Unanswered("connection reset".into())
            } else {
                let honest = world.hand_over(raw);
                if world.random.happens(weather.losses) {
                    Reply::Unanswered("connection reset".into())
                } else if world.random.happens(weather.misleading) {
                    let words = || "so they say".to_owned();
                    match world.random.below(4) {
                        0 => Reply::Full(words()),
                        1 => Reply::Underpriced(words()),
                        2 => Reply::NonceTooLow(words()),
                        _ => Reply::Refused(words()),
                    }
                } else {
                    honest
                }
            }
        };
        self.reaper.pass(true).await;
        reply
    }

    async fn simulate(&self, _: &str, call: &Call, on_pending: bool) -> Result<(), ChainError> {
        let lies = self.weather().lies;
        self.ask(|world, _| match (world.try_out(call, on_pending), lies) {
            (Ok(()), false) | (Err(_), true) => Ok(()),
            (Ok(()), true) => Err(refused(Cause::Broken)),
            (Err(cause), false) => Err(refused(cause)),
        })
        .await
    }

    async fn estimate(&self, what: &str, call: &Call) -> Result<u64, ChainError> {
        if self.weather().lies {
            return self.ask(|_, _| Ok(29_000_000)).await;
        }
        // An estimate is no try: what it found out is not written down.
        let _ = what;
        self.ask(|world, _| {
            let tried = world.tried.clone();
            let outcome = world.try_out(call, false);
            world.tried = tried;
            outcome.map(|()| GAS).map_err(refused)
        })
        .await
    }

    async fn prices(&self) -> Result<Prices, ChainError> {
        let lies = self.weather().lies;
        self.ask(|world, _| {
            let dear = if lies { 1_000_000 } else { 1 };
            Ok(Prices { base: Some(world.base_fee * dear), tip: 1_000_000_000 * dear })
        })
        .await
    }

    async fn l1_fee(&self, _: &[u8], _: u64) -> Result<U256, ChainError> {
        Ok(U256::ZERO)
    }

    async fn is_done(&self, intent: &Intent, at: Option<u64>) -> Result<bool, ChainError> {
        let lies = self.weather().lies;
        self.ask(|world, top| {
            let missing = || ChainError::Rpc { what: "the record".into(), message: "header not found".into() };
            let minted = world.at(at.unwrap_or(top)).ok_or_else(missing)?;
            if let (true, Some(registry)) = (intent.to == CLAIMS, &minted.state.registry) {
                let honest = !intent.done.is_empty() && intent.done.iter().all(|look| registry.holds(look));
                return Ok(honest != lies);
            }
            let honest = minted.state.done.get(&intent.id).is_some_and(|by| !by.is_empty());
            Ok(honest != lies)
        })
        .await
    }
}
