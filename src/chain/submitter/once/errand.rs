//! An intent on its way.

use super::{Hearer, Payer, now, payer::Objection};
use crate::chain::{
    ChainError, Mined, fees,
    operator::interrupted,
    sender::{Depth, Sender, mined},
    submitter::{
        Alarm, Change, Endpoints, Engine, Event, Inclusion, Intent, JournalError, Phase, Row, State, Step, StepError,
    },
    wording::{Meaning, meaning},
};
use alloy::primitives::B256;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// The time between two looks where every look costs somebody else something.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Errand<'a> {
    sender: &'a Sender,
    intent: Intent,
    engine: Engine<Endpoints>,
    payer: Arc<Payer>,
    hearer: Arc<Hearer>,
    /// Since when it is waited for.
    begun: Instant,
    /// Whether this command has signed something for it.
    is_signed: bool,
    /// What the node said of its newest transaction that it did not take.
    told: Option<(B256, String)>,
    /// What kept it from being signed, the last time.
    obstacle: Option<ChainError>,
    /// Whether somebody was asked for more than an earlier command has signed.
    is_asked: bool,
}

impl<'a> Errand<'a> {
    pub(super) fn new(
        sender: &'a Sender,
        intent: Intent,
        engine: Engine<Endpoints>,
        (payer, hearer): (Arc<Payer>, Arc<Hearer>),
    ) -> Self {
        Self {
            sender,
            intent,
            engine,
            payer,
            hearer,
            begun: Instant::now(),
            is_signed: false,
            told: None,
            obstacle: None,
            is_asked: false,
        }
    }

