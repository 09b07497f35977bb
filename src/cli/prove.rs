use super::{
    Failure, ModelArgs, Outcome, context,
    context::Session,
    digits,
    form::FormArgs,
    inputs::{self, Named},
    report, verify,
};
use serde_json::json;
use std::{path::PathBuf, time::Instant};
use zkinfer::{
    FailureClass,
    backend::{BackendError, Openings},
    pipeline::{PipelineError, ProofGenerator},
    proof::{Context, Statement, bundle::MAX_STATEMENTS},
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
  zkinfer prove --model mlp.onnx --hide inputs --input secret.json --out answer.bundle.json --openings answer.openings.json

An input file is {\"input_data\": [[numbers of the first input tensor, row-major], …]}.
A .jsonl file has one such object per line; of a directory, its .json and .jsonl files are read in the order of their
names. All inputs go into one proof (native; EZKL proves one at a time). The bundle is made for no chain. It replaces FILE only when it is complete.

With --hide a statement commits to the inputs or the outputs instead of showing them. What opens the commitments goes into
the file --openings, which is secret and which only you have: keep it. Without it nobody, you included, can show later what
was committed, and a proof with hidden tensors cannot be submitted to a registry.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// An input file, or a directory of them; may be given several times [default: an image of a seven, for the digits
    /// model only].
    #[arg(long, value_name = "FILE|DIR")]
    input: Vec<PathBuf>,

    /// Where the bundle goes.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,

    /// Where what opens the hidden tensors goes (mode 0600); needed with --hide.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    #[command(flatten)]
    form: FormArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let inputs = match (args.input.is_empty(), &args.model.model) {
        (false, _) => inputs::read(&args.input, MAX_STATEMENTS)?,
        (true, None) => {
            let image = digits::image(None)?;
            vec![Named { name: image.name.into(), input: image.input }]
        }
        (true, Some(_)) => return Err(Failure::Input("a model of your own needs --input FILE".into())),
    };
    match (&args.openings, args.model.hide.is_empty()) {
        (None, false) => {
            let what = "--hide needs --openings FILE: without it nobody can show later what was committed";
            return Err(Failure::Input(what.into()));
        }
        (Some(_), true) => return Err(Failure::Input("--openings is for what --hide hides".into())),
        (Some(path), false) if *path == args.out => {
            return Err(Failure::Input("--out and --openings name the same file".into()));
        }
        _ => {}
    }
    check_writable(&args.out)?;
    args.openings.as_deref().map(check_writable).transpose()?;
    let model = context::model(&args.model)?;
    for Named { name, input } in &inputs {
        input.check(model.inputs()).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
    }
    let _runtime = session.runtime()?;
    let integration = context::integration_for(&args.model)?;
    let max = integration.backend().capabilities().max_batch;
    if inputs.len() > max {
        return Err(BackendError::BatchSize { items: inputs.len(), max }.into());
    }
    let control = session.control();
    let prepared = integration.prepare(&model, control)?;
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let start = Instant::now();
    let mut witnesses = Vec::with_capacity(inputs.len());
    for (at, Named { name, input }) in inputs.iter().enumerate() {
        control.stage(&format!("witness {} of {}", at + 1, inputs.len()));
        witnesses.push(generator.witness(input, control).map_err(|error| named(name, inputs.len(), error))?);
    }
    let runs: Vec<_> = witnesses.iter().map(|witness| (witness, Context::Offchain {})).collect();
    let bundle = generator.prove_batch(&runs, control)?;
    let prove_ms = start.elapsed().as_secs_f64() * 1e3;
    if let Some(path) = &args.openings {
        let opened = witnesses.iter().filter_map(|witness| witness.opening().cloned()).collect();
        let openings = Openings::new(bundle.model_id(), opened).to_json();
        // Before the bundle: there is none without them. Temporary files, which this one begins as, have mode 0600.
        write_atomic(path, &openings.map_err(|error| Failure::Internal(error.to_string()))?)?;
    }
    write_atomic(&args.out, &args.form.encode(&bundle))?;
    let manifest = bundle.manifest();
    let ids: Vec<_> = bundle.statements().iter().map(Statement::id).collect();
    let object = json!({
        "bundle": args.out,
        "openings": args.openings,
        "backend": manifest.backend,
        "model_id": bundle.model_id(),
        "statement_ids": ids,
        "inferences": ids.len(),
        "proof_hash": manifest.proof_hash,
        "proof_bytes": bundle.proof().len(),
        "prove_ms": prove_ms,
        "artifacts_built": prepared.built,
        "test_srs": manifest.test_srs,
        "transferable": manifest.transferable,
    });
    let mut rows = vec![
        ("model id".into(), bundle.model_id().to_string()),
        ("statement id".into(), verify::listed(&ids)),
        ("proof".into(), format!("{} bytes, SHA-256 {}", bundle.proof().len(), manifest.proof_hash)),
    ];
    if let Some(path) = &args.openings {
        rows.push(("openings".into(), format!("{}: SECRET; keep it, nothing derives it again", path.display())));
    }
    let (time, rows) = (report::time(prove_ms), report::rows(&rows));
    let text = format!("Proved in {time} and wrote {}\n{rows}", args.out.display());
    report::result(session, &object, &text);
    Ok(Outcome::True)
}

/// Of several inputs, the one that is refused is named.
fn named(name: &str, inputs: usize, error: PipelineError) -> Failure {
    match error.class() {
        FailureClass::BadInput if inputs > 1 => Failure::Input(format!("{name}: {error}")),
        _ => error.into(),
    }
}
