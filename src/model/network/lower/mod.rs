//! From a canonical graph to the steps of a plan: one operator after the other, each in the file of its family.

mod along;
mod compare;
mod einsum;
mod elementwise;
mod function;
mod integers;
mod layout;
mod linear;
mod lookup;
mod operators;
mod pool;
mod reduce;
mod resize;
mod same;
mod softmax;
mod unary;
mod window;

pub use operators::OPERATORS;

use super::{
    plan::{Plan, Step, Then, Work},
    quantize::{expected, input_range},
};
use crate::model::{
    LowerError, Model,
    graph::{Graph, Node, Numbers, Operand, Operator, Tensor, ValueId},
    quantize::Calibration,
};
use function::Lazy;
use std::{cmp::Ordering, collections::HashMap};
use zkinfer_prover::network::Linear;

/// Weights that a linear map may have when it is none of the prover's convolutions, and is written out as a dense layer.
const MAX_DENSE: usize = 1 << 22;
/// Numbers of one of them.
const MAX_PORT: usize = 1 << 16;
/// Public tensors of a program.
const MAX_PORTS: usize = 16;
/// Elements that an axis of the prover may have.
const MAX_AXIS: usize = 1 << 16;

/// A tensor of the graph: the step that computes it, in its row-major order.
#[derive(Clone)]
struct Wire {
    step: usize,
    shape: Vec<usize>,
    /// A function of what the step computes that has no step yet.
    lazy: Option<Lazy>,
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
    /// Scores of a softmax that do not count, by tensor.
    hidden: HashMap<ValueId, Vec<bool>>,
    /// Steps in the scale of their own choice, of those that have none.
    loose: HashMap<usize, usize>,
    /// Inputs to expect, and how much greater than with them values may get.
    samples: Vec<Vec<f64>>,
    headroom: f64,
}

/// Inputs that are run to see what a function's arguments are.
const MOST_SAMPLES: usize = 8;

type Lowered<T> = Result<T, LowerError>;

fn refuse(node: &Node, reason: impl Into<String>) -> LowerError {
    LowerError::Operator { operator: node.operator.name().into(), node: node.name.clone(), reason: reason.into() }
}

/// The plan of a model.
pub(super) fn lower(model: &Model, calibration: &Calibration) -> Lowered<Plan> {
    let graph = model.graph();
    let (inputs, outputs) = (graph.inputs(), graph.outputs());
    if inputs.is_empty() {
        return Err(LowerError::Graph("it has no input: what it computes is a constant".into()));
    }
    if inputs.len() + outputs.len() > MAX_PORTS {
        let reason = format!("it has {} input and {} output tensors", inputs.len(), outputs.len());
        return Err(LowerError::Graph(format!("{reason}; at most {MAX_PORTS} in all are proven")));
    }
    let mut all = 0;
    for id in inputs.iter().map(|input| input.value).chain(outputs.iter().copied()) {
        let count = graph.value(id).kind.elements();
        all += count;
        if count > MAX_PORT || all > 2 * MAX_PORT {
            let name = &graph.value(id).name;
            let reason =
                format!("its tensor `{name}` has {count} numbers; at most {MAX_PORT} of one tensor are public");
            return Err(LowerError::Graph(format!("{reason}, and {} of all", 2 * MAX_PORT)));
        }
    }
    let mut uses = HashMap::new();
    let read = graph.nodes().iter().flat_map(|node| &node.inputs).flatten().filter_map(|operand| match operand {
        Operand::Value(id) => Some(*id),
        Operand::Constant(_) => None,
    });
    read.chain(outputs.iter().copied()).for_each(|id| *uses.entry(id).or_insert(0) += 1);
    let plan = Plan { steps: Vec::new(), signed: Vec::new() };
    let node = (String::new(), "Input");
    let width = inputs.iter().map(|input| graph.value(input.value).kind.elements()).sum();
    let (mut samples, headroom) = expected(width, calibration);
    let mut first = 0;
    let mut signed = Vec::new();
    for input in inputs {
        let own = first..first + graph.value(input.value).kind.elements();
        first = own.end;
        signed.push(input_range(calibration, &samples, |sample| &sample[own.clone()]).0 < 0.0);
    }
    samples.truncate(MOST_SAMPLES);
    let mut lowering = Lowering {
        graph,
        plan,
        wires: HashMap::new(),
        uses,
        node,
        loose: HashMap::new(),
        hidden: HashMap::new(),
        samples,
        headroom,
    };
    lowering.plan.signed = signed;
    for input in inputs {
        lowering.input(input.value)?;
    }
    for node in graph.nodes() {
        lowering.node = (node.name.clone(), node.operator.name());
        lowering.lower(node)?;
    }
    lowering.finish(outputs)?;
    same::compare(&lowering, model)?;
    Ok(lowering.plan)
}

