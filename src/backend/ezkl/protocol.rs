//! The worker's protocol: one struct per operation of `ezkl_worker/worker.py`.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The protocol version that `hello` must answer.
pub(super) const VERSION: u32 = 1;

/// A request and what answers it.
pub(super) trait Request: Serialize {
    const OP: &'static str;
    type Result: serde::de::DeserializeOwned;
}

macro_rules! requests {
    ($($op:literal $request:ident { $($field:ident: $type:ty),* $(,)? } -> $result:ident { $($out:ident: $out_type:ty),* $(,)? })*) => {$(
        #[derive(Debug, Serialize)]
        pub(super) struct $request {
            $(pub(super) $field: $type,)*
        }

        impl Request for $request {
            const OP: &'static str = $op;
            type Result = $result;
        }

        #[derive(Debug, Deserialize)]
        pub(super) struct $result {
            $(pub(super) $out: $out_type,)*
        }
    )*};
}

requests! {
    "hello" Hello {} -> HelloResult { protocol: u32, ezkl: Option<String>, python: String }
    "compile" Compile { model: PathBuf, settings: PathBuf, compiled: PathBuf } -> CompileResult {}
    "setup" Setup { compiled: PathBuf, srs: PathBuf, vk: PathBuf, pk: PathBuf } -> SetupResult {}
    "witness" GenWitness { input: PathBuf, compiled: PathBuf, witness: PathBuf } -> WitnessResult {
        inputs: Vec<Vec<String>>,
        outputs: Vec<Vec<String>>,
        min_lookup_inputs: i64,
        max_lookup_inputs: i64,
    }
    "prove" Prove { witness: PathBuf, compiled: PathBuf, pk: PathBuf, srs: PathBuf, proof: PathBuf } -> ProveResult {
        instances: Vec<Vec<String>>,
        proof: String,
    }
    "verify" Verify { proof: PathBuf, settings: PathBuf, vk: PathBuf, srs: PathBuf, reduced_srs: bool } -> VerifyResult {
        valid: bool,
        reason: Option<String>,
    }
    "verifier_sol" VerifierSol { vk: PathBuf, settings: PathBuf, srs: PathBuf, sol: PathBuf, abi: PathBuf, reusable: bool } -> VerifierSolResult {
        contract: String,
    }
}

/// Makes settings with given run arguments.
#[derive(Debug, Serialize)]
pub(super) struct GenSettings {
    pub(super) model: PathBuf,
    pub(super) settings: PathBuf,
    pub(super) run_args: RunArgs,
}

impl Request for GenSettings {
    const OP: &'static str = "settings";
    type Result = SettingsResult;
}

/// Makes settings with EZKL's default run arguments and its own calibration.
#[derive(Debug, Serialize)]
pub(super) struct Calibrate {
    pub(super) model: PathBuf,
    pub(super) settings: PathBuf,
    pub(super) data: PathBuf,
}

impl Request for Calibrate {
    const OP: &'static str = "calibrate";
    type Result = CalibrateResult;
}

/// What EZKL's settings say of a circuit.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SettingsResult {
    pub(super) num_rows: u64,
    pub(super) model_input_scales: Vec<u32>,
    pub(super) model_output_scales: Vec<u32>,
    /// Of the public tensors.
    pub(super) model_instance_shapes: Vec<Vec<u64>>,
    pub(super) required_lookups: Vec<serde_json::Value>,
    pub(super) required_range_checks: Vec<(i64, i64)>,
    #[serde(default)]
    pub(super) einsum_params: Option<serde_json::Value>,
}

impl SettingsResult {
    /// Positive when matrix products would be checked by Freivalds' algorithm.
    pub(super) fn total_einsum_col_size(&self) -> u64 {
        let size = self.einsum_params.as_ref().and_then(|params| params.get("total_einsum_col_size"));
        size.and_then(serde_json::Value::as_u64).unwrap_or(0)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct CalibrateResult {
    #[serde(flatten)]
    pub(super) settings: SettingsResult,
    pub(super) run_args: RunArgs,
}

/// EZKL's run arguments, the ones that this project chooses. The rest keep EZKL's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunArgs {
    pub(super) input_visibility: Visibility,
    pub(super) output_visibility: Visibility,
    /// `fixed` binds the weights in the verifying key. `private` would bind nothing: the key is the same for any weights.
    pub(super) param_visibility: Visibility,
    pub(super) input_scale: i32,
    pub(super) param_scale: i32,
    pub(super) scale_rebase_multiplier: u32,
    pub(super) logrows: u32,
    pub(super) num_inner_cols: usize,
    pub(super) decomp_base: usize,
    pub(super) decomp_legs: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lookup_range: Option<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) disable_freivalds: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Visibility {
    Public,
    Fixed,
    /// What artifacts of other makers may have. Bound by nothing: refused.
    Private,
    /// Anything else: refused as well.
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(super) struct Response<T> {
    pub(super) id: Option<u64>,
    pub(super) result: Option<T>,
    pub(super) error: Option<Failure>,
    #[serde(default)]
    pub(super) rss_peak_kb: u64,
    #[serde(default)]
    pub(super) cpu_ms: f64,
}

/// What the worker says when an operation failed.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    pub(super) message: String,
    #[serde(default)]
    pub(super) detail: String,
}

impl Failure {
    /// The message, with what EZKL logged: some causes stand only there.
    pub(super) fn text(&self) -> String {
        let detail = self.detail.lines().last().unwrap_or_default();
        if detail.is_empty() { self.message.clone() } else { format!("{}: {detail}", self.message) }
    }

    /// Whether message or log says `text`.
    pub(super) fn mentions(&self, text: &str) -> bool {
        self.message.contains(text) || self.detail.contains(text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FailureKind {
    Protocol,
    Value,
    Runtime,
    Panic,
}
