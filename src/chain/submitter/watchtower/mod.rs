//! Looks after an account's own claims: answers challenges in time, ends what is over, and has what is owed paid.
//!
//! A look reads the registry's events on, finds what is to be done ([`duties`]) and adds it to the journal; the engine sends it, as it sends
//! everything, with fees that rise faster where a bond depends on it. What is in the journal already is not proven again.
//!
//! An answer takes the cheapest way that the registry accepts: what the proof registry has verified is adopted; a proof of this very statement
//! that was kept is shown; else the statement is proven. All challenged leaves of a batch go into one proof as far as the adapter takes one.
//! An answer that failed is made anew while there is time, slower each time. What answers take is kept on this machine while claims are open.

mod duty;
mod keep;
mod ledger;
#[cfg(test)]
mod tests;

pub use duty::{Duties, Duty, Standing, duties};
pub use ledger::Ledger;

use super::{
    End, Inclusion, Intent, Journal, JournalError, Kind, Options, Phase, Row, Wish,
    acts::Desk,
    prover::{Prover, ProverError, prove},
};
use crate::{
    chain::{
        ChainError, Outbox,
        bindings::IClaimRegistry,
        claims::{ClaimBatch, Indexer, Stage, batch_id},
    },
    evm::artifacts::is_native_verifier,
    proof::{Bundle, Statement},
};
use alloy::{
    primitives::{B256, U256},
    sol_types::SolCall,
};
use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

/// How often an answer is made anew after one that failed.
const ROUNDS: u8 = u8::MAX;
/// How many seconds something that went wrong is left alone.
const PAUSE: u64 = 30;
/// So many blocks behind the engine's head a node is not relied on.
const BEHIND: u64 = 3;

/// Looks after an account's claims at a claim registry.
pub struct Watchtower<L = Indexer> {
    ledger: L,
    desk: Desk,
    outbox: Outbox,
    prover: Arc<dyn Prover>,
    /// From which credit on it is withdrawn, in wei.
    least: U256,
    /// How many withdrawals the journal has.
    withdrawals: u64,
    /// What went wrong, and until when it is left alone, in seconds of the chain.
    resting: HashMap<Duty, u64>,
    /// When it was looked at last what is kept, in seconds of the chain, and what could not be answered.
    kept_at: Option<u64>,
    unanswerable: Vec<String>,
    /// Claims whose artifacts are still kept, and since when they have ended.
    ended: HashMap<B256, u64>,
}

/// What a look brought.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// The last block that was read.
    pub block: u64,
    /// Its time, in Unix seconds.
    pub time: u64,
    /// How the account's claims stand.
    pub standing: Standing,
    /// What was added to the journal.
    pub planned: Vec<B256>,
    /// What cannot be done, in sentences.
    pub troubles: Vec<String>,
}

/// Why a look failed. What was added to the journal before stays there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nothing can be proven.
    #[error(transparent)]
    Prover(#[from] ProverError),
    /// The node stands still, or has not caught up.
    #[error("the node is at block {block}, and the others are at {head}: what it tells of claims is not relied on")]
    Behind {
        /// Where it is.
        block: u64,
        /// Where the engine's quorum is.
        head: u64,
    },
}

impl<L: Ledger> Watchtower<L> {
    /// For an account at a registry. A credit is withdrawn from `least` wei on.
    #[must_use]
    pub fn new(ledger: L, desk: Desk, outbox: Outbox, prover: Arc<dyn Prover>, least: U256) -> Self {
        let (resting, ended) = (HashMap::new(), HashMap::new());
        let (kept_at, unanswerable) = (None, Vec::new());
        Self { ledger, desk, outbox, prover, least, withdrawals: 0, resting, kept_at, unanswerable, ended }
    }

