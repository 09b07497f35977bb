//! What is to be done, what was signed and what became of it, on the disk before anybody else hears of it.
//!
//! One SQLite file for a chain and an account. Any process may read it, add intents and leave wishes; one process at a time
//! [holds](Journal::hold) it and sends. Intents, attempts and events are only ever added (the tables refuse anything else), and
//! the states follow from them: [`Journal::replayed`].

mod error;
mod read;
mod replay;
mod rows;
mod schema;
mod tests;
mod write;

pub use error::JournalError;
pub use read::{Controls, Counts, Wish};
pub use rows::{Attempt, Change, Event, Logged, Purpose, Row};
pub use write::{Added, Held};

use crate::chain::{ChainError, guard, submitter::Chain};
use alloy::primitives::{Address, B256};
use rusqlite::{Connection, Params};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a call waits for another process that writes.
const WAIT: Duration = Duration::from_secs(10);

/// Whose journal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The chain.
    pub chain_id: u64,
    /// The hash of its first block: development chains share their ids.
    pub genesis: B256,
    /// Who signs.
    pub account: Address,
}

impl Owner {
    /// An account on a chain, whose first block is asked for.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn of<C: Chain>(chain: &C, account: Address) -> Result<Self, ChainError> {
        let first = chain
            .block(0)
            .await?
            .ok_or_else(|| ChainError::BadAnswer { what: "the first block".into(), reason: "there is none".into() })?;
        Ok(Self { chain_id: chain.chain_id(), genesis: first.hash, account })
    }
}

/// A journal, open for reading and adding.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Journal {
    /// The file for an account on a chain that is not made anew, below a state directory: see [`Journal::path_of`].
    #[must_use]
    pub fn path_in(state: &Path, chain_id: u64, account: Address) -> PathBuf {
        state.join("submitter").join(format!("{chain_id}-{account}.sqlite"))
    }

    /// The file for an owner, below a state directory. Development chains share their ids, and are made anew every day: each has a
    /// file of its own.
    #[must_use]
    pub fn path_of(state: &Path, owner: &Owner) -> PathBuf {
        let path = Self::path_in(state, owner.chain_id, owner.account);
        if !guard::is_dev_chain(owner.chain_id) {
            return path;
        }
        let genesis = alloy::hex::encode(&owner.genesis[..6]);
        path.with_file_name(format!("{}-{}-{genesis}.sqlite", owner.chain_id, owner.account))
    }

    /// Opens the journal of an owner, or makes it with the directories above it.
    ///
    /// # Errors
    /// [`JournalError::OtherOwner`], [`JournalError::Newer`], [`JournalError::Damaged`] and others; the file is then as it was.
    pub fn open(path: &Path, owner: &Owner) -> Result<Self, JournalError> {
        if !path.exists() {
            Self::create(path, owner)?;
        }
        let journal = Self::visit(path)?;
        match journal.owner()? {
            Some(kept) if kept == *owner => Ok(journal),
            Some(kept) => Err(JournalError::OtherOwner { path: path.display().to_string(), kept, found: *owner }),
            None => Err(JournalError::damaged(path, "it has no owner")),
        }
    }

    /// Makes a journal whole before it has its name: a file of that name that holds none is a journal that was lost.
    fn create(path: &Path, owner: &Owner) -> Result<(), JournalError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |error: std::io::Error| JournalError::io(folder, &error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        // Readable by its owner alone; SQLite's own files beside it get the same rights.
        let file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let mut connection = Connection::open(file.path()).map_err(|error| JournalError::of(path, error))?;
        schema::create(&mut connection, path, owner)?;
        connection.close().map_err(|(_, error)| JournalError::of(path, error))?;
        match file.persist_noclobber(path) {
            Ok(_) => fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed),
            // Another process made it in the meantime.
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed(error.error)),
        }
    }

    /// Opens a journal that is there, whoever's it is.
    ///
    /// # Errors
    /// As [`Journal::open`]; [`JournalError::Database`] when there is none.
    pub fn visit(path: &Path) -> Result<Self, JournalError> {
        if let Err(error) = fs::metadata(path) {
            return Err(JournalError::io(path, &error));
        }
        let failed = |error| JournalError::of(path, error);
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(WAIT).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(64);
        schema::update(&mut connection, path)?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose it is; `None` before that was said.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn owner(&self) -> Result<Option<Owner>, JournalError> {
        schema::owner(&self.connection(), &self.path)
    }

    /// From now on there is no room for another page, as SQLite sees a disk that is full.
    #[cfg(test)]
    pub(in crate::chain::submitter) fn fill_disk(&self) {
        let pages: i64 = self.ask("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        self.connection().pragma_update(None, "max_page_count", pages).unwrap();
    }

    /// A thread that panicked with the lock has left a transaction that was rolled back: nothing is half done.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        let connection = self.connection();
        let asked = connection.prepare_cached(sql).and_then(|mut statement| statement.query_row(parameters, read));
        asked.map_err(|error| JournalError::of(&self.path, error))
    }
}

fn decode<T: DeserializeOwned>(path: &Path, json: &str) -> Result<T, JournalError> {
    serde_json::from_str(json).map_err(|error| JournalError::damaged(path, &format!("{error} in `{json:.80}`")))
}

fn encode(path: &Path, value: &impl Serialize) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(|error| JournalError::damaged(path, &error.to_string()))
}

fn id_of(path: &Path, bytes: &[u8]) -> Result<B256, JournalError> {
    B256::try_from(bytes).map_err(|_| JournalError::damaged(path, "an id is not of 32 bytes"))
}
