//! Fourier transforms: products with constant matrices.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};
use std::f64::consts::TAU;

/// Bins of a spectrum, or of a scale over it.
const MAX_BINS: i64 = 1 << 20;

/// Which transform.
#[derive(Clone, Copy)]
struct Transform {
    length: usize,
    inverse: bool,
    onesided: bool,
}

impl Transform {
    /// How many numbers of how many parts it makes.
    fn made(self) -> (usize, usize) {
        match (self.inverse, self.onesided) {
            (false, true) => (self.length / 2 + 1, 2),
            (true, true) => (self.length, 1),
            (_, false) => (self.length, 2),
        }
    }

    /// What the part `part` of number `from` adds to the parts of number `to`.
    fn weight(self, from: usize, part: usize, to: usize) -> [f64; 2] {
        let used = if self.inverse && self.onesided { self.length / 2 + 1 } else { self.length };
        if from >= used {
            return [0.0; 2];
        }
        // Whole turns are taken out first: angles stay exact.
        let turn = (from as u128 * to as u128 % self.length as u128) as f64 / self.length as f64;
        let (sin, cos) = (TAU * turn).sin_cos();
        let sin = if self.inverse { -sin } else { sin };
        let mut scale = if self.inverse { 1.0 / self.length as f64 } else { 1.0 };
        // The other half of a real signal's spectrum is this one's mirror image.
        if self.inverse && self.onesided && from != 0 && 2 * from != self.length {
            scale *= 2.0;
        }
        if part == 0 { [scale * cos, -scale * sin] } else { [scale * sin, scale * cos] }
    }

    /// The same for sums with the mirror image, which take the cosine, and for differences, which take the sine.
    fn mirrored(self, from: usize, part: usize, parts: usize, to: usize) -> [f64; 2] {
        let [real, imaginary] = self.weight(from, part % parts, to);
        // What is its own mirror image is there twice.
        let scale = if from == 0 || 2 * from == self.length { 0.5 } else { 1.0 };
        if (part < parts) == part.is_multiple_of(parts) { [scale * real, 0.0] } else { [0.0, scale * imaginary] }
    }
}

impl Step<'_, '_> {
    pub(super) fn dft(&mut self) -> Made {
        let x = self.call.input(0)?;
        let shape = self.shape(&x);
        let axis = match (self.call.version >= 20, self.call.optional(2)) {
            (true, Some(axis)) => self.known(axis, "an axis")?.first().copied().unwrap_or(-2),
            (true, None) => -2,
            (false, _) => self.call.int("axis").unwrap_or(1),
        };
        let axis = self.axis(axis, shape.len())?;
        let (inverse, onesided) = (self.call.flag("inverse"), self.call.flag("onesided"));
        let length = match self.call.optional(1) {
            Some(length) => self.known(length, "a length")?.first().copied(),
            None if inverse && onesided => Some(2 * (shape[axis] as i64 - 1)),
            None => Some(shape[axis] as i64),
        };
        let length = self.length(length)?;
        Ok(vec![self.transformed(&x, axis, Transform { length, inverse, onesided })?])
    }

    fn length(&self, length: Option<i64>) -> Result<usize, GraphError> {
        let length = length.filter(|length| (1..=MAX_BINS).contains(length));
        Ok(length.ok_or_else(|| self.refuse("has a length that is none"))? as usize)
    }

    /// Numbers have one part, or a real and an imaginary one, along the last axis.
    fn transformed(&mut self, x: &Operand, axis: usize, transform: Transform) -> Result<Operand, GraphError> {
        let shape = self.shape(x);
        let last = shape.len() - 1;
        if axis == last || !(1..=2).contains(&shape[last]) {
            return Err(self.refuse(format!("transforms a tensor of shape {shape:?} along axis {axis}")));
        }
        let whole = shape[axis] == transform.length && !(transform.inverse && transform.onesided);
        let x = if whole { self.with_mirror(x, axis)? } else { x.clone() };
        let shape = self.shape(&x);
        let (count, parts) = (shape[axis], shape[last]);
        let (bins, made_parts) = transform.made();
        let numbers = (count * parts).saturating_mul(bins * made_parts);
        self.builder.afford(self.call, numbers)?;
        let mut matrix = Vec::with_capacity(numbers);
        for row in 0..count * parts {
            for to in 0..bins {
                let (from, part) = (row / parts, row % parts);
                let weights = if whole {
                    transform.mirrored(from, part, parts / 2, to)
                } else {
                    transform.weight(from, part, to)
                };
                matrix.extend(weights[..made_parts].iter().map(|&weight| weight as f32));
            }
        }
        let matrix = self.constant_of(Tensor::floats(vec![count * parts, bins * made_parts], matrix));
        let others: Vec<usize> = (0..last).filter(|&at| at != axis).collect();
        let perm = [&others[..], &[axis, last]].concat();
        let turned = self.transposed(&x, &perm)?;
        let lead: Vec<usize> = others.iter().map(|&at| shape[at]).collect();
        let rows = self.reshaped(&turned, &[&lead[..], &[count * parts]].concat())?;
        let product = self.plain(Operator::MatMul, &[&rows, &matrix])?;
        let apart = self.reshaped(&product, &[&lead[..], &[bins, made_parts]].concat())?;
        let mut back = vec![0; shape.len()];
        perm.iter().enumerate().for_each(|(place, &at)| back[at] = place);
        self.transposed(&apart, &back)
    }

