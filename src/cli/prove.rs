use super::{
    Failure, ModelArgs, Outcome, account,
    answers::{AnswerArgs, Answers},
    choice, context,
    context::Session,
    digits,
    form::FormArgs,
    hidden,
    index::{self, Entering, NoteArgs},
    inputs::{self, Named},
    report,
};
use alloy::primitives::{Address, B256};
use anyhow::bail;
use serde_json::{Value, json};
use std::path::PathBuf;
use zkinfer::{
    FailureClass,
    backend::{Opening, Openings},
    model::{Input, TensorInfo},
    pipeline::{
        PipelineError, Prepared, ProofGenerator, ProofRequest,
        proof_creation::{IncrementalResult, ProofMetrics, TogetherResponse},
    },
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
is another one or a number is too far off, is not proven: the exit code is 2, and both answers are shown.

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
    let chosen = choice::prepare(&args.model, &model, session)?;
    let (integration, prepared) = (&chosen.integration, &chosen.prepared);
    let schema = prepared.artifacts.schema().map_err(PipelineError::from)?;
    index::check(&annotation, &schema, args.chain.map_or(inputs.len(), usize::from))?;
    // What is the next input is no list of scores.
    let reference = args.answers.reference(&model, chosen.samples.as_ref(), &labels, args.chain.is_some())?;
    let mut answers = Answers::new(labels);
    let generator = ProofGenerator::new(integration.backend(), prepared).against(reference);
    let context = args.destination.context();
    let request = |input| ProofRequest { context, ..ProofRequest::new(model.hash(), input) };
    let (mut object, text, structure, bytes) = if let Some(steps) = args.chain {
        let first = inputs.into_iter().map(|named| named.input).next().map(request);
        let first = first.ok_or_else(|| Failure::Input("a chain begins with an input".into()))?;
        let input = first.input.clone();
        let chain = chain(&generator, first, steps.into(), session)?;
        answers_of_chain(&generator, &chain.structure, input, &mut answers)?;
        let bytes = args.write(&chain.structure, prepared.artifacts.model_id(), &chain.openings)?;
        let (object, text) = of_chain(&chain, chosen.row());
        (object, text, chain.structure, bytes)
    } else {
        let (names, requests): (Vec<String>, Vec<ProofRequest>) =
            inputs.into_iter().map(|named| (named.name, request(named.input))).unzip();
        let response =
            generator.generate_together(&requests, session.control()).map_err(|error| blamed(&names, error))?;
        for (at, (name, request)) in names.into_iter().zip(&requests).enumerate() {
            // In a circuit that takes several inputs they are in one statement.
            let statements = response.bundle.statements();
            let (statement, place) = if statements.len() == 1 { (0, at) } else { (at, 0) };
            let Some(statement) = statements.get(statement) else { continue };
            answers.push(name, generator.outputs(&statement.public_values, place, None, &request.input)?);
        }
        let (object, text) = of_bundle(&response, chosen.row());
        let structure = response.bundle.into();
        let bytes = args.write(&structure, prepared.artifacts.model_id(), &response.openings)?;
        (object, text, structure, bytes)
    };
    object["transferable"] = json!(!integration.backend().capabilities().binds_statement);
    object["answers"] = answers.object();
    object["backend_choice"] = chosen.object();
    describe(&mut object, args, prepared);
    let openings = args.openings.as_ref().map(|path| format!("  {}: SECRET; nothing makes it again\n", path.display()));
    let text = format!("Wrote {}: {text}{}{}", args.out.display(), openings.unwrap_or_default(), answers.text());
    let notes = index::write_notes(&annotation, &structure, &args.out);
    report::result(session, &object, &text);
    Entering::new(&args.note.index).file(&structure, &bytes, &args.out, &notes);
    Ok(Outcome::True)
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

/// What is known of the model, whatever was proven with it.
fn describe(object: &mut Value, args: &Args, prepared: &Prepared) {
    let identity = prepared.artifacts.identity();
    object["bundle"] = json!(args.out);
    object["openings"] = json!(args.openings);
    object["backend"] = json!(identity.backend);
    object["model_id"] = json!(prepared.artifacts.model_id());
    object["artifacts_built"] = json!(prepared.built);
    object["test_srs"] = json!(prepared.srs.is_test());
    object["srs_kind"] = json!(prepared.srs.word());
}

/// Of several inputs, the one that is refused is named.
fn blamed(names: &[String], error: PipelineError) -> anyhow::Error {
    match error {
        PipelineError::Request { index, source } if source.class() == FailureClass::BadInput => {
            anyhow::Error::new(*source).context(names.get(index).cloned().unwrap_or_default())
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
