//! The submitter in bad weather: simulated chains by the thousand, and the real daemon on a real node, killed.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "submitter/answers.rs"]
mod answers;
#[path = "submitter/bench.rs"]
mod bench;
#[path = "submitter/cases.rs"]
mod cases;
#[allow(dead_code)] // the other suite needs more of it
#[path = "chain/world.rs"]
mod chain_world;
#[path = "support/faults.rs"]
mod faults;
#[path = "submitter/goals.rs"]
mod goals;
#[path = "submitter/house.rs"]
mod house;
#[path = "submitter/ledger.rs"]
mod ledger;
#[path = "submitter/named.rs"]
mod named;
#[path = "submitter/process.rs"]
mod process;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/rpc.rs"]
mod rpc;
#[path = "submitter/scenario.rs"]
mod scenario;
#[path = "submitter/scenarios.rs"]
mod scenarios;
#[path = "submitter/view.rs"]
mod view;
#[path = "submitter/wired.rs"]
mod wired;
#[path = "submitter/world.rs"]
mod world;
