//! The daemon itself, on anvil behind faulty proxies, killed at requests that a seed draws, or when it rests for long.
//!
//! What a seed fixes: the weather, the number of endpoints, who lies, when the process is killed (counted in requests), what the
//! chain does. What it does not: which request comes first, which two processes and a network decide.

use crate::{
    chain_world::{self, World},
    faults::{Random, Weather, spoil},
    proxy::{Action, Proxy},
};
use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
    sol_types::SolCall,
};
use serde_json::json;
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use zkinfer::{
    chain::{
        Account,
        bindings::IProofRegistry,
        client::read_claim,
        submitter::{By, Intent, Journal, Kind, Look, Owner, State, Test},
    },
    proof::Context,
};

/// The longest that one process may take to do nothing more than everything.
const LIMIT: Duration = Duration::from_secs(120);

/// In bad weather a daemon rests longer and longer between its requests, and need not make as many as were drawn: it is killed
/// after this time at the latest.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) intents: usize,
    pub(crate) kills: usize,
    pub(crate) transactions: usize,
    pub(crate) reverts: usize,
}

struct Stage {
    world: World,
    proxies: Vec<Proxy>,
    liar: Option<usize>,
    account: Address,
    owner: Owner,
    path: PathBuf,
    random: Random,
    ids: Vec<B256>,
    dir: TempDir,
}

/// Runs a scenario.
///
/// # Errors
/// What must not be, in words.
pub(crate) async fn run(seed: u64) -> Result<Tally, String> {
    let mut stage = Stage::new(seed).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let maker = tokio::spawn(make_blocks(stage.world.provider(), Random::new(seed ^ 0x5eed), is_over.clone()));
    let kills = 2 + stage.random.below(4);
    for _ in 0..kills {
        let requests = 1 + stage.random.below(150) as usize;
        let mut child = stage.spawn();
        stage.until(&mut child, requests).await.map_err(|why| format!("{why}\n{}", stage.log()))?;
        child.kill().map_err(|error| error.to_string())?;
        child.wait().map_err(|error| error.to_string())?;
    }
    // Good weather; who lies goes on lying. The daemon ends when everything has.
    for (at, proxy) in stage.proxies.iter().enumerate() {
        if stage.liar != Some(at) {
            proxy.on_all(|_, _| Action::Forward);
        }
    }
    let mut child = stage.spawn();
    let ended = stage.to_its_end(&mut child).await;
    let _ = child.kill();
    let _ = child.wait();
    is_over.store(true, Ordering::Relaxed);
    maker.await.map_err(|error| error.to_string())?;
    let judged = stage.judge(kills as usize).await;
    match (ended, judged) {
        (Ok(()), judged) => judged.map_err(|why| format!("{why}\n{}", stage.log())),
        (Err(why), _) => Err(format!("{why}\n{}", stage.log())),
    }
}

