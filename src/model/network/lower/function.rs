//! Functions of one number after the other: they are put together as long as they can be, and become one table.

use super::{Lowered, Lowering, Wire, refuse};
use crate::model::{
    graph::{Node, ValueId},
    network::plan::{Function, Then, Work},
};

/// A function of what a step computes that has no step yet.
#[derive(Clone)]
pub(super) struct Lazy {
    pub(super) of: Function,
    /// `(a, b)` if it is `a x + b`.
    pub(super) line: Option<(f64, f64)>,
    /// The node that it comes from.
    node: (String, &'static str),
}

/// A step, a function of it, and `(a, b)` if that is `a x + b`.
pub(super) type OfStep = (usize, Function, Option<(f64, f64)>);

/// What straight lines between the entries of a table may add to an error, in units of the greatest value.
const CLOSE: f64 = 1.0 / 4096.0;
/// The same of so many numbers that rows for another table would cost more than they are worth.
const CLOSE_OF_MANY: f64 = 1.0 / 512.0;
/// Numbers that are many.
const MANY: usize = 4096;
/// By how much arguments near 0 are magnified when that is too much.
const ZOOM: f64 = 16.0;
/// How often.
const MOST_ZOOMS: usize = 3;
/// Arguments at which a table is compared with its function.
const POINTS: i32 = 4000;

impl<'g> Lowering<'g> {
    /// A tensor with a step that computes it.
    pub(super) fn settled(&mut self, id: ValueId) -> Lowered<Wire> {
        let wire = self.settled_in_units(id)?;
        let Some(units) = self.units.get(&wire.step).cloned() else { return Ok(wire) };
        let step = self.line(wire.step, &units, &vec![0.0; units.len()])?;
        let wire = Wire { step, ..wire };
        self.wires.insert(id, wire.clone());
        Ok(wire)
    }

    /// The same; where the step has units, it is without them.
    pub(super) fn settled_in_units(&mut self, id: ValueId) -> Lowered<Wire> {
        let Some(wire) = self.wires.get(&id).cloned() else {
            let reason = format!("`{}` is no tensor of numbers", self.name(id));
            return Err(crate::model::LowerError::Graph(reason));
        };
        if let Some(along) = self.pending.remove(&id) {
            let step = self.spread_along(wire.step, &along)?;
            let wire = Wire { step, ..wire };
            self.wires.insert(id, wire.clone());
            return Ok(wire);
        }
        let Some(lazy) = wire.lazy else { return Ok(wire) };
        let here = std::mem::replace(&mut self.node, lazy.node.clone());
        let made = self.applied(wire.step, &lazy);
        self.node = here;
        let wire = Wire { step: made?, shape: wire.shape, lazy: None };
        self.wires.insert(id, wire.clone());
        Ok(wire)
    }

    fn applied(&mut self, step: usize, lazy: &Lazy) -> Lowered<usize> {
        if let Some((a, b)) = lazy.line {
            let n = self.plan.steps[step].elements();
            return self.line(step, &vec![a; n], &vec![b; n]);
        }
        self.tabled(step, &lazy.of, 0)
    }

    /// The value is a function of what a step computes.
    pub(super) fn give_lazy(
        &mut self,
        value: ValueId,
        step: usize,
        of: Function,
        line: Option<(f64, f64)>,
    ) -> Lowered<()> {
        let shape = self.shape(value).to_vec();
        let lazy = Lazy { of, line, node: self.node.clone() };
        self.wires.insert(value, Wire { step, shape, lazy: Some(lazy) });
        Ok(())
    }

    /// An operand as a function of a step.
    pub(super) fn as_function(&mut self, node: &Node, index: usize) -> Lowered<OfStep> {
        let id = self.operand(node, index)?;
        if self.pending.contains_key(&id) {
            self.settled(id)?;
        }
        let Some(mut wire) = self.wires.get(&id).cloned() else { return Err(refuse(node, "reads nothing")) };
        if self.units.contains_key(&wire.step) {
            wire = self.settled(id)?;
        }
        let (of, line) = match wire.lazy {
            Some(lazy) => (lazy.of, lazy.line),
            None => (Function::new(|x| x), Some((1.0, 0.0))),
        };
        Ok((wire.step, of, line))
    }

