use super::answer::Outputs;
use crate::{
    FailureClass,
    backend::{ArtifactsError, BackendError},
    chain::ChainError,
    evm::EvmError,
    model::ModelError,
    proof::{BundleError, SchemaError, StructureError, bundle::BackendName},
    storage::{StorageError, StoreError},
};
use alloy::primitives::B256;

/// Why the pipeline gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A model that hides tensors, where what opens them would be lost.
    #[error(
        "this model hides inputs or outputs: prove it where the openings are returned, not in a batch with a journal"
    )]
    HiddenTensors,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Randomness,
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
    #[error("{}", no_adapter(*.0))]
    NoAdapter(B256),
    /// The model that was given has another id.
    #[error("the model that was given has id {found}, the statement is about {expected}")]
    OtherModel {
        /// The statement's.
        expected: B256,
        /// The given one's.
        found: B256,
    },
    /// The bundles make no structure.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// A request that cannot be meant.
    #[error("`{field}` {reason}")]
    InvalidInput {
        /// Which part of the request, such as `model` or `input[0]`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// One of several requests is to blame.
    #[error("request {index}: {source}")]
    Request {
        /// Its place.
        index: usize,
        /// What is wrong.
        source: Box<PipelineError>,
    },
    /// The caller cancelled.
    #[error("{what} was cancelled")]
    Cancelled {
        /// What.
        what: &'static str,
    },
    /// The SRS file that was asked for is not there or cannot be read.
    #[error("the SRS {path} cannot be read: {source}")]
    MissingSrs {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// An accelerator that is not there was asked for. Nothing falls back silently.
    #[error("there is no accelerator `{asked}` here; {backend} has: {}", listed(available))]
    AcceleratorAbsent {
        /// As asked for.
        asked: String,
        /// Which backend was asked.
        backend: BackendName,
        /// What it has; the CPU is always there.
        available: Vec<String>,
    },
    /// The model has operators that the backend cannot prove.
    #[error("{backend} cannot prove these operators: {} ({reason})", operators.join(", "))]
    UnsupportedOperators {
        /// Which backend.
        backend: BackendName,
        /// All of them, sorted.
        operators: Vec<String>,
        /// What the backend said.
        reason: String,
    },
    /// The circuit's answer is not the floating-point model's. Nothing was proven.
    #[error(
        "the circuit's answer is not the model's, and is not proven: {objection}. Quantize the model with samples of such inputs \
         (--calibration), give a perceptron weights of 16 bits (--precise), or admit more (--max-error, --numbers)"
    )]
    OtherAnswer {
        /// What differs.
        objection: String,
        /// Both answers.
        outputs: Box<Outputs>,
    },
    /// The circuit has more constraints than were allowed.
    #[error("the circuit has {constraints} constraints; at most {limit} are allowed")]
    CircuitTooLarge {
        /// What it has.
        constraints: u64,
        /// The limit.
        limit: u64,
    },
    /// No circuit was found whose verifier can be deployed.
    #[error(
        "the verifier contract that {backend} generates for this model has {} of code, and the chain deploys at most {limit} \
         (EIP-170). What makes it smaller: --optimize gas; --batch 1; a model with fewer different functions (each is a lookup), or \
         fewer inputs and outputs. With --backend native, where it can prove the model, one contract verifies all models",
        sizes_text(sizes)
    )]
    VerifierTooLarge {
        /// Whose.
        backend: BackendName,
        /// What came out, in the order of the attempts.
        sizes: Vec<usize>,
        /// What is deployed.
        limit: usize,
    },
    /// The queue is full.
    #[error("the queue holds its {capacity} requests; wait until some are done")]
    QueueFull {
        /// Its bound.
        capacity: usize,
    },
    /// A proof takes more memory than is allowed.
    #[error("a proof of this model takes {needed_kb} kB of memory; at most {limit_kb} kB are allowed")]
    MemoryLimit {
        /// Predicted or measured.
        needed_kb: u64,
        /// The limit.
        limit_kb: u64,
    },
    /// The journal is not one of this batch, is in use, or is damaged.
    #[error("the journal {path} {problem}")]
    Journal {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A content store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stored artifacts are not what they should be.
    #[error("stored artifacts: {0}")]
    Remote(String),
    /// What is meant for chains was asked of a bundle of the mock backend.
    #[error("MOCK: a bundle of the mock backend proves nothing and goes to no chain")]
    Mock,
    /// The chain gave no answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

fn listed(available: &[String]) -> String {
    available.join(", ")
}

fn no_adapter(adapter: B256) -> String {
    if adapter.is_zero() {
        return "this release puts no proofs of this model on a chain: its SRS is none that a contract has points of, it needs \
                more of them than the contract has, or verifying it takes more gas than a transaction has. Prove and verify \
                it off-chain"
            .into();
    }
    format!("adapter {adapter} is none of this release: it verifies native and EZKL proofs")
}

impl PipelineError {
    /// For a request's field.
    pub(super) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidInput { field: field.into(), reason: reason.into() }
    }

    /// The circuit's answer beside the model's, where it is refused because they are not the same.
    #[must_use]
    pub fn other_answer(&self) -> Option<&Outputs> {
        match self {
            Self::OtherAnswer { outputs, .. } => Some(outputs),
            Self::Request { source, .. } => source.other_answer(),
            _ => None,
        }
    }

    /// Whether the caller stopped it.
    #[must_use]
    pub const fn is_cancellation(&self) -> bool {
        match self {
            Self::Request { source, .. } => source.is_cancellation(),
            error => matches!(error, Self::Cancelled { .. } | Self::Backend(BackendError::Cancelled { .. })),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Backend(error) => error.class(),
            Self::Evm(error) => error.class(),
            Self::Chain(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Request { source, .. } => source.class(),
            Self::Artifacts(error) => error.class(),
            Self::Storage(_)
            | Self::Cancelled { .. }
            | Self::MissingSrs { .. }
            | Self::AcceleratorAbsent { .. }
            | Self::QueueFull { .. }
            | Self::MemoryLimit { .. }
            | Self::Journal { .. }
            | Self::Randomness
            | Self::Remote(_) => FailureClass::Environment,
            Self::Model(_)
            | Self::Bundle(_)
            | Self::Schema(_)
            | Self::Structure(_)
            | Self::InvalidInput { .. }
            | Self::UnsupportedOperators { .. }
            | Self::CircuitTooLarge { .. }
            | Self::VerifierTooLarge { .. }
            | Self::OtherAnswer { .. }
            | Self::HiddenTensors
            | Self::Mock
            | Self::UnknownModel(_)
            | Self::NoModelCode(_)
            | Self::NoAdapter(_)
            | Self::OtherModel { .. } => FailureClass::BadInput,
        }
    }
}

/// What came out first, and what came of further attempts.
fn sizes_text(sizes: &[usize]) -> String {
    match sizes {
        [] => "too many bytes".into(),
        [only] => format!("{only} bytes"),
        [first, others @ ..] => {
            let others = others.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
            format!("{first} bytes (with other parameters {others})")
        }
    }
}
