//! Artifacts: a model compiled for one backend, with its keys, in a directory that names and hashes every file.

use crate::{
    FailureClass,
    proof::{
        Schema, SchemaError,
        bundle::BackendName,
        identity::{self, ModelParts},
    },
};
use alloy::primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

const FORMAT: &str = "zkinfer-artifacts";
const VERSION: u32 = 2;
const MANIFEST: &str = "manifest.json";
const PROVENANCE: &str = "provenance.json";
const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;

/// A directory of artifacts whose every file is what its manifest says.
#[derive(Clone, Debug)]
pub struct Artifacts {
    dir: PathBuf,
    manifest: ArtifactManifest,
}

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactManifest {
    format: String,
    version: u32,
    /// What the artifacts are of.
    #[serde(flatten)]
    pub identity: ArtifactIdentity,
    /// Every other file in the directory, with its BLAKE3 (hex) and its size.
    files: BTreeMap<String, FileEntry>,
}

/// What artifacts are of and what they were made with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactIdentity {
    /// Which backend made them.
    pub backend: BackendName,
    /// Its version.
    pub backend_version: String,
    /// The number of weights in it.
    pub parameters: u64,
    /// The sizes that the model's symbolic axes were given, by symbol.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dims: BTreeMap<String, u64>,
    /// Part of the model id.
    pub adapter_id: B256,
    /// Part of the model id.
    pub model_code_hash: B256,
    /// Part of the model id.
    pub vk_digest: B256,
    /// Canonical bytes of the schema.
    pub schema: Bytes,
    /// Part of the model id.
    pub srs_id: B256,
    /// The exact length of a proof.
    pub proof_bytes: u64,
    /// What the compiler chose, as far as verifying needs it; its shape is the backend's.
    pub details: serde_json::Value,
}

/// Where artifacts come from: `provenance.json`, for whoever holds the model. Nobody needs it in order to verify, and each
/// of its fields is a function of the weights, which whoever guesses a model can compare: it is never published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provenance {
    /// BLAKE3 of the ONNX file, hex.
    pub onnx_hash: String,
    /// What the compiler measured; its shape is the backend's.
    pub figures: serde_json::Value,
}

impl Provenance {
    /// Writes it beside artifacts that are not sealed yet, readable by its owner alone.
    ///
    /// # Errors
    /// [`ArtifactsError::Io`], also when there is one already.
    pub fn write(&self, dir: &Path) -> Result<(), ArtifactsError> {
        let path = dir.join(PROVENANCE);
        // A string and a JSON value: nothing that serde_json can refuse.
        let json = serde_json::to_vec_pretty(self).unwrap_or_default();
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).and_then(|mut file| file.write_all(&json)).map_err(io(&path))
    }
}

