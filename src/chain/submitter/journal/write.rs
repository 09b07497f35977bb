//! What is written to a journal: every call is one commit, made whole or not at all, and on the disk when it returns.

use super::{Attempt, Change, Event, Journal, JournalError, Owner, Row, Wish, decode, encode};
use crate::chain::submitter::{Intent, state::Block};
use alloy::primitives::B256;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use std::{
    fs::{File, TryLockError},
    ops::Deref,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, OnceLock},
};

/// A journal in the hands of the one process that sends. The system takes it back when the process dies.
#[derive(Debug)]
pub struct Held {
    journal: Journal,
    lock: File,
    /// What is wrong with the file, once all of it was looked at: `None` inside when nothing is.
    looked: Arc<OnceLock<Option<String>>>,
}

/// A file up to so many bytes is looked at as a whole before anything is done with it. Of a larger one what decides is, and the rest,
/// which is history, while it is in use: that takes seconds for a gigabyte.
const WHOLE: u64 = 256 << 20;
/// The tables that decide what is done next.
const DECISIVE: [&str; 4] = ["owner", "states", "marks", "wishes"];

/// What became of an intent that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is planned now.
    New,
    /// It was there: here is where it is.
    Known(Box<Row>),
}

impl Journal {
    /// Adds an intent. One that is there is not added again, wherever it is.
    ///
    /// # Errors
    /// [`JournalError`]; then it was not added.
    pub fn add(&self, intent: &Intent, now: u64) -> Result<Added, JournalError> {
        Ok(self.add_all(std::slice::from_ref(intent), now)?.swap_remove(0))
    }

    /// Adds several intents at once: all of them or, with an error, none.
    ///
    /// # Errors
    /// As [`Journal::add`].
    pub fn add_all(&self, intents: &[Intent], now: u64) -> Result<Vec<Added>, JournalError> {
        let path = self.path.clone();
        self.writing(|tx| intents.iter().map(|intent| insert(tx, &path, intent, now)).collect())
    }

    /// Leaves a wish about an intent, which takes the place of an earlier one. Whoever holds the journal sees to it.
    ///
    /// # Errors
    /// [`JournalError::Unknown`]; others of [`JournalError`].
    pub fn wish(&self, id: B256, wish: Wish) -> Result<(), JournalError> {
        let path = self.path.clone();
        self.writing(|tx| {
            let seq = seq_of(tx, id)?.ok_or(JournalError::Unknown(id))?;
            let sql = "INSERT INTO wishes(intent, wish) VALUES (?1, ?2) ON CONFLICT(intent) DO UPDATE SET wish = ?2";
            tx.prepare_cached(sql)?.execute((seq, encode(&path, &wish)?))?;
            Ok(())
        })
    }

