//! The evaluation opening (M5 to M7, V5 to V7) on its own: one multilinear polynomial, one point,
//! one value, so that its verdicts can be compared with those of other implementations. Nothing here
//! is secret and nothing is masked; it is no part of the public interface.

use ark_bn254::{Fr, G1Affine};
use ark_ff::AdditiveGroup;
use zeroize::Zeroizing;

use crate::circuit::Shape;
use crate::circuit::layout::Columns;
use crate::commit::Powers;
use crate::encoding::{keccak, point_bytes, scalar_bytes};
use crate::error::{Check, KeyError, ProveError, VerifyError};
use crate::keys::{Level, VerifyingKey};
use crate::many;
use crate::mle;
use crate::opening::prove::{Folds, add};
use crate::opening::verify::{self as opening, Instance, Opening};
use crate::proof::{FINAL, Proof, ProofShape};
use crate::rules::Rules;
use crate::srs::Srs;
use crate::sumcheck::phi::EvalOrder;
use crate::transcript::{Transcript, stage};
use crate::verify::Verifier;

/// Limb columns of the proof that the opening is part of.
const ELL: usize = 6;
/// The column that holds the polynomial: any but the first, so that its weight is not 1.
const COLUMN: usize = 3;

/// Where in the batched opening the polynomial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is a committed column.
    Column,
    /// It is `G`, which enters at level `kappa`, below `kappa` sample variables.
    Model {
        /// `kappa`.
        kappa: usize,
    },
}

impl Place {
    /// Index of the polynomial among the evaluations of M4.
    fn index(self) -> usize {
        match self {
            Self::Column => COLUMN,
            Self::Model { .. } => EvalOrder { ell: ELL }.g(),
        }
    }

    fn kappa(self) -> usize {
        match self {
            Self::Column => 0,
            Self::Model { kappa } => kappa,
        }
    }

    /// `r_0..r_{l-1}`: the sample variables, on which `G` does not depend, are 2.
    fn full(self, point: &[Fr]) -> Vec<Fr> {
        [&vec![Fr::from(2u64); self.kappa()], point].concat()
    }

    fn shape(self, variables: usize) -> ProofShape {
        let (kappa, nu) = (self.kappa(), variables);
        let size = Columns { samples: 1 << kappa, kappa, nu, positions: 1 << nu };
        ProofShape { ell: ELL, levels: 0, size, committed: 0 }
    }
}

/// That the multilinear polynomial behind `commitment` is `value` at `point` (variable 0 first).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// `[sum_a p(a) X^a]_1`.
    pub commitment: G1Affine,
    /// At least 4 coordinates.
    pub point: Vec<Fr>,
    /// The value.
    pub value: Fr,
}

impl Evaluation {
    /// The commitment as 64 bytes (§4).
    #[must_use]
    pub fn commitment_bytes(&self) -> [u8; 64] {
        point_bytes(&self.commitment)
    }

    /// Everything of the proof that precedes M5: zero but for the commitment and the value.
    fn proof(&self, place: Place) -> Proof {
        let (size, zero) = (place.shape(self.point.len()).size, G1Affine::identity());
        let mut evals = vec![Fr::ZERO; EvalOrder { ell: ELL }.count(0)];
        evals[place.index()] = self.value;
        let mut c_l = vec![zero; ELL + 1];
        if place == Place::Column {
            c_l[COLUMN] = self.commitment;
        }
        Proof {
            c_l,
            c_h: vec![zero; ELL + 1],
            c_s: [zero; 4],
            c_q: Vec::new(),
            d: zero,
            a_d: zero,
            d_committed: Vec::new(),
            sigma: Fr::ZERO,
            rounds: vec![[Fr::ZERO; 3]; size.variables()],
            evals,
            c_f: vec![zero; size.folds() - 1],
            fin: [Fr::ZERO; FINAL],
            fold_values: vec![[Fr::ZERO; 2]; size.folds()],
            pi_1: zero,
            pi_2: zero,
            zr: vec![Fr::ZERO; 2],
        }
    }

    /// The transcript up to M4, and `rho`. The evaluation takes the place of the public values.
    fn transcript(&self, proof: &Proof) -> (Transcript<stage::M5>, Fr) {
        let mut public = point_bytes(&self.commitment).to_vec();
        self.point.iter().chain([&self.value]).for_each(|s| public.extend(scalar_bytes(s)));
        let domain = keccak(&[b"zkinfer/opening alone"]);
        let (transcript, _) = Transcript::new(&domain, 1, &[0; 32], &public).m1(&proof.c_l);
        let (mut transcript, _) = transcript.m2(&proof.m2_points(), proof.sigma, 0);
        for e in &proof.rounds {
            (transcript, _) = transcript.round(e);
        }
        transcript.m4(&proof.evals)
    }
}

/// Opens and verifies evaluations under one SRS.
#[derive(Debug)]
pub struct Opener {
    powers: Powers,
    srs: Srs,
}

impl Opener {
    /// For polynomials of at most `2^variables` coefficients, all of them under `srs`.
    ///
    /// # Errors
    /// There are too few powers.
    pub fn new(srs: &Srs, variables: usize) -> Result<Self, KeyError> {
        let (needed, got) = (1 << variables, srs.powers().len());
        if got < needed {
            return Err(KeyError::SrsTooSmall { needed, got });
        }
        Ok(Self { powers: Powers::new(&srs.powers()[..needed]), srs: srs.clone() })
    }

