//! From a canonical graph to the steps of a plan: one operator after the other, each in the file of its family.

mod elementwise;
mod layout;
mod linear;
mod pool;
mod window;

use super::plan::{Plan, Step, Then, Work};
use crate::model::{
    Input, LowerError, Model, ModelError,
    graph::{Graph, Node, Numbers, Operand, Operator, Tensor, ValueId},
};
use std::collections::HashMap;
use zkinfer_prover::network::Linear;

/// The canonical operators that are lowered. That each is does not mean that every form of it is.
pub const OPERATORS: &[Operator] = {
    use Operator as O;
    &[
        O::Abs,
        O::Add,
        O::AveragePool,
        O::BatchNormalization,
        O::Clip,
        O::Conv,
        O::ConvTranspose,
        O::Div,
        O::Expand,
        O::Gather,
        O::Gemm,
        O::GlobalAveragePool,
        O::GlobalMaxPool,
        O::HardSigmoid,
        O::HardSwish,
        O::Identity,
        O::LeakyRelu,
        O::MatMul,
        O::Max,
        O::MaxPool,
        O::Min,
        O::Mul,
        O::Neg,
        O::PRelu,
        O::ReduceMean,
        O::ReduceSum,
        O::Relu,
        O::Reshape,
        O::Slice,
        O::Split,
        O::Sub,
        O::Tile,
        O::Transpose,
    ]
};

/// Weights that a linear map may have when it is none of the prover's convolutions, and is written out as a dense layer.
const MAX_DENSE: usize = 1 << 22;
/// Elements that an axis of the prover may have.
const MAX_AXIS: usize = 1 << 16;

/// A tensor of the graph: the step that computes it, in its row-major order.
#[derive(Clone, Debug)]
struct Wire {
    step: usize,
    shape: Vec<usize>,
}

/// A graph being lowered.
struct Lowering<'g> {
    graph: &'g Graph,
    plan: Plan,
    wires: HashMap<ValueId, Wire>,
    /// How often a value is read or given out.
    uses: HashMap<ValueId, usize>,
    /// The node that is being lowered, for the steps that it becomes.
    node: (String, &'static str),
    /// The input as signed integers, once something needs it so.
    centered: Option<usize>,
}

type Lowered<T> = Result<T, LowerError>;

fn refuse(node: &Node, reason: impl Into<String>) -> LowerError {
    LowerError::Operator { operator: node.operator.name().into(), node: node.name.clone(), reason: reason.into() }
}

/// The plan of a model; `signed` says that inputs may be negative.
pub(super) fn lower(model: &Model, signed: bool) -> Lowered<Plan> {
    let graph = model.graph();
    let ([input], [output]) = (graph.inputs(), graph.outputs()) else {
        return Err(LowerError::Graph(
            "it has more than one input or output tensor; join them into one where the model is exported".into(),
        ));
    };
    let value = graph.value(input.value);
    if !value.kind.element.is_float() {
        return Err(LowerError::Graph(format!(
            "its input `{}` is of {}, not of floats",
            value.name, value.kind.element
        )));
    }
    let mut uses = HashMap::new();
    let read = graph.nodes().iter().flat_map(|node| &node.inputs).flatten().filter_map(|operand| match operand {
        Operand::Value(id) => Some(*id),
        Operand::Constant(_) => None,
    });
    read.chain([*output]).for_each(|id| *uses.entry(id).or_insert(0) += 1);
    let plan = Plan { steps: Vec::new(), signed };
    let node = (value.name.clone(), "Input");
    let mut lowering = Lowering { graph, plan, wires: HashMap::new(), uses, node, centered: None };
    lowering.input(input.value)?;
    for node in graph.nodes() {
        lowering.node = (node.name.clone(), node.operator.name());
        lowering.lower(node)?;
    }
    lowering.node = (graph.value(*output).name.clone(), "Output");
    lowering.finish(*output)?;
    compare(&lowering.plan, model)?;
    Ok(lowering.plan)
}

/// Fails unless tract computes the same function, on three inputs, up to 32-bit rounding.
fn compare(plan: &Plan, model: &Model) -> Lowered<()> {
    let width = plan.steps.first().map_or(0, Step::elements);
    let inputs: [Vec<f64>; 3] = [
        vec![0.0; width],
        (1..=width).map(|i| i as f64 / width as f64).collect(),
        (0..width).map(|i| if i % 3 == 0 || !plan.signed { 0.5 } else { -0.25 }).collect(),
    ];
    for input in inputs {
        let found = plan.outputs(&input);
        let expected = Input::new(vec![input]).and_then(|input| model.run(&input));
        let expected = expected.map_err(|error: ModelError| LowerError::Graph(error.to_string()))?;
        let expected: Vec<f64> = expected.into_iter().flatten().map(f64::from).collect();
        let greatest = expected.iter().fold(1.0f64, |most, x| most.max(x.abs()));
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-3 * greatest;
        if expected.len() != found.len() || !expected.iter().zip(&found).all(close) {
            return Err(LowerError::Graph("its layers, as they are read, do not compute what the file says".into()));
        }
    }
    Ok(())
}

