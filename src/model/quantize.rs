//! Calibrated 8-bit quantization of multi-layer perceptrons, for the relation of `docs/protocol.md`, section 1.
//!
//! Integers: inputs and activations are 16-bit unsigned, weights 8-bit in `[-127, 127]`, biases 32-bit, outputs 64-bit.
//! Hidden layers requantize: `t = floor((z + 2^7) / 2^8)`, `y = min(max(t, 0), 65535)`, the upper bound only in networks that
//! clip. With `s` the scale of a layer's inputs and `w` that of its weights, `z` has the scale `s w` and `y` the scale
//! `256 s w`: one scale per tensor, no other rescaling. An input `x` is `(q - zero point) * scale`; the zero point is folded into
//! the first layer's biases.
//!
//! Two things are free: how fine the inputs are (a power of two) and whether neighbouring layers are balanced against each
//! other. Every choice is tried on the samples, and the one with the least squared error is taken. Features of very different
//! magnitudes are read in units of their own (`features`).

mod features;
mod plan;
mod ranges;

pub(in crate::model) use features::{MAX_FEATURES, units};
pub use features::{features_axis, groups};
pub(in crate::model) use plan::power_of_two_from;
pub use ranges::Calibration;
pub(crate) use ranges::uniform;

use super::Mlp;
use plan::Plan;
use zeroize::Zeroize;

/// Bits that a hidden layer drops.
pub const SHIFT: u32 = 8;
/// Greatest absolute weight.
pub const MAX_WEIGHT: f64 = 127.0;
/// How much greater than in the samples activations may get before they are out of range.
pub const HEADROOM: f64 = 2.0;
/// By how much less the squared error has to be for inputs to have units of their own.
const WORTH: f64 = 4.0;
/// Multiplications that choosing the parameters may take, about.
const EFFORT: usize = 1 << 29;

/// A quantized perceptron. Its weights are secret: not shown, wiped when dropped.
#[derive(Clone, PartialEq)]
pub struct Quantized {
    /// What an input integer means, in the input's unit.
    pub input: InputScale,
    /// The unit of every input, a power of two; none when all are 1.
    pub units: Vec<f64>,
    /// Every dense layer; all but the last requantize.
    pub layers: Vec<Layer>,
    /// The real number that an output of 1 means: a power of two, so that it says of the weights no more than their magnitude.
    pub output_scale: f64,
}

/// `x = (q - zero_point) * scale`, `q` in `0..=65535`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputScale {
    /// A power of two.
    pub scale: f64,
    /// The integer that means 0.
    pub zero_point: u16,
}

/// A dense layer in integers.
#[derive(Clone, PartialEq)]
pub struct Layer {
    /// Numbers it reads.
    pub inputs: usize,
    /// `outputs * inputs` weights, neuron by neuron, in `[-127, 127]`.
    pub weights: Vec<i8>,
    /// One bias per neuron.
    pub bias: Vec<i32>,
    /// Where a hidden layer of a network that clips saturates: 255 or 65535.
    pub saturation: Option<u16>,
}

/// Why there are no integer parameters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The calibration samples are not ones of the model.
    #[error("the calibration file has {found} numbers, which is not a multiple of the {expected} that the model takes")]
    Samples {
        /// Numbers per sample.
        expected: usize,
        /// Numbers given.
        found: usize,
    },
    /// No choice of scales fits.
    #[error("no 8-bit scales keep its values in range; a layer's bias or clipping bound is too far from its weights")]
    NoScale,
}

/// An input number that no integer means.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("number {index} of the input is {value}; this circuit takes {min} to {max}")]
pub struct InputRange {
    /// Position in the input.
    pub index: usize,
    /// The number.
    pub value: f64,
    /// Least number with an integer.
    pub min: f64,
    /// Greatest.
    pub max: f64,
}

/// How close a quantized network comes to the floating-point one.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Accuracy {
    /// Samples that were compared.
    pub samples: usize,
    /// Those with the same greatest output.
    pub same_argmax: usize,
    /// Those that are out of range; the other figures do not count them.
    pub out_of_range: usize,
    /// Greatest absolute difference of an output.
    pub max_abs_error: f64,
}

impl Accuracy {
    /// Counts one more sample: what the quantized network answered, `None` when it was out of range.
    pub fn add(&mut self, quantized: Option<&[f64]>, float: &[f64]) {
        self.samples += 1;
        let Some(quantized) = quantized else {
            self.out_of_range += 1;
            return;
        };
        self.same_argmax += usize::from(argmax(quantized) == argmax(float));
        let errors = quantized.iter().zip(float).map(|(a, b)| (a - b).abs());
        self.max_abs_error = errors.fold(self.max_abs_error, f64::max);
    }
}

impl InputScale {
    /// The integer that means `x`, rounded; `None` when there is none.
    #[must_use]
    pub fn quantize(&self, x: f64) -> Option<u16> {
        let q = (x / self.scale).round() + f64::from(self.zero_point);
        // Both ends are exact; a value between them is truncated nowhere because it is an integer.
        (0.0..=f64::from(u16::MAX)).contains(&q).then_some(q as u16)
    }

    /// The integer that means number `index` of an input.
    ///
    /// # Errors
    /// [`InputRange`] when there is none.
    pub fn quantize_at(&self, index: usize, value: f64) -> Result<u16, InputRange> {
        let real = |q: u16| (f64::from(q) - f64::from(self.zero_point)) * self.scale;
        self.quantize(value).ok_or_else(|| InputRange { index, value, min: real(0), max: real(u16::MAX) })
    }

    /// Quantizes a whole input.
    ///
    /// # Errors
    /// [`InputRange`] names the first number that does not fit.
    pub fn quantize_all(&self, input: &[f64]) -> Result<Vec<u16>, InputRange> {
        input.iter().enumerate().map(|(i, &x)| self.quantize_at(i, x)).collect()
    }
}

