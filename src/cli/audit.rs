use super::{Backend, Failure, Outcome, context, context::Session, report};
use alloy::primitives::B256;
use serde_json::json;
use std::{path::PathBuf, sync::Arc};
use zkinfer::{
    chain::{self, AuditReport, Node, OffChainVerifier},
    pipeline::Reverifier,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --model model.onnx    also shows which model it is
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --json

The transaction has to be a direct call of ProofRegistry.submit. Every id is derived anew; the proof is verified again by
the chain's contracts (eth_call), by the same code in the embedded EVM, and by the backend when this machine has the
model's artifacts.";

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
    let verifier: Option<Arc<dyn OffChainVerifier>> = match session.integration(Backend::Ezkl) {
        Ok(integration) => {
            if let Some(path) = &args.model {
                integration.prepare(&context::model_at(Some(path))?, session.control())?;
            }
            Some(Arc::new(Reverifier::new(integration, session.control().clone())))
        }
        // What was asked for explicitly must be possible; else the report says what was not checked.
        Err(failure) if args.model.is_some() => return Err(failure),
        Err(_) => None,
    };
    session.control().stage("audit");
    let audit = runtime.block_on(chain::audit(&node, args.transaction, verifier))?;
    report::result(session, &json!(audit), &text(&audit));
    Ok(if audit.is_valid() { Outcome::True } else { Outcome::Invalid })
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
