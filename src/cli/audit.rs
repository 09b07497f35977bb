use super::{Backend, Failure, Outcome, context::Session, report};
use alloy::primitives::B256;
use serde_json::json;
use std::{path::PathBuf, sync::Arc};
use zkinfer::{
    chain::{
        self, AuditReport, Node,
        auditor::{Check, CheckName, CheckOutcome},
    },
    model::Model,
    pipeline::{EZKLIntegration, Reverifier},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --model model.onnx    also shows which model it is
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --json

The transaction has to be a direct call of ProofRegistry.submit or submitBatch. Every id is derived anew; the proof is verified again by
the chain's contracts (eth_call), by the same code in the embedded EVM, and by the backend when this machine has the
model's artifacts.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The hash of the transaction that submitted the claim.
    #[arg(value_name = "TX")]
    transaction: B256,

    /// Audit this one of the statements of a batch.
    #[arg(long, value_name = "ID")]
    statement: Option<B256>,

    /// The node to ask.
    #[arg(long, value_name = "URL")]
    rpc: String,

    /// Require the claim to be about this ONNX file and to be verified off-chain; EZKL artifacts are built from it.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let runtime = session.runtime()?;
    let node = runtime.block_on(Node::connect(&args.rpc))?;
    let model = args.model.as_deref().map(Model::read).transpose()?;
    let integrations = integrations(model.as_ref(), session)?;
    let reverifier = Reverifier::new(integrations.clone(), session.control().clone());
    session.control().stage("audit");
    let reverifier = Arc::new(reverifier);
    let audit = match args.statement {
        None => runtime.block_on(chain::audit(&node, args.transaction, Some(reverifier)))?,
        Some(id) => runtime.block_on(chain::audit_statement(&node, args.transaction, id, Some(reverifier)))?,
    };
    if let Some(model) = &model {
        require_model(&audit, model, &integrations)?;
    }
    report::result(session, &json!(audit), &text(&audit));
    Ok(if audit.is_valid() { Outcome::True } else { Outcome::Invalid })
}

/// The backends whose artifacts may hold the claim's model. EZKL's are built from the model's file; native ones cannot
/// be: every setup has a secret of its own.
fn integrations(model: Option<&Model>, session: &Session) -> Result<Vec<EZKLIntegration>, Failure> {
    let mut integrations = vec![session.integration(Backend::Native)?];
    // Without EZKL, the report says what was not checked.
    if let Ok(ezkl) = session.integration(Backend::Ezkl) {
        if let Some(model) = model {
            ezkl.prepare(model, session.control())?;
        }
        integrations.push(ezkl);
    }
    Ok(integrations)
}

/// `--model` asks for two things: that the claim is about this file, and that the backend has verified it.
fn require_model(audit: &AuditReport, model: &Model, integrations: &[EZKLIntegration]) -> Result<(), Failure> {
    let claimed = audit.facts.model_id;
    let made_from_it = |integration: &EZKLIntegration| {
        integration.find(claimed).is_ok_and(|found| found.artifacts.identity().onnx_hash == model.hash())
    };
    if !integrations.iter().any(made_from_it) {
        return Err(Failure::Input(format!(
            "the claim is about model {claimed}, and no artifacts on this machine show that this is the file's model"
        )));
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
    if let Some(batch) = &audit.facts.batch {
        rows.push(("batch".to_owned(), format!("{} of {} statements", batch.batch_id, batch.batch_size)));
        rows.extend(audit.facts.claims.iter().map(|claim| ("statement".to_owned(), claim.statement_id.to_string())));
    }
    rows.extend(audit.warnings.iter().map(|warning| ("warning".to_owned(), warning.clone())));
    format!("{}\n{}", audit.summary, report::rows(&rows))
}
