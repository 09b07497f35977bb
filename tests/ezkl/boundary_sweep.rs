//! Every field and file of a genuine model and its bundle, changed one at a time: an error, INVALID, or of no influence.
//!
//! Which are of no influence is written down: a new field that nothing binds fails here.

use super::{
    boundary::{copy, open, seal},
    world::{World, on_both_backends, policy},
};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};
use zkinfer::{
    backend::Control,
    pipeline::{
        ProofVerifier,
        verification::{Mode, Status, Warning},
    },
    proof::Bundle,
};

on_both_backends! {
    boundary_sweep_of_the_manifest;
    boundary_sweep_of_the_files;
    boundary_sweep_of_the_bundle;
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Error(String),
    Invalid(String),
    /// Valid, with the warnings of the genuine one and these.
    NoInfluence(Vec<Warning>),
}

#[derive(Default)]
struct Table(Vec<(String, End)>);

impl Table {
    fn enter(&mut self, what: String, end: End) {
        self.0.push((what, end));
    }

    /// Prints it, and compares what has no influence with what is known to have none.
    fn settle(self, name: &str, expected: &[&str]) {
        println!("| {name} | ends in |\n|---|---|");
        for (what, end) in &self.0 {
            let end = match end {
                End::Error(said) => format!("error: {said}"),
                End::Invalid(said) => format!("INVALID: {said}"),
                End::NoInfluence(warnings) if warnings.is_empty() => "the same verdict".into(),
                End::NoInfluence(warnings) => format!("the same verdict, warning {warnings:?}"),
            };
            println!("| `{what}` | {} |", end.lines().next().unwrap_or_default().chars().take(140).collect::<String>());
        }
        let free: BTreeSet<&str> =
            self.0.iter().filter(|(_, end)| matches!(end, End::NoInfluence(_))).map(|(what, _)| &what[..]).collect();
        let bound = self.0.len() - free.len();
        println!("{bound} of {} changes are refused", self.0.len());
        assert_eq!(free, expected.iter().copied().collect(), "{name}: what nothing binds");
        assert!(bound > 0);
    }
}

/// Pointers to all values that hold no other.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{}", name.replace('/', "~1")), found));
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().for_each(|(i, value)| leaves(value, &format!("{at}/{i}"), found));
        }
        _ => found.push(at.into()),
    }
}

fn changed(value: &Value) -> Value {
    match value {
        Value::Bool(is) => (!is).into(),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| (number.as_f64().unwrap_or(1.0) * 2.0).into(), |number| (number + 1).into())
        }
        Value::String(text) if text.starts_with("0x") && text.len() > 2 => {
            let last = if text.ends_with('0') { "1" } else { "0" };
            format!("{}{last}", &text[..text.len() - 1]).into()
        }
        Value::String(text) => format!("{text}1").into(),
        Value::Null => 1.into(),
        Value::Array(_) => vec![1].into(),
        Value::Object(_) => serde_json::json!({ "more": 1 }),
    }
}

