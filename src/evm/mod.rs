//! Solidity verifiers without a chain: the external tools, compilation, the committed contracts and the embedded EVM.
//!
//! Nothing here opens a network connection.

pub mod artifacts;
pub mod bindings;
pub mod compile;
pub mod embedded;
mod error;
mod refusal;
mod run;
pub mod toolchain;
pub mod verify;

pub use compile::{CompiledContract, Compiler};
pub use embedded::{Call, EmbeddedEvm, Gas, Outcome};
pub use error::EvmError;
pub use refusal::{ClaimRefusal, Refusal};
pub use toolchain::{Tool, ToolKind, Toolchain};
pub use verify::{EvmVerification, verify_batch_through_adapter, verify_ezkl, verify_through_adapter};
