//! Writes proofs of general networks with their keys, programs, statements and challenges, for
//! verifiers in other languages: `network_vectors DIRECTORY`. One file per network.
//!
//! Runs under the TEST SRS. Masks are fresh, so that no two runs write the same proofs.

use std::fmt::Write;
use std::path::Path;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{BigInteger, PrimeField};
use zkinfer_prover::network::{
    Elements, Gadget, Graph, Layer, Linear, NetworkProver, NetworkVerifier, Parameters, Products, Slope, Stack, Table,
    generate,
};
use zkinfer_prover::srs::{Srs, test_srs};
use zkinfer_prover::{Level, ModelSecret, Request};

type Failure = Box<dyn std::error::Error>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn number(n: &impl PrimeField) -> String {
    hex(&n.into_bigint().to_bytes_be())
}

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn linear(from: usize, op: Linear, inputs: usize, activation: Option<Gadget>, seed: &mut u64) -> Layer {
    let rows = match op {
        Linear::Dense { outputs } => outputs as usize,
        Linear::Conv { channels, .. } => channels as usize,
        Linear::Rows { outputs } => outputs as usize,
    };
    let weights = (0..rows * inputs).map(|_| (xorshift(seed) % 255) as i16 - 127).collect();
    let biases = (0..rows).map(|_| (xorshift(seed) % 20_001) as i32 - 10_000).collect();
    Layer::Linear { from, op, parameters: Parameters { weights, biases }, activation, plus: None }
}

fn perceptron(seed: &mut u64) -> Result<Graph, Failure> {
    let dense = |outputs| Linear::Dense { outputs };
    Ok(Graph::new(vec![
        Layer::Input { dims: vec![6] },
        linear(0, dense(9), 6, Some(Gadget::Relu { shift: 8 }), seed),
        linear(1, dense(5), 9, Some(Gadget::Clamp { shift: 16, lo: -3, hi: 200 }), seed),
        linear(2, dense(3), 5, None, seed),
    ])?)
}

fn convolutions(seed: &mut u64) -> Result<Graph, Failure> {
    let conv = |channels, stride, groups| Linear::Conv { channels, kernel: 3, stride, padding: 1, groups };
    let clamp = |hi| Gadget::Clamp { shift: 8, lo: 0, hi };
    Ok(Graph::new(vec![
        Layer::Input { dims: vec![1, 8, 8] },
        linear(0, conv(4, 1, 1), 9, Some(Gadget::Relu { shift: 8 }), seed),
        Layer::MaxPool { from: 1, window: 2 },
        linear(2, conv(4, 1, 4), 9, Some(clamp(255)), seed),
        Layer::Add { from: [2, 3], activation: clamp(300) },
        linear(4, conv(6, 2, 2), 18, Some(Gadget::Relu { shift: 8 }), seed),
        Layer::MeanPool { from: 5, window: 2 },
        linear(6, Linear::Dense { outputs: 3 }, 6, None, seed),
    ])?)
}

/// LeNet-5 with 2 x 2 maxima.
fn lenet(seed: &mut u64) -> Result<Graph, Failure> {
    let conv = |channels, padding| Linear::Conv { channels, kernel: 5, stride: 1, padding, groups: 1 };
    let dense = |outputs| Linear::Dense { outputs };
    // Activations of a random deep network grow: it saturates.
    let clamp = Some(Gadget::Clamp { shift: 8, lo: 0, hi: 65535 });
    Ok(Graph::new(vec![
        Layer::Input { dims: vec![1, 28, 28] },
        linear(0, conv(6, 2), 25, Some(Gadget::Relu { shift: 8 }), seed),
        Layer::MaxPool { from: 1, window: 2 },
        linear(2, conv(16, 0), 150, clamp, seed),
        Layer::MaxPool { from: 3, window: 2 },
        linear(4, dense(120), 400, clamp, seed),
        linear(5, dense(84), 120, clamp, seed),
        linear(6, dense(10), 84, None, seed),
    ])?)
}

