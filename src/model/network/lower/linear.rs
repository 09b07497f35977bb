//! Products with constant matrices, and of two computed ones.

use super::{Lowered, Lowering, MAX_AXIS, MAX_DENSE, Wire, refuse};
use crate::model::{
    graph::Node,
    network::plan::{Then, Work},
};
use zkinfer_prover::network::Linear;

/// Whether a shape is that of several matrices.
fn is_stack(shape: &[usize]) -> bool {
    shape.iter().rev().skip(2).any(|d| *d != 1)
}

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
        let (alpha, beta) = (float("alpha"), float("beta"));
        let turned = if int("transA") {
            let left = self.wire(node, 0)?;
            Some(self.transposed(node, &left)?)
        } else {
            None
        };
        let made = self.shape(node.outputs[0]).to_vec();
        let has_bias = self.has(node, 2) && beta != 0.0;
        let bias: Option<Vec<f64>> = match self.constant(node, 2) {
            Some(_) if has_bias => Some(self.along(node, 2)?.iter().map(|b| b * beta).collect()),
            _ => None,
        };
        let mut step = if self.constant(node, 1).is_some() {
            let mut matrix = self.matrix(node, 1)?;
            matrix.numbers.iter_mut().for_each(|w| *w *= alpha);
            // Rows are outputs.
            let weights = if int("transB") { matrix } else { matrix.transposed() };
            let outputs = weights.rows;
            let row = bias.as_ref().and_then(|bias| bias.get(..outputs)).map(<[f64]>::to_vec);
            let same = row.as_ref().filter(|row| {
                bias.as_ref().is_some_and(|bias| bias.chunks_exact(outputs).all(|other| other == &row[..]))
            });
            let row = same.cloned();
            let (is_same, row) = (row.is_some(), row.unwrap_or_else(|| vec![0.0; outputs]));
            let step = match &turned {
                Some(left) => self.rows(node, left, weights, row)?,
                None => self.rows_of_operand(node, weights, row)?,
            };
            if is_same {
                return Ok(step);
            }
            step
        } else {
            let left = match turned {
                Some(left) => left,
                None => self.wire(node, 0)?,
            };
            let mut right = self.wire(node, 1)?;
            if int("transB") {
                right = self.transposed(node, &right)?;
            }
            let product = self.two_matrices(node, &left, &right)?;
            if alpha == 1.0 { product } else { self.scaled(product, alpha, 0.0)? }
        };
        if let Some(bias) = bias {
            step = self.affine(step, &vec![1.0; bias.len()], &bias)?;
        } else if has_bias {
            let wire = self.wire(node, 2)?;
            let mut other = self.broadcast(node, &wire)?;
            if beta != 1.0 {
                other = self.scaled(other, beta, 0.0)?;
            }
            step = self.sum(step, other)?;
        }
        debug_assert_eq!(made.iter().product::<usize>(), self.plan.steps[step].elements());
        Ok(step)
    }

    /// A matrix with rows for columns.
    fn transposed(&mut self, node: &Node, wire: &Wire) -> Lowered<Wire> {
        let &[rows, columns] = &wire.shape[..] else { return Err(refuse(node, "multiplies what is no matrix")) };
        let indices = (0..rows * columns).map(|i| (i % rows * columns + i / rows) as u32).collect();
        let step = self.copy(wire.step, vec![columns as u32, rows as u32], indices);
        Ok(Wire { step, shape: vec![columns, rows], lazy: None })
    }

    /// `[m, k]` times `[k, n]`, both computed.
    pub(super) fn two_matrices(&mut self, node: &Node, left: &Wire, right: &Wire) -> Lowered<usize> {
        let last = |shape: &[usize]| match *shape {
            [ref lead @ .., rows, columns] if lead.iter().all(|d| *d == 1) => Some([rows as u32, columns as u32]),
            _ => None,
        };
        let (Some(a), Some(b)) = (last(&left.shape), last(&right.shape)) else {
            return Err(refuse(node, format!("multiplies {:?} and {:?}", left.shape, right.shape)));
        };
        let (left, right) = (self.centered(left.step), self.centered(right.step));
        let (left, right) = (self.shaped(left, &a), self.shaped(right, &b));
        Ok(self.push(vec![left, right], vec![a[0], b[1]], Work::MatMul, Then::Nothing))
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
            let (numbers, shape) = (self.floats(node, 1)?, self.operand_shape(node, 1));
            if shape.len() >= 2 && !is_stack(&shape) {
                let weights = self.matrix(node, 1)?.transposed();
                let bias = vec![0.0; weights.rows];
                return self.rows_of_operand(node, weights, bias);
            }
            let wire = self.wire(node, 0)?;
            return self.by_constants(node, &wire, &shape, numbers);
        }
        if self.constant(node, 0).is_some() {
            let (numbers, shape) = (self.floats(node, 0)?, self.operand_shape(node, 0));
            let wire = self.wire(node, 1)?;
            if is_stack(&shape) {
                return self.stack_of(node, &wire, &shape, &numbers);
            }
            let weights = self.matrix(node, 0)?;
            return self.columns(node, &wire, weights);
        }
        let (a, b) = (self.wire(node, 0)?, self.wire(node, 1)?);
        self.computed_product(node, &a, &b)
    }

    /// A tensor times a constant matrix, or a stack of them, on its right.
    pub(super) fn by_constants(
        &mut self,
        node: &Node,
        wire: &Wire,
        shape: &[usize],
        numbers: Vec<f64>,
    ) -> Lowered<usize> {
        let [.., rows, columns] = *shape else {
            let matrix = Matrix { rows: 1, columns: numbers.len(), numbers };
            return self.rows(node, wire, matrix, vec![0.0]);
        };
        let matrix = |numbers: &[f64]| Matrix { rows, columns, numbers: numbers.to_vec() }.transposed().numbers;
        if !is_stack(shape) {
            let weights = Matrix { rows: columns, columns: rows, numbers: matrix(&numbers) };
            return self.rows(node, wire, weights, vec![0.0; columns]);
        }
        // The transposed product has the constants on its left.
        let swapped = |shape: &[usize]| {
            let mut shape = shape.to_vec();
            let last = shape.len() - 1;
            shape.swap(last - 1, last);
            shape
        };
        if wire.shape.len() < 2 {
            return Err(refuse(node, "multiplies a vector by a stack of matrices"));
        }
        let wire = self.turned(node, wire)?;
        let numbers: Vec<f64> = numbers.chunks_exact(rows * columns).flat_map(matrix).collect();
        let step = self.stack_of(node, &wire, &swapped(shape), &numbers)?;
        let made = Wire { step, shape: swapped(self.shape(node.outputs[0])), lazy: None };
        Ok(self.turned(node, &made)?.step)
    }

    /// A tensor whose last two axes change places.
    fn turned(&mut self, node: &Node, wire: &Wire) -> Lowered<Wire> {
        let [ref lead @ .., rows, columns] = wire.shape[..] else { return Err(refuse(node, "multiplies a vector")) };
        let shape = [lead, &[columns, rows]].concat();
        if rows == 1 || columns == 1 {
            return Ok(Wire { step: wire.step, shape, lazy: None });
        }
        let size = rows * columns;
        let count = lead.iter().product::<usize>() * size;
        let at = |i: usize| (i / size * size + i % rows * columns + i % size / rows) as u32;
        let dims = super::dims_of(node, &shape)?;
        Ok(Wire { step: self.copy(wire.step, dims, (0..count).map(at).collect()), shape, lazy: None })
    }

    /// A stack of constant matrices on the left: each is a group of channels of its own.
    fn stack_of(&mut self, node: &Node, wire: &Wire, shape: &[usize], numbers: &[f64]) -> Lowered<usize> {
        use crate::model::graph::broadcast_indices;
        let ([own @ .., outputs, inputs], [other @ .., _, columns]) = (shape, &wire.shape[..]) else {
            return Err(refuse(node, "multiplies a vector by a stack of matrices"));
        };
        let (outputs, inputs, columns) = (*outputs, *inputs, *columns);
        let made = self.shape(node.outputs[0]).to_vec();
        let lead = &made[..made.len().saturating_sub(2)];
        let count: usize = lead.iter().product();
        let size = outputs * inputs;
        if count * outputs.max(inputs) > MAX_AXIS || columns > MAX_AXIS || count * size > MAX_DENSE {
            let reason = format!("has {count} matrices of {outputs} x {inputs} constants; {MAX_DENSE} are taken");
            return Err(refuse(node, format!("{reason}, and {MAX_AXIS} rows or columns of all")));
        }
        let dims = |rows: usize| vec![(count * rows) as u32, 1, columns as u32];
        let (left, right) = (broadcast_indices(own, lead), broadcast_indices(other, lead));
        let each = inputs * columns;
        let step = match right.iter().enumerate().all(|(at, from)| at == *from) {
            true => self.shaped(wire.step, &dims(inputs)),
            false => {
                let all = right.iter().flat_map(|from| (from * each..(from + 1) * each).map(|i| i as u32)).collect();
                self.copy(wire.step, dims(inputs), all)
            }
        };
        let weights = left.iter().flat_map(|from| numbers[from * size..][..size].iter().copied()).collect();
        let channels = (count * outputs) as u32;
        let op = Linear::Conv { channels, kernel: 1, stride: 1, padding: 0, groups: count as u32 };
        Ok(self.linear(step, dims(outputs), op, weights, vec![0.0; count * outputs]))
    }

    /// The product of two computed tensors.
    pub(super) fn computed_product(&mut self, node: &Node, a: &Wire, b: &Wire) -> Lowered<usize> {
        let made = self.shape(node.outputs[0]).to_vec();
        if let Some(sizes) = Self::stacks(&a.shape, &b.shape) {
            return Ok(self.stacked_product(a, b, sizes));
        }
        let lead = &made[..made.len().saturating_sub(2)];
        if lead.iter().all(|d| *d == 1) {
            return self.two_matrices(node, a, b);
        }
        // One product after the other, and all of them put together.
        let count: usize = lead.iter().product();
        let part = |wire: &Wire| {
            let (own, matrix) = wire.shape.split_at(wire.shape.len() - 2);
            (crate::model::graph::broadcast_indices(own, lead), [matrix[0], matrix[1]])
        };
        let ((left, m), (right, n)) = (part(a), part(b));
        let mut products = Vec::new();
        for at in 0..count {
            let mut cut = |wire: &Wire, index: usize, shape: [usize; 2]| {
                let first = index * shape[0] * shape[1];
                let indices = (first..first + shape[0] * shape[1]).map(|i| i as u32).collect();
                let step = self.copy(wire.step, shape.map(|d| d as u32).to_vec(), indices);
                Wire { step, shape: shape.to_vec(), lazy: None }
            };
            let (left, right) = (cut(a, left[at], m), cut(b, right[at], n));
            products.push(self.two_matrices(node, &left, &right)?);
        }
        self.joined(node, products, &made)
    }

    /// A constant matrix on the left: the same map of every column.
    fn columns(&mut self, node: &Node, wire: &Wire, weights: Matrix) -> Lowered<usize> {
        let (inputs, outputs) = (weights.columns, weights.rows);
        let [ref lead @ .., _, columns] = wire.shape[..] else { return Err(refuse(node, "multiplies a vector")) };
        let samples: usize = lead.iter().product();
        let all = samples * columns;
        if [inputs, outputs, all].iter().any(|d| *d > MAX_AXIS) {
            return Err(refuse(node, format!("has {all} columns of {inputs} numbers")));
        }
        // Numbers of a column are the channels of an image, and columns its pixels.
        let dims = |channels: usize| vec![channels as u32, 1, all as u32];
        let turned = |rows: usize| -> Vec<u32> {
            let at = |i: usize| (i % all / columns * rows + i / all) * columns + i % columns;
            (0..rows * all).map(|i| at(i) as u32).collect()
        };
        let step = match samples {
            1 => self.shaped(wire.step, &dims(inputs)),
            _ => self.copy(wire.step, dims(inputs), turned(inputs)),
        };
        let op = Linear::Conv { channels: outputs as u32, kernel: 1, stride: 1, padding: 0, groups: 1 };
        let step = self.linear(step, dims(outputs), op, weights.numbers, vec![0.0; outputs]);
        if samples == 1 {
            return Ok(step);
        }
        let back = |i: usize| {
            let (sample, row, column) = (i / (outputs * columns), i / columns % outputs, i % columns);
            (row * all + sample * columns + column) as u32
        };
        Ok(self.copy(step, dims(outputs), (0..outputs * all).map(back).collect()))
    }

    /// The same map of every row of an operand; factors and shifts along the last axis are taken in.
    fn rows_of_operand(&mut self, node: &Node, mut weights: Matrix, mut bias: Vec<f64>) -> Lowered<usize> {
        let (wire, along) = self.wire_along(node, 0)?;
        if let Some(along) = along {
            for (row, bias) in weights.numbers.chunks_exact_mut(weights.columns).zip(&mut bias) {
                *bias += row.iter().zip(&along.shifts).map(|(w, shift)| w * shift).sum::<f64>();
                row.iter_mut().zip(&along.factors).for_each(|(w, factor)| *w *= factor);
            }
        }
        self.rows(node, &wire, weights, bias)
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
        let has_rows = matches!(self.plan.steps[wire.step].dims[..], [_, _, last] if last as usize == inputs);
        let step = if has_rows { wire.step } else { self.shaped(wire.step, &[rows as u32, 1, inputs as u32]) };
        let mut dims = self.plan.steps[step].dims.clone();
        if let Some(last) = dims.last_mut() {
            *last = outputs as u32;
        }
        Ok(self.linear(step, dims, Linear::Rows { outputs: outputs as u32 }, weights.numbers, bias))
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
