//! Entering: everything of one call is read at once, merged here, and written at once.

use super::{
    Trouble, integer,
    read::{self, Stored},
    wire::Connection,
};
use crate::{
    index::{Embedding, Entry, IndexError, Outcome, conditions::Value, query::words},
    proof::Context,
};
use alloy::primitives::B256;
use std::collections::HashMap;

const INSERT: &str = "INSERT INTO entries(statement, model, chain, registry, submitter, consumer, job, created, tx, assurance, words, body)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, array_to_tsvector(string_to_array($11, ' ')), $12) RETURNING id";
const UPDATE: &str = "UPDATE entries SET created = $2, tx = $3, assurance = $4,
     words = array_to_tsvector(string_to_array($5, ' ')), body = $6 WHERE id = $1";

/// What becomes of a statement in one call.
struct Work {
    before: Option<Stored>,
    now: Entry,
    changed: bool,
}

pub(super) fn enter(connection: &mut Connection, entries: &[Entry]) -> Result<Vec<Outcome>, Trouble> {
    for entry in entries {
        entry.note.check()?;
        entry.check()?;
    }
    // Others that write wait: what is read here is what is changed.
    connection.query("LOCK TABLE entries IN SHARE ROW EXCLUSIVE MODE", &[])?;
    let mut before = read::by_statements(connection, entries.iter().map(|entry| entry.statement_id))?;
    let mut work: HashMap<B256, Work> = HashMap::new();
    let mut order = Vec::new();
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        let id = entry.statement_id;
        let Some(work) = work.get_mut(&id) else {
            order.push(id);
            let (outcome, new) = begin(before.remove(&id), entry)?;
            outcomes.push(outcome);
            work.insert(id, new);
            continue;
        };
        outcomes.push(work.add(entry)?);
    }
    let changed: Vec<Work> = order.iter().filter_map(|id| work.remove(id)).filter(|work| work.changed).collect();
    write(connection, &changed)?;
    Ok(outcomes)
}

fn begin(before: Option<Stored>, entry: &Entry) -> Result<(Outcome, Work), Trouble> {
    match before {
        None => Ok((Outcome::New, Work { before: None, now: entry.clone(), changed: true })),
        Some(stored) => {
            let mut work = Work { now: stored.entry.clone(), before: Some(stored), changed: false };
            Ok((work.add(entry)?, work))
        }
    }
}

impl Work {
    fn add(&mut self, entry: &Entry) -> Result<Outcome, IndexError> {
        let mut merged = self.now.clone();
        merged.merge(entry)?;
        if merged == self.now {
            return Ok(Outcome::Unchanged);
        }
        (self.now, self.changed) = (merged, true);
        Ok(Outcome::Merged)
    }
}

fn write(connection: &mut Connection, changed: &[Work]) -> Result<(), Trouble> {
    let (old, new): (Vec<&Work>, Vec<&Work>) = changed.iter().partition(|work| work.before.is_some());
    let rows: Vec<Vec<Value>> = new.iter().map(|work| inserted(&work.now)).collect::<Result<_, _>>()?;
    let ids = run(connection, INSERT, &rows)?;
    let mut numbered: Vec<(i64, &Work)> = Vec::with_capacity(changed.len());
    for (row, work) in ids.iter().zip(new) {
        numbered.push((integer(row, 0)?, work));
    }
    let mut updates = Vec::new();
    let mut gone = Vec::new();
    for work in old {
        let id = work.before.as_ref().map_or(0, |stored| stored.id);
        updates.push(updated(id, &work.now)?);
        gone.push(vec![Value::Integer(id)]);
        numbered.push((id, work));
    }
    run(connection, UPDATE, &updates)?;
    for table in ["held", "metadata", "labels"] {
        run(connection, &format!("DELETE FROM {table} WHERE entry = $1"), &gone)?;
    }
    parts(connection, &numbered)
}

