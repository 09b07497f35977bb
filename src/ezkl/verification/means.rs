//! What bundles are verified with: the artifacts of their model on this machine, or what they carry.

use super::{
    VerificationReport, model_key, parts_of,
    policy::{Mode, Warning},
    run_contracts,
    settle::Finding,
};
use crate::{
    backend::{Control, ProvingBackend, ezkl, native, srs_kind},
    evm::{self, CompiledContract, Contracts, EvmVerification, Page},
    ezkl::{PipelineError, Prepared, carried},
    proof::{Bundle, Statement, bundle::BackendName},
};
use alloy::primitives::{B256, Bytes};
use serde::Serialize;
use std::time::Instant;

/// Where the code and keys came from that a bundle was verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The model's artifacts on this machine.
    Artifacts,
    /// The bundle itself: its model id binds them, and nothing else does.
    Carried,
}

/// A model whose artifacts are here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) backend: &'a dyn ProvingBackend,
    pub(super) prepared: &'a Prepared,
}

impl Known<'_> {
    pub(super) fn model_id(&self) -> B256 {
        self.prepared.artifacts.model_id()
    }

    /// By the backend's verifier, and by the contracts.
    pub(super) fn verify(&self, bundle: &Bundle, control: &Control) -> Result<VerificationReport, PipelineError> {
        control.stage("verify off-chain");
        let start = Instant::now();
        let off_chain = self.backend.verify(&self.prepared.artifacts, bundle.statements(), bundle.proof(), control)?;
        let off_chain_time = start.elapsed();
        control.stage("verify in the embedded EVM");
        let start = Instant::now();
        let embedded_evm = self.embedded(bundle.statements(), bundle.proof())?;
        Ok(VerificationReport {
            statement_ids: bundle.statements().iter().map(Statement::id).collect(),
            model_id: bundle.model_id(),
            off_chain,
            off_chain_time,
            embedded_evm,
            embedded_evm_time: start.elapsed(),
            warnings: self.warnings().iter().map(ToString::to_string).collect(),
            proves: self.backend.capabilities().proves,
        })
    }

    /// Runs adapter and verifier contract; `None` when the model has no contract.
    pub(super) fn embedded(
        &self,
        statements: &[Statement],
        proof: &Bytes,
    ) -> Result<Option<EvmVerification>, PipelineError> {
        let identity = self.prepared.artifacts.identity();
        let (Some(code), Some(adapter)) = (&self.prepared.verifier, evm::artifacts::adapter(identity.adapter_id))
        else {
            return Ok(None);
        };
        let key = model_key(self.model_id(), &parts_of(identity));
        let (adapter, model_code) = (&adapter.deployed_bytecode, Some(&code.runtime_code));
        let page = |page: &CompiledContract| Page { address: page.place(), code: page.runtime_code.clone() };
        let pages: Vec<Page> = code.pages.iter().map(page).collect();
        run_contracts(&Contracts { adapter, model_code, pages: &pages }, &key, statements, proof).map(Some)
    }

    /// From the artifacts and the backend, never from the bundle: nothing binds what a manifest says beside the ids.
    fn warnings(&self) -> Vec<Warning> {
        let (identity, capabilities) = (self.prepared.artifacts.identity(), self.backend.capabilities());
        let has_contracts = self.prepared.verifier.is_some() && evm::artifacts::adapter(identity.adapter_id).is_some();
        let off_chain_only = capabilities.proves && !has_contracts;
        let mock = (!capabilities.proves).then_some(Warning::Mock);
        let found = [
            mock,
            Warning::of_srs(self.prepared.srs),
            off_chain_only.then_some(Warning::OffChainOnly),
            (!capabilities.binds_statement).then_some(Warning::Transferable),
        ];
        found.into_iter().flatten().collect()
    }

    /// What a bundle says of itself against what is known of the model. The model id binds key, schema, SRS and contracts;
    /// the rest of the manifest is bound by nothing and compared here.
    fn refuse(&self, bundle: &Bundle) -> Option<String> {
        let (ours, identity) = (self.model_id(), self.prepared.artifacts.identity());
        let (manifest, capabilities) = (bundle.manifest(), self.backend.capabilities());
        if manifest.backend != identity.backend || manifest.backend != capabilities.backend {
            return Some(other_backend(manifest.backend, capabilities.backend));
        }
        if bundle.model_id() != ours {
            let part = if manifest.vk_digest == identity.vk_digest { "model id" } else { "verifying key" };
            return Some(format!("`model`: the bundle is about {}, not {ours}: another {part}", bundle.model_id()));
        }
        if manifest.test_srs != self.prepared.srs.is_test() {
            return Some(untrue("testSrs", manifest.test_srs));
        }
        (manifest.transferable == capabilities.binds_statement).then(|| untrue("transferable", manifest.transferable))
    }
}

fn other_backend(said: BackendName, verifying: BackendName) -> String {
    format!("`backend`: the bundle is of {said}, and {verifying} verifies")
}

