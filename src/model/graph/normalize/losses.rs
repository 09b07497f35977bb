//! Losses: what is left of a training graph that gives one out.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::Element,
};

impl Step<'_, '_> {
    pub(super) fn loss(&mut self) -> Made {
        let x = self.call.input(0)?;
        if self.call.operator == "NegativeLogLikelihoodLoss" {
            return Ok(vec![self.negative_log_likelihood(&x)?]);
        }
        let log = self.apply(Operator::LogSoftmax, Attributes::of([("axis", 1.into())]), &[&x])?;
        Ok(vec![self.negative_log_likelihood(&log)?, log])
    }

    /// `-weight[target] x[target]`, for every position or reduced.
    fn negative_log_likelihood(&mut self, x: &Operand) -> Result<Operand, GraphError> {
        let target = self.call.input(1)?;
        let (shape, rows) = (self.shape(x), self.shape(&target));
        if shape.len() < 2 || rows.len() + 1 != shape.len() {
            return Err(self.refuse(format!("has scores of shape {shape:?} and targets of shape {rows:?}")));
        }
        let mut target = self.cast(&target, Element::Int64)?;
        let mut weights = None;
        if let Some(ignored) = self.call.int("ignore_index") {
            let (ignored, zero) = (self.integer(ignored), self.integer(0));
            let skipped = self.plain(Operator::Equal, &[&target, &ignored])?;
            // What is picked there is multiplied by 0, but has to be there.
            target = self.plain(Operator::Where, &[&skipped, &zero, &target])?;
            let counted = self.plain(Operator::Not, &[&skipped])?;
            weights = Some(self.cast(&counted, Element::Float32)?);
        }
        if let Some(each) = self.call.optional(2).cloned() {
            let own = self.apply(Operator::Gather, Attributes::of([("axis", 0.into())]), &[&each, &target])?;
            weights = Some(match weights {
                Some(counted) => self.plain(Operator::Mul, &[&own, &counted])?,
                None => own,
            });
        }
        let column = [&[shape[0], 1], &shape[2..]].concat();
        let column = self.reshaped(&target, &column)?;
        let picked = self.apply(Operator::GatherElements, Attributes::of([("axis", 1.into())]), &[x, &column])?;
        let picked = self.reshaped(&picked, &rows)?;
        let mut loss = self.plain(Operator::Neg, &[&picked])?;
        if let Some(weights) = &weights {
            loss = self.plain(Operator::Mul, &[&loss, weights])?;
        }
        match (self.call.text("reduction").unwrap_or("mean"), weights) {
            ("none", _) => Ok(loss),
            ("sum", _) => self.total(&loss),
            ("mean", None) => {
                let (sum, count) = (self.total(&loss)?, self.number(rows.iter().product::<usize>() as f32));
                self.plain(Operator::Div, &[&sum, &count])
            }
            ("mean", Some(weights)) => {
                let (sum, all) = (self.total(&loss)?, self.total(&weights)?);
                self.plain(Operator::Div, &[&sum, &all])
            }
            (other, _) => Err(self.refuse(format!("has the reduction `{other}`"))),
        }
    }

    /// The sum of all numbers.
    fn total(&mut self, x: &Operand) -> Result<Operand, GraphError> {
        let axes: Vec<i64> = (0..self.shape(x).len() as i64).collect();
        let axes = self.list(&axes);
        self.apply(Operator::ReduceSum, Attributes::of([("keepdims", 0.into())]), &[x, &axes])
    }
}
