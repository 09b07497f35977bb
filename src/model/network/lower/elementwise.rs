//! Operators that work on one number after the other: sums, products, and everything made of pieces of straight lines.

use super::{Lowered, Lowering, MAX_AXIS, Wire, dims_of, function::OfStep, refuse};
use crate::model::{
    LowerError,
    graph::{Node, Operand, Operator, ValueId},
    network::plan::{Function, Then, Work},
};
use zkinfer_prover::network::Linear;

/// What hides a score from a softmax when it is added.
pub(super) const HIDES: f64 = -1e4;
/// Numbers that a dense step scales: beyond, a copy with three axes takes less.
const MAX_DIAGONAL: usize = 64;

/// Whether numbers are alike within each of that many rows.
fn is_uniform(rows: usize, numbers: &[f64]) -> bool {
    numbers.chunks_exact((numbers.len() / rows).max(1)).all(|row| row.iter().all(|x| *x == row[0]))
}

/// A number for every element of `[samples, channels, ..]`, by its channel.
pub(super) fn by_channel(shape: &[usize], of: impl Fn(usize) -> f64) -> Vec<f64> {
    let (samples, channels) = (shape.first().copied().unwrap_or(1), shape.get(1).copied().unwrap_or(1));
    let each: usize = shape.iter().skip(2).product();
    (0..samples).flat_map(|_| (0..channels).flat_map(|c| vec![of(c); each]).collect::<Vec<_>>()).collect()
}

impl<'g> Lowering<'g> {
    /// Every number times a factor, plus a shift: within the linear step that makes it, or by one more.
    pub(super) fn affine(&mut self, step: usize, factors: &[f64], shifts: &[f64]) -> Lowered<usize> {
        if self.absorbs(step, None, factors, shifts) { Ok(step) } else { self.line(step, factors, shifts) }
    }

    /// Whether a linear step that makes these numbers, perhaps in another order, takes factors and shifts in; if so, it has.
    fn absorbs(&mut self, step: usize, reader: Option<usize>, factors: &[f64], shifts: &[f64]) -> bool {
        if !self.is_sole(step, reader) || self.plan.steps[step].then != Then::Nothing {
            return false;
        }
        if let Some((source, indices)) = self.reordered(step) {
            let mut back = [vec![0.0; indices.len()], vec![0.0; indices.len()]];
            for (at, source) in indices.iter().enumerate() {
                (back[0][*source as usize], back[1][*source as usize]) = (factors[at], shifts[at]);
            }
            let absorbed = self.absorbs(source, Some(step), &back[0], &back[1]);
            self.plan.steps[step].nonnegative = self.plan.steps[source].nonnegative;
            return absorbed;
        }
        let Work::Linear { weights, bias, op } = &mut self.plan.steps[step].work else { return false };
        let (rows, inputs) = (bias.len(), weights.len() / bias.len().max(1));
        // An output is every element of a channel, or the same place of every row.
        let by_row = matches!(op, Linear::Rows { .. });
        let periodic = |x: &[f64]| x.chunks_exact(rows).all(|row| row == &x[..rows]);
        let fits = |x: &[f64]| if by_row { periodic(x) } else { is_uniform(rows, x) };
        if !fits(factors) || !fits(shifts) {
            return false;
        }
        let each = if by_row { 1 } else { factors.len() / rows };
        for (row, bias) in bias.iter_mut().enumerate() {
            weights[row * inputs..][..inputs].iter_mut().for_each(|w| *w *= factors[row * each]);
            *bias = *bias * factors[row * each] + shifts[row * each];
        }
        self.forget(step);
        true
    }

    /// Whether a linear step makes these numbers, perhaps in another order, and only the node that is being lowered reads them.
    fn is_linear(&self, step: usize) -> bool {
        let is_one = |step: usize, reader| {
            let of = &self.plan.steps[step];
            matches!(of.work, Work::Linear { .. }) && of.then == Then::Nothing && self.is_sole(step, reader)
        };
        is_one(step, None)
            || (self.is_sole(step, None) && self.reordered(step).is_some_and(|(source, _)| is_one(source, Some(step))))
    }

