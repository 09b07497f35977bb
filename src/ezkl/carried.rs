//! Verifying a bundle with what it carries: no artifacts, no backend installation, no cache.
//!
//! A bundle that carries its model's code ([`crate::proof::Manifest::model_code`]) can be verified anywhere. The code is
//! bound by the model id, and by nothing else: the verdict is about that id, and whoever relies on it must know the id.
//!
//! | backend | off-chain | embedded EVM |
//! |---|---|---|
//! | native | the native verifier, with the key in the key object | this release's `NativeVerifier`, of networks `NetworkVerifier`, or theirs of the TEST SRS |
//! | EZKL | not available: its verifier needs the verifying key itself | this release's `EzklAdapter` over the generated verifier |

use super::{
    PipelineError,
    verification::{Warning, as_ms, model_key, run_contracts},
};
use crate::{
    backend::{Control, native, srs_kind},
    evm::{self, Contracts, EvmVerification},
    proof::{Bundle, Statement, Verdict, identity::ModelParts},
};
use alloy::primitives::{B256, Bytes};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What a verification without artifacts found.
#[derive(Clone, Debug, Serialize)]
#[must_use = "a report that nobody reads verifies nothing"]
pub struct CarriedReport {
    /// What is claimed, in the order that the proof binds.
    pub statement_ids: Vec<B256>,
    /// The model it is claimed of.
    pub model_id: B256,
    /// Why the model's schema and its key contradict each other, if they do: no verifier's answer means anything then. The
    /// contracts see no schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_refused: Option<String>,
    /// The backend's own verifier; `None` when it was not asked, or needs more than the bundle carries.
    pub off_chain: Option<Verdict>,
    /// Its wall time.
    #[serde(serialize_with = "as_ms", rename = "off_chain_ms")]
    pub off_chain_time: Duration,
    /// The contracts' code in the embedded EVM.
    pub embedded_evm: EvmVerification,
    /// Its wall time.
    #[serde(serialize_with = "as_ms", rename = "embedded_evm_ms")]
    pub embedded_evm_time: Duration,
    /// What a reader has to know beside the verdict.
    pub warnings: Vec<String>,
}

impl CarriedReport {
    /// Valid only if the contracts accept, and the backend's verifier does not refuse, nor the model contradicts itself.
    pub fn verdict(&self) -> Verdict {
        if let Some(reason) = &self.model_refused {
            return Verdict::invalid(reason.clone());
        }
        match (&self.off_chain, &self.embedded_evm.verdict) {
            (Some(Verdict::Invalid { reason }), _) | (_, Verdict::Invalid { reason }) => {
                Verdict::invalid(reason.clone())
            }
            (Some(Verdict::Valid) | None, Verdict::Valid) => Verdict::Valid,
        }
    }

    /// Whether the verifiers contradict each other: one of them, hence this program, has a defect.
    #[must_use]
    pub fn is_contradictory(&self) -> bool {
        // Contracts that accept what is proven of a model with another schema are right.
        let differs = |verdict: &Verdict| verdict.is_valid() != self.embedded_evm.verdict.is_valid();
        self.model_refused.is_none() && self.off_chain.as_ref().is_some_and(differs)
    }
}

/// Verifies a bundle with the code it carries, by every verifier that needs no more.
///
/// # Errors
/// [`PipelineError::NoModelCode`] when it carries none; [`PipelineError::NoAdapter`] when this release has no contract
/// for it, as for mock bundles; others when no verdict was reached.
pub fn verify_carried(bundle: &Bundle, control: &Control) -> Result<CarriedReport, PipelineError> {
    let off_chain = off_chain(bundle, control)?;
    let report = in_evm(bundle, control)?;
    let (off_chain, off_chain_time) = off_chain.unzip();
    Ok(CarriedReport { off_chain, off_chain_time: off_chain_time.unwrap_or_default(), ..report })
}

