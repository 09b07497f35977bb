//! The accelerator seam: multi-scalar multiplications over BN254 G1.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};

/// `sum_i scalars[i] * bases[i]`; a longer argument is cut to the shorter one.
#[must_use]
pub fn msm(bases: &[G1Affine], scalars: &[Fr]) -> G1Affine {
    let n = bases.len().min(scalars.len());
    G1Projective::msm_unchecked(&bases[..n], &scalars[..n]).into_affine()
}

/// `sum_i scalars[i] * bases[i]` for byte scalars; a longer argument is cut to the shorter one.
#[must_use]
pub fn msm_u8(bases: &[G1Affine], scalars: &[u8]) -> G1Affine {
    let n = bases.len().min(scalars.len());
    G1Projective::msm_u8(&bases[..n], &scalars[..n]).into_affine()
}
