use super::{
    Backend, Failure, Outcome,
    answers::{Answers, LabelArgs, Labels},
    context,
    context::Session,
    dims::DimArgs,
    index::{Entering, IndexArgs},
    opening, report,
};
use alloy::primitives::B256;
use serde::Serialize;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};
use zkinfer::{
    backend::{Control, native::ModelOpening},
    chain::{
        self, AuditReport, AuditVerdict, Node, OffChainAnswer, OffChainRequest, OffChainVerifier,
        auditor::{Check, CheckName, CheckOutcome, ClaimFacts},
    },
    evm, index,
    model::Model,
    pipeline::{
        EZKLIntegration, Reverifier,
        answer::{OutputTensor, Outputs},
    },
    proof::{Verdict, schema::Visibility, srs::SrsKind},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --model model.onnx    also shows which model it is
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --strict --json       exit code 1 if there is any objection
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --strict --accept test-srs
  zkinfer audit 0x5c50… --rpc http://127.0.0.1:8545 --model-opening model.opening.json    also sees the weights

The transaction has to be a direct call of ProofRegistry.submit or submitBatch. Every id is derived anew; the proof is verified
again by the chain's contracts (eth_call), by the same code in the embedded EVM, and by the backend: a native claim with the key on
the chain, an EZKL claim when this machine has the model's artifacts.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The hash of the transaction that submitted the claim.
    #[arg(value_name = "TX")]
    transaction: B256,

    /// Audit this one of the statements of a batch.
    #[arg(long, value_name = "ID")]
    statement: Option<B256>,

    /// The node to ask.
    #[arg(long, value_name = "URL", env = "ETH_RPC_URL", hide_env_values = true)]
    rpc: String,

    /// Require the claim to be about this ONNX file and to be verified off-chain. The artifacts of an EZKL claim are built
    /// from it; those of a native claim have to be here.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    #[command(flatten)]
    dims: DimArgs,

    /// Require this opening to open the commitment of the claim's native model: see `zkinfer opening`.
    #[arg(long, value_name = "FILE")]
    model_opening: Option<PathBuf>,

    /// Exit with 1 also for a VALID claim if there is an objection: see --accept.
    #[arg(long)]
    strict: bool,

    /// With --strict, an objection to pass over; may be given several times.
    #[arg(long, value_enum, value_name = "OBJECTION", requires = "strict")]
    accept: Vec<ObjectionKind>,

    #[command(flatten)]
    labels: LabelArgs,

    #[command(flatten)]
    index: IndexArgs,
}

/// What speaks against relying on a claim although no check failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum ObjectionKind {
    /// The SRS's secret is public: anybody can forge proofs.
    TestSrs,
    /// The SRS is of no listed ceremony: whoever knows its secret can forge proofs.
    UnlistedSrs,
    /// The proof is not bound to the claim: whoever saw it could have submitted it.
    Transferable,
    /// A check was skipped.
    Skipped,
}

#[derive(Debug, Serialize)]
struct Objection {
    kind: ObjectionKind,
    detail: String,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let runtime = session.runtime()?;
    let node = runtime.block_on(Node::connect(&args.rpc))?;
    let model = args.model.as_deref().map(|path| args.dims.read(path)).transpose()?;
    let labels = args.labels.read(model.as_ref())?;
    let verifier = Arc::new(ByAdapter { model, control: session.control().clone(), found: OnceLock::new() });
    session.control().stage("audit");
    let audit = match args.statement {
        None => runtime.block_on(chain::audit(&node, args.transaction, Some(verifier.clone())))?,
        Some(id) => runtime.block_on(chain::audit_statement(&node, args.transaction, id, Some(verifier.clone())))?,
    };
    if let Some(model) = &verifier.model {
        require_model(&audit, model, verifier.found.get())?;
    }
    let mut object = json!(audit);
    let opened = args.model_opening.as_deref().map(|path| open(path, &audit, session)).transpose()?;
    if let Some((opening, verdict)) = &opened {
        object["model_opening"] = opening::object(opening, verdict);
    }
    let opened = opened.map_or(Verdict::Valid, |(_, verdict)| verdict);
    let mut refused = Vec::new();
    if args.strict {
        refused = objections(&audit);
        refused.retain(|objection| !args.accept.contains(&objection.kind));
        object["strict"] = json!({ "passed": refused.is_empty() && audit.is_valid(), "objections": refused });
    }
    let mut text = text(&audit, &refused, args.model_opening.is_some().then_some(&opened));
    // What is not valid is no answer.
    if audit.is_valid() && opened.is_valid() {
        let answers = answers(&audit, labels)?;
        object["answers"] = answers.object();
        text.push_str(&answers.text());
    }
    report::result(session, &object, &text);
    Entering::new(&args.index).claims(index::audited_claims(&audit), &index::NoteFile::new(vec![]));
    Ok(match audit.verdict {
        AuditVerdict::Unknown if opened.is_valid() => Outcome::Missing,
        AuditVerdict::Valid if refused.is_empty() && opened.is_valid() => Outcome::True,
        _ => Outcome::Invalid,
    })
}

/// The outputs of the claims, as far as the model's registration tells how to read them.
fn answers(audit: &AuditReport, labels: Labels) -> Result<Answers, Failure> {
    let mut answers = Answers::new(labels);
    for claim in &audit.facts.claims {
        let of = |direction: &'static str| claim.tensors.iter().filter(move |tensor| tensor.direction == direction);
        let inputs: Vec<&[u64]> = of("input").map(|tensor| tensor.shape.as_slice()).collect();
        let outputs = of("output").map(|tensor| OutputTensor {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            visibility: Visibility::Public,
            values: Some(tensor.values.clone()),
            comparison: None,
            scores: None,
        });
        // A side of a model is hidden as a whole.
        let hidden = claim.committed.iter().filter(|tensor| tensor.direction == "output").map(|tensor| OutputTensor {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            visibility: Visibility::Committed,
            values: None,
            comparison: None,
            scores: None,
        });
        let tensors = outputs.chain(hidden).collect();
        answers.push_read(claim.statement_id.to_string(), Outputs::new(tensors, &inputs));
    }
    answers.expect_labels()?;
    Ok(answers)
}

