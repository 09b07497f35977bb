//! Scattering with the greater or the less of two numbers, which operator set 17 does not have.

use super::{Made, Step};
use crate::model::graph::{
    GraphError,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor, strides},
};
use std::collections::HashMap;

impl Step<'_, '_> {
    /// As many rounds as one place has updates: in each, every place is read, compared with one update, and written.
    pub(super) fn scatter_extremes(&mut self, operator: Operator) -> Made {
        let (mut data, indices, updates) = (self.call.input(0)?, self.call.input(1)?, self.call.input(2)?);
        let shape = self.shape(&data);
        let (updated, rest) = (self.shape(&updates), self.shape(&indices));
        let known = self.known(&indices, "indices")?;
        let (places, width) = match self.call.operator {
            "ScatterND" => {
                let depth = rest.last().copied().unwrap_or(0);
                if depth == 0 || depth > shape.len() {
                    return Err(self.refuse("has indices that do not fit its tensor"));
                }
                let mut places = Vec::new();
                for row in known.chunks_exact(depth) {
                    places
                        .push(row.iter().zip(&shape).map(|(&at, &dim)| self.axis(at, dim)).collect::<Result<_, _>>()?);
                }
                (places, shape[depth..].iter().product())
            }
            _ => (self.element_places(&shape, &rest, &known)?, 1),
        };
        if places.len().checked_mul(width) != Some(updated.iter().product()) {
            return Err(self.refuse("has updates that do not fit its indices"));
        }
        let depth = places.first().map_or(1, Vec::len);
        let tail = &shape[depth..];
        let rows = self.reshaped(&updates, &[&[places.len()], tail].concat())?;
        for round in rounds(&places) {
            let at: Vec<i64> = round.iter().flat_map(|&row| places[row].iter().map(|&place| place as i64)).collect();
            let at = self.constant_of(Tensor::ints(Element::Int64, vec![round.len(), depth], at));
            let picked: Vec<i64> = round.iter().map(|&row| row as i64).collect();
            let picked = self.list(&picked);
            let new = self.apply(Operator::Gather, Attributes::of([("axis", 0.into())]), &[&rows, &picked])?;
            let none = Attributes::of([("batch_dims", 0.into())]);
            let old = self.apply(Operator::GatherND, none, &[&data, &at])?;
            let best = self.plain(operator, &[&old, &new])?;
            data = self.plain(Operator::ScatterND, &[&data, &at, &best])?;
        }
        Ok(vec![data])
    }

    /// A cache whose rows are overwritten from a known place on, for every batch; in a ring, the first follows the last.
    pub(super) fn tensor_scatter(&mut self) -> Made {
        let (past, update) = (self.call.input(0)?, self.call.input(1)?);
        let (shape, new) = (self.shape(&past), self.shape(&update));
        let axis = self.axis(self.call.int("axis").unwrap_or(-2), shape.len())?;
        let starts = match self.call.optional(2) {
            Some(starts) => self.known(starts, "places")?,
            None => vec![0; shape[0]],
        };
        let fits = new.len() == shape.len() && (0..new.len()).all(|at| at == axis || new[at] == shape[at]);
        if axis == 0 || shape[axis] == 0 || !fits || starts.len() != shape[0] {
            return Err(self.refuse(format!("puts rows of {new:?} into {shape:?} at {} places", starts.len())));
        }
        let ring = match self.call.text("mode").unwrap_or("linear") {
            "linear" => false,
            "circular" => true,
            other => return Err(self.refuse(format!("has the mode `{other}`"))),
        };
        let (steps, count) = (strides(&new), new.iter().product());
        self.builder.afford(self.call, count)?;
        let mut places = Vec::with_capacity(count);
        for flat in 0..count {
            let at = starts[flat / steps[0]].saturating_add((flat / steps[axis] % new[axis]) as i64);
            places.push(self.axis(if ring { at % shape[axis] as i64 } else { at }, shape[axis])? as i64);
        }
        let places = self.constant_of(Tensor::ints(Element::Int64, new, places));
        let attributes = Attributes::of([("axis", (axis as i64).into())]);
        Ok(vec![self.apply(Operator::ScatterElements, attributes, &[&past, &places, &update])?])
    }

    /// The whole index of every element that `ScatterElements` writes.
    fn element_places(&self, shape: &[usize], rest: &[usize], known: &[i64]) -> Result<Vec<Vec<usize>>, GraphError> {
        let axis = self.axis(self.call.int("axis").unwrap_or(0), shape.len())?;
        if rest.len() != shape.len() || rest.iter().zip(shape).enumerate().any(|(at, (a, b))| at != axis && a > b) {
            return Err(self.refuse("has indices that do not fit its tensor"));
        }
        let steps = strides(rest);
        let place = |(flat, &index): (usize, &i64)| -> Result<Vec<usize>, GraphError> {
            let mut place: Vec<usize> = (0..rest.len()).map(|at| flat / steps[at] % rest[at]).collect();
            place[axis] = self.axis(index, shape[axis])?;
            Ok(place)
        };
        known.iter().enumerate().map(place).collect()
    }
}

/// The rows in rounds that each have a place at most once.
fn rounds(places: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen: HashMap<&[usize], usize> = HashMap::new();
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for (row, place) in places.iter().enumerate() {
        let round = seen.entry(place).and_modify(|round| *round += 1).or_insert(0);
        if rounds.len() <= *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push(row);
    }
    rounds
}