impl<'g> Lowering<'g> {
    fn input(&mut self, value: ValueId) -> Lowered<()> {
        let shape = self.graph.value(value).kind.shape.clone();
        self.node = (self.graph.value(value).name.clone(), "Input");
        let dims = match shape[..] {
            [1, c, h, w] if [c, h, w].iter().all(|d| *d <= MAX_AXIS) => vec![c as u32, h as u32, w as u32],
            _ => flat(shape.iter().product())
                .ok_or_else(|| LowerError::Graph(format!("its input has the shape {shape:?}; at most 2^22 numbers")))?,
        };
        let step = self.push(vec![], dims, Work::Input, Then::Nothing);
        self.wires.insert(value, Wire { step, shape, lazy: None });
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
            O::ReduceMean | O::ReduceSum | O::CumSum => self.sums(node)?,
            O::ReduceMax | O::ReduceMin | O::ReduceProd => self.reduce(node)?,
            O::ArgMax | O::ArgMin | O::Hardmax => self.greatest_of(node)?,
            O::Add | O::Sub | O::Mul | O::Div | O::Pow => return self.arithmetic(node),
            O::BatchNormalization => self.batch_normalization(node)?,
            O::InstanceNormalization => self.instance_normalization(node)?,
            O::LRN => self.local_response(node)?,
            O::Relu | O::Clip | O::HardSigmoid => self.clips(node)?,
            O::LeakyRelu | O::PRelu | O::HardSwish => self.pieces(node)?,
            O::Max | O::Min => self.extreme(node)?,
            O::Floor | O::Ceil => self.rounded(node)?,
            O::Softmax | O::LogSoftmax => self.softmax(node)?,
            O::Equal | O::Greater | O::GreaterOrEqual | O::Less | O::LessOrEqual => return self.compared(node),
            O::And | O::Or | O::Xor => return self.logic(node),
            O::Sign => self.sign(node)?,
            O::ThresholdedRelu => {
                let wire = self.wire(node, 0)?;
                let alpha = f64::from(node.attributes.float("alpha").unwrap_or(1.0));
                self.above(&wire, alpha)?
            }
            O::Where => return self.choice(node),
            O::Cast => return self.cast(node),
            O::Reshape | O::Identity => return self.passed_on(node),
            O::Gather => return self.gathered(node),
            O::OneHot => self.one_hot(node)?,
            O::Einsum => self.einsum(node)?,
            O::DequantizeLinear => self.dequantized(node)?,
            O::MatMulInteger => self.mat_mul_integer(node)?,
            O::ConvInteger => self.conv_integer(node)?,
            operator if unary::is_function(operator) => return self.unary(node),
            operator if layout::moves(operator) => return self.moved(node),
            _ => return Err(refuse(node, "is not one that the native backend proves")),
        };
        self.give(node.outputs[0], step)
    }

    /// The step computes the value.
    fn give(&mut self, value: ValueId, step: usize) -> Lowered<()> {
        let shape = self.graph.value(value).kind.shape.clone();
        debug_assert_eq!(shape.iter().product::<usize>(), self.plan.steps[step].elements());
        self.wires.insert(value, Wire { step, shape, lazy: None });
        Ok(())
    }

    /// The outputs are the sums of a last dense layer, or the values of steps.
    fn finish(&mut self, outputs: &[ValueId]) -> Lowered<()> {
        let mut steps = Vec::new();
        for output in outputs {
            self.node = (self.name(*output).to_owned(), "Output");
            if !self.wires.contains_key(output) {
                let reason = format!("its output `{}` does not depend on its input", self.name(*output));
                return Err(LowerError::Graph(reason));
            }
            steps.push(self.settled(*output)?.step);
        }
        if let [step] = steps[..] {
            let last = &self.plan.steps[step];
            let dense =
                matches!(last.work, Work::Linear { op: Linear::Dense { .. }, .. }) && last.then == Then::Nothing;
            if dense && step + 1 == self.plan.steps.len() {
                return Ok(());
            }
        }
        for (step, output) in steps.into_iter().zip(outputs) {
            self.node = (self.name(*output).to_owned(), "Output");
            // An input with a zero point has another meaning than its integers say.
            let step = if self.plan.is_offset(step) { self.centered(step) } else { step };
            let dims = self.plan.steps[step].dims.clone();
            self.push(vec![step], dims, Work::Output, Then::Nothing);
        }
        Ok(())
    }

    fn push(&mut self, from: Vec<usize>, dims: Vec<u32>, work: Work, then: Then) -> usize {
        let (node, operator) = self.node.clone();
        let nonnegative = match work {
            Work::Input => !self.plan.is_offset(self.plan.steps.len()),
            Work::Linear { .. } | Work::Floor(_) => false,
            Work::Compare(_) | Work::Exponentials | Work::Reciprocals | Work::ScaleRows => true,
            Work::Mask | Work::Keep => true,
            Work::Constant(ref numbers) => numbers.iter().all(|x| *x >= 0.0),
            Work::Function(ref of) => {
                let source = &self.plan.steps[from[0]];
                let reach = 4.0 * self.headroom * self.greatest(from[0]).max(f64::MIN_POSITIVE);
                let first = if source.nonnegative { 0 } else { -512 };
                (first..=512).all(|i| of.at(f64::from(i) / 512.0 * reach).partial_cmp(&0.0) != Some(Ordering::Less))
            }
            // A square.
            Work::Mul if from[0] == from[1] => true,
            Work::Choose => from[1..].iter().all(|&source| self.plan.steps[source].nonnegative),
            _ => from.iter().all(|&source| self.plan.steps[source].nonnegative),
        };
        let nonnegative = nonnegative || then.low() >= 0.0;
        self.plan.steps.push(Step { node, operator, from, dims, work, then, nonnegative });
        self.plan.steps.len() - 1
    }

    /// A linear step, whose zeros outside of its source mean 0.
    fn linear(&mut self, from: usize, dims: Vec<u32>, op: Linear, weights: Vec<f64>, bias: Vec<f64>) -> usize {
        let pads = matches!(op, Linear::Conv { padding: 1.., .. });
        // Weights of a truth value are divided by 2^8: only whole numbers can do with what is left.
        let truth = matches!(self.plan.steps[from].work, Work::Compare(_));
        let fine = truth && weights.iter().any(|w| w.fract() != 0.0);
        let from = if pads || fine { self.centered(from) } else { from };
        self.push(vec![from], dims, Work::Linear { op, weights, bias }, Then::Nothing)
    }

    /// The step, or one with the same numbers in a scale of its own choice: the integers of inputs that may be negative have
    /// a zero point, and some steps have a scale that is given. Linear steps and tables take them, and nothing else does.
    fn centered(&mut self, step: usize) -> usize {
        if !self.plan.is_offset(step) && self.plan.steps[step].exponent().is_none() {
            return step;
        }
        if let Some(step) = self.loose.get(&step) {
            return *step;
        }
        let n = self.plan.steps[step].elements() as u32;
        // Linear steps read it as it is: its dimensions are three, or free.
        let wanted = [1, 1, n];
        let dims = self.free_dims(step, &wanted).unwrap_or_else(|| wanted.to_vec());
        let channels = dims[0];
        let op = Linear::Conv { channels, kernel: 1, stride: 1, padding: 0, groups: channels };
        let (weights, bias) = (vec![1.0; channels as usize], vec![0.0; channels as usize]);
        let made = self.push(vec![step], dims, Work::Linear { op, weights, bias }, Then::Nothing);
        self.loose.insert(step, made);
        made
    }

    /// Three axes for a step: its own, or these, when nothing depends on what it has.
    fn free_dims(&mut self, step: usize, wanted: &[u32]) -> Option<Vec<u32>> {
        let is_free = matches!(
            self.plan.steps[step].work,
            Work::Input | Work::Copy(_) | Work::Join(_) | Work::Compare(_) | Work::Constant(_)
        );
        let mut readers = self.plan.steps.iter().filter(|other| other.from.contains(&step));
        let dense =
            |work: &Work| matches!(work, Work::Copy(_) | Work::Join(_) | Work::Linear { op: Linear::Dense { .. }, .. });
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
        let moved = |first: &[u32]| indices.iter().map(|&i| first[i as usize]).collect();
        let (from, work) = match &self.plan.steps[step].work {
            Work::Copy(first) => (self.plan.steps[step].from.clone(), Work::Copy(moved(first))),
            Work::Join(first) => (self.plan.steps[step].from.clone(), Work::Join(moved(first))),
            _ => (vec![step], Work::Copy(indices)),
        };
        self.push(from, dims, work, Then::Nothing)
    }

    /// Whether only the node that is being lowered reads what step computes, so that the step may change.
    fn is_sole(&self, step: usize) -> bool {
        let once = self.wires.iter().filter(|(_, wire)| wire.step == step).all(|(id, _)| self.uses.get(id) == Some(&1));
        once && !self.plan.steps.iter().any(|other| other.from.contains(&step))
    }

    /// A computed operand, with a step that computes it.
    fn wire(&mut self, node: &Node, index: usize) -> Lowered<Wire> {
        let id = self.operand(node, index)?;
        self.settled(id)
    }

    /// The tensor that is an operand.
    fn operand(&self, node: &Node, index: usize) -> Lowered<ValueId> {
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
            Some(Numbers::Ints(numbers)) => Ok(numbers.iter().map(|&x| x as f64).collect()),
            _ => Err(refuse(node, format!("has an operand {index} that is no constant"))),
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
