//! What an integration keeps, finds and gives up: each check by itself, on the mock backend unless its comment says otherwise.

use super::world::{World, model, native};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use zkinfer::{
    backend::{Control, ProvingBackend, mock::MockBackend, native::NativeBackend},
    pipeline::{
        EZKLIntegration, PipelineError,
        integration::{CircuitInfo, Contents, IntegrationConfig},
    },
    storage::{Cache, LocalStore},
};

fn both(cache: &Cache) -> [EZKLIntegration; 2] {
    let backends: [Arc<dyn ProvingBackend>; 2] = [Arc::new(MockBackend::default()), Arc::new(NativeBackend::new())];
    backends.map(|backend| EZKLIntegration::new(backend, cache.clone()))
}

/// One file, two backends, one cache: each finds and counts its own.
#[test]
fn backends_share_a_cache_and_find_their_own() {
    let (dir, control) = (tempfile::tempdir().unwrap(), Control::default());
    let [mock, native] = both(&Cache::at(dir.path().into()));
    let ids = [&mock, &native].map(|one| one.prepare(&model(0), &control).unwrap().artifacts.model_id());
    for (one, (ours, theirs)) in [(&mock, (ids[0], ids[1])), (&native, (ids[1], ids[0]))] {
        assert!(!one.prepare(&model(0), &control).unwrap().built, "nobody built over it");
        assert_eq!(one.find(ours).unwrap().artifacts.model_id(), ours);
        assert!(matches!(one.find(theirs), Err(PipelineError::UnknownModel(id)) if id == theirs));
        assert_eq!((one.status().cached_circuits, one.metrics().unwrap().cached_circuits), (1, 1));
    }
    assert!(!dir.path().join("damaged").exists());
}

#[test]
fn without_a_cache_it_takes_no_requests() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for integration in both(&Cache::at(file)) {
        let status = integration.status();
        assert!(!status.ready && status.problem.is_some() && status.cached_circuits == 0, "{status:?}");
        assert!(integration.metrics().is_err());
    }
}

/// Whether the circuit is found or was just built: as many constraints as are allowed, and no more.
#[test]
fn a_limit_of_constraints_holds_for_what_is_built_and_for_what_is_found() {
    let world = World::mock(MockBackend::default());
    let constraints = CircuitInfo::of(&world.prepared).unwrap().constraints;
    for (limit, fits) in [(constraints, true), (constraints - 1, false)] {
        let dir = tempfile::tempdir().unwrap();
        let config = IntegrationConfig { max_constraints: Some(limit), ..IntegrationConfig::default() };
        let cache = Cache::at(dir.path().into());
        let integration = EZKLIntegration::with_config(world.backend.clone(), cache, config).unwrap();
        assert_eq!(integration.info().max_constraints, limit);
        for how in ["built", "found"] {
            let found = integration.prepare(&model(0), &Control::default());
            let refused = matches!(&found, Err(PipelineError::CircuitTooLarge { limit: told, .. }) if *told == limit);
            assert_eq!((found.is_ok(), refused), (fits, !fits), "{how}: {found:?}");
        }
    }
    // More than the backend takes is not offered.
    let config = IntegrationConfig { max_constraints: Some(u64::MAX), ..IntegrationConfig::default() };
    let own = native().integration.info().max_constraints;
    let greedy = EZKLIntegration::with_config(native().backend.clone(), native().cache.clone(), config).unwrap();
    assert_eq!(greedy.info().max_constraints, own);
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).unwrap())).collect()
}

/// Native: what was retrieved is used as long as it is whole, and is moved aside, file by file as it was, when it is not.
#[test]
fn what_was_retrieved_and_changed_is_moved_aside() {
    let world = native();
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::at(root.path().join("store"));
    let stored = world.integration.store(&world.prepared, Contents::Verifying, &store).unwrap();
    let cache = Cache::at(root.path().join("cache"));
    let integration = EZKLIntegration::new(Arc::new(NativeBackend::new()), cache);
    let first = integration.retrieve(&stored, &store).unwrap();
    let (dir, damaged) = (first.artifacts.dir().to_owned(), root.path().join("cache/damaged"));
    drop(first);
    drop(integration.retrieve(&stored, &store).unwrap());
    assert!(!damaged.exists(), "what is whole stays");
    let whole = files(&dir);
    for round in 1..=2 {
        fs::write(dir.join("vk.key"), format!("changed {round}")).unwrap();
        let before = files(&dir);
        drop(integration.retrieve(&stored, &store).unwrap());
        assert_eq!(files(&dir), whole);
        let aside: Vec<_> = fs::read_dir(&damaged).unwrap().map(|entry| files(&entry.unwrap().path())).collect();
        assert!(aside.len() == round && aside.contains(&before), "nothing is deleted");
    }
}