/// Writes the lists of all entries; of their embeddings those that are not there yet.
fn parts(connection: &mut Connection, all: &[(i64, &Work)]) -> Result<(), Trouble> {
    let (mut held, mut metadata, mut labels, mut vectors) = (vec![], vec![], vec![], vec![]);
    let mut spaces = HashMap::new();
    for (id, work) in all {
        let (id, entry) = (Value::Integer(*id), &work.now);
        held.extend(entry.held.iter().map(|(address, it)| {
            let (hash, backend) = (Value::Bytes(address.blake3().to_vec()), Value::Text(it.backend.as_str().into()));
            vec![
                id.clone(),
                hash,
                backend,
                Value::Integer(it.proof_bytes.cast_signed()),
                Value::Integer(it.test_srs.into()),
            ]
        }));
        metadata.extend(
            entry
                .note
                .metadata()
                .map(|(key, value)| vec![id.clone(), Value::Text(key.into()), Value::Text(value.into())]),
        );
        labels.extend(entry.note.labels().map(|label| vec![id.clone(), Value::Text(label.into())]));
        let there = work.before.as_ref().map(|stored| stored.entry.note.embeddings()).unwrap_or_default();
        for embedding in entry.note.embeddings().iter().filter(|embedding| !there.contains(embedding)) {
            let space = space_for(connection, embedding, &mut spaces)?;
            vectors.push(vec![id.clone(), Value::Integer(space), Value::Text(read::vector(embedding))]);
        }
    }
    run(connection, "INSERT INTO held VALUES ($1, $2, $3, $4, $5)", &held)?;
    run(connection, "INSERT INTO metadata VALUES ($1, $2, $3)", &metadata)?;
    run(connection, "INSERT INTO labels VALUES ($1, $2)", &labels)?;
    run(connection, "INSERT INTO vectors VALUES ($1, $2, $3)", &vectors)?;
    Ok(())
}

fn run(connection: &mut Connection, sql: &str, rows: &[Vec<Value>]) -> Result<Vec<super::Row>, Trouble> {
    let sets: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
    Ok(connection.run(sql, &sets)?)
}

fn inserted(entry: &Entry) -> Result<Vec<Value>, IndexError> {
    let (chain, registry, assignment) = match &entry.context {
        Context::Offchain {} => (None, None, None),
        Context::Chain { chain_id, registry, assignment } => (Some(*chain_id), Some(registry), Some(assignment)),
    };
    let bytes = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec()));
    let [created, tx, assurance, words, body] = changing(entry)?;
    Ok(vec![
        bytes(Some(&entry.statement_id[..])),
        bytes(Some(&entry.model_id[..])),
        chain.map_or(Value::Null, |id| Value::Integer(id.cast_signed())),
        bytes(registry.map(|address| &address[..])),
        bytes(assignment.map(|it| &it.submitter[..])),
        bytes(assignment.map(|it| &it.consumer[..])),
        bytes(assignment.map(|it| &it.job[..])),
        created,
        tx,
        assurance,
        words,
        body,
    ])
}

fn updated(id: i64, entry: &Entry) -> Result<Vec<Value>, IndexError> {
    Ok([Value::Integer(id)].into_iter().chain(changing(entry)?).collect())
}

/// The columns that can change.
fn changing(entry: &Entry) -> Result<[Value; 5], IndexError> {
    let mut body = entry.clone();
    body.note.embeddings.clear();
    let body = serde_json::to_string(&body).map_err(|error| IndexError::Query(error.to_string()))?;
    let claim = entry.claim.as_ref();
    Ok([
        Value::Integer(i64::try_from(entry.created_at_ms).unwrap_or(i64::MAX)),
        claim.map_or(Value::Null, |it| Value::Bytes(it.transaction.to_vec())),
        claim.map_or(Value::Null, |it| Value::Integer(it.assurance as i64)),
        Value::Text(words(&entry.note.words()).collect::<Vec<_>>().join(" ")),
        Value::Text(body),
    ])
}

/// The number of an embedding's space, which is made if it is new.
fn space_for(
    connection: &mut Connection,
    embedding: &Embedding,
    known: &mut HashMap<(String, usize), i64>,
) -> Result<i64, Trouble> {
    let key = (embedding.space().to_owned(), embedding.values().len());
    if let Some(&id) = known.get(&key) {
        return Ok(id);
    }
    let id = match read::space_of(connection, embedding)? {
        Some(id) => id,
        None => {
            let values = [Value::Text(key.0.clone()), Value::Integer(key.1 as i64)];
            let rows = connection.query("INSERT INTO spaces(name, dimension) VALUES ($1, $2) RETURNING id", &values)?;
            rows.first().map_or(Ok(0), |row| integer(row, 0))?
        }
    };
    known.insert(key, id);
    Ok(id)
}
