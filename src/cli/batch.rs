use super::{
    Failure, ModelArgs, Outcome, context,
    context::Session,
    form::FormArgs,
    inputs::{self, Named},
    report,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};
use zkinfer::{
    pipeline::{
        BatchProofGenerator, ProofGenerator, ProofRequest,
        batch_proofs::{
            Aggregation, BatchConfig, BatchEvent, BatchItem, BatchReport, BatchStatus, ItemReport, Outcome as Done,
            Strategy,
        },
    },
    proof::Bundle,
    storage::write_atomic,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer batch --input inputs/ --out bundles/
  zkinfer batch --model mlp.onnx --calibration samples.json --input requests.jsonl --out bundles/ --one-proof --json
  zkinfer batch --backend ezkl --model model.onnx --input inputs/ --out bundles/ --workers 2 --journal batch.journal

Proves every input file, of directories those in the order of their names, of .jsonl files every line. A bundle is written
to DIR as soon as its chunk is done, named after the number of its first input. An input that is refused keeps nothing from
the others; the report names it, and the exit code is 2. With a journal, a batch that was interrupted goes on where it was.";

/// Inputs in one batch.
const MAX_ITEMS: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// An input file, a .jsonl file, or a directory of them; may be given several times.
    #[arg(long, value_name = "FILE|DIR", required = true)]
    input: Vec<PathBuf>,

    /// The directory that the bundles go to; made if it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// One proof for every chunk, instead of one for every input (native).
    #[arg(long)]
    one_proof: bool,

    /// Inputs in a chunk.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    chunk: u16,

    /// Proofs at once [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Record finished proofs here, and take those that are recorded.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    #[command(flatten)]
    form: FormArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let inputs = inputs::read(&args.input, MAX_ITEMS)?;
    let model = context::model(&args.model)?;
    fs::create_dir_all(&args.out)
        .map_err(|error| Failure::Environment(format!("cannot write to {}: {error}", args.out.display())))?;
    let _runtime = session.runtime()?;
    let integration = context::integration_for(&args.model)?;
    let control = session.control();
    let prepared = integration.prepare(&model, control)?;
    let hash = model.hash();
    let items: Vec<BatchItem> = inputs
        .into_iter()
        .map(|Named { name, input }| BatchItem::new(name, ProofRequest::new(hash.clone(), input)))
        .collect();
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let batch = BatchProofGenerator::new(generator, config(args))?;
    let bar = session.bar(items.len() as u64);
    let mut writer = Writer { dir: &args.out, form: &args.form, written: HashMap::new() };
    let mut trouble = None;
    let finished = |event: &BatchEvent| {
        if matches!(event, BatchEvent::Finished { .. } | BatchEvent::Recovered { .. }) {
            bar.inc(1);
        }
    };
    let report = batch.run_observed(&items, control, &finished, |chunk| match writer.write(&chunk.items) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            trouble = Some(error);
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = trouble {
        return Err(error);
    }
    // Those of the journal were in no chunk.
    writer.write(&report.items)?;
    let mut object = object(&report, &writer);
    object["model_id"] = json!(prepared.artifacts.model_id());
    object["out"] = json!(args.out);
    report::result(session, &object, &text(&report, &writer));
    Ok(match report.status {
        BatchStatus::Complete => Outcome::True,
        BatchStatus::Cancelled => Outcome::Missing,
        BatchStatus::PartialSuccess | BatchStatus::Failed => Outcome::Refused,
    })
}

fn config(args: &Args) -> BatchConfig {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = args.workers.map_or(cores, usize::from);
    let mut config = BatchConfig::new(Strategy::Streaming { chunk: args.chunk.into(), workers });
    config.limits.workers = workers;
    config.journal.clone_from(&args.journal);
    if args.one_proof { config.aggregated(Aggregation::InCircuit) } else { config }
}

/// Writes every bundle once.
struct Writer<'a> {
    dir: &'a Path,
    form: &'a FormArgs,
    /// By the bundle's address, which lives as long as the report.
    written: HashMap<*const Bundle, PathBuf>,
}

impl Writer<'_> {
    fn write(&mut self, items: &[ItemReport]) -> Result<(), Failure> {
        for item in items {
            let Done::Proven { bundle, .. } = &item.outcome else { continue };
            if !self.written.contains_key(&Arc::as_ptr(bundle)) {
                let path = self.dir.join(format!("{:05}.bundle.json", item.index));
                write_atomic(&path, &self.form.encode(bundle))?;
                self.written.insert(Arc::as_ptr(bundle), path);
            }
        }
        Ok(())
    }

    fn path(&self, report: &BatchReport, index: usize) -> Option<&PathBuf> {
        self.written.get(&Arc::as_ptr(report.bundle(index)?))
    }
}

fn object(report: &BatchReport, writer: &Writer<'_>) -> Value {
    let items = report.items.iter().map(|item| {
        let bundle = writer.path(report, item.index);
        let statement = report.items.get(first_of(item)).and_then(ItemReport::statement);
        let mut object = json!({
            "index": item.index,
            "input": item.id,
            "outcome": word(&item.outcome),
            "bundle": bundle,
            "statement_id": statement.map(zkinfer::proof::Statement::id),
        });
        match &item.outcome {
            Done::Failed { message, .. } => object["message"] = json!(message),
            Done::Proven { statement, recovered, .. } => {
                object["statement"] = json!(statement);
                object["recovered"] = json!(recovered);
            }
            _ => {}
        }
        object
    });
    json!({
        "status": report.status,
        "items": items.collect::<Vec<_>>(),
        "bundles": writer.written.len(),
        "metrics": report.metrics,
    })
}

/// The item that is proven: itself, or the one that says the same.
const fn first_of(item: &ItemReport) -> usize {
    match &item.outcome {
        Done::Duplicate { of } => *of,
        _ => item.index,
    }
}

const fn word(outcome: &Done) -> &'static str {
    match outcome {
        Done::Proven { .. } => "proven",
        Done::Duplicate { .. } => "duplicate",
        Done::Failed { .. } => "failed",
        _ => "cancelled",
    }
}

fn text(report: &BatchReport, writer: &Writer<'_>) -> String {
    let metrics = &report.metrics;
    let mut rows: Vec<(String, String)> = [
        ("proven", metrics.proven),
        ("from the journal", metrics.recovered),
        ("duplicates", metrics.duplicates),
        ("failed", metrics.failed),
        ("cancelled", metrics.cancelled),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(name, count)| (name.to_owned(), count.to_string()))
    .collect();
    for item in &report.items {
        if let Done::Failed { message, .. } = &item.outcome {
            rows.push((item.id.clone(), message.clone()));
        }
    }
    format!(
        "{} of {} inputs in {} bundles, {}\n{}",
        report.items.iter().filter(|item| item.outcome.is_success()).count(),
        report.items.len(),
        writer.written.len(),
        report::time(metrics.time.as_secs_f64() * 1e3),
        report::rows(&rows)
    )
}