fn untrue(field: &str, said: bool) -> String {
    format!("`{field}`: the bundle says {said}, and {} follows from the model's id", !said)
}

/// What one bundle is verified with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Means<'a> {
    /// Its model's artifacts, or, of a verifier that knows no other, another model's, which refuse it.
    Artifacts(Known<'a>),
    /// What it carries.
    Carried,
}

impl Means<'_> {
    pub(super) const fn source(&self) -> Source {
        match self {
            Self::Artifacts(_) => Source::Artifacts,
            Self::Carried => Source::Carried,
        }
    }

    /// Names and tells apart verdicts that are kept.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Artifacts(known) => {
                let capabilities = known.backend.capabilities();
                format!("{} {}", capabilities.backend, capabilities.version)
            }
            Self::Carried => concat!("carried ", env!("CARGO_PKG_VERSION")).into(),
        }
    }

    pub(super) fn warnings(&self, bundle: &Bundle) -> Vec<Warning> {
        let said = &bundle.manifest().backend_version;
        let (mut warnings, version) = match self {
            Self::Artifacts(known) => (known.warnings(), Some(known.backend.capabilities().version)),
            Self::Carried => (carried_warnings(bundle), version_of(bundle.manifest().backend).map(Into::into)),
        };
        if version.is_some_and(|version| version != *said) {
            warnings.push(Warning::UnknownVersion);
        }
        warnings
    }

    /// Why the bundle is not what it says of itself, before any cryptography.
    pub(super) fn refuse(&self, bundle: &Bundle) -> Option<String> {
        match self {
            Self::Artifacts(known) => known.refuse(bundle),
            Self::Carried => {
                let manifest = bundle.manifest();
                let backend = backend_of(manifest.adapter_id)?;
                if manifest.backend != backend {
                    return Some(other_backend(manifest.backend, backend));
                }
                let untrue_srs = manifest.test_srs != srs_kind(manifest.srs_id).is_test();
                let transferable = backend == BackendName::Ezkl;
                let untrue_transferable = manifest.transferable != transferable;
                untrue_srs
                    .then(|| untrue("testSrs", manifest.test_srs))
                    .or_else(|| untrue_transferable.then(|| untrue("transferable", manifest.transferable)))
                    .or_else(|| carried::refuse_model(bundle))
            }
        }
    }

    /// What cryptography says of one bundle.
    pub(super) fn find(&self, bundle: &Bundle, mode: Mode, control: &Control) -> Result<Finding, PipelineError> {
        match (self, mode) {
            (Self::Artifacts(known), Mode::Contracts) => {
                control.stage("verify in the embedded EVM");
                let start = Instant::now();
                let found = known.embedded(bundle.statements(), bundle.proof())?;
                let adapter = known.prepared.artifacts.identity().adapter_id;
                let found = found.ok_or(PipelineError::NoAdapter(adapter))?;
                Ok(Finding::of_contracts(found, start.elapsed()))
            }
            (Self::Artifacts(known), Mode::Full) => Ok(known.verify(bundle, control)?.into()),
            (Self::Artifacts(known), _) => {
                control.stage("verify off-chain");
                let (start, artifacts) = (Instant::now(), &known.prepared.artifacts);
                let verdict = known.backend.verify(artifacts, bundle.statements(), bundle.proof(), control)?;
                Ok(Finding::off_chain(verdict, start.elapsed()))
            }
            (Self::Carried, Mode::Full) => Ok(carried::verify_carried(bundle, control)?.into()),
            (Self::Carried, Mode::Contracts) => carried::in_evm(bundle, control).map(Into::into),
            (Self::Carried, _) => match carried::off_chain(bundle, control)? {
                Some((verdict, time)) => Ok(Finding::off_chain(verdict, time)),
                None => carried::in_evm(bundle, control).map(Into::into),
            },
        }
    }
}

/// From the ids alone.
fn carried_warnings(bundle: &Bundle) -> Vec<Warning> {
    let backend = backend_of(bundle.manifest().adapter_id);
    let found = [
        (bundle.manifest().backend == BackendName::Mock).then_some(Warning::Mock),
        Warning::of_srs(srs_kind(bundle.manifest().srs_id)),
        (backend == Some(BackendName::Ezkl)).then_some(Warning::Transferable),
        Some(Warning::OwnCode),
        carried::has_unseen_parts(bundle).then_some(Warning::UnseenProgram),
    ];
    found.into_iter().flatten().collect()
}

/// Whose proofs an adapter of this release verifies.
fn backend_of(adapter_id: B256) -> Option<BackendName> {
    if evm::artifacts::is_native_verifier(adapter_id) {
        Some(BackendName::Native)
    } else {
        (adapter_id == evm::artifacts::ezkl_adapter_id()).then_some(BackendName::Ezkl)
    }
}

/// The version that this release knows.
const fn version_of(backend: BackendName) -> Option<&'static str> {
    match backend {
        BackendName::Native => Some(native::VERSION),
        BackendName::Ezkl => Some(ezkl::VERSION),
        _ => None,
    }
}
