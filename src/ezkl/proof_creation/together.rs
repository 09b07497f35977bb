//! Several requests, one proof.

use super::{Meter, ProofGenerator, ProofMetadata, ProofMetrics, ProofRequest};
use crate::{
    backend::{BackendError, Control, Opening, Witness},
    ezkl::{PipelineError, batch_proofs::BatchCircuit},
    model::Input,
    proof::Bundle,
};

/// One proof of several requests, with what is known about it.
#[derive(Clone, Debug)]
pub struct TogetherResponse {
    /// The proof, verified. A statement for every request, in their order; in a circuit that takes several inputs, one
    /// statement about all of them.
    pub bundle: Bundle,
    /// What opens the tensors that the model hides, statement by statement; empty when it hides none. Secret, and kept
    /// nowhere else.
    pub openings: Vec<Opening>,
    /// What it is of, request by request.
    pub metadata: Vec<ProofMetadata>,
    /// What it took, for all together.
    pub metrics: ProofMetrics,
    /// Places of the circuit that were filled up with zeros: none unless it takes several inputs.
    pub padding: usize,
}

impl ProofGenerator<'_> {
    /// How many requests one proof takes: as many as the backend can, or as the circuit has places.
    ///
    /// # Errors
    /// [`PipelineError`] when the artifacts cannot be read.
    pub fn capacity(&self) -> Result<usize, PipelineError> {
        let circuit = BatchCircuit::of(self.prepared)?;
        match circuit {
            Some(circuit) => Ok(circuit.size()),
            None => Ok(self.backend.max_batch(&self.prepared.artifacts)?),
        }
    }

    /// Runs and proves several requests with one proof: by the backend, or in a circuit that takes several inputs, whose
    /// last places are filled up with zeros. Their inputs are those of one inference each.
    ///
    /// # Errors
    /// [`PipelineError::Request`] names the request that is to blame, if there are several;
    /// [`BackendError::BatchSize`] when there are none, or more than [`ProofGenerator::capacity`].
    pub fn generate_together(
        &self,
        requests: &[ProofRequest],
        control: &Control,
    ) -> Result<TogetherResponse, PipelineError> {
        let mut meter = Meter::start();
        let (circuit, max) = (BatchCircuit::of(self.prepared)?, self.capacity()?);
        let Some(first) = requests.first().filter(|_| requests.len() <= max) else {
            return Err(BackendError::BatchSize { items: requests.len(), max }.into());
        };
        let of = |at: usize, source: PipelineError| match requests.len() {
            1 => source,
            _ => PipelineError::Request { index: at, source: Box::new(source) },
        };
        for (at, request) in requests.iter().enumerate() {
            self.check(request).map_err(|error| of(at, error))?;
        }
        let padding = circuit.as_ref().map_or(0, |circuit| circuit.size() - requests.len());
        let (bundle, witnesses) = if let Some(circuit) = &circuit {
            if let Some(other) = requests.iter().position(|request| request.context != first.context) {
                return Err(of(
                    other,
                    PipelineError::invalid("context", "is not that of the first: there is one statement"),
                ));
            }
            let inputs: Vec<Input> = requests.iter().map(|request| request.input.clone()).collect();
            let witness = meter.witness(|| self.witness(&circuit.assemble(&inputs)?, control))?;
            self.check_places(circuit, &witness, &inputs)?;
            (meter.proof(|| self.prove(&witness, first.context, control))?, vec![witness])
        } else {
            let run = |(at, request): (usize, &ProofRequest)| {
                control.stage(&format!("witness {} of {}", at + 1, requests.len()));
                self.witness(&request.input, control).map_err(|error| of(at, error))
            };
            let witnesses: Vec<Witness> =
                meter.witness(|| requests.iter().enumerate().map(run).collect::<Result<_, _>>())?;
            let runs: Vec<_> = witnesses.iter().zip(requests.iter().map(|request| request.context)).collect();
            (meter.proof(|| self.prove_batch(&runs, control))?, witnesses)
        };
        let schema = self.prepared.artifacts.schema()?;
        let statements = bundle.statements().iter().chain(std::iter::repeat(bundle.statement()));
        let metadata = requests
            .iter()
            .zip(statements)
            .map(|(request, statement)| self.metadata(request, &schema, &bundle, statement, None))
            .collect::<Result<_, _>>()?;
        let openings = witnesses.iter().filter_map(|witness| witness.opening().cloned()).collect();
        let metrics = meter.finish(self.backend.peak_rss_kb());
        Ok(TogetherResponse { bundle, openings, metadata, metrics, padding })
    }
}
