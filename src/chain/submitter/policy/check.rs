//! From the file to a policy, or to a sentence with two places.

use super::{
    BudgetPolicy, ChainPolicy, ContractsPolicy, DEFAULT_CONFIRMATIONS, DEFAULT_REPLACE_AFTER, Endpoint, FeesPolicy,
    Place, Policy, PolicyError,
    file::{At, BudgetTable, ChainTable, ContentTable, ContractsTable, FeesTable, Source},
    treatment::treatments,
    values::{Contract, MAX_BLOCKS},
};
use crate::chain::{node, submitter::options::Finality};
use alloy::primitives::U256;
use toml::Spanned;

const MAX_ENDPOINTS: usize = 16;

pub(super) type Checked<T> = Result<T, PolicyError>;

/// Two places, and why both cannot be followed.
pub(super) fn contradict<T>(first: Place, second: Place, reason: &str) -> Checked<T> {
    // In the order in which they are read.
    let (first, second) = if second.line < first.line { (second, first) } else { (first, second) };
    Err(PolicyError::Contradiction { first, second, reason: reason.into() })
}

pub(super) fn refuse<T>(place: Place, reason: impl Into<String>) -> Checked<T> {
    Err(PolicyError::Value { place, reason: reason.into() })
}

pub(super) fn policy(source: &Source<'_>) -> Checked<Policy> {
    let file = source.read()?;
    if *file.version.get_ref() != 1 {
        return refuse(source.place("version", &file.version), "this release reads version 1");
    }
    let chain = chain(source, &file.chain)?;
    let contracts = contracts(source, &file.contracts)?;
    let fees = fees(source, &file.fees)?;
    let budget = budget(source, &file.budget)?;
    money(source, &file.fees, &file.budget)?;
    let stores = stores(source, &file.content)?;
    let (default, rules) = treatments(source, &file, !stores.is_empty())?;
    if default.is_none() && rules.is_empty() {
        return Err(PolicyError::Malformed {
            line: None,
            message: "it says of no inference what is to be done: give [default] or a [[rule]]".into(),
        });
    }
    Ok(Policy { chain, contracts, fees, budget, stores, default, rules })
}

fn chain(source: &Source<'_>, table: &Spanned<ChainTable>) -> Checked<ChainPolicy> {
    let table = table.get_ref();
    let all = source.place("chain.endpoints", &table.endpoints);
    let listed = table.endpoints.get_ref();
    if listed.is_empty() || listed.len() > MAX_ENDPOINTS {
        return refuse(all, format!("give 1 to {MAX_ENDPOINTS} endpoints, not {}", listed.len()));
    }
    let endpoints = listed.iter().enumerate().map(|(at, endpoint)| {
        let place = || source.place(format!("chain.endpoints[{at}]"), endpoint);
        if let Err(error) = node::parse(endpoint.get_ref()) {
            return refuse(place(), error.to_string());
        }
        match listed.iter().take(at).position(|other| other.get_ref() == endpoint.get_ref()) {
            Some(before) => contradict(
                source.place(format!("chain.endpoints[{before}]"), &listed[before]),
                place(),
                "they are the same node, which cannot confirm itself",
            ),
            None => Ok(Endpoint(endpoint.get_ref().clone())),
        }
    });
    let endpoints = endpoints.collect::<Checked<Vec<_>>>()?;
    let quorum = match &table.quorum {
        None => endpoints.len() / 2 + 1,
        Some(quorum) if *quorum.get_ref() == 0 => {
            return refuse(source.place("chain.quorum", quorum), "at least one node has to say what decides money");
        }
        Some(quorum) if *quorum.get_ref() > endpoints.len() => {
            return contradict(source.place("chain.quorum", quorum), all, "there are fewer nodes than have to agree");
        }
        Some(quorum) => *quorum.get_ref(),
    };
    let (confirmations, finality) = depth(source, table)?;
    let (fork, account) = (table.fork.as_ref().map(|fork| *fork.get_ref()), table.account.map(|account| account.0));
    Ok(ChainPolicy { id: table.id, endpoints, quorum, confirmations, finality, fork, account })
}

fn depth(source: &Source<'_>, table: &ChainTable) -> Checked<(u64, Finality)> {
    let finality = table.finality.as_ref().map_or(Finality::Tag, |finality| finality.get_ref().0);
    let Some(confirmations) = &table.confirmations else {
        let confirmations = match finality {
            Finality::Depth(blocks) => DEFAULT_CONFIRMATIONS.min(blocks),
            Finality::Tag => DEFAULT_CONFIRMATIONS,
        };
        return Ok((confirmations, finality));
    };
    let (number, place) = (*confirmations.get_ref(), source.place("chain.confirmations", confirmations));
    if !(1..=MAX_BLOCKS).contains(&number) {
        return refuse(place, format!("give 1 to {MAX_BLOCKS}: the block that has the transaction is the first"));
    }
    match (&table.finality, finality) {
        (Some(at), Finality::Depth(blocks)) if blocks < number => {
            let reason = "a transaction would be final before it is confirmed";
            contradict(place, source.place("chain.finality", at), reason)
        }
        _ => Ok((number, finality)),
    }
}

