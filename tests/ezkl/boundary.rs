//! The trust boundary: what somebody supplies is derived or refused, never believed. Each test is an attack.

use super::world::{World, ezkl, input, model, native, on_both_backends, policy, reason};
use alloy::primitives::B256;
use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};
use tempfile::TempDir;
use zkinfer::{
    FailureClass,
    backend::{self, ArtifactIdentity, Artifacts, ArtifactsError, BackendError, Control, SrsKind},
    model::{Input, Mlp, Model, mlp::Dense, synthetic::to_onnx},
    pipeline::{
        EZKLIntegration, PipelineError, Prepared, ProofRequest, ProofVerifier,
        integration::{Contents, StoredArtifacts},
        proof_creation::RequestSalt,
        verification::{Mode, Policy, Status, TrustLevel, Warning},
    },
    proof::{Bundle, Manifest, Statement, identity},
    storage::{Cache, ContentStore, LocalStore},
};

on_both_backends! {
    boundary_files_of_another_circuit_are_no_artifacts_of_this_model;
    boundary_published_files_of_another_circuit_are_not_retrieved;
    boundary_what_a_manifest_says_of_its_srs_is_not_read;
    boundary_a_bundle_cannot_say_that_a_test_srs_is_real;
    boundary_the_length_of_a_proof_is_bound;
    boundary_another_adapter_contradicts_the_files;
    boundary_an_srs_id_that_is_not_the_points_is_refused;
    boundary_what_contradicts_itself_is_kept_and_built_again;
    boundary_what_is_stored_for_verifying_is_no_function_of_the_weights;
    boundary_metadata_do_not_name_the_file_of_the_weights;
    boundary_artifacts_are_checked_without_a_backend_too;
}

/// A writable copy of a model's artifacts.
pub(crate) fn copy(prepared: &Prepared) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in fs::read_dir(prepared.artifacts.dir()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
    }
    dir
}

/// Writes a manifest that fits the files, as whoever publishes artifacts can.
pub(crate) fn seal(dir: &Path, identity: ArtifactIdentity) {
    let _ = fs::remove_file(dir.join("manifest.json"));
    Artifacts::seal(dir, identity).unwrap();
}

pub(crate) fn open(world: &World, dir: &Path) -> Result<Prepared, PipelineError> {
    Prepared::open(&*world.backend, dir)
}

