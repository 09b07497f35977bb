//! The index of one machine: SQLite, with full text, and vectors that are searched exactly.

mod changes;
mod nearest;
mod read;
mod rebuild;
mod schema;
mod tests;
mod write;

pub use changes::Change;
pub use rebuild::{Rebuilt, Sources};

use super::{Entry, Index, IndexError, Outcome, Page, Query, Retention};
use alloy::primitives::B256;
use nearest::Mirrors;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a call waits for another process that writes.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// An index in a file, shared by any number of threads and processes.
///
/// An entry is there when [`Index::enter`] returns: a process that is killed later loses nothing, one that is killed in the
/// middle leaves what was there before. (A machine that loses its power may lose the last ones; `index rebuild` finds them
/// again.) Searches of one `SqliteIndex` follow each other; open it again for more at once.
#[derive(Debug)]
pub struct SqliteIndex {
    path: PathBuf,
    wait: Duration,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    mirrors: Mutex<Mirrors>,
}

impl SqliteIndex {
    /// The name of the file in its directory.
    pub const FILE: &str = "index.sqlite";

    /// Opens `path`, or makes it with the directories above it.
    ///
    /// # Errors
    /// [`IndexError::Locked`], [`IndexError::Newer`], [`IndexError::Damaged`], [`IndexError::Database`]; the file is then
    /// as it was.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        Self::open_waiting(path, DEFAULT_WAIT)
    }

    /// Opens it, and lets every call wait so long for others that write.
    ///
    /// # Errors
    /// As [`SqliteIndex::open`].
    pub fn open_waiting(path: &Path, wait: Duration) -> Result<Self, IndexError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(IndexError::io(folder))?;
        }
        let path = path.to_owned();
        let failed = failure(&path, wait);
        let connect = || -> Result<Connection, rusqlite::Error> {
            let connection = Connection::open_with_flags(&path, OpenFlags::default())?;
            connection.busy_timeout(wait)?;
            connection.set_prepared_statement_cache_capacity(64);
            Ok(connection)
        };
        let mut writer = connect().map_err(&failed)?;
        schema::prepare(&mut writer, &path, wait)?;
        let reader = connect().map_err(&failed)?;
        reader.pragma_update(None, "query_only", true).map_err(&failed)?;
        // Pages are read where the system keeps them, not copied first.
        reader.pragma_update(None, "mmap_size", 1i64 << 40).map_err(&failed)?;
        let (writer, reader) = (Mutex::new(writer), Mutex::new(reader));
        Ok(Self { path, wait, writer, reader, mirrors: Mutex::default() })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn len(&self) -> Result<u64, IndexError> {
        let count = |tx: &Transaction<'_>| tx.query_row("SELECT count(*) FROM entries", [], |row| row.get::<_, i64>(0));
        Ok(self.reading(|tx| Ok(count(tx)?))?.unsigned_abs())
    }

    /// Whether there is none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn is_empty(&self) -> Result<bool, IndexError> {
        Ok(self.len()? == 0)
    }

    /// Checks the file itself: pages, tables, the full text.
    ///
    /// # Errors
    /// [`IndexError::Damaged`] with what was found first; others of [`IndexError`].
    pub fn check_file(&self) -> Result<(), IndexError> {
        let said: String = self.reading(|tx| Ok(tx.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?))?;
        let path = self.path.display().to_string();
        if said == "ok" { Ok(()) } else { Err(IndexError::Damaged { path, reason: said }) }
    }

    /// A look at one state of the database.
    fn reading<T>(&self, look: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>) -> Result<T, IndexError> {
        let mut reader = lock(&self.reader);
        let run = || look(&reader.transaction()?);
        run().map_err(|trouble| self.explain(trouble))
    }

    /// A change, made whole or not at all.
    fn writing<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>) -> Result<T, IndexError> {
        let mut writer = lock(&self.writer);
        let run = || {
            let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let changed = change(&tx)?;
            tx.commit()?;
            Ok(changed)
        };
        run().map_err(|trouble| self.explain(trouble))
    }

    fn explain(&self, trouble: Trouble) -> IndexError {
        match trouble {
            Trouble::Sqlite(error) => failure(&self.path, self.wait)(error),
            Trouble::Ours(error) => *error,
        }
    }
}

impl Index for SqliteIndex {
    fn enter(&self, entries: &[Entry]) -> Result<Vec<Outcome>, IndexError> {
        self.writing(|tx| entries.iter().map(|entry| write::enter(tx, entry)).collect())
    }

    fn search(&self, query: &Query) -> Result<Page, IndexError> {
        query.check()?;
        match &query.nearest {
            None => self.reading(|tx| read::latest(tx, query)),
            Some(embedding) => {
                let mut mirrors = lock(&self.mirrors);
                self.reading(|tx| nearest::search(tx, &mut mirrors, query, embedding))
            }
        }
    }

    fn remove(&self, statements: &[B256]) -> Result<u64, IndexError> {
        self.writing(|tx| write::remove(tx, statements))
    }

    fn retain(&self, retention: &Retention, now_ms: u64) -> Result<u64, IndexError> {
        self.keep(retention, now_ms)
    }
}

/// What goes wrong inside a transaction.
#[derive(Debug)]
enum Trouble {
    Sqlite(rusqlite::Error),
    Ours(Box<IndexError>),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<IndexError> for Trouble {
    fn from(error: IndexError) -> Self {
        Self::Ours(Box::new(error))
    }
}

/// What SQLite's failure means to whoever called.
fn failure(path: &Path, waited: Duration) -> impl Fn(rusqlite::Error) -> IndexError + use<> {
    let path = path.display().to_string();
    move |error| {
        let (path, reason) = (path.clone(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => IndexError::Locked { path, waited },
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => IndexError::Damaged { path, reason },
            _ => IndexError::Database { path, reason },
        }
    }
}

/// A thread that panicked with the lock has left a transaction that was rolled back: nothing is half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
