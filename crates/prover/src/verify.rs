//! §7: the verifier.

use ark_bn254::Fr;

use crate::circuit::layout::Columns;
use crate::circuit::{Layout, Side};
use crate::error::{Check, KeyError, VerifyError};
use crate::keys::VerifyingKey;
use crate::many;
use crate::opening::verify::{self as opening, CommittedInstance, Equation, Instance, Opening, SrsPoints};
use crate::pinned::PinnedSrs;
use crate::proof::{Proof, ProofShape};
use crate::prove::{bound_sigma, start};
use crate::rules::{Rule, Rules};
use crate::statement::{self, PublicValues, Statement};
use crate::sumcheck::functions::Functions;
use crate::sumcheck::phi::{EvalOrder, phi};
use crate::sumcheck::verify::cubic;
use crate::transcript::{Challenges1, Challenges2};

/// All challenges of a proof, for comparison with other implementations.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenges {
    /// After M1.
    pub m1: Challenges1,
    /// After M2.
    pub m2: Challenges2,
    /// `r_0..r_{l-1}`.
    pub r: Vec<Fr>,
    /// After M4.
    pub rho: Fr,
    /// After M5.
    pub x: Fr,
    /// After M6.
    pub eta: Fr,
    /// After `pi_1`.
    pub z: Fr,
    /// After `pi_2`.
    pub delta: Fr,
}

/// Verifies proofs of one model under one pinned SRS.
#[derive(Debug, Clone)]
pub struct Verifier {
    vk: VerifyingKey,
    layout: Layout,
    vkd: [u8; 32],
    pub(crate) points: SrsPoints,
}

impl Verifier {
    /// A verifier. All SRS points come from `pinned`, none from the key (§3).
    ///
    /// # Errors
    /// The key names another SRS, or `pinned` does not reach the powers it needs.
    pub fn new(vk: VerifyingKey, pinned: &PinnedSrs) -> Result<Self, KeyError> {
        if vk.srs_id() != pinned.id() {
            return Err(KeyError::SrsMismatch);
        }
        let points = SrsPoints::new(pinned, &vk.exponents())?;
        Ok(Self { layout: Layout::new(vk.shape()), vkd: vk.digest(), vk, points })
    }

    /// The verifying key.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.vk
    }

    /// Verifies one proof for all `statements`, in order. The statement ids are recomputed from
    /// the public values that are checked. That the model id belongs to this key is for the caller
    /// to know.
    ///
    /// # Errors
    /// Anything but `Ok` means that the proof must not be believed.
    pub fn verify(&self, statements: &[Statement], proof: &[u8]) -> Result<(), VerifyError> {
        self.verify_rules(statements, proof, Rules::default()).map(drop)
    }

    /// The challenges of a proof that verifies.
    ///
    /// # Errors
    /// As for [`Self::verify`].
    pub fn challenges(&self, statements: &[Statement], proof: &[u8]) -> Result<Challenges, VerifyError> {
        self.verify_rules(statements, proof, Rules::default())
    }

    /// The number of bytes of a proof for `samples` samples.
    ///
    /// # Errors
    /// `samples` is outside §1.1.
    pub fn proof_len(&self, samples: usize) -> Result<usize, VerifyError> {
        Ok(self.proof_shape(self.layout.columns(samples)?).bytes())
    }

    fn proof_shape(&self, size: Columns) -> ProofShape {
        ProofShape {
            ell: self.vk.shape().limbs(),
            levels: self.vk.level().count(),
            size,
            committed: self.vk.shape().committed().count(),
        }
    }

    pub(crate) fn verify_rules(
        &self,
        statements: &[Statement],
        proof: &[u8],
        rules: Rules,
    ) -> Result<Challenges, VerifyError> {
        let (challenges, equation) = self.reduce(statements, proof, rules)?;
        if rules.on(Rule::V7) && !many::holds(&self.points, &equation) {
            return Err(VerifyError::Rejected(Check::V7));
        }
        Ok(challenges)
    }

    /// V1 to V6: everything but the pairings.
    pub(crate) fn reduce(
        &self,
        statements: &[Statement],
        proof: &[u8],
        rules: Rules,
    ) -> Result<(Challenges, Equation), VerifyError> {
        // V1
        let size = self.layout.columns(statements.len())?;
        statement::check(self.vk.shape(), statements)?;
        let proof = Proof::from_bytes(self.proof_shape(size), proof)?;
        self.reduce_parsed(statements, &proof, size, rules).map_err(VerifyError::Rejected)
    }

    fn reduce_parsed(
        &self,
        statements: &[Statement],
        proof: &Proof,
        size: Columns,
        rules: Rules,
    ) -> Result<(Challenges, Equation), Check> {
        let shape = self.vk.shape();
        let ell = shape.limbs();
        let values: Vec<PublicValues> = statements.iter().map(|s| s.values.clone()).collect();

        // V2 and V3: the transcript yields every challenge only after what it binds.
        let transcript = start(&self.vkd, statements, rules);
        let (transcript, m1) = transcript.m1(&proof.c_l);
        let (mut transcript, m2) = transcript.m2(&proof.m2_points(), bound_sigma(proof.sigma, rules), size.variables());
        let functions = Functions::new(shape, size, &m1, &m2, rules);
        let mut claim = functions.claim(&values, &m1, &m2, rules) + m2.zeta * proof.sigma;
        let mut r = Vec::with_capacity(size.variables());
        for e in &proof.rounds {
            let (next, challenge) = transcript.round(e);
            transcript = next;
            claim = cubic(claim, e, challenge);
            r.push(challenge);
        }
        let (transcript, rho) = transcript.m4(&proof.evals);
        let (transcript, x) = transcript.m5(&proof.c_f, &proof.fin);
        let (transcript, eta) = transcript.m6(&proof.fold_values);
        let (transcript, z) = transcript.pi_1(&proof.pi_1);
        let delta = transcript.pi_2(&proof.pi_2, &proof.zr);

        // V4
        let at_r = functions.evaluate(size, &m2.xi, &r);
        let expected = phi(&proof.evals, &at_r, ell, m1.beta, m2.zeta, &functions.lambda, rules);
        if rules.on(Rule::V4) && claim != expected {
            return Err(Check::V4);
        }

        // V2 for x, V5 and V6
        let moduli = self.points.moduli(self.vk.roots(m1.alpha));
        let tensor = |side| {
            let (rule, power) = match side {
                Side::Inputs => (Rule::SchnorrInputs, 2),
                Side::Outputs => (Rule::SchnorrOutputs, 3),
            };
            let points = statements.iter().filter_map(|s| s.values.point(side)).map(|p| p.0).collect();
            CommittedInstance { rule, power, level: size.kappa, points }
        };
        let committed: Vec<CommittedInstance> = shape.committed().sides().map(tensor).collect();
        let order = EvalOrder { ell };
        let instance = Instance {
            columns: proof.columns(),
            g: (order.g(), size.kappa),
            commitment: self.vk.commitment(),
            moduli: &moduli,
            tau_g1: self.points.tau.0,
            c_d: m2.c_d,
            mu: m2.mu,
            committed: &committed,
            r: &r,
        };
        let equation = opening::reduce(proof.messages(), &instance, Opening { rho, x, eta, z, delta }, rules)?;
        Ok((Challenges { m1, m2, r, rho, x, eta, z, delta }, equation))
    }
}
