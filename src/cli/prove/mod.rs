//! `zkinfer prove`.

mod job;

use super::{
    Failure, ModelArgs, Outcome, account,
    answers::AnswerArgs,
    choice, context,
    context::Session,
    digits,
    failure::other_answer,
    form::FormArgs,
    hidden,
    index::{self, Entering, NoteArgs},
    inputs::{self, Named},
    report,
};
use alloy::primitives::{Address, B256};
use anyhow::bail;
use job::{Job, Proven};
use serde_json::{Value, json};
use std::path::PathBuf;
use zkinfer::{
    backend::{Opening, Openings},
    model::TensorInfo,
    pipeline::Prepared,
    proof::{Assignment, Context, Structure, bundle::MAX_STATEMENTS, structure::MAX_BUNDLES},
    storage::{check_writable, write_atomic},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer prove --out seven.bundle.json
  zkinfer prove --model model.onnx --input input.json --out answer.bundle.json --json
  zkinfer prove --model mlp.onnx --calibration samples.json --input input.json --out answer.bundle.json
  zkinfer prove --backend ezkl --model model.onnx --input input.json --out answer.bundle.json
  zkinfer prove --model mlp.onnx --input a.json --input b.json --out both.bundle.json     one proof of both
  zkinfer prove --model mlp.onnx --input inputs/ --input more.jsonl --out all.bundle.json
  zkinfer prove --model mlp.onnx --input rows.npy --out rows.bundle.json     one proof of every row
  zkinfer prove --model step.onnx --input start.json --chain 10 --out chain.bundle.json     each on the answer before
  zkinfer prove --registry 0x… --chain-id 8453 --submitter 0x… --deadline 1800000000 --out claim.bundle.json
  zkinfer prove --model mlp.onnx --hide inputs --input secret.json --out answer.bundle.json --openings answer.openings.json

An input file is JSON as EZKL has it, {\"input_data\": [[numbers of the first input tensor, row-major], …]}, or with the
tensors' names, {\"x\": [numbers]}; lists may be nested as the tensor's shape. Or it is a .npy or .npz file of NumPy, or for
models that take a row of numbers a .csv table whose first line names the columns. Several inferences in one file are rows: a
batch axis of N where the model has one of 1, or N in front of its shape. A .jsonl file has one JSON object per line; of a
directory, the files that end in .json, .jsonl, .npy, .npz or .csv are read in the order of their names.

All inputs go into one proof: native takes 4096, or as many as there are powers of tau for (256 of a small model, with
those that come with zkinfer); an EZKL circuit as many as it was made for; what is left of it is filled up with zeros. The bundle is made for no chain, or with
--registry for one that need not be asked: nobody but the submitter can submit it then. It replaces FILE only when it is complete. `--json` tells what the
witness, the proof and the rest took: together they are the total.

The answer is shown in the model's units beside the floating-point model's. An answer that is not the model's, because its class
is another one or a number is too far off, is not proven: the exit code is 2, and both answers are shown. Without --backend,
and for no registry, a perceptron whose answer that is gets weights of 16 bits first, as with --precise, and the report says so.

The bundle is entered into the index of `zkinfer search`, with what --meta, --label and --embedding say; never an input.

With --hide a statement commits to the inputs or the outputs instead of showing them. What opens the commitments goes into
the file --openings, which is secret and which only you have: keep it. Without it nobody, you included, can show later what
was committed, and `zkinfer submit` cannot prove it again for a registry.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// An input file with one or several inferences, or a directory of them; may be given several times [default: an image of a seven, for the digits
    /// model only].
    #[arg(long, value_name = "FILE|DIR")]
    input: Vec<PathBuf>,

    /// Where the bundle goes.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,

    /// Where what opens the hidden tensors goes (mode 0600); needed with --hide.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    /// Prove so many inferences, the first on the input, every other on the answer before, each with a proof of its own;
    /// `zkinfer verify` checks the links.
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u16).range(1..=MAX_BUNDLES as i64))]
    chain: Option<u16>,

    #[command(flatten)]
    answers: AnswerArgs,

    #[command(flatten)]
    destination: Destination,

    #[command(flatten)]
    form: FormArgs,

    #[command(flatten)]
    note: NoteArgs,
}

/// The registry that a bundle is made for, of a chain that need not be there.
#[derive(Debug, clap::Args)]
struct Destination {
    /// Make the bundle for this ProofRegistry, instead of for no chain. No node is asked: `zkinfer submit` sends it as it is.
    #[arg(long, value_name = "ADDRESS", value_parser = account::address,
          requires_all = ["chain_id", "submitter", "deadline"], conflicts_with = "chain")]
    registry: Option<Address>,

    /// The registry's chain.
    #[arg(long, value_name = "ID", requires = "registry")]
    chain_id: Option<u64>,

    /// Who will submit it: nobody else can.
    #[arg(long, value_name = "ADDRESS", value_parser = account::address, requires = "registry")]
    submitter: Option<Address>,

    /// The contract the claim is made for [default: anybody's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address, requires = "registry")]
    consumer: Option<Address>,

    /// The 32 bytes that the consumer assigned [default: zero].
    #[arg(long, value_name = "BYTES32", requires = "registry")]
    job: Option<B256>,

    /// The registry refuses the claim after this second of Unix time.
    #[arg(long, value_name = "UNIX", requires = "registry")]
    deadline: Option<u64>,
}

