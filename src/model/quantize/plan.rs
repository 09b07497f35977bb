//! One choice of scales, carried through.

use super::{InputScale, Layer, MAX_WEIGHT, Quantized, SHIFT};
use crate::model::{Mlp, mlp::Dense};

/// How many input scales are tried.
pub(super) const FINENESS: usize = 9;
/// Greatest absolute bias that is planned with: half of what an `i32` holds.
const MAX_BIAS: f64 = (1u32 << 30) as f64;
/// What a hidden layer divides by.
const REQUANTIZATION: f64 = (1u32 << SHIFT) as f64;

/// Powers of two, from the finest that takes `low..=high` on.
pub(super) fn input_scales(low: f64, high: f64) -> impl Iterator<Item = InputScale> {
    let symmetric = low < 0.0;
    let (greatest, steps) = if symmetric { (high.max(-low), 32767.0) } else { (high, 65535.0) };
    let greatest = if greatest > 0.0 { greatest } else { 1.0 };
    let finest = power_of_two_from(greatest / steps);
    (0..FINENESS as u32).map(move |k| InputScale {
        scale: finest * f64::from(1u32 << k),
        zero_point: if symmetric { 1 << (15 - k) } else { 0 },
    })
}

/// The same function with neighbouring layers balanced: neuron `i` of a ReLU layer is divided by `c_i`, and what the next
/// layer reads of it is multiplied by `c_i`, so that both use the 8 bits equally well.
pub(super) fn balanced(mlp: &Mlp) -> Mlp {
    let mut mlp = mlp.clone();
    for l in 0..mlp.hidden.len() {
        let (before, after) = mlp.hidden.split_at_mut(l + 1);
        let (Some(hidden), next) = (before.last_mut(), after.first_mut().map_or(&mut mlp.last, |next| &mut next.dense))
        else {
            continue;
        };
        if hidden.upper.is_some() {
            continue;
        }
        let width = hidden.dense.inputs;
        for i in 0..hidden.dense.outputs {
            let row = &mut hidden.dense.weights[i * width..(i + 1) * width];
            let column = next.weights.iter_mut().skip(i).step_by(next.inputs);
            let (r, c) = (greatest(row), column.fold(0.0f64, |most, w| most.max(w.abs())));
            if r == 0.0 || c == 0.0 {
                continue;
            }
            let factor = (r / c).sqrt();
            row.iter_mut().for_each(|w| *w /= factor);
            hidden.dense.bias[i] /= factor;
            next.weights.iter_mut().skip(i).step_by(next.inputs).for_each(|w| *w *= factor);
        }
    }
    mlp
}

fn greatest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// A network, what its activations reach, and how fine its inputs are.
pub(super) struct Plan<'a> {
    pub(super) mlp: &'a Mlp,
    pub(super) ranges: &'a [f64],
    pub(super) input: InputScale,
}

/// What becomes of one layer: the real number that a weight of 1 means, and where it saturates.
struct LayerScale {
    weight: f64,
    saturation: Option<u16>,
}

