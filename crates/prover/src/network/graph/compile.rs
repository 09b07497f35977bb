//! Lowering: tensors get positions, weights get blocks and positions of `f`, layers become
//! relations and linear operators.

use super::lift::Constraints;
use super::{Graph, Layer, Linear, Products, Stack};
use crate::circuit::layout::FIRST;
use crate::error::CircuitError;
use crate::network::fixed::{Copied, Fixed};
use crate::network::gadget::Gadget;
use crate::network::program::bounds::{MIN_LIMBS, MIN_NU};
use crate::network::program::{
    Access, LinearOp, Mode, Monomial, Parts, Port, ProductOp, Program, PublicHat, Relation, Term, Var,
};
use crate::network::weights::{NetworkWeights, Unit};

/// A program with the secrets that its `f` is made of, and the tensors of the layers.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// What verifiers see.
    pub program: Program,
    /// What they do not.
    pub weights: NetworkWeights,
    /// Tables and copies.
    pub fixed: Fixed,
}

/// The rows of a linear layer, cut into units of at most `R` rows.
struct Cut {
    groups: usize,
    /// Rows of a group, inputs of a row, chunks of a group.
    rows: usize,
    inputs: usize,
    chunks: usize,
}

impl Cut {
    fn new(graph: &Graph, layer: usize, r: usize) -> Option<Self> {
        let (groups, parameters) = match &graph.layers[layer] {
            Layer::Linear { op: Linear::Dense { .. } | Linear::Rows { .. }, parameters, .. } => (1, parameters),
            Layer::Linear { op: Linear::Conv { groups, .. }, parameters, .. } => (*groups as usize, parameters),
            Layer::Constant { values, .. } => (1, values),
            _ => return None,
        };
        let total = parameters.biases.len();
        let (rows, inputs) = (total / groups, parameters.weights.len() / total);
        Some(Self { groups, rows, inputs, chunks: rows.div_ceil(r) })
    }

    fn units(&self) -> usize {
        self.groups * self.chunks
    }

    /// Positions of `G` that the layer takes.
    fn positions(&self) -> usize {
        self.units() * (self.inputs + 1)
    }

    /// The exponent of the first row of a layer: rows of layers follow each other, or chunks of `R` do.
    fn exponent(&self, r: usize, at: Member) -> Monomial {
        let rows = if self.groups == 1 && self.chunks > 1 { self.chunks * r } else { self.groups * self.rows };
        // At most 2^26: every row has an element.
        Monomial::alpha((at.index * rows) as u32)
    }
}

/// A layer among those of its tensor.
#[derive(Clone, Copy)]
struct Member {
    index: usize,
    count: usize,
    /// Where positions of `G`, and those of `Y_L` and `Y_R`, begin for all of them.
    start: usize,
    product: usize,
}

/// Where weights end if blocks hold `r` rows.
fn hat_end(graph: &Graph, r: usize) -> usize {
    let cuts = (0..graph.layers.len()).filter_map(|layer| Cut::new(graph, layer, r));
    FIRST + cuts.map(|cut| cut.positions()).sum::<usize>()
}

/// The least `b`, which bounds the prover's work on `G` and `Y`, then the least `R`, which shortens the SRS.
fn blocks(graph: &Graph) -> usize {
    let widest = (0..graph.layers.len()).filter_map(|layer| Cut::new(graph, layer, 1)).map(|cut| cut.rows);
    let cost = |r: &usize| (hat_end(graph, *r).next_power_of_two().max(1 << MIN_NU), *r);
    (1..=widest.max().unwrap_or(1)).min_by_key(cost).unwrap_or(1)
}

fn var(size: u32, weight: Monomial, target: Option<(u8, u32)>) -> Var {
    Var { size, weight, target }
}

