//! Uploads in pieces: taken up where they stopped, in the same process and in a later one.

use crate::{
    contract::content,
    faults::{options, store},
    node::{Action, Fault, Node},
};
use std::{fs, path::Path, sync::Arc};
use zkinfer::storage::{
    ContentAddress, ContentStore, S5Store, StoreError,
    s5::{MAX_SINGLE_UPLOAD_BYTES, S5Options},
};

const TUS: &str = "/s5/upload/tus";
const SIZE: usize = 10_000;

fn pieces() -> S5Options {
    options().single_upload_bytes(1000).piece_bytes(3000)
}

fn sent(node: &Node) -> usize {
    node.asked().iter().filter(|asked| asked.method == "PATCH").map(|asked| asked.body_bytes).sum()
}

#[test]
fn large_content_goes_in_pieces() {
    for quiet in [false, true] {
        let node = Node::start();
        if quiet {
            node.quiet_offsets();
        }
        let store = store(&node, pieces());
        let content = content(SIZE, 1);
        let address = store.put(&content).unwrap();
        assert_eq!(store.get(&address).unwrap(), content);
        assert_eq!((node.count("PATCH", TUS), sent(&node)), (4, SIZE));
        assert_eq!(node.count("POST", "/s5/upload"), 1, "one announcement, no upload");
        // The node has it by now.
        store.put(&content).unwrap();
        assert_eq!(sent(&node), SIZE);
    }
}

/// With the limits as they are: the node refuses more than 32 MiB at once.
#[test]
fn more_than_32_mib_is_never_sent_at_once() {
    let (node, dir) = (Node::start(), tempfile::tempdir().unwrap());
    let store = store(&node, S5Options::default());
    let content = content(MAX_SINGLE_UPLOAD_BYTES as usize + 1, 7);
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    fs::write(&from, &content).unwrap();
    let address = store.put_file(&from).unwrap();
    assert_eq!(node.count("PATCH", TUS), 5);
    store.get_file(&address, &to).unwrap();
    assert!(fs::read(&to).unwrap() == content);
}

#[test]
fn a_broken_connection_is_taken_up_where_the_node_stands() {
    let node = Node::start();
    node.fail("PATCH", TUS, [Fault::CutRequest(1234), Fault::CutRequest(0), Fault::Status(502, "")]);
    let content = content(SIZE, 2);
    let address = store(&node, pieces().retry(zkinfer::storage::s5::RetryPolicy { attempts: 4, ..Default::default() }))
        .put(&content)
        .unwrap();
    assert!(node.has(&address));
    let offsets: Vec<_> = node.asked().iter().filter_map(|asked| asked.headers.get("upload-offset").cloned()).collect();
    assert_eq!(offsets[..2], ["0", "1234"], "the second piece begins where the first was cut");
    assert_eq!(node.count("HEAD", TUS), 3);
}

fn interrupted(node: &Node, from: &Path, sessions: &Path) {
    node.fail("PATCH", TUS, [Fault::Header("x-fine", "1".into())]);
    node.fail("PATCH", TUS, vec![Fault::CutRequest(0); 3]);
    let error = store(node, pieces().resume_in(sessions.into())).put_file(from).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { attempts: 3, .. }), "{error}");
    assert_eq!(fs::read_dir(sessions).unwrap().count(), 1);
}

#[test]
fn a_later_process_takes_an_upload_up() {
    let (node, dir) = (Node::start(), tempfile::tempdir().unwrap());
    let (from, sessions) = (dir.path().join("from"), dir.path().join("sessions"));
    fs::write(&from, content(SIZE, 3)).unwrap();
    interrupted(&node, &from, &sessions);
    let before = node.asked().len();
    let address = store(&node, pieces().resume_in(sessions.clone())).put_file(&from).unwrap();
    assert!(node.has(&address));
    let after = &node.asked()[before..];
    assert_eq!(after[0].method, "HEAD", "it asks first how much is there");
    assert_eq!(after.iter().map(|asked| asked.body_bytes).sum::<usize>(), SIZE - 3000);
    assert_eq!(node.count("POST", TUS), 1);
    assert_eq!(fs::read_dir(&sessions).unwrap().count(), 0, "the session is over");
}

#[test]
fn an_upload_that_the_node_forgot_is_begun_anew() {
    let (node, dir) = (Node::start(), tempfile::tempdir().unwrap());
    let (from, sessions) = (dir.path().join("from"), dir.path().join("sessions"));
    fs::write(&from, content(SIZE, 4)).unwrap();
    interrupted(&node, &from, &sessions);
    node.fail("HEAD", TUS, [Fault::Forget]);
    let address = store(&node, pieces().resume_in(sessions)).put_file(&from).unwrap();
    assert!(node.has(&address));
    assert_eq!(node.count("POST", TUS), 2);

    let node = Node::start();
    node.fail("PATCH", TUS, vec![Fault::Forget; 20]);
    let error = store(&node, pieces()).put(&content(SIZE, 4)).unwrap_err();
    assert!(matches!(&error, StoreError::Misbehaved { reason, .. } if reason.contains("forgot")), "{error}");
    assert_eq!(node.count("POST", TUS), 3);
}

