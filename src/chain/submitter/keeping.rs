//! What has to be kept before something is posted: content that a claim points to, and what a challenge is answered with.
//!
//! Nothing here believes that a write was one: what was stored is fetched again and compared, what was kept is read from the disk. If
//! that fails, nothing is posted: a hash of what nobody can fetch is worth nothing, and a bond that nobody can defend is lost.

use super::{
    Intent, Kind, Purse, Spend,
    acts::Desk,
    prover::{Prover, ProverError},
};
use crate::{
    chain::{ChainError, Outbox, bindings::IClaimRegistry, claims::ClaimBatch},
    proof::{Assignment, Bundle, Context, PublicValues, Statement},
    storage::{ContentAddress, ContentStore, StoreError},
};
use alloy::{
    primitives::{Address, B256, keccak256},
    sol_types::SolCall,
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// How long artifacts that were looked at whole are taken for whole, in milliseconds: a process signs often, and they may be large.
const WHOLE_FOR: u64 = 60_000;
/// Of how many claims it is remembered that their openings were run.
const MOST_OPENED: usize = 1024;

/// Why something may not be posted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// No store is named.
    #[error("the policy names no store for what the claim points to (`content.stores`); nothing was posted")]
    NoStore,
    /// A store does not take or give the content.
    #[error("what the claim points to cannot be stored and fetched again, so that nothing was posted: {0}")]
    Store(#[from] StoreError),
    /// A store gave something else back.
    #[error("{0} gave something else back than was stored; nothing was posted")]
    OtherContent(String),
    /// It cannot be kept on this machine.
    #[error("what a challenge is answered with cannot be kept, so that no bond was posted: {0}")]
    Disk(#[from] ChainError),
    /// What was kept is not there when it is read.
    #[error(
        "what a challenge is answered with was written and reads differently; no bond was posted. Look at the disk"
    )]
    NotKept,
    /// What opens the hidden tensors opens something else.
    #[error(
        "the model, run again with what opens the hidden tensors, says something else: the openings are of another statement, or the \
         claim is untrue. No bond was posted"
    )]
    NotOpened,
    /// A challenge could not be answered from here.
    #[error("a challenge could not be answered, so that no bond was posted: {0}")]
    NoAnswer(#[from] ProverError),
    /// The statement is made for no chain.
    #[error("the statement is made for no chain: it cannot be claimed")]
    NoChain,
}

/// Where things are kept, and who could answer.
#[derive(Clone, Copy)]
pub struct Keeping<'a> {
    /// This machine.
    pub outbox: &'a Outbox,
    /// Whoever would prove an answer.
    pub prover: &'a dyn Prover,
    /// Where content goes: all of them have to have it.
    pub stores: &'a [Box<dyn ContentStore>],
    /// The claim registry that claims are posted to; zero where there is none.
    pub claims: Address,
}

/// Who keeps the artifacts that an answer for a claim takes, until the claim has ended.
#[must_use]
pub fn holder(chain_id: u64, claims: Address, id: B256) -> String {
    format!("{}{id:x}", holders_of(chain_id, claims))
}

/// What the names of all holders for claims of one registry begin with.
#[must_use]
pub fn holders_of(chain_id: u64, claims: Address) -> String {
    format!("claim-{chain_id}-{claims:x}-")
}

