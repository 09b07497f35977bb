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
                Ok(Some(witness)) => {
                    let witness = Some(witness).filter(|_| self.circuit.is_none());
                    fit.push(Fit { index, context: self.items[index].request.context, witness });
                }
                Ok(None) => {}
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
                self.generator.check_places(circuit, &witness, &inputs)?;
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

#[cfg(test)]
mod tests {
    use super::{super::run::tests::World, *};
    use crate::{
        ezkl::batch_proofs::{BatchCircuit, BatchConfig, Strategy},
        proof::{Assignment, schema::tests::two_tensors},
    };
    use alloy::primitives::{Address, B256};
    use std::num::NonZeroU32;

    fn on_chain(job: u8) -> Context {
        let assignment = Assignment {
            submitter: Address::ZERO,
            consumer: Address::ZERO,
            job: B256::repeat_byte(job),
            deadline: u64::MAX,
        };
        Context::Chain { chain_id: 1, registry: Address::ZERO, assignment }
    }

    /// A circuit that takes several has one statement, of one context: nobody's item is proven under another's.
    #[test]
    fn groups_are_of_one_context_and_no_larger_than_the_circuit() {
        let (world, config) = (World::new(None), BatchConfig::new(Strategy::Sequential));
        let circuit = BatchCircuit::new(NonZeroU32::MIN.saturating_add(1), two_tensors());
        let contexts = [1, 1, 1, 2, 1, 2].map(on_chain);
        let fit: Vec<Fit> =
            contexts.into_iter().enumerate().map(|(index, context)| Fit { index, context, witness: None }).collect();
        let groups = world.with(&config, &world.items(6), (Some(circuit), None), |run| {
            run.groups(&fit)
                .into_iter()
                .map(|group| group.iter().map(|fit| fit.index).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        });
        assert_eq!(groups, [vec![0, 1], vec![2], vec![3], vec![4], vec![5]]);
    }
}
