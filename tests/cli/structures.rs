//! Lists, trees and chains of bundles: made by `batch` and `prove`, read by `verify` and `inspect`.

use crate::program::{NATIVE, Run, bundle, model, native};
use alloy::primitives::{B256, Bytes};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};
use tempfile::TempDir;
use zkinfer::{
    model::{
        Mlp,
        mlp::{Dense, Hidden},
        synthetic::to_onnx,
    },
    proof::{Aggregated, Branch, Bundle, Compression, Encoding, InclusionProof, Recursive, Structure, identity},
};

/// Four inputs, of which the last is the first again.
static REQUESTS: LazyLock<PathBuf> = LazyLock::new(|| {
    let names = ["1157-is-0", "0442-is-1", "1243-is-7", "1157-is-0"];
    let line = |name: &&str| fs::read_to_string(model(&format!("inputs/test-{name}.json"))).unwrap().replace('\n', " ");
    let path = NATIVE.0.path().join("structures.jsonl");
    fs::write(&path, names.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap();
    path
});

fn batch(dir: &TempDir, more: &[&str]) -> Run {
    let (requests, out) = (REQUESTS.display().to_string(), dir.path().display().to_string());
    native(&NATIVE.0, &[&["batch", "--input", &requests, "--out", &out, "--json"], more].concat())
}

fn verify(cache: &TempDir, path: &Path, more: &[&str]) -> Run {
    native(cache, &[&["verify", path.to_str().unwrap(), "--json"], more].concat())
}

fn read(path: &Path) -> Structure {
    Structure::decode(&fs::read(path).unwrap()).unwrap()
}

fn bundles(path: &Path) -> Vec<Bundle> {
    read(path).bundles().into_iter().cloned().collect()
}

fn write(dir: &TempDir, name: &str, structure: &Structure) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, structure.encode(Encoding::Compact, Compression::None)).unwrap();
    path
}

fn list(bundles: Vec<Bundle>) -> Structure {
    Structure::Aggregated(Aggregated::new(bundles).unwrap())
}

fn corrupted(bundle: &Bundle) -> Bundle {
    let mut proof = bundle.proof().to_vec();
    proof[100] ^= 1;
    let proof = Bytes::from(proof);
    let mut manifest = bundle.manifest().clone();
    manifest.proof_hash = identity::proof_hash(&proof);
    Bundle::new(bundle.statements().to_vec(), proof, manifest).unwrap()
}

fn verdicts(report: &Value) -> Vec<&str> {
    report["bundles"].as_array().unwrap().iter().map(|inner| inner["verdict"].as_str().unwrap()).collect()
}

