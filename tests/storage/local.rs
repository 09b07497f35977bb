//! The directory store: damage, limits, crashes.

use crate::contract::content;
use std::{fs, path::PathBuf};
use zkinfer::{
    FailureClass,
    storage::{ContentAddress, ContentStore, LocalStore, StoreError},
};

fn object(root: &std::path::Path, address: &ContentAddress) -> PathBuf {
    let hex = address.blake3_hex();
    root.join("objects").join(&hex[..2]).join(&hex[2..])
}

#[test]
fn damage_is_noticed_at_every_read_and_mended_by_storing_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::at(dir.path().into());
    let content = content(100_000, 1);
    let address = store.put(&content).unwrap();
    let path = object(dir.path(), &address);
    let mut changed = content.clone();
    changed[70_000] ^= 1;
    for damaged in [changed, content[..99_999].to_vec(), [&content[..], b"x"].concat(), vec![]] {
        fs::write(&path, &damaged).unwrap();
        let to = dir.path().join("to");
        for error in [store.get(&address).unwrap_err(), store.get_file(&address, &to).unwrap_err()] {
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
            assert_eq!(error.class(), FailureClass::Environment);
        }
        assert!(!to.exists());
        store.put(&content).unwrap();
        assert_eq!(store.get(&address).unwrap(), content);
    }
}

#[test]
fn a_full_store_says_so_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::at(dir.path().into()).with_limit(1000);
    let first = store.put(&content(600, 1)).unwrap();
    let file = dir.path().join("file");
    fs::write(&file, content(401, 2)).unwrap();
    for error in [store.put(&content(401, 2)).unwrap_err(), store.put_file(&file).unwrap_err()] {
        assert!(matches!(error, StoreError::Full { used: 600, limit: 1000, needed: 401, .. }), "{error}");
    }
    assert!(matches!(store.put(&content(1001, 3)), Err(StoreError::Full { needed: 1001, .. })));
    store.put(&content(400, 2)).unwrap();
    // What is there already takes no room.
    store.put(&content(600, 1)).unwrap();
    assert_eq!(store.used().unwrap(), 1000);
    assert!(store.delete(&first).unwrap());
    store.put(&content(600, 4)).unwrap();
}

/// What cannot fit at all is not written first: the disk may be full, too.
#[test]
fn nothing_is_written_of_what_is_larger_than_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let store = LocalStore::at(root.clone()).with_limit(1000);
    let file = dir.path().join("file");
    fs::write(&file, content(1001, 1)).unwrap();
    for error in [store.put(&content(1001, 1)).unwrap_err(), store.put_file(&file).unwrap_err()] {
        assert!(matches!(error, StoreError::Full { used: 0, needed: 1001, .. }), "{error}");
    }
    assert!(!root.exists());
}

/// What a killed process leaves behind is no object.
#[test]
fn half_written_objects_are_never_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::at(dir.path().into());
    let content = content(5000, 9);
    let address = ContentAddress::of(&content);
    fs::create_dir_all(dir.path().join("staging")).unwrap();
    fs::write(dir.path().join("staging/.tmpKILLED"), &content[..2500]).unwrap();
    assert!(!store.has(&address).unwrap());
    assert_eq!(store.put(&content).unwrap(), address);
    assert_eq!(store.used().unwrap(), 5000);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = LocalStore::at(file.clone()).put(b"content").unwrap_err();
    assert!(matches!(&error, StoreError::Io { path, .. } if path.contains("file")), "{error}");
    assert!(matches!(LocalStore::at(dir.path().into()).put_file(dir.path()), Err(StoreError::Io { .. })));
}
