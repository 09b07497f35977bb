//! Behaviours 11 to 21: one proof, its forms, its record.

use super::world::{World, input, on_both_backends};
use std::time::Instant;
use zkinfer::{
    FailureClass,
    backend::Control,
    model::Input,
    pipeline::{
        PipelineError, ProofRequest,
        proof_creation::{IncrementalStatus, OutputChunk, RequestSalt, Streamed},
        verification::{Mode, Status},
    },
    proof::{Aggregated, Branch, Compression, Context, Encoding, Recursive, Structure},
};

on_both_backends! {
    /// 11
    a_basic_proof;
    /// 12
    compression_never_makes_a_proof_larger;
    /// 13
    formats_have_their_own_properties;
    /// 14
    metadata_says_what_was_proven;
    /// 15
    incremental_proofs_are_chains;
    /// 16
    cancellation_ends_an_incremental_proof;
    /// 17
    metrics_add_up;
    /// 18
    parameters_are_echoed_and_bound;
    /// 19
    streamed_output_is_counted_and_bound;
    /// 20
    invalid_input_names_the_field;
    /// 21
    the_same_request_is_the_same_statement;
}

fn a_basic_proof(world: &World) {
    let provenance = world.prepared.artifacts.provenance().unwrap().unwrap();
    let model = provenance.onnx_hash;
    let response = world.generator().generate(&ProofRequest::new(&model, input(0)), &Control::default()).unwrap();
    assert!(!response.bundle.proof().is_empty());
    assert_eq!(response.metadata.model, world.prepared.artifacts.model_id().to_string());
    let published = serde_json::to_string(&response.metadata).unwrap();
    assert!(!published.contains(&model), "the hash of the weights' file is nobody's business");
    let hash = alloy::hex::encode(response.metadata.proof_hash);
    assert_eq!((hash.len(), response.metadata.proof_hash), (64, response.bundle.manifest().proof_hash));
    assert_eq!(response.metadata.proof_bytes, response.bundle.proof().len());
    assert!(response.metrics.total.as_nanos() > 0);
    world.assert_valid(&response.bundle);
}

fn compression_never_makes_a_proof_larger(world: &World) {
    let levels = [Compression::None, Compression::Fast, Compression::Balanced, Compression::Maximum];
    for encoding in [Encoding::Standard, Encoding::Compact] {
        let forms = levels.map(|level| world.single().encode(encoding, level));
        assert!(forms.iter().map(Vec::len).is_sorted_by(|low, high| low >= high));
        for form in &forms {
            assert_eq!(Structure::decode(form).unwrap(), world.single());
        }
        // Schema, zeros of the padding and hex digits: something is always gained.
        assert!(forms[1].len() < forms[0].len(), "{encoding:?}");
    }
}

fn formats_have_their_own_properties(world: &World) {
    let control = Control::default();
    let second = world.generator().generate(&world.request(1), &control).unwrap().bundle;
    let size = |structure: &Structure, encoding| structure.encode(encoding, Compression::None).len();
    let single = world.single();
    assert!(size(&single, Encoding::Compact) < size(&single, Encoding::Standard));

    let list = Structure::Aggregated(Aggregated::new(vec![world.bundle.clone(), second.clone()]).unwrap());
    let inclusion = list.tree().prove(1).unwrap();
    assert!(inclusion.verify(list.root(), second.statement().id()));
    assert!(!inclusion.verify(list.root(), world.bundle.statement().id()));

    let leaf = |bundle: &zkinfer::proof::Bundle| Branch::Leaf(Box::new(bundle.clone()));
    let tree =
        Structure::Recursive(Recursive::new(vec![Branch::Inner(vec![leaf(&world.bundle)]), leaf(&second)]).unwrap());
    assert_eq!((single.depth(), list.depth(), tree.depth()), (0, 1, 2));
    for structure in [single, list, tree] {
        for encoding in [Encoding::Standard, Encoding::Compact] {
            let read = Structure::decode(&structure.encode(encoding, Compression::Balanced)).unwrap();
            assert_eq!(world.check(&read, Mode::Fast).status, Status::Valid);
        }
    }
}

