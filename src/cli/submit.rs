use super::{
    Failure, Outcome,
    account::{self, AccountArgs, DepthArgs},
    again::for_registry,
    assignment::AssignmentArgs,
    context::Session,
    entry, form,
    index::{Entering, IndexArgs, follow_notes},
    report,
};
use alloy::primitives::{Address, B256};
use serde_json::json;
use std::path::PathBuf;
use zkinfer::{
    chain::{Client, Outbox, Settled, outbox::request_id},
    index::{self, NoteFile},
    proof::{Assignment, Bundle, Context, Statement},
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
same command finds it again, waits for what is on its way, and sends again what was lost. --again makes another claim. The
transaction is in the journal of the account before a node has it, the same that `zkinfer submitter` uses: while that runs for
the account, this is refused.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle that `zkinfer prove` wrote; `-` for standard input.
    bundle: PathBuf,

    /// The ProofRegistry [default: the deployment file's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    registry: Option<Address>,

    #[command(flatten)]
    assignment: AssignmentArgs,

    /// What opens the bundle's hidden tensors, as `zkinfer prove --hide` wrote it. They stay hidden, behind the same
    /// commitments.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    /// Also write the bundle that is submitted.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    account: AccountArgs,

    #[command(flatten)]
    depth: DepthArgs,

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
    entry::refuse_off_chain(bundle.manifest().adapter_id)?;
    let given: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
    let registry = args.account.place("--registry", args.registry, "ProofRegistry")?;
    args.check(&bundle, registry)?;
    if let Some(path) = &args.out {
        check_writable(path)?;
    }
    let outbox = Outbox::from_env()?;
    let runtime = session.runtime()?;
    let client = runtime.block_on(args.account.client(session))?.with_depth(args.depth.depth());
    // Cheap, and before the proof: a registry of another release, a TEST model off development chains.
    runtime.block_on(client.admit(registry, bundle.model_id()))?;
    let now = runtime.block_on(client.node().latest_timestamp())?;
    let ready = match bundle.statement().context {
        Context::Chain { .. } => Ready { bundle, proved_again: false, request: None },
        Context::Offchain {} => {
            let request = args.request(&bundle, registry, &client);
            let kept = if args.assignment.again { None } else { outbox.find(client.node().chain_id(), request)? };
            match kept {
                Some(kept) if runtime.block_on(args.is_alive(&kept, registry, &client, now))? => {
                    let proved_again = kept.proof() != bundle.proof();
                    Ready { bundle: kept, proved_again, request: None }
                }
                _ => {
                    let context = args.context(&bundle, registry, &client, now, &outbox)?;
                    let (bundle, proved_again) = for_registry(bundle, args.openings.as_deref(), context, session)?;
                    Ready { bundle, proved_again, request: Some(request) }
                }
            }
        }
    };
    if let Some(path) = &args.out {
        write_atomic(path, &ready.bundle.to_json())?;
    }
    session.control().stage("submit proof");
    outbox.keep_bundle(&ready.bundle)?;
    if let Some(request) = ready.request {
        outbox.remember(client.node().chain_id(), request, &ready.bundle)?;
    }
    let settled = runtime.block_on(client.settle(&outbox, &ready.bundle))?;
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
            &notes.words_alone(),
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
    /// Options that would change a bundle that is made for a registry are errors.
    fn check(&self, bundle: &Bundle, expected: Address) -> Result<(), Failure> {
        match (self.assignment.check(bundle, expected)?, &self.openings) {
            (true, Some(_)) => Err(Failure::Input(
                "--openings is for proving again, and this bundle is made for the registry already".into(),
            )),
            _ => Ok(()),
        }
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
        let mut deadline = self.assignment.deadline(now);
        loop {
            let assignment = self.assignment.assignment(client.address(), deadline);
            let context = Context::Chain { chain_id, registry, assignment };
            if !self.assignment.again || !outbox.keeps(bundle, context)? {
                return Ok(context);
            }
            deadline += 1;
        }
    }

    fn request(&self, bundle: &Bundle, registry: Address, client: &Client) -> B256 {
        let Assignment { submitter, consumer, job, .. } = self.assignment.assignment(client.address(), 0);
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
        self.assignment.admit_kept(assignment.deadline, now)?;
        Ok(true)
    }
}

/// Enters the claims as the registry's events have them: as `index rebuild` will read them.
async fn enter_claims(
    entering: &mut Entering,
    client: &Client,
    registry: Address,
    (block, ids): (u64, &[B256]),
    notes: &NoteFile,
) {
    let recorded = async {
        let mut claims = index::recorded_claims(client.node(), registry, block, Some(block)).await?;
        claims.retain(|claim| ids.contains(&claim.statement_id));
        Ok(claims)
    };
    entering.made(recorded, notes).await;
}