    /// The same by a step of its own.
    pub(super) fn line(&mut self, step: usize, factors: &[f64], shifts: &[f64]) -> Lowered<usize> {
        let n = factors.len();
        if !factors.iter().chain(shifts).all(|x| x.is_finite()) {
            return Err(self.stop("multiplies or shifts by what is not finite"));
        }
        let per = |rows: usize| is_uniform(rows, factors) && is_uniform(rows, shifts);
        if n > MAX_DIAGONAL && factors.iter().all(|x| *x == 1.0) && !is_uniform(1, shifts) {
            let step = self.centered(step);
            let dims = self.plan.steps[step].dims.clone();
            if !matches!(dims[..], [rows, ..] if dims.len() == 3 && is_uniform(rows as usize, shifts)) {
                let constant = self.push(vec![], dims, Work::Constant(shifts.to_vec()), Then::Nothing);
                return self.sum(step, constant);
            }
        }
        // One weight for all, or per channel, if that is enough; else per number.
        let wanted = if per(1) { vec![1, 1, n as u32] } else { vec![n as u32, 1, 1] };
        let (step, dims) = match self.free_dims(step, &wanted) {
            Some(dims) if per(dims[0] as usize) => (step, dims),
            _ if n <= MAX_DIAGONAL => return Ok(self.diagonal(step, factors, shifts)),
            _ => {
                if n > MAX_AXIS {
                    self.too_much(format!("has {n} factors or shifts; at most {MAX_AXIS} are taken"))?;
                }
                (self.shaped(step, &wanted), wanted)
            }
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

    /// Why the node that is being lowered is not.
    pub(super) fn stop(&self, reason: impl Into<String>) -> LowerError {
        LowerError::Operator { operator: self.node.1.into(), node: self.node.0.clone(), reason: reason.into() }
    }

    /// Ends the lowering of what is to be proven; a sketch goes on.
    pub(super) fn too_much(&mut self, reason: String) -> Lowered<()> {
        let error = self.stop(reason);
        match &mut self.limits {
            Some(limits) => limits.push(error.to_string()),
            None => return Err(error),
        }
        Ok(())
    }

    /// Every number times one factor, and one shift more.
    pub(super) fn scaled(&mut self, step: usize, factor: f64, shift: f64) -> Lowered<usize> {
        let n = self.plan.steps[step].elements();
        self.affine(step, &vec![factor; n], &vec![shift; n])
    }

    pub(super) fn arithmetic(&mut self, node: &'g Node) -> Lowered<()> {
        match (0..2).find(|&index| self.constant(node, index).is_some()) {
            Some(at) => self.with_constant(node, at),
            None => self.both_computed(node),
        }
    }

    /// Division of integers rounds, which is no arithmetic of real numbers.
    fn refuse_integers(&self, node: &Node) -> Lowered<()> {
        let is_float = self.graph.value(node.outputs[0]).kind.element.is_float();
        if is_float || !matches!(node.operator, Operator::Div | Operator::Pow) {
            return Ok(());
        }
        Err(refuse(node, "is of integers, which it rounds; cast to floats before"))
    }

    /// `constant` is which operand is one.
    fn with_constant(&mut self, node: &'g Node, constant: usize) -> Lowered<()> {
        use Operator as O;
        self.refuse_integers(node)?;
        let numbers = self.along(node, constant)?;
        if self.given_along(node, constant, &numbers)? {
            return Ok(());
        }
        let index = 1 - constant;
        let at = self.as_function(node, index)?;
        let c = numbers.first().copied().unwrap_or(0.0);
        if is_uniform(1, &numbers) && self.plan.steps[at.0].elements() == numbers.len() {
            let line = match (node.operator, constant) {
                (O::Add, _) => (1.0, c),
                (O::Sub, 1) => (1.0, -c),
                (O::Sub, _) => (-1.0, c),
                (O::Mul, _) => (c, 0.0),
                (O::Div, 1) => (1.0 / c, 0.0),
                (O::Div, _) => return self.give_function(node, index, move |x| c / x),
                (_, 1) => return self.give_function(node, index, move |x| x.powf(c)),
                _ => return self.give_function(node, index, move |x| c.powf(x)),
            };
            return self.give_line(node, index, at, line);
        }
        let (ones, zeros) = (vec![1.0; numbers.len()], vec![0.0; numbers.len()]);
        if node.operator == O::Add
            && let Some(hidden) = self.hides(node, numbers.iter().map(|x| *x <= HIDES))
        {
            let rest: Vec<f64> = numbers.iter().map(|x| if *x <= HIDES { 0.0 } else { *x }).collect();
            let adds = rest.iter().any(|x| *x != 0.0);
            if adds || at.2.is_none() || self.plan.steps[at.0].elements() != numbers.len() {
                let wire = self.wire(node, index)?;
                let mut step = self.broadcast(node, &wire)?;
                if adds {
                    step = self.affine(step, &ones, &rest)?;
                }
                self.give(node.outputs[0], step)?;
            } else {
                // A softmax takes a line in.
                self.give_lazy(node.outputs[0], at.0, at.1, at.2)?;
            }
            self.hidden.insert(node.outputs[0], hidden);
            return Ok(());
        }
        let negated = |numbers: &[f64]| numbers.iter().map(|x| -x).collect::<Vec<_>>();
        let (factors, shifts) = match (node.operator, constant) {
            (O::Add, _) => (ones, numbers),
            (O::Mul, _) => (numbers, zeros),
            (O::Sub, 1) => (ones, negated(&numbers)),
            (O::Sub, _) => (negated(&ones), numbers),
            (O::Div, 1) => (numbers.iter().map(|x| 1.0 / x).collect(), zeros),
            (O::Div, _) => {
                let wire = self.inverse(node, index)?;
                let step = self.broadcast(node, &wire)?;
                let step = self.affine(step, &numbers, &zeros)?;
                return self.give(node.outputs[0], step);
            }
            _ => return Err(refuse(node, "has bases or exponents that differ from number to number")),
        };
        let wire = self.wire(node, index)?;
        let step = self.broadcast(node, &wire)?;
        let step = self.affine(step, &factors, &shifts)?;
        self.give(node.outputs[0], step)
    }

    /// `a x + b` of an operand: within the linear step that makes it, or later, as a part of a function or by a step.
    pub(super) fn give_line(
        &mut self,
        node: &'g Node,
        index: usize,
        (step, of, line): OfStep,
        (a, b): (f64, f64),
    ) -> Lowered<()> {
        let is_plain = line == Some((1.0, 0.0));
        if is_plain && self.is_linear(step) {
            let wire = self.wire(node, index)?;
            let step = self.scaled(wire.step, a, b)?;
            return self.give(node.outputs[0], step);
        }
        let line = line.map(|(c, d)| (a * c, a * d + b));
        self.give_lazy(node.outputs[0], step, of.then(move |x| a * x + b), line)
    }

    /// `1 / x` of an operand.
    pub(super) fn inverse(&mut self, node: &'g Node, index: usize) -> Lowered<Wire> {
        let (step, of, _) = self.as_function(node, index)?;
        let id = self.operand(node, index)?;
        let shape = self.shape(id).to_vec();
        let step = self.tabled(step, &of.then(f64::recip), 0)?;
        Ok(Wire { step, shape, lazy: None })
    }

    fn both_computed(&mut self, node: &'g Node) -> Lowered<()> {
        use Operator as O;
        self.refuse_integers(node)?;
        if self.as_one(node)? {
            return Ok(());
        }
        if node.operator == O::Pow {
            // exp(b log a)
            let (step, of, _) = self.as_function(node, 0)?;
            let shape = self.shape(self.operand(node, 0)?).to_vec();
            let step = self.tabled(step, &of.then(f64::ln), 0)?;
            let b = self.wire(node, 1)?;
            let (a, b) = (self.broadcast(node, &Wire { step, shape, lazy: None })?, self.broadcast(node, &b)?);
            let product = self.product(a, b);
            return self.give_lazy(node.outputs[0], product, Function::new(f64::exp), None);
        }
        let a = self.wire(node, 0)?;
        let b = if node.operator == O::Div { self.inverse(node, 1)? } else { self.wire(node, 1)? };
        let (a, mut b) = (self.broadcast(node, &a)?, self.broadcast(node, &b)?);
        if node.operator == O::Sub {
            b = self.scaled(b, -1.0, 0.0)?;
        }
        let step = match node.operator {
            O::Add | O::Sub => self.sum(a, b)?,
            _ => self.product(a, b),
        };
        self.give(node.outputs[0], step)
    }

    /// Two functions of the same step are one. Whether they are.
    fn as_one(&mut self, node: &'g Node) -> Lowered<bool> {
        use Operator as O;
        let (a, b) = (self.as_function(node, 0)?, self.as_function(node, 1)?);
        let plain = Some((1.0, 0.0));
        let shapes = [self.operand(node, 0)?, self.operand(node, 1)?].map(|id| self.shape(id).to_vec());
        let alike = a.0 == b.0 && shapes[0] == shapes[1] && shapes[0] == self.shape(node.outputs[0]);
        // A product of a number with itself is exact without a table, unless it is a part of a function of that number.
        let is_square = a.2 == plain && b.2 == plain && node.operator != O::Div;
        let goes_on = is_square && node.operator == O::Mul && self.goes_on(node.outputs[0], a.0);
        if !alike || (is_square && !goes_on) {
            return Ok(false);
        }
        let line = match (node.operator, a.2, b.2) {
            (O::Add, Some((a, b)), Some((c, d))) => Some((a + c, b + d)),
            (O::Sub, Some((a, b)), Some((c, d))) => Some((a - c, b - d)),
            _ => None,
        };
        let both: fn(f64, f64) -> f64 = match node.operator {
            O::Add => |a, b| a + b,
            O::Sub => |a, b| a - b,
            O::Mul => |a, b| a * b,
            O::Div => |a, b| a / b,
            _ => f64::powf,
        };
        self.give_lazy(node.outputs[0], a.0, a.1.with(&b.1, both), line)?;
        Ok(true)
    }

    /// Whether a value is read by nothing but arithmetic with other functions of a step.
    fn goes_on(&self, value: ValueId, step: usize) -> bool {
        use Operator as O;
        let reads = |input: &Option<Operand>| matches!(input, Some(Operand::Value(id)) if *id == value);
        let mut readers = self.graph.nodes().iter().filter(|node| node.inputs.iter().any(reads)).peekable();
        let of_step = |node: &Node| {
            let mut others = node.inputs.iter().filter(|input| !reads(input));
            let other = |input: &Option<Operand>| match input {
                Some(Operand::Value(id)) => self.wires.get(id).is_some_and(|wire| wire.step == step),
                _ => false,
            };
            matches!(node.operator, O::Add | O::Sub | O::Mul | O::Div) && others.next().is_some_and(other)
        };
        readers.peek().is_some() && readers.all(of_step) && !self.graph.outputs().contains(&value)
    }

    /// The product of two steps of as many numbers.
    pub(super) fn product(&mut self, a: usize, b: usize) -> usize {
        let (a, b, dims) = self.alike(a, b);
        self.push(vec![a, b], dims, Work::Mul, Then::Nothing)
    }

    pub(super) fn sum(&mut self, a: usize, b: usize) -> Lowered<usize> {
        let (a, b, dims) = self.alike(a, b);
        Ok(self.push(vec![a, b], dims, Work::Add, Then::Nothing))
    }

    /// Two steps of as many numbers, with the same dimensions.
    pub(super) fn alike(&mut self, a: usize, b: usize) -> (usize, usize, Vec<u32>) {
        let (a, b) = (self.centered(a), self.centered(b));
        let (wide, other) = (self.plan.steps[a].dims.len() >= self.plan.steps[b].dims.len(), [a, b]);
        let dims = self.plan.steps[other[usize::from(!wide)]].dims.clone();
        let (a, b) = (self.shaped(a, &dims), self.shaped(b, &dims));
        (a, b, dims)
    }

    /// What a node reads, repeated to the shape of what it makes.
    pub(super) fn broadcast(&mut self, node: &Node, wire: &Wire) -> Lowered<usize> {
        let shape = self.shape(node.outputs[0]).to_vec();
        if shape.iter().product::<usize>() == self.plan.steps[wire.step].elements() {
            return Ok(wire.step);
        }
        let indices = crate::model::graph::broadcast_indices(&wire.shape, &shape);
        let dims = dims_of(node, &shape)?;
        Ok(self.copy(wire.step, dims, indices.into_iter().map(|i| i as u32).collect()))
    }

    pub(super) fn batch_normalization(&mut self, node: &'g Node) -> Lowered<usize> {
        let Wire { step, shape, .. } = self.wire(node, 0)?;
        let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|index| self.floats(node, index));
        let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
        let epsilon = f64::from(node.attributes.float("epsilon").unwrap_or(1e-5));
        let channels = shape.get(1).copied().unwrap_or(0);
        if scale.len() != channels || channels == 0 {
            return Err(refuse(node, format!("normalizes a tensor of shape {shape:?}, which has other channels")));
        }
        let factor = |c: usize| scale[c] / (variance[c] + epsilon).sqrt();
        let spread = |of: &dyn Fn(usize) -> f64| by_channel(&shape, of);
        let (factors, shifts) = (spread(&factor), spread(&|c| bias[c] - mean[c] * factor(c)));
        self.affine(step, &factors, &shifts)
    }

    /// `then` on what a step computes: within the step, or by one more.
    pub(super) fn activated(&mut self, step: usize, then: Then) -> usize {
        let of = &self.plan.steps[step];
        if then == Then::Relu && of.nonnegative {
            return step;
        }
        if of.activates() && of.then == Then::Nothing && self.is_sole(step, None) {
            self.forget(step);
            let of = &mut self.plan.steps[step];
            of.then = then;
            of.nonnegative = of.nonnegative || then.low() >= 0.0;
            self.forget(step);
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
        self.scaled(step, of("alpha", alpha), of("beta", beta))
    }

    /// Functions of two straight lines; with one slope for all, they are tables with a corner at an entry.
    pub(super) fn pieces(&mut self, node: &'g Node) -> Lowered<usize> {
        let n = self.shape(node.outputs[0]).iter().product::<usize>();
        let slopes = match node.operator {
            Operator::PRelu => self.along(node, 1)?,
            _ => vec![f64::from(node.attributes.float("alpha").unwrap_or(0.01)); n],
        };
        let (step, of, _) = self.as_function(node, 0)?;
        if node.operator == Operator::HardSwish {
            return self.tabled(step, &of.then(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)), 0);
        }
        if is_uniform(1, &slopes) {
            let slope = slopes[0];
            return self.tabled(step, &of.then(move |x| if x < 0.0 { slope * x } else { x }), 0);
        }
        // slope * x + (1 - slope) * max(x, 0)
        let wire = self.wire(node, 0)?;
        let step = self.centered(wire.step);
        let zeros = vec![0.0; n];
        let dims = self.plan.steps[step].dims.clone();
        let positive = self.push(vec![step], dims, Work::Pass, Then::Relu);
        let line = self.affine(step, &slopes, &zeros)?;
        let rest: Vec<f64> = slopes.iter().map(|slope| 1.0 - slope).collect();
        let positive = self.affine(positive, &rest, &zeros)?;
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
        let n = self.plan.steps[a].elements();
        if self.constant(node, 1 - at).is_some() {
            let bounds = self.along(node, 1 - at)?;
            if is_uniform(1, &bounds) {
                let then = match (sign > 0.0, bounds[0]) {
                    (true, 0.0) => Then::Relu,
                    (true, low) => Then::Clip(low, f64::INFINITY),
                    (false, high) => Then::Clip(f64::NEG_INFINITY, high),
                };
                return Ok(self.activated(a, then));
            }
        }
        let a = self.centered(a);
        // sign * (b - a)
        let difference = if self.constant(node, 1 - at).is_some() {
            let shifts: Vec<f64> = self.along(node, 1 - at)?.iter().map(|x| sign * x).collect();
            self.line(a, &vec![-sign; n], &shifts)?
        } else {
            let wire = self.wire(node, 1 - at)?;
            let b = self.broadcast(node, &wire)?;
            let b = self.centered(b);
            let zeros = vec![0.0; n];
            let minus = self.line(a, &vec![-sign; n], &zeros)?;
            let plus = self.line(b, &vec![sign; n], &zeros)?;
            self.sum(plus, minus)?
        };
        let positive = self.activated(difference, Then::Relu);
        let positive = self.scaled(positive, sign, 0.0)?;
        self.sum(a, positive)
    }
}
