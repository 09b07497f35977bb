//! `TreeEnsemble` of `ai.onnx.ml` 5: leaves apart from inner nodes, and roots by name.

use super::{
    Load, Made, Step,
    trees::{Inner, Tree, Walked, Weights},
};
use crate::model::graph::{GraphError, load, operators::Operator, proto, tensor::Tensor};
use std::collections::HashMap;

/// The numbers of modes: equal, not equal, one of several.
const EQUAL: i64 = 4;
const UNEQUAL: i64 = 5;
const MEMBER: i64 = 6;

/// The inner nodes of all trees.
struct Nodes {
    features: Vec<i64>,
    splits: Vec<f32>,
    modes: Vec<i64>,
    /// Of every node that asks for membership, the members.
    members: HashMap<usize, Vec<f32>>,
    /// Where yes and no lead, and whether that is a leaf.
    yes: Vec<(i64, bool)>,
    no: Vec<(i64, bool)>,
}

impl<'a> Step<'_, 'a> {
    pub(super) fn tree_ensemble(&mut self, load: Load<'_, 'a>) -> Made {
        let (x, rows, columns) = self.rows()?;
        let nodes = self.nodes(load)?;
        let (targets, weights) = (self.int_list("leaf_targetids")?, self.stored(load, "leaf_weights")?);
        let weights = weights.as_floats().map(<[f32]>::to_vec).filter(|weights| weights.len() == targets.len());
        let weights = weights.ok_or_else(|| self.refuse("has leaf_weights that do not fit its leaves"))?;
        let outputs =
            usize::try_from(self.call.int("n_targets").unwrap_or(1)).ok().filter(|n| (1..1 << 16).contains(n));
        let outputs = outputs.ok_or_else(|| self.refuse("has no targets"))?;
        let (mut trees, mut leaves, mut mode) = (Vec::new(), Weights::new(), None);
        for (id, root) in (0..).zip(self.int_list("tree_roots")?) {
            let tree = self.grown(root, &nodes, columns, targets.len(), &mut mode)?;
            for &leaf in &tree.leaves {
                let at = (leaf - nodes.features.len() as i64) as usize;
                let target = usize::try_from(targets[at]).ok().filter(|&target| target < outputs);
                let target = target.ok_or_else(|| self.refuse(format!("has a leaf for the target {}", targets[at])))?;
                leaves.insert((id, leaf), vec![(target, weights[at])]);
            }
            trees.push(Walked { id, paths: self.paths(&tree)?, inner: tree.inner });
        }
        let mode = match mode.unwrap_or(0) {
            0 => Operator::LessOrEqual,
            1 => Operator::Less,
            2 => Operator::GreaterOrEqual,
            3 => Operator::Greater,
            other => return Err(self.refuse(format!("has the unknown mode {other}"))),
        };
        let mut scores = self.ensemble(&x, rows, &trees, mode, &leaves, outputs)?;
        match self.call.int("aggregate_function").unwrap_or(1) {
            0 => {
                let count = self.number(trees.len() as f32);
                scores = self.plain(Operator::Div, &[&scores, &count])?;
            }
            1 => {}
            _ => return Err(self.refuse("takes the least or the greatest of its trees, which is not read")),
        }
        if self.call.int("post_transform").unwrap_or(0) != 0 {
            return Err(self.refuse("has a post_transform, which is not read"));
        }
        Ok(vec![scores])
    }

    fn stored(&self, load: Load<'_, 'a>, name: &str) -> Result<Tensor, GraphError> {
        load(self.call.attribute(name).ok_or_else(|| self.refuse(format!("has no {name}")))?)
    }

    fn nodes(&self, load: Load<'_, 'a>) -> Result<Nodes, GraphError> {
        let features = self.int_list("nodes_featureids")?;
        let (mut splits, modes) = (self.marked("nodes_splits")?, self.stored(load, "nodes_modes")?);
        let modes = modes.as_ints().map(<[i64]>::to_vec).unwrap_or_default();
        let turns = |side: &str| -> Result<Vec<(i64, bool)>, GraphError> {
            let ids = self.int_list(&format!("nodes_{side}nodeids"))?;
            let leaves = self.int_list(&format!("nodes_{side}leafs"))?;
            let fit = ids.len() == features.len() && leaves.len() == features.len();
            let turns = fit.then(|| ids.into_iter().zip(leaves.into_iter().map(|leaf| leaf != 0)).collect());
            turns.ok_or_else(|| self.refuse("has lists of nodes of different lengths"))
        };
        let (yes, no) = (turns("true")?, turns("false")?);
        if [splits.len(), modes.len()] != [features.len(); 2] {
            return Err(self.refuse("has lists of nodes of different lengths"));
        }
        let members = self.members(&modes, &mut splits)?;
        Ok(Nodes { features, splits, modes, members, yes, no })
    }

    fn marked(&self, name: &str) -> Result<Vec<f32>, GraphError> {
        match self.call.attribute(name) {
            Some(proto::Value::Tensor(tensor)) => load::marked(tensor, name),
            _ => Ok(Vec::new()),
        }
    }

    /// The members that nodes ask for, with NaN behind those of each; such a node has no split.
    fn members(&self, modes: &[i64], splits: &mut [f32]) -> Result<HashMap<usize, Vec<f32>>, GraphError> {
        let all = self.marked("membership_values")?;
        let mut lists = all.split(|number| number.is_nan());
        let mut found = HashMap::new();
        for (at, split) in splits.iter_mut().enumerate() {
            if modes[at] == MEMBER {
                let list = lists.next().ok_or_else(|| self.refuse("has too few membership_values"))?;
                // Every member counts once.
                let mut list = list.to_vec();
                list.sort_by(f32::total_cmp);
                list.dedup();
                found.insert(at, list);
                *split = 0.0;
            }
        }
        let numbers = found.values().flatten().chain(&*splits);
        match numbers.into_iter().find(|number| !number.is_finite()) {
            Some(number) => Err(self.refuse(format!("compares with {number}, which is not finite"))),
            None => Ok(found),
        }
    }

    /// What a root leads to; leaves are numbered after all inner nodes.
    fn grown(
        &self,
        root: i64,
        nodes: &Nodes,
        columns: usize,
        leaves: usize,
        mode: &mut Option<i64>,
    ) -> Result<Tree, GraphError> {
        let count = nodes.features.len() as i64;
        let mut tree = Tree { root: Some(root), ..Tree::default() };
        let mut todo = vec![root];
        while let Some(id) = todo.pop() {
            let beyond = || self.refuse(format!("leads to the node {id}, which is not there"));
            if id >= count && id - count < leaves as i64 {
                tree.leaves.insert(id);
                continue;
            }
            let at = usize::try_from(id).ok().filter(|&at| at < nodes.features.len()).ok_or_else(beyond)?;
            if tree.inner.contains_key(&id) {
                return Err(self.refuse("has a tree that leads back into itself"));
            }
            let members = match nodes.modes[at] {
                EQUAL | UNEQUAL => Some(vec![nodes.splits[at]]),
                MEMBER => nodes.members.get(&at).cloned(),
                other if *mode.get_or_insert(other) != other => {
                    return Err(self.refuse("compares in several ways, which is not read"));
                }
                _ => None,
            };
            let feature = usize::try_from(nodes.features[at]).ok().filter(|&feature| feature < columns);
            let feature =
                feature.ok_or_else(|| self.refuse(format!("compares feature {} of {columns}", nodes.features[at])))?;
            let next = |(next, leaf): (i64, bool)| match (leaf, (0..count.max(leaves as i64)).contains(&next)) {
                (true, true) => Ok(count + next),
                (false, true) => Ok(next),
                _ => Err(self.refuse(format!("leads to the node {next}, which is not there"))),
            };
            let (mut yes, mut no) = (next(nodes.yes[at])?, next(nodes.no[at])?);
            if nodes.modes[at] == UNEQUAL {
                std::mem::swap(&mut yes, &mut no);
            }
            tree.inner.insert(id, Inner { feature, threshold: nodes.splits[at], yes, no, members });
            // A tree that is a single leaf has a node that leads there both ways.
            todo.extend([yes, no]);
        }
        Ok(tree)
    }
}
