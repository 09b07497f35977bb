//! Test support: networks with prover and verifier, and the malicious prover.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use zeroize::Zeroizing;

use super::columns::NetworkColumns;
use super::gadget::Row;
use super::graph::Graph;
use super::helpers::Helpers;
use super::keys::generate;
use super::phi::{Order, phi};
use super::program::Port;
use super::prove::{NetworkProver, Session};
use super::statement::{self, NetworkStatement};
use super::sumcheck::{Inputs, Output};
use super::tensors::PortTensors;
use super::verify::NetworkVerifier;
use crate::keys::{Level, ModelSecret};
use crate::opening::prove::Folds;
use crate::prove::{FoldedModel, MaskedTensors, Request};
use crate::randomness::Randomness;
use crate::rules::{Rule, Rules};
use crate::sumcheck::verify::cubic;
use crate::tensor::{SampleSecrets, TensorSecret};
use crate::testing::{Forge, MODEL, Xorshift, srs};
use crate::transcript::NetworkChallenges1;

/// Where a test plays the malicious prover. By default it is honest.
pub(crate) trait Cheat: core::fmt::Debug {
    /// The rows of every sample, by position.
    fn rows(&self, _: &mut Vec<Zeroizing<Vec<(usize, Row)>>>) {}
    /// What is claimed.
    fn statement(&self, _: &mut Vec<NetworkStatement>) {}
    /// Before M1.
    fn columns(&self, _: &mut NetworkColumns) {}
    /// After M1, before M2.
    fn after_m1(&self, columns: NetworkColumns, _: &NetworkChallenges1) -> NetworkColumns {
        columns
    }
    /// With the columns of M2, before they are sent.
    fn after_helpers(&self, columns: NetworkColumns, _: &Helpers, _: &NetworkChallenges1) -> NetworkColumns {
        columns
    }
    /// The tensors behind the points, before anything is sent.
    fn tensors(&self, _: &mut [PortTensors]) {}
    /// On what M2 sends for committed ports, and on what is behind it.
    fn tensors_after_m1(&self, _: &mut [MaskedTensors], _: &mut [Zeroizing<Vec<Fr>>], _: &NetworkChallenges1) {}
    /// On what M2 sends for the model.
    fn model(&self, _: &mut FoldedModel, _: &NetworkChallenges1) {}
    /// On `Y`.
    fn hats(&self, _: &mut [Fr], _: &FoldedModel, _: &NetworkChallenges1) {}
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
    pub(crate) fn start(
        session: Session<'_>,
        statements: &[NetworkStatement],
        inputs: &Inputs<'_>,
        output: &mut Output,
        sigma: &mut Fr,
    ) -> Self {
        let kind = session.cheat.map_or(Forge::No, |c| c.forge());
        if kind == Forge::No {
            return Self { kind, shift: Fr::ZERO };
        }
        let values = statement::elements(statements);
        let (f, zeta) = (inputs.functions, inputs.c2.zeta);
        let public = f.claim(&values);
        let zeta_inverse = zeta.inverse().unwrap();
        let at_r = f.evaluate(&inputs.c2.xi, &output.r);
        let target = phi(inputs.p, f, &at_r, &output.evals, inputs.c1.beta, zeta);
        let run = |mut claim: Fr| {
            output.rounds.iter().zip(&output.r).for_each(|(e, r)| claim = cubic(claim, e, *r));
            claim
        };
        if kind == Forge::Sigma {
            // The last claim is affine in the first: `Phi(r)` is met by exactly one first claim.
            let at_0 = run(Fr::ZERO);
            let first = (target - at_0) * (run(Fr::ONE) - at_0).inverse().unwrap();
            *sigma = (first - public) * zeta_inverse;
            return Self { kind, shift: Fr::ZERO };
        }
        let shift = (run(public + zeta * *sigma) - target) * zeta_inverse;
        output.evals[Order::new(inputs.p).s(1)] += shift;
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

/// A network with its prover and verifier.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) prover: NetworkProver,
    pub(crate) verifier: NetworkVerifier,
}

impl Fixture {
    pub(crate) fn new(graph: Graph, level: Level, max_samples: usize) -> Self {
        let secret = ModelSecret::from_bytes([42; 32]);
        let key = generate(graph, &secret, Some(level), srs()).unwrap();
        let verifier = NetworkVerifier::new(key.verifying_key().clone(), srs().pinned()).unwrap();
        Self { prover: NetworkProver::new(key, srs(), max_samples).unwrap(), verifier }
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.prover.key().graph
    }

