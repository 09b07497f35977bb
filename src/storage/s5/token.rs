use crate::storage::StoreError;
use reqwest::header::HeaderValue;
use std::fmt;
use zeroize::Zeroizing;

/// The longest token, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// What a node knows its user by. Cannot be printed, compared or serialized; wiped from memory when dropped.
#[derive(Clone)]
pub struct BearerToken(Zeroizing<String>);

impl BearerToken {
    /// Takes a token over.
    ///
    /// # Errors
    /// [`StoreError::BadEndpoint`] when it is empty, longer than 8 KiB, or has characters that no HTTP header can carry.
    pub fn new(token: String) -> Result<Self, StoreError> {
        let token = Zeroizing::new(token);
        let fits = !token.is_empty() && token.len() <= MAX_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            return Ok(Self(token));
        }
        // Not a character of it: it may be a password that was pasted with a line break.
        let reason = "the bearer token has to be 1 to 8192 visible ASCII characters, without spaces or line breaks";
        Err(StoreError::BadEndpoint { endpoint: "token".into(), reason: reason.into() })
    }

    /// The header, marked so that no log shows it.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let line = Zeroizing::new(format!("Bearer {}", *self.0));
        let mut value = HeaderValue::from_str(&line).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Takes the token out of a text that comes from the node, which may echo what it was sent.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(self.0.as_str(), "(token)")
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(hidden)")
    }
}
