//! Resizing as products with constant matrices, one axis after the other: what operator set 17 has no attributes for.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::Tensor,
};

/// How positions of the result become positions of the tensor, and what is taken there.
pub(super) struct Sampling<'s> {
    pub(super) mode: &'s str,
    pub(super) transformation: &'s str,
    pub(super) nearest: &'s str,
    pub(super) antialias: bool,
    pub(super) exclude_outside: bool,
    pub(super) cubic: f64,
    /// What lies outside of the tensor, when it is cropped.
    pub(super) beyond: f32,
}

/// One axis: its new size, by how much it grows, and the part of it that is taken.
pub(super) struct Along {
    pub(super) size: usize,
    pub(super) scale: f64,
    pub(super) part: (f64, f64),
}

/// For one position of the result: the neighbours with their weights, or nothing when it lies outside.
type Taps = Option<Vec<(usize, f64)>>;

impl Step<'_, '_> {
    /// `along` has an entry for every axis.
    pub(super) fn resampled(&mut self, x: &Operand, along: &[Along], sampling: &Sampling<'_>) -> Made {
        let mut made = x.clone();
        for (axis, to) in along.iter().enumerate() {
            let dim = self.shape(&made)[axis];
            if (to.size, to.scale, to.part) == (dim, 1.0, (0.0, 1.0)) {
                continue;
            }
            let taps: Vec<Taps> = (0..to.size).map(|at| sampling.taps(at, dim, to)).collect();
            made = self.mixed(&made, axis, &taps)?;
            if taps.contains(&None) {
                made = self.with_beyond(&made, axis, &taps, sampling.beyond)?;
            }
        }
        Ok(vec![made])
    }

    fn mixed(&mut self, x: &Operand, axis: usize, taps: &[Taps]) -> Result<Operand, GraphError> {
        let shape = self.shape(x);
        let single = |taps: &Taps| match taps.as_deref() {
            Some([(at, weight)]) if *weight == 1.0 => Some(*at as i64),
            None => Some(0),
            _ => None,
        };
        if let Some(picked) = taps.iter().map(single).collect::<Option<Vec<i64>>>() {
            let picked = self.list(&picked);
            return self.apply(Operator::Gather, Attributes::of([("axis", (axis as i64).into())]), &[x, &picked]);
        }
        let (dim, size) = (shape[axis], taps.len());
        self.builder.afford(self.call, dim.saturating_mul(size))?;
        let mut weights = vec![0.0f64; dim * size];
        for (to, taps) in taps.iter().enumerate() {
            for &(from, weight) in taps.iter().flatten() {
                weights[from * size + to] += weight;
            }
        }
        let weights = Tensor::floats(vec![dim, size], weights.into_iter().map(|weight| weight as f32).collect());
        let weights = self.constant_of(weights);
        // The axis has to be the last one.
        let mut perm: Vec<usize> = (0..shape.len()).collect();
        perm.swap(axis, shape.len() - 1);
        let turned = self.transposed(x, &perm)?;
        let turned_shape = self.shape(&turned);
        let rows = if turned_shape.len() == 1 { self.reshaped(&turned, &[1, dim])? } else { turned };
        let product = self.plain(Operator::MatMul, &[&rows, &weights])?;
        let mut made = turned_shape;
        if let Some(last) = made.last_mut() {
            *last = size;
        }
        let product = self.reshaped(&product, &made)?;
        self.transposed(&product, &perm)
    }

    fn with_beyond(&mut self, x: &Operand, axis: usize, taps: &[Taps], beyond: f32) -> Result<Operand, GraphError> {
        let mut shape = vec![1; self.shape(x).len()];
        shape[axis] = taps.len();
        let inside = taps.iter().map(|taps| i64::from(taps.is_some())).collect();
        let inside = self.constant_of(Tensor::ints(crate::model::graph::tensor::Element::Bool, shape, inside));
        let beyond = self.number(beyond);
        self.plain(Operator::Where, &[&inside, x, &beyond])
    }
}

