//! Test support: a toy SRS with a known tau, random networks, and the malicious prover.

use std::sync::OnceLock;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{PrimeGroup, ScalarMul};
use ark_ff::{AdditiveGroup, Field, PrimeField};

use zeroize::Zeroizing;

use crate::circuit::layout::Columns;
use crate::circuit::{Shape, Weights};
use crate::columns::LimbColumns;
use crate::kernels::from_raw;
use crate::keys::{Level, ModelSecret, ProvingKey};
use crate::opening::prove::Folds;
use crate::prove::{FoldedModel, MaskedTensors, Prover, Request, Session, Tensors};
use crate::randomness::Randomness;
use crate::rules::{Rule, Rules};
use crate::setup;
use crate::srs::{HEZ_FINAL, Srs, test_srs};
use crate::statement::{PublicValues, Statement};
use crate::sumcheck::functions::Functions;
use crate::sumcheck::phi::{EvalOrder, phi};
use crate::sumcheck::prove::Output;
use crate::sumcheck::verify::cubic;
use crate::tensor::{SampleSecrets, TensorSecret};
use crate::transcript::{Challenges1, Challenges2};
use crate::verify::Verifier;
use crate::witness::Witness;

/// How a prover continues from a false claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forge {
    /// It does not.
    No,
    /// It shifts the evaluation of `S_1` until V4 holds.
    Evals,
    /// And `fin` until V5b holds.
    Fin,
    /// And `F_{h-1}` until V5a holds.
    LastFold,
    /// Or the values at `x, -x` until V5a holds.
    Values,
    /// It shifts `sigma` instead.
    Sigma,
}

/// Where a test plays the malicious prover. By default it is honest.
pub(crate) trait Cheat: core::fmt::Debug {
    /// After inference.
    fn witness(&self, _: &mut Vec<PublicValues>, _: &mut Vec<Witness>) {}
    /// Before M1.
    fn columns(&self, _: &mut LimbColumns) {}
    /// What is claimed, after the columns are made.
    fn statement(&self, _: &mut Vec<PublicValues>) {}
    /// After M1, before M2.
    fn after_m1(&self, columns: LimbColumns, _: &Challenges1) -> LimbColumns {
        columns
    }
    /// On what M2 sends for the model.
    fn model(&self, _: &LimbColumns, _: &mut FoldedModel, _: &Challenges1) {}
    /// The tensors behind the points, before anything is sent.
    fn tensors(&self, _: &mut [Tensors]) {}
    /// On what M2 sends for committed tensors.
    fn masked(&self, _: &[Tensors], _: &mut [MaskedTensors], _: &Challenges1) {}
    /// The masked tensors of M3.
    fn combined(&self, _: &mut [Zeroizing<Vec<Fr>>]) {}
    /// After M3.
    fn forge(&self) -> Forge {
        Forge::No
    }
}

/// A forgery under way: what has to be added to the evaluation of `S_1`.
#[derive(Debug)]
pub(crate) struct Forgery {
    kind: Forge,
    shift: Fr,
}

impl Forgery {
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn start(
        session: Session<'_>,
        statements: &[Statement],
        functions: &Functions,
        output: &mut Output,
        sigma: &mut Fr,
        size: Columns,
        c1: &Challenges1,
        c2: &Challenges2,
    ) -> Self {
        let kind = session.cheat.map_or(Forge::No, |c| c.forge());
        if kind == Forge::No {
            return Self { kind, shift: Fr::ZERO };
        }
        let rules = session.rules;
        let ell = functions.lambda.len() - 6;
        let values: Vec<PublicValues> = statements.iter().map(|s| s.values.clone()).collect();
        let public = functions.claim(&values, c1, c2, rules);
        let zeta_inverse = c2.zeta.inverse().unwrap();
        let at_r = functions.evaluate(size, &c2.xi, &output.r);
        let run = |mut claim: Fr| {
            output.rounds.iter().zip(&output.r).for_each(|(e, r)| claim = cubic(claim, e, *r));
            claim
        };
        if kind == Forge::Sigma {
            // The last claim is affine in the first: `Phi(r)` is met by exactly one first claim.
            let at_0 = run(Fr::ZERO);
            let slope = run(Fr::ONE) - at_0;
            let target = phi(&output.evals, &at_r, ell, c1.beta, c2.zeta, &functions.lambda, rules);
            let first = (target - at_0) * slope.inverse().unwrap();
            *sigma = (first - public) * zeta_inverse;
            return Self { kind, shift: Fr::ZERO };
        }
        let claim = run(public + c2.zeta * *sigma);
        let gap = claim - phi(&output.evals, &at_r, ell, c1.beta, c2.zeta, &functions.lambda, rules);
        let shift = gap * zeta_inverse;
        output.evals[EvalOrder { ell }.s(1)] += shift;
        Self { kind, shift }
    }

