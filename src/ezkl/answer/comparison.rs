//! An output beside the floating-point model's.

use super::readable;
use crate::model::quantize::argmax;
use serde::Serialize;

/// How far one output is from the floating-point model's.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What the floating-point model says, row-major; bound by no proof.
    pub model: Vec<f64>,
    /// The greatest difference, in the model's units; infinite where a number is none.
    pub largest_error: f64,
    /// Where it is: a row-major index.
    pub at: usize,
    /// What it may be.
    pub allowed: f64,
    /// The classes, where the numbers are scores of classes.
    pub classes: Option<Classes>,
}

/// The classes that two lists of scores lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes {
    /// The circuit's greatest score, the first of equals.
    pub proven: usize,
    /// The floating-point model's.
    pub model: usize,
    /// Whether the circuit's class has the floating-point model's greatest score.
    pub agree: bool,
}

/// What shows that numbers are scores of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecidedBy {
    /// As many classes have names.
    Labels,
    /// It is the model's only output, a list of at least two numbers, of another shape than every input.
    Shape,
}

impl Comparison {
    /// Compares numbers with those of the model; `allowed` is what a difference may be.
    pub(super) fn new(proven: &[f64], model: Vec<f64>, allowed: f64, scores: bool) -> Self {
        let differences = proven.iter().zip(&model).map(|(a, b)| {
            let difference = (a - b).abs();
            // Not a number is no small difference.
            if difference.is_nan() { f64::INFINITY } else { difference }
        });
        let largest = differences.enumerate().fold((0, 0.0), |most, (at, x)| if x > most.1 { (at, x) } else { most });
        let classes = scores.then(|| {
            let (of_circuit, of_model) = (argmax(proven), argmax(&model));
            // Equal scores of the model are all its answer.
            let agree = matches!((model.get(of_circuit), model.get(of_model)), (Some(a), Some(b)) if a >= b);
            Classes { proven: of_circuit, model: of_model, agree }
        });
        Self { model, largest_error: largest.1, at: largest.0, allowed, classes }
    }

    /// Whether it is the model's answer.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.is_near() && self.classes.is_none_or(|classes| classes.agree)
    }

    fn is_near(&self) -> bool {
        self.largest_error <= self.allowed
    }

    /// Why it is not.
    pub(super) fn objection(&self, name: &str, proven: &[f64]) -> Option<String> {
        let of = |numbers: &[f64]| numbers.get(self.at).map_or_else(|| "nothing".into(), |&x| readable(x));
        let far = (!self.is_near()).then(|| {
            format!(
                "number {} of `{name}` comes out as {}, in the model it is {} (off by {}, at most {} is admitted)",
                self.at,
                of(proven),
                of(&self.model),
                readable(self.largest_error),
                readable(self.allowed)
            )
        });
        let other = self.classes.filter(|classes| !classes.agree).map(|classes| {
            format!("the class of `{name}` comes out as {}, in the model it is {}", classes.proven, classes.model)
        });
        let parts: Vec<String> = far.into_iter().chain(other).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Whether a shape is a list of `count` numbers: all its other axes have length 1.
pub(super) fn is_vector_of(shape: &[u64], count: usize) -> bool {
    shape.contains(&(count as u64)) && shape.iter().filter(|&&axis| axis != 1).count() <= 1
}

/// Whether the only output of a model looks like scores of classes. A list of the shape of an input is more likely a state or
/// what an autoencoder makes.
pub(super) fn looks_like_scores(shape: &[u64], inputs: &[&[u64]]) -> bool {
    let longest = shape.iter().copied().max().unwrap_or(1);
    longest > 1 && is_vector_of(shape, usize::try_from(longest).unwrap_or(usize::MAX)) && !inputs.contains(&shape)
}
