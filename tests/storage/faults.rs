//! Every way in which a node can fail or cheat, and the typed error that comes of it.

use crate::{
    contract::content,
    node::{Fault, Node},
};
use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};
use zkinfer::{
    FailureClass,
    storage::{
        CidDialect, ContentAddress, ContentStore, S5Store, StoreError,
        s5::{Pause, RetryPolicy, S5Options},
    },
};

/// Counts pauses instead of making them.
#[derive(Debug, Default)]
pub(crate) struct NoPause(Mutex<Vec<Duration>>);

impl NoPause {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Pause for NoPause {
    fn pause(&self, time: Duration) {
        self.0.lock().unwrap().push(time);
    }
}

/// Three attempts, no pauses, and little patience with what says nothing.
pub(crate) fn options() -> S5Options {
    let policy = RetryPolicy { attempts: 3, ..RetryPolicy::default() };
    S5Options::default().retry(policy).pause(Arc::new(NoPause::default()))
}

pub(crate) fn store(node: &Node, options: S5Options) -> S5Store {
    S5Store::with_options(&node.url(), options).unwrap()
}

fn impatient() -> S5Options {
    options().time_limit(Duration::from_millis(150))
}

const DOWNLOAD: &str = "/s5/download";

/// Both kinds of read fail with the same error, which is returned, and leave nothing behind.
fn fails_to_read(fault: Fault, options: &S5Options) -> (StoreError, usize) {
    let (node, dir) = (Node::start(), tempfile::tempdir().unwrap());
    let address = node.insert(&content(10_000, 3));
    node.fail("GET", DOWNLOAD, vec![fault; 6]);
    let store = store(&node, options.clone());
    let to = dir.path().join("to");
    fs::write(&to, "old").unwrap();
    let error = store.get_file(&address, &to).unwrap_err();
    assert_eq!(fs::read(&to).unwrap(), b"old");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let asked = node.count("GET", DOWNLOAD);
    let again = store.get(&address).unwrap_err();
    assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&again), "{error} / {again}");
    assert_ne!(error.class(), FailureClass::Internal);
    (error, asked)
}

#[test]
fn a_lie_is_never_returned_and_never_asked_for_twice() {
    for fault in [Fault::Lie, Fault::Longer, Fault::Endless] {
        let (error, asked) = fails_to_read(fault, &options());
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert_eq!(asked, 1);
    }
}

#[test]
fn a_connection_that_breaks_is_tried_again() {
    for fault in [Fault::Cut, Fault::CutUnannounced] {
        let (error, asked) = fails_to_read(fault.clone(), &options());
        assert!(matches!(error, StoreError::Unreachable { attempts: 3, .. }), "{error}");
        assert_eq!(asked, 3);

        let node = Node::start();
        let content = content(200_000, 5);
        let address = node.insert(&content);
        node.fail("GET", DOWNLOAD, [fault.clone(), fault.clone(), fault.clone(), fault]);
        let (dir, store) = (tempfile::tempdir().unwrap(), store(&node, options()));
        let to = dir.path().join("to");
        // Two attempts left a part each; the third is whole.
        node.fail("GET", DOWNLOAD, []);
        assert!(store.get_file(&address, &to).is_err());
        store.get_file(&address, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), content);
    }
}

#[test]
fn a_node_that_says_nothing_is_given_up() {
    for fault in [Fault::Stall, Fault::StallAfter(100), Fault::Drip] {
        let (error, asked) = fails_to_read(fault, &impatient());
        assert!(matches!(error, StoreError::TimedOut { attempts: 3, .. }), "{error}");
        assert_eq!(asked, 3);
    }
    let node = Node::start();
    node.fail("POST", "/s5/upload", [Fault::Stall, Fault::Stall, Fault::Stall]);
    let error = store(&node, impatient()).put(b"content").unwrap_err();
    assert!(matches!(error, StoreError::TimedOut { attempts: 3, .. }), "{error}");
}

#[test]
fn a_node_that_is_not_there_is_named() {
    let url = Node::start().url();
    let error = S5Store::with_options(&url, options()).unwrap().put(b"content").unwrap_err();
    assert!(matches!(&error, StoreError::Unreachable { endpoint, attempts: 3, .. } if *endpoint == url), "{error}");
}

#[test]
fn refusals_keep_their_status_and_their_words() {
    for (status, attempts) in [(400, 1), (405, 1), (413, 1), (451, 1), (500, 3), (503, 3), (429, 3)] {
        let node = Node::start();
        node.fail("POST", "/s5/upload", vec![Fault::Status(status, "no\r\n\x1b[31m room"); 3]);
        let pause = Arc::new(NoPause::default());
        let error = store(&node, options().pause(pause.clone())).put(b"content").unwrap_err();
        let StoreError::Refused { status: found, message, .. } = &error else { panic!("{error}") };
        assert_eq!((*found, message.as_str()), (status, " (no [31m room)"));
        assert_eq!((node.count("POST", "/s5/upload"), pause.count()), (attempts, attempts - 1));
    }
    for status in [401, 403] {
        let (error, asked) = fails_to_read(Fault::Status(status, ""), &options());
        assert!(matches!(error, StoreError::Unauthorized { status: found, .. } if found == status), "{error}");
        assert_eq!(asked, 1);
    }
    let (error, asked) = fails_to_read(Fault::Status(502, ""), &options());
    assert!(matches!(error, StoreError::Refused { status: 502, .. }) && asked == 3, "{error}");
}

