//! From rows to entries.

use super::{
    super::{
        Assurance, Embedding, Entry, Found, Held, Page, Query, Recorded,
        conditions::{Conditions, Value},
    },
    Trouble,
};
use crate::{
    proof::{Assignment, Context, bundle::BackendName},
    storage::ContentAddress,
};
use alloy::primitives::{Address, B256};
use rusqlite::{
    OptionalExtension, Row, ToSql, Transaction, params_from_iter,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

/// As [`entry`] reads them; the id before them.
pub(super) const COLUMNS: &str = "e.id, e.statement, e.model, e.chain, e.registry, e.submitter, e.consumer, e.job, \
     e.deadline, e.hides, e.consent, e.created, e.tx, e.block, e.recorded, e.assurance";

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Bytes of a fixed number.
struct Fixed<const N: usize>([u8; N]);

impl<const N: usize> FromSql for Fixed<N> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        let sized =
            bytes.try_into().map_err(|_| FromSqlError::InvalidBlobSize { expected_size: N, blob_size: bytes.len() });
        sized.map(Self)
    }
}

fn word(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<B256>> {
    Ok(row.get::<_, Option<Fixed<32>>>(at)?.map(|Fixed(bytes)| bytes.into()))
}

fn address(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Address>> {
    Ok(row.get::<_, Option<Fixed<20>>>(at)?.map(|Fixed(bytes)| bytes.into()))
}

fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(i64::cast_unsigned))
}

/// Whether a row has what it has to have.
fn there<T>(value: Option<T>, at: usize) -> rusqlite::Result<T> {
    let missing = || rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Null, "it is missing".into());
    value.ok_or_else(missing)
}

/// The part of an entry that is in its own row.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<(i64, Entry)> {
    let context = match (number(row, 3)?, address(row, 4)?) {
        (Some(chain_id), Some(registry)) => Context::Chain {
            chain_id,
            registry,
            assignment: Assignment {
                submitter: there(address(row, 5)?, 5)?,
                consumer: there(address(row, 6)?, 6)?,
                job: there(word(row, 7)?, 7)?,
                deadline: there(number(row, 8)?, 8)?,
            },
        },
        _ => Context::Offchain {},
    };
    let mut entry = Entry::new(there(word(row, 1)?, 1)?, there(word(row, 2)?, 2)?, context);
    entry.hides_inputs = row.get(9)?;
    entry.note.embedding_of_hidden_input = row.get(10)?;
    entry.created_at_ms = there(number(row, 11)?, 11)?;
    if let Some(transaction) = word(row, 12)? {
        entry.claim = Some(Recorded {
            transaction,
            block: there(number(row, 13)?, 13)?,
            recorded_at: there(number(row, 14)?, 14)?,
            assurance: there(row.get::<_, u8>(15).map(Assurance::from_contract)?, 15)?,
        });
    }
    Ok((row.get(0)?, entry))
}

