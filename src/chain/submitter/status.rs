//! How a submitter stands: one account of it, for people, for JSON and for metrics, so that they cannot disagree.

use super::{
    Controls, Counts, EndpointStatus, Journal, JournalError, Kind, Owner, Phase, Row, State, tally::Counters,
    watchtower::Standing,
};
use alloy::primitives::{B256, U256};
use serde::{Deserialize, Serialize};

/// How many intents are listed that have not ended.
const LISTED: usize = 20;
/// How many are listed that failed.
const FAILED: u32 = 10;

/// How a submitter stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Whose.
    pub owner: Option<Owner>,
    /// When this was found out, in Unix milliseconds.
    pub at: u64,
    /// What the operator said of the whole.
    pub controls: Controls,
    /// How many intents are where.
    pub intents: Counts,
    /// Those that have not ended, in the order in which they are taken; not all, if they are many.
    pub open: Vec<Line>,
    /// Those that failed last.
    pub failed: Vec<Line>,
    /// What only a submitter that runs knows.
    pub live: Option<Live>,
}

/// One intent.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Its id.
    pub id: B256,
    /// What kind it is.
    pub kind: Kind,
    /// In words.
    pub what: String,
    /// Where it is.
    pub state: State,
    /// The nonce of its transaction.
    pub nonce: Option<u64>,
    /// The hash of its newest transaction.
    pub transaction: Option<B256>,
    /// How many were signed.
    pub attempts: u32,
    /// When it was added, in Unix milliseconds.
    pub planned_at: u64,
    /// When its state changed last, in Unix milliseconds.
    pub since: u64,
    /// The last second for it, in Unix time.
    pub deadline: Option<u64>,
}

/// What only a submitter that runs knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Live {
    /// When the last step ended, in Unix milliseconds.
    pub at: u64,
    /// The process.
    pub pid: u32,
    /// The latest block's number; `None` when the chain does not answer.
    pub head: Option<u64>,
    /// What the account has, in wei.
    pub balance: Option<U256>,
    /// The base fee, in wei for a unit of gas.
    pub base_fee: Option<u128>,
    /// What was paid today (UTC), in wei.
    pub paid_today: U256,
    /// What may be paid in a day, in wei.
    pub per_day: Option<U256>,
    /// What is counted since the process began.
    pub counters: Counters,
    /// How the account's claims stand.
    pub standing: Option<Standing>,
    /// What waits for others to go with.
    pub waiting: Vec<WaitingGroup>,
    /// The nodes, and how they do.
    pub endpoints: Vec<EndpointStatus>,
    /// What the operator should see to.
    pub alarms: Vec<Notice>,
}

/// Statements that wait for others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WaitingGroup {
    /// Their model.
    pub model_id: B256,
    /// How many.
    pub count: usize,
    /// For how many seconds the first has waited.
    pub age: u64,
    /// Why they wait, or why they go.
    pub why: String,
}

/// Something that the operator should see to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notice {
    /// A word for it, as metrics have it and the runbook is ordered by.
    pub name: String,
    /// What is wrong, and what to do.
    pub sentence: String,
}

impl Status {
    /// As a journal tells. `now`: Unix milliseconds.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn of(journal: &Journal, now: u64, live: Option<Live>) -> Result<Self, JournalError> {
        let mut open = Vec::new();
        for row in journal.open_rows(0)?.iter().take(LISTED) {
            open.push(Line::of(journal, row)?);
        }
        let failed = journal.latest_rows(Some(Phase::Failed), FAILED)?;
        Ok(Self {
            owner: journal.owner()?,
            at: now,
            controls: journal.controls()?,
            intents: journal.counts()?,
            open,
            failed: failed.iter().map(|row| Line::of(journal, row)).collect::<Result<_, _>>()?,
            live,
        })
    }

    /// Whether all is well: it runs, the chain answers, nothing is held, and there is no alarm.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let live = self.live.as_ref().is_some_and(|live| live.head.is_some() && live.alarms.is_empty());
        live && self.controls.hold.is_none()
    }

    /// How many intents are in a phase.
    #[must_use]
    pub fn count(&self, phase: Phase) -> u64 {
        self.intents.get(phase.name()).copied().unwrap_or_default()
    }
}

impl Line {
    fn of(journal: &Journal, row: &Row) -> Result<Self, JournalError> {
        let intent = journal.intent(row.id)?;
        let transaction = journal.attempts(row.id)?.last().map(|attempt| attempt.hash);
        Ok(Self {
            id: row.id,
            kind: row.kind,
            what: intent.as_ref().map(|intent| intent.what.clone()).unwrap_or_default(),
            state: row.state.clone(),
            nonce: row.nonce,
            transaction,
            attempts: row.attempts,
            planned_at: row.planned_at,
            since: row.since,
            deadline: intent.and_then(|intent| intent.deadline),
        })
    }
}
