//! Networks for tests.

use super::{Elements, Graph, Layer, Linear, Parameters, Products, Stack, Table};
use crate::circuit::Committed;
use crate::network::gadget::{Gadget, Slope};
use crate::network::program::Program;
use crate::testing::Xorshift;

/// Random parameters of `rows` rows.
pub(crate) fn parameters(rows: usize, inputs: usize, bias: u64, rng: &mut Xorshift) -> Parameters {
    let weights = (0..rows * inputs).map(|_| (rng.below(255) as i64 - 127) as i16).collect();
    let biases = (0..rows).map(|_| rng.below(2 * bias + 1) as i32 - bias as i32).collect();
    Parameters { weights, biases }
}

/// A perceptron; `activations` of the hidden layers.
pub(crate) fn mlp(dims: &[u32], activations: &[Gadget], seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let mut layers = vec![Layer::Input { dims: vec![dims[0]] }];
    for (i, d) in dims.windows(2).enumerate() {
        let mut parameters = parameters(d[1] as usize, d[0] as usize, 10_000, &mut rng);
        if activations.get(i).is_none() {
            // All 16 bits: nothing after the last layer has to hold its sums.
            parameters.weights.iter_mut().for_each(|w| *w *= 258);
        }
        layers.push(Layer::Linear {
            plus: None,
            from: i,
            op: Linear::Dense { outputs: d[1] },
            parameters,
            activation: activations.get(i).copied(),
        });
    }
    Graph::new(layers).unwrap()
}

fn linear(from: usize, op: Linear, inputs: usize, activation: Option<Gadget>, rng: &mut Xorshift) -> Layer {
    let rows = match op {
        Linear::Dense { outputs } => outputs,
        Linear::Conv { channels, .. } => channels,
        Linear::Rows { outputs } => outputs,
    };
    Layer::Linear { from, op, parameters: parameters(rows as usize, inputs, 10_000, rng), activation, plus: None }
}

/// Convolution with padding, maximum, a depthwise one, a residual sum, one with stride and groups,
/// the mean, a dense layer.
pub(crate) fn cnn(seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let relu = Some(Gadget::Relu { shift: 8 });
    let clamp = Some(Gadget::Clamp { shift: 8, lo: 0, hi: 255 });
    let conv = |channels, stride, groups| Linear::Conv { channels, kernel: 3, stride, padding: 1, groups };
    Graph::new(vec![
        Layer::Input { dims: vec![1, 8, 8] },
        linear(0, conv(4, 1, 1), 9, relu, &mut rng),
        Layer::MaxPool { from: 1, window: 2 },
        linear(2, conv(4, 1, 4), 9, clamp, &mut rng),
        Layer::Add { from: [2, 3], activation: Gadget::Clamp { shift: 8, lo: 0, hi: 300 } },
        linear(4, conv(6, 2, 2), 18, relu, &mut rng),
        Layer::MeanPool { from: 5, window: 2 },
        linear(6, Linear::Dense { outputs: 3 }, 6, None, &mut rng),
    ])
    .unwrap()
}

/// A matrix product of computed operands, a product element by element, functions, copies.
pub(crate) fn mixed(seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let tables: [[i16; 256]; 2] = [
        core::array::from_fn(|i| ((i as f64 / 128.0 - 1.0).tanh() * 30_000.0) as i16),
        core::array::from_fn(|i| (i as i16 - 128).max(0) / 2 - 17),
    ];
    let function = |table, bytes| Gadget::Function { table, bytes };
    let indices = (0..7).map(|_| rng.below(16) as u32).collect();
    let layers = vec![
        Layer::Input { dims: vec![4, 4] },
        Layer::Activation { from: 0, activation: Gadget::Requantize { shift: 8 } },
        Layer::MatMul { from: [0, 1], activation: Gadget::Requantize { shift: 8 } },
        Layer::Mul { from: [2, 0], shift: 8 },
        Layer::Activation { from: 3, activation: function(1, 2) },
        Layer::Gather { from: 4, dims: vec![7], indices },
        linear(5, Linear::Dense { outputs: 6 }, 7, Some(function(2, 1)), &mut rng),
        linear(6, Linear::Dense { outputs: 3 }, 6, None, &mut rng),
    ];
    Graph::with_tables(layers, &tables).unwrap()
}

