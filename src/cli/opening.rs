//! Showing somebody the weights behind a model commitment, and checking what was shown.

use super::{Failure, Outcome, context, context::Session, form, inputs, report};
use alloy::primitives::B256;
use serde_json::{Value, json};
use std::{
    io::Read,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;
use zkinfer::{
    backend::{
        Control,
        native::{MAX_MODEL_OPENING_BYTES, ModelOpening, NativeBackend},
    },
    model::Model,
    pipeline::PipelineError,
    proof::Verdict,
    storage::{check_writable, write_atomic},
};

const EXPORT_EXAMPLES: &str = "\
Examples:
  zkinfer opening export --model-id 0x838f… --out model.opening.json

The file holds the quantized weights and the secret that blinds their commitment: give it only to those who may know the
weights. Nobody can make it without the model's artifacts.";

const CHECK_EXAMPLES: &str = "\
Examples:
  zkinfer opening check model.opening.json --bundle answer.bundle.json
  zkinfer opening check model.opening.json --bundle answer.bundle.json --model mlp.onnx --calibration samples.json

A native proof shows that the committed network gave these outputs. The opening shows which network that is, and that its
weights are 8-bit integers; with --model also that they are those of this ONNX file, quantized with these samples.
`zkinfer audit --model-opening FILE` does the same for a claim on a chain.";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write what opens the commitment of a native model of this machine. SECRET: it holds the weights.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Check that an opening opens the commitment that a bundle's model has.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The model whose artifacts are here; `zkinfer prove` and `compile` print it.
    #[arg(long, value_name = "ID")]
    model_id: B256,

    /// Where it goes; readable by its owner alone.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// What `zkinfer opening export` wrote.
    opening: PathBuf,

    /// A bundle about the model.
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,

    /// Require the weights to be those of this ONNX file.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// The samples that the file was quantized with [default: as for `zkinfer prove`].
    #[arg(long, value_name = "FILE", requires = "model")]
    calibration: Option<PathBuf>,

    /// Powers of tau (.ptau) that the model was set up with, or the id under which `setup srs` imported them [default: those
    /// that come with zkinfer, for models under their ceremony or under the TEST SRS].
    #[arg(long, value_name = "FILE|ID")]
    srs: Option<PathBuf>,
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<Outcome> {
    match command {
        Command::Export(args) => export(args, session),
        Command::Check(args) => check(args, session),
    }
}

fn export(args: &ExportArgs, session: &Session) -> anyhow::Result<Outcome> {
    check_writable(&args.out)?;
    let found = context::integration(super::Backend::Native)?.find(args.model_id)?;
    let opening = ModelOpening::of(&found.artifacts).map_err(PipelineError::from)?;
    write_atomic(&args.out, &opening.to_json())?;
    let object = json!({
        "model_id": args.model_id,
        "vk_digest": opening.vk_digest(),
        "dims": opening.dims(),
        "out": args.out,
        "secret": true,
    });
    let text = format!("Wrote {}. SECRET: it holds the weights\n", args.out.display());
    report::result(session, &object, &text);
    Ok(Outcome::True)
}

fn check(args: &CheckArgs, session: &Session) -> anyhow::Result<Outcome> {
    let bundle = form::read_bundle(&args.bundle)?;
    let model = args.model.as_deref().map(Model::read).transpose()?;
    let samples = args.calibration.as_deref().zip(model.as_ref());
    let samples = samples.map(|(path, model)| inputs::samples(path, model)).transpose()?;
    let backend = context::native_with(args.srs.as_deref(), samples)?;
    let opening = read(&args.opening)?;
    let expected = bundle.manifest().vk_digest;
    let verdict = judge(&backend, &opening, expected, model.as_ref(), session.control())?;
    let mut object = object(&opening, &verdict);
    object["model_id"] = json!(bundle.model_id());
    report::result(session, &object, &text(&opening, &verdict));
    Ok(if verdict.is_valid() { Outcome::True } else { Outcome::Invalid })
}

/// Whether an opening is of this key, opens its commitment, and is of this file.
pub(crate) fn judge(
    backend: &NativeBackend,
    opening: &ModelOpening,
    expected: B256,
    model: Option<&Model>,
    control: &Control,
) -> Result<Verdict, Failure> {
    let found = opening.vk_digest();
    if found != expected {
        return Ok(Verdict::invalid(format!("the opening is of the key {found}, not of {expected}")));
    }
    let opened = backend.check_opening(opening, control).map_err(PipelineError::from)?;
    match model {
        Some(model) if opened.is_valid() => Ok(backend.compare_opening(opening, model).map_err(PipelineError::from)?),
        _ => Ok(opened),
    }
}

/// Reads an opening, which is wiped from memory after use.
pub(crate) fn read(path: &Path) -> Result<ModelOpening, Failure> {
    let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(cannot)?;
    let len = file.metadata().map_err(cannot)?.len();
    if len > MAX_MODEL_OPENING_BYTES {
        return Err(Failure::Input(format!("{} is larger than any model opening", path.display())));
    }
    // Exact capacity: a growing vector would leave copies behind.
    let mut json = Zeroizing::new(Vec::with_capacity(usize::try_from(len).unwrap_or(0) + 1));
    file.take(MAX_MODEL_OPENING_BYTES).read_to_end(&mut json).map_err(cannot)?;
    ModelOpening::from_json(&json).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

pub(crate) fn object(opening: &ModelOpening, verdict: &Verdict) -> Value {
    let mut object = json!(verdict);
    object["vk_digest"] = json!(opening.vk_digest());
    object["dims"] = json!(opening.dims());
    object
}

fn text(opening: &ModelOpening, verdict: &Verdict) -> String {
    let rows = report::rows(&[
        ("verifying key".into(), opening.vk_digest().to_string()),
        ("widths".into(), format!("{:?}", opening.dims())),
    ]);
    match verdict {
        Verdict::Valid => format!("VALID: the committed network is the one that was opened\n{rows}"),
        Verdict::Invalid { reason } => format!("INVALID: {reason}\n{rows}"),
    }
}
