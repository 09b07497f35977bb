//! Backends side by side, on one model, in one run.

use super::{Backend, Failure, Outcome, context::Session, digits, report};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Instant};
use zkinfer::{
    backend::{ProvingBackend, ezkl::EzklBackend, native::NativeBackend},
    model::{
        Input, Model,
        quantize::{Accuracy, Calibration},
        synthetic,
    },
    pipeline::{EZKLIntegration, ProofGenerator},
    proof::{Context, PublicValues, Schema, schema::Direction},
    storage::Cache,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer bench
  zkinfer bench --shape 64-128-64-10 --backend native --runs 20
  zkinfer bench --model mlp.onnx --samples samples.json --json

Medians of the wall time on this machine, in this build; the first proof is not counted. A --shape is a synthetic network
with seeded random weights and random inputs. EZKL's circuit is the one that zkinfer chooses, not EZKL's default.";

/// Inputs that a synthetic network is calibrated with, and then compared on.
const SYNTHETIC_SAMPLES: usize = 32;
/// Samples that EZKL, which is slower, is compared on.
const EZKL_SAMPLES: usize = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The ONNX file [default: the digits model that comes with zkinfer].
    #[arg(long, value_name = "FILE", conflicts_with = "shape", requires = "samples")]
    model: Option<PathBuf>,

    /// Inputs of the model, one after the other in one list: they calibrate the native backend, and the first is proven.
    #[arg(long, value_name = "FILE", requires = "model")]
    samples: Option<PathBuf>,

    /// A synthetic perceptron of these widths, from input to output.
    #[arg(long, value_name = "WIDTHS", value_delimiter = '-')]
    shape: Vec<usize>,

    /// What to measure; may be given several times [default: native and ezkl].
    #[arg(long, value_enum)]
    backend: Vec<Backend>,

    /// Proofs per backend.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
}

/// What is measured on.
struct Subject {
    name: String,
    model: Model,
    samples: Vec<Vec<f64>>,
    /// For the native backend, unless the samples come with the model.
    calibration: Option<Input>,
}

/// One row of the table.
struct Row {
    backend: String,
    setup_ms: f64,
    prove_ms: f64,
    verify_ms: f64,
    proof_bytes: usize,
    peak_rss_kb: Option<u64>,
    accuracy: Accuracy,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let subject = subject(args)?;
    let _runtime = session.runtime()?;
    let backends = if args.backend.is_empty() { vec![Backend::Native, Backend::Ezkl] } else { args.backend.clone() };
    let rows = backends.into_iter().map(|backend| measure(backend, &subject, args.runs, session));
    let rows = rows.collect::<Result<Vec<Row>, _>>()?;
    let object = json!({
        "model": subject.name,
        "params": subject.model.parameters(),
        "runs": args.runs,
        "build": if cfg!(debug_assertions) { "dev" } else { "release" },
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "backends": rows.iter().map(Row::object).collect::<Vec<_>>(),
    });
    report::result(session, &object, &table(&subject, args.runs, &rows));
    Ok(Outcome::True)
}

fn subject(args: &Args) -> Result<Subject, Failure> {
    let (name, model, input) = if !args.shape.is_empty() {
        let refuse = || Failure::Input("a shape is two or more positive widths, such as 64-128-64-10".into());
        let positive = args.shape.iter().all(|width| (1..=1 << 16).contains(width));
        let mlp = synthetic::random_mlp(&args.shape, 1).filter(|_| positive).ok_or_else(refuse)?;
        let model = Model::from_onnx(synthetic::to_onnx(&mlp))?;
        let samples = Calibration::default().samples(mlp.inputs() * SYNTHETIC_SAMPLES).swap_remove(0);
        let widths: Vec<String> = args.shape.iter().map(ToString::to_string).collect();
        (format!("synthetic {}, random weights", widths.join("-")), model, Some(Input::new(vec![samples])?))
    } else if let (Some(path), Some(samples)) = (&args.model, &args.samples) {
        (path.display().to_string(), Model::read(path)?, Some(Input::read(samples)?))
    } else {
        ("digits".to_owned(), Model::from_onnx(digits::ONNX.to_vec())?, None)
    };
    let width = model.inputs().first().map_or(0, zkinfer::model::TensorInfo::elements);
    let samples = match &input {
        Some(input) => Calibration::from_input(input, width),
        None => Calibration::from_input(&Input::from_json(digits::SAMPLES)?, width),
    };
    let samples = samples.map_err(|error| Failure::Input(error.to_string()))?.samples(width);
    Ok(Subject { name, model, samples, calibration: input })
}

