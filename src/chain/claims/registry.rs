//! A claim registry on a chain: its terms, and what its views say.

use super::{BatchState, ClaimState, LeafStage, Level, Stage, State, Terms};
use crate::chain::{
    ChainError, Node,
    bindings::{
        IClaimRegistry::{self, Assurance, IClaimRegistryEvents},
        IModelRegistry, IProofRegistry,
    },
    logs::collect,
    release,
};
use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, U256},
    rpc::types::{Filter, Log},
    sol_types::SolEventInterface,
};

/// How often record and events are compared: a block between the two looks is no contradiction.
const LOOKS: u32 = 3;

/// A claim registry of this release.
#[derive(Clone, Debug)]
pub struct ClaimRegistry {
    pub(super) node: Node,
    /// Where it is.
    pub address: Address,
    /// The `ProofRegistry` whose statement ids it shares.
    pub proofs: Address,
    /// The `ModelRegistry` that both look models up in.
    pub models: Address,
    /// Its terms.
    pub terms: Terms,
}

impl ClaimRegistry {
    /// Looks at the registry at an address: its code, and that of the registries behind it, is this release's.
    ///
    /// # Errors
    /// [`ChainError::OtherRelease`]; [`ChainError::Refused`] when there is no code; others of the node.
    pub async fn at(node: &Node, address: Address) -> Result<Self, ChainError> {
        let (proofs, models, terms) = release::claim_registry(node, address).await?;
        Ok(Self { node: node.clone(), address, proofs, models, terms })
    }

