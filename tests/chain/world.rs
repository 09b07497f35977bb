//! What every test here starts from: a development node with the contracts and one registered model.
//!
//! The model's verifier is a STAND-IN: it accepts the proof that is the hash of the instances. It proves nothing, and is
//! here to test what calls it.

use alloy::{
    primitives::{Address, B256, Bytes, I256, U256, keccak256},
    providers::{Provider, RootProvider},
    rpc::types::TransactionReceipt,
    sol_types::SolCall,
};
use serde_json::json;
use std::sync::LazyLock;
use zkinfer::{
    chain::{
        Account, Client, Contracts, Deployment, Devnet, Node, SendOptions, bindings::IProofRegistry,
        client::ModelEntry, sender::wait,
    },
    evm::{CompiledContract, Compiler, Tool, Toolchain, artifacts},
    proof::{
        Assignment, Bundle, Context, Manifest, PublicValues, Schema, Statement, TensorSchema,
        bundle::BackendName,
        identity::{proof_hash, schema_hash},
        schema::{Direction, NO_AXIS, Visibility},
    },
};

pub(crate) const STAND_IN: &str = r"
    // SPDX-License-Identifier: MIT OR Apache-2.0
    pragma solidity ^0.8.0;

    contract StandIn {
        uint256 public mode;
        function setMode(uint256 mode_) external { mode = mode_; }
        function verifyProof(bytes calldata proof, uint256[] calldata instances) external view returns (bool) {
            bool right = proof.length == 32 && keccak256(abi.encodePacked(instances)) == bytes32(proof);
            if (mode == 1 || !right) assembly { revert(0, 0) }
            return true;
        }
    }
";

static STAND_IN_CODE: LazyLock<CompiledContract> = LazyLock::new(|| compile(STAND_IN));

/// The order of BN254's scalar field.
pub(crate) const ORDER: U256 =
    U256::from_limbs([0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029]);

pub(crate) fn compile(source: &str) -> CompiledContract {
    Compiler::discover().unwrap().compile(source).unwrap()
}

pub(crate) fn stand_in() -> &'static CompiledContract {
    &STAND_IN_CODE
}

pub(crate) fn anvil() -> Tool {
    Toolchain::from_env().anvil().expect("run `make setup` or `npm ci` first")
}

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) contracts: Contracts,
    pub(crate) verifier: Deployment,
    pub(crate) model_id: B256,
    pub(crate) devnet: Devnet,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_verifier(stand_in()).await
    }

    pub(crate) async fn with_verifier(verifier: &CompiledContract) -> Self {
        let devnet = Devnet::start(&anvil()).await.unwrap();
        let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
        let client = Client::new(node, Account::dev()).unwrap();
        let contracts = client.deploy_contracts(artifacts::ezkl_adapter()).await.unwrap();
        let verifier = client.deploy_verifier(verifier).await.unwrap();
        let adapter = contracts.adapter.address;
        let model_id = register(&client, &contracts, adapter, verifier.address).await;
        Self { client, contracts, verifier, model_id, devnet }
    }

    pub(crate) fn registry(&self) -> Address {
        self.contracts.proof_registry.address
    }

    /// A statement for this chain and account that holds for ever.
    pub(crate) fn statement(&self) -> Statement {
        self.statement_until(u64::MAX)
    }

    pub(crate) fn statement_until(&self, deadline: u64) -> Statement {
        let mut statement = statement_for(&self.client, self.registry(), self.model_id);
        if let Context::Chain { assignment, .. } = &mut statement.context {
            assignment.deadline = deadline;
        }
        statement
    }

    pub(crate) fn provider(&self) -> RootProvider {
        crate::rpc::provider(&self.devnet)
    }

    /// Asks anvil for something that ordinary nodes do not do.
    pub(crate) async fn cheat(&self, method: &'static str, parameters: serde_json::Value) {
        let _: serde_json::Value = self.provider().raw_request(method.into(), parameters).await.unwrap();
    }

    /// Sends from an account that anvil signs for, without any of the client's checks.
    pub(crate) async fn send_unchecked(&self, from: Address, to: Address, data: &[u8]) -> TransactionReceipt {
        let transaction = json!([{ "from": from, "to": to, "data": Bytes::copy_from_slice(data), "gas": "0xf00000" }]);
        let hash: B256 = self.provider().raw_request("eth_sendTransaction".into(), transaction).await.unwrap();
        wait(self.client.node(), &SendOptions::default(), "a test's transaction", hash).await.unwrap()
    }

    pub(crate) fn submit_call(&self, statement: &Statement, proof: &Bytes) -> Vec<u8> {
        let Context::Chain { assignment, .. } = statement.context else { panic!("made for no chain") };
        IProofRegistry::submitCall {
            modelId: statement.model_id,
            assignment: IProofRegistry::Assignment {
                submitter: assignment.submitter,
                consumer: assignment.consumer,
                job: assignment.job,
                deadline: assignment.deadline,
            },
            publicValues: statement.public_values.as_bytes().clone(),
            proof: proof.clone(),
        }
        .abi_encode()
    }
}

