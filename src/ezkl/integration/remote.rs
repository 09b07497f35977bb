//! Artifacts in a content-addressed store: an index that names every file's address and hash, and the files.

use super::{EZKLIntegration, Prepared, io};
use crate::{
    backend::Artifacts,
    ezkl::PipelineError,
    storage::{ContentAddress, ContentStore},
};
use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

const FORMAT: &str = "zkinfer-artifact-index";
const VERSION: u32 = 1;
const MAX_FILES: usize = 64;

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
    /// The index's address, `s5://…` as text: it covers every file.
    pub address: ContentAddress,
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
    files: BTreeMap<String, ContentAddress>,
}

/// What holds neither secrets nor weights, of either backend. Anything that is not known to be public is left out.
const PUBLIC: [&str; 8] =
    ["vk.key", "program.bin", "tables.bin", "srs.bin", "verify.srs", "settings.json", "verifier.sol", "verifier.json"];
/// An index is small: it is read into memory.
const MAX_INDEX_BYTES: u64 = 1024 * 1024;
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
        store: &dyn ContentStore,
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
            let address = store.put_file(&entry.path())?;
            files.insert(entry.file_name().to_string_lossy().into_owned(), address);
        }
        let bytes = files.values().map(ContentAddress::size).sum();
        let model_id = artifacts.model_id();
        let index = Index { format: FORMAT.into(), version: VERSION, model_id, contents, files };
        let json = serde_json::to_vec_pretty(&index).map_err(|error| PipelineError::Remote(error.to_string()))?;
        Ok(StoredArtifacts { address: store.put(&json)?, model_id, bytes })
    }

    /// Takes artifacts out of a store into the cache. Every file is hashed, the model id derived from the files
    /// ([`ProvingBackend::check`](crate::backend::ProvingBackend::check)), and nothing is found in the cache until all of it
    /// is there and is of that id. What was retrieved is bounded as artifacts are: the least
    /// recently used goes, secrets included, since the store has it still.
    ///
    /// # Errors
    /// [`PipelineError::Remote`] when the store lies, fails or has something else; others when the cache cannot be used.
    pub fn retrieve(&self, stored: &StoredArtifacts, store: &dyn ContentStore) -> Result<Prepared, PipelineError> {
        let remote = |problem: String| PipelineError::Remote(problem);
        if stored.address.size() > MAX_INDEX_BYTES {
            return Err(remote("the address is of no index".into()));
        }
        let json = store.get(&stored.address)?;
        let index: Index = serde_json::from_slice(&json).map_err(|error| remote(error.to_string()))?;
        if index.format != FORMAT || index.version != VERSION || index.files.len() > MAX_FILES {
            return Err(remote("the index is not of this release".into()));
        }
        let staging = self.cache.staging()?;
        for (name, address) in &index.files {
            fetch(name, address, staging.path(), store)?;
        }
        let fetched = Prepared::open(self.backend(), staging.path())?;
        if fetched.artifacts.model_id() != index.model_id || index.model_id != stored.model_id {
            return Err(remote("the artifacts are of another model than they were stored as".into()));
        }
        let name = stored.address.blake3_hex();
        let dir = self.cache.dir("retrieved")?.join(&name);
        let _lock = self.cache.lock(&format!("retrieved-{name}"))?;
        if self.open(&dir).is_err() {
            if dir.exists() {
                self.give_up(&dir, &name)?;
            }
            fs::rename(staging.path(), &dir).map_err(|source| io(&dir, source))?;
        }
        // Leased from here on: what was asked for is not what goes.
        let prepared = self.open(&dir)?;
        self.cut_down("retrieved", |_| false);
        Ok(prepared)
    }
}

fn fetch(name: &str, address: &ContentAddress, into: &Path, store: &dyn ContentStore) -> Result<(), PipelineError> {
    // A name with a path in it would write elsewhere.
    if name.is_empty() || name.contains(['/', '\\', '\0']) || name == "." || name == ".." {
        return Err(PipelineError::Remote(format!("`{name}` is no file name")));
    }
    let path = into.join(name);
    store.get_file(address, &path)?;
    // Keys are for their owner alone.
    private(&path).map_err(|source| io(&path, source).into())
}

#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn private(_: &Path) -> std::io::Result<()> {
    Ok(())
}
