//! A convolutional model on the command line: explained, proven, verified, and sent to no chain.

use crate::program::{model, native};
use std::path::Path;

#[test]
fn a_network_is_compiled_explained_proven_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let cnn = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/digits-cnn/cnn.onnx").display().to_string();
    let compiled = native(&dir, &["compile", "--model", &cnn, "--explain", "--json"]).expect(0).json();
    let tensors = compiled["explain"]["tensors"].as_array().unwrap();
    assert_eq!(tensors.len(), 7);
    assert_eq!((tensors[1]["node"].as_str(), tensors[1]["rows"].as_u64()), (Some("conv1"), Some(512)));
    assert_eq!(compiled["details"]["dims"], serde_json::json!([64, 10]));
    let text = native(&dir, &["compile", "--model", &cnn, "--explain"]).expect(0).stdout;
    assert!(
        text.contains("conv1") && text.contains("has most of them") && text.contains("precision is lost"),
        "{text}"
    );
    let out = dir.path().join("seven.json").display().to_string();
    let input = model("inputs/test-1243-is-7.json");
    native(&dir, &["prove", "--model", &cnn, "--input", &input, "--out", &out]).expect(0);
    let verified = native(&dir, &["verify", &out, "--json"]).expect(0).json();
    assert_eq!(verified["model_id"], compiled["model_id"]);
    let registry = ["--registry", "0x00000000000000000000000000000000000000aa", "--rpc", "http://127.0.0.1:1"];
    native(&dir, &[&["submit", &out], &registry[..]].concat()).expect(2).says("general network");
    let code =
        ["--model-registry", registry[1], "--adapter", registry[1], "--model-code", registry[1], "--rpc", registry[3]];
    native(&dir, &[&["register", "--bundle", &out], &code[..]].concat()).expect(2).says("general network");
}
