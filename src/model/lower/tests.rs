use super::*;
use crate::model::{
    Input, Model,
    synthetic::{Graph, float, floats, int, random_mlp, tensor_attribute, to_onnx},
};

const SET: [i64; 3] = [9, 13, 21];

fn network() -> Mlp {
    random_mlp(&[6, 5, 3], 1).unwrap()
}

fn read(onnx: Vec<u8>) -> Result<Mlp, LowerError> {
    Mlp::from_model(&Model::from_onnx(onnx).unwrap())
}

fn transposed(dense: &Dense) -> Vec<f32> {
    let at = |j: usize| (0..dense.outputs).map(move |i| dense.weights[i * dense.inputs + j] as f32);
    (0..dense.inputs).flat_map(at).collect()
}

/// Same function, up to the order of additions.
fn same(found: &Mlp, expected: &Mlp) {
    let input = [0.3, -0.7, 1.0, 0.0, 0.25, -1.0];
    for (a, b) in found.run(&input).iter().zip(expected.run(&input)) {
        assert!((a - b).abs() < 1e-5, "{a} against {b}");
    }
}

#[test]
fn gemm_in_both_orientations_with_factors() {
    for opset in SET {
        let mlp = network();
        assert_eq!(read(to_onnx(&mlp)).unwrap(), mlp);
        let mut graph = Graph::new(opset, &[1, 6]);
        let dense = &mlp.hidden[0].dense;
        let half: Vec<f32> = transposed(dense).iter().map(|w| w / 2.0).collect();
        let fourth: Vec<f32> = dense.bias.iter().map(|b| (b / 4.0) as f32).collect();
        let (w, b) = (graph.constant(&[6, 5], &half), graph.constant(&[1, 5], &fourth));
        let name = graph.node("Gemm", &["x", &w, &b], vec![float("alpha", 2.0), float("beta", 4.0), int("transB", 0)]);
        let name = graph.node("Relu", &[&name], vec![]);
        let name = graph.gemm(&name, &mlp.last);
        same(&read(graph.finish(&name, &[1, 3])).unwrap(), &mlp);
    }
}

#[test]
fn matmul_and_add_behind_flatten_dropout_and_identity() {
    for opset in SET {
        let mlp = network();
        let mut graph = Graph::new(opset, &[1, 1, 2, 3]);
        let name = graph.node("Flatten", &["x"], vec![int("axis", 1)]);
        let w = graph.constant(&[6, 5], &transposed(&mlp.hidden[0].dense));
        graph.initializer_is_input();
        let name = graph.node("MatMul", &[&name, &w], vec![]);
        let bias = floats(&mlp.hidden[0].dense.bias);
        let b = graph.node("Constant", &[], vec![tensor_attribute("value", &[5], &bias)]);
        let b = graph.node("Identity", &[&b], vec![]);
        let name = graph.node("Add", &[&b, &name], vec![]);
        let name = graph.node("Relu", &[&name], vec![]);
        let name = graph.node("Dropout", &[&name], vec![]);
        let name = graph.node("Identity", &[&name], vec![]);
        let w = graph.constant(&[5, 3], &transposed(&mlp.last));
        let b = graph.constant(&[3], &floats(&mlp.last.bias));
        let name = graph.node("MatMul", &[&name, &w], vec![]);
        let name = graph.node("Add", &[&name, &b], vec![]);
        same(&read(graph.finish(&name, &[1, 3])).unwrap(), &mlp);
    }
}

#[test]
fn reshape_keeps_the_flat_order() {
    let mlp = network();
    let mut graph = Graph::new(13, &[1, 2, 3]);
    let shape = graph.integers(&[1, -1]);
    let name = graph.node("Reshape", &["x", &shape], vec![]);
    let name = graph.gemm(&name, &mlp.hidden[0].dense);
    let name = graph.node("Relu", &[&name], vec![]);
    let name = graph.gemm(&name, &mlp.last);
    same(&read(graph.finish(&name, &[1, 3])).unwrap(), &mlp);
}

#[test]
fn clip_from_zero_is_an_activation() {
    let mut mlp = network();
    mlp.hidden[0].upper = Some(0.5);
    assert_eq!(read(to_onnx(&mlp)).unwrap(), mlp);
    let mut graph = Graph::new(9, &[1, 6]);
    let name = graph.gemm("x", &mlp.hidden[0].dense);
    let name = graph.node("Clip", &[&name], vec![float("min", 0.0), float("max", 0.5)]);
    let name = graph.gemm(&name, &mlp.last);
    assert_eq!(read(graph.finish(&name, &[1, 3])).unwrap(), mlp);
    // A bound below zero is no activation of this relation.
    let mut graph = Graph::new(13, &[1, 6]);
    let name = graph.gemm("x", &mlp.hidden[0].dense);
    let (low, high) = (graph.constant(&[], &[-1.0]), graph.constant(&[], &[1.0]));
    let name = graph.node("Clip", &[&name, &low, &high], vec![]);
    let error = read(graph.finish(&name, &[1, 5])).unwrap_err();
    assert!(error.to_string().contains("Clip") && error.to_string().contains("begins at 0"), "{error}");
}

#[test]
fn neighbouring_dense_layers_are_fused_and_a_last_activation_is_passed_on() {
    let mlp = network();
    let mut graph = Graph::new(13, &[1, 6]);
    let name = graph.gemm("x", &mlp.hidden[0].dense);
    let name = graph.gemm(&name, &mlp.last);
    let fused = read(graph.finish(&name, &[1, 3])).unwrap();
    assert!(fused.hidden.is_empty());
    same(&fused, &Mlp { hidden: vec![], last: mlp.last.after(&mlp.hidden[0].dense) });

    let mut graph = Graph::new(13, &[1, 6]);
    let name = graph.gemm("x", &mlp.hidden[0].dense);
    let name = graph.node("Relu", &[&name], vec![]);
    let read = read(graph.finish(&name, &[1, 5])).unwrap();
    assert_eq!((read.hidden.len(), read.last), (1, Dense::identity(5)));
}

