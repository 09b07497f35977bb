//! Scenarios by their seeds: some for every change, as many as one likes by `ZKINFER_SCENARIOS` (in memory), `ZKINFER_BOND_SCENARIOS`
//! (in memory, with a policy and a watchtower) and `ZKINFER_DAEMON_SCENARIOS` (real processes), from `ZKINFER_SEED` on.

use crate::{
    house, process,
    scenario::{self, Tally},
};

/// Those of every change: on a chain in memory, and with the daemon itself.
const USUAL: u64 = 22;
const USUAL_REAL: u64 = 3;
/// In memory, with a policy and a watchtower: up to their claims' ends they take longer.
const USUAL_BONDS: u64 = 8;

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

/// With a policy and a watchtower: claims with bonds, challenged whatever else happens.
#[tokio::test]
async fn scenarios_with_bonds_end_with_every_challenge_answered_in_time() {
    let (first, count) = (from_env("ZKINFER_SEED", 1), from_env("ZKINFER_BOND_SCENARIOS", USUAL_BONDS));
    let (mut all, mut wrong) = (house::Tally::default(), Vec::new());
    for seed in first..first + count {
        println!("scenario {seed} with bonds");
        match house::run(seed).await {
            Ok(tally) => all.add(&tally),
            Err(why) => wrong.push(format!("seed {seed}: {why}")),
        }
    }
    println!("{count} scenarios with bonds from seed {first}: {all:?}");
    assert!(wrong.is_empty(), "{} of {count} scenarios\n{}", wrong.len(), wrong.join("\n"));
    assert!(all.crashes > 0 && all.reorgs > 0 && all.challenges > 0 && all.answers > 0, "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_killed_at_random_has_claimed_everything_once() {
    let (first, count) = (from_env("ZKINFER_SEED", 1), from_env("ZKINFER_DAEMON_SCENARIOS", USUAL_REAL));
    let (mut tallies, mut wrong) = (Vec::new(), Vec::new());
    for seed in first..first + count {
        println!("scenario {seed} of the daemon");
        match process::run(seed).await {
            Ok(tally) => tallies.push(tally),
            Err(why) => wrong.push(format!("seed {seed}: {why}")),
        }
    }
    let sum = |of: fn(&process::Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    println!(
        "{count} scenarios from seed {first}: {} intents, {} kills, {} transactions, {} reverts",
        sum(|tally| tally.intents),
        sum(|tally| tally.kills),
        sum(|tally| tally.transactions),
        sum(|tally| tally.reverts)
    );
    assert!(wrong.is_empty(), "{} of {count} scenarios\n{}", wrong.len(), wrong.join("\n"));
}
