//! `claim`, `challenge`, `answer`, `finalize` and `registry`, with real native proofs on a development node.

use crate::{
    hidden::HIDDEN,
    on_chain::{Chain, OTHER_KEY},
    program::{NATIVE, Run, bundle, changed, command, model, native, run},
};
use alloy::providers::Provider;
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;

const FEE: u64 = 10_000_000_000_000_000;
const BOND: u64 = 10 * FEE;

/// A chain with a claim registry, and the account that submits.
struct Market<'a> {
    chain: Chain,
    registry: String,
    dir: &'a TempDir,
}

impl<'a> Market<'a> {
    async fn new() -> Self {
        let (dir, bundle) = &*NATIVE;
        Self::of(dir, bundle).await
    }

    /// With the bundle's model registered.
    async fn of(dir: &'a TempDir, bundle: &Path) -> Self {
        let chain = Chain::with(dir, bundle).await;
        let deploy = |bond: &str| {
            let terms = ["--fee", "0.01", "--challenge-window", "600", "--answer-window", "600", "--max-open", "4"];
            let place = ["registry", "deploy", "--registry", chain.at("proof_registry"), "--bond", bond];
            chain.signed(dir, &[&place[..], &terms].concat())
        };
        deploy("0").expect(2).says("at least 1");
        let registry = deploy("0.1").expect(0).json()["claim_registry"].as_str().unwrap().to_owned();
        Self { chain, registry, dir }
    }

    /// By the submitter.
    fn act(&self, args: &[&str]) -> Run {
        self.chain.signed(self.dir, &[args, &["--claim-registry", &self.registry]].concat())
    }

    /// By somebody else, on another machine; with the submitter's artifacts, or without any.
    fn other(&self, args: &[&str], has_artifacts: bool) -> Run {
        let rpc = self.chain.devnet.endpoint();
        let mut command = command(&[args, &["--claim-registry", &self.registry, "--rpc", &rpc, "--json"]].concat());
        let cache = if has_artifacts { "cache" } else { "empty-cache" };
        command.env("ZKINFER_CACHE_DIR", self.dir.path().join(cache)).env("ZKINFER_PRIVATE_KEY", OTHER_KEY);
        command.env("ZKINFER_STATE_DIR", self.chain.state(self.dir).with_extension("other"));
        run(&mut command)
    }

    fn look(&self, args: &[&str]) -> Run {
        let rpc = self.chain.devnet.endpoint();
        run(&mut command(
            &[&["registry"], args, &["--claim-registry", &self.registry, "--rpc", &rpc, "--json"]].concat(),
        ))
    }

    fn stage(&self, id: &str) -> Value {
        self.look(&["claims", id]).expect(0).json()["claims"][0]["stage"].clone()
    }

