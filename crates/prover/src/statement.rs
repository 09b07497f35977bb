//! §4: public values and statement ids.

use crate::circuit::Shape;
use crate::encoding::{keccak, tag, word};
use crate::error::{CircuitError, VerifyError};

/// The public values of one sample.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicValues {
    /// `x`: `d_0` unsigned 16-bit inputs.
    pub inputs: Vec<u16>,
    /// `o`: `d_L` signed 64-bit outputs.
    pub outputs: Vec<i64>,
}

impl PublicValues {
    /// `PV`: inputs as 2 bytes each, outputs as 8 bytes each, big-endian (two's complement).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let inputs = self.inputs.iter().flat_map(|x| x.to_be_bytes());
        inputs.chain(self.outputs.iter().flat_map(|o| o.to_be_bytes())).collect()
    }

    /// Reads `PV` for a shape.
    ///
    /// # Errors
    /// The length is not `2 d_0 + 8 d_L`.
    pub fn from_bytes(shape: &Shape, bytes: &[u8]) -> Result<Self, CircuitError> {
        let expected = public_len(shape);
        if bytes.len() != expected {
            return Err(CircuitError::Length { what: "public values", got: bytes.len(), expected });
        }
        let (inputs, outputs) = bytes.split_at(2 * shape.inputs());
        Ok(Self {
            inputs: inputs.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect(),
            outputs: outputs
                .chunks_exact(8)
                .map(|c| i64::from_be_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]]))
                .collect(),
        })
    }
}

/// Bytes of `PV` for a shape.
pub(crate) fn public_len(shape: &Shape) -> usize {
    2 * shape.inputs() + 8 * shape.outputs()
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
        let values = keccak(&[&self.values.to_bytes()]);
        keccak(&[&tag("statement"), &self.model_id, &values, &self.context_id])
    }
}

/// `sid`: the id of the one statement, or the batch id of several.
#[must_use]
pub fn session_id(statements: &[Statement]) -> [u8; 32] {
    if let [single] = statements {
        return single.id();
    }
    let ids: Vec<u8> = statements.iter().flat_map(Statement::id).collect();
    keccak(&[&tag("batch"), &word(statements.len() as u64), &ids])
}

/// V1 for statements: one model, and lengths that match the shape.
pub(crate) fn check(shape: &Shape, statements: &[Statement]) -> Result<(), VerifyError> {
    if statements.windows(2).any(|s| s[0].model_id != s[1].model_id) {
        return Err(VerifyError::MixedModels);
    }
    for Statement { values, .. } in statements {
        for (what, got, expected) in
            [("inputs", values.inputs.len(), shape.inputs()), ("outputs", values.outputs.len(), shape.outputs())]
        {
            if got != expected {
                return Err(CircuitError::Length { what, got, expected }.into());
            }
        }
    }
    Ok(())
}
