//! What became of what was signed.

use super::{Alarm, Change, Engine, Event, Phase, Point, Step, StepError, View};
use crate::chain::{
    ChainError,
    submitter::{Chain, NonceAt, Purpose, Receipt, Row, join::join, state::Inclusion},
};

/// How many receipts are asked for at once.
const AT_ONCE: usize = 16;

impl<C: Chain> Engine<C> {
    pub(super) async fn watch(&mut self, view: &mut View, step: &mut Step) -> Result<(), StepError> {
        if view.has_changed {
            self.unmine(view, step).await?;
        }
        self.find_mined(view, step).await?;
        self.deepen(view, step)
    }

    /// Blocks that the chain does not have any more. What a node does not know is no proof of that: another block has to be there.
    async fn unmine(&mut self, view: &mut View, step: &mut Step) -> Result<(), StepError> {
        let mined: Vec<_> = self.rows.values().filter_map(|row| Some((row.id, row.state.inclusion()?.block))).collect();
        let mut changes = Vec::new();
        self.is_unsure = false;
        for (id, block) in mined {
            match view.block(&self.chain, block.number).await? {
                None => self.is_unsure = true,
                Some(found) if found == block => {}
                Some(_) => {
                    tracing::warn!(intent = %id, number = block.number, "its block left the chain");
                    changes.push(Change::of(id, Event::Reorged { block }));
                }
            }
        }
        if !changes.is_empty() {
            self.reached(Point::Found)?;
        }
        self.record(changes, view.now, step)
    }

    /// Looks for receipts of what the account's nonce has passed.
    async fn find_mined(&mut self, view: &mut View, step: &mut Step) -> Result<(), StepError> {
        let is_due = |nonce: Option<u64>| nonce.is_some_and(|nonce| nonce < view.latest_nonce);
        let waiting = self.rows.values().filter(|row| matches!(row.phase(), Phase::Signed | Phase::Broadcast));
        let due: Vec<i64> = waiting.filter(|row| is_due(row.nonce)).map(|row| row.seq).collect();
        let mut changes = Vec::new();
        let mut lost = Vec::new();
        for some in due.chunks(AT_ONCE) {
            let found = join(some.iter().map(|seq| self.receipts(*seq)).collect()).await;
            for (&seq, found) in some.iter().zip(found) {
                let (found, id) = (found?, self.rows[&seq].id);
                let included = self.on_chain(&found, view).await?;
                if included.is_empty() {
                    lost.push(seq);
                } else if let Some(patience) = self.patience.get_mut(&seq) {
                    patience.lost_at = None;
                }
                changes.extend(included.into_iter().map(|inclusion| Change::of(id, Event::Mined(inclusion))));
            }
        }
        if !changes.is_empty() {
            self.reached(Point::Found)?;
        }
        self.record(changes, view.now, step)?;
        self.release(&lost, view, step).await
    }

    /// The receipts under every hash of an intent that may count, the newest first.
    pub(super) async fn receipts(&self, seq: i64) -> Result<Vec<(Receipt, usize, i64)>, ChainError> {
        let attempts = self.attempts.get(&seq).map(Vec::as_slice).unwrap_or_default();
        let mut found = Vec::new();
        for (at, attempt) in attempts.iter().enumerate().rev() {
            if let Some(receipt) = self.chain.receipt(attempt.hash).await? {
                found.push((receipt, at, seq));
            }
        }
        Ok(found)
    }

    /// The receipts whose blocks are on the chain: nodes have receipts of blocks that are being made, and of some that are gone. One
    /// of the present nonce at most; and one of an earlier nonce that succeeded, which is what counts in the end.
    pub(super) async fn on_chain(
        &self,
        found: &[(Receipt, usize, i64)],
        view: &mut View,
    ) -> Result<Vec<Inclusion>, StepError> {
        let (mut present, mut earlier) = (None, None);
        for (receipt, at, seq) in found {
            if receipt.block.number > view.head.block.number
                || view.block(&self.chain, receipt.block.number).await? != Some(receipt.block)
            {
                continue;
            }
            let attempt = &self.attempts[seq][*at];
            let inclusion = Inclusion {
                hash: attempt.hash,
                block: receipt.block,
                succeeded: receipt.succeeded,
                is_undo: attempt.purpose == Purpose::Undo,
                gas_used: receipt.gas_used,
                paid: receipt.paid,
            };
            if Some(attempt.nonce) == self.rows[seq].nonce {
                present = present.or(Some(inclusion));
            } else if !inclusion.came_to_nothing() {
                // Of those of earlier nonces that came to nothing, it was said when they did.
                earlier = earlier.or(Some(inclusion));
            }
        }
        Ok(present.into_iter().chain(earlier).collect())
    }

