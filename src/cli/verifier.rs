use super::{Failure, ModelArgs, Outcome, context, context::Session, report};
use serde_json::json;
use std::{fs, path::PathBuf};
use zkinfer::storage::write_atomic;

const GENERATE_EXAMPLES: &str = "\
Examples:
  zkinfer verifier generate --out contracts/generated/digits
  zkinfer verifier generate --model model.onnx --out contracts/generated/model --json

Writes the Solidity source, named after its contract, and verifier.json with ABI, creation code, run-time code and code
hash. forge builds the same code from the source with this project's foundry.toml.";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Generate and compile the contract that verifies a model's proofs.
    #[command(after_help = GENERATE_EXAMPLES)]
    Generate(GenerateArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// The directory the files go to; made if it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(command: &Command, session: &Session) -> Result<Outcome, Failure> {
    let Command::Generate(args) = command;
    let model = context::model(&args.model)?;
    let _runtime = session.runtime()?;
    let integration = session.integration_for(&args.model)?;
    let prepared = integration.prepare(&model, session.control())?;
    let (Some(contract), Some(source), Some(compiled)) =
        (&prepared.verifier, prepared.verifier_source(), prepared.verifier_json())
    else {
        return Err(Failure::Input(
            "models of this backend have no verifier of their own: one contract verifies them all".into(),
        ));
    };
    let cannot =
        |error: std::io::Error| Failure::Environment(format!("cannot write to {}: {error}", args.out.display()));
    fs::create_dir_all(&args.out).map_err(cannot)?;
    let solidity = args.out.join(format!("{}.sol", contract.name));
    write_atomic(&solidity, &fs::read(source).map_err(cannot)?)?;
    write_atomic(&args.out.join("verifier.json"), &fs::read(compiled).map_err(cannot)?)?;
    let object = json!({
        "model_id": prepared.artifacts.model_id(),
        "contract": contract.name,
        "source": solidity,
        "runtime_bytes": contract.runtime_code.len(),
        "code_hash": contract.code_hash,
    });
    let text = format!(
        "Wrote {} ({} bytes of run-time code)\n{}",
        solidity.display(),
        contract.runtime_code.len(),
        report::rows(&[
            ("model id".into(), prepared.artifacts.model_id().to_string()),
            ("code hash".into(), contract.code_hash.to_string()),
        ])
    );
    report::result(session, &object, &text);
    Ok(Outcome::True)
}
