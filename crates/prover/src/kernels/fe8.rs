//! Eight base-field elements in AVX512 registers: five limbs of 52 bits, one register per limb.

use std::arch::x86_64::*;

use ark_bn254::Fq;
use ark_ff::PrimeField;

use super::point::{RawPoint, Ref, field};

const MASK: u64 = (1 << 52) - 1;

/// `k * q` in five limbs.
const fn multiple(k: u64) -> [u64; 5] {
    let [a, b, c, d] = <Fq as PrimeField>::MODULUS.0;
    let q = [a & MASK, (a >> 52 | b << 12) & MASK, (b >> 40 | c << 24) & MASK, (c >> 28 | d << 36) & MASK, d >> 16];
    let mut out = [0; 5];
    let mut carry = 0u128;
    let mut i = 0;
    while i < 5 {
        let t = q[i] as u128 * k as u128 + carry;
        out[i] = t as u64 & MASK;
        carry = t >> 52;
        i += 1;
    }
    out
}

const Q: [u64; 5] = multiple(1);
const Q2: [u64; 5] = multiple(2);
const Q3: [u64; 5] = multiple(3);
const Q4: [u64; 5] = multiple(4);

/// `-1 / q mod 2^52`, by Newton's iteration: every step doubles the number of right bits.
const MINUS_Q_INVERSE: u64 = {
    let mut x = 1u64;
    let mut i = 0;
    while i < 6 {
        x = x.wrapping_mul(2u64.wrapping_sub(Q[0].wrapping_mul(x)));
        i += 1;
    }
    x.wrapping_neg() & MASK
};

/// `2^260 mod q`, the one of [`Fe8::mul`].
const ONE: [u64; 5] = {
    // 2^260 = 2^6 * 2^254, and 2^254 - q < q; six doublings follow.
    let mut x = [0, 0, 0, 0, 1 << 46];
    let mut step = 0;
    while step <= 6 {
        if step > 0 {
            let mut carry = 0;
            let mut i = 0;
            while i < 5 {
                let t = 2 * x[i] + carry;
                x[i] = t & MASK;
                carry = t >> 52;
                i += 1;
            }
        }
        // Subtract q once or twice while the result stays nonnegative.
        let mut times = 0;
        while times < 2 {
            let mut y = [0; 5];
            let mut borrow = 0i64;
            let mut i = 0;
            while i < 5 {
                let t = x[i] as i64 - Q[i] as i64 + borrow;
                y[i] = t as u64 & MASK;
                borrow = t >> 52;
                i += 1;
            }
            if borrow == 0 {
                x = y;
            }
            times += 1;
        }
        step += 1;
    }
    x
};

/// Eight field elements. Limbs are below 2^52 unless a function says that it leaves them signed.
#[derive(Clone, Copy)]
pub(super) struct Fe8([__m512i; 5]);

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(x: u64) -> __m512i {
    _mm512_set1_epi64(x as i64)
}

