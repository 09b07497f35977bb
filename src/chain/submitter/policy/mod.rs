//! What is to be done with an inference, and what it may cost: a TOML file that an operator writes.
//!
//! ```toml
//! version = 1
//!
//! [chain]
//! id = 8453
//! endpoints = ["https://one.example", "https://two.example", "https://three.example"]
//! quorum = 2                    # how many have to agree on what decides money [default: more than half]
//! confirmations = 12            # blocks until a transaction is confirmed, its own included
//! finality = "finalized"        # when it is done: the chain's word for it, or a number of blocks
//! account = "0x…"               # the only account that may sign here [default: any]
//!
//! [contracts]
//! proof_registry = "0x…"
//! claim_registry = "0x…"        # for Attested and Optimistic
//!
//! [fees]                        # gwei for a unit of gas, and amounts in the chain's currency, in quotes
//! max_fee = "50"
//! max_cost = "0.02"             # of one transaction
//! replace_after = "60s"
//! answer_max_fee = "500"        # what an answer to a challenge may pay: a bond depends on it
//!
//! [budget]
//! per_day = "0.5"
//! reserve = "0.05"              # kept for answers
//! alarm_below = "0.2"
//! bonded = "10"                 # the most that contracts may hold of it as bonds at a time
//!
//! [content]
//! stores = ["local"]            # where what a claim points to is kept: "local", or S5 nodes
//!
//! [default]
//! assurance = "verified"        # "attested", "optimistic"
//! grouping = "native-batch"     # "single", "merkle-batch"
//! ceiling = "0.001"             # the most that one inference may cost, in the chain's currency
//! latency = "15m"               # from the outbox into a block
//! deadline = "1h"               # how long the statement is good for
//! batch = { size = 64, age = "5m", send_below = "2", hold_above = "40" }
//!
//! [[rule]]                      # the most special one counts: model and job, job, model, default
//! model = "0x…"
//! job = "0x…"
//! assurance = "optimistic"
//! grouping = "merkle-batch"
//! ```
//!
//! What a rule leaves out is that of `[default]`; of its batch too, as long as it is one. **A policy that contradicts itself is refused**
//! with both lines: an operator who wrote two things meant one of them, and only they know which.

mod check;
mod error;
mod file;
#[cfg(test)]
mod tests;
mod treatment;
mod values;

pub use error::{Place, PolicyError};

use super::{super::Fork, Finality, Options};
use alloy::primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use std::{fmt, fs::File, io::Read, path::Path, time::Duration};

/// How much a claim is to be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// A hash is posted.
    Attested,
    /// Bonded, and challengeable.
    Optimistic,
    /// The verifier contract accepts a proof.
    Verified,
}

/// What goes into one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// One statement.
    Single,
    /// One proof of several statements: Verified.
    NativeBatch,
    /// One root of many statements: Optimistic.
    MerkleBatch,
}

/// An operator's will. It does not contradict itself.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where.
    pub chain: ChainPolicy,
    /// To which contracts.
    pub contracts: ContractsPolicy,
    /// For which price.
    pub fees: FeesPolicy,
    /// For how much in all.
    pub budget: BudgetPolicy,
    /// Where content is kept that a claim points to: `local`, or the endpoints of S5 nodes.
    pub stores: Vec<Endpoint>,
    /// What is done where no rule says something else; `None`: nothing.
    pub default: Option<Treatment>,
    rules: Vec<Rule>,
}

/// Where.
#[derive(Clone, Debug)]
pub struct ChainPolicy {
    /// The chain.
    pub id: u64,
    /// The nodes; at least one.
    pub endpoints: Vec<Endpoint>,
    /// How many of them have to agree on what decides money.
    pub quorum: usize,
    /// How many blocks, its own included, make a transaction confirmed.
    pub confirmations: u64,
    /// When a block is final, and a transaction done.
    pub finality: Finality,
    /// The rules for gas; `None`: the chain's.
    pub fork: Option<Fork>,
    /// The only account that may sign; `None`: any.
    pub account: Option<Address>,
}

/// An URL that may hold an access key. Shown without its path, its query and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(String);

/// To which contracts. At least one of both is there.
#[derive(Clone, Copy, Debug)]
pub struct ContractsPolicy {
    /// The `ProofRegistry`.
    pub proof_registry: Option<Address>,
    /// The `ClaimRegistry`.
    pub claim_registry: Option<Address>,
    /// The block from which the claim registry's events are read.
    pub from_block: u64,
}

/// For which price.
#[derive(Clone, Copy, Debug)]
pub struct FeesPolicy {
    /// The most wei for a unit of gas.
    pub max_fee: Option<u128>,
    /// The most wei for one transaction, without what it brings.
    pub max_cost: Option<U256>,
    /// After how many seconds without a block a transaction is made dearer.
    pub replace_after: u64,
    /// The most wei for a unit of gas of an answer to a challenge.
    pub answer_max_fee: Option<u128>,
}