impl ArtifactIdentity {
    /// The model id.
    #[must_use]
    pub fn model_id(&self) -> B256 {
        identity::model_id(&ModelParts {
            adapter_id: self.adapter_id,
            model_code_hash: self.model_code_hash,
            vk_digest: self.vk_digest,
            schema_hash: identity::schema_hash(&self.schema),
            srs_id: self.srs_id,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    blake3: String,
    bytes: u64,
}

/// Why artifacts are not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactsError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest is not one of this release.
    #[error("{path} is not a manifest of this release: {reason}")]
    Manifest {
        /// The manifest.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file is missing or was changed.
    #[error("{path} is not the file its manifest names ({reason}); delete the directory and compile the model again")]
    Damaged {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file is not the one that the model id was made for, or says something else than what follows from the others.
    #[error("{path} contradicts the rest of its artifacts: {what} is {found}, and {expected} in the model's id")]
    Contradiction {
        /// The file.
        path: String,
        /// What of it.
        what: &'static str,
        /// What it is by the file.
        found: String,
        /// What it is by the id, or by what the id binds.
        expected: String,
    },
    /// They were made by another backend, or another version of it.
    #[error("{path} was made by {found}; this is {expected}. Compile the model again")]
    Foreign {
        /// The directory.
        path: String,
        /// Who made them.
        found: String,
        /// Who is asked to use them.
        expected: String,
    },
    /// The schema is not canonical.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

impl ArtifactsError {
    /// Whose fault it is: damage is the machine's, a contradiction that of whoever made the artifacts.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Contradiction { .. } => FailureClass::BadInput,
            _ => FailureClass::Environment,
        }
    }

    /// Refuses a `found` that is not the `expected`.
    pub(crate) fn expect<T: PartialEq + std::fmt::Display>(
        path: &Path,
        what: &'static str,
        found: T,
        expected: T,
    ) -> Result<(), Self> {
        if found == expected {
            return Ok(());
        }
        let (found, expected) = (found.to_string(), expected.to_string());
        Err(Self::Contradiction { path: path.display().to_string(), what, found, expected })
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ArtifactsError {
    let path = path.display().to_string();
    move |source| ArtifactsError::Io { path, source }
}

impl Artifacts {
    /// Hashes every file in `dir` and writes the manifest beside them.
    ///
    /// # Errors
    /// [`ArtifactsError`].
    pub fn seal(dir: &Path, identity: ArtifactIdentity) -> Result<Self, ArtifactsError> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(io(dir))? {
            let entry = entry.map_err(io(dir))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, hash_file(&entry.path())?);
        }
        let manifest = ArtifactManifest { format: FORMAT.into(), version: VERSION, identity, files };
        let path = dir.join(MANIFEST);
        let mut json = serde_json::to_vec_pretty(&manifest).map_err(|error| bad_manifest(&path, error))?;
        json.push(b'\n');
        fs::write(&path, json).map_err(io(&path))?;
        Self::open(dir)
    }

    /// Opens a directory and checks every file in it against its hash.
    ///
    /// # Errors
    /// [`ArtifactsError`]; a file that the manifest does not name is refused too.
    pub fn open(dir: &Path) -> Result<Self, ArtifactsError> {
        let manifest = read_manifest(dir)?;
        for entry in fs::read_dir(dir).map_err(io(dir))? {
            let name = entry.map_err(io(dir))?.file_name().to_string_lossy().into_owned();
            if name != MANIFEST && !manifest.files.contains_key(&name) {
                return Err(damaged(&dir.join(name), "its manifest does not name it"));
            }
        }
        for (name, entry) in &manifest.files {
            let path = dir.join(name);
            if !path.is_file() {
                return Err(damaged(&path, "it is missing"));
            }
            if &hash_file(&path)? != entry {
                return Err(damaged(&path, "its content was changed"));
            }
        }
        Ok(Self { dir: dir.into(), manifest })
    }

    /// Reads the manifest alone: what the artifacts say they are. Nothing else is checked.
    ///
    /// # Errors
    /// [`ArtifactsError`].
    pub fn peek(dir: &Path) -> Result<ArtifactIdentity, ArtifactsError> {
        Ok(read_manifest(dir)?.identity)
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What they are of.
    #[must_use]
    pub const fn identity(&self) -> &ArtifactIdentity {
        &self.manifest.identity
    }

    /// The model id.
    #[must_use]
    pub fn model_id(&self) -> B256 {
        self.manifest.identity.model_id()
    }

    /// `manifest.json`, for messages about what it says.
    #[must_use]
    pub(crate) fn manifest_path(&self) -> PathBuf {
        self.dir.join(MANIFEST)
    }

    /// The schema.
    ///
    /// # Errors
    /// None for artifacts that were opened: it was read then.
    pub fn schema(&self) -> Result<Schema, ArtifactsError> {
        Ok(Schema::from_bytes(&self.manifest.identity.schema)?)
    }

    /// Where they come from; `None` when that stayed with whoever made them.
    ///
    /// # Errors
    /// [`ArtifactsError`] when the file is there and is none of this release.
    pub fn provenance(&self) -> Result<Option<Provenance>, ArtifactsError> {
        let Ok(path) = self.file(PROVENANCE) else { return Ok(None) };
        let mut json = Vec::new();
        let file = fs::File::open(&path).map_err(io(&path))?;
        file.take(MAX_MANIFEST_BYTES).read_to_end(&mut json).map_err(io(&path))?;
        Ok(Some(serde_json::from_slice(&json).map_err(|error| bad_manifest(&path, error))?))
    }

    /// Whether they are known to be made from the ONNX file with this BLAKE3 (hex).
    #[must_use]
    pub fn are_made_from(&self, onnx_hash: &str) -> bool {
        matches!(self.provenance(), Ok(Some(found)) if found.onnx_hash == onnx_hash)
    }

    /// A file that the manifest names.
    ///
    /// # Errors
    /// [`ArtifactsError::Damaged`] when it names no such file.
    pub fn file(&self, name: &str) -> Result<PathBuf, ArtifactsError> {
        let path = self.dir.join(name);
        if self.manifest.files.contains_key(name) {
            Ok(path)
        } else {
            Err(damaged(&path, "its manifest does not name it"))
        }
    }

    /// The size of a file that the manifest names, 0 if it names none.
    #[must_use]
    pub fn file_bytes(&self, name: &str) -> u64 {
        self.manifest.files.get(name).map_or(0, |entry| entry.bytes)
    }

    /// Refuses artifacts of another backend or version.
    ///
    /// # Errors
    /// [`ArtifactsError::Foreign`].
    pub fn expect_backend(&self, backend: BackendName, version: &str) -> Result<(), ArtifactsError> {
        let identity = self.identity();
        if identity.backend == backend && identity.backend_version == version {
            return Ok(());
        }
        Err(ArtifactsError::Foreign {
            path: self.dir.display().to_string(),
            found: format!("{} {}", identity.backend, identity.backend_version),
            expected: format!("{backend} {version}"),
        })
    }
}

fn read_manifest(dir: &Path) -> Result<ArtifactManifest, ArtifactsError> {
    let path = dir.join(MANIFEST);
    let mut json = Vec::new();
    let file = fs::File::open(&path).map_err(io(&path))?;
    file.take(MAX_MANIFEST_BYTES).read_to_end(&mut json).map_err(io(&path))?;
    let manifest: ArtifactManifest = serde_json::from_slice(&json).map_err(|error| bad_manifest(&path, error))?;
    if manifest.format != FORMAT || manifest.version != VERSION {
        return Err(bad_manifest(&path, format!("format `{}` version {}", manifest.format, manifest.version)));
    }
    if manifest.files.keys().any(|name| name.contains(['/', '\\']) || name == "..") {
        return Err(bad_manifest(&path, "a file name with a path in it"));
    }
    Schema::from_bytes(&manifest.identity.schema)?;
    Ok(manifest)
}

fn damaged(path: &Path, reason: &str) -> ArtifactsError {
    ArtifactsError::Damaged { path: path.display().to_string(), reason: reason.into() }
}

fn bad_manifest(path: &Path, reason: impl std::fmt::Display) -> ArtifactsError {
    ArtifactsError::Manifest { path: path.display().to_string(), reason: reason.to_string() }
}

fn hash_file(path: &Path) -> Result<FileEntry, ArtifactsError> {
    let mut hasher = blake3::Hasher::new();
    let file = fs::File::open(path).map_err(io(path))?;
    let bytes = hasher.update_reader(file).map_err(io(path))?.count();
    Ok(FileEntry { blake3: hasher.finalize().to_hex().to_string(), bytes })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::proof::schema::tests::two_tensors;

    pub(crate) fn identity() -> ArtifactIdentity {
        ArtifactIdentity {
            backend: BackendName::Mock,
            backend_version: "1".into(),
            parameters: 1,
            dims: BTreeMap::new(),
            adapter_id: B256::repeat_byte(1),
            model_code_hash: B256::ZERO,
            vk_digest: B256::repeat_byte(2),
            schema: two_tensors().to_bytes().into(),
            srs_id: B256::repeat_byte(3),
            proof_bytes: 32,
            details: serde_json::Value::Null,
        }
    }

    fn sealed() -> (tempfile::TempDir, Artifacts) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("key"), b"key").unwrap();
        let artifacts = Artifacts::seal(dir.path(), identity()).unwrap();
        (dir, artifacts)
    }

    #[test]
    fn what_was_sealed_opens() {
        let (dir, artifacts) = sealed();
        let opened = Artifacts::open(dir.path()).unwrap();
        assert_eq!(opened.identity(), artifacts.identity());
        assert_eq!(opened.file("key").unwrap(), dir.path().join("key"));
        assert_eq!(opened.file_bytes("key"), 3);
        assert!(opened.file("other").is_err());
        assert_eq!(opened.provenance().unwrap(), None);
        assert!(!opened.are_made_from(""));
    }

    #[test]
    fn provenance_is_for_its_owner_and_is_no_part_of_the_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let provenance = Provenance { onnx_hash: "abcd".into(), figures: serde_json::json!({ "error": 0.25 }) };
        provenance.write(dir.path()).unwrap();
        assert!(provenance.write(dir.path()).is_err(), "what is there stays");
        let artifacts = Artifacts::seal(dir.path(), identity()).unwrap();
        assert_eq!(artifacts.provenance().unwrap().unwrap(), provenance);
        assert!(artifacts.are_made_from("abcd") && !artifacts.are_made_from("abce"));
        let manifest = fs::read_to_string(dir.path().join(MANIFEST)).unwrap();
        assert!(!manifest.contains("abcd") && !manifest.contains("0.25"), "{manifest}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(dir.path().join(PROVENANCE)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn changed_missing_and_foreign_files_are_refused() {
        let (dir, artifacts) = sealed();
        assert!(artifacts.expect_backend(BackendName::Mock, "1").is_ok());
        assert!(matches!(artifacts.expect_backend(BackendName::Mock, "2"), Err(ArtifactsError::Foreign { .. })));
        assert!(matches!(artifacts.expect_backend(BackendName::Ezkl, "1"), Err(ArtifactsError::Foreign { .. })));
        fs::write(dir.path().join("key"), b"kez").unwrap();
        assert!(matches!(Artifacts::open(dir.path()), Err(ArtifactsError::Damaged { .. })));
        fs::write(dir.path().join("key"), b"key").unwrap();
        assert!(Artifacts::open(dir.path()).is_ok());
        fs::write(dir.path().join("more"), b"unnamed").unwrap();
        assert!(matches!(Artifacts::open(dir.path()), Err(ArtifactsError::Damaged { .. })));
        fs::remove_file(dir.path().join("more")).unwrap();
        fs::remove_file(dir.path().join("key")).unwrap();
        assert!(matches!(Artifacts::open(dir.path()), Err(ArtifactsError::Damaged { .. })));
    }

    #[test]
    fn a_manifest_cannot_name_files_elsewhere() {
        let (dir, _) = sealed();
        let path = dir.path().join(MANIFEST);
        let json = fs::read_to_string(&path).unwrap();
        for (from, to) in [("\"key\"", "\"../key\""), (FORMAT, "other"), ("\"version\": 2", "\"version\": 9")] {
            fs::write(&path, json.replacen(from, to, 1)).unwrap();
            assert!(matches!(Artifacts::open(dir.path()), Err(ArtifactsError::Manifest { .. })), "{to}");
        }
        // More than is read of a manifest, and a schema that is none.
        fs::write(&path, [" ".repeat(MAX_MANIFEST_BYTES as usize), json.clone()].concat()).unwrap();
        assert!(matches!(Artifacts::open(dir.path()), Err(ArtifactsError::Manifest { .. })));
        let schema = serde_json::to_string(&identity().schema).unwrap();
        fs::write(&path, json.replacen(&schema, "\"0x00\"", 1)).unwrap();
        assert!(matches!(Artifacts::open(dir.path()), Err(ArtifactsError::Schema(_))));
        fs::write(&path, "{").unwrap();
        assert!(matches!(Artifacts::open(dir.path()), Err(ArtifactsError::Manifest { .. })));
    }
}
