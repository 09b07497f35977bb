//! What has to be kept before something is posted: content that a claim points to, and what a challenge is answered with.
//!
//! Nothing here believes that a write was one: what was stored is fetched again and compared, what was kept is read from the disk. If
//! that fails, nothing is posted: a hash of what nobody can fetch is worth nothing, and a bond that nobody can defend is lost.

use super::prover::{Prover, ProverError};
use crate::{
    chain::{ChainError, Outbox, claims::ClaimBatch},
    proof::{Bundle, Context, Statement},
    storage::{ContentAddress, ContentStore, StoreError},
};
use alloy::primitives::{Address, B256};

/// Why something may not be posted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// No store is named.
    #[error("the policy names no store for what the claim points to (`content.stores`); nothing was posted")]
    NoStore,
    /// A store does not take or give the content.
    #[error("what the claim points to cannot be stored and fetched again, so that nothing was posted: {0}")]
    Store(#[from] StoreError),
    /// A store gave something else back.
    #[error("{0} gave something else back than was stored; nothing was posted")]
    OtherContent(String),
    /// It cannot be kept on this machine.
    #[error("what a challenge is answered with cannot be kept, so that no bond was posted: {0}")]
    Disk(#[from] ChainError),
    /// What was kept is not there when it is read.
    #[error(
        "what a challenge is answered with was written and reads differently; no bond was posted. Look at the disk"
    )]
    NotKept,
    /// A challenge could not be answered from here.
    #[error("a challenge could not be answered, so that no bond was posted: {0}")]
    NoAnswer(#[from] ProverError),
    /// The statement is made for no chain.
    #[error("the statement is made for no chain: it cannot be claimed")]
    NoChain,
}

/// Where things are kept, and who could answer.
#[derive(Clone, Copy)]
pub struct Keeping<'a> {
    /// This machine.
    pub outbox: &'a Outbox,
    /// Whoever would prove an answer.
    pub prover: &'a dyn Prover,
    /// Where content goes: all of them have to have it.
    pub stores: &'a [Box<dyn ContentStore>],
}

impl Keeping<'_> {
    /// Stores content everywhere, and fetches it again from everywhere. Blocks.
    ///
    /// # Errors
    /// [`KeepError`]: then nothing may point to it.
    pub fn publish(&self, content: &[u8]) -> Result<ContentAddress, KeepError> {
        if self.stores.is_empty() {
            return Err(KeepError::NoStore);
        }
        let address = ContentAddress::of(content);
        for store in self.stores {
            if store.put(content)? != address || store.get(&address)? != content {
                return Err(KeepError::OtherContent(format!("{store:?}")));
            }
        }
        Ok(address)
    }

    /// Sees to it that a challenge of a claim could be answered from here, whatever happens to this process. Blocks.
    ///
    /// `bundle`: a proof of this very statement, if there is one; `openings`: what opens its hidden tensors.
    ///
    /// # Errors
    /// [`KeepError`]: then no bond may be posted for it.
    pub fn secure(
        &self,
        statement: &Statement,
        bundle: Option<&Bundle>,
        openings: Option<&[u8]>,
    ) -> Result<(), KeepError> {
        let Context::Chain { chain_id, .. } = statement.context else { return Err(KeepError::NoChain) };
        let proof = bundle.filter(|bundle| bundle.statements() == std::slice::from_ref(statement));
        if let Some(bundle) = proof {
            self.outbox.keep_bundle(bundle)?;
            return match self.outbox.kept(chain_id, statement.id())? {
                Some(kept) if kept == *bundle => Ok(()),
                _ => Err(KeepError::NotKept),
            };
        }
        self.provable(statement.model_id, chain_id, statement.id(), openings)
    }

    /// The same for the leaves of a batch, which are on no chain: they are kept here and published. Returns the hash of the content.
    ///
    /// # Errors
    /// As [`Keeping::secure`].
    pub fn secure_batch(
        &self,
        batch: &ClaimBatch,
        claim_registry: Address,
        openings: Option<&[u8]>,
    ) -> Result<B256, KeepError> {
        let id = batch.id(claim_registry);
        self.provable(batch.model_id, batch.chain_id, id, openings)?;
        self.outbox.keep_batch(batch.chain_id, id, batch)?;
        match self.outbox.kept_batch(batch.chain_id, id)? {
            Some(kept) if kept == *batch => {}
            _ => return Err(KeepError::NotKept),
        }
        Ok(B256::from(*self.publish(&batch.to_json())?.blake3()))
    }

    fn provable(&self, model_id: B256, chain_id: u64, id: B256, openings: Option<&[u8]>) -> Result<(), KeepError> {
        let ability = self.prover.ability(model_id)?.ok_or(ProverError::NoArtifacts(model_id))?;
        let Some(openings) = openings else {
            return if ability.hides { Err(ProverError::NoOpenings.into()) } else { Ok(()) };
        };
        self.outbox.keep_openings(chain_id, id, openings)?;
        match self.outbox.kept_openings(chain_id, id)? {
            Some(kept) if kept == openings => Ok(()),
            _ => Err(KeepError::NotKept),
        }
    }
}

impl std::fmt::Debug for Keeping<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeping").field("outbox", self.outbox).field("stores", &self.stores).finish_non_exhaustive()
    }
}
