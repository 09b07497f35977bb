//! What [`crate::fuzzing`] reads of this module.

use super::journal::Journal;
use crate::fuzzing::JournalRecord;
use alloy::primitives::B256;
use std::path::Path;

pub(crate) fn journal(path: &Path, batch: B256) -> Option<Vec<JournalRecord>> {
    let (_journal, records) = Journal::open(path, batch).ok()?;
    Some(records.into_iter().map(|record| (record.items, record.bundle)).collect())
}

pub(crate) fn append(path: &Path, batch: B256, (items, bundle): &JournalRecord) -> bool {
    Journal::open(path, batch).is_ok_and(|(mut journal, _)| journal.append(bundle, items).is_ok())
}