    /// Says that nothing is to be signed, or that it is again.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn set_paused(&self, is_paused: bool) -> Result<(), JournalError> {
        self.mark("paused", is_paused.then_some("1"))
    }

    /// Says that nothing new is to be begun, or that it is again.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn set_draining(&self, is_draining: bool) -> Result<(), JournalError> {
        self.mark("draining", is_draining.then_some("1"))
    }

    /// Takes the journal in hand to send. The file is looked at first; of a very large one the history is while it is in use, and
    /// nothing is written any more when that is damaged.
    ///
    /// # Errors
    /// [`JournalError::InUse`] when another process has it; [`JournalError::OtherOwner`]; [`JournalError::Damaged`].
    pub fn hold(self, owner: &Owner) -> Result<Held, JournalError> {
        self.hold_with(owner, WHOLE)
    }

    pub(super) fn hold_with(self, owner: &Owner, whole: u64) -> Result<Held, JournalError> {
        let path = self.path.with_extension("lock");
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = file.map_err(|error| JournalError::io(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::InUse { path: self.path.display().to_string() });
            }
            Err(TryLockError::Error(error)) => return Err(JournalError::io(&path, &error)),
        }
        let held = Held { journal: self, lock, looked: Arc::default() };
        match held.owner()? {
            Some(kept) if kept == *owner => {}
            Some(kept) => {
                let path = held.path.display().to_string();
                return Err(JournalError::OtherOwner { path, kept, found: *owner });
            }
            None => return Err(JournalError::damaged(&held.path, "it has no owner")),
        }
        let size = std::fs::metadata(&held.path).map_or(0, |metadata| metadata.len());
        let questions: Vec<String> = match size <= whole {
            true => vec!["PRAGMA quick_check(1)".into()],
            false => DECISIVE.iter().map(|table| format!("PRAGMA quick_check({table})")).collect(),
        };
        for question in questions {
            let said: String = held.ask(&question, [], |row| row.get(0))?;
            if said != "ok" {
                return Err(JournalError::damaged(&held.path, &said));
            }
        }
        if size > whole {
            held.look_behind();
        }
        Ok(held)
    }

    /// Whether a process sends with the journal at this place now.
    #[must_use]
    pub fn is_in_use(path: &Path) -> bool {
        // Where there is no file, or it cannot be opened, nobody is known to.
        let Ok(lock) = File::open(path.with_extension("lock")) else { return false };
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    fn mark(&self, name: &str, value: Option<&str>) -> Result<(), JournalError> {
        self.writing(|tx| mark(tx, name, value))
    }

    /// A change, made whole or not at all.
    fn writing<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>) -> Result<T, JournalError> {
        let mut connection = self.connection();
        let run = || -> Result<T, Trouble> {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let changed = change(&tx)?;
            tx.commit()?;
            Ok(changed)
        };
        run().map_err(|trouble| match trouble {
            Trouble::Sqlite(error) => JournalError::of(&self.path, error),
            Trouble::Ours(error) => *error,
        })
    }
}

impl Held {
    /// Looks at the whole file, beside whatever is done with it.
    fn look_behind(&self) {
        let (path, looked) = (self.path.clone(), self.looked.clone());
        std::thread::spawn(move || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let said = Connection::open_with_flags(&path, flags).and_then(|connection| {
                connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
            });
            let damage = match said {
                Ok(said) if said == "ok" => None,
                Ok(said) => Some(said),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = &damage {
                tracing::error!(path = %path.display(), why, "the journal's history is damaged");
            }
            let _ = looked.set(damage);
        });
    }

    /// What was found out about the file; waits for it.
    #[cfg(test)]
    pub(super) fn looked(&self) -> Option<&String> {
        self.looked.wait().as_ref()
    }

    /// Writes what happened: all of it or, with an error, nothing. Returns where the intents are then, one for every change.
    ///
    /// # Errors
    /// [`JournalError::WrongMove`] when something does not follow on what is there; others of [`JournalError`].
    pub fn record(&mut self, changes: &[Change], now: u64) -> Result<Vec<Row>, JournalError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(Some(why)) = self.looked.get() {
            return Err(JournalError::damaged(&self.path, why));
        }
        let path = self.path.clone();
        self.writing(|tx| changes.iter().map(|change| write(tx, &path, change, now)).collect())
    }

    /// Says why nothing is sent, or that it is again.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn set_hold(&mut self, why: Option<&str>) -> Result<(), JournalError> {
        self.mark("hold", why)
    }

    /// Keeps the last block that was found final: a chain without it is not the one that was written to.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn set_final_block(&mut self, block: Block) -> Result<(), JournalError> {
        let text = encode(&self.path, &block)?;
        self.mark("final_block", Some(&text))
    }

    /// Forgets the wish about an intent: it was seen to.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn seen_to(&mut self, id: B256) -> Result<(), JournalError> {
        self.writing(|tx| {
            let sql = "DELETE FROM wishes WHERE intent = (SELECT seq FROM intents WHERE id = ?1)";
            tx.prepare_cached(sql)?.execute([id.as_slice()])?;
            Ok(())
        })
    }
}

impl Deref for Held {
    type Target = Journal;

