use crate::proof::{Statement, Verdict, identity::ModelParts};
use alloy::primitives::Bytes;
use std::fmt::Debug;

/// A claim for the backend to verify, with everything that names the artifacts.
#[derive(Clone, Debug)]
pub struct OffChainRequest {
    /// The statement, with the context it was made for.
    pub statement: Statement,
    /// What its model id is made of. `adapter_id` tells the backend.
    pub model: ModelParts,
    /// The model's own code, as it stands on the chain; `None` when it has none.
    pub model_code: Option<Bytes>,
    /// The canonical proof bytes.
    pub proof: Bytes,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OffChainAnswer {
    /// The backend's verdict.
    Verdict(Verdict),
    /// No verdict, and why: mostly that this machine has no artifacts of the model.
    NotAvailable(String),
}

/// The backend's own verifier, seen from an audit. It may block; it is called on a thread for that.
pub trait OffChainVerifier: Debug + Send + Sync {
    /// Verifies, if it can.
    fn verify(&self, request: &OffChainRequest) -> OffChainAnswer;
}
