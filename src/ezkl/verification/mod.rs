//! Verifying bundles: by the backend, and by the contracts' own code in the embedded EVM.

mod cache;
mod check;
mod means;
mod metrics;
mod on_chain;
mod optimistic;
mod policy;
mod settle;

pub use check::{BundleResult, Status, Verification};
pub use means::Source;
pub use metrics::VerifierMetrics;
pub use on_chain::{OnChainVerification, OnChainVerifier};
pub use optimistic::PendingVerification;
pub use policy::{CLOCK_SKEW, Constraint, ConstraintResult, Expected, Mode, OLD, Policy, TrustLevel, Warning};

use super::{
    PipelineError, Prepared,
    clock::{Clock, SystemClock},
};
use crate::{
    backend::{Control, ProvingBackend},
    evm::{self, Contracts, EvmError, EvmVerification, bindings::ModelKey},
    proof::{Bundle, Statement, Verdict, identity::ModelParts},
};
use alloy::primitives::{Address, B256, Bytes, address};
use means::{Known, Means};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// Where the model's code stands in the embedded EVM. No verifier looks at its own address.
const MODEL_CODE: Address = address!("0x5afe000000000000000000000000000000000003");

/// Verdicts that a verifier keeps unless told otherwise.
const CACHED_VERDICTS: usize = 1024;

/// Verifies with the artifacts of some models, and with what bundles carry if it may.
#[derive(Debug)]
pub struct ProofVerifier<'a> {
    models: Vec<Known<'a>>,
    /// Whether bundles of other models are verified with what they carry.
    carried: bool,
    cache: cache::VerdictCache,
    metrics: metrics::Counters,
    clock: Arc<dyn Clock>,
}

/// What a verification found.
#[derive(Clone, Debug, Serialize)]
#[must_use = "a report that nobody reads verifies nothing"]
pub struct VerificationReport {
    /// What is claimed, in the order that the proof binds.
    pub statement_ids: Vec<B256>,
    /// The model it is claimed of.
    pub model_id: B256,
    /// The backend's own verifier.
    pub off_chain: Verdict,
    /// Its wall time.
    #[serde(serialize_with = "as_ms", rename = "off_chain_ms")]
    pub off_chain_time: Duration,
    /// The contracts' code in the embedded EVM; `None` when no contract verifies proofs of this model.
    pub embedded_evm: Option<EvmVerification>,
    /// Its wall time.
    #[serde(serialize_with = "as_ms", rename = "embedded_evm_ms")]
    pub embedded_evm_time: Duration,
    /// What a reader has to know beside the verdict.
    pub warnings: Vec<String>,
    /// Whether the backend's verdicts mean anything.
    #[serde(skip)]
    pub proves: bool,
}

pub(super) fn as_ms<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64() * 1e3)
}

impl VerificationReport {
    /// Valid only if every verifier there is said so, and a mock proof never is.
    pub fn verdict(&self) -> Verdict {
        match (&self.off_chain, self.embedded_evm.as_ref().map(|evm| &evm.verdict)) {
            (Verdict::Valid, Some(Verdict::Valid)) => Verdict::Valid,
            (Verdict::Valid, None) if self.proves => Verdict::Valid,
            (Verdict::Valid, None) => Verdict::invalid("no contract verifies proofs of this backend"),
            (Verdict::Invalid { reason }, _) => Verdict::invalid(reason.clone()),
            (_, Some(Verdict::Invalid { reason })) => Verdict::invalid(reason.clone()),
        }
    }

    /// Whether the verifiers contradict each other: one of them, hence this program, has a defect.
    #[must_use]
    pub fn is_contradictory(&self) -> bool {
        self.embedded_evm.as_ref().is_some_and(|evm| evm.verdict.is_valid() != self.off_chain.is_valid())
    }
}

impl<'a> ProofVerifier<'a> {
    /// Uses the verifying parts of artifacts that `backend` made. Bundles about other models are Invalid.
    #[must_use]
    pub fn new(backend: &'a dyn ProvingBackend, prepared: &'a Prepared) -> Self {
        Self { models: vec![Known { backend, prepared }], carried: false, ..Self::carried() }
    }

