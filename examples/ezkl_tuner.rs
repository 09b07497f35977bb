//! EZKL with the tuner's circuits beside EZKL's own calibration, in one run, and what was predicted beside what came true.
//!
//! ```text
//! cargo run --example ezkl_tuner -- [RUNS] [WIDTHS…]
//! cargo run --example ezkl_tuner -- 5 4-8-3 64-128-64-10
//! ```
//!
//! Needs `zkinfer setup ezkl`. The build profile does not matter: EZKL is another process. CPU time is that of the worker process, all threads, for a witness and its proof: unlike wall
//! time it does not depend much on what else the machine does. Networks are synthetic perceptrons with seeded weights;
//! both sides get the same 16 random samples.

use std::sync::Arc;
use zkinfer::{
    backend::{
        Control,
        ezkl::{EzklBackend, EzklOptions, Objective, Tuning},
    },
    model::{Input, Model, synthetic},
    pipeline::{EZKLIntegration, ProofGenerator, ProofVerifier},
    proof::Context,
    storage::Cache,
};

const SAMPLES: usize = 16;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let runs: usize = arguments.next().map_or(Ok(5), |runs| runs.parse())?;
    let mut shapes: Vec<String> = arguments.collect();
    if shapes.is_empty() {
        shapes = vec!["4-8-3".into(), "64-128-64-10".into()];
    }
    println!(
        "| model | chosen by | k | rows | proof B | verifier B | gas | prove CPU ms | times less | peak RSS MB | greatest error |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for shape in &shapes {
        let widths = shape.split('-').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        let mlp = synthetic::random_mlp(&widths, 1).ok_or("a shape has two or more widths")?;
        let model = Model::from_onnx(synthetic::to_onnx(&mlp))?;
        let mut theirs = None;
        for tuning in [
            Tuning::EzklDefault,
            Tuning::Ours(Objective::Balanced),
            Tuning::Ours(Objective::Latency),
            Tuning::Ours(Objective::Gas),
            Tuning::Ours(Objective::Memory),
        ] {
            let cpu = measure(shape, &model, &samples(widths[0]), tuning, runs, theirs)?;
            theirs.get_or_insert(cpu);
        }
    }
    Ok(())
}

/// Numbers between 0 and 1 that look random.
fn samples(width: usize) -> Vec<f64> {
    (0..width * SAMPLES).map(|i| ((i * 7919 + 13) % 1009) as f64 / 1009.0).collect()
}

/// Prints a row, and a second one with the forecast. Returns the CPU time of a proof in milliseconds.
fn measure(
    shape: &str,
    model: &Model,
    samples: &[f64],
    tuning: Tuning,
    runs: usize,
    theirs: Option<f64>,
) -> Result<f64, Failure> {
    let options = EzklOptions::new().tuning(tuning).calibration(Input::new(vec![samples.to_vec()])?);
    let backend = Arc::new(EzklBackend::with_options(&Cache::from_env()?, options)?);
    let dir = tempfile::tempdir()?;
    let integration = EZKLIntegration::new(backend.clone(), Cache::at(dir.path().into()));
    let control = Control::default();
    let prepared = integration.prepare(model, &control)?;
    let generator = ProofGenerator::new(integration.backend(), &prepared);
    let input = Input::new(vec![samples[..model.inputs()[0].elements()].to_vec()])?;
    let mut times = Vec::new();
    let mut gas = 0;
    for run in 0..=runs {
        let before = backend.proving_cpu();
        let witness = generator.witness(&input, &control)?;
        let bundle = generator.prove(&witness, Context::Offchain {}, &control)?;
        // The first one fills caches.
        if run > 0 {
            times.push((backend.proving_cpu() - before).as_secs_f64() * 1e3);
        }
        let embedded = ProofVerifier::new(&*backend, &prepared).embedded(bundle.statements(), bundle.proof())?;
        gas = embedded.map_or(0, |embedded| embedded.gas.transaction);
    }
    times.sort_by(f64::total_cmp);
    let cpu = times[times.len() / 2];
    let identity = prepared.artifacts.identity();
    let parity = EzklBackend::parity_of(&prepared.artifacts)?;
    let error = parity
        .as_ref()
        .and_then(|parity| parity.outputs.first())
        .map_or(f64::NAN, |output| output.accuracy.max_abs_error);
    println!(
        "| {shape} | {} | {} | {} | {} | {} | {gas} | {cpu:.0} | {:.1} | {:.0} | {error:.4} |",
        name(tuning),
        identity.details["k"],
        identity.details["rows"],
        identity.proof_bytes,
        prepared.verifier.as_ref().map_or(0, |verifier| verifier.runtime_code.len()),
        theirs.unwrap_or(cpu) / cpu,
        zkinfer::backend::ProvingBackend::peak_rss_kb(&*backend).unwrap_or(0) as f64 / 1024.0,
    );
    if let Some(forecast) = EzklBackend::forecast(&prepared.artifacts)? {
        println!(
            "| | predicted | {} | {} | {} | {} | {} | {} | | {:.0} | |",
            forecast.k,
            forecast.rows,
            forecast.proof_bytes,
            forecast.verifier_bytes,
            forecast.gas,
            forecast.prove_cpu_ms,
            forecast.peak_rss_kb as f64 / 1024.0,
        );
    }
    Ok(cpu)
}

const fn name(tuning: Tuning) -> &'static str {
    match tuning {
        Tuning::EzklDefault => "EZKL",
        Tuning::Ours(Objective::Balanced) => "balanced",
        Tuning::Ours(Objective::Latency) => "latency",
        Tuning::Ours(Objective::Gas) => "gas",
        Tuning::Ours(Objective::Memory) => "memory",
        _ => "?",
    }
}
