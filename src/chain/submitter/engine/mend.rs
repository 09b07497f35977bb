//! What is stuck.

use super::{Alarm, Change, End, Engine, Event, Phase, Reason, Step, StepError, View, send::Draft};
use crate::chain::{
    ChainError, Fees,
    fees::offer,
    submitter::{
        Attempt, Call, Chain, Intent, Kind, Prices, Purpose, Row, Spend,
        replace::{dearer, unreasonable},
    },
};
use alloy::primitives::{Bytes, U256, keccak256};

/// How many of the transactions that are next may be made dearer in a step: those behind wait for them anyway.
const BUMPS: usize = 4;
/// What a transfer takes where nothing else is said.
const TRANSFER_GAS: u64 = 21_000;

/// What an answer needs of what is before it.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Its nonce.
    nonce: u64,
    /// What may be paid, in wei, for each transaction that is taken out of its way.
    allowance: U256,
}

impl<C: Chain> Engine<C> {
    pub(super) async fn mend(&mut self, view: &mut View, step: &mut Step) -> Result<(), StepError> {
        let waiting = self.rows.values().filter(|row| matches!(row.phase(), Phase::Signed | Phase::Broadcast));
        let mut live: Vec<(u64, i64)> = waiting.filter_map(|row| Some((row.nonce?, row.seq))).collect();
        live.retain(|(nonce, _)| *nonce >= view.latest_nonce);
        live.sort_unstable();
        // What is behind a nonce that nothing has cannot be mined at any price: dearer, it would only leave less for that nonce.
        let gap = self.sequence(view).gaps().next().unwrap_or(u64::MAX);
        let way = self.way(&live)?;
        for (position, (nonce, seq)) in live.into_iter().enumerate() {
            if self.patience.entry(seq).or_default().until > view.now {
                continue;
            }
            let blocks = way.filter(|way| nonce < way.nonce && !self.rows[&seq].is_urgent);
            self.mend_one(seq, (position < BUMPS && nonce < gap, blocks), view, step).await?;
        }
        self.fill_gap(view).await
    }

    /// The answer that a bond depends on and that waits behind the most, if one does: what is before it in the order of nonces holds it
    /// up.
    fn way(&self, live: &[(u64, i64)]) -> Result<Option<Way>, StepError> {
        let is_answer = |seq: &i64| self.rows[seq].is_urgent && self.rows[seq].deadline.is_some();
        let Some((nonce, seq)) = live.iter().rev().find(|(_, seq)| is_answer(seq)) else { return Ok(None) };
        let before = live.iter().filter(|(other, seq)| other < nonce && !self.rows[seq].is_urgent).count();
        let worth = self.intent(&self.rows[seq])?.max_cost.unwrap_or(U256::MAX);
        Ok(Some(Way { nonce: *nonce, allowance: worth / U256::from(before.max(1)) }))
    }

    async fn mend_one(
        &mut self,
        seq: i64,
        (may_bump, blocks): (bool, Option<Way>),
        view: &mut View,
        step: &mut Step,
    ) -> Result<(), StepError> {
        let row = self.rows[&seq].clone();
        let Some(newest) = self.attempts.get(&seq).and_then(|attempts| attempts.last()).cloned() else { return Ok(()) };
        if row.ending.is_some() && newest.purpose == Purpose::Do {
            return self.undo(&row, &newest, blocks, view, step).await.map(drop);
        }
        if let Some(way) = blocks.filter(|_| view.head.base_fee.is_some_and(|base| newest.fees.ceiling() < base)) {
            return self.make_way(&row, &newest, way, view, step).await;
        }
        let patience = self.patience.entry(seq).or_default();
        let after = if row.is_urgent { self.options.bump_urgent_after } else { self.options.bump_after };
        let is_stuck = may_bump && u128::from(view.now.saturating_sub(newest.at)) >= after.as_millis();
        if is_stuck || patience.is_underpriced {
            return self.bump(&row, &newest, row.is_urgent, view, step).await.map(drop);
        }
        if row.phase() == Phase::Signed {
            // A process died, or a node refused.
            return self.hand_over_again(&row, &newest, view, step).await;
        }
        let waited = patience.handed_at.map(|at| u128::from(view.now.saturating_sub(at)));
        if waited.is_some_and(|waited| waited < self.options.resend_after.as_millis()) {
            return Ok(());
        }
        // The pool's count says it for all before; a node that counts wrong is asked for the very transaction.
        let is_known = matches!(self.chain.knows(newest.hash).await, Ok(true));
        if newest.nonce >= view.pending_nonce || !is_known {
            return self.hand_over_again(&row, &newest, view, step).await;
        }
        self.patience.entry(seq).or_default().handed_at = Some(view.now);
        Ok(())
    }

    /// The same bytes once more, if the contract still takes them.
    async fn hand_over_again(
        &mut self,
        row: &Row,
        newest: &Attempt,
        view: &View,
        step: &mut Step,
    ) -> Result<(), StepError> {
        if newest.purpose == Purpose::Do && !self.still_passes(row, view, step).await? {
            return Ok(());
        }
        self.hand_over(&[row.seq], view, step).await
    }