impl Keeping<'_> {
    /// Stores content everywhere, and fetches it again from everywhere. Blocks.
    ///
    /// # Errors
    /// [`KeepError`]: then nothing may point to it.
    pub fn publish(&self, content: &[u8]) -> Result<ContentAddress, KeepError> {
        if self.stores.is_empty() {
            return Err(KeepError::NoStore);
        }
        let address = ContentAddress::of(content);
        for store in self.stores {
            if store.put(content)? != address || store.get(&address)? != content {
                return Err(KeepError::OtherContent(format!("{store:?}")));
            }
        }
        Ok(address)
    }

    /// Sees to it that a challenge of a claim could be answered from here, whatever happens to this process: with a proof that
    /// verifies and was kept; else with artifacts that are whole, are kept until the claim has ended, and say this very statement
    /// when they are run again. Blocks.
    ///
    /// `bundle`: a proof of this very statement, if there is one; `openings`: what opens its hidden tensors.
    ///
    /// # Errors
    /// [`KeepError`]: then no bond may be posted for it.
    pub fn secure(
        &self,
        statement: &Statement,
        bundle: Option<&Bundle>,
        openings: Option<&[u8]>,
    ) -> Result<(), KeepError> {
        let Context::Chain { chain_id, .. } = statement.context else { return Err(KeepError::NoChain) };
        let proof = bundle.filter(|bundle| bundle.statements() == std::slice::from_ref(statement));
        if let Some(bundle) = proof {
            self.prover.verify(bundle)?;
            self.outbox.keep_bundle(bundle)?;
            return match self.outbox.kept(chain_id, statement.id())? {
                Some(kept) if kept == *bundle => Ok(()),
                _ => Err(KeepError::NotKept),
            };
        }
        self.provable(std::slice::from_ref(statement), chain_id, statement.id(), openings)
    }

    /// The same for the leaves of a batch, which are on no chain: they are kept here and published. Returns the hash of the content.
    ///
    /// # Errors
    /// As [`Keeping::secure`].
    pub fn secure_batch(&self, batch: &ClaimBatch, openings: Option<&[u8]>) -> Result<B256, KeepError> {
        let (id, statements) = (batch.id(self.claims), statements_of(batch));
        self.outbox.keep_batch(batch.chain_id, id, batch)?;
        match self.outbox.kept_batch(batch.chain_id, id)? {
            Some(kept) if kept == *batch => {}
            _ => return Err(KeepError::NotKept),
        }
        let content = self.publish(&batch.to_json())?;
        self.provable(&statements, batch.chain_id, id, openings)?;
        Ok(B256::from(*content.blake3()))
    }

    /// That an answer could be proven: what it takes is kept first, and then looked at as it is kept.
    fn provable(
        &self,
        statements: &[Statement],
        chain_id: u64,
        id: B256,
        openings: Option<&[u8]>,
    ) -> Result<(), KeepError> {
        let holder = holder(chain_id, self.claims, id);
        let provable = || {
            let model_id = statements.first().map(|statement| statement.model_id).unwrap_or_default();
            let ability = self.prover.ability(model_id)?.ok_or(ProverError::NoArtifacts(model_id))?;
            if !self.prover.keep(model_id, &holder)? {
                return Err(ProverError::NoArtifacts(model_id).into());
            }
            let Some(openings) = openings else {
                if ability.hides {
                    return Err(ProverError::NoOpenings.into());
                }
                return Ok(self.prover.rehearse(statements, None)?);
            };
            self.outbox.keep_openings(chain_id, id, openings)?;
            let Some(kept) = self.outbox.kept_openings(chain_id, id)?.filter(|kept| kept == openings) else {
                return Err(KeepError::NotKept);
            };
            self.prover.rehearse(statements, Some(&kept)).map_err(|error| match error {
                ProverError::Untrue => KeepError::NotOpened,
                error => error.into(),
            })
        };
        let provable = provable();
        if provable.is_err()
            && let Err(error) = self.prover.let_go(&holder)
        {
            tracing::warn!(%error, holder, "artifacts stay kept for a claim that was not posted");
        }
        provable
    }
}

/// The statements of all leaves, in their order.
fn statements_of(batch: &ClaimBatch) -> Vec<Statement> {
    (0..batch.leaves().len()).filter_map(|index| batch.statement(index)).collect()
}

/// Lets no bond be signed for that nobody could defend any more: between the decision and the signature there may be hours, in which
/// a disk fails or somebody makes room. Asks another purse about everything else.
pub struct Surety {
    outbox: Outbox,
    prover: Arc<dyn Prover>,
    desk: Desk,
    next: Arc<dyn Purse>,
    /// When the artifacts of a model were last looked at whole, in Unix milliseconds, and whether they hide something.
    whole: Mutex<HashMap<B256, (u64, bool)>>,
    /// The hash of the openings with which the leaves of a root were run again.
    opened: Mutex<HashMap<B256, B256>>,
}

