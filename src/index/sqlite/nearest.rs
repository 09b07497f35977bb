//! The nearest entries, exactly: a scan of sketches, then the embeddings of those that could be among the nearest.

use super::{
    super::{
        Embedding, Found, IndexError, Page, Query,
        conditions::Conditions,
        note::cosine,
        sketch::{Sketch, Sketches},
    },
    Trouble, read, schema, write,
};
use alloy::primitives::B256;
use rusqlite::{OptionalExtension, Transaction, params_from_iter};
use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap, HashSet},
};

/// Of so many looked at one by one without an end, all that satisfy the filter are found first instead.
const MANY_LOOKS: usize = 2000;
/// A filter that leaves one of so many entries is answered before the embeddings are looked at.
const SELECTIVE: usize = 8;

/// The sketches of every space, kept up to date with the database.
pub(super) type Mirrors = HashMap<String, Mirror>;

/// The sketches of one space, with their rows in the database.
#[derive(Debug)]
pub(super) struct Mirror {
    sketches: Sketches,
    /// `vectors.id` of every sketch, ascending, and `entries.id`.
    rows: Vec<(i64, i64)>,
    /// Which removals it has seen.
    removed: i64,
}

/// A row that could be among the nearest, by the most that its similarity can be.
struct Candidate {
    bound: f32,
    row: usize,
}

/// One of the nearest so far: by similarity, of equal ones the smaller id.
struct Near {
    similarity: f64,
    statement: B256,
    entry: i64,
}

pub(super) fn search(
    tx: &Transaction<'_>,
    mirrors: &mut Mirrors,
    query: &Query,
    embedding: &Embedding,
) -> Result<Page, Trouble> {
    let Some(space) = write::space_of(tx, embedding)? else { return Ok(Page::default()) };
    let new = || Mirror { sketches: Sketches::new(embedding.values().len()), rows: Vec::new(), removed: 0 };
    let mirror = mirrors.entry(embedding.space().into()).or_insert_with(new);
    mirror.catch_up(tx, space)?;
    let conditions = read::conditions(query);
    let mut found = Vec::new();
    for near in mirror.nearest(tx, embedding, &conditions, query.limit)? {
        found.push(Found::new(read::by_id(tx, near.entry)?, Some(near.similarity)));
    }
    Ok(Page { found, next: None })
}

impl Mirror {
    /// Reads what was entered since; everything, after something was taken out.
    fn catch_up(&mut self, tx: &Transaction<'_>, space: i64) -> Result<(), Trouble> {
        let removed = schema::counter(tx, "removed")?;
        if removed != self.removed {
            *self = Self { sketches: Sketches::new(self.sketches.dimension()), rows: Vec::new(), removed };
        }
        let last = self.rows.last().map_or(0, |&(id, _)| id);
        let mut statement =
            tx.prepare_cached("SELECT id, entry, x FROM vectors WHERE id > ?1 AND space = ?2 ORDER BY id")?;
        let mut rows = statement.query([last, space])?;
        while let Some(row) = rows.next()? {
            let values = read::numbers(row, 2)?;
            if values.len() != self.sketches.dimension() {
                let reason = format!("an embedding has {} numbers, not {}", values.len(), self.sketches.dimension());
                return Err(IndexError::Damaged { path: "the table `vectors`".into(), reason }.into());
            }
            self.sketches.push(Sketch::of(&values));
            self.rows.push((row.get(0)?, row.get(1)?));
        }
        Ok(())
    }

    fn nearest(
        &self,
        tx: &Transaction<'_>,
        embedding: &Embedding,
        conditions: &Conditions,
        limit: usize,
    ) -> Result<Vec<Near>, Trouble> {
        let query = Sketch::of(embedding.values());
        let few = (self.rows.len() / SELECTIVE).max(1000);
        let selected = if conditions.is_empty() { None } else { entries(tx, conditions, Some(few))? };
        let mut unfiltered = Conditions::default();
        let mut left: BinaryHeap<Candidate> = match &selected {
            Some(selected) => {
                self.of(selected).map(|row| Candidate { bound: self.sketches.bound(row, &query), row }).collect()
            }
            None => {
                unfiltered = conditions.clone();
                let bounds = self.sketches.bounds(&query).into_iter().enumerate();
                bounds.map(|(row, bound)| Candidate { bound, row }).collect()
            }
        };
        let mut nearest: Vec<Near> = Vec::with_capacity(limit + 1);
        let mut looks = 0;
        while let Some(Candidate { bound, row }) = left.pop() {
            if nearest.len() == limit && nearest.last().is_some_and(|last| f64::from(bound) < last.similarity) {
                break;
            }
            looks += 1;
            if looks == MANY_LOOKS && !unfiltered.is_empty() {
                let selected = entries(tx, &unfiltered, None)?.unwrap_or_default();
                left.retain(|candidate| selected.contains(&self.rows[candidate.row].1));
                if !selected.contains(&self.rows[row].1) {
                    continue;
                }
                unfiltered = Conditions::default();
            }
            if let Some(near) = look(tx, self.rows[row], embedding, &unfiltered)? {
                let place = nearest.partition_point(|other| other.before(&near));
                nearest.insert(place, near);
                nearest.truncate(limit);
            }
        }
        Ok(nearest)
    }

    /// The rows of these entries.
    fn of<'a>(&'a self, selected: &'a HashSet<i64>) -> impl Iterator<Item = usize> + 'a {
        self.rows.iter().enumerate().filter(|(_, (_, entry))| selected.contains(entry)).map(|(row, _)| row)
    }
}

/// The numbers of all entries that satisfy the conditions; `None` when there are more than `most`.
fn entries(
    tx: &Transaction<'_>,
    conditions: &Conditions,
    most: Option<usize>,
) -> Result<Option<HashSet<i64>>, Trouble> {
    let limit = most.map_or(-1, |most| most as i64 + 1);
    let sql = format!("SELECT e.id FROM entries e WHERE {} LIMIT {limit}", conditions.sql());
    let mut statement = tx.prepare_cached(&sql)?;
    let ids = statement.query_map(params_from_iter(&conditions.values), |row| row.get(0))?;
    let ids = ids.collect::<Result<HashSet<i64>, _>>()?;
    Ok(if most.is_some_and(|most| ids.len() > most) { None } else { Some(ids) })
}

/// The exact similarity of a row, if its entry satisfies the conditions.
fn look(
    tx: &Transaction<'_>,
    (vector, entry): (i64, i64),
    embedding: &Embedding,
    conditions: &Conditions,
) -> Result<Option<Near>, Trouble> {
    let sql = format!(
        "SELECT v.x, e.statement FROM vectors v JOIN entries e ON e.id = v.entry WHERE {} AND v.id = ?",
        conditions.sql()
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut values: Vec<&dyn rusqlite::ToSql> = conditions.values.iter().map(|value| value as _).collect();
    values.push(&vector);
    let near = |row: &rusqlite::Row<'_>| {
        let similarity = cosine(&read::numbers(row, 0)?, embedding.values());
        Ok(Near { similarity, statement: B256::from(row.get::<_, [u8; 32]>(1)?), entry })
    };
    Ok(statement.query_row(&values[..], near).optional()?)
}

impl Near {
    fn before(&self, other: &Self) -> bool {
        match self.similarity.total_cmp(&other.similarity) {
            Ordering::Equal => self.statement < other.statement,
            order => order == Ordering::Greater,
        }
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bound.total_cmp(&other.bound).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}
