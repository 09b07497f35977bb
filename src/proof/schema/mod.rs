//! Schemas: what the public values mean, and their one encoding.

mod abi;
mod tensor;
#[cfg(test)]
pub(crate) mod tests;
mod values;

pub use tensor::{Direction, TensorSchema, Visibility};
pub use values::PublicValues;

use super::identity;
use alloy::{
    primitives::{B256, I256},
    sol_types::{SolValue, abi::AbiDecoderConfig},
};
use serde::Serialize;

/// The largest schema, in bytes, and the largest public values that anything here reads.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// The largest public values, in bytes.
pub const MAX_PUBLIC_VALUES_BYTES: usize = 16 * 1024 * 1024;
/// `axis` of a tensor that has one scale.
pub const NO_AXIS: u8 = u8::MAX;

/// Why a schema or public values were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Not the canonical encoding of any schema.
    #[error("the schema bytes are not a canonical schema: {0}")]
    Malformed(String),
    /// A tensor that breaks a rule of `docs/identities.md`.
    #[error("tensor `{tensor}` of the schema: {rule}")]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// The broken rule.
        rule: &'static str,
    },
    /// A wrong number of bytes or tensors.
    #[error("the public values have {found} {unit}, the schema asks for {expected}")]
    Length {
        /// What the schema asks for.
        expected: usize,
        /// What was given.
        found: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// An element outside the tensor's range.
    #[error("element {index} of tensor `{tensor}` is {value}, outside {min}..={max}")]
    OutOfRange {
        /// The tensor's name.
        tensor: String,
        /// Row-major index.
        index: usize,
        /// The element.
        value: I256,
        /// The tensor's least integer.
        min: I256,
        /// The tensor's greatest integer.
        max: I256,
    },
}

/// The public tensors of a model: inputs before outputs, never empty, every rule checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Schema {
    tensors: Vec<TensorSchema>,
}

impl Schema {
    /// Checks the rules of `docs/identities.md`.
    ///
    /// # Errors
    /// [`SchemaError::Tensor`] or [`SchemaError::Malformed`] names the broken rule.
    pub fn new(tensors: Vec<TensorSchema>) -> Result<Self, SchemaError> {
        if tensors.is_empty() || !tensors.iter().map(|t| t.direction).is_sorted() {
            return Err(SchemaError::Malformed("no tensor, or an input after an output".into()));
        }
        tensors.iter().try_for_each(TensorSchema::check)?;
        let schema = Self { tensors };
        if schema.byte_len() > MAX_PUBLIC_VALUES_BYTES || schema.to_bytes().len() > MAX_SCHEMA_BYTES {
            return Err(SchemaError::Malformed("it is larger than the limits".into()));
        }
        Ok(schema)
    }

    /// The tensors in order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorSchema] {
        &self.tensors
    }

    /// The public ones of the tensors, in order: those that [`Schema::decode`] reads.
    pub fn public_tensors(&self) -> impl Iterator<Item = &TensorSchema> {
        self.tensors.iter().filter(|tensor| tensor.visibility == Visibility::Public)
    }

    /// Whether a tensor is committed instead of public.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.tensors.iter().any(|tensor| tensor.visibility == Visibility::Committed)
    }

    /// The exact length of public values, in bytes.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.tensors.iter().fold(0, |n, t| n.saturating_add(t.byte_len()))
    }

    /// The canonical bytes: `abi.encode(Tensor[])`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let tensors: Vec<abi::Tensor> = self.tensors.iter().map(abi::Tensor::from).collect();
        tensors.abi_encode()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`SchemaError`] when the bytes are longer than [`MAX_SCHEMA_BYTES`], not ABI, another encoding of the same
    /// list, or break a rule.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SchemaError> {
        if bytes.len() > MAX_SCHEMA_BYTES {
            return Err(SchemaError::Malformed(format!("more than {MAX_SCHEMA_BYTES} bytes")));
        }
        // Tensors that share bytes are copied before the comparison below finds them: this bounds the copies.
        let config = AbiDecoderConfig::new().validate(true).memory_limit(2 * bytes.len());
        let tensors = <Vec<abi::Tensor>>::abi_decode_with_config(bytes, config)
            .map_err(|error| SchemaError::Malformed(error.to_string()))?;
        let schema = Self::new(tensors.into_iter().map(TensorSchema::try_from).collect::<Result<_, _>>()?)?;
        if schema.to_bytes() != bytes {
            return Err(SchemaError::Malformed("another encoding of the same list".into()));
        }
        Ok(schema)
    }

    /// The schema hash.
    #[must_use]
    pub fn hash(&self) -> B256 {
        identity::schema_hash(&self.to_bytes())
    }
}
