//! Everything once, with real parts: the same calls that `prove`, `verify` and `audit` make, on the model that comes with
//! zkinfer and a development chain.

use super::{
    Backend, Failure, Outcome,
    account::PayerArgs,
    context,
    context::Session,
    digits::{self, Shipped},
    generate, report,
};
use alloy::primitives::U256;
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use zkinfer::{
    backend::Witness,
    chain::{
        self, AuditReport, Client, Contracts, Deployment, Devnet, Node, Registration, Submission,
        auditor::{CheckName, CheckOutcome},
        client::ModelEntry,
        devnet::DevnetOptions,
    },
    evm::{self, Toolchain},
    inference::text::{Shown, TextModel},
    model::{Input, Model},
    pipeline::{
        EZKLIntegration, PipelineError, Prepared, ProofGenerator, ProofVerifier, Reverifier, VerificationReport,
        answer::{Reference, Tolerance},
    },
    proof::{Assignment, Bundle, Context, PublicValues, schema::Direction, srs::srs_kind},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer demo
  zkinfer demo --digit 3 --json
  zkinfer demo --model cnn                    a convolutional network
  zkinfer demo --model gpt --prompt \"my lord, \"    a transformer that writes; under the TEST SRS
  zkinfer demo --backend ezkl                 after `zkinfer setup ezkl`
  zkinfer demo --chain-id 8453 --keystore key.json --password-file password    as if the chain were worth something
  zkinfer demo --rpc http://127.0.0.1:8545    a running development node (chain id 31337 or 1337)
  zkinfer demo --rpc http://127.0.0.1:8545 --chain-id 8453 --keystore key.json --password-file password --yes

Native proofs are made under the ceremony that comes with zkinfer, EZKL's under the TEST SRS, which everybody can forge. Unless
another one is given, the account's key is a test one that everybody knows: development chains only. Without --rpc the node is
an anvil of the demo's own, with the chain id that was given; its account has what the demo gives it.";

/// How long the claim may be submitted: an hour.
const DEADLINE_SECONDS: u64 = 3600;
/// What the transformer writes.
const CHARACTERS: usize = 32;
/// What the account has on the demo's own node: a hundred units.
const DEMO_BALANCE: U256 = U256::from_limbs([7_766_279_631_452_241_920, 5, 0, 0]);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What proves.
    #[arg(long, value_enum, default_value = "native")]
    backend: Backend,

    /// Which model: a perceptron, a convolutional network on the same images, or a transformer that continues --prompt.
    #[arg(long, value_enum, default_value = "digits")]
    model: Shipped,

    /// What the transformer continues, by 32 characters.
    #[arg(long, value_name = "TEXT", default_value = "o romeo, ")]
    prompt: String,

    /// Which test image: the one of this digit.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(0..10))]
    digit: u8,

    /// Use this node instead of starting one. It signs with the development account unless another one is given.
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,

    #[command(flatten)]
    payer: PayerArgs,
}

/// One row of the table.
struct Step {
    name: &'static str,
    ms: f64,
    note: String,
}

/// The table as it grows.
struct Table<'a> {
    session: &'a Session,
    steps: Vec<Step>,
}

impl Table<'_> {
    /// Runs a step and notes its time.
    fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T, Failure>,
        note: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        self.session.control().stage(name);
        let start = Instant::now();
        let done = work()?;
        self.steps.push(Step { name, ms: start.elapsed().as_secs_f64() * 1e3, note: note(&done) });
        Ok(done)
    }

    fn ms(&self, name: &str) -> f64 {
        self.steps.iter().filter(|step| step.name == name).map(|step| step.ms).sum()
    }
}

/// What is asked, and answered.
enum Subject {
    Digit { image: digits::Image, float: usize, quantized: usize },
    Text { prompt: String, model: TextModel, written: String },
}

/// The off-chain half.
struct Proven {
    subject: Subject,
    model: Model,
    prepared: Prepared,
    witness: Witness,
    bundle: Bundle,
    verification: VerificationReport,
}

