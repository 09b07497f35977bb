//! Errors of the command line. They travel as [`anyhow::Error`], with context where one of several things is to blame; the exit
//! code is that of the first typed error in the chain. What commands are made of returns [`Failure`]: its variants are the typed
//! errors that there are, so that no error comes to a command without an exit code of its own.

use std::error::Error;
use zkinfer::{
    FailureClass,
    backend::{BackendError, ezkl::SrsStoreError},
    chain::{ChainError, submitter::JournalError},
    evm::EvmError,
    index::IndexError,
    inference::text::TextError,
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
    #[error(transparent)]
    Text(TextError),
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
            Self::Chain(error) => error.class(),
            Self::Index(error) => error.class(),
            Self::Srs(error) => error.class(),
            Self::Text(error) => error.class(),
            Self::Invalid(_) => FailureClass::Invalid,
            Self::Input(_) => FailureClass::BadInput,
            Self::Environment(_) => FailureClass::Environment,
            Self::Disagreement(_) | Self::Internal(_) => FailureClass::Internal,
        }
    }
}

/// The class of an error of the library, or of the command line's own.
fn class_of(cause: &(dyn Error + 'static)) -> Option<FailureClass> {
    let failure = || cause.downcast_ref::<Failure>().map(Failure::class);
    let pipeline = || cause.downcast_ref::<PipelineError>().map(PipelineError::class);
    let chain = || cause.downcast_ref::<ChainError>().map(ChainError::class);
    let index = || cause.downcast_ref::<IndexError>().map(IndexError::class);
    let srs = || cause.downcast_ref::<SrsStoreError>().map(SrsStoreError::class);
    let backend = || cause.downcast_ref::<BackendError>().map(BackendError::class);
    let evm = || cause.downcast_ref::<EvmError>().map(EvmError::class);
    let input = || (cause.is::<ModelError>() || cause.is::<BundleError>()).then_some(FailureClass::BadInput);
    let storage = || cause.is::<StorageError>().then_some(FailureClass::Environment);
    failure()
        .or_else(pipeline)
        .or_else(chain)
        .or_else(index)
        .or_else(srs)
        .or_else(backend)
        .or_else(evm)
        .or_else(input)
        .or_else(storage)
}

/// Whose fault an error is: what its first typed cause says. One that has none is a defect.
pub(crate) fn class(error: &anyhow::Error) -> FailureClass {
    error.chain().find_map(class_of).unwrap_or(FailureClass::Internal)
}

/// The context, then what the typed error says: that tells of its own causes.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut parts = Vec::new();
    for cause in error.chain() {
        parts.push(cause.to_string());
        if class_of(cause).is_some() {
            break;
        }
    }
    parts.join(": ")
}

/// The answer that was refused because it is not the model's.
pub(crate) fn other_answer(error: &anyhow::Error) -> Option<&Outputs> {
    error.chain().find_map(|cause| match cause.downcast_ref::<Failure>() {
        Some(Failure::Pipeline(error)) => error.other_answer(),
        _ => cause.downcast_ref::<PipelineError>().and_then(PipelineError::other_answer),
    })
}

pub(crate) const fn exit_code(class: FailureClass) -> u8 {
    match class {
        FailureClass::Invalid => 1,
        FailureClass::BadInput => 2,
        FailureClass::Environment => 3,
        FailureClass::Internal => 4,
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

impl From<TextError> for Failure {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Pipeline(error) => Self::Pipeline(error),
            TextError::Model(error) => error.into(),
            error => Self::Text(error),
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::Chain(error.into())
    }
}

through_pipeline!(BackendError, EvmError, ModelError, BundleError, StorageError);

#[cfg(test)]
mod tests {
    use super::*;

    /// Context changes neither the exit code nor what is said below it.
    #[test]
    fn the_class_is_that_of_the_typed_error_whatever_stands_around_it() {
        let unknown = || PipelineError::UnknownModel(alloy::primitives::B256::ZERO);
        let storage = || StorageError::NoDirectory;
        for (error, expected) in [
            (anyhow::Error::new(Failure::Invalid("no".into())), FailureClass::Invalid),
            (anyhow::Error::new(Failure::from(unknown())), FailureClass::BadInput),
            (anyhow::Error::new(unknown()), FailureClass::BadInput),
            (anyhow::Error::new(storage()), FailureClass::Environment),
            (anyhow::Error::new(PipelineError::from(storage())), FailureClass::Environment),
            (anyhow::anyhow!("untyped"), FailureClass::Internal),
        ] {
            let plain = sentence(&error);
            let error = error.context("b.json").context("input 2");
            assert_eq!((class(&error), sentence(&error)), (expected, format!("input 2: b.json: {plain}")));
        }
    }
}
