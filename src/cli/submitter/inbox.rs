//! A directory of bundles that are to be submitted.
//!
//! What is in it is added to the journal and moved to `taken` below it; what can never be submitted is moved to `refused`, with
//! the reason beside it. A file is written under another name (beginning with a dot, or ending in `.tmp`) and renamed when it is
//! whole.

use crate::cli::{Failure, context::Session, entry, form};
use alloy::primitives::Address;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use zkinfer::{
    FailureClass,
    chain::{
        Node,
        submitter::{Added, Journal, admit_bundle},
    },
    proof::Bundle,
};

pub(super) struct Inbox<'a> {
    pub(super) dir: PathBuf,
    pub(super) node: Node,
    pub(super) account: Address,
    pub(super) journal: Journal,
    pub(super) session: &'a Session,
}

/// Reads a bundle that may go to a chain.
pub(super) fn read(path: &Path) -> Result<Bundle, Failure> {
    let bundle = form::read_bundle(path)?;
    entry::refuse_mock(&bundle)?;
    entry::refuse_off_chain(bundle.manifest().adapter_id)?;
    Ok(bundle)
}

impl Inbox<'_> {
    /// Makes the directories.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        for dir in [self.dir.clone(), self.dir.join("taken"), self.dir.join("refused")] {
            fs::create_dir_all(&dir).map_err(|error| Failure::Environment(format!("{}: {error}", dir.display())))?;
        }
        Ok(())
    }

    /// Takes what is there now. What cannot be judged now is left for later.
    pub(super) async fn take(&self, now: u64) {
        let files = match files(&self.dir) {
            Ok(files) => files,
            Err(error) => {
                self.session.say(&format!("cannot read {}: {error}", self.dir.display()));
                return;
            }
        };
        for path in files {
            let taken = self.take_one(&path, now).await;
            let moved = match &taken {
                Ok(said) => {
                    self.session.say(&format!("{}: {said}", path.display()));
                    self.put(&path, "taken", None)
                }
                Err(error) if matches!(error.class(), FailureClass::BadInput | FailureClass::Invalid) => {
                    self.session.say(&format!("{} is refused: {error}", path.display()));
                    self.put(&path, "refused", Some(&error.to_string()))
                }
                Err(error) => {
                    tracing::warn!(file = %path.display(), %error, "cannot be taken now");
                    continue;
                }
            };
            if let Err(error) = moved {
                self.session.say(&format!("{} cannot be moved: {error}", path.display()));
            }
        }
    }

    async fn take_one(&self, path: &Path, now: u64) -> Result<String, Failure> {
        let bundle = read(path)?;
        let intent = admit_bundle(&self.node, &bundle, self.account).await?;
        Ok(match self.journal.add(&intent, now)? {
            Added::New => format!("added as {}", intent.id),
            Added::Known(row) => format!("{} was there, and is {}", intent.id, row.phase()),
        })
    }

    /// Another file of the same name there is not overwritten.
    fn put(&self, path: &Path, folder: &str, reason: Option<&str>) -> io::Result<()> {
        let Some(name) = path.file_name() else { return Ok(()) };
        let folder = self.dir.join(folder);
        let mut target = folder.join(name);
        let mut number = 1;
        while target.exists() {
            number += 1;
            target = folder.join(format!("{number}-{}", name.to_string_lossy()));
        }
        if let Some(reason) = reason {
            let mut beside = target.clone().into_os_string();
            beside.push(".reason.txt");
            fs::write(beside, format!("{reason}\n"))?;
        }
        fs::rename(path, target)
    }
}

/// Whole files, in the order of their names.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type()?.is_file() && !name.starts_with('.') && !name.ends_with(".tmp") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
