//! Artifacts in a content-addressed store: an index that names every file's address and hash, and the files.

use super::{EZKLIntegration, Prepared, damaged, io};
use crate::{backend::Artifacts, ezkl::PipelineError};
use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Debug, fs, path::Path};

/// The scheme of addresses.
const SCHEME: &str = "s5://";
const FORMAT: &str = "zkinfer-artifact-index";
const VERSION: u32 = 1;
const MAX_FILES: usize = 64;

/// Where bytes are put under an address that is made of them. What it returns is untrusted.
pub trait ArtifactStore: Send + Sync + Debug {
    /// Stores bytes and returns their address, without a scheme.
    ///
    /// # Errors
    /// Why not, in a sentence.
    fn put(&self, content: &[u8]) -> Result<String, String>;

    /// The bytes at an address.
    ///
    /// # Errors
    /// Why not, in a sentence.
    fn get(&self, address: &str) -> Result<Vec<u8>, String>;
}

/// Which files are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contents {
    /// What verifying needs. Nothing secret.
    Verifying,
    /// Everything, SECRETS INCLUDED: the proving key has the weights, and whoever has the model secret can open their
    /// commitment. Only for a store that nobody else reads.
    Everything,
}

/// Artifacts in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredArtifacts {
    /// `s5://` and the index's address.
    pub address: String,
    /// BLAKE3 of the index, hex: covers every file.
    pub hash: String,
    /// What they are of.
    pub model_id: B256,
    /// Bytes in all.
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Index {
    format: String,
    version: u32,
    model_id: B256,
    contents: Contents,
    files: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    address: String,
    blake3: String,
    bytes: u64,
}

/// Names that hold secrets or the weights, of either backend. Anything that is not known to be public is left out.
const PUBLIC: [&str; 5] = ["vk.key", "verify.srs", "settings.json", "verifier.sol", "verifier.json"];
const MANIFEST: &str = "manifest.json";

impl EZKLIntegration {
    /// Puts artifacts into a store.
    ///
    /// # Errors
    /// [`PipelineError::Remote`]; others when the artifacts cannot be read.
    pub fn store(
        &self,
        prepared: &Prepared,
        contents: Contents,
        store: &dyn ArtifactStore,
    ) -> Result<StoredArtifacts, PipelineError> {
        let artifacts = &prepared.artifacts;
        // Sealed again, the manifest names no file that stays behind; the model id does not depend on the files' list.
        let staging = self.cache.staging()?;
        for entry in fs::read_dir(artifacts.dir()).map_err(|source| io(artifacts.dir(), source))? {
            let entry = entry.map_err(|source| io(artifacts.dir(), source))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != MANIFEST && (contents == Contents::Everything || PUBLIC.contains(&name.as_str())) {
                fs::copy(entry.path(), staging.path().join(&name)).map_err(|source| io(&entry.path(), source))?;
            }
        }
        Artifacts::seal(staging.path(), artifacts.identity().clone())?;
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(staging.path()).map_err(|source| io(staging.path(), source))? {
            let entry = entry.map_err(|source| io(staging.path(), source))?;
            let content = fs::read(entry.path()).map_err(|source| io(&entry.path(), source))?;
            let address = store.put(&content).map_err(PipelineError::Remote)?;
            let row = Entry { address, blake3: hash(&content), bytes: content.len() as u64 };
            files.insert(entry.file_name().to_string_lossy().into_owned(), row);
        }
        let bytes = files.values().map(|entry| entry.bytes).sum();
        let model_id = artifacts.model_id();
        let index = Index { format: FORMAT.into(), version: VERSION, model_id, contents, files };
        let json = serde_json::to_vec_pretty(&index).map_err(|error| PipelineError::Remote(error.to_string()))?;
        let address = store.put(&json).map_err(PipelineError::Remote)?;
        Ok(StoredArtifacts { address: format!("{SCHEME}{address}"), hash: hash(&json), model_id, bytes })
    }

    /// Takes artifacts out of a store into the cache. Every file is hashed, every key compared with the model id, and
    /// nothing is found in the cache until all of it is there.
    ///
    /// # Errors
    /// [`PipelineError::Remote`] when the store lies, fails or has something else; others when the cache cannot be used.
    pub fn retrieve(&self, stored: &StoredArtifacts, store: &dyn ArtifactStore) -> Result<Prepared, PipelineError> {
        let remote = |problem: String| PipelineError::Remote(problem);
        let address = stored
            .address
            .strip_prefix(SCHEME)
            .ok_or_else(|| remote(format!("`{}` is no {SCHEME} address", stored.address)))?;
        let json = store.get(address).map_err(remote)?;
        if hash(&json) != stored.hash {
            return Err(remote("the index has another hash: the store returned something else".into()));
        }
        let index: Index = serde_json::from_slice(&json).map_err(|error| remote(error.to_string()))?;
        if index.format != FORMAT || index.version != VERSION || index.files.len() > MAX_FILES {
            return Err(remote("the index is not of this release".into()));
        }
        let staging = self.cache.staging()?;
        for (name, entry) in &index.files {
            self.fetch(name, entry, staging.path(), store)?;
        }
        let opened = self.open(staging.path())?;
        if opened.artifacts.model_id() != index.model_id || index.model_id != stored.model_id {
            return Err(remote("the artifacts are of another model than they were stored as".into()));
        }
        let dir = self.cache.dir("retrieved")?.join(&stored.hash);
        let _lock = self.cache.lock(&format!("retrieved-{}", stored.hash))?;
        if self.open(&dir).is_err() {
            if dir.exists() {
                fs::remove_dir_all(&dir).map_err(|source| io(&dir, source))?;
            }
            fs::rename(staging.path(), &dir).map_err(|source| io(&dir, source))?;
        }
        self.open(&dir)
    }

    fn fetch(&self, name: &str, entry: &Entry, into: &Path, store: &dyn ArtifactStore) -> Result<(), PipelineError> {
        // A name with a path in it would write elsewhere.
        if name.is_empty() || name.contains(['/', '\\', '\0']) || name == "." || name == ".." {
            return Err(PipelineError::Remote(format!("`{name}` is no file name")));
        }
        let content = store.get(&entry.address).map_err(PipelineError::Remote)?;
        let path = into.join(name);
        if content.len() as u64 != entry.bytes || hash(&content) != entry.blake3 {
            return Err(damaged(&path, "the store returned other bytes").into());
        }
        write_private(&path, &content).map_err(|source| io(&path, source).into())
    }
}

fn hash(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

/// Keys are for their owner alone.
fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)
}
