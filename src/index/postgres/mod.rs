//! The index of many nodes: PostgreSQL, with vectors by pgvector. Any number of machines enter and search at once.

mod nearest;
mod place;
mod read;
mod schema;
mod scram;
#[cfg(test)]
mod tests;
mod wire;
mod write;

use super::{Entry, Index, IndexError, Outcome, Page, Query, Retention};
use alloy::primitives::B256;
use place::Place;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use wire::{Connection, Failure};

/// How often a change is made again that others were in the way of.
const ATTEMPTS: u32 = 5;
/// Each look is at one state.
const READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// What `lock_timeout` is.
const WAIT: Duration = Duration::from_secs(1);

/// An index in the schema `zkinfer` of a database that has the extension pgvector.
///
/// An entry is there, for all nodes, when [`Index::enter`] returns. Calls of one `PostgresIndex` follow each other; open it
/// again for more at once. A connection that broke is made again by the next call.
#[derive(Debug)]
pub struct PostgresIndex {
    place: Place,
    connection: Mutex<Option<Connection>>,
}

impl PostgresIndex {
    /// Connects, and makes the tables if they are not there: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or
    /// `postgres:///DATABASE?host=/DIRECTORY&user=USER` for a socket. `PGPASSWORD` has the password that the address leaves
    /// away. Beyond this machine the connection is by TLS, with certificates of the system's authorities; `sslmode=disable`
    /// turns that off.
    ///
    /// # Errors
    /// [`IndexError::Unreachable`], [`IndexError::Newer`], [`IndexError::Database`].
    pub fn open(address: &str) -> Result<Self, IndexError> {
        let place = Place::parse(address, std::env::var("PGPASSWORD").ok())?;
        let connection = connect(&place)?;
        Ok(Self { place, connection: Mutex::new(Some(connection)) })
    }

    /// Whether an address is one of these.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Where it is, without account and password.
    #[must_use]
    pub fn place(&self) -> String {
        self.place.to_string()
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn len(&self) -> Result<u64, IndexError> {
        self.transaction(READING, |connection| {
            let rows = connection.query("SELECT count(*) FROM entries", vec![])?;
            read::there(rows.first().and_then(|row| row.number(0)), "count")
        })
    }

    /// Whether there is none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn is_empty(&self) -> Result<bool, IndexError> {
        Ok(self.len()? == 0)
    }

    /// The bytes of all tables with their indexes, as the server keeps them.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn size(&self) -> Result<u64, IndexError> {
        self.transaction(READING, |connection| {
            let sql = "SELECT sum(pg_total_relation_size(oid))::int8 FROM pg_class
                       WHERE relnamespace = 'zkinfer'::regnamespace AND relkind = 'r'";
            read::there(connection.query(sql, vec![])?.first().and_then(|row| row.number(0)), "size")
        })
    }

    /// Everything or nothing, and made again when others were in the way.
    fn transaction<T>(
        &self,
        begin: &str,
        work: impl Fn(&mut Connection) -> Result<T, Trouble>,
    ) -> Result<T, IndexError> {
        let mut held = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut attempt = 1;
        loop {
            // Taken: a panic or an error leaves none behind that is in the middle of something.
            let mut connection = self.begin(held.take(), begin)?;
            let done = work(&mut connection).and_then(|done| Ok((connection.run("COMMIT")?, done).1));
            let trouble = match done {
                Ok(done) => {
                    *held = Some(connection);
                    return Ok(done);
                }
                Err(trouble) => trouble,
            };
            if !trouble.is_lost() && connection.run("ROLLBACK").is_ok() {
                *held = Some(connection);
            }
            if !trouble.is_a_race() || attempt == ATTEMPTS {
                return Err(self.explain(trouble));
            }
            attempt += 1;
        }
    }

    /// A connection in a new transaction. One that was idle may be gone: nothing was asked of it yet, so another one will do.
    fn begin(&self, kept: Option<Connection>, begin: &str) -> Result<Connection, IndexError> {
        if let Some(mut connection) = kept
            && connection.run(begin).is_ok()
        {
            return Ok(connection);
        }
        let mut connection = connect(&self.place)?;
        connection.run(begin).map_err(|failure| self.explain(failure.into()))?;
        Ok(connection)
    }

    fn explain(&self, trouble: Trouble) -> IndexError {
        match trouble {
            Trouble::Ours(error) => *error,
            Trouble::Wire(failure) => failed(&self.place, failure),
        }
    }
}

