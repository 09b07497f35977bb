//! Every way in which EZKL fails is an error with a name and a hint. Each is provoked for real, on damaged copies.
//!
//! | what goes wrong | tests |
//! |---|---|
//! | a proof, its length, its values, its statement | `proofs::flipped_proofs…`, `…another_length…`, `…other_public_values…`, `…another_model…`; worker: `test_flipped_byte…`, `test_instance_that_is_no_field_element`, `test_no_instances`, `test_a_proof_that_is_not_json` |
//! | a damaged key, missing, cut, of another model | [`damaged_verifying_keys_are_no_verdict`], [`damaged_proving_keys_are_named`], [`the_key_of_another_model_accepts_nothing`], `failures::a_worthless_proof…` |
//! | an SRS that is missing, cut, too small, of another ceremony | [`damaged_verification_srs_is_named`], [`an_srs_smaller_than_the_circuit_is_named_and_a_cut_one_is_made_again`], [`another_ceremonys_points_accept_nothing`], `srs::…` |
//! | circuit, settings, witness missing, cut, changed | [`damaged_circuits_are_named`], [`damaged_settings_are_named`], [`witnesses_that_were_changed_are_told_apart`] |
//! | inputs: length, not finite, not numbers, out of the domain | [`inputs_that_lead_too_far_are_explained_by_layer`], [`an_input_beyond_a_lookup_table_is_out_of_the_domain`], `failures::inputs_…`; worker: `test_inputs_that_make_ezkl_panic` |
//! | models: no ONNX, unknown operators, weights that nothing binds | `validate::…`, [`weights_that_nothing_binds_get_no_model_id`]; worker: `test_not_an_onnx_file` |
//! | panics, and failures without a name | [`settings_that_make_ezkl_panic_are_survived`] |
//! | parameters | [`paths_that_a_worker_cannot_be_told_are_refused`]; worker: `test_refused_run_arguments` |
//! | the caller's environment decides (HOME, `EZKL_*`) | `failures::the_worker_sees_little…`; worker: `test_the_callers_environment_decides_nothing` |
//! | `get_srs` deletes files; crashes at exit; a worker that dies, hangs or grows | never called; `pool::…`; worker: `test_end_of_input_after_a_panic`, `test_exit` |
//!
//! `worker` is `tests/python/test_worker.py`.

use crate::world::{Built, build, tiny_input, tiny_model};
use alloy::primitives::Bytes;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};
use tempfile::TempDir;
use zkinfer::{
    FailureClass,
    backend::{
        Artifacts, BackendError, Circuit, Control, Item, ProvingBackend, Witness,
        ezkl::{ArtifactFile, EzklError, EzklOptions},
    },
    model::Input,
    proof::{Statement, Verdict},
};

static TINY: LazyLock<Built> = LazyLock::new(|| build(&tiny_model(), EzklOptions::new()).unwrap());
/// A statement and its proof.
static PROOF: LazyLock<(Statement, Bytes)> = LazyLock::new(|| {
    let (witness, statement) = witness(&TINY.artifacts, 1);
    let items = [Item { witness: &witness, statement: &statement }];
    let proof = TINY.backend.prove(&TINY.artifacts, &items, &Control::default()).unwrap();
    (statement, proof)
});

fn witness(artifacts: &Artifacts, i: u32) -> (Witness, Statement) {
    let witness = TINY.backend.witness(artifacts, &tiny_input(i), &Control::default()).unwrap();
    let statement = TINY.statement(&witness);
    (witness, statement)
}

fn prove(artifacts: &Artifacts) -> Result<Bytes, BackendError> {
    let (witness, statement) = witness(&TINY.artifacts, 1);
    TINY.backend.prove(artifacts, &[Item { witness: &witness, statement: &statement }], &Control::default())
}

fn verify(artifacts: &Artifacts) -> Result<Verdict, BackendError> {
    let (statement, proof) = &*PROOF;
    TINY.backend.verify(artifacts, std::slice::from_ref(statement), proof, &Control::default())
}

