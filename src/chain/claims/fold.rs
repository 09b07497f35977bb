//! The state of a claim registry as the fold of its events.
//!
//! Nothing but events, the times of their blocks, the terms and, for broken adapters, the adapter of each model is needed.
//! What follows from other words of an event is derived and compared: an id that is not that of its event, a step that the
//! state table does not have, an event that is missing. Whoever answered so is no node of this chain, or left something out.

use super::{BatchState, ClaimState, LeafStage, LeafState, Level, ModelState, Stage, Terms, batch::batch_id};
use crate::{
    chain::bindings::IClaimRegistry::{self, IClaimRegistryEvents as Event},
    proof::{Assignment, identity},
};
use alloy::primitives::{Address, B256, U256, keccak256};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a registry records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    chain_id: u64,
    registry: Address,
    proof_registry: Address,
    terms: Terms,
    claims: BTreeMap<B256, ClaimState>,
    batches: BTreeMap<B256, BatchState>,
    credits: BTreeMap<Address, U256>,
    models: BTreeMap<B256, ModelState>,
    adapters: BTreeMap<B256, B256>,
    broken_adapters: BTreeSet<B256>,
    paid_in: U256,
    paid_out: U256,
}

/// What cannot be: a sentence.
type Contradiction = String;

impl State {
    /// A registry in which nothing has happened.
    #[must_use]
    pub const fn new(chain_id: u64, registry: Address, proof_registry: Address, terms: Terms) -> Self {
        Self {
            chain_id,
            registry,
            proof_registry,
            terms,
            claims: BTreeMap::new(),
            batches: BTreeMap::new(),
            credits: BTreeMap::new(),
            models: BTreeMap::new(),
            adapters: BTreeMap::new(),
            broken_adapters: BTreeSet::new(),
            paid_in: U256::ZERO,
            paid_out: U256::ZERO,
        }
    }

    /// Every claim, by statement id.
    #[must_use]
    pub const fn claims(&self) -> &BTreeMap<B256, ClaimState> {
        &self.claims
    }

    /// Every batch, by batch id.
    #[must_use]
    pub const fn batches(&self) -> &BTreeMap<B256, BatchState> {
        &self.batches
    }

    /// What is owed to whom, in wei; accounts that were paid out have zero.
    #[must_use]
    pub const fn credits(&self) -> &BTreeMap<Address, U256> {
        &self.credits
    }

    /// The models that were used, by model id.
    #[must_use]
    pub const fn models(&self) -> &BTreeMap<B256, ModelState> {
        &self.models
    }

    /// The terms.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Bonds and fees that were ever paid in, in wei, by the events and the terms.
    #[must_use]
    pub const fn paid_in(&self) -> U256 {
        self.paid_in
    }

    /// What was ever paid out, in wei.
    #[must_use]
    pub const fn paid_out(&self) -> U256 {
        self.paid_out
    }

    /// What the registry has to hold, in wei: bonds and fees of what is undecided, and credits.
    #[must_use]
    pub fn held(&self) -> U256 {
        let of_claim = |claim: &ClaimState| match claim.stage {
            Stage::Open => self.terms.bond,
            Stage::Challenged => self.terms.bond.saturating_add(self.terms.fee),
            _ => U256::ZERO,
        };
        let of_batch = |batch: &BatchState| {
            let fees = batch.leaves.values().filter(|leaf| leaf.stage == LeafStage::Challenged).count();
            let fees = self.terms.fee.saturating_mul(U256::from(fees));
            if batch.stage == Stage::Open { fees.saturating_add(self.bonds(batch.count)) } else { fees }
        };
        let parts = self.claims.values().map(of_claim).chain(self.batches.values().map(of_batch));
        parts.chain(self.credits.values().copied()).fold(U256::ZERO, U256::saturating_add)
    }

