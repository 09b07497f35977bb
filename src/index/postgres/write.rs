//! Entering, and taking out.

use super::{
    Trouble, nearest,
    read::{COLUMNS, PLAIN, there, whole},
    wire::{Command, Connection, Param},
};
use crate::{
    index::{Embedding, Entry, IndexError, Outcome, query::words, scaled::Scaled},
    proof::Context,
};
use alloy::primitives::B256;
use std::collections::BTreeMap;

/// How many entries are taken out at once.
pub(super) const PORTION: u64 = 1000;

/// A statement of a call: as it was, and as it is to be.
struct Change {
    before: Option<(i64, Entry)>,
    now: Entry,
}

/// Enters statements. Rows are locked and made in the order of the statements, so that nodes that enter the same ones wait for
/// each other once.
pub(super) fn enter(connection: &mut Connection, entries: &[Entry]) -> Result<Vec<Outcome>, Trouble> {
    for entry in entries {
        entry.note.check()?;
        entry.check()?;
        check_text(entry)?;
    }
    let mut changes = existing(connection, entries)?;
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        outcomes.push(match changes.get_mut(&entry.statement_id) {
            None => {
                changes.insert(entry.statement_id, Change { before: None, now: entry.clone() });
                Outcome::New
            }
            Some(change) => {
                let mut merged = change.now.clone();
                merged.merge(entry)?;
                let is_new = merged != change.now;
                change.now = merged;
                if is_new { Outcome::Merged } else { Outcome::Unchanged }
            }
        });
    }
    changes.retain(|_, change| change.before.as_ref().is_none_or(|(_, before)| *before != change.now));
    let changes: Vec<Change> = changes.into_values().collect();
    let rows = connection.all(changes.iter().map(row).collect())?;
    let spaces = spaces(connection, &changes)?;
    let mut lists = Vec::new();
    for (change, rows) in changes.iter().zip(rows) {
        let id = there(rows.first().and_then(|row| row.integer(0)), "id")?;
        add_lists(&mut lists, id, change, &spaces);
    }
    connection.all(lists)?;
    Ok(outcomes)
}

/// What is there of these statements, locked.
fn existing(connection: &mut Connection, entries: &[Entry]) -> Result<BTreeMap<B256, Change>, Trouble> {
    let statements = entries.iter().map(|entry| entry.statement_id).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM entries e WHERE e.statement = ANY($1::bytea[]) ORDER BY e.statement FOR UPDATE OF e"
    );
    let rows = connection.query(&sql, vec![Param::Words(statements)])?;
    let there = whole(connection, &rows)?.into_iter();
    Ok(there
        .map(|(id, entry)| (entry.statement_id, Change { now: entry.clone(), before: Some((id, entry)) }))
        .collect())
}

/// Text columns hold no NUL.
fn check_text(entry: &Entry) -> Result<(), Trouble> {
    let note = &entry.note;
    let locations = entry.held.values().filter_map(|held| held.location.as_deref());
    let spaces = note.embeddings().iter().map(Embedding::space);
    let mut texts =
        note.metadata().flat_map(|(key, value)| [key, value]).chain(note.labels()).chain(locations).chain(spaces);
    if texts.any(|text| text.contains('\0')) {
        let what = "keep a text with a NUL character";
        return Err(IndexError::Unsupported { index: "PostgreSQL", what }.into());
    }
    Ok(())
}

/// Writes the row of a statement, and returns its number.
fn row(change: &Change) -> Command {
    let entry = &change.now;
    let (chain, assignment) = match &entry.context {
        Context::Offchain {} => (None, None),
        Context::Chain { chain_id, registry, assignment } => (Some((chain_id, registry)), Some(assignment)),
    };
    let bytes = |bytes: Option<&[u8]>| bytes.map_or(Param::Null, |bytes| Param::Bytes(bytes.to_vec()));
    let number = |number: Option<u64>| number.map_or(Param::Null, |number| Param::Integer(number.cast_signed()));
    let claim = entry.claim.as_ref();
    let changing = [
        number(entry.hides_inputs.map(u64::from)),
        number(Some(entry.note.embedding_of_hidden_input.into())),
        Param::Integer(i64::try_from(entry.created_at_ms).unwrap_or(i64::MAX)),
        bytes(claim.map(|it| it.transaction.as_slice())),
        number(claim.map(|it| it.block)),
        number(claim.map(|it| it.recorded_at)),
        number(claim.map(|it| it.assurance as u64)),
        Param::Text(words(&entry.note.words()).collect::<Vec<_>>().join(" ")),
    ];
    let words =
        |at: usize| format!("array_to_tsvector(string_to_array({}, ' '))", PLAIN.replace('?', &format!("${at}::text")));
    if let Some((id, _)) = change.before {
        let sql = format!(
            "UPDATE entries SET hides = $1::int8, consent = $2::int8, created = $3::int8, tx = $4::bytea, block = $5::int8,
             recorded = $6::int8, assurance = $7::int8, words = {} WHERE id = $9::int8 RETURNING id",
            words(8)
        );
        return (sql, changing.into_iter().chain([Param::Integer(id)]).collect());
    }
    let fixed = [
        bytes(Some(entry.statement_id.as_slice())),
        bytes(Some(entry.model_id.as_slice())),
        number(chain.map(|(id, _)| *id)),
        bytes(chain.map(|(_, registry)| registry.as_slice())),
        bytes(assignment.map(|it| it.submitter.as_slice())),
        bytes(assignment.map(|it| it.consumer.as_slice())),
        bytes(assignment.map(|it| it.job.as_slice())),
        number(assignment.map(|it| it.deadline)),
    ];
    let sql = format!(
        "INSERT INTO entries(statement, model, chain, registry, submitter, consumer, job, deadline, hides, consent, created, tx,
                             block, recorded, assurance, words)
         VALUES ($1::bytea, $2::bytea, $3::int8, $4::bytea, $5::bytea, $6::bytea, $7::bytea, $8::int8, $9::int8, $10::int8,
                 $11::int8, $12::bytea, $13::int8, $14::int8, $15::int8, {}) RETURNING id",
        words(16)
    );
    (sql, fixed.into_iter().chain(changing).collect())
}

