use super::{Failure, Outcome, account::AccountArgs, context::Session, entry, form, hidden, inspect, report};
use alloy::primitives::{Address, B256};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use zkinfer::{
    backend::Opening,
    chain::Client,
    evm,
    model::Input,
    pipeline::{PipelineError, ProofGenerator},
    proof::{Assignment, Bundle, Context, Statement, schema::Direction},
    storage::{check_writable, write_atomic},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer submit answer.bundle.json --registry 0x… --rpc http://127.0.0.1:8545 --dev-account
  ZKINFER_PRIVATE_KEY=… zkinfer submit answer.bundle.json --registry 0x… --rpc http://127.0.0.1:8545 --json
  zkinfer submit answer.bundle.json --registry 0x… --rpc http://127.0.0.1:8545 --key-file key.hex \\
      --consumer 0x… --job 0x… --deadline-in 600 --out submitted.bundle.json
  zkinfer submit answer.bundle.json --openings answer.openings.json --registry 0x… --rpc http://127.0.0.1:8545 --dev-account

A bundle that hides inputs or outputs is proven again with its openings (--openings), which nobody but you sees.

The model has to be registered. A native proof binds its context: a bundle made for no chain is proven again for this
registry and account, which takes the model's artifacts. An EZKL proof is submitted as it is. The registry's answer is
simulated first, so that a proof it refuses costs nothing. The statements of a batch are recorded by one transaction, all
or none; they must differ.";

/// The model's registry entry, its key and its weights are elsewhere; a claim is short-lived.
const MAX_DEADLINE_SECONDS: u64 = 366 * 24 * 3600;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle that `zkinfer prove` wrote.
    bundle: PathBuf,

    /// The ProofRegistry.
    #[arg(long, value_name = "ADDRESS")]
    registry: Address,

    /// The contract the claim is made for [default: anybody's].
    #[arg(long, value_name = "ADDRESS", default_value_t = Address::ZERO, hide_default_value = true)]
    consumer: Address,

    /// The 32 bytes that the consumer assigned [default: zero].
    #[arg(long, value_name = "BYTES32", default_value_t = B256::ZERO, hide_default_value = true)]
    job: B256,

    /// The registry refuses the claim after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600,
          value_parser = clap::value_parser!(u64).range(1..=MAX_DEADLINE_SECONDS))]
    deadline_in: u64,

    /// What opens the bundle's hidden tensors, as `zkinfer prove --hide` wrote it. They stay hidden, behind the same
    /// commitments.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    /// Also write the bundle that is submitted.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    account: AccountArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let bundle = form::read_bundle(&args.bundle)?;
    entry::refuse_mock(&bundle)?;
    if let Some(path) = &args.out {
        check_writable(path)?;
    }
    let runtime = session.runtime()?;
    let client = runtime.block_on(args.account.client())?;
    let now = runtime.block_on(client.node().latest_timestamp())?;
    let (bundle, proved_again) = for_registry(bundle, args, &client, now, session)?;
    if let Some(path) = &args.out {
        write_atomic(path, &bundle.to_json())?;
    }
    session.control().stage("submit proof");
    let ids: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
    let (mut object, mined) = if bundle.is_batch() {
        let submission = runtime.block_on(client.submit_batch(bundle.statements(), bundle.proof()))?;
        (json!(submission), submission.mined)
    } else {
        let submission = runtime.block_on(client.submit(bundle.statement(), bundle.proof()))?;
        (json!(submission), submission.mined)
    };
    object["statement_ids"] = json!(ids);
    object["model_id"] = json!(bundle.model_id());
    object["registry"] = json!(args.registry);
    object["submitter"] = json!(client.address());
    object["proved_again"] = json!(proved_again);
    let text = format!(
        "Recorded as Verified{}\n{}",
        if proved_again { "; proven again for this registry" } else { "" },
        report::rows(&[
            ("statement".into(), report::listed(&ids)),
            ("model id".into(), bundle.model_id().to_string()),
            ("transaction".into(), mined.transaction_hash.to_string()),
            ("gas".into(), mined.gas_used.to_string()),
        ])
    );
    report::result(session, &object, &text);
    Ok(Outcome::True)
}