impl Plan<'_> {
    /// The integer network; `None` when a bias does not fit, or a clipping bound falls on no bound of the relation.
    ///
    /// The outputs' scale is published, and the finest one is a function of the weights to all of its 53 bits: of one layer
    /// alone the greatest weight, exactly. So it is rounded up to a power of two, and the layers share the factor. Their own
    /// scales are folded into the integers and stand nowhere.
    pub(super) fn quantize(&self) -> Option<Quantized> {
        let finest = self.scales(1.0, None)?;
        let output_scale = power_of_two_from(self.output_scale(&finest));
        let factor = output_scale / self.output_scale(&finest);
        // The last layer takes what the others leave.
        let scales = self.scales(factor.powf(1.0 / self.free_layers() as f64), Some(output_scale))?;
        let mut scale = self.input.scale;
        let mut layers = Vec::with_capacity(scales.len());
        for (index, (dense, LayerScale { weight, saturation })) in self.mlp.layers().zip(scales).enumerate() {
            layers.push(self.layer(index, dense, scale, weight, saturation)?);
            scale *= weight * REQUANTIZATION;
        }
        Some(Quantized { input: self.input, units: Vec::new(), layers, output_scale })
    }

    /// The layers whose scale is not fixed by a clipping bound behind them.
    fn free_layers(&self) -> usize {
        1 + self.mlp.hidden.iter().rev().take_while(|hidden| hidden.upper.is_none()).count()
    }

    /// The finest scales of all layers, those of the free layers `coarser` times as coarse, the last one such that the outputs
    /// have a given scale.
    fn scales(&self, coarser: f64, output: Option<f64>) -> Option<Vec<LayerScale>> {
        let saturates = self.mlp.hidden.iter().any(|hidden| hidden.upper.is_some());
        let fixed = self.mlp.hidden.len() + 1 - self.free_layers();
        let mut scale = self.input.scale;
        let mut scales = Vec::with_capacity(self.ranges.len() + 1);
        for (index, (hidden, range)) in self.mlp.hidden.iter().zip(self.ranges).enumerate() {
            let least = least_weight_scale(&hidden.dense, scale);
            let (saturation, weight) = match hidden.upper {
                // The bound must fall on 65535 or 255 exactly.
                Some(upper) => {
                    let exact = |bound: u16| (bound, upper / (f64::from(bound) * REQUANTIZATION * scale));
                    let (bound, weight) =
                        [u16::MAX, u8::MAX.into()].map(exact).into_iter().find(|(_, w)| *w >= least)?;
                    (Some(bound), weight)
                }
                None => {
                    let needed = range / (f64::from(u16::MAX) * REQUANTIZATION * scale);
                    let factor = if index < fixed { 1.0 } else { coarser };
                    (saturates.then_some(u16::MAX), least.max(needed) * factor)
                }
            };
            scales.push(LayerScale { weight, saturation });
            scale *= weight * REQUANTIZATION;
        }
        let weight = output.map_or_else(|| least_weight_scale(&self.mlp.last, scale), |output| output / scale);
        scales.push(LayerScale { weight, saturation: None });
        Some(scales)
    }

    /// What an output of 1 means, under these scales.
    fn output_scale(&self, scales: &[LayerScale]) -> f64 {
        let product: f64 = scales.iter().map(|layer| layer.weight * REQUANTIZATION).product();
        self.input.scale * product / REQUANTIZATION
    }

    fn layer(
        &self,
        index: usize,
        dense: &Dense,
        scale: f64,
        weight_scale: f64,
        saturation: Option<u16>,
    ) -> Option<Layer> {
        let quantize = |w: &f64| (w / weight_scale).round().clamp(-MAX_WEIGHT, MAX_WEIGHT) as i8;
        let weights: Vec<i8> = dense.weights.iter().map(quantize).collect();
        let zero_point = if index == 0 { i64::from(self.input.zero_point) } else { 0 };
        let bias = dense.bias.iter().zip(weights.chunks_exact(dense.inputs)).map(|(bias, row)| {
            let bias = (bias / (scale * weight_scale)).round();
            let folded = zero_point * row.iter().map(|&w| i64::from(w)).sum::<i64>();
            // Below 2^63: a cast saturates, and the subtraction is checked.
            i32::try_from((bias as i64).checked_sub(folded)?).ok()
        });
        let bias = bias.collect::<Option<_>>()?;
        Some(Layer { inputs: dense.inputs, weights, bias, saturation })
    }
}

/// The least power of two that is not below `x`, which is positive.
pub(super) fn power_of_two_from(x: f64) -> f64 {
    let power = 2f64.powi(x.log2().ceil() as i32);
    // The logarithm is rounded.
    if power < x { 2.0 * power } else { power }
}

/// The finest scale at which weights fit into 8 bits and biases into 31.
fn least_weight_scale(dense: &Dense, scale: f64) -> f64 {
    let least = (greatest(&dense.weights) / MAX_WEIGHT).max(greatest(&dense.bias) / (MAX_BIAS * scale));
    if least > 0.0 { least } else { 1.0 }
}
