//! `[tau^i]_1`, in memory or memory-mapped.

use std::{fmt, ops::Range, sync::Arc};

use ark_bn254::{Fq, G1Affine};
use ark_ff::{BigInt, PrimeField};
use rayon::prelude::*;

use super::error::{Section, SrsError};
use crate::kernels::{RAW_IDENTITY, RawPoint, from_raw};

/// Where the bytes of an SRS are.
#[derive(Clone)]
pub(super) enum Bytes {
    Owned(Arc<Vec<RawPoint>>),
    File(Arc<memmap2::Mmap>),
    Memory(Arc<[u8]>),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Owned(points) => points.as_flattened(),
            Self::File(map) => map,
            Self::Memory(bytes) => bytes,
        }
    }
}

/// `[tau^i]_1` for `i < len`, each known to be a point of the curve other than the identity.
///
/// Whether they are powers of one tau is for [`super::Srs`] to check.
#[derive(Clone)]
pub struct SrsG1 {
    bytes: Bytes,
    range: Range<usize>,
}

impl fmt::Debug for SrsG1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrsG1").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl SrsG1 {
    /// Takes points that were computed here.
    pub(super) fn owned(points: Vec<RawPoint>) -> Self {
        let range = 0..points.as_flattened().len();
        Self { bytes: Bytes::Owned(Arc::new(points)), range }
    }

    /// Takes points as they are in a file, `range` being bytes that exist.
    ///
    /// # Errors
    /// [`SrsError::Point`] for the first one that is not a point.
    pub(super) fn checked(bytes: Bytes, range: Range<usize>) -> Result<Self, SrsError> {
        let this = Self { bytes, range };
        match this.powers().par_iter().position_first(|point| !is_point(point)) {
            Some(index) => Err(SrsError::Point { section: Section::TauG1, index }),
            None => Ok(this),
        }
    }

    /// The number of powers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len() / size_of::<RawPoint>()
    }

    /// Whether there are no powers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All powers, in the form that [`crate::kernels`] reads.
    #[must_use]
    pub fn powers(&self) -> &[RawPoint] {
        self.bytes.as_ref()[self.range.clone()].as_chunks().0
    }

    /// `[tau^i]_1`, if there is one.
    #[must_use]
    pub fn power(&self, i: usize) -> Option<G1Affine> {
        self.powers().get(i).map(from_raw)
    }

    /// The first `needed` powers.
    ///
    /// # Errors
    /// [`SrsError::TooFewPowers`].
    pub fn prefix(&self, needed: usize) -> Result<Self, SrsError> {
        if needed > self.len() {
            return Err(SrsError::TooFewPowers { needed, got: self.len() });
        }
        let start = self.range.start;
        let range = start..start + needed * size_of::<RawPoint>();
        Ok(Self { bytes: self.bytes.clone(), range })
    }
}

/// A coordinate from 32 little-endian bytes in Montgomery form, if below q.
pub(super) fn coordinate(bytes: &[u8; 32]) -> Option<Fq> {
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks().0) {
        *limb = u64::from_le_bytes(*bytes);
    }
    let value = BigInt(limbs);
    (value < Fq::MODULUS).then(|| Fq::new_unchecked(value))
}

/// Whether raw bytes are a canonical point of G1 other than the identity.
pub(super) fn is_point(raw: &RawPoint) -> bool {
    let [x, y] = raw.as_chunks().0 else {
        return false;
    };
    let (Some(x), Some(y)) = (coordinate(x), coordinate(y)) else {
        return false;
    };
    // The cofactor is 1: a point of the curve is a point of the group. The identity, (0, 0)
    // here, counts as on the curve.
    *raw != RAW_IDENTITY && G1Affine::new_unchecked(x, y).is_on_curve()
}
