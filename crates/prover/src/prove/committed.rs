//! §10: the prover's side of committed tensors: their points, and a masked copy for each proof.

use core::fmt;

use ark_bn254::{Fr, G1Affine};
use zeroize::{Zeroize, Zeroizing};

use super::{Prover, Request};
use crate::circuit::Side;
use crate::circuit::layout::FIRST;
use crate::encoding::signed;
use crate::error::ProveError;
use crate::kernels::FixedBase;
use crate::randomness::Randomness;
use crate::statement::PublicValues;
use crate::tensor::{CommittedTensor, SampleSecrets, coefficients};

/// The tensors of one committed side, one per sample. Secret.
pub(crate) struct Tensors {
    pub(crate) side: Side,
    /// `t^k`, per sample.
    pub(crate) elements: Vec<Zeroizing<Vec<i64>>>,
    /// `b_k`, per sample.
    pub(crate) blindings: Zeroizing<Vec<Fr>>,
}

impl fmt::Debug for Tensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tensors").field("side", &self.side).finish_non_exhaustive()
    }
}

/// What M2 sends for one committed side, and the scalars behind it.
pub(crate) struct MaskedTensors {
    /// `e_0, e_1`.
    pub(crate) masks: [Fr; 2],
    /// `a_0, a_1`.
    pub(crate) nonces: [Fr; 2],
    /// `D_s`.
    pub(crate) d: G1Affine,
    /// `A_Ds`.
    pub(crate) a_d: G1Affine,
}

impl fmt::Debug for MaskedTensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskedTensors")
    }
}

impl Drop for MaskedTensors {
    fn drop(&mut self) {
        [&mut self.masks, &mut self.nonces].into_iter().for_each(Zeroize::zeroize);
    }
}

impl MaskedTensors {
    /// `D_s` and `A_Ds` from fresh scalars; `points` are `[1]_1, [tau]_1, ..`.
    pub(crate) fn draw(points: &FixedBase, randomness: &mut Randomness) -> Self {
        let (masks, nonces): ([Fr; 2], [Fr; 2]) = (randomness.scalars(), randomness.scalars());
        let points = points.msm_many(&[&masks, &nonces]);
        Self { masks, nonces, d: points[0], a_d: points[1] }
    }

    /// `X_s = sum_k mu^k X_k + e_0 + e_1 X`, by position, from the elements and blindings of the samples.
    pub(crate) fn combine(&self, elements: &[Zeroizing<Vec<i64>>], blindings: &[Fr], mu: Fr) -> Zeroizing<Vec<Fr>> {
        let longest = elements.iter().map(|t| t.len()).max().unwrap_or(0);
        let mut out = Zeroizing::new(vec![Fr::default(); FIRST + longest]);
        let mut weight = Fr::from(1u64);
        for (elements, blinding) in elements.iter().zip(blindings) {
            out[0] += weight * blinding;
            out[FIRST..].iter_mut().zip(elements.iter()).for_each(|(o, e)| *o += weight * signed(*e));
            weight *= mu;
        }
        out.iter_mut().zip(self.masks).for_each(|(o, e)| *o += e);
        out
    }

    /// M7: `e_i` hidden by `a_i`.
    pub(crate) fn responses(&self, c_d: Fr) -> [Fr; 2] {
        core::array::from_fn(|i| self.nonces[i] + c_d * self.masks[i])
    }
}

impl Prover {
    /// The committed sides of all samples. Every sample needs exactly their secrets.
    pub(super) fn tensors(
        &self,
        values: &[PublicValues],
        secrets: &[SampleSecrets],
    ) -> Result<Vec<Tensors>, ProveError> {
        let sides = self.key.vk.shape().committed().sides();
        let tensors = sides.map(|side| {
            let mut tensors = Tensors { side, elements: Vec::new(), blindings: Zeroizing::new(Vec::new()) };
            for (sample, (values, secrets)) in values.iter().zip(secrets).enumerate() {
                let elements: Vec<i64> = match side {
                    Side::Inputs => values.inputs.iter().map(|x| i64::from(*x)).collect(),
                    Side::Outputs => values.outputs.clone(),
                };
                let secret = secrets.side(side).ok_or(ProveError::Secrets { sample })?;
                tensors.blindings.push(secret.blinding(&elements));
                tensors.elements.push(Zeroizing::new(elements));
            }
            Ok(tensors)
        });
        tensors.collect()
    }

    /// Puts points in the place of what they hide.
    pub(super) fn publish(&self, values: &mut [PublicValues], tensors: &[Tensors]) {
        for side in tensors {
            let polynomials: Vec<_> =
                side.elements.iter().zip(side.blindings.iter()).map(|(e, b)| coefficients(*b, e)).collect();
            let slices: Vec<&[Fr]> = polynomials.iter().map(|p| p.as_slice()).collect();
            for (values, point) in values.iter_mut().zip(self.powers.commit(&slices)) {
                let point = Some(CommittedTensor(point));
                match side.side {
                    Side::Inputs => {
                        values.inputs.zeroize();
                        values.input_point = point;
                    }
                    Side::Outputs => {
                        values.outputs.zeroize();
                        values.output_point = point;
                    }
                }
            }
        }
    }

    /// M2: `D_s` and `A_Ds` from fresh scalars.
    pub(super) fn mask_tensors(&self, tensors: &[Tensors], randomness: &mut Randomness) -> Vec<MaskedTensors> {
        tensors.iter().map(|_| MaskedTensors::draw(&self.points.blinding, randomness)).collect()
    }
}

/// Fails unless there are secrets for exactly the committed sides of every sample.
pub(super) fn check_secrets(
    prover: &Prover,
    requests: &[Request],
    secrets: &[SampleSecrets],
) -> Result<(), ProveError> {
    let committed = prover.key.vk.shape().committed();
    let wrong =
        |s: &SampleSecrets| [Side::Inputs, Side::Outputs].iter().any(|x| s.side(*x).is_some() != committed.has(*x));
    match secrets.iter().position(wrong) {
        Some(sample) => Err(ProveError::Secrets { sample }),
        None if secrets.len() != requests.len() => {
            Err(ProveError::Secrets { sample: secrets.len().min(requests.len()) })
        }
        None => Ok(()),
    }
}
