//! One intent, seen through by a command that waits.
//!
//! The same journal, engine and chain as the submitter's, for as long as one command runs: the intent is planned, the engine takes its
//! steps, and the command ends when the intent is as deep in the chain as was asked for, or with the reason why not. What a process
//! left that was killed, the next one finds in the journal. Before anything is planned it is simulated, priced and agreed to, so that
//! what is refused leaves nothing behind; what was planned and could not be signed is taken out again.
//!
//! Nothing that others planned is begun. What they signed is looked after: it has the nonces before.

mod errand;
mod hearer;
mod past;
mod payer;

use super::{
    Change, Endpoints, Engine, Event, Finality, Held, Intent, Journal, Options, Owner, Phase, Pool, Remote, State,
};
use crate::chain::{
    ChainError, Mined, Outbox, guard,
    operator::unless_interrupted,
    plan::Plan,
    sender::{Depth, Sender},
};
use errand::Errand;
use hearer::Hearer;
use payer::Payer;
use std::{
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

impl Sender {
    /// Sees to it that an intent is on the chain, whatever became of earlier attempts. Returns the transaction that did it; `None` when
    /// the chain has it by one that is not in the account's journal.
    ///
    /// # Errors
    /// [`ChainError::Refused`], [`ChainError::CostTooHigh`], [`ChainError::NotAgreed`] and the like before anything is signed;
    /// [`ChainError::NotTaken`], [`ChainError::NoReceipt`], [`ChainError::InterruptedAfter`] and the like when it may still be mined;
    /// [`ChainError::Journal`] when another process sends for the account, or the journal is not to be used.
    pub(in crate::chain) async fn see_through(
        &self,
        outbox: &Outbox,
        intent: &Intent,
    ) -> Result<Option<Mined>, ChainError> {
        let what = &*intent.what;
        let chain = self.endpoints()?;
        let owner = unless_interrupted(&*self.operator, what, Owner::of(&chain, self.address())).await?;
        let _held = self.hold(outbox, what).await?;
        let journal = Journal::open(&Journal::path_of(outbox.state(), &owner), &owner)?.hold(&owner)?;
        // What is there already is what would be sent.
        let intent = journal.intent(intent.id)?.unwrap_or_else(|| intent.clone());
        let (journal, ours, agreed) = self.plan_once(journal, &intent).await?;
        let payer = Arc::new(Payer::new(self, intent.id));
        let mut options = self.engine_options();
        if let Some(agreed) = agreed {
            payer.agreed(agreed.ceiling());
            if options.max_fee.is_none() && self.options.budget.max_cost.is_none() && !self.is_free() {
                options.max_fee = Some(agreed.fees.ceiling());
            }
        }
        let hearer = Arc::new(Hearer {
            operator: self.operator.clone(),
            outbox: outbox.clone(),
            chain_id: owner.chain_id,
            account: owner.account,
            failure: Mutex::default(),
        });
        let engine = Engine::new(chain, journal, self.account.clone(), options)
            .only(intent.id)
            .with_purse(payer.clone())
            .with_operator(hearer.clone());
        let mut errand = Errand::new(self, intent, engine, (payer, hearer));
        let ended = errand.go().await;
        if ended.is_err() && ours {
            errand.abandon();
        }
        ended
    }

    /// Plans an intent that is in no state to be signed, once everything is asked that is asked before money is spent. Whether it was
    /// planned here, and what was agreed to.
    async fn plan_once(&self, mut journal: Held, intent: &Intent) -> Result<(Held, bool, Option<Plan>), ChainError> {
        let (what, id) = (&*intent.what, intent.id);
        let state = journal.row(id)?.map(|row| row.state);
        let plan = match state.as_ref().map(State::phase) {
            None | Some(Phase::Planned | Phase::Cancelled | Phase::Failed) => {
                let call = intent.plan();
                let considered = async {
                    self.try_out(&call).await?;
                    self.consider(&call).await
                };
                Some(unless_interrupted(&*self.operator, what, considered).await?)
            }
            Some(Phase::Signed | Phase::Broadcast) => {
                let still = self.is_worth_it(&journal, intent);
                unless_interrupted(&*self.operator, what, still).await?;
                None
            }
            _ => None,
        };
        let ours = match state {
            None => {
                journal.add(intent, now())?;
                true
            }
            Some(State::Cancelled | State::Failed(_)) => {
                journal.record(&[Change::of(id, Event::Revived)], now())?;
                true
            }
            Some(State::Finalized(found)) => {
                return Err(ChainError::Unexpected {
                    what: what.into(),
                    reason: format!(
                        "transaction {} did it, finally, in block {}, and this node knows nothing of it: it is behind, or of another chain",
                        found.hash, found.block.number
                    ),
                });
            }
            Some(State::Replaced(_)) => {
                let reason =
                    "the chain had it, finally, and this node knows nothing of it: it is behind, or of another chain"
                        .into();
                return Err(ChainError::Unexpected { what: what.into(), reason });
            }
            Some(_) => false,
        };
        Ok((journal, ours, plan))
    }

    /// Of something that was signed and that no node knows: whether it would still be taken. What the node has is waited for.
    async fn is_worth_it(&self, journal: &Held, intent: &Intent) -> Result<(), ChainError> {
        for attempt in journal.attempts(intent.id)? {
            if self.node.transaction(attempt.hash).await?.is_some() {
                return Ok(());
            }
        }
        self.try_out(&intent.plan()).await
    }

    /// The node as the engine asks it; several, if more than one has a say.
    pub(in crate::chain) fn endpoints(&self) -> Result<Endpoints, ChainError> {
        match &self.pool {
            Some(pool) => Ok(pool.clone()),
            None => Pool::new(self.node.chain_id(), vec![Remote::of(&self.node)], 1),
        }
    }

    fn is_free(&self) -> bool {
        guard::is_dev_chain(self.node.chain_id())
    }

    fn engine_options(&self) -> Options {
        let confirmations = match self.options.depth {
            Depth::Blocks(blocks) => blocks.max(1),
            Depth::Final => 1,
        };
        let finality = match self.options.depth {
            Depth::Final if self.is_free() => Finality::Depth(1),
            // Whoever develops takes blocks back.
            _ if self.is_free() => Finality::Depth(Options::DEEP),
            _ => Finality::Tag,
        };
        let (max_fee, fork) = (self.options.budget.max_fee, self.options.fork);
        // Whatever is on its way, one more is begun.
        Options { confirmations, finality, window: usize::MAX, max_fee, fork, ..Options::default() }
    }
}

/// Unix milliseconds.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
