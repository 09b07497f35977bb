//! Where the elements of layers stand: the tensors of a program, and their positions.

use super::Graph;
use super::repeats::Repeat;
use crate::network::gadget::Gadget;
use crate::network::program::{Parts, Tensor};

/// The layers of every tensor. A layer alone has the axes of its values, the one that needs the most padding in front; several
/// layers have an axis of layers in front of those.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// In the order of their kinds, and so of their positions.
    tensors: Vec<Vec<usize>>,
    /// The tensor of a layer, and its index on the axis of layers; `None` for outputs.
    of: Vec<Option<(usize, usize)>>,
}

impl Places {
    pub(super) fn new(graph: &Graph, repeats: Vec<Repeat>) -> Self {
        let mut stacks: Vec<Vec<usize>> = repeats.into_iter().flat_map(Repeat::stacks).collect();
        let mut alone = vec![true; graph.layers.len()];
        stacks.iter().flatten().for_each(|layer| alone[*layer] = false);
        stacks.extend((0..alone.len()).filter(|layer| alone[*layer]).map(|layer| vec![layer]));
        stacks.sort_unstable();
        let mut kinds: Vec<Gadget> = Vec::new();
        let mut tensors: Vec<(usize, Vec<usize>)> = Vec::new();
        for layers in stacks {
            if let Some(gadget) = graph.gadget(layers[0]) {
                let kind = kinds.iter().position(|g| *g == gadget).unwrap_or(kinds.len());
                if kind == kinds.len() {
                    kinds.push(gadget);
                }
                tensors.push((kind, layers));
            }
        }
        tensors.sort_unstable();
        let mut this = Self { tensors: Vec::new(), of: vec![None; graph.layers.len()] };
        for (at, (_, layers)) in tensors.into_iter().enumerate() {
            layers.iter().enumerate().for_each(|(index, layer)| this.of[*layer] = Some((at, index)));
            this.tensors.push(layers);
        }
        this
    }

    /// The layers of every tensor.
    pub(super) fn tensors(&self) -> &[Vec<usize>] {
        &self.tensors
    }

    /// The tensor of a layer, and its index on the axis of layers.
    pub(super) fn of(&self, layer: usize) -> Option<(usize, usize)> {
        self.of[layer]
    }

    /// The layers that have one tensor with this one, in order; an output is alone.
    pub(super) fn together(&self, layer: usize) -> Vec<usize> {
        self.of[layer].map_or(vec![layer], |(tensor, _)| self.tensors[tensor].clone())
    }

    /// Whether there are layers that have a tensor with others.
    pub(super) fn has_stacks(&self) -> bool {
        self.tensors.iter().any(|layers| layers.len() > 1)
    }

    /// Whether a layer has a tensor with others.
    pub(super) fn is_stacked(&self, layer: usize) -> bool {
        self.of[layer].is_some_and(|(tensor, _)| self.tensors[tensor].len() > 1)
    }
}

/// The axis of a layer's values that is the first one of its tensor: only the other axes are padded to powers of two.
pub(super) fn first_axis(dims: &[u32]) -> usize {
    let positions = |first: &usize| {
        let padded = |(axis, d): (usize, &u32)| u64::from(if axis == *first { *d } else { d.next_power_of_two() });
        dims.iter().enumerate().map(padded).product::<u64>()
    };
    (0..dims.len()).min_by_key(positions).unwrap_or(0)
}

impl Graph {
    /// The same with a tensor for every layer.
    #[cfg(test)]
    pub(crate) fn unrolled(mut self) -> Self {
        self.places = Places::new(&self, Vec::new());
        self
    }

    /// What each axis of a layer's values is in its tensor: the first one moves to the front, or the axis of layers is there.
    pub(super) fn axis(&self, layer: usize, axis: usize) -> usize {
        if self.places.is_stacked(layer) {
            return axis + 1;
        }
        let first = first_axis(&self.dims[layer]);
        match axis.cmp(&first) {
            core::cmp::Ordering::Less => axis + 1,
            core::cmp::Ordering::Equal => 0,
            core::cmp::Ordering::Greater => axis,
        }
    }

    /// One number per axis of a layer's values, in the order of its tensor; `layer` is that of the axis of layers.
    pub(super) fn in_order<T: Clone>(&self, layer: usize, values: &[T], of_layers: T) -> Vec<T> {
        let mut values = values.to_vec();
        if self.places.is_stacked(layer) {
            values.insert(0, of_layers);
        } else {
            values[..=first_axis(&self.dims[layer])].rotate_right(1);
        }
        values
    }

    /// The tensor of layers at a base.
    pub(super) fn tensor(&self, layers: &[usize], kind: u8, base: u32) -> Tensor {
        // At most 1024 layers.
        Tensor { kind, base, dims: self.in_order(layers[0], &self.dims[layers[0]], layers.len() as u32) }
    }

    /// The positions of the elements of a layer, which are in row-major order of its dimensions; none for outputs.
    pub(crate) fn positions(&self, p: &Parts, layer: usize) -> Vec<usize> {
        let Some((tensor, index)) = self.places.of(layer) else { return Vec::new() };
        let (tensor, dims) = (&p.tensors[tensor], &self.dims[layer]);
        let shifts: Vec<u32> = (0..dims.len()).map(|axis| tensor.shift(self.axis(layer, axis))).collect();
        let base = tensor.base as usize + (index << tensor.shift(0));
        let position = |mut rest: u32| {
            let mut position = base;
            for (d, shift) in dims.iter().zip(&shifts).rev() {
                position += ((rest % d) as usize) << shift;
                rest /= d;
            }
            position
        };
        // At most 2^22.
        (0..self.elements(layer) as u32).map(position).collect()
    }
}
