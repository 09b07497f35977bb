//! The files of native artifacts. What is secret is readable by its owner alone.

use crate::backend::BackendError;
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};
use zeroize::Zeroizing;

/// The quantized weights, from compiling to key generation; then the proving key has them. Secret.
pub(super) const WEIGHTS: &str = "weights.bin";
/// A calibration sample as integers, from compiling to the self-test: of a network that the input of zeros is out of range
/// for. Secret.
pub(super) const SAMPLE: &str = "sample.bin";
/// Secret: weights, blinding, quotient points.
pub(super) const PK: &str = "pk.key";
/// 32 bytes that blind the model commitment. Secret.
pub(super) const SECRET: &str = "model.secret";
/// Public.
pub(super) const VK: &str = "vk.key";
/// The program of a network, which its verifying key names. Public.
pub(super) const PROGRAM: &str = "program.bin";
/// The tables and copies of a network, which its verifying key names. Public.
pub(super) const FIXED: &str = "tables.bin";

/// The largest key that is read, in bytes.
const MAX_KEY_BYTES: u64 = 4 << 30;

/// Writes a new file of mode 0600.
pub(super) fn write_secret(path: &Path, content: &[u8]) -> Result<(), BackendError> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(content)).map_err(BackendError::io(path))
}

/// Reads a file that is wiped from memory after use.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, BackendError> {
    use std::io::Read;
    let mut file = fs::File::open(path).map_err(BackendError::io(path))?;
    let len = file.metadata().map_err(BackendError::io(path))?.len().min(MAX_KEY_BYTES);
    // Exact capacity: a growing vector would leave copies behind.
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(len).unwrap_or(0)]);
    file.read_exact(&mut bytes).map_err(BackendError::io(path))?;
    Ok(bytes)
}

/// The bytes of a public file.
pub(super) fn read_public(path: &Path) -> Result<Vec<u8>, BackendError> {
    fs::read(path).map_err(BackendError::io(path))
}

/// Writes a public file.
pub(super) fn write_public(path: &Path, content: &[u8]) -> Result<(), BackendError> {
    fs::write(path, content).map_err(BackendError::io(path))
}
