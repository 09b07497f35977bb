mod written;

use super::{
    Failure, ModelArgs, Outcome,
    answers::{AnswerArgs, Answers},
    choice, context,
    context::Session,
    form::FormArgs,
    index::{self, Entering, NoteArgs},
    inputs::{self, Found},
    report,
};
use clap::ValueEnum;
use serde_json::json;
use std::{collections::BTreeMap, fs, ops::ControlFlow, path::PathBuf, time::Duration};
use written::{Writer, padding};
use zkinfer::{
    model::{Input, TensorInfo},
    pipeline::{
        BatchProofGenerator, PipelineError, ProofGenerator, ProofRequest,
        batch_proofs::{
            Aggregation, BatchConfig, BatchEvent, BatchItem, BatchReport, BatchStatus, Outcome as Done, Strategy,
        },
    },
    proof::{bundle::BackendName, structure::MAX_DEPTH},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer batch --input inputs/ --out bundles/
  zkinfer batch --model mlp.onnx --calibration samples.json --input requests.jsonl --out bundles/ --one-proof --json
  zkinfer batch --backend ezkl --model model.onnx --input inputs/ --out bundles/ --workers 2 --journal batch.journal
  zkinfer batch --model mlp.onnx --input samples.npy --out bundles/          a bundle for every row
  zkinfer batch --input inputs/ --out bundles/ --aggregate merkle          then: zkinfer verify bundles/merkle.bundle.json
  zkinfer batch --input inputs/ --out bundles/ --aggregate tree --depth 3 --strategy adaptive --target 5

Proves every inference in the input files, as `zkinfer prove --help` has them; of directories, their files in the order of their
names. A bundle is written
to DIR as soon as its chunk is done, named after the number of its first input. An input that is refused keeps nothing from
the others; the report names it, and the exit code is 2. So is one whose answer is not the floating-point model's (--max-error). With a journal, a batch that was interrupted goes on where it was.

`--aggregate merkle` and `tree` write one more file when all is done, merkle.bundle.json or tree.bundle.json, with all bundles
in the order of their inputs; the report has its Merkle root, and for every input its place in it with the hashes beside the
way up. `zkinfer verify` takes such a file as it takes a bundle.";

/// Inputs in one batch.
const MAX_ITEMS: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// An input file (JSON, .jsonl, .npy, .npz, .csv) with one or several inferences, or a directory of them; may be given
    /// several times.
    #[arg(long, value_name = "FILE|DIR", required = true)]
    input: Vec<PathBuf>,

    /// The directory that the bundles go to; made if it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// What becomes of the proofs.
    #[arg(long, value_enum, default_value = "none", value_name = "KIND")]
    aggregate: Aggregate,

    /// Short for `--aggregate one-proof`.
    #[arg(long, conflicts_with = "aggregate")]
    one_proof: bool,

    /// How deep the tree is [default: 2].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=MAX_DEPTH as i64))]
    depth: Option<u8>,

    /// In which portions the inputs are proven. A bundle is on the disk when its portion is done.
    #[arg(long, value_enum, default_value = "streaming")]
    strategy: Portions,

    /// Inputs in a chunk (streaming), or at most in one (adaptive).
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    chunk: u16,

    /// Adaptive: the seconds meant for a chunk [default: 10].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    target: Option<u32>,

    /// Proofs at once [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Record finished proofs here, and take those that are recorded.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    #[command(flatten)]
    answers: AnswerArgs,

    #[command(flatten)]
    form: FormArgs,

    #[command(flatten)]
    note: NoteArgs,
}

