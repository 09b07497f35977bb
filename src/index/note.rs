//! What a caller says of an inference, and no bundle carries: words to find it by, and where it lies among others.

use super::IndexError;
use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

/// The most numbers in an embedding.
pub const MAX_DIMENSION: usize = 4096;
/// The most pairs of metadata, and the most labels, of one note.
pub(super) const MAX_WORDS: usize = 64;
/// The longest key of metadata, the longest name of a space.
pub(super) const MAX_KEY_BYTES: usize = 64;
/// The longest value of metadata, the longest label.
pub(super) const MAX_VALUE_BYTES: usize = 1024;
/// The largest note that is read, in bytes.
pub(super) const MAX_NOTE_BYTES: usize = 64 * 1024 * 1024;
const FORMAT: &str = "zkinfer-note";
const VERSION: u32 = 1;

/// An embedding: finite numbers, not all of them zero, in a space where all have the same length.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawEmbedding", into = "RawEmbedding")]
pub struct Embedding {
    space: String,
    values: Vec<f32>,
}

impl Embedding {
    /// The space that is meant when none is named.
    pub const DEFAULT_SPACE: &str = "default";

    /// Numbers in a space.
    ///
    /// # Errors
    /// [`IndexError::Embedding`] when there are none, more than [`MAX_DIMENSION`], one is not finite, or together they have
    /// no direction; [`IndexError::TooLong`] when the space has no name or one over `MAX_KEY_BYTES`.
    pub fn new(space: impl Into<String>, values: Vec<f32>) -> Result<Self, IndexError> {
        let space = space.into();
        check_text(&space, "the name of a space", MAX_KEY_BYTES)?;
        if values.is_empty() || values.len() > MAX_DIMENSION {
            return Err(IndexError::no_numbers());
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(IndexError::Embedding(format!("number {at} is {}, which is not finite", values[at])));
        }
        if norm(&values) == 0.0 {
            return Err(IndexError::Embedding("it has no direction, since all its numbers are 0".into()));
        }
        Ok(Self { space, values })
    }

    /// The space.
    #[must_use]
    pub fn space(&self) -> &str {
        &self.space
    }

    /// The numbers.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Little-endian, four bytes a number.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

/// The Euclidean length. Of finite `f32` it neither overflows nor, unless all are 0, vanishes.
pub(super) fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// The cosine of the angle, computed in `f64` in a fixed order: the same on every machine.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product: f64 = a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
    product / (norm(a) * norm(b))
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({}, {} numbers)", self.space, self.values.len())
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEmbedding {
    space: String,
    values: Vec<f32>,
}

impl TryFrom<RawEmbedding> for Embedding {
    type Error = IndexError;

    fn try_from(raw: RawEmbedding) -> Result<Self, IndexError> {
        Self::new(raw.space, raw.values)
    }
}

impl From<Embedding> for RawEmbedding {
    fn from(embedding: Embedding) -> Self {
        Self { space: embedding.space, values: embedding.values }
    }
}

/// What is said of one statement. Entered again with other words, an entry has them all.
///
/// **Nothing of an input gets here by itself**: words and embeddings are the caller's. Of an embedding of an input that the
/// statement hides, the caller has to say so: [`Note::with_embedding_of_hidden_input`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Note {
    pub(super) metadata: BTreeMap<String, BTreeSet<String>>,
    pub(super) labels: BTreeSet<String>,
    pub(super) embeddings: Vec<Embedding>,
    /// The caller's consent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) embedding_of_hidden_input: bool,
}

impl Note {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pair of metadata; a key may have several values.
    ///
    /// # Errors
    /// [`IndexError::TooLong`].
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Result<Self, IndexError> {
        self.metadata.entry(key.into()).or_default().insert(value.into());
        self.check()?;
        Ok(self)
    }

    /// Adds a label of the answer.
    ///
    /// # Errors
    /// [`IndexError::TooLong`].
    pub fn with_label(mut self, label: impl Into<String>) -> Result<Self, IndexError> {
        self.labels.insert(label.into());
        self.check()?;
        Ok(self)
    }

    /// Adds an embedding; it replaces the one of the same space. Refused later for a statement that hides its inputs.
    #[must_use]
    pub fn with_embedding(mut self, embedding: Embedding) -> Self {
        self.embeddings.retain(|other| other.space != embedding.space);
        self.embeddings.push(embedding);
        self.embeddings.sort_by(|a, b| a.space.cmp(&b.space));
        self
    }

    /// Adds an embedding of an input that the statement may hide: whoever reads the index learns much of that input.
    #[must_use]
    pub fn with_embedding_of_hidden_input(self, embedding: Embedding) -> Self {
        Self { embedding_of_hidden_input: true, ..self.with_embedding(embedding) }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.metadata.is_empty() && self.labels.is_empty() && self.embeddings.is_empty()
    }

