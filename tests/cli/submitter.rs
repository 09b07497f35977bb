//! `submitter`: adding, running, an inbox, wishes, and journals that are not to be used.

use crate::{
    on_chain::{Chain, OTHER_KEY},
    program::{NATIVE, Run, command, native, run},
};
use alloy::primitives::B256;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use zkinfer::chain::{
    Account, Devnet, Node,
    submitter::{Journal, Owner},
};

/// A chain, and a state directory of its own.
struct Desk {
    chain: Chain,
    state: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let (dir, bundle) = &*NATIVE;
        Self { chain: Chain::with(dir, bundle).await, state: tempfile::tempdir().unwrap() }
    }

    /// A bundle for the registry and the development account.
    fn prove(&self, job: u8) -> PathBuf {
        let path = self.state.path().join(format!("{job}.bundle.json"));
        let (account, job) = (Account::dev().address().to_string(), B256::with_last_byte(job).to_string());
        let args =
            ["prove", "--out", path.to_str().unwrap(), "--registry", self.chain.at("proof_registry"), "--job", &job];
        let context = ["--submitter", &account, "--chain-id", "31337", "--deadline", "9999999999"];
        native(&NATIVE.0, &[&args[..], &context].concat()).expect(0);
        path
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = command(&[&["submitter"], args, &["--json"]].concat());
        command.env("ZKINFER_STATE_DIR", self.state.path()).env("ZKINFER_CACHE_DIR", NATIVE.0.path().join("cache"));
        command
    }

    fn submitter(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }

    fn rpc(&self) -> String {
        self.chain.devnet.endpoint()
    }

    fn add(&self, bundles: &[&Path]) -> Value {
        let paths: Vec<&str> = bundles.iter().map(|path| path.to_str().unwrap()).collect();
        self.submitter(&[&["add"], &paths[..], &["--rpc", &self.rpc()]].concat()).expect(0).json()["added"].clone()
    }

    fn until_done(&self, more: &[&str]) -> Run {
        let args = ["run", "--rpc", &self.rpc(), "--dev-account", "--until-done", "--interval", "20"];
        self.submitter(&[&args[..], more].concat())
    }

    async fn journal(&self) -> PathBuf {
        let node = Node::connect_dev(&self.rpc()).await.unwrap();
        let genesis = node.block_hash(0).await.unwrap().unwrap();
        Journal::path_of(self.state.path(), &Owner { chain_id: 31337, genesis, account: Account::dev().address() })
    }

    async fn nonce(&self) -> u64 {
        use alloy::providers::Provider;
        crate::rpc::provider(&self.chain.devnet).get_transaction_count(Account::dev().address()).await.unwrap()
    }
}

