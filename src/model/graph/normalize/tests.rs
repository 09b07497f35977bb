//! Operators that are taken apart, with numbers that can be worked out by hand.

use crate::model::{
    Input, Model,
    graph::{
        Operator, Tensor,
        testing::{File, Writer, attribute},
    },
};

pub(in crate::model::graph) fn answers(file: File, inputs: &[&[f64]]) -> Vec<f32> {
    let model = Model::from_onnx(file.bytes()).unwrap();
    let input = Input::new(inputs.iter().map(|list| list.to_vec()).collect()).unwrap();
    model.run(&input).unwrap().concat()
}

pub(in crate::model::graph) fn expect(file: File, inputs: &[&[f64]], expected: &[f32]) {
    let found = answers(file, inputs);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert!(
        found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1.0)),
        "{found:?} {expected:?}"
    );
}

pub(in crate::model::graph) fn refusal(file: File) -> String {
    Model::from_onnx(file.bytes()).unwrap_err().to_string()
}

/// Writes a graph into a node's attribute.
pub(in crate::model::graph) fn graph(writer: &mut Writer, name: &str, graph: File) {
    writer.message(5, |attribute| {
        attribute.text(1, name);
        attribute.int(20, 5);
        attribute.bytes(6, &graph.graph());
    });
}

#[test]
fn a_causal_query_sees_what_came_before() {
    let file = || File::of(23).floats("q", &["1", "1", "2", "1"]).floats("v", &["1", "1", "2", "1"]);
    let causal = file().node_with("Attention", &["q", "q", "v"], &["y"], |w| attribute(w, "is_causal", 1));
    expect(causal.output("y"), &[&[0.0, 0.0], &[2.0, 4.0]], &[2.0, 3.0]);
    // A mask of truth values under which the first query may look at nothing.
    let mask = Tensor::ints(crate::model::graph::Element::Bool, vec![2, 2], vec![0, 0, 0, 1]);
    let masked = file().constant("m", &mask).node("Attention", &["q", "q", "v", "m"], "y");
    expect(masked.output("y"), &[&[0.0, 0.0], &[2.0, 4.0]], &[0.0, 4.0]);
    // Heads side by side; two of queries share one of keys.
    let file = File::of(23).floats("q", &["1", "2", "2"]).floats("v", &["1", "2", "1"]);
    let shared = file.node_with("Attention", &["q", "v", "v"], &["y"], |writer| {
        attribute(writer, "q_num_heads", 2);
        attribute(writer, "kv_num_heads", 1);
    });
    expect(shared.output("y"), &[&[0.0; 4], &[2.0, 4.0]], &[3.0; 4]);
}

#[test]
fn minus_infinity_in_masks_takes_no_part() {
    let masked = |numbers: &[f32]| {
        let file = File::of(17).floats("x", &["1", "2"]).weights("m", &[2], numbers).node("Add", &["x", "m"], "a");
        file.node_with("Softmax", &["a"], &["y"], |w| attribute(w, "axis", -1)).output("y")
    };
    expect(masked(&[0.0, f32::NEG_INFINITY]), &[&[1.0, 50.0]], &[1.0, 0.0]);
    // It is not silent about what it put there.
    let remarks = |numbers: &[f32]| Model::from_onnx(masked(numbers).bytes()).unwrap().remarks().join("\n");
    let said = remarks(&[0.0, f32::NEG_INFINITY]);
    assert!(said.contains("`m`") && said.contains("minus infinity") && said.contains("-8.5"), "{said}");
    assert_eq!(remarks(&[0.0, -1.0]), "");
    // Elsewhere it is a number that is none.
    assert!(refusal(masked(&[0.5, f32::NEG_INFINITY])).contains("-inf"));
    assert!(refusal(masked(&[0.0, f32::INFINITY])).contains("inf"));
}

#[test]
fn pairs_are_turned() {
    let file = File::of(23).floats("x", &["1", "1", "1", "4"]).weights("c", &[1, 1, 1], &[0.0]);
    let file = file.weights("s", &[1, 1, 1], &[1.0]);
    let turn = |writer: &mut Writer| attribute(writer, "rotary_embedding_dim", 2);
    let file = file.node_with("RotaryEmbedding", &["x", "c", "s"], &["y"], turn);
    expect(file.output("y"), &[&[1.0, 2.0, 3.0, 4.0]], &[-2.0, 1.0, 3.0, 4.0]);
}

#[test]
fn losses_are_means_over_what_counts() {
    let file = |ignored: Option<i64>| {
        let file = File::of(17).floats("x", &["2", "2"]).list("t", &[1, 0]);
        let write =
            |writer: &mut Writer| ignored.into_iter().for_each(|index| attribute(writer, "ignore_index", index));
        file.node_with("NegativeLogLikelihoodLoss", &["x", "t"], &["y"], write).output("y")
    };
    let scores: &[f64] = &[-1.0, -2.0, -3.0, -4.0];
    expect(file(None), &[scores], &[2.5]);
    expect(file(Some(0)), &[scores], &[2.0]);
    let file = File::of(17).floats("x", &["1", "2"]).list("t", &[1]).weights("w", &[2], &[1.0, 3.0]);
    let sum = |writer: &mut Writer| attribute(writer, "reduction", "sum");
    let file = file.node_with("SoftmaxCrossEntropyLoss", &["x", "t", "w"], &["y"], sum).output("y");
    expect(file, &[&[0.0, 0.0]], &[3.0 * std::f32::consts::LN_2]);
}

