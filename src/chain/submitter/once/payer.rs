//! What one command may pay for.

use crate::chain::{
    ChainError, guard,
    sender::Sender,
    submitter::{Purse, Spend},
};
use alloy::primitives::{B256, U256};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Says yes to what the command was agreed to for: its own intent for no more than was shown, everything together within the limit of
/// the command. What an earlier command sent, and what is replaced by something dearer, counts too.
#[derive(Debug)]
pub(super) struct Payer {
    sender: Sender,
    intent: B256,
    /// What was signed by this command, by intent, in wei.
    admitted: Mutex<HashMap<B256, U256>>,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// The most that the intent was shown to cost, in wei.
    shown: Option<U256>,
    /// Why the intent was not paid for.
    objection: Option<Objection>,
}

/// Why the command's own intent was not paid for.
#[derive(Debug)]
pub(super) enum Objection {
    /// It would cost more than was shown, or nothing was: it is to be shown, and agreed to.
    NotShown,
    /// More than the command may cost.
    TooDear(ChainError),
}

impl Payer {
    pub(super) fn new(sender: &Sender, intent: B256) -> Self {
        Self { sender: sender.clone(), intent, admitted: Mutex::default(), said: Mutex::default() }
    }

    /// It was shown what it costs, and agreed to.
    pub(super) fn agreed(&self, ceiling: U256) {
        self.said().shown = Some(ceiling);
    }

    /// What stood against it the last time, told once.
    pub(super) fn objection(&self) -> Option<Objection> {
        self.said().objection.take()
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it may not be paid for, if it may not. `before`: what this command has signed for the same intent.
    fn judge(&self, spend: &Spend<'_>, before: U256) -> Result<(), (String, Objection)> {
        let (options, chain_id) = (&self.sender.options, self.sender.node.chain_id());
        let mut ledger = self.sender.ledger();
        let others = ledger.committed.saturating_sub(before);
        if let Some(limit) = options.budget.max_cost {
            let left = limit.saturating_sub(others);
            if spend.ceiling > left {
                let (what, cost) = (spend.intent.what.clone(), spend.ceiling);
                let error = ChainError::CostTooHigh { what, cost, left, chain_id };
                return Err((error.to_string(), Objection::TooDear(error)));
            }
        }
        let is_free = guard::is_dev_chain(chain_id);
        if !is_free && (options.budget.max_cost.is_none() || !ledger.is_agreed) {
            let shown = self.said().shown.filter(|_| spend.intent.id == self.intent && ledger.is_agreed);
            if shown.is_none_or(|shown| spend.ceiling > shown) {
                let words = "it costs more than was agreed to; --max-cost says how much may be paid for a dearer transaction in its place";
                return Err((words.into(), Objection::NotShown));
            }
        }
        ledger.committed = others.saturating_add(spend.ceiling);
        Ok(())
    }
}

impl Purse for Payer {
    fn admit(&self, spend: &Spend<'_>) -> Result<(), String> {
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let id = spend.intent.id;
        match self.judge(spend, admitted.get(&id).copied().unwrap_or_default()) {
            Ok(()) => {
                admitted.insert(id, spend.ceiling);
                Ok(())
            }
            Err((words, objection)) => {
                if id == self.intent {
                    self.said().objection = Some(objection);
                }
                Err(words)
            }
        }
    }
}
