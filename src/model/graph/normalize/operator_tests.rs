//! Operators that set 17 does not have, with numbers that can be worked out by hand.

use super::tests::{expect, refusal};
use crate::model::graph::{
    Element, Tensor,
    testing::{File, Writer, attribute},
};

fn scalar(file: File, name: &str, number: i64) -> File {
    file.constant(name, &Tensor::ints(Element::Int64, vec![], vec![number]))
}

#[test]
fn bits_of_integers_are_apart_and_together() {
    let both = |operator: &str| {
        let file = File::of(18).input("x", 3, &["2"]).input("y", 3, &["2"]);
        file.node(operator, &["x", "y"], "z").output("z")
    };
    let given: [&[f64]; 2] = [&[-128.0, 12.0], &[-1.0, 10.0]];
    expect(both("BitwiseAnd"), &given, &[-128.0, 8.0]);
    expect(both("BitwiseOr"), &given, &[-1.0, 14.0]);
    expect(both("BitwiseXor"), &given, &[127.0, 6.0]);
    let file = File::of(18).input("x", 2, &["1"]).node("BitwiseNot", &["x"], "z").output("z");
    expect(file, &[&[3.0]], &[252.0]);
    let cast = |from, to: i64| {
        let file = File::of(26).input("x", from, &["1"]);
        file.node_with("BitCast", &["x"], &["z"], |writer| attribute(writer, "to", to)).output("z")
    };
    expect(cast(3, 2), &[&[-1.0]], &[255.0]);
    assert!(refusal(cast(1, 6)).contains("floats as bits"));
    assert!(refusal(cast(3, 6)).contains("reads the bits of int8 as int32"));
}

#[test]
fn products_run_along_an_axis() {
    let file = |exclusive: i64, reverse: i64| {
        let file = scalar(File::of(26).floats("x", &["3"]), "axis", 0);
        let write = |writer: &mut Writer| {
            attribute(writer, "exclusive", exclusive);
            attribute(writer, "reverse", reverse);
        };
        file.node_with("CumProd", &["x", "axis"], &["y"], write).output("y")
    };
    let x: &[f64] = &[2.0, 3.0, 4.0];
    expect(file(0, 0), &[x], &[2.0, 6.0, 24.0]);
    expect(file(1, 0), &[x], &[1.0, 2.0, 6.0]);
    expect(file(1, 1), &[x], &[12.0, 4.0, 1.0]);
}

#[test]
fn determinants_are_written_out() {
    let file = |n: &str| File::of(22).floats("x", &["1", n, n]).node("Det", &["x"], "y").output("y");
    expect(file("2"), &[&[1.0, 2.0, 3.0, 4.0]], &[-2.0]);
    expect(file("3"), &[&[2.0, 0.0, 1.0, 1.0, 3.0, 2.0, 1.0, 1.0, 1.0]], &[0.0]);
    expect(file("3"), &[&[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 5.0]], &[-5.0]);
    assert!(refusal(file("9")).contains("up to 8 rows"));
}

#[test]
fn spectra_come_back_as_the_signal() {
    let axis = || scalar(File::of(20).floats("x", &["1", "4", "1"]), "axis", 1);
    let onesided = |writer: &mut Writer| attribute(writer, "onesided", 1);
    let there = || axis().node_with("DFT", &["x", "", "axis"], &["f"], onesided);
    let x: &[f64] = &[1.0, 2.0, 4.0, 3.0];
    // 0, 1 and 2 turns over four samples.
    expect(there().output("f"), &[x], &[10.0, 0.0, -3.0, 1.0, 0.0, 0.0]);
    let back = there().node_with("DFT", &["f", "", "axis"], &["y"], |writer| {
        attribute(writer, "onesided", 1);
        attribute(writer, "inverse", 1);
    });
    expect(back.output("y"), &[x], &[1.0, 2.0, 4.0, 3.0]);
    let pieces = scalar(scalar(File::of(17).floats("x", &["1", "4", "1"]), "step", 2), "length", 2);
    let pieces = pieces.node("STFT", &["x", "step", "", "length"], "y").output("y");
    expect(pieces, &[x], &[3.0, 0.0, -1.0, 0.0, 7.0, 0.0, 1.0, 0.0]);
}

#[test]
fn patches_add_up_where_they_overlap() {
    let file = File::of(18).floats("x", &["1", "2", "2"]).list("image", &[1, 3]).list("block", &[1, 2]);
    let file = file.node("Col2Im", &["x", "image", "block"], "y").output("y");
    expect(file, &[&[1.0, 2.0, 10.0, 20.0]], &[1.0, 12.0, 20.0]);
    let wrong = File::of(18).floats("x", &["1", "2", "3"]).list("image", &[1, 3]).list("block", &[1, 2]);
    assert!(refusal(wrong.node("Col2Im", &["x", "image", "block"], "y").output("y")).contains("patches"));
}

