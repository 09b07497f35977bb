//! The part of a graph that only moves numbers of its inputs before anything is computed with them.

use super::LowerError;
use crate::model::{
    graph::{Graph, Node, Operand, Operator, ValueId, positions, strides},
    mlp::{Dense, Mlp},
};
use std::collections::HashMap;

/// Numbers that all inputs may have together.
const MAX_INPUTS: usize = 1 << 24;
/// Weights of a first layer that reads all of them.
const MAX_WEIGHTS: usize = 1 << 28;

/// Values that are moved inputs: where each of their numbers comes from, in all inputs put one after the other.
pub(super) struct Moved<'g> {
    graph: &'g Graph,
    from: HashMap<ValueId, Vec<usize>>,
    total: usize,
}

impl<'g> Moved<'g> {
    pub(super) fn of(graph: &'g Graph) -> Result<Self, LowerError> {
        let (mut from, mut total) = (HashMap::new(), 0usize);
        for input in graph.inputs() {
            let value = graph.value(input.value);
            if !value.kind.element.is_float() {
                return Err(LowerError::Graph(format!("its input `{}` is of {}", value.name, value.kind.element)));
            }
            let end = total.saturating_add(value.kind.elements());
            if end > MAX_INPUTS {
                return Err(LowerError::Graph(format!("its inputs have more than {MAX_INPUTS} numbers")));
            }
            from.insert(input.value, (total..end).collect());
            total = end;
        }
        let mut moved = Self { graph, from, total };
        for node in graph.nodes() {
            if let Some(positions) = moved.by(node) {
                moved.from.insert(node.outputs[0], positions);
            }
        }
        Ok(moved)
    }

    pub(super) fn has(&self, value: ValueId) -> bool {
        self.from.contains_key(&value)
    }

    fn by(&self, node: &Node) -> Option<Vec<usize>> {
        let values = node.inputs.iter().map(|operand| match operand {
            Some(Operand::Value(id)) => Some(*id),
            _ => None,
        });
        let first = values.clone().next().flatten();
        let shape = |id: ValueId| self.graph.value(id).kind.shape.as_slice();
        match node.operator {
            // Row-major order is all that matters; the shape that Reshape takes is a constant.
            Operator::Reshape | Operator::Identity => self.from.get(&first?).cloned(),
            Operator::Transpose => {
                let (numbers, shape) = (self.from.get(&first?)?, shape(first?));
                let perm: Vec<usize> = node
                    .attributes
                    .ints("perm")?
                    .iter()
                    .map(|&axis| usize::try_from(axis).ok())
                    .collect::<Option<_>>()?;
                let strides = strides(shape);
                let moved: Option<Vec<(usize, i64)>> =
                    perm.iter().map(|&axis| Some((*shape.get(axis)?, *strides.get(axis)? as i64))).collect();
                let (shape, strides): (Vec<_>, Vec<_>) = moved?.into_iter().unzip();
                Some(positions(&shape, &strides, 0).into_iter().map(|at| numbers[at]).collect())
            }
            Operator::Concat => {
                let values: Vec<ValueId> = values.collect::<Option<_>>()?;
                let rank = shape(*values.first()?).len() as i64;
                let axis = usize::try_from(node.attributes.int("axis")?.rem_euclid(rank.max(1))).ok()?;
                let outer: usize = shape(values[0]).get(..axis)?.iter().product();
                let parts: Vec<&Vec<usize>> = values.iter().map(|id| self.from.get(id)).collect::<Option<_>>()?;
                let run = |part: &Vec<usize>, at: usize| {
                    let length = part.len() / outer.max(1);
                    part[at * length..(at + 1) * length].to_vec()
                };
                Some((0..outer).flat_map(|at| parts.iter().flat_map(move |part| run(part, at))).collect())
            }
            _ => None,
        }
    }

    /// The network that reads all inputs, from one that reads this value.
    pub(super) fn reading_all(&self, value: ValueId, mlp: Mlp) -> Result<Mlp, LowerError> {
        let Some(from) = self.from.get(&value) else { return Ok(mlp) };
        if from.len() == self.total && from.iter().enumerate().all(|(at, &position)| at == position) {
            return Ok(mlp);
        }
        let mut mlp = mlp;
        let first = mlp.hidden.first_mut().map_or(&mut mlp.last, |hidden| &mut hidden.dense);
        if self.total.saturating_mul(first.outputs) > MAX_WEIGHTS {
            return Err(LowerError::Graph("its first layer is too large".into()));
        }
        let mut weights = vec![0.0; self.total * first.outputs];
        for (row, all) in first.rows().zip(weights.chunks_exact_mut(self.total.max(1))) {
            // A number may be there twice.
            row.iter().zip(from).for_each(|(w, &position)| all[position] += w);
        }
        *first = Dense { inputs: self.total, outputs: first.outputs, weights, bias: first.bias.clone() };
        Ok(mlp)
    }
}
