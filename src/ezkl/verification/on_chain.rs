//! Verifying by contracts on a chain: a call that costs nothing, or a claim that stays.

use crate::{
    chain::{ChainError, Client, Node},
    evm::{
        self, EmbeddedEvm, EvmError, Refusal,
        bindings::{IProofRegistry, ModelKey},
    },
    ezkl::PipelineError,
    proof::{Bundle, Statement, Verdict, bundle::BackendName},
};
use alloy::{
    primitives::{Address, B256, Bytes, keccak256},
    rpc::types::TransactionRequest,
    sol_types::{SolCall, SolValue},
};
use serde::Serialize;

/// Verifies with the contracts at two addresses.
#[derive(Clone, Debug)]
pub struct OnChainVerifier {
    node: Node,
    adapter: Address,
    model_code: Address,
}

/// What a chain said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OnChainVerification {
    /// What the contract answered.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The contract that answered: the adapter, or the registry.
    pub contract: Address,
    /// The block that it was asked at, or that has the transaction.
    pub block: u64,
    /// What it costs as a transaction: estimated by the node for a call, used by a transaction. 0 when refused.
    pub gas: u64,
    /// The transaction, when it is a claim.
    pub transaction: Option<B256>,
}

impl OnChainVerification {
    /// The gas that was paid for: a call is free.
    #[must_use]
    pub const fn gas_paid(&self) -> u64 {
        if self.transaction.is_some() { self.gas } else { 0 }
    }
}

impl OnChainVerifier {
    /// Uses a deployed adapter and the model's own code, zero when it has none.
    #[must_use]
    pub const fn new(node: Node, adapter: Address, model_code: Address) -> Self {
        Self { node, adapter, model_code }
    }

    /// Asks the adapter, by `eth_call` at the latest block. Both contracts must be the ones of the bundle's model id, and the
    /// adapter one of this release: of other code nobody here knows what its answer means, and a call to no code at all
    /// succeeds.
    ///
    /// # Errors
    /// [`PipelineError::Mock`]; [`PipelineError::NoAdapter`] when the model's adapter is none of this release;
    /// [`PipelineError::Chain`] when the chain gave no verdict.
    pub async fn verify(&self, bundle: &Bundle) -> Result<OnChainVerification, PipelineError> {
        refuse_mock(bundle)?;
        let adapter_id = bundle.manifest().adapter_id;
        evm::artifacts::adapter(adapter_id).ok_or(PipelineError::NoAdapter(adapter_id))?;
        let block = self.node.latest_block().await?;
        let answer =
            |verdict, gas| OnChainVerification { verdict, contract: self.adapter, block, gas, transaction: None };
        let manifest = bundle.manifest();
        for (what, address, expected) in [
            ("adapter", self.adapter, manifest.adapter_id),
            ("model's code", self.model_code, manifest.model_code_hash),
        ] {
            let code = self.node.code(address).await?;
            // Adapters of this release call code of the model's own: zero is the hash of none.
            let found = keccak256(&code);
            if code.is_empty() || found != expected {
                let found = if code.is_empty() { "no code".into() } else { format!("code hash {found}") };
                let reason = format!("the {what} at {address} has {found}, the bundle's model code hash {expected}");
                return Ok(answer(Verdict::invalid(reason), 0));
            }
        }
        let request = TransactionRequest::default().to(self.adapter).input(self.calldata(bundle).into());
        match self.node.simulate("the verification", request.clone()).await {
            // They accept by returning nothing.
            Ok(data) if data.is_empty() => {
                Ok(answer(Verdict::Valid, self.node.estimate_gas("the verification", request).await?))
            }
            Ok(data) => Err(EvmError::UnexpectedReturn(data).into()),
            Err(ChainError::Refused { refusal, .. }) => Ok(answer(Verdict::invalid(refusal.to_string()), 0)),
            Err(error) => Err(error.into()),
        }
    }

    fn calldata(&self, bundle: &Bundle) -> Bytes {
        let manifest = bundle.manifest();
        let key = ModelKey {
            modelId: bundle.model_id(),
            modelCode: self.model_code,
            vkDigest: manifest.vk_digest,
            schemaHash: manifest.schema_hash,
            srsId: manifest.srs_id,
        };
        let values = |statement: &Statement| (statement.context.id(), statement.public_values.as_bytes().clone());
        match bundle.statements() {
            [statement] => {
                let (context, values) = values(statement);
                evm::verify::adapter_call(&key, context, &values, bundle.proof()).abi_encode().into()
            }
            batch => {
                let batch: Vec<_> = batch.iter().map(values).collect();
                evm::verify::batch_call(&key, &batch, bundle.proof()).abi_encode().into()
            }
        }
    }

    /// Submits the bundle to the registry that its context names, whose code must be this release's, and reads the claims
    /// back: one for every statement, all in one transaction, of which all are recorded or none.
    ///
    /// # Errors
    /// [`PipelineError::Mock`]; [`PipelineError::InvalidInput`] when other code is there; [`PipelineError::Chain`].
    pub async fn submit(client: &Client, bundle: &Bundle) -> Result<OnChainVerification, PipelineError> {
        refuse_mock(bundle)?;
        let contract = match bundle.statement().context {
            crate::proof::Context::Chain { registry, .. } => registry,
            crate::proof::Context::Offchain {} => Address::ZERO,
        };
        if !contract.is_zero() {
            expect_registry(client.node(), contract).await?;
        }
        let refused = |verdict| OnChainVerification { verdict, contract, block: 0, gas: 0, transaction: None };
        let mined = match bundle.statements() {
            [statement] => client.submit(statement, bundle.proof()).await.map(|submission| submission.mined),
            batch => client.submit_batch(batch, bundle.proof()).await.map(|submission| submission.mined),
        };
        match mined {
            Ok(mined) => Ok(OnChainVerification {
                verdict: Verdict::Valid,
                contract,
                block: mined.block_number,
                gas: mined.gas_used,
                transaction: Some(mined.transaction_hash),
            }),
            Err(ChainError::Refused { refusal: refusal @ Refusal::ProofInvalid, .. }) => {
                Ok(refused(Verdict::invalid(refusal.to_string())))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Refuses a registry whose code, or whose model registry's, is not what this release's leaves behind: its record would be
/// nobody's word, and the proof would be shown for nothing.
async fn expect_registry(node: &Node, registry: Address) -> Result<(), PipelineError> {
    let refuse = |address: Address, contract: &str| {
        PipelineError::invalid("registry", format!("is wrong: the code at {address} is not this release's {contract}"))
    };
    let proofs = || refuse(registry, "ProofRegistry");
    let models = match node.view(registry, &IProofRegistry::modelRegistryCall {}).await {
        Ok(models) => models,
        Err(ChainError::Refused { .. } | ChainError::BadAnswer { .. }) => return Err(proofs()),
        Err(error) => return Err(error.into()),
    };
    let creation = [&evm::artifacts::proof_registry().bytecode[..], &models.abi_encode()].concat();
    if node.code(registry).await? != EmbeddedEvm::new(node.chain_id()).create(&creation.into())? {
        return Err(proofs());
    }
    if node.code(models).await? != evm::artifacts::model_registry().deployed_bytecode {
        return Err(refuse(models, "ModelRegistry"));
    }
    Ok(())
}

fn refuse_mock(bundle: &Bundle) -> Result<(), PipelineError> {
    if bundle.manifest().backend == BackendName::Mock { Err(PipelineError::Mock) } else { Ok(()) }
}
