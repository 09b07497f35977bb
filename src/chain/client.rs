//! Deploying and registering.

use super::{
    Account, ChainError, Depth, Mined, Node, Operator, Outbox, Placed, SendOptions,
    bindings::IModelRegistry::{self, Standing},
    claims::Terms,
    deployment,
    fork::NewState,
    guard,
    plan::Intent,
    release,
    sender::Sender,
    submitter::Endpoints,
};
use crate::{
    evm::{CompiledContract, Refusal},
    proof::{
        identity::{ModelParts, model_id},
        srs::srs_kind,
    },
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::SolCall,
};
use serde::Serialize;
use std::sync::Arc;

pub use super::submission::{Claim, read_claim};

/// A contract that was just deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// What it is.
    pub contract: String,
    /// Where it is.
    pub address: Address,
    /// `EXTCODEHASH` there.
    pub code_hash: B256,
    /// Its creation.
    #[serde(flatten)]
    pub mined: Mined,
    /// What it names by address: see [`CompiledContract::pages`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Placed>,
}

/// What a model is registered with.
#[derive(Clone, Debug)]
pub struct ModelEntry<'a> {
    /// The adapter's address.
    pub adapter: Address,
    /// The address of the model's own code, zero when it has none.
    pub model_code: Address,
    /// The verifying key's digest.
    pub vk_digest: B256,
    /// The SRS's id.
    pub srs_id: B256,
    /// The schema's canonical bytes.
    pub schema: &'a Bytes,
}

/// A model that is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// Its id, derived here and confirmed by the registry.
    pub model_id: B256,
    /// The transaction; `None` when the account had registered the model already, and nothing was sent.
    #[serde(flatten)]
    pub mined: Option<Mined>,
}

/// One account on one chain. Clones share what was agreed to and spent.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) sender: Sender,
}

impl Client {
    /// # Errors
    /// [`ChainError::PublicKey`] when everybody knows the account's key and the chain is worth something.
    pub fn new(node: Node, account: Account) -> Result<Self, ChainError> {
        guard::admit_account(node.chain_id(), account.address())?;
        Ok(Self { sender: Sender::new(node, account) })
    }

    /// Waits and pays as told instead of the default.
    #[must_use]
    pub const fn with_options(mut self, options: SendOptions) -> Self {
        self.sender.options = options;
        self
    }

    /// Sees claims through until they are so deep in the chain.
    #[must_use]
    pub const fn with_depth(mut self, depth: Depth) -> Self {
        self.sender.options.depth = depth;
        self
    }

    /// Acts for somebody who agrees, hears and interrupts. Without one, whoever calls has agreed.
    #[must_use]
    pub fn with_operator(mut self, operator: Arc<dyn Operator>) -> Self {
        self.sender.operator = operator;
        self
    }

    /// Notes every transaction before it is sent, and has claims go by the journal of the account beside the outbox.
    #[must_use]
    pub fn with_outbox(mut self, outbox: Outbox) -> Self {
        self.sender.outbox = Some(outbox);
        self
    }

