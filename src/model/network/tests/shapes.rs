//! Models as people bring them: recurrent ones, trees, attention-free blocks, each against the float model and proven.

use super::{operators::*, *};
use crate::model::synthetic::boosted_trees;

/// Quantizes, compares with the float model on samples in a range, and proves.
fn proven(model: &Model, shape: &[usize], (low, high): (f64, f64), tolerance: f64) -> (Network, Report) {
    let samples = samples(shape.iter().product(), 8, low, high);
    let (network, report) = quantized(model, &samples);
    let greatest = report.tensors.last().unwrap().max_abs;
    let error = report.accuracy.max_abs_error;
    assert!(error <= tolerance * greatest, "{error} of {greatest}: {report:#?}");
    prove(&network, &samples);
    (network, report)
}

/// Sequences of 5 tokens with 6 features, 8 hidden numbers, both directions where there are two, and a dense layer on the last.
#[test]
fn recurrent_networks() {
    const TOKENS: usize = 5;
    const WIDTH: usize = 6;
    const HIDDEN: usize = 8;
    for (operator, gates, directions) in [("LSTM", 4, 1), ("GRU", 3, 1), ("RNN", 1, 1), ("LSTM", 4, 2)] {
        let mut m = Maker::new(&["5", "1", "6"]);
        let w = m.weights(&[directions, gates * HIDDEN, WIDTH], 0.6);
        let r = m.weights(&[directions, gates * HIDDEN, HIDDEN], 0.4);
        let b = m.weights(&[directions, 2 * gates * HIDDEN], 0.1);
        let direction = if directions == 2 { "bidirectional" } else { "forward" };
        let attributes = vec![("hidden_size", (HIDDEN as i64).into()), ("direction", direction.into())];
        let made = m.nodes(operator, &["x", &w, &r, &b], attributes, 2);
        let shape = m.list(&[1, (directions * HIDDEN) as i64]);
        let turned = m.node("Transpose", &[&made[1]], vec![("perm", ints(&[1, 0, 2]))]);
        let last = m.node("Reshape", &[&turned, &shape], vec![]);
        let last = m.dense(&last, directions * HIDDEN, 3);
        proven(&m.model(&last), &[TOKENS, 1, WIDTH], BOTH, 0.02);
    }
}

/// A regressor as LightGBM and XGBoost are exported: a sum of leaves is exact but for 16-bit weights, where no feature is closer
/// to a threshold than integers tell.
#[test]
fn boosted_trees_are_proven() {
    let model = Model::from_onnx(boosted_trees(20, 4, 8, 3)).unwrap();
    let (network, report) = proven(&model, &[1, 8], POSITIVE, 0.001);
    let operators: Vec<&str> = report.tensors.iter().map(|tensor| tensor.operator.as_str()).collect();
    assert_eq!(operators.len(), 5, "features, thresholds, comparisons, leaves, sums: {operators:?}");
    assert_eq!(network.inputs().len(), 1);
}

/// A classifier with three classes and a softmax, and one with the scores of both of two classes.
#[test]
fn classifiers_of_trees_are_proven() {
    for (classes, transform) in [(3, "SOFTMAX"), (2, "NONE")] {
        let mut m = Maker::new(&["1", "2"]);
        m.file = std::mem::take(&mut m.file).domain("ai.onnx.ml", 3);
        let leaves: Vec<i64> = (0..3 * classes).map(|i| [1, 3, 4][i / classes]).collect();
        let ids: Vec<i64> = (0..3 * classes).map(|i| (i % classes) as i64).collect();
        let weights: Vec<f32> = (0..3 * classes).map(|i| [0.9, -0.4, 0.2, 0.1, 0.6, -0.8, 0.3][i % 7]).collect();
        let modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"].map(str::to_owned).to_vec();
        let made = m.nodes(
            "ai.onnx.ml:TreeEnsembleClassifier",
            &["x"],
            vec![
                ("nodes_treeids", ints(&[0; 5])),
                ("nodes_nodeids", ints(&[0, 1, 2, 3, 4])),
                ("nodes_featureids", ints(&[0, 0, 1, 0, 0])),
                ("nodes_values", vec![0.5, 0.0, 0.25, 0.0, 0.0].into()),
                ("nodes_truenodeids", ints(&[1, 0, 3, 0, 0])),
                ("nodes_falsenodeids", ints(&[2, 0, 4, 0, 0])),
                ("nodes_modes", modes.into()),
                ("class_treeids", ints(&vec![0; 3 * classes])),
                ("class_nodeids", ints(&leaves)),
                ("class_ids", ints(&ids)),
                ("class_weights", weights.into()),
                ("classlabels_int64s", ints(&(0..classes as i64).collect::<Vec<_>>())),
                ("post_transform", transform.into()),
            ],
            2,
        );
        proven(&m.model(&made[1]), &[1, 2], POSITIVE, 0.005);
    }
}