    /// Pairs of metadata.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata.iter().flat_map(|(key, values)| values.iter().map(move |value| (&**key, &**value)))
    }

    /// Labels of the answer.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    /// Embeddings, one per space.
    #[must_use]
    pub fn embeddings(&self) -> &[Embedding] {
        &self.embeddings
    }

    /// Everything that a text query looks at.
    pub(super) fn words(&self) -> String {
        let pairs = self.metadata().flat_map(|(key, value)| [key, value]);
        pairs.chain(self.labels()).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn check(&self) -> Result<(), IndexError> {
        if self.metadata().count() > MAX_WORDS || self.labels.len() > MAX_WORDS || self.embeddings.len() > MAX_WORDS {
            return Err(IndexError::TooLong { what: "a list of a note", limit: MAX_WORDS });
        }
        for (key, value) in self.metadata() {
            check_text(key, "a key of metadata", MAX_KEY_BYTES)?;
            check_text(value, "a value of metadata", MAX_VALUE_BYTES)?;
        }
        let mut spaces: Vec<&str> = self.embeddings.iter().map(Embedding::space).collect();
        spaces.dedup();
        if spaces.len() != self.embeddings.len() || !spaces.is_sorted() {
            return Err(IndexError::Embedding(
                "a note has one embedding per space, in the order of their names".into(),
            ));
        }
        self.labels().try_for_each(|label| check_text(label, "a label", MAX_VALUE_BYTES))
    }

    /// Adds another note's words and embeddings; embeddings of one space have to agree.
    pub(super) fn merge(&mut self, other: &Self, statement: B256) -> Result<(), IndexError> {
        for embedding in &other.embeddings {
            match self.embeddings.iter().find(|mine| mine.space == embedding.space) {
                None => *self = std::mem::take(self).with_embedding(embedding.clone()),
                Some(mine) if mine == embedding => {}
                Some(_) => return Err(IndexError::OtherEmbedding { statement, space: embedding.space.clone() }),
            }
        }
        for (key, value) in other.metadata() {
            self.metadata.entry(key.into()).or_default().insert(value.into());
        }
        self.labels.extend(other.labels.iter().cloned());
        self.embedding_of_hidden_input |= other.embedding_of_hidden_input;
        Ok(())
    }
}

/// A note with the statements that it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Noted {
    /// Their ids.
    pub statements: Vec<B256>,
    /// What is said of each of them.
    pub note: Note,
}

/// Notes as a file, which lies beside the bundles so that an index can be made again: `*.note.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoteFile {
    format: String,
    version: u32,
    notes: Vec<Noted>,
}

impl NoteFile {
    /// A file of these notes.
    #[must_use]
    pub fn new(notes: Vec<Noted>) -> Self {
        Self { format: FORMAT.into(), version: VERSION, notes }
    }

    /// The notes.
    #[must_use]
    pub fn notes(&self) -> &[Noted] {
        &self.notes
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.iter().all(|noted| noted.note.is_empty())
    }

    /// What is said of the first statement of each pair, of the second: it was made of the first.
    #[must_use]
    pub fn following(&self, pairs: &[(B256, B256)]) -> Self {
        let follow = |noted: &Noted| {
            let mine = pairs.iter().filter(|(before, _)| noted.statements.contains(before));
            let statements: Vec<B256> = mine.map(|(_, after)| *after).collect();
            (!statements.is_empty()).then(|| Noted { statements, note: noted.note.clone() })
        };
        Self::new(self.notes.iter().filter_map(follow).collect())
    }

    /// The same without embeddings, which say more than words of inputs that may be hidden.
    #[must_use]
    pub fn words_alone(mut self) -> Self {
        for noted in &mut self.notes {
            noted.note.embeddings.clear();
        }
        self.notes.retain(|noted| !noted.note.is_empty());
        self
    }

    /// What both say.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let new = other.notes.into_iter().filter(|noted| !self.notes.contains(noted));
        let new: Vec<Noted> = new.collect();
        self.notes.extend(new);
        self
    }

    /// JSON, one final newline.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and finite numbers only: nothing that serde_json can refuse.
        let mut json = serde_json::to_vec(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Reads one. Whether these bytes look like a note at all is `NoteFile::looks_like`.
    ///
    /// # Errors
    /// [`IndexError::Note`]; bounds as for [`Note`].
    pub fn from_json(json: &[u8], path: &Path) -> Result<Self, IndexError> {
        let refuse = |reason: String| IndexError::Note { path: path.display().to_string(), reason };
        if json.len() > MAX_NOTE_BYTES {
            return Err(refuse(format!("it has more than {MAX_NOTE_BYTES} bytes")));
        }
        let read: Self = serde_json::from_slice(json).map_err(|error| refuse(error.to_string()))?;
        if read.format != FORMAT || read.version != VERSION {
            return Err(refuse(format!("it is `{}` version {}", read.format, read.version)));
        }
        read.notes.iter().try_for_each(|noted| noted.note.check()).map_err(|error| refuse(error.to_string()))?;
        Ok(read)
    }

    /// Whether bytes begin as those of a note do.
    pub(super) fn looks_like(bytes: &[u8]) -> bool {
        bytes.starts_with(b"{\"format\":\"zkinfer-note\"")
    }
}

