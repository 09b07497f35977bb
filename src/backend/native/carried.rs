//! Verifying with a key object alone, where there are no artifacts: the model id binds it by its hash.

use super::{BackendError, failed, prover_statement};
use crate::{
    evm,
    proof::{
        Statement, Verdict,
        bundle::MAX_STATEMENTS,
        identity::{ModelParts, model_id},
    },
};
use alloy::primitives::{B256, Bytes, keccak256};
use zkinfer_prover::{PinnedSrs, Verifier, VerifyingKey, srs::test_srs};

/// Verifies one proof of all of these statements with the key object `code`, which a bundle or a chain gave.
///
/// Nothing of it is trusted: statements, adapter, object, key and SRS must be those of `model`, or the verdict is
/// Invalid. What the public values mean is the schema's to say; it is not looked at.
///
/// # Errors
/// [`BackendError::Failed`] when the TEST SRS cannot be made: never for what was given.
pub fn verify_with_key_object(
    model: &ModelParts,
    code: &Bytes,
    statements: &[Statement],
    proof: &Bytes,
) -> Result<Verdict, BackendError> {
    let srs = test_srs(0).map_err(|error| failed("the TEST SRS", error))?;
    Ok(match judge(model, code, statements, proof, srs.pinned()) {
        Ok(()) => Verdict::Valid,
        Err(reason) => Verdict::Invalid { reason },
    })
}

fn judge(
    model: &ModelParts,
    code: &Bytes,
    statements: &[Statement],
    proof: &Bytes,
    pinned: &PinnedSrs,
) -> Result<(), String> {
    if statements.is_empty() || statements.len() > MAX_STATEMENTS {
        return Err(format!("the proof is about {} statements, not 1 to {MAX_STATEMENTS}", statements.len()));
    }
    let id = model_id(model);
    if statements.iter().any(|statement| statement.model_id != id) {
        return Err("the statement is about another model".into());
    }
    if model.adapter_id != evm::artifacts::native_verifier_id() {
        return Err(format!("adapter {} is not the native verifier of this release", model.adapter_id));
    }
    let verifier = Verifier::new(key_of(model, code)?, pinned).map_err(|error| error.to_string())?;
    let proven = statements.iter().map(|statement| prover_statement(verifier.key().shape(), statement));
    let proven = proven.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    verifier.verify(&proven, proof).map_err(|error| error.to_string())
}

/// The key in the object: a zero byte, so that nobody can call into it, and the key's encoding.
fn key_of(model: &ModelParts, code: &Bytes) -> Result<VerifyingKey, String> {
    if keccak256(code) != model.model_code_hash {
        return Err("the key object is another model's".into());
    }
    let key = match code.split_first() {
        Some((0, key)) => VerifyingKey::from_bytes(key).map_err(|error| format!("the model's key: {error}"))?,
        _ => return Err("the model's code is no key object".into()),
    };
    if B256::from(key.digest()) != model.vk_digest {
        return Err("the model's code holds another key".into());
    }
    if B256::from(*key.srs_id()) != model.srs_id {
        return Err("the model's key is for another SRS".into());
    }
    Ok(key)
}
