//! Models that are no perceptrons, from ONNX to a verified proof: the convolutional digits model, and one with copies.

use crate::world::{World, fresh_cache, seven};
use alloy::primitives::B256;
use std::{
    fs,
    path::Path,
    sync::{Arc, LazyLock},
};
use zkinfer::{
    backend::{
        ArtifactIdentity, Artifacts, BackendError, Control, Openings, ProvingBackend, TensorOpening,
        native::{Committed, ModelOpening, NativeBackend, SrsSource},
    },
    evm::artifacts,
    model::{
        Input, Model,
        network::Report,
        synthetic::{self, Graph},
    },
    pipeline::{
        EZKLIntegration, Prepared, ProofGenerator, ProofVerifier,
        integration::{CircuitInfo, Contents},
    },
    proof::{Bundle, Context, Verdict, schema::Direction},
    storage::{Cache, LocalStore},
};

const CNN: &[u8] = include_bytes!("../../models/digits-cnn/cnn.onnx");

fn cnn() -> Model {
    Model::from_onnx(CNN.to_vec()).unwrap()
}

/// Places without a pattern: its key has commitments to copies.
fn copying() -> Model {
    let mut graph = Graph::new(13, &[1, 6]);
    let picked = graph.constant(&[2, 3], &[0.5, -1.0, 0.25, 1.0, 0.75, -0.5]);
    // Places that no stride has.
    let places = graph.integers(&[5, 0, 3, 1, 1, 4]);
    let gathered = graph.node("Gather", &["x", &places], vec![synthetic::int("axis", 1)]);
    let shape = graph.integers(&[3, 2]);
    let rows = graph.node("Reshape", &[&gathered, &shape], vec![]);
    let name = graph.node("MatMul", &[&rows, &picked], vec![]);
    Model::from_onnx(graph.finish(&name, &[3, 3])).unwrap()
}

pub(crate) fn copied_input() -> Input {
    Input::new(vec![vec![0.5, 0.25, 1.0, 0.0, 0.125, 0.75]]).unwrap()
}

pub(crate) static NETWORK: LazyLock<World> = LazyLock::new(|| World::of(&cnn(), NativeBackend::new()));
pub(crate) static COPYING: LazyLock<World> = LazyLock::new(|| World::of(&copying(), NativeBackend::new()));
pub(crate) static PROVEN: LazyLock<Bundle> = LazyLock::new(|| NETWORK.prove(&seven(), Context::Offchain {}));

fn verdict(world: &World, bundle: &Bundle) -> Verdict {
    let artifacts = &world.prepared.artifacts;
    world.backend.verify(artifacts, bundle.statements(), bundle.proof(), &Control::default()).unwrap()
}

fn close(world: &World, model: &Model, bundle: &Bundle, input: &Input, tolerance: f64) {
    let float = model.run(input).unwrap();
    for (proven, float) in world.real(bundle)[1].iter().zip(&float[0]) {
        assert!((proven - f64::from(*float)).abs() < tolerance, "{proven} against {float}");
    }
}

#[test]
fn convolutional_models_are_proven_and_say_what_the_float_model_says() {
    assert_eq!(verdict(&NETWORK, &PROVEN), Verdict::Valid);
    close(&NETWORK, &cnn(), &PROVEN, &seven(), 0.02);
    let identity = NETWORK.prepared.artifacts.identity();
    assert_eq!(identity.adapter_id, artifacts::network_verifier().code_hash());
    let own = NETWORK.prepared.verifier.as_ref().unwrap();
    assert_eq!((identity.model_code_hash, own.pages.len()), (own.code_hash, 0));
    assert_eq!(PROVEN.proof().len() as u64, identity.proof_bytes);
    let provenance = NETWORK.prepared.artifacts.provenance().unwrap().unwrap();
    assert_eq!(provenance.figures["calibration"], "shipped");
    let report: Report = serde_json::from_value(provenance.figures["network"].clone()).unwrap();
    assert_eq!(report.accuracy.same_argmax, 64);
    let info = CircuitInfo::of(&NETWORK.prepared).unwrap();
    assert!(info.is_valid() && info.constraints.is_power_of_two(), "{info:?}");
    let world = &*COPYING;
    let bundle = world.prove(&copied_input(), Context::Offchain {});
    assert_eq!(verdict(world, &bundle), Verdict::Valid);
    close(world, &copying(), &bundle, &copied_input(), 0.001);
}

