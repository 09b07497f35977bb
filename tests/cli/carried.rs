//! Bundles verify anywhere with the code they carry, and only as what they are.

use crate::program::{NATIVE, Run, bundle, changed, command, native, run};
use alloy::{
    hex,
    primitives::{B256, Bytes, keccak256},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{fs, path::Path};
use tempfile::TempDir;
use zkinfer::{
    backend::Artifacts,
    proof::identity::{ModelParts, model_id},
    storage::Cache,
};

/// Returns the word 1 whatever it is asked: what a forger would have verify.
const ACCEPTS_ALL: &[u8] = &hex!("60015f5260205ff3");

fn verify(dir: &TempDir, path: &Path, more: &[&str]) -> Run {
    native(dir, &[&["verify", path.to_str().unwrap(), "--json"], more].concat())
}

fn flip_proof(json: &mut Value) {
    let mut proof = hex::decode(json["proof"].as_str().unwrap()).unwrap();
    proof[100] ^= 1;
    json["manifest"]["proofHash"] = hex::encode_prefixed(Sha256::digest(&proof)).into();
    json["proof"] = hex::encode_prefixed(proof).into();
}

/// Gives the bundle's model another code, and the id that follows from it. Returns the hash and the id.
fn rename(json: &mut Value, code: &[u8]) -> (B256, B256) {
    let word = |name: &str| json["manifest"][name].as_str().unwrap().parse::<B256>().unwrap();
    let parts = ModelParts {
        adapter_id: word("adapterId"),
        model_code_hash: keccak256(code),
        vk_digest: word("vkDigest"),
        schema_hash: word("schemaHash"),
        srs_id: word("srsId"),
    };
    let id = model_id(&parts);
    json["manifest"]["modelCodeHash"] = json!(parts.model_code_hash);
    json["manifest"]["modelCode"] = json!(Bytes::copy_from_slice(code));
    json["statements"][0]["modelId"] = json!(id);
    (parts.model_code_hash, id)
}

/// No artifacts, no EZKL: both verifiers of a native bundle run all the same.
#[test]
fn a_native_bundle_verifies_anywhere() {
    let (_, path) = &*NATIVE;
    let elsewhere = tempfile::tempdir().unwrap();
    let report = verify(&elsewhere, path, &[]).expect(0).json();
    assert_eq!((&report["verdict"], &report["verified_with"]), (&json!("VALID"), &json!("the bundle's code")));
    for verifier in ["off_chain", "embedded_evm"] {
        assert_eq!(report[verifier]["verdict"], "VALID", "{verifier}");
    }
    let warnings = report["warnings"].to_string();
    assert!(!warnings.contains("NOT SECURE") && warnings.contains("compare the model id"), "{warnings}");
    let forged = changed(path, &elsewhere, "forged.json", flip_proof);
    let report = verify(&elsewhere, &forged, &[]).expect(1).json();
    assert_eq!(
        (&report["off_chain"]["verdict"], &report["embedded_evm"]["verdict"]),
        (&json!("INVALID"), &json!("INVALID"))
    );
    let answer = changed(path, &elsewhere, "answer.json", |json| {
        let values = json["statements"][0]["publicValues"].as_str().unwrap();
        let last = if values.ends_with('0') { "1" } else { "0" };
        json["statements"][0]["publicValues"] = format!("{}{last}", &values[..values.len() - 1]).into();
    });
    verify(&elsewhere, &answer, &[]).expect(1);
}

/// The contracts decide alone, and the report says so.
#[test]
fn an_ezkl_bundle_verifies_without_ezkl_in_the_embedded_evm() {
    let elsewhere = tempfile::tempdir().unwrap();
    let report = verify(&elsewhere, bundle(), &[]).expect(0).json();
    assert_eq!(report["verdict"], "VALID");
    assert_eq!(report["off_chain"]["verdict"], "NOT AVAILABLE");
    assert!(report["warnings"].to_string().contains("transferable"));
    let text = native(&elsewhere, &["verify", bundle().to_str().unwrap()]).expect(0).stdout;
    assert!(text.contains("not available") && text.contains("zkinfer setup ezkl"), "{text}");
    verify(&elsewhere, &changed(bundle(), &elsewhere, "forged.json", flip_proof), &[]).expect(1);
    let bare = changed(bundle(), &elsewhere, "bare.json", |json| {
        json["manifest"].as_object_mut().unwrap().remove("modelCode");
    });
    verify(&elsewhere, &bare, &[]).expect(3).says("zkinfer setup ezkl");
}

#[test]
fn the_contracts_alone_can_be_asked() {
    let (dir, path) = &*NATIVE;
    for dir in [dir, &tempfile::tempdir().unwrap()] {
        let report = verify(dir, path, &["--evm"]).expect(0).json();
        assert_eq!((&report["verdict"], &report["embedded_evm"]["verdict"]), (&json!("VALID"), &json!("VALID")));
        assert_eq!(report["off_chain"]["verdict"], "NOT AVAILABLE");
        assert!(report["embedded_evm"]["gas"]["transaction"].as_u64().unwrap() > 500_000);
    }
    // The code of the artifacts serves as well.
    let bare = changed(path, dir, "bare-evm.json", |json| {
        json["manifest"].as_object_mut().unwrap().remove("modelCode");
    });
    assert_eq!(verify(dir, &bare, &["--evm"]).expect(0).json()["verified_with"], "artifacts");
    verify(dir, &changed(path, dir, "forged-evm.json", flip_proof), &["--evm"]).expect(1);
}

/// Whoever carries code that accepts everything speaks of another model: the id says so.
#[test]
fn code_that_accepts_everything_is_another_models() {
    let elsewhere = tempfile::tempdir().unwrap();
    let genuine: Value = serde_json::from_slice(&fs::read(bundle()).unwrap()).unwrap();
    let genuine = genuine["statements"][0]["modelId"].as_str().unwrap();
    verify(&elsewhere, bundle(), &["--model-id", genuine]).expect(0);
    let slipped = changed(bundle(), &elsewhere, "slipped.json", |json| {
        json["manifest"]["modelCode"] = json!(Bytes::from_static(ACCEPTS_ALL));
    });
    verify(&elsewhere, &slipped, &[]).expect(2).says("contradicts itself");
    let renamed = changed(bundle(), &elsewhere, "renamed.json", |json| {
        rename(json, ACCEPTS_ALL);
        flip_proof(json);
    });
    let report = verify(&elsewhere, &renamed, &[]).expect(0).json();
    assert_ne!(report["model_id"], genuine);
    verify(&elsewhere, &renamed, &["--model-id", genuine]).expect(2).says("the bundle is about model");
    // A native key object of no key is INVALID to both verifiers.
    let native = changed(&NATIVE.1, &elsewhere, "native.json", |json| {
        rename(json, ACCEPTS_ALL);
    });
    verify(&elsewhere, &native, &[]).expect(1);
    let large = changed(bundle(), &elsewhere, "large.json", |json| {
        rename(json, &[1; 24_577]);
    });
    verify(&elsewhere, &large, &[]).expect(2).says("24577 bytes");
}

/// Artifacts whose contract was not made from their key: EZKL refuses a forged proof that the contract accepts.
#[test]
fn verifiers_that_contradict_each_other_are_an_internal_error_with_a_report() {
    let user = Cache::from_env().unwrap();
    let mut json: Value = serde_json::from_slice(&fs::read(bundle()).unwrap()).unwrap();
    let genuine: B256 = json["statements"][0]["modelId"].as_str().unwrap().parse().unwrap();
    let (code_hash, id) = rename(&mut json, ACCEPTS_ALL);
    flip_proof(&mut json);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle.json");
    fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
    // A cache with the user's EZKL and the crooked artifacts.
    let name = format!("ezkl-{}", zkinfer::backend::ezkl::VERSION);
    let crooked = dir.path().join("artifacts/crooked");
    fs::create_dir_all(&crooked).unwrap();
    std::os::unix::fs::symlink(user.root().join(&name), dir.path().join(&name)).unwrap();
    let mut found = fs::read_dir(user.dir("artifacts").unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let source = found.find(|dir| Artifacts::peek(dir).is_ok_and(|of| of.model_id() == genuine)).unwrap();
    for file in fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path()) {
        if !file.ends_with("manifest.json") {
            fs::copy(&file, crooked.join(file.file_name().unwrap())).unwrap();
        }
    }
    let verifier = crooked.join("verifier.json");
    let mut compiled: Value = serde_json::from_slice(&fs::read(&verifier).unwrap()).unwrap();
    compiled["runtimeCode"] = json!(Bytes::from_static(ACCEPTS_ALL));
    compiled["codeHash"] = json!(code_hash);
    fs::write(&verifier, serde_json::to_vec(&compiled).unwrap()).unwrap();
    let mut identity = Artifacts::peek(&source).unwrap();
    identity.model_code_hash = code_hash;
    assert_eq!(Artifacts::seal(&crooked, identity).unwrap().model_id(), id);
    let mut verify = command(&["verify", path.to_str().unwrap(), "--json"]);
    let report = run(verify.env("ZKINFER_CACHE_DIR", dir.path())).expect(4).says("contradict each other");
    let object = report.json();
    assert_eq!(object["error"]["class"], "internal");
    for part in ["off-chain", "INVALID", "embedded EVM", "attach", "doctor", &id.to_string()] {
        assert!(object["error"]["message"].as_str().unwrap().contains(part), "{part}");
    }
}
