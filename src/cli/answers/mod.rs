//! Answers as they are shown: output tensors in the model's units, with the names of classes.

mod labels;
mod table;

pub(crate) use labels::{LabelArgs, Labels};

use super::{Failure, hidden};
use serde_json::{Value, json};
use zkinfer::{
    backend::Openings,
    model::{Input, Model},
    pipeline::{
        PipelineError,
        answer::{OutputTensor, Outputs, Reference, Tolerance},
    },
    proof::Structure,
};

/// What is admitted of answers, and how they are shown.
#[derive(Debug, clap::Args)]
pub(crate) struct AnswerArgs {
    /// How far a number of the answer may be from the floating-point model's, as a part such as 0.02 or 2%: of the distance between
    /// the least and the greatest number of the output over the samples of --calibration, else of its greatest magnitude. What is
    /// further off is not proven [default: 2%].
    #[arg(long, value_name = "PART", value_parser = part)]
    max_error: Option<f64>,

    /// The outputs are numbers, not scores of classes, so that another greatest number is no other answer [default: the only output
    /// is taken for scores when it is a list of another shape than the inputs, or when as many classes have names].
    #[arg(long)]
    numbers: bool,

    #[command(flatten)]
    pub(crate) labels: LabelArgs,
}

impl AnswerArgs {
    /// What answers are compared with. `numbers`: the outputs are no scores, whatever was asked for.
    pub(crate) fn reference(
        &self,
        model: &Model,
        samples: Option<&Input>,
        labels: &Labels,
        numbers: bool,
    ) -> Result<Reference, Failure> {
        let mut tolerance = Tolerance::default();
        if let Some(part) = self.max_error {
            tolerance = tolerance.max_error(part);
        }
        if self.numbers || numbers {
            tolerance = tolerance.numbers();
        }
        let reference = Reference::new(model.clone(), samples)?.with_tolerance(tolerance);
        Ok(match labels.count() {
            Some(classes) => reference.with_classes(classes),
            None => reference,
        })
    }
}

fn part(text: &str) -> Result<f64, String> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 0.01));
    match number.trim().parse::<f64>() {
        Ok(part) if part.is_finite() && part >= 0.0 => Ok(part * unit),
        _ => Err("write a part such as 0.02, or 2%".into()),
    }
}

/// Answers in order, each with what it is the answer to.
#[derive(Debug)]
pub(crate) struct Answers {
    labels: Labels,
    list: Vec<Answer>,
}

#[derive(Debug)]
struct Answer {
    /// What it is the answer to: a file, a statement.
    of: String,
    outputs: Outputs,
}

impl Answers {
    pub(crate) const fn new(labels: Labels) -> Self {
        Self { labels, list: Vec::new() }
    }

    /// Adds outputs that were compared with a model.
    pub(crate) fn push(&mut self, of: impl Into<String>, outputs: Outputs) {
        self.list.push(Answer { of: of.into(), outputs });
    }

    /// Adds outputs of which nothing else is known.
    pub(crate) fn push_read(&mut self, of: impl Into<String>, outputs: Outputs) {
        let outputs = match self.labels.count() {
            Some(classes) => outputs.with_classes(classes),
            None => outputs,
        };
        self.push(of, outputs);
    }

    /// Adds what the bundles of a structure say, hidden outputs if they are opened.
    pub(crate) fn read(&mut self, structure: &Structure, openings: Option<&Openings>) -> Result<(), Failure> {
        let bundles = structure.bundles();
        let opened = openings.and_then(|openings| hidden::split(&bundles, openings)).unwrap_or_default();
        for (at, bundle) in bundles.iter().enumerate() {
            let schema = bundle.schema().map_err(PipelineError::from)?;
            for (place, statement) in bundle.statements().iter().enumerate() {
                let opening = opened.get(at).and_then(|of_bundle| of_bundle.get(place));
                let outputs = Outputs::read(&schema, &statement.public_values, opening).map_err(PipelineError::from)?;
                self.push_read(statement.id().to_string(), outputs);
            }
        }
        self.expect_labels()
    }

    /// Refuses labels that no output has the length for, where there are outputs.
    pub(crate) fn expect_labels(&self) -> Result<(), Failure> {
        let mut lengths = self.list.iter().flat_map(|answer| &answer.outputs.tensors).map(elements).peekable();
        if lengths.peek().is_none() { Ok(()) } else { self.labels.expect_one_of(lengths) }
    }

    /// Everything.
    pub(crate) fn object(&self) -> Value {
        let one = |Answer { of, outputs }: &Answer| json!({ "of": of, "outputs": objects(outputs, &self.labels) });
        self.list.iter().map(one).collect()
    }

    /// Tables of the first ones.
    pub(crate) fn text(&self) -> String {
        let answers = self.list.iter().map(|answer| (answer.of.as_str(), &answer.outputs));
        table::answers(answers, self.list.len(), &self.labels)
    }
}

/// The outputs of one answer as JSON, for errors too.
pub(crate) fn objects(outputs: &Outputs, labels: &Labels) -> Value {
    outputs.tensors.iter().map(|tensor| object(tensor, labels)).collect()
}

/// Tables of one answer, for errors too.
pub(crate) fn tables(outputs: &Outputs, labels: &Labels) -> String {
    outputs.tensors.iter().map(|tensor| table::tensor(tensor, labels)).collect()
}

fn object(tensor: &OutputTensor, labels: &Labels) -> Value {
    let label = |class: usize| labels.of(elements(tensor), class);
    let mut object = json!({
        "name": tensor.name,
        "shape": tensor.shape,
        "visibility": tensor.visibility,
        "values": tensor.values,
        "labels": labels.all(elements(tensor)),
        "class": tensor.class(),
        "label": tensor.class().and_then(label),
        "taken_for_scores_by": tensor.scores,
    });
    if let Some(comparison) = &tensor.comparison {
        object["model"] = json!({
            "values": comparison.model,
            "class": comparison.classes.map(|classes| classes.model),
            "label": comparison.classes.and_then(|classes| label(classes.model)),
        });
        object["difference"] = json!({
            "largest": comparison.largest_error,
            "at": comparison.at,
            "admitted": comparison.allowed,
            "is_admitted": comparison.is_admitted(),
        });
    }
    object
}

fn elements(tensor: &OutputTensor) -> usize {
    tensor.shape.iter().fold(1usize, |n, &axis| n.saturating_mul(usize::try_from(axis).unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_number_or_a_percentage() {
        for (text, part_of_one) in [("0.02", 0.02), ("2%", 0.02), ("0", 0.0), ("150 %", 1.5)] {
            assert!((part(text).unwrap() - part_of_one).abs() < 1e-12, "{text}");
        }
        for bad in ["", "%", "-1%", "nan", "inf", "two"] {
            assert!(part(bad).is_err(), "{bad}");
        }
    }
}
