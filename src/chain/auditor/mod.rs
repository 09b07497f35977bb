//! Auditing a claim, or a batch of claims, from its transaction hash alone.
//!
//! An audit fetches the transaction, derives every id anew from what was fetched, compares the results with the event
//! and with the registry's storage, and verifies the proof again: by the chain's contracts, by the same code in the
//! embedded EVM, and by the backend if its artifacts are at hand.
//!
//! What it rests on: the node. A node that lies consistently about code, storage and receipts is not found out; ask
//! several. The contracts are called at the latest block, because ordinary nodes keep no old state; that says the same,
//! since the code that is called is compared with the hashes in the model id.

pub(crate) mod fuzzing;
mod model;
mod off_chain;
mod records;
mod report;
mod submission;
mod verification;

pub use off_chain::{OffChainAnswer, OffChainRequest, OffChainVerifier};
pub use report::{
    AuditReport, AuditVerdict, BatchFacts, Check, CheckName, CheckOutcome, ClaimFacts, CommittedFact, Facts, TensorFact,
};

use super::{ChainError, Node};
use alloy::primitives::B256;
use report::Ledger;
use std::sync::Arc;

/// Audits the claims that a transaction made: one, or all of a batch.
///
/// `off_chain` verifies the proof with the backend itself; without it, or when it has no artifacts of the model, the
/// report says in its warnings and its summary that this was not done.
///
/// # Errors
/// [`ChainError::CannotAudit`] when the transaction is no successful, direct call of a proof registry's `submit` or
/// `submitBatch`; other errors when the node fails. Neither is a verdict. What is wrong with a claim is in the report.
pub async fn audit(
    node: &Node,
    transaction: B256,
    off_chain: Option<Arc<dyn OffChainVerifier>>,
) -> Result<AuditReport, ChainError> {
    carry_out(node, transaction, None, off_chain).await
}

/// Audits one claim of those that a transaction made. The proof of a batch is verified as a whole, since it is one; the
/// record that is compared, and the public values that are reported, are those of this statement.
///
/// # Errors
/// As [`audit`]; [`ChainError::CannotAudit`] also when the transaction makes no claim of the statement.
pub async fn audit_statement(
    node: &Node,
    transaction: B256,
    statement_id: B256,
    off_chain: Option<Arc<dyn OffChainVerifier>>,
) -> Result<AuditReport, ChainError> {
    carry_out(node, transaction, Some(statement_id), off_chain).await
}

async fn carry_out(
    node: &Node,
    transaction: B256,
    only: Option<B256>,
    off_chain: Option<Arc<dyn OffChainVerifier>>,
) -> Result<AuditReport, ChainError> {
    let submission = submission::fetch(node, transaction, only).await?;
    let mut facts = submission.facts(node.chain_id());
    let mut ledger = Ledger::default();
    submission.check(node, &mut ledger, &mut facts).await?;
    if let Some(model) = model::fetch(node, &submission, &mut ledger, &mut facts).await? {
        verification::check(node, &submission, &model, off_chain, &mut ledger, &mut facts).await?;
    }
    Ok(ledger.close(transaction, facts))
}
