//! The index on the command line: where it is, what goes in by itself, and how it is asked.

mod enter;
mod manage;
mod notes;
mod search;
pub(crate) mod time;

pub(crate) use enter::{Entering, IndexArgs};
pub(crate) use manage::{Command, run as manage};
pub(crate) use notes::{NoteArgs, check, follow as follow_notes, write as write_notes};
pub(crate) use search::{Args as SearchArgs, EXAMPLES as SEARCH_EXAMPLES, run as search};

use super::Failure;
use std::path::{Path, PathBuf};
use zkinfer::{
    index::{Index, PostgresIndex, SqliteIndex},
    storage::Cache,
};

/// Names the directory of the index, or the address of its server, or `off`.
const ENV: &str = "ZKINFER_INDEX";

/// An index that was opened: of this machine, or of many.
#[derive(Debug)]
pub(crate) enum Opened {
    Here(Box<SqliteIndex>),
    Server(Box<PostgresIndex>),
}

impl Opened {
    /// A directory, or an address.
    fn at(place: &Path) -> Result<Self, Failure> {
        match place.to_str().filter(|text| PostgresIndex::is_address(text)) {
            Some(address) => Ok(Self::Server(Box::new(PostgresIndex::open(address)?))),
            None => Ok(Self::Here(Box::new(SqliteIndex::open(&place.join(SqliteIndex::FILE))?))),
        }
    }

    fn index(&self) -> &dyn Index {
        match self {
            Self::Here(index) => &**index,
            Self::Server(index) => &**index,
        }
    }

    fn len(&self) -> Result<u64, Failure> {
        Ok(match self {
            Self::Here(index) => index.len()?,
            Self::Server(index) => index.len()?,
        })
    }

    /// Where it is, without secrets.
    fn shown(&self) -> String {
        match self {
            Self::Here(index) => index.path().display().to_string(),
            Self::Server(index) => index.place(),
        }
    }
}

/// Where the index is; `None` when there is to be none.
fn place() -> Result<Option<PathBuf>, Failure> {
    match std::env::var_os(ENV).filter(|value| !value.is_empty()) {
        Some(value) if value == "off" => Ok(None),
        Some(place) => Ok(Some(PathBuf::from(place))),
        None => Ok(Some(Cache::from_env()?.root().join("index"))),
    }
}

/// Opens the index that was asked for, or the usual one.
fn open(place: Option<&Path>) -> Result<Opened, Failure> {
    match place {
        Some(place) => Opened::at(place),
        None => Opened::at(
            &self::place()?.ok_or_else(|| Failure::Input(format!("{ENV} is `off`; name the index with --index")))?,
        ),
    }
}
