//! Arithmetic modulo `q` on four limbs in Montgomery form that leaves out reductions: numbers stay below `2 q`.

use ark_bn254::{Fq, FqConfig};
use ark_ff::{BigInt, Field, MontConfig, PrimeField};

/// A number below `2 q`, `a 2^256 mod q`; *canonical* below `q`.
pub(super) type Limbs = [u64; 4];

pub(super) const Q: Limbs = <Fq as PrimeField>::MODULUS.0;
/// `2 q < 2^255`.
const Q2: Limbs = [Q[0] << 1, Q[1] << 1 | Q[0] >> 63, Q[2] << 1 | Q[1] >> 63, Q[3] << 1 | Q[2] >> 63];
/// `-1 / q mod 2^64`.
pub(super) const MINUS_INVERSE: u64 = FqConfig::INV;
/// One.
pub(super) const ONE: Limbs = Fq::ONE.0.0;

/// `a + b c + carry`, low and high word: it never exceeds two words.
#[inline(always)]
fn mac(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let product = u128::from(b).wrapping_mul(u128::from(c));
    let sum = product.wrapping_add(u128::from(a)).wrapping_add(u128::from(carry));
    (sum as u64, (sum >> 64) as u64)
}

/// What multiplies: the results are the same.
pub(super) trait Multiply: Copy {
    /// `a b / 2^256 mod q`, below `2 q` for `a, b < 2 q`: `4 q^2 / 2^256 < 0.76 q`, and the reduction adds less than `q`.
    fn mul(self, a: &Limbs, b: &Limbs) -> Limbs;
}

/// Multiplies on every machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Multiply for Portable {
    #[inline(always)]
    fn mul(self, a: &Limbs, b: &Limbs) -> Limbs {
        let mut t = [0u64; 4];
        for b in b {
            // Between steps t < a + q < 2^256: no fifth word.
            let (t0, c) = mac(t[0], a[0], *b, 0);
            let m = t0.wrapping_mul(MINUS_INVERSE);
            let (_, d) = mac(t0, m, Q[0], 0);
            let (t1, c) = mac(t[1], a[1], *b, c);
            let (r0, d) = mac(t1, m, Q[1], d);
            let (t2, c) = mac(t[2], a[2], *b, c);
            let (r1, d) = mac(t2, m, Q[2], d);
            let (t3, c) = mac(t[3], a[3], *b, c);
            let (r2, d) = mac(t3, m, Q[3], d);
            t = [r0, r1, r2, c.wrapping_add(d)];
        }
        t
    }
}

/// `a + b mod 2^256`.
#[inline(always)]
fn plus(a: &Limbs, b: &Limbs) -> Limbs {
    let (mut out, mut carry) = ([0; 4], 0);
    for i in 0..4 {
        (out[i], carry) = mac(a[i], b[i], 1, carry);
    }
    out
}

/// `a - b mod 2^256`, and whether it is negative.
#[inline(always)]
fn minus(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let (mut out, mut borrow) = ([0; 4], false);
    for i in 0..4 {
        let (d, x) = a[i].overflowing_sub(b[i]);
        let (d, y) = d.overflowing_sub(borrow.into());
        (out[i], borrow) = (d, x | y);
    }
    (out, borrow)
}

/// `a - b + q`, below `2 q` and never 0 for canonical `a, b`; it is `q` if they are equal.
#[inline(always)]
pub(super) fn difference(a: &Limbs, b: &Limbs) -> Limbs {
    plus(&minus(a, b).0, &Q)
}

/// Whether a [`difference`] is 0.
#[inline(always)]
pub(super) fn is_zero(difference: &Limbs) -> bool {
    *difference == Q
}

/// `a` or `a - by`, whichever is not negative and smaller.
#[inline(always)]
fn reduce(a: Limbs, by: &Limbs) -> Limbs {
    let (less, negative) = minus(&a, by);
    if negative { a } else { less }
}

/// The canonical form of a number below `4 q`.
#[inline(always)]
pub(super) fn canonical(a: Limbs) -> Limbs {
    // Nearly every number in use is below q, and its highest limb shows it.
    if a[3] < Q[3] { a } else { reduce(reduce(a, &Q2), &Q) }
}

/// `a - b - c`, canonical, for `a < 2 q` and canonical `b, c`.
#[inline(always)]
pub(super) fn minus_two(a: &Limbs, b: &Limbs, c: &Limbs) -> Limbs {
    let sum = plus(&minus(&minus(a, b).0, c).0, &Q2);
    reduce(reduce(sum, &Q2), &Q)
}

/// `a - b`, canonical, for `a < 2 q` and canonical `b`.
#[inline(always)]
pub(super) fn minus_one(a: &Limbs, b: &Limbs) -> Limbs {
    reduce(reduce(plus(&minus(a, b).0, &Q), &Q2), &Q)
}

/// `q - a`, canonical, for canonical `a` other than 0.
#[inline(always)]
pub(super) fn negative(a: &Limbs) -> Limbs {
    minus(&Q, a).0
}

/// The element.
pub(super) fn element(a: &Limbs) -> Fq {
    Fq::new_unchecked(BigInt(canonical(*a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the field, at the ends of every range.
    #[test]
    fn limbs_compute_modulo_q() {
        let two_q_minus_1 = minus(&Q2, &[1, 0, 0, 0]).0;
        let mut values: Vec<Limbs> = vec![[0; 4], ONE, [1, 0, 0, 0], minus(&Q, &[1, 0, 0, 0]).0, Q, two_q_minus_1];
        let mut x = Fq::from(0x1234_5678_9abc_def1u64);
        for _ in 0..40 {
            x = x * x + Fq::from(3u64);
            values.extend([x.0.0, plus(&x.0.0, &Q)]);
        }
        for a in &values {
            for b in &values {
                let product = Portable.mul(a, b);
                assert!(minus(&product, &Q2).1, "below 2 q");
                let (x, y) = (element(a), element(b));
                assert_eq!(element(&product), x * y);
                // The same limbs, reduced or not: nothing depends on the machine.
                #[cfg(target_arch = "x86_64")]
                if let Some(adx) = crate::kernels::adx::Adx::detect() {
                    assert_eq!(adx.mul(a, b), product);
                }
                let (ca, cb) = (canonical(*a), canonical(*b));
                assert_eq!(element(&difference(&ca, &cb)), x - y);
                assert_eq!(is_zero(&difference(&ca, &cb)), x == y);
                assert_eq!(minus_one(a, &cb), (x - y).0.0);
                for c in [&values[0], &values[3], &values[7]] {
                    let c = canonical(*c);
                    assert_eq!(minus_two(a, &cb, &c), (x - y - element(&c)).0.0);
                }
            }
        }
    }
}
