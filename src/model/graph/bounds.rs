//! Bad input: every file ends in an error with a name in it, in bounded time and memory.

use super::{
    GraphError, MAX_NODES, Options, Tensor, read,
    testing::{File, Writer, node},
};

fn error(bytes: &[u8]) -> GraphError {
    read(&bytes.to_vec().into(), None, &Options::default()).map(|_| ()).unwrap_err()
}

fn text(file: File) -> String {
    error(&file.bytes()).to_string()
}

fn small() -> File {
    File::of(17)
        .floats("x", &["1", "2"])
        .weights("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0])
        .node("MatMul", &["x", "w"], "y")
        .output("y")
}

/// A file that was cut off is never read as a smaller model, and no cut panics.
#[test]
fn no_cut_of_a_file_is_another_model() {
    let bytes = small().bytes();
    let whole = read(&bytes.clone().into(), None, &Options::default()).unwrap().0.to_onnx();
    for length in 0..bytes.len() {
        // What is cut off after the graph lacks the operator set alone.
        if let Ok((graph, _)) = read(&bytes[..length].to_vec().into(), None, &Options::default()) {
            assert_eq!(graph.to_onnx(), whole, "{length} of {} bytes", bytes.len());
        }
    }
    assert!(matches!(error(&bytes[..bytes.len() / 2]), GraphError::NotOnnx(_)));
}

/// An input that leaves as it is, and a tensor that leaves twice: what is written has a name for each.
#[test]
fn outputs_have_names_of_their_own() {
    for file in [
        File::of(17).floats("x", &["1"]).output("x"),
        File::of(17).floats("x", &["1"]).node("Relu", &["x"], "y").output("y").output("y"),
    ] {
        let graph = read(&file.bytes().into(), None, &Options::default()).unwrap().0;
        let again = read(&graph.to_onnx().into(), None, &Options::default()).unwrap().0;
        assert_eq!(again.to_onnx(), graph.to_onnx());
    }
}

/// Every byte changed, in three ways: an error or a graph, no panic, and a graph is written and read again.
#[test]
fn no_changed_byte_panics() {
    let bytes = small().bytes();
    for at in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            if let Ok((graph, _)) = read(&changed.into(), None, &Options::default()) {
                let again = read(&graph.to_onnx().into(), None, &Options::default()).unwrap().0;
                assert_eq!(again.to_onnx(), graph.to_onnx(), "byte {at} changed by {change}");
            }
        }
    }
}

/// Lengths that promise more than there is take no memory.
#[test]
fn over_long_fields_are_cut_off() {
    for length in [&[0x7f][..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0xff; 9]] {
        // A graph of so many bytes, of which there are none.
        let bytes = [&[8, 10, 0x3a], length, &[1, 0][..usize::from(length.len() == 9)]].concat();
        assert!(matches!(error(&bytes), GraphError::NotOnnx(_)), "{length:?}");
    }
}

#[test]
fn shapes_that_overflow_are_named() {
    for dims in [&[1i64 << 40, 1 << 40][..], &[i64::MAX], &[-5], &[1 << 31]] {
        let file = File::of(17).floats("x", &["1", "2"]).raw(5, |tensor| {
            dims.iter().for_each(|&dim| tensor.int(1, dim));
            tensor.int(2, 1);
            tensor.text(8, "weights of the first layer");
            tensor.bytes(9, &[0; 16]);
        });
        let file = file.node("MatMul", &["x", "weights of the first layer"], "y").output("y");
        assert!(text(file).contains("weights of the first layer"), "{dims:?}");
    }
    let wide = File::of(17).floats("x", &["1073741824", "1073741824"]).node("Relu", &["x"], "y").output("y");
    assert!(text(wide).contains("`x`"));
    // Small things that would be made large.
    let list = |numbers: &[i64]| Tensor::list(numbers);
    for (operator, numbers) in [("Expand", &[1i64 << 20, 1 << 20][..]), ("Tile", &[1 << 30, 1 << 30])] {
        let file = File::of(17).floats("x", &["1", "1"]).constant("sizes", &list(numbers));
        let refusal = text(file.node(operator, &["x", "sizes"], "y").output("y"));
        assert!(refusal.contains(operator), "{refusal}");
    }
    let file = File::of(17).floats("x", &["1"]).constant("sizes", &list(&[1 << 40]));
    let file = file.node("ConstantOfShape", &["sizes"], "c").node("Add", &["x", "c"], "y").output("y");
    assert!(text(file).contains("ConstantOfShape"));
}

#[test]
fn cycles_and_names_given_twice_are_named() {
    let cycle = File::of(17).floats("x", &["1"]).node("Add", &["x", "b"], "a").node("Neg", &["a"], "b").output("b");
    assert!(text(cycle).contains("cycle"));
    for twice in [
        small().weights("w", &[1], &[0.0]),
        small().node("Relu", &["x"], "y"),
        small().node("Relu", &["x"], "x"),
        small().floats("x", &["1"]),
    ] {
        let refusal = text(twice);
        assert!(refusal.contains("is given to two tensors"), "{refusal}");
    }
}

#[test]
fn one_node_more_than_is_read_is_too_many() {
    let mut graph = Writer::default();
    let relu = node("Relu", &["x"], &["y"], |_| {});
    (0..=MAX_NODES).for_each(|_| graph.bytes(1, &relu));
    let mut model = Writer::default();
    model.bytes(7, &graph.finish());
    let refusal = error(&model.finish()).to_string();
    assert!(refusal.contains(&format!("more than {MAX_NODES}")), "{refusal}");
}

/// A recurrent network of very many steps is as many nodes.
#[test]
fn unrolled_steps_count_as_nodes() {
    let file = File::of(14)
        .floats("x", &["1000000", "1", "1"])
        .weights("w", &[1, 1, 1], &[0.5])
        .weights("r", &[1, 1, 1], &[0.5])
        .node("RNN", &["x", "w", "r"], "y")
        .output("y");
    assert!(matches!(error(&file.bytes()), GraphError::TooMuch { .. }));
}
