//! Readers of foreign bytes that have no public name, for the fuzz targets in `fuzz/`. No part of the API.

use crate::{backend::ezkl, chain::auditor};

/// Reads a worker's answer as the operation's, and its instances as integers: each as it stood there, and as this program
/// writes it. `None` when something is refused.
#[must_use]
pub fn worker_answer(operation: u8, line: &[u8]) -> Option<Vec<[String; 2]>> {
    ezkl::fuzzing::answer(operation, line)
}

/// Reads calldata as the auditor does: the standard encoding of what they say, or `None`.
#[must_use]
pub fn submission(calldata: &[u8]) -> Option<Vec<u8>> {
    auditor::fuzzing::calldata(calldata)
}
