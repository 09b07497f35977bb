//! Entering everything that there is into an index that others use, too.

use super::{
    Entry, Filter, Index, IndexError, Query, Rebuilt, Sources,
    sources::{self, Content, Item, Kind},
};

/// How many problems a report names.
const MAX_PROBLEMS: usize = 1000;

/// Enters all bundles, notes and claims of the sources. Nothing is taken out: what else is there, others may have entered. What
/// is wrong with one source keeps nothing from the others.
///
/// # Errors
/// [`IndexError`] of the index, or of a directory; then some may have been entered, and doing it again is harmless.
pub fn fill(index: &dyn Index, sources: &Sources) -> Result<Rebuilt, IndexError> {
    let mut work = Work { index, report: Rebuilt::default() };
    for claims in sources.claims.chunks(1000) {
        index.enter(claims)?;
        work.report.claims += claims.len() as u64;
    }
    for folder in &sources.folders {
        let others = sources::walk(folder, Kind::Bundles, &mut |item| work.file(item))?;
        work.report.others += others;
    }
    // Only now is every statement there that a note can be about.
    for folder in &sources.folders {
        sources::walk(folder, Kind::Notes, &mut |item| work.note(item))?;
    }
    let mut report = work.report;
    report.others = report.others.saturating_sub(report.notes);
    Ok(report)
}

struct Work<'a> {
    index: &'a dyn Index,
    report: Rebuilt,
}

impl Work<'_> {
    fn file(&mut self, Item { location, content }: Item) -> Result<(), IndexError> {
        match content {
            Content::Bundles(address, structure) => {
                let entries = Entry::of_file(&structure, address, Some(&location));
                let entered = self.index.enter(&entries).map(|outcomes| outcomes.len() as u64);
                self.report.entries += self.or_problem(entered, &location)?.unwrap_or(0);
                self.report.files += 1;
            }
            Content::Unreadable(reason) => self.problem(&location, &reason),
            Content::Note(_) => {}
        }
        Ok(())
    }

    fn note(&mut self, Item { location, content }: Item) -> Result<(), IndexError> {
        match content {
            Content::Note(file) => {
                for noted in file.notes() {
                    for &statement in &noted.statements {
                        let filter = Filter { statement: Some(statement), ..Filter::default() };
                        // A note of a bundle that is gone says nothing.
                        let Some(found) = self.index.search(&Query::latest(filter, 1))?.found.pop() else { continue };
                        let mut entry = found.entry().clone();
                        let entered = entry.annotate(&noted.note).and_then(|()| self.index.enter(&[entry]));
                        self.or_problem(entered, &location)?;
                    }
                }
                self.report.notes += 1;
            }
            Content::Unreadable(reason) => self.problem(&location, &reason),
            Content::Bundles(..) => {}
        }
        Ok(())
    }

    /// What is wrong with a source is noted, what is wrong with the index is an error.
    fn or_problem<T>(&mut self, entered: Result<T, IndexError>, location: &str) -> Result<Option<T>, IndexError> {
        match entered {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.class() == crate::FailureClass::BadInput => {
                self.problem(location, &error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn problem(&mut self, location: &str, reason: &str) {
        if self.report.problems.len() < MAX_PROBLEMS {
            self.report.problems.push(format!("{location}: {reason}"));
        }
    }
}
