//! A structure as a table of models, a list of bundles and a tree of their numbers: what both encodings write.

use super::{EncodingError, MAX_STATEMENTS, SchemaError};
use crate::proof::{
    Aggregated, Bundle, Context, Manifest, PublicValues, Recursive, Schema, Statement, Structure,
    bundle::{self, BackendName},
    identity::{self, ModelParts},
    structure::{Branch, MAX_BUNDLES, MAX_DEPTH, StructureError},
};
use alloy::primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};

const AGGREGATED: &str = "zkinfer-aggregated";
const RECURSIVE: &str = "zkinfer-recursive";
const VERSION: u32 = 1;
/// A row is copied into every bundle that points to it: without bounds, a small file would fill the memory.
const MAX_VERSION_CHARS: usize = 128;
const MAX_WEIGHTS_CHARS: usize = 1024;

#[derive(Debug, PartialEq)]
pub(super) struct Flat {
    pub(super) models: Vec<ModelRow>,
    pub(super) bundles: Vec<BundleRow>,
    pub(super) form: Form,
}

#[derive(Debug, PartialEq)]
pub(super) enum Form {
    Single,
    List { linked: bool },
    Tree(Vec<Shape>),
}

/// Bundles by number, each once and in order.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Shape {
    Leaf(u32),
    Inner(Vec<Shape>),
}

