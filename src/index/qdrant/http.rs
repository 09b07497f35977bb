//! Requests to a Qdrant server, and its answers.

use crate::{index::IndexError, net};
use reqwest::{Client, Method, StatusCode, Url, header::CONTENT_TYPE, redirect::Policy};
use serde_json::Value;
use std::{fmt, time::Duration};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// A thousand answers with their payloads have a few megabytes.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// The most that is shown of the server's words.
const MAX_WORDS: usize = 300;

/// A server, and a thread that drives the connection to it.
pub(super) struct Rest {
    client: Client,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    base: Url,
    key: Option<Zeroizing<String>>,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").field("base", &self.shown()).finish_non_exhaustive()
    }
}

impl Rest {
    pub(super) fn new(address: &str, key: Option<String>) -> Result<Self, IndexError> {
        let bad = |reason: String| IndexError::Unreachable { endpoint: "the given address".into(), reason };
        let mut base = Url::parse(address).map_err(|error| bad(error.to_string()))?;
        let is_here = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match base.scheme() {
            "https" => {}
            "http" if is_here || key.is_none() => {}
            "http" => return Err(bad("the key would cross the network in clear text: use https".into())),
            _ => return Err(bad("it does not begin with http:// or https://".into())),
        }
        if base.cannot_be_a_base() || !base.username().is_empty() || base.password().is_some() {
            return Err(bad("it is the address of no server".into()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let client = net::client(&base, b"").map_err(bad)?.connect_timeout(CONNECT).timeout(ANSWER);
        // The key stays with the server that it is for.
        let client = client.redirect(Policy::none()).build().map_err(|error| bad(net::root_cause(&error)))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("zkinfer-qdrant")
            .enable_all()
            .build()
            .map_err(|error| bad(format!("no thread for the network: {error}")))?;
        Ok(Self { client, runtime: Some(runtime), base, key: key.map(Zeroizing::new) })
    }

    /// Scheme, host and port.
    pub(super) fn shown(&self) -> String {
        let port = self.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.base.scheme(), self.base.host_str().unwrap_or("?"))
    }

    /// The `result` of an answer; `None` when there is nothing of that name (404).
    pub(super) fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Option<Value>, IndexError> {
        let (status, bytes) = self.exchange(method, path, body)?;
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        if status.is_success() {
            let result = answer.and_then(|mut answer| answer.get_mut("result").map(Value::take));
            return result.map(Some).ok_or_else(|| self.misbehaved("its answer is not what its API describes"));
        }
        // An error is `{"status": {"error": "…"}, …}`; of proxies before it anything else.
        let words = answer.as_ref().and_then(|answer| answer["status"]["error"].as_str()).unwrap_or("without a word");
        let words: String = words.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect();
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(IndexError::Unreachable {
                endpoint: self.shown(),
                reason: format!("it wants another key ({status})"),
            }),
            _ => Err(self.misbehaved(&format!("{status}, {words}"))),
        }
    }

    pub(super) fn misbehaved(&self, reason: &str) -> IndexError {
        IndexError::Database { path: self.shown(), reason: reason.into() }
    }

    fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Vec<u8>), IndexError> {
        let url = self.base.join(path).map_err(|error| self.misbehaved(&error.to_string()))?;
        let mut request = self.client.request(method, url);
        if let Some(key) = &self.key {
            request = request.header("api-key", key.as_str());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let endpoint = self.shown();
        let Some(runtime) = &self.runtime else { return Err(self.misbehaved("it was closed")) };
        let work = async {
            let mut response = request.send().await?;
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > MAX_ANSWER_BYTES {
                    break;
                }
            }
            Ok::<_, reqwest::Error>((response.status(), bytes))
        };
        // On a thread of its own, so that it works wherever it is called from.
        let done = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join());
        match done {
            Ok(Ok((_, bytes))) if bytes.len() > MAX_ANSWER_BYTES => Err(self.misbehaved("its answer has no end")),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.is_connect() => {
                Err(IndexError::Unreachable { endpoint, reason: net::root_cause(&error) })
            }
            Ok(Err(error)) => Err(IndexError::Lost { endpoint, reason: net::root_cause(&error) }),
            Err(_) => Err(self.misbehaved("the thread of the network is gone")),
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        // Dropped within another runtime, one that waits would panic.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
