//! From a plan and its scales to the integer graph that is proven.

use super::{
    NetworkError, Report,
    each::each,
    lower,
    plan::{Part, Plan, Step, Then, Unit, Work},
    report,
    scales::{self, Scales, ZERO_POINT},
    tables::Tables,
};
use crate::model::{
    Model,
    quantize::{Calibration, HEADROOM, InputRange, InputScale},
};
use zkinfer_prover::{
    CircuitError,
    network::{Elements, Gadget, Graph, Layer, Linear, Parameters, Products, Stack},
};

/// How much greater than with made-up inputs values may get: real inputs are less even.
const MADE_UP_HEADROOM: f64 = 16.0;
/// Points on each side of 0 at which a function is looked at for its greatest value.
const GRID: i32 = 512;

/// A model as an integer graph. Its weights are secret: not shown, wiped when dropped.
#[derive(Clone)]
pub struct Network {
    pub(super) plan: Plan,
    pub(super) scales: Scales,
    graph: Graph,
    inputs: Vec<InputScale>,
    /// The layer of every step. What a table is of has that of its function.
    pub(super) layers: Vec<usize>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("layers", &self.graph.layers().len()).finish_non_exhaustive()
    }
}

impl Network {
    /// Lowers a model and quantizes it with what the calibration knows of its inputs.
    ///
    /// # Errors
    /// [`NetworkError`] names the node that is not proven, or has no integers.
    pub fn new(model: &Model, calibration: &Calibration) -> Result<Self, NetworkError> {
        let plan = lower::lower(model, calibration)?;
        let ranges = ranges(&plan, calibration);
        let scales = scales::choose(&plan, &ranges)?;
        let mut tables = Tables::default();
        let (place, functions) = plan.layers();
        let own = plan.steps.iter().enumerate().filter(|(at, _)| !functions.contains(&Some(*at)));
        let layer = |(at, step)| layer(&plan, &scales, &place, (at, functions[at]), step, &mut tables);
        let layers = own.map(layer).collect::<Result<_, _>>()?;
        let graph = Graph::with_functions(layers, tables.all()).map_err(|source| circuit(&plan, &place, source))?;
        let zero_point = |at| if plan.is_offset(at) { ZERO_POINT } else { 0 };
        let inputs = (0..plan.signed.len()).map(|at| InputScale { scale: scales.of(at), zero_point: zero_point(at) });
        let inputs = inputs.collect();
        Ok(Self { plan, scales, graph, inputs, layers: place })
    }

    /// The integer graph, with its weights.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What the integers of every input tensor mean.
    #[must_use]
    pub fn inputs(&self) -> &[InputScale] {
        &self.inputs
    }

    /// What an integer of 1 means in an input tensor: one number for all of it, or one for each.
    ///
    /// # Panics
    /// If there is no such input.
    #[must_use]
    pub fn input_scales(&self, input: usize) -> Vec<f64> {
        let scale = self.inputs[input].scale;
        self.plan.units[input].as_ref().map_or_else(|| vec![scale], |units| units.iter().map(|u| u * scale).collect())
    }

    /// The integers that the numbers of all input tensors mean.
    ///
    /// # Errors
    /// [`InputRange`] names the first number that does not fit.
    pub fn quantize(&self, input: &[f64]) -> Result<Vec<u16>, InputRange> {
        let mut rest = input;
        let mut made = Vec::with_capacity(input.len());
        for (at, of) in self.inputs.iter().enumerate() {
            let (own, others) = rest.split_at(self.plan.steps[at].elements().min(rest.len()));
            let scales = self.input_scales(at).into_iter().cycle();
            for ((index, x), scale) in own.iter().enumerate().zip(scales) {
                made.push(InputScale { scale, ..*of }.quantize_at(index, *x)?);
            }
            rest = others;
        }
        Ok(made)
    }

    /// For every output tensor the real number that an output of 1 means: a power of two.
    #[must_use]
    pub fn output_scales(&self) -> Vec<f64> {
        self.plan.outputs().map(|at| self.scales.of(at)).collect()
    }

    /// Name and operator of the ONNX node that a layer of the graph comes from.
    #[must_use]
    pub fn layer_name(&self, layer: usize) -> Option<(&str, &'static str)> {
        let step = self.layers.iter().rposition(|of| *of == layer).and_then(|at| self.plan.steps.get(at));
        step.map(|step| (step.node.as_str(), step.operator))
    }

