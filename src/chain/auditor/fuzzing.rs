//! What [`crate::fuzzing`] reads of this module.

use super::submission::read_call;
use alloy::sol_types::SolCall;

/// The standard encoding of the call that the calldata are.
pub(crate) fn calldata(calldata: &[u8]) -> Option<Vec<u8>> {
    read_call(calldata).ok().map(|call| call.abi_encode())
}