/// Compares an opening with the key that the claim's model id binds. Which file it is of, `zkinfer opening check` tells.
fn open(path: &Path, audit: &AuditReport, session: &Session) -> Result<(ModelOpening, Verdict), Failure> {
    if !audit.facts.adapter_id.is_some_and(evm::artifacts::is_native_verifier) {
        return Err(Failure::Input("--model-opening is for claims of native models".into()));
    }
    let (opening, expected) = (opening::read(path)?, audit.facts.vk_digest.unwrap_or_default());
    let verdict = opening::judge(&context::native_with(None, None)?, &opening, expected, None, session.control())?;
    Ok((opening, verdict))
}

/// Verifies with the backend that the claim's adapter names, and touches no other.
#[derive(Debug)]
struct ByAdapter {
    model: Option<Model>,
    control: Control,
    found: OnceLock<EZKLIntegration>,
}

impl ByAdapter {
    fn integration(&self, adapter_id: B256, model_id: B256) -> Result<EZKLIntegration, Failure> {
        if evm::artifacts::is_native_verifier(adapter_id) {
            return context::integration(Backend::Native);
        }
        if adapter_id != evm::artifacts::ezkl_adapter_id() {
            return Err(Failure::Input(format!("no backend of this release goes with adapter {adapter_id}")));
        }
        let ezkl = context::integration(Backend::Ezkl)?;
        if let Some(model) = &self.model {
            // Artifacts that were made with other options than the default are found, not made.
            if !made_from(&ezkl, model_id, model) {
                ezkl.prepare(model, &self.control)?;
            }
        }
        Ok(ezkl)
    }
}

impl OffChainVerifier for ByAdapter {
    fn verify(&self, request: &OffChainRequest) -> OffChainAnswer {
        match self.integration(request.model.adapter_id, request.model_id) {
            Ok(integration) => {
                let integration = self.found.get_or_init(|| integration).clone();
                Reverifier::new(vec![integration], self.control.clone()).verify(request)
            }
            // The report says what was not checked.
            Err(error) => OffChainAnswer::NotAvailable(error.to_string()),
        }
    }
}

/// `--model` asks for two things: that the claim is about this file, and that the backend has verified it.
fn require_model(audit: &AuditReport, model: &Model, integration: Option<&EZKLIntegration>) -> Result<(), Failure> {
    let claimed = audit.facts.model_id;
    if !integration.is_some_and(|integration| made_from(integration, claimed, model)) {
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

fn made_from(integration: &EZKLIntegration, model_id: B256, model: &Model) -> bool {
    integration.find(model_id).is_ok_and(|found| found.artifacts.are_made_from(&model.hash()))
}

fn objections(audit: &AuditReport) -> Vec<Objection> {
    let mut found = Vec::new();
    let (kind, detail) = match audit.facts.srs {
        Some(SrsKind::Listed(_)) => (None, ""),
        Some(SrsKind::Test) => (Some(ObjectionKind::TestSrs), "the SRS is TEST: anybody can forge proofs"),
        _ => {
            let detail = "the SRS is unlisted: whoever knows its secret can forge proofs";
            (Some(ObjectionKind::UnlistedSrs), detail)
        }
    };
    found.extend(kind.map(|kind| Objection { kind, detail: detail.into() }));
    let bound = |claim: &ClaimFacts| claim.transferable == Some(false);
    if audit.facts.claims.is_empty() || !audit.facts.claims.iter().all(bound) {
        found.push(Objection {
            kind: ObjectionKind::Transferable,
            detail: "nothing shows that the proof is bound to this claim".into(),
        });
    }
    let skipped = audit.checks.iter().filter(|check| check.outcome == CheckOutcome::Skipped);
    found.extend(skipped.map(|check| Objection {
        kind: ObjectionKind::Skipped,
        detail: format!("not checked: {}: {}", check.name, check.detail),
    }));
    found
}

fn text(audit: &AuditReport, refused: &[Objection], opened: Option<&Verdict>) -> String {
    let mut rows: Vec<(String, String)> = audit
        .checks
        .iter()
        .map(|check| (format!("{:?}", check.outcome).to_lowercase(), format!("{}: {}", check.name, check.detail)))
        .collect();
    if let Some(batch) = &audit.facts.batch {
        rows.push(("batch".to_owned(), format!("{} of {} statements", batch.batch_id, batch.batch_size)));
        rows.extend(audit.facts.claims.iter().map(|claim| ("statement".to_owned(), claim.statement_id.to_string())));
    }
    rows.extend(opened.map(|verdict| match verdict {
        Verdict::Valid => (
            "passed".to_owned(),
            "model opening: these weights, integers of few bits, are behind the commitment".to_owned(),
        ),
        Verdict::Invalid { reason } => ("failed".to_owned(), format!("model opening: {reason}")),
    }));
    rows.extend(audit.warnings.iter().map(|warning| ("warning".to_owned(), warning.clone())));
    rows.extend(refused.iter().map(|objection| ("objection".to_owned(), objection.detail.clone())));
    let strict = if refused.is_empty() { "" } else { "\nSTRICT: not relied on, because of the objections below" };
    format!("{}{strict}\n{}", audit.summary, report::rows(&rows))
}
