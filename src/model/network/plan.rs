//! A network in real numbers, step by step as the prover has its layers.

use zeroize::Zeroize;
use zkinfer_prover::network::Linear;

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
    /// The input.
    Input,
    /// Weights, as the prover orders them, and a bias per output or output channel. Wiped when dropped.
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
    /// The source alone.
    Pass,
    Add,
    Mul,
    /// `[m, k]` times `[k, n]`.
    MatMul,
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
            Work::Input | Work::MaxPool | Work::MeanPool(_) => true,
            Work::Linear { .. } | Work::Pass | Work::Add | Work::MatMul => self.then.low() >= 0.0,
            Work::Copy(_) | Work::Mul => false,
        }
    }

    /// Whether it can take a [`Then`].
    pub(super) fn activates(&self) -> bool {
        matches!(self.work, Work::Linear { .. } | Work::Pass | Work::Add | Work::MatMul)
    }
}

/// All steps, each after its sources; the first is the input, the last a dense layer that makes the outputs.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Whether inputs may be negative.
    pub(super) signed: bool,
}

impl Plan {
    /// What every step computes for an input.
    pub(super) fn run(&self, input: &[f64]) -> Vec<Vec<f64>> {
        let mut values: Vec<Vec<f64>> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let mut made = self.compute(step, input, &values);
            made.iter_mut().for_each(|x| *x = step.then.apply(*x));
            values.push(made);
        }
        values
    }

    /// The outputs for an input.
    pub(super) fn outputs(&self, input: &[f64]) -> Vec<f64> {
        self.run(input).pop().unwrap_or_default()
    }

    fn compute(&self, step: &Step, input: &[f64], values: &[Vec<f64>]) -> Vec<f64> {
        let source = |at: usize| (&self.steps[step.from[at]].dims[..], &values[step.from[at]][..]);
        let pairs = || values[step.from[0]].iter().zip(&values[step.from[1]]);
        match &step.work {
            Work::Input => input.to_vec(),
            Work::Linear { op: Linear::Dense { .. }, weights, bias } => {
                let (_, x) = source(0);
                let rows = weights.chunks_exact(x.len().max(1)).zip(bias);
                rows.map(|(row, bias)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias).collect()
            }
            Work::Linear { op, weights, bias } => conv(source(0), &step.dims, *op, weights, bias),
            Work::MaxPool => squares(source(0), 2, |square| square.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            Work::MeanPool(side) => {
                squares(source(0), *side, |square| square.iter().sum::<f64>() / square.len() as f64)
            }
            Work::Copy(indices) => indices.iter().map(|&i| source(0).1[i as usize]).collect(),
            Work::Pass => source(0).1.to_vec(),
            Work::Add => pairs().map(|(a, b)| a + b).collect(),
            Work::Mul => pairs().map(|(a, b)| a * b).collect(),
            Work::MatMul => {
                let ((a, x), (b, y)) = (source(0), source(1));
                let (k, n) = (a[1] as usize, b[1] as usize);
                let cell = |row: &[f64], j: usize| row.iter().enumerate().map(|(i, x)| x * y[i * n + j]).sum();
                x.chunks_exact(k).flat_map(|row| (0..n).map(move |j| cell(row, j))).collect()
            }
        }
    }
}

fn conv((from, x): (&[u32], &[f64]), to: &[u32], op: Linear, weights: &[f64], bias: &[f64]) -> Vec<f64> {
    let Linear::Conv { channels, kernel, stride, padding, groups } = op else { return Vec::new() };
    let (own, k) = ((from[0] / groups) as usize, kernel as usize);
    let (height, width) = (from[1] as usize, from[2] as usize);
    let (rows, columns) = (to[1] as usize, to[2] as usize);
    let mut out: Vec<f64> = bias.iter().flat_map(|&b| vec![b; rows * columns]).collect();
    // The place of a tap, if it is inside.
    let at = |o: usize, tap: usize, size: usize| {
        (o * stride as usize + tap).checked_sub(padding as usize).filter(|&at| at < size)
    };
    for (c, out) in out.chunks_exact_mut(rows * columns).enumerate() {
        let group = c / (channels / groups) as usize;
        let taps = weights[c * own * k * k..][..own * k * k].iter().enumerate().filter(|(_, w)| **w != 0.0);
        for (tap, w) in taps {
            let (channel, u, v) = (group * own + tap / (k * k), tap / k % k, tap % k);
            for (i, out) in out.chunks_exact_mut(columns).enumerate() {
                let Some(row) = at(i, u, height) else { continue };
                let row = &x[(channel * height + row) * width..][..width];
                for (j, out) in out.iter_mut().enumerate() {
                    if let Some(column) = at(j, v, width) {
                        *out += w * row[column];
                    }
                }
            }
        }
    }
    out
}

fn squares((dims, x): (&[u32], &[f64]), side: u32, of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let (height, width, side) = (dims[1] as usize, dims[2] as usize, side as usize);
    let mut out = Vec::new();
    for c in 0..dims[0] as usize {
        for (i, j) in (0..height / side).flat_map(|i| (0..width / side).map(move |j| (i, j))) {
            let cells = (0..side).flat_map(|a| (0..side).map(move |b| (i * side + a, j * side + b)));
            let square: Vec<f64> = cells.map(|(r, s)| x[(c * height + r) * width + s]).collect();
            out.push(of(&square));
        }
    }
    out
}
