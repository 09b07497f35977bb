//! What commands enter by themselves.

use super::{Opened, place};
use std::{path::Path, time::Duration};
use zkinfer::{
    chain::ChainError,
    index::{self, Entry, IndexError, NoteFile},
    proof::Structure,
    storage::ContentAddress,
};

/// How long a command that has done its work waits for what the index is to be told.
const DEADLINE: Duration = Duration::from_secs(5);

/// Whether what is made or seen goes into the index.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct IndexArgs {
    /// Enter nothing into the index that `zkinfer search` looks in. ZKINFER_INDEX=off says so for every command.
    #[arg(long)]
    no_index: bool,
}

/// Enters what a command has made or seen, after that is safe. Whatever goes wrong is a warning and no failure: the index can be
/// made again, and the command did what it was asked for. After the first failure nothing more is tried, so that an index that
/// is locked delays a command once.
#[derive(Debug)]
pub(crate) struct Entering(State);

#[derive(Debug)]
enum State {
    Off,
    Ready,
    Open(Opened),
    Failed,
}

impl Entering {
    pub(crate) const fn new(args: &IndexArgs) -> Self {
        Self(if args.no_index { State::Off } else { State::Ready })
    }

    /// A file of bundles that was written with these bytes.
    pub(crate) fn file(&mut self, structure: &Structure, bytes: &[u8], path: &Path, notes: &NoteFile) {
        self.enter(|| {
            // As `index rebuild` will find it.
            let location = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            index::entries(structure, ContentAddress::of(bytes), location.to_str(), notes)
        });
    }

    /// Claims that were seen, with what is noted of their statements.
    pub(crate) fn claims(&mut self, mut claims: Vec<Entry>, notes: &NoteFile) {
        self.enter(|| index::annotate(&mut claims, notes).map(|()| claims));
    }

    /// Claims that a command made, when the node has told of them, for which it does not wait long.
    pub(crate) async fn made(
        &mut self,
        claims: impl Future<Output = Result<Vec<Entry>, ChainError>>,
        notes: &NoteFile,
    ) {
        match tokio::time::timeout(DEADLINE, claims).await {
            Ok(Ok(claims)) => self.claims(claims, notes),
            Ok(Err(error)) => tracing::warn!(%error, "the claim is recorded, but was not entered into the index"),
            Err(_) => tracing::warn!("the claim is recorded, but the node did not tell of it in time for the index"),
        }
    }

    /// Whether anything would come of it.
    pub(crate) const fn is_wanted(&self) -> bool {
        matches!(self.0, State::Ready | State::Open(_))
    }

    fn enter(&mut self, entries: impl FnOnce() -> Result<Vec<Entry>, IndexError>) {
        if let State::Ready = self.0 {
            self.0 = match place().and_then(|place| place.as_deref().map(Opened::at).transpose()) {
                Ok(None) => State::Off,
                Ok(Some(index)) => State::Open(index),
                Err(error) => Self::failed(&error),
            };
        }
        if let State::Open(index) = &self.0
            && let Err(error) = entries().and_then(|entries| index.index().enter(&entries))
        {
            self.0 = Self::failed(&error);
        }
    }

    fn failed(error: &dyn std::fmt::Display) -> State {
        tracing::warn!(%error, "not entered into the index; nothing else is affected, and `zkinfer index rebuild` makes up for it");
        State::Failed
    }
}