/// A tree of depth 2 on six features, with secret thresholds and leaves.
fn choices(seed: &mut u64) -> Result<Graph, Failure> {
    let of = |from, indices: &[u32]| Elements { from, indices: indices.to_vec() };
    let mut constants = |count: u32, signed: bool| {
        let biases = (0..count).map(|_| (xorshift(seed) % 256) as i32 - if signed { 128 } else { 0 }).collect();
        Layer::Constant { dims: vec![count], values: Parameters { weights: Vec::new(), biases }, signed }
    };
    let layers = vec![
        Layer::Input { dims: vec![6] },
        constants(3, false),
        constants(4, true),
        Layer::Compare { from: [of(0, &[4, 0, 5]), of(1, &[0, 1, 2])], dims: vec![3] },
        Layer::Choose { from: Box::new([of(3, &[1, 2]), of(2, &[0, 2]), of(2, &[1, 3])]), dims: vec![2], signed: true },
        Layer::Choose { from: Box::new([of(3, &[0]), of(4, &[0]), of(4, &[1])]), dims: vec![1], signed: true },
        linear(5, Linear::Dense { outputs: 2 }, 1, None, seed),
    ];
    Ok(Graph::new(layers)?)
}

/// Functions of 16 bits that rise, fall, and do both.
fn functions(seed: &mut u64) -> Result<Graph, Failure> {
    let samples = |f: &dyn Fn(i32) -> i32| Table::Samples(core::array::from_fn(|i| f(i as i32)));
    let tables =
        vec![samples(&|i| i * i), samples(&|i| 65_000 - 250 * i), samples(&|i| (i - 128) * (i - 128) - 16_000)];
    let tables = tables.into_iter().map(|t| match t {
        Table::Samples(s) => Table::Samples(s.map(|v| v.min(65_535))),
        other => other,
    });
    let function = |table, slope, signed| Gadget::Interpolate { table, slope, signed, shift: 0 };
    let layers = vec![
        Layer::Input { dims: vec![6] },
        linear(0, Linear::Dense { outputs: 5 }, 6, Some(Gadget::Requantize { shift: 8 }), seed),
        Layer::Activation { from: 1, activation: function(1, Slope::Rising, [true, false]) },
        Layer::Activation { from: 2, activation: function(2, Slope::Falling, [false, false]) },
        Layer::MulUnsigned { from: [2, 3], shift: 16 },
        Layer::Activation { from: 1, activation: function(3, Slope::Signed, [true, true]) },
        Layer::Mul { from: [4, 5], shift: 16 },
        linear(6, Linear::Dense { outputs: 3 }, 5, None, seed),
    ];
    Ok(Graph::with_functions(layers, tables.collect())?)
}

/// Blocks of a dense layer and a residual sum, all alike: layers of the same tensors.
fn residual(blocks: usize, seed: &mut u64) -> Result<Graph, Failure> {
    let dense = |outputs| Linear::Dense { outputs };
    let mut layers = vec![Layer::Input { dims: vec![16] }];
    for _ in 0..blocks {
        let x = layers.len() - 1;
        layers.push(linear(x, dense(16), 16, Some(Gadget::Relu { shift: 8 }), seed));
        layers.push(Layer::Add { from: [x, x + 1], activation: Gadget::Clamp { shift: 8, lo: 0, hi: 255 } });
    }
    layers.push(linear(layers.len() - 1, dense(4), 16, None, seed));
    Ok(Graph::new(layers)?)
}