    /// Whether two proofs contradicted each other, of the model or of another one of its adapter's. The latter as far as the
    /// model's adapter is known ([`State::learn_adapter`]).
    #[must_use]
    pub fn is_broken(&self, model_id: B256) -> bool {
        let adapter = self.adapters.get(&model_id);
        self.models.get(&model_id).is_some_and(|model| model.broken)
            || adapter.is_some_and(|adapter| self.broken_adapters.contains(adapter))
    }

    /// The level at which a statement is final at a time: what `finalAssurance` says in a block of that time.
    #[must_use]
    pub fn final_level(&self, statement_id: B256, now: u64) -> Level {
        let Some(claim) = self.claims.get(&statement_id) else { return Level::None };
        let level = match claim.stage {
            Stage::Attested => return Level::Attested,
            Stage::Verified => Level::Verified,
            Stage::Final => Level::Optimistic,
            Stage::Open if claim.ends_at(&self.terms).is_some_and(|last| now > last) => Level::Optimistic,
            _ => Level::None,
        };
        if self.is_broken(claim.model_id) { Level::None } else { level }
    }

    /// The models whose adapter is not known yet.
    pub fn models_without_adapter(&self) -> impl Iterator<Item = B256> + '_ {
        self.models.keys().copied().filter(|id| !self.adapters.contains_key(id))
    }

    /// The adapter of a model: part of its id, hence for ever.
    pub fn learn_adapter(&mut self, model_id: B256, adapter_id: B256) {
        self.adapters.insert(model_id, adapter_id);
    }

    /// Takes the next event. `time`: its block's, in Unix seconds.
    ///
    /// # Errors
    /// A sentence when it does not follow: after it the state is not to be used any more.
    pub fn apply(&mut self, event: &Event, time: u64) -> Result<(), Contradiction> {
        match event {
            Event::ClaimAttested(_) | Event::ClaimPosted(_) | Event::ClaimVerified(_) => self.enter(event, time),
            Event::ClaimChallenged(e) => {
                let claim = step(&mut self.claims, e.statementId, &[Stage::Open], Stage::Challenged)?;
                (claim.since, claim.challenger) = (time, Some(e.challenger));
                self.take(self.terms.fee)
            }
            Event::ClaimFinalized(e) => step(&mut self.claims, e.statementId, &[Stage::Open], Stage::Final).map(drop),
            Event::ClaimSlashed(e) => {
                step(&mut self.claims, e.statementId, &[Stage::Challenged], Stage::Slashed).map(drop)
            }
            Event::ClaimVoided(e) => {
                step(&mut self.claims, e.statementId, &[Stage::Open, Stage::Challenged], Stage::Void).map(drop)
            }
            Event::ModelBroken(e) => {
                self.number(e.modelId).broken = true;
                Ok(())
            }
            Event::AdapterBroken(e) => {
                self.number(e.modelId);
                self.learn_adapter(e.modelId, e.adapterId);
                self.broken_adapters.insert(e.adapterId);
                Ok(())
            }
            Event::Credited(e) => {
                let credit = self.credits.entry(e.account).or_default();
                *credit = credit.checked_add(e.amount).ok_or("a credit is larger than any amount")?;
                Ok(())
            }
            Event::Withdrawn(e) => {
                let owed = self.credits.insert(e.account, U256::ZERO).unwrap_or_default();
                if owed != e.amount {
                    return Err(format!("{} was paid {} and is owed {owed}", e.account, e.amount));
                }
                self.paid_out = self.paid_out.saturating_add(owed);
                Ok(())
            }
            event => self.apply_to_batch(event, time),
        }
    }

    /// A statement's claim appears, or becomes Verified.
    fn enter(&mut self, event: &Event, time: u64) -> Result<(), Contradiction> {
        let claim = match event {
            Event::ClaimAttested(e) => {
                let IClaimRegistry::ClaimAttested { submitter, consumer, job, deadline, .. } = *e;
                ClaimState {
                    proof_hash: Some(e.proofHash),
                    content_hash: Some(e.contentHash).filter(|hash| !hash.is_zero()),
                    ..claim(
                        e.statementId,
                        e.modelId,
                        (submitter, consumer, job, deadline),
                        e.publicValuesHash,
                        Stage::Attested,
                    )
                }
            }
            Event::ClaimPosted(e) => {
                let IClaimRegistry::ClaimPosted { submitter, consumer, job, deadline, .. } = *e;
                let hash = keccak256(&e.publicValues);
                ClaimState {
                    public_values: Some(e.publicValues.clone()),
                    transferable: e.transferable,
                    ..claim(e.statementId, e.modelId, (submitter, consumer, job, deadline), hash, Stage::Open)
                }
            }
            Event::ClaimVerified(e) => {
                let IClaimRegistry::ClaimVerified { submitter, consumer, job, deadline, .. } = *e;
                ClaimState {
                    proof_hash: Some(e.proofHash).filter(|hash| !hash.is_zero()),
                    transferable: e.transferable,
                    ..claim(
                        e.statementId,
                        e.modelId,
                        (submitter, consumer, job, deadline),
                        e.publicValuesHash,
                        Stage::Verified,
                    )
                }
            }
            _ => return Err("it is no claim".into()),
        };
        let claim = ClaimState { since: time, ..claim };
        self.check_id(&claim)?;
        let before = self.claims.get(&claim.statement_id);
        let found = before.map_or(Stage::None, |before| before.stage);
        let is_legal = match claim.stage {
            Stage::Verified => found <= Stage::Challenged,
            _ => found == Stage::None,
        };
        if !is_legal {
            return Err(format!("statement {} became {} while it was {found}", claim.statement_id, claim.stage));
        }
        // What was learned before stays known.
        let claim = match before {
            Some(before) => ClaimState {
                challenger: before.challenger,
                public_values: before.public_values.clone(),
                content_hash: before.content_hash,
                ..claim
            },
            None => claim,
        };
        if claim.stage != Stage::Attested {
            self.number(claim.model_id);
        }
        let brought = if claim.stage == Stage::Open { self.terms.bond } else { U256::ZERO };
        self.claims.insert(claim.statement_id, claim);
        self.take(brought)
    }

    fn apply_to_batch(&mut self, event: &Event, time: u64) -> Result<(), Contradiction> {
        match event {
            Event::BatchPosted(e) => self.post_batch(e, time),
            Event::LeafChallenged(e) => {
                let fee = self.terms.fee;
                let (batch, index) = self.leaf_of(e.batchId, e.index)?;
                let leaf = LeafState {
                    challenger: e.challenger,
                    since: time,
                    stage: LeafStage::Challenged,
                    statement_id: None,
                };
                if batch.leaves.insert(index, leaf).is_some() {
                    return Err(format!("leaf {index} of batch {} was challenged twice", e.batchId));
                }
                batch.open = batch.open.saturating_add(1);
                self.take(fee)
            }
            Event::LeafAnswered(e) => {
                let (batch, index) = self.leaf_of(e.batchId, e.index)?;
                batch.open = batch.open.checked_sub(1).ok_or("an answer without a challenge")?;
                settle(batch, index, LeafStage::Answered)?.statement_id = Some(e.statementId);
                Ok(())
            }
            Event::BatchProlonged(e) => {
                let batch = open_batch(&mut self.batches, e.batchId)?;
                batch.closes_at = e.closesAt.to();
                Ok(())
            }
            Event::BatchFinalized(e) => {
                open_batch(&mut self.batches, e.batchId)?.stage = Stage::Final;
                Ok(())
            }
            Event::BatchVoided(e) => {
                open_batch(&mut self.batches, e.batchId)?.stage = Stage::Void;
                Ok(())
            }
            Event::BatchSlashed(e) => {
                let (batch, index) = self.leaf_of(e.batchId, e.index)?;
                batch.stage = Stage::Slashed;
                settle(batch, index, LeafStage::Settled).map(drop)
            }
            Event::FeeReturned(e) => {
                let batch = self.batches.get_mut(&e.batchId).ok_or_else(|| unknown("batch", e.batchId))?;
                if !matches!(batch.stage, Stage::Slashed | Stage::Void) {
                    return Err(format!("a fee was returned while batch {} was {}", e.batchId, batch.stage));
                }
                let index = u16::try_from(e.index).map_err(|_| format!("there is no leaf {}", e.index))?;
                settle(batch, index, LeafStage::Settled).map(drop)
            }
            _ => Err("an event that is not known here".into()),
        }
    }

    fn post_batch(&mut self, e: &IClaimRegistry::BatchPosted, time: u64) -> Result<(), Contradiction> {
        let batch = BatchState {
            batch_id: e.batchId,
            model_id: e.modelId,
            submitter: e.submitter,
            consumer: e.consumer,
            deadline: e.deadline,
            root: e.root,
            count: e.count,
            content_hash: Some(e.contentHash).filter(|hash| !hash.is_zero()),
            closes_at: time.saturating_add(self.terms.challenge_window),
            open: 0,
            stage: Stage::Open,
            leaves: BTreeMap::new(),
        };
        let derived = batch_id(self.chain_id, self.registry, &batch.batch());
        if derived != e.batchId {
            return Err(format!("batch {} has the words of batch {derived}", e.batchId));
        }
        self.number(e.modelId);
        if self.batches.insert(e.batchId, batch).is_some() {
            return Err(format!("batch {} was posted twice", e.batchId));
        }
        self.take(self.bonds(e.count))
    }

    /// A leaf of an open batch.
    fn leaf_of(&mut self, batch_id: B256, index: U256) -> Result<(&mut BatchState, u16), Contradiction> {
        let batch = open_batch(&mut self.batches, batch_id)?;
        let index = u16::try_from(index).ok().filter(|index| *index < batch.count);
        let index = index.ok_or_else(|| format!("batch {batch_id} has {} leaves", batch.count))?;
        Ok((batch, index))
    }

    fn check_id(&self, claim: &ClaimState) -> Result<(), Contradiction> {
        let a = &claim.assignment;
        let (registry, chain_id) = (self.proof_registry, self.chain_id);
        let context = identity::context_id(chain_id, registry, a.submitter, a.consumer, a.job, a.deadline);
        let derived = identity::statement_id_of_hash(claim.model_id, claim.public_values_hash, context);
        if derived == claim.statement_id {
            return Ok(());
        }
        Err(format!("statement {} has the words of statement {derived}", claim.statement_id))
    }

    /// Models are numbered as they first appear.
    fn number(&mut self, model_id: B256) -> &mut ModelState {
        let next = self.models.len() as u64 + 1;
        self.models.entry(model_id).or_insert(ModelState { number: next, broken: false })
    }

    fn bonds(&self, count: u16) -> U256 {
        self.terms.bond.saturating_mul(U256::from(count))
    }

    fn take(&mut self, amount: U256) -> Result<(), Contradiction> {
        self.paid_in = self.paid_in.checked_add(amount).ok_or("more came in than there is")?;
        Ok(())
    }
}

