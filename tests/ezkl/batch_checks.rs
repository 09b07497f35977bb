//! What a batch does not do: each check of a run by itself, on the mock backend unless its comment says otherwise.

use super::world::{World, input, model, native};
use alloy::primitives::{B256, Bytes};
use std::{
    ops::ControlFlow,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use zkinfer::{
    backend::{
        Artifacts, BackendError, Capabilities, Circuit, Control, Item, Keys, ModelCode, ProvingBackend, SrsKind,
        Witness,
        mock::{MockBackend, Profile, VirtualClock},
    },
    model::{Input, Model},
    pipeline::{
        BatchProofGenerator, PipelineError, ProofGenerator,
        batch_proofs::{
            Aggregation, BatchConfig, BatchEvent, BatchItem, BatchReport, BatchStatus, Outcome, Priority, RequestQueue,
            Strategy,
        },
    },
    proof::{Assignment, Context, Statement, Verdict},
};

const SEQUENTIAL: Strategy = Strategy::Sequential;

/// A mock whose proofs are of two statements at most and take more memory every time.
#[derive(Debug, Default)]
struct Growing {
    mock: MockBackend,
    proofs: AtomicU64,
}

const GROWTH_KB: u64 = 1000;

impl ProvingBackend for Growing {
    fn capabilities(&self) -> Capabilities {
        Capabilities { max_batch: 2, ..self.mock.capabilities() }
    }

    fn peak_rss_kb(&self) -> Option<u64> {
        Some(self.proofs.load(Ordering::SeqCst) * GROWTH_KB).filter(|kb| *kb > 0)
    }

    fn compile(&self, model: &Model, dir: &Path, control: &Control) -> Result<Circuit, BackendError> {
        self.mock.compile(model, dir, control)
    }

    fn setup(&self, circuit: &Circuit, dir: &Path, control: &Control) -> Result<Keys, BackendError> {
        self.mock.setup(circuit, dir, control)
    }

    fn model_code(&self, dir: &Path, control: &Control) -> Result<ModelCode, BackendError> {
        self.mock.model_code(dir, control)
    }

    fn check(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
        self.mock.check(artifacts)
    }

    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError> {
        self.mock.witness(artifacts, input, control)
    }

    fn prove(&self, artifacts: &Artifacts, items: &[Item<'_>], control: &Control) -> Result<Bytes, BackendError> {
        let max = self.capabilities().max_batch;
        if items.len() > max {
            return Err(BackendError::BatchSize { items: items.len(), max });
        }
        self.proofs.fetch_add(1, Ordering::SeqCst);
        self.mock.prove(artifacts, items, control)
    }

    fn verify(
        &self,
        artifacts: &Artifacts,
        statements: &[Statement],
        proof: &Bytes,
        control: &Control,
    ) -> Result<Verdict, BackendError> {
        self.mock.verify(artifacts, statements, proof, control)
    }
}

/// What is known after the first proof admits the second chunk, and what its first proof takes ends it.
#[test]
fn what_grows_above_the_limit_ends_the_chunk() {
    let world = World::mock(MockBackend::default());
    let run = |aggregation, limit: Option<u64>| {
        let growing = Growing::default();
        let mut config = BatchConfig::new(SEQUENTIAL).aggregated(aggregation);
        config.limits.memory_kb = limit;
        let generator = ProofGenerator::new(&growing, &world.prepared);
        BatchProofGenerator::new(generator, config).unwrap().run(&world.items(6), &Control::default()).unwrap()
    };
    let limit = GROWTH_KB * 3 / 2;
    for (aggregation, proven) in [(Aggregation::None, 2), (Aggregation::InCircuit, 3)] {
        let report = run(aggregation, Some(limit));
        let metrics = &report.metrics;
        assert_eq!((metrics.proofs, metrics.proven, metrics.failed), (2, proven, 6 - proven), "{aggregation:?}");
        let Outcome::Failed { message, .. } = &report.items[5].outcome else { panic!("{report:?}") };
        assert!(message.contains("takes 2000 kB of memory; at most 1500 kB"), "{message}");
    }
    let report = run(Aggregation::InCircuit, None);
    assert_eq!((report.status, report.metrics.proofs), (BatchStatus::Complete, 3), "two at a time");
}

/// EZKL: what the circuit is known to need is refused before anything is begun.
#[test]
fn a_forecast_above_the_limit_is_refused_before_the_first_proof() {
    let world = super::world::ezkl();
    let fresh = super::world::backend_at("ezkl", world.cache.root());
    assert_eq!(fresh.peak_rss_kb(), None, "nothing is measured");
    let mut config = BatchConfig::new(SEQUENTIAL);
    config.limits.memory_kb = Some(1);
    let batch = BatchProofGenerator::new(ProofGenerator::new(&*fresh, &world.prepared), config).unwrap();
    let begun = Mutex::new(0);
    let observe =
        |event: &BatchEvent| *begun.lock().unwrap() += usize::from(matches!(event, BatchEvent::Started { .. }));
    let report =
        batch.run_observed(&world.items(2), &Control::default(), &observe, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((report.status, begun.into_inner().unwrap()), (BatchStatus::Failed, 0));
    assert!(matches!(&report.items[1].outcome, Outcome::Failed { message, .. } if message.contains("memory")));
}

/// There was memory enough: that they were not begun has another reason.
#[test]
fn a_batch_that_is_stopped_is_cancelled_whatever_its_limits() {
    let profile = Profile { memory_kb: Some(10), ..Profile::default() };
    let world = World::mock(MockBackend::with_profile(profile, VirtualClock::default()));
    let mut config = BatchConfig::new(Strategy::Streaming { chunk: 2, workers: 1 });
    config.limits.memory_kb = Some(1000);
    let batch = world.batch_with(config);
    let items = world.items(6);
    let broken = batch.run_observed(&items, &Control::default(), &|_| (), |_| ControlFlow::Break(())).unwrap();
    assert_eq!((broken.status, broken.metrics.cancelled, broken.metrics.failed), (BatchStatus::Cancelled, 4, 0));
    let control = Control::default();
    let cancelled = |_| {
        control.cancel.cancel();
        ControlFlow::Continue(())
    };
    let report = batch.run_observed(&items, &control, &|_| (), cancelled).unwrap();
    assert_eq!((report.status, report.metrics.cancelled, report.metrics.failed), (BatchStatus::Cancelled, 4, 0));
    assert_eq!(report.metrics.chunks, [2], "nothing more is handed out");
}

/// In the middle of a chunk, whatever is made of it: no witness is begun for nothing.
#[test]
fn a_cancelled_chunk_begins_nothing() {
    let world = World::mock(MockBackend::default());
    for aggregation in [Aggregation::None, Aggregation::InCircuit] {
        let (control, begun) = (Control::default(), Mutex::new(0));
        let observe = |event: &BatchEvent| {
            if let BatchEvent::Started { index, .. } = event {
                *begun.lock().unwrap() += 1;
                if *index == 2 {
                    control.cancel.cancel();
                }
            }
        };
        let batch = world.batch_with(BatchConfig::new(SEQUENTIAL).aggregated(aggregation));
        let report = batch.run_observed(&world.items(6), &control, &observe, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!((report.status, begun.into_inner().unwrap()), (BatchStatus::Cancelled, 3), "{aggregation:?}");
        assert_eq!(report.metrics.failed, 0, "what was stopped did not fail");
    }
}

/// What is not proven is no better said twice: in the report, in its chunk and to whoever listens.
#[test]
fn a_duplicate_of_a_failure_is_a_failure() {
    let failures = std::collections::BTreeMap::from([(1, "the machine is on fire".to_owned())]);
    for strategy in [SEQUENTIAL, Strategy::Streaming { chunk: 2, workers: 2 }] {
        let profile = Profile { failures: failures.clone(), ..Profile::default() };
        // Number 0 was the world's own proof.
        let world = World::mock(MockBackend::with_profile(profile, VirtualClock::default()));
        let mut items = world.items(4);
        items[1].request = items[0].request.clone();
        items[3].request = items[0].request.clone();
        let (heard, chunks) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let observe = |event: &BatchEvent| {
            if let BatchEvent::Finished { index, success } = event {
                heard.lock().unwrap().push((*index, *success));
            }
        };
        let batch = world.batch(strategy);
        let report = batch
            .run_observed(&items, &Control::default(), &observe, |chunk| {
                let outcomes = chunk.items.iter().map(|item| (item.index, item.outcome.is_success()));
                chunks.lock().unwrap().extend(outcomes.collect::<Vec<_>>());
                ControlFlow::Continue(())
            })
            .unwrap();
        let expected = [(0, false), (1, false), (2, true), (3, false)];
        let said = |report: &BatchReport| -> Vec<_> {
            report.items.iter().map(|item| (item.index, item.outcome.is_success())).collect()
        };
        assert_eq!(said(&report), expected, "{strategy:?}");
        assert_eq!(chunks.into_inner().unwrap(), expected, "{strategy:?}");
        let mut heard = heard.into_inner().unwrap();
        heard.sort_unstable();
        assert_eq!(heard, expected, "{strategy:?}");
        assert_eq!((report.metrics.failed, report.metrics.duplicates), (3, 0));
        assert!(report.bundle(3).is_none() && report.bundle(2).is_some());
    }
}

/// A structure of nothing cannot be made, and that is no error: the report says why.
#[test]
fn nothing_proven_is_no_structure() {
    let world = World::mock(MockBackend::default());
    let mut items = world.items(2);
    items.iter_mut().for_each(|item| item.request.model = String::new());
    for aggregation in [Aggregation::Merkle, Aggregation::Recursive { depth: 2 }, Aggregation::InCircuit] {
        let batch = world.batch_with(BatchConfig::new(SEQUENTIAL).aggregated(aggregation));
        let report = batch.run(&items, &Control::default()).unwrap();
        assert_eq!((report.status, report.structure, report.root), (BatchStatus::Failed, None, None));
    }
}

/// Also what would be refused: nobody has looked at it.
#[test]
fn what_is_left_in_a_queue_is_cancelled() {
    let world = World::mock(MockBackend::default());
    let (queue, control) = (RequestQueue::new(2), Control::default());
    let mut items = world.items(2);
    items[1].request.model = String::new();
    items.into_iter().for_each(|item| queue.push(item, Priority::Medium).unwrap());
    queue.close();
    control.cancel.cancel();
    let outcomes = Mutex::new(Vec::new());
    let served =
        world.batch(SEQUENTIAL).serve(&queue, &|report| outcomes.lock().unwrap().push(report.outcome), &control);
    let outcomes = outcomes.into_inner().unwrap();
    assert!(served == 2 && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Cancelled)), "{outcomes:?}");
}

fn recorded(journal: &Path) -> BatchConfig {
    BatchConfig { journal: Some(journal.into()), ..BatchConfig::new(SEQUENTIAL) }
}

fn on_chain(job: u8) -> Context {
    let zero = alloy::primitives::Address::ZERO;
    let assignment = Assignment { submitter: zero, consumer: zero, job: B256::repeat_byte(job), deadline: u64::MAX };
    Context::Chain { chain_id: 1, registry: zero, assignment }
}

/// Native: the same file set up twice is two models. Whatever differs, the journal is another batch's, and stays as it is.
#[test]
fn a_journal_is_of_one_batch() {
    let (world, dir) = (native(), tempfile::tempdir().unwrap());
    let journal = dir.path().join("journal");
    let items = || {
        let mut items = world.items(2);
        items.iter_mut().for_each(|item| item.request.model = model(0).hash());
        items
    };
    world.batch_with(recorded(&journal)).run(&items(), &Control::default()).unwrap();
    let before = std::fs::read(&journal).unwrap();
    let refused = |what: &str, found: Result<BatchReport, PipelineError>| {
        assert!(matches!(found, Err(PipelineError::Journal { .. })), "{what}: {found:?}");
        assert_eq!(std::fs::read(&journal).unwrap(), before, "{what}");
    };
    let changed = |what, change: &dyn Fn(&mut Vec<BatchItem>)| {
        let mut items = items();
        change(&mut items);
        refused(what, world.batch_with(recorded(&journal)).run(&items, &Control::default()));
    };
    changed("id", &|items| items[1].id = "another".into());
    changed("input", &|items| items[1].request.input = input(7));
    changed("context", &|items| items[1].request.context = on_chain(1));
    changed("order", &|items| items.swap(0, 1));
    let together = recorded(&journal).aggregated(Aggregation::InCircuit);
    refused("one proof", world.batch_with(together).run(&items(), &Control::default()));
    let elsewhere = tempfile::tempdir().unwrap();
    let again = zkinfer::pipeline::EZKLIntegration::new(
        super::world::backend_at("native", elsewhere.path()),
        zkinfer::storage::Cache::at(elsewhere.path().into()),
    );
    let prepared = again.prepare(&model(0), &Control::default()).unwrap();
    let generator = ProofGenerator::new(again.backend(), &prepared);
    let batch = BatchProofGenerator::new(generator, recorded(&journal)).unwrap();
    refused("model", batch.run(&items(), &Control::default()));
    let report = world.batch_with(recorded(&journal)).run(&items(), &Control::default()).unwrap();
    assert_eq!(report.metrics.recovered, 2);
}

/// The first record of a journal says another item, with the right checksum.
fn rename(journal: &Path, item: u32) {
    let mut bytes = std::fs::read(journal).unwrap();
    let size = u64::from_be_bytes(bytes[48..56].try_into().unwrap()) as usize;
    bytes[100..104].copy_from_slice(&item.to_be_bytes());
    let hash = blake3::hash(&bytes[96..96 + size]);
    bytes[64..96].copy_from_slice(hash.as_bytes());
    std::fs::write(journal, bytes).unwrap();
}

/// The proof is right, and of that input; the request is one that nothing is proven of, or there is none.
#[test]
fn a_journal_proves_no_request_that_is_refused_or_missing() {
    let (world, dir) = (World::mock(MockBackend::default()), tempfile::tempdir().unwrap());
    for (count, item) in [(2, 1), (1, 9)] {
        let journal = dir.path().join(item.to_string());
        let mut items = world.items(count);
        if count == 2 {
            items[1].request = items[0].request.clone();
            items[1].request.model = String::new();
        }
        let batch = world.batch_with(recorded(&journal));
        assert_eq!(batch.run(&items, &Control::default()).unwrap().metrics.proven, 1);
        rename(&journal, item);
        let report = batch.run(&items, &Control::default()).unwrap();
        let metrics = &report.metrics;
        assert_eq!((metrics.recovered, metrics.proven, metrics.failed), (0, 1, count - 1), "item {item}");
    }
}

/// What is more than the limit is refused before its journal is begun.
#[test]
fn what_is_too_much_begins_no_journal() {
    let (world, dir) = (World::mock(MockBackend::default()), tempfile::tempdir().unwrap());
    let mut config = recorded(&dir.path().join("journal"));
    config.limits.queued = 2;
    let batch = world.batch_with(config);
    let refused = batch.run(&world.items(3), &Control::default());
    assert!(matches!(refused, Err(PipelineError::QueueFull { capacity: 2 })), "{refused:?}");
    assert!(!dir.path().join("journal").exists());
    assert_eq!(batch.run(&world.items(2), &Control::default()).unwrap().metrics.proven, 2);
}

/// What was written of a long record goes as a whole: nothing of it is behind the records that follow.
#[test]
fn a_record_that_was_cut_off_leaves_nothing() {
    let (world, dir) = (World::mock(MockBackend::default()), tempfile::tempdir().unwrap());
    let journal = dir.path().join("journal");
    let batch = world.batch_with(recorded(&journal));
    let control = Control::default();
    control.cancel.cancel();
    batch.run(&world.items(1), &control).unwrap();
    let size = 1u64 << 20;
    let begun = [&size.to_be_bytes()[..], &(!size).to_be_bytes(), &[7; 32], &[0; 1 << 16]].concat();
    let whole = [std::fs::read(&journal).unwrap(), begun].concat();
    std::fs::write(&journal, whole).unwrap();
    for (recovered, proven) in [(0, 1), (1, 0)] {
        let report = batch.run(&world.items(1), &Control::default()).unwrap();
        assert_eq!((report.metrics.recovered, report.metrics.proven), (recovered, proven));
    }
}

/// Native: a journal of one proof for many is written and read like any other.
#[test]
fn one_proof_for_many_is_recovered() {
    let (world, dir) = (native(), tempfile::tempdir().unwrap());
    let config = recorded(&dir.path().join("journal")).aggregated(Aggregation::InCircuit);
    let batch = world.batch_with(config);
    let first = batch.run(&world.items(3), &Control::default()).unwrap();
    assert_eq!((first.metrics.proofs, first.metrics.proven), (1, 3));
    let again = batch.run(&world.items(3), &Control::default()).unwrap();
    assert_eq!((again.metrics.proofs, again.metrics.recovered), (0, 3));
    assert_eq!(again.structure, first.structure);
}
