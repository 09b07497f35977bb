//! Sees to it that what answers take stays on this machine: for every claim of the account that is open, whoever posted it, until it
//! has ended for a while.

use super::{Ledger, WatchError, Watchtower};
use crate::chain::{
    Outbox,
    claims::Stage,
    submitter::{
        Journal, Phase,
        keeping::{holder, holders_of},
        prover::{Prover, ProverError},
    },
};
use alloy::primitives::B256;
use std::collections::{BTreeMap, BTreeSet};

/// The time between two looks at what is kept, in seconds of the chain.
const EVERY: u64 = 60;
/// How many seconds after the end of a claim its artifacts are let go: the end may be taken from the chain yet.
const AFTER: u64 = 3600;
/// How many claims are named that could not be answered.
const NAMED: usize = 4;

impl<L: Ledger> Watchtower<L> {
    /// Keeps, and lets go. What could not be answered if it was challenged is named until the next look.
    pub(super) async fn keep(&mut self, journal: &Journal, time: u64) -> Result<(), WatchError> {
        if self.kept_at.is_some_and(|at| time < at.saturating_add(EVERY)) {
            return Ok(());
        }
        let (prover, outbox, desk) = (self.prover.clone(), self.outbox.clone(), self.desk);
        let open = self.open();
        let held = tokio::task::spawn_blocking(move || {
            let name = |id| holder(desk.chain_id, desk.claims, id);
            let missing = keep_all(&*prover, &outbox, (desk.chain_id, &name), &open)?;
            Ok::<_, ProverError>((missing, prover.holders()?))
        });
        let held = held.await.map_err(|error| ProverError::Failed(format!("looking at artifacts ended: {error}")))?;
        let (missing, holders) = held?;
        self.unanswerable = missing;
        self.let_go(journal, &holders, time)?;
        self.kept_at = Some(time);
        Ok(())
    }

    /// The account's claims and batches that can still be challenged, by their models.
    fn open(&self) -> BTreeMap<B256, Vec<(B256, bool)>> {
        let mut open = BTreeMap::<B256, Vec<(B256, bool)>>::new();
        let state = self.ledger.state();
        let is_open = |stage| matches!(stage, Stage::Open | Stage::Challenged);
        let claims = state.claims().values().filter(|claim| claim.assignment.submitter == self.desk.account);
        for claim in claims.filter(|claim| is_open(claim.stage)) {
            open.entry(claim.model_id).or_default().push((claim.statement_id, false));
        }
        let batches = state.batches().values().filter(|batch| batch.submitter == self.desk.account);
        for batch in batches.filter(|batch| is_open(batch.stage)) {
            open.entry(batch.model_id).or_default().push((batch.batch_id, true));
        }
        open
    }

    fn let_go(&mut self, journal: &Journal, holders: &[String], time: u64) -> Result<(), WatchError> {
        let prefix = holders_of(self.desk.chain_id, self.desk.claims);
        for holder in holders {
            let Some(id) = holder.strip_prefix(&prefix).and_then(|id| id.parse::<B256>().ok()) else { continue };
            if !self.has_ended(journal, id)? {
                self.ended.remove(&id);
                continue;
            }
            let since = *self.ended.entry(id).or_insert(time);
            if time >= since.saturating_add(AFTER) {
                self.prover.let_go(holder)?;
                self.ended.remove(&id);
                tracing::info!(%id, "the claim has ended: its artifacts need not be kept for it any more");
            }
        }
        Ok(())
    }

    /// Whether a claim cannot be challenged any more, or was never posted and will not be.
    fn has_ended(&self, journal: &Journal, id: B256) -> Result<bool, WatchError> {
        let state = self.ledger.state();
        let claim = state.claims().get(&id).map(|claim| claim.stage);
        let stage = claim.or_else(|| state.batches().get(&id).map(|batch| batch.stage));
        if let Some(stage) = stage {
            return Ok(matches!(stage, Stage::Verified | Stage::Final | Stage::Slashed | Stage::Void));
        }
        // One that the journal says is posted and no event tells of is not known to this node yet.
        let phase = journal.row(id)?.map(|row| row.phase());
        Ok(matches!(phase, Some(Phase::Failed | Phase::Cancelled)))
    }
}

/// Keeps the artifacts of every model with open claims, for each of them. Names what could not be answered.
fn keep_all(
    prover: &dyn Prover,
    outbox: &Outbox,
    (chain_id, name): (u64, &dyn Fn(B256) -> String),
    open: &BTreeMap<B256, Vec<(B256, bool)>>,
) -> Result<Vec<String>, ProverError> {
    let held: BTreeSet<String> = prover.holders()?.into_iter().collect();
    let mut missing = Vec::new();
    for (model_id, claims) in open {
        let mut is_here = None;
        for (id, is_batch) in claims {
            let holder = name(*id);
            // What is kept may have been deleted by hand: one look for each model.
            if is_here.is_none() || !held.contains(&holder) && is_here == Some(true) {
                is_here = Some(prover.keep(*model_id, &holder)?);
            }
            // A proof that was kept is an answer, too. Of a batch nothing answers but its leaves.
            let has_proof = !is_batch && outbox.kept(chain_id, *id).is_ok_and(|kept| kept.is_some());
            let has_leaves = !is_batch || outbox.kept_batch(chain_id, *id).is_ok_and(|kept| kept.is_some());
            match (is_here == Some(true) || has_proof, has_leaves) {
                (false, _) => missing.push(format!(
                    "claim {id} could not be answered: there are no artifacts of model {model_id} on this machine"
                )),
                (_, false) => missing.push(format!("batch {id} could not be answered: its leaves are not kept here")),
                _ => {}
            }
        }
    }
    if missing.len() > NAMED {
        let more = missing.len() - NAMED;
        missing.truncate(NAMED);
        missing.push(format!("and {more} more could not be answered"));
    }
    Ok(missing)
}
