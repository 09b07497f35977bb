//! `--backend native`: no EZKL, no contract, the same commands.

use crate::program::{NATIVE, model, native, zkinfer};
use serde_json::Value;
use std::{fs, path::Path};

fn verify_changed(name: &str, change: impl FnOnce(&mut Value)) -> crate::program::Run {
    let (dir, path) = &*NATIVE;
    let mut json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut json);
    let changed = dir.path().join(name);
    fs::write(&changed, serde_json::to_vec(&json).unwrap()).unwrap();
    native(dir, &["verify", changed.to_str().unwrap(), "--json"])
}

#[test]
fn a_native_bundle_is_verified_without_ezkl() {
    let (dir, path) = &*NATIVE;
    let report = native(dir, &["verify", path.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!(report["verdict"], "VALID");
    assert_eq!(report["embedded_evm"]["verdict"], "VALID");
    assert_eq!(report["warnings"], serde_json::json!([]));
    let digits = model("digits.onnx");
    native(dir, &["verify", path.to_str().unwrap(), "--model", &digits]).expect(0);
    let text = native(dir, &["verify", path.to_str().unwrap()]).expect(0).stdout;
    assert!(text.starts_with("VALID\n") && text.contains("embedded EVM"), "{text}");
}

/// The proof is bound to its context: the same bundle for another context is INVALID, not merely transferable.
#[test]
fn changed_native_bundles_are_invalid() {
    let context = verify_changed("context.json", |json| {
        json["statements"][0]["context"] = serde_json::json!({
            "kind": "chain",
            "chainId": 31337,
            "registry": "0x0000000000000000000000000000000000000009",
            "assignment": {
                "submitter": "0x0000000000000000000000000000000000000008",
                "consumer": "0x0000000000000000000000000000000000000000",
                "job": format!("0x{}", "00".repeat(32)),
                "deadline": u64::MAX,
            },
        });
    });
    assert_eq!(context.expect(1).json()["verdict"], "INVALID");
    let answer = verify_changed("answer.json", |json| {
        let values = json["statements"][0]["publicValues"].as_str().unwrap();
        let last = if values.ends_with('0') { "1" } else { "0" };
        json["statements"][0]["publicValues"] = format!("{}{last}", &values[..values.len() - 1]).into();
    });
    assert_eq!(answer.expect(1).json()["verdict"], "INVALID");
    verify_changed("proof.json", |json| json["proof"] = "0x00".into()).expect(2).says("contradicts itself");
    verify_changed("backend.json", |json| json["manifest"]["backend"] = "mock".into()).expect(1);
}

/// Artifacts cannot be built again elsewhere: every setup has a secret of its own.
#[test]
fn other_machines_and_other_models_are_told() {
    let (_, path) = &*NATIVE;
    let elsewhere = tempfile::tempdir().unwrap();
    let bundle = path.to_str().unwrap();
    let bare = crate::program::changed(path, &elsewhere, "bare.json", |json| {
        json["manifest"].as_object_mut().unwrap().remove("modelCode");
    });
    native(&elsewhere, &["verify", bare.to_str().unwrap()]).expect(2).says("no artifacts of the native model");
    native(&elsewhere, &["verify", "--evm", bare.to_str().unwrap()]).expect(2).says("no artifacts of the native model");
    native(&elsewhere, &["verify", bundle, "--model", &model("digits.onnx")]).expect(2).says("no artifacts");
    let other = elsewhere.path().join("other.onnx");
    let mut onnx = fs::read(model("digits.onnx")).unwrap();
    let middle = onnx.len() / 2;
    onnx[middle] ^= 1;
    fs::write(&other, onnx).unwrap();
    native(&NATIVE.0, &["verify", bundle, "--model", other.to_str().unwrap()]).expect(2).says("another model");
}

/// No Python, no EZKL: the cache has none. The proof that is posted is made again for the registry, since it binds it.
#[test]
fn the_native_demo_goes_all_the_way_without_ezkl() {
    let (dir, _) = &*NATIVE;
    let demo = native(dir, &["demo", "--backend", "native", "--json"]).expect(0).json();
    for name in ["verified_off_chain", "verified_in_embedded_evm", "verified_on_chain"] {
        assert_eq!(demo[name], true, "{name}");
    }
    assert_eq!((&demo["backend"], &demo["audit_verdict"]), (&"native".into(), &"VALID".into()));
    assert_eq!((&demo["digit"]["agree"], &demo["digit"]["proven"]), (&true.into(), &7.into()));
    assert_eq!(demo["warnings"], serde_json::json!([]));
    let summary = demo["audit_summary"].as_str().unwrap();
    assert!(summary.contains("Perpetual Powers of Tau") && !summary.contains("NOT SECURE"), "{summary}");
    let text = native(dir, &["demo", "--backend", "native", "--digit", "3"]).expect(0).stdout;
    assert!(text.contains("prove for this registry") && text.contains("they agree"), "{text}");
}

#[test]
fn what_native_cannot_do_is_bad_input() {
    let (dir, _) = &*NATIVE;
    let out = dir.path().join("contract").display().to_string();
    let samples = model("calibration.json");
    let args = ["prove", "--backend", "mock", "--calibration", &samples, "--out", &out];
    native(dir, &args).expect(2).says("no --calibration");
    let ceremony = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/prover/src/srs/fixtures/snarkjs-contributed-5.ptau");
    native(dir, &["prove", "--backend", "native", "--srs", ceremony, "--out", &out])
        .expect(2)
        .says("of power 13 or more");
    native(dir, &["prove", "--backend", "native", "--srs", &samples, "--out", &out]).expect(2).says("not a .ptau file");
    native(dir, &["prove", "--backend", "mock", "--srs", ceremony, "--out", &out])
        .expect(2)
        .says("only the native backend and EZKL");
    let huge = dir.path().join("huge.json");
    fs::write(&huge, serde_json::json!({ "input_data": [vec![1e30; 64]] }).to_string()).unwrap();
    let args = ["prove", "--backend", "native", "--model", &model("digits.onnx"), "--input", huge.to_str().unwrap()];
    native(dir, &[&args[..], &["--out", &out]].concat()).expect(2).says("outside the range");
    assert!(!zkinfer(&["demo", "--help"]).stdout.is_empty());
}

/// Given once, then named by its id. What is no SRS is not imported.
#[test]
fn a_ceremonys_file_is_imported_and_named() {
    let (dir, _) = &*NATIVE;
    let ceremony = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/prover/src/srs/fixtures/snarkjs-contributed-5.ptau");
    let imported = native(dir, &["setup", "srs", ceremony, "--json"]).expect(0).json();
    assert_eq!((&imported["backend"], &imported["powers"]), (&"native".into(), &63.into()));
    assert_eq!((&imported["srs_kind"], &imported["ceremony"]), (&"unlisted".into(), &Value::Null));
    let id = imported["srs_id"].as_str().unwrap();
    let doctor = native(dir, &["doctor"]).stdout;
    assert!(doctor.contains(id) && doctor.contains("Perpetual Powers of Tau"), "{doctor}");
    let out = dir.path().join("imported.json").display().to_string();
    let refused = native(dir, &["prove", "--srs", id, "--out", &out]).expect(2);
    refused.says("63 powers of it were imported").says("power 13 or more");
    let unknown = format!("0x{}", "05".repeat(32));
    native(dir, &["prove", "--srs", &unknown, "--out", &out]).expect(2).says("setup srs");
    let page = dir.path().join("page.ptau");
    fs::write(&page, "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>").unwrap();
    native(dir, &["setup", "srs", page.to_str().unwrap()]).expect(2).says("HTML page");
    native(dir, &["prove", "--srs", page.to_str().unwrap(), "--out", &out]).expect(2).says("HTML page");
    // What `powersoftau contribute FILE FILE` leaves: points of the curve, some of another tau.
    let mixed = dir.path().join("mixed.ptau");
    let mut bytes = fs::read(ceremony).unwrap();
    // The file's header, that of section 1 and its content, that of section 2: then the powers in G1, 64 bytes each.
    let first = 12 + 12 + u64::from_le_bytes(bytes[16..24].try_into().unwrap()) as usize + 12;
    bytes.copy_within(first + 64..first + 128, first + 64 * 40);
    fs::write(&mixed, bytes).unwrap();
    native(dir, &["setup", "srs", mixed.to_str().unwrap()]).expect(3).says("download it again");
    assert!(!Path::new(&out).exists());
}

#[test]
fn bench_measures_a_synthetic_network() {
    let (dir, _) = &*NATIVE;
    let args = ["bench", "--backend", "native", "--shape", "16-24-12-4", "--runs", "2", "--scalar", "--json"];
    let report = native(dir, &args).expect(0).json();
    let model = &report["models"][0];
    assert_eq!((&model["model"], model["params"].as_u64()), (&"16-24-12-4".into(), Some(760)));
    assert_eq!(report["kernels"], "scalar");
    let row = &model["backends"][0];
    assert_eq!((&row["backend"], row["accuracy"]["samples"].as_u64()), (&"native".into(), Some(32)));
    for name in ["setup_ms", "prove_ms", "verify_ms", "proof_bytes", "peak_rss_mb"] {
        assert!(row[name].as_f64().unwrap() > 0.0, "{name}");
    }
    let batch = native(dir, &[&args[..], &["--batch", "3"]].concat()).expect(0).json();
    let batch = &batch["models"][0];
    assert_eq!(batch["batch"], 3);
    assert!(batch["backends"][0]["proof_bytes"].as_u64() > row["proof_bytes"].as_u64(), "a proof of more statements");
    for shape in ["16", "0-4", "x-4"] {
        native(dir, &["bench", "--backend", "native", "--shape", shape]).expect(2);
    }
    native(dir, &["bench", "--models", "goals", "--batch", "2"]).expect(2);
    // Nothing is installed in this cache.
    native(dir, &["bench", "--backend", "ezkl", "--shape", "4-3"]).expect(3).says("setup ezkl");
}

#[test]
fn bench_measures_the_pipeline() {
    let (dir, _) = &*NATIVE;
    let args = ["bench", "--pipeline", "--backend", "native", "--runs", "1", "--served", "20", "--json"];
    let report = native(dir, &args).expect(0).json();
    let figures = report["pipeline"][0]["figures"].as_array().unwrap().clone();
    assert_eq!(figures.len(), 9);
    for figure in &figures {
        let adds = figure["figure"] == "what the pipeline adds";
        assert!(adds || figure["value"].as_f64().unwrap() > 0.0, "{figure}");
    }
    let queued = figures.last().unwrap()["figure"].as_str().unwrap();
    let proven =
        queued.strip_prefix("peak RSS with 10000 queued, ").and_then(|rest| rest.strip_suffix(" of them proven"));
    // A worker that was at work when the rest was cancelled finishes what it has.
    assert!(proven.unwrap().parse::<usize>().unwrap() >= 20, "{queued}");
    native(dir, &["bench", "--pipeline", "--shape", "4-3"]).expect(2);
    native(dir, &["bench", "--served", "3"]).expect(2);
}

/// What native cannot prove names the operator and the backend that may.
#[test]
fn an_operator_that_native_does_not_prove_is_named_with_advice() {
    let (dir, _) = &*NATIVE;
    let (path, input) = (dir.path().join("sorted.onnx"), dir.path().join("numbers.json"));
    let (onnx, numbers) = crate::answers::too_many_in_order();
    fs::write(&path, onnx).unwrap();
    fs::write(&input, numbers).unwrap();
    let (input, out) = (input.to_str().unwrap(), dir.path().join("sorted.json"));
    let args = ["prove", "--model", path.to_str().unwrap(), "--input", input, "--out", out.to_str().unwrap()];
    native(dir, &[&args[..], &["--backend", "native"]].concat()).expect(2).says("TopK").says("--backend ezkl");
    // EZKL may be able to, and is not in this cache.
    let lacking = native(dir, &args).expect(3).says("TopK (node `TopK_n1`)");
    lacking.says("Run `zkinfer setup ezkl`");
    assert!(!out.exists());
}
