//! What is asked of an index, and what it answers: pointers, never evidence.

use super::{Assurance, Embedding, Entry, IndexError, Status, note::check_text};
use crate::proof::bundle::BackendName;
use alloy::primitives::{Address, B256};
use serde::Serialize;
use std::{fmt, str::FromStr};

/// The most entries in one answer.
pub const MAX_PAGE: usize = 1000;
/// The longest text that is searched for, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// Everything has to hold of what is found. What is not set admits all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// This statement.
    pub statement: Option<B256>,
    /// Of this model.
    pub model: Option<B256>,
    /// Made for this job.
    pub job: Option<B256>,
    /// To be submitted by this account.
    pub submitter: Option<Address>,
    /// Made for this contract.
    pub consumer: Option<Address>,
    /// Made for this chain.
    pub chain: Option<u64>,
    /// Made for this registry.
    pub registry: Option<Address>,
    /// Claimed in this transaction.
    pub transaction: Option<B256>,
    /// Made at this time or later: Unix time in milliseconds.
    pub since_ms: Option<u64>,
    /// Made before this time: Unix time in milliseconds.
    pub until_ms: Option<u64>,
    /// As far as this.
    pub status: Option<Status>,
    /// Recorded with this assurance.
    pub assurance: Option<Assurance>,
    /// Proven by this backend.
    pub backend: Option<BackendName>,
    /// Whether a proof under a TEST SRS is held.
    pub test_srs: Option<bool>,
    /// Held in a proof of at least so many bytes.
    pub min_proof_bytes: Option<u64>,
    /// Held in a proof of at most so many bytes.
    pub max_proof_bytes: Option<u64>,
    /// With all of these pairs of metadata.
    pub metadata: Vec<(String, String)>,
    /// With all of these labels.
    pub labels: Vec<String>,
}

/// A question. Filter, text and embedding combine: an answer has to satisfy all that are given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// What has to hold.
    pub filter: Filter,
    /// Words that all have to be in the metadata or the labels; one that ends with `*` stands for those that begin so.
    pub text: Option<String>,
    /// Nearest to this one first, by the cosine. Without it, latest first.
    pub nearest: Option<Embedding>,
    /// At most so many answers: 1 to [`MAX_PAGE`].
    pub limit: usize,
    /// Go on after this place; not together with `nearest`.
    pub after: Option<Cursor>,
}

impl Query {
    /// The latest entries with these properties.
    #[must_use]
    pub fn latest(filter: Filter, limit: usize) -> Self {
        Self { filter, limit, ..Self::default() }
    }

    /// The entries nearest to an embedding.
    #[must_use]
    pub fn nearest(embedding: Embedding, limit: usize) -> Self {
        Self { nearest: Some(embedding), limit, ..Self::default() }
    }

    /// Also with these words.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Also with these properties.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    pub(super) fn check(&self) -> Result<(), IndexError> {
        let refuse = |reason: &str| Err(IndexError::Query(reason.into()));
        if self.limit == 0 || self.limit > MAX_PAGE {
            return Err(IndexError::Query(format!("it asks for {} entries; 1 to {MAX_PAGE} can be had", self.limit)));
        }
        if self.nearest.is_some() && self.after.is_some() {
            return refuse("an answer by nearness has no next page; ask for more at once");
        }
        if self.filter.metadata.len() + self.filter.labels.len() > super::note::MAX_WORDS {
            return refuse("it has too many pairs of metadata and labels");
        }
        if let Some(text) = &self.text {
            check_text(text, "the text that is searched for", MAX_TEXT_BYTES)?;
            if self.terms().is_empty() {
                return refuse("the text has no word");
            }
        }
        Ok(())
    }

    /// The words of the text, and whether each is a beginning. Whatever is no letter or digit separates words, as it does
    /// in what is searched, so that no operator of any database's query language gets through.
    pub(super) fn terms(&self) -> Vec<(String, bool)> {
        let text = self.text.as_deref().unwrap_or_default();
        let of_token = |token: &str| {
            let words: Vec<String> = words(token).collect();
            let last = words.len().saturating_sub(1);
            let begins = token.ends_with('*');
            words.into_iter().enumerate().map(move |(at, word)| (word, begins && at == last))
        };
        text.split_whitespace().flat_map(of_token).collect()
    }
}

