//! Submitting claims, one or several with one proof, and reading them back.

mod call;
mod confirm;

pub use confirm::{Claim, read_claim};

use super::{
    ChainError, Client, Entry, Mined, operator::unless_interrupted, outbox::Signed, plan::check_size, release,
    sender::mined,
};
use crate::proof::{Bundle, Statement};
use alloy::primitives::{Address, B256, Bytes};
use call::Call;
use confirm::READ_BACK_PAUSE;
use serde::Serialize;

/// How often the transaction of a claim is looked for that is recorded.
const EARLIER_LOOKS: u32 = 4;

/// A claim that is recorded now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Submission {
    /// The statement's id, derived here and confirmed by the event and the record.
    pub statement_id: B256,
    /// The transaction.
    #[serde(flatten)]
    pub mined: Mined,
}

/// The claims of a batch, recorded now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchSubmission {
    /// The batch's id, derived here and confirmed by the event.
    pub batch_id: B256,
    /// The statements' ids, in the order of the batch; each derived here and confirmed by its event and its record.
    pub statement_ids: Vec<B256>,
    /// The transaction.
    #[serde(flatten)]
    pub mined: Mined,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The statements, in order: all of them are recorded.
    pub statement_ids: Vec<B256>,
    /// The batch's id, if it is one.
    pub batch_id: Option<B256>,
    /// The transaction that recorded them; `None` when they are recorded and no transaction of the entry did it.
    pub mined: Option<Mined>,
    /// Whether they were recorded before, so that nothing was sent.
    pub is_old: bool,
}

impl Client {
    /// Submits a claim to the registry that its context names, and reads it back.
    ///
    /// # Errors
    /// [`ChainError::WrongContext`] when the statement is not for this chain and account; [`ChainError::OtherRelease`] when
    /// other code is there than this release's; [`ChainError::TestSrs`]; [`ChainError::Refused`] with the contract's reason
    /// when the simulation fails, before anything is paid; others of [`ChainError`].
    pub async fn submit(&self, statement: &Statement, proof: &Bytes) -> Result<Submission, ChainError> {
        let call = self.single(statement, proof)?;
        let mined = self.submit_call(&call, statement.model_id, None).await?;
        Ok(Submission { statement_id: statement.id(), mined })
    }

    /// Submits one proof of several statements, in the order that it was made for, and reads every claim back. All are
    /// recorded or none is.
    ///
    /// # Errors
    /// [`ChainError::WrongContext`] when a statement is not for this chain and account, is there twice, or the statements are
    /// not all about one model and for one registry; [`ChainError::TransactionTooLarge`] and [`ChainError::TooMuchGas`] when
    /// one transaction cannot hold so many; those of [`Client::submit`].
    pub async fn submit_batch(&self, statements: &[Statement], proof: &Bytes) -> Result<BatchSubmission, ChainError> {
        let call = self.batch(statements, proof)?;
        let model_id = statements.first().map(|statement| statement.model_id).unwrap_or_default();
        let mined = self.submit_call(&call, model_id, None).await?;
        let batch_id = call.batch_id.unwrap_or_default();
        Ok(BatchSubmission { batch_id, statement_ids: call.ids, mined })
    }

    /// Sees to it that the claims of a bundle are recorded, whatever became of earlier attempts: looks whether they are, waits
    /// for what is on its way, sends again what was lost. Two transactions that could both be mined are never on their way.
    ///
    /// # Errors
    /// As [`Client::submit`] and [`Client::submit_batch`].
    pub async fn settle(&self, entry: &mut Entry, bundle: &Bundle) -> Result<Settled, ChainError> {
        let call = match bundle.statements() {
            [statement] if !bundle.is_batch() => self.single(statement, bundle.proof())?,
            statements => self.batch(statements, bundle.proof())?,
        };
        let settled =
            |mined, is_old| Settled { statement_ids: call.ids.clone(), batch_id: call.batch_id, mined, is_old };
        let look = async {
            release::registries(self.node(), call.registry).await?;
            self.are_recorded(call.registry, &call.ids).await
        };
        if unless_interrupted(&*self.sender.operator, call.what, look).await? {
            return Ok(settled(self.earlier(&call, entry).await?, true));
        }
        let kept = entry.transactions().to_vec();
        for signed in kept.iter().rev() {
            if let Some(mined) = self.resume(&call, signed).await? {
                self.confirm(&call, &mined).await?;
                return Ok(settled(Some(mined), false));
            }
        }
        // One that is lost has left its nonce to another transaction; one that nobody has keeps it, so that only one of both can
        // be mined.
        let mut nonce = None;
        for signed in &kept {
            if self.is_next(signed).await? {
                nonce = Some(signed.nonce);
            }
        }
        let mined = self.submit_call_at(&call, bundle.model_id(), Some(entry), nonce).await?;
        Ok(settled(Some(mined), false))
    }

