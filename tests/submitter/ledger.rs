//! A claim registry in memory: it takes the very calls that the submitter makes and tells the very events that its indexer reads, so
//! that policy, watchtower and engine run on the chain in memory as they run on a real one. What follows on what, the library's own
//! replay of events decides (`chain::claims::State`), which other tests compare with the contract.
//!
//! An adapter is stood in for: a proof is the ids of its statements, one behind the other.

#![allow(non_snake_case)] // fields of events, as the contract has them

use crate::world::Cause;
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolCall,
};
use zkinfer::{
    chain::{
        bindings::IClaimRegistry::{self, IClaimRegistryEvents as Event},
        claims::{BatchState, ClaimState, LeafStage, Stage, State, Terms, batch_id},
        submitter::Look,
    },
    proof::{Context, PublicValues, Statement},
};

pub(crate) const CLAIMS: Address = Address::repeat_byte(0xc1);
pub(crate) const PROOFS: Address = Address::repeat_byte(0xc2);
/// Who objects to everything.
pub(crate) const CHALLENGER: Address = Address::repeat_byte(0xcc);

/// The registry's state after a block.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    pub(crate) state: State,
    chain_id: u64,
}

/// A call's circumstances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) from: Address,
    pub(crate) data: &'a [u8],
    pub(crate) value: U256,
    pub(crate) time: u64,
}

type Outcome = Result<(), Cause>;

impl Registry {
    pub(crate) fn new(chain_id: u64, terms: Terms) -> Self {
        Self { state: State::new(chain_id, CLAIMS, PROOFS, terms), chain_id }
    }

    /// Does what a call says, or reverts: then the state is as it was.
    pub(crate) fn call(&mut self, sent: Sent<'_>) -> Outcome {
        let before = self.state.clone();
        let done = self.dispatch(sent);
        if done.is_err() {
            self.state = before;
        }
        done
    }

    fn dispatch(&mut self, sent: Sent<'_>) -> Outcome {
        let (time, data) = (sent.time, sent.data);
        if let Ok(call) = IClaimRegistry::postCall::abi_decode(data) {
            return self.post(&call, sent);
        }
        if let Ok(call) = IClaimRegistry::postBatchCall::abi_decode(data) {
            return self.post_batch(&call, sent);
        }
        if let Ok(call) = IClaimRegistry::answerCall::abi_decode(data) {
            let statement = self.statement(call.modelId, &call.assignment, &call.publicValues);
            return self.answer(&statement, &call.proof, sent);
        }
        if let Ok(call) = IClaimRegistry::answerLeavesCall::abi_decode(data) {
            return self.answer_leaves(&call, time);
        }
        if let Ok(call) = IClaimRegistry::finalizeCall::abi_decode(data) {
            let a = &call.assignment;
            let of = |claim: &&ClaimState| {
                claim.public_values_hash == call.publicValuesHash
                    && claim.assignment.job == a.job
                    && claim.model_id == call.modelId
            };
            let claim = self.state.claims().values().find(of).cloned().ok_or(Cause::AlreadyClaimed)?;
            return self.finalize(&claim, time);
        }
        if let Ok(call) = IClaimRegistry::finalizeBatchCall::abi_decode(data) {
            let id = batch_id(self.chain_id, CLAIMS, &call.batch);
            return self.finalize_batch(id, time);
        }
        if let Ok(call) = IClaimRegistry::withdrawCall::abi_decode(data) {
            let amount = self.state.credits().get(&call.account).copied().unwrap_or_default();
            if amount.is_zero() {
                return Err(Cause::AlreadyClaimed);
            }
            let (account, to) = (call.account, call.account);
            return self.tell(Event::Withdrawn(IClaimRegistry::Withdrawn { account, to, amount }), time);
        }
        Err(Cause::Broken)
    }

    fn tell(&mut self, event: Event, time: u64) -> Outcome {
        // What does not follow is a call too many.
        self.state.apply(&event, time).map_err(|_| Cause::AlreadyClaimed)
    }

    fn credit(&mut self, account: Address, amount: U256, time: u64) -> Outcome {
        self.tell(Event::Credited(IClaimRegistry::Credited { account, amount }), time)
    }

    fn statement(&self, model_id: B256, given: &IClaimRegistry::Assignment, public_values: &Bytes) -> Statement {
        let IClaimRegistry::Assignment { submitter, consumer, job, deadline } = *given;
        let assignment = zkinfer::proof::Assignment { submitter, consumer, job, deadline };
        let context = Context::Chain { chain_id: self.chain_id, registry: PROOFS, assignment };
        Statement { model_id, public_values: PublicValues::from_bytes(public_values.clone()), context }
    }

