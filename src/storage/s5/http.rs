//! Requests and answers: one attempt at a time, every one with limits.

use super::{
    BearerToken,
    retry::{Again, Attempt},
};
use crate::{net, storage::StoreError};
use reqwest::{
    Body, Client, Error as NetError, Method, RequestBuilder, Response, Url,
    header::{AUTHORIZATION, HeaderMap},
    redirect::Policy,
};
use std::{future::Future, time::Duration};
use tokio::runtime::Runtime;

/// The most that is read of an answer that is not content.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The most that is shown of a node's words.
const MAX_MESSAGE_CHARS: usize = 200;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Content may come and go this slowly, in bytes per second.
const LEAST_RATE: u64 = 64 * 1024;

/// A node, and a thread that drives the connections to it.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    endpoint: Url,
    shown: String,
    token: Option<BearerToken>,
    time_limit: Duration,
}

/// A request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) const fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

/// An answer that is no content: small, and read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Http {
    pub(super) fn new(
        endpoint: &str,
        token: Option<BearerToken>,
        token_in_clear: bool,
        extra_roots: &[u8],
        time_limit: Duration,
    ) -> Result<Self, StoreError> {
        let endpoint = parse(endpoint)?;
        let shown = origin(&endpoint);
        let bad = |reason: String| StoreError::BadEndpoint { endpoint: shown.clone(), reason };
        if token.is_some() && !token_in_clear && !is_private(&endpoint) {
            return Err(bad(
                "the token would cross the network in clear text; use the node's https address, or allow it \
                            explicitly"
                    .into(),
            ));
        }
        let client = net::client(&endpoint, extra_roots)
            .map_err(bad)?
            .connect_timeout(CONNECT_LIMIT.min(time_limit))
            .read_timeout(time_limit)
            // Redirects are followed here, where it is seen to that the token stays behind.
            .redirect(Policy::none())
            .build()
            .map_err(|error| bad(net::root_cause(&error)))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("zkinfer-s5")
            .enable_all()
            .build()
            .map_err(|error| bad(format!("no thread for the network: {error}")))?;
        Ok(Self { client, runtime: Some(runtime), endpoint, shown, token, time_limit })
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) const fn time_limit(&self) -> Duration {
        self.time_limit
    }

    pub(super) fn url(&self, path: &str) -> Result<Url, StoreError> {
        self.endpoint.join(path).map_err(|error| self.misbehaved("an address", &error.to_string()))
    }

    /// Whether an address is the node's own: what may see the token.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.endpoint.origin()
    }

    /// One request, its answer read to the end. Statuses that may pass are [`Attempt::Again`]; others are answers.
    pub(super) fn exchange(&self, what: &str, call: Call) -> Result<Answer, Attempt> {
        let limit = self.limit_for(call.body.len() as u64);
        let answer = self.block_on(limit, async {
            let response = self.prepare(call).send().await.map_err(|error| self.broken(&error))?;
            self.read_answer(response).await
        })?;
        if is_passing(answer.status) { Err(self.classify(what, &answer)) } else { Ok(answer) }
    }

    /// The failure for an answer that is not the one hoped for, and whether to try again.
    pub(super) fn classify(&self, what: &str, answer: &Answer) -> Attempt {
        let error = self.refusal(what, answer);
        if is_passing(answer.status) { Attempt::Again(Again::Refused(error)) } else { Attempt::Final(error) }
    }

    pub(super) fn prepare(&self, call: Call) -> RequestBuilder {
        let own = self.is_own(&call.url);
        let mut request = self.client.request(call.method, call.url);
        if let Some(header) = self.token.as_ref().filter(|_| own).and_then(BearerToken::header) {
            request = request.header(AUTHORIZATION, header);
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if call.body.is_empty() { request } else { request.body(Body::from(call.body)) }
    }

    /// Reads at most 64 KiB; an endless answer is cut off there.
    pub(super) async fn read_answer(&self, mut response: Response) -> Result<Answer, Attempt> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(|error| self.broken(&error))? {
            body.extend_from_slice(&bytes[..bytes.len().min(MAX_ANSWER_BYTES - body.len())]);
            if body.len() == MAX_ANSWER_BYTES {
                break;
            }
        }
        Ok(Answer { status, headers, body })
    }

    /// Runs a future on a thread of its own, so that it works wherever it is called from, within a time.
    pub(super) fn block_on<T: Send>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Attempt>> + Send,
    ) -> Result<T, Attempt> {
        let Some(runtime) = &self.runtime else { return Err(StoreError::Stopped.into()) };
        let work = async move {
            let silent = Again::Silent { endpoint: self.shown.clone(), limit };
            tokio::time::timeout(limit, work).await.unwrap_or(Err(Attempt::Again(silent)))
        };
        std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join())
            .unwrap_or(Err(Attempt::Final(StoreError::Stopped)))
    }

    /// The time for a request with so much content.
    pub(super) fn limit_for(&self, bytes: u64) -> Duration {
        self.time_limit.saturating_add(Duration::from_secs(bytes / LEAST_RATE))
    }

    pub(super) fn broken(&self, error: &NetError) -> Attempt {
        let endpoint = self.shown.clone();
        if error.is_timeout() {
            return Attempt::Again(Again::Silent { endpoint, limit: self.time_limit });
        }
        let reason = net::root_cause(error);
        if error.is_builder() {
            return self.misbehaved("a request", &reason).into();
        }
        if net::tls_failure(error).is_some() {
            return StoreError::Unreachable { endpoint, reason, attempts: 1 }.into();
        }
        Attempt::Again(Again::Broken { endpoint, reason })
    }

    pub(super) fn misbehaved(&self, what: &str, reason: &str) -> StoreError {
        StoreError::Misbehaved { endpoint: self.shown.clone(), what: what.into(), reason: reason.into() }
    }

    pub(super) fn redirect(&self, from: &Url, reason: String) -> StoreError {
        StoreError::Redirect { endpoint: origin(from), reason }
    }

    /// The error for an answer that is not the one hoped for.
    pub(super) fn refusal(&self, what: &str, answer: &Answer) -> StoreError {
        let endpoint = self.shown.clone();
        match answer.status {
            status @ (401 | 403) => StoreError::Unauthorized { endpoint, status },
            300..=399 => self.redirect(
                &self.endpoint,
                format!("it answers {what} with HTTP {}; give the address that it leads to", answer.status),
            ),
            status => StoreError::Refused { endpoint, what: what.into(), status, message: self.message(&answer.body) },
        }
    }

    /// The beginning of a node's words, on one line, without the token that it may echo.
    fn message(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let text = self.token.as_ref().map_or_else(|| text.to_string(), |token| token.redact(&text));
        let line = text.split(|char: char| char.is_control() || char.is_whitespace()).filter(|word| !word.is_empty());
        let line: String = line.collect::<Vec<_>>().join(" ").chars().take(MAX_MESSAGE_CHARS).collect();
        if line.is_empty() { line } else { format!(" ({line})") }
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        // Also on a thread of an async runtime, where waiting for the end would panic.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Whether a status may be another one next time.
const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Scheme, host and port: no path, which may hold an access key.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

pub(super) fn parse(endpoint: &str) -> Result<Url, StoreError> {
    let bad = |shown: &str, reason: &str| StoreError::BadEndpoint { endpoint: shown.into(), reason: reason.into() };
    // What cannot be parsed is not shown: it may hold a password.
    let mut url =
        Url::parse(endpoint).map_err(|error| bad("…", &format!("{error}; give one such as http://127.0.0.1:5050")))?;
    let shown = origin(&url);
    if let Some(reason) = scheme_refusal(&url) {
        return Err(bad(&shown, &reason));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(bad(
            &shown,
            "the address has a user, a password, a query or a fragment; give the token separately",
        ));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Why an address of this scheme is not used.
pub(super) fn scheme_refusal(url: &Url) -> Option<String> {
    match url.scheme() {
        "http" | "https" if url.host().is_some() => None,
        other => Some(format!("`{other}:` is no http address")),
    }
}

/// Whether nobody on the way can read what is sent there: it is encrypted, or stays on this machine.
fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_this_machine(url)
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
