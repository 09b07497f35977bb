//! The pipeline's behaviours, each on both backends with real keys and real proofs unless its comment says mock.
//!
//! `cargo test ezkl::` runs them; `tools/test` counts them. `make setup` installs EZKL.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "storage/node.rs"]
#[allow(dead_code)] // the store's own tests use the rest
mod node;

mod ezkl {
    mod bad_input;
    mod batch_checks;
    mod boundary;
    mod boundary_chain;
    mod boundary_sweep;
    mod broken_chains;
    mod kept_artifacts;
    mod lying_backend;
    mod lying_node;
    mod recovery;
    mod stored_artifacts;
    mod test_batch_proofs;
    mod test_integration;
    mod test_proof_creation;
    mod test_verification;
    mod verification_checks;
    pub(crate) mod world;
}
