use super::{
    Failure, Outcome,
    account::{self, AccountArgs},
    context::Session,
    entry, form, hidden,
    index::{Entering, IndexArgs, follow_notes},
    inspect, report,
};
use alloy::primitives::{Address, B256};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use zkinfer::{
    backend::Opening,
    chain::{Client, Outbox, Settled, outbox::request_id},
    evm,
    index::{self, NoteFile},
    model::Input,
    pipeline::{PipelineError, ProofGenerator},
    proof::{Assignment, Bundle, Context, Statement, schema::Direction},
    storage::{check_writable, write_atomic},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer submit answer.bundle.json --registry 0x… --rpc http://127.0.0.1:8545 --dev-account
  ZKINFER_PRIVATE_KEY=… zkinfer submit answer.bundle.json --registry 0x… --rpc http://127.0.0.1:8545 --json
  zkinfer submit answer.bundle.json --registry 0x… --rpc https://… --chain-id 8453 --keystore key.json \\
      --password-file password --max-cost 0.01 --yes
  zkinfer submit answer.bundle.json --registry 0x… --rpc http://127.0.0.1:8545 --key-file key.hex \\
      --consumer 0x… --job 0x… --deadline-in 600 --out submitted.bundle.json
  zkinfer submit answer.bundle.json --openings answer.openings.json --registry 0x… --rpc http://127.0.0.1:8545 --dev-account

A bundle that hides inputs or outputs is proven again with its openings (--openings), which nobody but you sees.

The model has to be registered. A native proof binds its context: a bundle made for no chain is proven again for this
registry and account, which takes the model's artifacts. An EZKL proof is submitted as it is. The registry's code is compared
with this release's, and its answer simulated first, so that a proof it refuses costs nothing. The statements of a batch are
recorded by one transaction, all or none; they must differ.

Submitting twice is submitting once: the statement is fixed and kept before anything is sent (in ZKINFER_STATE_DIR), and the
same command finds it again, waits for what is on its way, and sends again what was lost. --again makes another claim.";

/// The model's registry entry, its key and its weights are elsewhere; a claim is short-lived.
const MAX_DEADLINE_SECONDS: u64 = 366 * 24 * 3600;
const DEFAULT_DEADLINE_SECONDS: u64 = 3600;
/// How long a command that has done its work waits for what the index is to be told.
const INDEX_DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle that `zkinfer prove` wrote; `-` for standard input.
    bundle: PathBuf,

    /// The ProofRegistry [default: the deployment file's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    registry: Option<Address>,

    /// The contract the claim is made for [default: anybody's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    consumer: Option<Address>,

    /// The 32 bytes that the consumer assigned [default: zero].
    #[arg(long, value_name = "BYTES32")]
    job: Option<B256>,

    /// The registry refuses the claim after so many seconds [default: 3600].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=MAX_DEADLINE_SECONDS))]
    deadline_in: Option<u64>,

    /// What opens the bundle's hidden tensors, as `zkinfer prove --hide` wrote it. They stay hidden, behind the same
    /// commitments.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    /// Make another claim, although the same was submitted before.
    #[arg(long)]
    again: bool,

    /// Also write the bundle that is submitted.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    account: AccountArgs,

    #[command(flatten)]
    index: IndexArgs,
}

