//! What every content store does, whichever it is.

use crate::node::Node;
use std::fs;
use zkinfer::storage::{ContentAddress, ContentStore, LocalStore, S5Store, StoreError};

/// Sizes around the blocks and limits that stores work with.
const SIZES: [usize; 7] = [0, 1, 255, 65_535, 65_536, 65_537, 300_000];

pub(crate) fn content(bytes: usize, seed: u8) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8 ^ seed).collect()
}

fn keeps_the_contract(store: &dyn ContentStore) {
    let dir = tempfile::tempdir().unwrap();
    for (seed, bytes) in SIZES.into_iter().enumerate() {
        let content = content(bytes, seed as u8);
        let address = ContentAddress::of(&content);
        assert!(!store.has(&address).unwrap(), "{bytes}");
        let error = store.get(&address).unwrap_err();
        assert!(matches!(&error, StoreError::NotFound { address: of, .. } if *of == address), "{error}");
        assert_eq!(store.put(&content).unwrap(), address);
        assert_eq!(store.put(&content).unwrap(), address, "a second time");
        assert!(store.has(&address).unwrap());
        assert_eq!(store.get(&address).unwrap(), content);

        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, &content).unwrap();
        fs::write(&to, "what was there").unwrap();
        assert!(store.delete(&address).unwrap());
        assert!(!store.delete(&address).unwrap(), "nothing is left to delete");
        assert!(store.get_file(&address, &to).is_err());
        assert_eq!(fs::read(&to).unwrap(), b"what was there");
        assert_eq!(store.put_file(&from).unwrap(), address);
        store.get_file(&address, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), content);
    }
    let huge = ContentAddress::new([1; 32], u64::MAX);
    assert!(matches!(store.get(&huge), Err(StoreError::TooLarge { bytes: u64::MAX, .. })));
    assert!(matches!(store.put_file(&dir.path().join("missing")), Err(StoreError::Io { .. })));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "temporary files were left behind: {left:?}");
}

#[test]
fn a_directory_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    keeps_the_contract(&LocalStore::at(dir.path().join("store")));
    keeps_the_contract(&LocalStore::at(dir.path().join("bounded")).with_limit(500_000));
}

#[test]
fn an_s5_node_keeps_the_contract() {
    let node = Node::start();
    keeps_the_contract(&S5Store::connect(&node.url()).unwrap());
}

/// The calls block, and are made from a thread of an async runtime all the same; the store is dropped there, too.
#[tokio::test]
async fn an_s5_node_keeps_the_contract_inside_an_async_runtime() {
    let node = Node::start();
    keeps_the_contract(&S5Store::connect(&node.url()).unwrap());
}

#[test]
fn stores_are_used_from_many_threads() {
    let (dir, node) = (tempfile::tempdir().unwrap(), Node::start());
    let s5 = S5Store::connect(&node.url()).unwrap();
    let local = LocalStore::at(dir.path().into()).with_limit(1 << 20);
    let stores: [&dyn ContentStore; 2] = [&s5, &local];
    std::thread::scope(|scope| {
        for store in stores {
            for seed in 0..8 {
                scope.spawn(move || {
                    let content = content(10_000, seed / 2);
                    let address = store.put(&content).unwrap();
                    assert_eq!(store.get(&address).unwrap(), content);
                });
            }
        }
    });
    assert_eq!(local.used().unwrap(), 4 * 10_000);
}
