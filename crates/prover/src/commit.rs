//! §5, §6 M1, M2: commitments of the columns.
//!
//! A limb column has 256 possible entries, and so has its `H`: the SRS points are summed up per
//! byte once, and both commitments follow from these sums.

use core::fmt;
use core::ops::Range;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field, PrimeField};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::circuit::layout::TABLE;
use crate::columns::{LimbColumns, Mask};
use crate::kernels::{self, Backend, Base, ByteBuckets, FixedBase, RawPoint, repeated::merged};
use crate::sumcheck::inverses::Inverses;
use crate::sumcheck::masks::MaskColumns;

/// Powers of tau that get a table of multiples; the ones behind are multiplied without.
const TABULATED: usize = 1 << 12;

/// `[tau^i]_1` for the columns of a prover.
pub(crate) struct Powers {
    raw: Vec<RawPoint>,
    table: FixedBase,
}

impl fmt::Debug for Powers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Powers").field("len", &self.raw.len()).finish_non_exhaustive()
    }
}

fn sum(a: G1Affine, b: G1Affine) -> G1Affine {
    (G1Projective::from(a) + b).into_affine()
}

impl Powers {
    pub(crate) fn new<B: Base>(powers: &[B]) -> Self {
        let raw = B::raw(powers).into_owned();
        let table = FixedBase::new(&raw[..raw.len().min(TABULATED)]);
        Self { raw, table }
    }

    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    /// The powers themselves.
    pub(crate) fn raw(&self) -> &[RawPoint] {
        &self.raw
    }

    /// `[sum_i p_i X^i]_1` for several polynomials.
    pub(crate) fn commit(&self, polynomials: &[&[Fr]]) -> Vec<G1Affine> {
        let low: Vec<&[Fr]> = polynomials.iter().map(|p| &p[..p.len().min(self.table.len())]).collect();
        let (behind, rest) = (&self.raw[self.table.len()..], self.table.len());
        let long: Vec<(&[RawPoint], &[Fr])> =
            polynomials.iter().filter(|p| p.len() > rest).map(|p| (behind, &p[rest..])).collect();
        let (mut out, high) = rayon::join(|| self.table.msm_many(&low), || kernels::msm_many(&long));
        let longer = out.iter_mut().zip(polynomials).filter(|(_, p)| p.len() > rest);
        longer.zip(high).for_each(|((o, _), h)| *o = sum(*o, h));
        out
    }

    /// The same for one polynomial, most of whose coefficients may be small integers times one of `scales`: these cost a
    /// fraction of a full scalar.
    pub(crate) fn commit_small(&self, polynomial: &[Fr], scales: &[Fr]) -> G1Affine {
        let scales: Vec<(Fr, Fr)> = scales.iter().filter_map(|s| Some((*s, s.inverse()?))).collect();
        let mut groups = Zeroizing::new(vec![vec![0i64; polynomial.len()]; scales.len()]);
        let mut large = Zeroizing::new(vec![Vec::new()]);
        for (i, c) in polynomial.iter().enumerate().filter(|(_, c)| **c != Fr::ZERO) {
            let group = scales.iter().enumerate().find_map(|(g, (_, inverse))| Some((g, small(&(*c * inverse))?)));
            match group {
                Some((g, v)) => groups[g][i] = v,
                None => large[0].push((i, *c)),
            }
        }
        let group = |((scale, _), values): (&(Fr, Fr), &Vec<i64>)| {
            let start = values.iter().position(|v| *v != 0)?;
            let end = values.iter().rposition(|v| *v != 0)? + 1;
            let point = kernels::msm_small(&self.raw[start..end], &values[start..end]);
            Some(if *scale == Fr::ONE { point.into() } else { point * scale })
        };
        let groups = || scales.iter().zip(groups.iter()).filter_map(group).sum::<G1Projective>();
        let (small, large) = rayon::join(groups, || self.commit_sparse(&large)[0]);
        (small + large).into_affine()
    }

    /// The same for polynomials without low terms, as first exponent and coefficients.
    pub(crate) fn commit_ranges(&self, polynomials: &[(usize, &[Fr])]) -> Vec<G1Affine> {
        if polynomials.iter().all(|(start, p)| start + p.len() <= self.table.len()) {
            let terms = |(start, p): &(usize, &[Fr])| p.iter().enumerate().map(|(i, c)| (start + i, *c)).collect();
            let terms: Vec<Vec<(usize, Fr)>> = polynomials.iter().map(terms).collect();
            return self.table.msm_sparse(&Zeroizing::new(terms));
        }
        let jobs: Vec<(&[RawPoint], &[Fr])> =
            polynomials.iter().map(|(start, p)| (&self.raw[*start..start + p.len()], *p)).collect();
        // Secret: which scalars are equal tells what is looked up.
        let merged = |(points, scalars): &(&[RawPoint], &[Fr])| merged(Backend::active(), points, scalars);
        let merged: Vec<Option<(Vec<RawPoint>, Vec<Fr>)>> = jobs.iter().map(merged).collect();
        let jobs = jobs.iter().zip(&merged).map(|(job, merged)| match merged {
            Some((points, scalars)) => (&points[..], &scalars[..]),
            None => *job,
        });
        kernels::msm_many(&jobs.collect::<Vec<_>>())
    }

