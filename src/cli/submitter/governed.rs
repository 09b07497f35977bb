//! What a policy adds to a run: budgets, files that are put together, claims that are looked after; and what a run shows of itself.

use super::{place, prover::Machine};
use crate::cli::{Failure, context::Session};
use alloy::primitives::U256;
use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use zkinfer::{
    chain::{
        Node, Outbox,
        claims::{ClaimRegistry, Indexer},
        outbox::state_dir,
        submitter::{
            Endpoints, Journal, Options, Owner, Purse, Step,
            acts::Desk,
            house::{House, NodeGate},
            http::Server,
            intake::{Intake, Where},
            keeping::Surety,
            observer::Observer,
            policy::{BudgetPolicy, Endpoint, FeesPolicy, Policy},
            watchtower::Watchtower,
        },
    },
    storage::{ContentStore, LocalStore, S5Store},
};

/// What a withdrawal costs at most, in gas: a credit is paid when it is worth twenty of them.
const WITHDRAWAL_GAS: u64 = 60_000;
/// What gas is taken to cost where the policy has no limit, in wei.
const USUAL_PRICE: u128 = 20_000_000_000;
/// How many seconds a transaction is expected to take into a block.
const LEAD: u64 = 30;

#[derive(Debug, clap::Args)]
pub(super) struct GovernArgs {
    /// Do with inferences as this policy says, keep its budgets, and look after the account's claims. It names the nodes, too.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Serve metrics for Prometheus (/metrics), JSON (/status) and /health on this address of this machine, such as
    /// 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
}

/// What goes on beside the engine, and sees all of its steps.
pub(super) struct Governed {
    observer: Arc<Observer>,
    house: House,
    purse: Arc<dyn Purse>,
    _server: Option<Server>,
}

impl GovernArgs {
    /// The policy, if one was given: read before anything is asked of a node.
    pub(super) fn read(&self) -> Result<Option<Arc<Policy>>, Failure> {
        let read = self.policy.as_deref().map(Policy::read).transpose();
        Ok(read.map_err(|error| Failure::Input(error.to_string()))?.map(Arc::new))
    }

    /// Begins to show what goes on, and prepares what goes on beside the engine. `inbox`: where files lie, if the policy puts them
    /// together.
    pub(super) async fn begin(
        &self,
        policy: Option<&Arc<Policy>>,
        (owner, path): (&Owner, &Path),
        (rpc, chain): (&[String], &Endpoints),
        inbox: Option<&Path>,
        every: Duration,
        session: &Session,
    ) -> Result<Governed, Failure> {
        let (fees, budget) = policy.map_or_else(unlimited, |policy| (policy.fees, policy.budget));
        let journal = Journal::open(path, owner)?;
        let observer = Arc::new(Observer::begin(journal, owner.chain_id, fees, budget, place::now())?);
        let started = self.metrics.map(|address| Server::start(address, observer.clone())).transpose();
        let server = started.map_err(|error| Failure::Input(error.to_string()))?;
        if let Some(server) = &server {
            session.say(&format!("metrics on http://{}/metrics", server.address()));
        }
        let nodes = connected(rpc, owner.chain_id).await?;
        let (mut intake, mut watchtowers) = (None, VecDeque::new());
        let mut purse: Arc<dyn Purse> = Arc::new(observer.treasury());
        if let Some(policy) = policy {
            let mut registries = Vec::new();
            if let Some(address) = policy.contracts.claim_registry {
                for node in &nodes {
                    registries.push(ClaimRegistry::at(node, address).await?);
                }
            }
            let machine = Arc::new(Machine::new(session.control().clone()));
            let outbox = Outbox::from_env()?;
            if let Some(inbox) = inbox {
                let place = place_of(policy, owner, registries.first())?;
                let gate = Arc::new(NodeGate::new(nodes.clone(), place.proofs));
                let stores = policy.stores.iter().map(store).collect::<Result<Vec<_>, _>>()?;
                let opened = Intake::open(inbox, place, policy.clone(), machine.clone(), outbox.clone(), stores, gate);
                intake = Some(opened.map_err(|error| Failure::Environment(error.to_string()))?);
            }
            if let Some(registry) = registries.first() {
                let desk = Desk::of(registry, owner.account);
                purse = Arc::new(Surety::new(outbox.clone(), machine.clone(), desk, purse));
            }
            let price = policy.fees.max_fee.unwrap_or(USUAL_PRICE);
            let least = U256::from(price).saturating_mul(U256::from(20 * WITHDRAWAL_GAS));
            for registry in registries {
                let desk = Desk::of(&registry, owner.account);
                let indexer = Indexer::new(registry, policy.contracts.from_block);
                watchtowers.push_back(Watchtower::new(indexer, desk, outbox.clone(), machine.clone(), least));
            }
        }
        let journal = Arc::new(Journal::open(path, owner)?);
        let (account, endpoints) = (owner.account, chain.clone());
        let house = House {
            observer: observer.clone(),
            nodes,
            endpoints,
            account,
            journal,
            intake,
            watchtowers,
            every,
            lead: LEAD,
        };
        Ok(Governed { observer, house, purse, _server: server })
    }
}

