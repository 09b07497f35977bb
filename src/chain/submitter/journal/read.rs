//! What is asked of a journal.

use super::{Attempt, Event, Journal, JournalError, Logged, Row, decode, id_of};
use crate::chain::submitter::{Intent, Phase, state::Block};
use alloy::primitives::B256;
use rusqlite::{OptionalExtension, Params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the operator, and the submitter itself, said of the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Controls {
    /// Nothing is signed; what was sent is watched.
    pub is_paused: bool,
    /// Nothing that is only planned is begun; the submitter ends when what was signed has ended.
    pub is_draining: bool,
    /// Why nothing is sent, when that is for the operator to see to.
    pub hold: Option<String>,
    /// The last block that was found final.
    pub final_block: Option<Block>,
}

/// What somebody wants of a single intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// That it be cancelled: its transaction is taken back if that can still be.
    Cancel,
    /// That it be planned again, after it was cancelled or failed.
    Revive,
}

/// How many intents are where.
pub type Counts = BTreeMap<&'static str, u64>;

impl Journal {
    /// An intent with its calldata.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn intent(&self, id: B256) -> Result<Option<Intent>, JournalError> {
        let sql = "SELECT body, data FROM intents WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?));
        let Some((body, data)) = self.find(sql, [id.as_slice()], read)? else { return Ok(None) };
        let mut intent: Intent = decode(&self.path, &body)?;
        intent.data = data.into();
        Ok(Some(intent))
    }

    /// Where an intent is.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn row(&self, id: B256) -> Result<Option<Row>, JournalError> {
        let sql = "SELECT s.body FROM states s JOIN intents i ON i.seq = s.intent WHERE i.id = ?1";
        let found = self.find(sql, [id.as_slice()], |row| row.get::<_, String>(0))?;
        found.map(|body| decode(&self.path, &body)).transpose()
    }

    /// Where the intents are that have not ended and come after this number, in their order.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open_rows(&self, after: i64) -> Result<Vec<Row>, JournalError> {
        self.rows("SELECT body FROM states WHERE is_open = 1 AND intent > ?1 ORDER BY intent", [after])
    }

    /// Where so many intents are that were added last, the latest first; with a phase, those that are there.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn latest_rows(&self, phase: Option<Phase>, limit: u32) -> Result<Vec<Row>, JournalError> {
        match phase {
            Some(phase) => {
                let sql = "SELECT body FROM states WHERE phase = ?1 ORDER BY intent DESC LIMIT ?2";
                self.rows(sql, (phase.name(), limit))
            }
            None => self.rows("SELECT body FROM states ORDER BY intent DESC LIMIT ?1", [limit]),
        }
    }

    pub(super) fn all_rows(&self) -> Result<Vec<Row>, JournalError> {
        self.rows("SELECT body FROM states ORDER BY intent", [])
    }

    /// Every transaction that was signed for an intent, oldest first.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn attempts(&self, id: B256) -> Result<Vec<Attempt>, JournalError> {
        let sql =
            "SELECT a.body, a.raw FROM attempts a JOIN intents i ON i.seq = a.intent WHERE i.id = ?1 ORDER BY a.seq";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?));
        let found = self.collect(sql, [id.as_slice()], read)?;
        let attempt = |(body, raw): (String, Vec<u8>)| {
            let mut attempt: Attempt = decode(&self.path, &body)?;
            attempt.raw = raw.into();
            Ok(attempt)
        };
        found.into_iter().map(attempt).collect()
    }

    /// What happened after this number, oldest first.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn events(&self, after: i64, limit: u32) -> Result<Vec<Logged>, JournalError> {
        let sql = "SELECT e.seq, e.at, i.id, e.body FROM events e LEFT JOIN intents i ON i.seq = e.intent
                   WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";
        self.logged(sql, (after, limit))
    }

    /// What happened before this number, the newest first.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn events_before(&self, before: i64, limit: u32) -> Result<Vec<Logged>, JournalError> {
        let sql = "SELECT e.seq, e.at, i.id, e.body FROM events e LEFT JOIN intents i ON i.seq = e.intent
                   WHERE e.seq < ?1 ORDER BY e.seq DESC LIMIT ?2";
        self.logged(sql, (before, limit))
    }

    /// What happened to an intent, oldest first.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn events_of(&self, id: B256) -> Result<Vec<Logged>, JournalError> {
        let sql = "SELECT e.seq, e.at, i.id, e.body FROM events e JOIN intents i ON i.seq = e.intent
                   WHERE i.id = ?1 ORDER BY e.seq";
        self.logged(sql, [id.as_slice()])
    }

    fn logged(&self, sql: &str, parameters: impl Params) -> Result<Vec<Logged>, JournalError> {
        let read = |row: &rusqlite::Row<'_>| {
            let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok((seq, at, row.get::<_, Option<Vec<u8>>>(2)?, row.get::<_, String>(3)?))
        };
        let line = |(seq, at, id, body): (i64, i64, Option<Vec<u8>>, String)| {
            let intent = id.map(|id| id_of(&self.path, &id)).transpose()?;
            let event: Event = decode(&self.path, &body)?;
            Ok(Logged { seq, at: at.cast_unsigned(), intent, event })
        };
        self.collect(sql, parameters, read)?.into_iter().map(line).collect()
    }

    /// How many intents are where, by the names of the phases; those that have none are left out.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn counts(&self) -> Result<Counts, JournalError> {
        let sql = "SELECT phase, count(*) FROM states GROUP BY phase";
        let found = self.collect(sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        let known = |(name, count): (String, i64)| {
            let phase = Phase::ALL.into_iter().find(|phase| phase.name() == name);
            phase.map(|phase| (phase.name(), count.unsigned_abs()))
        };
        Ok(found.into_iter().filter_map(known).collect())
    }

    /// What was said of the whole.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn controls(&self) -> Result<Controls, JournalError> {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let mut controls = Controls::default();
        for (name, value) in self.collect("SELECT name, value FROM marks", [], read)? {
            match name.as_str() {
                "paused" => controls.is_paused = true,
                "draining" => controls.is_draining = true,
                "hold" => controls.hold = Some(value),
                "final_block" => controls.final_block = Some(decode(&self.path, &value)?),
                _ => {}
            }
        }
        Ok(controls)
    }

    /// What was asked for of single intents, and not yet seen to.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn wishes(&self) -> Result<Vec<(B256, Wish)>, JournalError> {
        let sql = "SELECT i.id, w.wish FROM wishes w JOIN intents i ON i.seq = w.intent ORDER BY w.intent";
        let found = self.collect(sql, [], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))?;
        found.iter().map(|(id, wish)| Ok((id_of(&self.path, id)?, decode(&self.path, wish)?))).collect()
    }

    fn rows(&self, sql: &str, parameters: impl Params) -> Result<Vec<Row>, JournalError> {
        let found = self.collect(sql, parameters, |row| row.get::<_, String>(0))?;
        found.iter().map(|body| decode(&self.path, body)).collect()
    }

    fn find<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, JournalError> {
        let connection = self.connection();
        let ask = || connection.prepare_cached(sql)?.query_row(parameters, read).optional();
        ask().map_err(|error| JournalError::of(&self.path, error))
    }

    fn collect<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, JournalError> {
        let connection = self.connection();
        let ask = || -> Result<Vec<T>, rusqlite::Error> {
            connection.prepare_cached(sql)?.query_map(parameters, read)?.collect()
        };
        ask().map_err(|error| JournalError::of(&self.path, error))
    }
}
