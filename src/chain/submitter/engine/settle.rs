//! What is final.

use super::{Change, End, Engine, Event, Phase, Reason, Step, StepError, View, too_often};
use crate::chain::{
    ChainError,
    submitter::{
        Chain, Intent, Row,
        state::{By, Inclusion},
    },
};

impl<C: Chain> Engine<C> {
    /// Ends what is final: it is done, or its transaction came to nothing and it is said what follows.
    pub(super) async fn settle(&mut self, view: &mut View, step: &mut Step) -> Result<(), StepError> {
        let is_mined = |row: &&Row| matches!(row.phase(), Phase::Mined | Phase::Confirmed);
        let mined = self.rows.values().filter(is_mined).filter_map(|row| Some((row.seq, *row.state.inclusion()?)));
        let over: Vec<_> = mined.filter(|(_, found)| view.is_final(found.block.number)).collect();
        if over.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        for (seq, found) in over {
            // Once more, now that it decides: the block is on the chain, and the transaction in it.
            if !self.is_there(&found, view).await? {
                self.is_unsure = true;
                continue;
            }
            let id = self.rows[&seq].id;
            if self.rows[&seq].phase() == Phase::Mined {
                changes.push(Change::of(id, Event::Confirmed(found)));
            }
            if let Some(done) = self.done_before(seq, &found, view).await? {
                changes.push(Change::of(id, Event::Mined(done)));
                continue;
            }
            let end = match (found.is_undo, found.succeeded) {
                (false, true) => Some(Event::Finalized(found)),
                (true, _) => self.after_undo(seq, view).await?,
                (false, false) => self.after_revert(seq, &found, view).await?,
            };
            changes.extend(end.map(|event| Change::of(id, event)));
        }
        if let Some(block) = view.final_block {
            self.journal.set_final_block(block)?;
        }
        self.record(changes, view.now, step)
    }

    /// Of what did not wait for finality: its transaction of an earlier nonce that succeeded, where the present one came to nothing.
    async fn done_before(&self, seq: i64, found: &Inclusion, view: &mut View) -> Result<Option<Inclusion>, StepError> {
        let (row, attempts) = (&self.rows[&seq], self.attempts.get(&seq).map(Vec::as_slice).unwrap_or_default());
        let has_earlier = attempts.iter().any(|attempt| Some(attempt.nonce) != row.nonce);
        if !has_earlier || !found.came_to_nothing() {
            return Ok(None);
        }
        let included = self.on_chain(&self.receipts(seq).await?, view).await?;
        Ok(included.into_iter().find(|found| !found.came_to_nothing()))
    }

    async fn is_there(&self, found: &Inclusion, view: &mut View) -> Result<bool, StepError> {
        if view.block(&self.chain, found.block.number).await? != Some(found.block) {
            return Ok(false);
        }
        let receipt = self.chain.receipt(found.hash).await?;
        Ok(receipt.is_some_and(|receipt| receipt.block == found.block && receipt.succeeded == found.succeeded))
    }

    /// The transfer in its place is final: it ends as it was to end.
    async fn after_undo(&self, seq: i64, view: &View) -> Result<Option<Event>, StepError> {
        let row = &self.rows[&seq];
        Ok(Some(match &row.ending {
            Some(End::Cancelled) => Event::Cancelled,
            Some(End::Failed(reason)) => Event::Failed(reason.clone()),
            Some(End::Replaced) if self.is_done_finally(&self.intent(row)?, view).await? => Event::Replaced(By::Chain),
            _ => released(row, "its transaction was taken back"),
        }))
    }

    /// Its transaction reverted, finally: why, and whether another one makes sense.
    async fn after_revert(&self, seq: i64, found: &Inclusion, view: &View) -> Result<Option<Event>, StepError> {
        let row = &self.rows[&seq];
        let intent = self.intent(row)?;
        if self.is_done_finally(&intent, view).await? {
            return Ok(Some(Event::Replaced(By::Chain)));
        }
        match &row.ending {
            Some(End::Cancelled) => return Ok(Some(Event::Cancelled)),
            Some(End::Failed(reason)) => return Ok(Some(Event::Failed(reason.clone()))),
            _ => {}
        }
        if let Some(deadline) = intent.deadline.filter(|deadline| *deadline < view.head.timestamp) {
            return Ok(Some(Event::Failed(Reason::Deadline { deadline })));
        }
        let cause = match self.chain.simulate(&intent.what, &intent.call(self.address()), false).await {
            Err(ChainError::Refused { refusal, .. }) => format!("the contract says now: {refusal}"),
            Err(_) => return Ok(None),
            Ok(()) if row.reverts < self.options.reverts => {
                let cause = if row.reorgs > 0 { "a reorganisation" } else { "the state changed before it was mined" };
                return Ok(Some(released(row, &format!("its transaction {} reverted ({cause})", found.hash))));
            }
            Ok(()) => too_often(row.reverts),
        };
        Ok(Some(Event::Failed(Reason::Reverted { hash: found.hash, cause })))
    }

    /// Whether the chain has it at a block that is final.
    pub(super) async fn is_done_finally(&self, intent: &Intent, view: &View) -> Result<bool, StepError> {
        match view.final_block {
            Some(block) if !intent.done.is_empty() => Ok(self.chain.is_done(intent, Some(block.number)).await?),
            _ => Ok(false),
        }
    }

    /// Whether the chain has it at the latest block.
    pub(super) async fn is_done_now(&self, row: &Row) -> Result<bool, StepError> {
        let intent = self.intent(row)?;
        Ok(!intent.done.is_empty() && self.chain.is_done(&intent, None).await?)
    }

    pub(super) fn intent(&self, row: &Row) -> Result<Intent, StepError> {
        let unknown = || StepError::Journal(crate::chain::submitter::JournalError::Unknown(row.id));
        self.journal.intent(row.id)?.ok_or_else(unknown)
    }
}

fn released(row: &Row, why: &str) -> Event {
    // What is in a block has a nonce.
    Event::Released { nonce: row.nonce.unwrap_or_default(), why: why.into() }
}
