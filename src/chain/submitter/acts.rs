//! What may be done on a claim registry, as intents: each with an id of its own, and with the question whose answer says that it is done.

use super::{Intent, Kind, Look, Test};
use crate::{
    chain::{
        ChainError,
        bindings::IClaimRegistry,
        claims::{BatchState, ClaimBatch, ClaimRegistry, ClaimState, LeafStage, Stage},
        money,
    },
    proof::{Context, Statement},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::SolCall,
};

/// Which words of the registry's records hold what is asked for.
const CLAIM_STAGE: u16 = 3;
const BATCH_STAGE: u16 = 4;
const LEAF_STAGE: u16 = 2;

/// An account at a claim registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desk {
    /// The chain.
    pub chain_id: u64,
    /// The claim registry.
    pub claims: Address,
    /// The proof registry beside it, whose statement ids it shares.
    pub proofs: Address,
    /// Who acts.
    pub account: Address,
    /// The bond of a claim, in wei.
    pub bond: U256,
}

impl Desk {
    /// An account at a registry that was looked at.
    #[must_use]
    pub fn of(registry: &ClaimRegistry, account: Address) -> Self {
        Self {
            chain_id: registry.node().chain_id(),
            claims: registry.address,
            proofs: registry.proofs,
            account,
            bond: registry.terms().bond,
        }
    }

    /// Posts a hash. `proof_hash`: SHA-256 of the proof; `content`: BLAKE3 of what is stored.
    ///
    /// # Errors
    /// [`ChainError::WrongContext`] when the statement is not this account's to submit here.
    pub fn attest(&self, statement: &Statement, proof_hash: B256, content: B256) -> Result<Intent, ChainError> {
        let (id, assignment) = self.own(statement)?;
        let call = IClaimRegistry::attestCall {
            modelId: statement.model_id,
            assignment: (&assignment).into(),
            publicValuesHash: keccak256(statement.public_values.as_bytes()),
            proofHash: proof_hash,
            contentHash: content,
        };
        let done = vec![self.claim_is(id, Test::AtLeast(number(Stage::Attested)))];
        let act = self.act(id, Kind::Attestation, "the attestation of the statement".into(), &call, done);
        Ok(Intent { deadline: Some(assignment.deadline), model_id: Some(statement.model_id), ..act })
    }

    /// Posts an Optimistic claim with its bond.
    ///
    /// # Errors
    /// As [`Desk::attest`].
    pub fn post(&self, statement: &Statement) -> Result<Intent, ChainError> {
        let (id, assignment) = self.own(statement)?;
        let public_values = statement.public_values.as_bytes().clone();
        let call = IClaimRegistry::postCall {
            modelId: statement.model_id,
            assignment: (&assignment).into(),
            publicValues: public_values,
        };
        let what = format!("the Optimistic claim with its bond of {}", money::amount(self.bond, self.chain_id));
        let done = vec![self.claim_is(id, Test::AtLeast(number(Stage::Open)))];
        let act = self.act(id, Kind::Optimistic, what, &call, done);
        let (deadline, model_id) = (Some(assignment.deadline), Some(statement.model_id));
        Ok(Intent { value: self.bond, deadline, model_id, ..act })
    }

    /// Has a proof judged by the claim registry.
    ///
    /// # Errors
    /// As [`Desk::attest`].
    pub fn verify(&self, statement: &Statement, proof: &Bytes) -> Result<Intent, ChainError> {
        let (id, assignment) = self.own(statement)?;
        let call = IClaimRegistry::submitCall {
            modelId: statement.model_id,
            assignment: (&assignment).into(),
            publicValues: statement.public_values.as_bytes().clone(),
            proof: proof.clone(),
        };
        let done = vec![self.claim_is(id, Test::Equals(number(Stage::Verified)))];
        let act = self.act(id, Kind::Proof, "the submission of the claim".into(), &call, done);
        Ok(Intent { deadline: Some(assignment.deadline), model_id: Some(statement.model_id), ..act })
    }

    /// Posts a batch with the bonds of all its leaves. `content`: BLAKE3 of the file of its leaves.
    ///
    /// # Errors
    /// As [`Desk::attest`].
    pub fn post_batch(&self, batch: &ClaimBatch, content: B256) -> Result<Intent, ChainError> {
        let first = batch.statement(0).ok_or_else(|| wrong("the batch has no leaves"))?;
        self.own(&first)?;
        let (id, of) = (batch.id(self.claims), batch.batch());
        let value = self.bond.saturating_mul(U256::from(of.count));
        let amount = money::amount(value, self.chain_id);
        let what = format!("the batch of {} Optimistic claims with its bond of {amount}", of.count);
        let call = IClaimRegistry::postBatchCall { batch: of, contentHash: content };
        let done = vec![self.batch_is(id, Test::AtLeast(number(Stage::Open)))];
        let act = self.act(id, Kind::OptimisticBatch, what, &call, done);
        Ok(Intent { value, deadline: Some(batch.deadline), model_id: Some(batch.model_id), records: 2, ..act })
    }

