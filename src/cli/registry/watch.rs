use super::event;
use crate::cli::{
    Outcome, account,
    claim::{ReadArgs, moment},
    context::Session,
};
use alloy::primitives::Address;
use serde_json::json;
use std::{
    io::Write,
    time::{Duration, Instant},
};
use zkinfer::{
    FailureClass,
    chain::{
        bindings::IClaimRegistry::IClaimRegistryEvents as Event,
        claims::{Happened, Indexer, State, Synced},
    },
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also print what happened before.
    #[arg(long)]
    past: bool,

    /// Only what concerns this account.
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    mine: Option<Address>,

    /// End after so many lines.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,

    /// End after so long.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    seconds: Option<u64>,

    /// The time between two looks.
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    poll_ms: u64,

    #[command(flatten)]
    place: ReadArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    session.runtime()?.block_on(async {
        let (registry, from_block) = args.place.open().await?;
        let mut indexer = Indexer::new(registry, from_block);
        let end = args.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let (mut left, mut is_first) = (args.events.unwrap_or(u64::MAX), true);
        session.finish();
        loop {
            let synced = match indexer.sync().await {
                // Whoever watches over money goes on when the node comes back.
                Err(error) if !is_first && error.class() == FailureClass::Environment => {
                    tracing::warn!(%error, "looking again");
                    Synced::default()
                }
                synced => synced?,
            };
            let is_told = synced.reorganised && !is_first;
            if is_told
                && !print(
                    session,
                    &json!({ "event": "reorganised", "block": synced.block }),
                    "the chain was reorganised",
                )
            {
                return Ok(Outcome::True);
            }
            let shown = synced.events.iter().filter(|_| args.past || !is_first);
            for happened in shown.filter(|happened| args.concerns(indexer.state(), happened)) {
                let (object, text) = told(happened, indexer.state().terms().answer_window);
                // A reader that went away is the end.
                if !print(session, &object, &text) {
                    return Ok(Outcome::True);
                }
                left -= 1;
                if left == 0 {
                    return Ok(Outcome::True);
                }
            }
            is_first = false;
            if end.is_some_and(|end| Instant::now() >= end) || session.control().cancel.is_cancelled() {
                return Ok(Outcome::True);
            }
            tokio::time::sleep(Duration::from_millis(args.poll_ms)).await;
            if session.control().cancel.is_cancelled() {
                return Ok(Outcome::True);
            }
        }
    })
}

impl Args {
    fn concerns(&self, state: &State, happened: &Happened) -> bool {
        self.mine.is_none_or(|account| event::concerns(state, &happened.event, account))
    }
}

fn told(happened: &Happened, answer_window: u64) -> (serde_json::Value, String) {
    let (name, mut object) = event::describe(&happened.event);
    if matches!(happened.event, Event::ClaimChallenged(_) | Event::LeafChallenged(_)) {
        object["answerable_until"] = json!(happened.time.saturating_add(answer_window));
    }
    let fields = object.as_object().into_iter().flatten();
    let words: Vec<String> = fields
        .map(|(key, value)| format!("{key} {}", value.as_str().map_or_else(|| value.to_string(), Into::into)))
        .collect();
    let text = format!("{}  block {}  {name}  {}", moment(happened.time), happened.block, words.join("  "));
    object["event"] = json!(name);
    object["block"] = json!(happened.block);
    object["time"] = json!(happened.time);
    object["transaction_hash"] = json!(happened.transaction);
    (object, text)
}

/// Whether somebody still reads.
fn print(session: &Session, object: &serde_json::Value, text: &str) -> bool {
    let line = if session.json { object.to_string() } else { text.to_owned() };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}
