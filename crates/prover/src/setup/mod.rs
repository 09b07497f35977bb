//! §3: keys of a model from SRS powers alone.

pub(crate) mod key_check;
pub mod quotients;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};

use crate::circuit::{Layout, Weights};
use crate::error::KeyError;
use crate::fold_weights;
use crate::keys::{Level, ModelSecret, ProvingKey, VerifyingKey};
use crate::srs::Srs;
use quotients::ModelCommitment;

/// `C_f` from the commitment of the weights: `omega` sits on coefficient 0.
fn blind(c_f: G1Affine, omega: Fr) -> G1Affine {
    (G1Projective::from(c_f) + G1Affine::generator() * omega).into_affine()
}

/// Fails unless the SRS reaches the degree of `f`.
fn check_size(layout: &Layout, srs: &Srs) -> Result<(), KeyError> {
    let (needed, got) = (layout.degree_bound().max(layout.positions), srs.powers().len());
    if got < needed { Err(KeyError::SrsTooSmall { needed, got }) } else { Ok(()) }
}

/// Commits to a model and caches its quotients.
///
/// The SRS needs `max(P, b(R-1) + act)` powers in G1; `level` defaults to [`Level::default_for`].
///
/// # Errors
/// The SRS is too small, or the level does not exist for this shape.
pub fn generate(
    weights: Weights,
    secret: &ModelSecret,
    level: Option<Level>,
    srs: &Srs,
) -> Result<ProvingKey, KeyError> {
    let shape = weights.shape().clone();
    let level = level.unwrap_or_else(|| Level::default_for(&shape));
    let mut vk = VerifyingKey::new(shape, level, *srs.id(), G1Affine::identity())?;
    check_size(&Layout::new(&vk.shape), srs)?;
    let ModelCommitment { c_f, quotient_points } = quotients::commit(&weights.rows(), srs.powers(), level);
    let omega = secret.omega(&weights);
    vk.commitment = blind(c_f, omega);
    Ok(ProvingKey { vk, weights, omega, quotients: quotient_points })
}

/// §3, published weights: whether `weights` and `secret` open the commitment of `vk`.
///
/// This certifies at the same time that the committed weights are 8-bit integers.
///
/// # Errors
/// [`KeyError::CommitmentMismatch`] if they do not; the SRS is another one or too small.
pub fn check_opening(vk: &VerifyingKey, weights: &Weights, secret: &ModelSecret, srs: &Srs) -> Result<(), KeyError> {
    if vk.srs_id != *srs.id() {
        return Err(KeyError::SrsMismatch);
    }
    if *weights.shape() != vk.shape {
        return Err(KeyError::CommitmentMismatch);
    }
    check_size(&Layout::new(&vk.shape), srs)?;
    let c_f = quotients::commit_model(&weights.rows(), srs.powers());
    if blind(c_f, secret.omega(weights)) == vk.commitment { Ok(()) } else { Err(KeyError::CommitmentMismatch) }
}

