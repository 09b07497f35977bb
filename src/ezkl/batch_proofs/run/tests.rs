//! A run on the mock backend, whose memory and limits are what a test says.

use super::*;
use crate::{
    backend::mock::{MockBackend, Profile, VirtualClock},
    ezkl::{
        EZKLIntegration, Prepared,
        batch_proofs::{Limits, Strategy},
    },
    model::{
        Input, Model,
        synthetic::{random_mlp, to_onnx},
    },
    storage::Cache,
};

pub(in crate::ezkl::batch_proofs) struct World {
    pub(in crate::ezkl::batch_proofs) integration: EZKLIntegration,
    pub(in crate::ezkl::batch_proofs) prepared: Prepared,
    _dir: tempfile::TempDir,
}

impl World {
    /// A backend that says that a proof takes so much memory, from its first on.
    pub(in crate::ezkl::batch_proofs) fn new(memory_kb: Option<u64>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile { memory_kb, ..Profile::default() };
        let backend = Arc::new(MockBackend::with_profile(profile, VirtualClock::default()));
        let integration = EZKLIntegration::new(backend, Cache::at(dir.path().into()));
        let model = Model::from_onnx(to_onnx(&random_mlp(&[2, 2], 1).unwrap())).unwrap();
        let prepared = integration.prepare(&model, &Control::default()).unwrap();
        Self { integration, prepared, _dir: dir }
    }

    pub(in crate::ezkl::batch_proofs) fn items(&self, count: usize) -> Vec<BatchItem> {
        let request = |i: usize| {
            let input = Input::new(vec![vec![i as f64, 1.0]]).unwrap();
            ProofRequest::new(self.prepared.artifacts.model_id().to_string(), input)
        };
        (0..count).map(|i| BatchItem::new(i.to_string(), request(i))).collect()
    }

    /// Does something with a run of some items.
    pub(in crate::ezkl::batch_proofs) fn with<T>(
        &self,
        config: &BatchConfig,
        items: &[BatchItem],
        (circuit, journal): (Option<BatchCircuit>, Option<Journal>),
        work: impl FnOnce(&Run<'_>) -> T,
    ) -> T {
        let generator = ProofGenerator::new(self.integration.backend(), &self.prepared);
        let (observe, control) = (|_: &BatchEvent| (), Control::default());
        work(&Run::new(&generator, config, circuit, items, journal, &observe, &control))
    }
}

fn config(memory_kb: Option<u64>) -> BatchConfig {
    let limits = Limits { workers: 8, queued: 100, memory_kb };
    BatchConfig { limits, ..BatchConfig::new(Strategy::Parallel { workers: 8 }) }
}

#[test]
fn as_many_workers_run_as_fit_into_the_memory() {
    let world = World::new(Some(1000));
    let items = world.items(3);
    let admitted = |limit| {
        world.with(&config(limit), &items, (None, None), |run| {
            let admitted = run.admit();
            (admitted, run.open().len(), run.is_first_measurement())
        })
    };
    assert_eq!(admitted(None), (Some(8), 3, false), "nobody asked");
    assert_eq!(admitted(Some(3500)), (Some(1), 3, true), "nothing is measured");
    let witness = |run: &Run<'_>| run.generator.witness(&items[0].request.input, run.control).unwrap();
    world.with(&config(None), &items, (None, None), |run| {
        run.generator.prove(&witness(run), items[0].request.context, run.control).unwrap();
    });
    for (limit, fitting) in [(3500, 3), (1999, 1), (1000, 1), (100_000, 8)] {
        assert_eq!(admitted(Some(limit)), (Some(fitting), 3, false), "{limit} kB");
    }
    assert_eq!(admitted(Some(999)), (None, 0, false), "every item says why");
}

/// What is not recorded would be proven again, and reported by nobody: nothing else is begun.
#[test]
fn a_journal_that_cannot_be_written_ends_the_batch() {
    let world = World::new(None);
    let items = world.items(3);
    for (aggregation, workers) in [(Aggregation::None, 1), (Aggregation::InCircuit, 1), (Aggregation::None, 8)] {
        let dir = tempfile::tempdir().unwrap();
        let config = config(None).aggregated(aggregation);
        let journal = Some(Journal::read_only(dir.path()));
        world.with(&config, &items, (None, journal), |run| {
            let error = run.prove(&[0, 1], workers).unwrap_err();
            assert!(matches!(&error, PipelineError::Journal { problem, .. } if problem.contains("written")), "{error}");
            let proofs = run.state().metrics.proofs;
            assert!(workers > 1 || proofs == 1, "{proofs} proofs after the first one was lost");
            let proven = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Proven { .. }));
            assert!(!run.state().outcomes.iter().any(proven), "nobody hears of a proof that is not recorded");
        });
    }
}

/// A broken batch is over, also for workers that wait for their next item.
#[test]
fn a_run_is_over_when_it_is_cancelled_or_broken_or_too_large() {
    let world = World::new(Some(1000));
    let items = world.items(1);
    world.with(&config(Some(999)), &items, (None, None), |run| {
        assert!(!run.is_over());
        let witness = run.generator.witness(&items[0].request.input, run.control).unwrap();
        run.generator.prove(&witness, items[0].request.context, run.control).unwrap();
        assert!(run.is_over(), "1000 kB were measured");
    });
    world.with(&config(Some(1000)), &items, (None, None), |run| {
        assert!(!run.is_over(), "just enough");
        run.state().broken = Some(PipelineError::Mock);
        assert!(run.is_over());
    });
    world.with(&config(None), &items, (None, None), |run| {
        run.control.cancel.cancel();
        assert!(run.is_over());
    });
}
