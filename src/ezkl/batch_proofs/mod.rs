//! Proving many requests: in portions, by several workers, with what goes wrong in one item kept from the others.

mod adaptive;
mod circuit;
mod config;
pub(crate) mod fuzzing;
mod journal;
mod queue;
mod report;
mod run;
mod serve;
mod together;

pub(super) use circuit::BatchCircuit;
pub use config::{Aggregation, BatchConfig, Limits, Strategy};
pub use queue::{PATIENCE, Priority, RequestQueue};
pub use report::{BatchChunk, BatchEvent, BatchItem, BatchMetrics, BatchReport, BatchStatus, ItemReport, Outcome};

use super::{
    PipelineError, ProofGenerator,
    clock::{Clock, SystemClock},
    proof_creation::request::Hasher,
};
use crate::{
    backend::{BackendError, Control},
    proof::{Aggregated, Bundle, Recursive, Structure, StructureError, structure::MAX_BUNDLES},
};
use adaptive::Adaptive;
use alloy::primitives::B256;
use journal::Journal;
use run::Run;
use std::{collections::HashSet, ops::ControlFlow, sync::Arc};

/// Proves batches with one model.
#[derive(Debug)]
pub struct BatchProofGenerator<'a> {
    generator: ProofGenerator<'a>,
    config: BatchConfig,
    clock: Arc<dyn Clock>,
}

impl<'a> BatchProofGenerator<'a> {
    /// Proves with `generator` as `config` says.
    ///
    /// # Errors
    /// [`PipelineError::InvalidInput`] names what cannot be meant, such as zero workers; [`PipelineError::HiddenTensors`] for a
    /// model that hides inputs or outputs.
    pub fn new(generator: ProofGenerator<'a>, config: BatchConfig) -> Result<Self, PipelineError> {
        config.check()?;
        // Reports and journals hold bundles alone: the openings would be lost, and with them what was committed.
        if generator.prepared().artifacts.schema()?.hides() {
            return Err(PipelineError::HiddenTensors);
        }
        Ok(Self { generator, config, clock: Arc::new(SystemClock::default()) })
    }

    /// Reads the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Proves a batch.
    ///
    /// # Errors
    /// [`PipelineError`] when the batch as a whole cannot be begun; what goes wrong with an item is in the report.
    pub fn run(&self, items: &[BatchItem], control: &Control) -> Result<BatchReport, PipelineError> {
        self.run_observed(items, control, &|_| (), |_| ControlFlow::Continue(()))
    }

    /// Proves a batch, telling `observe` of every step (from the worker that does it) and handing each chunk to `receive`
    /// when it is complete. The next chunk is begun when `receive` returns; `Break` cancels what is left.
    ///
    /// # Errors
    /// As [`BatchProofGenerator::run`].
    pub fn run_observed(
        &self,
        items: &[BatchItem],
        control: &Control,
        observe: &(dyn Fn(&BatchEvent) + Sync),
        mut receive: impl FnMut(BatchChunk) -> ControlFlow<()>,
    ) -> Result<BatchReport, PipelineError> {
        let start = self.clock.elapsed();
        let circuit = match self.config.aggregation {
            Aggregation::InCircuit => BatchCircuit::of(self.generator.prepared())?,
            _ => None,
        };
        self.check(items, circuit.as_ref())?;
        let (journal, records) = match &self.config.journal {
            Some(path) => {
                let (journal, records) = Journal::open(path, self.name(items))?;
                (Some(journal), records)
            }
            None => (None, Vec::new()),
        };
        let run = Run::new(&self.generator, &self.config, circuit, items, journal, observe, control);
        run.recover(records)?;
        let queue = RequestQueue::new(self.config.limits.queued);
        for index in run.open() {
            queue.push(index, items[index].priority)?;
        }
        observe(&BatchEvent::Queued { items: queue.len() });
        let mut chunking = Chunking::new(&self.config, queue.len());
        let mut stopped = false;
        while !queue.is_empty() && !stopped && !control.cancel.is_cancelled() {
            let Some(workers) = run.admit() else { break };
            let size = if run.is_first_measurement() { 1 } else { chunking.size() };
            let chunk: Vec<usize> = (0..size).map_while(|_| queue.pop()).collect();
            let before = self.clock.elapsed();
            run.prove(&chunk, workers)?;
            chunking.observe(chunk.len(), self.clock.elapsed().saturating_sub(before));
            let items = chunk.iter().map(|&index| run.report(index)).collect();
            stopped = receive(BatchChunk { index: chunking.done.len() - 1, total: chunking.total, items }).is_break();
        }
        let mut report = run.finish(self.clock.elapsed().saturating_sub(start), stopped);
        (report.metrics.compliance, report.metrics.chunks) = (chunking.compliance(), chunking.done);
        report.structure = self.aggregate(&report)?;
        report.root = report.structure.as_ref().map(Structure::root);
        Ok(report)
    }

