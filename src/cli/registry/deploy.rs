use crate::cli::{
    Outcome,
    account::{self, AccountArgs},
    claim::span,
    context::Session,
    report,
};
use alloy::primitives::{Address, U256};
use serde_json::json;
use zkinfer::chain::{
    claims::Terms,
    money::{self, parse_amount},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The ProofRegistry that it stands beside [default: the deployment file's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    registry: Option<Address>,

    /// The bond of a claim, in the chain's currency.
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    bond: U256,

    /// The fee of a challenge, in the chain's currency.
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    fee: U256,

    /// How long a claim can be challenged.
    #[arg(long, value_name = "SECONDS")]
    challenge_window: u64,

    /// How long a challenge can be answered.
    #[arg(long, value_name = "SECONDS")]
    answer_window: u64,

    /// How many challenges of one batch can be open at a time.
    #[arg(long, value_name = "N")]
    max_open: u16,

    #[command(flatten)]
    account: AccountArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let proofs = args.account.place("--registry", args.registry, "ProofRegistry")?;
    let terms = Terms {
        bond: args.bond,
        fee: args.fee,
        challenge_window: args.challenge_window,
        answer_window: args.answer_window,
        max_open_challenges: args.max_open,
    };
    session.runtime()?.block_on(async {
        session.control().stage("deploy");
        let client = args.account.client(session).await?;
        let deployed = client.deploy_claim_registry(proofs, &terms).await?;
        let mut object = json!(deployed);
        object["claim_registry"] = json!(deployed.address);
        object["proof_registry"] = json!(proofs);
        object["terms"] = json!(terms);
        let amount = |wei| money::amount(wei, client.node().chain_id());
        let text = report::rows(&[
            ("ClaimRegistry".into(), deployed.address.to_string()),
            ("bond".into(), amount(terms.bond)),
            ("fee".into(), amount(terms.fee)),
            (
                "windows".into(),
                format!("{} for challenges, {} for answers", span(terms.challenge_window), span(terms.answer_window)),
            ),
            ("transaction".into(), deployed.mined.transaction_hash.to_string()),
            ("gas".into(), deployed.mined.gas_used.to_string()),
        ]);
        report::result(session, &object, &format!("Deployed\n{text}"));
        Ok(Outcome::True)
    })
}
