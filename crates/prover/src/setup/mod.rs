//! §3: keys of a model from SRS powers alone.

pub mod quotients;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};

use crate::circuit::{Layout, Weights};
use crate::error::KeyError;
use crate::kernels::{Base, from_raw};
use crate::keys::{Level, ModelSecret, ProvingKey, VerifyingKey};
use crate::pinned::PinnedSrs;
use quotients::ModelCommitment;

/// `C_f` from the commitment of the weights: `omega` sits on coefficient 0.
fn blind(c_f: G1Affine, omega: Fr) -> G1Affine {
    (G1Projective::from(c_f) + G1Affine::generator() * omega).into_affine()
}

/// Fails unless `powers` are long enough for the model and agree with `pinned` on `[1]_1, [tau]_1`.
fn check_powers<B: Base>(layout: &Layout, powers: &[B], pinned: &PinnedSrs) -> Result<(), KeyError> {
    let needed = layout.degree_bound().max(layout.positions);
    if powers.len() < needed {
        return Err(KeyError::SrsTooSmall { needed, got: powers.len() });
    }
    let first: Vec<G1Affine> = B::raw(&powers[..2]).iter().map(from_raw).collect();
    if first[0] != G1Affine::generator() || Some(first[1]) != pinned.g1(0) {
        return Err(KeyError::SrsMismatch);
    }
    Ok(())
}

/// Commits to a model and caches its quotients.
///
/// `powers` are `[tau^i]_1`, at least `max(P, b(R-1) + act)` of them, of the ceremony of `pinned`;
/// `level` defaults to [`Level::default_for`].
///
/// # Errors
/// The SRS is too small or another one, or the level does not exist for this shape.
pub fn generate<B: Base>(
    weights: Weights,
    secret: &ModelSecret,
    level: Option<Level>,
    powers: &[B],
    pinned: &PinnedSrs,
) -> Result<ProvingKey, KeyError> {
    let shape = weights.shape().clone();
    let level = level.unwrap_or_else(|| Level::default_for(&shape));
    let mut vk = VerifyingKey::new(shape, level, *pinned.id(), G1Affine::identity())?;
    check_powers(&Layout::new(&vk.shape), powers, pinned)?;
    let ModelCommitment { c_f, quotient_points } = quotients::commit(&weights.rows(), powers, level);
    let omega = secret.omega(&weights);
    vk.commitment = blind(c_f, omega);
    Ok(ProvingKey { vk, weights, omega, quotients: quotient_points })
}

/// §3, published weights: whether `weights` and `secret` open the commitment of `vk`.
///
/// This certifies at the same time that the committed weights are 8-bit integers.
///
/// # Errors
/// [`KeyError::CommitmentMismatch`] if they do not; SRS errors as for [`generate`].
pub fn check_opening<B: Base>(
    vk: &VerifyingKey,
    weights: &Weights,
    secret: &ModelSecret,
    powers: &[B],
    pinned: &PinnedSrs,
) -> Result<(), KeyError> {
    if vk.srs_id != *pinned.id() {
        return Err(KeyError::SrsMismatch);
    }
    if *weights.shape() != vk.shape {
        return Err(KeyError::CommitmentMismatch);
    }
    check_powers(&Layout::new(&vk.shape), powers, pinned)?;
    let c_f = quotients::commit_model(&weights.rows(), powers);
    if blind(c_f, secret.omega(weights)) == vk.commitment { Ok(()) } else { Err(KeyError::CommitmentMismatch) }
}
