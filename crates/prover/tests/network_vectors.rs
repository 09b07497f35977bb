//! Known-answer vectors of general networks, made by the Python model: this crate reads them and agrees challenge by
//! challenge and verdict by verdict.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ff::{BigInteger, PrimeField};
use serde_json::Value;
use zkinfer_prover::CommittedTensor;
use zkinfer_prover::network::{Fixed, NetworkStatement, NetworkVerifier, NetworkVerifyingKey, PortValue, Program};
use zkinfer_prover::srs::test_srs;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/networks")
}

fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixtures().join(name)).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap().strip_prefix("0x").unwrap().as_bytes();
    text.chunks(2).map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap()).collect()
}

fn array(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn scalars(value: &Value) -> Vec<Vec<u8>> {
    match value {
        Value::Array(list) => list.iter().map(bytes).collect(),
        one => vec![bytes(one)],
    }
}

/// A port is a list of elements, or the point of a committed one as a string.
fn port(value: &Value) -> PortValue {
    match value {
        Value::Array(list) => PortValue::Elements(list.iter().map(|x| x.as_i64().unwrap()).collect()),
        text => PortValue::Commitment(CommittedTensor::from_bytes(&bytes(text).try_into().unwrap()).unwrap()),
    }
}

/// A recorded proof.
struct Vector {
    name: &'static str,
    json: Value,
    statements: Vec<NetworkStatement>,
    proof: Vec<u8>,
}

impl Vector {
    fn read(name: &'static str) -> Self {
        let json = read(&format!("{name}.json"));
        let statement = |s: &Value| NetworkStatement {
            model_id: array(&s["model_id"]),
            context_id: array(&s["context_id"]),
            ports: s["ports"].as_array().unwrap().iter().map(port).collect(),
        };
        let statements = json["statements"].as_array().unwrap().iter().map(statement).collect();
        Self { name, statements, proof: bytes(&json["proof"]), json }
    }

    fn verifier(&self, vk: &[u8], program: &[u8]) -> Option<NetworkVerifier> {
        let key = NetworkVerifyingKey::from_unregistered_bytes(vk, program).ok()?;
        Some(NetworkVerifier::new(key, test_srs(2).unwrap().pinned()).unwrap())
    }

    fn own_verifier(&self) -> NetworkVerifier {
        self.verifier(&bytes(&self.json["vk"]), &bytes(&self.json["program"])).unwrap()
    }
}

const NAMES: [&str; 8] =
    ["mlp", "convolutions", "tree", "product", "tokens-argmax", "lanes-committed", "attention", "two-levels"];

#[test]
fn recorded_proofs_verify_with_their_challenges() {
    let srs = test_srs(2).unwrap();
    for vector in NAMES.map(Vector::read) {
        // The pinned points of the vector are those of the TEST SRS.
        let coordinate = |value: &Value| Fq::from_be_bytes_mod_order(&bytes(value));
        for (j, p) in vector.json["srs"]["g1"].as_object().unwrap() {
            let point = G1Affine::new(coordinate(&p[0]), coordinate(&p[1]));
            assert_eq!(srs.pinned().g1(j.parse().unwrap()), Some(point));
        }
        for (j, p) in vector.json["srs"]["g2"].as_object().unwrap() {
            let c = |i: usize| coordinate(&p[i]);
            let point = G2Affine::new(Fq2::new(c(1), c(0)), Fq2::new(c(3), c(2)));
            assert_eq!(srs.pinned().g2(j.parse().unwrap()), Some(point));
        }
        let verifier = vector.own_verifier();
        let key = verifier.key();
        assert_eq!(key.to_bytes(), bytes(&vector.json["vk"]), "{}", vector.name);
        assert_eq!(key.program().to_bytes(), bytes(&vector.json["program"]), "{}", vector.name);
        assert_eq!(verifier.proof_len(vector.statements.len()).unwrap(), vector.proof.len(), "{}", vector.name);
        let c = verifier.challenges(&vector.statements, &vector.proof).unwrap();
        let expected = &vector.json["challenges"];
        assert_eq!(key.digest(), array(&expected["vkd"]));
        let one = |s: &Fr| vec![*s];
        for (name, got) in [
            ("alpha", one(&c.m1.alpha)),
            ("beta", one(&c.m1.beta)),
            ("gamma", one(&c.m1.gamma)),
            ("chi", one(&c.m1.chi)),
            ("mu", one(&c.m1.mu)),
            ("lambda", one(&c.m2.lambda)),
            ("theta", one(&c.m2.theta)),
            ("psi", one(&c.m2.psi)),
            ("zeta", one(&c.m2.zeta)),
            ("c_D", one(&c.m2.c_d)),
            ("xi", c.m2.xi.clone()),
            ("r", c.r.clone()),
            ("rho", one(&c.rho)),
            ("x", one(&c.x)),
            ("eta", one(&c.eta)),
            ("z", one(&c.z)),
            ("delta", one(&c.delta)),
        ] {
            let got: Vec<Vec<u8>> = got.iter().map(|s| s.into_bigint().to_bytes_be()).collect();
            assert_eq!(got, scalars(&expected[name]), "{name} of {}", vector.name);
        }
    }
}

/// Every word, every length, every statement and key: what differs is refused.
#[test]
fn nothing_else_verifies() {
    for vector in NAMES.map(Vector::read) {
        let verifier = vector.own_verifier();
        let refused = |statements: &[NetworkStatement], proof: &[u8]| verifier.verify(statements, proof).is_err();
        let proof = &vector.proof;
        for word in (0..proof.len() / 32).step_by(5) {
            let mut changed = proof.clone();
            changed[32 * word + 31] ^= 1;
            assert!(refused(&vector.statements, &changed), "{} word {word}", vector.name);
        }
        assert!(refused(&vector.statements, &proof[..proof.len() - 32]));
        assert!(refused(&vector.statements, &[&proof[..], &[0; 32]].concat()));
        assert!(refused(&vector.statements[1..], proof));
        for port in 0..vector.statements[0].ports.len() {
            let mut changed = vector.statements.clone();
            match &mut changed[0].ports[port] {
                PortValue::Elements(elements) => elements[0] ^= 1,
                PortValue::Commitment(point) => {
                    *point = CommittedTensor::from_bytes(&[0; 64]).unwrap();
                }
            }
            assert!(refused(&changed, proof), "{} port {port}", vector.name);
            changed[0].ports.remove(port);
            assert!(refused(&changed, proof));
        }
        let mut changed = vector.statements.clone();
        changed[0].context_id[31] ^= 1;
        assert!(refused(&changed, proof));
        // Every part of the key.
        let (vk, program) = (bytes(&vector.json["vk"]), bytes(&vector.json["program"]));
        for at in [2, 3, 35, 132, 163].into_iter().chain((164 + 63..vk.len()).step_by(64)) {
            let mut other = vk.clone();
            other[at] ^= 1;
            let key = NetworkVerifyingKey::from_unregistered_bytes(&other, &program);
            let verifier = key.and_then(|key| NetworkVerifier::new(key, test_srs(2).unwrap().pinned()));
            let verdict = verifier.map(|v| v.verify(&vector.statements, proof).is_ok());
            assert!(!verdict.unwrap_or(false), "{} byte {at} of the key", vector.name);
        }
    }
}

/// Programs with one changed byte: both implementations call the same ones canonical.
#[test]
fn changed_programs_have_the_recorded_verdicts() {
    let recorded = read("hostile/programs.json");
    let mut verdicts = [0usize; 2];
    for (name, changes) in recorded.as_object().unwrap() {
        let program = bytes(&read(&format!("{name}.json"))["program"]);
        for change in changes.as_array().unwrap() {
            let at = change[0].as_u64().unwrap() as usize;
            let accepted = change[2].as_bool().unwrap();
            let mut changed = program.clone();
            changed[at] = change[1].as_u64().unwrap() as u8;
            let verdict = Program::from_bytes(&changed);
            assert_eq!(verdict.is_ok(), accepted, "{name}: byte {at} is {}: {verdict:?}", change[1]);
            verdicts[usize::from(accepted)] += 1;
        }
    }
    assert!(verdicts[0] > 200 && verdicts[1] > 500, "{verdicts:?}");
}

/// Programs whose gadgets this crate knows are functions to both (N10, N11): cells and views are the same.
#[test]
fn known_programs_are_functions() {
    for name in ["mlp", "convolutions", "two-levels"] {
        let vector = Vector::read(name);
        let program = Program::from_bytes(&bytes(&vector.json["program"])).unwrap();
        let verdict = program.check(&Fixed::default());
        assert_eq!(verdict.is_ok(), name != "two-levels", "{name}: {verdict:?}");
    }
}
