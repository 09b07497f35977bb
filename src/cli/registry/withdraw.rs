use crate::cli::{
    Outcome, account,
    claim::{PlaceArgs, done},
    context::Session,
    report,
};
use alloy::primitives::Address;
use serde_json::json;
use zkinfer::chain::{Outbox, claims::Claims, money};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose credit [default: your own].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address, conflicts_with = "to")]
    account: Option<Address>,

    /// Pay your own credit to this account instead.
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    to: Option<Address>,

    #[command(flatten)]
    place: PlaceArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let (address, outbox) = (args.place.registry()?, Outbox::from_env()?);
    session.runtime()?.block_on(async {
        let client = args.place.client(session).await?;
        let claims = Claims::open(&client, &outbox, address).await?;
        let account = args.account.unwrap_or_else(|| client.address());
        let credit = claims.registry().credit(account).await?;
        session.control().stage("withdraw");
        let did = claims.withdraw(account, args.to).await?;
        let to = args.to.unwrap_or(account);
        let amount = money::amount(credit, client.node().chain_id());
        let mut object = json!({ "claim_registry": address, "account": account, "to": to, "amount": credit });
        let mut rows =
            vec![("account".to_owned(), account.to_string()), ("to".into(), to.to_string()), ("amount".into(), amount)];
        let head = if did.done_before { "Nothing is owed; nothing was sent" } else { "Paid" };
        done(&did, &mut object, &mut rows);
        report::result(session, &object, &format!("{head}\n{}", report::rows(&rows)));
        Ok(Outcome::True)
    })
}
