//! The one place where HTTP clients are made: TLS 1.2 and 1.3 by rustls, certificates of the system, no proxies.
//!
//! A program that links this library and makes clients of its own with reqwest, without reqwest's default features, has to
//! install a TLS provider for them: the one that is named here is for the clients of this library alone.
//!
//! On Linux and the BSDs the variables `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's certificates.

use reqwest::{Client, ClientBuilder, Url};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use std::{error::Error, io, sync::Arc};

/// A client for an endpoint. It asks no proxy, whatever the environment says.
///
/// `extra_roots` are certificates (PEM) of authorities that are trusted beside the system's.
///
/// A machine without certificates can speak `http`; then every `https` address that it is led to is untrusted.
///
/// # Errors
/// A sentence that says what to do: `extra_roots` has no certificate; `endpoint` is `https` and there are no authorities.
pub(crate) fn client(endpoint: &Url, extra_roots: &[u8]) -> Result<ClientBuilder, String> {
    let extra = certificates(extra_roots)?;
    // Named here, not installed for the process: a program that uses this library may have one of its own.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = match Verifier::new_with_extra_roots(extra, provider.clone()) {
        Ok(verifier) => {
            let builder = versions(provider)?.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
            builder.with_no_client_auth()
        }
        Err(_) if endpoint.scheme() != "https" => {
            versions(provider)?.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
        Err(error) => return Err(no_authorities(error)),
    };
    Ok(Client::builder().tls_backend_preconfigured(config).no_proxy())
}

/// Those of a PEM file, which may be empty.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let read = read.map_err(|error| format!("the certificates to trust cannot be read: {error:?}"))?;
    if read.is_empty() && !pem.is_empty() {
        return Err("there is no certificate among those to trust; give them in PEM".into());
    }
    Ok(read)
}

/// TLS for what is no HTTP, with the system's certificates and those of `extra_roots`.
///
/// # Errors
/// As [`client`].
pub(crate) fn tls(extra_roots: &[u8]) -> Result<ClientConfig, String> {
    let extra = certificates(extra_roots)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(no_authorities)?;
    let builder = versions(provider)?.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

fn no_authorities(error: rustls::Error) -> String {
    format!(
        "there are no certificates to check its own with ({error}); install the system's (the package is often called \
         ca-certificates), or name a file of them in SSL_CERT_FILE"
    )
}

fn versions(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no TLS: {error}"))
}

/// The innermost error: the outer ones show the whole URL, which may hold an access key.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    tls_failure(error).unwrap_or_else(|| chain(error).last().unwrap_or(error).to_string())
}

/// What is wrong with the other side's TLS, and what to do; `None` when that is not what went wrong. It goes wrong again
/// when it is tried again.
pub(crate) fn tls_failure(error: &(dyn Error + 'static)) -> Option<String> {
    let tls = chain(error).find_map(<dyn Error>::downcast_ref)?;
    Some(match tls {
        rustls::Error::InvalidCertificate(reason) => format!(
            "its certificate is not accepted: {reason}; check the address, or name the authority's certificate in SSL_CERT_FILE"
        ),
        rustls::Error::InvalidMessage(_) => format!("it does not speak TLS ({tls}); is it an http address?"),
        _ => format!("TLS: {tls}"),
    })
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| {
        // An I/O error's source is that of the error in it: that error itself would be passed over.
        let held = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map(|held| held as &(dyn Error + 'static)).or_else(|| cause.source())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        let url = Url::parse("http://127.0.0.1:1").unwrap();
        assert!(client(&url, b"").is_ok());
        assert!(client(&url, b"not PEM").unwrap_err().contains("no certificate"));
        let broken = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
        assert!(client(&url, broken).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn other_errors_are_not_of_tls() {
        let error = io::Error::other("cut");
        assert_eq!((tls_failure(&error), root_cause(&error)), (None, "cut".into()));
        let error = io::Error::other(rustls::Error::InvalidCertificate(rustls::CertificateError::Expired));
        let error = io::Error::other(error);
        assert!(tls_failure(&error).unwrap().contains("SSL_CERT_FILE"));
    }
}
