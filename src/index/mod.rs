//! Finding proofs again: by model, job, time, words, or by "an input like this one".
//!
//! An [`Index`] has an [`Entry`] for every statement that was proven or claimed here. [`SqliteIndex`] is the one of a single
//! machine, [`PostgresIndex`] that of many.
//!
//! **An index proves nothing.** What it returns is [`Found`]: a pointer, from which a bundle is opened, hashed and verified
//! like one that came by mail. Nothing that verifies asks an index. It holds what bundles and registries say openly, and
//! what the caller adds in a [`Note`]; inputs are never entered, nor hidden outputs. Losing it loses no proof: it is made
//! again from the bundles and the chain. The words of this module are in `docs/index.md`.

mod annotation;
mod check;
mod claims;
mod conditions;
mod entry;
mod error;
mod fill;
mod indexer;
mod note;
mod open;
pub mod postgres;
pub mod qdrant;
mod query;
mod scaled;
mod sketch;
mod sources;
pub mod sqlite;

pub use annotation::Annotation;
pub use check::{Checked, check};
pub use claims::{audited_claims, made_claim, recorded_claims, registry_claims};
pub use entry::{Assurance, Entry, Held, Recorded, Status};
pub use error::IndexError;
pub use fill::fill;
pub use indexer::{IndexEvent, Indexer, IndexerOptions, IndexerStats};
pub use note::{Embedding, MAX_DIMENSION, Note, NoteFile, Noted};
pub use open::Opened;
pub use postgres::PostgresIndex;
pub use qdrant::QdrantIndex;
pub use query::{Cursor, Filter, Found, MAX_PAGE, Page, Query};
pub use sqlite::{Change, Rebuilt, Sources, SqliteIndex};

use crate::{proof::Structure, storage::ContentAddress};
use alloy::primitives::B256;
use std::time::Duration;

/// What every index does. Calls block; they may be made from many threads at once.
pub trait Index: Send + Sync + std::fmt::Debug {
    /// Enters statements: all of them or, with an error, none. What is there already is added to; entering the same again
    /// changes nothing.
    ///
    /// # Errors
    /// [`IndexError`].
    fn enter(&self, entries: &[Entry]) -> Result<Vec<Outcome>, IndexError>;

    /// Answers a question, of filter, text and nearness at once, from one state of the index.
    ///
    /// # Errors
    /// [`IndexError`].
    fn search(&self, query: &Query) -> Result<Page, IndexError>;

    /// Takes statements out; how many were there.
    ///
    /// # Errors
    /// [`IndexError`].
    fn remove(&self, statements: &[B256]) -> Result<u64, IndexError>;

    /// Takes out what is too old or too much; how many that were. The bundles themselves are not touched.
    ///
    /// # Errors
    /// [`IndexError`]; then some may have gone.
    fn retain(&self, retention: &Retention, now_ms: u64) -> Result<u64, IndexError>;
}

/// How much is kept; what was made first goes first. What is `None` bounds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// No entry is older, by its own time.
    pub max_age: Option<Duration>,
    /// There are no more.
    pub max_entries: Option<u64>,
}

/// The entries of a file of bundles with what is noted of them.
///
/// # Errors
/// As [`Entry::annotate`].
pub fn entries(
    structure: &Structure,
    address: ContentAddress,
    location: Option<&str>,
    notes: &NoteFile,
) -> Result<Vec<Entry>, IndexError> {
    let mut entries = Entry::of_file(structure, address, location);
    entries.iter_mut().try_for_each(|entry| entry.annotate_from(notes))?;
    Ok(entries)
}

/// Adds what is noted of entries that were made otherwise.
///
/// # Errors
/// As [`Entry::annotate`].
pub fn annotate(entries: &mut [Entry], notes: &NoteFile) -> Result<(), IndexError> {
    entries.iter_mut().try_for_each(|entry| entry.annotate_from(notes))
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was not there.
    New,
    /// It was there, and knows more now.
    Merged,
    /// It was there, and knows no more.
    Unchanged,
}