pub(super) fn check_text(text: &str, what: &'static str, limit: usize) -> Result<(), IndexError> {
    if text.is_empty() || text.len() > limit { Err(IndexError::TooLong { what, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(note: Note) -> NoteFile {
        NoteFile::new(vec![Noted { statements: vec![B256::repeat_byte(7)], note }])
    }

    fn refused(values: Vec<f32>) -> String {
        Embedding::new("s", values).unwrap_err().to_string()
    }

    /// Each of these would make every comparison meaningless.
    #[test]
    fn embeddings_without_a_direction_are_refused() {
        assert!(refused(vec![]).contains("1 to 4096"));
        assert!(refused(vec![1.0; MAX_DIMENSION + 1]).contains("1 to 4096"));
        assert!(refused(vec![1.0, f32::NAN]).contains("number 1 is NaN"));
        assert!(refused(vec![f32::NEG_INFINITY]).contains("not finite"));
        assert!(refused(vec![0.0, -0.0]).contains("no direction"));
        assert!(Embedding::new("", vec![1.0]).is_err());
        assert!(Embedding::new("s", vec![f32::MIN_POSITIVE / 4.0, f32::MAX]).is_ok());
    }

    #[test]
    fn the_length_of_tiny_and_huge_numbers_is_neither_zero_nor_infinite() {
        assert!(norm(&[f32::from_bits(1)]) > 0.0);
        assert!(norm(&[f32::MAX; 4096]).is_finite());
        assert!((cosine(&[f32::MAX, 0.0], &[f32::MAX, f32::MAX]) - 0.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn words_are_bounded() {
        let note = Note::new().with_metadata("k", "v").unwrap().with_label("seven").unwrap();
        assert_eq!(note.words(), "k\nv\nseven");
        assert!(note.clone().with_label("x".repeat(MAX_VALUE_BYTES + 1)).is_err());
        assert!(note.clone().with_metadata("", "v").is_err());
        let many = (0..=MAX_WORDS).try_fold(note, |note, i| note.with_label(i.to_string()));
        assert!(many.is_err());
    }

    #[test]
    fn a_second_embedding_of_a_space_is_a_conflict() {
        let with = |x| Note::new().with_embedding(Embedding::new("s", vec![x, 1.0]).unwrap());
        let mut note = with(1.0);
        note.merge(&with(1.0), B256::ZERO).unwrap();
        assert!(matches!(note.merge(&with(2.0), B256::ZERO), Err(IndexError::OtherEmbedding { .. })));
    }

    #[test]
    fn notes_follow_the_statements_that_were_made_of_theirs() {
        let [a, b, c] = [7, 8, 9].map(B256::repeat_byte);
        let embedding = Embedding::new("s", vec![1.0]).unwrap();
        let words = file(Note::new().with_label("seven").unwrap().with_embedding(embedding.clone()));
        let followed = words.following(&[(b, a), (a, c)]);
        assert_eq!(followed.notes().iter().map(|noted| &noted.statements[..]).collect::<Vec<_>>(), [[c]]);
        assert_eq!(followed.notes()[0].note, words.notes()[0].note);
        assert!(words.following(&[(b, c)]).notes().is_empty());
        assert!(followed.clone().words_alone().notes()[0].note.embeddings().is_empty());
        assert!(file(Note::new().with_embedding(embedding)).words_alone().notes().is_empty());
        let both = words.clone().and(followed.clone());
        assert_eq!((both.notes().len(), both.clone().and(followed)), (2, both));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let path = Path::new("x.note.json");
        let good = file(Note::new().with_label("seven").unwrap()).to_json();
        assert!(NoteFile::looks_like(&good) && NoteFile::from_json(&good, path).is_ok());
        let text = String::from_utf8(good).unwrap();
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("zkinfer-note", "zkinfer-nope"),
            ("[\"seven\"]", "[\"\"]"),
            ("\"embeddings\":[]", "\"embeddings\":[{\"space\":\"s\",\"values\":[0]}]"),
            ("\"labels\"", "\"labls\""),
        ] {
            assert_ne!(text.replace(from, to), text);
            assert!(NoteFile::from_json(text.replace(from, to).as_bytes(), path).is_err(), "{to}");
        }
    }

    proptest! {
        /// A note that is written beside a bundle says the same when it is read again, to the last bit of an embedding.
        #[test]
        fn notes_round_trip(bits in proptest::collection::vec(any::<u32>(), 1..40), label in "[^\\x00]{1,20}") {
            let values: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|x| x.is_finite()).collect();
            prop_assume!(values.iter().any(|&x| x != 0.0));
            let note = Note::new().with_label(label).unwrap().with_embedding(Embedding::new("s", values).unwrap());
            let file = file(note);
            prop_assert_eq!(NoteFile::from_json(&file.to_json(), Path::new("x")).unwrap(), file);
        }
    }
}
