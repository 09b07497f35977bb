//! From a model to a circuit: checked, enlarged to a batch, tuned, compiled, tried out.

use super::{
    COMPILED, EzklBackend, ONNX, SETTINGS, batch,
    circuit::{Details, Figures, details, malformed_details, schema_of},
    options::{Objective, Tuning},
    protocol::{Calibrate, Compile, GenSettings, GenWitness, RunArgs, SettingsResult},
    samples::{Samples, is_batch},
    tuner::{self, Ask},
    validate,
    worker::{CallError, NAME},
};
use crate::{
    backend::{BackendError, Circuit, Control},
    model::Model,
};
use serde::Deserialize as _;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Room beside the integers that were seen to enter a lookup, on each side, in addition to as much again.
const LOOKUP_MARGIN: i64 = 16;
/// How often the admitted range is widened by [`WIDER_LOG2`] when samples turn out to need more than their float values say.
const WIDENINGS: u32 = 4;
const WIDER_LOG2: u32 = 3;
/// How much larger the circuit of finer scales may be: 2^k rows with k greater by this, or of 2^17 rows.
const FINER_K: u32 = 2;
const FINER_MIN_K: u32 = 17;

/// What EZKL says of a circuit whose columns do not hold what has to be in one of them.
const TOO_SHORT: &str = "General synthesis error";

/// A model on its way to a circuit.
struct Job<'a> {
    backend: &'a EzklBackend,
    /// As large as its batch.
    model: Model,
    samples: Samples,
    dir: &'a Path,
    control: &'a Control,
}

impl EzklBackend {
    pub(super) fn compile_model(&self, model: &Model, dir: &Path, control: &Control) -> Result<Circuit, BackendError> {
        validate::check(model)?;
        let job = self.job(model, dir, control)?;
        control.stage("choose circuit parameters");
        let details = match self.options.tuning {
            Tuning::Ours(objective) => job.tune(objective)?,
            Tuning::EzklDefault => job.let_ezkl_choose()?,
        };
        self.expect_accuracy(&details)?;
        circuit_of(&job, details)
    }