    pub(crate) fn requests(&self, samples: usize, seed: u64) -> Vec<Request> {
        let mut rng = Xorshift(seed | 1);
        let mut inputs = || (0..self.graph().inputs()).map(|_| rng.below(256) as u16).collect();
        (0..samples).map(|k| Request { inputs: inputs(), context_id: [k as u8; 32] }).collect()
    }

    /// Fixed secrets for the committed ports.
    pub(crate) fn secrets(&self, samples: usize) -> Vec<SampleSecrets> {
        let ports = || self.verifier.key().program().parts().committed_ports();
        let has = |output: bool| ports().any(|(_, p)| p.has(Port::OUTPUT) == output);
        let secret = |on: bool, k: usize| on.then(|| TensorSecret::from_bytes([k as u8 + 1; 32]));
        let sample = |k| SampleSecrets { inputs: secret(has(false), k), outputs: secret(has(true), k + 64) };
        (0..samples).map(sample).collect()
    }

    /// A proof by a prover that runs under `rules` and cheats as told.
    pub(crate) fn cheat(
        &self,
        requests: &[Request],
        dropped: Option<Rule>,
        cheat: &dyn Cheat,
    ) -> (Vec<NetworkStatement>, Vec<u8>) {
        let session = Session { rules: Rules { dropped }, cheat: Some(cheat), marker: core::marker::PhantomData };
        let randomness = Randomness::from_seed([0x5e; 32]);
        let (statements, proof) =
            self.prover.prove_session(MODEL, requests, &self.secrets(requests.len()), randomness, session).unwrap();
        (statements, proof.to_bytes())
    }

