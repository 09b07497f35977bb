//! General networks from the prover to the audit, under the ceremony that ships; and what is refused on the way: another key
//! object, another page of the program, another part of the verifier.

use crate::native_world::{NativeWorld, Prover};
use alloy::{
    primitives::{Address, B256, Bytes},
    providers::Provider,
    sol_types::SolCall,
};
use serde_json::json;
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use zkinfer::{
    backend::{
        Control,
        native::{Committed, NativeBackend, SrsSource},
    },
    chain::{
        AuditReport, ChainError, audit,
        auditor::{CheckName, CheckOutcome},
        bindings::{ModelKey, Refusal},
    },
    evm::{
        artifacts,
        verify::{Contracts, adapter_call, part_place},
    },
    model::{Model, synthetic::Graph},
    pipeline::{EZKLIntegration, Reverifier},
    proof::{Bundle, Statement, srs::SrsKind},
    storage::Cache,
};

const ONNX: &[u8] = include_bytes!("../../models/digits-cnn/cnn.onnx");

fn cnn() -> Model {
    Model::from_onnx(ONNX.to_vec()).unwrap()
}

/// The convolutional digits model under the ceremony, set up once for all tests.
pub(crate) static CNN: LazyLock<Prover> = LazyLock::new(|| Prover::of_model(&cnn(), NativeBackend::new()));

/// So many residual blocks that the program does not fit beside its key, no block like the one before it, nor blocks like those before
/// them: repeated ones would be proven as one.
static DEEP: LazyLock<Prover> = LazyLock::new(|| {
    let mut graph = Graph::new(13, &[1, 4]);
    let weights: Vec<f32> = (0..16).map(|i| (i as f32 - 8.0) / 256.0).collect();
    let mut last = "x".to_owned();
    for block in 0..BLOCKS {
        // Differences of the Thue-Morse sequence: a word of three letters without a square.
        let bit = |n: u32| n.count_ones() % 2;
        let width = 3 + bit(block + 1) as usize - bit(block) as usize;
        let up = graph.constant(&[4, width as i64], &weights[..4 * width]);
        let hidden = graph.node("MatMul", &[&last, &up], vec![]);
        let hidden = graph.node("Relu", &[&hidden], vec![]);
        let down = graph.constant(&[width as i64, 4], &weights[..4 * width]);
        let hidden = graph.node("MatMul", &[&hidden, &down], vec![]);
        last = graph.node("Add", &[&last, &hidden], vec![]);
    }
    let model = Model::from_onnx(graph.finish(&last, &[1, 4])).unwrap();
    Prover::of_model(&model, NativeBackend::new())
});
const BLOCKS: u32 = 70;

/// An auditor without artifacts: the key is on the chain.
fn stranger() -> Arc<Reverifier> {
    static DIR: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    let integration = EZKLIntegration::new(Arc::new(NativeBackend::new()), Cache::at(DIR.path().into()));
    Arc::new(Reverifier::new(vec![integration], Control::default()))
}

async fn audited(world: &NativeWorld, hash: B256) -> AuditReport {
    audit(world.client.node(), hash, Some(stranger())).await.unwrap()
}

fn assert_passed(report: &AuditReport) {
    assert!(report.is_valid(), "{report:#?}");
    for &name in CheckName::ALL {
        assert_eq!(report.outcome(name), CheckOutcome::Passed, "{name}");
    }
}

fn assert_failed(report: &AuditReport, expected: &[CheckName]) {
    assert!(!report.is_valid(), "{report:#?}");
    for name in expected {
        assert_eq!(report.outcome(*name), CheckOutcome::Failed, "{name}: {report:#?}");
    }
}

/// The refusal of a proof that would be accepted if nothing had been changed.
async fn refusal(world: &NativeWorld, bundle: &Bundle) -> Refusal {
    match world.client.submit(bundle.statement(), bundle.proof()).await.unwrap_err() {
        ChainError::Refused { refusal, .. } => refusal,
        error => panic!("{error}"),
    }
}

async fn code(world: &NativeWorld, at: Address) -> Bytes {
    world.provider().get_code_at(at).await.unwrap()
}

async fn set_code(world: &NativeWorld, at: Address, code: impl AsRef<[u8]>) {
    world.cheat("anvil_setCode", json!([at, Bytes::copy_from_slice(code.as_ref())])).await;
}

