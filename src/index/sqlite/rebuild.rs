//! Making the index again from what it is about.

use super::{SqliteIndex, Trouble, read, schema, write};
use crate::index::{
    Entry, IndexError,
    sources::{self, Content, Item, Kind},
};
use alloy::primitives::B256;
use rusqlite::{Transaction, params};
use serde::Serialize;
use std::{collections::HashSet, path::PathBuf};

/// How many problems a report names.
const MAX_PROBLEMS: usize = 1000;

/// What an index is made from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Directories of bundles and notes; content stores are such directories.
    pub folders: Vec<PathBuf>,
    /// Claims that were read from registries: see [`recorded_claims`](crate::index::recorded_claims).
    pub claims: Vec<Entry>,
}

/// What a rebuild found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Entries in the index now.
    pub entries: u64,
    /// Files of bundles.
    pub files: u64,
    /// Files of notes.
    pub notes: u64,
    /// Claims of registries.
    pub claims: u64,
    /// Other files, which were passed over.
    pub others: u64,
    /// Entries that were there before and are in none of the sources.
    pub forgotten: u64,
    /// What looked like a bundle or a note and could not be entered, with the reason.
    pub problems: Vec<String>,
}

impl SqliteIndex {
    /// Makes the index again from its sources alone, in one step: until it is done, and if it fails, others see it as it was.
    ///
    /// # Errors
    /// [`IndexError::WouldForget`] when an entry is in none of the sources, unless `forget` says that it may go; others of
    /// [`IndexError`].
    pub fn rebuild(&self, sources: &Sources, forget: bool) -> Result<Rebuilt, IndexError> {
        self.writing(|tx| {
            let before = statements(tx)?;
            clear(tx)?;
            let mut work = Work { tx, report: Rebuilt::default() };
            work.claims(&sources.claims)?;
            for folder in &sources.folders {
                let mut visit = |item| work.file(item).map_err(|trouble| self.explain(trouble));
                let others = sources::walk(folder, Kind::Bundles, &mut visit)?;
                work.report.others += others;
            }
            // Only now is every statement there that a note can be about.
            for folder in &sources.folders {
                let mut visit = |item| work.note(item).map_err(|trouble| self.explain(trouble));
                sources::walk(folder, Kind::Notes, &mut visit)?;
            }
            let mut report = work.report;
            report.others = report.others.saturating_sub(report.notes);
            let now = statements(tx)?;
            let mut gone: Vec<B256> = before.difference(&now).copied().collect();
            gone.sort();
            if let (Some(&first), false) = (gone.first(), forget) {
                return Err(IndexError::WouldForget { lost: gone.len(), first }.into());
            }
            for statement in &gone {
                let revision = schema::next(tx, "revision")?;
                tx.execute("INSERT INTO removals VALUES (?1, ?2)", params![revision, statement.as_slice()])?;
            }
            (report.entries, report.forgotten) = (now.len() as u64, gone.len() as u64);
            Ok(report)
        })
    }
}

/// Takes everything out; the counters go on, so that watchers and mirrors see it.
fn clear(tx: &Transaction<'_>) -> Result<(), Trouble> {
    tx.execute_batch(
        "INSERT INTO words(words) VALUES ('delete-all');
         DELETE FROM vectors; DELETE FROM labels; DELETE FROM metadata; DELETE FROM held; DELETE FROM entries; DELETE FROM spaces;",
    )?;
    schema::next(tx, "removed")?;
    Ok(())
}

fn statements(tx: &Transaction<'_>) -> Result<HashSet<B256>, Trouble> {
    let mut all = tx.prepare("SELECT statement FROM entries")?;
    let rows = all.query_map([], |row| row.get::<_, [u8; 32]>(0))?;
    Ok(rows.map(|row| row.map(B256::from)).collect::<Result<_, _>>()?)
}

struct Work<'a> {
    tx: &'a Transaction<'a>,
    report: Rebuilt,
}

impl Work<'_> {
    fn claims(&mut self, claims: &[Entry]) -> Result<(), Trouble> {
        for claim in claims {
            write::enter(self.tx, claim)?;
            self.report.claims += 1;
        }
        Ok(())
    }

    fn file(&mut self, item: Item) -> Result<(), Trouble> {
        let Item { location, content } = item;
        match content {
            Content::Bundles(address, structure) => {
                for entry in Entry::of_file(&structure, address, Some(&location)) {
                    let entered = write::enter(self.tx, &entry);
                    self.or_problem(entered.map(drop), &location)?;
                }
                self.report.files += 1;
            }
            Content::Unreadable(reason) => self.problem(&location, &reason),
            Content::Note(_) => {}
        }
        Ok(())
    }

    fn note(&mut self, item: Item) -> Result<(), Trouble> {
        let Item { location, content } = item;
        match content {
            Content::Note(file) => {
                let noted =
                    file.notes().iter().flat_map(|noted| noted.statements.iter().map(move |id| (id, &noted.note)));
                for (&statement, note) in noted {
                    let entered = match read::by_statement(self.tx, statement)? {
                        // A note of a bundle that is gone says nothing.
                        None => Ok(()),
                        Some((_, mut entry)) => match entry.annotate(note) {
                            Ok(()) => write::enter(self.tx, &entry).map(drop),
                            Err(error) => Err(error.into()),
                        },
                    };
                    self.or_problem(entered, &location)?;
                }
                self.report.notes += 1;
            }
            Content::Unreadable(reason) => self.problem(&location, &reason),
            Content::Bundles(..) => {}
        }
        Ok(())
    }

    /// What is wrong with one source keeps nothing from the others; what is wrong with the database does.
    fn or_problem(&mut self, entered: Result<(), Trouble>, location: &str) -> Result<(), Trouble> {
        match entered {
            Err(Trouble::Ours(error)) => {
                self.problem(location, &error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    fn problem(&mut self, location: &str, reason: &str) {
        if self.report.problems.len() < MAX_PROBLEMS {
            self.report.problems.push(format!("{location}: {reason}"));
        }
    }
}
