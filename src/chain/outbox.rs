//! What claims are made of, kept before anything is sent.
//!
//! A statement is fixed, and its bundle kept, before its transaction is signed: whoever runs the same command again finds the
//! statement instead of making another one. Bundles are found by their id, or by the *request* that led to them: what was asked for
//! before a deadline was chosen. Which transactions were signed for a statement, the [journal](super::submitter::Journal) of the
//! account says.
//!
//! ```text
//! outbox/<chain id>/<id>.bundle.json    a bundle, by the id of its statement or batch
//! outbox/<chain id>/requests/<request>  the id of the bundle that a request led to
//! outbox/<chain id>/<id>.batch.json     the leaves of a batch of claims
//! outbox/<chain id>/<id>.openings.json  what opens the hidden tensors of a claim, or of the leaves of a batch, in their order
//! outbox/<chain id>/wishes/<wish>       the deadline that was chosen for a wish to have something claimed
//! outbox/sent.jsonl                     one line for every transaction that a command of this machine was about to send
//! ```

use super::{
    ChainError,
    claims::ClaimBatch,
    submitter::{Journal, Owner},
};
use crate::{
    proof::{Bundle, Context, Statement, Structure, identity::batch_id},
    storage::{Cache, Lock, StorageError, write_atomic},
};
use alloy::primitives::{Address, B256, keccak256};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// Overrides the directory.
const ENV: &str = "ZKINFER_STATE_DIR";
/// The directory of everything that was sent from this machine.
#[derive(Clone, Debug)]
pub struct Outbox {
    root: PathBuf,
}

impl Outbox {
    /// The outbox in [`state_dir`].
    ///
    /// # Errors
    /// [`ChainError::Outbox`] when there is none.
    pub fn from_env() -> Result<Self, ChainError> {
        Ok(Self::at(&state_dir()?))
    }

    /// An outbox below a directory, which need not exist.
    #[must_use]
    pub fn at(state: &Path) -> Self {
        Self { root: state.join("outbox") }
    }

    /// The directory that it is in.
    pub(super) fn state(&self) -> &Path {
        self.root.parent().unwrap_or(&self.root)
    }

    /// The bundle that a request led to before.
    ///
    /// # Errors
    /// [`ChainError::Outbox`] when it is there and cannot be read.
    pub fn find(&self, chain_id: u64, request: B256) -> Result<Option<Bundle>, ChainError> {
        let dir = self.chain(chain_id)?;
        let index = dir.join("requests").join(request.to_string());
        let Some(text) = read(&index)? else { return Ok(None) };
        let id = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
        let id: B256 = id.ok_or_else(|| failed(&index, "it names no bundle; delete it".into()))?;
        self.kept(chain_id, id)
    }

    /// The bundle of this id.
    ///
    /// # Errors
    /// [`ChainError::Outbox`] when it is there and cannot be read.
    pub fn kept(&self, chain_id: u64, id: B256) -> Result<Option<Bundle>, ChainError> {
        let path = bundle_path(&self.chain(chain_id)?, id);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        match Structure::decode(&bytes) {
            Ok(Structure::Single(bundle)) if submission_id(&bundle) == id => Ok(Some(*bundle)),
            _ => Err(failed(&path, "it is not the bundle that was kept; move it away".into())),
        }
    }

    /// Keeps a bundle that is made for a chain.
    ///
    /// # Errors
    /// [`ChainError::Outbox`]; [`ChainError::WrongContext`] when the bundle is made for no chain.
    pub fn keep_bundle(&self, bundle: &Bundle) -> Result<(), ChainError> {
        let chain_id = chain_of(bundle.statement())?;
        let path = bundle_path(&self.chain(chain_id)?, submission_id(bundle));
        if path.exists() {
            return Ok(());
        }
        keep_whole(&path, &bundle.to_json())
    }

    /// Keeps the leaves of a batch of claims, which no chain holds.
    ///
    /// # Errors
    /// [`ChainError::Outbox`].
    pub fn keep_batch(&self, chain_id: u64, batch_id: B256, batch: &ClaimBatch) -> Result<(), ChainError> {
        let path = self.chain(chain_id)?.join(format!("{batch_id}.batch.json"));
        keep_whole(&path, &batch.to_json())
    }

