use super::{
    governed::{self, GovernArgs, Governed},
    inbox::Inbox,
    place,
};
use crate::cli::{Failure, Outcome, account::PayerArgs, context::Session, operator::Terminal, report};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};
use zkinfer::chain::{
    Node, guard, money,
    submitter::{
        Chain, Engine, Event, Finality, Journal, Limit, Options, Owner, Step, StepError, Until, connect,
        policy::Policy, run as run_engine,
    },
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer submitter run --rpc http://127.0.0.1:8545 --dev-account
  zkinfer submitter run --rpc http://127.0.0.1:8545 --dev-account --inbox proofs --until-done
  zkinfer submitter run --rpc https://a.example --rpc https://b.example --rpc https://c.example --chain-id 8453 \\
      --keystore key.json --password-file password --max-cost 0.5 --yes
  zkinfer submitter run --rpc http://127.0.0.1:8545 --dev-account --dry-run
  zkinfer submitter run --policy policy.toml --inbox queue --metrics 127.0.0.1:9464 --keystore key.json --password-file password --yes

Everything that is to be on the chain is in a journal, one for an account on a chain; `zkinfer submitter add`, or a file in --inbox,
puts it there. It is on the disk before a node hears of it, so that the process may be stopped or killed at any time: the next run
goes on from there, and nothing is sent twice. One process runs for an account; a second one is refused.

With --policy, the files in --inbox are bundles made for no chain, which are put together, proven for the chain and kept as the policy says,
and the account's claims are looked after: challenges are answered, claims ended, credits paid (docs/operations.md).

Bundles in --inbox are moved to `taken` below it, or to `refused` with the reason. Of several nodes more than half have to agree on
what decides about money.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A node; may be given several times. A policy names them itself.
    #[arg(
        long,
        value_name = "URL",
        env = "ETH_RPC_URL",
        hide_env_values = true,
        value_delimiter = ',',
        required_unless_present = "policy"
    )]
    rpc: Vec<String>,

    /// How many nodes have to agree on what decides about money [default: more than half].
    #[arg(long, value_name = "N", conflicts_with = "policy")]
    quorum: Option<usize>,

    #[command(flatten)]
    govern: GovernArgs,

    #[command(flatten)]
    payer: PayerArgs,

    /// The journal [default: that of the account, in the state directory, which ZKINFER_STATE_DIR names].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// Submit the bundles in this directory, too, as they come.
    #[arg(long, value_name = "DIR")]
    inbox: Option<PathBuf>,

    /// End when everything in the journal has ended.
    #[arg(long)]
    until_done: bool,

    /// Say what would be sent and what it may cost, and end. Nothing is signed.
    #[arg(long, conflicts_with = "until_done")]
    dry_run: bool,

    /// How many blocks make a transaction confirmed [default: 3; 1 on development chains].
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    confirmations: Option<u64>,

    /// When a block is final: `tag`, when the chain says so, or with so many blocks on top [default: tag; on development chains what
    /// --confirmations says].
    #[arg(long, value_name = "tag|BLOCKS", value_parser = finality)]
    finality: Option<Finality>,

    /// How many transactions may be on their way at once.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    window: u16,

    /// Replace a transaction by a dearer one that is not mined for so long.
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    bump_after: u64,

    /// The time between two looks at the chain [default: 1000; 200 on development chains].
    #[arg(long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..=60_000))]
    interval: Option<u64>,
}

fn finality(text: &str) -> Result<Finality, String> {
    match text.parse() {
        _ if text == "tag" => Ok(Finality::Tag),
        Ok(blocks) => Ok(Finality::Depth(blocks)),
        Err(_) => Err("it is `tag`, or a number of blocks".into()),
    }
}

