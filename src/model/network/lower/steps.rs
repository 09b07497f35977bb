//! Steps: pushing them, their dimensions, their copies.

use super::{Lowered, Lowering, MAX_AXIS, refuse};
use crate::model::{
    graph::Node,
    network::plan::{Step, Then, Work},
};
use std::cmp::Ordering;
use zkinfer_prover::network::Linear;

impl<'g> Lowering<'g> {
    pub(super) fn push(&mut self, from: Vec<usize>, dims: Vec<u32>, work: Work, then: Then) -> usize {
        let (node, operator) = self.node.clone();
        let nonnegative = match work {
            Work::Input => !self.plan.is_offset(self.plan.steps.len()),
            Work::Linear { .. } | Work::Floor { .. } => false,
            Work::Compare(_) | Work::Exponentials(_) | Work::Reciprocals | Work::ScaleRows => true,
            Work::Variances | Work::InverseRoots { .. } | Work::RootBounds => true,
            Work::Normalize(_) => false,
            Work::Products(ref products) => {
                !products.scores && from.iter().all(|&source| self.plan.steps[source].nonnegative)
            }
            Work::Constant(ref numbers) => numbers.iter().all(|x| *x >= 0.0),
            Work::Function(ref of) => {
                let source = &self.plan.steps[from[0]];
                let reach = 4.0 * self.headroom * self.greatest(from[0]).max(f64::MIN_POSITIVE);
                let first = if source.nonnegative { 0 } else { -512 };
                (first..=512).all(|i| of.at(f64::from(i) / 512.0 * reach).partial_cmp(&0.0) != Some(Ordering::Less))
            }
            // A square.
            Work::Mul if from[0] == from[1] => true,
            Work::Choose(_) => from[1..].iter().all(|&source| self.plan.steps[source].nonnegative),
            _ => from.iter().all(|&source| self.plan.steps[source].nonnegative),
        };
        let nonnegative = nonnegative || then.low() >= 0.0;
        self.plan.steps.push(Step { node, operator, from, dims, work, then, nonnegative });
        self.plan.steps.len() - 1
    }

    /// A linear step, whose zeros outside of its source mean 0.
    pub(super) fn linear(
        &mut self,
        from: usize,
        dims: Vec<u32>,
        op: Linear,
        weights: Vec<f64>,
        bias: Vec<f64>,
    ) -> usize {
        let pads = matches!(op, Linear::Conv { padding: 1.., .. });
        // Weights of a truth value are divided by 2^8: only whole numbers can do with what is left.
        let truth = matches!(self.plan.steps[from].work, Work::Compare(_));
        let fine = truth && weights.iter().any(|w| w.fract() != 0.0);
        let from = if pads || fine { self.centered(from) } else { from };
        self.push(vec![from], dims, Work::Linear { op, weights, bias }, Then::Nothing)
    }

    /// The step, or one with the same numbers in a scale of its own choice: the integers of inputs that may be negative have
    /// a zero point, and some steps have a scale that is given. Linear steps and tables take them, and nothing else does.
    pub(super) fn centered(&mut self, step: usize) -> usize {
        if !self.plan.is_offset(step) && self.plan.steps[step].exponent().is_none() {
            return step;
        }
        if let Some(step) = self.loose.get(&step) {
            return *step;
        }
        let n = self.plan.steps[step].elements() as u32;
        // Linear steps read it as it is: its dimensions are three, or free.
        let wanted = [1, 1, n];
        let dims = self.free_dims(step, &wanted).unwrap_or_else(|| wanted.to_vec());
        let channels = dims[0];
        let op = Linear::Conv { channels, kernel: 1, stride: 1, padding: 0, groups: channels };
        let (weights, bias) = (vec![1.0; channels as usize], vec![0.0; channels as usize]);
        let made = self.push(vec![step], dims, Work::Linear { op, weights, bias }, Then::Nothing);
        self.loose.insert(step, made);
        made
    }

    /// Three axes for a step: its own, or these, when nothing depends on what it has.
    pub(super) fn free_dims(&mut self, step: usize, wanted: &[u32]) -> Option<Vec<u32>> {
        let is_free = matches!(
            self.plan.steps[step].work,
            Work::Input | Work::Copy(_) | Work::Join(_) | Work::Compare(_) | Work::Constant(_)
        );
        let mut readers = self.plan.steps.iter().filter(|other| other.from.contains(&step));
        let dense =
            |work: &Work| matches!(work, Work::Copy(_) | Work::Join(_) | Work::Linear { op: Linear::Dense { .. }, .. });
        if self.plan.steps[step].dims.len() < 3 && is_free && readers.all(|reader| dense(&reader.work)) {
            self.plan.steps[step].dims = wanted.to_vec();
        }
        Some(self.plan.steps[step].dims.clone()).filter(|dims| dims.len() == 3)
    }

