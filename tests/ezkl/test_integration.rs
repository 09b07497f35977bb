//! Behaviours 1 to 10 and 47: what an integration is, has and keeps.

use super::world::{World, input, model, on_both_backends};
use crate::node::{Fault, Node};
use std::{fs, sync::Arc};
use zkinfer::{
    FailureClass,
    backend::{Artifacts, Control},
    inference::{EngineOptions, InferenceEngine},
    model::{Model, synthetic::Graph},
    pipeline::{
        EZKLIntegration, PipelineError, ProofVerifier,
        integration::{CircuitInfo, Contents, IntegrationConfig},
    },
    proof::{Context, schema::Visibility},
    storage::{Cache, S5Store},
};

on_both_backends! {
    /// 1
    initialization;
    /// 2
    a_model_compiles_to_a_circuit;
    /// 3
    keys_are_made_and_can_be_moved;
    /// 4
    an_engine_answers_and_the_answer_is_proven;
    /// 5
    unsupported_operators_are_all_named;
    /// 6
    a_witness_fits_the_circuit;
    /// 7
    artifacts_are_built_once;
    /// 8
    artifacts_go_to_s5_and_come_back;
    /// 9
    resources_are_measured;
    /// 10
    a_missing_srs_is_a_typed_error_at_start;
    /// 47
    an_absent_accelerator_is_a_typed_error;
}

fn initialization(world: &World) {
    let status = world.integration.status();
    assert!(status.ready && status.problem.is_none() && status.cached_circuits >= 1, "{status:?}");
    let info = world.integration.info();
    assert_eq!(info.backend.as_str(), world.name);
    assert!(info.max_constraints > 0 && info.max_batch >= 1);
    for operator in ["MatMul", "Add", "Relu"] {
        assert!(info.operators.contains(&operator), "{operator}");
    }
}

fn a_model_compiles_to_a_circuit(world: &World) {
    let circuit = CircuitInfo::of(&world.prepared).unwrap();
    assert!(circuit.is_valid());
    assert!(circuit.constraints > 0 && circuit.constraints <= world.integration.info().max_constraints);
    assert_eq!(circuit.inputs.iter().map(|(_, visibility)| *visibility).collect::<Vec<_>>(), [Visibility::Public]);
    assert_eq!(circuit.outputs.iter().map(|(_, visibility)| *visibility).collect::<Vec<_>>(), [Visibility::Public]);
    let config = IntegrationConfig { max_constraints: Some(circuit.constraints - 1), ..IntegrationConfig::default() };
    let strict = EZKLIntegration::with_config(world.backend.clone(), world.cache.clone(), config).unwrap();
    let refused = strict.prepare(&model(0), &Control::default()).unwrap_err();
    assert!(
        matches!(refused, PipelineError::CircuitTooLarge { constraints, .. } if constraints == circuit.constraints)
    );
}

fn keys_are_made_and_can_be_moved(world: &World) {
    let circuit = CircuitInfo::of(&world.prepared).unwrap();
    assert!(0 < circuit.verifying_key_bytes && circuit.verifying_key_bytes < circuit.proving_key_bytes);
    let artifacts = &world.prepared.artifacts;
    assert_eq!(fs::metadata(artifacts.file("vk.key").unwrap()).unwrap().len(), circuit.verifying_key_bytes);
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(artifacts.dir()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let moved = Artifacts::open(copy.path()).unwrap();
    assert_eq!(moved.model_id(), artifacts.model_id());
    let (statements, proof) = (world.bundle.statements(), world.bundle.proof());
    assert!(world.backend.verify(&moved, statements, proof, &Control::default()).unwrap().is_valid());
}

fn an_engine_answers_and_the_answer_is_proven(world: &World) {
    let (integration, control) = (world.counted(), Control::default());
    let engine = InferenceEngine::new(model(0), integration, EngineOptions::default(), &control).unwrap();
    let (answer, bundle) = engine.run_with_proof(&input(3), Context::Offchain {}, &control).unwrap();
    assert_eq!(bundle.statement().public_values, answer.public_values);
    world.assert_valid(&bundle);
    let float = &model(0).run(&input(3)).unwrap()[0];
    for (proven, float) in answer.outputs[0].values.iter().zip(float) {
        assert!((proven - f64::from(*float)).abs() < 0.1, "{proven} against {float}");
    }
}

fn unsupported_operators_are_all_named(world: &World) {
    let compatible = world.integration.compatibility(&model(0));
    assert!(compatible.supported && compatible.unsupported.is_empty());
    let mut graph = Graph::new(13, &[1, 4]);
    let scale = graph.constant(&[], &[0.1]);
    let whole = graph.node("Round", &["x"], vec![]);
    let quantized = graph.node("QuantizeLinear", &[&whole, &scale], vec![]);
    let y = graph.node("DequantizeLinear", &[&quantized, &scale], vec![]);
    let unsupported = Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap();
    let found = world.integration.compatibility(&unsupported);
    if world.name == "native" {
        // It has every operator of the reader, and proves this model.
        assert!(found.supported && found.unsupported.is_empty());
        world.integration.prepare(&unsupported, &Control::default()).unwrap();
        return;
    }
    let named = ["DequantizeLinear", "QuantizeLinear"];
    assert!(!found.supported);
    assert_eq!(found.unsupported, named);
    match world.integration.prepare(&unsupported, &Control::default()).unwrap_err() {
        PipelineError::UnsupportedOperators { backend, operators, .. } => {
            assert_eq!(backend.as_str(), world.name);
            assert_eq!(operators, named);
        }
        other => panic!("{other}"),
    }
}

fn a_witness_fits_the_circuit(world: &World) {
    let witness = world.generator().witness(&input(1), &Control::default()).unwrap();
    let schema = world.prepared.artifacts.schema().unwrap();
    assert_eq!(witness.public_values.as_bytes().len(), schema.byte_len());
    let values = schema.decode(&witness.public_values).unwrap();
    assert_eq!(values.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8]);
    assert!(values.iter().all(|tensor| tensor.iter().any(|value| !value.is_zero())));
}

