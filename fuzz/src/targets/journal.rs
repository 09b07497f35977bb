//! The journal of a batch, as a process that died or a stranger left it.

use alloy::primitives::B256;
use std::{fs, path::Path};
use zkinfer::fuzzing;

const BATCH: B256 = B256::repeat_byte(7);
const HEADER: usize = 48;

/// The first byte is 0 and the rest a journal, or 1 and the rest a record's content, whose lengths and hash are made to fit.
pub(super) fn journal(data: &[u8]) -> bool {
    let bytes = match data.split_first() {
        Some((0, file)) => file.to_vec(),
        Some((1, payload)) => sealed(payload),
        _ => return false,
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("journal");
    fs::write(&path, &bytes).expect("a small file");
    let found = fuzzing::journal(&path, BATCH);
    let kept = fs::read(&path).expect("it is there");
    let Some(records) = found else {
        assert_eq!(kept, bytes, "what is refused is left as it is");
        return false;
    };
    // Less is a header or a record that was cut off.
    let (shorter, longer) = if bytes.len() < HEADER { (&bytes, &kept) } else { (&kept, &bytes) };
    assert!(longer.starts_with(shorter), "nothing is lost but what was cut off");
    assert!(kept.len() >= HEADER, "a journal has a header");
    let again = |path: &Path| fuzzing::journal(path, BATCH).expect("what was read is read again");
    assert_eq!(again(&path), records);
    let Some(first) = records.first() else { return true };
    assert!(fuzzing::append_to_journal(&path, BATCH, first), "what was read can be written");
    assert_eq!(again(&path), [&records[..], &records[..1]].concat(), "and means the same");
    true
}

fn sealed(payload: &[u8]) -> Vec<u8> {
    let size = payload.len() as u64;
    let mut bytes = [b"zkinfer journal1", &BATCH[..]].concat();
    bytes.extend(size.to_be_bytes());
    bytes.extend((!size).to_be_bytes());
    bytes.extend(blake3::hash(payload).as_bytes());
    bytes.extend(payload);
    bytes
}
