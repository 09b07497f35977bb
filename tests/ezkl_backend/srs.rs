//! Reference strings that users bring.

use crate::world::{backend_with, fresh_cache, tiny_model};
use std::{fs, process::Command};
use zkinfer::{
    backend::{
        Control, ProvingBackend,
        ezkl::{EzklOptions, Installation, SrsStore},
    },
    proof::srs::SrsKind,
};

/// A file larger than the circuit, of a ceremony of its own: made smaller once, and every step agrees on it.
#[test]
fn keys_can_be_made_with_an_imported_srs() {
    let (dir, cache) = fresh_cache();
    let file = dir.path().join("ceremony.srs");
    // EZKL makes one with a random tau that it forgets: on no list, and no TEST SRS either.
    let python = Installation::find(&cache).unwrap().python();
    let code = format!("import ezkl; ezkl.gen_srs({:?}, 12)", file.to_str().unwrap());
    let home = tempfile::tempdir().unwrap();
    assert!(Command::new(python).args(["-c", &code]).env("HOME", home.path()).status().unwrap().success());
    let whole = fs::read(&file).unwrap();
    let imported = SrsStore::new(&cache).import(&file).unwrap();
    assert!(imported.kind() == SrsKind::Unlisted && imported.k == 12, "{imported:?}");
    assert_eq!(fs::read(&file).unwrap(), whole, "the user's file stays");

    let backend = backend_with(&cache, EzklOptions::new().srs(imported.srs_id));
    let (artifacts_dir, control) = (tempfile::tempdir().unwrap(), Control::default());
    let circuit = backend.compile(&tiny_model(), artifacts_dir.path(), &control).unwrap();
    // Proves and verifies a self-test.
    let keys = backend.setup(&circuit, artifacts_dir.path(), &control).unwrap();
    assert_eq!(keys.srs_id, imported.srs_id);
    assert_eq!(fs::metadata(artifacts_dir.path().join("verify.srs")).unwrap().len(), 516);
    let store = cache.root().join(format!("srs/{}", imported.srs_id));
    assert!(store.join("kzg12.srs").exists() && store.join("kzg1.srs").exists());
    assert!(!cache.root().join("srs/test").exists(), "the TEST SRS was not used");
}

#[test]
fn an_srs_that_was_not_imported_is_asked_for() {
    let (_dir, cache) = fresh_cache();
    let backend = backend_with(&cache, EzklOptions::new().srs(alloy::primitives::B256::repeat_byte(5)));
    let (dir, control) = (tempfile::tempdir().unwrap(), Control::default());
    let circuit = backend.compile(&tiny_model(), dir.path(), &control).unwrap();
    let error = backend.setup(&circuit, dir.path(), &control).unwrap_err();
    assert!(error.to_string().contains("Import"), "{error}");
    assert_eq!(error.class(), zkinfer::FailureClass::Environment);
}
