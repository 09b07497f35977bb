//! Operators that move numbers around.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    infer::clamp_slice,
    operators::{Attributes, Operator},
    tensor::{Tensor, broadcast},
};

impl Step<'_, '_> {
    pub(super) fn layout(&mut self) -> Made {
        let input = self.call.input(0)?;
        let shape = self.shape(&input);
        let made = match self.call.operator {
            "Reshape" => {
                let target = self.ints(1, "shape")?.ok_or_else(|| self.refuse("has no shape"))?;
                let target = self.reshape_target(&shape, &target)?;
                self.reshaped(&input, &target)?
            }
            "Flatten" => {
                let rank = shape.len() as i64;
                let axis = self.call.int("axis").unwrap_or(1);
                let axis = if axis < 0 { axis + rank } else { axis };
                let axis = usize::try_from(axis).ok().filter(|&axis| axis <= shape.len());
                let axis = axis.ok_or_else(|| self.refuse("has an axis beyond its tensor's"))?;
                let target = [shape[..axis].iter().product(), shape[axis..].iter().product()];
                self.reshaped(&input, &target)?
            }
            "Squeeze" => self.squeeze(&input, &shape)?,
            "Unsqueeze" => self.unsqueeze(&input, &shape)?,
            "Transpose" => {
                let perm = match self.call.ints("perm") {
                    Some(perm) => self.axes(perm, shape.len())?,
                    None => (0..shape.len()).rev().collect(),
                };
                self.transposed(&input, &perm)?
            }
            "Expand" => self.expand(&input, &shape)?,
            "Tile" => self.tile(&input, &shape)?,
            "Concat" => self.concat()?,
            "Split" => return self.split(&input, &shape),
            "Slice" => self.slice(&input, &shape)?,
            "Pad" => self.pad(&input, &shape)?,
            "CenterCropPad" => self.center(&input, &shape)?,
            "TopK" => return self.top_k(&input, &shape),
            "Gather" | "GatherElements" => self.gather(&shape)?,
            _ => return self.indexed(&shape),
        };
        Ok(vec![made])
    }

