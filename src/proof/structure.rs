//! How bundles travel together: alone, as a list under one Merkle root, or as a tree of lists.

use super::{Bundle, Statement, merkle::MerkleTree};
use alloy::primitives::B256;

/// The most bundles in one structure.
pub const MAX_BUNDLES: usize = 4096;
/// The deepest tree: a list of bundles has depth 1.
pub const MAX_DEPTH: usize = 8;

/// Why bundles make no structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StructureError {
    /// None, or too many.
    #[error("a structure has 1 to {MAX_BUNDLES} bundles, not {0}")]
    Count(usize),
    /// A branch without children.
    #[error("the tree of bundles has a branch without children")]
    EmptyBranch,
    /// Deeper than [`MAX_DEPTH`].
    #[error("the tree of bundles is deeper than {MAX_DEPTH}")]
    TooDeep,
}

/// One or more bundles in the order in which they are claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Structure {
    /// One bundle.
    Single(Box<Bundle>),
    /// A list.
    Aggregated(Aggregated),
    /// A tree. Nested, not succinct: verifying costs the sum over its bundles.
    Recursive(Recursive),
}

/// A list of bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregated {
    bundles: Vec<Bundle>,
    linked: bool,
}

/// A tree of bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recursive {
    children: Vec<Branch>,
    depth: usize,
}

/// A part of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Branch {
    /// A bundle.
    Leaf(Box<Bundle>),
    /// A tree of its own.
    Inner(Vec<Branch>),
}

impl Aggregated {
    /// A list of independent bundles.
    ///
    /// # Errors
    /// [`StructureError::Count`].
    pub fn new(bundles: Vec<Bundle>) -> Result<Self, StructureError> {
        Self::with_links(bundles, false)
    }

    /// A chain: it claims besides that every bundle's input is the output of the one before. Only a verifier can tell
    /// whether that is so.
    ///
    /// # Errors
    /// [`StructureError::Count`].
    pub fn chain(bundles: Vec<Bundle>) -> Result<Self, StructureError> {
        Self::with_links(bundles, true)
    }

    pub(super) fn with_links(bundles: Vec<Bundle>, linked: bool) -> Result<Self, StructureError> {
        check_count(bundles.len())?;
        Ok(Self { bundles, linked })
    }

    /// The bundles in order; at least one.
    #[must_use]
    pub fn bundles(&self) -> &[Bundle] {
        &self.bundles
    }

    /// Whether it claims to be a chain.
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        self.linked
    }
}

impl Recursive {
    /// A tree.
    ///
    /// # Errors
    /// [`StructureError`].
    pub fn new(children: Vec<Branch>) -> Result<Self, StructureError> {
        let depth = 1 + depth_of(&children, MAX_DEPTH)?;
        let tree = Self { children, depth };
        check_count(count_of(&tree.children))?;
        Ok(tree)
    }

    /// A balanced tree of this depth over the bundles in order: depth 1 is a list. Less deep when there are too few
    /// bundles to branch.
    ///
    /// # Errors
    /// [`StructureError`].
    pub fn balanced(bundles: Vec<Bundle>, depth: usize) -> Result<Self, StructureError> {
        if !(1..=MAX_DEPTH).contains(&depth) {
            return Err(StructureError::TooDeep);
        }
        check_count(bundles.len())?;
        // The least fan-out that `depth` levels need.
        let mut fan = 1usize;
        while fan.saturating_pow(u32::try_from(depth).unwrap_or(u32::MAX)) < bundles.len() {
            fan += 1;
        }
        let mut level: Vec<Branch> = bundles.into_iter().map(|bundle| Branch::Leaf(Box::new(bundle))).collect();
        for _ in 1..depth {
            // The root takes them as they are.
            if level.len() <= fan.max(2) {
                break;
            }
            let mut above = Vec::new();
            let mut rest = level.into_iter().peekable();
            while rest.peek().is_some() {
                above.push(Branch::Inner(rest.by_ref().take(fan.max(2)).collect()));
            }
            level = above;
        }
        Self::new(level)
    }

    /// The branches below the root.
    #[must_use]
    pub fn children(&self) -> &[Branch] {
        &self.children
    }

    /// The most steps from the root to a bundle: at least 1.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth
    }
}

impl Structure {
    /// The bundles in order.
    #[must_use]
    pub fn bundles(&self) -> Vec<&Bundle> {
        match self {
            Self::Single(bundle) => vec![&**bundle],
            Self::Aggregated(list) => list.bundles.iter().collect(),
            Self::Recursive(tree) => {
                let mut bundles = Vec::new();
                collect(&tree.children, &mut bundles);
                bundles
            }
        }
    }

