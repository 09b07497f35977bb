//! Inversion in the base field by division steps (Bernstein and Yang, "Fast constant-time gcd
//! computation and modular inversion", 2019), here in variable time.
//!
//! A batch of additions waits for one inversion, so small batches cost what it costs. A step
//! maps (delta, f, g), f odd, to (1 - delta, g, (g - f)/2) if delta > 0 and g is odd, and else to
//! (1 + delta, f, (g + (g mod 2) f)/2). 62 steps depend on the low 62 bits only and are a matrix
//! over the integers divided by 2^62; it is applied to (f, g) and, modulo q, to (d, e) with
//! f = d a and g = e a modulo q. When g is zero, f is 1 or -1 and d is 1/a or -1/a.

use ark_bn254::Fq;
use ark_ff::{AdditiveGroup, BigInt, PrimeField};

/// Steps per matrix, and bits of a limb.
const STEPS: u32 = 62;
const MASK: i64 = (1 << STEPS) - 1;

/// A signed integer: five limbs in base 2^62, the last one signed.
type Wide = [i64; 5];

const Q: Wide = limbs(Fq::MODULUS.0);
/// `2^512 mod q`: it takes the inverse of `a 2^256` to `2^256 / a`.
const FACTOR: Wide = limbs(Fq::R2.0);
/// `-1/q mod 2^62`, by Newton's iteration.
const MINUS_Q_INVERSE: i64 = {
    let mut x = 1i64;
    let mut i = 0;
    while i < 6 {
        x = x.wrapping_mul(2i64.wrapping_sub(Q[0].wrapping_mul(x)));
        i += 1;
    }
    x.wrapping_neg() & MASK
};

const fn limbs([a, b, c, d]: [u64; 4]) -> Wide {
    let mask = MASK as u64;
    [
        (a & mask) as i64,
        ((a >> 62 | b << 2) & mask) as i64,
        ((b >> 60 | c << 4) & mask) as i64,
        ((c >> 58 | d << 6) & mask) as i64,
        (d >> 56) as i64,
    ]
}

/// `1 / a`, or nothing for zero. Takes a time that depends on `a`.
pub(super) fn invert(a: &Fq) -> Option<Fq> {
    if *a == Fq::ZERO {
        return None;
    }
    let (mut f, mut g) = (Q, limbs(a.0.0));
    let (mut d, mut e) = ([0; 5], FACTOR);
    let mut delta = 1;
    // 741 steps suffice for numbers of 256 bits: at most 12 rounds.
    while g != [0; 5] {
        let matrix = steps(&mut delta, f[0], g[0]);
        (f, g) = (apply(&matrix[0], &f, &g, 0), apply(&matrix[1], &f, &g, 0));
        (d, e) = (apply_mod(&matrix[0], &d, &e), apply_mod(&matrix[1], &d, &e));
    }
    // f is 1 or -1.
    let sign = if f[4] < 0 { -1 } else { 1 };
    Some(reduce(d.map(|limb| sign * limb)))
}

/// The matrix of 62 steps, times 2^62: rows for f and g. Absolute row sums are at most 2^62.
fn steps(delta: &mut i64, mut f: i64, mut g: i64) -> [[i64; 2]; 2] {
    let (mut u, mut v) = ([1, 0], [0, 1]);
    let mut left = STEPS;
    loop {
        // Even steps, as many as there are.
        let zeros = (g | i64::MIN >> 1).trailing_zeros().min(left);
        g >>= zeros;
        u = u.map(|x: i64| x << zeros);
        *delta += i64::from(zeros);
        left -= zeros;
        if left == 0 {
            return [u, v];
        }
        if *delta > 0 {
            *delta = -*delta;
            (f, g) = (g, f.wrapping_neg());
            (u, v) = (v, u.map(|x| -x));
        }
        g = g.wrapping_add(f);
        v = [v[0] + u[0], v[1] + u[1]];
    }
}

/// `(row[0] a + row[1] b + k q) / 2^62`, a multiple of 2^62 being divided.
fn apply(row: &[i64; 2], a: &Wide, b: &Wide, k: i64) -> Wide {
    let term = |i: usize| {
        let product = |x: i64, y: i64| i128::from(x) * i128::from(y);
        product(row[0], a[i]) + product(row[1], b[i]) + product(k, Q[i])
    };
    let mut out = [0; 5];
    let mut carry = term(0) >> STEPS;
    for i in 1..5 {
        carry += term(i);
        out[i - 1] = carry as i64 & MASK;
        carry >>= STEPS;
    }
    out[4] = carry as i64;
    out
}

/// `(row[0] d + row[1] e) / 2^62` modulo q. The absolute value exceeds the larger one of d and e
/// by q at most, so after all rounds it is below 13 q.
fn apply_mod(row: &[i64; 2], d: &Wide, e: &Wide) -> Wide {
    let low = row[0].wrapping_mul(d[0]).wrapping_add(row[1].wrapping_mul(e[0]));
    let k = low.wrapping_mul(MINUS_Q_INVERSE) & MASK;
    apply(row, d, e, k)
}

/// A small multiple of q away from the result, whose limbs may all be negated.
fn reduce(value: Wide) -> Fq {
    let mut value = add(&value, 0);
    while value[4] < 0 {
        value = add(&value, 1);
    }
    loop {
        let less = add(&value, -1);
        if less[4] < 0 {
            break;
        }
        value = less;
    }
    let [a, b, c, d, e] = value.map(|limb| limb as u64);
    let words = [a | b << 62, b >> 2 | c << 60, c >> 4 | d << 58, d >> 6 | e << 56];
    Fq::new_unchecked(BigInt(words))
}

/// `value + k q` with limbs in range.
fn add(value: &Wide, k: i64) -> Wide {
    let mut out = [0; 5];
    let mut carry = 0;
    for i in 0..5 {
        carry += value[i] + k * Q[i];
        out[i] = if i < 4 { carry & MASK } else { carry };
        carry >>= STEPS;
    }
    out
}

#[cfg(test)]
mod tests {
    use ark_ff::{Field, UniformRand};
    use ark_std::rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn agrees_with_arkworks() {
        const SEED: u64 = 0x696e_7665_7274;
        println!("seed {SEED:#x}");
        let mut rng = StdRng::seed_from_u64(SEED);
        let small = (0..300u64).map(Fq::from);
        let powers = (0..256u64).map(|i| Fq::from(2u64).pow([i]));
        // Small representations in memory as well as small values.
        let raw = (0..256).map(|i| {
            let mut limbs = [0; 4];
            limbs[i / 64] = 1 << (i % 64);
            Fq::new_unchecked(BigInt(limbs))
        });
        let raw = raw.filter(|a| a.0 < Fq::MODULUS);
        let random: Vec<Fq> = (0..2000).map(|_| Fq::rand(&mut rng)).collect();
        for a in small.chain(powers).chain(raw).chain(random) {
            assert_eq!(invert(&a), a.inverse(), "{a}");
            assert_eq!(invert(&-a), (-a).inverse(), "-{a}");
        }
    }
}