/// Blocks of a transformer on 8 tokens of 8 numbers, all alike: norm, one map for queries, keys and values, scores, softmax, norm, and
/// two maps with a function between them, each with a residual sum.
fn transformer(blocks: usize, seed: &mut u64) -> Result<Graph, Failure> {
    const TOKENS: u32 = 8;
    const WIDTH: u32 = 8;
    let tables = vec![
        Table::Samples(core::array::from_fn(|i| 65_535 >> (i / 2).min(16))),
        Table::Values(core::array::from_fn(|i| (i as i16 - 128).clamp(-10, 120))),
    ];
    let falling = Gadget::Interpolate { table: 1, slope: Slope::Falling, signed: [false, false], shift: 0 };
    let (by_8, by_16) = (Gadget::Requantize { shift: 8 }, Gadget::Requantize { shift: 16 });
    // Tokens are the pixels of an image, and their numbers its channels.
    let turned = |width: u32, rows: u32| (0..width * rows).map(|i| i % rows * width + i / rows).collect::<Vec<u32>>();
    let map = |channels| Linear::Conv { channels, kernel: 1, stride: 1, padding: 0, groups: 1 };
    let mut layers = vec![
        Layer::Input { dims: vec![TOKENS, WIDTH] },
        Layer::Activation { from: 0, activation: Gadget::Requantize { shift: 8 } },
    ];
    let norm = |layers: &mut Vec<Layer>| {
        let (x, at) = (layers.len() - 1, layers.len());
        layers.extend([
            Layer::Variances { from: x, shift: 8 },
            Layer::InverseRoots { variances: at, log: 36 },
            Layer::RootBounds { roots: at + 1 },
            Layer::Normalize { from: x, roots: at + 1, shift: 16 },
            Layer::Gather { from: at + 3, dims: vec![WIDTH, 1, TOKENS], indices: turned(WIDTH, TOKENS) },
        ]);
        x
    };
    for _ in 0..blocks {
        let x = norm(&mut layers);
        layers.push(linear(layers.len() - 1, map(3 * WIDTH), WIDTH as usize, Some(by_8), seed));
        let (all, at) = (layers.len() - 1, layers.len());
        // Queries and values by token, keys by number.
        let part = |which: u32| turned(TOKENS, WIDTH).iter().map(|i| which * TOKENS * WIDTH + i).collect::<Vec<u32>>();
        let keys = (TOKENS * WIDTH..2 * TOKENS * WIDTH).collect();
        layers.extend([
            Layer::Gather { from: all, dims: vec![TOKENS, WIDTH], indices: part(0) },
            Layer::Gather { from: all, dims: vec![WIDTH, TOKENS], indices: keys },
            Layer::Gather { from: all, dims: vec![TOKENS, WIDTH], indices: part(2) },
            Layer::MatMul { from: [at, at + 1], activation: by_8 },
            Layer::Scores { from: at + 3 },
            Layer::OfDistance { scores: at + 4, log: 0, activation: falling },
            Layer::Reciprocals { scores: at + 4, from: at + 5 },
            Layer::ScaleRows { from: at + 5, by: at + 6, shift: 16 },
            Layer::MatMul { from: [at + 7, at + 2], activation: by_16 },
            Layer::Add { from: [x, at + 8], activation: by_8 },
        ]);
        let x = norm(&mut layers);
        layers.push(linear(layers.len() - 1, map(2 * WIDTH), WIDTH as usize, Some(by_8), seed));
        let activation = Gadget::Function { table: 2, bytes: 1 };
        layers.push(Layer::Activation { from: layers.len() - 1, activation });
        layers.push(linear(layers.len() - 1, map(WIDTH), 2 * WIDTH as usize, Some(by_8), seed));
        let back = turned(TOKENS, WIDTH);
        layers.push(Layer::Gather { from: layers.len() - 1, dims: vec![TOKENS, WIDTH], indices: back });
        layers.push(Layer::Add { from: [x, layers.len() - 1], activation: by_8 });
    }
    layers.push(linear(layers.len() - 1, Linear::Dense { outputs: 4 }, (TOKENS * WIDTH) as usize, None, seed));
    Ok(Graph::with_functions(layers, tables)?)
}

