//! Models that are set up under a user's powers of tau.

use crate::world::{World, fresh_cache};
use ark_bn254::{Fr, G1Projective, G2Projective};
use ark_ec::{PrimeGroup, ScalarMul};
use ark_ff::{BigInteger, PrimeField};
use std::{fs, path::Path, sync::Arc};
use tempfile::TempDir;
use zkinfer::{
    FailureClass,
    backend::{
        BackendError, Control, Item, ProvingBackend, SrsKind,
        native::{ImportedPowers, NativeBackend, SrsSource},
    },
    evm::artifacts,
    model::{
        Input, Model,
        synthetic::{random_mlp, to_onnx},
    },
    pipeline::{EZKLIntegration, PipelineError, ProofVerifier},
    proof::{Context, Statement},
};
use zkinfer_prover::srs::write_test_ptau;

/// By snarkjs, of power 5: too small for any model.
const SNARKJS: &[u8] = include_bytes!("../../crates/prover/src/srs/fixtures/snarkjs-contributed-5.ptau");
/// The least power that a model needs, and enough for the one here.
const POWER: u32 = 10;

pub(crate) fn model() -> Model {
    Model::from_onnx(to_onnx(&random_mlp(&[3, 4, 2], 7).unwrap())).unwrap()
}

pub(crate) fn input() -> Input {
    Input::new(vec![vec![0.25, 0.5, 1.0]]).unwrap()
}

/// A file like those of snarkjs, whose tau this test knows.
pub(crate) fn ptau(tau: u64) -> Vec<u8> {
    let powers: Vec<Fr> =
        std::iter::successors(Some(Fr::from(1u64)), |p| Some(*p * Fr::from(tau))).take(2 << POWER).collect();
    let words = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let section =
        |kind: u32, body: Vec<u8>| [words(&[kind]), (body.len() as u64).to_le_bytes().to_vec(), body].concat();
    let header = [words(&[32]), ark_bn254::Fq::MODULUS.to_bytes_le(), words(&[POWER, POWER])].concat();
    let (n1, n2) = ((2 << POWER) - 1, 1 << POWER);
    let g1 = G1Projective::generator().batch_mul(&powers[..n1]);
    let g2 = G2Projective::generator().batch_mul(&powers[..n2]);
    // The representation in memory is the Montgomery form.
    let g1 = g1.iter().flat_map(|p| [p.x.0, p.y.0]).flat_map(|c| c.to_bytes_le()).collect();
    let g2 = g2.iter().flat_map(|p| [p.x.c0.0, p.x.c1.0, p.y.c0.0, p.y.c1.0]).flat_map(|c| c.to_bytes_le()).collect();
    [b"ptau".to_vec(), words(&[1, 3]), section(1, header), section(2, g1), section(3, g2)].concat()
}

/// As for programs that need two powers in G2: the header lacks its last word, and there are fewer powers in G1, too.
fn pruned(file: &[u8]) -> Vec<u8> {
    let section = |kind: u32, body: &[u8]| [&kind.to_le_bytes()[..], &(body.len() as u64).to_le_bytes(), body].concat();
    let (g1, g2) = (80, 80 + ((2 << POWER) - 1) * 64 + 12);
    let body = [section(1, &file[24..64]), section(2, &file[g1..g1 + 64 * 1024]), section(3, &file[g2..g2 + 2 * 128])];
    [&file[..12], &body.concat()].concat()
}

pub(crate) fn written(dir: &TempDir, name: &str, bytes: &[u8]) -> SrsSource {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    SrsSource::Ptau(path)
}

pub(crate) fn backend(source: SrsSource) -> NativeBackend {
    NativeBackend::new().with_srs(source)
}

