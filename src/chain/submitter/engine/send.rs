//! Signing, keeping, handing over: in this order, and nothing between.

use super::{Alarm, Change, End, Engine, Event, Phase, Point, Reason, Step, StepError, View};
use crate::chain::{
    ChainError, Fees,
    plan::{check_size, unsigned},
    submitter::{Attempt, Call, Chain, Intent, Purpose, Reply, Spend},
};
use alloy::{
    eips::Encodable2718,
    network::TransactionBuilder,
    primitives::{B256, U256},
    rpc::types::TransactionRequest,
};

/// A transaction before it is signed.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) purpose: Purpose,
    pub(super) call: Call,
    pub(super) nonce: u64,
    pub(super) gas: u64,
    pub(super) fees: Fees,
    /// The most that it can cost, in wei.
    pub(super) ceiling: U256,
}

impl<C: Chain> Engine<C> {
    /// A transaction with what it can cost at most.
    pub(super) async fn draft(
        &self,
        purpose: Purpose,
        call: Call,
        nonce: u64,
        (gas, fees): (u64, Fees),
    ) -> Result<Draft, StepError> {
        let price = U256::from(gas).saturating_mul(U256::from(fees.ceiling()));
        let mut draft = Draft { purpose, call, nonce, gas, fees, ceiling: U256::ZERO };
        let l1_fee = self.chain.l1_fee(&unsigned(&self.request(&draft)), gas).await?;
        draft.ceiling = price.saturating_add(draft.call.value).saturating_add(l1_fee);
        Ok(draft)
    }

    /// Why it may not be paid for, if it may not.
    pub(super) fn objection(&self, intent: &Intent, spend: &Spend<'_>) -> Option<String> {
        if let Some(limit) = intent.max_cost.filter(|limit| spend.ceiling > *limit) {
            return Some(format!("it may cost {} wei, and {limit} are allowed", spend.ceiling));
        }
        self.purse.admit(spend).err()
    }

    /// The most that everything on its way can cost, in wei: of each intent the newest transaction, which is the dearest.
    pub(super) fn on_its_way(&self, but: Option<i64>) -> U256 {
        let live = self.rows.values().filter(|row| matches!(row.phase(), Phase::Signed | Phase::Broadcast));
        let newest = live.filter(|row| Some(row.seq) != but).filter_map(|row| self.attempts.get(&row.seq)?.last());
        newest.fold(U256::ZERO, |sum, attempt| sum.saturating_add(attempt.ceiling))
    }

    fn request(&self, draft: &Draft) -> TransactionRequest {
        let request = TransactionRequest::default()
            .with_from(draft.call.from)
            .with_to(draft.call.to)
            .with_input(draft.call.data.clone())
            .with_value(draft.call.value)
            .with_gas_limit(draft.gas)
            .with_nonce(draft.nonce)
            .with_chain_id(self.chain.chain_id());
        draft.fees.fill(request)
    }

    /// Signs. From here on it is kept, or nobody hears of it.
    pub(super) async fn sign(&self, intent: &Intent, draft: &Draft, now: u64) -> Result<Attempt, StepError> {
        let signed = self.account.sign(&intent.what, self.request(draft)).await?;
        let raw = signed.encoded_2718();
        check_size(&intent.what, raw.len())?;
        Ok(Attempt {
            hash: *signed.tx_hash(),
            intent: intent.id,
            purpose: draft.purpose,
            nonce: draft.nonce,
            gas: draft.gas,
            fees: draft.fees,
            ceiling: draft.ceiling,
            at: now,
            raw: raw.into(),
        })
    }

