//! Multi-scalar multiplications without tables.

use std::borrow::Cow;

use ark_bn254::{Fr, G1Affine};

use super::{
    backend::Backend,
    digits::{SCALAR_BITS, Shifted, Windows, window_bits, window_bits_of},
    grid,
    point::{Base, RAW_IDENTITY, RawPoint, Ref},
};

/// `sum_i scalars[i] * bases[i]`; the longer argument is cut to the shorter one.
///
/// Takes a time that depends on the scalars, as everything in this module.
pub fn msm<B: Base>(bases: &[B], scalars: &[Fr]) -> G1Affine {
    one(&msm_many(&[(bases, scalars)]))
}

/// Several [`msm`]s in one pass: small ones share inversions and threads.
#[must_use]
pub fn msm_many<B: Base>(jobs: &[(&[B], &[Fr])]) -> Vec<G1Affine> {
    msm_many_with(Backend::active(), jobs)
}

/// [`msm_many`] on a given backend.
#[must_use]
pub fn msm_many_with<B: Base>(backend: Backend, jobs: &[(&[B], &[Fr])]) -> Vec<G1Affine> {
    let jobs: Vec<_> = jobs
        .iter()
        .map(|(bases, scalars)| {
            let n = bases.len().min(scalars.len());
            (&bases[..n], &scalars[..n])
        })
        .collect();
    let src = match &jobs[..] {
        [(bases, _)] => B::raw(bases),
        _ => Cow::Owned(jobs.iter().flat_map(|(bases, _)| B::raw(bases).into_owned()).collect()),
    };
    let sizes: Vec<usize> = jobs.iter().map(|(bases, _)| bases.len()).collect();
    let windows = Windows::new(window_bits_of(&sizes, SCALAR_BITS), SCALAR_BITS);
    let shifted = jobs.iter().flat_map(|(_, s)| *s).map(|s| windows.shift(s)).collect();
    let mut end = 0;
    let spans: Vec<_> = jobs
        .iter()
        .map(|(bases, _)| {
            end += bases.len();
            (end - bases.len(), end)
        })
        .collect();
    run(backend, &windows, &src, &spans, shifted, |_| false)
}

/// `sum_i scalars[i] * bases[i]` for byte scalars; the longer argument is cut.
pub fn msm_u8<B: Base>(bases: &[B], scalars: &[u8]) -> G1Affine {
    msm_small(bases, scalars)
}

/// `sum_i scalars[i] * bases[i]` for scalars of at most 64 bits (`i8`, `i32`, `u32`, `i64`, ..):
/// the cost grows with the bits of the largest one. The longer argument is cut.
pub fn msm_small<B: Base, S: Copy + Into<i64> + Sync>(bases: &[B], scalars: &[S]) -> G1Affine {
    msm_small_with(Backend::active(), bases, scalars)
}

/// [`msm_small`] on a given backend.
pub fn msm_small_with<B, S>(backend: Backend, bases: &[B], scalars: &[S]) -> G1Affine
where
    B: Base,
    S: Copy + Into<i64> + Sync,
{
    let n = bases.len().min(scalars.len());
    let (bases, scalars) = (&bases[..n], &scalars[..n]);
    let magnitude = |s: &S| (*s).into().unsigned_abs();
    let largest = scalars.iter().map(magnitude).max().unwrap_or(0);
    let bits = (u64::BITS - largest.leading_zeros()) as usize;
    let windows = Windows::new(window_bits(n, bits), bits);
    let shifted = scalars.iter().map(|s| windows.shift_limbs([magnitude(s), 0, 0, 0, 0])).collect();
    let negative = |i: usize| scalars[i].into() < 0;
    one(&run(backend, &windows, &B::raw(bases), &[(0, n)], shifted, negative))
}

/// `sum_i scalars[i] * bases[i]` for scalars of 128 bits; the longer argument is cut.
pub fn msm_u128<B: Base>(bases: &[B], scalars: &[u128]) -> G1Affine {
    let n = bases.len().min(scalars.len());
    let bits = u128::BITS as usize;
    let windows = Windows::new(window_bits(n, bits), bits);
    let limbs = |s: &u128| windows.shift_limbs([*s as u64, (*s >> 64) as u64, 0, 0, 0]);
    let shifted = scalars[..n].iter().map(limbs).collect();
    one(&run(Backend::active(), &windows, &B::raw(&bases[..n]), &[(0, n)], shifted, |_| false))
}

/// The result of a single job.
fn one(sums: &[G1Affine]) -> G1Affine {
    sums.first().copied().unwrap_or_default()
}

/// For every span of indices (from, to): `sum_i +-s_i src[i]`, negative where `negative(i)`.
fn run(
    backend: Backend,
    windows: &Windows,
    src: &[RawPoint],
    spans: &[(usize, usize)],
    mut shifted: Vec<Shifted>,
    negative: impl Fn(usize) -> bool + Sync,
) -> Vec<G1Affine> {
    // The identity contributes nothing, whatever its scalar is.
    let zero = windows.shift_limbs([0; 5]);
    for (shifted, point) in shifted.iter_mut().zip(src) {
        if *point == RAW_IDENTITY {
            *shifted = zero;
        }
    }
    let rows = spans.len() * windows.count;
    let size = shifted.len() * windows.count;
    let sums = grid::accumulate(backend, src, (rows, windows.c), size, |row| {
        let (job, window) = (row / windows.count, row % windows.count);
        let (shifted, negative) = (&shifted, &negative);
        (spans[job].0..spans[job].1).map(move |i| {
            let sign = Ref::from(negative(i));
            (windows.digit(&shifted[i], window), (i as Ref) << 1 | sign)
        })
    });
    sums.weighted(spans.len(), windows.count)
}
