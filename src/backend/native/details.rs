//! What manifest and provenance say of native models.

use super::{calibration::Source, failed, schema::Interface};
use crate::{
    backend::BackendError,
    model::{network::Report, quantize::Accuracy},
};
use serde::{Deserialize, Serialize};
use zkinfer_prover::{
    circuit::{Committed, Shape},
    network::{NetworkVerifyingKey, Program},
};

/// `details` in the manifest: the public shape. All of it follows from the verifying key.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Details {
    /// Of a perceptron, numbers in and neurons of every layer; of a network, numbers in and out.
    pub(super) dims: Vec<usize>,
    /// Of a perceptron, per hidden layer 255 or 65535, if it clips.
    #[serde(default)]
    pub(super) saturation: Option<Vec<u16>>,
    /// Of a general network alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<NetworkDetails>,
    /// Whether the inputs are committed instead of public.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) hidden_inputs: bool,
    /// Whether the outputs are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) hidden_outputs: bool,
}

/// The public sizes of a general network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NetworkDetails {
    /// Rows of one statement.
    pub(super) rows: u32,
    /// Byte columns.
    pub(super) byte_columns: u8,
    /// Function tables.
    pub(super) tables: u8,
}

impl Details {
    pub(super) fn of_shape(shape: &Shape) -> Self {
        let saturation = shape.saturation().map(|bounds| bounds.iter().map(|bound| bound.bound()).collect());
        let Committed { inputs: hidden_inputs, outputs: hidden_outputs } = shape.committed();
        Self { dims: shape.dims().to_vec(), saturation, network: None, hidden_inputs, hidden_outputs }
    }

    pub(super) fn of_program(program: &Program, interface: Interface) -> Self {
        let parts = program.parts();
        let Committed { inputs: hidden_inputs, outputs: hidden_outputs } = interface.committed;
        let network = NetworkDetails { rows: parts.positions, byte_columns: parts.limbs, tables: parts.tables };
        let dims = vec![interface.inputs, interface.outputs];
        Self { dims, saturation: None, network: Some(network), hidden_inputs, hidden_outputs }
    }

    pub(super) fn of_network(key: &NetworkVerifyingKey, interface: Interface) -> Self {
        Self::of_program(key.program(), interface)
    }

    pub(super) fn read(details: &serde_json::Value) -> Result<Self, BackendError> {
        Self::deserialize(details).map_err(|error| failed("artifacts", error))
    }
}

/// `figures` in the provenance: how the model was quantized.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) calibration: Source,
    /// Against the float model, on the calibration samples.
    pub(super) accuracy: Accuracy,
    /// Of a general network, tensor by tensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<Report>,
}
