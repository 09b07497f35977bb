//! §4, §6: the Fiat-Shamir transcript as a type that can only be used in order.
//!
//! `Transcript<Stage>` has exactly one method per stage. It absorbs the whole message of that stage
//! and only then returns the challenges that follow it, together with the next stage; the old value
//! is consumed. A challenge cannot be drawn before what it binds, and no message can be skipped.

use core::marker::PhantomData;

use ark_bn254::{Fr, G1Affine};
use ark_ff::PrimeField;

use crate::encoding::{keccak, point_bytes, scalar_bytes, word};

/// Domain of the transcript and version of the protocol.
const DOMAIN: &[u8] = b"zkinfer/native/v1";
/// Domain for general networks.
const NETWORK_DOMAIN: &[u8] = b"zkinfer/native/v2";

/// Stages, named after the message that comes next.
pub(crate) mod stage {
    #[derive(Debug)]
    pub(crate) enum M1 {}
    #[derive(Debug)]
    pub(crate) enum M2 {}
    /// M1 and M2 of general networks; from M3 on the stages are the same.
    #[derive(Debug)]
    pub(crate) enum NetworkM1 {}
    #[derive(Debug)]
    pub(crate) enum NetworkM2 {}
    #[derive(Debug)]
    pub(crate) enum M3 {}
    #[derive(Debug)]
    pub(crate) enum M5 {}
    #[derive(Debug)]
    pub(crate) enum M6 {}
    #[derive(Debug)]
    pub(crate) enum M7 {}
    #[derive(Debug)]
    pub(crate) enum M7Last {}
}

/// Challenges after M1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenges1 {
    /// Separates the rows of `f`.
    pub alpha: Fr,
    /// Pole of the lookup sums.
    pub beta: Fr,
}

/// Challenges after M2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenges2 {
    /// Batches the constraints.
    pub lambda: Fr,
    /// Separates the samples.
    pub mu: Fr,
    /// Separates inputs and constant wires.
    pub theta: Fr,
    /// Weight of the sumcheck masks.
    pub zeta: Fr,
    /// Challenge of the Schnorr proof for `D`.
    pub c_d: Fr,
    /// Point of the zero-checks, `l` scalars.
    pub xi: Vec<Fr>,
}

/// Challenges after M1 of a general network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkChallenges1 {
    /// Separates the rows of `f`.
    pub alpha: Fr,
    /// Pole of the lookup sums.
    pub beta: Fr,
    /// Separates the parts of a lookup.
    pub gamma: Fr,
    /// Separates the places where the same weights are used.
    pub chi: Fr,
    /// Separates the samples.
    pub mu: Fr,
}

/// Challenges after M2 of a general network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkChallenges2 {
    /// Batches the constraints.
    pub lambda: Fr,
    /// Separates the entries of hats and the indices of relations.
    pub theta: Fr,
    /// Separates the samples in the hats of products.
    pub psi: Fr,
    /// Weight of the sumcheck masks.
    pub zeta: Fr,
    /// Challenge of the Schnorr proof for `D`.
    pub c_d: Fr,
    /// Point of the zero-checks, `l` scalars.
    pub xi: Vec<Fr>,
}

/// The running hash `st`.
#[derive(Debug)]
pub(crate) struct Transcript<Stage> {
    st: [u8; 32],
    stage: PhantomData<Stage>,
}

/// Bytes of a message, in the order of the proof.
fn message(points: &[G1Affine], scalars: &[Fr]) -> Vec<u8> {
    let points = points.iter().flat_map(point_bytes);
    points.chain(scalars.iter().flat_map(scalar_bytes)).collect()
}

impl<Stage> Transcript<Stage> {
    /// Absorbs `bytes` (at least 32 by construction of every message).
    fn absorb(&mut self, bytes: &[u8]) {
        self.st = keccak(&[&self.st, bytes]);
    }

    fn challenge(&mut self) -> Fr {
        self.st = keccak(&[&self.st, &[1]]);
        Fr::from_be_bytes_mod_order(&self.st)
    }

    fn next<Next>(self) -> Transcript<Next> {
        Transcript { st: self.st, stage: PhantomData }
    }
}

impl<Stage> Transcript<Stage> {
    fn start(domain: &[u8], vkd: &[u8; 32], samples: usize, sid: &[u8; 32], public: &[u8]) -> Self {
        let mut this = Self { st: keccak(&[domain]), stage: PhantomData };
        this.absorb(&[&vkd[..], &word(samples as u64), sid].concat());
        this.absorb(&[&word(public.len() as u64), public].concat());
        this
    }
}

