//! What goes on beside the engine: files are taken in, claims are looked after, the account is watched. Each at its own pace, each going
//! on when another one fails; what goes wrong is shown.

use super::{
    Endpoints, Journal,
    batcher::Market,
    intake::{Gate, Intake, IntakeError},
    observer::Observer,
    watchtower::Watchtower,
};
use crate::chain::{ChainError, Node, bindings::IModelRegistry, release};
use alloy::primitives::{Address, B256};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::runtime::Handle;

/// How often the account is looked at.
const MONEY_EVERY: Duration = Duration::from_secs(5);

/// What goes on beside the engine.
#[derive(Debug)]
pub struct House {
    /// Shows what is found.
    pub observer: Arc<Observer>,
    /// Who is asked: whoever answers first, in this order; at least one.
    pub nodes: Vec<Node>,
    /// The engine's endpoints: how they do is shown, and they are asked nothing.
    pub endpoints: Endpoints,
    /// The account.
    pub account: Address,
    /// Where intents are added.
    pub journal: Arc<Journal>,
    /// Takes files in.
    pub intake: Option<Intake>,
    /// Look after claims, each over another node, in turn.
    pub watchtowers: VecDeque<Watchtower>,
    /// The time between two looks.
    pub every: Duration,
    /// How many seconds a transaction is expected to take into a block.
    pub lead: u64,
}

/// Asks nodes whether a model may be submitted, until one answers.
#[derive(Clone, Debug)]
pub struct NodeGate {
    nodes: Vec<Node>,
    proofs: Address,
    runtime: Handle,
}

impl House {
    /// Takes in what lies there now.
    pub async fn take_in(&mut self) {
        if let Some(intake) = self.intake.take() {
            self.intake = take(intake, &self.observer, &self.nodes, &self.journal, self.lead).await;
        }
    }

    /// Goes on until it is dropped.
    pub async fn keep(self) {
        let Self { observer, nodes, endpoints, account, journal, intake, mut watchtowers, every, lead } = self;
        let money = async {
            loop {
                observer.endpoints(endpoints.status());
                money(&observer, &nodes, account).await;
                tokio::time::sleep(MONEY_EVERY.max(every)).await;
            }
        };
        let watching = async {
            let mut failed = 0;
            // The next look is over the next node, whatever came of this one: a node that stands still, or leaves something out,
            // answers without an error.
            while let Some(watchtower) = watchtowers.front_mut() {
                match watchtower.look(&journal, observer.head(), now()).await {
                    Ok(watched) => {
                        failed = 0;
                        observer.watched(&watched);
                    }
                    // One of several that fails is shown with the nodes.
                    Err(error) => {
                        failed += 1;
                        tracing::warn!(%error, "claims could not be looked at over this node");
                        if failed >= watchtowers.len() {
                            observer.unwatched(&error.to_string());
                        }
                    }
                }
                watchtowers.rotate_left(1);
                tokio::time::sleep(every).await;
            }
        };
        let taking = async {
            let mut intake = intake;
            while let Some(open) = intake.take() {
                intake = take(open, &observer, &nodes, &journal, lead).await;
                tokio::time::sleep(every).await;
            }
        };
        tokio::join!(money, watching, taking);
    }
}

/// One step of an intake. `None`: it ended.
async fn take(
    mut intake: Intake,
    observer: &Arc<Observer>,
    nodes: &[Node],
    journal: &Arc<Journal>,
    lead: u64,
) -> Option<Intake> {
    let market = market(nodes, lead).await;
    let (journal, books) = (journal.clone(), observer.clone());
    let step = move || {
        let taken = market.map_err(IntakeError::from).and_then(|market| {
            intake.step(&journal, &market, |kind, model_id| books.books().tally.gas(kind, model_id), now())
        });
        (intake, taken)
    };
    let Ok((intake, taken)) = tokio::task::spawn_blocking(step).await else {
        // A panic is a defect, and said as one: the files stay where they are.
        observer.waiting(vec![], &["the intake ended; run the submitter again, and report it".into()]);
        return None;
    };
    match taken {
        Ok(taken) => observer.waiting(taken.waiting, &taken.troubles),
        Err(error) => observer.waiting(vec![], &[error.to_string()]),
    }
    Some(intake)
}

/// What the account has, as the first node says that answers.
async fn money(observer: &Observer, nodes: &[Node], account: Address) {
    for node in nodes {
        let found = async { Ok::<_, ChainError>((node.balance(account).await?, node.base_fee().await?)) };
        match found.await {
            Ok((balance, base_fee)) => return observer.money(balance, base_fee),
            Err(error) => tracing::debug!(endpoint = node.endpoint(), %error, "the balance is not known"),
        }
    }
}

/// As the first node has it that answers.
async fn market(nodes: &[Node], lead: u64) -> Result<Market, ChainError> {
    let mut last = Err(nobody());
    for node in nodes {
        last = Market::of(node, lead).await;
        if last.is_ok() {
            break;
        }
    }
    last
}

impl Market {
    /// As a node has it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn of(node: &Node, lead: u64) -> Result<Self, ChainError> {
        let price = match node.base_fee().await? {
            Some(base) => base.saturating_add(node.tip().await?),
            None => node.gas_price().await?,
        };
        Ok(Self { now: node.latest_timestamp().await?, price, lead })
    }
}

impl NodeGate {
    /// For the models of a proof registry. To be made within a runtime.
    #[must_use]
    pub fn new(nodes: Vec<Node>, proofs: Address) -> Self {
        Self { nodes, proofs, runtime: Handle::current() }
    }

    async fn ask(&self, node: &Node, model_id: B256) -> Result<(), ChainError> {
        let models = release::registries(node, self.proofs).await?;
        // Reverts when the registry knows no model of this id, or its code is another one by now.
        node.view(models, &IModelRegistry::resolveCall { modelId: model_id }).await?;
        release::admit_model(node, models, model_id).await
    }
}

impl Gate for NodeGate {
    fn admit(&self, model_id: B256) -> Result<(), ChainError> {
        self.runtime.block_on(async {
            let mut said = Err(nobody());
            for node in &self.nodes {
                said = self.ask(node, model_id).await;
                if !matches!(said, Err(ChainError::Unreachable { .. } | ChainError::Rpc { .. })) {
                    break;
                }
            }
            said
        })
    }
}

fn nobody() -> ChainError {
    ChainError::Unreachable { endpoint: "any endpoint".into(), reason: "none is known".into() }
}

/// Unix milliseconds.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
