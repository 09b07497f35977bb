//! The tables. Their names and columns are those of SQLite, as far as conditions look at them.

use super::{Endpoint, Trouble, integer, wire::Connection};
use crate::index::IndexError;

const VERSION: i64 = 1;

/// One statement each: the protocol takes no more at once. `body` is the entry without its embeddings, in JSON.
const TABLES: &[&str] = &[
    "CREATE TABLE about(version BIGINT NOT NULL)",
    "INSERT INTO about VALUES (1)",
    "CREATE TABLE entries(
        id BIGSERIAL PRIMARY KEY, statement BYTEA NOT NULL UNIQUE, model BYTEA NOT NULL,
        chain BIGINT, registry BYTEA, submitter BYTEA, consumer BYTEA, job BYTEA,
        created BIGINT NOT NULL, tx BYTEA, assurance BIGINT,
        words TSVECTOR NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX entries_by_time ON entries(created, statement)",
    "CREATE INDEX entries_by_model ON entries(model, created)",
    "CREATE INDEX entries_by_job ON entries(job)",
    "CREATE INDEX entries_by_submitter ON entries(submitter, created)",
    "CREATE INDEX entries_by_transaction ON entries(tx)",
    "CREATE INDEX entries_by_words ON entries USING gin(words)",
    "CREATE TABLE held(
        entry BIGINT NOT NULL REFERENCES entries(id) ON DELETE CASCADE, blake3 BYTEA NOT NULL,
        backend TEXT NOT NULL, proof_bytes BIGINT NOT NULL, test_srs BIGINT NOT NULL, PRIMARY KEY(entry, blake3))",
    "CREATE TABLE metadata(
        entry BIGINT NOT NULL REFERENCES entries(id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY(entry, key, value))",
    "CREATE INDEX metadata_by_value ON metadata(key, value, entry)",
    "CREATE TABLE labels(
        entry BIGINT NOT NULL REFERENCES entries(id) ON DELETE CASCADE, label TEXT NOT NULL, PRIMARY KEY(entry, label))",
    "CREATE INDEX labels_by_label ON labels(label, entry)",
    "CREATE TABLE spaces(id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimension BIGINT NOT NULL)",
    "CREATE TABLE vectors(
        entry BIGINT NOT NULL REFERENCES entries(id) ON DELETE CASCADE, space BIGINT NOT NULL REFERENCES spaces(id),
        x vector NOT NULL, PRIMARY KEY(entry, space))",
];

/// Makes the tables in the schema `zkinfer`, if they are not there.
pub(super) fn prepare(connection: &mut Connection, endpoint: &Endpoint) -> Result<(), Trouble> {
    connection.query("BEGIN", &[])?;
    // Two nodes that start at once follow each other.
    connection.query("SELECT pg_advisory_xact_lock(2054711672)", &[])?;
    connection.query("CREATE SCHEMA IF NOT EXISTS zkinfer", &[])?;
    connection.query("CREATE EXTENSION IF NOT EXISTS vector", &[])?;
    connection.query("SET search_path = zkinfer, public", &[])?;
    let there =
        connection.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'zkinfer' AND tablename = 'about'", &[])?;
    if there.first().map_or(Ok(0), |row| integer(row, 0))? == 0 {
        for table in TABLES {
            connection.query(table, &[])?;
        }
    }
    let about = connection.query("SELECT version FROM about", &[])?;
    let found = about.first().map_or(Ok(0), |row| integer(row, 0))?;
    if found != VERSION {
        return Err(IndexError::Newer { path: endpoint.to_string(), found, supported: VERSION }.into());
    }
    connection.query("COMMIT", &[])?;
    Ok(())
}
