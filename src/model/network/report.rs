//! What quantization costs, tensor by tensor.

use super::{Network, cost, each::each, plan::Step};
use crate::model::quantize::Accuracy;
use serde::{Deserialize, Serialize};

/// Integers against real numbers, on some samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of the outputs.
    pub accuracy: Accuracy,
    /// Mean absolute difference of an output.
    pub mean_abs_error: f64,
    /// Every tensor, in the order of evaluation; the first is the input, the last the outputs.
    pub tensors: Vec<TensorReport>,
    /// Operands that are copies of other rows' values: they cost more than the rows themselves.
    #[serde(default)]
    pub copied: u64,
    /// The position of the tensor that adds most to the error, relative to its values; none without an error.
    pub worst: Option<usize>,
}

/// One tensor that is proven.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TensorReport {
    /// The ONNX node that it comes from.
    pub node: String,
    /// What that does.
    pub operator: String,
    /// The positions of the tensors that it is computed from.
    pub from: Vec<usize>,
    /// Its axes, without the sample's.
    pub dims: Vec<u32>,
    /// What an integer of 1 means, as an exponent of two.
    pub exponent: i32,
    /// Its greatest absolute value in real numbers, over the samples.
    pub max_abs: f64,
    /// Its greatest absolute integer.
    pub max_integer: i64,
    /// The greatest absolute difference.
    pub max_abs_error: f64,
    /// The mean absolute difference.
    pub mean_abs_error: f64,
}

impl TensorReport {
    /// Sums errors up; the mean is taken at the end.
    fn add(&mut self, of: &Differences) {
        self.max_abs = self.max_abs.max(of.max_abs);
        self.max_integer = self.max_integer.max(of.max_integer);
        self.max_abs_error = self.max_abs_error.max(of.max_abs_error);
        self.mean_abs_error += of.sum;
    }

    /// The greatest error, in units of the greatest value.
    fn relative(&self) -> f64 {
        if self.max_abs > 0.0 { self.max_abs_error / self.max_abs } else { 0.0 }
    }
}

pub(super) fn report(network: &Network, samples: &[Vec<f64>]) -> Report {
    let steps = network.plan.steps.iter().zip(&network.scales.exponents);
    let fresh = |(step, exponent): (&Step, &i32)| TensorReport {
        node: step.node.clone(),
        operator: step.operator.into(),
        from: step.from.clone(),
        dims: step.dims.clone(),
        exponent: *exponent,
        ..TensorReport::default()
    };
    let mut report =
        Report { tensors: steps.map(fresh).collect(), copied: cost::copied(&network.plan), ..Report::default() };
    let mut compared = 0usize;
    let outputs: Vec<usize> = network.plan.outputs().collect();
    // In the order of the samples, so that sums are the same on every machine.
    for Compared { expected, found } in each(samples, |sample| compare(network, &outputs, sample)) {
        let Some((found, tensors)) = found else {
            report.accuracy.add(None, &expected);
            continue;
        };
        compared += 1;
        report.tensors.iter_mut().zip(&tensors).for_each(|(tensor, of)| tensor.add(of));
        report.accuracy.add(Some(&found), &expected);
    }
    for tensor in &mut report.tensors {
        let elements: usize = tensor.dims.iter().map(|&d| d as usize).product();
        tensor.mean_abs_error /= (elements * compared.max(1)) as f64;
    }
    let (sum, count) = outputs.iter().fold((0.0, 0.0), |(sum, count), at| {
        let elements = network.plan.steps[*at].elements() as f64;
        (sum + report.tensors[*at].mean_abs_error * elements, count + elements)
    });
    report.mean_abs_error = sum / f64::max(count, 1.0);
    report.worst = worst(&report.tensors);
    report
}

/// One sample: the outputs in real numbers, and those of the integers with what was found of every tensor, unless a value is
/// out of range.
struct Compared {
    expected: Vec<f64>,
    found: Option<(Vec<f64>, Vec<Differences>)>,
}

/// Of one tensor and one sample.
#[derive(Default)]
struct Differences {
    max_abs: f64,
    max_integer: i64,
    max_abs_error: f64,
    sum: f64,
}

fn compare(network: &Network, outputs: &[usize], sample: &[f64]) -> Compared {
    let float = network.plan.run(sample);
    let expected = outputs.iter().flat_map(|at| float[*at].iter().copied()).collect();
    let traced = network.quantize(sample).ok().and_then(|input| network.graph().trace(&input).ok());
    let found = traced.map(|traced| {
        let tensors = float.iter().enumerate().map(|(at, real)| {
            // What a table is of has no integers of its own.
            let layer = network.layers[at];
            if network.layers[at + 1..].contains(&layer) {
                return Differences::default();
            }
            let integers = &traced[layer];
            let zero = network.inputs().get(at).map_or(0, |input| i64::from(input.zero_point));
            differences(network.scales.of(at), zero, real, integers)
        });
        let scaled = |at: &usize| {
            traced[network.layers[*at]].iter().map(|&z| z as f64 * network.scales.of(*at)).collect::<Vec<_>>()
        };
        (outputs.iter().flat_map(scaled).collect(), tensors.collect())
    });
    Compared { expected, found }
}

fn differences(scale: f64, zero: i64, real: &[f64], integers: &[i64]) -> Differences {
    let mut all = Differences::default();
    for (x, q) in real.iter().zip(integers) {
        let error = ((q - zero) as f64 * scale - x).abs();
        all.max_abs = all.max_abs.max(x.abs());
        all.max_integer = all.max_integer.max((q - zero).abs());
        all.max_abs_error = all.max_abs_error.max(error);
        all.sum += error;
    }
    all
}

/// The tensor whose relative error exceeds that of its sources most.
fn worst(tensors: &[TensorReport]) -> Option<usize> {
    let gain = |tensor: &TensorReport| {
        let before = tensor.from.iter().map(|&source| tensors[source].relative()).fold(0.0, f64::max);
        tensor.relative() - before
    };
    let gains = tensors.iter().map(gain).enumerate().filter(|(_, gain)| *gain > 0.0);
    gains.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}