fn artifacts_are_built_once(world: &World) {
    let again = world.counted();
    let found = again.prepare(&model(0), &Control::default()).unwrap();
    assert!(!found.built);
    assert_eq!((again.builds(), world.integration.builds()), (0, 1));
    assert_eq!(found.artifacts.dir(), world.prepared.artifacts.dir());
    assert_eq!(found.artifacts.model_id(), world.prepared.artifacts.model_id());
    for name in ["pk.key", "vk.key"] {
        assert!(found.artifacts.file(name).unwrap().is_file());
    }
}

fn artifacts_go_to_s5_and_come_back(world: &World) {
    let node = Node::start();
    let store = S5Store::connect(&node.url()).unwrap();
    let stored = world.integration.store(&world.prepared, Contents::Verifying, &store).unwrap();
    assert!(stored.address.to_url().starts_with("s5://"));
    let pk = fs::read(world.prepared.artifacts.file("pk.key").unwrap()).unwrap();
    assert!(!node.has(&zkinfer::storage::ContentAddress::of(&pk)), "the proving key has the weights");

    // Another machine, which never saw the model, verifies with what it gets.
    let elsewhere = tempfile::tempdir().unwrap();
    let cache = Cache::at(elsewhere.path().into());
    let backend = super::world::backend_at(world.name, elsewhere.path());
    let integration = EZKLIntegration::new(backend, cache);
    let retrieved = integration.retrieve(&stored, &store).unwrap();
    assert_eq!(retrieved.artifacts.model_id(), world.prepared.artifacts.model_id());
    let verifier = ProofVerifier::new(integration.backend(), &retrieved);
    assert!(verifier.verify(&world.bundle, &Control::default()).unwrap().verdict().is_valid());
    assert!(integration.retrieve(&stored, &store).is_ok(), "twice is no error");

    let everything = world.integration.store(&world.prepared, Contents::Everything, &store).unwrap();
    assert_ne!(everything.address, stored.address);
    assert!(integration.retrieve(&everything, &store).unwrap().artifacts.file("pk.key").is_ok());

    // A store that lies changes nothing.
    node.fail("GET", "/", vec![Fault::Lie; 64]);
    let fresh = tempfile::tempdir().unwrap();
    let backend = super::world::backend_at(world.name, fresh.path());
    let integration = EZKLIntegration::new(backend, Cache::at(fresh.path().into()));
    assert!(matches!(integration.retrieve(&stored, &store), Err(PipelineError::Store(_))));
    assert!(integration.find(stored.model_id).is_err());
}

fn resources_are_measured(world: &World) {
    let before = world.integration.metrics().unwrap();
    assert!(before.compile.as_nanos() > 0 && before.setup.as_nanos() > 0);
    assert_eq!(before.builds, 1);
    assert!(before.cached_circuits >= 1 && before.proofs >= 1 && before.proven_statements >= before.proofs);
    assert!(before.peak_rss_kb.is_some_and(|kb| kb > 1000), "{before:?}");
    let counted = world.counted();
    let generator = zkinfer::pipeline::ProofGenerator::new(counted.backend(), &world.prepared);
    let bundle = generator.generate(&world.request(2), &Control::default()).unwrap().bundle;
    ProofVerifier::new(counted.backend(), &world.prepared)
        .verify(&bundle, &Control::default())
        .unwrap()
        .verdict()
        .is_valid()
        .then_some(())
        .unwrap();
    let after = counted.metrics().unwrap();
    assert_eq!((after.builds, after.proofs, after.proven_statements, after.verifications), (0, 1, 1, 1));
}

fn a_missing_srs_is_a_typed_error_at_start(world: &World) {
    let srs = Some(world.cache.root().join("no-such.ptau"));
    let config = IntegrationConfig { srs, ..IntegrationConfig::default() };
    let error = EZKLIntegration::with_config(world.backend.clone(), world.cache.clone(), config).unwrap_err();
    assert!(matches!(&error, PipelineError::MissingSrs { path, .. } if path.ends_with("no-such.ptau")), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
}

fn an_absent_accelerator_is_a_typed_error(world: &World) {
    let with = |accelerator: &str| {
        let config = IntegrationConfig { accelerator: Some(accelerator.into()), ..IntegrationConfig::default() };
        EZKLIntegration::with_config(Arc::clone(&world.backend), world.cache.clone(), config)
    };
    assert!(with("cpu").is_ok());
    let error = with("cuda").unwrap_err();
    assert!(error.to_string().contains("cuda") && error.to_string().contains("cpu"), "{error}");
    match error {
        PipelineError::AcceleratorAbsent { asked, available, .. } => {
            assert_eq!((asked.as_str(), &available[..]), ("cuda", &["cpu".to_owned()][..]));
        }
        other => panic!("{other}"),
    }
}
