//! Whoever can prove: what the submitter needs of the machine that has a model's artifacts.

use crate::proof::{Bundle, Statement};
use alloy::primitives::B256;

/// What can be done for a model on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ability {
    /// How many statements one proof can be about.
    pub max_batch: usize,
    /// Whether a proof binds the context of its statement, so that it is made anew for a registry.
    pub binds_context: bool,
    /// Whether the model hides inputs or outputs, so that proving takes what opens them.
    pub hides: bool,
}

/// Proves statements. Calls block.
pub trait Prover: Send + Sync {
    /// What can be done for a model; `None`: its artifacts are not on this machine.
    ///
    /// # Errors
    /// [`ProverError`].
    fn ability(&self, model_id: B256) -> Result<Option<Ability>, ProverError>;

    /// Does all of an answer but the proof: the artifacts are looked at whole, and the model is run again, with what opens hidden
    /// tensors. It has to say these very statements, with these very commitments.
    ///
    /// # Errors
    /// [`ProverError::NoArtifacts`]; [`ProverError::Untrue`]; [`ProverError::NoOpenings`]; others when artifacts or openings are
    /// damaged.
    fn rehearse(&self, statements: &[Statement], openings: Option<&[u8]>) -> Result<(), ProverError>;

    /// Verifies a bundle as the contracts do.
    ///
    /// # Errors
    /// [`ProverError::BadProof`] when it proves nothing; others when that cannot be told here.
    fn verify(&self, bundle: &Bundle) -> Result<(), ProverError>;

    /// Keeps the artifacts of a model on this machine, across processes, until [`Prover::let_go`]. Whether there are any.
    ///
    /// # Errors
    /// [`ProverError`].
    fn keep(&self, model_id: B256, holder: &str) -> Result<bool, ProverError>;

    /// Lets go of what a holder has kept.
    ///
    /// # Errors
    /// [`ProverError`].
    fn let_go(&self, holder: &str) -> Result<(), ProverError>;

    /// Everybody who keeps something.
    ///
    /// # Errors
    /// [`ProverError`].
    fn holders(&self) -> Result<Vec<String>, ProverError>;

    /// One proof of these statements of one model, in this order. `openings`: the file that opens their hidden tensors.
    ///
    /// # Errors
    /// [`ProverError`].
    fn prove(&self, statements: &[Statement], openings: Option<&[u8]>) -> Result<Bundle, ProverError>;

    /// One file that opens what several files open, in their order.
    ///
    /// # Errors
    /// [`ProverError`] when they are not of one model, or no openings.
    fn join_openings(&self, files: &[&[u8]]) -> Result<Vec<u8>, ProverError>;
}

/// Why nothing was proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProverError {
    /// The artifacts are elsewhere.
    #[error("there are no artifacts of model {0} on this machine: run the submitter where they are")]
    NoArtifacts(B256),
    /// The model does not say that.
    #[error("the model does not map the statement's inputs to its outputs: nothing can prove it")]
    Untrue,
    /// A bundle whose proof does not verify.
    #[error("the bundle's proof does not verify ({0}): no contract would accept it")]
    BadProof(String),
    /// What opens the hidden tensors is missing.
    #[error("the statement hides inputs or outputs, and what opens them is not kept here")]
    NoOpenings,
    /// The proof is of something else than was asked for: a defect.
    #[error("the prover proved something else than was asked for; nothing was sent. This is a defect of zkinfer")]
    Other,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// One proof of these statements, in this order: whatever the prover answers is compared with them.
///
/// # Errors
/// [`ProverError`].
pub fn prove(prover: &dyn Prover, statements: &[Statement], openings: Option<&[u8]>) -> Result<Bundle, ProverError> {
    let bundle = prover.prove(statements, openings)?;
    if bundle.statements() == statements { Ok(bundle) } else { Err(ProverError::Other) }
}
