//! S5 nodes over HTTP as a content store. **Against a live S5 node: unverified.** The tests run it against a server of
//! their own, which shows that it keeps to the documented interface as it is understood here, and that it survives a
//! node that lies, cuts, stalls or refuses.

mod fetch;
pub(crate) mod fuzzing;
mod http;
mod options;
mod retry;
mod sessions;
mod token;
mod tus;
mod upload;

pub use options::S5Options;
pub use retry::{Pause, RetryPolicy, SleepingPause};
pub use token::BearerToken;

use super::{Base, CidDialect, ContentAddress, ContentStore, StoreError, cache::folder_of, store::check_in_memory};
use http::{Answer, Call, Http};
use reqwest::{Method, Url};
use retry::Retries;
use sessions::Sessions;
use std::{fs::File, path::Path};
use tempfile::NamedTempFile;
use upload::Source;

/// The most that is sent in one request; what is larger goes by tus, piece by piece.
pub const MAX_SINGLE_UPLOAD_BYTES: u64 = 32 * 1024 * 1024;

/// One S5 node.
///
/// Calls block the calling thread; they may be made from any thread, also from one that runs an async runtime, which they
/// then hold up. Each request has a time limit; what fails for a reason that may pass is tried again after a pause that
/// doubles.
#[derive(Debug)]
pub struct S5Store {
    http: Http,
    retries: Retries,
    sessions: Sessions,
    dialect: CidDialect,
    single_upload_bytes: u64,
    piece_bytes: u64,
    max_object_bytes: u64,
}

impl S5Store {
    /// A node that needs no token, with the options' defaults, such as `http://127.0.0.1:5050`. No request is made yet.
    ///
    /// # Errors
    /// [`StoreError::BadEndpoint`].
    pub fn connect(endpoint: &str) -> Result<Self, StoreError> {
        Self::with_options(endpoint, S5Options::default())
    }

    /// A node.
    ///
    /// # Errors
    /// [`StoreError::BadEndpoint`] when the address is none, would send the token in clear text to another machine, or is
    /// `https` where there are no certificates to check its own with.
    pub fn with_options(endpoint: &str, options: S5Options) -> Result<Self, StoreError> {
        let http =
            Http::new(endpoint, options.token, options.token_in_clear, &options.extra_roots, options.time_limit)?;
        Ok(Self {
            http,
            retries: Retries::new(options.retry, options.pause),
            sessions: Sessions::in_folder(options.resume_in),
            dialect: options.dialect,
            single_upload_bytes: options.single_upload_bytes.min(MAX_SINGLE_UPLOAD_BYTES),
            piece_bytes: options.piece_bytes.max(1),
            max_object_bytes: options.max_object_bytes,
        })
    }

    /// Scheme, host and port of the node.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.http.shown()
    }

    /// Asks the node to keep content that it, or another node it knows, has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn pin(&self, address: &ContentAddress) -> Result<(), StoreError> {
        let url = self.url(&format!("s5/pin/{}", self.cid(address)))?;
        let answer = self.ask("a pin", Method::POST, &url)?;
        match answer.status {
            200..=299 => Ok(()),
            404 => Err(self.not_found(address)),
            _ => Err(self.http.refusal("a pin", &answer)),
        }
    }

    fn cid(&self, address: &ContentAddress) -> String {
        // What nodes print themselves: base 58 in the old dialect, base 32 in the new one.
        let base = if self.dialect == CidDialect::Raw { Base::Base58Btc } else { Base::Base32 };
        address.to_cid(self.dialect, base)
    }

    fn url(&self, path: &str) -> Result<Url, StoreError> {
        self.http.url(path)
    }

    /// A request without a body, tried again as long as that may help.
    fn ask(&self, what: &str, method: Method, url: &Url) -> Result<Answer, StoreError> {
        self.retries.run(|| self.http.exchange(what, Call::new(method.clone(), url.clone())))
    }

    fn not_found(&self, address: &ContentAddress) -> StoreError {
        StoreError::NotFound { store: self.name(), address: *address }
    }

    fn name(&self) -> String {
        format!("the S5 node at {}", self.endpoint())
    }

    fn check_size(&self, what: impl FnOnce() -> String, bytes: u64) -> Result<(), StoreError> {
        let limit = self.max_object_bytes;
        if bytes > limit { Err(StoreError::TooLarge { what: what(), bytes, limit }) } else { Ok(()) }
    }
}

impl ContentStore for S5Store {
    fn put(&self, content: &[u8]) -> Result<ContentAddress, StoreError> {
        let address = ContentAddress::of(content);
        self.upload(&Source::Memory(content), &address)?;
        Ok(address)
    }

    fn put_file(&self, path: &Path) -> Result<ContentAddress, StoreError> {
        let file = File::open(path).map_err(StoreError::io(path))?;
        // Before it is hashed, which takes a while for what is too large anyway.
        self.check_size(|| path.display().to_string(), file.metadata().map_err(StoreError::io(path))?.len())?;
        let address = ContentAddress::of_reader(&file).map_err(StoreError::io(path))?;
        self.upload(&Source::File { file: &file, path }, &address)?;
        Ok(address)
    }

    fn get(&self, address: &ContentAddress) -> Result<Vec<u8>, StoreError> {
        check_in_memory(address)?;
        // Grows with what comes: the address may promise more than the node has.
        self.fetch(address, Vec::new(), |content, bytes| {
            content.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn get_file(&self, address: &ContentAddress, to: &Path) -> Result<(), StoreError> {
        use std::io::{Seek, Write};
        let folder = folder_of(to);
        let staged = NamedTempFile::new_in(folder).map_err(StoreError::io(to))?;
        self.fetch_again(
            address,
            &mut &staged,
            |file| {
                let mut file = file.as_file();
                file.set_len(0).and_then(|()| file.rewind()).map_err(StoreError::io(to))
            },
            |file, bytes| file.as_file().write_all(bytes).map_err(StoreError::io(to)),
        )?;
        staged.as_file().sync_all().map_err(StoreError::io(to))?;
        staged.persist(to).map_err(|error| error.error).map_err(StoreError::io(to))?;
        Ok(())
    }

    fn has(&self, address: &ContentAddress) -> Result<bool, StoreError> {
        self.answers_for(address)
    }

    fn delete(&self, address: &ContentAddress) -> Result<bool, StoreError> {
        let url = self.url(&format!("s5/delete/{}", self.cid(address)))?;
        let answer = self.ask("a deletion", Method::DELETE, &url)?;
        match answer.status {
            200..=299 => Ok(true),
            404 | 410 => Ok(false),
            _ => Err(self.http.refusal("a deletion", &answer)),
        }
    }
}
