//! A network in real numbers, step by step as the prover has its layers.

mod fuse;
mod repeats;
mod run;
mod stacks;

pub(super) use stacks::{Part, Products};

use std::sync::Arc;
use zeroize::Zeroize;
use zkinfer_prover::network::Linear;

/// A function of one number, which becomes a table.
#[derive(Clone)]
pub(super) struct Function(Arc<dyn Fn(f64) -> f64 + Send + Sync>);

impl Function {
    pub(super) fn new(of: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(of))
    }

    pub(super) fn at(&self, x: f64) -> f64 {
        (self.0)(x)
    }

    /// `next` of what this one makes.
    pub(super) fn then(&self, next: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        let of = self.clone();
        Self::new(move |x| next(of.at(x)))
    }

    /// Two functions of the same number, put together.
    pub(super) fn with(&self, other: &Self, both: impl Fn(f64, f64) -> f64 + Send + Sync + 'static) -> Self {
        let (a, b) = (self.clone(), other.clone());
        Self::new(move |x| both(a.at(x), b.at(x)))
    }
}

/// What happens to a number after a step has computed it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, low), high)`; either may be infinite.
    Clip(f64, f64),
}

impl Then {
    pub(super) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Nothing => x,
            Self::Relu => x.max(0.0),
            Self::Clip(low, high) => x.max(low).min(high),
        }
    }

    /// The least number that it makes.
    pub(super) const fn low(self) -> f64 {
        match self {
            Self::Nothing => f64::NEG_INFINITY,
            Self::Relu => 0.0,
            Self::Clip(low, _) => low,
        }
    }
}

/// What a step computes from its sources.
#[derive(Clone)]
pub(super) enum Work {
    /// An input.
    Input,
    /// Weights, as the prover orders them, and a bias per output or output channel. A second source is added. Wiped when dropped.
    Linear {
        op: Linear,
        weights: Vec<f64>,
        bias: Vec<f64>,
    },
    /// The greatest of 2 x 2 squares.
    MaxPool,
    /// The mean of squares of this side.
    MeanPool(u32),
    /// Elements of the source, by position.
    Copy(Vec<u32>),
    /// Elements of several sources, numbered through from one to the next.
    Join(Vec<u32>),
    /// The source as an output.
    Output,
    /// The source alone.
    Pass,
    Add,
    Mul,
    /// `[m, k]` times `[k, n]`.
    MatMul,
    /// Products of matrices of the first source and of the second. A third source has a factor for each of their rows.
    Products(Box<Products>),
    /// The floor of `factor * x + shift` as a whole number. The factor is a power of two or the opposite of one, so that
    /// nothing is rounded before.
    Floor {
        factor: f64,
        shift: f64,
    },
    /// A function of every number, by table.
    Function(Function),
    /// Numbers that belong to the model.
    Constant(Vec<f64>),
    /// 1 where the first source is at least the second, else 0: these elements of each, or all in order. A source of one
    /// number stands for as many as are needed.
    Compare(Option<Box<[Vec<u32>; 2]>>),
    /// The second source where the first is 1, the third where it is 0: these elements of each, or all in order.
    Choose(Option<Box<[Vec<u32>; 3]>>),
    /// The source, whose last axis is a row, as scores of a softmax.
    Scores,
    /// `exp(factor (x - greatest of the row))` of scores that count, and 0 of others; the factor is positive.
    Exponentials(f64),
    /// The inverse of the sum of every row: of the second source, whose scores are the first.
    Reciprocals,
    /// Every number of the first source times the one of the second for its row.
    ScaleRows,
    /// `d sum x^2 - (sum x)^2` of every row of `d` numbers.
    Variances,
    /// `1 / sqrt(v + epsilon)` of variances.
    InverseRoots {
        epsilon: f64,
        unit: Unit,
    },
    /// What shows that inverse roots are the greatest: their squares.
    RootBounds,
    /// `(d x - sum x) r` of every number of the first source, `r` the second's for its row.
    Normalize(Unit),
}

/// How finely numbers of mean 0 and variance 1 are told apart: an integer of 1 means 2 to the power of minus this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit(pub(super) u8);

impl Unit {
    /// What variances, and products with inverse roots, are divided by, as an exponent.
    pub(super) const SHIFT: u8 = 16;

    /// The exponent of the numerator of inverse roots: `r = 2^((log + shift) / 2) / sqrt(..)` is divided by `2^shift`.
    pub(super) const fn log(self) -> u8 {
        2 * self.0 + Self::SHIFT
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Self::Linear { weights, bias, .. } = self {
            weights.zeroize();
            bias.zeroize();
        }
    }
}

