//! One contender on one model.

use super::{
    super::{Failure, context::Session},
    Args,
    child::{Spec, Timings, Work, in_a_fresh_process, median},
    contender::Contender,
    subject::Subject,
};
use serde_json::{Value, json};
use std::time::Instant;
use zkinfer::{
    backend::ProvingBackend,
    model::{Input, quantize::Accuracy},
    pipeline::{
        EZKLIntegration, PipelineError, Prepared, ProofGenerator, ProofRequest, ProofVerifier,
        verification::{BundleResult, Mode, Policy, TrustLevel},
    },
    proof::{PublicValues, Schema, Structure, schema::Direction},
    storage::Cache,
};

/// Samples that EZKL, which is slower, is calibrated with and compared on; fewer for large networks.
const fn ezkl_samples(parameters: u64) -> usize {
    if parameters > 100_000 { 2 } else { 8 }
}

/// One row of the table.
pub(super) struct Row {
    pub(super) contender: Contender,
    /// Or why there are none.
    pub(super) figures: Result<Figures, String>,
}

pub(super) struct Figures {
    pub(super) setup_ms: f64,
    pub(super) prove_ms: f64,
    /// All threads, of one proof.
    pub(super) prove_cpu_ms: f64,
    pub(super) verify_ms: f64,
    pub(super) proof_bytes: usize,
    pub(super) peak_rss_kb: Option<u64>,
    pub(super) accuracy: Accuracy,
    /// Of a transaction that has the contract verify a proof of one statement; `None` where no contract does, or it is EZKL's.
    pub(super) gas: Option<u64>,
}

/// Sets up, proves in a fresh process, compares with the float model. What the contender cannot do is told in the row.
pub(super) fn measure(
    contender: Contender,
    subject: &Subject,
    batch: usize,
    args: &Args,
    session: &Session,
) -> Result<Row, Failure> {
    match figures(contender, subject, batch, args, session) {
        Ok(figures) => Ok(Row { contender, figures: Ok(figures) }),
        // The native prover is what is measured here: it has no excuse. Nor has one that alone was asked for.
        Err(failure) if contender.is_native() || args.backend.len() == 1 || session.control().cancel.is_cancelled() => {
            Err(failure)
        }
        Err(failure) => Ok(Row { contender, figures: Err(failure.to_string()) }),
    }
}

fn figures(
    contender: Contender,
    subject: &Subject,
    batch: usize,
    args: &Args,
    session: &Session,
) -> Result<Figures, Failure> {
    let control = session.control();
    let environment = |error: std::io::Error| Failure::Environment(format!("no temporary directory: {error}"));
    // A cache of its own: nothing of a measurement stays, and keys are really made.
    let dir = tempfile::tempdir().map_err(environment)?;
    let native = contender.is_native();
    let compared = if native { subject.samples.len() } else { ezkl_samples(subject.model.parameters()) };
    let integration =
        EZKLIntegration::new(contender.backend(subject.calibration(compared)?)?, Cache::at(dir.path().into()));
    let most = integration.backend().capabilities().max_batch;
    if batch > most {
        return Err(Failure::Input(format!("{} proves {most} at a time", contender.name())));
    }
    control.stage(&format!("{}, {}: set-up", subject.name, contender.name()));
    let start = Instant::now();
    let prepared = integration.prepare(&subject.model, control)?;
    let setup_ms = start.elapsed().as_secs_f64() * 1e3;
    control.stage(&format!("{}, {}: accuracy", subject.name, contender.name()));
    let accuracy = accuracy(integration.backend(), &prepared, subject, compared, session)?;
    let gas = if native { gas(integration.backend(), &prepared, subject, session)? } else { None };
    drop(integration);
    control.stage(&format!("{}, {}: proofs", subject.name, contender.name()));
    let spec = Spec {
        contender,
        artifacts: prepared.artifacts.dir().to_owned(),
        inputs: subject.inputs(batch),
        runs: if native { args.runs } else { args.runs.min(args.ezkl_runs) },
        scalar: args.scalar,
    };
    let timings = in_a_fresh_process(&Work::Backend(spec))?;
    let Timings { prove_ms, prove_cpu_ms, verify_ms, proof_bytes, peak_rss_kb } = timings;
    Ok(Figures {
        setup_ms,
        prove_ms: median(prove_ms),
        prove_cpu_ms,
        verify_ms: median(verify_ms),
        proof_bytes,
        peak_rss_kb,
        accuracy,
        gas,
    })
}

/// What the contract's verification of a proof costs, in the embedded EVM.
fn gas(
    backend: &dyn ProvingBackend,
    prepared: &Prepared,
    subject: &Subject,
    session: &Session,
) -> Result<Option<u64>, Failure> {
    let input = Input::new(subject.inputs(1))?;
    let request = ProofRequest::new(prepared.artifacts.model_id().to_string(), input);
    let bundle = ProofGenerator::new(backend, prepared).generate(&request, session.control())?.bundle;
    let verifier = ProofVerifier::new(backend, prepared).with_cache(0);
    let policy = Policy::new(Mode::Full, TrustLevel::Development);
    let found = verifier.check(&Structure::from(bundle), &policy, session.control())?;
    if !found.status.is_valid() {
        return Err(Failure::Internal(format!("a proof that was just made is {:?}", found.status)));
    }
    Ok(found.bundles.first().and_then(BundleResult::gas))
}

/// Compares the circuit's answers with the float model's.
fn accuracy(
    backend: &dyn ProvingBackend,
    prepared: &Prepared,
    subject: &Subject,
    count: usize,
    session: &Session,
) -> Result<Accuracy, Failure> {
    let generator = ProofGenerator::new(backend, prepared);
    let schema = prepared.artifacts.schema().map_err(PipelineError::from)?;
    let mut accuracy = Accuracy::default();
    for sample in subject.samples.iter().take(count) {
        let input = Input::new(vec![sample.clone()])?;
        let quantized = generator.witness(&input, session.control()).ok();
        let quantized = quantized.map(|witness| outputs(&schema, &witness.public_values)).transpose()?;
        let float: Vec<f64> = subject.model.run(&input)?.into_iter().flatten().map(f64::from).collect();
        accuracy.add(quantized.as_deref(), &float);
    }
    Ok(accuracy)
}

/// The outputs as real numbers.
fn outputs(schema: &Schema, values: &PublicValues) -> Result<Vec<f64>, Failure> {
    let decoded = schema.decode(values).map_err(PipelineError::from)?;
    let outputs = schema.public_tensors().zip(decoded).filter(|(tensor, _)| tensor.direction == Direction::Output);
    Ok(outputs
        .flat_map(|(tensor, q)| q.into_iter().enumerate().map(|(i, q)| tensor.dequantize(i, q)).collect::<Vec<_>>())
        .collect())
}

impl Row {
    pub(super) fn object(&self) -> Value {
        match &self.figures {
            Err(reason) => json!({ "backend": self.contender, "reason": reason }),
            Ok(figures) => json!({
                "backend": self.contender,
                "setup_ms": figures.setup_ms,
                "prove_ms": figures.prove_ms,
                "prove_cpu_ms": figures.prove_cpu_ms,
                "verify_ms": figures.verify_ms,
                "proof_bytes": figures.proof_bytes,
                "peak_rss_mb": figures.peak_rss_mb(),
                "accuracy": figures.accuracy,
                "gas": figures.gas,
            }),
        }
    }
}

impl Figures {
    pub(super) fn peak_rss_mb(&self) -> Option<f64> {
        self.peak_rss_kb.map(|kb| kb as f64 / 1024.0)
    }
}