/// A tree of depth 2 on six features, with secret thresholds and leaves, and its sum with another.
pub(crate) fn tree(seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let of = |from, indices: &[u32]| Elements { from, indices: indices.to_vec() };
    let mut constant = |count: u32, signed: bool| {
        let biases = (0..count).map(|_| rng.below(250) as i32 - if signed { 125 } else { 0 }).collect();
        Layer::Constant { dims: vec![count], values: Parameters { weights: Vec::new(), biases }, signed }
    };
    let layers = vec![
        Layer::Input { dims: vec![6] },
        constant(3, false),
        constant(4, true),
        Layer::Compare { from: [of(0, &[4, 0, 5]), of(1, &[0, 1, 2])], dims: vec![3] },
        Layer::Choose { from: Box::new([of(3, &[1, 2]), of(2, &[0, 2]), of(2, &[1, 3])]), dims: vec![2], signed: true },
        Layer::Choose { from: Box::new([of(3, &[0]), of(4, &[0]), of(4, &[1])]), dims: vec![1], signed: true },
        linear(5, Linear::Dense { outputs: 2 }, 1, None, &mut Xorshift(3)),
    ];
    Graph::new(layers).unwrap()
}

/// Functions of 16 bits of every sort.
pub(crate) fn smooth(seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let sigmoid = |i: usize| 65_535.0 / (1.0 + (-(i as f64 - 128.0) / 16.0).exp());
    let samples = |f: &dyn Fn(usize) -> f64| Table::Samples(core::array::from_fn(|i| f(i) as i32));
    let tables = vec![
        samples(&sigmoid),
        samples(&|i| 65_535.0 * (-(i as f64) / 16.0).exp()),
        samples(&|i| ((i as f64 - 128.0) / 9.0).sin() * 20_000.0),
    ];
    let function = |table, slope, signed| Gadget::Interpolate { table, slope, signed, shift: 0 };
    let layers = vec![
        Layer::Input { dims: vec![3, 2] },
        linear(0, Linear::Dense { outputs: 5 }, 6, Some(Gadget::Requantize { shift: 8 }), &mut rng),
        Layer::Activation { from: 1, activation: function(1, Slope::Rising, [true, false]) },
        Layer::Activation { from: 2, activation: function(2, Slope::Falling, [false, false]) },
        Layer::MulUnsigned { from: [2, 3], shift: 16 },
        Layer::Activation { from: 1, activation: function(3, Slope::Signed, [true, true]) },
        Layer::Mul { from: [4, 5], shift: 16 },
        linear(6, Linear::Dense { outputs: 3 }, 5, None, &mut rng),
    ];
    Graph::with_functions(layers, tables).unwrap()
}

/// Softmax of the rows of a product, up to the probabilities, or applied to the values.
pub(crate) fn softmax(seed: u64, apply: bool) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let table = Table::Samples(core::array::from_fn(|i| (65_535.0 * (-(i as f64) / 2.0).exp()) as i32));
    let falling = Gadget::Interpolate { table: 1, slope: Slope::Falling, signed: [false, false], shift: 0 };
    let mut layers = vec![
        Layer::Input { dims: vec![3, 3] },
        Layer::MatMul { from: [0, 0], activation: Gadget::Requantize { shift: 8 } },
        Layer::Scores { from: 1 },
        Layer::OfDistance { scores: 2, log: 0, activation: falling },
        Layer::Reciprocals { scores: 2, from: 3 },
        Layer::ScaleRows { from: 3, by: 4, shift: 16 },
    ];
    if apply {
        layers.push(Layer::MatMul { from: [5, 0], activation: Gadget::Requantize { shift: 16 } });
    }
    layers.push(linear(layers.len() - 1, Linear::Dense { outputs: 2 }, 9, None, &mut rng));
    Graph::with_functions(layers, vec![table]).unwrap()
}

