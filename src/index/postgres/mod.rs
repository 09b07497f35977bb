//! The index of many nodes: PostgreSQL with pgvector.

mod endpoint;
mod read;
mod scram;
mod tables;
mod wire;
mod write;

use super::{Entry, Index, IndexError, Outcome, Page, Query, Retention, conditions::Value};
use alloy::primitives::B256;
use endpoint::Endpoint;
use std::sync::{Mutex, PoisonError};
use wire::{Connection, Row, WireError};

/// An index in a PostgreSQL database, for any number of machines. Its tables are in the schema `zkinfer`; the extension
/// `vector` has to be there, or one that the account may create.
///
/// One connection, made when it is first needed and again after it broke; calls follow each other. **What connects machines has to be
/// encrypted by something else** (a tunnel, or a server on this machine): this client speaks to sockets and loopback addresses alone.
/// Signing in is by SCRAM-SHA-256 or without a password.
///
/// Searching by nearness is exact up to the rounding of pgvector, which computes in single precision; the answers are put in
/// order by the same numbers as those of [`SqliteIndex`](super::SqliteIndex). Text is compared without regard to case, but
/// diacritics count.
#[derive(Debug)]
pub struct PostgresIndex {
    endpoint: Endpoint,
    connection: Mutex<Option<Connection>>,
}

impl PostgresIndex {
    /// Connects, and makes the tables if they are not there: `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE`, or
    /// `postgres://USER@localhost/DATABASE?host=/directory/of/the/socket`.
    ///
    /// # Errors
    /// [`IndexError::Query`] when the address is none; [`IndexError::Unreachable`], [`IndexError::Newer`], others of
    /// [`IndexError`].
    pub fn open(address: &str) -> Result<Self, IndexError> {
        let index = Self { endpoint: Endpoint::parse(address)?, connection: Mutex::new(None) };
        index.with(|_| Ok(()))?;
        Ok(index)
    }

    /// How many bytes the tables have with their indexes.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn bytes(&self) -> Result<u64, IndexError> {
        let sql = "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = 'zkinfer' AND c.relkind = 'r'";
        self.with(|connection| Ok(number(&connection.query(sql, &[])?)?.unsigned_abs()))
    }

    /// Uses the connection. Afterwards no transaction is open, and a connection that broke is gone.
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Trouble>) -> Result<T, IndexError> {
        let mut held = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match &mut *held {
            Some(connection) => connection,
            none => none.insert(self.connect()?),
        };
        let result = work(connection);
        if matches!(result, Err(Trouble::Wire(WireError::Broken(_)))) {
            *held = None;
        }
        result.map_err(|trouble| self.explain(trouble))
    }

    /// All of it or nothing.
    fn writing<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Trouble>) -> Result<T, IndexError> {
        self.with(|connection| {
            connection.query("BEGIN", &[])?;
            let done = work(connection).and_then(|done| {
                connection.query("COMMIT", &[])?;
                Ok(done)
            });
            if !matches!(done, Ok(_) | Err(Trouble::Wire(WireError::Broken(_)))) {
                connection.query("ROLLBACK", &[])?;
            }
            done
        })
    }

    fn connect(&self) -> Result<Connection, IndexError> {
        let unreachable = |reason: String| IndexError::Unreachable { endpoint: self.endpoint.to_string(), reason };
        let mut connection = Connection::open(&self.endpoint).map_err(|error| match error {
            WireError::Server { message, .. } => unreachable(message),
            WireError::Broken(reason) => unreachable(format!("{reason}; check that it runs")),
        })?;
        tables::prepare(&mut connection, &self.endpoint).map_err(|trouble| match trouble {
            Trouble::Wire(WireError::Server { message, .. }) if message.contains("\"vector\"") => {
                unreachable(format!("{message}; install the extension pgvector"))
            }
            other => self.explain(other),
        })?;
        Ok(connection)
    }

    fn explain(&self, trouble: Trouble) -> IndexError {
        let endpoint = self.endpoint.to_string();
        match trouble {
            Trouble::Ours(error) => *error,
            Trouble::Wire(WireError::Broken(reason)) => IndexError::Lost { endpoint, reason },
            // The server is told to stop, or stops.
            Trouble::Wire(WireError::Server { code, message }) if code.starts_with("57P") => {
                IndexError::Lost { endpoint, reason: message }
            }
            Trouble::Wire(WireError::Server { code, message }) => {
                IndexError::Database { path: endpoint, reason: format!("{message} ({code})") }
            }
        }
    }
}

impl Index for PostgresIndex {
    fn enter(&self, entries: &[Entry]) -> Result<Vec<Outcome>, IndexError> {
        self.writing(|connection| write::enter(connection, entries))
    }

    fn search(&self, query: &Query) -> Result<Page, IndexError> {
        query.check()?;
        self.with(|connection| read::search(connection, query))
    }

    fn remove(&self, statements: &[B256]) -> Result<u64, IndexError> {
        self.writing(|connection| {
            let mut removed = 0;
            for statement in statements {
                let sql = "DELETE FROM entries WHERE statement = $1 RETURNING 1";
                removed += connection.query(sql, &[Value::Bytes(statement.to_vec())])?.len() as u64;
            }
            Ok(removed)
        })
    }

    fn retain(&self, retention: &Retention, now_ms: u64) -> Result<u64, IndexError> {
        self.writing(|connection| {
            let mut removed = 0;
            let mut take_out = |sql: &str, value: i64| -> Result<(), Trouble> {
                removed += number(&connection.query(sql, &[Value::Integer(value)])?)?.unsigned_abs();
                Ok(())
            };
            if let Some(age) = retention.max_age {
                let oldest = now_ms.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
                let sql = "WITH gone AS (DELETE FROM entries WHERE created < $1 RETURNING 1) SELECT count(*) FROM gone";
                take_out(sql, i64::try_from(oldest).unwrap_or(i64::MAX))?;
            }
            if let Some(most) = retention.max_entries {
                let sql = "WITH gone AS (DELETE FROM entries WHERE id IN
                               (SELECT id FROM entries ORDER BY created DESC, statement DESC OFFSET $1) RETURNING 1)
                           SELECT count(*) FROM gone";
                take_out(sql, i64::try_from(most).unwrap_or(i64::MAX))?;
            }
            Ok(removed)
        })
    }
}

/// What goes wrong while a connection is used.
#[derive(Debug)]
enum Trouble {
    Wire(WireError),
    Ours(Box<IndexError>),
}

impl From<WireError> for Trouble {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<IndexError> for Trouble {
    fn from(error: IndexError) -> Self {
        Self::Ours(Box::new(error))
    }
}

/// The text of a value that has to be there.
fn text(row: &Row, at: usize) -> Result<&str, WireError> {
    let value = row.get(at).and_then(Option::as_deref).and_then(|value| std::str::from_utf8(value).ok());
    value.ok_or_else(|| WireError::Broken("an answer lacks a value".into()))
}

/// The number that a value is.
fn integer(row: &Row, at: usize) -> Result<i64, WireError> {
    text(row, at)?.parse().map_err(|_| WireError::Broken("an answer is no number".into()))
}

/// The only value of an answer.
fn number(rows: &[Row]) -> Result<i64, WireError> {
    rows.first().map_or(Ok(0), |row| integer(row, 0))
}