/// A document with each of its values changed, one at a time.
fn each_changed(document: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    leaves(document, "", &mut pointers);
    let change = |pointer: String| {
        let mut document = document.clone();
        let value = document.pointer_mut(&pointer).unwrap();
        *value = changed(value);
        (pointer, document)
    };
    pointers.into_iter().map(change).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// What a bundle comes to.
fn judge(world: &World, verifier: &ProofVerifier<'_>, bundle: &Bundle) -> End {
    let checked = verifier.check(&bundle.clone().into(), &policy(Mode::Fast), &Control::default());
    match checked {
        Err(error) => End::Error(error.to_string()),
        Ok(checked) => match checked.status {
            Status::Valid => {
                let genuine = world.check(&world.single(), Mode::Fast).warnings;
                assert!(genuine.iter().all(|warning| checked.warnings.contains(warning)), "a warning was talked away");
                End::NoInfluence(checked.warnings.into_iter().filter(|warning| !genuine.contains(warning)).collect())
            }
            Status::Invalid { reason } | Status::Expired { reason } => End::Invalid(reason),
            Status::Pending => panic!("nothing was verified"),
        },
    }
}

/// What artifacts in a directory, used for the genuine bundle, come to.
fn use_artifacts(world: &World, dir: &Path) -> End {
    match open(world, dir) {
        Err(error) => End::Error(error.to_string().replace(&dir.display().to_string(), "")),
        Ok(prepared) => {
            assert_eq!(prepared.srs, world.prepared.srs, "the SRS was talked away");
            judge(world, &ProofVerifier::new(&*world.backend, &prepared), &world.bundle)
        }
    }
}

fn boundary_sweep_of_the_manifest(world: &World) {
    let (dir, mut table) = (copy(&world.prepared), Table::default());
    let path = dir.path().join("manifest.json");
    for (pointer, manifest) in each_changed(&json(&path)) {
        fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
        table.enter(pointer, use_artifacts(world, dir.path()));
    }
    // Sizes for reports; how many of a batch circuit's inferences are one proof's, for whoever proves.
    let free: &[&str] = if world.name == "ezkl" { &["/details/batch", "/parameters"] } else { &["/parameters"] };
    table.settle(&format!("{}: manifest", world.name), free);
}

/// Files whose manifest fits them: only the model id can tell.
fn boundary_sweep_of_the_files(world: &World) {
    let mut table = Table::default();
    let names: Vec<String> = fs::read_dir(world.prepared.artifacts.dir())
        .unwrap()
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "manifest.json")
        .collect();
    let identity = world.prepared.artifacts.identity();
    let mut enter = |what: String, name: &str, content: Option<Vec<u8>>| {
        let dir = copy(&world.prepared);
        let path = dir.path().join(name);
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        seal(dir.path(), identity.clone());
        table.enter(what, use_artifacts(world, dir.path()));
    };
    for name in &names {
        let whole = fs::read(world.prepared.artifacts.file(name).unwrap()).unwrap();
        let flipped = |at: usize| {
            let mut content = whole.clone();
            content[at] ^= 1;
            Some(content)
        };
        for (place, at) in [("first", 0), ("middle", whole.len() / 2), ("last", whole.len() - 1)] {
            enter(format!("{name}, {place} byte"), name, flipped(at));
        }
        enter(format!("{name}, cut"), name, Some(whole[..whole.len() / 2].to_vec()));
        enter(format!("{name}, missing"), name, None);
        // Documents field by field; their manifest fits.
        if ["settings.json", "verifier.json"].contains(&&name[..]) {
            for (pointer, document) in each_changed(&serde_json::from_slice(&whole).unwrap()) {
                if !pointer.starts_with("/abi") {
                    enter(format!("{name}{pointer}"), name, Some(serde_json::to_vec(&document).unwrap()));
                }
            }
        }
    }
    // What only whoever proves or deploys needs. A proof is verified before it is returned, and deployed code is compared
    // with the model id.
    let secret = ["pk.key", "model.secret", "model.compiled", "model.onnx", "provenance.json", "verifier.sol"];
    let ends = ["first byte", "middle byte", "last byte", "cut", "missing"];
    let mut free: Vec<String> = names
        .iter()
        .filter(|name| secret.contains(&&name[..]))
        .flat_map(|name| ends.map(|end| format!("{name}, {end}")))
        .collect();
    free.extend(["verifier.json/contract", "verifier.json/creationCode"].map(String::from));
    if world.name == "ezkl" {
        // It falls into the creation code.
        free.push("verifier.json, middle byte".into());
    }
    // A JSON document ends with a brace, and a file of artifacts with nothing behind it: what is not read has no influence.
    let found: Vec<&str> = free.iter().map(|name| &name[..]).collect();
    table.settle(&format!("{}: files", world.name), &found);
}

fn boundary_sweep_of_the_bundle(world: &World) {
    let document: Value = serde_json::from_slice(&world.bundle.to_json()).unwrap();
    for (who, verifier) in [("artifacts", world.verifier()), ("carried", ProofVerifier::carried())] {
        let mut table = Table::default();
        for (pointer, bundle) in each_changed(&document) {
            let end = match Bundle::from_json(&serde_json::to_vec(&bundle).unwrap()) {
                Err(error) => End::Error(error.to_string()),
                Ok(bundle) => judge(world, &verifier, &bundle),
            };
            table.enter(pointer, end);
        }
        // The prover's words: one is for people, one is compared with this release's and warned of, one is a date.
        let free = ["/manifest/backendVersion", "/manifest/createdAtMs", "/manifest/weights"];
        table.settle(&format!("{}: bundle, verified with {who}", world.name), &free);
    }
}
