//! Nodes behind https.

use crate::{
    faults::options,
    node::{Fault, Node},
    tls::{Certificate, TlsProxy},
};
use zkinfer::{
    FailureClass,
    storage::{ContentStore, S5Store, StoreError, s5::BearerToken, s5::S5Options},
};

fn trusting(proxy: &TlsProxy) -> S5Options {
    options().extra_roots(proxy.root().into())
}

fn store(proxy: &TlsProxy) -> S5Store {
    S5Store::with_options(&proxy.url(), trusting(proxy)).unwrap()
}

#[test]
fn content_goes_to_a_trusted_node_and_comes_back() {
    let node = Node::start();
    let proxy = TlsProxy::start(node.port(), Certificate::Good);
    let store = store(&proxy);
    let address = store.put(b"content").unwrap();
    assert_eq!(store.get(&address).unwrap(), b"content");
    assert!(store.has(&address).unwrap());
}

/// Trying again would not help: the node hears nothing, once.
#[test]
fn certificates_that_show_nothing_are_refused_at_once() {
    let node = Node::start();
    let unknown = TlsProxy::start(node.port(), Certificate::Good);
    let trusting_another = TlsProxy::start(node.port(), Certificate::Good);
    let expired = TlsProxy::start(node.port(), Certificate::Expired);
    let of_another_host = TlsProxy::start(node.port(), Certificate::OfAnotherHost);
    for (proxy, trusted, says) in [
        (&unknown, &trusting_another, "UnknownIssuer"),
        (&expired, &expired, "expired"),
        (&of_another_host, &of_another_host, "not valid for name"),
    ] {
        let store = S5Store::with_options(&proxy.url(), trusting(trusted)).unwrap();
        let error = store.put(b"content").unwrap_err();
        assert!(matches!(&error, StoreError::Unreachable { attempts: 1, .. }), "{error}");
        assert!(error.to_string().contains(says) && error.to_string().contains("SSL_CERT_FILE"), "{error}");
        assert_eq!(error.class(), FailureClass::Environment);
    }
    assert_eq!(node.asked().len(), 0);
}

#[test]
fn a_node_without_tls_says_so() {
    let node = Node::start();
    let proxy = TlsProxy::start(node.port(), Certificate::Good);
    let address = format!("https://127.0.0.1:{}", node.port());
    let error = S5Store::with_options(&address, trusting(&proxy)).unwrap().put(b"content").unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert_eq!(node.asked().len(), 0);
}

#[test]
fn a_token_may_cross_a_network_that_cannot_read_it() {
    let token = || BearerToken::new("secret".into()).unwrap();
    let node = Node::start();
    let proxy = TlsProxy::start(node.port(), Certificate::Good);
    S5Store::with_options("https://s5.example", trusting(&proxy).token(token())).unwrap();
    node.require_token("secret");
    let store = S5Store::with_options(&proxy.url(), trusting(&proxy).token(token())).unwrap();
    store.put(b"content").unwrap();
    assert_eq!(node.asked()[0].headers["authorization"], "Bearer secret");
}

#[test]
fn redirects_lead_to_https_and_never_away_from_it() {
    let (plain, other) = (Node::start(), Node::start());
    let address = other.insert(b"content");
    let proxy = TlsProxy::start(other.port(), Certificate::Good);
    plain.fail("GET", "/s5/download", [Fault::Redirect(302, format!("{}/s5/download/{address}", proxy.url()))]);
    let store = S5Store::with_options(&plain.url(), trusting(&proxy)).unwrap();
    assert_eq!(store.get(&address).unwrap(), b"content");

    let address = plain.insert(b"other content");
    other.fail("GET", "/s5/download", [Fault::Redirect(302, format!("{}/s5/download/{address}", plain.url()))]);
    let before = plain.asked().len();
    let error = self::store(&proxy).get(&address).unwrap_err();
    assert!(matches!(&error, StoreError::Redirect { reason, .. } if reason.contains("not encrypted")), "{error}");
    assert_eq!(plain.asked().len(), before);
}

#[test]
fn what_is_no_certificate_is_refused() {
    let error = S5Store::with_options("https://s5.example", options().extra_roots(b"none".into())).unwrap_err();
    assert!(matches!(error, StoreError::BadEndpoint { .. }), "{error}");
}
