//! Bounding the cache: what was used least recently goes first, what is in use stays.

use super::{Cache, Lock, StorageError, cache::io};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

/// Keeps an entry from being evicted by any process until the last clone is dropped; the system ends it when its holder
/// dies.
#[derive(Clone, Debug)]
#[must_use = "the entry may be evicted when this is dropped"]
pub struct Lease {
    _lock: Arc<Lock>,
}

/// What an eviction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Eviction {
    /// The entries that went, the least recently used first.
    pub evicted: Vec<String>,
    /// What they had, in bytes.
    pub freed: u64,
    /// Entries that should have gone and are in use.
    pub in_use: usize,
    /// Entries that should have gone and cannot be made again.
    pub irreplaceable: usize,
    /// Entries that should have gone and are pinned.
    pub pinned: usize,
    /// What all entries have now, in bytes: above the limit when too much of it has to stay.
    pub left: u64,
}

struct Entry {
    name: String,
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

enum Removal {
    Done,
    InUse,
    Pinned,
}

impl Cache {
    /// Marks an entry (a directory in one of the cache's folders) as used now, and keeps it. It need not exist yet.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn lease(&self, entry: &Path) -> Result<Lease, StorageError> {
        let (file, is_writable) = self.lock_file(&use_lock(entry))?;
        // Waits for nothing but an eviction that is moving the entry away.
        file.lock_shared().map_err(io(entry))?;
        if is_writable {
            file.set_modified(SystemTime::now()).map_err(io(entry))?;
        }
        Ok(Lease { _lock: Arc::new(Lock(file)) })
    }

    /// Removes the least recently used entries of `folder` until all have at most [`Cache::max_bytes`] together.
    ///
    /// Stays: what somebody holds a [`Lease`] or the lock `FOLDER-ENTRY` of, in this process or another, what is pinned
    /// ([`Cache::pin`]), and what `irreplaceable` says yes to. An entry disappears whole.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn evict(&self, folder: &str, irreplaceable: impl Fn(&Path) -> bool) -> Result<Eviction, StorageError> {
        // One at a time: two processes that count the same entries would remove twice as many.
        let _turn = self.lock(&format!("evict-{folder}"))?;
        let mut entries = self.entries(folder)?;
        let mut eviction = Eviction { left: entries.iter().map(|entry| entry.bytes).sum(), ..Eviction::default() };
        entries.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
        for entry in entries {
            if eviction.left <= self.max_bytes() {
                break;
            }
            if irreplaceable(&entry.path) {
                eviction.irreplaceable += 1;
                continue;
            }
            match self.remove(&entry)? {
                Removal::InUse => eviction.in_use += 1,
                Removal::Pinned => eviction.pinned += 1,
                Removal::Done => {
                    tracing::info!(folder, entry = entry.name, bytes = entry.bytes, "evicted from the cache");
                    self.evictions.fetch_add(1, Ordering::Relaxed);
                    eviction.left -= entry.bytes;
                    eviction.freed += entry.bytes;
                    eviction.evicted.push(entry.name);
                }
            }
        }
        if eviction.left > self.max_bytes() {
            tracing::warn!(
                folder,
                bytes = eviction.left,
                limit = self.max_bytes(),
                in_use = eviction.in_use,
                irreplaceable = eviction.irreplaceable,
                pinned = eviction.pinned,
                "the cache is larger than its limit: what is left is in use, is pinned, or cannot be made again"
            );
        }
        Ok(eviction)
    }

    /// How many entries this value and its clones have evicted.
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    fn entries(&self, folder: &str) -> Result<Vec<Entry>, StorageError> {
        let (folder, locks) = (self.dir(folder)?, self.dir("locks")?);
        let mut entries = Vec::new();
        for entry in fs::read_dir(&folder).map_err(io(&folder))? {
            let path = entry.map_err(io(&folder))?.path();
            let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
            // Never leased: an entry of an earlier release.
            let used = modified(&locks.join(use_lock(&path))).or_else(|| modified(&path));
            entries.push(Entry {
                name: name_of(&path),
                bytes: size_of(&path),
                used: used.unwrap_or(SystemTime::UNIX_EPOCH),
                path,
            });
        }
        Ok(entries)
    }

    fn remove(&self, entry: &Entry) -> Result<Removal, StorageError> {
        let locks = self.dir("locks")?;
        // Whoever builds or opens the entry holds the first lock, whoever works with it the second.
        let (Some(_build), Some(_use)) =
            (try_lock(&locks.join(build_lock(&entry.path)))?, try_lock(&locks.join(use_lock(&entry.path)))?)
        else {
            return Ok(Removal::InUse);
        };
        // Only now: whoever pins holds the second lock while it does.
        if self.is_pinned(&entry.path)? {
            return Ok(Removal::Pinned);
        }
        let staging = self.staging()?;
        fs::rename(&entry.path, staging.path().join("evicted")).map_err(io(&entry.path))?;
        Ok(Removal::Done)
    }
}

/// The name of the lock that [`Cache::lock`] gives to whoever builds an entry.
pub(super) fn build_lock(entry: &Path) -> String {
    let folder = entry.parent().map_or_else(String::new, name_of);
    format!("{folder}-{}", name_of(entry))
}

fn use_lock(entry: &Path) -> String {
    format!("{}.use", build_lock(entry))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn open(path: &Path) -> Result<File, StorageError> {
    File::options().create(true).truncate(false).write(true).open(path).map_err(io(path))
}

fn try_lock(path: &Path) -> Result<Option<Lock>, StorageError> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(io(path)(error)),
    }
}

/// All files below a path, in bytes; links are not followed. What cannot be read counts as nothing.
fn size_of(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            fs::read_dir(path).map_or(0, |entries| entries.flatten().map(|entry| size_of(&entry.path())).sum())
        }
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    }
}
