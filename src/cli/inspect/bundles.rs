//! What is in bundles, alone or in structures.

use super::super::{Failure, answers::Answers, form, hidden, report};
use alloy::primitives::{B256, keccak256};
use serde_json::{Value, json};
use std::path::Path;
use zkinfer::{
    backend::{Opening, Openings},
    pipeline::{PipelineError, answer::numbers},
    proof::{
        Branch, Bundle, PublicValues, Schema, Statement, Structure,
        schema::{Direction, TensorSchema, Visibility},
        srs::srs_kind,
    },
};

/// Reads a file of bundles, and what opens them.
pub(super) fn of_file(path: &Path, openings: Option<&Path>, mut answers: Answers) -> Result<(Value, String), Failure> {
    let read = form::read(path)?;
    let openings = openings.map(|path| hidden::read_for(&read, path)).transpose()?;
    answers.read(&read, openings.as_ref())?;
    let (mut object, text) = structure(&read, openings.as_ref())?;
    object["answers"] = answers.object();
    Ok((object, format!("{text}What it says of the outputs:\n{}", answers.text())))
}

/// Bundles, each as it is shown alone, and how they hang together.
fn structure(structure: &Structure, openings: Option<&Openings>) -> Result<(Value, String), Failure> {
    let bundles = structure.bundles();
    let opened = match openings {
        // They were checked: there is one for every statement.
        Some(openings) => hidden::split(&bundles, openings).unwrap_or_default().into_iter().map(Some).collect(),
        None => vec![None; bundles.len()],
    };
    let mut inner = bundles.iter().zip(opened).map(|(inner, opened)| bundle(inner, opened));
    if let Structure::Single(only) = structure {
        return inner.next().unwrap_or_else(|| bundle(only, None));
    }
    let ids = structure.statement_ids();
    let shown = inner.map(|shown| shown.map(|(object, _)| object)).collect::<Result<Vec<_>, _>>()?;
    let mut models: Vec<String> = bundles.iter().map(|inner| inner.model_id().to_string()).collect();
    models.sort();
    models.dedup();
    let kind = form::kind(structure);
    let mut object = json!({
        "kind": kind,
        "verified": false,
        "depth": structure.depth(),
        "root": structure.root(),
        "model_ids": models,
        "statement_ids": ids,
        "bundles": shown,
    });
    if let Structure::Recursive(tree) = structure {
        object["tree"] = nested(tree.children(), &mut 0);
    }
    let text = format!(
        "A {kind} of bundles, not verified here\n{}",
        report::rows(&[
            ("bundles".into(), format!("{}, depth {}", bundles.len(), structure.depth())),
            ("statements".into(), report::listed(&ids)),
            ("Merkle root".into(), structure.root().to_string()),
            ("model ids".into(), models.join(", ")),
        ])
    );
    Ok((object, text))
}

/// The numbers of a tree's bundles, nested as they are.
fn nested(branches: &[Branch], next: &mut usize) -> Value {
    let one = |branch: &Branch| match branch {
        Branch::Inner(children) => nested(children, next),
        Branch::Leaf(_) => {
            *next += 1;
            json!(*next - 1)
        }
    };
    branches.iter().map(one).collect()
}

fn bundle(bundle: &Bundle, openings: Option<&[Opening]>) -> Result<(Value, String), Failure> {
    let (manifest, schema) = (bundle.manifest(), bundle.schema().map_err(PipelineError::from)?);
    let statements = bundle
        .statements()
        .iter()
        .enumerate()
        .map(|(at, statement)| of_statement(&schema, statement, openings.and_then(|openings| openings.get(at))));
    let statements = statements.collect::<Result<Vec<Value>, _>>()?;
    let ids: Vec<B256> = bundle.statements().iter().map(Statement::id).collect();
    let code = manifest.model_code.as_ref().map(|code| code.len());
    let object = json!({
        "kind": "bundle",
        "verified": false,
        "opened": openings.is_some(),
        "model_id": bundle.model_id(),
        "backend": manifest.backend,
        "backend_version": manifest.backend_version,
        "adapter_id": manifest.adapter_id,
        "adapter": zkinfer::evm::artifacts::adapter_by_id(manifest.adapter_id),
        "model_code_hash": manifest.model_code_hash,
        "model_code_bytes": code,
        "vk_digest": manifest.vk_digest,
        "schema_hash": manifest.schema_hash,
        "srs_id": manifest.srs_id,
        "srs_kind": srs_kind(manifest.srs_id).word(),
        "proof_bytes": bundle.proof().len(),
        "proof_hash": manifest.proof_hash,
        "says": { "test_srs": manifest.test_srs, "transferable": manifest.transferable, "weights": manifest.weights,
                  "created_at_ms": manifest.created_at_ms },
        "statements": statements,
    });
    let carried = code.map_or_else(|| "not carried".into(), |size| format!("{size} bytes, carried"));
    let mut rows = vec![
        ("backend".into(), format!("{} {}", manifest.backend, manifest.backend_version)),
        ("model id".into(), bundle.model_id().to_string()),
        ("statement".into(), report::listed(&ids)),
        ("proof".into(), format!("{} bytes, SHA-256 {}", bundle.proof().len(), manifest.proof_hash)),
        ("model's code".into(), carried),
        ("SRS".into(), manifest.srs_id.to_string()),
    ];
    for tensor in schema.tensors().iter().filter(|tensor| tensor.visibility == Visibility::Committed) {
        let opened = if openings.is_some() { "opened: its values are in --json" } else { "--openings FILE shows it" };
        rows.push((
            format!("hidden {}", word(tensor)),
            format!("{}, {} elements; {opened}", tensor.name, tensor.elements()),
        ));
    }
    let text = format!("A bundle, not verified here\n{}", report::rows(&rows));
    Ok((object, text))
}

fn of_statement(schema: &Schema, statement: &Statement, opening: Option<&Opening>) -> Result<Value, Failure> {
    Ok(json!({
        "statement_id": statement.id(),
        "context": statement.context,
        "context_id": statement.context.id(),
        "public_values_hash": keccak256(statement.public_values.as_bytes()),
        "tensors": tensors(schema, &statement.public_values, opening)?,
    }))
}

/// The tensors with their numbers, of hidden ones the commitments.
fn tensors(schema: &Schema, values: &PublicValues, opening: Option<&Opening>) -> Result<Value, Failure> {
    let parts = schema.split(values).map_err(PipelineError::from)?;
    let tensors = numbers(schema, values, opening).map_err(PipelineError::from)?.into_iter().zip(parts).map(
        |((tensor, numbers), (_, bytes))| {
            let commitment = (tensor.visibility == Visibility::Committed).then(|| alloy::hex::encode_prefixed(bytes));
            json!({
                "name": tensor.name,
                "direction": word(tensor),
                "visibility": tensor.visibility,
                "shape": tensor.shape,
                "commitment": commitment,
                "values": numbers,
            })
        },
    );
    Ok(tensors.collect())
}

pub(super) const fn word(tensor: &TensorSchema) -> &'static str {
    match tensor.direction {
        Direction::Input => "input",
        Direction::Output => "output",
    }
}
