//! Follows a claim registry's events.

use super::{ClaimRegistry, State};
use crate::chain::{ChainError, Node, bindings::IClaimRegistry::IClaimRegistryEvents, logs::collect};
use alloy::{primitives::B256, rpc::types::Filter};

/// How often a step is made anew because the chain reorganised meanwhile.
const ATTEMPTS: u32 = 4;

/// A claim registry's state, kept up to date by replaying its events. The events, the times of their blocks and the terms are all
/// that it takes; of the chain's state only the adapter of a model is read, which is part of the model's id.
///
/// A reorganisation of blocks that were read begins the replay anew. Nothing here waits for finality: what was read may be
/// taken back, and is then.
#[derive(Clone, Debug)]
pub struct Indexer {
    registry: ClaimRegistry,
    from_block: u64,
    state: State,
    /// The last block that was read, and its hash.
    last: Option<(u64, B256)>,
}

/// An event of a registry, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The block's number.
    pub block: u64,
    /// The block's time, in Unix seconds.
    pub time: u64,
    /// The transaction, if the node says which.
    pub transaction: Option<B256>,
    /// What happened.
    pub event: IClaimRegistryEvents,
}

/// What a look brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// The last block that is read now.
    pub block: u64,
    /// What happened, in order. After a reorganisation: from the very beginning.
    pub events: Vec<Happened>,
    /// Whether blocks that had been read are no longer on the chain.
    pub reorganised: bool,
}

impl Indexer {
    /// Begins with a block at or before the registry's creation.
    #[must_use]
    pub fn new(registry: ClaimRegistry, from_block: u64) -> Self {
        let state = registry.nothing();
        Self { registry, from_block, state, last: None }
    }

    /// The state after the last block that was read.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The registry.
    #[must_use]
    pub const fn registry(&self) -> &ClaimRegistry {
        &self.registry
    }

    /// Reads on to the latest block.
    ///
    /// # Errors
    /// [`ChainError`] of the node, the state stays what it was; [`ChainError::BadAnswer`] when the events contradict each other: one is missing,
    /// or the search began too late.
    pub async fn sync(&mut self) -> Result<Synced, ChainError> {
        let mut reorganised = false;
        for _ in 0..ATTEMPTS {
            let last = match self.last {
                Some((number, hash)) if self.node().block_hash(number).await? != Some(hash) => {
                    reorganised = true;
                    None
                }
                last => last,
            };
            let before = if last.is_some() { self.state.clone() } else { self.registry.nothing() };
            if let Some((state, synced, place)) = self.step(before, last).await? {
                (self.state, self.last) = (state, Some(place));
                return Ok(Synced { reorganised, ..synced });
            }
            reorganised |= self.last.is_some();
        }
        Err(ChainError::BadAnswer {
            what: self.what(),
            reason: "the chain was reorganised again and again while they were read; ask again later".into(),
        })
    }

    /// One look. `None`: the chain reorganised meanwhile.
    async fn step(
        &self,
        mut state: State,
        last: Option<(u64, B256)>,
    ) -> Result<Option<(State, Synced, (u64, B256))>, ChainError> {
        let what = self.what();
        let bad = |reason: String| ChainError::BadAnswer { what: what.clone(), reason };
        let to = self.node().latest_block().await?;
        let Some(hash) = self.node().block_hash(to).await? else { return Ok(None) };
        let from = last.map_or(self.from_block, |(number, _)| number.saturating_add(1));
        let filter = Filter::new().address(self.registry.address);
        let logs = if from <= to { collect(self.node(), &what, &filter, from, to).await? } else { vec![] };
        let mut events = Vec::with_capacity(logs.len());
        for log in logs {
            let (event, time) = (self.registry.event(&log).map_err(bad)?, self.registry.time(&log).await?);
            let block = log.block_number.unwrap_or_default();
            state.apply(&event, time).map_err(|reason| bad(format!("{reason} (block {block})")))?;
            events.push(Happened { block, time, transaction: log.transaction_hash, event });
        }
        let unknown: Vec<B256> = state.models_without_adapter().collect();
        for model_id in unknown {
            state.learn_adapter(model_id, self.registry.adapter_of(model_id).await?);
        }
        if self.node().block_hash(to).await? != Some(hash) {
            return Ok(None);
        }
        Ok(Some((state, Synced { block: to, events, reorganised: false }, (to, hash))))
    }

    const fn node(&self) -> &Node {
        self.registry.node()
    }

    fn what(&self) -> String {
        format!("the events of claim registry {}", self.registry.address)
    }
}
