//! What a caller asks of a verification: how much is checked, what is tolerated, what must hold besides.

use crate::proof::{Bundle, TensorSchema, schema::Direction, srs::SrsKind, structure::MAX_DEPTH};
use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

/// How much cryptography there is, and when. No mode says Valid without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The backend's verifier and the contracts' code in the embedded EVM, for every bundle.
    #[default]
    Full,
    /// One verifier for every bundle: the backend's, else the contracts' code where that is all there is.
    Fast,
    /// Structure and bindings; `Pending` until the cryptography has run.
    Optimistic,
    /// The backend's verifier, for all bundles together where the backend can.
    Batch,
    /// The contracts' code in the embedded EVM, for every bundle, and nothing else.
    Contracts,
}

/// What a verdict may be in spite of. Higher levels tolerate less; all of them check the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustLevel {
    /// Everything, bundles of the mock backend included: for tests of callers.
    Testing,
    /// Everything but mock bundles. A TEST SRS makes a verdict worthless against whoever knows its tau.
    Development,
    /// Transferable proofs and old ones, for callers that assign jobs to submitters.
    Standard,
    /// Nothing.
    Strict,
}

/// What a reader has to know beside the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Warning {
    /// The mock backend's.
    Mock,
    /// The SRS's tau is public: anybody can prove anything.
    TestSrs,
    /// The SRS is of no listed ceremony: whoever made it may be able to prove anything.
    UnlistedSrs,
    /// No contract of this release verifies proofs under this SRS.
    OffChainOnly,
    /// The proof does not bind its context.
    Transferable,
    /// The bundle was verified with its own code, and nobody said which model is relied on.
    OwnCode,
    /// The model is a network whose program has parts that the bundle does not carry: whether it computes a function is for
    /// whoever has its artifacts to say.
    UnseenProgram,
    /// The bundle says that another version of the backend made it.
    UnknownVersion,
    /// The bundle says that it is more than [`OLD`] old.
    Old,
}

/// From this age on a bundle is [`Warning::Old`].
pub const OLD: Duration = Duration::from_secs(24 * 60 * 60);
/// How far another machine's clock may be ahead.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

impl TrustLevel {
    /// Whether a bundle may be Valid in spite of this.
    #[must_use]
    pub const fn tolerates(self, warning: Warning) -> bool {
        match warning {
            Warning::Mock => matches!(self, Self::Testing),
            Warning::TestSrs | Warning::UnlistedSrs | Warning::UnknownVersion => {
                matches!(self, Self::Testing | Self::Development)
            }
            Warning::OffChainOnly
            | Warning::Transferable
            | Warning::OwnCode
            | Warning::UnseenProgram
            | Warning::Old => !matches!(self, Self::Strict),
        }
    }
}

impl Warning {
    /// What a reader has to know of an SRS; nothing of a listed ceremony's.
    #[must_use]
    pub const fn of_srs(srs: SrsKind) -> Option<Self> {
        match srs {
            SrsKind::Listed(_) => None,
            SrsKind::Test => Some(Self::TestSrs),
            // Whatever a later list says of it.
            _ => Some(Self::UnlistedSrs),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mock => "MOCK: this bundle proves nothing",
            Self::TestSrs => "TEST SRS: everybody knows its tau, and can prove anything; NOT SECURE",
            Self::UnlistedSrs => {
                "unlisted SRS: of no ceremony on this release's list; whoever knows its tau can prove anything"
            }
            Self::OffChainOnly => "off-chain only: this release puts no proofs of this model on a chain",
            Self::Transferable => "transferable: whoever sees this proof can submit it under a statement of their own",
            Self::OwnCode => "the model's code is the bundle's own: compare the model id with the one you rely on",
            Self::UnseenProgram => {
                "the program's tables and copies are not here: whether it computes a function was not checked; its artifacts show it"
            }
            Self::UnknownVersion => "unknown version: the bundle says that another version of the backend made it",
            Self::Old => "old: the bundle says that it was made more than a day ago",
        })
    }
}

/// What must hold of the proven values.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "constraint", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Constraint {
    /// At most so many output elements.
    MaxOutputLength {
        /// The bound.
        elements: usize,
    },
    /// The softmax of the outputs gives its greatest element at least this probability.
    MinConfidence {
        /// 0 to 1.
        confidence: f64,
    },
    /// The model is one of these.
    AllowedModels {
        /// Model ids.
        models: BTreeSet<B256>,
    },
}

/// Whether a constraint holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConstraintResult {
    /// Which.
    #[serde(flatten)]
    pub constraint: Constraint,
    /// Of every statement.
    pub satisfied: bool,
    /// What was found, in words.
    pub found: String,
}

/// What the caller knows already. What differs is Invalid and named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The model's id.
    pub model: Option<B256>,
    /// The ids of the statements, in order.
    pub statements: Option<Vec<B256>>,
    /// The Merkle root of the statements.
    pub root: Option<B256>,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How much cryptography.
    pub mode: Mode,
    /// What is tolerated.
    pub trust: TrustLevel,
    /// What must hold of the values.
    pub constraints: Vec<Constraint>,
    /// How old a bundle may be, by what it says itself: nothing binds that. What a proof binds is its context's
    /// deadline, which is always checked.
    pub max_age: Option<Duration>,
    /// How deep a tree may be.
    pub max_depth: usize,
    /// What the caller knows already.
    pub expected: Expected,
    /// Echoed in the result: job, client, type.
    pub labels: BTreeMap<String, String>,
}

