use crate::chain::{
    ChainError,
    submitter::{JournalError, keeping::KeepError, prover::ProverError},
};
use std::path::Path;

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// It never will be.
    #[error("{0}")]
    Refused(String),
    /// The folder cannot be used.
    #[error("{0}")]
    Io(String),
    /// What it needs cannot be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// It cannot be proven.
    #[error(transparent)]
    Prover(#[from] ProverError),
    /// The chain does not take it, or cannot be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl IntakeError {
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Io(format!("{}: {error}", path.display()))
    }

    /// Whether trying again changes nothing.
    pub(super) const fn is_for_ever(&self) -> bool {
        matches!(
            self,
            Self::Refused(_)
                | Self::Prover(
                    ProverError::Untrue | ProverError::NoOpenings | ProverError::BadProof(_) | ProverError::Other
                )
                | Self::Keep(
                    KeepError::NoAnswer(ProverError::Untrue | ProverError::NoOpenings | ProverError::BadProof(_))
                        | KeepError::NotOpened
                        | KeepError::NoChain
                )
                | Self::Chain(ChainError::WrongContext(_))
        )
    }
}
