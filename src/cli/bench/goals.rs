//! The networks that this project has set itself goals for, and whether they are reached.

use super::{
    super::{Failure, context::Session},
    Args, Measured,
    contender::Contender,
    measure::{Row, measure as measure_one},
    subject::Subject,
    text,
};
use serde_json::{Value, json};
use zkinfer::model::synthetic;

/// A model, and what the native prover is to reach on it.
struct Goal {
    model: Kind,
    batch: usize,
    aims: &'static [Aim],
    /// Why EZKL is not measured on it.
    no_ezkl: Option<&'static str>,
}

/// What is measured on: weights and inputs come from a seed.
#[derive(Clone, Copy)]
enum Kind {
    /// A perceptron of these widths.
    Perceptron(&'static [usize]),
    /// The same with 16-bit weights.
    Precise(&'static [usize]),
    Lenet,
    Cnn,
    Trees,
    /// The character model that comes with zkinfer.
    Gpt,
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
    /// From the file to keys, with the SRS made too.
    SetupS,
    /// Of a whole transaction that has the contract verify a proof.
    Gas,
    /// Against the float model.
    GreatestError,
    /// How long a perceptron takes as a general network, in units of what it takes as a perceptron.
    TimesPerceptron,
    /// Operators that the native backend proves, of those that ONNX's suite has inputs for, in percent.
    Operators,
    /// Models of the suite's PyTorch folders that it proves.
    SuiteModels,
    /// Positions of held-out text at which the integers choose as the float model does.
    SameChoice,
    /// Of the integers on held-out text, in units of the float model's.
    Perplexity,
}

const fn aim(figure: Figure, must: f64, push: f64) -> Aim {
    Aim { figure, must, push }
}

const SETUP: Aim = aim(Figure::SetupS, 20.0, 5.0);

/// What [`Figure::Operators`] and [`Figure::SuiteModels`] are to reach. They take hours, and are read from the page that has them.
const SUITE: [Aim; 2] = [aim(Figure::Operators, 80.0, 95.0), aim(Figure::SuiteModels, 95.0, 110.0)];
const SUITE_PAGE: &str = include_str!("../../../docs/operators.md");

const GOALS: [Goal; 10] = [
    Goal {
        model: Kind::Perceptron(&[64, 128, 64, 10]),
        batch: 1,
        aims: &[aim(Figure::ProveMs, 45.0, 20.0), aim(Figure::TimesFaster, 90.0, 90.0), SETUP],
        no_ezkl: None,
    },
    Goal {
        model: Kind::Perceptron(&[256, 512, 256, 10]),
        batch: 1,
        aims: &[
            aim(Figure::ProveMs, 80.0, 30.0),
            aim(Figure::TimesFaster, 450.0, 1000.0),
            aim(Figure::VerifyMs, 4.0, 2.5),
            aim(Figure::PeakRssMb, 30.0, 20.0),
            aim(Figure::ProofBytes, 5_000.0, 4_200.0),
            SETUP,
        ],
        no_ezkl: None,
    },
    Goal {
        model: Kind::Perceptron(&[256, 512, 256, 10]),
        batch: 16,
        aims: &[aim(Figure::ProveMs, 450.0, 200.0), aim(Figure::PeakRssMb, 80.0, 80.0)],
        no_ezkl: Some("not tried: 16 times what one takes"),
    },
    Goal {
        model: Kind::Perceptron(&[1024, 1024, 1024, 10]),
        batch: 1,
        aims: &[aim(Figure::ProveMs, 200.0, 80.0), SETUP],
        no_ezkl: Some("not tried: 2.1 million parameters would take 2^21 rows, an estimated 20 GB"),
    },
    Goal {
        model: Kind::Precise(&[64, 128, 64, 10]),
        batch: 1,
        aims: &[aim(Figure::TimesPerceptron, 1.1, 1.0)],
        no_ezkl: Some("see 64-128-64-10"),
    },
    Goal {
        model: Kind::Precise(&[256, 512, 256, 10]),
        batch: 1,
        aims: &[
            aim(Figure::GreatestError, 0.003, 0.0013),
            aim(Figure::ProveMs, 80.0, 30.0),
            aim(Figure::TimesPerceptron, 1.1, 1.0),
            SETUP,
        ],
        no_ezkl: Some("see 256-512-256-10"),
    },
    Goal {
        model: Kind::Lenet,
        batch: 1,
        aims: &[aim(Figure::ProveMs, 250.0, 100.0), aim(Figure::Gas, 1.2e6, 0.9e6), SETUP],
        no_ezkl: None,
    },
    Goal {
        model: Kind::Cnn,
        batch: 1,
        aims: &[aim(Figure::ProveMs, 4_000.0, 1_500.0), aim(Figure::PeakRssMb, 1_000.0, 500.0), SETUP],
        no_ezkl: Some("not tried"),
    },
    Goal { model: Kind::Trees, batch: 1, aims: &[aim(Figure::ProveMs, 1_000.0, 300.0), SETUP], no_ezkl: None },
    Goal {
        model: Kind::Gpt,
        batch: 1,
        aims: &[
            aim(Figure::ProveMs, 3_000.0, 1_000.0),
            aim(Figure::PeakRssMb, 400.0, 200.0),
            aim(Figure::VerifyMs, 6.0, 4.0),
            aim(Figure::Gas, 1.4e6, 1.0e6),
            aim(Figure::SameChoice, 0.97, 0.99),
            aim(Figure::Perplexity, 1.01, 1.001),
        ],
        no_ezkl: Some("not tried: its authors report minutes for a model of this kind"),
    },
];

/// Trees of the ensemble, their depth, and the features that they look at.
const TREES: (usize, u32, usize) = (100, 6, 32);
/// What the weights of networks are drawn from.
const SEED: u64 = 1;

impl Kind {
    /// What the table says.
    fn name(self) -> String {
        let widths = |widths: &[usize]| widths.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
        match self {
            Self::Perceptron(of) => widths(of),
            Self::Precise(of) => format!("{}, 16-bit weights", widths(of)),
            Self::Lenet => "lenet-5 on 28x28".into(),
            Self::Cnn => "cnn on 32x32x3".into(),
            Self::Gpt => "gpt, one pass of 64 characters".into(),
            Self::Trees => format!("boosted-trees, {} of depth {}", TREES.0, TREES.1),
        }
    }

    fn subject(self) -> Result<Subject, Failure> {
        let subject = match self {
            Self::Perceptron(widths) | Self::Precise(widths) => Subject::synthetic(widths)?,
            Self::Lenet => Subject::network("", synthetic::lenet5(SEED))?,
            Self::Cnn => Subject::network("", synthetic::cnn32(SEED))?,
            Self::Gpt => text::subject()?,
            Self::Trees => Subject::network("", synthetic::boosted_trees(TREES.0, TREES.1, TREES.2, SEED))?,
        };
        Ok(Subject { name: self.name(), ..subject })
    }

    /// The name of the same network as a perceptron.
    fn perceptron(self) -> Option<String> {
        match self {
            Self::Precise(widths) => Some(Self::Perceptron(widths).name()),
            _ => None,
        }
    }

    /// What stands for the native prover.
    const fn native(self) -> Contender {
        match self {
            Self::Precise(_) => Contender::NativePrecise,
            _ => Contender::Native,
        }
    }
}

impl Goal {
    /// What tells it from the others.
    fn name(&self) -> String {
        match self.batch {
            1 => self.model.name(),
            batch => format!("{} x{batch}", self.model.name()),
        }
    }
}

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

/// What a measurement is seen beside.
struct Beside<'a> {
    /// The same network as a perceptron, if it was measured before.
    perceptron: Option<&'a Measured>,
    /// Of a model of text, what it chooses.
    choices: Option<&'a text::Choices>,
}

/// Measures the models of the list, all of them or those with one of these in their name.
pub(super) fn measure(
    contenders: &[Contender],
    args: &Args,
    session: &Session,
) -> Result<(Vec<Measured>, Vec<Reached>), Failure> {
    let (mut all, mut reached) = (Vec::new(), Vec::new());
    let wanted = |goal: &&Goal| args.only.is_empty() || args.only.iter().any(|name| goal.name().contains(name));
    let goals: Vec<&Goal> = GOALS.iter().filter(wanted).collect();
    if goals.is_empty() {
        let names: Vec<String> = GOALS.iter().map(Goal::name).collect();
        return Err(Failure::Input(format!("no model has that in its name: {}", names.join("; "))));
    }
    for goal in goals {
        let subject = goal.model.subject()?;
        let row = |&contender: &Contender| match goal.no_ezkl.filter(|_| !contender.is_native()) {
            Some(reason) => Ok(Row { contender, figures: Err(reason.into()) }),
            None if contender.is_native() => measure_one(goal.model.native(), &subject, goal.batch, args, session),
            None => measure_one(contender, &subject, goal.batch, args, session),
        };
        let rows = contenders.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let measured = Measured { subject, batch: goal.batch, rows };
        let name = goal.model.perceptron();
        let is_perceptron = |other: &&Measured| other.batch == 1 && Some(&other.subject.name) == name.as_ref();
        let perceptron = all.iter().find(is_perceptron);
        let choices = match goal.model {
            Kind::Gpt => Some(text::choices(&measured.subject)?),
            _ => None,
        };
        if let Some(choices) = &choices {
            session.say(&format!("{}: {}", measured.subject.name, choices.object()));
        }
        let beside = Beside { perceptron, choices: choices.as_ref() };
        reached.extend(goal.aims.iter().map(|aim| Reached::of(&measured, &beside, goal.model.native(), aim)));
        all.push(measured);
    }
    if args.only.is_empty() {
        reached.extend(SUITE.iter().map(|aim| Reached::of_suite(aim, SUITE_PAGE)));
    }
    Ok((all, reached))
}

impl Reached {
    fn of(measured: &Measured, beside: &Beside<'_>, native: Contender, aim: &Aim) -> Self {
        let Beside { perceptron, choices } = *beside;
        let native = measured.figures(native);
        let value = native.and_then(|native| match aim.figure {
            Figure::SameChoice => choices.map(text::Choices::same),
            Figure::Perplexity => choices.map(|of| of.perplexities()[1] / of.perplexities()[0]),
            Figure::ProveMs => Some(native.prove_ms),
            Figure::TimesFaster => measured.figures(Contender::EzklDefault).map(|ezkl| ezkl.prove_ms / native.prove_ms),
            Figure::VerifyMs => Some(native.verify_ms),
            Figure::PeakRssMb => native.peak_rss_mb(),
            Figure::ProofBytes => Some(native.proof_bytes as f64),
            Figure::SetupS => Some(native.setup_ms / 1e3),
            Figure::Gas => native.gas.map(|gas| gas as f64),
            Figure::GreatestError => Some(native.accuracy.max_abs_error),
            Figure::TimesPerceptron => {
                perceptron?.figures(Contender::Native).map(|perceptron| native.prove_ms / perceptron.prove_ms)
            }
            Figure::Operators | Figure::SuiteModels => None,
        });
        let model = measured.subject.name.clone();
        Self { model, batch: measured.batch, figure: aim.figure, value, must: aim.must, push: aim.push }
    }

