//! `search`, `index`, and what other commands enter by themselves.

use crate::program::{Run, command, model, run};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;

/// A directory with a cache that already has the digits model, and an index of its own.
fn world() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The mock backend: what is entered does not depend on what proves, and this takes no time.
fn zkinfer(dir: &TempDir, args: &[&str]) -> Run {
    let mut command = command(args);
    run(command.env("ZKINFER_CACHE_DIR", dir.path().join("cache")).env_remove("ZKINFER_INDEX"))
}

fn path(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).display().to_string()
}

fn prove(dir: &TempDir, name: &str, input: &str, more: &[&str]) -> Value {
    let (out, input) = (path(dir, name), model(input));
    let args = [&["prove", "--backend", "mock", "--input", &input, "--out", &out, "--json"], more].concat();
    zkinfer(dir, &args).expect(0).json()
}

fn found(dir: &TempDir, args: &[&str]) -> Vec<Value> {
    let object = zkinfer(dir, &[&["search", "--json"], args].concat()).expect(0).json();
    assert_eq!(object["verified"], json!(false));
    object["found"].as_array().unwrap().clone()
}

const SEVEN: &str = "inputs/test-1243-is-7.json";
const ZERO: &str = "inputs/test-1157-is-0.json";
const ONE: &str = "inputs/test-0442-is-1.json";

#[test]
fn what_prove_and_batch_write_is_found_by_word_answer_and_nearness() {
    let dir = world();
    let embedding = |values: &str| {
        let file = path(&dir, "embedding.json");
        fs::write(&file, values).unwrap();
        file
    };
    let seven = prove(&dir, "seven.json", SEVEN, &["--meta", "ward=north 7", "--embedding", &embedding("[1, 0, 0.5]")]);
    let zero = prove(&dir, "zero.json", ZERO, &["--label", "round", "--embedding", &embedding("[-1, 0, 0.5]")]);
    let batch = path(&dir, "batch");
    let args =
        ["batch", "--backend", "mock", "--input", &model("inputs"), "--out", &batch, "--aggregate", "merkle", "--json"];
    let many = zkinfer(&dir, &args).expect(0).json()["bundles"].as_u64().unwrap();
    // The two inputs from above are among those of the batch, and are the same statements.
    assert_eq!(found(&dir, &["--limit", "1000"]).len() as u64, many);
    let ids = |found: &[Value]| found.iter().map(|one| one["statement_id"].clone()).collect::<Vec<_>>();
    let [seven, zero] = [seven, zero].map(|report| report["statement_ids"][0].clone());
    assert_eq!(ids(&found(&dir, &["--text", "NORTH"])), std::slice::from_ref(&seven));
    assert_eq!(ids(&found(&dir, &["--label", "round"])), std::slice::from_ref(&zero));
    assert_eq!(ids(&found(&dir, &["--near", &embedding("[0.9, 0, 0.5]")])), [seven.clone(), zero.clone()]);
    let like = found(&dir, &["--near-statement", zero.as_str().unwrap(), "--meta", "ward=north 7"]);
    assert_eq!(ids(&like), std::slice::from_ref(&seven), "nearness and a filter at once");
    let of_seven = &found(&dir, &["--statement", seven.as_str().unwrap()])[0];
    // Its own file, that of the batch, and the list of the batch.
    assert_eq!(of_seven["held"].as_array().unwrap().len(), 3);
    assert!(of_seven["labels"].as_array().unwrap().iter().any(|label| label.as_str().unwrap().ends_with(":7")));
    zkinfer(&dir, &["search", "--text", "north"]).expect(0);
    zkinfer(&dir, &["search", "--near", &embedding("[1, 2]")]).expect(2).says("have 3 numbers");
    zkinfer(&dir, &["search", "--near", &embedding("[1, null]")]).expect(2).says("no list of numbers");
    zkinfer(&dir, &["search", "--after", "nowhere"]).expect(2);
    zkinfer(&dir, &["search", "--since", "tomorrow"]).expect(2).says("no time");
    // Pages.
    let mut pages = vec![];
    let mut after: Vec<String> = vec![];
    loop {
        let args = ["search", "--json", "--limit", "7"]
            .into_iter()
            .chain(after.iter().map(String::as_str))
            .collect::<Vec<_>>();
        let object = zkinfer(&dir, &args).expect(0).json();
        pages.extend(ids(object["found"].as_array().unwrap()));
        match object["next"].as_str() {
            Some(next) => after = vec!["--after".into(), next.into()],
            None => break,
        }
    }
    assert_eq!(pages, ids(&found(&dir, &["--limit", "1000"])));
}

