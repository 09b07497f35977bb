//! The EZKL backend with real keys and real proofs. `make setup` installs EZKL.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "ezkl_backend/artifacts.rs"]
mod artifacts;
#[path = "ezkl_backend/batch.rs"]
mod batch;
#[path = "ezkl_backend/errors.rs"]
mod errors;
#[path = "ezkl_backend/failures.rs"]
mod failures;
#[path = "ezkl_backend/gas.rs"]
mod gas;
#[path = "ezkl_backend/models.rs"]
mod models;
#[path = "ezkl_backend/onnx.rs"]
mod onnx;
#[path = "ezkl_backend/pool.rs"]
mod pool;
#[path = "ezkl_backend/proofs.rs"]
mod proofs;
#[path = "support/rpc.rs"]
mod rpc;
#[path = "ezkl_backend/srs.rs"]
mod srs;
#[path = "ezkl_backend/tuner.rs"]
mod tuner;
#[path = "ezkl_backend/validate.rs"]
mod validate;
#[path = "ezkl_backend/world.rs"]
mod world;
