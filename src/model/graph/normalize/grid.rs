//! Sampling at places that are computed.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor, checked_elements, strides},
};

/// What is beyond the ends of an axis.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Beyond {
    Zeros,
    Ends,
    Mirror,
}

/// One axis of the tensor that is sampled.
pub(super) struct Axis {
    pub(super) dim: usize,
    pub(super) stride: usize,
    /// The outer ends, between which places are inside.
    pub(super) ends: (f32, f32),
}

/// A neighbour along one axis: where it is in the flat tensor, and its weight.
pub(super) struct Tap {
    place: Operand,
    weight: Option<Operand>,
}

impl Step<'_, '_> {
    /// Every sample is a sum of neighbours, gathered from the flat tensor.
    pub(super) fn grid_sample(&mut self) -> Made {
        let (x, grid) = (self.call.input(0)?, self.call.input(1)?);
        let (shape, places) = (self.shape(&x), self.shape(&grid));
        let axes = shape.len().saturating_sub(2);
        if axes == 0 || places.len() != axes + 2 || places[0] != shape[0] || places[axes + 1] != axes {
            return Err(self.refuse(format!("samples a tensor of shape {shape:?} at places of shape {places:?}")));
        }
        let beyond = match self.call.text("padding_mode").unwrap_or("zeros") {
            "zeros" => Beyond::Zeros,
            "border" => Beyond::Ends,
            "reflection" => Beyond::Mirror,
            other => return Err(self.refuse(format!("has the padding_mode `{other}`"))),
        };
        let count: usize = places[1..=axes].iter().product();
        let steps = strides(&shape[2..]);
        let corners = self.call.flag("align_corners");
        let mut taps: Vec<Vec<Tap>> = Vec::new();
        for at in 0..axes {
            let dim = shape[2 + at];
            let ends = if corners { (0.0, dim as f32 - 1.0) } else { (-0.5, dim as f32 - 0.5) };
            let axis = Axis { dim, stride: steps[at], ends };
            // The last coordinate is that of the first axis.
            let part = self.between(&grid, axes + 1, axes - 1 - at, axes - at)?;
            let part = self.reshaped(&part, &[shape[0], 1, count])?;
            let place = self.denormalized(&part, dim, corners)?;
            taps.push(self.taps(&place, &axis, beyond)?);
        }
        let total = shape[2..].iter().product();
        let flat = self.reshaped(&x, &[shape[0], shape[1], total])?;
        let made = self.weighted(&flat, &taps, count)?;
        Ok(vec![self.reshaped(&made, &[&shape[..2], &places[1..=axes]].concat())?])
    }

    /// From -1 to 1 over the whole axis.
    fn denormalized(&mut self, part: &Operand, dim: usize, corners: bool) -> Result<Operand, GraphError> {
        let (scale, shift) =
            if corners { (dim as f32 - 1.0, dim as f32 - 1.0) } else { (dim as f32, dim as f32 - 1.0) };
        let (scale, shift) = (self.number(scale / 2.0), self.number(shift / 2.0));
        let scaled = self.plain(Operator::Mul, &[part, &scale])?;
        self.plain(Operator::Add, &[&scaled, &shift])
    }