#[test]
fn a_session_file_cannot_send_the_upload_elsewhere() {
    let (node, other, dir) = (Node::start(), Node::start(), tempfile::tempdir().unwrap());
    let (from, sessions) = (dir.path().join("from"), dir.path().join("sessions"));
    fs::write(&from, content(SIZE, 5)).unwrap();
    for text in [format!("{{\"location\": \"{}/s5/upload/tus/x\"}}", other.url()), "{".into(), "x".repeat(20_000)] {
        interrupted(&node, &from, &sessions);
        let file = fs::read_dir(&sessions).unwrap().next().unwrap().unwrap().path();
        fs::write(&file, text).unwrap();
        let address = store(&node, pieces().resume_in(sessions.clone())).put_file(&from).unwrap();
        assert!(node.has(&address));
        store(&node, options()).delete(&address).unwrap();
    }
    assert_eq!(other.asked().len(), 0);
}

#[test]
fn a_node_cannot_send_the_upload_elsewhere() {
    let (node, other) = (Node::start(), Node::start());
    node.fail("POST", TUS, [Fault::Header("location", format!("{}/s5/upload/tus/x", other.url()))]);
    let error = store(&node, pieces()).put(&content(SIZE, 6)).unwrap_err();
    assert!(matches!(&error, StoreError::Misbehaved { reason, .. } if reason.contains("another host")), "{error}");
    assert_eq!(other.asked().len(), 0);
}

#[test]
fn offsets_that_cannot_be_are_refused() {
    for offset in ["0", "10001", "99999999999999999999", "-1", "x"] {
        let node = Node::start();
        node.fail("PATCH", TUS, [Fault::Header("upload-offset", offset.into())]);
        let error = store(&node, pieces()).put(&content(SIZE, 7)).unwrap_err();
        assert!(matches!(error, StoreError::Misbehaved { .. }), "{offset}: {error}");
    }
    // Byte by byte would take for ever.
    let node = Node::start();
    for at in 1..200 {
        let fault = Fault::Header("upload-offset", at.to_string());
        node.fail("PATCH", TUS, [fault]);
    }
    let error = store(&node, pieces()).put(&content(SIZE, 7)).unwrap_err();
    assert!(matches!(error, StoreError::Misbehaved { .. } | StoreError::Refused { status: 409, .. }), "{error}");
    assert!(node.count("PATCH", TUS) < 100);
}

#[test]
fn a_node_that_takes_everything_and_has_nothing_is_found_out() {
    let node = Node::start();
    let address = ContentAddress::of(&content(SIZE, 8));
    node.fail("GET", "/s5/", vec![Fault::Status(404, ""); 4]);
    let error = store(&node, pieces()).put(&content(SIZE, 8)).unwrap_err();
    assert!(matches!(&error, StoreError::Misbehaved { reason, .. } if reason.contains("does not have")), "{error}");
    assert!(node.has(&address), "or says so");
    node.fail("POST", TUS, [Fault::Status(409, "")]);
    node.fail("GET", "/s5/", vec![Fault::Status(404, ""); 4]);
    let error = store(&node, pieces()).put(&content(SIZE, 9)).unwrap_err();
    assert!(matches!(error, StoreError::Misbehaved { .. }), "{error}");
}

/// The node compares what it has with the hash that was announced; why they differ is found out here.
#[test]
fn a_file_that_changes_meanwhile_is_named() {
    for changed in [content(SIZE, 13), content(SIZE / 2, 12)] {
        let (node, dir) = (Node::start(), tempfile::tempdir().unwrap());
        let from = dir.path().join("from");
        fs::write(&from, content(SIZE, 12)).unwrap();
        let path = from.clone();
        let action = Action(Arc::new(move || fs::write(&path, &changed).unwrap()));
        node.fail("POST", TUS, [Fault::Act(action)]);
        let error = store(&node, pieces()).put_file(&from).unwrap_err();
        assert!(matches!(error, StoreError::ChangedWhileRead { .. }), "{error}");
    }
}

#[test]
fn a_session_of_other_content_is_begun_anew() {
    let (node, dir) = (Node::start(), tempfile::tempdir().unwrap());
    let (from, sessions) = (dir.path().join("from"), dir.path().join("sessions"));
    fs::write(&from, content(SIZE, 10)).unwrap();
    interrupted(&node, &from, &sessions);
    // Same session, other bytes after the first piece: the hash of what arrives is a third one.
    let file = fs::read_dir(&sessions).unwrap().next().unwrap().unwrap().path();
    let session = fs::read(&file).unwrap();
    fs::write(&from, content(SIZE, 11)).unwrap();
    let other = S5Store::with_options(&node.url(), pieces().resume_in(sessions.clone())).unwrap();
    fs::write(sessions.join(session_name(&node, &from)), session).unwrap();
    // The node finds another hash, forgets the upload, and the whole of the new file goes up anew.
    let address = other.put_file(&from).unwrap();
    assert_eq!(address, ContentAddress::of(&content(SIZE, 11)));
    assert_eq!(other.get(&address).unwrap(), content(SIZE, 11));
}

fn session_name(node: &Node, from: &Path) -> String {
    let address = ContentAddress::of(&fs::read(from).unwrap());
    format!("upload-{}.json", blake3::hash(format!("{} {address}", node.url()).as_bytes()).to_hex())
}
