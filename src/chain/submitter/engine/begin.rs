//! What is planned and has room.

use super::{Alarm, Change, Engine, Event, Phase, Reason, Step, StepError, View, Would};
use crate::chain::{
    ChainError,
    fees::offer,
    fork::Fork,
    submitter::{Attempt, Chain, Intent, Kind, Purpose, Row, Spend, join::join, state::By},
};
use alloy::primitives::U256;

/// How many intents are tried out at once.
const AT_ONCE: usize = 8;
/// How many of what cannot wait are begun in a step, however many are on their way.
const URGENT: usize = 16;

/// What trying an intent out leads to.
enum Tried {
    /// It may be signed, with so much gas.
    Ready(u64),
    /// The chain has it.
    Done,
    /// The contract refuses, in its words.
    Refused(String),
    /// No transaction can hold it.
    TooLarge(String),
    /// Nobody knows.
    Unknown(ChainError),
}

impl<C: Chain> Engine<C> {
    pub(super) async fn begin(&mut self, view: &mut View, step: &mut Step) -> Result<(), StepError> {
        let live = self.rows.values().filter(|row| matches!(row.phase(), Phase::Signed | Phase::Broadcast)).count();
        // What uses a missing nonce has room always: without it nothing behind that nonce makes any.
        let gaps = self.sequence(view).gaps().count();
        let room =
            if self.options.is_dry_run { usize::MAX } else { self.options.window.saturating_sub(live).max(gaps) };
        let chosen = self.choose(room, view).await?;
        let mut nonces: Vec<u64> = self.sequence(view).free().take(chosen.len()).collect();
        nonces.reverse();
        let mut drafts = Vec::new();
        for some in chosen.chunks(AT_ONCE) {
            let tried = join(some.iter().map(|(_, intent)| self.try_out(intent, view)).collect()).await;
            for ((seq, intent), tried) in some.iter().zip(tried) {
                match tried {
                    Tried::Ready(gas) => drafts.push((*seq, intent, gas)),
                    Tried::Unknown(error) => {
                        // What was tried out before is sent all the same.
                        step.alarms.push(Alarm::Chain { reason: error.to_string() });
                        self.put_off(*seq, view.now);
                    }
                    other => self.turn_down(*seq, intent, other, view, step).await?,
                }
            }
        }
        let attempts = self.price(&drafts, nonces, view, step).await?;
        self.send(attempts, view, step).await
    }

    /// The intents that are next: what is urgent, then what was added first.
    async fn choose(&mut self, room: usize, view: &View) -> Result<Vec<(i64, Intent)>, StepError> {
        let is_due = |seq: &i64| self.patience.get(seq).is_none_or(|patience| patience.until <= view.now);
        let planned = self.rows.values().filter(|row| row.phase() == Phase::Planned && self.may_begin(row, view));
        let mut due: Vec<_> = planned.filter(|row| is_due(&row.seq)).map(|row| (!row.is_urgent, row.seq)).collect();
        due.sort_unstable();
        let mut chosen = Vec::new();
        for (is_patient, seq) in due {
            // What cannot wait has room always, within reason.
            if chosen.len() >= if is_patient { room } else { room.max(URGENT) } {
                break;
            }
            let intent = self.intent(&self.rows[&seq])?;
            let now = view.head.timestamp;
            let too_early = intent.not_before.filter(|from| *from > now);
            let too_late = intent.deadline.is_some_and(|deadline| deadline < now + self.options.deadline_margin);
            if let Some(from) = too_early {
                // Blocks may come faster than the clock says.
                self.patience.entry(seq).or_default().until = view.now + (from - now).clamp(1, 10) * 500;
            } else if too_late && !self.is_done_now(&self.rows[&seq]).await? {
                self.put_off(seq, view.now);
            } else {
                chosen.push((seq, intent));
            }
        }
        Ok(chosen)
    }

    /// Whether something planned may be begun. What is only there to let others be mined belongs to what was.
    pub(super) fn may_begin(&self, row: &Row, view: &View) -> bool {
        let is_wanted = !view.is_draining && self.only.is_none_or(|only| only == row.id);
        is_wanted || row.kind == Kind::Filler
    }

    /// Everything that is asked before money is spent.
    async fn try_out(&self, intent: &Intent, view: &View) -> Tried {
        let call = intent.call(self.address());
        if !intent.done.is_empty() {
            match self.chain.is_done(intent, None).await {
                Ok(false) => {}
                Ok(true) => return Tried::Done,
                Err(error) => return Tried::Unknown(error),
            }
        }
        let refused = |error| match error {
            ChainError::Refused { refusal, .. } => Tried::Refused(refusal.to_string()),
            error => Tried::Unknown(error),
        };
        if let Err(error) = self.chain.simulate(&intent.what, &call, true).await {
            return refused(error);
        }
        match self.chain.estimate(&intent.what, &call).await {
            Ok(estimate) => match self.gas(intent, estimate, view) {
                Ok(gas) => Tried::Ready(gas),
                Err(error) => Tried::TooLarge(error.to_string()),
            },
            Err(error) => refused(error),
        }
    }

