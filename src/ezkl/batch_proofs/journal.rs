//! The journal of a batch: every finished proof, on the disk before it is reported.
//!
//! An append-only file: a header that names the batch, then records, each with its length (twice, the second
//! time inverted: a damaged length must not look like a record that was cut off) and its BLAKE3. A record that
//! the end of the file cuts off was being written when the process died, and is removed; any other damage is an error, for
//! nobody knows what else is wrong. The file is locked while it is open.

use crate::{
    ezkl::PipelineError,
    proof::{Bundle, Compression, Encoding, Structure, bundle::MAX_BUNDLE_BYTES},
};
use alloy::primitives::B256;
use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 16] = b"zkinfer journal1";
const HEADER: u64 = 48;
/// Length, inverted length, hash.
const PREFIX: usize = 48;

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

/// A bundle and the items that its statements are: pairs of item and statement.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) items: Vec<(usize, usize)>,
    pub(super) bundle: Bundle,
}

impl Journal {
    /// Opens the journal of the batch with this name, or begins it.
    pub(super) fn open(path: &Path, batch: B256) -> Result<(Self, Vec<Record>), PipelineError> {
        let io = |error: std::io::Error| refuse(path, format!("cannot be used: {error}"));
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        file.try_lock().map_err(|error| refuse(path, format!("is in use by another process: {error}")))?;
        let mut journal = Self { path: path.into(), file };
        let length = journal.file.metadata().map_err(io)?.len();
        if length < HEADER {
            let mut begun = Vec::new();
            (&journal.file).take(HEADER).read_to_end(&mut begun).map_err(io)?;
            // A header that was cut off, and nobody's notes.
            if !header(batch).starts_with(&begun) {
                return Err(refuse(path, "is of another batch, or is none".into()));
            }
            journal.begin(batch).map_err(io)?;
            return Ok((journal, Vec::new()));
        }
        let records = journal.read(batch, length)?;
        Ok((journal, records))
    }

    fn begin(&mut self, batch: B256) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header(batch))?;
        self.file.sync_all()?;
        // The name, too, has to survive.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }

    fn read(&mut self, batch: B256, length: u64) -> Result<Vec<Record>, PipelineError> {
        let path = self.path.clone();
        let io = |error: std::io::Error| refuse(&path, format!("cannot be read: {error}"));
        let mut input = BufReader::new(&self.file);
        let mut found = [0; HEADER as usize];
        input.read_exact(&mut found).map_err(io)?;
        if found[..] != header(batch) {
            return Err(refuse(&path, "is of another batch, or is none".into()));
        }
        let (mut records, mut at) = (Vec::new(), HEADER);
        while at < length {
            let left = length - at;
            let mut prefix = [0; PREFIX];
            if left < prefix.len() as u64 {
                break;
            }
            input.read_exact(&mut prefix).map_err(io)?;
            let [size, inverted] = [0, 8].map(|from| {
                let mut word = [0; 8];
                word.copy_from_slice(&prefix[from..from + 8]);
                u64::from_be_bytes(word)
            });
            if inverted != !size || size > 2 * MAX_BUNDLE_BYTES as u64 {
                return Err(refuse(&path, format!("is damaged at byte {at}: a record of {size} bytes")));
            }
            if left - (prefix.len() as u64) < size {
                break;
            }
            // Bounded by the file's own length.
            let mut payload = vec![0; size as usize];
            input.read_exact(&mut payload).map_err(io)?;
            if blake3::hash(&payload).as_bytes()[..] != prefix[16..] {
                return Err(refuse(&path, format!("is damaged at byte {at}: a record has another hash")));
            }
            let record = parse(&payload).ok_or_else(|| refuse(&path, format!("is damaged at byte {at}")))?;
            records.push(record);
            at += prefix.len() as u64 + size;
        }
        drop(input);
        if at < length {
            tracing::warn!(path = %path.display(), at, "the journal's last record was cut off and is removed");
            self.file.set_len(at).and_then(|()| self.file.sync_all()).map_err(io)?;
        }
        self.file.seek(SeekFrom::Start(at)).map_err(io)?;
        Ok(records)
    }

    /// Adds a record. It is on the disk when this returns.
    pub(super) fn append(&mut self, bundle: &Bundle, items: &[(usize, usize)]) -> Result<(), PipelineError> {
        let mut payload = (items.len() as u32).to_be_bytes().to_vec();
        for (item, statement) in items {
            payload.extend((*item as u32).to_be_bytes());
            payload.extend((*statement as u32).to_be_bytes());
        }
        payload.extend(Structure::from(bundle.clone()).encode(Encoding::Compact, Compression::None));
        let size = payload.len() as u64;
        let mut record = [size.to_be_bytes(), (!size).to_be_bytes()].concat();
        record.extend(blake3::hash(&payload).as_bytes());
        record.extend(payload);
        self.file
            .write_all(&record)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| refuse(&self.path, format!("cannot be written: {error}")))
    }
}

impl Drop for Journal {
    /// Closing the file is not enough: a process that is being spawned has it open, too, for an instant.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(path = %self.path.display(), %error, "the journal stays locked until this process ends");
        }
    }
}

fn header(batch: B256) -> Vec<u8> {
    [&MAGIC[..], batch.as_slice()].concat()
}

fn parse(payload: &[u8]) -> Option<Record> {
    let word = |at: usize| payload.get(at..at + 4)?.try_into().ok().map(|bytes| u32::from_be_bytes(bytes) as usize);
    let count = word(0)?;
    // Ends with the payload, whatever the count.
    let items = (0..count).map(|i| Some((word(4 + 8 * i)?, word(8 + 8 * i)?))).collect::<Option<Vec<_>>>()?;
    match Structure::decode(payload.get(4 + 8 * count..)?).ok()? {
        Structure::Single(bundle) => Some(Record { items, bundle: *bundle }),
        _ => None,
    }
}

