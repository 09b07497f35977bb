//! Every operator that is lowered, alone: integers against the float model, and a program that registration accepts.

use super::*;

/// `make` from the input `x` of this shape; then everything into a small dense layer.
pub(super) fn check(name: &str, shape: &[usize], (low, high): (f64, f64), make: impl Fn(&mut Maker) -> String) {
    let axes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let mut m = Maker::new(&axes.iter().map(String::as_str).collect::<Vec<_>>());
    let made = make(&mut m);
    let model = m.model(&made);
    let samples = samples(shape.iter().product(), 8, low, high);
    let (network, report) = quantized(&model, &samples);
    let greatest = report.tensors.last().unwrap().max_abs;
    let error = report.accuracy.max_abs_error;
    assert!(error <= 0.002 * greatest, "{name}: {error} of {greatest}, {report:#?}");
    network.graph().compile().unwrap_or_else(|error| panic!("{name}: {error}"));
}

pub(super) const BOTH: (f64, f64) = (-1.0, 1.0);
pub(super) const POSITIVE: (f64, f64) = (0.0, 1.0);

pub(super) fn window(kernel: &[i64], strides: &[i64], pads: &[i64]) -> Vec<(&'static str, Attribute)> {
    vec![("kernel_shape", ints(kernel)), ("strides", ints(strides)), ("pads", ints(pads))]
}

#[test]
fn elementwise_operators() {
    for (operator, attributes) in [
        ("Relu", vec![]),
        ("LeakyRelu", vec![("alpha", Attribute::from(0.2))]),
        ("Abs", vec![]),
        ("Neg", vec![]),
        ("HardSigmoid", vec![]),
        ("HardSwish", vec![]),
        ("Identity", vec![]),
    ] {
        check(operator, &[1, 6], BOTH, |m| m.node(operator, &["x"], attributes.clone()));
        check(operator, &[1, 2, 3, 3], BOTH, |m| {
            let conv = m.conv("x", [2, 2, 3, 3], same());
            m.node(operator, &[&conv], attributes.clone())
        });
    }
    for operator in ["Add", "Sub", "Mul", "Div", "Max", "Min"] {
        check(operator, &[1, 2, 3, 3], BOTH, |m| {
            let other = m.constant(&[2, 1, 1], &[0.5, -0.25]);
            m.node(operator, &["x", &other], vec![])
        });
        if operator != "Div" {
            check(operator, &[1, 2, 3, 3], BOTH, |m| {
                let conv = m.conv("x", [2, 2, 3, 3], same());
                m.node(operator, &["x", &conv], vec![])
            });
        }
    }
    check("Sub from", &[1, 5], BOTH, |m| {
        let one = m.constant(&[5], &[1.0, 2.0, 3.0, 4.0, 0.5]);
        m.node("Sub", &[&one, "x"], vec![])
    });
    check("PRelu", &[1, 2, 3, 3], BOTH, |m| {
        let slope = m.constant(&[2, 1, 1], &[0.5, -0.25]);
        m.node("PRelu", &["x", &slope], vec![])
    });
    check("Clip", &[1, 6], BOTH, |m| {
        let (low, high) = (m.constant(&[], &[-0.5]), m.constant(&[], &[0.25]));
        m.node("Clip", &["x", &low, &high], vec![])
    });
    check("BatchNormalization", &[1, 2, 3, 3], BOTH, |m| {
        let names = [0.5, -0.2, 0.3, 1.5].map(|x| m.constant(&[2], &[x, x + 0.1]));
        let [a, b, c, d] = names.each_ref().map(String::as_str);
        m.node("BatchNormalization", &["x", a, b, c, d], vec![])
    });
}

