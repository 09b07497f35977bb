//! What is noted of an inference on the command line.

use super::enter::IndexArgs;
use crate::cli::Failure;
use alloy::primitives::B256;
use std::{
    fs,
    path::{Path, PathBuf},
};
use zkinfer::{
    index::{Annotation, Embedding, MAX_DIMENSION, Note, NoteFile},
    proof::{Schema, Structure},
    storage::write_atomic,
};

/// A number takes less than this in JSON.
const MAX_NUMBER_BYTES: usize = 32;

/// What `zkinfer search` is to find it by.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NoteArgs {
    #[command(flatten)]
    pub(crate) index: IndexArgs,

    /// Index: note this of what is proven; may be given several times. Goes into a .note.json file beside the bundle, too.
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "no_index")]
    meta: Vec<String>,

    /// Index: a label of the answer; may be given several times.
    #[arg(long, value_name = "TEXT", conflicts_with = "no_index")]
    label: Vec<String>,

    /// Index: an embedding of the input, as a JSON list of numbers, to find inputs like it.
    #[arg(long, value_name = "FILE", conflicts_with = "no_index")]
    embedding: Option<PathBuf>,

    /// Index: the public output of the model that is an embedding, by its name in the ONNX file.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["no_index", "embedding"])]
    embedding_output: Option<String>,

    /// Index: which embeddings it is compared with; all of a space have the same length.
    #[arg(long, value_name = "NAME", default_value = Embedding::DEFAULT_SPACE)]
    space: String,

    /// Index: enter an embedding although it is of an input that --hide hides. Whoever reads the index learns much of that
    /// input.
    #[arg(long)]
    embedding_of_hidden_input: bool,
}

impl NoteArgs {
    /// What they say, as far as it can be known before anything is proven.
    pub(crate) fn annotation(&self) -> Result<Annotation, Failure> {
        let mut note = Note::new();
        for pair in &self.meta {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| Failure::Input(format!("--meta takes KEY=VALUE, not `{pair}`")))?;
            note = note.with_metadata(key, value)?;
        }
        for label in &self.label {
            note = note.with_label(label)?;
        }
        if let Some(path) = &self.embedding {
            note = note.with_embedding(read_embedding(path, &self.space)?);
        }
        let mut annotation = Annotation::from(note);
        if let Some(name) = &self.embedding_output {
            annotation = annotation.with_output_as_embedding(name, &self.space);
        }
        Ok(if self.embedding_of_hidden_input { annotation.allowing_embedding_of_hidden_input() } else { annotation })
    }
}

/// Refuses what could not be entered, before it is proven.
pub(crate) fn check(annotation: &Annotation, schema: &Schema, statements: usize) -> Result<(), Failure> {
    Ok(annotation.check(schema, statements)?)
}

/// The notes of what was proven, written beside it when they say anything. The proof is safe: what goes wrong is a warning.
pub(crate) fn write(annotation: &Annotation, structure: &Structure, bundle: &Path) -> NoteFile {
    let notes = annotation.notes(structure).unwrap_or_else(|error| {
        tracing::warn!(%error, "what was to be noted of the proof is not entered");
        NoteFile::new(vec![])
    });
    let path = note_path(bundle);
    if !notes.is_empty()
        && let Err(error) = write_atomic(&path, &notes.to_json())
    {
        tracing::warn!(%error, "the notes are not on the disk: an index that is rebuilt will lack them");
    }
    notes
}

/// The notes beside a bundle, for what was made of it: statement for statement. They are written beside the new file, all of
/// them; without one their words go into the old one's notes, so that an index that is rebuilt has them with the claims.
pub(crate) fn follow(source: &Path, pairs: &[(B256, B256)], out: Option<&Path>) -> NoteFile {
    if source == Path::new("-") {
        return NoteFile::new(vec![]);
    }
    let beside = note_path(source);
    let old = match fs::read(&beside) {
        Ok(json) => NoteFile::from_json(&json, &beside),
        Err(_) => return NoteFile::new(vec![]),
    };
    let old = old.unwrap_or_else(|error| {
        tracing::warn!(%error, "what is noted of the bundle does not follow it");
        NoteFile::new(vec![])
    });
    let new = old.following(pairs);
    let is_changed = pairs.iter().any(|(before, after)| before != after);
    let (path, written, entered) = match out {
        Some(out) => (note_path(out), new.clone(), new),
        None => {
            let words = new.words_alone();
            (beside, if is_changed { old.and(words.clone()) } else { words.clone() }, words)
        }
    };
    let is_due = out.is_some() || is_changed;
    if is_due
        && !entered.is_empty()
        && let Err(error) = write_atomic(&path, &written.to_json())
    {
        tracing::warn!(%error, "the notes are not on the disk: an index that is rebuilt will lack them");
    }
    entered
}

/// `answer.bundle.note.json` for `answer.bundle.json`.
pub(crate) fn note_path(bundle: &Path) -> PathBuf {
    bundle.with_extension("note.json")
}

/// Reads `[numbers]`.
pub(super) fn read_embedding(path: &Path, space: &str) -> Result<Embedding, Failure> {
    let refuse = |reason: String| Failure::Input(format!("{}: {reason}", path.display()));
    let size = fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
    if size > (MAX_DIMENSION * MAX_NUMBER_BYTES) as u64 {
        return Err(refuse(format!("{size} bytes are no embedding of at most {MAX_DIMENSION} numbers")));
    }
    let bytes = fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let values: Vec<f32> =
        serde_json::from_slice(&bytes).map_err(|error| refuse(format!("it is no list of numbers: {error}")))?;
    Embedding::new(space, values).map_err(|error| refuse(error.to_string()))
}
