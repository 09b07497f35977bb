//! A convolutional model on the command line: explained, proven, verified, registered, submitted and audited.

use crate::program::{command, model, native, run};
use std::path::Path;
use tempfile::TempDir;
use zkinfer::{
    chain::{Devnet, Node, deployment},
    evm::Toolchain,
};

fn cnn() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/digits-cnn/cnn.onnx").display().to_string()
}

/// A bundle of the model, made for no chain.
fn prove(dir: &TempDir) -> String {
    let out = dir.path().join("seven.json").display().to_string();
    let input = model("inputs/test-1243-is-7.json");
    native(dir, &["prove", "--model", &cnn(), "--input", &input, "--out", &out]).expect(0);
    out
}

#[test]
fn a_network_is_compiled_explained_proven_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let compiled = native(&dir, &["compile", "--model", &cnn(), "--explain", "--json"]).expect(0).json();
    let tensors = compiled["explain"]["tensors"].as_array().unwrap();
    assert_eq!(tensors.len(), 7);
    assert_eq!((tensors[1]["node"].as_str(), tensors[1]["rows"].as_u64()), (Some("conv1"), Some(512)));
    assert_eq!(compiled["details"]["dims"], serde_json::json!([64, 10]));
    let text = native(&dir, &["compile", "--model", &cnn(), "--explain"]).expect(0).stdout;
    assert!(
        text.contains("conv1") && text.contains("has most of them") && text.contains("precision is lost"),
        "{text}"
    );
    let out = prove(&dir);
    let verified = native(&dir, &["verify", &out, "--json"]).expect(0).json();
    assert_eq!(verified["model_id"], compiled["model_id"]);
    // Where nothing else of the model is, the bundle carries enough.
    let elsewhere = tempfile::tempdir().unwrap();
    let verified = native(&elsewhere, &["verify", &out, "--json"]).expect(0).json();
    assert_eq!(verified["model_id"], compiled["model_id"]);
    let bundle = native(&dir, &["inspect", &out, "--json"]).expect(0).json();
    assert_eq!(bundle["adapter"], "NetworkVerifier");
}

/// The key object, written and shown.
#[test]
fn the_key_object_of_a_network_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("code").display().to_string();
    let written = native(&dir, &["verifier", "generate", "--model", &cnn(), "--out", &out, "--json"]).expect(0).json();
    assert_eq!(written["adapter"], "NetworkVerifier");
    let file: serde_json::Value =
        serde_json::from_slice(&std::fs::read(format!("{out}/verifier.json")).unwrap()).unwrap();
    let object = dir.path().join("object.hex").display().to_string();
    std::fs::write(&object, file["runtimeCode"].as_str().unwrap()).unwrap();
    let shown = native(&dir, &["inspect", &object, "--json"]).expect(0).json();
    assert_eq!(shown["model_code_hash"], written["code_hash"]);
    assert_eq!((&shown["elements"], &shown["pages"]), (&serde_json::json!([64, 10]), &serde_json::json!([])));
    native(&dir, &["inspect", &object]).expect(0);
    // A program that the key does not name.
    let mut changed = file["runtimeCode"].as_str().unwrap().to_owned();
    let last = changed.pop().unwrap();
    changed.push(if last == '0' { '1' } else { '0' });
    std::fs::write(&object, &changed).unwrap();
    native(&dir, &["inspect", "--as", "vk", &object]).expect(2).says("program");
    // The key alone says nothing.
    std::fs::write(&object, changed[..2].chars().chain(changed[8..338].chars()).collect::<String>()).unwrap();
    native(&dir, &["inspect", "--as", "vk", &object]).expect(2).says("program");
}

#[tokio::test]
async fn a_network_goes_on_chain_by_separate_commands() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bundle = prove(&dir);
    let devnet = Devnet::start(&Toolchain::from_env().anvil().unwrap()).await.unwrap();
    let rpc = devnet.endpoint();
    let signed = |args: &[&str]| native(&dir, &[args, &["--rpc", &rpc, "--dev-account", "--json"]].concat());
    let deployed = signed(&["verifier", "deploy", "--bundle", &bundle, "--registries"]).expect(0).json();
    let released = deployment::released_as("NetworkVerifier").unwrap();
    assert_eq!(deployed["adapter"], released.address.to_string().to_lowercase());
    let at = |name: &str| deployed[name].as_str().unwrap().to_owned();
    let (models, adapter, code) = (at("model_registry"), at("adapter"), at("model_code"));
    let places = ["--model-registry", &models, "--adapter", &adapter, "--model-code", &code];
    let registered = signed(&[&["register", "--bundle", &bundle][..], &places].concat()).expect(0).json();
    assert_eq!(registered["model_id"], deployed["model_id"]);
    let submitted = signed(&["submit", &bundle, "--registry", &at("proof_registry")]).expect(0).json();
    assert_eq!(submitted["proved_again"], true);
    let transaction = submitted["transaction_hash"].as_str().unwrap().to_owned();

    // Anybody audits it: the key and the program are on the chain.
    let audit = native(&elsewhere, &["audit", &transaction, "--rpc", &rpc, "--strict", "--json"]).expect(0).json();
    assert_eq!((&audit["verdict"], &audit["facts"]["adapter_name"]), (&"VALID".into(), &"NetworkVerifier".into()));
    assert_eq!(audit["answers"][0]["outputs"][0]["class"], 7);
    let checks = audit["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["outcome"] == "passed"), "{checks:?}");
    native(&dir, &["audit", &transaction, "--rpc", &rpc, "--model", &cnn()]).expect(0);

    // Other code in the adapter's place is refused before anything is sent.
    let wrong = ["--model-registry", &models, "--adapter", &at("proof_registry"), "--model-code", &code];
    signed(&[&["register", "--bundle", &bundle][..], &wrong].concat()).expect(2).says("the adapter of this model");
    let found = deployment::look(&Node::connect_dev(&rpc).await.unwrap(), None).await.unwrap();
    let network = found.iter().find(|contract| contract.name == "NetworkVerifier").unwrap();
    assert!(network.is_right(), "{network:?}");
}

/// Everything once, as `make demo DEMO_FLAGS="--model cnn"` does.
#[test]
fn the_demo_of_the_convolutional_model_ends_valid() {
    let (cache, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut demo = command(&["demo", "--model", "cnn", "--json"]);
    let demo = run(demo.env("ZKINFER_CACHE_DIR", cache.path()).env("PATH", empty.path())).expect(0).json();
    for name in ["verified_off_chain", "verified_in_embedded_evm", "verified_on_chain"] {
        assert_eq!(demo[name], true, "{name}");
    }
    assert_eq!((&demo["audit_verdict"], &demo["model"]), (&"VALID".into(), &"digits-cnn".into()));
    assert_eq!((&demo["digit"]["proven"], &demo["digit"]["agree"]), (&7.into(), &true.into()));
    assert!(!demo["audit_summary"].as_str().unwrap().contains("NOT SECURE"), "{demo}");
}