/// Variables for all axes, weighted as one row-major index with `unit(width)`.
fn whole(dims: &[u32], unit: fn(u32) -> Monomial) -> Vec<Var> {
    let mut width: u32 = dims.iter().product();
    let axes = dims.iter().enumerate().map(|(axis, d)| {
        width /= d;
        var(*d, unit(width), Some((axis as u8, 1)))
    });
    axes.filter(|v| v.size > 1).collect()
}

impl Graph {
    /// Lowers the graph.
    ///
    /// # Errors
    /// A bound of [`bounds`](crate::network::program::bounds) is broken.
    pub fn compile(&self) -> Result<Compiled, CircuitError> {
        for (side, committed, ports) in [
            ("inputs", self.committed.inputs, self.input_layers().count()),
            ("outputs", self.committed.outputs, self.output_layers().count()),
        ] {
            // One secret blinds one point.
            if committed && ports > 1 {
                return Err(CircuitError::Length { what: side, got: ports, expected: 1 });
            }
        }
        let r = blocks(self);
        let mut lowering = Lowering {
            graph: self,
            r,
            parts: self.layout(r),
            own: Constraints::default(),
            weights: Vec::new(),
            next: FIRST,
            next_product: FIRST,
        };
        for layer in 0..self.layers.len() {
            let layers = self.places.together(layer);
            if layers[0] == layer {
                lowering.tensor(&layers);
            }
        }
        lowering.parts.product_end = lowering.next_product as u32;
        lowering.parts.positions = lowering.parts.positions.max(lowering.parts.product_end);
        let fixed = Fixed::new(self.tables().to_vec(), lowering.copies())?;
        let program = Program::new(lowering.parts)?;
        program.check(&fixed)?;
        Ok(Compiled { program, weights: NetworkWeights { units: lowering.weights }, fixed })
    }

    /// Kinds, tensors, ports and sizes.
    fn layout(&self, r: usize) -> Parts {
        let tensors = self.places.tensors();
        let gadgets = tensors.iter().filter_map(|layers| self.gadget(layers[0]));
        let limbs = gadgets.clone().map(Gadget::limbs).max().unwrap_or(0).max(MIN_LIMBS as u8);
        let mut parts = Parts {
            limbs,
            operands: gadgets.clone().map(Gadget::operands).max().unwrap_or(0),
            lookups: u8::from(!self.tables().is_empty()),
            reads: gadgets.clone().map(Gadget::reads).max().unwrap_or(0),
            // At most 253.
            tables: self.tables().len() as u8,
            blocks: r as u32,
            hat_end: hat_end(self, r) as u32,
            product_end: FIRST as u32,
            ports: self
                .input_layers()
                .map(|layer| committed(Port::input(self.elements(layer) as u32), self.committed.inputs))
                .chain(
                    self.output_layers()
                        .map(|layer| committed(Port::output(self.elements(layer) as u32), self.committed.outputs)),
                )
                .collect(),
            ..Parts::default()
        };
        let mut next = FIRST as u64;
        let mut last = None;
        for layers in tensors {
            let Some(gadget) = self.gadget(layers[0]) else { continue };
            let mut tensor = self.tensor(layers, 0, 0);
            // Positions are below 2^32: all layers together take at most 2^26.
            tensor.base = next.next_multiple_of(tensor.unit()) as u32;
            if last != Some(gadget) {
                parts.kinds.push(gadget.kind(tensor.base, tensor.base, limbs));
                last = Some(gadget);
            }
            tensor.kind = (parts.kinds.len() - 1) as u8;
            next = tensor.end();
            if let Some(kind) = parts.kinds.last_mut() {
                kind.hi = next as u32;
            }
            parts.tensors.push(tensor);
        }
        parts.positions = (next as u32).max(256 * (u32::from(parts.tables) + 2));
        parts
    }
}

fn committed(mut port: Port, committed: bool) -> Port {
    if committed {
        port.flags |= Port::COMMITTED;
    }
    port
}