impl Surety {
    /// For an account's claims at a registry; `next` is asked afterwards.
    #[must_use]
    pub fn new(outbox: Outbox, prover: Arc<dyn Prover>, desk: Desk, next: Arc<dyn Purse>) -> Self {
        Self { outbox, prover, desk, next, whole: Mutex::default(), opened: Mutex::default() }
    }

    /// That what [`Keeping`] kept is still there.
    fn check(&self, intent: &Intent, now: u64) -> Result<(), KeepError> {
        let chain_id = self.desk.chain_id;
        let posted = IClaimRegistry::postCall::abi_decode(&intent.data).ok().map(|call| self.statement(&call));
        let statements = match posted {
            // A file that is there and is not what was kept is an error.
            Some(statement) => {
                let kept = self.outbox.kept(chain_id, intent.id)?;
                if kept.is_some_and(|kept| kept.statements() == std::slice::from_ref(&statement)) {
                    return Ok(());
                }
                vec![statement]
            }
            None => {
                let kept = self.outbox.kept_batch(chain_id, intent.id)?;
                let kept = kept.filter(|kept| kept.id(self.desk.claims) == intent.id).ok_or(KeepError::NotKept)?;
                statements_of(&kept)
            }
        };
        if self.is_whole(intent.model_id.unwrap_or_default(), now)? {
            let kept = self.outbox.kept_openings(chain_id, intent.id)?.ok_or(ProverError::NoOpenings)?;
            self.opens(intent.id, &statements, &kept)?;
        }
        Ok(())
    }

    /// That the model, run again with these openings, says these statements. Of a root there may be thousands: they are run again when
    /// this process sees these bytes for the first time, and not for every dearer transaction.
    fn opens(&self, id: B256, statements: &[Statement], openings: &[u8]) -> Result<(), KeepError> {
        let hash = keccak256(openings);
        let opened = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if statements.len() > 1 && opened().get(&id) == Some(&hash) {
            return Ok(());
        }
        self.prover.rehearse(statements, Some(openings))?;
        let mut opened = opened();
        // What was forgotten is run again.
        if opened.len() >= MOST_OPENED {
            opened.clear();
        }
        opened.insert(id, hash);
        Ok(())
    }

    fn statement(&self, call: &IClaimRegistry::postCall) -> Statement {
        let IClaimRegistry::Assignment { submitter, consumer, job, deadline } = call.assignment;
        let assignment = Assignment { submitter, consumer, job, deadline };
        let context = Context::Chain { chain_id: self.desk.chain_id, registry: self.desk.proofs, assignment };
        let public_values = PublicValues::from_bytes(call.publicValues.clone());
        Statement { model_id: call.modelId, public_values, context }
    }

    /// That the artifacts of a model are here and whole; whether it hides something.
    fn is_whole(&self, model_id: B256, now: u64) -> Result<bool, KeepError> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, hides)) = whole.get(&model_id).filter(|(at, _)| now.saturating_sub(*at) < WHOLE_FOR) {
            return Ok(*hides);
        }
        let ability = self.prover.ability(model_id)?.ok_or(ProverError::NoArtifacts(model_id))?;
        whole.insert(model_id, (now, ability.hides));
        Ok(ability.hides)
    }
}

impl Purse for Surety {
    fn admit(&self, spend: &Spend<'_>) -> Result<(), String> {
        let intent = spend.intent;
        let is_bonded =
            matches!(intent.kind, Kind::Optimistic | Kind::OptimisticBatch) && intent.to == self.desk.claims;
        if is_bonded {
            self.check(intent, spend.now).map_err(|error| error.to_string())?;
        }
        self.next.admit(spend)
    }
}

impl fmt::Debug for Surety {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surety").field("outbox", &self.outbox).field("next", &self.next).finish_non_exhaustive()
    }
}

impl fmt::Debug for Keeping<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeping").field("outbox", self.outbox).field("stores", &self.stores).finish_non_exhaustive()
    }
}
