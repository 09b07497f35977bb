//! Operators of quantized models: integers with a zero point, which are numbers like any others here.

use super::{Lowered, Lowering, Wire, refuse, window::Window};
use crate::model::{
    graph::Node,
    network::plan::{Function, Then},
};

impl<'g> Lowering<'g> {
    /// `(x - zero point) * scale`, both for all or along an axis.
    pub(super) fn dequantized(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.wire(node, 0)?;
        if self.constant(node, 1).is_none() || (self.has(node, 2) && self.constant(node, 2).is_none()) {
            let wire = self.without_zero(node, 0, 2)?;
            return self.rescaled(node, wire.step, &[(1, false)]);
        }
        let scales = self.floats(node, 1)?;
        let zeros = if self.has(node, 2) { self.floats(node, 2)? } else { vec![0.0; scales.len()] };
        let (factors, zeros) = (self.laid(node, &scales), self.laid(node, &zeros));
        let shifts: Vec<f64> = zeros.iter().zip(&factors).map(|(zero, factor)| -zero * factor).collect();
        self.affine(wire.step, &factors, &shifts)
    }

    /// Numbers along the node's axis, or one for all, for every number of its first operand.
    fn laid(&self, node: &Node, numbers: &[f64]) -> Vec<f64> {
        let shape = self.operand_shape(node, 0);
        let axis = usize::try_from(node.attributes.int("axis").unwrap_or(0)).unwrap_or(0);
        let inner: usize = shape.iter().skip(axis + 1).product();
        let of = |flat: usize| match numbers.len() {
            1 => numbers[0],
            n => numbers[flat / inner % n],
        };
        (0..shape.iter().product()).map(of).collect()
    }

    /// The nearest integer to `x / scale`, plus a zero point, within the type.
    pub(super) fn quantized(&mut self, node: &'g Node) -> Lowered<usize> {
        let step = self.wire(node, 0)?.step;
        let step = match self.constant(node, 1) {
            Some(_) => {
                let factors: Vec<f64> = self.laid(node, &self.floats(node, 1)?).iter().map(|x| 1.0 / x).collect();
                self.affine(step, &factors, &vec![0.0; factors.len()])?
            }
            None => self.rescaled(node, step, &[(1, true)])?,
        };
        self.kept(node, step, 2)
    }

    /// The nearest integer plus the zero point `zero`, within the type of what the node makes.
    fn kept(&mut self, node: &'g Node, step: usize, zero: usize) -> Lowered<usize> {
        let element = self.graph.value(node.outputs[0]).kind.element;
        let Some((least, most)) = element.range().filter(|(least, most)| most - least < 1 << 16) else {
            return Err(refuse(node, format!("makes {element}; numbers have 16 bits")));
        };
        let (least, most) = (least as f64, most as f64);
        // Whatever the zero point is, what is beyond is cut off below. Numbers within have more digits so.
        let wide = most - least + 0.5;
        let step = self.activated(step, Then::Clip(-wide, wide));
        let step = self.nearest(step)?;
        let step = match (self.has(node, zero), self.constant(node, zero)) {
            (false, _) => step,
            (true, Some(_)) => {
                let zeros = self.laid(node, &self.floats(node, zero)?);
                let count = self.plan.steps[step].elements();
                let zeros = if zeros.len() == count { zeros } else { vec![self.one(node, zero)?; count] };
                self.affine(step, &vec![1.0; count], &zeros)?
            }
            (true, None) => {
                let other = self.spread(node, zero, false, step)?;
                self.sum(step, other)?
            }
        };
        Ok(self.activated(step, Then::Clip(least, most)))
    }

    /// A constant operand that is one number, perhaps several times.
    fn one(&self, node: &'g Node, index: usize) -> Lowered<f64> {
        let numbers = self.floats(node, index)?;
        let first = numbers.first().copied().unwrap_or(0.0);
        match numbers.iter().all(|other| *other == first) {
            true => Ok(first),
            false => Err(refuse(node, "has a zero point for every row, which is not proven")),
        }
    }

