//! What an audit found.

use crate::proof::srs::SrsKind;
use alloy::primitives::{Address, B256, Bytes};
use serde::{Serialize, Serializer};
use std::fmt;

macro_rules! check_names {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $mandatory:literal;)*) => {
        /// The checks of an audit, in the order in which they are made.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum CheckName { $($(#[$doc])* $name),* }

        impl CheckName {
            /// Every check, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Whether an audit is only valid if this check was carried out and passed.
            #[must_use]
            pub const fn mandatory(self) -> bool {
                match self { $(Self::$name => $mandatory),* }
            }

            /// The check in words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

check_names! {
    /// The transaction hashes to the hash asked for, and its signature is the sender's.
    Transaction = "the transaction is the one asked for", true;
    /// The calldata is the canonical encoding of one `submit` or `submitBatch` call.
    Calldata = "the calldata are canonical", true;
    /// The sender is the submitter of the statement, of every one in a batch.
    Submitter = "the sender is the statement's submitter", true;
    /// The code of both registries is of this release.
    Registries = "the registries are those of this release", true;
    /// The `ClaimRecorded` event, one per statement, says what is derived from the calldata; so does `BatchRecorded`.
    Event = "the event says what the calldata say", true;
    /// The registry holds the claim now, every one that is audited, and it says the same.
    Claim = "the registry holds the claim", true;
    /// The model's record, and the code at its addresses, hash to the model id.
    ModelId = "the model's record and code hash to its id", true;
    /// The adapter is one of this release.
    Adapter = "the adapter is one of this release", true;
    /// The public values follow the schema that the model's registration published.
    Schema = "the public values follow the model's schema", false;
    /// The chain's adapter accepts the proof now.
    ChainVerification = "the chain's adapter accepts the proof", true;
    /// The fetched code accepts the proof in the embedded EVM.
    EmbeddedVerification = "the fetched code accepts the proof in the embedded EVM", true;
    /// The backend's own verifier accepts the proof.
    OffChainVerification = "the backend accepts the proof off-chain", false;
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckOutcome {
    /// It was carried out and holds.
    Passed,
    /// It was carried out and does not hold.
    Failed,
    /// It was carried out, and whether it holds cannot be told here: the contracts are of another release, or this chain or node
    /// gives too little gas. Nothing is said of the claim.
    Undecided,
    /// It was not carried out.
    Skipped,
}

/// One check of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which one.
    pub name: CheckName,
    /// Whether the audit needs it.
    pub mandatory: bool,
    /// How it went.
    pub outcome: CheckOutcome,
    /// What was found, in a sentence.
    pub detail: String,
}

/// The audit's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuditVerdict {
    /// Every mandatory check passed, and none failed.
    Valid,
    /// A check failed, or a mandatory one could not be carried out.
    Invalid,
    /// No check failed, and a mandatory one could not be decided here.
    Unknown,
}

/// One public tensor of the claim, read by the model's schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorFact {
    /// Its name in the model.
    pub name: String,
    /// `input` or `output`.
    pub direction: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// The real numbers that its elements mean, row-major.
    pub values: Vec<f64>,
}

/// One committed tensor of the claim: its numbers are nowhere on the chain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommittedFact {
    /// Its name in the model.
    pub name: String,
    /// `input` or `output`.
    pub direction: String,
    /// Its shape.
    pub shape: Vec<u64>,
}

/// One claim of the transaction, decoded and derived anew.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)] // the words of docs/identities.md
pub struct ClaimFacts {
    pub consumer: Address,
    pub job: B256,
    pub deadline: u64,
    pub statement_id: B256,
    pub context_id: B256,
    pub public_values: Bytes,
    pub public_values_hash: B256,
    pub transferable: Option<bool>,
    pub tensors: Vec<TensorFact>,
    pub committed: Vec<CommittedFact>,
}

/// Which of the transaction's claims the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BatchFacts {
    /// The hash of the ordered statement ids.
    pub batch_id: B256,
    /// How many statements the proof is about.
    pub batch_size: usize,
}

/// What the transaction claims, decoded and derived anew.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)] // the words of docs/identities.md
pub struct Facts {
    pub chain_id: u64,
    pub block_number: u64,
    pub block_timestamp: u64,
    pub gas_used: u64,
    pub registry: Address,
    pub submitter: Address,
    pub model_id: B256,
    /// The audited claims, at least one. In JSON, a single claim's fields stand among these ones here, and several are
    /// the list `claims`.
    #[serde(flatten, serialize_with = "claims")]
    pub claims: Vec<ClaimFacts>,
    /// Present when the transaction is a batch.
    #[serde(flatten)]
    pub batch: Option<BatchFacts>,
    pub proof_hash: B256,
    pub proof_bytes: usize,
    pub model_registry: Option<Address>,
    pub adapter: Option<Address>,
    pub adapter_id: Option<B256>,
    pub adapter_name: Option<&'static str>,
    pub model_code: Option<Address>,
    pub model_code_hash: Option<B256>,
    pub vk_digest: Option<B256>,
    pub schema_hash: Option<B256>,
    pub srs_id: Option<B256>,
    /// What is known of the SRS: in JSON the word `srs_kind`, and `srs_ceremony`, the listed ceremony or null.
    #[serde(flatten, serialize_with = "srs")]
    pub srs: Option<SrsKind>,
    /// Gas of the adapter call in the embedded EVM.
    pub embedded_gas: Option<crate::evm::Gas>,
}