    /// `[sum_a p(a) X^a]_1`.
    pub fn commit(&self, polynomial: &[Fr]) -> G1Affine {
        self.powers.commit(&[polynomial])[0]
    }

    /// Folds `polynomial` at `point` in a proof of `claim`. It convinces if `claim` is true of them;
    /// if it is not, this is a prover that claims something else than it computes.
    ///
    /// # Errors
    /// A challenge has one of the values of V2.
    pub fn prove(
        &self,
        claim: &Evaluation,
        polynomial: &[Fr],
        point: &[Fr],
        place: Place,
    ) -> Result<Vec<u8>, ProveError> {
        let mut proof = claim.proof(place);
        let (transcript, rho) = claim.transcript(&proof);
        let mut weighted = Vec::new();
        add(&mut weighted, polynomial, mle::powers(rho, place.index() + 1)[place.index()]);
        let size = place.shape(point.len()).size;
        let (p_0, inj) = match place {
            Place::Column => (weighted, Vec::new()),
            Place::Model { .. } => (vec![Fr::ZERO; size.n()], weighted),
        };
        let (p_0, inj, r) = (Zeroizing::new(p_0), Zeroizing::new(inj), place.full(point));
        let folds = Folds::new(p_0, [(size.kappa, inj)], &r, Rules::default());
        (proof.c_f, proof.fin) = (folds.commit(&self.powers), folds.fin);
        let (transcript, x) = transcript.m5(&proof.c_f, &proof.fin);
        proof.fold_values = folds.values(x);
        let (transcript, eta) = transcript.m6(&proof.fold_values);
        (_, proof.pi_1, proof.pi_2) = folds.open(&self.powers, x, eta, transcript)?;
        Ok(proof.to_bytes())
    }

    /// V1 for the bytes, V2 for `x`, and V5 to V7.
    ///
    /// # Errors
    /// The proof does not show the evaluation.
    pub fn verify(&self, claim: &Evaluation, place: Place, proof: &[u8]) -> Result<(), VerifyError> {
        self.verify_at(claim, place, proof, None)
    }

    /// Like [`Self::verify`]; a test can choose the challenge `x`.
    fn verify_at(&self, claim: &Evaluation, place: Place, proof: &[u8], chosen: Option<Fr>) -> Result<(), VerifyError> {
        let shape = place.shape(claim.point.len());
        let proof = Proof::from_bytes(shape, proof)?;
        let before = claim.proof(place);
        if (&proof.c_l, &proof.evals) != (&before.c_l, &before.evals) {
            return Err(VerifyError::Rejected(Check::V4));
        }
        let (transcript, rho) = claim.transcript(&proof);
        let (transcript, x) = transcript.m5(&proof.c_f, &proof.fin);
        let (transcript, eta) = transcript.m6(&proof.fold_values);
        let (transcript, z) = transcript.pi_1(&proof.pi_1);
        let delta = transcript.pi_2(&proof.pi_2, &proof.zr);
        let commitment = if place == Place::Column { G1Affine::identity() } else { claim.commitment };
        // The verifier of a key with this commitment; of its shape nothing is used.
        let key = VerifyingKey::new(Shape::new(vec![1, 1], None)?, Level::One, *self.srs.id(), commitment)?;
        let verifier = Verifier::new(key, self.srs.pinned())?;
        let order = EvalOrder { ell: proof.c_l.len() - 1 };
        let instance = Instance {
            columns: proof.columns(),
            g: (order.g(), shape.size.kappa),
            commitment,
            moduli: &[],
            tau_g1: verifier.points.tau.0,
            c_d: Fr::ZERO,
            mu: Fr::ZERO,
            committed: &[],
            r: &place.full(&claim.point),
        };
        let challenges = Opening { rho, x: chosen.unwrap_or(x), eta, z, delta };
        let equation = opening::reduce(proof.messages(), &instance, challenges, Rules::default())
            .map_err(VerifyError::Rejected)?;
        if many::holds(&verifier.points, &equation) { Ok(()) } else { Err(VerifyError::Rejected(Check::V7)) }
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::Field;

    use super::*;
    use crate::testing::srs;

    /// V2: `x^2` has to be apart from `x` and `-x`, and `2x` has an inverse.
    #[test]
    fn x_is_not_0_1_or_minus_1() {
        let opener = Opener::new(srs(), 4).unwrap();
        let point = vec![Fr::from(9u64); 4];
        // The zero polynomial: every other check holds whatever x is.
        let claim = Evaluation { commitment: G1Affine::identity(), point: point.clone(), value: Fr::ZERO };
        for place in [Place::Column, Place::Model { kappa: 0 }] {
            let proof = opener.prove(&claim, &[Fr::ZERO; 16], &point, place).unwrap();
            let verdict = |x: Fr| opener.verify_at(&claim, place, &proof, Some(x));
            assert!(verdict(Fr::from(2u64)).is_ok());
            for x in [Fr::ZERO, Fr::ONE, -Fr::ONE] {
                assert!(matches!(verdict(x), Err(VerifyError::Rejected(Check::V2))));
            }
        }
    }
}
