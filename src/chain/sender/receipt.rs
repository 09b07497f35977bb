//! What becomes of a transaction that was handed over.

use super::{SendOptions, Sender};
use crate::chain::{ChainError, Mined, Node, operator::interrupted, outbox::Signed};
use alloy::{primitives::B256, rpc::types::TransactionReceipt};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

impl Sender {
    /// Waits for a transaction that was handed over, unless the operator interrupts.
    pub(in crate::chain) async fn wait_for(&self, what: &str, signed: &Signed) -> Result<Mined, ChainError> {
        let hash = signed.hash;
        let receipt = tokio::select! {
            biased;
            () = interrupted(&*self.operator) => return Err(ChainError::InterruptedAfter { what: what.into(), hash }),
            receipt = wait(&self.node, &self.options, what, hash) => receipt,
        };
        let receipt = match receipt {
            Err(error @ ChainError::NoReceipt { .. }) => return Err(self.explain(what, signed, error).await),
            receipt => receipt?,
        };
        mined(what, receipt)
    }

    /// Of a transaction without a receipt: whether there can still be one. A nonce that is used, and a node that does not know
    /// the transaction: another one has taken its place.
    async fn explain(&self, what: &str, signed: &Signed, error: ChainError) -> ChainError {
        if !self.is_lost(signed).await {
            return error;
        }
        ChainError::Replaced { what: what.into(), hash: signed.hash, account: signed.from, nonce: signed.nonce }
    }

    /// Whether a transaction can never be mined, as far as the node tells.
    pub(in crate::chain) async fn is_lost(&self, signed: &Signed) -> bool {
        let unknown = matches!(self.node.transaction(signed.hash).await, Ok(None));
        unknown && matches!(self.node.nonce(signed.from, false).await, Ok(next) if next > signed.nonce)
    }
}

/// What a receipt says.
pub(in crate::chain) fn mined(what: &str, receipt: TransactionReceipt) -> Result<Mined, ChainError> {
    let (hash, block_number) = (receipt.transaction_hash, receipt.block_number.unwrap_or_default());
    if !receipt.status() {
        return Err(ChainError::TransactionFailed { what: what.into(), hash, block: block_number });
    }
    Ok(Mined { transaction_hash: hash, block_number, gas_used: receipt.gas_used, receipt })
}

/// Looks for a transaction's receipt until the deadline, whether the transaction succeeded or failed. A node that fails
/// to answer is asked again. The receipt is of a block that the chain has.
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
        let mut is_told = false;
        loop {
            ticks.tick().await;
            match node.canonical_receipt(hash).await {
                Ok(Some(receipt)) => return receipt,
                Ok(None) => {}
                Err(error) if is_told => tracing::debug!(%hash, %error, "no answer about the receipt"),
                Err(error) => {
                    is_told = true;
                    tracing::warn!(%hash, %error, "no answer about the receipt; asking again");
                }
            }
        }
    };
    tokio::time::timeout(options.receipt_deadline, search).await.map_err(|_| ChainError::NoReceipt {
        what: what.into(),
        hash,
        waited: begun.elapsed(),
    })
}
