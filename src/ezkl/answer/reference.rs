//! The model in floating point, which answers are compared with.

use super::{Comparison, Outputs};
use crate::{
    backend::ezkl::sample_inputs,
    ezkl::PipelineError,
    model::{Extent, Input, Model},
};

/// The greatest difference from the floating-point model that is admitted unless the caller says otherwise: as a part of
/// how far the output's numbers go. 8-bit weights keep within about 1 %; what is off by more than 2 % was quantized for other inputs.
pub const DEFAULT_MAX_ERROR: f64 = 0.02;

/// Samples that tell how far an output's numbers go.
const SAMPLES: usize = 16;

/// What is admitted of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    max_error: f64,
    numbers: bool,
}

impl Default for Tolerance {
    /// [`DEFAULT_MAX_ERROR`], and the model's class where the output looks like scores of classes.
    fn default() -> Self {
        Self { max_error: DEFAULT_MAX_ERROR, numbers: false }
    }
}

impl Tolerance {
    /// Admits differences of this part of the output's measure: see [`Reference`].
    #[must_use]
    pub const fn max_error(self, part: f64) -> Self {
        Self { max_error: part, ..self }
    }

    /// Takes the outputs for numbers, not for scores of classes: classes are not compared.
    #[must_use]
    pub const fn numbers(self) -> Self {
        Self { numbers: true, ..self }
    }
}

/// The model in floating point. A difference is judged against how far the output's numbers go ([`Extent::measure`]): over the
/// caller's samples and this answer, or, where there are none, over some made-up inputs and this answer.
///
/// A class is compared where the output looks like scores of classes ([`super::DecidedBy`]).
#[derive(Clone, Debug)]
pub struct Reference {
    model: Model,
    tolerance: Tolerance,
    /// Classes that have names.
    classes: Option<usize>,
    given: bool,
    /// Of every output, over the samples.
    extents: Vec<Extent>,
}

impl Reference {
    /// Runs the model on the caller's `samples` (one list per input tensor that holds several inputs, one after the other), else
    /// on a few that are made up.
    ///
    /// # Errors
    /// [`PipelineError::Backend`] when the samples are not whole inputs of the model.
    pub fn new(model: Model, samples: Option<&Input>) -> Result<Self, PipelineError> {
        let mut extents = vec![Extent::EMPTY; model.outputs().len()];
        for input in sample_inputs(&model, samples)?.iter().take(SAMPLES) {
            // What an input leads to that cannot be run says nothing of others.
            let Ok(outputs) = model.run(input) else { continue };
            for (extent, output) in extents.iter_mut().zip(&outputs) {
                *extent = extent.with(output.iter().map(|&x| x.into()));
            }
        }
        let (classes, given) = (model.labels().map(<[String]>::len), samples.is_some());
        Ok(Self { model, tolerance: Tolerance::default(), classes, given, extents })
    }

    /// Admits other differences.
    #[must_use]
    pub const fn with_tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// So many classes have names.
    #[must_use]
    pub const fn with_classes(mut self, classes: usize) -> Self {
        self.classes = Some(classes);
        self
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Puts the floating-point model's answer to `input` beside outputs that were read from public values.
    ///
    /// # Errors
    /// [`PipelineError::Model`] when the model cannot be run on the input; [`PipelineError::InvalidInput`] when the outputs are
    /// hidden, or another model's.
    pub fn compare(&self, outputs: Outputs, input: &Input) -> Result<Outputs, PipelineError> {
        let float = self.model.run(input)?;
        let mut outputs = match (self.tolerance.numbers, self.classes) {
            (true, _) => outputs.of_numbers(),
            (false, Some(classes)) => outputs.with_classes(classes),
            (false, None) => outputs,
        };
        if outputs.tensors.len() != float.len() {
            return Err(PipelineError::invalid("model", "has another number of outputs than its artifacts"));
        }
        for ((tensor, float), extent) in outputs.tensors.iter_mut().zip(float).zip(&self.extents) {
            let Some(values) = &tensor.values else {
                return Err(PipelineError::invalid(tensor.name.clone(), "is hidden, and nothing opens it"));
            };
            if values.len() != float.len() {
                return Err(PipelineError::invalid(tensor.name.clone(), "has another size than in the model"));
            }
            let float: Vec<f64> = float.into_iter().map(f64::from).collect();
            let measure = extent.with(float.iter().copied()).measure(self.given);
            let allowed = self.tolerance.max_error * measure;
            tensor.comparison = Some(Comparison::new(values, float, allowed, tensor.scores.is_some()));
        }
        Ok(outputs)
    }

    /// As [`Reference::compare`]; an answer that is not the model's is an error.
    ///
    /// # Errors
    /// [`PipelineError::OtherAnswer`] has both answers; others as [`Reference::compare`].
    pub fn check(&self, outputs: Outputs, input: &Input) -> Result<Outputs, PipelineError> {
        let outputs = self.compare(outputs, input)?;
        match outputs.objection() {
            None => Ok(outputs),
            Some(objection) => Err(PipelineError::OtherAnswer { objection, outputs: Box::new(outputs) }),
        }
    }
}
