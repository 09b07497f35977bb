//! Pools.

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
        if !self.plan.steps[step].nonnegative && self.is_read_by_relu_alone(node) {
            // The greatest of numbers, and then of it and 0, is the greatest of numbers none of which is below 0.
            step = self.activated(step, Then::Relu);
        }
        if self.plan.steps[step].nonnegative && tiles(window, 2) {
            let step = self.centered(step);
            let step = self.shaped(step, &window.source_dims());
            return Ok(self.push(vec![step], window.dims(window.channels), Work::MaxPool, Then::Nothing));
        }
        let mut groups = Vec::new();
        for (c, at) in (0..window.samples * window.channels).flat_map(|c| (0..window.windows()).map(move |at| (c, at)))
        {
            let pixels = (0..window.area()).filter_map(|tap| window.pixel(at, tap));
            let group: Vec<u32> = pixels.map(|pixel| (c * window.pixels() + pixel) as u32).collect();
            if group.is_empty() {
                return Err(refuse(node, "has a window that holds nothing but padding"));
            }
            groups.push(group);
        }
        self.maxima(step, &groups)
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

    pub(super) fn average_pool(&mut self, node: &'g Node, wire: &Wire, window: &Window) -> Lowered<usize> {
        let side = window.kernel[0];
        let step = &self.plan.steps[wire.step];
        if step.nonnegative && step.exponent().is_none() && (2..=MAX_MEAN).contains(&side) && tiles(window, side) {
            let step = self.shaped(wire.step, &window.source_dims());
            let work = Work::MeanPool(side as u32);
            return Ok(self.push(vec![step], window.dims(window.channels), work, Then::Nothing));
        }
        let padded = window.pads.iter().flatten().any(|pad| *pad != 0);
        let counts_padding = node.attributes.int("count_include_pad").unwrap_or(0) != 0;
        let sticks_out = node.attributes.int("ceil_mode").unwrap_or(0) != 0;
        if sticks_out && counts_padding {
            return Err(refuse(node, "has windows that stick out of their padding (ceil_mode)"));
        }
        if !padded || counts_padding {
            let weights = vec![1.0 / window.area() as f64; window.channels * window.area()];
            let bias = vec![0.0; window.channels];
            return self.convolution(node, wire, window, window.channels, &weights, bias);
        }
        let (planes, inside) = (window.samples * window.channels, |at| {
            (0..window.area()).filter(|tap| window.pixel(at, *tap).is_some()).count().max(1)
        });
        let count = planes * window.windows();
        if self.plan.steps[wire.step].elements().saturating_mul(count) > super::MAX_DENSE && !sticks_out {
            // Means as if padding counted, and then times what that makes of each.
            let weights = vec![1.0 / window.area() as f64; window.channels * window.area()];
            let step = self.convolution(node, wire, window, window.channels, &weights, vec![0.0; window.channels])?;
            let factors: Vec<f64> = (1..=window.area()).map(|n| window.area() as f64 / n as f64).collect();
            let dims = self.plan.steps[step].dims.clone();
            let factors = self.push(vec![], vec![1, 1, window.area() as u32], Work::Constant(factors), Then::Nothing);
            let each: Vec<u32> = (0..window.windows()).map(|at| inside(at) as u32 - 1).collect();
            let factors = self.copy(factors, dims, each.repeat(planes));
            return Ok(self.product(step, factors));
        }
        let all = (0..planes).flat_map(|c| (0..window.windows()).map(move |at| (c, at)));
        let taps = all.map(|(c, at)| {
            let inside: Vec<usize> = (0..window.area()).filter_map(|tap| window.pixel(at, tap)).collect();
            let weight = 1.0 / inside.len().max(1) as f64;
            inside.into_iter().map(|pixel| (c * window.pixels() + pixel, weight)).collect::<Vec<_>>()
        });
        self.written_out(node, wire.step, taps, vec![0.0; count])
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
    window.axes() == 2 && axis(0) && axis(1)
}
