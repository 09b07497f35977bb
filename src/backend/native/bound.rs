//! What the model id binds of native artifacts, derived from their files.

use super::{Details, NAME, NativeBackend, files::VK, srs, system::Key};
use crate::{
    backend::{Artifacts, ArtifactsError, BackendError, ModelCode, SrsKind, srs_kind},
    evm::{self, CompiledContract, artifacts::Artifact, key_object},
};
use alloy::primitives::B256;
use zkinfer_prover::network::{Fixed, NetworkVerifyingKey};

/// The name of key objects, of either system.
const OBJECT: &str = "NativeKey";

/// The contract that verifies proofs of a key; zero where there is none: each contract has the points of one SRS, and only as
/// many as the program. A contract with another table is other code, hence another adapter.
pub(super) fn adapter_of(key: &Key) -> Result<B256, BackendError> {
    let (srs_id, exponents) = (key.srs_id(), key.exponents());
    let reaches = srs::pinned(&srs_id)?.is_some_and(|pinned| exponents.iter().all(|&j| pinned.g2(j).is_some()));
    let contract = contract_of(key.is_network(), srs_id).filter(|_| reaches);
    Ok(contract.map_or(B256::ZERO, Artifact::code_hash))
}

/// The contract of this release that has the points of an SRS, and verifies proofs of a network, or of a perceptron.
pub(super) fn contract_of(is_network: bool, srs_id: B256) -> Option<&'static Artifact> {
    if is_network { evm::artifacts::network_verifier_of(srs_id) } else { evm::artifacts::native_verifier_of(srs_id) }
}

/// The key object: a zero byte, so that nobody can call into it, and the verifying key; of a network with its program, in pages
/// where it is long.
pub(super) fn key_object(key: &Key) -> Result<CompiledContract, BackendError> {
    let object = match key {
        Key::Perceptron(key) => CompiledContract::data(OBJECT, [&[0], &key.to_bytes()[..]].concat().into()),
        Key::Network { key, .. } => key_object::write(OBJECT, &key.to_bytes(), &key.program().to_bytes()),
    };
    object.map_err(|error| BackendError::Unsupported { backend: NAME, reason: error.to_string() })
}

/// What stands on a chain for a key. Nothing for one that no contract verifies for.
pub(super) fn model_code(key: &Key) -> Result<ModelCode, BackendError> {
    if adapter_of(key)?.is_zero() {
        return Ok(ModelCode::None);
    }
    let CompiledContract { name, runtime_code, pages, .. } = key_object(key)?;
    let pages = pages.into_iter().map(|page| page.runtime_code).collect();
    Ok(ModelCode::Object { name, runtime_code, pages })
}

impl NativeBackend {
    /// Everything that the manifest says of the model, against the key and the points.
    pub(super) fn check_bound(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
        let (of, manifest) = (artifacts.identity(), artifacts.manifest_path());
        let (key, path) = (Self::key(artifacts)?, artifacts.file(VK)?);
        if let Key::Network { key, fixed } = &key {
            self.check_tables(artifacts, key, fixed)?;
        }
        // A network whose verification takes more gas than a transaction has stays off-chain: that is its model id's word.
        let stays = key.is_network() && of.adapter_id.is_zero();
        let adapter = if stays { B256::ZERO } else { adapter_of(&key)? };
        let code = if adapter.is_zero() { B256::ZERO } else { key_object(&key)?.code_hash };
        ArtifactsError::expect(&manifest, "the adapter", of.adapter_id, adapter)?;
        ArtifactsError::expect(&manifest, "the code hash", of.model_code_hash, code)?;
        let details = key.details().map_err(|error| super::failed("artifacts", error))?;
        if Details::read(&of.details).ok().as_ref() != Some(&details) {
            let expected = serde_json::to_value(&details).map_err(|error| super::failed("artifacts", error))?;
            let (found, expected) = (of.details.to_string(), expected.to_string());
            let (path, what) = (manifest.display().to_string(), "the shape");
            return Err(ArtifactsError::Contradiction { path, what, found, expected }.into());
        }
        let pinned = self.srs.for_verifying(artifacts)?;
        let verifier = key.verifier(&pinned, &path)?;
        let proof_bytes = verifier.proof_len(1)? as u64;
        ArtifactsError::expect(&manifest, "the length of a proof", of.proof_bytes, proof_bytes)?;
        // The key's is compared with the model id's, and by `Verifier::new` with these points'.
        ArtifactsError::expect(&path, "the SRS of the points it is used with", B256::from(*pinned.id()), of.srs_id)?;
        Ok(srs_kind(of.srs_id))
    }

    /// The commitments in the key are those of the tables and copies: others would be another function. It takes powers of tau
    /// for as many rows as they reach.
    fn check_tables(
        &self,
        artifacts: &Artifacts,
        key: &NetworkVerifyingKey,
        fixed: &Fixed,
    ) -> Result<(), BackendError> {
        let parts = key.program().parts();
        let needed = if parts.tables == 0 && parts.reads == 0 { 0 } else { parts.positions as usize };
        let srs = self.srs.for_proving(artifacts, needed)?;
        let path = artifacts.file(VK)?;
        key.check(fixed, &srs).map_err(|error| super::damaged(&path, &error))
    }
}