    /// The id of the answer to the challenge of a claim. `round`: how many answers failed before.
    #[must_use]
    pub fn answer_id(&self, statement_id: B256, round: u8) -> B256 {
        self.name("answer", statement_id, &[round])
    }

    /// The id of the answer to the challenges of some leaves of a batch.
    #[must_use]
    pub fn leaves_id(&self, batch_id: B256, indexes: &[u16], round: u8) -> B256 {
        let indexes = indexes.iter().flat_map(|index| index.to_be_bytes());
        self.name("answer leaves", batch_id, &indexes.chain([round]).collect::<Vec<_>>())
    }

    /// Takes over as an answer what the proof registry has verified. `until`: the last second for it.
    ///
    /// # Errors
    /// As [`Desk::attest`].
    pub fn adopt(&self, statement: &Statement, until: u64, round: u8) -> Result<Intent, ChainError> {
        let (id, assignment) = self.own(statement)?;
        let call = IClaimRegistry::adoptCall {
            modelId: statement.model_id,
            assignment: (&assignment).into(),
            publicValuesHash: keccak256(statement.public_values.as_bytes()),
        };
        let done = vec![self.claim_is(id, Test::Equals(number(Stage::Verified)))];
        let what = "the answer to the challenge by adoption".into();
        let act = self.act(self.answer_id(id, round), Kind::Answer, what, &call, done);
        Ok(Intent { records: 2, ..urgent(act, statement.model_id, until, self.bond) })
    }

    /// Proves an Optimistic claim, challenged or not. `until`: the last second for it.
    ///
    /// # Errors
    /// As [`Desk::attest`].
    pub fn answer(&self, statement: &Statement, proof: &Bytes, until: u64, round: u8) -> Result<Intent, ChainError> {
        let (id, assignment) = self.own(statement)?;
        let call = IClaimRegistry::answerCall {
            modelId: statement.model_id,
            assignment: (&assignment).into(),
            publicValues: statement.public_values.as_bytes().clone(),
            proof: proof.clone(),
        };
        let done = vec![self.claim_is(id, Test::Equals(number(Stage::Verified)))];
        let name = self.answer_id(id, round);
        let act = self.act(name, Kind::Answer, "the answer to the challenge".into(), &call, done);
        Ok(urgent(act, statement.model_id, until, self.bond))
    }

    /// Shows challenged leaves with one proof of all of them, in this order.
    ///
    /// # Errors
    /// As [`Desk::attest`]; [`ChainError::WrongContext`] for a leaf that the batch does not have.
    pub fn answer_leaves(
        &self,
        batch: &ClaimBatch,
        indexes: &[u16],
        proof: &Bytes,
        until: u64,
        round: u8,
    ) -> Result<Intent, ChainError> {
        let id = batch.id(self.claims);
        let missing = || wrong("the batch has no such leaf");
        for &index in indexes {
            self.own(&batch.statement(usize::from(index)).ok_or_else(missing)?)?;
        }
        let leaves = batch.shown(indexes).ok_or_else(missing)?;
        let call = IClaimRegistry::answerLeavesCall { batch: batch.batch(), leaves, proof: proof.clone() };
        let done = indexes.iter().map(|index| self.leaf_is(id, *index, LeafStage::Answered)).collect();
        let what = match indexes {
            [one] => format!("the answer to the challenge of leaf {one}"),
            several => format!("the answer to {} challenges", several.len()),
        };
        let act = self.act(self.leaves_id(id, indexes, round), Kind::Answer, what, &call, done);
        let records = u32::try_from(indexes.len()).unwrap_or(u32::MAX).saturating_add(1);
        // One leaf that is not shown costs the whole batch.
        let stake = self.bond.saturating_mul(U256::from(batch.leaves().len()));
        Ok(Intent { records, ..urgent(act, batch.model_id, until, stake) })
    }

    /// Ends a claim whose time is over, from a second on.
    #[must_use]
    pub fn finalize(&self, claim: &ClaimState, not_before: Option<u64>) -> Intent {
        let id = claim.statement_id;
        let call = IClaimRegistry::finalizeCall {
            modelId: claim.model_id,
            assignment: (&claim.assignment).into(),
            publicValuesHash: claim.public_values_hash,
        };
        // Verified is an end, too.
        let done = vec![self.claim_is(id, Test::AtLeast(number(Stage::Verified)))];
        let name = self.name("finalize", id, &[]);
        let act = self.act(name, Kind::Finalization, "the end of the claim".into(), &call, done);
        Intent { not_before, model_id: Some(claim.model_id), max_cost: Some(self.bond), records: 2, ..act }
    }

