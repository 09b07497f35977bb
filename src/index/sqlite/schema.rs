//! The tables, and how older ones become these.

use super::{super::IndexError, Trouble, failure};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{path::Path, time::Duration};

/// "zkix": tells an index from other SQLite files.
const APPLICATION: i64 = 0x7a6b_6978;
/// One step after the other; the number of those that were taken is the version of the file.
const MIGRATIONS: &[&str] = &[V1];

/// Times are milliseconds, numbers above 2^63 wrap around. `revision` grows with every change of an entry.
const V1: &str = "
CREATE TABLE entries(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    statement BLOB NOT NULL UNIQUE,
    model BLOB NOT NULL,
    chain INTEGER, registry BLOB, submitter BLOB, consumer BLOB, job BLOB, deadline INTEGER,
    hides INTEGER,
    consent INTEGER NOT NULL,
    created INTEGER NOT NULL,
    tx BLOB, block INTEGER, recorded INTEGER, assurance INTEGER,
    revision INTEGER NOT NULL
);
CREATE INDEX entries_by_time ON entries(created);
CREATE INDEX entries_by_model ON entries(model, created);
CREATE INDEX entries_by_job ON entries(job) WHERE job IS NOT NULL;
CREATE INDEX entries_by_submitter ON entries(submitter, created) WHERE submitter IS NOT NULL;
CREATE INDEX entries_by_transaction ON entries(tx) WHERE tx IS NOT NULL;
CREATE INDEX entries_by_revision ON entries(revision);
CREATE TABLE held(
    entry INTEGER NOT NULL REFERENCES entries(id) ON DELETE CASCADE,
    blake3 BLOB NOT NULL, size INTEGER NOT NULL,
    slot INTEGER NOT NULL, statements INTEGER NOT NULL,
    backend TEXT NOT NULL, proof_hash BLOB NOT NULL, proof_bytes INTEGER NOT NULL,
    transferable INTEGER NOT NULL, test_srs INTEGER NOT NULL,
    location TEXT,
    PRIMARY KEY(entry, blake3)
) WITHOUT ROWID;
CREATE TABLE metadata(
    entry INTEGER NOT NULL REFERENCES entries(id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY(entry, key, value)
) WITHOUT ROWID;
CREATE INDEX metadata_by_value ON metadata(key, value, entry);
CREATE TABLE labels(
    entry INTEGER NOT NULL REFERENCES entries(id) ON DELETE CASCADE, label TEXT NOT NULL,
    PRIMARY KEY(entry, label)
) WITHOUT ROWID;
CREATE INDEX labels_by_label ON labels(label, entry);
CREATE TABLE spaces(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimension INTEGER NOT NULL);
CREATE TABLE vectors(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    space INTEGER NOT NULL REFERENCES spaces(id),
    entry INTEGER NOT NULL REFERENCES entries(id) ON DELETE CASCADE,
    x BLOB NOT NULL
);
CREATE UNIQUE INDEX vectors_by_entry ON vectors(entry, space);
CREATE TABLE removals(revision INTEGER PRIMARY KEY, statement BLOB NOT NULL);
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('revision', 0), ('removed', 0);
CREATE VIRTUAL TABLE words USING fts5(
    body, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2'
);
";

/// Makes the tables, or brings them up to date.
pub(super) fn prepare(connection: &mut Connection, path: &Path, wait: Duration) -> Result<(), IndexError> {
    let failed = failure(path, wait);
    let mut set_up = || -> Result<(), Trouble> {
        // Before the first table; of no effect later. Five embeddings of 384 numbers fill a page.
        connection.pragma_update(None, "page_size", 8192)?;
        check(connection, path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Again, now that nobody else can change it.
        let done = check(&tx, path)?;
        for step in &MIGRATIONS[done..] {
            tx.execute_batch(step)?;
        }
        if done < MIGRATIONS.len() {
            tx.pragma_update(None, "application_id", APPLICATION)?;
            tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
        }
        Ok(tx.commit()?)
    };
    set_up().map_err(|trouble| match trouble {
        Trouble::Sqlite(error) => failed(error),
        Trouble::Ours(error) => *error,
    })
}

/// How many steps a file has behind it, if it is an index that this release reads.
fn check(connection: &Connection, path: &Path) -> Result<usize, Trouble> {
    let path = path.display().to_string();
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (application != 0 || version != 0 || tables != 0) {
        return Err(IndexError::Damaged { path, reason: "it is a database of something else".into() }.into());
    }
    let supported = MIGRATIONS.len() as i64;
    match usize::try_from(version) {
        Ok(done) if done <= MIGRATIONS.len() => Ok(done),
        _ => Err(IndexError::Newer { path, found: version, supported }.into()),
    }
}

/// The next number of a counter.
pub(super) fn next(tx: &Transaction<'_>, counter: &str) -> Result<i64, rusqlite::Error> {
    let sql = "UPDATE counters SET value = value + 1 WHERE name = ?1 RETURNING value";
    tx.prepare_cached(sql)?.query_row([counter], |row| row.get(0))
}

/// The number that a counter is at.
pub(super) fn counter(tx: &Transaction<'_>, counter: &str) -> Result<i64, rusqlite::Error> {
    tx.prepare_cached("SELECT value FROM counters WHERE name = ?1")?.query_row([counter], |row| row.get(0))
}