    /// Whether what was signed would still succeed. What is refused at several blocks is taken back. Tried out on the latest block:
    /// on the pending one it may be done already, by itself.
    async fn still_passes(&mut self, row: &Row, view: &View, step: &mut Step) -> Result<bool, StepError> {
        let intent = self.intent(row)?;
        let refusal = match self.chain.simulate(&intent.what, &intent.call(self.address()), false).await {
            Ok(()) => return Ok(true),
            Err(ChainError::Refused { refusal, .. }) => refusal.to_string(),
            Err(error) => return Err(error.into()),
        };
        self.put_off(row.seq, view.now);
        // What is before it may be what it needs.
        let is_next = row.nonce == Some(view.latest_nonce);
        if !is_next || !self.is_refused_enough(row.seq, view) {
            return Ok(false);
        }
        let is_done = self.is_done_now(row).await?;
        let end = if is_done { End::Replaced } else { End::Failed(Reason::Refused(refusal)) };
        self.record(vec![Change::of(row.id, Event::Ending(end))], view.now, step)?;
        Ok(false)
    }

    /// Counts a refusal, one for a block; whether that is enough to believe it.
    pub(super) fn is_refused_enough(&mut self, seq: i64, view: &View) -> bool {
        let patience = self.patience.entry(seq).or_default();
        if patience.refused_at != Some(view.head.block.hash) {
            patience.refused_at = Some(view.head.block.hash);
            patience.refusals += 1;
        }
        patience.refusals >= self.options.refusals
    }

    /// What an answer waits behind pays less than the base fee: dearer within its own limits, if that is enough; else a transfer of
    /// nothing takes its place, within the limits of the answer, and it is done later.
    async fn make_way(
        &mut self,
        row: &Row,
        newest: &Attempt,
        way: Way,
        view: &mut View,
        step: &mut Step,
    ) -> Result<(), StepError> {
        if newest.purpose == Purpose::Undo {
            return self.bump(row, newest, true, view, step).await.map(drop);
        }
        let (prices, base) = (view.prices(&self.chain).await?, view.head.base_fee.unwrap_or_default());
        let limit = self.options.fee_limit(false).unwrap_or_else(|| unreasonable(prices));
        let is_enough = dearer(newest.fees, prices, limit).is_some_and(|fees| fees.ceiling() >= base);
        if is_enough && self.bump(row, newest, false, view, step).await? {
            return Ok(());
        }
        if self.undo(row, newest, Some(way), view, step).await? {
            tracing::warn!(intent = %row.id, nonce = newest.nonce, "makes way for an answer, and is done later");
        }
        Ok(())
    }

    /// A dearer transaction with the same nonce; whether it was signed. Where that is not allowed, the old one once more.
    async fn bump(
        &mut self,
        row: &Row,
        newest: &Attempt,
        is_urgent: bool,
        view: &mut View,
        step: &mut Step,
    ) -> Result<bool, StepError> {
        let prices = view.prices(&self.chain).await?;
        let is_underpriced = self.patience.get(&row.seq).is_some_and(|patience| patience.is_underpriced);
        let limit = match self.options.fee_limit(is_urgent) {
            Some(limit) => limit,
            // The node itself asks for more.
            None if is_underpriced => u128::MAX,
            None => unreasonable(prices),
        };
        let Some(fees) = dearer(newest.fees, prices, limit) else {
            let reason = "it is not mined, and the most that may be paid (--max-fee, else ten times today's price) leaves no room \
                          to replace it by something dearer"
                .into();
            step.alarms.push(Alarm::Stuck { intent: row.id, reason });
            self.put_off(row.seq, view.now);
            self.hand_over_again(row, newest, view, step).await?;
            return Ok(false);
        };
        if newest.purpose == Purpose::Do && !self.still_passes(row, view, step).await? {
            return Ok(false);
        }
        let intent = self.intent(row)?;
        let (call, gas) = match newest.purpose {
            Purpose::Do => {
                let call = intent.call(self.address());
                // Estimated anew, never lower.
                let gas = match self.chain.estimate(&intent.what, &call).await {
                    Ok(estimate) => self.gas(&intent, estimate, view).unwrap_or(newest.gas).max(newest.gas),
                    Err(_) => newest.gas,
                };
                (call, gas)
            }
            Purpose::Undo => (self.to_itself(), newest.gas),
        };
        let draft = self.draft(newest.purpose, call, newest.nonce, (gas, fees)).await?;
        match self.may_replace(&intent, &draft, newest, view).await? {
            None => {
                tracing::info!(intent = %row.id, nonce = newest.nonce, "replaced by something dearer");
                let attempt = self.sign(&intent, &draft, view.now).await?;
                self.patience.entry(row.seq).or_default().is_underpriced = false;
                self.send(vec![attempt], view, step).await?;
                Ok(true)
            }
            Some(reason) => {
                step.alarms.push(Alarm::Budget { intent: row.id, reason });
                self.put_off(row.seq, view.now);
                // The node may have forgotten it.
                self.hand_over(&[row.seq], view, step).await?;
                Ok(false)
            }
        }
    }