    pub(super) fn taps(&mut self, place: &Operand, axis: &Axis, beyond: Beyond) -> Result<Vec<Tap>, GraphError> {
        let one = self.number(1.0);
        match self.call.text("mode").unwrap_or("linear") {
            "nearest" => {
                let near = self.plain(Operator::Round, &[place])?;
                let near = self.kept_inside(&near, axis, beyond)?;
                Ok(vec![self.tap(&near, None, axis, beyond)?])
            }
            "linear" | "bilinear" => {
                let place = self.kept_inside(place, axis, beyond)?;
                let first = self.plain(Operator::Floor, &[&place])?;
                let second = self.plain(Operator::Add, &[&first, &one])?;
                let ratio = self.plain(Operator::Sub, &[&place, &first])?;
                let rest = self.plain(Operator::Sub, &[&one, &ratio])?;
                Ok(vec![self.tap(&first, Some(rest), axis, beyond)?, self.tap(&second, Some(ratio), axis, beyond)?])
            }
            "cubic" | "bicubic" => {
                let place = self.kept_inside(place, axis, beyond)?;
                let first = self.plain(Operator::Floor, &[&place])?;
                let ratio = self.plain(Operator::Sub, &[&place, &first])?;
                let mut taps = Vec::new();
                for offset in [-1.0f32, 0.0, 1.0, 2.0] {
                    let shift = self.number(offset);
                    let at = self.plain(Operator::Add, &[&first, &shift])?;
                    let far = self.plain(Operator::Sub, &[&ratio, &shift])?;
                    let far = self.plain(Operator::Abs, &[&far])?;
                    let weight = self.cubic(&far, (0.0..=1.0).contains(&offset))?;
                    taps.push(self.tap(&at, Some(weight), axis, beyond)?);
                }
                Ok(taps)
            }
            other => Err(self.refuse(format!("has the mode `{other}`"))),
        }
    }

    /// Keys' kernel with -0.75, at a distance of up to 1, or of 1 to 2.
    fn cubic(&mut self, x: &Operand, near: bool) -> Result<Operand, GraphError> {
        const A: f32 = -0.75;
        let coefficients = if near { [A + 2.0, -(A + 3.0), 0.0, 1.0] } else { [A, -5.0 * A, 8.0 * A, -4.0 * A] };
        let mut made = self.number(coefficients[0]);
        for coefficient in &coefficients[1..] {
            let coefficient = self.number(*coefficient);
            made = self.plain(Operator::Mul, &[&made, x])?;
            made = self.plain(Operator::Add, &[&made, &coefficient])?;
        }
        Ok(made)
    }

    /// Places beyond the outer ends, moved inside as the padding has it.
    fn kept_inside(&mut self, place: &Operand, axis: &Axis, beyond: Beyond) -> Result<Operand, GraphError> {
        match beyond {
            Beyond::Zeros => Ok(place.clone()),
            Beyond::Ends => {
                let (low, high) = (self.number(axis.ends.0), self.number(axis.ends.1));
                let below = self.plain(Operator::Less, &[place, &low])?;
                let above = self.plain(Operator::Greater, &[place, &high])?;
                let outside = self.plain(Operator::Or, &[&below, &above])?;
                let moved = self.clamped(place, axis)?;
                self.plain(Operator::Where, &[&outside, &moved, place])
            }
            Beyond::Mirror => self.mirrored(place, axis),
        }
    }

    fn clamped(&mut self, place: &Operand, axis: &Axis) -> Result<Operand, GraphError> {
        let (first, last) = (self.number(0.0), self.number(axis.dim as f32 - 1.0));
        self.plain(Operator::Clip, &[place, &first, &last])
    }

    /// A zigzag between the outer ends.
    fn mirrored(&mut self, place: &Operand, axis: &Axis) -> Result<Operand, GraphError> {
        let (low, span) = (axis.ends.0, axis.ends.1 - axis.ends.0);
        if span == 0.0 {
            let zero = self.number(0.0);
            return self.plain(Operator::Mul, &[place, &zero]);
        }
        let (low, span, period) = (self.number(low), self.number(span), self.number(2.0 * span));
        let from_low = self.plain(Operator::Sub, &[place, &low])?;
        let turns = self.plain(Operator::Div, &[&from_low, &period])?;
        let turns = self.plain(Operator::Floor, &[&turns])?;
        let whole = self.plain(Operator::Mul, &[&turns, &period])?;
        let rest = self.plain(Operator::Sub, &[&from_low, &whole])?;
        let beyond = self.plain(Operator::Sub, &[&rest, &span])?;
        let beyond = self.plain(Operator::Abs, &[&beyond])?;
        let back = self.plain(Operator::Sub, &[&span, &beyond])?;
        self.plain(Operator::Add, &[&back, &low])
    }

