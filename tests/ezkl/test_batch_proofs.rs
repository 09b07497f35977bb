//! Behaviours 22 to 32, and one proof for many.

use super::world::{World, input, native, on_both_backends, policy};
use std::{
    ops::ControlFlow,
    sync::{Arc, Barrier, Mutex, mpsc},
    time::Duration,
};
use zkinfer::{
    backend::{
        BackendError, Control,
        ezkl::{EzklBackend, EzklOptions, batch},
        mock::{MockBackend, Profile, VirtualClock},
    },
    model::Input,
    pipeline::{
        BatchProofGenerator, EZKLIntegration, PipelineError, ProofGenerator, ProofRequest, ProofVerifier,
        batch_proofs::{
            Aggregation, BatchConfig, BatchEvent, BatchItem, BatchReport, BatchStatus, Outcome, Priority, RequestQueue,
            Strategy,
        },
        verification::{Mode, Status},
    },
    proof::{Compression, Encoding, Structure},
    storage::Cache,
};

on_both_backends! {
    /// 22
    a_basic_batch;
    /// 23
    parallel_gives_the_same_with_several_workers_busy;
    /// 24
    aggregated_batches;
    /// 25
    failures_are_told_by_index;
    /// 26
    streaming_hands_out_chunks_in_order;
    /// 27
    adaptive_batches_add_up;
    /// 28
    cancellation_stops_a_batch;
    /// 29
    limits_hold;
    /// 31
    urgent_requests_are_finished_first;
    /// 32
    duplicates_are_proven_once;
}

const SEQUENTIAL: Strategy = Strategy::Sequential;

fn run(world: &World, strategy: Strategy, items: &[BatchItem]) -> BatchReport {
    world.batch(strategy).run(items, &Control::default()).unwrap()
}

/// Every proven item's statement is its own input's, and its bundle verifies.
fn assert_proves(world: &World, report: &BatchReport, items: &[BatchItem]) {
    let control = Control::default();
    for (index, item) in items.iter().enumerate() {
        let Some(bundle) = report.bundle(index) else {
            panic!("item {index} is not proven: {:?}", report.items[index])
        };
        let witness = world.generator().witness(&item.request.input, &control).unwrap();
        let claimed = world.generator().statement(&witness, item.request.context);
        assert!(bundle.statements().contains(&claimed), "item {index}");
        assert_eq!(world.check(&Structure::from((**bundle).clone()), Mode::Fast).status, Status::Valid);
    }
}