/// Bundles beside one file of all of them, which verifies here and anywhere, and whose root shows every input.
#[test]
fn a_list_under_a_merkle_root() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let report = batch(&dir, &["--aggregate", "merkle"]).expect(0).json();
    assert_eq!((&report["bundles"], &report["depth"]), (&json!(3), &json!(1)));
    let (path, root) = (PathBuf::from(report["structure"].as_str().unwrap()), report["root"].as_str().unwrap());
    assert_eq!(read(&path).root().to_string(), root);
    for item in report["items"].as_array().unwrap() {
        let inclusion: InclusionProof = serde_json::from_value(item["inclusion"].clone()).unwrap();
        let id: B256 = item["statement_id"].as_str().unwrap().parse().unwrap();
        assert!(inclusion.verify(root.parse().unwrap(), id) && inclusion.count == 3);
    }
    for (cache, with, operations) in [(&NATIVE.0, "artifacts", 6), (&elsewhere, "the bundle's code", 6)] {
        let found = verify(cache, &path, &["--root", root]).expect(0).json();
        assert_eq!(
            (&found["verdict"], &found["structure"], &found["root"]),
            (&json!("VALID"), &json!("list"), &json!(root))
        );
        assert_eq!(found["operations"], operations, "both verifiers, of each");
        assert_eq!(verdicts(&found), ["VALID"; 3]);
        for (inner, alone) in found["bundles"].as_array().unwrap().iter().zip(bundles(&path)) {
            assert_eq!(inner["verified_with"], with);
            assert_eq!(inner["statement_ids"], json!([alone.statement().id()]));
            assert_eq!(
                (&inner["off_chain"]["verdict"], &inner["embedded_evm"]["verdict"]),
                (&json!("VALID"), &json!("VALID"))
            );
        }
    }
    // One check for all, one for each, the contracts alone.
    let operations = |cache: &TempDir, more: &[&str]| verify(cache, &path, more).expect(0).json()["operations"].clone();
    assert_eq!(operations(&NATIVE.0, &["--mode", "batch"]), 1);
    assert_eq!(operations(&NATIVE.0, &["--mode", "fast"]), 3);
    assert_eq!(operations(&elsewhere, &["--mode", "batch"]), 3, "together takes the artifacts");
    let contracts = verify(&elsewhere, &path, &["--evm"]).expect(0).json();
    assert_eq!(contracts["bundles"][1]["off_chain"]["verdict"], "NOT AVAILABLE");
    let other = verify(&elsewhere, &path, &["--root", &B256::ZERO.to_string()]).expect(1).json();
    assert!(other["reason"].as_str().unwrap().contains("root"));
    assert_eq!(verdicts(&other), ["NOT RUN"; 3]);
    let text = native(&elsewhere, &["verify", path.to_str().unwrap()]).expect(0).stdout;
    assert!(text.starts_with("VALID\n") && text.contains("bundle 2") && text.contains(root), "{text}");
    // A file that says another root than its statements lead to contradicts itself.
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    json["root"] = json!(B256::ZERO);
    let renamed = dir.path().join("renamed.json");
    fs::write(&renamed, serde_json::to_vec(&json).unwrap()).unwrap();
    verify(&elsewhere, &renamed, &[]).expect(2).says("root");
}

/// The bad one is named, the others are not blamed, and the whole is INVALID, whatever it is verified with.
#[test]
fn one_bad_bundle_spoils_the_whole() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    batch(&dir, &["--aggregate", "merkle"]).expect(0);
    let mut inner = bundles(&dir.path().join("merkle.bundle.json"));
    inner[1] = corrupted(&inner[1]);
    let leaf = |bundle: &Bundle| Branch::Leaf(Box::new(bundle.clone()));
    let tree = Recursive::new(vec![leaf(&inner[0]), Branch::Inner(vec![leaf(&inner[1]), leaf(&inner[2])])]).unwrap();
    for structure in [list(inner), Structure::Recursive(tree)] {
        let path = write(&dir, "spoilt", &structure);
        for (cache, mode) in [(&NATIVE.0, "full"), (&NATIVE.0, "batch"), (&elsewhere, "full"), (&elsewhere, "fast")] {
            let found = verify(cache, &path, &["--mode", mode]).expect(1).json();
            assert!(found["reason"].as_str().unwrap().starts_with("bundle 1:"), "{found}");
            assert_eq!(verdicts(&found), ["VALID", "INVALID", "VALID"]);
        }
        verify(&elsewhere, &path, &["--evm"]).expect(1);
    }
    let text = native(&elsewhere, &["verify", dir.path().join("spoilt").to_str().unwrap()]).expect(1).stdout;
    assert!(text.starts_with("INVALID: bundle 1"), "{text}");
}