fn refuse(path: &Path, problem: String) -> PipelineError {
    PipelineError::Journal { path: path.display().to_string(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::{
        Aggregated,
        bundle::tests::{numbered, numbered_batch},
    };
    use std::fs;

    impl Journal {
        /// One that cannot be written.
        pub(in super::super) fn read_only(dir: &Path) -> Self {
            let path = dir.join("journal");
            fs::write(&path, header(BATCH)).unwrap();
            Self { file: File::open(&path).unwrap(), path }
        }
    }

    const BATCH: B256 = B256::repeat_byte(7);

    fn written() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, records) = Journal::open(&path, BATCH).unwrap();
        assert!(records.is_empty());
        journal.append(&numbered(0), &[(4, 0)]).unwrap();
        journal.append(&numbered_batch(1, 2), &[(1, 0), (3, 1)]).unwrap();
        (dir, path)
    }

    fn reopen(path: &Path) -> Result<Vec<Record>, PipelineError> {
        Ok(Journal::open(path, BATCH)?.1)
    }

    #[test]
    fn records_are_read_back_and_appended_to() {
        let (_dir, path) = written();
        let (mut journal, records) = Journal::open(&path, BATCH).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!((&records[1].items[..], &records[1].bundle), (&[(1, 0), (3, 1)][..], &numbered_batch(1, 2)));
        assert!(Journal::open(&path, BATCH).unwrap_err().to_string().contains("in use"));
        journal.append(&numbered(9), &[(0, 0)]).unwrap();
        drop(journal);
        assert_eq!(reopen(&path).unwrap().len(), 3);
    }

    /// Wherever a dying process stopped writing, what was complete is there and the next record can be written.
    #[test]
    fn a_record_that_was_cut_off_is_removed() {
        let (_dir, path) = written();
        let whole = fs::read(&path).unwrap();
        let first = {
            let mut size = [0; 8];
            size.copy_from_slice(&whole[48..56]);
            48 + PREFIX + u64::from_be_bytes(size) as usize
        };
        for cut in (0..whole.len()).step_by(7).chain([first - 1, first, first + 1, whole.len() - 1]) {
            fs::write(&path, &whole[..cut]).unwrap();
            let (mut journal, records) = Journal::open(&path, BATCH).unwrap();
            assert_eq!(records.len(), usize::from(cut >= first), "cut at {cut}");
            journal.append(&numbered(9), &[(0, 0)]).unwrap();
            drop(journal);
            assert_eq!(reopen(&path).unwrap().len(), 1 + usize::from(cut >= first), "cut at {cut}");
        }
    }

    /// The right length and the right hash of something else than a bundle with its items.
    #[test]
    fn a_record_of_something_else_is_damage() {
        let bundle = |count: usize| {
            let structure = match count {
                1 => Structure::from(numbered(0)),
                _ => Structure::Aggregated(Aggregated::new((0..count as i64).map(numbered).collect()).unwrap()),
            };
            structure.encode(Encoding::Compact, Compression::None)
        };
        let (one, list) = (bundle(1), bundle(2));
        for (payload, is_read) in [
            ([&[0; 4][..], &one].concat(), true),
            ([&[0; 4][..], &list].concat(), false),
            ([&[0; 4][..], &one[1..]].concat(), false),
            ([&u32::MAX.to_be_bytes()[..], &one].concat(), false),
            (vec![], false),
        ] {
            let (_dir, path) = written();
            let size = payload.len() as u64;
            let lengths = [size.to_be_bytes(), (!size).to_be_bytes()].concat();
            let record = [&lengths, &blake3::hash(&payload).as_bytes()[..], &payload].concat();
            let file = [&header(BATCH)[..], &record].concat();
            fs::write(&path, &file).unwrap();
            assert_eq!(reopen(&path).is_ok(), is_read, "{payload:?}");
            assert_eq!(fs::read(&path).unwrap(), file);
        }
    }

    #[test]
    fn damage_and_other_batches_are_refused_and_nothing_is_overwritten() {
        let (_dir, path) = written();
        let whole = fs::read(&path).unwrap();
        for at in [0, 20, 48, 52, 53, 54, 55, 60, 70, 100, 200, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert!(matches!(reopen(&path), Err(PipelineError::Journal { .. })), "byte {at}");
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
        let mut huge = whole.clone();
        huge[48] = 0xff;
        fs::write(&path, &huge).unwrap();
        assert!(matches!(reopen(&path), Err(PipelineError::Journal { .. })));
        // With its inverse: what follows it is not taken for a record that was cut off.
        let size = 2 * MAX_BUNDLE_BYTES as u64 + 1;
        huge[48..64].copy_from_slice(&[size.to_be_bytes(), (!size).to_be_bytes()].concat());
        fs::write(&path, &huge).unwrap();
        assert!(matches!(reopen(&path), Err(PipelineError::Journal { .. })));
        assert_eq!(fs::read(&path).unwrap(), huge);
        fs::write(&path, &whole).unwrap();
        assert!(matches!(Journal::open(&path, B256::ZERO), Err(PipelineError::Journal { .. })));
        assert_eq!(reopen(&path).unwrap().len(), 2);
        // Shorter than a header, and not the beginning of one.
        for short in [&b"notes"[..], &whole[1..40], &whole[..47]] {
            fs::write(&path, short).unwrap();
            let refused = Journal::open(&path, B256::ZERO);
            assert!(matches!(refused, Err(PipelineError::Journal { .. })), "{short:?}");
            assert_eq!(fs::read(&path).unwrap(), short);
        }
    }
}