/// The bundle for this registry and account, and whether it had to be proven again.
fn for_registry(
    bundle: Bundle,
    args: &Args,
    client: &Client,
    now: u64,
    session: &Session,
) -> Result<(Bundle, bool), Failure> {
    let made_for = |statement: &Statement| match statement.context {
        Context::Chain { registry, .. } => Some(registry),
        Context::Offchain {} => None,
    };
    let registries: Vec<Address> = bundle.statements().iter().filter_map(made_for).collect();
    if let Some(registry) = registries.iter().find(|registry| **registry != args.registry) {
        return Err(Failure::Input(format!("the bundle is made for registry {registry}, not {}", args.registry)));
    }
    if registries.len() == bundle.statements().len() {
        return Ok((bundle, false));
    }
    let context = Context::Chain {
        chain_id: client.node().chain_id(),
        registry: args.registry,
        assignment: Assignment {
            submitter: client.address(),
            consumer: args.consumer,
            job: args.job,
            deadline: unix_time().max(now).saturating_add(args.deadline_in),
        },
    };
    // The adapter decides, not the manifest's word.
    if evm::artifacts::is_native_verifier(bundle.manifest().adapter_id) {
        return Ok((prove_again(&bundle, args.openings.as_deref(), context, session)?, true));
    }
    let bound = |_| Failure::Input("the bundle says that its proof binds its context, which is no chain's".into());
    Ok((bundle.with_context(context).map_err(bound)?, false))
}

/// Proves the bundle's statements for another context, from their public inputs and what opens the hidden ones.
fn prove_again(
    bundle: &Bundle,
    openings: Option<&Path>,
    context: Context,
    session: &Session,
) -> Result<Bundle, Failure> {
    let control = session.control();
    let openings = match openings {
        Some(path) => Some(hidden::read_for(&bundle.clone().into(), path)?),
        None if bundle.schema().map_err(PipelineError::from)?.hides() => {
            return Err(Failure::Input(
                "the bundle hides inputs or outputs; proving it again takes what opens them: --openings FILE".into(),
            ));
        }
        None => None,
    };
    let (integration, prepared) = entry::find(bundle).map_err(|error| match error {
        Failure::Pipeline(PipelineError::UnknownModel(id)) => Failure::Input(format!(
            "this proof binds its context, so that it has to be proven again for the registry, which takes the model's \
             artifacts: there are none of model {id} on this machine. Submit it from the machine that proved it"
        )),
        other => other,
    })?;
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let mut witnesses = Vec::with_capacity(bundle.statements().len());
    for (at, statement) in bundle.statements().iter().enumerate() {
        let opening = openings.as_ref().and_then(|openings| openings.statements().get(at));
        let secrets = opening.map(Opening::secrets).unwrap_or_default();
        let witness = generator.witness_with(&inputs(bundle, statement, opening)?, &secrets, control)?;
        if witness.public_values != statement.public_values {
            return Err(Failure::Invalid("INVALID: the model does not map the bundle's inputs to its outputs".into()));
        }
        witnesses.push(witness);
    }
    let runs: Vec<_> = witnesses.iter().map(|witness| (witness, context)).collect();
    Ok(generator.prove_batch(&runs, control)?)
}

/// The real numbers that the inputs mean. Scales are powers of two, so that they are exact.
fn inputs(bundle: &Bundle, statement: &Statement, opening: Option<&Opening>) -> Result<Input, Failure> {
    let schema = bundle.schema().map_err(PipelineError::from)?;
    let tensors = inspect::numbers(&schema, &statement.public_values, opening)?.into_iter();
    let inputs = tensors.filter(|(tensor, _)| tensor.direction == Direction::Input);
    Ok(Input::new(inputs.filter_map(|(_, numbers)| numbers).collect())?)
}

fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
