//! §6 M2: `G`, its quotient commitments and the proof that `D` is a blinding.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
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

/// The fresh scalars of one proof that blind the model.
pub(super) struct Blinding {
    masks: Zeroizing<Vec<Fr>>,
    nonces: Zeroizing<Vec<Fr>>,
}

/// Coefficients of `D` or `A_D` on `[1], [tau], [tau^{2^j}]`:
/// `v_0 + v_1 X + sum_j v_{2+j} (X^{2^j} - root_j)`.
fn blinding_coefficients(roots: &[Fr], v: &[Fr]) -> Zeroizing<Vec<Fr>> {
    let mut out = Zeroizing::new(v.to_vec());
    for (v, root) in v[2..].iter().zip(roots) {
        out[0] -= *v * root;
    }
    out
}

impl Prover {
    /// The blinding of one proof.
    pub(super) fn draw_blinding(&self, randomness: &mut Randomness) -> Blinding {
        let count = 2 + self.key.vk.level().count();
        let mut draw = || Zeroizing::new((0..count).map(|_| randomness.scalar()).collect());
        let (masks, nonces) = (draw(), draw());
        Blinding { masks, nonces }
    }

    /// M2: `G`, the quotient commitments, `D` and `A_D`.
    pub(super) fn fold_model(&self, alpha: Fr, blinding: Blinding) -> FoldedModel {
        let Blinding { masks, nonces } = blinding;
        let roots = self.key.vk.roots(alpha);
        let mut g = fold_weights::fold(&self.key.weights, self.key.omega, alpha);
        g[0] += masks[0];
        g[1] += masks[1];
        let (d, a_d) = (blinding_coefficients(&roots, &masks), blinding_coefficients(&roots, &nonces));
        // `D`, `A_D` and the masks `s_j [1]` of the quotients in one pass.
        let mut jobs = vec![d.as_slice(), a_d.as_slice()];
        jobs.extend(masks[2..].chunks(1));
        let points = self.blinding.msm_many(&jobs);
        let quotients = self.quotients(alpha).into_iter().zip(&points[2..]);
        FoldedModel {
            c_q: quotients.map(|(q, s)| (G1Projective::from(q) + s).into_affine()).collect(),
            d: points[0],
            a_d: points[1],
            g,
            masks,
            nonces,
        }
    }

    /// `[q_1]_1 (, [q_2]_1)` without masks.
    fn quotients(&self, alpha: Fr) -> Vec<G1Affine> {
        let weights = self.key.vk.quotient_weights(alpha);
        self.quotients.iter().zip(&weights).map(|(table, weights)| table.msm(weights)).collect()
    }
}
