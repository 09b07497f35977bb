//! §10, M3: the rounds of the terms that tie committed tensors to the wires.
//!
//! `Z(k) E_s(p) X_s(p)`: `Z` is 1 for sample 0 only, so while the sample variables are fixed the
//! term is one line, and afterwards a product of two short tables.

use core::fmt;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use zeroize::Zeroizing;

use crate::mle;

/// One side while variables are being fixed.
struct Term {
    /// `E_s` with its weight and sign, up to the end of the tensor.
    e: Vec<Fr>,
    /// `X_s`, coefficients of the masked tensor.
    x: Zeroizing<Vec<Fr>>,
}

impl Term {
    /// `sum_pairs E(x) X(x)` at `x = 0, 2, 3`.
    fn message(&self) -> [Fr; 3] {
        let mut out = [Fr::ZERO; 3];
        let pair = |t: &[Fr]| (t[0], t.get(1).copied().unwrap_or_default() - t[0]);
        for (e, x) in self.e.chunks(2).zip(self.x.chunks(2)) {
            let ((e, de), (x, dx)) = (pair(e), pair(x));
            for (o, at) in out.iter_mut().zip([0u64, 2, 3].map(Fr::from)) {
                *o += (e + at * de) * (x + at * dx);
            }
        }
        out
    }

    /// `sum_p E(p) X(p)`.
    fn sum(&self) -> Fr {
        self.e.iter().zip(self.x.iter()).map(|(e, x)| *e * x).sum()
    }
}

/// The terms of all committed sides. Secret.
pub(crate) struct CommittedRounds {
    terms: Vec<Term>,
    /// `prod (1 - r_i)` over the sample variables fixed so far.
    z: Fr,
    /// Sample variables left.
    samples: usize,
}

impl fmt::Debug for CommittedRounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommittedRounds")
    }
}

impl CommittedRounds {
    /// From `(E_s, X_s)` per side; `kappa` sample variables come first.
    pub(crate) fn new(sides: impl IntoIterator<Item = (Vec<Fr>, Zeroizing<Vec<Fr>>)>, kappa: usize) -> Self {
        let terms = sides.into_iter().map(|(e, x)| Term { e, x }).collect();
        Self { terms, z: Fr::ONE, samples: kappa }
    }

    /// The contribution to `e(0), e(2), e(3)`.
    pub(crate) fn message(&self) -> [Fr; 3] {
        let mut out = [Fr::ZERO; 3];
        for term in &self.terms {
            let message = match self.samples {
                0 => term.message(),
                // 1 - x at 0, 2, 3.
                _ => [1, -1, -2].map(|line| crate::encoding::signed(line) * term.sum()),
            };
            out.iter_mut().zip(message).for_each(|(o, m)| *o += self.z * m);
        }
        out
    }

    /// Fixes the next variable to `r`.
    pub(crate) fn fix(&mut self, r: Fr) {
        if self.samples > 0 {
            self.samples -= 1;
            self.z *= Fr::ONE - r;
            return;
        }
        for term in &mut self.terms {
            mle::fold(&mut term.e, r);
            mle::fold(&mut term.x, r);
        }
    }

    /// `X_s~` at the point, once all variables are fixed.
    pub(crate) fn evaluations(&self) -> Vec<Fr> {
        self.terms.iter().map(|t| t.x.first().copied().unwrap_or_default()).collect()
    }
}
