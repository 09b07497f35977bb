//! Bundles: the file that travels. Statements, the proof of them all, and what a verifier has to know about the model.

use super::{
    Context, Schema, SchemaError, Statement,
    identity::{self, ModelParts},
};
use alloy::primitives::{B256, Bytes, keccak256};
use serde::{Deserialize, Serialize};

/// The largest bundle file that is read, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 64 * 1024 * 1024;
const FORMAT: &str = "zkinfer-bundle";
const VERSION: u32 = 2;
/// The largest model code that a bundle carries: EIP-170's limit, since it is code that stands on a chain.
pub const MAX_MODEL_CODE_BYTES: usize = 24_576;
/// The most statements that one proof is about: the bound of `docs/protocol.md` §1.1.
pub const MAX_STATEMENTS: usize = 4096;

/// One or more statements about one model, with one proof of all of them. Its fields agree with each other: whoever holds one knows that they were
/// checked.
/// Whether the proof proves the statements is a verifier's to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    format: &'static str,
    version: u32,
    statements: Vec<Statement>,
    proof: Bytes,
    manifest: Manifest,
}

/// What a bundle says of the model and of how the proof was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Which backend proved.
    pub backend: BackendName,
    /// Its version.
    pub backend_version: String,
    /// Part of the model id.
    pub adapter_id: B256,
    /// Part of the model id.
    pub model_code_hash: B256,
    /// The run-time code that has this hash, so that the bundle can be verified where there are no artifacts: native's
    /// key object, EZKL's verifier. Optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_code: Option<Bytes>,
    /// Part of the model id.
    pub vk_digest: B256,
    /// Canonical bytes of the schema.
    pub schema: Bytes,
    /// Its hash, part of the model id.
    pub schema_hash: B256,
    /// Part of the model id.
    pub srs_id: B256,
    /// Whether the SRS is the TEST one: everybody knows its tau, and can prove anything.
    pub test_srs: bool,
    /// Whether somebody who sees the proof can submit it under a statement of their own.
    pub transferable: bool,
    /// What the proof hides of the weights, in words.
    pub weights: String,
    /// SHA-256 of the proof bytes.
    pub proof_hash: B256,
    /// When the proof was made, Unix time in milliseconds. Said by the prover, bound by nothing.
    pub created_at_ms: u64,
}

impl Manifest {
    /// What the model id is made of.
    #[must_use]
    pub const fn model_parts(&self) -> ModelParts {
        ModelParts {
            adapter_id: self.adapter_id,
            model_code_hash: self.model_code_hash,
            vk_digest: self.vk_digest,
            schema_hash: self.schema_hash,
            srs_id: self.srs_id,
        }
    }
}

/// The backends that bundles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BackendName {
    /// EZKL, driven as an external process.
    Ezkl,
    /// The native prover of this project.
    Native,
    /// Proves nothing; for tests of callers.
    Mock,
}

impl BackendName {
    /// As it is written in bundles and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ezkl => "ezkl",
            Self::Native => "native",
            Self::Mock => "mock",
        }
    }
}

impl std::fmt::Display for BackendName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why bytes are no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Larger than [`MAX_BUNDLE_BYTES`].
    #[error("the bundle has {0} bytes; more than {MAX_BUNDLE_BYTES} are not read")]
    TooLarge(usize),
    /// Not the JSON of a bundle.
    #[error("this is not a bundle that `zkinfer prove` wrote: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Of another format or version.
    #[error("the bundle's format is `{format}` version {version}; this release reads `{FORMAT}` version {VERSION}")]
    UnknownFormat {
        /// As the file says.
        format: String,
        /// As the file says.
        version: u32,
    },
    /// There are no statements, or too many.
    #[error("the bundle has {0} statements; it takes 1 to {MAX_STATEMENTS}")]
    Count(usize),
    /// The model's code is larger than [`MAX_MODEL_CODE_BYTES`].
    #[error("the bundle's model code has {0} bytes; no chain holds more than {MAX_MODEL_CODE_BYTES}")]
    ModelCode(usize),
    /// The schema or the public values are not canonical.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Two fields contradict each other.
    #[error("the bundle contradicts itself: `{field}` is {found}, but the other fields make it {expected}")]
    Contradiction {
        /// The derived field.
        field: &'static str,
        /// What follows from the others.
        expected: B256,
        /// What the file says.
        found: B256,
    },
}

