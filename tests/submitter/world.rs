//! A chain in memory: blocks, a pool, reorganisations, somebody else who claims, a contract that breaks. Everything that happens
//! follows from one seed.
//!
//! The contract takes a call whose data begin with the id of an intent. One that is *guarded* refuses an id that it has; one that
//! is not does the work again, so that whoever sends twice is found out.

use crate::{
    faults::Random,
    ledger::{CLAIMS, Registry, Sent},
};
use alloy::{
    consensus::{Transaction as _, TxEnvelope, transaction::SignerRecoverable as _},
    eips::eip2718::Decodable2718 as _,
    primitives::{Address, B256, Bytes, U256, keccak256},
};
use std::collections::{BTreeMap, BTreeSet};
use zkinfer::chain::submitter::{Block, Call, Head, Reply};

pub(crate) const CHAIN: u64 = 31337;
/// Blocks on top of one that is final. Reorganisations go less deep.
pub(crate) const FINAL: u64 = 6;
pub(crate) const GAS: u64 = 90_000;
const GENESIS_TIME: u64 = 1_700_000_000;
const GWEI: u128 = 1_000_000_000;
/// Somebody else, who claims what others were about to.
const SOMEBODY: Address = Address::repeat_byte(0x99);

/// A transaction that a node was given.
#[derive(Clone, Debug)]
pub(crate) struct Tx {
    pub(crate) hash: B256,
    pub(crate) from: Address,
    pub(crate) nonce: u64,
    pub(crate) id: Option<B256>,
    pub(crate) call: Option<B256>,
    pub(crate) max_fee: u128,
    pub(crate) tip: u128,
    pub(crate) ceiling: U256,
    to: Address,
    input: Bytes,
    gas_limit: u64,
    value: U256,
}

/// What a contract makes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    Deadline,
    Broken,
    AlreadyClaimed,
}

/// What the contract knows of an intent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) deadline: u64,
    pub(crate) is_guarded: bool,
    /// What it refuses for ever.
    pub(crate) is_refused: bool,
}

/// The state after a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) nonces: BTreeMap<Address, u64>,
    pub(crate) balances: BTreeMap<Address, U256>,
    /// By whom each intent was done: a transaction, or nobody's that is known.
    pub(crate) done: BTreeMap<B256, Vec<B256>>,
    /// The claim registry, where there is one.
    pub(crate) registry: Option<Registry>,
}

#[derive(Clone, Debug)]
pub(crate) struct Minted {
    pub(crate) head: Head,
    pub(crate) txs: Vec<Included>,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Included {
    pub(crate) hash: B256,
    pub(crate) cause: Option<Cause>,
    pub(crate) price: u128,
}

/// What must never happen, and did.
pub(crate) type Broken = Vec<String>;

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) blocks: Vec<Minted>,
    pub(crate) txs: BTreeMap<B256, Tx>,
    pub(crate) pool: BTreeMap<(Address, u64), B256>,
    pub(crate) rules: BTreeMap<B256, Rule>,
    /// Calls that were tried out with success.
    pub(crate) tried: BTreeSet<B256>,
    pub(crate) violations: Broken,
    pub(crate) broken_until: u64,
    pub(crate) base_fee: u128,
    pub(crate) refuses_gaps: bool,
    /// Whose key somebody else has, too.
    pub(crate) shared_key: Option<Address>,
    pub(crate) reorgs: u32,
    /// How many times somebody objected to a claim; and how often, in percent of what happens.
    pub(crate) challenges: u32,
    pub(crate) objections: u64,
    /// With how little time left an answer need not wait for finality.
    pub(crate) hurry: u64,
    /// Of every block that ever was.
    pub(crate) known_blocks: BTreeSet<B256>,
    branch: u64,
}

impl World {
    pub(crate) fn new(seed: u64, account: Address, balance: U256) -> Self {
        let mut random = Random::new(seed);
        let refuses_gaps = random.happens(30);
        let mut world = Self {
            random,
            blocks: Vec::new(),
            txs: BTreeMap::new(),
            pool: BTreeMap::new(),
            rules: BTreeMap::new(),
            tried: BTreeSet::new(),
            violations: Vec::new(),
            broken_until: 0,
            base_fee: 10 * GWEI,
            refuses_gaps,
            shared_key: None,
            reorgs: 0,
            challenges: 0,
            objections: 0,
            hurry: 0,
            known_blocks: BTreeSet::new(),
            branch: 0,
        };
        let mut state = State::default();
        state.balances.insert(account, balance);
        world.push(GENESIS_TIME, Vec::new(), state);
        world
    }

    pub(crate) fn head(&self) -> &Minted {
        self.blocks.last().expect("there is the first block")
    }

