//! The process in which the pipeline is measured: it finds prepared artifacts and calls what a node program calls.

use super::super::{
    super::{Failure, context::Session},
    child::{median, peak_rss_kb},
    contender::Contender,
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::atomic::AtomicUsize, sync::atomic::Ordering, time::Instant};
use zkinfer::{
    backend::{Control, Item},
    model::Input,
    pipeline::{
        BatchProofGenerator, EZKLIntegration, PipelineError, Prepared, ProofGenerator, ProofRequest, ProofVerifier,
        batch_proofs::{BatchConfig, BatchItem, Outcome, Priority, RequestQueue, Strategy},
        verification::{Mode, Policy, TrustLevel},
    },
    proof::{Aggregated, Bundle, Context, Structure},
    storage::Cache,
};

/// Inferences in the batch that is timed.
pub(super) const BATCH: usize = 10;
/// Requests that wait at once.
pub(super) const QUEUED: usize = 10_000;

/// What to measure.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(super) contender: Contender,
    pub(super) cache: PathBuf,
    pub(super) model_id: alloy::primitives::B256,
    /// Different ones: a statement is proven once.
    pub(super) inputs: Vec<Vec<f64>>,
    pub(super) runs: usize,
    /// Bundles that are verified together.
    pub(super) together: usize,
    /// How many of the queued requests are proven before the rest is cancelled.
    pub(super) served: usize,
}

/// What it took. Times are milliseconds, medians where something was repeated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    /// Witness, proof and its verification by the backend alone.
    pub(super) bare_ms: f64,
    /// The same through `ProofGenerator`.
    pub(super) single_ms: f64,
    /// Ten different ones through `BatchProofGenerator`, from the first request to the last bundle.
    pub(super) batch_ms: f64,
    /// One bundle, by the backend's verifier.
    pub(super) verify_ms: f64,
    /// One bundle, by the backend's verifier and by the contracts in the embedded EVM.
    pub(super) verify_full_ms: f64,
    /// One of many that are verified together.
    pub(super) verify_together_ms: f64,
    /// Of this process from its start, and of the largest of EZKL's workers, added: before requests were queued.
    pub(super) peak_rss_kb: Option<u64>,
    /// The same after.
    pub(super) queued_peak_rss_kb: Option<u64>,
    /// Queued requests that were proven.
    pub(super) served: usize,
}

struct Bench<'a> {
    integration: &'a EZKLIntegration,
    prepared: &'a Prepared,
    requests: Vec<ProofRequest>,
    spec: &'a Spec,
}

pub(crate) fn measure(spec: &Spec, session: &Session) -> Result<impl Serialize, Failure> {
    let integration = EZKLIntegration::new(spec.contender.backend(None)?, Cache::at(spec.cache.clone()));
    let prepared = integration.find(spec.model_id)?;
    let request = |input: &Vec<f64>| -> Result<_, Failure> {
        Ok(ProofRequest::new(spec.model_id.to_string(), Input::new(vec![input.clone()])?))
    };
    let requests = spec.inputs.iter().map(request).collect::<Result<Vec<_>, _>>()?;
    let bench = Bench { integration: &integration, prepared: &prepared, requests, spec };
    let control = session.control();
    let mut figures = Figures::default();
    let bundle = bench.singles(&mut figures, control)?;
    bench.batch(&mut figures, control)?;
    bench.verifications(&bundle, &mut figures, control)?;
    figures.peak_rss_kb = bench.peak_rss_kb();
    bench.queue(&mut figures)?;
    figures.queued_peak_rss_kb = bench.peak_rss_kb();
    Ok(figures)
}

