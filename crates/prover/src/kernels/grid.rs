//! Rows of buckets: `sum_v v B_v` for every row, where B_v sums the points with digit v.
//!
//! Instead of a running sum over the buckets, which is serial, the buckets whose number has bit
//! j set are summed up for every j, all in one batch: `sum_v v B_v = sum_j 2^j sum_{v: bit j} B_v`.
//! What is left is one chain of doublings over all bits of the scalar.

use std::ops::Range;

use ark_bn254::{G1Affine, G1Projective};
use ark_ec::CurveGroup;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use super::{
    backend::Backend,
    lists::{Lists, Scratch},
    point::{RAW_IDENTITY, RawPoint, Ref, from_raw},
};

/// Entries that justify a task of their own: below, its inversions cost more than it saves.
const TASK: usize = 2048;

/// Part of a row: a range of its buckets.
struct Unit {
    row: usize,
    buckets: Range<usize>,
}

/// The sums over buckets of `rows` rows, to be weighted by the bits of the bucket numbers.
pub(crate) struct BitSums {
    /// Bits per row.
    bits: usize,
    /// A row's number and one sum per bit. Several parts of one row are to be added.
    parts: Vec<(usize, Vec<RawPoint>)>,
}

/// Sorts the entries of `rows` rows into buckets and sums them up.
///
/// `entries(row)` gives `(digit, reference)`; digits are in `-2^(bits-1)..=2^(bits-1)`, those
/// of negative sign count with the point negated. It is called several times. `size` estimates
/// the number of entries of all rows.
pub(crate) fn accumulate<I>(
    backend: Backend,
    src: &[RawPoint],
    (rows, bits): (usize, usize),
    size: usize,
    entries: impl Fn(usize) -> I + Sync,
) -> BitSums
where
    I: Iterator<Item = (i32, Ref)>,
{
    let per_row = 1 << (bits - 1);
    let tasks = (size / TASK).clamp(1, rayon::current_num_threads());
    let segments = tasks.div_ceil(rows.max(1)).min(per_row);
    let units: Vec<Unit> = (0..rows * segments)
        .map(|u| {
            let (row, s) = (u / segments, u % segments);
            Unit {
                row,
                buckets: per_row * s / segments..per_row * (s + 1) / segments,
            }
        })
        .collect();
    let work = |units: &[Unit]| {
        let mut scratch = Scratch::default();
        let width = units
            .first()
            .map_or(0, |u| u.buckets.len() + usize::from(segments > 1));
        let lists = Lists::sort(units.len() * width, || {
            units.iter().enumerate().flat_map(|(i, unit)| {
                let Range { start, end } = unit.buckets;
                entries(unit.row).filter_map(move |(digit, r)| {
                    let bucket = (digit.unsigned_abs() as usize).wrapping_sub(1);
                    (start <= bucket && bucket < end)
                        .then(|| (i * width + bucket - start, r ^ Ref::from(digit < 0)))
                })
            })
        });
        let buckets = lists.sum(backend, src, &mut scratch);
        let sums = bit_sums(backend, &buckets, units, width, bits, &mut scratch);
        units
            .iter()
            .zip(sums.chunks(bits))
            .map(|(u, s)| (u.row, s.to_vec()))
            .collect()
    };
    let parts = if tasks == 1 {
        work(&units)
    } else {
        let chunk = units.len().div_ceil(tasks).max(1);
        units
            .par_chunks(chunk)
            .map(work)
            .collect::<Vec<Vec<_>>>()
            .concat()
    };
    BitSums { bits, parts }
}

/// For every unit and every bit j, the sum of its buckets whose number v has bit j set.
fn bit_sums(
    backend: Backend,
    buckets: &[RawPoint],
    units: &[Unit],
    width: usize,
    bits: usize,
    scratch: &mut Scratch,
) -> Vec<RawPoint> {
    let mut lists = Lists::default();
    for (i, unit) in units.iter().enumerate() {
        for bit in 0..bits {
            lists.push(
                unit.buckets
                    .clone()
                    .filter(|b| (b + 1) >> bit & 1 == 1)
                    .filter_map(|b| {
                        let at = i * width + b - unit.buckets.start;
                        (buckets[at] != RAW_IDENTITY).then_some((at as Ref) << 1)
                    }),
            );
        }
    }
    lists.sum(backend, buckets, scratch)
}

impl BitSums {
    /// For every group of `per_group` consecutive rows: `sum_k 2^(bits k) sum_v v B_{k,v}`.
    pub(crate) fn weighted(&self, groups: usize, per_group: usize) -> Vec<G1Affine> {
        let mut sums = vec![Vec::new(); groups * per_group * self.bits];
        for (row, part) in &self.parts {
            for (bit, sum) in part
                .iter()
                .enumerate()
                .filter(|(_, sum)| **sum != RAW_IDENTITY)
            {
                sums[row * self.bits + bit].push(*sum);
            }
        }
        let totals: Vec<G1Projective> = sums
            .par_chunks(per_group * self.bits)
            .map(|sums| {
                let mut total = G1Projective::ZERO;
                for sums in sums.iter().rev() {
                    total.double_in_place();
                    for sum in sums {
                        total += from_raw(sum);
                    }
                }
                total
            })
            .collect();
        G1Projective::normalize_batch(&totals)
    }
}
