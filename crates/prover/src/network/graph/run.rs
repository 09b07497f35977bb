//! The integer reference, which is also the witness.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{Graph, Layer, Linear, Parameters};
use crate::error::{CircuitError, ProveError, RangeKind};
use crate::network::gadget::{Gadget, Row};
use crate::network::program::{Form, Program};

/// The rows of every layer, and the outputs.
pub(crate) struct Run {
    /// Row-major, per layer; empty for outputs.
    pub(crate) rows: Vec<Zeroizing<Vec<Row>>>,
    /// Per output layer.
    pub(crate) outputs: Vec<Vec<i64>>,
}

impl core::fmt::Debug for Run {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Run")
    }
}

/// The value that later layers read.
fn value(view: &Form, row: &Row, limbs: u8) -> i64 {
    let column = |c: u8| match c.checked_sub(limbs) {
        Some(x) => row.operands[usize::from(x)],
        None => row.limbs[usize::from(c)].into(),
    };
    view.terms.iter().map(|(c, v)| v * column(*c)).sum::<i64>() + view.constant
}

impl Graph {
    /// The outputs for one input: the numbers of all input layers, one after the other, and so are the outputs.
    ///
    /// # Errors
    /// The number of inputs is wrong, or a value leaves its range.
    pub fn infer(&self, inputs: &[u16]) -> Result<Vec<i64>, ProveError> {
        Ok(self.run(inputs, 0)?.outputs.concat())
    }

    /// The values of every layer for one input, row-major; those of output layers are the outputs. Secret.
    ///
    /// # Errors
    /// As for [`Self::infer`].
    pub fn trace(&self, inputs: &[u16]) -> Result<Vec<Zeroizing<Vec<i64>>>, ProveError> {
        let run = self.run(inputs, 0)?;
        let mut outputs = run.outputs.into_iter();
        let of = |(layer, rows): (usize, &Zeroizing<Vec<Row>>)| match self.gadget(layer) {
            Some(gadget) => {
                let view = &gadget.kind(0, 0, gadget.limbs()).views[0];
                Zeroizing::new(rows.iter().map(|row| value(view, row, gadget.limbs())).collect())
            }
            None => Zeroizing::new(outputs.next().unwrap_or_default()),
        };
        Ok(run.rows.iter().enumerate().map(of).collect())
    }

    /// Evaluates all layers; `sample` names the sample in errors.
    pub(crate) fn run(&self, inputs: &[u16], sample: usize) -> Result<Run, ProveError> {
        if inputs.len() != self.inputs() {
            let expected = self.inputs();
            return Err(CircuitError::Length { what: "inputs", got: inputs.len(), expected }.into());
        }
        let mut values: Vec<Zeroizing<Vec<i64>>> = Vec::new();
        let mut run = Run { rows: Vec::new(), outputs: Vec::new() };
        for layer in 0..self.layers.len() {
            let range = |(element, what): (usize, RangeKind)| ProveError::Element { sample, layer, element, what };
            let (rows, sums) = self.rows(layer, inputs, &values, &run.rows).map_err(range)?;
            match self.gadget(layer) {
                Some(gadget) => {
                    let view = &gadget.kind(0, 0, gadget.limbs()).views[0];
                    values.push(Zeroizing::new(rows.iter().map(|row| value(view, row, gadget.limbs())).collect()));
                }
                None => {
                    values.push(Zeroizing::new(Vec::new()));
                    run.outputs.push(sums);
                }
            }
            run.rows.push(Zeroizing::new(rows));
        }
        Ok(run)
    }