impl Bench<'_> {
    fn generator(&self) -> ProofGenerator<'_> {
        ProofGenerator::new(self.integration.backend(), self.prepared)
    }

    /// The backend alone and the pipeline around it, in turns, so that both meet the same machine.
    fn singles(&self, figures: &mut Figures, control: &Control) -> Result<Bundle, Failure> {
        let (mut bare, mut single, mut last) = (Vec::new(), Vec::new(), None);
        // The first round fills caches.
        for run in 0..=self.spec.runs {
            let request = &self.requests[run % self.requests.len()];
            let start = Instant::now();
            self.prove_bare(&request.input, control)?;
            let bare_ms = ms(start);
            let start = Instant::now();
            let response = self.generator().generate(request, control)?;
            let single_ms = ms(start);
            if run > 0 {
                bare.push(bare_ms);
                single.push(single_ms);
            }
            last = Some(response.bundle);
        }
        (figures.bare_ms, figures.single_ms) = (median(bare), median(single));
        last.ok_or_else(|| Failure::Internal("nothing was proven".into()))
    }

    fn prove_bare(&self, input: &Input, control: &Control) -> Result<(), Failure> {
        let (backend, artifacts) = (self.integration.backend(), &self.prepared.artifacts);
        let witness = backend.witness(artifacts, input, control).map_err(PipelineError::from)?;
        let statement = self.generator().statement(&witness, Context::Offchain {});
        let items = [Item { witness: &witness, statement: &statement }];
        backend.prove(artifacts, &items, control).map_err(PipelineError::from)?;
        Ok(())
    }

    fn batch(&self, figures: &mut Figures, control: &Control) -> Result<(), Failure> {
        let mut times = Vec::new();
        for _ in 0..self.spec.runs.clamp(1, 5) {
            let items: Vec<BatchItem> = (0..BATCH).map(|at| self.item(at)).collect();
            let batch = BatchProofGenerator::new(self.generator(), BatchConfig::new(self.strategy()))?;
            let start = Instant::now();
            let report = batch.run(&items, control)?;
            times.push(ms(start));
            if report.metrics.proven != BATCH {
                return Err(Failure::Internal(format!("{} of {BATCH} were proven", report.metrics.proven)));
            }
        }
        figures.batch_ms = median(times);
        Ok(())
    }

    fn verifications(&self, bundle: &Bundle, figures: &mut Figures, control: &Control) -> Result<(), Failure> {
        let one = Structure::from(bundle.clone());
        let check = |structure: &Structure, mode, runs: usize| -> Result<f64, Failure> {
            let verifier = ProofVerifier::new(self.integration.backend(), self.prepared).with_cache(0);
            let mut times = Vec::new();
            for _ in 0..runs {
                let start = Instant::now();
                let found = verifier.check(structure, &Policy::new(mode, TrustLevel::Development), control)?;
                times.push(ms(start));
                if !found.status.is_valid() {
                    return Err(Failure::Internal(format!("a proof that was just made is {:?}", found.status)));
                }
            }
            Ok(median(times))
        };
        figures.verify_ms = check(&one, Mode::Fast, self.spec.runs)?;
        figures.verify_full_ms = check(&one, Mode::Full, self.spec.runs)?;
        let many: Vec<Bundle> = (0..self.spec.together)
            .map(|at| Ok(self.generator().generate(&self.requests[at % self.requests.len()], control)?.bundle))
            .collect::<Result<_, Failure>>()?;
        let many = Structure::Aggregated(Aggregated::new(many).map_err(PipelineError::from)?);
        figures.verify_together_ms = check(&many, Mode::Batch, 3)? / self.spec.together as f64;
        Ok(())
    }

    /// Fills a queue, then serves it.
    fn queue(&self, figures: &mut Figures) -> Result<(), Failure> {
        let queue = RequestQueue::new(QUEUED);
        for at in 0..QUEUED {
            queue.push(self.item(at), Priority::Medium)?;
        }
        queue.close();
        let control = Control::default();
        let (proven, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let batch = BatchProofGenerator::new(self.generator(), BatchConfig::new(self.strategy()))?;
        batch.serve(
            &queue,
            &|report| match report.outcome {
                Outcome::Proven { .. } if proven.fetch_add(1, Ordering::Relaxed) + 1 >= self.spec.served => {
                    control.cancel.cancel();
                }
                Outcome::Failed { .. } => drop(failed.fetch_add(1, Ordering::Relaxed)),
                _ => {}
            },
            &control,
        );
        figures.served = proven.into_inner();
        match failed.into_inner() {
            0 => Ok(()),
            failed => Err(Failure::Internal(format!("{failed} queued requests failed"))),
        }
    }

    fn item(&self, at: usize) -> BatchItem {
        BatchItem::new(at.to_string(), self.requests[at % self.requests.len()].clone())
    }

    fn strategy(&self) -> Strategy {
        Strategy::Parallel { workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
    }

    fn peak_rss_kb(&self) -> Option<u64> {
        let workers = match self.spec.contender {
            // It proves in this process.
            Contender::Native => 0,
            _ => self.integration.backend().peak_rss_kb()?,
        };
        Some(peak_rss_kb()? + workers)
    }
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
