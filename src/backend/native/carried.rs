//! Verifying with a key object alone, where there are no artifacts: the model id binds it by its hash.

use super::{
    BackendError, bound,
    schema::{Interface, agrees},
    srs,
    system::{AnyVerifier, is_network},
};
use crate::{
    evm::{self, KeyObject, Page},
    proof::{
        Schema, Statement, Verdict,
        bundle::MAX_STATEMENTS,
        identity::{ModelParts, model_id, schema_hash},
    },
};
use alloy::primitives::{B256, Bytes, keccak256};
use zkinfer_prover::{
    PinnedSrs, Verifier, VerifyingKey,
    network::{Fixed, NetworkVerifier, NetworkVerifyingKey},
};

/// Verifies one proof of all of these statements with the key object `code`, which a bundle or a chain gave, and the pages that
/// it names.
///
/// Nothing of it is trusted: statements, adapter, object, schema, key, program and SRS must be those of `model`, schema and key
/// must say the same of every tensor, and the public values must follow the schema, or the verdict is Invalid. Without a `schema`
/// the verdict is about the bytes of the public values, and not about what they mean. The program of a network must compute a
/// function, unless [`has_unseen_parts`].
///
/// # Errors
/// [`BackendError::Failed`] when the program's own powers cannot be used: never for what was given.
pub fn verify_with_key_object(
    model: &ModelParts,
    code: &Bytes,
    pages: &[Page],
    schema: Option<&Bytes>,
    statements: &[Statement],
    proof: &Bytes,
) -> Result<Verdict, BackendError> {
    let pinned = srs::pinned(&model.srs_id)?;
    Ok(match judge(model, (code, pages), schema, statements, proof, pinned) {
        Ok(()) => Verdict::Valid,
        Err(reason) => Verdict::Invalid { reason },
    })
}

/// Whether a model is a network whose program has tables or copies, which are on no chain and in no bundle: then only its
/// artifacts show that the program computes a function.
#[must_use]
pub fn has_unseen_parts(model: &ModelParts, code: &Bytes) -> bool {
    // A key without fixed commitments has this length (docs/protocol-networks.md, N3).
    let least = 164;
    evm::artifacts::is_network_verifier(model.adapter_id)
        && KeyObject::read(code).is_some_and(|object| object.key.len() > least)
}

fn judge(
    model: &ModelParts,
    (code, pages): (&Bytes, &[Page]),
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
    let key = key_of(model, code, pages)?;
    if let Some(schema) = schema {
        let schema = schema_of(model, schema, key.interface()?)?;
        let decoded = statements.iter().try_for_each(|statement| schema.decode(&statement.public_values).map(drop));
        decoded.map_err(|error| error.to_string())?;
    }
    // The contract has the points of one SRS, and of no other.
    let contract = bound::contract_of(key.is_network(), model.srs_id).map(evm::artifacts::Artifact::code_hash);
    let pinned = pinned.filter(|_| contract == Some(model.adapter_id));
    let pinned = pinned.ok_or_else(|| format!("the adapter has no points of SRS {}", model.srs_id))?;
    let verifier = key.verifier(pinned)?;
    let proven = verifier.statements(statements)?;
    let found = verifier.verify_many(&[(0, proven, proof)]).verdicts.into_iter().next();
    found.ok_or("there is no verdict")?.map_err(|error| error.to_string())
}

/// Whether the parts of a native model that a chain or a bundle names agree: the key object, with its pages, is that of the model
/// id, and the schema says of every tensor what the key says. Registries see neither.
///
/// # Errors
/// What differs.
pub fn check_model(model: &ModelParts, code: &Bytes, pages: &[Page], schema: &Bytes) -> Result<(), String> {
    schema_of(model, schema, key_of(model, code, pages)?.interface()?).map(|_| ())
}

fn schema_of(model: &ModelParts, schema: &Bytes, interface: Interface) -> Result<Schema, String> {
    if schema_hash(schema) != model.schema_hash {
        return Err("the schema is another model's".into());
    }
    let schema = Schema::from_bytes(schema).map_err(|error| error.to_string())?;
    agrees(&schema, interface)?;
    Ok(schema)
}

/// A key as the object has it.
enum Found {
    Perceptron(VerifyingKey),
    Network(Box<NetworkVerifyingKey>),
}

impl Found {
    const fn is_network(&self) -> bool {
        matches!(self, Self::Network(_))
    }

    fn interface(&self) -> Result<Interface, String> {
        match self {
            Self::Perceptron(key) => Ok(Interface::of_shape(key.shape())),
            Self::Network(key) => Interface::of_network(key),
        }
    }

    fn digest(&self) -> B256 {
        match self {
            Self::Perceptron(key) => key.digest().into(),
            Self::Network(key) => key.digest().into(),
        }
    }

    fn srs_id(&self) -> B256 {
        match self {
            Self::Perceptron(key) => (*key.srs_id()).into(),
            Self::Network(key) => (*key.srs_id()).into(),
        }
    }

    fn verifier(self, pinned: &PinnedSrs) -> Result<AnyVerifier, String> {
        match self {
            Self::Perceptron(key) => Verifier::new(key, pinned).map(AnyVerifier::Perceptron),
            Self::Network(key) => NetworkVerifier::new(*key, pinned).map(AnyVerifier::Network),
        }
        .map_err(|error| error.to_string())
    }
}

/// The key in the object, of the system whose contract the adapter is.
fn key_of(model: &ModelParts, code: &Bytes, pages: &[Page]) -> Result<Found, String> {
    if keccak256(code) != model.model_code_hash {
        return Err("the key object is another model's".into());
    }
    let key = if evm::artifacts::is_network_verifier(model.adapter_id) {
        Found::Network(Box::new(network_key(code, pages)?))
    } else {
        match code.split_first() {
            Some((0, key)) => {
                let key = VerifyingKey::from_bytes(key).map_err(|error| format!("the model's key: {error}"))?;
                Found::Perceptron(key)
            }
            _ => return Err("the model's code is no key object".into()),
        }
    };
    if key.digest() != model.vk_digest {
        return Err("the model's code holds another key".into());
    }
    if key.srs_id() != model.srs_id {
        return Err("the model's key is for another SRS".into());
    }
    Ok(key)
}

/// The key of a network, whose digest its program has. Without tables and copies there is nothing more to see, and the program is
/// checked to compute a function.
fn network_key(code: &Bytes, pages: &[Page]) -> Result<NetworkVerifyingKey, String> {
    let object = KeyObject::read(code).filter(|object| is_network(object.key));
    let object = object.ok_or("the model's code is no key object")?;
    let program =
        object.program(pages).ok_or("a page of the model's program is missing, or is code that can be called")?;
    let refused = |error: zkinfer_prover::KeyError| format!("the model's key: {error}");
    let key = NetworkVerifyingKey::from_unregistered_bytes(object.key, &program).map_err(refused)?;
    let parts = key.program().parts();
    if parts.tables > 0 || parts.reads > 0 {
        return Ok(key);
    }
    NetworkVerifyingKey::from_bytes(object.key, &program, &Fixed::default().to_bytes()).map_err(refused)
}
