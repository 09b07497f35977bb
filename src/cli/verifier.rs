use super::{
    Failure, ModelArgs, Outcome,
    account::{self, AccountArgs},
    choice, context,
    context::Session,
    entry::{Entry, EntryArgs, expect_code},
    report,
};
use alloy::primitives::Address;
use serde_json::{Value, json};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};
use zkinfer::{
    chain::{Client, Contracts, Deployment, Placed, deployment, guard},
    evm::{self, CompiledContract, Compiler, compile::MAX_SOURCE_BYTES},
    pipeline::Prepared,
    proof::srs::srs_kind,
    storage::write_atomic,
};

const GENERATE_EXAMPLES: &str = "\
Examples:
  zkinfer verifier generate --model mlp.onnx --out contracts/generated/mlp
  zkinfer verifier generate --backend ezkl --model model.onnx --out contracts/generated/model --json

Writes verifier.json: ABI, creation code, run-time code and code hash of the model's own code. For EZKL that is a verifier,
whose Solidity source is written too, named after its contract: forge builds the same code from it with this project's
foundry.toml. For native it is the key object, which NativeVerifier reads, or NetworkVerifier of a network: one contract each, in
contracts/verifiers, for all.";

const COMPILE_EXAMPLES: &str = "\
Examples:
  zkinfer verifier compile Halo2Verifier.sol --json
  zkinfer verifier compile Verifiers.sol --contract Halo2Verifier --out verifier.json

Compiles with the one profile that code hashes depend on (solc 0.8.30, cancun, 200 optimizer runs, no metadata), so that
the code hash can be compared with a model's.";

const DEPLOY_EXAMPLES: &str = "\
Examples:
  zkinfer verifier deploy --registries --rpc http://127.0.0.1:8545 --dev-account
  zkinfer verifier deploy --bundle answer.bundle.json --adapter 0x… --rpc http://127.0.0.1:8545 --key-file key.hex
  zkinfer verifier deploy --backend ezkl --model model.onnx --rpc http://127.0.0.1:8545 --dev-account --json

Deploys the model's own code, and the adapter and with --registries both registries unless they are there: these go where
script/Deploy.s.sol puts them, to the same addresses on every chain. Off development chains (31337, 1337) the chain is
named with --chain-id, models of a TEST SRS and the development account are refused, and the costs are asked about.";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write the code that a model has on chains for its own.
    #[command(after_help = GENERATE_EXAMPLES)]
    Generate(GenerateArgs),
    /// Compile a generated Solidity verifier and show its code hash.
    #[command(after_help = COMPILE_EXAMPLES)]
    Compile(CompileArgs),
    /// Put a model's own code, and what it needs, on a chain.
    #[command(after_help = DEPLOY_EXAMPLES)]
    Deploy(Box<DeployArgs>),
}

#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// The directory the files go to; made if it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompileArgs {
    /// The Solidity source: one file without imports.
    source: PathBuf,

    /// Which contract of it [default: the only one that can be deployed].
    #[arg(long, value_name = "NAME")]
    contract: Option<String>,

    /// Also write ABI, creation code, run-time code and code hash here.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    entry: EntryArgs,

    /// The adapter that is on the chain already [default: where this release's goes, deployed if it is missing].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address, conflicts_with = "registries")]
    adapter: Option<Address>,

    /// The ModelRegistry and the ProofRegistry, too: where this release's go, deployed if they are missing.
    #[arg(long)]
    registries: bool,

    #[command(flatten)]
    account: AccountArgs,
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<Outcome> {
    match command {
        Command::Generate(args) => generate(args, session),
        Command::Compile(args) => compile(args, session),
        Command::Deploy(args) => deploy(args, session),
    }
}

fn generate(args: &GenerateArgs, session: &Session) -> anyhow::Result<Outcome> {
    let model = context::model(&args.model)?;
    let _runtime = session.runtime()?;
    let prepared = choice::prepare(&args.model, &model, session)?.prepared;
    let (Some(contract), Some(compiled)) = (&prepared.verifier, prepared.verifier_json()) else {
        return Err(Failure::Input(
            "models of this backend have no code of their own: no contract verifies them".into(),
        )
        .into());
    };
    fs::create_dir_all(&args.out).map_err(cannot_write(&args.out))?;
    let solidity = write_source(&prepared, contract, &args.out)?;
    let json = args.out.join("verifier.json");
    write_atomic(&json, &fs::read(compiled).map_err(cannot_write(&args.out))?)?;
    let adapter = evm::artifacts::adapter_by_id(prepared.artifacts.identity().adapter_id);
    let object = json!({
        "model_id": prepared.artifacts.model_id(),
        "contract": contract.name,
        "adapter": adapter,
        "source": solidity,
        "compiled": json,
        "runtime_bytes": contract.runtime_code.len(),
        "code_hash": contract.code_hash,
    });
    let text = format!(
        "Wrote {} ({} bytes of run-time code)\n{}",
        solidity.as_ref().unwrap_or(&json).display(),
        contract.runtime_code.len(),
        report::rows(&[
            ("model id".into(), prepared.artifacts.model_id().to_string()),
            ("code hash".into(), contract.code_hash.to_string()),
            ("adapter".into(), adapter.unwrap_or("none").to_owned()),
        ])
    );
    report::result(session, &object, &text);
    Ok(Outcome::True)
}

