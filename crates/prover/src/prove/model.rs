//! §6 M2: `G`, its quotient commitments and the proof that `D` is a blinding.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use zeroize::Zeroizing;

use super::Prover;
use crate::fold_weights;
use crate::randomness::Randomness;

/// `G` and everything that is sent for it.
pub(crate) struct FoldedModel {
    /// `G` over positions `0..P`.
    pub(crate) g: Zeroizing<Vec<Fr>>,
    pub(crate) c_q: Vec<G1Affine>,
    pub(crate) d: G1Affine,
    pub(crate) a_d: G1Affine,
    /// `g_0, g_1, s_1 (, s_2)`.
    pub(crate) masks: Zeroizing<Vec<Fr>>,
    /// `a_0, .., a_{t+1}`.
    pub(crate) nonces: Zeroizing<Vec<Fr>>,
}

/// `D` or `A_D`: `v_0 [1] + v_1 [tau] + sum_j v_{2+j} ([tau^{2^j}] - root_j [1])`.
fn schnorr_point(tau: G1Affine, moduli: &[G1Affine], roots: &[Fr], v: &[Fr]) -> G1Affine {
    let generator = v[0]
        - v[2..]
            .iter()
            .zip(roots)
            .map(|(v, root)| *v * root)
            .sum::<Fr>();
    let mut sum = G1Affine::generator() * generator + tau * v[1];
    for (point, v) in moduli.iter().zip(&v[2..]) {
        sum += *point * v;
    }
    sum.into_affine()
}

impl Prover {
    /// M2: `G`, the quotient commitments, `D` and `A_D`.
    pub(super) fn fold_model(&self, alpha: Fr, randomness: &mut Randomness) -> FoldedModel {
        let roots = self.key.vk.roots(alpha);
        let count = 2 + roots.len();
        let draw = |randomness: &mut Randomness| {
            Zeroizing::new((0..count).map(|_| randomness.scalar()).collect())
        };
        let masks: Zeroizing<Vec<Fr>> = draw(randomness);
        let nonces: Zeroizing<Vec<Fr>> = draw(randomness);
        let mut g = fold_weights::fold(&self.key.weights, self.key.omega, alpha);
        g[0] += masks[0];
        g[1] += masks[1];
        let quotients = self.quotients(alpha).into_iter().zip(&masks[2..]);
        let c_q = quotients
            .map(|(q, s)| (G1Projective::from(q) + G1Affine::generator() * s).into_affine())
            .collect();
        FoldedModel {
            d: schnorr_point(self.tau, &self.moduli, &roots, &masks),
            a_d: schnorr_point(self.tau, &self.moduli, &roots, &nonces),
            g,
            c_q,
            masks,
            nonces,
        }
    }

    /// `[q_1]_1 (, [q_2]_1)` without masks.
    fn quotients(&self, alpha: Fr) -> Vec<G1Affine> {
        let weights = self.key.vk.quotient_weights(alpha);
        self.quotients
            .iter()
            .zip(&weights)
            .map(|(table, weights)| table.msm(weights))
            .collect()
    }
}