    /// The outputs of the model in real numbers, as it was lowered.
    #[must_use]
    pub fn float(&self, input: &[f64]) -> Vec<f64> {
        self.plan.results(input)
    }

    /// The outputs of the integer graph, as real numbers; `None` when a value is out of range.
    #[must_use]
    pub fn run(&self, input: &[f64]) -> Option<Vec<f64>> {
        let outputs = self.graph.infer(&self.quantize(input).ok()?).ok()?;
        let scales = self.plan.outputs().flat_map(|at| vec![self.scales.of(at); self.plan.steps[at].elements()]);
        Some(outputs.iter().zip(scales).map(|(&z, scale)| z as f64 * scale).collect())
    }

    /// Compares integers with real numbers on these samples, tensor by tensor.
    #[must_use]
    pub fn report(&self, samples: &[Vec<f64>]) -> Report {
        report::report(self, samples)
    }
}

/// How great the numbers of every step may get.
fn ranges(plan: &Plan, calibration: &Calibration) -> Vec<f64> {
    let (samples, headroom) = expected(plan.inputs(), calibration);
    let mut ranges = vec![0.0f64; plan.steps.len()];
    let greatest = |values: &Vec<f64>| {
        values.iter().filter(|x| x.is_finite()).fold(0.0f64, |most, x| most.max(x.abs() * headroom))
    };
    for of_sample in each(&samples, |sample| plan.run(sample).iter().map(greatest).collect::<Vec<_>>()) {
        ranges.iter_mut().zip(of_sample).for_each(|(range, most)| *range = range.max(most));
    }
    // Inputs that are greater than what calibration knows are refused by themselves.
    for (at, range) in ranges.iter_mut().enumerate().take(plan.signed.len()) {
        let (low, high) = input_range(calibration, &samples, |sample| plan.part(at, sample));
        *range = high.max(-low);
    }
    for (at, step) in plan.steps.iter().enumerate() {
        let most = match &step.work {
            // No greater than the function ever is on what its argument can be.
            Work::Function(of) => {
                let (reach, below) = (2.0 * ranges[step.from[0]], !plan.steps[step.from[0]].is_unsigned());
                let points = (if below { -GRID } else { 0 }..=GRID).map(|i| f64::from(i) / f64::from(GRID) * reach);
                points.map(|x| of.at(x).abs()).fold(0.0, f64::max)
            }
            Work::Constant(numbers) => numbers.iter().fold(0.0f64, |most, x| most.max(x.abs())),
            _ => continue,
        };
        if most.is_finite() && (most < ranges[at] || matches!(step.work, Work::Constant(_))) {
            ranges[at] = most;
        }
    }
    ranges
}

/// The least and the greatest number of a part of an input; 0 is between them.
pub(super) fn input_range(
    calibration: &Calibration,
    samples: &[Vec<f64>],
    part: impl Fn(&[f64]) -> Vec<f64>,
) -> (f64, f64) {
    let widen = |(low, high): (f64, f64), x: &f64| (low.min(*x), high.max(*x));
    match calibration {
        Calibration::Samples(_) => {
            samples.iter().flat_map(|sample| part(sample)).fold((0.0, 0.0), |range, x| widen(range, &x))
        }
        Calibration::Range(..) => calibration.input_range(),
    }
}

/// Inputs of this width, and how much greater than with them values may get.
pub(super) fn expected(width: usize, calibration: &Calibration) -> (Vec<Vec<f64>>, f64) {
    let mut samples = calibration.samples(width);
    match calibration {
        Calibration::Samples(_) => (samples, HEADROOM),
        Calibration::Range(..) => {
            let (low, high) = calibration.input_range();
            samples.extend([vec![low; width], vec![high; width]]);
            (samples, MADE_UP_HEADROOM)
        }
    }
}

/// The prover names a layer by its index.
fn circuit(plan: &Plan, layers: &[usize], source: CircuitError) -> NetworkError {
    let index = match &source {
        CircuitError::Unsupported { index, .. } => Some(*index),
        CircuitError::NetworkWeight { layer, .. } => Some(*layer),
        _ => None,
    };
    let step = index.and_then(|index| layers.iter().rposition(|of| *of == index));
    let place = step.and_then(|at| plan.steps.get(at));
    let place = place.map_or_else(|| "the network".into(), |step| format!("node `{}` ({})", step.node, step.operator));
    NetworkError::Circuit { place, source }
}