    /// Keeps what opens the hidden tensors of a claim or of a batch's leaves, for this user alone.
    ///
    /// # Errors
    /// [`ChainError::Outbox`].
    pub fn keep_openings(&self, chain_id: u64, id: B256, openings: &[u8]) -> Result<(), ChainError> {
        keep_whole(&openings_path(&self.chain(chain_id)?, id), openings)
    }

    /// What opens the hidden tensors of a claim or of a batch's leaves, if that was kept.
    ///
    /// # Errors
    /// [`ChainError::Outbox`] when the file is there and cannot be read.
    pub fn kept_openings(&self, chain_id: u64, id: B256) -> Result<Option<Vec<u8>>, ChainError> {
        read(&openings_path(&self.chain(chain_id)?, id))
    }

    /// The leaves of a batch of claims that was posted from here; that they are those of a batch, its id says.
    ///
    /// # Errors
    /// [`ChainError::Outbox`] when the file is there and cannot be read.
    pub fn kept_batch(&self, chain_id: u64, batch_id: B256) -> Result<Option<ClaimBatch>, ChainError> {
        let path = self.chain(chain_id)?.join(format!("{batch_id}.batch.json"));
        let Some(bytes) = read(&path)? else { return Ok(None) };
        ClaimBatch::from_json(&bytes).map(Some).map_err(|error| failed(&path, error.to_string()))
    }

    /// The deadline that a wish was given, which is what its statements depend on besides what was wished.
    ///
    /// # Errors
    /// [`ChainError::Outbox`].
    pub fn deadline_of(&self, chain_id: u64, wish: B256) -> Result<Option<u64>, ChainError> {
        let path = self.chain(chain_id)?.join("wishes").join(wish.to_string());
        let Some(text) = read(&path)? else { return Ok(None) };
        let deadline = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
        deadline.map(Some).ok_or_else(|| failed(&path, "it names no deadline; delete it".into()))
    }

    /// Notes the deadline of a wish; a later one takes its place.
    ///
    /// # Errors
    /// [`ChainError::Outbox`].
    pub fn fix_deadline(&self, chain_id: u64, wish: B256, deadline: u64) -> Result<(), ChainError> {
        let dir = self.chain(chain_id)?.join("wishes");
        make_dir(&dir)?;
        let path = dir.join(wish.to_string());
        write_atomic(&path, format!("{deadline}\n").as_bytes()).map_err(|error| stored(&path, &error))
    }

    /// Whether the bundle's statements were kept before, made for this context.
    ///
    /// # Errors
    /// [`ChainError::Outbox`].
    pub fn keeps(&self, bundle: &Bundle, context: Context) -> Result<bool, ChainError> {
        let Context::Chain { chain_id, .. } = context else { return Ok(false) };
        let made = bundle.statements().iter().map(|statement| Statement { context, ..statement.clone() }.id());
        let id = id_of(&made.collect::<Vec<_>>(), bundle.is_batch());
        Ok(bundle_path(&self.chain(chain_id)?, id).exists())
    }

    /// Notes which bundle a request led to; a later one takes its place.
    ///
    /// # Errors
    /// [`ChainError::Outbox`].
    pub fn remember(&self, chain_id: u64, request: B256, bundle: &Bundle) -> Result<(), ChainError> {
        let dir = self.chain(chain_id)?.join("requests");
        make_dir(&dir)?;
        let path = dir.join(request.to_string());
        write_atomic(&path, format!("{}\n", submission_id(bundle)).as_bytes()).map_err(|error| stored(&path, &error))
    }

    /// Holds an account on a chain between the commands of this machine, which would take the same nonce; `None` while another one
    /// does.
    pub(super) fn try_hold(&self, owner: &Owner) -> Result<Option<Lock>, ChainError> {
        make_dir(&self.root)?;
        let path = Journal::path_of(self.state(), owner);
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Cache::at(self.root.clone()).try_lock(&name).map_err(|error| stored(&self.root, &error))
    }

