//! Who says whether something may be paid for.

use super::Intent;
use alloy::primitives::U256;
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// What is about to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Spend<'a> {
    /// For what.
    pub intent: &'a Intent,
    /// The most that it can cost, in wei, with what it brings and L1 data.
    pub ceiling: U256,
    /// The most that a transaction which it takes the place of could have cost, in wei: only one of both is paid.
    pub instead_of: U256,
    /// The most that everything on its way can cost besides, in wei.
    pub on_its_way: U256,
    /// What the account has at the latest block, in wei.
    pub balance: U256,
    /// When, in Unix milliseconds.
    pub now: u64,
}

/// Says whether something may be paid for: budgets per day, ceilings per model, whatever an operator wants.
pub trait Purse: Send + Sync + fmt::Debug {
    /// Asked before every signature.
    ///
    /// # Errors
    /// A sentence: nothing is signed, and it is asked again later.
    fn admit(&self, spend: &Spend<'_>) -> Result<(), String> {
        let _ = spend;
        Ok(())
    }
}

/// No limit.
impl Purse for () {}

/// A limit for everything that one run signs. What is replaced counts once, with the dearer of both.
#[derive(Debug)]
pub struct Limit {
    most: U256,
    committed: Mutex<U256>,
}

impl Limit {
    /// So many wei in all.
    #[must_use]
    pub const fn new(most: U256) -> Self {
        Self { most, committed: Mutex::new(U256::ZERO) }
    }
}

impl Purse for Limit {
    fn admit(&self, spend: &Spend<'_>) -> Result<(), String> {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        let then = committed.saturating_sub(spend.instead_of).saturating_add(spend.ceiling);
        if then > self.most {
            let left = self.most.saturating_sub(*committed);
            return Err(format!("it may cost {} wei, and {left} are left of what this run may cost", spend.ceiling));
        }
        *committed = then;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::submitter::Kind;
    use alloy::primitives::{Address, B256, Bytes};

    #[test]
    fn what_is_replaced_counts_once() {
        let intent = Intent::new(B256::ZERO, Kind::Other, "it", Address::ZERO, Bytes::new());
        let limit = Limit::new(U256::from(100));
        let admit = |ceiling, instead_of| {
            let (ceiling, instead_of) = (U256::from(ceiling), U256::from(instead_of));
            limit.admit(&Spend {
                intent: &intent,
                ceiling,
                instead_of,
                on_its_way: U256::ZERO,
                balance: U256::MAX,
                now: 0,
            })
        };
        assert!(admit(60, 0).is_ok() && admit(50, 0).is_err());
        assert!(admit(70, 60).is_ok() && admit(30, 0).is_ok());
        assert!(admit(1, 0).unwrap_err().contains(" 0 are left"));
    }
}
