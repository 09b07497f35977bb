//! Artifacts: built once, secrets unreadable to others, a new commitment for every setup.

use crate::world::{WORLD, World, digits, fresh_cache};
use std::{fs, os::unix::fs::PermissionsExt, sync::Arc, thread};
use zkinfer::{
    backend::{
        Artifacts, Control, ProvingBackend, SrsKind,
        native::{NativeBackend, SrsSource},
    },
    evm::artifacts,
    model::Input,
    pipeline::{EZKLIntegration, ProofVerifier},
    proof::Context,
};
use zkinfer_prover::srs::HEZ_FINAL;

#[test]
fn secrets_are_readable_by_their_owner_alone() {
    let dir = WORLD.prepared.artifacts.dir();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["model.secret", "pk.key"] {
        assert_eq!(mode(&WORLD.prepared.artifacts.file(name).unwrap()), 0o600, "{name}");
    }
    assert_eq!(fs::read(dir.join("model.secret")).unwrap().len(), 32);
    assert!(!dir.join("weights.bin").exists(), "the proving key has the weights");
    let manifest = fs::read_to_string(dir.join("manifest.json")).unwrap();
    assert!(!format!("{:?}", WORLD.backend).contains("weights"), "{:?}", WORLD.backend);
    assert!(!manifest.contains("calibration"), "{manifest}");
    let provenance = WORLD.prepared.artifacts.provenance().unwrap().unwrap();
    assert_eq!(provenance.figures["calibration"], "shipped");
}

/// One contract verifies all native models; a model's own code is its verifying key behind a zero byte.
#[test]
fn the_model_is_named_by_the_verifier_and_its_key_object() {
    let of = WORLD.prepared.artifacts.identity();
    assert_eq!(of.adapter_id, artifacts::native_verifier_id());
    let key = fs::read(WORLD.prepared.artifacts.file("vk.key").unwrap()).unwrap();
    let object = WORLD.prepared.verifier.as_ref().unwrap();
    assert_eq!(object.runtime_code.to_vec(), [&[0][..], &key].concat());
    assert_eq!(of.model_code_hash, object.code_hash);
    assert_eq!(WORLD.prepared.srs, SrsKind::Listed(&HEZ_FINAL));
    assert!(WORLD.prepared.artifacts.file("srs.bin").is_err(), "every program has these points");
}

/// On request only; its contract is another one.
#[test]
fn a_model_under_the_test_srs_is_another_model() {
    let test = World::of(&digits(), NativeBackend::new().with_srs(SrsSource::Test));
    let of = test.prepared.artifacts.identity();
    assert_eq!(of.adapter_id, artifacts::native_test_verifier().code_hash());
    assert_eq!(test.prepared.srs, SrsKind::Test);
    let listed: serde_json::Value = serde_json::from_str(include_str!("../fixtures/test-srs.json")).unwrap();
    assert!(listed.to_string().contains(&of.srs_id.to_string()), "one TEST SRS for all backends");
    let bundle = test.prove(&crate::world::seven(), Context::Offchain {});
    let report = ProofVerifier::new(&*test.backend, &test.prepared).verify(&bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid() && report.embedded_evm.is_some(), "{report:?}");
    assert!(report.warnings.len() == 1 && report.warnings[0].contains("NOT SECURE"), "{:?}", report.warnings);
}

/// The model secret is drawn anew: the same model has another commitment, hence another id.
#[test]
fn every_setup_has_its_own_model_id() {
    let again = World::of(&digits(), NativeBackend::new());
    assert_eq!(again.integration.builds(), 1);
    assert_ne!(again.prepared.artifacts.model_id(), WORLD.prepared.artifacts.model_id());
    assert_eq!(again.prepared.artifacts.identity().schema, WORLD.prepared.artifacts.identity().schema);
}

#[test]
fn other_samples_are_other_artifacts() {
    let (_dir, cache) = fresh_cache();
    let samples = Input::new(vec![vec![0.5; 128]]).unwrap();
    let backends = [NativeBackend::new(), NativeBackend::with_calibration(samples)];
    let dirs = backends.map(|backend| {
        let integration = EZKLIntegration::new(Arc::new(backend), cache.clone());
        integration.prepare(&digits(), &Control::default()).unwrap().artifacts.dir().to_owned()
    });
    assert_ne!(dirs[0], dirs[1]);
}

#[test]
fn concurrent_callers_build_once_and_damage_is_rebuilt() {
    let (dir, cache) = fresh_cache();
    let control = Control::default();
    let integrations: Vec<EZKLIntegration> =
        (0..2).map(|_| EZKLIntegration::new(Arc::new(NativeBackend::new()), cache.clone())).collect();
    let prepared: Vec<Artifacts> = thread::scope(|scope| {
        let callers =
            integrations.iter().map(|i| scope.spawn(|| i.prepare(&digits(), &Control::default()).unwrap().artifacts));
        callers.collect::<Vec<_>>().into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(prepared[0].model_id(), prepared[1].model_id());
    assert_eq!(integrations.iter().map(EZKLIntegration::builds).sum::<u64>(), 1);
    assert_eq!(fs::read_dir(dir.path().join("staging")).unwrap().count(), 0);
    assert_eq!(integrations[0].find(prepared[0].model_id()).unwrap().artifacts.dir(), prepared[0].dir());

    for name in ["pk.key", "vk.key", "model.secret"] {
        let before = integrations[0].prepare(&digits(), &control).unwrap();
        assert!(!before.built);
        let secret = fs::read(before.artifacts.dir().join("model.secret")).unwrap();
        fs::write(before.artifacts.dir().join(name), b"damaged").unwrap();
        assert!(integrations[0].find(before.artifacts.model_id()).is_err());
        assert!(integrations[0].prepare(&digits(), &control).unwrap().built, "{name}");
        // Nobody can make the old secret again: it is kept, if it is not what was damaged.
        if name != "model.secret" {
            let mut aside = fs::read_dir(dir.path().join("damaged")).unwrap().map(|entry| entry.unwrap().path());
            assert!(aside.any(|dir| fs::read(dir.join("model.secret")).unwrap() == secret), "{name}");
        }
    }
    assert_eq!(fs::read_dir(dir.path().join("damaged")).unwrap().count(), 3);
}

/// Keys that were swapped after the directory was opened are noticed, and no proof comes out.
#[test]
fn keys_of_another_model_are_refused() {
    let other = World::of(&digits(), NativeBackend::new());
    let dir = other.prepared.artifacts.dir();
    for name in ["pk.key", "vk.key"] {
        fs::copy(WORLD.prepared.artifacts.dir().join(name), dir.join(name)).unwrap();
    }
    let backend = NativeBackend::new();
    let error = backend
        .witness(&other.prepared.artifacts, &crate::world::seven(), &Control::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("pk.key"), "{error}");
    let bundle = &*crate::world::BUNDLE;
    let statement =
        zkinfer::proof::Statement { model_id: other.prepared.artifacts.model_id(), ..bundle.statement().clone() };
    let error =
        backend.verify(&other.prepared.artifacts, &[statement], bundle.proof(), &Control::default()).unwrap_err();
    assert!(error.to_string().contains("vk.key"), "{error}");
}
