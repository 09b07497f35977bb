//! Windows that slide: convolutions, as the prover has them or written out.

use super::{Lowered, Lowering, Wire, refuse};
use crate::model::graph::Node;
use zkinfer_prover::network::Linear;

/// Largest side of a kernel that the prover takes.
const MAX_KERNEL: usize = 64;

/// How windows go over images. A single axis is the second of two.
pub(super) struct Window {
    /// Images, channels and size of the source.
    pub(super) samples: usize,
    pub(super) channels: usize,
    pub(super) size: Vec<usize>,
    /// Windows along each axis.
    pub(super) count: Vec<usize>,
    pub(super) kernel: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) dilations: Vec<usize>,
    /// Zeros before and behind.
    pub(super) pads: Vec<[usize; 2]>,
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
        if !(1..=4).contains(&n) || to.len() != from.len() {
            return Err(refuse(node, format!("slides over a tensor of shape {from:?}; one to four axes")));
        }
        let list = |name: &str, default: usize, count: usize| {
            let ints = node.attributes.ints(name).filter(|ints| ints.len() == count);
            ints.map_or_else(
                || vec![default; count],
                |ints| ints.iter().map(|&i| usize::try_from(i).unwrap_or(0)).collect::<Vec<_>>(),
            )
        };
        // One axis is the second of two.
        let wide = |values: Vec<usize>, missing: usize| match n {
            1 => [vec![missing], values].concat(),
            _ => values,
        };
        let pads = list("pads", 0, 2 * n);
        let (before, behind) = (wide(pads[..n].to_vec(), 0), wide(pads[n..].to_vec(), 0));
        Ok(Self {
            samples: from[0],
            channels: from[1],
            size: wide(from[2..].to_vec(), 1),
            count: wide(to[2..].to_vec(), 1),
            kernel: wide(kernel.map_or_else(|| list("kernel_shape", 1, n), <[usize]>::to_vec), 1),
            strides: wide(list("strides", 1, n), 1),
            dilations: wide(list("dilations", 1, n), 1),
            pads: before.into_iter().zip(behind).map(|(a, b)| [a, b]).collect(),
        })
    }

    pub(super) fn axes(&self) -> usize {
        self.size.len()
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

    /// Taps of a kernel, windows of an image, and numbers of an image.
    pub(super) fn area(&self) -> usize {
        self.kernel.iter().product()
    }

    pub(super) fn windows(&self) -> usize {
        self.count.iter().product()
    }

    pub(super) fn pixels(&self) -> usize {
        self.size.iter().product()
    }

    /// Where in an image the tap of a window is, both by their place in row-major order; `None` in the padding.
    pub(super) fn pixel(&self, window: usize, tap: usize) -> Option<usize> {
        let (mut window, mut tap, mut width, mut pixel) = (window, tap, 1, 0);
        for axis in (0..self.axes()).rev() {
            let place = self.place(axis, window % self.count[axis], tap % self.kernel[axis])?;
            pixel += place * width;
            width *= self.size[axis];
            (window, tap) = (window / self.count[axis], tap / self.kernel[axis]);
        }
        Some(pixel)
    }

    /// The kernel that the prover has for it.
    pub(super) fn square(&self) -> Option<Square> {
        if self.axes() != 2 {
            return None;
        }
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
        let (rows, columns) = (self.kernel[0], self.kernel[1]);
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

    /// Three axes for that many channels in every image: images lie behind each other like channels.
    pub(super) fn dims(&self, channels: usize) -> Vec<u32> {
        image(self.samples * channels, &self.count)
    }

    pub(super) fn source_dims(&self) -> Vec<u32> {
        image(self.samples * self.channels, &self.size)
    }
}

fn image(channels: usize, size: &[usize]) -> Vec<u32> {
    let (last, rest) = size.split_last().unwrap_or((&1, &[]));
    vec![channels as u32, rest.iter().product::<usize>() as u32, *last as u32]
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
        let (channels, samples) = (bias.len(), window.samples);
        // Every image has its own channels, with the same weights.
        let repeated = |numbers: &[f64]| (0..samples).flat_map(|_| numbers.iter().copied()).collect::<Vec<_>>();
        if let Some(square) = window.square() {
            let step = self.shaped(wire.step, &window.source_dims());
            let op = Linear::Conv {
                channels: (samples * channels) as u32,
                kernel: square.kernel as u32,
                stride: square.stride as u32,
                padding: square.padding as u32,
                groups: (samples * groups) as u32,
            };
            let weights = repeated(&window.spread(&square, weights));
            return Ok(self.linear(step, window.dims(channels), op, weights, repeated(&bias)));
        }
        let own = window.channels / groups;
        let (area, windows, pixels) = (window.area(), window.windows(), window.pixels());
        let outputs = (0..samples * channels).flat_map(|c| (0..windows).map(move |at| (c, at)));
        let taps = outputs.map(|(c, at)| {
            let (sample, c) = (c / channels, c % channels);
            let first = sample * window.channels + c / (channels / groups) * own;
            let tap = |tap: usize| {
                let pixel = window.pixel(at, tap % area)?;
                Some(((first + tap / area) * pixels + pixel, weights[c * own * area + tap]))
            };
            (0..own * area).filter_map(tap).collect::<Vec<_>>()
        });
        let bias = repeated(&bias).iter().flat_map(|b| vec![*b; windows]).collect();
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
        let (area, windows, pixels) = (window.area(), window.windows(), window.pixels());
        let mut taps: Vec<Vec<(usize, f64)>> = vec![Vec::new(); window.samples * outputs * pixels];
        if taps.len().saturating_mul(self.plan.steps[wire.step].elements()) <= super::MAX_DENSE {
            for from in 0..window.samples * wire.shape[1] * windows {
                let (sample, channel) = (from / windows / wire.shape[1], from / windows % wire.shape[1]);
                for tap in 0..each * area {
                    let Some(pixel) = window.pixel(from % windows, tap % area) else { continue };
                    let output = sample * outputs + channel / inputs * each + tap / area;
                    taps[output * pixels + pixel].push((from, weights[channel * each * area + tap]));
                }
            }
        }
        let bias = (0..window.samples).flat_map(|_| bias.iter().flat_map(|b| vec![*b; pixels])).collect();
        self.written_out(node, wire.step, taps.into_iter(), bias)
    }
}
