//! Proofs: accepted when they are what was proven, refused when anything is changed.

use crate::world::{WORLD, seven};
use alloy::primitives::{B256, Bytes};
use zkinfer::{
    backend::{Control, ProvingBackend},
    pipeline::ProofVerifier,
    proof::{PublicValues, Statement, Verdict},
};

fn verify(statement: &Statement, proof: &Bytes) -> Verdict {
    WORLD
        .backend
        .verify(&WORLD.prepared.artifacts, std::slice::from_ref(statement), proof, &Control::default())
        .unwrap()
}

/// The verdict of the contracts in the embedded EVM.
fn embedded(statement: &Statement, proof: &Bytes) -> bool {
    let verifier = ProofVerifier::new(&*WORLD.backend, &WORLD.prepared);
    verifier.embedded(std::slice::from_ref(statement), proof).unwrap().unwrap().verdict.is_valid()
}

#[test]
fn a_bundle_verifies_off_chain_and_in_the_embedded_evm() {
    let verifier = ProofVerifier::new(&*WORLD.backend, &WORLD.prepared);
    let report = verifier.verify(&WORLD.bundle, &Control::default()).unwrap();
    assert!(report.off_chain.is_valid());
    assert!(report.embedded_evm.as_ref().unwrap().verdict.is_valid());
    assert!(report.verdict().is_valid() && !report.is_contradictory());
    assert!(report.warnings.iter().any(|warning| warning.contains("TEST SRS")));
    assert!(report.warnings.iter().any(|warning| warning.contains("transferable")));
}

/// What is proven is what the float model says, up to quantization.
#[test]
fn the_public_values_are_the_input_and_the_answer() {
    let schema = WORLD.prepared.artifacts.schema().unwrap();
    let values = schema.decode(&WORLD.bundle.statement().public_values).unwrap();
    let real = |tensor: usize| -> Vec<f64> {
        values[tensor].iter().enumerate().map(|(i, &q)| schema.tensors()[tensor].dequantize(i, q)).collect()
    };
    assert_eq!(real(0), seven().tensors()[0], "pixels are multiples of 1/16: nothing is lost");
    let float = &crate::world::digits().run(&seven()).unwrap()[0];
    for (quantized, float) in real(1).iter().zip(float) {
        assert!((quantized - f64::from(*float)).abs() < 0.15, "{quantized} against {float}");
    }
}

/// Both verifiers refuse every changed proof.
#[test]
fn flipped_proofs_are_refused_by_both_verifiers() {
    let (statement, proof) = (WORLD.bundle.statement(), WORLD.bundle.proof());
    let words = proof.len() / 32;
    for word in [0, 1, words / 4, words / 2, words * 3 / 4, words - 1] {
        let mut flipped = proof.to_vec();
        flipped[word * 32 + 31] ^= 1;
        let flipped = Bytes::from(flipped);
        assert!(!verify(statement, &flipped).is_valid(), "word {word}");
        assert!(!embedded(statement, &flipped), "word {word} in the EVM");
    }
}

/// EZKL's own verifier ignores trailing bytes; the backend does not.
#[test]
fn proofs_of_another_length_are_refused() {
    let (statement, proof) = (WORLD.bundle.statement(), WORLD.bundle.proof());
    let longer = Bytes::from([&proof[..], &[0; 32]].concat());
    for proof in [longer, proof.slice(..proof.len() - 32), Bytes::new()] {
        let Verdict::Invalid { reason } = verify(statement, &proof) else { panic!("accepted") };
        assert!(reason.contains("bytes"), "{reason}");
        assert!(!embedded(statement, &proof));
    }
}

#[test]
fn other_public_values_are_refused() {
    let bytes = WORLD.bundle.statement().public_values.as_bytes();
    let words = bytes.len() / 32;
    for word in [0, words / 2, words - 1] {
        let mut changed = bytes.to_vec();
        changed[word * 32 + 31] ^= 1;
        let statement =
            Statement { public_values: PublicValues::from_bytes(changed.into()), ..WORLD.bundle.statement().clone() };
        assert!(!verify(&statement, WORLD.bundle.proof()).is_valid(), "word {word}");
        assert!(!embedded(&statement, WORLD.bundle.proof()), "word {word} in the EVM");
    }
    let short =
        Statement { public_values: PublicValues::from_bytes(bytes.slice(32..)), ..WORLD.bundle.statement().clone() };
    assert!(!verify(&short, WORLD.bundle.proof()).is_valid());
}

#[test]
fn a_statement_about_another_model_is_refused() {
    let other = Statement { model_id: B256::repeat_byte(9), ..WORLD.bundle.statement().clone() };
    let Verdict::Invalid { reason } = verify(&other, WORLD.bundle.proof()) else { panic!("accepted") };
    assert!(reason.contains("another model"), "{reason}");
}

/// Two proofs of one run differ, and prove the same statement: its id is not over the proof.
#[test]
fn proofs_are_randomized_and_statements_are_not() {
    let again = crate::world::prove(&WORLD.integration, &WORLD.prepared, &seven());
    assert_ne!(again.proof(), WORLD.bundle.proof());
    assert_eq!(again.statement().id(), WORLD.bundle.statement().id());
}
