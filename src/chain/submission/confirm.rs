//! Whether claims are recorded: what a transaction says, and what the registry says.

use super::call::Call;
use crate::chain::{
    ChainError, Client, Mined, Node,
    bindings::IProofRegistry::{self, Assurance, BatchRecorded, ClaimRecorded},
};
use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolEvent,
};
use serde::Serialize;
use std::time::Duration;

/// How often a claim is looked for whose transaction is in a block.
const READ_BACKS: u32 = 20;
/// The pause between two looks.
pub(super) const READ_BACK_PAUSE: Duration = Duration::from_millis(250);

/// A recorded claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Who submitted it.
    pub submitter: Address,
    /// The time of its block.
    pub recorded_at: u64,
    /// Whether a verifier contract accepted the proof.
    pub verified: bool,
    /// Whether the proof could have been copied from somebody else.
    pub transferable: bool,
}

impl Client {
    pub(super) async fn are_recorded(&self, registry: Address, ids: &[B256]) -> Result<bool, ChainError> {
        for &id in ids {
            match read_claim(self.node(), registry, id).await? {
                Some(claim) if claim.verified => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Every statement has its event in the transaction and its record in the registry. A node that is behind is given some
    /// time: the receipt is there already.
    pub(super) async fn confirm(&self, call: &Call, mined: &Mined) -> Result<(), ChainError> {
        let (what, registry, hash) = (call.what, call.registry, mined.transaction_hash);
        let events: Vec<B256> = logs_of(mined, registry)
            .filter_map(|log| ClaimRecorded::decode_log_validate(log).ok())
            .map(|event| event.statementId)
            .collect();
        if let Some(id) = call.ids.iter().find(|id| !events.contains(id)) {
            return Err(unexpected(what, format!("transaction {hash} emitted no ClaimRecorded event for {id}")));
        }
        let is_batch = |log| {
            BatchRecorded::decode_log_validate(log)
                .is_ok_and(|event| Some(event.batchId) == call.batch_id && event.count == U256::from(call.ids.len()))
        };
        if let Some(id) = call.batch_id.filter(|_| !logs_of(mined, registry).any(is_batch)) {
            return Err(unexpected(what, format!("transaction {hash} emitted no BatchRecorded event for {id}")));
        }
        let mut reason = String::new();
        for _ in 0..READ_BACKS {
            match self.are_recorded(registry, &call.ids).await {
                Ok(true) => return Ok(()),
                Ok(false) => reason = "the registry has no verified claim of it, as far as this node tells".into(),
                Err(error) => reason = error.to_string(),
            }
            tokio::time::sleep(READ_BACK_PAUSE).await;
        }
        Err(unexpected(what, format!("transaction {hash} is in block {}, but {reason}; audit it", mined.block_number)))
    }
}

fn logs_of(mined: &Mined, registry: Address) -> impl Iterator<Item = &alloy::primitives::Log> {
    mined.receipt.inner.logs().iter().map(|log| &log.inner).filter(move |log| log.address == registry)
}

fn unexpected(what: &str, reason: String) -> ChainError {
    ChainError::Unexpected { what: what.into(), reason }
}

/// Reads a claim at the latest block; `None` when the registry has none of this statement.
///
/// # Errors
/// [`ChainError`].
pub async fn read_claim(node: &Node, registry: Address, statement_id: B256) -> Result<Option<Claim>, ChainError> {
    let claim = node.view(registry, &IProofRegistry::claimCall { statementId: statement_id }).await?;
    Ok((claim.assurance != Assurance::None).then(|| Claim {
        submitter: claim.submitter,
        recorded_at: claim.recordedAt,
        verified: claim.assurance == Assurance::Verified,
        transferable: claim.transferable,
    }))
}
