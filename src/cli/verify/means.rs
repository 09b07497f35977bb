//! The artifacts of the models that a file is about, as far as they are here.

use super::Args;
use crate::cli::{Backend, Failure, context, context::Session};
use alloy::primitives::B256;
use zkinfer::{
    backend::BackendError,
    pipeline::{EZKLIntegration, PipelineError, Prepared, ProofVerifier},
    proof::{Bundle, Structure, bundle::BackendName},
};

/// What is there of the models, each with the place of its backend.
pub(super) struct Known {
    integrations: Vec<(Backend, EZKLIntegration)>,
    models: Vec<(usize, Prepared)>,
}

impl Known {
    /// Looks for every model of a structure. One that is not here, and whose bundles all carry what verifying them needs,
    /// is left out.
    pub(super) fn find(args: &Args, structure: &Structure, session: &Session) -> Result<Self, Failure> {
        let mut known = Self { integrations: Vec::new(), models: Vec::new() };
        let mut seen: Vec<B256> = Vec::new();
        let bundles = structure.bundles();
        for bundle in &bundles {
            let model_id = bundle.model_id();
            if seen.contains(&model_id) {
                continue;
            }
            seen.push(model_id);
            let of_model = |other: &&&Bundle| other.model_id() == model_id;
            let carried = bundles.iter().filter(of_model).all(|bundle| bundle.manifest().model_code.is_some());
            let backend = match bundle.manifest().backend {
                BackendName::Ezkl => Backend::Ezkl,
                BackendName::Native => Backend::Native,
                // Refused by the policy, whatever is here.
                _ => continue,
            };
            if args.model.is_some() || !(carried && args.evm) {
                known.look_for(args, backend, model_id, carried, session)?;
            }
        }
        Ok(known)
    }

    fn look_for(
        &mut self,
        args: &Args,
        backend: Backend,
        model_id: B256,
        carried: bool,
        session: &Session,
    ) -> Result<(), Failure> {
        let found = self.integration(backend).and_then(|at| {
            let prepared = prepared(args, backend, model_id, &self.integrations[at].1, session)?;
            Ok((at, prepared))
        });
        match found {
            Ok(found) => {
                self.models.push(found);
                Ok(())
            }
            Err(Failure::Pipeline(
                PipelineError::UnknownModel(_)
                | PipelineError::Backend(BackendError::NotInstalled { .. })
                // No cache, or one that cannot be read: the bundle has what it takes.
                | PipelineError::Storage(_),
            )) if args.model.is_none() && carried => Ok(()),
            // They cannot be built again: every setup has a secret of its own, hence another id.
            Err(Failure::Pipeline(PipelineError::UnknownModel(id))) if backend == Backend::Native => {
                Err(Failure::Input(format!(
                    "there are no artifacts of the native model {id} on this machine, where it has to be verified"
                )))
            }
            Err(error) => Err(error),
        }
    }

    /// The place of a backend, which is begun when it is first needed.
    fn integration(&mut self, backend: Backend) -> Result<usize, Failure> {
        if let Some(at) = self.integrations.iter().position(|(other, _)| *other == backend) {
            return Ok(at);
        }
        self.integrations.push((backend, context::integration(backend)?));
        Ok(self.integrations.len() - 1)
    }

    /// Verifies with what is here, and other models with what their bundles carry.
    pub(super) fn verifier(&self) -> ProofVerifier<'_> {
        self.models.iter().fold(ProofVerifier::carried(), |verifier, (at, prepared)| {
            verifier.with_model(self.integrations[*at].1.backend(), prepared)
        })
    }
}

fn prepared(
    args: &Args,
    backend: Backend,
    model_id: B256,
    integration: &EZKLIntegration,
    session: &Session,
) -> Result<Prepared, Failure> {
    let prepared = match &args.model {
        Some(path) if backend == Backend::Ezkl => {
            let model = args.dims.read(path)?;
            // Artifacts that were made with other options than the default are found, not made.
            match integration.find(model_id) {
                Ok(found) if found.artifacts.are_made_from(&model.hash()) => found,
                _ => integration.prepare(&model, session.control())?,
            }
        }
        _ => integration.find(model_id)?,
    };
    let found = prepared.artifacts.model_id();
    if found != model_id {
        return Err(PipelineError::OtherModel { expected: model_id, found }.into());
    }
    match &args.model {
        Some(path) if !prepared.artifacts.are_made_from(&args.dims.read_quietly(path)?.hash()) => {
            Err(Failure::Input(format!("the bundle is about another model than {}", path.display())))
        }
        _ => Ok(prepared),
    }
}