    /// The rows of a layer, or the sums of the last one.
    fn rows(
        &self,
        layer: usize,
        inputs: &[u16],
        values: &[Zeroizing<Vec<i64>>],
        earlier: &[Zeroizing<Vec<Row>>],
    ) -> Result<(Vec<Row>, Vec<i64>), (usize, RangeKind)> {
        let dims = &self.dims[layer];
        let sums: Vec<i64> = match &self.layers[layer] {
            Layer::Input { .. } => {
                let first = self.input_layers().take_while(|of| *of < layer).map(|of| self.elements(of)).sum::<usize>();
                inputs[first..][..self.elements(layer)].iter().map(|x| i64::from(*x)).collect()
            }
            Layer::Output { from } => values[*from].to_vec(),
            Layer::Linear { from, op, parameters, plus, .. } => {
                let mut sums = match op {
                    Linear::Dense { .. } => dense(&values[*from], parameters),
                    Linear::Rows { .. } => {
                        let width = self.dims[*from].last().map_or(1, |n| *n as usize);
                        values[*from].chunks(width).flat_map(|row| dense(row, parameters)).collect()
                    }
                    Linear::Conv { .. } => conv(&self.dims[*from], &values[*from], dims, *op, parameters),
                };
                if let Some((plus, log)) = plus {
                    sums.iter_mut().zip(values[*plus].iter()).for_each(|(z, x)| *z += x << log);
                }
                sums
            }
            Layer::Products(of) => {
                let sources = [of.left.from, of.right.from];
                let sums = of.sums(sources.map(|from| &self.dims[from][..]), sources.map(|from| &values[from][..]));
                match (of.activation, of.scale) {
                    (Gadget::Score { shift }, _) => return scores(dims, &sums, shift, of.causal),
                    (_, Some(by)) => {
                        let rows = of.rows();
                        let factors = sums.iter().zip(&rows).map(|(z, row)| vec![*z, values[by][*row]]);
                        return self.operand_rows(layer, factors);
                    }
                    _ => sums,
                }
            }
            Layer::MaxPool { from, window } => {
                let squares = squares(&self.dims[*from], &values[*from], *window);
                let rows = squares.iter().enumerate().map(|(i, square)| Gadget::max_row(square).map_err(|e| (i, e)));
                return Ok((rows.collect::<Result<_, _>>()?, Vec::new()));
            }
            Layer::MeanPool { from, window } => {
                squares(&self.dims[*from], &values[*from], *window).iter().map(|s| s.iter().sum()).collect()
            }
            Layer::Mul { from: [a, b], .. } | Layer::MulUnsigned { from: [a, b], .. } => {
                let factors = values[*a].iter().zip(values[*b].iter()).map(|(a, b)| vec![*a, *b]);
                return self.operand_rows(layer, factors);
            }
            Layer::Gather { .. } | Layer::Join { .. } | Layer::Compare { .. } | Layer::Choose { .. } => {
                let reads = self.reads(layer);
                let of = |(from, at): (usize, usize)| values[from][at];
                let operands = |i: usize| reads.iter().map(|read| of(self.read(*read, i))).collect();
                return self.operand_rows(layer, (0..self.elements(layer)).map(operands));
            }
            Layer::Variances { from, .. } => {
                let width = self.dims[*from].last().map_or(1, |n| *n as usize);
                // Below 2^16 values of 16 bits.
                let sums = |x: &[i64]| vec![x.iter().sum(), x.iter().map(|x| x * x).sum()];
                return self.operand_rows(layer, values[*from].chunks(width).map(sums));
            }
            Layer::InverseRoots { variances, .. } => {
                return self.operand_rows(layer, values[*variances].iter().map(|v| vec![*v]));
            }
            Layer::RootBounds { roots } => {
                let of = earlier[*roots].iter().map(|row| vec![row.operands[0]]);
                return self.operand_rows(layer, of);
            }
            Layer::Normalize { from, roots, .. } => {
                let width = dims.last().map_or(1, |n| *n as usize);
                let centered = values[*from].chunks(width).zip(values[*roots].iter()).flat_map(|(x, r)| {
                    let sum: i64 = x.iter().sum();
                    // At most 2^16 values of 16 bits.
                    x.iter().map(move |v| vec![width as i64 * v - sum, *r])
                });
                return self.operand_rows(layer, centered);
            }
            Layer::Scores { from } => {
                let sums: Vec<i64> = values[*from].iter().map(|x| x << 8).collect();
                return scores(dims, &sums, 8, false);
            }
            Layer::OfDistance { scores, log, .. } => {
                let shift = self.gadget(*scores).and_then(Gadget::shift).unwrap_or(8);
                earlier[*scores].iter().map(|row| Gadget::distance(shift, row) << log).collect()
            }
            Layer::Reciprocals { scores, from } => {
                let width = self.dims[*scores].last().map_or(1, |n| *n as usize);
                let causal = self.is_causal(*scores);
                let rows = values[*from].chunks(width).zip(values[*scores].chunks(width)).enumerate();
                let rows = rows.map(|(row, (e, t))| {
                    let count = if causal { row % width + 1 } else { width };
                    (&e[..count], &t[..count])
                });
                let greatest = |t: &[i64]| t.iter().copied().max().unwrap_or_default();
                return self.operand_rows(layer, rows.map(|(e, t)| vec![e.iter().sum(), greatest(t)]));
            }
            Layer::ScaleRows { from, by, .. } => {
                let width = dims.last().map_or(1, |n| *n as usize);
                let factors = values[*from].iter().enumerate().map(|(i, x)| vec![*x, values[*by][i / width]]);
                return self.operand_rows(layer, factors);
            }
            Layer::Constant { values, .. } => values.biases.iter().map(|v| i64::from(*v)).collect(),
            Layer::MatMul { from: [a, b], .. } => matmul(&self.dims[*a], &values[*a], dims[1], &values[*b]),
            Layer::Activation { from, activation } => {
                let shift = activation.shift().unwrap_or(0);
                values[*from].iter().map(|x| x << shift).collect()
            }
            Layer::Add { from: [a, b], activation } => {
                let shift = activation.shift().unwrap_or(0);
                values[*a].iter().zip(values[*b].iter()).map(|(a, b)| (a + b) << shift).collect()
            }
        };
        let Some(gadget) = self.gadget(layer) else {
            return Ok((Vec::new(), sums));
        };
        let rows = sums.iter().enumerate().map(|(i, z)| gadget.row(*z, &self.tables).map_err(|e| (i, e)));
        Ok((rows.collect::<Result<_, _>>()?, Vec::new()))
    }

