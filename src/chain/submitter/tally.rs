//! What was spent, what it took, and how often: counted from what a submitter writes to its journal.
//!
//! Nothing is counted that is not in the journal, so that figures and journal cannot disagree. Counters begin with the process, as
//! counters do; what was paid today, and what is on its way, are read from the journal when it begins.

#[cfg(test)]
mod tests;

use super::{
    Event, Intent, Journal, JournalError, Kind, Logged, Phase, Reason, Row,
    batcher::{GasUse, Saved},
    state::Block,
};
use crate::chain::{
    bindings::{IClaimRegistry, IProofRegistry},
    wording::{Meaning, meaning},
};
use alloy::{
    primitives::{B256, U256},
    sol_types::SolCall,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, VecDeque};

const DAY: u64 = 86_400_000;
/// How many days are remembered.
const DAYS: usize = 31;
/// How many transactions of a kind gas is learned from.
const LEARNED: usize = 64;
/// How many events are read at a time.
const PORTION: u32 = 1000;
/// Upper bounds of the histogram of confirmation times, in seconds.
pub const LATENCY_BOUNDS: [u64; 9] = [2, 5, 15, 30, 60, 120, 300, 900, 3600];

/// How often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Transactions that were signed.
    pub signed: u64,
    /// Of these, the ones that took the place of a cheaper one.
    pub replacements: u64,
    /// Of these, the ones that took an intent back.
    pub undos: u64,
    /// What nodes said instead of taking a transaction, by class.
    pub refusals: BTreeMap<String, u64>,
    /// Transactions in blocks, reverted ones too.
    pub mined: u64,
    /// Of these, the ones that reverted.
    pub reverted: u64,
    /// Transactions whose block left the chain.
    pub reorged: u64,
    /// Intents that ended, by how.
    pub ended: BTreeMap<String, u64>,
    /// Intents that failed, by the reason.
    pub failed: BTreeMap<String, u64>,
    /// Statements that were put into blocks.
    pub statements: u64,
    /// What was paid for gas and L1 data, in wei.
    pub paid: U256,
    /// What going together has saved, in gas.
    pub gas_saved: u64,
    /// The same at the prices of the time, in wei.
    pub saved: U256,
    /// From the first broadcast to confirmation.
    pub latency: Histogram,
}

/// How often something took how long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// At most so many seconds ([`LATENCY_BOUNDS`]), each counted once.
    pub buckets: [u64; LATENCY_BOUNDS.len()],
    /// All of them.
    pub count: u64,
    /// All their seconds together.
    pub sum: u64,
}

/// An intent that has not ended.
#[derive(Clone, Debug)]
struct Flight {
    kind: Kind,
    model_id: Option<B256>,
    statements: usize,
    /// What it brings, in wei.
    value: U256,
    nonce: Option<u64>,
    handed_at: Option<u64>,
    /// The block that has it, with the day and what was paid.
    mined: Option<(Block, u64, U256)>,
}

/// Counts what is written to a journal.
#[derive(Debug, Default)]
pub struct Tally {
    counters: Counters,
    /// What was paid, by days since 1970, in wei.
    paid: BTreeMap<u64, U256>,
    flights: HashMap<B256, Flight>,
    gas: HashMap<(Kind, B256), VecDeque<(usize, u64)>>,
}