    /// A whole place, which may lie outside.
    fn tap(&mut self, at: &Operand, weight: Option<Operand>, axis: &Axis, beyond: Beyond) -> Result<Tap, GraphError> {
        let at = if beyond == Beyond::Mirror { self.mirrored(at, axis)? } else { at.clone() };
        let place = self.clamped(&at, axis)?;
        let mut weight = weight;
        if beyond == Beyond::Zeros {
            let inside = self.plain(Operator::Equal, &[&at, &place])?;
            let inside = self.cast(&inside, Element::Float32)?;
            weight = Some(match weight {
                Some(weight) => self.plain(Operator::Mul, &[&weight, &inside])?,
                None => inside,
            });
        }
        let stride = self.integer(axis.stride as i64);
        let place = self.cast(&place, Element::Int64)?;
        Ok(Tap { place: self.plain(Operator::Mul, &[&place, &stride])?, weight })
    }

    /// The sum over all combinations of one neighbour for every axis.
    pub(super) fn weighted(&mut self, flat: &Operand, taps: &[Vec<Tap>], count: usize) -> Result<Operand, GraphError> {
        let shape = self.shape(flat);
        let target = [shape[0], shape[1], count];
        let combinations: usize = taps.iter().map(Vec::len).product();
        let mut sum: Option<Operand> = None;
        for mut at in 0..combinations {
            let (mut place, mut weight): (Option<Operand>, Option<Operand>) = (None, None);
            for axis in taps {
                let tap = &axis[at % axis.len()];
                at /= axis.len();
                place = Some(match place {
                    Some(place) => self.plain(Operator::Add, &[&place, &tap.place])?,
                    None => tap.place.clone(),
                });
                weight = match (weight, &tap.weight) {
                    (Some(a), Some(b)) => Some(self.plain(Operator::Mul, &[&a, b])?),
                    (a, b) => a.or_else(|| b.clone()),
                };
            }
            let place = place.ok_or_else(|| self.refuse("has no axes"))?;
            let place = self.expanded(&place, &target)?;
            let mut found =
                self.apply(Operator::GatherElements, Attributes::of([("axis", 2.into())]), &[flat, &place])?;
            if let Some(weight) = &weight {
                found = self.plain(Operator::Mul, &[&found, weight])?;
            }
            sum = Some(match sum {
                Some(sum) => self.plain(Operator::Add, &[&sum, &found])?,
                None => found,
            });
        }
        sum.ok_or_else(|| self.refuse("has no neighbours"))
    }

    /// The places of a regular grid, moved by a matrix.
    pub(super) fn affine_grid(&mut self) -> Made {
        let theta = self.call.input(0)?;
        let sizes = self.known(&self.call.input(1)?, "a size")?;
        let sizes: Option<Vec<usize>> = sizes.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let sizes = sizes.filter(|sizes| sizes.len() > 2 && checked_elements(sizes).is_some());
        let sizes = sizes.ok_or_else(|| self.refuse("has a size that is none"))?;
        let (space, corners) = (&sizes[2..], self.call.flag("align_corners"));
        let (axes, count) = (space.len(), space.iter().product::<usize>());
        self.builder.afford(self.call, count.saturating_mul(axes + 1))?;
        let steps = strides(space);
        let mut base = Vec::new();
        for axis in (0..axes).rev() {
            let dim = space[axis] as f32;
            base.extend((0..count).map(|flat| {
                let at = (flat / steps[axis] % space[axis]) as f32;
                match corners {
                    true if dim == 1.0 => -1.0,
                    true => 2.0 * at / (dim - 1.0) - 1.0,
                    false => (2.0 * at + 1.0) / dim - 1.0,
                }
            }));
        }
        base.resize(count * (axes + 1), 1.0);
        let base = self.constant_of(Tensor::floats(vec![axes + 1, count], base));
        let moved = self.plain(Operator::MatMul, &[&theta, &base])?;
        let turned = self.transposed(&moved, &[0, 2, 1])?;
        Ok(vec![self.reshaped(&turned, &[&[sizes[0]], space, &[axes]].concat())?])
    }
}