fn measure(backend: Backend, subject: &Subject, runs: u32, session: &Session) -> Result<Row, Failure> {
    // A cache of its own: nothing of a measurement stays, and keys are really made.
    let dir = tempfile::tempdir().map_err(|error| Failure::Environment(format!("no temporary directory: {error}")))?;
    let cache = Cache::at(dir.path().into());
    let prover: std::sync::Arc<dyn ProvingBackend> = match (backend, subject.calibration.clone()) {
        (Backend::Native, Some(samples)) => std::sync::Arc::new(NativeBackend::with_calibration(samples)),
        (Backend::Native, None) => std::sync::Arc::new(NativeBackend::new()),
        // Its installation and its SRS lie in the user's cache.
        (Backend::Ezkl, _) => std::sync::Arc::new(EzklBackend::new(&Cache::from_env()?)?),
        (Backend::Mock, _) => return Err(Failure::Input("the mock backend proves nothing".into())),
    };
    let integration = EZKLIntegration::new(prover, cache);
    let control = session.control();
    let start = Instant::now();
    let prepared = integration.prepare(&subject.model, control)?;
    let setup_ms = milliseconds(start);
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let first = Input::new(subject.samples.iter().take(1).cloned().collect())?;
    let (mut prove, mut verify, mut proof_bytes) = (Vec::new(), Vec::new(), 0);
    for run in 0..=runs {
        control.stage(&format!("{}: proof {run} of {runs}", integration.backend().capabilities().backend));
        let start = Instant::now();
        let witness = generator.witness(&first, control)?;
        let bundle = generator.prove(&witness, Context::Offchain {}, control)?;
        let prove_ms = milliseconds(start);
        let start = Instant::now();
        let backend = integration.backend();
        let verdict = backend.verify(&prepared.artifacts, bundle.statements(), bundle.proof(), control)?;
        if !verdict.is_valid() {
            return Err(Failure::Internal("a proof that was just made does not verify".into()));
        }
        // The first one fills caches.
        if run > 0 {
            prove.push(prove_ms);
            verify.push(milliseconds(start));
        }
        proof_bytes = bundle.proof().len();
    }
    let schema = prepared.artifacts.schema().map_err(zkinfer::pipeline::PipelineError::from)?;
    let count = if backend == Backend::Ezkl { EZKL_SAMPLES } else { subject.samples.len() };
    let mut accuracy = Accuracy::default();
    for sample in subject.samples.iter().take(count) {
        let input = Input::new(vec![sample.clone()])?;
        let quantized = generator.witness(&input, control).ok();
        let quantized = quantized.map(|witness| outputs(&schema, &witness.public_values)).transpose()?;
        let float: Vec<f64> = subject.model.run(&input)?.into_iter().flatten().map(f64::from).collect();
        accuracy.add(quantized.as_deref(), &float);
    }
    Ok(Row {
        backend: integration.backend().capabilities().backend.to_string(),
        setup_ms,
        prove_ms: median(prove),
        verify_ms: median(verify),
        proof_bytes,
        peak_rss_kb: integration.backend().peak_rss_kb(),
        accuracy,
    })
}

/// The outputs as real numbers.
fn outputs(schema: &Schema, values: &PublicValues) -> Result<Vec<f64>, Failure> {
    let decoded = schema.decode(values).map_err(zkinfer::pipeline::PipelineError::from)?;
    let outputs = schema.tensors().iter().zip(decoded).filter(|(tensor, _)| tensor.direction == Direction::Output);
    Ok(outputs
        .flat_map(|(tensor, q)| q.into_iter().enumerate().map(|(i, q)| tensor.dequantize(i, q)).collect::<Vec<_>>())
        .collect())
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Row {
    fn object(&self) -> Value {
        json!({
            "backend": self.backend,
            "setup_ms": self.setup_ms,
            "prove_ms": self.prove_ms,
            "verify_ms": self.verify_ms,
            "proof_bytes": self.proof_bytes,
            "peak_rss_mb": self.peak_rss_kb.map(|kb| kb as f64 / 1024.0),
            "accuracy": self.accuracy,
        })
    }
}

fn table(subject: &Subject, runs: u32, rows: &[Row]) -> String {
    let build = if cfg!(debug_assertions) { "dev" } else { "release" };
    let mut text = format!(
        "{} ({} parameters), median of {runs}, {build} build\n\n\
         | backend | setup ms | prove ms | verify ms | proof B | peak RSS MB | same class as float | greatest error |\n\
         |---|---|---|---|---|---|---|---|\n",
        subject.name,
        subject.model.parameters()
    );
    for row in rows {
        let rss = row.peak_rss_kb.map_or_else(|| "?".into(), |kb| format!("{:.1}", kb as f64 / 1024.0));
        let Accuracy { samples, same_argmax, max_abs_error, .. } = row.accuracy;
        text += &format!(
            "| {} | {:.0} | {:.1} | {:.1} | {} | {rss} | {same_argmax} of {samples} | {max_abs_error:.4} |\n",
            row.backend, row.setup_ms, row.prove_ms, row.verify_ms, row.proof_bytes
        );
    }
    text
}
