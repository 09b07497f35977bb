//! Ensembles of decision trees as products of matrices.
//!
//! For every tree: which inner nodes say yes is a comparison; a leaf is reached when all inner nodes on its path say what the
//! path takes: their signed sum is then the number of yes on the path, and less for every other leaf, so that a ReLU of the sum
//! and a bias is 1 or 0. The weights of the leaves of all trees are one more product. Trees are filled up to the size of the
//! largest, so that all go at once. This is nearly the "GEMM strategy" of Nakandala et al., "A Tensor Compiler for Unified
//! Machine Learning Prediction Serving" (2020).

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Numbers that the matrices of an ensemble may have.
const MAX_NUMBERS: usize = 1 << 26;

/// An inner node: the feature that it compares, with what, and where it goes.
pub(super) struct Inner {
    pub(super) feature: usize,
    pub(super) threshold: f32,
    pub(super) yes: i64,
    pub(super) no: i64,
    /// What it compares with where it asks for equality with one of several.
    pub(super) members: Option<Vec<f32>>,
}

/// A tree by the ids of its nodes.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) inner: BTreeMap<i64, Inner>,
    pub(super) leaves: HashSet<i64>,
    pub(super) root: Option<i64>,
}

/// What each leaf adds, by tree and node: outputs and weights.
pub(super) type Weights = HashMap<(i64, i64), Vec<(usize, f32)>>;

/// A tree with the paths to its leaves.
pub(super) struct Walked {
    pub(super) id: i64,
    pub(super) paths: Vec<Path>,
    pub(super) inner: BTreeMap<i64, Inner>,
}

/// A leaf, and the inner nodes on its path with what they say.
pub(super) struct Path {
    leaf: i64,
    turns: Vec<(i64, bool)>,
}

impl Step<'_, '_> {
    pub(super) fn trees(&mut self) -> Made {
        let (x, rows, columns) = self.rows()?;
        let (trees, mode) = self.read_trees(columns)?;
        let classifier = self.call.operator == "TreeEnsembleClassifier";
        let prefix = if classifier { "class" } else { "target" };
        let weights = self.leaf_weights(prefix)?;
        let ids = weights.values().flatten().map(|&(id, _)| id).max().map_or(0, |id| id + 1);
        let outputs = if classifier {
            // One column of weights may speak for two classes.
            if ids <= 1 && self.classes() == 2 { 1 } else { self.classes() }
        } else {
            usize::try_from(self.call.int("n_targets").unwrap_or(1)).unwrap_or(0)
        };
        if outputs == 0 || ids > outputs {
            return Err(self.refuse(format!("has weights for {ids} outputs and {outputs} of them")));
        }
        let positive = weights.values().flatten().all(|&(_, weight)| weight >= 0.0);
        let mut scores = self.ensemble(&x, rows, &trees, mode, &weights, outputs)?;
        if !classifier && self.call.text("aggregate_function").unwrap_or("SUM") == "AVERAGE" {
            let count = self.number(trees.len() as f32);
            scores = self.plain(Operator::Div, &[&scores, &count])?;
        }
        if let Some(base) = self.call.floats("base_values").filter(|base| !base.is_empty()).map(<[f32]>::to_vec) {
            if base.len() != outputs && !(classifier && outputs == 1) {
                return Err(self.refuse("has base_values that do not fit its outputs"));
            }
            let base = base[..outputs.min(base.len())].to_vec();
            let base = self.constant_of(Tensor::floats(vec![base.len()], base));
            scores = self.plain(Operator::Add, &[&scores, &base])?;
        }
        if !classifier {
            return Ok(vec![self.post_transform(&scores)?]);
        }
        let scores = if outputs == 1 { self.single_score(&scores, positive)? } else { self.post_transform(&scores)? };
        self.with_label(scores)
    }

    /// The only score is that of the second class. With weights that are all positive it is a probability; this is what ONNX
    /// Runtime does, the specification leaves it open.
    fn single_score(&mut self, score: &Operand, positive: bool) -> Result<Operand, GraphError> {
        if !positive {
            return self.both_classes(score);
        }
        if self.call.text("post_transform").unwrap_or("NONE") != "NONE" {
            return Err(self.refuse("has a post_transform of probabilities, about which implementations differ"));
        }
        let one = self.number(1.0);
        let first = self.plain(Operator::Sub, &[&one, score])?;
        self.apply(Operator::Concat, Attributes::of([("axis", 1.into())]), &[&first, score])
    }

    pub(super) fn int_list(&self, name: &str) -> Result<Vec<i64>, GraphError> {
        Ok(self.call.ints(name).ok_or_else(|| self.refuse(format!("has no {name}")))?.to_vec())
    }

    fn float_list(&self, name: &str) -> Result<Vec<f32>, GraphError> {
        Ok(self.call.floats(name).ok_or_else(|| self.refuse(format!("has no {name}")))?.to_vec())
    }

