//! What a caller can choose about EZKL.

use crate::model::Input;

/// Who chooses the circuit's parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tuning {
    /// This project's tuner.
    #[default]
    Ours,
    /// EZKL itself, the way its users ask it to: default run arguments, then `calibrate_settings` for resources. For
    /// comparisons: circuits come out many times larger than they need to be.
    EzklDefault,
}

/// Settings of an [`super::EzklBackend`].
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct EzklOptions {
    pub(super) tuning: Tuning,
    pub(super) calibration: Option<Input>,
}

impl EzklOptions {
    /// This project's tuner, no samples.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses who chooses the circuit's parameters. Another choice is another model.
    pub const fn tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Gives samples of inputs: one list per input tensor that holds several inputs, one after the other. Without them,
    /// inputs are taken to lie between 0 and 1 where values matter.
    pub fn calibration(mut self, samples: Input) -> Self {
        self.calibration = Some(samples);
        self
    }

    /// A name for what these options make of a model; empty for the default.
    pub(super) fn recipe(&self) -> String {
        match self.tuning {
            Tuning::Ours => String::new(),
            Tuning::EzklDefault => format!("ezkl-default {}", self.samples_hash()),
        }
    }

    fn samples_hash(&self) -> String {
        self.calibration
            .as_ref()
            .map_or_else(String::new, |samples| blake3::hash(&samples.to_json()).to_hex().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_a_circuit_changes_the_recipe() {
        let samples = |x: f64| Input::new(vec![vec![x; 4]]).unwrap();
        let theirs = EzklOptions::new().tuning(Tuning::EzklDefault);
        let recipes = [
            EzklOptions::new().recipe(),
            theirs.clone().recipe(),
            theirs.clone().calibration(samples(0.5)).recipe(),
            theirs.calibration(samples(0.25)).recipe(),
        ];
        let distinct: std::collections::BTreeSet<&String> = recipes.iter().collect();
        assert_eq!(distinct.len(), recipes.len(), "{recipes:?}");
        assert_eq!(recipes[0], "", "artifacts made before there were options are found again");
    }
}
