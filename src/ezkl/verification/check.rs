//! Checking structures by a policy: bindings first, then cryptography.

use super::{
    ProofVerifier, as_ms,
    means::Source,
    policy::{CLOCK_SKEW, ConstraintResult, Mode, OLD, Policy, TrustLevel, Warning},
};
use crate::{
    backend::Control,
    evm::EvmVerification,
    ezkl::{PipelineError, links},
    proof::{Bundle, Context, Statement, Structure, Verdict},
};
use alloy::primitives::B256;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "UPPERCASE")]
#[must_use = "a status that nobody reads verifies nothing"]
pub enum Status {
    /// Every check of the policy passed, every proof verified.
    Valid,
    /// One did not.
    Invalid {
        /// Which, in a sentence.
        reason: String,
    },
    /// Too old, or past its deadline. Nothing is said of the proofs.
    Expired {
        /// By what, in a sentence.
        reason: String,
    },
    /// Structure and bindings are right; the cryptography has not run.
    Pending,
}

impl Status {
    fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }

    /// Whether everything holds.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        matches!(self, Self::Valid)
    }
}

/// What was found of one bundle of a structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BundleResult {
    /// Its model.
    pub model_id: B256,
    /// Its statements.
    pub statement_ids: Vec<B256>,
    /// What it was, or would be, verified with.
    pub source: Source,
    /// What cryptography said; `None` when it did not run.
    pub verdict: Option<Verdict>,
    /// Whether that was known from before.
    pub cached: bool,
    /// The backend's own verifier; `None` when it was not asked, or needs what is not here.
    pub off_chain: Option<Verdict>,
    /// Its wall time; of bundles that were verified together, their mean.
    #[serde(serialize_with = "as_ms", rename = "off_chain_ms")]
    pub off_chain_time: Duration,
    /// The contracts' code in the embedded EVM; `None` when it was not asked, or there is none.
    pub embedded_evm: Option<EvmVerification>,
    /// Its wall time.
    #[serde(serialize_with = "as_ms", rename = "embedded_evm_ms")]
    pub embedded_evm_time: Duration,
}

impl BundleResult {
    /// What the contracts' code would cost, when it ran in the embedded EVM.
    #[must_use]
    pub fn gas(&self) -> Option<u64> {
        self.embedded_evm.as_ref().map(|evm| evm.gas.transaction)
    }

    /// Whether the verifiers contradict each other: one of them, hence this program, has a defect.
    #[must_use]
    pub fn is_contradictory(&self) -> bool {
        let (one, other) = (&self.off_chain, &self.embedded_evm);
        matches!((one, other), (Some(one), Some(other)) if one.is_valid() != other.verdict.is_valid())
    }
}

/// A checked structure.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[must_use = "a verification that nobody reads verifies nothing"]
pub struct Verification {
    /// What it came to.
    #[serde(flatten)]
    pub status: Status,
    /// As asked.
    pub mode: Mode,
    /// As asked.
    pub trust: TrustLevel,
    /// The Merkle root of the statements.
    pub root: B256,
    /// 0 for a bundle alone.
    pub depth: usize,
    /// Bundle by bundle, in order.
    pub bundles: Vec<BundleResult>,
    /// Every one of the policy's.
    pub constraints: Vec<ConstraintResult>,
    /// What a reader has to know beside the status.
    pub warnings: Vec<Warning>,
    /// As asked.
    pub labels: BTreeMap<String, String>,
    /// Final checks of proofs, each run of the embedded EVM included.
    pub operations: usize,
    /// Bundles whose verdict was known from before.
    pub cache_hits: usize,
    /// Bundles whose verdict was not.
    pub cache_misses: usize,
    /// Wall time.
    pub time: Duration,
}

impl Verification {
    /// Whether everything came from the cache.
    #[must_use]
    pub const fn is_cached(&self) -> bool {
        self.cache_hits > 0 && self.cache_misses == 0
    }
}

