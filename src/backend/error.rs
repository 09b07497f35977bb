use super::{ArtifactsError, ezkl::EzklError};
use crate::{FailureClass, model::ModelError, proof::SchemaError, storage::StorageError};
use std::time::Duration;

/// Why a backend gave no result. An invalid proof is a [`crate::proof::Verdict`], never an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The backend is not installed, or not the version this release drives.
    #[error("{backend} is not ready: {problem}. {hint}")]
    NotInstalled {
        /// Which backend.
        backend: &'static str,
        /// What is missing.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// The model cannot be proven by this backend.
    #[error("this model cannot be proven by {backend}: {reason}")]
    Unsupported {
        /// Which backend.
        backend: &'static str,
        /// Why.
        reason: String,
    },
    /// An input, or a value it leads to, is larger than the circuit admits.
    #[error("the input leads outside the range that the circuit admits: {0}")]
    OutOfDomain(String),
    /// Nothing to prove, or more statements than one proof of this backend is about.
    #[error("one proof is about 1 to {max} statements, and {items} were given")]
    BatchSize {
        /// How many were given.
        items: usize,
        /// [`super::Capabilities::max_batch`].
        max: usize,
    },
    /// The model or the input was refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The circuit's public values do not fit their schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The artifacts are damaged or of another version.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
    /// A witness of another backend.
    #[error("the witness was made by another backend")]
    ForeignWitness,
    /// The prover returned a proof that its own verifier refuses.
    #[error(
        "the proof that was made does not verify ({reason}); the artifacts may be damaged: delete them and build them again"
    )]
    UnsoundProof {
        /// What the verifier said.
        reason: String,
    },
    /// EZKL failed, in a way that is known.
    #[error(transparent)]
    Ezkl(#[from] EzklError),
    /// The backend reported a failure that has no variant of its own.
    #[error("{backend} failed at {operation}: {message}")]
    Failed {
        /// Which backend.
        backend: &'static str,
        /// What it was doing.
        operation: String,
        /// What it said.
        message: String,
    },
    /// The backend's process died or broke its protocol.
    #[error("the {backend} worker process {what} during {operation}{detail}")]
    Worker {
        /// Which backend.
        backend: &'static str,
        /// What happened, as a verb in the past.
        what: String,
        /// What it was doing.
        operation: String,
        /// The last lines it printed, if any.
        detail: String,
    },
    /// The time limit ran out; the process was killed.
    #[error("{operation} took longer than {limit:?} and was stopped")]
    TimedOut {
        /// What it was doing.
        operation: String,
        /// The limit.
        limit: Duration,
    },
    /// The backend's process used more memory than it may; it was killed.
    #[error("{operation} used {measured_kb} kB of memory and was stopped: the limit is {limit_kb} kB")]
    MemoryLimit {
        /// What it was doing.
        operation: String,
        /// The limit.
        limit_kb: u64,
        /// The resident set that was measured.
        measured_kb: u64,
    },
    /// A proof would take more memory than there is: nothing was begun.
    #[error(
        "{backend} is expected to take {needed_mb} MB of memory for a proof of this model, and {available_mb} MB are free"
    )]
    Memory {
        /// Which backend.
        backend: &'static str,
        /// What is predicted.
        needed_mb: u64,
        /// What the system, or a limit that was set, leaves.
        available_mb: u64,
    },
    /// Every worker is at work, and as many requests wait as may.
    #[error("{backend} is busy: {waiting} requests wait already. Try again later, or allow more workers")]
    Busy {
        /// Which backend.
        backend: &'static str,
        /// The requests that wait.
        waiting: usize,
    },
    /// The caller cancelled.
    #[error("{operation} was cancelled")]
    Cancelled {
        /// What it was doing.
        operation: String,
    },
    /// The file with the powers of tau cannot be used: not one, damaged, or too small for the model.
    #[error("the SRS in {path} cannot be used: {reason}")]
    Srs {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file with the powers of tau is whole, and its points are not the powers of one tau: the copy is damaged, or somebody
    /// contributed in place.
    #[error("the SRS in {path} cannot be used: {reason}")]
    DamagedSrs {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl BackendError {
    /// For `map_err` on file operations.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { path, source }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Ezkl(error) => error.class(),
            Self::NotInstalled { .. }
            | Self::Worker { .. }
            | Self::TimedOut { .. }
            | Self::MemoryLimit { .. }
            | Self::Memory { .. }
            | Self::Busy { .. }
            | Self::Cancelled { .. }
            | Self::Io { .. }
            | Self::DamagedSrs { .. }
            | Self::Storage(_) => FailureClass::Environment,
            Self::Artifacts(error) => error.class(),
            Self::ForeignWitness | Self::Failed { .. } | Self::UnsoundProof { .. } => FailureClass::Internal,
            Self::Unsupported { .. }
            | Self::OutOfDomain(_)
            | Self::BatchSize { .. }
            | Self::Srs { .. }
            | Self::Model(_)
            | Self::Schema(_) => FailureClass::BadInput,
        }
    }
}