/// A statement of the stand-in's model for a client and a registry that holds for ever.
pub(crate) fn statement_for(client: &Client, registry: Address, model_id: B256) -> Statement {
    let assignment = Assignment {
        submitter: client.address(),
        consumer: Address::repeat_byte(0xc0),
        job: B256::repeat_byte(0x0b),
        deadline: u64::MAX,
    };
    let context = Context::Chain { chain_id: client.node().chain_id(), registry, assignment };
    Statement { model_id, public_values: values(), context }
}

/// Of the TEST SRS: nothing here looks at its points.
pub(crate) fn test_srs_id() -> B256 {
    B256::from(*zkinfer_prover::srs::test_srs(0).unwrap().id())
}

/// A bundle of [`World::statement`].
pub(crate) fn bundle(world: &World) -> Bundle {
    bundle_of(world.statement(), world.verifier.code_hash, test_srs_id())
}

/// A bundle of a statement of the stand-in's, under some SRS.
pub(crate) fn bundle_of(statement: Statement, model_code_hash: B256, srs_id: B256) -> Bundle {
    let schema = Bytes::from(schema().to_bytes());
    let manifest = Manifest {
        backend: BackendName::Ezkl,
        backend_version: "23.0.5".into(),
        adapter_id: artifacts::ezkl_adapter_id(),
        model_code_hash,
        model_code: None,
        vk_digest: B256::repeat_byte(0x11),
        schema_hash: schema_hash(&schema),
        schema,
        srs_id,
        test_srs: srs_id == test_srs_id(),
        transferable: true,
        weights: "not hidden".into(),
        proof_hash: proof_hash(&proof()),
        created_at_ms: 0,
    };
    Bundle::new(vec![statement], proof(), manifest).unwrap()
}

/// Sends from the client's account, without any of its checks.
pub(crate) async fn send_from(devnet: &Devnet, client: &Client, to: Address, data: Vec<u8>) -> TransactionReceipt {
    send_as(devnet, client.node(), client.address(), to, data).await
}

/// Sends from an account that anvil signs for.
pub(crate) async fn send_as(
    devnet: &Devnet,
    node: &Node,
    from: Address,
    to: Address,
    data: Vec<u8>,
) -> TransactionReceipt {
    let provider: RootProvider = crate::rpc::provider(devnet);
    let transaction = json!([{ "from": from, "to": to, "data": Bytes::from(data), "gas": "0xf00000" }]);
    let hash: B256 = provider.raw_request("eth_sendTransaction".into(), transaction).await.unwrap();
    wait(node, &SendOptions::default(), "a test's transaction", hash).await.unwrap()
}

pub(crate) async fn register(client: &Client, contracts: &Contracts, adapter: Address, model_code: Address) -> B256 {
    let schema = Bytes::from(schema().to_bytes());
    let entry =
        ModelEntry { adapter, model_code, vk_digest: B256::repeat_byte(0x11), srs_id: test_srs_id(), schema: &schema };
    client.register(contracts.model_registry.address, &entry).await.unwrap().model_id
}

pub(crate) fn schema() -> Schema {
    let limit = I256::from_raw((ORDER - U256::from(1)) >> 1);
    let tensor = |name: &str, direction, elements| TensorSchema {
        name: name.into(),
        direction,
        visibility: Visibility::Public,
        shape: vec![elements],
        width: 32,
        is_signed: true,
        min: -limit,
        max: limit,
        scales: vec![0.5],
        axis: NO_AXIS,
        zero_point: 0,
    };
    Schema::new(vec![tensor("x", Direction::Input, 2), tensor("y", Direction::Output, 1)]).unwrap()
}

fn elements() -> [I256; 3] {
    [3, -2, 7].map(|element| I256::try_from(element).unwrap())
}

pub(crate) fn values() -> PublicValues {
    let [a, b, c] = elements();
    schema().encode(&[vec![a, b], vec![c]]).unwrap()
}

/// The values as field elements.
pub(crate) fn instances() -> Vec<U256> {
    elements().iter().map(|e| if e.is_negative() { ORDER - e.unsigned_abs() } else { e.into_raw() }).collect()
}

/// What the stand-in accepts.
pub(crate) fn proof() -> Bytes {
    let words: Vec<[u8; 32]> = instances().iter().map(U256::to_be_bytes).collect();
    keccak256(words.concat()).into()
}

/// Another account that anvil signs for: its second.
pub(crate) const SECOND: Address = alloy::primitives::address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