#[test]
fn maxima_go_back_to_their_places() {
    let indices = Tensor::ints(Element::Int64, vec![1, 1, 1, 2], vec![1, 6]);
    let file = File::of(22).floats("x", &["1", "1", "1", "2"]).constant("i", &indices);
    let file = file.node_with("MaxUnpool", &["x", "i"], &["y"], |writer| {
        attribute(writer, "kernel_shape", vec![2, 2]);
        attribute(writer, "strides", vec![2, 2]);
    });
    expect(file.output("y"), &[&[5.0, 7.0]], &[0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 7.0, 0.0]);
}

#[test]
fn rows_of_a_cache_are_overwritten_around_its_end() {
    let file = |mode: &str| {
        let file = File::of(24).floats("past", &["1", "3", "1"]).floats("new", &["1", "2", "1"]).list("at", &[2]);
        file.node_with("TensorScatter", &["past", "new", "at"], &["y"], |w| attribute(w, "mode", mode)).output("y")
    };
    expect(file("circular"), &[&[1.0, 2.0, 3.0], &[8.0, 9.0]], &[9.0, 2.0, 8.0]);
    assert!(refusal(file("linear")).contains("axis"));
}

#[test]
fn runs_of_numbers_are_counted() {
    let file = |mode: &str| {
        let file = File::of(9).input("x", 7, &["4"]);
        let write = |writer: &mut Writer| {
            attribute(writer, "mode", mode);
            attribute(writer, "min_gram_length", 1);
            attribute(writer, "max_gram_length", 2);
            attribute(writer, "max_skip_count", 1);
            attribute(writer, "ngram_counts", vec![0, 1]);
            attribute(writer, "ngram_indexes", vec![1, 0]);
            attribute(writer, "pool_int64s", vec![7, 7, 8]);
            attribute(writer, "weights", vec![0.5f32, 2.0]);
        };
        file.node_with("TfIdfVectorizer", &["x"], &["y"], write).output("y")
    };
    // 7 twice; 7 8 side by side once, with one between once.
    let x: &[f64] = &[7.0, 7.0, 8.0, 1.0];
    expect(file("TF"), &[x], &[2.0, 2.0]);
    expect(file("TFIDF"), &[x], &[1.0, 4.0]);
    expect(file("IDF"), &[x], &[0.5, 2.0]);
}

#[test]
fn a_step_of_training_is_arithmetic() {
    let file = File::of(17).domain("ai.onnx.preview.training", 1).floats("r", &[]).input("t", 7, &[]);
    let file = file.floats("x", &["1"]).floats("g", &["1"]).floats("v", &["1"]);
    let write = |writer: &mut Writer| {
        attribute(writer, "alpha", 0.5f32);
        attribute(writer, "beta", 0.25f32);
        attribute(writer, "norm_coefficient", 0.0f32);
        attribute(writer, "mode", "standard");
    };
    let file = file.node_with("ai.onnx.preview.training:Momentum", &["r", "t", "x", "g", "v"], &["y", "state"], write);
    expect(file.output("y").output("state"), &[&[0.5], &[3.0], &[1.0], &[4.0], &[2.0]], &[0.0, 2.0]);
}

/// Batch statistics are those of the batch; the running ones move towards them.
#[test]
fn a_batch_has_statistics() {
    let file = File::of(15).floats("x", &["2", "1", "1"]).weights("one", &[1], &[1.0]).weights("zero", &[1], &[0.0]);
    let write = |writer: &mut Writer| {
        attribute(writer, "training_mode", 1);
        attribute(writer, "epsilon", 0.0f32);
        attribute(writer, "momentum", 0.75f32);
    };
    let inputs = ["x", "one", "zero", "zero", "one"];
    let file = file.node_with("BatchNormalization", &inputs, &["y", "mean", "variance"], write);
    expect(file.output("y").output("mean").output("variance"), &[&[1.0, 5.0]], &[-1.0, 1.0, 0.75, 1.75]);
}

#[test]
fn offsets_move_what_a_convolution_sees() {
    let file = File::of(22).floats("x", &["1", "1", "1", "3"]).floats("offset", &["1", "2", "1", "3"]);
    let file = file.weights("w", &[1, 1, 1, 1], &[2.0]).node("DeformConv", &["x", "w", "offset"], "y");
    // One column to the right, half a column, and off the image.
    let offsets: &[f64] = &[0.0, 0.0, 0.0, 1.0, 0.5, 1.0];
    expect(file.output("y"), &[&[1.0, 2.0, 4.0], offsets], &[4.0, 6.0, 0.0]);
}

#[test]
fn regions_that_are_known_are_sampled() {
    let file = |mode: &str| {
        let file = File::of(16).floats("x", &["1", "1", "2", "2"]).weights("r", &[1, 4], &[0.5, 0.5, 1.5, 1.5]);
        file.list("b", &[0]).node_with("RoiAlign", &["x", "r", "b"], &["y"], |w| attribute(w, "mode", mode)).output("y")
    };
    expect(file("avg"), &[&[1.0, 2.0, 3.0, 4.0]], &[2.5]);
    expect(file("max"), &[&[1.0, 2.0, 3.0, 4.0]], &[1.0]);
    let open = File::of(16).floats("x", &["1", "1", "2", "2"]).floats("r", &["1", "4"]).list("b", &[0]);
    assert!(refusal(open.node("RoiAlign", &["x", "r", "b"], "y").output("y")).contains("depend on the input"));
}

