//! Reading from a node: redirects, limits, hashing.

use super::{
    S5Store,
    http::{self, Call},
    retry::{Again, Attempt},
};
use crate::storage::{ContentAddress, StoreError, address::AddressHasher};
use reqwest::{Method, Response, Url, header::LOCATION};

/// How many redirects are followed, one after the other.
const MAX_REDIRECTS: usize = 5;
/// The two ways to content: through the node, and from where it says that it is.
const ROUTES: [&str; 2] = ["s5/download/", "s5/blob/"];

impl S5Store {
    /// Reads content into a value that starts empty.
    pub(super) fn fetch<T: Send + Default>(
        &self,
        address: &ContentAddress,
        mut into: T,
        mut add: impl FnMut(&mut T, &[u8]) -> Result<(), StoreError> + Send,
    ) -> Result<T, StoreError> {
        let clear = |into: &mut T| {
            *into = T::default();
            Ok(())
        };
        self.fetch_again(address, &mut into, clear, &mut add)?;
        Ok(into)
    }

    /// Reads content by one route after the other until it is found, beginning anew (`clear`) with every attempt. When
    /// this succeeds, what was added is what the address stands for.
    pub(super) fn fetch_again<T: Send>(
        &self,
        address: &ContentAddress,
        into: &mut T,
        mut clear: impl FnMut(&mut T) -> Result<(), StoreError> + Send,
        mut add: impl FnMut(&mut T, &[u8]) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        self.check_size(|| format!("the content of {address}"), address.size())?;
        let limit = self.http.limit_for(address.size());
        for route in ROUTES {
            let url = self.url(&format!("{route}{}", self.cid(address)))?;
            let found = self.retries.run(|| {
                clear(into)?;
                let attempt = self.attempt(&url, address, |bytes| add(into, bytes));
                self.http.block_on(limit, attempt)
            })?;
            if found {
                return Ok(());
            }
        }
        Err(self.not_found(address))
    }

    /// Whether the content is there; then it has been added and is the right one.
    async fn attempt(
        &self,
        url: &Url,
        address: &ContentAddress,
        mut add: impl FnMut(&[u8]) -> Result<(), StoreError> + Send,
    ) -> Result<bool, Attempt> {
        let mut response = self.follow(url, None).await?;
        match response.status().as_u16() {
            200 => {}
            404 | 410 => return Ok(false),
            _ => return Err(self.refused(response).await),
        }
        // A wrong length that is announced need not be read first.
        if let Some(bytes) = response.content_length().filter(|&bytes| bytes != address.size()) {
            return Err(self.corrupt(address, format!("{bytes} bytes")).into());
        }
        let mut hasher = AddressHasher::default();
        while let Some(bytes) = response.chunk().await.map_err(|error| self.http.broken(&error))? {
            hasher.update(&bytes);
            if hasher.size() > address.size() {
                return Err(self.corrupt(address, format!("more than {} bytes", address.size())).into());
            }
            add(&bytes)?;
        }
        let found = hasher.finish();
        if found.size() < address.size() {
            // A connection that was cut looks the same when no length was announced.
            let reason = format!("the content ended after {} of {} bytes", found.size(), address.size());
            return Err(Attempt::Again(Again::Broken { endpoint: self.endpoint().into(), reason }));
        }
        if found == *address { Ok(true) } else { Err(self.corrupt(address, found.to_string()).into()) }
    }

    /// Asks for one byte: there is no cheaper question that all nodes answer.
    pub(super) fn answers_for(&self, address: &ContentAddress) -> Result<bool, StoreError> {
        for route in ROUTES {
            let url = self.url(&format!("{route}{}", self.cid(address)))?;
            let found = self.retries.run(|| {
                self.http.block_on(self.http.time_limit(), async {
                    let response = self.follow(&url, Some("bytes=0-0")).await?;
                    match response.status().as_u16() {
                        // 416: content without a first byte.
                        200 | 206 | 416 => Ok(true),
                        404 | 410 => Ok(false),
                        _ => Err(self.refused(response).await),
                    }
                })
            })?;
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends a GET and follows redirects: a few, never from https to http, and without the token on other hosts.
    async fn follow(&self, start: &Url, range: Option<&str>) -> Result<Response, Attempt> {
        let mut url = start.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut call = Call::new(Method::GET, url.clone());
            if let Some(range) = range {
                call = call.header("range", range);
            }
            let response = self.http.prepare(call).send().await.map_err(|error| self.http.broken(&error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let status = response.status().as_u16();
            let location =
                location.ok_or_else(|| self.http.redirect(&url, format!("HTTP {status} without an address")))?;
            url = self.target(&url, location)?;
        }
        Err(self.http.redirect(&url, format!("more than {MAX_REDIRECTS} redirects, one after the other")).into())
    }

    /// Where a redirect leads.
    pub(super) fn target(&self, from: &Url, location: &str) -> Result<Url, StoreError> {
        let refuse = |reason: String| self.http.redirect(from, reason);
        let target = from.join(location).map_err(|error| refuse(format!("its target is no address: {error}")))?;
        if let Some(reason) = http::scheme_refusal(&target) {
            return Err(refuse(format!("its target is not used: {reason}")));
        }
        if from.scheme() == "https" && target.scheme() != "https" {
            return Err(refuse("its target is not encrypted, and it is".into()));
        }
        if !target.username().is_empty() || target.password().is_some() {
            return Err(refuse("its target has a user or a password".into()));
        }
        Ok(target)
    }

    async fn refused(&self, response: Response) -> Attempt {
        match self.http.read_answer(response).await {
            Ok(answer) => self.http.classify("a download", &answer),
            Err(attempt) => attempt,
        }
    }

    fn corrupt(&self, address: &ContentAddress, found: String) -> StoreError {
        StoreError::Corrupt { store: self.name(), address: *address, found }
    }
}
