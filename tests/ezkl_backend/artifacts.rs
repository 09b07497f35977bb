//! Artifacts: built once, the same everywhere, built again when damaged.

use crate::world::{WORLD, backend, digits, fresh_cache};
use std::{fs, thread};
use zkinfer::{backend::Control, pipeline::EZKLIntegration};

/// The ids of the digits model are frozen: they change only with the model, the adapter, the compiler's profile or the
/// schema's form, and each of these is a new model to everybody else. Update the fixture only on purpose.
#[test]
fn the_digits_model_has_the_id_it_always_had() {
    let fixture: serde_json::Value = serde_json::from_str(include_str!("../fixtures/digits-model.json")).unwrap();
    let identity = WORLD.prepared.artifacts.identity();
    let found = serde_json::json!({
        "adapter_id": identity.adapter_id,
        "model_code_hash": identity.model_code_hash,
        "vk_digest": identity.vk_digest,
        "schema": identity.schema,
        "srs_id": identity.srs_id,
        "model_id": identity.model_id(),
    });
    for (name, value) in fixture.as_object().unwrap().iter().filter(|(name, _)| *name != "about") {
        assert_eq!(&found[name], value, "{name}");
    }
}

/// EZKL orders a circuit's columns by a hash set: without the worker's sorting, half of all builds had another key.
#[test]
fn another_build_has_the_same_id() {
    let (_dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(backend(&cache), cache);
    let again = integration.prepare(&digits(), &Control::default()).unwrap();
    assert_eq!(again.artifacts.model_id(), WORLD.prepared.artifacts.model_id());
}

#[test]
fn concurrent_callers_build_once_and_damage_is_rebuilt() {
    let (dir, cache) = fresh_cache();
    let control = Control::default();
    // Two integrations, as in two processes: they share nothing but the directory.
    let integrations: Vec<EZKLIntegration> =
        (0..2).map(|_| EZKLIntegration::new(backend(&cache), cache.clone())).collect();
    let dirs: Vec<_> = thread::scope(|scope| {
        let callers = integrations.iter().map(|integration| {
            let control = control.clone();
            scope.spawn(move || integration.prepare(&digits(), &control).unwrap().artifacts.dir().to_owned())
        });
        callers.collect::<Vec<_>>().into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(dirs[0], dirs[1]);
    assert_eq!(integrations.iter().map(EZKLIntegration::builds).sum::<u64>(), 1);
    assert_eq!(fs::read_dir(dir.path().join("staging")).unwrap().count(), 0);

    fs::write(dirs[0].join("pk.key"), b"damaged").unwrap();
    let rebuilt = integrations[0].prepare(&digits(), &control).unwrap();
    assert!(rebuilt.built);
    assert_eq!(rebuilt.artifacts.model_id(), WORLD.prepared.artifacts.model_id());
}

#[test]
fn artifacts_are_found_by_model_id() {
    let id = WORLD.prepared.artifacts.model_id();
    assert_eq!(WORLD.integration.find(id).unwrap().artifacts.dir(), WORLD.prepared.artifacts.dir());
    let unknown = alloy::primitives::B256::repeat_byte(7);
    assert!(WORLD.integration.find(unknown).unwrap_err().to_string().contains("--model"));
}
