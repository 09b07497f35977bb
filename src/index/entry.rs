//! What is entered: statements, where their proofs are held, and the claims that were made of them.

use super::{IndexError, Note, note::NoteFile};
use crate::{
    proof::{
        Bundle, Context, Schema, Statement, Structure,
        bundle::BackendName,
        schema::{Direction, Visibility},
    },
    storage::ContentAddress,
};
use alloy::primitives::B256;
use serde::Serialize;
use std::collections::BTreeMap;

/// The latest time that is told apart, in milliseconds; a manifest may say any.
const END_OF_TIME: u64 = i64::MAX as u64;
/// The longest output of which the largest element becomes a label.
const MAX_CLASSES: usize = 65_536;

/// A statement with everything that an index knows of it. Hearsay: nothing here has been verified, and nothing is asked
/// here by what verifies.
///
/// Neither the inputs of the statement nor its outputs are entered; of a public output with several elements, which of
/// them is the largest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The statement's id, which names the entry.
    pub statement_id: B256,
    /// The model's id.
    pub model_id: B256,
    /// Whom the statement is made for.
    pub context: Context,
    /// Whether inputs are hidden; `None` when no bundle was seen, so that the schema is not known.
    pub hides_inputs: Option<bool>,
    /// When the first proof was made, or else when the claim was recorded: Unix time in milliseconds, as its maker says.
    pub created_at_ms: u64,
    /// The bundles that hold a proof, by their content address.
    pub held: BTreeMap<ContentAddress, Held>,
    /// The claim, when one was seen.
    pub claim: Option<Recorded>,
    /// What the caller says.
    pub note: Note,
}

/// Where the proof of a statement is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Which of the statements in the file it is.
    pub slot: u32,
    /// How many there are.
    pub statements: u32,
    /// What proved it.
    pub backend: BackendName,
    /// SHA-256 of the proof bytes.
    pub proof_hash: B256,
    /// Their number.
    pub proof_bytes: u64,
    /// Whether the manifest calls the proof transferable.
    pub transferable: bool,
    /// Whether the manifest says that the SRS is a TEST one.
    pub test_srs: bool,
    /// The file in which it was last seen.
    pub location: Option<String>,
}

/// What a registry was seen to record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// The transaction; `zkinfer audit` tells what it is worth.
    pub transaction: B256,
    /// Its block.
    pub block: u64,
    /// The time of the block, Unix time in seconds.
    pub recorded_at: u64,
    /// What the registry calls it.
    pub assurance: Assurance,
}

/// How much a registry says that it looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// Only a hash is on the chain.
    Attested = 1,
    /// Bonded, and open to challenge.
    Optimistic = 2,
    /// The verifier contract accepted the proof.
    Verified = 3,
}

/// How far a statement has got, as far as was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// There is a proof.
    Proven,
    /// A registry recorded a claim.
    Recorded,
}

impl Entry {
    /// An entry of a statement alone.
    #[must_use]
    pub fn new(statement_id: B256, model_id: B256, context: Context) -> Self {
        Self {
            statement_id,
            model_id,
            context,
            hides_inputs: None,
            created_at_ms: END_OF_TIME,
            held: BTreeMap::new(),
            claim: None,
            note: Note::new(),
        }
    }

    /// An entry for every statement of a file of bundles. A statement that is in it several times has one.
    #[must_use]
    pub fn of_file(structure: &Structure, address: ContentAddress, location: Option<&str>) -> Vec<Self> {
        let bundles = structure.bundles();
        let statements = count(bundles.iter().map(|bundle| bundle.statements().len()).sum());
        let mut entries: BTreeMap<B256, Self> = BTreeMap::new();
        let all = bundles.into_iter().flat_map(|bundle| bundle.statements().iter().map(move |one| (bundle, one)));
        for (slot, (bundle, statement)) in all.enumerate() {
            entries.entry(statement.id()).or_insert_with(|| {
                let manifest = bundle.manifest();
                let held = Held {
                    slot: count(slot),
                    statements,
                    backend: manifest.backend,
                    proof_hash: manifest.proof_hash,
                    proof_bytes: bundle.proof().len() as u64,
                    transferable: manifest.transferable,
                    test_srs: manifest.test_srs,
                    location: location.map(Into::into),
                };
                Self::of_statement(bundle, statement, BTreeMap::from([(address, held)]))
            });
        }
        entries.into_values().collect()
    }

