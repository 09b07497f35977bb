//! What a caller can choose about EZKL.

use crate::model::Input;
use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use std::num::{NonZeroU32, NonZeroUsize};

/// Requests that may wait for a worker, unless the options say otherwise.
const QUEUE: usize = 1024;

/// The greatest error of an output that scales may cost, of the greatest output, unless the options say otherwise.
const MAX_ERROR: f64 = 0.01;
/// The same on made-up samples, which show little: as much as an answer may be off when it is proven.
const MAX_ERROR_ROUGHLY: f64 = 0.02;

/// What a circuit is to be good at. Every choice is another model, with another id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Objective {
    /// A short circuit of two columns at 7 fraction bits, more where that is too coarse: what models get that ask for nothing.
    #[default]
    Balanced,
    /// The least CPU time for a proof.
    Latency,
    /// The least gas for a verification on-chain.
    Gas,
    /// The least memory for a proof.
    Memory,
}

/// Who chooses the circuit's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tuning {
    /// This project's tuner.
    Ours(Objective),
    /// EZKL itself, the way its users ask it to: default run arguments, then `calibrate_settings` for resources. For
    /// comparisons: circuits come out many times larger than they need to be.
    EzklDefault,
}

impl Default for Tuning {
    fn default() -> Self {
        Self::Ours(Objective::default())
    }
}

/// Settings of an [`super::EzklBackend`].
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct EzklOptions {
    pub(super) tuning: Tuning,
    pub(super) calibration: Option<Input>,
    pub(super) max_error: Option<f64>,
    pub(super) batch: NonZeroU32,
    pub(super) srs: Option<B256>,
    pub(super) workers: NonZeroUsize,
    pub(super) queue: usize,
    pub(super) retries: u32,
    pub(super) memory_limit_kb: Option<u64>,
}

impl Default for EzklOptions {
    fn default() -> Self {
        Self {
            tuning: Tuning::default(),
            calibration: None,
            max_error: None,
            batch: NonZeroU32::MIN,
            srs: None,
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            queue: QUEUE,
            retries: 0,
            memory_limit_kb: None,
        }
    }
}

impl EzklOptions {
    /// This project's tuner without samples; a worker per core, no memory limit, no repetition.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses who chooses the circuit's parameters. Another choice is another model.
    pub const fn tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Gives samples of inputs: one list per input tensor that holds several inputs, one after the other. Without them,
    /// values are taken to stay below 2^7, and inputs to lie between 0 and 1 where that says too little. With them, there is room
    /// for values four times as large. Scales are made finer, weights up to 15 fraction bits, until the circuit is accurate enough on the
    /// samples; objectives other than [`Objective::Balanced`] try coarser ones first.
    pub fn calibration(mut self, samples: Input) -> Self {
        self.calibration = Some(samples);
        self
    }

    /// The greatest error that an output may have on the samples, as a part of how far its numbers go there
    /// ([`crate::model::Extent::measure`]). Finer scales are tried until it is kept; a model that cannot keep it is refused. Without
    /// it, 1 % is aimed at, and 2 % on samples that are made up.
    pub const fn max_error(mut self, part: f64) -> Self {
        self.max_error = Some(part);
        self
    }

    /// Puts this many inferences into one circuit, hence into one proof: see [`super::batch`].
    pub const fn batch(mut self, inferences: NonZeroU32) -> Self {
        self.batch = inferences;
        self
    }

    /// Makes keys with a ceremony's SRS that was imported ([`super::SrsStore::import`]) in place of the TEST one. Another SRS is
    /// another model id.
    pub const fn srs(mut self, id: B256) -> Self {
        self.srs = Some(id);
        self
    }

    /// The most worker processes, hence the most proofs that run at once. They are started when they are needed.
    pub const fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = workers;
        self
    }

    /// The most requests that may wait for a worker; more are refused with [`crate::backend::BackendError::Busy`].
    pub const fn queue(mut self, requests: usize) -> Self {
        self.queue = requests;
        self
    }

    /// How often a request is made again after its worker died. Never after a limit or the caller stopped it.
    pub const fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The most memory, in kB of its resident set, that one worker may use before it is killed. Looked at every 20 ms, so a
    /// worker may exceed it for that long. Linux only; elsewhere a limit is an error.
    pub const fn memory_limit_kb(mut self, limit: u64) -> Self {
        self.memory_limit_kb = Some(limit);
        self
    }

    /// As [`Self::error_bound`], on samples that are made up.
    pub(super) fn rough_bound(&self) -> f64 {
        self.max_error.unwrap_or(MAX_ERROR_ROUGHLY)
    }

    pub(super) fn error_bound(&self) -> f64 {
        self.max_error.unwrap_or(MAX_ERROR)
    }

    /// A name for what these options make of a model; empty for the default.
    pub(super) fn recipe(&self) -> String {
        let tuning = match self.tuning {
            Tuning::Ours(Objective::Balanced) => "balanced",
            Tuning::Ours(Objective::Latency) => "latency",
            Tuning::Ours(Objective::Gas) => "gas",
            Tuning::Ours(Objective::Memory) => "memory",
            Tuning::EzklDefault => "ezkl-default",
        };
        let (batch, error, srs) = (self.batch, self.max_error, self.srs);
        let recipe = format!(
            "{tuning} batch {batch} error {error:?} srs {srs:?} samples {}{}",
            self.samples_hash(),
            self.tuner()
        );
        if recipe == "balanced batch 1 error None srs None samples none" { String::new() } else { recipe }
    }

    /// What the tuner makes of samples has changed once.
    const fn tuner(&self) -> &'static str {
        if self.calibration.is_some() { " tuner 2" } else { "" }
    }

    fn samples_hash(&self) -> String {
        self.calibration
            .as_ref()
            .map_or_else(|| "none".into(), |samples| blake3::hash(&samples.to_json()).to_hex().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_a_circuit_changes_the_recipe() {
        let samples = |x: f64| Input::new(vec![vec![x; 4]]).unwrap();
        let theirs = EzklOptions::new().tuning(Tuning::EzklDefault);
        let ours = |objective| EzklOptions::new().tuning(Tuning::Ours(objective));
        let recipes = [
            EzklOptions::new(),
            theirs.clone(),
            theirs.clone().calibration(samples(0.5)),
            theirs.calibration(samples(0.25)),
            ours(Objective::Latency),
            ours(Objective::Gas),
            ours(Objective::Memory),
            ours(Objective::Memory).max_error(0.02),
            EzklOptions::new().batch(NonZeroU32::new(4).unwrap()),
            EzklOptions::new().srs(B256::repeat_byte(1)),
        ]
        .map(|options| options.recipe());
        let distinct: std::collections::BTreeSet<&String> = recipes.iter().collect();
        assert_eq!(distinct.len(), recipes.len(), "{recipes:?}");
        assert_eq!(recipes[0], "", "artifacts made before there were options are found again");
        // What changes no circuit is not in it.
        assert_eq!(EzklOptions::new().workers(NonZeroUsize::MIN).retries(3).memory_limit_kb(1).recipe(), "");
    }
}
