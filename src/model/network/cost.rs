//! What a proof of a network takes, from its shapes alone.
//!
//! The factors are fitted to the networks of `docs/benchmarks.md`, "General networks: what is predicted": two cores, the scalar
//! kernels, zero knowledge on. They say which of two networks is dearer, and what order of magnitude to expect.

use super::{
    lower,
    plan::{Plan, Step, Then, Work},
};
use crate::model::{LowerError, Model};
use serde::Serialize;

/// Rows that all layers of a program have at most.
pub const MAX_ROWS: u64 = 1 << 26;

/// The rows of a tensor in a proof: every axis but one is padded to a power of two, and which one is chosen for the fewest.
#[must_use]
pub fn rows(dims: &[u32]) -> u64 {
    let with = |whole: usize| {
        let padded = |(axis, d): (usize, &u32)| u64::from(if axis == whole { *d } else { d.next_power_of_two() });
        dims.iter().enumerate().map(padded).product::<u64>()
    };
    (0..dims.len()).map(with).min().unwrap_or(1)
}

/// What a proof of one statement is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Rows.
    pub rows: u64,
    /// Byte columns.
    pub columns: u64,
    /// Operands that are copies of other rows' values.
    pub copied: u64,
    /// Weights and biases that are committed to.
    pub weights: u64,
}

/// What one proof of one statement is expected to take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Wall time of a proof.
    pub prove_ms: f64,
    /// The most memory of a process that proves.
    pub peak_mb: f64,
}

impl Prediction {
    /// Of a program of these sizes.
    #[must_use]
    pub fn of(sizes: &Sizes) -> Self {
        let [rows, columns, copied, weights] =
            [sizes.rows, sizes.columns, sizes.copied, sizes.weights].map(|count| count as f64);
        Self {
            prove_ms: BASE_MS + (rows * (ROW_US + CELL_US * columns) + copied * COPY_US + weights * WEIGHT_US) / 1e3,
            peak_mb: BASE_MB + (rows * (ROW_B + CELL_B * columns) + copied * COPY_B + weights * WEIGHT_B) / 1e6,
        }
    }
}

/// What is not proportional to anything.
const BASE_MS: f64 = 8.0;
const BASE_MB: f64 = 44.0;
/// For every row, and for each of its bytes.
const ROW_US: f64 = 8.0;
const CELL_US: f64 = 0.6;
const ROW_B: f64 = 1000.0;
const CELL_B: f64 = 52.0;
/// For every operand that is copied: an inverse of its own, and its share of that of what is read.
const COPY_US: f64 = 10.0;
const COPY_B: f64 = 400.0;
/// For every weight.
const WEIGHT_US: f64 = 0.06;
const WEIGHT_B: f64 = 20.0;

/// One tensor, and what it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorCost {
    /// The ONNX node that it comes from.
    pub node: String,
    /// What that does.
    pub operator: String,
    /// Its axes, without the sample's.
    pub dims: Vec<u32>,
    /// Its rows.
    pub rows: u64,
}

/// A network that need not be provable, from its shapes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sketch {
    /// Every tensor in the order of evaluation.
    pub tensors: Vec<TensorCost>,
    /// The rows of all tensors.
    pub rows: u64,
    /// Byte columns of a row.
    pub columns: u64,
    /// Operands that are copies of other rows' values.
    pub copied: u64,
    /// Weights and biases that are committed to.
    pub weights: u64,
    /// What one proof is expected to take.
    pub prediction: Prediction,
    /// Why it is not proven by this release; empty when nothing is known against it.
    pub limits: Vec<String>,
}

impl Sketch {
    /// Lowers a model without looking at any numbers: no samples, no integers, no keys. Where a function bends too much for one
    /// table is not known then; it may take a few rows more.
    ///
    /// # Errors
    /// Names the node that is not lowered.
    pub fn new(model: &Model) -> Result<Self, LowerError> {
        let (plan, mut limits) = lower::sketch(model)?;
        // What is a table's argument has the rows of its function.
        let (_, functions) = plan.layers();
        let tensor = |(step, function): (&Step, &Option<usize>)| TensorCost {
            node: step.node.clone(),
            operator: step.operator.into(),
            dims: step.dims.clone(),
            rows: if matches!(step.work, Work::Output) || function.is_some() { 0 } else { rows(&step.dims) },
        };
        let tensors: Vec<TensorCost> = plan.steps.iter().zip(&functions).map(tensor).collect();
        let rows = tensors.iter().map(|tensor| tensor.rows).sum::<u64>();
        let columns = plan.steps.iter().map(columns).max().unwrap_or(0);
        let (copied, weights) = (copied(&plan), weights(&plan));
        if rows > MAX_ROWS {
            limits.push(format!("its tensors take {rows} rows; at most {MAX_ROWS} are proven"));
        }
        let prediction = Prediction::of(&Sizes { rows, columns, copied, weights });
        Ok(Self { rows, columns, copied, weights, prediction, tensors, limits })
    }
}

