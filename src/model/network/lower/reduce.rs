//! Sums, means, maxima and products over axes.

use super::{Lowered, Lowering, MAX_AXIS, MAX_DENSE, refuse, window::Window};
use crate::model::{
    graph::{Node, Operator, broadcast_indices},
    network::plan::{Then, Work},
};
use zkinfer_prover::network::Linear;

/// Weights that a sum has as a dense layer: beyond, numbers are copied so that those of one sum are channels.
const SMALL: usize = 1 << 12;

/// The side of a square, a power of two, that holds that many numbers.
pub(super) fn side_of(count: usize) -> usize {
    let mut side = 1;
    while side * side < count {
        side *= 2;
    }
    side
}

impl<'g> Lowering<'g> {
    /// The axes of a node, which are constant.
    fn axes(&self, node: &'g Node, rank: usize) -> Lowered<Vec<usize>> {
        let rank = rank as i64;
        let axes = match self.constant(node, 1).and_then(|axes| axes.as_ints()) {
            Some(axes) => axes.to_vec(),
            None if self.has(node, 1) => return Err(refuse(node, "has axes that are no constant")),
            None => node.attributes.ints("axes").map_or_else(|| (0..rank).collect(), <[i64]>::to_vec),
        };
        let front = |at: i64| usize::try_from(if at < 0 { at + rank } else { at });
        axes.into_iter().map(|at| front(at).map_err(|_| refuse(node, "has an axis before its first"))).collect()
    }

    /// The elements that every number of the result is made of.
    fn groups(from: &[usize], axes: &[usize]) -> Vec<Vec<u32>> {
        let kept: Vec<usize> = (0..from.len()).map(|at| if axes.contains(&at) { 1 } else { from[at] }).collect();
        let mut groups: Vec<Vec<u32>> = vec![Vec::new(); kept.iter().product()];
        let places = broadcast_indices(&kept, from);
        places.into_iter().enumerate().for_each(|(at, to)| groups[to].push(at as u32));
        groups
    }

    /// Sums and means over constant axes, and sums of what comes before.
    pub(super) fn sums(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.wire(node, 0)?;
        let from = wire.shape.clone();
        if node.operator == Operator::CumSum {
            return self.running_sum(node, wire.step, &from);
        }
        let axes = self.axes(node, from.len())?;
        let mean = node.operator == Operator::ReduceMean;
        if mean && from.len() == 4 && axes == [2, 3] {
            let to = [from[0], from[1], 1, 1];
            let window = Window::of(node, &from, &to, from.get(2..))?;
            return self.average_pool(node, &wire, &window);
        }
        let groups = Self::groups(&from, &axes);
        let count = groups.first().map_or(1, Vec::len);
        let weight = if mean { 1.0 / count as f64 } else { 1.0 };
        self.sum_of(node, wire.step, groups, weight)
    }

    /// A sum of each group of as many elements, times a weight.
    pub(super) fn sum_of(&mut self, node: &Node, step: usize, groups: Vec<Vec<u32>>, weight: f64) -> Lowered<usize> {
        let (rows, each) = (groups.len(), groups.first().map_or(0, Vec::len));
        let inputs = self.plan.steps[step].elements();
        if rows.saturating_mul(inputs) <= SMALL || rows > MAX_AXIS || each > MAX_AXIS {
            let taps = groups.into_iter().map(|group| group.iter().map(|at| (*at as usize, weight)).collect());
            return self.written_out(node, step, taps, vec![0.0; rows]);
        }
        // Element `i` of every group is channel `i`.
        let indices = (0..each).flat_map(|i| groups.iter().map(move |group| group[i])).collect();
        let step = self.copy(step, vec![each as u32, 1, rows as u32], indices);
        let op = Linear::Conv { channels: 1, kernel: 1, stride: 1, padding: 0, groups: 1 };
        Ok(self.linear(step, vec![1, 1, rows as u32], op, vec![weight; each], vec![0.0]))
    }

