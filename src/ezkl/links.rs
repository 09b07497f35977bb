//! Links of a chain: the input of a step is the output of the step before it.
//!
//! Both are integers of their schemas, each with its scale and zero point, so that they are compared as the real numbers
//! they mean: an input element follows an output element when it is that number rounded to the input's scale, by whichever
//! rule for halves.
//!
//! A committed output is followed by the same commitment. A commitment is to integers, and says neither how many they are nor
//! what they mean: the schemas of both steps have to say the same of it (`docs/protocol.md`, section 10).

use super::PipelineError;
use crate::{
    backend::{Opening, SampleSecrets},
    proof::{
        Bundle, Schema, TensorSchema,
        schema::{Direction, Visibility},
    },
};

/// For the rounding of the comparison itself, relative to one step of the input's scale.
const SLACK: f64 = 1e-6;

/// The input that follows a bundle, its outputs as real numbers, one list per tensor; and the secret of committed ones, so
/// that they are the same commitment again.
pub(super) fn next_input(
    before: &Bundle,
    opening: Option<&Opening>,
) -> Result<(Vec<Vec<f64>>, SampleSecrets), PipelineError> {
    let Some(opened) = opening.and_then(|opening| opening.side(Direction::Output)) else {
        let public = reals(before, Direction::Output)?.into_iter().map(|tensor| tensor.reals);
        return Ok((public.collect(), SampleSecrets::default()));
    };
    let schema = before.schema()?;
    let output = schema.tensors().iter().filter(|tensor| tensor.direction == Direction::Output);
    let numbers = output.map(|tensor| opened.reals(tensor));
    Ok((numbers.collect(), SampleSecrets { inputs: Some(opened.secret().clone()), outputs: None }))
}

/// Why `after` does not follow `before`; `Ok` when it does. Batches of several statements are not linked.
pub(super) fn check(before: &Bundle, after: &Bundle) -> Result<(), String> {
    if before.is_batch() || after.is_batch() {
        return Err("a step of a chain is one statement".into());
    }
    let schemas = [before, after].map(|bundle| bundle.schema().map_err(|error| error.to_string()));
    let [Ok(first), Ok(second)] = &schemas else {
        return Err("a step of a chain has no schema".into());
    };
    let outputs = tensors(first, before, Direction::Output)?;
    let inputs = tensors(second, after, Direction::Input)?;
    if outputs.iter().chain(&inputs).any(|(tensor, _)| tensor.visibility == Visibility::Committed) {
        return same_commitments(&outputs, &inputs);
    }
    let read = |bundle, direction| reals(bundle, direction).map_err(|error| error.to_string());
    let (outputs, inputs) = (read(before, Direction::Output)?, read(after, Direction::Input)?);
    if outputs.is_empty() || outputs.len() != inputs.len() {
        return Err(format!("{} outputs cannot be {} inputs", outputs.len(), inputs.len()));
    }
    for (output, input) in outputs.iter().zip(&inputs) {
        if output.reals.len() != input.reals.len() {
            return Err(format!("`{}` and `{}` have other sizes", output.name, input.name));
        }
        for (index, ((given, taken), step)) in output.reals.iter().zip(&input.reals).zip(&input.steps).enumerate() {
            if !follows(*given, *taken, *step) {
                let (output, input) = (&output.name, &input.name);
                return Err(format!("element {index}: output `{output}` is {given}, input `{input}` is {taken}"));
            }
        }
    }
    Ok(())
}

/// Whether an input element is an output element rounded to the input's scale. Scales are whatever a schema says, up to where
/// products overflow: of numbers that are none nothing follows, and every number lies within half an infinite step.
fn follows(given: f64, taken: f64, step: f64) -> bool {
    let finite = given.is_finite() && taken.is_finite() && step.is_finite();
    finite && (given - taken).abs() <= step * (0.5 + SLACK)
}

/// The tensors of one side with their bytes.
fn tensors<'a>(
    schema: &'a Schema,
    bundle: &'a Bundle,
    direction: Direction,
) -> Result<Vec<(&'a TensorSchema, &'a [u8])>, String> {
    let all = schema.split(&bundle.statement().public_values).map_err(|error| error.to_string())?;
    Ok(all.into_iter().filter(|(tensor, _)| tensor.direction == direction).collect())
}

/// Why the committed outputs of a step are not the committed inputs of the next.
fn same_commitments(outputs: &[(&TensorSchema, &[u8])], inputs: &[(&TensorSchema, &[u8])]) -> Result<(), String> {
    if outputs.len() != inputs.len() {
        return Err(format!("{} outputs cannot be {} inputs", outputs.len(), inputs.len()));
    }
    for ((output, given), (input, taken)) in outputs.iter().zip(inputs) {
        let refuse = |what: &str| Err(format!("output `{}` and input `{}` {what}", output.name, input.name));
        if (output.visibility, input.visibility) != (Visibility::Committed, Visibility::Committed) {
            return refuse("cannot be compared: one is committed, the other public");
        }
        // Elements behind the end of the shorter one are proven by nobody.
        if output.elements() != input.elements() {
            return refuse("have other sizes");
        }
        let meaning = |tensor: &TensorSchema| (tensor.scales.clone(), tensor.axis, tensor.zero_point);
        if meaning(output) != meaning(input) {
            return refuse("have other scales or zero points");
        }
        if given != taken {
            return refuse("are other commitments");
        }
    }
    Ok(())
}

struct Reals {
    name: String,
    reals: Vec<f64>,
    /// The distance between neighbouring values of each element.
    steps: Vec<f64>,
}

fn reals(bundle: &Bundle, direction: Direction) -> Result<Vec<Reals>, PipelineError> {
    let schema = bundle.schema()?;
    let values = schema.decode(&bundle.statement().public_values)?;
    let of = |(tensor, values): (&TensorSchema, Vec<_>)| {
        let reals: Vec<f64> = values.iter().enumerate().map(|(i, &q)| tensor.dequantize(i, q)).collect();
        let unit = |index| {
            let one =
                alloy::primitives::I256::unchecked_from(tensor.zero_point).wrapping_add(alloy::primitives::I256::ONE);
            tensor.dequantize(index, one)
        };
        Reals { name: tensor.name.clone(), steps: (0..reals.len()).map(unit).collect(), reals }
    };
    Ok(schema.public_tensors().zip(values).filter(|(tensor, _)| tensor.direction == direction).map(of).collect())
}

#[cfg(test)]
mod tests;
