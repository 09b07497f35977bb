//! From a pointer to the bundle itself, which can be verified.

use super::{Entry, Found, IndexError};
use crate::{
    proof::{Bundle, Statement, Structure, bundle::MAX_BUNDLE_BYTES},
    storage::{ContentAddress, ContentStore, StoreError},
};
use std::{fs::File, io::Read, path::Path};

/// A bundle that holds the statement that was found: read, hashed and decoded now. **Not verified**: that is what it is for.
#[derive(Clone, Debug)]
#[must_use = "what was opened is not verified yet"]
pub struct Opened {
    bundle: Bundle,
    at: usize,
}

impl Opened {
    /// The bundle, to be given to a verifier.
    #[must_use]
    pub const fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The statement that was found, as the bundle has it.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        // `of` found it there.
        &self.bundle.statements()[self.at]
    }

    fn of(structure: &Structure, entry: &Entry) -> Option<Self> {
        structure.bundles().into_iter().find_map(|bundle| {
            let at = bundle.statements().iter().position(|statement| statement.id() == entry.statement_id)?;
            Some(Self { bundle: bundle.clone(), at })
        })
    }
}

impl Found {
    /// Reads a bundle that holds the statement: where it was last seen, else from one of the stores.
    ///
    /// # Errors
    /// [`IndexError::NotHeld`] with what was tried when there is none; [`IndexError::Changed`] when the only one there is not
    /// what was entered.
    pub fn open(&self, stores: &[&dyn ContentStore]) -> Result<Opened, IndexError> {
        let entry = self.entry();
        let missing = |reason: String| IndexError::NotHeld { statement: entry.statement_id, reason };
        let mut trouble = missing(match &entry.claim {
            Some(claim) => format!("only the claim was seen: audit transaction {}", claim.transaction),
            None => "no bundle of it was entered".into(),
        });
        for (address, held) in &entry.held {
            let here = held.location.as_deref().map(|location| read(Path::new(location), address));
            let stored = stores.iter().map(|store| store.get(address).map_err(IndexError::from));
            for bytes in here.into_iter().chain(stored) {
                match bytes.and_then(|bytes| Ok(Structure::decode(&bytes)?)) {
                    Ok(structure) => match Opened::of(&structure, entry) {
                        Some(opened) => return Ok(opened),
                        None => trouble = missing(format!("{address} does not hold it; rebuild the index")),
                    },
                    Err(error @ IndexError::Changed { .. }) => trouble = error,
                    Err(error) => trouble = missing(error.to_string()),
                }
            }
        }
        Err(trouble)
    }
}

/// Reads a file that has to be the one that was entered.
pub(super) fn read(path: &Path, address: &ContentAddress) -> Result<Vec<u8>, IndexError> {
    if address.size() > MAX_BUNDLE_BYTES as u64 {
        let (what, limit) = (path.display().to_string(), MAX_BUNDLE_BYTES as u64);
        return Err(StoreError::TooLarge { what, bytes: address.size(), limit }.into());
    }
    let file = File::open(path).map_err(IndexError::io(path))?;
    let mut bytes = Vec::new();
    file.take(address.size() + 1).read_to_end(&mut bytes).map_err(IndexError::io(path))?;
    let found = ContentAddress::of(&bytes);
    if found == *address {
        Ok(bytes)
    } else {
        Err(IndexError::Changed { location: path.display().to_string(), expected: *address, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        index::entry::tests::entries,
        proof::bundle::tests::{numbered, numbered_batch},
        storage::LocalStore,
    };
    use std::fs;

    fn found(structure: &Structure, location: Option<&Path>) -> (Vec<u8>, Found) {
        let bytes = structure.encode(Default::default(), Default::default());
        let location = location.map(|path| path.to_str().unwrap());
        let mut entry = Entry::of_file(structure, ContentAddress::of(&bytes), location).pop().unwrap();
        entry.note = Default::default();
        (bytes, Found::new(entry, None))
    }

    #[test]
    fn a_bundle_is_opened_from_its_file_or_a_store() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        let batch = numbered_batch(1, 5);
        let (bytes, found) = found(&batch.clone().into(), Some(&path));
        let store = LocalStore::at(dir.path().join("store"));
        assert!(matches!(found.open(&[&store]), Err(IndexError::NotHeld { .. })));
        store.put(&bytes).unwrap();
        let opened = found.open(&[&store]).unwrap();
        assert_eq!((opened.bundle(), opened.statement().id()), (&batch, found.entry().statement_id));
        fs::write(&path, &bytes).unwrap();
        assert_eq!(found.open(&[]).unwrap().bundle(), &batch);
    }

    /// What lies there now is not what was entered: it is never passed off as what was found.
    #[test]
    fn another_file_in_its_place_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        let (bytes, found) = found(&numbered(1).into(), Some(&path));
        for other in [numbered(2).to_json(), bytes[1..].to_vec(), [&bytes[..], b"\n"].concat(), vec![]] {
            fs::write(&path, other).unwrap();
            assert!(matches!(found.open(&[]), Err(IndexError::Changed { .. })));
        }
        // The right hash, and an index that lies about what is in it.
        fs::write(&path, &bytes).unwrap();
        let mut lying = entries(&numbered(3).into()).pop().unwrap();
        lying.held.clone_from(&found.entry().held);
        assert!(matches!(Found::new(lying, None).open(&[]), Err(IndexError::NotHeld { .. })));
    }
}
