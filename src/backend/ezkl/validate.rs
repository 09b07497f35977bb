//! What of a model EZKL 23.0.5 computes wrongly or not at all, found in the canonical graph before EZKL sees it.

use super::worker::NAME;
use crate::{
    backend::BackendError,
    model::{
        Model,
        graph::{Element, Node, Operand, Operator, Tensor},
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

/// Refuses what EZKL cannot prove, and names the node.
pub(super) fn check(model: &Model) -> Result<(), BackendError> {
    let graph = model.graph();
    for input in graph.inputs() {
        let value = graph.value(input.value);
        if !value.kind.element.is_float() {
            let reason = format!("its input `{}` is not floating-point; EZKL panics on some others", value.name);
            return Err(unsupported(reason));
        }
    }
    let mut tensors = model.inputs().iter().chain(model.outputs());
    if let Some(empty) = tensors.find(|tensor| tensor.shape.contains(&0)) {
        return Err(unsupported(format!("the tensor `{}` is empty", empty.name)));
    }
    graph.nodes().iter().try_for_each(|node| match problem(node) {
        None => Ok(()),
        Some(reason) => Err(unsupported(format!("{reason} (node `{}`)", node.name))),
    })
}

/// Why EZKL cannot prove a node. Constants are folded and shapes are fixed before this.
fn problem(node: &Node) -> Option<String> {
    let operator = node.operator.name();
    if IDENTITY_IN_EZKL.contains(&operator) {
        return Some(format!("it treats the operator {operator} as the identity; export the model in floating point"));
    }
    if !SUPPORTED.contains(&operator) {
        return Some(format!("it does not compute the operator {operator}"));
    }
    match node.operator {
        Operator::MaxPool if node.outputs.len() > 1 => Some("it does not tell where the maxima of MaxPool are".into()),
        Operator::Conv | Operator::ConvTranspose | Operator::MaxPool => {
            let dilations = node.attributes.ints("dilations").unwrap_or_default();
            let wide = dilations.iter().any(|&dilation| dilation != 1);
            wide.then(|| format!("{operator} has dilations {dilations:?}, it computes with none but 1"))
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
        Operator::Cast => {
            let to = node.attributes.int("to");
            let kept = [Element::Float32, Element::Bool].iter().any(|element| to == Some(element.onnx()));
            (!kept).then(|| "it rounds down where Cast to integers rounds towards zero".into())
        }
        _ => None,
    }
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
