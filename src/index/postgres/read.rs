//! From rows to entries.

use super::{
    Trouble,
    wire::{Command, Connection, Param, Row},
};
use crate::{
    index::{
        Assurance, Embedding, Entry, Found, Held, IndexError, Page, Query, Recorded,
        conditions::{Conditions, Value},
        scaled,
    },
    proof::{Assignment, Context, bundle::BackendName},
    storage::ContentAddress,
};
use alloy::primitives::B256;
use std::collections::HashMap;

/// As [`entry`] reads them; the id before them.
pub(super) const COLUMNS: &str = "e.id, e.statement, e.model, e.chain, e.registry, e.submitter, e.consumer, e.job, \
     e.deadline, e.hides, e.consent, e.created, e.tx, e.block, e.recorded, e.assurance";

/// Words without the marks over and under their letters, as SQLite's full text has them.
pub(super) const PLAIN: &str = "regexp_replace(normalize(?, NFD), '[\\u0300-\\u036f]', '', 'g')";

/// SQL with a numbered placeholder and its type in the place of every `?`.
pub(super) fn numbered(sql: &str, values: &[Value]) -> Command {
    let mut text = String::with_capacity(sql.len() + 8 * values.len());
    let mut parts = sql.split('?');
    text.push_str(parts.next().unwrap_or_default());
    for (at, (part, value)) in parts.zip(values).enumerate() {
        let kind = match value {
            Value::Bytes(_) => "bytea",
            Value::Integer(_) => "int8",
            Value::Text(_) => "text",
        };
        text.push_str(&format!("${}::{kind}{part}", at + 1));
    }
    let params = values.iter().map(|value| match value {
        Value::Bytes(bytes) => Param::Bytes(bytes.clone()),
        Value::Integer(number) => Param::Integer(*number),
        Value::Text(text) => Param::Text(text.clone()),
    });
    (text, params.collect())
}

/// What has to hold of a query's answers, the text among it.
pub(super) fn conditions(query: &Query) -> Conditions {
    let mut all = Conditions::of(&query.filter);
    let terms = query.terms();
    // Letters and digits only: nothing that could end a lexeme.
    let terms: Vec<String> =
        terms.iter().map(|(word, begins)| format!("'{word}'{}", if *begins { ":*" } else { "" })).collect();
    if !terms.is_empty() {
        all.add(&format!("e.words @@ ({PLAIN})::tsquery"), vec![Value::Text(terms.join(" & "))]);
    }
    all
}

/// The latest entries.
pub(super) fn latest(connection: &mut Connection, query: &Query) -> Result<Page, Trouble> {
    let mut all = conditions(query);
    if let Some(after) = query.after {
        let created = i64::try_from(after.created_at_ms).unwrap_or(i64::MAX);
        all.add(
            "(e.created, e.statement) < (?, ?)",
            vec![Value::Integer(created), Value::Bytes(after.statement.to_vec())],
        );
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM entries e WHERE {} ORDER BY e.created DESC, e.statement DESC LIMIT {}",
        all.sql(),
        query.limit + 1
    );
    let (sql, params) = numbered(&sql, &all.values);
    let rows = connection.query(&sql, params)?;
    let found = whole(connection, &rows)?.into_iter().map(|(_, entry)| Found::new(entry, None));
    Ok(Page::of(found.collect(), query.limit))
}

/// Entries with their lists, in the order of the rows.
pub(super) fn whole(connection: &mut Connection, rows: &[Row]) -> Result<Vec<(i64, Entry)>, Trouble> {
    let mut entries = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    if entries.is_empty() {
        return Ok(entries);
    }
    let places: HashMap<i64, usize> = entries.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let ids: Vec<i64> = entries.iter().map(|(id, _)| *id).collect();
    let lists = [
        "SELECT entry, blake3, size, slot, statements, backend, proof_hash, proof_bytes, transferable, test_srs, location
         FROM held WHERE entry = ANY($1::int8[])",
        "SELECT entry, key, value FROM metadata WHERE entry = ANY($1::int8[])",
        "SELECT entry, label FROM labels WHERE entry = ANY($1::int8[])",
        "SELECT v.entry, s.name, v.x, v.exponent, v.raw FROM vectors v JOIN spaces s ON s.id = v.space
         WHERE v.entry = ANY($1::int8[]) ORDER BY s.name COLLATE \"C\"",
    ];
    let commands = lists.map(|sql| (sql.to_owned(), vec![Param::Integers(ids.clone())])).to_vec();
    for (list, rows) in connection.all(commands)?.iter().enumerate() {
        for row in rows {
            let at = *there(row.integer(0).and_then(|id| places.get(&id)), "entry")?;
            add(&mut entries[at].1, list, row)?;
        }
    }
    Ok(entries)
}