    /// The statements in order, of all bundles.
    #[must_use]
    pub fn statement_ids(&self) -> Vec<B256> {
        self.bundles().iter().flat_map(|bundle| bundle.statements()).map(Statement::id).collect()
    }

    /// The Merkle tree of the statements. The same statements in the same order have the same root, whatever proves them
    /// and however they are nested.
    #[must_use]
    pub fn tree(&self) -> MerkleTree {
        // A bundle has at least one statement and at most 4,096, a structure at least one bundle and at most 4,096:
        // between 1 and `MAX_LEAVES`.
        MerkleTree::new(&self.statement_ids()).unwrap_or_else(|| unreachable!("a structure has 1 to 2^24 statements"))
    }

    /// The root of [`Structure::tree`].
    #[must_use]
    pub fn root(&self) -> B256 {
        self.tree().root()
    }

    /// 0 for a bundle alone, 1 for a list, more for a tree.
    #[must_use]
    pub const fn depth(&self) -> usize {
        match self {
            Self::Single(_) => 0,
            Self::Aggregated(_) => 1,
            Self::Recursive(tree) => tree.depth,
        }
    }

    /// Whether it claims to be a chain.
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        matches!(self, Self::Aggregated(list) if list.linked)
    }
}

impl From<Bundle> for Structure {
    fn from(bundle: Bundle) -> Self {
        Self::Single(Box::new(bundle))
    }
}

fn check_count(count: usize) -> Result<(), StructureError> {
    if (1..=MAX_BUNDLES).contains(&count) { Ok(()) } else { Err(StructureError::Count(count)) }
}

/// Levels of inner branches below; recursion ends after `left` of them.
fn depth_of(branches: &[Branch], left: usize) -> Result<usize, StructureError> {
    if left == 0 {
        return Err(StructureError::TooDeep);
    }
    branches.iter().try_fold(0, |deepest, branch| match branch {
        Branch::Leaf(_) => Ok(deepest),
        Branch::Inner(children) if children.is_empty() => Err(StructureError::EmptyBranch),
        Branch::Inner(children) => Ok(deepest.max(1 + depth_of(children, left - 1)?)),
    })
}

fn count_of(branches: &[Branch]) -> usize {
    branches.iter().map(|branch| if let Branch::Inner(children) = branch { count_of(children) } else { 1 }).sum()
}

fn collect<'a>(branches: &'a [Branch], into: &mut Vec<&'a Bundle>) {
    for branch in branches {
        match branch {
            Branch::Leaf(bundle) => into.push(bundle),
            Branch::Inner(children) => collect(children, into),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::proof::bundle::tests::numbered;

    pub(crate) fn bundles(count: usize) -> Vec<Bundle> {
        (0..count).map(|i| numbered(i as i64)).collect()
    }

    #[test]
    fn balanced_trees_have_the_depth_asked_for_and_keep_the_order() {
        let list = Structure::Aggregated(Aggregated::new(bundles(8)).unwrap());
        for depth in 1..=4 {
            let tree = Recursive::balanced(bundles(8), depth).unwrap();
            assert_eq!(tree.depth(), depth.min(3), "two per branch make depth 3 of eight");
            let tree = Structure::Recursive(tree);
            assert_eq!(tree.bundles(), list.bundles());
            assert_eq!(tree.root(), list.root());
        }
        assert_eq!(Recursive::balanced(bundles(1), 5).unwrap().depth(), 1);
        assert_eq!(Recursive::balanced(bundles(2), 0), Err(StructureError::TooDeep));
        assert_eq!(Recursive::balanced(bundles(2), MAX_DEPTH + 1), Err(StructureError::TooDeep));
    }

    #[test]
    fn trees_are_bounded_and_have_no_empty_branch() {
        let nest = |levels: usize| {
            (1..levels).fold(Branch::Leaf(Box::new(numbered(0))), |inner, _| Branch::Inner(vec![inner]))
        };
        assert_eq!(Recursive::new(vec![nest(MAX_DEPTH)]).unwrap().depth(), MAX_DEPTH);
        assert_eq!(Recursive::new(vec![nest(MAX_DEPTH + 1)]), Err(StructureError::TooDeep));
        assert_eq!(Recursive::new(vec![nest(2), Branch::Inner(vec![])]), Err(StructureError::EmptyBranch));
        assert_eq!(Recursive::new(vec![]), Err(StructureError::Count(0)));
        assert_eq!(Aggregated::new(vec![]), Err(StructureError::Count(0)));
        let many = vec![numbered(0); MAX_BUNDLES + 1];
        assert_eq!(Aggregated::chain(many), Err(StructureError::Count(MAX_BUNDLES + 1)));
    }
}
