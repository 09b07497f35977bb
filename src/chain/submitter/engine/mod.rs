//! What moves intents on: one step after the other.
//!
//! A step reads the chain, writes the journal, and then sends. It knows no clock but the one it is given and holds nothing that a
//! new process could not read from the journal and the chain, so that a process may die anywhere in it. In order:
//!
//! 1. what was added and wished for since the last step;
//! 2. whether this is the chain that was written to: its last final block is still there. If it is not, nothing is sent;
//! 3. what became of what was signed: receipts under all hashes, each with its block on the chain now; reorganisations;
//!    confirmations; ends;
//! 4. what is stuck: handed over again, replaced by something dearer, or taken back;
//! 5. what is planned and has room: looked up on the chain, tried out, signed, kept, handed over.

mod begin;
mod look;
mod mend;
mod run;
mod send;
mod settle;
mod step;
mod tests;
mod watch;

pub use run::{Until, run};
pub use step::{Alarm, Point, Probe, Step, StepError, Would};

use super::{
    Attempt, Chain, Change, Event, Head, Held, Options, Purse, Row, Wish,
    state::{Block, End, Phase, Reason, State},
};
use crate::chain::{Account, operator::Operator};
use alloy::primitives::{Address, B256};
use look::View;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The submitter of one account on one chain.
#[derive(Debug)]
pub struct Engine<C> {
    chain: C,
    journal: Held,
    account: Account,
    options: Options,
    purse: Arc<dyn Purse>,
    probe: Arc<dyn Probe>,
    operator: Arc<dyn Operator>,
    /// The one intent that may be begun; `None`: all of them.
    only: Option<B256>,
    /// What has not ended, by its number in the journal.
    rows: BTreeMap<i64, Row>,
    numbers: HashMap<B256, i64>,
    /// The transactions of the present nonce of what was signed, oldest first; of what is urgent, those of earlier ones before them.
    attempts: BTreeMap<i64, Vec<Attempt>>,
    patience: BTreeMap<i64, Patience>,
    last_seq: i64,
    /// The latest block that all of step 3 was done for.
    seen: Option<Head>,
    final_block: Option<Block>,
    /// A block that was seen before is one that nobody could tell anything of: it is looked for again.
    is_unsure: bool,
    gap_since: Option<(u64, u64)>,
}

/// What is remembered of an intent between two steps. Losing it costs time and nothing else.
#[derive(Clone, Debug, Default)]
struct Patience {
    /// Nothing is tried before.
    until: u64,
    /// When its newest transaction was handed over last.
    handed_at: Option<u64>,
    /// How often the contract refused, and at which block last.
    refusals: u32,
    refused_at: Option<B256>,
    /// How often the node refused.
    node_refusals: u32,
    /// How often in a row something was put off.
    delays: u32,
    /// Its transaction pays too little to be taken.
    is_underpriced: bool,
    /// The block at which its nonce was first found to be used by none of ours.
    lost_at: Option<u64>,
    told: String,
}

impl<C: Chain> Engine<C> {
    /// An engine for a journal that is held. Whether chain, account and journal belong together, the journal has checked.
    #[must_use]
    pub fn new(chain: C, journal: Held, account: Account, options: Options) -> Self {
        Self {
            chain,
            journal,
            account,
            options,
            purse: Arc::new(()),
            probe: Arc::new(()),
            operator: Arc::new(()),
            only: None,
            rows: BTreeMap::new(),
            numbers: HashMap::new(),
            attempts: BTreeMap::new(),
            patience: BTreeMap::new(),
            last_seq: 0,
            seen: None,
            final_block: None,
            is_unsure: false,
            gap_since: None,
        }
    }

    /// Asks before every signature whether it may be paid for.
    #[must_use]
    pub fn with_purse(mut self, purse: Arc<dyn Purse>) -> Self {
        self.purse = purse;
        self
    }

    /// Tells somebody of every transaction between its being kept and its being handed over, who may stop it there.
    #[must_use]
    pub fn with_operator(mut self, operator: Arc<dyn Operator>) -> Self {
        self.operator = operator;
        self
    }

