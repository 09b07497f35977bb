//! Content stores and the bounded cache. The S5 store runs against a node of our own, which shows that it keeps to the
//! documented interface as it is understood here. Against a live S5 node: unverified.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "storage/artifacts.rs"]
mod artifacts;
#[path = "storage/cache.rs"]
mod cache;
#[path = "storage/contract.rs"]
mod contract;
#[path = "storage/faults.rs"]
mod faults;
#[path = "storage/local.rs"]
mod local;
#[path = "storage/node.rs"]
mod node;
#[path = "storage/redirects.rs"]
mod redirects;
#[path = "storage/resumable.rs"]
mod resumable;
#[path = "support/tls.rs"]
mod tls;
#[path = "storage/tls.rs"]
mod tls_nodes;
#[path = "storage/token.rs"]
mod token;
