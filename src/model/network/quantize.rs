//! From a plan and its scales to the integer graph that is proven.

use super::{
    NetworkError, Report, lower,
    plan::{Plan, Step, Then, Work},
    report,
    scales::{self, Scales, ZERO_POINT},
};
use crate::model::{
    Model,
    quantize::{Calibration, HEADROOM, InputScale},
};
use zkinfer_prover::{
    CircuitError,
    network::{Gadget, Graph, Layer, Parameters},
};

/// How much greater than with made-up inputs values may get: real inputs are less even.
const MADE_UP_HEADROOM: f64 = 16.0;

/// A model as an integer graph. Its weights are secret: not shown, wiped when dropped.
#[derive(Clone)]
pub struct Network {
    pub(super) plan: Plan,
    pub(super) scales: Scales,
    graph: Graph,
    input: InputScale,
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
        let (low, _) = calibration.input_range();
        let plan = lower::lower(model, low < 0.0)?;
        let ranges = ranges(&plan, calibration);
        let scales = scales::choose(&plan, &ranges)?;
        let layers = plan.steps.iter().enumerate().map(|(at, step)| layer(&plan, &scales, at, step)).collect();
        let graph = Graph::new(layers).map_err(|source| circuit(&plan, source))?;
        let zero_point = if plan.signed { ZERO_POINT } else { 0 };
        let input = InputScale { scale: scales.of(0), zero_point };
        Ok(Self { plan, scales, graph, input })
    }

    /// The integer graph, with its weights.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What an input integer means.
    #[must_use]
    pub const fn input(&self) -> InputScale {
        self.input
    }

    /// The real number that an output of 1 means: a power of two.
    #[must_use]
    pub fn output_scale(&self) -> f64 {
        self.scales.of(self.plan.steps.len() - 1)
    }

    /// Name and operator of the ONNX node that a layer of the graph comes from.
    #[must_use]
    pub fn layer_name(&self, layer: usize) -> Option<(&str, &'static str)> {
        self.plan.steps.get(layer).map(|step| (step.node.as_str(), step.operator))
    }

    /// The outputs of the model in real numbers, as it was lowered.
    #[must_use]
    pub fn float(&self, input: &[f64]) -> Vec<f64> {
        self.plan.outputs(input)
    }

    /// The outputs of the integer graph, as real numbers; `None` when a value is out of range.
    #[must_use]
    pub fn run(&self, input: &[f64]) -> Option<Vec<f64>> {
        let outputs = self.graph.infer(&self.input.quantize_all(input).ok()?).ok()?;
        let scale = self.output_scale();
        Some(outputs.iter().map(|&z| z as f64 * scale).collect())
    }

    /// Compares integers with real numbers on these samples, tensor by tensor.
    #[must_use]
    pub fn report(&self, samples: &[Vec<f64>]) -> Report {
        report::report(self, samples)
    }
}

/// How great the numbers of every step may get.
fn ranges(plan: &Plan, calibration: &Calibration) -> Vec<f64> {
    let width = plan.steps.first().map_or(0, Step::elements);
    let mut samples = calibration.samples(width);
    let (low, high) = calibration.input_range();
    let headroom = match calibration {
        Calibration::Samples(_) => HEADROOM,
        Calibration::Range(..) => {
            samples.extend([vec![low; width], vec![high; width]]);
            MADE_UP_HEADROOM
        }
    };
    let mut ranges = vec![0.0f64; plan.steps.len()];
    for sample in &samples {
        for (range, values) in ranges.iter_mut().zip(plan.run(sample)) {
            *range = values.iter().fold(*range, |most, x| most.max(x.abs() * headroom));
        }
    }
    // Inputs that are greater than what calibration knows are refused by themselves.
    if let Some(input) = ranges.first_mut() {
        *input = high.max(-low);
    }
    ranges
}

/// The prover names a layer by its index.
fn circuit(plan: &Plan, source: CircuitError) -> NetworkError {
    let index = match &source {
        CircuitError::Unsupported { index, .. } => Some(*index),
        CircuitError::NetworkWeight { layer, .. } => Some(*layer),
        _ => None,
    };
    let place = index.and_then(|index| plan.steps.get(index));
    let place = place.map_or_else(|| "the network".into(), |step| format!("node `{}` ({})", step.node, step.operator));
    NetworkError::Circuit { place, source }
}

fn layer(plan: &Plan, scales: &Scales, at: usize, step: &Step) -> Layer {
    let from = step.from.first().copied().unwrap_or_default();
    let both = [from, step.from.get(1).copied().unwrap_or_default()];
    let shift = scales.shifts[at] as u8;
    let activation = gadget(plan, step, scales.of(at), shift);
    match &step.work {
        Work::Input => Layer::Input { dims: step.dims.clone() },
        Work::Linear { op, weights, bias } => {
            let last = at + 1 == plan.steps.len();
            let parameters = parameters(plan, scales, at, from, weights, bias);
            Layer::Linear { from, op: *op, parameters, activation: (!last).then_some(activation) }
        }
        Work::MaxPool => Layer::MaxPool { from, window: 2 },
        Work::MeanPool(window) => Layer::MeanPool { from, window: *window },
        Work::Copy(indices) => Layer::Gather { from, dims: step.dims.clone(), indices: indices.clone() },
        Work::Pass => Layer::Activation { from, activation },
        Work::Add => Layer::Add { from: both, activation },
        Work::Mul => Layer::Mul { from: both, shift },
        Work::MatMul => Layer::MatMul { from: both, activation },
    }
}

fn gadget(plan: &Plan, step: &Step, scale: f64, shift: u8) -> Gadget {
    match step.then {
        Then::Nothing => Gadget::Requantize { shift },
        Then::Relu => Gadget::Relu { shift },
        Then::Clip(low, high) => {
            // A bound beyond what the integers reach is theirs.
            let levels = scales::levels(plan, step);
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
    let zero_point = if from == 0 && plan.signed { i64::from(ZERO_POINT) } else { 0 };
    let rows = weights.chunks_exact((weights.len() / bias.len().max(1)).max(1));
    let biases = bias.iter().zip(rows).map(|(bias, row)| {
        let folded = zero_point * row.iter().map(|&w| i64::from(w)).sum::<i64>();
        let bias = (bias / (scale * source)).round() as i64 - folded;
        bias.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    });
    let biases = biases.collect();
    Parameters { weights, biases }
}
