//! What only EZKL takes: batch circuits and imported ceremonies, with the real EZKL in a cache of its own.

use crate::program::{Run, command, run};
use serde_json::json;
use std::{fs, process::Command};
use tempfile::TempDir;
use zkinfer::{
    backend::ezkl::{Installation, VERSION},
    model::synthetic::{random_mlp, to_onnx},
    storage::Cache,
};

/// An empty cache with the user's EZKL in it, a small model and three inputs.
struct World {
    dir: TempDir,
    model: String,
    inputs: String,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let name = format!("ezkl-{VERSION}");
        fs::create_dir(dir.path().join("cache")).unwrap();
        let installed = Cache::from_env().unwrap().root().join(&name);
        std::os::unix::fs::symlink(installed, dir.path().join("cache").join(name)).unwrap();
        let (model, inputs) = (dir.path().join("model.onnx"), dir.path().join("inputs.jsonl"));
        fs::write(&model, to_onnx(&random_mlp(&[4, 8, 3], 1).unwrap())).unwrap();
        let lines = (1..4).map(|i| format!("{}\n", json!({ "input_data": [[0.25 * f64::from(i), 0.5, 0.75, 1.0]] })));
        fs::write(&inputs, lines.collect::<String>()).unwrap();
        Self { model: model.display().to_string(), inputs: inputs.display().to_string(), dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn run(&self, args: &[&str]) -> Run {
        run(command(args).env("ZKINFER_CACHE_DIR", self.dir.path().join("cache")))
    }

    /// A command that takes the small model.
    fn with_model(&self, command: &str, more: &[&str]) -> Run {
        self.run(&[&[command, "--backend", "ezkl", "--model", &self.model, "--json"], more].concat())
    }
}

/// Three inputs in circuits of two: two proofs, the second one filled up.
#[test]
fn a_batch_circuit_proves_several_inputs_at_once() {
    let world = World::new();
    let compiled = world.with_model("compile", &["--batch", "2"]).expect(0).json();
    assert_eq!(compiled["details"]["batch"], 2);
    let out = world.path("bundles");
    let args = ["--batch", "2", "--one-proof", "--input", &world.inputs, "--out", &out];
    let report = world.with_model("batch", &args).expect(0).json();
    assert_eq!((&report["model_id"], &report["bundles"]), (&compiled["model_id"], &json!(2)));
    let items = report["items"].as_array().unwrap();
    assert!(items.len() == 3 && items.iter().all(|item| item["outcome"] == "proven"), "{report}");
    assert_eq!(items[0]["bundle"], items[1]["bundle"]);
    assert_ne!(items[1]["bundle"], items[2]["bundle"]);
    for item in [0, 2] {
        world.run(&["verify", items[item]["bundle"].as_str().unwrap()]).expect(0);
    }
    world.with_model("compile", &["--batch", "0"]).expect(2);
    // `prove` fills one circuit, and says what is left of it; the three inputs are too many.
    let (one, out) = (world.path("one.json"), world.path("one.bundle.json"));
    fs::write(&one, json!({ "input_data": [[0.25, 0.5, 0.75, 1.0]] }).to_string()).unwrap();
    let proved = world.with_model("prove", &["--batch", "2", "--input", &one, "--out", &out]).expect(0).json();
    assert_eq!((&proved["inferences"], &proved["padding"]), (&json!(1), &json!(1)));
    world.run(&["verify", &out]).expect(0);
    world.with_model("prove", &["--batch", "2", "--input", &world.inputs, "--out", &out]).expect(2).says("1 to 2");
}

/// Imported once, then named by its id; or given as a file, which comes to the same.
#[test]
fn a_ceremony_is_imported_and_used() {
    let world = World::new();
    let (file, out) = (world.path("kzg12.srs"), world.path("bundle.json"));
    // EZKL makes one with a random tau that it forgets: nobody's ceremony, hence unlisted.
    let cache = Cache::at(world.dir.path().join("cache"));
    let code = format!("import ezkl; ezkl.gen_srs({file:?}, 12)");
    let mut python = Command::new(Installation::find(&cache).unwrap().python());
    assert!(python.args(["-c", &code]).env("HOME", world.dir.path()).status().unwrap().success());

    let unknown = format!("0x{}", "05".repeat(32));
    world.with_model("compile", &["--srs", &unknown]).expect(3).says("setup srs");
    let imported = world.run(&["setup", "srs", &file, "--json"]).expect(0).json();
    assert_eq!(
        (&imported["k"], &imported["srs_kind"], &imported["published_by_ezkl"]),
        (&json!(12), &json!("unlisted"), &json!(false))
    );
    let id = imported["srs_id"].as_str().unwrap();
    let text = world.run(&["setup", "srs", &file]).expect(0).stdout;
    assert!(text.contains("unlisted") && !text.contains("TEST"), "{text}");
    let doctor = world.run(&["doctor"]).expect(0).stdout;
    assert!(doctor.contains(id) && doctor.contains("2^12"), "{doctor}");

    let compiled = world.with_model("compile", &["--srs", id]).expect(0).json();
    assert_eq!(compiled["srs_id"], id);
    let input = world.path("input.json");
    fs::write(&input, json!({ "input_data": [[0.25, 0.5, 0.75, 1.0]] }).to_string()).unwrap();
    let proved = world.with_model("prove", &["--srs", &file, "--input", &input, "--out", &out]).expect(0).json();
    assert_eq!((&proved["model_id"], &proved["artifacts_built"]), (&compiled["model_id"], &json!(false)));
    world.run(&["verify", &out]).expect(0);
    assert!(!world.dir.path().join("cache/srs/test").exists(), "the TEST SRS was not used");

    for bad in [&world.model, &world.path("missing.srs")] {
        world.run(&["setup", "srs", bad]).expect(2).says(bad);
        world.with_model("compile", &["--srs", bad]).expect(2);
    }
}