    /// A computed operand of one number, or its inverse, as often as a step has numbers.
    fn spread(&mut self, node: &'g Node, index: usize, inverse: bool, like: usize) -> Lowered<usize> {
        if self.operand_shape(node, index).iter().product::<usize>() != 1 {
            return Err(refuse(node, format!("has an operand {index} that is computed and no single number")));
        }
        let wire = if inverse { self.inverse(node, index)? } else { self.wire(node, index)? };
        let dims = self.plan.steps[like].dims.clone();
        Ok(self.copy(wire.step, dims, vec![0; self.plan.steps[like].elements()]))
    }

    /// A step times operands, or divided by those that say so: single numbers, or constants along the last axis.
    fn rescaled(&mut self, node: &'g Node, step: usize, by: &[(usize, bool)]) -> Lowered<usize> {
        let count = self.plan.steps[step].elements();
        let mut factors = vec![1.0; count];
        let mut computed = Vec::new();
        for &(index, divides) in by {
            if self.constant(node, index).is_none() {
                computed.push((index, divides));
                continue;
            }
            let numbers = self.floats(node, index)?;
            let last = self.shape(node.outputs[0]).last().copied().unwrap_or(1);
            if numbers.is_empty() || ![1, last].contains(&numbers.len()) {
                return Err(refuse(node, format!("has {} numbers as operand {index}", numbers.len())));
            }
            for (flat, factor) in factors.iter_mut().enumerate() {
                let x = numbers[flat % numbers.len()];
                *factor *= if divides { 1.0 / x } else { x };
            }
        }
        let mut step = self.affine(step, &factors, &vec![0.0; count])?;
        for (index, divides) in computed {
            let other = self.spread(node, index, divides, step)?;
            step = self.product(step, other);
        }
        Ok(step)
    }

    /// Integers from 0 to 255 over the range of a tensor and 0: the tensor, its scale and its zero point.
    pub(super) fn quantized_by_itself(&mut self, node: &'g Node) -> Lowered<()> {
        let wire = self.wire(node, 0)?;
        let count = self.plan.steps[wire.step].elements();
        let all = [(0..count as u32).collect::<Vec<_>>()];
        let opposite = self.line_of(wire.step, (-1.0, 0.0))?;
        let (high, low) = (self.maxima(wire.step, &all)?, self.maxima(opposite, &all)?);
        let (high, low) = (self.line_of(high, (1.0, 0.0))?, self.line_of(low, (1.0, 0.0))?);
        let (high, low) = (self.activated(high, Then::Relu), self.activated(low, Then::Relu));
        let range = self.sum(high, low)?;
        // A tensor of zeros has the scale 0, and is zeros.
        let inverse = Function::new(|x| if x > 0.0 { 255.0 / x } else { 0.0 });
        let inverse = self.tabled(range, &inverse, 0)?;
        let zero = self.product(low, inverse);
        let zero = self.nearest(zero)?;
        let zero = self.activated(zero, Then::Clip(0.0, 255.0));
        let dims = self.plan.steps[wire.step].dims.clone();
        let (factors, zeros) = (vec![0; count], vec![0; count]);
        let factors = self.copy(inverse, dims.clone(), factors);
        let number = self.product(wire.step, factors);
        let number = self.nearest(number)?;
        let zeros = self.copy(zero, dims, zeros);
        let number = self.sum(number, zeros)?;
        let number = self.activated(number, Then::Clip(0.0, 255.0));
        let scale = self.line_of(range, (1.0 / 255.0, 0.0))?;
        for (value, step) in node.outputs.iter().zip([number, scale, zero]) {
            self.give(*value, step)?;
        }
        Ok(())
    }

    /// Operands: `a`, its scale and zero point, `b` with both, and both of the result.
    pub(super) fn quantized_mat_mul(&mut self, node: &'g Node) -> Lowered<usize> {
        let step = self.product_without_zeros(node, [0, 2], [3, 5])?;
        let step = self.rescaled(node, step, &[(1, false), (4, false), (6, true)])?;
        self.kept(node, step, 7)
    }

