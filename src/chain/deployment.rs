//! Where the contracts of this release are: the addresses that their code leads to, and the file that says where they were put.
//!
//! They are deployed through the usual factory with CREATE2, so that the address of each follows from its creation code and is
//! the same on every chain. `script/Deploy.s.sol` does it, as `Client::place` does, and writes `deployments/<chain id>.json`. A file is believed of
//! nothing: what it says is compared with this release, and with the chain.

use super::{ChainError, Node, release::proof_registry_code};
pub use crate::evm::factory::{FACTORY, SALT};

use crate::evm::{
    CompiledContract,
    artifacts::{self, Artifact},
    factory,
};
use alloy::{
    primitives::{Address, B256, Bytes, keccak256},
    sol_types::SolValue,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

/// A deployment file has six contracts.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A contract of this release, and where the factory puts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// Its name.
    pub name: String,
    /// Its address on every chain.
    pub address: Address,
    /// Its creation code with constructor arguments.
    pub creation: Bytes,
    /// `EXTCODEHASH` once it is there.
    pub code_hash: B256,
    /// The length of its run-time code.
    pub code_bytes: usize,
}

/// What a deployment file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentFile {
    /// The chain.
    pub chain_id: u64,
    /// The number of a block before the first of them was there.
    pub block: u64,
    /// The commit that they were deployed from; empty when that is not known.
    pub commit: String,
    /// The contracts by name.
    pub contracts: BTreeMap<String, Place>,
}

/// Where a contract is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Place {
    /// Its address.
    pub address: Address,
    /// The hash of the code there.
    pub code_hash: B256,
}

/// The contracts of this release, each after those that it needs.
///
/// # Errors
/// [`ChainError::Evm`] if a committed artifact were damaged.
pub fn release() -> Result<Vec<Released>, ChainError> {
    let models = model_registry();
    let proofs = proof_registry(models.address)?;
    // Anybody can prove anything to the verifier of the TEST SRS.
    let adapters = [artifacts::ezkl_adapter(), artifacts::native_verifier(), artifacts::network_verifier()];
    Ok(adapters.into_iter().map(released).chain([models, proofs]).collect())
}

/// A contract whose constructor takes nothing.
#[must_use]
pub fn released(artifact: &Artifact) -> Released {
    at_its_place(&artifact.contract_name, artifact.bytecode.clone(), &artifact.deployed_bytecode)
}

/// A page of a model's program: not of this release, and placed like what is.
#[must_use]
pub fn page(page: &CompiledContract) -> Released {
    at_its_place(&page.name, page.creation_code.clone(), &page.runtime_code)
}

/// The list of models.
#[must_use]
pub fn model_registry() -> Released {
    released(artifacts::model_registry())
}

/// The list of claims over a list of models.
///
/// # Errors
/// As [`release`].
pub fn proof_registry(models: Address) -> Result<Released, ChainError> {
    let creation = Bytes::from([&artifacts::proof_registry().bytecode[..], &models.abi_encode()].concat());
    Ok(at_its_place("ProofRegistry", creation, &proof_registry_code(models)?))
}

fn at_its_place(name: &str, creation: Bytes, code: &[u8]) -> Released {
    let (address, code_bytes) = (factory::place_of(&creation), code.len());
    Released { name: name.into(), address, creation, code_hash: keccak256(code), code_bytes }
}

/// One of this release's contracts by its name.
///
/// # Errors
/// As [`release`]; [`ChainError::WrongContext`] when there is none of this name.
pub fn released_as(name: &str) -> Result<Released, ChainError> {
    let found = release()?.into_iter().find(|contract| contract.name == name);
    found.ok_or_else(|| ChainError::WrongContext(format!("this release has no contract {name}")))
}