pub(super) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let policy = args.govern.read()?;
    args.check(policy.as_deref())?;
    let account = args.payer.account()?;
    session.runtime()?.block_on(async {
        let (rpc, named, quorum) = match &policy {
            Some(policy) => (governed::endpoints(policy), Some(policy.chain.id), Some(policy.chain.quorum)),
            None => (args.rpc.clone(), args.payer.named_chain()?, args.quorum),
        };
        let chain = connect(&rpc, named, quorum).await?;
        let chain_id = chain.chain_id();
        guard::admit_account(chain_id, account.address())?;
        if !guard::is_dev_chain(chain_id) && !args.dry_run && !args.payer.agrees() {
            return Err(Failure::Input(format!(
                "the submitter pays by itself, and chain {chain_id} is no development chain: give --yes (with --max-cost and \
                 --max-fee, if you like)"
            )));
        }
        let owner = Owner::of(&chain, account.address()).await?;
        if let Some(policy) = &policy {
            governed::admit(policy, &owner)?;
        }
        let path = place::path(args.journal.as_deref(), &owner)?;
        let held = Journal::open(&path, &owner)?.hold(&owner)?;
        let options = governed::options(policy.as_ref(), args.options(chain_id));
        let mut engine = Engine::new(chain.clone(), held, account, options);
        let queue = args.inbox.as_deref().filter(|_| policy.is_some() && !args.dry_run);
        let every = args.every(chain_id);
        let mut beside = args.govern.begin(policy.as_ref(), (&owner, &path), (&rpc, &chain), queue, every, session).await?;
        beside.take_in().await;
        if policy.is_some() {
            engine = engine.with_purse(beside.purse());
        } else if let Some(limit) = args.payer.budget().max_cost {
            engine = engine.with_purse(Arc::new(Limit::new(limit)));
        }
        let inbox = if policy.is_some() { None } else { args.inbox(&owner, &path, session).await? };
        let mut teller = Teller { session, chain_id, alarms: BTreeSet::new(), would: Vec::new() };
        session.say(&format!("the journal is {}; {} pays on chain {chain_id}", path.display(), owner.account));
        args.work(&mut engine, (inbox.as_ref(), beside), session, &mut teller).await?;
        let counts = engine.journal().counts()?;
        let object = json!({
            "journal": path,
            "chain_id": chain_id,
            "account": owner.account,
            "counts": counts,
            "hold": engine.journal().controls()?.hold,
            "would": teller.would,
        });
        let mut rows: Vec<_> = counts.iter().map(|(phase, count)| ((*phase).to_owned(), count.to_string())).collect();
        rows.extend(teller.would.iter().map(|would| row_of(would, chain_id)));
        let title = if args.dry_run { "Nothing was sent" } else { "The submitter has ended" };
        report::result(session, &object, &format!("{title}\n{}", report::rows(&rows)));
        Ok(Outcome::True)
    })
}

impl Args {
    /// What a policy says, no option says otherwise.
    fn check(&self, policy: Option<&Policy>) -> Result<(), Failure> {
        let Some(policy) = policy else { return Ok(()) };
        let budget = self.payer.budget();
        let named = self.payer.named_chain()?;
        let twice = [
            ("--max-fee", budget.max_fee.is_some()),
            ("--max-cost", budget.max_cost.is_some()),
            ("--confirmations", self.confirmations.is_some()),
            ("--finality", self.finality.is_some()),
            ("--chain-id", named.is_some_and(|named| named != policy.chain.id)),
        ];
        match twice.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => {
                Err(Failure::Input(format!("{option} and the policy both say that: leave {option} away")))
            }
            None => Ok(()),
        }
    }

    /// The time between two looks.
    fn every(&self, chain_id: u64) -> Duration {
        let usual = if guard::is_dev_chain(chain_id) { 200 } else { 1000 };
        Duration::from_millis(self.interval.unwrap_or(usual))
    }

    fn options(&self, chain_id: u64) -> Options {
        let is_dev = guard::is_dev_chain(chain_id);
        let confirmations = self.confirmations.unwrap_or(if is_dev { 1 } else { 3 });
        let usual = if is_dev { Finality::Depth(confirmations) } else { Finality::Tag };
        Options {
            confirmations,
            finality: self.finality.unwrap_or(usual),
            window: usize::from(self.window),
            bump_after: Duration::from_secs(self.bump_after),
            bump_urgent_after: Duration::from_secs(self.bump_after.div_ceil(3)),
            max_fee: self.payer.budget().max_fee,
            fork: self.payer.fork(),
            is_dry_run: self.dry_run,
            ..Options::default()
        }
    }

    async fn inbox<'a>(
        &self,
        owner: &Owner,
        path: &std::path::Path,
        session: &'a Session,
    ) -> Result<Option<Inbox<'a>>, Failure> {
        let Some(dir) = self.inbox.clone().filter(|_| !self.dry_run) else { return Ok(None) };
        // Whether a bundle may be added is asked of one node; what is sent is tried out by all.
        let mut node = Err(Failure::Input("there is no node".into()));
        for rpc in &self.rpc {
            node = Node::connect_to(rpc, Some(owner.chain_id)).await.map_err(Failure::from);
            if node.is_ok() {
                break;
            }
        }
        let inbox = Inbox { dir, node: node?, account: owner.account, journal: Journal::open(path, owner)?, session };
        inbox.prepare()?;
        inbox.take(place::now()).await;
        Ok(Some(inbox))
    }

    /// Steps, and looks into the inbox, side by side.
    async fn work<C: Chain>(
        &self,
        engine: &mut Engine<C>,
        (inbox, beside): (Option<&Inbox<'_>>, Governed),
        session: &Session,
        teller: &mut Teller<'_>,
    ) -> Result<(), Failure> {
        let every = self.every(engine.chain().chain_id());
        let until = match (self.dry_run, self.until_done) {
            (true, _) => Until::Once,
            (false, true) => Until::Done,
            (false, false) => Until::Interrupted,
        };
        let operator = Terminal::unasked(session);
        let hearer = beside.hearer();
        let steps = run_engine(engine, &operator, every, until, |step| {
            hearer(step);
            teller.tell(step);
        });
        let takes = async {
            let Some(inbox) = inbox else { return std::future::pending().await };
            loop {
                tokio::time::sleep(every).await;
                inbox.take(place::now()).await;
            }
        };
        tokio::select! {
            biased;
            ended = steps => ended.map_err(failure),
            () = takes => Ok(()),
            () = beside.keep() => Ok(()),
        }
    }
}

