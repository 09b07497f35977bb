//! The submitter with a policy, bonds and real native proofs: challenges are answered by the daemon itself, whatever happens to it,
//! to its nodes and to the chain.

use crate::{
    on_chain::{Chain, OTHER_KEY},
    program::{NATIVE, Run, command, native, run},
    proxy::{Action, Proxy},
};
use alloy::{
    primitives::{B256, U256},
    providers::Provider,
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use zkinfer::chain::submitter::{Journal, Kind, Phase, Row};

/// The longest that anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// A chain with a claim registry, and a house of its own.
struct House {
    chain: Chain,
    registry: String,
    state: TempDir,
    proxies: Vec<Proxy>,
}

impl House {
    async fn new(proxies: usize) -> Self {
        let (dir, bundle) = &*NATIVE;
        let chain = Chain::with(dir, bundle).await;
        let terms = ["--fee", "0.001", "--challenge-window", "900", "--answer-window", "600", "--max-open", "4"];
        let place = ["registry", "deploy", "--registry", chain.at("proof_registry"), "--bond", "0.01"];
        let deployed = chain.signed(dir, &[&place[..], &terms].concat()).expect(0).json();
        let registry = deployed["claim_registry"].as_str().unwrap().to_owned();
        let proxies = (0..proxies).map(|_| Proxy::start(&chain.devnet.endpoint())).collect();
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("queue")).unwrap();
        Self { chain, registry, state, proxies }
    }

    fn policy(&self, treatment: &str) -> PathBuf {
        let urls: Vec<String> = match &self.proxies[..] {
            [] => vec![self.chain.devnet.endpoint()],
            proxies => proxies.iter().map(Proxy::url).collect(),
        };
        let path = self.state.path().join("policy.toml");
        let policy = format!(
            "version = 1\n[chain]\nid = 31337\nendpoints = {urls:?}\nconfirmations = 1\nfinality = 4\n[contracts]\n\
             claim_registry = \"{}\"\n[fees]\nmax_fee = \"100\"\nanswer_max_fee = \"2000\"\nreplace_after = \"3s\"\n[content]\n\
             stores = [\"local\"]\n[default]\nassurance = \"optimistic\"\n{treatment}",
            self.registry
        );
        fs::write(&path, policy).unwrap();
        path
    }

    /// The bundle of the digits model comes into the inbox, for so many jobs.
    fn put(&self, jobs: std::ops::RangeInclusive<u64>) {
        let queue = self.state.path().join("queue");
        for job in jobs {
            let order = format!("job = \"{}\"\n", B256::from(U256::from(job)));
            fs::write(queue.join(format!("{job}.order.toml")), order).unwrap();
            fs::copy(&NATIVE.1, queue.join(format!("{job}.tmp"))).unwrap();
            fs::rename(queue.join(format!("{job}.tmp")), queue.join(format!("{job}.bundle.json"))).unwrap();
        }
    }

    fn daemon(&self, policy: &Path) -> Child {
        let queue = self.state.path().join("queue");
        let args = ["submitter", "run", "--dev-account", "--interval", "100", "--policy", policy.to_str().unwrap()];
        let mut command = command(&[&args[..], &["--inbox", queue.to_str().unwrap()]].concat());
        let log = File::options().create(true).append(true).open(self.state.path().join("log")).unwrap();
        command.env("ZKINFER_STATE_DIR", self.state.path()).env("ZKINFER_CACHE_DIR", NATIVE.0.path().join("cache"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    /// Somebody else objects, without the model's artifacts.
    fn challenge(&self, id: B256, more: &[&str]) -> Run {
        let (id, rpc) = (id.to_string(), self.chain.devnet.endpoint());
        let args = ["challenge", &id, "--claim-registry", &self.registry, "--rpc", &rpc, "--json"];
        let mut command = command(&[&args[..], more].concat());
        command.env("ZKINFER_CACHE_DIR", self.state.path().join("empty")).env("ZKINFER_PRIVATE_KEY", OTHER_KEY);
        command.env("ZKINFER_STATE_DIR", self.state.path().join("other"));
        run(&mut command)
    }

    fn claims(&self, of: &[&str]) -> Value {
        let rpc = self.chain.devnet.endpoint();
        let args = ["registry", "claims", "--claim-registry", &self.registry, "--rpc", &rpc, "--json"];
        native(&NATIVE.0, &[&args[..], of].concat()).expect(0).json()
    }

    /// The only one that there is. Its name has the chain's first block in it.
    fn journal(&self) -> Option<PathBuf> {
        let files = fs::read_dir(self.state.path().join("submitter")).ok()?.flatten();
        files.map(|file| file.path()).find(|path| path.extension().is_some_and(|extension| extension == "sqlite"))
    }

    fn rows(&self, kind: Kind) -> Vec<Row> {
        let Some(Ok(journal)) = self.journal().map(|path| Journal::visit(&path)) else { return Vec::new() };
        let rows = journal.latest_rows(None, 10_000).unwrap_or_default();
        rows.into_iter().filter(|row| row.kind == kind).rev().collect()
    }

    /// Waits until something of the journal is so. What the daemon said is shown if it never is.
    async fn until(&self, what: &str, kind: Kind, is_so: impl Fn(&[Row]) -> bool) -> Vec<Row> {
        let begun = Instant::now();
        loop {
            let rows = self.rows(kind);
            if is_so(&rows) {
                return rows;
            }
            assert!(begun.elapsed() < LIMIT, "{what}: {rows:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.state.path().join("log")).unwrap_or_default()
    }
}

fn kill(daemon: &mut Child) {
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

/// A node that answers everything, and stands still: what it says of the chain was true once.
async fn stand_still(proxy: &Proxy, at: impl Provider) {
    let head: Value = at.raw_request("eth_getBlockByNumber".into(), json!(["latest", false])).await.unwrap();
    let number = head["number"].clone();
    proxy.on("eth_blockNumber", move |_, _| Action::Answer(number.clone()));
    proxy.on("eth_getBlockByNumber", move |parameters, _| match &parameters[0] {
        latest if latest == "latest" => Action::Answer(head.clone()),
        _ => Action::Forward,
    });
    proxy.on("eth_getLogs", |_, _| Action::Answer(json!([])));
}

/// Three nodes, of which one stands still; challenges while the chain reorganises and fees leap; and a process that is killed with -9
/// whenever it is about to answer. Every challenge is answered in its time, once.
#[tokio::test(flavor = "multi_thread")]
async fn challenges_are_answered_while_the_chain_reorganises_and_the_daemon_is_killed() {
    let house = House::new(3).await;
    let provider = crate::rpc::provider(&house.chain.devnet);
    house.put(1..=3);
    stand_still(&house.proxies[1], provider.clone()).await;
    house.chain.cheat("evm_setIntervalMining", json!([1])).await;
    let policy = house.policy("deadline = \"1h\"\n");
    let mut daemon = house.daemon(&policy);
    let final_ones = |rows: &[Row]| rows.iter().filter(|row| row.phase() == Phase::Finalized).count();
    let claims = house.until("three claims", Kind::Optimistic, |rows| final_ones(rows) == 3).await;
    // What an answer takes stays in the cache, whoever makes room there.
    let pins = fs::read_dir(NATIVE.0.path().join("cache/pins")).unwrap().flatten();
    let pinned: usize = pins.map(|model| fs::read_dir(model.path()).unwrap().count()).sum();
    assert!(pinned >= 3, "{pinned}");

    for (number, claim) in claims.iter().enumerate() {
        house.challenge(claim.id, &[]).expect(0);
        // It has been noticed, proven and planned; whether it was sent, nobody knows who kills it now.
        house.until("an answer", Kind::Answer, |rows| rows.len() > number).await;
        kill(&mut daemon);
        match number {
            0 => house.chain.cheat("anvil_reorg", json!([1, []])).await,
            1 => house.chain.cheat("anvil_setNextBlockBaseFeePerGas", json!(["0x2e90edd000"])).await,
            _ => house.chain.cheat("anvil_dropAllTransactions", json!([])).await,
        }
        daemon = house.daemon(&policy);
        house.until("its end", Kind::Answer, |rows| final_ones(rows) == number + 1).await;
    }
    kill(&mut daemon);
    for claim in &claims {
        let shown = house.claims(&[&claim.id.to_string()]);
        assert_eq!(shown["claims"][0]["stage"], "verified", "{}", house.log());
    }
    let journal = Journal::visit(&house.journal().unwrap()).unwrap();
    journal.check().unwrap();
    assert!(house.rows(Kind::Answer).iter().all(|row| row.phase() == Phase::Finalized));
    let all = house.claims(&[]);
    assert_eq!(all["claims"].as_array().unwrap().len(), 3, "each was claimed once: {all}");
}

/// What goes together as one root, and what that costs. `ZKINFER_BATCH` statements, of which one is challenged and answered.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of minutes"]
async fn a_thousand_statements_go_in_one_merkle_batch() {
    let count: u64 = std::env::var("ZKINFER_BATCH").map_or(1000, |text| text.parse().unwrap());
    let house = House::new(0).await;
    let provider = crate::rpc::provider(&house.chain.devnet);
    house.put(1..=count);
    house.chain.cheat("evm_setIntervalMining", json!([1])).await;
    let batch =
        format!("grouping = \"merkle-batch\"\nbatch = {{ size = {count}, age = \"10m\" }}\nlatency = \"20m\"\n");
    let begun = Instant::now();
    let mut daemon = house.daemon(&house.policy(&batch));
    let planned = house.until("a batch", Kind::OptimisticBatch, |rows| !rows.is_empty()).await;
    println!(
        "{count} statements: read, run again, kept, published and planned in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    let rows = house.until("its block", Kind::OptimisticBatch, |rows| rows[0].state.inclusion().is_some()).await;
    let found = *rows[0].state.inclusion().unwrap();
    println!("in a block after {:.1} s", begun.elapsed().as_secs_f64());
    let transaction: Value =
        provider.raw_request("eth_getTransactionByHash".into(), json!([found.hash])).await.unwrap();
    let calldata = (transaction["input"].as_str().unwrap().len() - 2) / 2;
    println!(
        "one transaction: {} gas, {calldata} bytes of calldata, {:.1} gas for a statement",
        found.gas_used,
        found.gas_used as f64 / count as f64
    );
    let leaves = house.state.path().join(format!("outbox/31337/{}.batch.json", planned[0].id));
    println!("the file of the leaves: {} bytes", fs::metadata(leaves).unwrap().len());

    let begun = Instant::now();
    house.challenge(planned[0].id, &["--leaf", &(count * 7 / 10).to_string()]).expect(0);
    let answers =
        house.until("an answer", Kind::Answer, |rows| rows.first().is_some_and(|row| row.state.inclusion().is_some()));
    let answer = *answers.await[0].state.inclusion().unwrap();
    assert!(answer.succeeded);
    println!(
        "a leaf challenged: answered in a block after {:.1} s, {} gas",
        begun.elapsed().as_secs_f64(),
        answer.gas_used
    );
    kill(&mut daemon);
}
