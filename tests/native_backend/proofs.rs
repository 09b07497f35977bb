//! Proofs: accepted when they are what was proven, refused when anything is changed.

use crate::world::{BUNDLE, WORLD, digits, seven};
use alloy::primitives::{Address, B256, Bytes};
use std::fs;
use zkinfer::{
    backend::{Control, ProvingBackend},
    model::{Input, quantize::argmax},
    pipeline::ProofVerifier,
    proof::{Assignment, Context, PublicValues, Statement, Verdict},
};

fn verify(statement: &Statement, proof: &Bytes) -> Verdict {
    WORLD
        .backend
        .verify(&WORLD.prepared.artifacts, std::slice::from_ref(statement), proof, &Control::default())
        .unwrap()
}

fn on_chain(job: u8) -> Context {
    Context::Chain {
        chain_id: 31337,
        registry: Address::repeat_byte(9),
        assignment: Assignment {
            submitter: Address::repeat_byte(8),
            consumer: Address::ZERO,
            job: B256::repeat_byte(job),
            deadline: u64::MAX,
        },
    }
}

#[test]
fn a_bundle_is_valid_off_chain_and_in_the_embedded_evm() {
    let verifier = ProofVerifier::new(&*WORLD.backend, &WORLD.prepared);
    let report = verifier.verify(&BUNDLE, &Control::default()).unwrap();
    assert!(report.off_chain.is_valid());
    assert!(report.embedded_evm.as_ref().is_some_and(|evm| evm.verdict.is_valid()));
    assert!(report.verdict().is_valid() && !report.is_contradictory());
    assert_eq!(
        report.warnings,
        Vec::<String>::new(),
        "under a listed ceremony, with a contract, bound to its statement"
    );
    assert!(!BUNDLE.manifest().transferable && BUNDLE.manifest().weights.contains("hidden"));
    assert!(WORLD.backend.peak_rss_kb().is_some_and(|kb| kb > 0) || !cfg!(target_os = "linux"));
}

/// The prover crate's encodings and ids are those of this crate.
#[test]
fn public_values_and_statement_ids_are_the_provers() {
    let vk = fs::read(WORLD.prepared.artifacts.file("vk.key").unwrap()).unwrap();
    let vk = zkinfer_prover::VerifyingKey::from_bytes(&vk).unwrap();
    let statement = BUNDLE.statement();
    let bytes = statement.public_values.as_bytes();
    let values = zkinfer_prover::PublicValues::from_bytes(vk.shape(), bytes).unwrap();
    assert_eq!(values.to_bytes(), bytes.to_vec());
    let schema = WORLD.prepared.artifacts.schema().unwrap();
    let decoded = schema.decode(&statement.public_values).unwrap();
    let text = |numbers: &[alloy::primitives::I256]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(text(&decoded[0]), values.inputs.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(text(&decoded[1]), values.outputs.iter().map(ToString::to_string).collect::<Vec<_>>());
    let theirs =
        zkinfer_prover::Statement { model_id: statement.model_id.0, context_id: statement.context.id().0, values };
    assert_eq!(statement.id(), B256::from(theirs.id()));
    assert_eq!(WORLD.prepared.artifacts.identity().vk_digest, B256::from(vk.digest()));
}

/// On every shipped image: the digit that the float model says, right or wrong, and scores close to its own.
#[test]
fn the_shipped_images_get_the_float_models_digit() {
    let model = digits();
    let mut images = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/models/digits/inputs")).unwrap() {
        let input = Input::from_json(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let float: Vec<f64> = model.run(&input).unwrap()[0].iter().map(|&x| x.into()).collect();
        let bundle = WORLD.prove(&input, Context::Offchain {});
        let real = WORLD.real(&bundle);
        assert_eq!(real[0], input.tensors()[0], "pixels are multiples of 1/16: nothing is lost");
        assert_eq!(argmax(&real[1]), argmax(&float), "{:?} against {float:?}", real[1]);
        for (quantized, float) in real[1].iter().zip(&float) {
            assert!((quantized - float).abs() < 0.25, "{quantized} against {float}");
        }
        images += 1;
    }
    assert!(images >= 12);
}

#[test]
fn flipped_proofs_are_refused() {
    let proof = BUNDLE.proof();
    for at in (0..proof.len()).step_by(61).chain([proof.len() - 1]) {
        let mut flipped = proof.to_vec();
        flipped[at] ^= 1;
        assert!(!verify(BUNDLE.statement(), &flipped.into()).is_valid(), "byte {at}");
    }
}

#[test]
fn proofs_of_another_length_are_refused() {
    let proof = BUNDLE.proof();
    assert_eq!(proof.len() as u64, WORLD.prepared.artifacts.identity().proof_bytes);
    let longer = Bytes::from([&proof[..], &[0; 32]].concat());
    for proof in [longer, proof.slice(..proof.len() - 32), proof.slice(..proof.len() - 1), Bytes::new()] {
        assert!(!verify(BUNDLE.statement(), &proof).is_valid());
    }
}

#[test]
fn other_public_values_are_refused() {
    let bytes = BUNDLE.statement().public_values.as_bytes();
    let with =
        |bytes: Bytes| Statement { public_values: PublicValues::from_bytes(bytes), ..BUNDLE.statement().clone() };
    for at in [0, 1, 64, 127, 128, bytes.len() - 8, bytes.len() - 1] {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        assert!(!verify(&with(changed.into()), BUNDLE.proof()).is_valid(), "byte {at}");
    }
    for bytes in [bytes.slice(2..), [&bytes[..], &[0; 8]].concat().into(), Bytes::new()] {
        assert!(!verify(&with(bytes), BUNDLE.proof()).is_valid());
    }
}

#[test]
fn a_statement_about_another_model_is_refused() {
    let other = Statement { model_id: B256::repeat_byte(9), ..BUNDLE.statement().clone() };
    let Verdict::Invalid { reason } = verify(&other, BUNDLE.proof()) else { panic!("accepted") };
    assert!(reason.contains("another model"), "{reason}");
}

/// What EZKL cannot do: a proof made for one context is worthless in every other.
#[test]
fn a_proof_replayed_under_another_context_is_invalid() {
    for (made_for, replayed) in [(Context::Offchain {}, on_chain(1)), (on_chain(1), on_chain(2))] {
        let bundle = WORLD.prove(&seven(), made_for);
        assert!(verify(bundle.statement(), bundle.proof()).is_valid());
        let replay = Statement { context: replayed, ..bundle.statement().clone() };
        assert!(!verify(&replay, bundle.proof()).is_valid());
        assert!(bundle.with_context(replayed).is_err(), "a bundle does not change its context either");
    }
}

#[test]
fn proofs_are_randomized_and_statements_are_not() {
    let again = WORLD.prove(&seven(), Context::Offchain {});
    assert_ne!(again.proof(), BUNDLE.proof());
    assert_eq!(again.statement().id(), BUNDLE.statement().id());
}