    /// Notes a transaction that is about to be sent: by whom, with which nonce where that is known, and its hash. It is on the disk
    /// when this returns.
    pub(super) fn note(
        &self,
        chain_id: u64,
        what: &str,
        (from, nonce, hash): (Address, Option<u64>, B256),
    ) -> Result<(), ChainError> {
        make_dir(&self.root)?;
        let path = self.root.join("sent.jsonl");
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let line = serde_json::json!({ "at": at, "chain_id": chain_id, "from": from, "nonce": nonce, "hash": hash,
                                       "what": what });
        let written = File::options().create(true).append(true).mode(0o600).open(&path).and_then(|mut file| {
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| failed(&path, error.to_string()))
    }

    fn chain(&self, chain_id: u64) -> Result<PathBuf, ChainError> {
        let dir = self.root.join(chain_id.to_string());
        make_dir(&dir)?;
        Ok(dir)
    }
}

/// `$ZKINFER_STATE_DIR`, else `$XDG_STATE_HOME/zkinfer`, else `$HOME/.local/state/zkinfer`. Not the cache: what is there can be
/// made again.
///
/// # Errors
/// [`ChainError::Outbox`] when none is set.
pub fn state_dir() -> Result<PathBuf, ChainError> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var(ENV)
        .or_else(|| var("XDG_STATE_HOME").map(|dir| dir.join("zkinfer")))
        .or_else(|| var("HOME").map(|dir| dir.join(".local/state/zkinfer")))
        .and_then(|root| std::path::absolute(root).ok())
        .ok_or_else(|| failed(Path::new("the outbox"), "there is no directory for it".into()))
}

/// The id of what one transaction submits: the statement's, or the batch's.
fn submission_id(bundle: &Bundle) -> B256 {
    let ids: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
    id_of(&ids, bundle.is_batch())
}

fn id_of(statement_ids: &[B256], is_batch: bool) -> B256 {
    match statement_ids {
        [id] if !is_batch => *id,
        ids => batch_id(ids),
    }
}

/// The id of a wish to have these statements recorded for this context, whatever its deadline will be.
#[must_use]
pub fn request_id(bundle: &Bundle, chain_id: u64, registry: Address, to: (Address, Address, B256)) -> B256 {
    let (submitter, consumer, job) = to;
    let mut bytes = b"zkinfer/outbox/request/v1".to_vec();
    bytes.extend(chain_id.to_be_bytes());
    bytes.extend_from_slice(&[registry.as_slice(), submitter.as_slice(), consumer.as_slice()].concat());
    bytes.extend_from_slice(job.as_slice());
    bytes.extend_from_slice(bundle.model_id().as_slice());
    for statement in bundle.statements() {
        bytes.extend_from_slice(keccak256(statement.public_values.as_bytes()).as_slice());
    }
    keccak256(bytes)
}

fn chain_of(statement: &Statement) -> Result<u64, ChainError> {
    match statement.context {
        Context::Chain { chain_id, .. } => Ok(chain_id),
        Context::Offchain {} => {
            Err(ChainError::WrongContext("it is made for no chain; make it for this registry first".into()))
        }
    }
}

fn bundle_path(dir: &Path, id: B256) -> PathBuf {
    dir.join(format!("{id}.bundle.json"))
}

fn openings_path(dir: &Path, id: B256) -> PathBuf {
    dir.join(format!("{id}.openings.json"))
}

/// Writes what a bond may depend on: it is on the disk when this returns, its name too.
fn keep_whole(path: &Path, content: &[u8]) -> Result<(), ChainError> {
    write_atomic(path, content).map_err(|error| stored(path, &error))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(folder, error.to_string()))
}

/// A file's content; `None` when there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, ChainError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, error.to_string())),
    };
    let mut bytes = Vec::new();
    let limit = crate::proof::bundle::MAX_BUNDLE_BYTES as u64;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| failed(path, error.to_string()))?;
    if bytes.len() as u64 > limit {
        return Err(failed(path, "it is larger than anything that is kept there; move it away".into()));
    }
    Ok(Some(bytes))
}

fn make_dir(dir: &Path) -> Result<(), ChainError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| failed(dir, error.to_string()))
}

fn failed(path: &Path, reason: String) -> ChainError {
    ChainError::Outbox { path: path.display().to_string(), reason }
}

fn stored(path: &Path, error: &StorageError) -> ChainError {
    let reason = match error {
        StorageError::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    failed(path, reason)
}
