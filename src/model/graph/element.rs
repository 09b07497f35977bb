//! What the elements of tensors are.

use serde::{Deserialize, Serialize};

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
    pub(crate) const fn range(self) -> Option<(i64, i64)> {
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
    pub(in crate::model) const fn width(self) -> usize {
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
