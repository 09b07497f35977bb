//! Networks of the kinds that people bring, with seeded random weights.

use super::{Dense, Graph, floats, int, ints, uniform};

/// A source of numbers: uniform in [0, 1).
type Draw = Box<dyn FnMut() -> f64>;

/// A network that grows from its input.
struct Network {
    graph: Graph,
    draw: Draw,
    /// What was computed last, with its channels, height and width.
    name: String,
    shape: [usize; 3],
}

impl Network {
    fn new(shape: [usize; 3], seed: u64) -> Self {
        let [c, h, w] = shape.map(|d| d as i64);
        Self { graph: Graph::new(13, &[1, c, h, w]), draw: Box::new(uniform(seed)), name: "x".into(), shape }
    }

    /// Uniform in `+-bound`, 32-bit values as in the file.
    fn numbers(&mut self, count: usize, bound: f64) -> Vec<f64> {
        (0..count).map(|_| f64::from(((2.0 * (self.draw)() - 1.0) * bound) as f32)).collect()
    }

    fn relu(&mut self) {
        self.name = self.graph.node("Relu", &[&self.name], vec![]);
    }

    /// A convolution with a square kernel and stride 1, and a ReLU.
    fn conv(&mut self, channels: usize, kernel: usize, padding: usize) {
        let [own, height, width] = self.shape;
        let inputs = own * kernel * kernel;
        let weights = self.numbers(channels * inputs, (6.0 / inputs as f64).sqrt());
        let bias = self.numbers(channels, 0.1);
        let of = [channels, own, kernel, kernel].map(|d| d as i64);
        let (weights, bias) =
            (self.graph.constant(&of, &floats(&weights)), self.graph.constant(&of[..1], &floats(&bias)));
        self.name = self.graph.node("Conv", &[&self.name, &weights, &bias], vec![ints("pads", &[padding as i64; 4])]);
        self.relu();
        let side = |d: usize| d + 2 * padding + 1 - kernel;
        self.shape = [channels, side(height), side(width)];
    }

    /// The greatest of 2 x 2 squares.
    fn pool(&mut self) {
        let square = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
        self.name = self.graph.node("MaxPool", &[&self.name], square);
        let [channels, height, width] = self.shape;
        self.shape = [channels, height / 2, width / 2];
    }

    fn flatten(&mut self) {
        self.name = self.graph.node("Flatten", &[&self.name], vec![]);
        self.shape = [self.shape.iter().product(), 1, 1];
    }

    fn dense(&mut self, outputs: usize) {
        let inputs = self.shape[0];
        let weights = self.numbers(inputs * outputs, (6.0 / inputs as f64).sqrt());
        let bias = self.numbers(outputs, 0.1);
        self.name = self.graph.gemm(&self.name, &Dense { inputs, outputs, weights, bias });
        self.shape = [outputs, 1, 1];
    }

    fn finish(self) -> Vec<u8> {
        let outputs = self.shape[0] as i64;
        self.graph.finish(&self.name, &[1, outputs])
    }
}

/// LeNet-5 on 28 x 28 pixels, with ReLU and maxima: 61,706 parameters. Weights are uniform by He's rule.
#[must_use]
pub fn lenet5(seed: u64) -> Vec<u8> {
    let mut network = Network::new([1, 28, 28], seed);
    network.conv(6, 5, 2);
    network.pool();
    network.conv(16, 5, 0);
    network.pool();
    network.flatten();
    for outputs in [120, 84] {
        network.dense(outputs);
        network.relu();
    }
    network.dense(10);
    network.finish()
}

/// Six convolutions of 3 x 3 on 32 x 32 pixels of three colours, a pool behind every second, and two dense layers: 1,201,214
/// parameters.
#[must_use]
pub fn cnn32(seed: u64) -> Vec<u8> {
    let mut network = Network::new([3, 32, 32], seed);
    for channels in [32, 64, 128] {
        network.conv(channels, 3, 1);
        network.conv(channels, 3, 1);
        network.pool();
    }
    network.flatten();
    network.dense(444);
    network.relu();
    network.dense(10);
    network.finish()
}

/// Gradient-boosted regression trees, all of them full, in the form in which LightGBM and XGBoost are exported: one
/// `TreeEnsembleRegressor`. Features are meant to be in [0, 1].
#[must_use]
pub fn boosted_trees(trees: usize, depth: u32, features: usize, seed: u64) -> Vec<u8> {
    let mut draw = uniform(seed);
    let mut graph = Graph::new(13, &[1, features as i64]);
    let inner = (1usize << depth) - 1;
    let all = 2 * inner + 1;
    // Node `i` of a tree leads to the nodes `2 i + 1` and `2 i + 2`.
    let count = trees * all;
    let is_leaf = |at: usize| at % all >= inner;
    let child = |at: usize, which: usize| if is_leaf(at) { 0 } else { (2 * (at % all) + which) as i64 };
    let whole = |of: &dyn Fn(usize) -> i64| (0..count).map(of).collect::<Vec<_>>();
    let of_nodes: Vec<i64> =
        (0..count).map(|at| if is_leaf(at) { 0 } else { (draw() * features as f64) as i64 }).collect();
    let values: Vec<f32> = (0..count).map(|at| if is_leaf(at) { 0.0 } else { (0.1 + 0.8 * draw()) as f32 }).collect();
    let modes: Vec<&str> = (0..count).map(|at| if is_leaf(at) { "LEAF" } else { "BRANCH_LEQ" }).collect();
    let leaves: Vec<usize> = (0..count).filter(|at| is_leaf(*at)).collect();
    let weights: Vec<f32> = leaves.iter().map(|_| (0.2 * draw() - 0.1) as f32).collect();
    let of_leaves = |of: &dyn Fn(usize) -> i64| leaves.iter().map(|at| of(*at)).collect::<Vec<_>>();
    let (tree, node) = (|at: usize| (at / all) as i64, |at: usize| (at % all) as i64);
    let attributes = vec![
        ints("nodes_treeids", &whole(&tree)),
        ints("nodes_nodeids", &whole(&node)),
        ints("nodes_featureids", &of_nodes),
        super::float_list("nodes_values", &values),
        ints("nodes_truenodeids", &whole(&|at| child(at, 1))),
        ints("nodes_falsenodeids", &whole(&|at| child(at, 2))),
        super::texts("nodes_modes", &modes),
        ints("target_treeids", &of_leaves(&tree)),
        ints("target_nodeids", &of_leaves(&node)),
        ints("target_ids", &of_leaves(&|_| 0)),
        super::float_list("target_weights", &weights),
        int("n_targets", 1),
        super::float_list("base_values", &[0.5]),
    ];
    let output = graph.node("ai.onnx.ml:TreeEnsembleRegressor", &["x"], attributes);
    graph.finish(&output, &[1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn parameters_are_those_of_their_names() {
        for (onnx, parameters) in [(lenet5(1), 61_706), (cnn32(1), 1_201_214)] {
            assert_eq!(Model::from_onnx(onnx).unwrap().parameters(), parameters);
        }
    }

    #[test]
    fn trees_add_up_their_leaves() {
        let model = Model::from_onnx(boosted_trees(3, 2, 4, 7)).unwrap();
        let outputs = model.run(&crate::model::Input::new(vec![vec![0.3, 0.9, 0.1, 0.6]]).unwrap()).unwrap().concat();
        assert!((outputs[0] - 0.5).abs() <= 0.3 && outputs[0] != 0.5, "{outputs:?}");
    }
}
