//! Merkle trees over statements: many claims under one root, each with a short proof that it is among them.
//!
//! A leaf is `keccak256("zkinfer/leaf/v1" ‖ statement id)`, a node `keccak256(left ‖ right)`. A leaf is hashed from 47 bytes
//! and a node from 64, so that neither can be taken for the other. A node without a sibling moves up unchanged: nothing is
//! hashed twice, and no two lists have one root.

use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};

/// Shorter than 32 bytes: see the [module](self).
const LEAF_TAG: &[u8] = b"zkinfer/leaf/v1";
/// No list is longer, so that an [`InclusionProof`] is bounded.
pub const MAX_LEAVES: usize = 1 << 24;

/// A tree with all its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleTree {
    /// Leaves first; the last level is the root alone.
    levels: Vec<Vec<B256>>,
}

/// That a statement is one of a tree's, at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InclusionProof {
    /// The statement's place, from 0.
    pub index: usize,
    /// How many statements the tree has.
    pub count: usize,
    /// The nodes beside the way up, lowest first.
    pub siblings: Vec<B256>,
}

impl MerkleTree {
    /// The tree of an ordered list; `None` when it is empty or longer than [`MAX_LEAVES`].
    #[must_use]
    pub fn new(statement_ids: &[B256]) -> Option<Self> {
        if statement_ids.is_empty() || statement_ids.len() > MAX_LEAVES {
            return None;
        }
        let mut level: Vec<B256> = statement_ids.iter().copied().map(leaf).collect();
        let mut levels = Vec::new();
        while level.len() > 1 {
            let above = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node(*left, *right),
                    alone => alone.iter().copied().fold(B256::ZERO, |_, hash| hash),
                })
                .collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        levels.push(level);
        Some(Self { levels })
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> B256 {
        // `new` ends with a level of one node.
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// Shows that the statement at `index` is in the tree; `None` past its end.
    #[must_use]
    pub fn prove(&self, index: usize) -> Option<InclusionProof> {
        let count = self.levels.first()?.len();
        if index >= count {
            return None;
        }
        let siblings = self.levels.iter().enumerate().filter_map(|(height, level)| {
            let at = index >> height;
            level.get(at ^ 1).copied()
        });
        Some(InclusionProof { index, count, siblings: siblings.collect() })
    }
}

impl InclusionProof {
    /// Whether `statement_id` is at this place of the list that `root` names.
    #[must_use]
    pub fn verify(&self, root: B256, statement_id: B256) -> bool {
        if self.count > MAX_LEAVES || self.index >= self.count {
            return false;
        }
        let mut siblings = self.siblings.iter();
        let (mut hash, mut at, mut width) = (leaf(statement_id), self.index, self.count);
        while width > 1 {
            if at ^ 1 < width {
                let Some(&sibling) = siblings.next() else { return false };
                hash = if at & 1 == 0 { node(hash, sibling) } else { node(sibling, hash) };
            }
            (at, width) = (at >> 1, width.div_ceil(2));
        }
        siblings.next().is_none() && hash == root
    }
}

fn leaf(statement_id: B256) -> B256 {
    keccak256([LEAF_TAG, statement_id.as_slice()].concat())
}

fn node(left: B256, right: B256) -> B256 {
    keccak256([left, right].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(count: usize) -> Vec<B256> {
        (0..count).map(|i| keccak256(i.to_be_bytes())).collect()
    }

    #[test]
    fn every_statement_of_every_small_tree_has_a_proof_and_no_other_place() {
        for count in 1..=17 {
            let ids = ids(count);
            let tree = MerkleTree::new(&ids).unwrap();
            for (index, &id) in ids.iter().enumerate() {
                let proof = tree.prove(index).unwrap();
                assert!(proof.verify(tree.root(), id), "{index} of {count}");
                assert!(!proof.verify(tree.root(), keccak256(id)));
                let moved = InclusionProof { index: (index + 1) % count, ..proof.clone() };
                assert!(count == 1 || !moved.verify(tree.root(), id), "{index} of {count}");
                let mut longer = proof.clone();
                longer.siblings.push(B256::ZERO);
                assert!(!longer.verify(tree.root(), id));
                let mut shorter = proof;
                assert!(shorter.siblings.pop().is_none() || !shorter.verify(tree.root(), id));
            }
            assert!(tree.prove(count).is_none());
        }
    }

    #[test]
    fn a_node_is_no_leaf() {
        let ids = ids(4);
        let (tree, pair) = (MerkleTree::new(&ids).unwrap(), [leaf(ids[0]), leaf(ids[1])]);
        // Without the tag, the list of the two inner nodes would have the root of the four leaves.
        let inner = [node(pair[0], pair[1]), node(leaf(ids[2]), leaf(ids[3]))];
        assert_ne!(MerkleTree::new(&inner).unwrap().root(), tree.root());
        assert_eq!(node(inner[0], inner[1]), tree.root());
        assert!(LEAF_TAG.len() < 32);
    }

    #[test]
    fn no_statement_is_none_and_a_repeated_last_one_is_another_list() {
        assert!(MerkleTree::new(&[]).is_none());
        let three = ids(3);
        let four = [&three[..], &three[2..]].concat();
        assert_ne!(MerkleTree::new(&three).unwrap().root(), MerkleTree::new(&four).unwrap().root());
        let huge = InclusionProof { index: 0, count: usize::MAX, siblings: vec![] };
        assert!(!huge.verify(B256::ZERO, B256::ZERO));
    }

    /// Places that no tree has, with hashes that fit.
    #[test]
    fn a_proof_has_a_place_in_a_tree_that_can_be() {
        let id = ids(1)[0];
        let at = |index| InclusionProof { index, count: 1, siblings: vec![] }.verify(leaf(id), id);
        assert_eq!([at(0), at(1), at(usize::MAX)], [true, false, false]);
        let of = |count: usize, levels: usize| {
            let siblings = vec![B256::repeat_byte(7); levels];
            let root = siblings.iter().fold(leaf(id), |hash, sibling| node(hash, *sibling));
            InclusionProof { index: 0, count, siblings }.verify(root, id)
        };
        assert!(of(MAX_LEAVES, 24));
        assert!(!of(MAX_LEAVES + 1, 25));
    }

    proptest! {
        #[test]
        fn other_lists_have_other_roots(count in 1usize..40, at in 0usize..40, seed in any::<u64>()) {
            let mut ids = ids(count);
            let root = MerkleTree::new(&ids).unwrap().root();
            ids[at % count] = keccak256(seed.to_le_bytes());
            prop_assert_ne!(MerkleTree::new(&ids).unwrap().root(), root);
        }
    }
}
