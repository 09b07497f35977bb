//! The pipeline around a backend, on the digits model: what it takes, and whether its goals are reached.

mod child;

pub(super) use child::{Spec, measure as measure_here};

use super::{
    super::{Failure, context::Session},
    Args,
    child::{Work, in_a_fresh_process},
    contender::Contender,
    subject::Subject,
    table::Machine,
};
use child::{BATCH, Figures, QUEUED};
use serde_json::{Value, json};
use zkinfer::{pipeline::EZKLIntegration, storage::Cache};

/// What one backend's pipeline took.
pub(super) struct Row {
    contender: Contender,
    together: usize,
    figures: Figures,
}

/// A figure beside its goal.
struct Reached {
    name: String,
    value: f64,
    unit: &'static str,
    /// `None` where there is no goal.
    goal: Option<f64>,
}

/// Measures the pipeline of every contender.
pub(super) fn measure(contenders: &[Contender], args: &Args, session: &Session) -> Result<Vec<Row>, Failure> {
    contenders.iter().map(|&contender| row(contender, args, session)).collect()
}

fn row(contender: Contender, args: &Args, session: &Session) -> Result<Row, Failure> {
    let control = session.control();
    let subject = Subject::of(args)?;
    let dir = tempfile::tempdir()
        .map_err(|error| Failure::Environment(format!("no temporary directory to measure in: {error}")))?;
    let native = contender == Contender::Native;
    control.stage(&format!("pipeline, {}: set-up", contender.name()));
    let integration = EZKLIntegration::new(
        contender.backend(subject.calibration(subject.samples.len())?)?,
        Cache::at(dir.path().into()),
    );
    let model_id = integration.prepare(&subject.model, control)?.artifacts.model_id();
    drop(integration);
    control.stage(&format!("pipeline, {}", contender.name()));
    let together = if native { 100 } else { BATCH };
    let runs = if native { args.runs } else { args.runs.min(args.ezkl_runs) } as usize;
    let spec = Spec {
        contender,
        cache: dir.path().into(),
        model_id,
        inputs: subject.samples,
        runs,
        together,
        served: args.served.map_or(if native { QUEUED } else { 2 * BATCH }, |served| served as usize),
    };
    Ok(Row { contender, together, figures: in_a_fresh_process(&Work::Pipeline(spec))? })
}

impl Row {
    fn reached(&self) -> Vec<Reached> {
        let native = self.contender == Contender::Native;
        let of = |native_goal: f64, ezkl_goal: f64| Some(if native { native_goal } else { ezkl_goal });
        let reached = |name: String, value, unit, goal| Reached { name, value, unit, goal };
        let mb = |kb: Option<u64>| kb.map_or(f64::NAN, |kb| kb as f64 / 1024.0);
        let Figures { bare_ms, single_ms, .. } = self.figures;
        let figures = &self.figures;
        let together = format!("verify, each of {} together", self.together);
        let queued = format!("peak RSS with {QUEUED} queued, {} of them proven", figures.served);
        vec![
            reached("the backend alone: prove".into(), bare_ms, "ms", None),
            reached("prove".into(), single_ms, "ms", of(60.0, 1000.0)),
            // 2 % or 5 ms, whichever is more.
            reached("what the pipeline adds".into(), single_ms - bare_ms, "ms", Some((bare_ms * 0.02).max(5.0))),
            reached(format!("prove {BATCH}"), figures.batch_ms, "ms", of(400.0, 5000.0)),
            reached("verify".into(), figures.verify_ms, "ms", of(5.0, 100.0)),
            reached("verify, embedded EVM too".into(), figures.verify_full_ms, "ms", None),
            reached(together, figures.verify_together_ms, "ms", native.then_some(0.5)),
            reached("peak RSS".into(), mb(figures.peak_rss_kb), "MB", of(100.0, 500.0)),
            reached(queued, mb(figures.queued_peak_rss_kb), "MB", of(100.0, 500.0)),
        ]
    }

    pub(super) fn object(&self) -> Value {
        let figures = self.reached().into_iter().map(|reached| {
            json!({
                "figure": reached.name,
                "value": reached.value.is_finite().then_some(reached.value),
                "unit": reached.unit,
                "goal": reached.goal,
                "met": reached.met(),
            })
        });
        json!({ "backend": self.contender, "figures": figures.collect::<Vec<_>>() })
    }
}

impl Reached {
    fn met(&self) -> Option<bool> {
        self.goal.filter(|_| self.value.is_finite()).map(|goal| self.value <= goal)
    }

    fn line(&self, contender: Contender) -> String {
        let Self { name, value, unit, goal } = self;
        let goal = match (goal, self.met()) {
            (None, _) => String::new(),
            (Some(goal), None) => format!("<= {goal:.1} {unit}: not measured"),
            (Some(goal), Some(met)) => format!("<= {goal:.1} {unit}: {}", if met { "met" } else { "MISSED" }),
        };
        format!("| {} | {name} | {value:.2} {unit} | {goal} |\n", contender.name())
    }
}

/// The table of `docs/benchmarks.md`.
pub(super) fn markdown(machine: &Machine, rows: &[Row]) -> String {
    let mut text = format!("{}\n\n| backend | figure | value | goal |\n|---|---|---|---|\n", machine.line());
    for row in rows {
        row.reached().iter().for_each(|reached| text += &reached.line(row.contender));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figures: Figures) -> Row {
        Row { contender: Contender::Native, together: 100, figures }
    }

    #[test]
    fn a_goal_is_met_up_to_its_bound() {
        let figures = Figures { bare_ms: 10.0, single_ms: 15.0, verify_ms: 5.1, ..Figures::default() };
        let reached = row(figures).reached();
        let met = |name: &str| reached.iter().find(|reached| reached.name == name).unwrap().met();
        assert_eq!(met("what the pipeline adds"), Some(true));
        assert_eq!(met("verify"), Some(false));
        assert_eq!(met("the backend alone: prove"), None);
        assert_eq!(met("peak RSS"), None, "it was not measured");
        let more = row(Figures { bare_ms: 10.0, single_ms: 15.1, ..Figures::default() }).reached();
        assert!(more.iter().any(|reached| reached.line(Contender::Native).contains("<= 5.0 ms: MISSED")));
    }

    #[test]
    fn slow_backends_may_lose_two_percent() {
        let figures = Figures { bare_ms: 1000.0, single_ms: 1019.0, ..Figures::default() };
        let row = row(figures).object();
        let added =
            row["figures"].as_array().unwrap().iter().find(|f| f["figure"] == "what the pipeline adds").unwrap();
        assert_eq!((added["goal"].as_f64(), added["met"].as_bool()), (Some(20.0), Some(true)));
    }
}
