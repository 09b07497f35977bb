//! §6 M2: `G`, its quotient commitments and the proof that `D` is a blinding.

use core::fmt;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use zeroize::Zeroizing;

use super::Prover;
use crate::error::KeyError;
use crate::fold_weights;
use crate::kernels::FixedBase;
use crate::randomness::Randomness;
use crate::srs::Srs;

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
pub(crate) struct Blinding {
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

/// Tables for the points that M2 multiplies for a model.
pub(crate) struct ModelPoints {
    /// For `P_d`, or for `O_{c,e}` and `O_c`: the points of `q_1 (, q_2)`.
    quotients: Vec<FixedBase>,
    /// For `[1]_1, [tau]_1` and `[tau^{2^j}]_1` of the quotient moduli.
    pub(crate) blinding: FixedBase,
}

impl fmt::Debug for ModelPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelPoints")
    }
}

impl ModelPoints {
    /// Tabulates the quotient points and the SRS points for moduli with these exponents.
    pub(crate) fn new(quotients: Vec<&[G1Affine]>, exponents: &[usize], srs: &Srs) -> Result<Self, KeyError> {
        let power = |j: usize| {
            let got = srs.powers().len();
            srs.pinned().g1(j).ok_or(KeyError::SrsTooSmall { needed: 1 << j, got })
        };
        let mut blinding = vec![G1Affine::generator(), power(0)?];
        for j in exponents {
            blinding.push(power(*j)?);
        }
        let quotients = quotients.into_iter().map(FixedBase::new).collect();
        Ok(Self { quotients, blinding: FixedBase::new(&blinding) })
    }

    /// The blinding of one proof.
    pub(crate) fn draw(&self, randomness: &mut Randomness) -> Blinding {
        let count = 2 + self.quotients.len();
        let mut draw = || Zeroizing::new((0..count).map(|_| randomness.scalar()).collect());
        let (masks, nonces) = (draw(), draw());
        Blinding { masks, nonces }
    }

    /// M2: masks `g`, which is `f mod X^b - alpha`, and makes the quotient commitments from their
    /// weights, `D` and `A_D`.
    pub(crate) fn fold(
        &self,
        mut g: Zeroizing<Vec<Fr>>,
        roots: &[Fr],
        weights: &[Vec<Fr>],
        blinding: Blinding,
    ) -> FoldedModel {
        let Blinding { masks, nonces } = blinding;
        g[0] += masks[0];
        g[1] += masks[1];
        let (d, a_d) = (blinding_coefficients(roots, &masks), blinding_coefficients(roots, &nonces));
        // `D`, `A_D` and the masks `s_j [1]` of the quotients in one pass.
        let mut jobs = vec![d.as_slice(), a_d.as_slice()];
        jobs.extend(masks[2..].chunks(1));
        let points = self.blinding.msm_many(&jobs);
        // `[q_1]_1 (, [q_2]_1)` without masks.
        let quotients = self.quotients.iter().zip(weights).map(|(table, weights)| table.msm(weights));
        let c_q = quotients.zip(&points[2..]).map(|(q, s)| (G1Projective::from(q) + s).into_affine());
        FoldedModel { c_q: c_q.collect(), d: points[0], a_d: points[1], g, masks, nonces }
    }
}

impl Prover {
    /// M2: `G`, the quotient commitments, `D` and `A_D`.
    pub(super) fn fold_model(&self, alpha: Fr, blinding: Blinding) -> FoldedModel {
        let g = fold_weights::fold(&self.key.weights, self.key.omega, alpha);
        self.points.fold(g, &self.key.vk.roots(alpha), &self.key.vk.quotient_weights(alpha), blinding)
    }
}
