//! One proof of several statements.

use crate::world::{WORLD, World, digits, seven};
use alloy::primitives::{B256, Bytes};
use zkinfer::{
    backend::{
        BackendError, Control, Item, ProvingBackend, Witness,
        native::{NativeBackend, SrsSource},
    },
    model::Input,
    pipeline::{ProofGenerator, ProofVerifier},
    proof::{Bundle, Context, Statement, bundle::MAX_STATEMENTS},
};

fn witnesses(inputs: &[Input]) -> Vec<Witness> {
    let generator = ProofGenerator::new(&*WORLD.backend, &WORLD.prepared);
    inputs.iter().map(|input| generator.witness(input, &Control::default()).unwrap()).collect()
}

/// Three different images, of which the last occurs twice.
fn batch() -> Bundle {
    let zeros = Input::new(vec![vec![0.0; 64]]).unwrap();
    let ones = Input::new(vec![vec![1.0; 64]]).unwrap();
    let witnesses = witnesses(&[seven(), zeros, ones.clone(), ones]);
    let runs: Vec<_> = witnesses.iter().map(|witness| (witness, Context::Offchain {})).collect();
    let generator = ProofGenerator::new(&*WORLD.backend, &WORLD.prepared);
    generator.prove_batch(&runs, &Control::default()).unwrap()
}

fn accepted(statements: &[Statement], proof: &Bytes) -> bool {
    let off_chain = WORLD.backend.verify(&WORLD.prepared.artifacts, statements, proof, &Control::default()).unwrap();
    let verifier = ProofVerifier::new(&*WORLD.backend, &WORLD.prepared);
    let embedded = verifier.embedded(statements, proof).unwrap().unwrap();
    assert_eq!(off_chain.is_valid(), embedded.verdict.is_valid(), "Rust and Solidity disagree");
    off_chain.is_valid()
}

/// Rust and Solidity accept a batch, and neither accepts another order, a part of it, more than it, or other values.
#[test]
fn a_batch_is_valid_as_a_whole_and_in_its_order() {
    let bundle = batch();
    let (statements, proof) = (bundle.statements(), bundle.proof());
    assert_eq!(statements.len(), 4);
    assert!(accepted(statements, proof));
    let verifier = ProofVerifier::new(&*WORLD.backend, &WORLD.prepared);
    let report = verifier.verify(&bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid());
    assert_eq!(report.statement_ids, statements.iter().map(Statement::id).collect::<Vec<_>>());

    let mut swapped = statements.to_vec();
    swapped.swap(0, 1);
    assert!(!accepted(&swapped, proof));
    assert!(!accepted(&statements[..3], proof));
    assert!(!accepted(&statements[..1], proof));
    assert!(!accepted(&[statements, &statements[..1]].concat(), proof));
    let mut other = statements.to_vec();
    other[1].public_values = statements[0].public_values.clone();
    assert!(!accepted(&other, proof));
}

/// The powers that ship are 131,072: 261 positions for each of 256 statements, which are padded to a power of two. A longer
/// list is proven in chunks.
#[test]
fn a_batch_is_as_long_as_there_are_powers_for() {
    let (backend, artifacts) = (&*WORLD.backend, &WORLD.prepared.artifacts);
    assert_eq!((backend.max_batch(artifacts).unwrap(), backend.capabilities().max_batch), (256, MAX_STATEMENTS));
    assert_eq!(ProofGenerator::new(backend, &WORLD.prepared).capacity().unwrap(), 256);
    let test = World::of(&digits(), NativeBackend::new().with_srs(SrsSource::Test));
    assert_eq!(test.backend.max_batch(&test.prepared.artifacts).unwrap(), MAX_STATEMENTS);
    let witness = backend.witness(artifacts, &seven(), &Control::default()).unwrap();
    let (model_id, public_values) = (artifacts.model_id(), witness.public_values.clone());
    let statement = Statement { model_id, public_values, context: Context::Offchain {} };
    let items = vec![Item { witness: &witness, statement: &statement }; 257];
    let error = backend.prove(artifacts, &items, &Control::default()).unwrap_err();
    assert!(error.to_string().contains("prove fewer statements at a time"), "{error}");
}

#[test]
fn a_statement_about_another_model_makes_the_batch_invalid() {
    let bundle = batch();
    let mut statements = bundle.statements().to_vec();
    statements[2].model_id = B256::repeat_byte(9);
    let verdict =
        WORLD.backend.verify(&WORLD.prepared.artifacts, &statements, bundle.proof(), &Control::default()).unwrap();
    assert!(!verdict.is_valid());
}

#[test]
fn nothing_to_prove_and_a_foreign_statement_are_refused() {
    let artifacts = &WORLD.prepared.artifacts;
    let error = WORLD.backend.prove(artifacts, &[], &Control::default()).unwrap_err();
    assert!(matches!(error, BackendError::BatchSize { items: 0, .. }), "{error}");
    let verdict = WORLD.backend.verify(artifacts, &[], &Bytes::new(), &Control::default()).unwrap();
    assert!(!verdict.is_valid());

    let witnesses = witnesses(&[seven(), Input::new(vec![vec![0.5; 64]]).unwrap()]);
    let statements = [&witnesses[1], &witnesses[0]].map(|witness| Statement {
        model_id: artifacts.model_id(),
        public_values: witness.public_values.clone(),
        context: Context::Offchain {},
    });
    let crossed: Vec<_> =
        witnesses.iter().zip(&statements).map(|(witness, statement)| Item { witness, statement }).collect();
    let error = WORLD.backend.prove(artifacts, &crossed, &Control::default()).unwrap_err();
    assert!(matches!(error, BackendError::UnsoundProof { .. }), "{error}");
}