/// A layer norm of plain operators, as exporters of operator sets before 17 write it.
#[test]
fn a_layer_norm_of_plain_operators() {
    let mut m = Maker::new(&["1", "3", "16"]);
    let axes = || vec![("axes", ints(&[-1]))];
    let mean = m.node("ReduceMean", &["x"], axes());
    let centred = m.node("Sub", &["x", &mean], vec![]);
    let two = m.constant(&[], &[2.0]);
    let squares = m.node("Pow", &[&centred, &two], vec![]);
    let variance = m.node("ReduceMean", &[&squares], axes());
    let epsilon = m.constant(&[], &[1e-5]);
    let variance = m.node("Add", &[&variance, &epsilon], vec![]);
    let deviation = m.node("Sqrt", &[&variance], vec![]);
    let unit = m.node("Div", &[&centred, &deviation], vec![]);
    let (scale, bias) = (m.weights(&[16], 1.0), m.weights(&[16], 0.5));
    let scaled = m.node("Mul", &[&unit, &scale], vec![]);
    let last = m.node("Add", &[&scaled, &bias], vec![]);
    proven(&m.model(&last), &[1, 3, 16], (-2.0, 2.0), 0.005);
}

/// An encoder and decoder of images: depthwise and grouped convolutions, a transposed one, resizing.
#[test]
fn an_encoder_and_a_decoder_of_images() {
    let mut m = Maker::new(&["1", "2", "4", "4"]);
    let stem = m.conv("x", [8, 2, 3, 3], same());
    let stem = m.node("Relu", &[&stem], vec![]);
    let deep = m.conv(&stem, [8, 1, 3, 3], [same(), vec![("group", 8.into()), ("strides", ints(&[2, 2]))]].concat());
    let deep = m.node("Clip", &[&deep], vec![]);
    let mixed = m.conv(&deep, [8, 4, 1, 1], vec![("group", 2.into())]);
    let mixed = m.node("HardSwish", &[&mixed], vec![]);
    let (w, b) = (m.weights(&[8, 2, 2, 2], 0.4), m.weights(&[4], 0.1));
    let more = vec![("strides", ints(&[2, 2])), ("group", 2.into())];
    let up = m.node("ConvTranspose", &[&mixed, &w, &b], more);
    let scales = m.constant(&[4], &[1.0, 1.0, 2.0, 2.0]);
    let wide = m.node("Resize", &[&mixed, "", &scales], vec![("mode", "linear".into())]);
    let narrow = m.conv(&wide, [4, 8, 1, 1], vec![]);
    let last = m.node("Add", &[&up, &narrow], vec![]);
    proven(&m.model(&last), &[1, 2, 4, 4], BOTH, 0.005);
}

/// Running sums along a sequence, and what they are at its end.
#[test]
fn running_sums_of_a_sequence() {
    let mut m = Maker::new(&["1", "6", "4"]);
    let axis = m.list(&[1]);
    let sums = m.node("CumSum", &["x", &axis], vec![]);
    let count = m.constant(&[6, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let means = m.node("Div", &[&sums, &count], vec![]);
    let w = m.weights(&[4, 3], 0.5);
    let last = m.node("MatMul", &[&means, &w], vec![]);
    proven(&m.model(&last), &[1, 6, 4], BOTH, 0.005);
}

/// Features of a table as they are, from thousandths to millions: a tree sees each with 16 bits.
#[test]
fn trees_see_features_of_every_magnitude() {
    const UNITS: [f64; 4] = [1e6, 1.0, 30.0, 1e-3];
    let modes = vec!["BRANCH_LEQ".to_owned(), "LEAF".into(), "LEAF".into()];
    let mut m = Maker::new(&["1", "4"]);
    m.file = std::mem::take(&mut m.file).domain("ai.onnx.ml", 3);
    // Four stumps, one for each feature, each at a third of its range; their leaves are the bits of a number.
    let made = m.node(
        "ai.onnx.ml:TreeEnsembleRegressor",
        &["x"],
        vec![
            ("nodes_treeids", ints(&[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])),
            ("nodes_nodeids", ints(&[0, 1, 2].repeat(4))),
            ("nodes_featureids", ints(&[0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0])),
            ("nodes_values", UNITS.iter().flat_map(|unit| [(unit / 3.0) as f32, 0.0, 0.0]).collect::<Vec<_>>().into()),
            ("nodes_truenodeids", ints(&[1, 0, 0].repeat(4))),
            ("nodes_falsenodeids", ints(&[2, 0, 0].repeat(4))),
            ("nodes_modes", (0..4).flat_map(|_| modes.clone()).collect::<Vec<_>>().into()),
            ("target_treeids", ints(&[0, 1, 2, 3])),
            ("target_nodeids", ints(&[1; 4])),
            ("target_ids", ints(&[0; 4])),
            ("target_weights", vec![1.0, 2.0, 4.0, 8.0].into()),
            ("n_targets", 1.into()),
        ],
    );
    let model = m.model(&made);
    // A thousandth beside every threshold.
    let sample = |bits: usize| -> Vec<f64> {
        let of = |(at, unit): (usize, &f64)| unit / 3.0 * if bits >> at & 1 == 1 { 0.999 } else { 1.001 };
        UNITS.iter().enumerate().map(of).collect()
    };
    let samples: Vec<Vec<f64>> = (0..16).map(sample).chain([UNITS.to_vec()]).collect();
    let network = Network::new(&model, &Calibration::Samples(samples.clone())).unwrap();
    assert_eq!(network.input_scales(0).len(), 4);
    for (bits, sample) in samples[..16].iter().enumerate() {
        assert!((network.run(sample).unwrap()[0] - bits as f64).abs() < 0.01, "{bits}");
    }
    prove(&network, &samples);
    let error = network.quantize(&[1e6, 1.0, 30.0, 1.0]).unwrap_err();
    assert_eq!((error.index, error.value), (3, 1.0), "in the feature's own unit");
}