    fn read_trees(&self, columns: usize) -> Result<(Vec<Walked>, Operator), GraphError> {
        let (trees, nodes) = (self.int_list("nodes_treeids")?, self.int_list("nodes_nodeids")?);
        let (features, values) = (self.int_list("nodes_featureids")?, self.float_list("nodes_values")?);
        let (yes, no) = (self.int_list("nodes_truenodeids")?, self.int_list("nodes_falsenodeids")?);
        let modes = self.call.texts("nodes_modes").ok_or_else(|| self.refuse("has no nodes_modes"))?;
        let n = trees.len();
        if [nodes.len(), features.len(), values.len(), yes.len(), no.len(), modes.len()] != [n; 6] {
            return Err(self.refuse("has lists of nodes of different lengths"));
        }
        let mut mode: Option<&str> = None;
        let mut found: BTreeMap<i64, Tree> = BTreeMap::new();
        for at in 0..n {
            let tree = found.entry(trees[at]).or_default();
            // The first node of a tree is its root.
            tree.root.get_or_insert(nodes[at]);
            if modes[at] == "LEAF" {
                tree.leaves.insert(nodes[at]);
                continue;
            }
            if *mode.get_or_insert(&modes[at]) != modes[at] {
                return Err(self.refuse("compares in several ways, which is not read"));
            }
            let feature = usize::try_from(features[at]).ok().filter(|&feature| feature < columns);
            let feature =
                feature.ok_or_else(|| self.refuse(format!("compares feature {} of {columns}", features[at])))?;
            tree.inner
                .insert(nodes[at], Inner { feature, threshold: values[at], yes: yes[at], no: no[at], members: None });
        }
        let mode = match mode {
            None | Some("BRANCH_LEQ") => Operator::LessOrEqual,
            Some("BRANCH_LT") => Operator::Less,
            Some("BRANCH_GT") => Operator::Greater,
            Some("BRANCH_GTE") => Operator::GreaterOrEqual,
            Some(other) => return Err(self.refuse(format!("compares by {other}, which is not read"))),
        };
        let paths = |(id, tree): (i64, Tree)| self.paths(&tree).map(|paths| Walked { id, paths, inner: tree.inner });
        Ok((found.into_iter().map(paths).collect::<Result<_, _>>()?, mode))
    }

    /// Every leaf that the root leads to.
    pub(super) fn paths(&self, tree: &Tree) -> Result<Vec<Path>, GraphError> {
        let mut found = Vec::new();
        let mut todo: Vec<(i64, Vec<(i64, bool)>)> = tree.root.map(|root| (root, Vec::new())).into_iter().collect();
        while let Some((node, turns)) = todo.pop() {
            let Some(inner) = tree.inner.get(&node) else {
                if !tree.leaves.contains(&node) {
                    return Err(self.refuse(format!("leads to the node {node}, which is not there")));
                }
                found.push(Path { leaf: node, turns });
                continue;
            };
            if turns.len() > tree.inner.len() || found.len() > tree.leaves.len() {
                return Err(self.refuse("has a tree that leads back into itself"));
            }
            for (next, turn) in [(inner.yes, true), (inner.no, false)] {
                todo.push((next, [&turns[..], &[(node, turn)]].concat()));
            }
        }
        Ok(found)
    }

    fn leaf_weights(&self, prefix: &str) -> Result<Weights, GraphError> {
        let (trees, nodes) =
            (self.int_list(&format!("{prefix}_treeids"))?, self.int_list(&format!("{prefix}_nodeids"))?);
        let (ids, weights) = (self.int_list(&format!("{prefix}_ids"))?, self.float_list(&format!("{prefix}_weights"))?);
        if [nodes.len(), ids.len(), weights.len()] != [trees.len(); 3] {
            return Err(self.refuse("has lists of weights of different lengths"));
        }
        let mut found = Weights::new();
        for at in 0..trees.len() {
            let id = usize::try_from(ids[at]).ok().filter(|&id| id < 1 << 16);
            let id = id.ok_or_else(|| self.refuse(format!("has a weight for the output {}", ids[at])))?;
            found.entry((trees[at], nodes[at])).or_default().push((id, weights[at]));
        }
        Ok(found)
    }