    /// A figure of `docs/operators.md`.
    fn of_suite(aim: &Aim, page: &str) -> Self {
        // `146 of 175`, behind the words that `tools/suite` writes.
        let counts = |words: &str| -> Option<(f64, f64)> {
            let mut numbers = page.split_once(words)?.1.split_whitespace();
            let count = numbers.next()?.parse().ok()?;
            Some((count, numbers.nth(1)?.parse().ok()?))
        };
        let (words, model) = match aim.figure {
            Figure::Operators => ("operators proven natively, of the generated table: ", "ONNX's node tests"),
            _ => ("pytorch-converted and pytorch-operator proven natively: ", "ONNX's PyTorch models"),
        };
        let value =
            counts(words).map(|(count, of)| if aim.figure == Figure::Operators { 100.0 * count / of } else { count });
        Self { model: model.into(), batch: 1, figure: aim.figure, value, must: aim.must, push: aim.push }
    }

    /// Whether the figure is at least as good as a bound; `None` when it was not measured.
    fn meets(&self, bound: f64) -> Option<bool> {
        self.value.map(|value| if self.figure.is_better_when_greater() { value >= bound } else { value <= bound })
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
        let sign = if self.figure.is_better_when_greater() { ">=" } else { "<=" };
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
            Self::SetupS => "set-up",
            Self::Gas => "whole transaction",
            Self::GreatestError => "greatest error",
            Self::TimesPerceptron => "prove, as a general network, times that of a perceptron",
            Self::Operators => "operators proven natively (docs/operators.md)",
            Self::SuiteModels => "models proven natively (docs/operators.md)",
            Self::SameChoice => "same choice",
            Self::Perplexity => "perplexity, in units of the model's",
        }
    }

