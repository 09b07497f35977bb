//! Operators that work on one number after the other: sums, products, and everything made of pieces of straight lines.

use super::{Lowered, Lowering, MAX_AXIS, Wire, dims_of, refuse};
use crate::model::{
    graph::{Node, Operator},
    network::plan::{Then, Work},
};
use zkinfer_prover::network::Linear;

/// Weights of a dense step that only scales, zeros included.
const MAX_DIAGONAL: usize = 1 << 20;

/// Whether numbers are alike within each of that many rows.
fn is_uniform(rows: usize, numbers: &[f64]) -> bool {
    numbers.chunks_exact((numbers.len() / rows).max(1)).all(|row| row.iter().all(|x| *x == row[0]))
}

impl<'g> Lowering<'g> {
    /// Every number times a factor, plus a shift: within the linear step that makes it, or by one more.
    pub(super) fn affine(&mut self, node: &Node, step: usize, factors: &[f64], shifts: &[f64]) -> Lowered<usize> {
        let of = &self.plan.steps[step];
        let rows = match &of.work {
            Work::Linear { bias, .. } if of.then == Then::Nothing => bias.len(),
            _ => 0,
        };
        if rows == 0 || !self.is_sole(step) || !is_uniform(rows, factors) || !is_uniform(rows, shifts) {
            return self.line(node, step, factors, shifts);
        }
        let each = factors.len() / rows;
        if let Work::Linear { weights, bias, .. } = &mut self.plan.steps[step].work {
            let inputs = weights.len() / rows;
            for (row, bias) in bias.iter_mut().enumerate() {
                weights[row * inputs..][..inputs].iter_mut().for_each(|w| *w *= factors[row * each]);
                *bias = *bias * factors[row * each] + shifts[row * each];
            }
        }
        Ok(step)
    }

    /// The same by a step of its own.
    fn line(&mut self, node: &Node, step: usize, factors: &[f64], shifts: &[f64]) -> Lowered<usize> {
        let n = factors.len();
        if !factors.iter().chain(shifts).all(|x| x.is_finite()) {
            return Err(refuse(node, "multiplies or shifts by what is not finite"));
        }
        let per = |rows: usize| is_uniform(rows, factors) && is_uniform(rows, shifts);
        // One weight for all, or per channel, if that is enough; else per number.
        let wanted = if per(1) { vec![1, 1, n as u32] } else { vec![n as u32, 1, 1] };
        let (step, dims) = match self.free_dims(step, &wanted) {
            Some(dims) if per(dims[0] as usize) => (step, dims),
            _ if n * n <= MAX_DIAGONAL => return Ok(self.diagonal(step, factors, shifts)),
            _ if n <= MAX_AXIS => (self.shaped(step, &wanted), wanted),
            _ => return Err(refuse(node, format!("has {n} factors or shifts; at most {MAX_AXIS} are taken"))),
        };
        let channels = dims[0];
        let op = Linear::Conv { channels, kernel: 1, stride: 1, padding: 0, groups: channels };
        let pick = |numbers: &[f64]| numbers.iter().step_by(n / channels as usize).copied().collect();
        let (weights, bias) = (pick(factors), pick(shifts));
        Ok(self.linear(step, dims, op, weights, bias))
    }

    /// The same as a dense step.
    fn diagonal(&mut self, step: usize, factors: &[f64], shifts: &[f64]) -> usize {
        let n = factors.len();
        let mut weights = vec![0.0; n * n];
        weights.iter_mut().step_by(n + 1).zip(factors).for_each(|(w, factor)| *w = *factor);
        self.linear(step, vec![n as u32], Linear::Dense { outputs: n as u32 }, weights, shifts.to_vec())
    }

    /// Every number times one factor.
    fn scaled(&mut self, node: &Node, step: usize, factor: f64) -> Lowered<usize> {
        let n = self.plan.steps[step].elements();
        self.affine(node, step, &vec![factor; n], &vec![0.0; n])
    }