impl<'g> Lowering<'g> {
    fn input(&mut self, value: ValueId) -> Lowered<()> {
        let shape = self.graph.value(value).kind.shape.clone();
        let dims = match shape[..] {
            [1, c, h, w] if [c, h, w].iter().all(|d| *d <= MAX_AXIS) => vec![c as u32, h as u32, w as u32],
            _ => flat(shape.iter().product())
                .ok_or_else(|| LowerError::Graph(format!("its input has the shape {shape:?}; at most 2^22 numbers")))?,
        };
        let step = self.push(vec![], dims, Work::Input, Then::Nothing);
        self.wires.insert(value, Wire { step, shape });
        Ok(())
    }

    fn lower(&mut self, node: &'g Node) -> Lowered<()> {
        use Operator as O;
        let step = match node.operator {
            O::Gemm => self.gemm(node)?,
            O::MatMul => self.mat_mul(node)?,
            O::Conv => self.conv(node)?,
            O::ConvTranspose => self.conv_transpose(node)?,
            O::MaxPool | O::GlobalMaxPool | O::AveragePool | O::GlobalAveragePool => self.pool(node)?,
            O::ReduceMean | O::ReduceSum => self.reduce(node)?,
            O::Add | O::Sub | O::Mul | O::Div => self.arithmetic(node)?,
            O::BatchNormalization => self.batch_normalization(node)?,
            O::Relu | O::Clip | O::HardSigmoid => self.clips(node)?,
            O::LeakyRelu | O::PRelu | O::Abs | O::Neg | O::HardSwish => self.pieces(node)?,
            O::Max | O::Min => self.extreme(node)?,
            O::Reshape | O::Identity => self.wire(node, 0)?.step,
            O::Transpose | O::Slice | O::Split | O::Gather | O::Expand | O::Tile => return self.moved(node),
            O::Softmax | O::LogSoftmax => {
                return Err(refuse(
                    node,
                    "is not proven; export the model without it: it does not change which output is greatest",
                ));
            }
            _ => return Err(refuse(node, "is not one that the native backend reads")),
        };
        self.give(node.outputs[0], step)
    }

    /// The step computes the value.
    fn give(&mut self, value: ValueId, step: usize) -> Lowered<()> {
        let shape = self.graph.value(value).kind.shape.clone();
        debug_assert_eq!(shape.iter().product::<usize>(), self.plan.steps[step].elements());
        self.wires.insert(value, Wire { step, shape });
        Ok(())
    }

    /// The outputs are the sums of a last dense layer.
    fn finish(&mut self, output: ValueId) -> Lowered<()> {
        let wire = self.wires.get(&output).cloned();
        let wire = wire.ok_or_else(|| LowerError::Graph("its output does not depend on its input".into()))?;
        let last = &self.plan.steps[wire.step];
        let dense = matches!(last.work, Work::Linear { op: Linear::Dense { .. }, .. }) && last.then == Then::Nothing;
        if dense && wire.step + 1 == self.plan.steps.len() {
            return Ok(());
        }
        let n = last.elements();
        if n * n > MAX_DENSE {
            let name = &self.graph.value(output).name;
            let reason = "behind the last dense layer, and is too large to be passed on";
            return Err(LowerError::Graph(format!("its output `{name}` has {n} numbers {reason}")));
        }
        let mut weights = vec![0.0; n * n];
        weights.iter_mut().step_by(n + 1).for_each(|w| *w = 1.0);
        let bias = vec![0.0; n];
        self.linear(wire.step, vec![n as u32], Linear::Dense { outputs: n as u32 }, weights, bias);
        Ok(())
    }

    fn push(&mut self, from: Vec<usize>, dims: Vec<u32>, work: Work, then: Then) -> usize {
        let (node, operator) = self.node.clone();
        let nonnegative = match work {
            Work::Input => !self.plan.signed,
            Work::Linear { .. } => false,
            _ => from.iter().all(|&source| self.plan.steps[source].nonnegative),
        };
        let nonnegative = nonnegative || then.low() >= 0.0;
        self.plan.steps.push(Step { node, operator, from, dims, work, then, nonnegative });
        self.plan.steps.len() - 1
    }

    /// A linear step, whose zeros outside of its source mean 0.
    fn linear(&mut self, from: usize, dims: Vec<u32>, op: Linear, weights: Vec<f64>, bias: Vec<f64>) -> usize {
        let pads = matches!(op, Linear::Conv { padding: 1.., .. });
        let from = if pads { self.centered(from) } else { from };
        self.push(vec![from], dims, Work::Linear { op, weights, bias }, Then::Nothing)
    }

    /// The step, or the input with 0 for 0: the integers of inputs that may be negative have a zero point, which linear steps
    /// fold into their biases and nothing else takes.
    fn centered(&mut self, step: usize) -> usize {
        if step != 0 || !self.plan.signed {
            return step;
        }
        if let Some(step) = self.centered {
            return step;
        }
        let n = self.plan.steps[0].elements() as u32;
        // Only linear steps read the input itself: its dimensions are three, or free.
        let dims = self.free_dims(0, &[1, 1, n]).unwrap_or_else(|| vec![1, 1, n]);
        let channels = dims[0];
        let op = Linear::Conv { channels, kernel: 1, stride: 1, padding: 0, groups: channels };
        let (weights, bias) = (vec![1.0; channels as usize], vec![0.0; channels as usize]);
        let step = self.push(vec![0], dims, Work::Linear { op, weights, bias }, Then::Nothing);
        self.centered = Some(step);
        step
    }

