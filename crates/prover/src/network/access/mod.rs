//! Accesses as functions of the position: [`dense`] tables for the prover, [`closed`] forms for the
//! verifier, from one description.
//!
//! The factor `sum_k mu^k` of the samples is the same for all of them and is applied by the caller.

pub(crate) mod closed;
pub(crate) mod dense;
#[cfg(test)]
mod tests;

use ark_bn254::Fr;
use ark_ff::Field;

use super::program::{Access, LANE, Monomial};

/// The views that an access reads, one without a lane: the view and the steps of the lane.
pub(crate) fn views(a: &Access) -> impl Iterator<Item = (usize, u32)> {
    let lane = lane(a).map_or((1, 0), |(size, stride, _)| (size, stride));
    let first = u32::from(a.view);
    (0..lane.0).map(move |i| ((first + i * lane.1) as usize, i))
}

/// Size, stride and weight of the lane of an access.
pub(crate) fn lane(a: &Access) -> Option<(u32, u32, Monomial)> {
    a.vars.iter().find_map(|v| v.target.filter(|t| t.0 == LANE).map(|(_, stride)| (v.size, stride, v.weight)))
}

/// The challenges that weigh accesses, with their inverses.
#[derive(Debug, Clone)]
pub(crate) struct Bases {
    alpha: (Fr, Fr),
    chi: (Fr, Fr),
    theta: (Fr, Fr),
}

impl Bases {
    /// `None` if one of them is 0.
    pub(crate) fn new(alpha: Fr, chi: Fr, theta: Fr) -> Option<Self> {
        let pair = |v: Fr| Some((v, v.inverse()?));
        Some(Self { alpha: pair(alpha)?, chi: pair(chi)?, theta: pair(theta)? })
    }

    /// The weight of `steps` steps of the lane of an access.
    pub(crate) fn lane(&self, a: &Access, steps: u32) -> Fr {
        lane(a).map_or(Fr::ONE, |(_, _, weight)| self.monomial(&weight).0.pow([u64::from(steps)]))
    }

    /// The value of a monomial and its inverse.
    pub(crate) fn monomial(&self, m: &Monomial) -> (Fr, Fr) {
        let mut out = (Fr::ONE, Fr::ONE);
        for ((base, inverse), e) in [(self.alpha, m.alpha), (self.chi, m.chi), (self.theta, m.theta)] {
            if e > 0 {
                out.0 *= base.pow([u64::from(e)]);
                out.1 *= inverse.pow([u64::from(e)]);
            }
        }
        out
    }
}

/// `sum_{i < n} base^i` in `O(log n)`.
pub(crate) fn geometric(base: Fr, n: u64) -> Fr {
    // (sum of 2^j terms, base^{2^j}); bits of n from the top.
    let (mut sum, mut power) = (Fr::from(0u64), Fr::ONE);
    for bit in (0..u64::BITS - n.leading_zeros()).rev() {
        sum += sum * power;
        power = power * power;
        if n >> bit & 1 == 1 {
            sum = sum * base + Fr::ONE;
            power *= base;
        }
    }
    sum
}
