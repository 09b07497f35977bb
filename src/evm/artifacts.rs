//! The committed artifacts of the production contracts, embedded: `contracts/artifacts/*.json`.
//!
//! They are built by forge from `contracts/` with the profile of `foundry.toml`, and a check compares them with a
//! rebuild. Embedding them means that neither deploying nor auditing needs a Solidity compiler.

use super::EvmError;
use crate::proof::srs::{SrsKind, srs_kind};
use alloy::primitives::{B256, Bytes, keccak256};
use serde::Deserialize;
use std::sync::LazyLock;
use zkinfer_prover::srs::HEZ_FINAL;

/// A production contract of this release.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// Its name.
    pub contract_name: String,
    /// Its ABI.
    pub abi: serde_json::Value,
    /// What a creation transaction carries, before constructor arguments.
    pub bytecode: Bytes,
    /// What is stored on-chain; zeros in the place of immutables.
    pub deployed_bytecode: Bytes,
    /// `EXTCODEHASH` once deployed. `None` when the contract has immutables, hence another hash on every deployment.
    pub deployed_code_hash: Option<B256>,
}

impl Artifact {
    /// What its code hashes to. That of a contract with immutables is on no chain.
    #[must_use]
    pub fn code_hash(&self) -> B256 {
        keccak256(&self.deployed_bytecode)
    }
}

macro_rules! artifacts {
    ($($(#[$doc:meta])* $function:ident = $name:literal;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $function() -> &'static Artifact {
                static PARSED: LazyLock<Artifact> = LazyLock::new(|| {
                    let json = include_str!(concat!("../../contracts/artifacts/", $name, ".json"));
                    #[allow(clippy::expect_used)] // a constant of this program, parsed by a test
                    parse($name, json).expect("embedded artifacts are whole")
                });
                &PARSED
            }
        )*
    };
}

artifacts! {
    /// The adapter of EZKL models.
    ezkl_adapter = "EzklAdapter";
    /// The adapter and verifier of native models under the SRS of the ceremony that ships.
    native_verifier = "NativeVerifier";
    /// The same for the TEST SRS: anybody can prove anything to it.
    native_test_verifier = "NativeTestVerifier";
    /// The adapter and verifier of general networks under the SRS of the ceremony that ships. It creates [`network_sumcheck`].
    network_verifier = "NetworkVerifier";
    /// The same for the TEST SRS: anybody can prove anything to it.
    network_test_verifier = "NetworkTestVerifier";
    /// The part of both that reads programs.
    network_sumcheck = "NetworkSumcheck";
    /// The list of models.
    model_registry = "ModelRegistry";
    /// The list of claims.
    proof_registry = "ProofRegistry";
    /// Claims at three prices, beside the list of claims.
    claim_registry = "ClaimRegistry";
}

/// The code hash of the EZKL adapter: the adapter id in the id of every EZKL model of this release.
#[must_use]
pub fn ezkl_adapter_id() -> B256 {
    keccak256(&ezkl_adapter().deployed_bytecode)
}

/// The code hash of the native verifier: the adapter id in the id of every native model under the shipped ceremony.
#[must_use]
pub fn native_verifier_id() -> B256 {
    native_verifier().code_hash()
}

/// The native verifier that has the points of this SRS, if there is one: one source, a table for each SRS.
#[must_use]
pub fn native_verifier_of(srs_id: B256) -> Option<&'static Artifact> {
    match srs_kind(srs_id) {
        SrsKind::Listed(ceremony) if *ceremony == HEZ_FINAL => Some(native_verifier()),
        SrsKind::Test => Some(native_test_verifier()),
        _ => None,
    }
}

/// The same of general networks.
#[must_use]
pub fn network_verifier_of(srs_id: B256) -> Option<&'static Artifact> {
    match srs_kind(srs_id) {
        SrsKind::Listed(ceremony) if *ceremony == HEZ_FINAL => Some(network_verifier()),
        SrsKind::Test => Some(network_test_verifier()),
        _ => None,
    }
}

/// Whether an adapter verifies what the native backend proves, perceptrons or general networks, whatever its SRS.
#[must_use]
pub fn is_native_verifier(adapter_id: B256) -> bool {
    [native_verifier(), native_test_verifier()].iter().any(|verifier| verifier.code_hash() == adapter_id)
        || is_network_verifier(adapter_id)
}

/// Whether an adapter is a verifier of general networks of this release, whatever its SRS.
#[must_use]
pub fn is_network_verifier(adapter_id: B256) -> bool {
    [network_verifier(), network_test_verifier()].iter().any(|verifier| verifier.code_hash() == adapter_id)
}

/// What an adapter of this release calls besides a model's own code: the first contract that it has created.
#[must_use]
pub fn part_of(adapter_id: B256) -> Option<&'static Artifact> {
    is_network_verifier(adapter_id).then(network_sumcheck)
}

/// The adapters of this release.
#[must_use]
pub fn adapters() -> [&'static Artifact; 5] {
    [ezkl_adapter(), native_verifier(), native_test_verifier(), network_verifier(), network_test_verifier()]
}

/// The adapter of this release that has this id, if any.
#[must_use]
pub fn adapter(adapter_id: B256) -> Option<&'static Artifact> {
    adapters().into_iter().find(|adapter| adapter.deployed_code_hash == Some(adapter_id))
}

/// Its name.
#[must_use]
pub fn adapter_by_id(adapter_id: B256) -> Option<&'static str> {
    adapter(adapter_id).map(|adapter| adapter.contract_name.as_str())
}

