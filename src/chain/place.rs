//! Putting the contracts of this release where their code leads to.

use super::{
    ChainError, Client, Mined,
    deployment::{self, FACTORY, Released, SALT},
    fork::NewState,
    plan::Intent,
};
use crate::evm::artifacts::{self, Artifact};
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use serde::Serialize;

/// A contract of this release on a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// Its name.
    pub contract: String,
    /// Where it is: the same place on every chain.
    pub address: Address,
    /// `EXTCODEHASH` there.
    pub code_hash: B256,
    /// Its creation; `None` when it was there already, and nothing was sent.
    #[serde(flatten)]
    pub mined: Option<Mined>,
}

/// The contracts of this release on a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contracts {
    /// The adapter of the models that are to be registered.
    pub adapter: Placed,
    /// The list of models.
    pub model_registry: Placed,
    /// The list of claims.
    pub proof_registry: Placed,
}

impl Client {
    /// Puts an adapter of this release and both registries on the chain, unless they are there.
    ///
    /// # Errors
    /// As [`Client::place`]; what was placed before the failure stays there, and is found the next time.
    pub async fn deploy_contracts(&self, adapter: &Artifact) -> Result<Contracts, ChainError> {
        let adapter = self.place(&deployment::released(adapter)).await?;
        let model_registry = self.place(&deployment::model_registry()).await?;
        let proof_registry = self.place(&deployment::proof_registry(model_registry.address)?).await?;
        Ok(Contracts { adapter, model_registry, proof_registry })
    }

    /// Creates a contract through the factory, with CREATE2, as `script/Deploy.s.sol` does. One that is there is left alone.
    ///
    /// # Errors
    /// [`ChainError::NoFactory`]; [`ChainError::Unexpected`] when other code is there afterwards; others of [`ChainError`].
    pub async fn place(&self, contract: &Released) -> Result<Placed, ChainError> {
        let node = self.node();
        let what = format!("the deployment of {}", contract.name);
        let mut code = node.code(contract.address).await?;
        let mut mined = None;
        if code.is_empty() {
            if node.code(FACTORY).await?.is_empty() {
                return Err(ChainError::NoFactory { chain_id: node.chain_id() });
            }
            let data = Bytes::from([SALT.as_slice(), &contract.creation].concat());
            let new_state = new_state(contract);
            let intent = Intent { what: what.clone(), to: Some(FACTORY), data, value: U256::ZERO, new_state };
            mined = Some(self.sender.send(&intent).await?);
            code = node.code(contract.address).await?;
        }
        let (name, address, code_hash) = (contract.name.clone(), contract.address, keccak256(code));
        if code_hash != contract.code_hash {
            let reason = format!("the code at {address} hashes to {code_hash}, not to {}", contract.code_hash);
            return Err(ChainError::Unexpected { what, reason });
        }
        Ok(Placed { contract: name, address, code_hash, mined })
    }
}

/// What placing a contract adds to the state, with the part that it creates in turn.
fn new_state(contract: &Released) -> NewState {
    let own = NewState::contract(contract.code_bytes);
    match artifacts::part_of(contract.code_hash) {
        Some(part) => {
            let part = NewState::contract(part.deployed_bytecode.len());
            NewState { accounts: own.accounts + part.accounts, code_bytes: own.code_bytes + part.code_bytes, ..own }
        }
        None => own,
    }
}
