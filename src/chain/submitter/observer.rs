//! What a submitter that runs shows of itself: hears every step, keeps the books, and answers on loopback and in a file beside the
//! journal, so that `zkinfer submitter status` knows when it was last well even if it runs no more.

use super::{
    Alarm, EndpointStatus, Journal, JournalError, Step,
    http::{Page, Pages},
    metrics,
    policy::{BudgetPolicy, FeesPolicy},
    status::{Live, Notice, Status, WaitingGroup},
    tally::Tally,
    treasury::{Books, Treasury},
    watchtower::Watched,
};
use crate::{chain::money, storage::write_atomic};
use alloy::primitives::U256;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// How often the file beside the journal is written, in milliseconds.
const WRITE_EVERY: u64 = 1000;
/// So many blocks behind the others a node is named.
const LAG: u64 = 8;
/// A submitter that took no step for so long is not well, in milliseconds.
pub const STALE: u64 = 60_000;

/// Watches a submitter.
#[derive(Debug)]
pub struct Observer {
    journal: Journal,
    chain_id: u64,
    fees: FeesPolicy,
    budget: BudgetPolicy,
    books: Arc<Mutex<Books>>,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    live: Live,
    /// What is wrong, by who found it.
    notices: BTreeMap<&'static str, Vec<Notice>>,
    written_at: u64,
}

