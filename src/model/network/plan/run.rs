//! What a plan computes, in real numbers.

use super::{Plan, Work};
use zkinfer_prover::network::Linear;

impl Plan {
    /// What every step computes for an input.
    pub(in crate::model::network) fn run(&self, input: &[f64]) -> Vec<Vec<f64>> {
        let mut values: Vec<Vec<f64>> = Vec::with_capacity(self.steps.len());
        self.run_on(&mut values, self.steps.len(), input);
        values
    }

    /// Goes on with what the first steps computed for an input, until there are `count` steps.
    pub(in crate::model::network) fn run_on(&self, values: &mut Vec<Vec<f64>>, count: usize, input: &[f64]) {
        for at in values.len()..count {
            let step = &self.steps[at];
            let mut made = self.compute(at, input, values);
            made.iter_mut().for_each(|x| *x = step.then.apply(*x));
            values.push(made);
        }
    }

    /// The outputs for an input, one tensor after the other.
    pub(in crate::model::network) fn results(&self, input: &[f64]) -> Vec<f64> {
        let values = self.run(input);
        self.outputs().flat_map(|at| values[at].iter().copied()).collect()
    }

    fn compute(&self, at: usize, input: &[f64], values: &[Vec<f64>]) -> Vec<f64> {
        let step = &self.steps[at];
        let source = |at: usize| (&self.steps[step.from[at]].dims[..], &values[step.from[at]][..]);
        let pairs = || values[step.from[0]].iter().zip(&values[step.from[1]]);
        match &step.work {
            Work::Input => self.part(at, input),
            Work::Linear { op, weights, bias } => {
                let mut made = match op {
                    Linear::Dense { .. } => dense(source(0).1, weights, bias),
                    Linear::Rows { .. } => rows(source(0)).flat_map(|row| dense(row, weights, bias)).collect(),
                    _ => conv(source(0), &step.dims, *op, weights, bias),
                };
                if step.from.len() > 1 {
                    made.iter_mut().zip(source(1).1).for_each(|(x, more)| *x += more);
                }
                made
            }
            Work::Products(products) => {
                let by = step.from.get(2).map(|by| &values[*by][..]);
                products.of(&step.dims, [source(0), source(1)], by)
            }
            Work::Floor { factor, shift } => source(0).1.iter().map(|x| (factor * x + shift).floor()).collect(),
            Work::Function(of) => source(0).1.iter().map(|x| of.at(*x)).collect(),
            Work::Constant(numbers) => numbers.clone(),
            Work::Compare(picks) => {
                let (a, b) = (source(0).1, source(1).1);
                let of = |side: usize, x: &[f64], at: usize| match picks {
                    Some(picks) => x[picks[side][at] as usize],
                    None => one_or_each(x, at),
                };
                (0..step.elements()).map(|at| f64::from(u8::from(of(0, a, at) >= of(1, b, at)))).collect()
            }
            Work::Choose(picks) => {
                let of = |side: usize, at: usize| match picks {
                    Some(picks) => source(side).1[picks[side][at] as usize],
                    None => one_or_each(source(side).1, at),
                };
                (0..step.elements()).map(|at| of(if of(0, at) == 1.0 { 1 } else { 2 }, at)).collect()
            }
            Work::Scores => source(0).1.to_vec(),
            Work::Exponentials(factor) => {
                let causal = self.is_causal(step.from[0]);
                let row = |(at, row): (usize, &[f64])| {
                    let count = if causal { at % row.len() + 1 } else { row.len() };
                    let greatest = row[..count].iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let power = |(i, x): (usize, &f64)| if i < count { (factor * (x - greatest)).exp() } else { 0.0 };
                    row.iter().enumerate().map(power).collect::<Vec<_>>()
                };
                rows(source(0)).enumerate().flat_map(row).collect()
            }
            Work::Reciprocals => rows(source(1)).map(|row| 1.0 / row.iter().sum::<f64>()).collect(),
            Work::ScaleRows => {
                let each = |(row, by): (&[f64], &f64)| row.iter().map(|x| x * by).collect::<Vec<_>>();
                rows(source(0)).zip(source(1).1).flat_map(each).collect()
            }
            Work::Variances => {
                let variance = |row: &[f64]| {
                    let (count, sum) = (row.len() as f64, row.iter().sum::<f64>());
                    count * row.iter().map(|x| (x - sum / count).powi(2)).sum::<f64>()
                };
                rows(source(0)).map(variance).collect()
            }
            Work::InverseRoots { epsilon, .. } => source(0).1.iter().map(|v| (v + epsilon).sqrt().recip()).collect(),
            Work::RootBounds => source(0).1.iter().map(|r| r * r).collect(),
            Work::Normalize(_) => {
                let each = |(row, root): (&[f64], &f64)| {
                    let (count, sum) = (row.len() as f64, row.iter().sum::<f64>());
                    row.iter().map(|x| (count * x - sum) * root).collect::<Vec<_>>()
                };
                rows(source(0)).zip(source(1).1).flat_map(each).collect()
            }
            Work::MaxPool => squares(source(0), 2, |square| square.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            Work::MeanPool(side) => {
                squares(source(0), *side, |square| square.iter().sum::<f64>() / square.len() as f64)
            }
            Work::Copy(indices) => indices.iter().map(|&i| source(0).1[i as usize]).collect(),
            Work::Join(indices) => {
                let all: Vec<f64> = step.from.iter().flat_map(|source| values[*source].iter().copied()).collect();
                indices.iter().map(|&i| all[i as usize]).collect()
            }
            Work::Output => source(0).1.to_vec(),
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

fn dense(x: &[f64], weights: &[f64], bias: &[f64]) -> Vec<f64> {
    let rows = weights.chunks_exact(x.len().max(1)).zip(bias);
    rows.map(|(row, bias)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias).collect()
}

fn conv((from, x): (&[u32], &[f64]), to: &[u32], op: Linear, weights: &[f64], bias: &[f64]) -> Vec<f64> {
    let Linear::Conv { channels, kernel, stride, padding, groups } = op else { return Vec::new() };
    let (own, k) = ((from[0] / groups) as usize, kernel as usize);
    let (height, width) = (from[1] as usize, from[2] as usize);
    let (rows, columns) = (to[1] as usize, to[2] as usize);
    let mut out: Vec<f64> = bias.iter().flat_map(|&b| vec![b; rows * columns]).collect();
    let (stride, padding) = (stride as usize, padding as usize);
    // The outputs along an axis that a tap has an input for.
    let reached = |tap: usize, size: usize, count: usize| {
        let first = padding.saturating_sub(tap).div_ceil(stride);
        first..(size + padding).saturating_sub(tap).div_ceil(stride).clamp(first, count.max(first))
    };
    for (c, out) in out.chunks_exact_mut(rows * columns).enumerate() {
        let group = c / (channels / groups) as usize;
        let taps = weights[c * own * k * k..][..own * k * k].iter().enumerate().filter(|(_, w)| **w != 0.0);
        for (tap, w) in taps {
            let (channel, u, v) = (group * own + tap / (k * k), tap / k % k, tap % k);
            let across = reached(v, width, columns);
            for i in reached(u, height, rows) {
                let row = &x[(channel * height + i * stride + u - padding) * width..][..width];
                let from = &row[(across.start * stride + v).saturating_sub(padding).min(width)..];
                let out = &mut out[i * columns..][across.clone()];
                if stride == 1 {
                    out.iter_mut().zip(from).for_each(|(out, x)| *out += w * x);
                } else {
                    out.iter_mut().zip(from.iter().step_by(stride)).for_each(|(out, x)| *out += w * x);
                }
            }
        }
    }
    out
}

/// A source of one number has it everywhere.
fn one_or_each(x: &[f64], at: usize) -> f64 {
    x[if x.len() == 1 { 0 } else { at }]
}

/// The rows along the last axis.
fn rows<'a>((dims, x): (&[u32], &'a [f64])) -> impl Iterator<Item = &'a [f64]> {
    x.chunks(dims.last().map_or(1, |n| (*n as usize).max(1)))
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