/// Byte columns that the rows of a step need, with the greater shift where there is a choice.
fn columns(step: &Step) -> u64 {
    match (&step.work, step.then) {
        (Work::Input | Work::Copy(_) | Work::Join(_) | Work::Choose(_) | Work::Constant(_), _) => 2,
        (Work::MaxPool | Work::Reciprocals, _) => 10,
        (Work::Function(_), _) => 11,
        (Work::Exponentials(_), _) => 12,
        (Work::Compare(_), _) => 5,
        (Work::Scores, _) => 6,
        (Work::Products(_), _) => 7,
        (Work::InverseRoots { .. }, _) => 8,
        (Work::Variances | Work::RootBounds, _) => 5,
        (_, Then::Relu) => 7,
        (_, Then::Clip(..)) => 12,
        _ => 4,
    }
}

/// Operands of all rows that are copies.
pub(super) fn copied(plan: &Plan) -> u64 {
    let of = |step: &Step| match &step.work {
        Work::Copy(_) | Work::Join(_) => rows(&step.dims),
        Work::Compare(_) => 2 * rows(&step.dims),
        Work::Choose(_) => 3 * rows(&step.dims),
        _ => 0,
    };
    plan.steps.iter().map(of).sum()
}

fn weights(plan: &Plan) -> u64 {
    let of = |step: &Step| match &step.work {
        Work::Linear { weights, bias, .. } => weights.len() + bias.len(),
        Work::Constant(numbers) => numbers.len(),
        _ => 0,
    };
    plan.steps.iter().map(of).sum::<usize>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::synthetic;

    #[test]
    fn the_longest_padding_is_left_out() {
        assert_eq!(rows(&[5]), 5);
        assert_eq!(rows(&[3, 5, 6]), 4 * 5 * 8);
        assert_eq!(rows(&[2, 9, 8]), 2 * 9 * 8);
    }

    /// Trees copy what they compare, which costs more than their rows do.
    #[test]
    fn copies_are_counted() {
        let model = Model::from_onnx(synthetic::boosted_trees(3, 3, 4, 1)).unwrap();
        let Sketch { rows, columns, copied, weights, prediction, .. } = Sketch::new(&model).unwrap();
        assert!(copied >= 2 * 3 * 7, "{copied}");
        let without = Prediction::of(&Sizes { rows, columns, copied: 0, weights });
        assert!(prediction.prove_ms > without.prove_ms && prediction.peak_mb > without.peak_mb);
    }

    /// Layer norms by their own layers: the means, differences and squares that ONNX spells out took twice the rows of a block.
    #[test]
    fn norms_are_sketched_as_they_are_proven() {
        use synthetic::{Stack, Transformer};
        let shape = Transformer { blocks: 1, tokens: 8, width: 32, heads: 2, hidden: 64, kind: Stack::Decoder };
        let sketch = Sketch::new(&Model::from_onnx(shape.to_onnx(1)).unwrap()).unwrap();
        let of = |operator: &str| sketch.tensors.iter().filter(|tensor| tensor.operator == operator).count();
        // Two norms of the block and the last one, each of variances, roots, what bounds them, and the products.
        assert_eq!((of("ReduceMean"), of("Sub"), of("Div")), (0, 0, 12), "{:?}", sketch.tensors);
    }

    /// A network beyond what is public is sketched, with the reason why it is not proven.
    #[test]
    fn a_network_that_is_too_large_is_sketched() {
        let model = Model::from_onnx(synthetic::lenet5(1)).unwrap();
        let sketch = Sketch::new(&model).unwrap();
        assert!(sketch.limits.is_empty() && sketch.weights == 61_706, "{sketch:?}");
        let greatest = sketch.tensors.iter().max_by_key(|tensor| tensor.rows).unwrap();
        assert_eq!((greatest.operator.as_str(), greatest.rows), ("Conv", 6 * 32 * 32));
        let mut graph = synthetic::Graph::new(13, &[1, 3, 160, 160]);
        let weights = graph.constant(&[2, 3, 3, 3], &[0.1; 54]);
        let name = graph.node("Conv", &["x", &weights], vec![synthetic::ints("strides", &[4, 4])]);
        let model = Model::from_onnx(graph.finish(&name, &[1, 2, 40, 40])).unwrap();
        let sketch = Sketch::new(&model).unwrap();
        assert!(sketch.limits[0].contains("76800 numbers; at most 65536"), "{:?}", sketch.limits);
        assert!(sketch.prediction.prove_ms > 100.0);
        // Too many maxima for an axis: all of them are counted, and a proof is refused.
        let mut graph = synthetic::Graph::new(13, &[1, 1, 400, 400]);
        let window = [("kernel_shape", 3), ("strides", 1)].map(|(name, size)| synthetic::ints(name, &[size, size]));
        let name = graph.node("MaxPool", &["x"], window.to_vec());
        let model = Model::from_onnx(graph.finish(&name, &[1, 1, 398, 398])).unwrap();
        let sketch = Sketch::new(&model).unwrap();
        assert!(sketch.limits.iter().any(|limit| limit.contains("158404 maxima of 9")), "{:?}", sketch.limits);
        assert!(sketch.rows > 158_404 * 16, "{}", sketch.rows);
    }
}
