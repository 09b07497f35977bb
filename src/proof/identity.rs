//! The names of things: `docs/identities.md`, symbol by symbol. Frozen.

use alloy::primitives::{Address, B256, U256, keccak256};
use sha2::{Digest, Sha256};

/// The domain tags: `keccak256` of a versioned ASCII string each.
pub mod tag {
    use alloy::primitives::{B256, keccak256};

    macro_rules! tags {
        ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
            $($(#[$doc])* pub fn $name() -> B256 { keccak256($text) })*

            /// Every tag with its name in `docs/identities.md`, for known-answer tests.
            pub fn all() -> Vec<(&'static str, B256)> { vec![$((stringify!($name), $name())),*] }
        };
    }

    tags! {
        /// Model ids.
        model = "zkinfer/model/v1";
        /// Schema hashes.
        schema = "zkinfer/schema/v1";
        /// Contexts on a chain.
        context = "zkinfer/context/v1";
        /// Statement ids.
        statement = "zkinfer/statement/v1";
        /// Batch ids.
        batch = "zkinfer/batch/v1";
        /// SRS ids.
        srs = "zkinfer/srs/v1";
        /// EZKL verifying-key digests.
        ezkl_vk = "zkinfer/ezkl-vk/v2";
        /// Native verifying-key digests.
        native_vk = "zkinfer/native-vk/v1";
        /// Committed tensors.
        committed = "zkinfer/committed-tensor/v1";
    }
}

/// The parts of a model id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelParts {
    /// `EXTCODEHASH` of the adapter.
    pub adapter_id: B256,
    /// `EXTCODEHASH` of the model's own code, or zero when it has none.
    pub model_code_hash: B256,
    /// Digest of the verifying key.
    pub vk_digest: B256,
    /// [`schema_hash`] of the public values' schema.
    pub schema_hash: B256,
    /// [`srs_id`] of the structured reference string.
    pub srs_id: B256,
}

/// The SRS's first powers of tau in affine coordinates, each below the base field's modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrsPoints {
    /// `[tau]_1` as `(x, y)`.
    pub tau_g1: [U256; 2],
    /// `[tau]_2` as `(x.c1, x.c0, y.c1, y.c0)`: the order of EIP-197.
    pub tau_g2: [U256; 4],
}

/// Names a model.
#[must_use]
pub fn model_id(parts: &ModelParts) -> B256 {
    hash_words(&[
        tag::model(),
        parts.adapter_id,
        parts.model_code_hash,
        parts.vk_digest,
        parts.schema_hash,
        parts.srs_id,
    ])
}

/// Names a schema by its canonical bytes (see [`crate::proof::Schema::to_bytes`]).
#[must_use]
pub fn schema_hash(schema: &[u8]) -> B256 {
    keccak256([tag::schema().as_slice(), schema].concat())
}

/// Names a context on a chain. `deadline` is a Unix time in seconds.
#[must_use]
pub fn context_id(
    chain_id: u64,
    registry: Address,
    submitter: Address,
    consumer: Address,
    job: B256,
    deadline: u64,
) -> B256 {
    hash_words(&[
        tag::context(),
        U256::from(chain_id).into(),
        registry.into_word(),
        submitter.into_word(),
        consumer.into_word(),
        job,
        U256::from(deadline).into(),
    ])
}

/// The context of a statement that is made for no chain.
#[must_use]
pub fn offchain_context_id() -> B256 {
    keccak256("zkinfer/context/offchain/v1")
}

/// The adapter id of the mock backend. No code has this hash, so that no mock model can be registered.
#[must_use]
pub fn mock_adapter_id() -> B256 {
    keccak256("zkinfer/adapter/mock/v1")
}

/// Names a statement. Never covers proof bytes: a proof can be re-randomized by anyone.
#[must_use]
pub fn statement_id(model_id: B256, public_values: &[u8], context_id: B256) -> B256 {
    statement_id_of_hash(model_id, keccak256(public_values), context_id)
}

/// The same, where only the hash of the public values is known.
#[must_use]
pub fn statement_id_of_hash(model_id: B256, public_values_hash: B256, context_id: B256) -> B256 {
    hash_words(&[tag::statement(), model_id, public_values_hash, context_id])
}

/// Names an ordered batch of statements.
#[must_use]
pub fn batch_id(statements: &[B256]) -> B256 {
    let count = B256::from(U256::from(statements.len()));
    let words: Vec<B256> = [tag::batch(), count].into_iter().chain(statements.iter().copied()).collect();
    hash_words(&words)
}

/// Names a structured reference string by its tau, whatever the file's size or format.
#[must_use]
pub fn srs_id(points: &SrsPoints) -> B256 {
    let coordinates = points.tau_g1.iter().chain(&points.tau_g2).map(|&word| B256::from(word));
    let words: Vec<B256> = std::iter::once(tag::srs()).chain(coordinates).collect();
    hash_words(&words)
}

/// The digest of what verifies EZKL proofs: of the whole key file, since a flipped selector bit at its end still verifies; of
/// the whole settings file, since the circuit's gates are made from it and are not in the key; and of the exact length of a
/// proof, since EZKL's verifier ignores what follows.
#[must_use]
pub fn ezkl_vk_digest(vk_file: &[u8], settings_file: &[u8], proof_bytes: u64) -> B256 {
    hash_words(&[tag::ezkl_vk(), keccak256(vk_file), keccak256(settings_file), U256::from(proof_bytes).into()])
}

/// SHA-256 of the canonical proof bytes.
#[must_use]
pub fn proof_hash(proof: &[u8]) -> B256 {
    B256::from_slice(&Sha256::digest(proof))
}

fn hash_words(words: &[B256]) -> B256 {
    keccak256(words.concat())
}
