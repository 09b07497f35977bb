//! `verifier deploy`, `register`, `submit` and `audit --strict`, on a development node.

use crate::hidden::HIDDEN;
use crate::program::{NATIVE, Run, bundle, changed, command, native, native_with, run};
use alloy::primitives::{Address, U256, address};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use zkinfer::{
    chain::{
        Devnet, Node,
        deployment::{self, Found, released_as},
        devnet::DevnetOptions,
    },
    evm::Toolchain,
};

/// The second account of development nodes.
pub(crate) const OTHER_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

pub(crate) struct Chain {
    pub(crate) devnet: Devnet,
    deployed: Value,
}

impl Chain {
    /// A node with the registries, and the bundle's model registered.
    pub(crate) async fn with(dir: &TempDir, bundle: &Path) -> Self {
        let devnet = Devnet::start(&Toolchain::from_env().anvil().unwrap()).await.unwrap();
        let chain = Self { devnet, deployed: Value::Null };
        let bundle = bundle.to_str().unwrap();
        let deployed = chain.signed(dir, &["verifier", "deploy", "--bundle", bundle, "--registries"]).expect(0).json();
        let chain = Self { deployed, ..chain };
        let registered = chain.signed(dir, &[&["register", "--bundle", bundle][..], &chain.addresses()].concat());
        assert_eq!(registered.expect(0).json()["model_id"], chain.deployed["model_id"]);
        chain
    }

    pub(crate) fn at(&self, name: &str) -> &str {
        self.deployed[name].as_str().unwrap()
    }

    /// Asks anvil for something that ordinary nodes do not do.
    pub(crate) async fn cheat(&self, method: &'static str, parameters: Value) {
        use alloy::providers::Provider;
        let _: Value = crate::rpc::provider(&self.devnet).raw_request(method.into(), parameters).await.unwrap();
    }

    fn addresses(&self) -> [&str; 6] {
        [
            "--model-registry",
            self.at("model_registry"),
            "--adapter",
            self.at("adapter"),
            "--model-code",
            self.at("model_code"),
        ]
    }

    /// With the development account.
    pub(crate) fn signed(&self, dir: &TempDir, args: &[&str]) -> Run {
        let endpoint = self.devnet.endpoint();
        native_with(dir, &self.state(dir), &[args, &["--rpc", &endpoint, "--dev-account", "--json"]].concat())
    }

    /// What was sent to this node is not what was sent to another one, which began in the same second and has the same first block.
    pub(crate) fn state(&self, dir: &TempDir) -> PathBuf {
        let endpoint = self.devnet.endpoint();
        dir.path().join(format!("state-{}", endpoint.rsplit(':').next().unwrap().trim_end_matches('/')))
    }

    fn submit(&self, dir: &TempDir, bundle: &Path, more: &[&str]) -> Run {
        let args = ["submit", bundle.to_str().unwrap(), "--registry", self.at("proof_registry")];
        self.signed(dir, &[&args, more].concat())
    }

    fn audit(&self, dir: &TempDir, submission: &Value, more: &[&str]) -> Run {
        let transaction = submission["transaction_hash"].as_str().unwrap();
        native(dir, &[&["audit", transaction, "--rpc", &self.devnet.endpoint(), "--json"], more].concat())
    }
}