    fn of_statement(bundle: &Bundle, statement: &Statement, held: BTreeMap<ContentAddress, Held>) -> Self {
        let mut entry = Self::new(statement.id(), statement.model_id, statement.context);
        if let Ok(schema) = bundle.schema() {
            entry.hides_inputs = Some(hides_inputs(&schema));
            entry.note.labels = answers(&schema, statement).into_iter().collect();
        }
        entry.created_at_ms = bundle.manifest().created_at_ms.min(END_OF_TIME);
        entry.held = held;
        entry
    }

    /// Adds a note.
    ///
    /// # Errors
    /// [`IndexError::HiddenInput`] when it has an embedding, the statement hides its inputs or may hide them, and the note
    /// lacks the consent; [`IndexError::OtherEmbedding`]; [`IndexError::TooLong`].
    pub fn annotate(&mut self, note: &Note) -> Result<(), IndexError> {
        let mut annotated = self.clone();
        annotated.note.merge(note, self.statement_id)?;
        annotated.note.check()?;
        annotated.check()?;
        *self = annotated;
        Ok(())
    }

    /// Adds what a file of notes says of this statement, if anything.
    pub(super) fn annotate_from(&mut self, file: &NoteFile) -> Result<(), IndexError> {
        let statement = self.statement_id;
        let mut mine = file.notes().iter().filter(|noted| noted.statements.contains(&statement));
        mine.try_for_each(|noted| self.annotate(&noted.note))
    }

    /// How far it has got.
    #[must_use]
    pub const fn status(&self) -> Status {
        if self.claim.is_some() { Status::Recorded } else { Status::Proven }
    }

    /// Adds what another entry of the same statement knows. The order of merging makes no difference, but for locations
    /// and for claims in two blocks, which a reorganization makes: there the later one stands.
    pub(super) fn merge(&mut self, other: &Self) -> Result<(), IndexError> {
        self.note.merge(&other.note, self.statement_id)?;
        self.hides_inputs = self.hides_inputs.or(other.hides_inputs);
        self.created_at_ms = self.created_at_ms.min(other.created_at_ms);
        for (address, held) in &other.held {
            let mine = self.held.entry(*address).or_insert_with(|| held.clone());
            mine.location = held.location.clone().or_else(|| mine.location.take());
        }
        let place = |claim: &Option<Recorded>| claim.as_ref().map(|claim| (claim.block, claim.transaction));
        if place(&other.claim) > place(&self.claim) {
            self.claim.clone_from(&other.claim);
        }
        self.note.check()?;
        self.check()
    }

    /// What has to hold of whatever is entered.
    pub(super) fn check(&self) -> Result<(), IndexError> {
        let consented = self.note.embedding_of_hidden_input || self.hides_inputs == Some(false);
        if self.note.embeddings.is_empty() || consented {
            Ok(())
        } else {
            Err(IndexError::HiddenInput(self.statement_id))
        }
    }
}

impl Assurance {
    pub(super) const ALL: [Self; 3] = [Self::Attested, Self::Optimistic, Self::Verified];

    /// As in the contract.
    #[must_use]
    pub fn from_contract(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|assurance| *assurance as u8 == number)
    }
}

/// Whether a tensor that enters the model is committed.
pub(super) fn hides_inputs(schema: &Schema) -> bool {
    let hidden =
        |t: &&crate::proof::TensorSchema| t.direction == Direction::Input && t.visibility == Visibility::Committed;
    schema.tensors().iter().any(|tensor| hidden(&tensor))
}

