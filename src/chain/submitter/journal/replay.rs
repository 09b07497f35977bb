//! The states, made again from the events.

use super::{Event, Journal, JournalError, Row, decode};
use crate::chain::submitter::Intent;
use std::collections::BTreeMap;

impl Journal {
    /// The states as they follow from the events alone, by the intents' numbers.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when an event does not follow on those before; others of the database.
    pub fn replayed(&self) -> Result<BTreeMap<i64, Row>, JournalError> {
        let connection = self.connection();
        let mut rows: BTreeMap<i64, Row> = BTreeMap::new();
        let failed = |error| JournalError::of(&self.path, error);
        let sql = "SELECT e.at, e.intent, e.body, CASE WHEN e.body = '\"planned\"' THEN i.body END FROM events e JOIN
                   intents i ON i.seq = e.intent ORDER BY e.seq";
        let mut statement = connection.prepare(sql).map_err(failed)?;
        let mut found = statement.query([]).map_err(failed)?;
        while let Some(line) = found.next().map_err(failed)? {
            let read = || -> Result<_, rusqlite::Error> {
                let (at, seq): (i64, i64) = (line.get(0)?, line.get(1)?);
                Ok((at.cast_unsigned(), seq, line.get::<_, String>(2)?, line.get::<_, Option<String>>(3)?))
            };
            let (at, seq, event, intent) = read().map_err(failed)?;
            let event: Event = decode(&self.path, &event)?;
            match (rows.get_mut(&seq), event) {
                (None, Event::Planned) => {
                    let intent: Intent = decode(&self.path, &intent.unwrap_or_default())?;
                    rows.insert(seq, Row::new(&intent, seq, at));
                }
                (Some(row), event) => {
                    row.apply(&event, at).map_err(|error| JournalError::damaged(&self.path, &error.to_string()))?;
                }
                (None, _) => return Err(JournalError::damaged(&self.path, "an intent has events before it was added")),
            }
        }
        Ok(rows)
    }

    /// Compares the states with what follows from the events.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] with the first difference.
    pub fn check(&self) -> Result<(), JournalError> {
        let said: String = self.ask("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if said != "ok" {
            return Err(JournalError::damaged(&self.path, &said));
        }
        let (kept, replayed) = (self.all_rows()?, self.replayed()?);
        let differs = |row: &Row| replayed.get(&row.seq) != Some(row);
        match kept.iter().find(|row| differs(row)) {
            Some(row) => Err(JournalError::damaged(
                &self.path,
                &format!("the state of {} does not follow from its events", row.id),
            )),
            None if kept.len() != replayed.len() => Err(JournalError::damaged(&self.path, "states are missing")),
            None => Ok(()),
        }
    }
}
