//! Operators of quantized models: integers with a zero point, which are numbers like any others here.

use super::{Lowered, Lowering, Wire, refuse, window::Window};
use crate::model::graph::Node;

impl<'g> Lowering<'g> {
    /// `(x - zero point) * scale`, both for all or along an axis.
    pub(super) fn dequantized(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.wire(node, 0)?;
        let scales = self.floats(node, 1)?;
        let zeros = if self.has(node, 2) { self.floats(node, 2)? } else { vec![0.0; scales.len()] };
        let axis = usize::try_from(node.attributes.int("axis").unwrap_or(0)).unwrap_or(0);
        let inner: usize = wire.shape.iter().skip(axis + 1).product();
        let of = |numbers: &[f64], flat: usize| match numbers.len() {
            1 => numbers[0],
            n => numbers[flat / inner % n],
        };
        let count = self.plan.steps[wire.step].elements();
        let factors: Vec<f64> = (0..count).map(|flat| of(&scales, flat)).collect();
        let shifts: Vec<f64> = (0..count).map(|flat| -of(&zeros, flat) * of(&scales, flat)).collect();
        self.affine(wire.step, &factors, &shifts)
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
        let zeros = if self.has(node, zero) { self.floats(node, zero)? } else { vec![0.0] };
        let &[zero] = &zeros[..] else {
            return Err(refuse(node, "has a zero point for every row, which is not proven"));
        };
        Ok(self.floats(node, index)?.into_iter().map(|x| x - zero).collect())
    }

    pub(super) fn mat_mul_integer(&mut self, node: &'g Node) -> Lowered<usize> {
        let left = self.without_zero(node, 0, 2)?;
        if self.constant(node, 1).is_some() {
            let numbers = self.constant_without_zero(node, 1, 3)?;
            let shape = self.operand_shape(node, 1);
            let &[rows, columns] = &shape[..] else { return Err(refuse(node, "has weights that are no matrix")) };
            let turned = (0..rows * columns).map(|i| numbers[i % rows * columns + i / rows]).collect();
            return self.rows_by(node, &left, rows, turned, vec![0.0; columns]);
        }
        let right = self.without_zero(node, 1, 3)?;
        self.two_matrices(node, &left, &right)
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