/// The layer of a step, or of a step and the function of it that is computed with it. `place` is the layer of every step.
fn layer(
    plan: &Plan,
    scales: &Scales,
    place: &[usize],
    (at, function): (usize, Option<usize>),
    step: &Step,
    tables: &mut Tables,
) -> Result<Layer, NetworkError> {
    let source = step.from.first().copied().unwrap_or_default();
    let sources = [source, step.from.get(1).copied().unwrap_or_default()];
    let (from, both) = (place[source], sources.map(|at| place[at]));
    let shift = scales.shifts[at] as u8;
    let signed = !step.is_unsigned();
    let refused = || NetworkError::NoTable { node: step.node.clone(), operator: step.operator };
    let activation = match function.map(|at| (at, &plan.steps[at])) {
        Some((function, Step { work: Work::Function(of), nonnegative, .. })) => {
            let argument = (scales.of(at), signed, shift);
            tables.function(of, argument, (scales.of(function), !nonnegative)).ok_or_else(refused)?
        }
        _ => gadget(step, scales.of(at), shift),
    };
    Ok(match &step.work {
        Work::Input => Layer::Input { dims: step.dims.clone() },
        Work::Linear { op, weights, bias } => {
            let last = at + 1 == plan.steps.len();
            let parameters = parameters(plan, scales, at, source, weights, bias);
            // At least 0 and at most 24: the scales were chosen so.
            let log = |added: usize| shift as i32 + scales.exponents[added] - scales.exponents[at];
            let plus = step.from.get(1).map(|added| (place[*added], log(*added).clamp(0, 24) as u8));
            Layer::Linear { from, op: *op, parameters, activation: (!last).then_some(activation), plus }
        }
        Work::MaxPool => Layer::MaxPool { from, window: 2 },
        Work::MeanPool(window) => Layer::MeanPool { from, window: *window },
        Work::Copy(indices) => Layer::Gather { from, dims: step.dims.clone(), indices: indices.clone() },
        Work::Join(indices) => Layer::Join {
            from: step.from.iter().map(|at| place[*at]).collect(),
            dims: step.dims.clone(),
            indices: indices.clone(),
        },
        Work::Output => Layer::Output { from },
        Work::Pass => Layer::Activation { from, activation },
        Work::Add => Layer::Add { from: both, activation },
        Work::Mul => Layer::Mul { from: both, shift },
        Work::MatMul => Layer::MatMul { from: both, activation },
        Work::Products(products) => {
            let part = |from: usize, part: &Part| Stack { from, steps: part.steps, first: part.first.clone() };
            let scale = step.from.get(2).map(|at| place[*at]);
            let activation = match scale {
                Some(_) => Gadget::Product { shift },
                None if products.scores => Gadget::Score { shift },
                None => activation,
            };
            Layer::Products(Box::new(Products {
                left: part(from, &products.left),
                right: part(both[1], &products.right),
                sizes: products.sizes,
                dims: step.dims.clone(),
                steps: products.steps,
                causal: products.causal,
                scale,
                activation,
            }))
        }
        Work::Floor { factor, shift: add } => {
            // `floor(x)` is `(2^s x - 2^(s-1)) / 2^s`, rounded half up. What it makes is a whole number.
            let (exponent, channels) = (scales.exponents[source], step.dims[0]);
            let shift = if exponent + scales::log2(*factor) <= -2 { 16u8 } else { 8 };
            let weight = factor * 2f64.powi(i32::from(shift) + exponent);
            let half = 2f64.powi(i32::from(shift) - 1);
            let parameters = Parameters {
                weights: vec![weight as i16; channels as usize],
                biases: vec![(2.0 * half * add - half).round() as i32; channels as usize],
            };
            let op = Linear::Conv { channels, kernel: 1, stride: 1, padding: 0, groups: channels };
            Layer::Linear { from, op, parameters, activation: Some(Gadget::Requantize { shift }), plus: None }
        }
        Work::Function(of) => {
            let argument = (scales.of(source), !plan.steps[source].is_unsigned(), 0);
            let gadget = tables.function(of, argument, (scales.of(at), signed)).ok_or_else(refused)?;
            Layer::Activation { from, activation: gadget }
        }
        Work::Constant(numbers) => {
            let levels = scales::levels(step);
            let int = |x: &f64| (x / scales.of(at)).round().clamp(if signed { -levels } else { 0.0 }, levels) as i32;
            let values = Parameters { weights: Vec::new(), biases: numbers.iter().map(int).collect() };
            Layer::Constant { dims: step.dims.clone(), values, signed }
        }
        Work::Compare(picks) => {
            let of = |side: usize| match picks {
                Some(picks) => Elements { from: both[side], indices: picks[side].clone() },
                None => Elements { from: both[side], indices: indices(plan, sources[side], step.elements()) },
            };
            Layer::Compare { from: [of(0), of(1)], dims: step.dims.clone() }
        }
        Work::Choose(picks) => {
            let of = |side: usize| {
                let from = step.from[side];
                let indices = match picks {
                    Some(picks) => picks[side].clone(),
                    None => indices(plan, from, step.elements()),
                };
                Elements { from: place[from], indices }
            };
            let from = [of(0), of(1), of(2)];
            Layer::Choose { from: Box::new(from), dims: step.dims.clone(), signed }
        }
        Work::Scores => Layer::Scores { from },
        Work::Exponentials(factor) => {
            let (log, activation) = tables.exponential(factor * scales.of(source)).ok_or_else(refused)?;
            Layer::OfDistance { scores: from, log, activation }
        }
        Work::Reciprocals => Layer::Reciprocals { scores: from, from: both[1] },
        Work::ScaleRows => Layer::ScaleRows { from, by: both[1], shift },
        Work::Variances => Layer::Variances { from, shift: Unit::SHIFT },
        Work::InverseRoots { unit, .. } => Layer::InverseRoots { variances: from, log: unit.log() },
        Work::RootBounds => Layer::RootBounds { roots: from },
        Work::Normalize(_) => Layer::Normalize { from, roots: both[1], shift: Unit::SHIFT },
    })
}

