//! Circuits that take several inputs at once: EZKL's way of proving many with one proof.

use crate::{
    backend::ezkl::{EzklBackend, batch},
    ezkl::{PipelineError, Prepared, answer::Outputs},
    model::Input,
    proof::{PublicValues, Schema, bundle::BackendName},
};
use std::num::NonZeroU32;

/// A circuit with room for more than one item. Its statement is about all of them, and about zeros where there are fewer.
#[derive(Debug)]
pub(in crate::ezkl) struct BatchCircuit {
    size: NonZeroU32,
    schema: Schema,
}

impl BatchCircuit {
    /// `None` when the circuit takes one input, as all but EZKL's do.
    pub(in crate::ezkl) fn of(prepared: &Prepared) -> Result<Option<Self>, PipelineError> {
        if prepared.artifacts.identity().backend != BackendName::Ezkl {
            return Ok(None);
        }
        let size = EzklBackend::batch_of(&prepared.artifacts)?;
        let schema = prepared.artifacts.schema()?;
        Ok((size.get() > 1).then_some(Self { size, schema }))
    }

    #[cfg(test)]
    pub(super) fn new(size: NonZeroU32, schema: Schema) -> Self {
        Self { size, schema }
    }

    /// How many items it takes.
    pub(in crate::ezkl) const fn size(&self) -> usize {
        self.size.get() as usize
    }

    /// One input of the circuit from those of some items, filled up with zeros.
    pub(in crate::ezkl) fn assemble(&self, items: &[Input]) -> Result<Input, PipelineError> {
        Ok(batch::assemble(&self.schema, self.size, items)?)
    }

    /// What the circuit's public values say of the item in one of its places.
    pub(in crate::ezkl) fn item(&self, values: &PublicValues, slot: usize) -> Result<PublicValues, PipelineError> {
        let items = batch::split(&self.schema, self.size, values)?;
        let item = items.into_iter().nth(slot);
        item.map(|item| item.public_values).ok_or_else(|| PipelineError::invalid("slot", "is past the circuit's last"))
    }

    /// The outputs of the item in one of the circuit's places.
    pub(in crate::ezkl) fn outputs(&self, values: &PublicValues, slot: usize) -> Result<Outputs, PipelineError> {
        Ok(Outputs::read(&batch::item_schema(&self.schema, self.size)?, &self.item(values, slot)?, None)?)
    }
}
