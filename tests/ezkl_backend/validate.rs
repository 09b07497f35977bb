//! Models that EZKL would compute wrongly, or not at all, are refused before it sees them, and the node is named.

use crate::{
    onnx::{conv, ints, one_node, text, typed, weights, window},
    world::{backend, digits, fresh_cache},
};
use prost::Message;
use tract_onnx::pb;
use zkinfer::{
    FailureClass,
    backend::{BackendError, Control, ProvingBackend, ezkl::EzklBackend},
    model::{
        Model, ModelError,
        synthetic::{Graph, float, int},
    },
};

/// Compiles without any worker being started: the refusal is not EZKL's.
fn refused(model: &Model, words: &[&str]) {
    let (_dir, cache) = fresh_cache();
    let backend: std::sync::Arc<EzklBackend> = backend(&cache);
    let dir = tempfile::tempdir().unwrap();
    let error = backend.compile(model, dir.path(), &Control::default()).unwrap_err();
    assert!(matches!(error, BackendError::Unsupported { .. }), "{error}");
    assert_eq!(error.class(), FailureClass::BadInput);
    let text = error.to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    assert_eq!(backend.pool_status().started, 0, "EZKL was asked");
}

#[test]
fn quantization_operators_are_identities_in_ezkl() {
    let mut graph = Graph::new(13, &[1, 4]);
    let scale = graph.constant(&[], &[0.1]);
    let y = graph.node("QuantizeLinear", &["x", &scale], vec![]);
    let y = graph.node("DequantizeLinear", &[&y, &scale], vec![]);
    let model = Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap();
    refused(&model, &["QuantizeLinear", "identity", "QuantizeLinear_n0"]);
    let mut graph = Graph::new(13, &[1, 4]);
    let zero = graph.node("Identity", &["x"], vec![]);
    let scale = graph.constant(&[], &[0.1]);
    let quantized = graph.node("QuantizeLinear", &[&zero, &scale], vec![]);
    let y = graph.node("DequantizeLinear", &[&quantized, &scale], vec![]);
    refused(&Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap(), &["QuantizeLinear_n1"]);
}

#[test]
fn windows_have_no_dilations() {
    let mut graph = Graph::new(13, &[1, 1, 6, 6]);
    let mut attributes = window(3, 1);
    attributes.push(ints("dilations", &[2, 2]));
    let y = conv(&mut graph, attributes);
    refused(&Model::from_onnx(graph.finish(&y, &[1, 2, 2, 2])).unwrap(), &["dilations [2, 2]", "Conv_n0"]);
}

/// The second output of MaxPool: EZKL has no places.
#[test]
fn where_maxima_are_is_not_told() {
    let mut graph = Graph::new(13, &[1, 1, 4, 4]);
    let y = graph.node("MaxPool", &["x"], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]);
    let mut proto =
        pb::ModelProto::decode(&*graph.finish_with(&[(&y, &[1, 1, 2, 2]), ("places", &[1, 1, 2, 2])])).unwrap();
    proto.graph.as_mut().unwrap().node[0].output.push("places".into());
    refused(&Model::from_onnx(proto.encode_to_vec()).unwrap(), &["maxima of MaxPool", "MaxPool_n0"]);
}

/// EZKL wants strides in the file also where they are 1: the canonical file has them.
#[test]
fn what_a_file_may_leave_out_is_written() {
    let mut graph = Graph::new(13, &[1, 1, 6, 6]);
    let y = conv(&mut graph, vec![]);
    let model = Model::from_onnx(graph.finish(&y, &[1, 2, 4, 4])).unwrap();
    let proto = pb::ModelProto::decode(model.canonical_onnx()).unwrap();
    let node = &proto.graph.unwrap().node[0];
    let list = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name).unwrap().ints.clone();
    assert_eq!((list("strides"), list("kernel_shape"), list("pads")), (vec![1, 1], vec![3, 3], vec![0; 4]));
}

#[test]
fn operators_that_ezkl_does_not_know_are_named() {
    refused(&one_node("IsNaN", &[1, 4], &[1, 4], vec![]), &["IsNaN", "IsNaN_n0"]);
    let mut graph = Graph::new(13, &[1, 4]);
    let divisor = graph.constant(&[], &[0.5]);
    let y = graph.node("Mod", &["x", &divisor], vec![int("fmod", 1)]);
    refused(&Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap(), &["Mod", "Mod_n0"]);
}

