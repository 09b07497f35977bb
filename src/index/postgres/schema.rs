//! The tables, in a schema of their own, and how older ones become these.

use super::{Trouble, wire::Connection};
use crate::index::IndexError;

/// What others of this program lock while they look at the version.
const LOCK: i64 = 0x7a6b_6978;
/// One step after the other; the number of those that were taken is the version.
const MIGRATIONS: &[&str] = &[V1];

/// As in SQLite: times are milliseconds, numbers above 2^63 wrap around, 0 and 1 are false and true. Embeddings are kept scaled
/// by a power of two (`x` times 2^`exponent`), so that no norm overflows; `raw` has those whose numbers that would change.
const V1: &str = "
CREATE TABLE entries(
    id BIGSERIAL PRIMARY KEY,
    statement BYTEA NOT NULL UNIQUE,
    model BYTEA NOT NULL,
    chain BIGINT, registry BYTEA, submitter BYTEA, consumer BYTEA, job BYTEA, deadline BIGINT,
    hides BIGINT,
    consent BIGINT NOT NULL,
    created BIGINT NOT NULL,
    tx BYTEA, block BIGINT, recorded BIGINT, assurance BIGINT,
    words TSVECTOR NOT NULL
);
CREATE INDEX entries_by_time ON entries(created, statement);
CREATE INDEX entries_by_model ON entries(model, created);
CREATE INDEX entries_by_job ON entries(job) WHERE job IS NOT NULL;
CREATE INDEX entries_by_submitter ON entries(submitter, created) WHERE submitter IS NOT NULL;
CREATE INDEX entries_by_transaction ON entries(tx) WHERE tx IS NOT NULL;
CREATE INDEX entries_by_words ON entries USING GIN(words);
CREATE TABLE held(
    entry BIGINT NOT NULL REFERENCES entries(id) ON DELETE CASCADE,
    blake3 BYTEA NOT NULL, size BIGINT NOT NULL,
    slot BIGINT NOT NULL, statements BIGINT NOT NULL,
    backend TEXT NOT NULL, proof_hash BYTEA NOT NULL, proof_bytes BIGINT NOT NULL,
    transferable BIGINT NOT NULL, test_srs BIGINT NOT NULL,
    location TEXT,
    PRIMARY KEY(entry, blake3)
);
CREATE TABLE metadata(
    entry BIGINT NOT NULL REFERENCES entries(id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY(entry, key, value)
);
CREATE INDEX metadata_by_value ON metadata(key, value, entry);
CREATE TABLE labels(
    entry BIGINT NOT NULL REFERENCES entries(id) ON DELETE CASCADE, label TEXT NOT NULL,
    PRIMARY KEY(entry, label)
);
CREATE INDEX labels_by_label ON labels(label, entry);
CREATE TABLE spaces(id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimension BIGINT NOT NULL);
CREATE TABLE vectors(
    space BIGINT NOT NULL REFERENCES spaces(id),
    entry BIGINT NOT NULL REFERENCES entries(id) ON DELETE CASCADE,
    x VECTOR NOT NULL, exponent BIGINT NOT NULL, raw BYTEA,
    PRIMARY KEY(space, entry)
);
CREATE INDEX vectors_by_entry ON vectors(entry);
";

/// Makes the tables, or brings them up to date.
pub(super) fn prepare(connection: &mut Connection, path: &str) -> Result<(), Trouble> {
    // Waits as long as for SQLite's lock; what takes a minute has hung.
    connection.run("SET lock_timeout = '1s'; SET statement_timeout = '60s'; SET client_min_messages = 'warning'")?;
    connection.run("BEGIN")?;
    // Not by the wait above: another node may be making the tables.
    connection.run(&format!("SET LOCAL lock_timeout = '30s'; SELECT pg_advisory_xact_lock({LOCK})"))?;
    connection.run(
        "CREATE SCHEMA IF NOT EXISTS zkinfer; SET search_path = zkinfer, public;
         CREATE TABLE IF NOT EXISTS zkinfer.version(version BIGINT NOT NULL)",
    )?;
    let rows = connection.query("SELECT version FROM zkinfer.version", vec![])?;
    let version = rows.first().and_then(|row| row.integer(0)).unwrap_or(0);
    let supported = MIGRATIONS.len() as i64;
    let done = match usize::try_from(version) {
        Ok(done) if done <= MIGRATIONS.len() => done,
        _ => return Err(IndexError::Newer { path: path.into(), found: version, supported }.into()),
    };
    if done == 0 {
        connection.run("CREATE EXTENSION IF NOT EXISTS vector")?;
    }
    for step in &MIGRATIONS[done..] {
        connection.run(step)?;
    }
    if done < MIGRATIONS.len() {
        connection.run(&format!("DELETE FROM zkinfer.version; INSERT INTO zkinfer.version VALUES ({supported})"))?;
    }
    Ok(connection.run("COMMIT")?)
}
