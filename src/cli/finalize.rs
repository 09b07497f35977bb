use super::{
    Failure, Outcome,
    challenge::{named, no_claim},
    claim::{PlaceArgs, done},
    context::Session,
    report,
};
use alloy::primitives::{Address, B256};
use serde_json::{Value, json};
use zkinfer::chain::{
    Outbox,
    claims::{BatchState, Claims, Done, LeafStage, Stage},
    money,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer finalize 0x5c50… --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account
  zkinfer finalize 0xba7c… --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account --withdraw
  zkinfer finalize 0xba7c… --leaf 17 --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account

Ends a claim or a batch whose time is over. Anybody may: nobody objected, and the bond is owed to the submitter; a challenge was not
answered, and fee and half of the bond are owed to the challenger, the rest to the consumer; the model is broken, and everybody is owed what they
brought. Before its time nothing is sent, and it says when. Of a batch that has ended the fees of your own open challenges are given back, or
that of --leaf. --withdraw then pays your credit.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The statement's id, or a batch's.
    #[arg(value_name = "ID")]
    id: B256,

    /// The leaf of the batch whose challenge was not answered [default: the one that waits longest].
    #[arg(long, value_name = "N")]
    leaf: Option<u16>,

    /// Then pay the account's credit to it.
    #[arg(long)]
    withdraw: bool,

    #[command(flatten)]
    place: PlaceArgs,
}

/// What was done, in words.
type Step = (String, Done);

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let (address, from_block, outbox) = (args.place.registry()?, args.place.first_block()?, Outbox::from_env()?);
    session.runtime()?.block_on(async {
        let client = args.place.client(session).await?;
        let claims = Claims::open(&client, &outbox, address).await?;
        let (registry, me) = (claims.registry(), client.address());
        session.control().stage("finalize");
        let (mut steps, stage) = if let Some(claim) = registry.find_claim(args.id, from_block).await? {
            if args.leaf.is_some() {
                return Err(Failure::Input(format!("{} is a claim of one statement: it has no leaves", args.id)).into());
            }
            let ended = claims.finalize(&claim).await?;
            (vec![("the end of the claim".to_owned(), ended)], registry.stage(args.id).await?)
        } else {
            let batch = registry.find_batch(args.id, from_block).await?;
            let batch = batch.ok_or_else(|| no_claim(args.id))?;
            let now = client.node().latest_timestamp().await?;
            let steps = end_batch(&claims, &batch, args.leaf, me, now).await?;
            (steps, Stage::from(registry.batch(args.id).await?.stage))
        };
        let credit = registry.credit(me).await?;
        if args.withdraw && !credit.is_zero() {
            steps.push(("the payment of the credit".into(), claims.withdraw(me, None).await?));
        }
        let left = registry.credit(me).await?;
        let (mut shown, mut rows) =
            (Vec::new(), vec![("claim".to_owned(), named(args.id, args.leaf)), ("is now".into(), stage.to_string())]);
        for (what, did) in &steps {
            let mut object = json!({ "what": what });
            rows.push((if did.done_before { "was done before" } else { "done" }.into(), what.clone()));
            done(did, &mut object, &mut rows);
            shown.push(object);
        }
        let chain_id = client.node().chain_id();
        let paid = if args.withdraw { credit.saturating_sub(left) } else { alloy::primitives::U256::ZERO };
        if args.withdraw {
            rows.push(("paid".into(), money::amount(paid, chain_id)));
        }
        rows.push(("your credit".into(), money::amount(left, chain_id)));
        let object: Value = json!({
            "id": args.id,
            "claim_registry": address,
            "stage": stage,
            "steps": shown,
            "credit": left,
            "paid": paid,
        });
        report::result(session, &object, &report::rows(&rows));
        Ok(Outcome::True)
    })
}

/// Ends a batch in the way that it can end now, or gives back what is left in it.
async fn end_batch(
    claims: &Claims<'_>,
    batch: &BatchState,
    leaf: Option<u16>,
    me: Address,
    now: u64,
) -> Result<Vec<Step>, Failure> {
    if batch.stage == Stage::Open {
        let late = batch.challenged(claims.registry().terms()).filter(|(_, until)| now > *until);
        let late = late.min_by_key(|(_, until)| *until).map(|(index, _)| index);
        let is_broken = claims.registry().is_broken(batch.model_id).await?;
        return Ok(match leaf.or(late).filter(|_| !is_broken) {
            Some(index) => {
                vec![(format!("the end of the batch by leaf {index}"), claims.slash_batch(batch, index).await?)]
            }
            None => vec![("the end of the batch".into(), claims.finalize_batch(batch).await?)],
        });
    }
    let is_wanted = |index: u16, challenger: Address| leaf.map_or(challenger == me, |leaf| leaf == index);
    let open = batch.leaves.iter().filter(|(_, state)| state.stage == LeafStage::Challenged);
    let mut steps = Vec::new();
    for (&index, _) in open.filter(|(index, state)| is_wanted(**index, state.challenger)) {
        let what = format!("the return of the fee for leaf {index}");
        steps.push((what, claims.return_fee(batch.batch_id, index).await?));
    }
    Ok(steps)
}
