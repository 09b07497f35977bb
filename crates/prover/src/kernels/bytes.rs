//! Byte columns: `sum_a v_a P_a` together with the sums of the points of every value.
//!
//! With S_v the sum of the points whose byte is v, the column's commitment is `sum_v v S_v`, and
//! that of `1 / (beta + v_a)` is `sum_v S_v / (beta + v)`: 256 terms instead of one per row.

use ark_bn254::{Fr, G1Affine};
use rayon::prelude::*;

use super::{
    backend::Backend,
    digits::{SCALAR_BITS, additions, window_bits},
    grid,
    lists::{Lists, Scratch},
    msm::msm_many_with,
    point::{Base, RAW_IDENTITY, RawPoint, Ref, from_raw},
};

/// Values of a byte.
const VALUES: usize = 256;

/// The sums S_v of one column.
#[derive(Clone)]
pub struct ByteBuckets {
    sums: Vec<RawPoint>,
}

impl std::fmt::Debug for ByteBuckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The sums tell a column's contents, which are secret.
        f.debug_struct("ByteBuckets").finish_non_exhaustive()
    }
}

impl ByteBuckets {
    /// Buckets of several columns over the same bases; every column is cut to the bases.
    ///
    /// `total`, the sum of all bases, spares summing up the points of value 0 (usually the most
    /// frequent one); it must be what it says, and then every column must have as many rows as
    /// there are bases.
    #[must_use]
    pub fn new<B: Base>(bases: &[B], columns: &[&[u8]], total: Option<&G1Affine>) -> Vec<Self> {
        Self::new_with(Backend::active(), bases, columns, total)
    }

    /// [`Self::new`] on a given backend.
    #[must_use]
    pub fn new_with<B: Base>(backend: Backend, bases: &[B], columns: &[&[u8]], total: Option<&G1Affine>) -> Vec<Self> {
        let src = B::raw(bases);
        let first = u8::from(total.is_some());
        let one = |column: &&[u8]| {
            let mut scratch = Scratch::default();
            let lists = Lists::sort(VALUES, || {
                let rows = column.iter().zip(&*src).enumerate();
                rows.filter(|(_, (v, point))| **v >= first && **point != RAW_IDENTITY)
                    .map(|(a, (v, _))| (usize::from(*v), (a as Ref) << 1))
            });
            let mut sums = lists.sum(backend, &src, &mut scratch);
            if let Some(total) = total {
                // S_0 = total - sum of the others.
                let mut points = sums.clone();
                points[0] = super::point::to_raw(total);
                let mut lists = Lists::default();
                let kept = points.iter().enumerate().filter(|(_, p)| **p != RAW_IDENTITY);
                lists.push(kept.map(|(v, _)| (v as Ref) << 1 | Ref::from(v > 0)));
                sums[0] = lists.sum(backend, &points, &mut scratch)[0];
            }
            Self { sums }
        };
        columns.par_iter().map(one).collect()
    }

    /// S_v, the sum of the bases of the rows with byte `v`.
    pub fn sum(&self, v: u8) -> G1Affine {
        from_raw(&self.sums[usize::from(v)])
    }

    /// S_0..S_255, to be multiplied by [`super::msm_many`]; coordinates may be unreduced.
    #[must_use]
    pub fn sums(&self) -> &[RawPoint] {
        &self.sums
    }

    /// `sum_v v S_v` for every column: the commitments of the bytes themselves.
    #[must_use]
    pub fn commit(columns: &[Self]) -> Vec<G1Affine> {
        Self::commit_with(Backend::active(), columns)
    }

    /// [`Self::commit`] on a given backend.
    #[must_use]
    pub fn commit_with(backend: Backend, columns: &[Self]) -> Vec<G1Affine> {
        let points: Vec<RawPoint> = columns.iter().flat_map(|c| c.sums.iter().copied()).collect();
        // Buckets up to 255 need a row of 256, which is one for digits of 9 bits.
        let sums = grid::accumulate(backend, &points, (columns.len(), 9), points.len(), |c| {
            let points = &points;
            (1..VALUES)
                .map(move |v| (v, c * VALUES + v))
                .filter_map(move |(v, at)| (points[at] != RAW_IDENTITY).then_some((v as i32, (at as Ref) << 1)))
        });
        sums.weighted(columns.len(), 1)
    }

    /// `sum_v weights[v] S_v` for every column, in one pass over all columns.
    #[must_use]
    pub fn combine(columns: &[Self], weights: &[Fr; VALUES]) -> Vec<G1Affine> {
        Self::combine_with(Backend::active(), columns, weights)
    }

    /// [`Self::combine`] on a given backend.
    #[must_use]
    pub fn combine_with(backend: Backend, columns: &[Self], weights: &[Fr; VALUES]) -> Vec<G1Affine> {
        Self::combine_each(backend, columns, weights)
    }

    /// [`Self::combine`] of columns that are anywhere.
    pub(crate) fn combine_each<'a>(
        backend: Backend,
        columns: impl IntoIterator<Item = &'a Self>,
        weights: &[Fr; VALUES],
    ) -> Vec<G1Affine> {
        // Most columns have few values, and as many sums.
        let filled: Vec<(Vec<RawPoint>, Vec<Fr>)> = columns
            .into_iter()
            .map(|c| c.sums.iter().zip(weights).filter(|(s, _)| **s != RAW_IDENTITY).unzip())
            .collect();
        let jobs: Vec<(&[RawPoint], &[Fr])> = filled.iter().map(|(sums, weights)| (&sums[..], &weights[..])).collect();
        msm_many_with(backend, &jobs)
    }

    /// The point additions that [`Self::combine`] takes for this column.
    pub(crate) fn additions(&self) -> usize {
        let filled = self.sums.iter().filter(|sum| **sum != RAW_IDENTITY).count();
        additions(filled, SCALAR_BITS, window_bits(filled, SCALAR_BITS))
    }
}