fn claim(
    statement_id: B256,
    model_id: B256,
    (submitter, consumer, job, deadline): (Address, Address, B256, u64),
    public_values_hash: B256,
    stage: Stage,
) -> ClaimState {
    ClaimState {
        statement_id,
        model_id,
        assignment: Assignment { submitter, consumer, job, deadline },
        public_values_hash,
        public_values: None,
        proof_hash: None,
        content_hash: None,
        stage,
        since: 0,
        transferable: false,
        challenger: None,
    }
}

fn unknown(what: &str, id: B256) -> Contradiction {
    format!("something happened to {what} {id}, which was never posted")
}

/// A claim goes from one of some stages to another.
fn step<'a>(
    claims: &'a mut BTreeMap<B256, ClaimState>,
    id: B256,
    from: &[Stage],
    to: Stage,
) -> Result<&'a mut ClaimState, Contradiction> {
    let claim = claims.get_mut(&id).ok_or_else(|| unknown("statement", id))?;
    if !from.contains(&claim.stage) {
        return Err(format!("statement {id} became {to} while it was {}", claim.stage));
    }
    claim.stage = to;
    Ok(claim)
}

fn open_batch(batches: &mut BTreeMap<B256, BatchState>, id: B256) -> Result<&mut BatchState, Contradiction> {
    let batch = batches.get_mut(&id).ok_or_else(|| unknown("batch", id))?;
    if batch.stage != Stage::Open {
        return Err(format!("something happened to batch {id} while it was {}", batch.stage));
    }
    Ok(batch)
}

