//! What an integration is, can and has done.

use super::Prepared;
use crate::{
    backend::ezkl::SUPPORTED_OPERATORS,
    ezkl::PipelineError,
    model::Model,
    proof::{
        bundle::BackendName,
        schema::{Direction, Visibility},
    },
};
use alloy::primitives::B256;
use serde::Serialize;
use std::{collections::BTreeSet, time::Duration};
use zkinfer_prover::circuit::shape::MAX_VARIABLES;

/// ONNX operators that the native backend lowers (`model::lower`).
const NATIVE: [&str; 16] = [
    "Add",
    "BatchNormalization",
    "Clip",
    "Constant",
    "Div",
    "Dropout",
    "Flatten",
    "Gemm",
    "Identity",
    "MatMul",
    "Mul",
    "Relu",
    "Reshape",
    "Squeeze",
    "Sub",
    "Unsqueeze",
];
/// EZKL's largest circuit is 2^26 rows.
const EZKL_ROWS: u64 = 1 << 26;

/// What a backend is and takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackendInfo {
    /// Its name.
    pub backend: BackendName,
    /// Its version.
    pub version: String,
    /// The most constraints of a circuit, as [`CircuitInfo::constraints`] counts them.
    pub max_constraints: u64,
    /// ONNX operators, sorted. That each is taken does not mean that every combination is.
    pub operators: Vec<&'static str>,
    /// Statements in one proof.
    pub max_batch: usize,
    /// Accelerators in use beside the CPU.
    pub accelerators: Vec<String>,
}

/// Where an integration stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntegrationStatus {
    /// Whether it takes requests: what it needs was there when it was made, and its cache can be used now.
    pub ready: bool,
    /// Why not.
    pub problem: Option<String>,
    /// Artifacts of this backend in the cache.
    pub cached_circuits: usize,
}

/// What was measured so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResourceMetrics {
    /// The backend's largest resident set, if it measures it: of what witnesses and proves.
    pub peak_rss_kb: Option<u64>,
    /// Wall time of the last compilation; zero when everything was in the cache.
    pub compile: Duration,
    /// Wall time of the last key generation.
    pub setup: Duration,
    /// Circuits that were built, not found.
    pub builds: u64,
    /// Artifacts of this backend in the cache.
    pub cached_circuits: usize,
    /// Proofs that were made through [`super::EZKLIntegration::backend`].
    pub proofs: u64,
    /// Their statements.
    pub proven_statements: u64,
    /// Verifications through it.
    pub verifications: u64,
}

/// Whether a backend can prove a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compatibility {
    /// Whether all operators are known. The combination of them is only known once it is compiled.
    pub supported: bool,
    /// Every operator that is not, sorted.
    pub unsupported: Vec<String>,
}

impl Compatibility {
    /// Compares the operators of a model's canonical graph with those that a backend knows.
    #[must_use]
    pub fn of(model: &Model, backend: BackendName) -> Self {
        let known = operators(backend);
        // Of the canonical graph: what was only about shapes, or a sum of others, is not there any more.
        let used: BTreeSet<&str> = model.graph().nodes().iter().map(|node| node.operator.name()).collect();
        let unsupported: Vec<String> =
            used.into_iter().filter(|name| !known.contains(name)).map(str::to_owned).collect();
        Self { supported: unsupported.is_empty(), unsupported }
    }
}

/// A compiled circuit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CircuitInfo {
    /// The model's id.
    pub model_id: B256,
    /// EZKL: rows. Native: evaluation points of the relation for one statement. Mock: public values.
    pub constraints: u64,
    /// The most that the backend takes.
    pub max_constraints: u64,
    /// Name and visibility of every input.
    pub inputs: Vec<(String, Visibility)>,
    /// Name and visibility of every output.
    pub outputs: Vec<(String, Visibility)>,
    /// Bytes of the proving key.
    pub proving_key_bytes: u64,
    /// Bytes of the verifying key.
    pub verifying_key_bytes: u64,
}

impl CircuitInfo {
    /// Reads it from artifacts.
    ///
    /// # Errors
    /// [`PipelineError`] when the artifacts do not say it.
    pub fn of(prepared: &Prepared) -> Result<Self, PipelineError> {
        let (artifacts, identity) = (&prepared.artifacts, prepared.artifacts.identity());
        let schema = artifacts.schema()?;
        let unknown = || PipelineError::invalid("artifacts", "do not say how large the circuit is");
        let constraints = match identity.backend {
            BackendName::Ezkl => identity.details["rows"].as_u64().ok_or_else(unknown)?,
            BackendName::Native => native_points(&identity.details).ok_or_else(unknown)?,
            BackendName::Mock => schema.tensors().iter().map(|tensor| tensor.elements() as u64).sum(),
        };
        let of = |direction: Direction| {
            let tensors = schema.tensors().iter().filter(|tensor| tensor.direction == direction);
            tensors.map(|tensor| (tensor.name.clone(), tensor.visibility)).collect()
        };
        Ok(Self {
            model_id: artifacts.model_id(),
            constraints,
            max_constraints: max_constraints(identity.backend),
            inputs: of(Direction::Input),
            outputs: of(Direction::Output),
            proving_key_bytes: artifacts.file_bytes("pk.key"),
            verifying_key_bytes: artifacts.file_bytes("vk.key"),
        })
    }

    /// Whether it is one that the backend takes.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        (1..=self.max_constraints).contains(&self.constraints) && !self.inputs.is_empty() && !self.outputs.is_empty()
    }
}

pub(super) fn operators(backend: BackendName) -> Vec<&'static str> {
    let mut names = match backend {
        BackendName::Native => NATIVE.to_vec(),
        // The mock backend runs whatever tract runs; what EZKL takes is more than tests need.
        BackendName::Ezkl | BackendName::Mock => SUPPORTED_OPERATORS.to_vec(),
    };
    names.sort_unstable();
    names
}

pub(super) const fn max_constraints(backend: BackendName) -> u64 {
    match backend {
        BackendName::Ezkl => EZKL_ROWS,
        BackendName::Native => 1 << MAX_VARIABLES,
        BackendName::Mock => u64::MAX,
    }
}

fn native_points(details: &serde_json::Value) -> Option<u64> {
    let dims: Vec<usize> = serde_json::from_value(details["dims"].clone()).ok()?;
    let shape = zkinfer_prover::circuit::Shape::new(dims, None).ok()?;
    let columns = zkinfer_prover::circuit::Layout::new(&shape).columns(1).ok()?;
    Some(1 << columns.variables())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_has_inputs_outputs_and_no_more_constraints_than_the_backend_takes() {
        let tensor = || vec![("x".to_owned(), Visibility::Public)];
        let of = |constraints, inputs, outputs| CircuitInfo {
            model_id: B256::ZERO,
            constraints,
            max_constraints: 8,
            inputs,
            outputs,
            proving_key_bytes: 1,
            verifying_key_bytes: 1,
        };
        for (constraints, is_valid) in [(0, false), (1, true), (8, true), (9, false)] {
            assert_eq!(of(constraints, tensor(), tensor()).is_valid(), is_valid, "{constraints} constraints");
        }
        assert!(!of(1, vec![], tensor()).is_valid() && !of(1, tensor(), vec![]).is_valid());
    }
}
