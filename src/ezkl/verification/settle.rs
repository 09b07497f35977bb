//! The cryptography of a check: bundle by bundle, or many together.

use super::{
    ProofVerifier, VerificationReport, cache,
    check::{Status, Verification},
    means::Means,
    policy::Mode,
};
use crate::{
    backend::Control,
    evm::EvmVerification,
    ezkl::{CarriedReport, PipelineError},
    proof::{Bundle, Structure, Verdict},
};
use alloy::primitives::B256;
use std::time::{Duration, Instant};

/// What cryptography said of one bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) off_chain: Option<Verdict>,
    pub(super) off_chain_time: Duration,
    pub(super) embedded_evm: Option<EvmVerification>,
    pub(super) embedded_evm_time: Duration,
}

impl Finding {
    pub(super) fn off_chain(verdict: Verdict, time: Duration) -> Self {
        Self { off_chain: Some(verdict), off_chain_time: time, ..Self::default() }
    }

    pub(super) fn of_contracts(verification: EvmVerification, time: Duration) -> Self {
        Self { embedded_evm: Some(verification), embedded_evm_time: time, ..Self::default() }
    }

    /// Valid when a verifier accepts and none refuses.
    pub(super) fn verdict(&self) -> Verdict {
        match (&self.off_chain, self.embedded_evm.as_ref().map(|evm| &evm.verdict)) {
            // A backend that left one out has verified nothing.
            (None, None) => Verdict::invalid("no verifier said anything of it"),
            (Some(one), Some(other)) if one.is_valid() != other.is_valid() => {
                Verdict::invalid("the backend's verifier and the contract disagree: this program has a defect")
            }
            (Some(Verdict::Invalid { reason }), _) | (_, Some(Verdict::Invalid { reason })) => {
                Verdict::invalid(reason.clone())
            }
            _ => Verdict::Valid,
        }
    }

    /// How many verifiers ran.
    fn operations(&self) -> usize {
        usize::from(self.off_chain.is_some()) + usize::from(self.embedded_evm.is_some())
    }
}

impl From<VerificationReport> for Finding {
    fn from(report: VerificationReport) -> Self {
        Self {
            off_chain: Some(report.off_chain),
            off_chain_time: report.off_chain_time,
            embedded_evm: report.embedded_evm,
            embedded_evm_time: report.embedded_evm_time,
        }
    }
}

impl From<CarriedReport> for Finding {
    fn from(report: CarriedReport) -> Self {
        Self {
            off_chain: report.off_chain,
            off_chain_time: report.off_chain_time,
            embedded_evm: Some(report.embedded_evm),
            embedded_evm_time: report.embedded_evm_time,
        }
    }
}

impl ProofVerifier<'_> {
    /// The cryptography, for what is Pending. Tells `observe` how many bundles have their verdict.
    pub(super) fn settle(
        &self,
        structure: &Structure,
        mode: Mode,
        verification: &mut Verification,
        control: &Control,
        observe: &dyn Fn(usize),
    ) -> Result<(), PipelineError> {
        let bundles = structure.bundles();
        let keys: Vec<B256> =
            bundles.iter().map(|bundle| cache::key(&self.means(bundle).name(), mode, bundle)).collect();
        let mut findings: Vec<Option<Finding>> = keys.iter().map(|&key| self.cache.get(key)).collect();
        let unknown: Vec<usize> = (0..bundles.len()).filter(|&at| findings[at].is_none()).collect();
        verification.cache_hits = bundles.len() - unknown.len();
        verification.cache_misses = unknown.len();
        let asked: Vec<&Bundle> = unknown.iter().map(|&at| bundles[at]).collect();
        let known = verification.cache_hits;
        let (found, operations) = self.find_all(&asked, mode, control, &|done| observe(known + done))?;
        verification.operations += operations;
        let mut fresh = vec![false; bundles.len()];
        for (at, finding) in unknown.into_iter().zip(found) {
            self.cache.put(keys[at], finding.clone());
            fresh[at] = true;
            findings[at] = Some(finding);
        }
        verification.status = Status::Valid;
        for (at, finding) in findings.into_iter().enumerate() {
            let finding = finding.unwrap_or_default();
            let verdict = finding.verdict();
            if let (Verdict::Invalid { reason }, true) = (&verdict, verification.status.is_valid()) {
                let reason = if bundles.len() == 1 { reason.clone() } else { format!("bundle {at}: {reason}") };
                verification.status = Status::Invalid { reason };
            }
            let result = &mut verification.bundles[at];
            (result.verdict, result.cached) = (Some(verdict), !fresh[at]);
            (result.off_chain, result.off_chain_time) = (finding.off_chain, finding.off_chain_time);
            (result.embedded_evm, result.embedded_evm_time) = (finding.embedded_evm, finding.embedded_evm_time);
        }
        Ok(())
    }

    /// What cryptography says of some bundles, and how many final checks that took.
    fn find_all(
        &self,
        bundles: &[&Bundle],
        mode: Mode,
        control: &Control,
        observe: &dyn Fn(usize),
    ) -> Result<(Vec<Finding>, usize), PipelineError> {
        let (mut findings, mut operations) = (vec![None; bundles.len()], 0);
        if mode == Mode::Batch {
            operations += self.find_together(bundles, &mut findings, control)?;
        }
        for (at, bundle) in bundles.iter().enumerate() {
            if findings[at].is_none() {
                if control.cancel.is_cancelled() {
                    return Err(PipelineError::Cancelled { what: "the verification" });
                }
                let finding = self.means(bundle).find(bundle, mode, control)?;
                operations += finding.operations();
                findings[at] = Some(finding);
            }
            observe(at + 1);
        }
        Ok((findings.into_iter().map(Option::unwrap_or_default).collect(), operations))
    }

    /// All bundles of each model whose artifacts are here, together where its backend can. Returns how many final checks
    /// that took.
    fn find_together(
        &self,
        bundles: &[&Bundle],
        findings: &mut [Option<Finding>],
        control: &Control,
    ) -> Result<usize, PipelineError> {
        let mut checks = 0;
        for known in &self.models {
            let is_its = |at: &usize| matches!(self.means(bundles[*at]), Means::Artifacts(means) if means.model_id() == known.model_id());
            let places: Vec<usize> = (0..bundles.len()).filter(is_its).collect();
            if places.is_empty() {
                continue;
            }
            control.stage("verify together");
            let start = Instant::now();
            let proofs: Vec<_> = places.iter().map(|&at| (bundles[at].statements(), bundles[at].proof())).collect();
            let many = known.backend.verify_many(&known.prepared.artifacts, &proofs, control)?;
            checks += many.checks;
            // Each has its share of the time.
            let time = start.elapsed() / u32::try_from(places.len()).unwrap_or(u32::MAX);
            let mut verdicts = many.verdicts.into_iter();
            for at in places {
                let finding = verdicts.next().map(|verdict| Finding::off_chain(verdict, time));
                findings[at] = Some(finding.unwrap_or_default());
            }
        }
        Ok(checks)
    }
}
