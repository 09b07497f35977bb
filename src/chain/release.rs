//! Whether what stands on a chain is of this release: of other code nobody here knows what its word means.

use super::{
    ChainError, Node,
    bindings::{IClaimRegistry, IModelRegistry, IProofRegistry},
    claims::Terms,
    guard,
};
use crate::{
    evm::{EmbeddedEvm, Refusal, artifacts},
    proof::srs::srs_kind,
};
use alloy::{
    primitives::{Address, B256, Bytes},
    sol_types::SolValue,
};

/// Chains of the ZK Stack, whose contracts are EraVM code.
const ERA_CHAINS: [u64; 5] = [324, 300, 2741, 388, 232];

/// The model registry behind a proof registry. The code of both is what this release's creation code leaves behind.
///
/// # Errors
/// [`ChainError::OtherRelease`]; [`ChainError::Refused`] when there is no code at all; others of the node.
pub async fn registries(node: &Node, registry: Address) -> Result<Address, ChainError> {
    let code = node.code(registry).await?;
    if code.is_empty() {
        let what = "the look at the registry".into();
        return Err(ChainError::Refused { what, refusal: Refusal::NoCode(registry) });
    }
    let models = match node.view(registry, &IProofRegistry::modelRegistryCall {}).await {
        Ok(models) => models,
        Err(ChainError::Refused { .. } | ChainError::BadAnswer { .. }) => {
            return Err(other_release(node, registry, "ProofRegistry"));
        }
        Err(error) => return Err(error),
    };
    if code != proof_registry_code(models)? {
        return Err(other_release(node, registry, "ProofRegistry"));
    }
    match model_registry(node, models).await {
        Ok(()) => Ok(models),
        // A registry over nothing is no registry.
        Err(ChainError::Refused { .. }) => Err(other_release(node, models, "ModelRegistry")),
        Err(error) => Err(error),
    }
}

/// Refuses a model registry that is not this release's.
///
/// # Errors
/// As [`registries`].
pub async fn model_registry(node: &Node, models: Address) -> Result<(), ChainError> {
    match node.code(models).await? {
        code if code == artifacts::model_registry().deployed_bytecode => Ok(()),
        code if code.is_empty() => {
            Err(ChainError::Refused { what: "the look at the model registry".into(), refusal: Refusal::NoCode(models) })
        }
        _ => Err(other_release(node, models, "ModelRegistry")),
    }
}

/// The run-time code of this release's ProofRegistry over that model registry, whose address is in it.
///
/// # Errors
/// [`ChainError::Evm`] if the committed artifact were damaged.
pub fn proof_registry_code(models: Address) -> Result<Bytes, ChainError> {
    let creation = [&artifacts::proof_registry().bytecode[..], &models.abi_encode()].concat();
    // Its constructor does not ask for the chain.
    Ok(EmbeddedEvm::new(0).create(&creation.into())?)
}

/// The proof registry and the model registry that a claim registry stands beside, and its terms. The code of all three is what this
/// release's creation code leaves behind with those terms.
///
/// # Errors
/// As [`registries`].
pub async fn claim_registry(node: &Node, registry: Address) -> Result<(Address, Address, Terms), ChainError> {
    let code = node.code(registry).await?;
    if code.is_empty() {
        let what = "the look at the claim registry".into();
        return Err(ChainError::Refused { what, refusal: Refusal::NoCode(registry) });
    }
    let other = |error| match error {
        ChainError::Refused { .. } | ChainError::BadAnswer { .. } => other_release(node, registry, "ClaimRegistry"),
        error => error,
    };
    let proofs = node.view(registry, &IClaimRegistry::proofRegistryCall {}).await.map_err(other)?;
    let terms: Terms = node.view(registry, &IClaimRegistry::termsCall {}).await.map_err(other)?.into();
    let models = registries(node, proofs).await?;
    match claim_registry_code(proofs, models, &terms) {
        Ok(expected) if expected == code => Ok((proofs, models, terms)),
        // Terms that no registry of this release takes, too.
        _ => Err(other_release(node, registry, "ClaimRegistry")),
    }
}

/// What creates a claim registry with these terms beside a proof registry.
#[must_use]
pub fn claim_registry_creation(proofs: Address, terms: &Terms) -> Bytes {
    let arguments = (proofs, IClaimRegistry::Terms::from(terms)).abi_encode_params();
    Bytes::from([&artifacts::claim_registry().bytecode[..], &arguments].concat())
}

/// The run-time code of this release's ClaimRegistry: its terms are in it.
///
/// # Errors
/// [`ChainError::Evm`] when no registry takes such terms.
pub fn claim_registry_code(proofs: Address, models: Address, terms: &Terms) -> Result<Bytes, ChainError> {
    // Its constructor asks the proof registry for its models.
    let mut evm = EmbeddedEvm::new(0);
    evm.install(proofs, &proof_registry_code(models)?, "the proof registry")?;
    Ok(evm.create(&claim_registry_creation(proofs, terms))?)
}

/// Refuses a claim of a model that has no business on this chain. What its SRS is, the record says whose hash is the model id.
pub(super) async fn admit_model(node: &Node, models: Address, model_id: B256) -> Result<(), ChainError> {
    if guard::is_dev_chain(node.chain_id()) {
        return Ok(());
    }
    let record = node.view(models, &IModelRegistry::modelCall { modelId: model_id }).await?;
    guard::admit_srs(node.chain_id(), srs_kind(record.srsId))
}

fn other_release(node: &Node, address: Address, contract: &'static str) -> ChainError {
    ChainError::OtherRelease { address, contract, is_era: ERA_CHAINS.contains(&node.chain_id()) }
}
