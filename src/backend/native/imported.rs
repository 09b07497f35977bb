//! Powers of a user's `.ptau` file, checked and copied into the cache once, for every model that names their id.

use super::srs::unusable;
use crate::{
    backend::BackendError,
    proof::srs::{SrsKind, srs_kind},
    storage::Cache,
};
use alloy::primitives::B256;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};
use zkinfer_prover::srs::{Ptau, Srs, SrsError};

/// Where they are, below the cache's root.
const FOLDER: &str = "srs/native";

/// Powers that were imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedPowers {
    /// The id of the ceremony, the same for every size.
    pub srs_id: B256,
    /// How many powers in G1 there are.
    pub powers: usize,
}

impl ImportedPowers {
    /// Checks every point of a `.ptau` file and copies what setups use of it into the cache. The file itself is only read. Of
    /// two files of one ceremony the larger one stays.
    ///
    /// # Errors
    /// [`BackendError::Srs`] says what is wrong with the file; others are the cache's.
    pub fn import(cache: &Cache, file: &Path) -> Result<Self, BackendError> {
        let ptau = Ptau::open(file).map_err(|error| unusable(file, &error))?;
        let powers = (2 << ptau.power()) - 1;
        let srs = Srs::from_ptau(&ptau, powers).map_err(|error| unusable(file, &error))?;
        let imported = Self { srs_id: (*srs.id()).into(), powers };
        let folder = cache.dir(FOLDER)?;
        let _lock = cache.lock(&format!("srs-native-{}", imported.srs_id))?;
        let path = folder.join(name(imported.srs_id));
        // One that is there and is damaged, or smaller, is replaced.
        if Srs::open_excerpt(&path, powers).is_ok() {
            let powers = Srs::excerpt_powers(&path).unwrap_or(powers);
            return Ok(Self { powers, ..imported });
        }
        let io = || BackendError::io(&path);
        let mut partial = tempfile::NamedTempFile::new_in(&folder).map_err(io())?;
        let mut out = io::BufWriter::new(&mut partial);
        srs.write_excerpt(powers, &mut out).and_then(|()| out.flush()).map_err(io())?;
        drop(out);
        partial.as_file().sync_all().map_err(io())?;
        partial.persist(&path).map_err(|error| error.error).map_err(io())?;
        Ok(imported)
    }

    /// What is known of it.
    #[must_use]
    pub fn kind(&self) -> SrsKind {
        srs_kind(self.srs_id)
    }

    /// Whatever was imported, in the order of the ids. Of files that cannot be read nothing is said.
    #[must_use]
    pub fn all(cache: &Cache) -> Vec<Self> {
        let files = fs::read_dir(cache.root().join(FOLDER)).into_iter().flatten().flatten();
        let ids = files.filter_map(|file| file.file_name().to_str()?.strip_suffix(SUFFIX)?.parse().ok());
        let mut all: Vec<Self> = ids.filter_map(|id| Self::about(cache, id)).collect();
        all.sort_by_key(|imported| imported.srs_id);
        all
    }

    fn about(cache: &Cache, srs_id: B256) -> Option<Self> {
        let path = cache.root().join(FOLDER).join(name(srs_id));
        let powers = Srs::excerpt_powers(&path).ok()?;
        Some(Self { srs_id, powers })
    }
}

const SUFFIX: &str = ".srs";

fn name(id: B256) -> String {
    format!("{id}{SUFFIX}")
}

/// The file of an SRS that was imported.
pub(super) fn path(cache: Option<&Cache>, id: B256) -> Result<PathBuf, BackendError> {
    let path = cache.map(|cache| cache.root().join(FOLDER).join(name(id)));
    path.filter(|path| path.exists()).ok_or_else(|| BackendError::Srs {
        path: id.to_string(),
        reason: "no powers were imported under this id: `zkinfer setup srs FILE` imports a .ptau file".into(),
    })
}

/// Its first `needed` powers, checked.
pub(super) fn open(path: &Path, id: B256, needed: usize) -> Result<Srs, SrsError> {
    let srs = Srs::open_excerpt(path, needed)?;
    if *srs.id() == id.0 { Ok(srs) } else { Err(SrsError::Inconsistent) }
}
