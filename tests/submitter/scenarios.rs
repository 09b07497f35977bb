//! Scenarios by their seeds: some for every change, as many as one likes by `ZKINFER_SCENARIOS` from `ZKINFER_SEED` on.

use crate::scenario::{self, Tally};

/// Those of every change.
const USUAL: u64 = 25;

fn from_env(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[tokio::test]
async fn scenarios_of_all_kinds_end_with_every_intent_once_or_with_its_reason() {
    let (first, count) = (from_env("ZKINFER_SEED", 1), from_env("ZKINFER_SCENARIOS", USUAL));
    let (mut all, mut wrong) = (Tally::default(), Vec::new());
    for seed in first..first + count {
        println!("scenario {seed}");
        match scenario::run(seed).await {
            Ok(tally) => all.add(&tally),
            Err(why) => wrong.push(format!("seed {seed}: {why}")),
        }
    }
    println!("{count} scenarios from seed {first}: {all:?}");
    assert!(wrong.is_empty(), "{} of {count} scenarios\n{}", wrong.len(), wrong.join("\n"));
    // Weather that never does anything would prove nothing.
    assert!(all.crashes > 0 && all.reorgs > 0 && all.failed_steps > 0 && all.transactions > all.intents, "{all:?}");
}
