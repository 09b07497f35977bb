//! A backend that counts.

use crate::{
    backend::{
        Artifacts, BackendError, Capabilities, Circuit, Control, Item, Keys, ManyVerdicts, ModelCode, ProvingBackend,
        SampleSecrets, SrsKind, Witness,
    },
    model::{Input, Model},
    proof::{Statement, Verdict},
};
use alloy::primitives::Bytes;
use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

#[derive(Debug)]
pub(super) struct Metered {
    pub(super) inner: Arc<dyn ProvingBackend>,
    pub(super) proofs: AtomicU64,
    pub(super) statements: AtomicU64,
    pub(super) verifications: AtomicU64,
    /// The last compilation and key generation.
    times: Mutex<(Duration, Duration)>,
}

impl Metered {
    pub(super) fn new(inner: Arc<dyn ProvingBackend>) -> Self {
        let zero = AtomicU64::default;
        Self { inner, proofs: zero(), statements: zero(), verifications: zero(), times: Mutex::default() }
    }

    pub(super) fn times(&self) -> (Duration, Duration) {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProvingBackend for Metered {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn max_batch(&self, artifacts: &Artifacts) -> Result<usize, BackendError> {
        self.inner.max_batch(artifacts)
    }

    fn recipe(&self, model: &Model) -> String {
        self.inner.recipe(model)
    }

    fn peak_rss_kb(&self) -> Option<u64> {
        self.inner.peak_rss_kb()
    }

    fn compile(&self, model: &Model, dir: &Path, control: &Control) -> Result<Circuit, BackendError> {
        let start = Instant::now();
        let circuit = self.inner.compile(model, dir, control)?;
        self.times.lock().unwrap_or_else(PoisonError::into_inner).0 = start.elapsed();
        Ok(circuit)
    }

    fn compile_with_less_code(
        &self,
        model: &Model,
        dir: &Path,
        circuit: &Circuit,
        code: (usize, usize),
        control: &Control,
    ) -> Result<Option<Circuit>, BackendError> {
        let start = Instant::now();
        let circuit = self.inner.compile_with_less_code(model, dir, circuit, code, control)?;
        self.times.lock().unwrap_or_else(PoisonError::into_inner).0 += start.elapsed();
        Ok(circuit)
    }

    fn setup(&self, circuit: &Circuit, dir: &Path, control: &Control) -> Result<Keys, BackendError> {
        let start = Instant::now();
        let keys = self.inner.setup(circuit, dir, control)?;
        self.times.lock().unwrap_or_else(PoisonError::into_inner).1 = start.elapsed();
        Ok(keys)
    }

    fn model_code(&self, dir: &Path, control: &Control) -> Result<ModelCode, BackendError> {
        self.inner.model_code(dir, control)
    }

    fn check(&self, artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
        self.inner.check(artifacts)
    }

    fn witness_with(
        &self,
        artifacts: &Artifacts,
        input: &Input,
        secrets: &SampleSecrets,
        control: &Control,
    ) -> Result<Witness, BackendError> {
        self.inner.witness_with(artifacts, input, secrets, control)
    }

    fn witness(&self, artifacts: &Artifacts, input: &Input, control: &Control) -> Result<Witness, BackendError> {
        self.inner.witness(artifacts, input, control)
    }

    fn prove(&self, artifacts: &Artifacts, items: &[Item<'_>], control: &Control) -> Result<Bytes, BackendError> {
        let proof = self.inner.prove(artifacts, items, control)?;
        self.proofs.fetch_add(1, Ordering::Relaxed);
        self.statements.fetch_add(items.len() as u64, Ordering::Relaxed);
        Ok(proof)
    }

    fn verify(
        &self,
        artifacts: &Artifacts,
        statements: &[Statement],
        proof: &Bytes,
        control: &Control,
    ) -> Result<Verdict, BackendError> {
        self.verifications.fetch_add(1, Ordering::Relaxed);
        self.inner.verify(artifacts, statements, proof, control)
    }

    fn verify_many(
        &self,
        artifacts: &Artifacts,
        proofs: &[(&[Statement], &Bytes)],
        control: &Control,
    ) -> Result<ManyVerdicts, BackendError> {
        self.verifications.fetch_add(proofs.len() as u64, Ordering::Relaxed);
        self.inner.verify_many(artifacts, proofs, control)
    }
}