    /// Its terms, which never change.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The node that is asked.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// Where a claim is.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn stage(&self, statement_id: B256) -> Result<Stage, ChainError> {
        Ok(self.claim(statement_id).await?.stage.into())
    }

    /// A claim's record.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn claim(&self, statement_id: B256) -> Result<IClaimRegistry::Claim, ChainError> {
        self.view(&IClaimRegistry::claimCall { statementId: statement_id }).await
    }

    /// Who challenged a claim; zero if nobody did.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn challenger(&self, statement_id: B256) -> Result<Address, ChainError> {
        self.view(&IClaimRegistry::challengerOfCall { statementId: statement_id }).await
    }

    /// The level at which a statement is final in the latest block.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn final_level(&self, statement_id: B256) -> Result<Level, ChainError> {
        let level: Assurance = self.view(&IClaimRegistry::finalAssuranceCall { statementId: statement_id }).await?;
        Ok(level.into())
    }

    /// A batch's record.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn batch(&self, batch_id: B256) -> Result<IClaimRegistry::BatchRecord, ChainError> {
        self.view(&IClaimRegistry::batchCall { batchId: batch_id }).await
    }

    /// A leaf's record.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn leaf(&self, batch_id: B256, index: u16) -> Result<(Address, LeafStage), ChainError> {
        let leaf = self.view(&IClaimRegistry::leafCall { batchId: batch_id, index }).await?;
        Ok((leaf.challenger, leaf.stage.into()))
    }

    /// What an account is owed, in wei.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn credit(&self, account: Address) -> Result<U256, ChainError> {
        self.view(&IClaimRegistry::creditCall { account }).await
    }

    /// Whether a model or its adapter is broken here.
    ///
    /// # Errors
    /// [`ChainError`]; [`ChainError::Refused`] for a model that is in no registry.
    pub async fn is_broken(&self, model_id: B256) -> Result<bool, ChainError> {
        self.view(&IClaimRegistry::isBrokenCall { modelId: model_id }).await
    }

    /// Whether the proof registry has verified a statement: it can be adopted then.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn is_proven(&self, statement_id: B256) -> Result<bool, ChainError> {
        self.node.view(self.proofs, &IProofRegistry::isVerifiedCall { statementId: statement_id }).await
    }

    /// The adapter of a model, by its code hash.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn adapter_of(&self, model_id: B256) -> Result<B256, ChainError> {
        Ok(self.node.view(self.models, &IModelRegistry::modelCall { modelId: model_id }).await?.adapterId)
    }

    /// A claim as its events have it, searched from a block on; `None` when there is none. Its stage and clock are compared with
    /// the registry's own record.
    ///
    /// # Errors
    /// [`ChainError`]; [`ChainError::BadAnswer`] when events and record contradict each other.
    pub async fn find_claim(&self, statement_id: B256, from_block: u64) -> Result<Option<ClaimState>, ChainError> {
        for _ in 0..LOOKS {
            let record = self.claim(statement_id).await?;
            if Stage::from(record.stage) == Stage::None {
                return Ok(None);
            }
            let state = self.fold_of(statement_id, from_block).await?;
            let agrees =
                |claim: &&ClaimState| claim.stage == record.stage.into() && claim.since == record.since.to::<u64>();
            if let Some(claim) = state.claims().get(&statement_id).filter(agrees) {
                return Ok(Some(claim.clone()));
            }
        }
        Err(self.incomplete(statement_id, from_block))
    }

    /// A batch as its events have it, as [`ClaimRegistry::find_claim`].
    ///
    /// # Errors
    /// As there.
    pub async fn find_batch(&self, batch_id: B256, from_block: u64) -> Result<Option<BatchState>, ChainError> {
        for _ in 0..LOOKS {
            let record = self.batch(batch_id).await?;
            if Stage::from(record.stage) == Stage::None {
                return Ok(None);
            }
            let state = self.fold_of(batch_id, from_block).await?;
            let agrees = |batch: &&BatchState| {
                (batch.stage, batch.open, batch.closes_at) == (record.stage.into(), record.open, record.closesAt.to())
            };
            if let Some(batch) = state.batches().get(&batch_id).filter(agrees) {
                return Ok(Some(batch.clone()));
            }
        }
        Err(self.incomplete(batch_id, from_block))
    }

    fn incomplete(&self, id: B256, from_block: u64) -> ChainError {
        ChainError::BadAnswer {
            what: format!("the events of {id}"),
            reason: format!(
                "they do not lead to the record of the registry; the search began at block {from_block}: begin before the \
                 claim (--from-block), or ask a node that keeps old events"
            ),
        }
    }

    /// The fold of the events that have this id as their first topic.
    async fn fold_of(&self, id: B256, from_block: u64) -> Result<State, ChainError> {
        let what = format!("the events of {id}");
        let filter = Filter::new().address(self.address).topic1(id);
        let latest = self.node.latest_block().await?;
        let mut state = self.nothing();
        for log in collect(&self.node, &what, &filter, from_block, latest).await? {
            let bad = |reason: String| ChainError::BadAnswer { what: what.clone(), reason };
            let event = self.event(&log).map_err(bad)?;
            state.apply(&event, self.time(&log).await?).map_err(bad)?;
        }
        Ok(state)
    }

    /// The state before the first event.
    pub(super) const fn nothing(&self) -> State {
        State::new(self.node.chain_id(), self.address, self.proofs, self.terms)
    }

    /// Reads an event strictly.
    pub(super) fn event(&self, log: &Log) -> Result<IClaimRegistryEvents, String> {
        if log.address() != self.address {
            return Err("an event is of another contract".into());
        }
        IClaimRegistryEvents::decode_log(&log.inner).map(|event| event.data).map_err(|error| error.to_string())
    }

    /// The time of an event's block.
    pub(super) async fn time(&self, log: &Log) -> Result<u64, ChainError> {
        if let Some(time) = log.block_timestamp {
            return Ok(time);
        }
        let number = log.block_number.unwrap_or_default();
        let what = format!("block {number}");
        let block = self.node.block(&what, BlockId::Number(BlockNumberOrTag::Number(number))).await?;
        let missing = || ChainError::BadAnswer { what, reason: "there is none".into() };
        block.map(|block| block.header.timestamp).ok_or_else(missing)
    }

    async fn view<C: alloy::sol_types::SolCall>(&self, call: &C) -> Result<C::Return, ChainError> {
        self.node.view(self.address, call).await
    }
}
