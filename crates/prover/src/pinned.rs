//! §3: the SRS points a verifier uses, checked once and known by their SRS id.

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{BigInteger, PrimeField};
use thiserror::Error;

use crate::encoding::{keccak, point_bytes, tag, wide};
use crate::mle;

/// Why SRS points are not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PinnedSrsError {
    /// The lists are empty or differ in length.
    #[error("the lists of SRS points are empty or differ in length")]
    Length,
    /// A point is the identity, off the curve or outside its group.
    #[error("SRS point {0} is not a point of its group")]
    Point(usize),
    /// The points are not powers of one tau.
    #[error("the SRS points are not powers of one tau")]
    Inconsistent,
}

/// `[tau^{2^j}]_1` and `[tau^{2^j}]_2` of one ceremony. Values of this type have passed the checks
/// of §3, so a [`Verifier`](crate::Verifier) never sees an SRS point that came with a key or a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedSrs {
    id: [u8; 32],
    g1: Vec<G1Affine>,
    g2: Vec<G2Affine>,
}

/// `srs_id = keccak(TAG_SRS || [tau]_1 || [tau]_2)`, coordinates `x, y` and `x_c1, x_c0, y_c1, y_c0`.
#[must_use]
pub fn srs_id(tau_g1: &G1Affine, tau_g2: &G2Affine) -> [u8; 32] {
    let mut g2 = Vec::with_capacity(128);
    if let Some((x, y)) = tau_g2.xy() {
        for c in [x.c1, x.c0, y.c1, y.c0] {
            g2.extend(c.into_bigint().to_bytes_be());
        }
    }
    keccak(&[&tag("srs"), &point_bytes(tau_g1), &g2])
}

impl PinnedSrs {
    /// Checks and pins `[tau^{2^j}]_1` and `[tau^{2^j}]_2`, `j = 0, 1, ..`.
    ///
    /// Membership in a list of known ceremonies is the caller's business: compare [`Self::id`].
    ///
    /// # Errors
    /// A point is not in its group, or a pairing equation of §3 fails.
    pub fn new(g1: Vec<G1Affine>, g2: Vec<G2Affine>) -> Result<Self, PinnedSrsError> {
        if g1.is_empty() || g1.len() != g2.len() {
            return Err(PinnedSrsError::Length);
        }
        for (j, (a, b)) in g1.iter().zip(&g2).enumerate() {
            let valid = a.is_on_curve() && b.is_on_curve() && b.is_in_correct_subgroup_assuming_on_curve();
            if !valid || a.is_zero() || b.is_zero() {
                return Err(PinnedSrsError::Point(j));
            }
        }
        // One random combination per kind of equation; the weights depend on every point.
        let mut bytes: Vec<u8> = g1.iter().flat_map(point_bytes).collect();
        for p in &g2 {
            if let Some((x, y)) = p.xy() {
                [x.c0, x.c1, y.c0, y.c1].iter().for_each(|c| bytes.extend(c.into_bigint().to_bytes_be()));
            }
        }
        let mut seed = [0; 64];
        for (j, half) in seed.chunks_exact_mut(32).enumerate() {
            half.copy_from_slice(&keccak(&[b"zkinfer/srs-check/v1", &[j as u8], &bytes]));
        }
        let weights: Vec<Fr> = mle::powers(wide(&seed), g1.len());
        let (one, two) = (G1Affine::generator(), G2Affine::generator());
        // sum w_j [tau^{2^j}]_1 paired with [1]_2 is sum w_j [tau^{2^j}]_2 paired with [1]_1.
        let left = G1Projective::msm_unchecked(&g1, &weights).into_affine();
        let right = G2Projective::msm_unchecked(&g2, &weights).into_affine();
        if Bn254::pairing(left, two) != Bn254::pairing(one, right) {
            return Err(PinnedSrsError::Inconsistent);
        }
        // sum w_j e([tau^{2^j}]_1, [tau^{2^j}]_2) is e(sum w_j [tau^{2^{j+1}}]_1, [1]_2).
        let scaled: Vec<G1Affine> = g1.iter().zip(&weights).map(|(p, w)| (*p * w).into_affine()).collect();
        let last = g1.len() - 1;
        let squares = Bn254::multi_pairing(&scaled[..last], &g2[..last]);
        let next = G1Projective::msm_unchecked(&g1[1..], &weights[..last]).into_affine();
        if squares != Bn254::pairing(next, two) {
            return Err(PinnedSrsError::Inconsistent);
        }
        Ok(Self { id: srs_id(&g1[0], &g2[0]), g1, g2 })
    }

    /// The SRS id.
    #[must_use]
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// `[tau^{2^j}]_1`, if pinned.
    #[must_use]
    pub fn g1(&self, j: usize) -> Option<G1Affine> {
        self.g1.get(j).copied()
    }

    /// `[tau^{2^j}]_2`, if pinned.
    #[must_use]
    pub fn g2(&self, j: usize) -> Option<G2Affine> {
        self.g2.get(j).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn accepts_powers_of_one_tau_only() {
        let (g1, g2) = testing::doubling_powers(6);
        assert!(PinnedSrs::new(g1.clone(), g2.clone()).is_ok());
        let one = G1Affine::generator();
        for j in 0..6 {
            let mut bad = g1.clone();
            bad[j] = (bad[j] + one).into_affine();
            assert_eq!(PinnedSrs::new(bad, g2.clone()), Err(PinnedSrsError::Inconsistent), "g1 {j}");
            let mut bad = g2.clone();
            bad[j] = (bad[j] + G2Affine::generator()).into_affine();
            assert_eq!(PinnedSrs::new(g1.clone(), bad), Err(PinnedSrsError::Inconsistent), "g2 {j}");
        }
        // Both lists agree, but the last entry is a power of some other secret.
        let (mut a, mut b) = (g1.clone(), g2.clone());
        a[5] = (one * Fr::from(99u64)).into_affine();
        b[5] = (G2Affine::generator() * Fr::from(99u64)).into_affine();
        assert_eq!(PinnedSrs::new(a, b), Err(PinnedSrsError::Inconsistent));
        let mut bad = g2.clone();
        bad[2] = testing::g2_outside_subgroup();
        assert_eq!(PinnedSrs::new(g1.clone(), bad), Err(PinnedSrsError::Point(2)));
        assert_eq!(PinnedSrs::new(g1, vec![]), Err(PinnedSrsError::Length));
    }
}
