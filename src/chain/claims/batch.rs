//! What a batch of claims is about. The chain holds a root; whoever is to check the leaves needs this.

use crate::{
    chain::bindings::IClaimRegistry,
    proof::{Assignment, Context, PublicValues, Statement, bundle::MAX_BUNDLE_BYTES, merkle::MerkleTree},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::SolValue,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The most leaves of a batch: the contract's bound.
pub const MAX_LEAVES: usize = 1 << 12;
/// The largest file of a batch that is read, in bytes.
const MAX_FILE_BYTES: usize = MAX_BUNDLE_BYTES;
const FORMAT: &str = "zkinfer-claim-batch";
const VERSION: u32 = 1;

/// The leaves of a batch, in order, and what they share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimBatch {
    format: String,
    version: u32,
    /// The chain.
    pub chain_id: u64,
    /// The `ProofRegistry` whose statement ids are used.
    pub registry: Address,
    /// The model of every leaf.
    pub model_id: B256,
    /// The submitter of every leaf.
    pub submitter: Address,
    /// The consumer of every leaf; zero: anybody.
    pub consumer: Address,
    /// The deadline of every leaf, in Unix time.
    pub deadline: u64,
    leaves: Vec<LeafClaim>,
}

/// What differs from leaf to leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeafClaim {
    /// The 32 bytes that the consumer assigned.
    pub job: B256,
    /// The public values, canonical bytes by the model's schema.
    pub public_values: Bytes,
}

/// Why this is no batch of claims.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimBatchError {
    /// Larger than is read.
    #[error("the file of a batch has at most {MAX_FILE_BYTES} bytes, not {0}")]
    TooLarge(usize),
    /// Not the JSON of a batch.
    #[error("this is no batch that `zkinfer claim batch` wrote: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Of another format or version.
    #[error("the file's format is `{format}` version {version}; this release reads `{FORMAT}` version {VERSION}")]
    UnknownFormat {
        /// As the file says.
        format: String,
        /// As the file says.
        version: u32,
    },
    /// No leaves, or too many.
    #[error("a batch of claims has 1 to {MAX_LEAVES} leaves, not {0}; split it")]
    Count(usize),
    /// Two leaves that are one statement.
    #[error("leaves {first} and {second} are one statement: give each inference a job of its own (--jobs)")]
    Twice {
        /// The first of them.
        first: usize,
        /// The second.
        second: usize,
    },
}

