//! Public values: the one encoding of a list of tensors.

use super::{Schema, SchemaError, TensorSchema, Visibility};
use alloy::primitives::{Bytes, I256};
use serde::{Deserialize, Serialize};

/// Public values as they are hashed and submitted. Only a [`Schema`] says whether they are canonical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicValues(Bytes);

impl PublicValues {
    /// Wraps bytes; [`Schema::decode`] checks them.
    #[must_use]
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl Schema {
    /// Writes public values: one slice of row-major integers per tensor.
    ///
    /// # Errors
    /// [`SchemaError`] when a tensor is committed, missing, of the wrong size, or an element is out of range.
    pub fn encode(&self, values: &[Vec<I256>]) -> Result<PublicValues, SchemaError> {
        expect_len(self.tensors.len(), values.len(), "tensors")?;
        let mut bytes = Vec::with_capacity(self.byte_len());
        for (tensor, elements) in self.tensors.iter().zip(values) {
            if tensor.visibility == Visibility::Committed {
                return Err(SchemaError::Tensor {
                    tensor: tensor.name.clone(),
                    rule: "it is committed and has no elements",
                });
            }
            expect_len(tensor.elements(), elements.len(), "elements in a tensor")?;
            for (index, &value) in elements.iter().enumerate() {
                tensor.check_element(index, value)?;
                bytes.extend_from_slice(&value.to_be_bytes::<32>()[32 - usize::from(tensor.width)..]);
            }
        }
        Ok(PublicValues(bytes.into()))
    }

    /// Every tensor with its bytes: the elements of a public one, the point of a committed one. The elements are not read.
    ///
    /// # Errors
    /// [`SchemaError::Length`] when the length is wrong.
    pub fn split<'a>(&'a self, values: &'a PublicValues) -> Result<Vec<(&'a TensorSchema, &'a [u8])>, SchemaError> {
        let mut rest: &[u8] = values.as_bytes();
        expect_len(self.byte_len(), rest.len(), "bytes")?;
        let parts = self.tensors.iter().map(|tensor| {
            let (head, tail) = rest.split_at(tensor.byte_len());
            rest = tail;
            (tensor, head)
        });
        Ok(parts.collect())
    }

    /// Reads public values: one vector of row-major integers per public tensor, in schema order. Committed tensors
    /// are passed over.
    ///
    /// # Errors
    /// [`SchemaError`] when the length is wrong or an element is out of range.
    pub fn decode(&self, values: &PublicValues) -> Result<Vec<Vec<I256>>, SchemaError> {
        let mut decoded = Vec::new();
        for (tensor, head) in self.split(values)? {
            if tensor.visibility == Visibility::Committed {
                continue;
            }
            let elements: Vec<I256> =
                head.chunks_exact(tensor.width.into()).map(|word| read_element(word, tensor.is_signed)).collect();
            for (index, &value) in elements.iter().enumerate() {
                tensor.check_element(index, value)?;
            }
            decoded.push(elements);
        }
        Ok(decoded)
    }
}

fn expect_len(expected: usize, found: usize, unit: &'static str) -> Result<(), SchemaError> {
    if expected == found { Ok(()) } else { Err(SchemaError::Length { expected, found, unit }) }
}

/// Reads 1 to 32 big-endian bytes. An unsigned 32-byte word of 2^255 or more comes out negative, hence out of every
/// unsigned range.
fn read_element(bytes: &[u8], is_signed: bool) -> I256 {
    let negative = is_signed && bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut word = [if negative { 0xff } else { 0 }; 32];
    word[32 - bytes.len()..].copy_from_slice(bytes);
    I256::from_be_bytes(word)
}