    /// Three axes for a step: its own, or these, when nothing depends on what it has.
    fn free_dims(&mut self, step: usize, wanted: &[u32]) -> Option<Vec<u32>> {
        let is_free = matches!(self.plan.steps[step].work, Work::Input | Work::Copy(_));
        let mut readers = self.plan.steps.iter().filter(|other| other.from.contains(&step));
        let dense = |work: &Work| matches!(work, Work::Copy(_) | Work::Linear { op: Linear::Dense { .. }, .. });
        if self.plan.steps[step].dims.len() < 3 && is_free && readers.all(|reader| dense(&reader.work)) {
            self.plan.steps[step].dims = wanted.to_vec();
        }
        Some(self.plan.steps[step].dims.clone()).filter(|dims| dims.len() == 3)
    }

    /// A step with these dimensions and the same numbers in the same order.
    fn shaped(&mut self, step: usize, dims: &[u32]) -> usize {
        if self.plan.steps[step].dims == dims {
            return step;
        }
        if self.plan.steps[step].dims.len() < 3 && self.free_dims(step, dims).as_deref() == Some(dims) {
            return step;
        }
        let all = 0..self.plan.steps[step].elements() as u32;
        self.copy(step, dims.to_vec(), all.collect())
    }

    /// Elements of a step in another order. A copy of a copy is one.
    fn copy(&mut self, step: usize, dims: Vec<u32>, indices: Vec<u32>) -> usize {
        let step = self.centered(step);
        if let Work::Copy(first) = &self.plan.steps[step].work {
            let indices = indices.iter().map(|&i| first[i as usize]).collect();
            let from = self.plan.steps[step].from.clone();
            return self.push(from, dims, Work::Copy(indices), Then::Nothing);
        }
        self.push(vec![step], dims, Work::Copy(indices), Then::Nothing)
    }

    /// Whether only the node that is being lowered reads what step computes, so that the step may change.
    fn is_sole(&self, step: usize) -> bool {
        let once = self.wires.iter().filter(|(_, wire)| wire.step == step).all(|(id, _)| self.uses.get(id) == Some(&1));
        once && !self.plan.steps.iter().any(|other| other.from.contains(&step))
    }

    /// A computed operand.
    fn wire(&self, node: &Node, index: usize) -> Lowered<Wire> {
        match node.inputs.get(index) {
            Some(Some(Operand::Value(id))) => {
                let wire = self.wires.get(id).cloned();
                wire.ok_or_else(|| refuse(node, format!("reads `{}`, which is no tensor of floats", self.name(*id))))
            }
            _ => {
                Err(refuse(node, format!("has a constant as operand {index}, where the input's numbers have to come")))
            }
        }
    }

    fn name(&self, value: ValueId) -> &str {
        &self.graph.value(value).name
    }

    fn constant(&self, node: &'g Node, index: usize) -> Option<&'g Tensor> {
        match node.inputs.get(index) {
            Some(Some(Operand::Constant(constant))) => Some(&constant.tensor),
            _ => None,
        }
    }

    /// The floats of a constant operand.
    fn floats(&self, node: &'g Node, index: usize) -> Lowered<Vec<f64>> {
        match self.constant(node, index).map(Tensor::numbers) {
            Some(Numbers::Floats(numbers)) => Ok(numbers.iter().map(|&x| x.into()).collect()),
            _ => Err(refuse(node, format!("has an operand {index} that is no constant of floats"))),
        }
    }

    fn has(&self, node: &Node, index: usize) -> bool {
        node.inputs.get(index).is_some_and(Option::is_some)
    }

    /// A constant operand, broadcast to what the node makes.
    fn along(&self, node: &'g Node, index: usize) -> Lowered<Vec<f64>> {
        let numbers = self.floats(node, index)?;
        let shape = &self.graph.value(node.outputs[0]).kind.shape;
        let tensor = self.constant(node, index).map(|tensor| tensor.broadcast_positions(shape)).unwrap_or_default();
        Ok(tensor.into_iter().map(|at| numbers[at]).collect())
    }

    fn shape(&self, value: ValueId) -> &[usize] {
        &self.graph.value(value).kind.shape
    }
}

/// Three axes for a tensor of one sample that is copied: its channels, and what it has within each.
fn dims_of(node: &Node, shape: &[usize]) -> Lowered<Vec<u32>> {
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

/// Dimensions for that many numbers in a row.
fn flat(n: usize) -> Option<Vec<u32>> {
    if n <= MAX_AXIS {
        return Some(vec![n as u32]);
    }
    let rows = (2..=64).find(|rows| n.is_multiple_of(*rows) && n / rows <= MAX_AXIS)?;
    Some(vec![rows as u32, (n / rows) as u32])
}