    const fn is_better_when_greater(self) -> bool {
        matches!(self, Self::TimesFaster | Self::SameChoice | Self::Operators | Self::SuiteModels)
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::ProveMs | Self::VerifyMs => format!("{value:.1} ms"),
            Self::TimesFaster => format!("{value:.0}x"),
            Self::PeakRssMb => format!("{value:.1} MB"),
            Self::ProofBytes => format!("{value:.0} B"),
            Self::SetupS => format!("{value:.2} s"),
            Self::Gas => format!("{value:.0} gas"),
            Self::GreatestError | Self::Perplexity => format!("{value:.4}"),
            Self::SameChoice => format!("{:.2} %", 100.0 * value),
            Self::TimesPerceptron => format!("{value:.2}x"),
            Self::Operators => format!("{value:.0} %"),
            Self::SuiteModels => format!("{value:.0}"),
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
        assert_eq!(met(Figure::Gas, 5.0), (Some(true), Some(true)));
        assert_eq!(met(Figure::SameChoice, 5.0), (Some(false), Some(true)));
        assert!(reached(Figure::TimesFaster, None).line().contains("| - | >= 10x: not measured"));
        assert_eq!(met(Figure::TimesPerceptron, 10.1), (Some(false), Some(false)));
        assert_eq!(met(Figure::Operators, 10.1), (Some(true), Some(true)));
    }

    /// What the page says is found in it, and nothing where it says nothing.
    #[test]
    fn what_the_suite_found_is_read() {
        let [operators, models] = SUITE.map(|aim| Reached::of_suite(&aim, SUITE_PAGE).value.unwrap());
        assert!((0.0..=100.0).contains(&operators) && operators > 50.0, "{operators}");
        assert!((50.0..=117.0).contains(&models), "{models}");
        let page = "* operators proven natively, of the generated table: 3 of 4 (75 %)\n";
        assert_eq!(SUITE.map(|aim| Reached::of_suite(&aim, page).value), [Some(75.0), None]);
    }

    /// `--only` takes one name or a part of it: no two are the same.
    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<String> = GOALS.iter().map(Goal::name).collect();
        assert_eq!(names.len(), GOALS.len());
    }
}