    fn running_sum(&mut self, node: &'g Node, step: usize, from: &[usize]) -> Lowered<usize> {
        let axis = self.ints(node, 1)?.first().and_then(|axis| usize::try_from(*axis).ok()).unwrap_or(0);
        let is = |name| node.attributes.int(name).unwrap_or(0) != 0;
        let (exclusive, reverse) = (is("exclusive"), is("reverse"));
        let (inner, dim) = (from[axis + 1..].iter().product::<usize>(), from[axis]);
        let count: usize = from.iter().product();
        let taps = (0..count).map(|flat| {
            let (at, first) = (flat / inner % dim, flat - flat / inner % dim * inner);
            let counts = |other: &usize| match reverse {
                true => *other > at || (*other == at && !exclusive),
                false => *other < at || (*other == at && !exclusive),
            };
            (0..dim).filter(counts).map(|other| (first + other * inner, 1.0)).collect()
        });
        self.written_out(node, step, taps, vec![0.0; count])
    }

    /// Maxima, minima and products over axes.
    pub(super) fn reduce(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.wire(node, 0)?;
        let groups = Self::groups(&wire.shape, &self.axes(node, wire.shape.len())?);
        match node.operator {
            Operator::ReduceMax => self.maxima(wire.step, &groups),
            Operator::ReduceMin => {
                let opposite = self.scaled(wire.step, -1.0, 0.0)?;
                let step = self.maxima(opposite, &groups)?;
                self.scaled(step, -1.0, 0.0)
            }
            _ => {
                let step = self.centered(wire.step);
                let dims = vec![1, 1, groups.len() as u32];
                let each = groups.first().map_or(0, Vec::len);
                let pick = |i: usize| groups.iter().map(|group| group[i]).collect::<Vec<_>>();
                let mut made = self.copy(step, dims.clone(), pick(0));
                for i in 1..each {
                    let next = self.copy(step, dims.clone(), pick(i));
                    made = self.product(made, next);
                }
                Ok(made)
            }
        }
    }

    /// The greatest of every group of elements; groups need not have as many, and may not be empty.
    pub(super) fn maxima(&mut self, step: usize, groups: &[Vec<u32>]) -> Lowered<usize> {
        let each = groups.iter().map(Vec::len).max().unwrap_or(1);
        let side = side_of(each);
        if groups.len() > MAX_AXIS || groups.len().saturating_mul(side * side) > MAX_DENSE {
            self.too_much(format!("has {} maxima of {each} numbers, which is too much", groups.len()))?;
        }
        // Only what is not negative has maxima: everything is shifted, and shifted back.
        let (step, shift) = self.shifted(step)?;
        let step = self.maxima_above(step, groups, side);
        if shift == 0.0 { Ok(step) } else { self.scaled(step, 1.0, -shift) }
    }

    /// A step without negative numbers, and by how much it is greater.
    pub(super) fn shifted(&mut self, step: usize) -> Lowered<(usize, f64)> {
        let step = self.centered(step);
        if self.plan.steps[step].nonnegative {
            return Ok((step, 0.0));
        }
        let shift = self.headroom * self.greatest(step).max(f64::MIN_POSITIVE);
        Ok((self.line_of(step, (1.0, shift))?, shift))
    }

    /// Maxima of a step without negative numbers.
    pub(super) fn maxima_above(&mut self, step: usize, groups: &[Vec<u32>], side: usize) -> usize {
        // Squares of copies; what a group lacks is its first element again.
        let pick = |group: &Vec<u32>| {
            let first = group.first().copied().unwrap_or(0);
            (0..side * side).map(|i| group.get(i).copied().unwrap_or(first)).collect::<Vec<_>>()
        };
        let indices = groups.iter().flat_map(pick).collect();
        let rows = groups.len() as u32;
        let mut step = self.copy(step, vec![rows, side as u32, side as u32], indices);
        let mut left = side as u32;
        while left > 1 {
            left /= 2;
            step = self.push(vec![step], vec![rows, left, left], Work::MaxPool, Then::Nothing);
        }
        step
    }
}