impl Index for PostgresIndex {
    fn enter(&self, entries: &[Entry]) -> Result<Vec<Outcome>, IndexError> {
        self.transaction(WRITING, |connection| write::enter(connection, entries))
    }

    fn search(&self, query: &Query) -> Result<Page, IndexError> {
        query.check()?;
        self.transaction(READING, |connection| match &query.nearest {
            None => read::latest(connection, query),
            Some(embedding) => nearest::search(connection, query, embedding),
        })
    }

    fn remove(&self, statements: &[B256]) -> Result<u64, IndexError> {
        self.transaction(WRITING, |connection| write::remove(connection, statements))
    }

    fn retain(&self, retention: &Retention, now_ms: u64) -> Result<u64, IndexError> {
        let mut removed = 0;
        if let Some(age) = retention.max_age {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            let before = i64::try_from(now_ms.saturating_sub(age)).unwrap_or(i64::MAX);
            removed += self.take_out(before, u64::MAX)?;
        }
        if let Some(most) = retention.max_entries {
            removed += self.take_out(i64::MAX, self.len()?.saturating_sub(most))?;
        }
        Ok(removed)
    }
}

impl PostgresIndex {
    /// The oldest ones first, in portions.
    fn take_out(&self, before: i64, most: u64) -> Result<u64, IndexError> {
        let mut removed = 0;
        while removed < most {
            let left = most - removed;
            match self.transaction(WRITING, |connection| write::remove_oldest(connection, before, left))? {
                0 => break,
                gone => removed += gone,
            }
        }
        Ok(removed)
    }
}

fn connect(place: &Place) -> Result<Connection, IndexError> {
    let unreachable = |reason: String| IndexError::Unreachable { endpoint: place.to_string(), reason };
    let mut connection = Connection::open(place).map_err(|failure| unreachable(failure.to_string()))?;
    schema::prepare(&mut connection, &place.to_string()).map_err(|trouble| match trouble {
        Trouble::Ours(error) => *error,
        Trouble::Wire(Failure::Server { code, message }) if matches!(&*code, "0A000" | "58P01" | "42501") => {
            unreachable(format!(
                "its database cannot be prepared ({message}): it needs the extension pgvector, and an account that may make a \
                 schema; a superuser runs CREATE EXTENSION vector"
            ))
        }
        Trouble::Wire(failure) => failed(place, failure),
    })?;
    Ok(connection)
}

/// What a failure means to whoever called.
fn failed(place: &Place, failure: Failure) -> IndexError {
    let (path, reason) = (place.to_string(), failure.to_string());
    match failure {
        Failure::Server { code, .. } => match &*code {
            "57P01" | "57P02" | "57P03" => IndexError::Lost { endpoint: path, reason },
            "55P03" => IndexError::Locked { path, waited: WAIT },
            "XX001" | "XX002" => IndexError::Damaged { path, reason },
            _ => IndexError::Database { path, reason },
        },
        Failure::Io(_) | Failure::Protocol(_) => IndexError::Lost { endpoint: path, reason },
    }
}

/// What goes wrong inside a transaction.
#[derive(Debug)]
enum Trouble {
    Wire(Failure),
    Ours(Box<IndexError>),
}

impl Trouble {
    /// Whether the connection is of no use any more.
    const fn is_lost(&self) -> bool {
        matches!(self, Self::Wire(Failure::Io(_) | Failure::Protocol(_)))
    }

    /// Whether another node did the same at the same time: a statement that is there now, a deadlock, a state that is gone.
    fn is_a_race(&self) -> bool {
        matches!(self, Self::Wire(Failure::Server { code, .. }) if matches!(&**code, "23505" | "40001" | "40P01"))
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Wire(failure)
    }
}

impl From<IndexError> for Trouble {
    fn from(error: IndexError) -> Self {
        Self::Ours(Box::new(error))
    }
}
