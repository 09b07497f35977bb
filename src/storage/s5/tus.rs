//! Resumable uploads: the tus 1.0.0 protocol as S5 nodes speak it.

use super::{
    S5Store,
    http::{Answer, Call},
    retry::{Again, Attempt},
    upload::Source,
};
use crate::storage::{ContentAddress, StoreError, cid, multibase};
use reqwest::{Method, Url};

const WHAT: &str = "a resumable upload";
const RESUMABLE: (&str, &str) = ("tus-resumable", "1.0.0");
/// How often an upload that the node forgot is begun anew: nodes keep them in memory only.
const MAX_RESTARTS: u32 = 2;

/// Where an upload stands with the node.
enum Progress {
    Complete,
    /// The node does not know it, or not any more.
    Forgotten,
}

impl S5Store {
    /// Takes an upload up where an earlier call left it, or begins it, and carries it through.
    pub(super) fn upload_in_pieces(&self, source: &Source<'_>, address: &ContentAddress) -> Result<(), StoreError> {
        let known = self.sessions.load(self.endpoint(), address);
        // What a file says is checked as what the node says.
        let mut session = known.and_then(|location| self.session_url(&location).ok());
        let resumed = session.is_some();
        for _ in 0..=MAX_RESTARTS {
            let (location, offset) = match session.take() {
                Some(location) => (location, None),
                None => match self.begin(address)? {
                    Some(location) => (location, Some(0)),
                    None => {
                        return self.confirm(address, "it says that it has the content already, and does not have it");
                    }
                },
            };
            self.sessions.save(self.endpoint(), address, location.as_str())?;
            let progress = self.send(&location, source, address, offset)?;
            self.sessions.forget(self.endpoint(), address);
            match progress {
                Progress::Complete => {
                    return self.confirm(address, "it took every byte, and does not have the content").map_err(
                        |error| {
                            // A changed file is the likelier reason.
                            source.check_unchanged(address, None).err().unwrap_or(error)
                        },
                    );
                }
                Progress::Forgotten => {
                    tracing::debug!(resumed, "the S5 node does not know the upload; it is begun anew")
                }
            }
        }
        source.check_unchanged(address, None)?;
        Err(self.http.misbehaved(WHAT, "it forgot the upload again and again, or refuses its hash"))
    }

    /// Announces an upload; `None` when the node has the content.
    fn begin(&self, address: &ContentAddress) -> Result<Option<Url>, StoreError> {
        let url = self.url("s5/upload/tus")?;
        let hash = multibase::encode_base64(cid::multihash(address, self.dialect).as_bytes());
        let answer = self.retries.run(|| {
            let call = Call::new(Method::POST, url.clone())
                .header(RESUMABLE.0, RESUMABLE.1)
                .header("upload-length", address.size().to_string())
                .header("upload-metadata", format!("hash {hash}"));
            self.http.exchange(WHAT, call)
        })?;
        match answer.status {
            201 => {
                let location = answer.header("location");
                let location = location.ok_or_else(|| self.http.misbehaved(WHAT, "it does not say where to upload"))?;
                self.session_url(location).map(Some)
            }
            409 => Ok(None),
            _ => Err(self.http.refusal(WHAT, &answer)),
        }
    }

    /// Uploads go to the node itself: content and token are for nobody else.
    pub(super) fn session_url(&self, location: &str) -> Result<Url, StoreError> {
        let url = self.url(location)?;
        if self.http.is_own(&url) {
            return Ok(url);
        }
        Err(self.http.misbehaved(WHAT, "it sends the upload to another host"))
    }

    /// Sends piece after piece. `offset` is `None` when only the node knows how much it has.
    fn send(
        &self,
        location: &Url,
        source: &Source<'_>,
        address: &ContentAddress,
        mut offset: Option<u64>,
    ) -> Result<Progress, StoreError> {
        // A node may take less than it is sent, but not byte by byte.
        let most_requests = 16 + 4 * (address.size() / self.piece_bytes + 1);
        for _ in 0..most_requests {
            let before = offset;
            let after = self.retries.run(|| {
                let at = match offset.take() {
                    Some(at) => at,
                    None => match self.ask_offset(location, address)? {
                        Some(at) => at,
                        None => return Ok(None),
                    },
                };
                if at == address.size() { Ok(Some(at)) } else { self.send_piece(location, source, address, at) }
            })?;
            match after {
                None => return Ok(Progress::Forgotten),
                Some(at) if at == address.size() => return Ok(Progress::Complete),
                Some(at) => {
                    tracing::debug!(sent = at, of = address.size(), resumed_at = before, "S5 upload");
                    offset = Some(at);
                }
            }
        }
        Err(self.http.misbehaved(WHAT, "it takes too few bytes at a time"))
    }

    /// How much the node has; `None` when it knows nothing of the upload.
    fn ask_offset(&self, location: &Url, address: &ContentAddress) -> Result<Option<u64>, Attempt> {
        let call = Call::new(Method::HEAD, location.clone()).header(RESUMABLE.0, RESUMABLE.1);
        let answer = self.http.exchange(WHAT, call)?;
        match answer.status {
            200 | 204 => self.offset_of(&answer, address).map(Some).map_err(Attempt::Final),
            404 | 410 => Ok(None),
            _ => Err(self.http.refusal(WHAT, &answer).into()),
        }
    }

    /// Sends the piece at `at` and returns how much the node has then; `None` when it knows nothing of the upload.
    fn send_piece(
        &self,
        location: &Url,
        source: &Source<'_>,
        address: &ContentAddress,
        at: u64,
    ) -> Result<Option<u64>, Attempt> {
        let bytes = self.piece_bytes.min(address.size() - at);
        let call = Call::new(Method::PATCH, location.clone())
            .header(RESUMABLE.0, RESUMABLE.1)
            .header("upload-offset", at.to_string())
            .header("content-type", "application/offset+octet-stream")
            .body(source.piece(at, bytes)?);
        let answer = self.http.exchange(WHAT, call)?;
        match answer.status {
            // Some nodes give the offset only with the last piece.
            200 | 204 if answer.header("upload-offset").is_none() => {
                self.advanced(self.ask_offset(location, address)?, at)
            }
            200 | 204 => self.advanced(Some(self.offset_of(&answer, address)?), at),
            404 | 410 => Ok(None),
            // The node has another offset: the next attempt asks for it.
            409 => Err(Attempt::Again(Again::Refused(self.http.refusal(WHAT, &answer)))),
            _ => Err(self.http.refusal(WHAT, &answer).into()),
        }
    }

    fn advanced(&self, offset: Option<u64>, before: u64) -> Result<Option<u64>, Attempt> {
        match offset {
            Some(at) if at <= before => Err(self
                .http
                .misbehaved(WHAT, &format!("it has {at} bytes after it took those from {before} on"))
                .into()),
            other => Ok(other),
        }
    }

    pub(super) fn offset_of(&self, answer: &Answer, address: &ContentAddress) -> Result<u64, StoreError> {
        let offset = answer.header("upload-offset").and_then(|text| text.parse().ok());
        match offset {
            Some(offset) if offset <= address.size() => Ok(offset),
            Some(offset) => {
                let size = address.size();
                Err(self.http.misbehaved(WHAT, &format!("it has {offset} bytes of an upload of {size}")))
            }
            None => Err(self.http.misbehaved(WHAT, "it does not say how many bytes it has")),
        }
    }
}
