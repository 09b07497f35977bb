//! What it costs to verify and to record proofs, in whole transactions. `docs/gas.md` is what these print:
//!
//! ```text
//! cargo test --test chain gas_table:: -- --nocapture                            the native backend
//! cargo test --test chain gas_table::ezkl -- --ignored --nocapture              EZKL, some minutes
//! ```

use crate::{
    forks::Posted,
    machine::Machine,
    native_world::{NativeWorld, Prover},
    world,
};
use alloy::{
    primitives::{Address, Bytes, U256},
    sol,
    sol_types::SolCall,
};
use std::{path::Path, process::Command, sync::Arc};
use zkinfer::{
    backend::{
        Control,
        ezkl::{EzklBackend, EzklOptions, Objective, Tuning},
    },
    chain::{
        Account, Client, Devnet, Fork, Node,
        bindings::{IEzklVerifier, ModelKey},
        client::ModelEntry,
    },
    evm::{
        Compiler, EmbeddedEvm, Outcome, artifacts,
        embedded::SpecId,
        verify::{adapter_call, batch_call},
    },
    model::{Input, Model, synthetic},
    pipeline::{EZKLIntegration, Prepared, ProofGenerator},
    proof::{Assignment, Bundle, Context, identity},
    storage::Cache,
};

/// Where the embedded EVM has the adapter and the model's code: any addresses without zero bytes.
const ADAPTER: Address = Address::repeat_byte(0xad);
const MODEL_CODE: Address = Address::repeat_byte(0xc0);

struct Row {
    name: String,
    statements: u64,
    proof: usize,
    calldata: usize,
    /// Before the floor for calldata and the dearer `modexp`.
    cancun: u64,
    osaka: u64,
    /// `ProofRegistry.submit` or `submitBatch`, under Osaka.
    recorded: u64,
}

/// The same under the draft of Glamsterdam: the verification alone, and recorded; and what the floor of the calldata is.
struct DraftRow {
    name: String,
    statements: u64,
    floor: u64,
    verified: u64,
    recorded: u64,
    state: u64,
}

impl DraftRow {
    fn print(&self) {
        let Self { name, statements, floor, verified, recorded, state } = self;
        println!(
            "| {name} | {statements} | {floor} | {verified} | {} | {recorded} | {state} | {} |",
            verified / statements,
            recorded / statements
        );
    }
}

impl Row {
    fn print(&self) {
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.name,
            self.statements,
            self.proof,
            self.calldata,
            self.cancun,
            self.osaka,
            self.osaka / self.statements,
            self.recorded,
            self.recorded / self.statements
        );
    }
}

fn head() {
    println!("\n| model | statements | proof B | calldata B | Cancun | Osaka | each | recorded | each |");
    println!("|---|---|---|---|---|---|---|---|---|");
}

/// The adapter's whole transaction under both rules, and its calldata's length.
fn verifier_alone(prepared: &Prepared, adapter: &Bytes, bundle: &Bundle) -> (usize, u64, u64) {
    let identity = prepared.artifacts.identity();
    let key = ModelKey {
        modelId: prepared.artifacts.model_id(),
        modelCode: MODEL_CODE,
        vkDigest: identity.vk_digest,
        schemaHash: identity::schema_hash(&identity.schema),
        srsId: identity.srs_id,
    };
    let parts: Vec<_> =
        bundle.statements().iter().map(|s| (s.context.id(), s.public_values.as_bytes().clone())).collect();
    let calldata: Bytes = match &parts[..] {
        [(context, values)] => adapter_call(&key, *context, values, bundle.proof()).abi_encode().into(),
        batch => batch_call(&key, batch, bundle.proof()).abi_encode().into(),
    };
    let gas = |rules: SpecId| {
        let mut evm = EmbeddedEvm::new(31337).with_rules(rules);
        evm.install(ADAPTER, adapter, "adapter").unwrap();
        evm.install(MODEL_CODE, &prepared.verifier.as_ref().unwrap().runtime_code, "model's code").unwrap();
        let call = evm.call(ADAPTER, &calldata).unwrap();
        assert_eq!(call.outcome, Outcome::Returned(Bytes::new()));
        call.gas.transaction
    };
    (calldata.len(), gas(SpecId::CANCUN), gas(SpecId::OSAKA))
}

fn name(widths: &[usize]) -> String {
    widths.iter().map(ToString::to_string).collect::<Vec<_>>().join("-")
}

