//! Batches of affine additions with one inversion, one addition at a time: the reference for the
//! vector kernel, its fallback on other machines, and its helper for exceptional pairs.

use ark_bn254::Fq;
use ark_ff::{AdditiveGroup, Field};

use super::{
    limbs::{self, Limbs, Multiply, Portable},
    point::{self, RAW_IDENTITY, RawPoint, Ref},
};

/// Pairs that share an inversion: what is kept of them stays in the second-level cache.
const BATCH: usize = 512;
/// Operands are scattered over the SRS: they are asked for so many pairs ahead.
const AHEAD: usize = 16;

/// What one addition needs besides the inverse of its denominator. It is written where it stays: it is 200 bytes long.
#[derive(Clone, Default)]
struct Addition {
    x1: Limbs,
    x2: Limbs,
    y1: Limbs,
    /// The slope is numerator / denominator: `(y2 - y1) / (x2 - x1)`, or `3 x^2 / 2 y` for a point added to itself (no
    /// point of G1 has y = 0: the order is odd).
    numerator: Limbs,
    denominator: Limbs,
    /// The product of the denominators before this one.
    prefix: Limbs,
    /// Opposite points, whose sum is the identity.
    cancels: bool,
}

/// `out[k] = src[pairs[k][0]] + src[pairs[k][1]]` for operands that are not the identity.
/// Returns whether some result is the identity.
///
/// Montgomery's trick: one inversion for the product of all denominators, three
/// multiplications per pair to take it apart.
pub(super) fn add_pairs(src: &[RawPoint], pairs: &[[Ref; 2]], out: &mut [RawPoint]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Some(adx) = super::adx::Adx::detect() {
        return add_pairs_by(adx, src, pairs, out);
    }
    add_pairs_by(Portable, src, pairs, out)
}

/// [`add_pairs`] with this multiplication.
fn add_pairs_by(by: impl Multiply, src: &[RawPoint], pairs: &[[Ref; 2]], out: &mut [RawPoint]) -> bool {
    let mut additions = vec![Addition::default(); pairs.len().min(BATCH)];
    let mut identity = false;
    for (pairs, out) in pairs.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
        identity |= add_batch(by, src, pairs, out, &mut additions);
    }
    identity
}

fn add_batch(
    by: impl Multiply,
    src: &[RawPoint],
    pairs: &[[Ref; 2]],
    out: &mut [RawPoint],
    additions: &mut [Addition],
) -> bool {
    let additions = &mut additions[..pairs.len()];
    // No multiplication yet: what waits for memory is not behind one that waits for the one before.
    for (i, (addition, &[a, b])) in additions.iter_mut().zip(pairs).enumerate() {
        if let Some(next) = pairs.get(i + AHEAD) {
            next.iter().for_each(|r| point::prefetch(src, *r));
        }
        addition.prepare(load(src, a), load(src, b));
    }
    // Two chains of products, because one multiplication waits for the last one's result.
    let mut products = [limbs::ONE; 2];
    for (i, addition) in additions.iter_mut().enumerate() {
        let product = &mut products[i & 1];
        addition.prefix = *product;
        *product = by.mul(product, &addition.denominator);
    }
    let all = by.mul(&products[0], &products[1]);
    // Every factor is nonzero, hence the product is: the default is never taken.
    let all = super::invert::invert(&limbs::element(&all)).unwrap_or_default().0.0;
    let mut inverses = [by.mul(&all, &products[1]), by.mul(&all, &products[0])];
    let mut identity = false;
    for (i, (a, out)) in additions.iter().zip(out.iter_mut()).enumerate().rev() {
        if a.cancels {
            // The denominator is one: the running inverse stays as it is.
            *out = RAW_IDENTITY;
            identity = true;
            continue;
        }
        let inverse = &mut inverses[i & 1];
        let slope = by.mul(&by.mul(inverse, &a.prefix), &a.numerator);
        *inverse = by.mul(inverse, &a.denominator);
        let x3 = limbs::minus_two(&by.mul(&slope, &slope), &a.x1, &a.x2);
        let y3 = by.mul(&slope, &limbs::difference(&a.x1, &x3));
        store(&x3, &limbs::minus_one(&y3, &a.y1), out);
    }
    identity
}

impl Addition {
    /// Of two points, all but the prefix.
    #[inline(always)]
    fn prepare(&mut self, (x1, y1): (Limbs, Limbs), (x2, y2): (Limbs, Limbs)) {
        (self.x1, self.x2, self.y1, self.cancels) = (x1, x2, y1, false);
        (self.numerator, self.denominator) = (limbs::difference(&y2, &y1), limbs::difference(&x2, &x1));
        if limbs::is_zero(&self.denominator) {
            self.same_x(y2);
        }
    }

    /// A point and itself, or its opposite.
    #[cold]
    fn same_x(&mut self, y2: Limbs) {
        if self.y1 != y2 {
            (self.cancels, self.denominator) = (true, limbs::ONE);
            return;
        }
        let (x, y): (Fq, Fq) = (limbs::element(&self.x1), limbs::element(&y2));
        let square = x.square();
        (self.numerator, self.denominator) = ((square.double() + square).0.0, y.double().0.0);
    }
}

/// Canonical coordinates of a referenced point, the sign applied.
#[inline(always)]
fn load(src: &[RawPoint], r: Ref) -> (Limbs, Limbs) {
    let words = src[(r >> 1) as usize].as_chunks::<8>().0;
    let at = |i: usize| core::array::from_fn(|j| u64::from_le_bytes(words[i + j]));
    let (x, y) = (limbs::canonical(at(0)), limbs::canonical(at(4)));
    (x, if r & 1 == 1 { limbs::negative(&y) } else { y })
}

#[inline(always)]
fn store(x: &Limbs, y: &Limbs, out: &mut RawPoint) {
    let limbs = x.iter().chain(y);
    out.as_chunks_mut::<8>().0.iter_mut().zip(limbs).for_each(|(bytes, limb)| *bytes = limb.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G1Projective};
    use ark_ec::{CurveGroup, PrimeGroup};

    use super::*;
    use crate::kernels::point::{from_raw, to_raw};

    /// Sums, doublings and opposites, over the ends of batches, whatever multiplies.
    #[test]
    fn every_multiplication_adds_points() {
        let (g, mut at) = (G1Projective::generator(), G1Projective::generator());
        let mut points = Vec::new();
        for _ in 0..40 {
            points.push(at);
            at += g;
        }
        let points: Vec<G1Affine> = G1Projective::normalize_batch(&points);
        let src: Vec<RawPoint> = points.iter().map(to_raw).collect();
        let pairs: Vec<[Ref; 2]> = (0..BATCH as Ref + 77).map(|i| [i * 7 % 80, i * i % 80]).collect();
        let of = |r: Ref| if r & 1 == 1 { -points[(r >> 1) as usize] } else { points[(r >> 1) as usize] };
        for count in [1, 2, 3, BATCH - 1, BATCH, pairs.len()] {
            let expected: Vec<G1Affine> = pairs[..count].iter().map(|[a, b]| (of(*a) + of(*b)).into_affine()).collect();
            let mut out = vec![RAW_IDENTITY; count];
            let identity = add_pairs_by(Portable, &src, &pairs[..count], &mut out);
            assert_eq!(out.iter().map(from_raw).collect::<Vec<_>>(), expected);
            assert_eq!(identity, expected.contains(&G1Affine::identity()));
            let mut again = vec![RAW_IDENTITY; count];
            assert_eq!(add_pairs(&src, &pairs[..count], &mut again), identity);
            assert_eq!(again, out, "the same bytes on this machine as anywhere");
        }
    }
}
