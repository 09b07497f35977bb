//! What shapes canonical operators make. Whatever a shape depends on is constant here: `normalize` sees to that.

mod layout;
mod linear;

pub(super) use layout::clamp_slice;

use super::{
    operators::{Attributes, Operator},
    tensor::{Element, Tensor, TensorType, broadcast},
};

/// A node whose outputs' types are asked for.
struct Query<'q> {
    operator: Operator,
    attributes: &'q Attributes,
    kinds: &'q [Option<TensorType>],
    constants: &'q [Option<&'q Tensor>],
}

/// The types of a node's outputs, or what is wrong with its operands.
pub(super) fn infer(
    operator: Operator,
    attributes: &Attributes,
    kinds: &[Option<TensorType>],
    constants: &[Option<&Tensor>],
    outputs: usize,
) -> Result<Vec<TensorType>, String> {
    let query = Query { operator, attributes, kinds, constants };
    let made = query.infer()?;
    if made.len() < outputs {
        return Err(format!("has {outputs} outputs, of which {} are read", made.len()));
    }
    Ok(made.into_iter().take(outputs).collect())
}

fn one(element: Element, shape: Vec<usize>) -> Result<Vec<TensorType>, String> {
    Ok(vec![TensorType::new(element, shape)])
}

impl Query<'_> {
    fn infer(&self) -> Result<Vec<TensorType>, String> {
        use Operator as O;
        match self.operator {
            O::Abs
            | O::Acos
            | O::Acosh
            | O::Asin
            | O::Asinh
            | O::Atan
            | O::Atanh
            | O::Ceil
            | O::Clip
            | O::Cos
            | O::Cosh
            | O::CumSum
            | O::Elu
            | O::Erf
            | O::Exp
            | O::Floor
            | O::HardSigmoid
            | O::HardSwish
            | O::Hardmax
            | O::Identity
            | O::LRN
            | O::LeakyRelu
            | O::Log
            | O::LogSoftmax
            | O::Neg
            | O::Not
            | O::Reciprocal
            | O::Relu
            | O::ReverseSequence
            | O::Round
            | O::Selu
            | O::Sigmoid
            | O::Sign
            | O::Sin
            | O::Sinh
            | O::Softmax
            | O::Softplus
            | O::Softsign
            | O::Sqrt
            | O::Tan
            | O::Tanh
            | O::ThresholdedRelu
            | O::Trilu => self.same(),
            O::BatchNormalization | O::InstanceNormalization => self.per_channel(),
            O::ScatterElements | O::ScatterND => self.same(),
            O::IsInf | O::IsNaN => one(Element::Bool, self.shape(0)?.to_vec()),
            O::Add
            | O::And
            | O::BitShift
            | O::Div
            | O::Max
            | O::Min
            | O::Mod
            | O::Mul
            | O::Or
            | O::Pow
            | O::Sub
            | O::Xor => one(self.kind(0)?.element, self.broadcast_all(0)?),
            O::Equal | O::Greater | O::GreaterOrEqual | O::Less | O::LessOrEqual => {
                one(Element::Bool, self.broadcast_all(0)?)
            }
            O::Where => one(self.kind(1)?.element, self.broadcast_all(0)?),
            O::PRelu => match broadcast(self.shape(0)?, self.shape(1)?) {
                Some(shape) if shape == self.shape(0)? => self.same(),
                _ => Err(self.mismatch()),
            },
            O::Cast => one(Element::from_onnx(self.attributes.int("to").unwrap_or(0))?, self.shape(0)?.to_vec()),
            O::QuantizeLinear => {
                let element = self.kinds.get(2).and_then(Option::as_ref).map_or(Element::Uint8, |kind| kind.element);
                one(element, self.shape(0)?.to_vec())
            }
            O::DequantizeLinear => one(Element::Float32, self.shape(0)?.to_vec()),
            O::DynamicQuantizeLinear => Ok(vec![
                TensorType::new(Element::Uint8, self.shape(0)?.to_vec()),
                TensorType::new(Element::Float32, vec![]),
                TensorType::new(Element::Uint8, vec![]),
            ]),
            O::ReduceMax | O::ReduceMean | O::ReduceMin | O::ReduceProd | O::ReduceSum => {
                self.reduce(self.kind(0)?.element)
            }
            O::ArgMax | O::ArgMin => self.reduce(Element::Int64),
            O::Concat
            | O::Expand
            | O::Gather
            | O::GatherElements
            | O::GatherND
            | O::OneHot
            | O::Pad
            | O::Reshape
            | O::Resize
            | O::Slice
            | O::Split
            | O::Tile
            | O::TopK
            | O::Transpose
            | O::DepthToSpace
            | O::SpaceToDepth => self.layout(),
            O::Gemm
            | O::MatMul
            | O::MatMulInteger
            | O::QLinearMatMul
            | O::Conv
            | O::ConvInteger
            | O::QLinearConv
            | O::ConvTranspose
            | O::Einsum
            | O::AveragePool
            | O::MaxPool
            | O::GlobalAveragePool
            | O::GlobalMaxPool => self.linear(),
        }
    }

    fn kind(&self, index: usize) -> Result<&TensorType, String> {
        self.kinds.get(index).and_then(Option::as_ref).ok_or_else(|| format!("lacks its operand {index}"))
    }

    fn shape(&self, index: usize) -> Result<&[usize], String> {
        self.kind(index).map(|kind| kind.shape.as_slice())
    }

    /// The integers of an operand that is constant.
    fn known(&self, index: usize) -> Result<&[i64], String> {
        let tensor = self.constants.get(index).copied().flatten().and_then(Tensor::as_ints);
        tensor.ok_or_else(|| format!("has an operand {index} that depends on the input, or holds no integers"))
    }

    fn same(&self) -> Result<Vec<TensorType>, String> {
        Ok(vec![self.kind(0)?.clone()])
    }

    fn mismatch(&self) -> String {
        let shapes: Vec<String> = self.kinds.iter().flatten().map(|kind| format!("{:?}", kind.shape)).collect();
        format!("has operands whose shapes do not fit: {}", shapes.join(" and "))
    }

    fn broadcast_all(&self, from: usize) -> Result<Vec<usize>, String> {
        let mut shape: Vec<usize> = Vec::new();
        for index in from..self.kinds.len() {
            shape = broadcast(&shape, self.shape(index)?).ok_or_else(|| self.mismatch())?;
        }
        Ok(shape)
    }

    /// Every further operand has one number per channel.
    fn per_channel(&self) -> Result<Vec<TensorType>, String> {
        let channels = *self.shape(0)?.get(1).ok_or("takes a tensor without channels")?;
        for index in 1..self.kinds.len() {
            if self.kind(index)?.elements() != channels {
                return Err(self.mismatch());
            }
        }
        self.same()
    }

    fn axis(&self, name: &str, default: i64, rank: usize) -> Result<usize, String> {
        axis(self.attributes.int(name).unwrap_or(default), rank)
    }

    /// Axes are an attribute, or operand 1 of `ReduceSum`.
    fn reduce(&self, element: Element) -> Result<Vec<TensorType>, String> {
        let shape = self.shape(0)?;
        let axes = match self.operator {
            Operator::ArgMax | Operator::ArgMin => vec![self.axis("axis", 0, shape.len())?],
            Operator::ReduceSum => self.known(1)?.iter().map(|&at| axis(at, shape.len())).collect::<Result<_, _>>()?,
            _ => {
                let axes = self.attributes.ints("axes").unwrap_or_default();
                axes.iter().map(|&at| axis(at, shape.len())).collect::<Result<_, _>>()?
            }
        };
        let keep = self.attributes.int("keepdims").unwrap_or(1) != 0;
        let left = shape.iter().enumerate().filter_map(|(at, &dim)| match axes.contains(&at) {
            false => Some(dim),
            true => keep.then_some(1),
        });
        one(element, left.collect())
    }
}

/// An axis counted from the front.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let from_front = if axis < 0 { axis + rank as i64 } else { axis };
    let found = usize::try_from(from_front).ok().filter(|&axis| axis < rank);
    found.ok_or_else(|| format!("names the axis {axis} of a tensor with {rank}"))
}
