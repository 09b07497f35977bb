//! Rows of buckets: `sum_v v B_v` for every row, where B_v sums the points with digit v.
//!
//! Instead of a running sum over the buckets, which is serial, the buckets whose number has bit
//! j set are summed up for every j, all in one batch: `sum_v v B_v = sum_j 2^j sum_{v: bit j} B_v`;
//! before that, the buckets with one low half of v, and those with one high half, are summed up.
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

/// The sums over buckets of several rows, to be weighted by the bits of the bucket numbers.
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
            Unit { row, buckets: per_row * s / segments..per_row * (s + 1) / segments }
        })
        .collect();
    let work = |units: &[Unit]| {
        let buckets: Vec<_> = units.iter().map(|unit| unit.buckets.clone()).collect();
        let sums = bit_sums(backend, src, &buckets, bits, &mut Scratch::default(), || {
            let rows = units.iter().map(|unit| unit.row).enumerate();
            rows.flat_map(|(i, row)| entries(row).map(move |(digit, r)| (i, digit, r)))
        });
        units.iter().zip(sums.chunks(bits)).map(|(u, s)| (u.row, s.to_vec())).collect()
    };
    let parts = if tasks == 1 {
        work(&units)
    } else {
        let chunk = units.len().div_ceil(tasks).max(1);
        units.par_chunks(chunk).map(work).collect::<Vec<Vec<_>>>().concat()
    };
    BitSums { bits, parts }
}

/// For every row and every bit j < `bits`, the sum of its buckets whose number v has bit j set.
///
/// `rows` says which buckets of a row are wanted, by index v - 1; `entries()` gives `(row,
/// digit, reference)` as for [`accumulate`] and is called twice. Entries of other buckets and
/// zero digits are skipped.
pub(crate) fn bit_sums<I>(
    backend: Backend,
    src: &[RawPoint],
    rows: &[Range<usize>],
    bits: usize,
    scratch: &mut Scratch,
    entries: impl Fn() -> I,
) -> Vec<RawPoint>
where
    I: Iterator<Item = (usize, i32, Ref)>,
{
    let width = rows.iter().map(Range::len).max().unwrap_or(0);
    let lists = Lists::sort(rows.len() * width, || {
        entries().filter_map(|(row, digit, r)| {
            let bucket = (digit.unsigned_abs() as usize).wrapping_sub(1);
            rows[row].contains(&bucket).then(|| (row * width + bucket - rows[row].start, r ^ Ref::from(digit < 0)))
        })
    });
    let buckets = lists.sum(backend, src, scratch);
    // v = high * 2^low + rest: twice as many additions as buckets give the sums by rest and by high, and the bits of v
    // are bits of one of them.
    let low = bits / 2;
    let (rests, highs) = (1usize << low, (1usize << (bits - 1 - low)) + 1);
    let mut lists = Lists::default();
    for (row, range) in rows.iter().enumerate() {
        let filled = |v: usize| {
            let at = row * width + v.wrapping_sub(1 + range.start);
            (range.contains(&v.wrapping_sub(1)) && buckets[at] != RAW_IDENTITY).then_some((at as Ref) << 1)
        };
        let end = range.end + 1;
        for rest in 0..rests {
            let first = if rest == 0 { end } else { range.start / rests * rests + rest };
            lists.push((first..end).step_by(rests).filter_map(filled));
        }
        for high in 0..highs {
            let values = if high == 0 { 0..0 } else { high * rests..((high + 1) * rests).min(end) };
            lists.push(values.filter_map(filled));
        }
    }
    let groups = lists.sum(backend, &buckets, scratch);
    let mut lists = Lists::default();
    for at in (0..rows.len()).map(|row| row * (rests + highs)) {
        let filled = |i: usize| (groups[at + i] != RAW_IDENTITY).then_some(((at + i) as Ref) << 1);
        for bit in 0..low {
            lists.push((0..rests).filter(|rest| rest >> bit & 1 == 1).filter_map(filled));
        }
        for bit in 0..bits - low {
            lists.push((0..highs).filter(|high| high >> bit & 1 == 1).map(|high| rests + high).filter_map(filled));
        }
    }
    lists.sum(backend, &groups, scratch)
}

impl BitSums {
    /// For every group of `per_group` consecutive rows: `sum_k 2^(bits k) sum_v v B_{k,v}`.
    pub(crate) fn weighted(&self, groups: usize, per_group: usize) -> Vec<G1Affine> {
        let mut sums = vec![Vec::new(); groups * per_group * self.bits];
        for (row, part) in &self.parts {
            for (bit, sum) in part.iter().enumerate().filter(|(_, sum)| **sum != RAW_IDENTITY) {
                sums[row * self.bits + bit].push(*sum);
            }
        }
        let totals: Vec<G1Projective> = sums
            .par_chunks(per_group * self.bits)
            .map(|sums| {
                double_and_add(
                    sums.iter().map(|sums| sums.iter().fold(G1Projective::ZERO, |total, sum| total + from_raw(sum))),
                )
            })
            .collect();
        G1Projective::normalize_batch(&totals)
    }
}

/// `sum_i 2^i sums[i]`.
pub(crate) fn double_and_add(sums: impl DoubleEndedIterator<Item = G1Projective>) -> G1Projective {
    sums.rev().fold(G1Projective::ZERO, |mut total, sum| {
        total.double_in_place();
        total + sum
    })
}