/// A challenge of a leaf ends.
fn settle(batch: &mut BatchState, index: u16, to: LeafStage) -> Result<&mut LeafState, Contradiction> {
    let id = batch.batch_id;
    let leaf = batch.leaves.get_mut(&index).filter(|leaf| leaf.stage == LeafStage::Challenged);
    let leaf = leaf.ok_or_else(|| format!("leaf {index} of batch {id} was settled without an open challenge"))?;
    leaf.stage = to;
    Ok(leaf)
}

#[cfg(test)]
#[allow(non_snake_case)] // fields of events, as the contract has them
mod tests {
    use super::*;
    use IClaimRegistry::{
        BatchPosted, ClaimChallenged, ClaimFinalized, ClaimPosted, ClaimSlashed, Credited, FeeReturned, LeafAnswered,
        LeafChallenged, Withdrawn,
    };

    const TERMS: Terms = Terms {
        bond: U256::from_limbs([10, 0, 0, 0]),
        fee: U256::from_limbs([3, 0, 0, 0]),
        challenge_window: 100,
        answer_window: 50,
        max_open_challenges: 2,
    };
    const SUBMITTER: Address = Address::repeat_byte(5);

    fn state() -> State {
        State::new(1, Address::repeat_byte(1), Address::repeat_byte(2), TERMS)
    }

