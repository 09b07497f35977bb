use super::{inbox::read, place};
use crate::cli::{Failure, Outcome, context::Session, report};
use alloy::primitives::U256;
use serde_json::json;
use std::path::PathBuf;
use zkinfer::{
    chain::{
        ChainError, Node,
        money::parse_amount,
        submitter::{Added, Intent, Journal, Owner, Phase, admit_bundle, connect},
    },
    proof::{Bundle, Context},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer submitter add answer.bundle.json --rpc http://127.0.0.1:8545
  zkinfer submitter add proofs/*.bundle.json --rpc https://… --chain-id 8453 --max-cost 0.01

The bundles are made for a chain, a registry and an account (`zkinfer prove` and `zkinfer submit` make them); the journal is that of
this account on this chain. No key is needed: whoever runs the submitter signs. The registry's code is compared with this release's
before anything is added. Adding the same statement twice is adding it once, wherever it is by now.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundles.
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,

    /// A node of the chain.
    #[arg(long, value_name = "URL", env = "ETH_RPC_URL", hide_env_values = true)]
    rpc: String,

    /// The chain that the node has to be on; needed unless it is a development chain (31337 or 1337).
    #[arg(long, value_name = "ID")]
    chain_id: Option<u64>,

    /// The journal [default: that of the account, in the state directory].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// The most that the submission of each bundle may cost, in the chain's currency, such as 0.05.
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    max_cost: Option<U256>,
}

pub(super) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let bundles = args.bundles.iter().map(|path| read(path)).collect::<Result<Vec<Bundle>, _>>()?;
    let (mut added, mut rows) = (Vec::new(), Vec::new());
    session.runtime()?.block_on(async {
        let node = Node::connect_to(&args.rpc, args.chain_id).await?;
        let chain = connect(std::slice::from_ref(&args.rpc), args.chain_id, None).await?;
        // All of them are looked at before the first is added.
        let mut intents = Vec::new();
        for bundle in &bundles {
            intents.push((bundle, admit(bundle, &node, args.max_cost).await?));
        }
        for (bundle, intent) in intents {
            let Context::Chain { assignment, .. } = bundle.statement().context else { continue };
            let owner = Owner::of(&chain, assignment.submitter).await?;
            let path = place::path(args.journal.as_deref(), &owner)?;
            let journal = Journal::open(&path, &owner)?;
            let phase = match journal.add(&intent, place::now())? {
                Added::New => None,
                Added::Known(row) => Some(row.phase()),
            };
            let said = phase.map_or_else(|| "added".to_owned(), |phase| format!("was there, and is {phase}"));
            rows.push((intent.id.to_string(), said));
            added.push(json!({
                "intent": intent.id,
                "kind": intent.kind,
                "is_new": phase.is_none(),
                "phase": phase.unwrap_or(Phase::Planned),
                "journal": path,
            }));
        }
        Ok::<_, Failure>(())
    })?;
    report::result(session, &json!({ "added": added }), &format!("In the journal\n{}", report::rows(&rows)));
    Ok(Outcome::True)
}

/// The intent of a bundle, for the account that it names.
async fn admit(bundle: &Bundle, node: &Node, max_cost: Option<U256>) -> Result<Intent, Failure> {
    let Context::Chain { assignment, .. } = bundle.statement().context else {
        let reason = "it is made for no chain; `zkinfer submit` makes it for a registry first".into();
        return Err(ChainError::WrongContext(reason).into());
    };
    let intent = admit_bundle(node, bundle, assignment.submitter).await?;
    Ok(Intent { max_cost, ..intent })
}
