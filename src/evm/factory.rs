//! Where the usual factory puts a contract: the same place on every chain.

use alloy::primitives::{Address, B256, address, keccak256};

/// The deterministic deployment proxy: it creates what follows 32 bytes of salt, and is there on most chains.
pub const FACTORY: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
/// Of all contracts: they have no owner and no parameters, so that there is no reason for a second one of the same code.
pub const SALT: B256 = B256::ZERO;

/// Where the factory puts what this creation code, with its arguments, creates.
#[must_use]
pub fn place_of(creation: &[u8]) -> Address {
    FACTORY.create2(SALT, keccak256(creation))
}
