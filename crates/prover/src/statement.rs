//! §4: public values and statement ids.

use crate::circuit::{Shape, Side};
use crate::encoding::{POINT, keccak, tag, word};
use crate::error::{CircuitError, VerifyError};
use crate::tensor::CommittedTensor;

/// The public values of one sample: the elements of a public side, or the point of a committed one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PublicValues {
    /// `x`: `d_0` unsigned 16-bit inputs; empty if they are committed.
    pub inputs: Vec<u16>,
    /// `o`: `d_L` signed 64-bit outputs; empty if they are committed.
    pub outputs: Vec<i64>,
    /// `C_x`, if the inputs are committed.
    pub input_point: Option<CommittedTensor>,
    /// `C_o`, if the outputs are committed.
    pub output_point: Option<CommittedTensor>,
}

impl PublicValues {
    /// `PV`: inputs as 2 bytes each, outputs as 8 bytes each, big-endian (two's complement); the 64
    /// bytes of its point in place of a committed side.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.input_point.iter().for_each(|p| out.extend(p.to_bytes()));
        self.inputs.iter().for_each(|x| out.extend(x.to_be_bytes()));
        self.output_point.iter().for_each(|p| out.extend(p.to_bytes()));
        self.outputs.iter().for_each(|o| out.extend(o.to_be_bytes()));
        out
    }

    /// The point of a side, if it has one.
    #[must_use]
    pub fn point(&self, side: Side) -> Option<&CommittedTensor> {
        match side {
            Side::Inputs => self.input_point.as_ref(),
            Side::Outputs => self.output_point.as_ref(),
        }
    }

    /// Reads `PV` for a shape.
    ///
    /// # Errors
    /// The length is not that of the shape's public values, or the bytes of a committed side are not
    /// a point.
    pub fn from_bytes(shape: &Shape, bytes: &[u8]) -> Result<Self, CircuitError> {
        let expected = public_len(shape);
        if bytes.len() != expected {
            return Err(CircuitError::Length { what: "public values", got: bytes.len(), expected });
        }
        let (inputs, outputs) = bytes.split_at(side_len(shape, Side::Inputs));
        let mut values = Self::default();
        match inputs.try_into() {
            Ok(point) if shape.committed().inputs => values.input_point = Some(read_point(point, "inputs")?),
            _ => values.inputs = inputs.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect(),
        }
        match outputs.try_into() {
            Ok(point) if shape.committed().outputs => values.output_point = Some(read_point(point, "outputs")?),
            _ => values.outputs = outputs.as_chunks().0.iter().map(|c| i64::from_be_bytes(*c)).collect(),
        }
        Ok(values)
    }
}

fn read_point(bytes: &[u8; POINT], side: &'static str) -> Result<CommittedTensor, CircuitError> {
    CommittedTensor::from_bytes(bytes).map_err(|reason| CircuitError::Point { side, reason })
}

/// Bytes of one side of `PV`.
fn side_len(shape: &Shape, side: Side) -> usize {
    match side {
        _ if shape.committed().has(side) => POINT,
        Side::Inputs => 2 * shape.inputs(),
        Side::Outputs => 8 * shape.outputs(),
    }
}

/// Bytes of `PV` for a shape.
pub(crate) fn public_len(shape: &Shape) -> usize {
    side_len(shape, Side::Inputs) + side_len(shape, Side::Outputs)
}

/// What one sample of a proof claims: this model, these public values, this context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Statement {
    /// Model id. That it belongs to the verifying key is for the caller to check.
    pub model_id: [u8; 32],
    /// Context id.
    pub context_id: [u8; 32],
    /// Inputs and outputs.
    pub values: PublicValues,
}

impl Statement {
    /// `id = keccak(TAG_STATEMENT || model id || keccak(PV) || context id)`.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        id(&self.model_id, &self.values.to_bytes(), &self.context_id)
    }
}

/// The statement id over public values in their bytes.
pub(crate) fn id(model_id: &[u8; 32], public: &[u8], context_id: &[u8; 32]) -> [u8; 32] {
    keccak(&[&tag("statement"), model_id, &keccak(&[public]), context_id])
}

/// `sid`: the id of the one statement, or the batch id of several.
#[must_use]
pub fn session_id(statements: &[Statement]) -> [u8; 32] {
    session_of(&statements.iter().map(Statement::id).collect::<Vec<_>>())
}

/// `sid` from the ids of the statements.
pub(crate) fn session_of(ids: &[[u8; 32]]) -> [u8; 32] {
    if let [single] = ids {
        return *single;
    }
    keccak(&[&tag("batch"), &word(ids.len() as u64), ids.as_flattened()])
}

/// V1 for statements: one model, and sides that match the shape: a point or elements, not both.
pub(crate) fn check(shape: &Shape, statements: &[Statement]) -> Result<(), VerifyError> {
    if statements.windows(2).any(|s| s[0].model_id != s[1].model_id) {
        return Err(VerifyError::MixedModels);
    }
    for Statement { values, .. } in statements {
        for (what, side, got) in
            [("inputs", Side::Inputs, values.inputs.len()), ("outputs", Side::Outputs, values.outputs.len())]
        {
            let committed = shape.committed().has(side);
            let expected = if committed { 0 } else { shape.width(side) };
            if got != expected {
                return Err(CircuitError::Length { what, got, expected }.into());
            }
            if values.point(side).is_some() != committed {
                return Err(CircuitError::Commitment { side: what, committed }.into());
            }
        }
    }
    Ok(())
}