    fn check(&self, items: &[BatchItem], circuit: Option<&BatchCircuit>) -> Result<(), PipelineError> {
        if items.is_empty() {
            return Err(PipelineError::invalid("items", "are none"));
        }
        if items.len() > self.config.limits.queued {
            return Err(PipelineError::QueueFull { capacity: self.config.limits.queued });
        }
        let mut ids = HashSet::new();
        if let Some(at) = items.iter().position(|item| !ids.insert(&item.id)) {
            return Err(PipelineError::invalid(format!("items[{at}].id"), "is another item's, too"));
        }
        let is_one_structure = matches!(self.config.aggregation, Aggregation::Merkle | Aggregation::Recursive { .. });
        if is_one_structure && items.len() > MAX_BUNDLES {
            return Err(StructureError::Count(items.len()).into());
        }
        if self.config.aggregation == Aggregation::InCircuit {
            let max = circuit.map_or(self.generator.backend().capabilities().max_batch, BatchCircuit::size);
            if max < 2 && items.len() > 1 {
                return Err(BackendError::BatchSize { items: items.len(), max }.into());
            }
            let named = items.iter().map(|item| &item.request.model).filter(|model| !model.is_empty());
            let models: HashSet<&String> = named.collect();
            if models.len() > 1 {
                return Err(PipelineError::invalid("items", "are of several models; one proof is about one"));
            }
        }
        Ok(())
    }

    /// Names a batch: model, items and what is made of them.
    fn name(&self, items: &[BatchItem]) -> B256 {
        let mut hasher = Hasher::new("zkinfer batch v1");
        hasher.bytes(self.generator.prepared().artifacts.model_id().as_slice());
        hasher.number(u64::from(self.config.aggregation == Aggregation::InCircuit));
        hasher.number(items.len() as u64);
        for item in items {
            hasher.text(&item.id);
            hasher.bytes(item.request.fingerprint().as_slice());
            hasher.bytes(item.request.context.id().as_slice());
        }
        hasher.finish()
    }

    /// Puts the bundles of what is proven together, each once, in the order of the first item of each.
    fn aggregate(&self, report: &BatchReport) -> Result<Option<Structure>, PipelineError> {
        let mut bundles: Vec<&Arc<Bundle>> = Vec::new();
        for item in &report.items {
            if let Outcome::Proven { bundle, .. } = &item.outcome
                && !bundles.iter().any(|other| Arc::ptr_eq(other, bundle))
            {
                bundles.push(bundle);
            }
        }
        if bundles.is_empty() || self.config.aggregation == Aggregation::None {
            return Ok(None);
        }
        let owned = || bundles.iter().map(|bundle| Bundle::clone(bundle)).collect::<Vec<_>>();
        Ok(Some(match (self.config.aggregation, bundles.as_slice()) {
            (Aggregation::InCircuit, [one]) => Bundle::clone(one).into(),
            (Aggregation::Recursive { depth }, _) => Structure::Recursive(Recursive::balanced(owned(), depth)?),
            _ => Structure::Aggregated(Aggregated::new(owned())?),
        }))
    }
}

/// How large the next chunk is, and what is known of those before.
#[derive(Debug)]
struct Chunking {
    fixed: usize,
    adaptive: Option<Adaptive>,
    total: Option<usize>,
    done: Vec<usize>,
}

impl Chunking {
    fn new(config: &BatchConfig, open: usize) -> Self {
        let (fixed, adaptive) = match config.strategy {
            Strategy::Sequential | Strategy::Parallel { .. } => (usize::MAX, None),
            Strategy::Streaming { chunk, .. } => (chunk, None),
            Strategy::Adaptive { min, max, target, .. } => (min, Some(Adaptive::new(min, max, target))),
        };
        // The first chunk is one item when memory has to be measured first: the number is known otherwise.
        let known = adaptive.is_none() && config.limits.memory_kb.is_none();
        Self { fixed, adaptive, total: known.then(|| open.div_ceil(fixed)), done: Vec::new() }
    }

    fn size(&self) -> usize {
        self.adaptive.as_ref().map_or(self.fixed, Adaptive::size)
    }

    fn observe(&mut self, items: usize, took: std::time::Duration) {
        self.done.push(items);
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.observe(items, took);
        }
    }

    fn compliance(&self) -> f64 {
        self.adaptive.as_ref().map_or(1.0, Adaptive::compliance)
    }
}
