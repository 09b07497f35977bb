//! The native proof system: proofs, public values, keys, weights.

use std::sync::LazyLock;
use zkinfer_prover::{
    CommittedTensor, Prover, ProvingKey, PublicValues, Request, Statement, TensorSecret, Verifier, VerifyingKey,
    circuit::{Layout, Shape, Weights},
    setup,
    srs::{Srs, test_srs},
};

/// Known-answer vectors: a key, its statements and their proof.
const VECTORS: [&str; 8] = [
    include_str!("../../../tests/fixtures/native/single.json"),
    include_str!("../../../tests/fixtures/native/one-layer.json"),
    include_str!("../../../tests/fixtures/native/batch.json"),
    include_str!("../../../tests/fixtures/native/saturating-two-level.json"),
    include_str!("../../../tests/fixtures/native/committed-inputs.json"),
    include_str!("../../../tests/fixtures/native/committed-outputs.json"),
    include_str!("../../../tests/fixtures/native/committed-batch.json"),
    include_str!("../../../tests/fixtures/native/committed-saturating-two-level.json"),
];

/// Elements of an opening: fuzzing is to stay fast.
const MAX_OPENED: usize = 64;

/// Enough for every key of a few neurons: 512 positions, 8 rows.
const POWERS: usize = 1 << 12;

struct Case {
    key: VerifyingKey,
    verifier: Verifier,
    statements: Vec<Statement>,
    proof: Vec<u8>,
}

static SRS: LazyLock<Srs> = LazyLock::new(|| test_srs(POWERS).expect("the TEST SRS exists"));
static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| VECTORS.iter().map(|json| read(json)).collect());

fn read(json: &str) -> Case {
    let json: serde_json::Value = serde_json::from_str(json).expect("a vector is JSON");
    let hex = |value: &serde_json::Value| alloy::hex::decode(value.as_str().unwrap_or_default()).expect("hexadecimal");
    let word = |value| hex(value).try_into().expect("32 bytes");
    let key = VerifyingKey::from_bytes(&hex(&json["vk"])).expect("the vector's key");
    let statements = json["statements"].as_array().expect("a list").iter().map(|statement| Statement {
        model_id: word(&statement["model_id"]),
        context_id: word(&statement["context_id"]),
        values: public_values(&key, &statement["inputs"], &statement["outputs"]),
    });
    let verifier = Verifier::new(key.clone(), SRS.pinned()).expect("the TEST SRS is large enough");
    Case { statements: statements.collect(), proof: hex(&json["proof"]), key, verifier }
}

/// Numbers, or the point of a committed side in hexadecimal.
fn public_values(key: &VerifyingKey, inputs: &serde_json::Value, outputs: &serde_json::Value) -> PublicValues {
    let side = |side: &serde_json::Value, width: usize| match side.as_array() {
        Some(numbers) => numbers.iter().flat_map(|n| word(n.as_i64().expect("a number"), width)).collect(),
        None => alloy::hex::decode(side.as_str().unwrap_or_default()).expect("hexadecimal"),
    };
    let bytes = [side(inputs, 2), side(outputs, 8)].concat();
    PublicValues::from_bytes(key.shape(), &bytes).expect("the vector's values")
}

/// The last bytes of a number.
fn word(number: i64, width: usize) -> Vec<u8> {
    number.to_be_bytes()[8 - width..].to_vec()
}

/// The first byte says of which vector, the rest is a proof of its statements.
pub(super) fn proof(data: &[u8]) -> bool {
    let Some((&which, bytes)) = data.split_first() else { return false };
    let Some(case) = CASES.get(usize::from(which)) else { return false };
    let accepted = case.verifier.verify(&case.statements, bytes).is_ok();
    // Another valid proof needs the weights: the fuzzer has none.
    assert_eq!(accepted, bytes == case.proof, "only the recorded proof is valid");
    accepted
}

/// The first byte says of which vector, the rest are public values that its proof is held against.
pub(super) fn values(data: &[u8]) -> bool {
    let Some((&which, bytes)) = data.split_first() else { return false };
    let Some(case) = CASES.get(usize::from(which)) else { return false };
    let Ok(values) = PublicValues::from_bytes(case.key.shape(), bytes) else { return false };
    assert_eq!(values.to_bytes(), bytes, "one encoding");
    let mut statements = case.statements.clone();
    let same = statements[0].values == values;
    statements[0].values = values;
    assert_eq!(case.verifier.verify(&statements, &case.proof).is_ok(), same, "a proof is of its values alone");
    same
}

