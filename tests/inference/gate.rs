//! A backend that waits at the proof until it is let through, or panics there. For everything else it is another one.

use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use zkinfer::{
    backend::{
        Artifacts, BackendError, Capabilities, Circuit, Control, Item, Keys, ModelCode, ProvingBackend, SrsKind,
        Witness, native::NativeBackend,
    },
    model::{Input, Model},
    proof::{Statement, Verdict},
};

use alloy::primitives::Bytes;

#[derive(Debug, Default)]
pub(crate) struct Gated {
    inner: NativeBackend,
    gate: Mutex<Gate>,
    changed: Condvar,
    witnesses: AtomicUsize,
}

#[derive(Debug, Default)]
struct Gate {
    waiting: usize,
    open: bool,
    panics: bool,
}

impl Gated {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Lets all proofs through, now and later.
    pub(crate) fn open(&self) {
        self.gate.lock().unwrap().open = true;
        self.changed.notify_all();
    }

    pub(crate) fn panic_at_the_proof(&self) {
        let mut gate = self.gate.lock().unwrap();
        (gate.open, gate.panics) = (true, true);
    }

    pub(crate) fn work_again(&self) {
        self.gate.lock().unwrap().panics = false;
    }

    /// Returns when so many proofs wait at the gate.
    pub(crate) fn wait_for(&self, proofs: usize) {
        let gate = self.gate.lock().unwrap();
        drop(self.changed.wait_while(gate, |gate| gate.waiting < proofs).unwrap());
    }

    pub(crate) fn witnesses(&self) -> usize {
        self.witnesses.load(Ordering::Relaxed)
    }
}

impl ProvingBackend for Gated {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn peak_rss_kb(&self) -> Option<u64> {
        self.inner.peak_rss_kb()
    }

    fn compile(&self, model: &Model, dir: &Path, control: &Control) -> Result<Circuit, BackendError> {
        self.inner.compile(model, dir, control)
    }

    fn setup(&self, circuit: &Circuit, dir: &Path, control: &Control) -> Result<Keys, BackendError> {
        self.inner.setup(circuit, dir, control)
    }

    fn model_code(&self, dir: &Path, control: &Control) -> Result<ModelCode, BackendError> {
        self.inner.model_code(dir, control)
    }

    fn check(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
        self.inner.check(artifacts)
    }

    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError> {
        self.witnesses.fetch_add(1, Ordering::Relaxed);
        self.inner.witness(artifacts, input, control)
    }

    fn prove(&self, artifacts: &Artifacts, items: &[Item<'_>], control: &Control) -> Result<Bytes, BackendError> {
        let mut gate = self.gate.lock().unwrap();
        gate.waiting += 1;
        self.changed.notify_all();
        gate = self.changed.wait_while(gate, |gate| !gate.open).unwrap();
        gate.waiting -= 1;
        let panics = gate.panics;
        drop(gate);
        assert!(!panics, "the gate fell down");
        self.inner.prove(artifacts, items, control)
    }

    fn verify(
        &self,
        artifacts: &Artifacts,
        statements: &[Statement],
        proof: &Bytes,
        control: &Control,
    ) -> Result<Verdict, BackendError> {
        self.inner.verify(artifacts, statements, proof, control)
    }
}
