//! The fuzz targets of `fuzz/` on their committed seeds and on seeded mutations of these. `make fuzz` lets libFuzzer look
//! further.
//!
//! `ZKINFER_WRITE=1 cargo test --test fuzz_corpus the_seeds` writes the seeds that the code makes.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are no tests to clippy

#[path = "fuzz_corpus/mutate.rs"]
mod mutate;
#[path = "fuzz_corpus/seeds.rs"]
mod seeds;
#[allow(unreachable_pub)] // public where libFuzzer runs them
#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

use mutate::Mutator;
use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};
use targets::{TARGETS, Target};

/// What mutations are drawn from; printed when one of them fails.
const SEED: u64 = 20_261_122;
/// What the seeds of one target may take, in bytes.
const MAX_CORPUS: usize = 32 * 1024;

fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        })
        .collect()
}

/// Runs a target and names what it was run on when it panics.
fn run(target: &Target, what: &str, bytes: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).unwrap_or_else(|_| {
        panic!("{} breaks a promise on {what}, seed {SEED}: 0x{}", target.name, alloy::hex::encode(bytes))
    })
}

/// A seed that begins with `ok-` is accepted, one that begins with `bad-` refused: stale seeds are found.
#[test]
fn seeds_are_accepted_or_refused_as_they_are_named() {
    for target in TARGETS {
        let corpus = corpus(target.name);
        assert!(corpus.values().map(Vec::len).sum::<usize>() <= MAX_CORPUS, "the seeds of {} are large", target.name);
        let mut counts = [0, 0];
        for (name, bytes) in &corpus {
            let accepted = run(target, name, bytes);
            assert_eq!(accepted, name.starts_with("ok-"), "{}: {name}", target.name);
            assert!(accepted || name.starts_with("bad-"), "{}: {name} has neither name", target.name);
            counts[usize::from(accepted)] += 1;
        }
        assert!(counts.iter().all(|&count| count > 0), "{} has seeds of one kind only: {counts:?}", target.name);
    }
}

/// Every committed seed that the code makes is what it makes today, and none is missing.
#[test]
fn the_seeds_are_what_the_code_makes() {
    for (target, seeds) in seeds::all() {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        if std::env::var_os("ZKINFER_WRITE").is_some() {
            fs::create_dir_all(&dir).unwrap();
            for (name, bytes) in &seeds {
                fs::write(dir.join(name), bytes).unwrap();
            }
        }
        let corpus = corpus(target);
        for (name, bytes) in seeds {
            assert_eq!(corpus.get(name), Some(&bytes), "{target}: {name} is stale: see the head of this file");
        }
    }
}

#[test]
fn no_mutation_breaks_a_promise() {
    for target in TARGETS {
        let corpus: Vec<Vec<u8>> = corpus(target.name).into_values().collect();
        let mut mutator = Mutator::new(SEED, target.name);
        let mut accepted = 0;
        for number in 0..target.mutations {
            let bytes = mutator.mutate(&corpus);
            accepted += u32::from(run(target, &format!("mutation {number}"), &bytes));
        }
        println!("{}: {} mutations with seed {SEED}, {accepted} accepted", target.name, target.mutations);
    }
}

/// libFuzzer's programs are thin: each hands its bytes to the target of its name.
#[test]
fn every_target_has_a_program() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let program = fs::read_to_string(root.join(format!("fuzz_targets/{}.rs", target.name))).unwrap();
        assert!(program.contains(&format!("targets::named(\"{}\")", target.name)), "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
        assert_eq!(targets::named(target.name).name, target.name);
    }
    assert_eq!(fs::read_dir(root.join("fuzz_targets")).unwrap().count(), TARGETS.len());
}