    pub(crate) fn verdict(&self, statements: &[NetworkStatement], proof: &[u8], dropped: Option<Rule>) -> bool {
        self.verifier.verify_rules(statements, proof, Rules { dropped }).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::Committed;
    use crate::network::gadget::Gadget;
    use crate::network::graph::samples::{cnn, mixed, mlp, norm, several, smooth, softmax, tree};
    use crate::tensor::CommittedTensor;

    fn accepted(graph: Graph, level: Level, samples: usize) {
        let fixture = Fixture::new(graph, level, samples);
        let requests = fixture.requests(samples, 5);
        let secrets = fixture.secrets(samples);
        let (statements, proof) = fixture.prover.prove_committed(MODEL, &requests, &secrets).unwrap();
        let result = fixture.verifier.verify(&statements, &proof.to_bytes());
        assert!(result.is_ok(), "{result:?}");
        for ((statement, request), secrets) in statements.iter().zip(&requests).zip(&secrets) {
            let inputs: Vec<i64> = request.inputs.iter().map(|x| i64::from(*x)).collect();
            let outputs = fixture.graph().infer(&request.inputs).unwrap();
            let sides = [(inputs, &secrets.inputs), (outputs, &secrets.outputs)];
            for (port, (elements, secret)) in statement.ports.iter().zip(sides) {
                match secret {
                    None => assert_eq!(port.elements(), elements),
                    Some(secret) => {
                        let point = CommittedTensor::new(srs(), &elements, secret).unwrap();
                        assert_eq!(port.commitment(), Some(&point));
                    }
                }
            }
        }
    }

    /// Ports hold what the graph computes, each its own part; another number in any of them is refused.
    #[test]
    fn several_inputs_and_outputs_are_ports() {
        let fixture = Fixture::new(several(7), Level::One, 2);
        let requests = fixture.requests(2, 5);
        let (mut statements, proof) = fixture.prover.prove(MODEL, &requests).unwrap();
        let proof = proof.to_bytes();
        fixture.verifier.verify(&statements, &proof).unwrap();
        for (statement, request) in statements.iter().zip(&requests) {
            let stated: Vec<i64> = statement.ports.iter().flat_map(|port| port.elements().to_vec()).collect();
            let inputs: Vec<i64> = request.inputs.iter().map(|x| i64::from(*x)).collect();
            assert_eq!(stated, [inputs, fixture.graph().infer(&request.inputs).unwrap()].concat());
        }
        for port in 0..5 {
            let mut changed = statements.clone();
            let crate::network::PortValue::Elements(elements) = &mut changed[1].ports[port] else { panic!("public") };
            elements[1] += 1;
            assert!(fixture.verifier.verify(&changed, &proof).is_err(), "{port}");
        }
        // Two numbers that change places have the same sum.
        let crate::network::PortValue::Elements(elements) = &mut statements[0].ports[3] else { panic!("public") };
        elements.swap(0, 1);
        assert!(fixture.verifier.verify(&statements, &proof).is_err());
    }

    #[test]
    fn honest_proofs_with_committed_ports_verify() {
        let relu = Gadget::Relu { shift: 8 };
        for (inputs, outputs, samples) in [(true, false, 1), (false, true, 2), (true, true, 3)] {
            let committed = Committed { inputs, outputs };
            accepted(mlp(&[5, 7, 3], &[relu], 3).with_committed(committed), Level::One, samples);
        }
        // Tensors at other levels than rows and hats: long and short ones.
        let both = Committed { inputs: true, outputs: true };
        accepted(mlp(&[600, 2], &[], 3).with_committed(both), Level::One, 1);
        accepted(mlp(&[3, 40], &[], 3).with_committed(both), Level::Two { rho2: 2 }, 1);
        accepted(mixed(3).with_committed(both), Level::One, 2);
    }

    #[test]
    fn honest_proofs_with_products_functions_and_copies_verify() {
        accepted(mixed(4), Level::One, 1);
        accepted(mixed(5), Level::One, 3);
    }

    #[test]
    fn honest_proofs_with_comparisons_and_functions_of_16_bits_verify() {
        accepted(tree(4), Level::One, 1);
        accepted(tree(7), Level::One, 3);
        accepted(smooth(4), Level::One, 1);
        accepted(smooth(5), Level::One, 2);
    }

    /// Probabilities are what floating point says, and their proofs verify.
    #[test]
    fn honest_proofs_of_softmax_verify() {
        accepted(softmax(4, false), Level::One, 1);
        accepted(softmax(5, true), Level::One, 3);
        let graph = softmax(4, false);
        let inputs: Vec<u16> = vec![3, 250, 17, 99, 120, 4, 201, 7, 60];
        let run = graph.run(&inputs, 0).unwrap();
        let value = |row: &Row, bytes: core::ops::Range<usize>| {
            bytes.rev().fold(0i64, |sum, i| sum * 256 + i64::from(row.limbs[i])) as f64
        };
        for (scores, probabilities) in run.rows[2].chunks(3).zip(run.rows[5].chunks(3)) {
            let t: Vec<f64> = scores.iter().map(|row| value(row, 1..3) - 32_768.0).collect();
            let e = |t: f64| (t / 512.0).exp();
            let sum: f64 = t.iter().map(|t| e(*t)).sum();
            for (t, p) in t.iter().zip(probabilities) {
                let (expected, got) = (e(*t) / sum, value(p, 2..4) / 65_536.0);
                // Chords of exp(-x / 2) over steps of 1 are above it by up to 0.03 times the greatest term.
                assert!((expected - got).abs() < 0.05, "{expected} {got}");
            }
        }
    }

    /// Normalized values are what floating point says, and their proofs verify.
    #[test]
    fn honest_proofs_of_layer_norms_verify() {
        accepted(norm(4), Level::One, 1);
        accepted(norm(5), Level::One, 3);
        let inputs: Vec<u16> = vec![3, 250, 17, 99, 120, 4, 201, 7, 60, 0, 255, 128];
        let run = norm(4).run(&inputs, 0).unwrap();
        for (x, rows) in inputs.chunks(3).zip(run.rows[5].chunks(3)) {
            let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
            let mean = x.iter().sum::<f64>() / 3.0;
            let deviation = (x.iter().map(|x| x * x).sum::<f64>() / 3.0 - mean * mean).sqrt();
            for (x, row) in x.iter().zip(rows) {
                let got = f64::from(u16::from_le_bytes([row.limbs[2], row.limbs[3]])) - 32_768.0;
                // 3 (x - mean) times 2^18 / sqrt(9 deviation^2 / 2^8), divided by 2^16.
                let expected = (x - mean) / deviation * 64.0;
                assert!((expected - got).abs() < 2.0, "{expected} {got}");
            }
        }
    }

    #[test]
    fn honest_proofs_of_perceptrons_verify() {
        let relu = Gadget::Relu { shift: 8 };
        let clamp = |lo, hi| Gadget::Clamp { shift: 8, lo, hi };
        accepted(mlp(&[4, 2], &[], 3), Level::One, 1);
        accepted(mlp(&[4, 1], &[], 3), Level::One, 5);
        accepted(mlp(&[5, 7, 3], &[relu], 3), Level::One, 1);
        accepted(mlp(&[5, 7, 6, 3], &[clamp(0, 255), clamp(0, 65535)], 3), Level::One, 3);
        accepted(mlp(&[5, 7, 6, 3], &[clamp(-20, 70), Gadget::Requantize { shift: 16 }], 3), Level::One, 2);
        accepted(mlp(&[5, 9, 3], &[relu], 3), Level::Two { rho2: 1 }, 2);
    }

    #[test]
    fn honest_proofs_of_convolutional_networks_verify() {
        accepted(cnn(3), Level::One, 1);
        accepted(cnn(4), Level::One, 3);
    }
}
