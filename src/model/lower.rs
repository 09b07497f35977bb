//! From an ONNX graph to a multi-layer perceptron.
//!
//! The graph has to be a chain: every operator reads what the one before it made, and constants. Row-major order is all
//! that matters, so that reshaping does nothing; shapes were checked when the model was loaded.

use super::{
    Mlp,
    mlp::{Dense, Hidden},
    onnx::guarded,
};
use std::collections::{HashMap, HashSet};
use tract_onnx::{
    pb::{GraphProto, ModelProto, NodeProto, TensorProto},
    prelude::{Framework, TractResult},
};

/// The versions of ONNX's default operator set that are read.
pub const OPSETS: std::ops::RangeInclusive<i64> = 9..=21;
/// Multiplications that fusing two layers may take.
const MAX_FUSION: usize = 1 << 32;

/// Why a model is no multi-layer perceptron.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LowerError {
    /// An operator that is not read, or not in this form.
    #[error("operator {operator} (node `{node}`) {reason}")]
    Operator {
        /// Its type.
        operator: String,
        /// The node's name, or that of its first output.
        node: String,
        /// What is in the way.
        reason: String,
    },
    /// Something else.
    #[error("{0}")]
    Graph(String),
}

/// A constant tensor.
#[derive(Clone)]
struct Constant {
    shape: Vec<usize>,
    data: Vec<f64>,
}

/// The chain as far as it was read.
struct Chain {
    constants: HashMap<String, Constant>,
    /// The name of what the chain has made so far, and its length.
    wire: String,
    width: usize,
    hidden: Vec<Hidden>,
    /// A dense layer whose activation has not been read.
    pending: Option<Dense>,
}

/// Reads a model that takes `width` numbers.
pub(super) fn lower(onnx: &[u8], width: usize) -> Result<Mlp, LowerError> {
    let wrap = super::ModelError::NotOnnx;
    let proto = guarded(wrap, || {
        tract_onnx::onnx().proto_model_for_read(&mut &*onnx).map_err(|error| wrap(format!("{error:#}")))
    });
    let proto = proto.map_err(|error| LowerError::Graph(error.to_string()))?;
    check_opset(&proto)?;
    let graph = proto.graph.as_ref().ok_or_else(|| LowerError::Graph("it has no graph".into()))?;
    let mut chain = Chain::start(graph, width)?;
    for node in &graph.node {
        chain.read(node)?;
    }
    chain.finish(graph)
}

fn check_opset(proto: &ModelProto) -> Result<(), LowerError> {
    let mut default = proto.opset_import.iter().filter(|opset| is_default(&opset.domain));
    match default.next() {
        Some(opset) if OPSETS.contains(&opset.version) => Ok(()),
        Some(opset) => Err(LowerError::Graph(format!("its operator set is {}; {OPSETS:?} are read", opset.version))),
        None => Err(LowerError::Graph("it names no operator set".into())),
    }
}

fn is_default(domain: &str) -> bool {
    ["", "ai.onnx"].contains(&domain)
}

fn load(tensor: &TensorProto) -> Result<Constant, LowerError> {
    let wrap = super::ModelError::NotOnnx;
    let work = || -> TractResult<Constant> {
        let onnx = tract_onnx::onnx();
        let loaded = tract_onnx::tensor::load_tensor(&*onnx.provider, tensor, None)?;
        let floats = loaded.cast_to::<f64>()?;
        let data = floats.to_plain_array_view::<f64>()?.iter().copied().collect();
        Ok(Constant { shape: loaded.shape().to_vec(), data })
    };
    guarded(wrap, || work().map_err(|error| wrap(format!("{error:#}"))))
        .map_err(|error| LowerError::Graph(format!("tensor `{}`: {error}", tensor.name)))
}

/// Refusals that name a node.
struct Refusal<'a>(&'a NodeProto);

impl Refusal<'_> {
    fn because(&self, reason: impl Into<String>) -> LowerError {
        let Self(node) = self;
        let name = if node.name.is_empty() { node.output.first().map_or("", String::as_str) } else { &node.name };
        LowerError::Operator { operator: node.op_type.clone(), node: name.to_owned(), reason: reason.into() }
    }
}

fn int(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.i)
}

fn float(node: &NodeProto, name: &str) -> Option<f64> {
    node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.f.into())
}