    pub(super) fn arithmetic(&mut self, node: &'g Node) -> Lowered<usize> {
        let constant = (0..2).find(|&index| self.constant(node, index).is_some());
        let Some(at) = constant else { return self.both_computed(node) };
        let wire = self.wire(node, 1 - at)?;
        let step = self.broadcast(node, &wire)?;
        let numbers = self.along(node, at)?;
        let (ones, zeros) = (vec![1.0; numbers.len()], vec![0.0; numbers.len()]);
        let negated = |numbers: &[f64]| numbers.iter().map(|x| -x).collect::<Vec<_>>();
        let (factors, shifts) = match (node.operator, at) {
            (Operator::Add, _) => (ones, numbers),
            (Operator::Mul, _) => (numbers, zeros),
            (Operator::Sub, 1) => (ones, negated(&numbers)),
            (Operator::Sub, _) => (negated(&ones), numbers),
            (_, 1) => (numbers.iter().map(|x| 1.0 / x).collect(), zeros),
            _ => return Err(refuse(node, "divides by what depends on the input, which is not proven")),
        };
        self.affine(node, step, &factors, &shifts)
    }

    fn both_computed(&mut self, node: &'g Node) -> Lowered<usize> {
        let (a, b) = (self.wire(node, 0)?, self.wire(node, 1)?);
        let (a, b) = (self.broadcast(node, &a)?, self.broadcast(node, &b)?);
        match node.operator {
            Operator::Add => self.sum(a, b),
            Operator::Sub => {
                let b = self.scaled(node, b, -1.0)?;
                self.sum(a, b)
            }
            Operator::Mul => {
                let (a, b, dims) = self.alike(a, b);
                Ok(self.push(vec![a, b], dims, Work::Mul, Then::Nothing))
            }
            _ => Err(refuse(node, "divides by what depends on the input, which is not proven")),
        }
    }

    fn sum(&mut self, a: usize, b: usize) -> Lowered<usize> {
        let (a, b, dims) = self.alike(a, b);
        Ok(self.push(vec![a, b], dims, Work::Add, Then::Nothing))
    }

    /// Two steps of as many numbers, with the same dimensions.
    fn alike(&mut self, a: usize, b: usize) -> (usize, usize, Vec<u32>) {
        let (a, b) = (self.centered(a), self.centered(b));
        let (wide, other) = (self.plan.steps[a].dims.len() >= self.plan.steps[b].dims.len(), [a, b]);
        let dims = self.plan.steps[other[usize::from(!wide)]].dims.clone();
        let (a, b) = (self.shaped(a, &dims), self.shaped(b, &dims));
        (a, b, dims)
    }

    /// What a node reads, repeated to the shape of what it makes.
    fn broadcast(&mut self, node: &Node, wire: &Wire) -> Lowered<usize> {
        let shape = self.shape(node.outputs[0]).to_vec();
        if shape.iter().product::<usize>() == self.plan.steps[wire.step].elements() {
            return Ok(wire.step);
        }
        let indices = crate::model::graph::broadcast_indices(&wire.shape, &shape);
        let dims = dims_of(node, &shape)?;
        Ok(self.copy(wire.step, dims, indices.into_iter().map(|i| i as u32).collect()))
    }