fn metadata_says_what_was_proven(world: &World) {
    let request = ProofRequest { prover_id: "node 7".into(), ..world.request(0) };
    let response = world.generator().generate(&request, &Control::default()).unwrap();
    let metadata = &response.metadata;
    let circuit = zkinfer::pipeline::integration::CircuitInfo::of(&world.prepared).unwrap();
    assert_eq!((metadata.circuit_hash.len(), metadata.constraints), (64, circuit.constraints));
    assert_eq!(metadata.public_inputs, 16);
    assert_eq!(metadata.prover_id, "node 7");
    assert!(metadata.version.starts_with('v'));
    assert_eq!(metadata.timestamp_ms, response.bundle.manifest().created_at_ms);
    assert_eq!(metadata.statement_id, response.bundle.statement().id());
    assert!(metadata.binds(&response.bundle));
    assert!(!metadata.binds(&world.bundle), "another proof of the same statement");
    let json = serde_json::to_vec(metadata).unwrap();
    assert_eq!(serde_json::from_slice::<zkinfer::pipeline::proof_creation::ProofMetadata>(&json).unwrap(), *metadata);
}

fn incremental_proofs_are_chains(world: &World) {
    let (generator, control) = (world.generator(), Control::default());
    let mut incremental = generator.start_incremental(world.request(0)).unwrap();
    for step in 1..=3 {
        incremental.step(&control).unwrap();
        assert_eq!((incremental.steps(), incremental.status()), (step, IncrementalStatus::InProgress));
    }
    let result = incremental.finalize().unwrap();
    assert_eq!(result.metadata.steps, Some(3));
    assert!(result.structure.is_linked());
    assert_eq!(world.check(&result.structure, Mode::Full).status, Status::Valid);
    let read = Structure::decode(&result.structure.encode(Encoding::Compact, Compression::Fast)).unwrap();
    assert_eq!(read, result.structure);

    // The same proofs in another order are no chain, and neither is one with a step left out.
    let bundles: Vec<_> = result.structure.bundles().into_iter().cloned().collect();
    for broken in [[0, 2], [1, 0], [0, 0]] {
        let chain = Aggregated::chain(broken.map(|at| bundles[at].clone()).to_vec()).unwrap();
        let found = world.check(&Structure::Aggregated(chain), Mode::Fast);
        assert!(super::world::reason(&found).contains("chain breaks"), "{broken:?}");
        assert_eq!(found.operations, 0, "found before any cryptography");
    }
    let list = Structure::Aggregated(Aggregated::new(vec![bundles[1].clone(), bundles[0].clone()]).unwrap());
    assert_eq!(world.check(&list, Mode::Fast).status, Status::Valid, "a list claims no links");
}

fn cancellation_ends_an_incremental_proof(world: &World) {
    let (generator, control) = (world.generator(), Control::default());
    let mut incremental = generator.start_incremental(world.request(0)).unwrap();
    incremental.step(&control).unwrap();
    incremental.cancel();
    assert_eq!(incremental.status(), IncrementalStatus::Cancelled);
    assert!(matches!(incremental.step(&control), Err(PipelineError::Cancelled { .. })));
    assert!(matches!(incremental.finalize(), Err(PipelineError::Cancelled { .. })));
    let empty = generator.start_incremental(world.request(0)).unwrap();
    assert!(matches!(empty.finalize(), Err(PipelineError::InvalidInput { .. })));
    control.cancel.cancel();
    let stopped = generator.generate(&world.request(0), &control).unwrap_err();
    assert!(stopped.is_cancellation(), "{stopped}");
}

fn metrics_add_up(world: &World) {
    let start = Instant::now();
    let metrics = world.generator().generate(&world.request(4), &Control::default()).unwrap().metrics;
    let wall = start.elapsed();
    assert_eq!(metrics.witness + metrics.proof + metrics.overhead, metrics.total);
    assert!(metrics.total <= wall && metrics.witness.as_nanos() > 0 && metrics.proof.as_nanos() > 0);
    assert!(metrics.peak_rss_kb.is_some());
}