    /// `next` of an operand.
    pub(super) fn give_function(
        &mut self,
        node: &Node,
        index: usize,
        next: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> Lowered<()> {
        let (step, of, _) = self.as_function(node, index)?;
        self.give_lazy(node.outputs[0], step, of.then(next), None)
    }

    /// What a step is on the inputs that are expected: its least and its greatest number, and the least that is not 0 in
    /// absolute value.
    pub(super) fn span(&self, step: usize) -> (f64, f64) {
        let mut span = (0.0f64, 0.0f64);
        let mut is_first = true;
        let mut seen = self.seen.borrow_mut();
        for (sample, values) in self.samples.iter().zip(seen.iter_mut()) {
            self.plan.run_on(values, step + 1, sample);
            for x in values[step].iter().copied().filter(|x| x.is_finite()) {
                span = if is_first { (x, x) } else { (span.0.min(x), span.1.max(x)) };
                is_first = false;
            }
        }
        span
    }

    /// A step changes: what it and those behind it computed is not known any more.
    pub(super) fn forget(&mut self, step: usize) {
        self.seen.get_mut().iter_mut().for_each(|values| values.truncate(step));
    }

    /// The greatest absolute value of a step on the inputs that are expected.
    pub(super) fn greatest(&self, step: usize) -> f64 {
        let (low, high) = self.span(step);
        high.max(-low)
    }

    /// A function of a step, by table. Where the function bends too much near 0 for one, arguments near 0 are magnified and
    /// have a table of their own.
    pub(super) fn tabled(&mut self, step: usize, of: &Function, zooms: usize) -> Lowered<usize> {
        // Of what is in another order the function is, and that is put in order.
        if let Some((source, indices)) = self.reordered(step) {
            let dims = self.plan.steps[step].dims.clone();
            let made = self.tabled(source, of, zooms)?;
            return Ok(self.copy(made, dims, indices));
        }
        let below = !self.plan.steps[step].nonnegative;
        let reach = (self.headroom * self.greatest(step)).max(f64::MIN_POSITIVE);
        let step = if matches!(self.plan.steps[step].work, Work::Input) { self.centered(step) } else { step };
        let dims = self.plan.steps[step].dims.clone();
        let error = |from: f64, to: f64, entry: f64| self.bend(step, of, (from, to), entry);
        // Scales are powers of two: a table reaches up to twice as far as it has to.
        let entry = 2.0 * reach / if below { 128.0 } else { 256.0 };
        let near = reach / ZOOM * 0.99;
        if zooms == MOST_ZOOMS
            || error(0.0, f64::INFINITY, entry)
                <= if self.plan.steps[step].elements() > MANY { CLOSE_OF_MANY } else { CLOSE }
            || error(0.0, near, entry) <= 4.0 * error(near, f64::INFINITY, entry)
        {
            return Ok(self.push(vec![step], dims, Work::Function(of.clone()), Then::Nothing));
        }
        let step = self.centered(step);
        let dims = self.plan.steps[step].dims.clone();
        let n = self.plan.steps[step].elements();
        let magnified = self.line(step, &vec![ZOOM; n], &vec![0.0; n])?;
        let magnified = self.activated(magnified, Then::Clip(if below { -reach } else { 0.0 }, reach));
        let inner = of.clone();
        let small = self.tabled(magnified, &Function::new(move |x| inner.at(x / ZOOM)), zooms + 1)?;
        // What is near 0 is not read from this one: its range is that of the rest.
        let outer = of.clone();
        let far = Function::new(move |x| outer.at(if x < 0.0 { x.min(-near) } else { x.max(near) }));
        let large = self.push(vec![step], dims.clone(), Work::Function(far), Then::Nothing);
        let bound = self.push(vec![], vec![1], Work::Constant(vec![near]), Then::Nothing);
        let is_large = self.push(vec![step, bound], dims.clone(), Work::Compare(None), Then::Nothing);
        let made = self.push(vec![is_large, large, small], dims.clone(), Work::Choose(None), Then::Nothing);
        if !below {
            return Ok(made);
        }
        let bound = self.push(vec![], vec![1], Work::Constant(vec![-near]), Then::Nothing);
        let is_low = self.push(vec![bound, step], dims.clone(), Work::Compare(None), Then::Nothing);
        Ok(self.push(vec![is_low, large, made], dims, Work::Choose(None), Then::Nothing))
    }

    /// How far straight lines between multiples of `entry` are from a function, where a step is expected to be and its
    /// absolute value between two bounds; in units of the greatest value.
    fn bend(&self, step: usize, of: &Function, (from, to): (f64, f64), entry: f64) -> f64 {
        let (low, high) = self.span(step);
        let (mut most, mut error) = (f64::MIN_POSITIVE, 0.0f64);
        for i in 0..=POINTS {
            let x = low + (high - low) * f64::from(i) / f64::from(POINTS);
            let exact = of.at(x);
            if !exact.is_finite() {
                continue;
            }
            most = most.max(exact.abs());
            if !(from..to).contains(&x.abs()) {
                continue;
            }
            let first = (x / entry).floor();
            let (a, b) = (of.at(first * entry), of.at((first + 1.0) * entry));
            let line = a + (b - a) * (x / entry - first);
            error = error.max(if line.is_finite() { (line - exact).abs() } else { most });
        }
        error / most
    }
}
