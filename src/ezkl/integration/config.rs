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
    /// The file with a ceremony's SRS that the backend was told to use: it has to be there now, not at the first setup.
    pub srs: Option<PathBuf>,
    /// The most constraints that a circuit may have, beside the backend's own limit.
    pub max_constraints: Option<u64>,
    /// The most bytes of code that a generated verifier may have, where the chain deploys fewer than
    /// EIP-170's 24,576. Another limit can be another circuit.
    pub max_code_bytes: Option<usize>,
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
        // Whether it fits is the backend's to say, which reads it.
        File::open(path).and_then(|file| file.metadata()).map(drop).map_err(missing)
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
