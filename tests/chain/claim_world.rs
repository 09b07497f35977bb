//! A development node with a claim registry, and models whose adapters are STAND-INS: they accept the proof `0x01`, of anything.

use crate::world;
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::{Provider, RootProvider},
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
};
use serde_json::json;
use std::{sync::LazyLock, time::Duration};
use tempfile::TempDir;
use zkinfer::{
    chain::{
        Account, Client, Contracts, Devnet, Node, Outbox, SendOptions,
        claims::{ClaimBatch, ClaimRegistry, Claims, LeafClaim, Terms},
        client::ModelEntry,
        devnet::DevnetOptions,
    },
    evm::{CompiledContract, Compiler, artifacts},
    proof::{Assignment, Context, PublicValues, Statement},
};

const ADAPTERS: &str = r"
    // SPDX-License-Identifier: MIT OR Apache-2.0
    pragma solidity ^0.8.0;

    struct ModelKey { bytes32 modelId; address modelCode; bytes32 vkDigest; bytes32 schemaHash; bytes32 srsId; }

    contract Plain {
        error ProofInvalid();
        function name() external pure returns (string memory) { return 'stand-in'; }
        function bindsStatement() external pure returns (bool) { return false; }
        function verify(ModelKey calldata, bytes32, bytes calldata, bytes calldata proof) public pure {
            if (proof.length != 1 || proof[0] != 0x01) revert ProofInvalid();
        }
    }

    contract Vouching {
        error ProofInvalid();
        function name() external pure returns (string memory) { return 'vouching stand-in'; }
        function bindsStatement() external pure returns (bool) { return true; }
        function inputBytes(ModelKey calldata) external pure returns (uint256) { return 64; }
        function verify(ModelKey calldata, bytes32, bytes calldata, bytes calldata proof) external pure { _check(proof); }
        function verifyBatch(ModelKey calldata, bytes32[] calldata, bytes[] calldata, bytes calldata proof) external pure {
            _check(proof);
        }
        function _check(bytes calldata proof) private pure {
            if (proof.length != 1 || proof[0] != 0x01) revert ProofInvalid();
        }
    }
";

static COMPILED: LazyLock<[CompiledContract; 2]> = LazyLock::new(|| {
    let compiler = Compiler::discover().unwrap();
    ["Vouching", "Plain"].map(|name| compiler.compile_named(ADAPTERS, name).unwrap())
});

/// What the stand-ins accept.
pub(crate) const PROOF: Bytes = Bytes::from_static(&[1]);

pub(crate) const TERMS: Terms = Terms {
    bond: U256::from_limbs([1_000_001, 0, 0, 0]),
    fee: U256::from_limbs([30_000, 0, 0, 0]),
    challenge_window: 300,
    answer_window: 200,
    max_open_challenges: 2,
};

pub(crate) struct ClaimWorld {
    /// Of three accounts.
    pub(crate) clients: Vec<Client>,
    accounts: Vec<Account>,
    pub(crate) contracts: Contracts,
    /// Two of an adapter that vouches and takes batches, one of another.
    pub(crate) models: [B256; 3],
    pub(crate) registry: ClaimRegistry,
    pub(crate) outbox: Outbox,
    pub(crate) devnet: Devnet,
    _dir: TempDir,
}

impl ClaimWorld {
    pub(crate) async fn new() -> Self {
        Self::on(DevnetOptions::default().chain_id).await
    }