    /// Looks once. `head`: the latest block as others have it, if that is known; `now`: Unix milliseconds, for the journal.
    ///
    /// # Errors
    /// [`WatchError`] when the chain or the journal cannot be read, or the node is behind; what cannot be done is in the answer.
    pub async fn look(&mut self, journal: &Journal, head: Option<u64>, now: u64) -> Result<Watched, WatchError> {
        let (block, time) = self.ledger.sync().await?;
        if let Some(head) = head.filter(|head| block.saturating_add(BEHIND) < *head) {
            return Err(WatchError::Behind { block, head });
        }
        let Duties { duties, standing } = duties(self.ledger.state(), self.desk.account, time, self.least);
        self.resting.retain(|duty, until| *until > time && duties.contains(duty));
        let mut watched = Watched { block, time, standing, ..Watched::default() };
        for duty in duties {
            if self.resting.contains_key(&duty) {
                continue;
            }
            match self.see_to(&duty, journal, (time, now)).await {
                Ok(None) => {}
                Ok(Some(intent)) => {
                    tracing::info!(id = %intent.id, what = intent.what, until = intent.deadline, "planned");
                    journal.add(&intent, now)?;
                    watched.planned.push(intent.id);
                }
                Err(WatchError::Journal(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(?duty, %error, "a claim cannot be looked after");
                    watched.troubles.push(format!("{duty}: {error}"));
                    self.resting.insert(duty, time.saturating_add(PAUSE));
                }
            }
        }
        // Answers first: this may take a while.
        if let Err(error) = self.keep(journal, time).await {
            watched.troubles.push(format!("what answers take: {error}"));
        }
        watched.troubles.extend(self.unanswerable.iter().cloned());
        Ok(watched)
    }

    /// The intent of a duty; `None` when the journal has it, or nothing can be done now.
    async fn see_to(
        &mut self,
        duty: &Duty,
        journal: &Journal,
        (time, now): (u64, u64),
    ) -> Result<Option<Intent>, WatchError> {
        let rounds = |until: &u64| Rounds { journal, left: until.saturating_sub(time), now };
        match duty {
            Duty::Answer { statement_id, until } => self.answer(rounds(until), *statement_id, *until).await,
            Duty::AnswerLeaves { batch_id, indexes, until } => {
                self.answer_leaves(rounds(until), *batch_id, indexes, *until).await
            }
            Duty::Finalize { statement_id } => {
                let Some(claim) = self.ledger.state().claims().get(statement_id) else { return Ok(None) };
                self.again(journal, self.desk.finalize(claim, None))
            }
            Duty::FinalizeBatch { batch_id } => {
                let Some(batch) = self.ledger.state().batches().get(batch_id) else { return Ok(None) };
                self.again(journal, self.desk.finalize_batch(batch, None))
            }
            Duty::Withdraw(credit) => self.withdraw(journal, *credit),
        }
    }

    async fn answer(&self, rounds: Rounds<'_>, id: B256, until: u64) -> Result<Option<Intent>, WatchError> {
        let Some(round) = rounds.free(|round| self.desk.answer_id(id, round))? else { return Ok(None) };
        let claim = self.ledger.state().claims().get(&id);
        let statement = claim.and_then(|claim| claim.statement(self.desk.chain_id, self.desk.proofs));
        let Some(statement) = statement else { return Ok(None) };
        // The events may be of a moment ago: nothing is proven for what is over.
        if self.ledger.stage(id).await? != Stage::Challenged {
            return Ok(None);
        }
        if self.ledger.is_proven(id).await? {
            return Ok(Some(self.desk.adopt(&statement, until, round)?));
        }
        let kept = self.outbox.kept(self.desk.chain_id, id)?;
        // A proof that was refused before is not shown again.
        let kept = kept.filter(|kept| round == 0 && kept.statements() == std::slice::from_ref(&statement));
        let bundle = match kept {
            Some(bundle) => bundle,
            None => self.prove(vec![statement.clone()], self.outbox.kept_openings(self.desk.chain_id, id)?).await?,
        };
        Ok(Some(self.desk.answer(&statement, bundle.proof(), until, round)?))
    }

    async fn answer_leaves(
        &self,
        rounds: Rounds<'_>,
        id: B256,
        indexes: &[u16],
        until: u64,
    ) -> Result<Option<Intent>, WatchError> {
        let answered = self.answered(rounds, id)?;
        let mut indexes: Vec<u16> = indexes.iter().copied().filter(|index| !answered.contains(index)).collect();
        let Some(batch) = self.ledger.state().batches().get(&id).filter(|_| !indexes.is_empty()) else {
            return Ok(None);
        };
        let model_id = batch.model_id;
        let kept = self.outbox.kept_batch(self.desk.chain_id, id)?.filter(|kept| kept.id(self.desk.claims) == id);
        let kept: ClaimBatch = kept.ok_or_else(|| {
            ProverError::Failed(format!("the leaves of batch {id} are on no chain, and are not kept on this machine"))
        })?;
        let together = self.together(model_id).await?;
        indexes.truncate(together);
        let Some(round) = rounds.free(|round| self.desk.leaves_id(id, &indexes, round))? else { return Ok(None) };
        let statements = indexes.iter().filter_map(|index| kept.statement(usize::from(*index))).collect();
        let openings = self.outbox.kept_openings(self.desk.chain_id, id)?;
        let bundle = self.prove(statements, openings).await?;
        Ok(Some(self.desk.answer_leaves(&kept, &indexes, bundle.proof(), until, round)?))
    }

    /// The leaves of a batch for which an answer is on its way.
    fn answered(&self, rounds: Rounds<'_>, id: B256) -> Result<BTreeSet<u16>, WatchError> {
        let mut answered = BTreeSet::new();
        let open = rounds.journal.open_rows(0)?;
        for row in open.iter().filter(|row| row.kind == Kind::Answer && !rounds.is_given_up(row)) {
            let Some(intent) = rounds.journal.intent(row.id)? else { continue };
            if let Ok(call) = IClaimRegistry::answerLeavesCall::abi_decode(&intent.data)
                && intent.to == self.desk.claims
                && batch_id(self.desk.chain_id, self.desk.claims, &call.batch) == id
            {
                answered.extend(call.leaves.iter().map(|leaf| leaf.index));
            }
        }
        Ok(answered)
    }

    /// How many leaves one answer shows: as many as the adapter takes a proof of.
    async fn together(&self, model_id: B256) -> Result<usize, WatchError> {
        if !is_native_verifier(self.ledger.adapter_of(model_id).await?) {
            return Ok(1);
        }
        let ability = self.prover.ability(model_id)?.ok_or(ProverError::NoArtifacts(model_id))?;
        Ok(ability.max_batch.max(1))
    }

    async fn prove(&self, statements: Vec<Statement>, openings: Option<Vec<u8>>) -> Result<Bundle, WatchError> {
        let prover = self.prover.clone();
        let proving = move || prove(&*prover, &statements, openings.as_deref());
        let proven = tokio::task::spawn_blocking(proving).await;
        Ok(proven.map_err(|error| ProverError::Failed(format!("the prover ended: {error}")))??)
    }

    /// An act whose id is for ever: what failed some time ago is wanted again.
    fn again(&self, journal: &Journal, intent: Intent) -> Result<Option<Intent>, WatchError> {
        match journal.row(intent.id)? {
            None => Ok(Some(intent)),
            Some(row) if row.phase() == Phase::Failed => {
                journal.wish(intent.id, Wish::Revive)?;
                Err(ProverError::Failed("it failed before, and is tried again".into()).into())
            }
            Some(_) => Ok(None),
        }
    }

    fn withdraw(&mut self, journal: &Journal, credit: U256) -> Result<Option<Intent>, WatchError> {
        while let Some(row) = journal.row(self.desk.withdrawal_id(self.withdrawals))? {
            if row.state.is_open() {
                return Ok(None);
            }
            self.withdrawals += 1;
        }
        Ok(Some(self.desk.withdraw(credit, self.withdrawals)))
    }
}

/// Which answer is next, and when.
#[derive(Clone, Copy)]
struct Rounds<'a> {
    journal: &'a Journal,
    /// How many seconds there are left for it.
    left: u64,
    /// Unix milliseconds.
    now: u64,
}