/// What is refused as a contradiction: the file's name, and what of it.
fn contradiction(found: Result<Prepared, PipelineError>) -> (String, &'static str) {
    let error = found.expect_err("contradictory artifacts were opened");
    assert_eq!(error.class(), FailureClass::BadInput, "{error}");
    match error {
        PipelineError::Artifacts(error) | PipelineError::Backend(BackendError::Artifacts(error)) => match error {
            ArtifactsError::Contradiction { path, what, found, expected } => {
                assert_ne!(found, expected);
                (PathBuf::from(path).file_name().unwrap().to_string_lossy().into_owned(), what)
            }
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// Another circuit on the same backend, of another shape.
fn other(world: &World) -> &'static Prepared {
    static OTHERS: LazyLock<[Prepared; 2]> = LazyLock::new(|| {
        let dense = |inputs: usize, outputs: usize| Dense {
            inputs,
            outputs,
            weights: (0..inputs * outputs).map(|i| (i % 5) as f64 / 20.0).collect(),
            bias: vec![0.125; outputs],
        };
        let last = Mlp { hidden: vec![], last: dense(4, 3) };
        let model = Model::from_onnx(to_onnx(&last)).unwrap();
        [native(), ezkl()].map(|world| world.counted().prepare(&model, &Control::default()).unwrap())
    });
    &OTHERS[usize::from(world.name == "ezkl")]
}

/// The `verify.srs` of a tau that everybody knows, other than the TEST SRS's: k = 1, two powers, two Lagrange points, two
/// points of G2, coordinates in Montgomery form.
fn verification_srs(tau: u64) -> Vec<u8> {
    let tau = Fr::from(tau);
    let half = Fr::from(2u64).inverse().unwrap();
    let one = Fr::from(1u64);
    let mut bytes = 1u32.to_le_bytes().to_vec();
    let mut put = |x: Fq| bytes.extend(x.0.to_bytes_le());
    for scalar in [one, tau, (one + tau) * half, (one - tau) * half] {
        let point = (G1Affine::generator() * scalar).into_affine();
        [point.x, point.y].into_iter().for_each(&mut put);
    }
    for scalar in [one, tau] {
        let point = (G2Affine::generator() * scalar).into_affine();
        [point.x.c0, point.x.c1, point.y.c0, point.y.c1].into_iter().for_each(&mut put);
    }
    bytes
}

/// The files of circuit B under the id of model A verified whatever B computes.
fn boundary_files_of_another_circuit_are_no_artifacts_of_this_model(world: &World) {
    let (ours, theirs) = (world.prepared.artifacts.identity().clone(), other(world));
    let dir = copy(theirs);
    seal(dir.path(), ours.clone());
    open(world, dir.path()).expect_err("files of B, identity of A");

    let mut swapped = Vec::new();
    for name in ["vk.key", "settings.json", "verifier.json"] {
        let (dir, foreign) = (copy(&world.prepared), theirs.artifacts.dir().join(name));
        if !foreign.exists() {
            continue;
        }
        fs::copy(foreign, dir.path().join(name)).unwrap();
        seal(dir.path(), ours.clone());
        let (file, what) = contradiction(open(world, dir.path()));
        swapped.push(format!("{name}: {file}, {what}"));
    }
    println!("{}: {swapped:#?}", world.name);
    assert_eq!(swapped.len(), if world.name == "ezkl" { 3 } else { 2 });
    let dir = copy(&world.prepared);
    seal(dir.path(), ours);
    open(world, dir.path()).unwrap();
}

struct Published {
    _dir: TempDir,
    store: LocalStore,
    stored: StoredArtifacts,
    cache: Cache,
}

/// Puts the files of a directory into a store, as artifacts of a model.
fn publish(dir: &Path, model_id: B256) -> Published {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::at(root.path().join("store"));
    let files: BTreeMap<String, serde_json::Value> = fs::read_dir(dir)
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let address = store.put_file(&file.path()).unwrap();
            (file.file_name().to_string_lossy().into_owned(), serde_json::to_value(address).unwrap())
        })
        .collect();
    let index = serde_json::json!({
        "format": "zkinfer-artifact-index", "version": 1, "modelId": model_id, "contents": "verifying", "files": files,
    });
    let address = store.put(&serde_json::to_vec(&index).unwrap()).unwrap();
    let cache = Cache::at(root.path().join("cache"));
    Published { stored: StoredArtifacts { address, model_id, bytes: 0 }, store, cache, _dir: root }
}

fn boundary_published_files_of_another_circuit_are_not_retrieved(world: &World) {
    let ours = world.prepared.artifacts.identity();
    let dir = copy(other(world));
    seal(dir.path(), ours.clone());
    let attack = publish(dir.path(), ours.model_id());
    let integration = EZKLIntegration::new(world.backend.clone(), attack.cache.clone());
    let error = integration.retrieve(&attack.stored, &attack.store).unwrap_err();
    assert_eq!(error.class(), FailureClass::BadInput, "{error}");
    let kept = attack.cache.root().join("retrieved");
    assert!(!kept.exists() || fs::read_dir(kept).unwrap().next().is_none(), "nothing is kept");
    assert!(matches!(integration.find(ours.model_id()), Err(PipelineError::UnknownModel(_))));
    // The honest files, in the same way.
    let honest = publish(world.prepared.artifacts.dir(), ours.model_id());
    let integration = EZKLIntegration::new(world.backend.clone(), honest.cache.clone());
    let retrieved = integration.retrieve(&honest.stored, &honest.store).unwrap();
    let verifier = ProofVerifier::new(&*world.backend, &retrieved);
    let checked = verifier.check(&world.single(), &policy(Mode::Batch), &Control::default()).unwrap();
    assert_eq!(checked.status, Status::Valid);
}