    /// The rows of a layer with these operands.
    fn operand_rows(
        &self,
        layer: usize,
        operands: impl Iterator<Item = Vec<i64>>,
    ) -> Result<(Vec<Row>, Vec<i64>), (usize, RangeKind)> {
        // Layers with operands are tensors.
        let gadget = self.gadget(layer).unwrap_or(Gadget::Input);
        let row = |(i, x): (usize, Vec<i64>)| gadget.operand_row(&Zeroizing::new(x)).map_err(|e| (i, e));
        Ok((operands.enumerate().map(row).collect::<Result<_, _>>()?, Vec::new()))
    }

    /// The rows by position, with defaults where a kind has no element.
    pub(crate) fn place(&self, program: &Program, gadgets: &[Gadget], run: &Run) -> Zeroizing<Vec<(usize, Row)>> {
        let p = program.parts();
        let mut out = Zeroizing::new(Vec::new());
        for (kind, gadget) in p.kinds.iter().zip(gadgets) {
            let default = gadget.default_row(&self.tables);
            if default != Row::default() {
                out.extend((kind.lo as usize..kind.hi as usize).map(|position| (position, default)));
            }
        }
        for layer in 0..self.layers.len() {
            out.extend(self.positions(p, layer).into_iter().zip(run.rows[layer].iter().copied()));
        }
        out
    }
}

/// Every partial sum is below `2^16 * 2^22 * 2^15 + 2^31 < 2^54`.
fn dense(x: &[i64], parameters: &Parameters) -> Vec<i64> {
    let rows = parameters.weights.chunks_exact(x.len()).zip(&parameters.biases);
    rows.map(|(row, bias)| row.iter().zip(x).map(|(w, x)| i64::from(*w) * x).sum::<i64>() + i64::from(*bias)).collect()
}

/// Scores: the first of the greatest of every row is selected, of those that count.
fn scores(dims: &[u32], sums: &[i64], shift: u8, causal: bool) -> Result<(Vec<Row>, Vec<i64>), (usize, RangeKind)> {
    let width = dims.last().map_or(1, |n| *n as usize);
    let mut rows = Vec::with_capacity(sums.len());
    for (at, row) in sums.chunks(width).enumerate() {
        let count = if causal { at % width + 1 } else { width };
        let values: Vec<i64> = row.iter().map(|z| Gadget::score(shift, *z)).collect();
        let greatest = values[..count].iter().copied().max().unwrap_or_default();
        let first = values[..count].iter().position(|t| *t == greatest);
        for (i, (z, t)) in row.iter().zip(&values).enumerate() {
            // What does not count is as far away as there is: nothing reads it.
            let distance = if i < count { greatest - t } else { 65_535 };
            let score = Gadget::score_row(shift, *z, distance, first == Some(i));
            rows.push(score.map_err(|range| (rows.len(), range))?);
        }
    }
    Ok((rows, Vec::new()))
}

/// `[m, k]` times `[k, n]`; every partial sum is below `2^32 * 2^16`.
fn matmul(dims: &[u32], a: &[i64], n: u32, b: &[i64]) -> Vec<i64> {
    let (k, n) = (dims[1] as usize, n as usize);
    let row = |row: &[i64], j: usize| row.iter().enumerate().map(|(i, x)| x * b[i * n + j]).sum();
    a.chunks_exact(k).flat_map(|x| (0..n).map(move |j| row(x, j))).collect()
}

