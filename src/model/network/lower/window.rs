//! Windows that slide: convolutions, as the prover has them or written out.

use super::{Lowered, Lowering, Wire, refuse};
use crate::model::graph::Node;
use zkinfer_prover::network::Linear;

/// Largest side of a kernel that the prover takes.
const MAX_KERNEL: usize = 64;

/// How windows of two axes go over an image of one sample. A missing axis has one pixel.
pub(super) struct Window {
    /// Channels and size of the source.
    pub(super) channels: usize,
    pub(super) size: [usize; 2],
    /// Windows along each axis.
    pub(super) count: [usize; 2],
    pub(super) kernel: [usize; 2],
    pub(super) strides: [usize; 2],
    pub(super) dilations: [usize; 2],
    /// Zeros before and behind.
    pub(super) pads: [[usize; 2]; 2],
}

/// A square kernel that does what a window does.
pub(super) struct Square {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    /// Where the window's taps start.
    offset: [usize; 2],
}

impl Window {
    /// Of a node with the attributes of one; `kernel` when it has none of its own.
    pub(super) fn of(node: &Node, from: &[usize], to: &[usize], kernel: Option<&[usize]>) -> Lowered<Self> {
        let n = from.len().saturating_sub(2);
        if from.first() != Some(&1) || !(1..=2).contains(&n) || to.len() != from.len() {
            let reason = format!("slides over a tensor of shape {from:?}; one sample of one or two axes");
            return Err(refuse(node, reason));
        }
        let list = |name: &str, default: usize| {
            let ints = node.attributes.ints(name).filter(|ints| !ints.is_empty());
            ints.map_or_else(
                || vec![default; 2 * n],
                |ints| ints.iter().map(|&i| i.max(0) as usize).collect::<Vec<_>>(),
            )
        };
        // One axis is the second of two.
        let two = |values: &[usize], missing: usize| match n {
            1 => [missing, values.first().copied().unwrap_or(missing)],
            _ => [values.first().copied().unwrap_or(missing), values.get(1).copied().unwrap_or(missing)],
        };
        let pads = list("pads", 0);
        let (before, behind) = (two(&pads[..n.min(pads.len())], 0), two(pads.get(n..).unwrap_or_default(), 0));
        Ok(Self {
            channels: from[1],
            size: two(&from[2..], 1),
            count: two(&to[2..], 1),
            kernel: two(&kernel.map_or_else(|| list("kernel_shape", 1), <[usize]>::to_vec), 1),
            strides: two(&list("strides", 1), 1),
            dilations: two(&list("dilations", 1), 1),
            pads: [[before[0], behind[0]], [before[1], behind[1]]],
        })
    }

    /// From the first tap to the last.
    fn reach(&self, axis: usize) -> usize {
        self.dilations[axis] * (self.kernel[axis] - 1) + 1
    }

    /// The tap of window `at` along an axis, if it is inside.
    pub(super) fn place(&self, axis: usize, at: usize, tap: usize) -> Option<usize> {
        let place = (at * self.strides[axis] + tap * self.dilations[axis]).checked_sub(self.pads[axis][0])?;
        Some(place).filter(|&place| place < self.size[axis])
    }

    /// The kernel that the prover has for it.
    pub(super) fn square(&self) -> Option<Square> {
        // An axis with one window has any stride.
        let axis = usize::from(self.count[0] == 1);
        let stride = self.strides[axis];
        if (0..2).any(|other| self.count[other] > 1 && self.strides[other] != stride) {
            return None;
        }
        let padding = self.pads.iter().flatten().copied().max()?;
        let side = |axis: usize| (self.reach(axis) + 2 * padding).checked_sub(self.pads[axis][0] + self.pads[axis][1]);
        let kernel = side(0)?.max(side(1)?);
        let same = |axis: usize| {
            let room = (self.size[axis] + 2 * padding).checked_sub(kernel)?;
            Some(room / stride + 1 == self.count[axis])
        };
        let fits = (0..2).all(|axis| same(axis) == Some(true)) && padding < kernel && kernel <= MAX_KERNEL;
        let offset = [padding - self.pads[0][0], padding - self.pads[1][0]];
        (fits && stride <= 64).then_some(Square { kernel, stride, padding, offset })
    }

    /// Weights of a kernel in the place of those of the window, channel by channel.
    fn spread(&self, square: &Square, weights: &[f64]) -> Vec<f64> {
        let [rows, columns] = self.kernel;
        let area = square.kernel * square.kernel;
        let mut spread = vec![0.0; weights.len() / (rows * columns) * area];
        for (own, to) in weights.chunks_exact(rows * columns).zip(spread.chunks_exact_mut(area)) {
            for (at, w) in own.iter().enumerate() {
                let row = square.offset[0] + at / columns * self.dilations[0];
                let column = square.offset[1] + at % columns * self.dilations[1];
                to[row * square.kernel + column] = *w;
            }
        }
        spread
    }

