//! Prove neural-network inference in zero knowledge and put the proof on Ethereum.
//!
//! From the bottom up: [`proof`] is what a proof says and how it travels; [`backend`] is what proves; [`evm`] compiles
//! and runs the contracts that verify; [`ezkl`] (also [`pipeline`], its name is historic) leads from a model and an
//! input to a verified [`proof::Bundle`]; [`inference`] answers with a model and proves the answers; [`chain`] posts a
//! claim and audits what was posted; [`storage`] keeps what is made and what travels, and [`index`] finds it again.

pub mod backend;
pub mod chain;
pub mod evm;
pub mod ezkl;
mod failure;
#[doc(hidden)]
pub mod fuzzing;
pub mod index;
pub mod inference;
pub mod model;
mod net;
pub mod proof;
pub mod storage;

pub use ezkl as pipeline;
pub use failure::FailureClass;
