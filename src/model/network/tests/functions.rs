//! Functions by table, comparisons, softmax and normalizations: integers against the float model, and proofs.

use super::{operators::*, *};
use zkinfer_prover::network::Layer;

#[test]
fn functions_of_one_number() {
    for operator in [
        "Sigmoid", "Tanh", "Erf", "Exp", "Elu", "Selu", "Softplus", "Softsign", "Sin", "Cos", "Sinh", "Cosh", "Atan",
        "Asinh", "Abs", "Neg",
    ] {
        for range in [BOTH, (-4.0, 4.0), POSITIVE] {
            check(operator, &[1, 40], range, |m| m.node(operator, &["x"], vec![]));
        }
    }
    for operator in ["Asin", "Acos", "Atanh", "Tan"] {
        check(operator, &[1, 40], (-0.9, 0.9), |m| m.node(operator, &["x"], vec![]));
    }
    check("Acosh", &[1, 40], (1.5, 3.0), |m| m.node("Acosh", &["x"], vec![]));
    check("Celu", &[1, 40], BOTH, |m| m.node("Celu", &["x"], vec![("alpha", 0.5.into())]));
    for operator in ["Gelu", "Mish", "HardSwish"] {
        check(operator, &[1, 40], (-4.0, 4.0), |m| m.node(operator, &["x"], vec![]));
    }
}

/// What bends near 0 has tables for small arguments.
#[test]
fn functions_that_bend_near_zero() {
    for operator in ["Sqrt", "Log", "Reciprocal"] {
        for range in [(0.5, 1.0), (0.02, 1.0), (0.003, 1.0)] {
            check(operator, &[1, 60], range, |m| m.node(operator, &["x"], vec![]));
        }
    }
    check("Pow", &[1, 40], (0.0, 2.0), |m| {
        let three = m.constant(&[], &[3.0]);
        m.node("Pow", &["x", &three], vec![])
    });
    check("Div", &[1, 12], (0.5, 2.0), |m| {
        let w = m.weights(&[12, 12], 0.2);
        let other = m.node("MatMul", &["x", &w], vec![]);
        m.node("Div", &[&other, "x"], vec![])
    });
}

/// An odd number of elements: rows of two tables side by side in one pair of the first round.
#[test]
fn two_tables_of_an_odd_number_of_elements_are_proven() {
    let mut m = Maker::new(&["1", "3"]);
    let log = m.node("Log", &["x"], vec![]);
    let model = m.model(&log);
    let samples = samples(3, 8, 0.02, 1.0);
    let (network, _) = quantized(&model, &samples);
    prove(&network, &samples);
}

/// A function of a function of the same tensor is one table.
#[test]
fn functions_are_put_together() {
    let mut m = Maker::new(&["1", "16"]);
    let hidden = m.dense("x", 16, 16);
    let gelu = m.node("Gelu", &[&hidden], vec![]);
    let last = m.dense(&gelu, 16, 4);
    let model = m.model(&last);
    let samples = samples(16, 8, -1.0, 1.0);
    let (network, report) = quantized(&model, &samples);
    let operators: Vec<&str> = report.tensors.iter().map(|tensor| tensor.operator.as_str()).collect();
    assert_eq!(operators, ["Input", "Gemm", "Mul", "Gemm"]);
    assert!(report.accuracy.max_abs_error < 0.002, "{report:#?}");
    prove(&network, &samples);
}

#[test]
fn comparisons_and_choices() {
    for operator in ["Greater", "GreaterOrEqual", "Less", "LessOrEqual"] {
        check(operator, &[1, 30], BOTH, |m| {
            let bound = m.constant(&[], &[0.1]);
            let truth = m.node(operator, &["x", &bound], vec![]);
            let (half, double) = (m.constant(&[], &[0.5]), m.node("Add", &["x", "x"], vec![]));
            let made = m.node("Where", &[&truth, &double, &half], vec![]);
            m.node("Add", &[&made, "x"], vec![])
        });
    }
    for operator in ["And", "Or", "Xor"] {
        check(operator, &[1, 30], BOTH, |m| {
            let (low, high) = (m.constant(&[], &[-0.3]), m.constant(&[], &[0.4]));
            let (a, b) = (m.node("Less", &["x", &low], vec![]), m.node("Greater", &["x", &high], vec![]));
            let both = m.node(operator, &[&a, &b], vec![]);
            let not = m.node("Not", &[&both], vec![]);
            m.node("Cast", &[&not], vec![("to", 1.into())])
        });
    }
    check("Sign", &[1, 30], BOTH, |m| m.node("Sign", &["x"], vec![]));
    for operator in ["Floor", "Ceil"] {
        check(operator, &[1, 30], (-3.0, 3.0), |m| m.node(operator, &["x"], vec![]));
    }
    check("ThresholdedRelu", &[1, 30], (-2.0, 2.0), |m| m.node("ThresholdedRelu", &["x"], vec![]));
    check("Shrink", &[1, 30], (-2.0, 2.0), |m| m.node("Shrink", &["x"], vec![("bias", 0.5.into())]));
    check("Cast", &[1, 30], (-3.0, 3.0), |m| {
        let whole = m.node("Cast", &["x"], vec![("to", 6.into())]);
        m.node("Cast", &[&whole], vec![("to", 1.into())])
    });
}