#[test]
fn a_model_under_a_users_ceremony_is_proven_off_chain() {
    let dir = tempfile::tempdir().unwrap();
    let source = written(&dir, "ceremony.ptau", &ptau(0x1234_5678_9abc));
    let world = World::of(&model(), backend(source));
    let of = world.prepared.artifacts.identity();
    // An unlisted ceremony: whoever made it may know tau.
    assert!(of.adapter_id.is_zero() && of.model_code_hash.is_zero());
    assert!(world.prepared.verifier.is_none() && !world.backend.capabilities().on_chain);

    // The ceremony's file is not needed any more, nor is it asked for.
    drop(dir);
    let bundle = world.prove(&input(), Context::Offchain {});
    let other = NativeBackend::new();
    for backend in [&other as &dyn ProvingBackend, &*world.backend] {
        let report = ProofVerifier::new(backend, &world.prepared).verify(&bundle, &Control::default()).unwrap();
        assert!(report.verdict().is_valid() && report.embedded_evm.is_none(), "{report:?}");
        let warnings = report.warnings.join(" ");
        assert!(
            warnings.contains("off-chain only") && warnings.contains("unlisted SRS") && !warnings.contains("TEST"),
            "{warnings}"
        );
    }
    let mut proof = bundle.proof().to_vec();
    proof[4000] ^= 1;
    let verdict = other.verify(&world.prepared.artifacts, bundle.statements(), &proof.into(), &Control::default());
    assert!(!verdict.unwrap().is_valid());
}

/// The TEST SRS from a file is the TEST SRS: the contract knows its points.
#[test]
fn the_test_srs_from_a_file_is_on_chain() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = Vec::new();
    write_test_ptau(POWER, &mut file).unwrap();
    let world = World::of(&model(), backend(written(&dir, "test.ptau", &file)));
    let of = world.prepared.artifacts.identity();
    assert_eq!(of.adapter_id, artifacts::native_test_verifier().code_hash());
    assert!(world.backend.capabilities().on_chain && world.prepared.artifacts.file("srs.bin").is_err());
    let bundle = world.prove(&input(), Context::Offchain {});
    let report = ProofVerifier::new(&*world.backend, &world.prepared).verify(&bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid() && report.embedded_evm.is_some(), "{report:?}");
}

#[test]
fn ceremonies_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (_cache_dir, cache) = fresh_cache();
    let (a, b) = (ptau(5), ptau(6));
    let sources = [SrsSource::Test, written(&dir, "a", &a), written(&dir, "b", &b), written(&dir, "a again", &a)];
    let prepared = sources.map(|source| {
        let integration = EZKLIntegration::new(Arc::new(backend(source)), cache.clone());
        integration.prepare(&model(), &Control::default()).unwrap()
    });
    let dirs: Vec<&Path> = prepared.iter().map(|prepared| prepared.artifacts.dir()).collect();
    assert!(dirs[0] != dirs[1] && dirs[1] != dirs[2] && dirs[0] != dirs[2]);
    assert!(dirs[3] == dirs[1] && !prepared[3].built, "the ceremony counts, not the file's name");
    let ids = prepared.each_ref().map(|prepared| prepared.artifacts.identity().srs_id);
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}