/// Adds the lists.
pub(super) fn complete(tx: &Transaction<'_>, id: i64, entry: &mut Entry) -> Result<(), Trouble> {
    let mut held = tx.prepare_cached(
        "SELECT blake3, size, slot, statements, backend, proof_hash, proof_bytes, transferable, test_srs, location
         FROM held WHERE entry = ?1",
    )?;
    let mut rows = held.query([id])?;
    while let Some(row) = rows.next()? {
        let address = ContentAddress::new(there(word(row, 0)?, 0)?.0, there(number(row, 1)?, 1)?);
        let it = Held {
            slot: row.get(2)?,
            statements: row.get(3)?,
            backend: there(backend(&row.get::<_, String>(4)?), 4)?,
            proof_hash: there(word(row, 5)?, 5)?,
            proof_bytes: there(number(row, 6)?, 6)?,
            transferable: row.get(7)?,
            test_srs: row.get(8)?,
            location: row.get(9)?,
        };
        entry.held.insert(address, it);
    }
    let mut metadata = tx.prepare_cached("SELECT key, value FROM metadata WHERE entry = ?1")?;
    let mut rows = metadata.query([id])?;
    while let Some(row) = rows.next()? {
        entry.note.metadata.entry(row.get(0)?).or_default().insert(row.get(1)?);
    }
    let mut labels = tx.prepare_cached("SELECT label FROM labels WHERE entry = ?1")?;
    let mut rows = labels.query([id])?;
    while let Some(row) = rows.next()? {
        entry.note.labels.insert(row.get(0)?);
    }
    let mut vectors = tx.prepare_cached(
        "SELECT s.name, v.x FROM vectors v JOIN spaces s ON s.id = v.space WHERE v.entry = ?1 ORDER BY s.name",
    )?;
    let mut rows = vectors.query([id])?;
    while let Some(row) = rows.next()? {
        entry.note.embeddings.push(Embedding::new(row.get::<_, String>(0)?, numbers(row, 1)?)?);
    }
    Ok(())
}

/// As [`BackendName::as_str`] writes it.
pub(super) fn backend(name: &str) -> Option<BackendName> {
    [BackendName::Ezkl, BackendName::Native, BackendName::Mock].into_iter().find(|backend| backend.as_str() == name)
}

/// An embedding's numbers.
pub(super) fn numbers(row: &Row<'_>, at: usize) -> rusqlite::Result<Vec<f32>> {
    let bytes = row.get_ref(at)?.as_blob()?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|&number| f32::from_le_bytes(number)).collect())
}

/// The entry of a statement, whole, with its number.
pub(super) fn by_statement(tx: &Transaction<'_>, statement: B256) -> Result<Option<(i64, Entry)>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM entries e WHERE e.statement = ?1");
    let found = tx.prepare_cached(&sql)?.query_row([statement.as_slice()], entry).optional()?;
    found.map(|(id, entry)| whole(tx, id, entry)).transpose()
}

fn whole(tx: &Transaction<'_>, id: i64, mut entry: Entry) -> Result<(i64, Entry), Trouble> {
    complete(tx, id, &mut entry)?;
    Ok((id, entry))
}

/// What has to hold of a query's answers, the text among it.
pub(super) fn conditions(query: &Query) -> Conditions {
    let mut all = Conditions::of(&query.filter);
    let terms: Vec<String> =
        query.terms().iter().map(|(word, begins)| format!("\"{word}\"{}", if *begins { "*" } else { "" })).collect();
    if !terms.is_empty() {
        let text = Value::Text(terms.join(" AND "));
        all.add("e.id IN (SELECT rowid FROM words WHERE words MATCH ?)", vec![text]);
    }
    all
}

/// The latest entries.
pub(super) fn latest(tx: &Transaction<'_>, query: &Query) -> Result<Page, Trouble> {
    let mut all = conditions(query);
    if let Some(after) = query.after {
        let created = i64::try_from(after.created_at_ms).unwrap_or(i64::MAX);
        let place = vec![Value::Integer(created), Value::Bytes(after.statement.to_vec())];
        all.add("(e.created, e.statement) < (?, ?)", place);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM entries e WHERE {} ORDER BY e.created DESC, e.statement DESC LIMIT {}",
        all.sql(),
        query.limit + 1
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(&all.values), entry)?;
    let found = rows.map(|row| {
        let (id, entry) = row?;
        Ok(Found::new(whole(tx, id, entry)?.1, None))
    });
    Ok(Page::of(found.collect::<Result<_, Trouble>>()?, query.limit))
}

/// The entry with this number, whole.
pub(super) fn by_id(tx: &Transaction<'_>, id: i64) -> Result<Entry, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM entries e WHERE e.id = ?1");
    let (id, entry) = tx.prepare_cached(&sql)?.query_row([id], entry)?;
    Ok(whole(tx, id, entry)?.1)
}