impl Transcript<stage::NetworkM1> {
    /// Binds the key, the number of samples, the statement id and the public values of all samples.
    pub(crate) fn network(vkd: &[u8; 32], samples: usize, sid: &[u8; 32], public: &[u8]) -> Self {
        Self::start(NETWORK_DOMAIN, vkd, samples, sid, public)
    }

    /// M1 (N5): limbs, operands, multiplicities.
    pub(crate) fn m1(mut self, points: &[G1Affine]) -> (Transcript<stage::NetworkM2>, NetworkChallenges1) {
        self.absorb(&message(points, &[]));
        let challenges = NetworkChallenges1 {
            alpha: self.challenge(),
            beta: self.challenge(),
            gamma: self.challenge(),
            chi: self.challenge(),
            mu: self.challenge(),
        };
        (self.next(), challenges)
    }
}

impl Transcript<stage::NetworkM2> {
    /// M2 (N5): `points` in wire order, then `sigma`; `variables` is `l`.
    pub(crate) fn m2(
        mut self,
        points: &[G1Affine],
        sigma: Fr,
        variables: usize,
    ) -> (Transcript<stage::M3>, NetworkChallenges2) {
        self.absorb(&message(points, &[sigma]));
        let challenges = NetworkChallenges2 {
            lambda: self.challenge(),
            theta: self.challenge(),
            psi: self.challenge(),
            zeta: self.challenge(),
            c_d: self.challenge(),
            xi: (0..variables).map(|_| self.challenge()).collect(),
        };
        (self.next(), challenges)
    }
}

impl Transcript<stage::M1> {
    /// Binds the key, the number of samples, the statement id and the public values of all samples.
    pub(crate) fn new(vkd: &[u8; 32], samples: usize, sid: &[u8; 32], public: &[u8]) -> Self {
        Self::start(DOMAIN, vkd, samples, sid, public)
    }

    /// M1: the limb columns.
    pub(crate) fn m1(mut self, c_l: &[G1Affine]) -> (Transcript<stage::M2>, Challenges1) {
        self.absorb(&message(c_l, &[]));
        let (alpha, beta) = (self.challenge(), self.challenge());
        (self.next(), Challenges1 { alpha, beta })
    }
}

impl Transcript<stage::M2> {
    /// M2: `points` in wire order, then `sigma`; `variables` is `l`.
    pub(crate) fn m2(
        mut self,
        points: &[G1Affine],
        sigma: Fr,
        variables: usize,
    ) -> (Transcript<stage::M3>, Challenges2) {
        self.absorb(&message(points, &[sigma]));
        let challenges = Challenges2 {
            lambda: self.challenge(),
            mu: self.challenge(),
            theta: self.challenge(),
            zeta: self.challenge(),
            c_d: self.challenge(),
            xi: (0..variables).map(|_| self.challenge()).collect(),
        };
        (self.next(), challenges)
    }
}

impl Transcript<stage::M3> {
    /// M3: one round message; returns `r_i`.
    pub(crate) fn round(mut self, e: &[Fr; 3]) -> (Self, Fr) {
        self.absorb(&message(&[], e));
        let r = self.challenge();
        (self, r)
    }

    /// M4: the evaluations; returns `rho`.
    pub(crate) fn m4(mut self, evals: &[Fr]) -> (Transcript<stage::M5>, Fr) {
        self.absorb(&message(&[], evals));
        let rho = self.challenge();
        (self.next(), rho)
    }
}

impl Transcript<stage::M5> {
    /// M5: the folds and the last 8 coefficients; returns `x`.
    pub(crate) fn m5(mut self, c_f: &[G1Affine], fin: &[Fr]) -> (Transcript<stage::M6>, Fr) {
        self.absorb(&message(c_f, fin));
        let x = self.challenge();
        (self.next(), x)
    }
}

impl Transcript<stage::M6> {
    /// M6: the values of the folds at `x` and `-x`; returns `eta`.
    pub(crate) fn m6(mut self, values: &[[Fr; 2]]) -> (Transcript<stage::M7>, Fr) {
        self.absorb(&message(&[], values.as_flattened()));
        let eta = self.challenge();
        (self.next(), eta)
    }
}

impl Transcript<stage::M7> {
    /// M7: `pi_1`; returns `z`.
    pub(crate) fn pi_1(mut self, pi_1: &G1Affine) -> (Transcript<stage::M7Last>, Fr) {
        self.absorb(&message(&[*pi_1], &[]));
        let z = self.challenge();
        (self.next(), z)
    }
}

impl Transcript<stage::M7Last> {
    /// M7: `pi_2` and the Schnorr responses; returns `delta`.
    pub(crate) fn pi_2(mut self, pi_2: &G1Affine, zr: &[Fr]) -> Fr {
        self.absorb(&message(&[*pi_2], zr));
        self.challenge()
    }
}
