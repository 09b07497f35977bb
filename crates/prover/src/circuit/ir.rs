//! Operators and the five constraint families they lower to.

use super::shape::{Saturation, Shape};
use crate::error::CircuitError;

/// The constraint families. Every operator lowers to these and to nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// L: outputs are committed-weight combinations of wires.
    WeightLinear,
    /// W: a public affine functional of wires with a closed-form multilinear extension.
    Wiring,
    /// Z: a polynomial of columns at the same row vanishes.
    Local,
    /// T: a tuple of columns is a row of a public table.
    Lookup,
    /// M: a contraction of two committed tensors.
    Bilinear,
}

/// An operator of a quantized network, in execution order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// `z = W y + bias`.
    Dense {
        /// Number of input wires.
        inputs: usize,
        /// Number of neurons.
        outputs: usize,
    },
    /// `t = floor((z + 2^(shift-1)) / 2^shift)`.
    Requantize {
        /// The shift; 8 is the only one that lowers (§1).
        shift: u32,
    },
    /// `y = max(t, 0)`.
    Relu,
    /// `y = min(max(t, 0), hi)`.
    Saturate {
        /// The upper bound.
        hi: Saturation,
    },
    /// A product of two activations.
    MatMul,
}

impl Op {
    /// The operator's name, for messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "Dense",
            Self::Requantize { .. } => "Requantize",
            Self::Relu => "Relu",
            Self::Saturate { .. } => "Saturate",
            Self::MatMul => "MatMul",
        }
    }

    /// The families that the operator lowers to.
    #[must_use]
    pub fn families(&self) -> &'static [Family] {
        match self {
            Self::Dense { .. } => &[Family::WeightLinear, Family::Wiring],
            Self::Requantize { .. } => &[Family::Lookup],
            Self::Relu | Self::Saturate { .. } => &[Family::Local, Family::Lookup],
            Self::MatMul => &[Family::Bilinear],
        }
    }
}

/// Lowers `Dense (Requantize (Relu | Saturate) Dense)*` to a [`Shape`].
///
/// # Errors
/// [`CircuitError::Unsupported`] names the first operator that does not fit; the bounds of §1.1 are
/// those of [`Shape::new`].
pub fn lower(ops: &[Op]) -> Result<Shape, CircuitError> {
    let unsupported = |index: usize, reason| CircuitError::Unsupported {
        index,
        name: ops.get(index).map_or("end of network", Op::name),
        reason,
    };
    let mut dims = Vec::new();
    let mut bounds: Vec<Option<Saturation>> = Vec::new();
    let mut index = 0;
    loop {
        let Some(&Op::Dense { inputs, outputs }) = ops.get(index) else {
            return Err(unsupported(index, "a dense layer is expected here"));
        };
        match dims.last() {
            None => dims.push(inputs),
            Some(&width) if width != inputs => {
                return Err(CircuitError::Length { what: "layer input", got: inputs, expected: width });
            }
            Some(_) => {}
        }
        dims.push(outputs);
        index += 1;
        match ops.get(index) {
            None => break,
            Some(Op::Requantize { shift: 8 }) => index += 1,
            Some(Op::Requantize { .. }) => {
                return Err(unsupported(index, "the shift must be 8 (§1)"));
            }
            Some(_) => {
                return Err(unsupported(index, "a requantization by 2^8 is expected here"));
            }
        }
        match ops.get(index) {
            Some(Op::Relu) => bounds.push(None),
            Some(Op::Saturate { hi }) => bounds.push(Some(*hi)),
            _ => return Err(unsupported(index, "ReLU or saturation is expected here")),
        }
        index += 1;
    }
    // A single saturating layer makes the whole shape saturate; plain ReLU layers then clamp at 65535.
    let saturation =
        bounds.iter().any(Option::is_some).then(|| bounds.iter().map(|b| b.unwrap_or(Saturation::Wide)).collect());
    Shape::new(dims, saturation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowers_mlps_and_names_what_it_refuses() {
        let dense = |inputs, outputs| Op::Dense { inputs, outputs };
        let requantize = Op::Requantize { shift: 8 };
        let shape = lower(&[dense(4, 5), requantize, Op::Relu, dense(5, 2)]).unwrap();
        assert_eq!((shape.dims(), shape.saturation()), (&[4, 5, 2][..], None));
        let shape = lower(&[
            dense(4, 5),
            requantize,
            Op::Relu,
            dense(5, 3),
            requantize,
            Op::Saturate { hi: Saturation::Narrow },
            dense(3, 2),
        ])
        .unwrap();
        assert_eq!(shape.saturation(), Some(&[Saturation::Wide, Saturation::Narrow][..]));
        let error = lower(&[dense(4, 5), Op::Requantize { shift: 7 }, Op::Relu, dense(5, 2)]).unwrap_err();
        assert!(matches!(error, CircuitError::Unsupported { index: 1, name: "Requantize", .. }));
        let error = lower(&[Op::MatMul]).unwrap_err();
        assert!(matches!(error, CircuitError::Unsupported { index: 0, name: "MatMul", .. }));
        assert!(lower(&[dense(4, 5), requantize, Op::Relu]).is_err());
        assert!(matches!(lower(&[dense(4, 5), requantize, Op::Relu, dense(6, 2)]), Err(CircuitError::Length { .. })));
        assert!(lower(&[]).is_err());
    }
}
