//! What public values say of a model's outputs, and whether it is what the model says.
//!
//! A proof shows that a circuit gave an answer, not that the circuit is a good copy of the model: quantized numbers may be
//! too coarse for this input, however good they were on samples. So the very public values that are to be proven are compared with
//! the floating-point model first ([`Reference`]), and an answer that is not the model's is not proven.

mod comparison;
mod reference;

pub use comparison::{Classes, Comparison, DecidedBy};
pub use reference::{DEFAULT_MAX_ERROR, Reference, Tolerance};

use crate::{
    backend::Opening,
    proof::{
        PublicValues, Schema, SchemaError, TensorSchema,
        schema::{Direction, Visibility},
    },
};

/// A tensor, and its real numbers, row-major, in the model's units; `None` where they are hidden and nothing opens them.
pub type Numbers<'a> = (&'a TensorSchema, Option<Vec<f64>>);

/// The real numbers of every tensor: from the public values, or from what opens them.
///
/// # Errors
/// [`SchemaError`] when the values are not canonical.
pub fn numbers<'a>(
    schema: &'a Schema,
    values: &PublicValues,
    opening: Option<&Opening>,
) -> Result<Vec<Numbers<'a>>, SchemaError> {
    let mut decoded = schema.decode(values)?.into_iter();
    let tensors = schema.tensors().iter().map(|tensor| {
        let numbers = match tensor.visibility {
            Visibility::Public => decoded.next().map(|elements| {
                elements.into_iter().enumerate().map(|(index, q)| tensor.dequantize(index, q)).collect()
            }),
            Visibility::Committed => {
                opening.and_then(|opening| opening.side(tensor.direction)).map(|opened| opened.reals(tensor))
            }
        };
        (tensor, numbers)
    });
    Ok(tensors.collect())
}

/// The outputs of one inference, in the model's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// One per output of the model.
    pub tensors: Vec<OutputTensor>,
}

/// One output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputTensor {
    /// As in the ONNX graph.
    pub name: String,
    /// Row-major.
    pub shape: Vec<u64>,
    /// Element by element in the statement, or committed.
    pub visibility: Visibility,
    /// In the model's units; `None` where they are hidden and nothing opens them.
    pub values: Option<Vec<f64>>,
    /// With the floating-point model; `None` where nobody compared.
    pub comparison: Option<Comparison>,
    /// What makes its numbers look like scores of classes, if they do.
    pub scores: Option<DecidedBy>,
}

impl Outputs {
    /// Reads the outputs from public values; hidden ones from what opens them.
    ///
    /// # Errors
    /// [`SchemaError`] when the values are not canonical.
    pub fn read(schema: &Schema, values: &PublicValues, opening: Option<&Opening>) -> Result<Self, SchemaError> {
        let inputs = schema.tensors().iter().filter(|tensor| tensor.direction == Direction::Input);
        let inputs: Vec<&[u64]> = inputs.map(|tensor| tensor.shape.as_slice()).collect();
        let outputs = numbers(schema, values, opening)?.into_iter();
        let outputs = outputs.filter(|(tensor, _)| tensor.direction == Direction::Output).map(|(tensor, values)| {
            let (name, shape, visibility) = (tensor.name.clone(), tensor.shape.clone(), tensor.visibility);
            OutputTensor { name, shape, visibility, values, comparison: None, scores: None }
        });
        Ok(Self::new(outputs.collect(), &inputs))
    }

    /// Takes the only output for scores of classes if it looks like that beside inputs of these shapes.
    #[must_use]
    pub fn new(mut tensors: Vec<OutputTensor>, inputs: &[&[u64]]) -> Self {
        if let [only] = tensors.as_mut_slice() {
            only.scores = comparison::looks_like_scores(&only.shape, inputs).then_some(DecidedBy::Shape);
        }
        Self { tensors }
    }

    /// Whether every number is known.
    #[must_use]
    pub fn are_open(&self) -> bool {
        self.tensors.iter().all(|tensor| tensor.values.is_some())
    }

    /// Takes the outputs with this many numbers for scores of classes: so many classes have names.
    #[must_use]
    pub fn with_classes(mut self, classes: usize) -> Self {
        for tensor in self.tensors.iter_mut().filter(|tensor| comparison::is_vector_of(&tensor.shape, classes)) {
            tensor.scores = Some(DecidedBy::Labels);
        }
        self
    }

    /// Takes no output for scores of classes.
    #[must_use]
    pub fn of_numbers(mut self) -> Self {
        self.tensors.iter_mut().for_each(|tensor| tensor.scores = None);
        self
    }

    /// Why this is not the model's answer; `None` when it is, or was compared with nothing.
    #[must_use]
    pub fn objection(&self) -> Option<String> {
        let objections: Vec<String> = self
            .tensors
            .iter()
            .filter_map(|tensor| {
                tensor.comparison.as_ref()?.objection(&tensor.name, tensor.values.as_deref().unwrap_or_default())
            })
            .collect();
        (!objections.is_empty()).then(|| objections.join("; "))
    }
}

impl OutputTensor {
    /// The class with the greatest score, the first of equals; `None` when these are no scores, or hidden.
    #[must_use]
    pub fn class(&self) -> Option<usize> {
        self.scores?;
        self.values.as_deref().map(crate::model::quantize::argmax)
    }
}

/// A number as people read it: six significant digits.
#[must_use]
pub fn readable(x: f64) -> String {
    let magnitude = x.abs();
    if x == 0.0 || !x.is_finite() {
        return if x == 0.0 { "0".into() } else { x.to_string() };
    }
    if !(1e-4..1e9).contains(&magnitude) {
        return format!("{x:.3e}");
    }
    let decimals = usize::try_from(5 - magnitude.log10().floor() as i32).unwrap_or(0);
    let text = format!("{x:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests;