#[tokio::test]
async fn claims_of_a_convolutional_network_are_recorded_and_audited() {
    let world = NativeWorld::with(&CNN).await;
    let identity = CNN.prepared.artifacts.identity();
    assert_eq!(identity.adapter_id, artifacts::network_verifier().code_hash());
    let single = CNN.prove(&[world.context(1)]);
    let submission = world.client.submit(single.statement(), single.proof()).await.unwrap();
    let batch = CNN.prove(&world.contexts(3));
    let submissions = [submission.mined.transaction_hash, world.submit(&batch).await.mined.transaction_hash];
    for (hash, claims) in submissions.into_iter().zip([1, 3]) {
        for off_chain in [stranger(), CNN.reverifier()] {
            let report = audit(world.client.node(), hash, Some(off_chain)).await.unwrap();
            assert_passed(&report);
            assert_eq!(report.facts.claims.len(), claims);
            assert!(matches!(report.facts.srs, Some(SrsKind::Listed(_))) && report.warnings.is_empty(), "{report:#?}");
            assert_eq!(report.facts.claims[0].tensors[1].values.len(), 10);
        }
    }
    for statement in single.statements().iter().chain(batch.statements()) {
        assert!(world.recorded(statement).await);
    }

    // The proof of another statement, and a proof that is none.
    let other = CNN.prove(&[world.context(9)]);
    let foreign =
        Bundle::new(vec![single.statement().clone()], single.proof().clone(), single.manifest().clone()).unwrap();
    let error = world.client.submit(other.statement(), foreign.proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::Refused { refusal: Refusal::ProofInvalid, .. }), "{error}");
    let mut values = other.statement().public_values.as_bytes().to_vec();
    *values.last_mut().unwrap() ^= 1;
    let public_values = zkinfer::proof::PublicValues::from_bytes(values.into());
    let statement = Statement { public_values, ..other.statement().clone() };
    let error = world.client.submit(&statement, other.proof()).await.unwrap_err();
    assert!(matches!(error, ChainError::Refused { refusal: Refusal::ProofInvalid, .. }), "{error}");
}

/// The embedded EVM is the chain: the same verdicts, for the same gas.
#[tokio::test]
async fn embedded_evm_and_node_agree_on_networks() {
    for prover in [&*CNN, &*DEEP] {
        let world = NativeWorld::with(prover).await;
        let bundle = prover.prove(&[world.context(1)]);
        let (identity, statement) = (prover.prepared.artifacts.identity(), bundle.statement());
        let key = ModelKey {
            modelId: statement.model_id,
            modelCode: world.key.address,
            vkDigest: identity.vk_digest,
            schemaHash: bundle.manifest().schema_hash,
            srsId: identity.srs_id,
        };
        let adapter = &artifacts::network_verifier().deployed_bytecode;
        let own = prover.prepared.verifier.as_ref().unwrap();
        let pages: Vec<_> = world.key.pages.iter().zip(&own.pages).collect();
        assert!(pages.iter().all(|(placed, page)| placed.address == page.place()));
        let pages: Vec<_> = pages
            .iter()
            .map(|(placed, page)| zkinfer::evm::Page { address: placed.address, code: page.runtime_code.clone() })
            .collect();
        let contracts = Contracts { adapter, model_code: Some(&own.runtime_code), pages: &pages };
        let (context, values) = (statement.context.id(), statement.public_values.as_bytes());
        let mut changed = bundle.proof().to_vec();
        let at = changed.len() - 1;
        changed[at] ^= 1;
        for (proof, accepted) in [(bundle.proof().clone(), true), (changed.into(), false)] {
            let embedded = contracts.verify(&key, context, values, &proof).unwrap();
            let call = adapter_call(&key, context, values, &proof).abi_encode();
            let receipt = world.send_unchecked(world.contracts.adapter.address, call).await;
            assert_eq!((embedded.verdict.is_valid(), receipt.status()), (accepted, accepted));
            assert_eq!(embedded.gas.transaction, receipt.gas_used);
        }
    }
}

/// The key object is bound by its hash in the model id: with another one nothing is recorded any more, and an audit says so of
/// what was.
#[tokio::test]
async fn another_key_object_is_refused() {
    let world = NativeWorld::with(&CNN).await;
    let [old, new] = [1, 2].map(|job| CNN.prove(&[world.context(job)]));
    let hash = world.client.submit(old.statement(), old.proof()).await.unwrap().mined.transaction_hash;
    let (at, honest) = (world.key.address, code(&world, world.key.address).await);
    // The commitment to the weights, and the last byte of the program.
    for byte in [3 + 36, honest.len() - 1] {
        let mut changed = honest.to_vec();
        changed[byte] ^= 1;
        set_code(&world, at, &changed).await;
        assert_eq!(refusal(&world, &new).await, Refusal::CodeChanged(at));
        assert_failed(&audited(&world, hash).await, &[CheckName::ModelId, CheckName::EmbeddedVerification]);
    }
    set_code(&world, at, &honest).await;
    assert_passed(&audited(&world, hash).await);
    world.client.submit(new.statement(), new.proof()).await.unwrap();
}

