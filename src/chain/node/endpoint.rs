//! Endpoints, and how they are shown: without what may be a secret.

use crate::chain::ChainError;
use reqwest::Url;

pub(in crate::chain) fn parse(endpoint: &str) -> Result<Url, ChainError> {
    let bad = |endpoint: String, reason: &str| ChainError::BadEndpoint { endpoint, reason: reason.into() };
    // What does not parse may still hold a password: it is not repeated.
    let url = Url::parse(endpoint).map_err(|error| bad("the given endpoint".into(), &error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        // `localhost:8545` is an URL with the scheme `localhost`.
        _ if !url.has_host() => Err(bad("the given endpoint".into(), "it does not begin with http:// or https://")),
        _ => Err(bad(shown(&url), "only http and https are supported")),
    }
}

/// An endpoint without what may be a secret.
///
/// # Errors
/// [`ChainError::BadEndpoint`].
pub(in crate::chain) fn name(endpoint: &str) -> Result<String, ChainError> {
    parse(endpoint).map(|url| shown(&url))
}

pub(in crate::chain) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_shown_without_secrets() {
        let url = parse("http://user:secret@node.example:8545/v3/key?token=x").unwrap();
        assert_eq!(shown(&url), "http://node.example:8545");
    }

    #[test]
    fn refuses_what_is_no_http_endpoint() {
        for endpoint in ["", "127.0.0.1:8545", "ws://127.0.0.1:8545", "file:///etc/passwd", "localhost:8545"] {
            let error = parse(endpoint).unwrap_err();
            assert!(matches!(error, ChainError::BadEndpoint { .. }), "{endpoint}");
            assert!(!error.to_string().contains('?'), "{error}");
        }
        assert!(!parse("http://user:secret@:99999").unwrap_err().to_string().contains("secret"));
    }
}
