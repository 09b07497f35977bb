//! Searching, and reading what is there.

use super::{
    Row, Trouble, integer, text,
    wire::{Connection, WireError},
};
use crate::index::{
    Embedding, Entry, Found, IndexError, Page, Query,
    conditions::{Conditions, Value},
    note::cosine,
};
use alloy::primitives::B256;
use std::collections::{BTreeSet, HashMap};

/// So many more are asked for than wanted, to be put in order in double precision here.
const MORE: usize = 16;

/// An entry with its number.
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) entry: Entry,
}

pub(super) fn search(connection: &mut Connection, query: &Query) -> Result<Page, Trouble> {
    let mut all = Conditions::of(&query.filter);
    let terms: Vec<String> =
        query.terms().iter().map(|(word, begins)| format!("'{word}'{}", if *begins { ":*" } else { "" })).collect();
    if !terms.is_empty() {
        all.add("e.words @@ ?::tsquery", vec![Value::Text(terms.join(" & "))]);
    }
    match &query.nearest {
        None => latest(connection, query, all),
        Some(embedding) => nearest(connection, query, embedding, &all),
    }
}

fn latest(connection: &mut Connection, query: &Query, mut all: Conditions) -> Result<Page, Trouble> {
    if let Some(after) = query.after {
        let created = i64::try_from(after.created_at_ms).unwrap_or(i64::MAX);
        all.add(
            "(e.created, e.statement) < (?, ?)",
            vec![Value::Integer(created), Value::Bytes(after.statement.to_vec())],
        );
    }
    let sql = format!(
        "SELECT e.id, e.body FROM entries e WHERE {} ORDER BY e.created DESC, e.statement DESC LIMIT {}",
        all.numbered(1),
        query.limit + 1
    );
    let rows = connection.query(&sql, &all.values)?;
    let found = complete(connection, &rows)?.into_iter().map(|stored| Found::new(stored.entry, None)).collect();
    Ok(Page::of(found, query.limit))
}

fn nearest(
    connection: &mut Connection,
    query: &Query,
    embedding: &Embedding,
    all: &Conditions,
) -> Result<Page, Trouble> {
    let Some(space) = space_of(connection, embedding)? else { return Ok(Page::default()) };
    let sql = format!(
        "SELECT e.id, e.body FROM vectors v JOIN entries e ON e.id = v.entry WHERE v.space = $1 AND {}
         ORDER BY v.x <=> $2::vector, e.statement LIMIT {}",
        all.numbered(3),
        query.limit + MORE
    );
    let mut values = vec![Value::Integer(space), Value::Text(vector(embedding))];
    values.extend(all.values.iter().cloned());
    let rows = connection.query(&sql, &values)?;
    let similarity = |entry: &Entry| {
        let mine = entry.note.embeddings().iter().find(|mine| mine.space() == embedding.space());
        mine.map(|mine| cosine(mine.values(), embedding.values()))
    };
    let mut found: Vec<(f64, Entry)> = complete(connection, &rows)?
        .into_iter()
        .filter_map(|stored| Some((similarity(&stored.entry)?, stored.entry)))
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.statement_id.cmp(&b.1.statement_id)));
    found.truncate(query.limit);
    let found = found.into_iter().map(|(similarity, entry)| Found::new(entry, Some(similarity))).collect();
    Ok(Page { found, next: None })
}

/// The entries that are there of these statements.
pub(super) fn by_statements(
    connection: &mut Connection,
    statements: impl Iterator<Item = B256>,
) -> Result<HashMap<B256, Stored>, Trouble> {
    let wanted: BTreeSet<B256> = statements.collect();
    let values: Vec<[Value; 1]> = wanted.iter().map(|id| [Value::Bytes(id.to_vec())]).collect();
    let sets: Vec<&[Value]> = values.iter().map(|value| &value[..]).collect();
    let rows = connection.run("SELECT id, body FROM entries WHERE statement = $1", &sets)?;
    Ok(complete(connection, &rows)?.into_iter().map(|stored| (stored.entry.statement_id, stored)).collect())
}

/// Entries with their embeddings, from rows of number and body; in the same order.
fn complete(connection: &mut Connection, rows: &[Row]) -> Result<Vec<Stored>, Trouble> {
    let ids: Vec<[Value; 1]> =
        rows.iter().map(|row| Ok([Value::Integer(integer(row, 0)?)])).collect::<Result<_, WireError>>()?;
    let sets: Vec<&[Value]> = ids.iter().map(|id| &id[..]).collect();
    let sql =
        "SELECT v.entry, s.name, v.x FROM vectors v JOIN spaces s ON s.id = v.space WHERE v.entry = $1 ORDER BY s.name";
    let mut embeddings: HashMap<i64, Vec<Embedding>> = HashMap::new();
    for row in connection.run(sql, &sets)? {
        embeddings
            .entry(integer(&row, 0)?)
            .or_default()
            .push(Embedding::new(text(&row, 1)?, numbers(text(&row, 2)?)?)?);
    }
    let stored = |row: &Row| {
        let malformed = |error| WireError::Broken(format!("an entry is malformed: {error}"));
        let (id, mut entry): (i64, Entry) = (integer(row, 0)?, serde_json::from_str(text(row, 1)?).map_err(malformed)?);
        entry.note.embeddings = embeddings.remove(&id).unwrap_or_default();
        Ok(Stored { id, entry })
    };
    rows.iter().map(stored).collect()
}

/// The number of an embedding's space, if there is one; embeddings of a space have one length.
pub(super) fn space_of(connection: &mut Connection, embedding: &Embedding) -> Result<Option<i64>, Trouble> {
    let rows = connection
        .query("SELECT id, dimension FROM spaces WHERE name = $1", &[Value::Text(embedding.space().into())])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (expected, found) = (usize::try_from(integer(row, 1)?).unwrap_or(usize::MAX), embedding.values().len());
    if expected != found {
        return Err(IndexError::Dimension { space: embedding.space().into(), expected, found }.into());
    }
    Ok(Some(integer(row, 0)?))
}

/// As pgvector reads it. The shortest decimals that are these numbers.
pub(super) fn vector(embedding: &Embedding) -> String {
    let numbers: Vec<String> = embedding.values().iter().map(|value| format!("{value:e}")).collect();
    format!("[{}]", numbers.join(","))
}

/// As pgvector writes it.
fn numbers(text: &str) -> Result<Vec<f32>, WireError> {
    let malformed = || WireError::Broken("an embedding is malformed".into());
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).ok_or_else(malformed)?;
    inner.split(',').map(|number| number.parse().map_err(|_| malformed())).collect()
}