impl Chain {
    fn start(graph: &GraphProto, width: usize) -> Result<Self, LowerError> {
        let mut constants = HashMap::new();
        for tensor in &graph.initializer {
            constants.insert(tensor.name.clone(), load(tensor)?);
        }
        // Older exporters list the initializers among the inputs.
        let inputs: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
        let mut inputs = inputs.into_iter().filter(|name| !constants.contains_key(*name));
        let (Some(wire), None) = (inputs.next().map(str::to_owned), inputs.next()) else {
            return Err(LowerError::Graph("it does not have exactly one input tensor".into()));
        };
        Ok(Self { constants, wire, width, hidden: Vec::new(), pending: None })
    }

    fn read(&mut self, node: &NodeProto) -> Result<(), LowerError> {
        let refusal = Refusal(node);
        if !is_default(&node.domain) {
            return Err(refusal.because(format!("is of the domain `{}`", node.domain)));
        }
        match node.op_type.as_str() {
            "Constant" => return self.constant(node),
            "Identity" if self.constants.contains_key(operand(node, 0)) => {
                let value = self.constants[operand(node, 0)].clone();
                self.constants.insert(operand_out(node), value);
                return Ok(());
            }
            "Gemm" => self.gemm(node)?,
            "MatMul" => self.matmul(node)?,
            "Add" => self.add(node)?,
            "Relu" => self.activate(node, None)?,
            "Clip" => self.clip(node)?,
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Identity" => self.expect_wire(node, 0)?,
            "Dropout" => self.dropout(node)?,
            _ => return Err(refusal.because("is not one that the native backend reads")),
        }
        self.wire = operand_out(node);
        Ok(())
    }

    fn finish(mut self, graph: &GraphProto) -> Result<Mlp, LowerError> {
        if !matches!(graph.output.as_slice(), [output] if output.name == self.wire) {
            return Err(LowerError::Graph("its output is not what its last operator makes".into()));
        }
        let last = match self.pending.take() {
            Some(dense) => dense,
            None if self.hidden.is_empty() => return Err(LowerError::Graph("it has no dense layer".into())),
            // It ends with an activation: the relation's last layer has none.
            None => Dense::identity(self.width),
        };
        Ok(Mlp { hidden: self.hidden, last })
    }

    /// Fails unless operand `index` is what the chain made last.
    fn expect_wire(&self, node: &NodeProto, index: usize) -> Result<(), LowerError> {
        let name = operand(node, index);
        if name == self.wire {
            return Ok(());
        }
        Err(Refusal(node).because(format!("reads `{name}`, not the result of the operator before it")))
    }

    fn constant_operand(&self, node: &NodeProto, index: usize) -> Result<&Constant, LowerError> {
        let name = operand(node, index);
        let refuse = || Refusal(node).because(format!("has the operand `{name}`, which is no constant"));
        self.constants.get(name).ok_or_else(refuse)
    }

    fn constant(&mut self, node: &NodeProto) -> Result<(), LowerError> {
        let attribute = node.attribute.first();
        let list =
            |data: Vec<f64>, scalar: bool| Constant { shape: if scalar { vec![] } else { vec![data.len()] }, data };
        let value = match attribute.map(|attribute| (attribute.name.as_str(), attribute)) {
            Some(("value", attribute)) => load(attribute.t.as_ref().unwrap_or(&TensorProto::default()))?,
            Some(("value_float", attribute)) => list(vec![attribute.f.into()], true),
            Some(("value_floats", attribute)) => list(attribute.floats.iter().map(|&x| x.into()).collect(), false),
            Some(("value_int", attribute)) => list(vec![attribute.i as f64], true),
            Some(("value_ints", attribute)) => list(attribute.ints.iter().map(|&x| x as f64).collect(), false),
            _ => return Err(Refusal(node).because("has no value of a kind that is read")),
        };
        self.constants.insert(operand_out(node), value);
        Ok(())
    }

    /// `alpha * A * B + beta * C`.
    fn gemm(&mut self, node: &NodeProto) -> Result<(), LowerError> {
        self.expect_wire(node, 0)?;
        if int(node, "transA").unwrap_or(0) != 0 {
            return Err(Refusal(node).because("transposes its input"));
        }
        let (alpha, beta) = (float(node, "alpha").unwrap_or(1.0), float(node, "beta").unwrap_or(1.0));
        let mut dense = self.dense(node, int(node, "transB").unwrap_or(0) != 0)?;
        dense.weights.iter_mut().for_each(|w| *w *= alpha);
        if !operand(node, 2).is_empty() {
            let mut bias = self.bias(node, 2, dense.outputs)?;
            bias.iter_mut().for_each(|b| *b *= beta);
            dense.bias = bias;
        }
        self.push(node, dense)
    }

