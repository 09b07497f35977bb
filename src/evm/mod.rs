//! Solidity verifiers without a chain: the external tools, compilation, the committed contracts and the embedded EVM.
//!
//! Nothing here opens a network connection.

pub mod artifacts;
pub mod bindings;
pub mod compile;
pub mod embedded;
mod error;
pub mod factory;
pub mod key_object;
mod refusal;
mod run;
pub mod toolchain;
pub mod verify;

pub use compile::{CompiledContract, Compiler};
pub use embedded::{Call, EmbeddedEvm, Gas, Outcome};
pub use error::EvmError;
pub use key_object::{KeyObject, Page};
pub use refusal::{ClaimRefusal, Refusal};
pub use toolchain::{Tool, ToolKind, Toolchain};
pub use verify::{Contracts, EvmVerification, verify_batch_through_adapter, verify_ezkl, verify_through_adapter};
