//! What a proof is asked for with, and what comes back beside it.

use super::super::PipelineError;
use crate::{
    backend::{Artifacts, Opening},
    model::Input,
    proof::{Bundle, Compression, Context, Encoding, Statement, Structure},
};
use alloy::primitives::{B256, hex};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use zeroize::Zeroizing;

/// The most parameters of a request.
pub const MAX_PARAMETERS: usize = 256;
/// The longest name or value of a parameter, and the longest prover id, in bytes.
pub const MAX_TEXT_BYTES: usize = 4096;

/// One inference to prove.
#[derive(Clone, Debug, PartialEq)]
pub struct ProofRequest {
    /// The model meant: its id, or the BLAKE3 of its ONNX file, in hex.
    pub model: String,
    /// What it is run on.
    pub input: Input,
    /// What the statement is bound to.
    pub context: Context,
    /// Who proves; echoed.
    pub prover_id: String,
    /// The caller's own; echoed.
    pub parameters: BTreeMap<String, String>,
}

impl ProofRequest {
    /// A request for no chain, by nobody in particular.
    #[must_use]
    pub fn new(model: impl Into<String>, input: Input) -> Self {
        Self {
            model: model.into(),
            input,
            context: Context::Offchain {},
            prover_id: String::new(),
            parameters: BTreeMap::new(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Commits to the whole request, parameters included: BLAKE3 over the salt and every field with its length. A caller that
    /// wants a native proof to bind its parameters puts this into the `job` of the statement's context, which is public, and
    /// keeps the salt: who is given salt and request can compute it again, and nobody else can try inputs.
    #[must_use]
    pub fn digest(&self, salt: &RequestSalt) -> B256 {
        let mut hasher = Hasher::new("zkinfer request v2");
        hasher.bytes(&salt.0[..]);
        hasher.bytes(self.fingerprint().as_slice());
        hasher.finish()
    }

    /// The same without salt, by which a request is known again on this machine. Not to be published: whoever can guess the
    /// input can compare.
    pub(crate) fn fingerprint(&self) -> B256 {
        let mut hasher = Hasher::new("zkinfer request v1");
        hasher.text(&self.model);
        hasher.bytes(&self.input.to_json());
        // The context itself would be circular for a caller that puts the digest into it.
        hasher.text(&self.prover_id);
        hasher.map(&self.parameters);
        hasher.finish()
    }

    /// Refuses what cannot be meant, before any work.
    pub(crate) fn check(&self, artifacts: &Artifacts) -> Result<(), PipelineError> {
        let refuse = |field: &str, reason: &str| Err(PipelineError::invalid(field, reason));
        if self.model.is_empty() {
            return refuse("model", "is empty: give the model's id or the hash of its file");
        }
        let model_id = artifacts.model_id();
        let named = self.model.strip_prefix("0x").unwrap_or(&self.model).to_ascii_lowercase();
        if named != hex::encode(model_id) && !artifacts.are_made_from(&named) {
            return Err(PipelineError::invalid("model", format!("is not {model_id}, the model that is proven here")));
        }
        if self.input.tensors().is_empty() {
            return refuse("input", "has no tensor");
        }
        if let Some(at) = self.input.tensors().iter().position(Vec::is_empty) {
            return refuse(&format!("input[{at}]"), "has no numbers");
        }
        if self.parameters.len() > MAX_PARAMETERS {
            return refuse("parameters", "are more than a request may have");
        }
        if self.prover_id.len() > MAX_TEXT_BYTES {
            return refuse("prover_id", "is too long");
        }
        let long = |(name, value): &(&String, &String)| name.len() > MAX_TEXT_BYTES || value.len() > MAX_TEXT_BYTES;
        match self.parameters.iter().find(long) {
            Some(_) => refuse("parameters", "have a name or a value that is too long"),
            None => Ok(()),
        }
    }
}

/// What blinds [`ProofRequest::digest`]: 32 random bytes, never used for two requests. Secret: not shown, wiped when dropped.
#[derive(Clone)]
pub struct RequestSalt(Zeroizing<[u8; 32]>);

impl RequestSalt {
    /// Draws one from the system's randomness.
    ///
    /// # Errors
    /// [`PipelineError::Randomness`] when the system has none.
    pub fn generate() -> Result<Self, PipelineError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| PipelineError::Randomness)?;
        Ok(Self(bytes))
    }

    /// One that was kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, to be kept. Secret.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for RequestSalt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RequestSalt(..)")
    }
}