fn parse(contract: &'static str, json: &str) -> Result<Artifact, EvmError> {
    let damaged = |reason: String| EvmError::Artifact { contract, reason };
    let artifact: Artifact = serde_json::from_str(json).map_err(|error| damaged(error.to_string()))?;
    if artifact.contract_name != contract || artifact.bytecode.is_empty() || artifact.deployed_bytecode.is_empty() {
        return Err(damaged("it is of another contract, or has no code".into()));
    }
    let hash = keccak256(&artifact.deployed_bytecode);
    match artifact.deployed_code_hash {
        Some(recorded) if recorded != hash => {
            Err(damaged(format!("its code hashes to {hash}, but {recorded} is recorded")))
        }
        _ => Ok(artifact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evm::{
        bindings::INativeVerifier,
        embedded::{EmbeddedEvm, Outcome},
    };
    use alloy::{primitives::Address, sol_types::SolCall};

    #[test]
    fn every_artifact_is_whole_and_its_hash_is_the_recorded_one() {
        for artifact in adapters().into_iter().chain([network_sumcheck(), model_registry()]) {
            assert_eq!(artifact.deployed_code_hash, Some(keccak256(&artifact.deployed_bytecode)));
        }
        // It holds the model registry's address in its code.
        assert_eq!(proof_registry().deployed_code_hash, None);
        for artifact in adapters().into_iter().chain([network_sumcheck(), model_registry(), proof_registry()]) {
            assert!(artifact.deployed_bytecode.len() <= crate::evm::compile::MAX_RUNTIME_BYTES);
        }
    }

    #[test]
    fn the_adapter_is_known_by_its_id_and_no_other_is() {
        assert_eq!(adapter_by_id(ezkl_adapter_id()), Some("EzklAdapter"));
        assert_eq!(adapter_by_id(native_verifier_id()), Some("NativeVerifier"));
        assert_eq!(adapter_by_id(native_test_verifier().code_hash()), Some("NativeTestVerifier"));
        assert_eq!(adapter_by_id(crate::proof::identity::mock_adapter_id()), None);
        assert_eq!(adapter_by_id(B256::ZERO), None);
    }

    /// What a contract says of its SRS is what this program says of it.
    #[test]
    fn each_native_verifier_is_of_one_srs() {
        let (listed, test) = (B256::from(HEZ_FINAL.srs_id), test_srs_id());
        for (srs_id, verifier, accepts_test) in [
            (listed, native_verifier(), false),
            (test, native_test_verifier(), true),
            (listed, network_verifier(), false),
            (test, network_test_verifier(), true),
        ] {
            let is_network = is_network_verifier(verifier.code_hash());
            let found = if is_network { network_verifier_of(srs_id) } else { native_verifier_of(srs_id) };
            assert_eq!(found.map(Artifact::code_hash), Some(verifier.code_hash()));
            assert!(is_native_verifier(verifier.code_hash()));
            assert_eq!(part_of(verifier.code_hash()).is_some(), is_network);
            let mut evm = EmbeddedEvm::new(1);
            let at = Address::repeat_byte(0xc0);
            evm.install(at, &verifier.deployed_bytecode, "verifier").unwrap();
            let call = |data: Vec<u8>| match evm.call(at, &data.into()).unwrap().outcome {
                Outcome::Returned(word) => word,
                other => panic!("{other:?}"),
            };
            assert_eq!(call(INativeVerifier::srsIdCall {}.abi_encode())[..], srs_id[..]);
            assert_eq!(call(INativeVerifier::ACCEPTS_TEST_SRSCall {}.abi_encode())[31] == 1, accepts_test);
        }
        let unknown = B256::repeat_byte(9);
        assert!(native_verifier_of(unknown).is_none() && network_verifier_of(unknown).is_none());
        assert!(!is_native_verifier(ezkl_adapter_id()) && !is_network_verifier(native_verifier_id()));
        assert!(part_of(ezkl_adapter_id()).is_none());
    }

    /// A network verifier creates the part when it is created, and the part alone: it refuses other code.
    #[test]
    fn the_creation_of_a_network_verifier_carries_the_part() {
        for verifier in [network_verifier(), network_test_verifier()] {
            let carries = |code: &[u8], part: &[u8]| code.windows(part.len()).any(|found| found == part);
            assert!(carries(&verifier.bytecode, &network_sumcheck().bytecode), "{}", verifier.contract_name);
            let evm = EmbeddedEvm::new(1);
            assert_eq!(evm.create(&verifier.bytecode).unwrap(), verifier.deployed_bytecode);
            let mut other = verifier.bytecode.to_vec();
            let last = other.iter().rposition(|byte| *byte != 0).unwrap();
            other[last] ^= 1;
            assert!(evm.create(&other.into()).is_err(), "{}", verifier.contract_name);
        }
    }

    fn test_srs_id() -> B256 {
        (*zkinfer_prover::srs::test_srs(0).unwrap().id()).into()
    }

    #[test]
    fn a_hash_that_does_not_match_is_damage() {
        let json = include_str!("../../contracts/artifacts/EzklAdapter.json");
        let recorded = ezkl_adapter_id().to_string();
        let tampered = json.replace(&recorded, &B256::ZERO.to_string());
        assert!(matches!(parse("EzklAdapter", &tampered).unwrap_err(), EvmError::Artifact { .. }));
        assert!(parse("EzklAdapter", &json[1..]).is_err());
        assert!(parse("ModelRegistry", json).is_err());
    }
}
