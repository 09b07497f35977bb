//! The tables of `docs/benchmarks.md`.

use super::{Args, Measured, goals::Reached, measure::Row};
use serde_json::{Value, json};
use zkinfer::model::quantize::Accuracy;
use zkinfer_prover::kernels::Backend as Kernels;

/// What the figures were taken on.
pub(super) struct Machine {
    build: &'static str,
    cores: usize,
    kernels: String,
    runs: u32,
    ezkl_runs: u32,
}

impl Machine {
    pub(super) fn this(args: &Args) -> Self {
        Self {
            build: if cfg!(debug_assertions) { "dev" } else { "release" },
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            kernels: Kernels::active().to_string(),
            runs: args.runs,
            ezkl_runs: args.runs.min(args.ezkl_runs),
        }
    }

    /// The same as [`Machine::line`], for programs.
    pub(super) fn object(&self) -> Value {
        let Self { build, cores, kernels, runs, ezkl_runs: _ } = self;
        json!({ "runs": runs, "build": build, "cores": cores, "kernels": kernels })
    }

    /// What stands above every table.
    pub(super) fn line(&self) -> String {
        let Self { build, cores, kernels, runs, ezkl_runs } = self;
        format!(
            "{cores} cores, {build} build, native kernels {kernels}; medians of {runs} proofs ({ezkl_runs} for EZKL)"
        )
    }
}

/// One table of all figures, and one of the goals if there are any.
pub(super) fn markdown(machine: &Machine, measured: &[Measured], goals: &[Reached]) -> String {
    let mut text = format!(
        "{}\n\n\
         | model | N | backend | set-up s | prove ms | prove CPU ms | verify ms | proof B | peak RSS MB | same class as float | greatest error |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
        machine.line(),
    );
    for Measured { subject, batch, rows } in measured {
        let model = format!("{} ({})", subject.name, parameters(subject.model.parameters()));
        for row in rows {
            text += &format!("| {model} | {batch} | {} |{}\n", row.contender.name(), figures(row));
        }
    }
    if !goals.is_empty() {
        text += "\n| model | N | figure | native | must | push |\n|---|---|---|---|---|---|\n";
        goals.iter().for_each(|goal| text += &goal.line());
    }
    text
}

fn figures(row: &Row) -> String {
    let figures = match &row.figures {
        Ok(figures) => figures,
        // A bar would end the cell.
        Err(reason) => return format!(" {} | | | | | | | |", reason.replace('|', "/").replace('\n', " ")),
    };
    let rss = figures.peak_rss_mb().map_or_else(|| "?".into(), |mb| format!("{mb:.1}"));
    let Accuracy { samples, same_argmax, max_abs_error, .. } = figures.accuracy;
    format!(
        " {:.2} | {:.1} | {:.0} | {:.1} | {} | {rss} | {same_argmax} of {samples} | {max_abs_error:.4} |",
        figures.setup_ms / 1e3,
        figures.prove_ms,
        figures.prove_cpu_ms,
        figures.verify_ms,
        figures.proof_bytes,
    )
}

/// Thousands separated.
pub(super) fn parameters(n: u64) -> String {
    let digits = n.to_string();
    let grouped = digits.bytes().enumerate().flat_map(|(i, digit)| {
        let comma = i > 0 && (digits.len() - i).is_multiple_of(3);
        comma.then_some(b',').into_iter().chain([digit])
    });
    grouped.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(parameters(7), "7");
        assert_eq!(parameters(1_000), "1,000");
        assert_eq!(parameters(2_109_450), "2,109,450");
        assert_eq!(parameters(265_482), "265,482");
    }
}