    /// Nonces that are used, and by none of ours as far as anybody tells. What is final counts: then none of ours can ever be mined,
    /// and the intent may be signed anew. An answer whose time is nearly over waits for another block, and no longer.
    async fn release(&mut self, lost: &[i64], view: &View, step: &mut Step) -> Result<(), StepError> {
        if lost.is_empty() {
            return Ok(());
        }
        let used = match view.final_block {
            // A node that has no state of that block any more cannot tell.
            Some(block) => self.chain.nonce(self.address(), NonceAt::Block(block.number)).await.unwrap_or_default(),
            None => 0,
        };
        let mut changes = Vec::new();
        for seq in lost {
            let Some(nonce) = self.rows[seq].nonce else { continue };
            let since = *self.patience.entry(*seq).or_default().lost_at.get_or_insert(view.head.block.number);
            let is_late = view.head.block.number > since && self.hurries(*seq, view)?;
            if !(nonce < used || is_late) || self.is_known(*seq).await {
                continue;
            }
            step.alarms.push(Alarm::ForeignNonce { nonce });
            let why = "another transaction of the account, which is not of this journal, has used its nonce".into();
            changes.push(Change::of(self.rows[seq].id, Event::Released { nonce, why }));
        }
        self.record(changes, view.now, step)
    }

    /// Whether an intent cannot wait for finality: a bond depends on it, its time is nearly over, and the contract that takes it once
    /// can be asked whether it has it.
    fn hurries(&self, seq: i64, view: &View) -> Result<bool, StepError> {
        let row = &self.rows[&seq];
        let now = view.head.timestamp;
        let is_near = row.deadline.is_some_and(|until| until >= now && until - now < self.options.hurry);
        Ok(row.is_urgent && is_near && !self.intent(row)?.done.is_empty())
    }

    /// Answers that reverted in a block that is not final yet, and would not now: signed anew while there is time.
    pub(super) async fn hurry(&mut self, view: &View, step: &mut Step) -> Result<(), StepError> {
        let came_to_nothing =
            |row: &&Row| row.state.inclusion().is_some_and(|found| !found.succeeded && !found.is_undo);
        let reverted = self.rows.values().filter(|row| row.is_urgent && row.ending.is_none()).filter(came_to_nothing);
        let reverted: Vec<i64> = reverted.filter(|row| row.reverts < self.options.reverts).map(|row| row.seq).collect();
        let mut changes = Vec::new();
        for seq in reverted {
            if !self.hurries(seq, view)? || self.is_done_now(&self.rows[&seq]).await? {
                continue;
            }
            let row = &self.rows[&seq];
            let intent = self.intent(row)?;
            // What cannot be said now is asked again at the next step.
            if self.chain.simulate(&intent.what, &intent.call(self.address()), false).await.is_ok() {
                let why = "its transaction reverted, and its time is nearly over".to_owned();
                changes.push(Change::of(row.id, Event::Released { nonce: row.nonce.unwrap_or_default(), why }));
            }
        }
        self.record(changes, view.now, step)
    }

    /// Whether one of its transactions with the present nonce is known to the chain, or nobody can tell: receipts come late, and some
    /// nodes give wrong ones first. Then the nonce may well be used by what is ours. What reverted with an earlier nonce is known as
    /// well, and says nothing of this one.
    async fn is_known(&self, seq: i64) -> bool {
        let nonce = self.rows[&seq].nonce;
        let attempts = self.attempts.get(&seq).map(Vec::as_slice).unwrap_or_default();
        for attempt in attempts.iter().filter(|attempt| Some(attempt.nonce) == nonce) {
            if !matches!(self.chain.knows(attempt.hash).await, Ok(false)) {
                return true;
            }
        }
        false
    }

    /// What has enough blocks on top.
    fn deepen(&mut self, view: &View, step: &mut Step) -> Result<(), StepError> {
        let deep = |number: u64| (view.head.block.number + 1).saturating_sub(number) >= self.options.confirmations;
        let mined = self.rows.values().filter(|row| row.phase() == Phase::Mined);
        let confirmed = mined.filter_map(|row| Some((row.id, *row.state.inclusion()?)));
        let confirmed = confirmed.filter(|(_, inclusion)| deep(inclusion.block.number));
        let changes: Vec<_> = confirmed.map(|(id, found)| Change::of(id, Event::Confirmed(found))).collect();
        self.record(changes, view.now, step)
    }
}