    /// After the verifier of `circuit` came out with `size` bytes of code, more than `limit`: another circuit with the same
    /// scales, whose verifier ought to be smaller. What EZKL chose by itself is left as it is.
    pub(super) fn compile_with_less_code(
        &self,
        model: &Model,
        dir: &Path,
        circuit: &Circuit,
        (size, limit): (usize, usize),
        control: &Control,
    ) -> Result<Option<Circuit>, BackendError> {
        let Tuning::Ours(objective) = self.options.tuning else { return Ok(None) };
        let figures = Figures::deserialize(&circuit.figures).map_err(|error| malformed_details(&error))?;
        let Some(expected) = figures.forecast.map(|forecast| forecast.verifier_bytes) else { return Ok(None) };
        let before = details(&circuit.details)?;
        control.stage("choose parameters of a smaller verifier");
        let job = self.job(model, dir, control)?;
        // As much smaller as it was too large; then whatever is smaller at all, since forecasts are a few percent off.
        let enough = (u128::from(expected) * limit as u128 / size.max(1) as u128) as u64;
        for most in [enough, expected.saturating_sub(1)] {
            match job.tune_again(objective, &before, most) {
                Ok(details) if self.expect_accuracy(&details).is_ok() => return circuit_of(&job, details).map(Some),
                Ok(_) | Err(BackendError::Unsupported { .. } | BackendError::OutOfDomain(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn job<'a>(&'a self, model: &Model, dir: &'a Path, control: &'a Control) -> Result<Job<'a>, BackendError> {
        let larger = batch::enlarge(model, self.options.batch)?;
        let samples = Samples::of(&self.options, model, larger.inputs())?;
        let onnx = dir.join(ONNX);
        fs::write(&onnx, larger.canonical_onnx()).map_err(BackendError::io(&onnx))?;
        Ok(Job { backend: self, model: larger, samples, dir, control })
    }
}

fn circuit_of(job: &Job<'_>, details: Details) -> Result<Circuit, BackendError> {
    let schema = schema_of(&job.model, &details)?;
    let json = |value: Result<serde_json::Value, _>| value.map_err(|error| malformed_details(&error));
    let figures = json(serde_json::to_value(&details.figures))?;
    Ok(Circuit { schema, details: json(serde_json::to_value(details))?, figures })
}

impl Job<'_> {
    fn onnx(&self) -> PathBuf {
        self.dir.join(ONNX)
    }

    fn settings(&self) -> PathBuf {
        self.dir.join(SETTINGS)
    }

    fn gen_settings(&self, run_args: RunArgs) -> Result<SettingsResult, BackendError> {
        self.backend.request(
            &GenSettings { model: self.onnx(), settings: self.settings(), run_args },
            None,
            self.control,
        )
    }

    /// Settings of a candidate; `None` where its columns are too short for the layout. That they are not at another size was seen
    /// before: of a model that EZKL does not lay out at all, the first settings are an error.
    fn measured(&self, run_args: RunArgs) -> Result<Option<SettingsResult>, BackendError> {
        match self.gen_settings(run_args) {
            Err(BackendError::Unsupported { reason, .. }) if reason.contains(TOO_SHORT) => Ok(None),
            made => made.map(Some),
        }
    }

    /// Compiles with the settings that were made last.
    fn compile(&self, k: u32) -> Result<(), BackendError> {
        let request = Compile { model: self.onnx(), settings: self.settings(), compiled: self.dir.join(COMPILED) };
        self.backend.request(&request, Some(k), self.control).map(|_| ())
    }

    /// This project's choice: the cheapest scales that are accurate enough, each with its best circuit.
    fn tune(&self, objective: Objective) -> Result<Details, BackendError> {
        let calibrated = self.samples.given;
        let magnitude_log2 = self.magnitude_log2(objective)?;
        let bound = if calibrated { self.backend.options.error_bound() } else { self.backend.options.rough_bound() };
        let mut found: Option<Details> = None;
        for scales in self.samples.scales(objective) {
            let ask = Ask {
                objective,
                scales,
                magnitude_log2,
                batch: is_batch(self.backend.options.batch),
                lookup_range: None,
                // Finer scales are worth a circuit that is not much larger.
                largest_k: found.as_ref().map_or(tuner::MAX_K, |found| (found.k + FINER_K).max(FINER_MIN_K)),
                most_code: None,
            };
            let details = match (self.settle(ask), found) {
                (Ok(details), _) => details,
                // What was found before is less accurate, and all there is.
                (Err(BackendError::Unsupported { .. } | BackendError::OutOfDomain(_)), Some(before)) => {
                    return self.again(before);
                }
                (Err(error), _) => return Err(error),
            };
            if details.figures.parity.as_ref().is_some_and(|parity| parity.relative_error() <= bound) {
                return Ok(details);
            }
            found = Some(details);
        }
        found.ok_or_else(no_circuit)
    }

    /// Real numbers of less than 2 to this are admitted everywhere.
    fn magnitude_log2(&self, objective: Objective) -> Result<u32, BackendError> {
        let given = self.samples.given;
        let needed = if given { self.samples.magnitude_log2(&self.model)? } else { tuner::MAX_MAGNITUDE_LOG2 };
        Ok(match objective {
            Objective::Balanced => needed.max(tuner::MAX_MAGNITUDE_LOG2),
            _ => needed,
        })
    }

    /// The cheapest verifier at the scales of `before` that is expected to have at most so much code.
    fn tune_again(&self, objective: Objective, before: &Details, most_code: u64) -> Result<Details, BackendError> {
        let ask = Ask {
            objective: Objective::Gas,
            scales: (before.run_args.input_scale, before.run_args.param_scale),
            magnitude_log2: self.magnitude_log2(objective)?,
            batch: is_batch(self.backend.options.batch),
            lookup_range: None,
            largest_k: tuner::MAX_K,
            most_code: Some(most_code),
        };
        let mut details = self.settle(ask)?;
        details.figures.objective = Some(objective);
        Ok(details)
    }

    /// Settings and circuit of an earlier choice, which a later one overwrote.
    fn again(&self, details: Details) -> Result<Details, BackendError> {
        self.gen_settings(details.run_args)?;
        self.compile(details.k)?;
        Ok(details)
    }

    /// The best circuit at given scales, compiled, and shown by witnesses to hold the samples.
    fn settle(&self, mut ask: Ask) -> Result<Details, BackendError> {
        let probe = self.gen_settings(ask.probe())?;
        if !probe.required_lookups.is_empty() {
            ask.lookup_range = Some(self.lookup_range(&ask)?);
        }
        let mut widenings = 0;
        loop {
            let choice = tuner::choose(&ask, |args| self.measured(args))?.ok_or_else(no_circuit)?;
            // The last settings written are a candidate's: write the choice's.
            let made = self.gen_settings(choice.run_args)?;
            let mut details = self.details(choice.run_args, made);
            (details.figures.objective, details.figures.forecast) = (Some(ask.objective), Some(choice.forecast));
            self.try_out(&mut details)?;
            let outside = details.figures.parity.as_ref().is_some_and(|parity| parity.out_of_domain() > 0);
            if !(outside && self.samples.given) || widenings == WIDENINGS {
                return Ok(details);
            }
            widenings += 1;
            ask.magnitude_log2 += WIDER_LOG2;
        }
    }

    /// Compiles and compares with the float model.
    fn try_out(&self, details: &mut Details) -> Result<(), BackendError> {
        self.compile(details.k)?;
        let schema = schema_of(&self.model, details)?;
        let Self { backend, model, samples, dir, control } = self;
        details.figures.parity = Some(backend.parity(model, samples, dir, details, &schema, control)?);
        Ok(())
    }

    /// The integers that enter lookups on the samples, with as much again on each side.
    fn lookup_range(&self, ask: &Ask) -> Result<(i64, i64), BackendError> {
        let probe = ask.probe();
        self.gen_settings(probe)?;
        self.compile(probe.logrows)?;
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let (input, witness) = (private.path().join("input.json"), private.path().join("witness.json"));
        let (mut low, mut high) = (0, 0);
        for sample in &self.samples.inputs {
            fs::write(&input, sample.to_json()).map_err(BackendError::io(&input))?;
            let request =
                GenWitness { input: input.clone(), compiled: self.dir.join(COMPILED), witness: witness.clone() };
            let made = self.backend.request(&request, Some(probe.logrows), self.control)?;
            (low, high) = (low.min(made.min_lookup_inputs), high.max(made.max_lookup_inputs));
        }
        let wider = |bound: i64, margin: i64| bound.saturating_mul(2).saturating_add(margin);
        Ok((wider(low, -LOOKUP_MARGIN), wider(high, LOOKUP_MARGIN)))
    }

    /// EZKL's own choice.
    fn let_ezkl_choose(&self) -> Result<Details, BackendError> {
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let data = private.path().join("calibration.json");
        fs::write(&data, self.samples.joined()?.to_json()).map_err(BackendError::io(&data))?;
        let request = Calibrate { model: self.onnx(), settings: self.settings(), data };
        let made = self.backend.call(&request, None, self.control);
        let made = made.map_err(|error| CallError::into_backend(error, "calibrate"))?;
        let mut details = self.details(made.run_args, made.settings);
        self.try_out(&mut details)?;
        Ok(details)
    }

    fn details(&self, run_args: RunArgs, made: SettingsResult) -> Details {
        Details {
            run_args,
            rows: made.num_rows,
            k: run_args.logrows,
            input_scales: made.model_input_scales,
            output_scales: made.model_output_scales,
            batch: self.backend.options.batch,
            figures: Figures::default(),
        }
    }
}

fn no_circuit() -> BackendError {
    BackendError::Unsupported { backend: NAME, reason: "no circuit of at most 2^26 rows covers its values".into() }
}