/// The backend's own verifier, and how long it took; `None` when it needs more than the bundle carries.
pub(super) fn off_chain(bundle: &Bundle, control: &Control) -> Result<Option<(Verdict, Duration)>, PipelineError> {
    let (parts, code) = (bundle.manifest().model_parts(), carried(bundle)?);
    if !evm::artifacts::is_native_verifier(parts.adapter_id) {
        return Ok(None);
    }
    control.stage("verify off-chain");
    let start = Instant::now();
    let schema = Some(&bundle.manifest().schema);
    let verdict = native::verify_with_key_object(&parts, code, &[], schema, bundle.statements(), bundle.proof())?;
    Ok(Some((verdict, start.elapsed())))
}

/// The contracts alone, over the code that the bundle carries.
pub(super) fn in_evm(bundle: &Bundle, control: &Control) -> Result<CarriedReport, PipelineError> {
    let mut report = verify_in_evm(bundle, carried(bundle)?, control)?;
    report.warnings.push(Warning::OwnCode.to_string());
    if has_unseen_parts(bundle) {
        report.warnings.push(Warning::UnseenProgram.to_string());
    }
    Ok(report)
}

/// Why the model that the bundle names contradicts itself, if it does: what its schema says and what its key says.
pub(super) fn refuse_model(bundle: &Bundle) -> Option<String> {
    bundle.manifest().model_code.as_ref().and_then(|code| contradiction(bundle, code))
}

/// Contracts see no schema, so that only this does.
fn contradiction(bundle: &Bundle, code: &Bytes) -> Option<String> {
    let (parts, schema) = (bundle.manifest().model_parts(), &bundle.manifest().schema);
    if !evm::artifacts::is_native_verifier(parts.adapter_id) {
        return None;
    }
    // Code that goes on in pages is carried by no bundle of this program.
    native::check_model(&parts, code, &[], schema).err()
}

/// Whether the bundle's model is a network whose program has parts that no bundle carries.
pub(super) fn has_unseen_parts(bundle: &Bundle) -> bool {
    let parts = bundle.manifest().model_parts();
    bundle.manifest().model_code.as_ref().is_some_and(|code| native::has_unseen_parts(&parts, code))
}

fn carried(bundle: &Bundle) -> Result<&Bytes, PipelineError> {
    bundle.manifest().model_code.as_ref().ok_or_else(|| PipelineError::NoModelCode(bundle.model_id()))
}

/// Runs this release's contracts, and nothing else, over a model's run-time code, which must be the one that the
/// bundle's model id names.
///
/// # Errors
/// As [`verify_carried`].
pub fn verify_in_evm(bundle: &Bundle, code: &Bytes, control: &Control) -> Result<CarriedReport, PipelineError> {
    control.stage("verify in the embedded EVM");
    let parts = bundle.manifest().model_parts();
    let start = Instant::now();
    let adapter = evm::artifacts::adapter(parts.adapter_id).ok_or(PipelineError::NoAdapter(parts.adapter_id))?;
    // Whoever calls this with other code gets no verdict about it.
    let found = alloy::primitives::keccak256(code);
    if found != parts.model_code_hash {
        return Err(PipelineError::NoModelCode(bundle.model_id()));
    }
    let key = model_key(bundle.model_id(), &parts);
    let contracts = Contracts { adapter: &adapter.deployed_bytecode, model_code: Some(code), pages: &[] };
    let embedded_evm = run_contracts(&contracts, &key, bundle.statements(), bundle.proof())?;
    Ok(CarriedReport {
        statement_ids: bundle.statements().iter().map(Statement::id).collect(),
        model_id: bundle.model_id(),
        model_refused: contradiction(bundle, code),
        off_chain: None,
        off_chain_time: Duration::ZERO,
        embedded_evm,
        embedded_evm_time: start.elapsed(),
        warnings: warnings(&parts),
    })
}

/// From the ids alone, never from the manifest's words.
fn warnings(parts: &ModelParts) -> Vec<String> {
    let transferable = parts.adapter_id == evm::artifacts::ezkl_adapter_id();
    let found = [Warning::of_srs(srs_kind(parts.srs_id)), transferable.then_some(Warning::Transferable)];
    found.into_iter().flatten().map(|warning| warning.to_string()).collect()
}