    fn posted() -> ClaimPosted {
        let (modelId, job, zero) = (B256::repeat_byte(3), B256::repeat_byte(4), Address::ZERO);
        let context = identity::context_id(1, Address::repeat_byte(2), SUBMITTER, zero, job, 9);
        let statementId = identity::statement_id(modelId, &[7], context);
        let publicValues = vec![7].into();
        ClaimPosted {
            statementId,
            modelId,
            submitter: SUBMITTER,
            consumer: zero,
            job,
            deadline: 9,
            transferable: false,
            publicValues,
        }
    }

    fn batch() -> BatchPosted {
        let batch = IClaimRegistry::Batch {
            modelId: B256::repeat_byte(3),
            submitter: SUBMITTER,
            consumer: Address::ZERO,
            deadline: 9,
            root: B256::repeat_byte(6),
            count: 3,
        };
        BatchPosted {
            batchId: batch_id(1, Address::repeat_byte(1), &batch),
            modelId: batch.modelId,
            submitter: SUBMITTER,
            consumer: Address::ZERO,
            deadline: 9,
            root: batch.root,
            count: 3,
            contentHash: B256::ZERO,
        }
    }

    fn after(events: &[Event]) -> Result<State, String> {
        let mut state = state();
        for (time, event) in events.iter().enumerate() {
            state.apply(event, time as u64)?;
        }
        Ok(state)
    }

