//! The process that is measured: it opens artifacts, proves, verifies, and knows nothing else.

use super::{
    super::{Failure, Outcome, context::Session},
    contender::Contender,
    pipeline,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fs, path::PathBuf, process::Command, time::Instant};
use zkinfer::{
    backend::{Artifacts, Item, Witness},
    model::Input,
    pipeline::PipelineError,
    proof::{Context, Statement},
};

/// Linux counts processor time in these, on every machine that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug, clap::Args)]
pub(crate) struct ChildArgs {
    /// [`Work`] as JSON.
    work: PathBuf,
}

/// What such a process does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Work {
    /// A backend alone.
    Backend(Spec),
    /// The pipeline around it.
    Pipeline(pipeline::Spec),
}

/// What to prove.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) contender: Contender,
    pub(super) artifacts: PathBuf,
    /// One per statement of a proof.
    pub(super) inputs: Vec<Vec<f64>>,
    pub(super) runs: u32,
    pub(super) scalar: bool,
}

/// What it took. Times are milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Timings {
    pub(super) prove_ms: Vec<f64>,
    /// The mean: the clock is too coarse for one proof.
    pub(super) prove_cpu_ms: f64,
    pub(super) verify_ms: Vec<f64>,
    pub(super) proof_bytes: usize,
    /// Of this process, or of EZKL's.
    pub(super) peak_rss_kb: Option<u64>,
}

/// Runs this program again: what this process holds of set-up and models is not proving's.
pub(super) fn in_a_fresh_process<T: DeserializeOwned>(work: &Work) -> Result<T, Failure> {
    let environment = |error: std::io::Error| Failure::Environment(format!("no process to measure in: {error}"));
    let file = tempfile::NamedTempFile::new().map_err(environment)?;
    let json = serde_json::to_vec(work).map_err(|error| Failure::Internal(error.to_string()))?;
    fs::write(file.path(), json).map_err(environment)?;
    let program = std::env::current_exe().map_err(environment)?;
    let output = Command::new(program).arg("bench-child").arg(file.path()).output().map_err(environment)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Internal(format!("the measured process failed ({}): {}", output.status, said.trim())));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::Internal(format!("the measured process gave no figures: {error}")))
}

pub(crate) fn run(args: &ChildArgs, session: &Session) -> anyhow::Result<Outcome> {
    let internal = |error: &dyn std::error::Error| Failure::Internal(format!("bench-child: {error}"));
    let json = fs::read(&args.work).map_err(|error| internal(&error))?;
    let work: Work = serde_json::from_slice(&json).map_err(|error| internal(&error))?;
    drop(json);
    let figures = match &work {
        Work::Backend(spec) => serde_json::to_string(&measure(spec, session)?),
        Work::Pipeline(spec) => serde_json::to_string(&pipeline::measure_here(spec, session)?),
    };
    println!("{}", figures.map_err(|error| internal(&error))?);
    Ok(Outcome::True)
}

fn measure(spec: &Spec, session: &Session) -> Result<Timings, Failure> {
    zkinfer_prover::kernels::force_scalar(spec.scalar);
    let control = session.control();
    let artifacts = Artifacts::open(&spec.artifacts).map_err(PipelineError::from)?;
    let backend = spec.contender.backend(None)?;
    let inputs = spec.inputs.iter().map(|input| Input::new(vec![input.clone()])).collect::<Result<Vec<_>, _>>()?;
    let (mut prove_ms, mut verify_ms, mut proof_bytes, mut cpu_ms) = (Vec::new(), Vec::new(), 0, 0.0);
    for run in 0..=spec.runs {
        let (start, before) = (Instant::now(), cpu_time_ms());
        let witnesses = inputs.iter().map(|input| backend.witness(&artifacts, input, control));
        let witnesses = witnesses.collect::<Result<Vec<_>, _>>().map_err(PipelineError::from)?;
        let statements: Vec<Statement> = witnesses.iter().map(|witness| statement(&artifacts, witness)).collect();
        let items = witnesses.iter().zip(&statements).map(|(witness, statement)| Item { witness, statement });
        let proof = backend.prove(&artifacts, &items.collect::<Vec<_>>(), control).map_err(PipelineError::from)?;
        let (proved, cpu) = (start.elapsed(), cpu_time_ms() - before);
        let start = Instant::now();
        let verdict = backend.verify(&artifacts, &statements, &proof, control).map_err(PipelineError::from)?;
        let verified = start.elapsed();
        if !verdict.is_valid() {
            return Err(Failure::Internal("a proof that was just made does not verify".into()));
        }
        // The first one fills caches.
        if run > 0 {
            prove_ms.push(proved.as_secs_f64() * 1e3);
            verify_ms.push(verified.as_secs_f64() * 1e3);
            cpu_ms += cpu;
        }
        proof_bytes = proof.len();
    }
    let peak_rss_kb = match spec.contender {
        // All of this process, from its start.
        contender if contender.is_native() => peak_rss_kb(),
        _ => backend.peak_rss_kb(),
    };
    Ok(Timings { prove_ms, prove_cpu_ms: cpu_ms / f64::from(spec.runs), verify_ms, proof_bytes, peak_rss_kb })
}

fn statement(artifacts: &Artifacts, witness: &Witness) -> Statement {
    let public_values = witness.public_values.clone();
    Statement { model_id: artifacts.model_id(), public_values, context: Context::Offchain {} }
}

/// Processor time of this process and of the workers that it runs, all threads; 0 where the system does not tell.
fn cpu_time_ms() -> f64 {
    let own = std::process::id();
    let of = |stat: String| {
        // The name, in parentheses, may hold spaces. After it: state, parent, .., user and system time as 12th and 13th.
        let fields: Vec<String> = stat.rsplit(')').next()?.split_whitespace().map(str::to_owned).collect();
        let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        Some((fields.get(1)?.parse::<u32>().ok()?, ticks))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ticks = numbered.filter_map(|pid| {
        let (parent, ticks) = of(fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        (pid == own || parent == own).then_some(ticks)
    });
    ticks.sum::<f64>() * 1e3 / TICKS_PER_SECOND
}

/// `VmHWM` of this process; `None` where the system does not tell.
pub(super) fn peak_rss_kb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_median() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![1.0]), 1.0);
        assert!(median(vec![]).is_nan());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_time_and_memory() {
        let before = cpu_time_ms();
        let mut sum = 0u64;
        // Work that is counted, however long it takes: the clock has to move in the end.
        while cpu_time_ms() <= before {
            sum = std::hint::black_box((0..1_000_000u64).fold(sum, |sum, x| sum.wrapping_mul(31).wrapping_add(x)));
        }
        assert!(peak_rss_kb().unwrap() > 100);
    }
}
