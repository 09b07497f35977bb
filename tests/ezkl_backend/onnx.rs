//! ONNX files that tests make.

use prost::Message;
use tract_onnx::pb;
use zkinfer::model::{Model, synthetic::Graph};

pub(crate) fn ints(name: &str, ints: &[i64]) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: 7, ints: ints.to_vec(), ..Default::default() }
}

pub(crate) fn text(name: &str, text: &str) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: 3, s: text.into(), ..Default::default() }
}

/// Weights that look random and are the same every time.
pub(crate) fn weights(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + 13) % 101) as f32 / 101.0 - 0.5).collect()
}

/// A graph's only node.
pub(crate) fn one_node(operator: &str, shape: &[i64], output: &[i64], attributes: Vec<pb::AttributeProto>) -> Model {
    let mut graph = Graph::new(13, shape);
    let y = graph.node(operator, &["x"], attributes);
    Model::from_onnx(graph.finish(&y, output)).unwrap()
}

pub(crate) fn window(kernel: i64, stride: i64) -> Vec<pb::AttributeProto> {
    vec![ints("kernel_shape", &[kernel, kernel]), ints("strides", &[stride, stride])]
}

/// A convolution without padding, 3x3, from 1 channel of 6x6 to 2 of 4x4.
pub(crate) fn conv(graph: &mut Graph, attributes: Vec<pb::AttributeProto>) -> String {
    let kernel = graph.constant(&[2, 1, 3, 3], &weights(18));
    let bias = graph.constant(&[2], &[0.1, -0.2]);
    graph.node("Conv", &["x", &kernel, &bias], attributes)
}

/// A file whose named tensors, which enter or leave, have these element types of ONNX instead of floats.
pub(crate) fn typed(onnx: &[u8], types: &[(&str, i32)]) -> Model {
    use pb::type_proto::Value;
    let mut proto = pb::ModelProto::decode(onnx).unwrap();
    let graph = proto.graph.as_mut().unwrap();
    for info in graph.input.iter_mut().chain(&mut graph.output) {
        let of = types.iter().find(|(name, _)| *name == info.name);
        let kind = info.r#type.as_mut().and_then(|kind| kind.value.as_mut());
        if let (Some((_, element)), Some(Value::TensorType(tensor))) = (of, kind) {
            tensor.elem_type = *element;
        }
    }
    Model::from_onnx(proto.encode_to_vec()).unwrap()
}