/// A proof with what is known about it.
#[derive(Clone, Debug)]
pub struct ProofResponse {
    /// The proof, verified.
    pub bundle: Bundle,
    /// What opens the tensors that the model hides; `None` when it hides none. Secret, and kept nowhere else.
    pub opening: Option<Opening>,
    /// What it is of.
    pub metadata: ProofMetadata,
    /// What it took.
    pub metrics: ProofMetrics,
}

impl ProofResponse {
    /// The bundle as a file.
    #[must_use]
    pub fn encode(&self, encoding: Encoding, compression: Compression) -> Vec<u8> {
        Structure::from(self.bundle.clone()).encode(encoding, compression)
    }
}

/// What a proof is of and for whom. Its digest covers every field, so that none can be changed alone; it is no signature:
/// whoever replaces the digest, too, can replace all that the proof itself does not bind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProofMetadata {
    /// The model's id, even where the request named the ONNX file by its hash: metadata are published, and the hash of a
    /// file of hidden weights is not.
    pub model: String,
    /// BLAKE3 of the circuit, hex: backend, its version, model id, what the compiler chose. All of it is public.
    pub circuit_hash: String,
    /// Constraints of the circuit.
    pub constraints: u64,
    /// Public values in the statement, in bytes.
    pub public_value_bytes: usize,
    /// Elements in them.
    pub public_inputs: usize,
    /// As requested.
    pub prover_id: String,
    /// `v` and the version of this program.
    pub version: String,
    /// Unix time in milliseconds.
    pub timestamp_ms: u64,
    /// SHA-256 of the proof.
    pub proof_hash: B256,
    /// Bytes of the proof.
    pub proof_bytes: usize,
    /// The statement.
    pub statement_id: B256,
    /// As requested.
    pub parameters: BTreeMap<String, String>,
    /// How the answer was handed out before it was proven, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streamed: Option<super::stream::Streamed>,
    /// How many steps an incremental proof has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Over all other fields.
    pub digest: B256,
}

impl ProofMetadata {
    /// Whether the digest is that of the fields, and the bundle the one that they are of.
    #[must_use]
    pub fn binds(&self, bundle: &Bundle) -> bool {
        let named = |statement: &Statement| statement.id() == self.statement_id;
        self.digest == self.compute_digest()
            && self.proof_hash == bundle.manifest().proof_hash
            && self.proof_bytes == bundle.proof().len()
            && bundle.statements().iter().any(named)
    }

    pub(super) fn sealed(mut self) -> Self {
        self.digest = self.compute_digest();
        self
    }

    fn compute_digest(&self) -> B256 {
        let mut hasher = Hasher::new("zkinfer proof metadata v1");
        let Self {
            model,
            circuit_hash,
            constraints,
            public_value_bytes,
            public_inputs,
            prover_id,
            version,
            timestamp_ms,
            proof_hash,
            proof_bytes,
            statement_id,
            parameters,
            streamed,
            steps,
            digest: _,
        } = self;
        [model, circuit_hash, prover_id, version].into_iter().for_each(|text| hasher.text(text));
        let numbers = [*constraints, *public_value_bytes as u64, *public_inputs as u64, *timestamp_ms];
        numbers.into_iter().chain([*proof_bytes as u64]).for_each(|number| hasher.number(number));
        [proof_hash, statement_id].into_iter().for_each(|word| hasher.bytes(word.as_slice()));
        hasher.map(parameters);
        match streamed {
            None => hasher.number(0),
            Some(streamed) => {
                hasher.number(1);
                hasher.number(streamed.chunks as u64);
                hasher.number(streamed.elements as u64);
                hasher.bytes(streamed.digest.as_slice());
            }
        }
        hasher.number(steps.map_or(u64::MAX, |steps| steps as u64));
        hasher.finish()
    }
}