/// Causal attention of two heads over four rows of a layer `[4, 12]`, which has queries, keys and values: scores, exponentials,
/// inverses of their sums, and sums of values. All of them read the past alone.
fn heads(layers: &mut Vec<Layer>) {
    let (from, at) = (layers.len() - 1, layers.len());
    let part = |steps, first: u32| Stack { from, steps, first: vec![0, first] };
    let products = |left, right, sizes, steps, dims, scale, activation| {
        Layer::Products(Box::new(Products { left, right, sizes, dims, steps, causal: true, scale, activation }))
    };
    let (by_row, by_column) = ([(1, 2), (0, 1), (1, 1)], [(1, 2), (1, 1), (0, 1)]);
    let natural = [(0, 1), (1, 1), (2, 1)];
    let exponentials = Stack { from: at + 1, steps: natural, first: vec![0; 3] };
    let (scores, means) = (Gadget::Score { shift: 8 }, Gadget::Product { shift: 32 });
    layers.extend([
        products(part(by_row, 0), part(by_column, 4), [2, 4, 2, 4], natural, vec![2, 4, 4], None, scores),
        Layer::OfDistance { scores: at, log: 5, activation: Gadget::Falling { table: 1 } },
        Layer::Reciprocals { scores: at, from: at + 1 },
        products(exponentials, part(by_row, 8), [2, 4, 4, 2], by_row, vec![4, 4], Some(at + 2), means),
    ]);
}

/// `e^-x`, and a function that bends, with the gadget that reads it.
fn curves() -> (Vec<Table>, Gadget) {
    let falling = core::array::from_fn(|i| (65_535.0 * (-(i as f64) / 2.0).exp()) as i32);
    let bent = core::array::from_fn(|i| ((i as f64 - 128.0) / 40.0).sin().mul_add(9_000.0, 50.0) as i32);
    let gadget = Gadget::Interpolate { table: 2, slope: Slope::Signed, signed: [true, true], shift: 8 };
    (vec![Table::Samples(falling), Table::Samples(bent)], gadget)
}

/// The same map of every row.
fn rows(from: usize, [inputs, outputs]: [u32; 2], activation: Gadget, rng: &mut Xorshift) -> Layer {
    linear(from, Linear::Rows { outputs }, inputs as usize, Some(activation), rng)
}

/// What is added to a map, times 2 to this power.
fn with(added: (usize, u8), mut layer: Layer) -> Layer {
    if let Layer::Linear { plus, .. } = &mut layer {
        *plus = Some(added);
    }
    layer
}

/// Causal attention, the map of every row with a residual, and one with a function.
pub(crate) fn attention(seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let (tables, curve) = curves();
    let requantize = Gadget::Requantize { shift: 8 };
    let mut layers = vec![Layer::Input { dims: vec![4, 4] }, rows(0, [4, 12], requantize, &mut rng)];
    heads(&mut layers);
    layers.extend([
        with((1, 7), rows(5, [4, 12], requantize, &mut rng)),
        rows(6, [12, 4], curve, &mut rng),
        linear(7, Linear::Dense { outputs: 2 }, 16, None, &mut rng),
    ]);
    Graph::with_functions(layers, tables).unwrap()
}

/// Blocks of a transformer as the fast path has them, all alike: norms, causal attention whose parts are read where they are, maps of
/// every row with residuals, one with a function.
pub(crate) fn decoder(blocks: usize, seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let (tables, curve) = curves();
    let requantize = Gadget::Requantize { shift: 8 };
    let mut layers = vec![Layer::Input { dims: vec![4, 4] }, Layer::Activation { from: 0, activation: requantize }];
    let norm = |layers: &mut Vec<Layer>| {
        let (from, at) = (layers.len() - 1, layers.len());
        layers.extend([
            Layer::Variances { from, shift: 8 },
            Layer::InverseRoots { variances: at, log: 36 },
            Layer::RootBounds { roots: at + 1 },
            Layer::Normalize { from, roots: at + 1, shift: 16 },
        ]);
        (from, at + 3)
    };
    for _ in 0..blocks {
        let (x, normal) = norm(&mut layers);
        layers.push(rows(normal, [4, 12], requantize, &mut rng));
        heads(&mut layers);
        layers.push(with((x, 8), rows(layers.len() - 1, [4, 4], requantize, &mut rng)));
        let (x, normal) = norm(&mut layers);
        layers.push(rows(normal, [4, 8], curve, &mut rng));
        layers.push(with((x, 8), rows(normal + 1, [8, 4], requantize, &mut rng)));
    }
    layers.push(linear(layers.len() - 1, Linear::Dense { outputs: 2 }, 16, None, &mut rng));
    Graph::with_functions(layers, tables).unwrap()
}