/// The on-chain half.
struct Posted {
    node: Node,
    contracts: Contracts,
    verifier: Deployment,
    registration: Registration,
    submission: Submission,
    claim_is_verified: bool,
    audit: AuditReport,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    if args.backend == Backend::Mock {
        return Err(Failure::Input("the mock backend proves nothing, so there is nothing to demonstrate".into()).into());
    }
    if args.rpc.is_none() {
        // Before anything is proven.
        args.payer.chain_of_devnet()?;
    }
    let runtime = session.runtime()?;
    let mut table = Table { session, steps: Vec::new() };
    let (integration, proven) = match (args.model, args.backend) {
        (Shipped::Gpt, Backend::Native) => prove_text(args, &mut table)?,
        (Shipped::Gpt, _) => {
            return Err(Failure::Input("only the native backend proves the transformer".into()).into());
        }
        _ => {
            let integration = context::integration(args.backend)?;
            let proven = prove_digit(args, &integration, &mut table)?;
            (integration, proven)
        }
    };
    let posted = runtime.block_on(post(args, &integration, &proven, &mut table))?;
    let agree = report_all(args, &integration, &table, &proven, &posted)?;
    let all_true = proven.verification.verdict().is_valid()
        && posted.claim_is_verified
        && posted.audit.is_valid()
        && posted.audit.outcome(CheckName::OffChainVerification) == CheckOutcome::Passed
        && agree;
    Ok(if all_true { Outcome::True } else { Outcome::Invalid })
}

/// Under the TEST SRS: the model needs more powers than the ceremony that ships has.
fn prove_text(args: &Args, table: &mut Table<'_>) -> Result<(EZKLIntegration, Proven), Failure> {
    let control = table.session.control();
    let chosen = table.step("load model", generate::Chosen::shipped, |chosen| {
        format!("{}, {} parameters", args.model.name(), chosen.model.parameters())
    })?;
    let integration = chosen.integration(Some(Path::new("test")))?;
    let prepared = prepared(&integration, &chosen.model, table)?;
    let reference = Reference::new(chosen.model.clone(), chosen.samples.as_ref())?;
    let reference = reference.with_tolerance(Tolerance::default().numbers());
    let generator = ProofGenerator::new(integration.backend(), &prepared).against(reference);
    let (text, prompt) = (&chosen.text, &args.prompt);
    let mut made = table.step(
        "write",
        || Ok(text.write(&chosen.model, &generator, prompt, CHARACTERS, control, |_| ())?),
        |made| format!("{CHARACTERS} characters, {} of them not the floating-point model's", made.other_choices),
    )?;
    let written = text.tokenizer().decode(made.text.tokens());
    let (Some(witness), true) = (made.witnesses.pop(), made.witnesses.is_empty()) else {
        let most = text.context() - CHARACTERS + 1;
        return Err(Failure::Input(format!("a prompt of at most {most} characters is proven with one statement")));
    };
    let subject = Subject::Text { prompt: prompt.clone(), model: chosen.text.clone(), written };
    let proven = prove(subject, &integration, chosen.model, prepared, witness, table)?;
    Ok((integration, proven))
}

fn prepared(integration: &EZKLIntegration, model: &Model, table: &mut Table<'_>) -> Result<Prepared, Failure> {
    let control = table.session.control();
    table.step(
        "compile and set up",
        || Ok(integration.prepare(model, control)?),
        |prepared| {
            let details = &prepared.artifacts.identity().details;
            let circuit = match (details.get("k"), details["network"].get("rows")) {
                (Some(k), _) => format!("k = {k}"),
                (None, Some(rows)) => format!("{rows} rows"),
                (None, None) => format!("widths {}", details["dims"]),
            };
            format!("{circuit}{}", if prepared.built { "" } else { ", from the cache" })
        },
    )
}

fn prove_digit(args: &Args, integration: &EZKLIntegration, table: &mut Table<'_>) -> Result<Proven, Failure> {
    let control = table.session.control();
    let image = digits::image(Some(args.digit))?;
    let model = table.step(
        "load model",
        || Ok(Model::from_onnx(args.model.onnx().to_vec())?),
        |model| format!("{}, {} parameters", args.model.name(), model.parameters()),
    )?;
    let logits = model.run(&image.input)?;
    let float = argmax(logits.first().map_or(&[][..], Vec::as_slice));
    let prepared = prepared(integration, &model, table)?;
    // What is not the model's answer is not proven.
    let samples = Input::from_json(digits::SAMPLES)?;
    let reference = Reference::new(model.clone(), Some(&samples))?;
    let generator = ProofGenerator::new(integration.backend(), &prepared).against(reference);
    let witness: Witness =
        table.step("witness", || Ok(generator.witness(&image.input, control)?), |_| String::new())?;
    let quantized = digit(&prepared, &witness.public_values)?;
    prove(Subject::Digit { image, float, quantized }, integration, model, prepared, witness, table)
}

