//! What became of transactions that were sent before: whether one is on the chain, on its way, lost, or can be sent again.

use super::{
    ChainError, Entry, Mined,
    outbox::Signed,
    plan::Intent,
    sender::{Sender, mined},
};
use std::time::Duration;

/// How often the transaction of something that is done is looked for.
const EARLIER_LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

impl Sender {
    /// What became of a transaction of an earlier attempt. `None`: nothing, and nothing can.
    pub(super) async fn resume(&self, intent: &Intent, signed: &Signed) -> Result<Option<Mined>, ChainError> {
        let what = &*intent.what;
        if let Some(receipt) = self.node.canonical_receipt(signed.hash).await? {
            // A failed one is over.
            return Ok(mined(what, receipt).ok());
        }
        if self.node.transaction(signed.hash).await?.is_some() {
            return self.wait_for(what, signed).await.map(Some);
        }
        if !self.is_next(signed).await? {
            return Ok(None);
        }
        // What would be refused now is not sent again.
        match self.node.simulate(what, intent.request(signed.from)).await {
            Err(ChainError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
            Ok(_) => self.resend(what, signed).await,
        }
    }

    /// The nonce for another transaction of an entry. One that is lost has left its nonce to another transaction; one that nobody
    /// has keeps it, so that only one of both can be mined.
    pub(super) async fn kept_nonce(&self, kept: &[Signed]) -> Result<Option<u64>, ChainError> {
        let mut nonce = None;
        for signed in kept {
            if self.is_next(signed).await? {
                nonce = Some(signed.nonce);
            }
        }
        Ok(nonce)
    }

    /// The transaction of an entry that is in a block, if one is. A node may have what it did before it has the receipt.
    pub(super) async fn earlier(&self, what: &str, entry: &Entry) -> Result<Option<Mined>, ChainError> {
        for _ in 0..EARLIER_LOOKS {
            for signed in entry.transactions() {
                if let Some(receipt) = self.node.canonical_receipt(signed.hash).await?
                    && let Ok(mined) = mined(what, receipt)
                {
                    return Ok(Some(mined));
                }
            }
            if entry.transactions().is_empty() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(None)
    }

    /// Whether a transaction's nonce is free, and none before it is missing.
    async fn is_next(&self, signed: &Signed) -> Result<bool, ChainError> {
        let used = self.node.nonce(signed.from, false).await?;
        Ok(used <= signed.nonce && signed.nonce <= self.node.nonce(signed.from, true).await?)
    }
}