    #[test]
    fn a_claim_goes_its_way_and_every_wei_has_a_place() {
        let (post, challenger) = (posted(), Address::repeat_byte(8));
        let statementId = post.statementId;
        let challenged = Event::ClaimChallenged(ClaimChallenged { statementId, challenger });
        let state = after(&[Event::ClaimPosted(post.clone()), challenged.clone()]).unwrap();
        let claim = &state.claims()[&statementId];
        assert_eq!((claim.stage, claim.since, claim.ends_at(&TERMS)), (Stage::Challenged, 1, Some(51)));
        assert_eq!((state.held(), state.paid_in()), (U256::from(13), U256::from(13)));
        let slashed = Event::ClaimSlashed(ClaimSlashed { statementId, challenger, beneficiary: Address::ZERO });
        let credited = |account, amount| Event::Credited(Credited { account, amount: U256::from(amount) });
        let paid = Event::Withdrawn(Withdrawn { account: challenger, to: challenger, amount: U256::from(8) });
        let events =
            [Event::ClaimPosted(post), challenged, slashed, credited(challenger, 8), credited(Address::ZERO, 5), paid];
        let state = after(&events).unwrap();
        assert_eq!((state.held(), state.paid_out()), (U256::from(5), U256::from(8)));
        assert_eq!(state.final_level(statementId, u64::MAX), Level::None);
    }

    /// The edge is inclusive: in the last second it can still be challenged.
    #[test]
    fn an_open_claim_is_final_after_its_window() {
        let post = posted();
        let state = after(&[Event::ClaimPosted(post.clone())]).unwrap();
        let at = |now| state.final_level(post.statementId, now);
        assert_eq!((at(100), at(101)), (Level::None, Level::Optimistic));
        let mut broken = state.clone();
        broken.models.get_mut(&post.modelId).unwrap().broken = true;
        assert_eq!(broken.final_level(post.statementId, 101), Level::None);
        let mut adapter = state.clone();
        adapter.broken_adapters.insert(B256::repeat_byte(1));
        assert!(!adapter.is_broken(post.modelId));
        adapter.learn_adapter(post.modelId, B256::repeat_byte(1));
        assert!(adapter.is_broken(post.modelId));
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let (post, batch) = (posted(), batch());
        let (statementId, batchId) = (post.statementId, batch.batchId);
        let who = Address::repeat_byte(8);
        let challenged = Event::ClaimChallenged(ClaimChallenged { statementId, challenger: who });
        let leaf =
            |index: u64| Event::LeafChallenged(LeafChallenged { batchId, index: U256::from(index), challenger: who });
        let answered = Event::LeafAnswered(LeafAnswered { batchId, index: U256::from(1), statementId });
        let returned = Event::FeeReturned(FeeReturned { batchId, index: U256::from(1), challenger: who });
        let (one, many) = (Event::ClaimPosted(post.clone()), Event::BatchPosted(batch.clone()));
        let other_words = Event::ClaimPosted(ClaimPosted { deadline: 10, ..post });
        let other_batch = Event::BatchPosted(BatchPosted { count: 4, ..batch });
        let overpaid = Event::Withdrawn(Withdrawn { account: who, to: who, amount: U256::from(1) });
        for (events, why) in [
            (vec![challenged.clone()], "never posted"),
            (vec![Event::ClaimFinalized(ClaimFinalized { statementId })], "never posted"),
            (vec![one.clone(), one.clone()], "while it was open"),
            (vec![one.clone(), challenged.clone(), challenged], "while it was challenged"),
            (vec![other_words], "has the words of"),
            (vec![other_batch], "has the words of"),
            (vec![many.clone(), many.clone()], "posted twice"),
            (vec![leaf(0)], "never posted"),
            (vec![many.clone(), leaf(3)], "has 3 leaves"),
            (vec![many.clone(), leaf(1), leaf(1)], "challenged twice"),
            (vec![many.clone(), leaf(0), answered.clone()], "without an open challenge"),
            (vec![many.clone(), answered.clone()], "without a challenge"),
            (vec![many.clone(), leaf(1), returned], "was open"),
            (vec![overpaid], "is owed 0"),
        ] {
            let error = after(&events).unwrap_err();
            assert!(error.contains(why), "`{why}`: {error}");
        }
        assert!(after(&[many, leaf(1), answered]).is_ok());
    }
}
