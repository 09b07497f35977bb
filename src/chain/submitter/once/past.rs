//! What is on the chain already: which transaction did it, and how deep it is.

use crate::chain::{
    ChainError, Mined, Outbox,
    operator::unless_interrupted,
    sender::{Depth, Sender, mined},
    submitter::{Chain, Intent, Journal, Owner, Phase, Purpose},
};
use alloy::primitives::B256;
use std::time::Duration;

/// How often the transaction of something that is done is looked for.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

impl Sender {
    /// The transaction of the account's journal that did something, if one is known. A node may have what it did before it has the
    /// receipt. Nothing is changed, and nobody is kept from sending.
    pub(in crate::chain) async fn did(
        &self,
        outbox: &Outbox,
        what: &str,
        id: B256,
    ) -> Result<Option<Mined>, ChainError> {
        let Some(journal) = self.journal(outbox).await? else { return Ok(None) };
        let (chain, mut attempts) = (self.endpoints()?, journal.attempts(id)?);
        attempts.retain(|attempt| attempt.purpose == Purpose::Do);
        for look in 0..LOOKS {
            for attempt in attempts.iter().rev() {
                let receipt = match chain.canonical_receipt(attempt.hash).await {
                    Err(ChainError::NoQuorum { .. }) => None,
                    told => told?,
                };
                if let Some(Ok(mined)) = receipt.map(|receipt| mined(what, receipt)) {
                    return Ok(Some(mined));
                }
            }
            if attempts.is_empty() || look + 1 == LOOKS {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(None)
    }

    /// The last of several intents that are numbered from zero, below `limit`, and where it is; `None` when the journal has none.
    pub(in crate::chain) async fn last_of(
        &self,
        outbox: &Outbox,
        limit: u64,
        id: &impl Fn(u64) -> B256,
    ) -> Result<Option<(u64, Phase)>, ChainError> {
        let Some(journal) = self.journal(outbox).await? else { return Ok(None) };
        let mut last = None;
        for number in 0..limit {
            match journal.row(id(number))? {
                Some(row) => last = Some((number, row.phase())),
                None => break,
            }
        }
        Ok(last)
    }

    /// Whether the journal has an intent of this id that makes the same call.
    pub(in crate::chain) async fn keeps(&self, outbox: &Outbox, intent: &Intent) -> Result<bool, ChainError> {
        let Some(journal) = self.journal(outbox).await? else { return Ok(false) };
        let kept = journal.intent(intent.id)?;
        Ok(kept.is_some_and(|kept| kept.to == intent.to && kept.data.get(..4) == intent.data.get(..4)))
    }

    /// The account's journal, to read; `None` before there is one.
    async fn journal(&self, outbox: &Outbox) -> Result<Option<Journal>, ChainError> {
        let owner = Owner::of(&self.endpoints()?, self.address()).await?;
        let path = Journal::path_of(outbox.state(), &owner);
        Ok(if path.exists() { Some(Journal::open(&path, &owner)?) } else { None })
    }

    /// Waits until what the chain has now is as deep as was asked for.
    ///
    /// # Errors
    /// [`ChainError::Held`] when it is not within the deadline; [`ChainError::Interrupted`].
    pub(in crate::chain) async fn until_deep(&self, intent: &Intent) -> Result<(), ChainError> {
        if self.options.depth == Depth::Blocks(1) {
            return Ok(());
        }
        let what = &*intent.what;
        let chain = self.endpoints()?;
        let deep = async {
            loop {
                let head = chain.head().await?.block.number;
                let at = match self.options.depth {
                    Depth::Blocks(blocks) => (head + 1).checked_sub(blocks.max(1)),
                    Depth::Final if self.is_free() => head.checked_sub(1),
                    Depth::Final => chain.finalized().await?.map(|block| block.number),
                };
                if let Some(at) = at
                    && chain.is_done(intent, Some(at)).await?
                {
                    return Ok(());
                }
                tokio::time::sleep(self.options.poll_interval.max(PAUSE)).await;
            }
        };
        let waited = tokio::time::timeout(self.options.receipt_deadline, deep);
        let waited = async {
            waited.await.unwrap_or_else(|_| {
                let reason = format!(
                    "the chain has it already, and not as deep as was asked for after {} s; run the same command again",
                    self.options.receipt_deadline.as_secs()
                );
                Err(ChainError::Held { what: what.into(), reason })
            })
        };
        unless_interrupted(&*self.operator, what, waited).await
    }
}
