//! Submitting claims, one or several with one proof, and reading them back.

use super::{
    ChainError, Client, Mined, Node,
    bindings::IProofRegistry::{self, Assurance, BatchRecorded, ClaimRecorded},
};
use crate::proof::{Assignment, Context, Statement, identity::batch_id};
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolEvent,
};
use serde::Serialize;

/// A claim that is recorded now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Submission {
    /// The statement's id, derived here and confirmed by the event and the record.
    pub statement_id: B256,
    /// The transaction.
    #[serde(flatten)]
    pub mined: Mined,
}

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

impl Client {
    /// Submits a claim to the registry that its context names, and reads it back.
    ///
    /// # Errors
    /// [`ChainError::WrongContext`] when the statement is not for this chain and account; [`ChainError::Refused`] with
    /// the contract's reason when the simulation fails, before anything is paid; others of [`ChainError`].
    pub async fn submit(&self, statement: &Statement, proof: &Bytes) -> Result<Submission, ChainError> {
        let what = "the submission of the claim";
        let (registry, assignment) = self.assignment(statement)?;
        let call = IProofRegistry::submitCall {
            modelId: statement.model_id,
            assignment: assignment.into(),
            publicValues: statement.public_values.as_bytes().clone(),
            proof: proof.clone(),
        };
        let mined = self.send(what, registry, &call).await?;
        let statement_id = statement.id();
        self.confirm(what, registry, &[statement_id], &mined).await?;
        Ok(Submission { statement_id, mined })
    }

    /// Submits one proof of several statements, in the order that it was made for, and reads every claim back. All are
    /// recorded or none is.
    ///
    /// # Errors
    /// [`ChainError::WrongContext`] when a statement is not for this chain and account, or the statements are not all
    /// about one model and for one registry; [`ChainError::TransactionTooLarge`] and [`ChainError::TooMuchGas`] when
    /// one transaction cannot hold so many; [`ChainError::Refused`] with the contract's reason when the simulation
    /// fails, before anything is paid; others of [`ChainError`].
    pub async fn submit_batch(&self, statements: &[Statement], proof: &Bytes) -> Result<BatchSubmission, ChainError> {
        let what = "the submission of the batch";
        let opened = statements.iter().map(|statement| self.assignment(statement)).collect::<Result<Vec<_>, _>>()?;
        let (Some(first), Some(&(registry, _))) = (statements.first(), opened.first()) else {
            return Err(ChainError::WrongContext("the batch has no statements".into()));
        };
        if statements.iter().any(|statement| statement.model_id != first.model_id) {
            return Err(ChainError::WrongContext("the statements of a batch are all about one model".into()));
        }
        if opened.iter().any(|(other, _)| *other != registry) {
            return Err(ChainError::WrongContext("the statements of a batch are all made for one registry".into()));
        }
        let call = IProofRegistry::submitBatchCall {
            modelId: first.model_id,
            assignments: opened.iter().map(|&(_, assignment)| assignment.into()).collect(),
            publicValues: statements.iter().map(|statement| statement.public_values.as_bytes().clone()).collect(),
            proof: proof.clone(),
        };
        let mined = self.send(what, registry, &call).await?;
        let statement_ids: Vec<B256> = statements.iter().map(Statement::id).collect();
        let batch_id = batch_id(&statement_ids);
        let tied = logs_of(&mined, registry).any(|log| {
            BatchRecorded::decode_log_validate(log)
                .is_ok_and(|event| event.batchId == batch_id && event.count == U256::from(statement_ids.len()))
        });
        if !tied {
            return Err(unexpected(what, format!("the transaction emitted no BatchRecorded event for {batch_id}")));
        }
        self.confirm(what, registry, &statement_ids, &mined).await?;
        Ok(BatchSubmission { batch_id, statement_ids, mined })
    }

    /// Every statement has its event in the transaction and its record in the registry.
    async fn confirm(&self, what: &str, registry: Address, ids: &[B256], mined: &Mined) -> Result<(), ChainError> {
        let events: Vec<B256> = logs_of(mined, registry)
            .filter_map(|log| ClaimRecorded::decode_log_validate(log).ok())
            .map(|event| event.statementId)
            .collect();
        for &id in ids {
            if !events.contains(&id) {
                return Err(unexpected(what, format!("the transaction emitted no ClaimRecorded event for {id}")));
            }
            match read_claim(self.node(), registry, id).await? {
                Some(claim) if claim.verified => {}
                _ => return Err(unexpected(what, format!("the registry has no verified claim of {id}"))),
            }
        }
        Ok(())
    }

    fn assignment<'a>(&self, statement: &'a Statement) -> Result<(Address, &'a Assignment), ChainError> {
        let Context::Chain { chain_id, registry, assignment } = &statement.context else {
            return Err(ChainError::WrongContext("it is made for no chain; make it for this registry first".into()));
        };
        if *chain_id != self.node().chain_id() {
            let here = self.node().chain_id();
            return Err(ChainError::WrongContext(format!("it is made for chain {chain_id}, and this is chain {here}")));
        }
        if assignment.submitter != self.address() {
            let (theirs, ours) = (assignment.submitter, self.address());
            return Err(ChainError::WrongContext(format!(
                "only {theirs} may submit it, and the key is that of {ours}"
            )));
        }
        Ok((*registry, assignment))
    }
}

impl From<&Assignment> for IProofRegistry::Assignment {
    fn from(assignment: &Assignment) -> Self {
        Self {
            submitter: assignment.submitter,
            consumer: assignment.consumer,
            job: assignment.job,
            deadline: assignment.deadline,
        }
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
