//! N6: `Zlo_s E_s X_s`, the terms on a committed port.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use zeroize::Zeroizing;

use super::interval::{Values, line, mul, scale};
use crate::mle;

/// The terms on one committed port while variables are being fixed. Secret.
pub(super) struct TensorRounds {
    e: Vec<Fr>,
    x: Zeroizing<Vec<Fr>>,
    /// `prod (1 - r_i)` over the low variables fixed so far.
    z: Fr,
    /// Low variables left.
    low: usize,
    /// The sum over all coefficients, while low variables are left.
    sum: Fr,
}

impl TensorRounds {
    /// `e` and `x` over the coefficients of the tensor, `x` at level `low`.
    pub(super) fn new(e: Vec<Fr>, x: &[Fr], low: usize) -> Self {
        let sum = e.iter().zip(x).map(|(e, x)| *e * x).sum();
        Self { e, x: Zeroizing::new(x.to_vec()), z: Fr::ONE, low, sum }
    }

    /// The contribution to `e(0), e(2), e(3)`.
    pub(super) fn message(&self) -> Values {
        if self.low > 0 {
            return scale(line(Fr::ONE, -Fr::ONE), self.z * self.sum);
        }
        let at = |table: &[Fr], i: usize| table.get(i).copied().unwrap_or_default();
        let pair = |table: &[Fr], i: usize| line(at(table, 2 * i), at(table, 2 * i + 1) - at(table, 2 * i));
        let mut out = [Fr::ZERO; 3];
        for i in 0..self.e.len().max(self.x.len()).div_ceil(2) {
            let product = mul(pair(&self.e, i), pair(&self.x, i));
            out.iter_mut().zip(product).for_each(|(o, p)| *o += p);
        }
        scale(out, self.z)
    }

    /// Fixes the next variable to `r`.
    pub(super) fn fix(&mut self, r: Fr) {
        if self.low > 0 {
            self.low -= 1;
            self.z *= Fr::ONE - r;
            return;
        }
        mle::fold(&mut self.e, r);
        mle::fold(&mut self.x, r);
    }

    /// `X_s~` at the point, once all variables are fixed.
    pub(super) fn evaluation(&self) -> Fr {
        self.x.first().copied().unwrap_or_default()
    }
}
