//! Element types, shapes and constant tensors.

use super::GraphError;
use serde::{Deserialize, Serialize};

/// Numbers that one tensor may have.
pub const MAX_ELEMENTS: usize = 1 << 30;
/// What stands for minus infinity in masks: far below every score, and the sum of two is still a number.
pub(super) const MASKED: f32 = f32::MIN / 4.0;
/// Axes that a tensor may have.
pub const MAX_RANK: usize = 16;

/// What a canonical tensor's elements are. Every floating-point type of a file becomes [`Element::Float32`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// 32-bit floating point.
    Float32,
    /// 8-bit signed.
    Int8,
    /// 16-bit signed.
    Int16,
    /// 32-bit signed.
    Int32,
    /// 64-bit signed.
    Int64,
    /// 8-bit unsigned.
    Uint8,
    /// 16-bit unsigned.
    Uint16,
    /// 32-bit unsigned.
    Uint32,
    /// 64-bit unsigned.
    Uint64,
    /// Truth values.
    Bool,
    /// 4-bit signed, in a byte.
    Int4,
    /// 4-bit unsigned, in a byte.
    Uint4,
    /// 2-bit signed, in a byte.
    Int2,
    /// 2-bit unsigned, in a byte.
    Uint2,
}

impl Element {
    /// Its number in ONNX; of fewer bits than a byte, the byte's.
    #[must_use]
    pub const fn onnx(self) -> i64 {
        match self {
            Self::Float32 => 1,
            Self::Uint8 | Self::Uint4 | Self::Uint2 => 2,
            Self::Int8 | Self::Int4 | Self::Int2 => 3,
            Self::Uint16 => 4,
            Self::Int16 => 5,
            Self::Int32 => 6,
            Self::Int64 => 7,
            Self::Bool => 9,
            Self::Uint32 => 12,
            Self::Uint64 => 13,
        }
    }

    /// What a file's element type becomes; its name when it is not read.
    pub(super) fn from_onnx(number: i64) -> Result<Self, String> {
        Ok(match number {
            // Those of 8 and 4 bits are rounded to where a model makes them (`small`).
            1 | 10 | 11 | 16..=20 | 23 | 24 => Self::Float32,
            2 => Self::Uint8,
            3 => Self::Int8,
            4 => Self::Uint16,
            5 => Self::Int16,
            6 => Self::Int32,
            7 => Self::Int64,
            9 => Self::Bool,
            12 => Self::Uint32,
            13 => Self::Uint64,
            8 => return Err("text".into()),
            14 | 15 => return Err("complex numbers".into()),
            21 => Self::Uint4,
            22 => Self::Int4,
            25 => Self::Uint2,
            26 => Self::Int2,
            _ => return Err(format!("elements of the unknown type {number}")),
        })
    }

    /// Whether it is floating point.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float32)
    }

    /// Whether it has fewer bits than a byte: files pack several into one.
    pub(super) const fn is_narrow(self) -> bool {
        matches!(self, Self::Int4 | Self::Uint4 | Self::Int2 | Self::Uint2)
    }

    /// The least and the greatest number of an integer type of at most 32 bits.
    pub(super) const fn range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::Int2 => (-2, 1),
            Self::Uint2 => (0, 3),
            Self::Int4 => (-8, 7),
            Self::Uint4 => (0, 15),
            Self::Int8 => (-0x80, 0x7f),
            Self::Uint8 => (0, 0xff),
            Self::Int16 => (-0x8000, 0x7fff),
            Self::Uint16 => (0, 0xffff),
            Self::Int32 => (-0x8000_0000, 0x7fff_ffff),
            Self::Uint32 => (0, 0xffff_ffff),
            Self::Bool | Self::Int64 | Self::Uint64 | Self::Float32 => return None,
        })
    }

    /// Wraps around as this type's arithmetic does.
    pub(super) const fn wrap(self, value: i64) -> i64 {
        match self {
            Self::Bool => (value != 0) as i64,
            Self::Int4 => value << 60 >> 60,
            Self::Uint4 => value & 15,
            Self::Int2 => value << 62 >> 62,
            Self::Uint2 => value & 3,
            Self::Int8 => value as i8 as i64,
            Self::Int16 => value as i16 as i64,
            Self::Int32 => value as i32 as i64,
            Self::Uint8 => value as u8 as i64,
            Self::Uint16 => value as u16 as i64,
            Self::Uint32 => value as u32 as i64,
            _ => value,
        }
    }

    /// Bytes of one element; in ONNX's `raw_data`, narrow ones are packed.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Bool | Self::Int8 | Self::Uint8 | Self::Int4 | Self::Uint4 | Self::Int2 | Self::Uint2 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Float32 | Self::Int32 | Self::Uint32 => 4,
            Self::Int64 | Self::Uint64 => 8,
        }
    }
}