impl Stage {
    async fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let world = World::new().await;
        let endpoint = world.devnet.endpoint();
        let count = if random.happens(50) { 1 } else { 3 };
        let liar = (count == 3).then(|| random.below(3) as usize);
        let proxies: Vec<Proxy> = (0..count).map(|_| Proxy::start(&endpoint)).collect();
        for (at, proxy) in proxies.iter().enumerate() {
            let weather = if liar == Some(at) { Weather::liar() } else { Weather::draw(&mut random) };
            spoil(proxy, weather, random.next());
        }
        let dir = tempfile::tempdir().unwrap();
        let account = Account::dev().address();
        let genesis = world.client.node().block_hash(0).await.unwrap().unwrap();
        let owner = Owner { chain_id: 31337, genesis, account };
        let path = Journal::path_in(dir.path(), 31337, account);
        let mut stage = Self { world, proxies, liar, account, owner, path, random, ids: Vec::new(), dir };
        for number in 0..1 + stage.random.below(5) {
            stage.add(u8::try_from(number).unwrap()).await;
        }
        stage.world.cheat("evm_setAutomine", json!([false])).await;
        stage
    }

    /// Wants a claim. Some are recorded already, some have no time.
    async fn add(&mut self, number: u8) {
        let mut statement = self.world.statement();
        let is_late = self.random.happens(15);
        if let Context::Chain { assignment, .. } = &mut statement.context {
            assignment.job = B256::repeat_byte(number + 1);
            if is_late {
                assignment.deadline = self.world.client.node().latest_timestamp().await.unwrap() + 20;
            }
        }
        let deadline = match statement.context {
            Context::Chain { assignment, .. } if assignment.deadline < u64::MAX => Some(assignment.deadline),
            _ => None,
        };
        if self.random.happens(15) {
            self.world.client.submit(&statement, &chain_world::proof()).await.unwrap();
        }
        let (registry, id) = (self.world.registry(), statement.id());
        let data = self.world.submit_call(&statement, &chain_world::proof());
        let mut intent = Intent::new(id, Kind::Proof, format!("claim {number}"), registry, data.into());
        intent.deadline = deadline;
        let asked = IProofRegistry::isVerifiedCall { statementId: id }.abi_encode();
        intent.done = vec![Look { to: registry, data: asked.into(), word: 0, test: Test::Equals(U256::from(1)) }];
        let journal = Journal::open(&self.path, &self.owner).unwrap();
        journal.add(&intent, 1).unwrap();
        self.ids.push(id);
    }

    fn spawn(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkinfer"));
        command.args(["submitter", "run", "--dev-account", "--until-done"]);
        for proxy in &self.proxies {
            command.args(["--rpc", &proxy.url()]);
        }
        command.arg("--journal").arg(&self.path);
        command.args(["--confirmations", "1", "--finality", "5", "--interval", "50", "--bump-after", "2"]);
        command.env("ZKINFER_STATE_DIR", self.dir.path()).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    /// Waits in bad weather for so many requests, or for the end of the process. What the network does to its start is no
    /// failure.
    async fn until(&self, child: &mut Child, requests: usize) -> Result<(), String> {
        let (begun, before) = (Instant::now(), self.requests());
        while self.requests() - before < requests && begun.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                // 3: the endpoints did not answer when it began.
                return match status.code() {
                    Some(0 | 3) => Ok(()),
                    code => Err(format!("the daemon ended with {code:?}")),
                };
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Waits in good weather for the end of the process, which is that of everything it has to do.
    async fn to_its_end(&self, child: &mut Child) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            match child.try_wait().map_err(|error| error.to_string())?.map(|status| status.code()) {
                None => tokio::time::sleep(Duration::from_millis(5)).await,
                Some(Some(0)) => return Ok(()),
                Some(code) => return Err(format!("the daemon ended with {code:?}")),
            }
        }
        Err(format!("the daemon is not done after {} s", LIMIT.as_secs()))
    }

    fn requests(&self) -> usize {
        self.proxies.iter().map(Proxy::served).sum()
    }

    async fn judge(&self, kills: usize) -> Result<Tally, String> {
        let said = |error: zkinfer::chain::submitter::JournalError| error.to_string();
        let journal = Journal::open(&self.path, &self.owner).map_err(said)?;
        journal.check().map_err(said)?;
        let (mut wrong, mut counted, mut transactions) = (Vec::new(), 0, 0);
        for id in &self.ids {
            let Some(row) = journal.row(*id).map_err(said)? else {
                wrong.push(format!("{id} was lost"));
                continue;
            };
            let attempts = journal.attempts(*id).map_err(said)?;
            transactions += attempts.len();
            counted += row.reverts as usize;
            let is_claimed = read_claim(self.world.client.node(), self.world.registry(), *id).await;
            let is_claimed = is_claimed.map_err(|error| error.to_string())?.is_some();
            let by_us = self.mined(attempts.iter().map(|attempt| attempt.hash)).await;
            let is_right = match &row.state {
                State::Finalized(found) => is_claimed && by_us == [found.hash],
                State::Replaced(By::Chain) => is_claimed && by_us.is_empty(),
                State::Failed(_) => !is_claimed,
                _ => false,
            };
            if !is_right {
                wrong.push(format!("{row:?}: claimed {is_claimed}, by {by_us:?}"));
            }
        }
        let reverts = self.reverts().await;
        if counted < reverts {
            wrong.push(format!("{reverts} transactions reverted, and {counted} were counted"));
        }
        if wrong.is_empty() {
            Ok(Tally { intents: self.ids.len(), kills, transactions, reverts })
        } else {
            Err(wrong.join("\n"))
        }
    }

    /// Those of these transactions that are in a block and succeeded.
    async fn mined(&self, hashes: impl Iterator<Item = B256>) -> Vec<B256> {
        let mut mined = Vec::new();
        for hash in hashes {
            let receipt = self.world.provider().get_transaction_receipt(hash).await.unwrap();
            if receipt.is_some_and(|receipt| receipt.status() && receipt.to == Some(self.world.registry())) {
                mined.push(hash);
            }
        }
        mined
    }

    /// How many transactions of the account to the registry reverted.
    async fn reverts(&self) -> usize {
        let provider = self.world.provider();
        let mut count = 0;
        for number in 0..=provider.get_block_number().await.unwrap() {
            let receipts = provider.get_block_receipts(number.into()).await.unwrap().unwrap_or_default();
            let ours = receipts.iter().filter(|receipt| receipt.from == self.account);
            count += ours.filter(|receipt| !receipt.status() && receipt.to == Some(self.world.registry())).count();
        }
        count
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(Path::new(self.dir.path()).join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

/// How deep a reorganisation goes: less deep than what the daemon calls final.
const DEEPEST: u64 = 3;

/// Blocks, and what happens to them: pools that forget, spikes of the base fee, reorganisations.
async fn make_blocks(provider: impl Provider, mut random: Random, is_over: Arc<AtomicBool>) {
    let ask = async |method: &'static str, parameters: serde_json::Value| {
        let _: Result<serde_json::Value, _> = provider.raw_request(method.into(), parameters).await;
    };
    // No reorganisation takes back the contracts, or the claims of others: without them nothing can end.
    for _ in 0..DEEPEST {
        ask("evm_mine", json!([])).await;
    }
    while !is_over.load(Ordering::Relaxed) {
        match random.below(40) {
            0 => ask("anvil_dropAllTransactions", json!([])).await,
            1 => ask("anvil_setNextBlockBaseFeePerGas", json!([format!("{:#x}", 20_000_000_000_u64)])).await,
            2 => ask("anvil_reorg", json!([1 + random.below(DEEPEST), []])).await,
            _ => {}
        }
        ask("evm_mine", json!([])).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}
