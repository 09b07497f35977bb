//! A development node with the native verifier and a synthetic network, proven for real.

use crate::world;
use alloy::{
    primitives::{Address, Bytes},
    providers::{Provider, RootProvider},
    rpc::types::TransactionReceipt,
};
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use zkinfer::{
    backend::{
        Control,
        native::{Committed, NativeBackend, SrsSource},
    },
    chain::{
        Account, BatchSubmission, ChainError, Client, Contracts, Deployment, Devnet, Node,
        bindings::Refusal,
        client::{ModelEntry, read_claim},
    },
    evm::artifacts,
    model::{Input, Model, synthetic},
    pipeline::{EZKLIntegration, Prepared, ProofGenerator, Reverifier},
    proof::{Assignment, Bundle, Context, Statement},
    storage::Cache,
};

/// A network of given widths, set up in a cache of its own.
pub(crate) struct Prover {
    pub(crate) prepared: Prepared,
    integration: EZKLIntegration,
    inputs: usize,
    _dir: TempDir,
}

impl Prover {
    pub(crate) fn of(widths: &[usize]) -> Self {
        Self::hiding(widths, Committed::default())
    }

    pub(crate) fn hiding(widths: &[usize], hidden: Committed) -> Self {
        Self::with(widths, NativeBackend::new().with_hidden(hidden))
    }

    /// For networks that need more powers than come with zkinfer.
    pub(crate) fn on_test_srs(widths: &[usize]) -> Self {
        Self::with(widths, NativeBackend::new().with_srs(SrsSource::Test))
    }

    fn with(widths: &[usize], backend: NativeBackend) -> Self {
        let model = Model::from_onnx(synthetic::to_onnx(&synthetic::random_mlp(widths, 1).unwrap())).unwrap();
        Self::of_model(&model, backend)
    }

    /// Any model of one input tensor.
    pub(crate) fn of_model(model: &Model, backend: NativeBackend) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let integration = EZKLIntegration::new(Arc::new(backend), Cache::at(dir.path().into()));
        let prepared = integration.prepare(model, &Control::default()).unwrap();
        Self { prepared, integration, inputs: model.inputs()[0].elements(), _dir: dir }
    }

    /// One proof of as many different inputs as there are contexts.
    pub(crate) fn prove(&self, contexts: &[Context]) -> Bundle {
        let items: Vec<_> = contexts.iter().enumerate().map(|(i, &context)| (i, context)).collect();
        self.prove_inputs(&items)
    }

    /// One proof; each item is the number of an input, and a context.
    pub(crate) fn prove_inputs(&self, items: &[(usize, Context)]) -> Bundle {
        let generator = ProofGenerator::new(self.integration.backend(), &self.prepared);
        let input = |number: usize| {
            let element = |j: usize| ((number + 3 * j) % 16) as f64 / 16.0;
            Input::new(vec![(0..self.inputs).map(element).collect()]).unwrap()
        };
        let witness = |number: usize| generator.witness(&input(number), &Control::default()).unwrap();
        let witnesses: Vec<_> = items.iter().map(|&(number, _)| witness(number)).collect();
        let runs: Vec<_> = witnesses.iter().zip(items.iter().map(|&(_, context)| context)).collect();
        generator.prove_batch(&runs, &Control::default()).unwrap()
    }

    pub(crate) fn reverifier(&self) -> Arc<Reverifier> {
        Arc::new(Reverifier::new(vec![self.integration.clone()], Control::default()))
    }
}

/// A small network, set up once for all tests.
pub(crate) static SMALL: LazyLock<Prover> = LazyLock::new(|| Prover::of(&[6, 8, 3]));

/// The contracts, with the model registered.
pub(crate) struct NativeWorld {
    pub(crate) client: Client,
    pub(crate) contracts: Contracts,
    /// The model's own code.
    pub(crate) key: Deployment,
    devnet: Devnet,
}

impl NativeWorld {
    pub(crate) async fn with(prover: &Prover) -> Self {
        let devnet = Devnet::start(&world::anvil()).await.unwrap();
        let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
        let client = Client::new(node, Account::dev()).unwrap();
        let identity = prover.prepared.artifacts.identity();
        let adapter = artifacts::adapter(identity.adapter_id).unwrap();
        let contracts = client.deploy_contracts(adapter).await.unwrap();
        let key = client.deploy_verifier(prover.prepared.verifier.as_ref().unwrap()).await.unwrap();
        let entry = ModelEntry {
            adapter: contracts.adapter.address,
            model_code: key.address,
            vk_digest: identity.vk_digest,
            srs_id: identity.srs_id,
            schema: &identity.schema,
        };
        let registration = client.register(contracts.model_registry.address, &entry).await.unwrap();
        assert_eq!(registration.model_id, prover.prepared.artifacts.model_id());
        Self { client, contracts, key, devnet }
    }

    pub(crate) fn registry(&self) -> Address {
        self.contracts.proof_registry.address
    }

    pub(crate) fn context(&self, job: u64) -> Context {
        Context::Chain {
            chain_id: self.client.node().chain_id(),
            registry: self.registry(),
            assignment: Assignment {
                submitter: self.client.address(),
                consumer: Address::repeat_byte(0xc0),
                // What a hash looks like: no zero bytes to speak of.
                job: alloy::primitives::keccak256(job.to_be_bytes()),
                deadline: u64::MAX,
            },
        }
    }

    pub(crate) fn contexts(&self, items: u64) -> Vec<Context> {
        (0..items).map(|job| self.context(job)).collect()
    }

    pub(crate) async fn submit(&self, bundle: &Bundle) -> BatchSubmission {
        self.client.submit_batch(bundle.statements(), bundle.proof()).await.unwrap()
    }

    pub(crate) fn provider(&self) -> RootProvider {
        crate::rpc::provider(&self.devnet)
    }

    pub(crate) async fn cheat(&self, method: &'static str, parameters: serde_json::Value) {
        let _: serde_json::Value = self.provider().raw_request(method.into(), parameters).await.unwrap();
    }

    pub(crate) async fn recorded(&self, statement: &Statement) -> bool {
        read_claim(self.client.node(), self.registry(), statement.id()).await.unwrap().is_some()
    }

    pub(crate) async fn refusal(&self, statements: &[Statement], proof: &Bytes) -> Refusal {
        match self.client.submit_batch(statements, proof).await.unwrap_err() {
            ChainError::Refused { refusal, .. } => refusal,
            error => panic!("{error}"),
        }
    }

    /// Sends without any of the client's checks.
    pub(crate) async fn send_unchecked(&self, to: Address, data: Vec<u8>) -> TransactionReceipt {
        world::send_from(&self.devnet, &self.client, to, data).await
    }
}
