//! The accelerator seam: multi-scalar multiplications over BN254 G1.
//!
//! Everything here reduces to sums of many lists of points (`lists`), which are computed by
//! rounds of affine additions that share inversions (`scalar`, `ifma`). Nothing runs in constant
//! time, and equal inputs give equal results on every backend.

#[cfg(target_arch = "x86_64")]
mod adx;
mod backend;
mod bytes;
pub(crate) mod digits;
#[cfg(target_arch = "x86_64")]
mod fe8;
mod fixed;
pub(crate) mod grid;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod invert;
mod limbs;
pub(crate) mod lists;
mod msm;
mod multiples;
pub(crate) mod point;
pub(crate) mod repeated;
mod scalar;
#[cfg(test)]
mod tests;

pub use backend::{Backend, force_scalar};
pub use bytes::ByteBuckets;
pub use fixed::FixedBase;
pub use msm::{msm, msm_many, msm_many_with, msm_small, msm_small_with, msm_u8, msm_u128};
pub use multiples::Multiples;
pub use point::{Base, RAW_IDENTITY, RawPoint, from_raw, to_raw};