fn standard() -> Policy {
    Policy::new(Mode::Full, TrustLevel::Standard)
}

/// `testSrs: false` in artifacts and bundle was Valid at every level, without a warning.
fn boundary_what_a_manifest_says_of_its_srs_is_not_read(world: &World) {
    let dir = copy(&world.prepared);
    let path = dir.path().join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(manifest.get("testSrs"), None, "it does not even say it");
    manifest["testSrs"] = false.into();
    fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    let opened = open(world, dir.path()).unwrap();
    assert_eq!(opened.srs, SrsKind::Test);
    let verifier = ProofVerifier::new(&*world.backend, &opened);
    let checked = verifier.check(&world.single(), &standard(), &Control::default()).unwrap();
    assert!(checked.warnings.contains(&Warning::TestSrs) && reason(&checked).contains("TEST SRS"), "{checked:?}");
}

pub(crate) fn with_manifest(bundle: &Bundle, change: impl FnOnce(&mut Manifest)) -> Bundle {
    let mut manifest = bundle.manifest().clone();
    change(&mut manifest);
    let model_id = identity::model_id(&manifest.model_parts());
    let of = |statement: &Statement| Statement { model_id, ..statement.clone() };
    Bundle::new(bundle.statements().iter().map(of).collect(), bundle.proof().clone(), manifest).unwrap()
}

fn boundary_a_bundle_cannot_say_that_a_test_srs_is_real(world: &World) {
    let lying = with_manifest(&world.bundle, |manifest| manifest.test_srs = false);
    for verifier in [world.verifier(), ProofVerifier::carried()] {
        for trust in [TrustLevel::Development, TrustLevel::Strict] {
            let policy = Policy::new(Mode::Full, trust);
            let checked = verifier.check(&lying.clone().into(), &policy, &Control::default()).unwrap();
            assert!(reason(&checked).contains("testSrs"), "{checked:?}");
        }
    }
    // Without the lie it is the level that refuses it.
    let checked = ProofVerifier::carried().check(&world.single(), &standard(), &Control::default()).unwrap();
    assert!(reason(&checked).contains("TEST SRS"), "{checked:?}");
}

/// EZKL's verifier ignores what follows a proof: its length was what the manifest said.
fn boundary_the_length_of_a_proof_is_bound(world: &World) {
    let dir = copy(&world.prepared);
    let mut identity = world.prepared.artifacts.identity().clone();
    identity.proof_bytes += 32;
    seal(dir.path(), identity);
    let (_, what) = contradiction(open(world, dir.path()));
    assert!(what.contains("length"), "{what}");
    let longer = [world.bundle.proof(), &[0; 32][..]].concat();
    let (artifacts, statements) = (&world.prepared.artifacts, world.bundle.statements());
    let verdict = world.backend.verify(artifacts, statements, &longer.into(), &Control::default());
    assert!(!verdict.unwrap().is_valid());
}

/// Adapter id zero said that no contract has to accept: the contracts were left out.
fn boundary_another_adapter_contradicts_the_files(world: &World) {
    for adapter_id in [B256::ZERO, B256::repeat_byte(7), zkinfer::proof::identity::mock_adapter_id()] {
        let dir = copy(&world.prepared);
        seal(dir.path(), ArtifactIdentity { adapter_id, ..world.prepared.artifacts.identity().clone() });
        let (file, what) = contradiction(open(world, dir.path()));
        assert_eq!((file.as_str(), what), ("manifest.json", "the adapter"));
    }
}

