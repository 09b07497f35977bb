//! The pipeline: from a model and an input to a verified bundle. Works with every backend; its name is historic.

mod carried;
mod error;
mod integration;
mod proof_creation;
mod reverification;
mod verification;

pub use carried::{CarriedReport, verify_carried, verify_in_evm};
pub use error::PipelineError;
pub use integration::{EZKLIntegration, Prepared};
pub use proof_creation::ProofGenerator;
pub use reverification::Reverifier;
pub use verification::{ProofVerifier, VerificationReport};
