//! The embedded EVM counts the gas that the node counts.

use crate::world::{self, World};
use alloy::{
    primitives::{B256, Bytes},
    sol_types::SolCall,
};
use zkinfer::{
    chain::bindings::{IEzklVerifier, IModelRegistry},
    evm::{artifacts, verify::adapter_call, verify_ezkl, verify_through_adapter},
};

#[tokio::test]
async fn embedded_gas_is_the_receipts_gas() {
    let world = World::new().await;
    let code = world.client.node().code(world.verifier.address).await.unwrap();

    let embedded = verify_ezkl(&code, &world::instances(), &world::proof()).unwrap();
    let call = IEzklVerifier::verifyProofCall { proof: world::proof(), instances: world::instances() };
    let receipt = world.send_unchecked(world::SECOND, world.verifier.address, &call.abi_encode()).await;
    assert!(embedded.verdict.is_valid() && receipt.status());
    assert_eq!(embedded.gas.transaction, receipt.gas_used);

    let registry = world.contracts.model_registry.address;
    let resolved =
        world.client.node().view(registry, &IModelRegistry::resolveCall { modelId: world.model_id }).await.unwrap();
    let (key, context) = (resolved.key, B256::repeat_byte(5));
    let values = world::values().as_bytes().clone();
    for (proof, accepted) in [(world::proof(), true), (Bytes::from(vec![0; 32]), false)] {
        let adapter = &artifacts::ezkl_adapter().deployed_bytecode;
        let embedded = verify_through_adapter(adapter, Some(&code), &key, context, &values, &proof).unwrap();
        let call = adapter_call(&key, context, &values, &proof);
        let receipt = world.send_unchecked(world::SECOND, resolved.adapter, &call.abi_encode()).await;
        assert_eq!((embedded.verdict.is_valid(), receipt.status()), (accepted, accepted));
        assert_eq!(embedded.gas.transaction, receipt.gas_used);
    }
}
