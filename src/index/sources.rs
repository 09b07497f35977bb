//! Directories of bundles and notes: content stores, or what `prove` and `batch` left behind.

use super::{IndexError, NoteFile, note::MAX_NOTE_BYTES};
use crate::{
    proof::{Structure, bundle::MAX_BUNDLE_BYTES},
    storage::ContentAddress,
};
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// How deep directories are looked into.
const MAX_DEPTH: usize = 16;
/// Enough to tell a bundle from a note and both from anything else.
const HEAD: usize = 64;

/// A file that is, or should be, a bundle or a note.
#[derive(Debug)]
pub(super) struct Item {
    /// Where it is: an absolute path.
    pub(super) location: String,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Bundles(ContentAddress, Box<Structure>),
    Note(NoteFile),
    /// It looks like one, and is none.
    Unreadable(String),
}

/// Which files are of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bundles,
    Notes,
}

/// Shows every file of a kind below a directory, in the order of their names; how many others there are. Links are not followed.
pub(super) fn walk(
    root: &Path,
    kind: Kind,
    visit: &mut dyn FnMut(Item) -> Result<(), IndexError>,
) -> Result<u64, IndexError> {
    let root = fs::canonicalize(root).map_err(IndexError::io(root))?;
    walk_below(&root, 0, kind, visit)
}

fn walk_below(
    folder: &Path,
    depth: usize,
    kind: Kind,
    visit: &mut dyn FnMut(Item) -> Result<(), IndexError>,
) -> Result<u64, IndexError> {
    let entries = fs::read_dir(folder).map_err(IndexError::io(folder))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(IndexError::io(folder))?;
    paths.sort();
    // What a content store is writing at the moment.
    let store = folder.join("objects").is_dir();
    let mut others = 0;
    for path in paths {
        // Gone meanwhile, or neither a file nor a directory: a pipe would never end.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.is_dir() {
            let in_work = store && (path.ends_with("staging") || path.ends_with("locks"));
            if depth < MAX_DEPTH && !in_work {
                others += walk_below(&path, depth + 1, kind, visit)?;
            }
        } else if metadata.is_file() {
            match look(&path, metadata.len(), kind)? {
                Some(content) => visit(Item { location: path.display().to_string(), content })?,
                None => others += 1,
            }
        }
    }
    Ok(others)
}

/// What a file holds, if it is of the kind.
fn look(path: &Path, size: u64, kind: Kind) -> Result<Option<Content>, IndexError> {
    let Ok(mut file) = File::open(path) else { return Ok(Some(Content::Unreadable("it cannot be read".into()))) };
    let mut bytes = Vec::new();
    let mut read = |limit: usize, bytes: &mut Vec<u8>| {
        (&mut file).take(limit as u64).read_to_end(bytes).map_err(IndexError::io(path))
    };
    read(HEAD, &mut bytes)?;
    let is_note = NoteFile::looks_like(&bytes);
    let limit = match kind {
        Kind::Notes if is_note => MAX_NOTE_BYTES,
        Kind::Bundles if !is_note && looks_like_bundles(&bytes) => MAX_BUNDLE_BYTES,
        _ => return Ok(None),
    };
    if size > limit as u64 {
        return Ok(Some(Content::Unreadable(format!("it has more than {limit} bytes"))));
    }
    read(limit + 1 - bytes.len(), &mut bytes)?;
    Ok(Some(match kind {
        Kind::Notes => match NoteFile::from_json(&bytes, path) {
            Ok(note) => Content::Note(note),
            Err(error) => Content::Unreadable(error.to_string()),
        },
        Kind::Bundles => match Structure::decode(&bytes) {
            Ok(structure) => Content::Bundles(ContentAddress::of(&bytes), Box::new(structure)),
            Err(error) => Content::Unreadable(error.to_string()),
        },
    }))
}

/// The beginnings of the encodings of `proof::encoding`; other JSON is none of ours.
fn looks_like_bundles(head: &[u8]) -> bool {
    let binary = head.starts_with(b"zkic") || head.starts_with(b"zkiz");
    let text = String::from_utf8_lossy(head);
    let mut words = text.split('"');
    let ours = |name: &str| ["zkinfer-bundle", "zkinfer-aggregated", "zkinfer-recursive"].contains(&name);
    binary || (words.nth(1) == Some("format") && words.nth(1).is_some_and(ours))
}