#[test]
fn convolutions() {
    type Case<'a> = (&'a str, [usize; 4], Vec<(&'a str, Attribute)>);
    let grid: [Case<'_>; 8] = [
        ("same", [3, 4, 3, 3], same()),
        ("valid", [3, 4, 3, 3], vec![]),
        ("stride", [3, 4, 3, 3], [same(), vec![("strides", ints(&[2, 2]))]].concat()),
        ("depthwise", [4, 1, 3, 3], [same(), vec![("group", 4.into())]].concat()),
        ("dilated", [2, 4, 2, 2], vec![("dilations", ints(&[2, 2]))]),
        ("one-sided", [2, 4, 3, 3], vec![("pads", ints(&[0, 0, 1, 1]))]),
        ("oblong", [2, 4, 1, 3], vec![("pads", ints(&[0, 1, 0, 1]))]),
        ("two strides", [2, 2, 3, 2], vec![("strides", ints(&[2, 1])), ("group", 2.into())]),
    ];
    for (name, shape, attributes) in grid {
        for range in [BOTH, POSITIVE] {
            check(name, &[1, 4, 6, 6], range, |m| m.conv("x", shape, attributes.clone()));
        }
    }
    check("one axis", &[1, 3, 8], BOTH, |m| {
        let w = m.weights(&[2, 3, 3], 0.5);
        m.node("Conv", &["x", &w], vec![("pads", ints(&[1, 1]))])
    });
    check("transposed", &[1, 2, 3, 3], BOTH, |m| {
        let (w, b) = (m.weights(&[2, 2, 3, 3], 0.5), m.weights(&[4], 0.5));
        let more = vec![("strides", ints(&[2, 2])), ("pads", ints(&[1, 1, 1, 1])), ("group", 2.into())];
        m.node("ConvTranspose", &["x", &w, &b], more)
    });
}

#[test]
fn pools_and_reductions() {
    for (operator, attributes) in [
        ("MaxPool", window(&[2, 2], &[2, 2], &[0, 0, 0, 0])),
        ("MaxPool", window(&[3, 3], &[2, 2], &[1, 1, 1, 1])),
        ("MaxPool", window(&[3, 2], &[1, 2], &[0, 0, 0, 0])),
        ("GlobalMaxPool", vec![]),
        ("AveragePool", window(&[2, 2], &[2, 2], &[0, 0, 0, 0])),
        ("AveragePool", window(&[3, 3], &[1, 1], &[0, 0, 0, 0])),
        ("AveragePool", window(&[3, 3], &[2, 2], &[1, 1, 1, 1])),
        ("GlobalAveragePool", vec![]),
    ] {
        check(operator, &[1, 2, 6, 6], POSITIVE, |m| m.node(operator, &["x"], attributes.clone()));
        if operator.contains("Average") {
            check(operator, &[1, 2, 6, 6], BOTH, |m| m.node(operator, &["x"], attributes.clone()));
        }
    }
    check("a pool before its ReLU", &[1, 1, 4, 4], BOTH, |m| {
        let conv = m.conv("x", [2, 1, 3, 3], same());
        let pooled = m.node("MaxPool", &[&conv], window(&[2, 2], &[2, 2], &[0, 0, 0, 0]));
        m.node("Relu", &[&pooled], vec![])
    });
    for operator in ["ReduceMean", "ReduceSum"] {
        for axes in [&[2, 3][..], &[1], &[-1]] {
            check(operator, &[1, 2, 4, 4], BOTH, |m| {
                if operator == "ReduceSum" {
                    let axes = m.list(axes);
                    return m.node(operator, &["x", &axes], vec![]);
                }
                m.node(operator, &["x"], vec![("axes", ints(axes))])
            });
        }
    }
}

#[test]
fn products_and_moves() {
    check("MatMul of rows", &[1, 3, 4], BOTH, |m| {
        let w = m.weights(&[4, 5], 0.5);
        m.node("MatMul", &["x", &w], vec![])
    });
    check("MatMul of two", &[1, 3, 4], BOTH, |m| {
        let turned = m.node("Transpose", &["x"], vec![("perm", ints(&[0, 2, 1]))]);
        m.node("MatMul", &["x", &turned], vec![])
    });
    check("Gemm", &[1, 6], POSITIVE, |m| {
        let (w, b) = (m.weights(&[3, 6], 0.5), m.weights(&[3], 0.5));
        m.node("Gemm", &["x", &w, &b], vec![("transB", 1.into()), ("alpha", 0.5.into()), ("beta", 2.0.into())])
    });
    check("Transpose and Reshape", &[1, 2, 3, 4], BOTH, |m| {
        let turned = m.node("Transpose", &["x"], vec![("perm", ints(&[0, 3, 1, 2]))]);
        let shape = m.list(&[1, 2, 12]);
        let flat = m.node("Reshape", &[&turned, &shape], vec![]);
        m.node("Transpose", &[&flat], vec![("perm", ints(&[0, 2, 1]))])
    });
    check("Slice", &[1, 8], BOTH, |m| {
        let lists = [&[1][..], &[7], &[1], &[2]].map(|list| m.list(list));
        m.node("Slice", &["x", &lists[0], &lists[1], &lists[2], &lists[3]], vec![])
    });
    check("Split", &[1, 6], BOTH, |m| {
        let sizes = m.list(&[2, 4]);
        let parts = m.nodes("Split", &["x", &sizes], vec![("axis", 1.into())], 2);
        let w = m.weights(&[4, 2], 0.5);
        let narrow = m.node("MatMul", &[&parts[1], &w], vec![]);
        m.node("Add", &[&parts[0], &narrow], vec![])
    });
    check("Gather", &[1, 6], BOTH, |m| {
        let picked = m.list(&[5, 0, 0, 2]);
        m.node("Gather", &["x", &picked], vec![("axis", 1.into())])
    });
    check("Expand and Tile", &[1, 2, 1, 3], BOTH, |m| {
        let (shape, repeats) = (m.list(&[1, 2, 2, 3]), m.list(&[1, 1, 1, 2]));
        let wide = m.node("Expand", &["x", &shape], vec![]);
        m.node("Tile", &[&wide, &repeats], vec![])
    });
    check("a channel's gate", &[1, 2, 3, 3], POSITIVE, |m| {
        let mean = m.node("GlobalAveragePool", &["x"], vec![]);
        m.node("Mul", &["x", &mean], vec![])
    });
}