/// The goals of the native verifier, under the dearer rules, without the registry.
#[tokio::test]
async fn native() {
    let mut drafts = Vec::new();
    let mut deployments = Vec::new();
    head();
    for (widths, single, batch) in [
        (&[64, 32, 10][..], 650_000, 90_000),
        (&[64, 128, 64, 10], 650_000, 90_000),
        (&[256, 512, 256, 10], 720_000, 90_000),
    ] {
        // The last one does not fit into the powers that come with zkinfer.
        let prover = if widths[0] == 256 { Prover::on_test_srs(widths) } else { Prover::of(widths) };
        let world = NativeWorld::with(&prover).await;
        let on = |fork| Posted::new(Machine::new(fork, world.client.address()), &prover);
        let (mut today, mut draft) = (on(Fork::Osaka), on(Fork::Amsterdam));
        // What is the same for every model is printed once: the registries, and each verifier.
        for ((name, code, now), (.., then)) in today.steps.iter().zip(&draft.steps) {
            if !deployments.iter().any(|(known, _)| known == name) {
                let row = format!("| {name} | {code} | {} | {} | {} |", now.gas, then.gas, then.state);
                deployments.push((*name, row));
            }
        }
        let adapter = artifacts::adapter(prover.prepared.artifacts.identity().adapter_id).unwrap();
        let adapter = &adapter.deployed_bytecode;
        for (statements, limit) in [(1, single), (16, batch)] {
            let contexts: Vec<_> = (0..statements).map(|job| world.context(100 * statements + job)).collect();
            let bundle = prover.prove(&contexts);
            let (calldata, cancun, osaka) = verifier_alone(&prover.prepared, adapter, &bundle);
            let recorded = match statements {
                1 => world.client.submit(bundle.statement(), bundle.proof()).await.unwrap().mined.gas_used,
                _ => world.submit(&bundle).await.mined.gas_used,
            };
            assert_eq!(today.submit(&bundle).gas, recorded, "the machine counts as the chain does");
            let (verified, claimed) = (draft.verify(&bundle), draft.submit(&bundle));
            drafts.push(DraftRow {
                name: name(widths),
                statements,
                floor: Fork::Amsterdam.rules().floor(&vec![1; calldata], false),
                verified: verified.gas,
                recorded: claimed.gas,
                state: claimed.state,
            });
            let proof = bundle.proof().len();
            let row = Row { name: name(widths), statements, proof, calldata, cancun, osaka, recorded };
            row.print();
            assert!(row.osaka / statements <= limit, "{}: {} each", row.name, row.osaka / statements);
        }
    }
    println!(
        "\n| model | statements | floor | verified | each | recorded | of it state | each |\n|---|---|---|---|---|---|---|---|"
    );
    drafts.iter().for_each(DraftRow::print);
    println!("\n| transaction | code B | Osaka | draft | of it state |\n|---|---|---|---|---|");
    deployments.iter().for_each(|(_, line)| println!("{line}"));
    // What docs/gas.md says of the draft: the floor binds for the largest batch, and for no other row.
    let bound: Vec<_> =
        drafts.iter().filter(|row| row.verified == row.floor).map(|row| (&*row.name, row.statements)).collect();
    assert_eq!(bound, [("256-512-256-10", 16)]);
}

sol! {
    contract Reusable {
        function registerVka(bytes32[] vka) external returns (bytes32);
        function verifyProof(bytes proof, uint256[] instances, bytes32[] vka) external returns (bool);
    }
}

/// EZKL's two kinds of contracts on the same networks, with two of the circuits that zkinfer chooses. `ZKINFER_SHAPES`
/// names other networks: `64-32-10,256-512-256-10`. The last one takes many minutes and gigabytes.
#[tokio::test]
#[ignore = "EZKL sets up several networks: minutes"]
async fn ezkl() {
    let shapes = std::env::var("ZKINFER_SHAPES").unwrap_or_else(|_| "64-32-10,64-128-64-10".into());
    head();
    for shape in shapes.split(',') {
        let widths: Vec<usize> = shape.split('-').map(|width| width.parse().unwrap()).collect();
        for (label, objective) in [("balanced", Objective::Balanced), ("for gas", Objective::Gas)] {
            ezkl_rows(&widths, label, objective).await;
        }
    }
}

