//! Operators that move numbers around.

use super::{Query, axis, one};
use crate::model::graph::{
    operators::Operator,
    tensor::{Element, TensorType, broadcast},
};

impl Query<'_> {
    pub(super) fn layout(&self) -> Result<Vec<TensorType>, String> {
        let (element, shape) = (self.kind(0)?.element, self.shape(0)?);
        let shape: Vec<usize> = match self.operator {
            Operator::Reshape => self.reshape(shape)?,
            Operator::Expand => broadcast(shape, &sizes(self.known(1)?)?).ok_or_else(|| self.mismatch())?,
            Operator::Tile => {
                let repeats = sizes(self.known(1)?)?;
                let fits = repeats.len() == shape.len();
                let times = shape.iter().zip(&repeats).map(|(&dim, &n)| dim.checked_mul(n));
                times.collect::<Option<_>>().filter(|_| fits).ok_or("has repeats that do not fit the tensor")?
            }
            Operator::Transpose => {
                let perm = self.attributes.ints("perm").unwrap_or_default();
                let axes: Vec<usize> = perm.iter().map(|&at| axis(at, shape.len())).collect::<Result<_, _>>()?;
                let mut sorted = axes.clone();
                sorted.sort_unstable();
                if !sorted.into_iter().eq(0..shape.len()) {
                    return Err(format!("has the perm {perm:?} for a tensor of shape {shape:?}"));
                }
                axes.into_iter().map(|axis| shape[axis]).collect()
            }
            Operator::Concat => self.concat(shape)?,
            Operator::Split => return self.split(),
            Operator::Slice => self.slice(shape)?,
            Operator::Gather => {
                let axis = self.axis("axis", 0, shape.len())?;
                [&shape[..axis], self.shape(1)?, &shape[axis + 1..]].concat()
            }
            Operator::GatherElements => {
                if self.shape(1)?.len() != shape.len() {
                    return Err(self.mismatch());
                }
                self.shape(1)?.to_vec()
            }
            Operator::GatherND => self.gather_nd(shape)?,
            Operator::OneHot => return self.one_hot(),
            Operator::Pad => {
                let pads = self.known(1)?;
                if pads.len() != 2 * shape.len() {
                    return Err(format!("has {} pads for a tensor of shape {shape:?}", pads.len()));
                }
                let padded = (0..shape.len()).map(|at| shape[at] as i64 + pads[at] + pads[shape.len() + at]);
                sizes(&padded.collect::<Vec<_>>())?
            }
            Operator::Resize => self.resize(shape)?,
            Operator::TopK => return self.top_k(),
            Operator::DepthToSpace | Operator::SpaceToDepth => self.blocks(shape)?,
            operator => return Err(format!("{operator} has no shape")),
        };
        one(element, shape)
    }

    fn reshape(&self, from: &[usize]) -> Result<Vec<usize>, String> {
        let shape = sizes(self.known(1)?)?;
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim));
        if count(&shape) != count(from) {
            return Err(format!("makes {shape:?} of {from:?}, which has another number of elements"));
        }
        Ok(shape)
    }

    fn concat(&self, first: &[usize]) -> Result<Vec<usize>, String> {
        let axis = self.axis("axis", 0, first.len())?;
        let mut shape = first.to_vec();
        for index in 1..self.kinds.len() {
            let other = self.shape(index)?;
            let fits = other.len() == shape.len() && (0..shape.len()).all(|at| at == axis || other[at] == shape[at]);
            if !fits {
                return Err(self.mismatch());
            }
            shape[axis] = shape[axis].checked_add(other[axis]).ok_or("makes a tensor that is too large")?;
        }
        Ok(shape)
    }

    fn split(&self) -> Result<Vec<TensorType>, String> {
        let kind = self.kind(0)?;
        let axis = self.axis("axis", 0, kind.shape.len())?;
        let pieces = sizes(self.known(1)?)?;
        if pieces.iter().try_fold(0usize, |n, &dim| n.checked_add(dim)) != Some(kind.shape[axis]) {
            return Err(format!("splits {} numbers into {pieces:?}", kind.shape[axis]));
        }
        let piece = |dim| {
            let mut kind = kind.clone();
            kind.shape[axis] = dim;
            kind
        };
        Ok(pieces.into_iter().map(piece).collect())
    }

    /// Starts, ends, axes and steps are operands 1 to 4, as `normalize` resolved them.
    fn slice(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        let (starts, ends, axes, steps) = (self.known(1)?, self.known(2)?, self.known(3)?, self.known(4)?);
        let mut shape = shape.to_vec();
        for (((&start, &end), &at), &step) in starts.iter().zip(ends).zip(axes).zip(steps) {
            let at = axis(at, shape.len())?;
            shape[at] = slice_length(shape[at], start, end, step)?;
        }
        Ok(shape)
    }

    fn gather_nd(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        let batch = usize::try_from(self.attributes.int("batch_dims").unwrap_or(0)).unwrap_or(usize::MAX);
        let indices = self.shape(1)?;
        let (&depth, lead) = indices.split_last().ok_or("has indices without axes")?;
        let from = batch.checked_add(depth).filter(|&from| from <= shape.len()).ok_or_else(|| self.mismatch())?;
        Ok([lead, &shape[from..]].concat())
    }

    fn one_hot(&self) -> Result<Vec<TensorType>, String> {
        let depth = self.constants.get(1).copied().flatten().ok_or("has a depth that depends on the input")?;
        let depth = match depth.as_ints() {
            Some(ints) => ints.first().copied(),
            None => depth.as_floats().and_then(|floats| floats.first()).map(|&depth| depth as i64),
        };
        let depth = depth.and_then(|depth| usize::try_from(depth).ok()).ok_or("has no depth")?;
        let mut shape = self.shape(0)?.to_vec();
        let at = axis(self.attributes.int("axis").unwrap_or(-1), shape.len() + 1)?;
        shape.insert(at, depth);
        one(self.kind(2)?.element, shape)
    }

    /// Scales are operand 2, sizes operand 3.
    fn resize(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        if self.kinds.get(3).is_some_and(Option::is_some) {
            let wanted = sizes(self.known(3)?)?;
            return if wanted.len() == shape.len() { Ok(wanted) } else { Err(self.mismatch()) };
        }
        let scales = self.constants.get(2).copied().flatten().and_then(|tensor| tensor.as_floats());
        let scales = scales.filter(|scales| scales.len() == shape.len());
        let scales = scales.ok_or("has neither constant sizes nor constant scales for every axis")?;
        Ok(shape.iter().zip(scales).map(|(&dim, &scale)| (dim as f64 * f64::from(scale)).floor() as usize).collect())
    }

    fn top_k(&self) -> Result<Vec<TensorType>, String> {
        let mut kind = self.kind(0)?.clone();
        let axis = self.axis("axis", -1, kind.shape.len())?;
        let k = self.known(1)?.first().and_then(|&k| usize::try_from(k).ok());
        kind.shape[axis] = k.filter(|&k| k <= kind.shape[axis]).ok_or("asks for more than there are")?;
        let indices = TensorType::new(Element::Int64, kind.shape.clone());
        Ok(vec![kind, indices])
    }

    fn blocks(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        let block =
            self.attributes.int("blocksize").and_then(|block| usize::try_from(block).ok()).filter(|&block| block > 0);
        let (&[n, c, h, w], Some(block)) = (shape, block) else { return Err(self.mismatch()) };
        let area = block.checked_mul(block).ok_or_else(|| self.mismatch())?;
        match self.operator {
            Operator::DepthToSpace if c % area == 0 => Ok(vec![n, c / area, h * block, w * block]),
            Operator::SpaceToDepth if h % block == 0 && w % block == 0 => Ok(vec![n, c * area, h / block, w / block]),
            _ => Err(self.mismatch()),
        }
    }
}