impl Tally {
    /// Begins with what a journal has: what is on its way, what was paid today, what gas was used. `now`: Unix milliseconds.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn begin(journal: &Journal, now: u64) -> Result<Self, JournalError> {
        let mut tally = Self::default();
        for row in journal.latest_rows(Some(Phase::Finalized), LEARNED as u32 * 4)?.into_iter().rev() {
            if let (Some(found), Some(intent)) = (row.state.inclusion(), journal.intent(row.id)?) {
                tally.learn(&Flight::of(&intent, &row), found.gas_used);
            }
        }
        for row in journal.open_rows(0)?.iter().filter(|row| row.nonce.is_some()) {
            if let Some(intent) = journal.intent(row.id)? {
                tally.flights.insert(row.id, Flight::of(&intent, row));
            }
        }
        tally.read_today(journal, now)?;
        Ok(tally)
    }

    /// What was counted since this process began.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What was paid in the day of UTC that this millisecond is in, in wei.
    #[must_use]
    pub fn paid_on(&self, now: u64) -> U256 {
        self.paid.get(&(now / DAY)).copied().unwrap_or_default()
    }

    /// What transactions bring that are signed and in no block yet, in wei; without those of one intent.
    #[must_use]
    pub fn brought(&self, but: B256) -> U256 {
        let pending = self.flights.iter().filter(|(id, flight)| **id != but && flight.mined.is_none());
        pending.fold(U256::ZERO, |sum, (_, flight)| sum.saturating_add(flight.value))
    }

    /// What is known of the gas of a kind of intents of a model.
    #[must_use]
    pub fn gas(&self, kind: Kind, model_id: B256) -> Option<GasUse> {
        let mined = self.gas.get(&(kind, model_id))?;
        GasUse::learn(&mined.iter().copied().collect::<Vec<_>>())
    }

    /// Takes note of something that was just written. `at`: Unix milliseconds.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn hear(&mut self, journal: &Journal, id: B256, event: &Event, at: u64) -> Result<(), JournalError> {
        if let Event::Signed { .. } = event
            && !self.flights.contains_key(&id)
            && let (Some(intent), Some(row)) = (journal.intent(id)?, journal.row(id)?)
        {
            self.flights.insert(id, Flight { nonce: None, mined: None, ..Flight::of(&intent, &row) });
        }
        self.count(id, event, at);
        Ok(())
    }

    fn count(&mut self, id: B256, event: &Event, at: u64) {
        let counters = &mut self.counters;
        let flight = self.flights.get_mut(&id);
        match event {
            Event::Signed { nonce, purpose, .. } => {
                counters.signed += 1;
                counters.undos += u64::from(*purpose == super::Purpose::Undo);
                if let Some(flight) = flight {
                    counters.replacements += u64::from(flight.nonce == Some(*nonce));
                    flight.nonce = Some(*nonce);
                }
            }
            Event::Broadcast { .. } => {
                if let Some(flight) = flight {
                    flight.handed_at = flight.handed_at.or(Some(at));
                }
            }
            Event::Told { words, .. } => *counters.refusals.entry(class(words).into()).or_default() += 1,
            Event::Mined(found) => {
                counters.mined += 1;
                counters.reverted += u64::from(!found.succeeded);
                counters.paid = counters.paid.saturating_add(found.paid);
                let flight = flight.map(|flight| {
                    flight.mined = Some((found.block, at / DAY, found.paid));
                    flight.clone()
                });
                self.pay(at / DAY, found.paid);
                if let Some(flight) = flight.filter(|_| found.succeeded && !found.is_undo) {
                    self.included(&flight, found.gas_used, found.paid);
                }
            }
            Event::Reorged { .. } => {
                counters.reorged += 1;
                if let Some((_, day, paid)) = flight.and_then(|flight| flight.mined.take()) {
                    counters.paid = counters.paid.saturating_sub(paid);
                    let entry = self.paid.entry(day).or_default();
                    *entry = entry.saturating_sub(paid);
                }
            }
            Event::Confirmed(found) => {
                let handed = flight.and_then(|flight| flight.handed_at);
                if let Some(handed) = handed.filter(|_| found.succeeded && !found.is_undo) {
                    counters.latency.add(at.saturating_sub(handed) / 1000);
                }
            }
            Event::Released { .. } => {
                self.flights.remove(&id);
            }
            Event::Finalized(_) => self.end(id, "finalized"),
            Event::Replaced(_) => self.end(id, "replaced"),
            Event::Cancelled => self.end(id, "cancelled"),
            Event::Failed(reason) => {
                *counters.failed.entry(Reason::name(reason).into()).or_default() += 1;
                self.end(id, "failed");
            }
            _ => {}
        }
    }

    fn included(&mut self, flight: &Flight, gas: u64, paid: U256) {
        self.counters.statements += flight.statements as u64;
        if flight.statements > 1
            && let Some(alone) = self.alone(flight)
        {
            let price = u128::try_from(paid / U256::from(gas.max(1))).unwrap_or(u128::MAX);
            let saved = Saved::of(flight.statements, gas, price, alone);
            tracing::info!(kind = flight.kind.name(), "{saved}");
            self.counters.gas_saved = self.counters.gas_saved.saturating_add(saved.gas_alone.saturating_sub(gas));
            self.counters.saved = self.counters.saved.saturating_add(saved.wei());
        }
        self.learn(flight, gas);
    }

    /// The gas of one statement that goes alone, where that was seen, or follows from batches of several sizes.
    fn alone(&self, flight: &Flight) -> Option<u64> {
        let model_id = flight.model_id?;
        let single = match flight.kind {
            Kind::ProofBatch => Kind::Proof,
            Kind::OptimisticBatch => Kind::Optimistic,
            _ => return None,
        };
        let seen = self.gas(single, model_id).map(|gas| gas.of(1));
        seen.or_else(|| self.gas(flight.kind, model_id).filter(|gas| gas.fixed > 0).map(|gas| gas.of(1)))
    }

    fn learn(&mut self, flight: &Flight, gas: u64) {
        let Some(model_id) = flight.model_id else { return };
        let mined = self.gas.entry((flight.kind, model_id)).or_default();
        mined.push_back((flight.statements, gas));
        if mined.len() > LEARNED {
            mined.pop_front();
        }
    }

    fn end(&mut self, id: B256, how: &'static str) {
        self.flights.remove(&id);
        *self.counters.ended.entry(how.into()).or_default() += 1;
    }

    fn pay(&mut self, day: u64, paid: U256) {
        let entry = self.paid.entry(day).or_default();
        *entry = entry.saturating_add(paid);
        while self.paid.len() > DAYS {
            self.paid.pop_first();
        }
    }

    /// What was paid today, by the journal: what is in a block, unless the block left the chain.
    fn read_today(&mut self, journal: &Journal, now: u64) -> Result<(), JournalError> {
        let (mut before, mut found) = (i64::MAX, Vec::new());
        loop {
            let events = journal.events_before(before, PORTION)?;
            let is_of_today = |logged: &&Logged| logged.at / DAY == now / DAY;
            let today = events.iter().take_while(is_of_today).count();
            let is_over = today < PORTION as usize;
            before = events.last().map_or(before, |logged| logged.seq);
            let paid = |logged: Logged| match logged.event {
                Event::Mined(found) => Some((logged.intent, Some(found.paid))),
                Event::Reorged { .. } => Some((logged.intent, None)),
                _ => None,
            };
            found.extend(events.into_iter().take(today).filter_map(paid));
            if is_over {
                break;
            }
        }
        let mut last = HashMap::new();
        let mut sum = U256::ZERO;
        for (id, paid) in found.into_iter().rev() {
            match paid {
                Some(paid) => {
                    last.insert(id, paid);
                    sum = sum.saturating_add(paid);
                }
                None => sum = sum.saturating_sub(last.remove(&id).unwrap_or_default()),
            }
        }
        self.pay(now / DAY, sum);
        Ok(())
    }
}

