//! What a chain has to hold of a model, from a bundle or from artifacts.

use super::{Backend, Failure, ModelArgs, choice, context, context::Session, form};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use std::path::PathBuf;
use zkinfer::{
    backend::native,
    chain::Node,
    evm::{
        self, CompiledContract,
        artifacts::{Artifact, is_native_verifier},
    },
    pipeline::{EZKLIntegration, PipelineError, Prepared},
    proof::{
        Bundle,
        bundle::BackendName,
        identity::{ModelParts, model_id, schema_hash},
    },
};

/// Which model: that of a bundle, or as for the other commands.
#[derive(Debug, clap::Args)]
pub(crate) struct EntryArgs {
    /// The model that this bundle is about.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "backend", "calibration", "hide"])]
    bundle: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,
}

/// A model as a chain knows it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) parts: ModelParts,
    pub(crate) schema: Bytes,
    /// The model's own code.
    pub(crate) code: CompiledContract,
}

impl EntryArgs {
    pub(crate) fn read(&self, session: &Session) -> Result<Entry, Failure> {
        match &self.bundle {
            Some(path) => of_bundle(&form::read_bundle(path)?),
            None => {
                let model = context::model(&self.model)?;
                of_artifacts(choice::prepare(&self.model, &model, session)?.prepared)
            }
        }
    }
}

impl Entry {
    pub(crate) fn model_id(&self) -> B256 {
        model_id(&self.parts)
    }

    /// The contract that verifies it together with its own code.
    pub(crate) fn adapter(&self) -> Result<&'static Artifact, Failure> {
        Ok(evm::artifacts::adapter(self.parts.adapter_id).ok_or(PipelineError::NoAdapter(self.parts.adapter_id))?)
    }
}

fn of_bundle(bundle: &Bundle) -> Result<Entry, Failure> {
    refuse_mock(bundle)?;
    let manifest = bundle.manifest();
    refuse_off_chain(manifest.adapter_id)?;
    // No registry sees that schema and key agree.
    if let Some(code) = manifest.model_code.as_ref().filter(|_| is_native_verifier(manifest.adapter_id)) {
        native::check_model(&manifest.model_parts(), code, &[], &manifest.schema)
            .map_err(|reason| Failure::Invalid(format!("INVALID: {reason}")))?;
    }
    let code = match &manifest.model_code {
        Some(code) => CompiledContract::data("ModelCode", code.clone())?,
        None => find(bundle)?.1.verifier.ok_or_else(|| PipelineError::NoModelCode(bundle.model_id()))?,
    };
    Ok(Entry { parts: manifest.model_parts(), schema: manifest.schema.clone(), code })
}

fn of_artifacts(prepared: Prepared) -> Result<Entry, Failure> {
    let identity = prepared.artifacts.identity();
    if identity.backend == BackendName::Mock {
        return Err(Failure::Input("the mock backend proves nothing: no contract verifies for it".into()));
    }
    refuse_off_chain(identity.adapter_id)?;
    let parts = ModelParts {
        adapter_id: identity.adapter_id,
        model_code_hash: identity.model_code_hash,
        vk_digest: identity.vk_digest,
        schema_hash: schema_hash(&identity.schema),
        srs_id: identity.srs_id,
    };
    let schema = identity.schema.clone();
    let code = prepared.verifier.ok_or_else(|| PipelineError::NoModelCode(model_id(&parts)))?;
    Ok(Entry { parts, schema, code })
}

/// Nor does a proof that no contract verifies.
pub(crate) fn refuse_off_chain(adapter_id: B256) -> Result<(), Failure> {
    if adapter_id.is_zero() { Err(PipelineError::NoAdapter(adapter_id).into()) } else { Ok(()) }
}

/// A mock bundle goes to no chain, whatever the chain would say.
pub(crate) fn refuse_mock(bundle: &Bundle) -> Result<(), Failure> {
    if bundle.manifest().backend == BackendName::Mock {
        return Err(Failure::Input("MOCK: a bundle of the mock backend proves nothing, and goes to no chain".into()));
    }
    Ok(())
}

/// The artifacts of a bundle's model on this machine.
pub(crate) fn find(bundle: &Bundle) -> Result<(EZKLIntegration, Prepared), Failure> {
    let backend = match bundle.manifest().backend {
        BackendName::Ezkl => Backend::Ezkl,
        BackendName::Native => Backend::Native,
        _ => Backend::Mock,
    };
    let integration = context::integration(backend)?;
    let prepared = integration.find(bundle.model_id())?;
    Ok((integration, prepared))
}

/// Refuses an address whose code is not the one that the model id names, before anything is sent.
pub(crate) async fn expect_code(node: &Node, what: &str, at: Address, expected: B256) -> Result<(), Failure> {
    let code = node.code(at).await?;
    let found = keccak256(&code);
    match () {
        () if found == expected => Ok(()),
        () if code.is_empty() => Err(Failure::Input(format!("there is no code at {at}, where the {what} should be"))),
        () => {
            Err(Failure::Input(format!("the code at {at} hashes to {found}; the {what} of this model to {expected}")))
        }
    }
}