    /// Ends a batch whose time is over, from a second on.
    #[must_use]
    pub fn finalize_batch(&self, batch: &BatchState, not_before: Option<u64>) -> Intent {
        let (id, call) = (batch.batch_id, IClaimRegistry::finalizeBatchCall { batch: batch.batch() });
        let done = vec![self.batch_is(id, Test::AtLeast(number(Stage::Verified)))];
        // A challenge prolongs a batch: its end is another act then.
        let about = batch.closes_at.to_be_bytes();
        let name = self.name("finalize batch", id, &about);
        let act = self.act(name, Kind::Finalization, "the end of the batch".into(), &call, done);
        let max_cost = Some(self.bond.saturating_mul(U256::from(batch.count)));
        Intent { not_before, model_id: Some(batch.model_id), max_cost, ..act }
    }

    /// Pays the account's credit. `before`: how many such payments there were, which tells one from the next.
    #[must_use]
    pub fn withdraw(&self, credit: U256, before: u64) -> Intent {
        let call = IClaimRegistry::withdrawCall { account: self.account };
        let data = IClaimRegistry::creditCall { account: self.account }.abi_encode().into();
        let done = vec![Look { to: self.claims, data, word: 0, test: Test::Equals(U256::ZERO) }];
        let what = format!("the payment of the credit of {}", money::amount(credit, self.chain_id));
        // Never for more than it brings.
        Intent { max_cost: Some(credit), ..self.act(self.withdrawal_id(before), Kind::Withdrawal, what, &call, done) }
    }

    /// The id of a payment of the credit.
    #[must_use]
    pub fn withdrawal_id(&self, before: u64) -> B256 {
        self.name("withdraw", self.account.into_word(), &before.to_be_bytes())
    }

    fn act<C: SolCall>(&self, id: B256, kind: Kind, what: String, call: &C, done: Vec<Look>) -> Intent {
        Intent { done, ..Intent::new(id, kind, what, self.claims, call.abi_encode().into()) }
    }

    pub(in crate::chain) fn claim_is(&self, statement_id: B256, test: Test) -> Look {
        let data = IClaimRegistry::claimCall { statementId: statement_id }.abi_encode().into();
        Look { to: self.claims, data, word: CLAIM_STAGE, test }
    }

    pub(in crate::chain) fn batch_is(&self, batch_id: B256, test: Test) -> Look {
        let data = IClaimRegistry::batchCall { batchId: batch_id }.abi_encode().into();
        Look { to: self.claims, data, word: BATCH_STAGE, test }
    }

    pub(in crate::chain) fn leaf_is(&self, batch_id: B256, index: u16, stage: LeafStage) -> Look {
        let data = IClaimRegistry::leafCall { batchId: batch_id, index }.abi_encode().into();
        Look { to: self.claims, data, word: LEAF_STAGE, test: Test::Equals(U256::from(stage as u8)) }
    }

    /// What names an act: who does what about what, and where.
    pub(in crate::chain) fn name(&self, act: &str, about: B256, more: &[u8]) -> B256 {
        let mut bytes = b"zkinfer/submitter/act/v1".to_vec();
        bytes.extend(self.chain_id.to_be_bytes());
        bytes.extend_from_slice(&[self.claims.as_slice(), self.account.as_slice()].concat());
        bytes.extend_from_slice(keccak256(act).as_slice());
        bytes.extend_from_slice(about.as_slice());
        bytes.extend_from_slice(more);
        keccak256(bytes)
    }

    /// The id and the assignment of a statement that is this account's to submit here.
    fn own(&self, statement: &Statement) -> Result<(B256, crate::proof::Assignment), ChainError> {
        let Context::Chain { chain_id, registry, assignment } = statement.context else {
            return Err(wrong("it is made for no chain; make it for this registry first"));
        };
        if (chain_id, registry) != (self.chain_id, self.proofs) {
            return Err(ChainError::WrongContext(format!(
                "it is made for registry {registry} on chain {chain_id}, and the claim registry stands beside {} on chain {}",
                self.proofs, self.chain_id
            )));
        }
        if assignment.submitter != self.account {
            return Err(ChainError::WrongContext(format!(
                "only {} may submit it, and the key is that of {}",
                assignment.submitter, self.account
            )));
        }
        Ok((statement.id(), assignment))
    }
}

/// An act that a bond depends on: it may cost as much as it saves.
fn urgent(act: Intent, model_id: B256, until: u64, stake: U256) -> Intent {
    Intent { model_id: Some(model_id), deadline: Some(until), max_cost: Some(stake), is_urgent: true, ..act }
}

/// As the contracts number stages.
pub(in crate::chain) const fn number(stage: Stage) -> U256 {
    U256::from_limbs([stage as u64, 0, 0, 0])
}

fn wrong(reason: &str) -> ChainError {
    ChainError::WrongContext(reason.into())
}
