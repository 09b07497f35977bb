//! Multiplications with fixed bases: multiples of every base are tabulated, so that all windows
//! share one row of buckets.

use ark_bn254::{Fr, G1Affine};
use rayon::prelude::*;

use super::{
    backend::Backend,
    digits::{SCALAR_BITS, Shifted, Windows, bucket_cost},
    grid,
    point::{Base, RAW_IDENTITY, RawPoint, Ref},
    scalar,
};

/// `2^(c w) P_i` for every base P_i and window w, where c is the width of a window.
///
/// Takes `64 * len * (255 / c + 1)` bytes: 2.8 MB for 2048 bases and c = 12. Beyond some 2^13 bases
/// the table leaves the caches and [`super::msm()`] is as fast.
#[derive(Clone)]
pub struct FixedBase {
    windows: Windows,
    len: usize,
    /// Window by window, `len` points each.
    table: Vec<RawPoint>,
}

impl std::fmt::Debug for FixedBase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The bases may be a model's quotient points, which are secret if its weights are.
        let Self { windows, len, table: _ } = self;
        f.debug_struct("FixedBase").field("windows", windows).field("len", len).finish()
    }
}

impl FixedBase {
    /// Tabulates the bases, with the window width that suits multiplications by all of them.
    ///
    /// Takes 254 doublings per base.
    #[must_use]
    pub fn new<B: Base>(bases: &[B]) -> Self {
        let cost = |c: usize| ((SCALAR_BITS + 1) / c + 1) * bases.len() + bucket_cost(c);
        Self::with_width(bases, (2..=16).min_by_key(|c| cost(*c)).unwrap_or(2))
    }

    /// [`Self::new`] with windows of `c` bits, limited to 2..=16.
    #[must_use]
    pub fn with_width<B: Base>(bases: &[B], c: usize) -> Self {
        let windows = Windows::new(c.clamp(2, 16), SCALAR_BITS);
        let raw = B::raw(bases);
        let columns: Vec<Vec<RawPoint>> = raw.par_chunks(256).map(|bases| multiples(bases, &windows)).collect();
        let mut table = Vec::with_capacity(raw.len() * windows.count);
        for w in 0..windows.count {
            for column in &columns {
                let n = column.len() / windows.count;
                table.extend_from_slice(&column[w * n..(w + 1) * n]);
            }
        }
        Self { windows, len: raw.len(), table }
    }

    /// Window by window, the multiples of the bases.
    pub(super) fn into_table(self) -> Vec<RawPoint> {
        self.table
    }

    /// The number of bases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The size of the table in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        std::mem::size_of_val(&self.table[..])
    }

    /// Whether there are no bases.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The point additions that so many terms of one sum take.
    pub(crate) fn additions(&self, terms: usize) -> usize {
        terms * self.windows.count + bucket_cost(self.windows.c)
    }

    /// `sum_i scalars[i] * base_i` over the scalars given, or over the bases if these are fewer.
    pub fn msm(&self, scalars: &[Fr]) -> G1Affine {
        self.msm_many(&[scalars])[0]
    }

    /// Several [`Self::msm`]s in one pass.
    #[must_use]
    pub fn msm_many(&self, jobs: &[&[Fr]]) -> Vec<G1Affine> {
        self.msm_many_with(Backend::active(), jobs)
    }

    /// [`Self::msm_many`] on a given backend.
    #[must_use]
    pub fn msm_many_with(&self, backend: Backend, jobs: &[&[Fr]]) -> Vec<G1Affine> {
        let jobs = jobs.iter().map(|scalars| scalars.iter().copied().enumerate().collect());
        self.msm_sparse_with(backend, &jobs.collect::<Vec<_>>())
    }

    /// `sum scalar * base_index` over `(index, scalar)` terms, for every job. Terms beyond the
    /// bases are ignored.
    #[must_use]
    pub fn msm_sparse(&self, jobs: &[Vec<(usize, Fr)>]) -> Vec<G1Affine> {
        self.msm_sparse_with(Backend::active(), jobs)
    }

    /// [`Self::msm_sparse`] on a given backend.
    #[must_use]
    pub fn msm_sparse_with(&self, backend: Backend, jobs: &[Vec<(usize, Fr)>]) -> Vec<G1Affine> {
        let jobs: Vec<Vec<(Ref, Shifted)>> = jobs
            .iter()
            .map(|terms| {
                let usable = terms.iter().filter(|(i, _)| *i < self.len && self.table[*i] != RAW_IDENTITY);
                usable.map(|(i, scalar)| (*i as Ref, self.windows.shift(scalar))).collect()
            })
            .collect();
        let size = jobs.iter().map(Vec::len).sum::<usize>() * self.windows.count;
        let shape = (jobs.len(), self.windows.c);
        let sums = grid::accumulate(backend, &self.table, shape, size, |job| {
            jobs[job].iter().flat_map(|(i, shifted)| {
                (0..self.windows.count).map(move |w| {
                    let at = w as Ref * self.len as Ref + i;
                    (self.windows.digit(shifted, w), at << 1)
                })
            })
        });
        sums.weighted(jobs.len(), 1)
    }
}

/// `2^(c w) P` for all bases, window by window.
fn multiples(bases: &[RawPoint], windows: &Windows) -> Vec<RawPoint> {
    // The identity stays the identity; the other points have odd order and never become it.
    let used: Vec<usize> = (0..bases.len()).filter(|i| bases[*i] != RAW_IDENTITY).collect();
    let mut at: Vec<RawPoint> = used.iter().map(|i| bases[*i]).collect();
    let itself: Vec<[Ref; 2]> = (0..used.len() as Ref).map(|i| [i << 1, i << 1]).collect();
    let mut doubled = at.clone();
    let mut table = bases.to_vec();
    for _ in 1..windows.count {
        for _ in 0..windows.c {
            scalar::add_pairs(&at, &itself, &mut doubled);
            std::mem::swap(&mut at, &mut doubled);
        }
        let start = table.len();
        table.resize(start + bases.len(), RAW_IDENTITY);
        for (i, point) in used.iter().zip(&at) {
            table[start + i] = *point;
        }
    }
    table
}