#[test]
fn what_is_not_read_is_named() {
    let mlp = network();
    let softmax = |graph: &mut Graph| {
        let name = graph.gemm("x", &mlp.last.after(&mlp.hidden[0].dense));
        (graph.node("Softmax", &[&name], vec![]), vec![1, 3])
    };
    let residual = |graph: &mut Graph| {
        let name = graph.gemm("x", &Dense::identity(6));
        (graph.node("Add", &[&name, "x"], vec![]), vec![1, 6])
    };
    let relu_first = |graph: &mut Graph| (graph.node("Relu", &["x"], vec![]), vec![1, 6]);
    type Build<'a> = &'a dyn Fn(&mut Graph) -> (String, Vec<i64>);
    let cases: [(Build<'_>, &str, &str); 3] = [
        (&softmax, "Softmax", "is not one"),
        (&residual, "Add", "which is no constant"),
        (&relu_first, "Relu", "applied to the input"),
    ];
    for (build, name, reason) in cases {
        let mut graph = Graph::new(13, &[1, 6]);
        let (output, shape) = build(&mut graph);
        let error = read(graph.finish(&output, &shape)).unwrap_err();
        assert!(matches!(&error, LowerError::Operator { operator, .. } if operator == name), "{error}");
        assert!(error.to_string().contains(&format!("node `{name}_n")), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn convolutions_batches_and_other_operator_sets_are_refused() {
    let mut graph = Graph::new(13, &[1, 1, 4, 4]);
    let kernel = graph.constant(&[1, 1, 3, 3], &[0.1; 9]);
    let name = graph.node("Conv", &["x", &kernel], vec![]);
    let error = read(graph.finish(&name, &[1, 1, 2, 2])).unwrap_err();
    assert!(error.to_string().contains("Conv"), "{error}");

    let mlp = network();
    let mut graph = Graph::new(13, &[2, 6]);
    let name = graph.gemm("x", &mlp.hidden[0].dense);
    let error = read(graph.finish(&name, &[2, 5])).unwrap_err();
    assert!(error.to_string().contains("one sample at a time"), "{error}");

    let mut graph = Graph::new(5, &[1, 6]);
    let name = graph.gemm("x", &mlp.hidden[0].dense);
    let error = Model::from_onnx(graph.finish(&name, &[1, 5])).unwrap_err();
    assert!(error.to_string().contains("`ai.onnx` is 5; 6 to 28 are read"), "{error}");
}

/// What is done to every number is put into the dense layer before it, or the one after it.
#[test]
fn affine_maps_are_put_into_dense_layers() {
    let mlp = network();
    let mut graph = Graph::new(13, &[1, 6]);
    let (mean, deviation) = (graph.constant(&[6], &[0.1, -0.2, 0.3, 0.0, 0.5, 1.0]), graph.constant(&[6], &[2.0; 6]));
    let name = graph.node("Sub", &["x", &mean], vec![]);
    let name = graph.node("Div", &[&name, &deviation], vec![]);
    let name = graph.gemm(&name, &mlp.hidden[0].dense);
    let lists = [vec![1.5, 0.5, 1.0, 2.0, 1.0], vec![0.1; 5], vec![0.2; 5], vec![0.9, 1.0, 1.1, 1.2, 1.3]];
    let lists = lists.map(|list| graph.constant(&[5], &list));
    let name = graph.node("BatchNormalization", &[&name, &lists[0], &lists[1], &lists[2], &lists[3]], vec![]);
    let name = graph.node("Relu", &[&name], vec![]);
    let (factor, shift) = (graph.constant(&[1, 5], &[0.5; 5]), graph.constant(&[], &[1.0]));
    let name = graph.node("Mul", &[&factor, &name], vec![]);
    let name = graph.node("Sub", &[&shift, &name], vec![]);
    let name = graph.gemm(&name, &mlp.last);
    // `Mlp::from_model` compares with the float execution.
    let read = read(graph.finish(&name, &[1, 3])).unwrap();
    assert_eq!(read.hidden.len(), 1);
}

/// A column and a row make a table: reshaping is nothing, broadcasting is not.
#[test]
fn a_sum_that_broadcasts_the_wire_is_refused() {
    let mut graph = Graph::new(13, &[1, 6]);
    let name = graph.gemm("x", &Dense::identity(6));
    let shape = graph.integers(&[6, 1]);
    let name = graph.node("Reshape", &[&name, &shape], vec![]);
    let row = graph.constant(&[6], &[0.5; 6]);
    let name = graph.node("Add", &[&name, &row], vec![]);
    let error = read(graph.finish(&name, &[6, 6])).unwrap_err().to_string();
    assert!(error.contains("Add_n2") && error.contains("[6, 6] of 6 numbers"), "{error}");
}

/// What is read is compared with what the model computes.
#[test]
fn the_float_execution_is_the_judge() {
    let mlp = network();
    let model = Model::from_onnx(to_onnx(&mlp)).unwrap();
    let input = vec![0.5; 6];
    let float = model.run(&Input::new(vec![input.clone()]).unwrap()).unwrap();
    for (a, b) in float[0].iter().zip(mlp.run(&input)) {
        assert!((f64::from(*a) - b).abs() < 1e-5);
    }
}