/// One tensor that is computed.
#[derive(Clone)]
pub(super) struct Step {
    /// Name and operator of the ONNX node that it comes from.
    pub(super) node: String,
    pub(super) operator: &'static str,
    pub(super) from: Vec<usize>,
    /// One to three axes.
    pub(super) dims: Vec<u32>,
    pub(super) work: Work,
    pub(super) then: Then,
    /// Whether none of its numbers can be negative.
    pub(super) nonnegative: bool,
}

impl Step {
    pub(super) fn elements(&self) -> usize {
        self.dims.iter().map(|&d| d as usize).product()
    }

    /// Whether its integers are unsigned.
    pub(super) fn is_unsigned(&self) -> bool {
        match self.work {
            Work::Input | Work::MaxPool | Work::MeanPool(_) | Work::Compare(_) => true,
            Work::Exponentials(_) | Work::Reciprocals | Work::ScaleRows => true,
            Work::Variances | Work::InverseRoots { .. } | Work::RootBounds => true,
            Work::Linear { .. } | Work::Pass | Work::Add | Work::MatMul => self.then.low() >= 0.0,
            Work::Products(_) => false,
            Work::Function(_) | Work::Constant(_) | Work::Choose(_) => self.nonnegative,
            Work::Copy(_) | Work::Join(_) | Work::Mul | Work::Scores => false,
            Work::Floor { .. } | Work::Normalize(_) => false,
            // It has no integers of its own.
            Work::Output => true,
        }
    }

    /// What an integer of 1 means, as an exponent of two, if nothing else can be chosen.
    pub(super) const fn exponent(&self) -> Option<i32> {
        match self.work {
            Work::Compare(_) | Work::Floor { .. } => Some(0),
            Work::Exponentials(_) | Work::Reciprocals | Work::ScaleRows => Some(-16),
            Work::Normalize(Unit(bits)) => Some(-(bits as i32)),
            _ => None,
        }
    }

    /// Whether it can take a [`Then`].
    pub(super) fn activates(&self) -> bool {
        matches!(self.work, Work::Linear { .. } | Work::Pass | Work::Add | Work::MatMul)
    }
}

/// All steps, each after its sources; the first are the inputs, the last outputs, or a dense layer that makes them.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// For each input whether it may be negative. Inputs are the first steps.
    pub(super) signed: Vec<bool>,
    /// For each input the units of its numbers, powers of two; none where one scale does for all. The step has numbers in units.
    pub(super) units: Vec<Option<Vec<f64>>>,
}

impl Plan {
    /// Numbers of all inputs.
    pub(super) fn inputs(&self) -> usize {
        self.steps[..self.signed.len()].iter().map(Step::elements).sum()
    }

    /// Leaves out what no output depends on.
    pub(super) fn prune(&mut self) {
        let mut live = vec![false; self.steps.len()];
        live[..self.signed.len()].fill(true);
        let outputs: Vec<usize> = self.outputs().collect();
        outputs.into_iter().for_each(|at| live[at] = true);
        // A step comes after what it reads.
        for at in (0..live.len()).rev() {
            if live[at] {
                self.steps[at].from.iter().for_each(|from| live[*from] = true);
            }
        }
        // Nothing reads what shows that inverse roots are the greatest.
        for (at, step) in self.steps.iter().enumerate().filter(|(_, step)| matches!(step.work, Work::RootBounds)) {
            live[at] = live[step.from[0]];
        }
        let mut places = vec![0; live.len()];
        let mut next = 0;
        for (place, live) in places.iter_mut().zip(&live) {
            *place = next;
            next += usize::from(*live);
        }
        let mut at = 0..;
        self.steps.retain(|_| at.next().is_some_and(|at| live[at]));
        self.steps.iter_mut().flat_map(|step| step.from.iter_mut()).for_each(|from| *from = places[*from]);
    }

    /// The steps that make the outputs.
    pub(super) fn outputs(&self) -> impl Iterator<Item = usize> + '_ {
        let last = self.steps.len().saturating_sub(1);
        let makes = move |at: &usize| *at == last || matches!(self.steps[*at].work, Work::Output);
        (0..self.steps.len()).filter(makes)
    }

    /// Whether a step is an input whose integers have a zero point.
    pub(super) fn is_offset(&self, step: usize) -> bool {
        self.signed.get(step) == Some(&true)
    }

    /// The numbers of an input's step, in their units.
    pub(super) fn part(&self, step: usize, input: &[f64]) -> Vec<f64> {
        let first = self.steps[..step].iter().map(Step::elements).sum::<usize>();
        let own = &input[first..][..self.steps[step].elements()];
        match &self.units[step] {
            Some(units) => own.iter().zip(units).map(|(x, unit)| x / unit).collect(),
            None => own.to_vec(),
        }
    }
}
