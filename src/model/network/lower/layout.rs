//! Operators that only move numbers: copies.

use super::{Lowered, Lowering, dims_of, refuse};
use crate::model::graph::Node;

impl<'g> Lowering<'g> {
    /// Every result is a copy of elements of the one computed operand.
    pub(super) fn moved(&mut self, node: &'g Node) -> Lowered<()> {
        let at = (0..node.inputs.len()).find(|&index| self.constant(node, index).is_none());
        let step = self.wire(node, at.unwrap_or(0))?.step;
        let moves =
            self.graph.moves(node).ok_or_else(|| refuse(node, "moves numbers to places that the input decides"))?;
        for (value, places) in node.outputs.iter().zip(moves) {
            let indices: Vec<u32> = places.as_ints().unwrap_or_default().iter().map(|&i| i as u32).collect();
            let same = indices.iter().enumerate().all(|(at, &i)| at as u32 == i);
            let step = if same && indices.len() == self.plan.steps[step].elements() {
                step
            } else {
                let dims = dims_of(node, self.shape(*value))?;
                self.copy(step, dims, indices)
            };
            self.give(*value, step)?;
        }
        Ok(())
    }
}
