use crate::model::{Input, InputForm, InputTensor, Inputs, TensorInfo, graph::Element};

fn tensor(name: &str, shape: &[u64], element: Element) -> InputTensor {
    InputTensor { info: TensorInfo { name: name.into(), shape: shape.to_vec() }, element, batch: shape[0] == 1 }
}

fn one() -> InputForm {
    InputForm::new(vec![tensor("x", &[1, 4], Element::Float32)])
}

fn two() -> InputForm {
    InputForm::new(vec![tensor("a", &[1, 2], Element::Float32), tensor("b", &[1, 3], Element::Int64)])
}

fn read(form: &InputForm, json: &str) -> Inputs {
    form.json(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn lists(form: &InputForm, json: &str) -> Vec<Vec<Vec<f64>>> {
    read(form, json).inputs.iter().map(|input| input.tensors().to_vec()).collect()
}

fn refusal(form: &InputForm, json: &str) -> String {
    form.json(json.as_bytes()).expect_err(json).to_string()
}

#[test]
fn lists_are_flat_or_nested_as_the_shape() {
    let expected = [[[0.5, 1.0, -2000.0, 4.0]]];
    for json in [
        r#"{"input_data": [[0.5, 1, -2e3, 4]]}"#,
        r#"{"input_data": [[[0.5, 1, -2e3, 4]]]}"#,
        r#"{"input_data": [[[[0.5, 1, -2e3, 4]]]]}"#,
        r#"{"input_data": [0.5, 1, -2e3, 4]}"#,
        r#"{"x": [0.5, 1, -2e3, 4]}"#,
        r#"{"x": [[0.5, 1, -2e3, 4]]}"#,
        "\u{feff}{\"input_data\": [[0.5, 1, -2e3, 4]]}\n",
    ] {
        assert_eq!(lists(&one(), json), expected, "{json}");
        assert!(read(&one(), json).remarks.is_empty());
    }
    assert_eq!(lists(&one(), r#"{"input_data": [[true, false, 0, 1]]}"#), [[[1.0, 0.0, 0.0, 1.0]]]);
    let input = read(&one(), r#"{"x": [0.1, 0.2, 0.3, 0.4]}"#).inputs.remove(0);
    assert_eq!(read(&one(), std::str::from_utf8(&input.to_json()).unwrap()).inputs, [input]);
}

/// As EZKL's notebooks write them: a list per output element, and shapes without the batch axis.
#[test]
fn other_keys_are_ignored_with_a_remark() {
    let json = r#"{"input_shapes": [[4]], "input_data": [[1, 2, 3, 4]], "output_data": [[0.1], [0.2]], "x": [9]}"#;
    let found = read(&one(), json);
    assert_eq!(found.inputs, [Input::new(vec![vec![1.0, 2.0, 3.0, 4.0]]).unwrap()]);
    assert_eq!(found.remarks, ["ignored: `input_shapes`, `output_data`, `x`"]);
}

#[test]
fn several_tensors_are_listed_or_named() {
    let expected = [[vec![1.0, 2.0], vec![3.0, 4.0, 5.0]]];
    assert_eq!(lists(&two(), r#"{"input_data": [[1, 2], [3, 4, 5]]}"#), expected);
    assert_eq!(lists(&two(), r#"{"b": [3, 4, 5], "a": [[1, 2]]}"#), expected);
    assert!(refusal(&two(), r#"{"a": [1, 2]}"#).contains("neither `input_data` nor `b`"));
    assert!(refusal(&two(), r#"{"input_data": [1, 2]}"#).contains("no list per tensor"));
    assert!(refusal(&two(), r#"{"input_data": [[1, 2]]}"#).contains("1 tensor in `input_data`"));
    let wrong = refusal(&two(), r#"{"input_data": [[1, 2], [3, 4]]}"#);
    assert_eq!(wrong, "the input `b` (int64, shape [1, 3]) is given 2 numbers and takes 3");
}

#[test]
fn rows_are_inferences() {
    let found = lists(&one(), r#"{"input_data": [[[1, 2, 3, 4], [5, 6, 7, 8]]]}"#);
    assert_eq!(found, [[[1.0, 2.0, 3.0, 4.0]], [[5.0, 6.0, 7.0, 8.0]]]);
    let found = lists(&two(), r#"{"a": [[1, 2], [3, 4]], "b": [[1, 2, 3], [4, 5, 6]]}"#);
    assert_eq!(found[1], [vec![3.0, 4.0], vec![4.0, 5.0, 6.0]]);
    let uneven = refusal(&two(), r#"{"a": [[1, 2], [3, 4]], "b": [1, 2, 3]}"#);
    assert!(uneven.contains("has 1 inferences, the tensors before it have 2"), "{uneven}");
    // A flat list of several is one only for samples.
    let flat = r#"{"input_data": [[1, 2, 3, 4, 5, 6, 7, 8]]}"#;
    assert!(refusal(&one(), flat).contains("is given 8 numbers and takes 4"));
    assert_eq!(lists(&one().samples(), flat).len(), 2);
}

#[test]
fn what_is_wrong_is_said_with_the_tensor() {
    let digits = "4".repeat(64);
    for (json, why) in [
        (format!(r#"{{"input_data": [["{digits}", "{digits}"]]}}"#), "a field element"),
        (format!(r#"{{"input_data": ["{digits}"]}}"#), "a field element"),
        (
            r#"{"input_data": [[1, "2", 3, 4]]}"#.into(),
            "has the text `2` in the place of number 1; write numbers without quotes",
        ),
        (r#"{"input_data": [1, 2, null, 4]}"#.into(), "has null in the place of number 2"),
        (r#"{"input_data": [[1, null, 3, 4]]}"#.into(), "has null in the place of number 1"),
        (r#"{"input_data": [[1, {"a": 2}, 3, 4]]}"#.into(), "has an object in the place of number 1"),
        (r#"{"input_data": [[1, {}, 3, 4]]}"#.into(), "has an object in the place of number 1"),
        (r#"{"input_data": [[1, [2], 3, 4]]}"#.into(), "mixes"),
        (r#"{"input_data": [[[1], 2, 3, 4]]}"#.into(), "mixes"),
        (r#"{"input_data": [1, [2, 3, 4]]}"#.into(), "mixes"),
        (r#"{"input_data": [[[1, 2], [3]]]}"#.into(), "a list of 1 beside one of 2"),
        (r#"{"input_data": [[[1, 2], [3, 4]]]}"#.into(), "nested as [2, 2]"),
        (r#"{"input_data": [[]]}"#.into(), "no number"),
        (r#"{"input_data": [[[], []]]}"#.into(), "no number"),
        (r#"{"input_data": [[1, 2, 3]]}"#.into(), "is given 3 numbers and takes 4"),
        (r#"{"input_data": [[1, 2, 3, 1e39]]}"#.into(), "which float32 cannot hold, as number 3"),
        (format!(r#"{{"x": {}1{}}}"#, "[".repeat(40), "]".repeat(40)), "nested too deeply"),
    ] {
        let error = refusal(&one(), &json);
        assert!(error.starts_with("the input `x` (float32, shape [1, 4]) ") && error.contains(why), "{json}: {error}");
    }
    let half = refusal(&two(), r#"{"input_data": [[1, 2], [3, 4.5, 5]]}"#);
    assert_eq!(half, "the input `b` (int64, shape [1, 3]) is given 4.5, which is no int64, as number 1");
}

#[test]
fn what_is_no_input_is_refused() {
    for (json, why) in [
        (r#"{"input_data": [[NaN, 1, 2, 3]]}"#, "NaN or infinite"),
        (r#"{"input_data": [[1, -Infinity, 2, 3]]}"#, "NaN or infinite"),
        (r#"{"input_data": [[1, 2, 3, 1e999]]}"#, "1"),
        (r#"{"input_data": 5}"#, "list of numbers per tensor"),
        (r#"{"input_data": [[1, 2, 3, 4]]} x"#, "trailing"),
        (r#"{"input_data": [[1, 2, 3, 4]], "input_data": [[1, 2, 3, 4]]}"#, "twice"),
        (r#"{"other": 1, "input_data": [[1, 2, 3, 4]], "other": 2}"#, "twice"),
        (r#"{"input_data": [[1, 2, 3, 4], [5, 6, 7, 8]]}"#, "several inferences are one list of lists"),
        (r#"{"y": [1, 2, 3, 4]}"#, "neither `input_data` nor `x`, but `y`"),
        ("[[1, 2, 3, 4]]", "an object with `input_data`"),
        ("{}", "nothing else"),
        ("", "EOF"),
    ] {
        let error = refusal(&one(), json);
        assert!(error.contains(why), "{json}: {error}");
    }
    assert!(one().json(b"\xff\xfe{\x00").unwrap_err().to_string().contains("UTF-16"));
}