    fn reshape_target(&self, from: &[usize], target: &[i64]) -> Result<Vec<usize>, GraphError> {
        let refuse = || self.refuse(format!("makes {target:?} of {from:?}, which has another number of elements"));
        let zero_is_zero = self.call.flag("allowzero");
        let mut shape = Vec::new();
        let mut open = None;
        for (at, &dim) in target.iter().enumerate() {
            shape.push(match dim {
                0 if !zero_is_zero => *from.get(at).ok_or_else(refuse)?,
                -1 if open.is_none() => {
                    open = Some(at);
                    1
                }
                _ => usize::try_from(dim).map_err(|_| refuse())?,
            });
        }
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim)).ok_or_else(refuse);
        let (all, named) = (count(from)?, count(&shape)?);
        if let Some(at) = open {
            shape[at] = all.checked_div(named).ok_or_else(refuse)?;
        }
        if count(&shape)? == all { Ok(shape) } else { Err(refuse()) }
    }

    fn squeeze(&mut self, input: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let axes = match self.ints(1, "axes")? {
            Some(axes) => self.axes(&axes, shape.len())?,
            None => (0..shape.len()).filter(|&at| shape[at] == 1).collect(),
        };
        if let Some(&axis) = axes.iter().find(|&&axis| shape[axis] != 1) {
            return Err(self.refuse(format!("drops axis {axis}, which has {} elements", shape[axis])));
        }
        let kept: Vec<usize> = (0..shape.len()).filter(|at| !axes.contains(at)).map(|at| shape[at]).collect();
        self.reshaped(input, &kept)
    }

    fn unsqueeze(&mut self, input: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let axes = self.ints(1, "axes")?.ok_or_else(|| self.refuse("has no axes"))?;
        let rank = shape.len() + axes.len();
        let axes = self.axes(&axes, rank)?;
        let mut rest = shape.iter().copied();
        let target: Vec<usize> =
            (0..rank).map(|at| if axes.contains(&at) { 1 } else { rest.next().unwrap_or(1) }).collect();
        self.reshaped(input, &target)
    }

    fn expand(&mut self, input: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let wanted = self.known(&self.call.input(1)?, "sizes")?;
        let sizes: Option<Vec<usize>> = wanted.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let target = sizes.and_then(|sizes| broadcast(shape, &sizes));
        let target = target.ok_or_else(|| self.refuse(format!("expands {shape:?} to {wanted:?}")))?;
        if target == shape {
            return Ok(input.clone());
        }
        let target: Vec<i64> = target.iter().map(|&dim| dim as i64).collect();
        let target = self.list(&target);
        self.plain(Operator::Expand, &[input, &target])
    }

    fn tile(&mut self, input: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let mut repeats = self.known(&self.call.input(1)?, "repeats")?;
        if let (Some(axis), true) = (self.call.optional(2), self.call.version < 6) {
            let axis = self.known(axis, "axes")?.first().copied().unwrap_or(0);
            let (axis, times) = (self.axis(axis, shape.len())?, repeats.first().copied().unwrap_or(1));
            repeats = (0..shape.len()).map(|at| if at == axis { times } else { 1 }).collect();
        }
        if repeats.iter().all(|&times| times == 1) {
            return Ok(input.clone());
        }
        let repeats = self.list(&repeats);
        self.plain(Operator::Tile, &[input, &repeats])
    }

    fn concat(&mut self) -> Result<Operand, GraphError> {
        let pieces = self.call.all_inputs()?;
        if let [only] = &pieces[..] {
            return Ok(only.clone());
        }
        let axis = self.axis(self.call.int("axis").unwrap_or(1), self.shape(&pieces[0]).len())?;
        let pieces: Vec<&Operand> = pieces.iter().collect();
        self.apply(Operator::Concat, Attributes::of([("axis", (axis as i64).into())]), &pieces)
    }

    fn split(&mut self, input: &Operand, shape: &[usize]) -> Made {
        let axis = self.axis(self.call.int("axis").unwrap_or(0), shape.len())?;
        let count = self.call.used.len();
        let pieces = match self.ints(1, "split")? {
            Some(pieces) => pieces,
            None => {
                // The last piece may be smaller.
                let (each, dim) = (shape[axis].div_ceil(count.max(1)), shape[axis]);
                (0..count).map(|at| dim.saturating_sub(at * each).min(each) as i64).collect()
            }
        };
        if let [_] = pieces[..] {
            return Ok(vec![input.clone()]);
        }
        let list = self.list(&pieces);
        let inputs = vec![Some(input.clone()), Some(list)];
        let attributes = Attributes::of([("axis", (axis as i64).into())]);
        self.builder.node(self.call, Operator::Split, attributes, inputs, pieces.len())
    }

    /// Bounds are attributes before version 10. Afterwards all four lists are there, with axes from the front.
    fn slice(&mut self, input: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let missing = || self.refuse("has no bounds");
        let (starts, ends) = (self.ints(1, "starts")?.ok_or_else(missing)?, self.ints(2, "ends")?.ok_or_else(missing)?);
        let axes = self.ints(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.ints(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
        let n = starts.len();
        if [ends.len(), axes.len(), steps.len()] != [n; 3] {
            return Err(self.refuse("has lists of bounds of different lengths"));
        }
        let axes = self.axes(&axes, shape.len())?;
        let (mut lists, mut whole) = ([vec![], vec![], vec![], vec![]], true);
        for at in 0..n {
            let (dim, step) = (shape[axes[at]], steps[at]);
            if step == 0 {
                return Err(self.refuse("has a step of 0"));
            }
            let (start, end) = clamp_slice(dim, starts[at], ends[at], step);
            if (start, end, step) == (0, dim as i64, 1) {
                continue;
            }
            whole = false;
            // "Down to the first" is written as an end before it.
            let end = if end < 0 { -(dim as i64) - 1 } else { end };
            let numbers = [start, end, axes[at] as i64, step];
            lists.iter_mut().zip(numbers).for_each(|(list, number)| list.push(number));
        }
        if whole {
            return Ok(input.clone());
        }
        let lists = lists.map(|list| self.list(&list));
        self.plain(Operator::Slice, &[input, &lists[0], &lists[1], &lists[2], &lists[3]])
    }

    fn pad(&mut self, input: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let pads = self.ints(1, "pads")?.or_else(|| self.call.ints("paddings").map(<[i64]>::to_vec));
        let mut pads = pads.ok_or_else(|| self.refuse("has no pads"))?;
        if let Some(axes) = self.call.optional(3) {
            let axes = self.axes(&self.known(axes, "axes")?, shape.len())?;
            let mut all = vec![0; 2 * shape.len()];
            if pads.len() != 2 * axes.len() {
                return Err(self.refuse("has pads that do not fit its axes"));
            }
            for (at, &axis) in axes.iter().enumerate() {
                (all[axis], all[shape.len() + axis]) = (pads[at], pads[axes.len() + at]);
            }
            pads = all;
        }
        if pads.len() != 2 * shape.len() {
            return Err(self.refuse(format!("has {} pads for a tensor of shape {shape:?}", pads.len())));
        }
        let mode = self.call.text("mode").unwrap_or("constant");
        // Negative pads cut off.
        let mut cut = input.clone();
        for axis in 0..shape.len() {
            let (before, after) = (pads[axis].min(0), pads[shape.len() + axis].min(0));
            if (before, after) != (0, 0) {
                let bounds = [vec![-before], vec![shape[axis] as i64 + after], vec![axis as i64], vec![1]];
                let bounds = bounds.map(|list| self.list(&list));
                cut = self.plain(Operator::Slice, &[&cut, &bounds[0], &bounds[1], &bounds[2], &bounds[3]])?;
            }
        }
        let pads: Vec<i64> = pads.into_iter().map(|pad| pad.max(0)).collect();
        if pads.iter().all(|&pad| pad == 0) {
            return Ok(cut);
        }
        if mode == "wrap" {
            return self.wrapped(&cut, &pads);
        }
        if !["constant", "reflect", "edge"].contains(&mode) {
            return Err(self.refuse(format!("pads in the mode `{mode}`, which is not read")));
        }
        let pads = self.list(&pads);
        let element = self.builder.kind(input).element;
        let mut inputs = vec![Some(cut), Some(pads)];
        match (self.call.optional(2), self.call.float("value")) {
            (Some(value), _) if mode == "constant" && tensor(value).is_none() => {
                let [Some(cut), Some(pads)] = &inputs[..] else { return Err(self.refuse("has no pads")) };
                return self.padded_with(cut, pads, value);
            }
            // Exporters write a list of one number, too, which the float executor does not take.
            (Some(value), _) if mode == "constant" => inputs.push(Some(self.reshaped(value, &[])?)),
            (None, Some(value)) if mode == "constant" && element.is_float() => inputs.push(Some(self.number(value))),
            _ => {}
        }
        let attributes = Attributes::of([("mode", mode.into())]);
        let mut made = self.builder.node(self.call, Operator::Pad, attributes, inputs, 1)?;
        made.pop().ok_or_else(|| self.refuse("has no output"))
    }

    /// Padding that goes on with the other end.
    fn wrapped(&mut self, input: &Operand, pads: &[i64]) -> Result<Operand, GraphError> {
        let mut made = input.clone();
        for (axis, &dim) in self.shape(input).iter().enumerate() {
            let (before, after) = (pads[axis], pads[pads.len() / 2 + axis]);
            if (before, after) == (0, 0) {
                continue;
            }
            let count = usize::try_from(before + dim as i64 + after).unwrap_or(usize::MAX);
            self.builder.afford(self.call, count)?;
            let places: Vec<i64> = (0..count as i64).map(|at| (at - before).rem_euclid(dim.max(1) as i64)).collect();
            let places = self.list(&places);
            made = self.apply(Operator::Gather, Attributes::of([("axis", (axis as i64).into())]), &[&made, &places])?;
        }
        Ok(made)
    }

    /// The middle of an axis, or zeros around it.
    fn center(&mut self, input: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let wanted = self.known(&self.call.input(1)?, "sizes")?;
        let axes = match self.call.ints("axes") {
            Some(axes) => self.axes(axes, shape.len())?,
            None => (0..shape.len()).collect(),
        };
        if wanted.len() != axes.len() {
            return Err(self.refuse("has sizes that do not fit its axes"));
        }
        let (mut made, mut pads) = (input.clone(), vec![0; 2 * shape.len()]);
        for (&axis, &size) in axes.iter().zip(&wanted) {
            let dim = shape[axis] as i64;
            let size = Some(size).filter(|size| (1..=1 << 30).contains(size));
            let size = size.ok_or_else(|| self.refuse(format!("makes an axis of {wanted:?}")))?;
            if size < dim {
                let start = (dim - size) / 2;
                made = self.between(&made, axis, start as usize, (start + size) as usize)?;
            } else {
                let before = (size - dim) / 2;
                (pads[axis], pads[shape.len() + axis]) = (before, size - dim - before);
            }
        }
        if pads.iter().all(|&pad| pad == 0) {
            return Ok(made);
        }
        let pads = self.list(&pads);
        self.apply(Operator::Pad, Attributes::of([("mode", "constant".into())]), &[&made, &pads])
    }

    fn top_k(&mut self, input: &Operand, shape: &[usize]) -> Made {
        let axis = self.axis(self.call.int("axis").unwrap_or(-1), shape.len())?;
        let k = match self.call.optional(1) {
            Some(k) => self.known(k, "a k")?.first().copied(),
            None => self.call.int("k"),
        };
        let k = self.list(&[k.ok_or_else(|| self.refuse("has no k"))?]);
        let attributes = Attributes::of([
            ("axis", (axis as i64).into()),
            ("largest", self.call.int("largest").unwrap_or(1).into()),
            ("sorted", self.call.int("sorted").unwrap_or(1).into()),
        ]);
        self.builder.node(self.call, Operator::TopK, attributes, vec![Some(input.clone()), Some(k)], 2)
    }

    /// Constant indices are counted from the front, and checked.
    fn gather(&mut self, shape: &[usize]) -> Result<Operand, GraphError> {
        let axis = self.axis(self.call.int("axis").unwrap_or(0), shape.len())?;
        let (input, mut indices) = (self.call.input(0)?, self.call.input(1)?);
        if let Some(known) = tensor(&indices)
            && let Some(ints) = known.as_ints()
        {
            let ints = self.axes(ints, shape[axis])?.into_iter().map(|at| at as i64).collect();
            indices = self.constant_of(Tensor::ints(known.element(), known.shape().to_vec(), ints));
        }
        let operator = if self.call.operator == "Gather" { Operator::Gather } else { Operator::GatherElements };
        self.apply(operator, Attributes::of([("axis", (axis as i64).into())]), &[&input, &indices])
    }

    fn indexed(&mut self, shape: &[usize]) -> Made {
        let axis = |step: &Self, default| step.axis(step.call.int("axis").unwrap_or(default), shape.len());
        match self.call.operator {
            "GatherND" => {
                let dims = self.call.int("batch_dims").unwrap_or(0);
                self.keep(Operator::GatherND, Attributes::of([("batch_dims", dims.into())]))
            }
            "ScatterElements" | "ScatterND" if matches!(self.call.text("reduction"), Some("max" | "min")) => {
                let greatest = self.call.text("reduction") == Some("max");
                self.scatter_extremes(if greatest { Operator::Max } else { Operator::Min })
            }
            "Scatter" | "ScatterElements" => {
                let mut attributes = Attributes::of([("axis", (axis(self, 0)? as i64).into())]);
                self.reduction(&mut attributes)?;
                self.keep(Operator::ScatterElements, attributes)
            }
            "ScatterND" => {
                let mut attributes = Attributes::none();
                self.reduction(&mut attributes)?;
                self.keep(Operator::ScatterND, attributes)
            }
            "OneHot" => {
                let axis = self.axis(self.call.int("axis").unwrap_or(-1), shape.len() + 1)?;
                self.keep(Operator::OneHot, Attributes::of([("axis", (axis as i64).into())]))
            }
            "DepthToSpace" | "SpaceToDepth" => {
                let block = self.call.int("blocksize").ok_or_else(|| self.refuse("has no blocksize"))?;
                let mut attributes = Attributes::of([("blocksize", block.into())]);
                if self.call.operator == "SpaceToDepth" {
                    return match self.call.text("mode") {
                        // What set 17 has no mode for.
                        Some("CRD") => self.space_to_depth(shape, block).map(|made| vec![made]),
                        _ => self.keep(Operator::SpaceToDepth, attributes),
                    };
                }
                attributes.set("mode", self.call.text("mode").unwrap_or("DCR"));
                self.keep(Operator::DepthToSpace, attributes)
            }
            "Trilu" => {
                let upper = self.call.int("upper").unwrap_or(1);
                self.keep(Operator::Trilu, Attributes::of([("upper", upper.into())]))
            }
            _ => self.reverse_sequence(shape),
        }
    }

    /// Channels outermost, then the rows and columns of the blocks.
    fn space_to_depth(&mut self, shape: &[usize], block: i64) -> Result<Operand, GraphError> {
        let input = self.call.input(0)?;
        let block = usize::try_from(block).ok().filter(|&block| block > 0);
        let (Some(block), &[batch, channels, rows, columns]) = (block, shape) else {
            return Err(self.refuse(format!("takes a tensor of shape {shape:?} apart into blocks of {block:?}")));
        };
        if rows % block != 0 || columns % block != 0 {
            return Err(self.refuse(format!("takes {shape:?} apart into blocks of {block}, which do not fit")));
        }
        let (high, wide) = (rows / block, columns / block);
        let blocks = self.reshaped(&input, &[batch, channels, high, block, wide, block])?;
        let turned = self.transposed(&blocks, &[0, 1, 3, 5, 2, 4])?;
        self.reshaped(&turned, &[batch, channels * block * block, high, wide])
    }

    fn reduction(&self, attributes: &mut Attributes) -> Result<(), GraphError> {
        match self.call.text("reduction") {
            None | Some("none") => Ok(()),
            // Those of operator set 16; later ones are not in 17.
            Some(reduction @ ("add" | "mul")) => {
                attributes.set("reduction", reduction);
                Ok(())
            }
            Some(other) => Err(self.refuse(format!("has the reduction `{other}`, which is not read"))),
        }
    }
}
