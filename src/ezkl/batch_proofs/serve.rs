//! A queue that is served while it is filled.

use super::{BatchItem, BatchProofGenerator, ItemReport, Outcome, RequestQueue};
use crate::backend::Control;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

impl BatchProofGenerator<'_> {
    /// Proves what is in the queue, most urgent first, until it is closed and empty, with the configuration's workers. Every
    /// item is reported to `done` by the worker that had it; after a cancellation all that are left are reported as cancelled.
    /// Items are independent: nothing is aggregated, deduplicated or recorded. Returns how many were served.
    pub fn serve(
        &self,
        queue: &RequestQueue<BatchItem>,
        done: &(dyn Fn(ItemReport) + Sync),
        control: &Control,
    ) -> usize {
        let served = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..self.config.workers() {
                scope.spawn(|| {
                    while let Some(item) = queue.pop_or_wait() {
                        let index = served.fetch_add(1, Ordering::Relaxed);
                        let outcome = self.serve_one(&item, control);
                        done(ItemReport { index, id: item.id, outcome });
                    }
                });
            }
        });
        served.into_inner()
    }

    fn serve_one(&self, item: &BatchItem, control: &Control) -> Outcome {
        if control.cancel.is_cancelled() {
            return Outcome::Cancelled;
        }
        match self.generator.generate(&item.request, control) {
            Ok(response) => {
                Outcome::Proven { bundle: Arc::new(response.bundle), statement: 0, slot: None, recovered: false }
            }
            Err(error) => Outcome::of_error(&error),
        }
    }
}