/// A copy of the artifacts, opened while it was whole.
fn copy() -> (TempDir, Artifacts) {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(TINY.artifacts.dir()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    let artifacts = Artifacts::open(dir.path()).unwrap();
    (dir, artifacts)
}

/// What happens to a file.
enum Damage {
    Missing,
    Empty,
    Cut,
    /// A byte is set to 9.
    Byte(usize),
    Text(&'static str),
}

fn damage(path: &Path, damage: &Damage) {
    let mut bytes = fs::read(path).unwrap();
    match damage {
        Damage::Missing => return fs::remove_file(path).unwrap(),
        Damage::Empty => bytes.clear(),
        Damage::Cut => bytes.truncate(bytes.len() / 2),
        Damage::Byte(at) => bytes[*at] = 9,
        Damage::Text(text) => bytes = text.as_bytes().to_vec(),
    }
    fs::write(path, bytes).unwrap();
}

fn typed(error: &BackendError) -> &EzklError {
    let BackendError::Ezkl(typed) = error else { panic!("{error:?}") };
    assert!(error.to_string().contains(". "), "no hint: {error}");
    typed
}

/// Damages a file of a copy, has `ask` use it, and returns the error. The worker survives and goes on.
fn after<T: std::fmt::Debug>(
    file: &str,
    what: &Damage,
    ask: impl Fn(&Artifacts) -> Result<T, BackendError>,
) -> BackendError {
    let (dir, artifacts) = copy();
    damage(&dir.path().join(file), what);
    let error = ask(&artifacts).unwrap_err();
    assert!(verify(&TINY.artifacts).unwrap().is_valid(), "the next request does not work");
    error
}

#[test]
fn damaged_verifying_keys_are_no_verdict() {
    for what in [Damage::Empty, Damage::Cut, Damage::Byte(0), Damage::Byte(2)] {
        let error = after("vk.key", &what, verify);
        assert!(matches!(typed(&error), EzklError::DamagedFile { file: ArtifactFile::VerifyingKey, .. }), "{error}");
        assert_eq!(error.class(), FailureClass::Environment);
    }
    assert!(matches!(typed(&after("vk.key", &Damage::Missing, verify)), EzklError::MissingFile { .. }));
}

#[test]
fn damaged_proving_keys_are_named() {
    for what in [Damage::Empty, Damage::Cut, Damage::Byte(0), Damage::Byte(2)] {
        let error = after("pk.key", &what, prove);
        assert!(matches!(typed(&error), EzklError::DamagedFile { file: ArtifactFile::ProvingKey, .. }), "{error}");
    }
    assert!(matches!(typed(&after("pk.key", &Damage::Missing, prove)), EzklError::MissingFile { .. }));
}

#[test]
fn damaged_circuits_are_named() {
    let run = |artifacts: &Artifacts| TINY.backend.witness(artifacts, &tiny_input(1), &Control::default());
    for what in [Damage::Empty, Damage::Cut, Damage::Text("circuit")] {
        let error = after("model.compiled", &what, run);
        assert!(matches!(typed(&error), EzklError::DamagedFile { file: ArtifactFile::Circuit, .. }), "{error}");
        let error = after("model.compiled", &what, prove);
        assert!(matches!(typed(&error), EzklError::DamagedFile { file: ArtifactFile::Circuit, .. }), "{error}");
    }
    assert!(matches!(typed(&after("model.compiled", &Damage::Missing, run)), EzklError::MissingFile { .. }));
}

#[test]
fn damaged_settings_are_named() {
    for what in [Damage::Empty, Damage::Cut, Damage::Text("{}"), Damage::Text("settings")] {
        let error = after("settings.json", &what, verify);
        assert!(matches!(typed(&error), EzklError::DamagedFile { file: ArtifactFile::Settings, .. }), "{error}");
    }
    assert!(matches!(typed(&after("settings.json", &Damage::Missing, verify)), EzklError::MissingFile { .. }));
}

#[test]
fn damaged_verification_srs_is_named() {
    for what in [Damage::Empty, Damage::Cut] {
        let error = after("verify.srs", &what, verify);
        assert!(matches!(typed(&error), EzklError::Srs { .. }), "{error}");
    }
    assert!(matches!(typed(&after("verify.srs", &Damage::Missing, verify)), EzklError::MissingFile { .. }));
}

/// The keys of another model, or another ceremony's points, make every proof invalid; EZKL has no other word for it.
#[test]
fn the_key_of_another_model_accepts_nothing() {
    let other = zkinfer::model::synthetic::random_mlp(&[4, 8, 3], 2).unwrap();
    let other = zkinfer::model::Model::from_onnx(zkinfer::model::synthetic::to_onnx(&other)).unwrap();
    let other = build(&other, EzklOptions::new()).unwrap();
    let (dir, artifacts) = copy();
    fs::copy(other.dir.path().join("vk.key"), dir.path().join("vk.key")).unwrap();
    assert!(!verify(&artifacts).unwrap().is_valid());
    let (dir, artifacts) = copy();
    for file in ["vk.key", "pk.key"] {
        fs::copy(other.dir.path().join(file), dir.path().join(file)).unwrap();
    }
    let error = prove(&artifacts).unwrap_err();
    assert!(matches!(error, BackendError::UnsoundProof { .. }), "fixed weights are in the key: {error}");
}

/// The file that EZKL reads a witness from: EZKL proves a changed one, and the proof is worthless.
#[test]
fn witnesses_that_were_changed_are_told_apart() {
    for (i, (what, expected)) in [
        (Damage::Missing, "missing"),
        (Damage::Empty, "damaged"),
        (Damage::Text("{}"), "damaged"),
        (Damage::Text("changed"), "unsound"),
        (Damage::Text("short"), "layout"),
    ]
    .into_iter()
    .enumerate()
    {
        // An input of its own, by which its file is found among those of other tests and other processes.
        let pid = std::process::id();
        let units = [40 + i as u32, pid % 100, pid / 100 % 100, pid / 10_000 % 100];
        let input = Input::new(vec![units.iter().map(|&unit| f64::from(unit) / 128.0).collect()]).unwrap();
        let witness = TINY.backend.witness(&TINY.artifacts, &input, &Control::default()).unwrap();
        let statement = TINY.statement(&witness);
        let path = witness_file(&units.map(|unit| format!("{unit:02x}{}", "00".repeat(31))));
        let edit = |edit: &dyn Fn(&mut serde_json::Value)| {
            let mut json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            edit(&mut json);
            fs::write(&path, json.to_string()).unwrap();
        };
        match expected {
            "unsound" => edit(&|json| {
                // Inputs are of the process, so that one of these may be the answer.
                let [one, two] = ["01", "02"].map(|byte| format!("{byte}{}", "00".repeat(31)));
                let other = if json["outputs"][0][0] == one { two } else { one };
                json["outputs"][0][0] = other.into();
            }),
            "layout" => edit(&|json| drop(json["inputs"][0].as_array_mut().unwrap().pop())),
            _ => damage(&path, &what),
        }
        let items = [Item { witness: &witness, statement: &statement }];
        let error = TINY.backend.prove(&TINY.artifacts, &items, &Control::default()).unwrap_err();
        let found = match &error {
            BackendError::UnsoundProof { .. } => "unsound",
            BackendError::Ezkl(EzklError::MissingFile { .. }) => "missing",
            BackendError::Ezkl(EzklError::DamagedFile { file: ArtifactFile::Witness, .. }) => "damaged",
            BackendError::Ezkl(EzklError::Layout { .. }) => "layout",
            _ => "?",
        };
        assert_eq!(found, expected, "{error:?}");
    }
}

fn witness_file(needles: &[String]) -> PathBuf {
    let folders = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let mut files = folders.map(|entry| entry.path().join("witness.json"));
    let is_ours = |text: String| needles.iter().all(|needle| text.contains(needle.as_str()));
    files.find(|path| fs::read_to_string(path).is_ok_and(is_ours)).unwrap()
}

/// An SRS that is smaller than it says makes EZKL panic.
#[test]
fn an_srs_smaller_than_the_circuit_is_named_and_a_cut_one_is_made_again() {
    let own =
        build(&zkinfer::model::Model::from_onnx(tiny_model().canonical_onnx().to_vec()).unwrap(), EzklOptions::new());
    let own = own.unwrap();
    let k = own.artifacts.identity().details["k"].as_u64().unwrap() as u32;
    let witness = own.backend.witness(&own.artifacts, &tiny_input(3), &Control::default()).unwrap();
    let statement = own.statement(&witness);
    let items = [Item { witness: &witness, statement: &statement }];
    let (_dir, cache) = crate::world::fresh_cache();
    let backend = crate::world::backend(&cache);
    let control = Control::default();
    backend.prove(&own.artifacts, &items, &control).unwrap();
    let srs = cache.root().join(format!("srs/test/kzg{k}.srs"));
    let whole = fs::read(&srs).unwrap();
    fs::write(&srs, &whole[..whole.len() / 2]).unwrap();
    backend.prove(&own.artifacts, &items, &control).unwrap();
    assert_eq!(fs::read(&srs).unwrap(), whole);
    // One power less, and as long as before. It is not looked into again while the backend lives.
    let mut smaller = whole.clone();
    smaller[0] -= 1;
    fs::write(&srs, &smaller).unwrap();
    let error = backend.prove(&own.artifacts, &items, &control).unwrap_err();
    assert!(matches!(typed(&error), EzklError::Srs { .. }), "{error}");
    // The next backend does look.
    crate::world::backend(&cache).prove(&own.artifacts, &items, &control).unwrap();
    assert_eq!(fs::read(&srs).unwrap(), whole);
}

/// Points of another ceremony, as well-formed as the right ones.
#[test]
fn another_ceremonys_points_accept_nothing() {
    let (dir, artifacts) = copy();
    let path = dir.path().join("verify.srs");
    let mut srs = fs::read(&path).unwrap();
    // The last 128 bytes are [tau]_2: [1]_2 before them is the point of tau = 1.
    let at = srs.len() - 256;
    srs.copy_within(at..at + 128, at + 128);
    fs::write(&path, srs).unwrap();
    assert!(!verify(&artifacts).unwrap().is_valid());
    assert!(verify(&TINY.artifacts).unwrap().is_valid());
}

/// A circuit without columns makes EZKL divide by zero: a panic where it is called directly, which it does not name where it
/// catches it itself.
#[test]
fn settings_that_make_ezkl_panic_are_survived() {
    let (dir, artifacts) = copy();
    let path = dir.path().join("settings.json");
    let mut settings: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    settings["run_args"]["num_inner_cols"] = 0.into();
    fs::write(&path, settings.to_string()).unwrap();
    let started = TINY.backend.pool_status().started;
    let error = verify(&artifacts).unwrap_err();
    assert!(matches!(typed(&error), EzklError::Panic { operation, .. } if operation == "verify"), "{error:?}");
    assert!(error.to_string().contains("divide by zero"), "{error}");
    assert_eq!(error.class(), FailureClass::Internal);
    let error = TINY.backend.model_code(dir.path(), &Control::default()).unwrap_err();
    assert!(matches!(typed(&error), EzklError::Other { operation, .. } if operation == "verifier_sol"), "{error:?}");
    assert_eq!(error.class(), FailureClass::Internal);
    assert!(verify(&TINY.artifacts).unwrap().is_valid(), "the next request does not work");
    assert_eq!(TINY.backend.pool_status().lost, 0, "no worker died of it ({started} were started)");
}

/// The worker runs in a directory of its own and speaks JSON.
#[test]
fn paths_that_a_worker_cannot_be_told_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let (dir, _) = copy();
    let here = std::env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(dir.path().strip_prefix("/").unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let no_text = elsewhere.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    fs::create_dir(&no_text).unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), no_text.join(entry.file_name())).unwrap();
    }
    for path in [relative, no_text] {
        let error = verify(&Artifacts::open(&path).unwrap()).unwrap_err();
        assert!(matches!(typed(&error), EzklError::Parameters { .. }), "{error:?}");
        assert!(error.to_string().contains("absolute path"), "{error}");
        assert_eq!(error.class(), FailureClass::Internal);
    }
    assert!(verify(&TINY.artifacts).unwrap().is_valid(), "the next request does not work");
}