impl Policy {
    /// Nothing but mode and trust.
    #[must_use]
    pub fn new(mode: Mode, trust: TrustLevel) -> Self {
        Self {
            mode,
            trust,
            constraints: Vec::new(),
            max_age: None,
            max_depth: MAX_DEPTH,
            expected: Expected::default(),
            labels: BTreeMap::new(),
        }
    }

    /// Whether it says which models may be.
    pub(super) fn names_models(&self) -> bool {
        let named = |constraint: &Constraint| matches!(constraint, Constraint::AllowedModels { .. });
        self.expected.model.is_some() || self.constraints.iter().any(named)
    }
}

impl Constraint {
    pub(super) fn evaluate(&self, bundles: &[&Bundle]) -> ConstraintResult {
        let (satisfied, found) = match self {
            Self::AllowedModels { models } => {
                let other = bundles.iter().map(|bundle| bundle.model_id()).find(|id| !models.contains(id));
                match other {
                    None => (true, "every model is allowed".into()),
                    Some(id) => (false, format!("model {id} is not allowed")),
                }
            }
            Self::MaxOutputLength { elements } => {
                let longest = output_lengths(bundles).max().unwrap_or(0);
                (longest <= *elements, format!("{longest} output elements"))
            }
            Self::MinConfidence { confidence } => {
                let least = answers(bundles).iter().map(|answer| self::confidence(answer)).fold(1.0, f64::min);
                (least >= *confidence, format!("confidence {least:.4}"))
            }
        };
        ConstraintResult { constraint: self.clone(), satisfied, found }
    }
}

/// The number of output elements of every bundle's statements. Hidden ones count: their number is not hidden.
fn output_lengths(bundles: &[&Bundle]) -> impl Iterator<Item = usize> {
    // Schemas were read when the bundles were made.
    let schemas = bundles.iter().filter_map(|bundle| bundle.schema().ok());
    schemas.map(|schema| {
        let outputs = schema.tensors().iter().filter(|tensor| tensor.direction == Direction::Output);
        outputs.map(TensorSchema::elements).sum()
    })
}

/// The public outputs of every statement, as real numbers.
fn answers(bundles: &[&Bundle]) -> Vec<Vec<f64>> {
    let read = |bundle: &&Bundle| -> Option<Vec<Vec<f64>>> {
        // Both were read when the bundle was made.
        let schema = bundle.schema().ok()?;
        let outputs = |(tensor, values): (&TensorSchema, Vec<_>)| -> Vec<f64> {
            let values: Vec<alloy::primitives::I256> = values;
            values.iter().enumerate().map(|(i, &q)| tensor.dequantize(i, q)).collect()
        };
        bundle
            .statements()
            .iter()
            .map(|statement| {
                let values = schema.decode(&statement.public_values).ok()?;
                let tensors =
                    schema.public_tensors().zip(values).filter(|(tensor, _)| tensor.direction == Direction::Output);
                Some(tensors.flat_map(outputs).collect())
            })
            .collect()
    };
    bundles.iter().filter_map(read).flatten().collect()
}

/// The greatest probability of the softmax; 0 when there are no outputs.
fn confidence(scores: &[f64]) -> f64 {
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| (score - greatest).exp()).sum();
    if sum > 0.0 { 1.0 / sum } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_levels_tolerate_less_and_none_tolerates_a_mock_but_testing() {
        use Warning::{
            Mock, OffChainOnly, Old, OwnCode, TestSrs, Transferable, UnknownVersion, UnlistedSrs, UnseenProgram,
        };
        let all = [Mock, TestSrs, UnlistedSrs, UnknownVersion, OffChainOnly, Transferable, OwnCode, UnseenProgram, Old];
        let levels = [TrustLevel::Testing, TrustLevel::Development, TrustLevel::Standard, TrustLevel::Strict];
        let tolerated = levels.map(|level| all.map(|warning| level.tolerates(warning)));
        assert_eq!(tolerated[0], [true; 9]);
        assert_eq!(tolerated[1], [false, true, true, true, true, true, true, true, true]);
        assert_eq!(tolerated[2], [false, false, false, false, true, true, true, true, true]);
        assert_eq!(tolerated[3], [false; 9]);
    }

    #[test]
    fn confidence_is_the_softmax_of_the_greatest() {
        assert!((confidence(&[0.0, 0.0]) - 0.5).abs() < 1e-12);
        assert!((confidence(&[1000.0, 0.0]) - 1.0).abs() < 1e-12);
        // Of numbers that are none nothing is sure.
        for none in [&[][..], &[f64::INFINITY], &[f64::NEG_INFINITY], &[f64::INFINITY, 0.0]] {
            assert!(confidence(none).abs() < 1e-12, "{none:?}");
        }
    }
}