/// A layer norm of rows of three, and a dense layer.
pub(crate) fn norm(seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let layers = vec![
        Layer::Input { dims: vec![4, 3] },
        Layer::Activation { from: 0, activation: Gadget::Requantize { shift: 8 } },
        Layer::Variances { from: 1, shift: 8 },
        Layer::InverseRoots { variances: 2, log: 36 },
        Layer::RootBounds { roots: 3 },
        Layer::Normalize { from: 1, roots: 3, shift: 16 },
        linear(5, Linear::Dense { outputs: 2 }, 12, None, &mut rng),
    ];
    Graph::new(layers).unwrap()
}

/// Blocks of a dense layer and a residual sum, all alike.
pub(crate) fn residual(blocks: usize, seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let mut layers = vec![Layer::Input { dims: vec![7] }];
    for _ in 0..blocks {
        let x = layers.len() - 1;
        layers.push(linear(x, Linear::Dense { outputs: 7 }, 7, Some(Gadget::Relu { shift: 8 }), &mut rng));
        layers.push(Layer::Add { from: [x, x + 1], activation: Gadget::Clamp { shift: 8, lo: 0, hi: 400 } });
    }
    layers.push(linear(layers.len() - 1, Linear::Dense { outputs: 3 }, 7, None, &mut rng));
    Graph::new(layers).unwrap()
}

/// Blocks of one dense layer, to which the block before is added.
pub(crate) fn added(blocks: usize, seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let mut layers = vec![Layer::Input { dims: vec![7] }];
    let clamp = Some(Gadget::Clamp { shift: 8, lo: 0, hi: 400 });
    for x in 0..blocks {
        layers.push(with((x, 8), linear(x, Linear::Dense { outputs: 7 }, 7, clamp, &mut rng)));
    }
    layers.push(linear(blocks, Linear::Dense { outputs: 3 }, 7, None, &mut rng));
    Graph::new(layers).unwrap()
}

/// Blocks of a transformer, all alike: a norm, a map of every token, a product, softmax, another product, a function, a
/// residual sum, and constants of each block.
pub(crate) fn transformer(blocks: usize, seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let tables = vec![
        Table::Samples(core::array::from_fn(|i| (65_535.0 * (-(i as f64) / 2.0).exp()) as i32)),
        Table::Values(core::array::from_fn(|i| ((i as f64 / 128.0 - 1.0).tanh() * 120.0) as i16)),
    ];
    let falling = Gadget::Interpolate { table: 1, slope: Slope::Falling, signed: [false, false], shift: 0 };
    let (by_8, by_16) = (Gadget::Requantize { shift: 8 }, Gadget::Requantize { shift: 16 });
    let turned = |width: u32, rows: u32| (0..12).map(|i| i % width * rows + i / width).collect::<Vec<u32>>();
    let map = Linear::Conv { channels: 3, kernel: 1, stride: 1, padding: 0, groups: 1 };
    let mut layers = vec![
        Layer::Input { dims: vec![4, 3] },
        Layer::Activation { from: 0, activation: Gadget::Requantize { shift: 8 } },
    ];
    for _ in 0..blocks {
        let (x, at) = (layers.len() - 1, layers.len());
        let biases = (0..12).map(|_| rng.below(21) as i32 - 10).collect();
        layers.extend([
            Layer::Variances { from: x, shift: 8 },
            Layer::InverseRoots { variances: at, log: 36 },
            Layer::RootBounds { roots: at + 1 },
            Layer::Normalize { from: x, roots: at + 1, shift: 16 },
            Layer::Gather { from: at + 3, dims: vec![3, 1, 4], indices: turned(4, 3) },
            linear(at + 4, map, 3, Some(by_8), &mut rng),
            Layer::Gather { from: at + 5, dims: vec![4, 3], indices: turned(3, 4) },
            Layer::Gather { from: at + 5, dims: vec![3, 4], indices: (0..12).collect() },
            Layer::MatMul { from: [at + 6, at + 7], activation: by_8 },
            Layer::Scores { from: at + 8 },
            Layer::OfDistance { scores: at + 9, log: 0, activation: falling },
            Layer::Reciprocals { scores: at + 9, from: at + 10 },
            Layer::ScaleRows { from: at + 10, by: at + 11, shift: 16 },
            Layer::MatMul { from: [at + 12, at + 6], activation: by_16 },
            Layer::Activation { from: at + 13, activation: Gadget::Function { table: 2, bytes: 1 } },
            Layer::Add { from: [x, at + 14], activation: by_8 },
            Layer::Constant { dims: vec![4, 3], values: Parameters { weights: Vec::new(), biases }, signed: true },
            Layer::Add { from: [at + 15, at + 16], activation: by_8 },
        ]);
    }
    layers.push(linear(layers.len() - 1, Linear::Dense { outputs: 2 }, 12, None, &mut rng));
    Graph::with_functions(layers, tables).unwrap()
}