impl DeploymentFile {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(path: &Path) -> Result<Self, String> {
        let cannot = |reason: String| format!("cannot read the deployment file {}: {reason}", path.display());
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| cannot(error.to_string()))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(cannot("it is too large".into()));
        }
        serde_json::from_slice(&bytes).map_err(|error| cannot(error.to_string()))
    }

    /// Where a contract is, by name.
    ///
    /// # Errors
    /// A sentence.
    pub fn at(&self, name: &str) -> Result<Address, String> {
        let place = self.contracts.get(name).map(|place| place.address);
        place.ok_or_else(|| format!("the deployment file of chain {} names no {name}", self.chain_id))
    }
}

/// A contract as a chain has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Where it was looked for.
    pub address: Address,
    /// `None`: there is no code.
    pub code_hash: Option<B256>,
    /// What this release's code hashes to; `None` when it has no such contract.
    pub expected: Option<B256>,
}

impl Found {
    /// Whether it is this release's.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.code_hash.is_some() && self.code_hash == self.expected
    }
}

/// Compares what stands on a chain with this release: at the places of a file, or where the factory puts it.
///
/// # Errors
/// [`ChainError::WrongChain`] when the file is of another chain; others of the node.
pub async fn look(node: &Node, file: Option<&DeploymentFile>) -> Result<Vec<Found>, ChainError> {
    let release = release()?;
    let mut places: Vec<(String, Address, Option<B256>)> = Vec::new();
    match file {
        None => places.extend(release.iter().map(|c| (c.name.clone(), c.address, Some(c.code_hash)))),
        Some(file) if file.chain_id != node.chain_id() => {
            return Err(ChainError::WrongChain { found: node.chain_id(), named: file.chain_id });
        }
        Some(file) => {
            for (name, place) in &file.contracts {
                let expected = match &**name {
                    // Its code names the model registry that it looks up in, which is that of the file.
                    "ProofRegistry" => {
                        let models = file.contracts.get("ModelRegistry").map(|place| place.address);
                        models.map(proof_registry_code).transpose()?.map(keccak256)
                    }
                    name => release.iter().find(|c| c.name == name).map(|c| c.code_hash),
                };
                places.push((name.clone(), place.address, expected));
            }
        }
    }
    let mut found = Vec::with_capacity(places.len());
    for (name, address, expected) in places {
        let code = node.code(address).await?;
        let code_hash = (!code.is_empty()).then(|| keccak256(code));
        found.push(Found { name, address, code_hash, expected });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_from_the_code_alone() {
        let release = release().unwrap();
        let names: Vec<&str> = release.iter().map(|contract| contract.name.as_str()).collect();
        assert!(names.ends_with(&["ModelRegistry", "ProofRegistry"]), "{names:?}");
        for contract in &release {
            let code = keccak256(&contract.creation);
            let preimage = [&[0xff][..], FACTORY.as_slice(), SALT.as_slice(), code.as_slice()];
            assert_eq!(contract.address, Address::from_slice(&keccak256(preimage.concat())[12..]));
            assert!(contract.code_bytes <= crate::evm::compile::MAX_RUNTIME_BYTES);
        }
        assert_eq!(
            released_as("ModelRegistry").unwrap().code_hash,
            artifacts::model_registry().deployed_code_hash.unwrap()
        );
        assert!(released_as("Registry").is_err());
    }

    #[test]
    fn files_are_read_strictly_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = dir.path().join("1.json");
            std::fs::write(&path, text).unwrap();
            DeploymentFile::read(&path)
        };
        let place = r#"{"address":"0x4e59b44847b379578588920cA78FbF26c0B4956C","codeHash":"0x1111111111111111111111111111111111111111111111111111111111111111"}"#;
        let good = format!(r#"{{"chainId":1,"block":7,"commit":"","contracts":{{"ModelRegistry":{place}}}}}"#);
        let file = read(&good).unwrap();
        assert_eq!((file.at("ModelRegistry"), file.at("ProofRegistry").is_err()), (Ok(FACTORY), true));
        for bad in ["", "{}", &good.replace("\"block\":7,", ""), &good.replace("0x4e59", "0x4e5"), &" ".repeat(70_000)]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(DeploymentFile::read(&dir.path().join("2.json")).is_err());
    }
}
