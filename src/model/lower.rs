//! From a canonical graph to a multi-layer perceptron.
//!
//! The graph has to be a chain: every node reads what the one before it made, and constants. Row-major order is all that
//! matters, so that reshaping does nothing; shapes were checked when the model was read. Before the chain begins, numbers of
//! several inputs may be moved about and put together; at its end, several outputs may be made of the same hidden layers.

mod moved;

use super::{
    Mlp,
    graph::{Graph, Node, Numbers, Operand, Operator, Tensor, ValueId},
    mlp::{Dense, Hidden},
};
use moved::Moved;
use std::collections::HashSet;

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

/// A number is multiplied and shifted before the next layer reads it.
struct Affine {
    factors: Vec<f64>,
    shifts: Vec<f64>,
}

/// The chain as far as it was read.
struct Chain<'g> {
    graph: &'g Graph,
    /// What the chain has made so far, and how many numbers that are.
    wire: ValueId,
    width: usize,
    hidden: Vec<Hidden>,
    /// A dense layer whose activation has not been read.
    pending: Option<Dense>,
    /// What happens to the numbers before a dense layer, when none is pending.
    affine: Option<Affine>,
}

/// Outputs of one graph.
const MAX_OUTPUTS: usize = 64;

/// Reads a graph. Its inputs are one after the other in what the network reads, and its outputs in what it makes.
pub(super) fn lower(graph: &Graph) -> Result<Mlp, LowerError> {
    let moved = Moved::of(graph)?;
    if graph.outputs().len() > MAX_OUTPUTS {
        return Err(LowerError::Graph(format!("it has more than {MAX_OUTPUTS} output tensors")));
    }
    let mut whole: Option<Mlp> = None;
    for &output in graph.outputs() {
        let next = lower_output(graph, &moved, output)?;
        whole = Some(match whole {
            None => next,
            Some(before) => beside(before, &next)?,
        });
    }
    whole.ok_or_else(|| LowerError::Graph("it has no output".into()))
}

/// The network that makes one of the outputs.
fn lower_output(graph: &Graph, moved: &Moved<'_>, output: ValueId) -> Result<Mlp, LowerError> {
    let nodes = nodes_before(graph, moved, output);
    let reads_moved = |node: &&Node| values(node).find(|&value| moved.has(value));
    let start = nodes.iter().find_map(reads_moved).unwrap_or(output);
    let width = graph.value(start).kind.elements();
    let mut chain = Chain { graph, wire: start, width, hidden: Vec::new(), pending: None, affine: None };
    for node in nodes {
        chain.read(node)?;
    }
    moved.reading_all(start, chain.finish(output)?)
}

fn values(node: &Node) -> impl Iterator<Item = ValueId> {
    node.inputs.iter().flatten().filter_map(|operand| match operand {
        Operand::Value(id) => Some(*id),
        Operand::Constant(_) => None,
    })
}

/// The nodes that compute a value, in order, without those that move inputs.
fn nodes_before<'g>(graph: &'g Graph, moved: &Moved<'_>, output: ValueId) -> Vec<&'g Node> {
    let mut needed = HashSet::from([output]);
    let mut nodes = Vec::new();
    for node in graph.nodes().iter().rev() {
        if node.outputs.iter().any(|value| needed.contains(value) && !moved.has(*value)) {
            needed.extend(values(node));
            nodes.push(node);
        }
    }
    nodes.reverse();
    nodes
}

/// Both networks in one, the second one's outputs after those of the first.
fn beside(mut first: Mlp, second: &Mlp) -> Result<Mlp, LowerError> {
    if first.hidden != second.hidden || first.last.inputs != second.last.inputs {
        return Err(LowerError::Graph("its output tensors are not made of the same hidden layers".into()));
    }
    first.last.weights.extend_from_slice(&second.last.weights);
    first.last.bias.extend_from_slice(&second.last.bias);
    first.last.outputs += second.last.outputs;
    Ok(first)
}