fn conv(from: &[u32], x: &[i64], to: &[u32], op: Linear, parameters: &Parameters) -> Vec<i64> {
    let Linear::Conv { channels, kernel, stride, padding, groups } = op else {
        return Vec::new();
    };
    let (kernel, stride, padding) = (kernel as usize, stride as usize, padding as usize);
    let (own, shared) = ((from[0] / groups) as usize, (channels / groups) as usize);
    let (height, width) = (from[1] as usize, from[2] as usize);
    let (rows, columns) = (to[1] as usize, to[2] as usize);
    let inputs = own * kernel * kernel;
    // The outputs along an axis that a tap has an input for.
    let reached = |tap: usize, size: usize, count: usize| {
        let first = padding.saturating_sub(tap).div_ceil(stride);
        first..(size + padding).saturating_sub(tap).div_ceil(stride).clamp(first, count.max(first))
    };
    let mut out = vec![0; channels as usize * rows * columns];
    out.par_chunks_mut(rows * columns).enumerate().for_each(|(c, out)| {
        out.fill(parameters.biases[c].into());
        for (tap, weight) in parameters.weights[c * inputs..][..inputs].iter().enumerate() {
            let (channel, u, v) = (c / shared * own + tap / (kernel * kernel), tap / kernel % kernel, tap % kernel);
            let across = reached(v, width, columns);
            for i in reached(u, height, rows) {
                let row = &x[(channel * height + i * stride + u - padding) * width..][..width];
                let from = row[(across.start * stride + v).saturating_sub(padding).min(width)..].iter().step_by(stride);
                let out = &mut out[i * columns..][across.clone()];
                out.iter_mut().zip(from).for_each(|(z, x)| *z += i64::from(*weight) * x);
            }
        }
    });
    out
}

/// The elements of every square, squares in row-major order.
fn squares(dims: &[u32], x: &[i64], window: u32) -> Vec<Vec<i64>> {
    let (height, width, side) = (dims[1] as usize, dims[2] as usize, window as usize);
    let mut out = Vec::new();
    for c in 0..dims[0] as usize {
        for (i, j) in (0..height / side).flat_map(|i| (0..width / side).map(move |j| (i, j))) {
            let cells = (0..side).flat_map(|a| (0..side).map(move |b| (i * side + a, j * side + b)));
            out.push(cells.map(|(r, s)| x[(c * height + r) * width + s]).collect());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Xorshift;

    /// The definition, tap by tap.
    fn slow(from: &[u32], x: &[i64], to: &[u32], op: Linear, parameters: &Parameters) -> Vec<i64> {
        let Linear::Conv { channels, kernel, stride, padding, groups } = op else { unreachable!() };
        let own = from[0] / groups;
        let mut out = Vec::new();
        for (c, i, j) in (0..channels).flat_map(|c| (0..to[1]).flat_map(move |i| (0..to[2]).map(move |j| (c, i, j)))) {
            let mut z = i64::from(parameters.biases[c as usize]);
            for (d, u, v) in (0..own).flat_map(|d| (0..kernel).flat_map(move |u| (0..kernel).map(move |v| (d, u, v)))) {
                let (row, column) = (i64::from(i * stride + u), i64::from(j * stride + v));
                let (row, column) = (row - i64::from(padding), column - i64::from(padding));
                if (0..from[1].into()).contains(&row) && (0..from[2].into()).contains(&column) {
                    let channel = i64::from(c / (channels / groups) * own + d);
                    let weight = parameters.weights[(((c * own + d) * kernel + u) * kernel + v) as usize];
                    let at = (channel * i64::from(from[1]) + row) * i64::from(from[2]) + column;
                    z += i64::from(weight) * x[at as usize];
                }
            }
            out.push(z);
        }
        out
    }

    /// With strides, padding beyond a tap's reach, groups, and kernels wider than what they read.
    #[test]
    fn convolutions_are_their_definition() {
        let mut rng = Xorshift(7);
        let mut shapes = 0;
        for (kernel, stride, padding, groups) in
            (1..5).flat_map(|k| (1..4).flat_map(move |s| (0..4).flat_map(move |p| [1, 2].map(|g| (k, s, p, g)))))
        {
            for (height, width) in [(1, 1), (2, 5), (7, 4)] {
                if height + 2 * padding < kernel || width + 2 * padding < kernel {
                    continue;
                }
                let (from, channels) = ([4, height, width], 6);
                let to = [height, width].map(|size| (size + 2 * padding - kernel) / stride + 1);
                let op = Linear::Conv { channels, kernel, stride, padding, groups };
                let mut draw =
                    |count: u32| (0..count).map(|_| rng.below(1 << 16) as i64 - (1 << 15)).collect::<Vec<_>>();
                let x = draw(4 * height * width);
                let weights = draw(channels * 4 / groups * kernel * kernel).iter().map(|w| *w as i16).collect();
                let biases = draw(channels).iter().map(|b| *b as i32).collect();
                let parameters = Parameters { weights, biases };
                let to = [channels, to[0], to[1]];
                let expected = slow(&from, &x, &to, op, &parameters);
                assert_eq!(conv(&from, &x, &to, op, &parameters), expected, "{op:?} on {from:?}");
                shapes += 1;
            }
        }
        assert!(shapes > 200, "{shapes}");
    }
}