impl Observer {
    /// For a journal, opened for itself. `now`: Unix milliseconds.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn begin(
        journal: Journal,
        chain_id: u64,
        fees: FeesPolicy,
        budget: BudgetPolicy,
        now: u64,
    ) -> Result<Self, JournalError> {
        let tally = Tally::begin(&journal, now)?;
        let books = Arc::new(Mutex::new(Books { tally, bonded: U256::ZERO }));
        let shown = Shown {
            live: Live { pid: std::process::id(), per_day: budget.per_day, ..Live::default() },
            ..Shown::default()
        };
        Ok(Self { journal, chain_id, fees, budget, books, shown: Mutex::new(shown) })
    }

    /// Who says what may be paid, with these books.
    #[must_use]
    pub fn treasury(&self) -> Treasury {
        Treasury::new(self.chain_id, self.fees, self.budget, self.books.clone())
    }

    /// The books.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears of a step. `now`: Unix milliseconds.
    pub fn hear(&self, step: &Step, now: u64) {
        let (counters, paid_today) = {
            let mut books = self.books();
            for (id, event) in &step.events {
                if let Err(error) = books.tally.hear(&self.journal, *id, event, now) {
                    tracing::warn!(%error, "not counted");
                }
            }
            (books.tally.counters().clone(), books.tally.paid_on(now))
        };
        let mut shown = self.shown();
        shown.live.at = now;
        shown.live.head = step.head.map(|block| block.number);
        (shown.live.counters, shown.live.paid_today) = (counters, paid_today);
        let mut notices: Vec<Notice> = step.alarms.iter().map(|alarm| notice(name(alarm), alarm.to_string())).collect();
        notices.extend(step.hold.iter().map(|why| notice("held", why.clone())));
        shown.notices.insert("engine", notices);
        self.write(&mut shown, now);
    }

    /// Hears of the account's balance and the base fee, both in wei.
    pub fn money(&self, balance: U256, base_fee: Option<u128>) {
        let mut shown = self.shown();
        (shown.live.balance, shown.live.base_fee) = (Some(balance), base_fee);
        let low = self.budget.alarm_below.filter(|least| balance < *least).map(|least| {
            let (has, least) = (money::amount(balance, self.chain_id), money::amount(least, self.chain_id));
            notice(
                "balance",
                format!("the account has {has}, less than the {least} of `budget.alarm_below`: send it more"),
            )
        });
        shown.notices.insert("balance", low.into_iter().collect());
    }

    /// Hears of a look at the account's claims.
    pub fn watched(&self, watched: &Watched) {
        self.books().bonded = watched.standing.bonded;
        let mut notices: Vec<Notice> =
            watched.troubles.iter().map(|trouble| notice("watchtower", trouble.clone())).collect();
        if let Some(until) = watched.standing.answer_by {
            let (count, left) = (watched.standing.challenged, until.saturating_sub(watched.time));
            notices.push(notice(
                "challenge",
                format!("{count} challenges wait for an answer, the first for {left} s more"),
            ));
        }
        notices.extend(watched.standing.lost.iter().map(|id| {
            notice("lost", format!("claim {id} has a challenge that was not answered in time: its bond is lost"))
        }));
        let mut shown = self.shown();
        shown.live.standing = Some(watched.standing.clone());
        shown.notices.insert("watchtower", notices);
    }

    /// Hears that the account's claims could not be looked at.
    pub fn unwatched(&self, why: &str) {
        let said = notice("watchtower", format!("claims cannot be looked after: {why}"));
        self.shown().notices.insert("watchtower", vec![said]);
    }

    /// Hears of what waits for others, and of what cannot be taken now.
    pub fn waiting(&self, waiting: Vec<WaitingGroup>, troubles: &[String]) {
        let mut notices: Vec<Notice> = troubles.iter().map(|trouble| notice("intake", trouble.clone())).collect();
        notices.extend(waiting.iter().filter(|group| group.why.contains("LATE")).map(|group| {
            notice("late", format!("{} statements of model {} wait: {}", group.count, group.model_id, group.why))
        }));
        let mut shown = self.shown();
        shown.live.waiting = waiting;
        shown.notices.insert("intake", notices);
    }

    /// Hears how the nodes do.
    pub fn endpoints(&self, endpoints: Vec<EndpointStatus>) {
        let say = |endpoint: &EndpointStatus| {
            let what = match (endpoint.is_up, endpoint.lag) {
                (false, _) => endpoint.last_error.clone().unwrap_or_else(|| "it does not answer".into()),
                (true, Some(lag)) if lag >= LAG => format!("it is {lag} blocks behind the others"),
                _ => return None,
            };
            Some(notice("endpoint", format!("{}: {what}", endpoint.endpoint)))
        };
        let notices = endpoints.iter().filter_map(say).collect();
        let mut shown = self.shown();
        shown.live.endpoints = endpoints;
        shown.notices.insert("endpoints", notices);
    }

    /// The latest block as the engine's quorum has it.
    #[must_use]
    pub fn head(&self) -> Option<u64> {
        self.shown().live.head
    }

    /// How it stands. `now`: Unix milliseconds.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn status(&self, now: u64) -> Result<Status, JournalError> {
        let live = self.live(&self.shown());
        Status::of(&self.journal, now, Some(live))
    }

    fn live(&self, shown: &Shown) -> Live {
        Live { alarms: shown.notices.values().flatten().cloned().collect(), ..shown.live.clone() }
    }

    fn write(&self, shown: &mut Shown, now: u64) {
        if now < shown.written_at.saturating_add(WRITE_EVERY) {
            return;
        }
        shown.written_at = now;
        let json = serde_json::to_vec(&self.live(shown)).unwrap_or_default();
        if let Err(error) = write_atomic(&live_path(self.journal.path()), &json) {
            tracing::warn!(%error, "the status beside the journal is not written");
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Observer {
    /// A submitter that ends says so; one that is killed is missed after a while.
    fn drop(&mut self) {
        let shown = self.shown.get_mut().unwrap_or_else(PoisonError::into_inner);
        (shown.live.pid, shown.written_at) = (0, 0);
        let mut shown = std::mem::take(shown);
        self.write(&mut shown, u64::MAX);
    }
}

impl Pages for Observer {
    fn page(&self, path: &str) -> Option<Page> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        if !matches!(path, "/metrics" | "/status" | "/health") {
            return None;
        }
        let status = match self.status(now) {
            Ok(status) => status,
            Err(error) => return Some(Page { content_type: "text/plain", body: format!("{error}\n"), is_well: false }),
        };
        Some(match path {
            "/metrics" => Page { content_type: metrics::CONTENT_TYPE, body: metrics::render(&status), is_well: true },
            "/status" => {
                let body = serde_json::to_string(&status).unwrap_or_default();
                Page { content_type: "application/json", body, is_well: true }
            }
            _ => {
                let is_well =
                    status.is_well() && status.live.as_ref().is_some_and(|live| now < live.at.saturating_add(STALE));
                Page {
                    content_type: "text/plain",
                    body: if is_well { "well\n" } else { "see /status\n" }.into(),
                    is_well,
                }
            }
        })
    }
}

/// What was last known of a submitter that runs, or ran, on a journal.
#[must_use]
pub fn last_seen(journal: &Path) -> Option<Live> {
    serde_json::from_slice(&std::fs::read(live_path(journal)).ok()?).ok()
}

fn live_path(journal: &Path) -> PathBuf {
    journal.with_extension("live.json")
}

fn notice(name: &str, sentence: String) -> Notice {
    Notice { name: name.into(), sentence }
}

/// A word for an alarm of the engine, as the runbook has it.
const fn name(alarm: &Alarm) -> &'static str {
    match alarm {
        Alarm::Funds { .. } => "funds",
        Alarm::Fees { .. } => "fees",
        Alarm::Budget { .. } => "budget",
        Alarm::Stuck { .. } => "stuck",
        Alarm::ForeignNonce { .. } => "foreign_nonce",
        Alarm::Chain { .. } => "chain",
    }
}
