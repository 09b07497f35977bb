//! What a watchtower asks of a claim registry: a node answers in earnest, a simulation in tests.

use crate::chain::{
    ChainError,
    claims::{Indexer, Stage, State},
};
use alloy::primitives::B256;

/// A claim registry as one node tells it.
pub trait Ledger: Send {
    /// Reads the registry's events on to the latest block: its number, and its time in Unix seconds.
    fn sync(&mut self) -> impl Future<Output = Result<(u64, u64), ChainError>> + Send;

    /// What the registry records, by the events that were read.
    fn state(&self) -> &State;

    /// Where a claim is at the latest block.
    fn stage(&self, statement_id: B256) -> impl Future<Output = Result<Stage, ChainError>> + Send;

    /// Whether the proof registry has verified a statement.
    fn is_proven(&self, statement_id: B256) -> impl Future<Output = Result<bool, ChainError>> + Send;

    /// The adapter of a model.
    fn adapter_of(&self, model_id: B256) -> impl Future<Output = Result<B256, ChainError>> + Send;
}

impl Ledger for Indexer {
    async fn sync(&mut self) -> Result<(u64, u64), ChainError> {
        let block = Self::sync(self).await?.block;
        Ok((block, self.registry().node().latest_timestamp().await?))
    }

    fn state(&self) -> &State {
        self.state()
    }

    async fn stage(&self, statement_id: B256) -> Result<Stage, ChainError> {
        self.registry().stage(statement_id).await
    }

    async fn is_proven(&self, statement_id: B256) -> Result<bool, ChainError> {
        self.registry().is_proven(statement_id).await
    }

    async fn adapter_of(&self, model_id: B256) -> Result<B256, ChainError> {
        self.registry().adapter_of(model_id).await
    }
}