    /// Begins nothing but this intent, and what nonces before it need. What was signed for others is looked after all the same: it
    /// may be what this one waits for.
    #[must_use]
    pub const fn only(mut self, intent: B256) -> Self {
        self.only = Some(intent);
        self
    }

    /// Stops where a test wants the process to have died.
    #[must_use]
    pub fn with_probe(mut self, probe: Arc<dyn Probe>) -> Self {
        self.probe = probe;
        self
    }

    /// Who pays.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.account.address()
    }

    /// The journal, to read and to add to.
    #[must_use]
    pub const fn journal(&self) -> &Held {
        &self.journal
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &C {
        &self.chain
    }

    /// How it goes about it.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// What has not ended, by its number in the journal, as of the last step.
    #[must_use]
    pub const fn open(&self) -> &BTreeMap<i64, Row> {
        &self.rows
    }

    /// Gives the journal back.
    #[must_use]
    pub fn into_journal(self) -> Held {
        self.journal
    }

    /// One step. `now` is in Unix milliseconds and never goes back.
    ///
    /// # Errors
    /// [`StepError`]: what was done until then is in the journal, and the next step goes on from there.
    pub async fn step(&mut self, now: u64) -> Result<Step, StepError> {
        let mut step = Step::default();
        self.take_in()?;
        let view = self.look(now, &mut step).await?;
        if let Some(mut view) = view {
            if self.options.is_dry_run {
                self.begin(&mut view, &mut step).await?;
            } else {
                self.watch(&mut view, &mut step).await?;
                self.settle(&mut view, &mut step).await?;
                self.hurry(&view, &mut step).await?;
                self.seen = (!self.is_unsure).then_some(view.head);
                self.fulfil(&view, &mut step)?;
                self.conclude(&view, &mut step).await?;
                if !view.is_paused {
                    self.mend(&mut view, &mut step).await?;
                    self.begin(&mut view, &mut step).await?;
                }
            }
            step.head = Some(view.head.block);
            step.is_paused = view.is_paused;
            step.is_draining = view.is_draining;
        }
        step.open = self.rows.len();
        step.live = self.rows.values().filter(|row| row.nonce.is_some()).count();
        Ok(step)
    }

    /// What was added since the last step.
    fn take_in(&mut self) -> Result<(), StepError> {
        for row in self.journal.open_rows(self.last_seq)? {
            self.last_seq = row.seq;
            self.admit(row)?;
        }
        Ok(())
    }

    fn admit(&mut self, row: Row) -> Result<(), StepError> {
        if let Some(nonce) = row.nonce
            && !self.attempts.contains_key(&row.seq)
        {
            let mut attempts = self.journal.attempts(row.id)?;
            // Those of an earlier nonce can never be mined: something final has used it. What was in a hurry did not wait for that.
            attempts.retain(|attempt| attempt.nonce == nonce || row.is_urgent);
            self.attempts.insert(row.seq, attempts);
        }
        self.numbers.insert(row.id, row.seq);
        self.rows.insert(row.seq, row);
        Ok(())
    }

    /// What the operator wants of single intents.
    fn fulfil(&mut self, view: &View, step: &mut Step) -> Result<(), StepError> {
        for (id, wish) in self.journal.wishes()? {
            let Some(row) = self.journal.row(id)? else { continue };
            let event = match (wish, row.phase()) {
                (Wish::Cancel, Phase::Planned) => Some(Event::Cancelled),
                (Wish::Cancel, Phase::Signed | Phase::Broadcast) if row.ending.is_none() => {
                    Some(Event::Ending(End::Cancelled))
                }
                (Wish::Cancel, Phase::Mined | Phase::Confirmed) => {
                    Some(Event::Noted("too late to cancel: its transaction is in a block".into()))
                }
                (Wish::Revive, Phase::Cancelled | Phase::Failed) => Some(Event::Revived),
                _ => None,
            };
            if let Some(event) = event {
                self.record(vec![Change::of(id, event)], view.now, step)?;
            }
            self.journal.seen_to(id)?;
        }
        Ok(())
    }

    /// What is too late, and what was to end when its nonce was used by somebody else.
    async fn conclude(&mut self, view: &View, step: &mut Step) -> Result<(), StepError> {
        let mut changes = Vec::new();
        for row in self.rows.values() {
            let late = row.deadline.filter(|deadline| *deadline < view.head.timestamp);
            let reason = late.map(|deadline| Reason::Deadline { deadline });
            match (row.phase(), &row.ending, reason) {
                (Phase::Planned, Some(End::Cancelled), _) => changes.push(Change::of(row.id, Event::Cancelled)),
                (Phase::Planned, Some(End::Failed(reason)), _) => {
                    changes.push(Change::of(row.id, Event::Failed(reason.clone())));
                }
                // Somebody else may have done it in time.
                (Phase::Planned, _, Some(reason)) if !self.is_done_now(row).await? => {
                    changes.push(Change::of(row.id, Event::Failed(reason)));
                }
                // In a block it could only revert now.
                (Phase::Signed | Phase::Broadcast, None, Some(reason)) => {
                    changes.push(Change::of(row.id, Event::Ending(End::Failed(reason))));
                }
                (Phase::Mined | Phase::Confirmed, None, reason) => {
                    let reason = self.gives_up(row, reason);
                    changes.extend(reason.map(|reason| Change::of(row.id, Event::Ending(End::Failed(reason)))));
                }
                _ => {}
            }
        }
        self.record(changes, view.now, step)
    }

    /// Why an answer that reverted in a block is not signed anew, if it is not: whoever watches over its claim need not wait until that
    /// block is final before there is another one.
    fn gives_up(&self, row: &Row, late: Option<Reason>) -> Option<Reason> {
        let reverted = row.state.inclusion().filter(|found| !found.succeeded && row.is_urgent)?;
        let is_over = row.reverts >= self.options.reverts;
        late.or_else(|| is_over.then(|| Reason::Reverted { hash: reverted.hash, cause: too_often(row.reverts) }))
    }

    /// Writes what happened, all of it at once.
    fn record(&mut self, changes: Vec<Change>, now: u64, step: &mut Step) -> Result<(), StepError> {
        let rows = self.journal.record(&changes, now)?;
        for (change, row) in changes.into_iter().zip(rows) {
            tracing::debug!(intent = %change.intent, event = change.event.name(), "recorded");
            match (&row.state, row.nonce) {
                (state, _) if !state.is_open() => {
                    self.rows.remove(&row.seq);
                    self.numbers.remove(&row.id);
                    self.attempts.remove(&row.seq);
                    self.patience.remove(&row.seq);
                }
                (State::Planned, _) => {
                    self.attempts.remove(&row.seq);
                    self.patience.remove(&row.seq);
                    self.admit(row)?;
                }
                _ => {
                    // Of what is urgent, those of earlier nonces are read again, too.
                    let is_known = self.attempts.contains_key(&row.seq) || !row.is_urgent;
                    if let Some(attempt) = change.attempt.filter(|_| is_known) {
                        self.attempts.entry(row.seq).or_default().push(attempt);
                    }
                    self.admit(row)?;
                }
            }
            step.events.push((change.intent, change.event));
        }
        Ok(())
    }

    /// Puts something off, longer every time.
    fn put_off(&mut self, seq: i64, now: u64) {
        let patience = self.patience.entry(seq).or_default();
        patience.until = now + (500 << patience.delays.min(6));
        patience.delays += 1;
    }

    fn reached(&self, point: Point) -> Result<(), StepError> {
        if self.probe.dies_at(point) { Err(StepError::Stopped(point)) } else { Ok(()) }
    }
}

/// What is said of what was tried out with success, and reverted all the same.
fn too_often(reverts: u32) -> String {
    format!("it reverts in blocks, {reverts} times now, and not when it is tried out")
}
