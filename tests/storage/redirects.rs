//! Redirects: followed a few times, never from https to http, and never with what is not theirs to see.

use crate::{
    faults::{options, store},
    node::{Fault, Node},
};
use zkinfer::storage::{ContentAddress, ContentStore, StoreError, s5::BearerToken};

fn blob_only(node: &Node) -> ContentAddress {
    let address = node.insert(b"content");
    node.fail("GET", "/s5/download", vec![Fault::Status(404, ""); 20]);
    address
}

#[test]
fn content_is_found_by_the_blob_redirect() {
    let node = Node::start();
    let address = blob_only(&node);
    let store = store(&node, options());
    assert_eq!(store.get(&address).unwrap(), b"content");
    assert!(store.has(&address).unwrap());
    assert_eq!(node.count("GET", "/storage/"), 2);
}

#[test]
fn what_a_redirect_leads_to_is_hashed_too() {
    let node = Node::start();
    let address = blob_only(&node);
    node.fail("GET", "/storage", [Fault::Lie]);
    assert!(matches!(store(&node, options()).get(&address), Err(StoreError::Corrupt { .. })));
}

#[test]
fn circles_end() {
    let node = Node::start();
    let address = node.insert(b"content");
    let path: String = format!("/s5/download/{address}");
    for to in [path, "x".into()] {
        node.fail("GET", "/s5/download", vec![Fault::Redirect(302, to); 6]);
        let before = node.count("GET", "/s5/download");
        let error = store(&node, options()).get(&address).unwrap_err();
        assert!(matches!(&error, StoreError::Redirect { reason, .. } if reason.contains("more than 5")), "{error}");
        assert_eq!(node.count("GET", "/s5/download") - before, 6);
    }
}

#[test]
fn other_schemes_are_not_followed() {
    for to in ["file:///etc/hostname", "ftp://127.0.0.1/x", "http://a:b@127.0.0.1/x", "http://", ""] {
        let node = Node::start();
        let address = node.insert(b"content");
        // An empty target is the page itself: a circle.
        node.fail("GET", "/s5/download", vec![Fault::Redirect(307, to.into()); 6]);
        let error = store(&node, options()).get(&address).unwrap_err();
        assert!(matches!(error, StoreError::Redirect { .. }), "{to}: {error}");
    }
    let node = Node::start();
    let address = node.insert(b"content");
    node.fail("GET", "/s5/download", [Fault::Status(302, "no address")]);
    assert!(matches!(store(&node, options()).get(&address), Err(StoreError::Redirect { .. })));
}

#[test]
fn only_reads_are_redirected() {
    let (node, other) = (Node::start(), Node::start());
    node.fail("POST", "/s5/upload", [Fault::Redirect(307, format!("{}/s5/upload", other.url()))]);
    let error = store(&node, options()).put(b"content").unwrap_err();
    assert!(matches!(error, StoreError::Redirect { .. }), "{error}");
    assert_eq!(other.asked().len(), 0);
}

#[test]
fn the_token_stays_with_the_node() {
    let (node, other) = (Node::start(), Node::start());
    let address = other.insert(b"content");
    node.fail("GET", "/s5/download", [Fault::Redirect(302, format!("{}/s5/download/{address}", other.url()))]);
    let token = BearerToken::new("not-for-others".into()).unwrap();
    assert_eq!(store(&node, options().token(token)).get(&address).unwrap(), b"content");
    assert_eq!(node.asked()[0].headers["authorization"], "Bearer not-for-others");
    assert_eq!(other.asked().len(), 1);
    assert!(!other.asked()[0].headers.contains_key("authorization"));
}