/// A bundle for the registry, and where it comes from.
struct Ready {
    bundle: Bundle,
    /// Proven again for this registry and account, now or by an earlier run.
    proved_again: bool,
    /// The wish that it answers, if the bundle that was given is made for no chain.
    request: Option<B256>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let bundle = form::read_bundle(&args.bundle)?;
    entry::refuse_mock(&bundle)?;
    let given: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
    let registry = args.account.place("--registry", args.registry, "ProofRegistry")?;
    args.check(&bundle, registry)?;
    if let Some(path) = &args.out {
        check_writable(path)?;
    }
    let outbox = Outbox::from_env()?;
    let runtime = session.runtime()?;
    let client = runtime.block_on(args.account.client(session))?;
    // Cheap, and before the proof: a registry of another release, a TEST model off development chains.
    runtime.block_on(client.admit(registry, bundle.model_id()))?;
    let now = runtime.block_on(client.node().latest_timestamp())?;
    let ready = match bundle.statement().context {
        Context::Chain { .. } => Ready { bundle, proved_again: false, request: None },
        Context::Offchain {} => {
            let request = args.request(&bundle, registry, &client);
            let kept = if args.again { None } else { outbox.find(client.node().chain_id(), request)? };
            match kept {
                Some(kept) if runtime.block_on(args.is_alive(&kept, registry, &client, now))? => {
                    let proved_again = kept.proof() != bundle.proof();
                    Ready { bundle: kept, proved_again, request: None }
                }
                _ => {
                    let context = args.context(&bundle, registry, &client, now, &outbox)?;
                    let (bundle, proved_again) = for_registry(bundle, args, context, session)?;
                    Ready { bundle, proved_again, request: Some(request) }
                }
            }
        }
    };
    if let Some(path) = &args.out {
        write_atomic(path, &ready.bundle.to_json())?;
    }
    session.control().stage("submit proof");
    let mut entry = outbox.open(&ready.bundle)?;
    if let Some(request) = ready.request {
        outbox.remember(client.node().chain_id(), request, &ready.bundle)?;
    }
    let settled = runtime.block_on(client.settle(&mut entry, &ready.bundle))?;
    report(session, &ready, &settled, (registry, client.address()));
    let mut entering = Entering::new(&args.index);
    // What was noted of the bundle is said of what was made of it.
    let pairs: Vec<(B256, B256)> = given.into_iter().zip(ready.bundle.statements().iter().map(Statement::id)).collect();
    let notes = if entering.is_wanted() {
        follow_notes(&args.bundle, &pairs, args.out.as_deref())
    } else {
        NoteFile::new(vec![])
    };
    if let Some(path) = &args.out {
        entering.file(&ready.bundle.clone().into(), &ready.bundle.to_json(), path, &notes);
    }
    // A claim that was recorded before was entered then, and `index rebuild` finds it.
    if let (true, Some(mined)) = (entering.is_wanted(), &settled.mined) {
        runtime.block_on(enter_claims(
            &mut entering,
            &client,
            registry,
            (mined.block_number, &settled.statement_ids),
            &notes,
        ));
    }
    Ok(Outcome::True)
}

fn report(session: &Session, ready: &Ready, settled: &Settled, (registry, submitter): (Address, Address)) {
    let (ids, model_id) = (&settled.statement_ids, ready.bundle.model_id());
    let mut object = json!({
        "statement_ids": ids,
        "model_id": model_id,
        "registry": registry,
        "submitter": submitter,
        "proved_again": ready.proved_again,
        "recorded_before": settled.is_old,
    });
    match settled.batch_id {
        Some(id) => object["batch_id"] = json!(id),
        None => object["statement_id"] = json!(ids.first()),
    }
    let mut rows = vec![("statement".to_owned(), report::listed(ids)), ("model id".into(), model_id.to_string())];
    if let Some(mined) = &settled.mined {
        object["transaction_hash"] = json!(mined.transaction_hash);
        object["block_number"] = json!(mined.block_number);
        object["gas_used"] = json!(mined.gas_used);
        rows.push(("transaction".into(), mined.transaction_hash.to_string()));
        rows.push(("gas".into(), mined.gas_used.to_string()));
    }
    let how = match (settled.is_old, ready.proved_again) {
        (true, _) => " before; nothing was sent",
        (false, true) => "; proven again for this registry",
        (false, false) => "",
    };
    report::result(session, &object, &format!("Recorded as Verified{how}\n{}", report::rows(&rows)));
}

