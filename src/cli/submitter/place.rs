//! Which journal.

use crate::cli::Failure;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use zkinfer::chain::{
    outbox::state_dir,
    submitter::{Journal, Owner},
};

/// A journal that is there.
#[derive(Debug, clap::Args)]
pub(crate) struct JournalArgs {
    /// The journal [default: the only one in the state directory, which ZKINFER_STATE_DIR names].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

impl JournalArgs {
    pub(crate) fn visit(&self) -> Result<Journal, Failure> {
        let path = match &self.journal {
            Some(path) => path.clone(),
            None => only_one(&state_dir()?)?,
        };
        Ok(Journal::visit(&path)?)
    }
}

/// The journal of an account: the one that was given, or its place in the state directory.
pub(super) fn path(given: Option<&Path>, owner: &Owner) -> Result<PathBuf, Failure> {
    match given {
        Some(path) => Ok(path.to_owned()),
        None => Ok(Journal::path_of(&state_dir()?, owner)),
    }
}

fn only_one(state: &Path) -> Result<PathBuf, Failure> {
    let dir = state.join("submitter");
    let listed = fs::read_dir(&dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = listed.filter(|path| path.extension().is_some_and(|end| end == "sqlite")).collect();
    found.sort();
    match &found[..] {
        [path] => Ok(path.clone()),
        [] => Err(Failure::Input(format!(
            "there is no journal in {}: `zkinfer submitter run` makes one, or give --journal FILE",
            dir.display()
        ))),
        several => {
            let names: Vec<String> = several.iter().map(|path| path.display().to_string()).collect();
            Err(Failure::Input(format!("there are several journals, give one with --journal: {}", names.join(", "))))
        }
    }
}

/// Unix milliseconds.
pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_journal_is_found_and_of_several_one_is_named() {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().join("submitter");
        assert!(only_one(state.path()).unwrap_err().to_string().contains("no journal"));
        fs::create_dir(&dir).unwrap();
        let first = dir.join("1-0xa.sqlite");
        fs::write(&first, "").unwrap();
        fs::write(dir.join("1-0xa.sqlite-wal"), "").unwrap();
        fs::write(dir.join("1-0xa.lock"), "").unwrap();
        assert_eq!(only_one(state.path()).unwrap(), first);
        fs::write(dir.join("5-0xa.sqlite"), "").unwrap();
        let error = only_one(state.path()).unwrap_err().to_string();
        assert!(error.contains("1-0xa.sqlite") && error.contains("5-0xa.sqlite"), "{error}");
    }
}
