//! Public functions of positions while variables are being fixed.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use crate::mle;

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

    pub(super) fn fix(&mut self, r: Fr) {
        if self.start % 2 == 1 {
            self.values.insert(0, Fr::ZERO);
            self.start -= 1;
        }
        mle::fold(&mut self.values, r);
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
