//! Sending one transaction and waiting for it.
//!
//! Limits: the nonce is the node's pending count, so that one account must not send from two places at once; fees are
//! estimated once and never raised; one receipt is enough, whatever happens to its block later.

use super::{ChainError, Node};
use alloy::{
    consensus::TxEnvelope,
    eips::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256, b256},
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
};
use serde::Serialize;
use std::{fmt, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Nodes refuse larger transactions (geth: `txMaxSize`).
pub const MAX_TRANSACTION_BYTES: usize = 128 * 1024;
/// Osaka refuses a transaction with more gas (EIP-7825).
const MAX_GAS: u64 = crate::evm::embedded::GAS_LIMIT;
/// anvil's and hardhat's first account, "test test … junk": a key that everybody knows.
const DEV_KEY: B256 = b256!("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

/// A key that signs transactions. It is never shown.
#[derive(Clone)]
pub struct Account {
    signer: PrivateKeySigner,
}

impl Account {
    /// The first account of development nodes. Everybody knows its key.
    ///
    /// # Panics
    /// Never: the key is a constant.
    #[must_use]
    pub fn dev() -> Self {
        #[allow(clippy::expect_used)] // a constant below the curve's order
        let signer = PrivateKeySigner::from_bytes(&DEV_KEY).expect("the development key is a key");
        Self { signer }
    }

    /// An account of the caller's own.
    #[must_use]
    pub const fn from_signer(signer: PrivateKeySigner) -> Self {
        Self { signer }
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.signer.address()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account").field(&self.address()).finish()
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct SendOptions {
    /// The longest wait for a receipt.
    pub receipt_deadline: Duration,
    /// The time between two looks.
    pub poll_interval: Duration,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self { receipt_deadline: Duration::from_secs(120), poll_interval: Duration::from_millis(100) }
    }
}

/// A transaction in a block, successful.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mined {
    /// Its hash.
    pub transaction_hash: B256,
    /// Its block's number.
    pub block_number: u64,
    /// What it paid for.
    pub gas_used: u64,
    /// Its receipt.
    #[serde(skip)]
    pub receipt: TransactionReceipt,
}

/// Sends a call, or a creation when `to` is `None`, and waits for its receipt.
///
/// The exact call is simulated first: a contract that refuses costs nothing and says why.
///
/// # Errors
/// [`ChainError`]. Only `Ok` is success: after [`ChainError::NoReceipt`] the transaction may still be mined.
pub async fn send(
    node: &Node,
    account: &Account,
    options: &SendOptions,
    what: &str,
    to: Option<Address>,
    data: Bytes,
) -> Result<Mined, ChainError> {
    if data.len() > MAX_TRANSACTION_BYTES {
        return Err(too_large(what, data.len()));
    }
    let from = account.address();
    let mut request = TransactionRequest::default().with_from(from).with_input(data);
    match to {
        Some(to) => request.set_to(to),
        None => request.set_create(),
    }
    node.simulate(what, request.clone()).await?;
    let request = price(node, what, request).await?;
    let signed = sign(account, what, request).await?;
    let raw = signed.encoded_2718();
    if raw.len() > MAX_TRANSACTION_BYTES {
        return Err(too_large(what, raw.len()));
    }
    let hash = *signed.tx_hash();
    tracing::debug!(%hash, what, "broadcasting");
    broadcast(node, what, hash, &raw).await?;
    let receipt = wait(node, options, what, hash).await?;
    let block_number = receipt.block_number.unwrap_or_default();
    if !receipt.status() {
        return Err(ChainError::TransactionFailed { what: what.into(), hash, block: block_number });
    }
    Ok(Mined { transaction_hash: hash, block_number, gas_used: receipt.gas_used, receipt })
}

/// Fills in gas, fees, nonce and chain, and checks that the account can pay.
async fn price(node: &Node, what: &str, request: TransactionRequest) -> Result<TransactionRequest, ChainError> {
    let provider = node.provider();
    let failed = |error| node.error(what, error);
    let from = request.from.unwrap_or_default();
    let estimate = provider.estimate_gas(request.clone()).await.map_err(failed)?;
    if estimate > MAX_GAS {
        return Err(ChainError::TooMuchGas { what: what.into(), gas: estimate, limit: MAX_GAS });
    }
    // A little more than estimated, since the state may change; not much more, since a proof that fails after all can
    // cost the whole limit.
    let gas = estimate.saturating_add(estimate / 16).min(MAX_GAS);
    let fees = provider.estimate_eip1559_fees().await.map_err(failed)?;
    let needed = U256::from(gas) * U256::from(fees.max_fee_per_gas);
    let available = node.balance(from).await?;
    if available < needed {
        return Err(ChainError::InsufficientFunds { account: from, what: what.into(), needed, available });
    }
    let nonce = provider.get_transaction_count(from).pending().await.map_err(failed)?;
    Ok(request
        .with_gas_limit(gas)
        .with_max_fee_per_gas(fees.max_fee_per_gas)
        .with_max_priority_fee_per_gas(fees.max_priority_fee_per_gas)
        .with_nonce(nonce)
        .with_chain_id(node.chain_id()))
}

async fn sign(account: &Account, what: &str, request: TransactionRequest) -> Result<TxEnvelope, ChainError> {
    let wallet = EthereumWallet::from(account.signer.clone());
    request
        .build(&wallet)
        .await
        .map_err(|error| ChainError::Rpc { what: what.into(), message: format!("it cannot be signed: {error}") })
}

async fn broadcast(node: &Node, what: &str, hash: B256, raw: &[u8]) -> Result<(), ChainError> {
    let Err(error) = node.provider().send_raw_transaction(raw).await else { return Ok(()) };
    match node.error(what, error) {
        ChainError::Rpc { message, .. } if message.to_lowercase().contains("already known") => Ok(()),
        // The node may have taken it before the connection broke.
        ChainError::Unreachable { .. } | ChainError::BadAnswer { .. } => {
            Err(ChainError::NoReceipt { what: what.into(), hash, waited: Duration::ZERO })
        }
        error => Err(error),
    }
}

/// Looks for a transaction's receipt until the deadline, whether the transaction succeeded or failed. A node that fails
/// to answer is asked again.
///
/// # Errors
/// [`ChainError::NoReceipt`].
pub async fn wait(
    node: &Node,
    options: &SendOptions,
    what: &str,
    hash: B256,
) -> Result<TransactionReceipt, ChainError> {
    let begun = Instant::now();
    let mut ticks = interval(options.poll_interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let search = async {
        loop {
            ticks.tick().await;
            match node.receipt(hash).await {
                Ok(Some(receipt)) => return receipt,
                Ok(None) => {}
                Err(error) => tracing::warn!(%hash, %error, "no answer about the receipt"),
            }
        }
    };
    tokio::time::timeout(options.receipt_deadline, search).await.map_err(|_| ChainError::NoReceipt {
        what: what.into(),
        hash,
        waited: begun.elapsed(),
    })
}

fn too_large(what: &str, size: usize) -> ChainError {
    ChainError::TransactionTooLarge { what: what.into(), size, limit: MAX_TRANSACTION_BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::address;

    #[test]
    fn the_development_account_is_the_well_known_one_and_shows_no_key() {
        let account = Account::dev();
        assert_eq!(account.address(), address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        assert!(!format!("{account:?}").to_lowercase().contains("ac0974bec39a17e3"));
    }
}