#[test]
fn a_batch_of_a_network_is_valid_as_a_whole_and_in_its_order() {
    let generator = ProofGenerator::new(NETWORK.integration.backend(), &NETWORK.prepared);
    let inputs = [seven(), Input::new(vec![vec![0.0; 64]]).unwrap(), Input::new(vec![vec![1.0; 64]]).unwrap()];
    let witnesses: Vec<_> = inputs.iter().map(|input| generator.witness(input, &Control::default()).unwrap()).collect();
    let runs: Vec<_> = witnesses.iter().map(|witness| (witness, Context::Offchain {})).collect();
    let bundle = generator.prove_batch(&runs, &Control::default()).unwrap();
    let report = ProofVerifier::new(&*NETWORK.backend, &NETWORK.prepared).verify(&bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid() && report.embedded_evm.unwrap().verdict.is_valid());
    let mut swapped = bundle.statements().to_vec();
    swapped.swap(0, 1);
    let artifacts = &NETWORK.prepared.artifacts;
    for statements in [&swapped[..], &bundle.statements()[..2]] {
        let found = NETWORK.backend.verify(artifacts, statements, bundle.proof(), &Control::default()).unwrap();
        assert!(!found.is_valid());
    }
    // Many proofs are checked together, and each has its own verdict.
    let (single, broken) = (&*PROVEN, bundle.proof().iter().map(|b| b ^ 1).collect::<Vec<_>>().into());
    let proofs =
        [(single.statements(), single.proof()), (bundle.statements(), &broken), (bundle.statements(), bundle.proof())];
    let many = NETWORK.backend.verify_many(artifacts, &proofs, &Control::default()).unwrap();
    assert_eq!(many.verdicts.iter().map(Verdict::is_valid).collect::<Vec<_>>(), [true, false, true]);
    assert!(NETWORK.backend.max_batch(artifacts).unwrap() >= 8);
}