#[test]
fn grids_are_sampled_with_every_padding() {
    let sample = |mode: &str, padding: &str, at: [f64; 2]| {
        let file = File::of(16).floats("x", &["1", "1", "2", "2"]).floats("g", &["1", "1", "1", "2"]);
        let file = file.node_with("GridSample", &["x", "g"], &["y"], |writer| {
            attribute(writer, "mode", mode);
            attribute(writer, "padding_mode", padding);
            attribute(writer, "align_corners", 1);
        });
        answers(file.output("y"), &[&[1.0, 2.0, 3.0, 4.0], &at])[0]
    };
    assert_eq!(sample("bilinear", "zeros", [0.0, 0.0]), 2.5);
    assert_eq!(sample("nearest", "zeros", [-1.0, 1.0]), 3.0);
    assert_eq!(sample("bilinear", "zeros", [3.0, 3.0]), 0.0);
    assert_eq!(sample("bilinear", "border", [3.0, 3.0]), 4.0);
    assert_eq!(sample("bilinear", "reflection", [3.0, 3.0]), 1.0);
    assert_eq!(sample("bicubic", "border", [0.0, 0.0]), 2.5);
}

#[test]
fn shrinking_may_smooth_and_cropping_may_look_beyond() {
    let file = |end: f32, mode: &str, antialias: i64, transformation: &str| {
        let file = File::of(19).floats("x", &["1", "4"]).weights("part", &[4], &[0.0, 0.0, 1.0, end]);
        let file = file.list("size", &[1, 2]);
        let file = file.node_with("Resize", &["x", "part", "", "size"], &["y"], |writer| {
            attribute(writer, "mode", mode);
            attribute(writer, "antialias", antialias);
            attribute(writer, "coordinate_transformation_mode", transformation);
            attribute(writer, "extrapolation_value", 9.0);
        });
        file.output("y")
    };
    let x: &[f64] = &[1.0, 2.0, 3.0, 4.0];
    expect(file(1.0, "linear", 1, "half_pixel"), &[x], &[1.625, 3.375]);
    expect(file(2.0, "linear", 0, "tf_crop_and_resize"), &[x], &[1.0, 9.0]);
    expect(file(0.5, "nearest", 0, "tf_crop_and_resize"), &[x], &[1.0, 2.0]);
}

#[test]
fn the_greatest_of_several_updates_stays() {
    let file = File::of(18).floats("x", &["3"]);
    let indices = Tensor::ints(crate::model::graph::Element::Int64, vec![3, 1], vec![0, 0, 2]);
    let file = file.constant("i", &indices).floats("u", &["3"]);
    let greatest = |writer: &mut Writer| attribute(writer, "reduction", "max");
    let file = file.node_with("ScatterND", &["x", "i", "u"], &["y"], greatest).output("y");
    expect(file, &[&[1.0, 5.0, 3.0], &[4.0, 2.0, 1.0]], &[4.0, 5.0, 3.0]);
    let least = |writer: &mut Writer| attribute(writer, "reduction", "min");
    let file = File::of(18).floats("x", &["3"]).list("i", &[-1, -1]).floats("u", &["2"]);
    let file = file.node_with("ScatterElements", &["x", "i", "u"], &["y"], least).output("y");
    expect(file, &[&[1.0, 5.0, 3.0], &[4.0, 2.0]], &[1.0, 5.0, 2.0]);
}

#[test]
fn padding_goes_around_and_to_the_middle() {
    let wrap = |writer: &mut Writer| attribute(writer, "mode", "wrap");
    let file = File::of(19).floats("x", &["3"]).list("p", &[1, 1]).node_with("Pad", &["x", "p"], &["y"], wrap);
    expect(file.output("y"), &[&[1.0, 2.0, 3.0]], &[3.0, 1.0, 2.0, 3.0, 1.0]);
    let center = |size| File::of(18).floats("x", &["4"]).list("s", &[size]).node("CenterCropPad", &["x", "s"], "y");
    expect(center(2).output("y"), &[&[1.0, 2.0, 3.0, 4.0]], &[2.0, 3.0]);
    expect(center(5).output("y"), &[&[1.0, 2.0, 3.0, 4.0]], &[1.0, 2.0, 3.0, 4.0, 0.0]);
}

#[test]
fn a_convolution_goes_on_where_it_stopped() {
    let file = File::of(26).floats("x", &["1", "1", "2"]).floats("past", &["1", "1", "1"]).weights(
        "w",
        &[1, 1, 2],
        &[1.0, 10.0],
    );
    let file = file.node_with("CausalConvWithState", &["x", "w", "", "past"], &["y", "state"], |_| {});
    expect(file.output("y").output("state"), &[&[2.0, 3.0], &[5.0]], &[25.0, 32.0, 3.0]);
}

