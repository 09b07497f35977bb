//! Whole numbers: rounding, remainders and shifted bits.

use super::{Lowered, Lowering, refuse};
use crate::model::{
    graph::{Node, Operator},
    network::plan::{Function, Then, Work},
};

/// Factors up to this one leave whole numbers of 16 bits exact.
const EXACT: f64 = 64.0;
/// Places that bits are moved to the right at most: numbers have 16 bits.
const MOST_PLACES: f64 = 16.0;

impl<'g> Lowering<'g> {
    /// `Floor`, `Ceil` and `Round`, whose results are whole numbers.
    pub(super) fn rounded(&mut self, node: &'g Node) -> Lowered<usize> {
        let step = self.wire(node, 0)?.step;
        match node.operator {
            Operator::Floor => Ok(self.whole(step, 1.0, 0.0)),
            Operator::Ceil => {
                let opposite = self.whole(step, -1.0, 0.0);
                self.line_of(opposite, (-1.0, 0.0))
            }
            _ => self.nearest(step),
        }
    }

    /// The nearest whole number, from the middle between two the even one: `floor(x / 2 + 1/4) - floor(1/4 - x / 2)`.
    pub(super) fn nearest(&mut self, step: usize) -> Lowered<usize> {
        let (half, other) = (self.whole(step, 0.5, 0.25), self.whole(step, -0.5, 0.25));
        let opposite = self.line_of(other, (-1.0, 0.0))?;
        self.sum(half, opposite)
    }

    /// The floor of `factor * x + shift`, where the factor is a power of two or the opposite of one.
    fn whole(&mut self, step: usize, factor: f64, shift: f64) -> usize {
        let step = self.centered(step);
        let n = self.plan.steps[step].elements() as u32;
        let (step, dims) = match self.free_dims(step, &[1, 1, n]) {
            Some(dims) => (step, dims),
            None => (self.shaped(step, &[1, 1, n]), vec![1, 1, n]),
        };
        self.push(vec![step], dims, Work::Floor { factor, shift }, Then::Nothing)
    }

    /// The whole part of every number. What lacks less than `margin` to the next whole number is that one.
    pub(super) fn towards_zero(&mut self, step: usize, margin: f64) -> Lowered<usize> {
        if self.plan.steps[step].nonnegative {
            return Ok(self.whole(step, 1.0, margin));
        }
        let step = self.centered(step);
        let zero = self.numbers(vec![0.0]);
        let above = self.at_least(step, zero);
        let (down, up) = (self.whole(step, 1.0, margin), self.whole(step, -1.0, margin));
        let (down, up) = (self.centered(down), self.line_of(up, (-1.0, 0.0))?);
        Ok(self.chosen(above, down, up))
    }

    /// Whole numbers times factors, without a loss if the results have 16 bits.
    fn times(&mut self, step: usize, factors: &[f64]) -> Lowered<usize> {
        let zeros = vec![0.0; factors.len()];
        if factors.iter().all(|factor| factor.abs() <= EXACT) {
            return self.line(step, factors, &zeros);
        }
        let step = self.line_of(step, (16.0, 0.0))?;
        let rest: Vec<f64> = factors.iter().map(|factor| factor / 16.0).collect();
        self.line(step, &rest, &zeros)
    }

    /// `a - b * floor(a / b)`, or with the quotient's whole part (`fmod`).
    pub(super) fn remainder(&mut self, node: &'g Node) -> Lowered<usize> {
        let truncates = node.attributes.int("fmod").unwrap_or(0) != 0;
        if self.constant(node, 1).is_none() {
            let (a, b) = (self.each(node, 0)?, self.each(node, 1)?);
            return self.remainder_of(a, b, truncates);
        }
        let divisors = self.along(node, 1)?;
        if divisors.contains(&0.0) {
            return Err(refuse(node, "divides by 0"));
        }
        let a = self.each(node, 0)?;
        let most = divisors.iter().fold(1.0f64, |most, b| most.max(b.abs()));
        // A quotient of whole numbers lacks at least `1 / |b|` to the next whole number, if it is none itself.
        let is_float = self.graph.value(node.outputs[0]).kind.element.is_float();
        let margin = if is_float { 0.0 } else { 0.5 / most };
        let shared = divisors[0];
        let is_shared = divisors.iter().all(|b| *b == shared);
        let quotient = if is_shared && shared.abs().log2().fract() == 0.0 && !truncates {
            self.whole(a, 1.0 / shared, 0.0)
        } else {
            let inverses: Vec<f64> = divisors.iter().map(|b| 1.0 / b).collect();
            let quotient = self.line(a, &inverses, &vec![0.0; inverses.len()])?;
            if truncates { self.towards_zero(quotient, margin)? } else { self.whole(quotient, 1.0, margin) }
        };
        let opposites: Vec<f64> = divisors.iter().map(|b| -b).collect();
        let back = self.times(quotient, &opposites)?;
        self.sum(a, back)
    }