/// The numbers of the spaces of all embeddings that are new; those that are new themselves are made.
fn spaces(connection: &mut Connection, changes: &[Change]) -> Result<BTreeMap<String, i64>, Trouble> {
    let mut spaces = BTreeMap::new();
    for embedding in changes.iter().flat_map(Change::embeddings) {
        let name = embedding.space();
        let length = embedding.values().len();
        if let Some((_, dimension)) = spaces.get(name) {
            if *dimension != length {
                return Err(IndexError::Dimension { space: name.into(), expected: *dimension, found: length }.into());
            }
            continue;
        }
        let make = "INSERT INTO spaces(name, dimension) VALUES ($1::text, $2::int8) ON CONFLICT (name) DO NOTHING";
        let id = match nearest::space_of(connection, embedding)? {
            Some(id) => id,
            None => {
                connection.query(make, vec![Param::Text(name.into()), Param::Integer(length as i64)])?;
                there(nearest::space_of(connection, embedding)?, "name")?
            }
        };
        spaces.insert(name.to_owned(), (id, length));
    }
    Ok(spaces.into_iter().map(|(name, (id, _))| (name, id)).collect())
}

impl Change {
    /// Those that are not there yet.
    fn embeddings(&self) -> impl Iterator<Item = &Embedding> {
        let there = self.before.as_ref().map_or(&[][..], |(_, before)| before.note.embeddings());
        self.now.note.embeddings().iter().filter(move |embedding| !there.contains(embedding))
    }
}

/// Writes the lists of an entry anew; of its embeddings those that are not there yet.
fn add_lists(commands: &mut Vec<Command>, id: i64, change: &Change, spaces: &BTreeMap<String, i64>) {
    let (id, entry) = (Param::Integer(id), &change.now);
    let mut add = |sql: &str, params: Vec<Param>| commands.push((sql.into(), [vec![id.clone()], params].concat()));
    if change.before.is_some() {
        for table in ["held", "metadata", "labels"] {
            add(&format!("DELETE FROM {table} WHERE entry = $1::int8"), vec![]);
        }
    }
    for (address, it) in &entry.held {
        add(
            "INSERT INTO held VALUES ($1::int8, $2::bytea, $3::int8, $4::int8, $5::int8, $6::text, $7::bytea, $8::int8, $9::int8,
                                      $10::int8, $11::text)",
            vec![
                Param::Bytes(address.blake3().to_vec()),
                Param::Integer(address.size().cast_signed()),
                Param::Integer(it.slot.into()),
                Param::Integer(it.statements.into()),
                Param::Text(it.backend.as_str().into()),
                Param::Bytes(it.proof_hash.to_vec()),
                Param::Integer(it.proof_bytes.cast_signed()),
                Param::Integer(it.transferable.into()),
                Param::Integer(it.test_srs.into()),
                it.location.clone().map_or(Param::Null, Param::Text),
            ],
        );
    }
    for (key, value) in entry.note.metadata() {
        let pair = vec![Param::Text(key.into()), Param::Text(value.into())];
        add("INSERT INTO metadata VALUES ($1::int8, $2::text, $3::text)", pair);
    }
    for label in entry.note.labels() {
        add("INSERT INTO labels VALUES ($1::int8, $2::text)", vec![Param::Text(label.into())]);
    }
    for embedding in change.embeddings() {
        // Every space of a new embedding was looked up.
        let space = spaces.get(embedding.space()).copied().map_or(Param::Null, Param::Integer);
        let scaled = Scaled::of(embedding.values());
        let raw = if scaled.is_exact { Param::Null } else { Param::Bytes(embedding.to_bytes()) };
        let params = vec![space, Param::Vector(scaled.values), Param::Integer(scaled.exponent), raw];
        add(
            "INSERT INTO vectors(entry, space, x, exponent, raw) VALUES ($1::int8, $2::int8, $3::vector, $4::int8, $5::bytea)",
            params,
        );
    }
}

/// Takes statements out; how many were there.
pub(super) fn remove(connection: &mut Connection, statements: &[B256]) -> Result<u64, Trouble> {
    let sql = "DELETE FROM entries WHERE statement = ANY($1::bytea[]) RETURNING id";
    Ok(connection.query(sql, vec![Param::Words(statements.to_vec())])?.len() as u64)
}

/// Takes the oldest out, if they are older than `before`; how many these were.
pub(super) fn remove_oldest(connection: &mut Connection, before: i64, most: u64) -> Result<u64, Trouble> {
    let sql = "DELETE FROM entries WHERE id IN
               (SELECT id FROM entries WHERE created < $1::int8 ORDER BY created, statement LIMIT $2::int8) RETURNING id";
    let params = vec![Param::Integer(before), Param::Integer(most.min(PORTION) as i64)];
    Ok(connection.query(sql, params)?.len() as u64)
}
