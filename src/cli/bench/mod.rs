//! Backends side by side, on one model, in one run.

mod child;
mod contender;
mod goals;
mod measure;
mod pipeline;
mod sizes;
mod subject;
mod table;
mod text;

pub(crate) use child::{ChildArgs, run as run_child};

use super::{Failure, Outcome, context::Session, report};
use contender::Contender;
use measure::Row;
use serde_json::{Value, json};
use std::path::PathBuf;
use subject::Subject;

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer bench
  zkinfer bench --shape 64-128-64-10 --backend native --runs 20
  zkinfer bench --shape 64-128-64-10 --batch 16 --backend native
  zkinfer bench --model mlp.onnx --samples samples.json --json
  zkinfer bench --models goals --runs 20
  zkinfer bench --models goals --only lenet --backend native --json
  zkinfer bench --models sizes --predict
  zkinfer bench --models sizes --only MiniLM --runs 1
  zkinfer bench --pipeline --runs 20

Medians of the wall time on this machine, in this build; the first proof is not counted. What is timed as `prove` is the
witness, the proof and its verification. Each backend proves in a process of its own that did not make the keys, so that
CPU time and peak memory are those of proving. `set-up` is everything from the ONNX file to keys and the code of the
verifier. A --shape is a synthetic network with seeded random weights and random inputs.

`ezkl` is EZKL with the circuit that zkinfer chooses; `ezkl-default` is EZKL as its users run it: default run arguments,
then calibrate_settings.

--pipeline measures what a node program calls instead, on the digits model: single requests and batches, what that adds to
the backend alone, the verifier's modes, memory, and 10,000 queued requests, beside the goals that this project has set itself.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The ONNX file [default: the digits model that comes with zkinfer].
    #[arg(long, value_name = "FILE", conflicts_with_all = ["shape", "models"], requires = "samples")]
    model: Option<PathBuf>,

    /// Inputs of the model, one after the other in one list: they calibrate the backends, and the first are proven.
    #[arg(long, value_name = "FILE", requires = "model")]
    samples: Option<PathBuf>,

    /// A synthetic perceptron of these widths, from input to output.
    #[arg(long, value_name = "WIDTHS", value_delimiter = '-', conflicts_with = "models")]
    shape: Vec<usize>,

    /// A set of models, and what they are to reach.
    #[arg(long, value_enum, value_name = "SET", conflicts_with_all = ["batch"])]
    models: Option<Set>,

    /// Of a set, only the models whose name in the table has this in it; may be given several times.
    #[arg(long, value_name = "NAME", requires = "models")]
    only: Vec<String>,

    /// With --models sizes: only say what a proof is expected to take.
    #[arg(long, requires = "models")]
    predict: bool,

    /// What to measure; may be given several times [default: native, ezkl and ezkl-default].
    #[arg(long, value_enum)]
    backend: Vec<Contender>,

    /// Measure the pipeline around the backends, on the digits model.
    #[arg(long, conflicts_with_all = ["model", "shape", "models", "batch"])]
    pipeline: bool,

    /// With --pipeline: how many of 10,000 queued requests are proven before the rest is cancelled [default: all with
    /// native, 20 with EZKL].
    #[arg(long, value_name = "N", requires = "pipeline", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    served: Option<u32>,

    /// Statements per proof; only the native backend takes more than one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,

    /// Proofs per backend.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,

    /// Proofs of EZKL, at most --runs.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    ezkl_runs: u32,

    /// Turn the native prover's vector kernels off, as on machines without AVX512-IFMA.
    #[arg(long)]
    scalar: bool,
}

/// Models that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Set {
    /// The networks that this project has set itself goals for.
    Goals,
    /// Transformers that grow up to sizes that the world runs, with random weights; native alone.
    Sizes,
}

/// One model, and what was measured on it.
struct Measured {
    subject: Subject,
    batch: usize,
    rows: Vec<Row>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let _runtime = session.runtime()?;
    zkinfer_prover::kernels::force_scalar(args.scalar);
    let contenders = contenders(args, &Contender::USUAL);
    if args.pipeline {
        return run_pipeline(args, session);
    }
    if args.predict && args.models != Some(Set::Sizes) {
        return Err(
            Failure::Input("--predict goes with --models sizes; for a file: zkinfer compile --predict".into()).into()
        );
    }
    let (measured, goals) = match args.models {
        Some(Set::Sizes) => return run_sizes(args, session),
        Some(Set::Goals) => goals::measure(&contenders, args, session)?,
        None => {
            let subject = Subject::of(args)?;
            let rows = contenders
                .iter()
                .map(|&contender| measure::measure(contender, &subject, args.batch as usize, args, session));
            (vec![Measured { rows: rows.collect::<Result<_, _>>()?, subject, batch: args.batch as usize }], Vec::new())
        }
    };
    let machine = table::Machine::this(args);
    let mut object = machine.object();
    object["models"] = measured.iter().map(Measured::object).collect();
    object["goals"] = goals.iter().map(goals::Reached::object).collect();
    report::result(session, &object, &table::markdown(&machine, &measured, &goals));
    Ok(Outcome::True)
}

/// The pipeline is the same around either of EZKL's circuits: it is measured around the one that zkinfer chooses.
fn run_pipeline(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let rows = pipeline::measure(&contenders(args, &[Contender::Native, Contender::Ezkl]), args, session)?;
    let machine = table::Machine::this(args);
    let mut object = machine.object();
    object["pipeline"] = rows.iter().map(pipeline::Row::object).collect();
    report::result(session, &object, &pipeline::markdown(&machine, &rows));
    Ok(Outcome::True)
}

fn run_sizes(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let sizes = sizes::run(args, session)?;
    let machine = table::Machine::this(args);
    let mut object = machine.object();
    object["sizes"] = sizes.iter().map(sizes::Size::object).collect();
    report::result(session, &object, &sizes::markdown(&machine, &sizes));
    Ok(Outcome::True)
}

fn contenders(args: &Args, all: &[Contender]) -> Vec<Contender> {
    if args.backend.is_empty() { all.to_vec() } else { args.backend.clone() }
}

impl Measured {
    fn object(&self) -> Value {
        json!({
            "model": self.subject.name,
            "params": self.subject.model.parameters(),
            "batch": self.batch,
            "backends": self.rows.iter().map(Row::object).collect::<Vec<_>>(),
        })
    }

    /// What a contender reached, if it was measured.
    fn figures(&self, contender: Contender) -> Option<&measure::Figures> {
        self.rows.iter().find(|row| row.contender == contender).and_then(|row| row.figures.as_ref().ok())
    }
}
