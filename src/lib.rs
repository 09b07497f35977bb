//! Prove neural-network inference in zero knowledge and put the proof on Ethereum.

pub mod backend;
pub mod chain;
pub mod evm;
pub mod model;
pub mod proof;
pub mod storage;