/// All elements of a source in order; its only one as often as is needed.
fn indices(plan: &Plan, source: usize, count: usize) -> Vec<u32> {
    match plan.steps[source].elements() {
        1 => vec![0; count],
        _ => (0..count as u32).collect(),
    }
}

fn gadget(step: &Step, scale: f64, shift: u8) -> Gadget {
    match step.then {
        Then::Nothing => Gadget::Requantize { shift },
        Then::Relu => Gadget::Relu { shift },
        Then::Clip(low, high) => {
            // A bound beyond what the integers reach is theirs.
            let levels = scales::levels(step);
            let int = |x: f64| (x / scale).round().clamp(if step.is_unsigned() { 0.0 } else { -levels }, levels) as i32;
            let (lo, hi) = (int(low), int(high));
            Gadget::Clamp { shift, lo, hi: hi.max(lo + 1) }
        }
    }
}

/// Weights and biases in integers. Both fit: the scales were chosen so.
fn parameters(plan: &Plan, scales: &Scales, at: usize, from: usize, weights: &[f64], bias: &[f64]) -> Parameters {
    let (scale, source) = if at + 1 == plan.steps.len() {
        (scales.of(at) / scales.of(from), scales.of(from))
    } else {
        (scales.of(at) / scales.of(from) / f64::from(1u32 << scales.shifts[at]), scales.of(from))
    };
    let quantize = |w: &f64| (w / scale).round().clamp(-scales::MAX_WEIGHT, scales::MAX_WEIGHT) as i16;
    let weights: Vec<i16> = weights.iter().map(quantize).collect();
    let zero_point = if plan.is_offset(from) { i64::from(ZERO_POINT) } else { 0 };
    let rows = weights.chunks_exact((weights.len() / bias.len().max(1)).max(1));
    let biases = bias.iter().zip(rows).map(|(bias, row)| {
        let folded = zero_point * row.iter().map(|&w| i64::from(w)).sum::<i64>();
        let bias = (bias / (scale * source)).round() as i64 - folded;
        bias.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    });
    let biases = biases.collect();
    Parameters { weights, biases }
}
