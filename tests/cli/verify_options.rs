//! What `verify` can be asked for besides, of one bundle.

use crate::program::{NATIVE, Run, bundle, changed, native};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

fn verify(cache: &TempDir, path: &Path, more: &[&str]) -> Run {
    native(cache, &[&["verify", path.to_str().unwrap(), "--json"], more].concat())
}

fn reason(report: &Value) -> &str {
    report["reason"].as_str().unwrap()
}

#[test]
fn modes_differ_in_what_runs_and_all_refuse_a_forgery() {
    let (dir, path) = &*NATIVE;
    let forged = changed(path, dir, "forged-modes.json", |json| {
        let values = json["statements"][0]["publicValues"].as_str().unwrap();
        let last = if values.ends_with('0') { "1" } else { "0" };
        json["statements"][0]["publicValues"] = format!("{}{last}", &values[..values.len() - 1]).into();
    });
    for (more, operations) in
        [(&["--mode", "full"][..], 2), (&["--mode", "fast"], 1), (&["--mode", "batch"], 1), (&["--evm"], 1)]
    {
        let found = verify(dir, path, more).expect(0).json();
        assert_eq!((&found["verdict"], &found["operations"]), (&json!("VALID"), &json!(operations)), "{more:?}");
        assert_eq!(found["embedded_evm"].is_null(), operations == 1 && more[0] == "--mode");
        assert_eq!(verify(dir, &forged, more).expect(1).json()["verdict"], "INVALID", "{more:?}");
    }
    // Of EZKL the contracts are all there is here: one verifier, never none.
    let elsewhere = tempfile::tempdir().unwrap();
    let found = verify(&elsewhere, bundle(), &["--mode", "fast"]).expect(0).json();
    assert_eq!((&found["operations"], &found["embedded_evm"]["verdict"]), (&json!(1), &json!("VALID")));
    verify(dir, path, &["--mode", "optimistic"]).expect(2);
    verify(dir, path, &["--mode", "fast", "--evm"]).expect(2);
}

/// A level refuses by its warnings, before any cryptography, and says which.
#[test]
fn trust_levels_refuse_what_they_do_not_tolerate() {
    let (dir, path) = &*NATIVE;
    // Under a listed ceremony, with a contract, bound to its statement: there is nothing to tolerate.
    for level in ["development", "standard", "strict"] {
        verify(dir, path, &["--trust", level]).expect(0);
    }
    let test = dir.path().join("on-test-srs.json");
    native(dir, &["prove", "--srs", "test", "--out", test.to_str().unwrap()]).expect(0);
    verify(dir, &test, &["--trust", "development"]).expect(0);
    for level in ["standard", "strict"] {
        let found = verify(dir, &test, &["--trust", level]).expect(1).json();
        assert!(reason(&found).contains("TEST SRS"), "{found}");
        assert_eq!((&found["operations"], &found["off_chain"]["verdict"]), (&json!(0), &json!("NOT RUN")));
    }
    let foreign = changed(path, dir, "foreign.json", |json| json["manifest"]["backendVersion"] = "0.0.1".into());
    let found = verify(dir, &foreign, &[]).expect(0).json();
    assert!(found["warnings"].to_string().contains("unknown version"));
    verify(dir, path, &["--trust", "testing"]).expect(2);
}

#[test]
fn old_bundles_and_passed_deadlines_are_expired() {
    let (dir, path) = &*NATIVE;
    let old = changed(path, dir, "old.json", |json| {
        json["manifest"]["createdAtMs"] = (json["manifest"]["createdAtMs"].as_u64().unwrap() - 2 * 86_400_000).into();
    });
    let found = verify(dir, &old, &["--max-age", "36h"]).expect(1).json();
    assert_eq!((&found["verdict"], &found["operations"]), (&json!("EXPIRED"), &json!(0)));
    assert!(verify(dir, &old, &["--max-age", "3d"]).expect(0).json()["warnings"].to_string().contains("old:"));
    verify(dir, path, &["--max-age", "1d"]).expect(0);
    verify(dir, path, &["--max-age", "soon"]).expect(2);
    let late = changed(path, dir, "late.json", |json| {
        json["statements"][0]["context"] = json!({
            "kind": "chain",
            "chainId": 31337,
            "registry": "0x0000000000000000000000000000000000000009",
            "assignment": {
                "submitter": "0x0000000000000000000000000000000000000008",
                "consumer": "0x0000000000000000000000000000000000000000",
                "job": format!("0x{}", "00".repeat(32)),
                "deadline": 5,
            },
        });
    });
    let found = verify(dir, &late, &[]).expect(1).json();
    assert_eq!(found["verdict"], "EXPIRED");
    assert!(reason(&found).contains("deadline"));
    let text = native(dir, &["verify", late.to_str().unwrap()]).expect(1).stdout;
    assert!(text.starts_with("EXPIRED: "), "{text}");
}

/// Whoever names the model does not have to be told to compare it; another one is the wrong file, or not allowed.
#[test]
fn models_can_be_named() {
    let (_, path) = &*NATIVE;
    let elsewhere = tempfile::tempdir().unwrap();
    let found = verify(&elsewhere, path, &[]).expect(0).json();
    let (id, other) = (found["model_id"].as_str().unwrap(), format!("0x{}", "11".repeat(32)));
    for option in ["--model-id", "--allow-model"] {
        let named = verify(&elsewhere, path, &[option, id]).expect(0).json();
        assert!(!named["warnings"].to_string().contains("compare the model id"), "{option}");
    }
    verify(&elsewhere, path, &["--model-id", &other]).expect(2);
    let refused = verify(&elsewhere, path, &["--allow-model", &other]).expect(1).json();
    assert!(reason(&refused).contains("not allowed"));
    assert_eq!(refused["constraints"][0]["satisfied"], false);
    verify(&elsewhere, path, &["--allow-model", &other, "--allow-model", id]).expect(0);
}

/// Without artifacts, too, a manifest is believed in nothing that the ids tell better.
#[test]
fn manifests_that_lie_are_invalid_without_artifacts() {
    let elsewhere = tempfile::tempdir().unwrap();
    let lie = |path: &Path, field: &str, value: Value| {
        let lying = changed(path, &elsewhere, "lying.json", |json| json["manifest"][field] = value);
        let found = verify(&elsewhere, &lying, &[]).expect(1).json();
        assert!(reason(&found).starts_with(&format!("`{field}`")), "{found}");
    };
    lie(&NATIVE.1, "transferable", true.into());
    lie(bundle(), "transferable", false.into());
    lie(&NATIVE.1, "backend", "ezkl".into());
    lie(&NATIVE.1, "backend", "mock".into());
}

/// What a proof took: the parts are the whole.
#[test]
fn the_metrics_of_a_proof_add_up() {
    let (dir, _) = &*NATIVE;
    let out = dir.path().join("metered.json");
    let report = native(dir, &["prove", "--out", out.to_str().unwrap(), "--json"]).expect(0).json();
    let ms = |name: &str| report["metrics"][name].as_f64().unwrap();
    assert!((ms("witness_ms") + ms("proof_ms") + ms("overhead_ms") - ms("total_ms")).abs() < 1e-6);
    assert!(ms("witness_ms") > 0.0 && ms("proof_ms") > 0.0);
    let metadata = &report["metadata"][0];
    assert_eq!(
        (&metadata["statementId"], &metadata["proofHash"]),
        (&report["statement_ids"][0], &report["proof_hash"])
    );
}
