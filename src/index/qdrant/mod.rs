//! An index whose embeddings are searched by a Qdrant server, over its REST interface.
//!
//! Entries stay in another index, the *catalogue*: SQLite's, or PostgreSQL's. Of every entry with embeddings the server gets a
//! point for each, with what filters ask for; it answers with statements, and the entries are read from the catalogue. So the
//! server holds nothing that cannot be made again, and what it says is compared with what is there.
//!
//! **Tested against answers that were written from the documentation of its public interface, not against a server.**

mod http;
mod payload;
#[cfg(test)]
mod tests;

use super::{
    Embedding, Entry, Filter, Found, Index, IndexError, Outcome, Page, Query, Retention, note::cosine, scaled::Scaled,
};
use alloy::primitives::B256;
use http::Rest;
use payload::{collection, payload, point_id};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many points are sent at once.
const PORTION: usize = 100;
/// How often a question is asked again because the server named entries that are gone.
const ATTEMPTS: usize = 4;

/// A catalogue with a Qdrant server beside it.
///
/// The server compares in single precision, without approximation (`exact`); the similarity of an answer is computed from the
/// catalogue's embeddings. Which of several that are equally near, to seven digits, are the last of an answer is the server's
/// choice. An entry is in the catalogue before it is on the server: after an error, entering it again makes up for that.
#[derive(Debug)]
pub struct QdrantIndex<C> {
    catalogue: C,
    rest: Rest,
    prefix: String,
}

impl<C: Index> QdrantIndex<C> {
    /// A server, and the beginning of the names of its collections: letters, digits, `-` and `_`. `key`: its API key, which
    /// crosses the network by https alone. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// [`IndexError::Unreachable`] for an address that is none; [`IndexError::Query`] for such a prefix.
    pub fn new(catalogue: C, address: &str, key: Option<String>, prefix: &str) -> Result<Self, IndexError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if prefix.is_empty() || prefix.len() > 64 || !prefix.chars().all(is_name) {
            return Err(IndexError::Query(format!("`{prefix}` cannot begin the name of a collection")));
        }
        Ok(Self { catalogue, rest: Rest::new(address, key)?, prefix: prefix.into() })
    }

    /// The index that has the entries.
    #[must_use]
    pub const fn catalogue(&self) -> &C {
        &self.catalogue
    }

    /// The entry of a statement, as the catalogue has it.
    fn entry(&self, statement: B256) -> Result<Option<Entry>, IndexError> {
        let filter = Filter { statement: Some(statement), ..Filter::default() };
        let mut page = self.catalogue.search(&Query::latest(filter, 1))?;
        Ok(page.found.pop().map(|found| found.entry().clone()))
    }

    /// Sees to it that the collection of a space is there, for embeddings of this length. `make`: if it is not, it is made.
    fn prepare(&self, embedding: &Embedding, make: bool) -> Result<bool, IndexError> {
        let path = format!("collections/{}", collection(&self.prefix, embedding));
        let length = embedding.values().len();
        let mut found = self.rest.ask(Method::GET, &path, None)?;
        if found.is_none() && make {
            let body = json!({ "vectors": { "size": length, "distance": "Cosine" } });
            // Whoever else has just made it has made the same, or is told apart below.
            let made = self.rest.ask(Method::PUT, &path, Some(&body));
            found = self.rest.ask(Method::GET, &path, None)?;
            if found.is_none() {
                made?;
                return Err(self.rest.misbehaved("it has no collection that it has just made"));
            }
        }
        let Some(found) = found else { return Ok(false) };
        let size = found["config"]["params"]["vectors"]["size"].as_u64();
        let size = size.ok_or_else(|| self.rest.misbehaved("its collection is none of embeddings of one length"))?;
        if size == length as u64 {
            return Ok(true);
        }
        let (space, expected) = (embedding.space().into(), usize::try_from(size).unwrap_or(usize::MAX));
        Err(IndexError::Dimension { space, expected, found: length })
    }

    /// Writes the points of entries: those that are there are replaced.
    fn write(&self, entries: &[Entry]) -> Result<(), IndexError> {
        let mut points: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for entry in entries {
            for embedding in entry.note.embeddings() {
                let name = collection(&self.prefix, embedding);
                if !points.contains_key(&name) {
                    self.prepare(embedding, true)?;
                }
                let vector = Scaled::of(embedding.values()).values;
                let point = json!({ "id": point_id(entry.statement_id), "vector": vector, "payload": payload(entry) });
                points.entry(name).or_default().push(point);
            }
        }
        for (name, points) in points {
            for portion in points.chunks(PORTION) {
                let path = format!("collections/{name}/points?wait=true");
                let done = self.rest.ask(Method::PUT, &path, Some(&json!({ "points": portion })))?;
                self.expect_done(done.as_ref())?;
            }
        }
        Ok(())
    }

    fn delete(&self, name: &str, statements: impl Iterator<Item = B256>) -> Result<(), IndexError> {
        let points: Vec<String> = statements.map(point_id).collect();
        for portion in points.chunks(PORTION) {
            let path = format!("collections/{name}/points/delete?wait=true");
            // A collection that is gone has no points.
            if let Some(done) = self.rest.ask(Method::POST, &path, Some(&json!({ "points": portion })))? {
                self.expect_done(Some(&done))?;
            }
        }
        Ok(())
    }

    fn expect_done(&self, done: Option<&Value>) -> Result<(), IndexError> {
        match done.map(|done| &done["status"]) {
            Some(status) if status == "completed" => Ok(()),
            Some(status) => Err(self.rest.misbehaved(&format!("it did not do what it was asked for: {status}"))),
            None => Err(self.rest.misbehaved("its collection is gone")),
        }
    }

    /// The statements that the server finds, in its order.
    fn find(&self, name: &str, query: &Query, embedding: &Embedding) -> Result<Vec<B256>, IndexError> {
        let body = json!({
            "query": Scaled::of(embedding.values()).values,
            "filter": payload::filter(query)?,
            "params": { "exact": true },
            "limit": query.limit,
            "with_payload": ["statement"],
        });
        let path = format!("collections/{name}/points/query");
        let answer = self.rest.ask(Method::POST, &path, Some(&body))?.unwrap_or_default();
        let statement = |point: &Value| {
            let statement: B256 = serde_json::from_value(point["payload"]["statement"].clone()).ok()?;
            (point["id"] == json!(point_id(statement))).then_some(statement)
        };
        let points = answer["points"].as_array().filter(|points| points.len() <= query.limit);
        let found = points.and_then(|points| points.iter().map(statement).collect::<Option<Vec<_>>>());
        found.ok_or_else(|| self.rest.misbehaved("its answer is not what its API describes"))
    }

    fn nearest(&self, query: &Query, embedding: &Embedding) -> Result<Page, IndexError> {
        let name = collection(&self.prefix, embedding);
        if !self.prepare(embedding, false)? {
            return Ok(Page::default());
        }
        let mut attempt = 1;
        loop {
            let (mut near, mut gone) = (Vec::new(), BTreeSet::new());
            for statement in self.find(&name, query, embedding)? {
                let entry = self.entry(statement)?;
                let mine = entry.as_ref().and_then(|entry| {
                    let mut all = entry.note.embeddings().iter();
                    all.find(|mine| {
                        mine.space() == embedding.space() && mine.values().len() == embedding.values().len()
                    })
                });
                match mine.map(|mine| cosine(mine.values(), embedding.values())) {
                    Some(similarity) => near.extend(entry.map(|entry| (similarity, entry))),
                    None => drop(gone.insert(statement)),
                }
            }
            if gone.is_empty() || attempt == ATTEMPTS {
                near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.statement_id.cmp(&b.1.statement_id)));
                let found = near.into_iter().map(|(similarity, entry)| Found::new(entry, Some(similarity))).collect();
                return Ok(Page { found, next: None });
            }
            // Retention let them go, or somebody else did.
            self.delete(&name, gone.into_iter())?;
            attempt += 1;
        }
    }
}

