//! The call that records claims.

use crate::{
    chain::{ChainError, Client, bindings::IProofRegistry, fork::NewState, plan::Intent},
    proof::{Assignment, Context, Statement, identity::batch_id},
};
use alloy::{
    primitives::{Address, B256, Bytes},
    sol_types::SolCall,
};
use std::collections::HashSet;

/// The submission of one proof, ready to be simulated.
pub(super) struct Call {
    pub(super) what: &'static str,
    pub(super) registry: Address,
    pub(super) ids: Vec<B256>,
    pub(super) batch_id: Option<B256>,
    pub(super) data: Bytes,
}

impl Client {
    pub(super) fn single(&self, statement: &Statement, proof: &Bytes) -> Result<Call, ChainError> {
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

    pub(super) fn batch(&self, statements: &[Statement], proof: &Bytes) -> Result<Call, ChainError> {
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

    pub(super) fn intent(&self, call: &Call) -> Intent {
        let new_state = NewState::claims(call.ids.len());
        Intent { what: call.what.into(), to: Some(call.registry), data: call.data.clone(), new_state }
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
