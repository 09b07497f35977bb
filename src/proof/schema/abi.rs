//! Tensors in the standard ABI encoding.

use super::{Direction, SchemaError, TensorSchema, Visibility};

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

impl From<&TensorSchema> for Tensor {
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

impl TryFrom<Tensor> for TensorSchema {
    type Error = SchemaError;

    fn try_from(tensor: Tensor) -> Result<Self, SchemaError> {
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