fn add(entry: &mut Entry, list: usize, row: &Row) -> Result<(), Trouble> {
    let note = &mut entry.note;
    match list {
        0 => {
            let address = ContentAddress::new(there(row.fixed(1), "blake3")?, there(row.number(2), "size")?);
            entry.held.insert(address, held(row)?);
        }
        1 => {
            let values = note.metadata.entry(there(row.text(1), "key")?).or_default();
            values.insert(there(row.text(2), "value")?);
        }
        2 => drop(note.labels.insert(there(row.text(1), "label")?)),
        _ => note.embeddings.push(Embedding::new(there(row.text(1), "name")?, numbers(row, 2)?)?),
    }
    Ok(())
}

fn held(row: &Row) -> Result<Held, Trouble> {
    let small = |at, what| there(row.integer(at).and_then(|number| u32::try_from(number).ok()), what);
    let flag = |at, what| there(row.integer(at), what).map(|number| number != 0);
    let backend = row.text(5).and_then(|name| {
        [BackendName::Ezkl, BackendName::Native, BackendName::Mock].into_iter().find(|it| it.as_str() == name)
    });
    Ok(Held {
        slot: small(3, "slot")?,
        statements: small(4, "statements")?,
        backend: there(backend, "backend")?,
        proof_hash: there(row.fixed(6), "proof_hash")?.into(),
        proof_bytes: there(row.number(7), "proof_bytes")?,
        transferable: flag(8, "transferable")?,
        test_srs: flag(9, "test_srs")?,
        location: row.text(10),
    })
}

/// An embedding's numbers, from three columns.
pub(super) fn numbers(row: &Row, at: usize) -> Result<Vec<f32>, Trouble> {
    if let Some(raw) = row.bytes(at + 2) {
        return Ok(raw.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect());
    }
    Ok(scaled::back(&there(row.vector(at), "x")?, there(row.integer(at + 1), "exponent")?))
}

/// The part of an entry that is in its own row.
fn entry(row: &Row) -> Result<(i64, Entry), Trouble> {
    let word = |at, what| there(row.fixed::<32>(at), what).map(B256::from);
    let address = |at, what| there(row.fixed::<20>(at), what).map(Into::into);
    let context = match row.number(3) {
        Some(chain_id) => Context::Chain {
            chain_id,
            registry: address(4, "registry")?,
            assignment: Assignment {
                submitter: address(5, "submitter")?,
                consumer: address(6, "consumer")?,
                job: word(7, "job")?,
                deadline: there(row.number(8), "deadline")?,
            },
        },
        None => Context::Offchain {},
    };
    let mut entry = Entry::new(word(1, "statement")?, word(2, "model")?, context);
    entry.hides_inputs = row.integer(9).map(|number| number != 0);
    entry.note.embedding_of_hidden_input = there(row.integer(10), "consent")? != 0;
    entry.created_at_ms = there(row.number(11), "created")?;
    if row.bytes(12).is_some() {
        let assurance = row.integer(15).and_then(|number| Assurance::from_contract(u8::try_from(number).ok()?));
        entry.claim = Some(Recorded {
            transaction: word(12, "tx")?,
            block: there(row.number(13), "block")?,
            recorded_at: there(row.number(14), "recorded")?,
            assurance: there(assurance, "assurance")?,
        });
    }
    Ok((there(row.integer(0), "id")?, entry))
}

/// What a row has to have.
pub(super) fn there<T>(value: Option<T>, column: &str) -> Result<T, Trouble> {
    let path = "the schema `zkinfer`".to_owned();
    value.ok_or_else(|| {
        IndexError::Damaged { path, reason: format!("the column {column} is not what it should be") }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Filter;

    #[test]
    fn every_value_has_its_placeholder_and_its_type() {
        let filter =
            Filter { chain: Some(1), labels: vec!["a?b".into()], model: Some(B256::ZERO), ..Filter::default() };
        let all = conditions(&Query::latest(filter, 1).with_text("x' | y*"));
        let (sql, params) = numbered(&all.sql(), &all.values);
        assert!(sql.starts_with("e.model = $1::bytea AND e.chain = $2::int8 AND "), "{sql}");
        assert!(sql.contains("label = $3::text") && sql.contains("normalize($4::text, NFD)"), "{sql}");
        assert_eq!((params.len(), sql.contains('?')), (4, false));
        assert_eq!(params[3], Param::Text("'x' & 'y':*".into()));
    }
}
