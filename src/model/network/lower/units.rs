//! Features of very different magnitudes: each is read in a unit of its own, as far as what reads them can do with that.
//!
//! Numbers of a step with units are the real ones divided by them. Copies keep them; a comparison with a constant is one with the
//! constant in units, so that a tree sees every feature with 16 bits. Whatever else reads such a step gets the real numbers, in one
//! scale for all.

use super::{Lowered, Lowering, layout::Place};
use crate::model::{
    Model, TensorInfo,
    graph::Node,
    quantize::{Calibration, MAX_FEATURES, features_axis, units},
};

/// How far beyond the greatest number of the samples the integers of an input reach, at most: beyond, all constants are alike.
const REACH: f64 = 4.0;

/// The units of every input tensor of floats that is one row, as its samples show them.
pub(super) fn of_inputs(model: &Model, calibration: &Calibration) -> Vec<Option<Vec<f64>>> {
    let Calibration::Samples(samples) = calibration else { return vec![None; model.inputs().len()] };
    let mut first = 0;
    let of = |(info, input): (&TensorInfo, &crate::model::graph::Input)| {
        let own = first..first + info.elements();
        first = own.end;
        let is_row = features_axis(&info.shape).is_some() && own.len() <= MAX_FEATURES && input.declared.is_float();
        let part: Vec<Vec<f64>> = samples.iter().filter_map(|sample| Some(sample.get(own.clone())?.to_vec())).collect();
        is_row.then(|| units(&part, &(0..own.len()).collect::<Vec<_>>())).flatten()
    };
    model.inputs().iter().zip(model.graph().inputs()).map(of).collect()
}

impl<'g> Lowering<'g> {
    /// A copy of a step that keeps its units.
    pub(super) fn gathered_in_units(&mut self, node: &'g Node) -> Lowered<Option<usize>> {
        let id = self.operand(node, 0)?;
        let wire = self.settled_in_units(id)?;
        let Some(units) = self.units.get(&wire.step).cloned() else { return Ok(None) };
        let Some(places) = self.evaluated(node, &[0]).and_then(|mut all| all.pop()) else { return Ok(None) };
        let at = |place: &Place| match place {
            Place::Of(0, at) => Some(*at),
            _ => None,
        };
        let Some(places) = places.iter().map(at).collect::<Option<Vec<usize>>>() else { return Ok(None) };
        let dims = super::dims_of(node, self.shape(node.outputs[0]))?;
        let step = self.copy(wire.step, dims, places.iter().map(|at| *at as u32).collect());
        self.units.insert(step, places.iter().map(|at| units[*at]).collect());
        Ok(Some(step))
    }

    /// The operand `index` and a constant in its units, where it has some and needs no copies for the comparison.
    pub(super) fn compared_in_units(&mut self, node: &'g Node, index: usize) -> Lowered<Option<(usize, usize)>> {
        if self.constant(node, 1 - index).is_none() {
            return Ok(None);
        }
        let id = self.operand(node, index)?;
        let wire = self.settled_in_units(id)?;
        let numbers = self.along(node, 1 - index)?;
        let Some(units) = self.units.get(&wire.step).filter(|units| units.len() == numbers.len()) else {
            return Ok(None);
        };
        let most = REACH * self.greatest(wire.step).max(f64::MIN_POSITIVE);
        let numbers = numbers.iter().zip(units).map(|(x, unit)| (x / unit).clamp(-most, most)).collect();
        let constants = self.numbers(numbers);
        Ok(Some((self.centered(wire.step), constants)))
    }
}