    fn deref(&self) -> &Journal {
        &self.journal
    }
}

impl Drop for Held {
    /// Closing the file is not enough: a process that another thread is spawning has it open, too, for an instant.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the journal is held until this process ends");
        }
    }
}

/// What goes wrong inside a transaction.
enum Trouble {
    Sqlite(rusqlite::Error),
    Ours(Box<JournalError>),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<JournalError> for Trouble {
    fn from(error: JournalError) -> Self {
        Self::Ours(Box::new(error))
    }
}

fn seq_of(tx: &Transaction<'_>, id: B256) -> Result<Option<i64>, Trouble> {
    let mut statement = tx.prepare_cached("SELECT seq FROM intents WHERE id = ?1")?;
    Ok(statement.query_row([id.as_slice()], |row| row.get(0)).optional()?)
}

fn state_of(tx: &Transaction<'_>, path: &Path, seq: i64) -> Result<Row, Trouble> {
    let mut statement = tx.prepare_cached("SELECT body FROM states WHERE intent = ?1")?;
    let body: String = statement.query_row([seq], |row| row.get(0))?;
    Ok(decode(path, &body)?)
}

fn insert(tx: &Transaction<'_>, path: &Path, intent: &Intent, now: u64) -> Result<Added, Trouble> {
    if let Some(seq) = seq_of(tx, intent.id)? {
        return Ok(Added::Known(Box::new(state_of(tx, path, seq)?)));
    }
    let sql = "INSERT INTO intents(id, body, data) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute((intent.id.as_slice(), encode(path, intent)?, &intent.data[..]))?;
    let row = Row::new(intent, tx.last_insert_rowid(), now);
    log(tx, path, Some(row.seq), &Event::Planned, now)?;
    let sql = "INSERT INTO states(intent, phase, is_open, nonce, body) VALUES (?1, ?2, 1, NULL, ?3)";
    tx.prepare_cached(sql)?.execute((row.seq, row.phase().name(), encode(path, &row)?))?;
    Ok(Added::New)
}

fn write(tx: &Transaction<'_>, path: &Path, change: &Change, now: u64) -> Result<Row, Trouble> {
    let seq = seq_of(tx, change.intent)?.ok_or(JournalError::Unknown(change.intent))?;
    let mut row = state_of(tx, path, seq)?;
    row.apply(&change.event, now)?;
    if let Some(attempt) = &change.attempt {
        keep(tx, path, seq, attempt)?;
    }
    log(tx, path, Some(seq), &change.event, now)?;
    let sql = "UPDATE states SET phase = ?2, is_open = ?3, nonce = ?4, body = ?5 WHERE intent = ?1";
    let nonce = row.nonce.map(u64::cast_signed);
    let values = (seq, row.phase().name(), row.state.is_open(), nonce, encode(path, &row)?);
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(row)
}

fn keep(tx: &Transaction<'_>, path: &Path, seq: i64, attempt: &Attempt) -> Result<(), Trouble> {
    let sql = "INSERT INTO attempts(hash, intent, nonce, at, body, raw) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let (nonce, at) = (attempt.nonce.cast_signed(), attempt.at.cast_signed());
    let values = (attempt.hash.as_slice(), seq, nonce, at, encode(path, attempt)?, &attempt.raw[..]);
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn log(tx: &Transaction<'_>, path: &Path, seq: Option<i64>, event: &Event, now: u64) -> Result<(), Trouble> {
    let sql = "INSERT INTO events(at, intent, body) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute((now.cast_signed(), seq, encode(path, event)?))?;
    Ok(())
}

fn mark(tx: &Transaction<'_>, name: &str, value: Option<&str>) -> Result<(), Trouble> {
    match value {
        Some(value) => {
            let sql = "INSERT INTO marks(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2";
            tx.prepare_cached(sql)?.execute((name, value))?;
        }
        None => {
            tx.prepare_cached("DELETE FROM marks WHERE name = ?1")?.execute([name])?;
        }
    }
    Ok(())
}
