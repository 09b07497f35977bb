//! The native backend with real keys and real proofs. Needs nothing but this program.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "native_backend/artifacts.rs"]
mod artifacts;
#[path = "native_backend/batches.rs"]
mod batches;
#[path = "native_backend/boundary.rs"]
mod boundary;
#[path = "native_backend/carried.rs"]
mod carried;
#[path = "native_backend/ceremony.rs"]
mod ceremony;
#[path = "native_backend/differential.rs"]
mod differential;
#[path = "native_backend/failures.rs"]
mod failures;
#[path = "native_backend/hidden.rs"]
mod hidden;
#[path = "native_backend/model_opening.rs"]
mod model_opening;
#[path = "native_backend/models.rs"]
mod models;
#[path = "native_backend/network_carried.rs"]
mod network_carried;
#[path = "native_backend/networks.rs"]
mod networks;
#[path = "native_backend/proofs.rs"]
mod proofs;
#[path = "native_backend/reports.rs"]
mod reports;
#[path = "native_backend/world.rs"]
mod world;