/// A bundle made for no chain is proven again for the registry; what is on the chain is audited, strictly too.
#[tokio::test]
async fn a_native_bundle_goes_on_chain_by_separate_commands() {
    let (dir, bundle) = &*NATIVE;
    let chain = Chain::with(dir, bundle).await;
    let out = dir.path().join("submitted.json");
    let submission = chain.submit(dir, bundle, &["--out", out.to_str().unwrap()]).expect(0).json();
    assert_eq!(submission["proved_again"], true);
    // What was submitted is a bundle for that registry: valid, and on the chain already.
    native(dir, &["verify", out.to_str().unwrap()]).expect(0);
    let again = chain.submit(dir, &out, &[]).expect(0).json();
    assert_eq!((&again["recorded_before"], &again["statement_id"]), (&json!(true), &submission["statement_id"]));
    // So does the bundle that it came from: the statement was fixed, and is found again.
    let again = chain.submit(dir, bundle, &[]).expect(0).json();
    for name in ["statement_id", "transaction_hash", "proved_again"] {
        assert_eq!(again[name], submission[name], "{name}");
    }
    let other = chain.submit(dir, bundle, &["--again"]).expect(0).json();
    assert_eq!((&other["recorded_before"], &other["proved_again"]), (&json!(false), &json!(true)));
    assert_ne!(other["statement_id"], submission["statement_id"]);
    // What would be ignored is an error.
    let zero = format!("0x{}", "00".repeat(19));
    for ignored in [
        ["--consumer", &format!("{zero}01")],
        ["--job", &format!("{zero}{}", "11".repeat(13))],
        ["--deadline-in", "60"],
    ] {
        chain.submit(dir, &out, &ignored).expect(2).says("cannot change that");
    }
    let registry = chain.at("proof_registry");
    let wrong = format!("0x{}", if registry.ends_with('a') { "b" } else { "a" }.repeat(40));
    chain.signed(dir, &["submit", out.to_str().unwrap(), "--registry", &wrong]).expect(2);

    let elsewhere = tempfile::tempdir().unwrap();
    let audit = chain.audit(&elsewhere, &submission, &[]).expect(0).json();
    let answer = &audit["answers"][0]["outputs"][0];
    assert_eq!((&answer["class"], answer["values"].as_array().map(Vec::len)), (&json!(7), Some(10)));
    let off_chain = audit["checks"].as_array().unwrap().iter().find(|check| check["name"] == "off-chain-verification");
    assert_eq!(off_chain.unwrap()["outcome"], "passed", "the key is on the chain");
    let strict = chain.audit(dir, &submission, &["--strict"]).expect(0).json();
    assert_eq!((&strict["verdict"], &strict["strict"]["passed"]), (&json!("VALID"), &json!(true)));
    let facts = &strict["facts"];
    assert_eq!(
        (&facts["srs_kind"], facts["srs_ceremony"].as_str().unwrap().contains("Perpetual")),
        (&json!("listed"), true)
    );
    chain.audit(dir, &submission, &["--accept", "test-srs"]).expect(2);
    // The file's model: only where artifacts show it.
    let digits = crate::program::model("digits.onnx");
    chain.audit(dir, &submission, &["--model", &digits]).expect(0);
    chain.audit(&elsewhere, &submission, &["--model", &digits]).expect(2).says("the claim is about model");

    // The weights behind the commitment, for whoever may see them.
    let opening = crate::opening::export(dir, bundle, "audit.opening.json");
    let audit = chain.audit(&elsewhere, &submission, &["--model-opening", opening.to_str().unwrap()]).expect(0).json();
    assert_eq!(audit["model_opening"]["verdict"], "VALID");
    let other = changed(&opening, &elsewhere, "other.json", |json| json["modelSecret"] = "11".repeat(32).into());
    let audit = chain.audit(&elsewhere, &submission, &["--model-opening", other.to_str().unwrap()]).expect(1).json();
    assert_eq!((&audit["verdict"], &audit["model_opening"]["verdict"]), (&json!("VALID"), &json!("INVALID")));

    a_batch_is_one_transaction(&chain, dir);
    // Proving again takes the artifacts.
    chain.submit(&elsewhere, bundle, &[]).expect(2).says("Submit it from the machine that proved it");
    refused(&chain, dir, bundle);
    registering_is_checked_first(&chain, dir, bundle);
    keys_are_read_with_care(&chain, dir, bundle);
}

