//! Incremental proofs: a chain of inferences, each on the answer of the one before, every one proven.

use super::{ProofGenerator, ProofMetadata, ProofRequest};
use crate::{
    backend::{Control, Opening, SampleSecrets},
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
    /// One per step, if the model hides a side.
    openings: Vec<Opening>,
    last: Option<ProofMetadata>,
    status: IncrementalStatus,
}

/// A chain that is complete.
#[derive(Clone, Debug)]
pub struct IncrementalResult {
    /// The chain: an aggregated structure that claims its links, which a verifier checks.
    pub structure: Structure,
    /// What opens the hidden tensors of every step, in order; empty when there are none. Secret, and kept nowhere else.
    pub openings: Vec<Opening>,
    /// Of the last step, with the number of steps.
    pub metadata: ProofMetadata,
}

impl<'a> IncrementalProof<'a> {
    pub(super) const fn new(generator: &'a ProofGenerator<'a>, request: ProofRequest) -> Self {
        Self {
            request,
            generator,
            bundles: Vec::new(),
            openings: Vec::new(),
            last: None,
            status: IncrementalStatus::InProgress,
        }
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

    /// Proves the next step: the first on the request's input, every other on the answer of the one before. A hidden
    /// answer is carried over with its secret, so that the next step commits to it by the same point.
    ///
    /// # Errors
    /// [`PipelineError`]; the chain is then as long as before. [`PipelineError::Cancelled`] after
    /// [`IncrementalProof::cancel`].
    pub fn step(&mut self, control: &Control) -> Result<&Bundle, PipelineError> {
        self.expect_in_progress()?;
        let (mut request, mut secrets) = (self.request.clone(), SampleSecrets::default());
        if let Some(before) = self.bundles.last() {
            let (numbers, carried) = links::next_input(before, self.openings.last())?;
            (request.input, secrets) = (Input::new(numbers)?, carried);
        }
        let response = self.generator.generate_with(&request, &secrets, control, |_, _| Ok(None))?;
        if let Some(before) = self.bundles.last() {
            // What a verifier will check. It fails when the answer is outside what the model takes as input.
            links::check(before, &response.bundle).map_err(|reason| {
                PipelineError::invalid("input", format!("does not follow the step before: {reason}"))
            })?;
        }
        self.last = Some(response.metadata);
        self.bundles.push(response.bundle);
        self.openings.extend(response.opening);
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
        Ok(IncrementalResult {
            structure,
            openings: self.openings,
            metadata: ProofMetadata { steps: Some(steps), ..last }.sealed(),
        })
    }

    const fn expect_in_progress(&self) -> Result<(), PipelineError> {
        match self.status {
            IncrementalStatus::InProgress => Ok(()),
            IncrementalStatus::Cancelled => Err(PipelineError::Cancelled { what: "the incremental proof" }),
        }
    }
}
