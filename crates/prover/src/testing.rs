//! Test support: a toy SRS with a known tau, random networks, and the malicious prover.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{PrimeGroup, ScalarMul};
use ark_ff::{AdditiveGroup, Field};

use crate::circuit::{Layout, Shape, Weights};
use crate::columns::LimbColumns;
use crate::keys::{Level, ModelSecret, ProvingKey};
use crate::mle;
use crate::pinned::PinnedSrs;
use crate::prove::{FoldedModel, Prover, Request, Session};
use crate::randomness::Randomness;
use crate::rules::{Rule, Rules};
use crate::setup;
use crate::statement::{PublicValues, Statement};
use crate::transcript::Challenges1;
use crate::verify::Verifier;
use crate::witness::Witness;

/// Where a test plays the malicious prover.
pub(crate) trait Cheat: core::fmt::Debug {
    fn witness(&self, _: &mut Vec<PublicValues>, _: &mut Vec<Witness>) {}
    fn columns(&self, _: &mut LimbColumns) {}
    fn model(&self, _: &mut FoldedModel, _: &Challenges1) {}
}

/// A tau that is nobody's secret.
pub(crate) fn tau() -> Fr {
    Fr::from(0x1234_5678_9abc_def1u64).pow([7])
}

pub(crate) fn powers(len: usize) -> Vec<G1Affine> {
    G1Projective::generator().batch_mul(&mle::powers(tau(), len))
}

/// `[tau^{2^j}]_1, [tau^{2^j}]_2` for `j < len`.
pub(crate) fn doubling_powers(len: usize) -> (Vec<G1Affine>, Vec<G2Affine>) {
    let exponents: Vec<Fr> = std::iter::successors(Some(tau()), |t| Some(t.square()))
        .take(len)
        .collect();
    (
        G1Projective::generator().batch_mul(&exponents),
        G2Projective::generator().batch_mul(&exponents),
    )
}

pub(crate) fn pinned() -> PinnedSrs {
    let (g1, g2) = doubling_powers(29);
    PinnedSrs::new(g1, g2).unwrap()
}

/// A point on the twist that is not in the subgroup of order `r`.
pub(crate) fn g2_outside_subgroup() -> G2Affine {
    (1u64..)
        .filter_map(|x| {
            G2Affine::get_point_from_x_unchecked(Fq2::new(Fq::from(x), Fq::ZERO), false)
        })
        .find(|p| !p.is_in_correct_subgroup_assuming_on_curve())
        .unwrap()
}

/// A small deterministic generator (xorshift).
#[derive(Debug, Clone)]
pub(crate) struct Xorshift(pub(crate) u64);

impl Xorshift {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

pub(crate) fn weights(shape: &Shape, seed: u64) -> Weights {
    let mut rng = Xorshift(seed | 1);
    let (mut w, mut b) = (Vec::new(), Vec::new());
    for d in shape.dims().windows(2) {
        w.push(
            (0..d[0] * d[1])
                .map(|_| (rng.below(255) as i64 - 127) as i8)
                .collect(),
        );
        b.push((0..d[1]).map(|_| rng.below(20001) as i32 - 10000).collect());
    }
    Weights::new(shape.clone(), w, b).unwrap()
}

/// A model with its prover and verifier.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) prover: Prover,
    pub(crate) verifier: Verifier,
}

pub(crate) const MODEL: [u8; 32] = [7; 32];

impl Fixture {
    pub(crate) fn new(shape: Shape, level: Level, seed: u64, max_samples: usize) -> Self {
        Self::from_weights(weights(&shape, seed), level, max_samples)
    }

    pub(crate) fn from_weights(weights: Weights, level: Level, max_samples: usize) -> Self {
        let layout = Layout::new(weights.shape());
        let powers = powers(
            layout
                .degree_bound()
                .max(layout.columns(max_samples).unwrap().real()),
        );
        let pinned = pinned();
        let secret = ModelSecret::from_bytes([42; 32]);
        let key = setup::generate(weights, &secret, Some(level), &powers, &pinned).unwrap();
        Self::from_key(key, &powers, &pinned, max_samples)
    }

    pub(crate) fn from_key(
        key: ProvingKey,
        powers: &[G1Affine],
        pinned: &PinnedSrs,
        max_samples: usize,
    ) -> Self {
        let verifier = Verifier::new(key.verifying_key().clone(), pinned).unwrap();
        let prover = Prover::new(key, powers, pinned, max_samples).unwrap();
        Self { prover, verifier }
    }

    pub(crate) fn requests(&self, samples: usize, seed: u64) -> Vec<Request> {
        let mut rng = Xorshift(seed | 1);
        let inputs = self.prover.key().weights().shape().inputs();
        (0..samples)
            .map(|k| Request {
                inputs: (0..inputs).map(|_| rng.below(256) as u16).collect(),
                context_id: [k as u8; 32],
            })
            .collect()
    }

    /// A proof by a prover that runs under `rules` and cheats as told.
    pub(crate) fn cheat(
        &self,
        requests: &[Request],
        dropped: Option<Rule>,
        cheat: &dyn Cheat,
    ) -> (Vec<Statement>, Vec<u8>) {
        let session = Session {
            rules: Rules { dropped },
            cheat: Some(cheat),
            marker: core::marker::PhantomData,
        };
        let randomness = Randomness::from_os().unwrap();
        let (statements, proof) = self
            .prover
            .prove_session(MODEL, requests, randomness, session)
            .unwrap();
        (statements, proof.to_bytes())
    }

    pub(crate) fn verdict(
        &self,
        statements: &[Statement],
        proof: &[u8],
        dropped: Option<Rule>,
    ) -> bool {
        self.verifier
            .verify_rules(statements, proof, Rules { dropped })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::Saturation;

    #[test]
    fn honest_proofs_verify() {
        for (dims, saturation, level, samples) in [
            (vec![5, 7, 3], None, Level::One, 1),
            (
                vec![5, 7, 6, 3],
                Some(vec![Saturation::Narrow, Saturation::Wide]),
                Level::One,
                3,
            ),
            (vec![5, 9, 3], None, Level::Two { rho2: 2 }, 2),
            (vec![4, 2], None, Level::One, 1),
            (vec![4, 1], None, Level::One, 5),
        ] {
            let fixture = Fixture::new(Shape::new(dims, saturation).unwrap(), level, 3, samples);
            let (statements, proof) = fixture
                .prover
                .prove(MODEL, &fixture.requests(samples, 5))
                .unwrap();
            let result = fixture.verifier.verify(&statements, &proof.to_bytes());
            assert!(result.is_ok(), "{result:?}");
        }
    }
}
