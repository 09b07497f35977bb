//! The trust boundary on a chain: an answer counts only from code that this release knows.

use super::{
    boundary::with_manifest,
    lying_node::LyingNode,
    world::{World, native},
};
use alloy::{
    primitives::{Address, B256, Bytes, keccak256},
    sol_types::SolValue,
};
use zkinfer::{
    backend::Control,
    chain::{Account, Client, Devnet, Node},
    evm::{Toolchain, artifacts},
    pipeline::{PipelineError, ProofRequest, verification::OnChainVerifier},
    proof::{Assignment, Bundle, Context, Verdict, identity},
};

fn on_a_chain<F: Future<Output = ()>>(test: impl FnOnce(Node, Client) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let anvil = Toolchain::from_env().anvil().expect("run `make setup` or `npm ci` first");
        let devnet = Devnet::start(&anvil).await.unwrap();
        let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
        let client = Client::new(node.clone(), Account::dev()).unwrap();
        test(node, client).await;
        drop(devnet);
    });
}

fn refused(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Invalid { reason } => reason,
        Verdict::Valid => panic!("nobody verified this"),
    }
}

/// A call to an address without code succeeds, and the hash of no code was taken for zero: adapter id zero verified anything.
#[test]
fn boundary_adapter_id_zero_is_never_called() {
    let world = native();
    let proof = Bytes::from(vec![7; 64]);
    let nothing = with_manifest(&world.bundle, |manifest| {
        (manifest.adapter_id, manifest.model_code_hash, manifest.model_code) = (B256::ZERO, B256::ZERO, None);
    });
    let manifest = zkinfer::proof::Manifest { proof_hash: identity::proof_hash(&proof), ..nothing.manifest().clone() };
    let forged = Bundle::new(nothing.statements().to_vec(), proof, manifest).unwrap();
    on_a_chain(|node, client| async move {
        for address in [Address::ZERO, Address::repeat_byte(5), client.address()] {
            let asked = OnChainVerifier::new(node.clone(), address, address).verify(&forged).await;
            assert!(matches!(asked, Err(PipelineError::NoAdapter(id)) if id.is_zero()), "{asked:?}");
        }
    });
}

#[test]
fn boundary_an_address_without_code_accepts_nothing() {
    let world = native();
    on_a_chain(|node, client| async move {
        let adapter = client
            .deploy("NativeTestVerifier", &artifacts::native_test_verifier().bytecode, None)
            .await
            .unwrap()
            .address;
        let nobody = Address::repeat_byte(5);
        for (at, code, what) in [(nobody, nobody, "the adapter"), (adapter, nobody, "the model's code")] {
            let asked = OnChainVerifier::new(node.clone(), at, code).verify(&world.bundle).await.unwrap();
            let reason = refused(&asked.verdict);
            assert!(reason.contains("no code") && reason.contains(what) && asked.gas == 0, "{reason}");
        }
    });
}

fn for_registry(world: &World, node: &Node, client: &Client, registry: Address) -> Bundle {
    let assignment =
        Assignment { submitter: client.address(), consumer: Address::ZERO, job: B256::ZERO, deadline: u64::MAX };
    let context = Context::Chain { chain_id: node.chain_id(), registry, assignment };
    tokio::task::block_in_place(|| {
        let request = ProofRequest { context, ..world.request(0) };
        world.generator().generate(&request, &Control::default()).unwrap().bundle
    })
}

/// The context of a bundle names any registry: what stands there has to be this release's before a proof is shown to it.
#[test]
fn boundary_a_registry_of_other_code_is_sent_nothing() {
    let world = native();
    on_a_chain(|node, client| async move {
        // Accepts every call and returns nothing.
        let yes = client.deploy("Yes", &Bytes::from_static(&[0x60, 0x01, 0x5f, 0xf3]), None).await.unwrap().address;
        let block = node.latest_block().await.unwrap();
        for registry in [yes, Address::repeat_byte(5)] {
            let bundle = for_registry(world, &node, &client, registry);
            let sent = OnChainVerifier::submit(&client, &bundle).await;
            assert!(sent.is_err(), "{sent:?}");
        }
        assert_eq!(node.latest_block().await.unwrap(), block, "nothing was sent");
    });
}

