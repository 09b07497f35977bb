//! Servers that are locked, newer, guarded, gone, or none.

use super::*;
use crate::index::postgres::{place::Place, wire::Connection};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

#[test]
fn an_account_with_a_password_is_let_in_by_it_alone() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    server.run(
        &database,
        &format!("CREATE ROLE guarded LOGIN PASSWORD 'pen=cil,1'; GRANT CREATE ON DATABASE {database} TO guarded"),
    );
    let address = server.address(&database, "guarded");
    let open = |password: Option<&str>| {
        let place = Place::parse(&address, password.map(Into::into)).unwrap();
        connect(&place).map(drop)
    };
    let said = |error: IndexError| match error {
        IndexError::Unreachable { reason, .. } => reason,
        error => panic!("{error}"),
    };
    assert!(said(open(None).unwrap_err()).contains("PGPASSWORD"));
    assert!(said(open(Some("pencil")).unwrap_err()).contains("password authentication failed"));
    assert!(said(open(Some("pen=cil,1")).unwrap_err()).contains("CREATE EXTENSION vector"));
    server.run(&database, "CREATE EXTENSION vector");
    open(Some("pen=cil,1")).unwrap();
}

#[test]
fn an_index_of_a_later_release_is_left_alone() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    server.index(&database).enter(&[entry(1)]).unwrap();
    server.run(&database, "UPDATE zkinfer.version SET version = 99");
    let error = PostgresIndex::open(&server.address(&database, "zkinfer")).unwrap_err();
    assert!(matches!(error, IndexError::Newer { found: 99, supported: 1, .. }), "{error}");
    server.run(&database, "UPDATE zkinfer.version SET version = 1");
    assert_eq!(server.index(&database).len().unwrap(), 1);
}

#[test]
fn what_is_locked_is_waited_for_and_then_said() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let index = server.index(&database);
    index.enter(&[entry(1)]).unwrap();
    let mut other = server.connect(&database);
    other.run("BEGIN; LOCK TABLE zkinfer.entries IN EXCLUSIVE MODE").unwrap();
    let error = index.enter(&[entry(2)]).unwrap_err();
    assert!(matches!(error, IndexError::Locked { .. }), "{error}");
    // Who searches does not wait for who writes.
    assert_eq!(index.len().unwrap(), 1);
    other.run("COMMIT").unwrap();
    index.enter(&[entry(2)]).unwrap();
    assert_eq!(index.len().unwrap(), 2);
}

/// A connection that was lost while nothing was asked is made again; one that is lost in the middle of a call is an error that
/// says so, and entering again is harmless.
#[test]
fn a_connection_that_breaks_is_made_again() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let index = server.index(&database);
    index.enter(&[entry(1)]).unwrap();
    let mut other = server.connect(&database);
    let end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    other.run(end).unwrap();
    index.enter(&[entry(2)]).unwrap();

    let error = thread::scope(|scope| {
        other.run("BEGIN; LOCK TABLE zkinfer.entries IN EXCLUSIVE MODE").unwrap();
        let entering = scope.spawn(|| index.enter(&[entry(3)]).unwrap_err());
        // Until it waits.
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()";
        let mut watcher = server.connect(&database);
        while watcher.query(waits, vec![]).unwrap()[0].integer(0) == Some(0) && !entering.is_finished() {
            thread::yield_now();
        }
        watcher.run(&format!("{end} AND wait_event_type = 'Lock'")).unwrap();
        entering.join().unwrap()
    });
    assert!(matches!(error, IndexError::Lost { .. } | IndexError::Locked { .. }), "{error}");
    other.run("ROLLBACK").unwrap();
    assert_eq!(index.enter(&[entry(3)]).unwrap(), [Outcome::New]);
    assert_eq!(index.len().unwrap(), 3);
}

#[test]
fn a_server_that_is_gone_is_said_and_loses_nothing_here() {
    let Some(server) = Server::start() else { return };
    let index = server.index(&server.database());
    index.enter(&[entry(1)]).unwrap();
    drop(server);
    for _ in 0..2 {
        let error = index.enter(&[entry(2)]).unwrap_err();
        assert!(matches!(error, IndexError::Unreachable { .. } | IndexError::Lost { .. }), "{error}");
        assert_eq!(error.class(), crate::FailureClass::Environment);
    }
}

/// Answers the first connection with these bytes, once it has heard something.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("postgres://me@{}/x", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(answer);
    });
    address
}

/// Whatever the other side says: an error, never a panic, never a wait without an end, never memory for what does not come.
#[test]
fn what_is_no_server_is_refused() {
    for answer in [
        &b""[..],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"R\x00\x00\x00\x03",
        b"R\x00\x00\x00\x06ab",
        b"R\x00\x00\x00\x08\x00\x00\x00\x05",
        b"R\x00\x00\x00\x08\x00\x00\x00\x09",
        b"R\x00\x00\x00\x08\x00\x00\x00\x0b",
        b"R\x0f\xff\xff\xff\x00\x00\x00\x00",
        b"E\x00\x00\x00\x04",
        b"X\x00\x00\x00\x04",
        b"R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I",
    ] {
        let error = PostgresIndex::open(&answering(answer)).unwrap_err();
        assert!(matches!(error, IndexError::Unreachable { .. } | IndexError::Lost { .. }), "{answer:?}: {error}");
    }
    assert!(PostgresIndex::open("postgres://me@127.0.0.1:1/x").is_err());
    assert!(PostgresIndex::open("postgres:///x?host=/nowhere&user=me").is_err());
    let error = PostgresIndex::open(&format!("{}?sslmode=verify-full", answering(b"N"))).unwrap_err().to_string();
    assert!(error.contains("has no TLS"), "{error}");
}

/// The password goes over TLS to the one whose certificate is accepted, and to nobody else.
#[test]
fn a_certificate_is_checked_before_anything_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let roots = dir.path().join("ca.pem");
    std::fs::write(&roots, root).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    let certificate = CertificateDer::from(params.signed_by(&key, &issuer).unwrap());
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // What was said inside of TLS by each of two connections.
    let server = thread::spawn(move || {
        [0, 1].map(|_| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 8];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(b"S").unwrap();
            let session = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut tls = rustls::StreamOwned::new(session, stream);
            let mut length = [0; 4];
            let heard = tls.read_exact(&mut length).is_ok();
            let rest = u64::from(u32::from_be_bytes(length)).saturating_sub(4);
            let _ = (&mut tls).take(rest).read_to_end(&mut Vec::new());
            let _ = tls.write_all(b"R\x00\x00\x00\x08\x00\x00\x00\x03");
            let mut password = [0; 12];
            let told = tls.read_exact(&mut password).is_ok();
            let _ = tls.write_all(b"E\x00\x00\x00\x15C28000\0Mgo away\0\0");
            let _ = tls.flush();
            (heard, told.then_some(password))
        })
    });
    let open = |more: &str| {
        let address = format!("postgres://me:secret@localhost:{port}/x?sslmode=verify-full{more}");
        Connection::open(&Place::parse(&address, None).unwrap()).unwrap_err().to_string()
    };
    let refused = open("");
    assert!(refused.contains("certificate is not accepted"), "{refused}");
    let let_in = open(&format!("&sslrootcert={}", roots.display()));
    assert!(let_in.contains("go away (SQLSTATE 28000)"), "{let_in}");
    let [first, second] = server.join().unwrap();
    assert_eq!(first, (false, None));
    assert_eq!(second, (true, Some(*b"p\x00\x00\x00\x0bsecret\0")));
}