/// Proves a run, and verifies the proof off-chain and in the embedded EVM.
fn prove(
    subject: Subject,
    integration: &EZKLIntegration,
    model: Model,
    prepared: Prepared,
    witness: Witness,
    table: &mut Table<'_>,
) -> Result<Proven, Failure> {
    let control = table.session.control();
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let bundle = table.step(
        "prove",
        || Ok(generator.prove(&witness, Context::Offchain {}, control)?),
        |bundle| format!("{} bytes", bundle.proof().len()),
    )?;
    let verification = ProofVerifier::new(integration.backend(), &prepared).verify(&bundle, control)?;
    let evm = verification.embedded_evm.as_ref();
    let word = |valid| if valid { "VALID" } else { "INVALID" }.to_owned();
    table.steps.push(Step {
        name: "verify off-chain",
        ms: verification.off_chain_time.as_secs_f64() * 1e3,
        note: word(verification.off_chain.is_valid()),
    });
    table.steps.push(Step {
        name: "verify in the embedded EVM",
        ms: verification.embedded_evm_time.as_secs_f64() * 1e3,
        note: evm.map_or_else(
            || "no contract".into(),
            |evm| format!("{}, {} gas", word(evm.verdict.is_valid()), evm.gas.transaction),
        ),
    });
    Ok(Proven { subject, model, prepared, witness, bundle, verification })
}

async fn post(
    args: &Args,
    integration: &EZKLIntegration,
    proven: &Proven,
    table: &mut Table<'_>,
) -> Result<Posted, Failure> {
    let mut clock = Instant::now();
    let mut lap = |table: &mut Table<'_>, name, note: String| {
        table.steps.push(Step { name, ms: clock.elapsed().as_secs_f64() * 1e3, note });
        clock = Instant::now();
    };
    let stage = |table: &Table<'_>, name: &str| table.session.control().stage(name);
    stage(table, "connect");
    // Held until the audit is done; dropping it stops the node.
    let (client, _devnet) = connect(args, table.session).await?;
    let node = client.node().clone();
    lap(
        table,
        "connect",
        format!("chain {}, {}", node.chain_id(), if args.rpc.is_some() { "running node" } else { "anvil" }),
    );

    stage(table, "deploy");
    let identity = proven.prepared.artifacts.identity();
    // Before anything is paid for.
    chain::guard::admit_srs(node.chain_id(), srs_kind(identity.srs_id))?;
    let adapter = evm::artifacts::adapter(identity.adapter_id)
        .ok_or_else(|| Failure::Input("no contract verifies proofs of this backend".into()))?;
    let contracts = client.deploy_contracts(adapter).await?;
    let code = proven.prepared.verifier.as_ref().ok_or_else(|| Failure::Internal("the model has no code".into()))?;
    let verifier = client.deploy_verifier(code).await?;
    lap(table, "deploy", format!("{} {} bytes, {} gas", code.name, code.runtime_code.len(), verifier.mined.gas_used));

    stage(table, "register model");
    let entry = ModelEntry {
        adapter: contracts.adapter.address,
        model_code: verifier.address,
        vk_digest: identity.vk_digest,
        srs_id: identity.srs_id,
        schema: &identity.schema,
    };
    let registration = client.register(contracts.model_registry.address, &entry).await?;
    if registration.model_id != proven.bundle.statement().model_id {
        return Err(Failure::Internal("the registry derives another model id".into()));
    }
    let gas = registration.mined.as_ref().map_or(0, |mined| mined.gas_used);
    lap(table, "register model", format!("{gas} gas"));

    stage(table, "submit proof");
    let context = Context::Chain {
        chain_id: node.chain_id(),
        registry: contracts.proof_registry.address,
        assignment: Assignment {
            submitter: client.address(),
            consumer: alloy::primitives::Address::ZERO,
            job: alloy::primitives::B256::ZERO,
            deadline: unix_time().max(node.latest_timestamp().await?) + DEADLINE_SECONDS,
        },
    };
    let bundle = match proven.bundle.clone().with_context(context) {
        // A transferable proof never bound a context.
        Ok(bundle) => bundle,
        // One that binds its statement is made again, for this registry.
        Err(_) => {
            let generator = ProofGenerator::new(integration.backend(), &proven.prepared);
            let bundle = generator.prove(&proven.witness, context, table.session.control())?;
            lap(table, "prove for this registry", format!("{} bytes", bundle.proof().len()));
            bundle
        }
    };
    let submission = client.submit(bundle.statement(), bundle.proof()).await?;
    lap(table, "submit proof", format!("{} gas", submission.mined.gas_used));

    stage(table, "read the claim back");
    let registry = contracts.proof_registry.address;
    let claim = chain::client::read_claim(&node, registry, submission.statement_id).await?;
    let claim_is_verified = claim.is_some_and(|claim| claim.verified && claim.submitter == client.address());
    lap(table, "read the claim back", if claim_is_verified { "Verified" } else { "not verified" }.into());

    stage(table, "audit the transaction");
    let reverifier = Reverifier::new(vec![integration.clone()], table.session.control().clone());
    let audit = chain::audit(&node, submission.mined.transaction_hash, Some(Arc::new(reverifier))).await?;
    let verdict = json!(audit.verdict);
    lap(table, "audit the transaction", format!("{}, {} checks", verdict.as_str().unwrap_or("?"), audit.checks.len()));
    Ok(Posted { node, contracts, verifier, registration, submission, claim_is_verified, audit })
}