impl Bundle {
    /// Puts a bundle together.
    ///
    /// # Errors
    /// [`BundleError::Count`], [`BundleError::ModelCode`], [`BundleError::Schema`] or [`BundleError::Contradiction`] when the parts do not belong
    /// together.
    pub fn new(statements: Vec<Statement>, proof: Bytes, manifest: Manifest) -> Result<Self, BundleError> {
        let bundle = Self { format: FORMAT, version: VERSION, statements, proof, manifest };
        bundle.check()?;
        Ok(bundle)
    }

    /// What is claimed, in the order that the proof binds; at least one.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The first statement: the only one unless [`Bundle::is_batch`].
    #[must_use]
    pub fn statement(&self) -> &Statement {
        // `check` refuses an empty list.
        &self.statements[0]
    }

    /// Whether one proof is about several statements.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        self.statements.len() > 1
    }

    /// The model that all statements are about.
    #[must_use]
    pub fn model_id(&self) -> B256 {
        self.statement().model_id
    }

    /// The canonical proof bytes.
    #[must_use]
    pub const fn proof(&self) -> &Bytes {
        &self.proof
    }

    /// What the bundle says of the model.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The schema, read from the manifest.
    ///
    /// # Errors
    /// None for a bundle that exists: the schema was read when it was made.
    pub fn schema(&self) -> Result<Schema, SchemaError> {
        Schema::from_bytes(&self.manifest.schema)
    }

    /// The Standard encoding: JSON, pretty-printed, one final newline.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and byte strings only: nothing that serde_json can refuse.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Reads the Standard encoding.
    ///
    /// # Errors
    /// [`BundleError`]; nothing that it returns has an inner contradiction.
    pub fn from_json(json: &[u8]) -> Result<Self, BundleError> {
        if json.len() > MAX_BUNDLE_BYTES {
            return Err(BundleError::TooLarge(json.len()));
        }
        let raw: Raw = serde_json::from_slice(json)?;
        if raw.format != FORMAT || raw.version != VERSION {
            return Err(BundleError::UnknownFormat { format: raw.format, version: raw.version });
        }
        Self::new(raw.statements, raw.proof, raw.manifest)
    }

    fn check(&self) -> Result<(), BundleError> {
        let manifest = &self.manifest;
        if self.statements.is_empty() || self.statements.len() > MAX_STATEMENTS {
            return Err(BundleError::Count(self.statements.len()));
        }
        let schema = self.schema()?;
        expect("manifest.schemaHash", schema.hash(), manifest.schema_hash)?;
        if let Some(code) = &manifest.model_code {
            if code.len() > MAX_MODEL_CODE_BYTES {
                return Err(BundleError::ModelCode(code.len()));
            }
            expect("manifest.modelCodeHash", keccak256(code), manifest.model_code_hash)?;
        }
        let model_id = identity::model_id(&manifest.model_parts());
        for statement in &self.statements {
            expect("statements.modelId", model_id, statement.model_id)?;
            schema.decode(&statement.public_values)?;
        }
        expect("manifest.proofHash", identity::proof_hash(&self.proof), manifest.proof_hash)
    }

    /// The same proof under another context. Only sound for proofs that bind none.
    ///
    /// # Errors
    /// Gives the bundle back when its proof binds its statement.
    pub fn with_context(mut self, context: Context) -> Result<Self, Box<Self>> {
        if !self.manifest.transferable {
            return Err(Box::new(self));
        }
        for statement in &mut self.statements {
            statement.context = context;
        }
        Ok(self)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    format: String,
    version: u32,
    statements: Vec<Statement>,
    proof: Bytes,
    manifest: Manifest,
}

