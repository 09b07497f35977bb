//! §5, §9: the sparse mask columns `S_0..S_3`.

use core::fmt;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use zeroize::{Zeroize, Zeroizing};

use crate::circuit::layout::Columns;
use crate::mle;
use crate::randomness::Randomness;

/// The support `U`, ascending, up to the last real row.
pub(crate) fn support(size: Columns) -> Vec<usize> {
    support_below(size.variables(), size.real())
}

/// The support `U` of columns with `2^l` rows, restricted to `a < end`.
///
/// `end` must reach everything that a proof commits to or injects: what lies behind the masks in the
/// last coefficients of the folds is revealed by them.
pub(crate) fn support_below(l: usize, end: usize) -> Vec<usize> {
    let powers = (0..l).flat_map(|i| (0..8usize).map(move |j| j << i));
    let middle = (0..4).map(|j| (1 << l) / 2 + j);
    let mut rows: Vec<usize> = powers.chain(middle).filter(|a| *a < end).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Sparse columns on a common support; entry `j` of column `k` is `values[j][k]`. Secret.
pub(crate) struct MaskColumns {
    pub(crate) support: Vec<usize>,
    /// `S_1, S_2, S_3, S_0` per row of the support.
    pub(crate) values: Zeroizing<Vec<[Fr; 4]>>,
}

impl fmt::Debug for MaskColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskColumns")
    }
}

impl MaskColumns {
    pub(crate) fn new(size: Columns, randomness: &mut Randomness) -> Self {
        Self::on(support(size), randomness)
    }

    /// Fresh entries on `support`.
    pub(crate) fn on(support: Vec<usize>, randomness: &mut Randomness) -> Self {
        let values = Zeroizing::new(support.iter().map(|_| randomness.scalars()).collect());
        Self { support, values }
    }

    /// Adds `sum_k weights_k S_k` (in the order `S_1, S_2, S_3, S_0`) to a polynomial.
    pub(crate) fn add_to(&self, p: &mut Vec<Fr>, weights: [Fr; 4]) {
        let end = self.support.last().map_or(0, |a| a + 1);
        if p.len() < end {
            p.resize(end, Fr::ZERO);
        }
        for (a, values) in self.support.iter().zip(self.values.iter()) {
            p[*a] += weights.iter().zip(values).map(|(w, v)| *w * v).sum::<Fr>();
        }
    }

    /// `sigma = sum_a S_1(a) + a S_2(a) + a^2 S_3(a)`.
    pub(crate) fn sigma(&self) -> Fr {
        let term = |(a, [s1, s2, s3, _]): (&usize, &[Fr; 4])| {
            let a = Fr::from(*a as u64);
            *s1 + a * (*s2 + a * s3)
        };
        self.support.iter().zip(self.values.iter()).map(term).sum()
    }

    /// `S_k~(r)`, in the order `S_1, S_2, S_3, S_0`.
    pub(crate) fn evaluate(&self, r: &[Fr]) -> [Fr; 4] {
        let mut out = [Fr::ZERO; 4];
        for (a, values) in self.support.iter().zip(self.values.iter()) {
            let weight = mle::eq_index(*a, r);
            for (o, v) in out.iter_mut().zip(values) {
                *o += weight * v;
            }
        }
        out
    }
}

/// `zeta (S_1 + I S_2 + I^2 S_3)` while variables are being fixed.
pub(crate) struct MaskRounds {
    /// `(row, [S_1, S_2, S_3])`, ascending rows.
    entries: Vec<(usize, [Fr; 3])>,
    zeta: Fr,
    /// `sum_{t<i} 2^t r_t` and `2^i` after `i` rounds.
    offset: Fr,
    step: Fr,
}

impl fmt::Debug for MaskRounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskRounds")
    }
}

impl Drop for MaskRounds {
    fn drop(&mut self) {
        self.entries.iter_mut().for_each(|(_, s)| s.zeroize());
    }
}

