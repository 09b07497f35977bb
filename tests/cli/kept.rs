//! What `submit` does when it is stopped, and when it is run again; bundles from standard input and for registries that nobody
//! asked.

use crate::{
    on_chain::Chain,
    program::{NATIVE, Run, command, native, run},
    proxy::{Action, Proxy},
};
use alloy::{
    primitives::{U256, keccak256},
    providers::Provider,
    sol_types::{SolCall, SolValue},
};
use serde_json::json;
use std::{fs, path::Path, process::Stdio, time::Duration};
use tempfile::TempDir;
use zkinfer::chain::{
    Account, Node,
    client::read_claim,
    submitter::{Journal, Owner, Phase},
};

/// Sends the program a signal once it has made a call of this method.
fn stopped(proxy: &Proxy, method: &str, signal: i32, args: &[&str], dir: &TempDir) -> Run {
    let mut command = command(args);
    command.env("ZKINFER_CACHE_DIR", dir.path().join("cache")).env("ZKINFER_STATE_DIR", dir.path().join("stopped"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while proxy.calls(method) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    // SAFETY: the process is our child and not waited for yet, so that the id is its own.
    assert_eq!(unsafe { libc::kill(child.id().try_into().unwrap(), signal) }, 0);
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_stopped_has_sent_nothing_or_knows_the_hash() {
    let (dir, bundle) = &*NATIVE;
    let chain = Chain::with(dir, bundle).await;
    let proxy = Proxy::start(&chain.devnet.endpoint());
    let url = proxy.url();
    let args = ["submit", bundle.to_str().unwrap(), "--registry", chain.at("proof_registry"), "--rpc", &url];
    let args = [&args[..], &["--dev-account", "--json"]].concat();

    proxy.on("eth_estimateGas", |_, _| Action::Hang);
    stopped(&proxy, "eth_estimateGas", libc::SIGINT, &args, dir).expect(3).says("nothing was paid");
    assert_eq!(proxy.calls("eth_sendRawTransaction"), 0);

    proxy.on("eth_estimateGas", |_, _| Action::Forward);
    proxy.on("eth_getTransactionReceipt", |_, _| Action::Answer(json!(null)));
    let run =
        stopped(&proxy, "eth_getTransactionReceipt", libc::SIGTERM, &args, dir).expect(3).says("may still be mined");
    let hash = run.stderr.split("sending ").nth(1).unwrap().split(':').next().unwrap().to_owned();
    assert!(hash.starts_with("0x") && run.json()["error"]["message"].as_str().unwrap().contains(&hash));
    let log = fs::read_to_string(dir.path().join("stopped/outbox/sent.jsonl")).unwrap();
    assert!(log.contains(&hash), "{log}");

    // The next one finds both: the statement, and the transaction that made the claim.
    proxy.on("eth_getTransactionReceipt", |_, _| Action::Forward);
    let mut again = command(&args);
    again.env("ZKINFER_CACHE_DIR", dir.path().join("cache")).env("ZKINFER_STATE_DIR", dir.path().join("stopped"));
    let again = run_json(&mut again);
    assert_eq!((&again["recorded_before"], &again["transaction_hash"]), (&json!(true), &json!(hash)));
}

/// Killed while the node is being told: what was signed is in the journal, and the next run hands the very same bytes over.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_leaves_what_the_next_run_goes_on_with() {
    let (dir, bundle) = &*NATIVE;
    let chain = Chain::with(dir, bundle).await;
    let proxy = Proxy::start(&chain.devnet.endpoint());
    let (url, state) = (proxy.url(), tempfile::tempdir().unwrap());
    let args = ["submit", bundle.to_str().unwrap(), "--registry", chain.at("proof_registry"), "--rpc", &url];
    let submit = || {
        let mut command = command(&[&args[..], &["--dev-account", "--json"]].concat());
        command.env("ZKINFER_CACHE_DIR", dir.path().join("cache")).env("ZKINFER_STATE_DIR", state.path());
        command
    };
    proxy.on("eth_sendRawTransaction", |_, _| Action::Hang);
    let mut child = submit().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while proxy.calls("eth_sendRawTransaction") == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    assert!(child.wait().unwrap().code().is_none());

    let node = Node::connect_dev(&chain.devnet.endpoint()).await.unwrap();
    let account = Account::dev().address();
    let owner = Owner { chain_id: 31337, genesis: node.block_hash(0).await.unwrap().unwrap(), account };
    let journal = Journal::visit(&Journal::path_of(state.path(), &owner)).unwrap();
    let [row] = &journal.open_rows(0).unwrap()[..] else { panic!("one intent") };
    let [attempt] = &journal.attempts(row.id).unwrap()[..] else { panic!("one transaction") };
    let next = crate::rpc::provider(&chain.devnet).get_transaction_count(account).pending().await.unwrap();
    assert_eq!((row.phase(), next), (Phase::Signed, attempt.nonce));

    proxy.on("eth_sendRawTransaction", |_, _| Action::Forward);
    let submitted = run_json(&mut submit());
    assert_eq!((&submitted["recorded_before"], &submitted["transaction_hash"]), (&json!(false), &json!(attempt.hash)));
    assert_eq!(journal.attempts(row.id).unwrap().len(), 1);
    journal.check().unwrap();
    // As deep as is asked for, or it is said that it is not.
    let mut deep = submit();
    deep.args(["--confirmations", "3", "--wait", "1"]);
    run(&mut deep).expect(3).says("not as deep as was asked for");
    chain.cheat("anvil_mine", json!(["0x2"])).await;
    let again = run_json(&mut deep);
    assert_eq!((&again["recorded_before"], &again["transaction_hash"]), (&json!(true), &json!(attempt.hash)));
}

fn run_json(command: &mut std::process::Command) -> serde_json::Value {
    run(command).expect(0).json()
}

/// A node that says that every claim is recorded, takes transactions without handing them on, and has no receipts.
fn lie(proxy: &Proxy) {
    use zkinfer::chain::bindings::IProofRegistry::claimCall;
    let selector = alloy::hex::encode_prefixed(claimCall::SELECTOR);
    proxy.on("eth_call", move |parameters, _| {
        let call = &parameters[0];
        let data = call["input"].as_str().or(call["data"].as_str()).unwrap_or_default();
        if !data.starts_with(&selector) {
            return Action::Forward;
        }
        let record = (Account::dev().address(), U256::from(17), U256::from(3), false).abi_encode();
        Action::Answer(json!(alloy::hex::encode_prefixed(record)))
    });
    proxy.on("eth_sendRawTransaction", |parameters, _| {
        let raw = alloy::hex::decode(parameters[0].as_str().unwrap_or_default()).unwrap_or_default();
        Action::Answer(json!(keccak256(raw)))
    });
    proxy.on("eth_getTransactionReceipt", |_, _| Action::Answer(json!(null)));
}

/// What one node alone says is believed; of several, more than half have to say it, whether one lies or is gone. Without as many nothing
/// is sent.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_nodes_more_than_half_decide_what_is_done_once() {
    let (dir, bundle) = &*NATIVE;
    let chain = Chain::with(dir, bundle).await;
    let honest = chain.devnet.endpoint();
    let (liar, other) = (Proxy::start(&honest), Proxy::start(&honest));
    lie(&liar);
    let (liar, other, gone) = (liar.url(), other.url(), "http://127.0.0.1:1".to_owned());
    let node = Node::connect_dev(&honest).await.unwrap();
    let sent = || crate::rpc::provider(&chain.devnet).get_transaction_count(Account::dev().address()).into_future();
    let submit = |nodes: &[&String], job: u8| {
        let (state, job) = (tempfile::tempdir().unwrap(), format!("0x{}", format!("{job:02x}").repeat(32)));
        let args = ["submit", bundle.to_str().unwrap(), "--registry", chain.at("proof_registry"), "--job", &job];
        let mut command = command(&[&args[..], &["--dev-account", "--json", "--wait", "20"]].concat());
        command.args(nodes.iter().flat_map(|node| ["--rpc", node.as_str()]));
        command.env("ZKINFER_CACHE_DIR", dir.path().join("cache")).env("ZKINFER_STATE_DIR", state.path());
        run(&mut command)
    };
    let before = sent().await.unwrap();
    let alone = submit(&[&liar], 1).expect(0).json();
    assert_eq!((&alone["recorded_before"], sent().await.unwrap()), (&json!(true), before), "the lie is believed");
    for nodes in [[&liar, &gone, &honest], [&gone, &gone, &honest]] {
        submit(&nodes, 2).expect(3).says("2 of 3");
    }
    assert_eq!(sent().await.unwrap(), before, "nothing is sent that no quorum agrees on");
    let registry = chain.at("proof_registry").parse().unwrap();
    for (job, nodes) in [(3, [&liar, &honest, &other]), (4, [&honest, &gone, &other]), (5, [&gone, &other, &honest])] {
        let claimed = submit(&nodes, job).expect(0).json();
        assert_eq!(claimed["recorded_before"], false, "{claimed}");
        let id = claimed["statement_id"].as_str().unwrap().parse().unwrap();
        assert!(read_claim(&node, registry, id).await.unwrap().is_some_and(|claim| claim.verified), "{claimed}");
    }
    assert_eq!(sent().await.unwrap(), before + 3);
}

/// A bundle for a registry, made where no node is, and submitted as it is by whoever it is made for.
#[tokio::test]
async fn a_bundle_is_made_for_a_registry_without_a_node() {
    let (dir, bundle) = &*NATIVE;
    let chain = Chain::with(dir, bundle).await;
    let (out, submitter) = (dir.path().join("for-registry.json"), Account::dev().address().to_string());
    let registry = chain.at("proof_registry");
    let prove = |more: &[&str]| {
        let args = ["prove", "--out", out.to_str().unwrap(), "--registry", registry, "--submitter", &submitter];
        native(dir, &[&args[..], more].concat())
    };
    prove(&["--chain-id", "31337"]).expect(2);
    prove(&["--chain-id", "31337", "--deadline", "9999999999", "--chain", "2"]).expect(2);
    prove(&["--chain-id", "31337", "--deadline", "9999999999"]).expect(0);
    let submit = |path: &Path| {
        let args = ["submit", path.to_str().unwrap(), "--registry", registry, "--rpc", &chain.devnet.endpoint()];
        let mut command = command(&[&args[..], &["--dev-account", "--json"]].concat());
        command.env("ZKINFER_CACHE_DIR", dir.path().join("no-artifacts")).env("ZKINFER_STATE_DIR", chain.state(dir));
        if path == Path::new("-") {
            command.stdin(fs::File::open(&out).unwrap());
        }
        run(&mut command)
    };
    // From standard input, and where there are no artifacts.
    let submission = submit(Path::new("-")).expect(0).json();
    assert_eq!((&submission["proved_again"], &submission["recorded_before"]), (&json!(false), &json!(false)));
    assert_eq!(submit(&out).expect(0).json()["recorded_before"], true);
}

/// The checksum of an address says whether a digit is another one.
#[test]
fn addresses_with_a_wrong_checksum_are_refused() {
    let (dir, bundle) = &*NATIVE;
    let wrong = "0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    for option in ["--registry", "--consumer"] {
        let right = Account::dev().address().to_string();
        let other = if option == "--registry" { "--consumer" } else { "--registry" };
        let args = ["submit", bundle.to_str().unwrap(), option, wrong, other, &right, "--rpc", "http://127.0.0.1:1"];
        native(dir, &args).expect(2).says("checksum");
    }
}

/// A bundle has what verifying it takes: a cache that is none, or that cannot be made, is no reason not to. And it may come
/// from standard input.
#[test]
fn a_bundle_is_verified_where_there_can_be_no_cache() {
    let (_, bundle) = &*NATIVE;
    let mut verify = command(&["verify", "-"]);
    verify.env("ZKINFER_CACHE_DIR", "/dev/null/cache").stdin(fs::File::open(bundle).unwrap());
    assert!(run(&mut verify).expect(0).stdout.starts_with("VALID"));
}
