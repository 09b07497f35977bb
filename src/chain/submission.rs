//! Submitting claims, one or several with one proof, and reading them back.

use super::{
    ChainError, Client, Mined, Node, Outbox,
    bindings::IProofRegistry::{self, Assurance, BatchRecorded, ClaimRecorded},
    fork::NewState,
    operator::unless_interrupted,
    plan::{Intent, check_size},
    release,
    submitter::{Chain, Intent as Record, Kind, of_call, recorded},
};
use crate::proof::{Assignment, Bundle, Context, Statement, identity::batch_id};
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::{SolCall, SolEvent},
};
use serde::Serialize;
use std::{collections::HashSet, time::Duration};

/// How often a claim is looked for whose transaction is in a block.
const READ_BACKS: u32 = 20;
const READ_BACK_PAUSE: Duration = Duration::from_millis(250);

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

/// What became of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The statements, in order: all of them are recorded.
    pub statement_ids: Vec<B256>,
    /// The batch's id, if it is one.
    pub batch_id: Option<B256>,
    /// The transaction that recorded them; `None` when they are recorded, and not by a transaction of the
    /// account's journal.
    pub mined: Option<Mined>,
    /// Whether they were recorded before, so that nothing was sent.
    pub is_old: bool,
}

/// The submission of one proof, ready to be simulated.
pub(super) struct Call {
    pub(super) what: &'static str,
    pub(super) registry: Address,
    pub(super) ids: Vec<B256>,
    pub(super) batch_id: Option<B256>,
    pub(super) data: Bytes,
}

/// Who submits, and on which chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Submitter {
    pub(super) chain_id: u64,
    pub(super) account: Address,
}

impl Client {
    /// Submits a claim to the registry that its context names, and reads it back. A client with an outbox does it by the account's
    /// journal, as [`Client::settle`] does; one without keeps nothing.
    ///
    /// # Errors
    /// [`ChainError::WrongContext`] when the statement is not for this chain and account; [`ChainError::OtherRelease`] when
    /// other code is there than this release's; [`ChainError::TestSrs`]; [`ChainError::Refused`] with the contract's reason
    /// when the simulation fails, before anything is paid; others of [`ChainError`].
    pub async fn submit(&self, statement: &Statement, proof: &Bytes) -> Result<Submission, ChainError> {
        let call = self.submitter().single(statement, proof)?;
        let mined = self.submit_call(&call, statement.model_id, std::slice::from_ref(statement)).await?;
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
        let call = self.submitter().batch(statements, proof)?;
        let model_id = statements.first().map(|statement| statement.model_id).unwrap_or_default();
        let mined = self.submit_call(&call, model_id, statements).await?;
        let batch_id = call.batch_id.unwrap_or_default();
        Ok(BatchSubmission { batch_id, statement_ids: call.ids, mined })
    }

