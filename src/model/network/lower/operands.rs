//! What nodes read.

use super::{Lowered, Lowering, Wire, norm::Along, refuse};
use crate::model::graph::{Node, Numbers, Operand, Tensor, ValueId};

impl<'g> Lowering<'g> {
    /// A computed operand, with a step that computes it.
    pub(super) fn wire(&mut self, node: &Node, index: usize) -> Lowered<Wire> {
        let id = self.operand(node, index)?;
        self.settled(id)
    }

    /// A computed operand whose factors and shifts along its last axis a linear map takes in.
    pub(super) fn wire_along(&mut self, node: &Node, index: usize) -> Lowered<(Wire, Option<Along>)> {
        let id = self.operand(node, index)?;
        match (self.pending.get(&id).cloned(), self.wires.get(&id).cloned()) {
            (Some(along), Some(wire)) => Ok((wire, Some(along))),
            _ => Ok((self.settled(id)?, None)),
        }
    }

    /// The tensor that is an operand.
    pub(super) fn operand(&self, node: &Node, index: usize) -> Lowered<ValueId> {
        match node.inputs.get(index) {
            Some(Some(Operand::Value(id))) if self.wires.contains_key(id) => Ok(*id),
            Some(Some(Operand::Value(id))) => {
                Err(refuse(node, format!("reads `{}`, which is no tensor of numbers", self.name(*id))))
            }
            _ => {
                Err(refuse(node, format!("has a constant as operand {index}, where the input's numbers have to come")))
            }
        }
    }

    pub(super) fn name(&self, value: ValueId) -> &str {
        &self.graph.value(value).name
    }

    pub(super) fn constant(&self, node: &'g Node, index: usize) -> Option<&'g Tensor> {
        match node.inputs.get(index) {
            Some(Some(Operand::Constant(constant))) => Some(&constant.tensor),
            _ => None,
        }
    }

    /// The floats of a constant operand.
    pub(super) fn floats(&self, node: &'g Node, index: usize) -> Lowered<Vec<f64>> {
        match self.constant(node, index).map(Tensor::numbers) {
            Some(Numbers::Floats(numbers)) => Ok(numbers.iter().map(|&x| x.into()).collect()),
            Some(Numbers::Ints(numbers)) => Ok(numbers.iter().map(|&x| x as f64).collect()),
            _ => Err(refuse(node, format!("has an operand {index} that is no constant"))),
        }
    }

    pub(super) fn has(&self, node: &Node, index: usize) -> bool {
        node.inputs.get(index).is_some_and(Option::is_some)
    }

    /// A constant operand, broadcast to what the node makes.
    pub(super) fn along(&self, node: &'g Node, index: usize) -> Lowered<Vec<f64>> {
        let numbers = self.floats(node, index)?;
        let shape = &self.graph.value(node.outputs[0]).kind.shape;
        let tensor = self.constant(node, index).map(|tensor| tensor.broadcast_positions(shape)).unwrap_or_default();
        Ok(tensor.into_iter().map(|at| numbers[at]).collect())
    }

    pub(super) fn shape(&self, value: ValueId) -> &[usize] {
        &self.graph.value(value).kind.shape
    }
}
