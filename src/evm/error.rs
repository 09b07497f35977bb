use super::{Refusal, ToolKind};
use crate::FailureClass;
use alloy::primitives::Bytes;
use std::path::PathBuf;

/// Why something in [`crate::evm`] failed. Never a verdict about a proof: those are [`crate::proof::Verdict`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvmError {
    /// An external tool is nowhere to be found.
    #[error("{tool} was not found ({searched}); {}", tool.remedy())]
    ToolMissing {
        /// Which one.
        tool: ToolKind,
        /// Where it was looked for.
        searched: String,
    },
    /// An external tool is there and does not run.
    #[error("{tool} at {path} does not run: {reason}; {}", tool.remedy())]
    ToolBroken {
        /// Which one.
        tool: ToolKind,
        /// The file that was tried.
        path: PathBuf,
        /// What it answered.
        reason: String,
    },
    /// An external tool has another version than the one that everything here is measured with.
    #[error("{tool} at {path} is version {found}, but {expected} is needed; {}", tool.remedy())]
    ToolVersion {
        /// Which one.
        tool: ToolKind,
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The version that is needed.
        expected: String,
    },
    /// The Solidity source is longer than any generated verifier.
    #[error(
        "the Solidity source has {size} bytes, more than the {limit} that are compiled; it is no generated verifier"
    )]
    SourceTooLarge {
        /// Its length in bytes.
        size: usize,
        /// The most that is read.
        limit: usize,
    },
    /// The source imports other files; a generated verifier stands alone.
    #[error("the Solidity source imports other files; only self-contained sources are compiled, so flatten it first")]
    ImportsRefused,
    /// The compiler refused the source.
    #[error("the Solidity source does not compile:\n{diagnostics}")]
    Compile {
        /// What solc said.
        diagnostics: String,
    },
    /// There is not exactly one contract that could be meant.
    #[error("the Solidity source has no single deployable contract{wanted}; it has: {found}")]
    ContractNotFound {
        /// Empty, or ` named X`.
        wanted: String,
        /// The deployable contracts, comma-separated.
        found: String,
    },
    /// A contract whose runtime code is not known before it is deployed.
    #[error("contract {contract} is not deployable as it is: {reason}")]
    NotSelfContained {
        /// Its name.
        contract: String,
        /// Unlinked libraries or immutables.
        reason: &'static str,
    },
    /// EIP-170: no chain deploys it.
    #[error(
        "contract {contract} has {size} bytes of code, over the {limit} bytes that Ethereum deploys (EIP-170); \
         make the circuit smaller: fewer inner columns, or more rows per block"
    )]
    ContractTooLarge {
        /// Its name.
        contract: String,
        /// Its runtime size in bytes.
        size: usize,
        /// [`super::compile::MAX_RUNTIME_BYTES`].
        limit: usize,
    },
    /// An account with no code was to be called.
    #[error("there is no code to run: the {what} is empty")]
    NoCode {
        /// What was to be run.
        what: &'static str,
    },
    /// Code that is no bytecode: EIP-7702 designators and the like.
    #[error("the code of the {what} is not plain EVM bytecode: {reason}")]
    BadCode {
        /// What it was given as.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The call was refused before it ran, mostly because its calldata alone costs more than a transaction may use.
    #[error("the call cannot be made in one transaction: {0}")]
    NotExecutable(String),
    /// The call ended by an exception: no verdict can be read from it.
    #[error(
        "the contract stopped without a verdict ({reason}) after {gas} gas; it does not fit one transaction or is broken"
    )]
    Halted {
        /// The exception's name.
        reason: String,
        /// Gas used, as a transaction.
        gas: u64,
    },
    /// The call reverted with a reason that is not about the proof.
    #[error(transparent)]
    Refused {
        /// The decoded reason.
        #[from]
        refusal: Refusal,
    },
    /// The call returned something that no verifier returns.
    #[error("the contract returned {0}, which no verifier returns; it is not the contract that was expected")]
    UnexpectedReturn(Bytes),
    /// A committed artifact is damaged. Tests exclude this.
    #[error("the embedded artifact of {contract} is damaged: {reason}")]
    Artifact {
        /// Which one.
        contract: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl EvmError {
    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::ToolMissing { .. } | Self::ToolBroken { .. } | Self::ToolVersion { .. } => FailureClass::Environment,
            Self::Refused { refusal } => refusal.class(),
            Self::Artifact { .. } => FailureClass::Internal,
            _ => FailureClass::BadInput,
        }
    }
}
