//! Verifying with what a bundle carries. Each check refuses by itself: everything else is made to fit.

use crate::world::BUNDLE;
use alloy::primitives::{B256, Bytes, keccak256};
use zkinfer::{
    FailureClass,
    backend::{Control, native::verify_with_key_object},
    evm::{EvmVerification, Gas},
    pipeline::{CarriedReport, PipelineError, verify_carried, verify_in_evm},
    proof::{
        Bundle, Manifest, Statement, Verdict,
        bundle::MAX_STATEMENTS,
        identity::{ModelParts, model_id},
    },
};

fn code() -> Bytes {
    BUNDLE.manifest().model_code.clone().unwrap()
}

fn reason(verdict: Verdict) -> String {
    match verdict {
        Verdict::Valid => "valid".into(),
        Verdict::Invalid { reason } => reason,
    }
}

/// The recorded proof under other parts or another object; the statement is about whatever model that makes.
fn with(code: &Bytes, change: impl FnOnce(&mut ModelParts)) -> String {
    let mut parts = BUNDLE.manifest().model_parts();
    change(&mut parts);
    let statement = Statement { model_id: model_id(&parts), ..BUNDLE.statement().clone() };
    reason(verify_with_key_object(&parts, code, &[], None, &[statement], BUNDLE.proof()).unwrap())
}

#[test]
fn each_part_of_the_model_is_compared_with_the_key_object() {
    let (code, word) = (code(), B256::repeat_byte(0xee));
    assert_eq!(with(&code, |_| ()), "valid");
    assert!(with(&code, |parts| parts.adapter_id = word).contains("is not the native verifier"));
    assert!(with(&code, |parts| parts.model_code_hash = word).contains("another model's"));
    assert!(with(&code, |parts| parts.vk_digest = word).contains("holds another key"));
    assert!(with(&code, |parts| parts.srs_id = word).contains("another SRS"));
    // Nothing in the object depends on the schema, but the proof binds the model that it makes.
    assert_ne!(with(&code, |parts| parts.schema_hash = word), "valid");
    let mut callable = code.to_vec();
    callable[0] = 0x5b;
    for other in [callable, vec![]] {
        let other = Bytes::from(other);
        assert!(with(&other, |parts| parts.model_code_hash = keccak256(&other)).contains("no key object"));
    }
    let cut = code.slice(..code.len() - 1);
    assert!(with(&cut, |parts| parts.model_code_hash = keccak256(&cut)).contains("the model's key"));
}

#[test]
fn statements_are_of_the_model_and_neither_none_nor_too_many() {
    let (parts, one) = (BUNDLE.manifest().model_parts(), BUNDLE.statement().clone());
    let verify = |statements: &[Statement]| {
        reason(verify_with_key_object(&parts, &code(), &[], None, statements, BUNDLE.proof()).unwrap())
    };
    assert_eq!(verify(std::slice::from_ref(&one)), "valid");
    assert!(verify(&[]).contains("0 statements"));
    assert!(verify(&vec![one.clone(); MAX_STATEMENTS + 1]).contains("4097 statements"));
    let other = Statement { model_id: B256::repeat_byte(0xee), ..one.clone() };
    for statements in [vec![other.clone()], vec![one.clone(), other]] {
        assert!(verify(&statements).contains("another model"));
    }
    assert_ne!(verify(&[one.clone(), one]), "valid", "it is a proof of one");
}

#[test]
fn a_bundle_without_code_or_contract_gets_no_verdict() {
    let control = Control::default();
    assert!(verify_carried(&BUNDLE, &control).unwrap().verdict().is_valid());
    let with = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = BUNDLE.manifest().clone();
        change(&mut manifest);
        let model_id = model_id(&manifest.model_parts());
        let statement = Statement { model_id, ..BUNDLE.statement().clone() };
        Bundle::new(vec![statement], BUNDLE.proof().clone(), manifest).unwrap()
    };
    let without = with(&|manifest| manifest.model_code = None);
    assert!(matches!(verify_carried(&without, &control), Err(PipelineError::NoModelCode(_))));
    // Whoever has the code elsewhere gives it, and no other.
    assert!(verify_in_evm(&without, &code(), &control).unwrap().verdict().is_valid());
    let other = Bytes::from([&code()[..], &[0]].concat());
    let refused = verify_in_evm(&without, &other, &control).unwrap_err();
    assert!(matches!(refused, PipelineError::NoModelCode(_)), "{refused}");
    let foreign = with(&|manifest| manifest.adapter_id = B256::repeat_byte(0xee));
    let refused = verify_carried(&foreign, &control).unwrap_err();
    assert!(matches!(refused, PipelineError::NoAdapter(_)), "{refused}");
    assert_ne!(refused.class(), FailureClass::Internal);
}

/// Valid only if nobody refuses; two that disagree are a defect, whoever of them is right.
#[test]
fn a_verdict_needs_everybody_who_was_asked() {
    let (valid, invalid) = (Verdict::Valid, Verdict::invalid("no"));
    let of = |off_chain: Option<&Verdict>, contract: &Verdict| {
        let gas = Gas { transaction: 0, execution: 0 };
        let embedded_evm = EvmVerification { verdict: contract.clone(), gas };
        let report = verify_in_evm(&BUNDLE, &code(), &Control::default()).unwrap();
        let report = CarriedReport { off_chain: off_chain.cloned(), embedded_evm, ..report };
        (report.verdict().is_valid(), report.is_contradictory())
    };
    assert_eq!(of(None, &valid), (true, false));
    assert_eq!(of(None, &invalid), (false, false));
    assert_eq!(of(Some(&valid), &valid), (true, false));
    assert_eq!(of(Some(&invalid), &invalid), (false, false));
    assert_eq!(of(Some(&valid), &invalid), (false, true));
    assert_eq!(of(Some(&invalid), &valid), (false, true));
}
