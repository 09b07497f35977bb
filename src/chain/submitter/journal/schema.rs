//! The tables, and how older ones become these.

use super::{JournalError, Owner};
use alloy::primitives::{Address, B256};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::path::Path;

/// "zkjn": tells a journal from other SQLite files.
const APPLICATION: i64 = 0x7a6b_6a6e;
/// One step after the other; the number of those that were taken is the version of the file.
const MIGRATIONS: &[&str] = &[V1];

/// Intents, attempts and events are only ever added to. `states` follows from them, and can be made again. Times are Unix
/// milliseconds, numbers above 2^63 wrap around.
const V1: &str = "
CREATE TABLE owner(
    one INTEGER PRIMARY KEY CHECK (one = 1), chain INTEGER NOT NULL, genesis BLOB NOT NULL, account BLOB NOT NULL
);
CREATE TABLE intents(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, body TEXT NOT NULL, data BLOB NOT NULL
);
CREATE TABLE attempts(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, intent INTEGER NOT NULL REFERENCES intents(seq),
    nonce INTEGER NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL, raw BLOB NOT NULL
);
CREATE INDEX attempts_by_intent ON attempts(intent);
CREATE INDEX attempts_by_nonce ON attempts(nonce);
CREATE TABLE events(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, intent INTEGER REFERENCES intents(seq), body TEXT NOT NULL
);
CREATE INDEX events_by_intent ON events(intent) WHERE intent IS NOT NULL;
CREATE TABLE states(
    intent INTEGER PRIMARY KEY REFERENCES intents(seq), phase TEXT NOT NULL, is_open INTEGER NOT NULL, nonce INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX states_open ON states(intent) WHERE is_open = 1;
CREATE INDEX states_by_phase ON states(phase);
CREATE TABLE marks(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE wishes(intent INTEGER PRIMARY KEY REFERENCES intents(seq), wish TEXT NOT NULL);
CREATE TRIGGER intents_stay BEFORE DELETE ON intents BEGIN SELECT RAISE(ABORT, 'intents stay'); END;
CREATE TRIGGER intents_are BEFORE UPDATE ON intents BEGIN SELECT RAISE(ABORT, 'intents stay as they are'); END;
CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts stay'); END;
CREATE TRIGGER attempts_are BEFORE UPDATE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts stay as they are'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events stay'); END;
CREATE TRIGGER events_are BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events stay as they are'); END;
";

/// Makes the tables of a new journal.
pub(super) fn create(connection: &mut Connection, path: &Path, owner: &Owner) -> Result<(), JournalError> {
    let mut make = || -> Result<(), rusqlite::Error> {
        settings(connection)?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        migrate(&tx, 0)?;
        let sql = "INSERT INTO owner(one, chain, genesis, account) VALUES (1, ?1, ?2, ?3)";
        tx.execute(sql, (owner.chain_id.cast_signed(), owner.genesis.as_slice(), owner.account.as_slice()))?;
        tx.commit()
    };
    make().map_err(|error| JournalError::of(path, error))
}

/// Brings the tables of a journal up to date, which has to be one: an empty file is a journal that was lost.
pub(super) fn update(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let failed = |error| JournalError::of(path, error);
    check(connection, path)?;
    settings(connection).map_err(failed)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Again, now that nobody else can change it.
    let done = check(&tx, path)?;
    if done < MIGRATIONS.len() {
        migrate(&tx, done).map_err(failed)?;
    }
    tx.commit().map_err(failed)
}

/// A commit is on the disk when it returns, power cut or not.
fn settings(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

fn migrate(tx: &Transaction<'_>, done: usize) -> Result<(), rusqlite::Error> {
    for step in &MIGRATIONS[done..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)
}

/// Whose journal it is; `None` before it was said.
pub(super) fn owner(connection: &Connection, path: &Path) -> Result<Option<Owner>, JournalError> {
    let read = connection
        .query_row("SELECT chain, genesis, account FROM owner", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .optional()
        .map_err(|error| JournalError::of(path, error))?;
    let Some((chain, genesis, account)) = read else { return Ok(None) };
    match (B256::try_from(&genesis[..]), Address::try_from(&account[..])) {
        (Ok(genesis), Ok(account)) => Ok(Some(Owner { chain_id: chain.cast_unsigned(), genesis, account })),
        _ => Err(JournalError::damaged(path, "its owner is none")),
    }
}

/// How many steps a file has behind it, if it is a journal that this release reads.
fn check(connection: &Connection, path: &Path) -> Result<usize, JournalError> {
    let read = || -> Result<(i64, i64), rusqlite::Error> {
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok((pragma("application_id")?, pragma("user_version")?))
    };
    let (application, version) = read().map_err(|error| JournalError::of(path, error))?;
    if application != APPLICATION {
        return Err(JournalError::damaged(path, "it is empty, or a database of something else"));
    }
    let supported = MIGRATIONS.len() as i64;
    match usize::try_from(version) {
        Ok(done) if (1..=MIGRATIONS.len()).contains(&done) => Ok(done),
        _ => Err(JournalError::Newer { path: path.display().to_string(), found: version, supported }),
    }
}