impl std::fmt::Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Bool => "bool",
            Self::Int4 => "int4",
            Self::Uint4 => "uint4",
            Self::Int2 => "int2",
            Self::Uint2 => "uint2",
        })
    }
}

/// Element type and fixed shape of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Its elements.
    pub element: Element,
    /// Row-major; empty for a single number.
    pub shape: Vec<usize>,
}

impl TensorType {
    pub(super) fn new(element: Element, shape: Vec<usize>) -> Self {
        Self { element, shape }
    }

    /// The number of elements. Shapes are checked when a type is made known to the graph.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The number of elements, if a tensor may have so many.
pub(super) fn checked_elements(shape: &[usize]) -> Option<usize> {
    if shape.len() > MAX_RANK {
        return None;
    }
    // A zero anywhere does not excuse an overflow elsewhere.
    let mut all = 1usize;
    for &dim in shape {
        all = all.checked_mul(dim.max(1)).filter(|&all| all <= MAX_ELEMENTS)?;
    }
    Some(if shape.contains(&0) { 0 } else { all })
}

/// The numbers of a constant tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Of [`Element::Float32`].
    Floats(Vec<f32>),
    /// Of every other type; truth values are 0 and 1.
    Ints(Vec<i64>),
}

/// A tensor whose numbers are known.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    element: Element,
    shape: Vec<usize>,
    numbers: Numbers,
}

impl std::fmt::Debug for Tensor {
    /// Type and shape; numbers may be secret weights.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({} {:?})", self.element, self.shape)
    }
}