/// What bundles are put together to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Aggregate {
    /// A bundle for every input.
    None,
    /// One proof for as many inputs as it takes: native 4096 or a chunk, EZKL the places of its circuit.
    OneProof,
    /// A bundle for every input, and all of them in a list under one Merkle root.
    Merkle,
    /// A bundle for every input, and all of them in a tree.
    Tree,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Portions {
    /// One after the other.
    Sequential,
    /// All at once.
    Parallel,
    /// In chunks.
    Streaming,
    /// In chunks as large as are expected to take the time meant for one.
    Adaptive,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let config = config(args)?;
    let annotation = args.note.annotation()?;
    let model = context::model(&args.model)?;
    let labels = args.answers.labels.read(Some(&model))?;
    labels.expect_one_of(model.outputs().iter().map(TensorInfo::elements))?;
    let found = inputs::find(&args.input, MAX_ITEMS, &model)?;
    fs::create_dir_all(&args.out)
        .map_err(|error| Failure::Environment(format!("cannot write to {}: {error}", args.out.display())))?;
    let _runtime = session.runtime()?;
    let chosen = choice::prepare(&args.model, &model, session)?;
    let (integration, prepared, control) = (&chosen.integration, &chosen.prepared, session.control());
    let schema = prepared.artifacts.schema().map_err(PipelineError::from)?;
    index::check(&annotation, &schema, found.len())?;
    let (items, refused) = items(found, &model.hash())?;
    let reference = args.answers.reference(&model, chosen.samples.as_ref(), &labels, false)?;
    let generator = || ProofGenerator::new(integration.backend(), prepared).against(reference.clone());
    let capacity = generator().capacity()?;
    if chosen.backend() == BackendName::Ezkl && capacity > 1 && args.aggregation() != Aggregate::OneProof {
        return Err(
            Failure::Input(format!("the circuit takes {capacity} inputs at once: it is for --one-proof")).into()
        );
    }
    let batch = BatchProofGenerator::new(generator(), config)?;
    let bar = session.bar(items.len() as u64);
    let mut writer = Writer::new(&args.out, &args.form, &annotation, Entering::new(&args.note.index));
    let mut trouble = None;
    let finished = |event: &BatchEvent| {
        if matches!(event, BatchEvent::Finished { .. } | BatchEvent::Recovered { .. }) {
            bar.inc(1);
        }
    };
    let mut report = batch.run_observed(&items, control, &finished, |chunk| match writer.write(&chunk.items) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            trouble = Some(error);
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = trouble {
        return Err(error.into());
    }
    for item in &mut report.items {
        if let Some(message) = refused.get(&item.index) {
            item.outcome = Done::Failed { field: Some("input".into()), message: message.clone() };
        }
    }
    // Those of the journal were in no chunk.
    writer.write(&report.items)?;
    writer.write_structure(args.aggregation(), &report)?;
    let padding = padding(&report, capacity);
    let answers = answers(&generator(), &items, &report, Answers::new(labels))?;
    let mut object = writer.object(&report, padding);
    object["answers"] = answers.object();
    object["backend_choice"] = chosen.object();
    object["model_id"] = json!(prepared.artifacts.model_id());
    object["dims"] = json!(prepared.artifacts.identity().dims);
    object["remarks"] = json!(model.remarks());
    object["out"] = json!(args.out);
    report::result(
        session,
        &object,
        &format!("{}{}{}", writer.text(&report, padding), report::rows(&[chosen.row()]), answers.text()),
    );
    Ok(match report.status {
        BatchStatus::Complete => Outcome::True,
        BatchStatus::Cancelled => Outcome::Missing,
        BatchStatus::PartialSuccess | BatchStatus::Failed => Outcome::Refused,
    })
}

/// The answer to every input that is proven, read from the bundle.
fn answers(
    generator: &ProofGenerator<'_>,
    items: &[BatchItem],
    report: &BatchReport,
    mut answers: Answers,
) -> Result<Answers, Failure> {
    for (item, found) in items.iter().zip(&report.items) {
        if let (Some(statement), Done::Proven { slot, .. }) = (found.statement(), &found.outcome) {
            let (values, place) = (&statement.public_values, slot.unwrap_or(0));
            answers.push(item.id.as_str(), generator.outputs(values, place, None, &item.request.input)?);
        }
    }
    Ok(answers)
}

/// The items of a batch, and by index why some have no input: they keep their places, and fail for having no tensor.
fn items(found: Vec<Found>, model: &str) -> Result<(Vec<BatchItem>, BTreeMap<usize, String>), Failure> {
    let (mut items, mut refused) = (Vec::with_capacity(found.len()), BTreeMap::new());
    for Found { name, input } in found {
        let input = match input {
            Ok(input) => input,
            Err(error) => {
                refused.insert(items.len(), error.to_string());
                Input::new(Vec::new())?
            }
        };
        items.push(BatchItem::new(name, ProofRequest::new(model, input)));
    }
    Ok((items, refused))
}

impl Args {
    const fn aggregation(&self) -> Aggregate {
        if self.one_proof { Aggregate::OneProof } else { self.aggregate }
    }
}

fn config(args: &Args) -> Result<BatchConfig, Failure> {
    let refuse = |sentence: &str| Err(Failure::Input(sentence.into()));
    if args.depth.is_some() && args.aggregation() != Aggregate::Tree {
        return refuse("--depth is for --aggregate tree");
    }
    if args.target.is_some() && args.strategy != Portions::Adaptive {
        return refuse("--target is for --strategy adaptive");
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (workers, chunk) = (args.workers.map_or(cores, usize::from), args.chunk.into());
    let target = Duration::from_secs(args.target.unwrap_or(10).into());
    let mut config = BatchConfig::new(match args.strategy {
        Portions::Sequential => Strategy::Sequential,
        Portions::Parallel => Strategy::Parallel { workers },
        Portions::Streaming => Strategy::Streaming { chunk, workers },
        Portions::Adaptive => Strategy::Adaptive { min: 1, max: chunk, target, workers },
    });
    config.limits.workers = workers;
    config.journal.clone_from(&args.journal);
    Ok(config.aggregated(match args.aggregation() {
        Aggregate::None => Aggregation::None,
        Aggregate::OneProof => Aggregation::InCircuit,
        Aggregate::Merkle => Aggregation::Merkle,
        Aggregate::Tree => Aggregation::Recursive { depth: args.depth.map_or(2, usize::from) },
    }))
}
