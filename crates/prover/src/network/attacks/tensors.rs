//! Committed ports: what is behind their points, and where they weigh something.

use super::*;
use crate::circuit::{Committed, layout::FIRST};
use crate::network::layout::Size;
use crate::network::tensors::PortTensors;
use crate::prove::MaskedTensors;

fn hidden() -> Fixture {
    with(Committed { inputs: true, outputs: true })
}

fn with(committed: Committed) -> Fixture {
    Fixture::new(mlp(&[6, 8, 5, 3], &[RELU, RELU], 11).with_committed(committed), Level::One, 1)
}

/// What a malicious prover does with one committed port.
#[derive(Debug, Clone, Copy)]
enum Trick {
    /// Another element 0.
    Element,
    /// Another element 0, and what is missing behind the tensor.
    Behind,
    /// Another element 0, and what is missing on a mask position.
    Mask,
    /// Another element 0 behind the point alone: `D_s` makes up for it.
    Difference,
}

#[derive(Debug)]
struct OtherTensor {
    port: usize,
    trick: Trick,
}

impl Cheat for OtherTensor {
    fn tensors(&self, tensors: &mut [PortTensors]) {
        let elements = &mut tensors[self.port].elements[0];
        elements[0] += 5;
        if let Trick::Behind = self.trick {
            elements.push(-5);
        }
    }
    fn tensors_after_m1(
        &self,
        masked: &mut [MaskedTensors],
        combined: &mut [Zeroizing<Vec<Fr>>],
        _: &NetworkChallenges1,
    ) {
        let (masked, x) = (&mut masked[self.port], &mut combined[self.port]);
        match self.trick {
            Trick::Element | Trick::Behind => {}
            Trick::Mask => {
                // Coefficient 0 becomes what is missing; the proof for `D_s` is an honest one.
                let by = signed(-5) - x[0];
                masked.masks[0] += by;
                masked.d = (masked.d + testing::powers(1)[0] * by).into_affine();
                x[0] += by;
            }
            Trick::Difference => {
                masked.d = (masked.d + testing::powers(3)[2] * signed(-5)).into_affine();
                x[2] -= signed(5);
            }
        }
    }
}

#[test]
fn committed_elements_are_those_of_the_network() {
    let f = hidden();
    needed(Rule::Relation, &f, &OtherTensor { port: 0, trick: Trick::Element });
    needed(Rule::Linear, &f, &OtherTensor { port: 1, trick: Trick::Element });
}

#[test]
fn positions_that_are_no_tensor_weigh_nothing() {
    // One port alone: without the rule, the masks of another one would enter, too.
    for inputs in [true, false] {
        let f = with(Committed { inputs, outputs: !inputs });
        needed(Rule::TensorEnd, &f, &OtherTensor { port: 0, trick: Trick::Behind });
        needed(Rule::TensorPositions, &f, &OtherTensor { port: 0, trick: Trick::Mask });
    }
}

/// Coefficients behind the tensor, the last one `by` positions behind it.
#[derive(Debug)]
struct Longer {
    by: usize,
}
impl Cheat for Longer {
    fn tensors(&self, tensors: &mut [PortTensors]) {
        let elements = &mut tensors[0].elements[0];
        let length = elements.len() + self.by;
        elements.resize(length, 7);
    }
}

#[test]
fn eight_coefficients_bound_the_degree_of_tensors() {
    for inputs in [true, false] {
        let f = with(Committed { inputs, outputs: !inputs });
        let p = f.verifier.key().program().parts();
        let rows = Size::new(p, 1).unwrap();
        let coefficients = 1 << (rows.rows.variables() - rows.tensor_level(0));
        let (_, port) = p.committed_ports().next().unwrap();
        // One coefficient too many, at a position whose evaluation is not that of 0.
        let by = coefficients + 1 - (FIRST + port.count as usize);
        needed(Rule::V5a, &f, &Longer { by });
        // Up to the last one they change nothing: the proof is about the elements of the port.
        let (statements, proof) = f.cheat(&f.requests(1, 9), None, &Longer { by: by - 1 });
        assert!(f.verdict(&statements, &proof, None));
    }
}

#[test]
fn blindings_of_tensors_are_blindings() {
    let f = hidden();
    for port in [0, 1] {
        needed(Rule::SchnorrTensor, &f, &OtherTensor { port, trick: Trick::Difference });
    }
}

/// V1: points for committed ports, elements for public ones.
#[test]
fn statements_say_what_the_key_says() {
    let (hidden, public) = (hidden(), fixture());
    let prove = |f: &Fixture| f.prover.prove_committed(MODEL, &f.requests(1, 9), &f.secrets(1)).unwrap();
    let (statements, proof) = prove(&hidden);
    hidden.verifier.verify(&statements, &proof.to_bytes()).unwrap();
    let (open, _) = prove(&public);
    let refused = |f: &Fixture, statements: &[NetworkStatement]| {
        let error = f.verifier.verify(statements, &proof.to_bytes());
        matches!(error, Err(VerifyError::Circuit(CircuitError::Commitment { .. })))
    };
    for port in [0, 1] {
        let mut mixed = statements.clone();
        mixed[0].ports[port] = open[0].ports[port].clone();
        assert!(refused(&hidden, &mixed));
        let mut mixed = open.clone();
        mixed[0].ports[port] = statements[0].ports[port].clone();
        assert!(refused(&public, &mixed));
    }
    let mut swapped = statements.clone();
    swapped[0].ports.swap(0, 1);
    assert!(hidden.verifier.verify(&swapped, &proof.to_bytes()).is_err());
    // Secrets are those of the committed ports.
    assert!(hidden.prover.prove(MODEL, &hidden.requests(1, 9)).is_err());
    assert!(public.prover.prove_committed(MODEL, &public.requests(1, 9), &hidden.secrets(1)).is_err());
}
