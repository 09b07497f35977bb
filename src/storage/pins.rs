//! Pins: what keeps an entry of the cache from being evicted whichever process runs, until somebody takes the pin away.
//!
//! A [`super::Lease`] ends with its process. What is needed later, by whatever process there is then, is pinned: a file
//! `pins/FOLDER-ENTRY/HOLDER`, which outlives restarts.

use super::{
    Cache, StorageError,
    cache::{io, is_read_only},
    lru::build_lock,
    write_atomic,
};
use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// The directory of all pins.
const PINS: &str = "pins";
/// The longest name of a holder, in bytes.
const MAX_HOLDER_BYTES: usize = 200;

impl Cache {
    /// Keeps an entry (a directory in one of the cache's folders) from being evicted by any process until
    /// [`Cache::unpin`]. The same holder may pin several entries, and one entry may have several holders. `false`: there is no
    /// such entry, and nothing was pinned.
    ///
    /// A cache that cannot be written to is not pinned: nothing is evicted there.
    ///
    /// # Errors
    /// [`StorageError::BadName`]; [`StorageError::Io`].
    pub fn pin(&self, entry: &Path, holder: &str) -> Result<bool, StorageError> {
        check(holder)?;
        // Whoever evicts looks for pins while it holds this lock alone.
        let _lease = self.lease(entry)?;
        if !entry.is_dir() {
            return Ok(false);
        }
        let folder = self.root().join(PINS).join(build_lock(entry));
        let path = folder.join(holder);
        if path.exists() {
            return Ok(true);
        }
        let made = fs::create_dir_all(&folder).map_err(io(&folder)).and_then(|()| write_atomic(&path, b""));
        let kept = made.and_then(|()| File::open(&folder).and_then(|folder| folder.sync_all()).map_err(io(&folder)));
        match kept {
            Err(StorageError::Io { source, .. }) if is_read_only(source.kind()) => Ok(true),
            kept => kept.map(|()| true),
        }
    }

    /// Takes all pins of a holder away.
    ///
    /// # Errors
    /// As [`Cache::pin`].
    pub fn unpin(&self, holder: &str) -> Result<(), StorageError> {
        check(holder)?;
        for folder in entries(&self.root().join(PINS))? {
            match fs::remove_file(folder.join(holder)) {
                Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    return Err(io(&folder)(error));
                }
                _ => {}
            }
            // Only when it was the last one.
            let _ = fs::remove_dir(&folder);
        }
        Ok(())
    }

    /// Who pins something, in order, each once.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn holders(&self) -> Result<Vec<String>, StorageError> {
        let mut holders = Vec::new();
        for folder in entries(&self.root().join(PINS))?.into_iter().filter(|folder| folder.is_dir()) {
            let names = entries(&folder)?;
            holders.extend(names.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())));
        }
        holders.sort_unstable();
        holders.dedup();
        Ok(holders)
    }

    /// Whether somebody pins an entry.
    pub(super) fn is_pinned(&self, entry: &Path) -> Result<bool, StorageError> {
        Ok(!entries(&self.root().join(PINS).join(build_lock(entry)))?.is_empty())
    }
}

/// A holder is a file's name, whatever the system.
fn check(holder: &str) -> Result<(), StorageError> {
    let is_plain = holder.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_short = (1..=MAX_HOLDER_BYTES).contains(&holder.len());
    if is_plain && is_short { Ok(()) } else { Err(StorageError::BadName(holder.chars().take(64).collect())) }
}

/// What is in a directory; nothing if there is none.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(io(dir))?.path())).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(io(dir)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[&str]) -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().into()).with_max_bytes(0);
        for entry in entries {
            let path = cache.dir("artifacts").unwrap().join(entry);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("pk.key"), [7; 100]).unwrap();
        }
        (dir, cache)
    }

    /// A lease ends with its process: what an answer needs next week has to stay all the same.
    #[test]
    fn what_is_pinned_stays_until_the_last_holder_lets_go() {
        let (dir, cache) = cache(&["a", "b"]);
        let entry = dir.path().join("artifacts/a");
        assert!(cache.pin(&entry, "claim-1").unwrap() && cache.pin(&entry, "claim-1").unwrap());
        assert!(cache.pin(&entry, "claim-2").unwrap());
        assert_eq!(cache.holders().unwrap(), ["claim-1", "claim-2"]);
        // Another process, with the same directory.
        let other = Cache::at(dir.path().into()).with_max_bytes(0);
        let eviction = other.evict("artifacts", |_| false).unwrap();
        assert_eq!((&*eviction.evicted, eviction.pinned, eviction.left), (&["b".to_owned()][..], 1, 100));
        other.unpin("claim-1").unwrap();
        assert_eq!(other.evict("artifacts", |_| false).unwrap().pinned, 1);
        other.unpin("claim-2").unwrap();
        other.unpin("claim-2").unwrap();
        assert_eq!(other.evict("artifacts", |_| false).unwrap().evicted, ["a"]);
        assert!(other.holders().unwrap().is_empty());
        assert!(!cache.pin(&entry, "claim-3").unwrap(), "what is not there is not pinned");
        assert!(cache.holders().unwrap().is_empty());
    }

    #[test]
    fn a_holder_is_no_path() {
        let (dir, cache) = cache(&["a"]);
        let long = "x".repeat(MAX_HOLDER_BYTES + 1);
        for name in ["", "..", "a/b", "a\0", long.as_str()] {
            assert!(
                matches!(cache.pin(&dir.path().join("artifacts/a"), name), Err(StorageError::BadName(_))),
                "{name}"
            );
            assert!(matches!(cache.unpin(name), Err(StorageError::BadName(_))), "{name}");
        }
    }
}