fn refuse(node: &Node, reason: impl Into<String>) -> LowerError {
    LowerError::Operator { operator: node.operator.name().into(), node: node.name.clone(), reason: reason.into() }
}

/// The floats of a constant.
fn floats(node: &Node, tensor: &Tensor) -> Result<Vec<f64>, LowerError> {
    match tensor.numbers() {
        Numbers::Floats(numbers) => Ok(numbers.iter().map(|&x| x.into()).collect()),
        Numbers::Ints(_) => Err(refuse(node, "computes with integers")),
    }
}

fn float(node: &Node, name: &str) -> f64 {
    node.attributes.float(name).unwrap_or(1.0).into()
}

impl<'g> Chain<'g> {
    fn read(&mut self, node: &'g Node) -> Result<(), LowerError> {
        match node.operator {
            Operator::Gemm => self.gemm(node)?,
            Operator::MatMul => self.matmul(node)?,
            Operator::Add | Operator::Sub | Operator::Mul | Operator::Div => self.arithmetic(node)?,
            Operator::BatchNormalization => self.batch_normalization(node)?,
            Operator::Relu => self.activate(node, None)?,
            Operator::Clip => self.clip(node)?,
            Operator::Reshape | Operator::Identity => self.expect_wire(node, 0)?,
            _ => return Err(refuse(node, "is not one that the native backend reads")),
        }
        self.wire = node.outputs[0];
        Ok(())
    }

    fn finish(mut self, output: ValueId) -> Result<Mlp, LowerError> {
        if self.wire != output {
            return Err(LowerError::Graph("its output is not what its last operator makes".into()));
        }
        if self.affine.is_some() {
            self.push_identity()?;
        }
        let last = match self.pending.take() {
            Some(dense) => dense,
            None if self.hidden.is_empty() => return Err(LowerError::Graph("it has no dense layer".into())),
            // It ends with an activation: the relation's last layer has none.
            None => Dense::identity(self.width),
        };
        Ok(Mlp { hidden: self.hidden, last })
    }

    fn is_wire(&self, node: &Node, index: usize) -> bool {
        matches!(node.inputs.get(index), Some(Some(Operand::Value(id))) if *id == self.wire)
    }