impl Facts {
    /// Whether somebody else could have submitted one of the claims' proof; as far as the events say.
    #[must_use]
    pub fn transferable(&self) -> bool {
        self.claims.iter().any(|claim| claim.transferable == Some(true))
    }

    /// What a valid audit shows.
    fn finding(&self) -> String {
        match (&self.claims[..], &self.batch) {
            ([_], Some(batch)) if batch.batch_size > 1 => {
                format!("the model maps these public values, one of {} in the batch", batch.batch_size)
            }
            ([_], _) => "the model maps these public values".into(),
            (claims, _) => format!("the model maps these public values, {} times", claims.len()),
        }
    }
}

fn srs<S: Serializer>(srs: &Option<SrsKind>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Known {
        srs_kind: Option<&'static str>,
        srs_ceremony: Option<&'static str>,
    }
    let ceremony = srs.and_then(SrsKind::ceremony).map(|ceremony| ceremony.title);
    Known { srs_kind: srs.map(SrsKind::word), srs_ceremony: ceremony }.serialize(serializer)
}

fn claims<S: Serializer>(claims: &[ClaimFacts], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Several<'a> {
        claims: &'a [ClaimFacts],
    }
    match claims {
        [claim] => claim.serialize(serializer),
        claims => Several { claims }.serialize(serializer),
    }
}

/// An audit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditReport {
    /// The transaction.
    pub transaction_hash: B256,
    /// The answer.
    pub verdict: AuditVerdict,
    /// The answer in a sentence, with what was not checked.
    pub summary: String,
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// What a reader has to know although nothing failed.
    pub warnings: Vec<String>,
    /// What the transaction claims.
    pub facts: Facts,
}

impl AuditReport {
    /// Whether the verdict is [`AuditVerdict::Valid`].
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.verdict == AuditVerdict::Valid
    }

    /// How a check went.
    #[must_use]
    pub fn outcome(&self, name: CheckName) -> CheckOutcome {
        self.checks.iter().find(|check| check.name == name).map_or(CheckOutcome::Skipped, |check| check.outcome)
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// The checks made so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    checks: Vec<Check>,
    warnings: Vec<String>,
}

impl Ledger {
    /// Enters a check that was carried out; returns whether it passed.
    pub(super) fn enter(&mut self, name: CheckName, result: Result<String, String>) -> bool {
        let (outcome, detail) = match result {
            Ok(detail) => (CheckOutcome::Passed, detail),
            Err(detail) => (CheckOutcome::Failed, detail),
        };
        self.push(name, outcome, detail);
        outcome == CheckOutcome::Passed
    }

    /// Enters a check that cannot be decided here.
    pub(super) fn undecided(&mut self, name: CheckName, why: impl Into<String>) {
        self.push(name, CheckOutcome::Undecided, why.into());
    }

    /// Enters a check that could not be carried out.
    pub(super) fn skip(&mut self, name: CheckName, why: impl Into<String>) {
        self.push(name, CheckOutcome::Skipped, why.into());
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    fn push(&mut self, name: CheckName, outcome: CheckOutcome, detail: String) {
        self.checks.push(Check { name, mandatory: name.mandatory(), outcome, detail });
    }

    /// Closes the audit. A check that was never entered is skipped, and a skipped mandatory check makes it invalid, unless one
    /// before it could not be decided.
    pub(super) fn close(mut self, transaction_hash: B256, facts: Facts) -> AuditReport {
        for &name in CheckName::ALL {
            if !self.checks.iter().any(|check| check.name == name) {
                self.skip(name, "an earlier check left nothing to look at");
            }
        }
        let place = |check: &Check| CheckName::ALL.iter().position(|&name| name == check.name);
        self.checks.sort_by_key(place);
        let failing = self.checks.iter().find(|check| check.outcome == CheckOutcome::Failed);
        let undecided = self.checks.iter().find(|check| check.mandatory && check.outcome == CheckOutcome::Undecided);
        let missing = self.checks.iter().find(|check| check.mandatory && check.outcome == CheckOutcome::Skipped);
        let (verdict, mut summary) = match (failing, undecided, missing) {
            (Some(check), ..) => (AuditVerdict::Invalid, format!("INVALID: not so: {}: {}", check.name, check.detail)),
            (None, Some(check), _) => {
                (AuditVerdict::Unknown, format!("UNKNOWN: cannot tell here: {}: {}", check.name, check.detail))
            }
            (None, None, Some(check)) => {
                (AuditVerdict::Invalid, format!("INVALID: not checked: {}: {}", check.name, check.detail))
            }
            (None, None, None) => (AuditVerdict::Valid, format!("VALID: {}", facts.finding())),
        };
        if verdict == AuditVerdict::Valid {
            for check in self.checks.iter().filter(|check| check.outcome == CheckOutcome::Skipped) {
                summary.push_str(&format!("; NOT checked: {}", check.name));
            }
            match facts.srs {
                Some(SrsKind::Listed(ceremony)) => {
                    summary.push_str(&format!("; under the ceremony {}", ceremony.title));
                }
                Some(SrsKind::Test) => summary.push_str("; NOT SECURE: made with the TEST SRS"),
                _ => summary
                    .push_str("; made with an unlisted SRS: not to be relied on by who does not know its ceremony"),
            }
        }
        AuditReport { transaction_hash, verdict, summary, checks: self.checks, warnings: self.warnings, facts }
    }
}