    /// The same for sparse polynomials, as `(exponent, coefficient)`.
    pub(crate) fn commit_sparse(&self, polynomials: &[Vec<(usize, Fr)>]) -> Vec<G1Affine> {
        let mut out = self.table.msm_sparse(polynomials);
        let behind = polynomials.iter().map(|p| p.iter().filter(|(i, _)| *i >= self.table.len()));
        for (o, terms) in out.iter_mut().zip(behind) {
            let (points, scalars): (Vec<RawPoint>, Vec<Fr>) = terms.map(|(i, s)| (self.raw[*i], *s)).unzip();
            if !points.is_empty() {
                *o = sum(*o, kernels::msm(&points, &scalars));
            }
        }
        out
    }
}

/// The integer that an element is, if its absolute value is below `2^32`.
fn small(c: &Fr) -> Option<i64> {
    let of = |c: &Fr| {
        let [low, rest @ ..] = c.into_bigint().0;
        (rest == [0; 3]).then(|| u32::try_from(low).ok().map(i64::from)).flatten()
    };
    of(c).or_else(|| of(&-*c).map(|v| -v))
}

/// How the commitments of `1 / (beta + v_a)` of columns of bytes `v` are made. By the sums of the powers of each value; or,
/// where a column has few bytes other than 0, by these rows alone, for which multiples are tabulated, and the sum of all.
pub(crate) struct Inverted<'a> {
    columns: Vec<Option<&'a ByteBuckets>>,
    /// Whether some column takes the sum of all.
    total: bool,
}

impl<'a> Inverted<'a> {
    /// Chooses for each column, and adds the rows of those that are made of them to `sparse`.
    pub(crate) fn new(
        powers: &Powers,
        rows: Range<usize>,
        columns: &[Vec<u8>],
        buckets: &'a [ByteBuckets],
        inverses: &[Fr; TABLE],
        sparse: &mut [Vec<(usize, Fr)>],
    ) -> Self {
        let differences: [Fr; TABLE] = core::array::from_fn(|v| inverses[v] - inverses[0]);
        let mut chosen = Vec::with_capacity(columns.len());
        for ((column, buckets), sparse) in columns.iter().zip(buckets).zip(sparse) {
            let bytes = &column[rows.clone()];
            let others = bytes.iter().filter(|v| **v != 0).count();
            if rows.end > powers.table.len() || powers.table.additions(others) >= buckets.additions() {
                chosen.push(Some(buckets));
                continue;
            }
            let bytes = bytes.iter().enumerate().filter(|(_, v)| **v != 0);
            sparse.extend(bytes.map(|(i, v)| (rows.start + i, differences[usize::from(*v)])));
            chosen.push(None);
        }
        Self { total: chosen.iter().any(Option::is_none), columns: chosen }
    }

    /// What is missing besides the rows; `total` is the sum of all powers.
    pub(crate) fn commit(&self, inverses: &[Fr; TABLE], total: &G1Affine) -> Vec<G1Affine> {
        let of_zero = if self.total { (*total * inverses[0]).into_affine() } else { G1Affine::identity() };
        let summed = self.columns.iter().copied().flatten();
        let mut summed = ByteBuckets::combine_each(Backend::active(), summed, inverses).into_iter();
        self.columns.iter().map(|c| if c.is_some() { summed.next().unwrap_or_default() } else { of_zero }).collect()
    }
}

/// The masks of some columns as sparse polynomials.
fn mask_terms(masks: &[Mask]) -> Vec<Vec<(usize, Fr)>> {
    masks.iter().map(|[m0, m1]| vec![(0, *m0), (1, *m1)]).collect()
}

/// M1: `C_L[0..=ell]`, and the sums of SRS points per byte. Secret: they determine the columns.
pub(crate) fn limbs(powers: &Powers, columns: &LimbColumns, total: &G1Affine) -> (Vec<G1Affine>, Vec<ByteBuckets>) {
    let rows = columns.size.first_real()..columns.size.real();
    let bytes: Vec<&[u8]> = columns.limbs.iter().map(|c| &c[rows.clone()]).collect();
    let buckets = ByteBuckets::new(&powers.raw[rows.clone()], &bytes, Some(total));
    let mut out = ByteBuckets::commit(&buckets);
    let counts = columns.multiplicities.iter().map(|m| i64::from(*m));
    let counts: Zeroizing<Vec<i64>> = Zeroizing::new(counts.collect());
    out.push(kernels::msm_small(&powers.raw[rows][..TABLE], &counts));
    let mut masks = Zeroizing::new(mask_terms(&columns.l_masks));
    for (index, row, delta) in columns.deltas() {
        if let Some(mask) = masks.get_mut(*index) {
            mask.push((*row, *delta));
        }
    }
    let masks = powers.commit_sparse(&masks);
    (out.into_iter().zip(masks).map(|(a, b)| sum(a, b)).collect(), buckets)
}