impl Tensor {
    /// A tensor of floats. The caller guarantees that the shape holds as many.
    pub(in crate::model) fn floats(shape: Vec<usize>, numbers: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), numbers.len());
        Self { element: Element::Float32, shape, numbers: Numbers::Floats(numbers) }
    }

    /// A tensor of integers, wrapped to its type. The caller guarantees that the shape holds as many.
    pub(super) fn ints(element: Element, shape: Vec<usize>, mut numbers: Vec<i64>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), numbers.len());
        debug_assert!(!element.is_float());
        numbers.iter_mut().for_each(|number| *number = element.wrap(*number));
        Self { element, shape, numbers: Numbers::Ints(numbers) }
    }

    /// A list of 64-bit integers: a shape, axes, indices.
    pub(in crate::model) fn list(numbers: &[i64]) -> Self {
        Self::ints(Element::Int64, vec![numbers.len()], numbers.to_vec())
    }

    pub(super) fn scalar(number: f32) -> Self {
        Self::floats(vec![], vec![number])
    }

    pub(super) fn new(element: Element, shape: Vec<usize>, numbers: Numbers) -> Self {
        match numbers {
            Numbers::Floats(numbers) => Self::floats(shape, numbers),
            Numbers::Ints(numbers) => Self::ints(element, shape, numbers),
        }
    }

    /// Its element type.
    #[must_use]
    pub const fn element(&self) -> Element {
        self.element
    }

    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its numbers, row-major.
    #[must_use]
    pub const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Where each number of a tensor of `shape` comes from, when this one is broadcast to it. The caller guarantees that it can.
    pub(in crate::model) fn broadcast_positions(&self, shape: &[usize]) -> Vec<usize> {
        positions(shape, &broadcast_strides(&self.shape, shape), 0)
    }

    pub(super) fn kind(&self) -> TensorType {
        TensorType::new(self.element, self.shape.clone())
    }

    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        match &self.numbers {
            Numbers::Floats(numbers) => numbers.len(),
            Numbers::Ints(numbers) => numbers.len(),
        }
    }

    /// Its floats.
    #[must_use]
    pub fn as_floats(&self) -> Option<&[f32]> {
        match &self.numbers {
            Numbers::Floats(numbers) => Some(numbers),
            Numbers::Ints(_) => None,
        }
    }

    /// Its integers.
    #[must_use]
    pub fn as_ints(&self) -> Option<&[i64]> {
        match &self.numbers {
            Numbers::Floats(_) => None,
            Numbers::Ints(numbers) => Some(numbers),
        }
    }

    /// The same numbers in another shape of as many elements.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Self {
        Self { element: self.element, shape, numbers: self.numbers.clone() }
    }

    /// The numbers at these flat positions, in another shape. The caller guarantees that they exist.
    pub(super) fn pick(&self, shape: Vec<usize>, positions: impl Iterator<Item = usize>) -> Self {
        let numbers = match &self.numbers {
            Numbers::Floats(numbers) => Numbers::Floats(positions.map(|at| numbers[at]).collect()),
            Numbers::Ints(numbers) => Numbers::Ints(positions.map(|at| numbers[at]).collect()),
        };
        Self { element: self.element, shape, numbers }
    }

    /// Minus infinity in what holds nothing else but zeros is a mask: what it is added to takes no part. No proof has infinities;
    /// [`MASKED`] does the same.
    pub(super) fn with_masks(mut self) -> Self {
        if let Numbers::Floats(numbers) = &mut self.numbers
            && numbers.contains(&f32::NEG_INFINITY)
            && numbers.iter().all(|&x| x == 0.0 || x == f32::NEG_INFINITY)
        {
            numbers.iter_mut().filter(|x| x.is_infinite()).for_each(|x| *x = MASKED);
        }
        self
    }

    /// Fails when a float is not finite.
    pub(super) fn expect_finite(&self, name: &str) -> Result<(), GraphError> {
        let floats = self.as_floats().unwrap_or_default();
        match floats.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            None => Ok(()),
            Some((index, &value)) => Err(GraphError::NotFinite { tensor: name.to_owned(), index, value }),
        }
    }
}

/// The distance between neighbours along every axis, in elements.
pub(in crate::model) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The flat positions that a walk over `shape` meets in a tensor with these strides, from `offset` on.
pub(in crate::model) fn positions(shape: &[usize], strides: &[i64], offset: i64) -> Vec<usize> {
    let count = shape.iter().product();
    let mut found = Vec::with_capacity(count);
    let mut index = vec![0usize; shape.len()];
    let mut at = offset;
    for _ in 0..count {
        found.push(at as usize);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis] as i64;
            index[axis] = 0;
        }
    }
    found
}

/// The shape that two shapes broadcast to, as in NumPy.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (a, b) if a == b => Some(a),
            (1, other) | (other, 1) => Some(other),
            _ => None,
        })
        .collect()
}

/// Where each number of a tensor of shape `to` comes from, when one of shape `from` is broadcast to it. The caller guarantees
/// that it can.
pub(in crate::model) fn broadcast_indices(from: &[usize], to: &[usize]) -> Vec<usize> {
    positions(to, &broadcast_strides(from, to), 0)
}

/// Strides with which `shape` is read as if it were `target`, to which it broadcasts.
pub(super) fn broadcast_strides(shape: &[usize], target: &[usize]) -> Vec<i64> {
    let own = strides(shape);
    let lead = target.len() - shape.len();
    (0..target.len())
        .map(|axis| match axis.checked_sub(lead) {
            Some(axis) if shape[axis] > 1 => own[axis] as i64,
            _ => 0,
        })
        .collect()
}
