//! Which code adds points: found out at run time, overridable for tests and measurements.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    point::{RawPoint, Ref},
    scalar,
};

/// An implementation of the point addition kernel. All give the same results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Portable code.
    Scalar,
    /// AVX512-IFMA, eight additions at a time. Elsewhere the same as [`Backend::Scalar`].
    Ifma,
}

static FORCE_SCALAR: AtomicBool = AtomicBool::new(false);

/// Makes [`Backend::active`] answer [`Backend::Scalar`] in this process (or ends that).
///
/// For tests and measurements: results are equal either way.
pub fn force_scalar(on: bool) {
    FORCE_SCALAR.store(on, Ordering::Relaxed);
}

impl Backend {
    /// The fastest backend of this machine, unless [`force_scalar`] says otherwise.
    #[must_use]
    pub fn active() -> Self {
        if FORCE_SCALAR.load(Ordering::Relaxed) || !Self::Ifma.is_available() { Self::Scalar } else { Self::Ifma }
    }

    /// Whether this machine can run it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Ifma => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Ifma => false,
        }
    }

    /// `out[k] = src[pairs[k][0]] + src[pairs[k][1]]`; operands are not the identity.
    /// Returns whether some result is the identity.
    pub(super) fn add_pairs(self, src: &[RawPoint], pairs: &[[Ref; 2]], out: &mut [RawPoint]) -> bool {
        // A few pairs do not fill the vectors: the inversion is all they cost.
        #[cfg(target_arch = "x86_64")]
        if self == Self::Ifma && pairs.len() > 3 && self.is_available() {
            // SAFETY: `is_available` has just found the instructions that the function needs.
            return unsafe { super::ifma::add_pairs(src, pairs, out) };
        }
        scalar::add_pairs(src, pairs, out)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Ifma => "avx512-ifma",
        })
    }
}