    pub(super) fn dims(&self, channels: usize) -> Vec<u32> {
        vec![channels as u32, self.count[0] as u32, self.count[1] as u32]
    }

    pub(super) fn source_dims(&self) -> [u32; 3] {
        [self.channels as u32, self.size[0] as u32, self.size[1] as u32]
    }
}

impl<'g> Lowering<'g> {
    pub(super) fn conv(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.wire(node, 0)?;
        let Some(shape) = self.constant(node, 1).map(|weights| weights.shape().to_vec()) else {
            return Err(refuse(node, "has weights that are no constant"));
        };
        let (weights, to) = (self.floats(node, 1)?, self.shape(node.outputs[0]).to_vec());
        let window = Window::of(node, &wire.shape, &to, shape.get(2..))?;
        let bias = if self.has(node, 2) { self.floats(node, 2)? } else { vec![0.0; shape[0]] };
        let groups = usize::try_from(node.attributes.int("group").unwrap_or(1)).unwrap_or(1);
        self.convolution(node, &wire, &window, groups, &weights, bias)
    }

    /// Weights are `[outputs, channels / groups, rows, columns]`.
    pub(super) fn convolution(
        &mut self,
        node: &Node,
        wire: &Wire,
        window: &Window,
        groups: usize,
        weights: &[f64],
        bias: Vec<f64>,
    ) -> Lowered<usize> {
        let channels = bias.len();
        if let Some(square) = window.square() {
            let step = self.shaped(wire.step, &window.source_dims());
            let op = Linear::Conv {
                channels: channels as u32,
                kernel: square.kernel as u32,
                stride: square.stride as u32,
                padding: square.padding as u32,
                groups: groups as u32,
            };
            return Ok(self.linear(step, window.dims(channels), op, window.spread(&square, weights), bias));
        }
        let [rows, columns] = window.count;
        let own = window.channels / groups;
        let area = window.kernel[0] * window.kernel[1];
        let outputs = (0..channels).flat_map(|c| (0..rows).flat_map(move |i| (0..columns).map(move |j| (c, i, j))));
        let taps = outputs.map(|(c, i, j)| {
            let first = c / (channels / groups) * own;
            let tap = |at: usize| {
                let (channel, u, v) = (at / area, at % area / window.kernel[1], at % window.kernel[1]);
                let (row, column) = (window.place(0, i, u)?, window.place(1, j, v)?);
                let from = ((first + channel) * window.size[0] + row) * window.size[1] + column;
                Some((from, weights[c * own * area + at]))
            };
            (0..own * area).filter_map(tap).collect::<Vec<_>>()
        });
        let bias = bias.iter().flat_map(|b| vec![*b; rows * columns]).collect();
        self.written_out(node, wire.step, taps, bias)
    }

    /// Written out: every number of the source adds its kernel to the result.
    pub(super) fn conv_transpose(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.wire(node, 0)?;
        let Some(shape) = self.constant(node, 1).map(|weights| weights.shape().to_vec()) else {
            return Err(refuse(node, "has weights that are no constant"));
        };
        let (weights, to) = (self.floats(node, 1)?, self.shape(node.outputs[0]).to_vec());
        // Backwards, it is a window that slides over the result.
        let window = Window::of(node, &to, &wire.shape, shape.get(2..))?;
        let groups = usize::try_from(node.attributes.int("group").unwrap_or(1)).unwrap_or(1);
        let (outputs, each, inputs) = (to[1], shape[1], wire.shape[1] / groups);
        let bias = if self.has(node, 2) { self.floats(node, 2)? } else { vec![0.0; outputs] };
        let area = window.kernel[0] * window.kernel[1];
        let pixels = window.size[0] * window.size[1];
        let mut taps: Vec<Vec<(usize, f64)>> = vec![Vec::new(); outputs * pixels];
        if taps.len().saturating_mul(self.plan.steps[wire.step].elements()) <= super::MAX_DENSE {
            for from in 0..wire.shape[1] * window.count[0] * window.count[1] {
                let j = from % window.count[1];
                let i = from / window.count[1] % window.count[0];
                let channel = from / window.count[1] / window.count[0];
                for at in 0..each * area {
                    let (c, u, v) = (at / area, at % area / window.kernel[1], at % window.kernel[1]);
                    let (Some(row), Some(column)) = (window.place(0, i, u), window.place(1, j, v)) else { continue };
                    let output = channel / inputs * each + c;
                    let to = output * pixels + row * window.size[1] + column;
                    taps[to].push((from, weights[channel * each * area + at]));
                }
            }
        }
        let bias = bias.iter().flat_map(|b| vec![*b; pixels]).collect();
        self.written_out(node, wire.step, taps.into_iter(), bias)
    }
}
