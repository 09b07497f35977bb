//! General networks: programs, verifying keys, and the key objects that hold both on a chain.

use std::sync::LazyLock;

use alloy::primitives::keccak256;
use zkinfer::evm::{KeyObject, Page, key_object};
use zkinfer_prover::{
    CommittedTensor,
    network::{Fixed, NetworkStatement, NetworkVerifier, NetworkVerifyingKey, PortValue, Program},
    srs::{Srs, test_srs},
};

/// Known-answer vectors: a key, its program, statements and their proof.
const VECTORS: [&str; 4] = [
    include_str!("../../../tests/fixtures/networks/mlp.json"),
    include_str!("../../../tests/fixtures/networks/tree.json"),
    include_str!("../../../tests/fixtures/networks/product.json"),
    include_str!("../../../tests/fixtures/networks/lanes-committed.json"),
];

/// Where a key has the digest of its program: after version, flags, levels, SRS and the commitment to the model.
const DIGEST: core::ops::Range<usize> = 100..132;

/// What a chain lets code hold.
const MAX_CODE: usize = 24_576;

struct Case {
    key: Vec<u8>,
    program: Vec<u8>,
    statements: Vec<NetworkStatement>,
    proof: Vec<u8>,
}

static SRS: LazyLock<Srs> = LazyLock::new(|| test_srs(2).expect("the TEST SRS exists"));
static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| VECTORS.iter().map(|json| read(json)).collect());

fn read(json: &str) -> Case {
    let json: serde_json::Value = serde_json::from_str(json).expect("a vector is JSON");
    let hex = |value: &serde_json::Value| alloy::hex::decode(value.as_str().unwrap_or_default()).expect("hexadecimal");
    let word = |value| hex(value).try_into().expect("32 bytes");
    let port = |value: &serde_json::Value| match value.as_array() {
        Some(numbers) => PortValue::Elements(numbers.iter().map(|n| n.as_i64().expect("a number")).collect()),
        None => {
            let bytes = hex(value).try_into().expect("64 bytes");
            PortValue::Commitment(CommittedTensor::from_bytes(&bytes).expect("a point"))
        }
    };
    let statements = json["statements"].as_array().expect("a list").iter().map(|statement| NetworkStatement {
        model_id: word(&statement["model_id"]),
        context_id: word(&statement["context_id"]),
        ports: statement["ports"].as_array().expect("a list").iter().map(port).collect(),
    });
    Case {
        key: hex(&json["vk"]),
        program: hex(&json["program"]),
        statements: statements.collect(),
        proof: hex(&json["proof"]),
    }
}

/// Whether a key and a program are read; then each has one encoding, and the recorded proofs are theirs alone.
fn is_read(key: &[u8], program: &[u8]) -> bool {
    let Ok(read) = NetworkVerifyingKey::from_unregistered_bytes(key, program) else { return false };
    assert_eq!(read.to_bytes(), key, "one encoding");
    assert_eq!(read.program().to_bytes(), program, "one encoding");
    // The SRS may be another one, or too small.
    let Ok(verifier) = NetworkVerifier::new(read, SRS.pinned()) else { return true };
    for case in CASES.iter() {
        let own = case.key == key && case.program == program;
        let accepted = verifier.verify(&case.statements, &case.proof).is_ok();
        assert_eq!(accepted, own, "a proof is of its key and program alone");
    }
    true
}

/// The first byte says of which vector the key is; the rest is a program, whose digest the key is given.
pub(super) fn program(data: &[u8]) -> bool {
    let Some((&which, bytes)) = data.split_first() else { return false };
    let Some(case) = CASES.get(usize::from(which)) else { return false };
    let canonical = Program::from_bytes(bytes).inspect(|program| {
        assert_eq!(program.to_bytes(), bytes, "one encoding");
        // Whatever it says of the program, it says something.
        let _verdict = program.check(&Fixed::default());
    });
    let mut key = case.key.clone();
    key[DIGEST].copy_from_slice(keccak256(bytes).as_slice());
    // Another program may have other fixed columns than the key has commitments.
    let read = is_read(&key, bytes);
    assert!(!read || canonical.is_ok(), "a key has a canonical program");
    canonical.is_ok()
}

/// The length of a key in two bytes, the key, and its program.
pub(super) fn key(data: &[u8]) -> bool {
    let Some((length, bytes)) = data.split_first_chunk::<2>() else { return false };
    let Some((key, program)) = bytes.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { return false };
    is_read(key, program)
}

/// The number of pages, each with its length in two bytes; then a key object, whose first addresses they are at.
pub(super) fn key_object(data: &[u8]) -> bool {
    let Some((codes, object)) = split_pages(data) else { return false };
    let Some(read) = KeyObject::read(object) else { return false };
    let at = read.pages.iter().zip(codes);
    let pages: Vec<Page> = at.map(|(address, code)| Page { address: *address, code: code.to_vec().into() }).collect();
    let Some(program) = read.program(&pages) else { return false };
    if !is_read(read.key, &program) {
        return false;
    }
    // With pages their places are part of it, and anybody can choose them.
    if read.pages.is_empty() && object.len() <= MAX_CODE {
        let written = key_object::write("Key", read.key, &program).expect("it fits where it was");
        assert_eq!(&written.runtime_code[..], object, "one encoding");
    }
    true
}

fn split_pages(data: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let (&count, mut rest) = data.split_first()?;
    let mut codes = Vec::new();
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (code, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        codes.push(code);
        rest = after;
    }
    Some((codes, rest))
}
