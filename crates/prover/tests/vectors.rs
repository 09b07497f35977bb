//! Known-answer vectors: this crate and the Python verifier agree challenge by challenge.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ff::{BigInteger, PrimeField};
use serde_json::Value;
use zkinfer_prover::srs::{HEZ_FINAL, Srs, test_srs};
use zkinfer_prover::{CommittedTensor, PublicValues, Statement, Verifier, VerifyingKey, session_id, srs_id};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Those of the TEST SRS, and those of the ceremony.
fn vectors() -> [(Srs, Vec<PathBuf>); 2] {
    let of = |directory: &str| {
        let entries = std::fs::read_dir(root().join(directory)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
        paths.sort();
        assert!(paths.len() >= 12, "the vectors are missing");
        paths
    };
    let (test, ceremony) = (of("tests/fixtures/native"), of("tests/fixtures/native/hez-final"));
    [(test_srs(2).unwrap(), test), (HEZ_FINAL.open(2).unwrap(), ceremony)]
}

fn paths() -> impl Iterator<Item = PathBuf> {
    vectors().into_iter().flat_map(|(_, paths)| paths)
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap().strip_prefix("0x").unwrap().as_bytes();
    text.chunks(2).map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap()).collect()
}

fn array(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn coordinate(value: &Value) -> Fq {
    Fq::from_be_bytes_mod_order(&bytes(value))
}

fn scalars(value: &Value) -> Vec<Vec<u8>> {
    match value {
        Value::Array(list) => list.iter().map(bytes).collect(),
        one => vec![bytes(one)],
    }
}

/// A side is a list of elements, or the point of a committed one as a string.
fn values(statement: &Value) -> PublicValues {
    let mut values = PublicValues::default();
    let point = |v: &Value| CommittedTensor::from_bytes(&bytes(v).try_into().unwrap()).unwrap();
    match &statement["inputs"] {
        Value::Array(list) => values.inputs = list.iter().map(|x| x.as_u64().unwrap() as u16).collect(),
        text => values.input_point = Some(point(text)),
    }
    match &statement["outputs"] {
        Value::Array(list) => values.outputs = list.iter().map(|o| o.as_i64().unwrap()).collect(),
        text => values.output_point = Some(point(text)),
    }
    values
}

#[test]
fn vectors_verify_with_their_challenges() {
    for (srs, path) in vectors().iter().flat_map(|(srs, paths)| paths.iter().map(move |path| (srs, path))) {
        let vector: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let vk = VerifyingKey::from_bytes(&bytes(&vector["vk"])).unwrap();
        let statements: Vec<Statement> = vector["statements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| Statement {
                model_id: array(&s["model_id"]),
                context_id: array(&s["context_id"]),
                values: values(s),
            })
            .collect();
        // The pinned points of the vector are those of its SRS.
        for (j, p) in vector["srs"]["g1"].as_object().unwrap() {
            let point = G1Affine::new(coordinate(&p[0]), coordinate(&p[1]));
            assert_eq!(srs.pinned().g1(j.parse().unwrap()), Some(point));
        }
        for (j, p) in vector["srs"]["g2"].as_object().unwrap() {
            let c = |i: usize| coordinate(&p[i]);
            let point = G2Affine::new(Fq2::new(c(1), c(0)), Fq2::new(c(3), c(2)));
            assert_eq!(srs.pinned().g2(j.parse().unwrap()), Some(point));
        }
        let id = srs_id(&srs.pinned().g1(0).unwrap(), &srs.pinned().g2(0).unwrap());
        let expected = &vector["challenges"];
        assert_eq!(id, array(&expected["srs_id"]));
        assert_eq!(vk.digest(), array(&expected["vkd"]));
        assert_eq!(session_id(&statements), array(&expected["sid"]));
        let verifier = Verifier::new(vk, srs.pinned()).unwrap();
        let c = verifier.challenges(&statements, &bytes(&vector["proof"])).unwrap();
        let one = |s: &Fr| vec![*s];
        for (name, got) in [
            ("alpha", one(&c.m1.alpha)),
            ("beta", one(&c.m1.beta)),
            ("lambda", one(&c.m2.lambda)),
            ("mu", one(&c.m2.mu)),
            ("theta", one(&c.m2.theta)),
            ("zeta", one(&c.m2.zeta)),
            ("c_d", one(&c.m2.c_d)),
            ("xi", c.m2.xi.clone()),
            ("r", c.r.clone()),
            ("rho", one(&c.rho)),
            ("x", one(&c.x)),
            ("eta", one(&c.eta)),
            ("z", one(&c.z)),
            ("delta", one(&c.delta)),
        ] {
            let got: Vec<Vec<u8>> = got.iter().map(|s| s.into_bigint().to_bytes_be()).collect();
            assert_eq!(got, scalars(&expected[name]), "{name} of {}", path.display());
        }
    }
}

/// Runs the Python verifier with `arguments`. It needs `python3`; without it there is nothing to
/// compare with, and the test says so.
fn python<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) {
    let script = root().join("tests/protocol/verifier.py");
    let Ok(output) = Command::new("python3").arg(script).args(arguments).output() else {
        eprintln!("python3 not found: the Python verifier was not run");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_python_verifier_agrees() {
    python(paths());
}

/// Of one vector; `make soak` changes every word of all.
#[test]
fn the_python_verifier_refuses_every_changed_word() {
    python(["--flip".into(), root().join("tests/fixtures/native/one-layer.json")]);
}
