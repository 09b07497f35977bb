//! A dozen kinds of networks, from ONNX to a verified proof, each close to its float model.

use crate::{
    onnx::{conv, one_node, typed, weights, window},
    world::build,
};
use zkinfer::{
    backend::ezkl::EzklOptions,
    model::{
        Input, Model,
        synthetic::{Graph, float, int},
    },
};

/// Proves one input with the tuner's default and compares every output with tract's.
fn proves(model: &Model) {
    let list = |elements: usize| (0..elements).map(|i| ((i * 37 + 11) % 101) as f64 / 100.0).collect();
    proves_on(model, model.inputs().iter().map(|tensor| list(tensor.elements())).collect());
}

fn proves_on(model: &Model, tensors: Vec<Vec<f64>>) {
    let built = build(model, EzklOptions::new()).unwrap();
    let input = Input::new(tensors).unwrap();
    let statement = built.proves(&input);
    let float = model.run(&input).unwrap().concat();
    let greatest = float.iter().fold(0.1f64, |most, x| most.max(f64::from(x.abs())));
    let outputs = built.outputs(&statement);
    assert_eq!(outputs.len(), float.len());
    for (quantized, float) in outputs.iter().zip(&float) {
        assert!((quantized - f64::from(*float)).abs() < 0.05 * greatest, "{quantized} against {float}");
    }
    let parity = zkinfer::backend::ezkl::EzklBackend::parity_of(&built.artifacts).unwrap().unwrap();
    assert!(parity.out_of_domain() == 0 && parity.relative_error() < 0.05, "{parity:?}");
}

fn finish(graph: Graph, output: &str, shape: &[i64]) -> Model {
    Model::from_onnx(graph.finish(output, shape)).unwrap()
}

#[test]
fn gemm_as_exporters_write_it() {
    let mut graph = Graph::new(9, &[1, 4]);
    let (w, b) = (graph.constant(&[4, 5], &weights(20)), graph.constant(&[5], &weights(5)));
    let hidden = graph.node("Gemm", &["x", &w, &b], vec![float("alpha", 0.5), float("beta", 2.0)]);
    let hidden = graph.node("Relu", &[&hidden], vec![]);
    let (w, b) = (graph.constant(&[3, 5], &weights(15)), graph.constant(&[3], &weights(3)));
    let y = graph.node("Gemm", &[&hidden, &w, &b], vec![int("transB", 1)]);
    proves(&finish(graph, &y, &[1, 3]));
}

#[test]
fn matmul_and_add() {
    let mut graph = Graph::new(13, &[1, 4]);
    let (w, b) = (graph.constant(&[4, 5], &weights(20)), graph.constant(&[5], &weights(5)));
    let hidden = graph.node("MatMul", &["x", &w], vec![]);
    let hidden = graph.node("Add", &[&b, &hidden], vec![]);
    let hidden = graph.node("Relu", &[&hidden], vec![]);
    let w = graph.constant(&[5, 2], &weights(10));
    let y = graph.node("MatMul", &[&hidden, &w], vec![]);
    proves(&finish(graph, &y, &[1, 2]));
}

#[test]
fn convolution_pooling_and_a_dense_layer() {
    let mut graph = Graph::new(13, &[1, 1, 6, 6]);
    let y = conv(&mut graph, window(3, 1));
    let y = graph.node("Relu", &[&y], vec![]);
    let y = graph.node("MaxPool", &[&y], window(2, 2));
    let y = graph.node("Flatten", &[&y], vec![]);
    let (w, b) = (graph.constant(&[3, 8], &weights(24)), graph.constant(&[3], &weights(3)));
    let y = graph.node("Gemm", &[&y, &w, &b], vec![int("transB", 1)]);
    proves(&finish(graph, &y, &[1, 3]));
}

#[test]
fn convolution_with_strides_and_padding() {
    let mut graph = Graph::new(13, &[1, 1, 6, 6]);
    let mut attributes = window(3, 2);
    attributes.push(crate::onnx::ints("pads", &[1, 1, 1, 1]));
    let y = conv(&mut graph, attributes);
    proves(&finish(graph, &y, &[1, 2, 3, 3]));
}

#[test]
fn average_pooling() {
    proves(&one_node("AveragePool", &[1, 1, 4, 4], &[1, 1, 2, 2], window(2, 2)));
    proves(&one_node("GlobalAveragePool", &[1, 2, 3, 3], &[1, 2, 1, 1], vec![]));
}

#[test]
fn batch_normalization() {
    let mut graph = Graph::new(13, &[1, 1, 6, 6]);
    let y = conv(&mut graph, window(3, 1));
    let of = |graph: &mut Graph, values: &[f32]| graph.constant(&[2], values);
    let parameters =
        [&[1.1, 0.9], &[0.1, -0.1], &[0.2, 0.3], &[0.5, 1.5]].map(|values: &[f32; 2]| of(&mut graph, values));
    let inputs = [&[y.as_str()][..], &parameters.each_ref().map(String::as_str)].concat();
    let y = graph.node("BatchNormalization", &inputs, vec![]);
    let y = graph.node("Relu", &[&y], vec![]);
    proves(&finish(graph, &y, &[1, 2, 4, 4]));
}

#[test]
fn softmax_after_a_dense_layer() {
    let mut graph = Graph::new(13, &[1, 4]);
    let (w, b) = (graph.constant(&[4, 3], &weights(12)), graph.constant(&[3], &weights(3)));
    let y = graph.node("Gemm", &["x", &w, &b], vec![]);
    let y = graph.node("Softmax", &[&y], vec![int("axis", 1)]);
    proves(&finish(graph, &y, &[1, 3]));
}