    /// What has to be added to `fin[0]`.
    fn fin_shift(&self, rho: Fr, r: &[Fr]) -> Fr {
        let weight: Fr = r[r.len() - 3..].iter().map(|r| Fr::ONE - r).product();
        self.shift * rho * weight.inverse().unwrap()
    }

    pub(crate) fn folds(&self, folds: &mut Folds, rho: Fr, r: &[Fr]) {
        if matches!(self.kind, Forge::Fin | Forge::LastFold | Forge::Values) {
            folds.fin[0] += self.fin_shift(rho, r);
        }
        if self.kind == Forge::LastFold {
            let last = Fr::ONE - r[r.len() - 4];
            folds.shift_last(self.fin_shift(rho, r) * last.inverse().unwrap());
        }
    }

    pub(crate) fn values(&self, values: &mut [[Fr; 2]], rho: Fr, r: &[Fr]) {
        if self.kind == Forge::Values {
            let last = Fr::ONE - r[r.len() - 4];
            let shift = self.fin_shift(rho, r) * last.inverse().unwrap();
            values.last_mut().unwrap().iter_mut().for_each(|v| *v += shift);
        }
    }
}

/// The tau of [`srs`], known to everybody.
pub(crate) fn tau() -> Fr {
    Fr::from_be_bytes_mod_order(&crate::encoding::keccak(&[b"zkinfer TEST SRS: never use in production"]))
}

/// The TEST SRS, large enough for the networks of the unit tests.
pub(crate) fn srs() -> &'static Srs {
    static SRS: OnceLock<Srs> = OnceLock::new();
    // The forged proofs that `attacks` records are of this ceremony, too.
    SRS.get_or_init(|| match std::env::var_os("ZKINFER_ATTACKS_SRS") {
        Some(name) if name == HEZ_FINAL.name => HEZ_FINAL.open(1 << 14).unwrap(),
        _ => test_srs(1 << 14).unwrap(),
    })
}

pub(crate) fn powers(len: usize) -> Vec<G1Affine> {
    srs().powers()[..len].iter().map(from_raw).collect()
}

/// `[tau^{2^j}]_1, [tau^{2^j}]_2` for `j < len`.
pub(crate) fn doubling_powers(len: usize) -> (Vec<G1Affine>, Vec<G2Affine>) {
    let exponents: Vec<Fr> = std::iter::successors(Some(tau()), |t| Some(t.square())).take(len).collect();
    (G1Projective::generator().batch_mul(&exponents), G2Projective::generator().batch_mul(&exponents))
}

