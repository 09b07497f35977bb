//! Whether what an index says is so.

use super::{Entry, Filter, Index, IndexError, MAX_PAGE, Query, open};
use crate::{
    proof::Structure,
    storage::{ContentAddress, ContentStore},
};
use serde::Serialize;
use std::{collections::HashMap, path::Path};

/// How many problems a report names.
const MAX_PROBLEMS: usize = 1000;
/// How many decoded files are kept for the entries that follow: those of one batch lie together.
const MAX_FILES: usize = 4;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Entries in the index.
    pub entries: u64,
    /// Bundles of them that are there, hash to what was entered, and say what the index says.
    pub good: u64,
    /// Entries of claims alone: nothing is held that could be hashed.
    pub claims_alone: u64,
    /// Bundles that are not where they were seen, nor in the stores.
    pub missing: u64,
    /// Bundles that are there and hash to something else.
    pub changed: u64,
    /// Bundles that are what was entered, while the index says something else of them.
    pub wrong: u64,
    /// The first 1000 of the last three, in words.
    pub problems: Vec<String>,
}

impl Checked {
    /// Whether nothing is changed and nothing is wrong. What is missing may be elsewhere.
    #[must_use]
    pub const fn is_true(&self) -> bool {
        self.changed == 0 && self.wrong == 0
    }
}

/// Reads and hashes every bundle of an index again, and compares what it says with what is entered. Proofs are not verified.
///
/// # Errors
/// [`IndexError`] when the index fails; what is wrong with a bundle is in the report.
pub fn check(index: &dyn Index, stores: &[&dyn ContentStore]) -> Result<Checked, IndexError> {
    let mut work = Work { stores, files: HashMap::new(), report: Checked::default() };
    let mut query = Query::latest(Filter::default(), MAX_PAGE);
    loop {
        let page = index.search(&query)?;
        for found in &page.found {
            work.entry(found.entry());
        }
        query.after = page.next;
        if query.after.is_none() {
            return Ok(work.report);
        }
    }
}

/// The entries that a file leads to, or why it leads to none.
type File = Result<Vec<Entry>, Fault>;

#[derive(Clone, Debug)]
enum Fault {
    Missing(String),
    Changed(String),
    Wrong(String),
}

struct Work<'a> {
    stores: &'a [&'a dyn ContentStore],
    files: HashMap<ContentAddress, File>,
    report: Checked,
}

impl Work<'_> {
    fn entry(&mut self, entry: &Entry) {
        self.report.entries += 1;
        if entry.held.is_empty() {
            self.report.claims_alone += 1;
        }
        for address in entry.held.keys() {
            match self.held(entry, address) {
                Ok(()) => self.report.good += 1,
                Err(fault) => self.fault(entry, fault),
            }
        }
    }

    fn fault(&mut self, entry: &Entry, fault: Fault) {
        let (count, reason) = match fault {
            Fault::Missing(reason) => (&mut self.report.missing, reason),
            Fault::Changed(reason) => (&mut self.report.changed, reason),
            Fault::Wrong(reason) => (&mut self.report.wrong, reason),
        };
        *count += 1;
        if self.report.problems.len() < MAX_PROBLEMS {
            self.report.problems.push(format!("statement {}: {reason}", entry.statement_id));
        }
    }

    fn held(&mut self, entry: &Entry, address: &ContentAddress) -> Result<(), Fault> {
        if !self.files.contains_key(address) {
            if self.files.len() >= MAX_FILES {
                self.files.clear();
            }
            let location = entry.held.get(address).and_then(|held| held.location.clone());
            self.files.insert(*address, self.read(address, location.as_deref()));
        }
        let Some(file) = self.files.get(address) else { return Ok(()) };
        let there = file.as_ref().map_err(Fault::clone)?.iter().find(|there| there.statement_id == entry.statement_id);
        let wrong = |what: &str| Err(Fault::Wrong(format!("{address} says otherwise: {what}")));
        let Some(there) = there else { return wrong("it has no such statement") };
        let unplaced = |entry: &Entry| {
            let mut held = entry.held.get(address).cloned();
            held.iter_mut().for_each(|held| held.location = None);
            held
        };
        match () {
            () if there.model_id != entry.model_id => wrong("the model"),
            () if there.context != entry.context => wrong("the context"),
            () if there.hides_inputs != entry.hides_inputs => wrong("whether inputs are hidden"),
            () if there.created_at_ms < entry.created_at_ms => wrong("the time"),
            () if unplaced(there) != unplaced(entry) => wrong("the proof"),
            () if !there.note.labels().all(|label| entry.note.labels.contains(label)) => wrong("the answer"),
            () => Ok(()),
        }
    }

    fn read(&self, address: &ContentAddress, location: Option<&str>) -> File {
        let mut fault = Fault::Missing(format!("{address} is in none of the stores"));
        let here = location.map(|location| open::read(Path::new(location), address));
        for bytes in here.into_iter().chain(self.stores.iter().map(|store| store.get(address).map_err(Into::into))) {
            match bytes {
                Ok(bytes) => {
                    let structure = Structure::decode(&bytes).map_err(|error| Fault::Wrong(error.to_string()))?;
                    return Ok(Entry::of_file(&structure, *address, None));
                }
                Err(error @ IndexError::Changed { .. }) => fault = Fault::Changed(error.to_string()),
                Err(error) if matches!(fault, Fault::Missing(_)) => fault = Fault::Missing(error.to_string()),
                Err(_) => {}
            }
        }
        Err(fault)
    }
}
