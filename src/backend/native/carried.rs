//! Verifying with a key object alone, where there are no artifacts: the model id binds it by its hash.

use super::{
    BackendError, prover_statement,
    schema::{Interface, agrees},
    srs,
};
use crate::{
    evm,
    proof::{
        Schema, Statement, Verdict,
        bundle::MAX_STATEMENTS,
        identity::{ModelParts, model_id, schema_hash},
    },
};
use alloy::primitives::{B256, Bytes, keccak256};
use zkinfer_prover::{PinnedSrs, Verifier, VerifyingKey};

/// Verifies one proof of all of these statements with the key object `code`, which a bundle or a chain gave.
///
/// Nothing of it is trusted: statements, adapter, object, schema, key and SRS must be those of `model`, schema and key must
/// say the same of every tensor, and the public values must follow the schema, or the verdict is Invalid. Without a `schema`
/// the verdict is about the bytes of the public values, and not about what they mean.
///
/// # Errors
/// [`BackendError::Failed`] when the program's own powers cannot be used: never for what was given.
pub fn verify_with_key_object(
    model: &ModelParts,
    code: &Bytes,
    schema: Option<&Bytes>,
    statements: &[Statement],
    proof: &Bytes,
) -> Result<Verdict, BackendError> {
    Ok(match judge(model, code, schema, statements, proof, srs::pinned(&model.srs_id)?) {
        Ok(()) => Verdict::Valid,
        Err(reason) => Verdict::Invalid { reason },
    })
}

fn judge(
    model: &ModelParts,
    code: &Bytes,
    schema: Option<&Bytes>,
    statements: &[Statement],
    proof: &Bytes,
    pinned: Option<&PinnedSrs>,
) -> Result<(), String> {
    if statements.is_empty() || statements.len() > MAX_STATEMENTS {
        return Err(format!("the proof is about {} statements, not 1 to {MAX_STATEMENTS}", statements.len()));
    }
    let id = model_id(model);
    if statements.iter().any(|statement| statement.model_id != id) {
        return Err("the statement is about another model".into());
    }
    if !evm::artifacts::is_native_verifier(model.adapter_id) {
        return Err(format!("adapter {} is not the native verifier of this release", model.adapter_id));
    }
    let key = key_of(model, code)?;
    let shape = key.shape();
    if let Some(schema) = schema {
        let schema = schema_of(model, schema, &key)?;
        let decoded = statements.iter().try_for_each(|statement| schema.decode(&statement.public_values).map(drop));
        decoded.map_err(|error| error.to_string())?;
    }
    let proven = statements.iter().map(|statement| prover_statement(shape, statement));
    let proven = proven.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    // The contract has the points of one SRS, and of no other.
    let of_srs = evm::artifacts::native_verifier_of(model.srs_id).map(evm::artifacts::Artifact::code_hash);
    let pinned = pinned.filter(|_| of_srs == Some(model.adapter_id));
    let pinned = pinned.ok_or_else(|| format!("the adapter has no points of SRS {}", model.srs_id))?;
    let verifier = Verifier::new(key, pinned).map_err(|error| error.to_string())?;
    verifier.verify(&proven, proof).map_err(|error| error.to_string())
}

/// Whether the parts of a native model that a chain or a bundle names agree: the key object is that of the model id, and the
/// schema says of every tensor what the key says. Registries see neither.
///
/// # Errors
/// What differs.
pub fn check_model(model: &ModelParts, code: &Bytes, schema: &Bytes) -> Result<(), String> {
    schema_of(model, schema, &key_of(model, code)?).map(|_| ())
}

fn schema_of(model: &ModelParts, schema: &Bytes, key: &VerifyingKey) -> Result<Schema, String> {
    if schema_hash(schema) != model.schema_hash {
        return Err("the schema is another model's".into());
    }
    let schema = Schema::from_bytes(schema).map_err(|error| error.to_string())?;
    agrees(&schema, Interface::of_shape(key.shape()))?;
    Ok(schema)
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
