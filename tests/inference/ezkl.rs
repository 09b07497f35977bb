//! The same engine on EZKL, with the installation of the user.

use crate::world::{OFFCHAIN, assert_proves, digits, seven};
use std::sync::Arc;
use zkinfer::{
    backend::{
        Control,
        ezkl::{self, EzklBackend},
    },
    inference::{EngineOptions, InferenceEngine},
    pipeline::EZKLIntegration,
    storage::Cache,
};

#[test]
fn ezkl_proves_what_it_answered() {
    let dir = tempfile::tempdir().unwrap();
    let installation = format!("ezkl-{}", ezkl::VERSION);
    let installed = Cache::from_env().unwrap().root().join(&installation);
    assert!(installed.join("installed").exists(), "EZKL is not installed: run `make setup` first");
    std::os::unix::fs::symlink(installed, dir.path().join(installation)).unwrap();
    let cache = Cache::at(dir.path().into());
    let backend = Arc::new(EzklBackend::new(&cache).unwrap());
    let integration = EZKLIntegration::new(backend, cache);
    let options = EngineOptions { max_distance: Some(0.5), ..EngineOptions::default() };
    let control = Control::default();
    let engine = InferenceEngine::new(digits(), integration, options, &control).unwrap();
    let (answer, handle) = engine.run_then_prove(&seven(), OFFCHAIN, &control).unwrap();
    let bundle = handle.wait().unwrap();
    assert!(answer.distance.largest > 0.0, "EZKL computes in fixed point");
    assert_proves(&engine, &answer, &bundle);
}