    /// Uses what the bundles carry: no artifacts, no backend's installation. The verdict is about their model ids, which
    /// whoever relies on it has to know: see [`Warning::OwnCode`]. Of EZKL bundles only the contracts can be asked.
    #[must_use]
    pub fn carried() -> Self {
        Self {
            models: Vec::new(),
            carried: true,
            cache: cache::VerdictCache::new(CACHED_VERDICTS),
            metrics: metrics::Counters::default(),
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Uses the artifacts of another model, too.
    #[must_use]
    pub fn with_model(mut self, backend: &'a dyn ProvingBackend, prepared: &'a Prepared) -> Self {
        let known = Known { backend, prepared };
        if self.models.iter().all(|other| other.model_id() != known.model_id()) {
            self.models.push(known);
        }
        self
    }

    /// Keeps at most so many verdicts of [`ProofVerifier::check`]; 0 keeps none.
    #[must_use]
    pub fn with_cache(mut self, verdicts: usize) -> Self {
        self.cache = cache::VerdictCache::new(verdicts);
        self
    }

    /// Reads the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What [`ProofVerifier::check`] has done so far.
    #[must_use]
    pub fn metrics(&self) -> VerifierMetrics {
        self.metrics.snapshot()
    }

    /// Counts gas that was paid for a verification on a chain.
    pub fn record_on_chain(&self, verification: &OnChainVerification) {
        self.metrics.pay(verification.gas_paid());
    }

    /// Verifies a bundle twice: by the backend's verifier, and by the model's verifier contract in the embedded EVM.
    ///
    /// # Errors
    /// [`PipelineError`] when no verdict was reached; [`PipelineError::UnknownModel`] when this verifier knows no model
    /// at all. A bundle about another model than those it knows is Invalid.
    pub fn verify(&self, bundle: &Bundle, control: &Control) -> Result<VerificationReport, PipelineError> {
        self.known(bundle.model_id())?.verify(bundle, control)
    }

    /// Runs adapter and verifier contract; `None` when the model has no contract.
    ///
    /// # Errors
    /// [`PipelineError::Evm`] when there is no verdict; [`PipelineError::UnknownModel`] as for [`ProofVerifier::verify`].
    pub fn embedded(&self, statements: &[Statement], proof: &Bytes) -> Result<Option<EvmVerification>, PipelineError> {
        let model_id = statements.first().map_or(B256::ZERO, |statement| statement.model_id);
        self.known(model_id)?.embedded(statements, proof)
    }

    /// The model of this id, else the first one, which refuses what is another's.
    fn known(&self, model_id: B256) -> Result<Known<'a>, PipelineError> {
        let found = self.models.iter().find(|known| known.model_id() == model_id).or(self.models.first());
        found.copied().ok_or(PipelineError::UnknownModel(model_id))
    }

    /// What a bundle is verified with.
    fn means(&self, bundle: &Bundle) -> Means<'a> {
        match self.known(bundle.model_id()) {
            Ok(known) if !self.carried || known.model_id() == bundle.model_id() => Means::Artifacts(known),
            _ => Means::Carried,
        }
    }
}

/// What a model id is made of, from the artifacts.
fn parts_of(identity: &crate::backend::ArtifactIdentity) -> ModelParts {
    ModelParts {
        adapter_id: identity.adapter_id,
        model_code_hash: identity.model_code_hash,
        vk_digest: identity.vk_digest,
        schema_hash: crate::proof::identity::schema_hash(&identity.schema),
        srs_id: identity.srs_id,
    }
}

/// What the registry would tell an adapter of the model.
pub(super) const fn model_key(model_id: B256, parts: &ModelParts) -> ModelKey {
    ModelKey {
        modelId: model_id,
        modelCode: MODEL_CODE,
        vkDigest: parts.vk_digest,
        schemaHash: parts.schema_hash,
        srsId: parts.srs_id,
    }
}

/// Runs an adapter over a model's code.
pub(super) fn run_contracts(
    contracts: &Contracts<'_>,
    key: &ModelKey,
    statements: &[Statement],
    proof: &Bytes,
) -> Result<EvmVerification, PipelineError> {
    let values = |statement: &Statement| (statement.context.id(), statement.public_values.as_bytes().clone());
    let answer = match statements {
        [statement] => {
            let (context_id, values) = values(statement);
            contracts.verify(key, context_id, &values, proof)
        }
        batch => {
            let batch: Vec<_> = batch.iter().map(values).collect();
            contracts.verify_batch(key, &batch, proof)
        }
    };
    match answer {
        Ok(verification) => Ok(verification),
        // A contract that calls the proof or the values malformed has not accepted the claim.
        Err(EvmError::Refused { refusal }) => Ok(EvmVerification {
            verdict: Verdict::invalid(refusal.to_string()),
            gas: evm::Gas { transaction: 0, execution: 0 },
        }),
        Err(error) => Err(error.into()),
    }
}
