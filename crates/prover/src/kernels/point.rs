//! Points as the kernels read them: 64 bytes, no flags, no padding.

use std::borrow::Cow;

use ark_bn254::{Fq, G1Affine};
use ark_ff::{BigInt, PrimeField};

/// An affine G1 point: x then y, each `a * 2^256 mod q` as four little-endian 64-bit limbs.
///
/// This is the layout of a `.ptau` file, so that a memory-mapped SRS is used in place. The
/// identity is 64 zero bytes: (0, 0) is not on y^2 = x^3 + 3.
pub type RawPoint = [u8; 64];

/// The identity in raw form.
pub const RAW_IDENTITY: RawPoint = [0; 64];

/// Points that multi-scalar multiplications accept as bases.
pub trait Base: Sized + Sync {
    /// The points in raw form, borrowed where they are raw already.
    fn raw(points: &[Self]) -> Cow<'_, [RawPoint]>;
}

impl Base for RawPoint {
    fn raw(points: &[Self]) -> Cow<'_, [RawPoint]> {
        Cow::Borrowed(points)
    }
}

impl Base for G1Affine {
    fn raw(points: &[Self]) -> Cow<'_, [RawPoint]> {
        Cow::Owned(points.iter().map(to_raw).collect())
    }
}

/// The raw form of a point.
#[must_use]
pub fn to_raw(point: &G1Affine) -> RawPoint {
    // arkworks keeps the identity as (0, 0) as well.
    join(&point.x, &point.y)
}

/// The point of a raw form whose coordinates are below 4q; nothing is checked to be on the curve.
pub fn from_raw(raw: &RawPoint) -> G1Affine {
    if *raw == RAW_IDENTITY {
        return G1Affine::identity();
    }
    let (x, y) = split(raw);
    G1Affine::new_unchecked(x, y)
}

/// The same point with coordinates below q: the vector kernel leaves values below 3q.
pub(super) fn canonical(raw: &RawPoint) -> RawPoint {
    let (x, y) = split(raw);
    join(&x, &y)
}

/// Writes two coordinates.
pub(super) fn join(x: &Fq, y: &Fq) -> RawPoint {
    let mut raw = RAW_IDENTITY;
    let limbs = x.0.0.iter().chain(&y.0.0);
    for (bytes, limb) in raw.as_chunks_mut::<8>().0.iter_mut().zip(limbs) {
        *bytes = limb.to_le_bytes();
    }
    raw
}

/// Reads two coordinates and reduces them.
pub(super) fn split(raw: &RawPoint) -> (Fq, Fq) {
    let mut limbs = [0; 8];
    for (limb, bytes) in limbs.iter_mut().zip(raw.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*bytes);
    }
    let [x0, x1, x2, x3, y0, y1, y2, y3] = limbs;
    (field([x0, x1, x2, x3]), field([y0, y1, y2, y3]))
}

/// The field element of four Montgomery limbs below 4q.
pub(super) fn field(limbs: [u64; 4]) -> Fq {
    let mut value = BigInt(limbs);
    while value >= Fq::MODULUS {
        ark_ff::BigInteger::sub_with_borrow(&mut value, &Fq::MODULUS);
    }
    Fq::new_unchecked(value)
}

/// A reference to a point and the sign to take it with: index * 2 + (1 if negated). An SRS has
/// less than 2^30 points, so a source never has 2^31.
pub(crate) type Ref = u32;

/// Asks for the memory of a point that is going to be loaded; it may lie across two lines of the cache.
#[inline(always)]
pub(super) fn prefetch(src: &[RawPoint], r: Ref) {
    #[cfg(target_arch = "x86_64")]
    if let Some([first, .., last]) = src.get((r >> 1) as usize) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: asking for memory never faults, and every x86-64 processor has the instruction.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(first).cast());
            _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(last).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (src, r);
}

/// Coordinates of a referenced point, the sign applied.
pub(super) fn load(src: &[RawPoint], r: Ref) -> (Fq, Fq) {
    let (x, y) = split(&src[(r >> 1) as usize]);
    (x, if r & 1 == 1 { -y } else { y })
}