/// A manifest without what follows from the bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ModelRow {
    pub(super) backend: BackendName,
    pub(super) backend_version: String,
    pub(super) adapter_id: B256,
    pub(super) model_code_hash: B256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model_code: Option<Bytes>,
    pub(super) vk_digest: B256,
    pub(super) schema: Bytes,
    pub(super) srs_id: B256,
    pub(super) test_srs: bool,
    pub(super) transferable: bool,
    pub(super) weights: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BundleRow {
    pub(super) model: u32,
    pub(super) created_at_ms: u64,
    pub(super) statements: Vec<StatementRow>,
    pub(super) proof: Bytes,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StatementRow {
    pub(super) context: Context,
    pub(super) public_values: PublicValues,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Json {
    format: String,
    version: u32,
    root: B256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    linked: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tree: Option<Vec<Shape>>,
    models: Vec<ModelRow>,
    bundles: Vec<BundleRow>,
}

#[derive(Deserialize)]
struct Head {
    format: String,
}

/// Whether JSON is a bundle alone, which [`Bundle::from_json`] reads.
pub(super) fn is_bundle(json: &[u8]) -> Result<bool, EncodingError> {
    let head: Head = serde_json::from_slice(json)?;
    Ok(![AGGREGATED, RECURSIVE].contains(&head.format.as_str()))
}

impl Flat {
    pub(super) fn of(structure: &Structure) -> Self {
        let mut models: Vec<ModelRow> = Vec::new();
        let bundles = structure
            .bundles()
            .into_iter()
            .map(|bundle| {
                let row = ModelRow::of(bundle.manifest());
                let model = models.iter().position(|other| *other == row).unwrap_or_else(|| {
                    models.push(row);
                    models.len() - 1
                });
                BundleRow::of(bundle, model)
            })
            .collect();
        let form = match structure {
            Structure::Single(_) => Form::Single,
            Structure::Aggregated(list) => Form::List { linked: list.is_linked() },
            Structure::Recursive(tree) => Form::Tree(shapes(tree.children(), &mut 0)),
        };
        Self { models, bundles, form }
    }

    pub(super) fn into_structure(self) -> Result<Structure, EncodingError> {
        if self.bundles.len() > MAX_BUNDLES {
            return Err(StructureError::Count(self.bundles.len()).into());
        }
        let models = self.models.iter().map(ModelRow::check).collect::<Result<Vec<_>, _>>()?;
        let bundles = self.bundles.into_iter().map(|row| row.into_bundle(&self.models, &models));
        let mut bundles = bundles.collect::<Result<Vec<_>, _>>()?;
        Ok(match self.form {
            Form::Single => match (bundles.pop(), bundles.is_empty()) {
                (Some(bundle), true) => bundle.into(),
                (_, _) => return Err(EncodingError::NotCanonical("a bundle alone is one bundle")),
            },
            Form::List { linked } => Structure::Aggregated(Aggregated::with_links(bundles, linked)?),
            Form::Tree(shapes) => {
                let mut rest = bundles.into_iter().enumerate();
                let children = branches(shapes, &mut rest, MAX_DEPTH)?;
                if rest.next().is_some() {
                    return Err(EncodingError::NotCanonical("a bundle is not in the tree"));
                }
                Structure::Recursive(Recursive::new(children)?)
            }
        })
    }

    /// # Panics
    /// Never for `Form::Single`, which has its own JSON and is not written here.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let (format, linked, tree) = match &self.form {
            Form::Single => ("", None, None),
            Form::List { linked } => (AGGREGATED, Some(*linked), None),
            Form::Tree(shapes) => (RECURSIVE, None, Some(shapes)),
        };
        let ids = self.statement_ids();
        let root = crate::proof::merkle::MerkleTree::new(&ids).map(|tree| tree.root()).unwrap_or_default();
        let mut object = serde_json::json!({ "format": format, "version": VERSION, "root": root });
        object["linked"] = serde_json::json!(linked);
        object["tree"] = serde_json::json!(tree);
        object["models"] = serde_json::json!(self.models);
        object["bundles"] = serde_json::json!(self.bundles);
        if let Some(fields) = object.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        // Strings, numbers and lists only: nothing that serde_json can refuse.
        let mut json = serde_json::to_vec_pretty(&object).unwrap_or_default();
        json.push(b'\n');
        json
    }

    pub(super) fn from_json(json: &[u8]) -> Result<Self, EncodingError> {
        let raw: Json = serde_json::from_slice(json)?;
        let form = match (raw.format.as_str(), raw.version, raw.linked, raw.tree) {
            (AGGREGATED, VERSION, Some(linked), None) => Form::List { linked },
            (RECURSIVE, VERSION, None, Some(tree)) => Form::Tree(tree),
            (AGGREGATED | RECURSIVE, VERSION, _, _) => {
                return Err(EncodingError::NotCanonical("`linked` is for lists, `tree` for trees"));
            }
            _ => return Err(EncodingError::UnknownFormat { format: raw.format, version: raw.version }),
        };
        let flat = Self { models: raw.models, bundles: raw.bundles, form };
        let ids = flat.statement_ids();
        let root = crate::proof::merkle::MerkleTree::new(&ids).map(|tree| tree.root()).unwrap_or_default();
        if root != raw.root {
            let found = raw.root;
            return Err(bundle::BundleError::Contradiction { field: "root", expected: root, found }.into());
        }
        Ok(flat)
    }

    fn statement_ids(&self) -> Vec<B256> {
        let models: Vec<B256> = self.models.iter().map(ModelRow::model_id).collect();
        let rows = self.bundles.iter().flat_map(|bundle| {
            let model = models.get(bundle.model as usize).copied().unwrap_or_default();
            bundle.statements.iter().map(move |row| (model, row))
        });
        rows.map(|(model, row)| identity::statement_id(model, row.public_values.as_bytes(), row.context.id())).collect()
    }
}

impl ModelRow {
    fn of(manifest: &Manifest) -> Self {
        Self {
            backend: manifest.backend,
            backend_version: manifest.backend_version.clone(),
            adapter_id: manifest.adapter_id,
            model_code_hash: manifest.model_code_hash,
            model_code: manifest.model_code.clone(),
            vk_digest: manifest.vk_digest,
            schema: manifest.schema.clone(),
            srs_id: manifest.srs_id,
            test_srs: manifest.test_srs,
            transferable: manifest.transferable,
            weights: manifest.weights.clone(),
        }
    }

