use super::{Backend, Failure, Outcome, context, context::Session, openings, report};
use alloy::primitives::{B256, Bytes};
use serde_json::{Value, json};
use std::{
    io::Read,
    path::{Path, PathBuf},
};
use zkinfer::{
    backend::BackendError,
    evm::EvmVerification,
    model::Model,
    pipeline::{
        CarriedReport, EZKLIntegration, PipelineError, Prepared, ProofVerifier, VerificationReport, verify_carried,
        verify_in_evm,
    },
    proof::{
        Bundle, Statement, Structure, Verdict,
        bundle::{BackendName, MAX_BUNDLE_BYTES},
    },
    storage::StorageError,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer verify answer.bundle.json
  zkinfer verify answer.bundle.json --model-id 0x838f…    also requires it to be about the model of this id
  zkinfer verify answer.bundle.json --model model.onnx    also shows that the proof is about this very file
  zkinfer verify answer.bundle.json --openings answer.openings.json   also requires them to open what it hides
  zkinfer verify answer.bundle.json --evm --json          the contracts alone, in the embedded EVM

A bundle is VALID when the model's verifier contract, run in the embedded EVM, accepts its proof, and the backend's own
verifier does too. They use the model's artifacts on this machine, else the code that the bundle carries: then EZKL's own
verifier is not available, which the report says, and the contract decides alone. The verdict is about the model id.
A bundle of the mock backend is always INVALID. Verifiers that contradict each other are exit code 4.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle that `zkinfer prove` wrote.
    bundle: PathBuf,

    /// Require the bundle to be about this ONNX file. EZKL artifacts are built from it; native ones have to be here.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// Require the bundle to be about the model of this id.
    #[arg(long, value_name = "ID")]
    model_id: Option<B256>,

    /// Require this file to open the bundle's hidden tensors; `zkinfer inspect --openings` shows them.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    /// Run the verifier contract in the embedded EVM and nothing else.
    #[arg(long)]
    evm: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let bundle = read(&args.bundle)?;
    let model_id = bundle.model_id();
    if let Some(wanted) = args.model_id.filter(|&wanted| wanted != model_id) {
        return Err(Failure::Input(format!("the bundle is about model {model_id}, not {wanted}")));
    }
    let backend = match bundle.manifest().backend {
        BackendName::Ezkl => Backend::Ezkl,
        BackendName::Native => Backend::Native,
        _ => return Ok(refused(session, &bundle, "MOCK: a bundle of the mock backend proves nothing")),
    };
    let _runtime = session.runtime()?;
    let control = session.control();
    let carried = bundle.manifest().model_code.as_ref();
    let openings = args.openings.as_deref().map(openings::read).transpose()?;
    let mut findings = match (carried, args.evm && args.model.is_none()) {
        (Some(code), true) => of_contracts(verify_in_evm(&bundle, code, control)?, "the bundle's code"),
        _ => match artifacts(args, backend, &bundle, session)? {
            Some((_, prepared)) if args.evm => {
                let code: &Bytes = prepared.verifier.as_ref().map(|code| &code.runtime_code).ok_or_else(no_contract)?;
                of_contracts(verify_in_evm(&bundle, code, control)?, "artifacts")
            }
            Some((integration, prepared)) => {
                of_artifacts(ProofVerifier::new(integration.backend(), &prepared).verify(&bundle, control)?)
            }
            None => of_bundle(verify_carried(&bundle, control)?),
        },
    };
    if findings.contradictory {
        return Err(Failure::Disagreement(findings.bug_report(&args.bundle, &bundle)));
    }
    findings.openings = openings.map(|openings| openings::check(&bundle, &openings)).transpose()?;
    if let (Verdict::Valid, Some(Verdict::Invalid { reason })) = (&findings.verdict, &findings.openings) {
        findings.verdict = Verdict::invalid(format!("the openings: {reason}"));
    }
    report::result(session, &findings.object(), &findings.text());
    Ok(outcome(&findings.verdict))
}