/// With `private` weights the verifying key is the same for any weights.
#[test]
fn weights_that_nothing_binds_get_no_model_id() {
    let identity = TINY.artifacts.identity();
    for visibility in ["private", "hashed"] {
        let mut details = identity.details.clone();
        details["run_args"]["param_visibility"] = visibility.into();
        let circuit = Circuit { schema: TINY.artifacts.schema().unwrap(), details, figures: serde_json::Value::Null };
        let (dir, _) = copy();
        let error = TINY.backend.setup(&circuit, dir.path(), &Control::default()).unwrap_err();
        assert!(matches!(typed(&error), EzklError::WeightsNotBound { .. }), "{error}");
        assert!(error.to_string().contains("cannot be registered"), "{error}");
        assert_eq!(error.class(), FailureClass::BadInput);
    }
}

/// Out of the domain: the layer is named.
#[test]
fn inputs_that_lead_too_far_are_explained_by_layer() {
    for (value, words) in
        [(3e38, ["input `x`", "admits"]), (1e9, ["input `x`", "admits"]), (9e4, ["reaches", "admits"])]
    {
        let input = Input::new(vec![vec![value; 4]]).unwrap();
        let error = match TINY.backend.witness(&TINY.artifacts, &input, &Control::default()) {
            Err(error) => error,
            Ok(_) => continue,
        };
        let text = error.to_string();
        assert!(matches!(error, BackendError::OutOfDomain(_)), "{value}: {error}");
        assert!(words.iter().chain(&["--calibration"]).all(|word| text.contains(word)), "{value}: {text}");
    }
    let empty = TINY.backend.witness(&TINY.artifacts, &Input::new(vec![]).unwrap(), &Control::default()).unwrap_err();
    assert!(matches!(empty, BackendError::Model(_)), "{empty}");
}

