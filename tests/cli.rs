//! The command line as a user meets it: exit codes, sentences, JSON, files.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "cli/answers.rs"]
mod answers;
#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/bonds.rs"]
mod bonds;
#[path = "cli/boundary.rs"]
mod boundary;
#[path = "cli/carried.rs"]
mod carried;
#[path = "cli/claims.rs"]
mod claims;
#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/end_to_end.rs"]
mod end_to_end;
#[path = "cli/environment.rs"]
mod environment;
#[path = "cli/ezkl.rs"]
mod ezkl;
#[path = "cli/generate.rs"]
mod generate;
#[path = "cli/hidden.rs"]
mod hidden;
#[path = "cli/index.rs"]
mod index;
#[path = "cli/inputs.rs"]
mod inputs;
#[path = "cli/kept.rs"]
mod kept;
#[path = "cli/native.rs"]
mod native;
#[path = "cli/networks.rs"]
mod networks;
#[path = "cli/on_chain.rs"]
mod on_chain;
#[path = "cli/opening.rs"]
mod opening;
#[path = "cli/program.rs"]
mod program;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/rpc.rs"]
mod rpc;
#[path = "cli/structures.rs"]
mod structures;
#[path = "cli/submitter.rs"]
mod submitter;
#[path = "support/tls.rs"]
mod tls;
#[path = "cli/tls.rs"]
mod tls_nodes;
#[path = "cli/verify_options.rs"]
mod verify_options;
