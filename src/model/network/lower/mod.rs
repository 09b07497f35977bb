//! From a canonical graph to the steps of a plan: one operator after the other, each in the file of its family.

mod along;
mod compare;
mod einsum;
mod elementwise;
mod function;
mod integers;
mod layout;
mod linear;
mod lookup;
mod norm;
mod operands;
mod pool;
mod reduce;
mod resize;
mod rounding;
mod same;
mod softmax;
mod sorting;
mod stacks;
mod start;
mod steps;
mod unary;
mod units;
mod window;

pub(super) use start::{lower, sketch};
use steps::dims_of;

use super::plan::Plan;
use crate::model::{
    LowerError,
    graph::{Graph, Node, Operator, ValueId},
};
use function::Lazy;
use norm::{Along, Norms};
use std::{cell::RefCell, collections::HashMap};

/// The canonical operators that are lowered: all of them, which the compiler sees to. It does not mean that every form of each is.
pub const OPERATORS: &[Operator] = Operator::ALL;

/// Weights that a linear map may have when it is none of the prover's convolutions, and is written out as a dense layer.
const MAX_DENSE: usize = 1 << 22;
/// Numbers of one of them.
const MAX_PORT: usize = 1 << 16;
/// Public tensors of a program.
const MAX_PORTS: usize = 16;
/// Elements that an axis of the prover may have.
const MAX_AXIS: usize = 1 << 16;

/// A tensor of the graph: the step that computes it, in its row-major order.
#[derive(Clone)]
struct Wire {
    step: usize,
    shape: Vec<usize>,
    /// A function of what the step computes that has no step yet.
    lazy: Option<Lazy>,
}

/// A graph being lowered.
struct Lowering<'g> {
    graph: &'g Graph,
    plan: Plan,
    wires: HashMap<ValueId, Wire>,
    /// How often a value is read or given out.
    uses: HashMap<ValueId, usize>,
    /// The node that is being lowered, for the steps that it becomes.
    node: (String, &'static str),
    /// Tensors that are what their wire says, times a factor and plus a shift for every place of the last axis.
    pending: HashMap<ValueId, Along>,
    /// Layer normalizations that are several nodes.
    norms: Norms,
    /// Scores of a softmax that do not count, by tensor.
    hidden: HashMap<ValueId, Vec<bool>>,
    /// Steps in the scale of their own choice, of those that have none.
    loose: HashMap<usize, usize>,
    /// Units of the numbers of steps that have them: those of inputs, and of copies of these.
    units: HashMap<usize, Vec<f64>>,
    /// Inputs to expect, and how much greater than with them values may get.
    samples: Vec<Vec<f64>>,
    headroom: f64,
    /// What the first steps compute for each of them.
    seen: RefCell<Vec<Vec<Vec<f64>>>>,
    /// What is too much for a proof, in a sketch. Where there is none, the first ends the lowering.
    limits: Option<Vec<String>>,
}

/// Inputs that are run to see what a function's arguments are.
const MOST_SAMPLES: usize = 8;

type Lowered<T> = Result<T, LowerError>;

fn refuse(node: &Node, reason: impl Into<String>) -> LowerError {
    LowerError::Operator { operator: node.operator.name().into(), node: node.name.clone(), reason: reason.into() }
}

impl<'g> Lowering<'g> {
    /// A node, unless it is a part of a normalization that its last node stands for.
    fn lower_at(&mut self, at: usize) -> Lowered<()> {
        if self.norms.is_inner(at) {
            return Ok(());
        }
        let node = &self.graph.nodes()[at];
        self.node = (node.name.clone(), node.operator.name());
        match self.norms.ends(at) {
            Some(norm) => self.normalized(node, &norm),
            None => self.lower(node),
        }
    }

