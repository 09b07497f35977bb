//! Storing on a node: in one request if it is small, else by tus.

use super::{
    MAX_SINGLE_UPLOAD_BYTES, S5Store,
    http::{Answer, Call},
};
use crate::storage::{ContentAddress, StoreError};
use reqwest::Method;
use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// What is stored.
#[derive(Debug)]
pub(super) enum Source<'a> {
    Memory(&'a [u8]),
    File { file: &'a File, path: &'a Path },
}

impl Source<'_> {
    /// A copy of `bytes` bytes from `offset` on.
    pub(super) fn piece(&self, offset: u64, bytes: u64) -> Result<Vec<u8>, StoreError> {
        // At most 32 MiB, or the size of a piece.
        let (start, bytes) = (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(bytes).unwrap_or(0));
        match self {
            Self::Memory(content) => Ok(content[start..start + bytes].to_vec()),
            Self::File { file, path } => {
                let mut piece = vec![0; bytes];
                file.read_exact_at(&mut piece, offset).map_err(|error| match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => Self::changed(path),
                    _ => StoreError::io(path)(error),
                })?;
                Ok(piece)
            }
        }
    }

    fn changed(path: &Path) -> StoreError {
        StoreError::ChangedWhileRead { path: path.display().to_string() }
    }

    /// Refuses a file that has other bytes by now.
    pub(super) fn check_unchanged(&self, address: &ContentAddress, sent: Option<&[u8]>) -> Result<(), StoreError> {
        let Self::File { file, path } = self else { return Ok(()) };
        let found = match sent {
            Some(sent) => ContentAddress::of(sent),
            None => {
                use std::io::{Seek, SeekFrom};
                let mut file: &File = file;
                file.seek(SeekFrom::Start(0)).map_err(StoreError::io(path))?;
                ContentAddress::of_reader(file).map_err(StoreError::io(path))?
            }
        };
        if found == *address { Ok(()) } else { Err(Self::changed(path)) }
    }
}

impl S5Store {
    /// Stores content. Afterwards the node says that it has it, under the address that was computed here.
    pub(super) fn upload(&self, source: &Source<'_>, address: &ContentAddress) -> Result<(), StoreError> {
        self.check_size(|| format!("the content of {address}"), address.size())?;
        debug_assert!(self.single_upload_bytes <= MAX_SINGLE_UPLOAD_BYTES);
        if address.size() > self.single_upload_bytes {
            return self.upload_in_pieces(source, address);
        }
        let content = source.piece(0, address.size())?;
        source.check_unchanged(address, Some(&content))?;
        let url = self.url("s5/upload")?;
        let answer = self.retries.run(|| {
            let call = Call::new(Method::POST, url.clone()).header("content-type", "application/octet-stream");
            self.http.exchange("an upload", call.body(content.clone()))
        })?;
        match answer.status {
            200 | 201 => self.check_cid(&answer, address),
            409 => self.confirm(address, "it says that it has the content already, and does not have it"),
            _ => Err(self.http.refusal("an upload", &answer)),
        }
    }

    /// The node hashes what it got; another address means that it stored something else.
    fn check_cid(&self, answer: &Answer, address: &ContentAddress) -> Result<(), StoreError> {
        let wrong = |reason: String| self.http.misbehaved("an upload", &reason);
        let json: serde_json::Value =
            serde_json::from_slice(&answer.body).map_err(|_| wrong("its answer is not `{\"cid\": …}`".into()))?;
        let cid = json["cid"].as_str().ok_or_else(|| wrong("its answer is not `{\"cid\": …}`".into()))?;
        let theirs: ContentAddress =
            cid.parse().map_err(|error| wrong(format!("its answer names no content: {error}")))?;
        if theirs == *address {
            return Ok(());
        }
        Err(wrong(format!("it stored {theirs} when it was sent {address}")))
    }

    pub(super) fn confirm(&self, address: &ContentAddress, otherwise: &str) -> Result<(), StoreError> {
        if self.answers_for(address)? { Ok(()) } else { Err(self.http.misbehaved("an upload", otherwise)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between hashing a file and sending it, somebody may have written to it.
    #[test]
    fn a_file_with_other_bytes_than_were_hashed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "before").unwrap();
        let file = File::open(&path).unwrap();
        let (address, source) = (ContentAddress::of(b"before"), Source::File { file: &file, path: &path });
        assert!(source.check_unchanged(&address, None).is_ok());
        assert!(source.check_unchanged(&address, Some(&source.piece(0, 6).unwrap())).is_ok());
        std::fs::write(&path, "after!").unwrap();
        let is_changed = |result| matches!(result, Err(StoreError::ChangedWhileRead { .. }));
        assert!(is_changed(source.check_unchanged(&address, Some(&source.piece(0, 6).unwrap()))));
        assert!(is_changed(source.check_unchanged(&address, None)));
        assert!(is_changed(source.piece(3, 4).map(drop)), "shorter than it was");
    }
}
