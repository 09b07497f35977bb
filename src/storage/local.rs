//! A content store in a directory.

use super::{
    Cache, ContentAddress, ContentStore, Lock, StorageError, StoreError,
    address::{AddressHasher, BLOCK},
    cache::folder_of,
    store::check_in_memory,
};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Where the objects lie.
const OBJECTS: &str = "objects";
/// Where they are written; what a killed process left there may be deleted.
const STAGING: &str = "staging";
/// The lock of what changes the sum of the sizes.
const LOCK: &str = "content-store";

/// A directory of objects, each in a file named by its hash: `objects/ab/cdef…`.
///
/// Writes are atomic: another process, or this one after a crash, finds an object whole or not at all. Several processes
/// may share a directory.
#[derive(Clone, Debug)]
pub struct LocalStore {
    root: PathBuf,
    limit: Option<u64>,
}

impl LocalStore {
    /// A store in `root`, which need not exist. Without a limit.
    #[must_use]
    pub const fn at(root: PathBuf) -> Self {
        Self { root, limit: None }
    }

    /// Lets all objects together have at most `bytes`. Every write then counts what is there, one process at a time.
    #[must_use]
    pub const fn with_limit(mut self, bytes: u64) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// What all objects have together, in bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn used(&self) -> Result<u64, StoreError> {
        let mut used = 0;
        for folder in entries(&self.root.join(OBJECTS))? {
            for object in entries(&folder)? {
                // Gone meanwhile: deleted by somebody else.
                used += fs::metadata(&object).map_or(0, |metadata| metadata.len());
            }
        }
        Ok(used)
    }

    fn name(&self) -> String {
        format!("the store in {}", self.root.display())
    }

    fn path_of(&self, address: &ContentAddress) -> PathBuf {
        let hex = address.blake3_hex();
        let (folder, file) = hex.split_at(2);
        self.root.join(OBJECTS).join(folder).join(file)
    }

    /// Moves a finished file to its place, if there is room.
    fn keep(&self, file: NamedTempFile, address: &ContentAddress) -> Result<(), StoreError> {
        let path = self.path_of(address);
        let folder = folder_of(&path);
        fs::create_dir_all(folder).map_err(StoreError::io(folder))?;
        let _lock = self.reserve(address)?;
        file.as_file().sync_all().map_err(StoreError::io(&path))?;
        file.persist(&path).map_err(|error| error.error).map_err(StoreError::io(&path))?;
        Ok(())
    }

    fn reserve(&self, address: &ContentAddress) -> Result<Option<Lock>, StoreError> {
        let Some(limit) = self.limit else { return Ok(None) };
        let lock = Cache::at(self.root.clone()).lock(LOCK).map_err(from_cache)?;
        // An object that is replaced by itself takes no room.
        let there = fs::metadata(self.path_of(address)).map_or(0, |metadata| metadata.len());
        let used = self.used()?.saturating_sub(there);
        if used.saturating_add(address.size()) > limit {
            return Err(StoreError::Full { store: self.name(), used, limit, needed: address.size() });
        }
        Ok(Some(lock))
    }

    fn staging(&self) -> Result<NamedTempFile, StoreError> {
        let folder = self.root.join(STAGING);
        fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
        NamedTempFile::new_in(&folder).map_err(StoreError::io(&folder))
    }

    /// Refuses before anything is written what cannot fit at all.
    fn check_fits(&self, bytes: u64) -> Result<(), StoreError> {
        match self.limit {
            Some(limit) if bytes > limit => {
                Err(StoreError::Full { store: self.name(), used: self.used()?, limit, needed: bytes })
            }
            _ => Ok(()),
        }
    }

    fn open(&self, address: &ContentAddress) -> Result<File, StoreError> {
        let path = self.path_of(address);
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound { store: self.name(), address: *address },
            _ => StoreError::io(&path)(error),
        })?;
        let found = file.metadata().map_err(StoreError::io(&path))?.len();
        if found != address.size() {
            return Err(self.corrupt(address, format!("{found} bytes")));
        }
        Ok(file)
    }

    fn corrupt(&self, address: &ContentAddress, found: String) -> StoreError {
        StoreError::Corrupt { store: self.name(), address: *address, found }
    }

    /// Copies an object and hashes what was copied; never more bytes than the address says.
    fn copy(&self, address: &ContentAddress, to: &mut dyn Write, path: &Path) -> Result<(), StoreError> {
        let from = self.path_of(address);
        let mut source = self.open(address)?.take(address.size().saturating_add(1));
        let found = copy_hashed(&mut source, to, &from, path)?;
        if found == *address { Ok(()) } else { Err(self.corrupt(address, found.to_string())) }
    }
}

impl ContentStore for LocalStore {
    fn put(&self, content: &[u8]) -> Result<ContentAddress, StoreError> {
        self.check_fits(content.len() as u64)?;
        let address = ContentAddress::of(content);
        let mut file = self.staging()?;
        file.write_all(content).map_err(StoreError::io(file.path()))?;
        self.keep(file, &address)?;
        Ok(address)
    }

    fn put_file(&self, path: &Path) -> Result<ContentAddress, StoreError> {
        let mut source = File::open(path).map_err(StoreError::io(path))?;
        self.check_fits(source.metadata().map_err(StoreError::io(path))?.len())?;
        let mut file = self.staging()?;
        let staged = file.path().to_owned();
        // The address is that of the copy: what is written to the source meanwhile does no harm.
        let address = copy_hashed(&mut source, &mut file, path, &staged)?;
        self.keep(file, &address)?;
        Ok(address)
    }

    fn get(&self, address: &ContentAddress) -> Result<Vec<u8>, StoreError> {
        check_in_memory(address)?;
        let mut content = Vec::new();
        self.copy(address, &mut content, Path::new("memory"))?;
        Ok(content)
    }

    fn get_file(&self, address: &ContentAddress, to: &Path) -> Result<(), StoreError> {
        let mut file = NamedTempFile::new_in(folder_of(to)).map_err(StoreError::io(to))?;
        self.copy(address, &mut file, to)?;
        file.as_file().sync_all().map_err(StoreError::io(to))?;
        file.persist(to).map_err(|error| error.error).map_err(StoreError::io(to))?;
        Ok(())
    }

    fn has(&self, address: &ContentAddress) -> Result<bool, StoreError> {
        match self.open(address) {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound { .. } | StoreError::Corrupt { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn delete(&self, address: &ContentAddress) -> Result<bool, StoreError> {
        let path = self.path_of(address);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io(&path)(error)),
        }
    }
}

/// Copies everything and returns its address.
fn copy_hashed(
    from: &mut dyn Read,
    to: &mut dyn Write,
    from_path: &Path,
    to_path: &Path,
) -> Result<ContentAddress, StoreError> {
    let mut hasher = AddressHasher::default();
    let mut block = vec![0; BLOCK];
    loop {
        match from.read(&mut block) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(n) => {
                hasher.update(&block[..n]);
                to.write_all(&block[..n]).map_err(StoreError::io(to_path))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StoreError::io(from_path)(error)),
        }
    }
}

/// What is in a directory; nothing if there is none.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(StoreError::io(dir))?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(StoreError::io(dir)(error)),
    }
}

fn from_cache(error: StorageError) -> StoreError {
    match error {
        StorageError::Io { path, source } => StoreError::Io { path, source },
        other => StoreError::Io { path: String::new(), source: io::Error::other(other.to_string()) },
    }
}
