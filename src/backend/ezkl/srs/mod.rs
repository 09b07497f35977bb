//! The SRS files that EZKL needs: one per size, made or down-sized once, checked, never fetched.
//!
//! EZKL can use a larger file than a circuit needs, at the price of a second for every proof; it can also download files, and
//! deletes a user's own when it does: neither ever happens here. A user's file is copied, not used in place.

mod format;
mod published;
mod test_srs;

pub use format::SrsFileError;

use super::error::EzklError;
use crate::{
    FailureClass,
    backend::{ArtifactsError, BackendError, SrsKind, srs_kind},
    storage::{Cache, StorageError},
};
use alloy::primitives::B256;
use ark_bn254::Fr;
use ark_ff::PrimeField;
use format::{MAX_K, Points, file_bytes};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
pub(super) use test_srs::test_srs_id;

/// A ceremony's file that was checked and copied into the cache.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportedSrs {
    /// The id of the ceremony, the same for every size.
    pub srs_id: B256,
    /// The largest circuits that were imported for have 2^k rows.
    pub k: u32,
    /// Whether the file is, byte for byte, the one that EZKL publishes for its size.
    pub published_by_ezkl: bool,
}

impl ImportedSrs {
    /// What is known of it, by its id: on the list that everybody else asks, too.
    #[must_use]
    pub fn kind(&self) -> SrsKind {
        srs_kind(self.srs_id)
    }
}

/// Why an SRS is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SrsStoreError {
    /// The user's file is not an SRS.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: SrsFileError,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file in the cache cannot be read or written.
    #[error(transparent)]
    Cache(Box<BackendError>),
}

/// The SRS files in a cache: `srs/test/` for the TEST one, `srs/ID/` for each ceremony that was imported.
#[derive(Debug)]
pub struct SrsStore {
    cache: Cache,
    /// Files whose hash was compared.
    checked: Mutex<BTreeSet<PathBuf>>,
}

impl SrsStoreError {
    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::File { .. } => FailureClass::BadInput,
            Self::Storage(_) | Self::Cache(_) => FailureClass::Environment,
        }
    }
}