/// From the bundles and the notes beside them alone comes the same index, also after the first one is gone.
#[test]
fn an_index_that_is_made_again_is_the_same() {
    let dir = world();
    prove(&dir, "seven.json", SEVEN, &["--meta", "ward=7"]);
    let embedding = path(&dir, "embedding.json");
    fs::write(&embedding, "[0.25, -3e-7]").unwrap();
    prove(&dir, "zero.json", ZERO, &["--label", "round", "--embedding", &embedding]);
    prove(&dir, "both.bin", ONE, &["--encoding", "compact", "--compression", "fast"]);
    let before = found(&dir, &[]);
    assert_eq!(before.len(), 3);
    let from = dir.path().display().to_string();
    let rebuild = |more: &[&str]| zkinfer(&dir, &[&["index", "rebuild", "--from", &from, "--json"], more].concat());
    let report = rebuild(&[]).expect(0).json();
    assert_eq!((&report["entries"], &report["files"], &report["notes"]), (&json!(3), &json!(3), &json!(2)));
    assert_eq!(found(&dir, &[]), before);
    fs::remove_dir_all(dir.path().join("cache/index")).unwrap();
    assert!(found(&dir, &[]).is_empty());
    rebuild(&[]).expect(0);
    assert_eq!(found(&dir, &[]), before);
    assert_eq!(found(&dir, &["--near", &embedding]).len(), 1);
    // A bundle that is gone: its entry is not lost without a word.
    fs::remove_file(dir.path().join("zero.json")).unwrap();
    rebuild(&[]).expect(2).says("1 entries of the index");
    assert_eq!(found(&dir, &[]), before);
    let report = rebuild(&["--forget"]).expect(0).json();
    assert_eq!((&report["entries"], &report["forgotten"]), (&json!(2), &json!(1)));
    // What looks like a bundle and is none is named, and keeps nothing from the others.
    fs::write(dir.path().join("bad.json"), r#"{"format": "zkinfer-bundle", "version": 2}"#).unwrap();
    let report = rebuild(&[]).expect(2).json();
    assert!(report["problems"][0].as_str().unwrap().contains("bad.json"), "{report}");
    zkinfer(&dir, &["index", "rebuild"]).expect(2).says("--from");
}

#[test]
fn verify_hashes_again_and_prune_lets_go() {
    let dir = world();
    for (name, input) in [("seven.json", SEVEN), ("zero.json", ZERO)] {
        prove(&dir, name, input, &[]);
    }
    let check = || zkinfer(&dir, &["index", "verify", "--json"]);
    assert_eq!(check().expect(0).json()["good"], json!(2));
    let file = dir.path().join("seven.json");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [&whole[..], b" "].concat()).unwrap();
    let report = check().expect(1).json();
    assert_eq!((&report["changed"], &report["good"]), (&json!(1), &json!(1)));
    fs::remove_file(&file).unwrap();
    assert_eq!(check().expect(3).json()["missing"], json!(1));
    fs::write(&file, whole).unwrap();
    check().expect(0);
    zkinfer(&dir, &["index", "prune"]).expect(2);
    let report = zkinfer(&dir, &["index", "prune", "--max-entries", "1", "--json"]).expect(0).json();
    assert_eq!((&report["removed"], &report["left"]), (&json!(1), &json!(1)));
    assert!(Path::new(&file).exists());
}

/// Whatever state the index is in, `prove` does what it did without one.
#[test]
fn an_index_never_costs_a_proof() {
    let dir = world();
    fs::create_dir_all(dir.path().join("cache/index")).unwrap();
    fs::write(dir.path().join("cache/index/index.sqlite"), "no database ".repeat(500)).unwrap();
    let (out, input) = (path(&dir, "seven.json"), model(SEVEN));
    let args = ["prove", "--backend", "mock", "--input", &input, "--out", &out, "--json"];
    let report = zkinfer(&dir, &args).expect(0).says("not entered into the index").json();
    assert_eq!(report["inferences"], json!(1));
    zkinfer(&dir, &["search"]).expect(3).says("no usable index");
    assert!(fs::read_to_string(dir.path().join("cache/index/index.sqlite")).unwrap().starts_with("no database"));
    // Off: no file is touched and no word said.
    let quiet = |args: &[&str], variable: Option<&str>| {
        let mut command = command(args);
        command.env("ZKINFER_CACHE_DIR", dir.path().join("cache")).env_remove("ZKINFER_INDEX");
        variable.map(|value| command.env("ZKINFER_INDEX", value));
        let run = run(&mut command).expect(0);
        assert!(!run.stderr.contains("index"), "{}", run.stderr);
    };
    quiet(&[&args[..], &["--no-index"]].concat(), None);
    quiet(&args, Some("off"));
    zkinfer(&dir, &[&args[..], &["--no-index", "--label", "x"]].concat()).expect(2);
    // What could not be entered is refused before it is proven.
    for (more, why) in [
        (vec!["--meta", "novalue"], "KEY=VALUE"),
        (vec!["--embedding-output", "nothing"], "no public output called `nothing`"),
        (vec!["--label", ""], "a label"),
    ] {
        fs::remove_file(&out).unwrap_or_default();
        zkinfer(&dir, &[&args[..], &more].concat()).expect(2).says(why);
        assert!(!Path::new(&out).exists());
    }
}