async fn ezkl_rows(widths: &[usize], label: &str, objective: Objective) {
    let (dir, cache) = cache_with_ezkl();
    let options = EzklOptions::new().tuning(Tuning::Ours(objective));
    let backend = Arc::new(EzklBackend::with_options(&cache, options).unwrap());
    let integration = EZKLIntegration::new(backend, cache);
    let model = Model::from_onnx(synthetic::to_onnx(&synthetic::random_mlp(widths, 1).unwrap())).unwrap();
    let control = Control::default();
    let prepared = integration.prepare(&model, &control).unwrap();

    let devnet = Devnet::start(&world::anvil()).await.unwrap();
    let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
    let client = Client::new(node, Account::dev()).unwrap();
    let contracts = client.deploy_contracts(artifacts::ezkl_adapter()).await.unwrap();
    let verifier = client.deploy_verifier(prepared.verifier.as_ref().unwrap()).await.unwrap();
    let identity = prepared.artifacts.identity();
    let entry = ModelEntry {
        adapter: contracts.adapter.address,
        model_code: verifier.address,
        vk_digest: identity.vk_digest,
        srs_id: identity.srs_id,
        schema: &identity.schema,
    };
    client.register(contracts.model_registry.address, &entry).await.unwrap();

    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let input = Input::new(vec![(0..widths[0]).map(|j| (3 * j % 16) as f64 / 16.0).collect()]).unwrap();
    let witness = generator.witness(&input, &control).unwrap();
    let assignment = Assignment {
        submitter: client.address(),
        consumer: Address::repeat_byte(0xc0),
        job: alloy::primitives::keccak256("job"),
        deadline: u64::MAX,
    };
    let registry = contracts.proof_registry.address;
    let context = Context::Chain { chain_id: 31337, registry, assignment };
    let bundle = generator.prove(&witness, context, &control).unwrap();
    let proof = bundle.proof();
    let details = &identity.details;
    println!("<!-- {}: {details} -->", name(widths));

    // The generated contract as it is, called directly.
    let instances = instances(bundle.statement().public_values.as_bytes());
    let calldata: Bytes =
        IEzklVerifier::verifyProofCall { proof: proof.clone(), instances: instances.clone() }.abi_encode().into();
    let (cancun, osaka) = direct(&prepared.verifier.as_ref().unwrap().runtime_code, &calldata);
    let adapter = &artifacts::ezkl_adapter().deployed_bytecode;
    let recorded = client.submit(bundle.statement(), proof).await.unwrap().mined.gas_used;
    let name = format!("{} ({label})", name(widths));
    let plain = format!("{name}, EZKL plain");
    Row { name: plain, statements: 1, proof: proof.len(), calldata: calldata.len(), cancun, osaka, recorded }.print();
    let (calldata, cancun, osaka) = verifier_alone(&prepared, adapter, &bundle);
    let through = format!("{name}, EZKL plain, through EzklAdapter");
    Row { name: through, statements: 1, proof: proof.len(), calldata, cancun, osaka, recorded }.print();

    let (code, vka) = reusable(prepared.artifacts.dir(), dir.path());
    let compiled = Compiler::discover().unwrap().compile_named(&code, "Halo2VerifierReusable").unwrap();
    let deployed = client.deploy_verifier(&compiled).await.unwrap();
    let send = async |data: Vec<u8>| {
        let receipt = world::send_from(&devnet, &client, deployed.address, data).await;
        assert!(receipt.status());
        receipt.gas_used
    };
    let registration = send(Reusable::registerVkaCall { vka: vka.clone() }.abi_encode()).await;
    let call = Reusable::verifyProofCall { proof: proof.clone(), instances, vka }.abi_encode();
    let calldata = call.len();
    let osaka = send(call).await;
    println!(
        "| {name}, EZKL reusable (once per model: {registration}) | 1 | {} | {calldata} | | {osaka} | {osaka} | | |",
        proof.len()
    );
}

/// An empty cache with the user's EZKL in it.
fn cache_with_ezkl() -> (tempfile::TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("ezkl-{}", zkinfer::backend::ezkl::VERSION);
    let installed = Cache::from_env().unwrap().root().join(&name);
    assert!(installed.join("installed").exists(), "EZKL is not installed: run `make setup` first");
    std::os::unix::fs::symlink(installed, dir.path().join(name)).unwrap();
    let cache = Cache::at(dir.path().into());
    (dir, cache)
}

/// A direct call of a verifier as a transaction, under both rules.
fn direct(code: &Bytes, calldata: &Bytes) -> (u64, u64) {
    let gas = |rules: SpecId| {
        let mut evm = EmbeddedEvm::new(31337).with_rules(rules);
        evm.install(ADAPTER, code, "verifier").unwrap();
        let call = evm.call(ADAPTER, calldata).unwrap();
        assert_eq!(call.outcome, Outcome::Returned(U256::from(1).to_be_bytes::<32>().into()));
        call.gas.transaction
    };
    (gas(SpecId::CANCUN), gas(SpecId::OSAKA))
}

/// The words of public values as field elements.
fn instances(values: &[u8]) -> Vec<U256> {
    let word = |word: &[u8]| U256::from_be_slice(word);
    let element = |word: U256| if word.bit(255) { world::ORDER.wrapping_sub(word.wrapping_neg()) } else { word };
    values.chunks(32).map(word).map(element).collect()
}

/// EZKL's reusable contract, and the words that stand for this model's key in it.
fn reusable(artifacts: &Path, dir: &Path) -> (String, Vec<alloy::primitives::B256>) {
    // The contract is written before EZKL asks for a compiler, which need not be there.
    let script = "
import asyncio, ezkl, sys
vk, settings, srs, sol, vka = sys.argv[1:]
async def main():
    try:
        await ezkl.create_evm_verifier(vk, settings, sol, sol + '.abi', srs, True)
    except RuntimeError as error:
        print(error, file=sys.stderr)
    await ezkl.create_evm_vka(vk, settings, vka, srs)
asyncio.run(main())
";
    let python = dir.join(format!("ezkl-{}", zkinfer::backend::ezkl::VERSION)).join("venv/bin/python");
    let (source, vka) = (dir.join("reusable.sol"), dir.join("vka.bytes"));
    let status = Command::new(python)
        .args(["-I", "-c", script])
        .args(["vk.key", "settings.json", "verify.srs"].map(|file| artifacts.join(file)))
        .args([&source, &vka])
        .env("HOME", dir)
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(status.success());
    let words = std::fs::read(vka).unwrap();
    (std::fs::read_to_string(source).unwrap(), words[8..].chunks(32).map(alloy::primitives::B256::from_slice).collect())
}
