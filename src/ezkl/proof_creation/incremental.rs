//! Incremental proofs: a chain of inferences, each on the answer of the one before, every one proven.

use super::{ProofGenerator, ProofMetadata, ProofRequest};
use crate::{
    backend::Control,
    ezkl::{PipelineError, links},
    model::Input,
    proof::{Aggregated, Bundle, Structure},
};

/// Where an incremental proof stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncrementalStatus {
    /// Takes steps.
    InProgress,
    /// Gave up: no step, no result.
    Cancelled,
}

/// A chain that grows.
#[derive(Debug)]
pub struct IncrementalProof<'a> {
    request: ProofRequest,
    generator: &'a ProofGenerator<'a>,
    bundles: Vec<Bundle>,
    last: Option<ProofMetadata>,
    status: IncrementalStatus,
}

/// A chain that is complete.
#[derive(Clone, Debug)]
pub struct IncrementalResult {
    /// The chain: an aggregated structure that claims its links, which a verifier checks.
    pub structure: Structure,
    /// Of the last step, with the number of steps.
    pub metadata: ProofMetadata,
}

impl<'a> IncrementalProof<'a> {
    pub(super) const fn new(generator: &'a ProofGenerator<'a>, request: ProofRequest) -> Self {
        Self { request, generator, bundles: Vec::new(), last: None, status: IncrementalStatus::InProgress }
    }

    /// Where it stands.
    #[must_use]
    pub const fn status(&self) -> IncrementalStatus {
        self.status
    }

    /// How many steps are proven.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.bundles.len()
    }

    /// Proves the next step: the first on the request's input, every other on the answer of the one before.
    ///
    /// # Errors
    /// [`PipelineError`]; the chain is then as long as before. [`PipelineError::Cancelled`] after
    /// [`IncrementalProof::cancel`].
    pub fn step(&mut self, control: &Control) -> Result<&Bundle, PipelineError> {
        self.expect_in_progress()?;
        let mut request = self.request.clone();
        if let Some(before) = self.bundles.last() {
            request.input = Input::new(links::next_input(before)?)?;
        }
        let response = self.generator.generate(&request, control)?;
        if let Some(before) = self.bundles.last() {
            // What a verifier will check. It fails when the answer is outside what the model takes as input.
            links::check(before, &response.bundle).map_err(|reason| {
                PipelineError::invalid("input", format!("does not follow the step before: {reason}"))
            })?;
        }
        self.last = Some(response.metadata);
        self.bundles.push(response.bundle);
        self.bundles.last().ok_or_else(|| PipelineError::invalid("steps", "are none"))
    }

    /// Gives up. What is proven stays proven, and no chain comes of it.
    pub const fn cancel(&mut self) {
        self.status = IncrementalStatus::Cancelled;
    }

    /// The chain.
    ///
    /// # Errors
    /// [`PipelineError::Cancelled`] after [`IncrementalProof::cancel`]; [`PipelineError::InvalidInput`] when there is no
    /// step; [`PipelineError::Structure`] when there are too many.
    pub fn finalize(self) -> Result<IncrementalResult, PipelineError> {
        self.expect_in_progress()?;
        let Some(last) = self.last else {
            return Err(PipelineError::invalid("steps", "are none: nothing was proven"));
        };
        let steps = self.bundles.len();
        let structure = Structure::Aggregated(Aggregated::chain(self.bundles)?);
        Ok(IncrementalResult { structure, metadata: ProofMetadata { steps: Some(steps), ..last }.sealed() })
    }

    const fn expect_in_progress(&self) -> Result<(), PipelineError> {
        match self.status {
            IncrementalStatus::InProgress => Ok(()),
            IncrementalStatus::Cancelled => Err(PipelineError::Cancelled { what: "the incremental proof" }),
        }
    }
}