/// A point on the twist that is not in the subgroup of order `r`.
pub(crate) fn g2_outside_subgroup() -> G2Affine {
    (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(Fq::from(x), Fq::ZERO), false))
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
        w.push((0..d[0] * d[1]).map(|_| (rng.below(255) as i64 - 127) as i8).collect());
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
        let secret = ModelSecret::from_bytes([42; 32]);
        Self::from_key(setup::generate(weights, &secret, Some(level), srs()).unwrap(), max_samples)
    }

    pub(crate) fn from_key(key: ProvingKey, max_samples: usize) -> Self {
        let verifier = Verifier::new(key.verifying_key().clone(), srs().pinned()).unwrap();
        let prover = Prover::new(key, srs(), max_samples).unwrap();
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

    /// Fixed secrets for the committed sides.
    pub(crate) fn secrets(&self, samples: usize) -> Vec<SampleSecrets> {
        let committed = self.verifier.key().shape().committed();
        let secret = |on: bool, k: usize| on.then(|| TensorSecret::from_bytes([k as u8 + 1; 32]));
        let sample =
            |k| SampleSecrets { inputs: secret(committed.inputs, k), outputs: secret(committed.outputs, k + 64) };
        (0..samples).map(sample).collect()
    }

    /// A proof by a prover that runs under `rules` and cheats as told.
    pub(crate) fn cheat(
        &self,
        requests: &[Request],
        dropped: Option<Rule>,
        cheat: &dyn Cheat,
    ) -> (Vec<Statement>, Vec<u8>) {
        let session = Session { rules: Rules { dropped }, cheat: Some(cheat), marker: core::marker::PhantomData };
        // Fixed, so that what is recorded is the same every time.
        let randomness = Randomness::from_seed([0x5e; 32]);
        let secrets = self.secrets(requests.len());
        let (statements, proof) = self.prover.prove_session(MODEL, requests, &secrets, randomness, session).unwrap();
        (statements, proof.to_bytes())
    }

    pub(crate) fn verdict(&self, statements: &[Statement], proof: &[u8], dropped: Option<Rule>) -> bool {
        self.verifier.verify_rules(statements, proof, Rules { dropped }).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::{Committed, Saturation};
    use crate::error::ProveError;
    use crate::tensor::CommittedTensor;

    #[test]
    fn honest_proofs_verify() {
        for (dims, saturation, level, samples) in [
            (vec![5, 7, 3], None, Level::One, 1),
            (vec![5, 7, 6, 3], Some(vec![Saturation::Narrow, Saturation::Wide]), Level::One, 3),
            (vec![5, 9, 3], None, Level::Two { rho2: 2 }, 2),
            (vec![4, 2], None, Level::One, 1),
            (vec![4, 1], None, Level::One, 5),
        ] {
            let fixture = Fixture::new(Shape::new(dims, saturation).unwrap(), level, 3, samples);
            let (statements, proof) = fixture.prover.prove(MODEL, &fixture.requests(samples, 5)).unwrap();
            let result = fixture.verifier.verify(&statements, &proof.to_bytes());
            assert!(result.is_ok(), "{result:?}");
        }
    }

    #[test]
    fn honest_proofs_of_committed_tensors_verify() {
        let narrow = Some(vec![Saturation::Narrow]);
        for (dims, saturation, level, samples) in [
            (vec![5, 7, 3], None, Level::One, 1),
            (vec![5, 7, 3], narrow, Level::One, 3),
            (vec![5, 9, 3], None, Level::Two { rho2: 2 }, 2),
            (vec![4, 30], None, Level::One, 1),
            (vec![600, 1], None, Level::One, 5),
        ] {
            for (inputs, outputs) in [(true, false), (false, true), (true, true)] {
                let shape = Shape::new(dims.clone(), saturation.clone()).unwrap();
                let shape = shape.with_committed(Committed { inputs, outputs }).unwrap();
                let fixture = Fixture::new(shape, level, 3, samples);
                let requests = fixture.requests(samples, 5);
                let secrets = fixture.secrets(samples);
                let (statements, proof) = fixture.prover.prove_committed(MODEL, &requests, &secrets).unwrap();
                let result = fixture.verifier.verify(&statements, &proof.to_bytes());
                assert!(result.is_ok(), "{dims:?} {inputs} {outputs} {result:?}");
                for ((statement, request), secrets) in statements.iter().zip(&requests).zip(&secrets) {
                    let values = &statement.values;
                    if let Some(secret) = &secrets.inputs {
                        let inputs: Vec<i64> = request.inputs.iter().map(|x| i64::from(*x)).collect();
                        assert_eq!(values.input_point, CommittedTensor::new(srs(), &inputs, secret).ok());
                        assert!(values.inputs.is_empty());
                    }
                    if let Some(secret) = &secrets.outputs {
                        let outputs = fixture.prover.infer(&request.inputs).unwrap();
                        assert_eq!(values.output_point, CommittedTensor::new(srs(), &outputs, secret).ok());
                        assert!(values.outputs.is_empty());
                    }
                }
            }
        }
    }

    #[test]
    fn secrets_are_those_of_the_committed_sides() {
        let shape = Shape::new(vec![5, 3], None).unwrap();
        let committed = shape.clone().with_committed(Committed { inputs: true, outputs: false }).unwrap();
        let (hidden, public) = (Fixture::new(committed, Level::One, 3, 2), Fixture::new(shape, Level::One, 3, 2));
        let requests = hidden.requests(2, 5);
        let both = Committed { inputs: true, outputs: true };
        let refused = |f: &Fixture, secrets: &[SampleSecrets]| {
            matches!(f.prover.prove_committed(MODEL, &requests, secrets), Err(ProveError::Secrets { .. }))
        };
        assert!(matches!(hidden.prover.prove(MODEL, &requests), Err(ProveError::Secrets { sample: 0 })));
        assert!(refused(&hidden, &hidden.secrets(1)));
        assert!(refused(&hidden, &hidden.secrets(3)));
        assert!(refused(&hidden, &[hidden.secrets(1), vec![SampleSecrets::default()]].concat()));
        assert!(refused(&hidden, &vec![SampleSecrets::generate(both).unwrap(); 2]));
        assert!(refused(&public, &hidden.secrets(2)));
    }
}