impl Sampling<'_> {
    /// Where position `at` of the result lies in an axis of `dim` numbers. `None`: outside of what is cropped.
    fn source(&self, at: usize, dim: usize, to: &Along) -> Option<f64> {
        let (at, dim) = (at as f64, dim as f64);
        let size = to.scale * dim;
        let center = |at: f64| (at + 0.5) / to.scale - 0.5;
        Some(match self.transformation {
            "align_corners" if size == 1.0 => 0.0,
            "align_corners" => at * (dim - 1.0) / (size - 1.0),
            "asymmetric" => at / to.scale,
            "tf_crop_and_resize" => {
                let (start, end) = to.part;
                let place = match size == 1.0 {
                    true => (end - start) * (dim - 1.0) / 2.0,
                    false => at * (end - start) * (dim - 1.0) / (size - 1.0),
                };
                let place = place + start * (dim - 1.0);
                return (0.0..=dim - 1.0).contains(&place).then_some(place);
            }
            "pytorch_half_pixel" if size == 1.0 => -0.5,
            "half_pixel_symmetric" => dim / 2.0 * (1.0 - to.size as f64 / size) + center(at),
            _ => center(at),
        })
    }

    /// Neighbours beyond the ends are the ends.
    fn taps(&self, at: usize, dim: usize, to: &Along) -> Taps {
        let place = self.source(at, dim, to)?;
        let floor = place.floor();
        // A place on a number is at the end of the gap before it.
        let (first, ratio) = if place == floor { (floor - 1.0, 1.0) } else { (floor, place - floor) };
        let mut weights = self.weights(ratio, to.scale);
        let before = (weights.len() / 2) as i64 - 1;
        let places = (0..weights.len() as i64).map(|tap| first as i64 - before + tap);
        let places: Vec<i64> = places.collect();
        if self.exclude_outside {
            let inside = |place: &i64| (0..dim as i64).contains(place);
            weights.iter_mut().zip(&places).filter(|(_, place)| !inside(place)).for_each(|(weight, _)| *weight = 0.0);
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= if sum == 0.0 { 1.0 } else { sum });
        }
        let last = dim as i64 - 1;
        let taps = places.into_iter().zip(weights).filter(|(_, weight)| *weight != 0.0);
        Some(taps.map(|(place, weight)| (place.clamp(0, last) as usize, weight)).collect())
    }

    /// Of an even number of neighbours, half of them before the place.
    fn weights(&self, ratio: f64, scale: f64) -> Vec<f64> {
        let cubic = |x: f64| {
            let (a, x) = (self.cubic, x.abs());
            match x {
                _ if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
                _ if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
                _ => 0.0,
            }
        };
        let linear = |x: f64| (1.0 - x.abs()).max(0.0);
        // Smoothing widens the kernel by what the axis shrinks.
        let widened = |reach: f64, kernel: &dyn Fn(f64) -> f64| {
            let scale = if self.antialias { scale.min(1.0) } else { 1.0 };
            let start = (-reach / scale).floor() as i64 + 1;
            let all: Vec<f64> = (start..2 - start).map(|tap| kernel((tap as f64 - ratio) * scale)).collect();
            let sum: f64 = if self.antialias { all.iter().sum() } else { 1.0 };
            all.into_iter().map(|weight| weight / sum).collect()
        };
        match self.mode {
            "cubic" => widened(2.0, &cubic),
            "linear" => widened(1.0, &linear),
            _ => {
                let second = ratio == 1.0
                    || match self.nearest {
                        "round_prefer_ceil" => ratio >= 0.5,
                        "floor" => false,
                        "ceil" => true,
                        _ => ratio > 0.5,
                    };
                if second { vec![0.0, 1.0] } else { vec![1.0, 0.0] }
            }
        }
    }
}