    /// A transfer of nothing with the same nonce: then nothing of the intent can be mined. Whether it was signed. `way`: for an
    /// answer, with the answer's limits.
    async fn undo(
        &mut self,
        row: &Row,
        newest: &Attempt,
        way: Option<Way>,
        view: &mut View,
        step: &mut Step,
    ) -> Result<bool, StepError> {
        let limit = self.options.fee_limit(row.is_urgent || way.is_some()).unwrap_or(u128::MAX);
        let prices = view.prices(&self.chain).await?;
        let fees = match dearer(newest.fees, prices, limit) {
            Some(fees) => fees,
            None => match self.fees_anew(newest, prices, limit).await {
                Some(fees) => fees,
                None => {
                    let reason = "it cannot be taken back: --max-fee leaves no room to replace it".into();
                    step.alarms.push(Alarm::Stuck { intent: row.id, reason });
                    self.put_off(row.seq, view.now);
                    return Ok(false);
                }
            },
        };
        let (intent, call) = (self.intent(row)?, self.to_itself());
        // Some L2s take more for a transfer.
        let gas = self.chain.estimate("a transfer of nothing", &call).await.unwrap_or(TRANSFER_GAS).max(TRANSFER_GAS);
        let draft = self.draft(Purpose::Undo, call, newest.nonce, (gas, fees)).await?;
        if let Some(way) = way.filter(|way| draft.ceiling > way.allowance) {
            let (cost, allowance) = (draft.ceiling, way.allowance);
            let reason = format!(
                "an answer waits behind it, and taking it back may cost {cost} wei, more than the {allowance} that are worth it"
            );
            step.alarms.push(Alarm::Stuck { intent: row.id, reason });
            self.put_off(row.seq, view.now);
            return Ok(false);
        }
        tracing::info!(intent = %row.id, nonce = newest.nonce, "taken back");
        let attempt = self.sign(&intent, &draft, view.now).await?;
        self.send(vec![attempt], view, step).await?;
        Ok(true)
    }

    /// What no pool has any more needs no replacement: today's price is enough, where what it once paid leaves no room above it.
    async fn fees_anew(&self, newest: &Attempt, prices: Prices, limit: u128) -> Option<Fees> {
        let is_gone = matches!(self.chain.knows(newest.hash).await, Ok(false));
        if is_gone { offer(prices, Some(limit)).ok() } else { None }
    }

    async fn may_replace(
        &self,
        intent: &Intent,
        draft: &Draft,
        newest: &Attempt,
        view: &View,
    ) -> Result<Option<String>, StepError> {
        let balance = self.chain.balance(self.address()).await?;
        let on_its_way = self.on_its_way(self.numbers.get(&intent.id).copied());
        let (ceiling, instead_of, now) = (draft.ceiling, newest.ceiling, view.now);
        let needed = ceiling.saturating_add(on_its_way);
        if needed > balance {
            return Ok(Some(format!("the account has {balance} wei, and {needed} are needed with what is on its way")));
        }
        // Taking it back is what saves money.
        if draft.purpose == Purpose::Undo {
            return Ok(None);
        }
        Ok(self.objection(intent, &Spend { intent, ceiling, instead_of, on_its_way, balance, now }))
    }

    /// A nonce that neither pool nor journal has, with ours behind it: what is planned next gets it. Where nothing is, a transfer of
    /// nothing.
    async fn fill_gap(&mut self, view: &View) -> Result<(), StepError> {
        let Some(gap) = self.sequence(view).gaps().next() else {
            self.gap_since = None;
            return Ok(());
        };
        let since = match self.gap_since {
            Some((nonce, since)) if nonce == gap => since,
            _ => self.gap_since.insert((gap, view.now)).1,
        };
        let is_old = u128::from(view.now.saturating_sub(since)) >= self.options.resend_after.as_millis();
        let mut planned = self.rows.values().filter(|row| row.phase() == Phase::Planned);
        // One transfer is enough, and what is planned is as good, unless it is not begun any more.
        if !is_old || planned.any(|row| self.may_begin(row, view)) {
            return Ok(());
        }
        let owner = [self.chain.chain_id().to_be_bytes().as_slice(), self.address().as_slice()].concat();
        let id = keccak256(
            [b"zkinfer/submitter/gap/v1".as_slice(), &owner, &gap.to_be_bytes(), &since.to_be_bytes()].concat(),
        );
        let what = format!("a transfer of nothing, so that nonce {gap} is used");
        tracing::warn!(nonce = gap, "nobody uses a nonce that others wait for");
        let filler =
            Intent { is_urgent: true, records: 0, ..Intent::new(id, Kind::Filler, what, self.address(), Bytes::new()) };
        self.journal.add(&filler, view.now)?;
        self.gap_since = None;
        self.take_in()
    }

    fn to_itself(&self) -> Call {
        let account = self.address();
        Call { from: account, to: account, data: Bytes::new(), value: U256::ZERO }
    }
}
