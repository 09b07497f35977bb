//! §3: whether the quotient points of a stored key belong to its commitment.

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, pairing::Pairing};
use ark_ff::Zero;

use crate::encoding::{keccak, point_bytes, wide};
use crate::error::KeyError;
use crate::kernels;
use crate::srs::Srs;

/// A stored model under one `alpha`.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    /// `C_f`.
    pub(crate) commitment: G1Affine,
    /// The quotient points of `q_1 (, q_2)` and what weighs them.
    pub(crate) points: Vec<&'a [G1Affine]>,
    pub(crate) weights: Vec<Vec<Fr>>,
    /// The moduli `X^{2^j} - root`.
    pub(crate) roots: Vec<Fr>,
    pub(crate) exponents: Vec<usize>,
}

/// An `alpha` that depends on the key and all its quotient points.
pub(crate) fn challenge(vkd: &[u8; 32], quotients: &[G1Affine]) -> Fr {
    let mut points: Vec<u8> = vkd.to_vec();
    quotients.iter().for_each(|p| points.extend(point_bytes(p)));
    let mut seed = [0; 64];
    seed[..32].copy_from_slice(&keccak(&[b"zkinfer/key-check/v1", &points]));
    seed[32..].copy_from_slice(&keccak(&[b"zkinfer/key-check/v1", &points, &[1]]));
    wide(&seed)
}

/// `f - g = sum_j (X^{2^j} - root_j) q_j`, with `g` what `f` is modulo `X^b - alpha`: one pairing equation.
pub(crate) fn check(stored: &Stored<'_>, g: &[Fr], srs: &Srs) -> Result<(), KeyError> {
    let mut left = G1Projective::from(stored.commitment) - kernels::msm(&srs.powers()[..g.len()], g);
    let (mut g1, mut g2) = (Vec::new(), Vec::new());
    let parts = stored.points.iter().zip(&stored.weights);
    for ((part, root), j) in parts.zip(&stored.roots).zip(&stored.exponents) {
        let (points, weights) = part;
        let q = kernels::msm(points, weights);
        left += q * root;
        g1.push(-q);
        g2.push(srs.pinned().g2(*j).ok_or(KeyError::SrsTooSmall { needed: 1 << j, got: 0 })?);
    }
    g1.push(left.into_affine());
    g2.push(G2Affine::generator());
    if Bn254::multi_pairing(g1, g2).is_zero() { Ok(()) } else { Err(KeyError::QuotientMismatch) }
}