fn parameters_are_echoed_and_bound(world: &World) {
    let request = world.request(0).with_parameter("temperature", "0.7").with_parameter("seed", "42");
    let response = world.generator().generate(&request, &Control::default()).unwrap();
    assert_eq!(response.metadata.parameters, request.parameters);
    for (name, value) in [("temperature", "0.8"), ("more", "1")] {
        let mut changed = response.metadata.clone();
        changed.parameters.insert(name.into(), value.into());
        assert!(!changed.binds(&response.bundle), "{name}");
    }
    let mut renamed = response.metadata.clone();
    renamed.prover_id = "somebody else".into();
    assert!(!renamed.binds(&response.bundle));
    let salt = RequestSalt::from_bytes([7; 32]);
    assert_ne!(request.digest(&salt), world.request(0).digest(&salt));
}

fn streamed_output_is_counted_and_bound(world: &World) {
    let mut chunks: Vec<OutputChunk> = Vec::new();
    let receive = |chunk: &OutputChunk| chunks.push(chunk.clone());
    let response = world.generator().generate_streaming(&world.request(0), 3, receive, &Control::default()).unwrap();
    assert_eq!(chunks.iter().map(|chunk| chunk.elements.len()).collect::<Vec<_>>(), [3, 3, 2]);
    assert!(chunks.iter().enumerate().all(|(at, chunk)| chunk.index == at && chunk.total == 3));
    let streamed = response.metadata.streamed.clone().unwrap();
    assert_eq!((streamed.chunks, streamed.elements), (3, 8));
    assert!(response.metadata.binds(&response.bundle));
    assert!(streamed.matches(&chunks, &response.bundle).unwrap());
    let mut changed = chunks.clone();
    changed[1].elements[0] += alloy::primitives::I256::ONE;
    assert!(!streamed.matches(&changed, &response.bundle).unwrap());
    assert!(!streamed.matches(&chunks[..2], &response.bundle).unwrap());
    // A record of what was never proven, and the right elements in other chunks.
    assert!(!Streamed::of(&changed).matches(&changed, &response.bundle).unwrap());
    let mut moved = chunks.clone();
    let first = moved[1].elements.remove(0);
    moved[0].elements.push(first);
    assert!(!streamed.matches(&moved, &response.bundle).unwrap());
    let zero = world.generator().generate_streaming(&world.request(0), 0, |_| (), &Control::default());
    assert!(matches!(zero, Err(PipelineError::InvalidInput { .. })));
}

fn invalid_input_names_the_field(world: &World) {
    let empty = |tensors| Input::new(tensors).unwrap();
    let long = "x".repeat(5000);
    for (request, field) in [
        (ProofRequest::new("", input(0)), "model"),
        (ProofRequest::new("00".repeat(32), input(0)), "model"),
        (ProofRequest { input: empty(vec![]), ..world.request(0) }, "input"),
        (ProofRequest { input: empty(vec![vec![]]), ..world.request(0) }, "input[0]"),
        (ProofRequest { prover_id: long.clone(), ..world.request(0) }, "prover_id"),
        (world.request(0).with_parameter("p", long.clone()), "parameters"),
        (world.request(0).with_parameter(long, "v"), "parameters"),
        ((0..257).fold(world.request(0), |request, i| request.with_parameter(i.to_string(), "v")), "parameters"),
    ] {
        let error = world.generator().generate(&request, &Control::default()).unwrap_err();
        assert_eq!(error.class(), FailureClass::BadInput);
        match error {
            PipelineError::InvalidInput { field: found, .. } => assert_eq!(found, field),
            other => panic!("{field}: {other}"),
        }
    }
    let short = ProofRequest { input: empty(vec![vec![0.5; 7]]), ..world.request(0) };
    assert!(world.generator().generate(&short, &Control::default()).is_err());
}

fn the_same_request_is_the_same_statement(world: &World) {
    let again = world.generator().generate(&world.request(0), &Control::default()).unwrap().bundle;
    assert_eq!(again.statement().id(), world.bundle.statement().id());
    assert_eq!(again.statement().public_values, world.bundle.statement().public_values);
    assert_eq!(again.statement().context, Context::Offchain {});
    assert_ne!(again.proof(), world.bundle.proof(), "proofs are randomized");
    assert_eq!(Structure::from(again).root(), world.single().root());
}
