use zkinfer::{
    FailureClass,
    backend::{BackendError, ezkl::SrsStoreError},
    chain::ChainError,
    evm::EvmError,
    index::IndexError,
    model::ModelError,
    pipeline::{PipelineError, answer::Outputs},
    proof::BundleError,
    storage::StorageError,
};

/// Why a command failed: an error of the library, or one of the command line's own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Srs(#[from] SrsStoreError),
    /// One of several inputs is to blame.
    #[error("{name}: {source}")]
    Named { name: String, source: Box<PipelineError> },
    /// What was asked for makes no sense, or a file is not what it should be.
    #[error("{0}")]
    Input(String),
    /// The machine lacks something.
    #[error("{0}")]
    Environment(String),
    /// What was to be relied on is not true.
    #[error("{0}")]
    Invalid(String),
    /// Two verifiers contradict each other: a defect, with what a report of it needs.
    #[error("{0}")]
    Disagreement(String),
    /// A defect: what must hold does not.
    #[error("{0}; this is a defect of zkinfer: please report it")]
    Internal(String),
}

impl Failure {
    pub(crate) const fn class(&self) -> FailureClass {
        match self {
            Self::Pipeline(error) => error.class(),
            Self::Named { source, .. } => source.class(),
            Self::Chain(error) => error.class(),
            Self::Index(error) => error.class(),
            Self::Srs(error) => error.class(),
            Self::Invalid(_) => FailureClass::Invalid,
            Self::Input(_) => FailureClass::BadInput,
            Self::Environment(_) => FailureClass::Environment,
            Self::Disagreement(_) | Self::Internal(_) => FailureClass::Internal,
        }
    }

    /// The answer that was refused because it is not the model's.
    pub(crate) fn other_answer(&self) -> Option<&Outputs> {
        match self {
            Self::Pipeline(error) => error.other_answer(),
            Self::Named { source, .. } => source.other_answer(),
            _ => None,
        }
    }

    pub(crate) const fn exit_code(&self) -> u8 {
        match self.class() {
            FailureClass::Invalid => 1,
            FailureClass::BadInput => 2,
            FailureClass::Environment => 3,
            FailureClass::Internal => 4,
        }
    }
}

macro_rules! through_pipeline {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Pipeline(error.into())
            }
        }
    )*};
}

through_pipeline!(BackendError, EvmError, ModelError, BundleError, StorageError);
