use super::{Backend, Failure, Outcome, context, context::Session, report};
use alloy::primitives::B256;
use serde_json::json;
use std::{path::PathBuf, sync::Arc};
use zkinfer::{
    chain::{
        self, AuditReport, Node, OffChainVerifier,
        auditor::{Check, CheckName, CheckOutcome},
    },
    pipeline::{PipelineError, Reverifier},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --model model.onnx    also shows which model it is
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --json

The transaction has to be a direct call of ProofRegistry.submit. Every id is derived anew; the proof is verified again by
the chain's contracts (eth_call), by the same code in the embedded EVM, and by the backend when this machine has the
model's artifacts.";

type Verifier = Option<Arc<dyn OffChainVerifier>>;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The hash of the transaction that submitted the claim.
    #[arg(value_name = "TX")]
    transaction: B256,

    /// The node to ask.
    #[arg(long, value_name = "URL")]
    rpc: String,

    /// Build the artifacts of this ONNX file first, so that the claim is verified off-chain and shown to be about it.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let runtime = session.runtime()?;
    let node = runtime.block_on(Node::connect(&args.rpc))?;
    let (verifier, wanted) = off_chain(args, session)?;
    session.control().stage("audit");
    let audit = runtime.block_on(chain::audit(&node, args.transaction, verifier))?;
    if let Some(expected) = wanted {
        require_model(&audit, expected)?;
    }
    report::result(session, &json!(audit), &text(&audit));
    Ok(if audit.is_valid() { Outcome::True } else { Outcome::Invalid })
}

/// The backend's own verifier, if it can be had, and the id of the model that was asked about.
fn off_chain(args: &Args, session: &Session) -> Result<(Verifier, Option<B256>), Failure> {
    match (session.integration(Backend::Ezkl), &args.model) {
        (Ok(integration), path) => {
            let wanted = match path {
                Some(path) => {
                    let prepared = integration.prepare(&context::model_at(Some(path))?, session.control())?;
                    Some(prepared.artifacts.model_id())
                }
                None => None,
            };
            Ok((Some(Arc::new(Reverifier::new(vec![integration], session.control().clone()))), wanted))
        }
        // What was asked for must be possible; else the report says what was not checked.
        (Err(failure), Some(_)) => Err(failure),
        (Err(_), None) => Ok((None, None)),
    }
}

/// `--model` asks for two things: that the claim is about this model, and that the backend has verified it.
fn require_model(audit: &AuditReport, expected: B256) -> Result<(), Failure> {
    let found = audit.facts.model_id;
    if found != expected {
        return Err(PipelineError::OtherModel { expected: found, found: expected }.into());
    }
    let skipped =
        |check: &&Check| check.name == CheckName::OffChainVerification && check.outcome == CheckOutcome::Skipped;
    match audit.checks.iter().find(skipped) {
        Some(check) => Err(Failure::Environment(format!("the claim was not verified off-chain: {}", check.detail))),
        None => Ok(()),
    }
}

fn text(audit: &AuditReport) -> String {
    let mut rows: Vec<(String, String)> = audit
        .checks
        .iter()
        .map(|check| (format!("{:?}", check.outcome).to_lowercase(), format!("{}: {}", check.name, check.detail)))
        .collect();
    rows.extend(audit.warnings.iter().map(|warning| ("warning".to_owned(), warning.clone())));
    format!("{}\n{}", audit.summary, report::rows(&rows))
}
