use super::{Backend, Failure, Outcome, context::Session, report};
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command};
use zkinfer::{
    backend::{
        ezkl::{self, EzklBackend, ImportedSrs, Installation, SrsStore},
        native::ImportedPowers,
    },
    chain::{
        Node,
        deployment::{self, DeploymentFile, Found},
    },
    evm::Toolchain,
    proof::srs::Ceremony,
    storage::Cache,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer doctor
  zkinfer doctor --backend ezkl               what only EZKL needs is required, too
  zkinfer doctor --rpc http://127.0.0.1:8545 --json
  zkinfer doctor --rpc https://… --deployment deployments/8453.json     compares the contracts there with this release

Exit code 0 when everything that is required is there, 3 when something is missing.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Require what this backend needs.
    #[arg(long, value_enum, default_value = "native")]
    backend: Backend,

    /// Ask this node for its chain, and compare the contracts there with this release.
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,

    /// Look for the contracts where this file says, and require them [default: where their code leads to on every chain].
    #[arg(long, value_name = "FILE", requires = "rpc")]
    deployment: Option<PathBuf>,
}

/// One line of the examination.
struct Finding {
    name: &'static str,
    required: bool,
    result: Result<String, String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let runtime = session.runtime()?;
    let tools = Toolchain::from_env();
    let for_ezkl = args.backend == Backend::Ezkl;
    let cache = Cache::from_env();
    let mut findings = vec![
        finding("cache", true, cache.as_ref().map_err(ToString::to_string).and_then(writable)),
        finding("node", true, version("node", "Install Node.js 20 or newer")),
        finding("solc", for_ezkl, tools.solc().map(|tool| shown(&tool)).map_err(|error| error.to_string())),
        finding("anvil", true, tools.anvil().map(|tool| shown(&tool)).map_err(|error| error.to_string())),
        finding(
            "ezkl",
            for_ezkl,
            cache.as_ref().map_err(ToString::to_string).and_then(|cache| ezkl_backend(cache, session)),
        ),
        finding("native", false, Ok("built in: perceptrons, and general networks".into())),
        finding("srs", false, Ok(srs(cache.as_ref().ok()))),
        finding("accelerators", false, Ok("none: this release has CPU code only".into())),
    ];
    if let Some(rpc) = &args.rpc {
        let file = args.deployment.as_deref().map(DeploymentFile::read).transpose().map_err(Failure::Input)?;
        let node = runtime.block_on(Node::connect(rpc)).map_err(|error| error.to_string());
        let chain = node.as_ref().map(|node| format!("chain {} at {}", node.chain_id(), node.endpoint()));
        findings.push(finding("rpc", true, chain.map_err(Clone::clone)));
        if let Ok(node) = &node {
            let found = runtime.block_on(deployment::look(node, file.as_ref())).map_err(|error| error.to_string());
            // Nobody has to have deployed: but what a file names has to be there, and to be right.
            findings.push(finding("contracts", file.is_some(), found.and_then(|found| contracts(&found))));
        }
    }
    let healthy = findings.iter().all(|finding| finding.result.is_ok() || !finding.required);
    let rows: Vec<(String, String)> = findings.iter().map(row).collect();
    let text = format!(
        "{}{}\n",
        report::rows(&rows),
        if healthy { "Everything that is required is there." } else { "Something is missing." }
    );
    let object = json!({ "healthy": healthy, "findings": findings.iter().map(object).collect::<Vec<_>>() });
    report::result(session, &object, &text);
    if healthy { Ok(Outcome::True) } else { Ok(Outcome::Missing) }
}

/// Each contract of a deployment, with what is wrong with it.
fn contracts(found: &[Found]) -> Result<String, String> {
    let shown = |contract: &Found| {
        let Found { name, address, code_hash, expected } = contract;
        match code_hash {
            None => format!("{name}: no code at {address}"),
            Some(_) if contract.is_right() => format!("{name} {address}"),
            Some(hash) if expected.is_none() => format!("{name} {address}: not of this release (code hash {hash})"),
            Some(hash) => format!("{name} {address}: OTHER CODE, {hash}"),
        }
    };
    let text = found.iter().map(shown).collect::<Vec<_>>().join("; ");
    if found.iter().all(Found::is_right) { Ok(text) } else { Err(text) }
}

const fn finding(name: &'static str, required: bool, result: Result<String, String>) -> Finding {
    Finding { name, required, result }
}

fn row(finding: &Finding) -> (String, String) {
    let text = match &finding.result {
        Ok(detail) => format!("ok       {detail}"),
        Err(problem) if finding.required => format!("MISSING  {problem}"),
        Err(problem) => format!("absent   {problem}"),
    };
    (finding.name.to_owned(), text)
}

fn object(finding: &Finding) -> Value {
    let (ok, detail) = match &finding.result {
        Ok(detail) => (true, detail),
        Err(problem) => (false, problem),
    };
    json!({ "name": finding.name, "ok": ok, "required": finding.required, "detail": detail })
}

fn shown(tool: &zkinfer::evm::Tool) -> String {
    format!("{} at {}", tool.version, tool.path.display())
}

fn writable(cache: &Cache) -> Result<String, String> {
    cache.staging().map_err(|error| error.to_string())?;
    Ok(cache.root().display().to_string())
}

/// What comes with the program, and what was imported.
fn srs(cache: Option<&Cache>) -> String {
    let ezkl = cache.map(|cache| SrsStore::new(cache).imported()).unwrap_or_default();
    let native = cache.map(ImportedPowers::all).unwrap_or_default();
    let of_ezkl = |srs: &ImportedSrs| format!("{} (EZKL, up to 2^{} rows; {})", srs.srs_id, srs.k, srs.kind());
    let of_native = |srs: &ImportedPowers| format!("{} (native, {} powers; {})", srs.srs_id, srs.powers, srs.kind());
    let shipped = Ceremony::list().iter().filter(|ceremony| ceremony.shipped() > 0);
    let shipped =
        shipped.map(|ceremony| format!("{}, {} powers, by default for native", ceremony.title, ceremony.shipped()));
    let default = "TEST by default for EZKL: proofs made with it are NOT SECURE".to_owned();
    let imported = native.iter().map(of_native).chain(ezkl.iter().map(of_ezkl));
    shipped.chain([default]).chain(imported).collect::<Vec<_>>().join("; ")
}

fn version(program: &str, remedy: &str) -> Result<String, String> {
    match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        Ok(output) => Err(format!("{program} does not run ({}). {remedy}", output.status)),
        Err(error) => Err(format!("{program} was not found ({error}). {remedy}")),
    }
}

/// Starts a worker and asks EZKL for its version: a wheel that is there may still not load.
fn ezkl_backend(cache: &Cache, session: &Session) -> Result<String, String> {
    let python = Installation::find(cache).map_err(|error| error.to_string())?.python();
    let backend = EzklBackend::new(cache).map_err(|error| error.to_string())?;
    backend.start_worker(session.control()).map_err(|error| error.to_string())?;
    Ok(format!("{} at {} (no licence is published for it)", ezkl::VERSION, python.display()))
}