    pub(super) fn batch_normalization(&mut self, node: &'g Node) -> Lowered<usize> {
        let Wire { step, shape } = self.wire(node, 0)?;
        let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|index| self.floats(node, index));
        let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
        let epsilon = f64::from(node.attributes.float("epsilon").unwrap_or(1e-5));
        let channels = shape.get(1).copied().unwrap_or(0);
        if shape.first() != Some(&1) || scale.len() != channels || channels == 0 {
            return Err(refuse(node, format!("normalizes a tensor of shape {shape:?}; one sample at a time")));
        }
        let each = self.plan.steps[step].elements() / channels;
        let factor = |c: usize| scale[c] / (variance[c] + epsilon).sqrt();
        let spread = |of: &dyn Fn(usize) -> f64| (0..channels).flat_map(|c| vec![of(c); each]).collect::<Vec<_>>();
        let (factors, shifts) = (spread(&factor), spread(&|c| bias[c] - mean[c] * factor(c)));
        self.affine(node, step, &factors, &shifts)
    }

    /// `then` on what a step computes: within the step, or by one more.
    pub(super) fn activated(&mut self, step: usize, then: Then) -> usize {
        let of = &self.plan.steps[step];
        if then == Then::Relu && of.nonnegative {
            return step;
        }
        if of.activates() && of.then == Then::Nothing && self.is_sole(step) {
            let of = &mut self.plan.steps[step];
            of.then = then;
            of.nonnegative = of.nonnegative || then.low() >= 0.0;
            return step;
        }
        let step = self.centered(step);
        let dims = self.plan.steps[step].dims.clone();
        self.push(vec![step], dims, Work::Pass, then)
    }

    pub(super) fn clips(&mut self, node: &'g Node) -> Lowered<usize> {
        let mut step = self.wire(node, 0)?.step;
        let then = match node.operator {
            Operator::Relu => Then::Relu,
            Operator::HardSigmoid => {
                step = self.hard_sigmoid_line(node, step, 0.2, 0.5)?;
                Then::Clip(0.0, 1.0)
            }
            _ => {
                let bound = |index: usize, missing: f64| -> Lowered<f64> {
                    match self.has(node, index) {
                        true => Ok(self.floats(node, index)?.first().copied().unwrap_or(missing)),
                        false => Ok(missing),
                    }
                };
                let (low, high) = (bound(1, f64::NEG_INFINITY)?, bound(2, f64::INFINITY)?);
                match (low, high) {
                    // `f32::MAX` means that there is no bound.
                    (0.0, high) if high >= f64::from(f32::MAX) => Then::Relu,
                    (low, high) if low < high => Then::Clip(low, high),
                    _ => return Err(refuse(node, format!("clips to [{low}, {high}], which holds one number or none"))),
                }
            }
        };
        Ok(self.activated(step, then))
    }

    fn hard_sigmoid_line(&mut self, node: &Node, step: usize, alpha: f32, beta: f32) -> Lowered<usize> {
        let of = |name, default: f32| f64::from(node.attributes.float(name).unwrap_or(default));
        let (alpha, beta) = (of("alpha", alpha), of("beta", beta));
        let n = self.plan.steps[step].elements();
        self.affine(node, step, &vec![alpha; n], &vec![beta; n])
    }

    /// Functions that are sums of ReLUs, or a product with one.
    pub(super) fn pieces(&mut self, node: &'g Node) -> Lowered<usize> {
        let step = self.wire(node, 0)?.step;
        let step = self.centered(step);
        if node.operator == Operator::Neg {
            return self.scaled(node, step, -1.0);
        }
        if node.operator == Operator::HardSwish {
            let n = self.plan.steps[step].elements();
            let line = self.line(node, step, &vec![1.0 / 6.0; n], &vec![0.5; n])?;
            let gate = self.activated(line, Then::Clip(0.0, 1.0));
            let (a, b, dims) = self.alike(step, gate);
            return Ok(self.push(vec![a, b], dims, Work::Mul, Then::Nothing));
        }
        // slope * x + (1 - slope) * max(x, 0)
        let slopes = match node.operator {
            Operator::Abs => vec![-1.0],
            Operator::PRelu => self.along(node, 1)?,
            _ => vec![f64::from(node.attributes.float("alpha").unwrap_or(0.01))],
        };
        let n = self.plan.steps[step].elements();
        let slopes = if slopes.len() == n { slopes } else { vec![slopes[0]; n] };
        let zeros = vec![0.0; n];
        let dims = self.plan.steps[step].dims.clone();
        let positive = self.push(vec![step], dims, Work::Pass, Then::Relu);
        let line = self.affine(node, step, &slopes, &zeros)?;
        let rest: Vec<f64> = slopes.iter().map(|slope| 1.0 - slope).collect();
        let positive = self.affine(node, positive, &rest, &zeros)?;
        self.sum(line, positive)
    }

    /// `max(a, b) = a + max(b - a, 0)`, and so on; one operand may be a constant.
    pub(super) fn extreme(&mut self, node: &'g Node) -> Lowered<usize> {
        if node.inputs.len() != 2 {
            return Err(refuse(node, format!("has {} operands; chain nodes of two", node.inputs.len())));
        }
        let sign = if node.operator == Operator::Max { 1.0 } else { -1.0 };
        let at = (0..2).find(|&index| self.constant(node, index).is_none()).unwrap_or(0);
        let wire = self.wire(node, at)?;
        let a = self.broadcast(node, &wire)?;
        let a = self.centered(a);
        let n = self.plan.steps[a].elements();
        // sign * (b - a)
        let difference = if self.constant(node, 1 - at).is_some() {
            let shifts: Vec<f64> = self.along(node, 1 - at)?.iter().map(|x| sign * x).collect();
            self.line(node, a, &vec![-sign; n], &shifts)?
        } else {
            let wire = self.wire(node, 1 - at)?;
            let b = self.broadcast(node, &wire)?;
            let b = self.centered(b);
            let zeros = vec![0.0; n];
            let minus = self.line(node, a, &vec![-sign; n], &zeros)?;
            let plus = self.line(node, b, &vec![sign; n], &zeros)?;
            self.sum(plus, minus)?
        };
        let positive = self.activated(difference, Then::Relu);
        let positive = self.scaled(node, positive, sign)?;
        self.sum(a, positive)
    }
}
