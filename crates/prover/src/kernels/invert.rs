//! Inversion in the base field.

use ark_bn254::Fq;
use ark_ff::Field;

/// `1 / a`, or nothing for zero. Takes a time that depends on `a`.
pub(super) fn invert(a: &Fq) -> Option<Fq> {
    a.inverse()
}
