//! Softmax and its logarithm.

use super::{Lowered, Lowering, MAX_AXIS, Wire, refuse};
use crate::model::{
    graph::{Node, Operand, Operator},
    network::plan::{Function, Then, Work},
};

/// An exponent whose exponential is 0 in 16 bits, with room for a table whose entries are as much as 1 apart.
const NOTHING: f64 = 13.0;

impl<'g> Lowering<'g> {
    /// The elements of every row along an axis, row after row.
    pub(super) fn rows_along(&self, node: &Node, shape: &[usize]) -> Lowered<Vec<Vec<u32>>> {
        let rank = shape.len() as i64;
        let axis = node.attributes.int("axis").unwrap_or(-1);
        let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).ok().filter(|at| *at < shape.len());
        let axis = axis.ok_or_else(|| refuse(node, "has an axis that its tensor has not"))?;
        let (inner, dim) = (shape[axis + 1..].iter().product::<usize>(), shape[axis]);
        let count: usize = shape.iter().product();
        let first = (0..count / dim.max(1)).map(|row| row / inner * inner * dim + row % inner);
        Ok(first.map(|first| (0..dim).map(|i| (first + i * inner) as u32).collect()).collect())
    }

    pub(super) fn softmax(&mut self, node: &'g Node) -> Lowered<usize> {
        let id = self.operand(node, 0)?;
        let hidden = self.hidden.get(&id).cloned();
        // A softmax of `a x + b` is one of `a x`: its exponentials take the factor in.
        let factor = match self.as_function(node, 0)? {
            (step, _, Some((a, _))) if a > 0.0 && node.operator == Operator::Softmax => Some((step, a)),
            _ => None,
        };
        let (wire, factor) = match factor {
            Some((step, factor)) => (Wire { step, shape: self.shape(id).to_vec(), lazy: None }, factor),
            None => (self.wire(node, 0)?, 1.0),
        };
        let rows = self.rows_along(node, &wire.shape)?;
        let (count, width) = (rows.len(), rows.first().map_or(1, Vec::len));
        if count > MAX_AXIS || width > MAX_AXIS {
            return Err(refuse(node, format!("has {count} rows of {width} numbers; at most {MAX_AXIS} each")));
        }
        let order: Vec<u32> = rows.concat();
        let in_order = order.iter().enumerate().all(|(at, &i)| at as u32 == i);
        let dims = vec![1, count as u32, width as u32];
        if in_order
            && node.operator == Operator::Softmax
            && let Some(step) = self.attention(node, wire.step, hidden.as_deref(), factor)
        {
            return Ok(step);
        }
        let step = self.centered(wire.step);
        let step = match hidden {
            Some(hidden) => self.hide(step, &dims, &hidden, factor)?,
            None => step,
        };
        let step = if in_order { self.shaped(step, &dims) } else { self.copy(step, dims.clone(), order.clone()) };
        let step = match node.operator {
            Operator::LogSoftmax => self.log_softmax(node, step, &dims)?,
            _ => self.probabilities(step, &dims, factor),
        };
        if in_order {
            return Ok(step);
        }
        // Where every element went.
        let mut back = vec![0u32; order.len()];
        order.iter().enumerate().for_each(|(at, &i)| back[i as usize] = at as u32);
        let dims = super::dims_of(node, &wire.shape)?;
        Ok(self.copy(step, dims, back))
    }

    /// Scores with a constant in the place of those that do not count: so far below all others that its exponential is 0.
    fn hide(&mut self, step: usize, dims: &[u32], hidden: &[bool], factor: f64) -> Lowered<usize> {
        let low = -(self.headroom * self.greatest(step) + NOTHING / factor);
        let low = self.push(vec![], vec![1], Work::Constant(vec![low]), Then::Nothing);
        let place = |(at, is_hidden): (usize, &bool)| if *is_hidden { hidden.len() as u32 } else { at as u32 };
        let indices = hidden.iter().enumerate().map(place).collect();
        self.join(vec![step, low], dims.to_vec(), indices)
    }

    /// Rows along the last axis.
    fn probabilities(&mut self, step: usize, dims: &[u32], factor: f64) -> usize {
        let scores = self.push(vec![step], dims.to_vec(), Work::Scores, Then::Nothing);
        let powers = self.push(vec![scores], dims.to_vec(), Work::Exponentials(factor), Then::Nothing);
        let inverses =
            self.push(vec![scores, powers], dims[..dims.len() - 1].to_vec(), Work::Reciprocals, Then::Nothing);
        self.push(vec![powers, inverses], dims.to_vec(), Work::ScaleRows, Then::Nothing)
    }

    /// Which numbers of a sum or a choice are so low that a softmax behind it gives them nothing; `None` when there are none, or
    /// something else reads them.
    pub(super) fn hides(&self, node: &'g Node, low: impl Iterator<Item = bool>) -> Option<Vec<bool>> {
        let hidden: Vec<bool> = low.collect();
        let made = node.outputs[0];
        let width = self.shape(made).last().copied().unwrap_or(1).max(1);
        let along_rows = |reader: &Node| {
            let axis = reader.attributes.int("axis").unwrap_or(-1);
            reader.operator == Operator::Softmax && (axis == -1 || axis + 1 == self.shape(made).len() as i64)
        };
        let reads = |reader: &&Node| {
            reader.inputs.iter().flatten().any(|input| matches!(input, Operand::Value(id) if *id == made))
        };
        let mut readers = self.graph.nodes().iter().filter(reads);
        let visible = hidden.chunks(width).all(|row| row.contains(&false));
        let all = readers.all(along_rows) && !self.graph.outputs().contains(&made);
        (hidden.contains(&true) && visible && all).then_some(hidden)
    }

    /// `x - greatest - log(sum exp(x - greatest))`: the sum is at least 1, so that no logarithm is of a small number.
    fn log_softmax(&mut self, node: &Node, step: usize, dims: &[u32]) -> Lowered<usize> {
        let (count, width) = (dims[1] as usize, dims[2] as usize);
        let groups: Vec<Vec<u32>> =
            (0..count).map(|row| (0..width).map(|i| (row * width + i) as u32).collect()).collect();
        let greatest = self.maxima(step, &groups)?;
        let spread: Vec<u32> = (0..count * width).map(|i| (i / width) as u32).collect();
        let greatest = self.copy(greatest, dims.to_vec(), spread.clone());
        let opposite = self.scaled(greatest, -1.0, 0.0)?;
        let below = self.sum(step, opposite)?;
        // What rounding leaves above 0 is 0.
        let powers = self.tabled(below, &Function::new(|x| x.min(0.0).exp()), 0)?;
        let sums = self.sum_of(node, powers, groups, 1.0)?;
        let logs = self.tabled(sums, &Function::new(|x| x.max(1.0).ln()), 0)?;
        let logs = self.copy(logs, dims.to_vec(), spread);
        let opposite = self.scaled(logs, -1.0, 0.0)?;
        self.sum(below, opposite)
    }
}
