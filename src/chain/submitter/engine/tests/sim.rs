//! A chain in memory with one account and one contract, which does what its calldata begin with once.

use crate::{
    chain::{
        ChainError,
        submitter::{Block, Call, Chain, Head, Intent, NonceAt, Prices, Receipt, Reply},
    },
    evm::Refusal,
};
use alloy::{
    consensus::{Transaction, TxEnvelope},
    eips::Decodable2718,
    primitives::{Address, B256, U256, keccak256},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

pub(super) const CHAIN: u64 = 31337;
pub(super) const CONTRACT: Address = Address::repeat_byte(0xcc);
const GAS: u64 = 50_000;

#[derive(Clone, Debug)]
pub(super) struct Sim(Arc<Mutex<Inner>>);

#[derive(Debug)]
pub(super) struct Inner {
    blocks: Vec<SimBlock>,
    pub(super) pool: BTreeMap<u64, Tx>,
    /// Made by somebody else in the next block.
    claims: Vec<B256>,
    pub(super) base_fee: u128,
    pub(super) balance: U256,
    /// The contract refuses everything.
    pub(super) is_broken: bool,
    /// So many transactions revert without a reason.
    pub(super) reverts_left: u32,
    /// No node takes what does this.
    pub(super) hates: Option<B256>,
    replies: VecDeque<Reply>,
    /// After so many answers there are no more.
    pub(super) fails_in: Option<u32>,
    broadcasts: usize,
    salt: u64,
}

#[derive(Clone, Debug)]
pub(super) struct SimBlock {
    block: Block,
    parent: B256,
    time: u64,
    /// With whether they succeeded.
    txs: Vec<(Tx, bool)>,
    claims: Vec<B256>,
    nonce: u64,
    done: BTreeSet<B256>,
}

#[derive(Clone, Debug)]
pub(super) struct Tx {
    hash: B256,
    nonce: u64,
    id: Option<B256>,
    max_fee: u128,
    tip: u128,
}

fn id_of(to: Address, data: &[u8]) -> Option<B256> {
    (to == CONTRACT && data.len() >= 32).then(|| B256::from_slice(&data[..32]))
}

fn silent() -> ChainError {
    ChainError::Unreachable { endpoint: "sim".into(), reason: "as was asked for".into() }
}

impl Tx {
    fn of(raw: &[u8]) -> Self {
        let envelope = TxEnvelope::decode_2718(&mut &raw[..]).unwrap();
        Self {
            hash: *envelope.tx_hash(),
            nonce: envelope.nonce(),
            id: id_of(envelope.to().unwrap(), envelope.input()),
            max_fee: envelope.max_fee_per_gas(),
            tip: envelope.max_priority_fee_per_gas().unwrap_or_default(),
        }
    }
}

impl Inner {
    fn last(&self) -> &SimBlock {
        self.blocks.last().unwrap()
    }

    fn pending(&self) -> u64 {
        let from = self.last().nonce;
        from + (from..).take_while(|nonce| self.pool.contains_key(nonce)).count() as u64
    }

    /// Puts a transaction into the pool, whatever is there.
    pub(super) fn force(&mut self, raw: &[u8]) {
        let tx = Tx::of(raw);
        self.pool.insert(tx.nonce, tx);
    }

    fn mine(&mut self, is_empty: bool) {
        let last = self.last().clone();
        let (mut nonce, mut done, mut txs) = (last.nonce, last.done.clone(), Vec::new());
        let claims = if is_empty { Vec::new() } else { std::mem::take(&mut self.claims) };
        done.extend(&claims);
        while !is_empty && self.pool.get(&nonce).is_some_and(|tx| tx.max_fee >= self.base_fee) {
            let tx = self.pool.remove(&nonce).unwrap();
            let reverts = tx.id.is_some() && self.reverts_left > 0;
            self.reverts_left -= u32::from(reverts);
            let succeeds = tx.id.is_none_or(|id| !reverts && !self.is_broken && done.insert(id));
            txs.push((tx, succeeds));
            nonce += 1;
        }
        let number = last.block.number + 1;
        let hash = keccak256([last.block.hash.as_slice(), &number.to_be_bytes(), &self.salt.to_be_bytes()].concat());
        let (parent, time) = (last.block.hash, last.time + 12);
        self.blocks.push(SimBlock { block: Block { number, hash }, parent, time, txs, claims, nonce, done });
    }

    fn answer(&mut self) -> Result<(), ChainError> {
        match &mut self.fails_in {
            Some(0) => Err(silent()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn refuses(&self, call: &Call, on_pending: bool) -> bool {
        let Some(id) = id_of(call.to, &call.data) else { return false };
        let is_pending = on_pending && self.pool.values().any(|tx| tx.id == Some(id));
        self.is_broken || is_pending || self.last().done.contains(&id)
    }

    fn take(&mut self, raw: &[u8]) -> Reply {
        self.broadcasts += 1;
        if let Some(reply) = self.replies.pop_front() {
            return reply;
        }
        if self.answer().is_err() {
            return Reply::Unanswered("nobody".into());
        }
        let tx = Tx::of(raw);
        if self.hates.is_some() && tx.id == self.hates {
            return Reply::Refused("no".into());
        }
        if tx.nonce < self.last().nonce {
            return Reply::NonceTooLow("nonce too low".into());
        }
        if let Some(other) = self.pool.get(&tx.nonce)
            && other.hash != tx.hash
            && (tx.max_fee * 100 < other.max_fee * 110 || tx.tip * 100 < other.tip * 110)
        {
            return Reply::Underpriced("replacement transaction underpriced".into());
        }
        self.pool.insert(tx.nonce, tx);
        Reply::Taken
    }
}

impl Sim {
    pub(super) fn new() -> Self {
        let block = Block { number: 0, hash: keccak256("genesis") };
        let genesis = SimBlock {
            block,
            parent: B256::ZERO,
            time: 1_700_000_000,
            txs: vec![],
            claims: vec![],
            nonce: 0,
            done: BTreeSet::new(),
        };
        Self(Arc::new(Mutex::new(Inner {
            blocks: vec![genesis],
            pool: BTreeMap::new(),
            claims: vec![],
            base_fee: 1000,
            balance: U256::MAX,
            is_broken: false,
            reverts_left: 0,
            hates: None,
            replies: VecDeque::new(),
            fails_in: None,
            broadcasts: 0,
            salt: 0,
        })))
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    pub(super) fn mine(&self) {
        self.with(|sim| sim.mine(false));
    }

    /// Other blocks, empty, in the place of the last ones, whose transactions nobody has any more.
    pub(super) fn reorg(&self, depth: usize, blocks: u32) {
        self.rewind(depth);
        self.with(|sim| (0..blocks).for_each(|_| sim.mine(true)));
    }

    /// As a node that is behind; the blocks that it does not have yet.
    pub(super) fn rewind(&self, depth: usize) -> Vec<SimBlock> {
        self.with(|sim| {
            sim.salt += 1;
            let keep = sim.blocks.len() - depth;
            sim.blocks.split_off(keep)
        })
    }

    pub(super) fn restore(&self, blocks: Vec<SimBlock>) {
        self.with(|sim| sim.blocks.extend(blocks));
    }

    /// A transaction of the same key that nobody here knows of.
    pub(super) fn foreign(&self) {
        self.with(|sim| {
            let nonce = sim.last().nonce;
            let hash = keccak256([b"foreign".as_slice(), &nonce.to_be_bytes()].concat());
            sim.pool.insert(nonce, Tx { hash, nonce, id: None, max_fee: u128::MAX / 1000, tip: u128::MAX / 1000 });
        });
    }

    /// Somebody else does it in the next block.
    pub(super) fn claim(&self, id: B256) {
        self.with(|sim| sim.claims.push(id));
    }

    /// What the node says to the next transactions, which it does not take.
    pub(super) fn answer(&self, replies: impl IntoIterator<Item = Reply>) {
        self.with(|sim| sim.replies.extend(replies));
    }

    pub(super) fn broadcasts(&self) -> usize {
        self.with(|sim| sim.broadcasts)
    }

    pub(super) fn hash_of(&self, number: usize) -> B256 {
        self.with(|sim| sim.blocks[number].block.hash)
    }

    pub(super) fn time(&self) -> u64 {
        self.with(|sim| sim.last().time)
    }

    pub(super) fn times_done(&self, id: B256) -> usize {
        self.with(|sim| {
            let ours =
                sim.blocks.iter().flat_map(|block| &block.txs).filter(|(tx, ok)| *ok && tx.id == Some(id)).count();
            ours + sim.blocks.iter().flat_map(|block| &block.claims).filter(|claimed| **claimed == id).count()
        })
    }

    fn ask<T>(&self, answer: impl FnOnce(&Inner) -> T) -> Result<T, ChainError> {
        self.with(|sim| {
            sim.answer()?;
            Ok(answer(sim))
        })
    }
}

impl Chain for Sim {
    fn chain_id(&self) -> u64 {
        CHAIN
    }

    async fn head(&self) -> Result<Head, ChainError> {
        self.ask(|sim| {
            let last = sim.last();
            let (block, parent, timestamp) = (last.block, last.parent, last.time);
            Head { block, parent, timestamp, gas_limit: 30_000_000, base_fee: Some(sim.base_fee) }
        })
    }

    async fn block(&self, number: u64) -> Result<Option<Block>, ChainError> {
        self.ask(|sim| sim.blocks.get(number as usize).map(|found| found.block))
    }

    async fn finalized(&self) -> Result<Option<Block>, ChainError> {
        self.ask(|_| None)
    }

    async fn nonce(&self, _: Address, at: NonceAt) -> Result<u64, ChainError> {
        self.ask(|sim| match at {
            NonceAt::Latest => sim.last().nonce,
            NonceAt::Pending => sim.pending(),
            NonceAt::Block(number) => sim.blocks[number as usize].nonce,
        })
    }

    async fn balance(&self, _: Address) -> Result<U256, ChainError> {
        self.ask(|sim| sim.balance)
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, ChainError> {
        self.ask(|sim| {
            let found = sim.blocks.iter().find_map(|block| {
                let (_, succeeded) = block.txs.iter().find(|(tx, _)| tx.hash == hash)?;
                Some((block.block, *succeeded))
            });
            found.map(|(block, succeeded)| Receipt { block, succeeded, gas_used: GAS, paid: U256::from(GAS) })
        })
    }

    async fn knows(&self, hash: B256) -> Result<bool, ChainError> {
        self.ask(|sim| {
            sim.pool.values().any(|tx| tx.hash == hash)
                || sim.blocks.iter().any(|block| block.txs.iter().any(|(tx, _)| tx.hash == hash))
        })
    }

    async fn broadcast(&self, raw: &[u8]) -> Reply {
        self.with(|sim| sim.take(raw))
    }

    async fn simulate(&self, what: &str, call: &Call, on_pending: bool) -> Result<(), ChainError> {
        let refuses = self.ask(|sim| sim.refuses(call, on_pending))?;
        let refused = || ChainError::Refused { what: what.into(), refusal: Refusal::decode(&[]) };
        if refuses { Err(refused()) } else { Ok(()) }
    }

    async fn estimate(&self, what: &str, call: &Call) -> Result<u64, ChainError> {
        self.simulate(what, call, false).await.map(|()| GAS)
    }

    async fn prices(&self) -> Result<Prices, ChainError> {
        self.ask(|sim| Prices { base: Some(sim.base_fee), tip: 2 })
    }

    async fn l1_fee(&self, _: &[u8], _: u64) -> Result<U256, ChainError> {
        self.ask(|_| U256::ZERO)
    }

    async fn is_done(&self, intent: &Intent, at: Option<u64>) -> Result<bool, ChainError> {
        self.ask(|sim| {
            let block = at.map_or_else(|| sim.last(), |number| &sim.blocks[number as usize]);
            block.done.contains(&intent.id)
        })
    }
}