/// For how much in all, in wei.
#[derive(Clone, Copy, Debug, Default)]
pub struct BudgetPolicy {
    /// What may be paid for gas and L1 data in a day of UTC. Answers are counted and never held back: a bond is worth more.
    pub per_day: Option<U256>,
    /// What may be bonded at a time.
    pub bonded: Option<U256>,
    /// What the account keeps for answers.
    pub reserve: U256,
    /// Below which balance there is an alarm.
    pub alarm_below: Option<U256>,
}

/// What is done with an inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// How much it is to be relied on.
    pub assurance: Assurance,
    /// With how many others it goes.
    pub grouping: Grouping,
    /// The most that it may cost, in wei, without a bond.
    pub ceiling: Option<U256>,
    /// How many seconds it may take into a block.
    pub latency: Option<u64>,
    /// For how many seconds its statement is good.
    pub deadline: u64,
    /// When a batch goes; there unless it goes alone.
    pub batch: Option<BatchPolicy>,
}

/// When a batch goes: full, old, or cheap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPolicy {
    /// With so many statements it goes; there are never more in it.
    pub size: usize,
    /// So many seconds after its first statement came it goes, whatever gas costs.
    pub age: u64,
    /// It goes while a unit of gas costs at most so many wei, with however few statements.
    pub send_below: Option<u128>,
    /// It waits while a unit of gas costs more than so many wei, even if it is full, until it is old.
    pub hold_above: Option<u128>,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    model: Option<B256>,
    job: Option<B256>,
    treatment: Treatment,
}

/// How long a statement is good if nothing is said, in seconds.
const DEFAULT_DEADLINE: u64 = 3600;
/// After how many seconds a transaction is made dearer if nothing is said: five blocks of Ethereum.
const DEFAULT_REPLACE_AFTER: u64 = 60;
/// How many confirmations are waited for if nothing is said.
const DEFAULT_CONFIRMATIONS: u64 = 3;

impl Policy {
    /// Reads a file.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let cannot = |reason: String| PolicyError::Unreadable { path: path.display().to_string(), reason };
        let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
        let mut text = String::new();
        let read = file.take(file::MAX_BYTES + 1).read_to_string(&mut text);
        read.map_err(|error| cannot(error.to_string()))?;
        if text.len() as u64 > file::MAX_BYTES {
            return Err(cannot(format!("it is larger than {} bytes", file::MAX_BYTES)));
        }
        Self::parse(&text)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        check::policy(&file::Source(text))
    }

    /// What is done with an inference of a model for a job; `None`: the policy does not say.
    #[must_use]
    pub fn treatment(&self, model_id: B256, job: B256) -> Option<&Treatment> {
        let fits = |rule: &&Rule| {
            rule.model.is_none_or(|model| model == model_id) && rule.job.is_none_or(|wanted| wanted == job)
        };
        // A job is more special than a model, and both together than a job.
        let speciality = |rule: &&Rule| (rule.job.is_some(), rule.model.is_some());
        let rule = self.rules.iter().filter(fits).max_by_key(speciality);
        rule.map(|rule| &rule.treatment).or(self.default.as_ref())
    }

    /// How the engine goes about it, over what is usual.
    #[must_use]
    pub fn options(&self, usual: Options) -> Options {
        let after = Duration::from_secs(self.fees.replace_after);
        Options {
            confirmations: self.chain.confirmations,
            finality: self.chain.finality,
            bump_after: after,
            bump_urgent_after: after.min(usual.bump_urgent_after),
            max_fee: self.fees.max_fee,
            max_fee_urgent: self.fees.answer_max_fee,
            fork: self.chain.fork.or(usual.fork),
            ..usual
        }
    }

    /// Every treatment that there is.
    pub fn treatments(&self) -> impl Iterator<Item = &Treatment> {
        self.default.iter().chain(self.rules.iter().map(|rule| &rule.treatment))
    }
}

impl Endpoint {
    /// The whole URL, to be used and not to be shown.
    #[must_use]
    pub fn secret_url(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match reqwest::Url::parse(&self.0) {
            Ok(url) => f.write_str(&crate::chain::node::shown(&url)),
            // `local`; everything else is an URL.
            Err(_) => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl Assurance {
    /// As it is written in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attested => "attested",
            Self::Optimistic => "optimistic",
            Self::Verified => "verified",
        }
    }
}

impl fmt::Display for Assurance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Grouping {
    /// As it is written in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::NativeBatch => "native-batch",
            Self::MerkleBatch => "merkle-batch",
        }
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
