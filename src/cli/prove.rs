use super::{Failure, ModelArgs, Outcome, context, context::Session, digits, report, verify};
use serde_json::json;
use std::{path::PathBuf, time::Instant};
use zkinfer::{
    model::Input,
    pipeline::ProofGenerator,
    proof::{Context, Statement},
    storage::{check_writable, write_atomic},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer prove --out seven.bundle.json
  zkinfer prove --model model.onnx --input input.json --out answer.bundle.json --json
  zkinfer prove --model mlp.onnx --calibration samples.json --input input.json --out answer.bundle.json
  zkinfer prove --backend ezkl --model model.onnx --input input.json --out answer.bundle.json

The input file is {\"input_data\": [[numbers of the first input tensor, row-major], …]}.
The bundle is made for no chain. It replaces FILE only when it is complete.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// The input [default: an image of a seven, for the digits model only].
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,

    /// Where the bundle goes.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let input = match (&args.input, &args.model.model) {
        (Some(path), _) => Input::read(path)?,
        (None, None) => digits::image(None)?.input,
        (None, Some(_)) => return Err(Failure::Input("a model of your own needs --input FILE".into())),
    };
    check_writable(&args.out)?;
    let model = context::model(&args.model)?;
    input.check(model.inputs())?;
    let _runtime = session.runtime()?;
    let integration = session.integration_for(&args.model)?;
    let control = session.control();
    let prepared = integration.prepare(&model, control)?;
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let start = Instant::now();
    let witness = generator.witness(&input, control)?;
    let bundle = generator.prove(&witness, Context::Offchain {}, control)?;
    let prove_ms = start.elapsed().as_secs_f64() * 1e3;
    write_atomic(&args.out, &bundle.to_json())?;
    let manifest = bundle.manifest();
    let ids: Vec<_> = bundle.statements().iter().map(Statement::id).collect();
    let object = json!({
        "bundle": args.out,
        "backend": manifest.backend,
        "model_id": bundle.model_id(),
        "statement_ids": ids,
        "proof_hash": manifest.proof_hash,
        "proof_bytes": bundle.proof().len(),
        "prove_ms": prove_ms,
        "artifacts_built": prepared.built,
        "test_srs": manifest.test_srs,
        "transferable": manifest.transferable,
    });
    let text = format!(
        "Proved in {} and wrote {}\n{}",
        report::time(prove_ms),
        args.out.display(),
        report::rows(&[
            ("model id".into(), bundle.model_id().to_string()),
            ("statement id".into(), verify::listed(&ids)),
            ("proof".into(), format!("{} bytes, SHA-256 {}", bundle.proof().len(), manifest.proof_hash)),
        ])
    );
    report::result(session, &object, &text);
    Ok(Outcome::True)
}