#[test]
fn a_node_without_values_in_range_is_named() {
    let mut graph = Graph::new(13, &[1, 6]);
    let ones = graph.constant(&[2, 3], &[1.0; 6]);
    let sums = graph.constant(&[3, 1], &[1.0; 3]);
    let shape = graph.integers(&[3, 2]);
    let rows = graph.node("Reshape", &["x", &shape], vec![]);
    let hidden = graph.node("MatMul", &[&rows, &ones], vec![]);
    let hidden = graph.node("Relu", &[&hidden], vec![]);
    let name = graph.node("MatMul", &[&hidden, &sums], vec![]);
    let model = Model::from_onnx(graph.finish(&name, &[3, 1])).unwrap();
    // Two numbers that nearly cancel: the integers behind them are planned for a thousandth of what others lead to.
    let sample = vec![1.0, -0.999, 0.0, 0.0, 0.0, 0.0];
    let world = World::of(&model, NativeBackend::with_calibration(Input::new(vec![sample]).unwrap()));
    let input = Input::new(vec![vec![1.0; 6]]).unwrap();
    match world.backend.witness(&world.prepared.artifacts, &input, &Control::default()) {
        Err(BackendError::OutOfDomain(text)) => {
            assert!(text.contains("node `") && text.contains("--calibration"), "{text}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn hidden_sides_of_a_network_are_committed_and_opened() {
    let both = Committed { inputs: true, outputs: true };
    let world = World::of(&cnn(), NativeBackend::new().with_hidden(both).with_srs(SrsSource::Test));
    let generator = ProofGenerator::new(world.integration.backend(), &world.prepared);
    let witness = generator.witness(&seven(), &Control::default()).unwrap();
    let opening = witness.opening().unwrap().clone();
    let bundle = generator.prove(&witness, Context::Offchain {}, &Control::default()).unwrap();
    assert_eq!(bundle.statement().public_values.as_bytes().len(), 128, "two points");
    assert_eq!(verdict(&world, &bundle), Verdict::Valid);
    let outputs = opening.side(Direction::Output).unwrap().elements().to_vec();
    assert_eq!(outputs.len(), 10);
    let check = |statements| {
        let openings = Openings::new(bundle.model_id(), statements);
        world.backend.check_openings(&bundle, Some(&world.prepared.artifacts), &openings).unwrap()
    };
    assert_eq!(check(vec![opening.clone()]), Verdict::Valid);
    let mut json: serde_json::Value =
        serde_json::from_slice(&Openings::new(bundle.model_id(), vec![opening]).to_json().unwrap()).unwrap();
    json["statements"][0]["outputs"]["elements"][0] = (outputs[0] + 1).into();
    let other = Openings::from_json(&serde_json::to_vec(&json).unwrap()).unwrap();
    assert!(!check(other.statements().to_vec()).is_valid());
    let _: &TensorOpening = other.statements()[0].side(Direction::Input).unwrap();
}

#[test]
fn the_commitment_of_a_network_is_opened() {
    let (world, check) =
        (&*NETWORK, |opening: &ModelOpening| NativeBackend::new().check_opening(opening, &Control::default()).unwrap());
    let json = ModelOpening::of(&world.prepared.artifacts).unwrap().to_json();
    let opening = ModelOpening::from_json(&json).unwrap();
    assert_eq!(opening.vk_digest(), world.prepared.artifacts.identity().vk_digest);
    assert_eq!(check(&opening), Verdict::Valid);
    assert_eq!(NativeBackend::new().compare_opening(&opening, &cnn()).unwrap(), Verdict::Valid);
    let mut value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    value["modelSecret"] = "07".repeat(32).into();
    let other = ModelOpening::from_json(&serde_json::to_vec(&value).unwrap()).unwrap();
    assert!(!check(&other).is_valid());
    let samples = NativeBackend::with_calibration(Input::new(vec![vec![0.01; 128]]).unwrap());
    assert!(!samples.compare_opening(&opening, &cnn()).unwrap().is_valid());
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

/// Whatever the artifacts of a network say follows from the key, and the key from the model id.
#[test]
fn boundary_every_file_of_a_network_is_the_one_of_its_id() {
    let ours = &COPYING.prepared;
    assert!(opened(ours, |_, _| ()).is_ok());
    let other = &NETWORK.prepared.artifacts;
    for file in ["program.bin", "tables.bin"] {
        let foreign = fs::read(other.file(file).unwrap()).unwrap();
        let error = opened(ours, |dir, _| fs::write(dir.join(file), foreign).unwrap()).unwrap_err();
        assert!(error.contains("vk.key"), "{file}: {error}");
        assert!(opened(ours, |dir, _| fs::remove_file(dir.join(file)).unwrap()).is_err(), "{file}");
    }
    // One more byte, and one that is another.
    for file in ["vk.key", "program.bin", "tables.bin"] {
        let bytes = fs::read(ours.artifacts.file(file).unwrap()).unwrap();
        for at in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(opened(ours, |dir, _| fs::write(dir.join(file), changed).unwrap()).is_err(), "{file} at {at}");
        }
        assert!(
            opened(ours, |dir, _| fs::write(dir.join(file), [&bytes[..], &[0]].concat()).unwrap()).is_err(),
            "{file}"
        );
    }
    // Another model's key, with all that belongs to it.
    let error = opened(ours, |dir, _| {
        for file in ["vk.key", "program.bin", "tables.bin"] {
            fs::copy(other.file(file).unwrap(), dir.join(file)).unwrap();
        }
    });
    assert!(error.unwrap_err().contains("digest"));
    for adapter in [artifacts::native_verifier_id(), artifacts::network_test_verifier().code_hash()] {
        let error = opened(ours, |_, identity| identity.adapter_id = adapter).unwrap_err();
        assert!(error.contains("the adapter"), "{error}");
    }
    let error = opened(ours, |_, identity| identity.adapter_id = B256::ZERO).unwrap_err();
    assert!(error.contains("the code hash"), "{error}");
    let foreign = fs::read(other.file("verifier.json").unwrap()).unwrap();
    let error = opened(ours, |dir, _| fs::write(dir.join("verifier.json"), foreign).unwrap()).unwrap_err();
    assert!(error.contains("the hash of its code"), "{error}");
    for (field, value) in [("rows", 4), ("byte_columns", 5), ("tables", 1)] {
        let error = opened(ours, |_, identity| identity.details["network"][field] = value.into()).unwrap_err();
        assert!(error.contains("the shape"), "{field}: {error}");
    }
    for (field, value) in [("hidden_inputs", true.into()), ("dims", serde_json::json!([6, 9, 9]))] {
        assert!(opened(ours, |_, identity| identity.details[field] = value).is_err(), "{field}");
    }
    assert!(opened(ours, |_, identity| identity.proof_bytes += 1).unwrap_err().contains("length of a proof"));
    assert!(opened(ours, |_, identity| identity.details["network"] = serde_json::Value::Null).is_err());
}

/// A model that its owner keeps off the chain is another model: nothing of it says otherwise.
#[test]
fn a_network_without_an_adapter_is_another_model() {
    let ours = &COPYING.prepared;
    let kept = opened(ours, |dir, identity| {
        fs::remove_file(dir.join("verifier.json")).unwrap();
        (identity.adapter_id, identity.model_code_hash) = (B256::ZERO, B256::ZERO);
    })
    .unwrap();
    assert!(kept.verifier.is_none() && kept.artifacts.model_id() != ours.artifacts.model_id());
}

/// A store has everything that verifying needs, and nothing secret.
#[test]
fn boundary_a_network_is_verified_from_what_is_stored_for_verifiers() {
    let (dir, cache) = fresh_cache();
    drop(cache);
    let store = LocalStore::at(dir.path().join("store"));
    let bundle = COPYING.prove(&copied_input(), Context::Offchain {});
    let stored = COPYING.integration.store(&COPYING.prepared, Contents::Verifying, &store).unwrap();
    let elsewhere = EZKLIntegration::new(Arc::new(NativeBackend::new()), Cache::at(dir.path().join("cache")));
    let retrieved = elsewhere.retrieve(&stored, &store).unwrap();
    for secret in ["pk.key", "model.secret", "weights.bin", "provenance.json"] {
        assert!(retrieved.artifacts.file(secret).is_err(), "{secret}");
    }
    let report = ProofVerifier::new(elsewhere.backend(), &retrieved).verify(&bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid());
}

/// What would not fit is refused with both numbers while there are no keys: memory, and powers of tau.
#[test]
fn networks_that_do_not_fit_are_refused_before_any_key() {
    let refused = |model: &Model, backend: NativeBackend| {
        let (_dir, cache) = fresh_cache();
        let integration = EZKLIntegration::new(Arc::new(backend), cache);
        integration.prepare(model, &Control::default()).unwrap_err().to_string()
    };
    let error = refused(&cnn(), NativeBackend::new().with_memory_limit(17));
    assert!(error.contains("MB of memory for a proof of this model, and 17 MB are free"), "{error}");
    let large = Model::from_onnx(synthetic::boosted_trees(100, 6, 8, 1)).unwrap();
    let error = refused(&large, NativeBackend::new());
    assert!(error.contains("131072 powers") && error.contains(".ptau file of power"), "{error}");
}

/// A perceptron with 16-bit weights is another model, whose answers are closer to the float model's.
#[test]
fn a_precise_perceptron_is_a_network() {
    let model = Model::from_onnx(synthetic::to_onnx(&synthetic::random_mlp(&[8, 16, 3], 5).unwrap())).unwrap();
    let input = Input::new(vec![vec![0.1, 0.9, 0.4, 0.6, 0.2, 0.8, 0.5, 0.3]]).unwrap();
    let answer = |world: &World| {
        let bundle = world.prove(&input, Context::Offchain {});
        assert_eq!(verdict(world, &bundle), Verdict::Valid);
        world.real(&bundle).pop().unwrap()
    };
    let (coarse, fine) = (World::of(&model, NativeBackend::new()), World::of(&model, NativeBackend::new().precise()));
    assert!(fine.prepared.artifacts.identity().details["network"].is_object());
    assert!(coarse.prepared.artifacts.identity().details["network"].is_null());
    let float = model.run(&input).unwrap().concat();
    let error =
        |answer: Vec<f64>| answer.iter().zip(&float).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
    let (coarse, fine) = (error(answer(&coarse)), error(answer(&fine)));
    assert!(fine < 0.002 && fine < coarse, "{fine} with 16 bits, {coarse} with 8");
}
