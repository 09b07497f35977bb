//! One batch while it runs.

use super::{
    Aggregation, BatchConfig, BatchEvent, BatchItem, BatchMetrics, BatchReport, BatchStatus, ItemReport, Outcome,
    circuit::BatchCircuit,
    journal::{Journal, Record},
};
use crate::{
    backend::{Control, Witness, ezkl::EzklBackend},
    ezkl::{PipelineError, ProofGenerator, ProofRequest},
    proof::{Bundle, Statement, Verdict, bundle::BackendName},
};
use alloy::primitives::B256;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

pub(super) struct Run<'a> {
    pub(super) generator: &'a ProofGenerator<'a>,
    config: &'a BatchConfig,
    /// When items are proven together in a circuit that takes several.
    pub(super) circuit: Option<BatchCircuit>,
    pub(super) items: &'a [BatchItem],
    observe: &'a (dyn Fn(&BatchEvent) + Sync),
    pub(super) control: &'a Control,
    state: Mutex<State>,
}

struct State {
    outcomes: Vec<Option<Outcome>>,
    /// The item that each statement was asked for by first.
    seen: HashMap<B256, usize>,
    /// Items of the chunk that is being proven whose statement another item has, which is named: they come to what it comes to.
    duplicates: Vec<(usize, usize)>,
    journal: Option<Journal>,
    metrics: BatchMetrics,
    busy: usize,
    /// A journal that cannot be written ends the batch: what is proven on would be proven again.
    broken: Option<PipelineError>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        generator: &'a ProofGenerator<'a>,
        config: &'a BatchConfig,
        circuit: Option<BatchCircuit>,
        items: &'a [BatchItem],
        journal: Option<Journal>,
        observe: &'a (dyn Fn(&BatchEvent) + Sync),
        control: &'a Control,
    ) -> Self {
        let state = State {
            outcomes: vec![None; items.len()],
            seen: HashMap::new(),
            duplicates: Vec::new(),
            journal,
            metrics: BatchMetrics::default(),
            busy: 0,
            broken: None,
        };
        Self { generator, config, circuit, items, observe, control, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the journal has, after checking it like a stranger's: the proof verifies, and its statement is what the
    /// item's input leads to. What does not is proven again.
    pub(super) fn recover(&self, records: Vec<Record>) -> Result<(), PipelineError> {
        let artifacts = &self.generator.prepared().artifacts;
        for Record { items, bundle } in records {
            let verdict =
                self.generator.backend().verify(artifacts, bundle.statements(), bundle.proof(), self.control)?;
            let bundle = Arc::new(bundle);
            for (index, place) in items {
                let found = if verdict == Verdict::Valid { self.same(index, place, &bundle)? } else { None };
                let Some(id) = found else {
                    tracing::warn!(index, "the journal's proof is not of this item, which is proven again");
                    continue;
                };
                let mut state = self.state();
                state.seen.insert(id, index);
                state.metrics.recovered += 1;
                state.outcomes[index] = Some(self.proven(bundle.clone(), place, true));
                drop(state);
                (self.observe)(&BatchEvent::Recovered { index });
            }
        }
        Ok(())
    }

    /// What the item says, if the bundle says just that in this place.
    fn same(&self, index: usize, place: usize, bundle: &Bundle) -> Result<Option<B256>, PipelineError> {
        let Some(item) = self.items.get(index) else { return Ok(None) };
        if self.generator.check(&item.request).is_err() {
            return Ok(None);
        }
        let (_, own) = match self.run(&item.request) {
            // It says so when it is proven again.
            Err(PipelineError::OtherAnswer { .. }) => return Ok(None),
            ran => ran?,
        };
        let found = match &self.circuit {
            None => bundle.statements().get(place).cloned(),
            Some(circuit) if place < circuit.size() => {
                let all = bundle.statement();
                Some(Statement { public_values: circuit.item(&all.public_values, place)?, ..all.clone() })
            }
            Some(_) => None,
        };
        Ok(found.filter(|found| *found == own).map(|own| own.id()))
    }

    /// The items without an outcome.
    pub(super) fn open(&self) -> Vec<usize> {
        let state = self.state();
        (0..self.items.len()).filter(|&index| state.outcomes[index].is_none()).collect()
    }

    /// Whether nothing is known of a proof's memory, and it has to be.
    pub(super) fn is_first_measurement(&self) -> bool {
        self.config.limits.memory_kb.is_some() && self.predicted_kb().is_none()
    }

    /// What one proof takes: the most that was measured, else what EZKL's circuit is known to need.
    fn predicted_kb(&self) -> Option<u64> {
        let artifacts = &self.generator.prepared().artifacts;
        let forecast = || {
            let of_ezkl = artifacts.identity().backend == BackendName::Ezkl;
            of_ezkl
                .then(|| EzklBackend::forecast(artifacts).ok().flatten().map(|forecast| forecast.peak_rss_kb))
                .flatten()
        };
        self.generator.backend().peak_rss_kb().or_else(forecast)
    }

    /// How many workers may run; `None` when a proof does not fit into the limit, which every open item then says.
    pub(super) fn admit(&self) -> Option<usize> {
        let workers = self.config.workers();
        let Some(limit_kb) = self.config.limits.memory_kb else { return Some(workers) };
        match self.predicted_kb() {
            None => Some(1),
            Some(needed_kb) if needed_kb > limit_kb => {
                let error = PipelineError::MemoryLimit { needed_kb, limit_kb };
                self.open().into_iter().for_each(|index| self.settle(index, Outcome::of_error(&error)));
                None
            }
            Some(needed_kb) => {
                let fitting = usize::try_from(limit_kb / needed_kb.max(1)).unwrap_or(usize::MAX);
                Some(fitting.clamp(1, workers))
            }
        }
    }

    /// Proves some items.
    pub(super) fn prove(&self, chunk: &[usize], workers: usize) -> Result<(), PipelineError> {
        if self.config.aggregation == Aggregation::InCircuit {
            self.prove_together(chunk);
        } else {
            let next = Mutex::new(chunk.iter().copied());
            let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
            thread::scope(|scope| {
                for worker in 0..workers.min(chunk.len()) {
                    scope.spawn(move || {
                        while let Some(index) = take() {
                            self.prove_one(index, worker);
                        }
                    });
                }
            });
        }
        self.settle_duplicates();
        self.state().broken.take().map_or(Ok(()), Err)
    }

    /// What is not proven is no better said twice.
    fn settle_duplicates(&self) {
        let duplicates = std::mem::take(&mut self.state().duplicates);
        for (index, of) in duplicates {
            let first = self.state().outcomes[of].clone();
            match first {
                Some(Outcome::Proven { .. }) => self.settle(index, Outcome::Duplicate { of }),
                Some(outcome) => self.settle(index, outcome),
                // Not begun: neither is this one.
                None => {}
            }
        }
    }

    /// Whether no more items are to be begun.
    pub(super) fn is_over(&self) -> bool {
        let measured = || self.generator.backend().peak_rss_kb().unwrap_or(0);
        self.control.cancel.is_cancelled()
            || self.state().broken.is_some()
            || self.config.limits.memory_kb.is_some_and(|limit| measured() > limit)
    }

    fn prove_one(&self, index: usize, worker: usize) {
        if self.is_over() {
            return;
        }
        self.enter(index, worker);
        let proven = self.witness(index).and_then(|witness| {
            let Some(witness) = witness else { return Ok(None) };
            let context = self.items[index].request.context;
            let bundle = self.generator.prove(&witness, context, self.control)?;
            self.record(&bundle, &[(index, 0)])?;
            Ok(Some(self.proven(Arc::new(bundle), 0, false)))
        });
        self.leave();
        if let Some(outcome) = proven.unwrap_or_else(|error| Some(Outcome::of_error(&error))) {
            self.settle(index, outcome);
        }
    }

    /// Runs the circuit on an item alone, and says what the item claims.
    fn run(&self, request: &ProofRequest) -> Result<(Witness, Statement), PipelineError> {
        let Some(circuit) = &self.circuit else {
            let witness = self.generator.witness(&request.input, self.control)?;
            let statement = self.generator.statement(&witness, request.context);
            return Ok((witness, statement));
        };
        let input = circuit.assemble(std::slice::from_ref(&request.input))?;
        let witness = self.generator.witness(&input, self.control)?;
        self.generator.check_places(circuit, &witness, std::slice::from_ref(&request.input))?;
        let public_values = circuit.item(&witness.public_values, 0)?;
        let statement = Statement { public_values, ..self.generator.statement(&witness, request.context) };
        Ok((witness, statement))
    }

    /// An item's witness; `None` when another item says the same, which is kept in mind.
    pub(super) fn witness(&self, index: usize) -> Result<Option<Box<Witness>>, PipelineError> {
        let request = &self.items[index].request;
        self.generator.check(request)?;
        let (witness, statement) = self.run(request)?;
        if self.config.deduplicate {
            let mut state = self.state();
            let first = *state.seen.entry(statement.id()).or_insert(index);
            if first != index {
                state.duplicates.push((index, first));
                return Ok(None);
            }
        }
        Ok(Some(Box::new(witness)))
    }

    /// Writes a proof into the journal, before anybody hears of it.
    pub(super) fn record(&self, bundle: &Bundle, items: &[(usize, usize)]) -> Result<(), PipelineError> {
        let mut state = self.state();
        state.metrics.proofs += 1;
        let written = state.journal.as_mut().map_or(Ok(()), |journal| journal.append(bundle, items));
        written.map_err(|error| {
            let message = error.to_string();
            state.broken = Some(error);
            PipelineError::invalid("journal", message)
        })
    }

    pub(super) fn enter(&self, index: usize, worker: usize) {
        let mut state = self.state();
        state.busy += 1;
        state.metrics.max_busy = state.metrics.max_busy.max(state.busy);
        drop(state);
        (self.observe)(&BatchEvent::Started { index, worker });
    }

    pub(super) fn leave(&self) {
        self.state().busy -= 1;
    }

    pub(super) fn settle(&self, index: usize, outcome: Outcome) {
        let success = outcome.is_success();
        self.state().outcomes[index] = Some(outcome);
        (self.observe)(&BatchEvent::Finished { index, success });
    }

    pub(super) fn report(&self, index: usize) -> ItemReport {
        let outcome = self.state().outcomes[index].clone().unwrap_or(Outcome::Cancelled);
        ItemReport { index, id: self.items[index].id.clone(), outcome }
    }

    /// Ends the batch: what is open says why.
    pub(super) fn finish(&self, time: Duration, stopped: bool) -> BatchReport {
        let over = stopped || self.control.cancel.is_cancelled();
        let peak_rss_kb = self.generator.backend().peak_rss_kb();
        if !over && let (Some(limit_kb), Some(needed_kb)) = (self.config.limits.memory_kb, peak_rss_kb) {
            let error = PipelineError::MemoryLimit { needed_kb, limit_kb };
            self.open().into_iter().for_each(|index| self.settle(index, Outcome::of_error(&error)));
        }
        let items: Vec<ItemReport> = (0..self.items.len()).map(|index| self.report(index)).collect();
        let mut metrics = std::mem::take(&mut self.state().metrics);
        metrics.time = time;
        metrics.peak_rss_kb = peak_rss_kb;
        for item in &items {
            match item.outcome {
                Outcome::Proven { recovered: false, .. } => metrics.proven += 1,
                Outcome::Proven { .. } => {}
                Outcome::Duplicate { .. } => metrics.duplicates += 1,
                Outcome::Failed { .. } => metrics.failed += 1,
                Outcome::Cancelled => metrics.cancelled += 1,
            }
        }
        let status = if metrics.cancelled > 0 {
            BatchStatus::Cancelled
        } else if metrics.failed == 0 {
            BatchStatus::Complete
        } else if metrics.failed < items.len() {
            BatchStatus::PartialSuccess
        } else {
            BatchStatus::Failed
        };
        BatchReport { status, items, structure: None, root: None, metrics }
    }
}

#[cfg(test)]
pub(super) mod tests;
