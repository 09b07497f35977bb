use super::{Backend, Failure, Outcome, context, context::Session, report};
use alloy::primitives::B256;
use serde_json::json;
use std::{
    io::Read,
    path::{Path, PathBuf},
};
use zkinfer::{
    model::Model,
    pipeline::{EZKLIntegration, PipelineError, Prepared, ProofVerifier},
    proof::{
        Bundle, BundleError, Statement, Verdict,
        bundle::{BackendName, MAX_BUNDLE_BYTES},
    },
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer verify answer.bundle.json
  zkinfer verify answer.bundle.json --model model.onnx    also shows that the proof is about this very model
  zkinfer verify answer.bundle.json --json

A bundle is VALID when the backend's own verifier and the model's verifier contract, run in the embedded EVM, both accept
its proof. A native bundle needs the artifacts of the machine that proved. A bundle of the mock backend is always INVALID.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle that `zkinfer prove` wrote.
    bundle: PathBuf,

    /// Build the artifacts of this ONNX file and require the bundle to be about it; else the ones on this machine are
    /// used.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let bundle = read(&args.bundle)?;
    let model_id = bundle.model_id();
    let backend = match bundle.manifest().backend {
        BackendName::Ezkl => Backend::Ezkl,
        BackendName::Native => Backend::Native,
        _ => return Ok(refused(session, &bundle, "MOCK: a bundle of the mock backend proves nothing")),
    };
    let _runtime = session.runtime()?;
    let integration = session.integration(backend)?;
    let control = session.control();
    let prepared = match &args.model {
        _ if backend == Backend::Native => find_native(&integration, model_id, args.model.as_deref())?,
        Some(path) => integration.prepare(&context::model_at(Some(path))?, control)?,
        None => integration.find(model_id)?,
    };
    let found = prepared.artifacts.model_id();
    if found != model_id {
        return Err(PipelineError::OtherModel { expected: model_id, found }.into());
    }
    let report = ProofVerifier::new(integration.backend(), &prepared).verify(&bundle, control)?;
    if report.is_contradictory() {
        return Err(Failure::Internal(format!(
            "the two verifiers disagree about statements {:?}: off-chain {:?}, in the embedded EVM {:?}",
            report.statement_ids, report.off_chain, report.embedded_evm
        )));
    }
    let verdict = report.verdict();
    let mut object = json!(report);
    object["verdict"] = json!(verdict)["verdict"].take();
    object["reason"] = json!(verdict).get("reason").cloned().unwrap_or_default();
    let mut rows = vec![
        ("model id".to_owned(), model_id.to_string()),
        ("statement".to_owned(), listed(&report.statement_ids)),
        ("off-chain".to_owned(), said(&report.off_chain, report.off_chain_time.as_secs_f64())),
    ];
    if let Some(evm) = &report.embedded_evm {
        let text = said(&evm.verdict, report.embedded_evm_time.as_secs_f64());
        rows.push(("embedded EVM".into(), format!("{text}, {} gas", evm.gas.transaction)));
    }
    rows.extend(report.warnings.iter().map(|warning| ("warning".to_owned(), warning.clone())));
    let text = format!("{}\n{}", headline(&verdict), report::rows(&rows));
    report::result(session, &object, &text);
    Ok(outcome(&verdict))
}

/// The artifacts of a native model. They cannot be built again: every setup has a secret of its own, hence another id.
fn find_native(integration: &EZKLIntegration, model_id: B256, model: Option<&Path>) -> Result<Prepared, Failure> {
    let prepared = integration.find(model_id).map_err(|error| match error {
        PipelineError::UnknownModel(id) => Failure::Input(format!(
            "there are no artifacts of the native model {id} on this machine, where it has to be verified"
        )),
        other => other.into(),
    })?;
    match model {
        Some(path) if Model::read(path)?.hash() != prepared.artifacts.identity().onnx_hash => {
            Err(Failure::Input(format!("the bundle is about another model than {}", path.display())))
        }
        _ => Ok(prepared),
    }
}

/// Reads and checks a bundle file.
pub(crate) fn read(path: &PathBuf) -> Result<Bundle, Failure> {
    let cannot = |error| Failure::Input(format!("cannot read {}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut json = Vec::new();
    file.take(MAX_BUNDLE_BYTES as u64 + 1).read_to_end(&mut json).map_err(cannot)?;
    match Bundle::from_json(&json) {
        Ok(bundle) => Ok(bundle),
        Err(error @ BundleError::Malformed(_)) => Err(Failure::Input(format!("{}: {error}", path.display()))),
        Err(error) => Err(error.into()),
    }
}

fn refused(session: &Session, bundle: &Bundle, reason: &str) -> Outcome {
    let verdict = Verdict::invalid(reason);
    let ids: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
    let object = json!({
        "verdict": "INVALID",
        "reason": reason,
        "model_id": bundle.model_id(),
        "statement_ids": ids,
    });
    report::result(session, &object, &format!("{}\n", headline(&verdict)));
    outcome(&verdict)
}

/// The ids of a bundle's statements: each of a few, the number of many.
pub(crate) fn listed(ids: &[B256]) -> String {
    match ids {
        [id] => id.to_string(),
        [first, .., last] => format!("{} of them, from {first} to {last}", ids.len()),
        [] => "none".into(),
    }
}

fn said(verdict: &Verdict, seconds: f64) -> String {
    let word = if verdict.is_valid() { "VALID" } else { "INVALID" };
    format!("{word} in {}", report::time(seconds * 1e3))
}

fn headline(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Valid => "VALID".into(),
        Verdict::Invalid { reason } => format!("INVALID: {reason}"),
    }
}

const fn outcome(verdict: &Verdict) -> Outcome {
    if verdict.is_valid() { Outcome::True } else { Outcome::Invalid }
}