fn expect(field: &'static str, expected: B256, found: B256) -> Result<(), BundleError> {
    if expected == found { Ok(()) } else { Err(BundleError::Contradiction { field, expected, found }) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::proof::{Assignment, schema::tests::two_tensors};
    use alloy::primitives::{Address, I256};

    /// A bundle whose values are all `number`.
    pub(crate) fn numbered(number: i64) -> Bundle {
        numbered_batch(number, 1)
    }

    pub(crate) fn numbered_batch(number: i64, statements: usize) -> Bundle {
        let one = bundle();
        let schema = one.schema().unwrap();
        let statement = |i: usize| {
            let value = I256::unchecked_from(number + i as i64);
            let values: Vec<_> = schema.tensors().iter().map(|t| vec![value; t.elements()]).collect();
            let context = if i.is_multiple_of(2) { one.statement().context } else { Context::Offchain {} };
            Statement { public_values: schema.encode(&values).unwrap(), context, ..one.statement().clone() }
        };
        let proof = Bytes::from([vec![number as u8; 40], (0..60).collect()].concat());
        let manifest = Manifest {
            proof_hash: identity::proof_hash(&proof),
            created_at_ms: number as u64,
            ..one.manifest().clone()
        };
        Bundle::new((0..statements).map(statement).collect(), proof, manifest).unwrap()
    }

    pub(crate) fn with_weights(bundle: &Bundle, weights: &str) -> Bundle {
        let mut bundle = bundle.clone();
        bundle.manifest.weights = weights.into();
        bundle
    }

    fn bundle() -> Bundle {
        let schema = two_tensors();
        let values: Vec<Vec<I256>> =
            schema.tensors().iter().map(|t| vec![I256::unchecked_from(3); t.elements()]).collect();
        let proof = Bytes::from(vec![7; 64]);
        let parts = ModelParts {
            adapter_id: B256::repeat_byte(1),
            model_code_hash: keccak256([2]),
            vk_digest: B256::repeat_byte(3),
            schema_hash: schema.hash(),
            srs_id: B256::repeat_byte(4),
        };
        let statement = Statement {
            model_id: identity::model_id(&parts),
            public_values: schema.encode(&values).unwrap(),
            context: Context::Chain {
                chain_id: 31337,
                registry: Address::repeat_byte(9),
                assignment: Assignment {
                    submitter: Address::repeat_byte(8),
                    consumer: Address::ZERO,
                    job: B256::ZERO,
                    deadline: u64::MAX,
                },
            },
        };
        let manifest = Manifest {
            backend: BackendName::Mock,
            backend_version: "0".into(),
            adapter_id: parts.adapter_id,
            model_code_hash: parts.model_code_hash,
            model_code: Some(Bytes::from(vec![2])),
            vk_digest: parts.vk_digest,
            schema: schema.to_bytes().into(),
            schema_hash: parts.schema_hash,
            srs_id: parts.srs_id,
            test_srs: true,
            transferable: true,
            weights: "none".into(),
            proof_hash: identity::proof_hash(&proof),
            created_at_ms: 1,
        };
        Bundle::new(vec![statement], proof, manifest).unwrap()
    }

    fn with_field(pointer: &str, value: serde_json::Value) -> Vec<u8> {
        let mut json: serde_json::Value = serde_json::from_slice(&bundle().to_json()).unwrap();
        *json.pointer_mut(pointer).unwrap() = value;
        serde_json::to_vec(&json).unwrap()
    }

    #[test]
    fn json_round_trips_exactly() {
        let json = bundle().to_json();
        let read = Bundle::from_json(&json).unwrap();
        assert_eq!(read, bundle());
        assert_eq!(read.to_json(), json);
    }

    /// Each derived field is checked: change any one and the bundle is refused by its name.
    #[test]
    fn contradictions_are_refused() {
        let word = serde_json::to_value(B256::repeat_byte(0xee)).unwrap();
        for (pointer, field) in [
            ("/statements/0/modelId", "statements.modelId"),
            ("/manifest/schemaHash", "manifest.schemaHash"),
            ("/manifest/proofHash", "manifest.proofHash"),
            ("/manifest/adapterId", "statements.modelId"),
            ("/manifest/modelCodeHash", "manifest.modelCodeHash"),
            ("/manifest/vkDigest", "statements.modelId"),
            ("/manifest/srsId", "statements.modelId"),
        ] {
            match Bundle::from_json(&with_field(pointer, word.clone())) {
                Err(BundleError::Contradiction { field: found, .. }) => assert_eq!(found, field, "{pointer}"),
                other => panic!("{pointer}: {other:?}"),
            }
        }
        let changed_proof = with_field("/proof", "0x00".into());
        assert!(matches!(
            Bundle::from_json(&changed_proof),
            Err(BundleError::Contradiction { field: "manifest.proofHash", .. })
        ));
        let short_values = with_field("/statements/0/publicValues", "0x00".into());
        assert!(matches!(Bundle::from_json(&short_values), Err(BundleError::Schema(_))));
        let bad_schema = with_field("/manifest/schema", "0x00".into());
        assert!(matches!(Bundle::from_json(&bad_schema), Err(BundleError::Schema(_))));
    }

    /// It is optional, bound by its hash, and bounded.
    #[test]
    fn a_models_code_has_the_hash_of_the_model_id() {
        let with_code = |code: Option<Vec<u8>>| {
            let mut manifest = bundle().manifest().clone();
            manifest.model_code = code.map(Bytes::from);
            Bundle::new(bundle().statements().to_vec(), bundle().proof().clone(), manifest)
        };
        let without = with_code(None).unwrap();
        assert!(!String::from_utf8(without.to_json()).unwrap().contains("modelCode\""));
        assert_eq!(Bundle::from_json(&without.to_json()).unwrap(), without);
        let mut json: serde_json::Value = serde_json::from_slice(&without.to_json()).unwrap();
        json["manifest"]["modelCodeHash"] = serde_json::to_value(B256::ZERO).unwrap();
        let renamed = Bundle::from_json(&serde_json::to_vec(&json).unwrap());
        assert!(matches!(renamed, Err(BundleError::Contradiction { field: "statements.modelId", .. })));
        for other in [vec![3], vec![]] {
            let refused = with_code(Some(other));
            assert!(matches!(refused, Err(BundleError::Contradiction { field: "manifest.modelCodeHash", .. })));
        }
        let large = with_code(Some(vec![2; MAX_MODEL_CODE_BYTES + 1]));
        assert!(matches!(large, Err(BundleError::ModelCode(size)) if size == MAX_MODEL_CODE_BYTES + 1));
    }

    #[test]
    fn other_formats_unknown_fields_and_oversize_are_refused() {
        assert!(matches!(Bundle::from_json(&with_field("/version", 1.into())), Err(BundleError::UnknownFormat { .. })));
        assert!(matches!(
            Bundle::from_json(&with_field("/format", "other".into())),
            Err(BundleError::UnknownFormat { .. })
        ));
        let mut json: serde_json::Value = serde_json::from_slice(&bundle().to_json()).unwrap();
        json["manifest"]["extra"] = 1.into();
        assert!(matches!(Bundle::from_json(&serde_json::to_vec(&json).unwrap()), Err(BundleError::Malformed(_))));
        assert!(matches!(Bundle::from_json(&vec![b' '; MAX_BUNDLE_BYTES + 1]), Err(BundleError::TooLarge(_))));
        assert!(matches!(Bundle::from_json(b"{"), Err(BundleError::Malformed(_))));
    }

    #[test]
    fn a_bundle_has_one_statement_at_least_and_all_are_of_its_model() {
        let one = bundle();
        let of = |statements: Vec<Statement>| Bundle::new(statements, one.proof().clone(), one.manifest().clone());
        assert!(matches!(of(vec![]), Err(BundleError::Count(0))));
        let many = vec![one.statement().clone(); MAX_STATEMENTS + 1];
        assert!(matches!(of(many), Err(BundleError::Count(count)) if count == MAX_STATEMENTS + 1));
        let mut other = one.statement().clone();
        other.model_id = B256::repeat_byte(0xee);
        let mixed = of(vec![one.statement().clone(), other]);
        assert!(matches!(mixed, Err(BundleError::Contradiction { field: "statements.modelId", .. })));
        let batch = of(vec![one.statement().clone(); 3]).unwrap();
        assert!(batch.is_batch());
        assert_eq!(Bundle::from_json(&batch.to_json()).unwrap(), batch);
    }

    #[test]
    fn only_transferable_proofs_change_context() {
        let moved = bundle().with_context(Context::Offchain {}).unwrap();
        assert_eq!(moved.statement().context, Context::Offchain {});
        let mut bound = bundle();
        bound.manifest.transferable = false;
        assert!(bound.with_context(Context::Offchain {}).is_err());
    }
}
