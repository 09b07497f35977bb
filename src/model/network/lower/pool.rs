//! Pools, means and sums over axes.

use super::{Lowered, Lowering, Wire, refuse, window::Window};
use crate::model::{
    graph::{Node, Operator},
    network::plan::{Then, Work},
};

/// Largest side of a square whose mean the prover has a gadget for.
const MAX_MEAN: usize = 16;

impl<'g> Lowering<'g> {
    pub(super) fn pool(&mut self, node: &'g Node) -> Lowered<usize> {
        if node.outputs.len() > 1 {
            return Err(refuse(node, "tells where its maxima are, which is not proven"));
        }
        let wire = self.wire(node, 0)?;
        let to = self.shape(node.outputs[0]).to_vec();
        let global = matches!(node.operator, Operator::GlobalMaxPool | Operator::GlobalAveragePool);
        let whole = wire.shape.get(2..).filter(|_| global);
        let window = Window::of(node, &wire.shape, &to, whole)?;
        match node.operator {
            Operator::MaxPool | Operator::GlobalMaxPool => self.max_pool(node, &wire, &window),
            _ => self.average_pool(node, &wire, &window),
        }
    }

    fn max_pool(&mut self, node: &'g Node, wire: &Wire, window: &Window) -> Lowered<usize> {
        let mut step = wire.step;
        if !self.plan.steps[step].nonnegative {
            // The greatest of numbers, and then of it and 0, is the greatest of numbers none of which is below 0.
            if !self.is_read_by_relu_alone(node) {
                return Err(refuse(
                    node,
                    "has numbers that may be negative; put a Relu before it, or directly behind it",
                ));
            }
            step = self.activated(step, Then::Relu);
        }
        if tiles(window, 2) {
            let step = self.shaped(step, &window.source_dims());
            return Ok(self.push(vec![step], window.dims(window.channels), Work::MaxPool, Then::Nothing));
        }
        // Squares of copies, with 2, 4, 8, .. a side; what a window lacks is one of its own numbers again.
        let side = window.kernel[0].max(window.kernel[1]).next_power_of_two().max(2);
        let [rows, columns] = window.count;
        let dims = vec![window.channels as u32, (rows * side) as u32, (columns * side) as u32];
        let mut indices = Vec::new();
        for c in 0..window.channels {
            for (y, x) in (0..rows * side).flat_map(|y| (0..columns * side).map(move |x| (y, x))) {
                let near = |axis: usize, at: usize, tap: usize| {
                    let taps = (0..window.kernel[axis]).filter_map(|tap| window.place(axis, at, tap));
                    window.place(axis, at, tap.min(window.kernel[axis] - 1)).or_else(|| taps.into_iter().next())
                };
                let (Some(row), Some(column)) = (near(0, y / side, y % side), near(1, x / side, x % side)) else {
                    return Err(refuse(node, "has a window that holds nothing but padding"));
                };
                indices.push(((c * window.size[0] + row) * window.size[1] + column) as u32);
            }
        }
        let mut step = self.copy(step, dims, indices);
        let mut left = side;
        while left > 1 {
            left /= 2;
            let dims = vec![window.channels as u32, (rows * left) as u32, (columns * left) as u32];
            step = self.push(vec![step], dims, Work::MaxPool, Then::Nothing);
        }
        Ok(step)
    }

    /// Whether one node reads what this one makes, and is a ReLU.
    fn is_read_by_relu_alone(&self, node: &Node) -> bool {
        use crate::model::graph::Operand;
        let reads = |other: &&Node| {
            other.inputs.iter().flatten().any(|operand| matches!(operand, Operand::Value(id) if *id == node.outputs[0]))
        };
        let readers: Vec<&Node> = self.graph.nodes().iter().filter(reads).collect();
        matches!(readers[..], [reader] if reader.operator == Operator::Relu)
            && !self.graph.outputs().contains(&node.outputs[0])
    }