    /// The gas limit for an estimate, by the rules of the chain's fork.
    pub(super) fn gas(&self, intent: &Intent, estimate: u64, view: &View) -> Result<u64, ChainError> {
        let fork = self.options.fork.or_else(|| Fork::of_chain(self.chain.chain_id()));
        intent.plan().gas(estimate, fork, view.head.gas_limit)
    }

    async fn turn_down(
        &mut self,
        seq: i64,
        intent: &Intent,
        tried: Tried,
        view: &View,
        step: &mut Step,
    ) -> Result<(), StepError> {
        let (would_not, event) = match tried {
            Tried::Done if self.is_done_finally(intent, view).await? => {
                ("the chain has it already".to_owned(), Some(Event::Replaced(By::Chain)))
            }
            // It may be taken from the chain yet.
            Tried::Done => ("the chain has it already, not finally yet".to_owned(), None),
            Tried::Refused(words) => {
                let is_enough = self.is_refused_enough(seq, view);
                (words.clone(), is_enough.then_some(Event::Failed(Reason::Refused(words))))
            }
            Tried::TooLarge(words) => (words.clone(), Some(Event::Failed(Reason::TooLarge(words)))),
            Tried::Ready(_) | Tried::Unknown(_) => return Ok(()),
        };
        if self.options.is_dry_run {
            self.never_again(seq);
            let (intent, what) = (intent.id, intent.what.clone());
            step.would.push(Would { intent, what, gas: None, ceiling: U256::ZERO, obstacle: Some(would_not) });
            return Ok(());
        }
        self.put_off(seq, view.now);
        self.record(event.map(|event| Change::of(intent.id, event)).into_iter().collect(), view.now, step)
    }

    /// Prices what was tried out, and signs what may be paid for.
    async fn price(
        &mut self,
        drafts: &[(i64, &Intent, u64)],
        mut nonces: Vec<u64>,
        view: &mut View,
        step: &mut Step,
    ) -> Result<Vec<Attempt>, StepError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let prices = view.prices(&self.chain).await?;
        let balance = self.chain.balance(self.address()).await?;
        let (mut on_its_way, mut attempts) = (self.on_its_way(None), Vec::new());
        for &(seq, intent, gas) in drafts {
            let Some(&nonce) = nonces.last() else { break };
            let fees = match offer(prices, self.options.fee_limit(intent.is_urgent)) {
                Ok(fees) => fees,
                // What is urgent comes first: whatever follows is allowed no more.
                Err(error) => {
                    step.alarms.push(Alarm::Fees { reason: error.to_string() });
                    break;
                }
            };
            let draft = self.draft(Purpose::Do, intent.call(self.address()), nonce, (gas, fees)).await?;
            let (ceiling, instead_of, now) = (draft.ceiling, U256::ZERO, view.now);
            let needed = ceiling.saturating_add(on_its_way);
            let spend = Spend { intent, ceiling, instead_of, on_its_way, balance, now };
            let is_poor = needed > balance;
            let objection = if is_poor { None } else { self.objection(intent, &spend) };
            if self.options.is_dry_run {
                self.never_again(seq);
                let poor = is_poor.then(|| format!("the account has {balance} wei, and {needed} are needed"));
                let (id, what, obstacle) = (intent.id, intent.what.clone(), objection.or(poor));
                step.would.push(Would { intent: id, what, gas: Some(gas), ceiling, obstacle });
                on_its_way = needed;
                continue;
            }
            if is_poor {
                // What comes later may cost less, but it does not overtake.
                step.alarms.push(Alarm::Funds { needed, available: balance });
                break;
            }
            if let Some(reason) = objection {
                step.alarms.push(Alarm::Budget { intent: intent.id, reason });
                self.put_off(seq, view.now);
                continue;
            }
            match self.sign(intent, &draft, view.now).await {
                Ok(attempt) => attempts.push(attempt),
                Err(StepError::Chain(error @ ChainError::TransactionTooLarge { .. })) => {
                    self.turn_down(seq, intent, Tried::TooLarge(error.to_string()), view, step).await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
            nonces.pop();
            on_its_way = needed;
        }
        Ok(attempts)
    }

    fn never_again(&mut self, seq: i64) {
        self.patience.entry(seq).or_default().until = u64::MAX;
    }
}
