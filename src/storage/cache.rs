//! The user's cache directory: artifacts, SRS files, the EZKL installation. Everything in it can be made again.

use std::{
    fs::{self, File, TryLockError},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

/// Overrides the directory.
const ENV: &str = "ZKINFER_CACHE_DIR";
/// Overrides the limit.
const MAX_BYTES_ENV: &str = "ZKINFER_CACHE_MAX_BYTES";

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// No directory is known.
    #[error("there is no directory to keep artifacts in: set HOME, XDG_CACHE_HOME or {ENV}")]
    NoDirectory,
    /// The limit that was set is none.
    #[error("{MAX_BYTES_ENV} is `{0}`: give a whole number of bytes, such as 68719476736")]
    BadLimit(String),
    /// The name of a holder of pins is none.
    #[error("`{0}` names no holder of a pin: letters, digits and `-`, at most 200")]
    BadName(String),
    /// A file operation failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> StorageError {
    let path = path.display().to_string();
    move |source| StorageError::Io { path, source }
}

/// The cache directory.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
    max_bytes: u64,
    pub(super) evictions: Arc<AtomicU64>,
}

impl Cache {
    /// 64 GiB: dozens of large EZKL models.
    pub const DEFAULT_MAX_BYTES: u64 = 64 << 30;

    /// `$ZKINFER_CACHE_DIR`, else `$XDG_CACHE_HOME/zkinfer`, else `$HOME/.cache/zkinfer`.
    ///
    /// `$ZKINFER_CACHE_MAX_BYTES` bounds the artifacts in it.
    ///
    /// # Errors
    /// [`StorageError::NoDirectory`] when none is set; [`StorageError::BadLimit`].
    pub fn from_env() -> Result<Self, StorageError> {
        let max_bytes = match std::env::var_os(MAX_BYTES_ENV).filter(|value| !value.is_empty()) {
            None => Self::DEFAULT_MAX_BYTES,
            Some(value) => {
                let bytes = value.to_str().and_then(|text| text.trim().parse().ok());
                bytes.ok_or_else(|| StorageError::BadLimit(value.to_string_lossy().into_owned()))?
            }
        };
        let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        var(ENV)
            .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("zkinfer")))
            .or_else(|| var("HOME").map(|dir| dir.join(".cache/zkinfer")))
            .and_then(|root| std::path::absolute(root).ok())
            .map(|root| Self::at(root).with_max_bytes(max_bytes))
            .ok_or(StorageError::NoDirectory)
    }

    /// A cache at `root`, which need not exist.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root, max_bytes: Self::DEFAULT_MAX_BYTES, evictions: Arc::default() }
    }

    /// Lets [`Cache::evict`] leave at most this many bytes in a folder.
    #[must_use]
    pub const fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The limit of a folder, in bytes.
    #[must_use]
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A directory in the cache, made if it is missing.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn dir(&self, name: &str) -> Result<PathBuf, StorageError> {
        let dir = self.root.join(name);
        fs::create_dir_all(&dir).map_err(io(&dir))?;
        Ok(dir)
    }

    /// An empty directory on the same file system: what is built in it can be renamed into place. Deleted on drop.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn staging(&self) -> Result<tempfile::TempDir, StorageError> {
        let parent = self.dir("staging")?;
        tempfile::Builder::new().prefix("build-").tempdir_in(&parent).map_err(io(&parent))
    }

    /// Holds a lock between processes (and threads) until it is dropped; the system frees it when its holder dies.
    ///
    /// In a cache that cannot be written to it excludes nobody: nothing is built or removed there.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn lock(&self, name: &str) -> Result<Lock, StorageError> {
        let (file, is_writable) = self.lock_file(name)?;
        let held = if is_writable { file.lock() } else { file.lock_shared() };
        held.map_err(io(&self.root))?;
        Ok(Lock(file))
    }

    /// As [`Cache::lock`], without waiting: `None` while somebody else holds it.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn try_lock(&self, name: &str) -> Result<Option<Lock>, StorageError> {
        let (file, is_writable) = self.lock_file(name)?;
        match if is_writable { file.try_lock() } else { file.try_lock_shared() } {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(io(&self.root)(error)),
        }
    }

    /// A file to lock, and whether the cache can be written to. Of one that cannot it is the directory itself.
    pub(super) fn lock_file(&self, name: &str) -> Result<(File, bool), StorageError> {
        let made = self.dir("locks").and_then(|dir| {
            let path = dir.join(name);
            File::options().create(true).truncate(false).write(true).open(&path).map_err(io(&path))
        });
        match made {
            Err(StorageError::Io { source, .. }) if is_read_only(source.kind()) => {
                Ok((File::open(&self.root).map_err(io(&self.root))?, false))
            }
            made => Ok((made?, true)),
        }
    }
}

pub(super) const fn is_read_only(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
}

/// A lock that is held.
#[derive(Debug)]
#[must_use = "the lock is freed when this is dropped"]
pub struct Lock(pub(super) File);

impl Drop for Lock {
    /// Closing the file is not enough: a process that another thread is spawning has it open, too, for an instant.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "a lock is held until this process ends");
        }
    }
}

/// Finds out whether [`write_atomic`] could write `path`, before work is spent on its content.
///
/// # Errors
/// [`StorageError::Io`].
pub fn check_writable(path: &Path) -> Result<(), StorageError> {
    tempfile::NamedTempFile::new_in(folder_of(path)).map(drop).map_err(io(path))
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file whole or not at all: a reader sees the old content or the new, also after a crash.
///
/// # Errors
/// [`StorageError::Io`]; the old content is still there.
pub fn write_atomic(path: &Path, content: &[u8]) -> Result<(), StorageError> {
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path)).map_err(io(path))?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(io(path))?;
    file.persist(path).map_err(|error| error.error).map_err(io(path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(write_atomic(&dir.path().join("missing/file"), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_lock_excludes_a_second_holder() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().into());
        let first = cache.lock("x").unwrap();
        let second = File::options().write(true).open(dir.path().join("locks/x")).unwrap();
        assert!(second.try_lock().is_err());
        drop(first);
        assert!(second.try_lock().is_ok());
    }
}
