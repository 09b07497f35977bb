//! What [`crate::fuzzing`] reads of this module.

use super::submission::decode;

/// The standard encoding of the call that the calldata are.
pub(crate) fn calldata(calldata: &[u8]) -> Option<Vec<u8>> {
    decode(calldata).ok().map(|call| call.canonical.to_vec())
}
