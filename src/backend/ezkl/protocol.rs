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
    "settings" GenSettings { model: PathBuf, settings: PathBuf, run_args: RunArgs } -> SettingsResult {
        num_rows: u64,
        model_input_scales: Vec<u32>,
        model_output_scales: Vec<u32>,
    }
    "calibrate" Calibrate { model: PathBuf, settings: PathBuf, data: PathBuf } -> CalibrateResult {
        num_rows: u64,
        model_input_scales: Vec<u32>,
        model_output_scales: Vec<u32>,
        run_args: RunArgs,
    }
    "compile" Compile { model: PathBuf, settings: PathBuf, compiled: PathBuf } -> CompileResult {}
    "setup" Setup { compiled: PathBuf, srs: PathBuf, vk: PathBuf, pk: PathBuf } -> SetupResult {}
    "witness" GenWitness { input: PathBuf, compiled: PathBuf, witness: PathBuf } -> WitnessResult {
        inputs: Vec<Vec<String>>,
        outputs: Vec<Vec<String>>,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Visibility {
    Public,
    Fixed,
}

#[derive(Debug, Deserialize)]
pub(super) struct Response<T> {
    pub(super) id: Option<u64>,
    pub(super) result: Option<T>,
    pub(super) error: Option<Failure>,
    #[serde(default)]
    pub(super) rss_peak_kb: u64,
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