    /// Step after step, until it is as deep as was asked for.
    pub(super) async fn go(&mut self) -> Result<Option<Mined>, ChainError> {
        let operator = self.sender.operator.clone();
        let usual = self.sender.options.poll_interval.max(Duration::from_millis(1));
        let pause = if self.sender.is_free() { usual } else { usual.max(PAUSE) };
        loop {
            // Ending in the middle of a step is as dying there: the journal says what was done.
            let step = tokio::select! {
                biased;
                () = interrupted(&*operator) => return Err(self.interrupted()?),
                step = self.engine.step(now()) => step,
            };
            match step {
                Ok(step) => {
                    if let Some(end) = self.judge(&step).await? {
                        return Ok(end);
                    }
                }
                Err(StepError::Chain(error @ ChainError::Interrupted(_))) => {
                    return Err(self.hearer.failure().unwrap_or(error));
                }
                // Whoever holds the key did not sign: they were asked.
                Err(StepError::Chain(error @ ChainError::Signer { .. })) => return Err(error),
                Err(StepError::Chain(error)) => {
                    tracing::warn!(%error, "the node does not answer; it is asked again");
                    self.obstacle = Some(error);
                }
                Err(StepError::Journal(JournalError::Busy { .. })) => {}
                Err(StepError::Journal(error)) => return Err(error.into()),
                Err(error @ StepError::Stopped(_)) => return Err(self.unexpected(error.to_string())),
            }
            if self.begun.elapsed() >= self.sender.options.receipt_deadline {
                return Err(self.overdue().await?);
            }
            tokio::select! {
                biased;
                () = interrupted(&*operator) => return Err(self.interrupted()?),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes it out of the journal where nothing of it is signed: nobody is to send later what this command says it did not send.
    pub(super) fn abandon(self) {
        let id = self.intent.id;
        let mut journal = self.engine.into_journal();
        let cancelled = match journal.row(id) {
            Ok(Some(row)) if row.phase() == Phase::Planned => {
                journal.record(&[Change::of(id, Event::Cancelled)], now()).map(drop)
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = cancelled {
            tracing::warn!(%error, "it stays planned, and whoever sends for the account next sends it");
        }
    }

    /// How it stands after a step. `Some`: it is done.
    async fn judge(&mut self, step: &Step) -> Result<Option<Option<Mined>>, ChainError> {
        for (_, event) in step.events.iter().filter(|(id, _)| *id == self.intent.id) {
            match event {
                // It is waited for from the first transaction on, whatever takes its place.
                Event::Signed { .. } if !self.is_signed => {
                    (self.is_signed, self.begun) = (true, Instant::now());
                }
                Event::Told { hash, words } if is_hopeless(words) => {
                    return Err(self.sender.not_taken(&self.intent.what, *hash, words).await);
                }
                Event::Told { hash, words } => self.told = Some((*hash, words.clone())),
                _ => {}
            }
        }
        if let Some(reason) = &step.hold {
            return Err(self.held(reason.clone()));
        }
        let row = self.row()?;
        match &row.state {
            State::Planned => self.why_not(step).await.map(|()| None),
            State::Signed | State::Broadcast => {
                self.ask_for_more().await;
                Ok(None)
            }
            // It ends when that is final.
            State::Mined(found) | State::Confirmed(found) if found.is_undo => Ok(None),
            State::Mined(found) | State::Confirmed(found) if !found.succeeded => Err(ChainError::TransactionFailed {
                what: self.intent.what.clone(),
                hash: found.hash,
                block: found.block.number,
            }),
            State::Mined(found) | State::Confirmed(found) if !self.is_deep(found, step) => Ok(None),
            State::Mined(found) | State::Confirmed(found) | State::Finalized(found) => self.receipt(found).await,
            State::Replaced(_) => Ok(Some(None)),
            State::Cancelled => Err(self.ended("it was cancelled".into())),
            State::Failed(reason) => Err(self.ended(reason.to_string())),
        }
    }

    fn is_deep(&self, found: &Inclusion, step: &Step) -> bool {
        let Some(head) = step.head else { return false };
        match self.sender.options.depth {
            Depth::Final => false,
            Depth::Blocks(blocks) => (head.number + 1).saturating_sub(found.block.number) >= blocks.max(1),
        }
    }

    /// The receipt, which a node may have a moment later.
    async fn receipt(&self, found: &Inclusion) -> Result<Option<Option<Mined>>, ChainError> {
        match self.engine.chain().canonical_receipt(found.hash).await {
            Ok(Some(receipt)) => mined(&self.intent.what, receipt).map(|mined| Some(Some(mined))),
            // Of several nodes some have it later.
            Ok(None) | Err(ChainError::NoQuorum { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What an earlier command has signed is stuck, and may be replaced within --max-cost: whoever gave this command agrees to that, or
    /// it is waited for as it is.
    async fn ask_for_more(&mut self) {
        let is_wanted = matches!(self.payer.objection(), Some(Objection::NotShown));
        if self.is_asked || !is_wanted || self.sender.options.budget.max_cost.is_none() {
            return;
        }
        self.is_asked = true;
        if let Ok(plan) = self.sender.consider(&self.intent.plan()).await {
            self.payer.agreed(plan.ceiling());
        }
    }

    /// Why it is not signed yet, when that is for whoever gave the command to see to.
    async fn why_not(&mut self, step: &Step) -> Result<(), ChainError> {
        if step.is_paused || step.is_draining {
            let asked = if step.is_paused { "pause" } else { "drain" };
            return Err(self.held(format!(
                "`zkinfer submitter {asked}` was asked for, for this account; `zkinfer submitter resume` ends it"
            )));
        }
        let call = self.intent.plan();
        match self.payer.objection() {
            Some(Objection::TooDear(error)) => return Err(error),
            Some(Objection::NotShown) => {
                let plan = self.sender.consider(&call).await?;
                self.payer.agreed(plan.ceiling());
                return Ok(());
            }
            None => {}
        }
        for alarm in &step.alarms {
            match alarm {
                Alarm::Funds { needed, available } => {
                    return Err(ChainError::InsufficientFunds {
                        chain_id: self.sender.node.chain_id(),
                        account: self.sender.address(),
                        what: self.intent.what.clone(),
                        needed: *needed,
                        available: *available,
                    });
                }
                Alarm::Fees { .. } => {
                    fees::quote(&self.sender.node, self.engine.options().max_fee).await?;
                }
                Alarm::Budget { intent, reason } if *intent == self.intent.id => {
                    return Err(self.ended(format!("it is not paid for: {reason}")));
                }
                _ => {}
            }
        }
        // The contract may refuse by now. What it says at one block may be otherwise at the next, but nobody waits for that.
        match self.sender.try_out(&call).await {
            Err(error @ (ChainError::Refused { .. } | ChainError::OutOfGas { .. })) => Err(error),
            Err(error) => {
                self.obstacle = Some(error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Why it was waited for long enough.
    async fn overdue(&self) -> Result<ChainError, ChainError> {
        let (what, waited) = (self.intent.what.clone(), self.begun.elapsed());
        let row = self.row()?;
        if let Some(found) = row.state.inclusion().filter(|found| !found.is_undo) {
            return Ok(ChainError::Shallow { what, hash: found.hash, block: found.block.number, waited });
        }
        let Some((hash, nonce)) = self.newest(&row)? else {
            let reason = self.obstacle.as_ref().map_or_else(|| "no node said why".to_owned(), ToString::to_string);
            return Ok(self.held(format!("it could not be signed within {} s: {reason}", waited.as_secs())));
        };
        if let Some((hash, words)) = self.told.as_ref().filter(|_| row.broadcast_at.is_none()) {
            return Ok(self.sender.not_taken(&what, *hash, words).await);
        }
        if self.sender.is_lost(hash, nonce).await {
            return Ok(ChainError::Replaced { what, hash, account: self.sender.address(), nonce });
        }
        Ok(ChainError::NoReceipt { what, hash, waited })
    }

    /// What an interrupt comes to: once something is signed, nobody can say that no node has it.
    fn interrupted(&self) -> Result<ChainError, ChainError> {
        let what = self.intent.what.clone();
        Ok(match self.newest(&self.row()?)? {
            Some((hash, _)) => ChainError::InterruptedAfter { what, hash },
            None => ChainError::Interrupted(what),
        })
    }

    /// The newest transaction that may still be mined, or is.
    fn newest(&self, row: &Row) -> Result<Option<(B256, u64)>, ChainError> {
        let Some(nonce) = row.nonce else { return Ok(None) };
        let attempts = self.engine.journal().attempts(self.intent.id)?;
        let newest = attempts.iter().rfind(|attempt| attempt.nonce == nonce);
        Ok(newest.map(|attempt| (attempt.hash, nonce)))
    }

    fn row(&self) -> Result<Row, ChainError> {
        let id = self.intent.id;
        Ok(self.engine.journal().row(id)?.ok_or(JournalError::Unknown(id))?)
    }

    fn held(&self, reason: String) -> ChainError {
        ChainError::Held { what: self.intent.what.clone(), reason }
    }

    fn ended(&self, reason: String) -> ChainError {
        ChainError::Ended { what: self.intent.what.clone(), reason }
    }

    fn unexpected(&self, reason: String) -> ChainError {
        ChainError::Unexpected { what: self.intent.what.clone(), reason }
    }
}

/// Whether waiting does not help, nor a dearer transaction: the account cannot pay, or the node has another reason.
fn is_hopeless(words: &str) -> bool {
    matches!(meaning(words), Meaning::NoFunds | Meaning::Other)
}
