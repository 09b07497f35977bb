//! Running and proving again what was stated: for another context, or because somebody objected.

use super::{Backend, Failure, context, context::Session, entry, hidden};
use alloy::primitives::B256;
use std::path::Path;
use zkinfer::{
    backend::{Control, Opening, Openings, Witness},
    evm,
    model::Input,
    pipeline::{EZKLIntegration, PipelineError, Prepared, ProofGenerator, answer::numbers},
    proof::{Bundle, Context, Schema, Statement, schema::Direction},
};

/// The artifacts of a model on this machine, with what proves.
pub(crate) type Found = (EZKLIntegration, Prepared);

/// The bundle for a registry and an account, and whether it had to be proven again.
pub(crate) fn for_registry(
    bundle: Bundle,
    openings: Option<&Path>,
    context: Context,
    session: &Session,
) -> Result<(Bundle, bool), Failure> {
    // The adapter decides, not the manifest's word.
    if evm::artifacts::is_native_verifier(bundle.manifest().adapter_id) {
        return Ok((prove_again(&bundle, openings, context, session)?, true));
    }
    if openings.is_some() {
        return Err(Failure::Input("--openings is for native bundles that hide something".into()));
    }
    let bound = |_| Failure::Input("the bundle says that its proof binds its context, which is no chain's".into());
    Ok((bundle.with_context(context).map_err(bound)?, false))
}

/// Proves the bundle's statements for another context, from their public inputs and what opens the hidden ones.
fn prove_again(
    bundle: &Bundle,
    openings: Option<&Path>,
    context: Context,
    session: &Session,
) -> Result<Bundle, Failure> {
    let openings = match openings {
        Some(path) => Some(hidden::read_for(&bundle.clone().into(), path)?),
        None if bundle.schema().map_err(PipelineError::from)?.hides() => {
            return Err(Failure::Input(
                "the bundle hides inputs or outputs; proving it again takes what opens them: --openings FILE".into(),
            ));
        }
        None => None,
    };
    let found = entry::find(bundle).map_err(|error| match error {
        Failure::Pipeline(PipelineError::UnknownModel(id)) => Failure::Input(format!(
            "this proof binds its context, so that it has to be proven again for the registry, which takes the model's \
             artifacts: there are none of model {id} on this machine. Submit it from the machine that proved it"
        )),
        other => other,
    })?;
    let opened = |at: usize| openings.as_ref().and_then(|openings| openings.statements().get(at));
    let statements = bundle.statements().iter().map(|statement| Statement { context, ..statement.clone() });
    let runs: Vec<_> = statements.enumerate().map(|(at, statement)| (statement, opened(at))).collect();
    prove(&found, &runs, session.control())
}

/// The artifacts of a model, whatever its backend; `None` when there are none here.
pub(crate) fn find(model_id: B256) -> Result<Option<Found>, Failure> {
    for backend in [Backend::Native, Backend::Ezkl] {
        // A backend that is not installed has no artifacts.
        let Ok(integration) = context::integration(backend) else { continue };
        match integration.find(model_id) {
            Ok(prepared) => return Ok(Some((integration, prepared))),
            Err(PipelineError::UnknownModel(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Keeps the artifacts of a model in the cache for a holder, whatever its backend. Whether there are any.
pub(crate) fn pin(model_id: B256, holder: &str) -> Result<bool, Failure> {
    for backend in [Backend::Native, Backend::Ezkl] {
        let Ok(integration) = context::integration(backend) else { continue };
        if integration.pin(model_id, holder)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One proof of some statements, each with what opens its hidden tensors, in this order.
///
/// # Errors
/// [`Failure::Invalid`] when the model does not map the inputs to the outputs.
pub(crate) fn prove(
    found: &Found,
    runs: &[(Statement, Option<&Opening>)],
    control: &Control,
) -> Result<Bundle, Failure> {
    let witnesses = witnesses(found, runs, control)?;
    let runs: Vec<_> =
        witnesses.iter().zip(runs).map(|(witness, (statement, _))| (witness, statement.context)).collect();
    let (integration, prepared) = found;
    Ok(ProofGenerator::new(integration.backend(), prepared).prove_batch(&runs, control)?)
}

/// Runs the model again for some statements, which it has to say, commitments included.
///
/// # Errors
/// As [`prove`].
pub(crate) fn witnesses(
    (integration, prepared): &Found,
    runs: &[(Statement, Option<&Opening>)],
    control: &Control,
) -> Result<Vec<Witness>, Failure> {
    let generator = ProofGenerator::new(integration.backend(), prepared);
    let mut witnesses = Vec::with_capacity(runs.len());
    for (statement, opening) in runs {
        let witness = run(&generator, prepared, statement, *opening, control)?;
        if witness.public_values != statement.public_values {
            return Err(Failure::Invalid("INVALID: the model does not map the bundle's inputs to its outputs".into()));
        }
        witnesses.push(witness);
    }
    Ok(witnesses)
}

/// Whether the model maps a statement's inputs to its outputs; `None` when that cannot be told here.
pub(crate) fn is_true(
    statement: &Statement,
    openings: Option<&Openings>,
    at: usize,
    control: &Control,
) -> Result<Option<bool>, Failure> {
    let Some((integration, prepared)) = find(statement.model_id)? else { return Ok(None) };
    let opening = openings.and_then(|openings| openings.statements().get(at));
    if opening.is_none() && schema(&prepared)?.hides() {
        return Ok(None);
    }
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let witness = run(&generator, &prepared, statement, opening, control)?;
    Ok(Some(witness.public_values == statement.public_values))
}

fn run(
    generator: &ProofGenerator<'_>,
    prepared: &Prepared,
    statement: &Statement,
    opening: Option<&Opening>,
    control: &Control,
) -> Result<Witness, Failure> {
    let schema = schema(prepared)?;
    if opening.is_none() && schema.hides() {
        return Err(Failure::Input(
            "the statement hides inputs or outputs; proving it takes what opens them: --openings FILE".into(),
        ));
    }
    let secrets = opening.map(Opening::secrets).unwrap_or_default();
    Ok(generator.witness_with(&inputs(&schema, statement, opening)?, &secrets, control)?)
}

fn schema(prepared: &Prepared) -> Result<Schema, Failure> {
    Ok(Schema::from_bytes(&prepared.artifacts.identity().schema).map_err(PipelineError::from)?)
}

/// The real numbers that the inputs mean. Scales are powers of two, so that they are exact.
fn inputs(schema: &Schema, statement: &Statement, opening: Option<&Opening>) -> Result<Input, Failure> {
    let tensors = numbers(schema, &statement.public_values, opening).map_err(PipelineError::from)?.into_iter();
    let inputs = tensors.filter(|(tensor, _)| tensor.direction == Direction::Input);
    Ok(Input::new(inputs.filter_map(|(_, numbers)| numbers).collect())?)
}