/// The hash of no code is a hash like any other: a model id that names it has no code all the same.
#[test]
fn boundary_code_that_is_not_there_is_no_models_code() {
    let world = native();
    let empty = with_manifest(&world.bundle, |manifest| {
        (manifest.model_code_hash, manifest.model_code) = (keccak256([]), None);
    });
    on_a_chain(|node, client| async move {
        let adapter = client
            .deploy("NativeTestVerifier", &artifacts::native_test_verifier().bytecode, None)
            .await
            .unwrap()
            .address;
        let asked = OnChainVerifier::new(node, adapter, Address::repeat_byte(5)).verify(&empty).await.unwrap();
        let reason = refused(&asked.verdict);
        assert!(reason.contains("the model's code") && reason.contains("no code"), "{reason}");
    });
}

/// Code whose every answer is this word.
fn answering(word: Address) -> Bytes {
    // PUSH20 word, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN: 27 bytes behind a constructor of 9 that copies and returns them.
    let runtime = [&[0x73][..], word.as_slice(), &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]].concat();
    [&[0x60, 27, 0x80, 0x60, 0x09, 0x5f, 0x39, 0x5f, 0xf3][..], &runtime].concat().into()
}

/// It names the right model registry and records nothing; or it is the right code over another model registry.
#[test]
fn boundary_a_registry_that_answers_like_one_is_sent_nothing() {
    let world = native();
    on_a_chain(|node, client| async move {
        let contracts = client.deploy_contracts(artifacts::native_test_verifier()).await.unwrap();
        let models = contracts.model_registry.address;
        let deploy = async |creation: Bytes| client.deploy("stand-in", &creation, None).await.unwrap().address;
        let actor = deploy(answering(models)).await;
        let over = |models: Address| -> Bytes {
            [&artifacts::proof_registry().bytecode[..], &models.abi_encode()].concat().into()
        };
        let foreign = deploy(over(deploy(answering(models)).await)).await;
        let nowhere = deploy(over(Address::repeat_byte(5))).await;
        let genuine = deploy(over(models)).await;
        let block = node.latest_block().await.unwrap();
        for (registry, contract) in [(actor, "ProofRegistry"), (foreign, "ModelRegistry"), (nowhere, "ModelRegistry")] {
            let sent = OnChainVerifier::submit(&client, &for_registry(world, &node, &client, registry)).await;
            let error = sent.expect_err("this is no registry of this release");
            assert!(matches!(&error, PipelineError::InvalidInput { field, .. } if field == "registry"), "{error}");
            assert!(error.to_string().contains(&format!("not this release's {contract}")), "{error}");
        }
        assert_eq!(node.latest_block().await.unwrap(), block, "nothing was sent");
        // The genuine one is asked, and has its own reason.
        let sent = OnChainVerifier::submit(&client, &for_registry(world, &node, &client, genuine)).await;
        assert!(matches!(sent, Err(PipelineError::Chain(_))), "the model is not registered: {sent:?}");
    });
}

/// Adapters accept by returning nothing, and refuse by reverting: an answer with content is nobody's verdict, whatever it says.
#[test]
fn boundary_an_answer_with_content_is_no_verdict() {
    let world = native();
    let (adapter, model) = (Address::repeat_byte(1), Address::repeat_byte(2));
    let codes = vec![
        (adapter, artifacts::native_test_verifier().deployed_bytecode.clone()),
        (model, world.bundle.manifest().model_code.clone().unwrap()),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |answer: Bytes| {
        let liar = LyingNode::start(codes.clone(), answer);
        runtime.block_on(async {
            let node = Node::connect(&liar.url()).await.unwrap();
            OnChainVerifier::new(node, adapter, model).verify(&world.bundle).await
        })
    };
    let silent = ask(Bytes::new()).unwrap();
    assert!(silent.verdict.is_valid(), "what a node says of code is believed: {silent:?}");
    for answer in [true.abi_encode(), false.abi_encode(), vec![1], vec![0]] {
        let asked = ask(answer.into());
        let expected = matches!(asked, Err(PipelineError::Evm(zkinfer::evm::EvmError::UnexpectedReturn(_))));
        assert!(expected, "{asked:?}");
    }
}