/// A running node, or one of its own. Both are paid from the given account, or the development account; its own gives to
/// whoever pays, and asks nobody.
async fn connect(args: &Args, session: &Session) -> Result<(Client, Option<Devnet>), Failure> {
    if let Some(rpc) = &args.rpc {
        return Ok((args.payer.client_or_dev(rpc, session).await?, None));
    }
    let options = DevnetOptions { chain_id: args.payer.chain_of_devnet()?, ..DevnetOptions::default() };
    let devnet = Devnet::start_with(&Toolchain::from_env().anvil()?, &options).await?;
    let client = args.payer.client_of_devnet(&devnet.endpoint(), session).await?;
    devnet.give(client.address(), DEMO_BALANCE).await?;
    Ok((client, Some(devnet)))
}

/// Prints the table or the object. Returns whether the three predictions agree.
fn report_all(
    args: &Args,
    integration: &EZKLIntegration,
    table: &Table<'_>,
    proven: &Proven,
    posted: &Posted,
) -> Result<bool, Failure> {
    // What is proven is what the audit read from the chain, not what this program remembers.
    let claimed = posted.audit.facts.claims.first().map(|claim| claim.public_values.clone());
    let on_chain = PublicValues::from_bytes(claimed.unwrap_or_default());
    let mut object = object(integration, table, proven, posted);
    object["model"] = json!(args.model.name());
    let word = |agree| if agree { "they agree" } else { "they DISAGREE" };
    let (agree, facts) = match &proven.subject {
        Subject::Digit { image, float, quantized } => {
            let proven_digit = digit(&proven.prepared, &on_chain)?;
            let agree = float == quantized && *quantized == proven_digit;
            object["image"] = json!(image.name);
            object["digit"] = json!({
                "label": image.label, "float": float, "quantized": quantized, "proven": proven_digit, "agree": agree,
            });
            let digits = format!("float {float}, quantized {quantized}, proven {proven_digit}: {}", word(agree));
            (agree, [("image", format!("{} (a {})", image.name, image.label)), ("digit", digits)])
        }
        Subject::Text { prompt, model, written } => {
            let schema = proven.prepared.artifacts.schema().map_err(PipelineError::from)?;
            // Every choice is taken again, from the scores that are on the chain.
            let shown = Shown::read(&schema, &on_chain)?;
            let checked = model.check(prompt, CHARACTERS, &[shown]);
            let agree = checked.as_ref().is_ok_and(|text| text == written);
            object["prompt"] = json!(prompt);
            object["text"] = json!({ "written": written, "proven": checked.as_ref().ok(), "agree": agree });
            let claimed = format!("the choices of the claim: {}", word(agree));
            (agree, [("text", format!("{written:?}")), ("proven", claimed)])
        }
    };
    let text = text(table, proven, posted, facts);
    report::result(table.session, &object, &text);
    Ok(agree)
}

