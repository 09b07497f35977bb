//! Layer normalization: `(x - mean) / sqrt(variance + epsilon)` of rows, by layers of its own where the numbers permit.
//!
//! The graph has it as several nodes. Its last one stands for all of them; the others are lowered only where something else
//! reads them, or where the numbers do not permit it.

use super::{Lowered, Lowering, Wire};
use crate::model::{
    graph::{Graph, Node, Numbers, Operand, Operator, ValueId},
    network::plan::{Then, Unit, Work},
};
use std::collections::{HashMap, HashSet};

/// The finest unit, and the coarsest that is worth it.
const UNITS: std::ops::RangeInclusive<u8> = 6..=11;
/// Numbers of a row: of fewer, a variance of integers has too few bits.
const NARROWEST: usize = 32;
/// How many times as great as another one a variance may be: inverse roots have 20 bits.
const SPREAD: f64 = 65536.0;
/// The most that epsilon may be, in units of the least variance: the integers have one of their own.
const MOST_EPSILON: f64 = 0.01;

/// Factors and shifts, one for each place of the last axis.
#[derive(Clone)]
pub(super) struct Along {
    pub(super) factors: Vec<f64>,
    pub(super) shifts: Vec<f64>,
}

/// A normalization: what is normalized, and what is added to its variance.
#[derive(Clone)]
pub(super) struct Norm {
    x: ValueId,
    epsilon: f64,
    /// The nodes before the last.
    inner: Vec<usize>,
}

/// The normalizations of a graph, by their last nodes.
pub(super) struct Norms {
    ends: HashMap<usize, Norm>,
    /// Nodes that nothing else reads.
    inner: HashSet<usize>,
}

/// Who makes what, to find patterns.
struct Finder<'g> {
    graph: &'g Graph,
    makers: HashMap<ValueId, usize>,
    inner: Vec<usize>,
}

impl<'g> Finder<'g> {
    fn value(node: &Node, index: usize) -> Option<ValueId> {
        match node.inputs.get(index)? {
            Some(Operand::Value(id)) => Some(*id),
            _ => None,
        }
    }

    /// The only number of a constant operand.
    fn number(node: &Node, index: usize) -> Option<f64> {
        let Some(Some(Operand::Constant(constant))) = node.inputs.get(index) else { return None };
        match constant.tensor.numbers() {
            Numbers::Floats(numbers) if numbers.len() == 1 => numbers.first().map(|x| f64::from(*x)),
            _ => None,
        }
    }

    /// The node that makes an operand, if it does this; it is a part of the pattern.
    fn made_by(&mut self, node: &Node, index: usize, operator: Operator) -> Option<&'g Node> {
        let at = *self.makers.get(&Self::value(node, index)?)?;
        let maker = &self.graph.nodes()[at];
        self.inner.push(at);
        (maker.operator == operator).then_some(maker)
    }

    /// The mean over the last axis, which stays.
    fn is_mean(&self, node: &Node) -> bool {
        let Some(rank) = Self::value(node, 0).map(|id| self.graph.value(id).kind.shape.len() as i64) else {
            return false;
        };
        let axes = node.attributes.ints("axes");
        axes.is_some_and(|axes| axes == [rank - 1] || axes == [-1]) && node.attributes.int("keepdims") != Some(0)
    }

    /// `Div(c, Sqrt(Add(ReduceMean(c c), epsilon)))`, where `c` is `Sub(x, ReduceMean(x))`.
    fn norm(&mut self, end: &'g Node) -> Option<Norm> {
        self.inner.clear();
        if end.operator != Operator::Div {
            return None;
        }
        let centred = Self::value(end, 0)?;
        let root = self.made_by(end, 1, Operator::Sqrt)?;
        let sum = self.made_by(root, 0, Operator::Add)?;
        let epsilon = Self::number(sum, 1)?;
        let mean = self.made_by(sum, 0, Operator::ReduceMean)?;
        let at = *self.makers.get(&Self::value(mean, 0)?)?;
        let square = &self.graph.nodes()[at];
        self.inner.push(at);
        let is_square = match square.operator {
            Operator::Mul => Self::value(square, 1) == Some(centred),
            Operator::Pow => Self::number(square, 1) == Some(2.0),
            _ => false,
        };
        let difference = self.made_by(end, 0, Operator::Sub)?;
        let x = Self::value(difference, 0)?;
        let middle = self.made_by(difference, 1, Operator::ReduceMean)?;
        let holds = is_square
            && Self::value(square, 0) == Some(centred)
            && Self::value(middle, 0) == Some(x)
            && self.is_mean(mean)
            && self.is_mean(middle);
        let mut inner = self.inner.clone();
        inner.sort_unstable();
        inner.dedup();
        holds.then_some(Norm { x, epsilon, inner })
    }
}

impl Norms {
    pub(super) fn of(graph: &Graph, uses: &HashMap<ValueId, usize>) -> Self {
        let nodes = graph.nodes();
        let makers = nodes.iter().enumerate().flat_map(|(at, node)| node.outputs.iter().map(move |id| (*id, at)));
        let mut finder = Finder { graph, makers: makers.collect(), inner: Vec::new() };
        let (mut ends, mut inner) = (HashMap::new(), HashSet::new());
        for (at, node) in nodes.iter().enumerate() {
            let Some(norm) = finder.norm(node) else { continue };
            let own: Vec<usize> = norm.inner.iter().copied().chain([at]).collect();
            let within = |id: &ValueId| {
                let reads = own.iter().flat_map(|at| &nodes[*at].inputs).flatten();
                reads.filter(|operand| matches!(operand, Operand::Value(of) if of == id)).count()
            };
            // What something else reads has to be there, and what that reads.
            let alone =
                |at: &usize| nodes[*at].outputs.iter().all(|id| uses.get(id).copied().unwrap_or(0) == within(id));
            if norm.inner.iter().all(alone) {
                inner.extend(norm.inner.iter().copied());
                ends.insert(at, norm);
            }
        }
        Self { ends, inner }
    }

