//! Readers of foreign bytes that have no public name, for the fuzz targets in `fuzz/`. No part of the API.

use crate::{
    backend::ezkl,
    chain::auditor,
    ezkl::batch_proofs,
    proof::Bundle,
    storage::{ContentAddress, StoreError, s5},
};
use alloy::primitives::B256;
use std::path::Path;

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

/// Opens a batch's journal: the records' items, each with its statement, and bundles. `None` when it is refused.
#[must_use]
pub fn journal(path: &Path, batch: B256) -> Option<Vec<(Vec<(usize, usize)>, Bundle)>> {
    batch_proofs::fuzzing::journal(path, batch)
}

/// Opens a batch's journal and adds a record; whether that was possible.
#[must_use]
pub fn append_to_journal(path: &Path, batch: B256, record: &(Vec<(usize, usize)>, Bundle)) -> bool {
    batch_proofs::fuzzing::append(path, batch, record)
}

/// What is made of something that an S5 node says: 0 where to upload, 1 where a redirect leads, 2 how much the node has of
/// an upload of `address`, 3 a refusal (status and words); or 4 of a node's address that a user gives. `None` when no HTTP
/// answer can say it.
#[must_use]
pub fn s5_answer(kind: u8, bytes: &[u8], address: &ContentAddress) -> Option<Result<String, StoreError>> {
    s5::fuzzing::answer(kind, bytes, address)
}