fn a_basic_batch(world: &World) {
    let items = world.items(5);
    let report = run(world, SEQUENTIAL, &items);
    assert_eq!(report.status, BatchStatus::Complete);
    assert_eq!(report.items.iter().map(|item| item.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(report.items.iter().all(|item| item.outcome.is_success()));
    let metrics = &report.metrics;
    assert_eq!((metrics.proofs, metrics.proven, metrics.failed, metrics.max_busy), (5, 5, 0, 1));
    assert_proves(world, &report, &items);
}

fn parallel_gives_the_same_with_several_workers_busy(world: &World) {
    let items = world.items(4);
    let sequential = run(world, SEQUENTIAL, &items);
    // Two workers have begun before either goes on.
    let (barrier, begun) = (Barrier::new(2), Mutex::new(0));
    let observe = |event: &BatchEvent| {
        if matches!(event, BatchEvent::Started { .. }) {
            let mut count = begun.lock().unwrap();
            *count += 1;
            let wait = *count <= 2;
            drop(count);
            if wait {
                barrier.wait();
            }
        }
    };
    let mut config = BatchConfig::new(Strategy::Parallel { workers: 2 });
    config.limits.workers = 2;
    let parallel = world
        .batch_with(config)
        .run_observed(&items, &Control::default(), &observe, |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(parallel.metrics.max_busy, 2);
    let statements =
        |report: &BatchReport| report.items.iter().map(|item| item.statement().unwrap().clone()).collect::<Vec<_>>();
    assert_eq!(statements(&parallel), statements(&sequential));
    assert_proves(world, &parallel, &items);
}

fn aggregated_batches(world: &World) {
    let items = world.items(8);
    for aggregation in [Aggregation::Merkle, Aggregation::Recursive { depth: 3 }] {
        let config = BatchConfig::new(SEQUENTIAL).aggregated(aggregation);
        let report = world.batch_with(config).run(&items, &Control::default()).unwrap();
        let structure = report.structure.as_ref().unwrap();
        assert_eq!(alloy::hex::encode(report.root.unwrap()).len(), 64);
        assert_eq!(structure.bundles().len(), 8);
        assert_eq!(structure.depth(), if aggregation == Aggregation::Merkle { 1 } else { 3 });
        for encoding in [Encoding::Standard, Encoding::Compact] {
            let parts: usize = (0..8)
                .map(|i| {
                    Structure::from((**report.bundle(i).unwrap()).clone()).encode(encoding, Compression::None).len()
                })
                .sum();
            assert!(structure.encode(encoding, Compression::None).len() < parts);
        }
        let found = world.check(structure, Mode::Batch);
        assert_eq!((found.status, found.root), (Status::Valid, report.root.unwrap()));
        for (index, item) in report.items.iter().enumerate() {
            let inclusion = structure.tree().prove(index).unwrap();
            assert!(inclusion.verify(report.root.unwrap(), item.statement().unwrap().id()));
        }
    }
}

/// A hash, tokens and embeddings that are empty.
fn broken(world: &World, number: usize) -> ProofRequest {
    let empty = |tensors| ProofRequest { input: Input::new(tensors).unwrap(), ..world.request(0) };
    match number {
        2 => ProofRequest::new("", input(2)),
        5 => empty(vec![]),
        _ => empty(vec![vec![]]),
    }
}

const BROKEN: [(usize, &str); 3] = [(2, "model"), (5, "input"), (7, "input[0]")];

fn with_broken(world: &World) -> Vec<BatchItem> {
    let mut items = world.items(10);
    BROKEN.iter().for_each(|&(at, _)| items[at].request = broken(world, at));
    items
}

fn assert_broken(report: &BatchReport) {
    assert_eq!(report.status, BatchStatus::PartialSuccess);
    assert_eq!((report.metrics.proven, report.metrics.failed), (7, 3));
    for item in &report.items {
        match (&item.outcome, BROKEN.iter().find(|(at, _)| *at == item.index)) {
            (Outcome::Failed { field, message }, Some((_, expected))) => {
                assert_eq!(field.as_deref(), Some(*expected));
                assert!(message.contains(expected), "{message}");
            }
            (outcome, expected) => assert!(outcome.is_success() && expected.is_none(), "{item:?}"),
        }
    }
}

fn failures_are_told_by_index(world: &World) {
    assert_broken(&run(world, SEQUENTIAL, &with_broken(world)));
}

fn streaming_hands_out_chunks_in_order(world: &World) {
    let items = world.items(20);
    // 16 different inputs: the last four are duplicates.
    let mut chunks = Vec::new();
    let strategy = Strategy::Streaming { chunk: 5, workers: 2 };
    let report = world
        .batch(strategy)
        .run_observed(&items, &Control::default(), &|_| (), |chunk| {
            chunks.push(chunk);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(
        chunks.iter().map(|chunk| (chunk.index, chunk.total)).collect::<Vec<_>>(),
        [0, 1, 2, 3].map(|i| (i, Some(4)))
    );
    let order: Vec<usize> = chunks.iter().flat_map(|chunk| chunk.items.iter().map(|item| item.index)).collect();
    assert_eq!(order, (0..20).collect::<Vec<_>>());
    assert!(chunks.iter().flat_map(|chunk| &chunk.items).all(|item| item.outcome.is_success()));
    assert_eq!((report.status, &report.metrics.chunks[..]), (BatchStatus::Complete, &[5, 5, 5, 5][..]));
}

/// Back-pressure: nothing of the next chunk is begun before the last one is taken, and a reader that leaves ends it.
#[test]
fn a_chunk_is_begun_when_the_last_one_is_taken() {
    let world = native();
    let started = Mutex::new(Vec::new());
    let observe = |event: &BatchEvent| {
        if let BatchEvent::Started { index, .. } = event {
            started.lock().unwrap().push(*index);
        }
    };
    let mut taken = 0;
    let report = world
        .batch(Strategy::Streaming { chunk: 2, workers: 2 })
        .run_observed(&world.items(10), &Control::default(), &observe, |chunk| {
            taken += chunk.items.len();
            assert_eq!(started.lock().unwrap().len(), taken, "none beyond what was handed out");
            if taken == 6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!((report.status, report.metrics.proven, report.metrics.cancelled), (BatchStatus::Cancelled, 6, 4));
}

fn adaptive_batches_add_up(world: &World) {
    let strategy = Strategy::Adaptive { min: 1, max: 6, target: Duration::from_millis(500), workers: 1 };
    let report = run(world, strategy, &world.items(15));
    let chunks = &report.metrics.chunks;
    assert_eq!((report.status, chunks.iter().sum::<usize>()), (BatchStatus::Complete, 15));
    let average = 15.0 / chunks.len() as f64;
    assert!((1.0..=6.0).contains(&average) && chunks.iter().all(|size| (1..=6).contains(size)), "{chunks:?}");
    assert!((0.0..=1.0).contains(&report.metrics.compliance));
}

/// (mock) It learns: on virtual time, the sizes are known exactly.
#[test]
fn adaptive_batches_follow_the_latency() {
    let clock = VirtualClock::default();
    let profile = Profile { proofs: vec![Duration::from_secs(10)], ..Profile::default() };
    let world = World::mock(MockBackend::with_profile(profile, clock.clone()));
    let strategy = Strategy::Adaptive { min: 1, max: 8, target: Duration::from_secs(40), workers: 1 };
    let generator = world.batch(strategy).with_clock(std::sync::Arc::new(clock.clone()));
    let report = generator.run(&world.items(13), &Control::default()).unwrap();
    assert_eq!(report.metrics.chunks, [1, 4, 4, 4]);
    assert!((report.metrics.compliance - 1.0).abs() < 1e-12);
    assert_eq!(report.metrics.time, Duration::from_secs(130));
}

fn cancellation_stops_a_batch(world: &World) {
    let (items, control) = (world.items(100), Control::default());
    let finished = Mutex::new(0);
    let observe = |event: &BatchEvent| {
        if matches!(event, BatchEvent::Finished { .. }) {
            let mut finished = finished.lock().unwrap();
            *finished += 1;
            if *finished == 3 {
                control.cancel.cancel();
            }
        }
    };
    let report =
        world.batch(SEQUENTIAL).run_observed(&items, &control, &observe, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((report.status, report.metrics.proven, report.metrics.cancelled), (BatchStatus::Cancelled, 3, 97));
    assert!(matches!(report.items[99].outcome, Outcome::Cancelled));
    // What was done is whole, and the backend goes on.
    world.assert_valid(report.bundle(0).unwrap());
    assert_eq!(run(world, SEQUENTIAL, &world.items(1)).status, BatchStatus::Complete);
}

fn limits_hold(world: &World) {
    let items = world.items(4);
    let mut config = BatchConfig::new(Strategy::Parallel { workers: 64 });
    config.limits.workers = 2;
    // Room for one proof at a time, by what was measured.
    let measured = world.backend.peak_rss_kb().unwrap();
    let roomy = measured * 4;
    config.limits.memory_kb = Some(roomy);
    let report = world.batch_with(config.clone()).run(&items, &Control::default()).unwrap();
    assert_eq!(report.status, BatchStatus::Complete);
    assert!(report.metrics.max_busy <= 2);
    assert!(report.metrics.peak_rss_kb.unwrap() <= roomy);
    config.limits.memory_kb = Some(1);
    let report = world.batch_with(config).run(&items, &Control::default()).unwrap();
    assert_eq!((report.status, report.metrics.proofs), (BatchStatus::Failed, 0));
    assert!(matches!(&report.items[0].outcome, Outcome::Failed { message, .. } if message.contains("memory")));
}

/// (mock) Memory that is not known is measured with one item alone; what is then known decides how many run.
#[test]
fn memory_is_measured_first_and_enforced() {
    let with = |memory_kb, limit| {
        let profile = Profile { memory_kb: Some(memory_kb), ..Profile::default() };
        let mock = MockBackend::with_profile(profile, VirtualClock::default());
        let world = World::mock(mock);
        // A backend that has not proven yet.
        let profile = Profile { memory_kb: Some(memory_kb), ..Profile::default() };
        let fresh = MockBackend::with_profile(profile, VirtualClock::default());
        let generator = zkinfer::pipeline::ProofGenerator::new(&fresh, &world.prepared);
        let mut config = BatchConfig::new(Strategy::Parallel { workers: 8 });
        config.limits.workers = 8;
        config.limits.memory_kb = Some(limit);
        let batch = zkinfer::pipeline::BatchProofGenerator::new(generator, config).unwrap();
        batch.run(&world.items(9), &Control::default()).unwrap()
    };
    let report = with(1000, 3500);
    assert_eq!((report.status, &report.metrics.chunks[..]), (BatchStatus::Complete, &[1, 8][..]));
    assert!(report.metrics.max_busy <= 3, "three of 1000 kB fit into 3500 kB");
    let report = with(1000, 500);
    assert_eq!((report.metrics.proven, report.metrics.failed), (1, 8), "the first one showed what it takes");
}

fn urgent_requests_are_finished_first(world: &World) {
    let queue = RequestQueue::new(10);
    let item = |id: &str, number, priority| BatchItem::new(id, world.request(number)).with_priority(priority);
    queue.push(item("held", 0, Priority::Low), Priority::Low).unwrap();
    let (all_queued, wait) = mpsc::channel::<()>();
    let (wait, order) = (Mutex::new(wait), Mutex::new(Vec::new()));
    let (holding, held) = mpsc::channel();
    let done = |report: zkinfer::pipeline::batch_proofs::ItemReport| {
        assert!(report.outcome.is_success(), "{report:?}");
        if report.id == "held" {
            holding.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
        } else {
            order.lock().unwrap().push(report.id);
        }
    };
    let batch = world.batch(SEQUENTIAL);
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| batch.serve(&queue, &done, &Control::default()));
        held.recv().unwrap();
        for (id, number, priority) in
            [("low", 1, Priority::Low), ("medium", 2, Priority::Medium), ("high", 3, Priority::High)]
        {
            queue.push(item(id, number, priority), priority).unwrap();
        }
        queue.close();
        all_queued.send(()).unwrap();
        assert_eq!(serving.join().unwrap(), 4);
    });
    assert_eq!(order.into_inner().unwrap(), ["high", "medium", "low"]);
}

fn duplicates_are_proven_once(world: &World) {
    let mut items = world.items(13);
    for (at, of) in [(10, 0), (11, 4), (12, 4)] {
        items[at].request = items[of].request.clone();
    }
    let report = run(world, SEQUENTIAL, &items);
    let metrics = &report.metrics;
    assert_eq!((metrics.proven, metrics.duplicates, metrics.proofs), (10, 3, 10));
    for (at, of) in [(10, 0), (11, 4), (12, 4)] {
        assert!(matches!(report.items[at].outcome, Outcome::Duplicate { of: found } if found == of));
        assert!(std::sync::Arc::ptr_eq(report.bundle(at).unwrap(), report.bundle(of).unwrap()));
    }
    assert_eq!(report.status, BatchStatus::Complete);
}

/// EZKL: a circuit that takes four at once. Bad items and duplicates take no place in it, and the journal knows the places.
#[test]
fn a_circuit_that_takes_four() {
    let (control, dir) = (Control::default(), tempfile::tempdir().unwrap());
    let (root, four) = (dir.path().join("cache"), std::num::NonZeroU32::new(4).unwrap());
    std::fs::create_dir(&root).unwrap();
    drop(super::world::backend_at("ezkl", &root)); // borrows the installation
    let cache = Cache::at(root);
    let backend = Arc::new(EzklBackend::with_options(&cache, EzklOptions::new().batch(four)).unwrap());
    let integration = EZKLIntegration::new(backend, cache);
    let prepared = integration.prepare(&super::world::model(0), &control).unwrap();
    let request = |number| ProofRequest::new(prepared.artifacts.model_id().to_string(), input(number));
    let mut items: Vec<_> = (0..7).map(|i| BatchItem::new(format!("item {i}"), request(i))).collect();
    items[2].request.input = Input::new(vec![vec![0.5; 7]]).unwrap();
    items[6].request = request(1);
    let config = BatchConfig {
        journal: Some(dir.path().join("journal")),
        ..BatchConfig::new(SEQUENTIAL).aggregated(Aggregation::InCircuit)
    };
    let new = || {
        let generator = ProofGenerator::new(integration.backend(), &prepared);
        BatchProofGenerator::new(generator, config.clone()).unwrap()
    };
    let report = new().run(&items, &control).unwrap();
    let metrics = &report.metrics;
    assert_eq!((metrics.proofs, metrics.proven, metrics.failed, metrics.duplicates), (2, 5, 1, 1), "four and one");
    let verifier = ProofVerifier::new(integration.backend(), &prepared);
    let found = verifier.check(report.structure.as_ref().unwrap(), &policy(Mode::Full), &control).unwrap();
    assert_eq!(found.status, Status::Valid);
    let schema = prepared.artifacts.schema().unwrap();
    let of_item = batch::item_schema(&schema, four).unwrap();
    let assert_places = |report: &BatchReport| {
        for (index, expected) in [(0, 0), (1, 1), (3, 2), (4, 3), (5, 0)] {
            let item = &report.items[index];
            let Outcome::Proven { slot: Some(slot), .. } = item.outcome else { panic!("{item:?}") };
            assert_eq!(slot, expected);
            let values = batch::split(&schema, four, &item.statement().unwrap().public_values).unwrap();
            let values = of_item.decode(&values[slot].public_values).unwrap();
            let answer = values[1].iter().enumerate().map(|(i, &q)| of_item.tensors()[1].dequantize(i, q));
            let float = super::world::model(0).run(&input(index)).unwrap();
            answer.zip(&float[0]).for_each(|(proven, float)| assert!((proven - f64::from(*float)).abs() < 0.05));
        }
    };
    assert_places(&report);
    let again = new().run(&items, &control).unwrap();
    assert_eq!((again.metrics.recovered, again.metrics.proofs, again.metrics.duplicates), (5, 0, 1));
    assert_places(&again);
    // A place that the circuit does not have, with the right checksum, is of no item: that one is proven again.
    let path = dir.path().join("journal");
    let mut bytes = std::fs::read(&path).unwrap();
    let size = u64::from_be_bytes(bytes[48..56].try_into().unwrap()) as usize;
    bytes[112..116].copy_from_slice(&9u32.to_be_bytes());
    let hash = blake3::hash(&bytes[96..96 + size]);
    bytes[64..96].copy_from_slice(hash.as_bytes());
    std::fs::write(&path, bytes).unwrap();
    let moved = new().run(&items, &control).unwrap();
    assert_eq!((moved.metrics.recovered, moved.metrics.proofs, moved.metrics.duplicates), (4, 1, 1));
    // The same without a batch: one statement about all, filled up with zeros.
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    assert_eq!(generator.capacity().unwrap(), 4);
    let three = [request(0), request(1), request(3)];
    let response = generator.generate_together(&three, &control).unwrap();
    assert_eq!((response.bundle.statements().len(), response.metadata.len(), response.padding), (1, 3, 1));
    let split = batch::split(&schema, four, &response.bundle.statement().public_values).unwrap();
    assert_eq!(split.iter().map(|place| place.padding).collect::<Vec<_>>(), [false, false, false, true]);
    let five: Vec<_> = (0..5).map(request).collect();
    let refused = generator.generate_together(&five, &control);
    assert!(matches!(refused, Err(PipelineError::Backend(BackendError::BatchSize { items: 5, max: 4 }))));
    let mut other = [request(0), request(1)];
    other[1].context = zkinfer::proof::Context::Chain {
        chain_id: 1,
        registry: alloy::primitives::Address::ZERO,
        assignment: zkinfer::proof::Assignment {
            submitter: alloy::primitives::Address::ZERO,
            consumer: alloy::primitives::Address::ZERO,
            job: alloy::primitives::B256::ZERO,
            deadline: u64::MAX,
        },
    };
    let refused = generator.generate_together(&other, &control).unwrap_err();
    assert!(matches!(&refused, PipelineError::Request { index: 1, .. }), "{refused}");
}

/// Native: a statement for every request; the one that is refused is named.
#[test]
fn several_requests_are_generated_together() {
    let (world, control) = (native(), Control::default());
    let mut requests: Vec<_> = [3, 5, 3].map(|number| world.request(number)).into();
    let response = world.generator().generate_together(&requests, &control).unwrap();
    let ids: Vec<_> = response.bundle.statements().iter().map(zkinfer::proof::Statement::id).collect();
    assert_eq!(response.metadata.iter().map(|metadata| metadata.statement_id).collect::<Vec<_>>(), ids);
    assert!(response.metadata.iter().all(|metadata| metadata.binds(&response.bundle)));
    assert_eq!((ids[0] == ids[2], ids[0] == ids[1], response.padding), (true, false, 0));
    let metrics = response.metrics;
    assert_eq!(metrics.witness + metrics.proof + metrics.overhead, metrics.total);
    world.assert_valid(&response.bundle);
    requests[1].input = Input::new(vec![vec![1e30; super::world::WIDTH]]).unwrap();
    let refused = world.generator().generate_together(&requests, &control).unwrap_err();
    assert!(matches!(&refused, PipelineError::Request { index: 1, .. }), "{refused}");
    assert_eq!(refused.class(), zkinfer::FailureClass::BadInput);
    let alone = world.generator().generate_together(&requests[1..2], &control).unwrap_err();
    assert!(!matches!(alone, PipelineError::Request { .. }), "{alone}");
    assert!(world.generator().generate_together(&[], &control).is_err());
}

/// (mock) What no structure holds is refused before anything is proven.
#[test]
fn more_than_a_structure_holds_is_refused_at_once() {
    let world = World::mock(MockBackend::default());
    let items = world.items(zkinfer::proof::structure::MAX_BUNDLES + 1);
    for aggregation in [Aggregation::Merkle, Aggregation::Recursive { depth: 2 }] {
        let batch = world.batch_with(BatchConfig::new(SEQUENTIAL).aggregated(aggregation));
        let begun = std::sync::atomic::AtomicBool::new(false);
        let observe = |_: &BatchEvent| begun.store(true, std::sync::atomic::Ordering::Relaxed);
        let refused =
            batch.run_observed(&items, &Control::default(), &observe, |_| std::ops::ControlFlow::Continue(()));
        assert!(matches!(refused, Err(PipelineError::Structure(_))));
        assert!(!begun.into_inner());
    }
}

/// Native: one proof for all that can be proven, the others reported. EZKL's ordinary circuits are of one statement each.
#[test]
fn one_proof_for_many() {
    let world = native();
    let config = BatchConfig::new(SEQUENTIAL).aggregated(Aggregation::InCircuit);
    let report = world.batch_with(config.clone()).run(&with_broken(world), &Control::default()).unwrap();
    assert_broken(&report);
    assert_eq!(report.metrics.proofs, 1, "the bad items cost no second proof");
    let Some(Structure::Single(bundle)) = &report.structure else { panic!("{:?}", report.structure) };
    assert_eq!(bundle.statements().len(), 7);
    assert_eq!(world.check(report.structure.as_ref().unwrap(), Mode::Full).status, Status::Valid);
    for item in report.items.iter().filter(|item| item.outcome.is_success()) {
        let witness = world.generator().witness(&input(item.index), &Control::default()).unwrap();
        assert_eq!(item.statement().unwrap().public_values, witness.public_values);
    }
    let mut mixed = world.items(3);
    mixed[1].request.model = "ab".repeat(32);
    let refused = world.batch_with(config.clone()).run(&mixed, &Control::default());
    assert!(matches!(refused, Err(PipelineError::InvalidInput { field, .. }) if field == "items"));
    let ezkl = super::world::ezkl();
    let refused = ezkl.batch_with(config).run(&ezkl.items(2), &Control::default());
    assert!(matches!(refused, Err(PipelineError::Backend(BackendError::BatchSize { items: 2, max: 1 }))));
}

/// (mock) 10,000 requests are queued and proven, and one more is refused before anything is begun.
#[test]
fn ten_thousand_requests_are_within_the_bound() {
    let world = World::mock(MockBackend::default());
    let mut config = BatchConfig::new(Strategy::Parallel { workers: 2 });
    config.deduplicate = false;
    let items = world.items(10_001);
    let batch = world.batch_with(config);
    let refused = batch.run(&items, &Control::default()).unwrap_err();
    assert!(matches!(refused, PipelineError::QueueFull { capacity: 10_000 }), "{refused}");
    let report = batch.run(&items[..10_000], &Control::default()).unwrap();
    assert_eq!((report.status, report.metrics.proofs), (BatchStatus::Complete, 10_000));
    let testing =
        zkinfer::pipeline::verification::Policy::new(Mode::Full, zkinfer::pipeline::verification::TrustLevel::Testing);
    let last = Structure::from((**report.bundle(9_999).unwrap()).clone());
    assert_eq!(world.verifier().check(&last, &testing, &Control::default()).unwrap().status, Status::Valid);
    assert!(!world.verifier().check(&last, &policy(Mode::Full), &Control::default()).unwrap().status.is_valid());
}

/// (mock) A proof that fails fails its item alone.
#[test]
fn a_failing_backend_fails_its_items_alone() {
    let failures = [(3, "the machine is on fire".to_owned())].into();
    let profile = Profile { failures, ..Profile::default() };
    // Number 0 was the world's own proof.
    let world = World::mock(MockBackend::with_profile(profile, VirtualClock::default()));
    let report = run(&world, SEQUENTIAL, &world.items(5));
    assert_eq!((report.status, report.metrics.proven, report.metrics.failed), (BatchStatus::PartialSuccess, 4, 1));
    let failed = |message: &str| message.contains("on fire");
    assert!(matches!(&report.items[2].outcome, Outcome::Failed { field: None, message } if failed(message)));
}
