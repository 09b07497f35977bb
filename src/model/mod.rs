//! Models as users have them: ONNX files, their inputs, and the float answer everything else is compared with.

mod extent;
pub mod graph;
mod input;
mod lower;
#[cfg(all(test, target_os = "linux"))]
mod memory;
pub mod mlp;
pub mod network;
mod onnx;
pub mod quantize;
pub mod synthetic;
#[cfg(test)]
mod tests;
mod trace;

pub use extent::Extent;
pub use input::{Input, InputError, InputForm, InputTensor, Inputs, MAX_INPUT_BYTES, MAX_NUMBERS};
pub use lower::LowerError;
pub use mlp::Mlp;
pub use onnx::{Model, ReadOptions, TensorInfo};
pub use trace::LayerRange;

/// The largest ONNX file that is read, in bytes.
pub const MAX_MODEL_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Why a model or an input was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// What is to be read whole is a folder, a device or a pipe.
    #[error("{path} is no regular file; it is not read")]
    NoFile {
        /// Its name.
        path: String,
    },
    /// The file is larger than the limit.
    #[error("{path} has {bytes} bytes; more than {limit} are not read")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Not an ONNX model, or one that cannot be loaded.
    #[error("this is not an ONNX model that can be loaded: {0}")]
    NotOnnx(String),
    /// A model of ONNX that is not one that can be proven.
    #[error(transparent)]
    Graph(graph::GraphError),
    /// A weight is NaN or infinite. EZKL would silently turn NaN into 0.
    #[error("weight {index} of `{tensor}` is {value}; a model with such weights cannot be proven")]
    NotFinite {
        /// The initializer.
        tensor: String,
        /// Row-major index.
        index: usize,
        /// `NaN` or `inf`.
        value: f32,
    },
    /// The input is not the JSON that is asked for.
    #[error("the input is not `{{\"input_data\": [[number, …], …]}}`: {0}")]
    MalformedInput(String),
    /// A file of inputs was refused.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The input has other tensors or lengths than the model.
    #[error("the input has {found} {unit}, the model takes {expected}")]
    InputLength {
        /// What the model takes.
        expected: usize,
        /// What was given.
        found: usize,
        /// What is counted.
        unit: String,
    },
    /// The model cannot be run.
    #[error("the model cannot be run: {0}")]
    Run(String),
}

impl From<graph::GraphError> for ModelError {
    fn from(error: graph::GraphError) -> Self {
        match error {
            graph::GraphError::NotOnnx(reason) => Self::NotOnnx(reason),
            graph::GraphError::NotFinite { tensor, index, value } => Self::NotFinite { tensor, index, value },
            error => Self::Graph(error),
        }
    }
}

/// As [`read_bounded`], and nothing but a regular file: a pipe without another end would be waited for, a device has no end.
///
/// # Errors
/// Also [`ModelError::NoFile`].
pub(crate) fn read_regular(path: &std::path::Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let name = || path.display().to_string();
    // Looked at before it is opened, since opening a pipe already waits.
    match std::fs::metadata(path) {
        Ok(about) if about.is_file() => read_bounded(path, limit),
        Ok(_) => Err(ModelError::NoFile { path: name() }),
        Err(source) => Err(ModelError::Io { path: name(), source }),
    }
}

/// Reads a file that may not be larger than `limit` bytes.
///
/// # Errors
/// [`ModelError::Io`] or [`ModelError::TooLarge`].
pub(crate) fn read_bounded(path: &std::path::Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    use std::io::Read;
    let io = |source| ModelError::Io { path: path.display().to_string(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    // What a regular file says that it has: no memory is asked for twice. A pipe says 0.
    let expected = file.metadata().map_or(0, |about| about.len()).min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0).saturating_add(1));
    // One byte more than allowed tells a file that is too large, even one that grows or has no size (a pipe).
    file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(ModelError::TooLarge { path: path.display().to_string(), bytes: bytes.len() as u64, limit });
    }
    Ok(bytes)
}