    /// The same, and a bias in units of the product of both scales.
    pub(super) fn quantized_conv(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.without_zero(node, 0, 2)?;
        if self.constant(node, 3).is_none() || self.constant(node, 4).is_none() {
            return Err(refuse(node, "has weights that are no constant"));
        }
        let (mut weights, shape) = (self.constant_without_zero(node, 3, 5)?, self.operand_shape(node, 3));
        let channels = shape.first().copied().unwrap_or(1).max(1);
        let scales = self.floats(node, 4)?;
        let each = weights.len() / channels;
        let mut bias = if self.has(node, 8) { self.floats(node, 8)? } else { vec![0.0; channels] };
        if ![1, channels].contains(&scales.len()) || bias.len() != channels {
            return Err(refuse(node, format!("has {} scales of weights and {} biases", scales.len(), bias.len())));
        }
        for (channel, bias) in bias.iter_mut().enumerate() {
            let scale = scales[channel % scales.len()];
            weights[channel * each..][..each].iter_mut().for_each(|w| *w *= scale);
            *bias *= scale;
        }
        let to = self.shape(node.outputs[0]).to_vec();
        let window = Window::of(node, &wire.shape, &to, shape.get(2..))?;
        let groups = usize::try_from(node.attributes.int("group").unwrap_or(1)).unwrap_or(1);
        let step = self.convolution(node, &wire, &window, groups, &weights, bias)?;
        let step = self.rescaled(node, step, &[(1, false), (6, true)])?;
        self.kept(node, step, 7)
    }

    /// An operand without its zero point, which is one number.
    fn without_zero(&mut self, node: &'g Node, index: usize, zero: usize) -> Lowered<Wire> {
        let wire = self.wire(node, index)?;
        if !self.has(node, zero) {
            return Ok(wire);
        }
        if self.operand_shape(node, zero).iter().product::<usize>() != 1 {
            return Err(refuse(node, "has a zero point for every row, which is not proven"));
        }
        let step = if self.constant(node, zero).is_some() {
            let shift = self.floats(node, zero)?.first().copied().unwrap_or(0.0);
            self.line_of(wire.step, (1.0, -shift))?
        } else {
            let other = self.wire(node, zero)?;
            let opposite = self.line_of(other.step, (-1.0, 0.0))?;
            let count = self.plan.steps[wire.step].elements();
            let all = self.copy(opposite, vec![1, 1, count as u32], vec![0; count]);
            self.sum(wire.step, all)?
        };
        Ok(Wire { step, shape: wire.shape, lazy: None })
    }

    /// A constant operand without its zero point.
    fn constant_without_zero(&self, node: &'g Node, index: usize, zero: usize) -> Lowered<Vec<f64>> {
        let zero = if self.has(node, zero) { self.one(node, zero)? } else { 0.0 };
        Ok(self.floats(node, index)?.into_iter().map(|x| x - zero).collect())
    }

    pub(super) fn mat_mul_integer(&mut self, node: &'g Node) -> Lowered<usize> {
        self.product_without_zeros(node, [0, 2], [1, 3])
    }

    /// The product of two operands, each with the place of its zero point.
    fn product_without_zeros(&mut self, node: &'g Node, a: [usize; 2], b: [usize; 2]) -> Lowered<usize> {
        let left = self.without_zero(node, a[0], a[1])?;
        if self.constant(node, b[0]).is_some() {
            let numbers = self.constant_without_zero(node, b[0], b[1])?;
            let shape = self.operand_shape(node, b[0]);
            return self.by_constants(node, &left, &shape, numbers);
        }
        let right = self.without_zero(node, b[0], b[1])?;
        self.computed_product(node, &left, &right)
    }

    pub(super) fn conv_integer(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.without_zero(node, 0, 2)?;
        if self.constant(node, 1).is_none() {
            return Err(refuse(node, "has weights that are no constant"));
        }
        let (weights, shape) = (self.constant_without_zero(node, 1, 3)?, self.operand_shape(node, 1));
        let to = self.shape(node.outputs[0]).to_vec();
        let window = Window::of(node, &wire.shape, &to, shape.get(2..))?;
        let groups = usize::try_from(node.attributes.int("group").unwrap_or(1)).unwrap_or(1);
        let channels = shape.first().copied().unwrap_or(0);
        self.convolution(node, &wire, &window, groups, &weights, vec![0.0; channels])
    }
}