#[test]
fn files_that_cannot_be_used_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let good = ptau(5);
    // Inside the 100th power of tauG1; the first two stay as they are.
    let mut damaged = good.clone();
    damaged[80 + 100 * 64 + 3] ^= 1;
    let mut swapped = good.clone();
    swapped[80 + 100 * 64..80 + 101 * 64].copy_from_slice(&good[80 + 101 * 64..80 + 102 * 64]);
    // As a program leaves it that reads and writes the same file.
    let mut in_place = good.clone();
    let from = 80 + 1000 * 64;
    in_place[from..80 + 2047 * 64].copy_from_slice(&ptau(7)[from..80 + 2047 * 64]);
    for (name, source, says) in [
        ("missing", SrsSource::Ptau(dir.path().join("missing.ptau")), "No such file"),
        ("small", written(&dir, "small", SNARKJS), "needs a .ptau file of power 10 or more"),
        ("text", written(&dir, "text", b"{}"), "not a .ptau file"),
        ("page", written(&dir, "page", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"), "HTML page"),
        ("pruned", written(&dir, "pruned", &pruned(&good)), "pruned: it has 2 powers in G2 of 1024"),
        ("imported", SrsSource::Imported(alloy::primitives::B256::repeat_byte(3)), "setup srs FILE"),
        ("cut", written(&dir, "cut", &good[..good.len() - 1]), "truncated"),
        ("damaged", written(&dir, "damaged", &damaged), "point 100 of tauG1"),
        ("swapped", written(&dir, "swapped", &swapped), "not the powers of one tau"),
        ("in place", written(&dir, "in-place", &in_place), "not the powers of one tau"),
        ("tau is 1", written(&dir, "one", &ptau(1)), "tau is 1"),
    ] {
        let (_cache_dir, cache) = fresh_cache();
        let integration = EZKLIntegration::new(Arc::new(backend(source)), cache);
        let error = integration.prepare(&model(), &Control::default()).unwrap_err();
        let PipelineError::Backend(error) = error else { panic!("{name}: {error}") };
        // Points of two taus come of a bad copy: the file is not what was asked for, but what it became.
        let (is_damaged, class) = match error {
            BackendError::Srs { .. } => (false, FailureClass::BadInput),
            BackendError::DamagedSrs { .. } => (true, FailureClass::Environment),
            _ => panic!("{name}: {error}"),
        };
        assert_eq!((error.class(), is_damaged), (class, says.contains("one tau")), "{name}: {error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
}

/// Given once, then named by its id: the user's file is not needed any more.
#[test]
fn powers_are_imported_once() {
    let (dir, (_cache_dir, cache)) = (tempfile::tempdir().unwrap(), fresh_cache());
    let path = dir.path().join("ceremony.ptau");
    fs::write(&path, ptau(21)).unwrap();
    let imported = ImportedPowers::import(&cache, &path).unwrap();
    assert_eq!((imported.powers, imported.kind()), ((2 << POWER) - 1, SrsKind::Unlisted));
    assert_eq!(ImportedPowers::import(&cache, &path).unwrap(), imported, "twice is once");
    assert_eq!(ImportedPowers::all(&cache), std::slice::from_ref(&imported));
    drop(dir);
    let named = || NativeBackend::new().with_cache(&cache).with_srs(SrsSource::of_id(imported.srs_id));
    let world = World::of(&model(), named());
    assert_eq!(world.prepared.artifacts.identity().srs_id, imported.srs_id);
    let bundle = world.prove(&input(), Context::Offchain {});
    let report = ProofVerifier::new(&*world.backend, &world.prepared).verify(&bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid(), "{report:?}");
    // 512 positions and 601 rows are more than it has.
    let larger = Model::from_onnx(to_onnx(&random_mlp(&[3, 600, 2], 7).unwrap())).unwrap();
    let error = refused(named(), &larger);
    assert!(error.contains("2047 powers of it were imported") && error.contains(".ptau file of power"), "{error}");
    // A copy that was damaged is no SRS.
    let copy = cache.root().join("srs/native").join(format!("{}.srs", imported.srs_id));
    let mut bytes = fs::read(&copy).unwrap();
    let at = bytes.len() - 70;
    bytes[at] ^= 1;
    fs::write(&copy, bytes).unwrap();
    refused(named(), &model());
}

fn refused(backend: NativeBackend, model: &Model) -> String {
    let (_dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(Arc::new(backend), cache);
    integration.prepare(model, &Control::default()).unwrap_err().to_string()
}

#[test]
fn what_is_no_srs_is_not_imported() {
    let (dir, (_cache_dir, cache)) = (tempfile::tempdir().unwrap(), fresh_cache());
    let path = dir.path().join("cut.ptau");
    let whole = ptau(21);
    for bytes in [&whole[..whole.len() - 1], &b"ptau"[..], b"<html>", b""] {
        fs::write(&path, bytes).unwrap();
        let error = ImportedPowers::import(&cache, &path).unwrap_err();
        assert_eq!(error.class(), FailureClass::BadInput, "{error}");
    }
    assert_eq!(ImportedPowers::all(&cache), []);
}

/// The artifacts keep powers for ordinary batches; a larger one needs the ceremony's file, if that is large enough.
#[test]
fn a_batch_beyond_the_kept_powers_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::of(&model(), backend(written(&dir, "ceremony.ptau", &ptau(9))));
    let (artifacts, control) = (&world.prepared.artifacts, Control::default());
    let prove = |backend: &NativeBackend, count: usize| {
        let witness = backend.witness(artifacts, &input(), &control).unwrap();
        let (model_id, public_values) = (artifacts.model_id(), witness.public_values.clone());
        let statement = Statement { model_id, public_values, context: Context::Offchain {} };
        backend.prove(artifacts, &vec![Item { witness: &witness, statement: &statement }; count], &control)
    };
    // 258 positions for each of 4 statements fit into 2047 powers. 5 are padded to 8, for which they do not suffice.
    assert!(prove(&world.backend, 4).is_ok());
    assert!(matches!(prove(&world.backend, 5), Err(BackendError::Srs { .. })));
    let error = prove(&NativeBackend::new(), 5).unwrap_err();
    assert!(
        matches!(&error, BackendError::Unsupported { reason, .. } if reason.contains("ceremony's file")),
        "{error}"
    );
}