#[test]
fn activations_from_lookup_tables() {
    for operator in ["Sigmoid", "Tanh"] {
        proves(&one_node(operator, &[1, 4], &[1, 4], vec![]));
    }
}

#[test]
fn piecewise_linear_activations() {
    proves(&one_node("LeakyRelu", &[1, 4], &[1, 4], vec![float("alpha", 0.25)]));
    let mut graph = Graph::new(13, &[1, 4]);
    let (low, high) = (graph.constant(&[], &[0.25]), graph.constant(&[], &[0.75]));
    let y = graph.node("Clip", &["x", &low, &high], vec![]);
    proves(&finish(graph, &y, &[1, 4]));
}

#[test]
fn residual_and_concatenation() {
    let mut graph = Graph::new(13, &[1, 4]);
    let (w, b) = (graph.constant(&[4, 4], &weights(16)), graph.constant(&[4], &weights(4)));
    let y = graph.node("Gemm", &["x", &w, &b], vec![]);
    let relu = graph.node("Relu", &[&y], vec![]);
    let sum = graph.node("Add", &[&relu, "x"], vec![]);
    let y = graph.node("Concat", &[&sum, &relu], vec![int("axis", 1)]);
    proves(&finish(graph, &y, &[1, 8]));
}

/// Two towers put together, and two heads: all tensors are in the statement, in the graph's order.
#[test]
fn several_inputs_and_outputs() {
    let mut graph = Graph::new(13, &[1, 3]);
    graph.input("right", &[1, 2]);
    let both = graph.node("Concat", &["right", "x"], vec![int("axis", 1)]);
    let (v, w) = (graph.constant(&[5, 4], &weights(20)), graph.constant(&[4, 2], &weights(8)));
    let z = graph.node("MatMul", &[&both, &v], vec![]);
    let hidden = graph.node("Relu", &[&z], vec![]);
    let scores = graph.node("MatMul", &[&hidden, &w], vec![]);
    proves(&Model::from_onnx(graph.finish_with(&[(&scores, &[1, 2]), (&hidden, &[1, 4])])).unwrap());
}

/// Of zeros this makes a quotient that no circuit holds: keys are tried out on a sample then.
#[test]
fn a_model_that_zeros_are_too_much_for() {
    let mut graph = Graph::new(13, &[1, 4]);
    let squares = graph.node("Mul", &["x", "x"], vec![]);
    let mean = graph.node("ReduceMean", &[&squares], vec![crate::onnx::ints("axes", &[1])]);
    let root = graph.node("Sqrt", &[&mean], vec![]);
    let y = graph.node("Div", &["x", &root], vec![]);
    proves(&finish(graph, &y, &[1, 4]));
}

/// The row of a table, and a mask: whole numbers, as they are, in the circuit and in the statement.
#[test]
fn integers_and_booleans_enter() {
    let mut graph = Graph::new(13, &[1, 2]);
    graph.input("row", &[1]);
    graph.input("mask", &[1, 2]);
    let table = graph.constant(&[3, 2], &weights(6));
    let picked = graph.node("Gather", &[&table, "row"], vec![]);
    let sum = graph.node("Add", &["x", &picked], vec![]);
    let y = graph.node("Where", &["mask", &sum, "x"], vec![]);
    let file = graph.finish(&y, &[1, 2]);
    proves_on(&typed(&file, &[("row", 7), ("mask", 9)]), vec![vec![0.5, 0.25], vec![2.0], vec![1.0, 0.0]]);
}

/// The smallest columns that its numbers would do with are too short for a table of 600: longer ones are chosen.
#[test]
fn one_of_many_numbers_is_picked() {
    let mut graph = Graph::new(13, &[1, 600]);
    graph.input("at", &[1, 1]);
    let y = graph.node("GatherElements", &["x", "at"], vec![int("axis", 1)]);
    let file = graph.finish(&y, &[1, 1]);
    let numbers = (0..600).map(|i| f64::from(i) / 1024.0).collect();
    proves_on(&typed(&file, &[("at", 7)]), vec![numbers, vec![599.0]]);
}

/// What integers are compared and counted to stays exact.
#[test]
fn integers_are_computed_with() {
    let mut graph = Graph::new(13, &[1, 3]);
    graph.input("b", &[1, 3]);
    let product = graph.node("Mul", &["x", "b"], vec![]);
    let sum = graph.node("Add", &[&product, "x"], vec![]);
    let file = graph.finish_with(&[(&sum, &[1, 3])]);
    let model = typed(&file, &[("x", 6), ("b", 6), (&sum, 6)]);
    let built = build(&model, EzklOptions::new()).unwrap();
    let statement = built.proves(&Input::new(vec![vec![3.0, -40.0, 0.0], vec![7.0, 5.0, -9.0]]).unwrap());
    assert_eq!(built.outputs(&statement), [24.0, -240.0, 0.0]);
}

#[test]
fn shapes_that_change() {
    let mut graph = Graph::new(13, &[1, 2, 3]);
    let y = graph.node("Transpose", &["x"], vec![crate::onnx::ints("perm", &[0, 2, 1])]);
    let shape = graph.integers(&[1, 6]);
    let y = graph.node("Reshape", &[&y, &shape], vec![]);
    let y = graph.node("Identity", &[&y], vec![]);
    let w = graph.constant(&[6, 2], &weights(12));
    let y = graph.node("MatMul", &[&y, &w], vec![]);
    proves(&finish(graph, &y, &[1, 2]));
}