/// A graph being lowered.
pub(super) struct Lowering<'a> {
    pub(super) graph: &'a Graph,
    r: usize,
    pub(super) parts: Parts,
    /// Constraints of one layer.
    own: Constraints,
    weights: Vec<Unit>,
    /// Next free position of `G`.
    next: usize,
    /// Next free position of `Y_L` and `Y_R`.
    next_product: usize,
}

impl Lowering<'_> {
    /// An access to a view of a layer's tensor from index 0; targets are axes of the layer's values.
    fn access(&self, layer: usize, view: u8, coefficient: i64, vars: Vec<Var>) -> Access {
        let offsets = vec![0; self.graph.dims[layer].len()];
        self.access_from(layer, view, coefficient, vars, offsets)
    }

    /// The same from any index. It names the layer and the axes of its values; [`lift`](super::lift) makes them a tensor's.
    fn access_from(&self, layer: usize, view: u8, coefficient: i64, vars: Vec<Var>, offsets: Vec<i32>) -> Access {
        Access {
            // At most 1024 layers.
            tensor: layer as u16,
            view,
            view2: None,
            coefficient,
            monomial: Monomial::default(),
            offsets,
            triangle: None,
            vars,
        }
    }

    fn relation(&mut self, accesses: Vec<Access>, terms: Vec<Term>) {
        self.own.relations.push(Relation { accesses, terms });
    }

    /// The constraints of the layers of one tensor, and their weights.
    fn tensor(&mut self, layers: &[usize]) {
        // Units are numbered in the order of evaluation: layer by layer.
        let (start, product) = (self.next, self.next_product);
        let mut all = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate() {
            self.layer(*layer, Member { index, count: layers.len(), start, product });
            all.push(core::mem::take(&mut self.own));
        }
        self.take(all);
    }

    fn layer(&mut self, layer: usize, at: Member) {
        let dims = self.graph.dims[layer].clone();
        match &self.graph.layers[layer] {
            Layer::Input { .. } => {
                let y = self.access(layer, 0, 1, whole(&dims, Monomial::theta));
                self.tie(y, layer, &dims);
            }
            Layer::Output { from } => {
                let x = self.access(*from, 0, 1, whole(&dims, Monomial::theta));
                self.tie(x, layer, &dims);
            }
            Layer::Linear { from, op, activation, plus, .. } => {
                self.linear(layer, (*from, *op), activation.is_some(), *plus, at);
            }
            Layer::Products(of) => self.products(layer, of, at),
            Layer::MaxPool { from, window } => {
                let strided = strided(&dims, *window);
                for (i, (a, b)) in (0..*window).flat_map(|a| (0..*window).map(move |b| (a, b))).enumerate() {
                    let d = self.access(layer, 1 + i as u8, 1, whole(&dims, Monomial::theta));
                    let y = self.access(layer, 0, -1, whole(&dims, Monomial::theta));
                    let x = self.access_from(*from, 0, 1, strided.clone(), vec![0, a as i32, b as i32]);
                    self.relation(vec![d, y, x], vec![]);
                }
            }
            Layer::MeanPool { from, window } => {
                let z = self.access(layer, 1, 1, whole(&dims, Monomial::theta));
                let mut square = strided(&dims, *window);
                square.extend([1, 2].map(|axis| var(*window, Monomial::default(), Some((axis, 1)))));
                let x = self.access(*from, 0, -1, square);
                self.relation(vec![z, x], vec![]);
            }
            Layer::Activation { from, activation } => {
                let factor = -(1i64 << activation.shift().unwrap_or(0));
                let z = self.access(layer, 1, 1, whole(&dims, Monomial::theta));
                let x = self.access(*from, 0, factor, whole(&dims, Monomial::theta));
                self.relation(vec![z, x], vec![]);
            }
            Layer::Mul { from, .. } | Layer::MulUnsigned { from, .. } => {
                for (view, side) in [(1, from[0]), (2, from[1])] {
                    let factor = self.access(layer, view, 1, whole(&dims, Monomial::theta));
                    let x = self.access(side, 0, -1, whole(&dims, Monomial::theta));
                    self.relation(vec![factor, x], vec![]);
                }
            }
            Layer::MatMul { from, .. } => self.matmul(layer, *from, at),
            Layer::Variances { from, .. } => {
                let of = self.graph.dims[*from].clone();
                for (view, square) in [(1, None), (2, Some(0))] {
                    let sum = self.access(layer, view, 1, whole(&dims, Monomial::theta));
                    let terms = Access { view2: square, ..self.access(*from, 0, -1, rows(&of, true)) };
                    self.relation(vec![sum, terms], vec![]);
                }
            }
            Layer::InverseRoots { variances, .. } => self.same_value(layer, 1, (*variances, 0), &dims),
            Layer::RootBounds { roots } => {
                if let Layer::InverseRoots { variances, .. } = &self.graph.layers[*roots] {
                    self.same_value(layer, 1, (*variances, 0), &dims);
                }
                let next = self.access(*roots, 2, 1, whole(&dims, Monomial::theta));
                let bound = self.access(layer, 0, -1, whole(&dims, Monomial::theta));
                self.relation(vec![next, bound], vec![]);
            }
            Layer::Normalize { from, roots, .. } => {
                if let Layer::InverseRoots { variances, .. } = &self.graph.layers[*roots] {
                    let centered = self.access(layer, 1, 1, whole(&dims, Monomial::theta));
                    let width = dims.last().copied().unwrap_or(1);
                    let x = self.access(*from, 0, -i64::from(width), whole(&dims, Monomial::theta));
                    let sum = self.access(*variances, 1, 1, rows(&dims, false));
                    self.relation(vec![centered, x, sum], vec![]);
                }
                let factor = self.access(layer, 2, 1, whole(&dims, Monomial::theta));
                let root = self.access(*roots, 0, -1, rows(&dims, false));
                self.relation(vec![factor, root], vec![]);
            }
            Layer::Scores { from } => {
                let z = self.access(layer, 1, 1, whole(&dims, Monomial::theta));
                let x = self.access(*from, 0, -(1 << 8), whole(&dims, Monomial::theta));
                self.relation(vec![z, x], vec![]);
            }
            Layer::OfDistance { scores, log, .. } => {
                let vars = whole(&dims, Monomial::theta);
                let triangle = self.graph.is_causal(*scores).then(|| triangle(&vars)).flatten();
                let argument = self.access(layer, 1, 1, vars.clone());
                let distance = self.access(*scores, 2, -(1i64 << log), vars);
                self.relation(vec![Access { triangle, ..argument }, Access { triangle, ..distance }], vec![]);
            }
            Layer::Reciprocals { scores, from } => self.reciprocals(layer, *scores, *from),
            Layer::ScaleRows { from, by, .. } => {
                let factor = self.access(layer, 1, 1, whole(&dims, Monomial::theta));
                let x = self.access(*from, 0, -1, whole(&dims, Monomial::theta));
                self.relation(vec![factor, x], vec![]);
                let factor = self.access(layer, 2, 1, whole(&dims, Monomial::theta));
                let row = self.access(*by, 0, -1, rows(&dims, false));
                self.relation(vec![factor, row], vec![]);
            }
            Layer::Gather { .. } | Layer::Join { .. } | Layer::Compare { .. } | Layer::Choose { .. } => {}
            Layer::Constant { .. } => self.constant(layer, &dims, at),
            Layer::Add { from, activation } => {
                let factor = -(1i64 << activation.shift().unwrap_or(0));
                let mut sides = vec![self.access(layer, 1, 1, whole(&dims, Monomial::theta))];
                sides.extend(from.map(|side| self.access(side, 0, factor, whole(&dims, Monomial::theta))));
                self.relation(sides, vec![]);
            }
        }
    }

    /// The port of an input or output layer.
    fn port(&self, layer: usize) -> u8 {
        let mut ports = self.graph.input_layers().chain(self.graph.output_layers());
        // At most 16 ports are canonical.
        ports.position(|of| of == layer).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
    }

    /// The elements of an access are those of a layer's port.
    fn tie(&mut self, access: Access, layer: usize, dims: &[u32]) {
        let port = port_term(self.port(layer), dims.iter().product(), Monomial::theta(1));
        self.relation(vec![access], vec![Term { coefficient: -1, ..port }]);
    }

    /// Position `p` of the hats is the index that is summed over; `alpha` weighs rows, `chi` columns.
    fn matmul(&mut self, layer: usize, from: [usize; 2], at: Member) {
        let (m, k) = (self.graph.dims[from[0]][0], self.graph.dims[from[0]][1]);
        let n = self.graph.dims[from[1]][1];
        self.next_product += k as usize;
        // At most 2^26 positions and exponents.
        let (start, first) = ((at.product + at.index * k as usize) as u32, at.index as u32 * m);
        let rows = |axis| var(m, Monomial::alpha(1), Some((axis, 1)));
        let columns = |axis| var(n, Monomial::chi(1), Some((axis, 1)));
        let inner = |axis| var(k, Monomial::theta(1), Some((axis, 1)));
        let hat = |this: &Self, layer, alpha, vars: [Var; 2]| {
            let vars = vars.into_iter().filter(|v| v.size > 1).collect();
            Access { monomial: Monomial { theta: start, ..Monomial::alpha(alpha) }, ..this.access(layer, 0, 1, vars) }
        };
        let z = [rows(0), columns(1)].into_iter().filter(|v| v.size > 1).collect();
        let op = ProductOp {
            z: vec![Access { monomial: Monomial::alpha(first), ..self.access(layer, 1, 1, z) }],
            segment: (start, start + k),
            left: vec![hat(self, from[0], first, [inner(1), rows(0)])],
            right: vec![hat(self, from[1], 0, [inner(0), columns(1)])],
        };
        self.own.product_ops.push(op);
    }

    /// What every row of a layer that gathers reads. Rows that hold no element read themselves.
    fn copies(&self) -> Vec<Copied> {
        let positions = |layer: usize| self.graph.positions(&self.parts, layer);
        let mut addresses = std::collections::BTreeMap::new();
        for kind in self.parts.kinds.iter().filter(|kind| kind.reads > 0) {
            // `j` is at most 8.
            let of = |position| kind.read_columns().map(move |j| ((position, j as u8), position));
            addresses.extend((kind.lo..kind.hi).flat_map(of));
        }
        for layer in 0..self.graph.layers.len() {
            let mut sources = std::collections::BTreeMap::new();
            for (j, read) in (1u8..).zip(self.graph.reads(layer)) {
                for (i, to) in positions(layer).into_iter().enumerate() {
                    let (from, element) = self.graph.read(read, i);
                    let of = sources.entry(from).or_insert_with(|| positions(from));
                    // Positions are below 2^26.
                    addresses.insert((to as u32, j), of[element] as u32);
                }
            }
        }
        let copied = |((position, column), address)| Copied { position, column, address };
        addresses.into_iter().map(copied).collect()
    }

    /// A view of a layer is a view of another, element by element.
    fn same_value(&mut self, layer: usize, view: u8, (from, of): (usize, u8), dims: &[u32]) {
        let own = self.access(layer, view, 1, whole(dims, Monomial::theta));
        let other = self.access(from, of, -1, whole(dims, Monomial::theta));
        self.relation(vec![own, other], vec![]);
    }

    /// `S` is the sum of a row; `M` is its maximum: `D + t = M` for all of its scores that count, and one is selected.
    fn reciprocals(&mut self, layer: usize, scores: usize, from: usize) {
        let dims = self.graph.dims[scores].clone();
        let of_rows = whole(&self.graph.dims[layer], Monomial::theta);
        let causal = self.graph.is_causal(scores);
        let counted = |vars: &[Var]| causal.then(|| triangle(vars)).flatten();
        let sum = self.access(layer, 1, 1, of_rows.clone());
        let along = counted(&rows(&dims, true));
        let terms = Access { triangle: along, ..self.access(from, 0, -1, rows(&dims, true)) };
        self.relation(vec![sum, terms], vec![]);
        let all = whole(&dims, Monomial::theta);
        let each = counted(&all);
        let distance = Access { triangle: each, ..self.access(scores, 2, 1, all.clone()) };
        let score = Access { triangle: each, ..self.access(scores, 0, 1, all) };
        let maximum = Access { triangle: each, ..self.access(layer, 2, -1, rows(&dims, false)) };
        self.relation(vec![distance, score, maximum], vec![]);
        let selected = Access { triangle: along, ..self.access(scores, 3, 1, rows(&dims, true)) };
        let one = self.access(layer, 3, -1, of_rows);
        self.relation(vec![selected, one], vec![]);
    }

    /// Position `h k + j` of the hats is the index that is summed over, in matrix `h`; `alpha` weighs the rows of all matrices,
    /// `chi` columns.
    fn products(&mut self, layer: usize, of: &Products, at: Member) {
        let [count, m, k, n] = of.sizes;
        self.next_product += (count * k) as usize;
        // At most 2^26 positions and exponents.
        let start = at.product as u32 + at.index as u32 * count * k;
        let first_row = Monomial::alpha(at.index as u32 * count * m);
        let stack = |steps: &[(u8, u32); 3], sizes: [u32; 3], weights: [Monomial; 3]| -> Vec<Var> {
            let all = steps.iter().zip(sizes).zip(weights);
            let vars =
                all.map(|((step, size), weight)| var(size, weight, Some(*step).filter(|(_, stride)| *stride > 0)));
            vars.filter(|v| v.size > 1).collect()
        };
        let of_rows = Monomial { theta: k, ..Monomial::alpha(m) };
        let left = stack(&of.left.steps, [count, m, k], [of_rows, Monomial::alpha(1), Monomial::theta(1)]);
        let right = stack(&of.right.steps, [count, k, n], [Monomial::theta(k), Monomial::theta(1), Monomial::chi(1)]);
        let z = stack(&of.steps, [count, m, n], [Monomial::alpha(m), Monomial::alpha(1), Monomial::chi(1)]);
        let is_cut = of.causal && !matches!(of.activation, Gadget::Score { .. });
        // Rows and columns are the last two, of more than one each.
        let triangle = is_cut.then(|| (left.len() as u8 - 2, left.len() as u8 - 1));
        let hat = |this: &Self, stack: &Stack, row: Monomial, vars| {
            // Places are below 2^16.
            let first = stack.first.iter().map(|at| at.cast_signed()).collect();
            let monomial = Monomial { theta: start, ..row };
            Access { monomial, ..this.access_from(stack.from, 0, 1, vars, first) }
        };
        let op = ProductOp {
            z: vec![Access { monomial: first_row, ..self.access(layer, 1, 1, z) }],
            segment: (start, start + count * k),
            left: vec![Access { triangle, ..hat(self, &of.left, first_row, left) }],
            right: vec![hat(self, &of.right, Monomial::default(), right)],
        };
        self.own.product_ops.push(op);
        if let Some(by) = of.scale {
            let weights = [Monomial::theta(m * n), Monomial::theta(n), Monomial::theta(1)];
            let factor = self.access(layer, 2, 1, stack(&of.steps, [count, m, n], weights));
            let row = self.access(by, 0, -1, stack(&[(0, 1), (1, 1), (0, 0)], [count, m, n], weights));
            self.relation(vec![factor, row], vec![]);
        }
    }

    /// Constants are hats without activations: element `i` has the exponent `i` of `alpha`.
    fn constant(&mut self, layer: usize, dims: &[u32], at: Member) {
        let Some(cut) = Cut::new(self.graph, layer, self.r) else { return };
        let start = at.start + at.index * cut.units();
        self.next += cut.positions();
        self.units(layer, &cut, start, start);
        let first = cut.exponent(self.r, at);
        let hat = PublicHat::Geometric {
            start: start as u32,
            count: cut.chunks as u32,
            step: Monomial::alpha(self.r as u32),
            monomial: first,
            sums: Vec::new(),
        };
        let op = LinearOp {
            z: vec![Access { monomial: first, ..self.access(layer, 0, 1, whole(dims, Monomial::alpha)) }],
            terms: Vec::new(),
            segment: (at.start as u32, at.start as u32),
            hats: Vec::new(),
            public_hats: vec![hat],
        };
        self.own.linear_ops.push(op);
    }

    /// `added` is a layer, and the exponent of what it is multiplied by.
    fn linear(
        &mut self,
        layer: usize,
        (from, op): (usize, Linear),
        is_tensor: bool,
        added: Option<(usize, u8)>,
        at: Member,
    ) {
        // Linear layers have a cut.
        let Some(cut) = Cut::new(self.graph, layer, self.r) else { return };
        let start = at.start + at.index * cut.units() * cut.inputs;
        let bias = at.start + at.count * cut.units() * cut.inputs + at.index * cut.units();
        self.next += cut.positions();
        self.units(layer, &cut, start, bias);

        let dims = self.graph.dims[layer].clone();
        let (inputs, chunks, r) = (cut.inputs as u32, cut.chunks as u32, self.r as u32);
        let chunk = var(chunks, Monomial { theta: inputs, ..Monomial::alpha(r) }, None);
        let mut vars = vec![chunk];
        let mut offsets = vec![0i32; self.graph.dims[from].len()];
        let (mut z, mut sums) = (Vec::new(), Vec::new());
        match op {
            Linear::Dense { outputs } => {
                vars.extend(whole(&self.graph.dims[from], Monomial::theta));
                z.push(var(outputs, Monomial::alpha(1), Some((0, 1))));
            }
            Linear::Rows { outputs } => {
                // At most three axes.
                let last = dims.len() as u8 - 1;
                let of_rows = whole(&dims[..dims.len() - 1], Monomial::chi);
                vars.extend(of_rows.iter().copied());
                vars.push(var(inputs, Monomial::theta(1), Some((last, 1))));
                sums = of_rows.iter().map(|v| (v.size, v.weight)).collect();
                z.extend(of_rows);
                z.push(var(outputs, Monomial::alpha(1), Some((last, 1))));
            }
            Linear::Conv { channels, kernel, stride, padding, groups } => {
                let (own, [_, ho, wo]) = (inputs / (kernel * kernel), [dims[0], dims[1], dims[2]]);
                let group = Monomial { theta: inputs * chunks, ..Monomial::alpha(channels / groups) };
                vars.extend([
                    var(groups, group, Some((0, own))),
                    var(own, Monomial::theta(kernel * kernel), Some((0, 1))),
                    var(kernel, Monomial::theta(kernel), Some((1, 1))),
                    var(kernel, Monomial::theta(1), Some((2, 1))),
                    var(ho, Monomial::chi(wo), Some((1, stride))),
                    var(wo, Monomial::chi(1), Some((2, stride))),
                ]);
                offsets = vec![0, -padding.cast_signed(), -padding.cast_signed()];
                z.extend([
                    var(channels, Monomial::alpha(1), Some((0, 1))),
                    var(ho, Monomial::chi(wo), Some((1, 1))),
                    var(wo, Monomial::chi(1), Some((2, 1))),
                ]);
                sums = vec![(ho, Monomial::chi(wo)), (wo, Monomial::chi(1))];
            }
        }
        vars.retain(|v| v.size > 1);
        z.retain(|v| v.size > 1);
        let mut hat = self.access_from(from, 0, 1, vars, offsets);
        let first = cut.exponent(self.r, at);
        hat.monomial = Monomial { theta: start as u32, ..first };
        let group_rows = cut.rows as u32;
        let public_hats = match (cut.groups, cut.chunks) {
            (1, _) => vec![(bias, cut.chunks, Monomial::alpha(r), 0)],
            (_, 1) => vec![(bias, cut.groups, Monomial::alpha(group_rows), 0)],
            (_, ch) => {
                (0..cut.groups).map(|g| (bias + g * ch, ch, Monomial::alpha(r), g as u32 * group_rows)).collect()
            }
        };
        let public_hats = public_hats.into_iter().map(|(start, count, step, rows)| PublicHat::Geometric {
            start: start as u32,
            count: count as u32,
            step,
            monomial: Monomial::alpha(first.alpha + rows),
            sums: sums.clone(),
        });
        let mut values = vec![Access { monomial: first, ..self.access(layer, 1, 1, z.clone()) }];
        values
            .extend(added.map(|(plus, shift)| Access { monomial: first, ..self.access(plus, 0, -(1i64 << shift), z) }));
        let op = LinearOp {
            z: if is_tensor { values } else { vec![] },
            terms: if is_tensor { vec![] } else { vec![port_term(self.port(layer), dims[0], Monomial::alpha(1))] },
            segment: (start as u32, (start + cut.units() * cut.inputs) as u32),
            hats: vec![hat],
            public_hats: public_hats.collect(),
        };
        self.own.linear_ops.push(op);
    }

    /// The coefficients of `f`.
    fn units(&mut self, layer: usize, cut: &Cut, start: usize, bias: usize) {
        let (Layer::Linear { parameters, .. } | Layer::Constant { values: parameters, .. }) = &self.graph.layers[layer]
        else {
            return;
        };
        for unit in 0..cut.units() {
            let (group, chunk) = (unit / cut.chunks, unit % cut.chunks);
            let first = group * cut.rows + chunk * self.r;
            let last = (first + self.r).min((group + 1) * cut.rows);
            self.weights.push(Unit {
                start: start + unit * cut.inputs,
                bias: bias + unit,
                inputs: cut.inputs,
                weights: parameters.weights[first * cut.inputs..last * cut.inputs].to_vec(),
                biases: parameters.biases[first..last].to_vec(),
            });
        }
    }
}