impl std::fmt::Debug for Quantized {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quantized").field("input", &self.input).field("layers", &self.layers).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer").field("inputs", &self.inputs).field("outputs", &self.bias.len()).finish_non_exhaustive()
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        self.weights.zeroize();
        self.bias.zeroize();
    }
}

impl Layer {
    /// `z`, one integer per neuron.
    fn apply(&self, y: &[i64]) -> impl Iterator<Item = i64> {
        let dot = move |row: &[i8]| row.iter().zip(y).map(|(w, y)| i64::from(*w) * y).sum::<i64>();
        self.weights.chunks_exact(self.inputs).zip(&self.bias).map(move |(row, bias)| dot(row) + i64::from(*bias))
    }
}

impl Quantized {
    /// Quantizes a network.
    ///
    /// # Errors
    /// [`QuantizeError`].
    pub fn new(mlp: &Mlp, calibration: &Calibration) -> Result<Self, QuantizeError> {
        Self::with_groups(mlp, calibration, &[])
    }

    /// As [`Quantized::new`]; inputs of one group (see [`groups`]) may get a unit of their own.
    ///
    /// # Errors
    /// [`QuantizeError`].
    pub fn with_groups(mlp: &Mlp, calibration: &Calibration, groups: &[usize]) -> Result<Self, QuantizeError> {
        let common = Self::least_error(mlp, calibration);
        let Calibration::Samples(samples) = calibration else {
            return common.map(|(_, quantized)| quantized).ok_or(QuantizeError::NoScale);
        };
        let own = features::units(samples, groups).and_then(|units| {
            let samples = features::samples_in_units(samples, &units);
            let (error, quantized) = Self::least_error(&features::in_units(mlp, &units), &samples)?;
            Some((error, Self { units, ..quantized }))
        });
        match (common, own) {
            (Some((common, _)), Some((own, quantized))) if own * WORTH < common => Ok(quantized),
            (Some((_, quantized)), _) | (None, Some((_, quantized))) => Ok(quantized),
            (None, None) => Err(QuantizeError::NoScale),
        }
    }

    /// The choice with the least squared error, and that error.
    fn least_error(mlp: &Mlp, calibration: &Calibration) -> Option<(f64, Self)> {
        let (low, high) = calibration.input_range();
        let samples = calibration.samples(mlp.inputs());
        let count = (EFFORT / (2 * plan::FINENESS * mlp.parameters().max(1))).clamp(4, 64);
        let samples: Vec<(&Vec<f64>, Vec<f64>)> = samples.iter().take(count).map(|x| (x, mlp.run(x))).collect();
        let mut best: Option<(f64, Self)> = None;
        for mlp in [mlp.clone(), plan::balanced(mlp)] {
            let ranges = calibration.activation_ranges(&mlp);
            for input in plan::input_scales(low, high) {
                let Some(candidate) = (Plan { mlp: &mlp, ranges: &ranges, input }).quantize() else { continue };
                let error: f64 = samples.iter().map(|(x, y)| candidate.squared_error(x, y)).sum();
                if best.as_ref().is_none_or(|(least, _)| error < *least) {
                    best = Some((error, candidate));
                }
            }
        }
        best
    }

    /// The outputs, or the first hidden layer (from 1) with an activation out of range.
    ///
    /// # Errors
    /// The layer.
    pub fn run(&self, input: &[u16]) -> Result<Vec<i64>, usize> {
        let mut y: Vec<i64> = input.iter().map(|&q| q.into()).collect();
        for (index, layer) in self.layers.iter().enumerate() {
            if index + 1 == self.layers.len() {
                return Ok(layer.apply(&y).collect());
            }
            let limit = i64::from(layer.saturation.unwrap_or(u16::MAX));
            let activate = |z: i64| {
                let t = (z + (1 << (SHIFT - 1))) >> SHIFT;
                let cut_off = if t > limit { t - limit } else { -t };
                let fits = cut_off < 1 << 24 && (t <= limit || layer.saturation.is_some());
                if fits { Ok(t.clamp(0, limit)) } else { Err(index + 1) }
            };
            y = layer.apply(&y).map(activate).collect::<Result<_, _>>()?;
        }
        Ok(y)
    }

    /// The outputs for real inputs, as real numbers; `None` when anything is out of range.
    #[must_use]
    pub fn run_real(&self, input: &[f64]) -> Option<Vec<f64>> {
        let outputs = self.run(&self.input.quantize_all(&features::divided(input, &self.units)).ok()?).ok()?;
        Some(outputs.into_iter().map(|o| o as f64 * self.output_scale).collect())
    }

    fn squared_error(&self, input: &[f64], expected: &[f64]) -> f64 {
        self.run_real(input).map_or(f64::MAX, |found| found.iter().zip(expected).map(|(a, b)| (a - b) * (a - b)).sum())
    }

    /// Compares with what `float` answers.
    #[must_use]
    pub fn accuracy(&self, samples: &[Vec<f64>], float: impl Fn(&[f64]) -> Vec<f64>) -> Accuracy {
        let mut accuracy = Accuracy::default();
        for sample in samples {
            accuracy.add(self.run_real(sample).as_deref(), &float(sample));
        }
        accuracy
    }
}

/// The position of the greatest number, the first of equals; 0 when there is none.
#[must_use]
pub fn argmax<T: PartialOrd>(numbers: &[T]) -> usize {
    let better = |best: usize, i: usize| if numbers[i] > numbers[best] { i } else { best };
    (0..numbers.len()).reduce(better).unwrap_or(0)
}

#[cfg(test)]
mod tests;