    /// An operand as a step that has every number of what the node makes, in a scale of its own choice.
    fn each(&mut self, node: &'g Node, index: usize) -> Lowered<usize> {
        if self.constant(node, index).is_some() {
            let numbers = self.along(node, index)?;
            let dims = super::dims_of(node, &[numbers.len()])?;
            return Ok(self.push(vec![], dims, Work::Constant(numbers), Then::Nothing));
        }
        let wire = self.wire(node, index)?;
        let step = self.broadcast(node, &wire)?;
        Ok(self.centered(step))
    }

    /// The same with a computed divisor: the remainder of absolute values by a quotient that may be one too small or too
    /// great, which is mended, and then with its sign.
    fn remainder_of(&mut self, a: usize, b: usize, truncates: bool) -> Lowered<usize> {
        let (zero, other) = (self.numbers(vec![0.0]), self.numbers(vec![0.0]));
        let (a_above, b_above) = (self.at_least(a, zero), self.at_least(b, other));
        let (of, by) = (self.absolute(a)?, self.absolute(b)?);
        let inverse = self.tabled(by, &Function::new(f64::recip), 0)?;
        let quotient = self.product(of, inverse);
        let quotient = self.whole(quotient, 1.0, 0.0);
        let back = self.product(by, quotient);
        let minus = self.line_of(back, (-1.0, 0.0))?;
        let rest = self.sum(of, minus)?;
        let zero = self.numbers(vec![0.0]);
        let fits = self.at_least(rest, zero);
        let more = self.sum(rest, by)?;
        let rest = self.chosen(fits, rest, more);
        let exceeds = self.at_least(rest, by);
        let minus = self.line_of(by, (-1.0, 0.0))?;
        let less = self.sum(rest, minus)?;
        let rest = self.chosen(exceeds, less, rest);
        let opposite = self.line_of(rest, (-1.0, 0.0))?;
        if truncates {
            return Ok(self.chosen(a_above, rest, opposite));
        }
        // What is left to the divisor, which is nothing where nothing is left.
        let left = self.sum(by, opposite)?;
        let whole = self.at_least(left, by);
        let left = self.chosen(whole, zero, left);
        let minus = self.line_of(left, (-1.0, 0.0))?;
        let (positive, negative) = (self.chosen(a_above, rest, left), self.chosen(a_above, minus, opposite));
        Ok(self.chosen(b_above, positive, negative))
    }

    /// `max(x, 0) + max(-x, 0)`.
    fn absolute(&mut self, step: usize) -> Lowered<usize> {
        if self.plan.steps[step].nonnegative {
            return Ok(step);
        }
        let opposite = self.line_of(step, (-1.0, 0.0))?;
        let (above, below) = (self.line_of(step, (1.0, 0.0))?, self.activated(opposite, Then::Relu));
        let above = self.activated(above, Then::Relu);
        self.sum(above, below)
    }

    /// `BitShift` by a constant: times a power of two without what leaves a byte, or the floor of a quotient.
    pub(super) fn shifted_bits(&mut self, node: &'g Node) -> Lowered<usize> {
        if self.constant(node, 1).is_none() {
            return Err(refuse(node, "shifts by what the input decides"));
        }
        let by = self.along(node, 1)?;
        let bits = 8 * self.graph.value(node.outputs[0]).kind.element.width();
        let Some(&places) = by.first().filter(|first| by.iter().all(|other| other == *first)) else {
            return Err(refuse(node, "shifts by numbers that differ from place to place"));
        };
        if places >= (bits as f64).min(MOST_PLACES + 1.0) {
            return Err(refuse(node, format!("shifts by {places}; numbers have 16 bits, and these {bits}")));
        }
        let step = self.each(node, 0)?;
        if node.attributes.text("direction") == Some("RIGHT") {
            return Ok(self.whole(step, (-places).exp2(), 0.0));
        }
        let made = self.times(step, &vec![places.exp2(); by.len()])?;
        if bits > 8 {
            // What leaves two bytes is out of range, and refused as that.
            return Ok(made);
        }
        let lost = self.whole(step, (places - 8.0).exp2(), 0.0);
        let back = self.times(lost, &vec![-256.0; by.len()])?;
        self.sum(made, back)
    }

    /// `IsNaN` and `IsInf`: integers mean finite numbers, all of them.
    pub(super) fn never(&mut self, node: &'g Node) -> Lowered<()> {
        let (step, ..) = self.as_function(node, 0)?;
        self.give_lazy(node.outputs[0], step, Function::new(|_| 0.0), Some((0.0, 0.0)))
    }
}
