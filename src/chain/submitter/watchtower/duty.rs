//! What is to be done about an account's own claims: a function of what a registry records, and of the time.

use crate::chain::claims::{BatchState, ClaimState, Stage, State};
use alloy::primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Duty {
    /// A challenge of a claim, to be answered up to this second.
    Answer {
        /// The claim.
        statement_id: B256,
        /// The last second, in Unix time.
        until: u64,
    },
    /// Challenges of leaves, to be answered up to the first of their last seconds.
    AnswerLeaves {
        /// The batch.
        batch_id: B256,
        /// The leaves that are still in time, by their numbers.
        indexes: Vec<u16>,
        /// The last second for all of them, in Unix time.
        until: u64,
    },
    /// The end of a claim whose time is over, or whose model is broken.
    Finalize {
        /// The claim.
        statement_id: B256,
    },
    /// The same of a batch.
    FinalizeBatch {
        /// The batch.
        batch_id: B256,
    },
    /// The payment of a credit, in wei.
    Withdraw(U256),
}

/// What there is to do, what is at stake, and what is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duties {
    /// What has least time first.
    pub duties: Vec<Duty>,
    /// How it stands.
    pub standing: Standing,
}

/// How an account's claims stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Claims and batches that can still be challenged, or ended.
    pub open: usize,
    /// Challenges that wait for an answer.
    pub challenged: usize,
    /// The first last second for an answer, in Unix time.
    pub answer_by: Option<u64>,
    /// What the registry holds as bonds of the account, in wei.
    pub bonded: U256,
    /// What the registry owes the account, in wei.
    pub credit: U256,
    /// Claims and batches with a challenge that was not answered in time.
    pub lost: Vec<B256>,
}

/// What an account has to do. `now`: the time of the latest block. A credit is withdrawn from `least` on.
#[must_use]
pub fn duties(state: &State, account: Address, now: u64, least: U256) -> Duties {
    let mut all = Duties::default();
    let ours = |submitter: Address| submitter == account;
    for claim in state.claims().values().filter(|claim| ours(claim.assignment.submitter)) {
        all.claim(state, claim, now);
    }
    for batch in state.batches().values().filter(|batch| ours(batch.submitter)) {
        all.batch(state, batch, now);
    }
    all.standing.credit = state.credits().get(&account).copied().unwrap_or_default();
    if !all.standing.credit.is_zero() && all.standing.credit >= least {
        all.duties.push(Duty::Withdraw(all.standing.credit));
    }
    // Answers first, by their time; what can wait afterwards, as it was found.
    all.duties.sort_by_key(|duty| match duty {
        Duty::Answer { until, .. } | Duty::AnswerLeaves { until, .. } => *until,
        _ => u64::MAX,
    });
    all
}

impl Duties {
    fn claim(&mut self, state: &State, claim: &ClaimState, now: u64) {
        let statement_id = claim.statement_id;
        let Some(until) = claim.ends_at(state.terms()) else {
            if claim.stage == Stage::Slashed {
                self.standing.lost.push(statement_id);
            }
            return;
        };
        self.standing.open += 1;
        self.standing.bonded = self.standing.bonded.saturating_add(state.terms().bond);
        if state.is_broken(claim.model_id) {
            return self.duties.push(Duty::Finalize { statement_id });
        }
        match claim.stage {
            Stage::Challenged if now <= until => {
                self.challenged(1, until);
                self.duties.push(Duty::Answer { statement_id, until });
            }
            Stage::Challenged => self.standing.lost.push(statement_id),
            _ if now > until => self.duties.push(Duty::Finalize { statement_id }),
            _ => {}
        }
    }

    fn batch(&mut self, state: &State, batch: &BatchState, now: u64) {
        let batch_id = batch.batch_id;
        if batch.stage != Stage::Open {
            if batch.stage == Stage::Slashed {
                self.standing.lost.push(batch_id);
            }
            return;
        }
        self.standing.open += 1;
        let bonds = state.terms().bond.saturating_mul(U256::from(batch.count));
        self.standing.bonded = self.standing.bonded.saturating_add(bonds);
        if state.is_broken(batch.model_id) {
            return self.duties.push(Duty::FinalizeBatch { batch_id });
        }
        let challenged: Vec<(u16, u64)> = batch.challenged(state.terms()).collect();
        if challenged.iter().any(|(_, until)| now > *until) {
            // Whoever challenged ends it; the other leaves go with it.
            return self.standing.lost.push(batch_id);
        }
        if let Some(until) = challenged.iter().map(|(_, until)| *until).min() {
            let indexes: Vec<u16> = challenged.into_iter().map(|(index, _)| index).collect();
            self.challenged(indexes.len(), until);
            self.duties.push(Duty::AnswerLeaves { batch_id, indexes, until });
        } else if now > batch.closes_at {
            self.duties.push(Duty::FinalizeBatch { batch_id });
        }
    }

    fn challenged(&mut self, count: usize, until: u64) {
        self.standing.challenged += count;
        self.standing.answer_by = Some(self.standing.answer_by.map_or(until, |first| first.min(until)));
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { statement_id, until } => {
                write!(f, "the answer for claim {statement_id}, up to Unix second {until}")
            }
            Self::AnswerLeaves { batch_id, indexes, until } => {
                write!(f, "the answer for {} leaves of batch {batch_id}, up to Unix second {until}", indexes.len())
            }
            Self::Finalize { statement_id } => write!(f, "the end of claim {statement_id}"),
            Self::FinalizeBatch { batch_id } => write!(f, "the end of batch {batch_id}"),
            Self::Withdraw(_) => f.write_str("the payment of the credit"),
        }
    }
}
