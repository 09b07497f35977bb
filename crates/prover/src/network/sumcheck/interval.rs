//! Public functions of positions while variables are being fixed, and what they are multiplied with.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use crate::wide::Products;

/// A function on an interval of positions that starts at an index, while variables are being fixed.
#[derive(Debug, Default)]
pub(super) struct Interval {
    pub(super) start: usize,
    pub(super) values: Vec<Fr>,
}

impl Interval {
    pub(super) fn at(&self, p: usize) -> Fr {
        p.checked_sub(self.start).and_then(|i| self.values.get(i)).copied().unwrap_or_default()
    }

    pub(super) fn end(&self) -> usize {
        self.start + self.values.len()
    }

    pub(super) fn scale(&mut self, by: Fr) {
        self.values.iter_mut().for_each(|v| *v *= by);
    }

    /// Fixes the next variable to `r`. Most functions are constant somewhere.
    pub(super) fn fix(&mut self, r: Fr) {
        if self.start % 2 == 1 {
            self.values.insert(0, Fr::ZERO);
            self.start -= 1;
        }
        let half = self.values.len().div_ceil(2);
        for i in 0..half {
            let low = self.values[2 * i];
            let high = self.values.get(2 * i + 1).copied().unwrap_or_default();
            self.values[i] = if low == high { low } else { low + r * (high - low) };
        }
        self.values.truncate(half);
        self.start /= 2;
    }
}

/// The values at 0, 2, 3 of a polynomial in the variable that is being summed.
pub(super) type Values = [Fr; 3];

pub(super) fn add(a: Values, b: Values) -> Values {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(super) fn mul(a: Values, b: Values) -> Values {
    [a[0] * b[0], a[1] * b[1], a[2] * b[2]]
}

pub(super) fn scale(a: Values, by: Fr) -> Values {
    [a[0] * by, a[1] * by, a[2] * by]
}

/// The values at 0, 2, 3 of the line `v + x d`.
pub(super) fn line(v: Fr, d: Fr) -> Values {
    let two = v + d + d;
    [v, two, two + d]
}

/// A polynomial of degree 1: its values at 0 and 1.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    pub(super) low: Fr,
    pub(super) high: Fr,
}

impl Line {
    pub(super) fn new(low: Fr, high: Fr) -> Self {
        Self { low, high }
    }

    pub(super) fn step(self) -> Fr {
        self.high - self.low
    }

    pub(super) fn is_zero(self) -> bool {
        self.low == Fr::ZERO && self.high == Fr::ZERO
    }

    pub(super) fn values(self) -> Values {
        line(self.low, self.step())
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }

    pub(super) fn times(self, by: Fr) -> Self {
        Self { low: self.low * by, high: self.high * by }
    }

    /// The product of two lines.
    pub(super) fn product(self, other: Self) -> Quadratic {
        let lead = self.step() * other.step();
        Quadratic { zero: self.low * other.low, one: self.high * other.high, lead }
    }
}

impl zeroize::Zeroize for Line {
    fn zeroize(&mut self) {
        self.low.zeroize();
        self.high.zeroize();
    }
}

/// A polynomial of degree 2: its values at 0 and 1, and its leading coefficient.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quadratic {
    pub(super) zero: Fr,
    pub(super) one: Fr,
    pub(super) lead: Fr,
}

impl Quadratic {
    /// The values at 0, 2, 3.
    pub(super) fn values(self) -> Values {
        let Self { zero, one, lead } = self;
        // Differences of neighbouring values grow by twice the leading coefficient.
        let twice = lead.double();
        let slope = one - zero + twice;
        let two = one + slope;
        [zero, two, two + slope + twice]
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { zero: self.zero + other.zero, one: self.one + other.one, lead: self.lead + other.lead }
    }

    pub(super) fn minus_line(self, line: Line) -> Self {
        Self { zero: self.zero - line.low, one: self.one - line.high, lead: self.lead }
    }

    pub(super) fn times(self, by: Fr) -> Self {
        Self { zero: self.zero * by, one: self.one * by, lead: self.lead * by }
    }
}

/// A sum of products of two lines, or of weighted quadratics, reduced once.
#[derive(Clone, Copy, Default)]
pub(super) struct QuadraticSum {
    zero: Products,
    one: Products,
    lead: Products,
}

impl QuadraticSum {
    #[inline(always)]
    pub(super) fn add(&mut self, a: Line, b: Line) {
        self.zero.add(&a.low, &b.low);
        self.one.add(&a.high, &b.high);
        self.lead.add(&a.step(), &b.step());
    }

    /// Adds `by * line`.
    pub(super) fn add_line(&mut self, line: Line, by: Fr) {
        self.zero.add(&line.low, &by);
        self.one.add(&line.high, &by);
    }

    /// Adds `by * q`.
    pub(super) fn add_times(&mut self, q: Quadratic, by: Fr) {
        self.zero.add(&q.zero, &by);
        self.one.add(&q.one, &by);
        self.lead.add(&q.lead, &by);
    }

    pub(super) fn sum(&self) -> Quadratic {
        Quadratic { zero: self.zero.sum(), one: self.one.sum(), lead: self.lead.sum() }
    }
}
