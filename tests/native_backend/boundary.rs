//! The trust boundary of models under a user's ceremony: their points are a file, which the model id names.

use crate::{
    ceremony::{backend, input, model, ptau, written},
    world::{WORLD, World},
};
use std::{fs, path::Path, sync::Arc};
use tempfile::TempDir;
use zkinfer::{
    backend::{ArtifactIdentity, Artifacts, Control, ProvingBackend, SrsKind, native::NativeBackend},
    evm::artifacts,
    pipeline::{
        EZKLIntegration, Prepared, ProofVerifier,
        integration::Contents,
        verification::{Mode, Policy, Status, TrustLevel, Warning},
    },
    proof::Context,
    storage::{Cache, LocalStore},
};

fn world(dir: &TempDir, tau: u64) -> World {
    World::of(&model(), backend(written(dir, &format!("{tau}.ptau"), &ptau(tau))))
}

/// The files of artifacts, changed, with a manifest that fits them.
fn opened(of: &Prepared, change: impl FnOnce(&Path, &mut ArtifactIdentity)) -> Result<Prepared, String> {
    let dir = tempfile::tempdir().unwrap();
    for file in fs::read_dir(of.artifacts.dir()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
    }
    fs::remove_file(dir.path().join("manifest.json")).unwrap();
    let mut identity = of.artifacts.identity().clone();
    change(dir.path(), &mut identity);
    Artifacts::seal(dir.path(), identity).unwrap();
    Prepared::open(&NativeBackend::new(), dir.path()).map_err(|error| error.to_string())
}

/// `srs.bin` was not among what is stored for verifying, so that such a model could not be verified anywhere else.
#[test]
fn boundary_a_retrieved_model_of_a_ceremony_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(&dir, 11);
    let bundle = world.prove(&input(), Context::Offchain {});
    let store = LocalStore::at(dir.path().join("store"));
    let stored = world.integration.store(&world.prepared, Contents::Verifying, &store).unwrap();
    let elsewhere = EZKLIntegration::new(Arc::new(NativeBackend::new()), Cache::at(dir.path().join("cache")));
    let retrieved = elsewhere.retrieve(&stored, &store).unwrap();
    assert!(retrieved.artifacts.file("pk.key").is_err(), "nothing secret came along");
    let verifier = ProofVerifier::new(elsewhere.backend(), &retrieved);
    let policy = |trust| Policy::new(Mode::Full, trust);
    let check = |trust| verifier.check(&bundle.clone().into(), &policy(trust), &Control::default()).unwrap();
    let checked = check(TrustLevel::Development);
    assert_eq!(checked.status, Status::Valid, "{checked:?}");
    assert!(checked.warnings.contains(&Warning::UnlistedSrs) && checked.warnings.contains(&Warning::OffChainOnly));
    assert_ne!(check(TrustLevel::Standard).status, Status::Valid, "nobody listed this ceremony");
}

#[test]
fn boundary_the_points_in_the_artifacts_are_those_of_the_id() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (world(&dir, 11), world(&dir, 12));
    assert_eq!(ours.prepared.srs, SrsKind::Unlisted);
    assert!(opened(&ours.prepared, |_, _| ()).is_ok());
    let foreign = fs::read(theirs.prepared.artifacts.file("srs.bin").unwrap()).unwrap();
    let swapped = opened(&ours.prepared, |dir, _| fs::write(dir.join("srs.bin"), foreign).unwrap()).unwrap_err();
    let ids = [&ours, &theirs].map(|world| world.prepared.artifacts.identity().srs_id.to_string());
    assert!(swapped.contains("srs.bin") && ids.iter().all(|id| swapped.contains(id)), "{swapped}");
    // Without the file it is not the TEST SRS either.
    let missing = opened(&ours.prepared, |dir, _| fs::remove_file(dir.join("srs.bin")).unwrap()).unwrap_err();
    assert!(missing.contains("srs.bin"), "{missing}");
    // The other one's id, without and with its points: the key is ours.
    let srs_id = theirs.prepared.artifacts.identity().srs_id;
    let renamed = opened(&ours.prepared, |_, identity| identity.srs_id = srs_id).unwrap_err();
    assert!(renamed.contains("vk.key contradicts"), "{renamed}");
}

/// Each contract has the points of one SRS: a model of another SRS that names it would never be verified on-chain.
#[test]
fn boundary_the_adapter_follows_from_the_srs() {
    let dir = tempfile::tempdir().unwrap();
    let ours = world(&dir, 11);
    for adapter in [artifacts::native_verifier_id(), artifacts::native_test_verifier().code_hash()] {
        let named = opened(&ours.prepared, |_, identity| identity.adapter_id = adapter).unwrap_err();
        assert!(named.contains("the adapter"), "{named}");
    }
    // Nor is the contract of the TEST SRS that of the ceremony's models.
    let adapter = artifacts::native_test_verifier().code_hash();
    let named = opened(&WORLD.prepared, |_, identity| identity.adapter_id = adapter).unwrap_err();
    assert!(named.contains("the adapter"), "{named}");
}

/// The backend's own slot for the points of the model it verified last holds them by their id.
#[test]
fn boundary_points_that_are_kept_in_memory_are_found_by_their_id() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (world(&dir, 11), world(&dir, 12));
    let bundles = [&one, &two].map(|world| world.prove(&input(), Context::Offchain {}));
    let backend = NativeBackend::new();
    for _ in 0..2 {
        for (world, bundle) in [&one, &two].iter().zip(&bundles) {
            let artifacts = &world.prepared.artifacts;
            let verdict = backend.verify(artifacts, bundle.statements(), bundle.proof(), &Control::default()).unwrap();
            assert!(verdict.is_valid(), "{verdict:?}");
            assert_eq!(backend.check(artifacts).unwrap(), SrsKind::Unlisted);
        }
    }
}