impl SrsStore {
    /// The files in `cache`.
    #[must_use]
    pub fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), checked: Mutex::default() }
    }

    /// Checks a user's file and copies it into the cache. The file itself is only read. Checks every point, all powers and all
    /// Lagrange points, which takes seconds for large files.
    ///
    /// # Errors
    /// [`SrsStoreError`].
    pub fn import(&self, path: &Path) -> Result<ImportedSrs, SrsStoreError> {
        let refuse = |source| SrsStoreError::File { path: path.display().to_string(), source };
        let bytes = read_file(path).map_err(refuse)?;
        let points = Points::read(&mut &bytes[..], bytes.len() as u64).map_err(refuse)?;
        points.check(&mut randomness(&bytes)).map_err(refuse)?;
        let published_by_ezkl = published::is_published(points.k, &alloy::hex::encode(Sha256::digest(&bytes)));
        let imported = ImportedSrs { srs_id: points.id(), k: points.k, published_by_ezkl };
        let dir = self.cache.dir(&folder(Some(imported.srs_id)))?;
        let _lock = self.cache.lock(&format!("srs-{}", imported.srs_id))?;
        let store = |result: Result<(), BackendError>| result.map_err(|error| SrsStoreError::Cache(Box::new(error)));
        store(write_file(&dir.join(name(points.k)), |out| out.write_all(&bytes)))?;
        let about = self.about(imported.srs_id).ok();
        // Whose files they are holds for all sizes of a ceremony.
        let about = about.map_or_else(
            || imported.clone(),
            |known| ImportedSrs {
                k: known.k.max(imported.k),
                published_by_ezkl: known.published_by_ezkl || imported.published_by_ezkl,
                ..known
            },
        );
        let json = serde_json::to_vec_pretty(&about).unwrap_or_default();
        store(write_file(&dir.join(ABOUT), |out| out.write_all(&json)))?;
        Ok(imported)
    }

    /// What is known of an SRS that was imported.
    ///
    /// # Errors
    /// [`BackendError::Ezkl`] when none with this id was.
    pub fn about(&self, id: B256) -> Result<ImportedSrs, BackendError> {
        let path = self.cache.root().join(folder(Some(id))).join(ABOUT);
        let known = fs::read(&path).ok().and_then(|json| serde_json::from_slice::<ImportedSrs>(&json).ok());
        known.filter(|known| known.srs_id == id).ok_or_else(|| missing(format!("no SRS {id} was imported")))
    }

    /// Every SRS that was imported, in the order of their ids.
    #[must_use]
    pub fn imported(&self) -> Vec<ImportedSrs> {
        // A folder that is not there, or of another kind, is of no SRS.
        let folders = fs::read_dir(self.cache.root().join("srs")).into_iter().flatten().flatten();
        let ids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
        let mut all: Vec<ImportedSrs> = ids.filter_map(|id| self.about(id).ok()).collect();
        all.sort_by_key(|srs| srs.srs_id);
        all
    }

    /// The file for circuits of 2^k rows of a ceremony, or of the TEST SRS. Made, or made from a larger one, when it is missing
    /// or damaged.
    pub(super) fn file(&self, id: Option<B256>, k: u32) -> Result<PathBuf, BackendError> {
        let path = self.cache.dir(&folder(id))?.join(name(k));
        let _lock = self.cache.lock(&format!("srs-{}-{k}", id.map_or_else(|| "test".into(), |id| id.to_string())))?;
        if self.is_whole(&path, k) {
            return Ok(path);
        }
        match id {
            None => write_file(&path, |out| test_srs::write_test_srs(out, k))?,
            Some(id) => {
                let points = self.larger(id, k)?.down_size(k).map_err(|error| missing(error.to_string()))?;
                write_file(&path, |out| points.write(out))?;
            }
        }
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone());
        Ok(path)
    }

    /// Two powers: all that verifying needs. 516 bytes.
    pub(super) fn write_verification_srs(&self, id: Option<B256>, path: &Path) -> Result<(), BackendError> {
        let small = self.file(id, 1)?;
        fs::copy(&small, path).map(|_| ()).map_err(BackendError::io(path))
    }

    /// The smallest larger file that is whole.
    fn larger(&self, id: B256, k: u32) -> Result<Points, BackendError> {
        let dir = self.cache.root().join(folder(Some(id)));
        for larger in k + 1..=MAX_K {
            let path = dir.join(name(larger));
            if !path.exists() {
                continue;
            }
            let points = read_file(&path).and_then(|bytes| Points::read(&mut &bytes[..], bytes.len() as u64));
            match points {
                // The id covers the powers of tau; the rest was checked at import, and by the hash.
                Ok(points) if points.id() == id && self.is_whole(&path, larger) => return Ok(points),
                _ => tracing::warn!(path = %path.display(), "an SRS file in the cache is damaged"),
            }
        }
        Err(missing(format!("SRS {id} has no file for circuits of 2^{k} rows or more")))
    }

    /// Whether a file is as it was written. Its hash is compared once; then its length has to do.
    fn is_whole(&self, path: &Path, k: u32) -> bool {
        if !fs::metadata(path).is_ok_and(|found| found.len() == file_bytes(k)) {
            return false;
        }
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.contains(path) {
            return true;
        }
        let hash = |path: &Path| {
            File::open(path).and_then(|file| blake3::Hasher::new().update_reader(file).map(|hash| hash.finalize()))
        };
        let whole = match (hash(path), fs::read_to_string(path.with_extension(HASH))) {
            (Ok(found), Ok(expected)) => found.to_hex().as_str() == expected,
            _ => false,
        };
        if whole {
            checked.insert(path.into());
        }
        whole
    }
}

/// The id of the SRS in a file that verifiers use, and which it is: by its points, which are checked.
///
/// # Errors
/// [`ArtifactsError::Damaged`] when it is no SRS.
pub(super) fn of_verification_file(path: &Path) -> Result<(B256, SrsKind), BackendError> {
    let read = || -> Result<_, SrsFileError> {
        // The smallest there is; a larger one is none that verifiers are given.
        let (found, expected) = (fs::metadata(path)?.len(), file_bytes(1));
        if found != expected {
            return Err(SrsFileError::Format(format!("it has {found} bytes, not {expected}")));
        }
        let bytes = read_file(path)?;
        let points = Points::read(&mut &bytes[..], bytes.len() as u64)?;
        points.check(&mut randomness(&bytes))?;
        Ok((points.id(), srs_kind(points.id())))
    };
    read()
        .map_err(|error| ArtifactsError::Damaged { path: path.display().to_string(), reason: error.to_string() }.into())
}

const ABOUT: &str = "about.json";
/// The extension of the file that holds a file's BLAKE3.
const HASH: &str = "blake3";

fn folder(id: Option<B256>) -> String {
    id.map_or_else(|| "srs/test".into(), |id| format!("srs/{id}"))
}

fn name(k: u32) -> String {
    format!("kzg{k}.srs")
}

fn missing(said: String) -> BackendError {
    EzklError::NoSrs { said }.into()
}

