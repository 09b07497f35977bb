//! The nearest entries, exactly: pgvector finds whatever could be among them, in single precision; who is, is computed from the
//! embeddings in double precision.

use super::{
    Trouble,
    read::{COLUMNS, conditions, numbered, numbers, there, whole},
    wire::{Connection, Param},
};
use crate::index::{Embedding, Found, IndexError, Page, Query, note::cosine, scaled::Scaled};
use alloy::primitives::B256;

/// At least twice what pgvector's cosine is off: three sums of n products in single precision, of numbers of which the largest
/// is about 1.
fn margin(dimension: usize) -> f64 {
    (dimension as f64 + 16.0) / f64::from(1 << 22)
}

pub(super) fn search(connection: &mut Connection, query: &Query, embedding: &Embedding) -> Result<Page, Trouble> {
    let Some(space) = space_of(connection, embedding)? else { return Ok(Page::default()) };
    let all = conditions(query);
    let n = all.values.len();
    let (filter, mut params) = numbered(&all.sql(), &all.values);
    // Whatever is as near as the last one that fits, within the margin.
    let sql = format!(
        "WITH near AS MATERIALIZED (
             SELECT v.entry, v.x <=> ${v}::vector AS d FROM vectors v JOIN entries e ON e.id = v.entry
             WHERE v.space = ${s}::int8 AND {filter}
         ), last AS (SELECT d FROM near ORDER BY d OFFSET ${o}::int8 LIMIT 1)
         SELECT e.id, e.statement, v.x, v.exponent, v.raw
         FROM near JOIN entries e ON e.id = near.entry JOIN vectors v ON v.entry = near.entry AND v.space = ${s}::int8
         WHERE near.d <= coalesce((SELECT d FROM last), 3) + {margin}",
        v = n + 1,
        s = n + 2,
        o = n + 3,
        margin = margin(embedding.values().len()),
    );
    params.push(Param::Vector(Scaled::of(embedding.values()).values));
    params.push(Param::Integer(space));
    params.push(Param::Integer(query.limit as i64 - 1));
    let mut near = Vec::new();
    for row in connection.query(&sql, params)? {
        let similarity = cosine(&numbers(&row, 2)?, embedding.values());
        near.push((similarity, B256::from(there(row.fixed::<32>(1), "statement")?), there(row.integer(0), "id")?));
    }
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    near.truncate(query.limit);
    found(connection, &near)
}

/// The entries of these, in their order.
fn found(connection: &mut Connection, near: &[(f64, B256, i64)]) -> Result<Page, Trouble> {
    let ids = near.iter().map(|(.., id)| *id).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM unnest($1::int8[]) WITH ORDINALITY o(id, place) JOIN entries e ON e.id = o.id ORDER BY o.place"
    );
    let rows = connection.query(&sql, vec![Param::Integers(ids)])?;
    let entries = whole(connection, &rows)?.into_iter().zip(near);
    let found = entries.map(|((_, entry), (similarity, ..))| Found::new(entry, Some(*similarity))).collect();
    Ok(Page { found, next: None })
}

/// The number of an embedding's space, if there is one; embeddings of a space have one length.
pub(super) fn space_of(connection: &mut Connection, embedding: &Embedding) -> Result<Option<i64>, Trouble> {
    let name = vec![Param::Text(embedding.space().into())];
    let rows = connection.query("SELECT id, dimension FROM spaces WHERE name = $1::text", name)?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (id, dimension) = (there(row.integer(0), "id")?, there(row.number(1), "dimension")?);
    let (space, found) = (embedding.space().to_owned(), embedding.values().len());
    if dimension == found as u64 {
        return Ok(Some(id));
    }
    let expected = usize::try_from(dimension).unwrap_or(usize::MAX);
    Err(IndexError::Dimension { space, expected, found }.into())
}