/// The model's artifacts; `None` when there are none and the bundle carries what verifying needs.
fn artifacts(
    args: &Args,
    backend: Backend,
    bundle: &Bundle,
    session: &Session,
) -> Result<Option<(EZKLIntegration, Prepared)>, Failure> {
    let found = context::integration(backend).and_then(|integration| {
        let prepared = find(args, backend, bundle.model_id(), &integration, session)?;
        Ok((integration, prepared))
    });
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Failure::Pipeline(
            PipelineError::UnknownModel(_)
            | PipelineError::Backend(BackendError::NotInstalled { .. })
            | PipelineError::Storage(StorageError::NoDirectory),
        )) if args.model.is_none() && bundle.manifest().model_code.is_some() => Ok(None),
        // They cannot be built again: every setup has a secret of its own, hence another id.
        Err(Failure::Pipeline(PipelineError::UnknownModel(id))) if backend == Backend::Native => Err(Failure::Input(
            format!("there are no artifacts of the native model {id} on this machine, where it has to be verified"),
        )),
        Err(error) => Err(error),
    }
}

fn find(
    args: &Args,
    backend: Backend,
    model_id: B256,
    integration: &EZKLIntegration,
    session: &Session,
) -> Result<Prepared, Failure> {
    let prepared = match &args.model {
        Some(path) if backend == Backend::Ezkl => {
            let model = Model::read(path)?;
            // Artifacts that were made with other options than the default are found, not made.
            match integration.find(model_id) {
                Ok(found) if found.artifacts.identity().onnx_hash == model.hash() => found,
                _ => integration.prepare(&model, session.control())?,
            }
        }
        _ => integration.find(model_id)?,
    };
    let found = prepared.artifacts.model_id();
    if found != model_id {
        return Err(PipelineError::OtherModel { expected: model_id, found }.into());
    }
    match &args.model {
        Some(path) if Model::read(path)?.hash() != prepared.artifacts.identity().onnx_hash => {
            Err(Failure::Input(format!("the bundle is about another model than {}", path.display())))
        }
        _ => Ok(prepared),
    }
}

fn no_contract() -> Failure {
    Failure::Input("no contract verifies proofs of this backend".into())
}

/// What was found, by whichever way.
struct Findings {
    model_id: B256,
    statement_ids: Vec<B256>,
    verdict: Verdict,
    contradictory: bool,
    /// What was verified with.
    with: &'static str,
    off_chain: Result<Verdict, &'static str>,
    off_chain_ms: f64,
    evm: Option<EvmVerification>,
    evm_ms: f64,
    /// Whether the openings open the bundle, if there are any.
    openings: Option<Verdict>,
    warnings: Vec<String>,
}

fn of_artifacts(report: VerificationReport) -> Findings {
    Findings {
        model_id: report.model_id,
        verdict: report.verdict(),
        contradictory: report.is_contradictory(),
        with: "artifacts",
        statement_ids: report.statement_ids,
        off_chain: Ok(report.off_chain),
        off_chain_ms: report.off_chain_time.as_secs_f64() * 1e3,
        evm: report.embedded_evm,
        evm_ms: report.embedded_evm_time.as_secs_f64() * 1e3,
        openings: None,
        warnings: report.warnings,
    }
}

fn of_bundle(report: CarriedReport) -> Findings {
    let missing = "EZKL's verifier needs EZKL and the model's artifacts: `zkinfer setup ezkl`, then --model FILE";
    findings(report, "the bundle's code", missing)
}

fn of_contracts(report: CarriedReport, with: &'static str) -> Findings {
    findings(report, with, "only the contracts were asked for (--evm)")
}

fn findings(report: CarriedReport, with: &'static str, missing: &'static str) -> Findings {
    Findings {
        model_id: report.model_id,
        verdict: report.verdict(),
        contradictory: report.is_contradictory(),
        with,
        statement_ids: report.statement_ids,
        off_chain: report.off_chain.ok_or(missing),
        off_chain_ms: report.off_chain_time.as_secs_f64() * 1e3,
        evm: Some(report.embedded_evm),
        evm_ms: report.embedded_evm_time.as_secs_f64() * 1e3,
        openings: None,
        warnings: report.warnings,
    }
}