    /// Keeps what was signed, all of it at once, and hands it over in the order of the nonces.
    pub(super) async fn send(&mut self, attempts: Vec<Attempt>, view: &View, step: &mut Step) -> Result<(), StepError> {
        if attempts.is_empty() {
            return Ok(());
        }
        self.reached(Point::Signed)?;
        let seqs: Vec<i64> = attempts.iter().filter_map(|attempt| self.numbers.get(&attempt.intent).copied()).collect();
        let hashes: Vec<B256> = attempts.iter().map(|attempt| attempt.hash).collect();
        self.record(attempts.into_iter().map(Change::signed).collect(), view.now, step)?;
        self.reached(Point::Kept)?;
        self.tell(&seqs, &hashes)?;
        self.hand_over(&seqs, view, step).await
    }

    /// Tells the operator what is about to be handed over. Whoever stops it here finds it in the journal.
    fn tell(&self, seqs: &[i64], hashes: &[B256]) -> Result<(), StepError> {
        for (seq, hash) in seqs.iter().zip(hashes) {
            let what = self.intent(&self.rows[seq])?.what;
            self.operator.sending(&what, *hash);
            if self.operator.is_interrupted() {
                return Err(ChainError::Interrupted(what).into());
            }
        }
        Ok(())
    }

    /// Hands the newest transactions of some intents over. They were tried out.
    pub(super) async fn hand_over(&mut self, seqs: &[i64], view: &View, step: &mut Step) -> Result<(), StepError> {
        let mut changes = Vec::new();
        for &seq in seqs {
            let Some(attempt) = self.attempts.get(&seq).and_then(|attempts| attempts.last()) else { continue };
            let reply = self.chain.broadcast(&attempt.raw).await;
            tracing::debug!(hash = %attempt.hash, nonce = attempt.nonce, ?reply, "handed over");
            let (id, hash) = (attempt.intent, attempt.hash);
            changes.extend(self.hear(seq, &reply, view.now, step).map(|words| match words {
                Some(words) => Change::of(id, Event::Told { hash, words }),
                None => Change::of(id, Event::Broadcast { hash }),
            }));
            if let Some(end) = self.end_of_refused(seq) {
                changes.push(Change::of(id, Event::Ending(end)));
            }
        }
        if !seqs.is_empty() {
            self.reached(Point::HandedOver)?;
        }
        self.record(changes, view.now, step)
    }

    /// What a reply means. `Some(None)`: the node has it, which is new. `Some(words)`: it has it not, and what it says is new.
    fn hear(&mut self, seq: i64, reply: &Reply, now: u64, step: &mut Step) -> Option<Option<String>> {
        let (phase, id) = (self.rows[&seq].phase(), self.rows[&seq].id);
        let patience = self.patience.entry(seq).or_default();
        let words = match reply {
            Reply::Taken | Reply::Unanswered(_) => {
                patience.handed_at = Some(now);
                (patience.delays, patience.is_underpriced) = (0, false);
                if matches!(reply, Reply::Taken) {
                    patience.node_refusals = 0;
                }
                return (phase != Phase::Broadcast).then_some(None);
            }
            Reply::Underpriced(words) => {
                patience.is_underpriced = true;
                words
            }
            Reply::NoFunds(words) | Reply::Full(words) | Reply::NonceTooLow(words) => words,
            Reply::Refused(words) => {
                patience.node_refusals += 1;
                words
            }
        };
        let is_new = patience.told != *words;
        patience.told.clone_from(words);
        // Why a nonce is used, the next step sees.
        if !matches!(reply, Reply::NonceTooLow(_)) {
            step.alarms.push(Alarm::Stuck { intent: id, reason: format!("the node did not take it: {words}") });
        }
        self.put_off(seq, now);
        is_new.then(|| Some(words.clone()))
    }

    /// What no node takes, again and again, and none ever took, gives its nonce back.
    fn end_of_refused(&self, seq: i64) -> Option<End> {
        let (row, patience) = (&self.rows[&seq], self.patience.get(&seq)?);
        let is_over =
            patience.node_refusals >= self.options.node_refusals && row.broadcast_at.is_none() && row.ending.is_none();
        is_over.then(|| End::Failed(Reason::Refused(format!("no node takes its transaction: {}", patience.told))))
    }
}