/// Causal attention of two heads over rows `[queries, keys, values]` of `3 width` numbers, read where they are.
fn heads(layers: &mut Vec<Layer>, tokens: u32, width: u32) {
    let (from, at, half) = (layers.len() - 1, layers.len(), width / 2);
    let part = |steps, first: u32| Stack { from, steps, first: vec![0, first] };
    let products = |left, right, sizes, steps, dims, scale, activation| {
        Layer::Products(Box::new(Products { left, right, sizes, dims, steps, causal: true, scale, activation }))
    };
    let (by_row, by_column) = ([(1, half), (0, 1), (1, 1)], [(1, half), (1, 1), (0, 1)]);
    let natural = [(0, 1), (1, 1), (2, 1)];
    let exponentials = Stack { from: at + 1, steps: natural, first: vec![0; 3] };
    let (scores, means) = (Gadget::Score { shift: 8 }, Gadget::Product { shift: 32 });
    let (queries, keys, values) = (part(by_row, 0), part(by_column, width), part(by_row, 2 * width));
    let square = vec![2, tokens, tokens];
    layers.extend([
        products(queries, keys, [2, tokens, half, tokens], natural, square, None, scores),
        Layer::OfDistance { scores: at, log: 5, activation: Gadget::Falling { table: 1 } },
        Layer::Reciprocals { scores: at, from: at + 1 },
        products(exponentials, values, [2, tokens, tokens, half], by_row, vec![tokens, width], Some(at + 2), means),
    ]);
}

/// Blocks of a transformer on 8 tokens of 8 numbers as front ends lower them, all alike: norm, causal attention of two heads, a map with
/// a residual, norm, and two maps with a function between them and a residual.
fn decoder(blocks: usize, seed: &mut u64) -> Result<Graph, Failure> {
    const TOKENS: u32 = 8;
    const WIDTH: u32 = 8;
    let tables = vec![
        Table::Samples(core::array::from_fn(|i| 65_535 >> (i / 2).min(16))),
        Table::Samples(core::array::from_fn(|i| 70 * (i as i32 - 128).clamp(-10, 120))),
    ];
    let curve = Gadget::Interpolate { table: 2, slope: Slope::Signed, signed: [true, true], shift: 8 };
    let requantize = Gadget::Requantize { shift: 8 };
    let mut rows = |from, [inputs, outputs]: [u32; 2], activation, added: Option<usize>| {
        let mut layer = linear(from, Linear::Rows { outputs }, inputs as usize, Some(activation), seed);
        if let Layer::Linear { plus, .. } = &mut layer {
            *plus = added.map(|added| (added, 8));
        }
        layer
    };
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
    let mut layers =
        vec![Layer::Input { dims: vec![TOKENS, WIDTH] }, Layer::Activation { from: 0, activation: requantize }];
    for _ in 0..blocks {
        let (x, normal) = norm(&mut layers);
        layers.push(rows(normal, [WIDTH, 3 * WIDTH], requantize, None));
        heads(&mut layers, TOKENS, WIDTH);
        layers.push(rows(layers.len() - 1, [WIDTH, WIDTH], requantize, Some(x)));
        let (x, normal) = norm(&mut layers);
        layers.push(rows(normal, [WIDTH, 2 * WIDTH], curve, None));
        layers.push(rows(normal + 1, [2 * WIDTH, WIDTH], requantize, Some(x)));
    }
    let width = (TOKENS * WIDTH) as usize;
    layers.push(linear(layers.len() - 1, Linear::Dense { outputs: 4 }, width, None, seed));
    Ok(Graph::with_functions(layers, tables)?)
}

/// The points that a verifier takes from the table of its SRS.
fn table(srs: &Srs) -> serde_json::Value {
    let g1 = |p: G1Affine| [p.x, p.y].map(|c| number(&c));
    let g2 = |p: G2Affine| [p.x.c1, p.x.c0, p.y.c1, p.y.c0].map(|c| number(&c));
    let pinned = srs.pinned();
    let g1: serde_json::Map<_, _> =
        (0..29).filter_map(|j| Some((j.to_string(), serde_json::json!(g1(pinned.g1(j)?))))).collect();
    let g2: serde_json::Map<_, _> =
        (0..29).filter_map(|j| Some((j.to_string(), serde_json::json!(g2(pinned.g2(j)?))))).collect();
    serde_json::json!({ "id": hex(srs.id()), "g1": g1, "g2": g2 })
}