/// A verifying key, against every recorded proof.
pub(super) fn verifying_key(bytes: &[u8]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(bytes) else { return false };
    assert_eq!(key.to_bytes(), bytes, "one encoding");
    let own = CASES.iter().position(|case| case.key == key);
    // The SRS may be another one, or too small.
    let Ok(verifier) = Verifier::new(key, SRS.pinned()) else { return own.is_some() };
    for (index, case) in CASES.iter().enumerate() {
        let accepted = verifier.verify(&case.statements, &case.proof).is_ok();
        assert_eq!(accepted, own == Some(index), "a proof is of its key alone");
    }
    own.is_some()
}

/// A proving key; one that passes the check of its quotients makes proofs that its verifier accepts.
pub(super) fn proving_key(bytes: &[u8]) -> bool {
    let Ok(key) = ProvingKey::from_bytes(bytes) else { return false };
    assert_eq!(&key.to_bytes()[..], bytes, "one encoding");
    assert_eq!(format!("{key:?}"), format!("ProvingKey {{ vk: {:?}, .. }}", key.verifying_key()), "no secret is shown");
    let shape = key.verifying_key().shape().clone();
    let layout = Layout::new(&shape);
    if layout.degree_bound().max(layout.positions) > POWERS || setup::check_key(&key, &SRS).is_err() {
        return false;
    }
    let verifier = Verifier::new(key.verifying_key().clone(), SRS.pinned()).expect("a key of this SRS");
    let prover = Prover::new(key, &SRS, 1).expect("a key of this SRS");
    let request = Request { inputs: vec![0; shape.inputs()], context_id: [0; 32] };
    // Biases may lead out of range.
    if let Ok((statements, proof)) = prover.prove([0; 32], &[request]) {
        assert!(verifier.verify(&statements, &proof.to_bytes()).is_ok(), "a checked key proves");
    }
    true
}

/// The shape in five bytes (inputs, two widths, whether it saturates, whether there is a second layer), then weights.
pub(super) fn weights(data: &[u8]) -> bool {
    let Some((head, bytes)) = data.split_first_chunk::<5>() else { return false };
    let [inputs, hidden, outputs] = [head[0], head[1], head[2]].map(|n| usize::from(n) + 1);
    let dims = if head[4] & 1 == 1 { vec![inputs, hidden, outputs] } else { vec![inputs, outputs] };
    let bound = zkinfer_prover::circuit::Saturation::Narrow;
    let saturation = (head[3] & 1 == 1).then(|| vec![bound; dims.len() - 2]);
    let shape = Shape::new(dims, saturation).expect("three widths of at most 256 are a shape");
    let Ok(weights) = Weights::from_bytes(shape, bytes) else { return false };
    assert_eq!(&weights.to_bytes()[..], bytes, "one encoding");
    true
}

/// What opens a committed tensor: 32 bytes of secret, then its elements, 8 bytes each.
pub(super) fn opening(data: &[u8]) -> bool {
    let Some((secret, bytes)) = data.split_first_chunk::<32>() else { return false };
    let (elements, rest) = bytes.as_chunks::<8>();
    // What a key can be about: more elements than there are powers have no commitment.
    let elements: Vec<i64> = elements.iter().map(|word| i64::from_be_bytes(*word)).collect();
    let commit = |elements: &[i64], secret| {
        CommittedTensor::new(&SRS, elements, &TensorSecret::from_bytes(secret)).expect("powers enough")
    };
    if !rest.is_empty() || elements.is_empty() || elements.len() > MAX_OPENED {
        return false;
    }
    let point = commit(&elements, *secret);
    assert_eq!(CommittedTensor::from_bytes(&point.to_bytes()).expect("what is written is read"), point);
    assert_eq!(commit(&elements, *secret), point, "a tensor and its secret open it");
    let mut other = elements.clone();
    other[0] ^= 1;
    assert_ne!(commit(&other, *secret), point, "another tensor does not");
    let mut other = *secret;
    other[0] ^= 1;
    assert_ne!(commit(&elements, other), point, "another secret does not");
    true
}