    pub(super) fn is_inner(&self, node: usize) -> bool {
        self.inner.contains(&node)
    }

    pub(super) fn ends(&self, node: usize) -> Option<Norm> {
        self.ends.get(&node).cloned()
    }
}

impl<'g> Lowering<'g> {
    /// A normalization by its own layers, or node by node.
    pub(super) fn normalized(&mut self, node: &'g Node, norm: &Norm) -> Lowered<()> {
        if let Some(step) = self.by_roots(norm)? {
            return self.give(node.outputs[0], step);
        }
        for &at in norm.inner.iter().filter(|at| self.norms.is_inner(**at)).collect::<Vec<_>>() {
            let inner = &self.graph.nodes()[at];
            self.node = (inner.name.clone(), inner.operator.name());
            self.lower(inner)?;
        }
        self.node = (node.name.clone(), node.operator.name());
        self.lower(node)
    }

    /// Variances of rows, their inverse roots, and the products; `None` where these have too few bits.
    fn by_roots(&mut self, norm: &Norm) -> Lowered<Option<usize>> {
        let Wire { step, shape, .. } = self.settled(norm.x)?;
        let (count, width) = (shape.iter().product::<usize>(), shape.last().copied().unwrap_or(1));
        if width < NARROWEST || count / width > super::MAX_AXIS {
            return Ok(None);
        }
        let step = self.centered(step);
        let step = match self.plan.steps[step].dims[..] {
            [_, .., last] if last as usize == width => step,
            _ => self.shaped(step, &[(count / width) as u32, width as u32]),
        };
        let dims = self.plan.steps[step].dims.clone();
        let rows = dims[..dims.len() - 1].to_vec();
        let epsilon = norm.epsilon * (width * width) as f64;
        let variances = self.push(vec![step], rows.clone(), Work::Variances, Then::Nothing);
        let (low, high) = self.span(variances);
        // A sketch has seen no numbers, and expects the usual ones.
        let is_sketch = self.limits.is_some();
        let permitted = is_sketch || (low > 0.0 && epsilon <= MOST_EPSILON * low && high <= SPREAD * low);
        // A number is at most the root of the width.
        let greatest = (width as f64).sqrt();
        let unit = UNITS.rev().find(|bits| greatest * 2f64.powi((*bits).into()) <= 32767.0).map(Unit);
        let Some(unit) = unit.filter(|_| permitted) else {
            return Ok(None);
        };
        let roots = self.push(vec![variances], rows.clone(), Work::InverseRoots { epsilon, unit }, Then::Nothing);
        self.push(vec![roots], rows, Work::RootBounds, Then::Nothing);
        Ok(Some(self.push(vec![step, roots], dims, Work::Normalize(unit), Then::Nothing)))
    }

    /// Notes that a tensor is a normalized one times factors and plus shifts that depend on the last axis alone. Whether that is so.
    pub(super) fn given_along(&mut self, node: &'g Node, constant: usize, numbers: &[f64]) -> Lowered<bool> {
        let id = self.operand(node, 1 - constant)?;
        let Some(wire) = self.wires.get(&id).cloned() else { return Ok(false) };
        let made = node.outputs[0];
        let width = wire.shape.last().copied().unwrap_or(1);
        let periodic = || numbers.chunks(width).all(|row| *row == numbers[..width]);
        let is_unit = matches!(self.plan.steps[wire.step].work, Work::Normalize(_)) && wire.lazy.is_none();
        if !is_unit || self.shape(made) != wire.shape || !periodic() {
            return Ok(false);
        }
        let own = &numbers[..width];
        let (ones, zeros) = (|| vec![1.0; width], || vec![0.0; width]);
        let negated = |x: &[f64]| x.iter().map(|x| -x).collect::<Vec<_>>();
        let (a, b) = match (node.operator, constant) {
            (Operator::Add, _) => (ones(), own.to_vec()),
            (Operator::Sub, 1) => (ones(), negated(own)),
            (Operator::Sub, _) => (negated(&ones()), own.to_vec()),
            (Operator::Mul, _) => (own.to_vec(), zeros()),
            (Operator::Div, 1) => (own.iter().map(|x| x.recip()).collect(), zeros()),
            _ => return Ok(false),
        };
        let before = self.pending.get(&id).cloned().unwrap_or(Along { factors: ones(), shifts: zeros() });
        let factors = before.factors.iter().zip(&a).map(|(x, a)| x * a).collect();
        let shifts = before.shifts.iter().zip(a.iter().zip(&b)).map(|(x, (a, b))| x * a + b).collect();
        self.wires.insert(made, wire);
        self.pending.insert(made, Along { factors, shifts });
        Ok(true)
    }

    /// Factors and shifts along the last axis by a step of their own: a map of every number where it is a channel.
    pub(super) fn spread_along(&mut self, step: usize, along: &Along) -> Lowered<usize> {
        let n = self.plan.steps[step].elements();
        let dims = self.plan.steps[step].dims.clone();
        let width = along.factors.len();
        let rows = n / width;
        let turned = |rows: usize, columns: usize| (0..n).map(|i| (i % rows * columns + i / rows) as u32).collect();
        let step = self.copy_once(step, vec![width as u32, 1, rows as u32], turned(rows, width));
        let spread = |numbers: &[f64]| numbers.iter().flat_map(|x| vec![*x; rows]).collect::<Vec<_>>();
        let step = self.line(step, &spread(&along.factors), &spread(&along.shifts))?;
        Ok(self.copy(step, dims, turned(width, rows)))
    }
}
