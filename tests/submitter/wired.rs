//! A submitter that speaks to anvil through a proxy, on contracts of this release.

use crate::{
    chain_world::{self, World},
    proxy::Proxy,
};
use alloy::{
    primitives::{B256, U256},
    providers::{Provider, RootProvider},
    sol_types::SolCall,
};
use serde_json::json;
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use zkinfer::{
    chain::{
        Account,
        bindings::IProofRegistry,
        client::read_claim,
        submitter::{
            Attempt, Chain, Endpoints, Engine, Finality, Intent, Journal, Kind, Look, Manners, Options, Owner, Phase,
            Row, Step, StepError, Test, connect,
        },
    },
    proof::{Context, Statement},
};

pub(crate) struct Wired {
    pub(crate) world: World,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) engine: Engine<Endpoints>,
    pub(crate) owner: Owner,
    pub(crate) now: u64,
    _dir: TempDir,
}

impl Wired {
    /// One endpoint.
    pub(crate) async fn new() -> Self {
        Self::with(1).await
    }

    pub(crate) async fn with(endpoints: usize) -> Self {
        let world = World::new().await;
        let proxies: Vec<Proxy> = (0..endpoints).map(|_| Proxy::start(&world.devnet.endpoint())).collect();
        let dir = tempfile::tempdir().unwrap();
        let urls: Vec<String> = proxies.iter().map(Proxy::url).collect();
        // Here a rest is as long as a step.
        let manners = Manners { rest: Duration::from_millis(5), ..Manners::default() };
        let chain = connect(&urls, None, None).await.unwrap().with_manners(manners);
        let account = Account::dev();
        let genesis = chain.block(0).await.unwrap().unwrap().hash;
        let owner = Owner { chain_id: 31337, genesis, account: account.address() };
        let path = Journal::path_in(dir.path(), 31337, account.address());
        let options = Options {
            confirmations: 2,
            finality: Finality::Depth(4),
            bump_after: Duration::from_secs(60),
            resend_after: Duration::from_secs(5),
            ..Options::default()
        };
        let engine = engine(chain, &path, &owner, options);
        Self { world, proxies, engine, owner, now: 1_000_000, _dir: dir }
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        &self.proxies[0]
    }

    pub(crate) fn provider(&self) -> RootProvider {
        self.world.provider()
    }

    /// A statement of its own for every number.
    pub(crate) fn statement(&self, number: u8) -> Statement {
        let mut statement = self.world.statement();
        if let Context::Chain { assignment, .. } = &mut statement.context {
            assignment.job = B256::repeat_byte(number);
        }
        statement
    }

    /// Wants a claim of the statement of this number.
    pub(crate) fn add(&self, number: u8) -> B256 {
        let statement = self.statement(number);
        let (registry, id) = (self.world.registry(), statement.id());
        let data = self.world.submit_call(&statement, &chain_world::proof());
        let mut intent = Intent::new(id, Kind::Proof, format!("claim {number}"), registry, data.into());
        let asked = IProofRegistry::isVerifiedCall { statementId: id }.abi_encode();
        intent.done = vec![Look { to: registry, data: asked.into(), word: 0, test: Test::Equals(U256::from(1)) }];
        self.engine.journal().add(&intent, self.now).unwrap();
        id
    }

    pub(crate) async fn try_step(&mut self, seconds: u64) -> Result<Step, StepError> {
        self.now += seconds * 1000;
        self.engine.step(self.now).await
    }

    /// Steps, a block after each, until the intent has ended.
    pub(crate) async fn settle(&mut self, id: B256) -> Row {
        for _ in 0..60 {
            // Nodes fail here on purpose.
            let _ = self.try_step(2).await;
            if !self.row(id).state.is_open() {
                return self.row(id);
            }
            self.mine().await;
        }
        panic!("it does not end: {:#?}", self.row(id));
    }

    pub(crate) async fn mine(&self) {
        self.world.cheat("evm_mine", json!([])).await;
    }

    pub(crate) fn row(&self, id: B256) -> Row {
        self.engine.journal().row(id).unwrap().unwrap()
    }

    pub(crate) fn attempts(&self, id: B256) -> Vec<Attempt> {
        self.engine.journal().attempts(id).unwrap()
    }

    pub(crate) async fn is_claimed(&self, id: B256) -> bool {
        read_claim(self.world.client.node(), self.world.registry(), id).await.unwrap().is_some()
    }

    pub(crate) async fn nonce(&self) -> u64 {
        self.provider().get_transaction_count(self.owner.account).await.unwrap()
    }

    /// It is on the chain, by one transaction, and the journal replays.
    pub(crate) async fn claimed_once(&mut self, id: B256) -> Vec<Attempt> {
        let row = self.settle(id).await;
        assert_eq!(row.phase(), Phase::Finalized, "{row:?}");
        assert!(self.is_claimed(id).await);
        self.engine.journal().check().unwrap();
        self.attempts(id)
    }
}

fn engine(chain: Endpoints, path: &Path, owner: &Owner, options: Options) -> Engine<Endpoints> {
    let journal = Journal::open(path, owner).unwrap().hold(owner).unwrap();
    Engine::new(chain, journal, Account::dev(), options)
}
