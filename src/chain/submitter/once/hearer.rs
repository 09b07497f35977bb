//! What hears of a command's transactions: a line in a file, then whoever gave the command.

use crate::chain::{ChainError, Outbox, operator::Operator};
use alloy::primitives::{Address, B256};
use std::sync::{Arc, Mutex, PoisonError};

/// Notes every transaction before it leaves. What cannot be noted does not leave.
#[derive(Debug)]
pub(super) struct Hearer {
    pub(super) operator: Arc<dyn Operator>,
    pub(super) outbox: Outbox,
    pub(super) chain_id: u64,
    pub(super) account: Address,
    pub(super) failure: Mutex<Option<ChainError>>,
}

impl Hearer {
    /// Why a transaction could not be noted, told once.
    pub(super) fn failure(&self) -> Option<ChainError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Operator for Hearer {
    fn sending(&self, what: &str, hash: B256) {
        match self.outbox.note(self.chain_id, what, (self.account, None, hash)) {
            Ok(()) => self.operator.sending(what, hash),
            Err(error) => *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
        }
    }

    fn is_interrupted(&self) -> bool {
        self.operator.is_interrupted() || self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}
