//! Prove neural-network inference in zero knowledge and put the proof on Ethereum.
//!
//! From the bottom up: [`proof`] is what a proof says and how it travels; [`backend`] is what proves; [`evm`] compiles
//! and runs the contracts that verify; [`ezkl`] (also [`pipeline`], its name is historic) leads from a model and an
//! input to a verified [`proof::Bundle`]; [`chain`] posts it and audits what was posted.

pub mod backend;
pub mod chain;
pub mod evm;
pub mod ezkl;
mod failure;
#[doc(hidden)]
pub mod fuzzing;
pub mod model;
pub mod proof;
pub mod storage;

pub use ezkl as pipeline;
pub use failure::FailureClass;