impl Args {
    /// A bundle that is made for a registry is submitted as it is: whatever would change it is an error.
    fn check(&self, bundle: &Bundle, expected: Address) -> Result<(), Failure> {
        let refuse = |reason: String| Err(Failure::Input(reason));
        let is_made = |statement: &&Statement| matches!(statement.context, Context::Chain { .. });
        let made = bundle.statements().iter().filter(is_made).count();
        if made == 0 {
            return Ok(());
        }
        if made < bundle.statements().len() {
            return refuse("some statements of the bundle are made for a registry and some for none".into());
        }
        for statement in bundle.statements() {
            let Context::Chain { registry, assignment, .. } = statement.context else { continue };
            if registry != expected {
                return refuse(format!("the bundle is made for registry {registry}, not {expected}"));
            }
            if self.consumer.is_some_and(|consumer| consumer != assignment.consumer) {
                return refuse(format!(
                    "the bundle is made for consumer {}: --consumer cannot change that",
                    assignment.consumer
                ));
            }
            if self.job.is_some_and(|job| job != assignment.job) {
                return refuse(format!("the bundle is made for job {}: --job cannot change that", assignment.job));
            }
            if self.deadline_in.is_some() {
                return refuse(format!(
                    "the bundle's deadline is fixed ({}): --deadline-in cannot change that",
                    assignment.deadline
                ));
            }
        }
        match (&self.openings, self.again) {
            (Some(_), _) => {
                refuse("--openings is for proving again, and this bundle is made for the registry already".into())
            }
            (None, true) => refuse("--again makes another statement, and this bundle's are fixed".into()),
            (None, false) => Ok(()),
        }
    }

    fn assignment(&self, client: &Client, deadline: u64) -> Assignment {
        let (consumer, job) = (self.consumer.unwrap_or_default(), self.job.unwrap_or_default());
        Assignment { submitter: client.address(), consumer, job, deadline }
    }

    /// What the bundle is to be made for. Another claim (`--again`) is another statement, even within the second of the first.
    fn context(
        &self,
        bundle: &Bundle,
        registry: Address,
        client: &Client,
        now: u64,
        outbox: &Outbox,
    ) -> Result<Context, Failure> {
        let chain_id = client.node().chain_id();
        let mut deadline = unix_time().max(now).saturating_add(self.deadline_in.unwrap_or(DEFAULT_DEADLINE_SECONDS));
        loop {
            let context = Context::Chain { chain_id, registry, assignment: self.assignment(client, deadline) };
            if !self.again || !outbox.keeps(bundle, context)? {
                return Ok(context);
            }
            deadline += 1;
        }
    }

    fn request(&self, bundle: &Bundle, registry: Address, client: &Client) -> B256 {
        let Assignment { submitter, consumer, job, .. } = self.assignment(client, 0);
        request_id(bundle, client.node().chain_id(), registry, (submitter, consumer, job))
    }

    /// Whether what was kept is recorded, or can still be, and not later than is asked for now.
    async fn is_alive(&self, kept: &Bundle, registry: Address, client: &Client, now: u64) -> Result<bool, Failure> {
        let Context::Chain { assignment, .. } = kept.statement().context else { return Ok(false) };
        if client.has_recorded(registry, kept).await? {
            return Ok(true);
        }
        if assignment.deadline < now {
            return Ok(false);
        }
        match self.deadline_in {
            Some(seconds) if now.max(unix_time()).saturating_add(seconds) < assignment.deadline => {
                Err(Failure::Input(format!(
                    "the same was submitted before with a deadline later than that ({}): leave --deadline-in away to go on \
                     with it, or make another claim with --again",
                    assignment.deadline
                )))
            }
            _ => Ok(true),
        }
    }
}

/// The bundle for this registry and account, and whether it had to be proven again.
fn for_registry(bundle: Bundle, args: &Args, context: Context, session: &Session) -> Result<(Bundle, bool), Failure> {
    // The adapter decides, not the manifest's word.
    if evm::artifacts::is_native_verifier(bundle.manifest().adapter_id) {
        return Ok((prove_again(&bundle, args.openings.as_deref(), context, session)?, true));
    }
    if args.openings.is_some() {
        return Err(Failure::Input("--openings is for native bundles that hide something".into()));
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

/// Enters the claims as the registry's events have them: as `index rebuild` will read them.
async fn enter_claims(
    entering: &mut Entering,
    client: &Client,
    registry: Address,
    (block, ids): (u64, &[B256]),
    notes: &NoteFile,
) {
    let events = index::recorded_claims(client.node(), registry, block, Some(block));
    match tokio::time::timeout(INDEX_DEADLINE, events).await {
        Ok(Ok(mut claims)) => {
            claims.retain(|claim| ids.contains(&claim.statement_id));
            entering.claims(claims, notes);
        }
        Ok(Err(error)) => tracing::warn!(%error, "the claim is recorded, but was not entered into the index"),
        Err(_) => tracing::warn!("the claim is recorded, but the node did not tell of it in time for the index"),
    }
}
