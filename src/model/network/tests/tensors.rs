//! Several tensors: inputs, outputs, what is put together of them; and a small transformer.

use super::{operators::*, *};

#[test]
fn what_is_put_together() {
    check("Concat", &[1, 2, 3], BOTH, |m| {
        let (w, c) = (m.weights(&[3, 3], 0.5), m.constant(&[1, 1, 3], &[0.5, -0.5, 0.25]));
        let other = m.node("MatMul", &["x", &w], vec![]);
        m.node("Concat", &["x", &other, &c], vec![("axis", 1.into())])
    });
    check("Pad", &[1, 1, 3, 3], BOTH, |m| {
        let (pads, value) = (m.list(&[0, 0, 1, 2, 0, 0, 2, 0]), m.constant(&[], &[0.5]));
        m.node("Pad", &["x", &pads, &value], vec![("mode", "constant".into())])
    });
    check("Trilu", &[1, 4, 4], BOTH, |m| m.node("Trilu", &["x"], vec![("upper", 0.into())]));
    check("Where by a constant", &[2, 3], BOTH, |m| {
        let (mask, other) = (m.list(&[1, 0, 1]), m.constant(&[], &[0.75]));
        let mask = m.node("Cast", &[&mask], vec![("to", 9.into())]);
        m.node("Where", &[&mask, "x", &other], vec![])
    });
    check("ScatterElements", &[2, 3], BOTH, |m| {
        let (at, updates) = (m.indices(&[1, 2], &[1, 0]), m.constant(&[1, 2], &[0.5, -0.5]));
        m.node("ScatterElements", &["x", &at, &updates], vec![("axis", 0.into())])
    });
    check("MatMul with several constant matrices", &[2, 3, 4], BOTH, |m| {
        let w = m.weights(&[2, 4, 5], 0.5);
        m.node("MatMul", &["x", &w], vec![])
    });
    check("MatMul of one with several constant matrices", &[1, 3, 4], BOTH, |m| {
        let w = m.weights(&[3, 4, 2], 0.5);
        m.node("MatMul", &["x", &w], vec![])
    });
    check("MatMul of stacks", &[2, 3, 4], BOTH, |m| {
        let turned = m.node("Transpose", &["x"], vec![("perm", ints(&[0, 2, 1]))]);
        m.node("MatMul", &["x", &turned], vec![])
    });
}

#[test]
fn sums_of_products_by_equation() {
    for (equation, shape) in [("bij,bjk->bik", [2, 3, 3]), ("bij,bkj->bki", [2, 3, 4]), ("bij,bij->b", [2, 3, 3])] {
        check(equation, &shape, BOTH, |m| {
            let other = m.node("Neg", &["x"], vec![]);
            m.node("Einsum", &["x", &other], vec![("equation", equation.into())])
        });
    }
    for (equation, shape) in [("bij->bji", [2, 3, 4]), ("bij->bi", [2, 3, 4])] {
        check(equation, &shape, BOTH, |m| m.node("Einsum", &["x"], vec![("equation", equation.into())]));
    }
    check("a constant", &[2, 3, 4], BOTH, |m| {
        let w = m.weights(&[4, 5], 0.5);
        m.node("Einsum", &["x", &w], vec![("equation", "bij,jk->bik".into())])
    });
}

/// Two inputs of their own scales, and two outputs: integers, report and proof.
#[test]
fn several_inputs_and_outputs() {
    let mut m = Maker::new(&["1", "4"]);
    m.file = std::mem::take(&mut m.file).floats("y", &["1", "4"]);
    let sum = m.node("Add", &["x", "y"], vec![]);
    let product = m.node("Mul", &["x", "y"], vec![]);
    let dense = m.dense(&product, 4, 3);
    m.file = std::mem::take(&mut m.file).output(&sum);
    let model = m.model(&dense);
    let samples: Vec<Vec<f64>> = samples(8, 8, -1.0, 1.0)
        .into_iter()
        .map(|sample| sample.into_iter().enumerate().map(|(i, x)| if i < 4 { x.abs() } else { 20.0 * x }).collect())
        .collect();
    let network = Network::new(&model, &Calibration::Samples(samples.clone())).unwrap();
    assert_eq!(network.inputs().iter().map(|input| input.zero_point).collect::<Vec<_>>(), [0, 1 << 15]);
    assert!(network.inputs()[1].scale >= 20.0 / 32768.0);
    assert_eq!(network.output_scales().len(), 2);
    let report = network.report(&samples);
    assert_eq!(report.accuracy.out_of_range, 0);
    assert!(report.accuracy.max_abs_error < 0.02, "{report:#?}");
    let expected = model.run(&Input::new(vec![samples[0][..4].to_vec(), samples[0][4..].to_vec()]).unwrap()).unwrap();
    for (a, b) in network.run(&samples[0]).unwrap().iter().zip(expected.concat()) {
        assert!((a - f64::from(b)).abs() < 0.02, "{a} against {b}");
    }
    prove(&network, &samples);
}

