//! What an integration is told besides its backend.

use crate::{
    backend::{Capabilities, ProvingBackend},
    ezkl::PipelineError,
};
use std::{fs::File, path::PathBuf};

/// What may be asked for; everything else is the backend's choice.
#[derive(Clone, Debug, Default)]
pub struct IntegrationConfig {
    /// The accelerator that proofs have to use; the CPU when `None`. One that is not there is refused.
    pub accelerator: Option<String>,
    /// A file with a ceremony's SRS.
    pub srs: Option<PathBuf>,
    /// The most constraints that a circuit may have, beside the backend's own limit.
    pub max_constraints: Option<u64>,
    /// The most memory a proof may take, in kB.
    pub memory_limit_kb: Option<u64>,
}

/// Always there.
const CPU: &str = "cpu";

impl IntegrationConfig {
    /// Refuses what the backend or the machine does not have: at start, not at the first proof.
    pub(super) fn check(&self, backend: &dyn ProvingBackend) -> Result<(), PipelineError> {
        let capabilities = backend.capabilities();
        self.check_accelerator(&capabilities)?;
        let Some(path) = &self.srs else { return Ok(()) };
        let missing = |source| PipelineError::MissingSrs { path: path.display().to_string(), source };
        File::open(path).and_then(|file| file.metadata()).map_err(missing)?;
        // Reading one exists in crates/prover; no backend is connected to it.
        let reason = format!("is not supported: the backend {} makes its own TEST SRS", capabilities.backend);
        Err(PipelineError::invalid("srs", reason))
    }

    fn check_accelerator(&self, capabilities: &Capabilities) -> Result<(), PipelineError> {
        let Some(asked) = &self.accelerator else { return Ok(()) };
        let available: Vec<String> = [CPU.to_owned()].into_iter().chain(capabilities.accelerators.clone()).collect();
        if available.iter().any(|name| name.eq_ignore_ascii_case(asked)) {
            return Ok(());
        }
        Err(PipelineError::AcceleratorAbsent { asked: asked.clone(), backend: capabilities.backend, available })
    }
}
