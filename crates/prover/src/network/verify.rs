//! N8: the verifier.

use ark_bn254::Fr;
use rayon::prelude::*;

use super::functions::Functions;
use super::keys::NetworkVerifyingKey;
use super::layout::Size;
use super::messages::start;
use super::phi::{Order, phi};
use super::proof::{NetworkProof, Shape};
use super::statement::{self, NetworkStatement};
use crate::error::{Check, KeyError, VerifyError};
use crate::many::{self, Verdicts};
use crate::opening::verify::{self as opening, CommittedInstance, Equation, Instance, Opening, SrsPoints};
use crate::pinned::PinnedSrs;
use crate::prove::bound_sigma;
use crate::rules::{Rule, Rules};
use crate::sumcheck::verify::cubic;
use crate::transcript::{NetworkChallenges1, NetworkChallenges2};

/// All challenges of a proof, for comparison with other implementations.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkChallenges {
    /// After M1.
    pub m1: NetworkChallenges1,
    /// After M2.
    pub m2: NetworkChallenges2,
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

/// One proof to verify together with others.
#[derive(Debug, Clone, Copy)]
pub struct NetworkClaim<'a> {
    /// The verifier of its network.
    pub verifier: &'a NetworkVerifier,
    /// Its statements, in order.
    pub statements: &'a [NetworkStatement],
    /// Its canonical bytes.
    pub proof: &'a [u8],
}