/// Sizes of axes from integers.
fn sizes(ints: &[i64]) -> Result<Vec<usize>, String> {
    let sizes: Option<Vec<usize>> = ints.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    sizes.ok_or_else(|| format!("has the impossible shape {ints:?}"))
}

/// How many numbers a resolved slice takes: from `start` by `step`, before `end` (-1 when it goes down to the first).
pub(in crate::model::graph) fn slice_length(dim: usize, start: i64, end: i64, step: i64) -> Result<usize, String> {
    if step == 0 {
        return Err("has a step of 0".into());
    }
    let (start, end) = clamp_slice(dim, start, end, step);
    let span = if step > 0 { end - start } else { start - end };
    Ok(if span <= 0 { 0 } else { (span as u64).div_ceil(step.unsigned_abs()) as usize })
}

/// ONNX's rules for starts and ends that lie outside, or are counted from the back.
pub(in crate::model::graph) fn clamp_slice(dim: usize, start: i64, end: i64, step: i64) -> (i64, i64) {
    let n = dim as i64;
    let wrap = |at: i64| if at < 0 { at.saturating_add(n) } else { at };
    if step > 0 {
        (wrap(start).clamp(0, n), wrap(end).clamp(0, n))
    } else {
        (wrap(start).clamp(0, n - 1), if end < -n { -1 } else { wrap(end).clamp(-1, n - 1) })
    }
}