    pub(crate) async fn on(chain_id: u64) -> Self {
        let options = DevnetOptions { chain_id, ..DevnetOptions::default() };
        let devnet = Devnet::start_with(&world::anvil(), &options).await.unwrap();
        let node = Node::connect_to(&devnet.endpoint(), Some(chain_id)).await.unwrap();
        let options = SendOptions { poll_interval: Duration::from_millis(5), ..SendOptions::default() };
        // Accounts that nobody else has, with a hundred units each.
        let accounts = [0x51, 0x52, 0x53].map(B256::repeat_byte);
        let accounts = accounts.map(|key| Account::from_signer(PrivateKeySigner::from_bytes(&key).unwrap()));
        for account in &accounts {
            let fund: serde_json::Value = crate::rpc::provider(&devnet)
                .raw_request("anvil_setBalance".into(), json!([account.address(), "0x56bc75e2d63100000"]))
                .await
                .unwrap();
            assert!(fund.is_null());
        }
        let client = |account: &Account| Client::new(node.clone(), account.clone()).unwrap().with_options(options);
        let clients: Vec<Client> = accounts.iter().map(client).collect();
        let client = &clients[0];
        let contracts = client.deploy_contracts(artifacts::ezkl_adapter()).await.unwrap();
        let [vouching, plain] = &*COMPILED;
        let vouching = client.deploy_verifier(vouching).await.unwrap().address;
        let plain = client.deploy_verifier(plain).await.unwrap().address;
        let schema = schema();
        let mut models = [B256::ZERO; 3];
        for (number, (model, adapter)) in models.iter_mut().zip([vouching, vouching, plain]).enumerate() {
            let entry = ModelEntry {
                adapter,
                model_code: Address::ZERO,
                vk_digest: B256::repeat_byte(number as u8 + 1),
                srs_id: B256::repeat_byte(9),
                schema: &schema,
            };
            *model = client.register(contracts.model_registry.address, &entry).await.unwrap().model_id;
        }
        let deployed = client.deploy_claim_registry(contracts.proof_registry.address, &TERMS).await.unwrap();
        let registry = ClaimRegistry::at(&node, deployed.address).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::at(dir.path());
        Self { clients, accounts: accounts.into(), contracts, models, registry, outbox, devnet, _dir: dir }
    }

    /// A client of an account that has not agreed to anything.
    pub(crate) fn fresh(&self, account: usize) -> Client {
        Client::new(self.registry.node().clone(), self.accounts[account].clone()).unwrap()
    }

    pub(crate) async fn claims(&self, account: usize) -> Claims<'_> {
        Claims::open(&self.clients[account], &self.outbox, self.registry.address).await.unwrap()
    }

    /// A statement of one of the models, by one of the accounts.
    pub(crate) fn statement(&self, model: usize, account: usize, job: u8) -> Statement {
        let assignment = Assignment {
            submitter: self.clients[account].address(),
            consumer: Address::repeat_byte(0xc0),
            job: B256::repeat_byte(job),
            deadline: u64::MAX,
        };
        let registry = self.contracts.proof_registry.address;
        let context = Context::Chain { chain_id: self.registry.node().chain_id(), registry, assignment };
        let public_values = PublicValues::from_bytes(vec![job; 96].into());
        Statement { model_id: self.models[model], public_values, context }
    }

    /// A batch of [`ClaimWorld::statement`]s with the jobs from 0 on.
    pub(crate) fn batch(&self, model: usize, account: usize, leaves: u8) -> ClaimBatch {
        let Context::Chain { chain_id, registry, assignment } = self.statement(model, account, 0).context else {
            panic!("made for no chain")
        };
        let leaf = |job| LeafClaim { job: B256::repeat_byte(job), public_values: vec![job; 96].into() };
        ClaimBatch::new(chain_id, registry, self.models[model], &assignment, (0..leaves).map(leaf).collect()).unwrap()
    }

    pub(crate) fn provider(&self) -> RootProvider {
        crate::rpc::provider(&self.devnet)
    }

    /// Asks anvil for something that ordinary nodes do not do.
    pub(crate) async fn cheat(&self, method: &'static str, parameters: serde_json::Value) -> serde_json::Value {
        self.provider().raw_request(method.into(), parameters).await.unwrap()
    }

    /// Makes a block so many seconds after the last one.
    pub(crate) async fn skip(&self, seconds: u64) {
        let now = self.registry.node().latest_timestamp().await.unwrap();
        self.cheat("evm_setNextBlockTimestamp", json!([now + seconds])).await;
        self.cheat("evm_mine", json!([])).await;
    }

    /// Somebody calls the registry without any of the client's checks.
    pub(crate) async fn send_unchecked(&self, data: Vec<u8>) -> TransactionReceipt {
        world::send_as(&self.devnet, self.registry.node(), world::SECOND, self.registry.address, data).await
    }

    /// So many wei, whole.
    pub(crate) async fn balance(&self, account: Address) -> U256 {
        self.registry.node().balance(account).await.unwrap()
    }
}

pub(crate) fn schema() -> Bytes {
    world::schema().to_bytes().into()
}

/// Two proofs' public values with the same inputs and different outputs.
pub(crate) fn contradiction() -> [Bytes; 2] {
    let inputs = keccak256("inputs");
    [1u8, 2].map(|output| [&inputs[..], &inputs[..], &[output; 32]].concat().into())
}
