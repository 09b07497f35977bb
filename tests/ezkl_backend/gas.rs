//! A real proof on a real node: the embedded EVM gives the node's verdict and counts the node's gas.

use crate::world::WORLD;
use alloy::{
    primitives::{Address, B256, Bytes},
    providers::{Provider, RootProvider},
    rpc::types::TransactionReceipt,
    sol_types::SolCall,
};
use serde_json::json;
use zkinfer::{
    chain::{Account, Client, Devnet, Node, SendOptions, bindings::ModelKey, sender::wait},
    evm::{Toolchain, artifacts, verify::adapter_call, verify_through_adapter},
};

/// Sends a call although it may fail: the receipt tells what it cost.
async fn send(devnet: &Devnet, client: &Client, to: Address, data: &[u8]) -> TransactionReceipt {
    let provider: RootProvider = crate::rpc::provider(devnet);
    let from = client.address();
    let transaction = json!([{ "from": from, "to": to, "data": Bytes::copy_from_slice(data), "gas": "0xf00000" }]);
    let hash: B256 = provider.raw_request("eth_sendTransaction".into(), transaction).await.unwrap();
    wait(client.node(), &SendOptions::default(), "a test's transaction", hash).await.unwrap()
}

#[tokio::test]
async fn embedded_evm_and_node_agree_on_verdict_and_gas() {
    let devnet = Devnet::start(&Toolchain::from_env().anvil().unwrap()).await.unwrap();
    let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
    let client = Client::new(node, Account::dev()).unwrap();
    let contracts = client.deploy_contracts(artifacts::ezkl_adapter()).await.unwrap();
    let verifier = WORLD.prepared.verifier.as_ref().unwrap();
    let deployed = client.deploy_verifier(verifier).await.unwrap();

    let (identity, statement) = (WORLD.prepared.artifacts.identity(), WORLD.bundle.statement());
    let key = ModelKey {
        modelId: statement.model_id,
        modelCode: deployed.address,
        vkDigest: identity.vk_digest,
        schemaHash: WORLD.bundle.manifest().schema_hash,
        srsId: identity.srs_id,
    };
    let (context, values) = (statement.context.id(), statement.public_values.as_bytes());
    let proof = WORLD.bundle.proof();
    let mut flipped = proof.to_vec();
    flipped[proof.len() / 2] ^= 1;
    for (proof, accepted) in [(proof.clone(), true), (Bytes::from(flipped), false)] {
        let adapter = &artifacts::ezkl_adapter().deployed_bytecode;
        let code = Some(&verifier.runtime_code);
        let embedded = verify_through_adapter(adapter, code, &key, context, values, &proof).unwrap();
        let call = adapter_call(&key, context, values, &proof).abi_encode();
        let receipt = send(&devnet, &client, contracts.adapter.address, &call).await;
        assert_eq!((embedded.verdict.is_valid(), receipt.status()), (accepted, accepted));
        assert_eq!(embedded.gas.transaction, receipt.gas_used);
    }
}
