//! What [`crate::fuzzing`] reads of this module.

use super::journal::Journal;
use crate::proof::Bundle;
use alloy::primitives::B256;
use std::path::Path;

/// A record's items, each with its statement, and its bundle.
type Entry = (Vec<(usize, usize)>, Bundle);

pub(crate) fn journal(path: &Path, batch: B256) -> Option<Vec<Entry>> {
    let (_journal, records) = Journal::open(path, batch).ok()?;
    Some(records.into_iter().map(|record| (record.items, record.bundle)).collect())
}

pub(crate) fn append(path: &Path, batch: B256, (items, bundle): &Entry) -> bool {
    Journal::open(path, batch).is_ok_and(|(mut journal, _)| journal.append(bundle, items).is_ok())
}
