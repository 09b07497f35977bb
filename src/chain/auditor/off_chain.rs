use crate::{
    evm::Page,
    proof::{Statement, Verdict, identity::ModelParts},
};
use alloy::primitives::{B256, Bytes};
use std::fmt::Debug;

/// A proof for the backend to verify, with everything that names the artifacts.
#[derive(Clone, Debug)]
pub struct OffChainRequest {
    /// The model that every statement is about.
    pub model_id: B256,
    /// The statements, with the contexts they were made for, in the order that the proof binds; at least one.
    pub statements: Vec<Statement>,
    /// What its model id is made of. `adapter_id` tells the backend.
    pub model: ModelParts,
    /// The model's own code, as it stands on the chain; `None` when it has none.
    pub model_code: Option<Bytes>,
    /// The pages that the model's own code names, as they stand on the chain.
    pub pages: Vec<Page>,
    /// The schema that the model's registration published; `None` when the node did not give it.
    pub schema: Option<Bytes>,
    /// The canonical proof bytes.
    pub proof: Bytes,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OffChainAnswer {
    /// The backend's verdict.
    Verdict(Verdict),
    /// The backend's verdict, and what a reader has to know besides.
    Qualified(Verdict, String),
    /// No verdict, and why: mostly that this machine has no artifacts of the model.
    NotAvailable(String),
}

/// The backend's own verifier, seen from an audit. It may block; it is called on a thread for that.
pub trait OffChainVerifier: Debug + Send + Sync {
    /// Verifies, if it can.
    fn verify(&self, request: &OffChainRequest) -> OffChainAnswer;
}