impl<C: Index> Index for QdrantIndex<C> {
    fn enter(&self, entries: &[Entry]) -> Result<Vec<Outcome>, IndexError> {
        for embedding in entries.iter().flat_map(|entry| entry.note.embeddings()) {
            // Before the catalogue has it.
            self.prepare(embedding, true)?;
        }
        let outcomes = self.catalogue.enter(entries)?;
        let statements: BTreeSet<B256> = entries.iter().map(|entry| entry.statement_id).collect();
        let mut whole = Vec::with_capacity(statements.len());
        for statement in statements {
            whole.extend(self.entry(statement)?);
        }
        self.write(&whole)?;
        Ok(outcomes)
    }

    fn search(&self, query: &Query) -> Result<Page, IndexError> {
        query.check()?;
        match &query.nearest {
            None => self.catalogue.search(query),
            Some(embedding) => self.nearest(query, embedding),
        }
    }

    fn remove(&self, statements: &[B256]) -> Result<u64, IndexError> {
        let mut names: BTreeMap<String, Vec<B256>> = BTreeMap::new();
        for &statement in statements {
            let entry = self.entry(statement)?;
            for embedding in entry.iter().flat_map(|entry| entry.note.embeddings()) {
                names.entry(collection(&self.prefix, embedding)).or_default().push(statement);
            }
        }
        for (name, statements) in names {
            self.delete(&name, statements.into_iter())?;
        }
        self.catalogue.remove(statements)
    }

    /// Of the catalogue; points of what it let go are taken out when a search meets them.
    fn retain(&self, retention: &Retention, now_ms: u64) -> Result<u64, IndexError> {
        self.catalogue.retain(retention, now_ms)
    }
}
