//! Networks for tests.

use super::{Graph, Layer, Linear, Parameters};
use crate::network::gadget::Gadget;
use crate::network::program::Program;
use crate::testing::Xorshift;

/// Random parameters of `rows` rows.
pub(crate) fn parameters(rows: usize, inputs: usize, bias: u64, rng: &mut Xorshift) -> Parameters {
    let weights = (0..rows * inputs).map(|_| (rng.below(255) as i64 - 127) as i8).collect();
    let biases = (0..rows).map(|_| rng.below(2 * bias + 1) as i32 - bias as i32).collect();
    Parameters { weights, biases }
}

/// A perceptron; `activations` of the hidden layers.
pub(crate) fn mlp(dims: &[u32], activations: &[Gadget], seed: u64) -> Graph {
    let mut rng = Xorshift(seed | 1);
    let mut layers = vec![Layer::Input { dims: vec![dims[0]] }];
    for (i, d) in dims.windows(2).enumerate() {
        layers.push(Layer::Linear {
            from: i,
            op: Linear::Dense { outputs: d[1] },
            parameters: parameters(d[1] as usize, d[0] as usize, 10_000, &mut rng),
            activation: activations.get(i).copied(),
        });
    }
    Graph::new(layers).unwrap()
}

fn linear(from: usize, op: Linear, inputs: usize, activation: Option<Gadget>, rng: &mut Xorshift) -> Layer {
    let rows = match op {
        Linear::Dense { outputs } => outputs,
        Linear::Conv { channels, .. } => channels,
    };
    Layer::Linear { from, op, parameters: parameters(rows as usize, inputs, 10_000, rng), activation }
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

/// Programs of several shapes.
pub(crate) fn programs() -> Vec<Program> {
    let relu = Gadget::Relu { shift: 8 };
    [mlp(&[4, 2], &[], 1), mlp(&[5, 7, 9, 3], &[relu, Gadget::Requantize { shift: 16 }], 2), cnn(3)]
        .map(|graph| graph.compile().unwrap().program)
        .to_vec()
}
