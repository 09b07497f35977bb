//! Prove neural-network inference in zero knowledge and put the proof on Ethereum.

pub mod chain;
pub mod evm;
pub mod proof;
