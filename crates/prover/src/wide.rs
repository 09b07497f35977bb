//! Sums of products that are reduced once: half of a multiplication in the field is its reduction.

use ark_bn254::Fr;
use ark_ff::{BigInt, Field, Fp, MontConfig, PrimeField};

const MODULUS: [u64; 4] = <Fr as PrimeField>::MODULUS.0;
/// `2^256 mod r`, which Montgomery form calls one.
const TWO_256: [u64; 4] = Fr::ONE.0.0;
/// `-1 / r mod 2^64`.
const MINUS_INVERSE: u64 = ark_bn254::FrConfig::INV;
/// `floor(2^317 / r)`, one word: `2^253 < r`.
const RECIPROCAL: u64 = reciprocal();

/// Long division of `2^317` by `r`, bit by bit.
const fn reciprocal() -> u64 {
    let (mut rest, mut quotient) = ([0u64, 0, 0, 1 << 61], 0u64);
    // rest = 2^253 < r; 64 bits follow.
    let mut bit = 0;
    while bit < 64 {
        let mut i = 3;
        while i > 0 {
            rest[i] = rest[i] << 1 | rest[i - 1] >> 63;
            i -= 1;
        }
        rest[0] <<= 1;
        quotient <<= 1;
        if !less(&rest, &MODULUS) {
            rest = minus(&rest, &MODULUS);
            quotient |= 1;
        }
        bit += 1;
    }
    quotient
}

const fn less(a: &[u64; 4], b: &[u64; 4]) -> bool {
    let mut i = 4;
    while i > 0 {
        i -= 1;
        if a[i] != b[i] {
            return a[i] < b[i];
        }
    }
    false
}

/// `a - b` modulo `2^256`.
#[inline(always)]
const fn minus(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let (mut out, mut borrow, mut i) = ([0; 4], false, 0);
    while i < 4 {
        let (d, x) = a[i].overflowing_sub(b[i]);
        let (d, y) = d.overflowing_sub(borrow as u64);
        (out[i], borrow) = (d, x | y);
        i += 1;
    }
    out
}

/// The element whose Montgomery form is this number below `6 r`.
#[inline(always)]
fn element(mut limbs: [u64; 4]) -> Fr {
    while !less(&limbs, &MODULUS) {
        limbs = minus(&limbs, &MODULUS);
    }
    Fp::new_unchecked(BigInt(limbs))
}

/// `a + b c + carry`, low and high word: it never exceeds two words.
#[inline(always)]
fn mac(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let product = u128::from(b).wrapping_mul(u128::from(c));
    let sum = product.wrapping_add(u128::from(a)).wrapping_add(u128::from(carry));
    (sum as u64, (sum >> 64) as u64)
}

/// `to += a * by`, on as many limbs as `to` has more than `a` at least; the carry beyond is lost.
#[inline(always)]
fn add_multiple<const N: usize>(to: &mut [u64; N], at: usize, a: &[u64; 4], by: u64) {
    let mut carry = 0u64;
    for j in 0..4 {
        (to[at + j], carry) = mac(to[at + j], a[j], by, carry);
    }
    let mut k = at + 4;
    while k < N {
        let (v, over) = to[k].overflowing_add(carry);
        to[k] = v;
        carry = u64::from(over);
        k += 1;
    }
}

/// A sum of at most `2^48` products of two elements.
#[derive(Clone, Copy, Default)]
pub(crate) struct Products([u64; 9]);

impl Products {
    /// Adds `a b`.
    #[inline(always)]
    pub(crate) fn add(&mut self, a: &Fr, b: &Fr) {
        let (a, b) = (&a.0.0, &b.0.0);
        let mut t = [0u64; 8];
        for i in 0..4 {
            let mut carry = 0u64;
            for j in 0..4 {
                (t[i + j], carry) = mac(t[i + j], a[i], b[j], carry);
            }
            t[i + 4] = carry;
        }
        let mut carry = false;
        for (sum, limb) in self.0.iter_mut().zip(t) {
            let (v, x) = sum.overflowing_add(limb);
            let (v, y) = v.overflowing_add(carry.into());
            (*sum, carry) = (v, x | y);
        }
        self.0[8] += u64::from(carry);
    }