    fn matmul(&mut self, node: &NodeProto) -> Result<(), LowerError> {
        self.expect_wire(node, 0)?;
        let dense = self.dense(node, false)?;
        self.push(node, dense)
    }

    /// The layer with operand 1 as its weights: inputs x outputs, or transposed.
    fn dense(&self, node: &NodeProto, transposed: bool) -> Result<Dense, LowerError> {
        let refusal = Refusal(node);
        let constant = self.constant_operand(node, 1)?;
        let &[rows, columns] = constant.shape.as_slice() else {
            return Err(refusal.because(format!("has weights of shape {:?}, not a matrix", constant.shape)));
        };
        let (inputs, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
        if inputs != self.width {
            let width = self.width;
            return Err(
                refusal.because(format!("takes rows of {inputs} numbers and is given {width}: one sample at a time"))
            );
        }
        let data = &constant.data;
        let weights = if transposed {
            data.clone()
        } else {
            (0..outputs).flat_map(|i| (0..inputs).map(move |j| data[j * outputs + i])).collect()
        };
        Ok(Dense { inputs, outputs, weights, bias: vec![0.0; outputs] })
    }

    /// Operand `index` as one number per neuron.
    fn bias(&self, node: &NodeProto, index: usize, width: usize) -> Result<Vec<f64>, LowerError> {
        let Constant { shape, data } = self.constant_operand(node, index)?;
        match data.as_slice() {
            [only] => Ok(vec![*only; width]),
            _ if data.len() == width && shape.last() == Some(&width) => Ok(data.clone()),
            _ => Err(Refusal(node).because(format!("adds a tensor of shape {shape:?} to {width} numbers"))),
        }
    }

    fn push(&mut self, node: &NodeProto, dense: Dense) -> Result<(), LowerError> {
        self.width = dense.outputs;
        self.pending = Some(match self.pending.take() {
            None => dense,
            Some(first) if dense.outputs.saturating_mul(first.weights.len()) > MAX_FUSION => {
                return Err(Refusal(node).because("follows a dense layer without activation, and both are too large"));
            }
            Some(first) => dense.after(&first),
        });
        Ok(())
    }

    fn add(&mut self, node: &NodeProto) -> Result<(), LowerError> {
        let constant = if operand(node, 0) == self.wire { 1 } else { 0 };
        self.expect_wire(node, 1 - constant)?;
        let bias = self.bias(node, constant, self.width)?;
        let Some(dense) = &mut self.pending else {
            return Err(Refusal(node).because("does not follow a dense layer"));
        };
        dense.bias.iter_mut().zip(bias).for_each(|(sum, b)| *sum += b);
        Ok(())
    }

    fn activate(&mut self, node: &NodeProto, upper: Option<f64>) -> Result<(), LowerError> {
        self.expect_wire(node, 0)?;
        match (self.pending.take(), self.hidden.last_mut()) {
            (Some(dense), _) => self.hidden.push(Hidden { dense, upper }),
            // An activation of activations.
            (None, Some(hidden)) => {
                hidden.upper = match (hidden.upper, upper) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                }
            }
            (None, None) => return Err(Refusal(node).because("is applied to the input, before any dense layer")),
        }
        Ok(())
    }

    /// `Clip(0, max)`: bounds are attributes before operator set 11, operands since.
    fn clip(&mut self, node: &NodeProto) -> Result<(), LowerError> {
        let bound = |index, name| match operand(node, index) {
            "" => Ok(float(node, name)),
            _ => Ok(self.constant_operand(node, index)?.data.first().copied()),
        };
        let (min, max) = (bound(1, "min")?, bound(2, "max")?);
        let upper = max.filter(|&max| max < f32::MAX.into());
        let not_negative = self.pending.is_none() && !self.hidden.is_empty();
        let from_zero = min == Some(0.0) || (not_negative && min.is_none_or(|min| min < 0.0));
        if !from_zero || upper.is_some_and(|upper| upper <= 0.0) {
            return Err(Refusal(node).because("does not clip to an interval that begins at 0"));
        }
        self.activate(node, upper)
    }

    fn dropout(&self, node: &NodeProto) -> Result<(), LowerError> {
        let training = operand(node, 2);
        if !training.is_empty() && self.constant_operand(node, 2)?.data.first() != Some(&0.0) {
            return Err(Refusal(node).because("is in training mode"));
        }
        self.expect_wire(node, 0)
    }
}

/// The name of operand `index`, empty when it is left out.
fn operand(node: &NodeProto, index: usize) -> &str {
    node.input.get(index).map_or("", String::as_str)
}

fn operand_out(node: &NodeProto) -> String {
    node.output.first().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
