//! Schemas: what the public values mean, and their one encoding.

use super::identity;
use alloy::{
    primitives::{B256, Bytes, I256, U256},
    sol_types::SolValue,
};
use serde::{Deserialize, Serialize};

/// The largest schema, in bytes, and the largest public values that anything here reads.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// The largest public values, in bytes.
pub const MAX_PUBLIC_VALUES_BYTES: usize = 16 * 1024 * 1024;
/// `axis` of a tensor that has one scale.
pub const NO_AXIS: u8 = u8::MAX;

mod abi {
    alloy::sol! {
        struct Tensor {
            string name;
            uint8 direction;
            uint8 visibility;
            uint64[] shape;
            uint8 width;
            bool isSigned;
            int256 min;
            int256 max;
            uint64[] scales;
            uint8 axis;
            int64 zeroPoint;
        }
    }
}

/// Whether a tensor enters or leaves the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Enters it.
    Input = 0,
    /// Leaves it.
    Output = 1,
}

/// How a tensor stands in the public values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Element by element.
    Public = 0,
    /// By the hash of a hiding commitment, 32 bytes.
    Committed = 1,
}

/// One tensor of a schema; fields as in `docs/identities.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TensorSchema {
    /// As in the ONNX graph.
    pub name: String,
    /// Input or output.
    pub direction: Direction,
    /// Element by element, or committed.
    pub visibility: Visibility,
    /// Row-major.
    pub shape: Vec<u64>,
    /// Bytes per element, 1 to 32.
    pub width: u8,
    /// Two's complement if true.
    pub is_signed: bool,
    /// The least integer the verifier admits.
    pub min: I256,
    /// The greatest.
    pub max: I256,
    /// Finite and positive: one, or one per channel.
    pub scales: Vec<f64>,
    /// The channels' axis; [`NO_AXIS`] when there is one scale.
    pub axis: u8,
    /// The integer that means 0.
    pub zero_point: i64,
}

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

impl TensorSchema {
    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        // `Schema::new` bounds the product, so neither conversion nor product can overflow in a schema.
        self.shape.iter().fold(1usize, |n, &dim| n.saturating_mul(usize::try_from(dim).unwrap_or(usize::MAX)))
    }

    /// The number of bytes it takes in the public values.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        match self.visibility {
            Visibility::Public => self.elements().saturating_mul(self.width.into()),
            Visibility::Committed => 32,
        }
    }

    /// The real number that element `index` means when its integer is `q`.
    #[must_use]
    pub fn dequantize(&self, index: usize, q: I256) -> f64 {
        let channel = if self.axis == NO_AXIS {
            0
        } else {
            let inner: usize = self.shape[usize::from(self.axis) + 1..].iter().map(|&d| d as usize).product();
            index / inner % self.scales.len()
        };
        to_f64(q.saturating_sub(I256::try_from(self.zero_point).unwrap_or(I256::ZERO))) * self.scales[channel]
    }

    fn check(&self) -> Result<(), SchemaError> {
        let refuse = |rule| Err(SchemaError::Tensor { tensor: self.name.clone(), rule });
        if self.name.is_empty() {
            return refuse("the name is empty");
        }
        if self.shape.contains(&0) || self.byte_len() > MAX_PUBLIC_VALUES_BYTES {
            return refuse("the shape has a zero, or more elements than public values may have");
        }
        if !(1..=32).contains(&self.width) {
            return refuse("the width is not 1 to 32 bytes");
        }
        let (least, greatest) = self.representable();
        if self.min > self.max || self.min < least || self.max > greatest {
            return refuse("the range is empty or does not fit the width");
        }
        if self.scales.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            return refuse("a scale is not finite and positive");
        }
        let channels = match self.axis {
            NO_AXIS => 1,
            axis => self.shape.get(usize::from(axis)).copied().unwrap_or(0),
        };
        if self.scales.len() as u64 != channels {
            return refuse("the number of scales is not that of the channels");
        }
        Ok(())
    }

    /// The least and the greatest integer that `width` and `is_signed` can write and an `int256` can hold.
    fn representable(&self) -> (I256, I256) {
        let bits = u32::from(self.width) * 8 - u32::from(self.is_signed);
        let greatest = if bits >= 255 { I256::MAX } else { I256::from_raw((U256::from(1) << bits) - U256::from(1)) };
        let least = if self.is_signed { -greatest - I256::ONE } else { I256::ZERO };
        (least, greatest)
    }

    fn check_element(&self, index: usize, value: I256) -> Result<(), SchemaError> {
        if value < self.min || value > self.max {
            return Err(SchemaError::OutOfRange {
                tensor: self.name.clone(),
                index,
                value,
                min: self.min,
                max: self.max,
            });
        }
        Ok(())
    }
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
        let tensors = <Vec<abi::Tensor>>::abi_decode_validate(bytes)
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

    /// Reads public values: one vector of row-major integers per public tensor, in schema order. Committed tensors
    /// are passed over.
    ///
    /// # Errors
    /// [`SchemaError`] when the length is wrong or an element is out of range.
    pub fn decode(&self, values: &PublicValues) -> Result<Vec<Vec<I256>>, SchemaError> {
        let mut rest: &[u8] = values.as_bytes();
        expect_len(self.byte_len(), rest.len(), "bytes")?;
        let mut decoded = Vec::new();
        for tensor in &self.tensors {
            let (head, tail) = rest.split_at(tensor.byte_len());
            rest = tail;
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

impl From<&TensorSchema> for abi::Tensor {
    fn from(tensor: &TensorSchema) -> Self {
        Self {
            name: tensor.name.clone(),
            direction: tensor.direction as u8,
            visibility: tensor.visibility as u8,
            shape: tensor.shape.clone(),
            width: tensor.width,
            isSigned: tensor.is_signed,
            min: tensor.min,
            max: tensor.max,
            scales: tensor.scales.iter().map(|scale| scale.to_bits()).collect(),
            axis: tensor.axis,
            zeroPoint: tensor.zero_point,
        }
    }
}

impl TryFrom<abi::Tensor> for TensorSchema {
    type Error = SchemaError;

    fn try_from(tensor: abi::Tensor) -> Result<Self, SchemaError> {
        let unknown = |what: &str, value: u8| SchemaError::Malformed(format!("{what} {value} is not defined"));
        Ok(Self {
            name: tensor.name,
            direction: match tensor.direction {
                0 => Direction::Input,
                1 => Direction::Output,
                other => return Err(unknown("direction", other)),
            },
            visibility: match tensor.visibility {
                0 => Visibility::Public,
                1 => Visibility::Committed,
                other => return Err(unknown("visibility", other)),
            },
            shape: tensor.shape,
            width: tensor.width,
            is_signed: tensor.isSigned,
            min: tensor.min,
            max: tensor.max,
            scales: tensor.scales.into_iter().map(f64::from_bits).collect(),
            axis: tensor.axis,
            zero_point: tensor.zeroPoint,
        })
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

/// The nearest binary64 (exact below 2^53).
fn to_f64(value: I256) -> f64 {
    let (sign, magnitude) = value.into_sign_and_abs();
    let magnitude = magnitude.as_limbs().iter().rev().fold(0.0, |sum, &limb| sum * 2f64.powi(64) + limb as f64);
    if sign.is_negative() { -magnitude } else { magnitude }
}

#[cfg(test)]
pub(crate) mod tests;
