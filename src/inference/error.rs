use crate::{FailureClass, backend::BackendError, ezkl::PipelineError};

/// Why there is no answer, or no proof of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// The pipeline failed.
    #[error(transparent)]
    Pipeline(PipelineError),
    /// The engine was set up in a way that cannot be.
    #[error("the engine cannot be set up: {0}")]
    Options(String),
    /// The circuit's answer is further from the floating-point model's than is admitted.
    #[error(
        "the circuit answers {circuit} where the floating-point model answers {float} (`{tensor}`, number {index}); the \
         difference may be at most {limit}. Quantize the model with samples of such inputs, or admit more"
    )]
    TooFar {
        /// The output.
        tensor: String,
        /// Row-major index in it.
        index: usize,
        /// What the circuit says.
        circuit: f64,
        /// What the floating-point model says.
        float: f32,
        /// What is admitted.
        limit: f64,
    },
    /// The schema hides an output, so that the public values do not hold the answer.
    #[error("output `{tensor}` is committed, and nothing opens it: an answer cannot be read")]
    HiddenOutput {
        /// The output.
        tensor: String,
    },
    /// The artifacts have other outputs than the model.
    #[error(
        "the circuit has outputs of {circuit:?} numbers, the floating-point model of {float:?}; build the artifacts again"
    )]
    OtherOutputs {
        /// Numbers per output of the circuit.
        circuit: Vec<usize>,
        /// Numbers per output of the model.
        float: Vec<usize>,
    },
    /// Too many proofs are in the making.
    #[error(
        "{limit} proofs are in the making in the background, and no more are admitted: wait for one, or cancel one"
    )]
    Busy {
        /// How many are admitted.
        limit: usize,
    },
    /// The proof was cancelled.
    #[error("the proof was cancelled")]
    Cancelled,
    /// A defect in the backend or below it. The engine goes on.
    #[error("the proof ended with a panic ({0}); this is a defect of zkinfer: please report it")]
    Panicked(String),
    /// The system gives no more threads.
    #[error("no thread for a proof in the background: {0}")]
    NoThread(std::io::Error),
}

impl InferenceError {
    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Pipeline(error) => error.class(),
            Self::TooFar { .. } | Self::HiddenOutput { .. } | Self::Options(_) => FailureClass::BadInput,
            Self::OtherOutputs { .. } | Self::Panicked(_) => FailureClass::Internal,
            Self::Busy { .. } | Self::Cancelled | Self::NoThread(_) => FailureClass::Environment,
        }
    }
}

impl From<PipelineError> for InferenceError {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Backend(BackendError::Cancelled { .. }) => Self::Cancelled,
            error => Self::Pipeline(error),
        }
    }
}