    fn post(&mut self, call: &IClaimRegistry::postCall, sent: Sent<'_>) -> Outcome {
        let IClaimRegistry::Assignment { submitter, consumer, job, deadline } = call.assignment;
        if sent.time > deadline {
            return Err(Cause::Deadline);
        }
        if submitter != sent.from || sent.value != self.state.terms().bond {
            return Err(Cause::Broken);
        }
        let statementId = self.statement(call.modelId, &call.assignment, &call.publicValues).id();
        let publicValues = call.publicValues.clone();
        let (modelId, transferable) = (call.modelId, false);
        let posted = IClaimRegistry::ClaimPosted {
            statementId,
            modelId,
            submitter,
            consumer,
            job,
            deadline,
            transferable,
            publicValues,
        };
        self.tell(Event::ClaimPosted(posted), sent.time)
    }

    fn post_batch(&mut self, call: &IClaimRegistry::postBatchCall, sent: Sent<'_>) -> Outcome {
        let of = &call.batch;
        if sent.time > of.deadline {
            return Err(Cause::Deadline);
        }
        if of.submitter != sent.from || sent.value != self.state.terms().bond * U256::from(of.count) {
            return Err(Cause::Broken);
        }
        let batchId = batch_id(self.chain_id, CLAIMS, of);
        if self.state.batches().contains_key(&batchId) {
            return Err(Cause::AlreadyClaimed);
        }
        let IClaimRegistry::Batch { modelId, submitter, consumer, deadline, root, count } = call.batch;
        let contentHash = call.contentHash;
        let posted =
            IClaimRegistry::BatchPosted { batchId, modelId, submitter, consumer, deadline, root, count, contentHash };
        self.tell(Event::BatchPosted(posted), sent.time)
    }

    fn answer(&mut self, statement: &Statement, proof: &Bytes, sent: Sent<'_>) -> Outcome {
        let (id, terms) = (statement.id(), *self.state.terms());
        if proof.as_ref() != id.as_slice() {
            return Err(Cause::Broken);
        }
        let Some(claim) = self.state.claims().get(&id).cloned() else { return Err(Cause::AlreadyClaimed) };
        let fee = match claim.stage {
            Stage::Open => U256::ZERO,
            Stage::Challenged => terms.fee,
            _ => return Err(Cause::AlreadyClaimed),
        };
        if claim.stage == Stage::Challenged && claim.ends_at(&terms).is_some_and(|until| sent.time > until) {
            return Err(Cause::Deadline);
        }
        let zkinfer::proof::Assignment { submitter, consumer, job, deadline } = claim.assignment;
        let verified = IClaimRegistry::ClaimVerified {
            statementId: id,
            modelId: claim.model_id,
            submitter,
            consumer,
            job,
            deadline,
            publicValuesHash: claim.public_values_hash,
            proofHash: B256::repeat_byte(1),
            transferable: false,
        };
        self.tell(Event::ClaimVerified(verified), sent.time)?;
        self.credit(submitter, terms.bond + fee, sent.time)
    }

    fn answer_leaves(&mut self, call: &IClaimRegistry::answerLeavesCall, time: u64) -> Outcome {
        let (id, terms) = (batch_id(self.chain_id, CLAIMS, &call.batch), *self.state.terms());
        let Some(batch) = self.state.batches().get(&id).cloned() else { return Err(Cause::AlreadyClaimed) };
        let mut proof = Vec::new();
        for leaf in &call.leaves {
            let IClaimRegistry::Batch { submitter, consumer, deadline, modelId, .. } = call.batch;
            let assignment = IClaimRegistry::Assignment { submitter, consumer, job: leaf.job, deadline };
            let statement = self.statement(modelId, &assignment, &leaf.publicValues);
            proof.extend_from_slice(statement.id().as_slice());
            let until = batch.challenged(&terms).find(|(index, _)| *index == leaf.index).map(|(_, until)| until);
            match until {
                None => return Err(Cause::AlreadyClaimed),
                Some(until) if time > until => return Err(Cause::Deadline),
                Some(_) => {}
            }
            let (index, statementId) = (U256::from(leaf.index), statement.id());
            let answered = IClaimRegistry::LeafAnswered { batchId: id, index, statementId };
            self.tell(Event::LeafAnswered(answered), time)?;
            self.credit(submitter, terms.fee, time)?;
        }
        if call.proof.as_ref() == proof.as_slice() { Ok(()) } else { Err(Cause::Broken) }
    }

    fn finalize(&mut self, claim: &ClaimState, time: u64) -> Outcome {
        let is_over = claim.stage == Stage::Open && claim.ends_at(self.state.terms()).is_some_and(|until| time > until);
        if !is_over {
            return Err(Cause::AlreadyClaimed);
        }
        let ended = IClaimRegistry::ClaimFinalized { statementId: claim.statement_id };
        self.tell(Event::ClaimFinalized(ended), time)?;
        self.credit(claim.assignment.submitter, self.state.terms().bond, time)
    }

    fn finalize_batch(&mut self, id: B256, time: u64) -> Outcome {
        let Some(batch) = self.state.batches().get(&id).cloned() else { return Err(Cause::AlreadyClaimed) };
        let is_over = batch.stage == Stage::Open && batch.open == 0 && time > batch.closes_at;
        if !is_over {
            return Err(Cause::AlreadyClaimed);
        }
        self.tell(Event::BatchFinalized(IClaimRegistry::BatchFinalized { batchId: id }), time)?;
        self.credit(batch.submitter, self.state.terms().bond * U256::from(batch.count), time)
    }