    fn average_pool(&mut self, node: &'g Node, wire: &Wire, window: &Window) -> Lowered<usize> {
        let side = window.kernel[0];
        let step = &self.plan.steps[wire.step];
        if step.nonnegative && (2..=MAX_MEAN).contains(&side) && tiles(window, side) {
            let step = self.shaped(wire.step, &window.source_dims());
            let work = Work::MeanPool(side as u32);
            return Ok(self.push(vec![step], window.dims(window.channels), work, Then::Nothing));
        }
        let area = window.kernel[0] * window.kernel[1];
        let padded = window.pads != [[0; 2]; 2];
        let counts_padding = node.attributes.int("count_include_pad").unwrap_or(0) != 0;
        let sticks_out = node.attributes.int("ceil_mode").unwrap_or(0) != 0;
        if sticks_out && counts_padding {
            return Err(refuse(node, "has windows that stick out of their padding (ceil_mode)"));
        }
        if !padded || counts_padding {
            let weights = vec![1.0 / area as f64; window.channels * area];
            let bias = vec![0.0; window.channels];
            return self.convolution(node, wire, window, window.channels, &weights, bias);
        }
        let [rows, columns] = window.count;
        let windows =
            (0..window.channels).flat_map(|c| (0..rows).flat_map(move |i| (0..columns).map(move |j| (c, i, j))));
        let taps = windows.map(|(c, i, j)| {
            let places =
                |axis: usize, at: usize| (0..window.kernel[axis]).filter_map(move |tap| window.place(axis, at, tap));
            let inside: Vec<usize> = places(0, i)
                .flat_map(|row| places(1, j).map(move |column| (c * window.size[0] + row) * window.size[1] + column))
                .collect();
            let weight = 1.0 / inside.len() as f64;
            inside.into_iter().map(|at| (at, weight)).collect::<Vec<_>>()
        });
        self.written_out(node, wire.step, taps, vec![0.0; window.channels * rows * columns])
    }

    /// Sums and means over constant axes; a mean over all pixels is a pool.
    pub(super) fn reduce(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.wire(node, 0)?;
        let (from, rank) = (&wire.shape, wire.shape.len() as i64);
        let axes = match self.constant(node, 1).and_then(|axes| axes.as_ints()) {
            Some(axes) => axes.iter().map(|&at| if at < 0 { at + rank } else { at }).collect::<Vec<_>>(),
            None if self.has(node, 1) => return Err(refuse(node, "has axes that are no constant")),
            None => node.attributes.ints("axes").map_or_else(|| (0..rank).collect(), <[i64]>::to_vec),
        };
        let mean = node.operator == Operator::ReduceMean;
        if mean && rank == 4 && axes == [2, 3] && from[0] == 1 {
            let to = [1, from[1], 1, 1];
            let window = Window::of(node, from, &to, from.get(2..))?;
            return self.average_pool(node, &wire, &window);
        }
        let kept: Vec<usize> =
            (0..from.len()).map(|at| if axes.contains(&(at as i64)) { 1 } else { from[at] }).collect();
        // Where every number of the source goes.
        let targets: Vec<usize> = (0..kept.iter().product()).collect();
        let places = crate::model::graph::broadcast_indices(&kept, from);
        let count = places.len() / targets.len().max(1);
        let weight = if mean { 1.0 / count as f64 } else { 1.0 };
        let mut taps: Vec<Vec<(usize, f64)>> = vec![Vec::new(); targets.len()];
        places.into_iter().enumerate().for_each(|(at, to)| taps[to].push((at, weight)));
        self.written_out(node, wire.step, taps.into_iter(), vec![0.0; targets.len()])
    }
}

/// Whether squares of this side stand side by side, from one edge to the other.
fn tiles(window: &Window, side: usize) -> bool {
    let axis = |axis: usize| {
        window.kernel[axis] == side
            && window.dilations[axis] == 1
            && window.pads[axis] == [0, 0]
            && window.count[axis] * side == window.size[axis]
            && (window.strides[axis] == side || window.count[axis] == 1)
    };
    axis(0) && axis(1)
}
