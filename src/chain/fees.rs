//! What a transaction may cost: the price of gas, and what an L2 takes besides for the data that it puts on its L1.

use super::{ChainError, Node, submitter::Prices};
use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256, address},
    rpc::types::TransactionRequest,
};
use oracle::IGasPriceOracle;
use serde::{Deserialize, Serialize};

/// Where chains of the OP stack say what L1 data cost.
const GAS_PRICE_ORACLE: Address = address!("0x420000000000000000000000000000000000000F");
/// The L1's price moves until the transaction is in a block.
const L1_FEE_MARGIN_PERCENT: u64 = 50;

mod oracle {
    // The declarations are documented by the OP stack.
    #![allow(missing_docs)]

    alloy::sol! {
        interface IGasPriceOracle {
            function getL1Fee(bytes data) external view returns (uint256);
            function getOperatorFee(uint256 gasUsed) external view returns (uint256);
        }
    }
}

/// What the user allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// The most wei for a unit of gas.
    pub max_fee: Option<u128>,
    /// The most wei for everything that one client sends.
    pub max_cost: Option<U256>,
}

/// The price of gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fees {
    /// As EIP-1559 has it, in wei.
    Market {
        /// The most for a unit of gas.
        max_fee: u128,
        /// The part of it that the block's maker gets.
        tip: u128,
    },
    /// On chains whose blocks have no base fee, in wei.
    Legacy {
        /// For a unit of gas.
        price: u128,
    },
}

impl Fees {
    /// The most that a unit of gas can cost, in wei.
    #[must_use]
    pub const fn ceiling(self) -> u128 {
        match self {
            Self::Market { max_fee, .. } => max_fee,
            Self::Legacy { price } => price,
        }
    }

    pub(super) fn fill(self, request: TransactionRequest) -> TransactionRequest {
        match self {
            Self::Market { max_fee, tip } => request.with_max_fee_per_gas(max_fee).with_max_priority_fee_per_gas(tip),
            Self::Legacy { price } => request.with_gas_price(price),
        }
    }
}

/// Today's fees, within what is allowed: twice the base fee, which lasts for five full blocks, and the tip that the node
/// advises.
///
/// # Errors
/// [`ChainError::FeeTooHigh`] when even the next block asks for more than is allowed; others of the node.
pub(super) async fn quote(node: &Node, allowed: Option<u128>) -> Result<Fees, ChainError> {
    let prices = match node.base_fee().await? {
        Some(base) => Prices { base: Some(base), tip: node.tip().await? },
        None => Prices { base: None, tip: node.gas_price().await? },
    };
    offer(prices, allowed)
}

/// Fees for these prices, within what is allowed.
///
/// # Errors
/// [`ChainError::FeeTooHigh`].
pub(super) fn offer(prices: Prices, allowed: Option<u128>) -> Result<Fees, ChainError> {
    let limit = allowed.unwrap_or(u128::MAX);
    let too_high = |asked: u128| ChainError::FeeTooHigh { asked, limit };
    match (prices.base, prices.tip) {
        (Some(base), tip) => market(base, tip, limit).map_err(too_high),
        (None, price) if price > limit => Err(too_high(price)),
        (None, price) => Ok(Fees::Legacy { price }),
    }
}

/// What to offer over this base fee; else what would have to be allowed.
fn market(base: u128, tip: u128, limit: u128) -> Result<Fees, u128> {
    // A chain that advises no tip takes none; one that advises more than is allowed gets what is left.
    let least = base.saturating_add(tip.min(1));
    if least > limit {
        return Err(base.saturating_add(tip));
    }
    let max_fee = base.saturating_mul(2).saturating_add(tip).min(limit);
    Ok(Fees::Market { max_fee, tip: tip.min(max_fee - base) })
}

/// What an L2 may take beside gas for a transaction of these bytes; zero on chains that take nothing.
///
/// # Errors
/// [`ChainError`] when the chain's oracle is there and does not answer.
pub(super) async fn l1_fee(node: &Node, transaction: Bytes, gas: u64) -> Result<U256, ChainError> {
    if node.code(GAS_PRICE_ORACLE).await?.is_empty() {
        return Ok(U256::ZERO);
    }
    let data = node.view(GAS_PRICE_ORACLE, &IGasPriceOracle::getL1FeeCall { data: transaction }).await?;
    // Before Isthmus there is none.
    let operator = IGasPriceOracle::getOperatorFeeCall { gasUsed: U256::from(gas) };
    let operator = match node.view(GAS_PRICE_ORACLE, &operator).await {
        Ok(fee) => fee,
        Err(ChainError::Refused { .. } | ChainError::BadAnswer { .. }) => U256::ZERO,
        Err(error) => return Err(error),
    };
    let fee = data.saturating_add(operator);
    Ok(fee.saturating_add(fee.saturating_mul(U256::from(L1_FEE_MARGIN_PERCENT)) / U256::from(100)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_last_for_some_blocks_and_stay_within_the_limit() {
        assert_eq!(market(100, 3, u128::MAX), Ok(Fees::Market { max_fee: 203, tip: 3 }));
        assert_eq!(market(100, 3, 150), Ok(Fees::Market { max_fee: 150, tip: 3 }));
        assert_eq!(market(100, 30, 110), Ok(Fees::Market { max_fee: 110, tip: 10 }));
        assert_eq!(market(100, 0, 100), Ok(Fees::Market { max_fee: 100, tip: 0 }));
        assert_eq!(market(100, 3, 100), Err(103));
        assert_eq!(market(0, 0, u128::MAX), Ok(Fees::Market { max_fee: 0, tip: 0 }));
        assert_eq!(market(u128::MAX, 5, u128::MAX), Ok(Fees::Market { max_fee: u128::MAX, tip: 0 }));
    }
}
