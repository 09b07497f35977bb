use super::place::{self, JournalArgs};
use crate::cli::{
    Failure, Outcome,
    claim::{moment, span},
    context::Session,
    report,
};
use serde_json::json;
use std::{fmt::Write, path::Path};
use zkinfer::chain::{
    money,
    submitter::{
        Phase, State,
        observer::{STALE, last_seen},
        status::{Line, Live, Status},
    },
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer submitter status
  zkinfer submitter status --json
  watch -n 5 zkinfer submitter status

Reads the journal and what the submitter last said of itself; nothing is asked of a node, and nothing is changed. It works whether or not
a submitter runs. Exit code 0: it runs and nothing is to be seen to; 3: see what is under TO SEE TO, whose names docs/operations.md explains.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    journal: JournalArgs,
}

pub(super) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let journal = args.journal.visit()?;
    let now = place::now();
    let status = Status::of(&journal, now, last_seen(journal.path()))?;
    let seen_to = to_see_to(&status);
    let runs = runs(&status);
    let mut object = json!(status);
    object["journal"] = json!(journal.path());
    object["runs"] = json!(runs);
    object["well"] = json!(seen_to.is_empty());
    report::result(session, &object, &text(&status, runs, &seen_to));
    Ok(if seen_to.is_empty() { Outcome::True } else { Outcome::Missing })
}

/// Whether one runs, as far as this machine tells: it said something lately, has not said that it ends, and its process is there.
fn runs(status: &Status) -> bool {
    let is_fresh = |live: &Live| live.pid != 0 && status.at < live.at.saturating_add(STALE);
    status.live.as_ref().is_some_and(|live| is_fresh(live) && !is_gone(live.pid))
}

/// Where the system lists its processes.
fn is_gone(pid: u32) -> bool {
    let processes = Path::new("/proc/self");
    processes.exists() && !processes.with_file_name(pid.to_string()).exists()
}

/// What the operator should see to: a name of the runbook, and a sentence.
fn to_see_to(status: &Status) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let open: u64 = Phase::ALL.into_iter().filter(|phase| phase.is_open()).map(|phase| status.count(phase)).sum();
    match &status.live {
        Some(live) if runs(status) => {
            found.extend(live.alarms.iter().map(|alarm| (alarm.name.clone(), alarm.sentence.clone())));
            if live.head.is_none() && live.alarms.is_empty() {
                found.push(("chain".into(), "no node answers".into()));
            }
        }
        Some(live) => {
            let ago = span(status.at.saturating_sub(live.at) / 1000);
            found.push((
                "down".into(),
                format!("no submitter runs: the last one was seen {ago} ago, with {open} intents open now"),
            ));
        }
        None => {
            found.push(("down".into(), format!("no submitter has run on this journal, which has {open} open intents")))
        }
    }
    if let Some(why) = &status.controls.hold
        && !found.iter().any(|(name, _)| name == "held")
    {
        found.push(("held".into(), why.clone()));
    }
    found
}

fn text(status: &Status, runs: bool, seen_to: &[(String, String)]) -> String {
    let mut text = String::new();
    let said = match (&status.live, runs) {
        (Some(live), true) => format!("The submitter runs (process {})", live.pid),
        _ => "NO SUBMITTER RUNS".to_owned(),
    };
    let asked = match (status.controls.is_paused, status.controls.is_draining) {
        (true, _) => "; PAUSED: nothing is signed until `zkinfer submitter resume`",
        (_, true) => "; DRAINING: nothing new is begun, and it ends when what was signed has ended",
        _ => "",
    };
    let _ = writeln!(text, "{said}{asked}");
    text += &report::rows(&place_rows(status));
    if seen_to.is_empty() {
        text += "\nNothing is to be seen to\n";
    } else {
        text += "\nTO SEE TO\n";
        text += &report::rows(seen_to);
    }
    let counts: Vec<String> = status.intents.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
    let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
    let _ = writeln!(text, "\nIntents: {counts}");
    let open: Vec<_> = status.open.iter().map(|line| row(line, status.at)).collect();
    text += &report::rows(&open);
    let hidden = Phase::ALL.into_iter().filter(|phase| phase.is_open()).map(|phase| status.count(phase)).sum::<u64>();
    let hidden = hidden.saturating_sub(status.open.len() as u64);
    if hidden > 0 {
        let _ = writeln!(text, "  and {hidden} more");
    }
    if !status.failed.is_empty() {
        text += "\nFailed last\n";
        let failed: Vec<_> = status.failed.iter().map(|line| row(line, status.at)).collect();
        text += &report::rows(&failed);
    }
    if let Some(live) = &status.live {
        text += &waiting(live);
    }
    text
}