fn contracts(source: &Source<'_>, table: &Spanned<ContractsTable>) -> Checked<ContractsPolicy> {
    let place = source.place("contracts", table);
    let table = table.get_ref();
    let address = |at: &At<Contract>| at.as_ref().map(|contract| contract.get_ref().0);
    let (proof_registry, claim_registry) = (address(&table.proof_registry), address(&table.claim_registry));
    match (&table.proof_registry, &table.claim_registry) {
        (None, None) => return refuse(place, "give proof_registry or claim_registry"),
        (Some(proofs), Some(claims)) if proofs.get_ref() == claims.get_ref() => {
            return contradict(
                source.place("contracts.proof_registry", proofs),
                source.place("contracts.claim_registry", claims),
                "one address has one contract",
            );
        }
        _ => {}
    }
    let from_block = table.from_block.as_ref().map_or(0, |block| *block.get_ref());
    if let (Some(block), None) = (&table.from_block, claim_registry) {
        return Err(PolicyError::Missing {
            key: "contracts.claim_registry".into(),
            because: source.place("contracts.from_block", block),
            reason: "the block is the one from which its events are read".into(),
        });
    }
    Ok(ContractsPolicy { proof_registry, claim_registry, from_block })
}

fn fees(source: &Source<'_>, table: &FeesTable) -> Checked<FeesPolicy> {
    if let (Some(most), Some(answer)) = (&table.max_fee, &table.answer_max_fee)
        && answer.get_ref() < most.get_ref()
    {
        return contradict(
            source.place("fees.max_fee", most),
            source.place("fees.answer_max_fee", answer),
            "an answer, on which a bond depends, could pay less than anything else",
        );
    }
    Ok(FeesPolicy {
        max_fee: table.max_fee.as_ref().map(|price| price.get_ref().0),
        max_cost: table.max_cost.as_ref().map(|amount| amount.get_ref().0),
        replace_after: table.replace_after.as_ref().map_or(DEFAULT_REPLACE_AFTER, |time| time.get_ref().0),
        answer_max_fee: table.answer_max_fee.as_ref().or(table.max_fee.as_ref()).map(|price| price.get_ref().0),
    })
}

fn budget(source: &Source<'_>, table: &BudgetTable) -> Checked<BudgetPolicy> {
    if let (Some(reserve), Some(alarm)) = (&table.reserve, &table.alarm_below)
        && alarm.get_ref() < reserve.get_ref()
    {
        return contradict(
            source.place("budget.reserve", reserve),
            source.place("budget.alarm_below", alarm),
            "nothing would be sent any more before there is an alarm",
        );
    }
    Ok(BudgetPolicy {
        per_day: table.per_day.as_ref().map(|amount| amount.get_ref().0),
        reserve: table.reserve.as_ref().map_or(U256::ZERO, |amount| amount.get_ref().0),
        alarm_below: table.alarm_below.as_ref().map(|amount| amount.get_ref().0),
        bonded: table.bonded.as_ref().map(|amount| amount.get_ref().0),
    })
}

fn money(source: &Source<'_>, fees: &FeesTable, budget: &BudgetTable) -> Checked<()> {
    if let (Some(cost), Some(day)) = (&fees.max_cost, &budget.per_day)
        && cost.get_ref() > day.get_ref()
    {
        return contradict(
            source.place("fees.max_cost", cost),
            source.place("budget.per_day", day),
            "one transaction may cost more than a day",
        );
    }
    Ok(())
}

fn stores(source: &Source<'_>, table: &ContentTable) -> Checked<Vec<Endpoint>> {
    let Some(stores) = &table.stores else { return Ok(vec![]) };
    let listed = stores.get_ref();
    let check = |(at, store): (usize, &Spanned<String>)| {
        let place = source.place(format!("content.stores[{at}]"), store);
        if store.get_ref() != "local"
            && let Err(error) = node::parse(store.get_ref())
        {
            return refuse(place, format!("it is neither \"local\" nor the address of an S5 node: {error}"));
        }
        if let Some(before) = listed.iter().take(at).position(|other| other.get_ref() == store.get_ref()) {
            let first = source.place(format!("content.stores[{before}]"), &listed[before]);
            return contradict(first, place, "they are the same store");
        }
        Ok(Endpoint(store.get_ref().clone()))
    };
    listed.iter().enumerate().map(check).collect()
}
