//! Products with constant matrices, and of two computed ones.

use super::{Lowered, Lowering, MAX_AXIS, MAX_DENSE, Wire, refuse};
use crate::model::{
    graph::Node,
    network::plan::{Then, Work},
};
use zkinfer_prover::network::Linear;

/// A matrix of constants, row-major.
struct Matrix {
    rows: usize,
    columns: usize,
    numbers: Vec<f64>,
}

impl Matrix {
    fn transposed(self) -> Self {
        let at = |i: usize| self.numbers[i % self.rows * self.columns + i / self.rows];
        let numbers = (0..self.numbers.len()).map(at).collect();
        Self { rows: self.columns, columns: self.rows, numbers }
    }
}

impl<'g> Lowering<'g> {
    /// `alpha * A * B + beta * C`.
    pub(super) fn gemm(&mut self, node: &'g Node) -> Lowered<usize> {
        let int = |name| node.attributes.int(name).unwrap_or(0) != 0;
        let float = |name| f64::from(node.attributes.float(name).unwrap_or(1.0));
        if int("transA") {
            return Err(refuse(node, "transposes its input; transpose it before"));
        }
        if self.constant(node, 1).is_none() {
            return Err(refuse(node, "has weights that are no constant; use MatMul and Add"));
        }
        let mut matrix = self.matrix(node, 1)?;
        matrix.numbers.iter_mut().for_each(|w| *w *= float("alpha"));
        // Rows are outputs.
        let weights = if int("transB") { matrix } else { matrix.transposed() };
        let (outputs, made) = (weights.rows, self.shape(node.outputs[0]).to_vec());
        let bias = match self.has(node, 2) {
            true => self.along(node, 2)?.iter().map(|b| b * float("beta")).collect(),
            false => vec![0.0; made.iter().product()],
        };
        let same = bias.chunks_exact(outputs).all(|row| row == &bias[..outputs]);
        if !same {
            return Err(refuse(node, "adds another bias to every row"));
        }
        let wire = self.wire(node, 0)?;
        self.rows(node, &wire, weights, bias[..outputs].to_vec())
    }

    fn matrix(&self, node: &'g Node, index: usize) -> Lowered<Matrix> {
        let numbers = self.floats(node, index)?;
        let shape = self.constant(node, index).map(|tensor| tensor.shape().to_vec()).unwrap_or_default();
        match shape[..] {
            [rows, columns] => Ok(Matrix { rows, columns, numbers }),
            [rows] => Ok(Matrix { rows, columns: 1, numbers }),
            [ref lead @ .., rows, columns] if lead.iter().all(|d| *d == 1) => Ok(Matrix { rows, columns, numbers }),
            _ => Err(refuse(node, format!("has weights of shape {shape:?}, not a matrix"))),
        }
    }

    pub(super) fn mat_mul(&mut self, node: &'g Node) -> Lowered<usize> {
        if self.constant(node, 1).is_some() {
            let weights = self.matrix(node, 1)?.transposed();
            let (bias, wire) = (vec![0.0; weights.rows], self.wire(node, 0)?);
            return self.rows(node, &wire, weights, bias);
        }
        if self.constant(node, 0).is_some() {
            return Err(refuse(node, "has its weights on the left; transpose both operands"));
        }
        let (a, b) = (self.wire(node, 0)?, self.wire(node, 1)?);
        let last = |shape: &[usize]| match *shape {
            [ref lead @ .., rows, columns] if lead.iter().all(|d| *d == 1) => Some([rows as u32, columns as u32]),
            _ => None,
        };
        let (Some(left), Some(right)) = (last(&a.shape), last(&b.shape)) else {
            return Err(refuse(node, format!("multiplies {:?} and {:?}; only two matrices are", a.shape, b.shape)));
        };
        let (a, b) = (self.centered(a.step), self.centered(b.step));
        let (a, b) = (self.shaped(a, &left), self.shaped(b, &right));
        Ok(self.push(vec![a, b], vec![left[0], right[1]], Work::MatMul, Then::Nothing))
    }

    /// The same map of every row of a tensor.
    fn rows(&mut self, node: &Node, wire: &Wire, weights: Matrix, bias: Vec<f64>) -> Lowered<usize> {
        let (inputs, outputs) = (weights.columns, weights.rows);
        let n = self.plan.steps[wire.step].elements();
        if n == inputs {
            let op = Linear::Dense { outputs: outputs as u32 };
            return Ok(self.linear(wire.step, vec![outputs as u32], op, weights.numbers, bias));
        }
        let rows = n / inputs;
        if rows * inputs != n || [rows, inputs, outputs].iter().any(|d| *d > MAX_AXIS) {
            return Err(refuse(node, format!("maps rows of {inputs} numbers of a tensor of {n}")));
        }
        // Rows are the pixels of an image, and their numbers its channels.
        let turned = |rows: usize, columns: usize| {
            (0..rows * columns).map(|i| (i % rows * columns + i / rows) as u32).collect::<Vec<_>>()
        };
        let dims = |channels: usize| vec![channels as u32, 1, rows as u32];
        let step = self.copy(wire.step, dims(inputs), turned(rows, inputs));
        let op = Linear::Conv { channels: outputs as u32, kernel: 1, stride: 1, padding: 0, groups: 1 };
        let step = self.linear(step, dims(outputs), op, weights.numbers, bias);
        Ok(self.copy(step, vec![rows as u32, 1, outputs as u32], turned(outputs, rows)))
    }

    /// A linear map that is none of the prover's convolutions, written out: `(input, weight)` of every output.
    pub(super) fn written_out(
        &mut self,
        node: &Node,
        step: usize,
        taps: impl Iterator<Item = Vec<(usize, f64)>>,
        bias: Vec<f64>,
    ) -> Lowered<usize> {
        let (inputs, outputs) = (self.plan.steps[step].elements(), bias.len());
        if inputs.saturating_mul(outputs) > MAX_DENSE || outputs > MAX_AXIS {
            return Err(refuse(
                node,
                format!(
                    "has a window or reduction that only a dense layer of {inputs} x {outputs} weights computes, which is too \
                     large; square windows with one stride, and padding alike on all sides, have no such limit"
                ),
            ));
        }
        let mut weights = vec![0.0; inputs * outputs];
        for (row, taps) in weights.chunks_exact_mut(inputs).zip(taps) {
            taps.into_iter().for_each(|(at, w)| row[at] += w);
        }
        // 0 is 0 in every row: padding is left out.
        Ok(self.linear(step, vec![outputs as u32], Linear::Dense { outputs: outputs as u32 }, weights, bias))
    }
}