/// Any SRS id, with the key and the points of the TEST SRS, and no file: was verified, and called real.
fn boundary_an_srs_id_that_is_not_the_points_is_refused(world: &World) {
    let dir = copy(&world.prepared);
    let srs_id = B256::repeat_byte(0x77);
    let mut identity = ArtifactIdentity { srs_id, ..world.prepared.artifacts.identity().clone() };
    seal(dir.path(), identity.clone());
    contradiction(open(world, dir.path()));
    identity.adapter_id = B256::ZERO;
    identity.model_code_hash = B256::ZERO;
    fs::remove_file(dir.path().join("verifier.json")).unwrap();
    seal(dir.path(), identity);
    contradiction(open(world, dir.path()));
}

/// Points of a tau that the attacker knows, under the id of a model of another SRS.
#[test]
fn boundary_points_of_a_known_tau_are_not_those_of_the_id() {
    let world = ezkl();
    let dir = copy(&world.prepared);
    fs::write(dir.path().join("verify.srs"), verification_srs(12345)).unwrap();
    seal(dir.path(), world.prepared.artifacts.identity().clone());
    assert_eq!(contradiction(open(world, dir.path())), ("verify.srs".into(), "the id of its points"));
    // Points that are no SRS at all.
    let mut crooked = verification_srs(12345);
    let (low, high) = (verification_srs(12345)[516 - 128..].to_vec(), verification_srs(54321)[516 - 128..].to_vec());
    assert_ne!(low, high);
    crooked[516 - 128..].copy_from_slice(&high);
    fs::write(dir.path().join("verify.srs"), crooked).unwrap();
    seal(dir.path(), world.prepared.artifacts.identity().clone());
    let error = open(world, dir.path()).unwrap_err();
    assert!(error.to_string().contains("different numbers"), "{error}");
}

/// That the file with the points is missing says nothing of what was in it.
#[test]
fn boundary_a_missing_srs_file_is_no_test_srs() {
    let world = native();
    let dir = copy(&world.prepared);
    // All that is not bound by the key itself is made to fit.
    let srs_id = B256::repeat_byte(0x77);
    let identity = ArtifactIdentity {
        srs_id,
        adapter_id: B256::ZERO,
        model_code_hash: B256::ZERO,
        ..world.prepared.artifacts.identity().clone()
    };
    fs::remove_file(dir.path().join("verifier.json")).unwrap();
    seal(dir.path(), identity);
    let artifacts = Artifacts::open(dir.path()).unwrap();
    let statement = Statement { model_id: artifacts.model_id(), ..world.bundle.statement().clone() };
    let verdict = world.backend.verify(&artifacts, &[statement], world.bundle.proof(), &Control::default());
    assert!(verdict.is_err(), "{verdict:?}");
}

/// The mock proves nothing, and still its artifacts are the ones of their id.
#[test]
fn boundary_a_mock_derives_its_id_too() {
    let world = World::mock(zkinfer::backend::mock::MockBackend::default());
    let other = world.counted().prepare(&model(3), &Control::default()).unwrap();
    let dir = copy(&other);
    seal(dir.path(), world.prepared.artifacts.identity().clone());
    assert_eq!(contradiction(open(&world, dir.path())), ("model.onnx".into(), "the digest"));
    assert_eq!(world.prepared.srs, SrsKind::Test, "what refuses a TEST SRS refuses a mock");
}

/// What was there before stays, wherever it was.
fn boundary_what_contradicts_itself_is_kept_and_built_again(world: &World) {
    let root = tempfile::tempdir().unwrap();
    let cache = super::world::backend_at(world.name, root.path());
    let integration = EZKLIntegration::new(cache, Cache::at(root.path().into()));
    let small = Model::from_onnx(to_onnx(&Mlp { hidden: vec![], last: Dense::identity(2) })).unwrap();
    let first = integration.prepare(&small, &Control::default()).unwrap();
    let dir = first.artifacts.dir().to_owned();
    let (id, key) = (first.artifacts.model_id(), fs::read(dir.join("vk.key")).unwrap());
    drop(first);
    let mut identity = Artifacts::peek(&dir).unwrap();
    identity.proof_bytes += 1;
    seal(&dir, identity);
    assert!(matches!(integration.find(id).unwrap_err().class(), FailureClass::BadInput));
    let again = integration.prepare(&small, &Control::default()).unwrap();
    assert!(again.built);
    let aside: Vec<_> = fs::read_dir(root.path().join("damaged")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read(aside[0].join("vk.key")).unwrap(), key);
}