    /// A block so many seconds later.
    async fn skip(&self, seconds: u64) {
        let provider = crate::rpc::provider(&self.chain.devnet);
        let _: Value = provider.raw_request("evm_increaseTime".into(), json!([seconds])).await.unwrap();
        let _: Value = provider.raw_request("evm_mine".into(), json!([])).await.unwrap();
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn wei(amount: u64) -> Value {
    json!(format!("{amount:#x}"))
}

#[tokio::test]
async fn a_claim_goes_from_its_bond_to_the_payment() {
    let (market, bundle) = (Market::new().await, NATIVE.1.to_str().unwrap());
    let claimed = market.act(&["claim", "optimistic", bundle]).expect(0).json();
    assert_eq!(
        (&claimed["stage"], &claimed["can_answer"], &claimed["bond"]),
        (&json!("open"), &json!(true), &wei(BOND))
    );
    // The same command finds the same claim.
    let again = market.act(&["claim", "optimistic", bundle]).expect(0).json();
    assert_eq!((&again["done_before"], &again["statement_id"]), (&json!(true), &claimed["statement_id"]));
    assert_eq!(again["transaction_hash"], claimed["transaction_hash"]);
    market.act(&["claim", "optimistic", bundle, "--deadline-in", "1"]).expect(0);
    let id = text(&claimed["statement_id"]);
    let line = market.look(&["watch", "--past", "--events", "1"]).expect(0).json();
    assert_eq!((&line["event"], &line["statement_id"]), (&json!("ClaimPosted"), &claimed["statement_id"]));

    // Who could run the model is kept from losing the fee; who could not is not.
    market.other(&["challenge", id], true).expect(2).says("the claim is true");
    let challenged = market.other(&["challenge", id], false).expect(0).json();
    assert_eq!((&challenged["claim_is_true"], &challenged["fee"]), (&Value::Null, &wei(FEE)));
    assert_eq!(market.other(&["challenge", id], true).expect(0).json()["done_before"], true);
    market.other(&["finalize", id], false).expect(2).says("and not before");
    market.other(&["answer", id], false).expect(2).says("takes the model's artifacts");
    market.other(&["answer", id], true).expect(2).says("only 0x");
    market.act(&["answer", id, "--bundle", bundle]).expect(2).says("proves something else");
    market.act(&["answer", id, "--leaf", "0"]).expect(2).says("has no leaves");

    let answered = market.act(&["answer", id]).expect(0).json();
    assert_eq!(answered["answers"][0]["how"], "proven");
    let before = market.act(&["answer", id]).expect(0).json();
    assert_eq!(
        (&before["answers"][0]["how"], &before["answers"][0]["done_before"]),
        (&json!("proven before"), &json!(true))
    );
    let shown = market.look(&["claims", id]).expect(0).json();
    assert_eq!(
        (&shown["claims"][0]["stage"], &shown["claims"][0]["final_level"]),
        (&json!("verified"), &json!("verified"))
    );
    market.other(&["challenge", id], false).expect(0);
    market.act(&["finalize", id]).expect(2).says("is verified");

    let paid = market.act(&["registry", "withdraw"]).expect(0).json();
    assert_eq!((&paid["amount"], &paid["done_before"]), (&wei(BOND + FEE), &json!(false)));
    assert_eq!(market.act(&["registry", "withdraw"]).expect(0).json()["done_before"], true);
    let status = market.look(&["status"]).expect(0).json();
    assert_eq!(
        (&status["is_whole"], &status["claims"], &status["held"]),
        (&json!(true), &json!({ "verified": 1 }), &wei(0))
    );

    cheaper_and_dearer_claims(&market, bundle);
    the_index_has_the_claims(&market, id);
    what_makes_no_sense_is_said(&market, bundle);
}

/// Regression: claims were taken for statements of the claim registry, and no claim of a chain was entered.
fn the_index_has_the_claims(market: &Market<'_>, id: &str) {
    let (rpc, place) = (market.chain.devnet.endpoint(), market.dir.path().join("claims-index"));
    let index = ["--index", place.to_str().unwrap(), "--json"];
    let rebuild = ["index", "rebuild", "--rpc", &rpc, "--claim-registry", &market.registry];
    let report = run(&mut command(&[&rebuild[..], &index].concat())).expect(0).json();
    assert!(report["entries"].as_u64().unwrap() >= 2, "{report}");
    let found = run(&mut command(&[&["search", "--statement", id][..], &index].concat())).expect(0).json();
    assert_eq!(found["found"][0]["claim"]["assurance"], "verified", "{found}");
    // A new claim is entered at once, as it would be read.
    let job = format!("0x{}", "5a".repeat(32));
    let act = ["claim", "optimistic", NATIVE.1.to_str().unwrap(), "--job", &job, "--dev-account"];
    let at = ["--claim-registry", &market.registry, "--rpc", &rpc, "--json"];
    let mut claim = command(&[&act[..], &at].concat());
    claim.env("ZKINFER_CACHE_DIR", market.dir.path().join("cache")).env("ZKINFER_INDEX", &place);
    claim.env("ZKINFER_STATE_DIR", market.chain.state(market.dir));
    run(&mut claim).expect(0);
    let look = || run(&mut command(&[&["search", "--job", &job][..], &index].concat())).expect(0).json();
    let entered = look();
    assert_eq!(entered["found"][0]["claim"]["assurance"], "optimistic", "{entered}");
    run(&mut command(&[&rebuild[..], &index].concat())).expect(0);
    assert_eq!(look(), entered);
}

fn cheaper_and_dearer_claims(market: &Market<'_>, bundle: &str) {
    let out = market.dir.path().join("attested.json");
    let attest = ["claim", "attest", bundle, "--out", out.to_str().unwrap()];
    let attested = market.act(&attest).expect(0).json();
    let shown = market.look(&["claims", text(&attested["statement_id"])]).expect(0).json()["claims"][0].clone();
    let hash = blake3::hash(&fs::read(&out).unwrap()).to_hex().to_string();
    assert_eq!((&shown["stage"], &shown["content_hash"]), (&json!("attested"), &json!(format!("0x{hash}"))));
    native(market.dir, &["verify", out.to_str().unwrap()]).expect(0);
    assert_eq!(market.act(&attest).expect(0).json()["done_before"], true);
    // The proof that was attested is shown: nothing is proven anew.
    let verified = market.act(&["claim", "verified", out.to_str().unwrap()]).expect(0).json();
    assert_eq!((&verified["stage"], &verified["statement_id"]), (&json!("verified"), &attested["statement_id"]));

    // What the proof registry has verified is taken over, for an answer too.
    let submitted = market.dir.path().join("for-both.json");
    let proofs = market.chain.at("proof_registry");
    let submit = [
        "submit",
        bundle,
        "--registry",
        proofs,
        "--out",
        submitted.to_str().unwrap(),
        "--job",
        &format!("0x{}", "77".repeat(32)),
    ];
    market.chain.signed(market.dir, &submit).expect(0);
    let submitted = submitted.to_str().unwrap();
    let open = market.act(&["claim", "optimistic", submitted]).expect(0).json();
    let answered = market.act(&["answer", text(&open["statement_id"])]).expect(0).json();
    assert_eq!(answered["answers"][0]["how"], "adopted");
    assert!(answered["answers"][0]["gas_used"].as_u64().unwrap() < 120_000, "{answered}");
}

fn what_makes_no_sense_is_said(market: &Market<'_>, bundle: &str) {
    let unknown = format!("0x{}", "99".repeat(32));
    for args in [["challenge", &unknown], ["answer", &unknown], ["finalize", &unknown]] {
        market.act(&args).expect(2).says("has no claim");
    }
    market.look(&["claims", &unknown]).expect(2).says("--from-block");
    market.act(&["claim", "optimistic", bundle, "--out", "x.json"]).expect(2).says("takes no proof");
    let wrong = market.chain.at("proof_registry");
    let status = ["registry", "status", "--claim-registry", wrong, "--rpc", &market.chain.devnet.endpoint()];
    native(market.dir, &status).expect(2).says("not this release's ClaimRegistry");
    native(market.dir, &["registry", "status", "--rpc", &market.chain.devnet.endpoint()])
        .expect(2)
        .says("--claim-registry");
}

/// Nobody can prove it, so that half of the bond is the challenger's.
#[tokio::test]
async fn a_false_claim_costs_its_bond() {
    let (market, bundle) = (Market::new().await, &NATIVE.1);
    let forged = changed(bundle, market.dir, "false-claim.json", |json| {
        let values = json["statements"][0]["publicValues"].as_str().unwrap();
        let last = if values.ends_with('0') { "1" } else { "0" };
        json["statements"][0]["publicValues"] = format!("{}{last}", &values[..values.len() - 1]).into();
    });
    let claimed = market.act(&["claim", "optimistic", forged.to_str().unwrap()]).expect(0).json();
    let id = text(&claimed["statement_id"]);
    let challenged = market.other(&["challenge", id], true).expect(0).json();
    assert_eq!(challenged["claim_is_true"], false);
    market.act(&["answer", id]).expect(1).says("does not map");
    market.skip(601).await;
    market.act(&["answer", id]).expect(2).says("the time for an answer ended");
    let ended = market.other(&["finalize", id, "--withdraw"], false).expect(0).json();
    assert_eq!((&ended["stage"], &ended["paid"]), (&json!("slashed"), &wei(FEE + BOND / 2)));
    assert_eq!(market.stage(id), "slashed");
    // The same once more is another claim, which nobody objects to: it becomes final.
    let other = market.act(&["claim", "optimistic", bundle.to_str().unwrap(), "--again"]).expect(0).json();
    market.skip(601).await;
    let id = text(&other["statement_id"]);
    assert_eq!(market.look(&["claims", id]).expect(0).json()["claims"][0]["final_level"], "optimistic");
    let ended = market.other(&["finalize", id], false).expect(0).json();
    assert_eq!((&ended["stage"], &ended["credit"]), (&json!("final"), &wei(0)));
    assert_eq!(market.act(&["registry", "withdraw"]).expect(0).json()["amount"], wei(BOND));
}

/// One root, one bond for each leaf, and one proof of all that are challenged.
#[tokio::test]
async fn a_batch_is_answered_with_one_proof() {
    let market = Market::new().await;
    let (many, leaves) = (market.dir.path().join("many.json"), market.dir.path().join("leaves.json"));
    let inputs = ["inputs/test-1157-is-0.json", "inputs/test-0442-is-1.json"].map(model);
    let prove =
        ["prove", "--input", &inputs[0], "--input", &inputs[1], "--input", &inputs[0], "--out", many.to_str().unwrap()];
    native(market.dir, &prove).expect(0);
    let claim = |more: &[&str]| {
        let args = ["claim", "batch", many.to_str().unwrap(), "--out", leaves.to_str().unwrap()];
        market.act(&[&args[..], more].concat())
    };
    claim(&[]).expect(2).says("leaves 0 and 2 are one statement");
    let jobs = market.dir.path().join("jobs.txt");
    let lines =
        |count: u8| (1..=count).map(|job| format!("0x{}\n", format!("{job:02x}").repeat(32))).collect::<String>();
    fs::write(&jobs, lines(2)).unwrap();
    let with_jobs = ["--jobs", jobs.to_str().unwrap()];
    claim(&with_jobs).expect(2).says("2 jobs for 3 leaves");
    fs::write(&jobs, lines(3)).unwrap();
    let claimed = claim(&with_jobs).expect(0).json();
    assert_eq!((&claimed["count"], &claimed["bond"]), (&json!(3), &wei(3 * BOND)));
    let written = fs::read(&leaves).unwrap();
    assert_eq!(claimed["content_hash"], format!("0x{}", blake3::hash(&written).to_hex()));
    let again = claim(&with_jobs).expect(0).json();
    assert_eq!((&again["done_before"], &again["batch_id"]), (&json!(true), &claimed["batch_id"]));

    let id = text(&claimed["batch_id"]);
    let shown = ["--batch", leaves.to_str().unwrap()];
    let challenge =
        |leaf: &str, more: &[&str]| market.other(&[&["challenge", id, "--leaf", leaf], more].concat(), true);
    challenge("0", &shown).expect(2).says("the claim is true");
    // A leaf that nobody was shown.
    assert_eq!(challenge("0", &[]).expect(0).json()["claim_is_true"], Value::Null);
    challenge("2", &[&shown[..], &["--anyway"]].concat()).expect(0);
    challenge("3", &[]).expect(2).says("no leaf 3");
    market.act(&["finalize", id]).expect(2).says("2 challenges of the batch are open");
    market.act(&["answer", id, "--leaf", "1"]).expect(2).says("nobody has challenged leaf 1");
    let answered = market.act(&["answer", id]).expect(0).json();
    assert_eq!(answered["answers"].as_array().unwrap().len(), 1);
    assert_eq!(answered["answers"][0]["leaves"], json!([0, 2]));
    assert_eq!(market.act(&["answer", id]).expect(0).json()["answers"], json!([]));
    assert_eq!(market.act(&["answer", id, "--leaf", "2"]).expect(0).json()["answers"][0]["done_before"], true);
    let proven = market.look(&["claims", "--stage", "verified"]).expect(0).json();
    assert_eq!(proven["claims"].as_array().unwrap().len(), 2);
    market.skip(601).await;
    let ended = market.act(&["finalize", id, "--withdraw"]).expect(0).json();
    assert_eq!((&ended["stage"], &ended["paid"]), (&json!("final"), &wei(3 * BOND + 2 * FEE)));

    // One leaf that is not shown in time costs the whole batch.
    let other = claim(&[&with_jobs[..], &["--again"]].concat()).expect(0).json();
    let id = text(&other["batch_id"]);
    market.other(&["challenge", id, "--leaf", "1"], false).expect(0);
    let elsewhere = market.other(&["answer", id], false).expect(2);
    elsewhere.says("--batch FILE");
    fs::write(&leaves, &written).unwrap();
    market.act(&[&["answer", id], &shown[..]].concat()).expect(2).says("are those of batch");
    market.skip(601).await;
    market.act(&["answer", id]).expect(2).says("the time for an answer ended");
    let ended = market.other(&["finalize", id, "--withdraw"], false).expect(0).json();
    assert_eq!((&ended["stage"], &ended["paid"]), (&json!("slashed"), &wei(FEE + 3 * BOND / 2)));
    let status = market.look(&["status"]).expect(0).json();
    assert_eq!((&status["batches"], &status["is_whole"]), (&json!({ "final": 1, "slashed": 1 }), &json!(true)));
}

/// An EZKL proof is of one statement and binds no context: what was proven beforehand answers, where there is no EZKL.
#[tokio::test]
async fn an_ezkl_claim_is_answered_with_the_bundle_that_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let market = Market::of(&dir, bundle()).await;
    let claimed = market.act(&["claim", "optimistic", bundle().to_str().unwrap()]).expect(0).json();
    assert_eq!(claimed["can_answer"], true);
    let id = text(&claimed["statement_id"]);
    let challenged = market.other(&["challenge", id], false).expect(0).json();
    assert_eq!(challenged["claim_is_true"], Value::Null);
    // The claim that the account challenged, and its challenge.
    let mine = ["watch", "--past", "--mine", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "--events", "2"];
    let lines = market.look(&mine).expect(0).stdout;
    let line: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(line["event"], "ClaimChallenged");
    assert_eq!(line["answerable_until"], challenged["answerable_until"]);
    let answered = market.act(&["answer", id]).expect(0).json();
    assert_eq!(answered["answers"][0]["how"], "a bundle that was kept");
    assert_eq!(market.stage(id), "verified");
}

/// What a claim hides stays hidden when it is proven: its commitments are made again from what opens them.
#[tokio::test]
async fn a_leaf_with_hidden_inputs_is_answered_with_its_opening() {
    let (dir, bundle, openings) = &*HIDDEN;
    let market = Market::of(dir, bundle).await;
    let leaves = dir.path().join("hidden-leaves.json");
    let claim = ["claim", "batch", bundle.to_str().unwrap(), "--out", leaves.to_str().unwrap()];
    let claimed = market.act(&claim).expect(0).json();
    let id = text(&claimed["batch_id"]);
    market.other(&["challenge", id, "--leaf", "1"], true).expect(0);
    market.act(&["answer", id]).expect(2).says("--openings FILE");
    let answered = market.act(&["answer", id, "--openings", openings.to_str().unwrap()]).expect(0).json();
    assert_eq!((&answered["answers"][0]["how"], &answered["answers"][0]["leaves"]), (&json!("proven"), &json!([1])));
}
