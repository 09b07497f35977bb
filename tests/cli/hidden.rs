//! `--hide` and `--openings`: what a bundle hides, and what shows it.

use crate::program::{changed, model, native};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::LazyLock,
};
use tempfile::TempDir;

/// Two inferences of the digits model, which hides its inputs; their openings.
pub(crate) static HIDDEN: LazyLock<(TempDir, PathBuf, PathBuf)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, openings) = prove(&dir, "hidden");
    (dir, bundle, openings)
});

fn prove(dir: &TempDir, name: &str) -> (PathBuf, PathBuf) {
    let (bundle, openings) =
        (dir.path().join(format!("{name}.bundle.json")), dir.path().join(format!("{name}.openings.json")));
    let inputs = ["inputs/test-1157-is-0.json", "inputs/test-0442-is-1.json"].map(model);
    let args = ["prove", "--hide", "inputs", "--input", &inputs[0], "--input", &inputs[1], "--out", text(&bundle)];
    native(dir, &[&args[..], &["--openings", text(&openings)]].concat()).expect(0);
    (bundle, openings)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn openings_show_what_a_bundle_hides_and_are_for_their_owner_alone() {
    let (dir, bundle, openings) = &*HIDDEN;
    assert_eq!(fs::metadata(openings).unwrap().permissions().mode() & 0o777, 0o600);
    let secret: Value = serde_json::from_slice(&fs::read(openings).unwrap()).unwrap();
    let digits = secret["statements"][0]["inputs"]["secret"].as_str().unwrap();
    assert!(!fs::read_to_string(bundle).unwrap().contains(digits));

    let report = native(dir, &["verify", text(bundle), "--openings", text(openings), "--json"]).expect(0).json();
    assert_eq!((&report["verdict"], &report["openings"]["verdict"]), (&json!("VALID"), &json!("VALID")));
    let closed = native(dir, &["inspect", text(bundle), "--json"]).expect(0).json();
    let tensors = &closed["statements"][0]["tensors"];
    assert_eq!((&tensors[0]["visibility"], &tensors[0]["values"]), (&json!("committed"), &Value::Null));
    assert_eq!(tensors[0]["commitment"].as_str().unwrap().len(), 2 + 128);
    assert_eq!(tensors[1]["values"].as_array().unwrap().len(), 10, "the outputs, not the inputs");
    assert!(native(dir, &["inspect", text(bundle)]).expect(0).stdout.contains("hidden input"));

    // On another machine too: the TEST powers of tau are known.
    let elsewhere = tempfile::tempdir().unwrap();
    let args = ["inspect", text(bundle), "--openings", text(openings), "--json"];
    let opened = native(&elsewhere, &args).expect(0).json();
    let given: Value = serde_json::from_slice(&fs::read(model("inputs/test-1157-is-0.json")).unwrap()).unwrap();
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
    let (shown, given) = (numbers(&opened["statements"][0]["tensors"][0]["values"]), numbers(&given["input_data"][0]));
    assert_eq!(shown.len(), 64);
    assert!(shown.iter().zip(&given).all(|(shown, given)| (shown - given).abs() < 1e-3), "{shown:?}");
}

#[test]
fn openings_of_something_else_are_invalid() {
    let (dir, bundle, openings) = &*HIDDEN;
    // The same inputs again: other commitments.
    let (_, others) = prove(dir, "again");
    let report = native(dir, &["verify", text(bundle), "--openings", text(&others), "--json"]).expect(1).json();
    assert_eq!((&report["verdict"], &report["off_chain"]["verdict"]), (&json!("INVALID"), &json!("VALID")));
    assert!(report["reason"].as_str().unwrap().contains("another commitment"), "{report}");
    native(dir, &["inspect", text(bundle), "--openings", text(&others)]).expect(1).says("another commitment");
    let flipped = changed(openings, dir, "flipped.json", |json| {
        let secret = json["statements"][1]["inputs"]["secret"].as_str().unwrap();
        let digit = if secret.ends_with('0') { "1" } else { "0" };
        json["statements"][1]["inputs"]["secret"] = format!("{}{digit}", &secret[..63]).into();
    });
    native(dir, &["inspect", text(bundle), "--openings", text(&flipped)]).expect(1).says("statement 1");
    native(dir, &["verify", text(bundle), "--openings", text(bundle)]).expect(2).says("its format is");
    let nothing = dir.path().join("nothing.json");
    native(dir, &["verify", text(bundle), "--openings", text(&nothing)]).expect(2);
    fs::write(&nothing, "{").unwrap();
    native(dir, &["verify", text(bundle), "--openings", text(&nothing)]).expect(2).says("no file of openings");
}

/// Nothing is proven when the openings would be lost.
#[test]
fn hiding_takes_a_place_for_the_openings() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.json");
    let prove = |more: &[&str]| native(&dir, &[&["prove", "--out", text(&out)], more].concat());
    prove(&["--hide", "inputs"]).expect(2).says("--openings FILE");
    prove(&["--openings", "x.json"]).expect(2).says("--hide");
    prove(&["--hide", "weights", "--openings", "x.json"]).expect(2);
    prove(&["--hide", "inputs", "--openings", text(&out)]).expect(2).says("the same file");
    let missing = dir.path().join("missing/openings.json");
    prove(&["--hide", "inputs", "--openings", text(&missing)]).expect(3);
    let openings = dir.path().join("openings.json");
    prove(&["--backend", "mock", "--hide", "inputs", "--openings", text(&openings)]).expect(2).says("native");
    assert!(!out.exists() && !openings.exists());
    let (dir, input) = (&HIDDEN.0, model("inputs/test-1157-is-0.json"));
    let batch = ["batch", "--hide", "inputs", "--input", &input, "--out", text(&out)];
    native(dir, &batch).expect(2).says("openings");
}
