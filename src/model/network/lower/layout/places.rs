//! Where the numbers of a result come from, for the operators that reading does not evaluate.

use super::{Lowered, Lowering, Place, refuse};
use crate::model::graph::{Node, Operator, strides};

/// The index along every axis.
fn split(flat: usize, shape: &[usize]) -> Vec<usize> {
    strides(shape).iter().zip(shape).map(|(stride, dim)| flat / stride % dim).collect()
}

/// The place of an index along every axis.
fn flat(index: &[usize], shape: &[usize]) -> usize {
    strides(shape).iter().zip(index).map(|(stride, at)| stride * at).sum()
}

/// An index counted from the front.
fn front(node: &Node, at: i64, dim: usize) -> Lowered<usize> {
    let counted = if at < 0 { at + dim as i64 } else { at };
    let counted = usize::try_from(counted).ok().filter(|at| *at < dim);
    counted.ok_or_else(|| refuse(node, format!("has the index {at} into an axis of {dim} numbers")))
}

/// `None` for an operator that reading evaluates.
pub(super) fn places<'g>(lowering: &Lowering<'g>, node: &'g Node, made: &[usize]) -> Lowered<Option<Vec<Place>>> {
    use Operator as O;
    let from = lowering.operand_shape(node, 0);
    let count: usize = made.iter().product();
    let each = |of: &dyn Fn(Vec<usize>) -> Lowered<Vec<usize>>| -> Lowered<Option<Vec<Place>>> {
        let place = |at: usize| Ok(Place::Of(0, flat(&of(split(at, made))?, &from)));
        (0..count).map(place).collect::<Lowered<_>>().map(Some)
    };
    let axis = || usize::try_from(node.attributes.int("axis").unwrap_or(0)).unwrap_or(0);
    match node.operator {
        O::GatherElements => {
            let (indices, axis) = (lowering.ints(node, 1)?, axis());
            each(&|mut at| {
                at[axis] = front(node, indices[flat(&at, made)], from[axis])?;
                Ok(at)
            })
        }
        O::GatherND => gather_nd(lowering, node, made, &from).map(Some),
        O::ScatterElements | O::ScatterND => scattered(lowering, node, &from, axis()).map(Some),
        O::DepthToSpace => {
            let block = usize::try_from(node.attributes.int("blocksize").unwrap_or(1)).unwrap_or(1);
            let rows_first = node.attributes.text("mode") == Some("CRD");
            each(&|at| {
                let (u, v) = (at[2] % block, at[3] % block);
                let channel = match rows_first {
                    true => (at[1] * block + u) * block + v,
                    false => (u * block + v) * made[1] + at[1],
                };
                Ok(vec![at[0], channel, at[2] / block, at[3] / block])
            })
        }
        O::SpaceToDepth => {
            let block = usize::try_from(node.attributes.int("blocksize").unwrap_or(1)).unwrap_or(1);
            each(&|at| {
                let (place, channel) = (at[1] / from[1], at[1] % from[1]);
                Ok(vec![at[0], channel, at[2] * block + place / block, at[3] * block + place % block])
            })
        }
        O::ReverseSequence => {
            let lengths = lowering.ints(node, 1)?;
            let of = |name, default| usize::try_from(node.attributes.int(name).unwrap_or(default)).unwrap_or(0);
            let (batch, time) = (of("batch_axis", 1), of("time_axis", 0));
            each(&|mut at| {
                let length = usize::try_from(lengths[at[batch]]).unwrap_or(0);
                if at[time] < length {
                    at[time] = length - 1 - at[time];
                }
                Ok(at)
            })
        }
        O::Pad if node.attributes.text("mode") != Some("constant") => {
            let (pads, edge) = (lowering.ints(node, 1)?, node.attributes.text("mode") == Some("edge"));
            each(&|at| {
                let inside = |(axis, at): (usize, &usize)| {
                    let (at, last) = (*at as i64 - pads[axis], from[axis] as i64 - 1);
                    let inside = if edge { at.clamp(0, last) } else { reflected(at, last) };
                    usize::try_from(inside).unwrap_or(0)
                };
                Ok(at.iter().enumerate().map(inside).collect())
            })
        }
        O::Resize => {
            let axes = super::super::resize::axes(lowering, node, &from, made)?;
            each(&|at| Ok(at.iter().zip(&axes).map(|(at, axis)| axis.nearest(*at)).collect()))
        }
        _ => Ok(None),
    }
}

/// There and back, as often as is needed.
fn reflected(at: i64, last: i64) -> i64 {
    if last == 0 {
        return 0;
    }
    let at = at.rem_euclid(2 * last);
    if at > last { 2 * last - at } else { at }
}

fn gather_nd<'g>(lowering: &Lowering<'g>, node: &'g Node, made: &[usize], from: &[usize]) -> Lowered<Vec<Place>> {
    let (indices, shape) = (lowering.ints(node, 1)?, lowering.operand_shape(node, 1));
    let batch = usize::try_from(node.attributes.int("batch_dims").unwrap_or(0)).unwrap_or(0);
    let Some((&depth, lead)) = shape.split_last() else { return Err(refuse(node, "has no indices")) };
    let inner: usize = from.iter().skip(batch + depth).product();
    let mut places = Vec::with_capacity(made.iter().product());
    for (row, tuple) in indices.chunks(depth.max(1)).enumerate() {
        let mut at = split(row, lead)[..batch].to_vec();
        for (axis, index) in tuple.iter().enumerate() {
            at.push(front(node, *index, from[batch + axis])?);
        }
        at.resize(from.len(), 0);
        let first = flat(&at, from);
        places.extend((first..first + inner).map(|at| Place::Of(0, at)));
    }
    Ok(places)
}

/// The first operand, with numbers of the third in the places that the second names.
fn scattered<'g>(lowering: &Lowering<'g>, node: &'g Node, from: &[usize], axis: usize) -> Lowered<Vec<Place>> {
    if node.attributes.text("reduction").is_some_and(|how| how != "none") {
        return Err(refuse(node, "adds or multiplies what it scatters, which is not proven"));
    }
    let (indices, shape) = (lowering.ints(node, 1)?, lowering.operand_shape(node, 1));
    let mut places: Vec<Place> = (0..from.iter().product()).map(|at| Place::Of(0, at)).collect();
    if node.operator == Operator::ScatterElements {
        for (update, index) in indices.iter().enumerate() {
            let mut at = split(update, &shape);
            at[axis] = front(node, *index, from[axis])?;
            places[flat(&at, from)] = Place::Of(2, update);
        }
        return Ok(places);
    }
    let depth = shape.last().copied().unwrap_or(0);
    let inner: usize = from.iter().skip(depth).product();
    for (row, tuple) in indices.chunks(depth.max(1)).enumerate() {
        let mut at = Vec::new();
        for (axis, index) in tuple.iter().enumerate() {
            at.push(front(node, *index, from[axis])?);
        }
        at.resize(from.len(), 0);
        let first = flat(&at, from);
        (0..inner).for_each(|i| places[first + i] = Place::Of(2, row * inner + i));
    }
    Ok(places)
}
