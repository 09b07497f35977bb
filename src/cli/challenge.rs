use super::{
    Failure, Outcome, again,
    claim::{PlaceArgs, done, find_batch_file, moment},
    context::Session,
    hidden, report,
};
use alloy::primitives::B256;
use serde_json::{Value, json};
use std::path::PathBuf;
use zkinfer::{
    chain::{
        Outbox,
        claims::{Claims, Stage},
        money,
    },
    proof::Statement,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer challenge 0x5c50… --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account
  zkinfer challenge 0xba7c… --leaf 17 --batch batch.json --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account
  zkinfer challenge 0xba7c… --leaf 17 --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account      a leaf that nobody was shown

Brings the registry's fee. If the claim is proven within the answer window, the fee is the submitter's; if not, fee and half of the bond are
yours (`zkinfer finalize`, then `zkinfer registry withdraw`). Where this machine has the model's artifacts the claim is run again first, and
a challenge of a true one is refused: it would lose its fee. Challenging twice is challenging once.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The statement's id, or a batch's with --leaf.
    #[arg(value_name = "ID")]
    id: B256,

    /// The leaf of the batch, counted from 0.
    #[arg(long, value_name = "N")]
    leaf: Option<u16>,

    /// The leaves of the batch, as `zkinfer claim batch` wrote them: to run the leaf again first.
    #[arg(long, value_name = "FILE", requires = "leaf")]
    batch: Option<PathBuf>,

    /// What opens the claim's hidden tensors: to run it again first.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    /// Challenge although the claim is true as far as this machine can tell.
    #[arg(long)]
    anyway: bool,

    #[command(flatten)]
    place: PlaceArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let (address, from_block, outbox) = (args.place.registry()?, args.place.first_block()?, Outbox::from_env()?);
    session.runtime()?.block_on(async {
        let client = args.place.client(session).await?;
        let claims = Claims::open(&client, &outbox, address).await?;
        let registry = claims.registry();
        let chain_id = client.node().chain_id();
        let statement = match args.leaf {
            None => {
                let claim = registry.find_claim(args.id, from_block).await?;
                let claim = claim.ok_or_else(|| no_claim(args.id))?;
                claim.statement(chain_id, registry.proofs)
            }
            Some(leaf) => {
                let file = find_batch_file(args.batch.as_deref(), &outbox, registry, args.id)?;
                file.and_then(|batch| batch.statement(usize::from(leaf)))
            }
        };
        let is_mine = match args.leaf {
            None => registry.challenger(args.id).await? == client.address(),
            Some(leaf) => registry.leaf(args.id, leaf).await?.0 == client.address(),
        };
        let truth = match statement {
            Some(statement) if !is_mine => args.judge(&statement, session)?,
            _ => None,
        };
        if truth == Some(true) && !args.anyway {
            return Err(Failure::Input(format!(
                "the claim is true: the model's artifacts on this machine give the same answer, and a challenge would lose its \
                 fee of {}; --anyway challenges all the same",
                money::amount(registry.terms.fee, chain_id)
            )).into());
        }
        session.control().stage("challenge");
        let did = match args.leaf {
            None => claims.challenge(args.id).await?,
            Some(leaf) => claims.challenge_leaf(args.id, leaf).await?,
        };
        let since = match args.leaf {
            None => {
                let record = registry.claim(args.id).await?;
                (Stage::from(record.stage) == Stage::Challenged).then(|| record.since.to::<u64>())
            }
            Some(_) => None,
        };
        let until = since.map(|since| since.saturating_add(registry.terms.answer_window));
        let mut object = json!({
            "id": args.id,
            "leaf": args.leaf,
            "claim_registry": address,
            "challenger": client.address(),
            "fee": registry.terms.fee,
            "claim_is_true": truth,
            "answerable_until": until,
        });
        let mut rows = vec![
            ("claim".to_owned(), named(args.id, args.leaf)),
            ("fee".into(), money::amount(registry.terms.fee, chain_id)),
            ("run again here".into(), told(truth).into()),
        ];
        if let Some(until) = until {
            rows.push(("answerable".into(), format!("until {}", moment(until))));
        }
        done(&did, &mut object, &mut rows);
        let how = if did.done_before { "Challenged before; nothing was sent" } else { "Challenged" };
        report::result(session, &Value::clone(&object), &format!("{how}\n{}", report::rows(&rows)));
        Ok(Outcome::True)
    })
}

impl Args {
    /// Whether the statement is true; `None` where nothing here can tell.
    fn judge(&self, statement: &Statement, session: &Session) -> Result<Option<bool>, Failure> {
        let openings = self.openings.as_deref().map(hidden::read).transpose()?;
        again::is_true(statement, openings.as_ref(), usize::from(self.leaf.unwrap_or(0)), session.control())
    }
}

const fn told(truth: Option<bool>) -> &'static str {
    match truth {
        Some(true) => "true",
        Some(false) => "FALSE: the model gives another answer",
        None => "no: there are no artifacts of the model, or no values of the leaf, on this machine",
    }
}

pub(crate) fn named(id: B256, leaf: Option<u16>) -> String {
    leaf.map_or_else(|| id.to_string(), |leaf| format!("{id}, leaf {leaf}"))
}

pub(crate) fn no_claim(id: B256) -> Failure {
    Failure::Input(format!(
        "the registry has no claim {id}; check the id and --claim-registry (a leaf of a batch takes the batch's id and --leaf)"
    ))
}
