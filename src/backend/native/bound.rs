//! What the model id binds of native artifacts, derived from their files.

use super::{NativeBackend, files::VK, shape_of, srs};
use crate::{
    backend::{Artifacts, ArtifactsError, BackendError, SrsKind, srs_kind},
    evm,
};
use alloy::primitives::{B256, keccak256};
use zkinfer_prover::VerifyingKey;

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
        let verifier = self.verifier(artifacts)?;
        let key = verifier.key();
        let adapter = adapter_of(key)?;
        ArtifactsError::expect(&manifest, "the adapter", of.adapter_id, adapter)?;
        let code = if adapter.is_zero() { B256::ZERO } else { keccak256(key_object(&key.to_bytes())) };
        ArtifactsError::expect(&manifest, "the code hash", of.model_code_hash, code)?;
        if shape_of(&of.details).ok().as_ref() != Some(key.shape()) {
            let (found, expected) = (of.details.to_string(), shape_in_words(key));
            let (path, what) = (manifest.display().to_string(), "the shape");
            return Err(ArtifactsError::Contradiction { path, what, found, expected }.into());
        }
        let proof_bytes = verifier.proof_len(1).map_err(|error| super::failed("artifacts", error))? as u64;
        ArtifactsError::expect(&manifest, "the length of a proof", of.proof_bytes, proof_bytes)?;
        let pinned = self.srs.for_verifying(artifacts)?;
        let path = artifacts.file(VK)?;
        // The key's is compared with the model id's, and by `Verifier::new` with these points'.
        ArtifactsError::expect(&path, "the SRS of the points it is used with", B256::from(*pinned.id()), of.srs_id)?;
        Ok(srs_kind(of.srs_id))
    }
}

fn shape_in_words(key: &VerifyingKey) -> String {
    let (shape, committed) = (key.shape(), key.shape().committed());
    let bounds = shape.saturation().map(|bounds| bounds.iter().map(|bound| bound.bound()).collect::<Vec<_>>());
    format!("{:?}, saturating {bounds:?}, hidden {committed:?}", shape.dims())
}