impl Findings {
    fn object(&self) -> Value {
        let verdict = json!(self.verdict);
        let off_chain = match &self.off_chain {
            Ok(verdict) => json!(verdict),
            Err(reason) => json!({ "verdict": "NOT AVAILABLE", "reason": reason }),
        };
        json!({
            "verdict": verdict["verdict"],
            "reason": verdict["reason"],
            "model_id": self.model_id,
            "statement_ids": self.statement_ids,
            "verified_with": self.with,
            "off_chain": off_chain,
            "off_chain_ms": self.off_chain_ms,
            "embedded_evm": self.evm,
            "embedded_evm_ms": self.evm_ms,
            "openings": self.openings,
            "warnings": self.warnings,
        })
    }

    fn text(&self) -> String {
        let off_chain = match &self.off_chain {
            Ok(verdict) => said(verdict, self.off_chain_ms),
            Err(reason) => format!("not available: {reason}"),
        };
        let mut rows = vec![
            ("model id".to_owned(), self.model_id.to_string()),
            ("statement".to_owned(), listed(&self.statement_ids)),
            ("verified with".to_owned(), self.with.to_owned()),
            ("off-chain".to_owned(), off_chain),
        ];
        if let Some(evm) = &self.evm {
            let text = said(&evm.verdict, self.evm_ms);
            rows.push(("embedded EVM".into(), format!("{text}, {} gas", evm.gas.transaction)));
        }
        if let Some(verdict) = &self.openings {
            rows.push(("openings".into(), headline(verdict)));
        }
        rows.extend(self.warnings.iter().map(|warning| ("warning".to_owned(), warning.clone())));
        format!("{}\n{}", headline(&self.verdict), report::rows(&rows))
    }

    /// What whoever looks into it needs. A bundle holds no secret.
    fn bug_report(&self, path: &Path, bundle: &Bundle) -> String {
        let word = |verdict: Option<&Verdict>| verdict.map_or_else(|| "no answer".into(), headline);
        let manifest = bundle.manifest();
        format!(
            "the two verifiers contradict each other, so one of them has a defect: do not rely on this proof.\n\
             Please report it, with these lines and these files:\n{}  attach: {} (it holds no secret), the output of \
             `zkinfer doctor --json`, and what was done before",
            report::rows(&[
                ("zkinfer".into(), env!("CARGO_PKG_VERSION").into()),
                ("backend".into(), format!("{} {}", manifest.backend, manifest.backend_version)),
                ("off-chain".into(), word(self.off_chain.as_ref().ok())),
                ("embedded EVM".into(), word(self.evm.as_ref().map(|evm| &evm.verdict))),
                ("verified with".into(), self.with.into()),
                ("model id".into(), self.model_id.to_string()),
                ("adapter id".into(), manifest.adapter_id.to_string()),
                ("statement".into(), listed(&self.statement_ids)),
                ("proof".into(), format!("{} bytes, SHA-256 {}", bundle.proof().len(), manifest.proof_hash)),
            ]),
            path.display()
        )
    }
}

/// Reads and checks a bundle file, in any encoding.
pub(crate) fn read(path: &PathBuf) -> Result<Bundle, Failure> {
    let cannot = |error| Failure::Input(format!("cannot read {}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(MAX_BUNDLE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    match Structure::decode(&bytes) {
        Ok(Structure::Single(bundle)) => Ok(*bundle),
        Ok(several) => {
            let count = several.bundles().len();
            Err(Failure::Input(format!(
                "{} holds {count} bundles; the command line takes one at a time",
                path.display()
            )))
        }
        Err(error) => Err(Failure::Input(format!("{}: {error}", path.display()))),
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

fn said(verdict: &Verdict, ms: f64) -> String {
    let word = if verdict.is_valid() { "VALID" } else { "INVALID" };
    format!("{word} in {}", report::time(ms))
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