    /// Has several nodes decide what is done once: whether a claim is recorded, whether its call succeeds, what it costs, in which block it
    /// is. What can be repeated, and what only spares work, is asked of [`Client::node`] alone.
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: Endpoints) -> Self {
        self.sender.pool = Some(endpoints);
        self
    }

    /// The node.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.sender.node
    }

    /// The account's address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.sender.account.address()
    }

    /// Deploys a claim registry of this release beside a proof registry. Its terms are for ever.
    ///
    /// # Errors
    /// [`ChainError::OtherRelease`] when the proof registry is not this release's; [`ChainError::Refused`] for terms that no
    /// registry takes; others of [`ChainError`].
    pub async fn deploy_claim_registry(&self, proofs: Address, terms: &Terms) -> Result<Deployment, ChainError> {
        let models = release::registries(self.node(), proofs).await?;
        let creation = release::claim_registry_creation(proofs, terms);
        // What no registry takes is refused by the simulation, with the reason.
        let code = release::claim_registry_code(proofs, models, terms).ok();
        let code_bytes = code.as_ref().map_or(creation.len(), |code| code.len());
        self.create("ClaimRegistry", &creation, code.map(keccak256), code_bytes).await
    }

    /// Deploys a model's own code, after the pages that it names, unless these are where they belong.
    ///
    /// # Errors
    /// As [`Client::place`]; what was placed before the failure stays there, and is found the next time.
    pub async fn deploy_verifier(&self, verifier: &CompiledContract) -> Result<Deployment, ChainError> {
        let mut pages = Vec::with_capacity(verifier.pages.len());
        for page in &verifier.pages {
            pages.push(self.place(&deployment::page(page)).await?);
        }
        let code_bytes = verifier.runtime_code.len();
        let own = self.create(&verifier.name, &verifier.creation_code, Some(verifier.code_hash), code_bytes).await?;
        Ok(Deployment { pages, ..own })
    }

    /// Deploys any contract and compares the code that is there afterwards with what it should be.
    ///
    /// # Errors
    /// [`ChainError`]; [`ChainError::Unexpected`] when the code hash is another one.
    pub async fn deploy(
        &self,
        contract: &str,
        creation: &Bytes,
        code_hash: Option<B256>,
    ) -> Result<Deployment, ChainError> {
        self.create(contract, creation, code_hash, creation.len()).await
    }

    /// `code_bytes`: the length of the run-time code, or more.
    async fn create(
        &self,
        contract: &str,
        creation: &Bytes,
        code_hash: Option<B256>,
        code_bytes: usize,
    ) -> Result<Deployment, ChainError> {
        let what = format!("the deployment of {contract}");
        let new_state = NewState::contract(code_bytes);
        let intent = Intent { what: what.clone(), to: None, data: creation.clone(), value: U256::ZERO, new_state };
        let mined = self.sender.send(&intent).await?;
        let unexpected = |reason: String| ChainError::Unexpected { what: what.clone(), reason };
        let address =
            mined.receipt.contract_address.ok_or_else(|| unexpected("the receipt names no contract".into()))?;
        let found = keccak256(self.node().code(address).await?);
        match code_hash {
            Some(expected) if expected != found => {
                Err(unexpected(format!("the code at {address} hashes to {found}, not to {expected}")))
            }
            _ => {
                let contract = contract.to_owned();
                Ok(Deployment { contract, address, code_hash: found, mined, pages: Vec::new() })
            }
        }
    }

    /// Registers a model, unless this account has done so already: registering again changes nothing, and costs.
    ///
    /// # Errors
    /// [`ChainError::OtherRelease`] when the registry is not this release's; [`ChainError::TestSrs`]; others of
    /// [`ChainError`].
    pub async fn register(&self, model_registry: Address, entry: &ModelEntry<'_>) -> Result<Registration, ChainError> {
        let what = "the registration of the model";
        guard::admit_srs(self.node().chain_id(), srs_kind(entry.srs_id))?;
        release::model_registry(self.node(), model_registry).await?;
        let id = self.model_id(entry).await?;
        if self.is_registered(model_registry, id).await? {
            return Ok(Registration { model_id: id, mined: None });
        }
        let call = IModelRegistry::registerCall {
            adapter: entry.adapter,
            modelCode: entry.model_code,
            vkDigest: entry.vk_digest,
            srsId: entry.srs_id,
            schema: entry.schema.clone(),
        };
        // The record has seven fields, two of them addresses, and the account's standing.
        let mined = self.send(what, model_registry, &call, NewState { slots: 8, ..NewState::default() }).await?;
        // Reverts when the registry knows no model of this id.
        self.node().view(model_registry, &IModelRegistry::resolveCall { modelId: id }).await.map_err(|error| {
            ChainError::Unexpected { what: what.into(), reason: format!("model {id} is not there: {error}") }
        })?;
        Ok(Registration { model_id: id, mined: Some(mined) })
    }

    /// Whether the model is there, with code that is what its id names, and this account among its registrants.
    async fn is_registered(&self, model_registry: Address, id: B256) -> Result<bool, ChainError> {
        match self.node().view(model_registry, &IModelRegistry::resolveCall { modelId: id }).await {
            Ok(_) => {}
            Err(ChainError::Refused { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        let account = self.address();
        let standing = IModelRegistry::standingCall { modelId: id, account };
        Ok(self.node().view(model_registry, &standing).await? != Standing::None)
    }

    /// The id of a model whose code is on the chain already.
    async fn model_id(&self, entry: &ModelEntry<'_>) -> Result<B256, ChainError> {
        let hash_at = async |address: Address| {
            let code = self.node().code(address).await?;
            if code.is_empty() {
                let refusal = Refusal::NoCode(address);
                return Err(ChainError::Refused { what: "the registration of the model".into(), refusal });
            }
            Ok(keccak256(code))
        };
        let model_code_hash = if entry.model_code.is_zero() { B256::ZERO } else { hash_at(entry.model_code).await? };
        Ok(model_id(&ModelParts {
            adapter_id: hash_at(entry.adapter).await?,
            model_code_hash,
            vk_digest: entry.vk_digest,
            schema_hash: crate::proof::identity::schema_hash(entry.schema),
            srs_id: entry.srs_id,
        }))
    }

    /// Calls a contract that is there.
    async fn send<C: SolCall>(
        &self,
        what: &str,
        to: Address,
        call: &C,
        new_state: NewState,
    ) -> Result<Mined, ChainError> {
        // A call to an address without code would succeed and do nothing.
        if self.node().code(to).await?.is_empty() {
            return Err(ChainError::Refused { what: what.into(), refusal: Refusal::NoCode(to) });
        }
        let data = call.abi_encode().into();
        let intent = Intent { what: what.into(), to: Some(to), data, value: U256::ZERO, new_state };
        self.sender.send(&intent).await
    }
}
