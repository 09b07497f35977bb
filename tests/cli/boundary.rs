//! Contradictions: of artifacts exit code 2, of a bundle 1. The file and both values are named, and nothing is deleted.

use crate::program::{Run, changed, native};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use zkinfer::{
    backend::Artifacts,
    model::synthetic::{random_mlp, to_onnx},
};

/// A small native model in a cache of its own, and a bundle of it.
struct Proven {
    dir: TempDir,
    artifacts: PathBuf,
    bundle: PathBuf,
}

impl Proven {
    fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("model.onnx"), to_onnx(&random_mlp(&[4, 6, 3], seed).unwrap())).unwrap();
        fs::write(path("input.json"), json!({ "input_data": [[0.5, 0.25, 0.0, 1.0]] }).to_string()).unwrap();
        let bundle = path("bundle.json");
        let mut proven = Self { artifacts: PathBuf::new(), bundle, dir };
        proven.prove().expect(0);
        let mut found = fs::read_dir(proven.dir.path().join("cache/artifacts")).unwrap();
        proven.artifacts = found.next().unwrap().unwrap().path();
        assert!(found.next().is_none());
        proven
    }

    fn prove(&self) -> Run {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let (model, input, out) = (path("model.onnx"), path("input.json"), self.bundle.display().to_string());
        native(&self.dir, &["prove", "--model", &model, "--input", &input, "--out", &out])
    }

    fn run(&self, command: &str, path: &Path) -> Run {
        native(&self.dir, &[command, path.to_str().unwrap(), "--json"])
    }

    /// Writes a manifest that fits the files, as whoever writes into the cache can.
    fn seal(&self, change: impl FnOnce(&mut zkinfer::backend::ArtifactIdentity)) {
        let mut identity = Artifacts::peek(&self.artifacts).unwrap();
        change(&mut identity);
        fs::remove_file(self.artifacts.join("manifest.json")).unwrap();
        Artifacts::seal(&self.artifacts, identity).unwrap();
    }
}

/// Every file below a directory.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(
                files(&path)
                    .into_iter()
                    .map(|(name, bytes)| (PathBuf::from(path.file_name().unwrap()).join(name), bytes)),
            );
        } else {
            found.insert(path.file_name().unwrap().into(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Everything that is said, in JSON and on standard error, has all of this in it.
fn told(run: &Run, parts: &[&str]) {
    let report = run.json();
    let message = report["error"]["message"].as_str().unwrap();
    for part in parts {
        assert!(message.contains(part) && run.stderr.contains(part), "`{part}` is not in: {message}\n{}", run.stderr);
    }
}

#[test]
fn boundary_artifacts_that_contradict_themselves_are_bad_input_and_stay() {
    let (ours, theirs) = (Proven::new(1), Proven::new(2));
    let key = |of: &Proven| Artifacts::peek(&of.artifacts).unwrap().vk_digest.to_string();
    let (manifest, vk) = (ours.artifacts.join("manifest.json"), ours.artifacts.join("vk.key"));
    let (bytes, genuine) = (Artifacts::peek(&ours.artifacts).unwrap().proof_bytes, fs::read(&vk).unwrap());
    let refused = |parts: &[&str]| {
        let before = files(&ours.artifacts);
        for (command, path) in [("verify", &ours.bundle), ("inspect", &ours.artifacts)] {
            let run = ours.run(command, path).expect(2);
            assert_eq!(run.json()["error"]["class"], "bad_input");
            told(&run, parts);
        }
        assert_eq!(files(&ours.artifacts), before);
        assert!(!ours.dir.path().join("cache/damaged").exists(), "looking at them moves nothing");
    };
    // A field of the manifest.
    ours.seal(|identity| identity.proof_bytes += 32);
    refused(&[manifest.to_str().unwrap(), &bytes.to_string(), &(bytes + 32).to_string()]);
    ours.seal(|identity| identity.proof_bytes = bytes);
    // A file of another model.
    fs::copy(theirs.artifacts.join("vk.key"), &vk).unwrap();
    ours.seal(|_| ());
    refused(&[vk.to_str().unwrap(), &key(&ours), &key(&theirs)]);

    // Whoever proves builds the model again, and what was there is in `damaged`, every byte of it.
    let (contradicting, bundle) = (files(&ours.artifacts), fs::read(&ours.bundle).unwrap());
    let damaged = ours.dir.path().join("cache/damaged");
    ours.prove().expect(0).says(damaged.to_str().unwrap()).says(&key(&theirs));
    let aside: Vec<PathBuf> = fs::read_dir(&damaged).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(aside.iter().map(|path| files(path)).collect::<Vec<_>>(), [contradicting]);
    assert_ne!(fs::read(&vk).unwrap(), genuine, "every setup draws a secret of its own");
    ours.run("verify", &ours.bundle).expect(0);
    // Put back, they are what they were.
    fs::write(ours.dir.path().join("old.json"), bundle).unwrap();
    fs::rename(&ours.artifacts, ours.dir.path().join("new")).unwrap();
    fs::rename(&aside[0], &ours.artifacts).unwrap();
    fs::write(&vk, genuine).unwrap();
    ours.seal(|_| ());
    let found = ours.run("verify", &ours.dir.path().join("old.json")).expect(0).json();
    assert_eq!(found["verified_with"], "artifacts");
}

#[test]
fn boundary_a_bundle_that_contradicts_its_model_is_invalid_and_stays() {
    let ours = Proven::new(3);
    let elsewhere = tempfile::tempdir().unwrap();
    let lies: [(&str, Value, [&str; 2]); 3] = [
        ("testSrs", true.into(), ["true", "false"]),
        ("transferable", true.into(), ["true", "false"]),
        ("backend", "ezkl".into(), ["ezkl", "native"]),
    ];
    for (field, value, values) in lies {
        let path = changed(&ours.bundle, &ours.dir, &format!("{field}.json"), |json| json["manifest"][field] = value);
        let before = fs::read(&path).unwrap();
        // With the artifacts, and with what it carries.
        for cache in [&ours.dir, &elsewhere] {
            let run = native(cache, &["verify", path.to_str().unwrap(), "--json"]).expect(1);
            let report = run.json();
            let reason = report["reason"].as_str().unwrap();
            assert_eq!((&report["verdict"], &report["file"]), (&json!("INVALID"), &json!(path)));
            assert!(reason.starts_with(&format!("`{field}`")), "{reason}");
            assert!(values.iter().all(|value| reason.contains(value)), "{reason}");
            let text = native(cache, &["verify", path.to_str().unwrap()]).expect(1).stdout;
            assert!(text.contains(path.to_str().unwrap()) && text.contains(reason), "{text}");
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
    // What no bundle can be is no bundle, and says the same.
    let id = |json: &Value| json["statements"][0]["modelId"].as_str().unwrap().to_owned();
    let genuine = id(&serde_json::from_slice(&fs::read(&ours.bundle).unwrap()).unwrap());
    let other = format!("0x{}", "11".repeat(32));
    let path = changed(&ours.bundle, &ours.dir, "id.json", |json| json["statements"][0]["modelId"] = json!(other));
    told(&ours.run("verify", &path).expect(2), &[path.to_str().unwrap(), "contradicts itself", &genuine, &other]);
}