/// The rows of `[.., n]`: its elements added up, each row weighted as an element of `[..]`; or what has `[..]`, every
/// element of it once for each element of the row and weighted as that one.
fn rows(dims: &[u32], summed: bool) -> Vec<Var> {
    let Some((width, of)) = dims.split_last() else { return Vec::new() };
    // At most three axes.
    let last = dims.len() as u8 - 1;
    if summed {
        let mut vars = whole(of, Monomial::theta);
        vars.extend((*width > 1).then(|| var(*width, Monomial::default(), Some((last, 1)))));
        return vars;
    }
    let mut vars = whole(dims, Monomial::theta);
    vars.iter_mut().filter(|v| v.target.is_some_and(|(axis, _)| axis == last)).for_each(|v| v.target = None);
    vars
}

/// The variables of rows and of what runs along them: the last two, of more than one index each.
fn triangle(vars: &[Var]) -> Option<(u8, u8)> {
    // At most three.
    let last = vars.len().checked_sub(2)? as u8;
    Some((last, last + 1))
}

/// All elements of a port, element `i` with `step^i`.
fn port_term(port: u8, count: u32, step: Monomial) -> Term {
    Term {
        port,
        mode: Mode::Value,
        coefficient: 1,
        monomial: Monomial::default(),
        base: Monomial::default(),
        first: 0,
        vars: vec![(count, step, 1)],
    }
}

/// The top left elements of squares that stand side by side.
fn strided(dims: &[u32], window: u32) -> Vec<Var> {
    let mut vars = whole(dims, Monomial::theta);
    for v in &mut vars {
        if let Some((axis @ 1..=2, _)) = v.target {
            v.target = Some((axis, window));
        }
    }
    vars
}