    pub(super) fn ensemble(
        &mut self,
        x: &Operand,
        rows: usize,
        trees: &[Walked],
        mode: Operator,
        weights: &Weights,
        outputs: usize,
    ) -> Result<Operand, GraphError> {
        let count = trees.len();
        // Powers of two: the distance from one tree to the next is summed in closed form then, also for many trees.
        let inner = trees.iter().map(|tree| tree.inner.len()).max().unwrap_or(0).max(1).next_power_of_two();
        let leaves = trees.iter().map(|tree| tree.paths.len()).max().unwrap_or(0).max(1).next_power_of_two();
        let size = count.checked_mul(leaves).and_then(|n| n.checked_mul(inner.max(outputs)));
        if size.is_none_or(|size| size > MAX_NUMBERS) {
            return Err(self.refuse(format!("has {count} trees of up to {leaves} leaves, which is too much")));
        }
        let mut features = vec![0i64; count * inner];
        let mut thresholds = vec![0.0f32; count * inner];
        let mut signs = vec![0.0f32; count * inner * leaves];
        // A leaf that is not there is never reached.
        let mut bias = vec![-1.0; count * leaves];
        let mut values = vec![0.0f32; count * leaves * outputs];
        for (tree, Walked { id, paths, inner: nodes }) in trees.iter().enumerate() {
            let places: HashMap<i64, usize> = nodes.keys().copied().zip(0..).collect();
            for (node, place) in nodes.values().zip(tree * inner..) {
                (features[place], thresholds[place]) = (node.feature as i64, node.threshold);
            }
            for (leaf, path) in paths.iter().enumerate() {
                for (node, turn) in &path.turns {
                    signs[(tree * inner + places[node]) * leaves + leaf] = if *turn { 1.0 } else { -1.0 };
                }
                bias[tree * leaves + leaf] = 1.0 - path.turns.iter().filter(|(_, turn)| *turn).count() as f32;
                for &(output, weight) in weights.get(&(*id, path.leaf)).into_iter().flatten() {
                    values[(tree * leaves + leaf) * outputs + output] += weight;
                }
            }
        }
        let features = self.list(&features);
        let thresholds = self.constant_of(Tensor::floats(vec![count, inner], thresholds));
        let signs = self.constant_of(Tensor::floats(vec![count, inner, leaves], signs));
        let bias = self.constant_of(Tensor::floats(vec![count, 1, leaves], bias));
        let values = self.constant_of(Tensor::floats(vec![count * leaves, outputs], values));
        let picked = self.apply(Operator::Gather, Attributes::of([("axis", 1.into())]), &[x, &features])?;
        // Trees have an axis of their own from here on: what reads one after the other then goes along one axis.
        let picked = self.reshaped(&picked, &[rows, count, inner])?;
        let compared = self.plain(mode, &[&picked, &thresholds])?;
        let says = self.cast(&compared, Element::Float32)?;
        let says = self.with_members(x, &says, trees, rows, inner)?;
        let says = self.transposed(&says, &[1, 0, 2])?;
        let sums = self.plain(Operator::MatMul, &[&says, &signs])?;
        let sums = self.plain(Operator::Add, &[&sums, &bias])?;
        let reached = self.plain(Operator::Relu, &[&sums])?;
        let reached = self.transposed(&reached, &[1, 0, 2])?;
        let reached = self.reshaped(&reached, &[rows, count * leaves])?;
        self.plain(Operator::MatMul, &[&reached, &values])
    }

    /// Nodes that ask whether a feature is one of several numbers: a sum of comparisons, in the places of those nodes.
    fn with_members(
        &mut self,
        x: &Operand,
        says: &Operand,
        trees: &[Walked],
        rows: usize,
        inner: usize,
    ) -> Result<Operand, GraphError> {
        let (mut features, mut numbers, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (tree, walked) in trees.iter().enumerate() {
            for (node, place) in walked.inner.values().zip(tree * inner..) {
                for member in node.members.iter().flatten() {
                    features.push(node.feature as i64);
                    numbers.push(*member);
                    places.push(place);
                }
            }
        }
        if places.is_empty() {
            return Ok(says.clone());
        }
        let (count, width) = (places.len(), trees.len() * inner);
        self.builder.afford(self.call, count.saturating_mul(width))?;
        let (mut others, mut sums) = (vec![1.0; width], vec![0.0; count * width]);
        for (row, &place) in places.iter().enumerate() {
            others[place] = 0.0;
            sums[row * width + place] = 1.0;
        }
        let (features, numbers) = (self.list(&features), self.constant_of(Tensor::floats(vec![count], numbers)));
        let sums = self.constant_of(Tensor::floats(vec![count, width], sums));
        let others = self.constant_of(Tensor::floats(vec![trees.len(), inner], others));
        let picked = self.apply(Operator::Gather, Attributes::of([("axis", 1.into())]), &[x, &features])?;
        let same = self.plain(Operator::Equal, &[&picked, &numbers])?;
        let same = self.cast(&same, Element::Float32)?;
        let asked = self.plain(Operator::MatMul, &[&same, &sums])?;
        let asked = self.reshaped(&asked, &[rows, trees.len(), inner])?;
        let compared = self.plain(Operator::Mul, &[says, &others])?;
        self.plain(Operator::Add, &[&compared, &asked])
    }
}
