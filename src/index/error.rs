use super::note::MAX_DIMENSION;
use crate::{
    FailureClass,
    proof::EncodingError,
    storage::{ContentAddress, StorageError, StoreError},
};
use alloy::primitives::B256;
use std::{path::Path, time::Duration};

/// Why an index did not do what it was asked for. None of these says anything about a proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// An embedding of another length than those of its space.
    #[error("embeddings of the space `{space}` have {expected} numbers, this one has {found}; give it another space")]
    Dimension {
        /// The space.
        space: String,
        /// What the first embedding of the space had.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// An embedding that nothing can be compared with.
    #[error("the embedding cannot be compared with others: {0}")]
    Embedding(String),
    /// The entry has an embedding in this space already, and it is not this one.
    #[error("statement {statement} has another embedding in the space `{space}` already; remove the entry first")]
    OtherEmbedding {
        /// The statement.
        statement: B256,
        /// The space.
        space: String,
    },
    /// An embedding of an input that is hidden.
    #[error(
        "statement {0} hides its inputs, and an embedding tells much of an input: it is entered only with an explicit \
         consent (on the command line --embedding-of-hidden-input)"
    )]
    HiddenInput(B256),
    /// A text or a list is longer than it may be.
    #[error("{what} is longer than {limit}")]
    TooLong {
        /// What.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// A query that cannot be answered.
    #[error("the query cannot be answered: {0}")]
    Query(String),
    /// What this kind of index does not do.
    #[error("{index} cannot do this: {what}")]
    Unsupported {
        /// Which index.
        index: &'static str,
        /// What.
        what: &'static str,
    },
    /// Somebody else writes to the database, and did not stop in time.
    #[error("the index {path} was locked by another process for {waited:?}; nothing was entered")]
    Locked {
        /// The file.
        path: String,
        /// How long it was waited.
        waited: Duration,
    },
    /// The database was written by a later release.
    #[error("the index {path} is of version {found}, and this release reads up to {supported}; use a later release")]
    Newer {
        /// The file, or the server.
        path: String,
        /// Its version.
        found: i64,
        /// The latest that is read.
        supported: i64,
    },
    /// The file is no index, or is damaged.
    #[error("{path} is no usable index ({reason}); move it away and run `zkinfer index rebuild`")]
    Damaged {
        /// The file, or the server.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The database failed.
    #[error("the index {path}: {reason}")]
    Database {
        /// The file, or the server.
        path: String,
        /// What it says.
        reason: String,
    },
    /// There is no server, or it does not let us in.
    #[error("the index server at {endpoint} cannot be used: {reason}")]
    Unreachable {
        /// Scheme, host and port.
        endpoint: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The connection broke in the middle. What was asked for last may have happened or not; entering again is harmless.
    #[error("the index server at {endpoint} went away ({reason}); enter again what was not acknowledged")]
    Lost {
        /// Scheme, host and port.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// Nothing that is held can be opened any more.
    #[error("statement {statement} cannot be opened: {reason}")]
    NotHeld {
        /// The statement.
        statement: B256,
        /// What was tried.
        reason: String,
    },
    /// The file is there, and is another one than was entered.
    #[error("{location} was entered as {expected} and is {found} now; rebuild the index")]
    Changed {
        /// The file.
        location: String,
        /// What was entered.
        expected: ContentAddress,
        /// What is there.
        found: ContentAddress,
    },
    /// A rebuild would lose entries.
    #[error(
        "{lost} entries of the index (the first is {first}) are in none of the given sources; name the missing ones, or \
         let them go with --forget. Nothing was changed"
    )]
    WouldForget {
        /// How many.
        lost: usize,
        /// One of them.
        first: B256,
    },
    /// A note is no note.
    #[error("{path} is no note that `zkinfer` wrote: {reason}")]
    Note {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A bundle cannot be read.
    #[error(transparent)]
    Bundle(#[from] EncodingError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file operation failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl IndexError {
    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Dimension { .. }
            | Self::Embedding(_)
            | Self::OtherEmbedding { .. }
            | Self::HiddenInput(_)
            | Self::TooLong { .. }
            | Self::Query(_)
            | Self::Unsupported { .. }
            | Self::WouldForget { .. }
            | Self::Note { .. }
            | Self::Bundle(_) => FailureClass::BadInput,
            Self::Store(error) => error.class(),
            _ => FailureClass::Environment,
        }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Storage(StorageError::Io { path, source })
    }

    pub(super) fn no_numbers() -> Self {
        Self::Embedding(format!("it has to have 1 to {MAX_DIMENSION} numbers"))
    }
}
