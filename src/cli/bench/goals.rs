//! The networks that this project has set itself goals for, and whether they are reached.

use super::{
    super::{Failure, context::Session},
    Args, Measured,
    contender::Contender,
    measure::{Row, measure as measure_one},
    subject::Subject,
};
use serde_json::{Value, json};

/// A model, and what the native prover is to reach on it.
struct Goal {
    widths: &'static [usize],
    batch: usize,
    aims: &'static [Aim],
    /// Why EZKL is not measured on it.
    no_ezkl: Option<&'static str>,
}

/// One figure: what it must be, and what is aimed at.
#[derive(Clone, Copy)]
struct Aim {
    figure: Figure,
    must: f64,
    push: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    ProveMs,
    /// How many times EZKL's own circuit takes longer.
    TimesFaster,
    VerifyMs,
    PeakRssMb,
    ProofBytes,
}

const fn aim(figure: Figure, must: f64, push: f64) -> Aim {
    Aim { figure, must, push }
}

const GOALS: [Goal; 4] = [
    Goal {
        widths: &[64, 128, 64, 10],
        batch: 1,
        aims: &[aim(Figure::ProveMs, 45.0, 20.0), aim(Figure::TimesFaster, 90.0, 90.0)],
        no_ezkl: None,
    },
    Goal {
        widths: &[256, 512, 256, 10],
        batch: 1,
        aims: &[
            aim(Figure::ProveMs, 80.0, 30.0),
            aim(Figure::TimesFaster, 450.0, 1000.0),
            aim(Figure::VerifyMs, 4.0, 2.5),
            aim(Figure::PeakRssMb, 30.0, 20.0),
            aim(Figure::ProofBytes, 5_000.0, 4_200.0),
        ],
        no_ezkl: None,
    },
    Goal {
        widths: &[256, 512, 256, 10],
        batch: 16,
        aims: &[aim(Figure::ProveMs, 450.0, 200.0), aim(Figure::PeakRssMb, 80.0, 80.0)],
        no_ezkl: Some("not tried: 16 times what one takes"),
    },
    Goal {
        widths: &[1024, 1024, 1024, 10],
        batch: 1,
        aims: &[aim(Figure::ProveMs, 200.0, 80.0)],
        no_ezkl: Some("not tried: 2.1 million parameters would take 2^21 rows, an estimated 20 GB"),
    },
];

/// A figure of the native prover beside its goal.
pub(super) struct Reached {
    model: String,
    batch: usize,
    figure: Figure,
    /// `None` when what it is compared with was not measured.
    value: Option<f64>,
    must: f64,
    push: f64,
}

/// Measures every model of the list.
pub(super) fn measure(
    contenders: &[Contender],
    args: &Args,
    session: &Session,
) -> Result<(Vec<Measured>, Vec<Reached>), Failure> {
    let (mut all, mut reached) = (Vec::new(), Vec::new());
    for goal in &GOALS {
        let subject = Subject::synthetic(goal.widths)?;
        let row = |&contender: &Contender| match goal.no_ezkl.filter(|_| contender != Contender::Native) {
            Some(reason) => Ok(Row { contender, figures: Err(reason.into()) }),
            None => measure_one(contender, &subject, goal.batch, args, session),
        };
        let rows = contenders.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let measured = Measured { subject, batch: goal.batch, rows };
        reached.extend(goal.aims.iter().map(|aim| Reached::of(&measured, aim)));
        all.push(measured);
    }
    Ok((all, reached))
}

impl Reached {
    fn of(measured: &Measured, aim: &Aim) -> Self {
        let native = measured.figures(Contender::Native);
        let value = native.and_then(|native| match aim.figure {
            Figure::ProveMs => Some(native.prove_ms),
            Figure::TimesFaster => measured.figures(Contender::EzklDefault).map(|ezkl| ezkl.prove_ms / native.prove_ms),
            Figure::VerifyMs => Some(native.verify_ms),
            Figure::PeakRssMb => native.peak_rss_mb(),
            Figure::ProofBytes => Some(native.proof_bytes as f64),
        });
        let model = measured.subject.name.clone();
        Self { model, batch: measured.batch, figure: aim.figure, value, must: aim.must, push: aim.push }
    }

    /// Whether the figure is at least as good as a bound; `None` when it was not measured.
    fn meets(&self, bound: f64) -> Option<bool> {
        self.value.map(|value| if self.figure == Figure::TimesFaster { value >= bound } else { value <= bound })
    }

    pub(super) fn object(&self) -> Value {
        json!({
            "model": self.model,
            "batch": self.batch,
            "figure": self.figure.name(),
            "value": self.value,
            "must": self.must,
            "must_met": self.meets(self.must),
            "push": self.push,
            "push_met": self.meets(self.push),
        })
    }

    /// A line of the goals' table.
    pub(super) fn line(&self) -> String {
        let word = |met: Option<bool>| match met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not measured",
        };
        let value = self.value.map_or_else(|| "-".into(), |value| self.figure.show(value));
        let sign = if self.figure == Figure::TimesFaster { ">=" } else { "<=" };
        format!(
            "| {} | {} | {} | {value} | {sign} {}: {} | {sign} {}: {} |\n",
            self.model,
            self.batch,
            self.figure.name(),
            self.figure.show(self.must),
            word(self.meets(self.must)),
            self.figure.show(self.push),
            word(self.meets(self.push)),
        )
    }
}

impl Figure {
    const fn name(self) -> &'static str {
        match self {
            Self::ProveMs => "prove",
            Self::TimesFaster => "times faster than ezkl-default",
            Self::VerifyMs => "verify",
            Self::PeakRssMb => "peak RSS",
            Self::ProofBytes => "proof",
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::ProveMs | Self::VerifyMs => format!("{value:.1} ms"),
            Self::TimesFaster => format!("{value:.0}x"),
            Self::PeakRssMb => format!("{value:.1} MB"),
            Self::ProofBytes => format!("{value:.0} B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(figure: Figure, value: Option<f64>) -> Reached {
        Reached { model: "m".into(), batch: 1, figure, value, must: 10.0, push: 5.0 }
    }

    #[test]
    fn a_goal_is_met_on_its_own_side() {
        let met = |figure, value| {
            let reached = reached(figure, Some(value));
            (reached.meets(10.0), reached.meets(5.0))
        };
        assert_eq!(met(Figure::ProveMs, 10.0), (Some(true), Some(false)));
        assert_eq!(met(Figure::ProveMs, 10.1), (Some(false), Some(false)));
        assert_eq!(met(Figure::TimesFaster, 10.0), (Some(true), Some(true)));
        assert_eq!(met(Figure::TimesFaster, 9.0), (Some(false), Some(true)));
        assert_eq!(reached(Figure::TimesFaster, None).meets(10.0), None);
        assert!(reached(Figure::PeakRssMb, Some(11.0)).line().contains("<= 10.0 MB: MISSED"));
        assert!(reached(Figure::TimesFaster, None).line().contains("| - | >= 10x: not measured"));
    }
}
