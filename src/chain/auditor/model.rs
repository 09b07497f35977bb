//! The model of a claim: its record, its code, its id.

use super::{
    report::{CheckName, CommittedFact, Facts, Ledger, TensorFact},
    submission::Submission,
};
use crate::{
    chain::{
        ChainError, Node,
        bindings::{IModelRegistry, ModelKey},
    },
    evm::{KeyObject, Page, artifacts, verify::part_place},
    proof::{
        PublicValues, Schema, TensorSchema,
        identity::{ModelParts, model_id},
        schema::{Direction, Visibility},
        srs::{SrsKind, srs_kind},
    },
};
use alloy::{
    primitives::{Address, B256, Bytes, keccak256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};

/// The ranges of blocks that are searched where a node refuses all: what providers allow, in blocks.
const LOG_RANGES: [u64; 4] = [10_000, 2_000, 500, 100];
/// The most requests of this kind: one that goes back further takes a node that allows more.
const LOG_REQUESTS: u32 = 500;

/// A model whose record and code were fetched.
pub(super) struct AuditedModel {
    pub(super) parts: ModelParts,
    pub(super) key: ModelKey,
    pub(super) adapter: Address,
    pub(super) adapter_code: Bytes,
    /// `None`: the model has no code of its own.
    pub(super) model_code: Option<Bytes>,
    /// What the model's own code names by address.
    pub(super) pages: Vec<Page>,
    /// `None`: the node did not give it.
    pub(super) schema: Option<Bytes>,
}

/// Fetches the record and the code, and derives the id from them. `None` when there is nothing to verify with.
pub(super) async fn fetch(
    node: &Node,
    submission: &Submission,
    ledger: &mut Ledger,
    facts: &mut Facts,
) -> Result<Option<AuditedModel>, ChainError> {
    let Some(registry) = facts.model_registry else { return Ok(None) };
    let wanted = submission.model_id;
    let record = match node.view(registry, &IModelRegistry::modelCall { modelId: wanted }).await {
        Ok(record) => record,
        Err(error @ (ChainError::Refused { .. } | ChainError::BadAnswer { .. })) => {
            ledger.enter(CheckName::ModelId, Err(error.to_string()));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let adapter_code = node.code(record.adapter).await?;
    let model_code = if record.modelCode.is_zero() { None } else { Some(node.code(record.modelCode).await?) };
    let parts = ModelParts {
        adapter_id: keccak256(&adapter_code),
        model_code_hash: model_code.as_ref().map_or(B256::ZERO, keccak256),
        vk_digest: record.vkDigest,
        schema_hash: record.schemaHash,
        srs_id: record.srsId,
    };
    state(facts, &record, &parts);
    let derived = model_id(&parts);
    let id = if derived == wanted {
        Ok(format!("{derived}"))
    } else {
        Err(format!("the record and the code that is there now hash to {derived}, not to {wanted}"))
    };
    ledger.enter(CheckName::ModelId, id);
    match facts.adapter_name {
        Some(name) => {
            ledger.enter(CheckName::Adapter, part(node, record.adapter, parts.adapter_id, name).await?);
        }
        None => ledger.undecided(
            CheckName::Adapter,
            format!("unknown adapter {}: whether it verifies anything is not known here", parts.adapter_id),
        ),
    }
    let schema = check_schema(node, registry, submission, ledger, facts).await?;
    match srs_kind(parts.srs_id) {
        SrsKind::Listed(_) => {}
        SrsKind::Test => ledger.warn(format!(
            "NOT SECURE: SRS {} is TEST: everybody knows its secret, and can forge proofs",
            parts.srs_id
        )),
        _ => ledger.warn(format!(
            "SRS {} is unlisted: of no ceremony that this release knows; whoever knows its secret can forge proofs",
            parts.srs_id
        )),
    }
    if facts.transferable() {
        ledger.warn(
            "transferable: the proof is not bound to this claim, so that whoever saw it could have submitted it; \
             the claim does not show that its submitter ran the model",
        );
    }
    let key = ModelKey {
        modelId: wanted,
        modelCode: record.modelCode,
        vkDigest: record.vkDigest,
        schemaHash: record.schemaHash,
        srsId: record.srsId,
    };
    let pages = pages(node, parts.adapter_id, model_code.as_ref()).await?;
    Ok(Some(AuditedModel { parts, key, adapter: record.adapter, adapter_code, model_code, pages, schema }))
}

/// What an adapter of this release calls besides, where it calls it: the adapter refuses every other code, and so does the audit.
async fn part(
    node: &Node,
    adapter: Address,
    adapter_id: B256,
    name: &str,
) -> Result<Result<String, String>, ChainError> {
    let Some(part) = artifacts::part_of(adapter_id) else { return Ok(Ok(name.to_owned())) };
    let (place, part_name) = (part_place(adapter), &part.contract_name);
    let code = node.code(place).await?;
    if code == part.deployed_bytecode {
        return Ok(Ok(format!("{name}, with {part_name} at {place}")));
    }
    Ok(Err(format!("the code at {place} hashes to {}, and is not {part_name} of this release", keccak256(code))))
}

/// The pages of a network's program. That they are those of the key is for the verifiers to find.
async fn pages(node: &Node, adapter_id: B256, code: Option<&Bytes>) -> Result<Vec<Page>, ChainError> {
    let network = code.filter(|_| artifacts::is_network_verifier(adapter_id));
    let Some(object) = network.and_then(|code| KeyObject::read(code)) else { return Ok(Vec::new()) };
    let mut pages = Vec::with_capacity(object.pages.len());
    for address in object.pages {
        pages.push(Page { address, code: node.code(address).await? });
    }
    Ok(pages)
}

fn state(facts: &mut Facts, record: &IModelRegistry::Model, parts: &ModelParts) {
    facts.adapter = Some(record.adapter);
    facts.adapter_id = Some(parts.adapter_id);
    facts.adapter_name = artifacts::adapter_by_id(parts.adapter_id);
    facts.model_code = (!record.modelCode.is_zero()).then_some(record.modelCode);
    facts.model_code_hash = Some(parts.model_code_hash);
    facts.vk_digest = Some(parts.vk_digest);
    facts.schema_hash = Some(parts.schema_hash);
    facts.srs_id = Some(parts.srs_id);
    facts.srs = Some(srs_kind(parts.srs_id));
}

/// The schema is only in the registration's event. Nodes may refuse to search for it.
async fn check_schema(
    node: &Node,
    registry: Address,
    submission: &Submission,
    ledger: &mut Ledger,
    facts: &mut Facts,
) -> Result<Option<Bytes>, ChainError> {
    let schema = match registered_schema(node, registry, submission.model_id, submission.block_number).await {
        Ok(schema) => schema,
        Err(error @ ChainError::Unreachable { .. }) => return Err(error),
        Err(error) => {
            let reason =
                format!("the node does not search for the registration ({error}); ask one that keeps old events");
            ledger.skip(CheckName::Schema, reason);
            ledger.warn("the public values were not compared with the model's schema");
            return Ok(None);
        }
    };
    let Some(schema) = schema else {
        ledger.skip(CheckName::Schema, "the node has no event of the registration");
        ledger.warn("the public values were not compared with the model's schema");
        return Ok(None);
    };
    ledger.enter(CheckName::Schema, read_values(&schema, facts));
    Ok(Some(schema))
}

/// Looks for the registration: at once, and where the node refuses so many blocks, back from the claim in smaller ranges. A
/// model is registered before it is claimed.
async fn registered_schema(
    node: &Node,
    registry: Address,
    model_id: B256,
    claimed: u64,
) -> Result<Option<Bytes>, ChainError> {
    let what = "the registration";
    let filter = Filter::new()
        .address(registry)
        .event_signature(IModelRegistry::ModelRegistered::SIGNATURE_HASH)
        .topic1(model_id);
    let mut refused = match node.logs(what, &filter.clone().from_block(0).to_block(claimed)).await {
        Ok(logs) => return Ok(published(registry, &logs)),
        Err(error @ ChainError::Unreachable { .. }) => return Err(error),
        Err(error) => error,
    };
    let (mut sizes, mut end) = (LOG_RANGES.iter(), claimed);
    let Some(mut size) = sizes.next().copied() else { return Err(refused) };
    for _ in 0..LOG_REQUESTS {
        let begin = (end + 1).saturating_sub(size);
        match node.logs(what, &filter.clone().from_block(begin).to_block(end)).await {
            Ok(logs) => match published(registry, &logs) {
                Some(schema) => return Ok(Some(schema)),
                None if begin == 0 => return Ok(None),
                None => end = begin - 1,
            },
            Err(error @ ChainError::Unreachable { .. }) => return Err(error),
            Err(error) => {
                refused = error;
                match sizes.next() {
                    Some(smaller) => size = *smaller,
                    None => return Err(refused),
                }
            }
        }
    }
    Err(refused)
}

fn published(registry: Address, logs: &[Log]) -> Option<Bytes> {
    logs.iter()
        .filter(|log| log.address() == registry)
        .find_map(|log| IModelRegistry::ModelRegistered::decode_log_validate(&log.inner).ok())
        .map(|event| event.data.schema)
}

/// Reads the public values of every audited claim.
fn read_values(schema: &Bytes, facts: &mut Facts) -> Result<String, String> {
    let schema = Schema::from_bytes(schema).map_err(|error| error.to_string())?;
    if Some(schema.hash()) != facts.schema_hash {
        return Err("the published schema does not hash to the registered one".into());
    }
    let several = facts.claims.len() > 1;
    for claim in &mut facts.claims {
        let values = PublicValues::from_bytes(claim.public_values.clone());
        claim.tensors = tensors(&schema, &values).map_err(|error| match several {
            true => format!("statement {}: {error}", claim.statement_id),
            false => error,
        })?;
        claim.committed = committed(&schema);
    }
    let count = schema.public_tensors().count();
    let hidden = schema.tensors().len() - count;
    let committed = if hidden > 0 { format!("; {hidden} committed") } else { String::new() };
    Ok(format!("{count} public tensors, every element in its range{committed}"))
}

fn tensors(schema: &Schema, values: &PublicValues) -> Result<Vec<TensorFact>, String> {
    let decoded = schema.decode(values).map_err(|error| error.to_string())?;
    Ok(schema
        .public_tensors()
        .zip(decoded)
        .map(|(tensor, elements)| TensorFact {
            name: tensor.name.clone(),
            direction: word(tensor.direction),
            shape: tensor.shape.clone(),
            values: elements.into_iter().enumerate().map(|(index, q)| tensor.dequantize(index, q)).collect(),
        })
        .collect())
}

fn committed(schema: &Schema) -> Vec<CommittedFact> {
    let hidden = schema.tensors().iter().filter(|tensor| tensor.visibility == Visibility::Committed);
    let fact = |tensor: &TensorSchema| CommittedFact {
        name: tensor.name.clone(),
        direction: word(tensor.direction),
        shape: tensor.shape.clone(),
    };
    hidden.map(fact).collect()
}

fn word(direction: Direction) -> String {
    match direction {
        Direction::Input => "input".into(),
        Direction::Output => "output".into(),
    }
}
