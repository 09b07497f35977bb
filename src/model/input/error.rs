//! Why a file is no input.

use super::form::InputTensor;

/// Why an input was refused. Every message names what is wrong and what is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A file's content was refused.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: Box<InputError>,
    },
    /// The JSON is not what is asked for.
    #[error("the input is not `{{\"input_data\": [[number, …], …]}}`: {0}")]
    Json(String),
    /// A file of another format cannot be read.
    #[error("this is no {format} that can be read: {reason}")]
    Format {
        /// `.npy`, `.npz` or CSV.
        format: &'static str,
        /// What is in the way.
        reason: String,
    },
    /// The file has other tensors than the model.
    #[error("the input has {found}; the model takes {expected}")]
    Tensors {
        /// The model's, with shapes.
        expected: String,
        /// What was found.
        found: String,
    },
    /// One tensor does not fit.
    #[error("the input `{tensor}` ({kind}) {reason}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// Elements and shape that the model takes.
        kind: String,
        /// What is in the way.
        reason: String,
    },
    /// There is more than is read.
    #[error("the input has more than {limit} {unit}, which are not read")]
    TooMuch {
        /// The limit.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
}

impl InputError {
    pub(super) fn tensor(tensor: &InputTensor, reason: impl Into<String>) -> Self {
        Self::Tensor { tensor: tensor.info.name.clone(), kind: tensor.kind(), reason: reason.into() }
    }
}
