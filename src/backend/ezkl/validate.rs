//! What of a model EZKL 23.0.5 computes wrongly or not at all, found in the ONNX file before EZKL sees it.

use super::worker::NAME;
use crate::{backend::BackendError, model::Model};
use prost::Message;
use std::collections::BTreeSet;
use tract_onnx::pb;

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
/// Element types of ONNX that are floating point: f32, f16, f64.
const FLOATS: [i32; 3] = [1, 10, 11];

/// Refuses what EZKL cannot prove, and names the node.
pub(super) fn check(model: &Model) -> Result<(), BackendError> {
    let proto = pb::ModelProto::decode(model.canonical_onnx())
        .map_err(|error| unsupported(format!("its file cannot be read ({error})")))?;
    let graph = proto.graph.unwrap_or_default();
    let constants: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    for input in graph.input.iter().filter(|input| !constants.contains(input.name.as_str())) {
        check_input(input)?;
    }
    let mut tensors = model.inputs().iter().chain(model.outputs());
    if let Some(empty) = tensors.find(|tensor| tensor.shape.contains(&0)) {
        return Err(unsupported(format!("the tensor `{}` is empty", empty.name)));
    }
    let view = View { graph: &graph, constants };
    graph.node.iter().try_for_each(|node| match problem(node, &view) {
        None => Ok(()),
        Some(reason) => Err(unsupported(format!("{reason} (node `{}`)", name(node)))),
    })
}

struct View<'a> {
    graph: &'a pb::GraphProto,
    constants: BTreeSet<&'a str>,
}

impl View<'_> {
    fn producer(&self, tensor: &str) -> Option<&pb::NodeProto> {
        self.graph.node.iter().find(|node| node.output.iter().any(|output| output == tensor))
    }

    fn is_constant(&self, tensor: &str) -> bool {
        self.constants.contains(tensor) || self.producer(tensor).is_some_and(|node| node.op_type == "Constant")
    }

    /// Whether a tensor is about shapes, not values.
    fn is_shape(&self, tensor: &str) -> bool {
        self.is_constant(tensor) || self.producer(tensor).is_some_and(|node| node.op_type == "Shape")
    }

    fn elements(&self, constant: &str) -> Option<i64> {
        self.graph.initializer.iter().find(|tensor| tensor.name == constant).map(|tensor| tensor.dims.iter().product())
    }
}

fn check_input(input: &pb::ValueInfoProto) -> Result<(), BackendError> {
    use pb::type_proto::Value;
    let tensor = match input.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
        Some(Value::TensorType(tensor)) => tensor,
        _ => return Ok(()),
    };
    if FLOATS.contains(&tensor.elem_type) {
        return Ok(());
    }
    Err(unsupported(format!("its input `{}` is not floating-point; EZKL panics on some others", input.name)))
}

/// Why EZKL cannot prove a node.
fn problem(node: &pb::NodeProto, view: &View<'_>) -> Option<String> {
    let operator = node.op_type.as_str();
    if IDENTITY_IN_EZKL.contains(&operator) {
        return Some(format!("it treats the operator {operator} as the identity; export the model in floating point"));
    }
    if !["", "ai.onnx"].contains(&node.domain.as_str()) {
        return Some(format!("the operator {operator} of `{}` is not one of ONNX", node.domain));
    }
    if !SUPPORTED.contains(&operator) {
        return Some(format!("it does not compute the operator {operator}"));
    }
    if let Some(attribute) = node.attribute.iter().find(|attribute| !finite(attribute)) {
        return Some(format!("the attribute `{}` of {operator} is not finite", attribute.name));
    }
    match operator {
        "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" => window(node),
        "Resize" if text(node, "mode").is_some_and(|mode| mode != "nearest") => {
            Some("Resize can only take the nearest value".into())
        }
        "Pow" if !node.input.get(1).is_some_and(|exponent| view.is_constant(exponent)) => {
            Some("the exponent of Pow has to be constant".into())
        }
        "Max" | "Min" if node.input.iter().any(|input| view.elements(input).is_some_and(|elements| elements > 1)) => {
            Some(format!("a constant of {operator} has to be one number"))
        }
        "Cast" if integer(node, "to").is_some_and(|to| !FLOATS.map(i64::from).contains(&to) && to != 9) => {
            let shape = node.input.first().is_some_and(|input| view.is_shape(input));
            (!shape).then(|| "it rounds down where Cast to integers rounds towards zero".into())
        }
        _ => None,
    }
}

/// Windows that slide: EZKL wants strides, and knows no dilation.
fn window(node: &pb::NodeProto) -> Option<String> {
    let operator = &node.op_type;
    if let Some(dilations) = integers(node, "dilations")
        && dilations.iter().any(|&dilation| dilation != 1)
    {
        return Some(format!("{operator} has dilations {dilations:?}, it computes with none but 1"));
    }
    let stride = ["Conv", "ConvTranspose"].contains(&operator.as_str()) && integers(node, "strides").is_none();
    stride.then(|| format!("{operator} has no `strides`: write them into the file, also where they are 1"))
}

fn finite(attribute: &pb::AttributeProto) -> bool {
    attribute.f.is_finite() && attribute.floats.iter().all(|x| x.is_finite())
}

fn attribute<'a>(node: &'a pb::NodeProto, name: &str) -> Option<&'a pb::AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn integers<'a>(node: &'a pb::NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|attribute| attribute.ints.as_slice()).filter(|ints| !ints.is_empty())
}

fn integer(node: &pb::NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(|attribute| attribute.i)
}

fn text<'a>(node: &'a pb::NodeProto, name: &str) -> Option<&'a str> {
    attribute(node, name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok())
}

/// A node's name, else that of its first output.
fn name(node: &pb::NodeProto) -> &str {
    if node.name.is_empty() { node.output.first().map_or("?", String::as_str) } else { &node.name }
}

fn unsupported(reason: String) -> BackendError {
    BackendError::Unsupported { backend: NAME, reason }
}