#[test]
fn what_a_known_operator_cannot_do_is_named() {
    let mut graph = Graph::new(13, &[1, 4]);
    let constant = graph.constant(&[1, 4], &weights(4));
    let y = graph.node("Max", &["x", &constant], vec![]);
    refused(&Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap(), &["Max", "one number", "Max_n0"]);

    let mut graph = Graph::new(13, &[1, 4]);
    let y = graph.node("Pow", &["x", "x"], vec![]);
    refused(&Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap(), &["exponent", "Pow_n0"]);

    let mut graph = Graph::new(13, &[1, 4]);
    let y = graph.node("Cast", &["x"], vec![int("to", 7)]);
    let y = graph.node("Cast", &[&y], vec![int("to", 1)]);
    refused(&Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap(), &["rounds", "Cast_n0"]);

    let mut graph = Graph::new(11, &[1, 1, 2, 2]);
    let (roi, scales) = (graph.constant(&[0], &[]), graph.constant(&[4], &[1.0, 1.0, 2.0, 2.0]));
    let y = graph.node("Resize", &["x", &roi, &scales], vec![text("mode", "linear")]);
    refused(&Model::from_onnx(graph.finish(&y, &[1, 1, 4, 4])).unwrap(), &["nearest", "Resize_n0"]);
}

/// EZKL takes these and computes something else: it would keep 3.5 of 7 / 2, leave -7 and 0.5 as they are, and add nothing up.
#[test]
fn what_ezkl_computes_in_another_way_is_named() {
    let of_integers = |operator: &str, second: &[i64], to: i32, attributes: Vec<pb::AttributeProto>| {
        let mut graph = Graph::new(13, &[2]);
        let mut inputs = vec!["x".to_owned()];
        if !second.is_empty() {
            inputs.push(graph.integers(second));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let y = graph.node(operator, &inputs, attributes);
        typed(&graph.finish(&y, &[2]), &[("x", 7), (&y, to)])
    };
    refused(&of_integers("Div", &[2, 2], 7, vec![]), &["Div of integers", "Div_n0"]);
    refused(&of_integers("Cast", &[], 2, vec![int("to", 2)]), &["wrap around", "int64", "uint8"]);
    refused(&of_integers("Cast", &[], 9, vec![int("to", 9)]), &["Cast to bool"]);

    let mut graph = Graph::new(13, &[1, 4]);
    let y = graph.node("Cast", &["x"], vec![int("to", 9)]);
    let y = graph.node("Cast", &[&y], vec![int("to", 1)]);
    refused(&Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap(), &["Cast to bool", "Cast_n0"]);

    let mut graph = Graph::new(14, &[4]);
    let axis = graph.integers(&[0]);
    let y = graph.node("CumSum", &["x", &axis], vec![int("exclusive", 1)]);
    refused(&Model::from_onnx(graph.finish(&y, &[4])).unwrap(), &["CumSum", "CumSum_n0"]);

    let padded = [window(2, 1), vec![ints("pads", &[1, 0, 0, 0])]].concat();
    refused(&one_node("AveragePool", &[1, 1, 4, 4], &[1, 1, 4, 3], padded), &["padding", "AveragePool_n0"]);

    // A mask.
    let mut graph = Graph::new(14, &[2]);
    let mask = graph.constant(&[2], &[0.0, f32::NEG_INFINITY]);
    let masked = graph.node("Add", &["x", &mask], vec![]);
    let y = graph.node("Softmax", &[&masked], vec![]);
    refused(&Model::from_onnx(graph.finish(&y, &[2])).unwrap(), &["beyond its integers", "Add_n0"]);

    let mut graph = Graph::new(14, &[2, 3]);
    let y = graph.node("Trilu", &["x"], vec![int("upper", 0)]);
    refused(&Model::from_onnx(graph.finish(&y, &[2, 3])).unwrap(), &["square", "Trilu_n0"]);

    let mut graph = Graph::new(16, &[4]);
    let (places, updates) = (graph.integers(&[1]), graph.constant(&[1], &[0.5]));
    let y = graph.node("ScatterElements", &["x", &places, &updates], vec![text("reduction", "add")]);
    refused(&Model::from_onnx(graph.finish(&y, &[4])).unwrap(), &["replace", "ScatterElements_n0"]);
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    // EZKL would turn a NaN weight into 0.
    let mut graph = Graph::new(13, &[1, 4]);
    let w = graph.constant(&[4, 1], &[0.5, f32::NAN, 0.5, 0.5]);
    let y = graph.node("MatMul", &["x", &w], vec![]);
    let error = Model::from_onnx(graph.finish(&y, &[1, 1])).unwrap_err();
    assert!(matches!(&error, ModelError::NotFinite { tensor, index: 1, .. } if tensor == "c0"), "{error}");
    let mut graph = Graph::new(13, &[1, 4]);
    let y = graph.node("LeakyRelu", &["x"], vec![float("alpha", f32::NAN)]);
    let error = Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap_err().to_string();
    assert!(["alpha", "not finite", "LeakyRelu_n0"].iter().all(|word| error.contains(word)), "{error}");
}

#[test]
fn operators_of_other_domains_are_refused() {
    let mut proto = pb::ModelProto::decode(digits().canonical_onnx()).unwrap();
    proto.graph.as_mut().unwrap().node[0].domain = "com.example".into();
    let error = Model::from_onnx(proto.encode_to_vec()).unwrap_err().to_string();
    assert!(error.contains("com.example:Gemm"), "{error}");
}