    /// The first half with the other half's mirror image: their sums, then their differences. What is symmetric comes out as 0
    /// where it has to, however the products are rounded.
    fn with_mirror(&mut self, x: &Operand, axis: usize) -> Result<Operand, GraphError> {
        let shape = self.shape(x);
        let count = shape[axis];
        let half = self.between(x, axis, 0, count / 2 + 1)?;
        let places: Vec<i64> = (0..=count / 2).map(|at| ((count - at) % count) as i64).collect();
        let places = self.list(&places);
        let other = self.apply(Operator::Gather, Attributes::of([("axis", (axis as i64).into())]), &[x, &places])?;
        let (sum, difference) =
            (self.plain(Operator::Add, &[&half, &other])?, self.plain(Operator::Sub, &[&half, &other])?);
        self.joined(&[&sum, &difference], shape.len() - 1)
    }

    /// Pieces of a signal, each by itself.
    pub(super) fn stft(&mut self) -> Made {
        let signal = self.call.input(0)?;
        let shape = self.shape(&signal);
        let &[_, samples, _] = &shape[..] else {
            return Err(self.refuse(format!("takes a signal of shape {shape:?}")));
        };
        let step = self.length(self.known(&self.call.input(1)?, "a step")?.first().copied())?;
        let window = self.call.optional(2).cloned();
        let length = match (self.call.optional(3), &window) {
            (Some(length), _) => self.known(length, "a length")?.first().copied(),
            (None, Some(window)) => self.shape(window).first().map(|&dim| dim as i64),
            (None, None) => None,
        };
        let length = self.length(length)?;
        let Some(rest) = samples.checked_sub(length) else {
            return Err(self.refuse(format!("takes pieces of {length} from a signal of {samples}")));
        };
        let frames = rest / step + 1;
        self.builder.afford(self.call, frames.saturating_mul(length))?;
        let places = (0..frames).flat_map(|frame| (0..length).map(move |at| (frame * step + at) as i64)).collect();
        let places = self.constant_of(Tensor::ints(Element::Int64, vec![frames, length], places));
        let mut pieces = self.apply(Operator::Gather, Attributes::of([("axis", 1.into())]), &[&signal, &places])?;
        if let Some(window) = window {
            if self.shape(&window) != [length] {
                return Err(self.refuse("has a window of another length than its pieces"));
            }
            let window = self.reshaped(&window, &[length, 1])?;
            pieces = self.plain(Operator::Mul, &[&pieces, &window])?;
        }
        let onesided = self.call.int("onesided").unwrap_or(1) != 0;
        Ok(vec![self.transformed(&pieces, 2, Transform { length, inverse: false, onesided })?])
    }

    /// How much of every bin of a spectrum falls to every bin of the mel scale: triangles that overlap.
    pub(super) fn mel_weights(&mut self) -> Made {
        let mut sizes = [0; 3];
        for (index, size) in sizes.iter_mut().enumerate() {
            let known = self.known(&self.call.input(index)?, "sizes")?.first().copied();
            *size = known.filter(|size| (1..=MAX_BINS).contains(size)).ok_or_else(|| self.refuse("has no sizes"))?;
        }
        let [bins, length, rate] = sizes;
        let mut edges = [0.0; 2];
        for (edge, index) in edges.iter_mut().zip(3..) {
            let operand = self.call.input(index)?;
            let known = tensor(&operand).and_then(Tensor::as_floats).and_then(|numbers| numbers.first());
            let hertz = *known.ok_or_else(|| self.refuse("has a frequency that depends on the input"))?;
            *edge = 2595.0 * (f64::from(hertz) / 700.0).ln_1p() / std::f64::consts::LN_10;
        }
        let (rows, columns) = (length / 2 + 1, bins);
        self.builder.afford(self.call, (rows * columns) as usize)?;
        let step = (edges[1] - edges[0]) / (bins + 2) as f64;
        let place = |at: i64| {
            let mel = at as f64 * step + edges[0];
            let hertz = 700.0 * (mel / 2595.0 * std::f64::consts::LN_10).exp_m1();
            ((length + 1) as f64 * hertz / rate as f64).floor() as i64
        };
        let places: Vec<i64> = (0..bins + 2).map(place).collect();
        if places.iter().any(|place| !(0..=rows).contains(place)) {
            return Err(self.refuse("has frequencies beyond its spectrum"));
        }
        let mut weights = vec![0.0f32; (rows * columns) as usize];
        for (column, three) in places.windows(3).enumerate() {
            let &[low, middle, high] = three else { continue };
            let mut set = |row: i64, weight: f64| {
                if let Some(cell) = weights.get_mut(row as usize * bins as usize + column) {
                    *cell = weight as f32;
                }
            };
            if low == middle {
                set(middle, 1.0);
            } else {
                (low..=middle).for_each(|row| set(row, (row - low) as f64 / (middle - low) as f64));
            }
            (middle..high).for_each(|row| set(row, (high - row) as f64 / (high - middle) as f64));
        }
        let weights = self.constant_of(Tensor::floats(vec![rows as usize, columns as usize], weights));
        Ok(vec![self.cast_to_number(&weights, self.call.int("output_datatype").unwrap_or(1))?])
    }
}
