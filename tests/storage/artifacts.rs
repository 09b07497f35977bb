//! The bounded cache under the pipeline: artifacts in use stay whole, evicted ones are built again.

use std::{fs, path::Path, sync::Arc};
use zkinfer::{
    backend::{Artifacts, Control, ProvingBackend, mock::MockBackend, native::NativeBackend},
    model::{
        Model,
        synthetic::{random_mlp, to_onnx},
    },
    pipeline::{EZKLIntegration, PipelineError, integration::Contents},
    storage::{Cache, LocalStore},
};

fn model(seed: u64) -> Model {
    Model::from_onnx(to_onnx(&random_mlp(&[8, 16, 4], seed).unwrap())).unwrap()
}

/// A cache that keeps nothing which is not in use.
fn tiny(root: &Path, backend: Arc<dyn ProvingBackend>) -> (Cache, EZKLIntegration) {
    let cache = Cache::at(root.into()).with_max_bytes(1);
    (cache.clone(), EZKLIntegration::new(backend, cache))
}

/// (mock) Eviction does not depend on what is kept.
#[test]
fn artifacts_in_use_stay_and_others_are_built_again() {
    let (dir, control) = (tempfile::tempdir().unwrap(), Control::default());
    let (cache, integration) = tiny(dir.path(), Arc::new(MockBackend::default()));
    let first = integration.prepare(&model(1), &control).unwrap();
    let held = first.clone();
    drop(first);
    let second = integration.prepare(&model(2), &control).unwrap();
    assert_eq!((integration.builds(), cache.evictions()), (2, 0), "both are in use");
    assert!(!integration.prepare(&model(1), &control).unwrap().built);
    let second_id = second.artifacts.model_id();
    drop(second);
    let third = integration.prepare(&model(3), &control).unwrap();
    assert_eq!(cache.evictions(), 1);
    assert!(matches!(integration.find(second_id), Err(PipelineError::UnknownModel(_))));
    for used in [&held, &third] {
        Artifacts::open(used.artifacts.dir()).unwrap();
        drop(integration.find(used.artifacts.model_id()).unwrap());
    }
    assert!(integration.prepare(&model(2), &control).unwrap().built, "built again");
    assert_eq!(fs::read_dir(dir.path().join("staging")).unwrap().count(), 0);
}

/// What a native setup draws cannot be drawn again: its artifacts are the only ones of their model id.
#[test]
fn native_artifacts_are_never_evicted() {
    let (dir, control) = (tempfile::tempdir().unwrap(), Control::default());
    let (cache, integration) = tiny(dir.path(), Arc::new(NativeBackend::new()));
    let first = integration.prepare(&model(1), &control).unwrap().artifacts.model_id();
    let second = integration.prepare(&model(2), &control).unwrap().artifacts.model_id();
    assert_ne!(first, second);
    assert_eq!(cache.evictions(), 0);
    for id in [first, second] {
        assert_eq!(integration.find(id).unwrap().artifacts.model_id(), id);
    }
}

/// What was retrieved can be retrieved again, secrets included: it is bounded, and what is in use stays.
#[test]
fn retrieved_artifacts_are_bounded_and_those_in_use_stay() {
    let (home, dir, control) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Control::default());
    let maker = EZKLIntegration::new(Arc::new(NativeBackend::new()), Cache::at(home.path().join("cache")));
    let store = LocalStore::at(home.path().join("store"));
    let stored = [1, 2, 3].map(|seed| {
        let prepared = maker.prepare(&model(seed), &control).unwrap();
        maker.store(&prepared, Contents::Everything, &store).unwrap()
    });
    let there = |i: usize| dir.path().join("retrieved").join(stored[i].address.blake3_hex()).exists();
    let (cache, integration) = tiny(dir.path(), Arc::new(NativeBackend::new()));
    let held = integration.retrieve(&stored[0], &store).unwrap();
    let second = integration.retrieve(&stored[1], &store).unwrap();
    assert!(second.artifacts.file("model.secret").is_ok(), "there is a secret that may go");
    assert_eq!(cache.evictions(), 0, "both are in use");
    drop(second);
    drop(integration.retrieve(&stored[2], &store).unwrap());
    assert_eq!((cache.evictions(), there(0), there(1), there(2)), (1, true, false, true));
    // What was asked for last is not in use any more.
    let second = integration.retrieve(&stored[1], &store).unwrap();
    assert_eq!((cache.evictions(), there(0), there(1), there(2)), (2, true, true, false));
    for (prepared, stored) in [(held, &stored[0]), (second, &stored[1])] {
        assert_eq!(Artifacts::open(prepared.artifacts.dir()).unwrap().model_id(), stored.model_id);
    }
}

/// (mock) Every caller has a cache value of its own, as processes have: all they share is the directory.
#[test]
fn concurrent_callers_never_lose_what_they_use() {
    let dir = tempfile::tempdir().unwrap();
    let evictions: u64 = std::thread::scope(|scope| {
        let work = |seed: u64| {
            let (cache, integration) = tiny(dir.path(), Arc::new(MockBackend::default()));
            for round in 0..8 {
                let prepared = integration.prepare(&model((seed + round) % 3), &Control::default()).unwrap();
                Artifacts::open(prepared.artifacts.dir()).unwrap();
                // Looking for what others may be evicting finds it or not, and never half of it.
                match integration.find(model_id_of_nobody()) {
                    Err(PipelineError::UnknownModel(_)) => {}
                    other => panic!("{other:?}"),
                }
                Artifacts::open(prepared.artifacts.dir()).unwrap();
            }
            cache.evictions()
        };
        let threads: Vec<_> = (0..4).map(|seed| scope.spawn(move || work(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(evictions > 0, "nothing was evicted: the test tests nothing");
}

fn model_id_of_nobody() -> alloy::primitives::B256 {
    alloy::primitives::B256::repeat_byte(7)
}