#[test]
fn greatest_and_least() {
    for operator in ["ReduceMax", "ReduceMin", "ReduceProd"] {
        // A product of many numbers is small beside what it may be.
        let axes: &[&[i64]] = if operator == "ReduceProd" { &[&[1]] } else { &[&[1], &[2], &[1, 2]] };
        for axes in axes {
            check(operator, &[1, 3, 5], BOTH, |m| m.node(operator, &["x"], vec![("axes", ints(axes))]));
        }
    }
    for operator in ["ArgMax", "ArgMin"] {
        for last in [0, 1] {
            check(operator, &[1, 3, 5], BOTH, |m| {
                let more = vec![("axis", 2.into()), ("select_last_index", last.into())];
                let found = m.node(operator, &["x"], more);
                m.node("Cast", &[&found], vec![("to", 1.into())])
            });
        }
    }
    check("Hardmax", &[1, 3, 5], BOTH, |m| m.node("Hardmax", &["x"], vec![("axis", 1.into())]));
    for (kernel, strides, pads) in [(&[2, 2], &[2, 2], &[0; 4]), (&[3, 3], &[2, 2], &[1; 4])] {
        check("MaxPool", &[1, 2, 6, 6], BOTH, |m| m.node("MaxPool", &["x"], window(kernel, strides, pads)));
    }
    check("MaxPool of volumes", &[2, 1, 4, 4, 4], BOTH, |m| {
        m.node("MaxPool", &["x"], window(&[2, 2, 2], &[2, 2, 2], &[0; 6]))
    });
    check("CumSum", &[1, 3, 5], BOTH, |m| {
        let axis = m.list(&[2]);
        m.node("CumSum", &["x", &axis], vec![("exclusive", 1.into()), ("reverse", 1.into())])
    });
}

#[test]
fn softmax_of_rows_and_columns() {
    for operator in ["Softmax", "LogSoftmax"] {
        for (shape, axis) in [(&[1, 10][..], 1), (&[3, 4, 5], 1), (&[2, 3, 4], 2)] {
            check(operator, shape, (-3.0, 3.0), |m| m.node(operator, &["x"], vec![("axis", axis.into())]));
        }
    }
    let mut m = Maker::new(&["1", "16"]);
    let hidden = m.dense("x", 16, 5);
    let last = m.node("Softmax", &[&hidden], vec![]);
    let model = m.model(&last);
    let samples = samples(16, 8, -1.0, 1.0);
    let (network, _) = quantized(&model, &samples);
    prove(&network, &samples);
}

#[test]
fn normalizations() {
    for operator in ["LayerNormalization", "RMSNormalization"] {
        // A row of 64 has layers of its own, shorter ones are put together of others.
        for width in [16, 64] {
            check(operator, &[1, 3, width], (-2.0, 2.0), |m| {
                let (scale, bias) = (m.weights(&[width], 1.0), m.weights(&[width], 1.0));
                match operator {
                    "RMSNormalization" => m.node(operator, &["x", &scale], vec![]),
                    _ => m.node(operator, &["x", &scale, &bias], vec![]),
                }
            });
        }
    }
    check("InstanceNormalization", &[2, 3, 4, 4], BOTH, |m| {
        let (scale, bias) = (m.weights(&[3], 1.0), m.weights(&[3], 1.0));
        m.node("InstanceNormalization", &["x", &scale, &bias], vec![])
    });
    check("LRN", &[1, 5, 3, 3], (-2.0, 2.0), |m| {
        m.node("LRN", &["x"], vec![("size", 3.into()), ("alpha", 0.5.into())])
    });
    check("LpNormalization", &[1, 4, 6], BOTH, |m| m.node("LpNormalization", &["x"], vec![]));
}

/// Nodes as exporters of older versions write them are the same normalization: the same steps, the same integers. Where
/// something else reads a node of it, it is computed node by node.
#[test]
fn a_normalization_is_recognised_however_it_is_written() {
    let (count, width) = (4, 64);
    let made = |written_out: bool, reads_inner: bool| {
        let mut m = Maker::new(&["1", "4", "64"]);
        let (scale, bias) = (m.weights(&[width], 1.0), m.weights(&[width], 1.0));
        let weights = m.weights(&[width, 8], 0.2);
        let (two, epsilon) = (m.constant(&[], &[2.0]), m.constant(&[], &[1e-5]));
        let last = || vec![("axes", ints(&[-1]))];
        let normed = if written_out {
            let mean = m.node("ReduceMean", &["x"], last());
            let centred = m.node("Sub", &["x", &mean], vec![]);
            let square = m.node("Pow", &[&centred, &two], vec![]);
            let variance = m.node("ReduceMean", &[&square], last());
            let sum = m.node("Add", &[&variance, &epsilon], vec![]);
            let root = m.node("Sqrt", &[&sum], vec![]);
            let unit = m.node("Div", &[&centred, &root], vec![]);
            let unit = if reads_inner { m.node("Add", &[&unit, &centred], vec![]) } else { unit };
            let scaled = m.node("Mul", &[&unit, &scale], vec![]);
            m.node("Add", &[&scaled, &bias], vec![])
        } else {
            m.node("LayerNormalization", &["x", &scale, &bias], vec![])
        };
        let output = m.node("MatMul", &[&normed, &weights], vec![]);
        m.model(&output)
    };
    let samples = samples(count * width, 8, -2.0, 2.0);
    let (network, report) = quantized(&made(false, false), &samples);
    let (other, _) = quantized(&made(true, false), &samples);
    assert_eq!(network.graph(), other.graph());
    let kinds =
        |network: &Network| network.graph().layers().iter().filter(|l| matches!(l, Layer::Normalize { .. })).count();
    assert_eq!(kinds(&network), 1, "{report:#?}");
    let inner = Network::new(&made(true, true), &Calibration::Samples(samples.clone())).unwrap();
    assert_eq!(kinds(&inner), 0, "what something else reads is computed");
    prove(&network, &samples);
}