    fn lower(&mut self, node: &'g Node) -> Lowered<()> {
        use Operator as O;
        let step = match node.operator {
            O::Gemm => self.gemm(node)?,
            O::MatMul => self.mat_mul(node)?,
            O::Conv => self.conv(node)?,
            O::ConvTranspose => self.conv_transpose(node)?,
            O::MaxPool | O::GlobalMaxPool | O::AveragePool | O::GlobalAveragePool => self.pool(node)?,
            O::ReduceMean | O::ReduceSum | O::CumSum => self.sums(node)?,
            O::ReduceMax | O::ReduceMin | O::ReduceProd => self.reduce(node)?,
            O::ArgMax | O::ArgMin | O::Hardmax => self.greatest_of(node)?,
            O::Add | O::Sub | O::Mul | O::Div | O::Pow => return self.arithmetic(node),
            O::BatchNormalization => self.batch_normalization(node)?,
            O::InstanceNormalization => self.instance_normalization(node)?,
            O::LRN => self.local_response(node)?,
            O::Relu | O::Clip | O::HardSigmoid => self.clips(node)?,
            O::LeakyRelu | O::PRelu | O::HardSwish => self.pieces(node)?,
            O::Max | O::Min => self.extreme(node)?,
            O::Floor | O::Ceil | O::Round => self.rounded(node)?,
            O::Mod => self.remainder(node)?,
            O::BitShift => self.shifted_bits(node)?,
            O::IsInf | O::IsNaN => return self.never(node),
            O::TopK => return self.top_k(node),
            O::Softmax | O::LogSoftmax => self.softmax(node)?,
            O::Equal | O::Greater | O::GreaterOrEqual | O::Less | O::LessOrEqual => return self.compared(node),
            O::And | O::Or | O::Xor => return self.logic(node),
            O::Sign => self.sign(node)?,
            O::ThresholdedRelu => {
                let wire = self.wire(node, 0)?;
                let alpha = f64::from(node.attributes.float("alpha").unwrap_or(1.0));
                self.above(&wire, alpha)?
            }
            O::Where => return self.choice(node),
            O::Cast => return self.cast(node),
            O::Reshape | O::Identity => return self.passed_on(node),
            O::Gather => return self.gathered(node),
            O::OneHot => self.one_hot(node)?,
            O::Einsum => self.einsum(node)?,
            O::DequantizeLinear => self.dequantized(node)?,
            O::QuantizeLinear => self.quantized(node)?,
            O::DynamicQuantizeLinear => return self.quantized_by_itself(node),
            O::QLinearMatMul => self.quantized_mat_mul(node)?,
            O::QLinearConv => self.quantized_conv(node)?,
            O::MatMulInteger => self.mat_mul_integer(node)?,
            O::ConvInteger => self.conv_integer(node)?,
            O::Concat | O::DepthToSpace | O::Expand | O::GatherElements | O::GatherND | O::Pad => {
                return self.moved(node);
            }
            O::Resize | O::ReverseSequence | O::ScatterElements | O::ScatterND | O::Slice => return self.moved(node),
            O::SpaceToDepth | O::Split | O::Tile | O::Transpose | O::Trilu => return self.moved(node),
            O::Abs | O::Acos | O::Acosh | O::Asin | O::Asinh | O::Atan | O::Atanh | O::Cos => return self.unary(node),
            O::Cosh | O::Elu | O::Erf | O::Exp | O::Log | O::Neg | O::Not | O::Reciprocal => return self.unary(node),
            O::Selu | O::Sigmoid | O::Sin | O::Sinh | O::Softplus | O::Softsign => return self.unary(node),
            O::Sqrt | O::Tan | O::Tanh => return self.unary(node),
        };
        self.give(node.outputs[0], step)
    }

    /// The step computes the value.
    fn give(&mut self, value: ValueId, step: usize) -> Lowered<()> {
        let shape = self.graph.value(value).kind.shape.clone();
        debug_assert_eq!(shape.iter().product::<usize>(), self.plan.steps[step].elements());
        self.wires.insert(value, Wire { step, shape, lazy: None });
        Ok(())
    }
}