/// What LLMs are exported with: four bits for each weight, a scale for every few of them.
#[test]
fn four_bits_have_a_scale_for_every_block() {
    let blocks = |writer: &mut Writer| {
        attribute(writer, "axis", 0);
        attribute(writer, "block_size", 2);
    };
    let file = File::of(21).floats("x", &["4"]).weights("s", &[2], &[0.5, 2.0]).raw(5, |tensor| {
        tensor.int(1, 4);
        tensor.int(2, 22);
        tensor.text(8, "w");
        tensor.bytes(9, &[0x21, 0xf3]);
    });
    let file = file.node_with("DequantizeLinear", &["w", "s"], &["d"], blocks).node("Mul", &["x", "d"], "y");
    let model = Model::from_onnx(file.output("y").bytes()).unwrap();
    assert_eq!(model.graph().nodes().len(), 1, "weights are numbers from the start");
    let made = model.run(&Input::new(vec![vec![1.0; 4]]).unwrap()).unwrap().concat();
    assert_eq!(made, [0.5, 1.0, 6.0, -2.0]);
    let narrow = |writer: &mut Writer| attribute(writer, "output_dtype", 22);
    let file = File::of(21).floats("x", &["3"]).weights("s", &[], &[1.0]);
    let file = file.node_with("QuantizeLinear", &["x", "s"], &["y"], narrow).output("y");
    expect(file, &[&[1.0, 100.0, -100.0]], &[1.0, 7.0, -8.0]);
    let short = File::of(21).floats("x", &["4"]).raw(5, |tensor| {
        tensor.int(1, 4);
        tensor.int(2, 22);
        tensor.text(8, "w");
        tensor.bytes(9, &[0x21]);
    });
    assert!(
        refusal(short.node("CastLike", &["w", "x"], "f").node("Add", &["x", "f"], "y").output("y")).contains("`w`")
    );
}

#[test]
fn loops_are_run() {
    let body = || {
        let body = File::default().input("i", 7, &[]).input("c", 9, &[]).floats("a", &["1"]);
        let body = body.node("Add", &["a", "a"], "b").node("Identity", &["c"], "on").node("Identity", &["b"], "row");
        body.output("on").output("b").output("row")
    };
    let looped = |file: File| {
        let file = file.node_with("Loop", &["n", "", "x"], &["y", "rows"], |writer| graph(writer, "body", body()));
        file.output("y").output("rows")
    };
    let known = looped(File::of(17).floats("x", &["1"]).list("n", &[3]));
    expect(known, &[&[1.0]], &[8.0, 2.0, 4.0, 8.0]);
    assert!(refusal(looped(File::of(17).floats("x", &["1"]).input("n", 7, &["1"]))).contains("as the input decides"));
    let endless = looped(File::of(17).floats("x", &["1"]).list("n", &[i64::MAX]));
    assert!(refusal(endless).contains("100000"));
    let step = File::default().floats("s", &["1"]).floats("e", &["1"]).node("Add", &["s", "e"], "t");
    let step = step.node("Identity", &["t"], "row").output("t").output("row");
    let file = File::of(17).floats("s0", &["1"]).floats("x", &["3", "1"]);
    let file = file.node_with("Scan", &["s0", "x"], &["y", "rows"], |writer| {
        attribute(writer, "num_scan_inputs", 1);
        graph(writer, "body", step);
    });
    expect(file.output("y").output("rows"), &[&[0.0], &[1.0, 2.0, 3.0]], &[6.0, 1.0, 3.0, 6.0]);
}

/// Bounded in time: runs of constants alone leave no nodes behind.
#[test]
fn loops_of_constants_end() {
    let mut body = File::default().input("i", 7, &[]).input("c", 9, &[]).floats("a", &["1"]);
    for at in 0..100 {
        body = body.node("Add", &["i", "i"], &format!("n{at}"));
        body = body.node("Cast", &[&format!("n{at}")], &format!("unused{at}"));
    }
    let body = body.node("Identity", &["c"], "on").node("Identity", &["a"], "b").output("on").output("b");
    let file = File::of(17).floats("x", &["1"]).list("n", &[90_000]);
    let file = file.node_with("Loop", &["n", "", "x"], &["y"], |writer| graph(writer, "body", body)).output("y");
    assert!(refusal(file).contains("loops run"));
}

#[test]
fn signed_bits_are_shifted() {
    let direction = |writer: &mut Writer| attribute(writer, "direction", "RIGHT");
    let by = Tensor::ints(crate::model::graph::Element::Int32, vec![3], vec![1, 40, 1]);
    let file = File::of(26).input("x", 6, &["3"]).constant("by", &by);
    let file = file.node_with("BitShift", &["x", "by"], &["y"], direction).output("y");
    let model = Model::from_onnx(file.bytes()).unwrap();
    assert!(model.graph().nodes().iter().any(|node| node.operator == Operator::BitShift));
}