impl MaskRounds {
    pub(crate) fn new(columns: &MaskColumns, zeta: Fr) -> Self {
        let entries = columns.support.iter().zip(columns.values.iter());
        let entries = entries.map(|(a, [s1, s2, s3, _])| (*a, [*s1, *s2, *s3])).collect();
        Self { entries, zeta, offset: Fr::ZERO, step: Fr::ONE }
    }

    /// The contribution to `e(0), e(2), e(3)`.
    pub(crate) fn message(&self) -> [Fr; 3] {
        let mut out = [Fr::ZERO; 3];
        for pair in self.entries.chunk_by(|a, b| a.0 / 2 == b.0 / 2) {
            let (mut low, mut high) = ([Fr::ZERO; 3], [Fr::ZERO; 3]);
            for (row, values) in pair {
                *(if row % 2 == 0 { &mut low } else { &mut high }) = *values;
            }
            let base = self.offset + self.step * Fr::from((pair[0].0 / 2 * 2) as u64);
            for (o, x) in out.iter_mut().zip([0u64, 2, 3].map(Fr::from)) {
                let [s1, s2, s3] = core::array::from_fn(|k| low[k] + x * (high[k] - low[k]));
                let i = base + self.step * x;
                *o += s1 + i * (s2 + i * s3);
            }
        }
        out.map(|e| e * self.zeta)
    }

    /// Fixes the next variable to `r`.
    pub(crate) fn fix(&mut self, r: Fr) {
        let mut next: Vec<(usize, [Fr; 3])> = Vec::with_capacity(self.entries.len());
        for (row, values) in &mut self.entries {
            let weight = if *row % 2 == 0 { Fr::ONE - r } else { r };
            let scaled = values.map(|v| v * weight);
            match next.last_mut() {
                Some((at, sum)) if *at == *row / 2 => {
                    sum.iter_mut().zip(scaled).for_each(|(s, v)| *s += v);
                }
                _ => next.push((*row / 2, scaled)),
            }
            values.zeroize();
        }
        self.entries = next;
        self.offset += self.step * r;
        self.step.double_in_place();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::{Layout, Shape};

    /// The rounds of the masks alone, against dense columns.
    #[test]
    fn rounds_are_those_of_the_dense_columns() {
        let size = Layout::new(&Shape::new(vec![3, 2], None).unwrap()).columns(2).unwrap();
        let mut randomness = Randomness::from_seed([2; 32]);
        let columns = MaskColumns::new(size, &mut randomness);
        let zeta = randomness.scalar();
        let mut rounds = MaskRounds::new(&columns, zeta);
        let mut dense: [Vec<Fr>; 3] = core::array::from_fn(|_| vec![Fr::ZERO; size.n()]);
        for (a, values) in columns.support.iter().zip(columns.values.iter()) {
            (0..3).for_each(|k| dense[k][*a] = values[k]);
        }
        let mut index: Vec<Fr> = (0..size.n() as u64).map(Fr::from).collect();
        let at = |table: &[Fr], pair: usize, x: Fr| table[2 * pair] + x * (table[2 * pair + 1] - table[2 * pair]);
        let mut claim = zeta * columns.sigma();
        let mut point = Vec::new();
        for _ in 0..size.variables() {
            let e = |x: u64| {
                let x = Fr::from(x);
                let term = |pair: usize| {
                    let i = at(&index, pair, x);
                    at(&dense[0], pair, x) + i * (at(&dense[1], pair, x) + i * at(&dense[2], pair, x))
                };
                zeta * (0..index.len() / 2).map(term).sum::<Fr>()
            };
            assert_eq!(e(0) + e(1), claim);
            assert_eq!(rounds.message(), [e(0), e(2), e(3)]);
            let r = randomness.scalar();
            claim = crate::sumcheck::verify::cubic(claim, &rounds.message(), r);
            rounds.fix(r);
            dense.iter_mut().for_each(|d| mle::fold(d, r));
            mle::fold(&mut index, r);
            point.push(r);
        }
        assert_eq!(columns.evaluate(&point)[..3], [dense[0][0], dense[1][0], dense[2][0]]);
    }
}
