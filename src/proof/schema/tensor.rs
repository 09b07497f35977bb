use super::{MAX_PUBLIC_VALUES_BYTES, NO_AXIS, SchemaError};
use alloy::primitives::{I256, U256};
use serde::Serialize;

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
            // The point of the commitment.
            Visibility::Committed => 64,
        }
    }

    /// The real number that a step of element `index` means.
    #[must_use]
    pub fn scale(&self, index: usize) -> f64 {
        if self.axis == NO_AXIS {
            return self.scales[0];
        }
        let inner: usize = self.shape[usize::from(self.axis) + 1..].iter().map(|&d| d as usize).product();
        self.scales[index / inner % self.scales.len()]
    }

    /// The real number that element `index` means when its integer is `q`.
    #[must_use]
    pub fn dequantize(&self, index: usize, q: I256) -> f64 {
        to_f64(q.saturating_sub(I256::try_from(self.zero_point).unwrap_or(I256::ZERO))) * self.scale(index)
    }

    pub(super) fn check(&self) -> Result<(), SchemaError> {
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
    pub(crate) fn representable(&self) -> (I256, I256) {
        let bits = u32::from(self.width) * 8 - u32::from(self.is_signed);
        let greatest = if bits >= 255 { I256::MAX } else { I256::from_raw((U256::from(1) << bits) - U256::from(1)) };
        let least = if self.is_signed { -greatest - I256::ONE } else { I256::ZERO };
        (least, greatest)
    }

    pub(super) fn check_element(&self, index: usize, value: I256) -> Result<(), SchemaError> {
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

/// The nearest binary64 (exact below 2^53).
fn to_f64(value: I256) -> f64 {
    let (sign, magnitude) = value.into_sign_and_abs();
    let magnitude = magnitude.as_limbs().iter().rev().fold(0.0, |sum, &limb| sum * 2f64.powi(64) + limb as f64);
    if sign.is_negative() { -magnitude } else { magnitude }
}
