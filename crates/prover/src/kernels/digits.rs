//! Signed digits of scalars, each found without the digits before it.

use ark_bn254::Fr;
use ark_ff::PrimeField;

/// Bits of a full scalar: r < 2^254.
pub(crate) const SCALAR_BITS: usize = 254;

/// A scalar plus 2^(c-1) in each of its windows of c bits. A window of the sum, minus 2^(c-1),
/// is a digit in -2^(c-1)..2^(c-1): no carry is left to propagate.
pub(crate) type Shifted = [u64; 5];

/// Windows of `c` bits: how many, and what to add to a scalar.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// Bits of a window, 2 to 16.
    pub(crate) c: usize,
    /// How many there are.
    pub(crate) count: usize,
    offset: Shifted,
}

impl Windows {
    /// Windows for scalars below `2^bits`, `bits <= 254`.
    pub(crate) fn new(c: usize, bits: usize) -> Self {
        // Digits up to 2^(c-1) - 1 in `count` windows reach at least 2^(c count) / 3: two bits
        // more than `bits` always suffice.
        let count = (bits + 1) / c + 1;
        let mut offset = [0; 5];
        for w in 0..count {
            let bit = w * c + c - 1;
            offset[bit / 64] |= 1 << (bit % 64);
        }
        Self { c, count, offset }
    }

    /// Buckets of a window: digits are -buckets..=buckets.
    pub(crate) fn buckets(&self) -> usize {
        1 << (self.c - 1)
    }

    /// Prepares a scalar.
    pub(crate) fn shift(&self, scalar: &Fr) -> Shifted {
        let [a, b, c, d] = scalar.into_bigint().0;
        self.shift_limbs([a, b, c, d, 0])
    }

    /// Prepares a nonnegative integer.
    pub(crate) fn shift_limbs(&self, limbs: Shifted) -> Shifted {
        let mut out = [0; 5];
        let mut carry = 0u128;
        for i in 0..5 {
            let t = u128::from(limbs[i]) + u128::from(self.offset[i]) + carry;
            out[i] = t as u64;
            carry = t >> 64;
        }
        out
    }

    /// The digit of window `w`.
    #[inline]
    pub(crate) fn digit(&self, shifted: &Shifted, w: usize) -> i32 {
        let bit = w * self.c;
        let (limb, shift) = (bit / 64, bit % 64);
        let mut x = shifted[limb] >> shift;
        if shift + self.c > 64 && limb < 4 {
            x |= shifted[limb + 1] << (64 - shift);
        }
        (x & ((1 << self.c) - 1)) as i32 - self.buckets() as i32
    }
}

/// The window width that needs the fewest point additions for `n` scalars of `bits` bits.
pub(crate) fn window_bits(n: usize, bits: usize) -> usize {
    window_bits_of(&[n], bits)
}

/// [`window_bits`] for several sums with so many scalars each.
pub(crate) fn window_bits_of(sizes: &[usize], bits: usize) -> usize {
    (2..=16).min_by_key(|c| sizes.iter().map(|n| additions(*n, bits, *c)).sum::<usize>()).unwrap_or(2)
}

/// The point additions that `n` scalars of `bits` bits take in windows of `c` bits.
pub(crate) fn additions(n: usize, bits: usize, c: usize) -> usize {
    // A window costs one addition per scalar, then what its buckets cost; empty ones cost time as well.
    ((bits + 1) / c + 1) * (n + bucket_cost(c))
}

/// The additions that weigh the buckets of a row with digits of `c` bits: each enters two sums, which are summed up by
/// bits.
pub(crate) fn bucket_cost(c: usize) -> usize {
    (2 << (c - 1)) + c / 2 * (1 << (c / 2))
}
