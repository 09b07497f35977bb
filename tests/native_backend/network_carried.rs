//! Networks verified with what a bundle or a chain gives: key object, pages, program. Everything else is made to fit.

use crate::networks::{COPYING, NETWORK, PROVEN, copied_input};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use zkinfer::{
    backend::{
        Control,
        native::{check_model, has_unseen_parts, verify_with_key_object},
    },
    evm::{KeyObject, Page, artifacts, key_object},
    pipeline::{
        ProofVerifier,
        verification::{Mode, Policy, Status, TrustLevel, Warning},
        verify_carried,
    },
    proof::{
        Bundle, Context, Statement, Verdict,
        identity::{ModelParts, model_id},
    },
};

fn reason(verdict: Verdict) -> String {
    match verdict {
        Verdict::Valid => "valid".into(),
        Verdict::Invalid { reason } => reason,
    }
}

fn code(bundle: &Bundle) -> Bytes {
    bundle.manifest().model_code.clone().unwrap()
}

/// The recorded proof under other parts or another object; the statement is about whatever model that makes.
fn with(code: &[u8], pages: &[Page], change: impl FnOnce(&mut ModelParts)) -> String {
    let (code, mut parts) = (Bytes::copy_from_slice(code), PROVEN.manifest().model_parts());
    parts.model_code_hash = keccak256(&code);
    change(&mut parts);
    let statement = Statement { model_id: model_id(&parts), ..PROVEN.statement().clone() };
    reason(verify_with_key_object(&parts, &code, pages, None, &[statement], PROVEN.proof()).unwrap())
}

/// What `code` is as another key's: the digest in the model id is made to fit.
fn rekeyed(key: &[u8], program: &[u8]) -> String {
    let object = key_object::write("Key", key, program).unwrap();
    let digest = keccak256([&keccak256("zkinfer/native-vk/v2")[..], key].concat());
    with(&object.runtime_code, &[], |parts| parts.vk_digest = digest)
}

#[test]
fn a_bundle_of_a_network_is_verified_with_what_it_carries() {
    let report = verify_carried(&PROVEN, &Control::default()).unwrap();
    assert!(report.verdict().is_valid() && report.off_chain == Some(Verdict::Valid), "{report:?}");
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    let policy = Policy::new(Mode::Full, TrustLevel::Standard);
    let checked = ProofVerifier::carried().check(&PROVEN.clone().into(), &policy, &Control::default()).unwrap();
    assert_eq!(checked.status, Status::Valid, "{checked:?}");
    assert!(!checked.warnings.contains(&Warning::UnseenProgram));
}

/// Tables and copies are on no chain and in no bundle: a verdict without the artifacts says that they were not seen.
#[test]
fn a_program_with_copies_is_not_seen_whole() {
    let bundle = COPYING.prove(&copied_input(), Context::Offchain {});
    let report = verify_carried(&bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid() && report.off_chain == Some(Verdict::Valid), "{report:?}");
    assert!(report.warnings.contains(&Warning::UnseenProgram.to_string()), "{:?}", report.warnings);
    assert!(has_unseen_parts(&bundle.manifest().model_parts(), &code(&bundle)));
    assert!(!has_unseen_parts(&PROVEN.manifest().model_parts(), &code(&PROVEN)));
    let check = |trust| {
        let policy = Policy::new(Mode::Full, trust);
        ProofVerifier::carried().check(&bundle.clone().into(), &policy, &Control::default()).unwrap()
    };
    let checked = check(TrustLevel::Standard);
    assert!(checked.status == Status::Valid && checked.warnings.contains(&Warning::UnseenProgram), "{checked:?}");
    assert_ne!(check(TrustLevel::Strict).status, Status::Valid);
    // Whoever has the artifacts has seen them.
    let verifier = ProofVerifier::new(&*COPYING.backend, &COPYING.prepared);
    let policy = Policy::new(Mode::Full, TrustLevel::Standard);
    let checked = verifier.check(&bundle.into(), &policy, &Control::default()).unwrap();
    assert!(checked.status == Status::Valid && !checked.warnings.contains(&Warning::UnseenProgram), "{checked:?}");
}

