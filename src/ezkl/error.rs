use crate::{
    FailureClass,
    backend::{ArtifactsError, BackendError},
    evm::EvmError,
    model::ModelError,
    proof::{BundleError, SchemaError},
    storage::StorageError,
};
use alloy::primitives::B256;

/// Why the pipeline gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The model or the input was refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The artifacts cannot be used.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
    /// The verifier contract could not be compiled or run.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// The cache cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The bundle is none.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The public values are not canonical.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Nothing here knows the model.
    #[error(
        "there are no artifacts of model {0} on this machine: give the model with --model FILE.onnx, so that they are built again"
    )]
    UnknownModel(B256),
    /// The bundle does not carry its model's code, and no artifacts have it.
    #[error("the bundle does not carry the code of model {0}, and there are no artifacts of it on this machine")]
    NoModelCode(B256),
    /// No contract of this release verifies such proofs.
    #[error("adapter {0} is none of this release: it verifies native and EZKL proofs")]
    NoAdapter(B256),
    /// The model that was given has another id.
    #[error("the model that was given has id {found}, the statement is about {expected}")]
    OtherModel {
        /// The statement's.
        expected: B256,
        /// The given one's.
        found: B256,
    },
}

impl PipelineError {
    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Backend(error) => error.class(),
            Self::Evm(error) => error.class(),
            Self::Artifacts(_) | Self::Storage(_) => FailureClass::Environment,
            Self::Model(_)
            | Self::Bundle(_)
            | Self::Schema(_)
            | Self::UnknownModel(_)
            | Self::NoModelCode(_)
            | Self::NoAdapter(_)
            | Self::OtherModel { .. } => FailureClass::BadInput,
        }
    }
}