    /// A step with these dimensions and the same numbers in the same order.
    pub(super) fn shaped(&mut self, step: usize, dims: &[u32]) -> usize {
        if self.plan.steps[step].dims == dims {
            return step;
        }
        // A comparison that nothing has read yet has whatever axes its first reader wants.
        let is_read = self.plan.steps.iter().any(|other| other.from.contains(&step));
        if matches!(self.plan.steps[step].work, Work::Compare(_)) && !is_read {
            self.plan.steps[step].dims = dims.to_vec();
            return step;
        }
        if self.plan.steps[step].dims.len() < 3 && self.free_dims(step, dims).as_deref() == Some(dims) {
            return step;
        }
        let all = 0..self.plan.steps[step].elements() as u32;
        self.copy(step, dims.to_vec(), all.collect())
    }

    /// Elements of a step in another order. A copy of a copy is one, and what is back in its order is the step itself.
    pub(super) fn copy(&mut self, step: usize, dims: Vec<u32>, indices: Vec<u32>) -> usize {
        // What is normalized has a scale that is given, and signed integers, as copies have.
        let step = if matches!(self.plan.steps[step].work, Work::Normalize(_)) { step } else { self.centered(step) };
        let moved = |first: &[u32]| indices.iter().map(|&i| first[i as usize]).collect();
        let (from, work) = match &self.plan.steps[step].work {
            Work::Copy(first) => (self.plan.steps[step].from.clone(), Work::Copy(moved(first))),
            Work::Join(first) => (self.plan.steps[step].from.clone(), Work::Join(moved(first))),
            _ => (vec![step], Work::Copy(indices)),
        };
        if let (Work::Copy(indices), &[source]) = (&work, &from[..])
            && self.plan.steps[source].dims == dims
            && indices.iter().enumerate().all(|(at, i)| at as u32 == *i)
        {
            return source;
        }
        self.push(from, dims, work, Then::Nothing)
    }

    /// The same for a copy that no tensor of the graph is: one that is there already is taken.
    pub(super) fn copy_once(&mut self, step: usize, dims: Vec<u32>, indices: Vec<u32>) -> usize {
        let made = self.copy(step, dims, indices);
        let Some(last) = self.plan.steps.get(made).filter(|_| made + 1 == self.plan.steps.len()) else { return made };
        let alike = |other: &Step| match (&other.work, &last.work) {
            (Work::Copy(a), Work::Copy(b)) => other.from == last.from && other.dims == last.dims && a == b,
            _ => false,
        };
        match self.plan.steps[..made].iter().position(alike) {
            Some(first) => {
                self.plan.steps.pop();
                first
            }
            None => made,
        }
    }

    /// What a step is a copy of, and of which elements, if it has every element once.
    pub(super) fn reordered(&self, step: usize) -> Option<(usize, Vec<u32>)> {
        let of = &self.plan.steps[step];
        let (Work::Copy(indices), &[source]) = (&of.work, &of.from[..]) else { return None };
        let mut seen = vec![false; self.plan.steps[source].elements()];
        let once =
            indices.len() == seen.len() && indices.iter().all(|i| !std::mem::replace(&mut seen[*i as usize], true));
        once.then(|| (source, indices.clone()))
    }

    /// Whether only the node that is being lowered reads what a step computes, so that the step may change; or only this copy
    /// of it, which only that node reads.
    pub(super) fn is_sole(&self, step: usize, reader: Option<usize>) -> bool {
        let mut wires = self.wires.iter().filter(|(_, wire)| wire.step == step);
        let once = wires.all(|(id, _)| reader.is_none() && self.uses.get(id) == Some(&1));
        let mut readers = self.plan.steps.iter().enumerate().filter(|(_, other)| other.from.contains(&step));
        once && readers.all(|(at, _)| Some(at) == reader)
    }
}

/// Three axes for a tensor of one sample that is copied: its channels, and what it has within each.
pub(super) fn dims_of(node: &Node, shape: &[usize]) -> Lowered<Vec<u32>> {
    let own = match shape {
        [1, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    let dims = match own {
        [] => vec![1, 1, 1],
        [n] => vec![1, 1, *n],
        [c, l] => vec![*c, 1, *l],
        [c, h, w] => vec![*c, *h, *w],
        [c, rest @ ..] => vec![*c, 1, rest.iter().product()],
    };
    match dims.iter().all(|d| (1..=MAX_AXIS).contains(d)) {
        true => Ok(dims.into_iter().map(|d| d as u32).collect()),
        false => Err(refuse(node, format!("makes a tensor of shape {shape:?}; an axis has 1 to {MAX_AXIS} numbers"))),
    }
}
