//! Bad input is exit code 2, a forgery 1, and neither leaves anything half-written.

use crate::program::{Run, bundle, model, zkinfer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;

/// The bundle with a change, written to a file of its own and verified.
fn verify_changed(change: impl FnOnce(&mut Value)) -> Run {
    let mut json: Value = serde_json::from_slice(&fs::read(bundle()).unwrap()).unwrap();
    change(&mut json);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("changed.json");
    fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
    zkinfer(&["verify", path.to_str().unwrap(), "--json"])
}

fn bytes(value: &Value) -> Vec<u8> {
    alloy::hex::decode(value.as_str().unwrap()).unwrap()
}

fn hex(bytes: &[u8]) -> Value {
    alloy::hex::encode_prefixed(bytes).into()
}

/// A forger makes a bundle that agrees with itself.
fn replace_proof(json: &mut Value, proof: &[u8]) {
    json["manifest"]["proofHash"] = hex(&Sha256::digest(proof));
    json["proof"] = hex(proof);
}

#[test]
fn the_genuine_bundle_is_valid() {
    let run = zkinfer(&["verify", bundle().to_str().unwrap(), "--json"]).expect(0);
    assert_eq!(run.json()["verdict"], "VALID");
    let text = zkinfer(&["verify", bundle().to_str().unwrap()]).expect(0);
    assert!(text.stdout.starts_with("VALID\n"), "{}", text.stdout);
}

#[test]
fn forged_bundles_are_invalid() {
    let flipped = verify_changed(|json| {
        let mut proof = bytes(&json["proof"]);
        proof[100] ^= 1;
        replace_proof(json, &proof);
    });
    assert_eq!(flipped.expect(1).json()["verdict"], "INVALID");
    let longer = verify_changed(|json| {
        let proof = [bytes(&json["proof"]), vec![0; 32]].concat();
        replace_proof(json, &proof);
    });
    assert_eq!(longer.expect(1).json()["verdict"], "INVALID");
    let other_answer = verify_changed(|json| {
        let mut values = bytes(&json["statements"][0]["publicValues"]);
        let last = values.len() - 1;
        values[last] ^= 1;
        json["statements"][0]["publicValues"] = hex(&values);
    });
    assert_eq!(other_answer.expect(1).json()["verdict"], "INVALID");
}

/// Nothing binds a manifest's word about SRS and transferability: it is compared with what was verified with.
#[test]
fn a_bundle_cannot_talk_its_warnings_away() {
    for field in ["testSrs", "transferable"] {
        let report = verify_changed(|json| json["manifest"][field] = false.into()).expect(1).json();
        assert!(report["reason"].as_str().unwrap().contains(field), "{report}");
        let warnings = report["warnings"].to_string();
        assert!(warnings.contains("TEST SRS") && warnings.contains("transferable"), "{warnings}");
    }
}

#[test]
fn corrupt_bundles_are_bad_input() {
    verify_changed(|json| json["proof"] = "0x00".into()).expect(2).says("contradicts itself");
    verify_changed(|json| json["manifest"]["schema"] = "0x00".into()).expect(2);
    verify_changed(|json| json["version"] = 99.into()).expect(2).says("version 99");
    verify_changed(|json| json["more"] = 1.into()).expect(2);
    let dir = tempfile::tempdir().unwrap();
    for content in [&b""[..], b"{", b"PK\x03\x04", &[0xff; 64]] {
        let path = dir.path().join("bundle");
        fs::write(&path, content).unwrap();
        let run = zkinfer(&["verify", path.to_str().unwrap(), "--json"]).expect(2);
        assert_eq!(run.json()["error"]["class"], "bad_input");
    }
    zkinfer(&["verify", dir.path().join("missing").to_str().unwrap()]).expect(2).says("cannot read");
}

/// The word on the bundle decides nothing: a mock proof is never valid.
#[test]
fn a_mock_bundle_is_invalid() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mock.json");
    zkinfer(&["prove", "--backend", "mock", "--out", path.to_str().unwrap()]).expect(0);
    let run = zkinfer(&["verify", path.to_str().unwrap(), "--json"]).expect(1);
    assert!(run.json()["reason"].as_str().unwrap().contains("MOCK"));
    zkinfer(&["demo", "--backend", "mock"]).expect(2).says("proves nothing");
    // Called by another name it is not about a model that EZKL knows.
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    json["manifest"]["backend"] = "ezkl".into();
    fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
    let renamed = zkinfer(&["verify", path.to_str().unwrap()]);
    assert_ne!(renamed.code, 0);
}

#[test]
fn models_and_inputs_that_are_none_are_refused_and_the_old_bundle_stays() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.json");
    fs::write(&out, "old").unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let short = serde_json::json!({ "input_data": [vec![0.0; 63]] }).to_string();
    let nan = format!("{{\"input_data\": [[{}NaN]]}}", "0, ".repeat(63));
    let huge = format!("{{\"input_data\": [[{}1e30]]}}", "0, ".repeat(63));
    let digits = model("digits.onnx");
    for (model, input, sentence) in [
        (file("no.onnx", b"this is no model"), model("inputs/test-1243-is-7.json"), "not an ONNX model"),
        (
            digits.clone(),
            file("short.json", short.as_bytes()),
            "`image` (float32, shape [1, 64]) is given 63 numbers and takes 64",
        ),
        (digits.clone(), file("nan.json", nan.as_bytes()), "input_data"),
        (digits.clone(), file("huge.json", huge.as_bytes()), "outside the range"),
        (digits.clone(), file("empty.json", b""), "input_data"),
        (digits, dir.path().join("missing.json").display().to_string(), "cannot read"),
        (dir.path().join("missing.onnx").display().to_string(), model("inputs/test-1243-is-7.json"), "cannot read"),
    ] {
        for backend in ["native", "ezkl"] {
            let args =
                ["prove", "--backend", backend, "--model", &model, "--input", &input, "--out", out.to_str().unwrap()];
            zkinfer(&args).expect(2).says(sentence);
        }
        assert_eq!(fs::read_to_string(&out).unwrap(), "old", "{sentence}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 6, "nothing else was left behind");
}

#[test]
fn usage_errors_are_bad_input() {
    zkinfer(&[]).expect(2);
    zkinfer(&["no-such-command"]).expect(2);
    zkinfer(&["audit", "0x12", "--rpc", "http://127.0.0.1:1"]).expect(2);
    zkinfer(&["demo", "--digit", "10"]).expect(2);
    zkinfer(&["prove", "--model", &model("digits.onnx"), "--out", "x"]).expect(2).says("--input");
}

#[test]
fn every_command_has_help_with_examples() {
    for command in [
        &["demo"][..],
        &["prove"],
        &["verify"],
        &["audit"],
        &["doctor"],
        &["batch"],
        &["bench"],
        &["compile"],
        &["inspect"],
        &["register"],
        &["submit"],
        &["verifier", "compile"],
        &["verifier", "deploy"],
        &["setup", "ezkl"],
        &["verifier", "generate"],
    ] {
        let run = zkinfer(&[command, &["--help"]].concat()).expect(0);
        assert!(run.stdout.contains("Examples:\n"), "{command:?}: {}", run.stdout);
    }
    assert!(zkinfer(&["--help"]).expect(0).stdout.contains("Exit codes:"));
}
