use super::Owner;
use crate::{FailureClass, chain::ChainError};
use alloy::primitives::B256;
use rusqlite::ErrorCode;
use std::path::Path;

/// Why a journal did not do what it was asked for. The file is as it was, and nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process sends with this journal.
    #[error(
        "another process sends with the journal {path}: one account has one submitter. Add to it with `zkinfer submitter add`, or \
         stop it first"
    )]
    InUse {
        /// The file.
        path: String,
    },
    /// Somebody else writes to the database, and did not stop in time.
    #[error("the journal {path} was locked by another process for longer than it was waited for; nothing was written")]
    Busy {
        /// The file.
        path: String,
    },
    /// The journal is of another chain or account.
    #[error(
        "the journal {path} is of account {} on chain {} (genesis {}), and this is account {} on chain {} (genesis {}); \
         nothing was sent", kept.account, kept.chain_id, kept.genesis, found.account, found.chain_id, found.genesis
    )]
    OtherOwner {
        /// The file.
        path: String,
        /// Whose it is.
        kept: Owner,
        /// Who wants to use it.
        found: Owner,
    },
    /// It was written by a later release.
    #[error("the journal {path} is of version {found}, and this release reads up to {supported}; use a later release")]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: i64,
        /// The latest that is read.
        supported: i64,
    },
    /// The file is no journal, or is damaged.
    #[error(
        "{path} is no usable journal ({reason}); nothing was sent and it was left as it is. Restore it from a backup: without \
         it nobody knows what is on its way"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no room.
    #[error("the disk of the journal {path} is full; nothing was sent that is not in it. Make room, and run it again")]
    Full {
        /// The file.
        path: String,
    },
    /// The database failed.
    #[error("the journal {path}: {reason}")]
    Database {
        /// The file.
        path: String,
        /// What it says.
        reason: String,
    },
    /// There is no such intent.
    #[error("the journal has no intent {0}")]
    Unknown(B256),
    /// What was to be written does not follow on what is there.
    #[error("intent {intent} is {from}: {event} does not follow on that")]
    WrongMove {
        /// The intent.
        intent: B256,
        /// Where it is.
        from: &'static str,
        /// What was to be written.
        event: String,
    },
}

impl JournalError {
    /// What SQLite's failure means to whoever called.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let reason = error.to_string();
        let path = path.display().to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged { path, reason },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            _ => Self::Database { path, reason },
        }
    }

    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        let shown = path.display().to_string();
        match error.kind() {
            std::io::ErrorKind::StorageFull => Self::Full { path: shown },
            _ => Self::Database { path: shown, reason: error.to_string() },
        }
    }

    pub(super) fn damaged(path: &Path, reason: &str) -> Self {
        Self::Damaged { path: path.display().to_string(), reason: reason.into() }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::OtherOwner { .. } | Self::Unknown(_) => FailureClass::BadInput,
            Self::WrongMove { .. } => FailureClass::Internal,
            _ => FailureClass::Environment,
        }
    }
}

impl From<JournalError> for ChainError {
    fn from(error: JournalError) -> Self {
        Self::Journal(Box::new(error))
    }
}