    fn operand_name(&self, node: &'g Node, index: usize) -> &'g str {
        match node.inputs.get(index) {
            Some(Some(Operand::Value(id))) => &self.graph.value(*id).name,
            Some(Some(Operand::Constant(constant))) => &constant.name,
            _ => "",
        }
    }

    /// Fails unless operand `index` is what the chain made last.
    fn expect_wire(&self, node: &'g Node, index: usize) -> Result<(), LowerError> {
        if self.is_wire(node, index) {
            return Ok(());
        }
        let name = self.operand_name(node, index);
        Err(refuse(node, format!("reads `{name}`, not the result of the operator before it")))
    }

    fn constant(&self, node: &'g Node, index: usize) -> Result<&'g Tensor, LowerError> {
        match node.inputs.get(index) {
            Some(Some(Operand::Constant(constant))) => Ok(&constant.tensor),
            _ => {
                Err(refuse(node, format!("has the operand `{}`, which is no constant", self.operand_name(node, index))))
            }
        }
    }

    fn has(&self, node: &Node, index: usize) -> bool {
        node.inputs.get(index).is_some_and(Option::is_some)
    }

    /// `alpha * A * B + beta * C`.
    fn gemm(&mut self, node: &'g Node) -> Result<(), LowerError> {
        self.expect_wire(node, 0)?;
        if node.attributes.int("transA").unwrap_or(0) != 0 {
            return Err(refuse(node, "transposes its input"));
        }
        let (alpha, beta) = (float(node, "alpha"), float(node, "beta"));
        let mut dense = self.dense(node, node.attributes.int("transB").unwrap_or(0) != 0)?;
        dense.weights.iter_mut().for_each(|w| *w *= alpha);
        if self.has(node, 2) {
            let mut bias = self.along(node, 2)?;
            bias.iter_mut().for_each(|b| *b *= beta);
            dense.bias = bias;
        }
        self.push(node, dense)
    }

    fn matmul(&mut self, node: &'g Node) -> Result<(), LowerError> {
        self.expect_wire(node, 0)?;
        let dense = self.dense(node, false)?;
        self.push(node, dense)
    }

    /// The layer with operand 1 as its weights: inputs x outputs, or transposed.
    fn dense(&self, node: &'g Node, transposed: bool) -> Result<Dense, LowerError> {
        let constant = self.constant(node, 1)?;
        let &[rows, columns] = constant.shape() else {
            return Err(refuse(node, format!("has weights of shape {:?}, not a matrix", constant.shape())));
        };
        let (inputs, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
        if inputs != self.width {
            let width = self.width;
            return Err(refuse(
                node,
                format!("takes rows of {inputs} numbers and is given {width}: one sample at a time"),
            ));
        }
        let data = floats(node, constant)?;
        let weights = if transposed {
            data
        } else {
            (0..outputs).flat_map(|i| (0..inputs).map(move |j| (i, j))).map(|(i, j)| data[j * outputs + i]).collect()
        };
        Ok(Dense { inputs, outputs, weights, bias: vec![0.0; outputs] })
    }

    /// Operand `index`, broadcast to what the node makes.
    fn along(&self, node: &'g Node, index: usize) -> Result<Vec<f64>, LowerError> {
        let (constant, shape) = (self.constant(node, index)?, &self.graph.value(node.outputs[0]).kind.shape);
        let numbers = floats(node, constant)?;
        Ok(constant.broadcast_positions(shape).into_iter().map(|at| numbers[at]).collect())
    }

    fn push(&mut self, node: &Node, mut dense: Dense) -> Result<(), LowerError> {
        self.width = dense.outputs;
        if let Some(Affine { factors, shifts }) = self.affine.take() {
            let shifted = dense.apply(&shifts);
            for row in dense.weights.chunks_exact_mut(dense.inputs.max(1)) {
                row.iter_mut().zip(&factors).for_each(|(w, factor)| *w *= factor);
            }
            dense.bias = shifted;
        }
        self.pending = Some(match self.pending.take() {
            None => dense,
            Some(first) if dense.outputs.saturating_mul(first.weights.len()) > MAX_FUSION => {
                return Err(refuse(node, "follows a dense layer without activation, and both are too large"));
            }
            Some(first) => dense.after(&first),
        });
        Ok(())
    }

    /// A layer that only does what is left to do to every number.
    fn push_identity(&mut self) -> Result<(), LowerError> {
        let Some(Affine { factors, shifts }) = self.affine.take() else { return Ok(()) };
        if self.hidden.is_empty() && self.width > 1 << 12 {
            return Err(LowerError::Graph("it has no dense layer".into()));
        }
        let mut dense = Dense::identity(self.width);
        dense.weights.iter_mut().step_by(self.width + 1).zip(factors).for_each(|(w, factor)| *w = factor);
        dense.bias = shifts;
        self.pending = Some(dense);
        Ok(())
    }

    /// Multiplies and shifts every number: within the dense layer before it, or else before the one after it.
    fn scale(&mut self, node: &Node, factors: Vec<f64>, shifts: Vec<f64>) -> Result<(), LowerError> {
        if self.graph.value(node.outputs[0]).kind.elements() != self.width || factors.len() != self.width {
            let shape = &self.graph.value(node.outputs[0]).kind.shape;
            return Err(refuse(node, format!("makes {shape:?} of {} numbers", self.width)));
        }
        if let Some(dense) = &mut self.pending {
            let rows = dense.weights.chunks_exact_mut(dense.inputs.max(1)).zip(&mut dense.bias);
            for ((row, bias), (factor, shift)) in rows.zip(factors.iter().zip(&shifts)) {
                row.iter_mut().for_each(|w| *w *= factor);
                *bias = *bias * factor + shift;
            }
            return Ok(());
        }
        let before = self.affine.take();
        self.affine = Some(match before {
            None => Affine { factors, shifts },
            Some(before) => Affine {
                shifts: before.shifts.iter().zip(&factors).zip(shifts).map(|((s, f), shift)| s * f + shift).collect(),
                factors: before.factors.iter().zip(factors).map(|(a, b)| a * b).collect(),
            },
        });
        Ok(())
    }

    fn arithmetic(&mut self, node: &'g Node) -> Result<(), LowerError> {
        let at = usize::from(self.is_wire(node, 0));
        self.expect_wire(node, 1 - at)?;
        let numbers = self.along(node, at)?;
        let (ones, zeros) = (vec![1.0; numbers.len()], vec![0.0; numbers.len()]);
        let negated = |numbers: &[f64]| numbers.iter().map(|x| -x).collect();
        let (factors, shifts) = match (node.operator, at) {
            (Operator::Add, _) => (ones, numbers),
            (Operator::Mul, _) => (numbers, zeros),
            (Operator::Sub, 1) => (ones, negated(&numbers)),
            (Operator::Sub, _) => (negated(&ones), numbers),
            (Operator::Div, 1) => (numbers.iter().map(|x| 1.0 / x).collect(), zeros),
            _ => return Err(refuse(node, "divides by what depends on the input")),
        };
        if !factors.iter().chain(&shifts).all(|x: &f64| x.is_finite()) {
            return Err(refuse(node, "divides by 0"));
        }
        self.scale(node, factors, shifts)
    }

    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias`, by channel.
    fn batch_normalization(&mut self, node: &'g Node) -> Result<(), LowerError> {
        self.expect_wire(node, 0)?;
        let shape = &self.graph.value(node.outputs[0]).kind.shape;
        let list = |index| self.constant(node, index).and_then(|tensor| floats(node, tensor));
        let (scale, bias, mean, variance) = (list(1)?, list(2)?, list(3)?, list(4)?);
        let epsilon = node.attributes.float("epsilon").unwrap_or(1e-5);
        let inner: usize = shape[2..].iter().product();
        let (mut factors, mut shifts) = (Vec::new(), Vec::new());
        for at in 0..shape.iter().product() {
            let channel = at / inner % scale.len().max(1);
            let factor = scale[channel] / (variance[channel] + f64::from(epsilon)).sqrt();
            if !factor.is_finite() {
                return Err(refuse(node, "has a variance that is not positive"));
            }
            factors.push(factor);
            shifts.push(bias[channel] - mean[channel] * factor);
        }
        self.scale(node, factors, shifts)
    }

    fn activate(&mut self, node: &'g Node, upper: Option<f64>) -> Result<(), LowerError> {
        self.expect_wire(node, 0)?;
        if self.hidden.is_empty() && self.pending.is_none() && self.affine.is_none() {
            return Err(refuse(node, "is applied to the input, before any dense layer"));
        }
        self.push_identity()?;
        match (self.pending.take(), self.hidden.last_mut()) {
            (Some(dense), _) => self.hidden.push(Hidden { dense, upper }),
            // An activation of activations.
            (None, Some(hidden)) => {
                hidden.upper = match (hidden.upper, upper) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                }
            }
            (None, None) => return Err(refuse(node, "is applied to the input, before any dense layer")),
        }
        Ok(())
    }

    /// `Clip(0, max)`.
    fn clip(&mut self, node: &'g Node) -> Result<(), LowerError> {
        let bound = |index| match self.has(node, index) {
            false => Ok(None),
            true => {
                self.constant(node, index).and_then(|tensor| floats(node, tensor)).map(|list| list.first().copied())
            }
        };
        let (min, max) = (bound(1)?, bound(2)?);
        let upper = max.filter(|&max| max < f32::MAX.into());
        let not_negative = self.pending.is_none() && self.affine.is_none() && !self.hidden.is_empty();
        let from_zero = min == Some(0.0) || (not_negative && min.is_none_or(|min| min < 0.0));
        if !from_zero || upper.is_some_and(|upper| upper <= 0.0) {
            return Err(refuse(node, "does not clip to an interval that begins at 0"));
        }
        self.activate(node, upper)
    }
}

#[cfg(test)]
mod tests;