fn read_file(path: &Path) -> Result<Vec<u8>, SrsFileError> {
    let mut bytes = Vec::new();
    // One byte more than the largest: the length then tells.
    BufReader::new(File::open(path)?).take(file_bytes(MAX_K) + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Challenges that depend on every byte of the file: nobody can choose them first.
fn randomness(bytes: &[u8]) -> impl FnMut() -> Fr {
    let mut stream =
        blake3::Hasher::new().update(b"zkinfer SRS check").update(blake3::hash(bytes).as_bytes()).finalize_xof();
    move || {
        let mut wide = [0; 48];
        stream.fill(&mut wide);
        Fr::from_le_bytes_mod_order(&wide)
    }
}

/// Writes a file whole or not at all, and its hash beside it.
fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut tempfile::NamedTempFile>) -> std::io::Result<()>,
) -> Result<(), BackendError> {
    let io = || BackendError::io(path);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io())?;
    {
        let mut writer = BufWriter::new(&mut file);
        write(&mut writer).and_then(|()| writer.flush()).map_err(io())?;
    }
    file.as_file().sync_all().map_err(io())?;
    let hash =
        File::open(file.path()).and_then(|file| blake3::Hasher::new().update_reader(file).map(|hash| hash.finalize()));
    let hash = hash.map_err(io())?;
    file.persist(path).map_err(|error| error.error).map_err(io())?;
    fs::write(path.with_extension(HASH), hash.to_hex().as_str()).map_err(io())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, SrsStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = SrsStore::new(&Cache::at(dir.path().join("cache")));
        (dir, store)
    }

    fn user_file(dir: &Path, k: u32) -> PathBuf {
        let path = dir.join("mine.srs");
        let mut bytes = Vec::new();
        test_srs::write_test_srs(&mut bytes, k).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn one_file_serves_every_smaller_size() {
        let (dir, store) = store();
        let path = user_file(dir.path(), 6);
        let before = fs::read(&path).unwrap();
        let imported = store.import(&path).unwrap();
        assert_eq!((imported.srs_id, imported.k), (test_srs_id(), 6));
        assert_eq!(store.imported(), std::slice::from_ref(&imported));
        assert!(imported.kind() == SrsKind::Test && !imported.published_by_ezkl);
        assert_eq!(fs::read(&path).unwrap(), before, "the user's file stays");
        let id = Some(imported.srs_id);
        for k in [6, 4, 1] {
            let (made, ours) = (store.file(id, k).unwrap(), store.file(None, k).unwrap());
            assert_eq!(fs::read(made).unwrap(), fs::read(ours).unwrap(), "k = {k}");
        }
        let small = dir.path().join("verify.srs");
        store.write_verification_srs(id, &small).unwrap();
        assert_eq!(fs::metadata(&small).unwrap().len(), 516);
        assert!(store.file(id, 7).unwrap_err().to_string().contains("2^7"));
        assert_eq!(of_verification_file(&small).unwrap(), (test_srs_id(), SrsKind::Test));
        assert!(store.file(Some(B256::repeat_byte(1)), 3).is_err() && store.about(B256::repeat_byte(1)).is_err());
    }

    #[test]
    fn damaged_files_are_made_again() {
        let (dir, store) = store();
        let id = Some(store.import(&user_file(dir.path(), 5)).unwrap().srs_id);
        for id in [id, None] {
            let path = store.file(id, 3).unwrap();
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..100]).unwrap();
            assert_eq!(fs::read(store.file(id, 3).unwrap()).unwrap(), whole);
            let mut flipped = whole.clone();
            flipped[200] ^= 1;
            fs::write(&path, flipped).unwrap();
            // As another process would.
            let other = SrsStore::new(&store.cache);
            assert_eq!(fs::read(other.file(id, 3).unwrap()).unwrap(), whole);
        }
        // The imported file itself cannot be made from anything.
        let path = store.file(id, 5).unwrap();
        fs::write(&path, b"damaged").unwrap();
        let error = SrsStore::new(&store.cache).file(id, 5).unwrap_err();
        assert!(error.to_string().contains("Import"), "{error}");
    }

    #[test]
    fn what_is_no_srs_is_not_imported() {
        let (dir, store) = store();
        let path = user_file(dir.path(), 4);
        let mut bytes = fs::read(&path).unwrap();
        bytes.swap(4 + 64 * 3, 4 + 64 * 3 + 1);
        fs::write(&path, bytes).unwrap();
        assert!(matches!(store.import(&path), Err(SrsStoreError::File { .. })));
        assert!(matches!(store.import(&dir.path().join("missing")), Err(SrsStoreError::File { .. })));
        assert!(!dir.path().join("cache/srs").exists(), "nothing was kept");
        assert!(store.imported().is_empty());
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write_file(&dir.path().join("missing/kzg1.srs"), |_| Ok(())).is_err());
        let failing = write_file(&dir.path().join("kzg1.srs"), |_| Err(std::io::Error::other("no")));
        assert!(failing.is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
