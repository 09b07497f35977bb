//! Many multiples of one point.

use ark_bn254::{Fr, G1Affine};
use rayon::prelude::*;

use super::{
    backend::Backend,
    digits::{SCALAR_BITS, Windows},
    fixed::FixedBase,
    lists::{Lists, Scratch},
    point::{RAW_IDENTITY, RawPoint, Ref, canonical, to_raw},
    scalar,
};

/// Window width: the table, 2^12 points per window, stays in the last-level cache.
const WIDTH: usize = 13;
/// Multiples computed in one go.
const CHUNK: usize = 1 << 9;

/// `d 2^(13 w) P` for all windows w and digits d: a multiple of P is a sum of 20 of them.
#[derive(Clone)]
pub struct Multiples {
    windows: Windows,
    table: Vec<RawPoint>,
}

impl std::fmt::Debug for Multiples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Multiples").finish_non_exhaustive()
    }
}

impl Multiples {
    /// Tabulates 5.2 MB for a point.
    #[must_use]
    pub fn new(base: &G1Affine) -> Self {
        let windows = Windows::new(WIDTH, SCALAR_BITS);
        let table = if to_raw(base) == RAW_IDENTITY {
            Vec::new()
        } else {
            let firsts = FixedBase::with_width(&[*base], WIDTH).into_table();
            firsts.par_iter().flat_map_iter(|first| ladder(first, windows.buckets())).collect()
        };
        Self { windows, table }
    }

    /// `scalars[i] * P` for all i.
    #[must_use]
    pub fn of(&self, scalars: &[Fr]) -> Vec<RawPoint> {
        self.of_with(Backend::active(), scalars)
    }

    /// [`Self::of`] on a given backend.
    #[must_use]
    pub fn of_with(&self, backend: Backend, scalars: &[Fr]) -> Vec<RawPoint> {
        let windows = &self.windows;
        if self.table.is_empty() {
            return vec![RAW_IDENTITY; scalars.len()];
        }
        let sums = scalars.par_chunks(CHUNK).map_init(Scratch::default, |scratch, scalars| {
            let mut lists = Lists::default();
            for scalar in scalars {
                let shifted = windows.shift(scalar);
                lists.push((0..windows.count).filter_map(|w| {
                    let digit = windows.digit(&shifted, w);
                    // Entry d - 1 of a window is d times its first point.
                    let at = (w * windows.buckets()) as Ref + digit.unsigned_abs();
                    (digit != 0).then(|| (at - 1) << 1 | Ref::from(digit < 0))
                }));
            }
            lists.sum(backend, &self.table, scratch).iter().map(canonical).collect::<Vec<_>>()
        });
        sums.flatten_iter().collect()
    }
}

/// `1..=count` times a point that is not the identity, `count` being a power of two.
fn ladder(first: &RawPoint, count: usize) -> Vec<RawPoint> {
    let mut table = vec![*first];
    while table.len() < count {
        // From 1..=m to m+1..=2m: add m times the point (to itself, at last).
        let m = table.len() as Ref;
        let pairs: Vec<[Ref; 2]> = (0..m).map(|i| [i << 1, (m - 1) << 1]).collect();
        let mut next = vec![RAW_IDENTITY; table.len()];
        scalar::add_pairs(&table, &pairs, &mut next);
        table.append(&mut next);
    }
    table
}