/// The words of a text, in lower case.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// A place in the order of time: later entries come first, of one time those with the greater id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) created_at_ms: u64,
    pub(super) statement: B256,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:x}", self.created_at_ms, self.statement)
    }
}

impl FromStr for Cursor {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, IndexError> {
        let parts = text.split_once('-').and_then(|(time, id)| Some((time.parse().ok()?, id.parse().ok()?)));
        let (created_at_ms, statement) =
            parts.ok_or_else(|| IndexError::Query(format!("`{text}` is no place that an earlier answer named")))?;
        Ok(Self { created_at_ms, statement })
    }
}

/// One answer: a pointer to a statement. **It proves nothing and is no part of any verdict**: to rely on it, [`Found::open`]
/// the bundle, which is hashed and read anew, and verify that; or audit the transaction.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[must_use = "what was found is not verified: open it and verify what comes out"]
pub struct Found {
    entry: Entry,
    /// The cosine to the embedding that was asked for, 1 for the same direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    similarity: Option<f64>,
}

impl Found {
    pub(super) const fn new(entry: Entry, similarity: Option<f64>) -> Self {
        Self { entry, similarity }
    }

    /// What the index says of it.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The cosine to the embedding that was asked for; 1 for the same direction.
    #[must_use]
    pub const fn similarity(&self) -> Option<f64> {
        self.similarity
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor { created_at_ms: self.entry.created_at_ms, statement: self.entry.statement_id }
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// What was found, at most as many as asked for.
    pub found: Vec<Found>,
    /// Where the next page begins, if there is more. Entries that come in meanwhile are neither repeated nor skipped past it.
    pub next: Option<Cursor>,
}

impl Page {
    /// Of what came for one more than the limit.
    pub(super) fn of(mut found: Vec<Found>, limit: usize) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(Found::cursor);
        Self { found, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn questions_that_cannot_be_answered_are_refused() {
        let refused = |query: Query| query.check().unwrap_err().to_string();
        assert!(refused(Query::default()).contains("1 to 1000"));
        assert!(refused(Query::latest(Filter::default(), MAX_PAGE + 1)).contains("1 to 1000"));
        assert!(refused(Query::latest(Filter::default(), 1).with_text("\"*'")).contains("no word"));
        let cursor = Some(Cursor { created_at_ms: 1, statement: B256::ZERO });
        let near = Query::nearest(Embedding::new("s", vec![1.0]).unwrap(), 1);
        assert!(refused(Query { after: cursor, ..near }).contains("next page"));
        assert!("12-zz".parse::<Cursor>().is_err() && "".parse::<Cursor>().is_err());
    }

    #[test]
    fn words_are_taken_apart_as_they_were_entered() {
        let terms = |text: &str| Query::latest(Filter::default(), 1).with_text(text).terms();
        assert_eq!(terms("Chest-Xray ward*"), [("chest".into(), false), ("xray".into(), false), ("ward".into(), true)]);
        assert_eq!(terms("a OR NEAR(b) \"c"), ["a", "or", "near", "b", "c"].map(|word| (word.to_owned(), false)));
    }

    proptest! {
        #[test]
        fn cursors_round_trip(created_at_ms: u64, statement: [u8; 32]) {
            let cursor = Cursor { created_at_ms, statement: statement.into() };
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }

        /// No text reaches a database as anything but words.
        #[test]
        fn terms_are_words(text in ".{0,80}") {
            let query = Query::latest(Filter::default(), 1).with_text(text);
            prop_assert!(query.terms().iter().all(|(word, _)| !word.is_empty() && word.chars().all(|c| !c.is_ascii_punctuation())));
        }
    }
}