#[test]
fn each_part_of_the_model_is_compared_with_the_key_object() {
    let (code, word) = (code(&PROVEN), B256::repeat_byte(0xee));
    assert_eq!(with(&code, &[], |_| ()), "valid");
    assert!(with(&code, &[], |parts| parts.model_code_hash = word).contains("another model's"));
    assert!(with(&code, &[], |parts| parts.vk_digest = word).contains("holds another key"));
    assert!(with(&code, &[], |parts| parts.srs_id = word).contains("another SRS"));
    assert_ne!(with(&code, &[], |parts| parts.schema_hash = word), "valid", "the proof binds the model");
    // Another contract of this release: of perceptrons, which reads other objects, and of another SRS.
    let perceptrons = with(&code, &[], |parts| parts.adapter_id = artifacts::native_verifier_id());
    assert!(perceptrons.contains("the model's key"), "{perceptrons}");
    let test = with(&code, &[], |parts| parts.adapter_id = artifacts::network_test_verifier().code_hash());
    assert!(test.contains("no points of SRS"), "{test}");
    let mut callable = code.to_vec();
    callable[0] = 0x5b;
    for other in [&callable[..], &[], &code[..100]] {
        assert!(with(other, &[], |_| ()).contains("no key object"));
    }
    // A perceptron's object under the contract of networks.
    let digits = crate::world::BUNDLE.manifest().model_code.clone().unwrap();
    assert!(with(&digits, &[], |_| ()).contains("no key object"));
    let schema = &PROVEN.manifest().schema;
    let parts = PROVEN.manifest().model_parts();
    assert_eq!(check_model(&parts, &code, &[], schema), Ok(()));
    let other = COPYING.prepared.artifacts.identity().schema.clone();
    assert!(check_model(&parts, &code, &[], &other).unwrap_err().contains("another model's"));
}

/// Each byte of the key, and of the program under a key that names it, is another model or none: the proof is of neither.
#[test]
fn other_keys_and_programs_are_refused() {
    let code = code(&PROVEN);
    let object = KeyObject::read(&code).unwrap();
    assert_eq!(rekeyed(object.key, object.first), "valid");
    for at in (0..object.key.len()).step_by(7) {
        let mut key = object.key.to_vec();
        key[at] ^= 1;
        assert_ne!(rekeyed(&key, object.first), "valid", "{at}");
    }
    for at in (0..object.first.len()).step_by(41) {
        let mut program = object.first.to_vec();
        program[at] ^= 1;
        assert!(rekeyed(object.key, &program).contains("the model's key"), "{at}: the digest names another program");
        let mut key = object.key.to_vec();
        key[100..132].copy_from_slice(&keccak256(&program)[..]);
        assert_ne!(rekeyed(&key, &program), "valid", "{at}");
    }
}

/// A program that the contract reads, and that leaves its outputs free to choose, is refused where it can be seen.
#[test]
fn a_program_that_is_no_function_is_refused() {
    // An operand that lanes read, which the check of this release does not take.
    let json: serde_json::Value =
        serde_json::from_slice(include_bytes!("../fixtures/networks/lanes-committed.json")).unwrap();
    let bytes = |name: &str| alloy::hex::decode(json[name].as_str().unwrap()).unwrap();
    let (mut key, program) = (bytes("vk"), bytes("program"));
    assert_eq!(key.len(), 228, "one table");
    // Under the ceremony; its table is its own.
    key[4..36].copy_from_slice(&NETWORK.prepared.artifacts.identity().srs_id[..]);
    assert_ne!(rekeyed(&key, &program), "valid");
    let json: serde_json::Value =
        serde_json::from_slice(include_bytes!("../fixtures/networks/tokens-argmax.json")).unwrap();
    let bytes = |name: &str| alloy::hex::decode(json[name].as_str().unwrap()).unwrap();
    let (mut key, program) = (bytes("vk"), bytes("program"));
    key[4..36].copy_from_slice(&NETWORK.prepared.artifacts.identity().srs_id[..]);
    assert!(rekeyed(&key, &program).contains("the model's key"), "{}", rekeyed(&key, &program));
}

#[test]
fn pages_are_those_that_the_object_names() {
    let code = code(&PROVEN);
    let object = KeyObject::read(&code).unwrap();
    // The same key and program, in two accounts; a chain may have it anywhere.
    let (first, rest) = object.first.split_at(1000);
    let place = Address::repeat_byte(0x77);
    let mut paged = vec![0];
    paged.extend((object.key.len() as u16).to_be_bytes());
    paged.extend_from_slice(object.key);
    paged.push(1);
    paged.extend(place);
    paged.extend_from_slice(first);
    let page = |address, prefix: u8, part: &[u8]| Page { address, code: [&[prefix], part].concat().into() };
    let good = page(place, 0, rest);
    // The proof is bound to the model id, which has the hash of this object in it: key and program are found, the proof is not.
    let found = with(&paged, std::slice::from_ref(&good), |_| ());
    assert!(!found.contains("the model's key") && !found.contains("page") && found != "valid", "{found}");
    let elsewhere = page(Address::repeat_byte(0x78), 0, rest);
    let callable = page(place, 0x5b, rest);
    let missing = Page { address: place, code: Bytes::new() };
    for pages in [vec![], vec![elsewhere], vec![callable], vec![missing]] {
        let found = with(&paged, &pages, |_| ());
        assert!(found.contains("a page of the model's program"), "{found}");
    }
    let found = with(&paged, &[page(place, 0, &rest[1..])], |_| ());
    assert!(found.contains("the model's key"), "{found}");
}