impl Rounds<'_> {
    /// The number of the next answer: none failed before, or all did, the last one some time ago. `None` when one is on its way, done,
    /// or not wanted, or it is too early for another one.
    fn free(self, id: impl Fn(u8) -> B256) -> Result<Option<u8>, WatchError> {
        let mut failed_at = None;
        for round in 0..ROUNDS {
            match self.journal.row(id(round))? {
                None => {
                    // A contract that refused may do so for minutes, but not beyond what is left.
                    let pause = (PAUSE << round.saturating_sub(1).min(4)).min(self.left / 8) * 1000;
                    let is_early = failed_at.is_some_and(|at: u64| self.now < at.saturating_add(pause));
                    return Ok((!is_early).then_some(round));
                }
                Some(row) if row.phase() == Phase::Failed || self.is_given_up(&row) => failed_at = Some(row.since),
                Some(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Whether an answer came to nothing in a block, and only waits for that to be final before it ends. While there is time that is
    /// waited for; with little left, the chain may have been reorganised into one on which the claim is challenged anew.
    fn is_given_up(self, row: &Row) -> bool {
        let came_to_nothing = row.state.inclusion().is_some_and(Inclusion::came_to_nothing);
        let ends = matches!(row.ending, Some(End::Failed(_) | End::Replaced));
        self.left < Options::HURRY && came_to_nothing && ends
    }
}

impl<L> fmt::Debug for Watchtower<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchtower").field("desk", &self.desk).finish_non_exhaustive()
    }
}