impl Destination {
    fn context(&self) -> Context {
        let (Some(registry), Some(chain_id), Some(submitter), Some(deadline)) =
            (self.registry, self.chain_id, self.submitter, self.deadline)
        else {
            return Context::Offchain {};
        };
        let (consumer, job) = (self.consumer.unwrap_or_default(), self.job.unwrap_or_default());
        Context::Chain { chain_id, registry, assignment: Assignment { submitter, consumer, job, deadline } }
    }
}

impl Args {
    /// Openings are made exactly where something is hidden, and are not to be lost.
    fn expect_openings(&self) -> Result<(), Failure> {
        let refuse = |reason: &str| Err(Failure::Input(reason.into()));
        match (&self.openings, self.model.hide.is_empty()) {
            (None, false) => {
                refuse("--hide needs --openings FILE: without it nobody can show later what was committed")
            }
            (Some(_), true) => refuse("--openings is for what --hide hides"),
            (Some(path), false) if *path == self.out => refuse("--out and --openings name the same file"),
            _ => Ok(()),
        }
    }

    /// Writes the openings before the bundles: without them there are none. Returns the bytes of the bundles.
    fn write(&self, structure: &Structure, model_id: B256, openings: &[Opening]) -> Result<Vec<u8>, Failure> {
        if let Some(path) = &self.openings {
            hidden::write(path, &Openings::new(model_id, openings.to_vec()))?;
        }
        let bytes = self.form.encode(structure);
        write_atomic(&self.out, &bytes)?;
        Ok(bytes)
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    args.expect_openings()?;
    let annotation = args.note.annotation()?;
    check_writable(&args.out)?;
    args.openings.as_deref().map(check_writable).transpose()?;
    let model = context::model(&args.model)?;
    let inputs = match (args.input.is_empty(), &args.model.model) {
        (false, _) => inputs::read(&args.input, MAX_STATEMENTS, &model)?,
        (true, None) => {
            let image = digits::image(None)?;
            vec![Named { name: image.name.into(), input: image.input }]
        }
        (true, Some(_)) => bail!(Failure::Input("a model of your own needs --input FILE".into())),
    };
    if args.chain.is_some() && inputs.len() != 1 {
        bail!(Failure::Input(format!("a chain begins with one input, not with {}", inputs.len())));
    }
    let labels = args.answers.labels.read(Some(&model))?;
    labels.expect_one_of(model.outputs().iter().map(TensorInfo::elements))?;
    let _runtime = session.runtime()?;
    let job = Job { args, model: &model, inputs: &inputs, labels: &labels, annotation: &annotation, session };
    let mut chosen = choice::prepare(&args.model, &model, session)?;
    let proven = match job.prove(&chosen) {
        // For a registry, somebody chose which model is registered there.
        Err(error) if other_answer(&error).is_some() && args.destination.registry.is_none() => {
            let Some(finer) = choice::finer(&args.model, &model, session, &chosen)? else { return Err(error) };
            chosen = finer;
            // What both get wrong is said of the first.
            job.prove(&chosen).map_err(|again| if other_answer(&again).is_some() { error } else { again })?
        }
        proven => proven?,
    };
    let Proven { mut object, text, structure, openings, answers } = proven;
    let (integration, prepared) = (&chosen.integration, &chosen.prepared);
    let bytes = args.write(&structure, prepared.artifacts.model_id(), &openings)?;
    object["transferable"] = json!(!integration.backend().capabilities().binds_statement);
    object["answers"] = answers.object();
    object["backend_choice"] = chosen.object();
    object["remarks"] = json!(model.remarks());
    describe(&mut object, args, prepared);
    let openings = args.openings.as_ref().map(|path| format!("  {}: SECRET; nothing makes it again\n", path.display()));
    let text = format!("Wrote {}: {text}{}{}", args.out.display(), openings.unwrap_or_default(), answers.text());
    let notes = index::write_notes(&annotation, &structure, &args.out);
    report::result(session, &object, &text);
    Entering::new(&args.note.index).file(&structure, &bytes, &args.out, &notes);
    Ok(Outcome::True)
}

/// What is known of the model, whatever was proven with it.
fn describe(object: &mut Value, args: &Args, prepared: &Prepared) {
    let identity = prepared.artifacts.identity();
    object["bundle"] = json!(args.out);
    object["openings"] = json!(args.openings);
    object["backend"] = json!(identity.backend);
    object["model_id"] = json!(prepared.artifacts.model_id());
    object["dims"] = json!(identity.dims);
    object["artifacts_built"] = json!(prepared.built);
    object["test_srs"] = json!(prepared.srs.is_test());
    object["srs_kind"] = json!(prepared.srs.word());
}
