//! §3: the model commitment and its quotient points, from SRS powers alone.
//!
//! Every point is a sum of weights times SRS powers. Weights are signed bytes, so the powers are
//! sorted by |weight| into 127 buckets, the buckets are summed by batched affine additions
//! ([`crate::kernels`]) and weighted once at the end: one addition per weight and point.
//! Biases go to further buckets by their signed base-256 digits.

#[cfg(test)]
mod tests;

use ark_bn254::{G1Affine, G1Projective};
use ark_ec::CurveGroup;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use crate::{
    circuit::{WeightRow, WeightRows},
    kernels::{
        Backend, Base, RAW_IDENTITY, RawPoint,
        digits::Windows,
        from_raw,
        grid::{bit_sums, double_and_add},
        lists::Scratch,
        point::Ref,
    },
    keys::Level,
};

/// Bits of a digit; weights are digits of their own, buckets 1..=128 hold them.
const DIGIT: usize = 8;
/// Bits of a bias without its sign, `2^31` included.
const BIAS: usize = 32;
/// Weights handled in one go: it bounds memory (a few MB per thread, beside the SRS) and keeps
/// the part of the SRS that is read at random in the last-level cache.
const CHUNK: usize = 1 << 15;

/// A committed model. The quotient points are secret when the weights are.
#[derive(Clone)]
pub struct ModelCommitment {
    /// `[sum_i X^{b i} F_i]_1`, not blinded: the caller adds `omega [1]_1`.
    pub c_f: G1Affine,
    /// One level: `P_0..P_{R-2}`. Two levels: `O_1, O_2, ..`, then `O_{c,e}` by `c`, then `e`.
    pub quotient_points: Vec<G1Affine>,
}

impl core::fmt::Debug for ModelCommitment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ModelCommitment").field("c_f", &self.c_f).finish_non_exhaustive()
    }
}

/// Rows `from..to`, the first one shifted to block 0: `[sum_i X^{b (i - from)} F_i]_1`.
#[derive(Clone, Copy)]
struct Span {
    from: usize,
    to: usize,
}

/// The model commitment alone.
///
/// # Panics
/// If `powers` has fewer than `b(R-1) + act` entries.
pub fn commit_model<B: Base>(rows: &WeightRows, powers: &[B]) -> G1Affine {
    let whole = Span { from: 0, to: rows.rows.len() };
    sum_rows(rows, &B::raw(powers), whole).into_affine()
}

/// The model commitment and all quotient points of `level`.
///
/// # Panics
/// If `powers` has fewer than `b(R-1) + act` entries.
pub fn commit<B: Base>(rows: &WeightRows, powers: &[B], level: Level) -> ModelCommitment {
    let powers = B::raw(powers);
    let whole = Span { from: 0, to: rows.rows.len() };
    let spans: Vec<Span> = std::iter::once(whole).chain(spans(rows.rows.len(), level)).collect();
    let sums: Vec<G1Projective> = spans.par_iter().with_max_len(1).map(|span| sum_rows(rows, &powers, *span)).collect();
    let mut points = G1Projective::normalize_batch(&sums);
    let quotient_points = points.split_off(1);
    ModelCommitment { c_f: points[0], quotient_points }
}

/// The rows of every quotient point, in the order of [`ModelCommitment::quotient_points`].
fn spans(count: usize, level: Level) -> Vec<Span> {
    match level {
        Level::One => (1..count).map(|from| Span { from, to: count }).collect(),
        Level::Two { rho2 } => {
            let r2 = 1 << rho2;
            let outer = (r2..count).step_by(r2).map(|from| Span { from, to: count });
            let inner =
                (0..count).filter(|i| i % r2 != 0).map(|i| Span { from: i, to: ((i / r2 + 1) * r2).min(count) });
            outer.chain(inner).collect()
        }
    }
}

/// The commitment of some rows.
fn sum_rows(rows: &WeightRows, powers: &[RawPoint], span: Span) -> G1Projective {
    let windows = Windows::new(DIGIT, BIAS);
    let zero = || vec![G1Projective::ZERO; windows.count * DIGIT];
    let sums = chunks(&rows.rows, span)
        .par_iter()
        .with_max_len(1)
        .map_init(Scratch::default, |scratch, chunk| {
            let offset = rows.block * (chunk.from - span.from);
            let rows = Shifted { rows: &rows.rows[chunk.from..chunk.to], block: rows.block, offset };
            rows.bit_sums(powers, &windows, scratch)
        })
        .fold(zero, |mut sums, part| {
            for (sum, part) in sums.iter_mut().zip(&part).filter(|(_, p)| **p != RAW_IDENTITY) {
                *sum += from_raw(part);
            }
            sums
        })
        .reduce(zero, |a, b| a.into_iter().zip(b).map(|(a, b)| a + b).collect());
    double_and_add(sums.into_iter())
}

/// Parts of a span with about [`CHUNK`] weights each.
fn chunks(rows: &[WeightRow], span: Span) -> Vec<Span> {
    let mut chunks = Vec::new();
    let (mut from, mut size) = (span.from, 0);
    for (i, row) in rows.iter().enumerate().take(span.to).skip(span.from) {
        size += row.weights.len() + row.biases.len();
        if size >= CHUNK || i + 1 == span.to {
            chunks.push(Span { from, to: i + 1 });
            (from, size) = (i + 1, 0);
        }
    }
    chunks
}

/// Consecutive rows, the first of them at SRS power `offset`.
struct Shifted<'a> {
    rows: &'a [WeightRow],
    block: usize,
    offset: usize,
}

impl Shifted<'_> {
    /// The sums to be weighted by `2^i`, `i < 8 * windows`: weights in window 0, digits of
    /// biases in all windows.
    fn bit_sums(&self, powers: &[RawPoint], windows: &Windows, scratch: &mut Scratch) -> Vec<RawPoint> {
        let all = 0..windows.buckets();
        bit_sums(Backend::active(), powers, &vec![all; windows.count], DIGIT, scratch, || {
            self.rows.iter().enumerate().flat_map(|(i, row)| {
                let at = self.offset + i * self.block;
                let reference = move |p: u32| ((at + p as usize) as Ref) << 1;
                let weights = row.weights.iter();
                let weights = weights.map(move |(p, w)| (0, i32::from(*w), reference(*p)));
                weights.chain(row.biases.iter().flat_map(move |(p, bias)| {
                    let magnitude = u64::from(bias.unsigned_abs());
                    let shifted = windows.shift_limbs([magnitude, 0, 0, 0, 0]);
                    let r = reference(*p) | Ref::from(*bias < 0);
                    (0..windows.count).map(move |w| (w, windows.digit(&shifted, w), r))
                }))
            })
        })
    }
}
