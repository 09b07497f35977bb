//! Optimistic checks: what is wrong with the structure is said at once, the cryptography runs in the background.

use super::{
    ProofVerifier,
    check::{Status, Verification},
    policy::{Mode, Policy},
};
use crate::{backend::Control, ezkl::PipelineError, proof::Structure};
use std::thread::{Scope, ScopedJoinHandle};

/// A check whose cryptography is running.
#[derive(Debug)]
#[must_use = "nothing is verified until the cryptography has run: call `wait`"]
pub struct PendingVerification<'scope> {
    known: Verification,
    running: Option<ScopedJoinHandle<'scope, Result<Verification, PipelineError>>>,
}

impl ProofVerifier<'_> {
    /// Checks structure and bindings now and starts the cryptography (of [`Mode::Full`]) on a thread of `scope`, unless
    /// something is wrong already.
    pub fn optimistic<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        structure: &'env Structure,
        policy: &Policy,
        control: &Control,
    ) -> PendingVerification<'scope> {
        let known = self.inspect(structure, &Policy { mode: Mode::Optimistic, ..policy.clone() });
        self.metrics.record(&known);
        if known.status != Status::Pending {
            return PendingVerification { known, running: None };
        }
        let (mut settled, control) = (known.clone(), control.clone());
        let running = scope.spawn(move || {
            let start = std::time::Instant::now();
            self.settle(structure, Mode::Full, &mut settled, &control, &|_| ())?;
            settled.time = start.elapsed();
            self.metrics.record(&settled);
            Ok(settled)
        });
        PendingVerification { known, running: Some(running) }
    }
}

impl PendingVerification<'_> {
    /// What is known without waiting: Pending, or what is wrong with the structure.
    pub const fn now(&self) -> &Verification {
        &self.known
    }

    /// Whether the cryptography has run, or need not run.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.running.as_ref().is_none_or(ScopedJoinHandle::is_finished)
    }

    /// Waits for the cryptography.
    ///
    /// # Errors
    /// [`PipelineError`] when no verdict was reached; the check then stays Pending for ever.
    pub fn wait(self) -> Result<Verification, PipelineError> {
        match self.running {
            None => Ok(self.known),
            Some(running) => match running.join() {
                Ok(settled) => settled,
                // A panic is a defect and goes on where it is noticed.
                Err(panic) => std::panic::resume_unwind(panic),
            },
        }
    }
}