impl Flight {
    fn of(intent: &Intent, row: &Row) -> Self {
        let mined = row.state.inclusion().map(|found| (found.block, row.since / DAY, found.paid));
        Self {
            kind: intent.kind,
            model_id: intent.model_id,
            statements: statements(intent),
            value: intent.value,
            nonce: row.nonce,
            handed_at: row.broadcast_at,
            mined,
        }
    }
}

impl Histogram {
    fn add(&mut self, seconds: u64) {
        if let Some(bucket) = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(seconds);
    }
}

/// How many statements an intent is about, by its call.
#[must_use]
pub fn statements(intent: &Intent) -> usize {
    match intent.kind {
        Kind::ProofBatch => {
            IProofRegistry::submitBatchCall::abi_decode(&intent.data).map(|call| call.assignments.len())
        }
        Kind::OptimisticBatch => {
            IClaimRegistry::postBatchCall::abi_decode(&intent.data).map(|call| usize::from(call.batch.count))
        }
        Kind::Answer => IClaimRegistry::answerLeavesCall::abi_decode(&intent.data).map(|call| call.leaves.len()),
        _ => Ok(1),
    }
    .unwrap_or(1)
}

/// A word for what a node said.
fn class(words: &str) -> &'static str {
    match meaning(words) {
        Meaning::Known => "already_known",
        Meaning::NonceTooLow => "nonce_too_low",
        Meaning::NonceGap => "nonce_gap",
        Meaning::Replacement => "replacement_underpriced",
        Meaning::Underpriced => "underpriced",
        Meaning::FeeCap => "fee_cap",
        Meaning::NoFunds => "insufficient_funds",
        Meaning::InFlight => "in_flight_limit",
        Meaning::PoolFull => "pool_full",
        Meaning::TooLarge => "too_large",
        Meaning::OutOfGas => "out_of_gas",
        Meaning::Reverted => "reverted",
        Meaning::Malformed => "malformed",
        Meaning::Busy => "busy",
        Meaning::Behind => "behind",
        Meaning::Pruned => "pruned",
        Meaning::Other => "other",
    }
}