/// What a proof took. The parts add up exactly: `total = witness + proof + overhead`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProofMetrics {
    /// Running the circuit.
    pub witness: Duration,
    /// Proving, and verifying what was proven.
    pub proof: Duration,
    /// Everything else.
    pub overhead: Duration,
    /// From the request to the bundle.
    pub total: Duration,
    /// The backend's peak so far, if it measures it.
    pub peak_rss_kb: Option<u64>,
}

/// BLAKE3 with a name for what is hashed and a length before every part: no two lists of parts are hashed alike.
pub(crate) struct Hasher(blake3::Hasher);

impl Hasher {
    pub(crate) fn new(context: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(context))
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    pub(crate) fn map(&mut self, map: &BTreeMap<String, String>) {
        self.number(map.len() as u64);
        for (name, value) in map {
            self.text(name);
            self.text(value);
        }
    }

    pub(crate) fn finish(&self) -> B256 {
        B256::new(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::bundle::tests::numbered;

    fn metadata(bundle: &Bundle) -> ProofMetadata {
        let metadata = ProofMetadata {
            model: "model".into(),
            circuit_hash: "circuit".into(),
            constraints: 1,
            public_value_bytes: 2,
            public_inputs: 3,
            prover_id: "prover".into(),
            version: "v1".into(),
            timestamp_ms: 4,
            proof_hash: bundle.manifest().proof_hash,
            proof_bytes: bundle.proof().len(),
            statement_id: bundle.statement().id(),
            parameters: BTreeMap::new(),
            streamed: None,
            steps: None,
            digest: B256::ZERO,
        };
        metadata.sealed()
    }

    /// Sealed again, so that the digest is right: whatever names another bundle does not bind this one.
    #[test]
    fn metadata_of_another_bundle_does_not_bind_this_one() {
        let bundle = numbered(1);
        let of = |change: fn(&mut ProofMetadata)| {
            let mut changed = metadata(&bundle);
            change(&mut changed);
            changed.sealed().binds(&bundle)
        };
        assert!(of(|_| ()));
        assert!(!of(|metadata| metadata.proof_hash = B256::ZERO));
        assert!(!of(|metadata| metadata.proof_bytes += 1));
        assert!(!of(|metadata| metadata.statement_id = B256::ZERO));
    }

    /// Every field is under the digest.
    #[test]
    fn no_field_changes_without_the_digest() {
        type Change = fn(&mut ProofMetadata);
        let changes: [Change; 14] = [
            |m| m.model.push('x'),
            |m| m.circuit_hash.push('x'),
            |m| m.constraints += 1,
            |m| m.public_value_bytes += 1,
            |m| m.public_inputs += 1,
            |m| m.prover_id.push('x'),
            |m| m.version.push('x'),
            |m| m.timestamp_ms += 1,
            |m| m.proof_hash = B256::ZERO,
            |m| m.proof_bytes += 1,
            |m| m.statement_id = B256::ZERO,
            |m| drop(m.parameters.insert("name".into(), "value".into())),
            |m| m.streamed = Some(crate::ezkl::proof_creation::Streamed::of(&[])),
            |m| m.steps = Some(0),
        ];
        let original = metadata(&numbered(1));
        for (at, change) in changes.into_iter().enumerate() {
            let mut changed = original.clone();
            change(&mut changed);
            assert_ne!(changed.compute_digest(), original.digest, "field {at}");
        }
    }
}
