//! Artifacts that somebody else wrote, into a store or into the cache: each check of them by itself.

use super::world::{World, native, on_test_srs};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};
use zkinfer::{
    backend::Artifacts,
    pipeline::{
        EZKLIntegration, PipelineError,
        integration::{Contents, StoredArtifacts},
    },
    proof::bundle::BackendName,
    storage::{Cache, ContentStore, LocalStore},
};

struct Remote {
    dir: tempfile::TempDir,
    store: LocalStore,
    stored: StoredArtifacts,
    index: serde_json::Value,
    integration: EZKLIntegration,
}

impl Remote {
    fn new(world: &World) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::at(dir.path().join("store"));
        let stored = world.integration.store(&world.prepared, Contents::Verifying, &store).unwrap();
        let index = serde_json::from_slice(&store.get(&stored.address).unwrap()).unwrap();
        let integration = EZKLIntegration::new(Arc::new(on_test_srs()), Cache::at(dir.path().join("cache")));
        Self { dir, store, stored, index, integration }
    }

    /// Takes what the changed index names.
    fn retrieve(&self, change: impl FnOnce(&mut serde_json::Value, &mut StoredArtifacts)) -> Result<(), PipelineError> {
        let (mut index, mut stored) = (self.index.clone(), self.stored.clone());
        change(&mut index, &mut stored);
        stored.address = self.store.put(&serde_json::to_vec(&index).unwrap()).unwrap();
        self.integration.retrieve(&stored, &self.store).map(drop)
    }

    fn refused(&self, change: impl FnOnce(&mut serde_json::Value, &mut StoredArtifacts)) -> String {
        match self.retrieve(change) {
            Err(PipelineError::Remote(problem)) => problem,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_index_that_says_something_else_is_refused() {
    let remote = Remote::new(native());
    let other = alloy::primitives::B256::repeat_byte(0xee);
    assert!(remote.refused(|index, _| index["format"] = "other".into()).contains("not of this release"));
    assert!(remote.refused(|index, _| index["version"] = 2.into()).contains("not of this release"));
    let many = remote.refused(|index, _| {
        let one = index["files"]["manifest.json"].clone();
        (0..64).for_each(|i| index["files"][format!("file-{i}")] = one.clone());
    });
    assert!(many.contains("not of this release"));
    let of_another = "of another model";
    assert!(remote.refused(|_, stored| stored.model_id = other).contains(of_another));
    let both = remote.refused(|index, stored| {
        (index["modelId"], stored.model_id) = (other.to_string().into(), other);
    });
    assert!(both.contains(of_another));
    let large = remote.store.put(&vec![b' '; (1 << 20) + 1]).unwrap();
    let large = StoredArtifacts { address: large, ..remote.stored.clone() };
    let refused = remote.integration.retrieve(&large, &remote.store).unwrap_err();
    assert!(refused.to_string().contains("of no index"), "{refused}");

    let retrieved = remote.dir.path().join("cache/retrieved");
    assert!(!retrieved.exists() || fs::read_dir(&retrieved).unwrap().next().is_none(), "nothing is kept");
    remote.retrieve(|_, _| ()).unwrap();
    let kept = fs::read_dir(&retrieved).unwrap().next().unwrap().unwrap().path();
    for file in fs::read_dir(kept).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

/// A store is a stranger: its names write nowhere else.
#[test]
fn names_with_a_path_in_them_are_refused() {
    let remote = Remote::new(native());
    for name in ["../escaped", "", ".", "..", "a/b", "a\\b", "a\0b", "/escaped"] {
        let refused = remote.refused(|index, _| {
            let one = index["files"]["manifest.json"].clone();
            index["files"][name] = one;
        });
        assert!(refused.contains("no file name"), "{name:?}: {refused}");
    }
    assert!(!remote.dir.path().join("cache/staging/escaped").exists() && !Path::new("/escaped").exists());
}

/// Artifacts in the cache whose files fit their manifest, and not each other.
#[test]
fn artifacts_that_contradict_themselves_are_not_found() {
    let world = native();
    let found = |change: &dyn Fn(&Path), backend: Option<BackendName>| {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("artifacts/copy");
        fs::create_dir_all(&dir).unwrap();
        for file in fs::read_dir(world.prepared.artifacts.dir()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), dir.join(file.file_name())).unwrap();
        }
        fs::remove_file(dir.join("manifest.json")).unwrap();
        change(&dir);
        let mut identity = world.prepared.artifacts.identity().clone();
        identity.backend = backend.unwrap_or(identity.backend);
        Artifacts::seal(&dir, identity).unwrap();
        let integration = EZKLIntegration::new(world.backend.clone(), Cache::at(root.path().into()));
        integration.find(world.prepared.artifacts.model_id()).map(drop)
    };
    let verifier = |edit: &dyn Fn(&mut serde_json::Value)| {
        let change = |dir: &Path| {
            let path = dir.join("verifier.json");
            let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            edit(&mut json);
            fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
        };
        match found(&change, None) {
            Err(PipelineError::Artifacts(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert!(found(&|_| (), None).is_ok());
    assert!(verifier(&|json| json["runtimeCode"] = "0x00ff".into()).contains("another hash"));
    let another = verifier(&|json| {
        json["runtimeCode"] = "0x00ff".into();
        json["codeHash"] = alloy::primitives::keccak256([0, 0xff]).to_string().into();
    });
    assert!(another.contains("verifier.json contradicts"), "{another}");
    let none = found(&|dir| fs::remove_file(dir.join("verifier.json")).unwrap(), None);
    assert!(none.unwrap_err().to_string().contains("verifier.json contradicts"));
    // The model id does not say whose artifacts they are.
    let foreign = found(&|_| (), Some(BackendName::Mock));
    assert!(matches!(foreign, Err(PipelineError::UnknownModel(_))), "{foreign:?}");
}