    /// Sees to it that the claims of a bundle are recorded, whatever became of earlier attempts: looks whether they are, and sees the
    /// transaction through by the account's journal, beside the outbox. Two transactions that could both be mined are never on their
    /// way. Ends when the claims are as deep in the chain as [`SendOptions::depth`](super::SendOptions) says.
    ///
    /// # Errors
    /// As [`Client::submit`] and [`Client::submit_batch`]; [`ChainError::Journal`] when another process sends for the account, or the
    /// journal is not to be used; [`ChainError::NoReceipt`] and others when it may still be recorded: the same call goes on then.
    pub async fn settle(&self, outbox: &Outbox, bundle: &Bundle) -> Result<Settled, ChainError> {
        let call = self.submitter().bundle(bundle)?;
        let intent = of_call(&call, bundle.statements());
        let settled =
            |mined, is_old| Settled { statement_ids: call.ids.clone(), batch_id: call.batch_id, mined, is_old };
        let look = async {
            release::registries(self.node(), call.registry).await?;
            self.are_recorded(call.registry, &call.ids).await
        };
        let earlier = self.sender.did(outbox, call.what, intent.id);
        if unless_interrupted(&*self.sender.operator, call.what, look).await? {
            self.sender.until_deep(&intent).await?;
            return Ok(settled(unless_interrupted(&*self.sender.operator, call.what, earlier).await?, true));
        }
        check_size(call.what, call.data.len())?;
        let admit = self.admit(call.registry, bundle.model_id());
        unless_interrupted(&*self.sender.operator, call.what, admit).await?;
        let mined = self.sender.see_through(outbox, &intent).await?;
        if let Some(mined) = &mined {
            self.confirm(&call, mined).await?;
        }
        let is_old = mined.is_none();
        Ok(settled(mined, is_old))
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

    async fn are_recorded(&self, registry: Address, ids: &[B256]) -> Result<bool, ChainError> {
        let done = recorded(registry, ids);
        let claims = Record { done, ..Record::new(B256::ZERO, Kind::Proof, "the claim", registry, Bytes::new()) };
        self.sender.endpoints()?.is_done(&claims, None).await
    }

    const fn submitter(&self) -> Submitter {
        Submitter { chain_id: self.node().chain_id(), account: self.address() }
    }

    fn intent(&self, call: &Call) -> Intent {
        let new_state = NewState::claims(call.ids.len());
        let (to, data) = (Some(call.registry), call.data.clone());
        Intent { what: call.what.into(), to, data, value: U256::ZERO, new_state }
    }

    /// Looks where it goes before it costs anything, sends, reads back.
    async fn submit_call(&self, call: &Call, model_id: B256, statements: &[Statement]) -> Result<Mined, ChainError> {
        check_size(call.what, call.data.len())?;
        self.admit(call.registry, model_id).await?;
        let mined = match &self.sender.outbox {
            Some(outbox) => {
                let mined = self.sender.see_through(outbox, &of_call(call, statements)).await?;
                mined.ok_or_else(|| {
                    unexpected(call.what, "the chain has it by a transaction that nobody here knows".into())
                })?
            }
            None => self.sender.send(&self.intent(call)).await?,
        };
        self.confirm(call, &mined).await?;
        Ok(mined)
    }

    /// Every statement has its event in the transaction and its record in the registry. A node that is behind is given some
    /// time: the receipt is there already.
    async fn confirm(&self, call: &Call, mined: &Mined) -> Result<(), ChainError> {
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

impl Submitter {
    /// The call that submits a bundle's claims.
    pub(super) fn bundle(&self, bundle: &Bundle) -> Result<Call, ChainError> {
        match bundle.statements() {
            [statement] if !bundle.is_batch() => self.single(statement, bundle.proof()),
            statements => self.batch(statements, bundle.proof()),
        }
    }

    fn single(&self, statement: &Statement, proof: &Bytes) -> Result<Call, ChainError> {
        let (registry, assignment) = self.assignment(statement)?;
        let call = IProofRegistry::submitCall {
            modelId: statement.model_id,
            assignment: assignment.into(),
            publicValues: statement.public_values.as_bytes().clone(),
            proof: proof.clone(),
        };
        let (what, data) = ("the submission of the claim", call.abi_encode().into());
        Ok(Call { what, registry, ids: vec![statement.id()], batch_id: None, data })
    }

    fn batch(&self, statements: &[Statement], proof: &Bytes) -> Result<Call, ChainError> {
        let wrong = |reason: String| ChainError::WrongContext(reason);
        let opened = statements.iter().map(|statement| self.assignment(statement)).collect::<Result<Vec<_>, _>>()?;
        let (Some(first), Some(&(registry, _))) = (statements.first(), opened.first()) else {
            return Err(wrong("the batch has no statements".into()));
        };
        if statements.iter().any(|statement| statement.model_id != first.model_id) {
            return Err(wrong("the statements of a batch are all about one model".into()));
        }
        if opened.iter().any(|(other, _)| *other != registry) {
            return Err(wrong("the statements of a batch are all made for one registry".into()));
        }
        let ids: Vec<B256> = statements.iter().map(Statement::id).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = ids.iter().find(|id| !seen.insert(**id)) {
            return Err(wrong(format!(
                "statement {twice} is in the batch twice, and a registry records it once; prove it once"
            )));
        }
        let call = IProofRegistry::submitBatchCall {
            modelId: first.model_id,
            assignments: opened.iter().map(|&(_, assignment)| assignment.into()).collect(),
            publicValues: statements.iter().map(|statement| statement.public_values.as_bytes().clone()).collect(),
            proof: proof.clone(),
        };
        let (what, batch_id) = ("the submission of the batch", Some(batch_id(&ids)));
        Ok(Call { what, registry, ids, batch_id, data: call.abi_encode().into() })
    }

    fn assignment<'a>(&self, statement: &'a Statement) -> Result<(Address, &'a Assignment), ChainError> {
        let Context::Chain { chain_id, registry, assignment } = &statement.context else {
            return Err(ChainError::WrongContext("it is made for no chain; make it for this registry first".into()));
        };
        if *chain_id != self.chain_id {
            let here = self.chain_id;
            return Err(ChainError::WrongContext(format!("it is made for chain {chain_id}, and this is chain {here}")));
        }
        if assignment.submitter != self.account {
            let (theirs, ours) = (assignment.submitter, self.account);
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
