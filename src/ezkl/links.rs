//! Links of a chain: the input of a step is the output of the step before it.
//!
//! Both are integers of their schemas, each with its scale and zero point, so that they are compared as the real numbers
//! they mean: an input element follows an output element when it is that number rounded to the input's scale, by whichever
//! rule for halves.

use super::PipelineError;
use crate::proof::{
    Bundle, TensorSchema,
    schema::{Direction, Visibility},
};

/// For the rounding of the comparison itself, relative to one step of the input's scale.
const SLACK: f64 = 1e-6;

/// The input that follows a bundle: its outputs as real numbers, one list per tensor.
pub(super) fn next_input(before: &Bundle) -> Result<Vec<Vec<f64>>, PipelineError> {
    Ok(reals(before, Direction::Output)?.into_iter().map(|tensor| tensor.reals).collect())
}

/// Why `after` does not follow `before`; `Ok` when it does. Batches of several statements are not linked.
pub(super) fn check(before: &Bundle, after: &Bundle) -> Result<(), String> {
    if before.is_batch() || after.is_batch() {
        return Err("a step of a chain is one statement".into());
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
            if (given - taken).abs() > step * (0.5 + SLACK) {
                let (output, input) = (&output.name, &input.name);
                return Err(format!("element {index}: output `{output}` is {given}, input `{input}` is {taken}"));
            }
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
    let public = schema.tensors().iter().filter(|tensor| tensor.visibility == Visibility::Public);
    let of = |(tensor, values): (&TensorSchema, Vec<_>)| {
        let reals: Vec<f64> = values.iter().enumerate().map(|(i, &q)| tensor.dequantize(i, q)).collect();
        let unit = |index| {
            let one =
                alloy::primitives::I256::unchecked_from(tensor.zero_point).wrapping_add(alloy::primitives::I256::ONE);
            tensor.dequantize(index, one)
        };
        Reals { name: tensor.name.clone(), steps: (0..reals.len()).map(unit).collect(), reals }
    };
    // A committed tensor has no numbers to compare: its chain would claim what nobody can check.
    let hidden = schema
        .tensors()
        .iter()
        .any(|tensor| tensor.direction == direction && tensor.visibility == Visibility::Committed);
    if hidden {
        return Err(PipelineError::invalid("chain", "links a committed tensor, which cannot be compared"));
    }
    Ok(public.zip(values).filter(|(tensor, _)| tensor.direction == direction).map(of).collect())
}

#[cfg(test)]
mod tests;