#[test]
fn rows_by_computed_indices() {
    check("Gather", &[1, 6], (0.0, 4.0), |m| {
        let table = m.weights(&[5, 3], 1.0);
        let whole = m.node("Floor", &["x"], vec![]);
        let indices = m.node("Cast", &[&whole], vec![("to", 7.into())]);
        m.node("Gather", &[&table, &indices], vec![("axis", 0.into())])
    });
    check("OneHot", &[2, 3], (0.0, 5.0), |m| {
        let (depth, values) = (m.list(&[5]), m.constant(&[2], &[-0.5, 2.0]));
        let indices = m.node("Cast", &["x"], vec![("to", 7.into())]);
        m.node("OneHot", &[&indices, &depth, &values], vec![("axis", 1.into())])
    });
}

#[test]
fn several_samples_at_once() {
    for (name, shape) in [("two images", [2, 3, 6, 6]), ("three images", [3, 3, 5, 4])] {
        check(name, &shape, BOTH, |m| {
            let conv = m.conv("x", [4, 3, 3, 3], same());
            m.node("Relu", &[&conv], vec![])
        });
    }
    check("oblong windows", &[2, 2, 5, 5], BOTH, |m| m.conv("x", [4, 1, 3, 2], vec![("group", 2.into())]));
    check("volumes", &[2, 2, 4, 4, 4], BOTH, |m| {
        let w = m.weights(&[3, 2, 2, 2, 2], 0.3);
        m.node("Conv", &["x", &w], vec![("strides", ints(&[2, 2, 2]))])
    });
    check("means of volumes", &[2, 2, 4, 4, 4], BOTH, |m| {
        m.node("AveragePool", &["x"], window(&[2, 2, 2], &[2, 2, 2], &[0; 6]))
    });
    check("BatchNormalization", &[2, 2, 3, 3], BOTH, |m| {
        let names = [0.5, -0.2, 0.3, 1.5].map(|x| m.constant(&[2], &[x, x + 0.1]));
        let [a, b, c, d] = names.each_ref().map(String::as_str);
        m.node("BatchNormalization", &["x", a, b, c, d], vec![])
    });
    check("Gemm", &[4, 6], BOTH, |m| {
        let (w, b) = (m.weights(&[6, 3], 0.5), m.weights(&[3], 0.5));
        m.node("Gemm", &["x", &w, &b], vec![])
    });
    check("a constant on the left", &[2, 4, 3], BOTH, |m| {
        let w = m.weights(&[5, 4], 0.5);
        m.node("MatMul", &[&w, "x"], vec![])
    });
}

#[test]
fn moves() {
    check("DepthToSpace", &[1, 8, 2, 3], BOTH, |m| m.node("DepthToSpace", &["x"], vec![("blocksize", 2.into())]));
    check("SpaceToDepth", &[1, 2, 4, 6], BOTH, |m| m.node("SpaceToDepth", &["x"], vec![("blocksize", 2.into())]));
    for mode in ["reflect", "edge"] {
        check(mode, &[1, 2, 4, 4], BOTH, |m| {
            let pads = m.list(&[0, 0, 3, 1, 0, 0, 2, 2]);
            m.node("Pad", &["x", &pads], vec![("mode", mode.into())])
        });
    }
    check("GatherND", &[2, 3, 2], BOTH, |m| {
        let at = m.indices(&[2, 2], &[0, 2, 1, 1]);
        m.node("GatherND", &["x", &at], vec![])
    });
    check("GatherElements", &[2, 3], BOTH, |m| {
        let at = m.indices(&[2, 2], &[0, 2, 1, 1]);
        m.node("GatherElements", &["x", &at], vec![("axis", 1.into())])
    });
    for mode in ["nearest", "linear"] {
        check(mode, &[1, 2, 3, 3], BOTH, |m| {
            let scales = m.constant(&[4], &[1.0, 1.0, 2.0, 2.0]);
            m.node("Resize", &["x", "", &scales], vec![("mode", mode.into())])
        });
    }
}
