//! The pipeline: from a model and an input to a verified bundle. Works with every backend; its name is historic.

pub mod answer;
pub mod batch_proofs;
mod carried;
pub mod clock;
mod error;
pub mod integration;
mod links;
pub mod proof_creation;
mod reverification;
pub mod verification;

pub use batch_proofs::BatchProofGenerator;
pub use carried::{CarriedReport, verify_carried, verify_in_evm};
pub use error::PipelineError;
pub use integration::{EZKLIntegration, Prepared};
pub use proof_creation::{ProofGenerator, ProofRequest, ProofResponse};
pub use reverification::Reverifier;
pub use verification::{ProofVerifier, VerificationReport};