    fn model_id(&self) -> B256 {
        identity::model_id(&ModelParts {
            adapter_id: self.adapter_id,
            model_code_hash: self.model_code_hash,
            vk_digest: self.vk_digest,
            schema_hash: identity::schema_hash(&self.schema),
            srs_id: self.srs_id,
        })
    }

    /// The model's id, if the row is within its bounds.
    fn check(&self) -> Result<B256, EncodingError> {
        let bounded = |what, text: &str, limit| {
            if text.len() > limit { Err(EncodingError::TooLong { what, limit }) } else { Ok(()) }
        };
        bounded("backendVersion", &self.backend_version, MAX_VERSION_CHARS)?;
        bounded("weights", &self.weights, MAX_WEIGHTS_CHARS)?;
        Schema::from_bytes(&self.schema).map_err(|error: SchemaError| EncodingError::Schema(error))?;
        Ok(self.model_id())
    }
}

impl BundleRow {
    fn of(bundle: &Bundle, model: usize) -> Self {
        let row = |statement: &Statement| StatementRow {
            context: statement.context,
            public_values: statement.public_values.clone(),
        };
        Self {
            // A structure has at most 4,096 bundles, hence no more models.
            model: model as u32,
            created_at_ms: bundle.manifest().created_at_ms,
            statements: bundle.statements().iter().map(row).collect(),
            proof: bundle.proof().clone(),
        }
    }

    fn into_bundle(self, rows: &[ModelRow], ids: &[B256]) -> Result<Bundle, EncodingError> {
        let at = self.model as usize;
        let (Some(row), Some(&model_id)) = (rows.get(at), ids.get(at)) else {
            return Err(EncodingError::NotCanonical("a bundle names a model that is not in the table"));
        };
        if self.statements.len() > MAX_STATEMENTS {
            return Err(bundle::BundleError::Count(self.statements.len()).into());
        }
        let statement =
            |row: StatementRow| Statement { model_id, public_values: row.public_values, context: row.context };
        let manifest = Manifest {
            backend: row.backend,
            backend_version: row.backend_version.clone(),
            adapter_id: row.adapter_id,
            model_code_hash: row.model_code_hash,
            model_code: row.model_code.clone(),
            vk_digest: row.vk_digest,
            schema: row.schema.clone(),
            schema_hash: identity::schema_hash(&row.schema),
            srs_id: row.srs_id,
            test_srs: row.test_srs,
            transferable: row.transferable,
            weights: row.weights.clone(),
            proof_hash: identity::proof_hash(&self.proof),
            created_at_ms: self.created_at_ms,
        };
        Ok(Bundle::new(self.statements.into_iter().map(statement).collect(), self.proof, manifest)?)
    }
}

fn shapes(branches: &[Branch], next: &mut u32) -> Vec<Shape> {
    let shape = |branch: &Branch| match branch {
        Branch::Leaf(_) => {
            *next += 1;
            Shape::Leaf(*next - 1)
        }
        Branch::Inner(children) => Shape::Inner(shapes(children, next)),
    };
    branches.iter().map(shape).collect()
}

fn branches(
    shapes: Vec<Shape>,
    rest: &mut impl Iterator<Item = (usize, Bundle)>,
    left: usize,
) -> Result<Vec<Branch>, EncodingError> {
    if left == 0 {
        return Err(StructureError::TooDeep.into());
    }
    let branch = |shape| match shape {
        Shape::Leaf(number) => match rest.next() {
            Some((index, bundle)) if index == number as usize => Ok(Branch::Leaf(Box::new(bundle))),
            _ => Err(EncodingError::NotCanonical("the tree does not have every bundle once and in order")),
        },
        Shape::Inner(children) => Ok(Branch::Inner(branches(children, rest, left - 1)?)),
    };
    shapes.into_iter().map(branch).collect()
}