impl Fe8 {
    /// The neutral element of [`Self::mul`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn one() -> Self {
        Self([splat(ONE[0]), splat(ONE[1]), splat(ONE[2]), splat(ONE[3]), splat(ONE[4])])
    }

    /// `self * other / 2^260 mod q`, below `self * other / 2^260 + q`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn mul(&self, other: &Self) -> Self {
        let zero = _mm512_setzero_si512();
        let (a, b) = (&self.0, &other.0);
        // Low and high halves of the partial products go to sums of their own: shorter chains.
        let mut lo = [zero; 10];
        let mut hi = [zero; 10];
        for i in 0..5 {
            for j in 0..5 {
                lo[i + j] = _mm512_madd52lo_epu64(lo[i + j], a[i], b[j]);
                hi[i + j + 1] = _mm512_madd52hi_epu64(hi[i + j + 1], a[i], b[j]);
            }
        }
        for i in 0..5 {
            lo[i] = _mm512_add_epi64(lo[i], hi[i]);
            let m = _mm512_madd52lo_epu64(zero, lo[i], splat(MINUS_Q_INVERSE));
            for j in 0..5 {
                lo[i + j] = _mm512_madd52lo_epu64(lo[i + j], m, splat(Q[j]));
                hi[i + j + 1] = _mm512_madd52hi_epu64(hi[i + j + 1], m, splat(Q[j]));
            }
            lo[i + 1] = _mm512_add_epi64(lo[i + 1], _mm512_srli_epi64::<52>(lo[i]));
        }
        Self(std::array::from_fn(|k| _mm512_add_epi64(lo[5 + k], hi[5 + k]))).carry()
    }

    /// Brings signed limbs of a nonnegative number into range.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn carry(mut self) -> Self {
        for i in 0..4 {
            let carry = _mm512_srai_epi64::<52>(self.0[i]);
            self.0[i] = _mm512_and_si512(self.0[i], splat(MASK));
            self.0[i + 1] = _mm512_add_epi64(self.0[i + 1], carry);
        }
        self
    }

    /// `self - other + 4 q`, for `other <= 4 q`; operands may have signed limbs.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn sub(&self, other: &Self) -> Self {
        self.sub_signed(other).carry()
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn sub_signed(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| _mm512_add_epi64(_mm512_sub_epi64(self.0[i], other.0[i]), splat(Q4[i]))))
    }

    /// `4 * self`, for `self < 2^258`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn times4(&self) -> Self {
        Self(std::array::from_fn(|i| _mm512_slli_epi64::<2>(self.0[i]))).carry()
    }

    /// `self - other mod q`, below 2.2 q, for `self < 2 q` and `other <= 4 q`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn sub_fold(&self, other: &Self) -> Self {
        self.sub_signed(other).fold()
    }

    /// `self - b - c mod q`, below 2.2 q, for `self < 1.1 q` and `b + c < 5 q`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn sub2_fold(&self, b: &Self, c: &Self) -> Self {
        let t = self.sub_signed(b);
        Self(std::array::from_fn(|i| _mm512_add_epi64(_mm512_sub_epi64(t.0[i], c.0[i]), splat(Q[i])))).fold()
    }

    /// Takes 2 q away up to twice from a nonnegative number below 6.2 q with signed limbs.
    ///
    /// Decided on the top limb alone: what the lower limbs carry into it lies in -6..=6, and
    /// the margin of 16 keeps the result nonnegative. It is below 2 q + 2^213 or 2.2 q.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn fold(self) -> Self {
        let twice = _mm512_cmpge_epi64_mask(self.0[4], splat(Q4[4] + 16));
        let once = _mm512_cmpge_epi64_mask(self.0[4], splat(Q2[4] + 16));
        Self(std::array::from_fn(|i| {
            let away = _mm512_maskz_mov_epi64(once, splat(Q2[i]));
            let away = _mm512_mask_mov_epi64(away, twice, splat(Q4[i]));
            _mm512_sub_epi64(self.0[i], away)
        }))
        .carry()
    }

    /// x of eight referenced points.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn load_x(src: &[RawPoint], refs: &[Ref; 8]) -> Self {
        load_half::<0>(refs.map(|r| &src[(r >> 1) as usize]))
    }

    /// Coordinates of eight referenced points; y is negated as the references say (as 3 q - y)
    /// and its limbs are signed.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn load(src: &[RawPoint], refs: &[Ref; 8]) -> (Self, Self) {
        let points = refs.map(|r| &src[(r >> 1) as usize]);
        let y = load_half::<32>(points);
        let sign = refs.iter().enumerate().fold(0, |m, (i, r)| m | ((r & 1) as u8) << i);
        let y = std::array::from_fn(|i| _mm512_mask_sub_epi64(y.0[i], sign, splat(Q3[i]), y.0[i]));
        (load_half::<0>(points), Self(y))
    }

    /// Writes the first `out.len()` lanes as points.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn store(x: &Self, y: &Self, out: &mut [RawPoint]) {
        let (x, y) = (x.rows(), y.rows());
        for (out, (x, y)) in out.iter_mut().zip(x.into_iter().zip(y)) {
            let (low, high) = out.split_at_mut(32);
            low.copy_from_slice(&x);
            high.copy_from_slice(&y);
        }
    }

    /// The lanes as field elements, a stored value being taken as `v 2^256`.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn to_lanes(self) -> [Fq; 8] {
        self.rows().map(|row| {
            let mut limbs = [0; 4];
            for (limb, bytes) in limbs.iter_mut().zip(row.as_chunks::<8>().0) {
                *limb = u64::from_le_bytes(*bytes);
            }
            field(limbs)
        })
    }

    /// The inverse of [`Self::to_lanes`].
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn from_lanes(lanes: &[Fq; 8]) -> Self {
        let points = lanes.map(|lane| super::point::join(&lane, &lane));
        load_half::<0>(points.each_ref())
    }

    /// Eight rows of 32 bytes: five limbs of 52 bits to four of 64, then a transposition.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn rows(&self) -> [[u8; 32]; 8] {
        let l = &self.0;
        let w = [
            _mm512_or_si512(l[0], _mm512_slli_epi64::<52>(l[1])),
            _mm512_or_si512(_mm512_srli_epi64::<12>(l[1]), _mm512_slli_epi64::<40>(l[2])),
            _mm512_or_si512(_mm512_srli_epi64::<24>(l[2]), _mm512_slli_epi64::<28>(l[3])),
            _mm512_or_si512(_mm512_srli_epi64::<36>(l[3]), _mm512_slli_epi64::<16>(l[4])),
        ];
        let mut rows = [[0; 32]; 8];
        for (i, pair) in transpose(w).into_iter().enumerate() {
            let (low, high) = (_mm512_castsi512_si256(pair), _mm512_extracti64x4_epi64::<1>(pair));
            // SAFETY: the destinations are 32 bytes each and the stores need no alignment.
            unsafe {
                _mm256_storeu_si256(rows[i].as_mut_ptr().cast(), low);
                _mm256_storeu_si256(rows[i + 4].as_mut_ptr().cast(), high);
            }
        }
        rows
    }
}

