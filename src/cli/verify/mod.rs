mod findings;
mod means;

use super::{
    Failure, Outcome,
    answers::{Answers, LabelArgs},
    context::Session,
    dims::DimArgs,
    form, hidden, report,
};
use alloy::primitives::B256;
use findings::Findings;
use std::{path::PathBuf, time::Duration};
use zkinfer::{
    pipeline::verification::{Constraint, Expected, Mode, Policy, TrustLevel},
    proof::Structure,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer verify answer.bundle.json
  zkinfer verify answer.bundle.json --model-id 0x838f…    also requires it to be about the model of this id
  zkinfer verify answer.bundle.json --model model.onnx    also shows that the proof is about this very file
  zkinfer verify answer.bundle.json --openings answer.openings.json   also requires them to open what it hides
  zkinfer verify answer.bundle.json --evm --json          the contracts alone, in the embedded EVM
  zkinfer verify bundles/merkle.bundle.json --mode batch --root 0x51c2…
  zkinfer verify chain.bundle.json --trust standard --max-age 24h --allow-model 0x838f… --allow-model 0x11ab…

Takes a bundle, or a list, a chain or a tree of them, in every encoding: every inner bundle is verified, the Merkle root
is computed anew, and of a chain every input must be the answer before. One that is INVALID makes the whole INVALID.

A bundle is VALID when the model's verifier contract, run in the embedded EVM, accepts its proof, and the backend's own
verifier does too. They use the model's artifacts on this machine, else the code that the bundle carries: then EZKL's own
verifier is not available, which the report says, and the contract decides alone. The verdict is about the model id.
A bundle of the mock backend is always INVALID. EXPIRED (a deadline that has passed, --max-age) is exit code 1 as well;
nothing is then said of the proofs. Verifiers that contradict each other are exit code 4.

Every mode runs cryptography before it says VALID. There is no optimistic one: a command would end before it is settled.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle, or the list, chain or tree of bundles, that `zkinfer prove` or `zkinfer batch` wrote.
    bundle: PathBuf,

    /// Require it to be about this ONNX file. EZKL artifacts are built from it; native ones have to be here.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    #[command(flatten)]
    dims: DimArgs,

    /// Require it to be about the model of this id.
    #[arg(long, value_name = "ID")]
    model_id: Option<B256>,

    /// A model that may be; others are INVALID. May be given several times [default: every model].
    #[arg(long, value_name = "ID")]
    allow_model: Vec<B256>,

    /// Require this Merkle root of all statements.
    #[arg(long, value_name = "ROOT")]
    root: Option<B256>,

    /// Require this file to open the hidden tensors; `zkinfer inspect --openings` shows them.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    /// How much cryptography.
    #[arg(long, value_enum, default_value = "full")]
    mode: ModeArg,

    /// Run the verifier contract in the embedded EVM and nothing else.
    #[arg(long, conflicts_with = "mode")]
    evm: bool,

    /// Which warnings are tolerated. Every level checks the same.
    #[arg(long, value_enum, default_value = "development", value_name = "LEVEL")]
    trust: TrustArg,

    /// EXPIRED when a bundle says that it is older: seconds, or a number with s, m, h or d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    max_age: Option<Duration>,

    #[command(flatten)]
    labels: LabelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ModeArg {
    /// The backend's verifier and the contracts, for every bundle.
    Full,
    /// One verifier for every bundle: the backend's, else the contracts where that is all there is.
    Fast,
    /// As fast, all bundles together where the backend can: native, with the artifacts here.
    Batch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum TrustArg {
    /// All of them: a TEST SRS, too, so that VALID means little to strangers.
    Development,
    /// Transferable proofs, code that the bundle brought itself, old bundles, models without a contract.
    Standard,
    /// None.
    Strict,
}

impl Args {
    fn policy(&self) -> Policy {
        let mode = match (self.evm, self.mode) {
            (true, _) => Mode::Contracts,
            (false, ModeArg::Full) => Mode::Full,
            (false, ModeArg::Fast) => Mode::Fast,
            (false, ModeArg::Batch) => Mode::Batch,
        };
        let trust = match self.trust {
            TrustArg::Development => TrustLevel::Development,
            TrustArg::Standard => TrustLevel::Standard,
            TrustArg::Strict => TrustLevel::Strict,
        };
        let mut policy = Policy::new(mode, trust);
        policy.max_age = self.max_age;
        policy.expected = Expected { model: self.model_id, root: self.root, ..Expected::default() };
        if !self.allow_model.is_empty() {
            let models = self.allow_model.iter().copied().collect();
            policy.constraints.push(Constraint::AllowedModels { models });
        }
        policy
    }

    /// A file about another model is the wrong file: nothing is said of its proofs.
    fn expect_model(&self, structure: &Structure) -> Result<(), Failure> {
        let Some(wanted) = self.model_id else { return Ok(()) };
        match structure.bundles().iter().map(|bundle| bundle.model_id()).find(|&id| id != wanted) {
            Some(other) => Err(Failure::Input(format!("the bundle is about model {other}, not {wanted}"))),
            None => Ok(()),
        }
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let structure = form::read(&args.bundle)?;
    args.expect_model(&structure)?;
    let openings = args.openings.as_deref().map(hidden::read).transpose()?;
    let model = args.model.as_deref().map(|path| args.dims.read_quietly(path)).transpose()?;
    let labels = args.labels.read(model.as_ref())?;
    let _runtime = session.runtime()?;
    let known = means::Known::find(args, &structure, session)?;
    let count = structure.bundles().len();
    let bar = (count > 1).then(|| session.bar(count as u64));
    let observe = |done: usize| {
        if let Some(bar) = &bar {
            bar.set_position(done as u64);
        }
    };
    let found = known.verifier().check_observed(&structure, &args.policy(), session.control(), &observe)?;
    let opened = openings.as_ref().map(|openings| hidden::check(&structure, openings)).transpose()?;
    let findings = Findings::new(&args.bundle, &structure, found, opened);
    if let Some(bug_report) = findings.bug_report() {
        return Err(Failure::Disagreement(bug_report).into());
    }
    let (mut object, mut text) = (findings.object(), findings.text());
    // What is not valid is no answer.
    if findings.found.status.is_valid() {
        let mut answers = Answers::new(labels);
        answers.read(&structure, openings.as_ref())?;
        object["answers"] = answers.object();
        text.push_str(&answers.text());
    }
    report::result(session, &object, &text);
    Ok(if findings.found.status.is_valid() { Outcome::True } else { Outcome::Invalid })
}

/// A length of time: a whole number of seconds, minutes, hours or days.
fn age(text: &str) -> Result<Duration, String> {
    let (number, seconds) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 60 * 60),
        Some((at, 'd')) => (&text[..at], 24 * 60 * 60),
        _ => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| "an age is a whole number, such as 90, 15m, 24h or 7d".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "this is longer than can be told".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units_and_bounds() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("0", 0)] {
            assert_eq!(age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "-1", "1.5h", "1w", "1 h", "18446744073709551615m", "é"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
