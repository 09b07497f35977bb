//! Batches of affine additions with one inversion, in portable code: the reference for the
//! vector kernel, its fallback on other machines, and its helper for exceptional pairs.

use ark_bn254::Fq;
use ark_ff::{AdditiveGroup, Field};

use super::{
    limbs::{self, Limbs},
    point::{RAW_IDENTITY, RawPoint, Ref},
};

/// Pairs that share an inversion: what is kept of them stays in the second-level cache.
const BATCH: usize = 512;

/// What one addition needs besides the inverse of its denominator.
struct Addition {
    x1: Limbs,
    x2: Limbs,
    y1: Limbs,
    /// The slope is numerator / denominator: `(y2 - y1) / (x2 - x1)`, or `3 x^2 / 2 y` for a point added to itself (no
    /// point of G1 has y = 0: the order is odd). `None` for opposite points, whose sum is the identity.
    numerator: Option<Limbs>,
    denominator: Limbs,
    /// The product of the denominators before this one.
    prefix: Limbs,
}

/// `out[k] = src[pairs[k][0]] + src[pairs[k][1]]` for operands that are not the identity.
/// Returns whether some result is the identity.
///
/// Montgomery's trick: one inversion for the product of all denominators, three
/// multiplications per pair to take it apart.
pub(super) fn add_pairs(src: &[RawPoint], pairs: &[[Ref; 2]], out: &mut [RawPoint]) -> bool {
    let mut additions = Vec::with_capacity(pairs.len().min(BATCH));
    let mut identity = false;
    for (pairs, out) in pairs.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
        identity |= add_batch(src, pairs, out, &mut additions);
    }
    identity
}

fn add_batch(src: &[RawPoint], pairs: &[[Ref; 2]], out: &mut [RawPoint], additions: &mut Vec<Addition>) -> bool {
    additions.clear();
    let mut product = limbs::ONE;
    additions.extend(pairs.iter().map(|&[a, b]| {
        let addition = Addition { prefix: product, ..prepare(load(src, a), load(src, b)) };
        product = limbs::mul(&product, &addition.denominator);
        addition
    }));
    // Every factor is nonzero, hence the product is: the default is never taken.
    let mut inverse = super::invert::invert(&limbs::element(&product)).unwrap_or_default().0.0;
    let mut identity = false;
    for (a, out) in additions.iter().zip(out.iter_mut()).rev() {
        let Some(numerator) = &a.numerator else {
            // The denominator is one: the running inverse stays as it is.
            *out = RAW_IDENTITY;
            identity = true;
            continue;
        };
        let slope = limbs::mul(&limbs::mul(&inverse, &a.prefix), numerator);
        inverse = limbs::mul(&inverse, &a.denominator);
        let x3 = limbs::minus_two(&limbs::mul(&slope, &slope), &a.x1, &a.x2);
        let y3 = limbs::mul(&slope, &limbs::difference(&a.x1, &x3));
        store(&x3, &limbs::minus_one(&y3, &a.y1), out);
    }
    identity
}

#[inline(always)]
fn prepare((x1, y1): (Limbs, Limbs), (x2, y2): (Limbs, Limbs)) -> Addition {
    let denominator = limbs::difference(&x2, &x1);
    let apart = Addition { x1, x2, y1, numerator: Some(limbs::difference(&y2, &y1)), denominator, prefix: limbs::ONE };
    if limbs::is_zero(&denominator) { same_x(apart, y2) } else { apart }
}

/// A point and itself, or its opposite.
#[cold]
fn same_x(addition: Addition, y2: Limbs) -> Addition {
    if addition.y1 != y2 {
        return Addition { numerator: None, denominator: limbs::ONE, ..addition };
    }
    let (x, y): (Fq, Fq) = (limbs::element(&addition.x1), limbs::element(&y2));
    let square = x.square();
    Addition { numerator: Some((square.double() + square).0.0), denominator: y.double().0.0, ..addition }
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