/// Bytes `AT..AT + 32` of eight points: a transposition, then four limbs of 64 bits to five of 52.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn load_half<const AT: usize>(points: [&RawPoint; 8]) -> Fe8 {
    const { assert!(AT + 32 <= 64) };
    let rows = std::array::from_fn(|i| {
        // SAFETY: AT + 32 <= 64, so both loads stay inside their points; they need no alignment.
        let (low, high) = unsafe {
            (
                _mm256_loadu_si256(points[i].as_ptr().add(AT).cast()),
                _mm256_loadu_si256(points[i + 4].as_ptr().add(AT).cast()),
            )
        };
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
    });
    let w = transpose(rows);
    let mask = splat(MASK);
    Fe8([
        _mm512_and_si512(w[0], mask),
        _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<52>(w[0]), _mm512_slli_epi64::<12>(w[1])), mask),
        _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<40>(w[1]), _mm512_slli_epi64::<24>(w[2])), mask),
        _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<28>(w[2]), _mm512_slli_epi64::<36>(w[3])), mask),
        _mm512_srli_epi64::<16>(w[3]),
    ])
}

/// Transposes the 4x4 matrices of 64-bit words in the low and in the high halves of four registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(r: [__m512i; 4]) -> [__m512i; 4] {
    // Words (0, 2) and (1, 3) of neighbouring rows, then pairs of words across.
    let a = _mm512_unpacklo_epi64(r[0], r[1]);
    let b = _mm512_unpackhi_epi64(r[0], r[1]);
    let c = _mm512_unpacklo_epi64(r[2], r[3]);
    let d = _mm512_unpackhi_epi64(r[2], r[3]);
    let first = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0);
    let second = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
    [
        _mm512_permutex2var_epi64(a, first, c),
        _mm512_permutex2var_epi64(b, first, d),
        _mm512_permutex2var_epi64(a, second, c),
        _mm512_permutex2var_epi64(b, second, d),
    ]
}