fn failure(error: StepError) -> Failure {
    match error {
        StepError::Journal(error) => error.into(),
        StepError::Chain(error) => error.into(),
        error => Failure::Internal(error.to_string()),
    }
}

/// Says what happens, each thing once.
struct Teller<'a> {
    session: &'a Session,
    chain_id: u64,
    alarms: BTreeSet<String>,
    would: Vec<Value>,
}

impl Teller<'_> {
    fn tell(&mut self, step: &Step) {
        for (id, event) in &step.events {
            if let Some(text) = self.line(event) {
                self.session.say(&format!("{id} {text}"));
            }
        }
        let alarms: BTreeSet<String> = step.alarms.iter().map(ToString::to_string).chain(step.hold.clone()).collect();
        for new in alarms.difference(&self.alarms) {
            self.session.say(new);
        }
        self.alarms = alarms;
        self.would.extend(step.would.iter().map(|would| json!(would)));
    }

    fn line(&self, event: &Event) -> Option<String> {
        Some(match event {
            Event::Signed { hash, nonce, .. } => format!("is sent with {hash} (nonce {nonce})"),
            Event::Mined(found) if found.succeeded => {
                let paid = money::amount(found.paid, self.chain_id);
                format!("is in block {}, for {paid}", found.block.number)
            }
            Event::Mined(found) => format!("reverted in block {} ({})", found.block.number, found.hash),
            Event::Finalized(found) => format!("is final in block {}", found.block.number),
            Event::Reorged { block } => format!("is in no block any more: block {} left the chain", block.number),
            Event::Released { why, .. } => format!("is planned again: {why}"),
            Event::Ending(_) => "is taken back".into(),
            Event::Replaced(_) => "is on the chain already, by another transaction".into(),
            Event::Cancelled => "is cancelled".into(),
            Event::Failed(reason) => format!("failed: {reason}"),
            Event::Revived => "is planned again".into(),
            Event::Noted(words) => words.clone(),
            _ => return None,
        })
    }
}

fn row_of(would: &Value, chain_id: u64) -> (String, String) {
    let text = |name: &str| would[name].as_str().unwrap_or_default().to_owned();
    let said = match would["obstacle"].as_str() {
        Some(obstacle) => format!("{} would not be sent: {obstacle}", text("what")),
        None => {
            let ceiling = text("ceiling").parse().unwrap_or_default();
            format!("{} for {} at most", text("what"), money::amount(ceiling, chain_id))
        }
    };
    (text("intent"), said)
}
