//! What the model id binds of EZKL artifacts: the key, the settings that the circuit's gates are made from, the length of a
//! proof.

use super::{SETTINGS, VK};
use crate::{backend::BackendError, proof::identity};
use alloy::primitives::B256;
use std::{fs, io::Read, path::Path};

/// The largest verifying key or settings file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// The digest of the files in `dir`, part of the model id.
pub(super) fn vk_digest(dir: &Path, proof_bytes: u64) -> Result<B256, BackendError> {
    let [vk, settings] = [VK, SETTINGS].map(|name| read(&dir.join(name)));
    Ok(identity::ezkl_vk_digest(&vk?, &settings?, proof_bytes))
}

fn read(path: &Path) -> Result<Vec<u8>, BackendError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(BackendError::io(path))?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(BackendError::io(path))?;
    Ok(bytes)
}