/// The sum of the powers of all real rows.
pub(crate) fn total(powers: &Powers, columns: crate::circuit::layout::Columns) -> G1Affine {
    let points = powers.raw[columns.first_real()..columns.real()].par_chunks(1 << 12);
    let sums = points.map(|points| kernels::msm_u8(points, &vec![1; points.len()]));
    sums.map(G1Projective::from).reduce(G1Projective::default, |a, b| a + b).into_affine()
}

/// M2: `C_H[0..=ell]` and `C_S1, C_S2, C_S3, C_S0`.
pub(crate) fn inverses_and_masks(
    powers: &Powers,
    columns: &LimbColumns,
    buckets: &[ByteBuckets],
    inverses: &Inverses,
    masks: &MaskColumns,
) -> (Vec<G1Affine>, [G1Affine; 4]) {
    let ell = columns.limbs.len();
    let mut sparse = Zeroizing::new(mask_terms(&columns.h_masks));
    sparse[ell].extend(inverses.table.iter().enumerate().map(|(row, h)| (columns.size.first_real() + row, *h)));
    for (index, row, delta) in columns.deltas() {
        if *index > ell {
            sparse[index - ell - 1].push((*row, *delta));
        }
    }
    for k in 0..4 {
        sparse.push(masks.support.iter().zip(masks.values.iter()).map(|(a, v)| (*a, v[k])).collect());
    }
    let (dense, mut sparse) =
        rayon::join(|| ByteBuckets::combine(buckets, &inverses.of_byte), || powers.commit_sparse(&sparse));
    let c_s = core::array::from_fn(|k| sparse[ell + 1 + k]);
    sparse.truncate(ell + 1);
    sparse.iter_mut().zip(dense).for_each(|(s, d)| *s = sum(*s, d));
    (sparse, c_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::{Layout, Saturation, Shape};
    use crate::randomness::Randomness;
    use crate::statement::PublicValues;
    use crate::testing;
    use crate::witness::Witness;

    /// Commitments equal those of the columns written out as field elements, with and without
    /// powers behind the table.
    #[test]
    fn commitments_are_those_of_the_dense_columns() {
        let shape = Shape::new(vec![7, 9, 4, 3], Some(vec![Saturation::Narrow; 2])).unwrap();
        let weights = testing::weights(&shape, 5);
        for samples in [1usize, 3, 19] {
            let size = Layout::new(&shape).columns(samples).unwrap();
            let mut randomness = Randomness::from_seed([1; 32]);
            let values: Vec<PublicValues> = (0..samples)
                .map(|k| PublicValues { inputs: vec![k as u16 * 3; 7], ..PublicValues::default() })
                .collect();
            let witnesses: Vec<Witness> =
                values.iter().map(|v| Witness::new(&weights, &v.inputs, 0).unwrap()).collect();
            let columns = LimbColumns::new(&shape, size, &values, &witnesses, &mut randomness);
            let masks = MaskColumns::new(size, &mut randomness);
            let beta = testing::tau();
            let inverses = Inverses::new(&columns, beta).unwrap();
            let powers = Powers::new(&testing::powers(size.real()));
            let (c_l, buckets) = limbs(&powers, &columns, &total(&powers, size));
            let (c_h, c_s) = inverses_and_masks(&powers, &columns, &buckets, &inverses, &masks);

            let ell = shape.limbs();
            let dense = |column: &dyn Fn(usize) -> Fr| {
                let scalars: Vec<Fr> = (0..size.real()).map(column).collect();
                kernels::msm(&testing::powers(size.real()), &scalars)
            };
            let first = size.first_real();
            let zero = Fr::from(0u64);
            for c in 0..ell {
                assert_eq!(c_l[c], dense(&|a| if a < 2 { columns.l_masks[c][a] } else { columns.limbs[c][a].into() }));
                let h = |a: usize| inverses.of_byte[usize::from(columns.limbs[c][a])];
                assert_eq!(
                    c_h[c],
                    dense(&|a| if a < 2 {
                        columns.h_masks[c][a]
                    } else if a < first {
                        zero
                    } else {
                        h(a)
                    })
                );
            }
            let counted = |a: usize| (first..first + TABLE).contains(&a);
            assert_eq!(
                c_l[ell],
                dense(&|a| match a {
                    0 | 1 => columns.l_masks[ell][a],
                    _ if counted(a) => columns.multiplicities[a - first].into(),
                    _ => zero,
                })
            );
            let h = |a: usize| Fr::from(columns.multiplicities[a - first]) / (beta + Fr::from((a % 256) as u64));
            assert_eq!(
                c_h[ell],
                dense(&|a| match a {
                    0 | 1 => columns.h_masks[ell][a],
                    _ if counted(a) => h(a),
                    _ => zero,
                })
            );
            for (k, point) in c_s.iter().enumerate() {
                let at = |a: usize| masks.support.iter().position(|s| *s == a).map_or(zero, |j| masks.values[j][k]);
                assert_eq!(*point, dense(&at));
            }
        }
    }
}
