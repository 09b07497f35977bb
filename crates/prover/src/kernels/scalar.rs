//! Batches of affine additions with one inversion, in portable code: the reference for the
//! vector kernel, its fallback on other machines, and its helper for exceptional pairs.

use ark_bn254::Fq;
use ark_ff::{AdditiveGroup, Field};

use super::point::{RAW_IDENTITY, RawPoint, Ref, join, load};

/// What one addition needs besides its operands.
enum Case {
    /// Distinct x: slope (y2 - y1) / (x2 - x1).
    Add,
    /// The same point twice: slope 3 x^2 / 2 y. No point of G1 has y = 0 (the order is odd).
    Double,
    /// Opposite points: the sum is the identity.
    Cancel,
}

/// `out[k] = src[pairs[k][0]] + src[pairs[k][1]]` for operands that are not the identity.
/// Returns whether some result is the identity.
///
/// Montgomery's trick: one inversion for the product of all denominators, three
/// multiplications per pair to take it apart.
pub(super) fn add_pairs(src: &[RawPoint], pairs: &[[Ref; 2]], out: &mut [RawPoint]) -> bool {
    let mut identity = false;
    let mut prefix = Vec::with_capacity(pairs.len());
    let mut product = Fq::ONE;
    for &[a, b] in pairs {
        let denominator = denominator(load(src, a), load(src, b)).1;
        prefix.push(product);
        product *= denominator;
    }
    // Every factor is nonzero, hence the product is: the default is never taken.
    let mut inverse = super::invert::invert(&product).unwrap_or_default();
    for ((&[a, b], prefix), out) in pairs.iter().zip(&prefix).zip(out.iter_mut()).rev() {
        let ((x1, y1), (x2, y2)) = (load(src, a), load(src, b));
        let (case, denominator) = denominator((x1, y1), (x2, y2));
        let numerator = match case {
            Case::Add => y2 - y1,
            Case::Double => {
                let square = x1.square();
                square.double() + square
            }
            Case::Cancel => {
                // The denominator is one: the running inverse stays as it is.
                *out = RAW_IDENTITY;
                identity = true;
                continue;
            }
        };
        let slope = numerator * inverse * prefix;
        inverse *= denominator;
        let x3 = slope.square() - x1 - x2;
        *out = join(&x3, &(slope * (x1 - x3) - y1));
    }
    identity
}

fn denominator((x1, y1): (Fq, Fq), (x2, y2): (Fq, Fq)) -> (Case, Fq) {
    if x1 != x2 {
        (Case::Add, x2 - x1)
    } else if y1 == y2 {
        (Case::Double, y1.double())
    } else {
        (Case::Cancel, Fq::ONE)
    }
}