impl Governed {
    /// Who says what may be paid.
    pub(super) fn purse(&self) -> Arc<dyn Purse> {
        self.purse.clone()
    }

    /// Takes in what lies in the inbox now.
    pub(super) async fn take_in(&mut self) {
        self.house.take_in().await;
    }

    /// What hears of every step.
    pub(super) fn hearer(&self) -> impl Fn(&Step) + use<> {
        let observer = self.observer.clone();
        move |step| observer.hear(step, place::now())
    }

    /// Goes on until it is dropped.
    pub(super) async fn keep(self) {
        let Self { house, _server, .. } = self;
        house.keep().await;
    }
}

/// The nodes of a policy, as they are connected to.
pub(super) fn endpoints(policy: &Policy) -> Vec<String> {
    policy.chain.endpoints.iter().map(|endpoint| endpoint.secret_url().to_owned()).collect()
}

/// How the engine goes about it, by a policy.
pub(super) fn options(policy: Option<&Arc<Policy>>, usual: Options) -> Options {
    policy.map_or(usual, |policy| policy.options(usual))
}

/// That the policy is for this account.
pub(super) fn admit(policy: &Policy, owner: &Owner) -> Result<(), Failure> {
    match policy.chain.account {
        Some(account) if account != owner.account => Err(Failure::Input(format!(
            "the policy is for {account} (`chain.account`), and the key is that of {}",
            owner.account
        ))),
        _ => Ok(()),
    }
}

fn unlimited() -> (FeesPolicy, BudgetPolicy) {
    let fees = FeesPolicy { max_fee: None, max_cost: None, replace_after: 60, answer_max_fee: None };
    (fees, BudgetPolicy::default())
}

fn place_of(policy: &Policy, owner: &Owner, registry: Option<&ClaimRegistry>) -> Result<Where, Failure> {
    let (given, beside) = (policy.contracts.proof_registry, registry.map(|registry| registry.proofs));
    if let (Some(given), Some(beside)) = (given, beside)
        && given != beside
    {
        return Err(Failure::Input(format!(
            "the policy's claim registry stands beside proof registry {beside}, not beside {given}"
        )));
    }
    // A policy names one of both.
    let proofs = given.or(beside).unwrap_or_default();
    let desk = registry.map(|registry| Desk::of(registry, owner.account));
    let (chain_id, account) = (owner.chain_id, owner.account);
    Ok(Where { chain_id, account, proofs, has_proof_registry: given.is_some(), desk })
}

fn store(endpoint: &Endpoint) -> Result<Box<dyn ContentStore>, Failure> {
    if endpoint.secret_url() == "local" {
        // Beside the outbox, not in the cache: what a claim points to cannot be made again.
        return Ok(Box::new(LocalStore::at(state_dir()?.join("content"))));
    }
    let store = S5Store::connect(endpoint.secret_url()).map_err(|error| Failure::Input(error.to_string()))?;
    Ok(Box::new(store))
}

/// The nodes that answer now, at least one: what is read beside the engine needs no quorum, and goes on when one fails.
async fn connected(rpc: &[String], chain_id: u64) -> Result<Vec<Node>, Failure> {
    let (mut nodes, mut failure) = (Vec::new(), Failure::Input("there is no node".into()));
    for endpoint in rpc {
        match Node::connect_to(endpoint, Some(chain_id)).await {
            Ok(node) => nodes.push(node),
            Err(error) => failure = error.into(),
        }
    }
    if nodes.is_empty() { Err(failure) } else { Ok(nodes) }
}
