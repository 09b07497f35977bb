//! What of a model EZKL 23.0.5 computes wrongly or not at all, found in the canonical graph before EZKL sees it.

use super::worker::NAME;
use crate::{
    backend::BackendError,
    model::{
        Model,
        graph::{Element, Graph, Node, Operand, Operator, Tensor},
    },
};

/// Operators that EZKL was seen to run, whose support stands in its source, or that its parser resolves into these.
#[rustfmt::skip]
pub(crate) const SUPPORTED: [&str; 103] = [
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "AveragePool",
    "BatchNormalization", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv", "ConvTranspose",
    "Cos", "Cosh", "CumSum", "Div", "Dropout", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor",
    "GRU", "Gather", "GatherElements", "GatherND", "Gemm", "GlobalAveragePool", "Greater", "GreaterOrEqual",
    "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "LSTM", "LayerNormalization", "LeakyRelu",
    "Less", "LessOrEqual", "Log", "LogSoftmax", "MatMul", "Max", "MaxPool", "Min", "Mul", "Neg", "Not", "OneHot",
    "Or", "PRelu", "Pad", "Pow", "Range", "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin",
    "ReduceProd", "ReduceSum", "Relu", "Reshape", "Resize", "Round", "ScatterElements", "ScatterND", "Selu", "Shape",
    "Sigmoid", "Sign", "Sin", "Sinh", "Slice", "Softmax", "Softplus", "Softsign", "Split", "Sqrt", "Squeeze", "Sub",
    "Sum", "Tan", "Tanh", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze", "Where", "Xor",
];
/// EZKL leaves these out: it would prove another function than the file says.
const IDENTITY_IN_EZKL: [&str; 3] = ["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"];

/// Constants beyond are no integers of a circuit at any scale: what stands for minus infinity in a mask, above all.
const GREATEST: f32 = 1e30;

/// Refuses what EZKL cannot prove, and names the node.
pub(super) fn check(model: &Model) -> Result<(), BackendError> {
    let graph = model.graph();
    let mut tensors = model.inputs().iter().chain(model.outputs());
    if let Some(empty) = tensors.find(|tensor| tensor.shape.contains(&0)) {
        return Err(unsupported(format!("the tensor `{}` is empty", empty.name)));
    }
    graph.nodes().iter().try_for_each(|node| match problem(graph, node) {
        None => Ok(()),
        Some(reason) => Err(unsupported(format!("{reason} (node `{}`)", node.name))),
    })
}

/// Why EZKL cannot prove a node. Constants are folded and shapes are fixed before this.
fn problem(graph: &Graph, node: &Node) -> Option<String> {
    let operator = node.operator.name();
    let kind = |operand: Option<&Option<Operand>>| match operand {
        Some(Some(Operand::Value(id))) => Some(graph.value(*id).kind.clone()),
        _ => None,
    };
    let first = kind(node.inputs.first());
    let element = first.as_ref().map(|kind| kind.element);
    if IDENTITY_IN_EZKL.contains(&operator) {
        return Some(format!("it treats the operator {operator} as the identity; export the model in floating point"));
    }
    if !SUPPORTED.contains(&operator) {
        return Some(format!("it does not compute the operator {operator}"));
    }
    let constants = (0..node.inputs.len()).filter_map(|index| constant(node, index)?.as_floats());
    if let Some(x) = constants.flatten().find(|x| x.abs() > GREATEST) {
        return Some(format!("a constant of {operator} is {x:e}, which is beyond its integers"));
    }
    match node.operator {
        Operator::MaxPool if node.outputs.len() > 1 => Some("it does not tell where the maxima of MaxPool are".into()),
        Operator::Conv | Operator::ConvTranspose | Operator::MaxPool => {
            let dilations = node.attributes.ints("dilations").unwrap_or_default();
            let wide = dilations.iter().any(|&dilation| dilation != 1);
            wide.then(|| format!("{operator} has dilations {dilations:?}, it computes with none but 1"))
        }
        Operator::AveragePool if node.attributes.int("count_include_pad") != Some(1) => {
            let pads = node.attributes.ints("pads").unwrap_or_default();
            pads.iter().any(|&pad| pad != 0).then(|| "AveragePool counts its padding in".into())
        }
        Operator::Resize if node.attributes.text("mode").is_some_and(|mode| mode != "nearest") => {
            Some("Resize can only take the nearest value".into())
        }
        Operator::Pow if constant(node, 1).is_none() => Some("the exponent of Pow has to be constant".into()),
        Operator::Max | Operator::Min => {
            let lists = (0..node.inputs.len()).filter_map(|index| constant(node, index));
            let long = lists.into_iter().any(|tensor| tensor.elements() > 1);
            long.then(|| format!("a constant of {operator} has to be one number"))
        }
        // Integers are field elements: they stay what they are, in whatever type, and are neither wrapped around nor cut.
        Operator::Cast => {
            let to = graph.value(node.outputs[0]).kind.element;
            match element {
                Some(from) if from == to || to.is_float() => None,
                _ if to == Element::Bool => {
                    Some("it leaves numbers as they are where Cast to bool makes 0 and 1".into())
                }
                Some(from) if from.is_float() => {
                    Some("it rounds down where Cast to integers rounds towards zero".into())
                }
                Some(from) if !holds(to, from) => {
                    Some(format!("it does not wrap around as Cast from {from} to {to} does"))
                }
                _ => None,
            }
        }
        Operator::Div | Operator::ReduceMean if element.is_some_and(|element| !element.is_float()) => {
            Some(format!("{operator} of integers keeps what it leaves over"))
        }
        Operator::CumSum if ["exclusive", "reverse"].iter().any(|name| node.attributes.int(name) == Some(1)) => {
            Some("CumSum can only begin with the first number, and include it".into())
        }
        Operator::ScatterElements | Operator::ScatterND
            if node.attributes.text("reduction").is_some_and(|how| how != "none") =>
        {
            Some(format!("{operator} can only replace numbers"))
        }
        Operator::Trilu if first.is_some_and(|kind| !is_square(&kind.shape)) => {
            Some("Trilu needs square matrices".into())
        }
        Operator::Trilu if kind(node.inputs.get(1)).is_some() => {
            Some("the diagonal of Trilu has to be constant".into())
        }
        _ => None,
    }
}

/// Whether every number of the type `from` is one of `to`.
fn holds(to: Element, from: Element) -> bool {
    let range = |element: Element| match element {
        Element::Bool => (0, 1),
        Element::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        Element::Uint64 => (0, i128::from(u64::MAX)),
        other => other.range().map_or((0, 0), |(least, most)| (least.into(), most.into())),
    };
    let (from, to) = (range(from), range(to));
    to.0 <= from.0 && from.1 <= to.1
}

/// Whether the last two axes are of one size.
fn is_square(shape: &[usize]) -> bool {
    matches!(shape, [.., rows, columns] if rows == columns)
}

/// A constant operand.
fn constant(node: &Node, index: usize) -> Option<&Tensor> {
    match node.inputs.get(index) {
        Some(Some(Operand::Constant(constant))) => Some(&constant.tensor),
        _ => None,
    }
}

fn unsupported(reason: String) -> BackendError {
    BackendError::Unsupported { backend: NAME, reason }
}
