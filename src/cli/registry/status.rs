use crate::cli::{
    Outcome, account,
    claim::{ReadArgs, span},
    context::Session,
    report,
};
use alloy::primitives::{Address, B256};
use serde_json::json;
use std::collections::BTreeMap;
use zkinfer::chain::{
    claims::{Indexer, Stage, State},
    money,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: ReadArgs,

    /// Also show what this account is owed.
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    account: Option<Address>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    session.runtime()?.block_on(async {
        let (registry, from_block) = args.place.open().await?;
        session.control().stage("read events");
        let mut indexer = Indexer::new(registry.clone(), from_block);
        let block = indexer.sync().await?.block;
        let (state, terms, chain_id) = (indexer.state(), registry.terms, registry.node().chain_id());
        let (held, balance) = (state.held(), registry.node().balance(registry.address).await?);
        // Ether that was forced in is nobody's, so that there can be more.
        let is_whole = balance >= held;
        let broken: Vec<B256> = state.models().keys().copied().filter(|&id| state.is_broken(id)).collect();
        let credit = match args.account {
            Some(account) => Some(registry.credit(account).await?),
            None => None,
        };
        let object = json!({
            "claim_registry": registry.address,
            "chain_id": chain_id,
            "proof_registry": registry.proofs,
            "model_registry": registry.models,
            "terms": terms,
            "block": block,
            "claims": counts(state.claims().values().map(|claim| claim.stage)),
            "batches": counts(state.batches().values().map(|batch| batch.stage)),
            "models": state.models().len(),
            "broken_models": broken,
            "held": held,
            "balance": balance,
            "is_whole": is_whole,
            "paid_in": state.paid_in(),
            "paid_out": state.paid_out(),
            "credit": credit,
        });
        let amount = |wei| money::amount(wei, chain_id);
        let mut rows = vec![
            ("registry".to_owned(), format!("{} on chain {chain_id}, of this release", registry.address)),
            ("beside".into(), format!("ProofRegistry {}", registry.proofs)),
            ("bond".into(), format!("{} a claim", amount(terms.bond))),
            ("fee".into(), format!("{} a challenge", amount(terms.fee))),
            (
                "challenges".into(),
                format!("within {}; of a batch {} at once", span(terms.challenge_window), terms.max_open_challenges),
            ),
            ("answers".into(), format!("within {}", span(terms.answer_window))),
            ("claims".into(), told(state.claims().values().map(|claim| claim.stage))),
            ("batches".into(), told(state.batches().values().map(|batch| batch.stage))),
            ("broken".into(), format!("{} of {} models", broken.len(), state.models().len())),
            ("holds".into(), format!("{}, and has to hold {}", amount(balance), amount(held))),
        ];
        if let (Some(account), Some(credit)) = (args.account, credit) {
            rows.push(("credit".into(), format!("{} of {account}", amount(credit))));
        }
        let head = if is_whole { "A claim registry" } else { "INVALID: the registry holds less than its events say" };
        report::result(session, &object, &format!("{head}, at block {block}\n{}", report::rows(&rows)));
        Ok(if is_whole { Outcome::True } else { Outcome::Invalid })
    })
}

fn counts(stages: impl Iterator<Item = Stage>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for stage in stages {
        *counts.entry(stage.as_str()).or_default() += 1;
    }
    counts
}

fn told(stages: impl Iterator<Item = Stage>) -> String {
    let counts: Vec<String> = counts(stages).into_iter().map(|(stage, count)| format!("{count} {stage}")).collect();
    if counts.is_empty() { "none".into() } else { counts.join(", ") }
}

/// Whether a state knows a claim or a batch of this id.
pub(super) fn knows(state: &State, id: B256) -> bool {
    state.claims().contains_key(&id) || state.batches().contains_key(&id)
}