/// A layer norm, attention of two heads that looks back alone, and a perceptron with GELU, each with what it adds to, on
/// tokens that are looked up; as PyTorch writes it.
#[test]
fn a_small_transformer() {
    const TOKENS: usize = 4;
    const WIDTH: usize = 8;
    const HEADS: usize = 2;
    let mut m = Maker::new(&["1", "4"]);
    let table = m.weights(&[6, WIDTH], 1.0);
    let whole = m.node("Cast", &["x"], vec![("to", 7.into())]);
    let tokens = m.node("Gather", &[&table, &whole], vec![]);
    let places = m.weights(&[1, TOKENS, WIDTH], 0.5);
    let mut x = m.node("Add", &[&tokens, &places], vec![]);
    let norm = |m: &mut Maker, x: &str| {
        let (scale, bias) = (m.constant(&[WIDTH], &[1.1; WIDTH]), m.weights(&[WIDTH], 0.1));
        m.node("LayerNormalization", &[x, &scale, &bias], vec![])
    };
    let linear = |m: &mut Maker, x: &str, inputs: usize, outputs: usize| {
        let bound = (3.0 / inputs as f64).sqrt();
        let (w, b) = (m.weights(&[inputs, outputs], bound), m.weights(&[outputs], 0.1));
        let product = m.node("MatMul", &[x, &w], vec![]);
        m.node("Add", &[&product, &b], vec![])
    };
    let heads = |m: &mut Maker, x: &str, perm: &[i64]| {
        let shape = m.list(&[1, TOKENS as i64, HEADS as i64, (WIDTH / HEADS) as i64]);
        let split = m.node("Reshape", &[x, &shape], vec![]);
        m.node("Transpose", &[&split], vec![("perm", ints(perm))])
    };
    let normed = norm(&mut m, &x);
    let [q, k, v] = [0; 3].map(|_| linear(&mut m, &normed, WIDTH, WIDTH));
    let (q, k) = (heads(&mut m, &q, &[0, 2, 1, 3]), heads(&mut m, &k, &[0, 2, 3, 1]));
    let v = heads(&mut m, &v, &[0, 2, 1, 3]);
    let scores = m.node("MatMul", &[&q, &k], vec![]);
    let root = m.constant(&[], &[2.0]);
    let scores = m.node("Div", &[&scores, &root], vec![]);
    let mask: Vec<f32> = (0..TOKENS * TOKENS).map(|i| if i % TOKENS > i / TOKENS { f32::MIN } else { 0.0 }).collect();
    let mask = m.constant(&[1, 1, TOKENS, TOKENS], &mask);
    let scores = m.node("Add", &[&scores, &mask], vec![]);
    let weights = m.node("Softmax", &[&scores], vec![("axis", (-1).into())]);
    let seen = m.node("MatMul", &[&weights, &v], vec![]);
    let seen = m.node("Transpose", &[&seen], vec![("perm", ints(&[0, 2, 1, 3]))]);
    let shape = m.list(&[1, TOKENS as i64, WIDTH as i64]);
    let seen = m.node("Reshape", &[&seen, &shape], vec![]);
    let seen = linear(&mut m, &seen, WIDTH, WIDTH);
    x = m.node("Add", &[&x, &seen], vec![]);
    let normed = norm(&mut m, &x);
    let hidden = linear(&mut m, &normed, WIDTH, 2 * WIDTH);
    let hidden = m.node("Gelu", &[&hidden], vec![]);
    let hidden = linear(&mut m, &hidden, 2 * WIDTH, WIDTH);
    x = m.node("Add", &[&x, &hidden], vec![]);
    let normed = norm(&mut m, &x);
    let last = linear(&mut m, &normed, WIDTH, 6);
    let model = m.model(&last);
    let mut next = uniform(5);
    let samples: Vec<Vec<f64>> = (0..12).map(|_| (0..TOKENS).map(|_| (6.0 * next()).floor()).collect()).collect();
    let (network, report) = quantized(&model, &samples);
    assert!(report.accuracy.max_abs_error < 0.02, "{report:#?}");
    assert!(report.accuracy.same_argmax >= 11, "{report:#?}");
    prove(&network, &samples);
}