/// The part's code is named by the adapter's code, which the model id names.
#[tokio::test]
async fn another_part_of_the_verifier_is_refused() {
    let world = NativeWorld::with(&CNN).await;
    let [old, new] = [1, 2].map(|job| CNN.prove(&[world.context(job)]));
    let hash = world.client.submit(old.statement(), old.proof()).await.unwrap().mined.transaction_hash;
    let at = part_place(world.contracts.adapter.address);
    let honest = code(&world, at).await;
    assert_eq!(honest, artifacts::network_sumcheck().deployed_bytecode);
    // One that returns nothing, one that is not there, and one that differs in a byte.
    let mut changed = honest.to_vec();
    changed[honest.len() / 2] ^= 1;
    for other in [vec![0], vec![], changed] {
        set_code(&world, at, &other).await;
        assert!(matches!(refusal(&world, &new).await, Refusal::PartInvalid(_)));
        let report = audited(&world, hash).await;
        assert_failed(&report, &[CheckName::Adapter, CheckName::ChainVerification]);
        assert!(report.summary.contains("NetworkSumcheck"), "{}", report.summary);
    }
    set_code(&world, at, &honest).await;
    assert_passed(&audited(&world, hash).await);
}

/// The pages of a program are accounts of their own; the digest in the verifying key binds what is in them.
#[tokio::test]
async fn a_program_in_pages_is_claimed_and_other_pages_are_refused() {
    let world = NativeWorld::with(&DEEP).await;
    let pages = &world.key.pages;
    let own = DEEP.prepared.verifier.as_ref().unwrap().runtime_code.len();
    assert_eq!(pages.len(), 1, "the program is longer than a key object: {own} bytes");
    let [old, new] = [1, 2].map(|job| DEEP.prove(&[world.context(job)]));
    assert!(old.manifest().model_code.is_none(), "a part of a program is not carried");
    let hash = world.client.submit(old.statement(), old.proof()).await.unwrap().mined.transaction_hash;
    assert_passed(&audited(&world, hash).await);
    let report = audit(world.client.node(), hash, Some(DEEP.reverifier())).await.unwrap();
    assert_passed(&report);

    let (at, honest) = (pages[0].address, code(&world, pages[0].address).await);
    let checks = [CheckName::ChainVerification, CheckName::EmbeddedVerification, CheckName::OffChainVerification];
    let mut changed = honest.to_vec();
    changed[7] ^= 1;
    let longer = [&honest[..], &[0]].concat();
    for other in [changed, longer, honest[..honest.len() - 1].to_vec()] {
        set_code(&world, at, &other).await;
        assert!(matches!(refusal(&world, &new).await, Refusal::ProgramDigest(_)));
        assert_failed(&audited(&world, hash).await, &checks);
    }
    // One that could be called, and one that is not there.
    set_code(&world, at, [&[0x5b], &honest[1..]].concat()).await;
    assert!(matches!(refusal(&world, &new).await, Refusal::KeyObject(_)));
    assert_failed(&audited(&world, hash).await, &checks);
    set_code(&world, at, []).await;
    assert_eq!(refusal(&world, &new).await, Refusal::NoCode(at));
    assert_failed(&audited(&world, hash).await, &checks);
    set_code(&world, at, &honest).await;
    assert_passed(&audited(&world, hash).await);
    // Placing the model a second time finds its pages, and only makes another key object.
    let again = world.client.deploy_verifier(DEEP.prepared.verifier.as_ref().unwrap()).await.unwrap();
    assert!(again.pages[0].address == at && again.pages[0].mined.is_none() && again.address != world.key.address);
}

/// Committed sides, under the TEST SRS, which has a verifier of its own.
#[tokio::test]
async fn hidden_sides_of_a_network_are_claimed_under_the_test_srs() {
    let hidden = Committed { inputs: true, outputs: true };
    let prover = Prover::of_model(&cnn(), NativeBackend::new().with_hidden(hidden).with_srs(SrsSource::Test));
    let world = NativeWorld::with(&prover).await;
    let bundle = prover.prove(&world.contexts(2));
    let hash = world.submit(&bundle).await.mined.transaction_hash;
    let report = audited(&world, hash).await;
    assert_passed(&report);
    assert_eq!(report.facts.adapter_name, Some("NetworkTestVerifier"));
    assert!(report.facts.claims.iter().all(|claim| claim.public_values.len() == 128 && claim.tensors.is_empty()));
    assert!(report.warnings.iter().any(|warning| warning.contains("NOT SECURE")));
}
