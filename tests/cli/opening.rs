//! Showing the weights behind a commitment.

use crate::program::{NATIVE, changed, model, native};
use std::{os::unix::fs::PermissionsExt, path::PathBuf};
use tempfile::TempDir;

/// What opens the commitment of the model that the tests share.
pub(crate) fn export(dir: &TempDir, bundle: &std::path::Path, name: &str) -> PathBuf {
    let inspected = native(dir, &["inspect", bundle.to_str().unwrap(), "--json"]).expect(0).json();
    let path = dir.path().join(name);
    let id = inspected["model_id"].as_str().unwrap();
    let run = native(dir, &["opening", "export", "--model-id", id, "--out", path.to_str().unwrap()]).expect(0);
    assert!(run.stdout.contains("SECRET"), "{}", run.stdout);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    path
}

#[test]
fn an_opening_shows_the_model_of_a_bundle_and_no_other() {
    let (dir, bundle) = &*NATIVE;
    let path = export(dir, bundle, "check.opening.json");
    let (path, bundle) = (path.to_str().unwrap(), bundle.to_str().unwrap());
    let check = |more: &[&str]| native(dir, &[&["opening", "check", path, "--json"], more].concat());
    let digits = model("digits.onnx");
    let found = check(&["--bundle", bundle, "--model", &digits]).expect(0).json();
    assert_eq!((&found["verdict"], &found["dims"]), (&"VALID".into(), &serde_json::json!([64, 32, 10])));
    // Quantized with other samples they would be other weights.
    let samples = dir.path().join("one-sample.json");
    std::fs::write(&samples, format!("{{\"input_data\": [[{}0.01]]}}", "0.01, ".repeat(63))).unwrap();
    let found = check(&["--bundle", bundle, "--model", &digits, "--calibration", samples.to_str().unwrap()]);
    assert!(found.expect(1).json()["reason"].as_str().unwrap().contains("quantized with these samples"));
    // The same file, set up again.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = elsewhere.path().join("bundle.json");
    native(&elsewhere, &["prove", "--out", other.to_str().unwrap()]).expect(0);
    let found = check(&["--bundle", other.to_str().unwrap()]).expect(1).json();
    assert!(found["reason"].as_str().unwrap().contains("of the key"), "{found}");
    // Nobody else can make it.
    let id = native(&elsewhere, &["inspect", bundle, "--json"]).expect(0).json()["model_id"].clone();
    let out = elsewhere.path().join("opening.json");
    native(&elsewhere, &["opening", "export", "--model-id", id.as_str().unwrap(), "--out", out.to_str().unwrap()])
        .expect(2);
    assert!(!out.exists());
    let broken = changed(path.as_ref(), &elsewhere, "broken.json", |json| json["modelSecret"] = "00".into());
    native(dir, &["opening", "check", broken.to_str().unwrap(), "--bundle", bundle]).expect(2).says("32 bytes");
    native(dir, &["opening", "check", bundle, "--bundle", bundle]).expect(2).says("no model opening");
}
