//! Unfinished uploads, remembered across restarts.

use crate::storage::{ContentAddress, StorageError, StoreError, write_atomic};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

const MAX_BYTES: u64 = 16 * 1024;

/// One small file per unfinished upload, named by node and content.
#[derive(Debug)]
pub(super) struct Sessions {
    folder: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Session {
    location: String,
}

impl Sessions {
    pub(super) const fn in_folder(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Where an earlier call began to upload this; `None` also when the file is damaged: then the upload begins anew.
    pub(super) fn load(&self, endpoint: &str, address: &ContentAddress) -> Option<String> {
        let path = self.path(endpoint, address)?;
        let mut json = Vec::new();
        fs::File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut json).ok()?;
        serde_json::from_slice(&json).ok().map(|session: Session| session.location)
    }

    pub(super) fn save(&self, endpoint: &str, address: &ContentAddress, location: &str) -> Result<(), StoreError> {
        let Some(path) = self.path(endpoint, address) else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(StoreError::io(folder))?;
        // A string: nothing that serde_json can refuse.
        let json = serde_json::to_vec(&Session { location: location.into() }).unwrap_or_default();
        write_atomic(&path, &json).map_err(|error| match error {
            StorageError::Io { path, source } => StoreError::Io { path, source },
            other => StoreError::io(&path)(std::io::Error::other(other.to_string())),
        })
    }

    pub(super) fn forget(&self, endpoint: &str, address: &ContentAddress) {
        if let Some(path) = self.path(endpoint, address) {
            // If it stays, the next upload finds a session that the node does not know, and begins anew.
            let _ = fs::remove_file(path);
        }
    }

    fn path(&self, endpoint: &str, address: &ContentAddress) -> Option<PathBuf> {
        let name = blake3::hash(format!("{endpoint} {address}").as_bytes()).to_hex();
        Some(self.folder.as_ref()?.join(format!("upload-{name}.json")))
    }
}
