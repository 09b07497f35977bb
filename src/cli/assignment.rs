//! Whom a claim is made for, and until when.

use super::{Failure, account};
use alloy::primitives::{Address, B256};
use std::time::{SystemTime, UNIX_EPOCH};
use zkinfer::proof::{Assignment, Bundle, Context, Statement};

/// A claim is short-lived.
pub(crate) const MAX_DEADLINE_SECONDS: u64 = 366 * 24 * 3600;
const DEFAULT_DEADLINE_SECONDS: u64 = 3600;

/// What the submitter chooses.
#[derive(Debug, clap::Args)]
pub(crate) struct AssignmentArgs {
    /// The contract the claim is made for [default: anybody's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    pub(crate) consumer: Option<Address>,

    /// The 32 bytes that the consumer assigned [default: zero].
    #[arg(long, value_name = "BYTES32")]
    pub(crate) job: Option<B256>,

    /// The registry refuses the claim after so many seconds [default: 3600].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=MAX_DEADLINE_SECONDS))]
    pub(crate) deadline_in: Option<u64>,

    /// Make another claim, although the same was submitted before.
    #[arg(long)]
    pub(crate) again: bool,
}

impl AssignmentArgs {
    pub(crate) fn assignment(&self, submitter: Address, deadline: u64) -> Assignment {
        let (consumer, job) = (self.consumer.unwrap_or_default(), self.job.unwrap_or_default());
        Assignment { submitter, consumer, job, deadline }
    }

    /// The deadline of a claim that is made now.
    pub(crate) fn deadline(&self, now: u64) -> u64 {
        unix_time().max(now).saturating_add(self.deadline_in.unwrap_or(DEFAULT_DEADLINE_SECONDS))
    }

    /// Whether a claim that was made before lasts longer than is asked for now. It is gone on with all the same, or not at all.
    pub(crate) fn admit_kept(&self, deadline: u64, now: u64) -> Result<(), Failure> {
        match self.deadline_in {
            Some(seconds) if now.max(unix_time()).saturating_add(seconds) < deadline => Err(Failure::Input(format!(
                "the same was submitted before with a deadline later than that ({deadline}): leave --deadline-in away to go on \
                 with it, or make another claim with --again"
            ))),
            _ => Ok(()),
        }
    }

    /// A bundle that is made for a registry is claimed as it is: whatever would change it is an error. Returns whether it is.
    pub(crate) fn check(&self, bundle: &Bundle, expected: Address) -> Result<bool, Failure> {
        let refuse = |reason: String| Err(Failure::Input(reason));
        let is_made = |statement: &&Statement| matches!(statement.context, Context::Chain { .. });
        let made = bundle.statements().iter().filter(is_made).count();
        if made == 0 {
            return Ok(false);
        }
        if made < bundle.statements().len() {
            return refuse("some statements of the bundle are made for a registry and some for none".into());
        }
        for statement in bundle.statements() {
            let Context::Chain { registry, assignment, .. } = statement.context else { continue };
            if registry != expected {
                return refuse(format!("the bundle is made for registry {registry}, not {expected}"));
            }
            if self.consumer.is_some_and(|consumer| consumer != assignment.consumer) {
                return refuse(format!(
                    "the bundle is made for consumer {}: --consumer cannot change that",
                    assignment.consumer
                ));
            }
            if self.job.is_some_and(|job| job != assignment.job) {
                return refuse(format!("the bundle is made for job {}: --job cannot change that", assignment.job));
            }
            if self.deadline_in.is_some() {
                return refuse(format!(
                    "the bundle's deadline is fixed ({}): --deadline-in cannot change that",
                    assignment.deadline
                ));
            }
        }
        if self.again {
            return refuse("--again makes another statement, and this bundle's are fixed".into());
        }
        Ok(true)
    }
}

pub(crate) fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