    pub(crate) fn number(&self) -> u64 {
        self.head().head.block.number
    }

    pub(crate) fn now(&self) -> u64 {
        self.head().head.timestamp
    }

    pub(crate) fn at(&self, number: u64) -> Option<&Minted> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn finalized(&self) -> &Minted {
        self.at(self.number().saturating_sub(FINAL)).expect("it is below the head")
    }

    pub(crate) fn nonce(&self, account: Address) -> u64 {
        nonce_of(&self.head().state, account)
    }

    /// With what the pool has in a row behind the chain.
    pub(crate) fn pending_nonce(&self, account: Address) -> u64 {
        let mut nonce = self.nonce(account);
        while self.pool.contains_key(&(account, nonce)) {
            nonce += 1;
        }
        nonce
    }

    pub(crate) fn inclusion(&self, hash: B256) -> Option<(Block, Included)> {
        self.blocks.iter().rev().find_map(|minted| {
            let found = minted.txs.iter().find(|included| included.hash == hash)?;
            Some((minted.head.block, *found))
        })
    }

    /// What a call comes to on top of the latest block, or of the pool.
    pub(crate) fn try_out(&mut self, call: &Call, on_pending: bool) -> Result<(), Cause> {
        let mut state = self.head().state.clone();
        let (time, number) = (self.now() + 1, self.number() + 1);
        if call.to == CLAIMS {
            if on_pending {
                let waiting: Vec<Tx> = self.pool.values().filter_map(|hash| self.txs.get(hash)).cloned().collect();
                for tx in waiting.iter().filter(|tx| tx.nonce < self.pending_nonce(tx.from)) {
                    let _ = self.register(&mut state, (tx.from, &tx.input, tx.value), time, number);
                }
            }
            let outcome = self.register(&mut state, (call.from, &call.data, call.value), time, number);
            if outcome.is_ok() {
                self.tried.insert(call_id(call.to, &call.data, call.value));
            }
            return outcome;
        }
        if on_pending {
            let waiting = self.pool.values().filter_map(|hash| self.txs.get(hash));
            let next =
                waiting.filter(|tx| tx.nonce < self.pending_nonce(tx.from)).filter_map(|tx| Some((tx.id?, tx.hash)));
            next.for_each(|(id, hash)| state.done.entry(id).or_default().push(hash));
        }
        let outcome = self.outcome(&state, id_of(&call.data), time, number);
        if outcome.is_ok() {
            self.tried.insert(call_id(call.to, &call.data, call.value));
        }
        outcome
    }

    /// What the claim registry makes of a call.
    fn register(
        &self,
        state: &mut State,
        (from, data, value): (Address, &[u8], U256),
        time: u64,
        number: u64,
    ) -> Result<(), Cause> {
        if number <= self.broken_until {
            return Err(Cause::Broken);
        }
        state.registry.as_mut().ok_or(Cause::Broken)?.call(Sent { from, data, value, time })
    }

    fn outcome(&self, state: &State, id: Option<B256>, time: u64, number: u64) -> Result<(), Cause> {
        let Some((id, rule)) = id.and_then(|id| Some((id, self.rules.get(&id)?))) else { return Ok(()) };
        if time > rule.deadline {
            return Err(Cause::Deadline);
        }
        if rule.is_refused || number <= self.broken_until {
            return Err(Cause::Broken);
        }
        if rule.is_guarded && state.done.get(&id).is_some_and(|by| !by.is_empty()) {
            return Err(Cause::AlreadyClaimed);
        }
        Ok(())
    }

    /// What a node does with a transaction.
    pub(crate) fn hand_over(&mut self, raw: &[u8]) -> Reply {
        let Some(tx) = read(raw) else { return Reply::Refused("rlp: expected input list".into()) };
        self.watch(&tx);
        let (hash, key) = (tx.hash, (tx.from, tx.nonce));
        self.txs.insert(hash, tx.clone());
        if self.inclusion(hash).is_some() || self.pool.get(&key) == Some(&hash) {
            return Reply::Taken;
        }
        if tx.nonce < self.nonce(tx.from) {
            return Reply::NonceTooLow(format!(
                "nonce too low: next nonce {}, tx nonce {}",
                self.nonce(tx.from),
                tx.nonce
            ));
        }
        if self.refuses_gaps && tx.nonce > self.pending_nonce(tx.from) {
            return Reply::Full("NonceGap, Future nonce".into());
        }
        let balance = self.head().state.balances.get(&tx.from).copied().unwrap_or_default();
        if balance < tx.ceiling {
            return Reply::NoFunds("insufficient funds for gas * price + value".into());
        }
        if let Some(old) = self.pool.get(&key).and_then(|hash| self.txs.get(hash)) {
            let is_dearer = |new: u128, old: u128| new * 100 >= old * 110;
            if !is_dearer(tx.max_fee, old.max_fee) || !is_dearer(tx.tip, old.tip) {
                return Reply::Underpriced("replacement transaction underpriced".into());
            }
        }
        self.pool.insert(key, hash);
        Reply::Taken
    }