    /// Somebody objects to a claim or a leaf that can be challenged at this time; `pick` chooses one of so many.
    pub(crate) fn challenge(&mut self, time: u64, pick: impl FnOnce(u64) -> u64) -> Option<B256> {
        let terms = *self.state.terms();
        let claims = self.state.claims().values().filter(|claim| claim.stage == Stage::Open);
        let claims = claims.filter(|claim| claim.ends_at(&terms).is_some_and(|until| time <= until));
        let mut targets: Vec<(B256, Option<u16>)> = claims.map(|claim| (claim.statement_id, None)).collect();
        let is_open = |batch: &&BatchState| {
            batch.stage == Stage::Open && batch.open < terms.max_open_challenges && time <= batch.closes_at
        };
        for batch in self.state.batches().values().filter(is_open) {
            let free = (0..batch.count).filter(|index| !batch.leaves.contains_key(index));
            targets.extend(free.map(|index| (batch.batch_id, Some(index))));
        }
        let (id, leaf) = *targets.get(usize::try_from(pick(targets.len().max(1) as u64)).ok()?)?;
        let challenger = CHALLENGER;
        let event = match leaf {
            None => Event::ClaimChallenged(IClaimRegistry::ClaimChallenged { statementId: id, challenger }),
            Some(index) => {
                let index = U256::from(index);
                Event::LeafChallenged(IClaimRegistry::LeafChallenged { batchId: id, index, challenger })
            }
        };
        self.tell(event, time).ok().map(|()| id)
    }

    /// Claims and batches with a challenge that was not answered up to this time.
    pub(crate) fn lost(&self, time: u64) -> Vec<B256> {
        let terms = self.state.terms();
        let claims = self.state.claims().values().filter(|claim| claim.stage == Stage::Challenged);
        let claims = claims.filter(|claim| claim.ends_at(terms).is_some_and(|until| time > until));
        let batches = self.state.batches().values().filter(|batch| batch.stage == Stage::Open);
        let batches = batches.filter(|batch| batch.challenged(terms).any(|(_, until)| time > until));
        claims.map(|claim| claim.statement_id).chain(batches.map(|batch| batch.batch_id)).collect()
    }

    /// The last second for an answer to what a call answers, if it answers something.
    pub(crate) fn until(&self, data: &[u8]) -> Option<u64> {
        let terms = self.state.terms();
        if let Ok(call) = IClaimRegistry::answerCall::abi_decode(data) {
            let id = self.statement(call.modelId, &call.assignment, &call.publicValues).id();
            return self.state.claims().get(&id)?.ends_at(terms);
        }
        let call = IClaimRegistry::answerLeavesCall::abi_decode(data).ok()?;
        let batch = self.state.batches().get(&batch_id(self.chain_id, CLAIMS, &call.batch))?;
        let shown = |index: &u16| call.leaves.iter().any(|leaf| leaf.index == *index);
        batch.challenged(terms).filter(|(index, _)| shown(index)).map(|(_, until)| until).min()
    }

    /// Whether the answer to a question is what it has to be.
    pub(crate) fn holds(&self, look: &Look) -> bool {
        let number = self.answer_to(&look.data).unwrap_or_default();
        let mut answer = vec![0; (usize::from(look.word) + 1) * 32];
        let at = answer.len() - 32;
        answer[at..].copy_from_slice(&number.to_be_bytes::<32>());
        look.holds(&answer).expect("the word is there")
    }

    fn answer_to(&self, data: &[u8]) -> Option<U256> {
        if let Ok(call) = IClaimRegistry::claimCall::abi_decode(data) {
            return Some(U256::from(self.state.claims().get(&call.statementId)?.stage as u8));
        }
        if let Ok(call) = IClaimRegistry::batchCall::abi_decode(data) {
            return Some(U256::from(self.state.batches().get(&call.batchId)?.stage as u8));
        }
        if let Ok(call) = IClaimRegistry::leafCall::abi_decode(data) {
            let leaf = self.state.batches().get(&call.batchId)?.leaves.get(&call.index)?;
            return Some(U256::from(leaf.stage as u8));
        }
        let call = IClaimRegistry::creditCall::abi_decode(data).ok()?;
        self.state.credits().get(&call.account).copied()
    }

    /// Whether every challenge was answered, everything has ended, and everybody has their money.
    pub(crate) fn is_settled(&self) -> bool {
        let is_over = |stage: Stage| matches!(stage, Stage::Verified | Stage::Final);
        let open = |leaf: LeafStage| leaf == LeafStage::Challenged;
        self.state.claims().values().all(|claim| is_over(claim.stage))
            && self
                .state
                .batches()
                .values()
                .all(|batch| is_over(batch.stage) && !batch.leaves.values().any(|leaf| open(leaf.stage)))
            && self.state.held().is_zero()
    }
}