    /// Looks at the registry before work is spent on a claim.
    ///
    /// # Errors
    /// [`ChainError::OtherRelease`], [`ChainError::TestSrs`]; [`ChainError::Refused`] when, off development chains, the
    /// registry does not know the model.
    pub async fn admit(&self, registry: Address, model_id: B256) -> Result<(), ChainError> {
        let models = release::registries(self.node(), registry).await?;
        release::admit_model(self.node(), models, model_id).await
    }

    /// Whether the registry has a verified claim of every statement of a bundle.
    ///
    /// # Errors
    /// [`ChainError`] of the node.
    pub async fn has_recorded(&self, registry: Address, bundle: &Bundle) -> Result<bool, ChainError> {
        let ids: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
        self.are_recorded(registry, &ids).await
    }

    /// What became of a transaction of an earlier attempt. `None`: nothing, and nothing can.
    async fn resume(&self, call: &Call, signed: &Signed) -> Result<Option<Mined>, ChainError> {
        if let Some(receipt) = self.node().canonical_receipt(signed.hash).await? {
            // A failed one is over.
            return Ok(mined(call.what, receipt).ok());
        }
        if self.node().transaction(signed.hash).await?.is_some() {
            return self.sender.wait_for(call.what, signed).await.map(Some);
        }
        if !self.is_next(signed).await? {
            return Ok(None);
        }
        // What would be refused now is not sent again.
        let request = self.intent(call).request(signed.from);
        match self.node().simulate(call.what, request).await {
            Err(ChainError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
            Ok(_) => self.sender.resend(call.what, signed).await,
        }
    }

    /// Whether a transaction's nonce is free, and none before it is missing.
    async fn is_next(&self, signed: &Signed) -> Result<bool, ChainError> {
        let used = self.node().nonce(signed.from, false).await?;
        Ok(used <= signed.nonce && signed.nonce <= self.node().nonce(signed.from, true).await?)
    }

    /// The transaction of an entry that is in a block, if one is. A node may have the claim before it has the receipt.
    async fn earlier(&self, call: &Call, entry: &Entry) -> Result<Option<Mined>, ChainError> {
        for _ in 0..EARLIER_LOOKS {
            for signed in entry.transactions() {
                if let Some(receipt) = self.node().canonical_receipt(signed.hash).await?
                    && let Ok(mined) = mined(call.what, receipt)
                {
                    return Ok(Some(mined));
                }
            }
            if entry.transactions().is_empty() {
                break;
            }
            tokio::time::sleep(READ_BACK_PAUSE).await;
        }
        Ok(None)
    }

    async fn submit_call(&self, call: &Call, model_id: B256, entry: Option<&mut Entry>) -> Result<Mined, ChainError> {
        self.submit_call_at(call, model_id, entry, None).await
    }

    /// Looks where it goes before it costs anything, sends, reads back.
    async fn submit_call_at(
        &self,
        call: &Call,
        model_id: B256,
        entry: Option<&mut Entry>,
        nonce: Option<u64>,
    ) -> Result<Mined, ChainError> {
        check_size(call.what, call.data.len())?;
        self.admit(call.registry, model_id).await?;
        let mined = self.sender.send(&self.intent(call), entry, nonce).await?;
        self.confirm(call, &mined).await?;
        Ok(mined)
    }
}
