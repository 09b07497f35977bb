//! Weights in other files, which lie beside the model: nothing outside of its folder is opened.

use super::{GraphError, bytes::Bytes};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

/// Bytes that all files beside a model may have together.
const MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// The files that a model's tensors may be in: its own, and those beside it. Every file is read once, whole, so that what is
/// hashed is what is used, and tensors share its memory.
#[derive(Debug)]
pub(super) struct Files {
    model: Arc<Vec<u8>>,
    folder: Option<PathBuf>,
    read: RefCell<BTreeMap<String, Arc<Vec<u8>>>>,
    masks: RefCell<BTreeSet<String>>,
}

impl Files {
    /// For a model of these bytes, whose other files are in `folder`, if it has any.
    pub(super) fn of(model: &Arc<Vec<u8>>, folder: Option<&Path>) -> Self {
        let folder = folder.map(Path::to_owned);
        Self { model: model.clone(), folder, read: RefCell::default(), masks: RefCell::default() }
    }

    /// A slice of the model's own bytes, shared.
    pub(super) fn share(&self, slice: &[u8]) -> Bytes {
        Bytes::within(&self.model, slice)
    }

    /// Remembers that a tensor has minus infinity for what takes no part.
    pub(super) fn note_mask(&self, tensor: &str) {
        self.masks.borrow_mut().insert(tensor.to_owned());
    }

    /// The names of such tensors.
    pub(super) fn masks(&self) -> Vec<String> {
        self.masks.borrow().iter().cloned().collect()
    }

    /// What was read, by location.
    pub(super) fn into_contents(self) -> BTreeMap<String, Arc<Vec<u8>>> {
        self.read.into_inner()
    }

    /// The bytes of a tensor whose `external_data` this is.
    pub(super) fn read(&self, tensor: &str, entries: &[(&str, &str)]) -> Result<Bytes, GraphError> {
        let refuse = |reason: String| GraphError::tensor(tensor, reason);
        let entry = |key: &str| entries.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => {
                let number = text.parse::<usize>();
                number
                    .map(Some)
                    .map_err(|_| refuse(format!("is in another file, with the {key} `{text}`, which is no number")))
            }
        };
        let location = entry("location").ok_or_else(|| refuse("is in another file, which is not named".into()))?;
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let file = self.file(tensor, location)?;
        let bytes = Bytes::piece(&file, offset, length.unwrap_or(file.len().saturating_sub(offset)));
        bytes.ok_or_else(|| {
            refuse(format!("is at bytes {offset} and on of `{location}`, which has only {} bytes", file.len()))
        })
    }

    fn file(&self, tensor: &str, location: &str) -> Result<Arc<Vec<u8>>, GraphError> {
        if let Some(file) = self.read.borrow().get(location) {
            return Ok(file.clone());
        }
        let refuse = |reason: String| GraphError::tensor(tensor, reason);
        let folder = self.folder.as_deref().ok_or_else(|| {
            refuse(format!(
                "is in the file `{location}` beside the model, which is read only for a model that is a file"
            ))
        })?;
        let left = MAX_BYTES - self.read.borrow().values().map(|file| file.len() as u64).sum::<u64>();
        let bytes = Arc::new(open(folder, location, left).map_err(refuse)?);
        self.read.borrow_mut().insert(location.to_owned(), bytes.clone());
        Ok(bytes)
    }
}

/// Reads a regular file below `folder`. A location that leads elsewhere is refused before anything there is opened.
fn open(folder: &Path, location: &str, limit: u64) -> Result<Vec<u8>, String> {
    let outside = || format!("is in `{location}`, which is not in the model's folder; it is not opened");
    let relative = Path::new(location);
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if location.is_empty() || location.contains(['\\', '\0']) || !relative.components().all(inside) {
        return Err(outside());
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let path = folder.join(relative);
    let failed = |error: std::io::Error| {
        let what = if error.kind() == std::io::ErrorKind::NotFound {
            "is missing".into()
        } else {
            format!("cannot be read ({error})")
        };
        format!("is in the file `{location}` beside the model, which {what}; the two files belong together")
    };
    // Symbolic links are followed only as far as they stay inside.
    let root = folder.canonicalize().map_err(failed)?;
    let real = path.canonicalize().map_err(failed)?;
    if !real.starts_with(&root) {
        return Err(outside());
    }
    // Looked at before it is opened, since opening a device can already do something, and again afterwards.
    let regular = |about: std::io::Result<std::fs::Metadata>| about.map(|about| about.is_file()).map_err(failed);
    let file =
        if regular(std::fs::symlink_metadata(&real))? { Some(open_regular(&real).map_err(failed)?) } else { None };
    let file = file.filter(|file| file.metadata().is_ok_and(|about| about.is_file()));
    let Some(file) = file else {
        return Err(format!("is in `{location}`, which is no regular file; it is not read"));
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(format!("is in `{location}`: files beside a model may have {MAX_BYTES} bytes together"));
    }
    Ok(bytes)
}

/// Opens without waiting for the other end of a pipe and without following a link that was put there in between.
fn open_regular(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &Path, location: &str) -> Result<usize, String> {
        let files = Files::of(&Arc::default(), Some(folder));
        let read = files.read("w", &[("location", location), ("offset", "1"), ("length", "2")]);
        read.map(|bytes| bytes.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn only_regular_files_in_the_folder_are_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(outer.path().join("secret"), b"secret").unwrap();
        std::fs::write(folder.join("weights"), b"1234").unwrap();
        std::fs::create_dir(folder.join("sub")).unwrap();
        assert_eq!(read(&folder, "weights"), Ok(2));
        assert_eq!(read(&folder, "./weights"), Ok(2));
        let absolute = outer.path().join("secret").display().to_string();
        for location in ["../secret", "sub/../../secret", &absolute, "", "..\\secret"] {
            assert!(read(&folder, location).unwrap_err().contains("not in the model's folder"), "{location}");
        }
        assert!(read(&folder, "missing").unwrap_err().contains("missing"));
        assert!(read(&folder, "sub").unwrap_err().contains("no regular file"));
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_folder_devices_and_pipes_are_refused() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(outer.path().join("secret"), b"secret").unwrap();
        std::fs::write(folder.join("weights"), b"1234").unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("out")).unwrap();
        std::os::unix::fs::symlink("weights", folder.join("in")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join("device")).unwrap();
        let pipe = std::ffi::CString::new(folder.join("pipe").display().to_string()).unwrap();
        // SAFETY: a path that ends with a zero byte, and a mode.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        assert_eq!(read(&folder, "in"), Ok(2));
        for location in ["out", "device"] {
            assert!(read(&folder, location).unwrap_err().contains("not in the model's folder"), "{location}");
        }
        assert!(read(&folder, "pipe").unwrap_err().contains("no regular file"));
    }

    #[test]
    fn a_piece_beyond_the_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("weights"), b"12").unwrap();
        assert!(read(folder.path(), "weights").unwrap_err().contains("only 2 bytes"));
        let files = Files::of(&Arc::default(), None);
        assert!(files.read("w", &[("location", "weights")]).unwrap_err().to_string().contains("beside the model"));
    }
}
