//! Rows of a constant matrix by computed indices: embeddings, one-hot vectors.
//!
//! `[x >= j]` is 1 for every `j` up to the index, so that a row is the first one and the differences of neighbours that were
//! passed on the way: a linear map of comparisons. An index beyond the matrix is its last row, and one before it the first.

use super::{Lowered, Lowering, refuse};
use crate::model::{
    graph::Node,
    network::plan::{Then, Work},
};
use zkinfer_prover::network::Linear;

/// Comparisons of one node.
const MOST: usize = 1 << 18;

impl<'g> Lowering<'g> {
    pub(super) fn gathered(&mut self, node: &'g Node) -> Lowered<()> {
        if self.constant(node, 1).is_some() {
            if let Some(step) = self.gathered_in_units(node)? {
                return self.give(node.outputs[0], step);
            }
            let places = self.evaluated(node, &[0]).and_then(|mut all| all.pop());
            let places = places.ok_or_else(|| refuse(node, "has indices that its tensor has not"))?;
            let shape = self.shape(node.outputs[0]).to_vec();
            let step = self.placed(node, &places, &shape)?;
            return self.give(node.outputs[0], step);
        }
        if self.constant(node, 0).is_none() {
            return Err(refuse(node, "reads a computed tensor at places that the input decides"));
        }
        let (numbers, shape) = (self.floats(node, 0)?, self.operand_shape(node, 0));
        let axis = usize::try_from(node.attributes.int("axis").unwrap_or(0)).unwrap_or(0);
        let (rows, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        let outer: usize = shape[..axis].iter().product();
        let wire = self.wire(node, 1)?;
        let count = self.plan.steps[wire.step].elements();
        let row = |channel: usize, j: usize| numbers[(channel / inner * rows + j) * inner + channel % inner];
        let width = outer * inner;
        let made = self.rows_of(node, wire.step, 0.0, rows, width, row)?;
        let at = |flat: usize| {
            let (o, k, i) = (flat / (count * inner), flat / inner % count, flat % inner);
            (k * width + o * inner + i) as u32
        };
        let dims = super::dims_of(node, self.shape(node.outputs[0]))?;
        let step = self.copy(made, dims, (0..width * count).map(at).collect());
        self.give(node.outputs[0], step)
    }

    /// `[indices, 1, width]`: for every index the row `row(.., j)` of `rows`, the first of which belongs to the index `first`.
    fn rows_of(
        &mut self,
        node: &Node,
        step: usize,
        first: f64,
        rows: usize,
        width: usize,
        row: impl Fn(usize, usize) -> f64,
    ) -> Lowered<usize> {
        let step = self.centered(step);
        let count = self.plan.steps[step].elements();
        let steps = rows.saturating_sub(1).max(1);
        if steps.saturating_mul(count) > MOST {
            let reason = format!("looks {count} indices up in {rows} rows; at most {MOST} comparisons are made");
            return Err(refuse(node, reason));
        }
        let bounds: Vec<f64> = (0..steps).map(|j| first + j as f64 + 0.5).collect();
        let bounds = self.push(vec![], vec![1, 1, steps as u32], Work::Constant(bounds), Then::Nothing);
        let indices = (0..count).flat_map(|k| vec![k as u32; steps]).collect();
        let of = (0..count).flat_map(|_| 0..steps as u32).collect();
        let dims = vec![count as u32, 1, steps as u32];
        let passed = self.push(vec![step, bounds], dims, Work::Compare(Some(Box::new([indices, of]))), Then::Nothing);
        let difference = |c: usize, j: usize| if j + 1 < rows { row(c, j + 1) - row(c, j) } else { 0.0 };
        let weights = (0..width).flat_map(|c| (0..steps).map(move |j| (c, j))).map(|(c, j)| difference(c, j)).collect();
        let bias = (0..width).map(|c| row(c, 0)).collect();
        let op = Linear::Rows { outputs: width as u32 };
        Ok(self.linear(passed, vec![count as u32, 1, width as u32], op, weights, bias))
    }

    pub(super) fn one_hot(&mut self, node: &'g Node) -> Lowered<usize> {
        let made = self.shape(node.outputs[0]).to_vec();
        let axis = usize::try_from(node.attributes.int("axis").unwrap_or(0)).unwrap_or(0);
        let values = self.floats(node, 2)?;
        let &[off, on] = &values[..] else { return Err(refuse(node, "has other values than two")) };
        let (depth, inner) = (made[axis], made[axis + 1..].iter().product::<usize>());
        let wire = self.wire(node, 0)?;
        let count = self.plan.steps[wire.step].elements();
        // An index beyond the depth has no place: one row before the first, and one behind the last.
        let row = |c: usize, j: usize| if j == c + 1 { on } else { off };
        let step = self.rows_of(node, wire.step, -1.0, depth + 2, depth, row)?;
        let at = |flat: usize| {
            let (o, j, i) = (flat / (depth * inner), flat / inner % depth, flat % inner);
            ((o * inner + i) * depth + j) as u32
        };
        let dims = super::dims_of(node, &made)?;
        Ok(self.copy(step, dims, (0..depth * count).map(at).collect()))
    }
}