#[test]
fn members_of_a_constant_are_found_once() {
    let file = |sorted: i64| {
        let file = File::of(11).floats("x", &["2"]).weights("w", &[4], &[2.0, 1.0, 2.0, 1.0]);
        let names = ["members", "first", "which", "count"];
        let file = file.node_with("Unique", &["w"], &names, |writer| attribute(writer, "sorted", sorted));
        let file = file.node("Mul", &["x", "members"], "y").output("y");
        names[1..].iter().fold(file, |file, name| file.output(name))
    };
    expect(file(1), &[&[1.0, 1.0]], &[1.0, 2.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 2.0, 2.0]);
    expect(file(0), &[&[1.0, 1.0]], &[2.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 2.0, 2.0]);
    let open = File::of(11).floats("x", &["2"]).node("Unique", &["x"], "y").output("y");
    assert!(refusal(open).contains("depends on the input"));
}

/// Leaves apart, and a node that asks for one of several.
#[test]
fn trees_of_the_newer_kind_are_read() {
    let file = File::of(17).domain("ai.onnx.ml", 5).floats("x", &["3", "1"]);
    let file = file.node_with("ai.onnx.ml:TreeEnsemble", &["x"], &["y"], |writer| {
        let lists = [
            ("nodes_featureids", vec![0, 0]),
            ("nodes_truenodeids", vec![1, 1]),
            ("nodes_trueleafs", vec![0, 1]),
            ("nodes_falsenodeids", vec![0, 2]),
            ("nodes_falseleafs", vec![1, 1]),
            ("leaf_targetids", vec![0, 0, 0]),
            ("tree_roots", vec![0]),
        ];
        for (name, list) in lists {
            attribute(writer, name, list);
        }
        let mut stored = |name: &str, tensor: Tensor| {
            writer.message(5, |attribute| {
                attribute.text(1, name);
                attribute.int(20, 4);
                attribute.message(5, |writer| crate::model::graph::testing::tensor(writer, "", &tensor));
            });
        };
        let floats = |list: &[f32]| Tensor::floats(vec![list.len()], list.to_vec());
        stored("nodes_splits", floats(&[2.5, f32::NAN]));
        stored("nodes_modes", Tensor::ints(Element::Uint8, vec![2], vec![0, 6]));
        stored("membership_values", floats(&[0.0, 1.0, 1.0, f32::NAN]));
        stored("leaf_weights", floats(&[10.0, 20.0, 30.0]));
    });
    // Above 2.5; one of 0 and 1; neither.
    expect(file.output("y"), &[&[3.0, 1.0, 2.0]], &[10.0, 20.0, 30.0]);
}

/// What a float executor does not run as such: lengths that are known, and lengths that enter.
#[test]
fn sequences_are_turned_around() {
    let turned = |file: File, time: i64| {
        let write = move |writer: &mut Writer| {
            attribute(writer, "time_axis", time);
            attribute(writer, "batch_axis", 1 - time);
        };
        file.node_with("ReverseSequence", &["x", "lengths"], &["y"], write).output("y")
    };
    let file = || File::of(10).floats("x", &["3", "2"]);
    let x: &[f64] = &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0];
    let expected = [2.0, 30.0, 1.0, 20.0, 3.0, 10.0];
    expect(turned(file().list("lengths", &[2, 3]), 0), &[x], &expected);
    expect(turned(file().input("lengths", 7, &["2"]), 0), &[x, &[2.0, 3.0]], &expected);
    let rows = turned(file().list("lengths", &[0, 1, 2]), 1);
    expect(rows, &[x], &[1.0, 10.0, 2.0, 20.0, 30.0, 3.0]);
    assert!(refusal(turned(file().list("lengths", &[2, 4]), 0)).contains("turns 4 steps of 3 around"));
    assert!(refusal(turned(file().list("lengths", &[2]), 0)).contains("lengths of the shape [1]"));
}

/// Padding with a number that enters.
#[test]
fn borders_may_be_computed() {
    let file = |element| File::of(13).input("x", element, &["2"]).input("v", element, &[]).list("pads", &[1, 2]);
    let padded = |element| file(element).node("Pad", &["x", "pads", "v"], "y").output("y");
    expect(padded(1), &[&[1.0, 2.0], &[0.5]], &[0.5, 1.0, 2.0, 0.5, 0.5]);
    expect(padded(7), &[&[1.0, 2.0], &[7.0]], &[7.0, 1.0, 2.0, 7.0, 7.0]);
    assert!(refusal(padded(9)).contains("neither constant nor one number"));
    let list = File::of(13).floats("x", &["2"]).list("pads", &[1, 0]).weights("v", &[1], &[0.5]);
    expect(list.node("Pad", &["x", "pads", "v"], "y").output("y"), &[&[1.0, 2.0]], &[0.5, 1.0, 2.0]);
}