#[test]
fn trees_are_written_nested_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--aggregate", "tree", "--encoding", "compact", "--compression", "fast"];
    let report = batch(&dir, &[&args[..], &["--depth", "2", "--strategy", "parallel", "--workers", "2"]].concat())
        .expect(0)
        .json();
    let path = dir.path().join("tree.bundle.json");
    assert_eq!((&report["structure"], &report["depth"]), (&json!(path), &json!(2)));
    let found = verify(&tempfile::tempdir().unwrap(), &path, &[]).expect(0).json();
    assert_eq!((&found["structure"], &found["depth"], &found["root"]), (&json!("tree"), &json!(2), &report["root"]));
    let seen = native(&dir, &["inspect", path.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!((&seen["kind"], &seen["verified"], &seen["root"]), (&json!("tree"), &json!(false), &report["root"]));
    assert_eq!(seen["tree"], json!([[0, 1], [2]]));
    assert_eq!(seen["bundles"][2]["statements"][0]["statement_id"], found["statement_ids"][2]);
    let text = native(&dir, &["inspect", path.to_str().unwrap()]).expect(0).stdout;
    assert!(text.starts_with("A tree of bundles, not verified here\n"), "{text}");
    // What takes one bundle says so.
    let args =
        ["verifier", "deploy", "--bundle", path.to_str().unwrap(), "--rpc", "http://127.0.0.1:1", "--dev-account"];
    native(&dir, &args).expect(2).says("tree of 3 bundles");
}

#[test]
fn strategies_prove_the_same_and_options_are_checked() {
    let statements = |more: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let report = batch(&dir, more).expect(0).json();
        let ids = report["items"].as_array().unwrap().iter().map(|item| item["statement_id"].to_string());
        (ids.collect::<BTreeSet<String>>(), report["metrics"]["chunks"].clone())
    };
    let (ids, chunks) = statements(&["--strategy", "sequential"]);
    assert_eq!((ids.len(), chunks), (3, json!([4])));
    assert_eq!(statements(&["--strategy", "streaming", "--chunk", "3"]), (ids.clone(), json!([3, 1])));
    assert_eq!(statements(&["--strategy", "parallel"]), (ids.clone(), json!([4])));
    let (adaptive, chunks) = statements(&["--strategy", "adaptive", "--chunk", "3", "--target", "1000"]);
    assert_eq!((adaptive, &chunks[0]), (ids.clone(), &json!(1)), "the first one is measured");
    let (together, _) = statements(&["--aggregate", "one-proof"]);
    assert_eq!(together, ids);
    let dir = tempfile::tempdir().unwrap();
    for (more, sentence) in [
        (&["--depth", "2"][..], "--aggregate tree"),
        (&["--target", "2"], "--strategy adaptive"),
        (&["--aggregate", "tree", "--depth", "9"], "1..=8"),
        (&["--one-proof", "--aggregate", "merkle"], "cannot be used with"),
    ] {
        batch(&dir, more).expect(2).says(sentence);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// A network whose answer can be its next input.
fn step_model(dir: &TempDir) -> String {
    let layer = |inputs: usize, outputs: usize| Dense {
        inputs,
        outputs,
        weights: (0..inputs * outputs).map(|i| ((i * 7) % 11) as f64 / 11.0 / inputs as f64).collect(),
        bias: (0..outputs).map(|i| 0.05 + i as f64 / 100.0).collect(),
    };
    let hidden = vec![Hidden { dense: layer(8, 12), upper: None }];
    let path = dir.path().join("step.onnx");
    fs::write(&path, to_onnx(&Mlp { hidden, last: layer(12, 8) })).unwrap();
    path.display().to_string()
}

/// Every input is the answer before; whoever exchanges or leaves out a step breaks the chain.
#[test]
fn a_chain_is_proven_and_its_links_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let (onnx, input, out) = (step_model(&dir), dir.path().join("input.json"), dir.path().join("chain"));
    fs::write(&input, json!({ "input_data": [[0.5, 0.25, 0.0, 1.0, 0.75, 0.125, 0.5, 0.5]] }).to_string()).unwrap();
    let prove = |more: &[&str]| {
        let common = ["prove", "--model", &onnx, "--out", out.to_str().unwrap(), "--json"];
        native(&dir, &[&common[..], &["--input", input.to_str().unwrap()], more].concat())
    };
    let report = prove(&["--chain", "3", "--encoding", "compact"]).expect(0).json();
    assert_eq!((&report["steps"], &report["structure"]), (&json!(3), &json!("chain")));
    assert_eq!(report["metadata"][0]["steps"], 3);
    let elsewhere = tempfile::tempdir().unwrap();
    let found = verify(&elsewhere, &out, &[]).expect(0).json();
    assert_eq!((&found["structure"], &found["statement_ids"]), (&json!("chain"), &report["statement_ids"]));
    let steps = bundles(&out);
    let chain = |order: &[usize]| {
        let order = order.iter().map(|&at| steps[at].clone()).collect();
        write(&dir, "changed", &Structure::Aggregated(Aggregated::chain(order).unwrap()))
    };
    for (order, after) in [(&[0, 2][..], 0), (&[0, 1, 1], 1), (&[1, 0, 2], 0)] {
        let broken = verify(&elsewhere, &chain(order), &[]).expect(1).json();
        assert!(broken["reason"].as_str().unwrap().contains(&format!("breaks after bundle {after}")), "{broken}");
    }
    verify(&elsewhere, &chain(&[1, 2]), &[]).expect(0);
    verify(&elsewhere, &write(&dir, "list", &list(vec![steps[2].clone(), steps[0].clone()])), &[]).expect(0);
    prove(&["--chain", "0"]).expect(2);
    prove(&["--chain", "2", "--input", input.to_str().unwrap()]).expect(2).says("one input");
    // The digits model's ten numbers are no image.
    let digits = ["prove", "--chain", "2", "--out", out.to_str().unwrap()];
    native(&dir, &digits).expect(2).says("step 1");
    assert_eq!(bundles(&out), steps, "what was there stays");
}

/// Bundles of several models and backends, each with what there is for it.
#[test]
fn models_and_backends_may_be_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (bundles(&NATIVE.1).remove(0), bundles(bundle()).remove(0));
    let path = write(&dir, "mixed", &list(vec![ours.clone(), theirs.clone(), ours.clone()]));
    let elsewhere = tempfile::tempdir().unwrap();
    let found = verify(&elsewhere, &path, &[]).expect(0).json();
    assert_eq!(found["operations"], 5, "of EZKL the contracts alone");
    assert_eq!(found["bundles"][1]["off_chain"]["verdict"], "NOT AVAILABLE");
    let warnings = found["warnings"].to_string();
    assert!(warnings.contains("transferable") && warnings.contains("compare the model id"), "{warnings}");
    // Here are the artifacts of the native one.
    let found = verify(&NATIVE.0, &path, &[]).expect(0).json();
    let with = |at: usize| found["bundles"][at]["verified_with"].as_str().unwrap().to_owned();
    assert_eq!([with(0), with(1)], ["artifacts", "the bundle's code"]);
    assert_eq!(verify(&NATIVE.0, &path, &["--mode", "batch"]).expect(0).json()["operations"], 2);
    // Every model has to be named.
    let (first, second) = (ours.model_id().to_string(), theirs.model_id().to_string());
    verify(&elsewhere, &path, &["--allow-model", &first]).expect(1);
    let named = verify(&elsewhere, &path, &["--allow-model", &first, "--allow-model", &second]).expect(0).json();
    assert!(!named["warnings"].to_string().contains("compare the model id"));
    verify(&elsewhere, &path, &["--model-id", &first]).expect(2).says("the bundle is about model");
    // A mock among them.
    let mock = dir.path().join("mock.json");
    native(&dir, &["prove", "--backend", "mock", "--out", mock.to_str().unwrap()]).expect(0);
    let with_mock = write(&dir, "with-mock", &list(vec![ours, bundles(&mock).remove(0)]));
    let found = verify(&NATIVE.0, &with_mock, &[]).expect(1).json();
    assert!(found["reason"].as_str().unwrap().contains("MOCK"), "{found}");
}
