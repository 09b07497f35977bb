//! The token: sent where it belongs, shown nowhere.

use crate::{
    faults::{options, store},
    node::{Fault, Node},
};
use std::{
    io::Write,
    sync::{Arc, Mutex},
};
use zkinfer::storage::{ContentStore, S5Store, StoreError, s5::BearerToken};

const SECRET: &str = "s5-secret-7f3a";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn token() -> BearerToken {
    BearerToken::new(SECRET.into()).unwrap()
}

/// At the most talkative level, of every library in between.
#[test]
fn no_log_error_or_debug_output_shows_the_token() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let node = Node::start();
    node.require_token(SECRET);
    let options = options().token(token());
    assert!(!format!("{options:?} {:?}", token()).contains(SECRET));
    let store = store(&node, options);
    let address = store.put(b"content").unwrap();
    assert_eq!(store.get(&address).unwrap(), b"content");
    node.fail("POST", "/s5/upload", [Fault::Echo, Fault::Status(500, "x")]);
    let error = store.put(b"content").unwrap_err();
    assert!(error.to_string().contains("Bearer (token)"), "{error}");
    assert!(!format!("{error} {error:?} {store:?}").contains(SECRET));
    store.put(b"content").unwrap();
    let logged = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(logged.contains("S5 request failed"), "nothing was logged");
    assert!(!logged.contains(SECRET));
}

#[test]
fn a_node_that_wants_a_token_says_so() {
    let node = Node::start();
    node.require_token(SECRET);
    let error = store(&node, options()).put(b"content").unwrap_err();
    assert!(matches!(error, StoreError::Unauthorized { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("bearer token"), "{error}");
    let wrong = BearerToken::new("wrong".into()).unwrap();
    assert!(matches!(store(&node, options().token(wrong)).put(b"content"), Err(StoreError::Unauthorized { .. })));
    store(&node, options().token(token())).put(b"content").unwrap();
}

#[test]
fn a_token_crosses_no_network_in_clear_text_unless_told_to() {
    for endpoint in ["http://192.0.2.7:5050", "http://s5.example", "http://localhost.example", "http://[2001:db8::1]"] {
        let error = S5Store::with_options(endpoint, options().token(token())).unwrap_err();
        assert!(matches!(error, StoreError::BadEndpoint { .. }), "{endpoint}: {error}");
        S5Store::connect(endpoint).unwrap();
        S5Store::with_options(endpoint, options().token(token()).token_in_clear()).unwrap();
    }
    for endpoint in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
        S5Store::with_options(endpoint, options().token(token())).unwrap();
    }
}

#[test]
fn what_no_header_can_carry_is_no_token() {
    for bad in [String::new(), "a b".into(), "a\n".into(), "ä".into(), "x".repeat(8193)] {
        let error = BearerToken::new(bad.clone()).unwrap_err();
        assert!(bad.is_empty() || !error.to_string().contains(&bad));
    }
}
