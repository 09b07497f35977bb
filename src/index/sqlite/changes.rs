//! What happened since, for watchers; and what is let go of.

use super::{SqliteIndex, Trouble, read, write};
use crate::index::{Entry, IndexError, Retention};
use alloy::primitives::B256;
use rusqlite::Transaction;

/// How many removals are remembered for watchers.
const REMEMBERED: i64 = 100_000;
/// How many entries are taken out at once: others that write wait no longer than that takes.
const PORTION: i64 = 1000;

/// One change of the index. Numbers grow with time; a watcher keeps the last one it has seen, across restarts.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its number.
    pub revision: u64,
    /// The statement.
    pub statement: B256,
    /// The entry as it is now; `None` when it was taken out.
    pub entry: Option<Entry>,
}

impl SqliteIndex {
    /// The changes after a number, in order, at most `limit`. Of several changes of one entry only the last is there. Start with
    /// 0, go on with the last `revision`, and ask again when there was none.
    ///
    /// The last 100,000 removals are remembered: a watcher that was away for longer compares what it has with
    /// [`Index::search`](crate::index::Index::search).
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, IndexError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.reading(|tx| changes(tx, after, limit))
    }

    /// See [`Index::retain`](crate::index::Index::retain).
    pub(super) fn keep(&self, retention: &Retention, now_ms: u64) -> Result<u64, IndexError> {
        let mut removed = 0;
        if let Some(age) = retention.max_age {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            let oldest = i64::try_from(now_ms.saturating_sub(age)).unwrap_or(i64::MAX);
            removed += self.take_out("created < ?1", oldest, u64::MAX)?;
        }
        if let Some(most) = retention.max_entries {
            let surplus = self.len()?.saturating_sub(most);
            removed += self.take_out("TRUE OR ?1", 0, surplus)?;
        }
        self.writing(|tx| {
            let sql = "DELETE FROM removals WHERE revision NOT IN (SELECT revision FROM removals ORDER BY revision DESC LIMIT ?1)";
            Ok(tx.execute(sql, [REMEMBERED])?)
        })?;
        Ok(removed)
    }

    /// The oldest ones first, in portions.
    fn take_out(&self, condition: &str, value: i64, most: u64) -> Result<u64, IndexError> {
        let sql = format!("SELECT statement FROM entries WHERE {condition} ORDER BY created, statement LIMIT ?2");
        let mut removed = 0;
        while removed < most {
            let portion = i64::try_from(most - removed).unwrap_or(i64::MAX).min(PORTION);
            let gone = self.writing(|tx| {
                let mut statement = tx.prepare_cached(&sql)?;
                let rows = statement.query_map([value, portion], |row| row.get::<_, [u8; 32]>(0))?;
                let oldest: Vec<B256> = rows.map(|row| row.map(B256::from)).collect::<Result<_, _>>()?;
                write::remove(tx, &oldest)
            })?;
            if gone == 0 {
                break;
            }
            removed += gone;
        }
        Ok(removed)
    }
}

fn changes(tx: &Transaction<'_>, after: i64, limit: i64) -> Result<Vec<Change>, Trouble> {
    let mut statement = tx.prepare_cached(
        "SELECT revision, statement, id FROM entries WHERE revision > ?1
         UNION ALL SELECT revision, statement, NULL FROM removals WHERE revision > ?1 ORDER BY revision LIMIT ?2",
    )?;
    let rows = statement.query_map([after, limit], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?, row.get::<_, Option<i64>>(2)?))
    })?;
    let change = |row: Result<_, _>| {
        let (revision, statement, id): (i64, [u8; 32], Option<i64>) = row?;
        let entry = id.map(|id| read::by_id(tx, id)).transpose()?;
        Ok(Change { revision: revision.cast_unsigned(), statement: statement.into(), entry })
    };
    rows.map(change).collect()
}