/// The inputs stay hidden, behind the same commitments, on the chain too.
#[tokio::test]
async fn a_bundle_with_hidden_inputs_is_submitted_with_its_openings() {
    let (dir, bundle, openings) = &*HIDDEN;
    let chain = Chain::with(dir, bundle).await;
    chain.submit(dir, bundle, &[]).expect(2).says("--openings FILE");
    chain.submit(dir, bundle, &["--openings", bundle.to_str().unwrap()]).expect(2);
    let swapped = changed(openings, dir, "swapped.json", |json| json["statements"].as_array_mut().unwrap().swap(0, 1));
    chain.submit(dir, bundle, &["--openings", swapped.to_str().unwrap()]).expect(1).says("another commitment");

    let (out, openings) = (dir.path().join("submitted.json"), openings.to_str().unwrap());
    let submission = chain.submit(dir, bundle, &["--openings", openings, "--out", out.to_str().unwrap()]);
    let submission = submission.expect(0).json();
    assert_eq!(submission["proved_again"], true);
    let values = |path: &Path| {
        let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        json["statements"].as_array().unwrap().iter().map(|one| one["publicValues"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(values(&out), values(bundle));
    native(dir, &["verify", out.to_str().unwrap(), "--openings", openings]).expect(0);
    let audit = chain.audit(dir, &submission, &["--strict"]).expect(0).json();
    let tensors = audit["facts"]["claims"][0]["tensors"].as_array().unwrap();
    assert_eq!((tensors.len(), &tensors[0]["direction"]), (1, &json!("output")));
}

/// Several inferences, one proof, one transaction, a claim each.
fn a_batch_is_one_transaction(chain: &Chain, dir: &TempDir) {
    let path = dir.path().join("batch-of-two.json");
    let inputs = ["inputs/test-1157-is-0.json", "inputs/test-0442-is-1.json"].map(crate::program::model);
    let args = ["prove", "--input", &inputs[0], "--input", &inputs[1], "--out", path.to_str().unwrap()];
    native(dir, &args).expect(0);
    let submission = chain.submit(dir, &path, &[]).expect(0).json();
    let ids = submission["statement_ids"].as_array().unwrap();
    assert_eq!((ids.len(), &submission["proved_again"]), (2, &json!(true)));
    let audit = chain.audit(dir, &submission, &["--strict"]).expect(0).json();
    assert_eq!(audit["facts"]["batch_id"], submission["batch_id"]);
    let one = chain.audit(dir, &submission, &["--statement", ids[1].as_str().unwrap()]).expect(0).json();
    assert_eq!(one["facts"]["statement_id"], ids[1]);
    // The same inference twice is one statement: a registry records it once.
    let args = ["prove", "--input", &inputs[0], "--input", &inputs[0], "--out", path.to_str().unwrap()];
    native(dir, &args).expect(0);
    chain.submit(dir, &path, &[]).expect(2).says("twice");
}

fn refused(chain: &Chain, dir: &TempDir, bundle: &Path) {
    let forged = changed(bundle, dir, "false-answer.json", |json| {
        let values = json["statements"][0]["publicValues"].as_str().unwrap();
        let last = if values.ends_with('0') { "1" } else { "0" };
        json["statements"][0]["publicValues"] = format!("{}{last}", &values[..values.len() - 1]).into();
    });
    chain.submit(dir, &forged, &[]).expect(1).says("does not map");
    let mock = dir.path().join("mock.json");
    native(dir, &["prove", "--backend", "mock", "--out", mock.to_str().unwrap()]).expect(0);
    chain.submit(dir, &mock, &[]).expect(2).says("MOCK");
    chain.signed(dir, &["verifier", "deploy", "--bundle", mock.to_str().unwrap()]).expect(2).says("MOCK");
    chain.signed(dir, &["verifier", "deploy", "--backend", "mock"]).expect(2).says("mock");
    let zero = format!("0x{}", "00".repeat(20));
    let args = ["submit", bundle.to_str().unwrap(), "--registry", &zero];
    chain.signed(dir, &args).expect(2);
    chain.submit(dir, bundle, &["--deadline-in", "0"]).expect(2);
}

fn registering_is_checked_first(chain: &Chain, dir: &TempDir, bundle: &Path) {
    let bundle = bundle.to_str().unwrap();
    let [models, at, adapter, adapter_at, code, code_at] = chain.addresses();
    let swapped = ["register", "--bundle", bundle, models, at, adapter, code_at, code, adapter_at];
    chain.signed(dir, &swapped).expect(2).says("hashes to");
    let nothing = format!("0x{}", "11".repeat(20));
    let args = ["register", "--bundle", bundle, models, at, adapter, adapter_at, code, &nothing];
    chain.signed(dir, &args).expect(2).says("there is no code");
    // An adapter that is there is used again, if it is the one.
    let args = ["verifier", "deploy", "--bundle", bundle, "--adapter", adapter_at];
    let again = chain.signed(dir, &args).expect(0).json();
    assert_eq!((&again["adapter"], again["deployments"].as_array().unwrap().len()), (&json!(adapter_at), 1));
    let args = ["verifier", "deploy", "--bundle", bundle, "--adapter", code_at];
    chain.signed(dir, &args).expect(2).says("hashes to");
}

fn keys_are_read_with_care(chain: &Chain, dir: &TempDir, bundle: &Path) {
    let (bundle, rpc) = (bundle.to_str().unwrap(), chain.devnet.endpoint());
    let args = ["submit", bundle, "--registry", chain.at("proof_registry"), "--rpc", &rpc, "--json"];
    let with_env = |key: Option<&str>, more: &[&str]| {
        let mut command = command(&[&args[..], more].concat());
        command.env("ZKINFER_CACHE_DIR", dir.path().join("cache")).env_remove("ZKINFER_PRIVATE_KEY");
        command.env("ZKINFER_STATE_DIR", chain.state(dir));
        if let Some(key) = key {
            command.env("ZKINFER_PRIVATE_KEY", key);
        }
        run(&mut command)
    };
    with_env(None, &[]).expect(2).says("nobody signs");
    let slip = with_env(Some(&OTHER_KEY[1..]), &[]).expect(2).says("no private key");
    assert!(!slip.stderr.contains(&OTHER_KEY[1..9]) && !slip.stdout.contains(&OTHER_KEY[1..9]));
    let file = dir.path().join("key.hex");
    fs::write(&file, OTHER_KEY).unwrap();
    let key_file = ["--key-file", file.to_str().unwrap()];
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    with_env(None, &key_file).expect(2).says("chmod 600");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    with_env(None, &[&key_file[..], &["--dev-account"]].concat()).expect(2);
    let submission = with_env(None, &key_file).expect(0).json();
    assert_eq!(submission["submitter"], "0x70997970c51812dc3a010c7d01b50e0d17dc79c8");
    let (from_env, more) = (with_env(Some(OTHER_KEY), &["--job", &format!("0x{}", "22".repeat(32))]), "another job");
    assert_ne!(from_env.expect(0).json()["statement_id"], submission["statement_id"], "{more}");
}

/// What EZKL proved is submitted as it is, from anywhere: the bundle carries the verifier. The audit objects.
#[tokio::test]
async fn an_ezkl_bundle_goes_on_chain_without_ezkl() {
    let elsewhere = tempfile::tempdir().unwrap();
    let chain = Chain::with(&elsewhere, bundle()).await;
    let submission = chain.submit(&elsewhere, bundle(), &[]).expect(0).json();
    assert_eq!(submission["proved_again"], false);
    let strict = chain.audit(&elsewhere, &submission, &["--strict", "--accept", "test-srs"]).expect(1).json();
    let objections = strict["strict"]["objections"].to_string();
    assert!(objections.contains("transferable") && objections.contains("skipped"), "{objections}");
    let args = ["--strict", "--accept", "test-srs", "--accept", "transferable", "--accept", "skipped"];
    chain.audit(&elsewhere, &submission, &args).expect(0);
}

/// The test vector of the definition of keystores, with the password `testpassword`.
const KEYSTORE: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
    "ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
    "kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256",
    "salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
    "mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},
    "id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;
const KEYSTORE_ACCOUNT: Address = address!("0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b");

/// The options of a chain that is no development chain, and of the account in a keystore.
fn on_base(dir: &TempDir) -> Vec<String> {
    let secret = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let (keystore, password) = (secret("base.keystore", KEYSTORE), secret("base.password", "testpassword"));
    ["--chain-id", "8453", "--keystore", &keystore, "--password-file", &password].map(Into::into).to_vec()
}

fn with<'a>(args: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    args.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

/// Everything that the demo does, on a chain that is none for development: with an account of its own, never with the one
/// that everybody knows.
#[test]
fn the_demo_runs_on_any_chain_with_an_account_from_a_keystore() {
    let (dir, _) = &*NATIVE;
    let base = on_base(dir);
    let report = native(dir, &with(&["demo", "--json"], &base)).expect(0).json();
    for name in ["verified_off_chain", "verified_in_embedded_evm", "verified_on_chain"] {
        assert_eq!(report[name], true, "{name}");
    }
    assert_eq!((&report["chain_id"], &report["audit_verdict"]), (&json!(8453), &json!("VALID")));
    assert!(!report["audit_summary"].as_str().unwrap().contains("NOT SECURE"), "{report}");
    // The contracts are where they are on every chain.
    let place = |name: &str| json!(released_as(name).unwrap().address);
    assert_eq!(report["proof_registry"], place("ProofRegistry"));
    assert_eq!(report["model_registry"], place("ModelRegistry"));
}

/// Without a terminal and without `--yes` nobody agrees to costs: nothing is sent. With it, what is deployed goes where
/// script/Deploy.s.sol puts it, and is found there the next time.
#[tokio::test]
async fn costs_are_agreed_to_and_contracts_go_to_their_places() {
    let (dir, bundle) = &*NATIVE;
    let options = DevnetOptions { chain_id: 8453, ..DevnetOptions::default() };
    let devnet = Devnet::start_with(&Toolchain::from_env().anvil().unwrap(), &options).await.unwrap();
    let base = on_base(dir);
    let endpoint = devnet.endpoint();
    devnet.give(KEYSTORE_ACCOUNT, U256::from(10).pow(U256::from(18))).await.unwrap();
    let args =
        ["verifier", "deploy", "--bundle", bundle.to_str().unwrap(), "--registries", "--rpc", &endpoint, "--json"];
    let refused = native(dir, &with(&args, &base)).expect(2).says("give --yes");
    for shown in ["8453", "1 ETH", "deployment of NativeVerifier", "nothing was sent"] {
        assert!(refused.stderr.contains(shown), "{shown}: {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("sending 0x"), "{}", refused.stderr);
    let node = Node::connect(&endpoint).await.unwrap();
    assert_eq!(
        (node.latest_block().await.unwrap(), node.balance(KEYSTORE_ACCOUNT).await.unwrap()),
        (0, U256::from(10).pow(U256::from(18)))
    );

    let deployed = native(dir, &with(&[&args[..], &["--yes"]].concat(), &base)).expect(0).json();
    for (name, contract) in
        [("adapter", "NativeVerifier"), ("model_registry", "ModelRegistry"), ("proof_registry", "ProofRegistry")]
    {
        assert_eq!(deployed[name], json!(released_as(contract).unwrap().address), "{name}");
    }
    let found = deployment::look(&node, None).await.unwrap();
    let others = ["EzklAdapter", "NetworkVerifier"];
    assert!(found.iter().filter(|c| !others.contains(&c.name.as_str())).all(Found::is_right), "{found:?}");
    // What is there is left alone: only the model's own code is new.
    let again = native(dir, &with(&[&args[..], &["--yes"]].concat(), &base)).expect(0).json();
    let sent = |run: &Value| {
        let all = run["deployments"].as_array().unwrap().clone();
        all.into_iter().filter(|one| one.get("transaction_hash").is_some()).count()
    };
    assert_eq!((sent(&deployed), sent(&again), &again["adapter"]), (4, 1, &deployed["adapter"]));
}

/// What was noted of a bundle is found with what `submit` made of it; and an index that is made again, from files and the
/// chain alone, is the same.
#[tokio::test]
async fn notes_follow_a_bundle_that_is_proven_again_and_claims_are_read_from_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    let bundles = dir.path().join("bundles");
    fs::create_dir(&bundles).unwrap();
    let path = |name: &str| bundles.join(name).display().to_string();
    fs::write(path("embedding.json"), "[1, 2]").unwrap();
    for (name, meta) in [("a.bundle.json", "ward=7"), ("b.bundle.json", "ward=8")] {
        let args = ["prove", "--out", &path(name), "--meta", meta, "--embedding", &path("embedding.json")];
        native(&dir, &args).expect(0);
    }
    let chain = Chain::with(&dir, Path::new(&path("a.bundle.json"))).await;
    let first = chain.submit(&dir, Path::new(&path("a.bundle.json")), &[]).expect(0).json();
    let out = path("b-on-chain.bundle.json");
    let job = format!("0x{}", "11".repeat(32));
    let more = ["--out", &out, "--job", &job];
    let second = chain.submit(&dir, Path::new(&path("b.bundle.json")), &more).expect(0).json();
    // Submitting again is nothing new, in the index neither.
    chain.submit(&dir, Path::new(&path("a.bundle.json")), &[]).expect(0);
    let search = |more: &[&str]| {
        let found = native(&dir, &[&["search", "--json", "--limit", "100"], more].concat()).expect(0).json();
        found["found"].as_array().unwrap().clone()
    };
    let recorded = |ward: &str| search(&["--status", "recorded", "--meta", &format!("ward={ward}")]);
    let (seven, eight) = (recorded("7"), recorded("8"));
    assert_eq!((seven.len(), eight.len()), (1, 1));
    assert_eq!(
        (&seven[0]["statement_id"], &eight[0]["statement_id"]),
        (&first["statement_id"], &second["statement_id"])
    );
    // A claim alone has the words; an embedding needs a bundle, which says what is hidden.
    assert_eq!((&seven[0]["embeddings"], &eight[0]["embeddings"]), (&json!([]), &json!(["default"])));
    let near = search(&["--near", &path("embedding.json"), "--status", "recorded", "--job", &job]);
    assert_eq!(near[0]["statement_id"], second["statement_id"], "filter and nearness in one call");

    let again = dir.path().join("again").display().to_string();
    let (from, rpc, registry) = (path(""), chain.devnet.endpoint(), chain.at("proof_registry"));
    let rebuild =
        ["index", "rebuild", "--from", &from, "--rpc", &rpc, "--registry", registry, "--index", &again, "--json"];
    let report = native(&dir, &rebuild).expect(0).json();
    assert_eq!((&report["claims"], &report["problems"]), (&json!(2), &json!([])));
    assert_eq!(search(&["--index", &again]), search(&[]));
}