/// [`crate::verify_many`] for proofs of networks, of one or of several keys: one product of pairings per SRS, with one
/// pair more per distinct modulus of their quotients. A proof whose V1 to V6 fail never enters it.
///
/// A proof that [`NetworkVerifier::verify`] refuses is accepted with probability at most `2^-128`.
#[must_use]
pub fn verify_many(claims: &[NetworkClaim<'_>]) -> Verdicts {
    verify_many_rules(claims, Rules::default())
}

pub(crate) fn verify_many_rules(claims: &[NetworkClaim<'_>], rules: Rules) -> Verdicts {
    let reduce = |c: &NetworkClaim<'_>| c.verifier.reduce(c.statements, c.proof, rules).map(|(_, e)| e);
    let reduced: Vec<Result<Equation, VerifyError>> = claims.par_iter().map(reduce).collect();
    let points = claims.iter().map(|c| (c.verifier.vk.srs_id(), &c.verifier.points));
    many::settle(points.zip(reduced), rules)
}

/// Verifies proofs of one network under one pinned SRS.
#[derive(Debug, Clone)]
pub struct NetworkVerifier {
    vk: NetworkVerifyingKey,
    vkd: [u8; 32],
    points: SrsPoints,
}

impl NetworkVerifier {
    /// A verifier. All SRS points come from `pinned`, none from the key.
    ///
    /// What a valid proof says is what the program says. That the program is a function is for whoever registered
    /// the key to have checked: [`NetworkVerifyingKey::check`].
    ///
    /// # Errors
    /// The key names another SRS, or `pinned` does not reach the powers it needs.
    pub fn new(vk: NetworkVerifyingKey, pinned: &PinnedSrs) -> Result<Self, KeyError> {
        if vk.srs_id() != pinned.id() {
            return Err(KeyError::SrsMismatch);
        }
        Ok(Self { points: SrsPoints::new(pinned, &vk.exponents())?, vkd: vk.digest(), vk })
    }

    /// The verifying key.
    #[must_use]
    pub fn key(&self) -> &NetworkVerifyingKey {
        &self.vk
    }

    /// Verifies one proof for all `statements`, in order. That the model id belongs to this key is
    /// for the caller to know.
    ///
    /// # Errors
    /// Anything but `Ok` means that the proof must not be believed.
    pub fn verify(&self, statements: &[NetworkStatement], proof: &[u8]) -> Result<(), VerifyError> {
        self.verify_rules(statements, proof, Rules::default()).map(drop)
    }

    /// The challenges of a proof that verifies.
    ///
    /// # Errors
    /// As for [`Self::verify`].
    pub fn challenges(&self, statements: &[NetworkStatement], proof: &[u8]) -> Result<NetworkChallenges, VerifyError> {
        self.verify_rules(statements, proof, Rules::default())
    }

    /// The number of bytes of a proof for `samples` samples.
    ///
    /// # Errors
    /// `samples` is out of bounds.
    pub fn proof_len(&self, samples: usize) -> Result<usize, VerifyError> {
        Ok(self.shape(Size::new(self.vk.program().parts(), samples)?).bytes())
    }

    fn shape(&self, size: Size) -> Shape {
        Shape { order: Order::new(self.vk.program().parts()), levels: self.vk.level().count(), size }
    }

    pub(crate) fn verify_rules(
        &self,
        statements: &[NetworkStatement],
        proof: &[u8],
        rules: Rules,
    ) -> Result<NetworkChallenges, VerifyError> {
        let (challenges, equation) = self.reduce(statements, proof, rules)?;
        if rules.on(Rule::V7) && !many::holds(&self.points, &equation) {
            return Err(VerifyError::Rejected(Check::V7));
        }
        Ok(challenges)
    }

    /// V1 to V6: everything but the pairings.
    fn reduce(
        &self,
        statements: &[NetworkStatement],
        proof: &[u8],
        rules: Rules,
    ) -> Result<(NetworkChallenges, Equation), VerifyError> {
        // V1
        let p = self.vk.program().parts();
        let size = Size::new(p, statements.len())?;
        statement::check(p, statements)?;
        let proof = NetworkProof::from_bytes(self.shape(size), proof)?;
        self.reduce_parsed(statements, &proof, size, rules).map_err(VerifyError::Rejected)
    }

    /// V2 to V6.
    fn reduce_parsed(
        &self,
        statements: &[NetworkStatement],
        proof: &NetworkProof,
        size: Size,
        rules: Rules,
    ) -> Result<(NetworkChallenges, Equation), Check> {
        let p = self.vk.program().parts();
        let order = Order::new(p);
        let values = statement::elements(statements);

        // V2 and V3: the transcript yields every challenge only after what it binds.
        let transcript = start(&self.vkd, self.vk.program(), statements, rules);
        let (transcript, m1) = transcript.m1(&proof.m1);
        let sigma = bound_sigma(proof.sigma, rules);
        let (mut transcript, m2) = transcript.m2(&proof.m2_points(), sigma, size.rows.variables());
        let functions = Functions::new(p, size, &m1, &m2, &values, rules).ok_or(Check::V2)?;
        let mut claim = functions.claim(&values) + m2.zeta * proof.sigma;
        let mut r = Vec::with_capacity(size.rows.variables());
        for e in &proof.rounds {
            let (next, challenge) = transcript.round(e);
            transcript = next;
            claim = cubic(claim, e, challenge);
            r.push(challenge);
        }
        let (transcript, rho) = transcript.m4(&proof.evals);
        let (transcript, x) = transcript.m5(&proof.c_f, &proof.fin);
        let (transcript, eta) = transcript.m6(&proof.fold_values);
        let (transcript, z) = transcript.pi_1(&proof.pi[0]);
        let delta = transcript.pi_2(&proof.pi[1], &proof.zr);

        // V4
        let at_r = functions.evaluate(&m2.xi, &r);
        let expected = phi(p, &functions, &at_r, &proof.evals, m1.beta, m2.zeta);
        if rules.on(Rule::V4) && claim != expected {
            return Err(Check::V4);
        }

        // V2 for x, V5 and V6
        let moduli = self.points.moduli(self.vk.level().roots(m1.alpha));
        let committed = p.committed_ports().enumerate().map(|(s, (port, _))| CommittedInstance {
            rule: Rule::SchnorrTensor,
            power: 2 + s as u64,
            level: size.tensor_level(s),
            points: statement::points(statements, port),
        });
        let committed: Vec<CommittedInstance> = committed.collect();
        let instance = Instance {
            columns: proof.columns(order, size, self.vk.fixed()),
            g: (order.g(), size.lo()),
            commitment: self.vk.commitment(),
            moduli: &moduli,
            tau_g1: self.points.tau.0,
            c_d: m2.c_d,
            mu: m1.mu,
            committed: &committed,
            r: &r,
        };
        let equation = opening::reduce(proof.messages(), &instance, Opening { rho, x, eta, z, delta }, rules)?;
        Ok((NetworkChallenges { m1, m2, r, rho, x, eta, z, delta }, equation))
    }
}