/// `NAME:INDEX` of the largest element of every public output: what a classifier answered. The first of equals.
fn answers(schema: &Schema, statement: &Statement) -> Vec<String> {
    let Ok(decoded) = schema.decode(&statement.public_values) else { return vec![] };
    let outputs = schema.public_tensors().zip(decoded).filter(|(tensor, _)| tensor.direction == Direction::Output);
    let several = outputs.filter(|(_, elements)| (2..=MAX_CLASSES).contains(&elements.len()));
    let labels = several.filter_map(|(tensor, elements)| {
        // `max_by` gives the last of equals.
        let largest = elements.iter().enumerate().rev().max_by(|a, b| a.1.cmp(b.1))?;
        let name: String = tensor.name.chars().take(64).collect();
        Some(format!("{name}:{}", largest.0))
    });
    labels.take(super::note::MAX_WORDS / 2).collect()
}

/// A structure has at most 2^24 statements.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        index::Embedding,
        proof::{
            bundle::tests::{numbered, numbered_batch},
            structure::Aggregated,
        },
    };

    pub(crate) fn entries(structure: &Structure) -> Vec<Entry> {
        let bytes = structure.encode(Default::default(), Default::default());
        Entry::of_file(structure, ContentAddress::of(&bytes), Some("/bundles/a"))
    }

    pub(crate) fn entry(number: i64) -> Entry {
        entries(&numbered(number).into()).remove(0)
    }

    pub(crate) fn embedding(values: &[f32]) -> Embedding {
        Embedding::new(Embedding::DEFAULT_SPACE, values.to_vec()).unwrap()
    }

    #[test]
    fn every_statement_of_a_file_has_an_entry_that_says_where_it_is() {
        let list = Structure::Aggregated(Aggregated::new(vec![numbered(1), numbered_batch(2, 3)]).unwrap());
        let mut found = entries(&list);
        found.sort_by_key(|entry| entry.held.values().next().unwrap().slot);
        let ids: Vec<B256> = found.iter().map(|entry| entry.statement_id).collect();
        assert_eq!(ids, list.statement_ids());
        assert!(found.iter().all(|entry| entry.held.values().all(|held| held.statements == 4)));
        assert_eq!(found[0].created_at_ms, 1);
    }

    #[test]
    fn a_statement_that_a_file_holds_twice_is_entered_once() {
        let list = Structure::Aggregated(Aggregated::new(vec![numbered(1), numbered(1)]).unwrap());
        let found = entries(&list);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].held.values().next().unwrap().slot, 0);
    }

    #[test]
    fn merging_knows_what_both_know_in_either_order() {
        let mut with_claim = Entry::new(entry(1).statement_id, entry(1).model_id, entry(1).context);
        with_claim.claim = Some(Recorded {
            transaction: B256::repeat_byte(1),
            block: 5,
            recorded_at: 9,
            assurance: Assurance::Verified,
        });
        with_claim.created_at_ms = 9_000;
        let (mut one, mut other) = (entry(1), with_claim.clone());
        one.merge(&with_claim).unwrap();
        other.merge(&entry(1)).unwrap();
        assert_eq!(one, other);
        assert_eq!((one.status(), one.created_at_ms, one.held.len()), (Status::Recorded, 1, 1));
    }

    /// An embedding of an input that is hidden, or of which nobody knows whether it is, needs the caller's word.
    #[test]
    fn embeddings_of_hidden_inputs_need_consent() {
        let note = Note::new().with_embedding(embedding(&[1.0]));
        let consent = Note::new().with_embedding_of_hidden_input(embedding(&[1.0]));
        for hides in [Some(true), None] {
            let mut entry = Entry { hides_inputs: hides, ..entry(1) };
            assert!(matches!(entry.annotate(&note), Err(IndexError::HiddenInput(_))));
            assert!(entry.note.embeddings().is_empty(), "nothing of it was kept");
            entry.annotate(&consent).unwrap();
        }
        let mut public = Entry { hides_inputs: Some(false), ..entry(1) };
        public.annotate(&note).unwrap();
    }
}
