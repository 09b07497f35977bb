//! §10: which sides of a model are committed instead of public.

/// A side of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// `x`.
    Inputs,
    /// `o`.
    Outputs,
}

/// Which sides a verifying key commits to; none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Committed {
    /// Inputs are a hiding commitment per sample.
    pub inputs: bool,
    /// Outputs are a hiding commitment per sample.
    pub outputs: bool,
}

impl Committed {
    /// The committed sides, in the order of every message.
    pub fn sides(self) -> impl Iterator<Item = Side> {
        let (inputs, outputs) = (self.inputs.then_some(Side::Inputs), self.outputs.then_some(Side::Outputs));
        inputs.into_iter().chain(outputs)
    }

    /// How many sides are committed.
    #[must_use]
    pub fn count(self) -> usize {
        usize::from(self.inputs) + usize::from(self.outputs)
    }

    /// Whether `side` is committed.
    #[must_use]
    pub fn has(self, side: Side) -> bool {
        match side {
            Side::Inputs => self.inputs,
            Side::Outputs => self.outputs,
        }
    }
}
