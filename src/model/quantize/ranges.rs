//! Which values to expect: from samples, or from a range of inputs.

use super::{HEADROOM, QuantizeError};
use crate::model::{Input, Mlp, mlp::Hidden};

/// Inputs that are made up when only a range is known.
const GENERATED: usize = 16;

/// What quantization knows of the inputs. Decides nothing else: no sample is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Calibration {
    /// Representative inputs. Activations may exceed what they lead to by [`HEADROOM`].
    Samples(Vec<Vec<f64>>),
    /// Every number of the input lies between these; activations are bounded by interval arithmetic, so that no such input is
    /// out of range.
    Range(f64, f64),
}

impl Default for Calibration {
    /// Inputs between 0 and 1.
    fn default() -> Self {
        Self::Range(0.0, 1.0)
    }
}

impl Calibration {
    /// Reads samples from an input whose lists hold several inputs, one after the other: a list per tensor, of `widths` numbers
    /// each. A sample has the numbers of all tensors.
    ///
    /// # Errors
    /// [`QuantizeError::Samples`] when the lists are empty, or not the same multiple of `widths` long.
    pub fn from_input(input: &Input, widths: &[usize]) -> Result<Self, QuantizeError> {
        let lists = input.tensors();
        let count = lists.first().zip(widths.first()).and_then(|(list, width)| list.len().checked_div(*width));
        let count = count.filter(|&count| count > 0 && lists.len() == widths.len()).unwrap_or(0);
        let fit = lists.iter().zip(widths).all(|(list, width)| width.checked_mul(count) == Some(list.len()));
        if count == 0 || !fit || widths.contains(&0) {
            let (expected, found) = (widths.iter().sum(), lists.iter().map(Vec::len).sum());
            return Err(QuantizeError::Samples { expected, found });
        }
        let sample = |at: usize| {
            let parts = lists.iter().zip(widths).map(|(list, width)| &list[at * width..(at + 1) * width]);
            parts.flatten().copied().collect()
        };
        Ok(Self::Samples((0..count).map(sample).collect()))
    }

    /// The samples, or made-up inputs from the range, always the same.
    #[must_use]
    pub fn samples(&self, width: usize) -> Vec<Vec<f64>> {
        match self {
            Self::Samples(samples) => samples.clone(),
            Self::Range(low, high) => {
                let mut uniform = uniform(1);
                (0..GENERATED).map(|_| (0..width).map(|_| low + (high - low) * uniform()).collect()).collect()
            }
        }
    }

    /// The least and the greatest number of an input; 0 is between them.
    pub(super) fn input_range(&self) -> (f64, f64) {
        let widen = |(low, high): (f64, f64), x: &f64| (low.min(*x), high.max(*x));
        match self {
            Self::Samples(samples) => samples.iter().flatten().fold((0.0, 0.0), widen),
            Self::Range(low, high) => [*low, *high].iter().fold((0.0, 0.0), widen),
        }
    }

    /// Per hidden layer the activation that must fit into 16 bits.
    pub(super) fn activation_ranges(&self, mlp: &Mlp) -> Vec<f64> {
        let greatest = |y: &[f64]| y.iter().copied().fold(0.0, f64::max);
        match self {
            Self::Samples(samples) => {
                let mut ranges = vec![0.0f64; mlp.hidden.len()];
                for sample in samples {
                    let mut y = sample.clone();
                    for (hidden, range) in mlp.hidden.iter().zip(&mut ranges) {
                        y = hidden.apply(&y);
                        *range = range.max(greatest(&y) * HEADROOM);
                    }
                }
                ranges
            }
            Self::Range(..) => {
                let (low, high) = self.input_range();
                let mut bounds = vec![(low, high); mlp.inputs()];
                let mut layer = |hidden: &Hidden| {
                    bounds = interval(hidden, &bounds);
                    greatest(&bounds.iter().map(|bound| bound.1).collect::<Vec<_>>())
                };
                mlp.hidden.iter().map(&mut layer).collect()
            }
        }
    }
}

/// Bounds of a layer's activations from bounds of its inputs.
fn interval(hidden: &Hidden, inputs: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let neuron = |(row, bias): (&[f64], &f64)| {
        let terms = row.iter().zip(inputs).map(|(w, (low, high))| (w * low, w * high));
        let (low, high) = terms.fold((*bias, *bias), |(l, h), (a, b)| (l + a.min(b), h + a.max(b)));
        let cut = |z: f64| z.max(0.0).min(hidden.upper.unwrap_or(f64::INFINITY));
        (cut(low), cut(high))
    };
    hidden.dense.rows().zip(&hidden.dense.bias).map(neuron).collect()
}

/// Numbers in `[0, 1)` that look random and are the same for the same seed (SplitMix64).
pub(crate) fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
