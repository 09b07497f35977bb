//! Bundles with their model's code, verified with nothing else: by the native verifier and by the contract's own code.

use alloy::primitives::{Bytes, keccak256};
use std::sync::LazyLock;
use zkinfer::{
    backend::Control,
    ezkl::{PipelineError, verify_carried},
    proof::{Bundle, Manifest, Statement, Structure, identity},
};
use zkinfer_prover::VerifyingKey;

/// A bundle of a small model, which carries its key object.
static RECORDED: LazyLock<Bundle> = LazyLock::new(|| {
    let bytes = include_bytes!("../../seeds/carried/ok-native");
    match Structure::decode(bytes).expect("the recorded bundle") {
        Structure::Single(bundle) => *bundle,
        other => panic!("a bundle alone, not {other:?}"),
    }
});

/// Whether a bundle is valid. The two verifiers, of different languages, have to agree.
fn judge(bundle: &Bundle) -> bool {
    match verify_carried(bundle, &Control::default()) {
        Ok(report) => {
            assert!(!report.is_contradictory(), "{:?} against {:?}", report.off_chain, report.embedded_evm);
            report.verdict().is_valid()
        }
        // No contract for it, or code that stands nowhere.
        Err(PipelineError::NoAdapter(_) | PipelineError::NoModelCode(_) | PipelineError::Evm(_)) => false,
        Err(error) => panic!("bytes of a bundle make no other error: {error}"),
    }
}

/// A bundle in any encoding.
pub(super) fn bundle(bytes: &[u8]) -> bool {
    let Ok(Structure::Single(bundle)) = Structure::decode(bytes) else { return false };
    let valid = judge(&bundle);
    // Another valid proof needs weights, or a model of one's own: the fuzzer has neither.
    let same = bundle.statements() == RECORDED.statements() && bundle.proof() == RECORDED.proof();
    let code = bundle.manifest().model_code.is_some();
    assert_eq!(valid, same && code, "only the recorded proof of the recorded statement is valid");
    valid
}

/// A model's code, under the recorded proof: hashes, key digest and model id are made to fit.
pub(super) fn key_object(code: &[u8]) -> bool {
    let recorded = RECORDED.manifest().clone();
    let key = code.split_first().and_then(|(_, key)| VerifyingKey::from_bytes(key).ok());
    let manifest = Manifest {
        model_code: Some(Bytes::copy_from_slice(code)),
        model_code_hash: keccak256(code),
        vk_digest: key.as_ref().map_or(recorded.vk_digest, |key| key.digest().into()),
        srs_id: key.as_ref().map_or(recorded.srs_id, |key| (*key.srs_id()).into()),
        ..recorded
    };
    let model_id = identity::model_id(&manifest.model_parts());
    let statements =
        RECORDED.statements().iter().map(|statement| Statement { model_id, ..statement.clone() }).collect();
    // Too large for a chain.
    let Ok(bundle) = Bundle::new(statements, RECORDED.proof().clone(), manifest) else { return false };
    let valid = judge(&bundle);
    let own = RECORDED.manifest().model_code.as_ref().is_some_and(|own| own[..] == *code);
    assert_eq!(valid, own, "a proof is of its key alone");
    valid
}
