//! Checking structures by a policy: bindings first, then cryptography.

use super::{
    ProofVerifier,
    cache::{self, Finding},
    policy::{CLOCK_SKEW, ConstraintResult, Mode, OLD, Policy, TrustLevel, Warning},
};
use crate::{
    backend::Control,
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
    /// Its statements.
    pub statement_ids: Vec<B256>,
    /// What cryptography said; `None` when it did not run.
    pub verdict: Option<Verdict>,
    /// Whether that was known from before.
    pub cached: bool,
    /// What the contracts' code would cost, when it ran in the embedded EVM.
    pub gas: Option<u64>,
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
        let start = Instant::now();
        let mut verification = self.inspect(structure, policy);
        if verification.status == Status::Pending && policy.mode != Mode::Optimistic {
            self.settle(structure, policy.mode, &mut verification, control)?;
        }
        verification.time = start.elapsed();
        self.metrics.record(&verification);
        Ok(verification)
    }

    /// Everything but cryptography. Pending when nothing is wrong.
    pub(super) fn inspect(&self, structure: &Structure, policy: &Policy) -> Verification {
        let bundles = structure.bundles();
        let warnings = self.warnings_of(&bundles);
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
            statement_ids: bundle.statements().iter().map(Statement::id).collect(),
            verdict: None,
            cached: false,
            gas: None,
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

    /// The cryptography, for what is Pending.
    pub(super) fn settle(
        &self,
        structure: &Structure,
        mode: Mode,
        verification: &mut Verification,
        control: &Control,
    ) -> Result<(), PipelineError> {
        let (bundles, capabilities) = (structure.bundles(), self.backend.capabilities());
        let keys: Vec<B256> = bundles.iter().map(|bundle| cache::key(&capabilities, mode, bundle)).collect();
        let mut findings: Vec<Option<Finding>> = keys.iter().map(|&key| self.cache.get(key)).collect();
        let unknown: Vec<usize> = (0..bundles.len()).filter(|&at| findings[at].is_none()).collect();
        verification.cache_hits = bundles.len() - unknown.len();
        verification.cache_misses = unknown.len();
        let mut fresh = vec![false; bundles.len()];
        let asked: Vec<&Bundle> = unknown.iter().map(|&at| bundles[at]).collect();
        let (found, operations) = self.find_all(&asked, mode, control)?;
        verification.operations += operations;
        for (at, finding) in unknown.into_iter().zip(found) {
            self.cache.put(keys[at], finding.clone());
            fresh[at] = true;
            findings[at] = Some(finding);
        }
        verification.status = Status::Valid;
        for (at, finding) in findings.into_iter().enumerate() {
            // A backend that left one out has verified nothing.
            let Finding { verdict, gas } = finding
                .unwrap_or_else(|| Finding { verdict: Verdict::invalid("no verifier said anything of it"), gas: None });
            if let (Verdict::Invalid { reason }, true) = (&verdict, verification.status.is_valid()) {
                let reason = if bundles.len() == 1 { reason.clone() } else { format!("bundle {at}: {reason}") };
                verification.status = Status::Invalid { reason };
            }
            let result = &mut verification.bundles[at];
            (result.verdict, result.cached, result.gas) = (Some(verdict), !fresh[at], gas);
        }
        Ok(())
    }

    /// What cryptography says of some bundles, and how many final checks that took.
    fn find_all(
        &self,
        bundles: &[&Bundle],
        mode: Mode,
        control: &Control,
    ) -> Result<(Vec<Finding>, usize), PipelineError> {
        if mode == Mode::Batch && !bundles.is_empty() {
            control.stage("verify together");
            let proofs: Vec<_> = bundles.iter().map(|bundle| (bundle.statements(), bundle.proof())).collect();
            let many = self.backend.verify_many(&self.prepared.artifacts, &proofs, control)?;
            let findings = many.verdicts.into_iter().map(|verdict| Finding { verdict, gas: None });
            return Ok((findings.collect(), many.checks));
        }
        let (mut findings, mut operations) = (Vec::new(), 0);
        for bundle in bundles {
            let (finding, ran) = self.find(bundle, mode, control)?;
            findings.push(finding);
            operations += ran;
        }
        Ok((findings, operations))
    }

    /// What cryptography says of one bundle, and how many verifiers ran.
    fn find(&self, bundle: &Bundle, mode: Mode, control: &Control) -> Result<(Finding, usize), PipelineError> {
        // What proves nothing comes this far by `TrustLevel::Testing` alone, and has no contracts.
        if mode == Mode::Full && self.backend.capabilities().proves {
            let report = self.verify(bundle, control)?;
            let verdict = if report.is_contradictory() {
                Verdict::invalid("the backend's verifier and the contract disagree: this program has a defect")
            } else {
                report.verdict()
            };
            let gas = report.embedded_evm.as_ref().map(|evm| evm.gas.transaction);
            return Ok((Finding { verdict, gas }, 1 + usize::from(gas.is_some())));
        }
        control.stage("verify off-chain");
        let artifacts = &self.prepared.artifacts;
        let verdict = self.backend.verify(artifacts, bundle.statements(), bundle.proof(), control)?;
        Ok((Finding { verdict, gas: None }, 1))
    }

    fn refuse_structure(&self, structure: &Structure, bundles: &[&Bundle], policy: &Policy) -> Option<Status> {
        let depth = structure.depth();
        if depth > policy.max_depth {
            return Some(Status::invalid(format!("the tree has depth {depth}, more than {}", policy.max_depth)));
        }
        let refused = bundles.iter().find_map(|bundle| self.refuse_bundle(bundle));
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

    /// What a bundle says of itself against what is known of the model. The model id binds key, schema, SRS and contracts;
    /// the rest of the manifest is bound by nothing and compared here.
    fn refuse_bundle(&self, bundle: &Bundle) -> Option<String> {
        let (ours, identity) = (self.prepared.artifacts.model_id(), self.prepared.artifacts.identity());
        let (manifest, capabilities) = (bundle.manifest(), self.backend.capabilities());
        if manifest.backend != identity.backend || manifest.backend != capabilities.backend {
            return Some(format!(
                "`backend`: the bundle is of {}, and {} verifies",
                manifest.backend, capabilities.backend
            ));
        }
        if bundle.model_id() != ours {
            let part = if manifest.vk_digest == identity.vk_digest { "model id" } else { "verifying key" };
            return Some(format!("`model`: the bundle is about {}, not {ours}: another {part}", bundle.model_id()));
        }
        let unbound = [
            ("testSrs", manifest.test_srs == identity.test_srs),
            ("transferable", manifest.transferable != capabilities.binds_statement),
        ];
        let wrong = unbound.iter().find(|(_, right)| !right);
        wrong.map(|(field, _)| format!("`{field}`: the manifest says other than what is known of the model"))
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

    fn warnings_of(&self, bundles: &[&Bundle]) -> Vec<Warning> {
        let (version, now) = (self.backend.capabilities().version, Duration::from_millis(self.clock.unix_ms()));
        let mut warnings = self.known_warnings();
        if bundles.iter().any(|bundle| bundle.manifest().backend_version != version) {
            warnings.push(Warning::UnknownVersion);
        }
        let age = |bundle: &Bundle| now.saturating_sub(Duration::from_millis(bundle.manifest().created_at_ms));
        if bundles.iter().any(|bundle| age(bundle) > OLD) {
            warnings.push(Warning::Old);
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