/// Two inputs, what is put together of them, and three outputs: sums, and values of two layers.
pub(crate) fn several(seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let requantize = Gadget::Requantize { shift: 8 };
    let layers = vec![
        Layer::Input { dims: vec![3] },
        Layer::Input { dims: vec![2, 2] },
        Layer::Join { from: vec![1, 0], dims: vec![5], indices: vec![4, 0, 6, 3, 3] },
        linear(2, Linear::Dense { outputs: 4 }, 5, Some(requantize), &mut rng),
        linear(3, Linear::Dense { outputs: 2 }, 4, None, &mut rng),
        Layer::Output { from: 2 },
        Layer::Output { from: 3 },
    ];
    Graph::new(layers).unwrap()
}

/// Graphs of several shapes.
pub(crate) fn graphs() -> Vec<Graph> {
    let relu = Gadget::Relu { shift: 8 };
    let hidden = Committed { inputs: true, outputs: true };
    let wide = mlp(&[5, 7, 9, 3], &[relu, Gadget::Requantize { shift: 16 }], 2);
    vec![
        mlp(&[4, 2], &[], 1),
        wide.clone(),
        cnn(3),
        mixed(4),
        tree(5),
        smooth(6),
        softmax(7, true),
        attention(7),
        norm(8),
        several(9),
        residual(3, 10),
        added(3, 11),
        decoder(2, 12),
        wide.with_committed(hidden),
    ]
}

/// Their programs.
pub(crate) fn programs() -> Vec<Program> {
    graphs().iter().map(|graph| graph.compile().unwrap().program).collect()
}

#[test]
fn outputs_are_read_by_nothing_and_inputs_are_ports() {
    let graph = several(3);
    assert_eq!((graph.inputs(), graph.outputs()), (7, 2 + 5 + 4));
    let values = graph.infer(&[1, 2, 3, 10, 20, 30, 40]).unwrap();
    assert_eq!(values[2..7], [1, 10, 3, 40, 40]);
    let ports = &graph.compile().unwrap().program.parts.ports;
    assert_eq!(ports.iter().map(|port| port.count).collect::<Vec<_>>(), [3, 4, 2, 5, 4]);
    let with = |change: &dyn Fn(&mut Vec<Layer>)| {
        let mut layers = graph.layers().to_vec();
        change(&mut layers);
        Graph::new(layers)
    };
    assert!(with(&|layers| layers.push(Layer::Output { from: 4 })).is_err(), "an output that reads sums");
    assert!(with(&|layers| layers[6] = Layer::Output { from: 5 }).is_err(), "an output that reads an output");
    assert!(with(&|layers| layers[6] = Layer::Output { from: 6 }).is_err(), "an output that reads itself");
    assert!(with(&|layers| layers.truncate(4)).is_err(), "no output at the end");
    assert!(with(&|layers| layers.swap(0, 3)).is_err(), "no input at the beginning");
    let join = |from: Vec<usize>, indices: Vec<u32>| Layer::Join { from, dims: vec![1], indices };
    assert!(with(&|layers| layers.insert(2, join(vec![0, 1], vec![7]))).is_err(), "an element beyond the sources");
    assert!(with(&|layers| layers.insert(2, join(vec![0, 2], vec![0]))).is_err(), "a source that comes later");
    // One secret blinds one point.
    for committed in [Committed { inputs: true, outputs: false }, Committed { inputs: false, outputs: true }] {
        assert!(graph.clone().with_committed(committed).compile().is_err());
    }
}
