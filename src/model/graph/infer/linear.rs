//! Products of matrices, windows that slide.

use super::{Query, one};
use crate::model::graph::{
    operators::Operator,
    tensor::{Element, TensorType, broadcast},
};
use std::collections::HashMap;

impl Query<'_> {
    pub(super) fn linear(&self) -> Result<Vec<TensorType>, String> {
        let (kind, shape) = (self.kind(0)?, self.shape(0)?);
        match self.operator {
            Operator::Gemm => one(kind.element, self.gemm()?),
            Operator::MatMul => one(kind.element, self.mat_mul(shape, self.shape(1)?)?),
            Operator::MatMulInteger => one(Element::Int32, self.mat_mul(shape, self.shape(1)?)?),
            Operator::QLinearMatMul => one(self.kind(7)?.element, self.mat_mul(shape, self.shape(3)?)?),
            Operator::Conv => one(kind.element, self.conv(shape, self.shape(1)?)?),
            Operator::ConvInteger => one(Element::Int32, self.conv(shape, self.shape(1)?)?),
            Operator::QLinearConv => one(self.kind(7)?.element, self.conv(shape, self.shape(3)?)?),
            Operator::ConvTranspose => one(kind.element, self.conv_transpose(shape)?),
            Operator::AveragePool | Operator::MaxPool => {
                let kernel = self.sizes("kernel_shape")?;
                let (lead, space) = shape.split_at_checked(2).ok_or_else(|| self.mismatch())?;
                let shape = [lead, &self.windows(space, &kernel)?].concat();
                // Of a pool of maxima also where they are, for who asks.
                let places = TensorType::new(Element::Int64, shape.clone());
                Ok(vec![TensorType::new(kind.element, shape), places])
            }
            Operator::GlobalAveragePool | Operator::GlobalMaxPool => {
                let (lead, space) = shape.split_at_checked(2).ok_or_else(|| self.mismatch())?;
                one(kind.element, [lead, &vec![1; space.len()]].concat())
            }
            Operator::Einsum => one(kind.element, self.einsum()?),
            operator => Err(format!("{operator} has no shape")),
        }
    }

    fn gemm(&self) -> Result<Vec<usize>, String> {
        let turned = |name, shape: &[usize]| match *shape {
            [rows, columns] if self.attributes.int(name).unwrap_or(0) != 0 => Ok([columns, rows]),
            [rows, columns] => Ok([rows, columns]),
            _ => Err(self.mismatch()),
        };
        let ([m, inner], [same, n]) = (turned("transA", self.shape(0)?)?, turned("transB", self.shape(1)?)?);
        let bias = if self.kinds.len() > 2 { self.shape(2)? } else { &[] };
        match broadcast(bias, &[m, n]) {
            Some(shape) if inner == same && shape == [m, n] => Ok(shape),
            _ => Err(self.mismatch()),
        }
    }

    fn mat_mul(&self, a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
        let row = [&[1], a].concat();
        let column = [b, &[1]].concat();
        let (left, right) = (if a.len() == 1 { &row } else { a }, if b.len() == 1 { &column } else { b });
        let (Some((lead, &[m, inner])), Some((other, &[same, n]))) =
            (left.split_last_chunk(), right.split_last_chunk())
        else {
            return Err(self.mismatch());
        };
        let mut shape = broadcast(lead, other).filter(|_| inner == same).ok_or_else(|| self.mismatch())?;
        if a.len() > 1 {
            shape.push(m);
        }
        if b.len() > 1 {
            shape.push(n);
        }
        Ok(shape)
    }

    fn sizes(&self, name: &str) -> Result<Vec<usize>, String> {
        let ints = self.attributes.ints(name).unwrap_or_default();
        ints.iter().map(|&n| usize::try_from(n).map_err(|_| format!("has the {name} {ints:?}"))).collect()
    }

    /// How many positions windows of `kernel` take.
    fn windows(&self, space: &[usize], kernel: &[usize]) -> Result<Vec<usize>, String> {
        let (strides, pads, mut dilations) = (self.sizes("strides")?, self.sizes("pads")?, self.sizes("dilations")?);
        let n = space.len();
        if self.operator == Operator::AveragePool {
            dilations = vec![1; n];
        }
        if [kernel.len(), strides.len(), dilations.len()] != [n; 3] || pads.len() != 2 * n {
            return Err(format!("has a window of {} axes for {n}", kernel.len()));
        }
        let up = self.attributes.int("ceil_mode").unwrap_or(0) != 0;
        let positions = |at: usize| -> Option<usize> {
            let reach = dilations[at].checked_mul(kernel[at].checked_sub(1)?)?.checked_add(1)?;
            let padded = space[at].checked_add(pads[at])?.checked_add(pads[n + at])?;
            let room = padded.checked_sub(reach)?;
            let stride = Some(strides[at]).filter(|&stride| stride > 0)?;
            let steps = if up { room.div_ceil(stride) } else { room / stride };
            // A last window that would lie in the padding alone is left out.
            let outside = up && steps.checked_mul(stride)? >= space[at].checked_add(pads[at])?;
            steps.checked_add(1)?.checked_sub(outside.into())
        };
        let made: Option<Vec<usize>> = (0..n).map(positions).collect();
        made.ok_or_else(|| format!("has a window of {kernel:?} that does not fit into {space:?}"))
    }

    fn conv(&self, shape: &[usize], weights: &[usize]) -> Result<Vec<usize>, String> {
        let groups = usize::try_from(self.attributes.int("group").unwrap_or(1)).ok().filter(|&groups| groups > 0);
        let (Some(groups), [batch, channels, space @ ..], [out, each, kernel @ ..]) = (groups, shape, weights) else {
            return Err(self.mismatch());
        };
        if each.checked_mul(groups) != Some(*channels) || out % groups != 0 {
            return Err(self.mismatch());
        }
        Ok([&[*batch, *out], &self.windows(space, kernel)?[..]].concat())
    }

    fn conv_transpose(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        let groups = usize::try_from(self.attributes.int("group").unwrap_or(1)).unwrap_or(0);
        let ([batch, channels, space @ ..], [same, each, kernel @ ..]) = (shape, self.shape(1)?) else {
            return Err(self.mismatch());
        };
        let n = space.len();
        let (strides, pads, dilations) = (self.sizes("strides")?, self.sizes("pads")?, self.sizes("dilations")?);
        let extra = self.sizes("output_padding")?;
        let fits = [kernel.len(), strides.len(), dilations.len(), extra.len()] == [n; 4] && pads.len() == 2 * n;
        if !fits || channels != same {
            return Err(self.mismatch());
        }
        let size = |at: usize| -> Option<usize> {
            let reach = dilations[at].checked_mul(kernel[at].checked_sub(1)?)?.checked_add(1)?;
            let full =
                space[at].checked_sub(1)?.checked_mul(strides[at])?.checked_add(reach)?.checked_add(extra[at])?;
            full.checked_sub(pads[at])?.checked_sub(pads[n + at])
        };
        let made: Option<Vec<usize>> = (0..n).map(size).collect();
        let channels = each.checked_mul(groups).ok_or_else(|| self.mismatch())?;
        Ok([&[*batch, channels], &made.ok_or_else(|| self.mismatch())?[..]].concat())
    }

    /// The equation is explicit: `ab,bc->ac`, without an ellipsis.
    fn einsum(&self) -> Result<Vec<usize>, String> {
        let equation = self.attributes.text("equation").unwrap_or_default();
        let refuse = || format!("has the equation `{equation}`, which does not fit its operands");
        let (operands, result) = equation.split_once("->").ok_or_else(refuse)?;
        let mut sizes: HashMap<char, usize> = HashMap::new();
        let terms: Vec<&str> = operands.split(',').collect();
        if terms.len() != self.kinds.len() {
            return Err(refuse());
        }
        for (index, term) in terms.into_iter().enumerate() {
            let shape = self.shape(index)?;
            if term.chars().count() != shape.len() {
                return Err(refuse());
            }
            for (letter, &dim) in term.chars().zip(shape) {
                if *sizes.entry(letter).or_insert(dim) != dim {
                    return Err(refuse());
                }
            }
        }
        result.chars().map(|letter| sizes.get(&letter).copied().ok_or_else(refuse)).collect()
    }
}
