//! What [`crate::fuzzing`] reads of this module: a node's answers, and what a file remembers of one, without a socket.

use super::{
    BearerToken, S5Options, S5Store,
    http::{self, Answer},
    retry::Attempt,
};
use crate::storage::{ContentAddress, StoreError};
use alloy::transports::http::reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::sync::LazyLock;

const NODE: &str = "http://127.0.0.1:5050/path/";
const TOKEN: &str = "the-token-of-a-user";

static STORE: LazyLock<Option<S5Store>> = LazyLock::new(|| {
    // The client wants a provider, and nothing is sent. Whoever has installed one before keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let token = BearerToken::new(TOKEN.into()).ok()?;
    S5Store::with_options(NODE, S5Options::default().token(token)).ok()
});

/// What is made of an answer's header or body, or why it is refused; `None` when the text can be in no answer.
pub(crate) fn answer(kind: u8, bytes: &[u8], address: &ContentAddress) -> Option<Result<String, StoreError>> {
    let store = STORE.as_ref()?;
    let header = |name| {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_bytes(bytes).ok()?)]);
        Some(Answer { status: 200, headers, body: Vec::new() })
    };
    Some(match kind {
        0 => {
            let answer = header("location")?;
            store.session_url(answer.header("location")?).map(String::from)
        }
        1 => {
            let (answer, from) = (header("location")?, store.url("s5/download/z").ok()?);
            store.target(&from, answer.header("location")?).map(String::from)
        }
        2 => store.offset_of(&header("upload-offset")?, address).map(|offset| offset.to_string()),
        3 => {
            let (status, body) = bytes.split_first_chunk::<2>()?;
            let answer = Answer { status: u16::from_be_bytes(*status), headers: HeaderMap::new(), body: body.to_vec() };
            match store.http.classify("a request", &answer) {
                Attempt::Final(error) => Err(error),
                Attempt::Again(again) => Err(again.into_error(1)),
            }
        }
        4 => http::parse(std::str::from_utf8(bytes).ok()?).map(|url| http::origin(&url)),
        _ => return None,
    })
}
