//! What every content store does, and how it fails.

use super::{CidError, ContentAddress};
use crate::FailureClass;
use std::{path::Path, time::Duration};

/// Keeps bytes under the address that they make themselves.
///
/// Nothing that a store returns is believed: **every read is hashed again**, and bytes of another address are an error,
/// never a result. Reads into files are whole or not at all. Calls block; they may be made from many threads at once.
pub trait ContentStore: Send + Sync + std::fmt::Debug {
    /// Stores bytes. Storing what is there already is no error.
    ///
    /// # Errors
    /// [`StoreError`]; then they may be there or not, never in part.
    fn put(&self, content: &[u8]) -> Result<ContentAddress, StoreError>;

    /// Stores a file, without holding it in memory.
    ///
    /// # Errors
    /// As [`ContentStore::put`]; [`StoreError::ChangedWhileRead`] when somebody writes to the file meanwhile.
    fn put_file(&self, path: &Path) -> Result<ContentAddress, StoreError>;

    /// Reads into memory at most [`MAX_IN_MEMORY_BYTES`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Corrupt`] when other bytes were found; [`StoreError::TooLarge`]: use
    /// [`ContentStore::get_file`].
    fn get(&self, address: &ContentAddress) -> Result<Vec<u8>, StoreError>;

    /// Reads into a file, which is replaced only when everything was read and hashed.
    ///
    /// # Errors
    /// As [`ContentStore::get`], without its limit; the file is then as it was.
    fn get_file(&self, address: &ContentAddress, to: &Path) -> Result<(), StoreError>;

    /// Whether the store says that it has the bytes. Nothing is read: only a read tells whether they are the right ones.
    ///
    /// # Errors
    /// [`StoreError`] when there is no answer.
    fn has(&self, address: &ContentAddress) -> Result<bool, StoreError>;

    /// Removes the bytes; whether they were there, as far as the store tells.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete(&self, address: &ContentAddress) -> Result<bool, StoreError>;
}

/// The most that [`ContentStore::get`] returns, in bytes. Bundles are far smaller.
pub const MAX_IN_MEMORY_BYTES: u64 = 256 * 1024 * 1024;

/// Why a content store did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Not there.
    #[error("{store} has no content with the address {address}")]
    NotFound {
        /// Which store.
        store: String,
        /// What was looked for.
        address: ContentAddress,
    },
    /// Other bytes than the address stands for: a damaged disk, or a store that lies.
    #[error(
        "{store} gave other bytes than {address} stands for ({found}); nothing was kept. Fetch it from another store"
    )]
    Corrupt {
        /// Which store.
        store: String,
        /// What was asked for.
        address: ContentAddress,
        /// What came.
        found: String,
    },
    /// More than a limit.
    #[error("{what} has {bytes} bytes, and the limit is {limit}")]
    TooLarge {
        /// What it is.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// There is no room.
    #[error(
        "{store} holds {used} of {limit} bytes and has no room for {needed} more; delete something or raise the limit"
    )]
    Full {
        /// Which store.
        store: String,
        /// What it holds, in bytes.
        used: u64,
        /// What it may hold, in bytes.
        limit: u64,
        /// What was to be added, in bytes.
        needed: u64,
    },
    /// The file changed while it was stored.
    #[error("{path} changed while it was read; store it again when nobody writes to it")]
    ChangedWhileRead {
        /// The file.
        path: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// An address that cannot be read.
    #[error(transparent)]
    Cid(#[from] CidError),
    /// The node's address or the token cannot be used.
    #[error("`{endpoint}` cannot be used as an S5 node: {reason}")]
    BadEndpoint {
        /// What was given, without any password.
        endpoint: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// No connection, or it broke; the last of all attempts.
    #[error(
        "the S5 node at {endpoint} cannot be reached or broke the connection ({reason}; {attempts} attempts); check that it runs"
    )]
    Unreachable {
        /// Scheme, host and port.
        endpoint: String,
        /// The root cause.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// No answer in time; the last of all attempts.
    #[error("the S5 node at {endpoint} did not answer within {limit:?} ({attempts} attempts)")]
    TimedOut {
        /// Scheme, host and port.
        endpoint: String,
        /// How long one attempt may take.
        limit: Duration,
        /// How often it was tried.
        attempts: u32,
    },
    /// The node wants a token, or another one.
    #[error("the S5 node at {endpoint} refuses the request (HTTP {status}): give a bearer token that is valid there")]
    Unauthorized {
        /// Scheme, host and port.
        endpoint: String,
        /// 401 or 403.
        status: u16,
    },
    /// The node refused.
    #[error("the S5 node at {endpoint} refused {what}: HTTP {status}{message}")]
    Refused {
        /// Scheme, host and port.
        endpoint: String,
        /// What it was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of its words, if any.
        message: String,
    },
    /// The node's answer cannot be, or contradicts what it was given.
    #[error("the S5 node at {endpoint} does not behave as one ({what}: {reason}); use another node")]
    Misbehaved {
        /// Scheme, host and port.
        endpoint: String,
        /// What it was asked for.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// A redirect that is not followed.
    #[error("the S5 node at {endpoint} redirects in a way that is not followed: {reason}")]
    Redirect {
        /// Scheme, host and port of who redirected.
        endpoint: String,
        /// Why not.
        reason: String,
    },
    /// The store's own thread is gone.
    #[error("the network thread of the store ended; this is a defect of zkinfer: please report it")]
    Stopped,
}

impl StoreError {
    /// Whose fault it is. Bytes of another address are [`FailureClass::Environment`]: nothing has been said about a proof.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::TooLarge { .. } | Self::Cid(_) | Self::BadEndpoint { .. } => FailureClass::BadInput,
            Self::Stopped => FailureClass::Internal,
            _ => FailureClass::Environment,
        }
    }

    /// For `map_err` on file operations.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { path, source }
    }
}

/// Refuses to read into memory what is too large for it.
pub(super) fn check_in_memory(address: &ContentAddress) -> Result<(), StoreError> {
    if address.size() > MAX_IN_MEMORY_BYTES {
        let what = format!("the content of {address}");
        return Err(StoreError::TooLarge { what, bytes: address.size(), limit: MAX_IN_MEMORY_BYTES });
    }
    Ok(())
}