fn vector(graph: Graph, level: Level, samples: usize, srs: &Srs, seed: &mut u64) -> Result<String, Failure> {
    let inputs = graph.elements(0);
    let key = generate(graph, &ModelSecret::from_bytes([7; 32]), Some(level), srs)?;
    let verifier = NetworkVerifier::new(key.verifying_key().clone(), srs.pinned())?;
    let request = |k: usize, seed: &mut u64| Request {
        inputs: (0..inputs).map(|_| (xorshift(seed) % 256) as u16).collect(),
        context_id: [k as u8; 32],
    };
    let requests: Vec<Request> = (0..samples).map(|k| request(k, seed)).collect();
    let (statements, proof) = NetworkProver::new(key, srs, samples)?.prove([9; 32], &requests)?;
    let proof = proof.to_bytes();
    let c = verifier.challenges(&statements, &proof)?;
    let scalars = |s: &[Fr]| s.iter().map(number).collect::<Vec<_>>();
    let statement = |s: &zkinfer_prover::network::NetworkStatement| serde_json::json!({ "model_id": hex(&s.model_id), "context_id": hex(&s.context_id), "ports": s.ports.iter().map(|p| p.elements()).collect::<Vec<_>>() });
    let vk = verifier.key();
    let json = serde_json::json!({
        "vk": hex(&vk.to_bytes()),
        "program": hex(&vk.program().to_bytes()),
        "srs": table(srs),
        "statements": statements.iter().map(statement).collect::<Vec<_>>(),
        "challenges": {
            "vkd": hex(&vk.digest()),
            "alpha": number(&c.m1.alpha), "beta": number(&c.m1.beta), "gamma": number(&c.m1.gamma),
            "chi": number(&c.m1.chi), "mu": number(&c.m1.mu),
            "lambda": number(&c.m2.lambda), "theta": number(&c.m2.theta), "psi": number(&c.m2.psi),
            "zeta": number(&c.m2.zeta), "c_D": number(&c.m2.c_d), "xi": scalars(&c.m2.xi),
            "r": scalars(&c.r), "rho": number(&c.rho), "x": number(&c.x), "eta": number(&c.eta),
            "z": number(&c.z), "delta": number(&c.delta),
        },
        "proof": hex(&proof),
    });
    Ok(serde_json::to_string_pretty(&json)?)
}

fn main() -> Result<(), Failure> {
    let directory = std::env::args().nth(1).ok_or("usage: network_vectors DIRECTORY")?;
    let srs = test_srs(1 << 12)?;
    let mut seed = 0x1234_5678;
    let cases = [
        ("perceptron", perceptron(&mut seed)?, Level::One, 1usize),
        ("perceptron-batch-two-levels", perceptron(&mut seed)?, Level::Two { rho2: 1 }, 3),
        ("convolutions", convolutions(&mut seed)?, Level::One, 1),
        ("convolutions-batch", convolutions(&mut seed)?, Level::One, 3),
        ("choices", choices(&mut seed)?, Level::One, 2),
        ("functions", functions(&mut seed)?, Level::One, 1),
    ];
    let write = |name: &str, text: String| -> Result<(), Failure> {
        let path = Path::new(&directory).join(format!("{name}.json"));
        std::fs::write(&path, text)?;
        println!("{}", path.display());
        Ok(())
    };
    for (name, graph, level, samples) in cases {
        write(name, vector(graph, level, samples, &srs, &mut seed)?)?;
    }
    write("lenet", vector(lenet(&mut seed)?, Level::One, 1, &test_srs(1 << 17)?, &mut seed)?)?;
    // How often blocks are repeated: four times, or as often as the environment says.
    let blocks = std::env::var("ZKINFER_BLOCKS").map_or(Ok(4), |count| count.parse())?;
    let wide = test_srs(1 << 16)?;
    for (name, make) in [
        ("residual-blocks", residual as fn(usize, &mut u64) -> Result<Graph, Failure>),
        ("transformer-blocks", transformer),
        ("decoder-blocks", decoder),
    ] {
        let mut seed = 0x9abc_def1;
        write(name, vector(make(blocks, &mut seed)?, Level::One, 1, &wide, &mut seed)?)?;
    }
    Ok(())
}