    /// The rules that hold at every broadcast, whatever the weather.
    fn watch(&mut self, tx: &Tx) {
        if self.txs.contains_key(&tx.hash) {
            return;
        }
        if let Some(call) = tx.call.filter(|call| !self.tried.contains(call)) {
            self.violations.push(format!("{}: handed over without a successful try ({call})", tx.hash));
        }
        let finally = &self.finalized().state;
        let rivals = self.txs.values().filter(|other| other.id.is_some() && other.id == tx.id && other.from == tx.from);
        let clash =
            rivals.filter(|other| other.nonce != tx.nonce).find(|other| nonce_of(finally, other.from) <= other.nonce);
        // An answer whose time is nearly over is the exception: its contract takes it once.
        let until = self.head().state.registry.as_ref().and_then(|registry| registry.until(&tx.input));
        let hurries = until.is_some_and(|until| until.saturating_sub(self.now()) < self.hurry);
        if let Some(other) = clash.filter(|_| !hurries) {
            let (a, b) = (other.nonce, tx.nonce);
            self.violations.push(format!("{} and {} do the same with nonces {a} and {b}", other.hash, tx.hash));
        }
    }

    /// Puts a block on top, with what the pool has and the block's maker likes.
    pub(crate) fn mine(&mut self, seconds: u64, likes: u64) {
        let (time, number, base) = (self.now() + seconds, self.number() + 1, self.base_fee);
        let (mut state, mut txs) = (self.head().state.clone(), Vec::new());
        let waiting: Vec<((Address, u64), B256)> = self.pool.iter().map(|(key, hash)| (*key, *hash)).collect();
        for ((from, nonce), hash) in waiting {
            if nonce < nonce_of(&state, from) {
                self.pool.remove(&(from, nonce));
                continue;
            }
            let Some(tx) = self.txs.get(&hash).cloned() else { continue };
            let is_next = nonce == nonce_of(&state, from);
            let balance = state.balances.get(&from).copied().unwrap_or_default();
            if !is_next || tx.max_fee < base || balance < tx.ceiling || !self.random.happens(likes) {
                continue;
            }
            let cause = if tx.to == CLAIMS {
                self.register(&mut state, (tx.from, &tx.input, tx.value), time, number).err()
            } else {
                self.outcome(&state, tx.id, time, number).err()
            };
            let price = base.saturating_add(tx.tip).min(tx.max_fee);
            if cause.is_none()
                && let Some(id) = tx.id
            {
                state.done.entry(id).or_default().push(hash);
            }
            let value = if cause.is_none() && tx.id.is_some() { tx.value } else { U256::ZERO };
            let paid = U256::from(GAS.min(tx.gas_limit)) * U256::from(price) + value;
            state.balances.insert(from, balance.saturating_sub(paid));
            state.nonces.insert(from, nonce + 1);
            txs.push(Included { hash, cause, price });
            self.pool.remove(&(from, nonce));
        }
        self.push(time, txs, state);
    }

    fn push(&mut self, timestamp: u64, txs: Vec<Included>, state: State) {
        let number = self.blocks.len() as u64;
        let parent = self.blocks.last().map(|minted| minted.head.block.hash).unwrap_or_default();
        self.branch += 1;
        let hash = keccak256([parent.as_slice(), &self.branch.to_be_bytes()].concat());
        self.known_blocks.insert(hash);
        let block = Block { number, hash };
        let head = Head { block, parent, timestamp, gas_limit: 30_000_000, base_fee: Some(self.base_fee) };
        self.blocks.push(Minted { head, txs, state });
    }

    /// Takes blocks away; their transactions return to the pool, or are lost.
    pub(crate) fn unwind(&mut self, depth: u64, keeps: u64) {
        let depth = depth.min(FINAL - 1).min(self.number());
        self.reorgs += u32::from(depth > 0);
        for _ in 0..depth {
            let minted = self.blocks.pop().expect("there are as many");
            for included in minted.txs {
                let Some(tx) = self.txs.get(&included.hash) else { continue };
                if self.random.happens(keeps) {
                    self.pool.entry((tx.from, tx.nonce)).or_insert(included.hash);
                }
            }
        }
    }

