//! One proof, or a chain of them, of inputs with a backend that was chosen.

use super::Args;
use crate::cli::{
    Failure,
    answers::{Answers, Labels},
    choice::Chosen,
    context::Session,
    index,
    inputs::Named,
    report,
};
use serde_json::{Value, json};
use zkinfer::{
    FailureClass,
    backend::Opening,
    index::Annotation,
    model::{Input, Model},
    pipeline::{
        PipelineError, ProofGenerator, ProofRequest,
        proof_creation::{IncrementalResult, ProofMetrics, TogetherResponse},
    },
    proof::Structure,
};

/// What is to be proven.
pub(super) struct Job<'a> {
    pub(super) args: &'a Args,
    pub(super) model: &'a Model,
    pub(super) inputs: &'a [Named],
    pub(super) labels: &'a Labels,
    pub(super) annotation: &'a Annotation,
    pub(super) session: &'a Session,
}

/// What was proven, with its report in both forms; nothing is written yet.
pub(super) struct Proven {
    pub(super) object: Value,
    pub(super) text: String,
    pub(super) structure: Structure,
    pub(super) openings: Vec<Opening>,
    pub(super) answers: Answers,
}

impl Job<'_> {
    pub(super) fn prove(&self, chosen: &Chosen) -> anyhow::Result<Proven> {
        let Self { args, model, session, .. } = *self;
        let (integration, prepared) = (&chosen.integration, &chosen.prepared);
        let schema = prepared.artifacts.schema().map_err(PipelineError::from)?;
        index::check(self.annotation, &schema, args.chain.map_or(self.inputs.len(), usize::from))?;
        // What is the next input is no list of scores.
        let reference = args.answers.reference(model, chosen.samples.as_ref(), self.labels, args.chain.is_some())?;
        let mut answers = Answers::new(self.labels.clone());
        let generator = ProofGenerator::new(integration.backend(), prepared).against(reference);
        let context = args.destination.context();
        let request = |named: &Named| ProofRequest { context, ..ProofRequest::new(model.hash(), named.input.clone()) };
        if let Some(steps) = args.chain {
            let first = self.inputs.first().map(request);
            let first = first.ok_or_else(|| Failure::Input("a chain begins with an input".into()))?;
            let input = first.input.clone();
            let chain = chain(&generator, first, steps.into(), session)?;
            answers_of_chain(&generator, &chain.structure, input, &mut answers)?;
            let (object, text) = of_chain(&chain, chosen.row());
            return Ok(Proven { object, text, structure: chain.structure, openings: chain.openings, answers });
        }
        let requests: Vec<ProofRequest> = self.inputs.iter().map(request).collect();
        let response = generator.generate_together(&requests, session.control());
        let response = response.map_err(|error| blamed(self.inputs, error))?;
        for (at, (named, request)) in self.inputs.iter().zip(&requests).enumerate() {
            // In a circuit that takes several inputs they are in one statement.
            let statements = response.bundle.statements();
            let (statement, place) = if statements.len() == 1 { (0, at) } else { (at, 0) };
            let Some(statement) = statements.get(statement) else { continue };
            let outputs = generator.outputs(&statement.public_values, place, None, &request.input)?;
            answers.push(named.name.clone(), outputs);
        }
        let (object, text) = of_bundle(&response, chosen.row());
        Ok(Proven { object, text, structure: response.bundle.into(), openings: response.openings, answers })
    }
}

fn chain(
    generator: &ProofGenerator<'_>,
    first: ProofRequest,
    steps: usize,
    session: &Session,
) -> anyhow::Result<IncrementalResult> {
    let bar = session.bar(steps as u64);
    let mut chain = generator.start_incremental(first)?;
    for step in 0..steps {
        chain.step(session.control()).map_err(|error| match error.class() {
            FailureClass::BadInput => anyhow::Error::new(error).context(format!("step {step}")),
            _ => error.into(),
        })?;
        bar.inc(1);
    }
    Ok(chain.finalize()?)
}

fn of_chain(chain: &IncrementalResult, backend: (String, String)) -> (Value, String) {
    let (structure, steps) = (&chain.structure, chain.structure.bundles().len());
    let ids = structure.statement_ids();
    let object = json!({
        "structure": "chain",
        "steps": steps,
        "root": structure.root(),
        "statement_ids": ids,
        "inferences": steps,
        "metadata": [chain.metadata],
    });
    let rows =
        [backend, ("statements".into(), report::listed(&ids)), ("Merkle root".into(), structure.root().to_string())];
    (object, format!("a chain of {steps} proofs\n{}", report::rows(&rows)))
}

fn of_bundle(response: &TogetherResponse, backend: (String, String)) -> (Value, String) {
    let (bundle, manifest) = (&response.bundle, response.bundle.manifest());
    let ids = Structure::from(bundle.clone()).statement_ids();
    let prove_ms = response.metrics.total.as_secs_f64() * 1e3;
    let object = json!({
        "structure": "bundle",
        "statement_ids": ids,
        "inferences": response.metadata.len(),
        "padding": response.padding,
        "proof_hash": manifest.proof_hash,
        "proof_bytes": bundle.proof().len(),
        "prove_ms": prove_ms,
        "metrics": metrics(&response.metrics),
        "metadata": response.metadata,
    });
    let mut rows = vec![
        backend,
        ("model id".to_owned(), bundle.model_id().to_string()),
        ("statement id".to_owned(), report::listed(&ids)),
        ("proof".to_owned(), format!("{} bytes, SHA-256 {}", bundle.proof().len(), manifest.proof_hash)),
    ];
    if response.padding > 0 {
        rows.push(("padding".into(), format!("{} of the circuit's places hold zeros", response.padding)));
    }
    (object, format!("proved in {}\n{}", report::time(prove_ms), report::rows(&rows)))
}

/// In milliseconds: witness, proof and overhead are the total.
fn metrics(metrics: &ProofMetrics) -> Value {
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    json!({
        "witness_ms": ms(metrics.witness),
        "proof_ms": ms(metrics.proof),
        "overhead_ms": ms(metrics.overhead),
        "total_ms": ms(metrics.total),
        "peak_rss_kb": metrics.peak_rss_kb,
    })
}

/// Of several inputs, the one that is refused is named.
fn blamed(inputs: &[Named], error: PipelineError) -> anyhow::Error {
    match error {
        PipelineError::Request { index, source } if source.class() == FailureClass::BadInput => {
            anyhow::Error::new(*source).context(inputs.get(index).map(|named| named.name.clone()).unwrap_or_default())
        }
        PipelineError::Request { source, .. } => (*source).into(),
        error => error.into(),
    }
}

/// The answer of every step, which is the input of the next one.
fn answers_of_chain(
    generator: &ProofGenerator<'_>,
    chain: &Structure,
    mut input: Input,
    answers: &mut Answers,
) -> Result<(), Failure> {
    for (step, bundle) in chain.bundles().into_iter().enumerate() {
        let outputs = generator.outputs(&bundle.statement().public_values, 0, None, &input)?;
        // Of hidden answers nothing is shown, so that no input is needed.
        if let Some(values) = outputs.tensors.iter().map(|tensor| tensor.values.clone()).collect() {
            input = Input::new(values)?;
        }
        answers.push(format!("step {step}"), outputs);
    }
    Ok(())
}
