use super::{BearerToken, MAX_SINGLE_UPLOAD_BYTES, Pause, RetryPolicy, SleepingPause};
use crate::storage::CidDialect;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// How to speak to a node.
#[derive(Clone, Debug)]
#[must_use]
pub struct S5Options {
    pub(super) token: Option<BearerToken>,
    pub(super) token_in_clear: bool,
    pub(super) extra_roots: Vec<u8>,
    pub(super) time_limit: Duration,
    pub(super) retry: RetryPolicy,
    pub(super) pause: Arc<dyn Pause>,
    pub(super) resume_in: Option<PathBuf>,
    pub(super) dialect: CidDialect,
    pub(super) single_upload_bytes: u64,
    pub(super) piece_bytes: u64,
    pub(super) max_object_bytes: u64,
}

impl S5Options {
    /// How long a node may be silent, and how long a request without content may take.
    pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(30);
    /// The largest object that is stored or fetched, in bytes.
    pub const DEFAULT_MAX_OBJECT_BYTES: u64 = 16 << 30;
    const DEFAULT_PIECE_BYTES: u64 = 8 * 1024 * 1024;

    /// Sends this token to the node, and to nobody else: never along with a redirect to another host.
    pub fn token(mut self, token: BearerToken) -> Self {
        self.token = Some(token);
        self
    }

    /// Sends the token in clear text to another machine, too. Whoever can read the network in between can then use it.
    pub const fn token_in_clear(mut self) -> Self {
        self.token_in_clear = true;
        self
    }

    /// Certificates (PEM) of authorities that are trusted beside the system's, for nodes with one of their own.
    pub fn extra_roots(mut self, pem: Vec<u8>) -> Self {
        self.extra_roots = pem;
        self
    }

    /// How long a node may be silent, and how long a request may take beyond one second for every 64 KiB of content.
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// How often to try, and how long to pause in between.
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// What pauses. The default sleeps.
    pub fn pause(mut self, pause: Arc<dyn Pause>) -> Self {
        self.pause = pause;
        self
    }

    /// Remembers unfinished uploads in this folder, so that a later process takes them up. Without it they are resumed
    /// within one call only.
    pub fn resume_in(mut self, folder: PathBuf) -> Self {
        self.resume_in = Some(folder);
        self
    }

    /// The identifiers that are sent to the node. Both are understood in its answers.
    pub const fn dialect(mut self, dialect: CidDialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The most that goes up in one request, at most [`MAX_SINGLE_UPLOAD_BYTES`].
    pub const fn single_upload_bytes(mut self, bytes: u64) -> Self {
        self.single_upload_bytes = bytes;
        self
    }

    /// The size of the pieces of a resumable upload. One piece is held in memory.
    pub const fn piece_bytes(mut self, bytes: u64) -> Self {
        self.piece_bytes = bytes;
        self
    }

    /// The largest object that is stored or fetched.
    pub const fn max_object_bytes(mut self, bytes: u64) -> Self {
        self.max_object_bytes = bytes;
        self
    }
}

impl Default for S5Options {
    fn default() -> Self {
        Self {
            token: None,
            token_in_clear: false,
            extra_roots: Vec::new(),
            time_limit: Self::DEFAULT_TIME_LIMIT,
            retry: RetryPolicy::default(),
            pause: Arc::new(SleepingPause),
            resume_in: None,
            dialect: CidDialect::Raw,
            single_upload_bytes: MAX_SINGLE_UPLOAD_BYTES,
            piece_bytes: Self::DEFAULT_PIECE_BYTES,
            max_object_bytes: Self::DEFAULT_MAX_OBJECT_BYTES,
        }
    }
}
