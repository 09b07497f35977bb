//! Entering, and taking out.

use super::{
    super::{Embedding, Entry, IndexError, Outcome},
    Trouble, read, schema,
};
use crate::proof::Context;
use alloy::primitives::B256;
use rusqlite::{OptionalExtension, Transaction, params};

/// Enters one statement, or adds what is new to what is there.
pub(super) fn enter(tx: &Transaction<'_>, entry: &Entry) -> Result<Outcome, Trouble> {
    entry.note.check()?;
    entry.check()?;
    let Some((id, before)) = read::by_statement(tx, entry.statement_id)? else {
        let id = insert(tx, entry)?;
        add_parts(tx, id, entry, &[])?;
        return Ok(Outcome::New);
    };
    let mut merged = before.clone();
    merged.merge(entry)?;
    if merged == before {
        return Ok(Outcome::Unchanged);
    }
    update(tx, id, &merged)?;
    for table in ["held", "metadata", "labels"] {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE entry = ?1"))?.execute([id])?;
    }
    tx.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([id])?;
    add_parts(tx, id, &merged, &before.note.embeddings)?;
    Ok(Outcome::Merged)
}

fn insert(tx: &Transaction<'_>, entry: &Entry) -> Result<i64, Trouble> {
    let revision = schema::next(tx, "revision")?;
    let (chain, registry, assignment) = match &entry.context {
        Context::Offchain {} => (None, None, None),
        Context::Chain { chain_id, registry, assignment } => (Some(chain_id), Some(registry), Some(assignment)),
    };
    let claim = entry.claim.as_ref();
    tx.prepare_cached(
        "INSERT INTO entries(statement, model, chain, registry, submitter, consumer, job, deadline, hides, consent, created,
                             tx, block, recorded, assurance, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        entry.statement_id.as_slice(),
        entry.model_id.as_slice(),
        chain.map(|id| id.cast_signed()),
        registry.map(|address| address.as_slice()),
        assignment.map(|it| it.submitter.as_slice()),
        assignment.map(|it| it.consumer.as_slice()),
        assignment.map(|it| it.job.as_slice()),
        assignment.map(|it| it.deadline.cast_signed()),
        entry.hides_inputs,
        entry.note.embedding_of_hidden_input,
        i64::try_from(entry.created_at_ms).unwrap_or(i64::MAX),
        claim.map(|it| it.transaction.as_slice()),
        claim.map(|it| it.block.cast_signed()),
        claim.map(|it| it.recorded_at.cast_signed()),
        claim.map(|it| it.assurance as i64),
        revision,
    ])?;
    Ok(tx.last_insert_rowid())
}

/// Writes what can change.
fn update(tx: &Transaction<'_>, id: i64, entry: &Entry) -> Result<(), Trouble> {
    let revision = schema::next(tx, "revision")?;
    let claim = entry.claim.as_ref();
    tx.prepare_cached(
        "UPDATE entries SET hides = ?2, consent = ?3, created = ?4, tx = ?5, block = ?6, recorded = ?7, assurance = ?8,
         revision = ?9 WHERE id = ?1",
    )?
    .execute(params![
        id,
        entry.hides_inputs,
        entry.note.embedding_of_hidden_input,
        i64::try_from(entry.created_at_ms).unwrap_or(i64::MAX),
        claim.map(|it| it.transaction.as_slice()),
        claim.map(|it| it.block.cast_signed()),
        claim.map(|it| it.recorded_at.cast_signed()),
        claim.map(|it| it.assurance as i64),
        revision,
    ])?;
    Ok(())
}

/// Writes the lists of an entry; of its embeddings those that are not there yet.
fn add_parts(tx: &Transaction<'_>, id: i64, entry: &Entry, there: &[Embedding]) -> Result<(), Trouble> {
    let mut held = tx.prepare_cached("INSERT INTO held VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?;
    for (address, it) in &entry.held {
        held.execute(params![
            id,
            address.blake3().as_slice(),
            address.size().cast_signed(),
            it.slot,
            it.statements,
            it.backend.as_str(),
            it.proof_hash.as_slice(),
            it.proof_bytes.cast_signed(),
            it.transferable,
            it.test_srs,
            it.location,
        ])?;
    }
    for (key, value) in entry.note.metadata() {
        tx.prepare_cached("INSERT INTO metadata VALUES (?1, ?2, ?3)")?.execute(params![id, key, value])?;
    }
    for label in entry.note.labels() {
        tx.prepare_cached("INSERT INTO labels VALUES (?1, ?2)")?.execute(params![id, label])?;
    }
    let words = entry.note.words();
    if !words.is_empty() {
        tx.prepare_cached("INSERT INTO words(rowid, body) VALUES (?1, ?2)")?.execute(params![id, words])?;
    }
    for embedding in entry.note.embeddings().iter().filter(|embedding| !there.contains(embedding)) {
        let space = space_for(tx, embedding)?;
        let sql = "INSERT INTO vectors(space, entry, x) VALUES (?1, ?2, ?3)";
        tx.prepare_cached(sql)?.execute(params![space, id, embedding.to_bytes()])?;
    }
    Ok(())
}

/// The number of an embedding's space, which is made if it is new.
fn space_for(tx: &Transaction<'_>, embedding: &Embedding) -> Result<i64, Trouble> {
    if let Some(id) = space_of(tx, embedding)? {
        return Ok(id);
    }
    tx.prepare_cached("INSERT INTO spaces(name, dimension) VALUES (?1, ?2)")?
        .execute(params![embedding.space(), embedding.values().len() as i64])?;
    Ok(tx.last_insert_rowid())
}

/// The number of an embedding's space, if there is one; embeddings of a space have one length.
pub(super) fn space_of(tx: &Transaction<'_>, embedding: &Embedding) -> Result<Option<i64>, Trouble> {
    let mut statement = tx.prepare_cached("SELECT id, dimension FROM spaces WHERE name = ?1")?;
    let found = statement.query_row([embedding.space()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?))).optional()?;
    let (given, space) = (embedding.values().len(), embedding.space());
    match found {
        Some((id, dimension)) if dimension == given as i64 => Ok(Some(id)),
        Some((_, dimension)) => {
            let expected = usize::try_from(dimension).unwrap_or(usize::MAX);
            Err(IndexError::Dimension { space: space.into(), expected, found: given }.into())
        }
        None => Ok(None),
    }
}

/// Takes statements out; how many were there.
pub(super) fn remove(tx: &Transaction<'_>, statements: &[B256]) -> Result<u64, Trouble> {
    let mut removed = 0;
    for statement in statements {
        let find = "SELECT id FROM entries WHERE statement = ?1";
        let id = tx.prepare_cached(find)?.query_row([statement.as_slice()], |row| row.get::<_, i64>(0)).optional()?;
        let Some(id) = id else { continue };
        tx.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([id])?;
        tx.prepare_cached("DELETE FROM entries WHERE id = ?1")?.execute([id])?;
        let revision = schema::next(tx, "revision")?;
        tx.prepare_cached("INSERT INTO removals VALUES (?1, ?2)")?.execute(params![revision, statement.as_slice()])?;
        removed += 1;
    }
    if removed > 0 {
        schema::next(tx, "removed")?;
    }
    Ok(removed)
}
