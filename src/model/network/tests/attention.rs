//! Attention of several heads, as exporters write it: read from where its parts are, or step by step.

use super::*;
use zkinfer_prover::network::Layer;

const TOKENS: usize = 8;
const WIDTH: usize = 16;
const HEADS: i64 = 2;

/// One block of attention with a residual. `both` has something else read the probabilities, too.
fn block(causal: bool, both: bool) -> Model {
    let mut m = Maker::new(&["1", "8", "16"]);
    let first = m.weights(&[WIDTH, WIDTH], 0.4);
    let x = m.node("MatMul", &["x", &first], vec![]);
    let (qkv, bias) = (m.weights(&[WIDTH, 3 * WIDTH], 0.4), m.weights(&[3 * WIDTH], 0.1));
    let qkv = m.node("MatMul", &[&x, &qkv], vec![]);
    let qkv = m.node("Add", &[&qkv, &bias], vec![]);
    let sizes = m.list(&[WIDTH as i64; 3]);
    let parts = m.nodes("Split", &[&qkv, &sizes], vec![("axis", 2.into())], 3);
    let shape = m.list(&[1, TOKENS as i64, HEADS, WIDTH as i64 / HEADS]);
    let head = |m: &mut Maker, part: &str, order: &[i64]| {
        let part = m.node("Reshape", &[part, &shape], vec![]);
        m.node("Transpose", &[&part], vec![("perm", ints(order))])
    };
    let (q, k) = (head(&mut m, &parts[0], &[0, 2, 1, 3]), head(&mut m, &parts[1], &[0, 2, 3, 1]));
    let v = head(&mut m, &parts[2], &[0, 2, 1, 3]);
    let root = m.constant(&[], &[0.35]);
    let scores = m.node("MatMul", &[&q, &k], vec![]);
    let mut scores = m.node("Mul", &[&scores, &root], vec![]);
    if causal {
        let above = |at: usize| if at % TOKENS > at / TOKENS { -1e9 } else { 0.0 };
        let mask = m.constant(&[TOKENS, TOKENS], &(0..TOKENS * TOKENS).map(above).collect::<Vec<_>>());
        scores = m.node("Add", &[&scores, &mask], vec![]);
    }
    let shares = m.node("Softmax", &[&scores], vec![("axis", (-1).into())]);
    let seen = m.node("MatMul", &[&shares, &v], vec![]);
    let seen = m.node("Transpose", &[&seen], vec![("perm", ints(&[0, 2, 1, 3]))]);
    let shape = m.list(&[1, TOKENS as i64, WIDTH as i64]);
    let seen = m.node("Reshape", &[&seen, &shape], vec![]);
    let (out, bias) = (m.weights(&[WIDTH, WIDTH], 0.4), m.weights(&[WIDTH], 0.1));
    let out = m.node("MatMul", &[&seen, &out], vec![]);
    let out = m.node("Add", &[&out, &bias], vec![]);
    let mut sum = m.node("Add", &[&x, &out], vec![]);
    if both {
        let axes = m.list(&[1, 2, 3]);
        let all = m.node("ReduceSum", &[&shares, &axes], vec![("keepdims", 0.into())]);
        let small = m.constant(&[], &[0.01]);
        let all = m.node("Mul", &[&all, &small], vec![]);
        sum = m.node("Add", &[&sum, &all], vec![]);
    }
    m.model(&sum)
}

/// What of a network is products of stacks: scores, and how many of all are causal.
fn products(network: &Network) -> (usize, usize, usize) {
    let layers = network.graph().layers();
    let all: Vec<_> =
        layers.iter().filter_map(|layer| if let Layer::Products(of) = layer { Some(of) } else { None }).collect();
    let scores = all.iter().filter(|of| matches!(of.activation, zkinfer_prover::network::Gadget::Score { .. })).count();
    (all.len(), scores, all.iter().filter(|of| of.causal).count())
}

/// Recognised, attention takes a row for each score, one for each exponential, and one for each value: nothing is copied.
#[test]
fn attention_is_read_from_where_its_parts_are() {
    let samples = samples(TOKENS * WIDTH, 12, -1.0, 1.0);
    for causal in [true, false] {
        let (network, report) = quantized(&block(causal, false), &samples);
        let greatest = report.tensors.last().unwrap().max_abs;
        assert!(report.accuracy.max_abs_error < 0.003 * greatest, "{report:#?}");
        assert_eq!(products(&network), (2, 1, if causal { 2 } else { 0 }));
        let layers = network.graph().layers();
        // The input, whose numbers are one row, becomes rows of tokens.
        let moved = layers.iter().filter(|l| matches!(l, Layer::Gather { .. } | Layer::Join { .. })).count();
        assert!(moved <= 1, "{report:#?}");
        let plus = layers.iter().filter(|l| matches!(l, Layer::Linear { plus: Some(_), .. })).count();
        assert_eq!(plus, 1, "the residual is a part of the map before it");
        prove(&network, &samples);
    }
}

/// Where something else reads the probabilities they are computed one by one. Their integers are rounded once more than where
/// products are scaled at the end, so that the results are not the same; both are within the same bound of the model.
#[test]
fn attention_that_something_else_reads_is_computed_step_by_step() {
    let samples = samples(TOKENS * WIDTH, 12, -1.0, 1.0);
    let (network, report) = quantized(&block(true, true), &samples);
    let greatest = report.tensors.last().unwrap().max_abs;
    assert!(report.accuracy.max_abs_error < 0.003 * greatest, "{report:#?}");
    let (all, scores, causal) = products(&network);
    assert_eq!((all, scores, causal), (2, 0, 0));
    prove(&network, &samples);
}

/// What comes later changes nothing, also in integers.
#[test]
fn causal_integers_know_nothing_of_the_future() {
    let samples = samples(TOKENS * WIDTH, 12, -1.0, 1.0);
    let (network, _) = quantized(&block(true, false), &samples);
    let of = |x: &[f64]| network.graph().infer(&network.quantize(x).unwrap()).unwrap();
    for cut in [1, 3, 7] {
        let mut other = samples[0].clone();
        other[cut * WIDTH..].copy_from_slice(&samples[1][cut * WIDTH..]);
        assert_eq!(of(&samples[0])[..cut * WIDTH], of(&other)[..cut * WIDTH], "{cut}");
        assert_ne!(of(&samples[0])[cut * WIDTH..], of(&other)[cut * WIDTH..]);
    }
}
