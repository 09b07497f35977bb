//! Whoever a client acts for: agrees to costs, hears of hashes, interrupts.

use super::{ChainError, money};
use alloy::primitives::{Address, B256, U256};
use std::{fmt, time::Duration};

/// What is about to be paid for, before the first transaction of a client leaves.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What it does.
    pub what: String,
    /// The chain.
    pub chain_id: u64,
    /// Who pays.
    pub account: Address,
    /// What the account has, in wei.
    pub balance: U256,
    /// The gas it may use.
    pub gas: u64,
    /// The most for a unit of it, in wei.
    pub price: u128,
    /// What an L2 may take for L1 data besides, in wei.
    pub l1_fee: U256,
    /// What the transaction brings to the contract, a bond or a fee, in wei.
    pub value: U256,
    /// The most that all of it can cost, in wei, with what it brings.
    pub ceiling: U256,
    /// The most that everything of this client may cost, in wei.
    pub max_cost: Option<U256>,
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |wei| money::amount(wei, self.chain_id);
        writeln!(f, "  first       {}", self.what)?;
        writeln!(f, "  chain       {}", self.chain_id)?;
        writeln!(f, "  account     {}, which has {}", self.account, amount(self.balance))?;
        writeln!(f, "  gas         at most {} at {}", self.gas, money::price(self.price))?;
        if !self.l1_fee.is_zero() {
            writeln!(f, "  L1 data     about {}", amount(self.l1_fee))?;
        }
        if !self.value.is_zero() {
            writeln!(f, "  brings      {}, which the contract holds", amount(self.value))?;
        }
        write!(f, "  costs       at most {}", amount(self.ceiling))?;
        if let Some(limit) = self.max_cost {
            write!(f, "; together with what follows at most {}", amount(limit))?;
        }
        Ok(())
    }
}

/// Whoever a client acts for. What is not implemented agrees and goes on.
pub trait Operator: Send + Sync + fmt::Debug {
    /// Agrees to the first transaction of a client on a chain that is worth something.
    ///
    /// # Errors
    /// [`ChainError::NotAgreed`]: nothing is sent.
    fn agree(&self, offer: &Offer) -> Result<(), ChainError> {
        let _ = offer;
        Ok(())
    }

    /// Hears of a transaction that is kept and about to be handed to the node: from here on it may be mined.
    fn sending(&self, what: &str, hash: B256) {
        let _ = (what, hash);
    }

    /// Whether to stop. Before a broadcast nothing is sent then; after it the wait ends.
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Nobody: a program that decided before it called.
impl Operator for () {}

/// Runs a request unless the operator interrupts.
pub(super) async fn unless_interrupted<T>(
    operator: &dyn Operator,
    what: &str,
    request: impl Future<Output = Result<T, ChainError>>,
) -> Result<T, ChainError> {
    tokio::select! {
        biased;
        () = interrupted(operator) => Err(ChainError::Interrupted(what.into())),
        result = request => result,
    }
}

/// Returns when the operator interrupts.
pub(super) async fn interrupted(operator: &dyn Operator) {
    while !operator.is_interrupted() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