/// Waits for a line of standard error, and reads on in a thread so that the pipe is never full.
fn wait_for(child: &mut Child, text: &str) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let found = lines.by_ref().map_while(Result::ok).any(|line| line.contains(text));
    assert!(found, "`{text}` was not said");
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_is_claimed_once_and_the_next_run_has_nothing_to_do() {
    let desk = Desk::new().await;
    let (first, second) = (desk.prove(1), desk.prove(2));
    let added = desk.add(&[&first, &second]);
    assert_eq!((added[0]["is_new"].clone(), added[1]["kind"].clone()), (json!(true), json!("proof")));
    assert_eq!(desk.add(&[&first])[0]["is_new"], false);

    // What it would do, and does not.
    let before = desk.nonce().await;
    let args = ["run", "--rpc", &desk.rpc(), "--dev-account", "--dry-run"];
    let dry = desk.submitter(&args).expect(0).json();
    assert_eq!((dry["would"].as_array().unwrap().len(), &dry["counts"]), (2, &json!({ "planned": 2 })));
    assert!(dry["would"][0]["obstacle"].is_null() && dry["would"][0]["gas"].as_u64().unwrap() > 100_000);
    assert_eq!(desk.nonce().await, before);

    // Blocks are made when there is something for them.
    desk.chain.cheat("evm_setIntervalMining", json!([1])).await;
    let ended = desk.until_done(&[]).expect(0).says("is final in block");
    assert_eq!(ended.json()["counts"], json!({ "finalized": 2 }));
    assert_eq!(desk.nonce().await, before + 2);
    let ended = desk.until_done(&[]).expect(0).json();
    assert_eq!((ended["counts"].clone(), desk.nonce().await), (json!({ "finalized": 2 }), before + 2));
    // `submit` and the submitter know of the same claims.
    let args = ["submit", first.to_str().unwrap(), "--registry", desk.chain.at("proof_registry"), "--rpc", &desk.rpc()];
    let mut submit = command(&[&args[..], &["--dev-account", "--json"]].concat());
    let submitted = run(submit.env("ZKINFER_STATE_DIR", desk.state.path())).expect(0).json();
    assert_eq!((submitted["recorded_before"].clone(), desk.nonce().await), (json!(true), before + 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_takes_what_can_be_claimed_and_puts_the_rest_aside() {
    let desk = Desk::new().await;
    let inbox = desk.state.path().join("inbox");
    fs::create_dir(&inbox).unwrap();
    fs::copy(desk.prove(1), inbox.join("a.bundle.json")).unwrap();
    fs::write(inbox.join("b.bundle.json"), "{").unwrap();
    // Made for no chain.
    fs::copy(&NATIVE.1, inbox.join("c.bundle.json")).unwrap();
    fs::write(inbox.join("half.tmp"), "{").unwrap();
    desk.chain.cheat("evm_setIntervalMining", json!([1])).await;
    let ended = desk.until_done(&["--inbox", inbox.to_str().unwrap()]).expect(0).json();
    assert_eq!(ended["counts"], json!({ "finalized": 1 }));
    assert!(inbox.join("taken/a.bundle.json").exists() && inbox.join("half.tmp").exists());
    for name in ["b", "c"] {
        assert!(inbox.join(format!("refused/{name}.bundle.json")).exists());
        let reason = fs::read_to_string(inbox.join(format!("refused/{name}.bundle.json.reason.txt"))).unwrap();
        assert!(reason.len() > 20, "{reason}");
    }
    // The same bundle under the same name: nothing is sent, and no file is lost.
    let before = desk.nonce().await;
    fs::copy(inbox.join("taken/a.bundle.json"), inbox.join("a.bundle.json")).unwrap();
    desk.until_done(&["--inbox", inbox.to_str().unwrap()]).expect(0);
    assert!(inbox.join("taken/2-a.bundle.json").exists());
    assert_eq!(desk.nonce().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_runs_and_others_tell_it_what_is_wanted() {
    let desk = Desk::new().await;
    let (first, second) = (desk.prove(1), desk.prove(2));
    desk.submitter(&["pause"]).expect(2).says("no journal");
    let id = desk.add(&[&first])[0]["intent"].as_str().unwrap().to_owned();
    let paused = desk.submitter(&["pause"]).expect(0).json();
    assert_eq!(paused["is_paused"], true);
    let mut running = desk.command(&["run", "--rpc", &desk.rpc(), "--dev-account", "--interval", "20"]);
    let mut running = running.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&mut running, "the journal is");
    let before = desk.nonce().await;
    desk.until_done(&[]).expect(3).says("another process sends");

    // Nor does any other command send with this key.
    let args =
        ["submit", second.to_str().unwrap(), "--registry", desk.chain.at("proof_registry"), "--rpc", &desk.rpc()];
    let mut submit = command(&[&args[..], &["--dev-account", "--json"]].concat());
    run(submit.env("ZKINFER_STATE_DIR", desk.state.path())).expect(3).says("another process sends");
    assert_eq!(desk.nonce().await, before);

    desk.submitter(&["cancel", &id]).expect(0);
    desk.submitter(&["cancel", &B256::repeat_byte(9).to_string()]).expect(2).says("has no intent");
    let journal = Journal::visit(&desk.journal().await).unwrap();
    let until = async |phase: &str| {
        while !journal.counts().unwrap().contains_key(phase) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    until("cancelled").await;
    desk.submitter(&["cancel", &id]).expect(2).says("is cancelled");
    assert_eq!(desk.nonce().await, before);
    desk.submitter(&["retry", &id]).expect(0);
    desk.add(&[&second]);
    desk.chain.cheat("evm_setIntervalMining", json!([1])).await;
    desk.submitter(&["resume"]).expect(0);
    until("finalized").await;
    desk.submitter(&["drain"]).expect(0);
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success());
    let ended: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(ended["counts"]["finalized"].as_u64().unwrap() >= 1 && ended["counts"].get("broadcast").is_none());
    desk.submitter(&["resume"]).expect(0);
    assert_eq!(desk.until_done(&[]).expect(0).json()["counts"], json!({ "finalized": 2 }));
    assert_eq!(desk.nonce().await, before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_not_to_be_used_is_left_as_it_is_and_nothing_is_sent() {
    let desk = Desk::new().await;
    desk.add(&[&desk.prove(1)]);
    let (path, before) = (desk.journal().await, desk.nonce().await);
    let good = fs::read(&path).unwrap();
    let given = path.to_str().unwrap().to_owned();
    let run_with = |bytes: &[u8]| {
        for beside in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{given}{beside}"));
        }
        fs::write(&path, bytes).unwrap();
        let run = desk.until_done(&[]);
        assert_eq!(fs::read(&path).unwrap(), bytes);
        run
    };
    run_with(b"").expect(3).says("no usable journal");
    run_with(&good[..good.len() / 2]).expect(3).says("no usable journal");
    // SQLite's user version is in its header.
    let mut newer = good.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    run_with(&newer).expect(3).says("later release");
    fs::write(&path, &good).unwrap();
    // Another key, and another chain of the same number.
    let mut other = desk.command(&["run", "--rpc", &desk.rpc(), "--journal", &given, "--until-done"]);
    run(other.env("ZKINFER_PRIVATE_KEY", OTHER_KEY)).expect(2).says("nothing was sent");
    let anew = Devnet::start_with(
        &zkinfer::evm::Toolchain::from_env().anvil().unwrap(),
        &zkinfer::chain::devnet::DevnetOptions { chain_id: 1337, block_time: None },
    )
    .await
    .unwrap();
    let args = ["run", "--rpc", &anew.endpoint(), "--dev-account", "--journal", &given, "--until-done"];
    desk.submitter(&args).expect(2).says("nothing was sent");
    assert_eq!((fs::read(&path).unwrap(), desk.nonce().await), (good, before));
    // What is not for a chain is not added either.
    let args = ["add", NATIVE.1.to_str().unwrap(), "--rpc", &desk.rpc()];
    desk.submitter(&args).expect(2).says("made for no chain");
}

/// What `submit` has on its way is in the journal that the submitter runs on: adding it adds nothing, and the submitter sees it through.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_command_has_on_its_way_is_taken_over_and_not_sent_again() {
    let desk = Desk::new().await;
    let (bundle, before) = (desk.prove(1), desk.nonce().await);
    desk.chain.cheat("evm_setAutomine", json!([false])).await;
    let args =
        ["submit", bundle.to_str().unwrap(), "--registry", desk.chain.at("proof_registry"), "--rpc", &desk.rpc()];
    let mut submit = command(&[&args[..], &["--dev-account", "--json", "--wait", "1"]].concat());
    submit.env("ZKINFER_STATE_DIR", desk.state.path());
    let hash = run(&mut submit).expect(3).says("may still be mined").stderr;
    let hash = hash.split("sending ").nth(1).unwrap().split(':').next().unwrap().to_owned();
    let added = desk.add(&[&bundle]);
    assert_eq!((&added[0]["is_new"], &added[0]["phase"]), (&json!(false), &json!("broadcast")));
    desk.chain.cheat("evm_setIntervalMining", json!([1])).await;
    assert_eq!(desk.until_done(&[]).expect(0).json()["counts"], json!({ "finalized": 1 }));
    assert_eq!(desk.nonce().await, before + 1);
    // And `submit` finds what the submitter has seen to.
    let submitted = run(&mut submit).expect(0).json();
    assert_eq!((&submitted["recorded_before"], &submitted["transaction_hash"]), (&json!(true), &json!(hash)));
    assert_eq!(desk.nonce().await, before + 1);
}

/// Off development chains nothing is paid by itself.
#[tokio::test]
async fn a_chain_that_is_worth_something_wants_a_yes() {
    let options = zkinfer::chain::devnet::DevnetOptions { chain_id: 8453, block_time: None };
    let anvil = zkinfer::evm::Toolchain::from_env().anvil().unwrap();
    let devnet = Devnet::start_with(&anvil, &options).await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let submitter = |more: &[&str]| {
        let args = ["submitter", "run", "--rpc", &devnet.endpoint(), "--until-done", "--json"];
        let mut command = command(&[&args[..], more].concat());
        run(command.env("ZKINFER_PRIVATE_KEY", "11".repeat(32)).env("ZKINFER_STATE_DIR", state.path()))
    };
    submitter(&[]).expect(2).says("--chain-id 8453");
    submitter(&["--chain-id", "8453"]).expect(2).says("give --yes");
    submitter(&["--chain-id", "8453", "--yes"]).expect(0);
    let mut public =
        command(&["submitter", "run", "--rpc", &devnet.endpoint(), "--dev-account", "--chain-id", "8453", "--yes"]);
    run(public.env("ZKINFER_STATE_DIR", state.path())).expect(2).says("everybody knows the key");
}

/// Bundles made for no chain are put together, proven again with one proof, and claimed as the policy says; `status` says how it stands.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_puts_bundles_together_and_status_says_how_it_stands() {
    let desk = Desk::new().await;
    let (inbox, path) = (desk.state.path().join("inbox"), desk.state.path().join("policy.toml"));
    fs::create_dir(&inbox).unwrap();
    for job in 1..=3_u8 {
        fs::copy(&NATIVE.1, inbox.join(format!("{job}.bundle.json"))).unwrap();
        let order = format!("job = \"{}\"\n", B256::with_last_byte(job));
        fs::write(inbox.join(format!("{job}.order.toml")), order).unwrap();
    }
    let policy = format!(
        "version = 1\n[chain]\nid = 31337\nendpoints = [\"{}\"]\nconfirmations = 1\nfinality = 1\n[contracts]\nproof_registry = \"{}\"\n\
         [budget]\nper_day = \"1\"\n[default]\nassurance = \"verified\"\ngrouping = \"native-batch\"\nbatch = {{ size = 3, age = \"10m\" }}\n",
        desk.rpc(),
        desk.chain.at("proof_registry")
    );
    // A policy that contradicts itself is refused before anything is read or asked.
    fs::write(&path, policy.replace("\"verified\"", "\"attested\"")).unwrap();
    let run = [
        "run",
        "--policy",
        path.to_str().unwrap(),
        "--inbox",
        inbox.to_str().unwrap(),
        "--dev-account",
        "--until-done",
    ];
    desk.submitter(&run).expect(2).says("`default.assurance` (line 12)").says("`default.grouping` (line 13)");
    fs::write(&path, &policy).unwrap();
    desk.submitter(&[&run[..], &["--metrics", "0.0.0.0:0"]].concat()).expect(2).says("loopback");
    desk.submitter(&[&run[..], &["--max-cost", "1"]].concat()).expect(2).says("leave --max-cost away");

    desk.chain.cheat("evm_setIntervalMining", json!([1])).await;
    let ended = desk.submitter(&[&run[..], &["--interval", "20", "--metrics", "127.0.0.1:0"]].concat()).expect(0);
    assert_eq!(ended.says("metrics on http://127.0.0.1:").json()["counts"], json!({ "finalized": 1 }));
    assert!(!inbox.join("1.bundle.json").exists() && fs::read_dir(inbox.join("plans")).unwrap().count() == 0);
    let status = desk.submitter(&["status"]).expect(3).json();
    assert_eq!((&status["intents"], &status["runs"]), (&json!({ "finalized": 1 }), &json!(false)));
    assert_eq!(status["live"]["counters"]["statements"], 3);
    assert_ne!(status["live"]["paid_today"], "0x0");
    // The same bundle for the same job is submitted once.
    fs::copy(&NATIVE.1, inbox.join("again.bundle.json")).unwrap();
    fs::write(inbox.join("again.order.toml"), format!("job = \"{}\"\n", B256::with_last_byte(2))).unwrap();
    desk.submitter(&run).expect(0);
    assert!(
        fs::read_to_string(inbox.join("refused/again.bundle.json.reason.txt")).unwrap().contains("submitted before")
    );
}

/// The daemon with a key of its own at its most talkative: the key is in no log, metric, status or file of it, and in no error.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_in_nothing_that_the_daemon_says_or_writes() {
    let desk = Desk::new().await;
    let (inbox, path) = (desk.state.path().join("inbox"), desk.state.path().join("policy.toml"));
    fs::create_dir(&inbox).unwrap();
    fs::copy(&NATIVE.1, inbox.join("1.bundle.json")).unwrap();
    fs::write(inbox.join("2.bundle.json"), "no bundle").unwrap();
    let policy = format!(
        "version = 1\n[chain]\nid = 31337\nendpoints = [\"{}\"]\nconfirmations = 1\nfinality = 1\n[contracts]\nproof_registry = \"{}\"\n\
         [default]\nassurance = \"verified\"\n",
        desk.rpc(),
        desk.chain.at("proof_registry")
    );
    fs::write(&path, policy).unwrap();
    let places = ["run", "--policy", path.to_str().unwrap(), "--inbox", inbox.to_str().unwrap()];
    let with_key = |key: &str, more: &[&str]| {
        let mut command = desk.command(&[&places[..], more].concat());
        command.env("ZKINFER_PRIVATE_KEY", key).env("ZKINFER_LOG", "trace");
        command
    };
    let wrong = run(&mut with_key(&format!("{OTHER_KEY}0"), &[])).expect(2).says("no private key");
    desk.chain.cheat("evm_setIntervalMining", json!([1])).await;
    let (log, out) = (desk.state.path().join("log"), desk.state.path().join("out"));
    let mut command = with_key(OTHER_KEY, &["--interval", "20", "--metrics", "127.0.0.1:0"]);
    command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&log).unwrap());
    let mut daemon = command.spawn().unwrap();
    let get = |page: &str| {
        let text = fs::read_to_string(&log).unwrap();
        let address = text.split("metrics on http://").nth(1)?.split(['/', ' ', '\n']).next()?.to_owned();
        let mut stream = TcpStream::connect(address).ok()?;
        write!(stream, "GET {page} HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
        std::io::read_to_string(stream).ok()
    };
    let is_over = |status: &String| status.contains("\"finalized\":1") || status.contains("\"finalized\": 1");
    let begun = Instant::now();
    let mut said = vec![wrong.stdout, wrong.stderr];
    while !get("/status").is_some_and(|status| is_over(&status)) {
        assert!(begun.elapsed() < Duration::from_secs(120), "{}", fs::read_to_string(&log).unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    said.extend(["/metrics", "/status", "/health"].map(|page| get(page).unwrap()));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let status = desk.submitter(&["status"]);
    said.extend([status.stdout, status.stderr]);
    assert!(said[2].contains("zkinfer_submitter_up 1"), "{}", said[2]);
    assert!(fs::metadata(&log).unwrap().len() > 10_000, "the log says all it can");
    let key = alloy::hex::decode(OTHER_KEY).unwrap();
    let numbers: String = key[..8].iter().map(|byte| format!("{byte},")).collect();
    let hides = |place: &str, content: &[u8]| {
        let lower = String::from_utf8_lossy(content).to_ascii_lowercase().replace(' ', "");
        assert!(!lower.contains(OTHER_KEY) && !lower.contains(&numbers), "the key is in {place}");
        assert!(!content.windows(32).any(|window| window == key), "the key is in {place}");
    };
    said.iter().for_each(|text| hides("what is said", text.as_bytes()));
    let (mut folders, mut files) = (vec![desk.state.path().to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                hides(&entry.path().display().to_string(), &fs::read(entry.path()).unwrap());
            }
        }
    }
    assert!(files > 4, "journal, log, inbox and outbox: {files}");
}
