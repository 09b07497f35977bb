//! Inputs as users have them, with models that take them: each is a small likeness of what a public bug report was about.

use crate::model::{
    Inputs, Model, ReadOptions,
    graph::testing::{File, attribute},
};

/// `y = [x0 + 2 x1 + 0.5, -x0]`.
fn dense(file: File, input: &str) -> File {
    let file = file.weights("w", &[2, 2], &[1.0, 2.0, -1.0, 0.0]).weights("b", &[2], &[0.5, 0.0]);
    file.node_with("Gemm", &[input, "w", "b"], &["y"], |writer| attribute(writer, "transB", 1)).output("y")
}

fn model(file: File) -> Model {
    Model::from_onnx(file.bytes()).unwrap()
}

fn mlp() -> Model {
    model(dense(File::of(17).floats("x", &["1", "2"]), "x"))
}

fn answers(model: &Model, found: &Inputs) -> Vec<Vec<f32>> {
    found.inputs.iter().map(|input| model.run(input).unwrap().concat()).collect()
}

fn json(model: &Model, json: &str) -> Vec<Vec<f32>> {
    answers(model, &model.input_form().json(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}")))
}

fn refusal(model: &Model, json: &str) -> String {
    model.input_form().json(json.as_bytes()).expect_err(json).to_string()
}

const ONE: &str = r#"{"input_data": [[1, 1]]}"#;

#[test]
fn files_of_ezkls_notebooks_are_read() {
    let with_keys = r#"{"input_shapes": [[2]], "input_data": [[1, 1]], "output_data": [[3.5], [-1]]}"#;
    let nested = r#"{"input_data": [[[1, 1]]]}"#;
    let marked = format!("\u{feff}{ONE}");
    for file in [ONE, with_keys, nested, &marked] {
        assert_eq!(json(&mlp(), file), [[3.5, -1.0]], "{file}");
    }
    let digits = "4".repeat(64);
    let field = refusal(&mlp(), &format!(r#"{{"input_data": [["{digits}", "{digits}"]]}}"#));
    assert!(field.contains("`x` (float32, shape [1, 2])") && field.contains("write decimal numbers"), "{field}");
}

#[test]
fn integers_are_those_of_their_type() {
    let file = File::of(17).input("ages", 7, &["1", "2"]);
    let file = file.node_with("Cast", &["ages"], &["f"], |writer| attribute(writer, "to", 1));
    let model = model(dense(file, "f"));
    assert_eq!(json(&model, ONE), [[3.5, -1.0]]);
    let half = refusal(&model, r#"{"input_data": [[1.5, 1]]}"#);
    assert_eq!(half, "the input `ages` (int64, shape [1, 2]) is given 1.5, which is no int64, as number 0");
    let truths = File::of(17).input("flags", 9, &["1", "2"]);
    let truths = truths.node_with("Cast", &["flags"], &["f"], |writer| attribute(writer, "to", 1));
    let truths = self::model(dense(truths, "f"));
    assert_eq!(json(&truths, r#"{"flags": [true, false]}"#), [[1.5, -1.0]]);
    assert!(refusal(&truths, r#"{"flags": [2, 0]}"#).contains("2, which bool cannot hold"));
}

/// Without a batch axis rows stand in front of the shape.
#[test]
fn models_of_one_axis_take_rows() {
    let file = File::of(17).floats("x", &["2"]).weights("w", &[2, 2], &[1.0, -1.0, 2.0, 0.0]);
    let model = model(file.node("MatMul", &["x", "w"], "y").output("y"));
    assert_eq!(json(&model, ONE), [[3.0, -1.0]]);
    assert_eq!(json(&model, r#"{"x": [[1, 1], [0, 1]]}"#), [[3.0, -1.0], [2.0, 0.0]]);
    let table = model.input_form().csv(b"height,weight\n1,1\n0,1\n").unwrap();
    assert_eq!(answers(&model, &table), [[3.0, -1.0], [2.0, 0.0]]);
}

#[test]
fn rows_of_a_batch_axis_are_inferences() {
    let rows = r#"{"input_data": [[[1, 1], [0, 1], [0, 0]]]}"#;
    let expected = [[3.5, -1.0], [2.5, 0.0], [0.5, 0.0]];
    for axis in ["batch_size", "", "1"] {
        let model = model(dense(File::of(10).floats("x", &[axis, "2"]), "x"));
        assert_eq!(json(&model, rows), expected, "{axis}");
        assert_eq!(json(&model, ONE), [expected[0]]);
    }
    // An axis of the user's size is part of the input.
    let file = dense(File::of(17).floats("x", &["n", "2"]), "x").bytes();
    let options = ReadOptions { dims: [("n".to_owned(), 3)].into() };
    let three = Model::from_onnx_with(&file, &options).unwrap();
    assert_eq!(json(&three, rows), [expected.concat()]);
    assert!(refusal(&three, ONE).contains("is given 2 numbers and takes 6"));
}

#[test]
fn several_tensors_keep_the_graphs_order() {
    let file = File::of(17).floats("left", &["1", "1"]).floats("right", &["1", "1"]);
    let file = file.node_with("Concat", &["left", "right"], &["x"], |writer| attribute(writer, "axis", 1));
    let model = model(dense(file, "x"));
    for file in
        [r#"{"input_data": [[1], [2]]}"#, r#"{"right": [2], "left": [1]}"#, r#"{"right": [[2]], "left": [[1]]}"#]
    {
        assert_eq!(json(&model, file), [[5.5, -1.0]], "{file}");
    }
    let table = model.input_form().csv(b"right,left\n2,1\n0,1\n").unwrap();
    assert_eq!(answers(&model, &table), [[5.5, -1.0], [1.5, -1.0]]);
    assert!(refusal(&model, r#"{"input_data": [[1, 2]]}"#).contains("`left` (float32, shape [1, 1]), `right`"));
}

/// One sample as a column, which the first operator transposes.
#[test]
fn columns_are_nested_as_the_shape_or_flat() {
    let file = File::of(17).floats("x", &["2", "1"]).weights("w", &[2, 2], &[1.0, -1.0, 2.0, 0.0]);
    let file = file.node_with("Gemm", &["x", "w"], &["y"], |writer| attribute(writer, "transA", 1));
    let model = model(file.output("y"));
    for file in [ONE, r#"{"x": [[1], [1]]}"#] {
        assert_eq!(json(&model, file), [[3.0, -1.0]], "{file}");
    }
    assert!(refusal(&model, r#"{"x": [[[1, 1], [1, 1]]]}"#).contains("nested as [1, 2, 2]"));
}
