//! Claims on a real development node. Each test has its own anvil.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "chain/any_chain.rs"]
mod any_chain;
#[path = "chain/audit.rs"]
mod audit;
#[path = "chain/batches.rs"]
mod batches;
#[path = "chain/claim_acts.rs"]
mod claim_acts;
#[path = "chain/claim_replay.rs"]
mod claim_replay;
#[path = "chain/claim_world.rs"]
mod claim_world;
#[path = "chain/devnet.rs"]
mod devnet;
#[path = "chain/failures.rs"]
mod failures;
#[path = "chain/forks.rs"]
mod forks;
#[path = "chain/gas.rs"]
mod gas;
#[path = "chain/gas_table.rs"]
mod gas_table;
#[path = "chain/hidden.rs"]
mod hidden;
#[path = "chain/kept.rs"]
mod kept;
#[path = "chain/lifecycle.rs"]
mod lifecycle;
#[path = "chain/machine.rs"]
mod machine;
#[path = "chain/native_world.rs"]
mod native_world;
#[path = "chain/networks.rs"]
mod networks;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "chain/registry_fixture.rs"]
mod registry_fixture;
#[path = "support/rpc.rs"]
mod rpc;
#[path = "chain/watch.rs"]
mod watch;
#[path = "chain/wires.rs"]
mod wires;
#[path = "chain/world.rs"]
mod world;