    /// Somebody else does what an intent is for, in a block of its own.
    pub(crate) fn claim_elsewhere(&mut self, id: B256) {
        if self.outcome(&self.head().state, Some(id), self.now() + 1, self.number() + 1).is_err() {
            return;
        }
        let mut state = self.head().state.clone();
        // Of a contract that does the work twice nobody could say that it was one time too many.
        let is_guarded = self.rules.get(&id).is_some_and(|rule| rule.is_guarded);
        if !is_guarded || !state.done.get(&id).is_none_or(Vec::is_empty) {
            return;
        }
        state.done.entry(id).or_default().push(B256::left_padding_from(SOMEBODY.as_slice()));
        self.push(self.now() + 1, Vec::new(), state);
    }

    /// Somebody objects to a claim, in a block of its own; one that is not answered in time is slashed.
    pub(crate) fn object(&mut self) -> Option<B256> {
        let (mut state, time) = (self.head().state.clone(), self.now() + 1);
        let random = &mut self.random;
        let id = state.registry.as_mut()?.challenge(time, |count| random.below(count))?;
        self.challenges += 1;
        self.push(time, Vec::new(), state);
        Some(id)
    }

    /// Somebody else who has the key uses the next nonce.
    pub(crate) fn use_nonce(&mut self, account: Address) {
        let mut state = self.head().state.clone();
        let nonce = nonce_of(&state, account);
        state.nonces.insert(account, nonce + 1);
        self.pool.remove(&(account, nonce));
        self.push(self.now() + 1, Vec::new(), state);
    }

    /// What waits in the pool is forgotten.
    pub(crate) fn restart(&mut self) {
        self.pool.clear();
    }

    /// Something between two steps of the submitter.
    pub(crate) fn tick(&mut self) {
        let seconds = 1 + self.random.below(12);
        if self.objections > 0 && self.random.happens(self.objections) {
            self.object();
        }
        match self.random.below(100) {
            0..55 => self.mine(seconds, 80),
            55..60 => {
                let depth = 1 + self.random.below(FINAL - 1);
                self.unwind(depth, 75);
                for _ in 0..=depth {
                    self.mine(1, 60);
                    // On the new branch somebody may object to what was not there, or to what was answered on the old one.
                    if self.objections > 0 && self.random.happens(self.objections) {
                        self.object();
                    }
                }
            }
            60..65 => {
                // Dropped: by a full pool, or by a node that was restarted.
                let drops = if self.random.happens(30) { 100 } else { 30 };
                let all: Vec<_> = self.pool.keys().copied().collect();
                for key in all {
                    if self.random.happens(drops) {
                        self.pool.remove(&key);
                    }
                }
            }
            65..68 => {
                let factor = 2 + u128::from(self.random.below(12));
                self.base_fee = (self.base_fee * factor).min(400 * GWEI);
            }
            68..76 => self.base_fee = (self.base_fee / 2).max(GWEI),
            76..78 => self.broken_until = self.number() + 1 + self.random.below(3),
            78..80 => {
                let ids: Vec<B256> = self.rules.keys().copied().collect();
                if let Some(id) = ids.get(self.random.below(ids.len().max(1) as u64) as usize) {
                    self.claim_elsewhere(*id);
                }
            }
            80 => {
                if let Some(account) = self.shared_key {
                    self.use_nonce(account);
                }
            }
            _ => {}
        }
    }
}

pub(crate) fn nonce_of(state: &State, account: Address) -> u64 {
    state.nonces.get(&account).copied().unwrap_or_default()
}

pub(crate) fn call_id(to: Address, data: &Bytes, value: U256) -> B256 {
    keccak256([to.as_slice(), data, &value.to_be_bytes::<32>()].concat())
}

fn id_of(data: &[u8]) -> Option<B256> {
    data.get(..32).map(B256::from_slice)
}

fn read(raw: &[u8]) -> Option<Tx> {
    let envelope = TxEnvelope::decode_2718(&mut &*raw).ok()?;
    let from = envelope.recover_signer().ok()?;
    let to = envelope.to().unwrap_or_default();
    // Calls of the registry begin alike: what they are about is all of them.
    let id = if to == CLAIMS { Some(keccak256(envelope.input())) } else { id_of(envelope.input()) };
    let call = id.and(envelope.to()).map(|to| call_id(to, envelope.input(), envelope.value()));
    let gas = U256::from(envelope.gas_limit()) * U256::from(envelope.max_fee_per_gas());
    Some(Tx {
        hash: *envelope.tx_hash(),
        from,
        nonce: envelope.nonce(),
        id,
        call,
        max_fee: envelope.max_fee_per_gas(),
        tip: envelope.max_priority_fee_per_gas().unwrap_or(envelope.max_fee_per_gas()),
        ceiling: gas + envelope.value(),
        to,
        input: envelope.input().clone(),
        gas_limit: envelope.gas_limit(),
        value: envelope.value(),
    })
}