/// The Solidity source, if the model's code was made from one.
fn write_source(prepared: &Prepared, contract: &CompiledContract, out: &Path) -> Result<Option<PathBuf>, Failure> {
    let Some(source) = prepared.verifier_source() else { return Ok(None) };
    let path = out.join(format!("{}.sol", contract.name));
    write_atomic(&path, &fs::read(source).map_err(cannot_write(out))?)?;
    Ok(Some(path))
}

fn cannot_write(out: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let out = out.display().to_string();
    move |error| Failure::Environment(format!("cannot write to {out}: {error}"))
}

fn compile(args: &CompileArgs, session: &Session) -> anyhow::Result<Outcome> {
    let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {}: {error}", args.source.display()));
    let mut source = String::new();
    let file = fs::File::open(&args.source).map_err(cannot)?;
    file.take(MAX_SOURCE_BYTES as u64 + 1).read_to_string(&mut source).map_err(cannot)?;
    session.control().stage("compile");
    let compiler = Compiler::discover()?;
    let contract = match &args.contract {
        Some(name) => compiler.compile_named(&source, name)?,
        None => compiler.compile(&source)?,
    };
    let abi: Value = serde_json::from_str(&contract.abi_json).unwrap_or_default();
    if let Some(out) = &args.out {
        let file = json!({
            "contract": contract.name,
            "abi": abi,
            "creationCode": contract.creation_code,
            "runtimeCode": contract.runtime_code,
            "codeHash": contract.code_hash,
        });
        write_atomic(out, format!("{file:#}\n").as_bytes())?;
    }
    let object = json!({
        "contract": contract.name,
        "compiled": args.out,
        "runtime_bytes": contract.runtime_code.len(),
        "creation_bytes": contract.creation_code.len(),
        "code_hash": contract.code_hash,
    });
    let text = format!(
        "{}: {} bytes of run-time code\n  code hash  {}\n",
        contract.name,
        contract.runtime_code.len(),
        contract.code_hash
    );
    report::result(session, &object, &text);
    Ok(Outcome::True)
}

fn deploy(args: &DeployArgs, session: &Session) -> anyhow::Result<Outcome> {
    let runtime = session.runtime()?;
    let entry = args.entry.read(session)?;
    session.control().stage("deploy");
    let deployed = runtime.block_on(async {
        let client = args.account.client(session).await?;
        deploy_all(args, &entry, &client).await
    })?;
    let mut object = json!({ "model_id": entry.model_id(), "adapter": deployed.adapter_address,
                             "model_code": deployed.code.address });
    let mut rows = vec![
        ("model id".to_owned(), entry.model_id().to_string()),
        ("adapter".to_owned(), deployed.adapter_address.to_string()),
        ("model's code".to_owned(), deployed.code.address.to_string()),
    ];
    if let Some(contracts) = &deployed.contracts {
        object["model_registry"] = json!(contracts.model_registry.address);
        object["proof_registry"] = json!(contracts.proof_registry.address);
        rows.push(("ModelRegistry".into(), contracts.model_registry.address.to_string()));
        rows.push(("ProofRegistry".into(), contracts.proof_registry.address.to_string()));
    }
    object["deployments"] = json!(deployed.list());
    report::result(session, &object, &format!("Deployed\n{}", report::rows(&rows)));
    Ok(Outcome::True)
}

struct Deployed {
    adapter_address: Address,
    adapter: Option<Placed>,
    contracts: Option<Contracts>,
    code: Deployment,
}

impl Deployed {
    /// Whatever the model needs, what was there already too, which has no transaction.
    fn list(&self) -> Vec<Value> {
        let registries = self.contracts.iter().flat_map(|c| [&c.adapter, &c.model_registry, &c.proof_registry]);
        let placed = self.adapter.iter().chain(registries).chain(&self.code.pages);
        let mut own = json!(self.code);
        own.as_object_mut().map(|own| own.remove("pages"));
        placed.map(|placed| json!(placed)).chain([own]).collect()
    }
}

async fn deploy_all(args: &DeployArgs, entry: &Entry, client: &Client) -> Result<Deployed, Failure> {
    let artifact = entry.adapter()?;
    let file = args.account.deployment()?;
    let given = match (args.adapter, &file) {
        (None, Some(file)) if !args.registries => Some(file.at(&artifact.contract_name).map_err(Failure::Input)?),
        (_, Some(_)) => {
            return Err(Failure::Input(
                "--deployment says where everything is: leave --adapter and --registries away".into(),
            ));
        }
        (given, None) => given,
    };
    guard::admit_srs(client.node().chain_id(), srs_kind(entry.parts.srs_id))?;
    let (mut adapter, mut contracts) = (None, None);
    let adapter_address = match given {
        Some(address) => {
            expect_code(client.node(), "adapter", address, entry.parts.adapter_id).await?;
            address
        }
        None if args.registries => contracts.insert(client.deploy_contracts(artifact).await?).adapter.address,
        None => adapter.insert(client.place(&deployment::released(artifact)).await?).address,
    };
    let code = client.deploy_verifier(&entry.code).await?;
    Ok(Deployed { adapter_address, adapter, contracts, code })
}