#[test]
fn an_input_beyond_a_lookup_table_is_out_of_the_domain() {
    let model = crate::onnx::one_node("Sigmoid", &[1, 4], &[1, 4], vec![]);
    let built = build(&model, EzklOptions::new()).unwrap();
    let input = Input::new(vec![vec![90.0; 4]]).unwrap();
    let error = built.backend.witness(&built.artifacts, &input, &Control::default()).unwrap_err();
    assert!(matches!(error, BackendError::OutOfDomain(_)), "{error:?}");
}

/// EZKL panics over it: the input's fault, and no defect.
#[test]
fn a_boolean_that_is_neither_0_nor_1_is_a_bad_input() {
    let mut graph = zkinfer::model::synthetic::Graph::new(13, &[3]);
    let y = graph.node("Not", &["x"], vec![]);
    let model = crate::onnx::typed(&graph.finish(&y, &[3]), &[("x", 9), (&y, 9)]);
    let built = build(&model, EzklOptions::new()).unwrap();
    let witness = |numbers: [f64; 3]| {
        let input = Input::new(vec![numbers.to_vec()]).unwrap();
        built.backend.witness(&built.artifacts, &input, &Control::default())
    };
    assert!(witness([1.0, 0.0, 1.0]).is_ok());
    let error = witness([1.0, 0.0, 2.0]).unwrap_err();
    assert!(matches!(typed(&error), EzklError::Input { .. }) && error.class() == FailureClass::BadInput, "{error:?}");
}