/// Whether weights, `omega` and quotient points of a stored key belong to its commitment: one
/// pairing equation at a random `alpha`. A prover with a wrong key only makes proofs that nobody
/// accepts; this tells why.
///
/// # Errors
/// [`KeyError::QuotientMismatch`] if they do not; the SRS is another one or too small.
pub fn check_key(key: &ProvingKey, srs: &Srs) -> Result<(), KeyError> {
    if key.vk.srs_id != *srs.id() {
        return Err(KeyError::SrsMismatch);
    }
    let layout = Layout::new(&key.vk.shape);
    check_size(&layout, srs)?;
    let alpha = key_check::challenge(&key.vk.digest(), &key.quotients);
    let stored = key_check::Stored {
        commitment: key.vk.commitment,
        points: key.quotient_points(),
        weights: key.vk.quotient_weights(alpha),
        roots: key.vk.roots(alpha),
        exponents: key.vk.exponents(),
    };
    key_check::check(&stored, &fold_weights::fold(&key.weights, key.omega, alpha), srs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::{Committed, Shape};
    use crate::pinned::PinnedSrs;
    use crate::prove::Prover;
    use crate::testing;
    use crate::verify::Verifier;

    #[test]
    fn openings_are_checked() {
        let shape = Shape::new(vec![5, 6, 4], None).unwrap();
        let weights = testing::weights(&shape, 3);
        let secret = ModelSecret::from_bytes([1; 32]);
        let key = generate(weights.clone(), &secret, None, testing::srs()).unwrap();
        let check = |weights: &Weights, secret: &ModelSecret| check_opening(&key.vk, weights, secret, testing::srs());
        check(&weights, &secret).unwrap();
        let mismatch = |result| matches!(result, Err(KeyError::CommitmentMismatch));
        assert!(mismatch(check(&weights, &ModelSecret::from_bytes([2; 32]))));
        let mut other = weights.clone();
        *other.weight_mut(2, 3, 5) ^= 1;
        assert!(mismatch(check(&other, &secret)));
        let mut other = weights.clone();
        *other.bias_mut(1, 0) += 1;
        assert!(mismatch(check(&other, &secret)));
        assert!(mismatch(check(&testing::weights(&Shape::new(vec![5, 7, 4], None).unwrap(), 3), &secret)));
    }

    /// The flags are no part of the commitment: an opening is one for this shape alone.
    #[test]
    fn an_opening_is_for_one_shape() {
        let shape = Shape::new(vec![5, 6, 4], None).unwrap();
        let weights = testing::weights(&shape, 3);
        let secret = ModelSecret::from_bytes([1; 32]);
        let committed = shape.with_committed(Committed { inputs: true, outputs: false }).unwrap();
        let hidden = generate(testing::weights(&committed, 3), &secret, None, testing::srs()).unwrap();
        let public = generate(weights.clone(), &secret, None, testing::srs()).unwrap();
        assert_eq!(hidden.vk.commitment, public.vk.commitment);
        check_opening(&public.vk, &weights, &secret, testing::srs()).unwrap();
        let error = check_opening(&hidden.vk, &weights, &secret, testing::srs()).unwrap_err();
        assert!(matches!(error, KeyError::CommitmentMismatch));
    }

    #[test]
    fn keys_are_used_with_their_own_srs_alone() {
        let weights = testing::weights(&Shape::new(vec![5, 6, 4], None).unwrap(), 3);
        let (secret, srs) = (ModelSecret::from_bytes([1; 32]), testing::srs());
        let key = generate(weights.clone(), &secret, Some(Level::Two { rho2: 1 }), srs).unwrap();
        check_key(&key, srs).unwrap();
        let mut other = key.clone();
        other.vk.srs_id[0] ^= 1;
        let mismatch = |result: Result<(), KeyError>| matches!(result, Err(KeyError::SrsMismatch));
        assert!(mismatch(check_key(&other, srs)));
        assert!(mismatch(check_opening(&other.vk, &weights, &secret, srs)));
        assert!(mismatch(Verifier::new(other.vk.clone(), srs.pinned()).map(drop)));
        assert!(mismatch(Prover::new(other, srs, 1).map(drop)));
        // A table of the same ceremony that ends before tau^{2^{nu + rho2}}.
        let table = |len| {
            let (g1, g2) = testing::doubling_powers(len);
            PinnedSrs::new(g1, g2).unwrap()
        };
        let last = key.vk.exponents()[1];
        assert!(Verifier::new(key.vk.clone(), &table(last + 1)).is_ok());
        let error = Verifier::new(key.vk.clone(), &table(last)).unwrap_err();
        assert!(matches!(error, KeyError::SrsTooSmall { needed, .. } if needed == 1 << last));
        // Enough powers for the key, too few for the columns of a batch.
        let error = Prover::new(key, srs, 64).unwrap_err();
        assert!(matches!(error, KeyError::SrsTooSmall { .. }));
    }

    /// The blinding depends on the weights: one secret for two models does not cancel out.
    #[test]
    fn omega_depends_on_secret_and_weights() {
        let shape = Shape::new(vec![5, 6, 4], None).unwrap();
        let (a, b) = (testing::weights(&shape, 3), testing::weights(&shape, 4));
        let (s, t) = (ModelSecret::from_bytes([1; 32]), ModelSecret::from_bytes([2; 32]));
        assert_ne!(s.omega(&a), s.omega(&b));
        assert_ne!(s.omega(&a), t.omega(&a));
        assert_eq!(s.omega(&a), s.clone().omega(&a));
        assert_eq!(format!("{s:?}"), "ModelSecret");
    }

    #[test]
    fn a_small_srs_is_refused_with_what_is_needed() {
        let shape = Shape::new(vec![5, 6, 4], None).unwrap();
        let needed = Layout::new(&shape).degree_bound();
        let small = crate::srs::test_srs(needed - 1).unwrap();
        let weights = testing::weights(&shape, 3);
        let error = generate(weights, &ModelSecret::from_bytes([1; 32]), None, &small).unwrap_err();
        assert!(matches!(error, KeyError::SrsTooSmall { needed: n, got } if n == needed && got == needed - 1));
    }
}
