//! What was decided for some files, on the disk before anything is made of it: with it the same statements follow, whatever happens in
//! between.

use super::{IntakeError, item};
use crate::{
    chain::submitter::policy::{Assurance, Grouping},
    storage::write_atomic,
};
use alloy::primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

const VERSION: u32 = 1;
const MAX_BYTES: u64 = 4 << 20;

/// What is made of some files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    version: u32,
    /// The id of the intent.
    pub id: B256,
    /// The model of all of them.
    pub model_id: B256,
    /// How much they are to be relied on.
    pub assurance: Assurance,
    /// What goes into one transaction.
    pub grouping: Grouping,
    /// The deadline of all statements, in Unix time.
    pub deadline: u64,
    /// The most that one of them may cost, in wei, without a bond.
    pub ceiling: Option<U256>,
    /// The files, in the order of the statements.
    pub parts: Vec<Part>,
}

/// A file of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Of what is claimed, and for whom.
    pub key: B256,
    /// The 32 bytes that the consumer assigned.
    pub job: B256,
    /// The contract that it is for.
    pub consumer: Address,
}

impl Plan {
    pub(super) fn new(
        (id, model_id): (B256, B256),
        (assurance, grouping): (Assurance, Grouping),
        deadline: u64,
        ceiling: Option<U256>,
        parts: Vec<Part>,
    ) -> Self {
        Self { version: VERSION, id, model_id, assurance, grouping, deadline, ceiling, parts }
    }

    /// Writes it. It is on the disk when this returns.
    pub(super) fn keep(&self, folder: &Path) -> Result<(), IntakeError> {
        let path = self.path(folder);
        let json = serde_json::to_vec_pretty(self).map_err(|error| IntakeError::Refused(error.to_string()))?;
        write_atomic(&path, &json).map_err(|error| IntakeError::Io(error.to_string()))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| IntakeError::io(folder, &error))
    }

    /// All that are there.
    pub(super) fn all(folder: &Path) -> Result<Vec<Self>, IntakeError> {
        let mut plans = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| IntakeError::io(folder, &error))? {
            let path = entry.map_err(|error| IntakeError::io(folder, &error))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let Some(bytes) = item::read(&path, MAX_BYTES)? else { continue };
            let plan: Self = serde_json::from_slice(&bytes)
                .map_err(|error| IntakeError::Io(format!("{} is no plan: {error}; move it away", path.display())))?;
            if plan.version != VERSION {
                return Err(IntakeError::Io(format!("{} is of another release; move it away", path.display())));
            }
            plans.push(plan);
        }
        plans.sort_by_key(|plan| (plan.deadline, plan.id));
        Ok(plans)
    }

    /// Forgets it: it is done, or nothing was made of it.
    pub(super) fn forget(&self, folder: &Path) -> Result<(), IntakeError> {
        let path = self.path(folder);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(IntakeError::io(&path, &error)),
            _ => Ok(()),
        }
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.json", self.id))
    }
}
