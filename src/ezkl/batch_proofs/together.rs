//! One proof for many items.

use super::{Outcome, run::Run};
use crate::{
    backend::Witness,
    ezkl::PipelineError,
    model::Input,
    proof::{Bundle, Context},
};
use std::sync::Arc;

/// An item that is fit to be proven: what was found of it is kept where it can be used.
struct Fit {
    index: usize,
    context: Context,
    /// Of the item alone; `None` in a circuit that takes several, whose witness is of all of them.
    witness: Option<Box<Witness>>,
}

impl Run<'_> {
    /// Witnesses first, so that a bad item is found before it can spoil the proof of the others.
    pub(super) fn prove_together(&self, chunk: &[usize]) {
        let mut fit: Vec<Fit> = Vec::new();
        for &index in chunk {
            if self.is_over() {
                return;
            }
            self.enter(index, 0);
            let found = self.witness(index);
            self.leave();
            match found {
                Ok(Ok(witness)) => {
                    let witness = Some(witness).filter(|_| self.circuit.is_none());
                    fit.push(Fit { index, context: self.items[index].request.context, witness });
                }
                Ok(Err(of)) => self.settle(index, Outcome::Duplicate { of }),
                Err(error) => self.settle(index, Outcome::of_error(&error)),
            }
        }
        for group in self.groups(&fit) {
            if self.is_over() {
                return;
            }
            let places: Vec<(usize, usize)> = group.iter().enumerate().map(|(place, fit)| (fit.index, place)).collect();
            let proven = self.prove_group(group).and_then(|bundle| {
                self.record(&bundle, &places)?;
                Ok(Arc::new(bundle))
            });
            for (index, place) in places {
                let outcome = match &proven {
                    Ok(bundle) => self.proven(bundle.clone(), place, false),
                    Err(error) => Outcome::of_error(error),
                };
                self.settle(index, outcome);
            }
        }
    }

    /// As many as one proof takes; in a circuit that takes several, which has one statement, of one context.
    fn groups<'f>(&self, fit: &'f [Fit]) -> Vec<&'f [Fit]> {
        match &self.circuit {
            // What is wrong with artifacts that cannot be read, proving says.
            None => fit.chunks(self.generator.capacity().unwrap_or(1).max(1)).collect(),
            Some(circuit) => fit
                .chunk_by(|a, b| a.context == b.context)
                .flat_map(|of_context| of_context.chunks(circuit.size()))
                .collect(),
        }
    }

    fn prove_group(&self, group: &[Fit]) -> Result<Bundle, PipelineError> {
        match (&self.circuit, group.first()) {
            (Some(circuit), Some(first)) => {
                let inputs: Vec<Input> = group.iter().map(|fit| self.items[fit.index].request.input.clone()).collect();
                let witness = self.generator.witness(&circuit.assemble(&inputs)?, self.control)?;
                self.generator.prove(&witness, first.context, self.control)
            }
            _ => {
                let pairs: Vec<_> =
                    group.iter().filter_map(|fit| Some((fit.witness.as_deref()?, fit.context))).collect();
                self.generator.prove_batch(&pairs, self.control)
            }
        }
    }

    /// An item in a bundle: a statement of its own, or a place in the one statement of a circuit that takes several.
    pub(super) fn proven(&self, bundle: Arc<Bundle>, place: usize, recovered: bool) -> Outcome {
        match self.circuit {
            None => Outcome::Proven { bundle, statement: place, slot: None, recovered },
            Some(_) => Outcome::Proven { bundle, statement: 0, slot: Some(place), recovered },
        }
    }
}
