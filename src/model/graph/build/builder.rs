//! The graph that a walk grows, node by node.

use super::tensor;
use crate::model::graph::{
    Constant, GraphError, Input, MAX_NODES, Node, Operand, Value, ValueId,
    call::Call,
    fold, infer,
    operators::{Attributes, Operator},
    tensor::{Tensor, TensorType, checked_elements},
};
use std::sync::Arc;

/// Elements that may be computed while a file is read, all constants together.
const MAX_FOLDED: usize = 1 << 28;

/// The graph as far as it is built.
#[derive(Debug, Default)]
pub(in crate::model::graph) struct Builder {
    pub(in crate::model::graph) values: Vec<Value>,
    pub(in crate::model::graph) inputs: Vec<Input>,
    pub(in crate::model::graph) nodes: Vec<Node>,
    pub(in crate::model::graph) remarks: Vec<String>,
    folded: usize,
}

impl Builder {
    pub(in crate::model::graph) fn value(&mut self, name: &str, kind: TensorType) -> ValueId {
        self.values.push(Value { name: name.to_owned(), kind });
        ValueId(self.values.len() - 1)
    }

    pub(in crate::model::graph) fn constant(&self, tensor: Tensor) -> Operand {
        Operand::Constant(Arc::new(Constant { name: String::new(), tensor }))
    }

    pub(in crate::model::graph) fn kind(&self, operand: &Operand) -> TensorType {
        match operand {
            Operand::Value(id) => self.values[id.0].kind.clone(),
            Operand::Constant(constant) => constant.tensor.kind(),
        }
    }

    pub(in crate::model::graph) fn shape(&self, operand: &Operand) -> Vec<usize> {
        self.kind(operand).shape
    }

    /// A node with one output.
    pub(in crate::model::graph) fn apply(
        &mut self,
        call: &Call<'_>,
        operator: Operator,
        attributes: Attributes,
        inputs: &[&Operand],
    ) -> Result<Operand, GraphError> {
        let inputs = inputs.iter().map(|&operand| Some(operand.clone())).collect();
        let mut made = self.node(call, operator, attributes, inputs, 1)?;
        made.pop().ok_or_else(|| call.refuse("has no output"))
    }

    /// A node, or its results when everything that it reads is constant.
    pub(in crate::model::graph) fn node(
        &mut self,
        call: &Call<'_>,
        operator: Operator,
        attributes: Attributes,
        inputs: Vec<Option<Operand>>,
        outputs: usize,
    ) -> Result<Vec<Operand>, GraphError> {
        let kinds: Vec<Option<TensorType>> =
            inputs.iter().map(|operand| operand.as_ref().map(|operand| self.kind(operand))).collect();
        let constants: Vec<Option<&Tensor>> = inputs.iter().map(|operand| operand.as_ref().and_then(tensor)).collect();
        let made =
            infer::infer(operator, &attributes, &kinds, &constants, outputs).map_err(|reason| call.refuse(reason))?;
        for kind in &made {
            if checked_elements(&kind.shape).is_none() {
                return Err(call.refuse(format!("makes a tensor of the shape {:?}, which is too large", kind.shape)));
            }
        }
        let known = inputs.iter().zip(&constants).all(|(operand, constant)| operand.is_none() || constant.is_some());
        if known && !inputs.is_empty() {
            self.afford(call, made.iter().map(TensorType::elements).sum())?;
            if let Some(results) = fold::evaluate(operator, &attributes, &constants, &made) {
                let results = results.map_err(|reason| call.refuse(reason))?;
                return results.into_iter().map(|result| self.computed(call, result)).collect();
            }
        }
        if self.nodes.len() >= MAX_NODES {
            return Err(GraphError::too_much("more nodes than are read, with functions inlined", MAX_NODES as u64));
        }
        let ids: Vec<ValueId> = made.into_iter().map(|kind| self.value("", kind)).collect();
        self.nodes.push(Node { operator, name: call.label.clone(), attributes, inputs, outputs: ids.clone() });
        Ok(ids.into_iter().map(Operand::Value).collect())
    }

    /// A constant that was computed.
    pub(in crate::model::graph) fn computed(&self, call: &Call<'_>, tensor: Tensor) -> Result<Operand, GraphError> {
        let what = format!("what {} (node `{}`) makes of constants", call.operator, call.label);
        tensor.expect_finite(&what)?;
        Ok(self.constant(tensor))
    }

    /// Fails when too many constants are computed.
    pub(in crate::model::graph) fn afford(&mut self, call: &Call<'_>, elements: usize) -> Result<(), GraphError> {
        self.folded = self.folded.saturating_add(elements);
        if self.folded > MAX_FOLDED {
            return Err(call.refuse(format!("and those before it make more than {MAX_FOLDED} constants")));
        }
        Ok(())
    }

    /// Integers that have to be known: a shape, axes, pads.
    pub(in crate::model::graph) fn known_ints(
        &self,
        call: &Call<'_>,
        operand: &Operand,
        what: &str,
    ) -> Result<Vec<i64>, GraphError> {
        let tensor = tensor(operand).ok_or_else(|| {
            call.refuse(format!("has {what} that depend on the input; only what is known beforehand can be proven"))
        })?;
        let ints = tensor.as_ints().map(<[i64]>::to_vec);
        ints.ok_or_else(|| call.refuse(format!("has {what} that are no integers")))
    }
}
