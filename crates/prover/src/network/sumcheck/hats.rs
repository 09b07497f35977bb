//! N6: the part of the sum in which `G` and `Y` meet: `Zlo [- G (ZB Y + ZBP) + l_Y ZT Y]`.
//!
//! `Zlo` is 1 where the low `lo` variables are 0: while these are fixed the term is one line,
//! afterwards a product of tables of length `b`.

use core::fmt;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::encoding::signed;
use crate::mle;

/// The term while variables are being fixed. Secret.
pub(crate) struct HatRounds {
    /// `ZB, ZBP, l_Y ZT`.
    public: [Vec<Fr>; 3],
    g: Zeroizing<Vec<Fr>>,
    y: Zeroizing<Vec<Fr>>,
    /// `prod (1 - r_i)` over the low variables fixed so far.
    z: Fr,
    /// Low variables left.
    low: usize,
    /// The sum over all positions, while low variables are left.
    sum: Fr,
}

impl fmt::Debug for HatRounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HatRounds")
    }
}

impl HatRounds {
    pub(crate) fn new(public: [Vec<Fr>; 3], g: &[Fr], y: &[Fr], lo: usize) -> Self {
        let (g, y) = (Zeroizing::new(g.to_vec()), Zeroizing::new(y.to_vec()));
        let mut this = Self { public, g, y, z: Fr::ONE, low: lo, sum: Fr::ZERO };
        let entries = this.public[0].len().min(this.g.len()).min(this.y.len());
        this.sum = (0..entries).map(|q| this.at(q, Fr::ZERO)).sum();
        this
    }

    /// The term between the entries `q` and `q + 1`.
    fn at(&self, q: usize, x: Fr) -> Fr {
        let value = |t: &[Fr]| {
            let low = t.get(q).copied().unwrap_or_default();
            if x == Fr::ZERO { low } else { low + x * (t.get(q + 1).copied().unwrap_or_default() - low) }
        };
        let (g, y) = (value(&self.g), value(&self.y));
        let [segments, public, link] = [0, 1, 2].map(|i| value(&self.public[i]));
        link * y - g * (segments * y + public)
    }

    /// The contribution to `e(0), e(2), e(3)`.
    pub(crate) fn message(&self) -> [Fr; 3] {
        if self.low > 0 {
            // 1 - x at 0, 2, 3.
            return [1, -1, -2].map(|line| signed(line) * self.z * self.sum);
        }
        let points = [0u64, 2, 3].map(Fr::from);
        let pairs = self.public[0].len().div_ceil(2);
        let sums = (0..pairs).into_par_iter().with_min_len(256).map(|pair| points.map(|x| self.at(2 * pair, x)));
        let sums = sums.reduce(|| [Fr::ZERO; 3], |a, b| core::array::from_fn(|i| a[i] + b[i]));
        sums.map(|sum| self.z * sum)
    }

    /// Fixes the next variable to `r`.
    pub(crate) fn fix(&mut self, r: Fr) {
        if self.low > 0 {
            self.low -= 1;
            self.z *= Fr::ONE - r;
            return;
        }
        self.public.iter_mut().for_each(|t| mle::fold(t, r));
        mle::fold(&mut self.g, r);
        mle::fold(&mut self.y, r);
    }

    /// `G~, Y~` at the point, once all variables are fixed.
    pub(crate) fn evaluations(&self) -> [Fr; 2] {
        [&self.g, &self.y].map(|t| t.first().copied().unwrap_or_default())
    }
}