impl ClaimBatch {
    /// Puts a batch together. `assignment`: what all leaves share; its job is not used.
    ///
    /// # Errors
    /// [`ClaimBatchError::Count`], [`ClaimBatchError::Twice`].
    pub fn new(
        chain_id: u64,
        registry: Address,
        model_id: B256,
        assignment: &Assignment,
        leaves: Vec<LeafClaim>,
    ) -> Result<Self, ClaimBatchError> {
        let (submitter, consumer, deadline) = (assignment.submitter, assignment.consumer, assignment.deadline);
        let (format, version) = (FORMAT.into(), VERSION);
        Self { format, version, chain_id, registry, model_id, submitter, consumer, deadline, leaves }.checked()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ClaimBatchError`].
    pub fn from_json(json: &[u8]) -> Result<Self, ClaimBatchError> {
        if json.len() > MAX_FILE_BYTES {
            return Err(ClaimBatchError::TooLarge(json.len()));
        }
        let batch: Self = serde_json::from_slice(json)?;
        if batch.format != FORMAT || batch.version != VERSION {
            return Err(ClaimBatchError::UnknownFormat { format: batch.format, version: batch.version });
        }
        batch.checked()
    }

    /// The file: JSON, and always the same bytes for the same batch.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and numbers: nothing that serde_json can refuse.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    fn checked(self) -> Result<Self, ClaimBatchError> {
        if self.leaves.is_empty() || self.leaves.len() > MAX_LEAVES {
            return Err(ClaimBatchError::Count(self.leaves.len()));
        }
        let mut seen = HashMap::new();
        for (second, id) in self.statement_ids().into_iter().enumerate() {
            if let Some(first) = seen.insert(id, second) {
                return Err(ClaimBatchError::Twice { first, second });
            }
        }
        Ok(self)
    }

    /// The leaves; at least one.
    #[must_use]
    pub fn leaves(&self) -> &[LeafClaim] {
        &self.leaves
    }

    /// The statement of a leaf; `None` past the end.
    #[must_use]
    pub fn statement(&self, index: usize) -> Option<Statement> {
        let leaf = self.leaves.get(index)?;
        let (submitter, consumer, deadline) = (self.submitter, self.consumer, self.deadline);
        let assignment = Assignment { submitter, consumer, job: leaf.job, deadline };
        let context = Context::Chain { chain_id: self.chain_id, registry: self.registry, assignment };
        let public_values = PublicValues::from_bytes(leaf.public_values.clone());
        Some(Statement { model_id: self.model_id, public_values, context })
    }

    /// The ids of all statements, in order.
    #[must_use]
    pub fn statement_ids(&self) -> Vec<B256> {
        (0..self.leaves.len()).filter_map(|index| self.statement(index)).map(|statement| statement.id()).collect()
    }

    /// The batch as the contract's calls take it.
    #[must_use]
    pub fn batch(&self) -> IClaimRegistry::Batch {
        IClaimRegistry::Batch {
            modelId: self.model_id,
            submitter: self.submitter,
            consumer: self.consumer,
            deadline: self.deadline,
            root: self.tree().map(|tree| tree.root()).unwrap_or_default(),
            // At most `MAX_LEAVES`.
            count: u16::try_from(self.leaves.len()).unwrap_or_default(),
        }
    }

    /// Its id in a claim registry.
    #[must_use]
    pub fn id(&self, claim_registry: Address) -> B256 {
        batch_id(self.chain_id, claim_registry, &self.batch())
    }

    /// Some leaves as they are shown in an answer; `None` when there is none of such a number.
    #[must_use]
    pub fn shown(&self, indexes: &[u16]) -> Option<Vec<IClaimRegistry::Leaf>> {
        let tree = self.tree()?;
        let show = |&index: &u16| {
            let leaf = self.leaves.get(usize::from(index))?;
            let path = tree.prove(usize::from(index))?.siblings;
            Some(IClaimRegistry::Leaf { index, job: leaf.job, publicValues: leaf.public_values.clone(), path })
        };
        indexes.iter().map(show).collect()
    }

    fn tree(&self) -> Option<MerkleTree> {
        MerkleTree::new(&self.statement_ids())
    }
}

/// The id of a batch of claims: `docs/identities.md`.
#[must_use]
pub fn batch_id(chain_id: u64, claim_registry: Address, batch: &IClaimRegistry::Batch) -> B256 {
    let tag = keccak256("zkinfer/claim-batch/v1");
    keccak256((tag, U256::from(chain_id), claim_registry, *batch).abi_encode_params())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(leaves: u8) -> Result<ClaimBatch, ClaimBatchError> {
        let address = Address::repeat_byte;
        let assignment = Assignment { submitter: address(1), consumer: address(2), job: B256::ZERO, deadline: 9 };
        let leaf = |n| LeafClaim { job: B256::repeat_byte(n), public_values: vec![n; 4].into() };
        ClaimBatch::new(31337, address(3), B256::repeat_byte(4), &assignment, (0..leaves).map(leaf).collect())
    }

    #[test]
    fn files_are_what_was_written_and_nothing_else() {
        let whole = batch(5).unwrap();
        let json = String::from_utf8(whole.to_json()).unwrap();
        assert_eq!(ClaimBatch::from_json(json.as_bytes()).unwrap(), whole);
        for bad in [
            String::new(),
            json.replace("zkinfer-claim-batch", "zkinfer-bundle"),
            json.replace("\"version\": 1", "\"version\": 2"),
            json.replacen("\"chainId\"", "\"more\": 1, \"chainId\"", 1),
            json.replace("\"job\"", "\"jobs\""),
        ] {
            assert!(ClaimBatch::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(matches!(batch(0), Err(ClaimBatchError::Count(0))));
    }

    #[test]
    fn leaves_that_are_one_statement_are_refused_and_shown_ones_are_in_the_tree() {
        let mut twice = batch(3).unwrap();
        twice.leaves[2] = twice.leaves[0].clone();
        let error = ClaimBatch::from_json(&twice.to_json()).unwrap_err();
        assert!(matches!(error, ClaimBatchError::Twice { first: 0, second: 2 }), "{error}");

        let whole = batch(5).unwrap();
        let root = whole.batch().root;
        for shown in whole.shown(&[4, 1]).unwrap() {
            let (index, count) = (usize::from(shown.index), 5);
            let proof = crate::proof::merkle::InclusionProof { index, count, siblings: shown.path };
            assert!(proof.verify(root, whole.statement(index).unwrap().id()));
        }
        assert!(whole.shown(&[5]).is_none() && whole.statement(5).is_none());
    }

    /// Everything that a batch is, and where, is in its id.
    #[test]
    fn an_id_is_of_one_batch_in_one_registry_on_one_chain() {
        let (whole, here) = (batch(3).unwrap(), Address::repeat_byte(7));
        let id = whole.id(here);
        let changes: [fn(&mut ClaimBatch); 6] = [
            |b| b.chain_id = 1,
            |b| b.registry = Address::ZERO,
            |b| b.model_id = B256::ZERO,
            |b| b.consumer = Address::ZERO,
            |b| b.deadline += 1,
            |b| b.leaves.truncate(2),
        ];
        for change in changes {
            let mut other = whole.clone();
            change(&mut other);
            assert_ne!(other.id(here), id);
        }
        assert_ne!(whole.id(Address::ZERO), id);
    }
}