    /// The sum.
    #[inline(always)]
    pub(crate) fn sum(&self) -> Fr {
        let mut t = [0u64; 10];
        t[..9].copy_from_slice(&self.0);
        for i in 0..4 {
            let m = t[i].wrapping_mul(MINUS_INVERSE);
            add_multiple(&mut t, i, &MODULUS, m);
        }
        // Below 2^(508 + 48 - 256): the word above 2^256 shrinks to a twentieth with every turn.
        let mut low = [t[4], t[5], t[6], t[7], t[8]];
        while low[4] > 0 {
            let high = core::mem::take(&mut low[4]);
            add_multiple(&mut low, 0, &TWO_256, high);
        }
        element([low[0], low[1], low[2], low[3]])
    }
}

/// A sum of elements times integers: their absolute values add up to less than `2^63`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Multiples([u64; 5]);

impl Multiples {
    /// Adds `a by`.
    #[inline(always)]
    pub(crate) fn add(&mut self, a: &Fr, by: i64) {
        let negative = -*a;
        add_multiple(&mut self.0, 0, if by < 0 { &negative.0.0 } else { &a.0.0 }, by.unsigned_abs());
    }

    /// Adds `a`.
    #[inline(always)]
    pub(crate) fn add_one(&mut self, a: &Fr) {
        let mut carry = false;
        for (sum, limb) in self.0.iter_mut().zip(a.0.0) {
            let (v, x) = sum.overflowing_add(limb);
            let (v, y) = v.overflowing_add(carry.into());
            (*sum, carry) = (v, x | y);
        }
        self.0[4] += u64::from(carry);
    }

    /// The sum.
    #[inline(always)]
    pub(crate) fn sum(&self) -> Fr {
        // Below 2^317: the quotient by r is one word, and its estimate at most 3 too small.
        let top = self.0[4] << 3 | self.0[3] >> 61;
        let quotient = ((u128::from(top) * u128::from(RECIPROCAL)) >> 64) as u64;
        let mut product = [0u64; 5];
        add_multiple(&mut product, 0, &MODULUS, quotient);
        let low = |limbs: &[u64; 5]| [limbs[0], limbs[1], limbs[2], limbs[3]];
        // The difference is below 4 r: what is above 2^256 cancels.
        element(minus(&low(&self.0), &low(&product)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::signed;
    use crate::testing::Xorshift;
    use ark_ff::AdditiveGroup;

    fn element_of(rng: &mut Xorshift) -> Fr {
        let word = |rng: &mut Xorshift| Fr::from(rng.below(u64::MAX));
        match rng.below(8) {
            0 => Fr::ZERO,
            1 => -Fr::ONE,
            2 => Fr::from(rng.below(256)),
            _ => word(rng) * word(rng) * word(rng) * word(rng) * word(rng),
        }
    }

    #[test]
    fn sums_are_those_of_the_field() {
        let mut rng = Xorshift(77);
        for terms in [0usize, 1, 2, 3, 30, 300] {
            for _ in 0..40 {
                let (mut products, mut expected) = (Products::default(), Fr::ZERO);
                let (mut multiples, mut small) = (Multiples::default(), Fr::ZERO);
                for _ in 0..terms {
                    let (a, b) = (element_of(&mut rng), element_of(&mut rng));
                    products.add(&a, &b);
                    expected += a * b;
                    let by = (rng.below(1 << 54) as i64 - (1 << 53)) >> rng.below(54);
                    multiples.add(&a, by);
                    multiples.add_one(&b);
                    small += a * signed(by) + b;
                }
                assert_eq!(products.sum(), expected);
                assert_eq!(multiples.sum(), small);
            }
        }
        // The greatest there is.
        let (mut products, mut multiples) = (Products([u64::MAX; 9]), Multiples::default());
        products.0[8] = (1 << 48) - 1;
        multiples.add(&-Fr::ONE, i64::MIN + 1);
        assert_eq!(multiples.sum(), signed(i64::MAX));
        let powers = crate::mle::powers(Fr::from(1u64 << 32).square(), 9);
        let inverse = Fr::new_unchecked(BigInt([1, 0, 0, 0]));
        let value: Fr = products.0.iter().zip(&powers).map(|(limb, power)| Fr::from(*limb) * power).sum();
        // A number v is the product of Montgomery forms whose element is v / 2^512.
        assert_eq!(products.sum(), value * inverse * inverse);
    }
}
