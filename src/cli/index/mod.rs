//! The index on the command line: where it is, what goes in by itself, and how it is asked.

mod enter;
mod manage;
mod notes;
mod search;
pub(crate) mod time;

pub(crate) use enter::{Entering, IndexArgs};
pub(crate) use manage::{Command, run as manage};
pub(crate) use notes::{NoteArgs, check, write as write_notes};
pub(crate) use search::{Args as SearchArgs, EXAMPLES as SEARCH_EXAMPLES, run as search};

use super::Failure;
use std::path::{Path, PathBuf};
use zkinfer::{index::SqliteIndex, storage::Cache};

/// Names the directory of the index, or `off`.
const ENV: &str = "ZKINFER_INDEX";

/// Where the index is; `None` when there is to be none.
fn place() -> Result<Option<PathBuf>, Failure> {
    match std::env::var_os(ENV).filter(|value| !value.is_empty()) {
        Some(value) if value == "off" => Ok(None),
        Some(folder) => Ok(Some(PathBuf::from(folder))),
        None => Ok(Some(Cache::from_env()?.root().join("index"))),
    }
}

/// Opens the index that was asked for, or the usual one.
fn open(folder: Option<&Path>) -> Result<SqliteIndex, Failure> {
    let folder = match folder {
        Some(folder) => folder.to_owned(),
        None => place()?.ok_or_else(|| Failure::Input(format!("{ENV} is `off`; name the index with --index DIR")))?,
    };
    Ok(SqliteIndex::open(&folder.join(SqliteIndex::FILE))?)
}