fn place_rows(status: &Status) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let Some(owner) = &status.owner else { return rows };
    let amount = |wei| money::amount(wei, owner.chain_id);
    let live = status.live.as_ref();
    let has = live.and_then(|live| live.balance).map(|wei| format!(", which had {}", amount(wei))).unwrap_or_default();
    rows.push(("account".to_owned(), format!("{}{has}", owner.account)));
    let head = live.and_then(|live| live.head).map(|head| format!(", block {head}")).unwrap_or_default();
    let base = live.and_then(|live| live.base_fee).map(|fee| format!(", base fee {}", money::price(fee)));
    rows.push(("chain".into(), format!("{}{head}{}", owner.chain_id, base.unwrap_or_default())));
    let Some(live) = live else { return rows };
    let limit = live.per_day.map(|limit| format!(" of {} a day", amount(limit))).unwrap_or_default();
    rows.push(("paid today".into(), format!("{}{limit} (UTC)", amount(live.paid_today))));
    if !live.counters.saved.is_zero() {
        rows.push(("saved".into(), format!("{} by going together, since it runs", amount(live.counters.saved))));
    }
    if let Some(claims) = live.standing.as_ref().filter(|claims| claims.open > 0 || !claims.credit.is_zero()) {
        let answer =
            claims.answer_by.map(|until| format!("; {} CHALLENGED, answer by {}", claims.challenged, moment(until)));
        rows.push((
            "claims".into(),
            format!(
                "{} open, {} bonded, {} owed{}",
                claims.open,
                amount(claims.bonded),
                amount(claims.credit),
                answer.unwrap_or_default()
            ),
        ));
    }
    rows
}

fn row(line: &Line, now: u64) -> (String, String) {
    let age = span(now.saturating_sub(line.planned_at) / 1000);
    let state = match &line.state {
        State::Failed(reason) => format!("failed: {reason}"),
        State::Mined(found) | State::Confirmed(found) | State::Finalized(found) => {
            format!("{} in block {}", line.state.phase(), found.block.number)
        }
        state => state.phase().to_string(),
    };
    let nonce = line.nonce.map(|nonce| format!(", nonce {nonce}")).unwrap_or_default();
    let attempts = if line.attempts > 1 { format!(", {} attempts", line.attempts) } else { String::new() };
    let transaction = line.transaction.map(|hash| format!(", {hash}")).unwrap_or_default();
    let until = match line.deadline.filter(|_| line.state.is_open()) {
        Some(until) if until.saturating_mul(1000) < now => format!(", LATE since {}", moment(until)),
        Some(until) => format!(", until {}", moment(until)),
        None => String::new(),
    };
    (age, format!("{}: {state}{nonce}{attempts}{until}{transaction}\n      {}", line.what, line.id))
}

fn waiting(live: &Live) -> String {
    if live.waiting.is_empty() {
        return String::new();
    }
    let row = |group: &zkinfer::chain::submitter::status::WaitingGroup| {
        (span(group.age), format!("{} of model {}: {}", group.count, group.model_id, group.why))
    };
    format!("\nWaiting for others\n{}", report::rows(&live.waiting.iter().map(row).collect::<Vec<_>>()))
}
