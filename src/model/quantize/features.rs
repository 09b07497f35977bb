//! Inputs of very different magnitudes: features of a table, in units of their own.
//!
//! One scale for all would leave 8-bit weights to bridge the difference. So an input is read in units of its own, a power of two
//! that the columns of the first layer take over.

use super::{Calibration, plan::power_of_two_from};
use crate::model::{Mlp, TensorInfo};

/// The greatest ratio of two magnitudes that one scale is kept for.
const SPREAD: f64 = 16.0;
/// Inputs that have units of their own; a schema has a scale for each.
pub(in crate::model) const MAX_FEATURES: usize = 1 << 12;
/// How much greater than in the samples a feature may get, at least.
const HEADROOM: f64 = 2.0;

/// Which inputs share a unit: the numbers of a tensor, except that those of a row have one each.
#[must_use]
pub fn groups(tensors: &[TensorInfo]) -> Vec<usize> {
    let mut groups = Vec::new();
    let mut next = 0;
    for tensor in tensors {
        let elements = tensor.elements();
        let own = features_axis(&tensor.shape).is_some() && elements <= MAX_FEATURES;
        groups.extend((0..elements).map(|at| next + if own { at } else { 0 }));
        next += if own { elements } else { 1 };
    }
    groups
}

/// The only axis of a row that is not 1.
#[must_use]
pub fn features_axis(shape: &[u64]) -> Option<usize> {
    let mut axes = shape.iter().enumerate().filter(|(_, dim)| **dim > 1).map(|(axis, _)| axis);
    axes.next().filter(|_| axes.next().is_none())
}

/// The unit of every input; `None` when one scale does for all.
pub(in crate::model) fn units(samples: &[Vec<f64>], groups: &[usize]) -> Option<Vec<f64>> {
    let mut greatest = vec![0.0f64; groups.iter().max()? + 1];
    for sample in samples {
        sample.iter().zip(groups).for_each(|(x, &group)| greatest[group] = greatest[group].max(x.abs()));
    }
    let most = greatest.iter().copied().fold(0.0, f64::max);
    // Of an input that is always 0 nothing is known: it keeps the common range.
    let least = greatest.iter().copied().filter(|&x| x > 0.0).fold(most, f64::min);
    if most <= SPREAD * least {
        return None;
    }
    let unit = |x: f64| if x > 0.0 { (power_of_two_from(x / most) * HEADROOM).min(1.0) } else { 1.0 };
    Some(groups.iter().map(|&group| unit(greatest[group])).collect())
}

/// The same network, reading inputs in these units.
pub(super) fn in_units(mlp: &Mlp, units: &[f64]) -> Mlp {
    let mut mlp = mlp.clone();
    let first = mlp.hidden.first_mut().map_or(&mut mlp.last, |hidden| &mut hidden.dense);
    for row in first.weights.chunks_exact_mut(first.inputs.max(1)) {
        row.iter_mut().zip(units).for_each(|(w, unit)| *w *= unit);
    }
    mlp
}

/// Numbers in these units; no units are ones.
pub(super) fn divided(numbers: &[f64], units: &[f64]) -> Vec<f64> {
    let units = units.iter().copied().chain(std::iter::repeat(1.0));
    numbers.iter().zip(units).map(|(x, unit)| x / unit).collect()
}

pub(super) fn samples_in_units(samples: &[Vec<f64>], units: &[f64]) -> Calibration {
    Calibration::Samples(samples.iter().map(|sample| divided(sample, units)).collect())
}