fn object(integration: &EZKLIntegration, table: &Table<'_>, proven: &Proven, posted: &Posted) -> Value {
    let verification = &proven.verification;
    let steps: Vec<Value> =
        table.steps.iter().map(|step| json!({ "step": step.name, "ms": step.ms, "note": step.note })).collect();
    json!({
        "backend": proven.bundle.manifest().backend,
        "params": proven.model.parameters(),
        "model_id": proven.bundle.statement().model_id,
        "statement_id": posted.submission.statement_id,
        "prove_ms": table.ms("witness") + table.ms("prove"),
        "verify_ms": table.ms("verify off-chain"),
        "evm_verify_ms": table.ms("verify in the embedded EVM"),
        "evm_verify_gas": verification.embedded_evm.as_ref().map(|evm| evm.gas.transaction),
        "proof_bytes": proven.bundle.proof().len(),
        "peak_rss_mb": integration.backend().peak_rss_kb().map(|kb| kb as f64 / 1024.0),
        "gas_used": posted.submission.mined.gas_used,
        "tx_hash": posted.submission.mined.transaction_hash,
        "chain_id": posted.node.chain_id(),
        "proof_registry": posted.contracts.proof_registry.address,
        "model_registry": posted.contracts.model_registry.address,
        "verifier": posted.verifier.address,
        "registration_gas": posted.registration.mined.as_ref().map(|mined| mined.gas_used),
        "verified_off_chain": verification.off_chain.is_valid(),
        "verified_in_embedded_evm": verification.embedded_evm.as_ref().is_some_and(|evm| evm.verdict.is_valid()),
        "verified_on_chain": posted.claim_is_verified,
        "audit_verdict": posted.audit.verdict,
        "audit_summary": posted.audit.summary,
        "artifacts_built": proven.prepared.built,
        "steps": steps,
        "warnings": posted.audit.warnings,
    })
}

fn text(table: &Table<'_>, proven: &Proven, posted: &Posted, answer: [(&str, String); 2]) -> String {
    let rows: Vec<(String, String)> = table
        .steps
        .iter()
        .map(|step| (step.name.to_owned(), format!("{:>9}  {}", report::time(step.ms), step.note)))
        .collect();
    let rest = [
        ("transaction", posted.submission.mined.transaction_hash.to_string()),
        ("statement", posted.submission.statement_id.to_string()),
        ("model", proven.bundle.statement().model_id.to_string()),
    ];
    let facts: Vec<(String, String)> =
        answer.into_iter().chain(rest).map(|(name, fact)| (name.to_owned(), fact)).collect();
    let warnings: Vec<(String, String)> =
        posted.audit.warnings.iter().map(|warning| ("warning".to_owned(), warning.clone())).collect();
    format!(
        "{}\n{}\n{}\n{}\n",
        report::rows(&rows),
        report::rows(&facts),
        report::rows(&warnings),
        posted.audit.summary
    )
}

/// The digit that the first output tensor says.
fn digit(prepared: &Prepared, values: &PublicValues) -> Result<usize, Failure> {
    let internal = |error: String| Failure::Internal(format!("the public values cannot be read: {error}"));
    let schema = prepared.artifacts.schema().map_err(|error| internal(error.to_string()))?;
    let decoded = schema.decode(values).map_err(|error| internal(error.to_string()))?;
    let position = schema.tensors().iter().position(|tensor| tensor.direction == Direction::Output);
    let (Some(tensor), Some(elements)) =
        (position.and_then(|at| schema.tensors().get(at)), position.and_then(|at| decoded.get(at)))
    else {
        return Err(internal("there is no public output".into()));
    };
    let scores: Vec<f64> = elements.iter().enumerate().map(|(index, &q)| tensor.dequantize(index, q)).collect();
    Ok(argmax(&scores))
}

fn argmax<T: PartialOrd>(scores: &[T]) -> usize {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if scores.get(best).is_some_and(|greatest| score > greatest) {
            best = index;
        }
    }
    best
}

fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
