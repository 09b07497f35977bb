//! The answer in chunks, before it is proven, and the record that says which chunks they were.

use super::{ProofGenerator, ProofRequest, ProofResponse, request::Hasher};
use crate::{
    backend::{Control, SampleSecrets},
    ezkl::PipelineError,
    proof::{Bundle, Schema, schema::Direction},
};
use alloy::primitives::{B256, I256};
use serde::{Deserialize, Serialize};

/// A part of the outputs, in the integers that are proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputChunk {
    /// From 0.
    pub index: usize,
    /// How many there will be.
    pub total: usize,
    /// Consecutive elements of the output tensors, one tensor after the other.
    pub elements: Vec<I256>,
}

/// What was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Streamed {
    /// How many chunks.
    pub chunks: usize,
    /// How many elements in all.
    pub elements: usize,
    /// Over the chunks in order.
    pub digest: B256,
}

impl Streamed {
    /// The record of some chunks.
    #[must_use]
    pub fn of(chunks: &[OutputChunk]) -> Self {
        let mut hasher = Hasher::new("zkinfer output chunks v1");
        for chunk in chunks {
            hasher.number(chunk.index as u64);
            hasher.number(chunk.elements.len() as u64);
            chunk.elements.iter().for_each(|element| hasher.bytes(&element.to_be_bytes::<32>()));
        }
        let elements = chunks.iter().map(|chunk| chunk.elements.len()).sum();
        Self { chunks: chunks.len(), elements, digest: hasher.finish() }
    }

    /// Whether these are the chunks of the record and, put together, the outputs that the bundle proves.
    ///
    /// # Errors
    /// None for a bundle that exists: its public values were read when it was made.
    pub fn matches(&self, chunks: &[OutputChunk], bundle: &Bundle) -> Result<bool, PipelineError> {
        let given: Vec<I256> = chunks.iter().flat_map(|chunk| chunk.elements.iter().copied()).collect();
        let values = bundle.schema()?.decode(&bundle.statement().public_values)?;
        Ok(*self == Self::of(chunks) && given == outputs(&bundle.schema()?, values))
    }
}

/// The elements of all output tensors.
fn outputs(schema: &Schema, values: Vec<Vec<I256>>) -> Vec<I256> {
    schema
        .public_tensors()
        .zip(values)
        .filter(|(tensor, _)| tensor.direction == Direction::Output)
        .flat_map(|(_, v)| v)
        .collect()
}

impl ProofGenerator<'_> {
    /// Runs the model, hands the answer out in chunks of at most `chunk` elements, then proves that very answer. The
    /// metadata records the chunks.
    ///
    /// # Errors
    /// [`PipelineError`]; [`PipelineError::InvalidInput`] when `chunk` is 0. The chunks that were handed out before an
    /// error are proven by nothing. Of a model that hides its outputs there are no chunks.
    pub fn generate_streaming(
        &self,
        request: &ProofRequest,
        chunk: usize,
        mut receive: impl FnMut(&OutputChunk),
        control: &Control,
    ) -> Result<ProofResponse, PipelineError> {
        if chunk == 0 {
            return Err(PipelineError::invalid("chunk", "is 0"));
        }
        self.generate_with(request, &SampleSecrets::default(), control, |schema, witness| {
            let elements = outputs(schema, schema.decode(&witness.public_values)?);
            let total = elements.len().div_ceil(chunk);
            let chunks: Vec<OutputChunk> = elements
                .chunks(chunk)
                .enumerate()
                .map(|(index, elements)| OutputChunk { index, total, elements: elements.to_vec() })
                .collect();
            chunks.iter().for_each(&mut receive);
            Ok(Some(Streamed::of(&chunks)))
        })
    }
}