impl ProofVerifier<'_> {
    /// Checks a structure by a policy. With [`Mode::Optimistic`] the result is at best Pending: see
    /// [`ProofVerifier::optimistic`].
    ///
    /// # Errors
    /// [`PipelineError`] when no verdict was reached. Whatever is wrong with the structure is a [`Status`].
    pub fn check(
        &self,
        structure: &Structure,
        policy: &Policy,
        control: &Control,
    ) -> Result<Verification, PipelineError> {
        self.check_observed(structure, policy, control, &|_| ())
    }

    /// As [`ProofVerifier::check`], and tells `observe` how many bundles have their verdict.
    ///
    /// # Errors
    /// As [`ProofVerifier::check`].
    pub fn check_observed(
        &self,
        structure: &Structure,
        policy: &Policy,
        control: &Control,
        observe: &dyn Fn(usize),
    ) -> Result<Verification, PipelineError> {
        let start = Instant::now();
        let mut verification = self.inspect(structure, policy);
        if verification.status == Status::Pending && policy.mode != Mode::Optimistic {
            self.settle(structure, policy.mode, &mut verification, control, observe)?;
        }
        verification.time = start.elapsed();
        self.metrics.record(&verification);
        Ok(verification)
    }

    /// Everything but cryptography. Pending when nothing is wrong.
    pub(super) fn inspect(&self, structure: &Structure, policy: &Policy) -> Verification {
        let bundles = structure.bundles();
        let warnings = self.warnings_of(&bundles, policy);
        let constraints: Vec<_> = policy.constraints.iter().map(|constraint| constraint.evaluate(&bundles)).collect();
        let root = structure.root();
        let status = self
            .refuse_structure(structure, &bundles, policy)
            .or_else(|| refuse_unexpected(structure, root, policy))
            .or_else(|| refuse_warnings(&warnings, policy.trust))
            .or_else(|| self.refuse_dates(&bundles, policy))
            .or_else(|| refuse_unsatisfied(&constraints))
            .unwrap_or(Status::Pending);
        let result = |bundle: &&Bundle| BundleResult {
            model_id: bundle.model_id(),
            statement_ids: bundle.statements().iter().map(Statement::id).collect(),
            source: self.means(bundle).source(),
            verdict: None,
            cached: false,
            off_chain: None,
            off_chain_time: Duration::ZERO,
            embedded_evm: None,
            embedded_evm_time: Duration::ZERO,
        };
        Verification {
            status,
            mode: policy.mode,
            trust: policy.trust,
            root,
            depth: structure.depth(),
            bundles: bundles.iter().map(result).collect(),
            constraints,
            warnings,
            labels: policy.labels.clone(),
            operations: 0,
            cache_hits: 0,
            cache_misses: 0,
            time: Duration::ZERO,
        }
    }

    fn refuse_structure(&self, structure: &Structure, bundles: &[&Bundle], policy: &Policy) -> Option<Status> {
        let depth = structure.depth();
        if depth > policy.max_depth {
            return Some(Status::invalid(format!("the tree has depth {depth}, more than {}", policy.max_depth)));
        }
        let refused = bundles.iter().find_map(|bundle| self.means(bundle).refuse(bundle));
        if let Some(reason) = refused {
            return Some(Status::Invalid { reason });
        }
        if structure.is_linked() {
            for (at, pair) in bundles.windows(2).enumerate() {
                if let Err(reason) = links::check(pair[0], pair[1]) {
                    return Some(Status::invalid(format!("the chain breaks after bundle {at}: {reason}")));
                }
            }
        }
        None
    }

    fn refuse_dates(&self, bundles: &[&Bundle], policy: &Policy) -> Option<Status> {
        let now = Duration::from_millis(self.clock.unix_ms());
        for bundle in bundles {
            let made = Duration::from_millis(bundle.manifest().created_at_ms);
            if made > now + CLOCK_SKEW {
                return Some(Status::invalid("the bundle is dated in the future"));
            }
            let age = now.saturating_sub(made);
            if let Some(limit) = policy.max_age.filter(|&limit| age > limit) {
                let (age, limit) = (age.as_secs(), limit.as_secs());
                return Some(Status::Expired { reason: format!("the bundle is {age} s old; {limit} s are allowed") });
            }
            for statement in bundle.statements() {
                let Context::Chain { assignment, .. } = statement.context else { continue };
                if now.as_secs() > assignment.deadline {
                    let reason = format!("the deadline {} of its context has passed", assignment.deadline);
                    return Some(Status::Expired { reason });
                }
            }
        }
        None
    }

    /// Each once, in the order in which the bundles lead to them.
    fn warnings_of(&self, bundles: &[&Bundle], policy: &Policy) -> Vec<Warning> {
        let now = Duration::from_millis(self.clock.unix_ms());
        let mut warnings = Vec::new();
        for bundle in bundles {
            let made = Duration::from_millis(bundle.manifest().created_at_ms);
            let old = (now.saturating_sub(made) > OLD).then_some(Warning::Old);
            for warning in self.means(bundle).warnings(bundle).into_iter().chain(old) {
                // Whoever names the models relies on those.
                let settled = warning == Warning::OwnCode && policy.names_models();
                if !settled && !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
        }
        warnings
    }
}

fn refuse_unexpected(structure: &Structure, root: B256, policy: &Policy) -> Option<Status> {
    let expected = &policy.expected;
    if let Some(model) = expected.model
        && let Some(other) = structure.bundles().iter().map(|bundle| bundle.model_id()).find(|&id| id != model)
    {
        return Some(Status::invalid(format!("`model`: {other} is not the expected {model}")));
    }
    if let Some(ids) = &expected.statements {
        let found = structure.statement_ids();
        if found != *ids {
            return Some(Status::invalid(
                "`statements`: they are not the expected ones (model, public values, context)",
            ));
        }
    }
    match expected.root {
        Some(expected) if expected != root => {
            Some(Status::invalid(format!("`root`: {root} is not the expected {expected}")))
        }
        _ => None,
    }
}

fn refuse_warnings(warnings: &[Warning], trust: TrustLevel) -> Option<Status> {
    let refused = warnings.iter().find(|&&warning| !trust.tolerates(warning))?;
    Some(Status::invalid(format!("trust level {trust:?} does not tolerate this: {refused}")))
}

fn refuse_unsatisfied(constraints: &[ConstraintResult]) -> Option<Status> {
    let unsatisfied = constraints.iter().find(|result| !result.satisfied)?;
    Some(Status::invalid(format!("a constraint does not hold: {} ({:?})", unsatisfied.found, unsatisfied.constraint)))
}
