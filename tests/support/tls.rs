//! TLS in front of a plain server, with certificates made on the spot.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use std::{net::SocketAddr, sync::Arc, thread::JoinHandle};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
};

/// What is wrong with the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    Good,
    Expired,
    OfAnotherHost,
}

/// A proxy that speaks TLS and passes on what it hears. Stops when dropped.
pub(crate) struct TlsProxy {
    port: u16,
    root: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsProxy {
    /// In front of the server at this port of this machine.
    pub(crate) fn start(target: u16, certificate: Certificate) -> Self {
        let (root, config) = certified(certificate);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener, acceptor, target) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port, root, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The authority's certificate, PEM.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, target: u16) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that refuses the certificate ends here.
            let Ok(mut client) = acceptor.accept(stream).await else { return };
            let Ok(mut server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], target))).await else { return };
            copy_bidirectional(&mut client, &mut server).await.ok();
        });
    }
}

/// An authority, PEM, and a server with a certificate of it.
fn certified(certificate: Certificate) -> (String, ServerConfig) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Authorities are told apart by their names.
    let name: String = key.public_key_raw().iter().map(|byte| format!("{byte:02x}")).collect();
    authority.distinguished_name.push(DnType::CommonName, &name[..32]);
    let root = authority.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(authority, key);
    let host = if certificate == Certificate::OfAnotherHost { "elsewhere.example" } else { "127.0.0.1" };
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    if certificate == Certificate::Expired {
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    }
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateDer::from(params.signed_by(&key, &issuer).unwrap());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    (root, config)
}
