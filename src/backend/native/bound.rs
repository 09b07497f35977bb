//! What the model id binds of native artifacts, derived from their files.

use super::{Details, NativeBackend, files::VK, srs, system::Key};
use crate::{
    backend::{Artifacts, ArtifactsError, BackendError, SrsKind, srs_kind},
    evm,
};
use alloy::primitives::{B256, keccak256};
use zkinfer_prover::{
    VerifyingKey,
    network::{Fixed, NetworkVerifyingKey},
};

/// The contract that verifies proofs of a key; zero where there is none: each contract has the points of one SRS, and only as
/// many as the program. A contract with another table is other code, hence another adapter.
pub(super) fn adapter_of(key: &VerifyingKey) -> Result<B256, BackendError> {
    let srs_id = B256::from(*key.srs_id());
    let reaches = srs::pinned(&srs_id)?.is_some_and(|pinned| key.exponents().iter().all(|&j| pinned.g2(j).is_some()));
    let contract = evm::artifacts::native_verifier_of(srs_id).filter(|_| reaches);
    Ok(contract.map_or(B256::ZERO, evm::artifacts::Artifact::code_hash))
}

/// The key object: a zero byte, so that nobody can call into it, and the verifying key.
pub(super) fn key_object(key: &[u8]) -> Vec<u8> {
    [&[0][..], key].concat()
}

impl NativeBackend {
    /// Everything that the manifest says of the model, against the key and the points.
    pub(super) fn check_bound(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
        let (of, manifest) = (artifacts.identity(), artifacts.manifest_path());
        let (key, path) = (Self::key(artifacts)?, artifacts.file(VK)?);
        let (adapter, code) = match &key {
            Key::Perceptron(key) => {
                let adapter = adapter_of(key)?;
                let code = if adapter.is_zero() { B256::ZERO } else { keccak256(key_object(&key.to_bytes())) };
                (adapter, code)
            }
            // No command registers networks with their contract yet.
            Key::Network { key, fixed } => {
                self.check_tables(artifacts, key, fixed)?;
                (B256::ZERO, B256::ZERO)
            }
        };
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
