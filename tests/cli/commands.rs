//! `compile`, `inspect`, `verifier generate` and `compile`, and proofs of several inputs.

use crate::program::{NATIVE, bundle, command, model, native, run, zkinfer};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

fn seven() -> String {
    model("inputs/test-1243-is-7.json")
}

#[test]
fn compile_builds_once_and_inspect_shows_what_it_built() {
    let dir = tempfile::tempdir().unwrap();
    let first = native(&dir, &["compile", "--json"]).expect(0).json();
    assert_eq!((&first["built"], &first["backend"]), (&json!(true), &json!("native")));
    let again = native(&dir, &["compile", "--json"]).expect(0).json();
    assert_eq!((&again["built"], &again["model_id"]), (&json!(false), &first["model_id"]));
    assert!(native(&dir, &["compile"]).expect(0).stdout.starts_with("Found"));
    let artifacts = PathBuf::from(first["artifacts"].as_str().unwrap());
    let seen = native(&dir, &["inspect", artifacts.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!(seen["kind"], "artifacts");
    for name in ["model_id", "vk_digest", "schema_hash", "srs_id", "details"] {
        assert_eq!(seen[name], first[name], "{name}");
    }
    // The verifying key alone has the same digest, and leads to the model's code.
    let vk = artifacts.join("vk.key");
    let key = native(&dir, &["inspect", vk.to_str().unwrap(), "--json"]).expect(0).json();
    for name in ["vk_digest", "model_code_hash", "srs_id"] {
        assert_eq!(key[name], first[name], "{name}");
    }
    assert_eq!(key["dims"], json!([64, 32, 10]));
    // What was changed is not shown as if it were whole.
    fs::write(&vk, "changed").unwrap();
    native(&dir, &["inspect", artifacts.to_str().unwrap()]).expect(2).says("content was changed");
    native(&dir, &["inspect", vk.to_str().unwrap()]).expect(2).says("--as");
}

/// Other options are another model, which is found again by its bundle and its file.
#[test]
fn ezkl_circuits_are_made_for_what_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("bundle.json").display().to_string();
    let args = ["--backend", "ezkl", "--optimize", "gas", "--memory-limit-mb", "4000", "--json"];
    let compiled = zkinfer(&[&["compile"], &args[..]].concat()).expect(0).json();
    let default = zkinfer(&["compile", "--backend", "ezkl", "--json"]).expect(0).json();
    assert_ne!(compiled["model_id"], default["model_id"]);
    let proved = zkinfer(&[&["prove", "--out", &out], &args[..]].concat()).expect(0).json();
    assert_eq!((&proved["model_id"], &proved["artifacts_built"]), (&compiled["model_id"], &json!(false)));
    zkinfer(&["verify", &out, "--model", &model("digits.onnx")]).expect(0);
    for option in [["--optimize", "gas"], ["--batch", "2"], ["--memory-limit-mb", "100"]] {
        zkinfer(&[&["compile", "--backend", "native"], &option[..]].concat()).expect(2).says("only EZKL");
    }
}

#[test]
fn inspect_reads_bundles_schemas_and_keys() {
    let (dir, path) = &*NATIVE;
    let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let seen = native(dir, &["inspect", path.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!((&seen["kind"], &seen["verified"]), (&json!("bundle"), &json!(false)));
    assert_eq!(seen["model_id"], json["statements"][0]["modelId"]);
    let statement = &seen["statements"][0];
    assert_eq!(statement["tensors"][0]["shape"], json!([1, 64]));
    assert_eq!(statement["tensors"][1]["values"].as_array().unwrap().len(), 10);
    let verified = native(dir, &["verify", path.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!(statement["statement_id"], verified["statement_ids"][0]);
    // A schema as hex text; the key object that the bundle carries.
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let schema = file("schema.hex", json["manifest"]["schema"].as_str().unwrap());
    let seen = native(dir, &["inspect", &schema, "--json"]).expect(0).json();
    assert_eq!((&seen["kind"], &seen["schema_hash"]), (&json!("schema"), &json["manifest"]["schemaHash"]));
    let key = file("key.hex", json["manifest"]["modelCode"].as_str().unwrap());
    let seen = native(dir, &["inspect", "--as", "vk", &key, "--json"]).expect(0).json();
    assert_eq!(seen["vk_digest"], json["manifest"]["vkDigest"]);
    assert_eq!(seen["model_code_hash"], json["manifest"]["modelCodeHash"]);
    let broken = file("broken.json", "{}");
    native(dir, &["inspect", &broken]).expect(2).says("no");
    native(dir, &["inspect", "--as", "schema", &key]).expect(2);
    native(dir, &["inspect", dir.path().join("missing").to_str().unwrap()]).expect(2).says("cannot read");
    native(dir, &["inspect", dir.path().to_str().unwrap()]).expect(2);
}

/// Any form of a bundle is read; the same statement, the same verdict.
#[test]
fn bundles_are_written_in_several_forms() {
    let (dir, _) = &*NATIVE;
    let mut sizes = Vec::new();
    for (encoding, compression) in [("standard", "none"), ("compact", "none"), ("compact", "maximum")] {
        let out = dir.path().join(format!("{encoding}-{compression}")).display().to_string();
        native(dir, &["prove", "--encoding", encoding, "--compression", compression, "--out", &out]).expect(0);
        let verified = native(&tempfile::tempdir().unwrap(), &["verify", &out, "--json"]).expect(0).json();
        let seen = native(dir, &["inspect", &out, "--json"]).expect(0).json();
        assert_eq!(seen["statements"][0]["statement_id"], verified["statement_ids"][0]);
        sizes.push(fs::metadata(&out).unwrap().len());
    }
    assert!(sizes[0] > sizes[1] && sizes[1] >= sizes[2], "{sizes:?}");
    let cut = dir.path().join("cut");
    fs::write(&cut, &fs::read(dir.path().join("compact-none")).unwrap()[..99]).unwrap();
    native(dir, &["verify", cut.to_str().unwrap()]).expect(2).says("malformed");
}

#[test]
fn several_inputs_are_proven_at_once() {
    let (dir, _) = &*NATIVE;
    let out = dir.path().join("several.json").display().to_string();
    let lines = dir.path().join("two.jsonl");
    let line = |name: &str| fs::read_to_string(model(name)).unwrap().replace('\n', " ");
    fs::write(&lines, format!("{}\n{}\n", line("inputs/test-1157-is-0.json"), line("inputs/test-0442-is-1.json")))
        .unwrap();
    let args = ["prove", "--input", &seven(), "--input", lines.to_str().unwrap(), "--out", &out, "--json"];
    let report = native(dir, &args).expect(0).json();
    assert_eq!((&report["inferences"], report["statement_ids"].as_array().unwrap().len()), (&json!(3), 3));
    let verified = native(dir, &["verify", &out, "--json"]).expect(0).json();
    assert_eq!((&verified["verdict"], &verified["statement_ids"]), (&json!("VALID"), &report["statement_ids"]));
    let text = native(dir, &["verify", &out]).expect(0).stdout;
    assert!(text.contains("3 of them"), "{text}");
    // A whole directory; without artifacts; one bad input is named.
    let all = dir.path().join("all.json").display().to_string();
    let report = native(dir, &["prove", "--input", &model("inputs"), "--out", &all, "--json"]).expect(0).json();
    assert_eq!(report["inferences"], fs::read_dir(model("inputs")).unwrap().count());
    native(&tempfile::tempdir().unwrap(), &["verify", &all]).expect(0);
    let short = dir.path().join("short.json");
    fs::write(&short, r#"{"input_data": [[1]]}"#).unwrap();
    let args = ["prove", "--input", &seven(), "--input", short.to_str().unwrap(), "--out", &out];
    native(dir, &args).expect(2).says("short.json: ");
    let args = ["prove", "--backend", "ezkl", "--input", &model("inputs"), "--out", &out];
    zkinfer(&args).expect(2).says("1 to 1 statements");
}

/// Every input a bundle, or a proof of them all; a bad one keeps nothing from the others; a journal is gone on from.
#[test]
fn a_batch_proves_what_it_can() {
    let (dir, _) = &*NATIVE;
    let requests = dir.path().join("requests.jsonl");
    let line = |name: &str| fs::read_to_string(model(name)).unwrap().replace('\n', " ");
    let (zero, one) = (line("inputs/test-1157-is-0.json"), line("inputs/test-0442-is-1.json"));
    fs::write(&requests, format!("{zero}\n{one}\n{{\"input_data\": [[1]]}}\n{zero}\n")).unwrap();
    let (out, journal) = (dir.path().join("batch"), dir.path().join("journal"));
    let (requests, out) = (requests.display().to_string(), out.display().to_string());
    let batch = |more: &[&str]| {
        native(dir, &[&["batch", "--input", &requests, "--out", &out, "--json"], more].concat()).expect(2).json()
    };
    let report = batch(&["--journal", journal.to_str().unwrap()]);
    let outcomes = |report: &Value| -> Vec<String> {
        report["items"].as_array().unwrap().iter().map(|item| item["outcome"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(outcomes(&report), ["proven", "proven", "failed", "duplicate"]);
    assert_eq!((&report["status"], &report["bundles"]), (&json!("partialSuccess"), &json!(2)));
    let items = report["items"].as_array().unwrap();
    assert!(items[2]["input"].as_str().unwrap().ends_with("requests.jsonl:3"));
    assert_eq!(items[0]["statement_id"], items[3]["statement_id"]);
    for item in [0, 1] {
        let verified = native(dir, &["verify", items[item]["bundle"].as_str().unwrap(), "--json"]).expect(0).json();
        assert_eq!(verified["statement_ids"][0], items[item]["statement_id"]);
    }
    // Nothing is proven twice.
    fs::remove_file(items[0]["bundle"].as_str().unwrap()).unwrap();
    let again = batch(&["--journal", journal.to_str().unwrap()]);
    assert_eq!((&again["metrics"]["proven"], &again["metrics"]["recovered"]), (&json!(0), &json!(2)));
    assert!(PathBuf::from(items[0]["bundle"].as_str().unwrap()).exists());
    // One proof of the whole chunk.
    let report = batch(&["--one-proof"]);
    assert_eq!((outcomes(&report)[2].as_str(), &report["bundles"]), ("failed", &json!(1)));
    native(dir, &["verify", report["items"][1]["bundle"].as_str().unwrap()]).expect(0);
    native(dir, &["batch", "--input", &model("inputs"), "--out", &out, "--workers", "2"]).expect(0);
    native(dir, &["batch", "--input", &requests]).expect(2);
    native(dir, &["batch", "--input", &requests, "--out", &out, "--chunk", "0"]).expect(2);
    let args = ["batch", "--backend", "ezkl", "--one-proof", "--input", &requests, "--out", &out];
    zkinfer(&args).expect(2).says("1 to 1 statements");
}

/// EZKL's verifier compiles again to the code hash that the model id names; native's key object needs no compiler.
#[test]
fn a_models_code_is_written_and_compiled() {
    let (dir, path) = &*NATIVE;
    let out = dir.path().join("generated");
    let made = native(dir, &["verifier", "generate", "--out", out.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!((&made["contract"], &made["adapter"]), (&json!("NativeKey"), &json!("NativeVerifier")));
    assert_eq!(made["source"], Value::Null);
    let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let compiled: Value = serde_json::from_slice(&fs::read(out.join("verifier.json")).unwrap()).unwrap();
    assert_eq!(compiled["runtimeCode"], json["manifest"]["modelCode"]);

    let args = ["verifier", "generate", "--backend", "ezkl", "--out", out.to_str().unwrap(), "--json"];
    let made = zkinfer(&args).expect(0).json();
    let (source, again) = (made["source"].as_str().unwrap(), out.join("again.json"));
    let args = ["verifier", "compile", source, "--out", again.to_str().unwrap(), "--json"];
    let compiled = zkinfer(&args).expect(0).json();
    assert_eq!((&compiled["code_hash"], &compiled["contract"]), (&made["code_hash"], &made["contract"]));
    let written: Value = serde_json::from_slice(&fs::read(&again).unwrap()).unwrap();
    let bundle: Value = serde_json::from_slice(&fs::read(bundle()).unwrap()).unwrap();
    assert_eq!(written["runtimeCode"], bundle["manifest"]["modelCode"]);
    let broken = out.join("Broken.sol");
    fs::write(&broken, "contract {").unwrap();
    zkinfer(&["verifier", "compile", broken.to_str().unwrap()]).expect(2);
    zkinfer(&["verifier", "compile", out.join("Missing.sol").to_str().unwrap()]).expect(2).says("cannot read");
    let empty = tempfile::tempdir().unwrap();
    let mut away = command(&["verifier", "compile", source]);
    away.env("ZKINFER_SOLC", empty.path().join("solc"));
    assert_eq!(run(&mut away).expect(3).stdout, "");
}
