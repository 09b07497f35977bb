//! Answering with a model, and proving the answers. Works with every backend.
//!
//! **What is proven is what was answered**: an answer is read from the public values of the very witness that is then
//! proven, never computed beside it. How far it is from the floating-point model is measured for every answer.

mod answer;
mod background;
mod error;
pub mod text;

pub use answer::{Answer, AnswerTensor, Distance};
pub use background::{ProofHandle, ProofState};
pub use error::InferenceError;

use crate::{
    backend::{Control, Witness},
    ezkl::{EZKLIntegration, Prepared, ProofGenerator},
    index::{Annotation, Indexer},
    model::{Input, Model},
    proof::{Bundle, Context},
};
use background::{Job, Slot, Slots};
use std::{sync::Arc, time::Duration};

/// A model that answers and proves. Cheap to clone; clones share the bound on background proofs.
#[derive(Clone, Debug)]
pub struct InferenceEngine {
    shared: Arc<Shared>,
    /// What proofs are given to, and what is noted of them.
    indexer: Option<Arc<Indexer>>,
    annotation: Arc<Annotation>,
}

#[derive(Debug)]
struct Shared {
    model: Model,
    integration: EZKLIntegration,
    prepared: Prepared,
    options: EngineOptions,
    slots: Slots,
}

/// How an engine answers and proves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EngineOptions {
    /// The largest admitted difference between a number of an answer and that of the floating-point model, in the units
    /// of the output. `None` measures without refusing.
    pub max_distance: Option<f64>,
    /// How many proofs may be in the making in the background; more are refused with [`InferenceError::Busy`].
    pub max_background: usize,
    /// How long one request to the backend may take in the background.
    pub time_limit: Duration,
}

impl Default for EngineOptions {
    /// No bound on the distance, four proofs in the background, half an hour each.
    fn default() -> Self {
        Self { max_distance: None, max_background: 4, time_limit: Control::DEFAULT_TIME_LIMIT }
    }
}

impl InferenceEngine {
    /// Gets the model's artifacts ready: found in the integration's cache, or built, which may take long.
    ///
    /// # Errors
    /// [`InferenceError::Pipeline`]; [`InferenceError::Options`] when the bound on the distance is negative or no number.
    pub fn new(
        model: Model,
        integration: EZKLIntegration,
        options: EngineOptions,
        control: &Control,
    ) -> Result<Self, InferenceError> {
        if options.max_distance.is_some_and(|limit| limit.is_nan() || limit < 0.0) {
            return Err(InferenceError::Options("the largest distance has to be 0 or more".into()));
        }
        let prepared = integration.prepare(&model, control)?;
        let slots = Slots::new(options.max_background);
        let shared = Arc::new(Shared { model, integration, prepared, options, slots });
        Ok(Self { shared, indexer: None, annotation: Arc::default() })
    }

    /// The same engine, which gives every proof that it makes to an index. Nothing waits for the index, and nothing that goes wrong
    /// with it shows here: see [`Indexer::watch`] and [`Indexer::stats`].
    #[must_use]
    pub fn indexed_by(&self, indexer: Arc<Indexer>) -> Self {
        Self { indexer: Some(indexer), ..self.clone() }
    }

    /// The same engine, whose proofs are entered with these notes: words, labels, an embedding of the input. For one request as
    /// for many: the engine is cheap to clone.
    #[must_use]
    pub fn noting(&self, annotation: impl Into<Annotation>) -> Self {
        Self { annotation: Arc::new(annotation.into()), ..self.clone() }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.shared.model
    }

    /// Its artifacts, such as a verifier needs.
    #[must_use]
    pub fn prepared(&self) -> &Prepared {
        &self.shared.prepared
    }

    /// The backend with its cache.
    #[must_use]
    pub fn integration(&self) -> &EZKLIntegration {
        &self.shared.integration
    }

    /// How many proofs are in the making in the background.
    #[must_use]
    pub fn background(&self) -> usize {
        self.shared.slots.taken()
    }

    /// Answers: what the circuit says, and what the floating-point model says. Nothing is proven.
    ///
    /// # Errors
    /// [`InferenceError`]; an input that the circuit does not admit, and an answer too far from the floating-point
    /// model's, are the input's fault ([`FailureClass::BadInput`](crate::FailureClass::BadInput)).
    pub fn run(&self, input: &Input, control: &Control) -> Result<Answer, InferenceError> {
        self.shared.answer(input, control).map(|(answer, _)| answer)
    }

    /// Answers, proves the answer for a context, and returns both. The proof has been verified.
    ///
    /// # Errors
    /// [`InferenceError`].
    pub fn run_with_proof(
        &self,
        input: &Input,
        context: Context,
        control: &Control,
    ) -> Result<(Answer, Bundle), InferenceError> {
        let (answer, witness) = self.shared.answer(input, control)?;
        let bundle = self.shared.prove(&witness, context, control)?;
        enter(self.indexer.as_deref(), &bundle, &self.annotation);
        Ok((answer, bundle))
    }

    /// Answers, and proves the answer in the background. `control` is obeyed while the answer is computed; the proof is
    /// stopped through its handle.
    ///
    /// # Errors
    /// [`InferenceError::Busy`] before anything is computed when too many proofs are in the making; others of
    /// [`InferenceError`]. What goes wrong with the proof is the handle's to say.
    pub fn run_then_prove(
        &self,
        input: &Input,
        context: Context,
        control: &Control,
    ) -> Result<(Answer, ProofHandle), InferenceError> {
        let slot = self.shared.slots.take()?;
        let (answer, witness) = self.shared.answer(input, control)?;
        let handle = self.spawn(slot, witness, context)?;
        Ok((answer, handle))
    }

    fn spawn(&self, slot: Slot, witness: Witness, context: Context) -> Result<ProofHandle, InferenceError> {
        let control = Control::default().with_time_limit(self.shared.options.time_limit);
        let (shared, cancel, of_job) = (self.shared.clone(), control.cancel.clone(), control);
        let (indexer, annotation) = (self.indexer.clone(), self.annotation.clone());
        let work: Job = Box::new(move || {
            let bundle = shared.prove(&witness, context, &of_job)?;
            enter(indexer.as_deref(), &bundle, &annotation);
            Ok(bundle)
        });
        background::spawn(slot, cancel, work)
    }
}

/// Gives a proof to the index, if there is one.
fn enter(indexer: Option<&Indexer>, bundle: &Bundle, annotation: &Arc<Annotation>) {
    if let Some(indexer) = indexer {
        indexer.enter(bundle.clone(), annotation.clone());
    }
}

impl Shared {
    /// The answer, and the witness that it was read from.
    fn answer(&self, input: &Input, control: &Control) -> Result<(Answer, Witness), InferenceError> {
        let float = self.model.run(input).map_err(crate::ezkl::PipelineError::from)?;
        let witness = self.generator().witness(input, control)?;
        let schema = self.prepared.artifacts.schema().map_err(crate::ezkl::PipelineError::from)?;
        let answer = Answer::read(&schema, &witness.public_values, witness.opening(), float)?;
        if let Some(limit) = self.options.max_distance {
            answer.check_distance(limit)?;
        }
        Ok((answer, witness))
    }

    fn prove(&self, witness: &Witness, context: Context, control: &Control) -> Result<Bundle, InferenceError> {
        Ok(self.generator().prove(witness, context, control)?)
    }

    fn generator(&self) -> ProofGenerator<'_> {
        ProofGenerator::new(self.integration.backend(), &self.prepared)
    }
}