/// Whoever guesses a model must find nothing to compare it with.
fn boundary_what_is_stored_for_verifying_is_no_function_of_the_weights(world: &World) {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::at(root.path().join("store"));
    let stored = world.integration.store(&world.prepared, Contents::Verifying, &store).unwrap();
    let provenance = world.prepared.artifacts.provenance().unwrap().unwrap();
    assert_eq!(provenance.onnx_hash, model(0).hash());
    let index: serde_json::Value = serde_json::from_slice(&store.get(&stored.address).unwrap()).unwrap();
    let names: Vec<&String> = index["files"].as_object().unwrap().keys().collect();
    assert!(
        !names.iter().any(|name| ["provenance.json", "pk.key", "model.onnx", "model.secret"].contains(&name.as_str()))
    );
    let address = serde_json::from_value(index["files"]["manifest.json"].clone()).unwrap();
    let manifest = String::from_utf8(store.get(&address).unwrap()).unwrap();
    for told in [&provenance.onnx_hash[..], "accuracy", "maxAbsError", "max_abs_error", "parity", "calibration", "onnx"]
    {
        assert!(!manifest.contains(told), "{told}: {manifest}");
    }
    let cache = Cache::at(root.path().join("cache"));
    let retrieved = EZKLIntegration::new(world.backend.clone(), cache).retrieve(&stored, &store).unwrap();
    assert_eq!(retrieved.artifacts.provenance().unwrap(), None);
    assert!(!retrieved.artifacts.are_made_from(&model(0).hash()));
}

fn boundary_metadata_do_not_name_the_file_of_the_weights(world: &World) {
    let hash = model(0).hash();
    let request = ProofRequest::new(&hash, input(0));
    let response = world.generator().generate(&request, &Control::default()).unwrap();
    let published =
        serde_json::to_string(&response.metadata).unwrap() + &String::from_utf8(response.bundle.to_json()).unwrap();
    assert!(!published.contains(&hash), "{published}");
    assert_eq!(response.metadata.model, world.prepared.artifacts.model_id().to_string());
}

/// The `job` of a statement is public, and inputs may be few enough to try.
#[test]
fn boundary_a_public_job_is_no_test_for_guessed_inputs() {
    let request = |x: f64| ProofRequest::new("model", Input::new(vec![vec![x]]).unwrap());
    let [one, two] = [RequestSalt::generate().unwrap(), RequestSalt::generate().unwrap()];
    assert_ne!(request(1.0).digest(&one), request(1.0).digest(&two), "the same request twice looks like two");
    assert_ne!(request(1.0).digest(&one), request(2.0).digest(&one), "it commits");
    let kept = RequestSalt::from_bytes(*one.expose());
    assert_eq!(request(1.0).digest(&kept), request(1.0).digest(&one), "it can be opened");
    assert_eq!(format!("{one:?}"), "RequestSalt(..)");
}

fn boundary_artifacts_are_checked_without_a_backend_too(world: &World) {
    assert_eq!(backend::check(&world.prepared.artifacts).unwrap(), world.prepared.srs);
    let dir = copy(&world.prepared);
    let mut identity = world.prepared.artifacts.identity().clone();
    identity.proof_bytes += 1;
    seal(dir.path(), identity);
    assert!(backend::check(&Artifacts::open(dir.path()).unwrap()).is_err());
}