#[test]
fn what_passes_is_waited_for() {
    let node = Node::start();
    node.fail("POST", "/s5/upload", [Fault::Status(500, "later"), Fault::CutRequest(3)]);
    let address = store(&node, options()).put(b"content").unwrap();
    assert!(node.has(&address));
    assert_eq!(node.count("POST", "/s5/upload"), 3);
}

/// 409 is success only if the content is there.
#[test]
fn a_conflict_is_checked() {
    let node = Node::start();
    let store = store(&node, options());
    node.fail("POST", "/s5/upload", [Fault::Status(409, "exists"), Fault::Status(409, "exists")]);
    let error = store.put(b"content").unwrap_err();
    assert!(matches!(error, StoreError::Misbehaved { .. }), "{error}");
    let address = node.insert(b"content");
    assert_eq!(store.put(b"content").unwrap(), address);
}

#[test]
fn the_address_that_a_node_reports_is_compared() {
    let other = ContentAddress::of(b"other");
    let cid: &'static str = format!("{{\"cid\": \"{other}\"}}").leak();
    for words in [cid, "{\"cid\": \"z1\"}", "{\"cid\": 7}", "{}", "", "<html>", "[\"cid\"]"] {
        let node = Node::start();
        node.fail("POST", "/s5/upload", [Fault::Status(200, words)]);
        let error = store(&node, options()).put(b"content").unwrap_err();
        assert!(matches!(error, StoreError::Misbehaved { .. }), "{words}: {error}");
    }
    let node = Node::start();
    node.fail("POST", "/s5/upload", [Fault::Endless, Fault::Endless, Fault::Endless]);
    assert!(matches!(store(&node, options()).put(b"content"), Err(StoreError::Misbehaved { .. })));
}

#[test]
fn both_dialects_are_spoken_and_understood() {
    for (dialect, prefix) in [(CidDialect::Raw, "/s5/download/z"), (CidDialect::Blob, "/s5/download/blobb")] {
        for says_blob in [false, true] {
            let node = Node::start();
            if says_blob {
                node.say_blob();
            }
            let store = store(&node, options().dialect(dialect));
            let address = store.put(b"content").unwrap();
            assert_eq!(store.get(&address).unwrap(), b"content");
            assert_eq!(node.count("GET", prefix), 1);
        }
    }
}

#[test]
fn objects_over_the_limit_are_refused_before_anything_is_sent() {
    let (node, dir) = (Node::start(), tempfile::tempdir().unwrap());
    let store = store(&node, options().max_object_bytes(100));
    let file = dir.path().join("file");
    fs::write(&file, content(101, 0)).unwrap();
    let address = ContentAddress::of(&content(101, 0));
    for error in [
        store.put(&content(101, 0)).unwrap_err(),
        store.put_file(&file).unwrap_err(),
        store.get(&address).unwrap_err(),
        store.get_file(&address, &dir.path().join("to")).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::TooLarge { bytes: 101, limit: 100, .. }), "{error}");
    }
    assert_eq!(node.asked().len(), 0);
    store.put(&content(100, 0)).unwrap();
}

#[test]
fn pins_are_asked_for_and_refusals_reported() {
    let node = Node::start();
    let store = store(&node, options());
    let address = node.insert(b"content");
    store.pin(&address).unwrap();
    let missing = ContentAddress::of(b"missing");
    assert!(matches!(store.pin(&missing), Err(StoreError::NotFound { .. })));
    node.fail("POST", "/s5/pin", [Fault::Status(402, "pay")]);
    assert!(matches!(store.pin(&address), Err(StoreError::Refused { status: 402, .. })));
    node.fail("DELETE", "/s5/delete", [Fault::Status(405, "off")]);
    assert!(matches!(store.delete(&address), Err(StoreError::Refused { status: 405, .. })));
}

#[test]
fn addresses_that_cannot_be_used_are_refused_at_once() {
    for (endpoint, says) in [
        ("ftp://s5.example", "no http address"),
        ("file:///etc/passwd", "no http address"),
        ("http://user:secret@127.0.0.1", "a user, a password"),
        ("http://127.0.0.1/?token=secret", "a query"),
        ("127.0.0.1:5050", "give one such as"),
        ("", "give one such as"),
    ] {
        let error = S5Store::connect(endpoint).unwrap_err();
        assert!(matches!(error, StoreError::BadEndpoint { .. }), "{endpoint}");
        let text = error.to_string();
        assert!(text.contains(says) && !text.contains("secret"), "{endpoint}: {text}");
        assert_eq!(error.class(), FailureClass::BadInput);
    }
}
